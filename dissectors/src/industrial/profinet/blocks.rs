//! Blocks of the connection manager: header, requests for connections, records and control, identification records.
//!
//! Specification: IEC 61158-6-10 clause 5.2 (block coding), PROFIBUS guideline "Identification & Maintenance functions".

use crate::ParseError;
use crate::dcerpc::Uuid;
use crate::reader::Reader;
use crate::text::printable;

/// Longest list of blocks that is gone through.
const MOST_BLOCKS: usize = 64;

/// One block: type and what follows the version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block<'a> {
    pub(super) kind: u16,
    pub(super) content: Reader<'a>,
}

/// Every block, up to the first that is cut. Bytes of records between blocks end the list.
pub(super) fn blocks(bytes: &[u8]) -> impl Iterator<Item = Block<'_>> + Clone {
    let mut reader = Reader::new("profinet block", bytes);
    (0..MOST_BLOCKS).map_while(move |_| {
        let kind = reader.be16().ok()?;
        let length = usize::from(reader.be16().ok()?);
        let mut content = reader.part("profinet block", length).ok()?;
        let [1, _] = content.array().ok()? else { return None };
        Some(Block { kind, content })
    })
}

/// The header of a record that is read or written (IODReadReqHeader, IODWriteReqHeader and their answers).
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    pub(super) slot: u16,
    pub(super) subslot: u16,
    pub(super) index: u16,
}

impl Record {
    pub(super) fn parse(mut reader: Reader<'_>) -> Result<Self, ParseError> {
        let _sequence_connection_and_api = reader.take(2 + 16 + 4)?;
        let (slot, subslot) = (reader.be16()?, reader.be16()?);
        let _padding = reader.be16()?;
        Ok(Self { slot, subslot, index: reader.be16()? })
    }
}

/// Who asks for a connection (ARBlockReq).
#[derive(Debug, Clone, Copy)]
pub(super) struct Connection<'a> {
    pub(super) kind: u16,
    pub(super) session: u16,
    pub(super) initiator: Uuid,
    pub(super) station: Option<&'a str>,
}

impl<'a> Connection<'a> {
    pub(super) fn parse(mut reader: Reader<'a>) -> Result<Self, ParseError> {
        let kind = reader.be16()?;
        let _connection = reader.take(16)?;
        let session = reader.be16()?;
        let _mac = reader.take(6)?;
        let initiator = Uuid(reader.array()?);
        let _properties_timeout_and_port = reader.take(8)?;
        let length = reader.be16()?;
        Ok(Self { kind, session, initiator, station: printable(reader.take(length.into())?) })
    }
}

/// Slot and module of the first module a connection expects (ExpectedSubmoduleBlockReq).
pub(super) fn first_module(mut reader: Reader<'_>) -> Option<(u16, u32)> {
    let _count_and_api = reader.take(2 + 4).ok()?;
    Some((reader.be16().ok()?, reader.be32().ok()?))
}

/// Identification & maintenance record 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identification<'a> {
    pub(super) vendor: u16,
    pub(super) order_number: Option<&'a str>,
    pub(super) serial_number: Option<&'a str>,
    pub(super) hardware: u16,
    pub(super) software: [u8; 4],
}

impl<'a> Identification<'a> {
    pub(super) fn parse(mut reader: Reader<'a>) -> Result<Self, ParseError> {
        Ok(Self {
            vendor: reader.be16()?,
            order_number: printable(reader.take(20)?),
            serial_number: printable(reader.take(16)?),
            hardware: reader.be16()?,
            software: reader.array()?,
        })
    }
}

/// Function and place of a device as its installers named them (I&M1).
pub(super) fn tags(mut reader: Reader<'_>) -> Option<(Option<&str>, Option<&str>)> {
    let function = printable(reader.take(32).ok()?);
    Some((function, printable(reader.take(22).ok()?)))
}

/// What is controlled, by the type of the control block.
pub(super) const fn control_name(kind: u16) -> Option<&'static str> {
    Some(match kind & 0x7fff {
        0x0110 => "pnio.parameters-end",
        0x0111 => "pnio.plug-parameters-end",
        0x0112 => "pnio.application-ready",
        0x0113 => "pnio.plug-application-ready",
        0x0114 => "pnio.release",
        0x0116 => "pnio.ready-for-companion",
        0x0117 => "pnio.ready-for-class-3",
        0x0118 => "pnio.parameters-begin",
        _ => return None,
    })
}

/// The name of a vendor number of PROFIBUS & PROFINET International, for those that are common.
pub(super) const fn vendor_name(vendor: u16) -> Option<&'static str> {
    Some(match vendor {
        0x002a => "Siemens",
        0x00b0 => "Phoenix Contact",
        0x010c => "HMS Industrial Networks",
        0x011e => "Hilscher",
        0x0120 => "Beckhoff",
        _ => return None,
    })
}
