//! DNP3 over TCP, UDP and serial lines: telecontrol of switchboards and shore stations.
//!
//! Reads link frames with their checksums, puts fragments together, and reads function, indications, object headers, the values of the common
//! objects and the status of commands. Deliberately not read: further fragments of one answer as one message, the contents of files and of secure
//! authentication.
//!
//! Specification: IEEE 1815-2012: clause 9 (link), 8 (transport), 4 and annex A (application, objects).

mod object;

use dogwatch_model::{Act, Attribute, Direction, FactValue, Object, Verb};

use crate::acts::{Acts, Emit, Shown, Stated, Visit};
use crate::asked::Asked;
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::{Text, printable, text};
use crate::{Carrier, Chunk, Hint, Limits, ParseError, Probe};
use object::{Header, headers};

/// DNP3.
pub(crate) static DNP3: FramedProtocol = FramedProtocol {
    name: "dnp3",
    hints: &[Hint::Tcp(20_000), Hint::Udp(20_000)],
    carriers: &[Carrier::Tcp, Carrier::Udp],
    probe: |carrier, head| begins(carrier, head),
    frames: |limits| Box::new(Dnp3::new(limits)),
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
        // 24 notes the moment to which the clock is then set
        2 | 24 => Verb::Write,
        3..=18 | 20 | 21 => Verb::Control,
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

/// The largest fragment an outstation may send (clause 4.2.2.3 leaves it to the device; 2,048 is what the profiles ask for).
const FRAGMENT: usize = 2_048;

/// What was asked: verb and first object.
#[derive(Debug, Clone, Copy)]
struct Question {
    verb: Verb,
    name: Text<48>,
}

/// A fragment being put together out of segments.
#[derive(Debug, Default)]
struct Fragment {
    bytes: Vec<u8>,
    ends: (u16, u16),
    /// Sequence number of the segment that must follow.
    next: u8,
    open: bool,
}

/// Link frames in a stream.
struct Dnp3 {
    fragments: [Fragment; 2],
    asked: Asked<u64, Question>,
}

impl Dnp3 {
    fn new(limits: &Limits) -> Self {
        Self { fragments: [Fragment::default(), Fragment::default()], asked: Asked::new(limits) }
    }
}

impl Frames for Dnp3 {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        frame_length(bytes)
    }

    fn begins(&self, carrier: Carrier, bytes: &[u8]) -> Probe {
        begins(carrier, bytes)
    }

    fn lost(&mut self, direction: Direction) {
        if let Some(fragment) = self.fragments.get_mut(usize::from(direction == Direction::ToClient)) {
            fragment.open = false;
        }
        self.asked.clear();
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
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
        self.segment(chunk.direction, &link, data.get(..length).unwrap_or_default(), emit)
    }
}

impl Dnp3 {
    /// Takes one segment in (clause 8.2): bit 6 marks the first of a fragment, bit 7 the last, the rest counts.
    fn segment(
        &mut self,
        direction: Direction,
        link: &Link,
        data: &[u8],
        emit: &mut Emit<'_>,
    ) -> Result<(), ParseError> {
        // User data, confirmed or not; other link functions carry none.
        let is_data = link.control & 0x40 != 0 && matches!(link.control & 15, 3 | 4);
        let Some((transport, rest)) = data.split_first().filter(|_| is_data) else {
            emit.plain("link", &[], &Shown(|visit| link.show(visit)));
            return Ok(());
        };
        let (is_first, is_last, number) = (transport & 0x40 != 0, transport & 0x80 != 0, transport & 0x3f);
        if is_first && is_last {
            self.application(link, rest, emit);
            return Ok(());
        }
        let Some(fragment) = self.fragments.get_mut(usize::from(direction == Direction::ToClient)) else {
            return Ok(());
        };
        let ends = (link.source, link.destination);
        let fits = is_first || (fragment.open && fragment.next == number && fragment.ends == ends);
        if is_first {
            fragment.bytes.clear();
        }
        fragment.open = fits && fragment.bytes.len().saturating_add(rest.len()) <= FRAGMENT;
        fragment.ends = ends;
        fragment.next = number.wrapping_add(1) & 0x3f;
        if fragment.open {
            fragment.bytes.extend_from_slice(rest);
        }
        let is_whole = fragment.open && is_last;
        if !is_whole {
            let error = match (fits, fragment.open) {
                (false, _) => Some(ParseError::Sequence { what: "dnp3 fragment" }),
                (true, false) => Some(ParseError::Limit { what: "dnp3 fragment" }),
                (true, true) => None,
            };
            emit.plain("segment", &[], &Shown(|visit| link.show(visit)));
            return error.map_or(Ok(()), Err);
        }
        fragment.open = false;
        let bytes = std::mem::take(&mut fragment.bytes);
        self.application(link, &bytes, emit);
        Ok(())
    }
}

/// The link header.
struct Link {
    control: u8,
    destination: u16,
    source: u16,
}

impl Link {
    fn show(&self, visit: &mut Visit<'_>) {
        visit.number("src", self.source);
        visit.number("dst", self.destination);
        visit.number("prifunc", self.control & 15);
    }
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

/// A whole fragment of the application layer.
#[derive(Debug, Clone, Copy)]
struct Application<'a> {
    control: u8,
    function: u8,
    indications: Option<u16>,
    objects: &'a [u8],
}

impl<'a> Application<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        match bytes {
            [control, function @ 129..=131, i0, i1, objects @ ..] => {
                let indications = Some(u16::from_be_bytes([*i0, *i1]));
                Some(Self { control: *control, function: *function, indications, objects })
            }
            [control, function, objects @ ..] => {
                Some(Self { control: *control, function: *function, indications: None, objects })
            }
            _ => None,
        }
    }

    const fn is_response(&self) -> bool {
        matches!(self.function, 129..=131)
    }

    /// The object headers; requests to read, freeze or assign only name their objects.
    fn headers(&self) -> impl Iterator<Item = Header<'a>> + Clone + use<'a> {
        headers(self.objects, matches!(self.function, 2..=6 | 25..=33 | 129..=131))
    }

    /// Whether an answer says no: function, object or parameter not known, or a command that was not carried out.
    fn is_refused(&self) -> bool {
        self.indications.is_some_and(|bits| bits & 0x0007 != 0) || self.headers().any(|header| header.is_refused())
    }
}

/// Objects told one by one.
const TOLD: usize = 8;

impl Dnp3 {
    fn application(&mut self, link: &Link, bytes: &[u8], emit: &mut Emit<'_>) {
        let Some(fragment) = Application::parse(bytes) else {
            emit.plain("segment", &[], &Shown(|visit| link.show(visit)));
            return;
        };
        let mut names = [const { Text::<48>::new() }; TOLD];
        let mut count = 0_usize;
        for (slot, header) in names.iter_mut().zip(fragment.headers()) {
            *slot = header.name();
            count = count.saturating_add(1);
        }
        let named = || names.iter().take(count);
        let first = names.first().copied().filter(|_| count > 0);
        let object = first.as_ref().map_or(Object::Device { unit: None }, |name| Object::Named(name.as_str()));
        let key = number((link.source, link.destination), fragment.control);
        let asked = if matches!(fragment.function, 129 | 131) { self.asked.answer(&key) } else { None };
        let mut acts = Acts::new();
        match (fragment.function, verb(fragment.function)) {
            (_, Some(verb)) => {
                if count == 0 {
                    acts.request(verb, object);
                }
                named().for_each(|name| acts.request(verb, Object::Named(name.as_str())));
                let key = number((link.destination, link.source), fragment.control);
                self.asked.ask(key, Question { verb, name: first.unwrap_or(Text::new()) });
            }
            (130, None) => acts.push(Act::Publishes { object }),
            (129 | 131, None) => {
                let verb = asked.as_ref().map_or(Verb::Read, |asked| asked.verb);
                let of = asked.as_ref().filter(|asked| !asked.name.is_empty());
                let object = of.map_or(object, |asked| Object::Named(asked.name.as_str()));
                acts.reply(verb, object, fragment.is_refused());
            }
            (0, None) => {}
            _ => acts.odd("dnp3.unknown-function"),
        }
        let address: Text<8> = text![link.source];
        if fragment.is_response() {
            acts.says(Attribute::StationAddress, FactValue::Text(address.as_str()), 85, "dnp3.link-source");
            if let Some((attribute, text)) = device_attribute(fragment.objects) {
                acts.says(attribute, FactValue::Text(text), 90, "dnp3.device-attribute");
            }
        }
        let outstation = if fragment.is_response() { link.source } else { link.destination };
        let readings = Stated(|to| fragment.headers().for_each(|header| header.readings(outstation, to)));
        // what is read is named only; what is written or commanded has its value
        if fragment.is_response() || matches!(fragment.function, 2..=6) {
            acts.push(Act::States(&readings));
        }
        let fields = Shown(|visit| {
            link.show(visit);
            visit.number("al_ctl", fragment.control);
            visit.coded("al_func", fragment.function, function_name(fragment.function));
            visit.maybe("al_iin", fragment.indications);
            visit.one_or_list("al_obj", named().map(Text::as_str));
            visit.0.open_list("points");
            fragment.headers().take(TOLD).for_each(|header| header.show(visit));
            visit.0.close();
        });
        emit.message(function_name(fragment.function).unwrap_or("unknown"), &mut acts, &fields);
    }
}

/// Outstation, master and the sequence number of the application layer name a request.
fn number((outstation, master): (u16, u16), control: u8) -> u64 {
    u64::from(outstation) << 24 | u64::from(master) << 8 | u64::from(control & 15)
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
    fn numbers_of_points() {
        for (name, data, want) in [
            // group 30 variation 2: flags, then 16 bits with sign (IEEE 1815 annex A.14)
            (
                "analog inputs",
                "c0 c1 81 0000 1e 02 00 03 05 01 6400 01 ffff 04 0700",
                "\"outstation:10/AI:3 = 100\", \"outstation:10/AI:4 = -1\"",
            ),
            // group 1 variation 1: packed bits
            (
                "binary inputs",
                "c0 c1 81 0000 01 01 00 00 02 05",
                "\"outstation:10/BI:0 = 1\", \"outstation:10/BI:1 = 0\", \"outstation:10/BI:2 = 1\"",
            ),
            // group 20 variation 1: flags, then 32 bits; each with an index in front
            ("a counter", "c0 c1 81 0000 14 01 17 01 07 01 e8030000", "\"outstation:10/CTR:7 = 1000\""),
        ] {
            let mut conversation = Conversation::new(&DNP3, Carrier::Tcp, 20_000);
            conversation.send(ToClient, &frame(0x44, 1, 10, &hex(data)));
            assert_eq!(conversation.heard.seen[0].values, [format!("states [{want}]")], "{name}");
        }
        let mut conversation = Conversation::new(&DNP3, Carrier::Tcp, 20_000);
        conversation.send(ToServer, &frame(0xc4, 10, 1, &hex("c0 c1 05 29 02 17 01 05 3200 00")));
        assert_eq!(conversation.heard.seen[0].values, ["states [\"outstation:10/AO:5 = 50\"]"], "a set-point");
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
            ("write", "c0 c1 02 50 01 00 07 07 00", "request write g80v1 7"),
            ("operate", "c0 c1 04 0c 01 28 0100 0300 41 01 64000000 64000000 00", "request control g12v1 3"),
            ("cut operate", "c0 c1 04 0c 01 28", "request control g12v1"),
            ("set point", "c0 c1 05 29 02 17 01 05 3200 00", "request control g41v2 5"),
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
            [
                "reply read g0v250 0",
                "says station_address=10 (dnp3.link-source)",
                "says model=RTU-7 (dnp3.device-attribute)"
            ]
        );
        assert_eq!(conversation.heard.seen[1].acts, ["refusal read device"]);
    }

    #[test]
    fn commands_their_answers_and_values() {
        let mut conversation = Conversation::new(&DNP3, Carrier::Tcp, 20_000);
        let block = "0c 01 28 0100 0300 41 01 64000000 64000000";
        conversation.send(ToServer, &frame(0xc4, 10, 1, &hex(&format!("c0 c1 04 {block} 00"))));
        conversation.send(ToClient, &frame(0x44, 1, 10, &hex(&format!("c0 c1 81 0000 {block} 04"))));
        // Status 4: the point does not support the operation. Then a restart that is accepted, with the delay in g52v2.
        conversation.send(ToServer, &frame(0xc4, 10, 1, &hex("c0 c2 0d")));
        conversation.send(ToClient, &frame(0x44, 1, 10, &hex("c0 c2 81 8000 34 02 07 01 e803")));
        conversation.send(ToClient, &frame(0x44, 1, 10, &hex("c0 f3 82 0000 1e 01 00 02 03 01 64000000 01 9cffffff")));
        let seen = &conversation.heard.seen;
        assert_eq!(seen[1].acts[0], "refusal control g12v1 3");
        assert_eq!(seen[3].acts[0], "reply control g52v2", "of the request that names no object");
        assert_eq!(seen[4].acts[0], "publishes g30v1 2-3");
        let points = &seen[4].fields["points"];
        assert_eq!((&points[1]["index"], &points[1]["value"]), (&3.into(), &(-100).into()));
    }

    #[test]
    fn fragments_over_several_frames() {
        let mut conversation = Conversation::new(&DNP3, Carrier::Tcp, 20_000);
        conversation.send(ToClient, &frame(0x44, 1, 10, &hex("45 c1 81 0000 1e 01 00 02 03 01 6400")));
        conversation.send(ToClient, &frame(0x44, 1, 10, &hex("86 0000 01 9cffffff")));
        conversation.send(ToClient, &frame(0x44, 1, 10, &hex("45 c1 81 0000 1e 01 00")));
        conversation.send(ToClient, &frame(0x44, 1, 10, &hex("88 0000 01 9cffffff")));
        let kinds: Vec<_> = conversation.heard.seen.iter().map(|seen| seen.kind.as_str()).collect();
        assert_eq!(kinds, ["segment", "response", "segment", "segment"]);
        assert_eq!(conversation.heard.seen[1].acts[0], "reply read g30v1 2-3");
        assert_eq!(conversation.heard.errors[0].kind(), "sequence");
        conversation.send(ToClient, &frame(0x44, 1, 10, &[&[0x40][..], &[0; 249]].concat()));
        for number in 1..12_u8 {
            conversation.send(ToClient, &frame(0x44, 1, 10, &[&[number][..], &[0; 249]].concat()));
        }
        assert_eq!(conversation.heard.errors[1].kind(), "limit", "a fragment is bounded");
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
