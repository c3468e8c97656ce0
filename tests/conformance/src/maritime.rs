//! The maritime part of a corpus: which comparison each file of its manifest gets, by folder and ending as its README lays them down.

use std::path::Path;

use anyhow::Result;

use crate::program::Program;
use crate::verdict::Report;
use crate::{ais, corpus};

/// Endings of inputs that are only replayed: their expectations stand in another file, or there are none.
const INPUTS: [&str; 11] = ["pcap", "pcapng", "log", "nmea", "txt", "raw", "ebl", "in", "aivdm", "gz", "nmea0183"];

pub(crate) fn run(program: &Program, folder: &Path, only: &str, report: &mut Report) -> Result<()> {
    let rows = corpus::manifest(folder)?;
    let ais = ais::Mapping::read()?;
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
            _ => replay(program, &path, name, family, report)?,
        }
    }
    Ok(())
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
