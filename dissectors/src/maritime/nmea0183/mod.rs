//! NMEA 0183 / IEC 61162-1: sentences over serial lines, serial servers (TCP), UDP and log files.
//!
//! Read: every formatter of the table by name, type and unit, the common proprietary sentences, queries, TAG blocks, messages of several
//! sentences; checksums in three states. A damaged line is counted and the next sentence found. AIS payloads go on to `ais`, wrapped parameter
//! groups (`$PCDIN`, `$MXPGN`) to `nmea2000`.
//!
//! Not read: binary protocols that share a line with sentences (they are skipped as noise and counted); on a stream, a last line that never
//! got its line end: whether it is whole only the bytes behind it tell, and a stream does not say that it is over.
//!
//! Specification: IEC 61162-1:2016 and its public summaries; see `formatters.rs` for the sources of the field table.

pub(crate) mod fields;
mod formatters;
pub(crate) mod groups;
pub(crate) mod identity;
pub(crate) mod lines;
mod makers;
mod measures;
mod multi;
pub(crate) mod sentence;
mod table;
pub(crate) mod tag;
pub(crate) mod value;
mod wrapped;

use dogwatch_model::Direction;

use self::lines::{Lines, Origin};
use self::sentence::{Address, Checksum, LINE_LIMIT, Sentence, opens_with_address};
pub use self::table::{SentenceField, sentence_fields};
use super::iec61162_450::multicast;
use crate::{Carrier, Chunk, Dissector, Hint, Limits, ParseError, Probe, Progress, Protocol, Sink};

/// The protocol.
#[derive(Debug)]
pub(crate) struct Nmea0183;

/// Its name.
pub(crate) const NAME: &str = "nmea0183";

/// IANA nmea-0183 (10110), what plotters, gateways and phones use, the data ports of serial servers, and the first groups of IEC 61162-450, where
/// old equipment sends bare sentences.
#[rustfmt::skip] // a table
static HINTS: &[Hint] = &[
    Hint::Serial, Hint::Udp(10_110), Hint::Tcp(10_110), Hint::Udp(2_000), Hint::Tcp(2_000), Hint::Tcp(39_150),
    Hint::Tcp(8_375), Hint::Tcp(1_456), Hint::Udp(1_456), Hint::Udp(60_001), Hint::Udp(60_002), Hint::Udp(60_003),
    Hint::Udp(60_004), Hint::Udp(60_005), Hint::Udp(60_006), Hint::Udp(60_007), Hint::Udp(60_008),
    Hint::Tcp(4_001), Hint::Tcp(4_002), Hint::Tcp(4_003), Hint::Tcp(4_004), Hint::Tcp(4_005), Hint::Tcp(4_006),
    Hint::Tcp(4_007), Hint::Tcp(4_008), Hint::Tcp(4_009), Hint::Tcp(4_010), Hint::Tcp(4_011), Hint::Tcp(4_012),
    Hint::Tcp(4_013), Hint::Tcp(4_014), Hint::Tcp(4_015), Hint::Tcp(4_016),
];

impl Protocol for Nmea0183 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn hints(&self) -> &'static [Hint] {
        HINTS
    }

    fn carriers(&self) -> &'static [Carrier] {
        &[Carrier::Udp, Carrier::Tcp, Carrier::Serial]
    }

    fn probes_by_direction(&self) -> bool {
        false
    }

    fn probe(&self, carrier: Carrier, _direction: Direction, head: &[u8]) -> Probe {
        recognise(carrier, head)
    }

    fn open(&self, limits: &Limits) -> Box<dyn Dissector> {
        Box::new(Flow { lines: Lines::new(limits), recognised: false })
    }
}

/// Bytes of a stream looked at before it is called something else: several longest lines.
const PATIENCE: usize = 4 * LINE_LIMIT;

/// Looks for a sentence. A datagram must begin with one (or with a TAG block); a stream may begin in the middle of a line.
pub(crate) fn recognise(carrier: Carrier, head: &[u8]) -> Probe {
    if !carrier.is_stream() {
        let convincing = || head.split(|byte| is_line_end(*byte)).take(4).any(holds_sentence);
        return if begins_like_text(head) && convincing() { Probe::Yes } else { Probe::No };
    }
    let window = head.get(..PATIENCE).unwrap_or(head);
    let mut lines = window.split(|byte| is_line_end(*byte)).peekable();
    let mut noise = 0_u32;
    while let Some(line) = lines.next() {
        let whole = lines.peek().is_some();
        if whole && holds_sentence(line) {
            return Probe::Yes;
        }
        if whole && !line.trim_ascii().is_empty() {
            noise = noise.saturating_add(1);
        }
        if !whole && line.len() > LINE_LIMIT {
            return Probe::No;
        }
        // The first line may be the tail of a sentence; several lines of something else are something else.
        if noise > 8 {
            return Probe::No;
        }
    }
    let is_text = window.iter().filter(|byte| is_text_byte(**byte)).count();
    if head.len() >= PATIENCE || is_text.saturating_mul(10) < window.len().saturating_mul(9) {
        Probe::No
    } else {
        Probe::NeedMore
    }
}

const fn is_text_byte(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\r' | b'\n' | 0x20..=0x7E)
}

fn begins_like_text(head: &[u8]) -> bool {
    matches!(head.trim_ascii_start().first(), Some(b'$' | b'!' | b'\\'))
}

/// Whether a line holds a sentence one can believe in: its checksum matches, or it has none but formatter and field count are known.
fn holds_sentence(line: &[u8]) -> bool {
    let mut rest = line;
    while let Some(start) = memchr::memchr2(b'$', b'!', rest) {
        rest = rest.get(start..).unwrap_or_default();
        match Sentence::parse(rest) {
            Ok((sentence, _)) if convinces(&sentence) => return true,
            Ok((_, after)) => rest = after,
            Err(damage) => rest = rest.get(damage.skip..).unwrap_or_default(),
        }
    }
    false
}

fn convinces(sentence: &Sentence<'_>) -> bool {
    match (sentence.checksum, sentence.address) {
        (Checksum::Ok, _) => true,
        (Checksum::Bad, Address::Talker { formatter, .. }) | (Checksum::Absent, Address::Talker { formatter, .. }) => {
            table::formatter(formatter).is_some_and(|row| {
                let fields = usize::from(sentence.field_count);
                row.repeat.is_some() || fields <= row.fields.len().saturating_add(2)
            })
        }
        _ => false,
    }
}

const fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// One flow of sentences.
struct Flow {
    lines: Lines,
    /// Whether a sentence was ever read: only then noise is worth counting.
    recognised: bool,
}

impl Dissector for Flow {
    fn data(&mut self, chunk: &Chunk<'_>, out: &mut dyn Sink) -> Progress {
        let bare = !chunk.carrier.is_stream() && multicast::is_reserved(chunk.flow);
        let origin = Origin { chunk, protocol: NAME, group: multicast::of(chunk.flow), wants_tags: false, bare };
        if chunk.carrier.is_stream() {
            return Progress::Used(self.stream(origin, chunk.bytes, out));
        }
        let mut sentences = 0_u32;
        for_each_line(chunk.bytes, |line| sentences = sentences.saturating_add(self.lines.line(origin, line, out)));
        if sentences == 0 && !self.recognised {
            return Progress::GiveUp;
        }
        self.recognised = true;
        Progress::Used(chunk.bytes.len())
    }

    fn gap(&mut self, _direction: Direction, _missing: u32) {
        self.lines.gap();
    }
}

impl Flow {
    /// Reads whole lines; what they end decides alone, so that a stream cut anywhere gives the same.
    fn stream(&mut self, origin: Origin<'_>, bytes: &[u8], out: &mut dyn Sink) -> usize {
        let mut used = 0_usize;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            if let Some(end) = memchr::memchr2(b'\r', b'\n', rest.get(..LINE_LIMIT).unwrap_or(rest)) {
                self.lines.line(origin, rest.get(..end).unwrap_or_default(), out);
                used = used.saturating_add(end).saturating_add(1);
            } else if rest.len() >= LINE_LIMIT {
                used = used.saturating_add(self.endless(origin, rest.get(..LINE_LIMIT).unwrap_or(rest), out));
            } else {
                return used;
            }
        }
    }

    /// Reads [`LINE_LIMIT`] bytes without a line end: whole sentences in them count, a last one that may go on waits for more.
    fn endless(&mut self, origin: Origin<'_>, window: &[u8], out: &mut dyn Sink) -> usize {
        out.error(origin.protocol, ParseError::Limit { what: "line" });
        let last = window.iter().enumerate().rev().find(|(at, byte)| {
            let after = window.get(at.saturating_add(1)..).unwrap_or_default();
            matches!(byte, b'$' | b'!') && opens_with_address(after)
        });
        let end = last.map_or(window.len(), |(at, _)| at);
        // At the very start it has had its room: it is too long to be a sentence.
        let end = if end == 0 { window.len() } else { end };
        let line = window.get(..end).unwrap_or(window);
        if line.iter().any(|byte| matches!(byte, b'$' | b'!')) {
            self.lines.line(origin, line, out);
        }
        end
    }
}

/// Splits a datagram into lines; empty ones are left out.
pub(crate) fn for_each_line(bytes: &[u8], mut each: impl FnMut(&[u8])) {
    let mut rest = bytes;
    while let Some(end) = memchr::memchr2(b'\r', b'\n', rest) {
        if end > 0 {
            each(rest.get(..end).unwrap_or_default());
        }
        rest = rest.get(end.saturating_add(1)..).unwrap_or_default();
    }
    if !rest.is_empty() {
        each(rest);
    }
}
