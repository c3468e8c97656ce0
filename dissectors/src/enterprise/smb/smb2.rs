//! SMB 2 and 3 (MS-SMB2 2.2): what one message of a chain asks.

use dogwatch_model::Verb;

use super::smb1::CHANGES;
use super::{Told, utf16};
use crate::reader::Reader;
use crate::text::Text;
use crate::{ParseError, program};

/// Commands read here (MS-SMB2 2.2.1.2).
mod command {
    pub(super) const NEGOTIATE: u16 = 0;
    pub(super) const TREE_CONNECT: u16 = 3;
    pub(super) const CREATE: u16 = 5;
    pub(super) const READ: u16 = 8;
    pub(super) const WRITE: u16 = 9;
}

const fn verb(command: u16) -> Option<Verb> {
    Some(match command {
        command::NEGOTIATE | 14 => Verb::Discover,
        1 => Verb::Login,
        command::TREE_CONNECT | command::CREATE | command::READ => Verb::Transfer,
        command::WRITE | 17 => Verb::Write,
        _ => return None,
    })
}

pub(super) fn read(message: &[u8]) -> Result<Told, ParseError> {
    let mut reader = Reader::new("smb2 header", message);
    let _id_size_credits = reader.take(8)?;
    let status = reader.le32()?;
    let code = reader.le16()?;
    let _credits = reader.le16()?;
    let is_reply = reader.le32()? & 1 != 0;
    let _rest_of_header = reader.take(44)?;
    let body = reader.rest();
    // On a request the status bytes are something else.
    let mut told = Told::new("smb2_cmd", code, if is_reply { status } else { 0 }, is_reply);
    told.verb = verb(code);
    match (code, is_reply) {
        (command::TREE_CONNECT, false) => told.named = text_at(message, body, 4),
        (command::CREATE, false) => {
            let number = |at: usize| body.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
            let (access, disposition) = (number(24).unwrap_or(0), number(36).unwrap_or(1));
            if access & CHANGES != 0 || matches!(disposition, 0 | 2 | 4 | 5) {
                told.verb = Some(Verb::Write);
            }
            told.named = text_at(message, body, 44);
        }
        (command::NEGOTIATE, true) => {
            told.dialect = body.get(4..).and_then(|rest| rest.first_chunk()).map(|bytes| u16::from_le_bytes(*bytes));
        }
        // an answer does not say from where in the file it was read: only what begins like a program counts
        (command::READ, true) if status == 0 => {
            let length = body.get(4..).and_then(|rest| rest.first_chunk()).map(|bytes| u32::from_le_bytes(*bytes));
            carried(&mut told, message, body.get(2).copied().map(usize::from), length);
        }
        (command::WRITE, false) => {
            let mut place = Reader::new("smb2 write", body);
            let (_size, offset, length) = (place.le16()?, place.le16()?, place.le32()?);
            if place.take(8)?.iter().all(|byte| *byte == 0) {
                carried(&mut told, message, Some(usize::from(offset)), Some(length));
            }
        }
        _ => {}
    }
    Ok(told)
}

/// Notes that a program begins at `offset` of the message.
fn carried(told: &mut Told, message: &[u8], offset: Option<usize>, length: Option<u32>) {
    let front = offset.and_then(|offset| message.get(offset..)).unwrap_or_default();
    told.odd = program::kind(front);
    told.carries = length.filter(|_| told.odd.is_some());
}

/// The text whose offset and length stand at `at`; offsets count from the start of the header.
fn text_at(message: &[u8], body: &[u8], at: usize) -> Option<Text<256>> {
    let mut place = Reader::new("smb2 name", body.get(at..)?);
    let (offset, length) = (usize::from(place.le16().ok()?), usize::from(place.le16().ok()?));
    utf16(message.get(offset..offset.checked_add(length)?)?)
}
