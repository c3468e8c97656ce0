//! Actisense BST: the binary records of NGT-1, NGX, W2K and PRO-NDC gateways, between DLE STX and DLE ETX.
//!
//! | code | holds | layout after code and length |
//! |---|---|---|
//! | 93 | message from the bus | priority, PGN (3), destination, source, time (4), n, data |
//! | 94 | message to the bus | priority, PGN (3), destination, n, data |
//! | 95 | CAN frame | time (2), source, PS, PF, data page + priority, data |
//! | D0 | message, long form: the length has two bytes and counts all but the checksum | destination, source, PS, PF, page + priority, kind, time (4), data |
//! | other | the gateway about itself | |
//!
//! All bytes of a record, checksum included, add up to 0 modulo 256. The layouts of 95 and D0 are read off published samples.

use super::super::can::Header;
use crate::ParseError;

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record<'a> {
    /// A message put together by the gateway.
    Message(Header, &'a [u8]),
    /// One CAN frame.
    Frame(Header, &'a [u8]),
    /// The gateway about itself: command code and its data.
    Gateway {
        /// The record's code.
        code: u8,
        /// What follows it.
        data: &'a [u8],
    },
}

/// Whether the checksum byte must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// It must be, and be right.
    Required,
    /// Length and checksum are not looked at: the JSON of a W2K-1 leaves the checksum out and writes one length for all.
    Optional,
}

const WHAT: &str = "BST record";

/// Reads one record with its escapes already taken out.
///
/// # Errors
/// When it is too short, its length does not fit or its checksum is wrong.
pub fn parse(record: &[u8], checksum: Checksum) -> Result<Record<'_>, ParseError> {
    let [code, rest @ ..] = record else { return Err(ParseError::Incomplete { what: WHAT }) };
    let (body, len) = if *code == 0xd0 {
        let (length, body) = rest.split_first_chunk::<2>().ok_or(ParseError::Incomplete { what: WHAT })?;
        (body, usize::from(u16::from_le_bytes(*length)).saturating_sub(3))
    } else {
        let (length, body) = rest.split_first().ok_or(ParseError::Incomplete { what: WHAT })?;
        (body, usize::from(*length))
    };
    // What a D0 length counts: its own three bytes too, but not the checksum; any other: what stands between it and the checksum.
    let content = if checksum == Checksum::Optional {
        body
    } else {
        let (content, after) = body.split_at_checked(len).ok_or(ParseError::Incomplete { what: WHAT })?;
        if after.is_empty() {
            return Err(ParseError::Incomplete { what: WHAT });
        }
        if record.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)) != 0 {
            return Err(ParseError::Checksum { what: WHAT });
        }
        content
    };
    let layout = ParseError::Malformed { what: WHAT, at: 2, why: "shorter than its kind needs" };
    match (*code, content) {
        (0x93, &[priority, p0, p1, p2, destination, source, _, _, _, _, n, ref data @ ..]) => {
            let data = data.get(..usize::from(n)).unwrap_or(data);
            Ok(Record::Message(header(priority, [p0, p1, p2], destination, source), data))
        }
        (0x94, &[priority, p0, p1, p2, destination, n, ref data @ ..]) => {
            let data = data.get(..usize::from(n)).unwrap_or(data);
            Ok(Record::Message(header(priority, [p0, p1, p2], destination, 0), data))
        }
        (0x95, &[_, _, source, specific, format, page, ref data @ ..]) => {
            Ok(Record::Frame(from_parts(page, format, specific, source), data))
        }
        (0xd0, &[destination, source, specific, format, page, _kind, _, _, _, _, ref data @ ..]) => {
            let header = from_parts(page, format, specific, source);
            Ok(Record::Message(Header { destination, ..header }, data))
        }
        (0x93..=0x95 | 0xd0, _) => Err(layout),
        (code, data) => Ok(Record::Gateway { code, data }),
    }
}

const fn header(priority: u8, pgn: [u8; 3], destination: u8, source: u8) -> Header {
    let [p0, p1, p2] = pgn;
    Header { priority: priority & 7, pgn: u32::from_le_bytes([p0, p1, p2, 0]), source, destination }
}

/// Data page in the lowest two bits, priority in the three above.
const fn from_parts(page: u8, format: u8, specific: u8, source: u8) -> Header {
    Header::from_id(u32::from_be_bytes([page & 0x1f, format, specific, source]))
}

pub(super) const DLE: u8 = 0x10;
pub(super) const STX: u8 = 0x02;
const ETX: u8 = 0x03;
pub(super) const ESC: u8 = 0x1b;
const SOH: u8 = 0x01;
const LF: u8 = 0x0a;

/// One escaped unit of a byte stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit<'a> {
    /// A record without its escapes.
    Record(&'a [u8]),
    /// A record an EBL log keeps in a mark, without checksum.
    Unsummed(&'a [u8]),
    /// A time mark of an EBL log: 100 ns since 1601.
    Time(u64),
    /// Something of the log itself.
    Mark,
    /// Bytes that belong to nothing.
    Noise,
    /// A record longer than any can be.
    Overlong,
}

/// Takes the next unit off a stream, undoing escapes into `buffer`; `None` when more bytes are needed. Returns the unit and the bytes it took.
///
/// In an EBL log, ESC is doubled inside records and marks stand between ESC SOH and ESC LF.
pub fn next_unit<'a>(input: &[u8], is_ebl: bool, buffer: &'a mut [u8]) -> Option<(Unit<'a>, usize)> {
    match input {
        [DLE, STX, ..] => unescape(input, is_ebl, buffer),
        [ESC, SOH, ..] if is_ebl => mark(input, buffer),
        [DLE] | [ESC] | [] => None,
        _ => {
            let starts = |pair: &[u8]| matches!(pair, [DLE, STX]) || (is_ebl && matches!(pair, [ESC, SOH]));
            let noise = input.windows(2).position(starts).unwrap_or_else(|| input.len().saturating_sub(1).max(1));
            Some((Unit::Noise, noise))
        }
    }
}

fn unescape<'a>(input: &[u8], is_ebl: bool, buffer: &'a mut [u8]) -> Option<(Unit<'a>, usize)> {
    let mut at = 2_usize;
    let mut len = 0_usize;
    loop {
        let byte = *input.get(at)?;
        let mut step = 1_usize;
        if byte == DLE {
            match *input.get(at.saturating_add(1))? {
                ETX => return Some((Unit::Record(buffer.get(..len)?), at.saturating_add(2))),
                DLE => step = 2,
                // A new record begins inside this one: its end was lost.
                STX => return Some((Unit::Noise, at)),
                _ => {}
            }
        } else if is_ebl && byte == ESC {
            match *input.get(at.saturating_add(1))? {
                ESC => step = 2,
                SOH => return Some((Unit::Noise, at)),
                _ => {}
            }
        }
        let Some(slot) = buffer.get_mut(len) else { return Some((Unit::Overlong, at)) };
        *slot = byte;
        len = len.saturating_add(1);
        at = at.saturating_add(step);
    }
}

/// Reads a mark of an EBL log: kind 3 is a time, kind 7 holds a record without its checksum.
fn mark<'a>(input: &[u8], buffer: &'a mut [u8]) -> Option<(Unit<'a>, usize)> {
    let mut len = 0_usize;
    let mut at = 2_usize;
    loop {
        let byte = *input.get(at)?;
        let mut step = 1_usize;
        if byte == ESC {
            match *input.get(at.saturating_add(1))? {
                LF => {
                    let unit = match buffer.get(..len)? {
                        &[3, t0, t1, t2, t3, t4, t5, t6, t7] => {
                            Unit::Time(u64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7]))
                        }
                        [7, record @ ..] => Unit::Unsummed(record),
                        _ => Unit::Mark,
                    };
                    return Some((unit, at.saturating_add(2)));
                }
                ESC => step = 2,
                _ => {}
            }
        }
        let Some(slot) = buffer.get_mut(len) else { return Some((Unit::Overlong, at)) };
        *slot = byte;
        len = len.saturating_add(1);
        at = at.saturating_add(step);
    }
}

/// Whether the bytes hold a record with a right checksum.
///
/// Others frame with DLE STX too (DF1), so the frame alone proves nothing.
pub(super) fn holds_record(bytes: &[u8], is_ebl: bool) -> bool {
    let mut buffer = [0; 512];
    let mut rest = bytes;
    while let Some((unit, used)) = next_unit(rest, is_ebl, &mut buffer) {
        let found = match unit {
            Unit::Record(record) => parse(record, Checksum::Required).is_ok(),
            Unit::Unsummed(record) => parse(record, Checksum::Optional).is_ok(),
            _ => false,
        };
        if found {
            return true;
        }
        rest = rest.get(used..).unwrap_or_default();
    }
    false
}
