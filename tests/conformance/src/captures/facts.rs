//! Facts about devices: what a device says of itself must stand in the inventory at the asset with that address, and what stands there must
//! have been said.
//!
//! Three things are told apart: a value that is *missing* (nothing of the kind stands there), one that is *wrong* (another value stands in its
//! place), and, in a family of its own, every value of ours of which the truth speaks too: whether the truth holds it. Values of ours of which
//! the truth does not speak are counted as *extra*, not judged: it does not list everything that a device says.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Place;
use super::rows::plain;
use crate::corpus::cases;
use crate::program::{Program, Row};
use crate::verdict::{Case, Report};

pub(super) const FAMILY: &str = "captures/facts";
const TOLD: &str = "captures/facts-told";
/// What the inventory keeps of a text at least; a longer one is compared up to there.
const KEPT: usize = 250;

/// What the attributes of the truth are called here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Facts {
    fact: Vec<Mapping>,
}

/// One attribute of one protocol.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mapping {
    proto: String,
    attr: String,
    /// Our attributes that may hold it; any when empty.
    #[serde(default)]
    ours: Vec<String>,
    /// Beginnings of the methods by which we learn the very same; without them values of ours are not held against the truth.
    #[serde(default)]
    methods: Vec<String>,
    #[serde(default)]
    form: Form,
    /// Field of a message that holds it as well.
    message: Option<String>,
}

/// How two values are compared.
#[derive(Deserialize, Clone, Copy, Default, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Form {
    /// The same text, without regard to blanks, control characters and case.
    #[default]
    Text,
    /// The text stands within ours.
    Within,
    /// The same number, decimal or hexadecimal.
    Number,
    /// The same hexadecimal digits, however they are divided.
    Hex,
    /// A NetBIOS name: without the suffix in angle brackets.
    Netbios,
    /// The first, second part of ours at full stops.
    Major,
    Minor,
    /// Both of them as one number, the first in the high byte.
    MajorMinor,
    /// One entry of ours at commas or blanks.
    Entry,
    /// Ours is what follows the second dash: the software of a version line of SSH (RFC 4253, 4.2).
    Software,
}

impl Facts {
    pub(super) fn read() -> Result<Self> {
        toml::from_str(include_str!("../../data/facts.toml")).context("facts.toml")
    }

    fn of(&self, fact: &Fact) -> Option<&Mapping> {
        self.fact.iter().find(|mapping| mapping.proto == fact.proto && mapping.attr == fact.attr)
    }
}

/// A text as it is compared: no blanks, no control characters, no escapes of them, lower case.
fn squeezed(text: &str) -> String {
    let text = text.replace("\\n", "").replace("\\r", "").replace("\\t", "");
    text.chars().filter(|c| !c.is_control() && !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn hex(text: &str) -> String {
    let text = text.trim().to_lowercase();
    let text = text.strip_prefix("0x").unwrap_or(&text);
    text.chars().filter(|c| !matches!(c, ':' | '-' | '.' | ' ')).collect()
}

impl Form {
    fn is_same(self, truth: &str, ours: &str) -> bool {
        let part = |at: usize| ours.split('.').nth(at).and_then(number);
        match self {
            Self::Text => is_text(truth, ours),
            Self::Within => is_text(truth, ours) || squeezed(ours).contains(&squeezed(truth)),
            Self::Number => number(truth).is_some_and(|want| number(ours) == Some(want)) || is_text(truth, ours),
            Self::Hex => hex(truth) == hex(ours),
            Self::Netbios => is_text(truth.rsplit_once('<').map_or(truth, |(name, _)| name), ours),
            Self::Major => number(truth).is_some_and(|want| part(0) == Some(want)),
            Self::Minor => number(truth).is_some_and(|want| part(1) == Some(want)),
            Self::MajorMinor => {
                let both = part(0).zip(part(1)).filter(|(_, minor)| *minor < 256);
                both.is_some_and(|(major, minor)| number(truth) == Some(major * 256 + minor))
            }
            Self::Software => truth.splitn(3, '-').nth(2).is_some_and(|software| is_text(software, ours)),
            Self::Entry => ours.split([',', ' ']).any(|entry| is_text(truth, entry)),
        }
    }
}

/// Equal, or ours is what the inventory keeps of it.
fn is_text(truth: &str, ours: &str) -> bool {
    let (truth, is_cut) = (squeezed(truth), ours.len() >= KEPT);
    let ours = squeezed(ours);
    truth == ours || (is_cut && truth.starts_with(&ours))
}

/// The comparison for attributes without a mapping: in whatever form.
fn is_anyhow(truth: &str, ours: &str) -> bool {
    let (want, got) = (squeezed(truth), squeezed(ours));
    let long = want.len() >= 4 && got.contains(&want);
    let digits = hex(truth);
    long || is_text(truth, ours)
        || number(truth).is_some_and(|want| number(ours) == Some(want))
        || (digits.len() >= 8 && digits == hex(ours))
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
    #[serde(default)]
    frame: Value,
}

impl Fact {
    fn text(&self) -> String {
        match &self.value {
            Value::String(text) => text.clone(),
            other => plain(other),
        }
    }

    /// The address of the device, if it has any.
    fn address(&self) -> Option<&str> {
        let mac = self.mac.as_deref().filter(|mac| !mac.is_empty() && *mac != "00:00:00:00:00:00");
        self.host.as_deref().filter(|host| !host.is_empty()).or(mac)
    }
}

/// One value in the inventory.
struct Held<'a> {
    attribute: &'a str,
    method: &'a str,
    value: String,
}

/// Every value of an asset.
fn held(asset: &Value) -> impl Iterator<Item = Held<'_>> {
    asset["attributes"].as_object().into_iter().flatten().flat_map(|(attribute, values)| {
        values.as_array().into_iter().flatten().map(|value| Held {
            attribute,
            method: value["method"].as_str().unwrap_or_default(),
            value: value["value"].as_str().map_or_else(|| plain(&value["value"]), str::to_owned),
        })
    })
}

fn has_ip(asset: &Value, ip: &str) -> bool {
    let interfaces = asset["interfaces"].as_array().into_iter().flatten();
    interfaces.filter_map(|interface| interface["ips"].as_array()).flatten().any(|known| known == ip)
}

fn has_mac(asset: &Value, mac: &str) -> bool {
    !mac.is_empty() && asset["interfaces"].as_array().into_iter().flatten().any(|interface| interface["mac"] == mac)
}

fn is_at(asset: &Value, fact: &Fact) -> bool {
    fact.host.as_ref().is_some_and(|host| has_ip(asset, host))
        || fact.mac.as_ref().is_some_and(|mac| has_mac(asset, mac))
}

/// Compares the inventory after one capture.
pub(super) fn compare(
    program: &Program,
    tables: &Facts,
    path: &Path,
    file: &Path,
    place: &Place<'_>,
    report: &mut Report,
) -> Result<()> {
    let name = place.name;
    report.family(FAMILY).files += 1;
    let folder = program.folder("analysis");
    let ran = program.run(&["analyze".as_ref(), "--out".as_ref(), folder.as_os_str(), path.as_os_str()])?;
    report.crash(FAMILY, name, ran.crash.as_deref())?;
    let assets: Value = std::fs::read(folder.join("assets.json"))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    drop(std::fs::remove_dir_all(&folder));
    let assets: Vec<&Value> = assets.as_array().into_iter().flatten().collect();
    let facts = cases::<Fact>(file)?;
    for fact in &facts {
        report.close(asked(tables, &assets, fact, place))?;
    }
    told(tables, &assets, &facts, name, report)
}

/// Whether a value of the truth stands in the inventory.
fn asked(tables: &Facts, assets: &[&Value], fact: &Fact, place: &Place<'_>) -> Case {
    let at = format!("{} frame {}", place.name, plain(&fact.frame));
    let mac = fact.mac.as_deref().unwrap_or_default();
    let mut case = Case::new(FAMILY, at, &format!("{} {mac} {}", fact.address().unwrap_or("-"), fact.value));
    case.kind = format!("{}.{}", fact.proto, fact.attr);
    let (want, mapping) = (fact.text(), tables.of(fact));
    case.want = json!(want);
    let fits = |value: &Held<'_>| match mapping {
        None => is_anyhow(&want, &value.value),
        Some(mapping) => {
            (mapping.ours.is_empty() || mapping.ours.iter().any(|name| name == value.attribute))
                && mapping.form.is_same(&want, &value.value)
        }
    };
    let own = || assets.iter().filter(|asset| is_at(asset, fact)).flat_map(|asset| held(asset));
    if own().any(|value| fits(&value)) {
        case.equal();
        return case;
    }
    let mut flags = vec!["fact"];
    if fact.address().is_none() {
        flags.push("no-address");
    }
    if mapping.is_some() && assets.iter().flat_map(|asset| held(asset)).any(|value| fits(&value)) {
        flags.push("elsewhere");
    }
    if told_in_message(mapping, fact, &want, place.rows) {
        flags.push("in-message");
    }
    if is_at_quic_hello(fact, place.rows) {
        flags.push("in-quic");
    }
    if fact.attr == "ja3s" && speaks(fact, "quic", place.rows) {
        flags.push("answer-in-quic");
    }
    if fact.proto == "tls" && speaks(fact, "openvpn", place.rows) {
        flags.push("in-openvpn");
    }
    // such frames have no address of the network layer of their own: one that is there is a tunnel's
    let is_tunneled = matches!(fact.proto.as_str(), "cdp" | "lldp" | "stp") && fact.host.is_some();
    if is_tunneled && flags.contains(&"elsewhere") {
        flags.push("in-tunnel");
    }
    if want.ends_with(':') {
        flags.push("ends-in-colon");
    }
    if matches!(want.trim(), "0.0.0.0" | "::" | "NULL" | "<MISSING>" | "") {
        flags.push("says-none");
    }
    if fact.host.as_ref().is_none_or(String::is_empty) {
        flags.push("no-ip");
    }
    if place.unread_link {
        flags.push("unread-link");
    }
    if want.contains('\u{fffd}') {
        flags.push("no-text");
    }
    let rivals: Vec<String> = own()
        .filter(|value| mapping.is_some_and(|mapping| mapping.is_told_by(value)))
        .map(|value| value.value)
        .collect();
    if !rivals.is_empty() {
        case.differs("value", &json!(want), Some(&json!(rivals)), flags);
        return case;
    }
    case.missing(flags);
    case
}

/// Whether a message from the device holds the value.
fn told_in_message(mapping: Option<&Mapping>, fact: &Fact, want: &str, rows: &[Row]) -> bool {
    let Some(name) = mapping.and_then(|mapping| mapping.message.as_ref()) else { return false };
    let is_from = |row: &&Row| {
        let source = row.value["src"].as_str().unwrap_or_default();
        // an address stands alone, with a port behind it, or in brackets
        let host = source.rsplit_once(':').map_or(source, |(host, _)| host).trim_matches(['[', ']']);
        fact.address().is_some_and(|address| address == source || address == host)
    };
    let each = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    rows.iter()
        .filter(is_from)
        .filter_map(|row| row.field(name))
        .flat_map(each)
        .any(|value| is_text(want, &plain(&value)))
}

/// Whether the device is one end of a conversation in this protocol that was opened before the frame, or in it.
fn speaks(fact: &Fact, protocol: &str, rows: &[Row]) -> bool {
    let Some(address) = fact.address() else { return false };
    let is_end = |row: &Row, side: &str| {
        let end = row.value[side].as_str().unwrap_or_default();
        end.rsplit_once(':').is_some_and(|(host, _)| host.trim_matches(['[', ']']) == address)
    };
    let before = |row: &&Row| row.protocol == protocol && fact.frame.as_u64().is_some_and(|at| row.frame <= at);
    rows.iter().filter(before).any(|row| is_end(row, "src") || is_end(row, "dst"))
}

/// Whether the frame is told as a hello inside QUIC, with its fingerprint.
fn is_at_quic_hello(fact: &Fact, rows: &[Row]) -> bool {
    let at = fact.frame.as_u64();
    rows.iter().any(|row| row.protocol == "quic" && Some(row.frame) == at && row.field("ja4").is_some())
}

impl Mapping {
    /// Whether a value of ours states this very attribute.
    fn is_told_by(&self, held: &Held<'_>) -> bool {
        self.ours.iter().any(|name| name == held.attribute)
            && self.methods.iter().any(|method| held.method.starts_with(method.as_str()))
    }
}

/// Whether values of ours that the truth speaks of stand in the truth.
fn told(tables: &Facts, assets: &[&Value], facts: &[Fact], name: &str, report: &mut Report) -> Result<()> {
    let mut extra: BTreeMap<String, u64> = BTreeMap::new();
    for asset in assets {
        let about: Vec<&Fact> = facts
            .iter()
            .filter(|fact| match (&fact.host, &fact.mac) {
                (Some(host), _) if !host.is_empty() => has_ip(asset, host),
                (_, Some(mac)) => has_mac(asset, mac),
                _ => false,
            })
            .collect();
        for value in held(asset) {
            let mappings: Vec<&Mapping> = tables.fact.iter().filter(|mapping| mapping.is_told_by(&value)).collect();
            if mappings.is_empty() {
                continue;
            }
            let truth = || {
                about.iter().filter_map(|fact| {
                    let mapping = mappings.iter().find(|m| m.proto == fact.proto && m.attr == fact.attr)?;
                    Some((*fact, *mapping))
                })
            };
            let kind = format!("{} {}", value.method, value.attribute);
            if truth().next().is_none() {
                *extra.entry(kind).or_default() += 1;
                continue;
            }
            let mut case = Case::new(TOLD, name.to_owned(), &plain(&asset["interfaces"]));
            case.kind = kind;
            if truth().any(|(fact, mapping)| mapping.form.is_same(&fact.text(), &value.value)) {
                case.equal();
            } else {
                let all: Vec<String> = truth().map(|(fact, _)| fact.text()).collect();
                let is_text = all.iter().all(|text| !text.contains('\u{fffd}'));
                case.differs(
                    "value",
                    &json!(all),
                    Some(&json!(value.value)),
                    [None, Some("no-text")][usize::from(!is_text)].into_iter().collect(),
                );
            }
            report.close(case)?;
        }
    }
    for (kind, count) in extra {
        report.extra(TOLD, &kind, count);
        report.remark(TOLD, name, &format!("{count} values of {kind} of which the truth does not speak"))?;
    }
    Ok(())
}
