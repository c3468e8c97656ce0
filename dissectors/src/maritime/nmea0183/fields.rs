//! The fields of a sentence, shown by the table: names and types of `formatters.rs` and `makers.rs`, converted only when somebody asks.
//!
//! Position and hemisphere become one number of degrees under the name of the position; what does not convert is shown as its text, so that
//! nothing a ship really sent is hidden. Fields beyond the table, and all fields of an unknown sentence, are called `field_1`, `field_2` …

use dogwatch_model::{FieldValue, FieldVisitor, Fields};

use super::sentence::{Address, Sentence};
use super::table::{self, Field, Kind, Repeat};
use super::tag::Tags;
use super::value;

/// A sentence with what stood before it, ready to be shown.
pub(crate) struct Shown<'a> {
    /// The sentence.
    pub(crate) sentence: &'a Sentence<'a>,
    /// Its TAG blocks.
    pub(crate) tags: &'a Tags<'a>,
    /// The transmission group of IEC 61162-450 it was sent to.
    pub(crate) group: Option<&'static str>,
    /// Lines of its source that went missing before it, by the line count.
    pub(crate) lost: u32,
}

impl Fields for Shown<'_> {
    fn visit(&self, visitor: &mut dyn FieldVisitor) {
        let sentence = self.sentence;
        if let Some(group) = self.group {
            visitor.field("group", FieldValue::Text(group));
        }
        self.tags.visit(visitor);
        if self.lost > 0 {
            visitor.field("lines_lost", FieldValue::Unsigned(u64::from(self.lost)));
        }
        let (talker, formatter) = sentence.name();
        match sentence.address {
            Address::Query { requester, addressee } => {
                visitor.field("requester", FieldValue::Text(requester));
                visitor.field("addressee", FieldValue::Text(addressee));
                visitor.field("query", FieldValue::Bool(true));
                visitor.field("formatter", FieldValue::Text(formatter));
            }
            Address::Talker { .. } => {
                visitor.field("talker", FieldValue::Text(talker));
                visitor.field("formatter", FieldValue::Text(formatter));
            }
            Address::Proprietary { code } => {
                visitor.field("talker", FieldValue::Text(talker));
                visitor.field("formatter", FieldValue::Text(formatter));
                if let Some(maker) = table::maker(code) {
                    visitor.field("maker", FieldValue::Text(maker));
                }
            }
        }
        visitor.field("checksum", FieldValue::Text(sentence.checksum.as_str()));
        match sentence.address {
            Address::Query { .. } => {}
            Address::Talker { formatter, .. } => match table::formatter(formatter) {
                Some(row) => show(sentence, row.fields, row.repeat, visitor),
                None => show(sentence, &[], None, visitor),
            },
            Address::Proprietary { .. } => match proprietary_row(sentence, formatter) {
                Some(row) => show(sentence, row.fields, row.repeat, visitor),
                None => show(sentence, &[], None, visitor),
            },
        }
    }
}

/// The row of a proprietary sentence. `PASHR` is two things: attitude when a time follows, a named sub-sentence otherwise.
fn proprietary_row(sentence: &Sentence<'_>, key: &str) -> Option<&'static table::Proprietary> {
    if key == "ASHR" && !sentence.field(0).first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    table::proprietary(key)
}

/// A name made of a stem and a number, without the heap.
struct Name {
    bytes: [u8; 48],
    len: usize,
}

impl Name {
    const fn empty() -> Self {
        Self { bytes: [0; 48], len: 0 }
    }

    /// Stems come from our own tables: the longest has 22 letters.
    fn new(stem: &str, separator: &str, number: usize) -> Self {
        let mut name = Self::empty();
        name.push(stem.as_bytes());
        name.push(separator.as_bytes());
        if let Some(digit) = u8::try_from(number).ok().filter(|number| *number < 10) {
            name.push(&[b'0'.wrapping_add(digit)]);
            return name;
        }
        let mut weight = 1_000_usize;
        while weight > 1 && number < weight {
            weight = weight.checked_div(10).unwrap_or(1);
        }
        while weight > 0 {
            let digit = number.checked_div(weight).and_then(|digits| digits.checked_rem(10)).unwrap_or(0);
            name.push(&[b'0'.wrapping_add(u8::try_from(digit).unwrap_or(0))]);
            weight = weight.checked_div(10).unwrap_or(0);
        }
        name
    }

    /// Adds what fits; what does not is left out.
    fn push(&mut self, text: &[u8]) {
        let end = self.len.saturating_add(text.len());
        if let Some(room) = self.bytes.get_mut(self.len..end) {
            room.copy_from_slice(text);
            self.len = end;
        }
    }

    fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

/// Shows every field that is not empty.
fn show(sentence: &Sentence<'_>, fields: &[Field], repeat: Option<Repeat>, visitor: &mut dyn FieldVisitor) {
    let count = usize::from(sentence.field_count);
    let plain = repeat.map_or(fields.len(), |repeat| repeat.from);
    let mut in_sign = false;
    for (index, field) in fields.iter().take(plain).enumerate() {
        one(sentence, index, field, field.name, &mut in_sign, visitor);
    }
    let Some(Repeat { from, len }) = repeat else {
        return numbered(sentence, fields.len(), visitor);
    };
    let group = fields.get(from..).unwrap_or_default();
    let cells = count.saturating_sub(from);
    let rest = cells.checked_rem(len).unwrap_or(0);
    // GSV: one cell over is the signal id of edition 4.11.
    let tail = if len == 4 && rest == 1 && is_gsv(sentence) { 1 } else { 0 };
    for cell in 0..cells.saturating_sub(tail) {
        let (number, within) = (cell.checked_div(len).unwrap_or(0).wrapping_add(1), cell.checked_rem(len).unwrap_or(0));
        let index = from.wrapping_add(cell);
        if let Some(field) = group.get(within).filter(|_| !sentence.field(index).is_empty()) {
            let name = Name::new(field.name, "", number);
            one(sentence, index, field, name.as_str(), &mut in_sign, visitor);
        }
    }
    if tail == 1 {
        let field = Field { name: "signal_id", kind: Kind::Hex, unit: "" };
        one(sentence, count.saturating_sub(1), &field, field.name, &mut in_sign, visitor);
    }
}

fn is_gsv(sentence: &Sentence<'_>) -> bool {
    matches!(sentence.address, Address::Talker { formatter: "GSV", .. })
}

/// Shows fields by number from `from` on.
fn numbered(sentence: &Sentence<'_>, from: usize, visitor: &mut dyn FieldVisitor) {
    for index in from..usize::from(sentence.field_count) {
        let name = Name::new("field", "_", index.wrapping_add(1));
        raw(name.as_str(), sentence.field(index), visitor);
    }
}

/// Shows the text of a field, or its bytes when it is no text; nothing when it is empty.
fn raw(name: &str, bytes: &[u8], visitor: &mut dyn FieldVisitor) {
    if bytes.is_empty() {
        return;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => visitor.field(name, FieldValue::Text(text)),
        Err(_) => visitor.field(name, FieldValue::Bytes(bytes)),
    }
}

/// Shows one field by its kind. `in_sign` says whether it follows a position that was read with its hemisphere, and is left so for the next.
fn one(
    sentence: &Sentence<'_>,
    index: usize,
    field: &Field,
    name: &str,
    in_sign: &mut bool,
    visitor: &mut dyn FieldVisitor,
) {
    let follows_position = std::mem::take(in_sign);
    let bytes = sentence.field(index);
    let next = || sentence.field(index.wrapping_add(1));
    if bytes.is_empty() {
        return;
    }
    let converted = match field.kind {
        Kind::Number => value::number(bytes).map(FieldValue::Number),
        Kind::Integer => value::unsigned(bytes).map(FieldValue::Unsigned).or_else(|| integer(bytes)),
        Kind::Hex => value::hex(bytes).map(FieldValue::Unsigned),
        Kind::Lat | Kind::Lon => {
            let read = if field.kind == Kind::Lat { value::latitude } else { value::longitude };
            let degrees = read(bytes, next());
            *in_sign = degrees.is_some();
            degrees.map(FieldValue::Number)
        }
        Kind::Time => return clock(name, bytes, visitor),
        Kind::Date => return day(name, bytes, visitor),
        Kind::Text if bytes.contains(&b'^') => return escaped(name, bytes, visitor),
        // Already in the sign of the position before it.
        Kind::Hemisphere if follows_position => return,
        Kind::Hemisphere | Kind::Code | Kind::SixBit | Kind::Text => None,
    };
    match converted {
        Some(value) => visitor.field(name, value),
        None => raw(name, bytes, visitor),
    }
}

fn integer(bytes: &[u8]) -> Option<FieldValue<'static>> {
    let value = value::number(bytes)?;
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
    let whole = (libm::trunc(value) == value && value.abs() < 9e15).then_some(value as i64);
    Some(whole.map_or(FieldValue::Number(value), FieldValue::Signed))
}

/// `hh:mm:ss` with the fraction as it stood on the wire.
fn clock(name: &str, bytes: &[u8], visitor: &mut dyn FieldVisitor) {
    let (Some(_), &[h1, h2, m1, m2, s1, s2, ref fraction @ ..]) = (value::time(bytes), bytes) else {
        return raw(name, bytes, visitor);
    };
    if fraction.len() > 20 {
        return raw(name, bytes, visitor);
    }
    let mut text = Name::empty();
    text.push(&[h1, h2, b':', m1, m2, b':', s1, s2]);
    text.push(fraction);
    visitor.field(name, FieldValue::Text(text.as_str()));
}

/// `yyyy-mm-dd`.
fn day(name: &str, bytes: &[u8], visitor: &mut dyn FieldVisitor) {
    let (Some(date), &[d1, d2, m1, m2, y1, y2]) = (value::date(bytes), bytes) else {
        return raw(name, bytes, visitor);
    };
    let mut text = Name::empty();
    text.push(if date.year < 2_000 { b"19" } else { b"20" });
    text.push(&[y1, y2, b'-', m1, m2, b'-', d1, d2]);
    visitor.field(name, FieldValue::Text(text.as_str()));
}

/// Text with its `^hh` escapes resolved (IEC 61162-1, clause 7.1.4): the way reserved characters travel.
fn escaped(name: &str, bytes: &[u8], visitor: &mut dyn FieldVisitor) {
    let mut plain = [0_u8; super::sentence::LINE_LIMIT];
    let mut len = 0_usize;
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        let (byte, after) = match rest {
            [b'^', high, low, after @ ..] => match (value::hex_digit(*high), value::hex_digit(*low)) {
                (Some(high), Some(low)) => ((high << 4) | low, after),
                _ => (byte, after_one(rest)),
            },
            _ => (byte, after),
        };
        if let Some(slot) = plain.get_mut(len) {
            *slot = byte;
            len = len.wrapping_add(1);
        }
        rest = after;
    }
    raw(name, plain.get(..len).unwrap_or_default(), visitor);
}

fn after_one(bytes: &[u8]) -> &[u8] {
    bytes.get(1..).unwrap_or_default()
}
