//! How many bytes the link may carry for us in a day. The last tenth is kept for critical findings.
//!
//! Bytes are those of the IP link as well as they can be told from above: TLS bytes both ways plus headers of the segments that carried them.

use dogwatch_bundle::Class;

const DAY_MS: i64 = 86_400_000;
/// One part in so many is kept for critical records.
const RESERVED_PART: u64 = 10;

/// The budget of one day (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Bytes allowed a day.
    pub daily_bytes: u64,
    /// Days since 1970.
    day: i64,
    used: u64,
}

impl Budget {
    /// A budget of which `used` bytes went on `day` (days since 1970).
    #[must_use]
    pub const fn new(daily_bytes: u64, day: i64, used: u64) -> Self {
        Self { daily_bytes, day, used }
    }

    /// Begins a new day when it is one. A clock that was set, either way, begins one as well: it happens rarely, and the other choice
    /// would silence a box whose clock had once been years ahead.
    pub fn turn(&mut self, now_ms: i64) {
        let day = now_ms.div_euclid(DAY_MS);
        if day != self.day {
            (self.day, self.used) = (day, 0);
        }
    }

    /// Notes that bytes went over the link.
    pub fn spend(&mut self, bytes: u64) {
        self.used = self.used.saturating_add(bytes);
    }

    /// Bytes that a record of this class may still use today.
    #[must_use]
    pub fn left(&self, class: Class) -> u64 {
        let reserved = if class == Class::Critical { 0 } else { self.daily_bytes / RESERVED_PART };
        self.daily_bytes.saturating_sub(reserved).saturating_sub(self.used)
    }

    /// Bytes used today.
    #[must_use]
    pub const fn used(&self) -> u64 {
        self.used
    }

    /// The day, counted from 1970.
    #[must_use]
    pub const fn day(&self) -> i64 {
        self.day
    }

    /// Milliseconds until the next day begins.
    #[must_use]
    pub const fn until_next_day_ms(now_ms: i64) -> i64 {
        DAY_MS - now_ms.rem_euclid(DAY_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_tenth_is_for_critical() {
        let mut budget = Budget::new(1_000, 3, 0);
        assert_eq!((budget.left(Class::Routine), budget.left(Class::Critical)), (900, 1_000));
        budget.spend(900);
        assert_eq!((budget.left(Class::High), budget.left(Class::Critical)), (0, 100));
        budget.spend(200);
        assert_eq!(budget.left(Class::Critical), 0);
    }

    #[test]
    fn a_new_day_is_a_new_budget() {
        let mut budget = Budget::new(1_000, 0, 0);
        budget.turn(5 * DAY_MS - 1);
        budget.spend(700);
        budget.turn(5 * DAY_MS - 1);
        assert_eq!(budget.used(), 700);
        assert_eq!(Budget::until_next_day_ms(5 * DAY_MS - 1), 1);
        budget.turn(5 * DAY_MS);
        assert_eq!((budget.used(), budget.day()), (0, 5));
    }
}
