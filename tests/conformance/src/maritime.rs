//! The maritime part of a corpus: which comparison each file of its manifest gets, by folder and ending as its README lays them down.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::Value;

use crate::corpus::ManifestRow;
use crate::n2k::{self, Places};
use crate::nmea0183::{self, How, Names};
use crate::program::Program;
use crate::verdict::Report;
use crate::{ais, corpus, j1939, lwe, radar, signalk};

/// Endings of inputs that are only replayed: their expectations stand in another file, or there are none.
const INPUTS: [&str; 11] = ["pcap", "pcapng", "log", "nmea", "txt", "raw", "ebl", "in", "aivdm", "gz", "nmea0183"];

pub(crate) fn run(program: &Program, folder: &Path, only: &str, report: &mut Report) -> Result<()> {
    let rows = corpus::manifest(folder)?;
    let ais = ais::Mapping::read()?;
    let places = Places::read(folder)?;
    let names = Names::read(folder, &rows)?;
    let lwe = lwe::Mapping::read()?;
    for row in &rows {
        let (Some(name), Some(family)) = (row.get("file"), row.get("family")) else { continue };
        let path = folder.join(name);
        if !family.contains(only) {
            continue;
        }
        if !path.is_file() {
            report.remark(family, name, "listed but not there")?;
            continue;
        }
        let is_cases = name.ends_with(".jsonl");
        match family.as_str() {
            "ais" if is_cases => ais::file(program, &ais, &path, name, report)?,
            "iec61162-450" if is_cases => lwe::file(program, &lwe, &path, name, report)?,
            "nmea0183" if is_cases => sentences(program, &names, &path, name, report)?,
            "asterix" if is_cases => radar::asterix(program, &path, name, report)?,
            "radar" if is_cases => echoes(program, folder, name, report)?,
            "n2k" | "j1939" => bus(program, &places, folder, row, report)?,
            _ => replay(program, &path, name, family, report)?,
        }
    }
    Ok(())
}

/// Radar: layers of the frames of a capture, or counts of the sentences in it. Packet counts by flow are of no message and are not compared.
fn echoes(program: &Program, folder: &Path, name: &str, report: &mut Report) -> Result<()> {
    let path = folder.join(name);
    let stem = |end: &str| name.strip_suffix(end).map(|stem| folder.join(stem));
    if let Some(stem) = stem(".nmea-counts.jsonl") {
        let captures = ["pcap", "pcapng"].map(|end| PathBuf::from(format!("{}.{end}", stem.display())));
        return match captures.iter().find(|capture| capture.is_file()) {
            Some(capture) => radar::counts(program, capture, &path, name, report),
            None => report.remark("radar", name, "no capture for these counts"),
        };
    }
    match stem(".jsonl").filter(|capture| capture.is_file()) {
        Some(capture) => radar::layers(program, &capture, &path, name, report),
        None => Ok(()),
    }
}

/// NMEA 0183: what a file of cases holds shows in its first case.
fn sentences(program: &Program, names: &Names, path: &Path, name: &str, report: &mut Report) -> Result<()> {
    let first: Value = corpus::cases::<Value>(path)?.into_iter().next().unwrap_or_default();
    if first["expect"].is_array() {
        return nmea0183::reports(program, path, name, "nmea0183/reports", report);
    }
    if first["expect"]["updates"].is_array() || first["error"].is_string() || name.contains("/signalk/") {
        return signalk::file(program, path, name, report);
    }
    let (family, how) = match () {
        () if first["synthetic"] == true => ("nmea0183/control", How::Text),
        () if first["formatter"].is_string() => ("nmea0183/fields", How::Position),
        () => ("nmea0183/upstream", How::Attribute),
    };
    nmea0183::file(program, names, path, name, family, how, report)
}

/// NMEA 2000 and J1939: the part of the family is the folder of the file.
fn bus(program: &Program, places: &Places, folder: &Path, row: &ManifestRow, report: &mut Report) -> Result<()> {
    let (Some(name), Some(family)) = (row.get("file"), row.get("family")) else { return Ok(()) };
    let path = folder.join(name);
    let part = name.split('/').nth(1).filter(|part| !part.contains('.'));
    let group = part.map_or_else(|| family.clone(), |part| format!("{family}/{part}"));
    let part = part.unwrap_or_default();
    // the input an expectation belongs to has its name without the ending, or says so in the manifest
    let beside = |end: &str| {
        let stem = name.strip_suffix(end)?;
        [stem.to_owned(), format!("{stem}.raw")]
            .into_iter()
            .map(|input| folder.join(input))
            .find(|input| input.is_file())
    };
    if let Some(input) = beside(".expect.jsonl") {
        return n2k::stream(program, places, &input, &path, name, &group, report);
    }
    if let Some(capture) = beside(".counts.jsonl") {
        return n2k::counts(program, &capture, &path, name, &group, report);
    }
    if name.ends_with(".out") {
        return match upstream_input(folder, row) {
            Some(input) => n2k::upstream(program, places, &input, &path, name, &group, report),
            None => report.remark(&group, name, "no input for this output"),
        };
    }
    if !name.ends_with(".jsonl") {
        return replay(program, &path, name, &group, report);
    }
    let first: Option<Value> = corpus::cases::<Value>(&path)?.into_iter().next();
    let first = first.unwrap_or_default();
    match part {
        _ if first["input"].is_array() => n2k::second_decoder(program, &path, name, &group, report),
        _ if first["input"].is_string() => n2k::whole_messages(program, places, &path, name, &group, report),
        _ if first["input_hex"].is_string() => n2k::records(program, &path, name, &group, report),
        _ if first["frames"].is_array() || first["can_id"].is_string() => j1939::file(program, &path, name, report),
        // header and bytes of what another file expects in full
        _ => Ok(()),
    }
}

/// The input of an upstream output: the last column of the manifest names it, else it has the same stem.
fn upstream_input(folder: &Path, row: &ManifestRow) -> Option<PathBuf> {
    let place = folder.join(row.get("file")?);
    let named =
        row.get("expect").and_then(|text| text.rsplit(" of ").next()).map(|input| place.with_file_name(input.trim()));
    named.into_iter().chain([place.with_extension("in")]).find(|input| input.is_file() && *input != place)
}

/// Decodes an input for what it must not do: crash or hang.
fn replay(program: &Program, path: &Path, name: &str, family: &str, report: &mut Report) -> Result<()> {
    let is_input =
        path.extension().is_some_and(|end| INPUTS.iter().any(|known| end == *known)) || name.contains("/raw/");
    if !is_input {
        return Ok(());
    }
    report.family(family).files += 1;
    let (_, ran) = program.decode("auto", path)?;
    report.crash(family, name, ran.crash.as_deref())?;
    match ran.refused {
        Some(why) => report.remark(family, name, &format!("not read: {why}")),
        None => Ok(()),
    }
}
