//! A sentence costs no allocation: reading one, with its TAG block, its acts and its AIS payload, touches no heap once the flow is open.
#![expect(clippy::unwrap_used, reason = "a test: what is wrong must stop it")]

use dogwatch_dissectors::{Carrier, Chunk, Limits, PROTOCOLS, ParseError, Progress, Sink};
use dogwatch_model::{CaptureTime, Direction, Flow, Initiator, Mac, Message, SourceId, Transport, Vlans};

/// Counts what it is given.
#[derive(Default)]
struct Count {
    messages: usize,
    acts: usize,
    errors: usize,
}

impl Sink for Count {
    fn message(&mut self, message: &Message<'_>) {
        self.messages += 1;
        self.acts += message.acts.len();
    }

    fn error(&mut self, _protocol: &'static str, _error: ParseError) {
        self.errors += 1;
    }
}

fn flow() -> Flow {
    Flow {
        source: SourceId(0),
        vlans: Vlans::default(),
        src_mac: Mac::NONE,
        dst_mac: Mac::NONE,
        src: Some("172.16.1.10".parse().unwrap()),
        dst: Some("239.192.0.4".parse().unwrap()),
        transport: Transport::Udp,
        src_port: 50_000,
        dst_port: 60_004,
        ttl: 1,
        initiator: Initiator::Unknown,
    }
}

/// A sentence with its checksum.
fn sentence(body: &str) -> String {
    let sum = body.bytes().skip(1).fold(0, |sum, byte| sum ^ byte);
    format!("{body}*{sum:02X}\r\n")
}

#[test]
fn single_sentences() {
    let bodies = [
        "$GPGGA,101530.00,5130.1234,N,00007.5678,W,2,10,0.9,12.3,M,47.0,M,3.0,0120",
        "$GPRMC,101530.00,A,5130.1234,N,00007.5678,W,12.4,087.5,221126,1.2,W,D,S",
        "$GPGSV,1,1,02,01,49,196,41,03,71,278,32",
        "$HEHDT,087.3,T",
        "$WIMWV,045.0,R,12.5,N,A",
        "$PGRME,15.0,M,22.5,M,27.0,M",
        "$EIAIQ,VER",
        "$AIVER,1,1,AI,ACM,1.0,123456789,MODEL1,SW2.1,HW1.0,3",
        "!AIVDM,1,1,,A,15M67FC000G?ufbE`FepT@3n00Sa,0",
        "!AIVDO,1,1,,B,15M67FC000G?ufbE`FepT@3n00Sa,0",
    ];
    for (protocol, head) in [("nmea0183", &b""[..]), ("iec61162-450", b"UdPbC\0")] {
        let known = PROTOCOLS.iter().find(|known| known.name() == protocol).unwrap();
        let mut dissector = known.open(&Limits::default());
        let flow = flow();
        let datagrams: Vec<Vec<u8>> = bodies
            .iter()
            .map(|body| {
                let tag = "s:GP0001,n:7";
                let sum = tag.bytes().fold(0, |sum, byte| sum ^ byte);
                [head, format!("\\{tag}*{sum:02X}\\").as_bytes(), sentence(body).as_bytes()].concat()
            })
            .collect();
        let mut count = Count::default();
        let used = allocation_counter::measure(|| {
            for round in 0..1_000 {
                for bytes in &datagrams {
                    let at = CaptureTime::from_millis(round * 10);
                    let chunk = Chunk { at, flow: &flow, direction: Direction::ToServer, carrier: Carrier::Udp, bytes };
                    assert!(matches!(dissector.data(&chunk, &mut count), Progress::Used(_)));
                }
            }
        });
        println!("{protocol}: {} messages, {} acts, {} allocations", count.messages, count.acts, used.count_total);
        assert_eq!(count.messages, 12_000, "ten sentences and two AIS messages a round");
        assert_eq!(used.count_total, 0, "{used:?}");
    }
}

#[test]
fn parts_of_messages_use_their_buffers_again() {
    let known = PROTOCOLS.iter().find(|known| known.name() == "nmea0183").unwrap();
    let mut dissector = known.open(&Limits::default());
    let flow = flow();
    let lines = [
        sentence("!AIVDM,2,1,9,B,55R3Vn82=ILTQ3KKS>1<D60Dq@E918U<F222221J1`?164vc03S1CCAD,0"),
        sentence("!AIVDM,2,2,9,B,`88888888888880,2"),
    ];
    let mut count = Count::default();
    let mut feed = |millis: i64, count: &mut Count| {
        for line in &lines {
            let at = CaptureTime::from_millis(millis);
            let bytes = line.as_bytes();
            let chunk = Chunk { at, flow: &flow, direction: Direction::ToServer, carrier: Carrier::Udp, bytes };
            dissector.data(&chunk, count);
        }
    };
    feed(0, &mut count);
    let used = allocation_counter::measure(|| {
        for round in 1..500 {
            feed(round * 10, &mut count);
        }
    });
    assert_eq!((count.messages, count.errors), (1_500, 0));
    assert_eq!(used.count_total, 0, "{used:?}");
}
