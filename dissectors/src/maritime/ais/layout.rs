//! How a run of bits is taken apart by a table: name, width, meaning. Both the 27 messages and the binary applications inside them are such
//! tables.

use dogwatch_model::{FieldValue, FieldVisitor};

use super::bits::{Bits, ROOM};

/// What the bits of a part mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Nothing: spare, or shown elsewhere.
    Skip,
    /// A number or code.
    Unsigned,
    /// A number that is not available when it has this value.
    UnsignedUnless(u64),
    /// Yes or no.
    Flag,
    /// `raw / divisor + offset`; not available when raw has the value `absent`.
    Scaled { signed: bool, divisor: f64, offset: f64, absent: i64 },
    /// Longitude, `divisor` steps a degree; not available at 181 degrees.
    Longitude(f64),
    /// Latitude, `divisor` steps a degree; not available at 91 degrees.
    Latitude(f64),
    /// Rate of turn of messages 1 to 3.
    Turn,
    /// Six-bit text of this width; with width 0 up to the end.
    Text,
    /// Bytes up to the end.
    Rest,
}

/// One part of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    /// Name.
    pub(crate) name: &'static str,
    /// Width in bits.
    pub(crate) bits: u16,
    /// Meaning.
    pub(crate) kind: Kind,
}

/// Short names that keep the tables readable.
pub(crate) mod shorthand {
    use super::{Kind, Part};

    pub(crate) const fn u(name: &'static str, bits: u16) -> Part {
        Part { name, bits, kind: Kind::Unsigned }
    }
    /// Not available at `absent`.
    pub(crate) const fn un(name: &'static str, bits: u16, absent: u64) -> Part {
        Part { name, bits, kind: Kind::UnsignedUnless(absent) }
    }
    pub(crate) const fn b(name: &'static str) -> Part {
        Part { name, bits: 1, kind: Kind::Flag }
    }
    pub(crate) const fn skip(bits: u16) -> Part {
        Part { name: "", bits, kind: Kind::Skip }
    }
    /// `raw / divisor`, not available at `absent`.
    pub(crate) const fn q(name: &'static str, bits: u16, divisor: f64, absent: i64) -> Part {
        Part { name, bits, kind: Kind::Scaled { signed: false, divisor, offset: 0.0, absent } }
    }
    /// `raw / divisor + offset`, not available at `absent`.
    pub(crate) const fn qo(name: &'static str, bits: u16, divisor: f64, offset: f64, absent: i64) -> Part {
        Part { name, bits, kind: Kind::Scaled { signed: false, divisor, offset, absent } }
    }
    /// With sign.
    pub(crate) const fn s(name: &'static str, bits: u16, divisor: f64, absent: i64) -> Part {
        Part { name, bits, kind: Kind::Scaled { signed: true, divisor, offset: 0.0, absent } }
    }
    pub(crate) const fn lon(name: &'static str, bits: u16, per_minute: f64) -> Part {
        Part { name, bits, kind: Kind::Longitude(per_minute * 60.0) }
    }
    pub(crate) const fn lat(name: &'static str, bits: u16, per_minute: f64) -> Part {
        Part { name, bits, kind: Kind::Latitude(per_minute * 60.0) }
    }
    pub(crate) const fn t(name: &'static str, characters: u16) -> Part {
        Part { name, bits: characters.saturating_mul(6), kind: Kind::Text }
    }
    pub(crate) const fn rest(name: &'static str) -> Part {
        Part { name, bits: 0, kind: Kind::Rest }
    }
    /// Never absent.
    pub(crate) const ALWAYS: i64 = i64::MIN;
}

/// Shows the parts of `layout` found from `start` on; returns where it ended. Parts cut off at the end of the message are not shown, except
/// text, which is shown as far as it goes.
pub(crate) fn show(bits: &Bits<'_>, start: usize, layout: &[Part], visitor: &mut dyn FieldVisitor) -> usize {
    let mut at = start;
    for part in layout {
        let width = usize::from(part.bits);
        match part.kind {
            Kind::Text => {
                let characters =
                    if width == 0 { bits.len.saturating_sub(at) } else { width }.checked_div(6).unwrap_or(0);
                text(bits, at, characters, part.name, visitor);
            }
            Kind::Rest => {
                let mut room = [0; ROOM];
                let bytes = bits.bytes(at, usize::MAX, &mut room);
                if !bytes.is_empty() {
                    visitor.field(part.name, FieldValue::Bytes(bytes));
                }
                return bits.len;
            }
            Kind::Skip => {}
            _ => {
                if let Some(value) = value(bits, at, part) {
                    visitor.field(part.name, value);
                }
            }
        }
        at = at.saturating_add(width);
        if at > bits.len {
            break;
        }
    }
    at.min(bits.len)
}

/// Shows a text unless it is empty.
fn text(bits: &Bits<'_>, at: usize, characters: usize, name: &str, visitor: &mut dyn FieldVisitor) {
    let mut room = [0; 176];
    let text = bits.text(at, characters, &mut room);
    if !text.is_empty() {
        visitor.field(name, FieldValue::Text(text));
    }
}

/// One value; `None` when it is not available or cut off.
fn value(bits: &Bits<'_>, at: usize, part: &Part) -> Option<FieldValue<'static>> {
    let width = usize::from(part.bits);
    match part.kind {
        Kind::Unsigned => bits.unsigned(at, width).map(FieldValue::Unsigned),
        Kind::UnsignedUnless(absent) => {
            bits.unsigned(at, width).filter(|value| *value != absent).map(FieldValue::Unsigned)
        }
        Kind::Flag => bits.flag(at).map(FieldValue::Bool),
        Kind::Scaled { signed, divisor, offset, absent } => {
            let raw = if signed { bits.signed(at, width)? } else { bits.unsigned(at, width)?.cast_signed() };
            (raw != absent).then(|| FieldValue::Number(scale(raw, divisor) + offset))
        }
        Kind::Longitude(per_degree) => degrees(bits, at, width, per_degree, 181.0).map(FieldValue::Number),
        Kind::Latitude(per_degree) => degrees(bits, at, width, per_degree, 91.0).map(FieldValue::Number),
        Kind::Turn => bits.signed(at, width).and_then(turn).map(FieldValue::Number),
        Kind::Skip | Kind::Text | Kind::Rest => None,
    }
}

/// `raw / divisor`.
#[expect(clippy::cast_precision_loss, reason = "no field is wider than 57 bits, none scaled wider than 30")]
pub(crate) fn scale(raw: i64, divisor: f64) -> f64 {
    raw as f64 / divisor
}

/// A coordinate in degrees; `None` for "not available". What lies outside the globe otherwise is shown: it was really sent.
pub(crate) fn degrees(bits: &Bits<'_>, at: usize, width: usize, per_degree: f64, absent: f64) -> Option<f64> {
    let value = scale(bits.signed(at, width)?, per_degree);
    ((value - absent).abs() > 1e-9).then_some(value)
}

/// Degrees per minute, starboard positive, from the coded rate (4.733 x square root). 127 and -127 say only "faster than 5 degrees in 30
/// seconds", -128 "not available".
pub(crate) fn turn(coded: i64) -> Option<f64> {
    if coded.abs() >= 127 {
        return None;
    }
    let root = scale(coded, 4.733);
    Some(if coded < 0 { -(root * root) } else { root * root })
}
