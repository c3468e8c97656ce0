//! DW-6007: two devices behind one card. One address of one card speaks in turn with two start values of the time to live that systems
//! give their packets, again and again, and much with each: a cloned card, or a device put in front of another.
//!
//! Only unicast TCP counts: programs choose the time to live of multicast, look-ups and traces themselves. Packets that came through a router, or out
//! of a virtual machine behind a translation, have lost a hop and show no start value, so they do not count; each address of a router's card is a
//! voice of its own. What turned so while learning is remembered as that host's nature. Deliberately not used: the IP identification and the wishes
//! in DHCP, which detectors are not shown; so a twin of the same system is not found here (DW-1002 and DW-6001 see what it answers).

use std::net::IpAddr;

use dogwatch_model::{CaptureTime, Mac, Transport};

use super::zones::is_infrastructure;
use crate::detector::{Card, Context, Detector, Raise, Threshold, Wants};
use crate::policy::Mode;
use crate::remembered::Remembered;
use crate::seen::{FlowSeen, FlowStage};

/// Hosts remembered.
const REMEMBERED: usize = 8_192;
/// A host that did not turn for so long has changed once, not turned: a second system started, an update.
const STALE: std::time::Duration = std::time::Duration::from_secs(600);
/// Start values in use (RFC 1700 recommends 64; Windows 128; network equipment 255; old systems 32).
const STARTS: [u8; 4] = [32, 64, 128, 255];
/// Changes from one start value to the other before they count as in turn: each came back three times. A standby that takes over, or an update,
/// changes once; a long connection is told of every ten seconds only.
const TURNS: u32 = 6;

const CARD: Card = Card {
    id: "DW-6007",
    why: "Two different systems speak under one hardware address. A stranger may have copied the card of a known device to be let through where only \
          that device may go.",
    e26: &["4.2.4", "4.3.1"],
};

/// How one address of one card speaks.
#[derive(Debug, Clone, Copy)]
struct Voice {
    /// The two start values; equal while there is one.
    starts: (u8, u8),
    /// Packets of the conversations opened with each.
    packets: (u64, u64),
    /// The latest.
    last: u8,
    /// How often it turned from one to the other.
    turns: u32,
    turned: CaptureTime,
    /// It turned so while learning.
    is_natural: bool,
}

/// See the file's head.
pub(super) struct Twin {
    voices: Remembered<(Mac, IpAddr), Voice>,
    /// Packets heard of each of the two that make two devices of it (catalogue).
    min: f64,
}

impl Default for Twin {
    fn default() -> Self {
        Self { voices: Remembered::new(REMEMBERED), min: 20.0 }
    }
}

impl Detector for Twin {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { flows: &[FlowStage::Started, FlowStage::Progress], ..Wants::default() }
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![Threshold::new("DW-6007", "min", &mut self.min, 5.0..=10_000.0)]
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        let (ttl, mac) = (seen.flow.ttl, seen.flow.src_mac);
        let Some(ip) = seen.flow.src.filter(|_| seen.packets() > 0 && !mac.is_none()) else { return };
        if seen.flow.transport != Transport::Tcp || !STARTS.contains(&ttl) || seen.flow.is_to_group() {
            return;
        }
        let voice = self.voices.touch_or((mac, ip), seen.at, || Voice::new(ttl, seen.at));
        if !voice.heard(ttl, seen.packets(), seen.at) || !voice.is_twofold(self.min) || voice.is_natural {
            return;
        }
        if cx.is_learning(seen.at, &seen.from, &seen.to) {
            // the first minutes of a monitor only look: they make nobody's nature of an attack that is on
            voice.is_natural =
                cx.policy.is_none_or(|policy| policy.mode_between(seen.from.end.zone, seen.to.end.zone) == Mode::Learn);
            return;
        }
        // a gateway that translates addresses speaks for others
        if is_infrastructure(cx, &seen.from) {
            return;
        }
        let (first, second) = voice.starts;
        let key = format!("{mac}|{ip}");
        let who = cx.call(&seen.from);
        cx.raise(key.as_bytes(), &CARD, seen.at, || Raise {
            confidence: 0.75,
            to: None,
            summary: format!("{who} speaks in turn as two systems under one card, {mac}"),
            fields: vec![
                ("time_to_live".to_owned(), format!("{first} and {second} in turn")),
                ("mac".to_owned(), mac.to_string()),
            ],
            expected: "one system behind one card".to_owned(),
            ..Raise::of_flow(&CARD, seen)
        });
    }

    fn learned(&self) -> Option<serde_json::Value> {
        let natural = self.voices.entries().into_iter().filter(|(.., voice)| voice.is_natural);
        let natural: Vec<_> = natural.map(|((mac, ip), at, voice)| (mac, ip, at, voice.starts)).collect();
        serde_json::to_value(natural).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        let natural: Vec<(Mac, IpAddr, CaptureTime, (u8, u8))> = serde_json::from_value(learned)?;
        for (mac, ip, at, starts) in natural {
            self.voices.put((mac, ip), at, Voice { starts, is_natural: true, ..Voice::new(starts.0, at) });
        }
        Ok(())
    }
}

impl Voice {
    const fn new(ttl: u8, at: CaptureTime) -> Self {
        Self { starts: (ttl, ttl), packets: (0, 0), last: ttl, turns: 0, turned: at, is_natural: false }
    }

    /// Takes in packets with a start value; tells whether that was a turn.
    fn heard(&mut self, ttl: u8, packets: u64, at: CaptureTime) -> bool {
        let is_turn = ttl != self.last;
        if is_turn {
            let is_single = self.starts.0 == self.starts.1;
            if at.since(self.turned) > STALE || !is_single && ttl != self.starts.0 && ttl != self.starts.1 {
                // it begins anew after a long time with one; a third value is a program that chooses for itself
                *self = Self { starts: (self.last, ttl), packets: (0, 0), turns: 0, ..*self };
            } else if is_single {
                self.starts.1 = ttl;
            }
            (self.last, self.turned) = (ttl, at);
            self.turns = self.turns.saturating_add(1);
        }
        let count = if ttl == self.starts.0 { &mut self.packets.0 } else { &mut self.packets.1 };
        *count = count.saturating_add(packets);
        is_turn
    }

    /// Whether it is two: enough was heard of each, in turn.
    fn is_twofold(&self, min: f64) -> bool {
        self.turns >= TURNS && self.packets.0.min(self.packets.1) as f64 >= min
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use crate::seen::Account;
    use dogwatch_model::Flow;

    fn told(packets: &[(f64, u8)], change: impl Fn(Flow) -> Flow) -> Vec<String> {
        let mut bench = Bench::new(Some(SHIP), Box::<Twin>::default());
        bench.at(0.0);
        for (second, ttl) in packets {
            bench.at(*second);
            bench.started(change(Flow { ttl: *ttl, ..flow("10.0.2.10", "10.0.2.21", 502, Transport::Tcp) }));
        }
        bench.ids()
    }

    fn in_turn(count: u32, ttls: &[u8], step_s: f64) -> Vec<(f64, u8)> {
        let turns = (0..count).map(|n| (200.0 + f64::from(n) * step_s, ttls[n as usize % ttls.len()]));
        turns.collect()
    }

    #[test]
    fn two_systems_in_turn() {
        assert_eq!(told(&in_turn(40, &[64, 128], 1.0), |flow| flow), ["DW-6007"]);
        assert!(told(&in_turn(39, &[64, 128], 1.0), |flow| flow).is_empty(), "nineteen packets of the second");
        assert!(told(&in_turn(200, &[64], 1.0), |flow| flow).is_empty());
        assert!(told(&in_turn(60, &[64, 128], 700.0), |flow| flow).is_empty(), "started now the one, now the other");
        assert!(told(&in_turn(60, &[64, 128, 255], 1.0), |flow| flow).is_empty(), "a program that chooses for itself");
    }

    #[test]
    fn a_takeover_is_no_turn_taking() {
        let mut packets = in_turn(100, &[64], 1.0);
        packets.extend((0..100).map(|n| (400.0 + f64::from(n), 128)));
        packets.extend((0..100).map(|n| (600.0 + f64::from(n), 64)));
        assert!(told(&packets, |flow| flow).is_empty());
    }

    #[test]
    fn a_long_connection_counts_what_it_moved() {
        let mut bench = Bench::new(Some(SHIP), Box::<Twin>::default());
        bench.at(0.0);
        let kept = flow("10.0.2.10", "10.0.2.21", 502, Transport::Tcp);
        for second in 0..45_u32 {
            bench.at(200.0 + f64::from(second));
            if second % 10 == 0 {
                bench.told(&kept, Some("modbus"), FlowStage::Progress, 20, Account::default());
            }
            bench.started(Flow { ttl: 128, src_port: 50_000 + second as u16, ..kept });
        }
        assert_eq!(bench.ids(), ["DW-6007"]);
    }

    #[test]
    fn routers_virtual_machines_and_groups_stay_quiet() {
        let turns = in_turn(60, &[63, 127], 1.0);
        assert!(told(&turns, |flow| flow).is_empty(), "through a router or a translation");
        let turns = in_turn(60, &[64, 128], 1.0);
        assert!(told(&turns, |flow| Flow { transport: Transport::Udp, ..flow }).is_empty());
        let by_ttl = |flow: Flow| {
            let other = if flow.ttl == 64 { "10.0.2.11" } else { "10.0.2.12" };
            Flow { src: other.parse().ok(), ..flow }
        };
        assert!(told(&turns, by_ttl).is_empty(), "a machine within a machine has an address of its own");
        let gateway = |flow: Flow| Flow { src: "10.0.3.1".parse().ok(), ..flow };
        assert!(told(&turns, gateway).is_empty(), "a gateway speaks for others");
    }
}
