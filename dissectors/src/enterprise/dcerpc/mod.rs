//! DCE/RPC over connections: which Windows service is called, and the calls that create services, plan tasks, change accounts or the registry.
//!
//! The same reader takes packets from SMB pipes ([`SMB_WITH_PIPES`]). Deliberately not read: arguments beyond the name of a service or task, calls
//! whose arguments are encrypted (their number still shows), fragments after the first; datagrams (PROFINET's connection manager reads its own).
//!
//! Specification: The Open Group C706 clauses 12.6 and 14.2, MS-RPCE 2.2.2; numbers of calls: MS-SCMR, MS-TSCH, MS-SAMR, MS-DRSR and others.

mod interfaces;
mod pipe;

use dogwatch_model::{Object, Verb};

use self::interfaces::{Interface, Known};
pub(crate) use self::pipe::SMB_WITH_PIPES;
use crate::acts::{Acts, Emit, Shown};
use crate::asked::Asked;
use crate::dcerpc::{FAULT, Order, REQUEST, RESPONSE, Uuid};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::Text;
use crate::{Carrier, Chunk, Hint, Limits, ParseError, Probe};

/// DCE/RPC over TCP.
pub(crate) static DCERPC: FramedProtocol = FramedProtocol {
    name: "dcerpc",
    hints: &[Hint::Tcp(135)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| begins(head),
    frames: |limits| Box::new(Dcerpc(Session::new(limits))),
};

/// Bytes of a packet that are looked at.
const LOOKED_AT: usize = 2_048;
/// Bytes of the header all packets share.
const HEADER: usize = 16;
/// Contexts of one connection that are remembered.
const MOST_CONTEXTS: usize = 32;
/// Contexts of one packet that are told.
const MOST_TOLD: usize = 8;
const BIND: u8 = 11;
const BIND_ACK: u8 = 12;
const BIND_NAK: u8 = 13;
const ALTER: u8 = 14;
const ALTER_ACK: u8 = 15;
/// The flag of a first fragment, and of a call that names an object.
const FIRST: u8 = 1;
const HAS_OBJECT: u8 = 0x80;
/// Status of a fault: access denied (MS-ERREF 2.2, Win32 code 5).
const ACCESS_DENIED: u32 = 5;

/// Version 5.0 or 5.1, a known type, a data representation that exists, and a length that holds a header.
fn begins(bytes: &[u8]) -> Probe {
    let right: [fn(u8) -> bool; 8] = [
        |byte| byte == 5,
        |byte| byte <= 1,
        |byte| matches!(byte, 0 | 2 | 3 | 11..=19),
        |byte| byte & 0x08 == 0,
        |byte| matches!(byte, 0x00 | 0x10),
        |byte| byte <= 3,
        |byte| byte == 0,
        |byte| byte == 0,
    ];
    if !bytes.iter().zip(right).all(|(byte, right)| right(*byte)) {
        return Probe::No;
    }
    match lengths(bytes) {
        None => Probe::NeedMore,
        Some((length, authentication)) => {
            let fits = (HEADER..=0x4000).contains(&length) && authentication < length;
            if fits { Probe::Yes } else { Probe::No }
        }
    }
}

/// Length of the packet and of its authentication.
fn lengths(bytes: &[u8]) -> Option<(usize, usize)> {
    let order = Order::of(*bytes.get(4)?);
    let mut reader = Reader::new("dcerpc length", bytes.get(8..)?);
    let length = order.u16(&mut reader).ok()?;
    let authentication = order.u16(&mut reader).ok()?;
    Some((length.into(), authentication.into()))
}

/// DCE/RPC on a TCP connection.
struct Dcerpc(Session);

impl Frames for Dcerpc {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        match (begins(bytes), lengths(bytes)) {
            (Probe::Yes, Some((len, _))) => Frame::Whole { len, need: len.min(LOOKED_AT) },
            (Probe::No, _) => Frame::Lost(ParseError::Malformed { what: "dcerpc", at: 0, why: "no packet header" }),
            _ => Frame::More,
        }
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        self.0.packet(bytes, emit)
    }

    fn lost(&mut self, _direction: dogwatch_model::Direction) {
        self.0.forget();
    }
}

/// The calls of one connection or pipe.
struct Session {
    /// Interfaces by the numbers the client gave them.
    contexts: Vec<(u16, Uuid)>,
    asked: Asked<u32, (Option<Interface>, u16)>,
}

/// What every packet begins with.
struct Head {
    kind: u8,
    flags: u8,
    order: Order,
    call: u32,
    encrypted: bool,
}

impl Session {
    /// Nothing bound yet.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { contexts: Vec::new(), asked: Asked::new(limits) }
    }

    /// Forgets calls without an answer.
    pub(crate) fn forget(&mut self) {
        self.asked.clear();
    }

    /// Reads one packet, or its front.
    pub(crate) fn packet(&mut self, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let mut reader = Reader::new("dcerpc header", bytes);
        let [_version, _minor, kind, flags] = reader.array()?;
        let [representation, ..] = reader.array::<4>()?;
        let order = Order::of(representation);
        let length = usize::from(order.u16(&mut reader)?);
        let authentication = usize::from(order.u16(&mut reader)?);
        let call = order.u32(&mut reader)?;
        // The trailer's second byte is the level; from 6 on the arguments are encrypted.
        let level = length
            .checked_sub(authentication.saturating_add(8))
            .and_then(|at| bytes.get(at.checked_add(1)?))
            .copied()
            .unwrap_or(if bytes.len() < length { 6 } else { 0 });
        let head = Head { kind, flags, order, call, encrypted: authentication > 0 && level >= 6 };
        let body =
            Reader::new("dcerpc body", reader.rest().get(..length.saturating_sub(HEADER)).unwrap_or(reader.rest()));
        match kind {
            BIND | ALTER => self.bind(&head, body, emit),
            REQUEST if flags & FIRST != 0 => self.request(&head, body, emit),
            RESPONSE if flags & FIRST != 0 => self.response(&head, None, emit),
            FAULT => {
                let mut body = body;
                let _hint_context_cancels = body.take(8)?;
                let status = order.u32(&mut body)?;
                self.response(&head, Some(status), emit)
            }
            _ => {
                let name = match kind {
                    BIND_ACK => "bind-ack",
                    BIND_NAK => "bind-nak",
                    ALTER_ACK => "alter-context-resp",
                    16 => "auth3",
                    17 => "shutdown",
                    18 => "co-cancel",
                    19 => "orphaned",
                    REQUEST => "request-fragment",
                    _ => "response-fragment",
                };
                let mut acts = Acts::new();
                if kind == BIND_NAK {
                    acts.reply(Verb::Discover, Object::Device { unit: None }, true);
                }
                let mut rest = body;
                let number = (kind == REQUEST && rest.take(6).is_ok()).then(|| order.u16(&mut rest).ok()).flatten();
                let fields = Shown(|visit| {
                    visit.number("pkt_type", kind);
                    visit.maybe("opnum", number);
                });
                emit.message(name, &mut acts, &fields);
                Ok(())
            }
        }
    }

    fn bind(&mut self, head: &Head, mut body: Reader<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let _sizes_and_group = body.take(8)?;
        let count = body.u8()?;
        let _reserved = body.array::<3>()?;
        let mut told = [None; MOST_TOLD];
        let mut acts = Acts::new();
        for at in 0..usize::from(count) {
            let context = head.order.u16(&mut body)?;
            let [transfers, _] = body.array()?;
            let interface = Uuid::take(&mut body, head.order)?;
            let _version = body.be32()?;
            let _transfers = body.take(usize::from(transfers).saturating_mul(20))?;
            if let Some(slot) = told.get_mut(at) {
                *slot = Some(interface);
            }
            self.contexts.retain(|(known, _)| *known != context);
            if self.contexts.len() >= MOST_CONTEXTS {
                self.contexts.remove(0);
            }
            self.contexts.push((context, interface));
        }
        let mut names = [const { Text::<40>::new() }; MOST_TOLD];
        for (name, interface) in names.iter_mut().zip(told.iter().flatten()) {
            *name = interfaces::of(*interface).map_or_else(
                || Text::of(format_args!("{interface}")),
                |interface| Text::of(format_args!("{}", interface.name)),
            );
        }
        for (at, name) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            // Clients offer one interface several times, in several encodings.
            if !names.iter().take(at).any(|earlier| earlier.as_str() == name.as_str()) {
                acts.request(Verb::Discover, Object::Named(name.as_str()));
            }
        }
        let fields = Shown(|visit| {
            visit.number("pkt_type", head.kind);
            visit.one_or_list("bind_to_uuid", told.iter().flatten());
        });
        emit.message(if head.kind == BIND { "bind" } else { "alter-context" }, &mut acts, &fields);
        Ok(())
    }

    fn request(&mut self, head: &Head, mut body: Reader<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let _hint = body.be32()?;
        let context = head.order.u16(&mut body)?;
        let number = head.order.u16(&mut body)?;
        if head.flags & HAS_OBJECT != 0 {
            let _object = body.take(16)?;
        }
        let uuid = self.contexts.iter().find(|(known, _)| *known == context).map(|(_, uuid)| *uuid);
        let interface = uuid.and_then(interfaces::of);
        let call = interface.and_then(|interface| interface.call(number));
        self.asked.ask(head.call, (interface, number));
        let argument = match call {
            Some(Known { name_at: Some(at), .. }) if !head.encrypted => interfaces::name(body.rest(), *at, head.order),
            _ => None,
        };
        let object = object(interface, argument.as_ref().map(Text::as_str));
        let mut acts = Acts::new();
        // An interface nobody knows tells nothing of what its calls do.
        if let (Some(interface), Some(object)) = (interface, &object) {
            acts.request(call.map_or(interface.verb, |call| call.verb), Object::Named(object.as_str()));
        }
        let fields = Shown(|visit| {
            visit.number("pkt_type", head.kind);
            visit.number("opnum", number);
            visit.maybe_text("interface", interface.map(|interface| interface.name));
            if let Some(uuid) = uuid.filter(|_| interface.is_none()) {
                visit.shown("interface", uuid);
            }
            visit.maybe_text("operation", call.map(|call| call.name));
            visit.maybe_text("name", argument.as_ref().map(Text::as_str));
            visit.flag("encrypted", head.encrypted);
        });
        emit.message("request", &mut acts, &fields);
        Ok(())
    }

    fn response(&mut self, head: &Head, fault: Option<u32>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let asked = self.asked.answer(&head.call);
        let interface = asked.as_ref().and_then(|(interface, _)| *interface);
        let number = asked.as_ref().map(|(_, number)| *number);
        let call = interface.zip(number).and_then(|(interface, number)| interface.call(number));
        let object = object(interface, None);
        let mut acts = Acts::new();
        if let (Some(interface), Some(object)) = (interface, &object) {
            let verb = call.map_or(interface.verb, |call| call.verb);
            acts.reply(verb, Object::Named(object.as_str()), fault.is_some());
        }
        if fault == Some(ACCESS_DENIED) && interface.is_none() {
            acts.reply(Verb::Read, Object::Device { unit: None }, true);
        }
        let fields = Shown(|visit| {
            visit.number("pkt_type", head.kind);
            visit.maybe("opnum", number);
            visit.maybe_text("interface", interface.map(|interface| interface.name));
            visit.maybe("status", fault);
        });
        emit.message(if fault.is_some() { "fault" } else { "response" }, &mut acts, &fields);
        Ok(())
    }
}

/// What a call is about: the interface, and the service or task where its name shows.
fn object(interface: Option<Interface>, argument: Option<&str>) -> Option<Text<160>> {
    let interface = interface?;
    Some(match argument {
        Some(argument) => Text::of(format_args!("{} {argument}", interface.name)),
        None => Text::of(format_args!("{}", interface.name)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    fn packet(kind: u8, call: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(HEADER + body.len()).unwrap().to_le_bytes();
        let head = [5, 0, kind, 3, 0x10, 0, 0, 0, length[0], length[1], 0, 0, call, 0, 0, 0];
        [&head[..], body].concat()
    }

    /// A bind to one interface, given as on the wire.
    fn bind(interface: &str) -> Vec<u8> {
        let body = format!(
            "d016 d016 00000000 01 000000 0000 01 00 {interface} 02000000 045d888aeb1cc9119fe808002b104860 02000000"
        );
        packet(BIND, 1, &hex(&body))
    }

    fn wide(text: &str) -> Vec<u8> {
        let count = u32::try_from(text.len() + 1).unwrap().to_le_bytes();
        let units = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes);
        [&count[..], &[0; 4], &count].concat().into_iter().chain(units).collect()
    }

    #[test]
    fn a_service_is_created_and_started() {
        let mut conversation = Conversation::new(&DCERPC, Carrier::Tcp, 49_155);
        conversation.send(ToServer, &bind("81bb7a364498f135ad3298f038001003"));
        // CreateServiceW (12): handle, then the name.
        let create = [&hex("00000000 0000 0c00")[..], &[7; 20], &wide("PSEXESVC")].concat();
        conversation.send(ToServer, &packet(REQUEST, 2, &create));
        conversation.send(ToClient, &packet(FAULT, 2, &hex("00000000 0000 0000 05000000 00000000")));
        conversation.send(ToServer, &packet(REQUEST, 3, &hex("00000000 0000 1300 00000000")));
        conversation.send(ToClient, &packet(RESPONSE, 3, &hex("04000000 0000 0000 00000000")));
        let seen = &conversation.heard.seen;
        assert_eq!(seen[0].acts, ["request discover svcctl"]);
        assert_eq!(seen[0].field("bind_to_uuid"), "367abb81-9844-35f1-ad32-98f038001003");
        assert_eq!(seen[1].acts, ["request program svcctl PSEXESVC"]);
        assert_eq!(seen[2].acts, ["refusal program svcctl"]);
        assert_eq!(seen[3].acts, ["request control svcctl"]);
        assert_eq!(seen[4].acts, ["reply control svcctl"]);
        assert!(conversation.heard.errors.is_empty());
    }

    #[test]
    fn an_interface_nobody_knows_tells_no_verb() {
        let mut conversation = Conversation::new(&DCERPC, Carrier::Tcp, 135);
        conversation.send(ToServer, &bind("000102030405060708090a0b0c0d0e0f"));
        conversation.send(ToServer, &packet(REQUEST, 2, &hex("00000000 0000 0300")));
        let seen = &conversation.heard.seen;
        assert_eq!(seen[0].acts, ["request discover 03020100-0504-0706-0809-0a0b0c0d0e0f"]);
        assert!(seen[1].acts.is_empty());
    }

    #[test]
    fn what_the_first_bytes_tell() {
        for (bytes, want) in [
            ("05 00 0b 03 10 000000 4800 0000 01000000", Probe::Yes),
            ("05 00 0b", Probe::NeedMore),
            ("05 00 0b 03 10 000000 0800 0000 01000000", Probe::No),
            ("05 02 0b 03 10 000000 4800 0000 01000000", Probe::No),
            // SOCKS begins with a five as well.
            ("05 01 00", Probe::NeedMore),
            ("05 01 00 05 01 00 03 0b", Probe::No),
        ] {
            assert_eq!(DCERPC.probe(Carrier::Tcp, ToServer, &hex(bytes)), want, "{bytes}");
        }
    }
}
