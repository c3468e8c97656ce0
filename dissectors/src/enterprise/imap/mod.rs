//! IMAP: which mail server, who logs in, and whether in clear.
//!
//! Deliberately not read: mailboxes and mails; their lines pass by unseen. After STARTTLS nothing is read.
//!
//! Specification: RFC 3501 (RFC 9051) clauses 2.2, 6.2 and 7.1.

use dogwatch_model::{Attribute, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::base64::plain_account;
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::lines::{self, holds, split};
use crate::sides::from_client;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// IMAP.
pub(crate) static IMAP: FramedProtocol = FramedProtocol {
    name: "imap",
    hints: &[Hint::Tcp(143)],
    carriers: &[Carrier::Tcp],
    probe,
    frames: |_| Box::new(Imap::default()),
};

/// Commands of a session not yet logged in, with which a client begins.
const FIRST: &[&str] = &["CAPABILITY", "STARTTLS", "LOGIN", "AUTHENTICATE"];

/// A greeting that says IMAP, or a tagged command of the beginning.
fn probe(_carrier: Carrier, head: &[u8]) -> Probe {
    let line = match lines::first(head) {
        None => return Probe::No,
        Some(None) if head.len() <= 2 || head.starts_with(b"* ") || tagged(head) => return Probe::NeedMore,
        Some(None) => return Probe::No,
        Some(Some(line)) => line,
    };
    if let Some(rest) = line.strip_prefix("* ") {
        let is_greeting = ["OK ", "PREAUTH ", "BYE "].iter().any(|word| rest.starts_with(word));
        return if is_greeting && holds(rest, "imap") { Probe::Yes } else { Probe::No };
    }
    let (_, rest) = split(line);
    let (command, _) = split(rest);
    let is_first = FIRST.iter().any(|first| command.eq_ignore_ascii_case(first));
    if tagged(line.as_bytes()) && is_first { Probe::Yes } else { Probe::No }
}

/// A tag of letters and digits with a digit in it, and a letter behind the blank.
fn tagged(head: &[u8]) -> bool {
    let tag = head.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'.').count();
    let has_digit = head.iter().take(tag).any(u8::is_ascii_digit);
    (1..=16).contains(&tag)
        && has_digit
        && matches!(head.get(tag..), Some([b' '] | [b' ', b'A'..=b'Z' | b'a'..=b'z', ..]))
}

/// An IMAP connection.
#[derive(Debug, Default)]
struct Imap {
    /// The tag of the login that waits for its answer.
    login: Option<Text<16>>,
    tls: Option<Text<16>>,
    /// The next line of the client is its secret.
    secret_follows: bool,
    encrypted: bool,
}

impl Frames for Imap {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        if self.encrypted { lines::REST } else { lines::frame(bytes, "imap line") }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        lines::begins(bytes, |line| line.starts_with(b"* ") || tagged(line))
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let Some(line) = printable(bytes).filter(|_| !self.encrypted) else { return Ok(()) };
        if !from_client(chunk, &[143, 993]) {
            self.answer(line, emit);
        } else if std::mem::take(&mut self.secret_follows) {
            plain_account(line, |account| login(account, emit));
        } else if tagged(line.as_bytes()) {
            self.command(line, emit);
        }
        Ok(())
    }

    fn lost(&mut self, _direction: dogwatch_model::Direction) {
        self.secret_follows = false;
    }
}

/// A login whose secret goes in clear.
fn login(account: Option<&str>, emit: &mut Emit<'_>) {
    let mut acts = Acts::new();
    acts.request(Verb::Login, account.map_or(Object::Device { unit: None }, Object::Named));
    acts.odd("clear-text-credentials");
    acts.says_text(Attribute::Account, account, 75, "imap.login");
    emit.message("login", &mut acts, &Shown(|visit| visit.maybe_text("account", account)));
}

impl Imap {
    fn command(&mut self, line: &str, emit: &mut Emit<'_>) {
        let (tag, rest) = split(line);
        let (command, rest) = split(rest);
        let is = |name: &str| command.eq_ignore_ascii_case(name);
        let remembered = Text::of(format_args!("{tag}"));
        if is("LOGIN") {
            self.login = Some(remembered);
            let account = rest.split(' ').next().map(|name| name.trim_matches('"'));
            return login(account.filter(|name| !name.is_empty() && !name.starts_with('{')), emit);
        }
        let mut acts = Acts::new();
        let device = Object::Device { unit: None };
        if is("AUTHENTICATE") {
            self.login = Some(remembered);
            let (mechanism, initial) = split(rest);
            if mechanism.eq_ignore_ascii_case("PLAIN") {
                if initial.is_empty() {
                    self.secret_follows = true;
                } else {
                    return plain_account(initial, |account| login(account, emit));
                }
            } else {
                acts.request(Verb::Login, device);
            }
        } else if is("STARTTLS") {
            self.tls = Some(remembered);
        } else if ["APPEND", "STORE", "COPY", "MOVE", "EXPUNGE", "DELETE", "CREATE", "RENAME"].into_iter().any(is) {
            acts.request(Verb::Write, device);
        } else if is("FETCH") || is("UID") {
            acts.request(Verb::Read, device);
        }
        emit.message("command", &mut acts, &Shown(|visit| visit.text("command", command)));
    }

    fn answer(&mut self, line: &str, emit: &mut Emit<'_>) {
        let (tag, rest) = split(line);
        let (status, text) = split(rest);
        if !["OK", "NO", "BAD", "BYE", "PREAUTH"].contains(&status) {
            return;
        }
        let mut acts = Acts::new();
        let mut kind = "response";
        let is_tag = |waiting: &Option<Text<16>>| waiting.as_ref().is_some_and(|waiting| waiting.as_str() == tag);
        if tag == "*" {
            kind = if holds(text, "imap") { "greeting" } else { "status" };
            // What is in brackets are capabilities, what follows names the software.
            let name =
                if text.starts_with('[') { text.split_once(']').map(|(_, rest)| rest.trim()) } else { Some(text) };
            if kind == "greeting" {
                acts.says_text(Attribute::SoftwareVersion, name.filter(|name| !name.is_empty()), 75, "imap.greeting");
            }
        } else if is_tag(&self.login) {
            self.login = None;
            self.secret_follows = false;
            acts.reply(Verb::Login, Object::Device { unit: None }, status != "OK");
        } else if is_tag(&self.tls) {
            self.tls = None;
            self.encrypted = status == "OK";
        }
        let fields = Shown(|visit| {
            visit.text("status", status);
            visit.maybe_text("text", Some(text).filter(|text| !text.is_empty()));
        });
        emit.message(kind, &mut acts, &fields);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::Conversation;
    use dogwatch_model::Direction::{ToClient, ToServer};

    #[test]
    fn a_login_refused() {
        let mut conversation = Conversation::new(&IMAP, Carrier::Tcp, 143);
        conversation.send(ToClient, b"* OK [CAPABILITY IMAP4rev1 STARTTLS] Dovecot ready.\r\n");
        conversation.send(ToServer, b"a1 LOGIN \"mate\" secret\r\n");
        conversation.send(ToClient, b"* OK still here\r\na1 NO [AUTHENTICATIONFAILED] no\r\n");
        conversation.send(ToServer, b"a2 STARTTLS\r\n");
        conversation.send(ToClient, b"a2 OK go\r\n");
        conversation.send(ToServer, &[0x16; 4_000]);
        let seen = &conversation.heard.seen;
        assert_eq!(seen[0].acts, ["says software_version=Dovecot ready. (imap.greeting)"]);
        assert_eq!(
            seen[1].acts,
            ["request login mate", "odd clear-text-credentials", "says account=mate (imap.login)"]
        );
        assert_eq!(seen[3].acts, ["refusal login device"]);
        assert_eq!(seen.len(), 6);
        assert!(!format!("{seen:?}").contains("secret") && conversation.heard.errors.is_empty());
    }

    #[test]
    fn what_the_first_bytes_tell() {
        for (bytes, want) in [
            (&b"* OK IMAP4rev1 ready\r\n"[..], Probe::Yes),
            (b"* OK hello\r\n", Probe::No),
            (b"* OK IM", Probe::NeedMore),
            (b"a001 CAPABILITY\r\n", Probe::Yes),
            (b"a001 SELECT x\r\n", Probe::No),
            (b"GET / HTTP/1.1\r\n", Probe::No),
            (b"\x01\x02\x03\x04\n", Probe::No),
        ] {
            assert_eq!(IMAP.probe(Carrier::Tcp, ToServer, bytes), want, "{bytes:?}");
        }
    }
}
