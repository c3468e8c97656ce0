//! The variables that a job reads or writes, and where their bytes stand in the data of job or answer.
//!
//! Only memory in whole bytes: data blocks, flags, inputs, outputs. The protocol moves bytes; what number lies in them only the plan knows. Source: as
//! for the whole protocol, the published analyses that independent decoders are built on.

use dogwatch_model::{Memory, ReadingVisitor};

use crate::reader::Reader;

/// Variables of one job (an item takes 12 bytes and a unit has at most 240 in most controllers).
const MOST: usize = 20;

/// Where one variable begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Variable {
    /// Area code; 0 for what is not handed out.
    area: u8,
    block: u16,
    first: u32,
}

/// The variables of a job, in order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Variables {
    list: [Variable; MOST],
    count: usize,
}

impl Variables {
    /// Reads the items of a job.
    pub(super) fn of<'a>(items: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut variables = Self::default();
        for (slot, item) in variables.list.iter_mut().zip(items) {
            *slot = variable(item).unwrap_or_default();
            variables.count = variables.count.saturating_add(1);
        }
        variables
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Hands out the bytes of each variable. An element of data has a return code (0xFF for "here it is" in answers), a transport size, a length in
    /// bits or in bytes, and is filled up to an even number unless it is the last.
    pub(super) fn readings(&self, data: &[u8], is_answer: bool, to: &mut dyn ReadingVisitor) {
        let mut reader = Reader::new("s7comm data", data);
        for variable in self.list.iter().take(self.count) {
            let (Ok([code, size]), Ok(length)) = (reader.array(), reader.be16()) else { return };
            let length = usize::from(length);
            let length = if matches!(size, 3..=5) { length.div_ceil(8) } else { length };
            let Ok(bytes) = reader.take(length) else { return };
            if length % 2 == 1 {
                let _fill = reader.u8();
            }
            let is_there = !is_answer || code == 0xff;
            // size 3 is bits, 9 a string of bytes
            if is_there && matches!(size, 4..=7 | 9) {
                variable.hand_out(bytes, to);
            }
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
}

/// One item: any-pointer, size of an element, count, block, area, address in bits.
fn variable(item: &[u8]) -> Option<Variable> {
    let [0x12, _, 0x10, size, _, _, d0, d1, area, a0, a1, a2, ..] = item else { return None };
    let is_whole = matches!(size, 2..=8) && matches!(area, 0x81..=0x85);
    let first = u32::from_be_bytes([0, *a0, *a1, *a2]) >> 3;
    is_whole.then(|| Variable { area: *area, block: u16::from_be_bytes([*d0, *d1]), first })
}
