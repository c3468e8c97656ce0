//! Shows the fields of a message by its definition.
//!
//! Values are in the units of the definition (SI, angles in radians, positions in degrees; durations and times of day in seconds). Codes
//! come with their names, dates as days since 1970 with the date as name, repeating fields as `list` and `list2` of groups. Reserved bits
//! are shown only when they are not all ones, spare bits only when they are not zero, and what is not available is left out. The walk
//! ends where the data ends: a field that is cut off is absent.

use std::fmt::Write;

use dogwatch_model::{CaptureTime, FieldValue, FieldVisitor, Fields};

use super::bits::{all_ones, bits, sign_extend};
use super::can::Header;
use super::table::{Definition, Field, FieldSet, Kind, Scale, Table, is_proprietary};
use super::text::{Text, trim};

/// A message with its definition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decoded<'a> {
    pub(super) header: Header,
    pub(super) table: &'a Table,
    pub(super) definition: &'a Definition,
    pub(super) data: &'a [u8],
    /// What this bus knew about the claimed address, for address claims.
    pub(super) claim: Option<Claim>,
}

/// Who wants an address and who had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) name: u64,
    pub(super) address: u8,
    /// Another NAME that held the address.
    pub(super) previous_name: Option<u64>,
    /// Another address this NAME held.
    pub(super) previous_address: Option<u8>,
}

impl Fields for Decoded<'_> {
    fn visit(&self, visitor: &mut dyn FieldVisitor) {
        show_header(self.header, self.definition.name(), visitor);
        Walk::new(self.table, self.data, visitor).definition(self.definition);
        if let Some(claim) = self.claim {
            visitor.open_group("claim");
            visitor.field("name", FieldValue::Unsigned(claim.name));
            visitor.field("address", FieldValue::Unsigned(u64::from(claim.address)));
            if let Some(name) = claim.previous_name {
                visitor.field("previous_name", FieldValue::Unsigned(name));
            }
            if let Some(address) = claim.previous_address {
                visitor.field("previous_address", FieldValue::Unsigned(u64::from(address)));
            }
            visitor.close();
        }
    }
}

/// Shows what stands around the data: who sends which group to whom.
pub(super) fn show_header(header: Header, name: &str, visitor: &mut dyn FieldVisitor) {
    visitor.open_group("header");
    visitor.field("priority", FieldValue::Unsigned(u64::from(header.priority)));
    visitor.field("pgn", FieldValue::Unsigned(u64::from(header.pgn)));
    visitor.field("name", FieldValue::Text(name));
    visitor.field("source", FieldValue::Unsigned(u64::from(header.source)));
    visitor.field("destination", FieldValue::Unsigned(u64::from(header.destination)));
    visitor.close();
}

/// The number in a field, `None` when it is not there or not available.
#[inline]
pub(super) fn raw_number(field: &Field, data: &[u8], at: usize) -> Option<Raw> {
    let raw = bits(data, at, field.bits)?;
    if field.signed {
        let value = sign_extend(raw, field.bits);
        let top = (all_ones(field.bits) >> 1).cast_signed();
        (value <= top.wrapping_sub(field.sentinels.cast_signed())).then_some(Raw::Signed(value))
    } else {
        (raw <= all_ones(field.bits).wrapping_sub(field.sentinels)).then_some(Raw::Unsigned(raw))
    }
}

/// A number as it stood in the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Raw {
    Unsigned(u64),
    Signed(i64),
}

impl Raw {
    #[expect(clippy::cast_precision_loss, reason = "wider numbers than 53 bits are positions far below the millimetre")]
    pub(super) const fn as_f64(self) -> f64 {
        match self {
            Self::Unsigned(value) => value as f64,
            Self::Signed(value) => value as f64,
        }
    }

    fn scaled(self, scale: Scale) -> FieldValue<'static> {
        match (self, scale.is_one()) {
            (Self::Unsigned(value), true) => FieldValue::Unsigned(value),
            (Self::Signed(value), true) => FieldValue::Signed(value),
            _ => FieldValue::Number(scale.apply(self.as_f64())),
        }
    }
}

/// A length that leaves less than nothing for the value: what follows cannot be told apart any more.
const IMPOSSIBLE: usize = usize::MAX;

/// The data ends, or what follows cannot be understood.
struct End;

struct Walk<'a, 'v> {
    table: &'a Table,
    data: &'a [u8],
    visitor: &'v mut dyn FieldVisitor,
    /// Next bit.
    at: usize,
    /// The last number read, for lengths that stand before what they measure.
    previous: u64,
    counts: [u64; 2],
    /// The group number a group function is about, with its definition once a parameter needed it.
    about: u32,
    about_definition: Option<&'a Definition>,
    about_catch_all: bool,
    /// The type the last key gave to the value that follows, and its length in bits when told.
    dynamic: Option<&'a Field>,
    dynamic_bits: Option<usize>,
}

impl<'a, 'v> Walk<'a, 'v> {
    fn new(table: &'a Table, data: &'a [u8], visitor: &'v mut dyn FieldVisitor) -> Self {
        Self {
            table,
            data,
            visitor,
            at: 0,
            previous: 0,
            counts: [0; 2],
            about: 0,
            about_definition: None,
            about_catch_all: false,
            dynamic: None,
            dynamic_bits: None,
        }
    }

    fn definition(&mut self, definition: &'a Definition) {
        let fields = self.table.fields(definition);
        let mut index = 0_usize;
        while let Some(field) = fields.get(index) {
            let set = definition.sets.iter().position(|set| set.is_some_and(|set| set.start == index));
            let result = match set.and_then(|which| Some((which, (*definition.sets.get(which)?)?))) {
                Some((which, set)) => {
                    index = index.saturating_add(set.size.max(1));
                    self.set(definition, fields, which, set)
                }
                None => {
                    let result = self.field(definition, field, field.name);
                    for (which, set) in definition.sets.iter().enumerate() {
                        let counts = set.is_some_and(|set| set.count == Some(index));
                        if let Some(count) = self.counts.get_mut(which).filter(|_| counts) {
                            *count = self.previous;
                        }
                    }
                    index = index.saturating_add(1);
                    result
                }
            };
            if result.is_err() {
                break;
            }
        }
    }

    fn remaining(&self) -> usize {
        self.data.len().saturating_mul(8).saturating_sub(self.at)
    }

    fn set(&mut self, definition: &'a Definition, fields: &'a [Field], which: usize, set: FieldSet) -> Result<(), End> {
        let end = set.start.saturating_add(set.size);
        let members = fields.get(set.start..end).unwrap_or_default();
        let wanted = match set.count {
            Some(_) => self.counts.get(which).copied().unwrap_or(0),
            None => u64::MAX,
        };
        if self.remaining() == 0 {
            return Err(End);
        }
        if wanted == 0 || self.ends_codes(members) {
            return Ok(());
        }
        self.visitor.open_list(if which == 0 { "list" } else { "list2" });
        let mut result = Ok(());
        let mut done = 0_u64;
        while done < wanted && self.remaining() > 0 && result.is_ok() && !self.ends_codes(members) {
            let before = self.at;
            self.visitor.open_group("");
            for member in members {
                result = self.field(definition, member, member.name);
                if result.is_err() {
                    break;
                }
            }
            self.visitor.close();
            done = done.saturating_add(1);
            if self.at == before {
                break;
            }
        }
        self.visitor.close();
        result
    }

    /// Trouble codes end with one that is empty: SPN 0 and FMI 0, or ones as filler.
    fn ends_codes(&self, members: &[Field]) -> bool {
        members.first().is_some_and(|field| field.kind == Kind::TroubleCode)
            && (self.remaining() < 32 || matches!(bits(self.data, self.at, 24), Some(0 | 0xff_ffff)))
    }

    fn field(&mut self, definition: &'a Definition, field: &'a Field, name: &str) -> Result<(), End> {
        if self.remaining() == 0 {
            return Err(End);
        }
        if field.proprietary_only && !is_proprietary(self.about) {
            return Ok(());
        }
        // What nobody has described is shown whole, however it came.
        let rest = definition.is_fallback() && field.kind == Kind::Binary;
        let width = if rest { self.remaining() } else { field.bits };
        let used = self.value(definition, field, name, width)?;
        self.at = self.at.saturating_add(used);
        Ok(())
    }

    /// Shows one value of `width` bits from the current bit and says how many bits it took.
    fn value(&mut self, definition: &'a Definition, field: &'a Field, name: &str, width: usize) -> Result<usize, End> {
        match field.kind {
            Kind::Number | Kind::Duration | Kind::Time | Kind::FieldIndex | Kind::DynamicLength => {
                self.number(field, name, width);
            }
            Kind::Date => self.date(name, width),
            Kind::Lookup | Kind::IndirectLookup | Kind::DynamicKey => self.lookup(definition, field, name, width),
            Kind::BitLookup => self.bit_lookup(field, name, width),
            Kind::Reserved | Kind::Spare => self.filler(field.kind, name, width),
            Kind::Mmsi => self.mmsi(name, width),
            Kind::Pgn => self.group_number(name, width),
            Kind::IsoName => self.iso_name(name, width),
            Kind::Float => self.float(name, width),
            Kind::Decimal => self.decimal(name, width),
            Kind::Binary => return Ok(self.binary(field, name, width)),
            Kind::StringFix => return Ok(self.fixed_string(name, width)),
            Kind::StringLau => return self.lau_string(name),
            Kind::StringLz => return self.lz_string(name, width),
            Kind::DynamicValue => return self.dynamic_value(definition, name),
            Kind::Variable => return self.variable(name),
            Kind::TroubleCode => self.trouble_code(name),
        }
        Ok(width)
    }

    fn raw(&mut self, width: usize) -> Option<u64> {
        let raw = bits(self.data, self.at, width)?;
        self.previous = raw;
        Some(raw)
    }

    fn number(&mut self, field: &Field, name: &str, width: usize) {
        let Some(raw) = self.raw(width) else { return };
        if field.kind == Kind::DynamicLength {
            let bytes = usize::try_from(raw).unwrap_or(usize::MAX).checked_sub(field.extra);
            self.dynamic_bits = Some(bytes.map_or(IMPOSSIBLE, |bytes| bytes.saturating_mul(8)));
        }
        let sized = Field { bits: width, ..*field };
        if let Some(number) = raw_number(&sized, self.data, self.at) {
            self.visitor.field(name, number.scaled(field.scale));
        }
    }

    fn date(&mut self, name: &str, width: usize) {
        let Some(days) = self.raw(width).filter(|days| *days <= all_ones(width).saturating_sub(3)) else { return };
        let seconds = i64::try_from(days).unwrap_or(i64::MAX).saturating_mul(86_400);
        let (year, month, day, ..) = CaptureTime::from_parts(seconds, 0).civil();
        let mut text = Text::new();
        let _ = write!(text, "{year:04}-{month:02}-{day:02}");
        self.visitor.field(name, FieldValue::Coded { value: days, name: Some(text.as_str()) });
    }

    fn lookup(&mut self, definition: &Definition, field: &Field, name: &str, width: usize) {
        let Some(code) = self.raw(width) else { return };
        let text = match field.kind {
            Kind::IndirectLookup => {
                let before = self.table.fields(definition).get(..field.extra.wrapping_sub(1)).unwrap_or_default();
                let at: usize = before.iter().map(|field| field.bits).sum();
                let first = self.table.field(definition, before.len()).and_then(|f| bits(self.data, at, f.bits));
                first.and_then(|first| self.table.indirect_name(field.list, first, code))
            }
            _ => self.table.name(field.list, code),
        };
        if field.kind == Kind::DynamicKey {
            self.dynamic = self.table.dynamic(field.list, code);
        }
        let top = match width {
            0 | 1 => 0,
            2 => 2,
            _ => 3,
        };
        if text.is_some() || field.matching.is_some() || code <= all_ones(width).wrapping_sub(top) {
            self.visitor.field(name, FieldValue::Coded { value: code, name: text });
        }
    }

    fn bit_lookup(&mut self, field: &Field, name: &str, width: usize) {
        let Some(raw) = self.raw(width).filter(|raw| *raw != 0) else { return };
        self.visitor.open_list(name);
        for bit in 0..width.min(64) {
            let mask = 1_u64 << bit;
            if raw & mask != 0 {
                let text = self.table.name(field.list, bit as u64);
                self.visitor.field("", FieldValue::Coded { value: mask, name: text });
            }
        }
        self.visitor.close();
    }

    fn filler(&mut self, kind: Kind, name: &str, width: usize) {
        if width > self.remaining() {
            return;
        }
        // Only words up to 64 bits wide occur; a wider one is looked at in its first 64 bits.
        let wide = width.min(64);
        let Some(raw) = bits(self.data, self.at, wide) else { return };
        let expected = if kind == Kind::Reserved { all_ones(wide) } else { 0 };
        if raw != expected {
            self.bytes(name, width);
        }
    }

    /// Shows bits as bytes. Bits of neighbours in the first and last byte are cleared, not shifted out.
    fn bytes(&mut self, name: &str, width: usize) {
        let (first, shift) = (self.at >> 3, self.at & 7);
        let end = self.at.saturating_add(width).div_ceil(8);
        let Some(bytes) = self.data.get(first..end) else { return };
        let over = end.saturating_mul(8).saturating_sub(self.at.saturating_add(width));
        if shift == 0 && over == 0 {
            self.visitor.field(name, FieldValue::Bytes(bytes));
            return;
        }
        let mut copy = [0_u8; 232];
        let len = bytes.len().min(copy.len());
        let Some(copy) = copy.get_mut(..len) else { return };
        copy.copy_from_slice(bytes.get(..len).unwrap_or_default());
        if let Some(byte) = copy.first_mut() {
            *byte &= 0xff_u8 << shift;
        }
        if let Some(byte) = copy.last_mut() {
            *byte &= 0xff_u8 >> over;
        }
        self.visitor.field(name, FieldValue::Bytes(copy));
    }

    fn binary(&mut self, field: &Field, name: &str, width: usize) -> usize {
        let told =
            if width == 0 && field.extra > 0 { usize::try_from(self.previous).unwrap_or(usize::MAX) } else { width };
        let width = if told == 0 && width == 0 && field.extra == 0 { self.remaining() } else { told };
        let width = width.min(self.remaining());
        if width > 0 {
            self.bytes(name, width);
        }
        width
    }

    fn mmsi(&mut self, name: &str, width: usize) {
        let Some(raw) = self.raw(width).filter(|raw| *raw <= all_ones(width).saturating_sub(3)) else { return };
        let mut text = Text::new();
        let _ = write!(text, "{raw:09}");
        self.visitor.field(name, FieldValue::Text(text.as_str()));
    }

    fn group_number(&mut self, name: &str, width: usize) {
        let Some(raw) = self.raw(width) else { return };
        self.about = u32::try_from(raw).unwrap_or(0);
        self.about_definition = None;
        if raw > all_ones(width).saturating_sub(3) {
            return;
        }
        let text = if matches!(self.about, 0xff00..=0xffff | 0x1_ff00..=0x1_ffff) {
            None
        } else {
            self.table.first(self.about).map(Definition::name)
        };
        self.visitor.field(name, FieldValue::Coded { value: raw, name: text });
    }

    fn iso_name(&mut self, name: &str, width: usize) {
        let Some(raw) = self.raw(width).filter(|raw| *raw < u64::MAX - 1) else { return };
        let Some(definition) = self.table.iso_name() else { return };
        let bytes = raw.to_le_bytes();
        self.visitor.open_group(name);
        self.visitor.field("value", FieldValue::Unsigned(raw));
        Walk::new(self.table, &bytes, self.visitor).definition(definition);
        self.visitor.close();
    }

    fn float(&mut self, name: &str, width: usize) {
        let Some(raw) = self.raw(width).and_then(|raw| u32::try_from(raw).ok()) else { return };
        let number = f32::from_bits(raw);
        if number.is_finite() {
            self.visitor.field(name, FieldValue::Number(f64::from(number)));
        }
    }

    fn decimal(&mut self, name: &str, width: usize) {
        let Some(bytes) = self.here(width) else { return };
        if bytes.iter().all(|byte| *byte == 0xff) {
            return;
        }
        let mut text = Text::new();
        for pair in bytes.iter().filter(|pair| **pair < 100) {
            let _ = write!(text, "{pair:02}");
        }
        self.visitor.field(name, FieldValue::Text(text.as_str()));
    }

    fn trouble_code(&mut self, name: &str) {
        let Some(raw) = bits(self.data, self.at, 24) else { return };
        self.visitor.field(name, FieldValue::Unsigned(raw & 0xffff | raw >> 21 << 16));
        self.visitor.field("fmi", FieldValue::Unsigned(raw >> 16 & 0x1f));
    }

    /// The bytes of a byte-aligned field, as many as there are.
    fn here(&self, width: usize) -> Option<&'a [u8]> {
        let first = self.at >> 3;
        let end = first.saturating_add(width >> 3).min(self.data.len());
        self.data.get(first..end)
    }

    fn text(&mut self, name: &str, bytes: &[u8]) {
        let bytes = trim(bytes);
        if bytes.is_empty() {
            return;
        }
        if let Ok(text) = std::str::from_utf8(bytes) {
            self.visitor.field(name, FieldValue::Text(text));
        } else {
            let mut text = Text::new();
            text.single(bytes);
            self.visitor.field(name, FieldValue::Text(text.as_str()));
        }
    }

    fn fixed_string(&mut self, name: &str, width: usize) -> usize {
        let Some(bytes) = self.here(width) else { return width };
        self.text(name, bytes);
        bytes.len().saturating_mul(8)
    }

    fn lau_string(&mut self, name: &str) -> Result<usize, End> {
        let rest = self.data.get(self.at >> 3..).unwrap_or_default();
        let [len, coding, ..] = *rest else { return Err(End) };
        let len = usize::from(len).min(rest.len());
        let body = rest.get(2..len).ok_or(End)?;
        match coding {
            0 => {
                let mut text = Text::new();
                text.double(body);
                let shown = text.as_str().trim_end();
                if !shown.is_empty() {
                    self.visitor.field(name, FieldValue::Text(shown));
                }
            }
            1 | 0xff => self.text(name, body),
            _ => return Err(End),
        }
        Ok(len.saturating_mul(8))
    }

    fn lz_string(&mut self, name: &str, width: usize) -> Result<usize, End> {
        let rest = self.data.get(self.at >> 3..).unwrap_or_default();
        let (len, body) = rest.split_first().ok_or(End)?;
        let len = usize::from(*len).min(body.len());
        self.text(name, body.get(..len).unwrap_or_default());
        Ok(if width > 0 { width } else { len.saturating_add(2).saturating_mul(8) })
    }

    /// The value after a dynamic key. Without a known key its bytes are shown; with a length running past the end nothing is.
    fn dynamic_value(&mut self, definition: &'a Definition, name: &str) -> Result<usize, End> {
        let (told, field) = (self.dynamic_bits.take(), self.dynamic.take());
        let width = match (told, field) {
            (Some(width), _) => width,
            (None, Some(field)) if field.bits > 0 => field.bits,
            _ => self.remaining(),
        };
        if told == Some(0) {
            return Ok(0);
        }
        if width > self.remaining() {
            return Err(End);
        }
        match field {
            Some(field) => self.value(definition, field, name, width),
            None => {
                self.bytes(name, width);
                Ok(width)
            }
        }
    }

    /// The value of a group function's parameter: it has the type of the field the parameter names, padded to whole bytes.
    fn variable(&mut self, name: &str) -> Result<usize, End> {
        if self.about_definition.is_none() {
            let start = (self.at >> 3).saturating_sub(2);
            let chosen = self.table.choose_by_parameters(self.about, self.data.get(start..).unwrap_or_default());
            self.about_catch_all = chosen.is_none();
            self.about_definition = chosen.or_else(|| self.table.catch_all(self.about));
        }
        let number = self.data.get((self.at >> 3).wrapping_sub(1)).copied().unwrap_or(0);
        let definition = self.about_definition.ok_or(End)?;
        let field = self.table.field(definition, usize::from(number).wrapping_sub(1)).ok_or(End)?;
        if self.about_catch_all && field.kind == Kind::Binary {
            let width = self.remaining();
            self.bytes(name, width);
            return Ok(width);
        }
        let width = field.bits.min(self.remaining());
        if matches!(field.kind, Kind::Variable | Kind::DynamicValue) {
            return Err(End);
        }
        let used = self.value(definition, field, name, width)?;
        Ok(used.div_ceil(8).saturating_mul(8))
    }
}
