//! Compares this project's dissectors with the crates `nmea`, `nmea-parser` and `ais` on the same lines in one run; prints rates and ratios.
//!
//! Lines are generated (a fixed mix of what a bridge sends) or, with a folder as argument, taken from the log files below it. Ours does more per
//! line than the peers (acts, checksum states, TAG blocks, identity); a peer that refuses a line is faster by that, so refusals are printed.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measuring program: it prints and must read the clock"
)]

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use dogwatch_dissectors::{Carrier, Chunk, Limits, PROTOCOLS, ParseError, Sink};
use dogwatch_model::{
    CaptureTime, Direction, FieldValue, FieldVisitor, Flow, Initiator, Mac, Message, SourceId, Transport, Vlans,
};

/// Counts; with `all_fields` every field is converted as well.
#[derive(Default)]
struct Count {
    messages: u64,
    acts: u64,
    fields: u64,
    errors: u64,
    all_fields: bool,
}

struct CountFields<'a>(&'a mut u64);

impl FieldVisitor for CountFields<'_> {
    fn field(&mut self, _name: &str, value: FieldValue<'_>) {
        // by reference: a copy made right after the parts were written would be the measuring program's own wait
        black_box(&value);
        *self.0 += 1;
    }
    fn open_list(&mut self, _name: &str) {}
    fn open_group(&mut self, _name: &str) {}
    fn close(&mut self) {}
}

impl Sink for Count {
    fn message(&mut self, message: &Message<'_>) {
        self.messages += 1;
        self.acts += message.acts.len() as u64;
        black_box(message.acts);
        if self.all_fields {
            message.fields.visit(&mut CountFields(&mut self.fields));
        }
    }

    fn error(&mut self, _protocol: &'static str, _error: ParseError) {
        self.errors += 1;
    }
}

const FLOW: Flow = Flow {
    source: SourceId(0),
    vlans: Vlans { outer: None, inner: None },
    src_mac: Mac::NONE,
    dst_mac: Mac::NONE,
    src: None,
    dst: None,
    transport: Transport::Udp,
    src_port: 1,
    dst_port: 60_004,
    ttl: 1,
    initiator: Initiator::Unknown,
};

/// Best of many runs over all lines, per second: the machine may be busy with other things, and the best run was disturbed least.
fn rate(lines: usize, mut run: impl FnMut()) -> f64 {
    let mut best = Duration::MAX;
    for _ in 0..(2_000_000 / lines.max(1)).clamp(5, 60) {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed());
    }
    lines as f64 / best.as_secs_f64()
}

fn ours(protocol: &str, datagrams: &[Vec<u8>], all_fields: bool) -> (f64, Count) {
    let mut last = Count::default();
    let known = PROTOCOLS.iter().find(|known| known.name() == protocol);
    let rate = rate(datagrams.len(), || {
        let Some(mut dissector) = known.map(|known| known.open(&Limits::default())) else { return };
        let mut count = Count { all_fields, ..Count::default() };
        for bytes in datagrams {
            let (at, direction) = (CaptureTime(0), Direction::ToServer);
            dissector.data(&Chunk { at, flow: &FLOW, direction, carrier: Carrier::Udp, bytes }, &mut count);
        }
        last = count;
    });
    (rate, last)
}

fn with_checksum(body: &str) -> String {
    let sum = body.bytes().skip(1).fold(0, |sum, byte| sum ^ byte);
    format!("{body}*{sum:02X}")
}

/// What a bridge sends, with numbers that move.
fn vessel(count: usize) -> Vec<String> {
    (0..count)
        .map(|n| {
            let (second, minute, tenth) = (n / 10 % 60, n / 600 % 60, n % 10);
            let body = match n % 10 {
                0 => format!("$GPGGA,10{minute:02}{second:02}.{tenth}0,5130.{:04},N,00007.5678,W,2,10,0.9,12.3,M,47.0,M,3.0,0120", n % 10_000),
                1 => format!("$GPRMC,10{minute:02}{second:02}.00,A,5130.{:04},N,00007.5678,W,12.4,087.5,221126,1.2,W,D,S", n % 10_000),
                2 => "$GPVTG,087.5,T,088.7,M,12.4,N,23.0,K,D".to_owned(),
                3 => format!("$HEHDT,{:03}.{tenth},T", n % 360),
                4 => format!("$HEROT,-{tenth}.4,A"),
                5 => format!("$SDDPT,{}.{tenth},0.5,200.0", n % 90),
                6 => format!("$WIMWV,{:03}.0,R,12.{tenth},N,A", n % 360),
                7 => format!("$GPGSV,3,{},12,01,49,196,41,03,71,278,32,06,02,323,27,11,21,196,39", n / 10 % 3 + 1),
                8 => format!("$GPGLL,5130.{:04},N,00007.5678,W,10{minute:02}{second:02}.00,A,D", n % 10_000),
                _ => format!("$VDVBW,12.{tenth},0.1,A,12.3,0.2,A,,V,,V"),
            };
            with_checksum(&body)
        })
        .collect()
}

/// Position reports of class A and B and both halves of static data, single part, with MMSI and place that move.
fn ais_lines(count: usize) -> Vec<String> {
    (0..count)
        .map(|n| {
            let mut bits: Vec<u8> = vec![0; 168];
            let mut put = |at: usize, width: usize, value: u64| {
                for place in 0..width {
                    if let Some(bit) = bits.get_mut(at + place) {
                        *bit = u8::from(value >> (width - 1 - place) & 1 == 1);
                    }
                }
            };
            let (speed, course) = ((n % 300) as u64, (n % 3_600) as u64);
            let (lon, lat) = (3_000_000 + n as u64 % 500_000, 31_000_000 + n as u64 % 400_000);
            put(8, 30, 211_000_000 + n as u64 % 900_000);
            if n % 4 == 3 {
                put(0, 6, 18);
                put(46, 10, speed);
                put(57, 28, lon);
                put(85, 27, lat);
                put(112, 12, course);
                put(124, 9, course / 10);
            } else {
                put(0, 6, 1 + (n % 3) as u64);
                put(50, 10, speed);
                put(61, 28, lon);
                put(89, 27, lat);
                put(116, 12, course);
                put(128, 9, course / 10);
            }
            let payload: String = bits
                .chunks(6)
                .map(|six| {
                    let value = six.iter().fold(0_u8, |value, bit| value << 1 | bit);
                    char::from(if value < 40 { value + 48 } else { value + 56 })
                })
                .collect();
            with_checksum(&format!("!AIVDM,1,1,,{},{payload},0", if n % 2 == 0 { 'A' } else { 'B' }))
        })
        .collect()
}

/// Lines with a TAG block in a datagram of IEC 61162-450.
fn tagged(lines: &[String]) -> Vec<Vec<u8>> {
    lines
        .iter()
        .enumerate()
        .map(|(n, line)| {
            let tag = format!("s:GP0001,n:{}", n % 999 + 1);
            let sum = tag.bytes().fold(0, |sum, byte| sum ^ byte);
            format!("UdPbC\0\\{tag}*{sum:02X}\\{line}\r\n").into_bytes()
        })
        .collect()
}

/// The sentences of every log below a folder.
fn logs(folder: &std::path::Path, lines: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            logs(&path, lines);
        } else if path.extension().is_some_and(|extension| extension == "log") {
            let bytes = std::fs::read(&path).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            lines.extend(text.lines().filter(|line| line.starts_with(['$', '!'])).map(|line| line.trim().to_owned()));
        }
    }
}

fn show(name: &str, rate: f64, ours: f64, note: &str) {
    println!("  {name:<46} {:>10.0} k/s   ours is {:>5.1} x   {note}", rate / 1e3, ours / rate);
}

fn compare(title: &str, lines: &[String], is_ais: bool) {
    println!("{title}: {} lines", lines.len());
    let plain: Vec<Vec<u8>> = lines.iter().map(|line| format!("{line}\r\n").into_bytes()).collect();
    let (base, count) = ours("nmea0183", &plain, false);
    let note = |count: &Count| {
        format!("{} messages, {} acts, {} fields, {} errors", count.messages, count.acts, count.fields, count.errors)
    };
    show("dogwatch: acts", base, base, &note(&count));
    let (rate, count) = ours("nmea0183", &plain, true);
    show("dogwatch: acts and every field", rate, base, &note(&count));
    let (rate, count) = ours("iec61162-450", &tagged(lines), false);
    show("dogwatch: -450 with TAG blocks, acts", rate, base, &note(&count));
    let (rate, count) = ours("iec61162-450", &tagged(lines), true);
    show("dogwatch: -450, TAG blocks, acts, every field", rate, base, &note(&count));
    if is_ais {
        peer_ais(lines, base);
    } else {
        peer_nmea(lines, base);
    }
    peer_nmea_parser(lines, base);
}

fn peer_nmea(lines: &[String], base: f64) {
    let mut refused = 0;
    let found = rate(lines.len(), || {
        refused = lines.iter().filter(|line| black_box(nmea::parse_str(line)).is_err()).count();
    });
    show("nmea 0.7", found, base, &format!("{refused} refused"));
}

fn peer_nmea_parser(lines: &[String], base: f64) {
    let (mut refused, mut panicked) = (0, 0);
    let found = rate(lines.len(), || {
        let mut parser = nmea_parser::NmeaParser::new();
        (refused, panicked) = (0, 0);
        for line in lines {
            match catch_unwind(AssertUnwindSafe(|| black_box(parser.parse_sentence(line)).is_err())) {
                Ok(error) => refused += usize::from(error),
                Err(_) => panicked += 1,
            }
        }
    });
    show("nmea-parser 0.11", found, base, &format!("{refused} refused, {panicked} panics"));
}

fn peer_ais(lines: &[String], base: f64) {
    let mut refused = 0;
    let found = rate(lines.len(), || {
        let mut parser = ais::AisParser::new();
        refused = lines.iter().filter(|line| black_box(parser.parse(line.as_bytes(), true)).is_err()).count();
    });
    show("ais 0.12", found, base, &format!("{refused} refused"));
}

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    match std::env::args_os().nth(1) {
        Some(folder) => {
            let mut lines = Vec::new();
            logs(std::path::Path::new(&folder), &mut lines);
            let (ais, vessel): (Vec<String>, Vec<String>) = lines.into_iter().partition(|line| line.starts_with('!'));
            compare("log sentences", &vessel, false);
            compare("log AIS sentences", &ais, true);
        }
        None => {
            compare("vessel sentences", &vessel(200_000), false);
            compare("AIS sentences", &ais_lines(200_000), true);
        }
    }
}
