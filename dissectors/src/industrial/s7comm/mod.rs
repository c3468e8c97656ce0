//! S7comm: Siemens S7-300/400 (and 1200/1500 in compatibility mode) over ISO on TCP.
//!
//! Reads jobs, their items, programmer and CPU services and the system status lists that carry the identity, also lists in several units; pairs
//! answers with jobs; tells rack and slot from the connection and the mode from transitions. Deliberately not read: S7comm-plus (protocol id
//! 0x72), values of bits, counters and timers, and of what programmers watch.
//!
//! There is no public specification; layouts follow the published analyses that independent decoders are built on.

mod identity;
mod variable;

use dogwatch_model::{Act, Attribute, Direction, FactValue, Object, Verb};

use super::tpkt;
use crate::acts::{Acts, Emit, Shown, Stated, Visit};
use crate::asked::Asked;
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::{Hex, Text, text};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// S7comm.
pub(crate) static S7COMM: FramedProtocol = FramedProtocol {
    name: "s7comm",
    hints: &[Hint::Tcp(102)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| tpkt::probe(head, judge),
    frames: |limits| {
        Box::new(S7 { open: Asked::new(limits), subscriptions: variable::Subscriptions::default(), list: None })
    },
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
        0x81 => text!["i", first],
        0x82 => text!["q", first],
        0x83 => text!["m", first],
        0x84 => text!["db", block, ".", first],
        0x85 => text!["di", block, ".", first],
        0x1c => text!["c", first],
        0x1d => text!["t", first],
        other => text!["area-", Hex(*other, 2), ".", first],
    };
    if last > first {
        text.put("-");
        text.put(last);
    }
    Some(text)
}

/// The items of a read or write job.
fn items(parameters: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (count, rest) = match parameters {
        [0x04 | 0x05, count, rest @ ..] => (*count, rest),
        _ => (0, &[][..]),
    };
    variable::items(count.into(), rest)
}

/// The names of the variables of a job: an item's own, or one for each part of a block read.
fn names(parameters: &[u8]) -> impl Iterator<Item = Text<32>> {
    items(parameters).flat_map(|item| {
        let parts = match item {
            [0x12, _, 0xb0, count, parts @ ..] => parts.as_chunks::<5>().0.iter().take((*count).into()),
            _ => [].iter().take(0),
        };
        item_name(item).into_iter().chain(parts.map(|[length, d0, d1, a0, a1]| {
            let (block, first) = (u16::from_be_bytes([*d0, *d1]), u16::from_be_bytes([*a0, *a1]));
            let mut name = text!["db", block, ".", first];
            if *length > 1 {
                name.put("-");
                name.put(u32::from(first).saturating_add((*length).into()).saturating_sub(1));
            }
            name
        }))
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
    /// The number of an order for cyclic data, in what comes for it.
    sequence: u8,
    /// What keeps the parts of a long answer together, and whether more of them follow.
    unit: u8,
    more: bool,
    error: Option<u16>,
}

impl Userdata {
    fn parse(parameters: &[u8]) -> Option<Self> {
        // Head and length differ between requests and what is pushed; group and function stand at one place in all.
        let [_, _, _, _, _, kind_group, function, sequence, rest @ ..] = parameters else { return None };
        let (unit, more, error) = match rest {
            [unit, more, e0, e1, ..] => (*unit, *more != 0, Some(u16::from_be_bytes([*e0, *e1]))),
            _ => (0, false, None),
        };
        Some(Self {
            kind: kind_group >> 4,
            group: kind_group & 15,
            function: *function,
            sequence: *sequence,
            unit,
            more,
            error,
        })
    }

    const fn verb(self) -> Option<Verb> {
        Some(match (self.group, self.function) {
            (0, _) => Verb::Control,
            (1, 1 | 2 | 14 | 15 | 16 | 19) => Verb::Diagnose,
            (1, 12) => Verb::Program,
            // The lamps of a controller blink, so that a person sees which one it is.
            (1, 22) => Verb::Discover,
            (1, _) => Verb::Write,
            (2, _) => Verb::Read,
            (3, _) => Verb::Discover,
            (4, 1) => Verb::Discover,
            (4, _) => Verb::Diagnose,
            (5, _) => Verb::Login,
            (7, 2 | 4) => Verb::Write,
            (7, _) => Verb::Read,
            _ => return None,
        })
    }

    const fn name(self) -> &'static str {
        match (self.group, self.function) {
            (0, 0) => "mode-transition stop",
            (0, 1..=3 | 6) => "mode-transition run",
            (0, _) => "mode-transition",
            (1, 16) => "force-variables",
            (1, 8) => "modify-variables",
            (1, 2) => "monitor-variables",
            (1, 12) => "erase",
            (1, 22) => "blink",
            (1, _) => "programmer-commands",
            (2, _) => "cyclic-data",
            (3, _) => "blocks",
            (4, 1) => "system-status-list",
            (4, _) => "cpu-functions",
            (5, 1) => "password",
            (5, 2) => "password-clear",
            (5, _) => "security",
            (7, 2 | 4) => "set-clock",
            (7, _) => "read-clock",
            _ => "userdata",
        }
    }
}

/// The mode a transition ends in.
const fn mode_name(mode: u8) -> Option<&'static str> {
    Some(match mode {
        0 => "stop",
        1..=3 | 6 => "run",
        4 => "hold",
        _ => return None,
    })
}

/// Bytes of a status list that are put together from several units.
const LONGEST_LIST: usize = 8_192;

/// S7comm units in a stream.
struct S7 {
    /// By reference: what a job did, to what, for its answer.
    open: Asked<u16, (Verb, Text<32>, variable::Variables)>,
    /// What the controller sends of itself.
    subscriptions: variable::Subscriptions,
    /// A list whose end has not come yet: the number of its parts and the bytes so far.
    list: Option<(u8, Vec<u8>)>,
}

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
            JOB => self.job(&pdu, emit),
            USERDATA => self.userdata(&pdu, emit),
            _ => self.answer(&pdu, emit),
        }
        Ok(())
    }

    fn lost(&mut self, direction: Direction) {
        self.open.clear();
        // A number may have been given to another order meanwhile.
        self.subscriptions.clear();
        // Lists come from the controller only: what is lost of the questions harms none.
        if direction == Direction::ToClient {
            self.list = None;
        }
    }
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
    // The called access point: kind of connection, then rack in the upper three bits and slot in the lower five.
    let place = match tpkt::parameter(cotp, 0xc2) {
        Some([1..=3, place]) if cotp.kind == tpkt::CONNECT_CONFIRM => {
            Text::<24>::of(format_args!("rack {} slot {}", place >> 5, place & 31))
        }
        _ => Text::new(),
    };
    let mut acts = Acts::new();
    let place = Some(place.as_str()).filter(|text| !text.is_empty()).map(FactValue::Text);
    if let Some(place) = place {
        acts.says(Attribute::StationAddress, place, 80, "s7.tsap");
    }
    emit.message(kind, &mut acts, &fields);
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

impl S7 {
    fn job(&mut self, pdu: &Pdu<'_>, emit: &mut Emit<'_>) {
        let function = pdu.parameters.first().copied();
        let mut names = [const { Text::<32>::new() }; 20];
        let mut known = 0_usize;
        for (slot, name) in names.iter_mut().zip(self::names(pdu.parameters)) {
            *slot = name;
            known = known.saturating_add(1);
        }
        let mut acts = Acts::new();
        if let Some(verb) = function.and_then(|function| verb(function, pdu.parameters)) {
            let named = match function {
                Some(0x28) => service(pdu.parameters),
                Some(0x29) => Some("plc-stop"),
                _ => block_file(pdu.parameters),
            };
            let first = names.first().copied().unwrap_or(Text::new());
            let object = named.map_or(first, |name| text![name]);
            let read = if function == Some(0x04) {
                variable::Variables::of(items(pdu.parameters))
            } else {
                Default::default()
            };
            self.open.ask(pdu.reference, (verb, object, read));
            match named {
                Some(name) => acts.request(verb, Object::Named(name)),
                None if known > 0 => {
                    let texts = names.iter().filter(|name| !name.is_empty());
                    texts.for_each(|name| acts.request(verb, Object::Named(name.as_str())));
                }
                None => acts.request(verb, Object::Device { unit: None }),
            }
        }
        let written = variable::Variables::of(items(pdu.parameters).filter(|_| function == Some(0x05)));
        let readings = Stated(|to| written.readings(pdu.data, false, to));
        if !written.is_empty() {
            acts.push(Act::States(&readings));
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

    fn answer(&mut self, pdu: &Pdu<'_>, emit: &mut Emit<'_>) {
        let function = pdu.parameters.first().copied();
        let mut acts = Acts::new();
        let asked = self.open.answer(&pdu.reference);
        let known = asked.as_ref().map(|(verb, ..)| *verb);
        if let Some(verb) = known.or_else(|| function.and_then(|function| verb(function, pdu.parameters))) {
            let refused = pdu.error.is_some_and(|(class, code)| (class, code) != (0, 0)) || all_items_refused(pdu);
            let object = match &asked {
                Some((_, name, _)) if !name.is_empty() => Object::Named(name.as_str()),
                _ => Object::Device { unit: None },
            };
            acts.reply(verb, object, refused);
        }
        let read = asked.as_ref().map(|(.., read)| read).filter(|read| !read.is_empty());
        let readings = Stated(|to| read.into_iter().for_each(|read| read.readings(pdu.data, true, to)));
        if read.is_some() {
            acts.push(Act::States(&readings));
        }
        let fields = Shown(|visit| {
            header(visit, pdu);
            visit.maybe("func", function);
        });
        emit.message(if pdu.kind == 2 { "ack" } else { "ack-data" }, &mut acts, &fields);
    }

    /// Puts the parts of a status list together; `true` when the whole of it stands in `self.list`. A part repeats return code, size and length
    /// in front.
    fn assemble(&mut self, service: Userdata, data: &[u8]) -> bool {
        match &mut self.list {
            Some((unit, whole)) if *unit == service.unit => {
                whole.extend_from_slice(data.get(4..).unwrap_or_default());
                if whole.len() <= LONGEST_LIST {
                    return true;
                }
                self.list = None;
            }
            _ => self.list = service.more.then(|| (service.unit, data.to_vec())),
        }
        false
    }

    /// The variables whose values a unit brings, where it belongs to an order for cyclic data.
    fn delivered(&mut self, pdu: &Pdu<'_>, service: Option<Userdata>) -> Option<&variable::Variables> {
        // Orders are placed cyclic, by change, and by change with another list (1, 5, 7).
        let service = service.filter(|service| service.group == 2 && matches!(service.function, 1 | 5 | 7))?;
        let is_done = service.error.is_none_or(|code| code == 0);
        match service.kind {
            4 => {
                let ordered = variable::ordered(pdu.data);
                self.open.ask(pdu.reference, (Verb::Read, Text::new(), ordered));
                None
            }
            8 if is_done => {
                let (.., ordered) = self.open.answer(&pdu.reference)?;
                self.subscriptions.take(service.sequence, ordered);
                self.subscriptions.get(service.sequence)
            }
            0 if is_done => self.subscriptions.get(service.sequence),
            _ => None,
        }
    }

    fn userdata(&mut self, pdu: &Pdu<'_>, emit: &mut Emit<'_>) {
        let service = Userdata::parse(pdu.parameters);
        let status = service.filter(|service| (service.group, service.function) == (4, 1));
        let is_whole = status.is_some_and(|service| service.kind == 8 && self.assemble(service, pdu.data));
        let kept = self.list.take_if(|_| is_whole && status.is_some_and(|service| !service.more));
        let bytes = kept.as_ref().map_or(pdu.data, |(_, whole)| whole.as_slice());
        let list = status.and_then(|service| identity::StatusList::parse(bytes, service.kind == 8));
        // A list is told when it is whole: a part has a number, and one whose beginning was lost does not begin with a head.
        let is_part = |service: Userdata| service.more || (service.kind == 8 && service.unit != 0 && kept.is_none());
        let list = list.filter(|_| !status.is_some_and(is_part));
        let texts = list.as_ref().map(identity::Texts::of);
        let mut acts = Acts::new();
        if let Some(service) = service {
            let object = Object::Named(service.name());
            match (service.verb(), service.kind) {
                (Some(verb), 4) => acts.request(verb, object),
                (Some(verb), 8) => acts.reply(verb, object, service.error.is_some_and(|code| code != 0)),
                _ => acts.push(dogwatch_model::Act::Publishes { object }),
            }
            if (service.group, service.kind) == (0, 0) {
                acts.says_text(Attribute::OperatingMode, mode_name(service.function), 90, "s7.mode-transition");
            }
        }
        if let (Some(list), Some(texts)) = (&list, &texts) {
            identity::facts(&mut acts, list, texts);
        }
        let ordered = self.delivered(pdu, service);
        let readings =
            Stated(|to| ordered.into_iter().for_each(|of| of.readings(variable::delivered(pdu.data), true, to)));
        if ordered.is_some() {
            acts.push(Act::States(&readings));
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
}

/// Whether every item of a read or write answer has a return code other than done (0xff).
fn all_items_refused(pdu: &Pdu<'_>) -> bool {
    match (pdu.parameters, pdu.data) {
        ([0x05, ..], codes) => !codes.is_empty() && codes.iter().all(|code| *code != 0xff),
        ([0x04, 1], [code, ..]) => *code != 0xff,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
