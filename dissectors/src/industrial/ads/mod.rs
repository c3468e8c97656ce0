//! Beckhoff ADS/AMS: TwinCAT controllers over TCP 48898 and their discovery over UDP 48899.
//!
//! Reads every command with its index group and offset, symbol names (also behind handles), state changes, routes and files of the system
//! service, device information, values of memory areas and symbols, also as notifications, and discovery with host name, Net Id and version.
//! Deliberately not read: many values in one request, Secure ADS (that is TLS), passwords in route requests.
//!
//! Source: Beckhoff Information System, "ADS specification"; the UDP service as published in open client libraries.

mod discovery;
mod service;
mod values;

use dogwatch_model::{Act, Attribute, Direction, FactValue, Object, Verb};

pub(crate) use self::discovery::DISCOVERY;
use self::service::{command_name, operation, state_name};
use self::values::{Place, Watched};
use crate::acts::{Acts, Emit, Shown, Stated};
use crate::asked::Asked;
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::{Hex, Text, printable, text};
use crate::{Carrier, Chunk, Hint, Limits, ParseError, Probe};

/// ADS over TCP.
pub(crate) static ADS: FramedProtocol = FramedProtocol {
    name: "ads",
    hints: &[Hint::Tcp(48_898)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| begins(head),
    frames: |limits| Box::new(Ads::new(limits)),
};

/// AMS/TCP header and AMS header.
const HEADER: usize = 6 + 32;
/// Bytes of a message that are looked at: every header and a symbol name.
const LOOKED_AT: usize = 1_024;
/// Longest message believed.
const LONGEST: u32 = 16 << 20;
/// Handles of symbols remembered on one connection.
const MOST_SYMBOLS: usize = 128;
const RESPONSE: u16 = 1;

/// An AMS Net Id as text.
fn net_id(bytes: [u8; 6]) -> Text<24> {
    let [a, b, c, d, e, f] = bytes;
    text![a, ".", b, ".", c, ".", d, ".", e, ".", f]
}

/// The AMS header.
#[derive(Debug, Clone, Copy)]
struct Ams {
    target: [u8; 6],
    target_port: u16,
    sender: [u8; 6],
    sender_port: u16,
    command: u16,
    flags: u16,
    length: u32,
    error: u32,
    invoke: u32,
}

impl Ams {
    fn parse(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            target: reader.array()?,
            target_port: reader.le16()?,
            sender: reader.array()?,
            sender_port: reader.le16()?,
            command: reader.le16()?,
            flags: reader.le16()?,
            length: reader.le32()?,
            error: reader.le32()?,
            invoke: reader.le32()?,
        })
    }

    const fn is_response(&self) -> bool {
        self.flags & RESPONSE != 0
    }

    /// The port of the side that serves.
    const fn server_port(&self) -> u16 {
        if self.is_response() { self.sender_port } else { self.target_port }
    }
}

/// What the AMS/TCP header says: the length of what follows, when it is one of ours. Commands of the router carry no AMS header.
fn tcp_header(bytes: [u8; 6]) -> Result<(u16, u32), ParseError> {
    let [c0, c1, l0, l1, l2, l3] = bytes;
    let (command, length) = (u16::from_le_bytes([c0, c1]), u32::from_le_bytes([l0, l1, l2, l3]));
    let fits = match command {
        0 => (32..LONGEST).contains(&length),
        1 | 0x1000..=0x1002 => length <= 64,
        _ => false,
    };
    if fits {
        Ok((command, length))
    } else {
        Err(ParseError::Malformed { what: "ams/tcp header", at: 0, why: "command or length" })
    }
}

fn begins(bytes: &[u8]) -> Probe {
    let mut reader = Reader::new("ams", bytes);
    let Ok(header) = reader.array::<6>() else {
        return if bytes.iter().take(2).all(|byte| *byte == 0) { Probe::NeedMore } else { Probe::No };
    };
    let Ok((0, total)) = tcp_header(header) else { return Probe::No };
    match Ams::parse(&mut reader) {
        Err(_) => Probe::NeedMore,
        Ok(ams) => {
            let fits = command_name(ams.command).is_some()
                && ams.flags & 0xff80 == 0
                && ams.flags & 4 != 0
                && ams.length.checked_add(32) == Some(total)
                && ams.error <= 0xffff;
            if fits { Probe::Yes } else { Probe::No }
        }
    }
}

/// What a reply needs to know of its request.
#[derive(Debug, Clone, Copy)]
struct Open {
    verb: Verb,
    object: Text<64>,
    group: u32,
    place: Place,
}

/// One AMS connection.
struct Ads {
    /// By Net Id and port of who asked, and its invoke id: a router carries several clients over one connection.
    open: Asked<([u8; 6], u16, u32), Open>,
    /// Names by handle.
    symbols: Vec<(u32, Text<64>)>,
    watched: Watched,
}

impl Ads {
    fn new(limits: &Limits) -> Self {
        Self { open: Asked::new(limits), symbols: Vec::new(), watched: Watched::default() }
    }

    fn remember(&mut self, handle: u32, name: Text<64>) {
        self.symbols.retain(|(known, _)| *known != handle);
        if self.symbols.len() >= MOST_SYMBOLS {
            self.symbols.clear();
        }
        self.symbols.push((handle, name));
    }

    /// What a request is about, in words.
    fn object(&self, ams: &Ams, body: &Body<'_>, name: Option<&'static str>) -> Text<64> {
        let group = body.group.unwrap_or_default();
        let offset = body.offset.unwrap_or_default();
        if let Some(name) = name {
            return match body.text.filter(|_| matches!(group, 120 | 131..=133)) {
                Some(file) => text![name, " ", file],
                None => text![name],
            };
        }
        match (ams.command, body.text) {
            (service::WRITE_CONTROL, _) => match body.state.and_then(state_name) {
                Some(state) => text!["ads.state ", state],
                None => text!["ads.state ", body.state.unwrap_or_default()],
            },
            (service::READ_DEVICE_INFO | service::READ_STATE, _) => text!["port ", ams.target_port],
            (_, Some(symbol)) if matches!(group, service::HANDLE_BY_NAME | service::VALUE_BY_NAME) => {
                text![symbol]
            }
            _ => match self.symbols.iter().find(|(handle, _)| group == service::VALUE_BY_HANDLE && *handle == offset) {
                Some((_, symbol)) => *symbol,
                None => text!["group ", Hex(group, 1), " offset ", Hex(offset, 1)],
            },
        }
    }

    /// Where the values of a request, or of its answer, belong.
    fn place(&self, body: &Body<'_>) -> Place {
        let (Some(group), Some(offset)) = (body.group, body.offset) else { return Place::Nowhere };
        let is_symbol = match group {
            service::VALUE_BY_NAME => body.text.is_some(),
            _ => self.symbols.iter().any(|(handle, _)| *handle == offset),
        };
        Place::of(group, offset, is_symbol)
    }

    fn request(&mut self, ams: &Ams, body: &Body<'_>, emit: &mut Emit<'_>) {
        let mut acts = Acts::new();
        let known = operation(ams.command, ams.target_port, body.group.unwrap_or_default());
        let object = self.object(ams, body, known.and_then(|(_, name)| name));
        // The system service holds files and routes, no memory.
        let place = if ams.target_port == service::SYSTEM_SERVICE { Place::Nowhere } else { self.place(body) };
        if let (service::DELETE_NOTIFICATION, Some(handle)) = (ams.command, body.handle) {
            self.watched.remove((ams.sender, ams.sender_port, ams.target_port, handle));
        }
        let values = Stated(|to| place.hand_out(object.as_str(), body.data, to));
        if ams.command == service::WRITE && place != Place::Nowhere {
            acts.push(Act::States(&values));
        }
        if let Some((verb, _)) = known {
            acts.request(verb, Object::Named(object.as_str()));
            let open = Open { verb, object, group: body.group.unwrap_or_default(), place };
            self.open.ask((ams.sender, ams.sender_port, ams.invoke), open);
        }
        let from = net_id(ams.sender);
        acts.says(Attribute::StationAddress, FactValue::Text(from.as_str()), 90, "ads.net-id");
        emit.function(ams.command).message("request", &mut acts, &Shown(|visit| show(visit, ams, body)));
    }

    fn response(&mut self, ams: &Ams, body: &Body<'_>, emit: &mut Emit<'_>) {
        let mut acts = Acts::new();
        let asked = self.open.answer(&(ams.target, ams.target_port, ams.invoke));
        let refused = ams.error != 0 || body.result.is_some_and(|result| result != 0);
        let verb = asked.map(|open| open.verb).or_else(|| operation(ams.command, 0, 0).map(|(verb, _)| verb));
        if let Some(verb) = verb {
            let object =
                asked.as_ref().map_or(Object::Device { unit: None }, |open| Object::Named(open.object.as_str()));
            acts.reply(verb, object, refused);
        }
        if let (Some(open), Some(handle), false) = (asked, body.handle, refused) {
            match ams.command {
                service::READ_WRITE if open.group == service::HANDLE_BY_NAME => self.remember(handle, open.object),
                service::ADD_NOTIFICATION => {
                    let key = (ams.target, ams.target_port, ams.sender_port, handle);
                    self.watched.add(key, open.place, open.object);
                }
                _ => {}
            }
        }
        let read = asked.as_ref().filter(|open| !refused && open.place != Place::Nowhere);
        let read = read.filter(|_| matches!(ams.command, service::READ | service::READ_WRITE));
        let values =
            Stated(|to| read.into_iter().for_each(|open| open.place.hand_out(open.object.as_str(), body.data, to)));
        if read.is_some() {
            acts.push(Act::States(&values));
        }
        let from = net_id(ams.sender);
        let version = body.version_text();
        // A router that refuses speaks for a device which is not there.
        if ams.error == 0 {
            acts.says(Attribute::StationAddress, FactValue::Text(from.as_str()), 90, "ads.net-id");
        }
        if !refused {
            acts.says_text(
                Attribute::SoftwareVersion,
                Some(version.as_str()).filter(|t| !t.is_empty()),
                90,
                "ads.device-info",
            );
            let is_controller = matches!(ams.server_port(), service::SYSTEM_SERVICE | 801..=899);
            let mode = body.state.and_then(state_name).filter(|_| is_controller);
            acts.says_text(Attribute::OperatingMode, mode, 85, "ads.state");
        }
        emit.message("response", &mut acts, &Shown(|visit| show(visit, ams, body)));
    }
}

/// What stands behind the header.
#[derive(Debug, Clone, Copy, Default)]
struct Body<'a> {
    group: Option<u32>,
    offset: Option<u32>,
    length: Option<u32>,
    result: Option<u32>,
    state: Option<u16>,
    device_state: Option<u16>,
    text: Option<&'a str>,
    handle: Option<u32>,
    /// Bytes that are written, or that were read.
    data: &'a [u8],
    device: Option<(&'a str, u8, u8, u16)>,
}

impl<'a> Body<'a> {
    fn request(ams: &Ams, mut reader: Reader<'a>) -> Result<Self, ParseError> {
        let mut body = Self::default();
        match ams.command {
            service::READ | service::WRITE | service::ADD_NOTIFICATION | service::READ_WRITE => {
                body.group = Some(reader.le32()?);
                body.offset = Some(reader.le32()?);
                body.length = Some(reader.le32()?);
                if ams.command == service::READ_WRITE {
                    let _written = reader.le32()?;
                    body.text = printable(reader.rest());
                } else if ams.command == service::WRITE {
                    body.data = reader.rest();
                }
            }
            service::WRITE_CONTROL => {
                body.state = Some(reader.le16()?);
                body.device_state = Some(reader.le16()?);
            }
            service::DELETE_NOTIFICATION => body.handle = Some(reader.le32()?),
            _ => {}
        }
        Ok(body)
    }

    fn response(ams: &Ams, mut reader: Reader<'a>) -> Result<Self, ParseError> {
        let mut body = Self::default();
        // The router answers with an error and nothing behind it.
        if ams.error != 0 && reader.is_empty() {
            return Ok(body);
        }
        body.result = Some(reader.le32()?);
        match ams.command {
            service::READ_DEVICE_INFO => {
                let [major, minor] = reader.array()?;
                let build = reader.le16()?;
                body.device = printable(reader.take(16)?).map(|name| (name, major, minor, build));
            }
            service::READ_STATE => {
                body.state = Some(reader.le16()?);
                body.device_state = Some(reader.le16()?);
            }
            service::READ | service::READ_WRITE => {
                body.length = reader.le32().ok();
                body.data = reader.rest();
                body.handle = reader.le32().ok().filter(|_| body.length == Some(4));
            }
            service::ADD_NOTIFICATION => body.handle = reader.le32().ok(),
            _ => {}
        }
        Ok(body)
    }

    fn version_text(&self) -> Text<48> {
        match self.device {
            Some((name, major, minor, build)) => text![name, " ", major, ".", minor, ".", build],
            None => Text::new(),
        }
    }
}

fn show(visit: &mut crate::acts::Visit<'_>, ams: &Ams, body: &Body<'_>) {
    visit.text("target_net_id", net_id(ams.target).as_str());
    visit.number("target_port", ams.target_port);
    visit.text("sender_net_id", net_id(ams.sender).as_str());
    visit.number("sender_port", ams.sender_port);
    visit.coded("cmd_id", ams.command, command_name(ams.command));
    visit.number("state_flags", ams.flags);
    visit.number("error_code", ams.error);
    visit.number("invoke_id", ams.invoke);
    visit.maybe("index_group", body.group);
    visit.maybe("index_offset", body.offset);
    visit.maybe("length", body.length);
    visit.maybe("result", body.result);
    if let Some(state) = body.state {
        visit.coded("ads_state", state, state_name(state));
    }
    visit.maybe("device_state", body.device_state);
    visit.maybe_text("name", body.text.or(body.device.map(|(name, ..)| name)));
    if let Some((_, major, minor, build)) = body.device {
        visit.number("version", major);
        visit.number("revision", minor);
        visit.number("build", build);
    }
}

impl Frames for Ads {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        let Some(header) = bytes.first_chunk::<6>() else { return Frame::More };
        match tcp_header(*header) {
            Ok((_, length)) => {
                let len = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(6);
                Frame::Whole { len, need: len.min(LOOKED_AT) }
            }
            Err(error) => Frame::Lost(error),
        }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        if bytes.len() < HEADER && !bytes.starts_with(&[0, 0]) && bytes.len() >= 2 { Probe::No } else { begins(bytes) }
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let mut reader = Reader::new("ams", bytes);
        if let Ok((1.., _)) = tcp_header(reader.array()?) {
            emit.plain("router", &[], &Shown(|_| {}));
            return Ok(());
        }
        let ams = Ams::parse(&mut reader)?;
        if ams.command == service::NOTIFICATION && !ams.is_response() {
            let object: Text<64> = text!["port ", ams.sender_port, " notification"];
            let act = Act::Publishes { object: Object::Named(object.as_str()) };
            // What is cut off by the end of what is looked at stays unknown.
            let values = Stated(|to| self.watched.samples(&ams, reader, to).unwrap_or_default());
            let acts = [act, Act::States(&values)];
            let acts = if self.watched.is_empty() { acts.get(..1) } else { acts.get(..) };
            emit.plain("notification", acts.unwrap_or_default(), &Shown(|visit| show(visit, &ams, &Body::default())));
        } else if ams.is_response() {
            let body = Body::response(&ams, reader)?;
            self.response(&ams, &body, emit);
        } else {
            let body = Body::request(&ams, reader)?;
            self.request(&ams, &body, emit);
        }
        Ok(())
    }

    fn lost(&mut self, _direction: Direction) {
        self.open.clear();
        // Handles may mean something else by now.
        self.watched.clear();
    }
}

#[cfg(test)]
mod tests;
