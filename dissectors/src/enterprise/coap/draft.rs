//! CoAP before it was finished: the low half of the first byte counts the options (later: the length of the token), the token is an option, and
//! a payload follows the last option without a mark. Sensors of 2010 to 2013 speak it.
//!
//! Deliberately not read: lengths of options above 270 bytes, which only the last of these drafts know, and more than 14 options.
//!
//! Specification: draft-ietf-core-coap-08 and -12, clauses 3.1, 3.2 and 5.10; the numbers of options changed with -10.

use super::{Form, Options, Packet, Part};
use crate::ParseError;
use crate::reader::Reader;
use crate::text::printable;

/// Which numbers the options have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// Up to draft -09.
    Early,
    /// Drafts -10 to -12, as in RFC 7252, with a token among them.
    Late,
}

impl Numbers {
    pub(super) const fn of(self, part: Part) -> u32 {
        match (self, part) {
            (Self::Early, Part::Host) => 5,
            (Self::Early, Part::Path) => 9,
            (Self::Late, Part::Host) => 3,
            (Self::Late, Part::Path) => 11,
            (_, Part::Query) => 15,
        }
    }

    const fn token(self) -> u32 {
        match self {
            Self::Early => 11,
            Self::Late => 19,
        }
    }

    /// Longest value of an option of that draft and the observe and block drafts beside it; `None` for a number that it does not have.
    const fn longest(self, option: u32) -> Option<usize> {
        Some(match (self, option) {
            (Self::Early, 1 | 7 | 12) => 2,
            (Self::Early, 2 | 10 | 14 | 17 | 19) => 4,
            (Self::Early, 3 | 5 | 6 | 8 | 9 | 15) => 270,
            (Self::Early, 4 | 11 | 13) => 8,
            (Self::Early, 21) | (Self::Late, 5) => 0,
            (Self::Late, 1 | 4 | 19) => 8,
            (Self::Late, 3 | 8 | 11 | 15 | 20 | 35) => 270,
            (Self::Late, 6 | 14 | 23 | 27 | 28) => 4,
            (Self::Late, 7 | 12 | 16) => 2,
            _ => return None,
        })
    }
}

/// Length of an option: four bits, or 15 and what a further byte says.
pub(super) fn length(nibble: u8, reader: &mut Reader<'_>) -> Result<u32, ParseError> {
    Ok(match nibble {
        15 => u32::from(reader.u8()?).saturating_add(15),
        short => short.into(),
    })
}

impl<'a> Packet<'a> {
    /// Reads a message of a draft: as many options as are counted, every one known, and a path of text where it is a request.
    /// `known` are the numbers that were spoken here before.
    pub(super) fn parse_draft(bytes: &'a [u8], known: Option<Numbers>) -> Option<Self> {
        match known {
            Some(numbers) => Self::parse_numbers(bytes, numbers),
            None => [Numbers::Early, Numbers::Late].into_iter().find_map(|numbers| Self::parse_numbers(bytes, numbers)),
        }
    }

    fn parse_numbers(bytes: &'a [u8], numbers: Numbers) -> Option<Self> {
        let ([first, code, high, low], options) = bytes.split_first_chunk()?;
        let (version, kind, count) = (first >> 6, first >> 4 & 3, first & 15);
        if version != 1 || !(1..15).contains(&count) || !matches!(code, 1..=4 | 64..=164) {
            return None;
        }
        let form = Form::Draft(numbers);
        let mut list = Options::new(Reader::new("coap option", options), form, count);
        let mut token = 0;
        let (mut has_path, mut seen) = (false, 0_u8);
        while let Some((number, value)) = list.next().ok()? {
            if value.len() > numbers.longest(number)? {
                return None;
            }
            if number == numbers.token() {
                token = value.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
            }
            if number == numbers.of(Part::Path) || number == numbers.of(Part::Host) {
                printable(value)?;
                has_path = true;
            }
            seen = seen.saturating_add(1);
        }
        let rest = list.reader.rest().len();
        let used = options.len().saturating_sub(rest);
        let packet = Self {
            form,
            kind,
            code: *code,
            id: u16::from_be_bytes([*high, *low]),
            token,
            options: options.get(..used)?,
            has_payload: rest > 0,
            is_plain: true,
        };
        // A request is never an acknowledgement, and names what it is for; what it reads has no content.
        let is_fit = if packet.is_request() { kind < 2 && has_path && (*code != 1 || rest == 0) } else { kind != 3 };
        (seen == count && is_fit).then_some(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::super::COAP;
    use crate::support::{Conversation, hex};
    use crate::{Carrier, Probe, Protocol};
    use dogwatch_model::Direction::{ToClient, ToServer};

    #[test]
    fn requests_of_two_drafts() {
        for (name, ask, path) in [
            // draft -08, clause 5.10: Uri-Port 7 (two bytes), Uri-Path 9 twice, Token 11
            ("early", "44 01 1234 72 1633 24 74616e6b 02 6c31 21 aa", "/tank/l1"),
            // draft -12: Uri-Host 3, Uri-Path 11 twice, Token 19
            ("late", "44 01 1235 34 67617465 84 74616e6b 02 6c31 81 aa", "/tank/l1"),
        ] {
            let ask = hex(ask);
            assert_eq!(COAP.probe(Carrier::Udp, ToServer, &ask), Probe::Yes, "{name}");
            let mut conversation = Conversation::new(&COAP, Carrier::Udp, 5683);
            conversation.send(ToServer, &ask);
            // 2.05 with the token and a payload, no mark between them
            conversation.send(
                ToClient,
                &hex(if name == "early" { "61 45 1234 b1 aa 3437" } else { "62 45 1235 c0 71 aa 3437" }),
            );
            let seen = &conversation.heard.seen;
            assert_eq!(seen[0].acts, [format!("request read {path}")], "{name}");
            assert_eq!(seen[1].acts, [format!("reply read {path}")], "{name}");
        }
    }

    #[test]
    fn what_is_none() {
        for (name, bytes) in [
            ("fewer options than counted", "43 01 1234 94 74616e6b"),
            ("a read with content", "41 01 1234 94 74616e6b 31"),
            ("no path", "41 01 1234 72 1633"),
            ("a path of no text", "41 01 1234 94 00010203"),
        ] {
            assert_eq!(COAP.probe(Carrier::Udp, ToServer, &hex(bytes)), Probe::No, "{name}");
        }
    }
}
