//! DW-9005: the monitor's disk or upload queue is nearly full, or an urgent finding has waited long for the link.
//!
//! A long outage of the link is ordinary at sea: a finding that waits is of low severity for three days. Nothing of it shows in a capture: whoever
//! runs the monitor tells it (`SelfSeen`). What the store does when the disk is really full is the store's own matter.

use std::time::Duration;

use dogwatch_model::{CaptureTime, Severity};

use crate::detector::{Card, Context, Detector, Raise, Threshold, Wants};
use crate::seen::{Party, SelfSeen};

/// Share above which it is nearly too late.
const NEARLY_ALL: f64 = 0.95;
/// Share by which it must fall before it is told again.
const RELIEF: f64 = 0.05;

const CARD: Card = Card {
    id: "DW-9005",
    why: "A monitor that cannot write keeps no evidence, and one that cannot send lets the people ashore believe that all is well.",
    e26: &["4.3.1", "4.4.1"],
};

/// How far something has gone: 0 all is well, 1 told, 2 told as worse.
type Level = u8;

/// See the file's head.
pub(super) struct NearlyFull {
    disk: Level,
    queue: Level,
    unsent: Level,
    /// Share in use (catalogue: `disk`).
    share: f64,
    /// Hours that an urgent finding may wait, and after which it is no longer an ordinary outage.
    age_h: f64,
    late_h: f64,
}

impl Default for NearlyFull {
    fn default() -> Self {
        Self { disk: 0, queue: 0, unsent: 0, share: 0.8, age_h: 24.0, late_h: 72.0 }
    }
}

impl Detector for NearlyFull {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants::default()
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![
            Threshold::new(CARD.id, "disk", &mut self.share, 0.1..=0.99),
            Threshold::new(CARD.id, "age_h", &mut self.age_h, 1.0..=720.0),
            Threshold::new(CARD.id, "late_h", &mut self.late_h, 1.0..=8_760.0),
        ]
    }

    fn itself(&mut self, seen: &SelfSeen<'_>, cx: &mut Context<'_>) {
        let share = self.share;
        let hours = |waits: Duration| waits.as_secs_f64() / 3_600.0;
        if let Some(used) = seen.disk
            && rises(&mut self.disk, used, (share, share.max(NEARLY_ALL)), RELIEF)
        {
            let summary = format!("The disk of the monitor is {:.0} % full", used * 100.0);
            tell("disk", self.disk, summary, format!("at most {:.0} %", share * 100.0), seen.at, cx);
        }
        if let Some(used) = seen.queue
            && rises(&mut self.queue, used, (share, share.max(NEARLY_ALL)), RELIEF)
        {
            let summary = format!("The queue of records for the shore is {:.0} % full", used * 100.0);
            tell("queue", self.queue, summary, format!("at most {:.0} %", share * 100.0), seen.at, cx);
        }
        let waits = seen.oldest_urgent.map_or(0.0, hours);
        if rises(&mut self.unsent, waits, (self.age_h, self.late_h.max(self.age_h)), 0.0) {
            let summary = format!("A finding of high severity has waited {waits:.0} h for the link ashore");
            tell("unsent", self.unsent, summary, format!("ashore within {:.0} h", self.age_h), seen.at, cx);
        }
    }
}

/// Whether a value has passed a mark that it had not passed before; it must fall by `relief` before it may pass it again.
fn rises(level: &mut Level, value: f64, (first, second): (f64, f64), relief: f64) -> bool {
    let reached = u8::from(value > first) + u8::from(value > second);
    let is_new = reached > *level;
    if is_new || value <= first - relief {
        *level = reached;
    }
    is_new
}

fn tell(key: &str, level: Level, summary: String, expected: String, at: CaptureTime, cx: &mut Context<'_>) {
    cx.raise(key.as_bytes(), &CARD, at, || Raise {
        severity: Some(if level > 1 { Severity::Medium } else { Severity::Low }),
        confidence: 0.95,
        summary,
        expected,
        ..Raise::bare(&CARD, (at, 0), Party::nobody(None), String::new())
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::Bench;

    fn told(seen: &[SelfSeen<'_>]) -> Vec<(Severity, u64)> {
        let mut bench = Bench::new(None, Box::<NearlyFull>::default());
        for one in seen {
            bench.itself(*one);
        }
        bench.findings().into_iter().map(|finding| (finding.severity, finding.count)).collect()
    }

    #[test]
    fn a_disk_that_fills() {
        let disk = |used| SelfSeen { disk: Some(used), ..SelfSeen::default() };
        assert!(told(&[disk(0.5), disk(0.8), SelfSeen::default()]).is_empty());
        assert_eq!(told(&[disk(0.81), disk(0.82), disk(0.79), disk(0.81)]), [(Severity::Low, 1)], "told once");
        assert_eq!(told(&[disk(0.81), disk(0.7), disk(0.81)]), [(Severity::Low, 2)], "again after relief");
        assert_eq!(told(&[disk(0.81), disk(0.96)]), [(Severity::Medium, 2)]);
        let queue = SelfSeen { queue: Some(0.9), ..SelfSeen::default() };
        assert_eq!(told(&[queue]), [(Severity::Low, 1)]);
    }

    #[test]
    fn a_finding_that_waits_for_the_link() {
        let waits =
            |hours: u64| SelfSeen { oldest_urgent: Some(Duration::from_secs(hours * 3_600)), ..SelfSeen::default() };
        assert!(told(&[waits(1), waits(24)]).is_empty());
        assert_eq!(told(&[waits(25), waits(60)]), [(Severity::Low, 1)]);
        assert_eq!(told(&[waits(25), waits(73)]), [(Severity::Medium, 2)]);
        assert_eq!(told(&[waits(25), SelfSeen::default(), waits(25)]), [(Severity::Low, 2)], "the next outage");
    }
}
