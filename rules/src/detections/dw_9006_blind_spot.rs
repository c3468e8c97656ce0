//! DW-9006: in a zone of machinery or navigation much of the traffic cannot be read: no decoder knows it, or what it says is broken.
//!
//! Counted in packets of the zone's own devices over ten minutes. What was unreadable while learning is known, up to three times as much.

use std::time::Duration;

use dogwatch_model::{Act, CaptureTime, Event, Severity};

use super::zones::is_ot;
use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::policy::{Mode, ZoneIx};
use crate::seen::{FlowSeen, FlowStage, Party, PolicySeen};

/// Share of packets (catalogue: `share`), times the share while learning, over what time, and how many packets are needed.
const SHARE: f64 = 0.2;
const FACTOR: f64 = 3.0;
const WINDOW: Duration = Duration::from_secs(600);
const PACKETS: u64 = 500;
/// Broken messages within a window that are told before it ends.
const BROKEN: u64 = 200;

const CARD: Card = Card {
    id: "DW-9006",
    why: "What the monitor cannot read it cannot judge. A blind spot in a zone that matters should be known, and made small.",
    e26: &["4.3.1"],
};

#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
struct Zone {
    since: CaptureTime,
    packets: u64,
    unreadable: u64,
    /// The largest share while learning.
    known: f64,
}

/// See the file's head.
#[derive(Default)]
pub(super) struct BlindSpot {
    zones: Vec<Zone>,
}

impl Detector for BlindSpot {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { flows: true, oddities: true, ..Wants::default() }
    }

    fn policy(&mut self, seen: &PolicySeen<'_>, _cx: &mut Context<'_>) {
        if seen.refused.is_none() {
            self.zones.clear();
        }
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        if seen.stage != FlowStage::Progress || !is_ot(cx.policy, &seen.from) {
            return;
        }
        // the first packets of a flow say little about it
        let is_unknown = seen.protocol.is_none() && seen.account.sent.packets > 8;
        let unreadable = if is_unknown { seen.packets } else { 0 };
        self.count((seen.at, seen.frame), &seen.from, seen.packets, unreadable, cx);
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, _to: &Party, cx: &mut Context<'_>) {
        if is_ot(cx.policy, from) && event.message.acts.iter().any(|act| matches!(act, Act::Odd(_))) {
            self.count((event.at, event.frame), from, 0, 1, cx);
        }
    }
}

impl BlindSpot {
    fn count(
        &mut self,
        (at, frame): (CaptureTime, u64),
        party: &Party,
        packets: u64,
        unreadable: u64,
        cx: &mut Context<'_>,
    ) {
        let (Some(policy), Some(ix)) = (cx.policy, party.end.zone) else { return };
        if policy.mode_of(Some(ix)) == Mode::Learn {
            return;
        }
        let Some(zone) = self.zone(ix, at) else { return };
        zone.packets = zone.packets.saturating_add(packets);
        zone.unreadable = zone.unreadable.saturating_add(unreadable);
        let is_over = at.since(zone.since) >= WINDOW;
        let is_early = zone.unreadable >= BROKEN && zone.packets >= PACKETS;
        if !(is_over || is_early) {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a share in percent")]
        let share = zone.unreadable as f64 / (zone.packets.max(1)) as f64;
        let (enough, known) = (zone.packets >= PACKETS, zone.known);
        if is_over {
            *zone = Zone { since: at, packets: 0, unreadable: 0, known };
        }
        let is_learning = cx.is_learning(at, party, party);
        if is_learning {
            if let Some(zone) = self.zone(ix, at) {
                zone.known = zone.known.max(share);
            }
            return;
        }
        if !enough || share <= SHARE.max(known * FACTOR) {
            return;
        }
        let name = policy.zone_id(Some(ix)).to_owned();
        cx.raise(name.as_bytes(), &CARD, at, || Raise {
            severity: Some(Severity::Low),
            summary: format!("{:.0} % of the traffic in zone {name} cannot be read", (share * 100.0).min(100.0)),
            fields: vec![("share".to_owned(), format!("{share:.2}"))],
            expected: format!("at most {:.0} %", SHARE.max(known * FACTOR) * 100.0),
            ..Raise::bare(&CARD, (at, frame), Party::nobody(Some(ix)), String::new())
        });
    }

    fn zone(&mut self, ix: ZoneIx, at: CaptureTime) -> Option<&mut Zone> {
        let index = ix.index();
        if self.zones.len() <= index && index < 4_096 {
            self.zones.resize(index.saturating_add(1), Zone { since: at, ..Zone::default() });
        }
        self.zones.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use crate::seen::{Account, Volume};
    use dogwatch_model::Transport;

    fn told(from: &str, protocol: Option<&'static str>) -> usize {
        let mut bench = Bench::new(Some(SHIP), Box::<BlindSpot>::default());
        bench.at(0.0);
        for step in 0..130_u32 {
            bench.at(f64::from(step) * 10.0);
            let sent = Volume { packets: u64::from(step) * 20, bytes: 0 };
            let account = Account { sent, ..Account::default() };
            bench.told(&flow(from, "10.0.2.21", 4_000, Transport::Udp), protocol, FlowStage::Progress, 20, account);
        }
        bench.findings().len()
    }

    #[test]
    fn unknown_traffic_in_the_engine_room() {
        assert_eq!(told("10.0.2.10", None), 1);
        assert_eq!(told("10.0.2.10", Some("modbus")), 0);
        assert_eq!(told("10.0.4.10", None), 0, "the office may talk what it likes");
    }
}
