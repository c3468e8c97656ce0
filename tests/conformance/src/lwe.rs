//! IEC 61162-450: datagrams against the dissector of FKIE, and made ones with planted faults. Each case is sent as a datagram of its own sender.

use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::corpus::{cases, unhex};
use crate::program::{Program, Row};
use crate::verdict::{Case, Report};
use crate::wire::{Pcap, sender};

const FAMILY: &str = "iec61162-450";

#[derive(Deserialize)]
struct Entry {
    input: Input,
    expect: Value,
    #[serde(default)]
    note: String,
}

#[derive(Deserialize)]
struct Input {
    dst: Ipv4Addr,
    dport: u16,
    payload_hex: String,
}

/// Names of the two oracles and ours.
#[derive(Deserialize)]
pub(crate) struct Mapping {
    tag: std::collections::BTreeMap<String, String>,
    binary: std::collections::BTreeMap<String, String>,
    /// Planted fault -> the oddity it must show as.
    faults: std::collections::BTreeMap<String, String>,
    /// Text in the output of FKIE -> the oddity it means.
    marks: std::collections::BTreeMap<String, String>,
    /// Oddities that also sound cases may show.
    harmless: Vec<String>,
}

impl Mapping {
    pub(crate) fn read() -> Result<Self> {
        toml::from_str(include_str!("../data/iec61162-450.toml")).context("iec61162-450.toml")
    }
}

/// Compares one file of cases.
pub(crate) fn file(program: &Program, mapping: &Mapping, path: &Path, name: &str, report: &mut Report) -> Result<()> {
    let entries: Vec<Entry> = cases(path)?;
    let mut pcap = Pcap::new();
    for (at, entry) in entries.iter().enumerate() {
        let payload = unhex(&entry.input.payload_hex).context("payload_hex")?;
        pcap.datagram(sender(at), entry.input.dst, entry.input.dport, &payload);
    }
    let input = program.input("datagrams.pcap", &pcap.finish())?;
    let (rows, ran) = program.decode("pcap", &input)?;
    report.family(FAMILY).files += 1;
    report.crash(FAMILY, name, ran.crash.as_deref())?;
    for (at, entry) in entries.iter().enumerate() {
        let own: Vec<&Row> = rows.iter().filter(|row| row.frame == at as u64 + 1).collect();
        let mut case = Case::new(FAMILY, format!("{name}:{}", at + 1), &entry.note);
        case.kind = entry.expect["anomaly"].as_str().unwrap_or_default().to_owned();
        let is_made =
            entry.expect.get("token").is_some() || entry.expect.get("lines").is_some() || !case.kind.is_empty();
        if is_made {
            made(mapping, &mut case, &entry.expect, &own);
        } else {
            layers(mapping, &mut case, &entry.expect, &own);
        }
        report.close(case)?;
    }
    Ok(())
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.get("value").unwrap_or(value).to_string(), str::to_owned)
}

fn check(case: &mut Case, what: &str, want: &Value, ours: Option<&Value>) {
    case.judge(ours.is_some_and(|ours| text(ours) == text(want)), what, want, ours);
}

fn shows(rows: &[&Row], odd: &str) -> bool {
    rows.iter().any(|row| row.is_odd(odd))
}

/// A case written for the corpus: token, group, lines and their TAG parameters, or a planted fault.
fn made(mapping: &Mapping, case: &mut Case, expect: &Value, rows: &[&Row]) {
    match expect["anomaly"].as_str() {
        Some(fault) => {
            // what only several flows together show is no oddity of a message, and has no entry
            if let Some(odd) = mapping.faults.get(fault) {
                case.judge(shows(rows, odd), "anomaly", &json!(odd), None);
            }
        }
        None => {
            let odd = rows.iter().filter_map(|row| row.value["odd"].as_array()).flatten();
            let odd: Vec<_> = odd.filter(|odd| !mapping.harmless.iter().any(|known| *odd == known)).collect();
            case.judge(odd.is_empty(), "odd", &json!([]), Some(&json!(odd)));
        }
    }
    if expect.get("version").is_some() || expect.get("blockid").is_some() {
        binary(mapping, case, expect, rows);
    }
    let Some(lines) = expect["lines"].as_array() else { return };
    let sentences: Vec<_> = rows.iter().filter(|row| row.protocol == FAMILY).collect();
    if sentences.is_empty() && !lines.is_empty() {
        return case.missing(Vec::new());
    }
    check(case, "lines", &json!(lines.len()), Some(&json!(sentences.len())));
    for (line, row) in lines.iter().zip(sentences) {
        let field = |name: &str| row.field(name).and_then(Value::as_str).unwrap_or_default();
        let address = format!("{}{}", field("talker"), field("formatter"));
        check(case, "address", &line["address"], Some(&json!(address)));
        if expect.get("group").is_some() {
            check(case, "group", &expect["group"], row.field("group"));
        }
        for (letter, want) in line["tag"].as_object().into_iter().flatten() {
            let name = mapping.tag.get(letter).map_or(letter.as_str(), String::as_str);
            check(case, letter, want, row.field("tag").and_then(|tag| tag.get(name)));
        }
        if let Some(source) = line["tag"].get("s") {
            check(case, "sfi", source, row.value.get("sfi"));
        }
    }
}

/// A header of binary transfer, as either oracle shows it.
fn binary(mapping: &Mapping, case: &mut Case, expect: &Value, rows: &[&Row]) {
    let Some(row) = rows.iter().find(|row| row.kind.starts_with("file-")) else { return case.missing(Vec::new()) };
    for (key, want) in expect.as_object().into_iter().flatten() {
        let short = key.rsplit('.').next().unwrap_or(key);
        match want {
            Value::Object(_) if short.contains("descriptor") || short.contains("binary") => {
                binary(mapping, case, want, rows)
            }
            _ => {
                if let Some(name) = mapping.binary.get(short) {
                    check(case, key, want, row.field(name));
                }
            }
        }
    }
}

/// What the dissector of FKIE shows: layers of sentences, or of binary transfer, and its remarks.
fn layers(mapping: &Mapping, case: &mut Case, expect: &Value, rows: &[&Row]) {
    if expect.get("iec-61162-450-binary").is_some() {
        return binary(mapping, case, expect, rows);
    }
    let mut wanted = Vec::new();
    collect(expect, &mut wanted);
    let own: Vec<_> = rows.iter().filter(|row| matches!(row.protocol.as_str(), "nmea0183" | FAMILY)).collect();
    if own.is_empty() && !wanted.is_empty() {
        return case.missing(Vec::new());
    }
    check(case, "sentences", &json!(wanted.len()), Some(&json!(own.len())));
    for (layer, row) in wanted.iter().zip(own) {
        let part = |name: &str| layer.get(format!("nmea-0183.{name}")).cloned().unwrap_or_default();
        check(case, "talker", &part("talkerid"), row.field("talker"));
        check(case, "formatter", &part("sentenceid"), row.field("formatter"));
        let valid = part("checksum").as_str().is_some_and(|text| text.contains("valid"));
        check(case, "checksum", &json!(if valid { "ok" } else { "bad" }), row.field("checksum"));
    }
    let said = expect.to_string();
    for (mark, odd) in &mapping.marks {
        let (want, ours) = (said.contains(mark.as_str()), shows(rows, odd));
        case.judge(want == ours, odd, &json!(want), Some(&json!(ours)));
    }
}

/// Every `nmea-0183` layer, in order.
fn collect<'v>(value: &'v Value, layers: &mut Vec<&'v Value>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| collect(value, layers)),
        Value::Object(map) => {
            for (key, value) in map {
                if key == "nmea-0183" {
                    layers.push(value);
                } else {
                    collect(value, layers);
                }
            }
        }
        _ => {}
    }
}
