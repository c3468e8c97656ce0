//! Compares the values of one NMEA 2000 or J1939 message with CANboat's: numbers within one step of what was printed, codes by number, text by
//! its characters. Names are those of the public definitions in snake_case.

use serde_json::{Map, Value};

use super::places::Places;
use crate::verdict::Case;

/// What a message is compared with, and how.
pub(super) struct Comparison<'c> {
    pub(super) places: &'c Places,
    pub(super) pgn: u64,
    pub(super) description: &'c str,
    /// The bytes of the message, where the case shows them.
    pub(super) data: &'c [u8],
    /// Numbers come in the units of a display: degrees, degrees Celsius, hPa.
    pub(super) display_units: bool,
}

/// The name our fields give to a field of the public definition.
pub(super) fn snake(name: &str) -> String {
    let mut out = String::new();
    for character in name.to_lowercase().chars() {
        if character.is_ascii_alphanumeric() {
            out.push(character);
        } else if !out.ends_with('_') {
            out.push('_');
        }
    }
    out.trim_matches('_').to_owned()
}

fn is_empty_list(value: &Value) -> bool {
    value.as_array().is_some_and(|list| list.iter().all(|entry| entry.as_object().is_some_and(Map::is_empty)))
}

/// `name_2` for `name`.
fn is_numbered(other: &str, key: &str) -> bool {
    other.strip_prefix(key).and_then(|rest| rest.strip_prefix('_')).is_some_and(|rest| rest.parse::<u32>().is_ok())
}

impl Comparison<'_> {
    fn differs(&self, case: &mut Case, key: &str, want: &Value, got: Option<&Value>) {
        let flags = self.places.flags(self, key, want, got);
        case.differs(key, want, got, flags);
    }

    pub(super) fn group(&self, case: &mut Case, want: &Map<String, Value>, got: &Map<String, Value>) {
        let mut seen = Vec::new();
        for (name, want) in want {
            // CANboat opens a list before it looks whether anything is in it
            if is_empty_list(want) {
                continue;
            }
            let key = snake(name);
            let found = got.get(&key).or_else(|| {
                // a name that comes more than once carries its position here; CANboat keeps the last
                got.iter().rfind(|(other, _)| is_numbered(other, &key)).map(|(_, value)| value)
            });
            match found {
                Some(found) => self.value(case, &key, want, found, got),
                None if want.as_array().is_some_and(|list| list.iter().any(|entry| entry["value"].is_null())) => {
                    if self.places.is_counted_none(self, got) {
                        case.differs(&key, want, None, vec!["counted-none"]);
                    } else {
                        self.value(case, &key, want, &Value::Array(Vec::new()), got);
                    }
                }
                None => self.differs(case, &key, want, None),
            }
            seen.push(key);
        }
        for (key, found) in got {
            let base =
                key.rsplit_once('_').filter(|(_, n)| n.parse::<u32>().is_ok()).map_or(key.as_str(), |(base, _)| base);
            // what CANboat does not show: who holds an address, entries without any value, the lamps' flashing
            let ours =
                matches!(key.as_str(), "header" | "claim") || key.ends_with("_lamp_flash") || is_empty_list(found);
            if !ours && !seen.iter().any(|seen| seen == key || seen == base) {
                self.differs(case, key, &Value::Null, Some(found));
            }
        }
    }

    fn value(&self, case: &mut Case, key: &str, want: &Value, got: &Value, siblings: &Map<String, Value>) {
        if let (Value::Array(want), Value::Array(got)) = (want, got) {
            return self.list(case, key, want, got, siblings);
        }
        if equal(want, got) || (self.display_units && converted(want, got)) {
            case.equal();
            // the parts of a NAME
            if let (Some(want), Some(got)) = (want["name"].as_object(), got.as_object()) {
                let mut parts = got.clone();
                parts.remove("value");
                self.group(case, want, &parts);
            }
        } else if siblings.iter().any(|(other, found)| other.starts_with(key) && equal(want, found)) {
            // several fields of one name: CANboat's JSON keeps one of them
            case.equal();
        } else {
            self.differs(case, key, want, Some(got));
        }
    }

    fn list(&self, case: &mut Case, key: &str, want: &[Value], got: &[Value], siblings: &Map<String, Value>) {
        let is_set = want.iter().any(|entry| entry.as_object().is_some_and(|entry| !entry.contains_key("value")));
        let is_filled = |entry: &&Value| entry.as_object().is_none_or(|entry| !entry.is_empty());
        let want: Vec<_> = want.iter().filter(is_filled).collect();
        let got: Vec<_> = got.iter().filter(is_filled).collect();
        for (place, want) in want.iter().enumerate() {
            match (want, got.get(place)) {
                (Value::Object(want), Some(Value::Object(got))) if is_set => self.group(case, want, got),
                // each value of an entry that is missing counts
                (Value::Object(want), None) if is_set => self.group(case, want, &Map::new()),
                (want, Some(got)) => self.value(case, key, want, got, siblings),
                (want, None) => self.differs(case, key, want, None),
            }
        }
        for got in got.iter().skip(want.len()) {
            self.differs(case, key, &Value::Null, Some(got));
        }
    }
}

/// One resolution step of the value as it was printed.
fn step(text: &str) -> f64 {
    match text.split_once('.') {
        Some((_, digits)) if !text.contains(['e', 'E']) => 10_f64.powi(-i32::try_from(digits.len()).unwrap_or(0)),
        _ => 1.0,
    }
}

pub(super) fn equal(want: &Value, got: &Value) -> bool {
    match (want, got) {
        // a code or a reference: by its number. A time carries its raw count; the text is compared
        (Value::Object(want), got) => {
            let name = want.get("name").and_then(Value::as_str).unwrap_or_default();
            if let (Some(text), Some(seconds)) = (clock(name), got.as_f64()) {
                return (text - seconds).abs() <= 1.000_001 * step(name);
            }
            let number = want.get("value").unwrap_or(&Value::Null);
            equal(number, got.get("value").unwrap_or(got))
        }
        (Value::Number(want), Value::Number(got)) => {
            let (text, Some(want), Some(got)) = (want.to_string(), want.as_f64(), got.as_f64()) else { return false };
            let difference = (want - got).abs();
            // CANboat prints seven digits of a floating point number
            difference <= 1.000_001 * step(&text)
                || (difference <= want.abs() * 1e-5 && text.contains('.') && text.len() >= 7)
        }
        (Value::Number(want), Value::Object(got)) => Some(want) == got.get("value").and_then(Value::as_number),
        (Value::Number(want), Value::String(got)) => {
            got.trim_start_matches('0') == want.to_string().trim_start_matches('0')
        }
        (Value::String(want), Value::String(got)) => want == got || lossy(want, got) || same_hex(want, got),
        (Value::String(want), Value::Number(got)) if want.trim_start_matches('0') == got.to_string() => true,
        // a time, or bits CANboat shows as raw bytes
        (Value::String(want), Value::Number(got)) => {
            let time = clock(want).zip(got.as_f64());
            time.is_some_and(|(want_seconds, got)| (want_seconds - got).abs() <= 1.000_001 * step(want))
                || u64::from_str_radix(want, 16).ok().is_some_and(|want| Some(want) == got.as_u64())
        }
        (Value::Null, Value::Null) => true,
        _ => false,
    }
}

/// Bytes as `0A FF` and as `0aff`.
fn same_hex(want: &str, got: &str) -> bool {
    let digits = |text: &str| text.replace(' ', "").to_ascii_lowercase();
    !got.is_empty() && got.bytes().all(|byte| byte.is_ascii_hexdigit()) && digits(want) == got
}

/// Whether a number is the same in one of the units displays use.
fn converted(want: &Value, got: &Value) -> bool {
    let want = if want.is_object() { &want["value"] } else { want };
    let (Some(number), Some(got)) = (want.as_f64(), got.as_f64()) else { return false };
    let step = step(&want.to_string());
    [got.to_degrees(), got - 273.15, got / 100.0, got / 1_000.0, got / 100_000.0, got / 3_600.0, got / 60.0]
        .iter()
        .any(|converted| (converted - number).abs() <= 1.000_001 * step)
}

/// CANboat writes bytes that are no UTF-8 as they are; the corpus keeps a replacement character for each. Ours are read as ISO 8859-1.
fn lossy(want: &str, got: &str) -> bool {
    want.contains('\u{fffd}')
        && want.chars().filter(|c| *c != '\u{fffd}').eq(got.chars().filter(|c| !matches!(c, '\u{80}'..='\u{ff}')))
}

/// `-12:34:56.7890` as seconds.
pub(super) fn clock(text: &str) -> Option<f64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    let mut parts = digits.splitn(3, ':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let number = |text: &str| text.parse::<f64>().ok();
    Some(sign * (number(hours)? * 3_600.0 + number(minutes)? * 60.0 + number(seconds)?))
}
