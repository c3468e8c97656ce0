//! Modbus over TCP (and over UDP with the same header), with Schneider's UMAS in function 90.
//!
//! Reads every public function, exceptions, device identification and server id, pairs replies with their requests, and finds its way back
//! after lost or damaged bytes. Values are handed out as fields only: what a register means is the policy's business.
//! What a unit says of itself is told of the unit, not of the gateway in front of it. Deliberately not read: ASCII lines, Modbus Security (that
//! is TLS).
//!
//! Specification: MODBUS Messaging on TCP/IP Implementation Guide V1.0b (header, clause 3.1.3) and MODBUS Application Protocol V1.1b3.

mod function;
mod identity;
mod open;
mod pdu;
mod rtu;
mod umas;

use dogwatch_model::{
    Act, Attribute, Cells, Direction, Fact, FactValue, FieldValue, FieldVisitor, Fields, Initiator, NoFields, Object,
    Subject, Table, Verb, oddity,
};

use self::function::{EXCEPTION, MEI_DEVICE_ID};
use self::open::{Match, Open, OpenRequests};
use self::pdu::{Pdu, Role, Values};
pub(crate) use self::rtu::MODBUS_RTU;
use crate::acts::{Acts, Emit, Visit};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::text::Text;
use crate::{Carrier, Chunk, Hint, Limits, ParseError, Probe};

/// Port of Modbus servers (IANA).
const PORT: u16 = 502;
/// Bytes from the start of the header to the function code, that one included.
const HEADER: usize = 8;
/// Largest length field: unit id and a PDU of 253 bytes.
const LONGEST: usize = 254;
/// Largest length field with UMAS, whose newer controllers agree on PDUs of up to 1,024 bytes.
const LONGEST_UMAS: usize = 1_026;

/// Modbus over TCP.
pub(crate) static MODBUS: FramedProtocol = FramedProtocol {
    name: "modbus",
    hints: &[Hint::Tcp(PORT), Hint::Udp(PORT)],
    carriers: &[Carrier::Tcp, Carrier::Udp],
    probe,
    frames: |limits| Box::new(Modbus::new(limits)),
};

/// One application data unit: header, function code, and what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Adu<'a> {
    /// Absent in RTU frames.
    transaction: Option<u16>,
    unit: u8,
    function: u8,
    body: &'a [u8],
}

/// Length of the unit that starts with `header`, or why none does.
fn adu_length(header: [u8; HEADER]) -> Result<usize, ParseError> {
    let [_, _, p0, p1, l0, l1, _, function] = header;
    if [p0, p1] != [0, 0] {
        return Err(ParseError::Malformed { what: "protocol id", at: 2, why: "must be 0" });
    }
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    let longest = if function == function::UMAS { LONGEST_UMAS } else { LONGEST };
    if !(2..=longest).contains(&length) {
        return Err(ParseError::Malformed { what: "length", at: 4, why: "outside 2..=254" });
    }
    Ok(length.saturating_add(6))
}

/// Takes a whole unit apart.
fn adu(bytes: &[u8]) -> Result<Adu<'_>, ParseError> {
    let Some(([t0, t1, _, _, _, _, unit, function], body)) = bytes.split_first_chunk::<HEADER>() else {
        return Err(ParseError::Incomplete { what: "mbap header" });
    };
    Ok(Adu { transaction: Some(u16::from_be_bytes([*t0, *t1])), unit: *unit, function: *function, body })
}

/// Whether body and function code fit each other as `role`.
fn fits(adu: &Adu<'_>, role: Role) -> bool {
    let plain = adu.function & !EXCEPTION;
    let known = function::name(plain).is_some();
    known
        && match role {
            Role::Request => adu.function == plain && pdu::request(plain, adu.body).odd.is_none(),
            Role::Reply if adu.function == plain => pdu::reply(plain, adu.body).odd.is_none(),
            Role::Reply => pdu::exception(adu.body).odd.is_none(),
        }
}

fn probe(carrier: Carrier, head: &[u8]) -> Probe {
    let Some(header) = head.first_chunk::<HEADER>() else {
        let zero_so_far = head.get(2..).unwrap_or_default().iter().take(2).all(|byte| *byte == 0);
        return if carrier.is_stream() && zero_so_far { Probe::NeedMore } else { Probe::No };
    };
    let Ok(length) = adu_length(*header) else { return Probe::No };
    let Some((first, rest)) = head.split_at_checked(length) else {
        return if carrier.is_stream() { Probe::NeedMore } else { Probe::No };
    };
    let Ok(first) = adu(first) else { return Probe::No };
    let fitting = fits(&first, Role::Request) || fits(&first, Role::Reply);
    match rest.first_chunk::<HEADER>() {
        // A unit that fills the segment to the byte is Modbus even when its function is unknown: scanners ask for all of them.
        // LDAP's messages do so as well: a BER sequence whose length of four bytes reads as protocol id and length.
        _ if rest.is_empty() && carrier.is_stream() && (fitting || !head.starts_with(&[0x30, 0x84])) => Probe::Yes,
        _ if rest.is_empty() && fitting => Probe::Yes,
        Some(next) if fitting && adu_length(*next).is_ok() => Probe::Yes,
        None if fitting && carrier.is_stream() && rest.get(2..4).is_none_or(|id| id == [0, 0]) => Probe::Yes,
        _ => Probe::No,
    }
}

/// One Modbus conversation.
struct Modbus {
    open: OpenRequests,
    /// Which direction the server speaks in, once bytes have told.
    server: Option<Direction>,
    /// Both directions were seen whole so far, so a reply without request is worth telling.
    paired: bool,
    /// Unit ids that have answered.
    units: [u64; 4],
}

impl Modbus {
    fn new(limits: &Limits) -> Self {
        Self { open: OpenRequests::new(limits.open_requests), server: None, paired: false, units: [0; 4] }
    }

    /// Who speaks: the port tells, else who opened the connection, else what the bytes can only be.
    fn role(&mut self, chunk: &Chunk<'_>, adu: &Adu<'_>) -> Role {
        let flow = chunk.flow;
        match (flow.src_port == PORT, flow.dst_port == PORT, flow.initiator) {
            (true, false, _) => return Role::Reply,
            (false, true, _) => return Role::Request,
            (_, _, Initiator::Sender) => return Role::Request,
            (_, _, Initiator::Receiver) => return Role::Reply,
            _ => {}
        }
        if self.server.is_none() {
            match (fits(adu, Role::Request), fits(adu, Role::Reply)) {
                (true, false) => self.server = Some(chunk.direction.reversed()),
                (false, true) => self.server = Some(chunk.direction),
                _ => {}
            }
        }
        match self.server {
            Some(server) if server == chunk.direction => Role::Reply,
            Some(_) => Role::Request,
            None if chunk.direction == Direction::ToClient => Role::Reply,
            None => Role::Request,
        }
    }

    fn request(&mut self, adu: &Adu<'_>, emit: &mut Emit<'_>) {
        let pdu = pdu::request(adu.function, adu.body);
        let (verb, name) = match (adu.function, pdu.sub) {
            (function::UMAS, Some(code)) => {
                let (verb, name) = umas::operation(code);
                (Some(verb), Some(name))
            }
            (code, sub) => (function::verb(code, sub), None),
        };
        let block = function::table(adu.function).zip(pdu.address).map(|(table, first)| {
            // A queue is read from one pointer register.
            (table, first, pdu.quantity.unwrap_or(1))
        });
        let file = file_name(adu.function, pdu.values);
        let object = match (block, name) {
            (Some((table, first, count)), _) => {
                let written = if adu.function == 23 { None } else { pdu.values.range() };
                Object::Registers { unit: adu.unit, table, first, count, written }
            }
            (None, Some(name)) => Object::Named(name),
            (None, None) if !file.is_empty() => Object::Named(file.as_str()),
            (None, None) => Object::Device { unit: Some(adu.unit) },
        };
        let mut acts = Few::new();
        if let Some(verb) = verb {
            acts.push(Act::Request { verb, object });
        }
        if adu.function == 23 {
            let object = match pdu.write_address.zip(pdu.write_quantity) {
                Some((first, count)) => Object::Registers {
                    unit: adu.unit,
                    table: Table::Holding,
                    first,
                    count,
                    written: pdu.values.range(),
                },
                None => Object::Device { unit: Some(adu.unit) },
            };
            acts.push(Act::Request { verb: Verb::Write, object });
        }
        let place = match adu.function {
            23 => pdu.write_address.map(|first| (Table::Holding, first)),
            _ => block.map(|(table, first, _)| (table, first)),
        };
        push_values(&mut acts, adu, place, &pdu);
        if let Some(name) = odd_function(adu.function, verb) {
            acts.push(Act::Odd(name));
        }
        if let Some(name) = pdu.odd {
            acts.push(Act::Odd(name));
        }
        let Adu { transaction, unit, function, .. } = *adu;
        let transaction = transaction.unwrap_or_default();
        self.open.asked(Open { transaction, unit, function, verb, block, name });
        emit.function(function).plain(
            "request",
            acts.as_slice(),
            &AduFields { adu, pdu: &pdu, asked: None, role: Role::Request },
        );
    }

    fn reply(&mut self, adu: &Adu<'_>, emit: &mut Emit<'_>) {
        let function = adu.function & !EXCEPTION;
        let is_exception = adu.function != function;
        let mut pdu = if is_exception { pdu::exception(adu.body) } else { pdu::reply(function, adu.body) };
        let matched = self.open.answered(adu.transaction.unwrap_or_default(), adu.unit, function);
        let mut acts = Few::new();
        let asked = match matched {
            Match::Found(open) => {
                self.paired = true;
                Some(open)
            }
            Match::Other | Match::None => None,
        };
        if let (Some((_, _, count)), Values::Bits { bytes, .. }) = (asked.and_then(|open| open.block), pdu.values) {
            pdu.values = Values::Bits { bytes, count: Some(count) };
            if pdu.odd.is_none() && bytes.len() != usize::from(count).div_ceil(8) {
                pdu.odd = Some("modbus.reply-length");
            }
        }
        if let (3 | 4 | 23, Some((_, _, count)), Values::Registers(bytes)) =
            (function, asked.and_then(|open| open.block), pdu.values)
            && pdu.odd.is_none()
            && bytes.len() != usize::from(count).saturating_mul(2)
        {
            pdu.odd = Some("modbus.reply-length");
        }
        let umas_refused = function == function::UMAS && pdu.sub == Some(umas::REFUSED);
        let refused = is_exception || umas_refused;
        let verb = asked.map_or_else(|| function::verb(function, pdu.sub), |open| open.verb);
        let block = asked.and_then(|open| open.block).or_else(|| {
            let (table, first) = function::table(function).zip(pdu.address)?;
            Some((table, first, pdu.quantity.unwrap_or(1)))
        });
        let object = match (block, asked.and_then(|open| open.name)) {
            (Some((table, first, count)), _) => {
                Object::Registers { unit: adu.unit, table, first, count, written: None }
            }
            (None, Some(name)) => Object::Named(name),
            (None, None) => Object::Device { unit: Some(adu.unit) },
        };
        if let Some(verb) = verb {
            acts.push(Act::Reply { verb, object, refused });
        }
        if function == 23 {
            acts.push(Act::Reply { verb: Verb::Write, object: Object::Device { unit: Some(adu.unit) }, refused });
        }
        // Only of an answer whose request was seen is it known where its values stand; what a write changed stood in its request.
        if let (1..=4 | 23, Some((table, first, _))) = (function, asked.and_then(|open| open.block)) {
            push_values(&mut acts, adu, Some((table, first)), &pdu);
        }
        // After a gap, or while only one direction is mirrored, missing requests are ours to blame, not the device's.
        if self.paired && asked.is_none() {
            let name = if matched == Match::Other { oddity::REPLY_MISMATCH } else { oddity::REPLY_WITHOUT_REQUEST };
            acts.push(Act::Odd(name));
        }
        if let Some(name) = pdu.odd {
            acts.push(Act::Odd(name));
        }
        // Exceptions 10 and 11 come from the gateway: the unit behind it did not answer.
        if !matches!(pdu.exception, Some(10 | 11)) && self.unit_is_new(adu.unit) {
            acts.push(Act::Says(Fact {
                about: Subject::Speaker,
                attribute: Attribute::UnitId,
                value: FactValue::Number(adu.unit.into()),
                confidence: 90,
                method: "modbus.unit",
            }));
        }
        let fields = AduFields { adu, pdu: &pdu, asked: asked.as_ref(), role: Role::Reply };
        let kind = if is_exception { "exception" } else { "reply" };
        let told = identity_facts(function, is_exception, &pdu, asked.as_ref(), self.whose(adu.unit));
        match told {
            None => emit.plain(kind, acts.as_slice(), &fields),
            Some(mut facts) => {
                let mut all = Acts::new();
                acts.as_slice().iter().chain(facts.as_slice()).for_each(|act| all.push(*act));
                facts = all;
                emit.message(kind, &mut facts, &fields);
            }
        }
    }

    /// Whom facts in an answer of `unit` are about. Addresses 0 and 255 mean the device at the other end of the connection (Messaging Guide,
    /// clause 4.4.1.2); 2 to 247 are units on a line behind it. Unit 1 is what plain devices are left at, so it counts as the device until
    /// another unit has answered here.
    fn whose(&self, unit: u8) -> Subject {
        let others = self.units.iter().enumerate().any(|(word, bits)| match word {
            0 => *bits & !0b11 != 0,
            3 => *bits & !(1 << 63) != 0,
            _ => *bits != 0,
        });
        match unit {
            0 | 248..=255 => Subject::Speaker,
            1 if !others => Subject::Speaker,
            unit => Subject::Unit(unit),
        }
    }

    /// Whether `unit` answers for the first time in this conversation.
    fn unit_is_new(&mut self, unit: u8) -> bool {
        let bit = 1_u64 << (unit & 63);
        let Some(word) = self.units.get_mut(usize::from(unit >> 6)) else { return false };
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

/// The facts in replies that carry an identity; `None` for all others.
fn identity_facts<'a>(
    function: u8,
    is_exception: bool,
    pdu: &Pdu<'a>,
    asked: Option<&Open>,
    about: Subject,
) -> Option<Acts<'a>> {
    if is_exception {
        return None;
    }
    let Values::Raw(data) = pdu.values else { return None };
    let mut facts = Acts::new();
    let mut says = |attribute, text: Option<&'a str>, confidence, method| {
        if let Some(text) = text {
            facts.says_about(about, attribute, FactValue::Text(text), confidence, method);
        }
    };
    match (function, pdu.sub) {
        (function::ENCAPSULATED, Some(mei)) if mei == u16::from(MEI_DEVICE_ID) => {
            for object in identity::objects(data) {
                if let Some((attribute, confidence)) = identity::attribute(object.id) {
                    says(attribute, crate::text::printable(object.value), confidence, "modbus.fc43_14");
                }
            }
        }
        (function::REPORT_SERVER_ID, _) => {
            says(Attribute::Description, identity::server_id_text(data), 60, "modbus.fc17");
        }
        (function::UMAS, Some(umas::DONE)) => match asked.and_then(|open| open.name) {
            Some(umas::READ_ID_NAME) => says(Attribute::Model, umas::model(data), 90, "umas.read-id"),
            Some(umas::PROJECT_NAME) => says(Attribute::ProjectName, umas::project(data), 85, "umas.project-info"),
            _ => return None,
        },
        _ => return None,
    }
    Some(facts)
}

/// The name of the first file record that 20 and 21 ask for.
fn file_name(function: u8, values: Values<'_>) -> Text<32> {
    let Values::Raw([6, f0, f1, r0, r1, ..]) = values else { return Text::new() };
    if !matches!(function, 20 | 21) {
        return Text::new();
    }
    let (file, record) = (u16::from_be_bytes([*f0, *f1]), u16::from_be_bytes([*r0, *r1]));
    Text::of(format_args!("file {file} record {record}"))
}

/// Adds the values of a table that a PDU carries; a PDU at odds with its own lengths carries none.
fn push_values<'a>(acts: &mut Few<'a>, adu: &Adu<'a>, place: Option<(Table, u16)>, pdu: &Pdu<'a>) {
    if pdu.odd.is_some() {
        return;
    }
    let Some((table, first)) = place else { return };
    let cells = match pdu.values {
        Values::Registers(bytes) => Cells::Registers(bytes),
        Values::Bits { bytes, count: Some(count) } => Cells::Bits { bytes, count },
        // The two bytes of a single register end its request; a coil's are 0xFF00 or 0, of which the first tells.
        Values::One(_) => match (adu.function, adu.body) {
            (6, [_, _, value @ ..]) | (22, [_, _, _, _, value @ ..]) => Cells::Registers(value),
            (5, [_, _, value @ ..]) => Cells::Bits { bytes: value, count: 1 },
            _ => return,
        },
        Values::Bits { count: None, .. } | Values::None | Values::Raw(_) => return,
    };
    acts.push(Act::Values { unit: adu.unit, table, first, cells });
}

/// What is odd about a function code by itself.
const fn odd_function(function: u8, verb: Option<Verb>) -> Option<&'static str> {
    match verb {
        Some(_) => None,
        None if function::is_user_defined(function) => Some("modbus.user-defined-function"),
        None => Some("modbus.unknown-function"),
    }
}

impl Frames for Modbus {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        let Some(header) = bytes.first_chunk::<HEADER>() else { return Frame::More };
        match adu_length(*header) {
            Ok(length) => Frame::whole(length),
            Err(error) => Frame::Lost(error),
        }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        let Some(header) = bytes.first_chunk::<HEADER>() else { return Probe::NeedMore };
        let Ok(length) = adu_length(*header) else { return Probe::No };
        let [.., function] = *header;
        if function::name(function).is_none() {
            return Probe::No;
        }
        let Some(Ok(unit)) = bytes.get(..length).map(adu) else { return Probe::NeedMore };
        if fits(&unit, Role::Request) || fits(&unit, Role::Reply) { Probe::Yes } else { Probe::No }
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let adu = adu(bytes)?;
        match self.role(chunk, &adu) {
            Role::Request => self.request(&adu, emit),
            Role::Reply => self.reply(&adu, emit),
        }
        Ok(())
    }

    fn lost(&mut self, _direction: Direction) {
        self.open.clear();
        self.paired = false;
    }

    fn damaged(&mut self, error: ParseError, emit: &mut Emit<'_>) {
        let name = match error {
            ParseError::Malformed { what: "length", .. } => "modbus.length",
            _ => "modbus.protocol-id",
        };
        emit.plain("damaged", &[Act::Odd(name)], &NoFields);
    }
}

/// The few acts of one message, without the cost of the large list.
struct Few<'a> {
    list: [Act<'a>; 6],
    len: usize,
}

impl<'a> Few<'a> {
    const fn new() -> Self {
        Self { list: [Act::Odd(""); 6], len: 0 }
    }

    fn push(&mut self, act: Act<'a>) {
        if let Some(slot) = self.list.get_mut(self.len) {
            *slot = act;
            self.len = self.len.saturating_add(1);
        }
    }

    fn as_slice(&self) -> &[Act<'a>] {
        self.list.get(..self.len).unwrap_or_default()
    }
}

/// The fields of one unit.
struct AduFields<'a> {
    adu: &'a Adu<'a>,
    pdu: &'a Pdu<'a>,
    asked: Option<&'a Open>,
    role: Role,
}

impl Fields for AduFields<'_> {
    fn visit(&self, visitor: &mut dyn FieldVisitor) {
        let function = self.adu.function & !EXCEPTION;
        let mut visit = Visit(visitor);
        visit.maybe("transaction", self.adu.transaction);
        visit.number("unit", self.adu.unit);
        visit.number("function", function);
        visit.maybe_text("function_name", function::name(function));
        if let Some(code) = self.pdu.exception {
            visit.coded("exception_code", code, function::exception_name(code));
        }
        match (function, self.pdu.sub) {
            (function::DIAGNOSTICS, Some(sub)) => {
                visit.coded("diagnostic_code", sub, function::diagnostic_name(sub));
            }
            (function::ENCAPSULATED, Some(mei)) => visit.number("mei", mei),
            (function::UMAS, Some(code)) => {
                let name = if self.role == Role::Request { Some(umas::operation(code).1) } else { None };
                visit.coded("umas_code", code, name);
            }
            _ => {}
        }
        let asked = self.asked.and_then(|open| open.block);
        visit.maybe("address", self.pdu.address.or(asked.map(|(_, first, _)| first)));
        visit.maybe("quantity", self.pdu.quantity.or(asked.map(|(_, _, count)| count)));
        visit.maybe("write_address", self.pdu.write_address);
        visit.maybe("write_quantity", self.pdu.write_quantity);
        if let Some((and, or)) = self.pdu.masks {
            visit.number("and_mask", and);
            visit.number("or_mask", or);
        }
        if function == function::ENCAPSULATED
            && self.pdu.sub == Some(u16::from(MEI_DEVICE_ID))
            && let Values::Raw(data) = self.pdu.values
        {
            self.device_id(data, &mut visit);
        } else {
            self.pdu.values.visit(visit.0);
        }
    }
}

impl AduFields<'_> {
    fn device_id(&self, data: &[u8], visit: &mut Visit<'_>) {
        visit.maybe("read_device_id", data.first().copied());
        if self.role == Role::Request {
            visit.maybe("object_id", data.get(1).copied());
            return;
        }
        visit.maybe("conformity", data.get(1).copied());
        visit.0.open_list("objects");
        for object in identity::objects(data) {
            visit.0.open_group("");
            visit.coded("id", object.id, identity::object_name(object.id));
            match crate::text::printable(object.value) {
                Some(text) => visit.text("value", text),
                None => visit.0.field("value", FieldValue::Bytes(object.value)),
            }
            visit.0.close();
        }
        visit.0.close();
    }
}

#[cfg(test)]
mod tests;
