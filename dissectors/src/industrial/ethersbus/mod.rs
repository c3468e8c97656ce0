//! Saia Ether-S-Bus: PCD controllers over UDP 5050.
//!
//! Reads requests by command with the first place and count, answers paired by sequence, refusals, firmware. Deliberately not read: values.
//!
//! Source: Saia-Burgess "S-Bus manual" 26-739 (commands) and the field layout of an independent decoder.

use dogwatch_model::{Attribute, Direction, FactValue, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::asked::Asked;
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// Ether-S-Bus.
pub(crate) static ETHER_S_BUS: FramedProtocol = FramedProtocol {
    name: "ether-s-bus",
    hints: &[Hint::Udp(5_050)],
    carriers: &[Carrier::Udp],
    probe: |_, head| if Telegram::parse(head).is_ok() { Probe::Yes } else { Probe::No },
    frames: |limits| Box::new(Sbus { open: Asked::new(limits) }),
};

const REQUEST: u8 = 0;
const ANSWER: u8 = 1;
const ACKNOWLEDGE: u8 = 2;
const FIRMWARE: u8 = 32;

/// CRC-16 with the polynomial 0x1021, starting from zero.
fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum: u16, byte| {
        (0..8).fold(sum ^ u16::from(*byte) << 8, |sum, _| if sum & 0x8000 != 0 { sum << 1 ^ 0x1021 } else { sum << 1 })
    })
}

/// Name and verb of a command.
const fn command(code: u8) -> Option<(&'static str, Verb)> {
    Some(match code {
        0 => ("counter", Verb::Read),
        1 => ("display", Verb::Read),
        2 => ("flag", Verb::Read),
        3 => ("input", Verb::Read),
        4 => ("clock", Verb::Read),
        5 => ("output", Verb::Read),
        6 => ("register", Verb::Read),
        7 => ("timer", Verb::Read),
        10 => ("counter", Verb::Write),
        11 => ("flag", Verb::Write),
        12 => ("clock", Verb::Write),
        13 => ("output", Verb::Write),
        14 => ("register", Verb::Write),
        15 => ("timer", Verb::Write),
        19 => ("multi-media", Verb::Write),
        20..=27 => ("status", Verb::Diagnose),
        29 => ("station-number", Verb::Discover),
        FIRMWARE => ("firmware", Verb::Discover),
        30 | 31 | 33 | 34 => ("program", Verb::Transfer),
        35..=37 => ("program", Verb::Program),
        40..=48 => ("run", Verb::Control),
        50..=57 => ("restart-cold", Verb::Control),
        60..=68 => ("stop", Verb::Control),
        70..=75 => ("cpu", Verb::Diagnose),
        80..=83 => ("cpu", Verb::Write),
        90..=94 => ("clear", Verb::Control),
        100..=107 => ("restart-warm", Verb::Control),
        110..=117 => ("program", Verb::Program),
        _ => return None,
    })
}

/// One telegram.
#[derive(Debug, Clone, Copy)]
struct Telegram<'a> {
    sequence: u16,
    attribute: u8,
    body: &'a [u8],
}

impl<'a> Telegram<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        const BAD: ParseError =
            ParseError::Malformed { what: "ether-s-bus", at: 0, why: "length, version or attribute" };
        let Some((front, sum)) = bytes.split_last_chunk() else {
            return Err(ParseError::Incomplete { what: "ether-s-bus" });
        };
        let mut reader = Reader::new("ether-s-bus", front);
        let length = reader.be32()?;
        let [version, kind] = reader.array()?;
        let sequence = reader.be16()?;
        let attribute = reader.u8()?;
        if usize::try_from(length) != Ok(bytes.len()) || version > 1 || kind != 0 || attribute > ACKNOWLEDGE {
            return Err(BAD);
        }
        if checksum(front) != u16::from_be_bytes(*sum) {
            return Err(ParseError::Checksum { what: "ether-s-bus" });
        }
        Ok(Self { sequence, attribute, body: reader.rest() })
    }
}

/// The place a request is about: for reads a count of values less one, then the first; for writes the bytes that follow come in between.
fn object(code: u8, body: &[u8]) -> Text<48> {
    let Some((name, _)) = command(code) else { return Text::of(format_args!("s-bus.{code:#04x}")) };
    match (code, body) {
        (0 | 2 | 3 | 5 | 6 | 7, [count, a0, a1, ..]) => {
            let first = u16::from_be_bytes([*a0, *a1]);
            match first.saturating_add(u16::from(*count)) {
                last if last > first => Text::of(format_args!("{name} {first}-{last}")),
                _ => Text::of(format_args!("{name} {first}")),
            }
        }
        (10 | 11 | 13..=15, [_, a0, a1, ..]) => Text::of(format_args!("{name} {}", u16::from_be_bytes([*a0, *a1]))),
        _ => Text::of(format_args!("s-bus.{name}")),
    }
}

/// Ether-S-Bus between two ends.
struct Sbus {
    open: Asked<u16, (Option<Verb>, u8, Text<48>)>,
}

impl Frames for Sbus {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        Frame::whole(bytes.len().max(1))
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let telegram = Telegram::parse(bytes)?;
        let mut acts = Acts::new();
        let mut firmware = Text::<32>::new();
        let (verb, code, name) = match (telegram.attribute, telegram.body) {
            (REQUEST, [_station, code, rest @ ..]) => {
                let open = (command(*code).map(|(_, verb)| verb), *code, object(*code, rest));
                self.open.ask(telegram.sequence, open);
                open
            }
            (REQUEST, _) => return Err(ParseError::Incomplete { what: "ether-s-bus request" }),
            _ => self.open.answer(&telegram.sequence).unwrap_or((None, u8::MAX, Text::new())),
        };
        // An acknowledgement of zero is yes, anything else no.
        let refused = telegram.attribute == ACKNOWLEDGE && telegram.body.iter().any(|byte| *byte != 0);
        match (verb, telegram.attribute) {
            (Some(verb), REQUEST) => acts.request(verb, Object::Named(name.as_str())),
            (Some(verb), _) => acts.reply(verb, Object::Named(name.as_str()), refused),
            (None, _) => {}
        }
        if let (FIRMWARE, ANSWER, Some((model, version))) =
            (code, telegram.attribute, telegram.body.split_at_checked(5))
        {
            acts.says_text(Attribute::Model, printable(model), 85, "s-bus.firmware");
            if let Some(version) = printable(version) {
                firmware = Text::of(format_args!("{version}"));
            }
        }
        if !firmware.is_empty() {
            acts.says(Attribute::FirmwareVersion, FactValue::Text(firmware.as_str()), 85, "s-bus.firmware");
        }
        let kind = match telegram.attribute {
            REQUEST => "request",
            ANSWER => "answer",
            _ => "acknowledge",
        };
        let fields = Shown(|visit| {
            visit.number("sequence", telegram.sequence);
            visit.number("attribute", telegram.attribute);
            if telegram.attribute == REQUEST {
                visit.coded("command", code, command(code).map(|(name, _)| name));
                visit.maybe("station", telegram.body.first().copied());
            }
        });
        emit.function(code).message(kind, &mut acts, &fields);
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

    fn telegram(sequence: u8, attribute: u8, body: &str) -> Vec<u8> {
        let body = hex(body);
        let mut bytes = u32::try_from(body.len() + 11).unwrap().to_be_bytes().to_vec();
        bytes.extend([1, 0, 0, sequence, attribute]);
        bytes.extend(body);
        let sum = checksum(&bytes);
        bytes.extend(sum.to_be_bytes());
        bytes
    }

    #[test]
    fn the_checksum_is_that_of_the_catalogue() {
        // CRC-16/XMODEM over "123456789".
        assert_eq!(checksum(b"123456789"), 0x31c3);
    }

    #[test]
    fn requests_and_answers() {
        let mut conversation = Conversation::new(&ETHER_S_BUS, Carrier::Udp, 5_050);
        conversation.send(ToServer, &telegram(1, REQUEST, "0a 06 09 0064"));
        conversation.send(ToServer, &telegram(2, REQUEST, "0a 0e 05 0064 00000007"));
        conversation.send(ToClient, &telegram(2, ACKNOWLEDGE, "0001"));
        conversation.send(ToServer, &telegram(3, REQUEST, "0a 43"));
        conversation.send(ToServer, &telegram(4, REQUEST, "0a 20"));
        conversation.send(ToClient, &telegram(4, ANSWER, "58324d3437 303131"));
        let acts: Vec<_> = conversation.heard.seen.iter().map(|seen| seen.acts.clone()).collect();
        assert_eq!(acts[0], ["request read register 100-109"]);
        assert_eq!(acts[1], ["request write register 100"]);
        assert_eq!(acts[2], ["refusal write register 100"]);
        assert_eq!(acts[3], ["request control s-bus.stop"]);
        assert_eq!(
            acts[5],
            [
                "reply discover s-bus.firmware",
                "says model=X2M47 (s-bus.firmware)",
                "says firmware_version=011 (s-bus.firmware)",
            ]
        );
    }

    #[test]
    fn one_wrong_bit_is_not_ours() {
        let whole = telegram(1, REQUEST, "0a 06 09 0064");
        assert_eq!(ETHER_S_BUS.probe(Carrier::Udp, ToServer, &whole), Probe::Yes);
        for at in 0..whole.len() {
            let mut wrong = whole.clone();
            wrong[at] ^= 0x10;
            assert_eq!(ETHER_S_BUS.probe(Carrier::Udp, ToServer, &wrong), Probe::No, "byte {at}");
        }
    }
}
