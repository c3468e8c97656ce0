//! What can be said of traffic that nobody recognises: how often, how large, how random. Never a name.
//!
//! Kept only for flows without a dissector, and only sums, so that what was added up can be told apart from what came since. Deliberately absent:
//! guesses by port, and payload itself.

use std::time::Duration;

use dogwatch_model::CaptureTime;

/// Payloads whose entropy is measured; later ones look the same.
const SAMPLES: u32 = 8;
/// Bytes of one payload that are looked at.
const LOOKED_AT: usize = 256;
/// Shorter payloads say nothing about randomness.
const LEAST_LOOKED_AT: usize = 16;

/// Sums over the payloads of unrecognised traffic.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Profile {
    /// Packets with payload.
    pub payloads: u64,
    /// Bytes of payload.
    pub bytes: u64,
    /// Bytes of the smallest payload.
    pub least: u32,
    /// Bytes of the largest payload.
    pub most: u32,
    /// Times between two payloads that were added up.
    pub intervals: u64,
    /// Their sum, in seconds.
    pub seconds: f64,
    /// The sum of their squares, in seconds squared.
    pub seconds_squared: f64,
    /// Payloads whose entropy was measured.
    pub samples: u32,
    /// Sum of their entropy, each as a share of the most that its length allows.
    pub entropy: f64,
}

impl Profile {
    /// Takes a payload in that came `after` the one before.
    fn add(&mut self, payload: &[u8], after: Option<Duration>) {
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        self.least = if self.payloads == 0 { length } else { self.least.min(length) };
        self.most = self.most.max(length);
        self.payloads = self.payloads.saturating_add(1);
        self.bytes = self.bytes.saturating_add(length.into());
        if let Some(after) = after {
            let seconds = after.as_secs_f64();
            self.intervals = self.intervals.saturating_add(1);
            self.seconds += seconds;
            self.seconds_squared += seconds * seconds;
        }
        if self.samples < SAMPLES && payload.len() >= LEAST_LOOKED_AT {
            self.samples = self.samples.saturating_add(1);
            self.entropy += entropy(payload.get(..LOOKED_AT).unwrap_or(payload));
        }
    }

    /// Adds another profile.
    pub fn merge(&mut self, other: &Self) {
        if other.payloads == 0 {
            return;
        }
        self.least = if self.payloads == 0 { other.least } else { self.least.min(other.least) };
        self.most = self.most.max(other.most);
        self.payloads = self.payloads.saturating_add(other.payloads);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.intervals = self.intervals.saturating_add(other.intervals);
        self.seconds += other.seconds;
        self.seconds_squared += other.seconds_squared;
        self.samples = self.samples.saturating_add(other.samples);
        self.entropy += other.entropy;
    }

    /// What came since `before` was told of the same flow. Smallest and largest stay those of the whole.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            payloads: self.payloads.saturating_sub(before.payloads),
            bytes: self.bytes.saturating_sub(before.bytes),
            least: self.least,
            most: self.most,
            intervals: self.intervals.saturating_sub(before.intervals),
            seconds: self.seconds - before.seconds,
            seconds_squared: self.seconds_squared - before.seconds_squared,
            samples: self.samples.saturating_sub(before.samples),
            entropy: self.entropy - before.entropy,
        }
    }

    /// Seconds between two payloads on average, and their standard deviation; `None` before the second payload.
    #[must_use]
    pub fn cadence(&self) -> Option<(f64, f64)> {
        let count = self.intervals as f64;
        (self.intervals > 0).then(|| {
            let mean = self.seconds / count;
            (mean, (self.seconds_squared / count - mean * mean).max(0.0).sqrt())
        })
    }

    /// Mean entropy as a share of what is possible: text about 0.7, compressed or encrypted bytes near 1.
    #[must_use]
    pub fn randomness(&self) -> Option<f64> {
        (self.samples > 0).then(|| self.entropy / f64::from(self.samples))
    }
}

/// A profile that is still growing.
#[derive(Debug, Default)]
pub(crate) struct Growing {
    pub(crate) sums: Profile,
    last: Option<CaptureTime>,
}

impl Growing {
    /// Takes a payload in.
    pub(crate) fn note(&mut self, at: CaptureTime, payload: &[u8]) {
        self.sums.add(payload, self.last.map(|last| at.since(last)));
        self.last = Some(at);
    }
}

/// Shannon entropy of the bytes over the most that so many bytes can have.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u16; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    let total = bytes.len() as f64;
    let shares = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / total);
    let bits: f64 = shares.map(|share| -share * share.log2()).sum();
    if bytes.len() > 1 { bits / total.min(256.0).log2() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_cadence() {
        let mut growing = Growing::default();
        for (second, length) in [(0, 20), (10, 40), (20, 30)] {
            growing.note(CaptureTime::from_parts(second, 0), &vec![0; length]);
        }
        let sums = growing.sums;
        assert_eq!((sums.payloads, sums.bytes, sums.least, sums.most), (3, 90, 20, 40));
        assert_eq!(sums.cadence(), Some((10.0, 0.0)));
        assert_eq!(sums.randomness(), Some(0.0), "one byte value over and over");
        assert_eq!(Profile::default().cadence(), None);
        assert_eq!(Profile::default().randomness(), None);
    }

    #[test]
    fn jitter_is_the_standard_deviation() {
        let mut growing = Growing::default();
        // 1 s, 3 s, 1 s, 3 s: mean 2, deviation 1
        for second in [0, 1, 4, 5, 8] {
            growing.note(CaptureTime::from_parts(second, 0), b"x");
        }
        assert_eq!(growing.sums.cadence(), Some((2.0, 1.0)));
    }

    #[test]
    fn entropy_between_its_ends() {
        let all: Vec<u8> = (0..=255).collect();
        assert!((entropy(&all) - 1.0).abs() < 1e-9, "every byte once is the most");
        assert!((entropy(&[0, 1].repeat(8)) - 0.25).abs() < 1e-9, "one bit of the four that 16 bytes can have");
        let text = entropy(b"Every good boy deserves favour, and every other one as well.");
        assert!((0.5..0.85).contains(&text), "{text}");
    }

    #[test]
    fn parts_add_up() {
        let mut growing = Growing::default();
        growing.note(CaptureTime::from_parts(0, 0), b"0123456789abcdef");
        let before = growing.sums;
        growing.note(CaptureTime::from_parts(2, 0), b"fedcba9876543210---");
        let mut merged = before;
        merged.merge(&growing.sums.since(&before));
        assert_eq!(merged, growing.sums);
    }
}
