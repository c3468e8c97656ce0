//! The line count `n:` of TAG blocks as a loss meter, per source.
//!
//! A source counts its lines 1 to 999 and begins again. Whether it counts per transmission group or over all of them differs between
//! makes, and one flow sees one group: a line sent to another group looks like a lost one. So a gap is believed only from a source that was
//! seen counting through its whole range without any, and a source that has gaps sooner has to prove itself anew.

use dogwatch_model::Sfi;

/// Sources followed in one flow; the first come stay.
const SOURCES: usize = 32;
/// Where the count begins again.
const LAST: u32 = 999;
/// Lines in a row from which a gap is believed: one whole range.
const PROOF: u16 = 999;
/// The most that is saved up, and what one believed gap costs: a burst of losses is reported four times, then the source proves itself anew.
const MOST: u16 = 1_998;
const COST: u16 = 260;

/// What one line's count says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It follows the one before, begins anew, or nothing can be said.
    Fine,
    /// So many lines are missing.
    Gap(u32),
    /// It went back without beginning anew: two senders use one source, or lines were repeated.
    Backward,
}

#[derive(Debug, Clone, Copy)]
struct Counter {
    sfi: Sfi,
    last: u32,
    /// Lines without a gap, less what gaps cost.
    trust: u16,
}

/// The counters of one flow.
pub(crate) struct LineCounters {
    sources: [Option<Counter>; SOURCES],
}

impl LineCounters {
    pub(crate) const fn new() -> Self {
        Self { sources: [None; SOURCES] }
    }

    /// Takes the count of one line of `sfi`.
    pub(crate) fn line(&mut self, sfi: Sfi, count: u32) -> Step {
        for slot in &mut self.sources {
            match slot {
                Some(counter) if counter.sfi == sfi => return counter.step(count),
                Some(_) => {}
                None => {
                    *slot = Some(Counter { sfi, last: count, trust: 0 });
                    return Step::Fine;
                }
            }
        }
        Step::Fine
    }
}

impl Counter {
    fn step(&mut self, count: u32) -> Step {
        let last = std::mem::replace(&mut self.last, count);
        let next = last.saturating_add(1);
        if count == next || (count <= 1 && last >= LAST) {
            self.trust = self.trust.saturating_add(1).min(MOST);
            return Step::Fine;
        }
        // A device that starts begins at 1 (0 occurs).
        if count <= 1 {
            return Step::Fine;
        }
        if self.trust < PROOF {
            self.trust = 0;
            return Step::Fine;
        }
        self.trust = self.trust.saturating_sub(COST);
        let missing = if count > last {
            count.saturating_sub(next)
        } else {
            LAST.saturating_sub(last).saturating_add(count).saturating_sub(1)
        };
        // More than half the range forward is more likely a step back.
        if count <= last && missing > LAST / 2 { Step::Backward } else { Step::Gap(missing) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(counts: impl IntoIterator<Item = u32>) -> Vec<Step> {
        let sfi = Sfi::from_bytes(b"GP0001").unwrap();
        let mut counters = LineCounters::new();
        counts.into_iter().map(|count| counters.line(sfi, count)).filter(|step| *step != Step::Fine).collect()
    }

    /// A source that has proved itself: twice through the range, up to the end of it.
    fn proved(then: impl IntoIterator<Item = u32>) -> Vec<Step> {
        run((1..=999).chain(1..=999).chain(then))
    }

    #[test]
    fn gaps_of_a_steady_source() {
        assert_eq!(proved(1..5), []);
        assert_eq!(proved((1..=20).chain(24..=40)), [Step::Gap(3)]);
        assert_eq!(proved((1..=990).chain(5..=20)), [Step::Gap(13)], "over the end of the range");
        assert_eq!(proved((1..=20).chain(1..=20)), [], "a restart");
        assert_eq!(proved((1..=520).chain([3])), [Step::Gap(481)]);
        assert_eq!(proved((1..=520).chain([400])), [Step::Backward]);
        assert_eq!(run((0..=999).chain(0..=999).chain([0, 1, 3])), [Step::Gap(1)], "a range that begins at 0");
    }

    #[test]
    fn a_counter_shared_between_groups_says_nothing() {
        assert_eq!(run((1..900).step_by(3)), []);
        // A heartbeat to another group after every 60 lines, for five hours of one line a second.
        assert_eq!(run((0..18_000).filter(|n| n % 61 != 60).map(|n| n % 1_000)), []);
    }

    #[test]
    fn a_burst_of_losses_is_bounded() {
        let lossy: Vec<u32> = (1..=999).filter(|n| n % 10 != 0).collect();
        assert_eq!(proved(lossy).len(), 4);
    }

    #[test]
    fn bounded() {
        let mut counters = LineCounters::new();
        for n in 0..9_999_u32 {
            let text = format!("GP{n:04}");
            counters.line(Sfi::from_bytes(text.as_bytes()).unwrap(), 1);
        }
        assert_eq!(counters.sources.iter().flatten().count(), SOURCES);
    }
}
