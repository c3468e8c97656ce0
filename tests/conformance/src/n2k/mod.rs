//! NMEA 2000 and J1939 against CANboat: whole messages, captures by count, streams and gateway formats in order, upstream tests.

mod places;
mod second;
mod values;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value, json};

pub(crate) use self::places::Places;
pub(crate) use self::second::file as second_decoder;
use self::values::Comparison;
use crate::corpus::{cases, unhex};
use crate::program::{Program, Row};
use crate::verdict::{Case, Report};

/// How the program calls the protocol.
pub(crate) const PROTOCOL: &str = "nmea2000";
/// Messages of the other side are looked for this far ahead: what only we tell of stands between them.
const AHEAD: usize = 40;

/// The messages among the rows; those cut short are told, but are none.
pub(crate) fn messages(rows: &[Row]) -> Vec<&Row> {
    rows.iter().filter(|row| row.protocol == PROTOCOL && row.kind != "incomplete").collect()
}

/// A part of the header of a message.
pub(crate) fn header<'r>(row: &'r Row, name: &str) -> &'r Value {
    row.field("header").map_or(&Value::Null, |header| &header[name])
}

/// The time all lines of a made file get: cases come from different logs, and a pause of years would end the flow between two of them.
const TIME: &str = "2020-01-01T00:00:00.000Z,";

/// A CANboat line of more than 8 bytes: where one stands, the shorter lines are messages too, not frames.
fn long_line() -> String {
    format!("{TIME}7,126996,251,255,134{}\n", ",ff".repeat(134))
}

/// What is expected: the case itself when it is nothing else.
fn expectation(case: &Value) -> &Value {
    if case["expect"].is_object() { &case["expect"] } else { case }
}

/// The bytes of a CANboat line.
fn data_of(input: &str) -> Vec<u8> {
    let columns: Vec<_> = input.split(',').collect();
    let before = if has_time(input) { 6 } else { 5 };
    columns.iter().skip(before).map_while(|byte| u8::from_str_radix(byte.trim(), 16).ok()).collect()
}

/// Whether a CANboat line begins with a time: the J1939 cases and raw bytes begin with the priority.
fn has_time(input: &str) -> bool {
    input.split(',').next().is_some_and(|first| first.len() > 1)
}

/// Compares one message with what is expected of it.
fn compare(case: &mut Case, places: &Places, expected: &Value, row: &Row, display_units: bool) {
    let expect = expectation(expected);
    let input = expected["input"].as_str().filter(|text| text.contains(",")).or(expected["raw"].as_str());
    let data = data_of(input.unwrap_or_default());
    case.kind = expect["pgn"].to_string();
    for (theirs, ours) in
        [("prio", "priority"), ("src", "source"), ("dst", "destination"), ("pgn", "pgn"), ("description", "name")]
    {
        match &expect[theirs] {
            Value::Null => {}
            want => case.judge(want == header(row, ours), theirs, want, Some(header(row, ours))),
        }
    }
    if expect["header_only"] == true {
        return;
    }
    let comparison = Comparison {
        places,
        pgn: expect["pgn"].as_u64().unwrap_or(0),
        description: expect["description"].as_str().unwrap_or_default(),
        data: &data,
        display_units,
    };
    let empty = Map::new();
    let fields = row.value["fields"].as_object().unwrap_or(&empty);
    comparison.group(case, expect["fields"].as_object().unwrap_or(&empty), fields);
}

/// A file of whole messages, each given as a line.
pub(crate) fn whole_messages(
    program: &Program,
    places: &Places,
    path: &Path,
    name: &str,
    family: &str,
    report: &mut Report,
) -> Result<()> {
    let entries: Vec<Value> = cases(path)?;
    let mut text = long_line();
    for entry in &entries {
        let line = entry["input"].as_str().unwrap_or_default();
        let is_canboat = line.starts_with(|c: char| c.is_ascii_digit());
        let rest = if has_time(line) { line.split_once(',').map_or(line, |(_, rest)| rest) } else { line };
        text.push_str(if is_canboat { TIME } else { "" });
        text.push_str(if is_canboat { rest } else { line });
        text.push('\n');
    }
    let input = program.input("messages.txt", text.as_bytes())?;
    let (rows, ran) = program.decode("n2k-text", &input)?;
    report.family(family).files += 1;
    report.crash(family, name, ran.crash.as_deref())?;
    let mut by_line: BTreeMap<u64, Vec<&Row>> = BTreeMap::new();
    for row in messages(&rows) {
        by_line.entry(row.frame).or_default().push(row);
    }
    for (at, entry) in entries.iter().enumerate() {
        let line = at as u64 + 2;
        let mut case = Case::new(family, format!("{name}:{}", at + 1), entry["input"].as_str().unwrap_or_default());
        let pgn = &expectation(entry)["pgn"];
        case.kind = pgn.to_string();
        let found = by_line.get(&line).and_then(|rows| rows.iter().find(|row| header(row, "pgn") == pgn));
        match found {
            Some(row) => compare(&mut case, places, entry, row, false),
            None => case.missing(Vec::new()),
        }
        report.close(case)?;
    }
    Ok(())
}

/// Compares two lists of messages in their order.
fn sequence(
    places: &Places,
    wanted: &[Value],
    rows: &[&Row],
    place: &str,
    family: &str,
    display: bool,
    report: &mut Report,
) -> Result<()> {
    let mut at = 0;
    for (number, entry) in wanted.iter().enumerate() {
        let expect = expectation(entry);
        let mut case = Case::new(family, format!("{place}:{}", number + 1), &expect.to_string());
        case.kind = expect["pgn"].to_string();
        let near = rows.get(at..rows.len().min(at + AHEAD)).unwrap_or_default();
        let same = |row: &&&Row| *header(row, "pgn") == expect["pgn"] && *header(row, "source") == expect["src"];
        let named = |row: &&&Row| *header(row, "name") == expect["description"];
        let found =
            near.iter().position(|row| same(&row) && named(&row)).or_else(|| near.iter().position(|row| same(&row)));
        match found.and_then(|skip| Some((skip, near.get(skip)?))) {
            Some((skip, row)) => {
                compare(&mut case, places, entry, row, display);
                at += skip + 1;
            }
            None => case.missing(Vec::new()),
        }
        report.close(case)?;
    }
    Ok(())
}

/// A stream in the format of its gateway or logger, and the messages in it, in order.
pub(crate) fn stream(
    program: &Program,
    places: &Places,
    input: &Path,
    expected: &Path,
    name: &str,
    family: &str,
    report: &mut Report,
) -> Result<()> {
    let wanted: Vec<Value> = cases(expected)?;
    let (rows, ran) = program.decode("auto", input)?;
    report.family(family).files += 1;
    report.crash(family, name, ran.crash.as_deref())?;
    sequence(places, &wanted, &messages(&rows), name, family, false, report)
}

/// A capture, and how many messages of each group, sender, receiver and priority are in it.
pub(crate) fn counts(
    program: &Program,
    capture: &Path,
    expected: &Path,
    name: &str,
    family: &str,
    report: &mut Report,
) -> Result<()> {
    let wanted: Vec<Value> = cases(expected)?;
    let (rows, ran) = program.decode("auto", capture)?;
    report.family(family).files += 1;
    report.crash(family, name, ran.crash.as_deref())?;
    let mut counted: BTreeMap<[u64; 4], u64> = BTreeMap::new();
    for row in messages(&rows) {
        let key =
            ["pgn", "source", "destination", "priority"].map(|part| header(row, part).as_u64().unwrap_or(u64::MAX));
        *counted.entry(key).or_default() += 1;
    }
    for entry in &wanted {
        let key = ["pgn", "src", "dst", "prio"].map(|part| entry[part].as_u64().unwrap_or(u64::MAX));
        let mut case = Case::new(family, name.to_owned(), &format!("{key:?}"));
        case.kind = entry["pgn"].to_string();
        match counted.remove(&key) {
            Some(ours) => case.judge(entry["messages"] == ours, "messages", &entry["messages"], Some(&json!(ours))),
            None => case.missing(Vec::new()),
        }
        report.close(case)?;
    }
    for (key, ours) in counted {
        let mut case = Case::new(family, name.to_owned(), &format!("{key:?}"));
        case.kind = key.map(|part| part.to_string()).first().cloned().unwrap_or_default();
        case.differs("messages", &json!(0), Some(&json!(ours)), vec!["extra-stream"]);
        report.close(case)?;
    }
    Ok(())
}

/// An input of an upstream test and its output: text (headers are compared) or JSON, in the units of a display.
pub(crate) fn upstream(
    program: &Program,
    places: &Places,
    input: &Path,
    output: &Path,
    name: &str,
    family: &str,
    report: &mut Report,
) -> Result<()> {
    let (rows, ran) = program.decode("n2k-text", input)?;
    report.family(family).files += 1;
    report.crash(family, name, ran.crash.as_deref())?;
    let text = String::from_utf8_lossy(&std::fs::read(output)?).into_owned();
    let mut wanted: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let only_names = names_codes_only(&wanted);
    for value in &mut wanted {
        without_bytes(value);
        if only_names && let Some(message) = value.as_object_mut() {
            message.insert("header_only".to_owned(), json!(true));
        }
    }
    if wanted.is_empty() {
        wanted.extend(text.lines().filter_map(text_line));
    }
    let rows = messages(&rows);
    // some upstream tests print one message in several notations
    wanted.dedup_by(|one, other| rows.len() == 1 && one == other);
    sequence(places, &wanted, &rows, name, family, true, report)
}

/// Without `-nv` codes come as names only, and a name cannot be told from a text: only the header is compared then.
fn names_codes_only(messages: &[Value]) -> bool {
    fn has_code(value: &Value) -> bool {
        match value {
            Value::Object(map) => (map.contains_key("value") && map.contains_key("name")) || map.values().any(has_code),
            Value::Array(list) => list.iter().any(has_code),
            _ => false,
        }
    }
    !messages.iter().any(|message| has_code(&message["fields"]))
}

/// A line of the text form: time, priority, sender, receiver, group number, name.
fn text_line(line: &str) -> Option<Value> {
    let words: Vec<_> = line.split_ascii_whitespace().take(5).collect();
    let number = |at: usize| words.get(at)?.parse::<u64>().ok();
    let (prio, src, dst, pgn) = (number(1)?, number(2)?, number(3)?, number(4)?);
    let (_, rest) = line.split_once(&format!(" {pgn} "))?;
    // names hold colons too: the name ends where the double blank of the first field begins
    let name = rest.split(":  ").next()?.trim_end_matches(':').trim_end();
    Some(json!({"prio": prio, "src": src, "dst": dst, "pgn": pgn, "description": name, "header_only": true}))
}

/// Takes off the raw bytes that `-debug` adds to every value.
fn without_bytes(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, value| {
                let is_absent = value["bytes"].is_string() && value["value"].is_null();
                !(is_absent || matches!(key.as_str(), "bytes" | "bits"))
            });
            for value in map.values_mut() {
                if value["bytes"].is_string() && (value["value"].is_array() || value["name"].is_null()) {
                    *value = value["value"].take();
                }
                without_bytes(value);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(without_bytes),
        _ => {}
    }
}

/// Records of an Actisense gateway, one a case: the header of the message that came of it.
pub(crate) fn records(program: &Program, path: &Path, name: &str, family: &str, report: &mut Report) -> Result<()> {
    let entries: Vec<Value> = cases(path)?;
    report.family(family).files += 1;
    let mut bytes = Vec::new();
    for entry in &entries {
        // on the wire a record stands between DLE STX and DLE ETX, with every DLE doubled
        bytes.extend([0x10, 0x02]);
        for byte in unhex(entry["input_hex"].as_str().unwrap_or_default()).unwrap_or_default() {
            bytes.extend(std::iter::repeat_n(byte, if byte == 0x10 { 2 } else { 1 }));
        }
        bytes.extend([0x10, 0x03]);
    }
    let input = program.input("records.bst", &bytes)?;
    let (rows, ran) = program.decode("n2k-binary", &input)?;
    report.crash(family, name, ran.crash.as_deref())?;
    for (at, entry) in entries.iter().enumerate() {
        let hex = entry["input_hex"].as_str().unwrap_or_default();
        let mut case = Case::new(family, format!("{name}:{}", at + 1), hex);
        let expect = &entry["expect"];
        case.kind = expect["pgn"].to_string();
        let parts = [("prio", "priority"), ("src", "source"), ("dst", "destination"), ("pgn", "pgn")];
        let parts = parts.iter().filter(|(theirs, _)| !expect[*theirs].is_null());
        // several records may be frames of one message
        let same = |row: &&Row| *header(row, "pgn") == expect["pgn"] && *header(row, "source") == expect["src"];
        match rows.iter().find(same) {
            Some(row) => {
                for (theirs, ours) in parts {
                    let want = &expect[*theirs];
                    case.judge(want == header(row, ours), theirs, want, Some(header(row, ours)));
                }
            }
            None if parts.count() > 0 => case.missing(Vec::new()),
            None => {}
        }
        report.close(case)?;
    }
    Ok(())
}
