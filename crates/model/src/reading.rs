//! Numbers that a message states of things with names of their own, handed out by a visitor that costs nothing unless somebody asks.
//!
//! Registers of a table are [`crate::Act::Values`]; everything else that is read or written is one of two kinds. Where the protocol says what a number
//! is (an analog input, a measured value, a typed variable) it is handed out with the name of its place. Where it only moves memory (a data block, a
//! word area) the bytes are handed out, and the plan knows what lies in them.
//!
//! The name of a place is the field's own (`AI:3`, `ioa:1201`, `analog-input:7`, `ns=2;s=Boiler`). What stands in front of its last `/` says whose it
//! is where one device speaks for several (`ca:1/ioa:1201`), and may be left out by who knows that there is only one.

use std::fmt;

/// Bytes of a controller's memory as they stand in a message.
#[derive(Debug, Clone, Copy)]
pub struct Memory<'a> {
    /// The name of the area: `DB10`, `M`, `D`.
    pub area: fmt::Arguments<'a>,
    /// The address of the first byte or word.
    pub first: u32,
    /// How many bytes one address holds.
    pub step: u8,
    /// Whether the most significant byte of a word comes first.
    pub big_endian: bool,
    /// Whether the less significant word of two comes first.
    pub low_first: bool,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// Takes readings one by one, in the order of the message.
pub trait ReadingVisitor {
    /// A number whose type the protocol states.
    fn number(&mut self, place: fmt::Arguments<'_>, value: f64);
    /// Memory whose types only people know.
    fn memory(&mut self, memory: &Memory<'_>);
}

/// Something that can hand out its readings.
pub trait Readings {
    /// Shows every reading to `visitor`.
    fn visit(&self, visitor: &mut dyn ReadingVisitor);
}

/// All readings as lines of text.
struct Lines(Vec<String>);

impl ReadingVisitor for Lines {
    fn number(&mut self, place: fmt::Arguments<'_>, value: f64) {
        self.0.push(format!("{place} = {value}"));
    }

    fn memory(&mut self, memory: &Memory<'_>) {
        self.0.push(format!("{} {} = {:02x?}", memory.area, memory.first, memory.bytes));
    }
}

impl dyn Readings + '_ {
    fn lines(&self) -> Vec<String> {
        let mut lines = Lines(Vec::new());
        self.visit(&mut lines);
        lines.0
    }
}

impl fmt::Debug for dyn Readings + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lines()).finish()
    }
}

impl PartialEq for dyn Readings + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.lines() == other.lines()
    }
}
