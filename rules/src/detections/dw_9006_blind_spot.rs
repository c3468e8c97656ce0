//! DW-9006: in a zone of machinery or navigation much of the traffic cannot be read: no decoder knows it, or what it says is broken.
//!
//! Counted in packets of the zone's own devices over ten minutes, and over one for what breaks suddenly. What was unreadable while learning is known, up to three times as much.

use std::time::Duration;

use dogwatch_model::{Act, CaptureTime, Event, Irregularity, Severity};

use super::zones::is_ot;
use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::policy::{Mode, ZoneIx};
use crate::seen::{FlowSeen, FlowStage, IrregularSeen, Party, PolicySeen};

/// Share of packets (catalogue: `share`), times the share while learning, over what time, and how many packets are needed.
const SHARE: f64 = 0.2;
const FACTOR: f64 = 3.0;
const WINDOW: Duration = Duration::from_secs(600);
const PACKETS: u64 = 500;
/// A shorter look for what breaks suddenly, and the broken messages it needs: packets are told of up to ten seconds late.
const SHORT: Duration = Duration::from_secs(60);
const BROKEN: u64 = 200;

const CARD: Card = Card {
    id: "DW-9006",
    why: "What the monitor cannot read it cannot judge. A blind spot in a zone that matters should be known, and made small.",
    e26: &["4.3.1"],
};

/// What was counted since a time.
#[derive(Debug, Clone, Copy, Default)]
struct Look {
    since: CaptureTime,
    packets: u64,
    unreadable: u64,
}

impl Look {
    const fn add(&mut self, packets: u64, unreadable: u64) {
        self.packets = self.packets.saturating_add(packets);
        self.unreadable = self.unreadable.saturating_add(unreadable);
    }

    /// The share that cannot be read, once `window` is over and enough was seen; then it is counted anew.
    fn share(&mut self, at: CaptureTime, window: Duration, least: u64) -> Option<f64> {
        if at.since(self.since) < window {
            return None;
        }
        let over = std::mem::replace(self, Self { since: at, packets: 0, unreadable: 0 });
        #[expect(clippy::cast_precision_loss, reason = "a share in percent")]
        let share = over.unreadable as f64 / over.packets.max(1) as f64;
        (over.packets >= PACKETS && over.unreadable >= least).then_some(share)
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Zone {
    long: Look,
    short: Look,
    /// The latest packet that was unreadable: a dissector may have several complaints about one.
    latest: u64,
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
        Wants { flows: &[FlowStage::Progress], oddities: true, irregular: true, ..Wants::default() }
    }

    fn policy(&mut self, seen: &PolicySeen<'_>, _cx: &mut Context<'_>) {
        if seen.refused.is_none() {
            self.zones.clear();
        }
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        if !is_ot(cx.policy, &seen.from) {
            return;
        }
        // the first packets of a flow say little about it
        let is_unknown = seen.protocol.is_none() && seen.account.sent.packets > 8;
        let unreadable = if is_unknown { seen.packets() } else { 0 };
        self.count((seen.at, seen.frame), &seen.from, seen.packets(), unreadable, cx);
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, _to: &Party, cx: &mut Context<'_>) {
        if is_ot(cx.policy, from) && event.message.acts.iter().any(|act| matches!(act, Act::Odd(_))) {
            self.count((event.at, event.frame), from, 0, 1, cx);
        }
    }

    fn irregular(&mut self, seen: &IrregularSeen<'_>, cx: &mut Context<'_>) {
        if seen.what == Irregularity::Unreadable && is_ot(cx.policy, &seen.from) {
            self.count((seen.at, seen.frame), &seen.from, 0, 1, cx);
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
        if packets == 0 && std::mem::replace(&mut zone.latest, frame) == frame {
            return;
        }
        zone.long.add(packets, unreadable);
        // who speaks what nobody knows does so from the beginning, and more in one minute than in another: it is learned, and after that only what
        // breaks is sudden
        let is_learning = cx.is_learning(at, party, party);
        zone.short.add(packets, if packets == 0 || is_learning { unreadable } else { 0 });
        let least = if is_learning { 0 } else { BROKEN };
        let (long, short) = (zone.long.share(at, WINDOW, 0), zone.short.share(at, SHORT, least));
        let Some(share) = long.into_iter().chain(short).reduce(f64::max) else { return };
        let known = zone.known;
        if is_learning {
            zone.known = known.max(share);
            return;
        }
        if share <= SHARE.max(known * FACTOR) {
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
            let look = Look { since: at, packets: 0, unreadable: 0 };
            self.zones.resize(index.saturating_add(1), Zone { long: look, short: look, ..Zone::default() });
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

    fn broken(per_second: u32) -> usize {
        let mut bench = Bench::new(Some(SHIP), Box::<BlindSpot>::default());
        let line = flow("10.0.1.10", "239.192.0.4", 60_004, Transport::Udp);
        bench.at(0.0);
        for second in 0..300_u32 {
            bench.at(f64::from(second));
            if second % 10 == 0 {
                let sent = Volume { packets: u64::from(second) * 30, bytes: 0 };
                let account = Account { sent, ..Account::default() };
                bench.told(&line, Some("iec61162-450"), FlowStage::Progress, 300, account);
            }
            for _ in 0..if second < 140 { 0 } else { per_second } {
                bench.irregular(&line, Some("iec61162-450"), Irregularity::Unreadable);
            }
        }
        bench.findings().len()
    }

    #[test]
    fn messages_that_are_broken() {
        // 30 packets a second
        assert_eq!(broken(10), 1);
        assert_eq!(broken(5), 0, "a sixth is not much yet");
    }

    #[test]
    fn unknown_traffic_in_the_engine_room() {
        assert_eq!(told("10.0.2.10", None), 1);
        assert_eq!(told("10.0.2.10", Some("modbus")), 0);
        assert_eq!(told("10.0.4.10", None), 0, "the office may talk what it likes");
    }
}
