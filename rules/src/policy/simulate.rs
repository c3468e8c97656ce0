//! What a policy would have said of what was seen: the stored aggregates held against it, day by day.
//!
//! An estimate on the safe side: an aggregate counts on every day it was seen, in each of the ship states it was seen in, whichever day that was. Rates,
//! and findings that need more than the policy (physics, scans, doubled senders), are not part of it.

use std::collections::BTreeMap;

use dogwatch_model::{Severity, Verb};
use serde::Serialize;

use super::learned::judge_row;
use super::navigation::{N2kVerdict, NmeaAsk, NmeaVerdict};
use super::verdict::{Ask, Denial, Verdict};
use super::words::{Class, Devices, Function};
use super::{End, Policy};
use crate::aggregates::{Host, Key, Learned, Row, What};
use crate::seen::Identity;

/// One finding the policy would have raised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Simulated {
    /// The detection.
    pub detection: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was seen and what decides.
    pub what: String,
    /// The nearest line of the policy, empty when there is none.
    pub line: String,
    /// The days it would have been raised on, as days since 1970, with how often.
    pub days: Vec<(i32, u64)>,
}

impl Policy {
    /// The findings this policy would have raised on what was seen since the day `first`, the worst first.
    #[must_use]
    pub fn simulate(&self, learned: &Learned, first: i32) -> Vec<Simulated> {
        let mut found: BTreeMap<(&'static str, String), Simulated> = BTreeMap::new();
        let mut add = |told: Simulated| {
            let known = found
                .entry((told.detection, told.what.clone()))
                .or_insert_with(|| Simulated { days: Vec::new(), ..told.clone() });
            known.severity = known.severity.max(told.severity);
            for (day, count) in told.days {
                match known.days.iter_mut().find(|(seen, _)| *seen == day) {
                    Some((_, seen)) => *seen = seen.saturating_add(count),
                    None => known.days.push((day, count)),
                }
            }
            known.days.sort_unstable();
        };
        for (key, _, row) in &learned.rows {
            let days: Vec<(i32, u64)> = row.days.iter().filter(|(day, _)| *day >= first).copied().collect();
            if days.is_empty() {
                continue;
            }
            let ends = self.ends_of(learned, key, row);
            self.simulate_devices(ends, key, &days, &mut add);
            if matches!(key.what, What::Says { .. } | What::Sends { .. }) {
                self.simulate_said(ends.0, key, row, &days, &mut add);
            } else if self.is_judged(&ends.0, &ends.1) {
                self.simulate_asked(ends, key, row, &days, &mut add);
            }
        }
        let mut all: Vec<Simulated> = found.into_values().collect();
        all.sort_by_key(|told| std::cmp::Reverse(told.severity));
        all
    }

    fn simulate_asked(
        &self,
        ends: (End, End),
        key: &Key,
        row: &Row,
        days: &[(i32, u64)],
        add: &mut dyn FnMut(Simulated),
    ) {
        for state in row.states() {
            for judged in judge_row(self, ends, key, row, row.last, state) {
                let Verdict::Denied(denial) = judged.verdict else { continue };
                let (detection, severity) = self.detection_of(&judged.ask, &denial);
                let line = denial.nearest.map(|line| self.line_name(line)).unwrap_or_default();
                add(Simulated { detection, severity, what: self.explain(&judged.ask), line, days: days.to_vec() });
            }
        }
    }

    /// The detection and severity of something the policy does not allow.
    pub(super) fn detection_of(&self, ask: &Ask<'_>, denial: &Denial) -> (&'static str, Severity) {
        let changes = ask.verb.is_some_and(|verb| matches!(verb, Verb::Write | Verb::Control | Verb::Program));
        let id = denial.reason.detection();
        match id {
            "DW-2001" if self.is_untrusted_into_protected(&ask.from, &ask.to) => ("DW-2005", Severity::High),
            "DW-2001" => (id, Severity::High),
            "DW-2002" | "DW-2003" if !changes => (id, Severity::Medium),
            _ => (
                id,
                if changes {
                    Severity::High
                } else {
                    crate::catalogue::row(id).map_or(Severity::Medium, |row| row.severity)
                },
            ),
        }
    }

    /// Whether something comes from where anybody may be into OT or a DMZ.
    pub(super) fn is_untrusted_into_protected(&self, from: &End, to: &End) -> bool {
        let is_untrusted = from.zone.is_some_and(|zone| {
            zone == self.outside() || self.zone(zone).is_some_and(|plan| plan.class == Class::Untrusted)
        });
        let is_protected = to
            .zone
            .and_then(|zone| self.zone(zone))
            .is_some_and(|plan| plan.class == Class::Ot || plan.function == Function::Dmz);
        is_untrusted && is_protected
    }

    fn simulate_said(&self, from: End, key: &Key, row: &Row, days: &[(i32, u64)], add: &mut dyn FnMut(Simulated)) {
        let (what, is_denied) = match key.what {
            What::Says { sfi, talker, formatter } => {
                let (talker, formatter) = (talker.as_str(), formatter.as_str());
                let ask = NmeaAsk { from, to: End::default(), sfi, talker, formatter };
                let verdict = self.nmea_allows(&ask);
                (
                    format!("{} sends {talker}{formatter}", self.end_name(&from)),
                    matches!(verdict, NmeaVerdict::Denied { .. }),
                )
            }
            What::Sends { pgn } => {
                let Some(Identity::Name(name)) = key.from.identity() else { return };
                let name = name.number();
                let verdict = self.n2k_allows(&row.bus, name, pgn);
                (
                    format!("NAME {name:016x} on {} sends PGN {pgn}", row.bus),
                    matches!(verdict, N2kVerdict::Denied { .. }),
                )
            }
            What::Talks | What::Asks { .. } => return,
        };
        if is_denied && row.count >= 2 {
            add(Simulated {
                detection: "DW-3010",
                severity: Severity::Medium,
                what,
                line: String::new(),
                days: days.to_vec(),
            });
        }
    }

    /// Devices nobody declared, in zones whose devices are fixed.
    fn simulate_devices(&self, ends: (End, End), key: &Key, days: &[(i32, u64)], add: &mut dyn FnMut(Simulated)) {
        for (host, end) in [(key.from, ends.0), (key.to, ends.1)] {
            if self.is_undeclared(host, &end) {
                let what = format!("{} is not declared", self.end_name(&end));
                let severity = Severity::Medium;
                add(Simulated { detection: "DW-1001", severity, what, line: String::new(), days: days.to_vec() });
            }
        }
    }

    /// Whether an end is a device that its zone should know and does not.
    pub(super) fn is_undeclared(&self, host: Host, end: &End) -> bool {
        let is_device = match host.identity() {
            Some(Identity::Ip(ip)) => !(ip.is_unspecified() || ip.is_multicast() || ip.is_loopback()),
            Some(Identity::Mac(mac)) => !mac.is_none() && !mac.is_group(),
            _ => false,
        };
        let is_fixed = end
            .zone
            .filter(|zone| *zone != self.outside())
            .and_then(|zone| self.zone(zone))
            .is_some_and(|plan| plan.devices == Devices::Fixed);
        is_device && is_fixed && end.asset.is_none()
    }
}
