//! Values of TwinCAT controllers: bytes of the memory areas that have addresses, and of symbols.
//!
//! The protocol moves bytes; what number lies in them only the plan knows. Deliberately not handed out: index groups without a public meaning, many
//! values in one request (groups 0xf080 to 0xf086).
//!
//! Source: Beckhoff Information System, "ADS specification": index groups of the PLC and of the process image, notification stream.

use dogwatch_model::{Memory, ReadingVisitor};

use super::{Ams, service};
use crate::ParseError;
use crate::reader::Reader;
use crate::text::Text;

/// Nodes watched on one connection.
const MOST: usize = 128;

/// Where the bytes of a request or answer belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere that has a name.
    Nowhere,
    /// An area, from this byte on.
    Bytes(&'static str, u32),
    /// An area, this bit.
    Bit(&'static str, u32),
    /// The symbol that the operation is about.
    Symbol,
}

impl Place {
    /// By index group and offset. Flags, inputs and outputs, whose groups for bits count bits.
    pub(super) const fn of(group: u32, offset: u32, is_symbol: bool) -> Self {
        match group {
            0x4020 => Self::Bytes("M", offset),
            0x4021 => Self::Bit("M", offset),
            0xf020 => Self::Bytes("I", offset),
            0xf021 => Self::Bit("I", offset),
            0xf030 => Self::Bytes("Q", offset),
            0xf031 => Self::Bit("Q", offset),
            service::VALUE_BY_NAME | service::VALUE_BY_HANDLE if is_symbol => Self::Symbol,
            _ => Self::Nowhere,
        }
    }

    /// Hands the bytes out; `symbol` is the name of the symbol, where it is one.
    pub(super) fn hand_out(self, symbol: &str, bytes: &[u8], to: &mut dyn ReadingVisitor) {
        let mut tell = |area: &str, first| {
            let area = format_args!("{area}");
            to.memory(&Memory { area, first, step: 1, big_endian: false, low_first: true, bytes });
        };
        match (self, bytes) {
            (Self::Nowhere, _) | (_, []) => {}
            (Self::Bytes(area, first), _) => tell(area, first),
            (Self::Symbol, _) => tell(symbol, 0),
            (Self::Bit(area, bit), [value, ..]) => {
                to.number(format_args!("{area}{}.{}", bit >> 3, bit & 7), f64::from(u8::from(*value != 0)));
            }
        }
    }
}

/// Who is told what: client's Net Id and port, server's port, handle.
type Key = ([u8; 6], u16, u16, u32);

/// What clients have the server tell them about. Everything comes from the wire, so there is a limit; when it is hit, all start over.
#[derive(Debug, Default)]
pub(super) struct Watched(Vec<(Key, Place, Text<64>)>);

impl Watched {
    /// The server gave a handle to what was asked for.
    pub(super) fn add(&mut self, key: Key, place: Place, object: Text<64>) {
        self.remove(key);
        if self.0.len() >= MOST {
            self.0.clear();
        }
        if place != Place::Nowhere {
            self.0.push((key, place, object));
        }
    }

    pub(super) fn remove(&mut self, key: Key) {
        self.0.retain(|(known, ..)| *known != key);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A notification stream: length, stamps; of each its time and samples; of each its handle, size and bytes.
    pub(super) fn samples(
        &self,
        ams: &Ams,
        mut reader: Reader<'_>,
        to: &mut dyn ReadingVisitor,
    ) -> Result<(), ParseError> {
        let _length = reader.le32()?;
        for _ in 0..reader.le32()? {
            let _time = reader.le64()?;
            for _ in 0..reader.le32()? {
                let key = (ams.target, ams.target_port, ams.sender_port, reader.le32()?);
                let size = usize::try_from(reader.le32()?).unwrap_or(usize::MAX);
                let bytes = reader.take(size)?;
                if let Some((_, place, symbol)) = self.0.iter().find(|(known, ..)| *known == key) {
                    place.hand_out(symbol.as_str(), bytes, to);
                }
            }
        }
        Ok(())
    }
}
