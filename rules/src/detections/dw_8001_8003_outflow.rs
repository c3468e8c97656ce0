//! DW-8001 and DW-8003: data leaves the ship.
//!
//! DW-8001: an OT device sends more to the internet in a day than it ever did while learning (four times the most of a day, and at least 5 MB).
//! DW-8003: a tunnel or shell to a host ashore stays open for hours with data both ways. What a line of the policy allows is neither.

use std::time::Duration;

use dogwatch_model::Severity;

use super::zones::{is_allowed, is_ot, is_untrusted};
use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::policy::AppName;
use crate::remembered::Remembered;
use crate::seen::{FlowSeen, FlowStage, Identity};

/// Bytes of a day that are never too many (catalogue: `min_mb`), and times the learned most that are.
const MIN_BYTES: u64 = 5_000_000;
const FACTOR: u64 = 4;
/// A day, seconds.
const DAY: i64 = 86_400;
/// How long a tunnel may stay open (catalogue: `hours`).
const LONG: Duration = Duration::from_secs(4 * 3_600);
/// Bytes each way below which nothing was moved through it.
const MOVED: u64 = 10_000;
/// Devices remembered.
const REMEMBERED: usize = 4_096;

const VOLUME: Card = Card {
    id: "DW-8001",
    why: "Ship equipment reports little ashore. Much data at once can be plans, recordings or passwords on their way out, and it costs airtime.",
    e26: &["4.2.1", "4.3.1"],
};
const TUNNEL: Card = Card {
    id: "DW-8003",
    why: "A connection that stays open for hours through a tunnel is a door held open from inside: whoever is at the other end can come and go.",
    e26: &["4.2.1", "4.2.6", "4.3.1"],
};

#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
struct Sent {
    day: i64,
    bytes: u64,
    /// The most of any day while learning.
    most: u64,
}

/// See the file's head.
pub(super) struct Outflow {
    devices: Remembered<Identity, Sent>,
    /// Bytes already counted of a live flow.
    counted: Remembered<(Identity, Identity, u16, u16), u64>,
}

impl Default for Outflow {
    fn default() -> Self {
        Self { devices: Remembered::new(REMEMBERED), counted: Remembered::new(REMEMBERED) }
    }
}

impl Detector for Outflow {
    fn cards(&self) -> &'static [&'static Card] {
        &[&VOLUME, &TUNNEL]
    }

    fn wants(&self) -> Wants {
        Wants { flows: &[FlowStage::Progress], ashore: true, ..Wants::default() }
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        if is_allowed(seen, cx) {
            return;
        }
        if is_ot(cx.policy, &seen.from) {
            self.add(seen, cx);
        }
        long_tunnel(seen, cx);
    }

    fn learned(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self.devices.entries()).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        self.devices.recall(serde_json::from_value(learned)?);
        Ok(())
    }
}

impl Outflow {
    fn add(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        let device = seen.from.identity();
        let flow = (device, seen.to.identity(), seen.flow.src_port, seen.flow.dst_port);
        let total = seen.account.sent.bytes;
        let before = self.counted.touch(flow, seen.at).map_or(0, |counted| *counted);
        self.counted.put(flow, seen.at, if seen.account.is_over { 0 } else { total });
        let more = if total >= before { total.saturating_sub(before) } else { total };
        let day = seen.at.seconds().div_euclid(DAY);
        let sent = self.devices.touch(device, seen.at).map_or(Sent::default(), |sent| *sent);
        let today = if sent.day == day { sent.bytes } else { 0 };
        let is_learning = cx.is_learning(seen.at, &seen.from, &seen.to);
        let bytes = today.saturating_add(more);
        let most = if is_learning { sent.most.max(bytes) } else { sent.most };
        self.devices.put(device, seen.at, Sent { day, bytes, most });
        if is_learning || bytes < MIN_BYTES.max(most.saturating_mul(FACTOR)) {
            return;
        }
        let who = cx.call(&seen.from);
        let key = format!("{device:?}");
        cx.raise(key.as_bytes(), &VOLUME, seen.at, || Raise {
            summary: format!("{who} sent {:.1} MB to the internet today", megabytes(bytes)),
            fields: vec![("bytes".to_owned(), bytes.to_string()), ("most_while_learning".to_owned(), most.to_string())],
            expected: format!("at most {:.1} MB a day", megabytes(MIN_BYTES.max(most.saturating_mul(FACTOR)))),
            ..Raise::of_flow(&VOLUME, seen)
        });
    }
}

fn long_tunnel(seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
    let open = seen.at.since(seen.account.first);
    let is_carrier = cx.app.is_some_and(|app| app.is_tunnel() || matches!(app, AppName::Ssh | AppName::Tls));
    let is_used = seen.account.sent.bytes >= MOVED && seen.account.received.bytes >= MOVED;
    let is_open_zone = cx.policy.is_some_and(|policy| is_untrusted(policy, seen.from.end.zone));
    if open < LONG || !is_carrier || !is_used || is_open_zone {
        return;
    }
    let (who, whom) = (cx.call(&seen.from), cx.call(&seen.to));
    let key = format!("{:?}|{:?}|{}", seen.from.identity(), seen.to.identity(), seen.flow.dst_port);
    let severity = if is_ot(cx.policy, &seen.from) { Severity::High } else { Severity::Medium };
    cx.raise(key.as_bytes(), &TUNNEL, seen.at, || Raise {
        severity: Some(severity),
        confidence: 0.7,
        summary: format!(
            "{who} holds a connection to {whom} open by {} for {:.1} h",
            seen.service(),
            open.as_secs_f64() / 3_600.0
        ),
        expected: "no connection ashore for more than four hours but what a conduit lists".to_owned(),
        ..Raise::of_flow(&TUNNEL, seen)
    });
}

/// Bytes in megabytes, for people.
#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use crate::seen::{Account, Volume};
    use dogwatch_model::Transport;

    fn told(from: &str, second: f64, sent: u64, received: u64, protocol: &'static str) -> Vec<String> {
        let mut bench = Bench::new(Some(SHIP), Box::<Outflow>::default());
        bench.at(0.0);
        let first = bench.now();
        for step in 1..=4_u64 {
            bench.at(200.0 + second * step as f64 / 4.0);
            let account = Account {
                first,
                sent: Volume { packets: 9, bytes: sent * step / 4 },
                received: Volume { packets: 9, bytes: received * step / 4 },
                is_answered: true,
                ..Account::default()
            };
            bench.told(&flow(from, "8.8.4.4", 443, Transport::Tcp), Some(protocol), FlowStage::Progress, 9, account);
        }
        bench.ids()
    }

    #[test]
    fn much_data_from_the_engine_room() {
        assert_eq!(
            told("10.0.2.21", 600.0, 6_000_000, 90_000, "http"),
            ["DW-8001"],
            "a flow told four times counts once"
        );
        assert!(told("10.0.2.21", 600.0, 4_900_000, 90_000, "http").is_empty());
        assert!(told("10.0.4.21", 600.0, 60_000_000, 90_000, "http").is_empty(), "the office may");
    }

    #[test]
    fn a_door_held_open() {
        let hours = 5.0 * 3_600.0;
        assert_eq!(told("10.0.4.21", hours, 400_000, 90_000, "ssh"), ["DW-8003"]);
        assert!(told("10.0.4.21", hours / 2.0, 400_000, 90_000, "ssh").is_empty());
        assert!(told("10.0.9.21", hours, 400_000, 90_000, "ssh").is_empty(), "the crew may");
    }
}
