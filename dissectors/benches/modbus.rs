//! What a Modbus request and its reply cost, against the cost of only finding their ends. Both run on the same bytes in the same program.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a benchmark measures and prints"
)]

use std::hint::black_box;
use std::time::Instant;

use dogwatch_dissectors::{Carrier, Chunk, Limits, PROTOCOLS, ParseError, Progress, Sink};
use dogwatch_model::{CaptureTime, Direction, Flow, Initiator, Mac, Message, SourceId, Transport, Vlans};

/// Takes messages and looks at their acts, as the pipeline does.
struct Count(usize);

impl Sink for Count {
    fn message(&mut self, message: &Message<'_>) {
        self.0 += black_box(message.acts).len();
    }

    fn error(&mut self, _protocol: &'static str, _error: ParseError) {}
}

fn flow(src_port: u16, dst_port: u16) -> Flow {
    Flow {
        source: SourceId(0),
        vlans: Vlans::default(),
        src_mac: Mac::NONE,
        dst_mac: Mac::NONE,
        src: None,
        dst: None,
        transport: Transport::Tcp,
        src_port,
        dst_port,
        ttl: 64,
        initiator: Initiator::Unknown,
    }
}

fn main() {
    const ROUNDS: u32 = 1_000_000;
    let request = [0, 1, 0, 0, 0, 6, 1, 3, 0, 40, 0, 8];
    let reply = [0, 1, 0, 0, 0, 19, 1, 3, 16, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8];
    let (out, back) = (flow(40_000, 502), flow(502, 40_000));
    let modbus = PROTOCOLS.iter().find(|protocol| protocol.name() == "modbus").unwrap();
    let mut dissector = modbus.open(&Limits::default());
    let mut count = Count(0);
    let mut pass = |flow: &Flow, direction, bytes: &[u8]| {
        let chunk = Chunk { at: CaptureTime(0), flow, direction, carrier: Carrier::Tcp, bytes: black_box(bytes) };
        assert!(matches!(dissector.data(&chunk, &mut count), Progress::Used(_)));
    };
    for round in 0..2 {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            pass(&out, Direction::ToServer, &request);
            pass(&back, Direction::ToClient, &reply);
        }
        let whole = start.elapsed();
        let start = Instant::now();
        let mut ends = 0_usize;
        for _ in 0..ROUNDS {
            for bytes in [&request[..], &reply[..]] {
                let length = black_box(bytes).get(4..6).and_then(|len| len.try_into().ok());
                let length = length.map_or(0, |len| usize::from(u16::from_be_bytes(len)));
                ends += black_box(length + 6);
            }
        }
        let framing = start.elapsed();
        if round == 1 {
            let each = |time: std::time::Duration| time.as_nanos() / u128::from(ROUNDS * 2);
            println!("modbus: {} ns a unit; finding its end alone: {} ns ({ends} bytes)", each(whole), each(framing));
        }
    }
}
