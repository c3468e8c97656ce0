//! DW-6006: the management page or command line of a gateway, switch, firewall or ship equipment is reached from a zone that the policy does not
//! let there.

use dogwatch_model::Severity;

use super::zones::{is_allowed, is_conversation, is_infrastructure, is_ot, is_untrusted};
use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::policy::{AppName, AssetRole, Mode};
use crate::seen::{FlowSeen, FlowStage, Party};

const CARD: Card = Card {
    id: "DW-6006",
    why: "Whoever manages the switches and firewalls decides what every other device can reach. Set-up pages belong to one station, not to \
          any network that happens to find them.",
    e26: &["4.2.1", "4.2.4", "4.3.1"],
};

/// See the file's head. Keeps no state: the table of findings knows what was told.
#[derive(Default)]
pub(super) struct AdminPage;

impl Detector for AdminPage {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { flows: FlowStage::ALL, planned: true, ..Wants::default() }
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        let Some(policy) = cx.policy else { return };
        if !cx.app.is_some_and(AppName::is_management)
            || !(is_conversation(seen) || seen.stage == FlowStage::Recognised)
            || seen.from.end.zone == seen.to.end.zone && !is_untrusted(policy, seen.from.end.zone)
            || policy.mode_between(seen.from.end.zone, seen.to.end.zone) == Mode::Learn
            || !(is_infrastructure(cx, &seen.to) || is_ot(cx.policy, &seen.to) || has_role_admin(cx, &seen.to))
            || is_allowed(seen, cx)
        {
            return;
        }
        let key = format!("{:?}|{:?}|{}", seen.from.identity(), seen.to.identity(), seen.flow.dst_port);
        let (who, whom) = (cx.call(&seen.from), cx.call(&seen.to));
        let zone = policy.zone_id(seen.from.end.zone);
        cx.raise(key.as_bytes(), &CARD, seen.at, || Raise {
            severity: Some(Severity::High),
            confidence: 0.85,
            summary: format!("{who} ({zone}) reached the management of {whom} by {}", seen.service()),
            fields: vec![("from_zone".to_owned(), zone.to_owned())],
            expected: "management only from the zones a conduit names".to_owned(),
            ..Raise::of_flow(&CARD, seen)
        });
    }
}

/// Whether the plan gives an asset the role `admin`: antennas and other gear that is set up by a page of its own, in whatever zone.
fn has_role_admin(cx: &Context<'_>, party: &Party) -> bool {
    let declared = cx.policy.zip(party.end.asset).and_then(|(policy, asset)| policy.asset(asset));
    declared.is_some_and(|asset| asset.is(AssetRole::Admin))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP};

    fn told(from: &str, to: &str) -> usize {
        let mut bench = Bench::new(Some(SHIP), Box::<AdminPage>::default());
        bench.flow(from, to, 80, Some("http"), FlowStage::Recognised);
        bench.findings().len()
    }

    #[test]
    fn only_equipment_of_the_network_and_only_who_is_not_listed() {
        assert_eq!(told("10.0.9.5", "10.0.3.1"), 1);
        assert_eq!(told("10.0.4.8", "10.0.3.1"), 1);
        assert_eq!(told("10.0.4.7", "10.0.3.1"), 0, "the line allows it");
        assert_eq!(told("10.0.9.5", "10.0.3.9"), 0, "a server is no switch");
        assert_eq!(told("10.0.3.7", "10.0.3.1"), 0, "the same zone");
    }
}
