//! MySQL and MariaDB: server and version by the greeting, who logs in and whether it was let in.
//!
//! Deliberately not read: statements and their results. Source: the protocol's public description by its makers (connection phase).

use dogwatch_model::{Attribute, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::lines::REST;
use crate::reader::Reader;
use crate::sides::from_client;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// MySQL.
pub(crate) static MYSQL: FramedProtocol = FramedProtocol {
    name: "mysql",
    hints: &[Hint::Tcp(3306)],
    carriers: &[Carrier::Tcp],
    probe,
    frames: |_| Box::new(MySql { done: false }),
};

/// Longest packet of the connection phase that is believed.
const LONGEST: usize = 4_096;
const GREETING: u8 = 10;
/// The flag that the connection goes on encrypted.
const ENCRYPTED: u32 = 0x0800;

/// A greeting: number 0, version 10, a version text that begins with a digit, and a zero behind the first part of the salt.
fn probe(_carrier: Carrier, head: &[u8]) -> Probe {
    let right = |at: usize, byte: u8| match at {
        0 => (40..=250).contains(&byte),
        1..=3 => byte == 0,
        4 => byte == GREETING,
        5 => byte.is_ascii_digit(),
        _ => true,
    };
    if !head.iter().take(6).enumerate().all(|(at, byte)| right(at, *byte)) {
        return Probe::No;
    }
    let Some(packet) = head.first().and_then(|length| head.get(4..usize::from(*length).saturating_add(4))) else {
        return Probe::NeedMore;
    };
    match version(packet) {
        // Thread, salt, then a zero (protocol::HandshakeV10).
        Some((_, rest)) if rest.get(12) == Some(&0) && rest.len() >= 30 => Probe::Yes,
        _ => Probe::No,
    }
}

/// The version text of a greeting and what follows it.
fn version(packet: &[u8]) -> Option<(&str, &[u8])> {
    let text = packet.get(1..)?;
    let end = text.iter().position(|byte| *byte == 0).filter(|end| (3..=80).contains(end))?;
    let (version, rest) = text.split_at_checked(end)?;
    version.iter().all(u8::is_ascii_graphic).then_some(())?;
    Some((printable(version)?, rest.get(1..)?))
}

/// The connection phase.
struct MySql {
    /// Let in, turned away, or encrypted.
    done: bool,
}

impl Frames for MySql {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        match bytes {
            _ if self.done => REST,
            [a, b, 0, _, ..] => {
                let length = usize::from(u16::from_le_bytes([*a, *b]));
                if length > LONGEST { REST } else { Frame::whole(length.saturating_add(4)) }
            }
            [_, _, _, _, ..] => REST,
            _ => Frame::More,
        }
    }

    fn begins(&self, _carrier: Carrier, _bytes: &[u8]) -> Probe {
        Probe::No
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        if self.done {
            return Ok(());
        }
        let Some(([_, _, _, sequence], packet)) = bytes.split_first_chunk::<4>() else { return Ok(()) };
        match (from_client(chunk, &[3306]), *sequence, packet) {
            (false, 0, [GREETING, ..]) => {
                let Some((version, _)) = version(packet) else { return Ok(()) };
                let maker = if version.contains("MariaDB") { "MariaDB" } else { "MySQL" };
                let software = Text::<96>::of(format_args!("{maker} {version}"));
                let mut acts = Acts::new();
                acts.says_text(Attribute::SoftwareVersion, Some(software.as_str()), 80, "mysql.greeting");
                emit.message("greeting", &mut acts, &Shown(|visit| visit.text("version", version)));
            }
            (true, 1 | 2, _) => self.login(packet, emit)?,
            (false, 2.., [0, ..]) => self.answer(false, None, emit),
            (_, _, [0xff, low, high, ..]) => {
                self.answer(true, Some(u16::from_le_bytes([*low, *high])), emit);
            }
            _ => {}
        }
        Ok(())
    }
}

impl MySql {
    /// Flags, sizes, character set, then the account (protocol::HandshakeResponse41).
    fn login(&mut self, packet: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let mut reader = Reader::new("mysql login", packet);
        let flags = reader.le32()?;
        if packet.len() == 32 && flags & ENCRYPTED != 0 {
            self.done = true;
            emit.plain("ssl-request", &[], &dogwatch_model::NoFields);
            return Ok(());
        }
        let _size_set_and_zeros = reader.take(28)?;
        let account = printable(reader.rest());
        let mut acts = Acts::new();
        acts.request(Verb::Login, account.map_or(Object::Device { unit: None }, Object::Named));
        acts.says_text(Attribute::Account, account, 80, "mysql.login");
        emit.message("login", &mut acts, &Shown(|visit| visit.maybe_text("user", account)));
        Ok(())
    }

    fn answer(&mut self, refused: bool, code: Option<u16>, emit: &mut Emit<'_>) {
        self.done = true;
        let mut acts = Acts::new();
        acts.reply(Verb::Login, Object::Device { unit: None }, refused);
        emit.message(if refused { "error" } else { "ok" }, &mut acts, &Shown(|visit| visit.maybe("error_code", code)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    fn packet(sequence: u8, body: &[u8]) -> Vec<u8> {
        [&[u8::try_from(body.len()).unwrap(), 0, 0, sequence][..], body].concat()
    }

    fn greeting() -> Vec<u8> {
        packet(
            0,
            &[
                b"\x0a8.0.32\0".to_vec(),
                hex("07000000 0102030405060708 00 ffff 21 0200 ffff 15"),
                vec![0; 10],
                vec![9; 13],
            ]
            .concat(),
        )
    }

    #[test]
    fn a_login_refused() {
        let mut conversation = Conversation::new(&MYSQL, Carrier::Tcp, 3306);
        conversation.send(ToClient, &greeting());
        let login = [hex("85a60300 00000001 21"), vec![0; 23], b"mate\0\x04aaaa".to_vec()].concat();
        conversation.send(ToServer, &packet(1, &login));
        conversation.send(ToClient, &packet(2, &hex("ff 1504 23 3238303030")));
        conversation.send(ToServer, &[0x55; 300]);
        let seen = &conversation.heard.seen;
        assert_eq!(seen[0].acts, ["says software_version=MySQL 8.0.32 (mysql.greeting)"]);
        assert_eq!(seen[1].acts, ["request login mate", "says account=mate (mysql.login)"]);
        assert_eq!(
            (&seen[2].acts[..], seen[2].field("error_code")),
            (&["refusal login device".to_owned()][..], "1045".into())
        );
        assert_eq!(seen.len(), 3);
    }

    #[test]
    fn what_the_first_bytes_tell() {
        let right = greeting();
        assert_eq!(MYSQL.probe(Carrier::Tcp, ToClient, &right), Probe::Yes);
        assert_eq!(MYSQL.probe(Carrier::Tcp, ToClient, &right[..9]), Probe::NeedMore);
        for bytes in [hex("4a 00 00 00 0a 41"), hex("4a 00 00 01"), vec![0; 80]] {
            assert_eq!(MYSQL.probe(Carrier::Tcp, ToClient, &bytes), Probe::No, "{bytes:02x?}");
        }
    }
}
