//! DW-9007: a zone is enforced before enough of it was seen, or something suspicious happened in a zone while it was learned.
//!
//! `dogwatch policy enforce` refuses the first; this tells of a file that was changed by hand. Only zones that become enforced count: a monitor
//! that starts with a policy in force has nothing to compare with. What raised a finding while learning is never proposed as a line
//! (`policy/propose.rs`); this tells that the learning should be looked at.

use dogwatch_model::{CaptureTime, Category, Severity};

use crate::detector::{Card, Context, Detector, Raise, Threshold, Wants};
use crate::policy::{Mode, ZoneIx};
use crate::seen::{EnforcedSeen, Party};

/// Findings looked at in a second; a flood of them says nothing new about the learning.
const LOOKED_AT: usize = 64;

const CARD: Card = Card {
    id: "DW-9007",
    why: "What the monitor learns becomes what it keeps quiet about. Too little makes it cry wolf, and an intruder who was there first is taken \
          for one of the crew.",
    e26: &["4.1.1", "4.3.1"],
};

/// See the file's head.
pub(super) struct Doubtful {
    /// Findings of the table that were looked at; none before the first second, when those of an earlier run are in it.
    looked_at: Option<usize>,
    coverage: f64,
}

impl Default for Doubtful {
    fn default() -> Self {
        Self { looked_at: None, coverage: 0.8 }
    }
}

impl Detector for Doubtful {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants::default()
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![Threshold::new(CARD.id, "coverage", &mut self.coverage, 0.1..=1.0)]
    }

    fn enforced(&mut self, seen: &EnforcedSeen, cx: &mut Context<'_>) {
        let Some(policy) = cx.policy else { return };
        let zone = policy.zone_id(Some(seen.zone));
        let (heard, all) = seen.assets;
        let is_short = |is: f64, of: f64| of > 0.0 && is < of * self.coverage;
        let what = if is_short(heard as f64, all as f64) {
            format!("{heard} of its {all} declared devices were heard")
        } else if let Some((seconds, needed)) = seen.state.filter(|(is, of)| is_short(*is as f64, *of as f64)) {
            format!("{} of {} h of data in the present ship state", seconds / 3_600, needed / 3_600)
        } else {
            return;
        };
        let key = format!("early|{zone}");
        cx.raise(key.as_bytes(), &CARD, seen.at, || Raise {
            confidence: 0.95,
            summary: format!("Zone {zone} is enforced too early: {what}"),
            fields: vec![("zone".to_owned(), zone.to_owned())],
            expected: format!("{:.0} % of what the zone has to show", self.coverage * 100.0),
            ..Raise::bare(&CARD, (seen.at, 0), Party::nobody(Some(seen.zone)), String::new())
        });
    }

    fn tick(&mut self, at: CaptureTime, cx: &mut Context<'_>) {
        let (added, count) = cx.findings.added_after(self.looked_at.unwrap_or(usize::MAX));
        if self.looked_at.replace(count).is_none_or(|known| known == count) {
            return;
        }
        let Some(policy) = cx.policy else { return };
        let mut doubts: Vec<(ZoneIx, String, String)> = Vec::new();
        for finding in added.take(LOOKED_AT) {
            if finding.severity < Severity::Medium || finding.category == Category::Health {
                continue;
            }
            let ends = [&finding.zone_from, &finding.zone_to].into_iter().flatten();
            let mut zones = ends.filter_map(|id| policy.zone_named(id));
            let learned = zones.find(|zone| policy.mode_of(Some(*zone)) == Mode::Learn);
            let Some(zone) = learned.filter(|zone| doubts.iter().all(|(known, ..)| known != zone)) else { continue };
            doubts.push((zone, finding.rule_id.clone(), finding.finding_id.clone()));
        }
        for (zone, rule, finding) in doubts {
            let id = policy.zone_id(Some(zone));
            let key = format!("tainted|{id}");
            cx.raise(key.as_bytes(), &CARD, at, || Raise {
                summary: format!(
                    "While zone {id} is being learned, {rule} was told of it: what was learned is in doubt"
                ),
                fields: vec![("finding".to_owned(), finding), ("detection".to_owned(), rule)],
                expected: "nothing suspicious while learning; `dogwatch policy review` asks about what was".to_owned(),
                ..Raise::bare(&CARD, (at, 0), Party::nobody(Some(zone)), String::new())
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use dogwatch_model::Transport;

    use super::*;
    use crate::detections::bench::{Bench, SHIP, device, flow};
    use crate::seen::FlowSeen;

    fn mode(word: &str) -> String {
        SHIP.replace("mode = \"enforce\"", &format!("mode = \"{word}\""))
    }

    #[test]
    fn enforcing_what_was_hardly_seen() {
        let told = |before: &str, after: &str, heard: &[&str]| {
            let mut bench = Bench::new(Some(&mode(before)), Box::<Doubtful>::default());
            for ip in heard {
                bench.knows(device(ip));
            }
            (0..120_u32).for_each(|second| bench.at(f64::from(second)));
            bench.policy(&mode(after));
            bench.ids().len()
        };
        let all = ["10.0.2.10", "10.0.2.21", "10.0.3.1", "10.0.3.9", "10.0.4.2", "10.0.4.50"];
        // the made-up ship declares two devices in each of three zones
        assert_eq!(told("learn", "enforce", &[]), 3);
        assert_eq!(told("watch", "enforce", &all[1..]), 1, "the HMI was not heard");
        assert_eq!(told("learn", "enforce", &all), 0);
        assert_eq!(told("learn", "watch", &[]), 0);
        assert_eq!(told("enforce", "enforce", &[]), 0, "it was in force already");
    }

    const OTHER: Card = Card { id: "DW-3004", why: "", e26: &[] };

    /// Finds every flow dangerous.
    struct Alarm(Severity);

    impl Detector for Alarm {
        fn cards(&self) -> &'static [&'static Card] {
            &[&OTHER]
        }
        fn wants(&self) -> Wants {
            Wants { flows: true, ..Wants::default() }
        }
        fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
            let severity = Some(self.0);
            cx.raise(b"x", &OTHER, seen.at, || Raise { severity, ..Raise::of_flow(&OTHER, seen) });
        }
    }

    #[test]
    fn something_suspicious_while_learning() {
        let told = |word: &str, severity| {
            let detectors: Vec<Box<dyn Detector>> = vec![Box::new(Alarm(severity)), Box::<Doubtful>::default()];
            let mut bench = Bench::of(Some(&mode(word)), detectors);
            (0..10_u32).for_each(|second| bench.at(f64::from(second)));
            bench.started(flow("10.0.2.10", "10.0.2.21", 502, Transport::Tcp));
            (10..20_u32).for_each(|second| bench.at(f64::from(second)));
            let of_us = bench.findings().into_iter().filter(|finding| finding.rule_id == "DW-9007");
            of_us.map(|finding| finding.count).collect::<Vec<_>>()
        };
        assert_eq!(told("learn", Severity::High), [1], "once");
        assert!(told("learn", Severity::Low).is_empty());
        assert!(told("enforce", Severity::High).is_empty());
    }
}
