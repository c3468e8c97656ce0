//! Headers of binary transfer: images, routes, files (IEC 61162-450, clause 7.3; layout of edition 1 and of AMD1:2016).
//!
//! The two versions differ in where the ids stand: version 2 has a header length after the version and device and channel at the end. Reading a
//! version 1 header at version 2 offsets, as a public dissector does, shifts every field by two bytes; here the version decides.

use crate::ParseError;

/// What a datagram of binary transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MessageType(pub(crate) u16);

impl MessageType {
    /// A block of the file.
    pub(crate) const DATA: Self = Self(1);
    /// The receiver is asked what it has.
    pub(crate) const QUERY: Self = Self(2);
    /// The receiver tells what it has.
    pub(crate) const ACK: Self = Self(3);

    /// Its name, when it has one.
    pub(crate) const fn name(self) -> Option<&'static str> {
        match self {
            Self::DATA => Some("data"),
            Self::QUERY => Some("query"),
            Self::ACK => Some("ack"),
            _ => None,
        }
    }
}

/// One header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header<'a> {
    /// `RaUdP`, `RrUdP` or `RpUdP`.
    pub(crate) token: &'a str,
    /// 1 or 2.
    pub(crate) version: u16,
    /// Length of the header, from version 2 on.
    pub(crate) length: Option<u16>,
    /// Who sends.
    pub(crate) source: &'a str,
    /// To whom: a system function id, or six letters X for anybody.
    pub(crate) destination: &'a str,
    /// Data, query, ack.
    pub(crate) kind: MessageType,
    /// Number of the file.
    pub(crate) block: u32,
    /// Number of the datagram, from 1.
    pub(crate) sequence: u32,
    /// How many datagrams the file has.
    pub(crate) last: u32,
    /// Device and channel, from version 2 on (version 1 has them in the descriptor).
    pub(crate) device_channel: Option<(u8, u8)>,
}

/// What stands before the first bytes of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Descriptor<'a> {
    /// Its own length.
    pub(crate) length: u32,
    /// Bytes of the file.
    pub(crate) file_length: u32,
    /// State of acquisition.
    pub(crate) status: u16,
    /// Device and channel, in version 1.
    pub(crate) device_channel: Option<(u8, u8)>,
    /// Where acknowledgements go, in version 2.
    pub(crate) ack_port: Option<u16>,
    /// MIME type.
    pub(crate) data_type: &'a str,
    /// What the sender says about the file.
    pub(crate) info: &'a str,
}

const fn short(what: &'static str) -> ParseError {
    ParseError::Incomplete { what }
}

/// Reads bytes from the front.
struct Cursor<'a>(&'a [u8], &'static str);

impl<'a> Cursor<'a> {
    fn take<const N: usize>(&mut self) -> Result<&'a [u8; N], ParseError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(short(self.1))?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, ParseError> {
        self.take::<1>().map(|[byte]| *byte)
    }

    fn u16(&mut self) -> Result<u16, ParseError> {
        self.take().map(|bytes| u16::from_be_bytes(*bytes))
    }

    fn u32(&mut self) -> Result<u32, ParseError> {
        self.take().map(|bytes| u32::from_be_bytes(*bytes))
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], ParseError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(short(self.1))?;
        self.0 = rest;
        Ok(taken)
    }
}

/// Text up to the first NUL.
fn text(bytes: &[u8]) -> &str {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.get(..end).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
}

/// Reads the header (token included) and returns what follows it.
pub(crate) fn header(datagram: &[u8]) -> Result<(Header<'_>, &[u8]), ParseError> {
    let mut cursor = Cursor(datagram, "binary transfer header");
    let token = text(cursor.take::<6>()?);
    let version = cursor.u16()?;
    let length = if version >= 2 { Some(cursor.u16()?) } else { None };
    let source = text(cursor.take::<6>()?);
    let destination = text(cursor.take::<6>()?);
    let kind = MessageType(cursor.u16()?);
    let (block, sequence, last) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
    let device_channel = if version >= 2 { Some((cursor.byte()?, cursor.byte()?)) } else { None };
    let read = datagram.len().saturating_sub(cursor.0.len());
    let rest = match length.map(usize::from) {
        // A later edition may append to the header; its length says where the data begin.
        Some(length) if length >= read => datagram.get(length..).ok_or(short("binary transfer header"))?,
        Some(_) => {
            return Err(ParseError::Malformed {
                what: "binary transfer header",
                at: 8,
                why: "length below its own fields",
            });
        }
        None => cursor.0,
    };
    Ok((Header { token, version, length, source, destination, kind, block, sequence, last, device_channel }, rest))
}

/// Reads the file descriptor of a first datagram and returns the first bytes of the file.
pub(crate) fn descriptor(version: u16, bytes: &[u8]) -> Result<(Descriptor<'_>, &[u8]), ParseError> {
    let mut cursor = Cursor(bytes, "file descriptor");
    let (length, file_length, status) = (cursor.u32()?, cursor.u32()?, cursor.u16()?);
    let (mut device_channel, mut ack_port) = (None, None);
    if version >= 2 {
        ack_port = Some(cursor.u16()?);
    } else {
        device_channel = Some((cursor.byte()?, cursor.byte()?));
    }
    let type_length = usize::from(cursor.byte()?);
    let data_type = text(cursor.bytes(type_length)?);
    let read = bytes.len().saturating_sub(cursor.0.len());
    let end = usize::try_from(length).unwrap_or(usize::MAX);
    if end < read {
        return Err(ParseError::Malformed { what: "file descriptor", at: 0, why: "length below its own fields" });
    }
    let info = if version >= 2 {
        // The length of the text is told, but makes differ whether before a NUL or instead: the descriptor's own end bounds it.
        let told = usize::from(cursor.u16()?);
        let room = end.saturating_sub(read).saturating_sub(2);
        text(cursor.bytes(told.min(room))?)
    } else {
        text(cursor.bytes(end.saturating_sub(read))?)
    };
    let rest = bytes.get(end..).ok_or(short("file descriptor"))?;
    Ok((Descriptor { length, file_length, status, device_channel, ack_port, data_type, info }, rest))
}
