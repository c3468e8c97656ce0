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
    fn text_forms() {
        let block = |first, count| Object::Registers { unit: 1, table: Table::Holding, first, count, written: None };
        assert_eq!(block(40, 8).to_string(), "holding 40-47 unit 1");
        assert_eq!(block(12, 1).to_string(), "holding 12 unit 1");
        assert_eq!(block(65_535, 2).to_string(), "holding 65535-65536 unit 1");
        assert_eq!(Object::Sentence { talker: "GP", formatter: "GGA" }.to_string(), "GPGGA");
        assert_eq!(Object::Pgn { pgn: 126_208, destination: 7 }.to_string(), "PGN 126208 to address 7");
    }
}
