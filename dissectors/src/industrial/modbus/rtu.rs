//! Modbus RTU frames inside TCP or UDP, as serial servers and cheap gateways send them: unit, function, body, checksum; no header.
//!
//! The length stands nowhere: it follows from the function, differently for requests and replies, and the checksum tells which it was.
//! Messages are told as Modbus, since it is the same application protocol. Deliberately not read: RTU on a serial line (silence ends a frame
//! there, and captures do not show it), ASCII frames.
//!
//! Specification: MODBUS over Serial Line V1.02, clauses 2.5.1 (frame) and 6.2.2 (checksum).

use dogwatch_model::Direction;

use super::function::{self, EXCEPTION};
use super::pdu::Role;
use super::{Adu, Modbus, fits};
use crate::acts::Emit;
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::{Carrier, Chunk, ParseError, Probe};

/// Modbus RTU over TCP or UDP. It has no port of its own.
pub(crate) static MODBUS_RTU: FramedProtocol = FramedProtocol {
    name: "modbus-rtu",
    hints: &[],
    carriers: &[Carrier::Tcp, Carrier::Udp],
    probe,
    frames: |limits| Box::new(Rtu(Modbus::new(limits))),
};

/// Shortest and longest frame.
const SHORTEST: usize = 4;
const LONGEST: usize = 256;
const CHECKSUM: usize = 2;
/// Highest address of a unit on a line; 0 speaks to all.
const HIGHEST_UNIT: u8 = 247;

/// CRC-16 with the polynomial 0xA001, starting from ones.
fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte), |sum: u16, _| if sum & 1 == 1 { sum >> 1 ^ 0xa001 } else { sum >> 1 })
    })
}

/// How long a frame may be as a request and as a reply; `None` when the function has no such form, an error when more bytes are needed to tell.
struct Lengths {
    request: Option<usize>,
    reply: Option<usize>,
}

/// What the first bytes say of the length; `None` while they are too few.
fn lengths(bytes: &[u8]) -> Option<Lengths> {
    let at = |place: usize| bytes.get(place).map(|byte| usize::from(*byte));
    let function = *bytes.get(1)?;
    let counted = |place: usize| Some(at(place)?.saturating_add(place.saturating_add(1)).saturating_add(CHECKSUM));
    let both = |request, reply| Some(Lengths { request, reply });
    match function {
        1..=4 => both(Some(8), Some(counted(2)?)),
        5 | 6 => both(Some(8), Some(8)),
        7 => both(Some(4), Some(5)),
        function::DIAGNOSTICS => both(Some(8), Some(8)),
        11 => both(Some(4), Some(8)),
        12 | function::REPORT_SERVER_ID => both(Some(4), Some(counted(2)?)),
        15 | 16 => both(bytes.get(6).and(counted(6)), Some(8)),
        20 | 21 => both(Some(counted(2)?), Some(counted(2)?)),
        22 => both(Some(10), Some(10)),
        23 => both(bytes.get(10).and(counted(10)), Some(counted(2)?)),
        24 => both(Some(6), Some(at(3)?.saturating_add(6))),
        _ if function & EXCEPTION != 0 => both(None, Some(5)),
        _ => both(None, None),
    }
}

/// Whether the first `length` bytes end in the checksum over the others; `None` while they are not all there.
fn is_sound(bytes: &[u8], length: usize) -> Option<bool> {
    let (body, sum) = bytes.get(..length)?.split_last_chunk::<CHECKSUM>()?;
    Some((SHORTEST..=LONGEST).contains(&length) && checksum(body) == u16::from_le_bytes(*sum))
}

/// The frame at the front: the shorter form is tried first, so that the answer never depends on how many bytes are at hand.
fn frame(bytes: &[u8]) -> Frame {
    const LOST: Frame = Frame::Lost(ParseError::Checksum { what: "modbus rtu frame" });
    match bytes {
        [unit, ..] if *unit > HIGHEST_UNIT => return LOST,
        [_, function, ..] if function::name(*function).is_none() => return LOST,
        _ => {}
    }
    let Some(lengths) = lengths(bytes) else { return Frame::More };
    let mut forms = [lengths.request, lengths.reply];
    forms.sort_unstable();
    for form in forms.into_iter().flatten() {
        match is_sound(bytes, form) {
            Some(true) => return Frame::whole(form),
            Some(false) => {}
            None => return Frame::More,
        }
    }
    // A request of 15, 16 or 23 does not tell its length before its seventh or eleventh byte.
    if lengths.request.is_none()
        && lengths.reply.is_some_and(|_| matches!(bytes.get(1), Some(15 | 16 | 23)))
        && bytes.len() < 11
    {
        return Frame::More;
    }
    LOST
}

fn adu(bytes: &[u8]) -> Option<Adu<'_>> {
    let (body, _sum) = bytes.split_last_chunk::<CHECKSUM>()?;
    let (&[unit, function], body) = body.split_first_chunk()?;
    Some(Adu { transaction: None, unit, function, body })
}

fn probe(carrier: Carrier, head: &[u8]) -> Probe {
    match frame(head) {
        // Nothing but whole, well-formed frames: a checksum alone is met by one in 65,536.
        Frame::Whole { len, .. } => {
            let Some(adu) = head.get(..len).and_then(adu) else { return Probe::No };
            let plain = adu.function & EXCEPTION == 0;
            let fitting = plain && (fits(&adu, Role::Request) || fits(&adu, Role::Reply));
            let rest = head.get(len..).unwrap_or_default();
            let more = rest.is_empty() || matches!(frame(rest), Frame::Whole { .. });
            if fitting && len > SHORTEST && more { Probe::Yes } else { Probe::No }
        }
        Frame::More if carrier.is_stream() && head.len() < 8 => Probe::NeedMore,
        _ => Probe::No,
    }
}

/// RTU frames, read as the Modbus they are.
struct Rtu(Modbus);

impl Frames for Rtu {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        frame(bytes)
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let Some(adu) = adu(bytes) else { return Err(ParseError::Incomplete { what: "modbus rtu frame" }) };
        let mut emit = emit.under("modbus");
        match self.0.role(chunk, &adu) {
            Role::Request => {
                // A line carries one question at a time: what was not answered by now never will be.
                self.0.open.clear();
                self.0.request(&adu, &mut emit);
            }
            Role::Reply => self.0.reply(&adu, &mut emit),
        }
        Ok(())
    }

    fn lost(&mut self, direction: Direction) {
        self.0.lost(direction);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    /// Body with its checksum behind it.
    fn framed(text: &str) -> Vec<u8> {
        let mut bytes = hex(text);
        let sum = checksum(&bytes);
        bytes.extend(sum.to_le_bytes());
        bytes
    }

    #[test]
    fn the_checksum_of_the_specification() {
        // MODBUS over Serial Line V1.02, clause 6.2.2: 02 07 gives 0x1241, sent as 41 12.
        assert_eq!(checksum(&[2, 7]), 0x1241);
    }

    #[test]
    fn requests_and_replies_are_told_apart() {
        let mut conversation = Conversation::new(&MODBUS_RTU, Carrier::Tcp, 4_001);
        conversation.send(ToServer, &framed("05 03 0028 0002"));
        conversation.send(ToClient, &framed("05 03 04 0001 0002"));
        conversation.send(ToServer, &framed("05 10 0001 0002 04 000a 0102"));
        conversation.send(ToClient, &framed("05 90 02"));
        conversation.send(ToServer, &framed("06 06 000c 0063"));
        let seen = &conversation.heard.seen;
        assert_eq!(conversation.heard.errors, []);
        assert!(seen.iter().all(|seen| seen.protocol == "modbus"));
        assert_eq!(seen[0].acts, ["request read holding 40-41 unit 5"]);
        assert_eq!(seen[1].acts, ["reply read holding 40-41 unit 5", "says unit_id=5 (modbus.unit)"]);
        assert_eq!(seen[2].acts, ["request write holding 1-2 unit 5 = 10..258"]);
        assert_eq!(seen[3].acts, ["refusal write holding 1-2 unit 5"]);
        assert_eq!(seen[4].acts, ["request write holding 12 unit 6 = 99..99"]);
    }

    #[test]
    fn finds_its_way_after_garbage() {
        let mut conversation = Conversation::new(&MODBUS_RTU, Carrier::Tcp, 4_001);
        let mut bytes = framed("05 03 0028 0002");
        bytes.extend([0xff, 0x41, 0x42]);
        bytes.extend(framed("05 06 0001 0007"));
        conversation.send(ToServer, &bytes);
        assert_eq!(conversation.heard.seen[1].acts, ["request write holding 1 unit 5 = 7..7"]);
    }

    #[test]
    fn what_the_first_bytes_tell() {
        let whole = framed("05 03 0028 0002");
        assert_eq!(MODBUS_RTU.probe(Carrier::Tcp, ToServer, &whole), Probe::Yes);
        assert_eq!(MODBUS_RTU.probe(Carrier::Tcp, ToServer, &whole[..5]), Probe::NeedMore);
        let mut wrong = whole.clone();
        wrong[3] ^= 1;
        assert_eq!(MODBUS_RTU.probe(Carrier::Tcp, ToServer, &wrong), Probe::No);
        assert_eq!(
            MODBUS_RTU.probe(Carrier::Tcp, ToServer, &[whole, vec![1, 2, 3, 4, 5, 6, 7, 8]].concat()),
            Probe::No
        );
        assert_eq!(MODBUS_RTU.probe(Carrier::Udp, ToServer, &framed("05 83 02")), Probe::No, "too short to be sure");
    }
}
