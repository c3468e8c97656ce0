//! MMS: protection relays, controllers and power management by IEC 61850 and other profiles, over ISO transport on TCP.
//!
//! Reads associations, confirmed services with the objects they name, their answers and refusals, reports, and who a device says it is
//! (identify). Deliberately not read: values and types, journal entries, file contents.
//!
//! Specification: ISO 9506-2:2003 over ISO 8650, 8823 and 8327, RFC 1006; IEC 61850-8-1:2011 for the names.

mod pdu;
mod stack;

use dogwatch_model::{Act, Attribute, Direction, Object, Verb};

use super::tpkt;
use crate::acts::{Acts, Emit, Shown};
use crate::asked::Asked;
use crate::ber;
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, Limits, ParseError, Probe};
use pdu::{Service, Unit};
use stack::{Carried, Layer};

/// MMS.
pub(crate) static MMS: FramedProtocol = FramedProtocol {
    name: "mms",
    hints: &[Hint::Tcp(102)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| tpkt::probe(head, judge),
    frames: |limits| Box::new(Mms::new(limits)),
};

/// Objects of one request that are told one by one.
const NAMED: usize = 16;

/// Others ride on session and transport too, so the association must name MMS, and data must be a whole MMS unit.
fn judge(cotp: &tpkt::Cotp<'_>) -> Probe {
    if cotp.kind == tpkt::CONNECT_REQUEST || cotp.kind == tpkt::CONNECT_CONFIRM {
        return if cotp.payload.is_empty() { Probe::NeedMore } else { Probe::No };
    }
    if cotp.kind != tpkt::DATA {
        return Probe::No;
    }
    match cotp.payload {
        [] => Probe::NeedMore,
        [13 | 14, ..] => {
            let names_mms = cotp.payload.windows(stack::MMS_OID.len()).any(|window| window == stack::MMS_OID);
            match (names_mms, cotp.end) {
                (true, _) => Probe::Yes,
                (false, true) if cotp.payload.len() > 4 => Probe::No,
                (false, _) => Probe::NeedMore,
            }
        }
        [1, 0, 1, 0, 0x61, ..] | [0xa0..=0xa4 | 0xa8 | 0xa9, ..] => {
            let unit = stack::unwrap(cotp.payload).ok().and_then(|carried| carried.mms);
            match unit.map(Unit::parse) {
                Some(Ok(
                    Unit::Request { service: Some(service), .. } | Unit::Response { service: Some(service), .. },
                )) => {
                    if pdu::service(service.number).is_some() {
                        Probe::Yes
                    } else {
                        Probe::No
                    }
                }
                Some(Ok(Unit::Unconfirmed(_) | Unit::InitiateRequest | Unit::InitiateResponse)) => Probe::Yes,
                // Cut, or an answer too short to tell.
                Some(Ok(_)) | None if cotp.payload.starts_with(&[1, 0, 1, 0, 0x61]) => Probe::NeedMore,
                _ => Probe::No,
            }
        }
        _ => Probe::No,
    }
}

/// A message whose parts come in several transport units.
struct Mms {
    parts: [Vec<u8>; 2],
    /// Whether a part was let go, so that the rest of the message is no use.
    broken: [bool; 2],
    limit: usize,
    asked: Asked<u64, Question>,
}

/// What was asked under an invoke id.
#[derive(Debug, Clone, Copy)]
struct Question {
    verb: Verb,
    name: Text<140>,
}

const fn side(direction: Direction) -> usize {
    match direction {
        Direction::ToServer => 0,
        Direction::ToClient => 1,
    }
}

impl Mms {
    fn new(limits: &Limits) -> Self {
        Self {
            parts: [Vec::new(), Vec::new()],
            broken: [false, false],
            limit: limits.buffered_bytes,
            asked: Asked::new(limits),
        }
    }

    /// Puts parts together; gives the whole message, or nothing while parts are missing.
    fn assemble(&mut self, at: usize, cotp: &tpkt::Cotp<'_>) -> Result<Option<Vec<u8>>, ParseError> {
        let (Some(parts), Some(broken)) = (self.parts.get_mut(at), self.broken.get_mut(at)) else { return Ok(None) };
        if parts.len().saturating_add(cotp.payload.len()) > self.limit {
            parts.clear();
            *broken = true;
        }
        if !*broken {
            parts.extend_from_slice(cotp.payload);
        }
        if !cotp.end {
            return Ok(None);
        }
        if std::mem::take(broken) {
            return Err(ParseError::Limit { what: "mms message" });
        }
        Ok(Some(std::mem::take(parts)))
    }
}

impl Frames for Mms {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        tpkt::frame(bytes)
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        match bytes {
            [3, 0, _, _, 2, 0xf0, 0 | 0x80, ..] => Probe::Yes,
            [3, 0, ..] | [3] if bytes.len() < 7 => Probe::NeedMore,
            _ => Probe::No,
        }
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let cotp = tpkt::parse(bytes)?;
        if cotp.kind != tpkt::DATA {
            let kind = match cotp.kind {
                tpkt::CONNECT_REQUEST => "connect-request",
                tpkt::CONNECT_CONFIRM => "connect-confirm",
                _ => "transport",
            };
            emit.plain(kind, &[], &dogwatch_model::NoFields);
            return Ok(());
        }
        let at = side(chunk.direction);
        if cotp.end && self.parts.get(at).is_some_and(Vec::is_empty) && self.broken.get(at) == Some(&false) {
            return self.message(chunk.direction, cotp.payload, emit);
        }
        match self.assemble(at, &cotp)? {
            Some(message) => self.message(chunk.direction, &message, emit),
            None => Ok(()),
        }
    }

    fn lost(&mut self, direction: Direction) {
        let at = side(direction);
        if let (Some(parts), Some(broken)) = (self.parts.get_mut(at), self.broken.get_mut(at)) {
            parts.clear();
            *broken = false;
        }
        self.asked.clear();
    }
}

impl Mms {
    fn message(&mut self, direction: Direction, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let carried = stack::unwrap(bytes)?;
        match carried.mms {
            Some([first, ..]) if !pdu::is_unit(*first) => {
                emit.plain("association", &[], &dogwatch_model::NoFields);
                Ok(())
            }
            Some(mms) => self.unit(direction, &carried, Unit::parse(mms)?, emit),
            None => {
                association(&carried, emit);
                Ok(())
            }
        }
    }

    fn unit(
        &mut self,
        direction: Direction,
        carried: &Carried<'_>,
        unit: Unit<'_>,
        emit: &mut Emit<'_>,
    ) -> Result<(), ParseError> {
        match unit {
            Unit::Request { invoke, service: Some(service) } => self.request(direction, invoke, &service, emit),
            Unit::Request { invoke, service: None } => {
                emit.plain("request", &[], &Shown(|visit| visit.number("invoke_id", invoke)));
            }
            Unit::Response { invoke, service } => {
                let asked = self.answered(direction, invoke);
                match &service {
                    Some(service) => response(invoke, service, asked, emit),
                    None => bare_response(invoke, asked, emit),
                }
            }
            Unit::Error { invoke } => self.refusal("error", direction, Some(invoke), emit),
            Unit::Reject { invoke } => self.refusal("reject", direction, invoke, emit),
            Unit::Unconfirmed(service) => unconfirmed(&service, emit),
            Unit::InitiateRequest | Unit::InitiateResponse | Unit::InitiateError => initiate(carried, unit, emit),
            Unit::Other(kind) => emit.plain(kind, &[], &dogwatch_model::NoFields),
        }
        Ok(())
    }

    /// An invoke id is unique among the requests of one side.
    fn answered(&mut self, direction: Direction, invoke: u32) -> Option<Question> {
        self.asked.answer(&key(direction.reversed(), invoke))
    }

    fn request(&mut self, direction: Direction, invoke: u32, service: &Service<'_>, emit: &mut Emit<'_>) {
        let named = pdu::naming(service);
        let (kind, verb) = pdu::service(service.number).unwrap_or(("service", Verb::Control));
        let mut texts = [const { Text::<140>::new() }; NAMED];
        let mut count = 0_usize;
        let mut is_control = false;
        if matches!(service.number, 4..=15) {
            for (slot, name) in texts.iter_mut().zip(pdu::names(named)) {
                *slot = name.text();
                is_control |= name.is_control();
                count = count.saturating_add(1);
            }
        }
        let verb = if service.number == 5 && is_control { Verb::Control } else { verb };
        let single: Text<140> = match pdu::first_text(named, 3) {
            Some(text) => Text::of(format_args!("{kind} {text}")),
            None => Text::of(format_args!("{kind}")),
        };
        let mut acts = Acts::new();
        if count == 0 {
            acts.request(verb, Object::Named(single.as_str()));
        }
        texts.iter().take(count).for_each(|text| acts.request(verb, Object::Named(text.as_str())));
        let name = if count == 0 { single } else { texts.first().copied().unwrap_or(single) };
        self.asked.ask(key(direction, invoke), Question { verb, name });
        let fields = Shown(|visit| {
            visit.number("invoke_id", invoke);
            visit.coded("confirmed_service_request", service.number, Some(kind));
            visit.one_or_list("domain_id", pdu::names(named).filter_map(|name| name.domain));
            visit.one_or_list("item_id", pdu::names(named).filter(|name| name.domain.is_some()).map(|name| name.item));
        });
        emit.function(service.number).message("request", &mut acts, &fields);
    }

    fn refusal(&mut self, kind: &str, direction: Direction, invoke: Option<u32>, emit: &mut Emit<'_>) {
        let asked = invoke.and_then(|invoke| self.answered(direction, invoke));
        let mut acts = Acts::new();
        match &asked {
            Some(asked) => acts.reply(asked.verb, Object::Named(asked.name.as_str()), true),
            None => acts.reply(Verb::Read, Object::Device { unit: None }, true),
        }
        emit.message(kind, &mut acts, &Shown(|visit| visit.maybe("invoke_id", invoke)));
    }
}

fn key(asker: Direction, invoke: u32) -> u64 {
    u64::from(invoke) << 1 | u64::from(asker == Direction::ToClient)
}

fn response(invoke: u32, service: &Service<'_>, asked: Option<Question>, emit: &mut Emit<'_>) {
    let (kind, verb) = pdu::service(service.number).unwrap_or(("service", Verb::Control));
    let mut acts = Acts::new();
    let (verb, name) = match &asked {
        Some(asked) => (asked.verb, asked.name.as_str()),
        None => (verb, kind),
    };
    acts.reply(verb, Object::Named(name), pdu::is_refusal(service));
    let text = |tag| {
        let element = ber::elements(service.content).find(|element| element.tag == tag);
        element.filter(|_| service.number == 2).and_then(|element| printable(element.content))
    };
    let (vendor, model, revision) = (text(0x80), text(0x81), text(0x82));
    acts.says_text(Attribute::Manufacturer, vendor, 90, "mms.identify");
    acts.says_text(Attribute::Model, model, 90, "mms.identify");
    acts.says_text(Attribute::FirmwareVersion, revision, 90, "mms.identify");
    let fields = Shown(|visit| {
        visit.number("invoke_id", invoke);
        visit.coded("confirmed_service_response", service.number, Some(kind));
        visit.maybe_text("vendor_name", vendor);
        visit.maybe_text("model_name", model);
        visit.maybe_text("revision", revision);
        let named = || pdu::names(pdu::naming_in_answer(service));
        visit.one_or_list("domain_id", named().filter_map(|name| name.domain));
        visit.one_or_list("item_id", named().filter(|name| name.domain.is_some()).map(|name| name.item));
    });
    emit.message("response", &mut acts, &fields);
}

/// An answer that holds nothing but the number of its request.
fn bare_response(invoke: u32, asked: Option<Question>, emit: &mut Emit<'_>) {
    let act = asked.as_ref().map(|asked| Act::Reply {
        verb: asked.verb,
        object: Object::Named(asked.name.as_str()),
        refused: false,
    });
    emit.plain("response", act.as_slice(), &Shown(|visit| visit.number("invoke_id", invoke)));
}

/// Reports: the list or the variables they are of.
fn unconfirmed(service: &Service<'_>, emit: &mut Emit<'_>) {
    let name = pdu::names(service.content).next().map(|name| name.text());
    let object = name.as_ref().map_or(Object::Device { unit: None }, |name| Object::Named(name.as_str()));
    let fields = Shown(|visit| {
        visit.number("unconfirmed_service", service.number);
        visit.one_or_list("domain_id", pdu::names(service.content).filter_map(|name| name.domain));
        let items = pdu::names(service.content).filter(|name| name.domain.is_some());
        visit.one_or_list("item_id", items.map(|name| name.item));
    });
    emit.plain("report", &[Act::Publishes { object }], &fields);
}

fn initiate(carried: &Carried<'_>, unit: Unit<'_>, emit: &mut Emit<'_>) {
    let mut acts = Acts::new();
    let object = Object::Named("association");
    let kind = match unit {
        Unit::InitiateRequest => {
            acts.request(Verb::Login, object);
            "initiate-request"
        }
        Unit::InitiateResponse => {
            acts.reply(Verb::Login, object, carried.layer == Layer::Accept(false));
            "initiate-response"
        }
        _ => {
            acts.reply(Verb::Login, object, true);
            "initiate-error"
        }
    };
    if carried.has_password {
        acts.odd("clear-text-credentials");
    }
    emit.message(kind, &mut acts, &dogwatch_model::NoFields);
}

/// An opening, end or refusal that carries no MMS.
fn association(carried: &Carried<'_>, emit: &mut Emit<'_>) {
    let object = Object::Named("association");
    let (kind, act) = match carried.layer {
        Layer::Connect => ("associate", Some(Act::Request { verb: Verb::Login, object })),
        Layer::Accept(accepted) => {
            ("associate-answer", Some(Act::Reply { verb: Verb::Login, object, refused: !accepted }))
        }
        Layer::Refuse => ("associate-answer", Some(Act::Reply { verb: Verb::Login, object, refused: true })),
        Layer::Release => ("release", None),
        Layer::Abort => ("abort", None),
        Layer::Data => ("data", None),
    };
    emit.plain(kind, act.as_slice(), &dogwatch_model::NoFields);
}

#[cfg(test)]
mod tests;
