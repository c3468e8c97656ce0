//! Real captures from the corpus, if it is there: nothing panics, every frame is taken in and every flow ends.
//!
//! The corpus is third-party data and no part of the project. `DOGWATCH_CORPUS` names its folder.

use std::fs;
use std::path::{Path, PathBuf};

use dogwatch_dissectors::Protocol;
use dogwatch_flow::{Engine, Frame, Limits, LinkType};
use dogwatch_model::{CaptureTime, SourceId};

use crate::support::record::{Log, Tape};

static TAPE: &[&dyn Protocol] = &[&Tape];

/// One packet of a file.
struct Record<'a> {
    at: CaptureTime,
    link: u32,
    original_length: u32,
    bytes: &'a [u8],
}

/// Numbers of a file in the byte order it was written in.
#[derive(Clone, Copy)]
struct Order {
    is_big: bool,
}

impl Order {
    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let raw = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(if self.is_big { u16::from_be_bytes(raw) } else { u16::from_le_bytes(raw) })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let raw = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(if self.is_big { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) })
    }
}

/// Reads a classic pcap or pcapng file as far as it makes sense, and how many custom blocks it has, which tshark lists as frames; `None` when it
/// is neither.
fn read(file: &[u8]) -> Option<(Vec<Record<'_>>, u64)> {
    match file.get(..4)? {
        [0x0a, 0x0d, 0x0d, 0x0a] => Some(pcapng(file)),
        [0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1] => Some((classic(file, Order { is_big: false }), 0)),
        [0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d] => Some((classic(file, Order { is_big: true }), 0)),
        _ => None,
    }
}

fn classic(file: &[u8], order: Order) -> Vec<Record<'_>> {
    let link = order.u32(file, 20).unwrap_or(0) & 0x0fff_ffff;
    let mut records = Vec::new();
    let mut at = 24;
    while let (Some(seconds), Some(fraction), Some(captured), Some(original_length)) =
        (order.u32(file, at), order.u32(file, at + 4), order.u32(file, at + 8), order.u32(file, at + 12))
    {
        let Some(bytes) = file.get(at + 16..at + 16 + captured as usize) else { break };
        let time = CaptureTime::from_parts(i64::from(seconds), fraction.saturating_mul(1000));
        records.push(Record { at: time, link, original_length, bytes });
        at += 16 + captured as usize;
    }
    records
}

fn pcapng(file: &[u8]) -> (Vec<Record<'_>>, u64) {
    let (mut records, mut custom) = (Vec::new(), 0);
    let mut order = Order { is_big: false };
    let mut links = Vec::new();
    let mut at = 0;
    while let Some(kind) = file.get(at..at + 4) {
        if kind == [0x0a, 0x0d, 0x0d, 0x0a] {
            order.is_big = file.get(at + 8..at + 12) == Some(&[0x1a, 0x2b, 0x3c, 0x4d]);
            links.clear();
        }
        let Some(length) = order.u32(file, at + 4).map(|length| length as usize).filter(|length| *length >= 12) else {
            break;
        };
        let Some(block) = file.get(at..at + length) else { break };
        let link = |interface: u32| links.get(interface as usize).copied().unwrap_or(0);
        match order.u32(block, 0) {
            Some(1) => links.push(u32::from(order.u16(block, 8).unwrap_or(0))),
            // Enhanced packet block, and the obsolete packet block whose interface number is shorter.
            Some(kind @ (2 | 6)) => {
                let words: Option<Vec<_>> = (2..7).map(|word| order.u32(block, word * 4)).collect();
                if let Some([interface, high, low, captured, original_length]) = words.as_deref()
                    && let Some(bytes) = block.get(28..28 + *captured as usize)
                {
                    let interface = if kind == 2 { order.u16(block, 8).map_or(0, u32::from) } else { *interface };
                    // Read as microseconds: what the resolution is does not matter here.
                    let time = CaptureTime((i64::from(*high) << 32 | i64::from(*low)).saturating_mul(1000));
                    let original_length = *original_length;
                    records.push(Record { at: time, link: link(interface), original_length, bytes });
                }
            }
            Some(3) => {
                let original_length = order.u32(block, 8).unwrap_or(0);
                let captured = (original_length as usize).min(length - 16);
                if let Some(bytes) = block.get(12..12 + captured) {
                    records.push(Record { at: CaptureTime(0), link: link(0), original_length, bytes });
                }
            }
            Some(0x0bad | 0x4000_0bad) => custom += 1,
            _ => {}
        }
        at += length;
    }
    (records, custom)
}

fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let folder = std::env::var_os("DOGWATCH_CORPUS").map_or(beside, PathBuf::from);
    let captures = folder.join("captures");
    if captures.is_dir() {
        return Some(captures);
    }
    println!("skipped: no corpus at {}", folder.display());
    None
}

/// Runs one file through an engine whose protocols take everything, so that all bytes are delivered.
fn run(records: &[Record<'_>]) -> dogwatch_flow::Counters {
    let mut log = Log::default();
    let mut engine = Engine::new(Limits::default(), TAPE);
    for (number, record) in (1..).zip(records) {
        engine.frame(
            &Frame {
                at: record.at,
                source: SourceId(0),
                number,
                link: LinkType(record.link),
                original_length: record.original_length,
                bytes: record.bytes,
            },
            &mut log,
        );
        log.calls.clear();
        log.frames.clear();
    }
    engine.finish(&mut log);
    *engine.counters()
}

#[test]
fn every_capture_of_the_manifest() {
    let Some(folder) = corpus() else { return };
    let manifest = fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
    let mut lines = manifest.lines();
    let header: Vec<_> = lines.next().unwrap().split('\t').collect();
    let column = |name| header.iter().position(|column| *column == name).unwrap();
    let (file_column, frames_column) = (column("file"), column("frames"));
    let (mut files, mut frames) = (0_u64, 0_u64);
    for line in lines {
        let cells: Vec<_> = line.split('\t').collect();
        let Ok(file) = fs::read(folder.join(cells[file_column])) else { continue };
        let Some((records, custom)) = read(&file) else { continue };
        let counters = run(&records);
        assert_eq!(counters.frames, records.len() as u64, "{}", cells[file_column]);
        assert_eq!(counters.flows_started, counters.flows_ended, "{}", cells[file_column]);
        // Broken files end where different readers stop at different places.
        if let Ok(expected) = cells[frames_column].parse::<u64>()
            && !cells[file_column].starts_with("malformed/")
        {
            assert_eq!(counters.frames + custom, expected, "{}", cells[file_column]);
        }
        files += 1;
        frames += counters.frames;
    }
    println!("{files} captures, {frames} frames");
    assert!(files > 0, "a manifest without a single readable capture");
}
