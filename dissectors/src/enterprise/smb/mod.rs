//! SMB 1 and 2/3 over TCP: who logs in, which shares, pipes and files are opened, and what Windows tells of itself on the way.
//!
//! The object of a request is what it names: a share, a pipe, a file. Opening a file to change it is a write. Of data written to the start of a file, or read, the
//! first bytes are looked at: whether it is a program. Deliberately not read: compressed and encrypted messages, remote procedure calls inside, NetBIOS datagrams (the browser service has a folder of its own).
//!
//! Specifications: MS-CIFS 2.2.3, MS-SMB2 2.2.1, MS-NLMP 2.2.1 (NTLM), RFC 1002 clause 4.3 (session service).

mod ntlm;
mod smb1;
mod smb2;

use dogwatch_model::{Attribute, Object, Verb};

use self::ntlm::Ntlm;
use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// SMB.
pub(crate) static SMB: FramedProtocol = FramedProtocol {
    name: "smb",
    hints: &[Hint::Tcp(445), Hint::Tcp(139)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| begins(head),
    frames: |_| Box::new(Smb { user: None }),
};

/// Bytes of a message that are looked at; data written and read is longer.
const LOOKED_AT: usize = 4_096;
/// Chained requests of one message that are read.
const MOST_CHAINED: usize = 16;
const SMB1: [u8; 4] = [0xff, b'S', b'M', b'B'];
const SMB2: [u8; 4] = [0xfe, b'S', b'M', b'B'];

fn begins(bytes: &[u8]) -> Probe {
    match bytes {
        [0, _, _, _, a, b, c, d, ..] => {
            if [SMB1, SMB2].contains(&[*a, *b, *c, *d]) {
                Probe::Yes
            } else {
                Probe::No
            }
        }
        // A session request of NetBIOS names comes first on port 139, and its answer, which a message follows.
        [0x81, 0, 0, 68, 32, ..] => Probe::Yes,
        [0x82, 0, 0, 0, message @ ..] if message.first() == Some(&0) => begins(message),
        [0 | 0x81 | 0x82, ..] | [] if bytes.len() < 8 => Probe::NeedMore,
        _ => Probe::No,
    }
}

/// SMB messages in a stream.
struct Smb {
    /// Who logged in last: the answer does not say it again.
    user: Option<Text<256>>,
}

impl Frames for Smb {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        match bytes.first_chunk() {
            None => Frame::More,
            Some([0 | 0x81..=0x85, a, b, c]) => {
                let length = u32::from_be_bytes([0, *a, *b, *c]);
                let len = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(4);
                Frame::Whole { len, need: len.min(LOOKED_AT) }
            }
            Some(_) => Frame::Lost(ParseError::Malformed { what: "smb session", at: 0, why: "message type" }),
        }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        match bytes {
            [0, 0 | 1, ..] if bytes.len() >= 8 => begins(bytes),
            _ if bytes.len() < 8 => Probe::NeedMore,
            _ => Probe::No,
        }
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let Some((session, message)) = bytes.split_first_chunk::<4>() else { return Ok(()) };
        match (session.first(), message.first_chunk()) {
            (Some(0), Some(&SMB1)) => smb1::read(message, |told| self.tell(message, told, emit)),
            (Some(0), Some(&SMB2)) => self.chained(message, emit),
            _ => Ok(()),
        }
    }

    fn lost(&mut self, _direction: dogwatch_model::Direction) {
        self.user = None;
    }
}

/// What one command of a message holds, of either version.
#[derive(Clone)]
struct Told {
    /// Name of the field that shows the command.
    command_field: &'static str,
    command: u16,
    verb: Option<Verb>,
    status: u32,
    is_reply: bool,
    /// What is asked for: share, pipe or file.
    named: Option<Text<256>>,
    /// An account in clear, without NTLM.
    account: Option<Text<256>>,
    domain: Option<Text<256>>,
    /// What both sides of version 1 state: system and SMB software.
    natives: [Option<Text<256>>; 2],
    /// The dialect a server has chosen.
    dialect: Option<u16>,
    odd: Option<&'static str>,
    /// Bytes of a file that this message carries.
    carries: Option<u32>,
}

impl Told {
    const fn new(command_field: &'static str, command: u16, status: u32, is_reply: bool) -> Self {
        Self {
            command_field,
            command,
            verb: None,
            status,
            is_reply,
            named: None,
            account: None,
            domain: None,
            natives: [None, None],
            dialect: None,
            odd: None,
            carries: None,
        }
    }

    /// Whether an answer says no. "More processing required" is the half-way answer of a login, not a refusal.
    const fn is_refusal(&self) -> bool {
        self.status >> 30 == 3 && self.status != 0xc000_0016
    }
}

impl Smb {
    /// Requests may be chained: each header says where the next begins, 0 for none.
    fn chained(&mut self, message: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let mut rest = message;
        for _ in 0..MOST_CHAINED {
            let next = rest.get(20..24).and_then(|next| next.try_into().ok()).map_or(0, u32::from_le_bytes);
            let next = usize::try_from(next).ok().filter(|next| *next >= 64);
            let (first, others) = next.and_then(|next| rest.split_at_checked(next)).unwrap_or((rest, &[]));
            let read = smb2::read(first)?;
            self.tell(first, &read, emit);
            if !others.starts_with(&SMB2) {
                break;
            }
            rest = others;
        }
        Ok(())
    }

    fn tell(&mut self, message: &[u8], told: &Told, emit: &mut Emit<'_>) {
        let ntlm = if told.verb == Some(Verb::Login) { ntlm::find(message) } else { Ntlm::default() };
        let user = ntlm.user.as_ref().or(told.account.as_ref()).copied();
        if user.is_some() {
            self.user = user;
        }
        let mut acts = Acts::new();
        let known = if told.verb == Some(Verb::Login) { self.user.as_ref() } else { None };
        let object =
            told.named.as_ref().or(known).map_or(Object::Device { unit: None }, |name| Object::Named(name.as_str()));
        match (told.verb, told.is_reply) {
            (Some(verb), true) => acts.reply(verb, object, told.is_refusal()),
            (Some(verb), false) => acts.request(verb, object),
            (None, _) => {}
        }
        if let Some(name) = told.odd {
            acts.odd(name);
        }
        acts.says_text(Attribute::Account, user.as_ref().map(Text::as_str), 75, "ntlm.user");
        acts.says_text(Attribute::Name, ntlm.host.as_ref().map(Text::as_str), 85, ntlm.host_method);
        let domain = ntlm.domain.as_ref().or(told.domain.as_ref());
        acts.says_text(Attribute::Domain, domain.map(Text::as_str), 70, "ntlm.domain");
        acts.says_text(Attribute::OsVersion, ntlm.version.as_ref().map(Text::as_str), 75, "ntlm.version");
        let [system, software] = &told.natives;
        acts.says_text(Attribute::OsName, system.as_ref().map(Text::as_str), 75, "smb.native");
        acts.says_text(Attribute::SoftwareVersion, software.as_ref().map(Text::as_str), 75, "smb.native");
        let fields = Shown(|visit| {
            visit.number(told.command_field, told.command);
            visit.number("status", told.status);
            visit.maybe_text("name", told.named.as_ref().map(Text::as_str));
            visit.maybe_text("user", user.as_ref().map(Text::as_str));
            visit.maybe_text("domain", domain.map(Text::as_str));
            visit.maybe_text("host", ntlm.host.as_ref().map(Text::as_str));
            visit.maybe("dialect", told.dialect);
            visit.maybe("content_length", told.carries);
        });
        emit.message(if told.is_reply { "reply" } else { "request" }, &mut acts, &fields);
    }
}

/// Little-endian UTF-16 up to the end or a zero; `None` when it is no text.
fn utf16(bytes: &[u8]) -> Option<Text<256>> {
    use std::fmt::Write;
    let mut text = Text::new();
    let units = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit)).take_while(|unit| *unit != 0);
    for unit in char::decode_utf16(units) {
        let letter = unit.ok().filter(|letter| !letter.is_control())?;
        let _ = text.write_char(letter);
    }
    (!text.is_empty()).then_some(text)
}

/// Text of single bytes up to the end or a zero; what is no UTF-8 is no text.
fn narrow(bytes: &[u8]) -> Option<Text<256>> {
    printable(bytes).map(|text| Text::of(format_args!("{text}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::Conversation;
    use dogwatch_model::Direction::{ToClient, ToServer};

    pub(super) fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn session(message: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(message.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend_from_slice(message);
        bytes
    }

    fn smb2_message(command: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = SMB2.to_vec();
        bytes.extend([64, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(command.to_le_bytes());
        bytes.resize(64, 0);
        bytes.extend_from_slice(body);
        session(&bytes)
    }

    #[test]
    fn shares_and_logins() {
        let path = wide("\\\\srv\\charts");
        let mut body = vec![9, 0, 0, 0, 72, 0, u8::try_from(path.len()).unwrap(), 0];
        body.extend(&path);
        let mut conversation = Conversation::new(&SMB, Carrier::Tcp, 445);
        conversation.send(ToServer, &smb2_message(3, &body));
        conversation.send(ToServer, &smb2_message(1, &ntlm::tests::authenticate("pilot", "ECDIS-1")));
        assert_eq!(conversation.heard.seen[0].acts, ["request transfer \\\\srv\\charts"]);
        assert_eq!(
            conversation.heard.seen[1].acts,
            [
                "request login pilot",
                "says account=pilot (ntlm.user)",
                "says name=ECDIS-1 (ntlm.host)",
                "says os_version=6.1.7601 (ntlm.version)",
            ]
        );
    }

    #[test]
    fn files_and_refused_logins() {
        let name = wide("tool.exe");
        let mut body = vec![0; 56];
        (body[24], body[36], body[44], body[46]) = (1, 1, 120, u8::try_from(name.len()).unwrap());
        body.extend(&name);
        let mut conversation = Conversation::new(&SMB, Carrier::Tcp, 445);
        conversation.send(ToServer, &smb2_message(5, &body));
        body[36] = 2;
        conversation.send(ToServer, &smb2_message(5, &body));
        conversation.send(ToServer, &smb2_message(1, &ntlm::tests::authenticate("pilot", "ECDIS-1")));
        let mut refusal = smb2_message(1, &[9, 0, 0, 0, 0, 0, 0, 0]);
        refusal[4 + 8..4 + 12].copy_from_slice(&0xc000_006d_u32.to_le_bytes());
        refusal[4 + 16] = 1;
        conversation.send(ToClient, &refusal);
        let acts: Vec<&str> = conversation.heard.seen.iter().map(|seen| seen.acts[0].as_str()).collect();
        assert_eq!(
            acts,
            ["request transfer tool.exe", "request write tool.exe", "request login pilot", "refusal login pilot"]
        );
    }

    #[test]
    fn programs_written_and_read() {
        let mut program = b"MZ".to_vec();
        program.resize(64, 0);
        program[60] = 0x80;
        program.resize(6_000, 7);
        // MS-SMB2 2.2.21: size 49, offset of the data from the header, length, offset in the file; 2.2.20: size 17, offset, length.
        let write = |at: u8| {
            let mut body = vec![49, 0, 112, 0];
            body.extend(6_000_u32.to_le_bytes());
            body.push(at);
            body.resize(48, 0);
            body.extend_from_slice(&program);
            smb2_message(9, &body)
        };
        let mut read = vec![17, 0, 80, 0];
        read.extend(6_000_u32.to_le_bytes());
        read.resize(16, 0);
        read.extend_from_slice(&program);
        let mut read = smb2_message(8, &read);
        read[4 + 16] = 1;
        for (direction, bytes, want) in
            [(ToServer, write(0), true), (ToServer, write(1), false), (ToClient, read, true)]
        {
            let mut conversation = Conversation::new(&SMB, Carrier::Tcp, 445);
            conversation.send(direction, &bytes);
            let seen = &conversation.heard.seen[0];
            assert_eq!(seen.acts.contains(&"odd program.windows".to_owned()), want, "{:?}", seen.acts);
            if want {
                assert_eq!(seen.field("content_length"), "6000");
            }
        }
    }

    #[test]
    fn what_the_first_bytes_tell() {
        let bytes = smb2_message(0, &[]);
        assert_eq!(SMB.probe(Carrier::Tcp, ToServer, &bytes), Probe::Yes);
        assert_eq!(SMB.probe(Carrier::Tcp, ToServer, &bytes[..5]), Probe::NeedMore);
        assert_eq!(SMB.probe(Carrier::Tcp, ToServer, &[0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1]), Probe::No);
        // RFC 1002 clause 4.3.3: the answer to a session request has no data; the server's first message follows it.
        let answer = [&[0x82, 0, 0, 0], bytes.as_slice()].concat();
        assert_eq!(SMB.probe(Carrier::Tcp, ToServer, &answer), Probe::Yes);
        assert_eq!(SMB.probe(Carrier::Tcp, ToServer, &answer[..4]), Probe::NeedMore);
        assert_eq!(SMB.probe(Carrier::Tcp, ToServer, &[0x82, 0, 0, 0, 0x82, 0, 0, 0, 0x82, 0, 0, 0]), Probe::No);
    }
}
