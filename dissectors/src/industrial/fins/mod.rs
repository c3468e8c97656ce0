//! Omron FINS over UDP 9600 and over TCP: controllers of the C, CS, CJ, CP and NJ/NX families.
//!
//! Reads every command of the reference manual with its memory place or file, refusals by end code, replies paired with requests, model and
//! version of the controller, its mode. Deliberately not read: values, contents of programs and files, SYSMAC gateway (port 64000).
//!
//! Specification: Omron W227 and W342 (commands), W421 section 7 (FINS/TCP header).

mod command;

use dogwatch_model::{Act, Attribute, Direction, FactValue, Object};

use self::command::{command, memory, mode_name};
use crate::acts::{Acts, Emit, Shown, Stated, Visit};
use crate::asked::Asked;
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::{Text, printable, text};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// Omron FINS.
pub(crate) static FINS: FramedProtocol = FramedProtocol {
    name: "fins",
    hints: &[Hint::Udp(9_600), Hint::Tcp(9_600)],
    carriers: &[Carrier::Udp, Carrier::Tcp],
    probe: |carrier, head| match carrier {
        Carrier::Tcp => begins(head),
        _ if Fins::parse(head).is_ok_and(|fins| fins.is_plausible()) => Probe::Yes,
        _ => Probe::No,
    },
    frames: |limits| Box::new(Conversation { open: Asked::new(limits) }),
};

/// Bytes of the FINS/TCP header up to the error code.
const TCP_HEADER: usize = 16;
const MAGIC: &[u8; 4] = b"FINS";
/// Longest FINS frame is 2,012 bytes; some units take a little more.
const LONGEST: u32 = 4_096;
/// FINS/TCP command that carries a FINS frame.
const FRAME_SEND: u32 = 2;
const RESPONSE: u8 = 0x40;

/// Where a stream message starts: the letters, a length, a command that exists.
fn begins(bytes: &[u8]) -> Probe {
    let Some(header) = bytes.first_chunk::<12>() else {
        let so_far = bytes.len().min(4);
        return if MAGIC.starts_with(bytes.get(..so_far).unwrap_or_default()) { Probe::NeedMore } else { Probe::No };
    };
    let [m0, m1, m2, m3, l0, l1, l2, l3, c0, c1, c2, c3] = *header;
    let (length, command) = (u32::from_be_bytes([l0, l1, l2, l3]), u32::from_be_bytes([c0, c1, c2, c3]));
    let fits = [m0, m1, m2, m3] == *MAGIC && (8..LONGEST).contains(&length) && command <= 6;
    if fits { Probe::Yes } else { Probe::No }
}

/// One FINS frame.
#[derive(Debug, Clone, Copy)]
struct Fins<'a> {
    control: u8,
    gateways: u8,
    destination: [u8; 3],
    source: [u8; 3],
    id: u8,
    command: u16,
    end: Option<u16>,
    data: Reader<'a>,
}

impl<'a> Fins<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new("fins", bytes);
        let [control, reserved, gateways] = reader.array()?;
        if reserved != 0 || control & 0x80 == 0 {
            return Err(ParseError::Malformed { what: "fins", at: 0, why: "control or reserved byte" });
        }
        let (destination, source) = (reader.array()?, reader.array()?);
        let id = reader.u8()?;
        let command = reader.be16()?;
        let end = if control & RESPONSE == 0 { None } else { Some(reader.be16()?) };
        Ok(Self { control, gateways, destination, source, id, command, end, data: reader })
    }

    const fn is_response(&self) -> bool {
        self.control & RESPONSE != 0
    }

    /// Strict enough for a port nobody expects it on: reserved bits, a known command, addresses in the ranges of the manual.
    const fn is_plausible(&self) -> bool {
        let [to_net, _, to_unit] = self.destination;
        let [from_net, _, from_unit] = self.source;
        let units = is_unit(to_unit) && is_unit(from_unit);
        self.control & 0x3e == 0
            && self.gateways <= 7
            && to_net < 0x80
            && from_net < 0x80
            && units
            && command(self.command).is_some()
    }

    /// The words that are read or written.
    fn words(&self) -> Option<Words> {
        let mut data = self.data;
        let [area, w0, w1, _] = data.array().ok()?;
        let is_of_words = area >= 0x80 && matches!(self.command, command::MEMORY_READ | command::MEMORY_WRITE);
        (is_of_words && !self.is_response()).then(|| (area, u16::from_be_bytes([w0, w1])))
    }

    /// The place or thing a command is about.
    fn object(&self) -> Text<48> {
        let mut data = self.data;
        let place = match self.command {
            command::MEMORY_READ | command::MEMORY_WRITE | command::MEMORY_FILL | 0x0104 => match data.array() {
                Ok([area, w0, w1, bit]) => {
                    // The list of a multiple read has no counts.
                    let count = if self.command == 0x0104 { 1 } else { data.be16().unwrap_or(1) };
                    memory(area, u16::from_be_bytes([w0, w1]), bit, count)
                }
                Err(_) => Text::new(),
            },
            0x2301 => match data.array() {
                // How many, then for each: set or reset, area, word, bit.
                Ok([_, _, _, _, area, w0, w1, bit]) => memory(area, u16::from_be_bytes([w0, w1]), bit, 1),
                Err(_) => Text::new(),
            },
            0x2202 | 0x2203 | 0x2205..=0x220c => match printable(data.rest().get(2..14).unwrap_or_default()) {
                Some(name) => text!["file ", name],
                None => Text::new(),
            },
            _ => Text::new(),
        };
        match (place.is_empty(), command(self.command)) {
            (false, _) => place,
            (true, Some((name, _))) => text!["fins.", name],
            (true, None) => Text::of(format_args!("fins.{:04x}", self.command)),
        }
    }
}

/// Unit addresses: the CPU, CPU bus units, inner board, the computer, the network's own unit (W342 section 5-1-2).
const fn is_unit(unit: u8) -> bool {
    matches!(unit, 0 | 0x10..=0x1f | 0x20..=0x7f | 0xe1 | 0xfd | 0xfe)
}

/// The addresses a reply gives back turned round: network, node and unit that asked, service id, command.
type Key = ([u8; 3], u8, u16);

/// A run of words that is read or written: area and first word.
type Words = (u8, u16);

/// FINS between two ends.
struct Conversation {
    open: Asked<Key, (Text<48>, Option<Words>)>,
}

impl Conversation {
    fn fins(&mut self, fins: &Fins<'_>, emit: &mut Emit<'_>) {
        let mut acts = Acts::new();
        let verb = command(fins.command).map(|(_, verb)| verb);
        let is_response = fins.is_response();
        let mut object = fins.object();
        let mut words = fins.words();
        if is_response {
            (object, words) = self.open.answer(&(fins.destination, fins.id, fins.command)).unwrap_or_else(|| {
                match command(fins.command) {
                    Some((name, _)) => (text!["fins.", name], None),
                    None => (object, None),
                }
            });
        } else {
            self.open.ask((fins.source, fins.id, fins.command), (object, words));
        }
        // Bits 7 and 15 of the end code tell of relays and non-fatal errors of the controller, not of a refusal.
        let refused = fins.end.is_some_and(|end| end & 0x7f3f != 0);
        let named = Object::Named(object.as_str());
        match (verb, is_response) {
            (Some(verb), false) => acts.request(verb, named),
            (Some(verb), true) => acts.reply(verb, named, refused),
            (None, _) => acts.odd("fins.unknown-command"),
        }
        let [net, node, unit] = fins.source;
        let address: Text<16> = text![net, ".", node, ".", unit];
        if is_response && node != 0 {
            acts.says(Attribute::StationAddress, FactValue::Text(address.as_str()), 80, "fins.address");
        }
        if is_response && !refused {
            identity(&mut acts, fins);
        }
        let content = match (fins.command, is_response) {
            (command::MEMORY_READ, true) if !refused => Some(fins.data.rest()),
            // area, first word, bit and how many stand in front of what is written
            (command::MEMORY_WRITE, false) => fins.data.rest().get(6..),
            _ => None,
        };
        let readings = Stated(|to| {
            if let Some(((area, first), bytes)) = words.zip(content) {
                command::word_memory(area, first, bytes, to);
            }
        });
        if words.is_some() && content.is_some() {
            acts.push(Act::States(&readings));
        }
        emit.function(fins.command).message(
            if is_response { "response" } else { "command" },
            &mut acts,
            &Shown(|visit| show(visit, fins, &object)),
        );
    }
}

/// Model and version, or the mode.
fn identity<'a>(acts: &mut Acts<'a>, fins: &Fins<'a>) {
    let mut data = fins.data;
    match fins.command {
        command::CONTROLLER_DATA => {
            // The second half of the data may be asked for alone; it has no model in it.
            let (Ok(model), Ok(version)) = (data.take(20), data.take(20)) else { return };
            if model.first().is_some_and(u8::is_ascii_alphanumeric) {
                acts.says_text(Attribute::Model, printable(model), 90, "fins.controller-data");
                acts.says_text(Attribute::FirmwareVersion, printable(version), 90, "fins.controller-data");
            }
        }
        command::CONTROLLER_STATUS => {
            if let Ok([status, mode]) = data.array() {
                acts.says_text(Attribute::OperatingMode, mode_name(status, mode), 90, "fins.controller-status");
            }
        }
        _ => {}
    }
}

fn show(visit: &mut Visit<'_>, fins: &Fins<'_>, object: &Text<48>) {
    visit.number("icf", fins.control);
    visit.number("gct", fins.gateways);
    for (name, value) in ["dna", "da1", "da2"].into_iter().zip(fins.destination) {
        visit.number(name, value);
    }
    for (name, value) in ["sna", "sa1", "sa2"].into_iter().zip(fins.source) {
        visit.number(name, value);
    }
    visit.number("sid", fins.id);
    visit.coded("command", fins.command, command(fins.command).map(|(name, _)| name));
    visit.maybe("end_code", fins.end);
    visit.text("object", object.as_str());
    let mut data = fins.data;
    if fins.command == command::RUN && !fins.is_response() {
        let _program = data.take(2);
        visit.maybe("run_mode", data.u8().ok());
    }
}

/// The name of a FINS/TCP command that carries no frame.
const fn tcp_name(code: u32) -> &'static str {
    match code {
        0 => "node-address-request",
        1 => "node-address-reply",
        3 => "frame-error",
        6 => "connection-confirmation",
        _ => "connection",
    }
}

impl Frames for Conversation {
    fn frame(&self, carrier: Carrier, bytes: &[u8]) -> Frame {
        if carrier != Carrier::Tcp {
            return Frame::whole(bytes.len().max(1));
        }
        match (begins(bytes), bytes.first_chunk::<8>()) {
            (Probe::Yes, Some([_, _, _, _, length @ ..])) => {
                let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
                Frame::whole(length.saturating_add(8))
            }
            (Probe::NeedMore, _) => Frame::More,
            _ => {
                Frame::Lost(ParseError::Malformed { what: "fins/tcp header", at: 0, why: "letters, length or command" })
            }
        }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        begins(bytes)
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        if chunk.carrier != Carrier::Tcp {
            self.fins(&Fins::parse(bytes)?, emit);
            return Ok(());
        }
        let mut reader = Reader::new("fins/tcp header", bytes);
        let _magic_and_length = reader.take(8)?;
        let (code, error) = (reader.be32()?, reader.be32()?);
        if code == FRAME_SEND {
            self.fins(&Fins::parse(bytes.get(TCP_HEADER..).unwrap_or_default())?, emit);
            return Ok(());
        }
        let client = reader.be32().ok();
        let server = reader.be32().ok();
        emit.plain(
            tcp_name(code),
            &[],
            &Shown(|visit| {
                visit.number("tcp_command", code);
                visit.number("tcp_error", error);
                visit.maybe("client_node", client);
                visit.maybe("server_node", server);
            }),
        );
        Ok(())
    }

    fn lost(&mut self, _direction: Direction) {
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{self, datagram, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    const ASK: &str = "80 00 02 00 0a 00 00 0b 00 05";
    const ANSWER: &str = "c0 00 02 00 0b 00 00 0a 00 05";

    #[test]
    fn words_read_and_written() {
        let mut conversation = support::Conversation::new(&FINS, Carrier::Udp, 9_600);
        conversation.send(ToServer, &hex(&format!("{ASK} 0101 82 0064 00 0002")));
        conversation.send(ToClient, &hex(&format!("{ANSWER} 0101 0000 0001 fffe")));
        conversation.send(ToServer, &hex(&format!("{ASK} 0102 b0 0005 00 0001 1234")));
        conversation.send(ToClient, &hex(&format!("{ANSWER} 0102 0000")));
        let values: Vec<_> = conversation.heard.seen.iter().map(|seen| seen.values.concat()).collect();
        assert_eq!(values, ["", "states [\"D 100 = [00, 01, ff, fe]\"]", "states [\"CIO 5 = [12, 34]\"]", ""]);
    }

    #[test]
    fn commands_in_the_words_of_a_policy() {
        for (command, want) in [
            ("0101 82 0064 00 000a", "request read dm 100-109"),
            ("0102 82 0064 00 0001 1234", "request write dm 100"),
            ("0103 b0 0000 00 0002 0000", "request write cio 0-1"),
            ("0202 8000 0000 0001 00", "request program fins.parameter-area-write"),
            ("0306 0000 00000000 0010", "request transfer fins.program-area-read"),
            ("0307 0000 00000000 0010", "request program fins.program-area-write"),
            ("0308 ffff 00", "request program fins.program-area-clear"),
            ("0304 ffff 00", "request program fins.program-area-protect"),
            ("0401 ffff 04", "request control fins.run"),
            ("0402", "request control fins.stop"),
            ("0702 09 01 20 01 02", "request write fins.clock-write"),
            ("2301 0001 0001 30 0005 07", "request write cio 5.07"),
            ("2203 8000 4142432020202020 2e 4f424a", "request program file ABC     .OBJ"),
            ("0501 00", "request discover fins.controller-data-read"),
            ("7777", "odd fins.unknown-command"),
        ] {
            let bytes = hex(&format!("{ASK} {command}"));
            assert_eq!(datagram(&FINS, Carrier::Udp, 9_600, &bytes).seen[0].acts, [want]);
            let known = !want.starts_with("odd");
            let probe = FINS.probe(Carrier::Udp, ToServer, &bytes);
            assert_eq!(probe, if known { Probe::Yes } else { Probe::No }, "{command}");
        }
    }

    #[test]
    fn replies_identity_and_refusals() {
        let mut conversation = support::Conversation::new(&FINS, Carrier::Udp, 9_600);
        conversation.send(ToServer, &hex(&format!("{ASK} 0102 82 0064 00 0001 1234")));
        conversation.send(ToClient, &hex(&format!("{ANSWER} 0102 2108")));
        let model = "43504d312d45582020202020202020202020202020"[..40].to_owned();
        let version = format!("30312e32{}", "20".repeat(16));
        conversation.send(ToClient, &hex(&format!("{ANSWER} 0501 0000 {model} {version}")));
        conversation.send(ToClient, &hex(&format!("{ANSWER} 0601 0000 01 04 0000")));
        let acts: Vec<_> = conversation.heard.seen.iter().skip(1).map(|seen| seen.acts.clone()).collect();
        assert_eq!(acts[0], ["refusal write dm 100", "says station_address=0.10.0 (fins.address)"]);
        assert_eq!(
            acts[1],
            [
                "reply discover fins.controller-data-read",
                "says model=CPM1-EX (fins.controller-data)",
                "says firmware_version=01.2 (fins.controller-data)",
            ]
        );
        assert_eq!(acts[2][1], "says operating_mode=run (fins.controller-status)");
    }

    #[test]
    fn over_tcp() {
        let mut conversation = support::Conversation::new(&FINS, Carrier::Tcp, 9_600);
        conversation.send(ToServer, &hex("46494e53 0000000c 00000000 00000000 00000000"));
        conversation.send(ToServer, &hex(&format!("46494e53 00000014 00000002 00000000 {ASK} 0402")));
        let kinds: Vec<&str> = conversation.heard.seen.iter().map(|seen| seen.kind.as_str()).collect();
        assert_eq!(kinds, ["node-address-request", "command"]);
        assert_eq!(conversation.heard.seen[1].acts, ["request control fins.stop"]);
        assert_eq!(FINS.probe(Carrier::Tcp, ToServer, b"FIN"), Probe::NeedMore);
        assert_eq!(FINS.probe(Carrier::Tcp, ToServer, b"FINAL ANSWER"), Probe::No);
    }
}
