//! Information objects: where each begins, and the values of the common types.
//!
//! Specification: IEC 60870-5-101:2003 clause 7.2.6 (elements) and 7.3 (types).

use dogwatch_model::FieldValue;

use crate::reader::Reader;

/// Bytes of one object's elements, without its address; `None` for types of no fixed size (files).
const fn size(kind: u8) -> Option<usize> {
    Some(match kind {
        102 => 0,
        1 | 3 | 45..=47 | 70 | 100 | 101 | 105 | 113 => 1,
        5 | 21 | 104 | 106 => 2,
        9 | 11 | 48 | 49 | 110 | 111 => 3,
        2 | 4 | 51 => 4,
        6 | 7 | 13 | 15 | 20 | 50 | 112 => 5,
        10 | 12 | 17 => 6,
        18 | 19 | 103 => 7,
        8 | 14 | 16 | 30 | 31 | 58..=60 => 8,
        32 | 107 => 9,
        34 | 35 | 38 | 61 | 62 => 10,
        39 | 40 | 64 => 11,
        33 | 36 | 37 | 63 => 12,
        _ => return None,
    })
}

/// Address and elements of each object: every one has an address, or, in a sequence, they count on from the first.
pub(super) fn objects(
    kind: u8,
    count: u8,
    is_sequence: bool,
    bytes: &[u8],
) -> impl Iterator<Item = (u32, &[u8])> + Clone {
    let mut reader = Reader::new("iec104 object", bytes);
    let size = size(kind);
    let mut next = None;
    // A type of unknown size shows its first address; what follows that is not told apart.
    let count = if size.is_some() { count } else { count.min(1) };
    (0..count).map_while(move |_| {
        let address = match next.filter(|_| is_sequence) {
            Some(address) => address,
            None => {
                let [a, b, c] = reader.array().ok()?;
                u32::from_le_bytes([a, b, c, 0])
            }
        };
        next = Some(address.saturating_add(1));
        let elements = match size {
            Some(size) => reader.take(size).unwrap_or_default(),
            None => reader.rest(),
        };
        Some((address, elements))
    })
}

/// Whether the quality of an object does not call its value invalid (IV, clause 7.2.6.1 to 7.2.6.4 and 7.2.6.9); commands and parameters have none.
pub(super) fn is_valid(kind: u8, bytes: &[u8]) -> bool {
    let at = match kind {
        1..=4 | 30 | 31 => 0,
        5 | 6 | 32 => 1,
        9..=12 | 34 | 35 => 2,
        7 | 8 | 13..=16 | 33 | 36 | 37 => 4,
        _ => return true,
    };
    bytes.get(at).is_some_and(|quality| quality & 0x80 == 0)
}

/// The value in the first elements of an object.
pub(super) fn value(kind: u8, bytes: &[u8]) -> Option<FieldValue<'_>> {
    let half = || bytes.first_chunk::<2>().map(|half| i16::from_le_bytes(*half));
    let word = || bytes.first_chunk::<4>().copied();
    Some(match kind {
        1 | 2 | 30 | 45 | 58 => FieldValue::Bool(bytes.first()? & 1 != 0),
        3 | 4 | 31 | 46 | 47 | 59 | 60 => FieldValue::Unsigned((bytes.first()? & 3).into()),
        // Seven bits with sign.
        5 | 6 | 32 => FieldValue::Signed(((bytes.first()? << 1).cast_signed() >> 1).into()),
        // Fractions of one, and scaled numbers.
        9 | 10 | 21 | 34 | 48 | 61 | 110 => FieldValue::Number(f64::from(half()?) / 32_768.0),
        11 | 12 | 35 | 49 | 62 | 111 => FieldValue::Signed(half()?.into()),
        13 | 14 | 36 | 50 | 63 | 112 => FieldValue::Number(f32::from_le_bytes(word()?).into()),
        15 | 16 | 37 => FieldValue::Signed(i32::from_le_bytes(word()?).into()),
        7 | 8 | 33 | 51 | 64 => FieldValue::Unsigned(u32::from_le_bytes(word()?).into()),
        100 | 101 | 105 => FieldValue::Unsigned(bytes.first().copied()?.into()),
        _ => return None,
    })
}
