//! J1939 against asserted values and the exchanges of other implementations: cases of frames as `IIIIIIII#hex`.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use crate::corpus::cases;
use crate::n2k::{header, messages};
use crate::program::{Program, Row};
use crate::verdict::{Case, Report};

const FAMILY: &str = "j1939";

/// The frames of a case as lines of a `candump` log.
fn log_of(entry: &Value) -> String {
    let frames: Vec<String> = match entry["frames"].as_array() {
        Some(list) => list.iter().filter_map(|one| one.as_str().or(one["frame"].as_str())).map(str::to_owned).collect(),
        None => ["can_id", "data"]
            .iter()
            .map(|part| entry[part].as_str().unwrap_or_default())
            .collect::<Vec<_>>()
            .join("#")
            .lines()
            .map(str::to_owned)
            .collect(),
    };
    frames.iter().enumerate().map(|(at, frame)| format!("(1700000000.{at:06}) can0 {frame}\n")).collect()
}

/// Compares one file of cases.
pub(crate) fn file(program: &Program, path: &Path, name: &str, report: &mut Report) -> Result<()> {
    let entries: Vec<Value> = cases(path)?;
    report.family(FAMILY).files += 1;
    for (at, entry) in entries.iter().enumerate() {
        let log = log_of(entry);
        let input = program.input("frames.log", log.as_bytes())?;
        let (rows, ran) = program.decode("candump", &input)?;
        report.crash(FAMILY, name, ran.crash.as_deref())?;
        let mut case = Case::new(FAMILY, format!("{name}:{}", at + 1), &log.replace('\n', " "));
        // the transport protocol's own messages are told, but are not what was transported
        let said: Vec<_> = messages(&rows).into_iter().filter(|row| *header(row, "pgn") != 0xec00).collect();
        match said.first() {
            Some(row) if entry["expect_header"].is_object() => identifier(&mut case, entry, row),
            Some(_) if entry["expect"]["pdus"].is_array() => transport(&mut case, entry, &said),
            Some(row) => asserted(&mut case, &entry["expect"], row),
            None => case.missing(if is_part(entry) { vec!["part-of-message"] } else { Vec::new() }),
        }
        report.close(case)?;
    }
    Ok(())
}

/// Whether a case is one frame of the transport protocol (SAE J1939-21, 5.10) or of a proprietary fast packet (data page 1).
fn is_part(entry: &Value) -> bool {
    let id = entry["can_id"].as_str().and_then(|id| u32::from_str_radix(id, 16).ok());
    id.is_some_and(|id| matches!(id >> 16 & 0xff, 0xeb | 0xec) || id >> 24 & 1 == 1)
}

/// The header, and the values the other decoder gives as numbers with a unit.
fn identifier(case: &mut Case, entry: &Value, row: &Row) {
    case.kind = entry["expect_header"]["pgn"].to_string();
    for (theirs, ours) in [("prio", "priority"), ("pgn", "pgn"), ("src", "source"), ("dst", "destination")] {
        let want = &entry["expect_header"][theirs];
        case.judge(want == header(row, ours), theirs, want, Some(header(row, ours)));
    }
    for (theirs, ours) in [
        ("Engine Speed", "engine_rpm"),
        ("Actual Engine - Percent Torque", "actual_engine_percent_torque"),
        ("Total Vehicle Distance", "total_vehicle_distance"),
    ] {
        let text = entry["expect"][theirs].as_str().unwrap_or_default();
        if let Some(number) = text.split(' ').next().and_then(|number| number.parse::<f64>().ok()) {
            let good = row.field(ours).and_then(Value::as_f64) == Some(number);
            case.judge(good, ours, &json!(number), row.field(ours));
        }
    }
}

/// Messages put together, in order: group and bytes.
fn transport(case: &mut Case, entry: &Value, said: &[&Row]) {
    let said: Vec<_> = said.iter().filter(|row| row.kind != "address-claim").collect();
    let wanted = entry["expect"]["pdus"].as_array().cloned().unwrap_or_default();
    case.judge(said.len() == wanted.len(), "messages", &json!(wanted.len()), Some(&json!(said.len())));
    for (row, want) in said.iter().zip(&wanted) {
        // the other side counts the group with its low byte even where that is a destination
        let (theirs, ours) = (want["pgn_or_id"].as_u64().unwrap_or(0), header(row, "pgn").as_u64().unwrap_or(0));
        let same = ours == theirs || ours & !0xff == theirs & !0xff;
        case.judge(same, "pgn", &want["pgn_or_id"], Some(header(row, "pgn")));
        // the catch-all of unknown groups shows two bytes as maker and industry
        let payload = want["payload"].as_str().unwrap_or_default().to_ascii_lowercase();
        let bytes = ["data", "payload"].iter().find_map(|key| row.field(key)?.as_str()).unwrap_or_default();
        let good = payload.ends_with(bytes) && bytes.len() + 4 >= payload.len();
        case.judge(good, "payload", &want["payload"], Some(&json!(bytes)));
    }
}

/// Trouble codes, lamps and quantities that upstream tests assert.
fn asserted(case: &mut Case, expect: &Value, row: &Row) {
    case.kind = expect["pgn"].to_string();
    case.judge(expect["pgn"] == *header(row, "pgn"), "pgn", &expect["pgn"], Some(header(row, "pgn")));
    for (lamp, want) in expect["lamps"].as_object().into_iter().flatten() {
        let ours = row.field(&format!("{}_lamp_status", lamp.replace("_indicator", "")));
        let number = ours.map(|ours| ours.get("value").unwrap_or(ours));
        case.judge(number == Some(want), lamp, want, ours);
    }
    if let Some(codes) = expect["dtcs"].as_array() {
        let none = Vec::new();
        let ours = row.field("list").and_then(Value::as_array).unwrap_or(&none);
        case.judge(ours.len() == codes.len(), "dtcs", &json!(codes.len()), Some(&json!(ours.len())));
        for (ours, want) in ours.iter().zip(codes) {
            for (key, want) in want.as_object().into_iter().flatten() {
                let number = ours[key].get("value").unwrap_or(&ours[key]);
                case.judge(number == want, key, want, Some(&ours[key]));
            }
        }
    }
    if let Some(speed) = expect["engine_speed_rpm"].as_f64() {
        let ours = row.field("engine_rpm");
        case.judge(ours.and_then(Value::as_f64) == Some(speed), "engine_rpm", &json!(speed), ours);
    }
}
