//! Packet captures: rows of tshark frame by frame, facts about devices in the inventory, labels of nDPI by flow, damaged files.
//!
//! Expectations are found by the names that the corpus' README gives them; what a name means for us is in `data/*.toml`, by protocol and
//! attribute. No capture is known by its name.

mod damaged;
mod facts;
mod labels;
mod rows;

use std::path::{Path, PathBuf};

use anyhow::Result;

use self::facts::Facts;
use self::labels::Labels;
use self::rows::Mappings;
use crate::corpus::{ManifestRow, manifest};
use crate::program::{Program, Row};
use crate::verdict::Report;

/// Tables that say what the names of the independent decoders mean here.
struct Tables {
    rows: Mappings,
    facts: Facts,
    labels: Labels,
}

/// Which capture is compared.
struct Place<'a> {
    name: &'a str,
    /// Its link layer is one that is not read: nothing in it can be equal.
    unread_link: bool,
    /// All messages in it, where facts ask for them.
    rows: &'a [Row],
    /// It is one of those whose bytes were damaged on purpose.
    damaged: bool,
}

/// Link-layer types that are read (crates/flow/src/link.rs), by number of the pcap registry.
const READ_LINKS: [u32; 10] = [0, 1, 12, 14, 101, 108, 113, 227, 228, 229];

fn place(row: &ManifestRow) -> Place<'_> {
    let links = row.get("linktypes").map_or("", String::as_str);
    let numbers = links.split(',').filter_map(|number| number.trim().parse::<u32>().ok());
    let unread_link = numbers.clone().next().is_some() && numbers.clone().all(|link| !READ_LINKS.contains(&link));
    let damaged = row.get("category").is_some_and(|category| category.starts_with("malformed"));
    Place { name: row.get("file").map_or("", String::as_str), unread_link, damaged, rows: &[] }
}

/// Compares every capture below `folder`.
pub(crate) fn run(program: &Program, folder: &Path, only: &str, report: &mut Report) -> Result<()> {
    let tables = Tables { rows: Mappings::read()?, facts: Facts::read()?, labels: Labels::read()? };
    let listed = manifest(folder)?;
    let there = |row: &&ManifestRow| row.get("file").is_some_and(|name| folder.join(name).is_file());
    // Damaged captures come first: the kernel keeps the memory of the largest child only, and at this point these are the only children.
    let is_damaged = |row: &&ManifestRow| row.get("category").is_some_and(|category| category.starts_with("malformed"));
    if damaged::FAMILY.contains(only) {
        for row in listed.iter().filter(there).filter(is_damaged) {
            damaged::run(program, folder, row, report)?;
        }
    }
    for row in &listed {
        let Some(name) = row.get("file") else { continue };
        if folder.join(name).is_file() {
            capture(program, &tables, &folder.join(name), row, only, report)?;
        } else {
            report.remark("captures", name, "listed but not there")?;
        }
    }
    Ok(())
}

/// Compares one capture with every expectation beside it.
fn capture(
    program: &Program,
    tables: &Tables,
    path: &Path,
    row: &ManifestRow,
    only: &str,
    report: &mut Report,
) -> Result<()> {
    let place = place(row);
    let name = place.name;
    let files = row.get("expected_facts_files").map_or("", String::as_str);
    let expected: Vec<(String, PathBuf)> =
        files.split_whitespace().filter_map(|file| expectation(path, file)).collect();
    let wants = |family: &str| family.contains(only);
    let of_rows: Vec<_> = expected
        .iter()
        .filter(|(kind, _)| !kind.starts_with("zeek-") && !matches!(kind.as_str(), "facts" | "suricata"))
        .filter(|(kind, _)| wants(&format!("captures/{kind}")))
        .collect();
    if !of_rows.is_empty() {
        let (rows, ran) = program.decode("auto", path)?;
        report.family("captures").files += 1;
        report.crash("captures", name, ran.crash.as_deref())?;
        for (kind, file) in of_rows {
            if kind == "ndpi" {
                labels::compare(program, &tables.labels, path, file, &place, &rows, report)?;
            } else {
                rows::compare(tables.rows.of(kind), kind, file, &place, &rows, report)?;
            }
        }
    }
    if let Some((_, file)) = expected.iter().find(|(kind, _)| kind == "facts").filter(|_| wants(facts::FAMILY)) {
        let (rows, _) = program.decode("auto", path)?;
        facts::compare(program, &tables.facts, path, file, &Place { rows: &rows, ..place }, report)?;
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
