//! Numbers out of the little-endian bit string NMEA 2000 and SAE J1939 use: the first bit of a field is the lowest bit of its first byte.
//!
//! A field that goes on past the end of the data is absent; a shorter number made of what is there would be a wrong value.

/// Reads `count` bits (1..=64) from bit `offset`; `None` when they are not all there.
#[must_use]
pub(super) fn bits(data: &[u8], offset: usize, count: usize) -> Option<u64> {
    let first = offset >> 3;
    let shift = offset & 7;
    let end = offset.checked_add(count)?.checked_add(7)? >> 3;
    let bytes = data.get(first..end)?;
    let raw = if bytes.len() <= 8 {
        let mut wide = [0_u8; 8];
        wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
        u64::from_le_bytes(wide) >> shift
    } else {
        let mut wide = [0_u8; 16];
        wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
        #[expect(clippy::cast_possible_truncation, reason = "a field has at most 64 bits")]
        let low = (u128::from_le_bytes(wide) >> shift) as u64;
        low
    };
    Some(raw & all_ones(count))
}

/// The largest unsigned number of `count` bits.
#[must_use]
pub(super) const fn all_ones(count: usize) -> u64 {
    if count >= 64 { u64::MAX } else { (1_u64 << count).wrapping_sub(1) }
}

/// Reads the lowest `count` bits of `raw` as a two's complement number.
#[must_use]
pub(super) const fn sign_extend(raw: u64, count: usize) -> i64 {
    if count == 0 || count >= 64 {
        return raw.cast_signed();
    }
    let negative = raw >> count.saturating_sub(1) & 1 == 1;
    (if negative { raw | !all_ones(count) } else { raw }).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_at_any_place() {
        let data = [0x9f, 0xb9, 0xe3, 0x10, 0x00, 0x82, 0x78, 0xc0, 0xff];
        for (name, offset, count, want) in [
            ("first bits", 0, 3, Some(7)),
            ("over a byte border", 21, 11, Some(0x087)),
            ("a whole byte", 40, 8, Some(0x82)),
            ("sixty-four bits", 0, 64, Some(0xc078_8200_10e3_b99f)),
            ("sixty-four bits not aligned", 3, 64, Some(0xf80f_1040_021c_7733)),
            ("up to the last bit", 71, 1, Some(1)),
            ("one past the end", 72, 1, None),
            ("beginning inside, ending outside", 68, 5, None),
        ] {
            assert_eq!(bits(&data, offset, count), want, "{name}");
        }
    }

    #[test]
    fn signs() {
        assert_eq!(sign_extend(0xffff, 16), -1);
        assert_eq!(sign_extend(0x7fff, 16), 32767);
        assert_eq!(sign_extend(0x3, 2), -1);
        assert_eq!(sign_extend(u64::MAX, 64), -1);
    }
}
