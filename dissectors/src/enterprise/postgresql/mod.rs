//! PostgreSQL: who logs in, how, and whether it was let in; the server's version.
//!
//! Deliberately not read: statements and their results. Source: PostgreSQL documentation, chapter 55 (frontend/backend protocol).

use dogwatch_model::{Attribute, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::lines::REST;
use crate::reader::Reader;
use crate::sides::from_client;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// PostgreSQL.
pub(crate) static POSTGRESQL: FramedProtocol = FramedProtocol {
    name: "postgresql",
    hints: &[Hint::Tcp(5432)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| begins(head),
    frames: |_| Box::new(PostgreSql::default()),
};

const VERSION_3: u32 = 0x0003_0000;
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const CANCEL: u32 = 80_877_102;
/// Longest message of the connection phase.
const LONGEST: usize = 8_192;

/// A start with the version and the account as its first parameter, or a question for encryption.
fn begins(bytes: &[u8]) -> Probe {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else {
        return if bytes.iter().take(2).all(|byte| *byte == 0) { Probe::NeedMore } else { Probe::No };
    };
    let length = u32::from_be_bytes(*length);
    let Some((code, rest)) = rest.split_first_chunk::<4>() else {
        return if (8..=2_048).contains(&length) { Probe::NeedMore } else { Probe::No };
    };
    let known =
        ["user", "database", "application_name", "client_encoding", "DateStyle", "TimeZone", "options", "replication"];
    match (length, u32::from_be_bytes(*code)) {
        (8, SSL_REQUEST | GSS_REQUEST) | (16, CANCEL) => Probe::Yes,
        (16..=2_048, VERSION_3..=0x0003_0002) => match rest.iter().position(|byte| *byte == 0) {
            Some(end) => {
                let key = rest.get(..end).and_then(printable);
                if key.is_some_and(|key| known.contains(&key)) { Probe::Yes } else { Probe::No }
            }
            None if rest.len() < 32 => Probe::NeedMore,
            None => Probe::No,
        },
        _ => Probe::No,
    }
}

/// The connection phase.
#[derive(Default)]
struct PostgreSql {
    /// A question for encryption waits for its one letter.
    asked: bool,
    done: bool,
    /// The server wants the password as it is.
    clear: bool,
}

impl Frames for PostgreSql {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        if self.done {
            return REST;
        }
        match bytes {
            // The answer to the question for encryption is one letter.
            [b'S' | b'N' | b'G', ..] if self.asked => Frame::whole(1),
            // Messages without a type come from the client before it is known.
            [0, ..] => match bytes.first_chunk::<4>() {
                Some(length) => sized(u32::from_be_bytes(*length), 0),
                None => Frame::More,
            },
            [kind, rest @ ..] if kind.is_ascii_alphabetic() => match rest.first_chunk::<4>() {
                Some(length) => sized(u32::from_be_bytes(*length), 1),
                None => Frame::More,
            },
            [] => Frame::More,
            _ => Frame::Lost(ParseError::Malformed { what: "postgresql", at: 0, why: "message type" }),
        }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        begins(bytes)
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        if self.done {
            return Ok(());
        }
        if self.asked && matches!(bytes, [b'S' | b'N' | b'G']) {
            self.asked = false;
            // Anything but "no" starts encryption.
            self.done = bytes != b"N";
            return Ok(());
        }
        match (from_client(chunk, &[5432]), bytes) {
            (_, [0, ..]) => self.start(bytes, emit),
            (true, [b'p', ..]) => {
                if std::mem::take(&mut self.clear) {
                    let mut acts = Acts::new();
                    acts.odd("clear-text-credentials");
                    emit.message("password", &mut acts, &dogwatch_model::NoFields);
                }
                Ok(())
            }
            (false, [kind, _, _, _, _, body @ ..]) => self.server(*kind, body, emit),
            // Statements: the connection phase is over.
            (true, _) => {
                self.done = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// A message whose length counts itself, behind `front` bytes.
fn sized(length: u32, front: usize) -> Frame {
    match usize::try_from(length) {
        Ok(length @ 4..=LONGEST) => Frame::whole(length.saturating_add(front)),
        // Results are longer than anything of the connection phase.
        Ok(length) if length > LONGEST => REST,
        _ => Frame::Lost(ParseError::Malformed { what: "postgresql", at: 0, why: "length" }),
    }
}

/// Texts that end with a zero, in pairs.
fn parameters(bytes: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    let mut texts = bytes.split(|byte| *byte == 0);
    std::iter::from_fn(move || {
        let key = printable(texts.next()?)?;
        Some((key, texts.next().and_then(printable).unwrap_or_default()))
    })
}

impl PostgreSql {
    fn start(&mut self, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let mut reader = Reader::new("postgresql start", bytes);
        let _length = reader.be32()?;
        let code = reader.be32()?;
        let mut acts = Acts::new();
        match code {
            SSL_REQUEST | GSS_REQUEST => {
                self.asked = true;
                emit.plain("encryption-request", &[], &dogwatch_model::NoFields);
            }
            CANCEL => {
                acts.request(Verb::Control, Object::Device { unit: None });
                emit.message("cancel-request", &mut acts, &dogwatch_model::NoFields);
            }
            _ => {
                let of =
                    |wanted: &str| parameters(reader.rest()).find(|(key, _)| *key == wanted).map(|(_, value)| value);
                let (user, database, application) = (of("user"), of("database"), of("application_name"));
                acts.request(Verb::Login, database.or(user).map_or(Object::Device { unit: None }, Object::Named));
                acts.says_text(Attribute::Account, user, 80, "postgresql.startup");
                acts.says_text(Attribute::ClientHint, application, 70, "postgresql.startup");
                let fields = Shown(|visit| {
                    visit.maybe_text("user", user);
                    visit.maybe_text("database", database);
                    visit.maybe_text("application_name", application);
                });
                emit.message("startup", &mut acts, &fields);
            }
        }
        Ok(())
    }

    fn server(&mut self, kind: u8, body: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let device = Object::Device { unit: None };
        let mut acts = Acts::new();
        match kind {
            b'R' => {
                let code = Reader::new("postgresql authentication", body).be32()?;
                self.clear = code == 3;
                if code == 0 {
                    acts.reply(Verb::Login, device, false);
                }
                emit.message("authentication", &mut acts, &Shown(|visit| visit.number("method", code)));
            }
            b'S' => {
                let mut pairs = parameters(body);
                if let Some((key, value)) = pairs.next()
                    && key == "server_version"
                {
                    let software = Text::<64>::of(format_args!("PostgreSQL {value}"));
                    acts.says_text(
                        Attribute::SoftwareVersion,
                        Some(software.as_str()),
                        90,
                        "postgresql.server-version",
                    );
                    emit.message("parameter-status", &mut acts, &Shown(|visit| visit.text("server_version", value)));
                }
            }
            b'E' => {
                // Fields of one letter and a text; C is the code, class 28 is about who may come in.
                let code = body.split(|byte| *byte == 0).find_map(|field| field.strip_prefix(b"C")).and_then(printable);
                if code.is_some_and(|code| code.starts_with("28") || code.starts_with("3D")) {
                    acts.reply(Verb::Login, device, true);
                }
                emit.message("error", &mut acts, &Shown(|visit| visit.maybe_text("code", code)));
            }
            b'Z' => self.done = true,
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    fn start() -> Vec<u8> {
        let body = b"user\0mate\0database\0stores\0\0";
        [&u32::try_from(body.len() + 8).unwrap().to_be_bytes()[..], &hex("00030000"), body].concat()
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind][..], &u32::try_from(body.len() + 4).unwrap().to_be_bytes(), body].concat()
    }

    #[test]
    fn a_password_in_clear_refused() {
        let mut conversation = Conversation::new(&POSTGRESQL, Carrier::Tcp, 5432);
        conversation.send(ToServer, &hex("00000008 04d2162f"));
        conversation.send(ToClient, b"N");
        conversation.send(ToServer, &start());
        conversation.send(ToClient, &message(b'R', &[0, 0, 0, 3]));
        conversation.send(ToServer, &message(b'p', b"secret\0"));
        conversation.send(ToClient, &message(b'E', b"SFATAL\0C28P01\0Mno\0\0"));
        let seen = &conversation.heard.seen;
        assert_eq!(seen[1].acts, ["request login stores", "says account=mate (postgresql.startup)"]);
        assert_eq!(seen[3].acts, ["odd clear-text-credentials"]);
        assert_eq!(seen[4].acts, ["refusal login device"]);
        assert!(!format!("{seen:?}").contains("secret") && conversation.heard.errors.is_empty());
    }

    #[test]
    fn let_in_and_encrypted() {
        let mut conversation = Conversation::new(&POSTGRESQL, Carrier::Tcp, 5432);
        conversation.send(ToServer, &start());
        let answers =
            [message(b'R', &[0; 4]), message(b'S', b"server_version\x0016.2\0"), message(b'Z', b"I")].concat();
        conversation.send(ToClient, &answers);
        conversation.send(ToClient, &[0xff; 100]);
        let seen = &conversation.heard.seen;
        assert_eq!(seen[1].acts, ["reply login device"]);
        assert_eq!(seen[2].acts, ["says software_version=PostgreSQL 16.2 (postgresql.server-version)"]);
        assert_eq!(seen.len(), 3);
        let mut conversation = Conversation::new(&POSTGRESQL, Carrier::Tcp, 5432);
        conversation.send(ToServer, &hex("00000008 04d2162f"));
        conversation.send(ToClient, b"S\x16\x03\x03");
        conversation.send(ToServer, &[0x16; 200]);
        assert_eq!((conversation.heard.seen.len(), conversation.heard.errors.len()), (1, 0));
    }

    #[test]
    fn what_the_first_bytes_tell() {
        for (bytes, want) in [
            (start(), Probe::Yes),
            (hex("00000008 04d2162f"), Probe::Yes),
            (hex("00000008 04d2"), Probe::NeedMore),
            (hex("00000020 00030000 7573657200"), Probe::Yes),
            (hex("00000020 00030000 6162636400"), Probe::No),
            (hex("00000020 00040000 7573657200"), Probe::No),
        ] {
            assert_eq!(POSTGRESQL.probe(Carrier::Tcp, ToServer, &bytes), want, "{bytes:02x?}");
        }
    }
}
