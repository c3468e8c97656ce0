//! When the lines of a policy were last used, read from what was added up: for the warnings P008 (used after its end) and P009 (not used any more).
//! Nothing is counted on the packet path for it.

use dogwatch_model::ShipState;

use super::Policy;
use super::learned::judge_row;
use super::types::{ExceptionUse, LineHome, LineIx, LineUse, Usage};
use super::verdict::{Reason, Verdict};
use crate::aggregates::Learned;

impl Policy {
    /// The use of this policy's lines by what was seen.
    #[must_use]
    pub fn usage(&self, learned: &Learned) -> Usage {
        let mut usage = Usage {
            days_at_sea: learned.presence.days_in(ShipState::AtSea),
            days_in_port: learned.presence.days_in(ShipState::InPort),
            ..Usage::default()
        };
        for (key, _, row) in &learned.rows {
            let ends = self.ends_of(learned, key, row);
            if !self.is_judged(&ends.0, &ends.1) {
                continue;
            }
            for judged in judge_row(self, ends, key, row, row.last, ShipState::Unknown) {
                match judged.verdict {
                    Verdict::Allowed { line, .. }
                    | Verdict::AllowedByException { line }
                    | Verdict::AllowedByWindow { line, .. } => self.used(line, row.last, &mut usage),
                    Verdict::Denied(denial)
                        if matches!(denial.reason, Reason::Expired { .. } | Reason::WindowClosed { .. }) =>
                    {
                        if let Some(line) = denial.nearest {
                            self.used_after_end(line, row, &mut usage);
                        }
                    }
                    Verdict::Denied(_) => {}
                }
            }
        }
        usage
    }

    fn used(&self, line: LineIx, last: dogwatch_model::CaptureTime, usage: &mut Usage) {
        let Some(LineHome::Conduit { conduit, number }) = self.line(line).map(|line| &line.home) else { return };
        let Some(conduit) = self.conduit(*conduit) else { return };
        match usage.lines.iter_mut().find(|used| used.conduit == conduit.id && used.number == *number) {
            Some(used) => used.last = used.last.max(last),
            None => usage.lines.push(LineUse { conduit: conduit.id.clone(), number: *number, last }),
        }
    }

    fn used_after_end(&self, line: LineIx, row: &crate::aggregates::Row, usage: &mut Usage) {
        let Some(line) = self.line(line) else { return };
        let LineHome::Exception { id } = &line.home else { return };
        let window = line.when.window.and_then(|window| self.window(window)).map(|window| window.to);
        let Some(ended) = [line.until, window].into_iter().flatten().min() else { return };
        let count = row.count_after(ended);
        match usage.after_end.iter_mut().find(|used| used.id == *id) {
            Some(used) => {
                used.count = used.count.saturating_add(count);
                used.last = used.last.max(row.last);
            }
            None => usage.after_end.push(ExceptionUse { id: id.clone(), count, last: row.last }),
        }
    }
}
