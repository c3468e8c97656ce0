//! What an operation is about, in words every protocol shares.

use std::fmt;

/// The four Modbus-style tables of values a controller offers (Modbus Application Protocol V1.1b3, clause 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Table {
    /// Single bit, read and write.
    Coil,
    /// Single bit, read only.
    Discrete,
    /// 16 bit, read only.
    Input,
    /// 16 bit, read and write.
    Holding,
}

impl Table {
    /// The word used in policies and output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Coil => "coil",
            Self::Discrete => "discrete",
            Self::Input => "input",
            Self::Holding => "holding",
        }
    }
}

/// Values of a [`Table`] as bytes of the packet. Nothing is copied: whoever wants a value reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cells<'a> {
    /// 16-bit values, the most significant byte first.
    Registers(&'a [u8]),
    /// Single bits, the least significant of the first byte first.
    Bits {
        /// The bits.
        bytes: &'a [u8],
        /// How many of them are values; what follows fills the last byte.
        count: u16,
    },
}

impl<'a> Cells<'a> {
    /// The 16-bit values in order; none for bits.
    pub fn registers(self) -> impl ExactSizeIterator<Item = u16> + 'a {
        let bytes = match self {
            Self::Registers(bytes) => bytes,
            Self::Bits { .. } => &[],
        };
        bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair))
    }

    /// The bits in order; none for registers.
    pub fn bits(self) -> impl Iterator<Item = bool> + 'a {
        let (bytes, count) = match self {
            Self::Bits { bytes, count } => (bytes, usize::from(count)),
            Self::Registers(_) => (&[][..], 0),
        };
        bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte & (1 << bit) != 0)).take(count)
    }
}

/// What is read, written, published or looked up. Borrows from the packet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Object<'a> {
    /// Nothing in particular: the device as a whole.
    Device {
        /// Unit behind a gateway, where the protocol has one.
        unit: Option<u8>,
    },
    /// `count` values from zero-based `first` of a table.
    Registers {
        /// Unit (slave) id.
        unit: u8,
        /// Which table.
        table: Table,
        /// Zero-based protocol address of the first value.
        first: u16,
        /// How many values.
        count: u16,
        /// Smallest and largest value written, when the bytes carry them.
        written: Option<(u16, u16)>,
    },
    /// A sentence of IEC 61162-1 / NMEA 0183.
    Sentence {
        /// Talker id, e.g. `GP`; `P` alone for proprietary ones.
        talker: &'a str,
        /// Formatter, e.g. `GGA`; for proprietary ones the maker's code and what follows.
        formatter: &'a str,
    },
    /// A parameter group of NMEA 2000 / SAE J1939, by number.
    Pgn {
        /// The parameter group number.
        pgn: u32,
        /// The NAME-holding receiver's bus address for addressed groups; 255 for all.
        destination: u8,
    },
    /// Anything with a name of its own: a host name, a file, a tag, a program, `db10.0`, `analog-value:4`.
    Named(&'a str),
}

/// The form used in `decode`, evidence and findings, e.g. `holding 40-47 unit 1`.
impl fmt::Display for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Device { unit: None } => f.write_str("device"),
            Self::Device { unit: Some(unit) } => write!(f, "device unit {unit}"),
            Self::Registers { unit, table, first, count, .. } => {
                write!(f, "{} {first}", table.as_str())?;
                if count > 1 {
                    write!(f, "-{}", u32::from(first) + u32::from(count) - 1)?;
                }
                write!(f, " unit {unit}")
            }
            Self::Sentence { talker, formatter } => write!(f, "{talker}{formatter}"),
            Self::Pgn { pgn, destination: 255 } => write!(f, "PGN {pgn}"),
            Self::Pgn { pgn, destination } => write!(f, "PGN {pgn} to address {destination}"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_where_they_lie() {
        // The worked examples of the Modbus Application Protocol, clauses 6.3 (registers 108 to 110) and 6.1 (coils 20 to 38).
        let registers = Cells::Registers(&[0x02, 0x2b, 0x00, 0x00, 0x00, 0x64]);
        assert_eq!(registers.registers().collect::<Vec<_>>(), [555, 0, 100]);
        let coils = Cells::Bits { bytes: &[0xcd, 0x6b, 0x05], count: 19 };
        let bits: Vec<u8> = coils.bits().map(u8::from).collect();
        assert_eq!(bits, [1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1]);
        assert_eq!((registers.bits().count(), coils.registers().len()), (0, 0));
    }

    #[test]
    fn text_forms() {
        let block = |first, count| Object::Registers { unit: 1, table: Table::Holding, first, count, written: None };
        assert_eq!(block(40, 8).to_string(), "holding 40-47 unit 1");
        assert_eq!(block(12, 1).to_string(), "holding 12 unit 1");
        assert_eq!(block(65_535, 2).to_string(), "holding 65535-65536 unit 1");
        assert_eq!(Object::Sentence { talker: "GP", formatter: "GGA" }.to_string(), "GPGGA");
        assert_eq!(Object::Pgn { pgn: 126_208, destination: 7 }.to_string(), "PGN 126208 to address 7");
    }
}
