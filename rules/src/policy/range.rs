//! Register ranges, object names with ranges, and server names: what a line allows an operation to touch.

use std::fmt;

/// Inclusive zero-based protocol addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressRange {
    /// First address.
    pub first: u16,
    /// Last address.
    pub last: u16,
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { write!(f, "{}", self.first) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

/// Why a range cannot be read, with what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RangeProblem {
    pub(super) message: String,
    pub(super) help: String,
}

/// How a range was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReadRange {
    pub(super) range: AddressRange,
    /// Written with the prefix `4x`.
    pub(super) one_based: bool,
}

impl AddressRange {
    /// Reads `"12"`, `"100-120"`, `"4x00101-4x00121"`.
    pub(super) fn parse(text: &str) -> Result<ReadRange, RangeProblem> {
        let (first_text, last_text) = text.split_once('-').unwrap_or((text, text));
        let (first, one_based) = address(text, first_text.trim())?;
        let (last, last_one_based) = address(text, last_text.trim())?;
        if one_based != last_one_based {
            return Err(RangeProblem {
                message: format!("\"{text}\" mixes 1-based and zero-based notation"),
                help: "give both ends the prefix 4x, or none".to_owned(),
            });
        }
        if last < first {
            return Err(RangeProblem {
                message: format!("\"{text}\" runs backwards"),
                help: format!("write \"{}-{}\"", last_text.trim(), first_text.trim()),
            });
        }
        let highest = if one_based { "4x65536" } else { "65535" };
        let (Ok(first), Ok(last)) = (u16::try_from(first), u16::try_from(last)) else {
            return Err(RangeProblem {
                message: format!("\"{text}\" ends after {highest}"),
                help: format!("the last address is {highest}"),
            });
        };
        Ok(ReadRange { range: Self { first, last }, one_based })
    }

    /// The same range in 1-based notation.
    #[must_use]
    pub fn one_based(self) -> String {
        let first = u32::from(self.first) + 1;
        let last = u32::from(self.last) + 1;
        if first == last { format!("4x{first:05}") } else { format!("4x{first:05}-4x{last:05}") }
    }
}

/// One end of a range, zero-based, and whether it was written 1-based.
fn address(whole: &str, text: &str) -> Result<(u32, bool), RangeProblem> {
    let lower = text.to_ascii_lowercase();
    let (digits, one_based) = match lower.strip_prefix("4x") {
        Some(digits) => (digits, true),
        None => (lower.as_str(), false),
    };
    let is_number = !digits.is_empty() && digits.len() <= 9 && digits.bytes().all(|digit| digit.is_ascii_digit());
    let Some(number) = is_number.then(|| digits.parse::<u32>().ok()).flatten() else {
        return Err(RangeProblem {
            message: format!("\"{whole}\" is no register range"),
            help: "write \"12\", \"100-120\", or 1-based \"4x00101-4x00121\"".to_owned(),
        });
    };
    if !one_based {
        return Ok((number, false));
    }
    match number.checked_sub(1) {
        Some(zero_based) => Ok((zero_based, true)),
        None => Err(RangeProblem {
            message: format!("\"{text}\": 1-based notation starts at 1"),
            help: "the first register is 4x00001".to_owned(),
        }),
    }
}

/// A named object with an optional range at its end: `db10.0-63`, `m40-47`, `analog-value:1-40`, `station 1 object 100-120`, `db10`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectPattern {
    /// What stands before the range, in lower case, without the separator.
    pub stem: String,
    /// Numbers at the end; `None` covers the stem itself and everything below it.
    pub range: Option<(u64, u64)>,
    /// The whole pattern in lower case.
    pub text: String,
}

impl ObjectPattern {
    /// Reads a pattern; `None` when the text is empty or its range runs backwards.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let text = text.strip_suffix(".*").or_else(|| text.strip_suffix(":*")).unwrap_or(&text);
        if text.is_empty() {
            return None;
        }
        match Numbered::split(text) {
            Some(Numbered { first, last, .. }) if last < first => None,
            Some(Numbered { stem, first, last }) => {
                Some(Self { stem: stem.to_owned(), range: Some((first, last)), text: text.to_owned() })
            }
            None => Some(Self { stem: text.to_owned(), range: None, text: text.to_owned() }),
        }
    }

    /// The numbers below `stem` that it covers; every number when the whole pattern stands above `whole`.
    #[must_use]
    pub(super) fn covers(&self, stem: &str, whole: &str) -> Option<(u64, u64)> {
        match self.range {
            Some(range) if self.stem.eq_ignore_ascii_case(stem) => Some(range),
            _ => self.is_above(whole).then_some((0, u64::MAX)),
        }
    }

    /// Whether `whole` is the pattern itself or something below it.
    fn is_above(&self, whole: &str) -> bool {
        let Some((head, tail)) = whole.split_at_checked(self.text.len()) else { return false };
        head.eq_ignore_ascii_case(&self.text) && (tail.is_empty() || tail.starts_with(['.', ':', ' ']))
    }
}

impl fmt::Display for ObjectPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A name that ends in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbered<'a> {
    pub(super) stem: &'a str,
    pub(super) first: u64,
    pub(super) last: u64,
}

impl<'a> Numbered<'a> {
    /// Splits `db10.0-63`; `None` when the name does not end in numbers after a separator. The areas of an S7 controller that have no number of their
    /// own (`m40-47`, and likewise `i`, `q`, `c`, `t`) need no separator; `db10` is a whole block.
    pub(super) fn split(text: &'a str) -> Option<Self> {
        let (stem, numbers) = match text.rfind(['.', ':', ' ']) {
            Some(at) => (text.get(..at)?, text.get(at + 1..)?),
            None => {
                let (area, numbers) = text.split_at_checked(1)?;
                let is_area = ["m", "i", "q", "c", "t"].iter().any(|known| known.eq_ignore_ascii_case(area));
                (is_area.then_some(area)?, numbers)
            }
        };
        let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
        let number = |digits: &str| -> Option<u64> {
            let plain = !digits.is_empty() && digits.len() <= 18 && digits.bytes().all(|digit| digit.is_ascii_digit());
            plain.then(|| digits.parse().ok()).flatten()
        };
        let (first, last) = (number(first)?, number(last)?);
        (!stem.is_empty()).then_some(Self { stem, first, last })
    }
}

/// A server name: exact, or `*.suffix` for every name below the suffix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    /// The name or suffix in lower case, without `*.`.
    pub name: String,
    /// Whether names below it are meant (never the suffix itself).
    pub below: bool,
}

impl HostPattern {
    /// Reads a pattern; `None` when it is not a host name with an optional `*.` in front.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, below) = match text.strip_prefix("*.") {
            Some(suffix) => (suffix, true),
            None => (text, false),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        let fits = !name.is_empty() && name.len() <= 253 && name.chars().all(plain) && !name.starts_with('.');
        fits.then(|| Self { name: name.trim_end_matches('.').to_ascii_lowercase(), below })
    }

    /// Whether a name seen on the wire fits.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        if !self.below {
            return host.eq_ignore_ascii_case(&self.name);
        }
        let Some(cut) = host.len().checked_sub(self.name.len()) else { return false };
        let Some((head, tail)) = host.split_at_checked(cut) else { return false };
        tail.eq_ignore_ascii_case(&self.name) && head.len() > 1 && head.ends_with('.')
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.below { "*." } else { "" }, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn register_ranges() {
        for (text, first, last, one_based) in [
            ("12", 12, 12, false),
            ("100-120", 100, 120, false),
            ("4x00101-4x00121", 100, 120, true),
            ("4x1", 0, 0, true),
            ("4x65536", 65_535, 65_535, true),
            ("0-65535", 0, 65_535, false),
        ] {
            assert_eq!(
                AddressRange::parse(text),
                Ok(ReadRange { range: AddressRange { first, last }, one_based }),
                "{text}"
            );
        }
        for (text, message) in [
            ("120-100", "\"120-100\" runs backwards"),
            ("4x00000", "\"4x00000\": 1-based notation starts at 1"),
            ("65530-65540", "\"65530-65540\" ends after 65535"),
            ("4x65536-4x65537", "\"4x65536-4x65537\" ends after 4x65536"),
            ("4x10-20", "\"4x10-20\" mixes 1-based and zero-based notation"),
            ("a", "\"a\" is no register range"),
            ("", "\"\" is no register range"),
            ("1-2-3", "\"1-2-3\" is no register range"),
            ("-5", "\"-5\" is no register range"),
            ("99999999999", "\"99999999999\" is no register range"),
        ] {
            assert_eq!(AddressRange::parse(text).unwrap_err().message, message);
        }
        assert_eq!(AddressRange { first: 0, last: 9 }.one_based(), "4x00001-4x00010");
    }

    #[test]
    fn object_patterns() {
        let pattern = |text: &str| ObjectPattern::parse(text).unwrap();
        for (text, stem, range) in [
            ("db10.0-63", "db10", Some((0, 63))),
            ("DB10.*", "db10", None),
            ("db10", "db10", None),
            ("m40-47", "m", Some((40, 47))),
            ("analog-value:1-40", "analog-value", Some((1, 40))),
            ("station 1 object 100-120", "station 1 object", Some((100, 120))),
            ("motor", "motor", None),
        ] {
            let read = pattern(text);
            assert_eq!((read.stem.as_str(), read.range), (stem, range), "{text}");
            assert_eq!(ObjectPattern::parse(&read.to_string()), Some(read), "{text}");
        }
        assert_eq!(ObjectPattern::parse("db10.63-0"), None);
        assert_eq!(pattern("db1").covers("db10", "db10.4"), None);
        assert_eq!(pattern("db10").covers("db10", "db10.4"), Some((0, u64::MAX)));
        assert_eq!(pattern("station 1").covers("station 1 object", "station 1 object 7"), Some((0, u64::MAX)));
        assert_eq!(pattern("station 1").covers("station 12 object", "station 12 object 7"), None);
    }

    #[test]
    fn hosts() {
        let below = HostPattern::parse("*.fleet.example").unwrap();
        for (host, want) in [
            ("a.fleet.example", true),
            ("a.b.FLEET.example.", true),
            ("fleet.example", false),
            (".fleet.example", false),
            ("evilfleet.example", false),
            ("example", false),
            ("é.fleet.example", true),
        ] {
            assert_eq!(below.matches(host), want, "{host}");
        }
        assert!(HostPattern::parse("Mail.example").unwrap().matches("mail.EXAMPLE"));
        for bad in ["", "*.", "a b", "*.*.x", ".x"] {
            assert_eq!(HostPattern::parse(bad), None, "{bad}");
        }
    }
}
