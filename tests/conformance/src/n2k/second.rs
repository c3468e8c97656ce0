//! The second independent decoder of NMEA 2000 (canboatjs): names in camelCase, codes as names, absent values as null.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use super::values::clock;
use super::{header, messages};
use crate::corpus::cases;
use crate::program::Program;
use crate::verdict::{Case, Report};

/// camelCase as snake_case.
fn snake_id(id: &str) -> String {
    let mut out = String::new();
    for character in id.chars() {
        let digit = character.is_ascii_digit() && out.ends_with(|c: char| c.is_ascii_lowercase());
        if character.is_ascii_uppercase() || digit {
            out.push('_');
        }
        out.push(character.to_ascii_lowercase());
    }
    out
}

/// Whether ours says the same; `None` for what is spelled in another way and compared with the first decoder only.
fn same(id: &str, want: &Value, ours: Option<&Value>) -> Option<bool> {
    Some(match (want, ours) {
        (Value::Null, None) => true,
        // bits without a meaning are a number there and bytes here, an MMSI a number there and text here
        (Value::Number(want), Some(Value::String(ours))) => {
            let pairs: Vec<_> =
                ours.as_bytes().chunks(2).rev().filter_map(|pair| std::str::from_utf8(pair).ok()).collect();
            u64::from_str_radix(&pairs.concat(), 16).ok() == want.as_u64() || ours.parse().ok() == want.as_u64()
        }
        // joules there, kilowatt hours (the definition's unit) here
        (Value::Number(want), Some(Value::Number(ours))) if id.contains("Energy") => {
            want.as_f64() == ours.as_f64().map(|hours| hours * 3.6e6)
        }
        (Value::Number(want), Some(ours)) => {
            let numbers = want.as_f64().zip(ours.as_f64().or(ours["value"].as_f64()));
            numbers.is_some_and(|(want, ours)| (ours - want).abs() <= want.abs() * 1e-4 + 1e-4)
        }
        (Value::String(want), Some(Value::String(ours))) => want == ours,
        (Value::String(want), Some(Value::Number(ours))) => clock(want) == ours.as_f64(),
        (Value::String(want), Some(ours)) => {
            let name = ours["name"].as_str();
            name == Some(want)
                || name.map(|name| name.replace('-', ".")).as_ref() == Some(want)
                || want.parse().ok() == ours["value"].as_u64()
        }
        _ => return None,
    })
}

/// Compares one file of cases, each some lines.
pub(crate) fn file(program: &Program, path: &Path, name: &str, family: &str, report: &mut Report) -> Result<()> {
    let entries: Vec<Value> = cases(path)?;
    report.family(family).files += 1;
    for (at, entry) in entries.iter().enumerate() {
        let lines: Vec<_> = entry["input"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let text = lines.join("\n") + "\n";
        let input = program.input("lines.txt", text.as_bytes())?;
        let (rows, ran) = program.decode("n2k-text", &input)?;
        report.crash(family, name, ran.crash.as_deref())?;
        let expect = &entry["expect"];
        let mut case = Case::new(family, format!("{name}:{}", at + 1), &text.replace('\n', " "));
        case.kind = expect["pgn"].to_string();
        match messages(&rows).into_iter().find(|row| *header(row, "pgn") == expect["pgn"]) {
            Some(row) => {
                for (id, want) in expect["fields"].as_object().into_iter().flatten() {
                    let ours = row.field(&snake_id(id));
                    if let Some(good) = same(id, want, ours) {
                        case.judge(good, id, want, ours);
                    }
                }
            }
            None => case.missing(Vec::new()),
        }
        report.close(case)?;
    }
    Ok(())
}
