//! One bus: frames and whole messages in, acts out. The same for a CAN interface, a capture of one and what gateways make of one.

use dogwatch_model::{Act, Attribute, CaptureTime, FactValue, FieldVisitor, Fields, Message, Object, Speaker, Verb};

use super::NAME;
use super::acts::Acts;
use super::bits::bits;
use super::can::Header;
use super::devices::{Devices, Name, Topic};
use super::fast_packet::{self, FastPackets};
use super::fields::{Claim, Decoded, show_header};
use super::identity::{self, Strings};
use super::measures::{ais_subject, measure};
use super::table::{Framing, Table};
use super::transport::{self, PGN_DATA, PGN_MANAGEMENT, Transport};
use crate::{Limits, ParseError, Sink};

/// Group numbers from here on are what gateways say of themselves, not what is on the bus (CANboat's numbering).
pub(super) const GATEWAY_GROUPS: u32 = 0x4_0000;

/// The state of one bus.
#[derive(Debug)]
pub struct Bus {
    table: &'static Table,
    assembly: Assembly,
    devices: Devices,
}

#[derive(Debug)]
struct Assembly {
    fast: FastPackets,
    transport: Transport,
}

/// How a group number's bytes come, by its range; in the mixed range by its definition.
fn framing(table: &Table, pgn: u32) -> Framing {
    match pgn {
        0..=0xffff => Framing::Single,
        0x1_0000..=0x1_efff | 0x1_ff00..=0x1_ffff => Framing::Fast,
        _ => match table.group(pgn).map(|group| group.framing) {
            Some(Framing::Fast) => Framing::Fast,
            _ => Framing::Single,
        },
    }
}

impl Bus {
    /// A bus nothing is known of yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            table: Table::shared(),
            assembly: Assembly {
                fast: FastPackets::new(limits.partial_messages),
                transport: Transport::new(limits.partial_messages),
            },
            devices: Devices::new(limits.bus_devices),
        }
    }

    /// Frames were lost: forgets what is half read.
    pub fn clear(&mut self) {
        self.assembly.fast.clear();
        self.assembly.transport.clear();
    }

    /// Takes one CAN frame.
    pub fn frame(&mut self, at: CaptureTime, header: Header, data: &[u8], out: &mut dyn Sink) {
        let Self { table, assembly, devices } = self;
        match header.pgn {
            PGN_MANAGEMENT => {
                let outcome = assembly.transport.management(at, header, data);
                let odd = transport_outcome(&outcome, out);
                let mut acts = Acts::new();
                acts.push(publishes(header));
                if let Some(odd) = odd {
                    acts.push(Act::Odd(odd));
                }
                emit(table, devices, at, header, data, acts.as_slice(), None, out);
            }
            PGN_DATA => match assembly.transport.data(at, header, data) {
                transport::Outcome::Whole(header, data) => message(table, devices, at, header, data, out),
                outcome => {
                    if let Some(odd) = transport_outcome(&outcome, out) {
                        emit_odd(devices, at, header, odd, out);
                    }
                }
            },
            pgn if framing(table, pgn) == Framing::Fast => match assembly.fast.frame(at, header, data) {
                fast_packet::Outcome::Whole(data) => message(table, devices, at, header, data, out),
                fast_packet::Outcome::Waiting => {}
                fast_packet::Outcome::Broken => {
                    out.error(NAME, ParseError::Sequence { what: "fast packet" });
                    emit_odd(devices, at, header, "n2k.fast-packet-gap", out);
                }
                fast_packet::Outcome::Empty => out.error(NAME, ParseError::Incomplete { what: "fast packet" }),
                fast_packet::Outcome::Evicted => out.error(NAME, ParseError::Limit { what: "fast packets" }),
            },
            _ => message(table, devices, at, header, data, out),
        }
    }

    /// Takes one whole message, as gateways hand them over.
    pub fn message(&mut self, at: CaptureTime, header: Header, data: &[u8], out: &mut dyn Sink) {
        if header.pgn >= GATEWAY_GROUPS {
            self.gateway(header, data, out);
            return;
        }
        message(self.table, &mut self.devices, at, header, data, out);
    }
}

impl Bus {
    /// Takes what a gateway says of itself: a group above [`GATEWAY_GROUPS`]. It has no address on the bus; the sender is the gateway.
    pub(super) fn gateway(&mut self, header: Header, data: &[u8], out: &mut dyn Sink) {
        let definition = choose(self.table, header.pgn, data);
        let mut acts = Acts::new();
        acts.push(publishes(header));
        let serial = bits(data, 24, 32).filter(|serial| *serial < 0xffff_fffd);
        if let Some(serial) = serial.filter(|_| definition.kind().starts_with("actisense-")) {
            acts.says(Attribute::Manufacturer, FactValue::Text("Actisense"), 90, "bst.a0");
            acts.says(Attribute::SerialNumber, FactValue::Number(serial), 90, "bst.a0");
        }
        let fields = Decoded { header, table: self.table, definition, data, claim: None };
        let kind = definition.kind();
        out.message(&Message {
            protocol: NAME,
            kind,
            function: 0,
            speaker: Speaker::Sender,
            acts: acts.as_slice(),
            fields: &fields,
        });
    }
}

/// What a transport frame means, and whether it is odd.
fn transport_outcome(outcome: &transport::Outcome<'_>, out: &mut dyn Sink) -> Option<&'static str> {
    match outcome {
        transport::Outcome::Waiting | transport::Outcome::Whole(..) => None,
        transport::Outcome::Aborted(_) => Some("n2k.tp-abort"),
        transport::Outcome::Broken => {
            out.error(NAME, ParseError::Sequence { what: "transport protocol" });
            Some("n2k.tp-gap")
        }
        transport::Outcome::Malformed(why) => {
            out.error(NAME, ParseError::Malformed { what: "transport protocol", at: 0, why });
            Some("n2k.tp-malformed")
        }
        transport::Outcome::Stray => {
            out.error(NAME, ParseError::Sequence { what: "transport protocol" });
            None
        }
        transport::Outcome::Full => {
            out.error(NAME, ParseError::Limit { what: "transfers" });
            None
        }
    }
}

const fn publishes(header: Header) -> Act<'static> {
    Act::Publishes { object: Object::Pgn { pgn: header.pgn, destination: header.destination } }
}

const fn object(pgn: u32, header: Header) -> Object<'static> {
    Object::Pgn { pgn, destination: header.destination }
}

/// Says what a whole message does.
fn message(
    table: &'static Table,
    devices: &mut Devices,
    at: CaptureTime,
    header: Header,
    data: &[u8],
    out: &mut dyn Sink,
) {
    match header.pgn {
        60_928 => address_claim(table, devices, at, header, data, out),
        65_242 | 65_259 | 126_996 | 126_998 | 129_794 | 129_809 => {
            identification(table, devices, at, header, data, out)
        }
        _ => {
            let mut acts = Acts::new();
            deed(table, header, data, &mut acts);
            measure(header.pgn, data, &mut acts);
            emit(table, devices, at, header, data, acts.as_slice(), None, out);
        }
    }
}

/// The one act that says what the message is for.
#[inline]
fn deed(table: &Table, header: Header, data: &[u8], acts: &mut Acts<'_>) {
    let request = |verb, pgn| Act::Request { verb, object: object(pgn, header) };
    match header.pgn {
        0 => acts.push(request(Verb::Control, 0)),
        59_392 => acknowledgement(header, data, acts),
        59_904 => match bits(data, 0, 24).and_then(|pgn| u32::try_from(pgn).ok()) {
            Some(pgn) => acts.push(request(Verb::Discover, pgn)),
            None => acts.push(publishes(header)),
        },
        65_228 | 65_235 => acts.push(request(Verb::Control, header.pgn)),
        65_240 => {
            acts.push(request(Verb::Control, header.pgn));
            acts.push(Act::Odd("n2k.commanded-address"));
        }
        126_208 => group_function(header, data, acts),
        // Orders by their nature: heading to steer, switches, loads.
        127_237 | 127_500 | 127_502 => acts.push(request(Verb::Control, header.pgn)),
        _ if table.choose(header.pgn, data).is_some_and(|definition| definition.commands) => {
            acts.push(request(Verb::Control, header.pgn));
        }
        _ => acts.push(publishes(header)),
    }
}

/// PGN 59392: 0 yes, 1 no, 2 access denied, 3 cannot respond now.
fn acknowledgement(header: Header, data: &[u8], acts: &mut Acts<'_>) {
    match (bits(data, 0, 8), bits(data, 40, 24).and_then(|pgn| u32::try_from(pgn).ok())) {
        (Some(control), Some(pgn)) => {
            acts.push(Act::Reply { verb: Verb::Discover, object: object(pgn, header), refused: control != 0 });
        }
        _ => acts.push(publishes(header)),
    }
}

/// Groups that move something: a command to one of them acts on the ship, not only on a setting.
const fn moves(pgn: u32) -> bool {
    matches!(pgn, 127_237 | 127_245 | 127_488 | 127_489 | 127_493 | 127_500..=127_502 | 128_776 | 128_777 | 128_006..=128_008)
}

/// PGN 126208: request, command, acknowledge, read and write fields of another group (NMEA 2000 appendix B).
fn group_function(header: Header, data: &[u8], acts: &mut Acts<'_>) {
    let (Some(function), Some(pgn)) = (bits(data, 0, 8), bits(data, 8, 24)) else {
        acts.push(publishes(header));
        return;
    };
    let pgn = u32::try_from(pgn).unwrap_or(0);
    let object = object(pgn, header);
    let command = if moves(pgn) { Verb::Control } else { Verb::Write };
    acts.push(match function {
        0 | 3 => Act::Request { verb: Verb::Read, object },
        1 | 5 => Act::Request { verb: command, object },
        2 => Act::Reply { verb: command, object, refused: bits(data, 32, 8).is_some_and(|codes| codes != 0) },
        4 => Act::Reply { verb: Verb::Read, object, refused: false },
        6 => Act::Reply { verb: command, object, refused: false },
        _ => Act::Odd("n2k.group-function-unknown"),
    });
}

fn address_claim(
    table: &'static Table,
    devices: &mut Devices,
    at: CaptureTime,
    header: Header,
    data: &[u8],
    out: &mut dyn Sink,
) {
    let Some(raw) = bits(data, 0, 64) else {
        out.error(NAME, ParseError::Incomplete { what: "address claim" });
        return;
    };
    let claimed = devices.claim(at, header.source, raw);
    if claimed.full {
        out.error(NAME, ParseError::Limit { what: "bus devices" });
    }
    let mut acts = Acts::new();
    acts.push(publishes(header));
    if claimed.is_news || claimed.previous_address.is_some() {
        identity::claim(table, Name(raw), header.source, &mut acts);
    }
    if claimed.previous_name.is_some() {
        acts.push(Act::Odd("n2k.address-taken"));
    }
    if claimed.without_address {
        acts.push(Act::Odd("n2k.null-address"));
    }
    let claim = Claim {
        name: raw,
        address: header.source,
        previous_name: claimed.previous_name,
        previous_address: claimed.previous_address,
    };
    let fields = Decoded { header, table, definition: choose(table, header.pgn, data), data, claim: Some(claim) };
    let speaker = Speaker::Name { name: raw, address: header.source };
    out.message(&Message {
        protocol: NAME,
        kind: "address-claim",
        function: 0,
        speaker,
        acts: acts.as_slice(),
        fields: &fields,
    });
}

/// Groups in which a device or the ship tells who it is. Facts are told again only when they changed.
fn identification(
    table: &'static Table,
    devices: &mut Devices,
    at: CaptureTime,
    header: Header,
    data: &[u8],
    out: &mut dyn Sink,
) {
    let mut strings = Strings::new();
    let (topic, about) = match header.pgn {
        65_242 => (Topic::Software, None),
        65_259 => (Topic::Component, None),
        126_996 => (Topic::Product, None),
        126_998 => (Topic::Configuration, None),
        pgn => {
            let own = ais_subject(data, if pgn == 129_794 { 592 } else { 200 });
            let Some((dogwatch_model::Of::OwnShipByAis(_), mmsi)) = own else {
                emit(table, devices, at, header, data, &[publishes(header)], None, out);
                return;
            };
            (Topic::Ais, Some(mmsi))
        }
    };
    let news = devices.is_news(header.source, topic, data);
    if news {
        match header.pgn {
            65_242 => strings.starred(data.get(1..).unwrap_or_default()),
            65_259 => strings.starred(data),
            126_996 => strings.product(data),
            126_998 => strings.configuration(data),
            129_794 => strings.ship(data),
            _ => strings.ship_name(data),
        }
    }
    let mut acts = Acts::new();
    acts.push(publishes(header));
    match (news, header.pgn, about) {
        (false, ..) => {}
        (_, 65_242, _) => identity::software(&strings, &mut acts),
        (_, 65_259, _) => identity::component(&strings, &mut acts),
        (_, 126_996, _) => identity::product(data, &strings, &mut acts),
        (_, 126_998, _) => identity::configuration(&strings, &mut acts),
        (_, 129_794, Some(mmsi)) => identity::ship(mmsi, bits(data, 40, 32), &strings, "n2k.129794", &mut acts),
        (.., Some(mmsi)) => identity::ship(mmsi, None, &strings, "n2k.129809", &mut acts),
        _ => {}
    }
    emit(table, devices, at, header, data, acts.as_slice(), None, out);
}

fn choose(table: &'static Table, pgn: u32, data: &[u8]) -> &'static super::table::Definition {
    table.choose(pgn, data).unwrap_or_else(|| table.any())
}

fn speaker(devices: &mut Devices, at: CaptureTime, address: u8) -> Speaker {
    devices.speaks(at, address).map_or(Speaker::BusAddress(address), |name| Speaker::Name { name, address })
}

#[expect(clippy::too_many_arguments, reason = "one message with all that belongs to it")]
#[inline]
fn emit(
    table: &'static Table,
    devices: &mut Devices,
    at: CaptureTime,
    header: Header,
    data: &[u8],
    acts: &[Act<'_>],
    claim: Option<Claim>,
    out: &mut dyn Sink,
) {
    let definition = choose(table, header.pgn, data);
    let fields = Decoded { header, table, definition, data, claim };
    let speaker = speaker(devices, at, header.source);
    out.message(&Message { protocol: NAME, kind: definition.kind(), function: 0, speaker, acts, fields: &fields });
}

/// A message that is only worth telling because something is wrong with it.
fn emit_odd(devices: &mut Devices, at: CaptureTime, header: Header, odd: &'static str, out: &mut dyn Sink) {
    let speaker = speaker(devices, at, header.source);
    let fields = Incomplete(header);
    out.message(&Message {
        protocol: NAME,
        kind: "incomplete",
        function: 0,
        speaker,
        acts: &[Act::Odd(odd)],
        fields: &fields,
    });
}

struct Incomplete(Header);

impl Fields for Incomplete {
    fn visit(&self, visitor: &mut dyn FieldVisitor) {
        show_header(self.0, "", visitor);
    }
}
