//! How long to wait after a failure: full jitter between the shortest wait and a ceiling that doubles, so that a fleet that lost the same
//! satellite does not come back in step.

use std::time::Duration;

use ring::rand::SecureRandom as _;

/// Waits between attempts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backoff {
    shortest: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    pub(super) const fn new(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest, failures: 0 }
    }

    pub(super) const fn reset(&mut self) {
        self.failures = 0;
    }

    /// The wait after one more failure.
    pub(super) fn next(&mut self) -> Duration {
        let ceiling = self.ceiling();
        self.failures = self.failures.saturating_add(1);
        let room = ceiling.saturating_sub(self.shortest);
        self.shortest.saturating_add(room.mul_f64(random_part()))
    }

    fn ceiling(&self) -> Duration {
        let doubled = 1_u32.checked_shl(self.failures.saturating_add(1)).unwrap_or(u32::MAX);
        self.shortest.saturating_mul(doubled).min(self.longest).max(self.shortest)
    }
}

/// A number from 0 up to 1; one half when the system gives no randomness, which still backs off.
fn random_part() -> f64 {
    let mut bytes = [0_u8; 4];
    match ring::rand::SystemRandom::new().fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_be_bytes(bytes)) / (f64::from(u32::MAX) + 1.0),
        Err(_) => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_between_its_ends_and_grows() {
        let (shortest, longest) = (Duration::from_secs(5), Duration::from_secs(900));
        let mut backoff = Backoff::new(shortest, longest);
        let mut ceiling = Duration::ZERO;
        for _ in 0..80 {
            assert!(backoff.ceiling() >= ceiling);
            ceiling = backoff.ceiling();
            let wait = backoff.next();
            assert!((shortest..=ceiling).contains(&wait), "{wait:?}");
        }
        assert_eq!(ceiling, longest);
        backoff.reset();
        assert_eq!(backoff.ceiling(), Duration::from_secs(10));
    }
}
