//! ROC Plus: flow computers and remote units of oil and gas plants (Emerson ROC800, FloBoss 107), over TCP and UDP.
//!
//! Reads unit and group of both ends, the operation, the point and parameter that single reads and writes are about, refusals, and that somebody
//! logs in. A message is taken for it by its checksum, an operation that exists and a length that is the whole of what was sent. Deliberately
//! not read: values, history, names of operators (a password stands beside them), files by name.
//!
//! Source: Emerson D301180X012 (message form, operation codes); the independent parser of CISA ICSNPP.

use dogwatch_model::{Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::sides::from_client;
use crate::text::{Text, text};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// ROC Plus.
pub(crate) static ROC_PLUS: FramedProtocol = FramedProtocol {
    name: "roc-plus",
    hints: &[Hint::Tcp(PORT), Hint::Udp(PORT)],
    carriers: &[Carrier::Tcp, Carrier::Udp],
    probe: |_, head| match whole(head) {
        Some(length) if length == head.len() && is_message(head) => Probe::Yes,
        _ => Probe::No,
    },
    frames: |_| Box::new(RocPlus),
};

const PORT: u16 = 4_000;
/// Bytes before the data: unit and group of receiver and sender, operation, length.
const HEADER: usize = 6;
/// An answer that says what was wrong.
const ERROR: u8 = 255;

/// What an operation code means and does.
const fn operation(code: u8) -> Option<(&'static str, Option<Verb>)> {
    Some(match code {
        6 => ("system-configuration", Some(Verb::Discover)),
        7 => ("read-clock", Some(Verb::Read)),
        8 => ("set-clock", Some(Verb::Write)),
        10 => ("read-table", Some(Verb::Read)),
        11 => ("write-table", Some(Verb::Write)),
        17 => ("login", Some(Verb::Login)),
        24 => ("store-and-forward", Some(Verb::Transfer)),
        50 => ("read-point-positions", Some(Verb::Read)),
        100 => ("user-information", Some(Verb::Read)),
        105 => ("read-extremes", Some(Verb::Read)),
        108 => ("read-history-tags", Some(Verb::Read)),
        118 => ("read-alarms", Some(Verb::Diagnose)),
        119 => ("read-events", Some(Verb::Diagnose)),
        135..=139 => ("read-history", Some(Verb::Read)),
        166 => ("write-point", Some(Verb::Write)),
        167 => ("read-point", Some(Verb::Read)),
        180 => ("read-parameters", Some(Verb::Read)),
        181 => ("write-parameters", Some(Verb::Write)),
        203 => ("file", Some(Verb::Transfer)),
        205 => ("network-message", None),
        206 => ("read-transactions", Some(Verb::Read)),
        224 => ("report-by-exception", None),
        225 => ("acknowledge-report", None),
        ERROR => ("error", None),
        _ => return None,
    })
}

/// CRC-16 with the polynomial 0x8005 reflected, started with ones, as the one public capture has it.
fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(u16::MAX, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xa001 } else { sum >> 1 })
    })
}

/// Length of the message at the front, its checksum included.
fn whole(bytes: &[u8]) -> Option<usize> {
    bytes.get(HEADER.saturating_sub(1)).map(|length| usize::from(*length).saturating_add(HEADER + 2))
}

/// Whether a known operation and the right checksum stand at the front.
fn is_message(bytes: &[u8]) -> bool {
    let known = bytes.get(4).is_some_and(|code| operation(*code).is_some());
    let message = whole(bytes).and_then(|length| bytes.get(..length));
    known
        && message.and_then(<[u8]>::split_last_chunk).is_some_and(|(front, sum)| crc(front) == u16::from_le_bytes(*sum))
}

/// Messages of one conversation; an answer carries the operation it answers.
struct RocPlus;

impl Frames for RocPlus {
    fn frame(&self, carrier: Carrier, bytes: &[u8]) -> Frame {
        match whole(bytes) {
            _ if bytes.get(4).is_some_and(|code| operation(*code).is_none()) => {
                Frame::Lost(ParseError::Malformed { what: "roc-plus", at: 4, why: "operation" })
            }
            Some(length) if carrier.is_stream() && bytes.len() >= length && !is_message(bytes) => {
                Frame::Lost(ParseError::Malformed { what: "roc-plus", at: 0, why: "checksum" })
            }
            Some(length) => Frame::whole(length),
            None => Frame::More,
        }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        match whole(bytes) {
            Some(length) if bytes.len() >= length => {
                if is_message(bytes) {
                    Probe::Yes
                } else {
                    Probe::No
                }
            }
            _ if bytes.get(4).is_some_and(|code| operation(*code).is_none()) => Probe::No,
            _ => Probe::NeedMore,
        }
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        if !is_message(bytes) {
            return Err(ParseError::Malformed { what: "roc-plus", at: 0, why: "checksum" });
        }
        let mut reader = Reader::new("roc-plus", bytes);
        let [to, to_group, from, from_group, code, length] = reader.array()?;
        let data = reader.take(length.into())?;
        let is_request = from_client(chunk, &[PORT]);
        // An error names the operation it refuses behind its reason.
        let (meant, refused) = if code == ERROR { (data.get(1).copied().unwrap_or(code), true) } else { (code, false) };
        let (name, verb) = operation(meant).unwrap_or(("other", None));
        let point = if is_request { point(meant, data) } else { None };
        let whole_name: Text<48> = text!["roc.", name];
        let object = Object::Named(point.as_ref().unwrap_or(&whole_name).as_str());
        let mut acts = Acts::new();
        match verb {
            Some(verb) if is_request && !refused => acts.request(verb, object),
            Some(verb) => acts.reply(verb, object, refused),
            None => {}
        }
        let fields = Shown(|visit| {
            visit.number("destination_unit", to);
            visit.number("destination_group", to_group);
            visit.number("source_unit", from);
            visit.number("source_group", from_group);
            visit.coded("opcode", code, operation(code).map(|(name, _)| name));
            visit.number("data_length", length);
        });
        emit.function(code).message(if is_request { "request" } else { "response" }, &mut acts, &fields);
        Ok(())
    }
}

/// The point and the first parameter that a request is about.
fn point(code: u8, data: &[u8]) -> Option<Text<48>> {
    let (kind, number, parameter) = match (code, data) {
        // Type, number, count of parameters, first parameter.
        (166 | 167, [kind, number, _, parameter, ..]) => (kind, number, parameter),
        // Count, then type, number and parameter of each.
        (180 | 181, [_, kind, number, parameter, ..]) => (kind, number, parameter),
        _ => return None,
    };
    Some(text!["point ", *kind, ".", *number, " parameter ", *parameter])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    const CLOCK: &str = "05c8f0000700d0ae";
    const WRITE: &str = "05c8f000a605030101024184c9";

    #[test]
    fn the_checksum() {
        // The check value of CRC-16/MODBUS.
        assert_eq!(crc(b"123456789"), 0x4b37);
    }

    #[test]
    fn operations_and_answers() {
        let mut conversation = Conversation::new(&ROC_PLUS, Carrier::Tcp, PORT);
        for (direction, bytes, want) in [
            (ToServer, CLOCK, &["request read roc.read-clock"][..]),
            (ToClient, "f00005c807081e2d0c1b0b07ea06324f", &["reply read roc.read-clock"]),
            (ToServer, WRITE, &["request write point 3.1 parameter 2"]),
            (ToClient, "f00005c8a600ee79", &["reply write roc.write-point"]),
            (ToServer, "05c8f000b40702030101030102c70c", &["request read point 3.1 parameter 1"]),
            (ToServer, "05c8f00011054c4f4903e840dc", &["request login roc.login"]),
            (ToClient, "f00005c8ff020611fcb2", &["refusal login roc.login"]),
        ] {
            conversation.send(direction, &hex(bytes));
            assert_eq!(conversation.heard.seen.last().unwrap().acts, want, "{bytes}");
        }
        assert_eq!(conversation.heard.errors, []);
    }

    #[test]
    fn what_is_no_message() {
        let bytes = hex(WRITE);
        assert_eq!(ROC_PLUS.probe(Carrier::Udp, ToServer, &bytes), Probe::Yes);
        for end in 0..bytes.len() {
            assert_eq!(ROC_PLUS.probe(Carrier::Udp, ToServer, &bytes[..end]), Probe::No, "cut at {end}");
        }
        for at in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] ^= 0x10;
            assert_eq!(ROC_PLUS.probe(Carrier::Udp, ToServer, &wrong), Probe::No, "changed at {at}");
        }
        assert_eq!(ROC_PLUS.probe(Carrier::Udp, ToServer, &[&bytes[..], &[0]].concat()), Probe::No);
    }
}
