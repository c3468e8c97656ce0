//! Object headers of the application layer: which points a fragment is about, and the values of the common ones.
//!
//! Specification: IEEE 1815-2012 clause 4.2.2.7 (headers), annex A (objects).

use dogwatch_model::ReadingVisitor;

use crate::acts::{Visit, number};
use crate::reader::Reader;
use crate::text::{Text, text};

/// One object header with its objects.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header<'a> {
    pub(super) group: u8,
    pub(super) variation: u8,
    /// First index and last, or how many objects carry an index of their own.
    range: Range,
    /// Width of the index or size in front of each object.
    prefix: u8,
    /// Bytes of each object behind its prefix; 0 where only names are sent or bits are packed.
    size: usize,
    /// The objects with their prefixes.
    data: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Range {
    /// All there are.
    All,
    Points(u32, u32),
    Count(u32),
}

/// Size of one object in bits (annex A); `None` where it is not fixed or not known here.
const fn bits(group: u8, variation: u8) -> Option<usize> {
    Some(match (group, variation) {
        (1 | 10, 1) | (12, 3) | (80, 1) => 1,
        (3, 1) => 2,
        (1 | 3 | 10, 2) | (2 | 4 | 11 | 13, 1) => 8,
        (2 | 4 | 11 | 13, 2) => 56,
        (2 | 4, 3) => 24,
        (12, 1 | 2) => 88,
        (20..=23 | 30..=33 | 40..=43, 1) => 40,
        (20..=23 | 30..=33 | 40..=43, 2) => 24,
        (30, 3) | (20, 5) | (34, 2 | 3) | (21, 9) => 32,
        (30, 4) | (20, 6) | (34, 1) => 16,
        (30 | 31 | 32 | 33 | 42 | 43, 5) | (40 | 41, 3) => 40,
        (30 | 31 | 32 | 33 | 42 | 43, 6) | (40 | 41, 4) | (21..=23, 6) => 72,
        (21..=23, 5) | (32 | 33 | 42 | 43, 3 | 7) => 88,
        (32 | 33 | 42 | 43, 4) => 72,
        (32 | 33 | 42 | 43, 8) => 120,
        (21, 10) => 16,
        (50, 1 | 3) | (51, 1 | 2) => 48,
        (50, 2) => 80,
        (52, 1 | 2) => 16,
        // Octet strings are as long as their variation says.
        (110 | 111, size) => (size as usize) << 3,
        _ => return None,
    })
}

/// The object headers of a fragment, up to the first whose size is not known; `has_data` where objects follow them.
pub(super) fn headers(bytes: &[u8], has_data: bool) -> impl Iterator<Item = Header<'_>> + Clone {
    let mut reader = Reader::new("dnp3 object", bytes);
    std::iter::from_fn(move || header(&mut reader, has_data))
}

fn header<'a>(reader: &mut Reader<'a>, has_data: bool) -> Option<Header<'a>> {
    let [group, variation] = reader.array().ok()?;
    let nothing = Header { group, variation, range: Range::All, prefix: 0, size: 0, data: &[] };
    let Ok(qualifier) = reader.u8() else { return Some(nothing) };
    let wide = |reader: &mut Reader<'a>, width: u8| match width {
        0 => reader.u8().ok().map(u32::from),
        1 => reader.le16().ok().map(u32::from),
        _ => reader.le32().ok(),
    };
    let range = match qualifier & 15 {
        code @ 0..=2 => wide(reader, code).zip(wide(reader, code)).map(|(first, last)| Range::Points(first, last)),
        code @ 7..=9 => wide(reader, code.saturating_sub(7)).map(Range::Count),
        11 => wide(reader, 0).map(Range::Count),
        6 => Some(Range::All),
        _ => None,
    };
    let Some(range) = range else {
        // What follows cannot be found without the range.
        let _rest = reader.take(reader.rest().len());
        return Some(nothing);
    };
    let prefix = match qualifier >> 4 & 7 {
        1 | 4 => 1,
        2 | 5 => 2,
        3 | 6 => 4,
        _ => 0,
    };
    let count = match range {
        Range::All => 0,
        Range::Points(first, last) => last.wrapping_sub(first).saturating_add(1),
        Range::Count(count) => count,
    };
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let size = if has_data { bits(group, variation) } else { Some(0) };
    let length = match (size, prefix) {
        // Without prefixes bits are packed, each header filled up to whole bytes.
        (Some(size), 0) => Some(size.saturating_mul(count).div_ceil(8)),
        (Some(size), _) => Some(size.div_ceil(8).saturating_add(prefix.into()).saturating_mul(count)),
        (None, _) => None,
    };
    let length = length.filter(|length| *length <= reader.rest().len()).unwrap_or_else(|| reader.rest().len());
    let size = size.filter(|size| size.is_multiple_of(8)).map_or(0, |size| size / 8);
    Some(Header { group, variation, range, prefix, size, data: reader.take(length).unwrap_or_default() })
}

/// One object: its index where it has one, and its bytes.
type Point<'a> = (Option<u32>, &'a [u8]);

impl<'a> Header<'a> {
    /// `g30v1`, with the points where they are few or in a row.
    pub(super) fn name(&self) -> Text<48> {
        let (group, variation) = (self.group, self.variation);
        let mut points = self.points().map_while(|(index, _)| index);
        match (self.range, points.next(), points.last()) {
            (Range::Points(first, last), ..) if first == last => text!["g", group, "v", variation, " ", first],
            (Range::Points(first, last), ..) => text!["g", group, "v", variation, " ", first, "-", last],
            (Range::Count(_), Some(first), None) => text!["g", group, "v", variation, " ", first],
            (Range::Count(_), Some(first), Some(last)) => {
                text!["g", group, "v", variation, " ", first, "..", last]
            }
            _ => text!["g", group, "v", variation],
        }
    }

    /// The objects, where each takes whole bytes.
    fn points(&self) -> impl Iterator<Item = Point<'a>> + Clone + use<'a> {
        let (size, prefix, mut reader) = (self.size, self.prefix, Reader::new("dnp3 point", self.data));
        let mut next = match self.range {
            Range::Points(first, _) => Some(first),
            _ => None,
        };
        std::iter::from_fn(move || {
            if reader.is_empty() || (size == 0 && prefix == 0) {
                return None;
            }
            let index = match prefix {
                1 => Some(u32::from(reader.u8().ok()?)),
                2 => Some(u32::from(reader.le16().ok()?)),
                4 => Some(reader.le32().ok()?),
                _ => {
                    let index = next;
                    next = next.map(|index| index.saturating_add(1));
                    index
                }
            };
            Some((index, reader.take(size).ok()?))
        })
    }

    /// Whether a command that is repeated in an answer carries a status other than success (last byte of groups 12 and 41).
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.group, 12 | 41)
            && self.points().any(|(_, object)| object.last().is_some_and(|status| status & 0x7f != 0))
    }

    /// Hands out the numbers of points under the names that point lists use, where the device does not call them doubtful.
    pub(super) fn readings(&self, outstation: u16, to: &mut dyn ReadingVisitor) {
        let name = match self.group {
            1 | 2 => "BI",
            10 | 11 => "BO",
            20..=23 => "CTR",
            30..=33 => "AI",
            40..=43 => "AO",
            _ => return,
        };
        if let (Range::Points(first, last), 0, 1 | 10, 1) = (self.range, self.prefix, self.group, self.variation) {
            let bits = self.data.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1));
            for (index, bit) in (first..=last).zip(bits) {
                to.number(format_args!("outstation:{outstation}/{name}:{index}"), bit.into());
            }
            return;
        }
        for (index, object) in self.points() {
            let value = value(self.group, self.variation, object).and_then(number);
            if let (Some(index), Some(value), true) = (index, value, is_good(self.group, self.variation, object)) {
                to.number(format_args!("outstation:{outstation}/{name}:{index}"), value);
            }
        }
    }

    /// Hands out points and their values, where the variation is one of the common ones.
    pub(super) fn show(&self, visit: &mut Visit<'_>) {
        for (index, object) in self.points().take(32) {
            let Some(value) = value(self.group, self.variation, object) else { continue };
            visit.0.open_group("");
            visit.shown("object", format_args!("g{}v{}", self.group, self.variation));
            visit.maybe("index", index);
            visit.0.field("value", value);
            visit.0.close();
        }
    }
}

/// Whether the flags in front of a value, where it has some, call it on line, neither restarted nor lost on the way (clause 11.6.1).
fn is_good(group: u8, variation: u8, object: &[u8]) -> bool {
    let is_bare = matches!((group, variation), (30, 3 | 4) | (20 | 21, 5 | 6 | 9 | 10) | (41, _));
    // counters and change events of some variations go without flags; what has a form this table does not know is not handed out at all
    is_bare || object.first().is_some_and(|flags| flags & 0b0000_0111 == 1)
}

/// The value of an object (annex A): behind the flags for inputs, in front of the status for outputs.
fn value(group: u8, variation: u8, object: &[u8]) -> Option<dogwatch_model::FieldValue<'_>> {
    use dogwatch_model::FieldValue::{Bool, Number, Signed, Unsigned};
    let flagged = || object.get(1..);
    let word = |bytes: Option<&[u8]>| bytes.and_then(|bytes| bytes.first_chunk::<4>().copied());
    let half = |bytes: Option<&[u8]>| bytes.and_then(|bytes| bytes.first_chunk::<2>().copied());
    Some(match (group, variation) {
        (1 | 10, 2) | (2, 1..=3) | (11, 1 | 2) => Bool(object.first()? & 0x80 != 0),
        // The control code: operation, queue, clear, trip or close.
        (12, 1) => Unsigned(object.first().copied()?.into()),
        (20..=23, 1 | 5) if (group, variation) != (20, 5) => Unsigned(u32::from_le_bytes(word(flagged())?).into()),
        (20..=23, 2 | 6) if (group, variation) != (20, 6) => Unsigned(u16::from_le_bytes(half(flagged())?).into()),
        (30 | 32 | 40 | 42, 1) | (32 | 42, 3) => Signed(i32::from_le_bytes(word(flagged())?).into()),
        (30 | 32 | 40 | 42, 2) | (32 | 42, 4) => Signed(i16::from_le_bytes(half(flagged())?).into()),
        (30, 3) | (41, 1) => Signed(i32::from_le_bytes(word(Some(object))?).into()),
        (30, 4) | (41, 2) => Signed(i16::from_le_bytes(half(Some(object))?).into()),
        (30 | 32 | 42, 5) | (32 | 42, 7) | (40, 3) => Number(f32::from_le_bytes(word(flagged())?).into()),
        (41, 3) => Number(f32::from_le_bytes(word(Some(object))?).into()),
        _ => return None,
    })
}
