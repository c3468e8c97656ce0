//! The small pieces every layout here is made of: LEB128 numbers, zigzag, length-prefixed bytes. Readers borrow, never panic, trust no length.

use crate::BundleError;

/// Longest text accepted on the wire, bytes.
pub(crate) const MAX_TEXT_BYTES: usize = 4096;

/// Maps small negative and positive numbers to small positive ones.
pub(crate) const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The inverse of [`zigzag`].
pub(crate) const fn unzigzag(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}

/// Appends `value` as LEB128: seven bits a byte, least significant first.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends `bytes` behind their length.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads from the front of a slice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], BundleError> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(BundleError::Truncated { what })?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], BundleError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(BundleError::Truncated { what })?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn byte(&mut self, what: &'static str) -> Result<u8, BundleError> {
        let [byte] = self.array(what)?;
        Ok(byte)
    }

    /// Reads LEB128; only the shortest form of a number is accepted, so that one content has one encoding.
    pub(crate) fn varint(&mut self, what: &'static str) -> Result<u64, BundleError> {
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte(what)?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    break;
                }
                return Ok(value);
            }
        }
        Err(BundleError::Malformed { what: "a number in an impossible form" })
    }

    /// Reads a number that must not pass `limit`.
    pub(crate) fn count(&mut self, limit: usize, what: &'static str) -> Result<usize, BundleError> {
        let value = self.varint(what)?;
        usize::try_from(value).ok().filter(|&count| count <= limit).ok_or(BundleError::TooLarge { what })
    }

    pub(crate) fn bytes(&mut self, limit: usize, what: &'static str) -> Result<&'a [u8], BundleError> {
        let count = self.count(limit, what)?;
        self.take(count, what)
    }

    pub(crate) fn text(&mut self, what: &'static str) -> Result<&'a str, BundleError> {
        let bytes = self.bytes(MAX_TEXT_BYTES, what)?;
        std::str::from_utf8(bytes).map_err(|_| BundleError::Malformed { what: "text that is not UTF-8" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints() {
        // Values and bytes worked out by hand from the definition of LEB128.
        for (value, bytes) in [
            (0_u64, &[0_u8][..]),
            (127, &[0x7f]),
            (128, &[0x80, 0x01]),
            (300, &[0xac, 0x02]),
            (u64::MAX, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        ] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out, bytes, "{value}");
            assert_eq!(Reader::new(bytes).varint("n"), Ok(value));
        }
    }

    #[test]
    fn odd_varints_are_refused() {
        for (name, bytes) in [
            ("cut", &[0x80_u8][..]),
            ("longer than needed", &[0x80, 0x00]),
            ("66 bits", &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x03]),
            ("never ends", &[0xff; 11]),
        ] {
            assert!(Reader::new(bytes).varint("n").is_err(), "{name}");
        }
    }

    #[test]
    fn zigzag_extremes() {
        for (signed, plain) in [(0, 0), (-1, 1), (1, 2), (i64::MAX, u64::MAX - 1), (i64::MIN, u64::MAX)] {
            assert_eq!(zigzag(signed), plain);
            assert_eq!(unzigzag(plain), signed);
        }
    }
}
