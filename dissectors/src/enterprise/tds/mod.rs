//! TDS: Microsoft SQL Server (and Sybase): who logs in from which host, and whether it was let in.
//!
//! Deliberately not read: statements and their results; the password, which is only turned about and not encrypted, is noticed and never kept.
//!
//! Specification: MS-TDS 2.2.3.1 (header), 2.2.6.4 (LOGIN7), 2.2.6.5 (PRELOGIN), 2.2.7 (tokens); TDS 5.0 functional specification for the older login.

use dogwatch_model::{Attribute, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// TDS.
pub(crate) static TDS: FramedProtocol = FramedProtocol {
    name: "tds",
    hints: &[Hint::Tcp(1433)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| probe(head),
    frames: |_| Box::new(Tds { wants_in: false }),
};

/// Bytes of a packet that are looked at.
const LOOKED_AT: usize = 2_048;
const BATCH: u8 = 1;
const OLD_LOGIN: u8 = 2;
const CALL: u8 = 3;
const RESPONSE: u8 = 4;
const TRANSACTION: u8 = 14;
const LOGIN7: u8 = 16;
const PRELOGIN: u8 = 18;

/// A header, and behind it what each kind of question begins with.
fn probe(head: &[u8]) -> Probe {
    let could = |at: usize, byte: u8| match at {
        0 => matches!(byte, BATCH | OLD_LOGIN | CALL | TRANSACTION | LOGIN7 | PRELOGIN),
        1 => byte & 0xe0 == 0,
        6 => byte <= 1,
        7 => byte == 0,
        _ => true,
    };
    if !head.iter().take(8).enumerate().all(|(at, byte)| could(at, *byte)) {
        return Probe::No;
    }
    let Some(([kind, status, h, l, _, _, _, _], body)) = head.split_first_chunk::<8>() else { return Probe::NeedMore };
    let length = usize::from(u16::from_be_bytes([*h, *l]));
    let body = body.get(..length.saturating_sub(8).min(body.len())).unwrap_or_default();
    if !(20..=0x8000).contains(&length) {
        return Probe::No;
    }
    if body.len() < 24 && body.len() < length.saturating_sub(8) {
        return Probe::NeedMore;
    }
    let fits = match *kind {
        // Options, the version first, which is six bytes long.
        PRELOGIN => status & 1 == 1 && matches!(body, [0, 0, 6..=60, 0, 6, 1, 0, ..]),
        // The length of the login in the other byte order, then the version.
        LOGIN7 => match body {
            [a, b, 0, 0, 0..=4, 0, 0..=0x0c, 0x70..=0x74, ..] => {
                usize::from(u16::from_le_bytes([*a, *b])).saturating_add(8) == length || status & 1 == 0
            }
            _ => false,
        },
        // Headers of all: 22 bytes, one of them of 18, the transaction.
        BATCH | CALL | TRANSACTION if matches!(body, [22, 0, 0, 0, 18, 0, 0, 0, 2, 0, ..]) => true,
        // Before version 7.2 there are none: the text of a statement, or the name of a procedure behind its length.
        TRANSACTION => false,
        BATCH => body.len() >= 12 && is_wide(body),
        CALL => match body {
            [letters @ 4..=64, 0, rest @ ..] => {
                rest.get(..usize::from(*letters).saturating_mul(2)).is_some_and(is_wide)
            }
            _ => false,
        },
        // Host name in 30 bytes with its length behind; then the account alike.
        _ => {
            let name = |at: usize| {
                let field = body.get(at..at.checked_add(31)?)?;
                let (text, size) = (field.get(..30)?, usize::from(*field.get(30)?));
                let used = text.get(..size)?.iter().all(|byte| byte.is_ascii_graphic());
                (size <= 30 && used && text.get(size..)?.iter().all(|byte| *byte == 0)).then_some(size)
            };
            length == 512 && name(0).is_some() && name(31).is_some_and(|size| size > 0)
        }
    };
    if fits { Probe::Yes } else { Probe::No }
}

/// Whether `bytes` are printable letters of two bytes.
fn is_wide(bytes: &[u8]) -> bool {
    let (pairs, rest) = bytes.as_chunks::<2>();
    rest.is_empty()
        && pairs.iter().all(|[letter, zero]| *zero == 0 && matches!(letter, b'\t' | b'\r' | b'\n' | 0x20..=0x7e))
}

/// TDS on one connection.
struct Tds {
    wants_in: bool,
}

impl Frames for Tds {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        match bytes {
            [1..=18, status, h, l, _, _, _, 0, ..] if status & 0xe0 == 0 => {
                let len = usize::from(u16::from_be_bytes([*h, *l])).max(8);
                Frame::Whole { len, need: len.min(LOOKED_AT) }
            }
            // After the greeting both may speak TLS by themselves.
            [20..=23, 3, 0..=4, h, l, _, _, _, ..] => {
                Frame::Whole { len: usize::from(u16::from_be_bytes([*h, *l])).saturating_add(5), need: 1 }
            }
            _ if bytes.len() < 8 => Frame::More,
            _ => Frame::Lost(ParseError::Malformed { what: "tds header", at: 0, why: "type or window" }),
        }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        match bytes {
            [RESPONSE, 0 | 1, _, _, _, _, 0..=1, 0, ..] => Probe::Yes,
            _ => probe(bytes),
        }
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let Some((head, body)) = bytes.split_first_chunk::<8>() else { return Ok(()) };
        let mut acts = Acts::new();
        let device = Object::Device { unit: None };
        match head.first() {
            Some(&PRELOGIN) => emit.plain("prelogin", &[], &dogwatch_model::NoFields),
            Some(&LOGIN7) => {
                self.wants_in = true;
                login(body, emit);
            }
            Some(&OLD_LOGIN) => {
                self.wants_in = true;
                old_login(body, emit);
            }
            Some(kind @ &(BATCH | CALL)) => {
                acts.request(if *kind == BATCH { Verb::Read } else { Verb::Control }, device);
                emit.message(if *kind == BATCH { "batch" } else { "call" }, &mut acts, &dogwatch_model::NoFields);
            }
            Some(&RESPONSE) if std::mem::take(&mut self.wants_in) => answer(body, emit),
            _ => {}
        }
        Ok(())
    }
}

/// UTF-16 text at an offset from the start of the login, both told at `at`.
fn wide(body: &[u8], at: usize) -> Option<Text<96>> {
    let mut place = Reader::new("tds login", body.get(at..)?);
    let (offset, letters) = (usize::from(place.le16().ok()?), usize::from(place.le16().ok()?));
    let bytes = body.get(offset..offset.checked_add(letters.checked_mul(2)?)?)?;
    let mut text = Text::new();
    for letter in char::decode_utf16(bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit))) {
        let letter = letter.ok().filter(|letter| !letter.is_control())?;
        let _ = std::fmt::Write::write_char(&mut text, letter);
    }
    (!text.is_empty()).then_some(text)
}

/// Offsets and lengths: host (36), account (40), password (44), application (48), server (52), database (68).
fn login(body: &[u8], emit: &mut Emit<'_>) {
    let [host, account, application, server, database] = [36, 40, 48, 52, 68].map(|at| wide(body, at));
    let has_password = matches!(body.get(46..48), Some(length) if length != [0, 0]);
    told(
        [host.as_ref(), account.as_ref(), application.as_ref(), server.as_ref(), database.as_ref()]
            .map(|text| text.map(Text::as_str)),
        has_password,
        emit,
    );
}

/// Fields of 30 bytes, each with its length behind: host, account, password, …; application at 140, server at 171.
fn old_login(body: &[u8], emit: &mut Emit<'_>) {
    let field = |at: usize| {
        let field = body.get(at..at.checked_add(31)?)?;
        printable(field.get(..usize::from(*field.get(30)?).min(30))?)
    };
    let has_password = body.get(92).is_some_and(|length| *length > 0);
    told([field(0), field(31), field(140), field(171), None], has_password, emit);
}

fn told([host, account, application, server, database]: [Option<&str>; 5], has_password: bool, emit: &mut Emit<'_>) {
    let mut acts = Acts::new();
    acts.request(Verb::Login, database.or(server).map_or(Object::Device { unit: None }, Object::Named));
    if has_password {
        acts.odd("clear-text-credentials");
    }
    acts.says_text(Attribute::Name, host, 75, "tds.login");
    acts.says_text(Attribute::Account, account, 80, "tds.login");
    acts.says_text(Attribute::ClientHint, application, 70, "tds.login");
    let fields = Shown(|visit| {
        visit.maybe_text("client_name", host);
        visit.maybe_text("username", account);
        visit.maybe_text("app_name", application);
        visit.maybe_text("server_name", server);
        visit.maybe_text("database_name", database);
    });
    emit.message("login", &mut acts, &fields);
}

/// Tokens of the answer to a login, up to the one that tells.
fn answer(body: &[u8], emit: &mut Emit<'_>) {
    let mut reader = Reader::new("tds tokens", body);
    let mut acts = Acts::new();
    let mut software = None;
    let mut verdict = None;
    while let Ok(token) = reader.u8() {
        // Changes, information, errors, acknowledgment, capabilities of TDS 5: all with a length of two bytes.
        if !matches!(token, 0xe3 | 0xab | 0xaa | 0xad | 0xe5 | 0xe2 | 0xed) {
            break;
        }
        let Ok(content) = reader.le16().and_then(|length| reader.take(length.into())) else { break };
        match token {
            0xaa => verdict = Some(true),
            0xad => {
                verdict = Some(content.first() == Some(&6));
                // Interface, version of the protocol, then the program's name with its length in letters and its version.
                let letters = content.get(5).map_or(0, |letters| usize::from(*letters));
                let name = content.get(6..letters.saturating_mul(2).saturating_add(6));
                let mut text = Text::<96>::new();
                for unit in name.unwrap_or_default().as_chunks::<2>().0 {
                    if let [letter @ 0x20..=0x7e, 0] = unit {
                        let _ = std::fmt::Write::write_char(&mut text, char::from(*letter));
                    }
                }
                software = Some(text).filter(|text| !text.is_empty());
            }
            _ => {}
        }
    }
    let Some(refused) = verdict else { return };
    acts.reply(Verb::Login, Object::Device { unit: None }, refused);
    acts.says_text(Attribute::SoftwareVersion, software.as_ref().map(Text::as_str), 80, "tds.loginack");
    emit.message(
        "login-answer",
        &mut acts,
        &Shown(|visit| visit.maybe_text("program", software.as_ref().map(Text::as_str))),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len() + 8).unwrap().to_be_bytes();
        [&[kind, 1, length[0], length[1], 0, 0, 1, 0][..], body].concat()
    }

    #[test]
    fn a_login_refused() {
        let mut texts = Vec::new();
        let mut places = vec![0_u8; 94 - 36];
        for (at, text) in [(0, "ws1"), (4, "sa"), (8, "??"), (12, "App"), (16, "srv"), (32, "stores")] {
            places[at..at + 2].copy_from_slice(&u16::try_from(94 + texts.len()).unwrap().to_le_bytes());
            places[at + 2..at + 4].copy_from_slice(&u16::try_from(text.len()).unwrap().to_le_bytes());
            texts.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        }
        let mut body = u32::try_from(94 + texts.len()).unwrap().to_le_bytes().to_vec();
        body.extend(hex("04000074"));
        body.resize(36, 0);
        body.extend(places);
        body.extend(texts);
        let login = packet(LOGIN7, &body);
        assert_eq!(TDS.probe(Carrier::Tcp, ToServer, &login), Probe::Yes);
        let mut conversation = Conversation::new(&TDS, Carrier::Tcp, 1433);
        conversation.send(ToServer, &login);
        conversation.send(ToClient, &packet(RESPONSE, &hex("e3 0002 0102 aa 0200 0000 fd 0000000000000000")));
        let seen = &conversation.heard.seen;
        assert_eq!(
            seen[0].acts,
            [
                "request login stores",
                "odd clear-text-credentials",
                "says name=ws1 (tds.login)",
                "says account=sa (tds.login)",
                "says client_hint=App (tds.login)"
            ]
        );
        assert!(!seen[0].fields.to_string().contains("??"));
        assert!(conversation.heard.errors.is_empty());
    }

    #[test]
    fn let_in() {
        let mut conversation = Conversation::new(&TDS, Carrier::Tcp, 1433);
        let mut old = vec![0; 504];
        old[..3].copy_from_slice(b"ws1");
        old[30] = 3;
        old[31..33].copy_from_slice(b"sa");
        old[61] = 2;
        conversation.send(ToServer, &packet(OLD_LOGIN, &old));
        conversation.send(ToClient, &packet(RESPONSE, &hex("ad 0e00 01 74000004 02 53005100 10000000 00")));
        let seen = &conversation.heard.seen;
        assert_eq!(seen[0].acts, ["request login device", "says name=ws1 (tds.login)", "says account=sa (tds.login)"]);
        assert_eq!(seen[1].acts, ["reply login device", "says software_version=SQ (tds.loginack)"]);
    }

    #[test]
    fn what_the_first_bytes_tell() {
        for (bytes, want) in [
            (packet(PRELOGIN, &hex("00 0010 0006 01 0016 0001 ff 000000000000 00 00000000")), Probe::Yes),
            (packet(BATCH, &hex("16000000 12000000 0200 0000000000000000 01000000 7300")), Probe::Yes),
            (packet(BATCH, &[7; 40]), Probe::No),
            (packet(BATCH, &hex("43004f004d004d0049005400 2000540052004100")), Probe::Yes),
            (packet(CALL, &hex("0400 610062006300 6400 0200 00000000 00000000")), Probe::Yes),
            (packet(CALL, &hex("0400 610062006301 6400 0200 00000000 00000000")), Probe::No),
            (packet(OLD_LOGIN, &[0; 504]), Probe::No),
            (hex("12 01 00"), Probe::NeedMore),
            (hex("12 01 0100 0000 02 00"), Probe::No),
        ] {
            assert_eq!(TDS.probe(Carrier::Tcp, ToServer, &bytes), want, "{bytes:02x?}");
        }
    }
}
