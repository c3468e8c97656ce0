//! Remote procedure calls inside named pipes: finds the packets in writes, reads and exchanges, and hands them to the reader of DCE/RPC.
//!
//! A pipe is told by its file number; what an answer to a read belongs to, by the number of the message. What does not begin as a packet and fill
//! the data is a file's content and is left alone.
//!
//! Specifications: MS-CIFS 2.2.4.33, 2.2.4.42, 2.2.4.43, 2.2.5.6; MS-SMB2 2.2.19 to 2.2.22, 2.2.31, 2.2.32.

use dogwatch_model::Direction;

use super::{Session, begins};
use crate::acts::Emit;
use crate::asked::Asked;
use crate::enterprise::smb::SMB;
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::{Carrier, Chunk, Hint, Limits, ParseError, Probe};

/// SMB with what its pipes carry. SMB itself is read by its own room, which need not know of calls.
pub(crate) static SMB_WITH_PIPES: FramedProtocol = FramedProtocol {
    name: "smb",
    hints: &[Hint::Tcp(445), Hint::Tcp(139)],
    carriers: &[Carrier::Tcp],
    probe: |carrier, head| (SMB.probe)(carrier, head),
    frames: |limits| Box::new(Piped { smb: (SMB.frames)(limits), pipes: Pipes::new(limits) }),
};

/// SMB on one connection, and its pipes.
struct Piped {
    smb: Box<dyn Frames>,
    pipes: Pipes,
}

impl Frames for Piped {
    fn frame(&self, carrier: Carrier, bytes: &[u8]) -> Frame {
        self.smb.frame(carrier, bytes)
    }

    fn begins(&self, carrier: Carrier, bytes: &[u8]) -> Probe {
        self.smb.begins(carrier, bytes)
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let read = self.smb.read(chunk, bytes, emit);
        // The session header, then one message of version 1, or a chain of version 2.
        if let Some(([0, ..], message)) = bytes.split_first_chunk::<4>() {
            self.pipes.message(message, emit);
        }
        read
    }

    fn lost(&mut self, direction: Direction) {
        self.smb.lost(direction);
        self.pipes.lost();
    }

    fn damaged(&mut self, error: ParseError, emit: &mut Emit<'_>) {
        self.smb.damaged(error, emit);
    }
}

/// Pipes of one connection that are remembered; the one used least lately goes for a new one.
const MOST: usize = 16;
/// Messages of one chain that are looked at.
const MOST_CHAINED: usize = 16;
/// Exchange on a pipe: control code of version 2, function of version 1.
const TRANSCEIVE: u32 = 0x0011_c017;
const TRANSACT: u16 = 0x26;

/// Pipes of one connection.
struct Pipes {
    limits: Limits,
    /// Used last stands last.
    open: Vec<(u64, Session)>,
    /// Files that were to be read, by message.
    reads: Asked<u64, u64>,
}

/// Numbers at places in a message, least significant byte first.
fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|two| u16::from_le_bytes(*two))
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_le_bytes(*four))
}

fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|eight| u64::from_le_bytes(*eight))
}

/// Bytes told by an offset from the start of the message and a length.
fn data(message: &[u8], offset: Option<u32>, length: Option<u32>) -> Option<&[u8]> {
    let (offset, length) = (usize::try_from(offset?).ok()?, usize::try_from(length?).ok()?);
    let rest = message.get(offset..)?;
    // Of a long message only the front is here.
    rest.get(..length.min(rest.len()))
}

impl Pipes {
    fn new(limits: &Limits) -> Self {
        Self { limits: *limits, open: Vec::new(), reads: Asked::new(limits) }
    }

    fn lost(&mut self) {
        self.reads.clear();
        self.open.iter_mut().for_each(|(_, session)| session.forget());
    }

    /// A message of either version; those of version 2 say where the next one of their chain begins.
    fn message(&mut self, message: &[u8], emit: &mut Emit<'_>) {
        let mut rest = message;
        for _ in 0..MOST_CHAINED {
            match rest {
                [0xff, b'S', b'M', b'B', ..] => {
                    let _ = self.smb1(rest, emit);
                    return;
                }
                [0xfe, b'S', b'M', b'B', ..] => {
                    let next = le32(rest, 20).and_then(|next| usize::try_from(next).ok()).filter(|next| *next >= 64);
                    let (first, others) = next.and_then(|next| rest.split_at_checked(next)).unwrap_or((rest, &[]));
                    let _ = self.smb2(first, emit);
                    rest = others;
                }
                _ => return,
            }
        }
    }

    /// A packet on the pipe `file`, if it is one.
    fn packet(&mut self, file: u64, bytes: &[u8], emit: &mut Emit<'_>) {
        if begins(bytes) != Probe::Yes {
            return;
        }
        let session = match self.open.iter().position(|(known, _)| *known == file) {
            Some(at) => self.open.remove(at).1,
            None => {
                if self.open.len() >= MOST {
                    self.open.remove(0);
                }
                Session::new(&self.limits)
            }
        };
        self.open.push((file, session));
        if let Some((_, session)) = self.open.last_mut() {
            let mut emit = emit.under("dcerpc");
            if let Err(error) = session.packet(bytes, &mut emit) {
                emit.error(error);
            }
        }
    }

    /// A message of version 2, of which there may be several in a chain.
    fn smb2(&mut self, message: &[u8], emit: &mut Emit<'_>) -> Option<()> {
        let (command, flags) = (le16(message, 12)?, le32(message, 16)?);
        let number = le64(message, 24)?;
        let body = message.get(64..)?;
        // The second half of a file number is the one that differs.
        match (command, flags & 1 != 0) {
            (8, false) => self.reads.ask(number, le64(body, 24)?),
            (8, true) => {
                let file = self.reads.answer(&number)?;
                let offset = body.get(2).map(|offset| u32::from(*offset));
                self.packet(file, data(message, offset, le32(body, 4))?, emit);
            }
            (9, false) => {
                let file = le64(body, 24)?;
                self.packet(file, data(message, le16(body, 2).map(u32::from), le32(body, 4))?, emit);
            }
            (11, reply) if le32(body, 4)? == TRANSCEIVE => {
                let file = le64(body, 16)?;
                let at = if reply { 32 } else { 24 };
                self.packet(file, data(message, le32(body, at), le32(body, at.saturating_add(4)))?, emit);
            }
            _ => {}
        }
        Some(())
    }

    /// A message of version 1.
    fn smb1(&mut self, message: &[u8], emit: &mut Emit<'_>) -> Option<()> {
        let command = *message.get(4)?;
        let reply = message.get(9)? & 0x80 != 0;
        // Process and message number together are unique.
        let number = u64::from(le16(message, 26)?) << 16 | u64::from(le16(message, 30)?);
        let words = usize::from(*message.get(32)?).checked_mul(2)?;
        let body = message.get(33..33_usize.checked_add(words)?)?;
        let at = |offset: usize| le16(body, offset).map(u32::from);
        match (command, reply, words) {
            (0x25, false, 32..) if le16(body, 28)? == TRANSACT => {
                let file = u64::from(le16(body, 30)?);
                self.reads.ask(number, file);
                self.packet(file, data(message, at(24), at(22))?, emit);
            }
            (0x25, true, 20..) => {
                let file = self.reads.answer(&number)?;
                self.packet(file, data(message, at(14), at(12))?, emit);
            }
            (0x2e, false, 20..) => self.reads.ask(number, u64::from(le16(body, 4)?)),
            (0x2e, true, 24..) => {
                let file = self.reads.answer(&number)?;
                self.packet(file, data(message, at(12), at(10))?, emit);
            }
            (0x2f, false, 24..) => {
                let file = u64::from(le16(body, 4)?);
                self.packet(file, data(message, at(22), at(20))?, emit);
            }
            _ => {}
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::SMB_WITH_PIPES;
    use crate::Carrier;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    const BIND: &str = "05 00 0b 03 10 000000 4800 0000 01000000 d016 d016 00000000 01 000000 0000 01 00 81bb7a364498f135ad3298f038001003 02000000 045d888aeb1cc9119fe808002b104860 02000000";
    const START: &str = "05 00 00 03 10 000000 1800 0000 02000000 00000000 0000 1300";
    const FAULT: &str = "05 00 03 03 10 000000 2000 0000 02000000 00000000 0000 0000 05000000 00000000";

    fn session(message: &[u8]) -> Vec<u8> {
        [&u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
    }

    /// A message of version 2 on the file 7.
    fn message(command: u8, reply: bool, number: u8, body: &str, data: &str) -> Vec<u8> {
        let mut bytes = hex("fe534d42 4000 0000 00000000");
        bytes.extend([command, 0, 0, 0, u8::from(reply), 0, 0, 0, 0, 0, 0, 0, number]);
        bytes.resize(64, 0);
        let data = hex(data);
        let length: String =
            u32::try_from(data.len()).unwrap().to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        bytes.extend(hex(&body.replace("LENGTH", &length)));
        bytes.extend(data);
        session(&bytes)
    }

    #[test]
    fn a_service_started_over_a_pipe() {
        let file = "0000000000000000 0700000000000000";
        let mut conversation = Conversation::new(&SMB_WITH_PIPES, Carrier::Tcp, 445);
        let write = format!("3100 7000 LENGTH 0000000000000000 {file} 00000000 00000000 0000 0000 00000000");
        conversation.send(ToServer, &message(9, false, 1, &write, BIND));
        let exchange =
            format!("3900 0000 17c01100 {file} 78000000 LENGTH 00000000 00000000 00000000 00040000 01000000 00000000");
        conversation.send(ToServer, &message(11, false, 2, &exchange, START));
        conversation.send(ToServer, &message(8, false, 3, &format!("3100 0000 00040000 0000000000000000 {file}"), ""));
        conversation.send(ToClient, &message(8, true, 3, "1100 50 00 LENGTH 00000000 00000000", FAULT));
        conversation.send(ToServer, &message(9, false, 4, &write, "4d5a9000"));
        let calls: Vec<_> = conversation.heard.seen.iter().filter(|seen| seen.protocol == "dcerpc").collect();
        let acts: Vec<_> = calls.iter().map(|seen| seen.acts.join(",")).collect();
        assert_eq!(acts, ["request discover svcctl", "request control svcctl", "refusal control svcctl"]);
        assert!(conversation.heard.errors.is_empty(), "{:?}", conversation.heard.errors);
    }

    #[test]
    fn the_same_in_version_1() {
        let call = |reply: bool, words: &str, data: &str| {
            let mut bytes = hex("ff534d42 25 00000000");
            bytes.push(if reply { 0x80 } else { 0 });
            bytes.resize(32, 0);
            let words = hex(words);
            bytes.push(u8::try_from(words.len() / 2).unwrap());
            bytes.extend(words);
            bytes.extend(hex("0000"));
            bytes.extend(hex(data));
            session(&bytes)
        };
        let request = "0000 0000 0000 0000 0000 0000 00000000 0000 0000 0000 4800 4300 0200 2600 0700";
        let mut conversation = Conversation::new(&SMB_WITH_PIPES, Carrier::Tcp, 445);
        conversation.send(ToServer, &call(false, request, BIND));
        conversation.send(ToServer, &call(false, &request.replace("4800 4300", "1800 4300"), START));
        conversation.send(ToClient, &call(true, "0000 0000 0000 0000 0000 0000 2000 3700 0000 0000", FAULT));
        let calls: Vec<_> = conversation.heard.seen.iter().filter(|seen| seen.protocol == "dcerpc").collect();
        let acts: Vec<_> = calls.iter().map(|seen| seen.acts.join(",")).collect();
        assert_eq!(acts, ["request discover svcctl", "request control svcctl", "refusal control svcctl"]);
    }
}
