//! Compares values: numbers within one step of the field, codes by number, text by its characters.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::collect::Collected;
use super::corpus::Case;
use super::known::{self, Difference};

/// How a comparison went.
pub(super) struct Score {
    title: &'static str,
    files: BTreeMap<String, [u64; 3]>,
    differences: BTreeMap<String, (u64, String)>,
    known: BTreeMap<&'static str, u64>,
    missed: Vec<String>,
    /// Numbers come in the units of a display: degrees, degrees Celsius, hPa.
    display_units: bool,
}

impl Score {
    /// The expected numbers are in the units of a display, not SI.
    pub(super) fn in_display_units(&mut self) {
        self.display_units = true;
    }

    pub(super) fn new(title: &'static str) -> Self {
        Self {
            title,
            files: BTreeMap::new(),
            differences: BTreeMap::new(),
            known: BTreeMap::new(),
            missed: Vec::new(),
            display_units: false,
        }
    }

    pub(super) fn missed(&mut self, file: &str, input: &str) {
        self.missed.push(format!("{file}: {}", input.chars().take(160).collect::<String>()));
    }

    pub(super) fn missed_messages(&self) -> usize {
        self.missed.len()
    }

    fn count(&mut self, file: &str, which: usize) {
        self.files.entry(file.to_owned()).or_default()[which] += 1;
    }

    fn differs(&mut self, at: &At<'_>, field: &str, want: &Value, got: Option<&Value>) {
        let difference = Difference { pgn: at.pgn, description: at.description, field, want, got, data: at.data };
        if let Some(reason) = known::reason(&difference) {
            *self.known.entry(reason).or_default() += 1;
            self.count(at.file, 2);
            return;
        }
        self.count(at.file, 1);
        let got = got.map_or_else(|| "nothing".to_owned(), Value::to_string);
        let entry = self.differences.entry(format!("{} {}: {field}", at.pgn, at.kind)).or_insert_with(|| {
            let data: Vec<_> = at.data.iter().map(|byte| format!("{byte:02x}")).collect();
            (0, format!("want {want} got {got} ({} {})", at.file, data.join(",")))
        });
        entry.0 += 1;
    }

    fn is_known(&mut self, reason: &'static str) {
        *self.known.entry(reason).or_default() += 1;
    }

    fn totals(&self) -> [u64; 3] {
        self.files.values().fold([0; 3], |sum, [a, b, c]| [sum[0] + a, sum[1] + b, sum[2] + c])
    }

    /// The share of equal values among those without a known reason to differ.
    pub(super) fn share(&self) -> f64 {
        let [equal, different, _] = self.totals();
        if equal + different == 0 { 0.0 } else { equal as f64 / (equal + different) as f64 }
    }

    pub(super) fn report(&self) {
        let [equal, different, known] = self.totals();
        println!(
            "{}: {} files, {equal} values equal, {different} different, {known} different for a known reason",
            self.title,
            self.files.len()
        );
        if std::env::var_os("N2K_EACH_FILE").is_some() {
            for (file, [equal, different, known]) in &self.files {
                println!("  {file:60} {equal:7} {different:5} {known:5}");
            }
        }
        for (reason, count) in &self.known {
            println!("  known {count:5}  {reason}");
        }
        let mut worst: Vec<_> = self.differences.iter().collect();
        worst.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        for (place, (count, detail)) in worst.iter().take(60) {
            println!("  {count:5}  {place}: {detail}");
        }
        for missed in self.missed.iter().take(20) {
            println!("  missed {missed}");
        }
    }

    /// Compares two lists of messages in their order.
    pub(super) fn sequence(&mut self, file: &str, want: Vec<Case>, got: &[Collected]) {
        let mut at = 0;
        for case in want {
            let expect = case.expect();
            let wanted = expect["pgn"].as_u64().unwrap();
            // Messages only we tell of (transport management, incomplete ones) stand between the others.
            let same = |got: &&Collected, by_name: bool| {
                got.kind != "incomplete"
                    && u64::from(got.header().pgn) == wanted
                    && Some(u64::from(got.header().source)) == expect["src"].as_u64()
                    && (!by_name || got.fields["header"]["name"] == expect["description"])
            };
            let near = &got[at..got.len().min(at + 40)];
            let found =
                near.iter().position(|got| same(&got, true)).or_else(|| near.iter().position(|got| same(&got, false)));
            match found {
                Some(skip) => {
                    compare(file, &case, &got[at + skip], self);
                    at += skip + 1;
                }
                None => self.missed(file, &expect.to_string()),
            }
        }
    }
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

/// Where values are compared.
struct At<'a> {
    file: &'a str,
    pgn: u64,
    kind: &'a str,
    description: &'a str,
    data: &'a [u8],
}

/// The data bytes of a CANboat line.
fn data_of(input: &str) -> Vec<u8> {
    let columns: Vec<_> = input.split(',').collect();
    // With a time column in front there are six before the data, else five.
    let before = if columns.first().is_some_and(|first| first.len() > 1) { 6 } else { 5 };
    columns.iter().skip(before).map_while(|byte| u8::from_str_radix(byte.trim(), 16).ok()).collect()
}

/// Compares one message with what is expected of it.
pub(super) fn compare(file: &str, case: &Case, got: &Collected, score: &mut Score) {
    let expect = case.expect();
    let data = data_of(case.0["input"].as_str().or(case.0["raw"].as_str()).unwrap_or_default());
    let description = expect["description"].as_str().unwrap_or_default();
    let pgn = expect["pgn"].as_u64().unwrap_or(0);
    let at = At { file, pgn, kind: &got.kind, description, data: &data };
    let header = &got.fields["header"];
    for (key, ours) in
        [("prio", "priority"), ("src", "source"), ("dst", "destination"), ("pgn", "pgn"), ("description", "name")]
    {
        match &expect[key] {
            Value::Null => {}
            want if *want == header[ours] => score.count(file, 0),
            want => score.differs(&at, key, want, Some(&header[ours])),
        }
    }
    if expect["header_only"] == true {
        return;
    }
    let empty = Map::new();
    group(&at, expect["fields"].as_object().unwrap_or(&empty), &got.fields, score);
}

fn group(at: &At<'_>, want: &Map<String, Value>, got: &Map<String, Value>, score: &mut Score) {
    let mut seen = Vec::new();
    for (name, want) in want {
        // The reference opens a list before it looks whether anything is in it.
        if want.as_array().is_some_and(|list| list.iter().all(|entry| entry.as_object().is_some_and(Map::is_empty))) {
            continue;
        }
        let key = snake(name);
        let found = got.get(&key).or_else(|| {
            // A name that comes more than once carries its position here; the reference keeps the last.
            let numbered = |other: &&String| {
                other.strip_prefix(&key).is_some_and(|rest| rest.starts_with('_') && rest[1..].parse::<u32>().is_ok())
            };
            got.keys().rfind(numbered).and_then(|key| got.get(key))
        });
        match found {
            Some(found) => value(at, &key, want, found, got, score),
            // A whole list is missing: each value of it counts.
            None if want.as_array().is_some_and(|list| list.iter().any(|entry| entry["value"].is_null())) => {
                if known::is_counted_none(at.pgn, at.description, got) {
                    score.is_known("a count of 0 means none; the reference shows what follows as the first");
                } else {
                    value(at, &key, want, &Value::Array(Vec::new()), got, score);
                }
            }
            None => score.differs(at, &key, want, None),
        }
        seen.push(key);
    }
    for (key, found) in got {
        let base =
            key.rsplit_once('_').filter(|(_, n)| n.parse::<u32>().is_ok()).map_or(key.as_str(), |(base, _)| base);
        // What the reference does not show: who holds an address, entries without any value, the lamps' flashing.
        let empty =
            found.as_array().is_some_and(|list| list.iter().all(|entry| entry.as_object().is_some_and(Map::is_empty)));
        let ours = matches!(key.as_str(), "header" | "claim") || key.ends_with("_lamp_flash") || empty;
        if !ours && !seen.contains(key) && !seen.iter().any(|seen| seen == base) {
            score.differs(at, key, &Value::Null, Some(found));
        }
    }
}

fn value(at: &At<'_>, key: &str, want: &Value, got: &Value, siblings: &Map<String, Value>, score: &mut Score) {
    match (want, got) {
        (Value::Array(want), Value::Array(got)) => {
            let is_set = want.iter().any(|entry| entry.as_object().is_some_and(|entry| !entry.contains_key("value")));
            let want: Vec<_> =
                want.iter().filter(|entry| entry.as_object().is_none_or(|entry| !entry.is_empty())).collect();
            let got: Vec<_> =
                got.iter().filter(|entry| entry.as_object().is_none_or(|entry| !entry.is_empty())).collect();
            for (place, want) in want.iter().enumerate() {
                match (want, got.get(place)) {
                    (Value::Object(want), Some(Value::Object(got))) if is_set => group(at, want, got, score),
                    // Each value of an entry we do not have counts.
                    (Value::Object(want), None) if is_set => group(at, want, &Map::new(), score),
                    (want, Some(got)) => value(at, key, want, got, siblings, score),
                    (want, None) => score.differs(at, key, want, None),
                }
            }
            for got in got.iter().skip(want.len()) {
                score.differs(at, key, &Value::Null, Some(got));
            }
        }
        _ if equal(want, got) || (score.display_units && converted(want, got)) => {
            score.count(at.file, 0);
            // The parts of a NAME.
            if let (Some(want), Some(got)) = (want["name"].as_object(), got.as_object()) {
                let mut parts = got.clone();
                parts.remove("value");
                group(at, want, &parts, score);
            }
        }
        // Several fields of one name: the reference's JSON keeps one of them.
        _ if siblings.iter().any(|(other, found)| other.starts_with(key) && equal(want, found)) => {
            score.count(at.file, 0)
        }
        _ => score.differs(at, key, want, Some(got)),
    }
}

/// One resolution step of the value as it was printed.
fn step(text: &str) -> f64 {
    match text.split_once('.') {
        Some((_, digits)) if !text.contains(['e', 'E']) => 10_f64.powi(-i32::try_from(digits.len()).unwrap()),
        _ => 1.0,
    }
}

fn equal(want: &Value, got: &Value) -> bool {
    match (want, got) {
        // A code or a reference: by its number. A time carries its raw count; the text is compared.
        (Value::Object(want), got) => {
            let name = want.get("name").and_then(Value::as_str).unwrap_or_default();
            if let (Some(text), Some(seconds)) = (clock(name), got.as_f64()) {
                return (text - seconds).abs() <= 1.000_001 * clock_step(name);
            }
            match got {
                Value::Object(got) => equal(want.get("value").unwrap_or(&Value::Null), &got["value"]),
                _ => equal(want.get("value").unwrap_or(&Value::Null), got),
            }
        }
        (Value::Number(want), Value::Number(got)) => {
            let (want_number, got_number) = (want.as_f64().unwrap(), got.as_f64().unwrap());
            (want_number - got_number).abs() <= 1.000_001 * step(&want.to_string())
                || (want_number - got_number).abs() <= want_number.abs() * 1e-5
                    && want.is_f64()
                    && want.to_string().len() >= 7
        }
        (Value::Number(want), Value::Object(got)) => Some(want) == got.get("value").and_then(Value::as_number),
        (Value::Number(want), Value::String(got)) => {
            got.trim_start_matches('0') == want.to_string().trim_start_matches('0')
        }
        (Value::String(want), Value::String(got)) => want == got || lossy(want, got),
        (Value::String(want), Value::Number(got)) if want.trim_start_matches('0') == got.to_string() => true,
        // Bits the reference shows as raw bytes.
        (Value::String(want), Value::Number(got)) => u64::from_str_radix(want, 16).ok() == got.as_u64(),
        (Value::Null, Value::Null) => true,
        _ => false,
    }
}

/// Whether a number is the same in one of the units displays use.
fn converted(want: &Value, got: &Value) -> bool {
    let want = if want.is_object() { &want["value"] } else { want };
    let (Some(want_number), Some(got)) = (want.as_f64(), got.as_f64()) else { return false };
    let step = step(&want.to_string());
    [got.to_degrees(), got - 273.15, got / 100.0, got / 1_000.0, got / 100_000.0, got / 3_600.0, got / 60.0]
        .iter()
        .any(|number| (number - want_number).abs() <= 1.000_001 * step)
}

/// The reference writes bytes that are no UTF-8 as they are; the corpus keeps a replacement character for each. Ours are read as ISO 8859-1.
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

fn clock_step(text: &str) -> f64 {
    step(text)
}
