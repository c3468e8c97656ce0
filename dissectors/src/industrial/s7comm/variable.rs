//! The variables that a job reads or writes or a subscription asks for, and where their bytes stand in the data that come.
//!
//! Memory of data blocks, flags, inputs and outputs, in whole bytes or as single bits. The protocol moves bytes; what number lies in them only the
//! plan knows. Deliberately not handed out: counters, timers, peripheral memory, what only controllers of the 200 family have.
//!
//! Source: as for the whole protocol, the published analyses that independent decoders are built on. The block read of 400 controllers (syntax 0xb0)
//! was checked against answers of a public capture, whose lengths are the sum of what was asked with one return code each.

use dogwatch_model::{Memory, ReadingVisitor};

use crate::reader::Reader;

/// Entries of one job: an item takes 12 bytes, a part of a block read five, and most controllers' units hold 240 bytes.
const MOST: usize = 48;
/// "Here it is".
const DONE: u8 = 0xff;

/// What one entry is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    /// Nothing that is handed out; its data are passed over.
    #[default]
    Other,
    /// Whole bytes of an area.
    Bytes,
    /// One bit of the first byte.
    Bit(u8),
    /// An item of so many parts, which are the entries behind it.
    Parts(u8),
}

/// One entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Variable {
    kind: Kind,
    area: u8,
    block: u16,
    first: u32,
    /// Bytes of a part.
    length: u8,
}

/// The variables of a job, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Variables {
    list: [Variable; MOST],
    count: usize,
}

impl Default for Variables {
    fn default() -> Self {
        Self { list: [Variable::default(); MOST], count: 0 }
    }
}

impl Variables {
    /// Reads the items of a job.
    pub(super) fn of<'a>(items: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut variables = Self::default();
        for item in items {
            match item {
                [0x12, _, 0xb0, parts, rest @ ..] => {
                    variables.push(Variable { kind: Kind::Parts(*parts), ..Variable::default() });
                    rest.as_chunks::<5>()
                        .0
                        .iter()
                        .take((*parts).into())
                        .for_each(|part| variables.push(of_block(*part)));
                }
                _ => variables.push(variable(item).unwrap_or_default()),
            }
        }
        variables
    }

    fn push(&mut self, variable: Variable) {
        if let Some(slot) = self.list.get_mut(self.count) {
            *slot = variable;
            self.count = self.count.saturating_add(1);
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Hands out the bytes of each variable. An element of data has a return code, a transport size, a length in bits or in bytes, and is filled up
    /// to an even number unless it is the last.
    pub(super) fn readings(&self, data: &[u8], is_answer: bool, to: &mut dyn ReadingVisitor) {
        let mut reader = Reader::new("s7comm data", data);
        let mut entries = self.list.get(..self.count).unwrap_or_default().iter();
        while let Some(variable) = entries.next() {
            let (Ok([code, size]), Ok(length)) = (reader.array(), reader.be16()) else { return };
            let length = usize::from(length);
            let length = if matches!(size, 3..=5) { length.div_ceil(8) } else { length };
            let Ok(bytes) = reader.take(length) else { return };
            if length % 2 == 1 {
                let _fill = reader.u8();
            }
            let is_there = !is_answer || code == DONE;
            match (variable.kind, size) {
                (Kind::Parts(count), _) => {
                    let Some((parts, rest)) = entries.as_slice().split_at_checked(count.into()) else { return };
                    if is_there {
                        hand_out_parts(parts, bytes, to);
                    }
                    entries = rest.iter();
                }
                (Kind::Bytes, 4..=7 | 9) if is_there => variable.hand_out(bytes, to),
                // size 3 is bits
                (Kind::Bit(bit), 3) if is_there => variable.hand_out_bit(bit, bytes, to),
                _ => {}
            }
        }
    }
}

/// The parts of a block read: a return code before each, nothing between them. Lengths that do not add up are another form, and left alone.
fn hand_out_parts(parts: &[Variable], bytes: &[u8], to: &mut dyn ReadingVisitor) {
    let whole = parts.iter().fold(0_usize, |sum, part| sum.saturating_add(part.length.into()).saturating_add(1));
    if whole != bytes.len() {
        return;
    }
    let mut reader = Reader::new("s7comm block read", bytes);
    for part in parts {
        let (Ok(code), Ok(bytes)) = (reader.u8(), reader.take(part.length.into())) else { return };
        if code == DONE {
            part.hand_out(bytes, to);
        }
    }
}

impl Variable {
    fn hand_out(self, bytes: &[u8], to: &mut dyn ReadingVisitor) {
        let mut tell = |area: std::fmt::Arguments<'_>| {
            to.memory(&Memory { area, first: self.first, step: 1, big_endian: true, low_first: false, bytes });
        };
        match self.area {
            0x81 => tell(format_args!("I")),
            0x82 => tell(format_args!("Q")),
            0x83 => tell(format_args!("M")),
            0x84 => tell(format_args!("DB{}", self.block)),
            0x85 => tell(format_args!("DI{}", self.block)),
            _ => {}
        }
    }

    /// A single bit has its own name: what stands beside it in its byte is not known.
    fn hand_out_bit(self, bit: u8, bytes: &[u8], to: &mut dyn ReadingVisitor) {
        let [value] = bytes else { return };
        let value = f64::from(u8::from(value & 1 != 0));
        let (block, first) = (self.block, self.first);
        match self.area {
            0x81 => to.number(format_args!("I{first}.{bit}"), value),
            0x82 => to.number(format_args!("Q{first}.{bit}"), value),
            0x83 => to.number(format_args!("M{first}.{bit}"), value),
            0x84 => to.number(format_args!("DB{block}.DBX{first}.{bit}"), value),
            0x85 => to.number(format_args!("DI{block}.DIX{first}.{bit}"), value),
            _ => {}
        }
    }
}

/// One item: any-pointer, size of an element, count, block, area, address in bits.
fn variable(item: &[u8]) -> Option<Variable> {
    let [0x12, _, 0x10, size, c0, c1, d0, d1, area, a0, a1, a2, ..] = item else { return None };
    let address = u32::from_be_bytes([0, *a0, *a1, *a2]);
    let kind = match size {
        1 if [*c0, *c1] == [0, 1] => Kind::Bit(a2 & 7),
        2..=8 => Kind::Bytes,
        _ => return None,
    };
    let (block, first) = (u16::from_be_bytes([*d0, *d1]), address >> 3);
    matches!(area, 0x81..=0x85).then_some(Variable { kind, area: *area, block, first, length: 0 })
}

/// One part of a block read: bytes, data block, address of the first byte.
const fn of_block([length, d0, d1, a0, a1]: [u8; 5]) -> Variable {
    let (block, first) = (u16::from_be_bytes([d0, d1]), u16::from_be_bytes([a0, a1]));
    Variable { kind: Kind::Bytes, area: 0x84, block, first: first as u32, length }
}

/// What a controller was asked to send of itself from time to time, by the number it gave the order.
#[derive(Debug, Default)]
pub(super) struct Subscriptions(Vec<(u8, Box<Variables>)>);

impl Subscriptions {
    /// Orders of one connection; controllers of the 300 family keep four, those of the 400 family 32. The oldest goes first.
    const MOST: usize = 32;

    /// The controller took the order under this number.
    pub(super) fn take(&mut self, number: u8, variables: Variables) {
        self.0.retain(|(known, _)| *known != number);
        if self.0.len() >= Self::MOST {
            self.0.remove(0);
        }
        self.0.push((number, Box::new(variables)));
    }

    pub(super) fn get(&self, number: u8) -> Option<&Variables> {
        self.0.iter().find(|(known, _)| *known == number).map(|(_, variables)| &**variables)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// The items of an order: head of the data, number of items, unit and factor of the interval, then items as in a job.
pub(super) fn ordered(data: &[u8]) -> Variables {
    let [_, _, _, _, c0, c1, _, _, rest @ ..] = data else { return Variables::default() };
    Variables::of(items(u16::from_be_bytes([*c0, *c1]), rest))
}

/// The values that come for an order: head of the data, number of items, then elements.
pub(super) fn delivered(data: &[u8]) -> &[u8] {
    data.get(6..).unwrap_or_default()
}

/// So many items, each with its own length. An item of odd length has a byte of filling behind it unless it is the last.
pub(super) fn items(count: u16, mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    (0..count).map_while(move |_| {
        if let [0, 0x12, ..] = rest {
            rest = rest.get(1..)?;
        }
        let len = usize::from(*rest.get(1)?);
        let (item, after) = rest.split_at_checked(len.saturating_add(2))?;
        rest = after;
        Some(item)
    })
}
