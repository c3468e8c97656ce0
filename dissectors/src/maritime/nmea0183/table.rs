//! What a row of the field tables is, and how one is found: formatters by a direct index over their three letters, proprietary sentences
//! by binary search.

use super::formatters::FORMATTERS;
use super::makers::{KIND_IN_FIELD, MAKERS, SENTENCES};

/// How many formatters the table holds.
pub(crate) const FORMATTER_COUNT: usize = 115;

/// How a field is written on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `hhmmss` or `hhmmss.ss`.
    Time,
    /// `ddmmyy`.
    Date,
    /// `ddmm.mmm`; the hemisphere is the next field.
    Lat,
    /// `dddmm.mmm`; the hemisphere is the next field.
    Lon,
    /// The hemisphere of the field before.
    Hemisphere,
    /// A decimal number.
    Number,
    /// A whole number.
    Integer,
    /// A hexadecimal number.
    Hex,
    /// One of a few letters.
    Code,
    /// Free text.
    Text,
    /// Six-bit armoured bytes.
    SixBit,
}

/// One field of a sentence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    /// Its name, `snake_case`.
    pub(crate) name: &'static str,
    /// How it is written.
    pub(crate) kind: Kind,
    /// Its unit, or for codes the letters it may hold; empty when neither is known.
    pub(crate) unit: &'static str,
}

/// Fields that occur again and again up to the end of the sentence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Repeat {
    /// Index of the first field of the first group.
    pub(crate) from: usize,
    /// Fields in a group.
    pub(crate) len: usize,
}

/// A formatter of IEC 61162-1.
#[derive(Debug)]
pub(crate) struct Formatter {
    /// Its three letters.
    pub(crate) id: &'static str,
    /// What it belongs to: GNSS, heading, steering …
    pub(crate) group: &'static str,
    /// What it is for.
    pub(crate) title: &'static str,
    /// The repeated tail.
    pub(crate) repeat: Option<Repeat>,
    /// The fields; the first group of a repeated tail stands for all of them.
    pub(crate) fields: &'static [Field],
}

/// A proprietary sentence.
#[derive(Debug)]
pub(crate) struct Proprietary {
    /// What follows `P` in the address, with the first field where that tells the kind.
    pub(crate) key: &'static str,
    /// What it is for.
    pub(crate) title: &'static str,
    /// The repeated tail.
    pub(crate) repeat: Option<Repeat>,
    /// The fields.
    pub(crate) fields: &'static [Field],
}

/// Short names that keep the tables readable.
pub(crate) mod shorthand {
    use super::{Field, Formatter, Kind, Proprietary, Repeat};

    pub(crate) const T: Kind = Kind::Time;
    pub(crate) const D: Kind = Kind::Date;
    pub(crate) const LAT: Kind = Kind::Lat;
    pub(crate) const LON: Kind = Kind::Lon;
    pub(crate) const NS: Kind = Kind::Hemisphere;
    pub(crate) const N: Kind = Kind::Number;
    pub(crate) const I: Kind = Kind::Integer;
    pub(crate) const H: Kind = Kind::Hex;
    pub(crate) const C: Kind = Kind::Code;
    pub(crate) const S: Kind = Kind::Text;
    pub(crate) const X: Kind = Kind::SixBit;

    /// A field.
    pub(crate) const fn f(kind: Kind, name: &'static str, unit: &'static str) -> Field {
        Field { name, kind, unit }
    }

    /// A repeated tail.
    pub(crate) const fn every(from: usize, len: usize) -> Option<Repeat> {
        Some(Repeat { from, len })
    }

    /// A formatter.
    pub(crate) const fn row(
        id: &'static str,
        group: &'static str,
        title: &'static str,
        repeat: Option<Repeat>,
        fields: &'static [Field],
    ) -> Formatter {
        Formatter { id, group, title, repeat, fields }
    }

    /// A proprietary sentence.
    pub(crate) const fn own(
        key: &'static str,
        title: &'static str,
        repeat: Option<Repeat>,
        fields: &'static [Field],
    ) -> Proprietary {
        Proprietary { key, title, repeat, fields }
    }
}

/// Letters of the alphabet: formatters are three of them.
const LETTERS: usize = 26;

/// Where each three-letter combination stands in [`FORMATTERS`], plus one; 0 for none.
static INDEX: [u8; LETTERS * LETTERS * LETTERS] = index();

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler, where a wrong index fails the build"
)]
const fn index() -> [u8; LETTERS * LETTERS * LETTERS] {
    let mut index = [0; LETTERS * LETTERS * LETTERS];
    let mut row = 0;
    while row < FORMATTER_COUNT {
        let id = FORMATTERS[row].id.as_bytes();
        assert!(id.len() == 3);
        let at = ((id[0] - b'A') as usize * LETTERS + (id[1] - b'A') as usize) * LETTERS + (id[2] - b'A') as usize;
        index[at] = row as u8 + 1;
        row += 1;
    }
    index
}

/// Finds a formatter by its three letters.
pub(crate) fn formatter(id: &str) -> Option<&'static Formatter> {
    let &[a, b, c] = id.as_bytes() else { return None };
    let mut at = 0_usize;
    for letter in [a, b, c] {
        if !letter.is_ascii_uppercase() {
            return None;
        }
        at = at.wrapping_mul(LETTERS).wrapping_add(usize::from(letter.wrapping_sub(b'A')));
    }
    FORMATTERS.get(usize::from(*INDEX.get(at)?).checked_sub(1)?)
}

/// Finds a proprietary sentence by its key.
pub(crate) fn proprietary(key: &str) -> Option<&'static Proprietary> {
    SENTENCES.get(SENTENCES.binary_search_by(|row| row.key.cmp(key)).ok()?)
}

/// The maker behind what follows `P` in an address.
pub(crate) fn maker(code: &str) -> Option<&'static str> {
    let letters = code.as_bytes().first_chunk::<3>()?;
    let at = MAKERS.binary_search_by(|(code, _)| code.cmp(letters)).ok()?;
    MAKERS.get(at).map(|(_, name)| *name)
}

/// Whether this maker puts the kind of sentence into the first field.
pub(crate) fn kind_is_in_first_field(code: &str) -> bool {
    KIND_IN_FIELD.contains(&code)
}

/// One field of one sentence as the table knows it, for whoever lists what can be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentenceField {
    /// Formatter (`GGA`), or for proprietary sentences `P` and the maker's code (`PUBX,00`).
    pub sentence: (&'static str, &'static str),
    /// What the sentence is for.
    pub title: &'static str,
    /// What the sentence belongs to: GNSS, heading, steering; `proprietary` for a maker's own.
    pub group: &'static str,
    /// Position after the address, from 1; in a repeated tail that of the first group.
    pub index: usize,
    /// Name of the field.
    pub name: &'static str,
    /// Its type, as one word.
    pub kind: &'static str,
    /// Its unit, or for codes the letters it may hold; empty when it has neither.
    pub unit: &'static str,
}

impl Kind {
    /// The word for it.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Date => "date",
            Self::Lat => "latitude",
            Self::Lon => "longitude",
            Self::Hemisphere => "hemisphere",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Hex => "hex",
            Self::Code => "code",
            Self::Text => "text",
            Self::SixBit => "six-bit",
        }
    }
}

/// Every field of every sentence that is decoded by name, in the order of the wire.
pub fn sentence_fields() -> impl Iterator<Item = SentenceField> {
    let standard = FORMATTERS.iter().map(|row| (("", row.id), row.title, row.group, row.fields));
    let makers = SENTENCES.iter().map(|row| (("P", row.key), row.title, "proprietary", row.fields));
    standard.chain(makers).flat_map(|(sentence, title, group, fields)| {
        fields.iter().zip(1..).map(move |(field, index)| SentenceField {
            sentence,
            title,
            group,
            index,
            name: field.name,
            kind: field.kind.as_str(),
            unit: field.unit,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_formatter_is_found_by_its_letters() {
        for row in &FORMATTERS {
            assert_eq!(formatter(row.id).map(|found| found.id), Some(row.id));
            assert!(!row.title.is_empty() && !row.group.is_empty() && !row.fields.is_empty(), "{}", row.id);
        }
        for absent in ["", "GG", "GGAA", "gga", "G1A", "ZZZ"] {
            assert!(formatter(absent).is_none(), "{absent}");
        }
    }

    #[test]
    fn tables_searched_by_halves_are_sorted() {
        assert!(FORMATTERS.is_sorted_by(|a, b| a.id < b.id));
        assert!(SENTENCES.is_sorted_by(|a, b| a.key < b.key));
        assert!(MAKERS.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(maker("GRME"), Some("Garmin"));
        assert_eq!(maker("ZZZ"), None);
    }

    #[test]
    fn names_are_unique_and_repeats_close_the_sentence() {
        let rows = FORMATTERS.iter().map(|row| (row.id, row.repeat, row.fields));
        for (id, repeat, fields) in rows.chain(SENTENCES.iter().map(|row| (row.key, row.repeat, row.fields))) {
            for (at, field) in fields.iter().enumerate() {
                assert!(fields.iter().skip(at + 1).all(|other| other.name != field.name), "{id} {}", field.name);
                assert!(field.name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')), "{id}");
            }
            if let Some(Repeat { from, len }) = repeat {
                assert_eq!(from + len, fields.len(), "{id}");
            }
        }
    }

    #[test]
    fn a_position_is_followed_by_its_hemisphere() {
        for row in &FORMATTERS {
            for (at, field) in row.fields.iter().enumerate() {
                if matches!(field.kind, Kind::Lat | Kind::Lon) {
                    assert_eq!(row.fields[at + 1].kind, Kind::Hemisphere, "{} {}", row.id, field.name);
                }
            }
        }
    }
}
