//! NMEA 2000 and SAE J1939 on a CAN bus.
//!
//! Follows NMEA 2000 (IEC 61162-3), ISO 11783-3 and -5 and SAE J1939-21, -71, -73 and -81 as far as public sources tell them; the layouts of
//! the parameter groups are those of the public CANboat definitions, held in `pgns.tsv` (Apache-2.0, see its header).
//!
//! One dissector sees one bus. An address may change hands, so the speaker of a message is the NAME that holds the address at that moment.
//! Deliberately absent: anything that would have to be sent (requests, claims), and proprietary layouts nobody has published.

mod acts;
mod bits;
mod bus;
mod can;
mod devices;
mod fast_packet;
mod fields;
mod gateway;
mod identity;
mod measures;
mod table;
mod text;
mod transport;

use dogwatch_model::{Act, Direction, FieldValue, FieldVisitor, Fields, Message, Speaker};

use crate::{Carrier, Chunk, Dissector, Hint, Limits, ParseError, Probe, Progress, Protocol, Sink};
use can::Frame;
use gateway::Gateway;

pub use bus::Bus;
pub use can::Header;
pub use devices::Name;
pub use gateway::{
    BstChecksum, BstRecord, BstUnit, Holds, Line, LineBuffer, next_bst_unit, parse_bst, parse_line, wrapped,
};
pub use table::{Definition, Framing, Table, is_proprietary};

/// The protocol's name.
const NAME: &str = "nmea2000";

/// NMEA 2000 and J1939 on any carrier.
#[derive(Debug)]
pub struct Nmea2000;

impl Protocol for Nmea2000 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn hints(&self) -> &'static [Hint] {
        &[
            Hint::Can,
            Hint::Serial,
            // Yacht Devices RAW, Actisense W2K, CANboat's n2kd, vyacht, iKonvert; cannelloni on UDP.
            Hint::Tcp(1457),
            Hint::Udp(1457),
            Hint::Tcp(60_001),
            Hint::Tcp(60_002),
            Hint::Udp(60_001),
            Hint::Udp(60_002),
            Hint::Tcp(2597),
            Hint::Tcp(2598),
            Hint::Tcp(2599),
            Hint::Tcp(2600),
            Hint::Tcp(2112),
            Hint::Tcp(29_536),
            Hint::Udp(20_000),
        ]
    }

    fn carriers(&self) -> &'static [Carrier] {
        &[Carrier::Can, Carrier::Tcp, Carrier::Udp, Carrier::Serial]
    }

    fn probes_by_direction(&self) -> bool {
        false
    }

    fn probe(&self, carrier: Carrier, _direction: Direction, head: &[u8]) -> Probe {
        match (carrier, can::parse(head)) {
            (Carrier::Can, Some(Frame::Data(..))) => Probe::Yes,
            (Carrier::Can, Some(Frame::Error(_))) => Probe::NeedMore,
            (Carrier::Tcp | Carrier::Udp | Carrier::Serial, _) => gateway::probe(carrier, head),
            _ => Probe::No,
        }
    }

    fn open(&self, limits: &Limits) -> Box<dyn Dissector> {
        Box::new(Opened { limits: *limits, inner: None })
    }
}

/// A flow whose carrier the first chunk tells.
#[derive(Debug)]
struct Opened {
    limits: Limits,
    inner: Option<Inner>,
}

#[derive(Debug)]
enum Inner {
    Can(Bus),
    Gateway(Gateway),
}

impl Dissector for Opened {
    fn data(&mut self, chunk: &Chunk<'_>, out: &mut dyn Sink) -> Progress {
        let limits = self.limits;
        let inner = self.inner.get_or_insert_with(|| match chunk.carrier {
            Carrier::Can => Inner::Can(Bus::new(&limits)),
            _ => Inner::Gateway(Gateway::new(&limits)),
        });
        match inner {
            Inner::Can(bus) => can_frame(bus, chunk, out),
            Inner::Gateway(gateway) => gateway.data(chunk, out),
        }
    }

    fn gap(&mut self, direction: Direction, missing: u32) {
        match &mut self.inner {
            Some(Inner::Can(bus)) => bus.clear(),
            Some(Inner::Gateway(gateway)) => gateway.gap(direction, missing),
            None => {}
        }
    }
}

fn can_frame(bus: &mut Bus, chunk: &Chunk<'_>, out: &mut dyn Sink) -> Progress {
    match can::parse(chunk.bytes) {
        Some(Frame::Data(header, data)) => bus.frame(chunk.at, header, data, out),
        Some(Frame::Error(class)) => error_frame(class, out),
        Some(Frame::Other) => {
            out.error(NAME, ParseError::Malformed { what: "CAN identifier", at: 0, why: "not a 29-bit data frame" });
        }
        None => out.error(NAME, ParseError::Incomplete { what: "CAN frame" }),
    }
    Progress::Used(chunk.bytes.len())
}

/// What the CAN controller reports about the bus.
struct ErrorClass(u32);

impl Fields for ErrorClass {
    fn visit(&self, visitor: &mut dyn FieldVisitor) {
        visitor.field("class", FieldValue::Unsigned(u64::from(self.0)));
    }
}

fn error_frame(class: u32, out: &mut dyn Sink) {
    let odd = if class & can::BUS_OFF != 0 { "can.bus-off" } else { "can.error-frame" };
    let fields = ErrorClass(class);
    out.message(&Message {
        protocol: NAME,
        kind: "error-frame",
        function: 0,
        speaker: Speaker::Sender,
        acts: &[Act::Odd(odd)],
        fields: &fields,
    });
}
