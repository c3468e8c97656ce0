//! SMTP: which mail server, who logs in, and whether in clear.
//!
//! Deliberately not read: the mails. Their lines pass by unseen; addresses of sender and recipients are fields, not facts. After STARTTLS
//! nothing is read.
//!
//! Specification: RFC 5321 clauses 4.1 and 4.2, RFC 4954 (AUTH), RFC 3207 (STARTTLS).

use dogwatch_model::{Attribute, FactValue, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::base64::{plain_account, whole_text};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::lines::{self, holds, split};
use crate::sides::from_client;
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// SMTP.
pub(crate) static SMTP: FramedProtocol = FramedProtocol {
    name: "smtp",
    hints: &[Hint::Tcp(25), Hint::Tcp(587)],
    carriers: &[Carrier::Tcp],
    probe,
    frames: |_| Box::new(Smtp::default()),
};

const PORTS: &[u16] = &[25, 587, 465];

/// A greeting that says SMTP, or a client that greets with a name.
fn probe(_carrier: Carrier, head: &[u8]) -> Probe {
    let could = |word: &[u8]| head.iter().zip(word).all(|(byte, want)| byte.eq_ignore_ascii_case(want));
    if ![&b"220 "[..], b"220-", b"EHLO ", b"HELO "].into_iter().any(could) {
        return Probe::No;
    }
    match lines::first(head) {
        None => Probe::No,
        Some(None) => Probe::NeedMore,
        Some(Some(line)) if line.starts_with("220") => {
            if holds(line, "smtp") && !holds(line, "ftp server") {
                Probe::Yes
            } else {
                Probe::No
            }
        }
        Some(Some(line)) => {
            let (word, name) = split(line);
            let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
            if word.len() == 4 && is_name { Probe::Yes } else { Probe::No }
        }
    }
}

/// What the next line is, where it is not a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Client {
    #[default]
    Commands,
    /// The text of a mail, up to a line with a dot.
    Mail,
    /// The lines of a LOGIN or PLAIN dialogue, by how many were said.
    Credentials(u8, bool),
}

/// An SMTP connection.
#[derive(Debug, Default)]
struct Smtp {
    client: Client,
    /// The command whose answer tells whether what it asked for begins.
    asked: Asked,
    encrypted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Asked {
    #[default]
    Other,
    Data,
    Tls,
    Login,
}

impl Frames for Smtp {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        if self.encrypted { lines::REST } else { lines::frame(bytes, "smtp line") }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        lines::begins(bytes, |line| {
            matches!(line, [a, b, c, b' ' | b'-', ..] if [a, b, c].iter().all(|byte| byte.is_ascii_digit()))
                || matches!(line.get(..5), Some(b"MAIL " | b"RCPT " | b"EHLO " | b"HELO "))
        })
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        if self.encrypted {
            return Ok(());
        }
        if !from_client(chunk, PORTS) {
            if let Some(line) = printable(bytes) {
                self.answer(line, emit);
            }
            return Ok(());
        }
        match self.client {
            Client::Mail => {
                if matches!(bytes.trim_ascii_end(), b".") {
                    self.client = Client::Commands;
                }
            }
            Client::Credentials(said, is_plain) => {
                self.client = Client::Credentials(said.saturating_add(1), is_plain);
                let text = printable(bytes).unwrap_or_default();
                if said == 0 && is_plain {
                    plain_account(text, |account| login(account, emit));
                } else if said == 0 {
                    whole_text(text, |account| login(account, emit));
                }
            }
            Client::Commands => {
                if let Some(line) = printable(bytes) {
                    self.command(line, emit);
                }
            }
        }
        Ok(())
    }

    fn lost(&mut self, _direction: dogwatch_model::Direction) {
        self.client = Client::Commands;
        self.asked = Asked::Other;
    }
}

/// A login whose secret goes in clear.
fn login(account: Option<&str>, emit: &mut Emit<'_>) {
    let mut acts = Acts::new();
    acts.request(Verb::Login, account.map_or(Object::Device { unit: None }, Object::Named));
    acts.odd("clear-text-credentials");
    acts.says_text(Attribute::Account, account, 75, "smtp.auth");
    emit.message("login", &mut acts, &Shown(|visit| visit.maybe_text("account", account)));
}

impl Smtp {
    fn command(&mut self, line: &str, emit: &mut Emit<'_>) {
        let (word, rest) = split(line);
        let is = |name: &str| word.eq_ignore_ascii_case(name);
        self.asked = Asked::Other;
        let mut acts = Acts::new();
        let device = Object::Device { unit: None };
        let mut shown = Some(rest).filter(|rest| !rest.is_empty());
        if is("AUTH") {
            self.asked = Asked::Login;
            let (mechanism, initial) = split(rest);
            shown = Some(mechanism);
            let is_plain = mechanism.eq_ignore_ascii_case("PLAIN");
            if is_plain || mechanism.eq_ignore_ascii_case("LOGIN") {
                match (initial, is_plain) {
                    ("", _) => self.client = Client::Credentials(0, is_plain),
                    (initial, true) => plain_account(initial, |account| login(account, emit)),
                    (initial, false) => {
                        self.client = Client::Credentials(1, false);
                        whole_text(initial, |account| login(account, emit));
                    }
                }
            } else {
                acts.request(Verb::Login, device);
                self.client = Client::Credentials(1, false);
            }
        } else if is("MAIL") {
            acts.request(Verb::Transfer, device);
        } else if is("STARTTLS") {
            self.asked = Asked::Tls;
        } else if is("DATA") {
            self.asked = Asked::Data;
        } else if is("VRFY") || is("EXPN") {
            acts.request(Verb::Discover, device);
        }
        let fields = Shown(|visit| {
            visit.text("command", word);
            visit.maybe_text("argument", shown);
        });
        emit.message("command", &mut acts, &fields);
    }

    fn answer(&mut self, line: &str, emit: &mut Emit<'_>) {
        let Some((code, text)) = line.split_at_checked(3).filter(|(code, _)| code.bytes().all(|b| b.is_ascii_digit()))
        else {
            return;
        };
        let is_last = !text.starts_with('-');
        let text = text.trim_start_matches([' ', '-']);
        let mut acts = Acts::new();
        match (self.asked, code) {
            (Asked::Tls, "220") if is_last => self.encrypted = true,
            (Asked::Data, "354") => self.client = Client::Mail,
            (Asked::Login, "334") => {}
            (Asked::Login, "235") => {
                acts.reply(Verb::Login, Object::Device { unit: None }, false);
                self.client = Client::Commands;
            }
            (Asked::Login, _) if code.starts_with(['4', '5']) => {
                acts.reply(Verb::Login, Object::Device { unit: None }, true);
                self.client = Client::Commands;
            }
            (Asked::Other, "220") => {
                // The greeting begins with the server's own domain name (clause 4.2).
                let name = text.split(' ').next().filter(|name| name.contains('.') && !name.ends_with('.'));
                if let Some(name) = name {
                    acts.says(Attribute::Name, FactValue::Text(name), 70, "smtp.greeting");
                }
                acts.says_text(Attribute::SoftwareVersion, Some(text).filter(|t| !t.is_empty()), 75, "smtp.greeting");
            }
            _ => {}
        }
        let fields = Shown(|visit| {
            visit.text("response_code", code);
            visit.maybe_text("response_text", Some(text).filter(|text| !text.is_empty()));
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
    fn a_login_in_clear_and_a_mail() {
        let mut conversation = Conversation::new(&SMTP, Carrier::Tcp, 25);
        conversation.send(ToClient, b"220 mail.ship.example ESMTP Postfix\r\n");
        conversation.send(ToServer, b"EHLO ecdis\r\nAUTH LOGIN\r\n");
        conversation.send(ToClient, b"334 VXNlcm5hbWU6\r\n");
        conversation.send(ToServer, b"Zm9vYmE=\r\n");
        conversation.send(ToClient, b"334 UGFzc3dvcmQ6\r\n");
        conversation.send(ToServer, b"c2VjcmV0\r\n");
        conversation.send(ToClient, b"535 no\r\n");
        conversation.send(ToServer, b"MAIL FROM:<a@b>\r\nDATA\r\n");
        conversation.send(ToClient, b"250 ok\r\n354 go\r\n");
        conversation.send(ToServer, b"AUTH PLAIN in a mail is no command\r\n.\r\nQUIT\r\n");
        let acts: Vec<_> = conversation.heard.seen.iter().map(|seen| seen.acts.join("; ")).collect();
        assert_eq!(
            acts[0],
            "says name=mail.ship.example (smtp.greeting); says software_version=mail.ship.example ESMTP Postfix (smtp.greeting)"
        );
        assert_eq!(acts[4], "request login fooba; odd clear-text-credentials; says account=fooba (smtp.auth)");
        assert!(acts.contains(&"refusal login device".to_owned()));
        let text = format!("{:?}", conversation.heard.seen);
        assert!(!text.contains("c2VjcmV0") && !text.contains("in a mail"), "{text}");
        assert!(text.contains("QUIT"));
    }

    #[test]
    fn after_starttls_nothing_is_read() {
        let mut conversation = Conversation::new(&SMTP, Carrier::Tcp, 25);
        conversation.send(ToServer, b"EHLO a\r\nSTARTTLS\r\n");
        conversation.send(ToClient, b"220 go\r\n");
        conversation.send(ToServer, &[0x16; 5_000]);
        assert_eq!(conversation.heard.seen.len(), 3);
        assert!(conversation.heard.errors.is_empty());
    }

    #[test]
    fn what_the_first_bytes_tell() {
        for (bytes, want) in [
            (&b"220 a ESMTP\r\n"[..], Probe::Yes),
            (b"220 ftp ready\r\n", Probe::No),
            (b"220 a ESM", Probe::NeedMore),
            (b"EHLO a\r\n", Probe::Yes),
            (b"HELO \r\n", Probe::No),
            (b"HELP\r\n", Probe::No),
        ] {
            assert_eq!(SMTP.probe(Carrier::Tcp, ToServer, bytes), want, "{bytes:?}");
        }
    }
}
