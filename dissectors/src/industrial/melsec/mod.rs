//! Mitsubishi MELSEC communication protocol (MC protocol, SLMP): 3E and 4E frames, binary and ASCII, and the dialect of the engineering tool.
//!
//! Reads commands with device or file, end codes, replies paired with requests, the CPU's model. Of the dialect (subheader 0x57) only what the
//! frames of public captures show: header, command group, model. Deliberately not read: values, 1E frames (two bytes that could be anything),
//! passwords.
//!
//! Source: Mitsubishi SH-080008 (3E, 4E), SLMP reference BAP-C3002; the dialect has no public specification.

mod command;

use dogwatch_model::{Act, Attribute, Direction, Object, Verb};

use self::command::{command, device, dialect, place};
use crate::acts::{Acts, Emit, Shown, Stated, Visit};
use crate::asked::Asked;
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// MELSEC.
pub(crate) static MELSEC: FramedProtocol = FramedProtocol {
    name: "melsec",
    hints: &[
        Hint::Tcp(5_007),
        Hint::Tcp(5_006),
        Hint::Tcp(5_001),
        Hint::Tcp(5_002),
        Hint::Tcp(5_562),
        Hint::Udp(5_000),
        Hint::Udp(5_001),
        Hint::Udp(5_006),
        Hint::Udp(5_560),
    ],
    carriers: &[Carrier::Tcp, Carrier::Udp],
    probe,
    frames: |limits| Box::new(Melsec { open: Asked::new(limits) }),
};

/// Longest message believed; the manual allows less than 2,100 bytes of data in binary, twice that in ASCII.
const LONGEST: usize = 9_000;

/// The form of a frame, by its subheader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Form {
    ascii: bool,
    numbered: bool,
    dialect: bool,
    reply: bool,
}

impl Form {
    /// By the first bytes; `None` when they are of no form, or too few.
    const fn of(bytes: &[u8]) -> Option<Self> {
        let plain = Self { ascii: false, numbered: false, dialect: false, reply: false };
        Some(match bytes {
            [0x50, 0, ..] => plain,
            [0xd0, 0, ..] => Self { reply: true, ..plain },
            [0x54, 0, _, _, 0, 0, ..] => Self { numbered: true, ..plain },
            [0xd4, 0, _, _, 0, 0, ..] => Self { numbered: true, reply: true, ..plain },
            [0x57, _, 0, 0, 0, 0x11, 0x11, ..] => Self { dialect: true, ..plain },
            [0xd7, _, 0, 0, 0, 0x11, 0x11, ..] => Self { dialect: true, reply: true, ..plain },
            [b'5', b'0', b'0', b'0', ..] => Self { ascii: true, ..plain },
            [b'D', b'0', b'0', b'0', ..] => Self { ascii: true, reply: true, ..plain },
            [b'5', b'4', b'0', b'0', _, _, _, _, b'0', b'0', b'0', b'0', ..] => {
                Self { ascii: true, numbered: true, ..plain }
            }
            [b'D', b'4', b'0', b'0', _, _, _, _, b'0', b'0', b'0', b'0', ..] => {
                Self { ascii: true, numbered: true, reply: true, ..plain }
            }
            _ => return None,
        })
    }

    /// Where the length field stands.
    const fn length_at(self) -> usize {
        match (self.dialect, self.ascii, self.numbered) {
            (true, ..) => 19,
            (false, false, false) => 7,
            (false, false, true) => 11,
            (false, true, false) => 14,
            (false, true, true) => 22,
        }
    }
}

/// Four hexadecimal digits.
fn digits(bytes: &[u8]) -> Option<u32> {
    bytes.iter().all(u8::is_ascii_hexdigit).then(|| std::str::from_utf8(bytes).ok())??.parse_hex()
}

/// Numbers in ASCII frames.
trait ParseHex {
    fn parse_hex(&self) -> Option<u32>;
}

impl ParseHex for str {
    fn parse_hex(&self) -> Option<u32> {
        u32::from_str_radix(self, 16).ok()
    }
}

/// Length of the message at the front, or what keeps from telling.
fn length(bytes: &[u8]) -> Result<Option<(Form, usize)>, ParseError> {
    const BAD: ParseError = ParseError::Malformed { what: "melsec header", at: 0, why: "subheader, station or length" };
    let Some(form) = Form::of(bytes) else {
        return if bytes.len() >= 12 || !could_become(bytes) { Err(BAD) } else { Ok(None) };
    };
    let at = form.length_at();
    let width = if form.ascii { 4 } else { 2 };
    let Some(header) = bytes.get(..at.saturating_add(width)) else { return Ok(None) };
    // In front of the length: destination I/O (0x03ff the own CPU, 0x03d0 to 0x03e3 others of a rack) and station.
    let right = match (form.dialect, form.ascii, header.get(at.saturating_sub(if form.ascii { 6 } else { 3 })..at)) {
        (true, ..) => true,
        (false, false, Some([low, 3, _])) => *low == 0xff || matches!(low, 0xd0..=0xe3),
        (false, true, Some([b'0', b'3', ..])) => true,
        _ => false,
    };
    let field = header.get(at..).unwrap_or_default();
    let stated = match (form.ascii, field) {
        (false, [l0, l1]) => Some(u32::from(u16::from_le_bytes([*l0, *l1]))),
        (true, field) => digits(field),
        _ => None,
    };
    let stated =
        stated.and_then(|stated| usize::try_from(stated).ok()).filter(|stated| (2..LONGEST).contains(stated) && right);
    let stated = stated.ok_or(BAD)?;
    Ok(Some((form, stated.saturating_add(header.len()))))
}

/// Whether the few bytes at hand are the start of a subheader.
fn could_become(bytes: &[u8]) -> bool {
    match bytes {
        [] | [0x50 | 0xd0 | 0x54 | 0xd4 | 0x57 | 0xd7 | b'5' | b'D'] => true,
        [0x50 | 0xd0 | 0x54 | 0xd4, 0] | [0x54 | 0xd4, 0, _] | [0x54 | 0xd4, 0, _, _] | [0x54 | 0xd4, 0, _, _, 0] => {
            true
        }
        [b'5' | b'D', b'0' | b'4', rest @ ..] => {
            rest.iter().zip(b"00").all(|(have, want)| have == want) && rest.len() < 10
        }
        [0x57 | 0xd7, _, rest @ ..] => rest.iter().zip([0, 0, 0, 0x11, 0x11]).all(|(have, want)| *have == want),
        _ => false,
    }
}

fn probe(carrier: Carrier, head: &[u8]) -> Probe {
    match length(head) {
        Err(_) => Probe::No,
        Ok(None) if carrier.is_stream() => Probe::NeedMore,
        Ok(None) => Probe::No,
        Ok(Some((form, len))) => {
            if !carrier.is_stream() && len != head.len() {
                return Probe::No;
            }
            let Some(whole) = head.get(..len) else {
                return if carrier.is_stream() { Probe::NeedMore } else { Probe::No };
            };
            // A command that exists, or an answer that ends where the bytes do.
            let known = Mc::parse(form, whole).is_ok_and(|mc| mc.is_plausible());
            if known && (form.dialect || !form.reply || len == head.len()) { Probe::Yes } else { Probe::No }
        }
    }
}

/// One message.
#[derive(Debug, Clone, Copy)]
struct Mc<'a> {
    form: Form,
    number: u16,
    end: Option<u16>,
    command: Option<u16>,
    sub: Option<u16>,
    data: &'a [u8],
}

impl<'a> Mc<'a> {
    fn parse(form: Form, bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new("melsec", bytes);
        let width = if form.ascii { 4 } else { 2 };
        let mut mc = Self { form, number: 0, end: None, command: None, sub: None, data: &[] };
        if form.dialect {
            mc.dialect(bytes)?;
            return Ok(mc);
        }
        let _subheader = reader.take(width)?;
        if form.numbered {
            mc.number = mc.number16(&mut reader)?;
            let _reserved = reader.take(width)?;
        }
        // Network, PC, destination I/O, station; then the length.
        let _route = reader.take(if form.ascii { 10 } else { 5 })?;
        let _length = reader.take(width)?;
        if form.reply {
            mc.end = Some(mc.number16(&mut reader)?);
        } else {
            let _timer = reader.take(width)?;
            mc.command = Some(mc.number16(&mut reader)?);
            mc.sub = Some(mc.number16(&mut reader)?);
        }
        mc.data = reader.rest();
        Ok(mc)
    }

    /// The body of the dialect: `1c` or `9c`, then a fixed block, in answers an end code, command and running number.
    fn dialect(&mut self, bytes: &'a [u8]) -> Result<(), ParseError> {
        let mut body = Reader::new("melsoft", bytes.get(21..).unwrap_or_default());
        let kind = body.u8()?;
        if kind != if self.form.reply { 0x9c } else { 0x1c } {
            return Err(ParseError::Malformed { what: "melsoft", at: 21, why: "neither question nor answer" });
        }
        let _fixed = body.take(23)?;
        if self.form.reply {
            self.end = Some(body.le16()?);
        }
        self.command = Some(body.be16()?);
        self.number = body.le16()?;
        self.data = body.rest();
        Ok(())
    }

    fn number16(&self, reader: &mut Reader<'a>) -> Result<u16, ParseError> {
        if !self.form.ascii {
            return reader.le16();
        }
        let number = digits(reader.take(4)?).and_then(|number| u16::try_from(number).ok());
        number.ok_or(ParseError::Malformed { what: "melsec", at: 0, why: "not a hexadecimal digit" })
    }

    fn is_plausible(&self) -> bool {
        match (self.form.dialect, self.command) {
            (true, _) => true,
            (false, Some(code)) => command(code).is_some(),
            (false, None) => true,
        }
    }

    fn operation(&self) -> Option<(&'static str, Verb)> {
        match (self.form.dialect, self.command?) {
            (true, code) => Some(dialect(code)),
            (false, code) => command(code),
        }
    }

    /// The devices of a batch read or write.
    fn devices(&self) -> Option<Text<40>> {
        if !matches!(self.command, Some(command::READ | command::WRITE)) || self.form.dialect {
            return None;
        }
        // Sub-commands 2 and 3 are of the iQ-R series, with longer numbers.
        let is_long = matches!(self.sub, Some(2 | 3));
        if self.form.ascii {
            let (letters, rest) = self.data.split_at_checked(if is_long { 4 } else { 2 })?;
            let (number, rest) = rest.split_at_checked(if is_long { 8 } else { 6 })?;
            let letters = std::str::from_utf8(letters).ok()?.trim_end_matches('*');
            let is_hex = matches!(letters, "X" | "Y" | "B" | "W" | "SB" | "SW" | "DX" | "DY" | "ZR");
            let first = if is_hex { digits(number)? } else { std::str::from_utf8(number).ok()?.parse().ok()? };
            let count = u16::try_from(digits(rest.get(..4)?)?).ok()?;
            return letters
                .bytes()
                .all(|letter| letter.is_ascii_uppercase())
                .then(|| place(letters, is_hex, first, count));
        }
        let mut reader = Reader::new("melsec devices", self.data);
        let [a, b, c] = reader.array().ok()?;
        let high = if is_long { reader.u8().ok()? } else { 0 };
        let code = reader.u8().ok()?;
        let _high_half_of_code = if is_long { reader.u8().ok()? } else { 0 };
        let count = reader.le16().ok()?;
        let first = u32::from_le_bytes([a, b, c, high]);
        Some(match device(code) {
            Some((letters, is_hex)) => place(letters, is_hex, first, count),
            None => place("device-", false, first, count),
        })
    }

    /// Code and number of the first of the word devices that are read or written in a binary frame; bits (sub-commands 1 and 3) are none.
    fn words(&self) -> Option<(u8, u32)> {
        let is_of_words = matches!((self.command, self.sub), (Some(command::READ | command::WRITE), Some(0 | 2)));
        if !is_of_words || self.form.ascii || self.form.dialect {
            return None;
        }
        let mut reader = Reader::new("melsec devices", self.data);
        let [a, b, c] = reader.array().ok()?;
        let high = if self.sub == Some(2) { reader.u8().ok()? } else { 0 };
        Some((reader.u8().ok()?, u32::from_le_bytes([a, b, c, high])))
    }

    fn object(&self) -> Text<40> {
        match (self.devices(), self.operation()) {
            (Some(devices), _) => devices,
            (None, Some((name, _))) if self.form.dialect => Text::of(format_args!("melsoft.{name}")),
            (None, Some((name, _))) => Text::of(format_args!("melsec.{name}")),
            (None, None) => Text::of(format_args!("melsec.{:04x}", self.command.unwrap_or_default())),
        }
    }
}

/// A request that waits.
#[derive(Debug, Clone, Copy)]
struct Open {
    verb: Option<Verb>,
    command: Option<u16>,
    object: Text<40>,
    words: Option<(u8, u32)>,
}

/// MELSEC between two ends.
struct Melsec {
    /// By running number; frames without one answer the only question there is.
    open: Asked<u16, Open>,
}

impl Melsec {
    fn message(&mut self, mc: &Mc<'_>, emit: &mut Emit<'_>) {
        let mut acts = Acts::new();
        let mut open = Open {
            verb: mc.operation().map(|(_, verb)| verb),
            command: mc.command,
            object: mc.object(),
            words: mc.words(),
        };
        if mc.form.reply {
            let asked = self.open.answer(&mc.number);
            if !mc.form.dialect {
                open = asked.unwrap_or(Open { verb: None, command: None, object: Text::new(), words: None });
            }
        } else {
            self.open.ask(mc.number, open);
        }
        let refused = mc.end.is_some_and(|end| end != 0);
        let object = Object::Named(open.object.as_str());
        match (open.verb, mc.form.reply) {
            (Some(verb), false) => acts.request(verb, object),
            (Some(verb), true) => acts.reply(verb, object, refused),
            (None, _) => {}
        }
        let is_model =
            matches!((mc.form.dialect, open.command), (false, Some(command::READ_MODEL)) | (true, Some(0x0121)));
        if is_model && mc.form.reply && !refused {
            // The dialect has two more bytes in front.
            let from = if mc.form.dialect { 2_usize } else { 0 };
            let text = mc.data.get(from..from.saturating_add(16)).and_then(printable);
            acts.says_text(Attribute::Model, text, 90, "melsec.model");
        }
        // device number, code and how many stand in front of what is written: six bytes, eight in the longer form of the iQ-R series
        let in_front = if mc.sub == Some(2) { 8_usize } else { 6 };
        let content = match (open.command, mc.form.reply) {
            (Some(command::READ), true) if !refused => Some(mc.data),
            (Some(command::WRITE), false) => mc.data.get(in_front..),
            _ => None,
        };
        let readings = Stated(|to| {
            if let Some(((code, first), bytes)) = open.words.zip(content) {
                command::word_memory(code, first, bytes, to);
            }
        });
        if open.words.is_some() && content.is_some() {
            acts.push(Act::States(&readings));
        }
        let kind = if mc.form.reply { "response" } else { "request" };
        emit.function(mc.command.map_or(0, u32::from)).message(kind, &mut acts, &Shown(|visit| show(visit, mc, &open)));
    }
}

fn show(visit: &mut Visit<'_>, mc: &Mc<'_>, open: &Open) {
    let frame = match (mc.form.dialect, mc.form.numbered) {
        (true, _) => "melsoft",
        (false, true) => "4e",
        (false, false) => "3e",
    };
    visit.text("frame", frame);
    visit.flag("ascii", mc.form.ascii);
    if mc.form.numbered || mc.form.dialect {
        visit.number("number", mc.number);
    }
    if let Some(code) = mc.command.or(open.command) {
        let name = if mc.form.dialect { Some(dialect(code).0) } else { command(code).map(|(name, _)| name) };
        visit.coded("command", code, name);
    }
    visit.maybe("subcommand", mc.sub);
    visit.maybe("end_code", mc.end);
    visit.maybe_text("object", Some(open.object.as_str()).filter(|text| !text.is_empty()));
}

impl Frames for Melsec {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        match length(bytes) {
            Ok(Some((_, len))) => Frame::whole(len),
            Ok(None) => Frame::More,
            Err(error) => Frame::Lost(error),
        }
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let Ok(Some((form, _))) = length(bytes) else {
            return Err(ParseError::Incomplete { what: "melsec" });
        };
        self.message(&Mc::parse(form, bytes)?, emit);
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
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    /// A 3E request in binary.
    fn ask(body: &str) -> Vec<u8> {
        let body = hex(body);
        let mut bytes = hex("5000 00 ff ff03 00");
        bytes.extend(u16::try_from(body.len() + 2).unwrap().to_le_bytes());
        bytes.extend([0x10, 0]);
        bytes.extend(body);
        bytes
    }

    #[test]
    fn words_read_and_written() {
        let mut conversation = Conversation::new(&MELSEC, Carrier::Tcp, 5_007);
        conversation.send(ToServer, &ask("0104 0000 640000 a8 0200"));
        conversation.send(ToClient, &hex("d000 00 ff ff03 00 0600 0000 0100 feff"));
        conversation.send(ToServer, &ask("0114 0200 64000000 a800 0100 3412"));
        // a word of the hexadecimal device W, and bits
        conversation.send(ToServer, &ask("0114 0000 640000 b4 0100 3412"));
        conversation.send(ToServer, &ask("0114 0100 1f0000 9d 0100 10"));
        let values: Vec<_> = conversation.heard.seen.iter().map(|seen| seen.values.concat()).collect();
        let written = "states [\"D 100 = [34, 12]\"]";
        assert_eq!(values, ["", "states [\"D 100 = [01, 00, fe, ff]\"]", written, "states []", ""]);
    }

    #[test]
    fn commands_in_the_words_of_a_policy() {
        for (body, want) in [
            ("0104 0000 640000 a8 0a00", "request read D100-109"),
            ("0114 0000 640000 a8 0100 3412", "request write D100"),
            ("0114 0100 1f0000 9d 0100 10", "request write Y1F"),
            ("0104 0200 64000000 a800 0200", "request read D100-101"),
            ("0614 0000 01", "request write melsec.write-blocks"),
            ("0110 0000 0300 00 00", "request control melsec.remote-run"),
            ("0210 0000 0100", "request control melsec.remote-stop"),
            ("0610 0000 0100", "request control melsec.remote-reset"),
            ("2918 0000 0000", "request program melsec.write-file"),
            ("3016 0000 0400 31323334", "request login melsec.unlock"),
            ("0101 0000", "request discover melsec.read-model"),
        ] {
            for carrier in [Carrier::Tcp, Carrier::Udp] {
                let mut conversation = Conversation::new(&MELSEC, carrier, 5_007);
                let bytes = ask(body);
                assert_eq!(MELSEC.probe(carrier, ToServer, &bytes), Probe::Yes, "{body}");
                conversation.send(ToServer, &bytes);
                assert_eq!(conversation.heard.seen[0].acts, [want]);
            }
        }
        assert_eq!(MELSEC.probe(Carrier::Udp, ToServer, &ask("7777 0000")), Probe::No);
    }

    #[test]
    fn ascii_numbered_frames_and_refusals() {
        let mut conversation = Conversation::new(&MELSEC, Carrier::Tcp, 5_007);
        // SH-080008 clause 3.1: all numbers as hexadecimal digits, device numbers decimal.
        conversation.send(ToServer, b"500000FF03FF000018001004010000D*0001000002");
        conversation.send(ToClient, b"D00000FF03FF000004C059");
        conversation.send(ToServer, &hex("5400 3412 0000 00 ff ff03 00 0600 1000 0101 0000"));
        conversation.send(ToServer, &hex("5400 3512 0000 00 ff ff03 00 0c00 1000 0104 0000 640000 a8 0100"));
        let model = "513036554448435055202020202020 20";
        conversation.send(ToClient, &hex(&format!("d400 3412 0000 00 ff ff03 00 1400 0000 {model} 6302")));
        let acts: Vec<_> = conversation.heard.seen.iter().map(|seen| seen.acts.clone()).collect();
        assert_eq!(acts[0], ["request read D100-101"]);
        assert_eq!(acts[1], ["refusal read D100-101"]);
        assert_eq!(acts[4], ["reply discover melsec.read-model", "says model=Q06UDHCPU (melsec.model)"]);
    }

    #[test]
    fn the_engineering_dialect() {
        let head = |first: &str, len: &str| format!("{first}00 0000001111 07 0000 ffff 03 0000 fe 03 0000 {len}");
        let fixed = "00".repeat(22);
        let mut conversation = Conversation::new(&MELSEC, Carrier::Tcp, 5_562);
        let write = hex(&format!("{} 1c {fixed}00 1410 0100 0000", head("57", "1e00")));
        assert_eq!(MELSEC.probe(Carrier::Tcp, ToServer, &write), Probe::Yes);
        conversation.send(ToServer, &write);
        conversation.send(
            ToClient,
            &hex(&format!(
                "{} 9c {fixed}00 0000 0121 0200 0000 4658332d5800 0000 00000000 00000000",
                head("d7", "3000")
            )),
        );
        assert_eq!(conversation.heard.seen[0].acts, ["request write melsoft.write"]);
        assert_eq!(
            conversation.heard.seen[1].acts,
            ["reply discover melsoft.read-model", "says model=FX3-X (melsec.model)"]
        );
    }

    #[test]
    fn what_the_first_bytes_tell() {
        let whole = ask("0104 0000 640000 a8 0a00");
        for end in 0..whole.len() {
            assert_eq!(MELSEC.probe(Carrier::Tcp, ToServer, &whole[..end]), Probe::NeedMore, "cut at {end}");
            assert_eq!(MELSEC.probe(Carrier::Udp, ToServer, &whole[..end]), Probe::No, "cut at {end}");
        }
        for other in [&b"5000 is a number, and more"[..], b"P\0T\0 some words here", b"GET / HTTP/1.1\r\n\r\n"] {
            assert_eq!(MELSEC.probe(Carrier::Tcp, ToServer, other), Probe::No);
        }
    }
}
