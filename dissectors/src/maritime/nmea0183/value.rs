//! Text of a sentence turned into values: numbers, positions, times, dates (IEC 61162-1, clause 7.2.3).
//!
//! Every function takes what stood between two commas and answers `None` for anything that is not the thing asked for; an empty field is
//! "not available" and never a value.

use std::time::Duration;

use dogwatch_model::CaptureTime;

/// Powers of ten that a double holds exactly; with a mantissa below 2^53 the quotient is then correctly rounded.
const POWERS: [f64; 20] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19];

/// A decimal number as it was written: `mantissa` over ten to the power of `places`.
#[derive(Clone, Copy)]
struct Decimal {
    negative: bool,
    mantissa: u64,
    places: usize,
}

/// Reads a decimal number with optional sign and fraction. Blanks around it are tolerated, exponents are not.
#[inline]
fn decimal(text: &[u8]) -> Option<Decimal> {
    let text = text.trim_ascii();
    let (negative, digits) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, text),
    };
    let mut mantissa = 0_u64;
    let mut places = 0_usize;
    let mut in_fraction = false;
    let mut seen = false;
    for &byte in digits {
        match byte {
            b'0'..=b'9' => {
                seen = true;
                // Past 2^53 further decimals say nothing a sensor could mean; further whole digits do, and no field has so many.
                if mantissa >= 900_719_925_474_099 {
                    if !in_fraction {
                        return None;
                    }
                    continue;
                }
                mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(byte.wrapping_sub(b'0')));
                places = places.wrapping_add(usize::from(in_fraction));
            }
            b'.' if !in_fraction => in_fraction = true,
            _ => return None,
        }
    }
    seen.then_some(Decimal { negative, mantissa, places })
}

/// A decimal number with optional sign and fraction, e.g. `+000.05`.
pub(crate) fn number(text: &[u8]) -> Option<f64> {
    let Decimal { negative, mantissa, places } = decimal(text)?;
    #[expect(clippy::cast_precision_loss, reason = "the mantissa stays below 2^53")]
    let value = mantissa as f64 / POWERS.get(places)?;
    Some(if negative { -value } else { value })
}

/// A whole number without sign.
pub(crate) fn unsigned(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    let mut value = 0_u64;
    for &byte in text {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(byte.wrapping_sub(b'0')));
    }
    Some(value)
}

/// A hexadecimal number of at most 16 digits.
pub(crate) fn hex(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 16 {
        return None;
    }
    let mut value = 0_u64;
    for &byte in text {
        value = (value << 4) | u64::from(hex_digit(byte)?);
    }
    Some(value)
}

/// The value of one hexadecimal digit.
pub(crate) const fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte.wrapping_sub(b'0')),
        b'A'..=b'F' => Some(byte.wrapping_sub(b'A' - 10)),
        b'a'..=b'f' => Some(byte.wrapping_sub(b'a' - 10)),
        _ => None,
    }
}

/// Degrees from `ddmm.mmm` or `dddmm.mmm` and the hemisphere letter; `None` outside `limit` degrees or 60 minutes.
fn degrees(text: &[u8], hemisphere: &[u8], limit: f64, letters: [u8; 2]) -> Option<f64> {
    let [positive, negative] = letters;
    let south_or_west = match hemisphere {
        [letter] if *letter == positive => false,
        [letter] if *letter == negative => true,
        _ => return None,
    };
    let Decimal { negative, mantissa, places } = decimal(text)?;
    if negative && mantissa > 0 {
        return None;
    }
    // Degrees and minutes are taken apart as whole numbers: 4808.1234 - 4800 would lose the last digits.
    let degree = 10_u64.checked_pow(u32::try_from(places).ok()?)?.checked_mul(100)?;
    let (whole, rest) = (mantissa.checked_div(degree)?, mantissa.checked_rem(degree)?);
    #[expect(clippy::cast_precision_loss, reason = "the mantissa stays below 2^53")]
    let (whole, minutes) = (whole as f64, rest as f64 / POWERS.get(places)?);
    let value = whole + minutes / 60.0;
    // Exactly 60 comes from receivers that round 59.9999… when printing.
    if minutes > 60.0 || value > limit {
        return None;
    }
    Some(if south_or_west { -value } else { value })
}

/// Latitude in degrees, north positive.
pub(crate) fn latitude(text: &[u8], hemisphere: &[u8]) -> Option<f64> {
    degrees(text, hemisphere, 90.0, *b"NS")
}

/// Longitude in degrees, east positive.
pub(crate) fn longitude(text: &[u8], hemisphere: &[u8]) -> Option<f64> {
    degrees(text, hemisphere, 180.0, *b"EW")
}

/// Two decimal digits.
fn pair(text: &[u8], at: usize) -> Option<u8> {
    match text.get(at..at.wrapping_add(2))? {
        &[tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            Some(tens.wrapping_sub(b'0').wrapping_mul(10).wrapping_add(ones.wrapping_sub(b'0')))
        }
        _ => None,
    }
}

/// A time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clock {
    /// 0..=23.
    pub(crate) hour: u8,
    /// 0..=59.
    pub(crate) minute: u8,
    /// 0..=60: leap seconds occur.
    pub(crate) second: u8,
    /// Nanoseconds of the second.
    pub(crate) nanos: u32,
}

impl Clock {
    /// Since midnight.
    pub(crate) fn since_midnight(self) -> Duration {
        let seconds = u64::from(self.hour)
            .wrapping_mul(3_600)
            .wrapping_add(u64::from(self.minute).wrapping_mul(60))
            .wrapping_add(u64::from(self.second));
        Duration::new(seconds, self.nanos)
    }
}

/// `hhmmss` with an optional fraction.
pub(crate) fn time(text: &[u8]) -> Option<Clock> {
    let (hour, minute, second) = (pair(text, 0)?, pair(text, 2)?, pair(text, 4)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut nanos = 0_u32;
    match text.get(6..)? {
        [] => {}
        [b'.', digits @ ..] => {
            let mut weight = 100_000_000_u32;
            for digit in digits {
                if !digit.is_ascii_digit() {
                    return None;
                }
                nanos = nanos.wrapping_add(weight.wrapping_mul(u32::from(digit.wrapping_sub(b'0'))));
                weight = weight.checked_div(10).unwrap_or(0);
            }
        }
        _ => return None,
    }
    Some(Clock { hour, minute, second, nanos })
}

/// A date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    /// With century.
    pub(crate) year: u16,
    /// 1..=12.
    pub(crate) month: u8,
    /// 1..=31.
    pub(crate) day: u8,
}

impl Date {
    /// Checks the ranges.
    pub(crate) fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        ((1..=12).contains(&month) && (1..=31).contains(&day)).then_some(Self { year, month, day })
    }

    /// This date at that time, UTC.
    pub(crate) fn at(self, clock: Clock) -> CaptureTime {
        // Days since 1970-01-01 by 400-year eras that begin on 1 March.
        let early = self.month <= 2;
        let year = i64::from(self.year).wrapping_sub(i64::from(early));
        let month = i64::from(self.month).wrapping_add(if early { 9 } else { -3 });
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year =
            month.wrapping_mul(153).wrapping_add(2).div_euclid(5).wrapping_add(i64::from(self.day)).wrapping_sub(1);
        let days = era
            .wrapping_mul(146_097)
            .wrapping_add(of_era.wrapping_mul(365))
            .wrapping_add(of_era.div_euclid(4))
            .wrapping_sub(of_era.div_euclid(100))
            .wrapping_add(of_year)
            .wrapping_sub(719_468);
        let of_day = clock.since_midnight();
        let seconds = days.saturating_mul(86_400).saturating_add_unsigned(of_day.as_secs());
        CaptureTime::from_parts(seconds, of_day.subsec_nanos())
    }
}

/// `ddmmyy`. The wire has no century: 80 to 99 is 19yy (GPS began in 1980), the rest 20yy.
pub(crate) fn date(text: &[u8]) -> Option<Date> {
    if text.len() != 6 {
        return None;
    }
    let (day, month, year) = (pair(text, 0)?, pair(text, 2)?, u16::from(pair(text, 4)?));
    Date::new(year.wrapping_add(if year >= 80 { 1_900 } else { 2_000 }), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (text, want) in [
            ("0", Some(0.0)),
            ("+000.05", Some(0.05)),
            ("-32.76800", Some(-32.768)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            (" 12.5 ", Some(12.5)),
            ("123.4567890123", Some(123.456_789_012_3)),
            ("", None),
            (".", None),
            ("-", None),
            ("1e5", None),
            ("1.2.3", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(number(text.as_bytes()), want, "{text}");
        }
        let long = number(b"12345678.123456789012345678").unwrap();
        assert!((long - 12_345_678.123_456_78).abs() < 1e-7, "decimals past what a double holds are dropped");
    }

    #[test]
    fn positions() {
        assert_eq!(latitude(b"4807.038", b"N"), Some(48.0 + 7.038 / 60.0));
        assert_eq!(longitude(b"12311.12", b"W"), Some(-(123.0 + 11.12 / 60.0)));
        assert_eq!(longitude(b"00007.5678", b"E"), Some(7.5678 / 60.0));
        assert_eq!(latitude(b"4808      ", b"N"), Some(48.0 + 8.0 / 60.0), "padded with blanks");
        assert_eq!(latitude(b"8960.000000", b"N"), Some(90.0), "rounded up when printed");
        for (text, hemisphere) in
            [("", "N"), ("4807.038", ""), ("4807.038", "E"), ("4860.1", "N"), ("9000.1", "N"), ("-4807.0", "N")]
        {
            assert_eq!(latitude(text.as_bytes(), hemisphere.as_bytes()), None, "{text} {hemisphere}");
        }
    }

    #[test]
    fn times_and_dates() {
        let leap = time(b"235960").unwrap();
        assert_eq!(leap.since_midnight(), Duration::from_secs(86_400));
        assert_eq!(time(b"101530.25").unwrap().nanos, 250_000_000);
        for bad in ["", "1015", "246000", "106000", "101561", "101530x", "101530.x"] {
            assert_eq!(time(bad.as_bytes()), None, "{bad}");
        }
        let at = date(b"221126").unwrap().at(time(b"101530.00").unwrap());
        assert_eq!(Some(at), CaptureTime::parse_rfc3339("2026-11-22T10:15:30Z"));
        assert_eq!(date(b"010180").unwrap().year, 1980);
        assert_eq!(date(b"290200").unwrap().at(time(b"000000").unwrap()).seconds(), 951_782_400);
        assert_eq!(date(b"001326"), None);
    }
}
