//! Rates of lines and sentences, and the bounded counter that watches one. The counter's time is capture time.

use std::fmt;
use std::time::Duration;

use dogwatch_model::CaptureTime;

/// What a rate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Counted {
    /// Operations (requests, sentences).
    Operations,
    /// Bytes of payload.
    Bytes,
}

/// At most `amount` in each `period`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// What is counted.
    pub counted: Counted,
    /// How much is allowed in a period.
    pub amount: u64,
    /// How long a period is.
    pub period: Duration,
}

impl Rate {
    /// Reads `"2/s"`, `"30/min"`, `"60/h"`, `"1/day"`, `"5 MB/day"`, `"64 kB/s"`. Units of bytes are decimal (SI).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (amount, period) = text.split_once('/')?;
        let period = match period.trim() {
            "s" => Duration::from_secs(1),
            "min" => Duration::from_secs(60),
            "h" => Duration::from_secs(3_600),
            "day" => Duration::from_secs(86_400),
            _ => return None,
        };
        let amount = amount.trim();
        let digits = amount.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = amount.split_at_checked(digits)?;
        let number: u64 = number.parse().ok().filter(|n| *n > 0)?;
        let (counted, scale) = match unit.trim() {
            "" => (Counted::Operations, 1),
            "B" => (Counted::Bytes, 1),
            "kB" => (Counted::Bytes, 1_000),
            "MB" => (Counted::Bytes, 1_000_000),
            "GB" => (Counted::Bytes, 1_000_000_000),
            _ => return None,
        };
        Some(Self { counted, amount: number.checked_mul(scale)?, period })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.counted, self.amount) {
            (Counted::Operations, n) => write!(f, "{n}")?,
            (Counted::Bytes, n) if n % 1_000_000 == 0 => write!(f, "{} MB", n / 1_000_000)?,
            (Counted::Bytes, n) if n % 1_000 == 0 => write!(f, "{} kB", n / 1_000)?,
            (Counted::Bytes, n) => write!(f, "{n} B")?,
        }
        f.write_str(match self.period.as_secs() {
            1 => "/s",
            60 => "/min",
            3_600 => "/h",
            _ => "/day",
        })
    }
}

/// A token bucket for one rate: 48 bytes, no allocation. It holds `burst` periods' worth and fills evenly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateMeter {
    rate: Rate,
    capacity: f64,
    tokens: f64,
    last: Option<CaptureTime>,
    overrun_since: Option<CaptureTime>,
}

impl RateMeter {
    /// Starts full. `burst` is how many periods' worth may come at once; below 1 counts as 1.
    #[must_use]
    pub fn new(rate: Rate, burst: f64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a rounding of one part in 2^53 does not matter for a rate")]
        let capacity = (rate.amount as f64) * if burst.is_finite() { burst.max(1.0) } else { 1.0 };
        Self { rate, capacity, tokens: capacity, last: None, overrun_since: None }
    }

    /// The rate it watches.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes `amount` (operations or bytes, as the rate counts) at capture time `at`. Returns for how many whole periods the rate has been overrun
    /// without a pause of a period: `None` while it holds, `Some(0)` in the first period of an overrun. A clock that goes back fills nothing.
    pub fn take(&mut self, at: CaptureTime, amount: u64) -> Option<u64> {
        let idle = self.last.map_or(Duration::ZERO, |last| at.since(last));
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
        #[expect(clippy::cast_precision_loss, reason = "a rounding of one part in 2^53 does not matter for a rate")]
        let (filled, wanted) =
            (idle.as_secs_f64() / self.rate.period.as_secs_f64() * (self.rate.amount as f64), amount as f64);
        self.tokens = (self.tokens + filled).min(self.capacity);
        if idle >= self.rate.period {
            self.overrun_since = None;
        }
        if self.tokens >= wanted {
            self.tokens -= wanted;
            // One lucky operation while the bucket refills is not the end of an overrun; a bucket half full again is.
            if self.tokens * 2.0 >= self.capacity {
                self.overrun_since = None;
            }
            return None;
        }
        let since = *self.overrun_since.get_or_insert(at);
        let periods = at.since(since).as_nanos() / self.rate.period.as_nanos().max(1);
        Some(u64::try_from(periods).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rates() {
        for (text, counted, amount, seconds) in [
            ("2/s", Counted::Operations, 2, 1),
            ("30/min", Counted::Operations, 30, 60),
            ("60 / h", Counted::Operations, 60, 3_600),
            ("5 MB/day", Counted::Bytes, 5_000_000, 86_400),
            ("1500 MB/day", Counted::Bytes, 1_500_000_000, 86_400),
        ] {
            let want = Rate { counted, amount, period: Duration::from_secs(seconds) };
            assert_eq!(Rate::parse(text), Some(want), "{text}");
        }
        for bad in ["", "2", "/s", "0/s", "2/year", "2 XB/s", "-1/s", "99999999999999999999/s", "9999999999999 GB/s"] {
            assert_eq!(Rate::parse(bad), None, "{bad}");
        }
        assert_eq!(Rate::parse("5 MB/day").unwrap().to_string(), "5 MB/day");
    }

    #[test]
    fn a_steady_stream_at_the_limit_passes_and_twice_as_much_does_not() {
        let rate = Rate::parse("10/s").unwrap();
        let at = |millis| CaptureTime::from_millis(millis);
        let mut steady = RateMeter::new(rate, 2.0);
        assert!((0..1_000).all(|n| steady.take(at(n * 100), 1).is_none()));
        let mut fast = RateMeter::new(rate, 2.0);
        let longest = (0..1_000).filter_map(|n| fast.take(at(n * 50), 1)).max();
        // Before operation n the bucket holds 20 - n/2: the 39th, at 1.95 s, is the first refused; the last comes at 49.95 s, 48 periods later.
        assert_eq!(longest, Some(48));
        assert_eq!(fast.take(at(60_000), 1), None, "a pause ends it");
        assert_eq!(fast.take(at(1_000), 1), None, "a clock that goes back is survived");
    }
}
