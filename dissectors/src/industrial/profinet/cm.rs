//! PROFINET connection manager: connections between controller and device, records read and written, control, over DCE/RPC datagrams.
//!
//! Reads operations with slot and record, names and ids of both ends, identification records (I&M0, I&M1) and the text of the endpoint mapper.
//! Deliberately not read: further fragments of a call, contents of records other than identification, layout of the cyclic data.
//!
//! Specification: IEC 61158-6-10 clauses 5.2 and 5.3; C706 appendix O (endpoint mapper). Operation 4 is control, 5 an implicit read.

use std::net::IpAddr;

use dogwatch_model::{Act, Attribute, Direction, FactValue, Object, Subject, Verb};

use super::blocks::{self, Block, Connection, Identification, Record, blocks, control_name};
use crate::acts::{Acts, Emit, Shown, Visit};
use crate::asked::Asked;
use crate::dcerpc::{self, Datagram, Uuid};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::{Hex, Text, printable, text};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// PROFINET connection manager.
pub(crate) static PROFINET_CM: FramedProtocol = FramedProtocol {
    name: "profinet-cm",
    hints: &[Hint::Udp(34_964)],
    carriers: &[Carrier::Udp],
    probe: |_, head| match Datagram::parse(head) {
        Ok(datagram) if is_ours(&datagram) => Probe::Yes,
        _ => Probe::No,
    },
    frames: |limits| Box::new(Cm { open: Asked::new(limits) }),
};

/// The endpoint mapper, which PROFINET devices offer on the same port.
const ENDPOINT_MAPPER: Uuid = Uuid::of(0xe1af_8308_5d1f_11c9_91a4_0800_2b14_a0fa);
/// `6C97-11D1-8271`: the common part of interfaces and objects.
const COMMON: [u8; 6] = [0x6c, 0x97, 0x11, 0xd1, 0x82, 0x71];

/// Device, controller, supervisor and parameter server: `DEA0000n-6C97-11D1-8271-00A02442DF7D`.
fn is_interface(uuid: Uuid) -> bool {
    let Uuid([a, b, c, d, middle @ .., e, f, g, h, i, j]) = uuid;
    [a, b, c] == [0xde, 0xa0, 0]
        && matches!(d, 1..=4)
        && middle == COMMON
        && [e, f, g, h, i, j] == [0, 0xa0, 0x24, 0x42, 0xdf, 0x7d]
}

fn is_ours(datagram: &Datagram<'_>) -> bool {
    is_interface(datagram.interface) || (datagram.interface == ENDPOINT_MAPPER && object_ids(datagram.object).is_some())
}

/// Device and vendor number in an object `DEA00000-6C97-11D1-8271-iiiiddddvvvv`.
fn object_ids(uuid: Uuid) -> Option<(u16, u16)> {
    let Uuid([0xde, 0xa0, 0, 0, middle @ .., _, _, d0, d1, v0, v1]) = uuid else { return None };
    (middle == COMMON).then_some((u16::from_be_bytes([d0, d1]), u16::from_be_bytes([v0, v1])))
}

const CONNECT: u16 = 0;
const RELEASE: u16 = 1;
const READ: u16 = 2;
const WRITE: u16 = 3;
const CONTROL: u16 = 4;
const READ_IMPLICIT: u16 = 5;

/// What an operation does. A controller opens the connection, writes the parameters, says that they are complete and hears that the device is ready,
/// whenever either of them is switched on: nothing of that is stop or start, or changes what was engineered. Names and places written into the
/// device to stay there (I&M1 to I&M4) do.
const fn verb(operation: u16, record: Option<Record>) -> Option<Verb> {
    Some(match operation {
        CONNECT | RELEASE => Verb::Login,
        READ | READ_IMPLICIT => Verb::Read,
        WRITE if matches!(record, Some(Record { index: 0xaff1..=0xaff4, .. })) => Verb::Program,
        WRITE | CONTROL => Verb::Write,
        _ => return None,
    })
}

const fn operation_name(operation: u16) -> Option<&'static str> {
    Some(match operation {
        CONNECT => "connect",
        RELEASE => "release",
        READ => "read",
        WRITE => "write",
        CONTROL => "control",
        READ_IMPLICIT => "read-implicit",
        _ => return None,
    })
}

/// The connection manager on one pair of ports.
struct Cm {
    open: Asked<(Uuid, u32), Text<64>>,
}

/// What the blocks of a call tell.
#[derive(Debug, Clone, Copy, Default)]
struct Call<'a> {
    status: Option<u32>,
    connection: Option<Connection<'a>>,
    module: Option<(u16, u32)>,
    record: Option<Record>,
    control: Option<&'static str>,
    identification: Option<Identification<'a>>,
    tags: Option<(Option<&'a str>, Option<&'a str>)>,
}

impl<'a> Call<'a> {
    /// Reads the arguments: lengths or a status, then blocks.
    fn parse(datagram: &Datagram<'a>) -> Result<Self, ParseError> {
        let mut reader = Reader::new("profinet arguments", datagram.body);
        let mut call = Self::default();
        let first = datagram.order.u32(&mut reader)?;
        if datagram.kind != dcerpc::REQUEST {
            call.status = Some(first);
        }
        let _lengths = reader.take(16)?;
        for block in blocks(reader.rest()) {
            call.block(block);
        }
        Ok(call)
    }

    fn block(&mut self, Block { kind, content }: Block<'a>) {
        match kind {
            0x0101 => self.connection = Connection::parse(content).ok(),
            0x0104 => self.module = self.module.or_else(|| blocks::first_module(content)),
            // A multiple write holds further headers; the first that is not the envelope names the record.
            0x0008 | 0x8008 | 0x0009 | 0x8009 => {
                let record = Record::parse(content).ok();
                if self.record.is_none_or(|known| known.index == MULTIPLE) {
                    self.record = record.or(self.record);
                }
            }
            0x0020 if self.identification.is_none() => self.identification = Identification::parse(content).ok(),
            0x0021 if self.tags.is_none() => self.tags = blocks::tags(content),
            _ => self.control = self.control.or(control_name(kind)),
        }
    }

    fn object(&self, operation: u16) -> Text<64> {
        match (operation, self.record, self.control) {
            (READ | WRITE | READ_IMPLICIT, Some(record), _) => {
                text!["record ", Hex(record.index, 4), " slot ", record.slot, "/", record.subslot]
            }
            (CONTROL | RELEASE, _, Some(control)) => text![control],
            _ => text!["pnio.", operation_name(operation).unwrap_or("operation")],
        }
    }
}

/// Index of the envelope around several written records.
const MULTIPLE: u16 = 0xe040;

/// Texts made of numbers, which facts borrow.
struct Ids {
    vendor: Text<16>,
    device: Text<16>,
}

impl Ids {
    fn of(object: Uuid) -> Option<Self> {
        let (device, vendor) = object_ids(object)?;
        Some(Self { vendor: text![Hex(vendor, 4)], device: text![Hex(device, 4)] })
    }

    fn facts<'a>(&'a self, acts: &mut Acts<'a>, about: Subject) {
        const METHOD: &str = "pnio.object";
        acts.says_about(about, Attribute::VendorId, FactValue::Text(self.vendor.as_str()), 85, METHOD);
        acts.says_about(about, Attribute::DeviceTypeId, FactValue::Text(self.device.as_str()), 85, METHOD);
    }
}

impl Cm {
    fn call(&mut self, chunk: &Chunk<'_>, datagram: &Datagram<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let is_reply = datagram.kind != dcerpc::REQUEST;
        let call = Call::parse(datagram)?;
        let key = (datagram.activity, datagram.sequence);
        let mut object = call.object(datagram.operation);
        if is_reply {
            object = self.open.answer(&key).unwrap_or(object);
        } else {
            self.open.ask(key, object);
        }
        let (target, initiator) = (Ids::of(datagram.object), call.connection.and_then(|c| Ids::of(c.initiator)));
        let version = call.identification.map(|id| versions(&id));
        let im_vendor = call.identification.map(|id| Text::<16>::of(format_args!("{:#06x}", id.vendor)));
        let mut acts = Acts::new();
        // A device calls its controller back to say that it is ready: it changes nothing there.
        let is_news = datagram.operation == CONTROL && is_controller(datagram.interface);
        if is_news && !is_reply {
            acts.push(Act::Publishes { object: Object::Named(object.as_str()) });
        } else if let Some(verb) = verb(datagram.operation, call.record).filter(|_| !is_news) {
            let object = Object::Named(object.as_str());
            let refused = datagram.kind != dcerpc::RESPONSE || call.status.is_some_and(|status| status != 0);
            if is_reply { acts.reply(verb, object, refused) } else { acts.request(verb, object) }
        }
        // The object of a call is the device called; a controller is called back for "application ready".
        if let (Some(ids), Some(ip), false) = (&target, called(chunk, is_reply), is_controller(datagram.interface)) {
            ids.facts(&mut acts, Subject::Ip(ip));
        }
        if let Some(ids) = &initiator {
            ids.facts(&mut acts, Subject::Speaker);
        }
        if let (Some(connection), false) = (call.connection, is_reply) {
            acts.says_text(Attribute::Name, connection.station, 85, "pnio.connect");
        }
        // Slot 0 is the device itself, others are modules in it.
        if let (Some(id), Some((hardware, firmware)), Some(0), true) =
            (&call.identification, &version, call.record.map(|record| record.slot), is_reply)
        {
            acts.says_text(Attribute::Manufacturer, blocks::vendor_name(id.vendor), 85, "pnio.im0");
            acts.says_text(Attribute::VendorId, im_vendor.as_ref().map(Text::as_str), 90, "pnio.im0");
            acts.says_text(Attribute::ProductCode, id.order_number, 90, "pnio.im0");
            acts.says_text(Attribute::SerialNumber, id.serial_number, 90, "pnio.im0");
            acts.says(Attribute::HwRevision, FactValue::Text(hardware.as_str()), 90, "pnio.im0");
            acts.says(Attribute::FirmwareVersion, FactValue::Text(firmware.as_str()), 90, "pnio.im0");
        }
        if let (Some((function, place)), Some(0), true) = (call.tags, call.record.map(|record| record.slot), is_reply) {
            acts.says_text(Attribute::Description, function, 85, "pnio.im1");
            acts.says_text(Attribute::Location, place, 85, "pnio.im1");
        }
        let fields = Shown(|visit| {
            show(visit, datagram);
            show_call(visit, &call);
        });
        emit.message(if is_reply { "response" } else { "request" }, &mut acts, &fields);
        Ok(())
    }
}

/// The address of the device that is called.
fn called(chunk: &Chunk<'_>, is_reply: bool) -> Option<IpAddr> {
    if is_reply { chunk.flow.src } else { chunk.flow.dst }
}

fn is_controller(interface: Uuid) -> bool {
    matches!(interface, Uuid([_, _, _, 2, ..]))
}

/// Hardware and firmware revision as text: `V3.2.6`.
fn versions(id: &Identification<'_>) -> (Text<16>, Text<24>) {
    let [prefix, a, b, c] = id.software;
    let firmware = if prefix.is_ascii_uppercase() {
        text![char::from(prefix), a, ".", b, ".", c]
    } else {
        text![a, ".", b, ".", c]
    };
    (text![id.hardware], firmware)
}

fn show(visit: &mut Visit<'_>, datagram: &Datagram<'_>) {
    visit.number("pkt_type", datagram.kind);
    visit.coded(
        "opnum",
        datagram.operation,
        operation_name(datagram.operation).filter(|_| is_interface(datagram.interface)),
    );
    visit.shown("interface", datagram.interface);
    visit.shown("object", datagram.object);
    visit.shown("activity", datagram.activity);
    visit.number("sequence", datagram.sequence);
    visit.number("fragment", datagram.fragment);
}

fn show_call(visit: &mut Visit<'_>, call: &Call<'_>) {
    visit.maybe("status", call.status);
    if let Some(connection) = call.connection {
        visit.number("ar_type", connection.kind);
        visit.number("session_key", connection.session);
        visit.maybe_text("initiator_station", connection.station);
    }
    if let Some((slot, module)) = call.module {
        visit.number("slot", slot);
        visit.number("module_ident", module);
    }
    if let Some(record) = call.record {
        visit.number("slot", record.slot);
        visit.number("subslot", record.subslot);
        visit.number("index", record.index);
    }
    visit.maybe_text("control", call.control);
    if let Some(id) = &call.identification {
        visit.number("vendor_id", id.vendor);
        visit.maybe_text("order_number", id.order_number);
        visit.maybe_text("serial_number", id.serial_number);
        visit.number("hw_revision", id.hardware);
        visit.text("sw_revision", versions(id).1.as_str());
    }
}

/// Texts in an answer of the endpoint mapper: type, order number, hardware and software revision in fixed columns.
fn annotation<'a>(datagram: &Datagram<'a>) -> Option<[Option<&'a str>; 3]> {
    let mut reader = Reader::new("endpoint mapper", datagram.body);
    let _handle_and_counts = reader.take(20 + 4 + 12).ok()?;
    let _object_and_tower = reader.take(16 + 4 + 4).ok()?;
    let length = usize::try_from(datagram.order.u32(&mut reader).ok()?).ok()?;
    let mut text = Reader::new("annotation", reader.take(length.min(64)).ok()?);
    let kind = printable(text.take(25).ok()?);
    let _blank = text.u8().ok()?;
    let order = printable(text.take(20).ok()?);
    let _blank_and_hardware = text.take(7).ok()?;
    Some([kind, order, printable(text.rest())])
}

fn mapper(datagram: &Datagram<'_>, emit: &mut Emit<'_>) {
    let object = Object::Device { unit: None };
    let mut acts = Acts::new();
    if datagram.kind == dcerpc::REQUEST {
        acts.request(Verb::Discover, object);
    } else {
        acts.reply(Verb::Discover, object, datagram.kind != dcerpc::RESPONSE);
        if let Some([kind, order, firmware]) = annotation(datagram).filter(|_| datagram.operation == 2) {
            acts.says_text(Attribute::Model, kind, 80, "pnio.endpoint");
            acts.says_text(Attribute::ProductCode, order, 85, "pnio.endpoint");
            acts.says_text(
                Attribute::FirmwareVersion,
                firmware.filter(|text| text.starts_with('V')),
                80,
                "pnio.endpoint",
            );
        }
    }
    emit.message("endpoint-mapper", &mut acts, &Shown(|visit| show(visit, datagram)));
}

impl Frames for Cm {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        Frame::whole(bytes.len().max(1))
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let datagram = Datagram::parse(bytes)?;
        match datagram.kind {
            dcerpc::REQUEST | dcerpc::RESPONSE if datagram.is_part() => {
                emit.plain("fragment", &[], &Shown(|visit| show(visit, &datagram)));
            }
            dcerpc::REQUEST | dcerpc::RESPONSE | dcerpc::FAULT | dcerpc::REJECT
                if datagram.interface == ENDPOINT_MAPPER =>
            {
                mapper(&datagram, emit);
            }
            dcerpc::REQUEST | dcerpc::RESPONSE if is_interface(datagram.interface) => {
                return self.call(chunk, &datagram, emit);
            }
            dcerpc::FAULT | dcerpc::REJECT => {
                let asked = self.open.answer(&(datagram.activity, datagram.sequence));
                let mut acts = Acts::new();
                if let (Some(object), Some(verb)) = (&asked, verb(datagram.operation, None)) {
                    acts.reply(verb, Object::Named(object.as_str()), true);
                }
                emit.message("fault", &mut acts, &Shown(|visit| show(visit, &datagram)));
            }
            dcerpc::PING => emit.plain("ping", &[], &Shown(|visit| show(visit, &datagram))),
            _ => emit.plain("rpc", &[], &Shown(|visit| show(visit, &datagram))),
        }
        Ok(())
    }

    fn lost(&mut self, _direction: Direction) {
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    fn packet(kind: u8, operation: u16, sequence: u32, first: &str, blocks: &str) -> Vec<u8> {
        let mut body = hex(first);
        body.extend([0; 16]);
        body.extend(hex(blocks));
        let mut bytes = vec![4, kind, 0x20, 0, 0, 0, 0, 0];
        bytes.extend(hex(
            "dea000006c9711d1827100010003015a dea000016c9711d1827100a02442df7d 00112233445566778899aabbccddeeff",
        ));
        bytes.extend(hex("00000000 00000001"));
        bytes.extend(sequence.to_be_bytes());
        bytes.extend(operation.to_be_bytes());
        bytes.extend([0xff; 4]);
        bytes.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend([0, 0, 0, 0]);
        bytes.extend(body);
        bytes
    }

    fn record(kind: &str, index: &str, slot: &str) -> String {
        let zero = "00".repeat(24);
        format!("{kind} 003c 0100 0001 {} 00000000 {slot} 0001 0000 {index} 00000000 {zero}", "11".repeat(16))
    }

    #[test]
    fn operations() {
        let connect = format!(
            "0101 003b 0100 0001 {} 0001 020000000001 dea000006c9711d18271 0001 0101 002a 00000011 0258 8892 0005 706c632d31",
            "22".repeat(16)
        );
        for (name, operation, blocks, want) in [
            ("connect", CONNECT, connect, "request login pnio.connect"),
            ("write", WRITE, record("0008", "01f4", "0002"), "request write record 0x01f4 slot 2/1"),
            ("a name to keep", WRITE, record("0008", "aff1", "0000"), "request program record 0xaff1 slot 0/1"),
            ("read", READ, record("0009", "aff0", "0000"), "request read record 0xaff0 slot 0/1"),
            (
                "end of parameters",
                CONTROL,
                format!("0110 001c 0100 0000 {} 0001 0000 0001 0000", "11".repeat(16)),
                "request write pnio.parameters-end",
            ),
            (
                "release",
                RELEASE,
                format!("0114 001c 0100 0000 {} 0001 0000 0004 0000", "11".repeat(16)),
                "request login pnio.release",
            ),
        ] {
            let mut conversation = Conversation::new(&PROFINET_CM, Carrier::Udp, 34_964);
            let bytes = packet(0, operation, 1, "00001000", &blocks);
            assert_eq!(PROFINET_CM.probe(Carrier::Udp, ToServer, &bytes), Probe::Yes, "{name}");
            conversation.send(ToServer, &bytes);
            assert_eq!(conversation.heard.errors, [], "{name}");
            let acts = &conversation.heard.seen[0].acts;
            assert_eq!(acts[0], want, "{name}");
            assert_eq!(acts[1], "says 10.0.0.2 vendor_id=0x015a (pnio.object)", "{name}");
            assert_eq!(acts[2], "says 10.0.0.2 device_type_id=0x0003 (pnio.object)", "{name}");
            if operation == CONNECT {
                assert_eq!(
                    acts[3..],
                    [
                        "says vendor_id=0x002a (pnio.object)",
                        "says device_type_id=0x0101 (pnio.object)",
                        "says name=plc-1 (pnio.connect)"
                    ]
                );
            }
        }
    }

    #[test]
    fn refusals_and_identification() {
        let mut conversation = Conversation::new(&PROFINET_CM, Carrier::Udp, 34_964);
        conversation.send(ToServer, &packet(0, WRITE, 1, "00001000", &record("0008", "01f4", "0001")));
        conversation.send(ToClient, &packet(2, WRITE, 1, "de81b000", ""));
        assert_eq!(conversation.heard.seen[1].acts[0], "refusal write record 0x01f4 slot 1/1");
        let order: String = b"6ES7 000-0AA00-0AB0 ".iter().map(|byte| format!("{byte:02x}")).collect();
        let serial: String = b"S C-X1Y200000001".iter().map(|byte| format!("{byte:02x}")).collect();
        let im0 = format!("0020 0038 0100 002a {order} {serial} 0004 56030206 0000 0000 0000 0101 0000");
        conversation.send(ToServer, &packet(0, READ, 2, "00001000", &record("0009", "aff0", "0000")));
        conversation
            .send(ToClient, &packet(2, READ, 2, "00000000", &format!("{} {im0}", record("8009", "aff0", "0000"))));
        assert_eq!(
            conversation.heard.seen[3].acts,
            [
                "reply read record 0xaff0 slot 0/1",
                "says manufacturer=Siemens (pnio.im0)",
                "says vendor_id=0x002a (pnio.im0)",
                "says product_code=6ES7 000-0AA00-0AB0 (pnio.im0)",
                "says serial_number=S C-X1Y200000001 (pnio.im0)",
                "says hw_revision=4 (pnio.im0)",
                "says firmware_version=V3.2.6 (pnio.im0)",
            ]
        );
    }

    #[test]
    fn other_interfaces_are_not_ours() {
        let mut bytes = packet(0, 0, 1, "00001000", "");
        bytes[24] = 0x12;
        assert_eq!(PROFINET_CM.probe(Carrier::Udp, ToServer, &bytes), Probe::No);
        assert_eq!(PROFINET_CM.probe(Carrier::Udp, ToServer, &bytes[..70]), Probe::No);
    }
}
