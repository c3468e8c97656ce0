//! The mailboxes of EtherCAT slaves: objects of their dictionary (CoE) and files (FoE).
//!
//! Deliberately not read: EoE, SoE, AoE, objects that come in segments.
//!
//! Specification: ETG.1000.6 clauses 5.6 (mailbox header), 5.6.2 (CoE), 5.6.5 (FoE).

use dogwatch_model::{Attribute, Verb};

use super::Datagram;
use crate::reader::Reader;
use crate::text::{Hex, Text, printable, text};

/// The content of a mailbox message and its type, in memory above the registers: length, address, priority, type and count.
fn content<'a>(datagram: &Datagram<'a>) -> Option<(u8, Reader<'a>)> {
    if datagram.ado < 0x1000 || !matches!(datagram.command, 1 | 2 | 4 | 5) {
        return None;
    }
    let mut reader = Reader::new("ethercat mailbox", datagram.data);
    let length = usize::from(reader.le16().ok()?);
    let _address_and_priority = reader.take(3).ok()?;
    let kind = reader.u8().ok()?;
    let body = Reader::new("ethercat mailbox", reader.take(length).ok()?);
    (length >= 2 && kind & 0x80 == 0).then_some((kind & 15, body))
}

/// What a mailbox message does to what.
pub(super) fn operation(datagram: &Datagram<'_>) -> Option<(Verb, Text<80>)> {
    match content(datagram)? {
        (3, mut body) => coe(&mut body),
        (4, mut body) => foe(&mut body),
        _ => None,
    }
}

/// CANopen over EtherCAT: an object of the dictionary is read or written (clause 5.6.2).
fn coe(body: &mut Reader<'_>) -> Option<(Verb, Text<80>)> {
    let service = body.le16().ok()? >> 12;
    let [specifier] = body.array().ok()?;
    let verb = match (service, specifier >> 5) {
        // Requests, then the answers to them.
        (2, 1) | (3, 3) => Verb::Write,
        (2 | 3, 2) => Verb::Read,
        (8, _) => return Some((Verb::Discover, text!["sdo-information"])),
        _ => return None,
    };
    let (index, sub) = (body.le16().ok()?, body.u8().ok()?);
    Some((verb, text!["sdo ", Hex(index, 4), ":", sub]))
}

/// File access over EtherCAT, which is how firmware comes in (clause 5.6.5).
fn foe(body: &mut Reader<'_>) -> Option<(Verb, Text<80>)> {
    let operation = body.le16().ok()?;
    let _password = body.le32().ok()?;
    let verb = match operation {
        1 => Verb::Transfer,
        2 => Verb::Program,
        _ => return None,
    };
    let name = printable(body.rest()).unwrap_or("(unnamed)");
    Some((verb, text!["foe ", name]))
}

/// What an answer with an object of identity holds.
pub(super) enum Uploaded<'a> {
    /// Numbers of object 0x1018, from this one of the four.
    Identity(usize, Numbers),
    /// A text of its own.
    Text(Attribute, &'a str, &'static str),
}

/// Up to four numbers.
pub(super) type Numbers = std::iter::Take<std::array::IntoIter<u32, 4>>;

/// The object of identity that a slave hands out in one piece: upload response of clause 5.6.2.
pub(super) fn uploaded<'a>(datagram: &Datagram<'a>) -> Option<Uploaded<'a>> {
    let (kind, mut body) = content(datagram).filter(|_| !datagram.is_write())?;
    if kind != 3 || body.le16().ok()? >> 12 != 3 {
        return None;
    }
    let specifier = body.u8().ok()?;
    let (index, sub) = (body.le16().ok()?, body.u8().ok()?);
    if specifier >> 5 != 2 {
        return None;
    }
    // Bit 1: the data stand where the size would; bits 2 and 3 then count the bytes of the four that are none.
    let data = if specifier & 2 != 0 {
        let unused = if specifier & 1 == 0 { 0 } else { usize::from(specifier >> 2 & 3) };
        body.take(4_usize.saturating_sub(unused)).ok()?
    } else {
        let size = usize::try_from(body.le32().ok()?).ok()?;
        body.take(size).ok()?
    };
    match (index, sub, specifier & 0x10 != 0) {
        (0x1018, 1..=4, false) => {
            let value = u32::from_le_bytes(data.try_into().ok()?);
            Some(Uploaded::Identity(usize::from(sub).saturating_sub(1), [value, 0, 0, 0].into_iter().take(1)))
        }
        // The whole object at once: the number of its parts in two bytes, then the parts; from 1 on without that number.
        (0x1018, 0 | 1, true) => {
            let numbers = if sub == 0 { data.get(2..)? } else { data };
            let mut values = [0; 4];
            let parts = numbers.as_chunks::<4>().0;
            values.iter_mut().zip(parts).for_each(|(value, part)| *value = u32::from_le_bytes(*part));
            Some(Uploaded::Identity(0, values.into_iter().take(parts.len().min(4))))
        }
        (0x1008, 0, _) => Some(Uploaded::Text(Attribute::Model, printable(data)?, "ethercat.object-1008")),
        (0x1009, 0, _) => Some(Uploaded::Text(Attribute::HwRevision, printable(data)?, "ethercat.object-1009")),
        (0x100a, 0, _) => Some(Uploaded::Text(Attribute::FirmwareVersion, printable(data)?, "ethercat.object-100a")),
        _ => None,
    }
}
