//! Radar and ASTERIX: datagrams against the dissectors of FKIE and an independent ASTERIX decoder, sentences of a mixed capture by count.
//!
//! Spokes are told in sums here, not one by one: a datagram without a row of its own is not judged where its capture has such rows.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::corpus::{cases, unhex};
use crate::program::{Program, Row};
use crate::verdict::{Case, Report};
use crate::wire::{Pcap, sender};

/// Fields of the FKIE layers that are shown here, and our names; the values are decimal, but those of `hex` ones.
const FIELDS: [(&str, &str); 5] = [
    ("furuno-img.spoke_cnt", "spokes"),
    ("furuno-img.cell_cnt", "cells"),
    ("furuno-img.compr_lvl", "compression"),
    ("furuno-img.range", "range"),
    ("br24-report.st", "status"),
];

fn number(value: &Value) -> Option<u64> {
    let value = value.get("value").unwrap_or(value);
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// Data blocks, one datagram a case: category and data source (SAC, SIC) of the first record that was decoded.
pub(crate) fn asterix(program: &Program, path: &Path, name: &str, report: &mut Report) -> Result<()> {
    let family = "asterix";
    let entries: Vec<Value> = cases(path)?;
    let mut pcap = Pcap::new();
    for (at, entry) in entries.iter().enumerate() {
        let payload = unhex(entry["input_hex"].as_str().unwrap_or_default()).context("input_hex")?;
        pcap.datagram(sender(at), Ipv4Addr::new(225, 1, 0, 1), 8_600, &payload);
    }
    let input = program.input("asterix.pcap", &pcap.finish())?;
    let (rows, ran) = program.decode("pcap", &input)?;
    report.family(family).files += 1;
    report.crash(family, name, ran.crash.as_deref())?;
    for (at, entry) in entries.iter().enumerate() {
        let mut case = Case::new(family, format!("{name}:{}", at + 1), entry["input_hex"].as_str().unwrap_or_default());
        // where the oracle shows no data source it has not read the record
        let records = entry["expect"].as_array().into_iter().flatten();
        let Some(record) = records.into_iter().find(|record| record["I010"].is_object()) else {
            report.close(case)?;
            continue;
        };
        case.kind = record["category"].to_string();
        let own = |row: &&Row| row.frame == at as u64 + 1 && row.protocol == family;
        let same = |row: &&Row| row.field("category").and_then(number) == number(&record["category"]);
        match rows.iter().filter(own).find(same) {
            Some(row) => {
                for (theirs, ours) in [("SAC", "sac"), ("SIC", "sic")] {
                    let want = &record["I010"][theirs]["val"];
                    let got = row.field(ours);
                    case.judge(got.and_then(number) == number(want), ours, want, got);
                }
            }
            None => case.missing(Vec::new()),
        }
        report.close(case)?;
    }
    Ok(())
}

/// Layers of the frames of a capture.
pub(crate) fn layers(
    program: &Program,
    capture: &Path,
    expected: &Path,
    name: &str,
    report: &mut Report,
) -> Result<()> {
    let family = "radar";
    let (rows, ran) = program.decode("auto", capture)?;
    report.family(family).files += 1;
    report.crash(family, name, ran.crash.as_deref())?;
    let is_radar = |row: &&Row| row.protocol.starts_with("radar");
    let any = rows.iter().any(|row| is_radar(&row));
    for entry in cases::<Value>(expected)? {
        let frame = entry["input"]["frame"].as_u64().unwrap_or(0);
        let mut case = Case::new(family, format!("{name} frame {frame}"), &entry["expect"].to_string());
        let layers = entry["expect"].as_object();
        let expects = layers.is_some_and(|layers| !layers.is_empty());
        match rows.iter().filter(is_radar).find(|row| row.frame == frame) {
            Some(row) if expects => {
                case.equal();
                for layer in layers.into_iter().flatten().map(|(_, layer)| layer) {
                    for (theirs, ours) in FIELDS {
                        let (Some(want), Some(got)) = (layer.get(theirs), row.field(ours)) else { continue };
                        case.judge(number(want) == number(got), ours, want, Some(got));
                    }
                }
            }
            None if expects && !any => case.missing(Vec::new()),
            _ => {}
        }
        report.close(case)?;
    }
    Ok(())
}

/// Sentences of a capture by address.
pub(crate) fn counts(
    program: &Program,
    capture: &Path,
    expected: &Path,
    name: &str,
    report: &mut Report,
) -> Result<()> {
    let family = "radar";
    let (rows, ran) = program.decode("auto", capture)?;
    report.family(family).files += 1;
    report.crash(family, name, ran.crash.as_deref())?;
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows.iter().filter(|row| matches!(row.protocol.as_str(), "nmea0183" | "iec61162-450")) {
        let part = |name: &str| row.field(name).and_then(Value::as_str).unwrap_or_default();
        *counted.entry(format!("{}{}", part("talker"), part("formatter"))).or_default() += 1;
    }
    for entry in cases::<Value>(expected)? {
        let address = entry["address"].as_str().unwrap_or_default();
        let mut case = Case::new(family, format!("{name} {address}"), "");
        match counted.get(address) {
            Some(ours) => case.judge(entry["count"] == *ours, "sentences", &entry["count"], Some(&json!(ours))),
            None => case.missing(Vec::new()),
        }
        report.close(case)?;
    }
    Ok(())
}
