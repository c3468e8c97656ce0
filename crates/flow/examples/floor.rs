//! Compares the engine with a bare header decode over the same capture in the same run.
//!
//! `cargo run --release -p dogwatch-flow --example floor -- FILE.pcap [ROUNDS]` reads a classic pcap file (microsecond or nanosecond, either
//! byte order) into memory, then alternates rounds of: etherparse alone, the engine without protocols, and the engine with a protocol that
//! takes every byte. It prints the median of each and their differences per frame.
//!
//! An example, not a test: it reads the clock, which nothing in the library does.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use dogwatch_dissectors::{Carrier, Chunk, Dissector, Hint, Probe, Progress, Protocol, Sink};
use dogwatch_flow::{Engine, FlowId, Frame, Limits, LinkType, Observer};
use dogwatch_model::{CaptureTime, Direction, Event, SourceId};

/// Takes every byte of every flow and says nothing.
struct Everything;

impl Protocol for Everything {
    fn name(&self) -> &'static str {
        "everything"
    }

    fn hints(&self) -> &'static [Hint] {
        &[]
    }

    fn carriers(&self) -> &'static [Carrier] {
        use Carrier::{Can, Ethernet, Ip, Llc, Serial, Tcp, Udp};
        &[Tcp, Udp, Ethernet, Llc, Ip, Can, Serial]
    }

    fn probe(&self, _: Carrier, _: Direction, _: &[u8]) -> Probe {
        Probe::Yes
    }

    fn open(&self, _: &dogwatch_dissectors::Limits) -> Box<dyn Dissector> {
        Box::new(Taker { bytes: 0 })
    }
}

struct Taker {
    bytes: u64,
}

impl Dissector for Taker {
    fn data(&mut self, chunk: &Chunk<'_>, _: &mut dyn Sink) -> Progress {
        self.bytes = self.bytes.wrapping_add(chunk.bytes.len() as u64);
        Progress::Used(chunk.bytes.len())
    }

    fn gap(&mut self, _: Direction, _: u32) {
        black_box(self.bytes);
    }
}

struct Nobody;

impl Observer for Nobody {
    fn event(&mut self, _: FlowId, _: &Event<'_>) {}
}

static EVERYTHING: &[&dyn Protocol] = &[&Everything];

/// One frame of the file: time, wire length and where its bytes are.
struct Place {
    at: CaptureTime,
    original_length: u32,
    start: usize,
    end: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: floor FILE.pcap [ROUNDS]")?;
    let rounds: usize = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let file = std::fs::read(&path)?;
    let (link, places) = index(&file).ok_or("not a classic pcap file")?;
    let frames: Vec<Frame<'_>> = (1..)
        .zip(&places)
        .filter_map(|(number, place)| {
            let bytes = file.get(place.start..place.end)?;
            let (at, original_length) = (place.at, place.original_length);
            Some(Frame { at, source: SourceId(0), number, link: LinkType(link), original_length, bytes })
        })
        .collect();

    let (mut floor, mut bare, mut full) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        floor.push(timed(|| decode_only(&frames)));
        bare.push(timed(|| run(&frames, &[])));
        full.push(timed(|| run(&frames, EVERYTHING)));
    }
    let count = frames.len().max(1) as f64;
    let nanos = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times.get(times.len() / 2).map_or(0.0, |median| median.as_nanos() as f64 / count)
    };
    let (floor, bare, full) = (nanos(&mut floor), nanos(&mut bare), nanos(&mut full));
    eprintln!("{} frames, median of {rounds} rounds, ns a frame", frames.len());
    eprintln!("etherparse alone           {floor:8.1}");
    eprintln!("engine, no protocols       {bare:8.1}   +{:.1}   x{:.2}", bare - floor, bare / floor);
    eprintln!("engine, every byte taken   {full:8.1}   +{:.1}   x{:.2}", full - floor, full / floor);
    Ok(())
}

fn decode_only(frames: &[Frame<'_>]) -> u64 {
    let mut sum = 0_u64;
    for frame in frames {
        if let Ok(packet) = etherparse::LaxSlicedPacket::from_ethernet(frame.bytes) {
            sum = sum.wrapping_add(match black_box(&packet).transport {
                Some(etherparse::TransportSlice::Tcp(ref tcp)) => tcp.payload().len() as u64,
                Some(etherparse::TransportSlice::Udp(ref udp)) => udp.payload().len() as u64,
                _ => 1,
            });
        }
    }
    sum
}

fn run(frames: &[Frame<'_>], protocols: &'static [&'static dyn Protocol]) -> u64 {
    let mut engine = Engine::new(Limits::default(), protocols);
    for frame in frames {
        engine.frame(frame, &mut Nobody);
    }
    engine.finish(&mut Nobody);
    engine.counters().flows_started
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn timed(what: impl FnOnce() -> u64) -> Duration {
    let start = Instant::now();
    black_box(what());
    start.elapsed()
}

fn index(file: &[u8]) -> Option<(u32, Vec<Place>)> {
    let (is_big, fraction_nanos) = match file.get(..4)? {
        [0xd4, 0xc3, 0xb2, 0xa1] => (false, 1000),
        [0x4d, 0x3c, 0xb2, 0xa1] => (false, 1),
        [0xa1, 0xb2, 0xc3, 0xd4] => (true, 1000),
        [0xa1, 0xb2, 0x3c, 0x4d] => (true, 1),
        _ => return None,
    };
    let word = |at: usize| -> Option<u32> {
        let raw = file.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if is_big { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) })
    };
    let mut places = Vec::new();
    let mut at = 24;
    while let (Some(seconds), Some(fraction), Some(captured), Some(original_length)) =
        (word(at), word(at + 4), word(at + 8), word(at + 12))
    {
        let (start, end) = (at + 16, at + 16 + captured as usize);
        if end > file.len() {
            break;
        }
        let at_time = CaptureTime::from_parts(i64::from(seconds), fraction.saturating_mul(fraction_nanos));
        places.push(Place { at: at_time, original_length, start, end });
        at = end;
    }
    Some((word(20)? & 0x0fff_ffff, places))
}
