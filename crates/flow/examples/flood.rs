//! Measures what the engine holds under a flood of random flows.
//!
//! `cargo run --release -p dogwatch-flow --example flood -- [FLOWS]` makes that many flows (1,000,000 unless told) of one frame each with random
//! addresses, a third of them UDP, a third TCP data joined in its middle with a hole, a third fragments that never complete, and prints the
//! peak resident memory of the process (Linux) beside the counters.

use std::error::Error;

use dogwatch_dissectors::{Carrier, Chunk, Dissector, Hint, Probe, Progress, Protocol, Sink};
use dogwatch_flow::{Engine, FlowId, Frame, Limits, LinkType, Observer};
use dogwatch_model::{CaptureTime, Direction, Event, SourceId};

/// Takes every flow and uses nothing up: the worst a dissector can do to the engine.
struct Hoarder;

impl Protocol for Hoarder {
    fn name(&self) -> &'static str {
        "hoarder"
    }

    fn hints(&self) -> &'static [Hint] {
        &[]
    }

    fn carriers(&self) -> &'static [Carrier] {
        &[Carrier::Tcp, Carrier::Udp]
    }

    fn probe(&self, _: Carrier, _: Direction, _: &[u8]) -> Probe {
        Probe::Yes
    }

    fn open(&self, _: &dogwatch_dissectors::Limits) -> Box<dyn Dissector> {
        Box::new(Self)
    }
}

impl Dissector for Hoarder {
    fn data(&mut self, _: &Chunk<'_>, _: &mut dyn Sink) -> Progress {
        Progress::Used(0)
    }

    fn gap(&mut self, _: Direction, _: u32) {}
}

struct Nobody;

impl Observer for Nobody {
    fn event(&mut self, _: FlowId, _: &Event<'_>) {}
}

static HOARDER: &[&dyn Protocol] = &[&Hoarder];

fn main() -> Result<(), Box<dyn Error>> {
    let flows: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    for (name, protocols) in [("nobody knows them", &[][..]), ("a dissector hoards them", HOARDER)] {
        let mut engine = Engine::new(Limits::default(), protocols);
        let mut random = 1_u64;
        for number in 0..flows {
            // the generator of Knuth's MMIX
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            for bytes in frames(random, number % 3) {
                let at = CaptureTime::from_parts(1_700_000_000, 0);
                let original_length = u32::try_from(bytes.len())?;
                let link = LinkType::RAW;
                engine.frame(
                    &Frame { at, source: SourceId(0), number, link, original_length, bytes: &bytes },
                    &mut Nobody,
                );
            }
        }
        eprintln!("{name}: {}", resident());
        for (name, value) in engine.counters().iter().filter(|(_, value)| *value > 0) {
            eprintln!("  {name} {value}");
        }
    }
    Ok(())
}

fn frames(random: u64, kind: u64) -> Vec<Vec<u8>> {
    let [a, b, c, d, e, f, g, h] = random.to_be_bytes();
    let ip = |protocol: u8, flags: [u8; 2], payload: &[u8]| {
        let total = u16::try_from(payload.len() + 20).unwrap_or(0).to_be_bytes();
        let header =
            [0x45, 0, total[0], total[1], c, d, flags[0], flags[1], 64, protocol, 0, 0, 10, a, b, c, 10, d, e, f];
        [&header[..], payload].concat()
    };
    let tcp = |seq: u32| {
        let [s0, s1, s2, s3] = seq.to_be_bytes();
        let header = [g, h, 0, 99, s0, s1, s2, s3, 0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0];
        ip(6, [0; 2], &[&header[..], &[0x7f; 1400]].concat())
    };
    match kind {
        0 => vec![ip(17, [0; 2], &[g, h, 0, 99, 0, 108, 0, 0].into_iter().chain([0x7f; 100]).collect::<Vec<_>>())],
        1 => vec![tcp(0), tcp(5000), tcp(10_000)],
        _ => vec![ip(17, [0x20, 0x10], &[0x7f; 1400])],
    }
}

/// The most memory this process ever had resident.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.unwrap_or("resident memory unknown").to_owned()
}
