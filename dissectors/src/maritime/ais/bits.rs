//! Bits of an AIS message: armoured six to a character in the sentence, read big-endian at any offset.

/// Characters of payload taken, over all parts: the standard allows 9 parts of about 60.
pub(crate) const MOST_CHARACTERS: usize = 1_024;
/// Room for them as bytes, and eight more so that a read of eight bytes always succeeds.
pub(crate) const ROOM: usize = MOST_CHARACTERS / 4 * 3 + 8;

/// Not a character of the armour.
const NONE: u8 = 0xFF;

static SIX: [u8; 256] = six();

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler"
)]
const fn six() -> [u8; 256] {
    let mut six = [NONE; 256];
    let mut code = 48_usize;
    while code < 120 {
        // '0' to 'W' are 0 to 39, '`' to 'w' are 40 to 63 (IEC 61162-1, table of 6-bit field symbols).
        if code < 88 || code >= 96 {
            let value = code as u8 - 48;
            six[code] = if value > 40 { value - 8 } else { value };
        }
        code += 1;
    }
    six
}

/// Turns armoured characters into bits at the start of `room`; returns how many, or `None` when a character is not of the armour or there are
/// too many.
pub(crate) fn unarmour(payload: &[u8], fill: u8, room: &mut [u8; ROOM]) -> Option<usize> {
    if payload.len() > MOST_CHARACTERS || fill > 5 {
        return None;
    }
    let (quads, tail) = payload.as_chunks::<4>();
    let value = |byte: u8| SIX.get(usize::from(byte)).copied().unwrap_or(NONE);
    let mut wrong = 0_u8;
    for (&[a, b, c, d], out) in quads.iter().zip(room.chunks_exact_mut(3)) {
        let (a, b, c, d) = (value(a), value(b), value(c), value(d));
        wrong |= a | b | c | d;
        let word = (u32::from(a) << 18) | (u32::from(b) << 12) | (u32::from(c) << 6) | u32::from(d);
        let [_, high, middle, low] = word.to_be_bytes();
        out.copy_from_slice(&[high, middle, low]);
    }
    let mut word = 0_u32;
    for (place, &byte) in tail.iter().enumerate() {
        let six = value(byte);
        wrong |= six;
        word |= u32::from(six) << 18_usize.saturating_sub(place.saturating_mul(6));
    }
    let [_, high, middle, low] = word.to_be_bytes();
    if let Some(out) = room.get_mut(quads.len().saturating_mul(3)..).and_then(|rest| rest.first_chunk_mut::<3>()) {
        *out = [high, middle, low];
    }
    (wrong & 0x80 == 0).then(|| payload.len().saturating_mul(6).saturating_sub(usize::from(fill)))
}

/// The bits of one message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bits<'a> {
    room: &'a [u8; ROOM],
    /// How many bits there are.
    pub(crate) len: usize,
}

impl<'a> Bits<'a> {
    /// The first `len` bits of `room`.
    pub(crate) fn new(room: &'a [u8; ROOM], len: usize) -> Self {
        Self { room, len: len.min(MOST_CHARACTERS.saturating_mul(6)) }
    }

    /// The same with `more` bits at the end that were taken for fill.
    pub(crate) fn lengthened(self, more: usize) -> Self {
        Self::new(self.room, self.len.saturating_add(more))
    }

    /// `width` bits (at most 57) from `start` as a number without sign; `None` past the end.
    pub(crate) fn unsigned(&self, start: usize, width: usize) -> Option<u64> {
        if width == 0 || width > 57 || start.saturating_add(width) > self.len {
            return None;
        }
        let at = start >> 3;
        let word = self.room.get(at..)?.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))?;
        Some((word << (start & 7)) >> 64_usize.saturating_sub(width))
    }

    /// The same as a number with sign (two's complement).
    pub(crate) fn signed(&self, start: usize, width: usize) -> Option<i64> {
        let spare = 64_usize.saturating_sub(width);
        self.unsigned(start, width).map(|value| (value << spare).cast_signed() >> spare)
    }

    /// One bit.
    pub(crate) fn flag(&self, start: usize) -> Option<bool> {
        self.unsigned(start, 1).map(|bit| bit == 1)
    }

    /// Six-bit text from `start`, at most `characters`, into `room`: ends at the first `@`, without trailing blanks.
    pub(crate) fn text<'r>(&self, start: usize, characters: usize, room: &'r mut [u8]) -> &'r str {
        let mut len = 0_usize;
        for (slot, place) in room.iter_mut().zip(0..characters) {
            let Some(six) = self.unsigned(start.saturating_add(place.saturating_mul(6)), 6) else { break };
            let six = u8::try_from(six).unwrap_or(0);
            if six == 0 {
                break;
            }
            // 1..=31 are '@' + value, 32..=63 are ASCII as they stand (ITU-R M.1371, table of 6-bit ASCII).
            *slot = if six < 32 { six | 0x40 } else { six };
            len = len.saturating_add(1);
        }
        let text = room.get(..len).unwrap_or_default().trim_ascii_end();
        std::str::from_utf8(text).unwrap_or_default()
    }

    /// Bits from `start` to the end as bytes, the last one padded with zeros, into `room`.
    pub(crate) fn bytes<'r>(&self, start: usize, end: usize, room: &'r mut [u8; ROOM]) -> &'r [u8] {
        let mut len = 0_usize;
        let mut at = start;
        while at < end.min(self.len) {
            let width = self.len.min(end).saturating_sub(at).min(8);
            let value = self.unsigned(at, width).unwrap_or(0) << 8_usize.saturating_sub(width);
            if let (Some(slot), Ok(value)) = (room.get_mut(len), u8::try_from(value)) {
                *slot = value;
            }
            len = len.saturating_add(1);
            at = at.saturating_add(8);
        }
        room.get(..len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn armour_of_the_standard() {
        let mut room = [0; ROOM];
        assert_eq!(unarmour(b"0W`w", 0, &mut room), Some(24));
        let bits = Bits::new(&room, 24);
        let six: Vec<_> = (0..4).map(|n| bits.unsigned(n * 6, 6).unwrap()).collect();
        assert_eq!(six, [0, 39, 40, 63]);
        for bad in [&b"0X00"[..], b"0 00", b"x", b"00/", b"\xff"] {
            assert_eq!(unarmour(bad, 0, &mut room), None);
        }
        assert_eq!(unarmour(b"000000", 2, &mut room), Some(34));
        assert_eq!(unarmour(&[b'0'; MOST_CHARACTERS + 1], 0, &mut room), None);
        assert_eq!(unarmour(&[b'w'; MOST_CHARACTERS], 0, &mut room), Some(MOST_CHARACTERS * 6));
        assert_eq!(Bits::new(&room, MOST_CHARACTERS * 6).unsigned(MOST_CHARACTERS * 6 - 57, 57), Some((1 << 57) - 1));
    }

    #[test]
    fn reads_end_at_the_end() {
        let mut room = [0; ROOM];
        let len = unarmour(b"wwwww", 4, &mut room).unwrap();
        let bits = Bits::new(&room, len);
        assert_eq!((len, bits.unsigned(0, 26), bits.unsigned(0, 27)), (26, Some((1 << 26) - 1), None));
        assert_eq!(bits.signed(3, 5), Some(-1));
        assert_eq!(bits.bytes(20, usize::MAX, &mut [0; ROOM]), [0b1111_1100]);
        assert_eq!(bits.unsigned(0, 0), None);
    }
}
