//! NMEA 2000 as gateways pass it on over Ethernet and serial lines: text lines, Actisense BST, cannelloni.
//!
//! What the bytes look like decides, not the port: the numbers makers use overlap (60001 is Actisense's and IEC 61162-450's).

mod bst;
mod cannelloni;
mod lines;

use dogwatch_model::{CaptureTime, Direction};

use super::NAME;
use super::bus::{Bus, GATEWAY_GROUPS};
use super::can::Header;
use crate::{Carrier, Chunk, Dissector, Limits, ParseError, Probe, Progress, Sink};

pub use bst::{
    Checksum as BstChecksum, Record as BstRecord, Unit as BstUnit, next_unit as next_bst_unit, parse as parse_bst,
};
pub use lines::{Holds, Line, LineBuffer, parse_line, wrapped};

/// Longest line read: 1,785 bytes as `,xx`, and what stands before them.
const LONGEST_LINE: usize = 6_000;

/// How a gateway writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Lines,
    Bst,
    /// BST as a log file, with time marks.
    Ebl,
    Cannelloni,
}

/// Bytes looked at for the first record or line.
const LOOK: usize = 1_024;

fn recognise(carrier: Carrier, head: &[u8]) -> Result<Format, Probe> {
    if head.is_empty() {
        return Err(Probe::NeedMore);
    }
    if carrier == Carrier::Udp && cannelloni::is_datagram(head) {
        return Ok(Format::Cannelloni);
    }
    let start = head.get(..head.len().min(LOOK)).unwrap_or(head);
    let more = if carrier.is_stream() && head.len() < LOOK { Probe::NeedMore } else { Probe::No };
    // A tap on a serial line may begin within a record; a connection begins with one.
    let is_serial = carrier == Carrier::Serial;
    let is_ebl = is_serial && start.windows(2).any(|pair| pair == [bst::ESC, 1]);
    let is_framed = match head {
        [bst::DLE] | [bst::DLE, bst::STX, ..] | [bst::DLE, 3] | [bst::DLE, 3, bst::DLE, ..] => true,
        _ => is_serial && !start.iter().all(|byte| is_text(*byte)),
    };
    if is_framed {
        return match bst::holds_record(start, is_ebl) {
            true if is_ebl => Ok(Format::Ebl),
            true => Ok(Format::Bst),
            false => Err(more),
        };
    }
    recognise_lines(carrier, head)
}

const fn is_text(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e | b'\t' | b'\r' | b'\n' | 0x80..)
}

/// Text counts when one of the first lines is of a known form and the lines before it are comments or empty.
fn recognise_lines(carrier: Carrier, head: &[u8]) -> Result<Format, Probe> {
    let mut buffer = LineBuffer::default();
    let mut rest = head;
    for _ in 0..32 {
        let ends = |byte: &u8| *byte == b'\n' || (*byte == b'>' && rest.trim_ascii_start().starts_with(b"< "));
        let (line, after, whole) = match rest.iter().position(ends) {
            Some(end) if rest.get(end) == Some(&b'>') => (rest.get(..=end), rest.get(end.saturating_add(1)..), true),
            Some(end) => (rest.get(..end), rest.get(end.saturating_add(1)..), true),
            None => (Some(rest), None, !carrier.is_stream()),
        };
        let line = line.unwrap_or_default();
        if !line.iter().all(|byte| is_text(*byte)) {
            return Err(Probe::No);
        }
        // A wrapped group may stand among the sentences of an NMEA 0183 talker, which reads it through `wrapped`.
        let is_sentence = line.starts_with(b"$PCDIN") || line.starts_with(b"$MXPGN");
        if whole && !is_sentence && parse_line(line, &mut buffer).is_some() {
            return Ok(Format::Lines);
        }
        let skippable = is_comment(line);
        match after {
            Some(after) if skippable => rest = after,
            Some(_) => return Err(Probe::No),
            None if carrier.is_stream() && rest.len() < LONGEST_LINE => return Err(Probe::NeedMore),
            None => return Err(Probe::No),
        }
    }
    Err(Probe::No)
}

/// Lines gateways and loggers write between the data: comments, empty ones, status of an iKonvert, chatter of socketcand.
fn is_comment(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.is_empty()
        || matches!(line, [b'#', ..] | [b'!' | b'$', b'P', b'D', b'G', b'Y', b',', ..])
        || line.starts_with(b";")
        || line.starts_with(b"Sequence #,")
        || line.starts_with(b"interface = ")
        || (line.starts_with(b"< ") && line.ends_with(b" >"))
}

pub(super) fn probe(carrier: Carrier, head: &[u8]) -> Probe {
    match recognise(carrier, head) {
        Ok(_) => Probe::Yes,
        Err(probe) => probe,
    }
}

/// One connection to a gateway: all it passes on is one bus.
#[derive(Debug)]
pub(super) struct Gateway {
    bus: Bus,
    format: Option<Format>,
    line: Box<LineBuffer>,
    record: Box<[u8; 2_048]>,
    /// The time the log itself gives, when it does.
    time: Option<CaptureTime>,
    /// A line of more than one frame was seen.
    holds_messages: bool,
}

impl Gateway {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            bus: Bus::new(limits),
            format: None,
            line: Box::default(),
            record: Box::new([0; 2_048]),
            time: None,
            holds_messages: false,
        }
    }

    fn lines(&mut self, chunk: &Chunk<'_>, out: &mut dyn Sink) -> usize {
        let mut used = 0_usize;
        loop {
            let rest = chunk.bytes.get(used..).unwrap_or_default();
            // socketcand ends what it sends with `>`, not with a line.
            let ends = |byte: &u8| *byte == b'\n' || (*byte == b'>' && rest.trim_ascii_start().starts_with(b"< "));
            let (line, taken) = match rest.iter().position(ends) {
                Some(end) if rest.get(end) == Some(&b'>') => {
                    (rest.get(..=end).unwrap_or_default(), end.saturating_add(1))
                }
                Some(end) => (rest.get(..end).unwrap_or_default(), end.saturating_add(1)),
                None if rest.is_empty() => return used,
                None if !chunk.carrier.is_stream() => (rest, rest.len()),
                None if rest.len() > LONGEST_LINE => {
                    out.error(NAME, ParseError::Limit { what: "line" });
                    return chunk.bytes.len();
                }
                None => return used,
            };
            used = used.saturating_add(taken);
            match parse_line(line, &mut self.line) {
                Some(line) => {
                    // A log has its own clock; a live line was captured when it was captured.
                    let at = if chunk.carrier == Carrier::Serial { line.at.unwrap_or(chunk.at) } else { chunk.at };
                    let is_frame = match line.holds {
                        Holds::Frame => true,
                        Holds::Message => {
                            self.holds_messages |= line.data.len() > 8;
                            false
                        }
                        Holds::Either => !self.holds_messages && !is_short_message(&line),
                    };
                    if is_frame {
                        self.bus.frame(at, line.header, line.data, out);
                    } else {
                        self.bus.message(at, line.header, line.data, out);
                    }
                }
                None if is_comment(line) => {}
                None => out.error(NAME, ParseError::Malformed { what: "line", at: 0, why: "none of the known forms" }),
            }
        }
    }

    fn records(&mut self, chunk: &Chunk<'_>, is_ebl: bool, out: &mut dyn Sink) -> usize {
        let mut used = 0_usize;
        loop {
            let rest = chunk.bytes.get(used..).unwrap_or_default();
            let Some((unit, taken)) = next_bst_unit(rest, is_ebl, &mut self.record[..]) else { return used };
            used = used.saturating_add(taken);
            let at = self.time.unwrap_or(chunk.at);
            let record = match unit {
                BstUnit::Record(record) => Some((record, BstChecksum::Required)),
                BstUnit::Unsummed(record) => Some((record, BstChecksum::Optional)),
                _ => None,
            };
            if let Some((record, checksum)) = record {
                match parse_bst(record, checksum) {
                    Ok(BstRecord::Message(header, data)) => self.bus.message(at, header, data, out),
                    Ok(BstRecord::Frame(header, data)) => self.bus.frame(at, header, data, out),
                    Ok(BstRecord::Gateway { code: 0xa0, data: [command, data @ ..] }) => {
                        let pgn = GATEWAY_GROUPS | u32::from(*command);
                        self.bus.gateway(Header { priority: 0, pgn, source: 0, destination: 0 }, data, out);
                    }
                    Ok(BstRecord::Gateway { .. }) => {}
                    Err(error) => out.error(NAME, error),
                }
                continue;
            }
            match unit {
                BstUnit::Record(_) | BstUnit::Unsummed(_) | BstUnit::Mark => {}
                BstUnit::Time(ticks) => self.time = filetime(ticks),
                BstUnit::Noise => {
                    out.error(NAME, ParseError::Malformed { what: "BST stream", at: 0, why: "bytes outside a record" });
                }
                BstUnit::Overlong => out.error(NAME, ParseError::Limit { what: "BST record" }),
            }
        }
    }
}

/// Whether a line of fewer than 8 bytes must be a message: a fast packet's frames but the first are padded to 8.
fn is_short_message(line: &Line<'_>) -> bool {
    line.header.pgn >= 0x1_0000 && line.data.len() < 8 && line.data.first().is_some_and(|first| first & 0x1f != 0)
}

/// 100 ns since 1601-01-01 as capture time.
fn filetime(ticks: u64) -> Option<CaptureTime> {
    let since_1970 = i64::try_from(ticks).ok()?.checked_sub(116_444_736_000_000_000)?;
    Some(CaptureTime(since_1970.checked_mul(100)?))
}

impl Dissector for Gateway {
    fn data(&mut self, chunk: &Chunk<'_>, out: &mut dyn Sink) -> Progress {
        let format = match self.format {
            Some(format) => format,
            None => match recognise(chunk.carrier, chunk.bytes) {
                Ok(format) => {
                    self.format = Some(format);
                    format
                }
                Err(Probe::NeedMore) => return Progress::Used(0),
                Err(_) => return Progress::GiveUp,
            },
        };
        Progress::Used(match format {
            Format::Lines => self.lines(chunk, out),
            Format::Bst => self.records(chunk, false, out),
            Format::Ebl => self.records(chunk, true, out),
            Format::Cannelloni => {
                cannelloni::datagram(chunk.bytes, |header, data| self.bus.frame(chunk.at, header, data, &mut *out));
                chunk.bytes.len()
            }
        })
    }

    fn gap(&mut self, _direction: Direction, _missing: u32) {
        self.bus.clear();
    }
}
