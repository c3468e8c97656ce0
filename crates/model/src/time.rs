//! Capture time: when a frame was seen, as its source stamped it. Never the wall clock of this process.

use std::fmt;
use std::time::Duration;

/// Nanoseconds since 1970-01-01T00:00:00Z, taken from the frame. May jump in both directions: captures and capture clocks do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct CaptureTime(pub i64);

impl CaptureTime {
    /// Makes a time from whole seconds and nanoseconds since the epoch; saturates.
    #[must_use]
    pub const fn from_parts(seconds: i64, nanos: u32) -> Self {
        Self(seconds.saturating_mul(1_000_000_000).saturating_add(nanos as i64))
    }

    /// Makes a time from milliseconds since the epoch; saturates.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Whole milliseconds since the epoch, rounded down.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// How long after `earlier` this is; zero when the clock went back.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        let nanos = self.0.saturating_sub(earlier.0);
        if nanos > 0 { Duration::from_nanos(nanos as u64) } else { Duration::ZERO }
    }

    /// This time moved later by `by`; saturates.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// Reads RFC 3339 with `Z` or a numeric offset, e.g. `2027-04-10T06:00:00Z`; `None` when it is not that.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let number = |from: usize, len: usize| -> Option<i64> {
            let part = bytes.get(from..from.checked_add(len)?)?;
            if !part.iter().all(u8::is_ascii_digit) {
                return None;
            }
            Some(part.iter().fold(0_i64, |sum, digit| sum * 10 + i64::from(digit - b'0')))
        };
        let is = |at: usize, any_of: &[u8]| bytes.get(at).is_some_and(|byte| any_of.contains(byte));
        let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
        let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
        let punctuation = is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":");
        let in_range = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
        if !punctuation || !in_range {
            return None;
        }
        let rest = text.get(19..)?;
        let digits = rest.strip_prefix('.').map_or(0, |f| f.bytes().take_while(u8::is_ascii_digit).count());
        let mut nanos = 0_i64;
        if digits > 0 {
            for place in 0..9 {
                nanos = nanos * 10 + if place < digits { number(20 + place, 1)? } else { 0 };
            }
        }
        let zone = rest.get(if digits > 0 { digits + 1 } else { 0 }..)?;
        let offset = match zone.as_bytes() {
            b"Z" | b"z" => 0,
            [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] if [h1, h2, m1, m2].iter().all(|d| d.is_ascii_digit()) => {
                let (hours, minutes) = (
                    i64::from(h1 - b'0') * 10 + i64::from(h2 - b'0'),
                    i64::from(m1 - b'0') * 10 + i64::from(m2 - b'0'),
                );
                (hours * 3_600 + minutes * 60) * if *sign == b'-' { -1 } else { 1 }
            }
            _ => return None,
        };
        let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset;
        Some(Self(seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?))
    }

    /// Calendar parts in UTC: year, month, day, hour, minute, second, nanosecond.
    #[must_use]
    pub const fn civil(self) -> (i64, u8, u8, u8, u8, u8, u32) {
        let seconds = self.seconds();
        let nanos = self.0.rem_euclid(1_000_000_000) as u32;
        let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        (year, month, day, (of_day / 3_600) as u8, (of_day / 60 % 60) as u8, (of_day % 60) as u8, nanos)
    }
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar (counted in 400-year eras that begin on 1 March).
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The inverse of [`days_from_civil`].
const fn civil_from_days(days: i64) -> (i64, u8, u8) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = (of_year - (153 * shifted_month + 2) / 5 + 1) as u8;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month as u8, day)
}

/// RFC 3339 in UTC with microseconds: `2026-05-04T10:11:12.123456Z`.
impl fmt::Display for CaptureTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, hour, minute, second, nanos) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:06}Z", nanos / 1_000)
    }
}

impl From<CaptureTime> for String {
    fn from(time: CaptureTime) -> Self {
        time.to_string()
    }
}

impl TryFrom<String> for CaptureTime {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse_rfc3339(&text)
            .ok_or_else(|| format!("`{text}` is not an RFC 3339 time such as 2027-04-10T06:00:00Z"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00.000000Z", 0),
            ("2000-02-29T12:00:00.000000Z", 951_825_600),
            ("2026-11-22T00:00:00.000000Z", 1_795_305_600),
            ("1969-12-31T23:59:59.000000Z", -1),
            ("2100-03-01T00:00:00.000000Z", 4_107_542_400),
        ] {
            let time = CaptureTime::from_parts(seconds, 0);
            assert_eq!(time.to_string(), text);
            assert_eq!(CaptureTime::parse_rfc3339(text), Some(time), "{text}");
        }
    }

    #[test]
    fn offsets_fractions_and_garbage() {
        let utc = CaptureTime::parse_rfc3339("2027-04-10T06:00:00.25Z").unwrap();
        assert_eq!(utc.0 % 1_000_000_000, 250_000_000);
        assert_eq!(CaptureTime::parse_rfc3339("2027-04-10T08:00:00.25+02:00"), Some(utc));
        for bad in [
            "",
            "2027-04-10",
            "2027-13-10T06:00:00Z",
            "2027-04-10T06:00:00",
            "2027-04-10T06:00:00.Z",
            "2027-04-10T06:00:00+2",
            "é027-04-10T06:00:00Z",
        ] {
            assert_eq!(CaptureTime::parse_rfc3339(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_clock_that_goes_back_gives_zero() {
        assert_eq!(CaptureTime(5).since(CaptureTime(9)), Duration::ZERO);
    }
}
