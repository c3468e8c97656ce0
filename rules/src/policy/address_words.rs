//! Addresses of memory as engineers write them in lists of inputs and outputs: part of the plan's own language, whatever protocol the controller
//! speaks.
//!
//! Letters and a number (`D100`, `M20`) are an area and an address in it. On top of that the plan knows the notation of IEC 61131-3 as the tools of
//! one family of controllers write it, because lists are exported from there: `DB10.DBW4` (word 4 of data block 10), `DBD` for two words, `DBX4.1`
//! for a bit, `MW20`, `ID4`, `M5.1`, and the German letters `E` and `A` for inputs and outputs. A symbol
//! (`MAIN.rpm`) is memory, too, where the plan gives its type. Deliberately not read: single bytes.

use std::fmt;

use super::point_place::hash;

/// An address in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MemoryPlace {
    /// The name of the area as a number.
    pub(super) area: u64,
    /// Byte or word.
    pub(super) address: u32,
    /// 16-bit words that the name itself says: `W` one, `D` two; none for a bit.
    pub(super) words: Option<u16>,
    /// A bit of the byte at the address.
    pub(super) bit: Option<u8>,
}

/// What is wrong with a name, and what would be right.
type Wrong = (String, &'static str);

const HELP: &str = "words are DBW or MW, double words DBD or MD, bits DBX or M: \"DB10.DBW4\", \"DB10.DBD8\", \"MW20\", \"DB10.DBX4.1\"";

/// Splits `text` into letters and the decimal number behind them.
fn lettered(text: &str) -> Option<(&str, u32)> {
    let at = text.find(|c: char| c.is_ascii_digit())?;
    let (letters, digits) = text.split_at_checked(at)?;
    let is_plain = letters.chars().all(|c| c.is_ascii_alphabetic()) && digits.chars().all(|c| c.is_ascii_digit());
    (is_plain && !letters.is_empty()).then(|| Some((letters, digits.parse().ok()?))).flatten()
}

/// The number of a bit within its byte.
fn bit(text: &str) -> Option<u8> {
    text.parse().ok().filter(|bit| *bit < 8)
}

/// Inputs and outputs by their German letters as well.
const fn area(letter: char) -> char {
    match letter {
        'E' => 'I',
        'A' => 'Q',
        other => other,
    }
}

/// The name that a bit has in messages, where people write it in another way.
pub(super) fn canonical(text: &str) -> Option<String> {
    let letter = text.chars().next()?.to_ascii_uppercase();
    let rest = text.get(1..).filter(|rest| {
        rest.split_once('.').is_some_and(|(byte, of)| byte.parse::<u32>().is_ok() && bit(of).is_some())
    })?;
    matches!(letter, 'E' | 'A').then(|| format!("{}{rest}", area(letter)))
}

/// Whether a name may be that of a symbol: names that a protocol gives to its own objects have a colon or an equals sign.
pub(super) fn is_symbol(text: &str) -> bool {
    !text.contains([':', '='])
}

/// The memory of a symbol, which begins with it.
pub(super) fn symbol(text: &str) -> MemoryPlace {
    place(format_args!("{text}"), 0, None, None)
}

fn place(area: fmt::Arguments<'_>, address: u32, words: Option<u16>, bit: Option<u8>) -> MemoryPlace {
    MemoryPlace { area: hash(area).0, address, words, bit }
}

/// The memory address that a name has the shape of.
pub(super) fn memory(text: &str) -> Result<Option<MemoryPlace>, Wrong> {
    let upper = text.to_ascii_uppercase();
    let Some((first, inner)) = upper.split_once('.') else { return Ok(plain(&upper)) };
    match lettered(first) {
        Some(("DB" | "DI", _)) => in_block(text, first, inner).map(Some),
        Some((letters @ ("M" | "I" | "Q" | "E" | "A"), address)) => {
            let letter = letters.chars().next().map_or('M', area);
            Ok(bit(inner).map(|bit| place(format_args!("{letter}"), address, None, Some(bit))))
        }
        _ => Ok(None),
    }
}

/// `DBW4`, `DBD8`, `DBX4.1` or `4` of a data block.
fn in_block(text: &str, block: &str, inner: &str) -> Result<MemoryPlace, Wrong> {
    if let Ok(address) = inner.parse() {
        return Ok(place(format_args!("{block}"), address, None, None));
    }
    let (inner, of_byte) = inner.split_once('.').map_or((inner, None), |(inner, bit)| (inner, Some(bit)));
    let of = |words, bit| move |address| place(format_args!("{block}"), address, words, bit);
    match (lettered(inner), of_byte.map(bit)) {
        (Some(("DBW" | "DIW", address)), None) => Ok(of(Some(1), None)(address)),
        (Some(("DBD" | "DID", address)), None) => Ok(of(Some(2), None)(address)),
        (Some(("DBX" | "DIX", address)), Some(Some(bit))) => Ok(of(None, Some(bit))(address)),
        (Some(("DBB" | "DIB", _)), None) => {
            Err((format!("\"{text}\" names a byte, and points are bits or numbers of 16 or 32 bits"), HELP))
        }
        _ => Err((format!("\"{text}\" is no address in a data block"), HELP)),
    }
}

/// Letters and a number: `MW20` is a word of an area that has bytes, everything else an area and an address.
fn plain(upper: &str) -> Option<MemoryPlace> {
    let (letters, address) = lettered(upper)?;
    let mut each = letters.chars();
    Some(match (each.next(), each.next(), each.next()) {
        (Some(letter @ ('M' | 'I' | 'Q' | 'E' | 'A')), Some(size @ ('W' | 'D')), None) => {
            let words = if size == 'W' { 1 } else { 2 };
            place(format_args!("{}", area(letter)), address, Some(words), None)
        }
        _ => place(format_args!("{letters}"), address, None, None),
    })
}
