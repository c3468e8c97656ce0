//! rlogin and rsh: a command line, or one command, on another machine, believed by the name and address of whoever asks.
//!
//! Deliberately not read: what is typed and answered; the second name of rsh, because rexec has a password in its place.
//!
//! Specifications: RFC 1282; rsh is known by the manuals of 4.2BSD.

use dogwatch_model::{Attribute, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::FramedProtocol;
use crate::once::Greeting;
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// A terminal on another machine.
pub(crate) static RLOGIN: FramedProtocol = FramedProtocol {
    name: "rlogin",
    hints: &[Hint::Tcp(513)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| known(terminal(head)),
    frames: |_| Box::new(Greeting { length: |bytes| whole("rlogin", terminal(bytes)), read: read_terminal }),
};

/// One command on another machine.
pub(crate) static RSH: FramedProtocol = FramedProtocol {
    name: "rsh",
    hints: &[Hint::Tcp(514)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| known(command(head)),
    frames: |_| {
        Box::new(Greeting {
            length: |bytes| answer(bytes).map_or_else(|| whole("rsh", command(bytes)), |length| Ok(Some(length))),
            read: read_command,
        })
    },
};

/// Longest opening that is waited for.
const LONGEST: usize = 1_024;
/// Longest name of an account.
const LONGEST_NAME: usize = 32;

/// What the first bytes are: not this, too few to tell, or an opening of so many bytes with four parts.
enum Opening<'a> {
    No,
    More,
    Is([&'a str; 4], usize),
}

/// Four texts, each ended by a zero byte.
fn parts(bytes: &[u8]) -> Opening<'_> {
    let mut found = [""; 4];
    let mut at = 0_usize;
    for slot in &mut found {
        let rest = bytes.get(at..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == 0);
        let text = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        match (end, std::str::from_utf8(text)) {
            (_, Ok(text)) if text.bytes().any(|byte| !(b' '..=b'~').contains(&byte)) => return Opening::No,
            (Some(end), Ok(text)) => {
                *slot = text;
                at = at.saturating_add(end).saturating_add(1);
            }
            (None, Ok(_)) if bytes.len() < LONGEST => return Opening::More,
            _ => return Opening::No,
        }
    }
    Opening::Is(found, at)
}

fn is_name(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'\\' | b'@');
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(is_letter)
}

/// An empty text, the account there and here, terminal and speed (`xterm/38400`).
fn terminal(bytes: &[u8]) -> Opening<'_> {
    if bytes.first().is_some_and(|byte| *byte != 0) {
        return Opening::No;
    }
    match parts(bytes) {
        Opening::Is([_, client, server, line], _)
            if !(is_name(client)
                && is_name(server)
                && line.split_once('/').is_some_and(|(kind, speed)| is_name(kind) && is_number(speed))) =>
        {
            Opening::No
        }
        other => other,
    }
}

/// A port for what goes wrong, the account there and here, the command.
fn command(bytes: &[u8]) -> Opening<'_> {
    if bytes.first().is_some_and(|byte| !byte.is_ascii_digit()) {
        return Opening::No;
    }
    match parts(bytes) {
        Opening::Is([port, client, server, command], _)
            if !is_number(port) || !is_name(client) || server.is_empty() || command.is_empty() =>
        {
            Opening::No
        }
        // a long run of digits or text before the first zero byte is a line of something else
        Opening::More if bytes.iter().take_while(|byte| byte.is_ascii_digit()).count() > 5 => Opening::No,
        Opening::More if bytes.iter().find(|byte| !byte.is_ascii_digit()).is_some_and(|byte| *byte != 0) => Opening::No,
        other => other,
    }
}

/// What the server says first: that it went well, or that it did not and why (the text is not read).
fn answer(bytes: &[u8]) -> Option<usize> {
    matches!(bytes, [0 | 1, ..]).then_some(1)
}

fn is_number(text: &str) -> bool {
    text.parse::<u16>().is_ok() && !text.starts_with('+')
}

const fn known(opening: Opening<'_>) -> Probe {
    match opening {
        Opening::No => Probe::No,
        Opening::More => Probe::NeedMore,
        Opening::Is(..) => Probe::Yes,
    }
}

const fn whole(what: &'static str, opening: Opening<'_>) -> Result<Option<usize>, ParseError> {
    match opening {
        Opening::No => Err(ParseError::Malformed { what, at: 0, why: "four texts that end with zero" }),
        Opening::More => Ok(None),
        Opening::Is(_, length) => Ok(Some(length)),
    }
}

fn read_terminal(_chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let Opening::Is([_, client, server, line], _) = terminal(bytes) else { return Ok(()) };
    let mut acts = Acts::new();
    // whether a password is asked for shows only in what is typed: working there is told, not logging in
    acts.request(Verb::Control, Object::Named(server));
    acts.odd("weak.rlogin");
    acts.says_text(Attribute::Account, printable(client.as_bytes()), 75, "rlogin.client-user");
    emit.message(
        "terminal",
        &mut acts,
        &Shown(|visit| {
            visit.text("client_user", client);
            visit.text("server_user", server);
            visit.text("terminal", line);
        }),
    );
    Ok(())
}

fn read_command(_chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let Opening::Is([port, client, _, command], _) = command(bytes) else { return Ok(()) };
    let program = command.split(' ').next().unwrap_or(command);
    let mut acts = Acts::new();
    acts.request(Verb::Control, Object::Named(program));
    acts.odd("weak.rsh");
    acts.says_text(Attribute::Account, printable(client.as_bytes()), 75, "rsh.client-user");
    emit.message(
        "command",
        &mut acts,
        &Shown(|visit| {
            visit.text("error_port", port);
            visit.text("client_user", client);
        }),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::Conversation;
    use dogwatch_model::Direction::{ToClient, ToServer};

    #[test]
    fn who_works_as_whom() {
        // the example of RFC 1282
        let mut conversation = Conversation::new(&RLOGIN, Carrier::Tcp, 513);
        conversation.send(ToServer, b"\0bostic\0kbostic\0vt100/9600\0");
        conversation.send(ToClient, b"\0Last login: Mon\r\n");
        assert_eq!(
            conversation.heard.seen[0].acts,
            ["request control kbostic", "odd weak.rlogin", "says account=bostic (rlogin.client-user)"]
        );
        let mut conversation = Conversation::new(&RSH, Carrier::Tcp, 514);
        conversation.send(ToServer, b"1022\0pilot\0root\0uname -a\0");
        let seen = &conversation.heard.seen[0];
        assert_eq!(seen.acts, ["request control uname", "odd weak.rsh", "says account=pilot (rsh.client-user)"]);
        // of rexec the second name would be a password
        assert!(!seen.fields.to_string().contains("root"));
    }

    #[test]
    fn neighbours_are_not_it() {
        for (protocol, bytes, want) in [
            (&RLOGIN, &b"\0bostic\0kbostic\0vt100/9600\0"[..], Probe::Yes),
            (&RLOGIN, b"\0bost", Probe::NeedMore),
            (&RLOGIN, b"\0\0\0\x1a\0\0\0\0", Probe::No),
            (&RLOGIN, b"\0a\0b\0vt100\0", Probe::No),
            (&RSH, b"1022\0pilot\0root\0ls\0", Probe::Yes),
            (&RSH, b"10", Probe::NeedMore),
            (&RSH, b"220 ftp ready\r\n", Probe::No),
            (&RSH, b"123456789012", Probe::No),
            (&RSH, b"99999\0pilot\0root\0ls\0", Probe::No),
        ] {
            assert_eq!(protocol.probe(Carrier::Tcp, ToServer, bytes), want, "{bytes:?}");
        }
    }
}
