//! DW-7003: a computer calls an outside host again and again at even intervals.
//!
//! Intervals are measured between openings, so the long way over a satellite does not blur them; gaps of a dead link are left out. Hosts that were
//! called while learning, or by more than two computers, are no secret. Little data each time: a beacon asks for orders.

use std::net::IpAddr;

use dogwatch_model::{CaptureTime, Severity, Transport};

use super::zones::{is_ot, is_untrusted};
use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::remembered::Remembered;
use crate::seen::{FlowSeen, FlowStage, Identity};

/// Calls before anything is said, and how even they must be (catalogue: `min_conn`, `jitter`).
const CALLS: usize = 8;
const JITTER: f64 = 0.2;
/// Shorter intervals are pages loading, longer ones cannot be told from chance here. Seconds.
const INTERVALS: std::ops::RangeInclusive<f64> = 5.0..=7_200.0;
/// Bytes either way beyond which it is work, not a beacon.
const SMALL: u64 = 65_536;
/// Intervals kept.
const KEPT: usize = 16;
/// Pairs and hosts remembered.
const REMEMBERED: usize = 8_192;

const CARD: Card = Card {
    id: "DW-7003",
    why: "A program on this computer reports ashore at even intervals, to a host hardly anyone else aboard calls. That is how malware waits for \
          orders.",
    e26: &["4.2.3", "4.3.1"],
};

#[derive(Debug, Clone, Default)]
struct Calls {
    last: Option<CaptureTime>,
    intervals: Vec<f64>,
    is_large: bool,
}

/// Who calls a host: up to three are told apart.
#[derive(Debug, Clone, Copy, Default)]
struct Callers([Option<Identity>; 3]);

/// See the file's head.
pub(super) struct Beacon {
    pairs: Remembered<(Identity, IpAddr, u16), Calls>,
    callers: Remembered<IpAddr, Callers>,
    /// Hosts called while learning.
    known: Remembered<IpAddr, ()>,
}

impl Default for Beacon {
    fn default() -> Self {
        Self {
            pairs: Remembered::new(REMEMBERED),
            callers: Remembered::new(REMEMBERED),
            known: Remembered::new(REMEMBERED),
        }
    }
}

impl Detector for Beacon {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { flows: &[FlowStage::Started, FlowStage::Progress], ashore: true, ..Wants::default() }
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        let Some(ip) = seen.to.end.ip else { return };
        let is_web = seen.flow.transport == Transport::Tcp || matches!(seen.flow.dst_port, 443 | 80);
        let is_open_zone = cx.policy.is_some_and(|policy| is_untrusted(policy, seen.from.end.zone));
        if !is_web || is_open_zone || seen.flow.is_to_group() {
            return;
        }
        let pair = (seen.from.identity(), ip, seen.flow.dst_port);
        match seen.stage {
            FlowStage::Started => self.called(pair, seen, cx),
            FlowStage::Progress if seen.account.sent.bytes.saturating_add(seen.account.received.bytes) > SMALL => {
                if let Some(calls) = self.pairs.touch(pair, seen.at) {
                    calls.is_large = true;
                }
            }
            _ => {}
        }
    }

    fn learned(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self.known.entries()).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        self.known.recall(serde_json::from_value(learned)?);
        Ok(())
    }
}

impl Beacon {
    fn called(&mut self, pair: (Identity, IpAddr, u16), seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        if cx.is_learning(seen.at, &seen.from, &seen.to) {
            self.known.put(pair.1, seen.at, ());
            return;
        }
        if self.known.touch(pair.1, seen.at).is_some() || self.is_popular(pair.1, pair.0, seen.at) {
            return;
        }
        let calls = self.pairs.touch_or(pair, seen.at, Calls::default);
        let before = calls.last.replace(seen.at);
        let Some(interval) = before.map(|before| seen.at.since(before).as_secs_f64()) else { return };
        if !INTERVALS.contains(&interval) {
            return;
        }
        if calls.intervals.len() >= KEPT {
            calls.intervals.remove(0);
        }
        calls.intervals.push(interval);
        let Some(period) = even_period(&calls.intervals).filter(|_| !calls.is_large) else { return };
        let count = calls.intervals.len();
        let (who, whom) = (cx.call(&seen.from), cx.call(&seen.to));
        let severity = if is_ot(cx.policy, &seen.from) { Severity::High } else { Severity::Medium };
        let key = format!("{pair:?}");
        cx.raise(key.as_bytes(), &CARD, seen.at, || Raise {
            severity: Some(severity),
            confidence: 0.7,
            summary: format!("{who} calls {whom} every {period:.0} s, {} times so far", count.saturating_add(1)),
            fields: vec![("period_s".to_owned(), format!("{period:.1}"))],
            expected: "no even calls to hosts that were unknown while learning".to_owned(),
            ..Raise::of_flow(&CARD, seen)
        });
    }

    /// Whether more than two computers call a host.
    fn is_popular(&mut self, host: IpAddr, caller: Identity, at: CaptureTime) -> bool {
        let Callers(callers) = self.callers.touch_or(host, at, Callers::default);
        if !callers.contains(&Some(caller))
            && let Some(free) = callers.iter_mut().find(|slot| slot.is_none())
        {
            *free = Some(caller);
        }
        callers.iter().all(Option::is_some)
    }
}

/// The period of even intervals: the median, when all but one in eight lie within the jitter. A gap of several periods (a dead link) is one that does not.
fn even_period(intervals: &[f64]) -> Option<f64> {
    if intervals.len().saturating_add(1) < CALLS {
        return None;
    }
    let mut sorted = intervals.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let median = *sorted.get(sorted.len() / 2)?;
    let even = intervals.iter().filter(|interval| (*interval - median).abs() <= JITTER * median).count();
    (even.saturating_mul(8) >= intervals.len().saturating_mul(7)).then_some(median)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};

    fn told(from: &[&str], seconds: impl Iterator<Item = f64>) -> Vec<String> {
        let mut bench = Bench::new(Some(SHIP), Box::<Beacon>::default());
        bench.at(0.0);
        for second in seconds {
            for from in from {
                bench.at(200.0 + second);
                bench.started(flow(from, "8.8.4.4", 443, Transport::Tcp));
            }
        }
        bench.ids()
    }

    #[test]
    fn even_calls_to_a_host_nobody_else_calls() {
        assert_eq!(told(&["10.0.4.30"], (0..8).map(|n| f64::from(n) * 60.0 + f64::from(n % 3))), ["DW-7003"]);
        assert!(told(&["10.0.4.30"], (0..7).map(|n| f64::from(n) * 60.0)).is_empty(), "seven calls are not enough");
    }

    #[test]
    fn uneven_popular_or_crew_calls_are_ordinary() {
        assert!(told(&["10.0.4.30"], (0..20).map(|n| f64::from(n * n) * 7.0)).is_empty());
        assert!(told(&["10.0.4.30", "10.0.4.31", "10.0.4.32"], (0..20).map(|n| f64::from(n) * 60.0)).is_empty());
        assert!(told(&["10.0.9.30"], (0..20).map(|n| f64::from(n) * 60.0)).is_empty());
    }

    #[test]
    fn a_dead_link_in_between_hides_nothing() {
        let calls = (0..12).map(|n| f64::from(n) * 60.0 + if n < 6 { 0.0 } else { 1_500.0 });
        assert_eq!(told(&["10.0.4.30"], calls), ["DW-7003"]);
    }
}
