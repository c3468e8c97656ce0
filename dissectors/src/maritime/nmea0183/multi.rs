//! Messages of several sentences: routes, texts, alert lists, satellites. Each part is a message of its own when it comes; when the last one is
//! there, the whole is handed out once more as `multi-sentence`, with its texts joined.
//!
//! AIS has its own assembly (its parts carry bits, not fields).

use std::time::Duration;

use dogwatch_model::{CaptureTime, FieldValue, FieldVisitor, Fields, Message, Speaker};

use super::lines::Origin;
use super::sentence::Sentence;
use super::value::{hex, unsigned};
use crate::{Limits, ParseError, Sink};

/// Parts of one message follow each other within this time.
const PATIENCE: Duration = Duration::from_secs(4);
/// The most parts a message can have: two digits.
const PARTS: u64 = 99;

/// Where a formatter keeps its counters.
struct Layout {
    total: usize,
    number: usize,
    sequence: Option<usize>,
    hexadecimal: bool,
    /// The field whose text runs on from part to part, or from which a list runs on.
    content: usize,
}

fn layout(formatter: &str) -> Option<Layout> {
    let plain = |sequence, content| Layout { total: 0, number: 1, sequence, hexadecimal: false, content };
    Some(match formatter.as_bytes() {
        b"GSV" => plain(None, 3),
        b"RTE" => plain(None, 4),
        b"TXT" => plain(Some(2), 3),
        b"ALF" => plain(Some(2), 12),
        b"ALC" => plain(Some(2), 4),
        b"NRX" => plain(Some(2), 12),
        b"SMB" => plain(Some(2), 4),
        b"DSE" => plain(None, 4),
        b"SFI" => plain(None, 2),
        b"TTD" => Layout { hexadecimal: true, ..plain(Some(2), 3) },
        b"TUT" => Layout { total: 1, number: 2, sequence: Some(3), hexadecimal: true, content: 5 },
        b"ABM" | b"BBM" => plain(Some(2), if formatter == "ABM" { 6 } else { 5 }),
        _ => return None,
    })
}

#[derive(Debug)]
struct Open {
    key: ([u8; 2], [u8; 3], u64),
    total: u64,
    number: u64,
    at: CaptureTime,
    /// The sentences so far, one after the other.
    raw: Vec<u8>,
}

/// The messages one flow has begun.
#[derive(Debug)]
pub(crate) struct Multi {
    open: Vec<Open>,
    most: usize,
    bytes: usize,
}

impl Multi {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { open: Vec::new(), most: limits.partial_messages, bytes: limits.buffered_bytes }
    }

    pub(crate) fn clear(&mut self) {
        self.open.clear();
    }

    /// Takes one sentence; hands out the whole message when it is the last part.
    pub(crate) fn take(
        &mut self,
        origin: Origin<'_>,
        speaker: Speaker,
        talker: &str,
        formatter: &str,
        sentence: &Sentence<'_>,
        out: &mut dyn Sink,
    ) {
        let Some(layout) = layout(formatter) else { return };
        let read =
            |index| if layout.hexadecimal { hex(sentence.field(index)) } else { unsigned(sentence.field(index)) };
        let (Some(total), Some(number)) = (read(layout.total), read(layout.number)) else { return };
        if !(2..=PARTS).contains(&total) || number == 0 || number > total {
            return;
        }
        let sequence = layout.sequence.and_then(read).unwrap_or(0);
        let (Ok(talker2), Ok(formatter3)) = (talker.as_bytes().try_into(), formatter.as_bytes().try_into()) else {
            return;
        };
        let key = (talker2, formatter3, sequence);
        let at = origin.chunk.at;
        let sequence_error = ParseError::Sequence { what: "multi-sentence message" };
        let found = self.open.iter().position(|open| open.key == key);
        if number == 1 {
            if found.is_some() {
                out.error(origin.protocol, sequence_error);
            }
            let mut raw = match found {
                Some(found) => self.open.swap_remove(found).raw,
                None => self.room(at),
            };
            raw.clear();
            raw.extend_from_slice(sentence.raw);
            self.open.push(Open { key, total, number, at, raw });
            return;
        }
        let Some(found) = found else {
            // Half of a message seen from the middle: the capture began there, or its start was lost.
            return out.error(origin.protocol, sequence_error);
        };
        let Some(open) = self.open.get_mut(found) else { return };
        let follows = open.total == total && open.number.saturating_add(1) == number && at.since(open.at) <= PATIENCE;
        if !follows || open.raw.len().saturating_add(sentence.raw.len()) > self.bytes {
            self.open.swap_remove(found);
            return out.error(origin.protocol, sequence_error);
        }
        open.number = number;
        open.at = at;
        open.raw.extend_from_slice(sentence.raw);
        if number == total {
            let whole = self.open.swap_remove(found);
            let fields = Whole { talker, formatter, layout: &layout, total, raw: &whole.raw };
            let (protocol, kind) = (origin.protocol, "multi-sentence");
            out.message(&Message { protocol, kind, function: 0, speaker, acts: &[], fields: &fields });
        }
    }

    /// Makes room for one more; the oldest gives way and lends its buffer.
    fn room(&mut self, now: CaptureTime) -> Vec<u8> {
        self.open.retain(|open| now.since(open.at) <= PATIENCE);
        if self.open.len() < self.most {
            return Vec::new();
        }
        let oldest = self.open.iter().enumerate().min_by_key(|(_, open)| open.at).map(|(at, _)| at);
        oldest.map_or_else(Vec::new, |oldest| self.open.swap_remove(oldest).raw)
    }
}

/// A message put together, ready to be shown.
struct Whole<'a> {
    talker: &'a str,
    formatter: &'a str,
    layout: &'a Layout,
    total: u64,
    raw: &'a [u8],
}

impl Whole<'_> {
    /// Calls `each` with every sentence.
    fn sentences(&self, mut each: impl FnMut(&Sentence<'_>)) {
        let mut rest = self.raw;
        while let Ok((sentence, after)) = Sentence::parse(rest) {
            each(&sentence);
            rest = after;
        }
    }
}

impl Fields for Whole<'_> {
    fn visit(&self, visitor: &mut dyn FieldVisitor) {
        visitor.field("talker", FieldValue::Text(self.talker));
        visitor.field("formatter", FieldValue::Text(self.formatter));
        visitor.field("sentences", FieldValue::Unsigned(self.total));
        let content = self.layout.content;
        if matches!(self.formatter, "TXT" | "ALF" | "NRX" | "SMB" | "TUT" | "TTD" | "ABM" | "BBM") {
            let mut text = String::new();
            self.sentences(|sentence| text.push_str(sentence.text(content)));
            let name = if matches!(self.formatter, "TTD" | "ABM" | "BBM") { "payload" } else { "text" };
            visitor.field(name, FieldValue::Text(&text));
            return;
        }
        visitor.open_list("values");
        self.sentences(|sentence| {
            for index in content..usize::from(sentence.field_count) {
                visitor.field("", FieldValue::Text(sentence.text(index)));
            }
        });
        visitor.close();
    }
}
