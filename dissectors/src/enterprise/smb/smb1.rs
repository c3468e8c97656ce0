//! SMB 1 (MS-CIFS 2.2.3 and 2.2.4, MS-SMB 2.2.4 for the extended forms): what one message asks, and the texts of a login.

use dogwatch_model::Verb;

use super::{Told, narrow, utf16};
use crate::reader::Reader;
use crate::text::Text;
use crate::{ParseError, program};

/// Commands read here (MS-CIFS 2.2.2.1).
mod command {
    pub(super) const OPEN: u8 = 0x02;
    pub(super) const OPEN_ANDX: u8 = 0x2d;
    pub(super) const TRANSACTION: u8 = 0x25;
    pub(super) const NEGOTIATE: u8 = 0x72;
    pub(super) const SESSION_SETUP: u8 = 0x73;
    pub(super) const TREE_CONNECT: u8 = 0x75;
    pub(super) const NT_CREATE: u8 = 0xa2;
    pub(super) const READ_ANDX: u8 = 0x2e;
    pub(super) const WRITE_ANDX: u8 = 0x2f;
}

/// Access that changes a file: write, append, delete, all, generic write.
pub(super) const CHANGES: u32 = 0x2 | 0x4 | 0x1_0000 | 0x1000_0000 | 0x4000_0000;

/// What a command does by itself.
const fn verb(command: u8) -> Option<Verb> {
    Some(match command {
        command::NEGOTIATE => Verb::Discover,
        command::SESSION_SETUP => Verb::Login,
        command::OPEN | command::OPEN_ANDX | command::NT_CREATE | command::TREE_CONNECT | 0x0a => Verb::Transfer,
        command::READ_ANDX => Verb::Transfer,
        // directories made and removed, files created, deleted, renamed and written
        0x00 | 0x01 | 0x03 | 0x06 | 0x07 | 0x0b | 0x0f | command::WRITE_ANDX => Verb::Write,
        _ => return None,
    })
}

/// The block of texts of a message.
struct Texts<'a> {
    data: &'a [u8],
    /// Where it stands in the message: UTF-16 is aligned to two bytes there.
    at: usize,
    unicode: bool,
}

impl<'a> Texts<'a> {
    /// Passes over `count` bytes.
    fn skip(&mut self, count: usize) {
        self.data = self.data.get(count..).unwrap_or_default();
        self.at = self.at.saturating_add(count);
    }

    /// The next text, which ends with a zero or with the data.
    fn next(&mut self) -> Option<Text<256>> {
        if self.unicode && self.at % 2 == 1 {
            self.skip(1);
        }
        let (text, taken) = if self.unicode {
            let units = self.data.as_chunks::<2>().0;
            let end = units.iter().position(|unit| *unit == [0, 0]);
            let taken = end.map_or(self.data.len(), |end| end.saturating_add(1).saturating_mul(2));
            (utf16(self.data), taken)
        } else {
            let end = self.data.iter().position(|byte| *byte == 0);
            (narrow(self.data), end.map_or(self.data.len(), |end| end.saturating_add(1)))
        };
        self.skip(taken);
        text
    }
}

fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_le_bytes)
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

/// Commands chained in one message that are read.
const MOST_CHAINED: usize = 8;

/// Tells of every command of a message: those of the "AndX" family say which command follows, and where in the message (MS-CIFS 2.2.3.4).
pub(super) fn read(message: &[u8], mut tell: impl FnMut(&Told)) -> Result<(), ParseError> {
    let mut reader = Reader::new("smb header", message);
    let _id = reader.be32()?;
    let mut code = reader.u8()?;
    let status = reader.le32()?;
    let flags = reader.u8()?;
    let flags2 = reader.le16()?;
    let _rest_of_header = reader.take(20)?;
    let (is_reply, unicode) = (flags & 0x80 != 0, flags2 & 0x8000 != 0);
    for _ in 0..MOST_CHAINED {
        let mut told = Told::new("smb_cmd", code.into(), status, is_reply);
        let parameters = block(&mut told, code, message, &mut reader, unicode)?;
        tell(&told);
        let at = message.len().saturating_sub(reader.rest().len());
        // What follows stands behind the words just read: a chain never turns back.
        let next = le16(parameters, 2).map(usize::from).filter(|next| has_next(code) && *next >= at);
        match (parameters.first(), next.and_then(|next| message.get(next..))) {
            (Some(0xff) | None, _) | (_, None | Some([])) => break,
            (Some(following), Some(rest)) => (code, reader) = (*following, Reader::new("smb chained command", rest)),
        }
    }
    Ok(())
}

/// Whether the parameters of a command begin with the command that follows (MS-CIFS 2.2.3.4).
const fn has_next(code: u8) -> bool {
    matches!(code, 0x24 | 0x2d..=0x2f | 0x73..=0x75 | 0xa2)
}

/// Reads the words of one command and its texts; returns the words.
fn block<'a>(
    told: &mut Told,
    code: u8,
    message: &'a [u8],
    reader: &mut Reader<'a>,
    unicode: bool,
) -> Result<&'a [u8], ParseError> {
    told.verb = verb(code);
    let words = usize::from(reader.u8()?);
    let parameters = reader.take(words.saturating_mul(2))?;
    let count = reader.le16()?;
    let at = message.len().saturating_sub(reader.rest().len());
    let data = reader.rest().get(..usize::from(count)).unwrap_or(reader.rest());
    let mut texts = Texts { data, at, unicode };
    if code == command::NEGOTIATE && told.is_reply && told.status == 0 {
        told.odd = Some("weak.smb1");
    }
    match (code, told.is_reply) {
        (command::SESSION_SETUP, _) => login(told, parameters, &mut texts),
        (command::WRITE_ANDX, false) if le32(parameters, 6) == Some(0) => {
            carried(told, message, (le16(parameters, 22), le16(parameters, 20)));
        }
        // an answer does not say from where in the file it was read: only what begins like a program counts
        (command::READ_ANDX, true) if told.status == 0 => {
            carried(told, message, (le16(parameters, 12), le16(parameters, 10)));
        }
        (_, false) => name(told, code, parameters, &mut texts),
        _ => {}
    }
    Ok(parameters)
}

/// Notes that a program begins at an offset of the message (MS-CIFS 2.2.4.42 and 2.2.4.43).
fn carried(told: &mut Told, message: &[u8], (offset, length): (Option<u16>, Option<u16>)) {
    let front = offset.and_then(|offset| message.get(usize::from(offset)..)).unwrap_or_default();
    told.odd = program::kind(front);
    told.carries = length.map(u32::from).filter(|_| told.odd.is_some());
}

/// Where the texts of a login stand and which they are depends on the count of parameter words: 12 and 4 are the extended forms with a security
/// blob, 13 and 10 those with passwords (MS-CIFS 2.2.4.53, MS-SMB 2.2.4.6).
fn login(told: &mut Told, parameters: &[u8], texts: &mut Texts<'_>) {
    let length = |at| usize::from(le16(parameters, at).unwrap_or(0));
    let (passed_over, has_account) = match (told.is_reply, parameters.len() / 2) {
        (true, 4) => (length(6), false),
        (true, 3) => (0, false),
        (false, 12) => (length(14), false),
        (false, 13) => (length(14).saturating_add(length(16)), true),
        (false, 10) => (length(14), true),
        _ => return,
    };
    texts.skip(passed_over);
    if has_account {
        told.account = texts.next();
        told.domain = texts.next();
    }
    told.natives = [texts.next(), texts.next()];
}

/// What a request names.
fn name(told: &mut Told, code: u8, parameters: &[u8], texts: &mut Texts<'_>) {
    match code {
        command::NT_CREATE => {
            let access = le32(parameters, 15).unwrap_or(0);
            let disposition = le32(parameters, 35).unwrap_or(1);
            if access & CHANGES != 0 || matches!(disposition, 0 | 2 | 4 | 5) {
                told.verb = Some(Verb::Write);
            }
            told.named = texts.next();
        }
        command::OPEN_ANDX => {
            // access mode: 1 write, 2 both; open mode: create what is not there, or cut what is
            let writes = matches!(le16(parameters, 6).map(|mode| mode & 7), Some(1 | 2));
            if writes || le16(parameters, 16).is_some_and(|mode| mode & 0x12 != 0) {
                told.verb = Some(Verb::Write);
            }
            told.named = texts.next();
        }
        command::TREE_CONNECT => {
            texts.skip(le16(parameters, 6).unwrap_or(0).into());
            told.named = texts.next();
        }
        command::TRANSACTION => told.named = texts.next(),
        // these texts have a byte in front that says what they are
        command::OPEN | 0x00 | 0x01 | 0x03 | 0x06 | 0x07 | 0x0f => {
            texts.skip(1);
            told.named = texts.next();
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::wide;
    use super::*;

    fn message(command: u8, reply: bool, unicode: bool, words: &[u8], data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xff, b'S', b'M', b'B', command, 0, 0, 0, 0, u8::from(reply) << 7, 0];
        bytes.push(u8::from(unicode) << 7);
        bytes.resize(32, 0);
        bytes.push(u8::try_from(words.len() / 2).unwrap());
        bytes.extend(words);
        bytes.extend(u16::try_from(data.len()).unwrap().to_le_bytes());
        bytes.extend(data);
        bytes
    }

    /// The single command of a message.
    fn only(message: &[u8]) -> Told {
        let mut all = Vec::new();
        read(message, |told| all.push((told.command, told.verb, told.odd))).unwrap();
        assert_eq!(all.len(), 1, "{all:?}");
        let mut kept = None;
        read(message, |told| kept = Some(told.clone())).unwrap();
        kept.unwrap()
    }

    #[test]
    fn commands_in_a_chain() {
        // MS-CIFS 2.2.3.4: login, and behind it the share. 13 words: next command, a zero, its offset from the header.
        let mut login = vec![0; 26];
        (login[0], login[2]) = (0x75, 32 + 1 + 26 + 2 + 2);
        let mut bytes = message(0x73, false, false, &login, b"\0\0");
        // 4 words: no further command, flags, length of the password; then password, path, service
        bytes.extend([4, 0xff, 0, 0, 0, 0, 0, 1, 0]);
        let data = b"\0\\\\SRV\\C$\0?????\0";
        bytes.extend(u16::try_from(data.len()).unwrap().to_le_bytes());
        bytes.extend(data);
        let mut seen = Vec::new();
        read(&bytes, |told| seen.push((told.command, told.named.map(|name| name.as_str().to_owned())))).unwrap();
        assert_eq!(seen, [(0x73, None), (0x75, Some("\\\\SRV\\C$".to_owned()))]);
        // An offset that points back, or at itself, ends the chain.
        for offset in [0, 32, 40] {
            bytes[35] = offset;
            let mut count = 0;
            read(&bytes, |_| count += 1).unwrap();
            assert_eq!(count, 1, "{offset}");
        }
    }

    #[test]
    fn a_login_with_passwords() {
        // MS-CIFS 2.2.4.53.1: two passwords, then account, domain, system and software, each ended by a zero.
        let mut words = vec![0; 26];
        (words[14], words[16]) = (3, 2);
        let data = b"\x01\x02\x03\x04\x05PILOT\0BRIDGE\0Windows 4.0\0Samba 4.7\0";
        let told = only(&message(0x73, false, false, &words, data));
        let text = |text: &Option<Text<256>>| text.unwrap().as_str().to_owned();
        assert_eq!((text(&told.account), text(&told.domain)), ("PILOT".into(), "BRIDGE".into()));
        assert_eq!((text(&told.natives[0]), text(&told.natives[1])), ("Windows 4.0".into(), "Samba 4.7".into()));
        assert_eq!(told.verb, Some(Verb::Login));
    }

    #[test]
    fn what_is_opened() {
        // NT_CREATE_ANDX: access at byte 15, disposition at byte 35 of 48 (MS-CIFS 2.2.4.64.1); 49 bytes of words and name stand at an odd place.
        let mut words = vec![0; 48];
        words[35] = 1;
        let mut name = vec![0];
        name.extend(wide("\\update.exe"));
        for (access, want) in [(1, Verb::Transfer), (2, Verb::Write)] {
            words[15] = access;
            let told = only(&message(0xa2, false, true, &words, &name));
            assert_eq!((told.named.unwrap().as_str(), told.verb), ("\\update.exe", Some(want)));
        }
        let mut words = vec![0; 8];
        words[6] = 1;
        let told = only(&message(0x75, false, false, &words, b"\0\\\\SRV\\IPC$\0?????\0"));
        assert_eq!(told.named.unwrap().as_str(), "\\\\SRV\\IPC$");
    }

    #[test]
    fn the_old_version_is_weak_once_agreed() {
        assert_eq!(only(&message(0x72, true, true, &[0; 34], &[])).odd, Some("weak.smb1"));
        assert_eq!(only(&message(0x72, false, true, &[], b"\x02NT LM 0.12\0")).odd, None);
    }
}
