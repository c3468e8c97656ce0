//! AIS: sentences of one message against pyais, gpsd and libais. Where gpsd and libais both agree with what pyais says, ours must equal it;
//! beyond that, whatever two decoders say alike. Message layouts: ITU-R M.1371-5.

use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::corpus::{Ordered, cases};
use crate::program::{Program, Row};
use crate::verdict::{Case, Report};
use crate::wire::{Pcap, sender};

const FAMILY: &str = "ais";

#[derive(Deserialize)]
struct Entry {
    input: Vec<String>,
    checksum_ok: Option<bool>,
    #[serde(default)]
    expect: Ordered,
    /// Which decoders agree with `expect`; a file of gpsd's own expectations has none.
    agree: Option<Vec<String>>,
    #[serde(default)]
    expect_gpsd: Ordered,
}

/// How fields of other decoders map onto ours.
#[derive(Deserialize)]
pub(crate) struct Mapping {
    core: Vec<String>,
    ignored: Vec<String>,
    names: std::collections::BTreeMap<String, String>,
    step: Vec<Step>,
    absent: Vec<Absent>,
}

#[derive(Deserialize)]
struct Step {
    #[serde(default)]
    kinds: Vec<String>,
    fields: Vec<String>,
    step: f64,
}

#[derive(Deserialize)]
struct Absent {
    #[serde(default)]
    kinds: Vec<String>,
    fields: Vec<String>,
    equals: Option<f64>,
    from: Option<f64>,
    to: Option<f64>,
}

impl Mapping {
    pub(crate) fn read() -> Result<Self> {
        toml::from_str(include_str!("../data/ais.toml")).context("ais.toml")
    }

    /// Our name for a key of an oracle; `None` when it is no field of ours on purpose.
    fn name<'k>(&'k self, key: &'k str) -> Option<&'k str> {
        let is_ignored = |pattern: &String| match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
            (Some(end), _) => key.ends_with(end),
            (_, Some(start)) => key.starts_with(start),
            _ => key == pattern,
        };
        if self.ignored.iter().any(is_ignored) {
            return None;
        }
        Some(self.names.get(key).map_or(key, String::as_str))
    }

    fn step(&self, kind: &str, key: &str) -> f64 {
        let of = |step: &&Step| {
            (step.kinds.is_empty() || step.kinds.iter().any(|of| of == kind)) && step.fields.iter().any(|of| of == key)
        };
        self.step.iter().find(of).map_or(1e-6, |step| step.step)
    }

    /// Whether a value of the oracle stands for "not available".
    fn is_absent(&self, kind: &str, key: &str, value: &Value) -> bool {
        if value.is_null() || ["", "nan", "n/a", "N/A"].iter().any(|text| value == text) {
            return true;
        }
        let Some(number) = value.as_f64() else { return false };
        self.absent
            .iter()
            .filter(|rule| rule.kinds.is_empty() || rule.kinds.iter().any(|of| of == kind))
            .filter(|rule| rule.fields.iter().any(|of| of == key))
            .any(|rule| {
                rule.equals.is_some_and(|value| (number - value).abs() < 1e-6)
                    || rule.from.is_some_and(|from| number >= from)
                    || rule.to.is_some_and(|to| number <= to)
            })
    }

    /// Whether ours says the same.
    fn same(&self, kind: &str, key: &str, oracle: &Value, ours: Option<&Value>) -> bool {
        let Some(ours) = ours else {
            // the rate of turn has marks for "more than can be said"
            let is_mark = key == "turn" && oracle.as_str().is_some_and(|text| text.starts_with("fast"));
            return is_mark || self.is_absent(kind, key, oracle);
        };
        let ours = ours.get("value").unwrap_or(ours);
        if let (Some(oracle), Some(ours)) = (oracle.as_f64(), ours.as_f64()) {
            return (oracle - ours).abs() <= self.step(kind, key);
        }
        match (oracle, ours) {
            // gpsd puts the number of bits before the bytes, and does not clear what is behind the last one
            (Value::String(oracle), Value::String(ours)) if key == "data" => {
                let oracle = oracle.split_once(':').map_or(oracle.as_str(), |(_, hex)| hex);
                let whole = oracle.len().min(ours.len()).saturating_sub(2);
                oracle.len() == ours.len() && oracle.get(..whole) == ours.get(..whole)
            }
            // gpsd prints some numbers as text, and names where we keep the code
            (Value::String(text), Value::Number(ours)) => match text.parse::<f64>() {
                Ok(oracle) => ours.as_f64().is_some_and(|ours| (oracle - ours).abs() <= self.step(kind, key)),
                Err(_) => text.chars().all(|c| c.is_alphabetic() || c == '/'),
            },
            (Value::Bool(oracle), Value::Bool(ours)) => oracle == ours,
            (Value::Number(oracle), Value::Bool(ours)) => oracle.as_u64() == Some(u64::from(*ours)),
            (Value::String(oracle), Value::String(ours)) => oracle.trim() == ours.trim(),
            _ => false,
        }
    }
}

/// Compares one file of cases.
pub(crate) fn file(program: &Program, mapping: &Mapping, path: &Path, name: &str, report: &mut Report) -> Result<()> {
    let entries: Vec<Entry> = cases(path)?;
    let mut pcap = Pcap::new();
    let mut owner = Vec::new();
    let receiver = Ipv4Addr::new(192, 168, 0, 2);
    for (at, entry) in entries.iter().enumerate() {
        // A flow is told by its first datagram; a damaged sentence alone tells none.
        for line in std::iter::once("$GPTXT,01,01,02,conformance*30").chain(entry.input.iter().map(String::as_str)) {
            pcap.datagram(sender(at), receiver, 10_110, line.as_bytes());
            owner.push(at);
        }
    }
    let input = program.input("ais.pcap", &pcap.finish())?;
    let (rows, ran) = program.decode("pcap", &input)?;
    report.family(FAMILY).files += 1;
    report.crash(FAMILY, name, ran.crash.as_deref())?;
    let mut messages: Vec<Vec<&Row>> = vec![Vec::new(); entries.len()];
    for row in rows.iter().filter(|row| row.protocol == "ais") {
        let at = usize::try_from(row.frame).ok().and_then(|frame| owner.get(frame.checked_sub(1)?));
        if let Some(list) = at.and_then(|at| messages.get_mut(*at)) {
            list.push(row);
        }
    }
    for (at, entry) in entries.iter().enumerate() {
        let own = messages.get(at).and_then(|list| list.first()).copied();
        let place = format!("{name}:{}", at + 1);
        if entry.agree.is_some() {
            report.close(compare(mapping, entry, own, place))?;
            continue;
        }
        // The upstream list and its output drift apart for a stretch: the values then belong to a sentence beside.
        let mut best = compare(mapping, entry, own, place.clone());
        let mut is_beside = false;
        let beside = messages.iter().skip(at.saturating_sub(2)).take(5).filter_map(|list| list.first());
        for row in beside {
            let other = compare(mapping, entry, Some(row), place.clone());
            if other.badness() < best.badness() {
                best = other;
                is_beside = true;
            }
        }
        if is_beside {
            best.differs("sentence", &Value::from("own"), Some(&Value::from("beside")), vec!["paired-beside"]);
        }
        report.close(best)?;
    }
    Ok(())
}

fn compare(mapping: &Mapping, entry: &Entry, row: Option<&Row>, place: String) -> Case {
    let mut case = Case::new(FAMILY, place, &entry.input.join(" "));
    let agrees = |decoder: &str| entry.agree.as_ref().is_none_or(|list| list.iter().any(|agree| agree == decoder));
    let all_agree = agrees("gpsd") && agrees("libais");
    let is_gpsd = entry.agree.is_none();
    let wanted = entry.expect.0.iter().filter(|(key, value)| {
        is_gpsd || (all_agree && mapping.core.iter().any(|core| core == key)) || second(mapping, entry, key, value)
    });
    let Some(row) = row else {
        let judged = wanted.count() > 0;
        if judged {
            case.missing(if entry.checksum_ok == Some(false) { vec!["bad-checksum"] } else { Vec::new() });
        }
        return case;
    };
    case.kind = row.field("msg_type").map(Value::to_string).unwrap_or_default();
    let other_application = is_gpsd
        && entry.expect.get("fid").is_some()
        && ["dac", "fid"].iter().any(|key| entry.expect.get(key) != row.field(key));
    for (key, oracle) in wanted {
        let Some(name) = mapping.name(key) else { continue };
        let ours = row.field(name);
        if mapping.same(&case.kind, name, oracle, ours) {
            case.equal();
            continue;
        }
        let mut flags = vec![if is_gpsd { "gpsd" } else { "pyais" }];
        let numbers = oracle.as_f64().zip(ours.and_then(Value::as_f64));
        if other_application {
            flags.push("other-application");
        }
        if (1..=5).any(|fill| numbers.is_some_and(|(want, got)| want == (got / f64::from(1 << fill)).floor())) {
            flags.push("shifted");
        }
        if row.field("application").is_some() {
            flags.push("application-shown");
        }
        case.differs(name, oracle, ours, flags);
    }
    case
}

/// Whether a second decoder says the same of a field.
fn second(mapping: &Mapping, entry: &Entry, key: &str, value: &Value) -> bool {
    let same_name =
        |other: &&(String, Value)| mapping.name(&other.0).is_some_and(|name| Some(name) == mapping.name(key));
    let Some((_, other)) = entry.expect_gpsd.0.iter().find(same_name) else { return false };
    match (value.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => (one - other).abs() < 1e-9,
        _ => value == other,
    }
}
