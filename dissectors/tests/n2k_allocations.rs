//! The packet path must not allocate: a bus that has met its devices decodes frames with no allocation at all.
#![cfg(test)]

use dogwatch_dissectors::maritime::n2k::Nmea2000;
use dogwatch_dissectors::{Carrier, Chunk, Dissector, Limits, ParseError, Protocol, Sink};
use dogwatch_model::{
    CaptureTime, Direction, FieldValue, FieldVisitor, Flow, Initiator, Mac, Message, SourceId, Transport, Vlans,
};

/// Counts what it is given and looks at every field.
#[derive(Default)]
struct Count {
    messages: u64,
    acts: u64,
    fields: u64,
    errors: u64,
}

struct Fields<'a>(&'a mut u64);

impl FieldVisitor for Fields<'_> {
    fn field(&mut self, _name: &str, _value: FieldValue<'_>) {
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
        message.fields.visit(&mut Fields(&mut self.fields));
    }

    fn error(&mut self, _protocol: &'static str, _error: ParseError) {
        self.errors += 1;
    }
}

fn frame(id: u32, data: &[u8]) -> Vec<u8> {
    let mut frame = (id | 1 << 31).to_be_bytes().to_vec();
    frame.extend_from_slice(&[data.len() as u8, 0, 0, 0]);
    frame.extend_from_slice(data);
    frame
}

/// Claims, single frames, fast packets of product information and a transfer of 20 bytes from 20 senders.
fn traffic() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for sender in 1..=20_u32 {
        frames.push(frame(0x18ee_ff00 | sender, &[sender as u8, 0, 0x21, 0xe8, 0, 145, 120, 0xc0]));
        frames.push(frame(0x09f8_0100 | sender, &[0, 0xdd, 0xb1, 0x1f, 0x1b, 0x2f, 0x3d, 3]));
        frames.push(frame(0x09f1_1200 | sender, &[0, 0x5c, 0x3d, 0xff, 0x7f, 0xff, 0x7f, 0xfd]));
        frames.push(frame(0x19f0_1400 | sender, &[0x20, 134, 0x35, 8, 1, 2, b'A', b'B']));
        for counter in 1..=19_u8 {
            frames.push(frame(0x19f0_1400 | sender, &[0x20 | counter, b'a', b' ', b'b', b'c', 0xff, b'd', counter]));
        }
        frames.push(frame(0x18ec_ff00 | sender, &[32, 20, 0, 3, 255, 0xca, 0xfe, 0]));
        for number in 1..=3_u8 {
            frames.push(frame(0x18eb_ff00 | sender, &[number, 1, 2, 3, 4, 5, 6, 7]));
        }
    }
    frames
}

#[test]
fn no_allocation_once_the_bus_is_known() {
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
    let frames = traffic();
    let mut dissector = Nmea2000.open(&Limits::default());
    let mut count = Count::default();
    let run = |dissector: &mut dyn Dissector, count: &mut Count, start: i64| {
        for (at, bytes) in frames.iter().enumerate() {
            let at = CaptureTime::from_millis(start + at as i64);
            let chunk = Chunk { at, flow: &flow, direction: Direction::ToServer, carrier: Carrier::Can, bytes };
            dissector.data(&chunk, count);
        }
    };
    run(&mut *dissector, &mut count, 0);
    let first = count.messages;
    let measured = allocation_counter::measure(|| run(&mut *dissector, &mut count, 10_000));
    assert_eq!((count.messages, count.errors), (2 * first, 0));
    assert!(count.acts > count.messages && count.fields > 5 * count.messages);
    assert_eq!(measured.count_total, 0, "{measured:?}");
}
