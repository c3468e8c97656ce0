//! How many CAN frames a second one core decodes: to typed acts, and with every field written as JSON beside them.
//!
//! `cargo bench -p dogwatch-dissectors --bench n2k` reads the captures of the corpus (`DOGWATCH_CORPUS`, else `../shared/corpus`).
//!
//! There is no peer in Rust: the ratios compare with a plain loop over the same frames in the same run, which reads identifier and length and
//! copies the data as a fast packet would need it, without table, assembly or acts. It is what no decoder can be faster than.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fmt::Write;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

use dogwatch_dissectors::maritime::n2k::{Nmea2000, Table};
use dogwatch_dissectors::{Carrier, Chunk, Limits, ParseError, Protocol, Sink};
use dogwatch_model::{
    CaptureTime, Direction, FieldValue, FieldVisitor, Flow, Initiator, Mac, Message, SourceId, Transport, Vlans,
};

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn timed(work: impl FnOnce()) -> Duration {
    let start = std::time::Instant::now();
    work();
    start.elapsed()
}

#[derive(Default)]
struct Typed {
    messages: u64,
    acts: u64,
}

impl Sink for Typed {
    fn message(&mut self, message: &Message<'_>) {
        self.messages += 1;
        self.acts += message.acts.len() as u64;
        black_box(message.acts);
    }
    fn error(&mut self, _protocol: &'static str, _error: ParseError) {}
}

#[derive(Default)]
struct Json {
    line: String,
    bytes: u64,
}

struct Writer<'a> {
    out: &'a mut String,
    first: Vec<(bool, char)>,
}

impl Writer<'_> {
    fn name(&mut self, name: &str) {
        if let Some((first, _)) = self.first.last_mut() {
            if !*first {
                self.out.push(',');
            }
            *first = false;
        }
        if !name.is_empty() {
            let _ = write!(self.out, "\"{name}\":");
        }
    }
}

impl FieldVisitor for Writer<'_> {
    fn field(&mut self, name: &str, value: FieldValue<'_>) {
        self.name(name);
        let _ = match value {
            FieldValue::Bool(value) => write!(self.out, "{value}"),
            FieldValue::Unsigned(value) => write!(self.out, "{value}"),
            FieldValue::Signed(value) => write!(self.out, "{value}"),
            FieldValue::Number(value) => write!(self.out, "{value}"),
            FieldValue::Text(value) => write!(self.out, "{value:?}"),
            FieldValue::Bytes(value) => value.iter().try_for_each(|byte| write!(self.out, "{byte:02x}")),
            FieldValue::Coded { value, name: Some(name) } => {
                write!(self.out, "{{\"value\":{value},\"name\":\"{name}\"}}")
            }
            FieldValue::Coded { value, name: None } => write!(self.out, "{{\"value\":{value}}}"),
        };
    }
    fn open_list(&mut self, name: &str) {
        self.name(name);
        self.out.push('[');
        self.first.push((true, ']'));
    }
    fn open_group(&mut self, name: &str) {
        self.name(name);
        self.out.push('{');
        self.first.push((true, '}'));
    }
    fn close(&mut self) {
        if let Some((_, end)) = self.first.pop() {
            self.out.push(end);
        }
    }
}

impl Sink for Json {
    fn message(&mut self, message: &Message<'_>) {
        self.line.clear();
        let _ = write!(self.line, "{{\"kind\":\"{}\",\"fields\":{{", message.kind);
        message.fields.visit(&mut Writer { out: &mut self.line, first: vec![(true, '}')] });
        self.line.push_str("}}\n");
        self.bytes += self.line.len() as u64;
        black_box(&self.line);
    }
    fn error(&mut self, _protocol: &'static str, _error: ParseError) {}
}

/// The frames of a little-endian pcap file with the time of each.
fn frames(bytes: &[u8]) -> Vec<(CaptureTime, &[u8])> {
    let word = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let mut at = 24;
    let mut frames = Vec::new();
    while let (Some(seconds), Some(micros), Some(len)) = (word(at), word(at + 4), word(at + 8)) {
        let Some(frame) = bytes.get(at + 16..at + 16 + len as usize) else { break };
        frames.push((CaptureTime::from_parts(i64::from(seconds), micros * 1_000), frame));
        at += 16 + len as usize;
    }
    frames
}

fn run(frames: &[(CaptureTime, &[u8])], rounds: u32, sink: &mut dyn Sink) -> f64 {
    let flow = Flow {
        source: SourceId(0),
        vlans: Vlans::default(),
        src_mac: Mac::NONE,
        dst_mac: Mac::NONE,
        src: None,
        dst: None,
        transport: Transport::Can,
        src_port: 0,
        dst_port: 0,
        ttl: 0,
        initiator: Initiator::Unknown,
    };
    let mut dissector = Nmea2000.open(&Limits::default());
    let time = timed(|| {
        for _ in 0..rounds {
            for (at, bytes) in frames {
                let chunk =
                    Chunk { at: *at, flow: &flow, direction: Direction::ToServer, carrier: Carrier::Can, bytes };
                dissector.data(&chunk, sink);
            }
        }
    });
    frames.len() as f64 * f64::from(rounds) / time.as_secs_f64()
}

/// The plain loop: group number, addresses and data of every frame, each frame's data copied once.
fn plain(frames: &[(CaptureTime, &[u8])], rounds: u32) -> f64 {
    let mut held = [0_u8; 223];
    let time = timed(|| {
        for _ in 0..rounds {
            for (at, bytes) in frames {
                let Some((id, rest)) = bytes.split_first_chunk::<4>() else { continue };
                let id = u32::from_be_bytes(*id) & 0x1fff_ffff;
                let pgn = if id >> 16 & 0xff < 240 { id >> 8 & 0x3_ff00 } else { id >> 8 & 0x3_ffff };
                let length = usize::from(rest.first().copied().unwrap_or(0)).min(8);
                if let (Some(data), Some(room)) = (rest.get(4..4 + length), held.get_mut(..length)) {
                    room.copy_from_slice(data);
                }
                black_box((at, pgn, id & 0xff, &held));
            }
        }
    });
    frames.len() as f64 * f64::from(rounds) / time.as_secs_f64()
}

fn main() {
    println!(
        "table read in {:?}",
        timed(|| {
            black_box(Table::shared());
        })
    );
    let root = std::env::var_os("DOGWATCH_CORPUS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"), PathBuf::from);
    for name in ["can0-1.pcap", "can0-2.pcap"] {
        let Ok(bytes) = std::fs::read(root.join("maritime/n2k/pcap").join(name)) else {
            println!("{name}: skipped, not there");
            continue;
        };
        let frames = frames(&bytes);
        for _ in 0..3 {
            let (mut typed, mut json) = (Typed::default(), Json::default());
            let rate = run(&frames, 20, &mut typed);
            let with_json = run(&frames, 10, &mut json);
            let plain = plain(&frames, 20);
            println!(
                "{name}: {:.2} M frames/s typed, {:.2} with JSON; a plain loop {:.2}: {:.1} and {:.1} x as long ({} frames, {} messages)",
                rate / 1e6,
                with_json / 1e6,
                plain / 1e6,
                plain / rate,
                plain / with_json,
                frames.len(),
                typed.messages / 20
            );
        }
    }
}
