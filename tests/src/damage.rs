//! Damaged inputs by the million: bits turned, ends cut, pieces doubled, through the flow engine and every dissector.
//!
//! The inputs are the samples of the project and, where it is there, the third-party corpus: frames of captures, lines of logs, and the cases of
//! the maritime families. They are fed in their order, intact and damaged by turns, so that the state between packets is attacked as well. One
//! pass looks at every field of every message; the next runs inventory and rules behind it. The same numbers give the same damage.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use anyhow::Context;
use dogwatch::capture::SourceInfo;
use dogwatch::capture::file::CaptureFile;
use dogwatch::pipeline::Pipeline;
use dogwatch_dissectors::{PROTOCOLS, ParseError};
use dogwatch_flow::{Engine, FlowId, Frame, Limits, LinkType, Observer};
use dogwatch_model::{
    Act, CaptureTime, Event, FactValue, FieldValue, FieldVisitor, Flow, Memory, ReadingVisitor, SourceId,
};
use dogwatch_rules::Settings;

/// Longest line taken from a log.
const LONGEST_LINE: usize = 4_096;
/// Units of one file kept in memory.
const MOST_UNITS: usize = 20_000;

/// One thing that is damaged and fed.
#[derive(Debug, Clone)]
enum Unit {
    /// A frame of a link type.
    Frame(u32, Vec<u8>),
    /// A datagram to a port.
    Datagram(u16, Vec<u8>),
    /// A line of a serial line or log.
    Line(Vec<u8>),
}

impl Unit {
    const fn bytes(&self) -> &Vec<u8> {
        match self {
            Self::Frame(_, bytes) | Self::Datagram(_, bytes) | Self::Line(bytes) => bytes,
        }
    }

    fn with(&self, bytes: Vec<u8>) -> Self {
        match self {
            Self::Frame(link, _) => Self::Frame(*link, bytes),
            Self::Datagram(port, _) => Self::Datagram(*port, bytes),
            Self::Line(_) => Self::Line(bytes),
        }
    }
}

/// The units of one file, in their order.
#[derive(Debug)]
pub struct Input {
    /// Its name below the folder it was found in.
    pub name: String,
    units: Vec<Unit>,
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// Files.
    pub inputs: usize,
    /// Frames, datagrams and lines in them.
    pub units: usize,
    /// Damaged ones that were fed.
    pub variants: u64,
    /// Events that came out all the same.
    pub events: u64,
    /// Panics: which file, which unit, what damage.
    pub panics: Vec<String>,
}

/// A generator of our own: the same numbers every run (xorshift, Marsaglia 2003).
struct Numbers(u64);

impl Numbers {
    const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap_or(0)
    }
}

impl Numbers {
    fn one_of<T: Copy + Default>(&mut self, choices: &[T]) -> T {
        choices.get(self.below(choices.len())).copied().unwrap_or_default()
    }
}

/// Damages bytes in one of seven ways.
fn damaged(bytes: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let any = |numbers: &mut Numbers, out: &[u8]| numbers.below(out.len());
    match numbers.below(7) {
        // one to eight bits turned
        0 | 1 => {
            for _ in 0..=numbers.below(8) {
                let (at, bit) = (any(numbers, &out), numbers.below(8));
                if let Some(byte) = out.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
        }
        // cut
        2 => out.truncate(numbers.below(bytes.len())),
        // a piece doubled
        3 => {
            let from = any(numbers, &out);
            let piece: Vec<u8> = out.iter().skip(from).take(1 + numbers.below(64)).copied().collect();
            let at = any(numbers, &out);
            out.splice(at..at, piece);
        }
        // a piece left out
        4 => {
            let from = any(numbers, &out);
            let to = (from + 1 + numbers.below(16)).min(out.len());
            out.drain(from..to);
        }
        // a number at its end: lengths and counts are what parsers trust
        5 => {
            let at = any(numbers, &out);
            let value = numbers.one_of(&[0x00, 0x01, 0x7f, 0x80, 0xff, 0xfe]);
            for byte in out.iter_mut().skip(at).take(1 + numbers.below(4)) {
                *byte = value;
            }
        }
        // a digit, separator or escape where there was none
        _ => {
            for _ in 0..=numbers.below(4) {
                let at = any(numbers, &out);
                let value = numbers.one_of(b"0123456789,*$!\\\r\n#-.\x10\x1b\0");
                if let Some(byte) = out.get_mut(at) {
                    *byte = value;
                }
            }
        }
    }
    out
}

/// Looks at every field, object and fact.
#[derive(Debug, Default)]
struct Look {
    events: u64,
    sum: usize,
}

impl ReadingVisitor for Look {
    fn number(&mut self, place: std::fmt::Arguments<'_>, value: f64) {
        self.sum = self.sum.wrapping_add(place.to_string().len()).wrapping_add(usize::from(value > 0.0));
    }

    fn memory(&mut self, memory: &Memory<'_>) {
        self.sum = self.sum.wrapping_add(memory.area.to_string().len()).wrapping_add(memory.bytes.len());
    }
}

impl FieldVisitor for Look {
    fn field(&mut self, name: &str, value: FieldValue<'_>) {
        let length = match value {
            FieldValue::Text(text) => text.chars().count(),
            FieldValue::Bytes(bytes) => bytes.len(),
            FieldValue::Coded { name, .. } => name.map_or(0, str::len),
            _ => 1,
        };
        self.sum = self.sum.wrapping_add(length).wrapping_add(name.len());
    }

    fn open_list(&mut self, _name: &str) {}

    fn open_group(&mut self, _name: &str) {}

    fn close(&mut self) {}
}

impl Observer for Look {
    fn event(&mut self, _id: FlowId, event: &Event<'_>) {
        self.events += 1;
        event.message.fields.visit(self);
        for act in event.message.acts {
            match act {
                Act::Request { object, .. } | Act::Reply { object, .. } | Act::Publishes { object } => {
                    self.sum = self.sum.wrapping_add(object.to_string().len());
                }
                Act::Says(fact) => {
                    if let FactValue::Text(text) = fact.value {
                        self.sum = self.sum.wrapping_add(text.len());
                    }
                }
                Act::Values { cells, .. } => {
                    self.sum = self.sum.wrapping_add(cells.registers().count().wrapping_add(cells.bits().count()));
                }
                Act::States(readings) => readings.visit(self),
                Act::Measures { .. } | Act::Odd(_) => {}
            }
        }
        std::hint::black_box(self.sum);
    }

    fn parse_error(
        &mut self,
        _id: FlowId,
        _at: CaptureTime,
        _frame: u64,
        _flow: &Flow,
        _protocol: &'static str,
        error: ParseError,
    ) {
        self.sum = self.sum.wrapping_add(error.to_string().len());
    }
}

/// What units are fed to.
enum Way {
    Engine(Box<Engine>, Look),
    Pipeline(Box<Pipeline>),
}

impl Way {
    fn new(with_rules: bool) -> Self {
        if with_rules {
            let mut pipeline = Pipeline::new(None, &Settings::default());
            for name in ["wire", "line"] {
                pipeline.add_source(SourceInfo { label: name.to_owned(), interface: Some(name.to_owned()) });
            }
            Self::Pipeline(Box::new(pipeline))
        } else {
            Self::Engine(Box::new(Engine::new(Limits::default(), PROTOCOLS)), Look::default())
        }
    }

    fn feed(&mut self, at: CaptureTime, number: u64, unit: &Unit) {
        let wrapped;
        let (link, bytes) = match unit {
            Unit::Line(bytes) => {
                return match self {
                    Self::Engine(engine, look) => engine.serial(at, SourceId(1), number, bytes, look),
                    Self::Pipeline(pipeline) => pipeline.serial(at, SourceId(1), number, bytes),
                };
            }
            Unit::Frame(link, bytes) => (*link, bytes),
            Unit::Datagram(port, bytes) => {
                wrapped = datagram(*port, bytes);
                (1, &wrapped)
            }
        };
        let original_length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let frame = Frame { at, source: SourceId(0), number, link: LinkType(link), original_length, bytes };
        match self {
            Self::Engine(engine, look) => engine.frame(&frame, look),
            Self::Pipeline(pipeline) => pipeline.frame(&frame),
        }
    }

    fn finish(mut self) -> u64 {
        match &mut self {
            Self::Engine(engine, look) => {
                engine.finish(look);
                look.events
            }
            Self::Pipeline(pipeline) => {
                pipeline.finish();
                pipeline.messages().sorted().values().sum()
            }
        }
    }
}

/// A UDP datagram in an Ethernet frame to a group of the navigation network, without checksums.
fn datagram(port: u16, payload: &[u8]) -> Vec<u8> {
    let length = |extra: usize| u16::try_from(payload.len().saturating_add(extra)).unwrap_or(u16::MAX).to_be_bytes();
    let (total, own, port) = (length(28), length(8), port.to_be_bytes());
    let mut frame = vec![1, 0, 0x5e, 0, 0, 4, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0];
    frame.extend(total);
    frame.extend([0, 0, 0, 0, 1, 17, 0, 0, 172, 16, 1, 10, 239, 192, 0, 4, 0xc3, 0x50]);
    frame.extend(port);
    frame.extend(own);
    frame.extend([0, 0]);
    frame.extend_from_slice(payload);
    frame
}

/// Every input below the folders, in the order of their names.
///
/// # Errors
/// When a folder cannot be read.
pub fn inputs(folders: &[PathBuf]) -> anyhow::Result<Vec<Input>> {
    let mut found = Vec::new();
    for folder in folders {
        let mut files = Vec::new();
        walk(folder, &mut files)?;
        files.sort();
        for file in files {
            let name = file.strip_prefix(folder).unwrap_or(&file).display().to_string();
            let units = units(&file).with_context(|| name.clone())?;
            if !units.is_empty() {
                found.push(Input { name, units });
            }
        }
    }
    Ok(found)
}

fn walk(folder: &Path, into: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, into)?;
        } else {
            into.push(path);
        }
    }
    Ok(())
}

/// The units of one file; none where it is about inputs but holds none.
fn units(path: &Path) -> anyhow::Result<Vec<Unit>> {
    if let Ok(mut capture) = CaptureFile::open(path) {
        let mut units = Vec::new();
        while let Ok(Some(frame)) = capture.next_frame() {
            units.push(Unit::Frame(frame.link.0, frame.bytes.to_vec()));
            if units.len() >= MOST_UNITS {
                break;
            }
        }
        return Ok(units);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let end = name.rsplit('.').next().unwrap_or_default();
    // what stands beside a capture is what others made of it
    let is_about =
        ["facts", "zeek", "ndpi", "suricata", "expect", "counts", "flows"].iter().any(|word| name.contains(word));
    match end {
        "jsonl" if !is_about => cases(path),
        "log" | "in" | "raw" | "nmea" | "aivdm" | "chk" | "ebl" | "txt" => {
            let bytes = std::fs::read(path)?;
            let lines = bytes.split_inclusive(|byte| *byte == b'\n').take(MOST_UNITS);
            Ok(lines.map(|line| Unit::Line(line.iter().take(LONGEST_LINE).copied().collect())).collect())
        }
        _ => Ok(Vec::new()),
    }
}

/// What the cases of a maritime family have as input: sentences, lines, bytes in hexadecimal.
fn cases(path: &Path) -> anyhow::Result<Vec<Unit>> {
    let bytes = std::fs::read(path)?;
    let mut units = Vec::new();
    for line in String::from_utf8_lossy(&bytes).lines().take(MOST_UNITS) {
        let Ok(case) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        let Some(case) = case.as_object() else { continue };
        let port = case.get("input").and_then(|input| input.get("dport")).and_then(serde_json::Value::as_u64);
        let port = port.and_then(|port| u16::try_from(port).ok()).unwrap_or(60_001);
        for (key, value) in case {
            if key.starts_with("input") || key == "frames" {
                texts(key, value, &mut |key, text| add(key, text, port, &mut units));
            }
        }
        if let (Some(id), Some(data)) = (case.get("can_id"), case.get("data")) {
            let (id, data) = (id.as_str().unwrap_or_default(), data.as_str().unwrap_or_default());
            add("frame", &format!("{id}#{data}"), port, &mut units);
        }
    }
    Ok(units)
}

/// Every text in a value, each with the key it stands under.
fn texts(key: &str, value: &serde_json::Value, take: &mut dyn FnMut(&str, &str)) {
    match value {
        serde_json::Value::String(text) => take(key, text),
        serde_json::Value::Array(list) => list.iter().for_each(|value| texts(key, value, take)),
        serde_json::Value::Object(map) => map.iter().for_each(|(key, value)| texts(key, value, take)),
        _ => {}
    }
}

fn add(key: &str, text: &str, port: u16, units: &mut Vec<Unit>) {
    if key.ends_with("hex") {
        units.extend(unhex(text).map(|bytes| Unit::Datagram(port, bytes)));
    } else if let Some((id, data)) = text.split_once('#').filter(|(id, _)| id.len() == 8)
        && let (Some(id), Some(data)) = (u32::from_str_radix(id, 16).ok(), unhex(data))
    {
        // SocketCAN: extended identifier, length, data
        let length = u8::try_from(data.len()).unwrap_or(8);
        let head = [&(id | 0x8000_0000).to_be_bytes()[..], &[length, 0, 0, 0]].concat();
        units.push(Unit::Frame(227, [head, data].concat()));
    } else if matches!(key, "input" | "frame" | "frames") {
        units.push(Unit::Line([text.as_bytes(), b"\r\n"].concat()));
        units.push(Unit::Datagram(port, text.as_bytes().to_vec()));
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// Feeds `count` damaged variants, as evenly over the files as their sizes let, pass after pass.
#[must_use]
pub fn run(inputs: &[Input], count: u64) -> Report {
    let units = inputs.iter().map(|input| input.units.len()).sum();
    let mut report = Report { inputs: inputs.len(), units, ..Report::default() };
    if units == 0 {
        return report;
    }
    let mut pass = 0;
    while report.variants < count {
        let left = count - report.variants;
        // what small files lack is made up for by the passes that follow
        let share = usize::try_from(left.div_ceil(inputs.len() as u64)).unwrap_or(usize::MAX).max(8);
        for (index, input) in inputs.iter().enumerate() {
            if report.variants >= count {
                break;
            }
            let room = usize::try_from(count - report.variants).unwrap_or(usize::MAX);
            one_file(input, index as u64, pass, share.min(room), &mut report);
        }
        pass += 1;
    }
    report
}

fn one_file(input: &Input, index: u64, pass: u64, share: usize, report: &mut Report) {
    let mut numbers =
        Numbers((index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (pass + 1).wrapping_mul(0xd1b5_4a32_d192_ed03));
    let mut path = Way::new(pass % 2 == 1);
    // a window of the file, another one each pass
    let from = if share >= input.units.len() { 0 } else { numbers.below(input.units.len() - share) };
    let mut at = CaptureTime::from_parts(1_800_000_000, 0);
    let mut number = 0;
    for (place, unit) in input.units.iter().enumerate().skip(from).take(share) {
        let variant = unit.with(damaged(unit.bytes(), &mut numbers));
        let step = numbers.one_of(&[1, 20, 200, 1_000]);
        let result = catch_unwind(AssertUnwindSafe(|| {
            // before the damaged one its intact self, or after it, or not at all
            let order = numbers.below(3);
            if order == 0 {
                path.feed(at, number + 1, unit);
            }
            path.feed(at, number + 2, &variant);
            if order == 1 {
                path.feed(at, number + 3, unit);
            }
        }));
        number += 3;
        at = at.plus(std::time::Duration::from_millis(step));
        report.variants += 1;
        if result.is_err() {
            report.panics.push(format!("{} unit {place}, pass {pass}: {variant:02x?}", input.name));
            path = Way::new(pass % 2 == 1);
        }
    }
    match catch_unwind(AssertUnwindSafe(|| path.finish())) {
        Ok(events) => report.events += events,
        Err(_) => report.panics.push(format!("{} at its end, pass {pass}", input.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_changes_bytes_and_is_the_same_every_time() {
        let bytes: Vec<u8> = (0..200).collect();
        let once: Vec<_> = (0..200).map(|seed| damaged(&bytes, &mut Numbers(seed + 1))).collect();
        let again: Vec<_> = (0..200).map(|seed| damaged(&bytes, &mut Numbers(seed + 1))).collect();
        assert_eq!(once, again);
        let changed = once.iter().filter(|one| **one != bytes).count();
        assert!(changed > 180, "{changed} of 200 differ");
        assert!(once.iter().any(|one| one.len() < 100) && once.iter().any(|one| one.len() > 200));
        assert_eq!(damaged(&[], &mut Numbers(1)).len(), 0, "nothing can be done to nothing");
    }

    #[test]
    fn small_inputs_are_taken_again_until_the_count_is_reached() {
        let input = Input { name: "x".to_owned(), units: vec![Unit::Frame(9_999, vec![1; 20]); 10] };
        let report = run(&[input], 25);
        assert_eq!((report.variants, report.panics.len(), report.events), (25, 0, 0));
    }
}
