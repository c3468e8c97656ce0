//! Counts the blocks of a pcapng file, apart from the reader under test.
//!
//! Only block types and lengths are looked at (draft-ietf-opsawg-pcapng, clauses 3.1 and 4.1): what is inside is the reader's matter.

use std::collections::BTreeMap;

/// Type of a section header block; the same in both byte orders.
const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
/// Custom blocks, that may and may not be copied into other files (clause 4.8).
pub const CUSTOM: [u32; 2] = [0x0000_0bad, 0x4000_0bad];

/// Blocks of a pcapng file by type, up to where it ends or stops making sense; `None` when it is no pcapng file.
#[must_use]
pub fn pcapng_blocks(file: &[u8]) -> Option<BTreeMap<u32, u64>> {
    if !file.starts_with(&SECTION) {
        return None;
    }
    let mut counts = BTreeMap::new();
    let (mut rest, mut is_big) = (file, false);
    while let Some((head, _)) = rest.split_first_chunk::<12>() {
        let [t0, t1, t2, t3, l0, l1, l2, l3, magic @ ..] = *head;
        if [t0, t1, t2, t3] == SECTION {
            is_big = magic == [0x1a, 0x2b, 0x3c, 0x4d];
        }
        let number = |bytes| if is_big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
        let (kind, length) = (number([t0, t1, t2, t3]), number([l0, l1, l2, l3]) as usize);
        let Some(next) = rest.get(length..).filter(|_| length >= 12) else { break };
        *counts.entry(kind).or_default() += 1;
        rest = next;
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_both_byte_orders_are_counted() {
        let block = |kind: u32, is_big: bool, body: &[u8]| {
            let length = u32::try_from(12 + body.len()).unwrap();
            let bytes = |number: u32| if is_big { number.to_be_bytes() } else { number.to_le_bytes() };
            [&bytes(kind)[..], &bytes(length), body, &bytes(length)].concat()
        };
        for (is_big, magic) in [(true, [0x1a, 0x2b, 0x3c, 0x4d]), (false, [0x4d, 0x3c, 0x2b, 0x1a])] {
            let section = block(0x0a0d_0d0a, is_big, &[&magic[..], &[0; 12]].concat());
            let file = [section, block(0xbad, is_big, &[0; 8]), block(6, is_big, &[]), vec![6, 0, 0]].concat();
            let counts = pcapng_blocks(&file).unwrap();
            assert_eq!(counts, BTreeMap::from([(0x0a0d_0d0a, 1), (0xbad, 1), (6, 1)]), "big endian: {is_big}");
        }
        assert_eq!(pcapng_blocks(b"\xd4\xc3\xb2\xa1"), None);
    }
}
