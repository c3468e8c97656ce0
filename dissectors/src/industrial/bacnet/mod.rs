//! BACnet/IP: building and HVAC automation, on ships also cabins, lighting and alarm panels.
//!
//! Reads the virtual link, network and application headers, I-Am, and the texts of ReadProperty and ReadPropertyMultiple answers about a device.
//! MS/TP frames as captures of the line or of its Ethernet bridge show them. Deliberately not read: segmented answers beyond the first segment,
//! properties other than identity and present value, BACnet/SC (that is TLS).
//!
//! Specification: ANSI/ASHRAE 135-2020: annex J (virtual link), clause 6 (network), clause 20 (application), clause 21 (codes).

mod names;
mod present;

use std::fmt::Write;

use arrayvec::ArrayVec;
use dogwatch_model::{Act, Attribute, FactValue, Object, Verb};

use self::names::{is_write_like, object_type, service_verb, unconfirmed_verb};
use crate::acts::{Acts, Emit, Shown, Stated, Visit};
use crate::datagram::DatagramProtocol;
use crate::reader::Reader;
use crate::text::{Text, printable, text};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// BACnet/IP.
pub(crate) static BACNET: DatagramProtocol = DatagramProtocol {
    name: "bacnet",
    hints: &[Hint::Udp(47_808)],
    carriers: &[Carrier::Udp, Carrier::Llc],
    probe: |head| {
        // On Ethernet the service access points are BACnet's own; on UDP: type, function and a length that is the datagram's own.
        match head {
            [0x82, 0x82, 3, 1, ..] => Probe::Yes,
            bytes if is_mstp_control(bytes) => Probe::Yes,
            bytes if mstp(bytes).is_some_and(|npdu| npdu.first() == Some(&1)) => Probe::Yes,
            [0x81, 0..=0x0c, l0, l1, ..] if usize::from(u16::from_be_bytes([*l0, *l1])) == head.len() => Probe::Yes,
            // Some senders count less than they send; then the network header must say that it is one.
            [0x81, 0x0a | 0x0b, 0, 8..=64, 1, control, ..] if control & 0x50 == 0 && head.len() < 64 => Probe::Yes,
            _ => Probe::No,
        }
    },
    read,
};

/// The object type of a device (clause 12.11).
const DEVICE: u32 = 8;

/// An object identifier: ten bits of type, 22 of instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ObjectId(u32);

impl ObjectId {
    const fn kind(self) -> u32 {
        self.0 >> 22
    }

    const fn instance(self) -> u32 {
        self.0 & 0x003f_ffff
    }

    fn name(self) -> Text<40> {
        match object_type(self.kind()) {
            Some(kind) => text![kind, ":", self.instance()],
            None => text!["object-", self.kind(), ":", self.instance()],
        }
    }
}

/// Takes the next tag: number, class and length; lengths of 5 and more follow in an extra byte or two.
fn tag(reader: &mut Reader<'_>) -> Result<(u8, bool, usize), ParseError> {
    let octet = reader.u8()?;
    let number = if octet >> 4 == 15 { reader.u8()? } else { octet >> 4 };
    let is_context = octet & 8 != 0;
    let length = match octet & 7 {
        // Opening and closing tags have no content.
        6 | 7 if is_context => 0,
        5 => match reader.u8()? {
            254 => usize::from(reader.be16()?),
            255 => return Err(ParseError::Limit { what: "bacnet tag" }),
            length => length.into(),
        },
        length => length.into(),
    };
    Ok((number, is_context, length))
}

/// Takes an unsigned number of `length` bytes.
fn unsigned(reader: &mut Reader<'_>, length: usize) -> Result<u32, ParseError> {
    let bytes = reader.take(length)?;
    Ok(bytes.iter().fold(0, |sum: u32, byte| sum << 8 | u32::from(*byte)))
}

/// Takes a context tag `wanted` with a number in it.
fn context(reader: &mut Reader<'_>, wanted: u8) -> Option<u32> {
    let mut ahead = *reader;
    let (number, true, length @ 1..=4) = tag(&mut ahead).ok()? else { return None };
    let value = (number == wanted).then(|| unsigned(&mut ahead, length).ok())??;
    *reader = ahead;
    Some(value)
}

/// Takes an application tag `wanted` with a number in it.
fn application(reader: &mut Reader<'_>, wanted: u8) -> Option<u32> {
    let (number, false, length @ 1..=4) = tag(reader).ok()? else { return None };
    let value = unsigned(reader, length).ok()?;
    (number == wanted).then_some(value)
}

/// The application header.
#[derive(Debug, Clone, Copy)]
struct Apdu<'a> {
    kind: u8,
    invoke: Option<u8>,
    service: Option<u8>,
    /// A part of a long message that is not its first: no header of the service stands in front.
    is_later_part: bool,
    content: Reader<'a>,
}

impl<'a> Apdu<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new("bacnet apdu", bytes);
        let first = reader.u8()?;
        let (kind, segmented) = (first >> 4, first & 8 != 0);
        let mut apdu = Self { kind, invoke: None, service: None, is_later_part: false, content: reader };
        match kind {
            0 | 3 => {
                if kind == 0 {
                    let _largest_answer = reader.u8()?;
                }
                apdu.invoke = Some(reader.u8()?);
                if segmented {
                    let [sequence, _window] = reader.array()?;
                    apdu.is_later_part = sequence > 0;
                }
                apdu.service = Some(reader.u8()?);
            }
            1 => apdu.service = Some(reader.u8()?),
            2 | 5 => {
                apdu.invoke = Some(reader.u8()?);
                apdu.service = Some(reader.u8()?);
            }
            4 | 6 | 7 => apdu.invoke = Some(reader.u8()?),
            _ => return Err(ParseError::Malformed { what: "bacnet apdu", at: 0, why: "no such type" }),
        }
        apdu.content = reader;
        Ok(apdu)
    }
}

/// The data of an MS/TP frame (clause 9.3): type 5 or 6, receiver, sender, length, checksum, data. It comes with its preamble from the line, or
/// behind the SNAP header of Cimetrics with three bytes of time.
fn mstp(bytes: &[u8]) -> Option<&[u8]> {
    let frame = match bytes {
        [0x55, 0xff, frame @ ..] | [0xaa, 0xaa, 3, 0, 0x10, 0x90, 0, 1, _, _, _, frame @ ..] => frame,
        _ => return None,
    };
    let [5 | 6, _receiver, _sender, l0, l1, _checksum, data @ ..] = frame else { return None };
    data.get(..usize::from(u16::from_be_bytes([*l0, *l1])))
}

/// A frame of MS/TP, behind the SNAP header of Cimetrics, that carries no data: token, polling for a master, test, postponed answer (clause 9.3.6).
/// Between two stations there are many of them before the first message.
const fn is_mstp_control(bytes: &[u8]) -> bool {
    matches!(bytes, [0xaa, 0xaa, 3, 0, 0x10, 0x90, 0, 1, _, _, _, 0..=4 | 7, ..])
}

/// A station behind a router: its network and its address there.
#[derive(Debug, Clone, Copy)]
struct Station<'a> {
    network: u16,
    address: &'a [u8],
}

/// What a network header carries: to and from which stations behind routers, and the bytes behind it.
#[derive(Debug, Clone, Copy)]
struct Carried<'a> {
    to: Option<Station<'a>>,
    from: Option<Station<'a>>,
    apdu: &'a [u8],
}

/// Skips the link and network headers; gives the link function, where there is one, and no bytes for a message of the network layer itself.
fn apdu_bytes(bytes: &[u8]) -> Result<(Option<u8>, Option<Carried<'_>>), ParseError> {
    let mut reader = Reader::new("bacnet link", bytes);
    if let Some(npdu) = bytes.strip_prefix(&[0x82, 0x82, 3]) {
        return Ok((None, network(Reader::new("bacnet network", npdu))?));
    }
    if let Some(npdu) = mstp(bytes) {
        return Ok((None, network(Reader::new("bacnet network", npdu))?));
    }
    let [kind, function] = reader.array()?;
    let length = reader.be16()?;
    // Some controllers state a length larger or smaller than what they send; what is there is read.
    if kind != 0x81 || length < 4 {
        return Err(ParseError::Malformed { what: "bacnet link", at: 0, why: "type or length" });
    }
    match function {
        // Forwarded: the original sender's address comes first.
        0x04 => {
            let _origin = reader.take(6)?;
        }
        0x09..=0x0b => {}
        _ => return Ok((Some(function), None)),
    }
    Ok((Some(function), network(reader)?))
}

/// Reads the network header (clause 6.2).
fn network(mut reader: Reader<'_>) -> Result<Option<Carried<'_>>, ParseError> {
    let [version, control] = reader.array()?;
    if version != 1 {
        return Err(ParseError::Malformed { what: "bacnet network", at: 4, why: "version must be 1" });
    }
    let mut station = |is_present: bool| -> Result<Option<Station<'_>>, ParseError> {
        if !is_present {
            return Ok(None);
        }
        let network = reader.be16()?;
        let len = reader.u8()?;
        Ok(Some(Station { network, address: reader.take(len.into())? }))
    };
    let (to, from) = (station(control & 0x20 != 0)?, station(control & 0x08 != 0)?);
    if control & 0x20 != 0 {
        let _hops = reader.u8()?;
    }
    Ok((control & 0x80 == 0).then_some(Carried { to, from, apdu: reader.rest() }))
}

fn read(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    if is_mstp_control(chunk.bytes) {
        return Ok(());
    }
    let (function, apdu) = apdu_bytes(chunk.bytes)?;
    let Some(carried) = apdu else {
        link_message(function, emit);
        return Ok(());
    };
    let apdu = Apdu::parse(carried.apdu)?;
    match (apdu.kind, apdu.service) {
        (1, Some(0)) => i_am(function, &apdu, emit),
        _ => message(function, &carried, &apdu, emit),
    }
    Ok(())
}

/// Broadcast tables and foreign devices (annex J.2), or routing.
fn link_message(function: Option<u8>, emit: &mut Emit<'_>) {
    let object = match function {
        Some(0x01..=0x03) => Object::Named("broadcast-table"),
        Some(0x05..=0x08) => Object::Named("foreign-device-table"),
        _ => Object::Device { unit: None },
    };
    let (kind, verb) = match function {
        Some(0x00) => ("link-result", None),
        Some(0x01) => ("write-broadcast-table", Some(Verb::Program)),
        Some(0x02) => ("read-broadcast-table", Some(Verb::Read)),
        Some(0x03) => ("read-broadcast-table-ack", None),
        // A line in the table of the broadcast manager, good for some minutes: every reader in another network renews it all day.
        Some(0x05) => ("register-foreign-device", Some(Verb::Write)),
        Some(0x06) => ("read-foreign-devices", Some(Verb::Read)),
        Some(0x08) => ("delete-foreign-device", Some(Verb::Write)),
        _ => ("network-message", None),
    };
    let act = verb.map(|verb| Act::Request { verb, object });
    emit.plain(kind, act.as_slice(), &Shown(|visit| visit.maybe("function", function)));
}

fn show(visit: &mut Visit<'_>, function: Option<u8>, apdu: &Apdu<'_>) {
    visit.maybe("function", function);
    visit.number("type", apdu.kind);
    visit.maybe("invoke_id", apdu.invoke);
    let service = if apdu.kind == 1 { "unconfirmed_service" } else { "confirmed_service" };
    visit.maybe(service, apdu.service);
}

/// A device introduces itself (clause 20.1.3 of the service, 16.10).
fn i_am(function: Option<u8>, apdu: &Apdu<'_>, emit: &mut Emit<'_>) {
    let mut content = apdu.content;
    let id = application(&mut content, 12).map(ObjectId);
    let _largest = application(&mut content, 2);
    let _segmentation = application(&mut content, 9);
    let vendor = application(&mut content, 2);
    let name = id.map(ObjectId::name);
    let mut acts = Acts::new();
    if let (Some(id), Some(name)) = (id, &name) {
        acts.push(Act::Publishes { object: Object::Named(name.as_str()) });
        acts.says(Attribute::StationAddress, FactValue::Number(id.instance().into()), 90, "bacnet.i-am");
        if let Some(vendor) = vendor {
            acts.says(Attribute::VendorId, FactValue::Number(vendor.into()), 90, "bacnet.i-am");
        }
    } else {
        acts.odd("bacnet.i-am");
    }
    let fields = Shown(|visit| {
        show(visit, function, apdu);
        if let Some(id) = id {
            visit.number("object_type", id.kind());
            visit.number("instance_number", id.instance());
        }
        visit.maybe("vendor_identifier", vendor);
    });
    emit.message("i-am", &mut acts, &fields);
}

/// The first object a message is about, and the property, where they stand in front (clauses 15.5 to 15.10).
fn subject<'a>(apdu: &Apdu<'a>) -> (Option<ObjectId>, Option<u32>, Reader<'a>) {
    let mut content = apdu.content;
    if apdu.is_later_part {
        return (None, None, content);
    }
    let at = match (apdu.kind, apdu.service) {
        (0 | 3, Some(12 | 14 | 15 | 16 | 8 | 9 | 26 | 28)) => 0,
        // A subscription's own number comes first.
        (0, Some(5)) => {
            let _process = context(&mut content, 0);
            1
        }
        _ => return (None, None, content),
    };
    let id = context(&mut content, at).map(ObjectId);
    let property = if matches!(apdu.service, Some(12 | 15)) { context(&mut content, 1) } else { None };
    (id, property, content)
}

/// The text of a character string in brackets of context tag `bracket`, in the sets that are still in use (clause 20.2.9): UTF-8, UCS-2, ISO 8859-1.
fn text_value(mut content: Reader<'_>, bracket: u8) -> Option<Text<256>> {
    let (found, true, 0) = tag(&mut content).ok()? else { return None };
    if found != bracket {
        return None;
    }
    let (7, false, length) = tag(&mut content).ok()? else { return None };
    match content.take(length).ok()?.split_first()? {
        (0, text) => printable(text).map(|text| text![text]),
        (4, text) => {
            letters(char::decode_utf16(text.as_chunks().0.iter().map(|unit| u16::from_be_bytes(*unit))).map(Result::ok))
        }
        (5, text) => letters(text.iter().map(|byte| Some(char::from(*byte)))),
        _ => None,
    }
}

/// A text of such letters; none when one of them is none.
fn letters(each: impl Iterator<Item = Option<char>>) -> Option<Text<256>> {
    let mut text = Text::new();
    for letter in each {
        let letter = letter.filter(|letter| !letter.is_control())?;
        let _ = text.write_char(letter);
    }
    (!text.is_empty()).then_some(text)
}

/// Properties of one object in an answer to ReadPropertyMultiple that are gone through.
const MOST_PROPERTIES: usize = 64;

/// The properties in an answer to ReadPropertyMultiple (clause 15.7.3): for each object its id, then in brackets 1 for each property its number,
/// perhaps an index, and in brackets 4 the value or in brackets 5 an error. Each is given with what begins at those brackets.
fn multiple<'a>(mut content: Reader<'a>, mut said: impl FnMut(ObjectId, u32, Reader<'a>)) -> Option<()> {
    for _ in 0..MOST_PROPERTIES {
        let id = ObjectId(context(&mut content, 0)?);
        let (1, true, 0) = tag(&mut content).ok()? else { return None };
        for _ in 0..MOST_PROPERTIES {
            let mut ahead = content;
            if let (1, true, 0) = tag(&mut ahead).ok()? {
                content = ahead;
                break;
            }
            let property = context(&mut content, 2)?;
            let _index = context(&mut content, 3);
            said(id, property, content);
            skip_bracket(&mut content)?;
        }
    }
    None
}

/// Passes over an opening tag, all inside it, and its closing tag.
fn skip_bracket(content: &mut Reader<'_>) -> Option<()> {
    let mut depth = 0_u32;
    for _ in 0..512 {
        let is_bracket = content.rest().first().map(|octet| (octet & 8 != 0, octet & 7));
        let (_, _, length) = tag(content).ok()?;
        match is_bracket? {
            (true, 6) => depth = depth.saturating_add(1),
            (true, 7) => depth = depth.saturating_sub(1),
            // A boolean has its value where others have their length.
            (false, _) if length == 1 && is_bracket == Some((false, 1)) => {
                let _value = content.take(1).ok()?;
            }
            _ => {
                let _value = content.take(length).ok()?;
            }
        }
        if depth == 0 {
            return Some(());
        }
    }
    None
}

/// The attribute a property of the device object states (clause 21, BACnetPropertyIdentifier).
const fn attribute(property: u32) -> Option<Attribute> {
    Some(match property {
        121 => Attribute::Manufacturer,
        70 => Attribute::Model,
        44 => Attribute::FirmwareVersion,
        12 => Attribute::SoftwareVersion,
        77 => Attribute::Name,
        58 => Attribute::Location,
        28 => Attribute::Description,
        372 => Attribute::SerialNumber,
        _ => return None,
    })
}

/// Texts of the device object that an answer states.
type Texts = ArrayVec<(Attribute, Text<256>), 8>;

/// What an answer to ReadProperty or ReadPropertyMultiple states of the device object.
fn identity(apdu: &Apdu<'_>, id: Option<ObjectId>, property: Option<u32>, rest: Reader<'_>, texts: &mut Texts) {
    match (apdu.kind, apdu.service, id.map(ObjectId::kind)) {
        (3, Some(12), Some(DEVICE)) => {
            let told = property.and_then(attribute).and_then(|of| text_value(rest, 3).map(|text| (of, text)));
            texts.extend(told);
        }
        (3, Some(14), _) if !apdu.is_later_part => {
            // Ends where the bytes do; what was read until then is said.
            let _ = multiple(apdu.content, |id, property, value| {
                if let (DEVICE, Some(attribute)) = (id.kind(), attribute(property))
                    && let Some(text) = text_value(value, 4)
                {
                    // A device has one text of each kind; of more than there is room for the first are kept.
                    let _ = texts.try_push((attribute, text));
                }
            });
        }
        _ => {}
    }
}

/// Whose service a private transfer is for, and its number there (clause 16.2 and 16.3); what it does only its maker knows.
fn private_transfer(apdu: &Apdu<'_>) -> Option<(u32, Option<u32>)> {
    let mut content = apdu.content;
    match (apdu.kind, apdu.service) {
        (0 | 3, Some(18)) | (1, Some(4)) if !apdu.is_later_part => {
            let vendor = context(&mut content, 0)?;
            Some((vendor, context(&mut content, 1)))
        }
        _ => None,
    }
}

fn message(function: Option<u8>, carried: &Carried<'_>, apdu: &Apdu<'_>, emit: &mut Emit<'_>) {
    let (id, property, rest) = subject(apdu);
    let name = id.map(ObjectId::name);
    let object = name.as_ref().map_or(Object::Device { unit: None }, |name| Object::Named(name.as_str()));
    let private = private_transfer(apdu);
    let mut texts = ArrayVec::new();
    identity(apdu, id, property, rest, &mut texts);
    let mut acts = Acts::new();
    let confirmed = apdu.service.and_then(service_verb);
    let kind = match apdu.kind {
        0 => {
            match confirmed {
                Some(verb) => acts.request(verb, object),
                // a change of value that wants to be acknowledged
                None if apdu.service == Some(present::CONFIRMED_COV) => acts.push(Act::Publishes { object }),
                None => {}
            }
            "request"
        }
        1 => {
            let object = if matches!(apdu.service, Some(6 | 9)) { Object::Named("clock") } else { object };
            match apdu.service.and_then(unconfirmed_verb) {
                Some(verb) if is_write_like(verb) || verb == Verb::Discover => acts.request(verb, object),
                _ => acts.push(Act::Publishes { object }),
            }
            "unconfirmed"
        }
        2 | 3 | 5 => {
            if let Some(verb) = confirmed {
                acts.reply(verb, object, apdu.kind == 5);
            }
            let method =
                if apdu.service == Some(12) { "bacnet.read-property" } else { "bacnet.read-property-multiple" };
            for (attribute, text) in &texts {
                acts.says_text(*attribute, Some(text.as_str()), 90, method);
            }
            if apdu.kind == 5 { "error" } else { "reply" }
        }
        6 => "reject",
        7 => "abort",
        _ => "segment-ack",
    };
    let readings = Stated(|to| present::readings(carried, apdu, to));
    if present::holds_values(apdu) {
        acts.push(Act::States(&readings));
    }
    let fields = Shown(|visit| {
        show(visit, function, apdu);
        if let Some(id) = id {
            visit.number("object_type", id.kind());
            visit.number("instance_number", id.instance());
        }
        visit.maybe("property_identifier", property);
        visit.maybe("vendor_identifier", private.map(|(vendor, _)| vendor));
        visit.maybe("service_number", private.and_then(|(_, service)| service));
    });
    emit.function(apdu.service.unwrap_or_default()).message(kind, &mut acts, &fields);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{datagram, hex};
    use dogwatch_model::Direction;

    fn packet(function: u8, npdu_and_apdu: &str) -> Vec<u8> {
        let rest = hex(npdu_and_apdu);
        let mut bytes = vec![0x81, function];
        bytes.extend(u16::try_from(rest.len() + 4).unwrap().to_be_bytes());
        bytes.extend(rest);
        bytes
    }

    #[test]
    fn present_values() {
        for (name, bytes, want) in [
            // clause 20.2: context tag 0 with the object id, 1 with the property, the value in brackets 3; real 42F70000 is 123.5
            ("a real", "0100 30 01 0c 0c00000003 1955 3e 44 42f70000 3f", "\"analog-input:3 = 123.5\""),
            (
                "behind a router",
                "0108 0005 01 0c 30 01 0c 0c00000003 1955 3e 44 42f70000 3f",
                "\"net:5.0x0c/analog-input:3 = 123.5\"",
            ),
            ("on", "0100 30 01 0c 0c00c00001 1955 3e 91 01 3f", "\"binary-input:1 = 1\""),
            ("negative", "0100 30 01 0c 0c00800001 1955 3e 31 fe 3f", "\"analog-value:1 = -2\""),
            ("another property", "0100 30 01 0c 0c00000003 191c 3e 44 42f70000 3f", ""),
            (
                "two of several",
                "0100 30 01 0e 0c00000003 1e 2955 4e 44 42f70000 4f 296f 4e 82 0400 4f 1f 0c00000004 1e 2955 4e 44 00000000 4f 1f",
                "\"analog-input:3 = 123.5\", \"analog-input:4 = 0\"",
            ),
            (
                "a change",
                "0100 10 02 0912 1c 02000961 2c 00000003 39 00 4e 0955 2e 44 42f70000 2f 096f 2e 82 0400 2f 4f",
                "\"analog-input:3 = 123.5\"",
            ),
            ("to be", "0104 00 05 01 0f 0c00400002 1955 3e 44 42f70000 3f 4908", "\"analog-output:2 = 123.5\""),
        ] {
            let heard = datagram(&BACNET, Carrier::Udp, 47_808, &packet(0x0a, bytes));
            assert_eq!(heard.seen[0].values, [format!("states [{want}]")], "{name}");
        }
    }

    #[test]
    fn services_in_the_words_of_a_policy() {
        for (name, bytes, want) in [
            ("who is", packet(0x0b, "0120ffff00ff 1008"), &["request discover device"][..]),
            (
                "i am",
                packet(0x0b, "0120ffff00ff 1000 c4 02000961 22 05c4 91 00 22 0104"),
                &[
                    "publishes device:2401",
                    "says station_address=2401 (bacnet.i-am)",
                    "says vendor_id=260 (bacnet.i-am)",
                ],
            ),
            ("read", packet(0x0a, "0104 00 05 01 0c 0c 00000004 19 55"), &["request read analog-input:4"]),
            (
                "write",
                packet(0x0a, "0104 00 05 01 0f 0c 00800004 19 55 3e 44 41a00000 3f"),
                &["request write analog-value:4"],
            ),
            ("restart", packet(0x0a, "0104 00 05 01 14 09 00"), &["request control device"]),
            ("silence", packet(0x0a, "0104 00 05 01 11 09 01 19 01"), &["request control device"]),
            ("program", packet(0x0a, "0104 00 05 01 07 c4 02800001"), &["request program device"]),
            ("set clock", packet(0x0b, "0100 1006 a4 7a0a0a05 b4 0a0a0a0a"), &["request write clock"]),
            ("refused", packet(0x0a, "0100 50 01 0c 91 02 91 20"), &["refusal read device"]),
            ("foreign device", packet(0x05, "003c"), &["request write foreign-device-table"]),
        ] {
            let heard = datagram(&BACNET, Carrier::Udp, 47_808, &bytes);
            assert_eq!(heard.errors, [], "{name}");
            assert_eq!(heard.seen[0].acts, want, "{name}");
        }
    }

    #[test]
    fn a_device_states_its_model() {
        let bytes = packet(0x0a, "0100 30 01 0c 0c 02000961 19 46 3e 75 05 00 56413031 3f");
        assert_eq!(
            datagram(&BACNET, Carrier::Udp, 47_808, &bytes).seen[0].acts,
            ["reply read device:2401", "says model=VA01 (bacnet.read-property)"]
        );
    }

    #[test]
    fn texts_in_other_sets() {
        // Set 4, UCS-2: "HVAC"; set 5, ISO 8859-1: "K\u{fc}che"; set 1 is of a code page nobody can know.
        for (value, want) in [
            ("75 09 04 0048 0056 0041 0043", Some("HVAC")),
            ("75 06 05 4bfc636865", Some("K\u{fc}che")),
            ("75 03 01 4142", None),
            ("75 05 04 d800 0041", None),
        ] {
            let bytes = packet(0x0a, &format!("0100 30 01 0c 0c 02000961 19 4d 3e {value} 3f"));
            let mut expected = vec!["reply read device:2401".to_owned()];
            expected.extend(want.map(|want| format!("says name={want} (bacnet.read-property)")));
            assert_eq!(datagram(&BACNET, Carrier::Udp, 47_808, &bytes).seen[0].acts, expected, "{value}");
        }
    }

    #[test]
    fn private_transfers_say_whose() {
        // Clause 16.3: vendor 24, service 3.
        let heard = datagram(&BACNET, Carrier::Udp, 47_808, &packet(0x0b, "0100 10 04 09 18 19 03"));
        assert_eq!(heard.seen[0].field("vendor_identifier"), "24");
        assert_eq!(heard.seen[0].field("service_number"), "3");
    }

    #[test]
    fn frames_of_an_ms_tp_line() {
        let frame = "06 ff 01 0008 73 0120ffff00ff 1008 1234";
        for bytes in [format!("55 ff {frame}"), format!("aaaa03 001090 0001 000080 {frame}")] {
            let bytes = hex(&bytes);
            assert_eq!(BACNET.probe(Carrier::Llc, Direction::ToServer, &bytes), Probe::Yes);
            assert_eq!(datagram(&BACNET, Carrier::Llc, 0, &bytes).seen[0].acts, ["request discover device"]);
        }
    }

    #[test]
    fn tokens_come_before_messages() {
        let token = hex("aaaa03 001090 0001 000080 00 01 72 0000 ab");
        assert_eq!(BACNET.probe(Carrier::Llc, Direction::ToServer, &token), Probe::Yes);
        let heard = datagram(&BACNET, Carrier::Llc, 0, &token);
        assert_eq!((heard.seen.len(), heard.errors.len()), (0, 0));
    }

    #[test]
    fn several_properties_at_once() {
        // Device 2401: model VA01, firmware in error, then its name.
        let bytes = packet(
            0x0a,
            "0100 30 01 0e 0c 02000961 1e 29 46 4e 75 05 00 56413031 4f 29 2c 5e 91 02 91 20 5f 29 4d 4e 75 03 00 4131 4f 1f",
        );
        assert_eq!(
            datagram(&BACNET, Carrier::Udp, 47_808, &bytes).seen[0].acts,
            [
                "reply read device:2401",
                "says model=VA01 (bacnet.read-property-multiple)",
                "says name=A1 (bacnet.read-property-multiple)",
            ]
        );
    }

    #[test]
    fn a_length_that_counts_less_than_was_sent() {
        let mut bytes = packet(0x0a, "0104 00 05 01 14 09 06");
        bytes.extend(b"\x1d\x03\0ab");
        assert_eq!(BACNET.probe(Carrier::Udp, Direction::ToServer, &bytes), Probe::Yes);
        assert_eq!(datagram(&BACNET, Carrier::Udp, 47_808, &bytes).seen[0].acts, ["request control device"]);
    }

    #[test]
    fn lengths() {
        let bytes = packet(0x0b, "0120ffff00ff 1008");
        assert_eq!(BACNET.probe(Carrier::Udp, Direction::ToServer, &bytes), Probe::Yes);
        for end in 0..6 {
            assert_eq!(BACNET.probe(Carrier::Udp, Direction::ToServer, &bytes[..end]), Probe::No, "cut at {end}");
        }
        for end in 0..8 {
            assert_eq!(datagram(&BACNET, Carrier::Udp, 47_808, &bytes[..end]).seen.len(), 0, "cut at {end}");
        }
    }
}
