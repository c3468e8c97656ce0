//! The detections, one file each (two that are two answers to one question share a file). Every one has its row in the catalogue, a card with
//! words for the crew, bounded state, and tests that show it fire and stay quiet.

mod dw_1001_new_device;
mod dw_1002_ip_takeover;
mod dw_1003_2011_places;
mod dw_1004_identity;
mod dw_1005_silent;
mod dw_1006_new_service;
mod dw_1007_advisory;
mod dw_1008_6003_weak;
mod dw_1009_bus_newcomer;
mod dw_2001_2005_conduit;
mod dw_2002_2003_operation;
mod dw_2004_outside;
mod dw_2007_6005_remote;
mod dw_2009_vlan;
mod dw_2012_2013_paths;
mod dw_3001_first_write;
mod dw_3002_3003_8004_exploring;
mod dw_3004_3008_commands;
mod dw_3005_3006_3007_conversation;
mod dw_3009_3012_form;
mod dw_3010_allowance;
mod dw_3011_source_clash;
mod dw_3013_3022_bridge_orders;
mod dw_3014_address_taken;
mod dw_3015_bus_command;
mod dw_3016_3017_bus_traffic;
mod dw_3018_fragments;
mod dw_3019_3020_new_writer;
mod dw_3021_rate;
mod dw_4001_envelope;
mod dw_4002_4003_motion;
mod dw_4005_4007_writes;
mod dw_4006_relation;
mod dw_4008_limit_changed;
mod dw_5001_position_jump;
mod dw_5002_receivers;
mod dw_5003_dead_reckoning;
mod dw_5004_9003_time;
mod dw_5005_signal;
mod dw_5006_heading;
mod dw_5007_5008_5013_values;
mod dw_5009_5010_own_ais;
mod dw_5011_ghosts;
mod dw_5012_steering;
mod dw_5014_replay;
mod dw_5015_lost;
mod dw_6001_arp_spoofing;
mod dw_6002_rogue_server;
mod dw_6004_failed_logins;
mod dw_6006_admin_page;
mod dw_6007_twin;
mod dw_6008_certificate;
mod dw_7001_sweep;
mod dw_7002_lateral;
mod dw_7003_beacon;
mod dw_7004_indicator;
mod dw_7005_8002_names;
mod dw_7006_unwanted_programs;
mod dw_7007_program_file;
mod dw_7008_signature;
mod dw_8001_8003_outflow;
mod dw_9001_blind;
mod dw_9002_one_sided;
mod dw_9004_changed;
mod dw_9005_full;
mod dw_9006_blind_spot;
mod dw_9007_learning;
mod dw_9008_probed;
mod of_talker;
mod tracks;
mod zones;

pub(crate) use self::zones::is_ashore;

#[cfg(test)]
pub(crate) mod bench;

use crate::detector::{Card, Detector};

/// Every detection of this build. Policy rules come before learned ones: what the policy has spoken on, they leave alone.
#[must_use]
pub fn all() -> Vec<Box<dyn Detector>> {
    vec![
        Box::<dw_1001_new_device::NewDevice>::default(),
        Box::<dw_1002_ip_takeover::IpTakeover>::default(),
        Box::<dw_1003_2011_places::Places>::default(),
        Box::<dw_2001_2005_conduit::Conduit>::default(),
        Box::<dw_2002_2003_operation::Operation>::default(),
        Box::<dw_2004_outside::Outside>::default(),
        Box::<dw_2007_6005_remote::RemoteSession>::default(),
        Box::<dw_2009_vlan::VlanAnomaly>::default(),
        Box::<dw_2012_2013_paths::Paths>::default(),
        Box::<dw_1004_identity::IdentityChanged>::default(),
        Box::<dw_6001_arp_spoofing::ArpSpoofing>::default(),
        Box::<dw_6002_rogue_server::RogueServer>::default(),
        Box::<dw_6004_failed_logins::FailedLogins>::default(),
        Box::<dw_6007_twin::Twin>::default(),
        Box::<dw_6008_certificate::CertificateChanged>::default(),
        Box::<dw_7001_sweep::Sweep>::default(),
        Box::<dw_7003_beacon::Beacon>::default(),
        Box::<dw_8001_8003_outflow::Outflow>::default(),
        Box::<dw_6006_admin_page::AdminPage>::default(),
        Box::<dw_1006_new_service::NewService>::default(),
        Box::<dw_1007_advisory::Published>::default(),
        Box::<dw_3001_first_write::FirstWrite>::default(),
        Box::<dw_3002_3003_8004_exploring::Exploring>::default(),
        Box::<dw_3004_3008_commands::Commands>::default(),
        Box::<dw_3005_3006_3007_conversation::Conversation>::default(),
        Box::<dw_3018_fragments::Fragmentation>::default(),
        Box::<dw_3019_3020_new_writer::NewWriter>::default(),
        Box::<dw_4002_4003_motion::Motion>::default(),
        Box::<dw_4005_4007_writes::Writes>::default(),
        Box::<dw_4006_relation::Relations>::default(),
        Box::<dw_4008_limit_changed::LimitChanged>::default(),
        Box::<dw_7002_lateral::Lateral>::default(),
        Box::<dw_7004_indicator::KnownBad>::default(),
        Box::<dw_7008_signature::ImportedSignature>::default(),
        Box::<dw_7005_8002_names::Names>::default(),
        Box::<dw_7006_unwanted_programs::UnwantedPrograms>::default(),
        Box::<dw_7007_program_file::ProgramFile>::default(),
        // what steers comes before what merely is not on the list
        Box::<dw_5012_steering::Steering>::default(),
        Box::<dw_3015_bus_command::BusCommand>::default(),
        Box::<dw_3013_3022_bridge_orders::BridgeOrders>::default(),
        Box::<dw_3010_allowance::Allowance>::default(),
        Box::<dw_3011_source_clash::SourceClash>::default(),
        Box::<dw_3014_address_taken::AddressTaken>::default(),
        Box::<dw_1009_bus_newcomer::BusNewcomer>::default(),
        Box::<dw_3009_3012_form::Form>::default(),
        Box::<dw_3016_3017_bus_traffic::BusTraffic>::default(),
        Box::<dw_3021_rate::StreamRate>::default(),
        Box::<dw_5001_position_jump::PositionJump>::default(),
        // a replay tells old times and a jumped receiver drifts: what says more about a cause comes first
        Box::<dw_5014_replay::Replay>::default(),
        Box::<dw_5004_9003_time::SatelliteTime>::default(),
        Box::<dw_5006_heading::Headings>::default(),
        Box::<dw_5002_receivers::Receivers>::default(),
        Box::<dw_5003_dead_reckoning::DeadReckoning>::default(),
        Box::<dw_5005_signal::Signal>::default(),
        Box::<dw_5007_5008_5013_values::Values>::default(),
        Box::<dw_5009_5010_own_ais::OwnAis>::default(),
        Box::<dw_5011_ghosts::Ghosts>::default(),
        Box::<dw_5015_lost::Lost>::default(),
        Box::<dw_9001_blind::Blind>::default(),
        Box::<dw_9002_one_sided::OneSided>::default(),
        Box::<dw_9004_changed::Changed>::default(),
        Box::<dw_9005_full::NearlyFull>::default(),
        Box::<dw_9006_blind_spot::BlindSpot>::default(),
        Box::<dw_9007_learning::Doubtful>::default(),
        Box::<dw_9008_probed::Probed>::default(),
        Box::<dw_1005_silent::Silent>::default(),
        Box::<dw_1008_6003_weak::Weak>::default(),
    ]
}

/// The detector that raises a detection, for tests that need just one.
#[cfg(test)]
pub(crate) fn raising(id: &str) -> Box<dyn Detector> {
    all()
        .into_iter()
        .find(|detector| detector.cards().iter().any(|card| card.id == id))
        .expect("a detection of this build")
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
