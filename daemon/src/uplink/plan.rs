//! What goes next: which records wait, which of them are due, and in which order they are packed.
//!
//! Critical newest first (the latest tells most about now), then high and whatever has waited twice its time oldest first, then routine, then
//! inventory. Nothing can starve, because waiting makes it urgent.

use std::collections::BTreeMap;
use std::time::Duration;

use dogwatch_bundle::Class;

/// Most waiting records kept in mind; the rest stay in the queue until there is room.
pub(super) const MAX_PENDING: usize = 200_000;
/// A bundle that goes anyway is filled up to so many records: the smallest session costs more than they do.
const FILL_RECORDS: usize = 64;

/// How long a record of each class may wait for company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// High severity. Critical never waits.
    pub high: Duration,
    /// Everything else that people read.
    pub routine: Duration,
    /// Inventory.
    pub bulk: Duration,
    /// So many waiting records are a full bundle: send now.
    pub full_records: usize,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            high: Duration::from_secs(120),
            routine: Duration::from_secs(3_600),
            bulk: Duration::from_secs(3_600),
            full_records: 500,
        }
    }
}

impl Deadlines {
    fn wait_ms(&self, class: Class) -> i64 {
        let wait = match class {
            Class::Critical => Duration::ZERO,
            Class::High => self.high,
            Class::Routine => self.routine,
            Class::Bulk => self.bulk,
        };
        i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)
    }
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    class: Class,
    since_ms: i64,
    /// Set aside until then: the shore refused it for good.
    parked_until_ms: i64,
}

/// The records that wait, by number.
#[derive(Debug, Default)]
pub struct Pending {
    waiting: BTreeMap<u64, Waiting>,
}

impl Pending {
    /// Adds a record.
    pub fn add(&mut self, seq: u64, class: Class, since_ms: i64) {
        self.waiting.insert(seq, Waiting { class, since_ms, parked_until_ms: i64::MIN });
    }

    /// Forgets a record that the shore holds.
    pub fn remove(&mut self, seq: u64) {
        self.waiting.remove(&seq);
    }

    /// Keeps only the records that `keep` wants.
    pub fn retain(&mut self, mut keep: impl FnMut(u64) -> bool) {
        self.waiting.retain(|&seq, _| keep(seq));
    }

    /// Sets records aside.
    pub fn park(&mut self, seqs: &[u64], until_ms: i64) {
        for seq in seqs {
            if let Some(waiting) = self.waiting.get_mut(seq) {
                waiting.parked_until_ms = until_ms;
            }
        }
    }

    /// The clock was set back to `now_ms`: nothing was queued later than that, and nothing is set aside any longer.
    pub fn set_back(&mut self, now_ms: i64) {
        for waiting in self.waiting.values_mut() {
            waiting.since_ms = waiting.since_ms.min(now_ms);
            waiting.parked_until_ms = waiting.parked_until_ms.min(now_ms);
        }
    }

    /// Lowest number that waits.
    #[must_use]
    pub fn lowest(&self) -> Option<u64> {
        self.waiting.first_key_value().map(|(&seq, _)| seq)
    }

    /// Number of records that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Records waiting by class, most urgent first.
    #[must_use]
    pub fn by_class(&self) -> [u64; 4] {
        let mut counts = [0; 4];
        for waiting in self.waiting.values() {
            if let Some(count) = counts.get_mut(usize::from(waiting.class.number())) {
                *count += 1;
            }
        }
        counts
    }

    /// When the oldest waiting record was queued, milliseconds.
    #[must_use]
    pub fn oldest_ms(&self) -> Option<i64> {
        self.waiting.values().map(|waiting| waiting.since_ms).min()
    }

    /// The same of those of class critical or high.
    #[must_use]
    pub fn oldest_urgent_ms(&self) -> Option<i64> {
        let urgent = self.waiting.values().filter(|waiting| matches!(waiting.class, Class::Critical | Class::High));
        urgent.map(|waiting| waiting.since_ms).min()
    }

    /// Whether a critical record waits that is not among `taken`.
    #[must_use]
    pub fn has_other_critical(&self, taken: &[u64], now_ms: i64) -> bool {
        self.ready(now_ms).any(|(seq, waiting)| waiting.class == Class::Critical && !taken.contains(&seq))
    }

    fn ready(&self, now_ms: i64) -> impl Iterator<Item = (u64, &Waiting)> {
        self.waiting.iter().filter(move |(_, w)| w.parked_until_ms <= now_ms).map(|(&seq, waiting)| (seq, waiting))
    }

    /// When the next record falls due, milliseconds; the past when one is due now.
    #[must_use]
    pub fn next_due_ms(&self, deadlines: &Deadlines, now_ms: i64) -> Option<i64> {
        if self.ready(now_ms).count() >= deadlines.full_records {
            return Some(now_ms);
        }
        let due = |w: &Waiting| w.since_ms.saturating_add(deadlines.wait_ms(w.class)).max(w.parked_until_ms);
        self.waiting.values().map(due).min()
    }

    /// What to pack now: numbers with their class in order of urgency, at most `max`. Empty when nothing is due.
    #[must_use]
    pub fn choose(&self, deadlines: &Deadlines, now_ms: i64, max: usize) -> Vec<(u64, Class)> {
        if self.next_due_ms(deadlines, now_ms).is_none_or(|due| due > now_ms) {
            return Vec::new();
        }
        let full = self.ready(now_ms).count() >= deadlines.full_records;
        let mut ranked: Vec<(bool, u8, i64, u64, Class)> = self
            .ready(now_ms)
            .map(|(seq, waiting)| {
                let (wait, age) = (deadlines.wait_ms(waiting.class), now_ms.saturating_sub(waiting.since_ms));
                let late = age >= wait.saturating_mul(2).max(1);
                let rank = match waiting.class {
                    Class::Critical => 0,
                    Class::High => 1,
                    _ if late => 1,
                    Class::Routine => 2,
                    Class::Bulk => 3,
                };
                let order = i64::try_from(seq).unwrap_or(i64::MAX);
                let order = if rank == 0 { -order } else { order };
                (!(full || age >= wait), rank, order, seq, waiting.class)
            })
            .collect();
        // Due ones by rank first; those that are not due only fill up.
        ranked.sort_unstable();
        let due = ranked.iter().filter(|(early, ..)| !early).count();
        ranked.truncate(max.min(due.max(FILL_RECORDS)));
        ranked.into_iter().map(|(_, _, _, seq, class)| (seq, class)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINES: Deadlines = Deadlines {
        high: Duration::from_secs(10),
        routine: Duration::from_secs(100),
        bulk: Duration::from_secs(100),
        full_records: 50,
    };

    fn pending(records: &[(u64, Class, i64)]) -> Pending {
        let mut pending = Pending::default();
        records.iter().for_each(|&(seq, class, since)| pending.add(seq, class, since));
        pending
    }

    fn seqs(pending: &Pending, now_ms: i64) -> Vec<u64> {
        pending.choose(&DEADLINES, now_ms, 1000).into_iter().map(|(seq, _)| seq).collect()
    }

    #[test]
    fn nothing_goes_before_something_is_due() {
        let pending = pending(&[(1, Class::Routine, 0), (2, Class::Bulk, 0), (3, Class::High, 0)]);
        assert_eq!(seqs(&pending, 9_999), Vec::<u64>::new());
        assert_eq!(pending.next_due_ms(&DEADLINES, 0), Some(10_000));
        // The high one opens the session; the others fill it up.
        assert_eq!(seqs(&pending, 10_000), [3, 1, 2]);
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nothing_waiting() {
        // queued and set aside while the clock was a year ahead
        const YEAR_MS: i64 = 365 * 86_400_000;
        let mut pending = pending(&[(1, Class::High, YEAR_MS), (2, Class::Routine, YEAR_MS)]);
        pending.park(&[2], YEAR_MS + 60_000);
        assert_eq!(seqs(&pending, 20_000), Vec::<u64>::new(), "not due for a year");
        pending.set_back(5_000);
        assert_eq!(seqs(&pending, 14_999), Vec::<u64>::new());
        assert_eq!(seqs(&pending, 15_000), [1, 2]);
        // set forward: all that waits is due
        assert_eq!(pending.next_due_ms(&DEADLINES, YEAR_MS).map(|due| due <= YEAR_MS), Some(true));
    }

    #[test]
    fn critical_newest_first_then_oldest_first() {
        let pending = pending(&[
            (1, Class::Routine, 0),
            (2, Class::Critical, 5),
            (3, Class::High, 6),
            (4, Class::Bulk, 0),
            (5, Class::Critical, 9),
            (6, Class::High, 9),
        ]);
        assert_eq!(seqs(&pending, 120_000), [5, 2, 3, 6, 1, 4]);
        // Twice its time late, inventory is as urgent as a high finding and older than one.
        assert_eq!(seqs(&pending, 250_000), [5, 2, 1, 3, 4, 6]);
    }

    #[test]
    fn a_full_bundle_does_not_wait() {
        let mut pending = Pending::default();
        (1..=49).for_each(|seq| pending.add(seq, Class::Routine, 0));
        assert!(seqs(&pending, 1).is_empty());
        pending.add(50, Class::Bulk, 0);
        assert_eq!(seqs(&pending, 1).len(), 50);
    }

    #[test]
    fn parked_records_wait_but_stay() {
        let mut pending = pending(&[(1, Class::Critical, 0), (2, Class::Critical, 0)]);
        pending.park(&[2], 500);
        assert_eq!(seqs(&pending, 100), [1]);
        pending.remove(1);
        assert!(seqs(&pending, 100).is_empty());
        assert_eq!(pending.next_due_ms(&DEADLINES, 100), Some(500));
        assert_eq!((seqs(&pending, 500), pending.lowest()), (vec![2], Some(2)));
    }
}
