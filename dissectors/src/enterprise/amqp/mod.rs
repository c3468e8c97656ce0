//! AMQP: message brokers between applications, versions 0-9-1 and 1.0.
//!
//! Reads openings, mechanisms and user names (never passwords), products and containers, queues, exchanges and addresses named, closings with their
//! code. Deliberately not read: message contents, transactions, version 0-10.
//!
//! Specification: AMQP 0-9-1 (amqp.org) clause 4.2 and the class reference; ISO/IEC 19464:2014 (AMQP 1.0) parts 1, 2 and 5.

mod classic;
mod one;

use dogwatch_model::Direction;

use crate::acts::Emit;
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// AMQP.
pub(crate) static AMQP: FramedProtocol = FramedProtocol {
    name: "amqp",
    hints: &[Hint::Tcp(5672)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| probe(head),
    frames: |_| Box::new(Amqp { is_one: false }),
};

/// Bytes of the header that opens a connection.
const OPENING: usize = 8;
/// So much of a frame is read.
const READ: usize = 4_096;
/// The largest frame either side may agree on here.
const LONGEST: usize = 16 * 1_024 * 1_024;

/// The opening of a version; the second value tells whether it is 1.0.
fn opening(bytes: &[u8]) -> Option<bool> {
    match bytes.first_chunk::<OPENING>()? {
        [b'A', b'M', b'Q', b'P', 0, 0, 9, 1] => Some(false),
        [b'A', b'M', b'Q', b'P', 0 | 2 | 3, 1, 0, 0] => Some(true),
        // A server that wants another version answers with what it has; the draft versions count as the classic form.
        [b'A', b'M', b'Q', b'P', 1, 1, 0 | 8 | 9, _] => Some(false),
        _ => None,
    }
}

/// Length of a frame of version 0-9-1.
fn classic_length(bytes: &[u8]) -> Option<usize> {
    let [1..=4 | 8, _, _, s0, s1, s2, s3, ..] = bytes else { return None };
    let size = usize::try_from(u32::from_be_bytes([*s0, *s1, *s2, *s3])).ok()?;
    Some(size.saturating_add(8)).filter(|length| *length <= LONGEST)
}

/// Length of a frame of version 1.0: size, data offset of at least two words, type AMQP or SASL.
fn one_length(bytes: &[u8]) -> Option<usize> {
    let [s0, s1, s2, s3, 2..=4, 0 | 1, ..] = bytes else { return None };
    let size = usize::try_from(u32::from_be_bytes([*s0, *s1, *s2, *s3])).ok()?;
    Some(size).filter(|length| (8..=LONGEST).contains(length))
}

/// Whether a frame of version 0-9-1 begins here and is one beyond doubt.
fn is_classic(bytes: &[u8]) -> Probe {
    match classic_length(bytes) {
        None if bytes.len() < 7 && bytes.first().is_none_or(|first| matches!(first, 1..=4 | 8)) => Probe::NeedMore,
        None => Probe::No,
        Some(length) => match bytes.get(length.saturating_sub(1)) {
            // A method of a known class on a frame that ends with its end mark.
            Some(0xce) => match bytes {
                [1, _, _, _, _, _, _, 0, 10 | 20 | 40 | 50 | 60 | 85 | 90, 0, _, ..] => Probe::Yes,
                [8, 0, 0, 0, 0, 0, 0, 0xce, ..] => Probe::NeedMore,
                _ => Probe::No,
            },
            Some(_) => Probe::No,
            None if length <= READ => Probe::NeedMore,
            None => Probe::No,
        },
    }
}

fn probe(head: &[u8]) -> Probe {
    if head.starts_with(b"AMQP") {
        return match opening(head) {
            Some(_) => Probe::Yes,
            None if head.len() < OPENING => Probe::NeedMore,
            None => Probe::No,
        };
    }
    if b"AMQP".starts_with(head) { Probe::NeedMore } else { is_classic(head) }
}

/// Frames on one connection.
struct Amqp {
    is_one: bool,
}

impl Frames for Amqp {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        if bytes.len() < OPENING {
            // The shortest frame of either version is as long as an opening.
            return Frame::More;
        }
        if bytes.starts_with(b"AMQP") {
            return Frame::whole(OPENING);
        }
        match classic_length(bytes).or_else(|| one_length(bytes)) {
            Some(len) => Frame::Whole { len, need: len.min(READ) },
            None => Frame::Lost(ParseError::Malformed { what: "amqp frame", at: 0, why: "type or size" }),
        }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        if bytes.len() < OPENING {
            return Probe::NeedMore;
        }
        match (opening(bytes), self.is_one) {
            (Some(_), _) => Probe::Yes,
            // Performatives have small descriptors: zero, a small number, the code.
            (None, true) => match (one_length(bytes), bytes.get(8..11)) {
                (Some(_), Some([0, 0x53, 0x10..=0x18 | 0x40..=0x44])) => Probe::Yes,
                (Some(_), None) => Probe::NeedMore,
                _ => Probe::No,
            },
            (None, false) => is_classic(bytes),
        }
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        if let Some(is_one) = opening(bytes) {
            self.is_one = is_one;
            let version = if is_one { "1.0" } else { "0-9-1" };
            emit.plain("opening", &[], &crate::acts::Shown(|visit| visit.text("version", version)));
            return Ok(());
        }
        if classic_length(bytes).is_some() { classic::read(bytes, emit) } else { one::read(bytes, emit) }
    }

    fn lost(&mut self, _direction: Direction) {}
}

/// The user of a PLAIN login: nothing or another identity, NUL, the user, NUL, the password (RFC 4616).
fn plain_user(response: &[u8]) -> Option<&str> {
    let mut parts = response.split(|byte| *byte == 0);
    let _identity = parts.next()?;
    crate::text::printable(parts.next()?)
}

#[cfg(test)]
mod tests;
