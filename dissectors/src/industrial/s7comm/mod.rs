//! S7comm: Siemens S7-300/400 (and 1200/1500 in compatibility mode) over ISO on TCP.
//!
//! Reads jobs, their items, programmer and CPU services and the system status lists that carry the identity. Deliberately not read: S7comm-plus
//! (protocol id 0x72), values of variables, and lists that go on in a second unit.
//!
//! There is no public specification; layouts follow the published analyses that independent decoders are built on.

mod identity;

use dogwatch_model::{Act, Direction, Object, Verb};

use super::tpkt;
use crate::acts::{Acts, Emit, Shown, Visit};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::Text;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// S7comm.
pub(crate) static S7COMM: FramedProtocol = FramedProtocol {
    name: "s7comm",
    hints: &[Hint::Tcp(102)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| tpkt::probe(head, judge),
    frames: |_| Box::new(S7),
};

const PROTOCOL_ID: u8 = 0x32;
const JOB: u8 = 1;
const USERDATA: u8 = 7;

fn judge(cotp: &tpkt::Cotp<'_>) -> Probe {
    match (cotp.kind, cotp.payload) {
        (tpkt::CONNECT_REQUEST | tpkt::CONNECT_CONFIRM, []) => Probe::NeedMore,
        (tpkt::DATA, []) => Probe::NeedMore,
        (tpkt::DATA, [PROTOCOL_ID, 1..=3 | USERDATA, ..]) => Probe::Yes,
        _ => Probe::No,
    }
}

/// The header and its two parts.
#[derive(Debug, Clone, Copy)]
struct Pdu<'a> {
    kind: u8,
    reference: u16,
    error: Option<(u8, u8)>,
    parameters: &'a [u8],
    data: &'a [u8],
}

impl<'a> Pdu<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new("s7comm", bytes);
        let [id, kind] = reader.array()?;
        if id != PROTOCOL_ID {
            return Err(ParseError::Malformed { what: "s7comm", at: 0, why: "protocol id must be 0x32" });
        }
        let _reserved = reader.be16()?;
        let (reference, parameters, data) = (reader.be16()?, reader.be16()?, reader.be16()?);
        let error = if matches!(kind, 2 | 3) { Some((reader.u8()?, reader.u8()?)) } else { None };
        let parameters = reader.take(parameters.into())?;
        Ok(Self { kind, reference, error, parameters, data: reader.take(data.into())? })
    }
}

/// What a function of a job does.
fn verb(function: u8, parameters: &[u8]) -> Option<Verb> {
    Some(match function {
        0x04 => Verb::Read,
        0x05 => Verb::Write,
        0x1a..=0x1c => Verb::Program,
        0x1d..=0x1f => Verb::Transfer,
        0x28 => match service(parameters) {
            Some("_INSE" | "_DELE" | "_MODU" | "_GARB" | "_INS2" | "_DEL2") => Verb::Program,
            _ => Verb::Control,
        },
        0x29 => Verb::Control,
        _ => return None,
    })
}

/// The name of the program invocation service: the last counted text of the parameters.
fn service(parameters: &[u8]) -> Option<&str> {
    let mut reader = Reader::new("s7comm pi service", parameters);
    let _function_and_unknown = reader.take(8).ok()?;
    let block = reader.be16().ok()?;
    let _block = reader.take(block.into()).ok()?;
    let len = reader.u8().ok()?;
    crate::text::printable(reader.take(len.into()).ok()?)
}

/// One variable of a read or write job: area, block, first byte and how many.
fn item_name(item: &[u8]) -> Option<Text<32>> {
    let [0x12, _, 0x10, size, c0, c1, d0, d1, area, a0, a1, a2, ..] = item else { return None };
    let count = u32::from(u16::from_be_bytes([*c0, *c1]));
    let block = u16::from_be_bytes([*d0, *d1]);
    let address = u32::from_be_bytes([0, *a0, *a1, *a2]);
    let bytes = match size {
        1 => count.div_ceil(8).max(1),
        4 | 5 => count.saturating_mul(2),
        6..=8 => count.saturating_mul(4),
        _ => count,
    };
    let first = if matches!(area, 0x1c | 0x1d) { address } else { address >> 3 };
    let last = first.saturating_add(bytes.max(1)).saturating_sub(1);
    let mut text = match area {
        0x81 => Text::of(format_args!("i{first}")),
        0x82 => Text::of(format_args!("q{first}")),
        0x83 => Text::of(format_args!("m{first}")),
        0x84 => Text::of(format_args!("db{block}.{first}")),
        0x85 => Text::of(format_args!("di{block}.{first}")),
        0x1c => Text::of(format_args!("c{first}")),
        0x1d => Text::of(format_args!("t{first}")),
        other => Text::of(format_args!("area-{other:#04x}.{first}")),
    };
    if last > first {
        let _ = std::fmt::Write::write_fmt(&mut text, format_args!("-{last}"));
    }
    Some(text)
}

/// The items of a read or write job.
fn items(parameters: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (count, mut rest) = match parameters {
        [0x04 | 0x05, count, rest @ ..] => (*count, rest),
        _ => (0, &[][..]),
    };
    (0..count).map_while(move |_| {
        let len = usize::from(*rest.get(1)?);
        let (item, after) = rest.split_at_checked(len.saturating_add(2))?;
        rest = after;
        Some(item)
    })
}

/// The file named by a block transfer job: `_` kind, type, number and target, as `_0800001P`.
fn block_file(parameters: &[u8]) -> Option<&str> {
    let [0x1a..=0x1f, ..] = parameters else { return None };
    let at = parameters.iter().position(|byte| *byte == b'_')?;
    let len = usize::from(*parameters.get(at.checked_sub(1)?)?);
    crate::text::printable(parameters.get(at..at.checked_add(len)?)?)
}

/// Group and sub-function of a userdata unit: method 0x11 asks, 0x12 answers; the half byte in front of the group tells which again.
#[derive(Debug, Clone, Copy)]
struct Userdata {
    kind: u8,
    group: u8,
    function: u8,
    error: Option<u16>,
}

impl Userdata {
    fn parse(parameters: &[u8]) -> Option<Self> {
        let [0, 1, 0x12, _, _, kind_group, function, _sequence, rest @ ..] = parameters else { return None };
        let error = match rest {
            [_, _, e0, e1, ..] => Some(u16::from_be_bytes([*e0, *e1])),
            _ => None,
        };
        Some(Self { kind: kind_group >> 4, group: kind_group & 15, function: *function, error })
    }

    const fn verb(self) -> Option<Verb> {
        Some(match (self.group, self.function) {
            (1, 1 | 2 | 14 | 16 | 19) => Verb::Diagnose,
            (1, 12) => Verb::Program,
            (1, _) => Verb::Write,
            (2, _) => Verb::Read,
            (3, _) => Verb::Discover,
            (4, 1) => Verb::Discover,
            (4, _) => Verb::Diagnose,
            (5, _) => Verb::Login,
            (7, 2 | 4) => Verb::Control,
            (7, _) => Verb::Read,
            _ => return None,
        })
    }

    const fn name(self) -> &'static str {
        match (self.group, self.function) {
            (0, _) => "mode-transition",
            (1, 17) => "force-variables",
            (1, _) => "programmer-commands",
            (2, _) => "cyclic-data",
            (3, _) => "blocks",
            (4, 1) => "system-status-list",
            (4, _) => "cpu-functions",
            (5, _) => "password",
            (7, 2 | 4) => "set-clock",
            (7, _) => "read-clock",
            _ => "userdata",
        }
    }
}

/// S7comm units in a stream.
struct S7;

impl Frames for S7 {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        tpkt::frame(bytes)
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        match bytes {
            [3, 0, _, _, 2, 0xf0, 0x80, PROTOCOL_ID, 1..=3 | USERDATA, ..] => Probe::Yes,
            [3, 0, _, _, 2, 0xf0, 0x80, PROTOCOL_ID, ..] | [3, 0, _, _, 2, 0xf0, 0x80, _, ..] => Probe::No,
            [3, 0, ..] | [3] if bytes.len() < 9 => Probe::NeedMore,
            _ => Probe::No,
        }
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let cotp = tpkt::parse(bytes)?;
        if cotp.kind != tpkt::DATA || cotp.payload.is_empty() {
            connection(&cotp, emit);
            return Ok(());
        }
        let pdu = Pdu::parse(cotp.payload)?;
        match pdu.kind {
            JOB => job(&pdu, emit),
            USERDATA => userdata(&pdu, emit),
            _ => answer(&pdu, emit),
        }
        Ok(())
    }

    fn lost(&mut self, _direction: Direction) {}
}

fn connection(cotp: &tpkt::Cotp<'_>, emit: &mut Emit<'_>) {
    let kind = match cotp.kind {
        tpkt::CONNECT_REQUEST => "connect-request",
        tpkt::CONNECT_CONFIRM => "connect-confirm",
        _ => "transport",
    };
    let fields = Shown(|visit| {
        visit.bytes("src_tsap", tpkt::parameter(cotp, 0xc1).unwrap_or_default());
        visit.bytes("dst_tsap", tpkt::parameter(cotp, 0xc2).unwrap_or_default());
    });
    emit.plain(kind, &[], &fields);
}

/// The fields every unit has.
fn header(visit: &mut Visit<'_>, pdu: &Pdu<'_>) {
    visit.number("rosctr", pdu.kind);
    visit.number("pduref", pdu.reference);
    if let Some((class, code)) = pdu.error {
        visit.number("errcls", class);
        visit.number("errcod", code);
    }
}

fn job(pdu: &Pdu<'_>, emit: &mut Emit<'_>) {
    let function = pdu.parameters.first().copied();
    let mut names = [const { Text::<32>::new() }; 20];
    let mut known = 0_usize;
    for (slot, item) in names.iter_mut().zip(items(pdu.parameters)) {
        if let Some(name) = item_name(item) {
            *slot = name;
            known = known.saturating_add(1);
        }
    }
    let mut acts = Acts::new();
    if let Some(verb) = function.and_then(|function| verb(function, pdu.parameters)) {
        let named = service(pdu.parameters).filter(|_| function == Some(0x28)).or_else(|| block_file(pdu.parameters));
        match named {
            Some(name) => acts.request(verb, Object::Named(name)),
            None if known > 0 => {
                let texts = names.iter().filter(|name| !name.is_empty());
                texts.for_each(|name| acts.request(verb, Object::Named(name.as_str())));
            }
            None => acts.request(verb, Object::Device { unit: None }),
        }
    }
    let fields = Shown(|visit| {
        header(visit, pdu);
        visit.maybe("func", function);
        visit.maybe_text("service", service(pdu.parameters).filter(|_| function == Some(0x28)));
        visit.maybe_text("filename", block_file(pdu.parameters));
        if known > 0 {
            visit.0.open_list("items");
            names.iter().filter(|name| !name.is_empty()).for_each(|name| visit.text("", name.as_str()));
            visit.0.close();
        }
    });
    emit.message("job", &mut acts, &fields);
}

fn answer(pdu: &Pdu<'_>, emit: &mut Emit<'_>) {
    let function = pdu.parameters.first().copied();
    let mut acts = Acts::new();
    if let Some(verb) = function.and_then(|function| verb(function, pdu.parameters)) {
        let refused = pdu.error.is_some_and(|(class, code)| (class, code) != (0, 0));
        acts.reply(verb, Object::Device { unit: None }, refused);
    }
    let fields = Shown(|visit| {
        header(visit, pdu);
        visit.maybe("func", function);
    });
    emit.message(if pdu.kind == 2 { "ack" } else { "ack-data" }, &mut acts, &fields);
}

fn userdata(pdu: &Pdu<'_>, emit: &mut Emit<'_>) {
    let service = Userdata::parse(pdu.parameters);
    let list = service
        .filter(|service| (service.group, service.function) == (4, 1))
        .and_then(|service| identity::StatusList::parse(pdu.data, service.kind == 8));
    let firmware = list.as_ref().and_then(identity::StatusList::firmware);
    let hardware = list.as_ref().and_then(identity::StatusList::hardware);
    let mut acts = Acts::new();
    if let Some(service) = service {
        let object = Object::Named(service.name());
        match (service.verb(), service.kind) {
            (Some(verb), 4) => acts.request(verb, object),
            (Some(verb), 8) => acts.reply(verb, object, service.error.is_some_and(|code| code != 0)),
            _ => acts.push(Act::Publishes { object }),
        }
    }
    if let Some(list) = &list {
        identity::facts(&mut acts, list, firmware.as_ref(), hardware.as_ref());
    }
    let fields = Shown(|visit| {
        header(visit, pdu);
        if let Some(service) = service {
            visit.number("funcgroup", service.group);
            visit.number("subfunc", service.function);
            visit.maybe("param_errcod", service.error);
        }
        if let Some(list) = &list {
            visit.number("szl_id", list.id);
            visit.number("szl_index", list.index);
        }
    });
    emit.message("userdata", &mut acts, &fields);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::ToServer;

    /// A data unit around an S7 header, parameters and data.
    pub(super) fn unit(kind: u8, parameters: &[u8], data: &[u8]) -> Vec<u8> {
        let len = |part: &[u8]| u16::try_from(part.len()).unwrap().to_be_bytes();
        let mut pdu = vec![PROTOCOL_ID, kind, 0, 0, 0, 5];
        pdu.extend(len(parameters));
        pdu.extend(len(data));
        if matches!(kind, 2 | 3) {
            pdu.extend([0, 0]);
        }
        pdu.extend_from_slice(parameters);
        pdu.extend_from_slice(data);
        let mut bytes = vec![3, 0];
        bytes.extend(u16::try_from(pdu.len() + 7).unwrap().to_be_bytes());
        bytes.extend([2, 0xf0, 0x80]);
        bytes.extend(pdu);
        bytes
    }

    #[test]
    fn jobs_in_the_words_of_a_policy() {
        for (name, parameters, want) in [
            ("read db10 byte 0 to 63", hex("04 01 12 0a 10 02 0040 000a 84 000000"), &["request read db10.0-63"][..]),
            (
                "write two items",
                hex("05 02 12 0a 10 04 0001 0001 84 000020 12 0a 10 01 0001 0000 83 000029"),
                &["request write db1.4-5", "request write m5"],
            ),
            ("stop", hex("29 0000000000 09 50 5f50524f4752414d"), &["request control device"]),
            ("start", hex("28 000000000000 fd 0000 09 505f50524f4752414d"), &["request control P_PROGRAM"]),
            ("insert block", hex("28 000000000000 fd 0002 4142 05 5f494e5345"), &["request program _INSE"]),
            ("download", hex("1a 00 0000 00000000 09 5f30383030303031 50"), &["request program _0800001P"]),
            ("set up", hex("f0 00 0001 0001 01e0"), &[]),
        ] {
            let mut conversation = Conversation::new(&S7COMM, Carrier::Tcp, 102);
            conversation.send(ToServer, &unit(1, &parameters, &[]));
            assert_eq!(conversation.heard.seen[0].acts, want, "{name}");
        }
    }

    #[test]
    fn programmer_services() {
        for (name, parameters, want) in [
            ("password", hex("000112 04 11 45 01 00"), "request login password"),
            ("set clock", hex("000112 04 11 47 02 00"), "request control set-clock"),
            ("list blocks", hex("000112 04 11 43 01 00"), "request discover blocks"),
            ("answer", hex("000112 08 12 84 01 01 00 00 0000"), "reply discover system-status-list"),
            ("refusal", hex("000112 08 12 85 01 01 00 00 d602"), "refusal login password"),
            ("mode changes", hex("000112 04 11 00 02 00"), "publishes mode-transition"),
        ] {
            let mut conversation = Conversation::new(&S7COMM, Carrier::Tcp, 102);
            conversation.send(ToServer, &unit(7, &parameters, &[]));
            assert_eq!(conversation.heard.seen[0].acts, [want], "{name}");
        }
    }

    #[test]
    fn what_the_first_bytes_tell() {
        let request = hex("03 00 00 16 11 e0 0000 0001 00 c1 02 0100 c2 02 0102 c0 01 0a");
        let read = unit(1, &hex("04 01 12 0a 10 02 0040 000a 84 000000"), &[]);
        for (name, bytes, want) in [
            ("connection alone", request.clone(), Probe::NeedMore),
            ("connection and job", [request.clone(), read.clone()].concat(), Probe::Yes),
            ("job", read.clone(), Probe::Yes),
            ("half a header", read[..3].to_vec(), Probe::NeedMore),
            ("mms", hex("03 00 00 0b 02 f0 80 01 00 01 00"), Probe::No),
            ("s7comm-plus", hex("03 00 00 0b 02 f0 80 72 01 00 01"), Probe::No),
            ("modbus", hex("00 01 00 00 00 06 01 03"), Probe::No),
        ] {
            assert_eq!(S7COMM.probe(Carrier::Tcp, ToServer, &bytes), want, "{name}");
        }
    }
}
