//! DNP3 over TCP, UDP and serial lines: telecontrol of switchboards and shore stations.
//!
//! Reads link frames with their checksums, and the function, indications and first object header of the application layer. Deliberately not read:
//! object values, fragments behind the first of a long message, secure authentication.
//!
//! Specification: IEEE 1815-2012: clause 9 (link), 8 (transport), 4 and annex A (application, objects).

use dogwatch_model::{Act, Attribute, FactValue, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// DNP3.
pub(crate) static DNP3: FramedProtocol = FramedProtocol {
    name: "dnp3",
    hints: &[Hint::Tcp(20_000), Hint::Udp(20_000)],
    carriers: &[Carrier::Tcp, Carrier::Udp],
    probe: |carrier, head| begins(carrier, head),
    frames: |_| Box::new(Dnp3),
};

const HEADER: usize = 10;
const START: [u8; 2] = [0x05, 0x64];
/// User data between two checksums.
const BLOCK: usize = 16;

/// The checksum of clause 9.2.4.3: CRC-16 with polynomial 0x3D65 reflected, inverted.
fn crc(bytes: &[u8]) -> u16 {
    !bytes.iter().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xa6bc } else { crc >> 1 })
    })
}

/// Checks `bytes` whose last two are the checksum of those before.
fn checked(bytes: &[u8]) -> Result<&[u8], ParseError> {
    let (data, sum) = bytes.split_last_chunk().ok_or(ParseError::Incomplete { what: "dnp3 block" })?;
    if crc(data) == u16::from_le_bytes(*sum) { Ok(data) } else { Err(ParseError::Checksum { what: "dnp3 block" }) }
}

/// Length of the frame at the front, which has a right header checksum.
fn frame_length(bytes: &[u8]) -> Frame {
    let Some(header) = bytes.first_chunk::<HEADER>() else { return Frame::More };
    let [s0, s1, length, ..] = *header;
    if [s0, s1] != START || length < 5 {
        return Frame::Lost(ParseError::Malformed { what: "dnp3 link", at: 0, why: "start bytes or length" });
    }
    if let Err(error) = checked(header) {
        return Frame::Lost(error);
    }
    let data = usize::from(length).saturating_sub(5);
    let sums = data.div_ceil(BLOCK).saturating_mul(2);
    Frame::whole(HEADER.saturating_add(data).saturating_add(sums))
}

fn begins(carrier: Carrier, bytes: &[u8]) -> Probe {
    match frame_length(bytes) {
        Frame::Whole { .. } => Probe::Yes,
        Frame::Lost(_) => Probe::No,
        Frame::More => {
            let fits = bytes.iter().zip(START).all(|(byte, want)| *byte == want);
            if fits && carrier.is_stream() { Probe::NeedMore } else { Probe::No }
        }
    }
}

/// What a function does (clause 4.4); confirmations have no verb.
const fn verb(function: u8) -> Option<Verb> {
    Some(match function {
        1 => Verb::Read,
        2 => Verb::Write,
        3..=18 | 20 | 21 | 24 => Verb::Control,
        19 | 22 | 31 => Verb::Program,
        23 => Verb::Diagnose,
        25..=30 => Verb::Transfer,
        32 | 33 => Verb::Login,
        _ => return None,
    })
}

const fn function_name(function: u8) -> Option<&'static str> {
    Some(match function {
        0 => "confirm",
        1 => "read",
        2 => "write",
        3 => "select",
        4 => "operate",
        5 => "direct-operate",
        6 => "direct-operate-no-answer",
        7..=12 => "freeze",
        13 => "cold-restart",
        14 => "warm-restart",
        15 => "initialise-data",
        16 => "initialise-application",
        17 => "start-application",
        18 => "stop-application",
        19 => "save-configuration",
        20 => "enable-unsolicited",
        21 => "disable-unsolicited",
        22 => "assign-class",
        23 => "delay-measurement",
        24 => "record-current-time",
        25..=30 => "file",
        31 => "activate-configuration",
        32 | 33 => "authenticate",
        129 => "response",
        130 => "unsolicited-response",
        131 => "authenticate-response",
        _ => return None,
    })
}

/// Link frames in a stream.
struct Dnp3;

impl Frames for Dnp3 {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        frame_length(bytes)
    }

    fn begins(&self, carrier: Carrier, bytes: &[u8]) -> Probe {
        begins(carrier, bytes)
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let mut reader = Reader::new("dnp3", bytes);
        let [_, _, _, control] = reader.array()?;
        let link = Link { control, destination: reader.le16()?, source: reader.le16()? };
        let _sum = reader.le16()?;
        // At most 250 bytes of user data in one frame.
        let mut data = [0_u8; 256];
        let mut length = 0_usize;
        for block in reader.rest().chunks(BLOCK.saturating_add(2)) {
            let block = checked(block)?;
            let end = length.saturating_add(block.len());
            let Some(room) = data.get_mut(length..end) else { break };
            room.copy_from_slice(block);
            length = end;
        }
        application(&link, data.get(..length).unwrap_or_default(), emit);
        Ok(())
    }
}

/// The link header.
struct Link {
    control: u8,
    destination: u16,
    source: u16,
}

/// Group and variation of the first object header.
fn first_object(objects: &[u8]) -> Option<Text<16>> {
    let [group, variation, ..] = objects else { return None };
    Some(Text::of(format_args!("g{group}v{variation}")))
}

/// The attribute and its text in a device attribute object: group 0, one index, then type 1 (text), length and text.
fn device_attribute(objects: &[u8]) -> Option<(Attribute, &str)> {
    let [0, variation, 0, _, _, 1, length, rest @ ..] = objects else { return None };
    let attribute = match variation {
        242 => Attribute::SoftwareVersion,
        243 => Attribute::HwRevision,
        245 => Attribute::Location,
        247 => Attribute::Name,
        248 => Attribute::SerialNumber,
        250 => Attribute::Model,
        252 => Attribute::Manufacturer,
        _ => return None,
    };
    Some((attribute, printable(rest.get(..usize::from(*length))?)?))
}

fn application(link: &Link, data: &[u8], emit: &mut Emit<'_>) {
    let is_first = data.first().is_some_and(|transport| transport & 0x40 != 0);
    // User data, confirmed or not; other link functions carry none.
    let is_data = link.control & 0x40 != 0 && matches!(link.control & 15, 3 | 4);
    let header = match data {
        [_, control, function, rest @ ..] if is_first && is_data => Some((*control, *function, rest)),
        _ => None,
    };
    let is_response = header.is_some_and(|(_, function, _)| matches!(function, 129..=131));
    let (indications, objects) = match header {
        Some((_, 129..=131, [i0, i1, objects @ ..])) => (Some(u16::from_be_bytes([*i0, *i1])), objects),
        Some((_, _, objects)) => (None, objects),
        None => (None, &[][..]),
    };
    let name = first_object(objects);
    let object = name.as_ref().map_or(Object::Device { unit: None }, |name| Object::Named(name.as_str()));
    let mut acts = Acts::new();
    if let Some((_, function, _)) = header {
        match (function, verb(function)) {
            (_, Some(verb)) => acts.request(verb, object),
            (130, None) => acts.push(Act::Publishes { object }),
            // Indications of the second byte: function not known, object not known, parameter wrong.
            (129, None) => acts.reply(Verb::Read, object, indications.is_some_and(|bits| bits & 0x0007 != 0)),
            (0, None) => {}
            _ => acts.odd("dnp3.unknown-function"),
        }
        if is_response {
            acts.says(Attribute::UnitId, FactValue::Number(link.source.into()), 85, "dnp3.link-source");
            if let Some((attribute, text)) = device_attribute(objects) {
                acts.says(attribute, FactValue::Text(text), 90, "dnp3.device-attribute");
            }
        }
    }
    let fields = Shown(|visit| {
        visit.number("src", link.source);
        visit.number("dst", link.destination);
        visit.number("prifunc", link.control & 15);
        if let Some((control, function, _)) = header {
            visit.number("al_ctl", control);
            visit.coded("al_func", function, function_name(function));
        }
        visit.maybe("al_iin", indications);
        visit.maybe_text("al_obj", name.as_ref().map(Text::as_str));
    });
    let kind = match header {
        Some((_, function, _)) => function_name(function).unwrap_or("unknown"),
        None if is_data => "segment",
        None => "link",
    };
    emit.message(kind, &mut acts, &fields);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    fn frame(control: u8, destination: u16, source: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x05, 0x64, u8::try_from(data.len() + 5).unwrap(), control];
        bytes.extend(destination.to_le_bytes());
        bytes.extend(source.to_le_bytes());
        bytes.extend(crc(&bytes).to_le_bytes());
        for block in data.chunks(BLOCK) {
            bytes.extend_from_slice(block);
            bytes.extend(crc(block).to_le_bytes());
        }
        bytes
    }

    #[test]
    fn checksum() {
        // The catalogue of CRCs gives 0xEA82 for CRC-16/DNP over "123456789".
        assert_eq!(crc(b"123456789"), 0xea82);
    }

    #[test]
    fn functions_in_the_words_of_a_policy() {
        for (name, data, want) in [
            ("read", "c0 c1 01 3c 02 06", "request read g60v2"),
            ("write", "c0 c1 02 50 01 00 07 07 00", "request write g80v1"),
            ("operate", "c0 c1 04 0c 01 28", "request control g12v1"),
            ("cold restart", "c0 c1 0d", "request control device"),
            ("save", "c0 c1 13", "request program device"),
            ("open file", "c0 c1 19 46 03 5b", "request transfer g70v3"),
        ] {
            let mut conversation = Conversation::new(&DNP3, Carrier::Tcp, 20_000);
            conversation.send(ToServer, &frame(0xc4, 10, 1, &hex(data)));
            assert_eq!(conversation.heard.seen[0].acts, [want], "{name}");
        }
    }

    #[test]
    fn answers_and_device_attributes() {
        let mut conversation = Conversation::new(&DNP3, Carrier::Tcp, 20_000);
        let mut data = hex("c0 c1 81 0000 00 fa 00 00 00 01 05");
        data.extend(b"RTU-7");
        conversation.send(ToClient, &frame(0x44, 1, 10, &data));
        conversation.send(ToClient, &frame(0x44, 1, 10, &hex("c0 c1 81 0001")));
        assert_eq!(
            conversation.heard.seen[0].acts,
            ["reply read g0v250", "says unit_id=10 (dnp3.link-source)", "says model=RTU-7 (dnp3.device-attribute)"]
        );
        assert_eq!(conversation.heard.seen[1].acts, ["refusal read device"]);
    }

    #[test]
    fn a_wrong_checksum_is_counted_and_passed_over() {
        let mut bytes = frame(0xc4, 10, 1, &hex("c0 c1 01 3c 02 06"));
        *bytes.last_mut().unwrap() ^= 1;
        bytes.extend(frame(0xc4, 10, 1, &hex("c0 c1 0d")));
        let mut conversation = Conversation::new(&DNP3, Carrier::Tcp, 20_000);
        conversation.send(ToServer, &bytes);
        assert_eq!(conversation.heard.errors[0].kind(), "checksum");
        assert_eq!(conversation.heard.seen.len(), 1);
        assert_eq!(DNP3.probe(Carrier::Tcp, ToServer, &bytes[..4]), Probe::NeedMore);
        assert_eq!(DNP3.probe(Carrier::Tcp, ToServer, &hex("0564 05 c9 0a00 0100 ffff")), Probe::No);
    }
}
