//! EtherNet/IP: encapsulation, List Identity, and the CIP messages inside.
//!
//! Deliberately not read: contents of cyclic I/O (`io.rs` recognises it), CIP Security, tag values.
//!
//! Specification: ODVA, The CIP Networks Library, volume 2 (EtherNet/IP adaptation) clauses 2-3 to 2-6, and volume 1 appendix C (paths).

mod cip;
mod io;

use std::collections::VecDeque;

use arrayvec::ArrayVec;
use dogwatch_model::{Act, Attribute, Direction, FactValue, Object, Verb};

use self::cip::{Message, Path};
pub(crate) use self::io::ENIP_IO;
use crate::acts::{Acts, Emit, Shown, Stated, Visit};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, Limits, ParseError, Probe};

/// EtherNet/IP with CIP.
pub(crate) static ENIP: FramedProtocol = FramedProtocol {
    name: "enip",
    hints: &[Hint::Tcp(44_818), Hint::Udp(44_818)],
    carriers: &[Carrier::Tcp, Carrier::Udp],
    probe,
    frames: |limits| Box::new(Enip::new(limits)),
};

const HEADER: usize = 24;
const LIST_IDENTITY: u16 = 0x63;
const SEND_RR_DATA: u16 = 0x6f;
const SEND_UNIT_DATA: u16 = 0x70;

/// The name of an encapsulation command (volume 2, table 2-3.2).
const fn command_name(command: u16) -> Option<&'static str> {
    Some(match command {
        0x00 => "nop",
        0x04 => "list-services",
        LIST_IDENTITY => "list-identity",
        0x64 => "list-interfaces",
        0x65 => "register-session",
        0x66 => "unregister-session",
        SEND_RR_DATA => "send-rr-data",
        SEND_UNIT_DATA => "send-unit-data",
        0x72 => "indicate-status",
        0x73 => "cancel",
        _ => return None,
    })
}

/// The encapsulation header.
#[derive(Debug, Clone, Copy)]
struct Header {
    command: u16,
    length: u16,
    session: u32,
    status: u32,
    context: u64,
    options: u32,
}

impl Header {
    fn parse(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            command: reader.le16()?,
            length: reader.le16()?,
            session: reader.le32()?,
            status: reader.le32()?,
            context: reader.le64()?,
            options: reader.le32()?,
        })
    }

    /// Command, status and options that exist, and lengths that fit the command.
    const fn is_plausible(&self) -> bool {
        let length = match self.command {
            0x65 => self.length == 4 || (self.length == 0 && self.status != 0),
            0x66 => self.length == 0,
            SEND_RR_DATA | SEND_UNIT_DATA => self.length >= 16 || self.status != 0,
            _ => true,
        };
        let status = matches!(self.status, 0..=3 | 0x64 | 0x65 | 0x69);
        command_name(self.command).is_some() && self.command != 0 && status && self.options == 0 && length
    }
}

fn probe(carrier: Carrier, head: &[u8]) -> Probe {
    match Header::parse(&mut Reader::new("enip header", head)) {
        Ok(header) if header.is_plausible() => {
            let whole = usize::from(header.length).saturating_add(HEADER);
            if carrier.is_stream() || whole == head.len() { Probe::Yes } else { Probe::No }
        }
        Ok(_) => Probe::No,
        Err(_) if !carrier.is_stream() => Probe::No,
        Err(_) => match head {
            [0x04 | 0x63..=0x66 | 0x6f | 0x70 | 0x72 | 0x73, 0, ..] => Probe::NeedMore,
            [0x04 | 0x63..=0x66 | 0x6f | 0x70 | 0x72 | 0x73] => Probe::NeedMore,
            _ => Probe::No,
        },
    }
}

/// What a CIP answer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    /// Sequence count of a connected message.
    Sequence(u16),
    /// Sender context of an unconnected one.
    Context(u64),
}

/// One EtherNet/IP conversation.
struct Enip {
    /// Requests waiting for their answer: service, path and what it does.
    open: VecDeque<(Key, u8, Path, Option<Verb>)>,
    limit: usize,
}

impl Enip {
    fn new(limits: &Limits) -> Self {
        Self { open: VecDeque::new(), limit: limits.open_requests.clamp(1, 64) }
    }

    fn asked(&mut self, key: Key, service: u8, path: Path, verb: Option<Verb>) {
        if self.open.len() >= self.limit {
            self.open.pop_front();
        }
        self.open.push_back((key, service, path, verb));
    }

    fn answered(&mut self, key: Key, service: u8) -> Option<(Path, Option<Verb>)> {
        let at = self.open.iter().position(|(asked, code, ..)| *asked == key && *code == service)?;
        self.open.remove(at).map(|(_, _, path, verb)| (path, verb))
    }

    fn cip(&mut self, header: &Header, key: Key, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let outer = cip::parse(bytes)?;
        // The envelope of an unconnected send is opened; the message in it is what counts.
        let inner = outer.unwrapped().unwrap_or(outer);
        let services: ArrayVec<Message<'_>, { cip::MOST_NESTED }> = inner.nested().take(cip::MOST_NESTED).collect();
        let parts = || services.iter();
        let mut names: ArrayVec<Text<64>, { cip::MOST_NESTED }> = ArrayVec::new();
        names.extend(std::iter::once(&inner).chain(parts()).take(cip::MOST_NESTED).map(|message| message.path.name()));
        let mut acts = Acts::new();
        let (mut identity, mut opener, mut single) = (None, None, None);
        let mut tag = None;
        if inner.is_reply {
            let asked = self.answered(key, inner.service);
            let verb = asked.map_or_else(|| cip::verb(inner.service, &Path::default()), |(_, verb)| verb);
            if let Some(slot) = names.first_mut().filter(|_| asked.is_some()) {
                *slot = asked.map(|(path, _)| path.name()).unwrap_or(*slot);
            }
            if let Some(verb) = verb {
                acts.reply(verb, object(&names, 0), inner.status.is_some_and(|status| status > 6 || status == 5));
            }
            let is_identity = asked.is_some_and(|(path, _)| path.class == Some(1) && path.attribute.is_none());
            if let (cip::GET_SINGLE, Some(path), Some(0)) = (inner.service, asked.map(|(path, _)| path), inner.status) {
                single = cip::single(&path, inner.data);
            }
            if inner.service == cip::READ_TAG && matches!(inner.status, Some(0 | 6)) {
                tag = asked.map(|(path, _)| path);
            }
            if inner.service == cip::GET_ALL && is_identity && inner.status == Some(0) {
                identity = Identity::parse(Reader::new("cip identity", inner.data)).ok();
            }
        } else {
            let pccc = cip::pccc(&inner);
            let verb = pccc.map(|(verb, _)| verb).or_else(|| cip::verb(inner.service, &inner.path));
            self.asked(key, inner.service, inner.path, verb);
            if let Some(verb) = verb {
                acts.request(verb, pccc.map_or_else(|| object(&names, 0), |(_, name)| Object::Named(name)));
            }
            // A packet may hold more services than acts: what changes something comes first.
            for want_reads in [false, true] {
                for (at, message) in parts().enumerate() {
                    match cip::verb(message.service, &message.path) {
                        Some(verb) if (verb == Verb::Read) == want_reads => {
                            acts.request(verb, object(&names, at.saturating_add(1)));
                        }
                        _ => {}
                    }
                }
            }
            opener = cip::opener(&inner);
            tag = Some(inner.path).filter(|_| inner.service == cip::WRITE_TAG);
        }
        let readings = Stated(|to| {
            if let Some(path) = &tag {
                cip::tag(path, inner.data, !inner.is_reply, to);
            }
        });
        if tag.is_some() {
            acts.push(Act::States(&readings));
        }
        let opener_texts = opener.map(|(vendor, serial)| ids(vendor, serial));
        if let Some((vendor, serial)) = &opener_texts {
            acts.says(Attribute::VendorId, FactValue::Text(vendor.as_str()), 70, "cip.forward-open");
            acts.says(Attribute::SerialNumber, FactValue::Text(serial.as_str()), 60, "cip.forward-open");
        }
        let texts = identity.as_ref().map(Identity::texts);
        if let (Some(identity), Some(texts)) = (&identity, &texts) {
            identity.facts(&mut acts, texts, "cip.identity");
        }
        if let Some((attribute, text)) = &single {
            acts.says(*attribute, FactValue::Text(text.as_str()), 90, "cip.attribute");
        }
        let fields = Shown(|visit| {
            show_header(visit, header);
            visit.0.open_list("services");
            // The envelope itself is listed first when there is one.
            let envelope = (outer.service != inner.service || outer.data != inner.data).then_some(&outer);
            envelope.into_iter().chain(std::iter::once(&inner)).chain(parts()).for_each(|message| message.show(visit));
            visit.0.close();
            if let Some(identity) = &identity {
                identity.show(visit);
            }
        });
        emit.message(if inner.is_reply { "cip-reply" } else { "cip-request" }, &mut acts, &fields);
        Ok(())
    }
}

fn object(names: &[Text<64>], at: usize) -> Object<'_> {
    match names.get(at).map(Text::as_str) {
        None | Some("") => Object::Device { unit: None },
        Some(name) => Object::Named(name),
    }
}

impl Frames for Enip {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        match Header::parse(&mut Reader::new("enip header", bytes)) {
            Err(_) => Frame::More,
            Ok(header) if command_name(header.command).is_some() && header.options == 0 => {
                Frame::whole(usize::from(header.length).saturating_add(HEADER))
            }
            Ok(_) => Frame::Lost(ParseError::Malformed { what: "enip header", at: 0, why: "command or options" }),
        }
    }

    fn begins(&self, carrier: Carrier, bytes: &[u8]) -> Probe {
        match Header::parse(&mut Reader::new("enip header", bytes)) {
            Err(_) => probe(carrier, bytes),
            Ok(header) if header.is_plausible() => Probe::Yes,
            Ok(_) => Probe::No,
        }
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let mut reader = Reader::new("enip", bytes);
        let header = Header::parse(&mut reader)?;
        match header.command {
            LIST_IDENTITY => list_identity(&header, reader, emit),
            SEND_RR_DATA | SEND_UNIT_DATA if !reader.is_empty() => {
                let _interface_and_timeout = reader.take(6)?;
                let count = reader.le16()?;
                let mut sequence = None;
                for _ in 0..count {
                    let (kind, length) = (reader.le16()?, reader.le16()?);
                    let mut item = reader.part("enip item", length.into())?;
                    if kind == 0xb1 {
                        sequence = Some(item.le16()?);
                    }
                    if matches!(kind, 0xb1 | 0xb2) && !item.is_empty() {
                        let key = sequence.map_or(Key::Context(header.context), Key::Sequence);
                        return self.cip(&header, key, item.rest(), emit);
                    }
                }
                plain(&header, chunk, emit);
                Ok(())
            }
            _ => {
                plain(&header, chunk, emit);
                Ok(())
            }
        }
    }

    fn lost(&mut self, _direction: Direction) {
        self.open.clear();
    }
}

/// A command without content of interest.
fn plain(header: &Header, chunk: &Chunk<'_>, emit: &mut Emit<'_>) {
    let client = crate::sides::from_client(chunk, &[44_818]);
    let object = Object::Device { unit: None };
    let act = matches!(header.command, 0x04 | 0x64).then_some(if client {
        Act::Request { verb: Verb::Discover, object }
    } else {
        Act::Reply { verb: Verb::Discover, object, refused: header.status != 0 }
    });
    let fields = Shown(|visit| show_header(visit, header));
    emit.plain(command_name(header.command).unwrap_or("unknown"), act.as_slice(), &fields);
}

fn show_header(visit: &mut Visit<'_>, header: &Header) {
    visit.coded("command", header.command, command_name(header.command));
    visit.number("session", header.session);
    visit.number("status", header.status);
}

fn list_identity(header: &Header, mut reader: Reader<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    if reader.is_empty() {
        let act = Act::Request { verb: Verb::Discover, object: Object::Device { unit: None } };
        emit.plain("list-identity", &[act], &Shown(|visit| show_header(visit, header)));
        return Ok(());
    }
    let count = reader.le16()?;
    let mut found = None;
    for _ in 0..count {
        let (kind, length) = (reader.le16()?, reader.le16()?);
        let mut item = reader.part("identity item", length.into())?;
        if kind == 0x0c {
            let _version_and_address = item.take(18)?;
            found = Some(Identity::parse(item)?);
            break;
        }
    }
    let texts = found.as_ref().map(Identity::texts);
    let mut acts = Acts::new();
    acts.reply(Verb::Discover, Object::Device { unit: None }, header.status != 0);
    if let (Some(identity), Some(texts)) = (&found, &texts) {
        identity.facts(&mut acts, texts, "enip.list-identity");
    }
    let fields = Shown(|visit| {
        show_header(visit, header);
        if let Some(identity) = &found {
            identity.show(visit);
        }
    });
    emit.message("identity", &mut acts, &fields);
    Ok(())
}

/// Texts made of numbers, which facts borrow.
struct Texts {
    revision: Text<16>,
    serial: Text<16>,
    vendor: Text<16>,
}

/// Vendor and serial number as the tools of the trade show them.
fn ids(vendor: u16, serial: u32) -> (Text<16>, Text<16>) {
    (Text::of(format_args!("{vendor:#06x}")), Text::of(format_args!("{serial:#010x}")))
}

/// The attributes of the identity object, in the order both messages give them (volume 1, table 5A-2.2).
#[derive(Debug, Clone, Copy)]
struct Identity<'a> {
    vendor: u16,
    device_type: u16,
    product_code: u16,
    revision: [u8; 2],
    status: u16,
    serial: u32,
    name: Option<&'a str>,
    state: Option<u8>,
}

impl<'a> Identity<'a> {
    fn parse(mut reader: Reader<'a>) -> Result<Self, ParseError> {
        let (vendor, device_type, product_code) = (reader.le16()?, reader.le16()?, reader.le16()?);
        let revision = reader.array()?;
        let (status, serial) = (reader.le16()?, reader.le32()?);
        let len = reader.u8()?;
        let name = printable(reader.take(len.into())?);
        Ok(Self { vendor, device_type, product_code, revision, status, serial, name, state: reader.u8().ok() })
    }

    fn texts(&self) -> Texts {
        let [major, minor] = self.revision;
        let (vendor, serial) = ids(self.vendor, self.serial);
        Texts { revision: Text::of(format_args!("{major}.{minor:03}")), serial, vendor }
    }

    /// Vendor as the name of the number, where it is a well-known one; the number alone names nobody to a person.
    fn facts<'t>(&self, acts: &mut Acts<'t>, texts: &'t Texts, method: &'static str)
    where
        'a: 't,
    {
        acts.says_text(Attribute::Manufacturer, cip::vendor_name(self.vendor), 85, method);
        acts.says(Attribute::ProductCode, FactValue::Number(self.product_code.into()), 90, method);
        acts.says(Attribute::FirmwareVersion, FactValue::Text(texts.revision.as_str()), 90, method);
        acts.says(Attribute::SerialNumber, FactValue::Text(texts.serial.as_str()), 90, method);
        acts.says(Attribute::VendorId, FactValue::Text(texts.vendor.as_str()), 90, method);
        acts.says(Attribute::DeviceTypeId, FactValue::Number(self.device_type.into()), 90, method);
        acts.says_text(Attribute::Model, self.name, 90, method);
    }

    fn show(&self, visit: &mut Visit<'_>) {
        let [major, minor] = self.revision;
        visit.coded("vendor_id", self.vendor, cip::vendor_name(self.vendor));
        visit.number("device_type", self.device_type);
        visit.number("product_code", self.product_code);
        visit.number("major_rev", major);
        visit.number("minor_rev", minor);
        visit.number("device_status", self.status);
        visit.number("serial_number", self.serial);
        visit.maybe_text("product_name", self.name);
        visit.maybe("state", self.state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, datagram, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    fn frame(command: u16, context: u8, data: &[u8]) -> Vec<u8> {
        let mut bytes = command.to_le_bytes().to_vec();
        bytes.extend(u16::try_from(data.len()).unwrap().to_le_bytes());
        bytes.extend([7, 0, 0, 0, 0, 0, 0, 0, context, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(data);
        bytes
    }

    fn unconnected(context: u8, cip: &[u8]) -> Vec<u8> {
        let mut data = hex("00000000 0000 0200 0000 0000 b200");
        data.extend(u16::try_from(cip.len()).unwrap().to_le_bytes());
        data.extend_from_slice(cip);
        frame(SEND_RR_DATA, context, &data)
    }

    #[test]
    fn values_of_tags() {
        // symbol segments (volume 1, appendix C-1.4.5), a member segment; types C4 (32 bits with sign) and CA (IEEE 754)
        for (path, answer, want) in [
            ("03 91 04 54616e6b", "c400 2a000000", "states [\"Tank = 42\"]"),
            ("04 91 04 54616e6b 28 03", "c400 2a000000 ffffffff", "states [\"Tank[3] = 42\", \"Tank[4] = -1\"]"),
            ("03 91 04 54616e6b", "ca00 0000f742", "states [\"Tank = 123.5\"]"),
            ("03 91 04 54616e6b", "a002 1234 00000000", "states []"),
            ("05 91 04 54616e6b 91 02 4869", "c400 2a000000", "states []"),
        ] {
            let mut conversation = Conversation::new(&ENIP, Carrier::Tcp, 44_818);
            conversation.send(ToServer, &unconnected(9, &hex(&format!("4c {path} 0100"))));
            conversation.send(ToClient, &unconnected(9, &hex(&format!("cc 00 00 00 {answer}"))));
            assert_eq!(conversation.heard.seen[1].values, [want], "{path}");
        }
        let mut conversation = Conversation::new(&ENIP, Carrier::Tcp, 44_818);
        conversation.send(ToServer, &unconnected(9, &hex("4d 03 91 04 54616e6b c300 0100 feff")));
        assert_eq!(conversation.heard.seen[0].values, ["states [\"Tank = -2\"]"], "written");
    }

    #[test]
    fn services_in_the_words_of_a_policy() {
        for (name, cip, want) in [
            ("identity", "01 02 20 01 24 01", &["request discover class 0x1 instance 1"][..]),
            ("read tag", "4c 04 91 05 74 61 6e 6b 31 00 01 00", &["request read tank1"]),
            ("write tag", "4d 04 91 05 74 61 6e 6b 31 00 c4 00 01 00 01 00 00 00", &["request write tank1"]),
            ("set attribute", "10 03 20 f5 24 01 30 05", &["request program class 0xf5 instance 1 attribute 5"]),
            ("reset", "05 02 20 01 24 01", &["request control class 0x1 instance 1"]),
            ("stop", "07 02 20 8e 24 01", &["request control class 0x8e instance 1"]),
            ("firmware", "4d 02 20 a1 24 01", &["request program class 0xa1 instance 1"]),
            ("forward open", "54 02 20 06 24 01 00", &[]),
            (
                "in an envelope",
                "52 02 20 06 24 01 0a 05 06 00 05 02 20 01 24 01 01 00 01 00",
                &["request control class 0x1 instance 1"],
            ),
            (
                "several at once",
                "0a 02 20 02 24 01 0200 0600 0c00 05 02 20 01 24 01 01 02 20 01 24 01",
                &["request control class 0x1 instance 1", "request discover class 0x1 instance 1"],
            ),
        ] {
            let mut conversation = Conversation::new(&ENIP, Carrier::Tcp, 44_818);
            conversation.send(ToServer, &unconnected(1, &hex(cip)));
            assert_eq!(conversation.heard.seen[0].acts, want, "{name}");
        }
    }

    #[test]
    fn identity_by_both_ways() {
        let body = hex("0100 0e00 3800 0f04 6070 8acd1400 04 504c4331 03");
        let facts = [
            "device_type_id=14",
            "product_code=56",
            "firmware_version=15.004",
            "serial_number=0x0014cd8a",
            "vendor_id=0x0001",
            "model=PLC1",
        ];
        let mut reply = vec![0x81, 0, 0, 0];
        reply.extend_from_slice(&body);
        let mut conversation = Conversation::new(&ENIP, Carrier::Tcp, 44_818);
        conversation.send(ToServer, &unconnected(9, &hex("01 02 20 01 24 01")));
        conversation.send(ToClient, &unconnected(9, &reply));
        let acts = &conversation.heard.seen[1].acts;
        assert_eq!(acts[0], "reply discover class 0x1 instance 1");
        for fact in facts {
            assert!(acts.iter().any(|act| act.contains(fact)), "{fact} in {acts:?}");
        }
        let mut item = hex("0100 0c00");
        item.extend(u16::try_from(body.len() + 18).unwrap().to_le_bytes());
        item.extend(hex("0100 0002af12 0a000009 0000000000000000"));
        item.extend_from_slice(&body);
        let heard = datagram(&ENIP, Carrier::Udp, 44_818, &frame(LIST_IDENTITY, 0, &item));
        assert_eq!(heard.seen[0].kind, "identity");
        for fact in facts {
            assert!(heard.seen[0].acts.iter().any(|act| act.contains(fact)), "{fact}");
        }
    }

    #[test]
    fn single_attributes_and_who_opens_a_connection() {
        let mut conversation = Conversation::new(&ENIP, Carrier::Tcp, 44_818);
        for (context, attribute, data) in [(1, "07", "04 504c4331"), (2, "06", "8acd1400"), (3, "04", "0f04")] {
            conversation.send(ToServer, &unconnected(context, &hex(&format!("0e 03 20 01 24 01 30 {attribute}"))));
            conversation.send(ToClient, &unconnected(context, &hex(&format!("8e 00 00 00 {data}"))));
        }
        let said: Vec<&str> =
            conversation.heard.seen.iter().filter_map(|seen| seen.acts.get(1)).map(String::as_str).collect();
        assert_eq!(
            said,
            [
                "says model=PLC1 (cip.attribute)",
                "says serial_number=0x0014cd8a (cip.attribute)",
                "says firmware_version=15.004 (cip.attribute)",
            ]
        );
        let open = "54 02 20 06 24 01 0a 0e 00000000 11223344 0700 0100 78563412 00";
        conversation.send(ToServer, &unconnected(9, &hex(open)));
        assert_eq!(
            conversation.heard.seen.last().unwrap().acts,
            ["says vendor_id=0x0001 (cip.forward-open)", "says serial_number=0x12345678 (cip.forward-open)"]
        );
    }

    #[test]
    fn what_the_first_bytes_tell() {
        let register = frame(0x65, 0, &[1, 0, 0, 0]);
        assert_eq!(ENIP.probe(Carrier::Tcp, ToServer, &register), Probe::Yes);
        assert_eq!(ENIP.probe(Carrier::Tcp, ToServer, &register[..9]), Probe::NeedMore);
        assert_eq!(ENIP.probe(Carrier::Udp, ToServer, &frame(LIST_IDENTITY, 0, &[])), Probe::Yes);
        assert_eq!(ENIP.probe(Carrier::Udp, ToServer, &register[..27]), Probe::No);
        assert_eq!(ENIP.probe(Carrier::Tcp, ToServer, b"oAuth: something, and more"), Probe::No);
    }
}
