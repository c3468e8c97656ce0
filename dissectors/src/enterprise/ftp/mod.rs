//! FTP control connections: who logs in, which files move. Passwords are never shown. Specification: RFC 959 clauses 4 and 5.
//!
//! Recognised by a greeting that says FTP (mail servers greet with the same number) or by lines that no other protocol has, so that a conversation
//! joined late is known too. A password in clear is told as `weak.ftp`, once a connection.

use dogwatch_model::{Attribute, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::sides::from_client;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// FTP.
pub(crate) static FTP: FramedProtocol = FramedProtocol {
    name: "ftp",
    hints: &[Hint::Tcp(21)],
    carriers: &[Carrier::Tcp],
    probe,
    frames: |_| Box::new(Ftp { long_answer: None, user: Text::new(), told_weak: false }),
};

/// Longest line that is read.
const LONGEST: usize = 2_048;

/// Lines at the front of a connection that are looked at.
const MOST_LINES: usize = 8;

/// What a line proves. A conversation may be joined late or seen from one side only, so every line that only FTP has will do.
enum Proof {
    Ftp,
    /// Other protocols (mail, news) say this too.
    Open,
    No,
}

fn probe(_carrier: Carrier, head: &[u8]) -> Probe {
    let text = head.get(..LONGEST.min(head.len())).unwrap_or_default();
    let mut lines = text.split_inclusive(|byte| *byte == b'\n').take(MOST_LINES);
    let mut greeted = false;
    loop {
        let Some(line) = lines.next() else { return Probe::NeedMore };
        let Some(whole) = line.strip_suffix(b"\n") else {
            let may_be = line.len() < LONGEST && is_text(line) && (greeted || may_begin(line));
            return if may_be { Probe::NeedMore } else { Probe::No };
        };
        match proof(whole.strip_suffix(b"\r").unwrap_or(whole)) {
            Proof::Ftp => return Probe::Yes,
            Proof::Open => greeted = true,
            Proof::No => return Probe::No,
        }
    }
}

fn is_text(line: &[u8]) -> bool {
    line.iter().all(|byte| *byte >= b' ' || matches!(byte, b'\t' | b'\r'))
}

/// Whether the start of a line can be that of an answer or a command.
fn may_begin(line: &[u8]) -> bool {
    const STARTS: [&[u8]; 30] = [
        b"220", b"331", b"230", b"227", b"229", b"211", b"200", b"250", b"226", b"150", b"125", b"257", b"215",
        b"USER ", b"PASS ", b"AUTH ", b"OPTS ", b"CLNT ", b"PASV", b"EPSV", b"SYST", b"PWD", b"FEAT", b"PORT ",
        b"EPRT ", b"TYPE ", b"STOR ", b"SIZE ", b"MDTM ", b"RETR ",
    ];
    STARTS.iter().any(|start| start.iter().zip(line).all(|(want, byte)| want == byte))
}

fn proof(line: &[u8]) -> Proof {
    let has = |word: &[u8]| line.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    if !is_text(line) {
        return Proof::No;
    }
    match line {
        [b'2', b'2', b'0', b' ' | b'-', ..] if has(b"smtp") => Proof::No,
        [b'2', b'2', b'0', b' ' | b'-', ..] if has(b"ftp") => Proof::Ftp,
        [b'2', b'2', b'0', b' ' | b'-', ..] => Proof::Open,
        // wants a password; logged in; entering passive mode
        [b'3', b'3', b'1', b' ' | b'-', ..] | [b'2', b'3', b'0', b' ' | b'-', ..] => Proof::Ftp,
        [b'2', b'2', b'7' | b'9', b' ', ..] if has(b"passive") => Proof::Ftp,
        // Answers that name what only FTP has, in the words of RFC 959 clause 5.4 and 4.2.1, RFC 2389 clause 3.2.
        [b'2', b'0', b'0', b' ', ..] if has(b" command") => Proof::Ftp,
        [b'2', b'5', b'0', b' ', ..] if has(b"cwd command") || has(b"directory changed") => Proof::Ftp,
        [b'2', b'2', b'6', b' ', ..] if has(b"transfer") => Proof::Ftp,
        [b'1', b'5', b'0', b' ', ..] | [b'1', b'2', b'5', b' ', ..] if has(b"data connection") => Proof::Ftp,
        [b'2', b'5', b'7', b' ', b'"', ..] => Proof::Ftp,
        [b'2', b'1', b'1', b'-', ..] if has(b"extensions") || has(b"features") => Proof::Ftp,
        _ => match line.split(|byte| *byte == b' ').next().unwrap_or_default() {
            b"USER" | b"PASS" | b"AUTH" | b"OPTS" | b"CLNT" => Proof::Open,
            b"PASV" | b"EPSV" | b"SYST" | b"PWD" | b"FEAT" if line.len() <= 4 => Proof::Ftp,
            b"PORT" | b"EPRT" | b"TYPE" | b"STOR" | b"SIZE" | b"MDTM" | b"CWD" if line.len() > 5 => Proof::Ftp,
            // POP3 fetches a message by its number with this word
            b"RETR" if line.get(5..).is_some_and(|name| name.iter().any(|byte| !byte.is_ascii_digit())) => Proof::Ftp,
            _ => Proof::No,
        },
    }
}

/// What a command does, of those that do something to a file or a session.
fn verb(command: &str) -> Option<Verb> {
    Some(match command {
        "USER" => Verb::Login,
        "RETR" | "STOR" | "APPE" | "STOU" => Verb::Transfer,
        "DELE" | "RNFR" | "RNTO" | "MKD" | "RMD" | "SITE" => Verb::Write,
        "LIST" | "NLST" | "MLSD" | "MLST" => Verb::Discover,
        _ => return None,
    })
}

/// Lines of an FTP control connection.
struct Ftp {
    /// The code of an answer of several lines: what follows belongs to it, until the code stands in front of a blank (RFC 959 clause 4.2).
    long_answer: Option<[u8; 3]>,
    /// Who logs in: the answer does not say it again.
    user: Text<64>,
    /// That passwords go in clear has been told.
    told_weak: bool,
}

impl Frames for Ftp {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        match bytes.iter().take(LONGEST).position(|byte| *byte == b'\n') {
            Some(end) => Frame::whole(end.saturating_add(1)),
            None if bytes.len() >= LONGEST => {
                Frame::Lost(ParseError::Malformed { what: "ftp line", at: 0, why: "too long" })
            }
            None => Frame::More,
        }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        // Three digits or a command of capitals, behind whatever line was cut.
        match bytes {
            [a, b, c, b' ' | b'-', ..] if [a, b, c].iter().all(|byte| byte.is_ascii_digit()) => Probe::Yes,
            [a, b, c, d, b' ' | b'\r', ..] if [a, b, c, d].iter().all(|byte| byte.is_ascii_uppercase()) => Probe::Yes,
            _ if bytes.len() < 5 => Probe::NeedMore,
            _ => Probe::No,
        }
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let Some(line) = printable(bytes) else { return Ok(()) };
        match line.as_bytes() {
            [a, b, c, next @ ..] if [a, b, c].iter().all(|byte| byte.is_ascii_digit()) => {
                self.answer_line([*a, *b, *c], next.first() == Some(&b'-'), line, emit);
            }
            [first, ..] if first.is_ascii_alphabetic() && self.long_answer.is_none() && is_client(chunk, line) => {
                self.command(line, emit);
            }
            // A further line of a long answer.
            _ => {}
        }
        Ok(())
    }

    fn lost(&mut self, _direction: dogwatch_model::Direction) {
        self.long_answer = None;
    }
}

/// Whether a line comes from the client: the port or the handshake tells; joined late on another port, its words do.
fn is_client(chunk: &Chunk<'_>, line: &str) -> bool {
    let is_command = matches!(proof(line.as_bytes()), Proof::Ftp | Proof::Open);
    from_client(chunk, &[21]) || (chunk.flow.initiator == dogwatch_model::Initiator::Unknown && is_command)
}

impl Ftp {
    fn answer_line(&mut self, code: [u8; 3], goes_on: bool, line: &str, emit: &mut Emit<'_>) {
        if let Some(open) = self.long_answer {
            if open == code && !goes_on {
                self.long_answer = None;
            }
            return;
        }
        self.long_answer = goes_on.then_some(code);
        self.answer(line, emit);
    }

    fn answer(&self, line: &str, emit: &mut Emit<'_>) {
        let (code, text) = line.split_at_checked(3).unwrap_or((line, ""));
        let text = text.trim_start_matches([' ', '-']);
        let user = if self.user.is_empty() { Object::Device { unit: None } } else { Object::Named(self.user.as_str()) };
        let mut acts = Acts::new();
        match code {
            "220" => {
                let greeting = Some(text).filter(|text| !text.is_empty());
                acts.says_text(Attribute::SoftwareVersion, greeting, 75, "ftp.greeting");
            }
            "230" => acts.reply(Verb::Login, user, false),
            "530" => acts.reply(Verb::Login, user, true),
            "550" | "553" => acts.reply(Verb::Transfer, Object::Device { unit: None }, true),
            _ => {}
        }
        let fields = Shown(|visit| {
            visit.text("response_code", code);
            visit.maybe_text("response_arg", Some(text).filter(|text| !text.is_empty()));
        });
        emit.message("response", &mut acts, &fields);
    }

    fn command(&mut self, line: &str, emit: &mut Emit<'_>) {
        let (command, argument) = line.split_once(' ').map_or((line, None), |(command, rest)| (command, Some(rest)));
        let is_secret = command.eq_ignore_ascii_case("PASS");
        let argument = argument.map(str::trim).filter(|text| !text.is_empty() && !is_secret);
        let object = argument.map_or(Object::Device { unit: None }, Object::Named);
        let mut acts = Acts::new();
        let known = Text::<8>::of(format_args!("{}", command.to_ascii_uppercase()));
        if let Some(verb) = verb(known.as_str()) {
            acts.request(verb, object);
        }
        if known.as_str() == "USER" {
            self.user = Text::of(format_args!("{}", argument.unwrap_or_default()));
            acts.says_text(Attribute::Account, argument, 75, "ftp.user");
        }
        if is_secret && !self.told_weak {
            self.told_weak = true;
            acts.odd("weak.ftp");
        }
        let fields = Shown(|visit| {
            visit.text("request_command", command);
            visit.maybe_text("request_arg", argument);
        });
        emit.message("command", &mut acts, &fields);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::Conversation;
    use dogwatch_model::Direction::{ToClient, ToServer};

    #[test]
    fn a_session() {
        let mut conversation = Conversation::new(&FTP, Carrier::Tcp, 21);
        conversation.send(ToClient, b"220 VxWorks FTP server ready\r\n");
        conversation.send(ToServer, b"USER pilot\r\nPASS secret\r\nSTOR fw.bin\r\n");
        conversation.send(ToClient, b"530 No\r\n");
        let seen = &conversation.heard.seen;
        assert_eq!(seen[0].acts, ["says software_version=VxWorks FTP server ready (ftp.greeting)"]);
        assert_eq!(seen[1].acts, ["request login pilot", "says account=pilot (ftp.user)"]);
        assert_eq!(seen[2].acts, ["odd weak.ftp"]);
        assert_eq!(seen[2].field("request_arg"), "", "a password is not shown");
        assert_eq!(seen[3].acts, ["request transfer fw.bin"]);
        assert_eq!(seen[4].acts, ["refusal login pilot"]);
    }

    #[test]
    fn an_answer_of_several_lines_is_one() {
        // RFC 959 clause 4.2: the second line that begins with the code and a blank is the last.
        let mut conversation = Conversation::new(&FTP, Carrier::Tcp, 21);
        conversation.send(ToClient, b"220 FTP\r\n211-Features\r\n 234 SIZE\r\n211-more\r\n211 End\r\n221 Bye\r\n");
        let codes: Vec<_> = conversation.heard.seen.iter().map(|seen| seen.field("response_code")).collect();
        assert_eq!(codes, ["220", "211", "221"]);
    }

    #[test]
    fn greetings() {
        for (text, want) in [
            ("220 ProFTPD ready\r\n", Probe::Yes),
            ("220 mail.example.org ESMTP\r\n", Probe::No),
            ("220 hello\r\n", Probe::NeedMore),
            ("220 hello\r\n331 Password?\r\n", Probe::Yes),
            ("220 hello\r\n250-PIPELINING\r\n", Probe::No),
            ("227 Entering Passive Mode (10,0,0,5,4,1).\r\n", Probe::Yes),
            ("USER pilot\r\n", Probe::NeedMore),
            ("USER pilot\r\nPASS x\r\nSYST\r\n", Probe::Yes),
            ("USER pilot\r\nPASS x\r\nSTAT\r\n", Probe::No),
            ("RETR 1\r\n", Probe::No),
            ("RETR chart.000\r\n", Probe::Yes),
            ("200 NOOP command successful.\r\n", Probe::Yes),
            ("200 news.example.org posting allowed\r\n", Probe::No),
            ("211-Extensions supported:\r\n", Probe::Yes),
            ("211 3 1 3 ship.news\r\n", Probe::No),
            ("250 CWD command successful.\r\n", Probe::Yes),
            ("250 Ok: queued\r\n", Probe::No),
            ("226 Transfer complete.\r\n", Probe::Yes),
            ("150 Opening ASCII mode data connection for file list\r\n", Probe::Yes),
            ("257 \"/pub\" is current directory.\r\n", Probe::Yes),
            ("220 hel", Probe::NeedMore),
            ("HTTP/1.1 200", Probe::No),
        ] {
            assert_eq!(FTP.probe(Carrier::Tcp, ToClient, text.as_bytes()), want, "{text}");
        }
    }
}
