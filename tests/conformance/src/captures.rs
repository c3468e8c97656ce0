//! Packet captures: rows of tshark frame by frame, facts about devices in the inventory, labels of nDPI by flow, damaged files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::corpus::{ManifestRow, cases, manifest};
use crate::program::{Program, Row};
use crate::verdict::{Case, Report};

/// Where a packet is missing, a message may show some frames later: the reassembler waits before it goes on.
const LATE: u64 = 40;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mappings {
    protocol: Vec<Mapping>,
}

/// How the rows of one protocol map onto its messages.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mapping {
    name: String,
    /// Our name of the protocol, when it is another.
    protocol: Option<String>,
    /// Rows without this field are not judged.
    needs: Option<String>,
    /// Rows with such a field are not judged.
    #[serde(default)]
    leave_out: BTreeMap<String, String>,
    field: Vec<Field>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Field {
    truth: Vec<String>,
    ours: String,
    #[serde(default)]
    when: Vec<When>,
    /// Values of the row that are none.
    #[serde(default)]
    not: Vec<String>,
    /// Entries of a list with these types are left out.
    #[serde(default)]
    unless_type: Vec<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct When {
    kind: String,
    #[serde(default)]
    function: Vec<u64>,
}

/// A value in one form for both sides: numbers in decimal, escapes of control characters undone.
fn plain(value: &Value) -> String {
    let value = value.get("value").unwrap_or(value);
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Bool(value) => u8::from(*value).to_string(),
        other => other.to_string(),
    };
    let hex = text.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
    match (hex, text.as_str()) {
        (Some(number), _) => number.to_string(),
        (None, "True") => "1".to_owned(),
        (None, "False") => "0".to_owned(),
        (None, "<Root>") => String::new(),
        (None, _) => text.replace("\\r", "\r").replace("\\n", "\n").trim().to_owned(),
    }
}

/// Every value of a field of a row, in order.
fn values(of: Option<&Value>) -> Vec<String> {
    match of {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => list.iter().map(plain).collect(),
        Some(one) => vec![plain(one)],
    }
}

impl Field {
    fn wanted(&self, row: &Value) -> Vec<String> {
        let all = self.truth.iter().flat_map(|name| values(row.get(name)));
        let all = all.filter(|value| !self.not.contains(value));
        all.map(|value| format!("{}={value}", self.ours)).collect()
    }

    fn said(&self, row: &Row) -> Vec<String> {
        let number = |name: &str| row.field(name).and_then(|value| value.get("value").unwrap_or(value).as_u64());
        let applies = |when: &When| {
            when.kind == row.kind
                && (when.function.is_empty() || number("function").is_some_and(|of| when.function.contains(&of)))
        };
        if !self.when.is_empty() && !self.when.iter().any(applies) {
            return Vec::new();
        }
        let found = match self.ours.split_once('.') {
            None => values(row.field(&self.ours)),
            Some((list, name)) => {
                let entries = row.field(list).and_then(Value::as_array).into_iter().flatten();
                let of_type = |entry: &&Value| plain(&entry["type"]).parse().ok();
                let kept = entries.filter(|entry| of_type(entry).is_none_or(|of| !self.unless_type.contains(&of)));
                kept.flat_map(|entry| values(entry.get(name))).collect()
            }
        };
        found.into_iter().map(|value| format!("{}={value}", self.ours)).collect()
    }
}

pub(crate) fn run(program: &Program, folder: &Path, only: &str, report: &mut Report) -> Result<()> {
    let mappings: Mappings = toml::from_str(include_str!("../data/captures.toml")).context("captures.toml")?;
    for row in manifest(folder)? {
        let Some(name) = row.get("file") else { continue };
        let path = folder.join(name);
        if !path.is_file() {
            report.remark("captures", name, "listed but not there")?;
            continue;
        }
        capture(program, &mappings, &path, &row, only, report)?;
    }
    Ok(())
}

/// Compares one capture with every expectation beside it.
fn capture(
    program: &Program,
    mappings: &Mappings,
    path: &Path,
    row: &ManifestRow,
    only: &str,
    report: &mut Report,
) -> Result<()> {
    let name = row.get("file").map_or("", String::as_str);
    let is_damaged = row.get("category").is_some_and(|category| category.starts_with("malformed"));
    let group = if is_damaged { "captures/malformed" } else { "captures" };
    let files = row.get("expected_facts_files").map_or("", String::as_str);
    let expected: Vec<(String, PathBuf)> =
        files.split_whitespace().filter_map(|file| expectation(path, file)).collect();
    let wants = |family: &str| family.contains(only);
    if wants(group) && is_damaged {
        damaged(program, path, row, report)?;
    }
    let of_rows = expected.iter().filter(|(kind, _)| {
        !kind.starts_with("zeek-")
            && !matches!(kind.as_str(), "facts" | "suricata")
            && wants(&format!("captures/{kind}"))
    });
    let of_rows: Vec<_> = of_rows.collect();
    if !of_rows.is_empty() {
        let (rows, ran) = program.decode("auto", path)?;
        report.family("captures").files += 1;
        report.crash("captures", name, ran.crash.as_deref())?;
        for (kind, file) in of_rows {
            if kind == "ndpi" {
                labels(file, name, &rows, report)?;
            } else {
                let mapping = mappings.protocol.iter().find(|mapping| mapping.name == *kind);
                frames(mapping, kind, file, name, &rows, report)?;
            }
        }
    }
    if let Some((_, file)) = expected.iter().find(|(kind, _)| kind == "facts").filter(|_| wants("captures/facts")) {
        facts(program, path, file, name, report)?;
    }
    Ok(())
}

/// The kind of an expected file, `<capture>.<kind>.jsonl[.gz]`, and where it is.
fn expectation(capture: &Path, file: &str) -> Option<(String, PathBuf)> {
    let stem = capture.file_stem()?.to_str()?;
    let kind = file.strip_prefix(stem)?.strip_prefix('.')?;
    let kind = kind.strip_suffix(".gz").unwrap_or(kind).strip_suffix(".jsonl")?;
    Some((kind.to_owned(), capture.with_file_name(file))).filter(|(_, path)| path.is_file())
}

/// Compares frame by frame.
fn frames(
    mapping: Option<&Mapping>,
    protocol: &str,
    file: &Path,
    name: &str,
    rows: &[Row],
    report: &mut Report,
) -> Result<()> {
    let family = format!("captures/{protocol}");
    report.family(&family).files += 1;
    let protocol = mapping.and_then(|mapping| mapping.protocol.as_deref()).unwrap_or(protocol);
    let mut wanted: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    let mut left_out = BTreeSet::new();
    for row in cases::<Value>(file)? {
        let frame = row["frame"].as_u64().unwrap_or(0);
        let lacks = mapping.and_then(|mapping| mapping.needs.as_ref()).is_some_and(|needs| row.get(needs).is_none());
        let mut unjudged = mapping.iter().flat_map(|mapping| &mapping.leave_out);
        if lacks || unjudged.any(|(name, value)| values(row.get(name)).contains(value)) {
            left_out.insert(frame);
            continue;
        }
        let list = wanted.entry(frame).or_default();
        list.extend(mapping.iter().flat_map(|mapping| &mapping.field).flat_map(|field| field.wanted(&row)));
    }
    let mut said: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.protocol == protocol) {
        let list = said.entry(row.frame).or_default();
        list.extend(mapping.iter().flat_map(|mapping| &mapping.field).flat_map(|field| field.said(row)));
    }
    for list in wanted.values_mut().chain(said.values_mut()) {
        list.sort();
    }
    // frames that are equal as they stand are settled first, so that a late one does not take their message
    let (settled, open): (BTreeMap<_, _>, BTreeMap<_, _>) =
        wanted.into_iter().partition(|(frame, want)| said.get(frame) == Some(want));
    for (frame, want) in settled {
        said.remove(&frame);
        let mut case = Case::new(&family, format!("{name} frame {frame}"), "");
        // frames in which neither side has any of the compared fields prove nothing
        if !want.is_empty() {
            case.equal();
        }
        report.close(case)?;
    }
    for (frame, want) in open {
        let mut case = Case::new(&family, format!("{name} frame {frame}"), &want.join(" "));
        let late =
            said.range(frame.saturating_sub(LATE)..=frame + LATE).find(|(_, have)| **have == want).map(|(at, _)| *at);
        match late.filter(|_| !want.is_empty()) {
            Some(at) => {
                said.remove(&at);
                case.equal();
            }
            None => match said.remove(&frame) {
                Some(have) => {
                    let (missing, extra) = (only_in(&want, &have), only_in(&have, &want));
                    case.differs("values", &json!(missing), Some(&json!(extra)), Vec::new());
                }
                // of a frame with none of the compared fields (what is encrypted, say) nothing can be asked
                None if mapping.is_some() && want.is_empty() => {}
                None => case.missing(vec![if mapping.is_some() { "mapped" } else { "unmapped" }]),
            },
        }
        report.close(case)?;
    }
    let extra = said.iter().filter(|(frame, have)| !left_out.contains(frame) && !have.is_empty()).count();
    if extra > 0 {
        report.remark(
            &family,
            name,
            &format!("{extra} frames hold messages that tshark's default ports do not show"),
        )?;
    }
    Ok(())
}

/// What stands more often in one list than in the other.
fn only_in(one: &[String], other: &[String]) -> Vec<String> {
    let count = |list: &[String], key: &String| list.iter().filter(|item| *item == key).count();
    one.iter().filter(|key| count(one, key) > count(other, key)).cloned().collect()
}

#[derive(Deserialize)]
struct Fact {
    #[serde(default)]
    host: Option<String>,
    #[serde(default)]
    mac: Option<String>,
    proto: String,
    attr: String,
    value: Value,
}

/// What devices say of themselves must stand in the inventory: at the asset with that address, in whatever attribute.
fn facts(program: &Program, path: &Path, file: &Path, name: &str, report: &mut Report) -> Result<()> {
    let family = "captures/facts";
    report.family(family).files += 1;
    let folder = program.folder("analysis");
    let ran = program.run(&["analyze".as_ref(), "--out".as_ref(), folder.as_os_str(), path.as_os_str()])?;
    report.crash(family, name, ran.crash.as_deref())?;
    let assets: Value = std::fs::read(folder.join("assets.json"))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    for fact in cases::<Fact>(file)? {
        let mut case = Case::new(family, name.to_owned(), &format!("{:?} {:?} {}", fact.host, fact.mac, fact.value));
        case.kind = format!("{}.{}", fact.proto, fact.attr);
        let want = plain(&fact.value).to_lowercase();
        let own = assets.as_array().into_iter().flatten().filter(|asset| is_at(asset, &fact));
        let found = own.flat_map(texts).any(|text| text == want || (want.len() >= 4 && text.contains(&want)));
        if found {
            case.equal()
        } else {
            case.missing(vec!["fact"])
        }
        report.close(case)?;
    }
    drop(std::fs::remove_dir_all(&folder));
    Ok(())
}

fn is_at(asset: &Value, fact: &Fact) -> bool {
    asset["interfaces"].as_array().into_iter().flatten().any(|interface| {
        let has_ip =
            |ip: &String| interface["ips"].as_array().is_some_and(|ips| ips.iter().any(|known| known == ip.as_str()));
        fact.host.as_ref().is_some_and(has_ip)
            || fact.mac.as_ref().is_some_and(|mac| !mac.is_empty() && interface["mac"] == mac.as_str())
    })
}

/// The values of all attributes of an asset, in lower case.
fn texts(asset: &Value) -> Vec<String> {
    let lists = asset["attributes"].as_object().into_iter().flat_map(|attributes| attributes.values());
    let values = lists.filter_map(Value::as_array).flatten().map(|value| plain(&value["value"]).to_lowercase());
    values.collect()
}

#[derive(Deserialize)]
struct Label {
    src: String,
    #[serde(default)]
    sport: u64,
    dst: String,
    #[serde(default)]
    dport: u64,
    ndpi: String,
}

/// Labels of flows: ours is the protocol of the messages between the two ends.
fn labels(file: &Path, name: &str, rows: &[Row], report: &mut Report) -> Result<()> {
    let family = "captures/ndpi";
    let known: BTreeMap<String, Vec<String>> =
        toml::from_str(include_str!("../data/ndpi.toml")).context("ndpi.toml")?;
    report.family(family).files += 1;
    let mut seen: BTreeMap<(String, String), BTreeSet<&str>> = BTreeMap::new();
    for row in rows {
        let end = |side: &str| row.value[side].as_str().unwrap_or_default().to_owned();
        let (one, other) = (end("src"), end("dst"));
        seen.entry((one.clone(), other.clone())).or_default().insert(&row.protocol);
        seen.entry((other, one)).or_default().insert(&row.protocol);
    }
    for label in cases::<Label>(file)? {
        let end = |ip: &str, port: u64| match (ip.contains(':'), port) {
            (_, 0) => ip.to_owned(),
            (true, _) => format!("[{ip}]:{port}"),
            (false, _) => format!("{ip}:{port}"),
        };
        let (one, other) = (end(&label.src, label.sport), end(&label.dst, label.dport));
        let mut case = Case::new(family, name.to_owned(), &format!("{one} {other}"));
        case.kind.clone_from(&label.ndpi);
        // `A.B` is B inside A
        let ours: Vec<&String> = label.ndpi.split('.').filter_map(|part| known.get(part)).flatten().collect();
        if label.ndpi == "Unknown" {
            report.close(case)?;
            continue;
        }
        match seen.get(&(one, other)) {
            None => case.missing(vec!["label"]),
            Some(protocols) if ours.iter().any(|name| protocols.contains(name.as_str())) => case.equal(),
            Some(protocols) => case.differs("label", &json!(label.ndpi), Some(&json!(protocols)), Vec::new()),
        }
        report.close(case)?;
    }
    Ok(())
}

/// A damaged capture must neither crash nor hang the program, and its frames are counted.
fn damaged(program: &Program, path: &Path, row: &ManifestRow, report: &mut Report) -> Result<()> {
    let family = "captures/malformed";
    let name = row.get("file").map_or("", String::as_str);
    report.family(family).files += 1;
    let (_, ran) = program.decode("auto", path)?;
    report.crash(family, name, ran.crash.as_deref())?;
    let ran = program.run(&["analyze".as_ref(), "--json".as_ref(), path.as_os_str()])?;
    report.crash(family, name, ran.crash.as_deref())?;
    let summary: Value = serde_json::from_slice(&ran.stdout).unwrap_or_default();
    let want: Value =
        row.get("frames").and_then(|text| text.parse::<u64>().ok()).map_or(Value::Null, |frames| json!(frames));
    let mut case = Case::new(family, name.to_owned(), ran.refused.as_deref().unwrap_or_default());
    case.judge(summary["frames"] == want, "frames", &want, Some(&summary["frames"]));
    report.close(case)
}
