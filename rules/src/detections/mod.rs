//! The detections, one file each (two that are two answers to one question share a file). Every one has its row in the catalogue, a card with
//! words for the crew, bounded state, and tests that show it fire and stay quiet.

mod dw_1001_new_device;
mod dw_1002_ip_takeover;
mod dw_2001_2005_conduit;
mod dw_2002_2003_operation;
mod dw_3001_first_write;
mod dw_3010_allowance;
mod dw_3011_source_clash;
mod dw_3014_address_taken;
mod dw_3015_bus_command;
mod dw_5001_position_jump;
mod dw_5002_receivers;
mod dw_5003_dead_reckoning;
mod dw_5004_time;
mod dw_5006_heading;
mod dw_5012_steering;
mod dw_5014_replay;
mod dw_9001_blind;
mod of_talker;
pub(crate) mod remembered;

#[cfg(test)]
pub(crate) mod bench;

use crate::detector::{Card, Detector};

/// Every detection of this build. Policy rules come before learned ones: what the policy has spoken on, they leave alone.
#[must_use]
pub fn all() -> Vec<Box<dyn Detector>> {
    vec![
        Box::<dw_1001_new_device::NewDevice>::default(),
        Box::<dw_1002_ip_takeover::IpTakeover>::default(),
        Box::<dw_2001_2005_conduit::Conduit>::default(),
        Box::<dw_2002_2003_operation::Operation>::default(),
        Box::<dw_3001_first_write::FirstWrite>::default(),
        // what steers comes before what merely is not on the list
        Box::<dw_5012_steering::Steering>::default(),
        Box::<dw_3015_bus_command::BusCommand>::default(),
        Box::<dw_3010_allowance::Allowance>::default(),
        Box::<dw_3011_source_clash::SourceClash>::default(),
        Box::<dw_3014_address_taken::AddressTaken>::default(),
        Box::<dw_5001_position_jump::PositionJump>::default(),
        // a replay tells old times and a jumped receiver drifts: what says more about a cause comes first
        Box::<dw_5014_replay::Replay>::default(),
        Box::<dw_5004_time::SatelliteTime>::default(),
        Box::<dw_5006_heading::Headings>::default(),
        Box::<dw_5002_receivers::Receivers>::default(),
        Box::<dw_5003_dead_reckoning::DeadReckoning>::default(),
        Box::<dw_9001_blind::Blind>::default(),
    ]
}

/// The cards of every detection of this build.
#[must_use]
pub fn cards() -> Vec<&'static Card> {
    all().iter().flat_map(|detector| detector.cards()).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    #[test]
    fn every_detection_has_its_row_words_and_tags() {
        let mut ids: Vec<_> = cards().iter().map(|card| card.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), cards().len(), "no id twice");
        for card in cards() {
            let row = catalogue::row(card.id).unwrap_or_else(|| panic!("{} has no row in the catalogue", card.id));
            assert!(card.why.len() > 40, "{}: say why it matters on a ship", card.id);
            assert!(!row.action.is_empty() && !row.imo.is_empty() && !card.e26.is_empty(), "{}", card.id);
        }
    }
}
