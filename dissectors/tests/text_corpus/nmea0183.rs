//! NMEA 0183: fields by position against `pynmea2` and upstream tests; control sentences by name.

use std::collections::HashMap;
use std::path::Path;

use dogwatch_model::CaptureTime;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::corpus::{Ordered, Tally, cases, files, maritime};
use crate::replay::{Replay, Seen, plain_flow};

#[derive(Deserialize)]
struct Case {
    input: String,
    checksum_ok: Option<bool>,
    talker: Option<String>,
    formatter: Option<String>,
    expect: Ordered,
}

/// Name and type of field `index` (from 1), from the table of the corpus, which is not ours.
struct Names(HashMap<(String, usize), (String, String)>);

impl Names {
    fn read(folder: &Path) -> Self {
        let text = std::fs::read_to_string(folder.join("nmea0183/sentences.tsv")).unwrap();
        let rows = text.lines().skip(1).map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            ((cells[0].to_owned(), cells[3].parse().unwrap()), (cells[4].to_owned(), cells[5].to_owned()))
        });
        Self(rows.collect())
    }

    /// Our name and the type of a field.
    fn of(&self, formatter: &str, index: usize) -> Option<(String, String)> {
        let (name, kind) = match self.0.get(&(formatter.to_owned(), index)) {
            Some(row) => row.clone(),
            None => {
                let row = dogwatch_dissectors::sentence_fields()
                    .find(|field| field.sentence == ("", formatter) && field.index == index)?;
                (row.name.to_owned(), row.kind.to_owned())
            }
        };
        Some((ours(formatter, &name, &kind), kind))
    }
}

/// Our name where it differs from that of the corpus table.
fn ours(formatter: &str, name: &str, kind: &str) -> String {
    match (formatter, name) {
        ("NAK", "talker") => "nak_talker".to_owned(),
        ("NAK", "formatter") => "nak_formatter".to_owned(),
        ("SPW", "formatter") => "protected_formatter".to_owned(),
        ("RTE", "wpn") => "wp2".to_owned(),
        ("ALC", "manufacturer" | "alert_id" | "instance" | "revision") => format!("{name}1"),
        (_, "chA" | "chA_bw" | "chB" | "chB_bw") => name.replace("chA", "ch_a").replace("chB", "ch_b"),
        _ if kind == "lat" => name.replace("lat", "latitude"),
        _ if kind == "lon" => name.replace("lon", "longitude"),
        _ => name.to_owned(),
    }
}

/// The first sentence of a case.
fn decode(input: &str) -> Option<Seen> {
    let mut replay = Replay::of("nmea0183");
    replay.datagram(&plain_flow(), input.as_bytes());
    replay.keep.messages.into_iter().find(|message| message.protocol == "nmea0183")
}

fn seconds(text: &str) -> Option<f64> {
    let clock = text.split(['+', 'Z']).next()?;
    let mut parts = clock.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    (hour.len() == 2).then_some(())?;
    Some(hour.parse::<f64>().ok()? * 3_600.0 + minute.parse::<f64>().ok()? * 60.0 + second.parse::<f64>().ok()?)
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// Degrees from the text of the sentence, by the oracle's text and not by ours.
fn degrees(text: &str, hemisphere: &str) -> Option<f64> {
    let text = text.trim();
    let point = text.find('.').unwrap_or(text.len());
    let whole = text.get(..point.checked_sub(2)?)?;
    let minutes: f64 = text.get(point - 2..)?.parse().ok()?;
    let value = if whole.is_empty() { 0.0 } else { whole.parse::<f64>().ok()? } + minutes / 60.0;
    match hemisphere {
        "N" | "E" => Some(value),
        "S" | "W" => Some(-value),
        _ => None,
    }
}

/// Whether our value says what the oracle says.
fn same(kind: &str, oracle: &Value, ours: Option<&Value>) -> bool {
    let empty = oracle.is_null() || oracle == "";
    let Some(ours) = ours else { return empty };
    if empty {
        return false;
    }
    if let (Some(a), Some(b)) = (oracle.as_str().and_then(seconds), ours.as_str().and_then(seconds)) {
        return (a - b).abs() < 1e-6;
    }
    if let (Some(text), Some(ours)) = (oracle.as_str().filter(|text| text.contains('T')), ours.as_f64()) {
        let oracle = CaptureTime::parse_rfc3339(&format!("{text}Z")).map(|time| time.0 as f64 / 1e9);
        return oracle.is_some_and(|oracle| (oracle - ours).abs() < 1e-3);
    }
    if kind == "hex" {
        let oracle = oracle.as_str().and_then(|text| u64::from_str_radix(text, 16).ok());
        return oracle.is_some() && oracle == ours.as_u64();
    }
    if let (Some(a), Some(b)) = (number(oracle), number(ours)) {
        return (a - b).abs() <= 1e-9 * a.abs().max(1.0);
    }
    oracle.as_str().map(str::trim) == ours.as_str().map(str::trim)
}

/// Why a difference is not ours to mend; `None` when it is. Reasons are about kinds of sentences, never about one file.
fn reason(case: &Case, name: &str, oracle: &Value, ours: Option<&Value>) -> Option<&'static str> {
    let cells = case.input.split('*').next().unwrap_or_default().split(',').count();
    if !case.input.starts_with(['$', '!', '\\']) {
        return Some("no start character: pynmea2 reads such text, the standard knows no such sentence");
    }
    if case.input.trim_end().chars().any(char::is_control) {
        return Some("control characters inside: a damaged sentence is counted, not shown");
    }
    if case.input.get(3..6) == Some("GSV") && cells % 4 == 1 && name.starts_with("prn") && ours.is_none() {
        return Some("GSV: one cell over is the signal id of edition 4.11; pynmea2 takes it for a satellite number");
    }
    let outside = |limit: f64| match oracle.as_f64().or_else(|| degrees(oracle.as_str()?, "N")) {
        Some(value) => value.abs() > limit,
        None => false,
    };
    if (name.ends_with("latitude") && outside(90.0)) || (name.ends_with("longitude") && outside(180.0)) {
        return Some("a coordinate outside the globe is shown as its text, not as a number");
    }
    if case.input.starts_with("$PNOR") && name == "date" {
        return Some("Nortek dates: manual and samples disagree on the order, so the digits are shown as they stand");
    }
    None
}

fn compare(case: &Case, names: &Names, tally: &mut Tally, label: &str) {
    tally.cases += 1;
    let Some(seen) = decode(&case.input) else {
        match reason(case, "", &Value::Null, None) {
            Some(reason) => *tally.explained.entry(reason).or_default() += case.expect.0.len(),
            None => {
                tally.missing += case.expect.0.len().max(1);
                println!("not decoded: {label} {}", case.input);
            }
        }
        return;
    };
    let fields = seen.fields.as_object().unwrap();
    let checksum = match case.checksum_ok {
        Some(true) => "ok",
        Some(false) => "bad",
        None => "absent",
    };
    let mut verdict = |name: &str, good: bool, oracle: &Value, ours: Option<&Value>| {
        if good {
            tally.equal += 1;
        } else if let Some(reason) = reason(case, name, oracle, ours) {
            *tally.explained.entry(reason).or_default() += 1;
        } else if ours.is_none() {
            tally.different.push(format!("{label} {name}: want {oracle}, not decoded | {}", case.input));
        } else {
            tally.different.push(format!("{label} {name}: want {oracle}, ours {ours:?} | {}", case.input));
        }
    };
    let ours = fields.get("checksum");
    verdict("checksum", ours == Some(&checksum.into()), &checksum.into(), ours);
    if let (Some(talker), false) = (&case.talker, case.input.starts_with("$P")) {
        let (spoken, name) =
            if fields.contains_key("query") { ("requester", "formatter") } else { ("talker", "formatter") };
        let wanted = case.expect.get("query").and(case.expect.get("formatter")).and_then(Value::as_str);
        let wanted = wanted.or(case.formatter.as_deref()).unwrap_or_default();
        verdict(
            "talker",
            fields.get(spoken) == Some(&talker.as_str().into()),
            &talker.as_str().into(),
            fields.get(spoken),
        );
        verdict("formatter", fields.get(name) == Some(&wanted.into()), &wanted.into(), fields.get(name));
    }
    if case.expect.get("query").is_some() {
        return;
    }
    for (name, kind, oracle, hemisphere) in wanted(case, names, fields) {
        let ours = fields.get(&name);
        let good = match kind.as_str() {
            "lat" | "lon" | "latitude" | "longitude" => {
                let text = oracle.as_str().unwrap_or_default();
                match degrees(text, &hemisphere) {
                    Some(want) => ours.and_then(Value::as_f64).is_some_and(|ours| (ours - want).abs() < 1e-9),
                    None => same("", &oracle, ours),
                }
            }
            kind => same(kind, &oracle, ours),
        };
        verdict(&name, good, &oracle, ours);
    }
}

/// What the case asks for: our name, the type, the oracle's value, and the hemisphere beside a coordinate.
fn wanted(case: &Case, names: &Names, fields: &Map<String, Value>) -> Vec<(String, String, Value, String)> {
    let formatter = fields.get("formatter").and_then(Value::as_str).unwrap_or_default();
    let pairs: Vec<_> = case.expect.0.iter().filter(|(key, _)| !is_derived(key)).collect();
    let mut wanted = Vec::new();
    if case.input.starts_with("$P") {
        for (key, value) in &case.expect.0 {
            match value {
                Value::Array(list) => {
                    let count = case.input.split('*').next().unwrap_or_default().split(',').count() - 1;
                    for (at, item) in list.iter().skip(list.len() - count.min(list.len())).enumerate() {
                        wanted.push((format!("field_{}", at + 1), String::new(), item.clone(), String::new()));
                    }
                }
                _ if is_meta(key)
                    || matches!(key.as_str(), "lat_dir" | "lon_dir" | "lat" | "lon" | "is_valid" | "datetime") => {}
                _ => wanted.push((maker_name(formatter, key), String::new(), value.clone(), String::new())),
            }
        }
        return wanted;
    }
    for (at, (_, value)) in pairs.iter().enumerate() {
        let Some((name, kind)) = names.of(formatter, at + 1) else {
            wanted.push((format!("field_{}", at + 1), String::new(), value.clone(), String::new()));
            continue;
        };
        let before = at.checked_sub(1).and_then(|before| names.of(formatter, before + 1));
        if kind == "enum" && before.is_some_and(|(_, kind)| kind == "lat" || kind == "lon") {
            // The letter is in the sign of the coordinate, unless there was none.
            let coordinate = &pairs[at - 1].1;
            if degrees(coordinate.as_str().unwrap_or_default(), value.as_str().unwrap_or_default()).is_some() {
                continue;
            }
        }
        let hemisphere = pairs.get(at + 1).and_then(|(_, next)| next.as_str()).unwrap_or_default().to_owned();
        wanted.push((name, kind, value.clone(), hemisphere));
    }
    for name in ["latitude", "longitude"] {
        if let Some(value) = case.expect.get(name).filter(|value| !value.is_null())
            && names.of(formatter, 1).is_some()
            && fields.contains_key(name)
        {
            // The oracle rounds to eight decimals.
            let ours = fields.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN);
            let near = (ours - value.as_f64().unwrap_or(f64::NAN)).abs() < 1e-8;
            let want = if near { fields[name].clone() } else { value.clone() };
            wanted.push((name.to_owned(), "number".to_owned(), want, String::new()));
        }
    }
    wanted
}

fn is_derived(key: &str) -> bool {
    matches!(key, "latitude" | "longitude")
}

fn is_meta(key: &str) -> bool {
    matches!(key, "manufacturer" | "sentence_type" | "subtype" | "ubx_type" | "_r" | "type" | "talker")
}

/// Our name for an attribute of a proprietary sentence in `pynmea2`.
fn maker_name(formatter: &str, key: &str) -> String {
    let name = match (formatter, key) {
        (
            "ASHR" | "TNL,BPQ" | "KLDS" | "KLSH" | "KNDS" | "KNSH" | "KWDWPL" | "NORBT0" | "NORH4" | "NORS1",
            "timestamp",
        ) => "utc",
        ("UBX,00", "timestamp") | ("UBX,04", "time") => "utc",
        ("ASHR", "is_true_heading") => "t",
        ("UBX,03", "num_sv") => "count",
        ("UBX,04", "clk_bias") => "clock_bias",
        ("ABC", "a") => "field_1",
        ("ABC", "b") => "field_2",
        ("SRF100", "databits") => "data_bits",
        ("SRF100", "stopbits") => "stop_bits",
        (_, "datestamp") => "date",
        (_, "timestamp") => "time_unix",
        _ => key,
    };
    name.to_owned()
}

#[test]
fn fields_equal_those_of_other_decoders() {
    let Some(folder) = maritime() else { return };
    let names = Names::read(&folder);
    let mut tally = Tally::default();
    let mut paths = files(&folder.join("nmea0183"), ".fields.jsonl");
    paths.extend(files(&folder.join("nmea0183/rust-crates"), ".jsonl"));
    for path in &paths {
        tally.files += 1;
        for case in cases::<Case>(path) {
            compare(&case, &names, &mut tally, &path.file_name().unwrap().to_string_lossy());
        }
    }
    tally.print("nmea0183 fields");
    assert!(tally.cases > 0, "the corpus has such files");
    let unexplained = tally.missing + tally.different.len();
    assert!(tally.different.is_empty(), "{unexplained} values differ without a committed reason");
    assert!(tally.equal * 1_000 >= tally.total() * 995, "99.5 % of values equal");
}

#[test]
fn control_sentences_by_name() {
    let Some(folder) = maritime() else { return };
    let mut tally = Tally::default();
    for path in files(&folder.join("nmea0183"), "synthetic_control.jsonl") {
        tally.files += 1;
        let names = Names::read(&folder);
        for case in cases::<Case>(&path) {
            tally.cases += 1;
            let Some(seen) = decode(&case.input) else {
                tally.missing += 1;
                continue;
            };
            let is_query = case.expect.get("query").is_some();
            for (at, (key, want)) in case.expect.0.iter().enumerate() {
                let formatter = case.formatter.as_deref().unwrap_or_default();
                let (name, kind) = match names.of(formatter, at + 1) {
                    _ if is_query => (key.clone(), String::new()),
                    Some(row) => row,
                    None => (repeated(formatter, at + 1), String::new()),
                };
                let ours = seen.fields.get(&name);
                let good = match kind.as_str() {
                    "lat" | "lon" => {
                        let hemisphere = case.expect.0[at + 1].1.as_str().unwrap_or_default();
                        degrees(want.as_str().unwrap_or_default(), hemisphere).is_some_and(|want| {
                            ours.and_then(Value::as_f64).is_some_and(|ours| (want - ours).abs() < 1e-9)
                        })
                    }
                    "enum" if key.ends_with("_ns") || key.ends_with("_ew") => true,
                    "time" => {
                        let raw = want.as_str().unwrap_or_default();
                        ours.and_then(Value::as_str).map_or(raw.is_empty(), |ours| ours.replace(':', "") == raw)
                    }
                    _ if want == &Value::Bool(true) => ours == Some(want),
                    kind => same(kind, want, ours),
                };
                if good {
                    tally.equal += 1;
                } else {
                    tally.different.push(format!("{name}: want {want}, ours {ours:?} | {}", case.input));
                }
            }
        }
    }
    tally.print("nmea0183 control (synthetic)");
    assert!(tally.different.is_empty() && tally.missing == 0);
}

/// Names of fields beyond the corpus table: later groups of a repeated tail.
fn repeated(formatter: &str, index: usize) -> String {
    match formatter {
        "ALC" => {
            let (group, cell) = ((index - 5) / 4 + 1, (index - 5) % 4);
            format!("{}{group}", ["manufacturer", "alert_id", "instance", "revision"][cell])
        }
        "RTE" => format!("wp{}", index - 4),
        _ => format!("field_{index}"),
    }
}

#[test]
fn values_of_upstream_tests() {
    let Some(folder) = maritime() else { return };
    let names = Names::read(&folder);
    let mut positions: HashMap<(String, String), usize> = HashMap::new();
    for path in files(&folder.join("nmea0183"), ".fields.jsonl") {
        for case in cases::<Case>(&path).into_iter().filter(|case| !case.input.starts_with("$P")) {
            let formatter = case.formatter.clone().unwrap_or_default();
            for (at, (key, _)) in case.expect.0.iter().enumerate().filter(|(_, (key, _))| !is_derived(key)) {
                positions.insert((formatter.clone(), key.clone()), at + 1);
            }
        }
    }
    let mut tally = Tally::default();
    for path in files(&folder.join("nmea0183/pynmea2"), ".jsonl") {
        tally.files += 1;
        for mut case in cases::<Case>(&path) {
            let label = path.file_name().unwrap().to_string_lossy().into_owned();
            if case.input.starts_with("$P") {
                compare(&case, &names, &mut tally, &label);
                continue;
            }
            // Upstream asserts some attributes of its own making; those that are fields are known by their place in whole cases.
            let formatter = case.input.get(3..6).unwrap_or_default().to_owned();
            let Some(seen) = decode(&case.input) else {
                tally.cases += 1;
                match reason(&case, "", &Value::Null, None) {
                    Some(reason) => *tally.explained.entry(reason).or_default() += case.expect.0.len(),
                    None => tally.missing += 1,
                }
                continue;
            };
            let pairs = std::mem::take(&mut case.expect.0);
            tally.cases += 1;
            for (key, value) in pairs {
                let Some(&index) = positions.get(&(formatter.clone(), key.clone())) else { continue };
                let Some((name, kind)) = names.of(&formatter, index) else { continue };
                if matches!(kind.as_str(), "lat" | "lon") || key.ends_with("_dir") {
                    continue;
                }
                let ours = seen.fields.get(&name);
                if same(&kind, &value, ours) {
                    tally.equal += 1;
                } else {
                    tally.different.push(format!("{label} {name}: want {value}, ours {ours:?} | {}", case.input));
                }
            }
        }
    }
    tally.print("nmea0183 upstream tests");
    assert!(tally.different.is_empty(), "values differ without a committed reason");
}
