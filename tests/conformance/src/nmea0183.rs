//! NMEA 0183: fields by position against pynmea2 and other decoders of sentences, upstream tests by attribute, made control sentences by name.
//!
//! The cases of a file are one log, a sentence a line. Names of fields come from the corpus' table `sentences.tsv` where it has one, and from the
//! program's own table beyond: position is what is compared.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context, Result};
use dogwatch_model::CaptureTime;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::corpus::{ManifestRow, Ordered, cases};
use crate::program::{Program, Row};
use crate::verdict::{Case, Report};

/// How the program calls the protocol.
const PROTOCOL: &str = "nmea0183";
/// A sound sentence before the others: a log is told by its first sentences, and the first of a case may be damaged on purpose.
const FIRST: &str = "$GPTXT,01,01,02,conformance*30\n";

#[derive(Deserialize)]
struct Entry {
    input: String,
    checksum_ok: Option<bool>,
    talker: Option<String>,
    formatter: Option<String>,
    expect: Ordered,
}

/// A later group of a repeated tail.
#[derive(Deserialize)]
struct Tail {
    from: usize,
    names: Vec<String>,
}

#[derive(Deserialize)]
struct Mapping {
    derived: Vec<String>,
    meta: Vec<String>,
    table: BTreeMap<String, String>,
    makers: BTreeMap<String, String>,
    tails: BTreeMap<String, Tail>,
}

/// All that is known of names.
pub(crate) struct Names {
    mapping: Mapping,
    /// Name and type of a field by formatter and position (from 1), from the corpus.
    fields: HashMap<(String, usize), (String, String)>,
    /// Position of an attribute of pynmea2 by formatter and attribute.
    positions: HashMap<(String, String), usize>,
}

/// One value to compare.
struct Wanted {
    name: String,
    kind: String,
    value: Value,
    /// The letter beside a coordinate.
    hemisphere: String,
}

impl Wanted {
    fn plain(name: String, value: &Value) -> Self {
        Self { name, kind: String::new(), value: value.clone(), hemisphere: String::new() }
    }
}

impl Names {
    /// Reads the mapping and what the corpus says of positions.
    pub(crate) fn read(folder: &Path, manifest: &[ManifestRow]) -> Result<Self> {
        let mapping: Mapping = toml::from_str(include_str!("../data/nmea0183.toml")).context("nmea0183.toml")?;
        let mut names = Self { mapping, fields: HashMap::new(), positions: HashMap::new() };
        let table = folder.join("nmea0183/sentences.tsv");
        if table.is_file() {
            for line in std::fs::read_to_string(table)?.lines().skip(1) {
                let cells: Vec<&str> = line.split('\t').collect();
                if let [formatter, _, _, index, name, kind, ..] = cells.as_slice()
                    && let Ok(index) = index.parse()
                {
                    names.fields.insert(((*formatter).to_owned(), index), ((*name).to_owned(), (*kind).to_owned()));
                }
            }
        }
        let files = manifest.iter().filter_map(|row| row.get("file")).filter(|name| name.ends_with(".fields.jsonl"));
        for path in files.map(|name| folder.join(name)).filter(|path| path.is_file()) {
            for entry in cases::<Entry>(&path)?.into_iter().filter(|entry| !entry.input.starts_with("$P")) {
                let formatter = entry.formatter.unwrap_or_default();
                let keys = entry.expect.0.iter().map(|(key, _)| key).filter(|key| !names.mapping.derived.contains(key));
                for (at, key) in keys.enumerate() {
                    names.positions.insert((formatter.clone(), key.clone()), at + 1);
                }
            }
        }
        Ok(names)
    }

    /// Our name and the type of a field.
    fn of(&self, formatter: &str, index: usize) -> Option<(String, String)> {
        let (name, kind) = match self.fields.get(&(formatter.to_owned(), index)) {
            Some(row) => row.clone(),
            None => {
                let row = dogwatch_dissectors::sentence_fields()
                    .find(|field| field.sentence == ("", formatter) && field.index == index)?;
                (row.name.to_owned(), row.kind.to_owned())
            }
        };
        let of = |formatter: &str| self.mapping.table.get(&format!("{formatter}.{name}"));
        let ours = match of(formatter).or_else(|| of("*")) {
            Some(ours) => ours.clone(),
            None if kind == "lat" => name.replace("lat", "latitude"),
            None if kind == "lon" => name.replace("lon", "longitude"),
            None => name,
        };
        Some((ours, kind))
    }

    /// Name of a field beyond the table: a later group of a repeated tail.
    fn tail(&self, formatter: &str, index: usize) -> String {
        let named = self.mapping.tails.get(formatter).and_then(|tail| {
            let past = index.checked_sub(tail.from)?;
            let name = tail.names.get(past.checked_rem(tail.names.len())?)?;
            Some(format!("{name}{}", past / tail.names.len() + 1))
        });
        named.unwrap_or_else(|| format!("field_{index}"))
    }

    /// Our name of an attribute of a proprietary sentence.
    fn maker(&self, formatter: &str, key: &str) -> String {
        let of = |formatter: &str| self.mapping.makers.get(&format!("{formatter}.{key}")).cloned();
        of(formatter).or_else(|| of("*")).unwrap_or_else(|| key.to_owned())
    }

    /// What a case of fields in their order asks for.
    fn by_position(&self, entry: &Entry, fields: &Map<String, Value>) -> Vec<Wanted> {
        let formatter = fields.get("formatter").and_then(Value::as_str).unwrap_or_default();
        let pairs: Vec<_> = entry.expect.0.iter().filter(|(key, _)| !self.mapping.derived.contains(key)).collect();
        let mut wanted = Vec::new();
        for (at, (_, value)) in pairs.iter().enumerate() {
            let Some((name, kind)) = self.of(formatter, at + 1) else {
                wanted.push(Wanted::plain(self.tail(formatter, at + 1), value));
                continue;
            };
            let before = at.checked_sub(1).and_then(|before| self.of(formatter, before + 1).zip(pairs.get(before)));
            // the letter is in the sign of the coordinate, unless there was none
            let in_sign = before.is_some_and(|((_, kind), (_, coordinate))| {
                let letter = value.as_str().unwrap_or_default();
                matches!(kind.as_str(), "lat" | "lon")
                    && degrees(coordinate.as_str().unwrap_or_default(), letter).is_some()
            });
            if kind == "enum" && in_sign {
                continue;
            }
            let hemisphere = pairs.get(at + 1).and_then(|(_, next)| next.as_str()).unwrap_or_default().to_owned();
            wanted.push(Wanted { name, kind, value: value.clone(), hemisphere });
        }
        for name in ["latitude", "longitude"] {
            let value = entry.expect.get(name).filter(|value| !value.is_null());
            if let Some(value) = value.filter(|_| self.of(formatter, 1).is_some() && fields.contains_key(name)) {
                // the oracle rounds to eight decimals
                wanted.push(Wanted { kind: "rounded".to_owned(), ..Wanted::plain(name.to_owned(), value) });
            }
        }
        wanted
    }

    /// What a case of a proprietary sentence asks for.
    fn by_maker(&self, entry: &Entry, fields: &Map<String, Value>) -> Vec<Wanted> {
        let formatter = fields.get("formatter").and_then(Value::as_str).unwrap_or_default();
        let mut wanted = Vec::new();
        for (key, value) in &entry.expect.0 {
            match value {
                Value::Array(list) => {
                    let count = entry.input.split('*').next().unwrap_or_default().split(',').count() - 1;
                    let tail = list.iter().skip(list.len().saturating_sub(count));
                    wanted.extend(tail.enumerate().map(|(at, item)| Wanted::plain(format!("field_{}", at + 1), item)));
                }
                _ if self.mapping.meta.contains(key) => {}
                _ => wanted.push(Wanted::plain(self.maker(formatter, key), value)),
            }
        }
        wanted
    }
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
    let (whole, minutes) = (text.get(..point.checked_sub(2)?)?, text.get(point.checked_sub(2)?..)?);
    let whole = if whole.is_empty() { 0.0 } else { whole.parse::<f64>().ok()? };
    let value = whole + minutes.parse::<f64>().ok()? / 60.0;
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
    let ours = ours.get("value").unwrap_or(ours);
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
        return (a - b).abs() <= if kind == "rounded" { 1e-8 } else { 1e-9 * a.abs().max(1.0) };
    }
    oracle == ours || (oracle.is_string() && oracle.as_str().map(str::trim) == ours.as_str().map(str::trim))
}

impl Wanted {
    fn is_met(&self, ours: Option<&Value>) -> bool {
        let coordinate = matches!(self.kind.as_str(), "lat" | "lon" | "latitude" | "longitude");
        let want = if coordinate { degrees(self.value.as_str().unwrap_or_default(), &self.hemisphere) } else { None };
        match want {
            Some(want) => ours.and_then(Value::as_f64).is_some_and(|ours| (ours - want).abs() < 1e-9),
            None => same(if coordinate { "" } else { &self.kind }, &self.value, ours),
        }
    }

    /// What the case itself says of a difference; the rules give each its reason.
    fn flags(&self, entry: &Entry, ours: Option<&Value>) -> Vec<&'static str> {
        let mut flags = flags_of(entry);
        let size = self.value.as_f64().or_else(|| degrees(self.value.as_str()?, "N")).map_or(0.0, f64::abs);
        let limit = if self.name.ends_with("latitude") { 90.0 } else { 180.0 };
        if (self.name.ends_with("latitude") || self.name.ends_with("longitude")) && size > limit {
            flags.push("outside-the-globe");
        }
        let cells = entry.input.split('*').next().unwrap_or_default().split(',').count();
        if cells % 4 == 1 && self.name.starts_with("prn") && ours.is_none() {
            flags.push("signal-id");
        }
        flags
    }
}

fn flags_of(entry: &Entry) -> Vec<&'static str> {
    let mut flags = Vec::new();
    if !entry.input.starts_with(['$', '!', '\\']) {
        flags.push("no-start");
    }
    if entry.input.trim_end().chars().any(char::is_control) {
        flags.push("control-characters");
    }
    flags
}

/// Which way a file's cases are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// All fields, in their order.
    Position,
    /// Some attributes that an upstream test asserts.
    Attribute,
    /// The text of fields by the names of the corpus' table.
    Text,
}

/// Compares one file of cases.
pub(crate) fn file(
    program: &Program,
    names: &Names,
    path: &Path,
    name: &str,
    family: &str,
    how: How,
    report: &mut Report,
) -> Result<()> {
    let entries: Vec<Entry> = cases(path)?;
    let mut log = FIRST.to_owned();
    for entry in &entries {
        log.push_str(&entry.input.replace('\n', " "));
        log.push('\n');
    }
    let input = program.input("sentences.log", log.as_bytes())?;
    let (rows, ran) = program.decode("nmea0183", &input)?;
    report.family(family).files += 1;
    report.crash(family, name, ran.crash.as_deref())?;
    let mut by_line: HashMap<u64, &Row> = HashMap::new();
    for row in rows.iter().filter(|row| row.protocol == PROTOCOL) {
        by_line.entry(row.frame).or_insert(row);
    }
    for (at, entry) in entries.iter().enumerate() {
        let mut case = Case::new(family, format!("{name}:{}", at + 1), &entry.input);
        case.kind = entry.formatter.clone().unwrap_or_default();
        match by_line.get(&(at as u64 + 2)) {
            Some(row) => compare(&mut case, names, entry, row, how),
            None => case.missing(flags_of(entry)),
        }
        report.close(case)?;
    }
    Ok(())
}

fn compare(case: &mut Case, names: &Names, entry: &Entry, row: &Row, how: How) {
    let none = Map::new();
    let fields = row.value["fields"].as_object().unwrap_or(&none);
    if case.kind.is_empty() {
        case.kind = fields.get("formatter").and_then(Value::as_str).unwrap_or_default().to_owned();
    }
    let is_maker = entry.input.starts_with("$P");
    let wanted = match how {
        How::Text => return control(case, names, entry, fields),
        _ if is_maker => names.by_maker(entry, fields),
        How::Position => names.by_position(entry, fields),
        How::Attribute => attributes(names, entry),
    };
    if how == How::Position || is_maker {
        frame(case, entry, fields, is_maker);
    }
    if entry.expect.get("query").is_some() {
        return;
    }
    for wanted in wanted {
        let ours = fields.get(&wanted.name);
        if wanted.is_met(ours) {
            case.equal();
        } else {
            case.differs(&wanted.name, &wanted.value, ours, wanted.flags(entry, ours));
        }
    }
}

/// Checksum, talker and formatter.
fn frame(case: &mut Case, entry: &Entry, fields: &Map<String, Value>, is_maker: bool) {
    let checksum = match entry.checksum_ok {
        Some(true) => "ok",
        Some(false) => "bad",
        None => "absent",
    };
    let mut check = |name: &str, want: &str| {
        let good = fields.get(name).and_then(Value::as_str) == Some(want);
        if good { case.equal() } else { case.differs(name, &json!(want), fields.get(name), flags_of(entry)) }
    };
    check("checksum", checksum);
    if let (Some(talker), false) = (&entry.talker, is_maker) {
        check(if fields.contains_key("query") { "requester" } else { "talker" }, talker);
        let asked = entry.expect.get("query").and(entry.expect.get("formatter")).and_then(Value::as_str);
        check("formatter", asked.or(entry.formatter.as_deref()).unwrap_or_default());
    }
}

/// Attributes that are fields are known by their place in whole cases; others the oracle makes up.
fn attributes(names: &Names, entry: &Entry) -> Vec<Wanted> {
    let formatter = entry.input.get(3..6).unwrap_or_default().to_owned();
    let known = entry.expect.0.iter().filter(|(key, _)| !key.ends_with("_dir")).filter_map(|(key, value)| {
        let index = names.positions.get(&(formatter.clone(), key.clone()))?;
        let (name, kind) = names.of(&formatter, *index)?;
        (!matches!(kind.as_str(), "lat" | "lon")).then(|| Wanted { kind, ..Wanted::plain(name, value) })
    });
    known.collect()
}

/// The raw text of each field of a sentence made for the corpus.
fn control(case: &mut Case, names: &Names, entry: &Entry, fields: &Map<String, Value>) {
    let formatter = entry.formatter.as_deref().unwrap_or_default();
    let is_query = entry.expect.get("query").is_some();
    for (at, (key, want)) in entry.expect.0.iter().enumerate() {
        let (name, kind) = match names.of(formatter, at + 1) {
            _ if is_query => (key.clone(), String::new()),
            Some(row) => row,
            None => (names.tail(formatter, at + 1), String::new()),
        };
        let ours = fields.get(&name);
        let raw = want.as_str().unwrap_or_default();
        let good = match kind.as_str() {
            "lat" | "lon" => {
                let letter = entry.expect.0.get(at + 1).and_then(|(_, next)| next.as_str()).unwrap_or_default();
                let both = degrees(raw, letter).zip(ours.and_then(Value::as_f64));
                both.is_some_and(|(want, ours)| (want - ours).abs() < 1e-9)
            }
            "enum" if key.ends_with("_ns") || key.ends_with("_ew") => continue,
            "time" => ours.and_then(Value::as_str).map_or(raw.is_empty(), |ours| ours.replace(':', "") == raw),
            kind => same(kind, want, ours),
        };
        case.judge(good, &name, want, ours);
    }
}

/// Reports of gpsd that follow a sentence: where both tell a position, it is the same.
pub(crate) fn reports(program: &Program, path: &Path, name: &str, family: &str, report: &mut Report) -> Result<()> {
    let entries: Vec<Value> = cases(path)?;
    let mut log = FIRST.to_owned();
    for entry in &entries {
        log.push_str(&entry["input"].as_str().unwrap_or_default().replace('\n', " "));
        log.push('\n');
    }
    let input = program.input("sentences.log", log.as_bytes())?;
    let (rows, ran) = program.decode("nmea0183", &input)?;
    report.family(family).files += 1;
    report.crash(family, name, ran.crash.as_deref())?;
    let mut told: HashMap<u64, &Row> = HashMap::new();
    for row in rows.iter().filter(|row| row.protocol == PROTOCOL) {
        told.entry(row.frame).or_insert(row);
    }
    for (at, entry) in entries.iter().enumerate() {
        let mut case = Case::new(family, format!("{name}:{}", at + 1), entry["input"].as_str().unwrap_or_default());
        let row = told.get(&(at as u64 + 2));
        case.kind = row.and_then(|row| row.field("formatter")?.as_str()).unwrap_or_default().to_owned();
        let reported = entry["expect"].as_array().and_then(|list| list.iter().find(|one| one["class"] == "TPV"));
        for (theirs, ours) in [("lat", "latitude"), ("lon", "longitude")] {
            let (Some(want), Some(own)) =
                (reported.and_then(|one| one[theirs].as_f64()), row.and_then(|row| row.field(ours)))
            else {
                continue;
            };
            let good = own.as_f64().is_some_and(|own| (own - want).abs() < 2e-9);
            case.judge(good, ours, &json!(want), Some(own));
        }
        report.close(case)?;
    }
    Ok(())
}
