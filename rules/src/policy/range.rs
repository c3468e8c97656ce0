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

/// A named object with an optional range at its end: `db10.0-63`, `analog-value:1-40`, `db10`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectPattern {
    /// What stands before the range, in lower case, without the separator.
    pub stem: String,
    /// Numbers after the last `.` or `:`; `None` covers everything below the stem.
    pub range: Option<(u64, u64)>,
    /// What stood between stem and numbers: `.` or `:`.
    pub separator: char,
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
        match split_range(text) {
            Some((_, first, last)) if last < first => None,
            Some((stem, first, last)) => {
                let separator = text.chars().nth(stem.chars().count()).unwrap_or('.');
                Some(Self { stem: stem.to_owned(), range: Some((first, last)), separator })
            }
            None => Some(Self { stem: text.to_owned(), range: None, separator: '.' }),
        }
    }

    /// The part of `first..=last` below `stem` that it covers; everything for a pattern without a range.
    #[must_use]
    pub(super) fn covers(&self, stem: &str, whole: &str) -> Option<(u64, u64)> {
        match self.range {
            Some(range) => self.stem.eq_ignore_ascii_case(stem).then_some(range),
            None => self.is_above(whole).then_some((0, u64::MAX)),
        }
    }

    /// Whether `whole` is the stem itself or something below it.
    fn is_above(&self, whole: &str) -> bool {
        let Some((head, tail)) = whole.split_at_checked(self.stem.len()) else { return false };
        head.eq_ignore_ascii_case(&self.stem) && (tail.is_empty() || tail.starts_with(['.', ':']))
    }
}

impl fmt::Display for ObjectPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = self.separator;
        match self.range {
            None => f.write_str(&self.stem),
            Some((first, last)) if first == last => write!(f, "{}{separator}{first}", self.stem),
            Some((first, last)) => write!(f, "{}{separator}{first}-{last}", self.stem),
        }
    }
}

/// Splits `db10.0-63` into stem and numbers; `None` when it does not end in numbers after a separator.
pub(super) fn split_range(text: &str) -> Option<(&str, u64, u64)> {
    let at = text.rfind(['.', ':'])?;
    let (stem, tail) = text.split_at_checked(at)?;
    let tail = tail.get(1..)?;
    let (first, last) = tail.split_once('-').unwrap_or((tail, tail));
    let number = |digits: &str| -> Option<u64> {
        let plain = !digits.is_empty() && digits.len() <= 18 && digits.bytes().all(|digit| digit.is_ascii_digit());
        plain.then(|| digits.parse().ok()).flatten()
    };
    Some((stem, number(first)?, number(last)?)).filter(|(stem, ..)| !stem.is_empty())
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
        assert_eq!(pattern("db10.0-63"), ObjectPattern { stem: "db10".into(), range: Some((0, 63)), separator: '.' });
        assert_eq!(pattern("analog-value:1-40").to_string(), "analog-value:1-40");
        assert_eq!(pattern("DB10.*"), ObjectPattern { stem: "db10".into(), range: None, separator: '.' });
        assert_eq!(ObjectPattern::parse("db10.63-0"), None);
        assert_eq!(pattern("db1").covers("db10", "db10.4"), None);
        assert_eq!(pattern("db10").covers("db10", "db10.4"), Some((0, u64::MAX)));
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
