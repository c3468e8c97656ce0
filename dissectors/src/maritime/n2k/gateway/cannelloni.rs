//! cannelloni: CAN frames in UDP datagrams (version, operation, sequence number, count, then the frames; all big endian).

use super::super::can::{EXTENDED, Header};

/// The version this reads.
const VERSION: u8 = 2;
/// Operation: data.
const DATA: u8 = 0;
/// A length byte with this bit belongs to a CAN FD frame and is followed by its flags.
const FD: u8 = 0x80;
/// Identifier flags that mark what is no data frame: remote request, error report.
const NOT_DATA: u32 = 3 << 29;

/// Shows each 29-bit data frame of a datagram; `None` when the bytes break off or are no data datagram. Frames before that are shown.
pub(super) fn datagram(bytes: &[u8], mut show: impl FnMut(Header, &[u8])) -> Option<()> {
    let (&[version, operation, _sequence, high, low], mut rest) = bytes.split_first_chunk()?;
    if version != VERSION || operation != DATA {
        return None;
    }
    for _ in 0..u16::from_be_bytes([high, low]) {
        let (&[i0, i1, i2, i3, len], after) = rest.split_first_chunk()?;
        let after = if len & FD != 0 { after.get(1..)? } else { after };
        let id = u32::from_be_bytes([i0, i1, i2, i3]);
        let size = usize::from(len & !FD);
        if size > 64 {
            return None;
        }
        let (data, after) = if id & NOT_DATA != 0 { (&[][..], after) } else { after.split_at_checked(size)? };
        if id & EXTENDED != 0 && id & NOT_DATA == 0 {
            show(Header::from_id(id & 0x1fff_ffff), data);
        }
        rest = after;
    }
    rest.is_empty().then_some(())
}

/// Whether a datagram is cannelloni data from its first to its last byte with at least one 29-bit frame.
pub(super) fn is_datagram(bytes: &[u8]) -> bool {
    let mut frames = 0_u32;
    datagram(bytes, |_, _| frames = frames.saturating_add(1)).is_some() && frames > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_a_datagram() {
        let bytes = [2, 0, 7, 0, 2, 0x89, 0xf1, 0x12, 0xcc, 2, 1, 2, 0x98, 0xee, 0xff, 1, 1, 9];
        let mut seen = Vec::new();
        assert_eq!(datagram(&bytes, |header, data| seen.push((header.pgn, data.to_vec()))), Some(()));
        assert_eq!(seen, [(127_250, vec![1, 2]), (60_928, vec![9])]);
        for cut in 0..bytes.len() {
            assert!(!is_datagram(&bytes[..cut]), "cut at {cut}");
        }
    }
}
