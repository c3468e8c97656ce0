//! Labels of flows: ours is the protocol of the messages between the two ends.
//!
//! A flow without a label of ours is not decoded, which is counted; a flow with another one is wrong. A label of a protocol that is not ours
//! asks for nothing, but a label of ours on such a flow is wrong all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::json;

use super::Place;
use crate::corpus::cases;
use crate::program::{Program, Row};
use crate::verdict::{Case, Report};

pub(super) const FAMILY: &str = "captures/ndpi";

/// Labels of the reference and what they are called here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Labels {
    /// Labels of protocols that are decoded here.
    known: BTreeMap<String, Vec<String>>,
    /// Labels of services, content and applications: they name what is carried, by whatever protocol. Ours names the protocol.
    what_is_carried: BTreeSet<String>,
}

impl Labels {
    pub(super) fn read() -> Result<Self> {
        let mut labels: Self = toml::from_str(include_str!("../../data/ndpi.toml")).context("ndpi.toml")?;
        // what this build does not decode is not on the list
        let built = |name: &String| dogwatch_dissectors::PROTOCOLS.iter().any(|protocol| protocol.name() == name);
        for names in labels.known.values_mut() {
            names.retain(built);
        }
        Ok(labels)
    }

    /// Our names for a label; `A.B` is B inside A.
    fn ours<'a>(&'a self, label: &'a str) -> Vec<&'a str> {
        let whole = self.known.get(label).into_iter();
        let parts = label.split('.').filter_map(|part| self.known.get(part));
        whole.chain(parts).flatten().map(String::as_str).collect()
    }

    /// Whether the protocol that carries it is left open.
    fn leaves_open(&self, label: &str) -> bool {
        label == "Unknown" || self.what_is_carried.contains(label)
    }
}

#[derive(Deserialize)]
struct Label {
    #[serde(default)]
    l4: String,
    src: String,
    #[serde(default)]
    sport: u64,
    dst: String,
    #[serde(default)]
    dport: u64,
    ndpi: String,
}

/// The two ends of a flow as `decode` prints them.
pub(super) fn end(ip: &str, port: u64) -> String {
    match (ip.contains(':'), port) {
        (_, 0) => ip.to_owned(),
        (true, _) => format!("[{ip}]:{port}"),
        (false, _) => format!("{ip}:{port}"),
    }
}

pub(super) fn compare(
    program: &Program,
    labels: &Labels,
    capture: &Path,
    file: &Path,
    place: &Place<'_>,
    rows: &[Row],
    report: &mut Report,
) -> Result<()> {
    report.family(FAMILY).files += 1;
    let name = place.name;
    let mut seen: BTreeMap<(String, String), BTreeSet<&str>> = BTreeMap::new();
    for row in rows {
        let end = |side: &str| row.value[side].as_str().unwrap_or_default().to_owned();
        let (one, other) = (end("src"), end("dst"));
        seen.entry((one.clone(), other.clone())).or_default().insert(&row.protocol);
        seen.entry((other, one)).or_default().insert(&row.protocol);
    }
    let silent = silent(program, capture)?;
    for label in cases::<Label>(file)? {
        let (one, other) = (end(&label.src, label.sport), end(&label.dst, label.dport));
        let mut case = Case::new(FAMILY, name.to_owned(), &format!("{one} {other}"));
        case.kind.clone_from(&label.ndpi);
        let ours = labels.ours(&label.ndpi);
        let found = seen.get(&(one, other));
        let is_silent = silent.contains(&(label.l4.to_lowercase(), label.src.clone(), label.dst.clone(), label.dport))
            || silent.contains(&(label.l4.to_lowercase(), label.dst.clone(), label.src.clone(), label.sport));
        match found {
            Some(protocols) if ours.iter().any(|name| protocols.contains(name)) => case.equal(),
            Some(_) if labels.leaves_open(&label.ndpi) => {}
            Some(protocols) => case.differs("label", &json!(label.ndpi), Some(&json!(protocols)), Vec::new()),
            None if ours.is_empty() => {}
            None if is_silent => case.missing(vec!["no-payload"]),
            None if place.damaged => case.missing(vec!["damaged"]),
            None => case.missing(vec!["label"]),
        }
        report.close(case)?;
    }
    Ok(())
}

/// Connections in which nobody said a word: carrier, ends, port. What the reference calls them it has from the port.
fn silent(program: &Program, capture: &Path) -> Result<BTreeSet<(String, String, String, u64)>> {
    let folder = program.folder("connections");
    drop(program.run(&["analyze".as_ref(), "--out".as_ref(), folder.as_os_str(), capture.as_os_str()])?);
    let text = std::fs::read_to_string(folder.join("connections.csv")).unwrap_or_default();
    drop(std::fs::remove_dir_all(&folder));
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = lines.next().unwrap_or_default();
    let column = |name: &str| head.iter().position(|cell| *cell == name);
    let places = [column("l4"), column("src"), column("dst"), column("dst_port"), column("payload_bytes")];
    let [Some(l4), Some(src), Some(dst), Some(port), Some(payload)] = places else { return Ok(BTreeSet::new()) };
    let cell = |line: &[&str], at: usize| line.get(at).copied().unwrap_or_default().to_owned();
    Ok(lines
        .filter(|line| cell(line, payload) == "0")
        .map(|line| (cell(&line, l4), cell(&line, src), cell(&line, dst), cell(&line, port).parse().unwrap_or(0)))
        .collect())
}
