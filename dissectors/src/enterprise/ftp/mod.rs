//! FTP control connections: who logs in, which files move. Passwords are never shown. Specification: RFC 959 clauses 4 and 5.
//!
//! Recognised by a greeting that says FTP: mail servers greet with the same number.

use dogwatch_model::{Attribute, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::sides::from_client;
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// FTP.
pub(crate) static FTP: FramedProtocol = FramedProtocol {
    name: "ftp",
    hints: &[Hint::Tcp(21)],
    carriers: &[Carrier::Tcp],
    probe,
    frames: |_| Box::new(Ftp),
};

/// Longest line that is read.
const LONGEST: usize = 2_048;

fn probe(_carrier: Carrier, head: &[u8]) -> Probe {
    let greets = head.iter().zip(b"220").all(|(byte, want)| byte == want);
    if !greets {
        return Probe::No;
    }
    let text = head.get(..LONGEST.min(head.len())).unwrap_or_default();
    let mail = |word: &[u8]| text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    match head.iter().position(|byte| *byte == b'\n') {
        _ if mail(b"smtp") => Probe::No,
        _ if mail(b"ftp") => Probe::Yes,
        None if head.len() < LONGEST => Probe::NeedMore,
        _ => Probe::No,
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
struct Ftp;

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
            [a, b, c, ..] if [a, b, c].iter().all(|byte| byte.is_ascii_digit()) => answer(line, emit),
            [first, ..] if first.is_ascii_alphabetic() && from_client(chunk, &[21]) => command(line, emit),
            // A further line of a long answer.
            _ => {}
        }
        Ok(())
    }
}

fn answer(line: &str, emit: &mut Emit<'_>) {
    let (code, text) = line.split_at_checked(3).unwrap_or((line, ""));
    let text = text.trim_start_matches([' ', '-']);
    let mut acts = Acts::new();
    match code {
        "220" => {
            acts.says_text(Attribute::SoftwareVersion, Some(text).filter(|text| !text.is_empty()), 75, "ftp.greeting")
        }
        "230" => acts.reply(Verb::Login, Object::Device { unit: None }, false),
        "530" => acts.reply(Verb::Login, Object::Device { unit: None }, true),
        _ => {}
    }
    let fields = Shown(|visit| {
        visit.text("response_code", code);
        visit.maybe_text("response_arg", Some(text).filter(|text| !text.is_empty()));
    });
    emit.message("response", &mut acts, &fields);
}

fn command(line: &str, emit: &mut Emit<'_>) {
    let (command, argument) = line.split_once(' ').map_or((line, None), |(command, rest)| (command, Some(rest)));
    let argument = argument.map(str::trim).filter(|text| !text.is_empty() && !command.eq_ignore_ascii_case("PASS"));
    let object = argument.map_or(Object::Device { unit: None }, Object::Named);
    let mut acts = Acts::new();
    let known = crate::text::Text::<8>::of(format_args!("{}", command.to_ascii_uppercase()));
    if let Some(verb) = verb(known.as_str()) {
        acts.request(verb, object);
    }
    let fields = Shown(|visit| {
        visit.text("request_command", command);
        visit.maybe_text("request_arg", argument);
    });
    emit.message("command", &mut acts, &fields);
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
        assert_eq!(seen[1].acts, ["request login pilot"]);
        assert_eq!(seen[2].field("request_arg"), "", "a password is not shown");
        assert_eq!(seen[3].acts, ["request transfer fw.bin"]);
        assert_eq!(seen[4].acts, ["refusal login device"]);
    }

    #[test]
    fn greetings() {
        for (text, want) in [
            ("220 ProFTPD ready\r\n", Probe::Yes),
            ("220 mail.example.org ESMTP\r\n", Probe::No),
            ("220 hello\r\n", Probe::No),
            ("220 hel", Probe::NeedMore),
            ("HTTP/1.1 200", Probe::No),
        ] {
            assert_eq!(FTP.probe(Carrier::Tcp, ToClient, text.as_bytes()), want, "{text}");
        }
    }
}
