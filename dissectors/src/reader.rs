//! A cursor over borrowed bytes: every read checks its length first and says what was being read when bytes were missing.
//!
//! Deliberately without bit fields and without any protocol's knowledge; nested text formats use nom instead.

use crate::ParseError;

/// Reads fixed-layout values from the front of a slice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// Starts at the front of `bytes`; `what` names the part for errors.
    pub(crate) const fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { rest: bytes, what }
    }

    /// What is left.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether nothing is left.
    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes the next `N` bytes as an array.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], ParseError> {
        let Some((head, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(ParseError::Incomplete { what: self.what });
        };
        self.rest = rest;
        Ok(*head)
    }

    /// Takes the next `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], ParseError> {
        let Some((head, rest)) = self.rest.split_at_checked(count) else {
            return Err(ParseError::Incomplete { what: self.what });
        };
        self.rest = rest;
        Ok(head)
    }

    /// Takes the next `count` bytes as a reader of their own.
    pub(crate) fn part(&mut self, what: &'static str, count: usize) -> Result<Reader<'a>, ParseError> {
        Ok(Reader::new(what, self.take(count)?))
    }

    /// Takes one byte.
    pub(crate) fn u8(&mut self) -> Result<u8, ParseError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// Takes two bytes, most significant first.
    pub(crate) fn be16(&mut self) -> Result<u16, ParseError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// Takes four bytes, most significant first.
    pub(crate) fn be32(&mut self) -> Result<u32, ParseError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// Takes two bytes, least significant first.
    pub(crate) fn le16(&mut self) -> Result<u16, ParseError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// Takes four bytes, least significant first.
    pub(crate) fn le32(&mut self) -> Result<u32, ParseError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Takes eight bytes, least significant first.
    pub(crate) fn le64(&mut self) -> Result<u64, ParseError> {
        Ok(u64::from_le_bytes(self.array()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_in_order_and_stops_at_the_end() {
        let mut reader = Reader::new("test", &[1, 2, 3, 4, 5]);
        assert_eq!(reader.u8(), Ok(1));
        assert_eq!(reader.be16(), Ok(0x0203));
        assert_eq!(reader.le16(), Ok(0x0504));
        assert!(reader.is_empty());
        assert_eq!(reader.u8(), Err(ParseError::Incomplete { what: "test" }));
        let mut reader = Reader::new("test", &[1, 2, 3]);
        assert_eq!(reader.be32(), Err(ParseError::Incomplete { what: "test" }));
        assert_eq!(reader.rest(), &[1, 2, 3], "a read that fails takes nothing");
        assert_eq!(reader.take(4), Err(ParseError::Incomplete { what: "test" }));
        assert_eq!(reader.part("inner", 2).unwrap().be16(), Ok(0x0102));
    }
}
