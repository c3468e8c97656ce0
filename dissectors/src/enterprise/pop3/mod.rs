//! POP3: which mail server, who logs in, and whether in clear.
//!
//! Deliberately not read: mails. After STLS nothing is read. Specification: RFC 1939 clauses 3 to 7, RFC 2595 clause 4 (STLS), RFC 5034 (AUTH).

use dogwatch_model::{Attribute, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::base64::plain_account;
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::lines::{self, holds, split};
use crate::sides::from_client;
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// POP3.
pub(crate) static POP3: FramedProtocol = FramedProtocol {
    name: "pop3",
    hints: &[Hint::Tcp(110)],
    carriers: &[Carrier::Tcp],
    probe,
    frames: |_| Box::new(Pop3::default()),
};

/// A greeting that says POP, names a known server or carries the time stamp of APOP; or a client that asks what is offered.
fn probe(_carrier: Carrier, head: &[u8]) -> Probe {
    let could = |word: &[u8]| head.iter().zip(word).all(|(byte, want)| byte == want);
    if ![&b"+OK "[..], b"CAPA\r\n", b"APOP "].into_iter().any(could) {
        return Probe::No;
    }
    match lines::first(head) {
        None => Probe::No,
        Some(None) => Probe::NeedMore,
        Some(Some("CAPA")) => Probe::Yes,
        Some(Some(line)) => {
            let stamp = line.split_once('<').is_some_and(|(_, rest)| rest.contains('@') && rest.contains('>'));
            let names = ["pop", "dovecot", "cyrus", "courier", "exchange"];
            let is_greeting = line.starts_with("+OK ") && (stamp || names.iter().any(|name| holds(line, name)));
            if is_greeting || line.starts_with("APOP ") { Probe::Yes } else { Probe::No }
        }
    }
}

/// What the answer at hand is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Asked {
    /// Nothing yet: it is the greeting.
    #[default]
    Greeting,
    Login,
    Tls,
    /// Lines of a mail or list may follow.
    Other,
}

/// A POP3 connection.
#[derive(Debug, Default)]
struct Pop3 {
    asked: Asked,
    secret_follows: bool,
    encrypted: bool,
}

impl Frames for Pop3 {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        if self.encrypted { lines::REST } else { lines::frame(bytes, "pop3 line") }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        lines::begins(bytes, |line| line.starts_with(b"+OK") || line.starts_with(b"-ERR") || command(line).is_some())
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let Some(line) = printable(bytes).filter(|_| !self.encrypted) else { return Ok(()) };
        if !from_client(chunk, &[110, 995]) {
            self.answer(line, emit);
        } else if std::mem::take(&mut self.secret_follows) {
            plain_account(line, |account| login(account, emit));
        } else if command(line.as_bytes()).is_some() {
            self.command(line, emit);
        }
        Ok(())
    }

    fn lost(&mut self, _direction: dogwatch_model::Direction) {
        self.asked = Asked::Other;
        self.secret_follows = false;
    }
}

const COMMANDS: &[&str] = &[
    "USER", "PASS", "APOP", "AUTH", "CAPA", "STLS", "STAT", "LIST", "RETR", "DELE", "NOOP", "RSET", "QUIT", "TOP",
    "UIDL",
];

fn command(line: &[u8]) -> Option<&'static str> {
    let word = line.split(|byte| byte.is_ascii_whitespace()).next()?;
    COMMANDS.iter().copied().find(|command| word.eq_ignore_ascii_case(command.as_bytes()))
}

/// A login whose secret goes in clear.
fn login(account: Option<&str>, emit: &mut Emit<'_>) {
    let mut acts = Acts::new();
    acts.request(Verb::Login, account.map_or(Object::Device { unit: None }, Object::Named));
    acts.odd("clear-text-credentials");
    acts.says_text(Attribute::Account, account, 75, "pop3.user");
    emit.message("login", &mut acts, &Shown(|visit| visit.maybe_text("account", account)));
}

impl Pop3 {
    fn command(&mut self, line: &str, emit: &mut Emit<'_>) {
        let (word, rest) = split(line);
        let word = command(word.as_bytes()).unwrap_or_default();
        let device = Object::Device { unit: None };
        let mut acts = Acts::new();
        self.asked = Asked::Other;
        match word {
            "USER" => return login(Some(rest).filter(|name| !name.is_empty()), emit),
            // The secret itself goes unseen; what counts is the answer to it.
            "PASS" => self.asked = Asked::Login,
            "APOP" => {
                self.asked = Asked::Login;
                let account = rest.split(' ').next().filter(|name| !name.is_empty());
                acts.request(Verb::Login, account.map_or(device, Object::Named));
                acts.says_text(Attribute::Account, account, 75, "pop3.user");
            }
            "AUTH" => {
                let (mechanism, initial) = split(rest);
                self.asked = if mechanism.is_empty() { Asked::Other } else { Asked::Login };
                if mechanism.eq_ignore_ascii_case("PLAIN") {
                    if !initial.is_empty() {
                        return plain_account(initial, |account| login(account, emit));
                    }
                    self.secret_follows = true;
                } else if !mechanism.is_empty() {
                    acts.request(Verb::Login, device);
                }
            }
            "STLS" => self.asked = Asked::Tls,
            "RETR" | "TOP" => acts.request(Verb::Read, device),
            "DELE" => acts.request(Verb::Write, device),
            _ => {}
        }
        emit.message("command", &mut acts, &Shown(|visit| visit.text("command", word)));
    }

    fn answer(&mut self, line: &str, emit: &mut Emit<'_>) {
        let (status, text) = split(line);
        let accepted = match status {
            "+OK" => true,
            "-ERR" => false,
            _ => return,
        };
        let mut acts = Acts::new();
        match self.asked {
            Asked::Greeting => {
                // The time stamp in angle brackets is new each time.
                let name = text.split('<').next().map(str::trim).filter(|name| !name.is_empty());
                acts.says_text(Attribute::SoftwareVersion, name, 75, "pop3.greeting");
            }
            Asked::Login => acts.reply(Verb::Login, Object::Device { unit: None }, !accepted),
            Asked::Tls => self.encrypted = accepted,
            Asked::Other => {}
        }
        self.asked = Asked::Other;
        let fields = Shown(|visit| {
            visit.text("status", status);
            visit.maybe_text("text", Some(text).filter(|text| !text.is_empty()));
        });
        emit.message("response", &mut acts, &fields);
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
        let mut conversation = Conversation::new(&POP3, Carrier::Tcp, 110);
        conversation.send(ToClient, b"+OK Dovecot ready. <1.2@mail>\r\n");
        conversation.send(ToServer, b"USER mate\r\n");
        conversation.send(ToClient, b"+OK\r\n");
        conversation.send(ToServer, b"PASS secret\r\n");
        conversation.send(ToClient, b"-ERR no\r\n");
        let seen = &conversation.heard.seen;
        assert_eq!(seen[0].acts, ["says software_version=Dovecot ready. (pop3.greeting)"]);
        assert_eq!(seen[1].acts, ["request login mate", "odd clear-text-credentials", "says account=mate (pop3.user)"]);
        assert_eq!(seen[4].acts, ["refusal login device"]);
        assert!(!format!("{seen:?}").contains("secret"));
    }

    #[test]
    fn what_the_first_bytes_tell() {
        for (bytes, want) in [
            (&b"+OK POP3 ready\r\n"[..], Probe::Yes),
            (b"+OK\r\n", Probe::No),
            (b"+OK hello\r\n", Probe::No),
            (b"+OK <1.2@a>\r\n", Probe::Yes),
            (b"CAPA\r\n", Probe::Yes),
            (b"CAP", Probe::NeedMore),
        ] {
            assert_eq!(POP3.probe(Carrier::Tcp, ToServer, bytes), want, "{bytes:?}");
        }
    }
}
