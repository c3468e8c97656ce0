//! DW-7006: mining of currency, Tor or exchange of files between peers: programs that nobody needs on a ship's working networks.
//!
//! A protocol match, no statistics. Tor is told by the handshake and the sizes of its cells, never by a port. What passengers do is theirs: their
//! zones are left out.

use dogwatch_model::{Act, Event, Initiator, Severity};

use super::zones::{is_ashore, is_ot, plan};
use crate::detector::{Card, Context, Detector, Raise, Speaking, Wants};
use crate::policy::{AppName, Function};
use crate::seen::{FlowSeen, FlowStage, Party};

const CARD: Card = Card {
    id: "DW-7006",
    why: "These programs use up the satellite link and the computer they run on, and they often come together with others that do worse. On ship \
          equipment they show that somebody could install software there.",
    e26: &["4.2.3", "4.3.1"],
};

/// See the file's head. Keeps no state: the table of findings knows what was told.
#[derive(Default)]
pub(super) struct UnwantedPrograms;

impl Detector for UnwantedPrograms {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants {
            flows: &[FlowStage::Recognised],
            flows_of: Speaking::Only(&[AppName::Mining, AppName::PeerToPeer]),
            oddities: true,
            of: Speaking::Only(&[AppName::Tls]),
            ..Wants::default()
        }
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        let what = match (seen.stage, cx.app) {
            (FlowStage::Recognised, Some(AppName::Mining)) => "mines currency",
            (FlowStage::Recognised, Some(AppName::PeerToPeer)) => "exchanges files with strangers",
            _ => return,
        };
        let (who, other) = aboard(&seen.from, &seen.to, cx);
        tell(what, who, other, cx, seen.at, || Raise::of_flow(&CARD, seen));
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        if !event.message.acts.iter().any(|act| matches!(act, Act::Odd("tls.tor"))) {
            return;
        }
        let (client, server) = if event.flow.initiator == Initiator::Receiver { (to, from) } else { (from, to) };
        let (who, other) = aboard(client, server, cx);
        tell("uses Tor, which hides where its traffic goes", who, other, cx, event.at, || {
            Raise::of_event(&CARD, event, who)
        });
    }
}

/// The end that is aboard first: a stranger may have called it.
fn aboard<'p>(from: &'p Party, to: &'p Party, cx: &Context<'_>) -> (&'p Party, &'p Party) {
    if is_ashore(cx.policy, from) && !is_ashore(cx.policy, to) { (to, from) } else { (from, to) }
}

fn tell(
    what: &'static str,
    who: &Party,
    other: &Party,
    cx: &mut Context<'_>,
    at: dogwatch_model::CaptureTime,
    base: impl FnOnce() -> Raise,
) {
    if plan(cx.policy, who).is_some_and(|zone| zone.function == Function::Passenger) {
        return;
    }
    let is_on_ot = is_ot(cx.policy, who) || is_ot(cx.policy, other);
    let key = format!("{:?}|{what}", who.identity());
    let name = cx.call(who);
    cx.raise(key.as_bytes(), &CARD, at, || Raise {
        severity: Some(if is_on_ot { Severity::High } else { Severity::Low }),
        confidence: 0.85,
        from: *who,
        to: Some(*other),
        summary: format!("{name} {what}"),
        expected: "no such program on the ship's working networks".to_owned(),
        ..base()
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use dogwatch_model::{Speaker, Transport};

    fn severities(bench: &Bench) -> Vec<Severity> {
        bench.findings().iter().map(|finding| finding.severity).collect()
    }

    #[test]
    fn by_protocol_and_place() {
        let passengers = SHIP.replace("function = \"crew\"", "function = \"passenger\"");
        for (policy, from, protocol, want) in [
            (Some(SHIP), "10.0.4.30", "stratum", vec![Severity::Low]),
            (Some(SHIP), "10.0.2.10", "stratum", vec![Severity::High]),
            (Some(SHIP), "10.0.9.30", "bittorrent", vec![Severity::Low]),
            (Some(&passengers), "10.0.9.30", "bittorrent", vec![]),
            (Some(SHIP), "10.0.4.30", "tls", vec![]),
            (None, "10.0.4.30", "bittorrent", vec![Severity::Low]),
        ] {
            let mut bench = Bench::new(policy, Box::<UnwantedPrograms>::default());
            bench.flow(from, "198.51.100.7", 443, None, FlowStage::Established);
            bench.flow(from, "198.51.100.7", 443, Some(protocol), FlowStage::Recognised);
            bench.flow(from, "198.51.100.8", 443, Some(protocol), FlowStage::Recognised);
            assert_eq!(severities(&bench), want, "{from} {protocol}");
        }
    }

    #[test]
    fn a_peer_that_calls_in_is_not_the_one_to_look_at() {
        let mut bench = Bench::new(Some(SHIP), Box::<UnwantedPrograms>::default());
        bench.flow("198.51.100.7", "10.0.4.30", 6_881, Some("bittorrent"), FlowStage::Recognised);
        assert!(bench.findings()[0].source.name.contains("10.0.4.30"), "{}", bench.findings()[0].source.name);
    }

    #[test]
    fn tor_from_either_side_of_its_cells() {
        for act in [Act::Odd("tls.tor"), Act::Odd("tls.old-version")] {
            let mut bench = Bench::new(Some(SHIP), Box::<UnwantedPrograms>::default());
            let client = flow("10.0.4.30", "198.51.100.7", 9_001, Transport::Tcp);
            bench.says("tls", Speaker::Sender, &client, &[act]);
            let mut server = flow("198.51.100.7", "10.0.4.30", 40_000, Transport::Tcp);
            server.initiator = Initiator::Receiver;
            bench.says("tls", Speaker::Sender, &server, &[act]);
            let want = usize::from(act == Act::Odd("tls.tor"));
            assert_eq!(bench.findings().len(), want, "{act:?}");
        }
    }
}
