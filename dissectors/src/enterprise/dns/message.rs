//! The message format that DNS, mDNS and LLMNR share.
//!
//! Specification: RFC 1035 clause 4, RFC 3596 (AAAA), RFC 2782 (SRV).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::name::{Name, read_name, walk};
use crate::ParseError;
use crate::reader::Reader;

/// Record types read here.
pub(super) mod kind {
    pub(in super::super) const A: u16 = 1;
    pub(in super::super) const CNAME: u16 = 5;
    pub(in super::super) const PTR: u16 = 12;
    pub(in super::super) const HINFO: u16 = 13;
    pub(in super::super) const TXT: u16 = 16;
    pub(in super::super) const AAAA: u16 = 28;
    pub(in super::super) const SRV: u16 = 33;
}

/// A message whose records were all found to lie within it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dns<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) id: u16,
    flags: u16,
    questions: u16,
    records: u32,
    records_at: usize,
}

/// One question.
pub(super) struct Question {
    pub(super) name: Name,
    pub(super) kind: u16,
}

/// One resource record.
pub(super) struct Record<'a> {
    pub(super) name: Name,
    pub(super) kind: u16,
    /// Where the data starts within the message: names in it may point back.
    pub(super) data_at: usize,
    pub(super) data: &'a [u8],
}

const HEADER: usize = 12;

impl<'a> Dns<'a> {
    /// Reads the header and walks over every record. Bytes behind the last record are let be.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new("dns header", bytes);
        let (id, flags, questions) = (reader.be16()?, reader.be16()?, reader.be16()?);
        let records = [reader.be16()?, reader.be16()?, reader.be16()?].into_iter().map(u32::from).sum();
        let mut at = HEADER;
        for _ in 0..questions {
            at = walk(bytes, at, |_| {})?.saturating_add(4);
        }
        let records_at = at;
        for _ in 0..records {
            at = record_end(bytes, at)?.1;
        }
        if at > bytes.len() {
            return Err(ParseError::Incomplete { what: "dns record" });
        }
        Ok(Self { bytes, id, flags, questions, records, records_at })
    }

    pub(super) const fn is_response(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    pub(super) const fn opcode(&self) -> u16 {
        self.flags >> 11 & 15
    }

    pub(super) const fn rcode(&self) -> u16 {
        self.flags & 15
    }

    pub(super) const fn question_count(&self) -> u16 {
        self.questions
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.questions == 0 && self.records == 0
    }

    /// Whether the bit that must be zero is, the opcode exists, the rcode is a basic one, and who asks asks something (a zone in an update).
    pub(super) const fn is_plausible(&self) -> bool {
        self.flags & 0x0040 == 0
            && matches!(self.opcode(), 0 | 1 | 2 | 4 | 5)
            && self.rcode() <= 10
            && if self.is_response() { !self.is_empty() } else { self.questions > 0 }
    }

    pub(super) fn questions(&self) -> impl Iterator<Item = Question> + use<'a> {
        let bytes = self.bytes;
        let mut at = HEADER;
        (0..self.questions).map_while(move |_| {
            let (name, end) = read_name(bytes, at).ok()?;
            let mut reader = Reader::new("question", bytes.get(end..)?);
            at = end.saturating_add(4);
            Some(Question { name, kind: reader.be16().ok()? })
        })
    }

    pub(super) fn records(&self) -> impl Iterator<Item = Record<'a>> + use<'a> {
        let bytes = self.bytes;
        let mut at = self.records_at;
        (0..self.records).map_while(move |_| {
            let (name, end) = read_name(bytes, at).ok()?;
            let kind = Reader::new("record", bytes.get(end..)?).be16().ok()?;
            let (data_at, next) = record_end(bytes, at).ok()?;
            at = next;
            Some(Record { name, kind, data_at, data: bytes.get(data_at..next)? })
        })
    }
}

/// Where the data of the record at `at` starts and ends.
fn record_end(bytes: &[u8], at: usize) -> Result<(usize, usize), ParseError> {
    let end = walk(bytes, at, |_| {})?;
    let mut reader = Reader::new("dns record", bytes.get(end..).unwrap_or_default());
    let _kind_class_ttl = reader.take(8)?;
    let len = usize::from(reader.be16()?);
    let _data = reader.take(len)?;
    let data_at = end.saturating_add(10);
    Ok((data_at, data_at.saturating_add(len)))
}

impl<'a> Record<'a> {
    /// The address in an A or AAAA record.
    pub(super) fn address(&self) -> Option<IpAddr> {
        match self.kind {
            kind::A => <[u8; 4]>::try_from(self.data).ok().map(|octets| IpAddr::V4(Ipv4Addr::from(octets))),
            kind::AAAA => <[u8; 16]>::try_from(self.data).ok().map(|octets| IpAddr::V6(Ipv6Addr::from(octets))),
            _ => None,
        }
    }

    /// The name in a PTR or CNAME record, or the target of an SRV record.
    pub(super) fn target(&self, message: &[u8]) -> Option<Name> {
        let skip = match self.kind {
            kind::PTR | kind::CNAME => 0,
            kind::SRV => 6,
            _ => return None,
        };
        read_name(message, self.data_at.checked_add(skip)?).ok().map(|(name, _)| name)
    }

    /// The port of an SRV record.
    pub(super) fn port(&self) -> Option<u16> {
        let [_, _, _, _, high, low, ..] = self.data else { return None };
        (self.kind == kind::SRV).then(|| u16::from_be_bytes([*high, *low]))
    }

    /// The strings of a TXT or HINFO record.
    pub(super) fn strings(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut reader =
            Reader::new("dns string", if matches!(self.kind, kind::TXT | kind::HINFO) { self.data } else { &[] });
        std::iter::from_fn(move || {
            let len = reader.u8().ok()?;
            reader.take(len.into()).ok()
        })
    }
}
