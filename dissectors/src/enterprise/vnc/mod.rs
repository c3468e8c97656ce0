//! VNC (RFB): the version line that each side sends first, what the server offers to prove who comes, what is chosen, and whether it was enough.
//!
//! A server that lets anybody in without a password is told as `weak.vnc-none`. Deliberately not read: the screen, keys, passwords (a challenge
//! and its answer are passed over), security types that go on in their own way.
//!
//! Specification: RFC 6143 clauses 7.1.1 to 7.1.3 and, for version 3.3, appendix A.

use dogwatch_model::{Direction, Object, Verb};

use crate::acts::{Acts, Emit, Shown, Told};
use crate::sides::from_client;
use crate::text::printable;
use crate::{Carrier, Chunk, Dissector, Hint, Limits, ParseError, Probe, Progress, Protocol, Sink};

/// VNC.
pub(crate) static VNC: Vnc = Vnc;
pub(crate) struct Vnc;

const NAME: &str = "vnc";
/// Ports of the first two screens.
const PORTS: [u16; 2] = [5900, 5901];
const NONE: u8 = 1;
const PASSWORD: u8 = 2;
const CHALLENGE: usize = 16;

impl Protocol for Vnc {
    fn name(&self) -> &'static str {
        NAME
    }

    fn hints(&self) -> &'static [Hint] {
        &[Hint::Tcp(5900), Hint::Tcp(5901)]
    }

    fn carriers(&self) -> &'static [Carrier] {
        &[Carrier::Tcp]
    }

    fn probes_by_direction(&self) -> bool {
        false
    }

    fn probe(&self, carrier: Carrier, _direction: Direction, head: &[u8]) -> Probe {
        match (carrier, version(head)) {
            (Carrier::Tcp, Ok(Some(_))) => Probe::Yes,
            (Carrier::Tcp, Ok(None)) => Probe::NeedMore,
            _ => Probe::No,
        }
    }

    fn open(&self, limits: &Limits) -> Box<dyn Dissector> {
        Box::new(Session {
            told: Told::new(limits.bus_devices),
            messages: 0,
            minor: None,
            chosen: None,
            server: Stage::Version,
            client: Stage::Version,
        })
    }
}

/// What a side sends next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Version,
    /// The server's offer, the client's choice.
    Security,
    Challenge,
    Result,
    /// Nothing that is read.
    Over,
}

/// The second number of the version, once the line is whole.
fn version(bytes: &[u8]) -> Result<Option<u16>, ParseError> {
    let fits = bytes.iter().zip(b"RFB 000.000\n").all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        other => byte == other,
    });
    match (fits, bytes) {
        (false, _) => Err(ParseError::Malformed { what: "vnc version", at: 0, why: "must be RFB xxx.yyy" }),
        (true, [_, _, _, _, _, _, _, _, a, b, c, _, ..]) => {
            let number = [a, b, c].iter().fold(0_u16, |number, digit| {
                number.saturating_mul(10).saturating_add(u16::from(digit.wrapping_sub(b'0')))
            });
            Ok(Some(number))
        }
        (true, _) => Ok(None),
    }
}

/// One connection.
struct Session {
    told: Told,
    messages: u32,
    /// Of the version that the client agreed to.
    minor: Option<u16>,
    /// The security type in use.
    chosen: Option<u8>,
    server: Stage,
    client: Stage,
}

impl Session {
    /// Reads one message of the server; how many bytes it took, `None` while it is not whole.
    fn of_server(&mut self, bytes: &[u8], emit: &mut Emit<'_>) -> Option<usize> {
        match self.server {
            Stage::Version => {
                let fields = Shown(|visit| visit.maybe_text("protocol", bytes.get(..12).and_then(printable)));
                bytes.get(..12)?;
                self.server = Stage::Security;
                emit.plain("server-version", &[], &fields);
                Some(12)
            }
            Stage::Security => self.offer(bytes, emit),
            Stage::Challenge => {
                bytes.get(..CHALLENGE)?;
                self.server = Stage::Result;
                Some(CHALLENGE)
            }
            Stage::Result => {
                let result = bytes.first_chunk().map(|word| u32::from_be_bytes(*word))?;
                self.server = Stage::Over;
                if result < 2 {
                    let mut acts = Acts::new();
                    acts.reply(Verb::Login, Object::Device { unit: None }, result != 0);
                    emit.message("security-result", &mut acts, &Shown(|visit| visit.number("result", result)));
                }
                Some(4)
            }
            Stage::Over => Some(bytes.len()),
        }
    }

    /// What the server offers: before 3.7 it chooses itself.
    fn offer(&mut self, bytes: &[u8], emit: &mut Emit<'_>) -> Option<usize> {
        let Some(minor) = self.minor else {
            // the client's version was not seen: nothing tells which form this has
            self.server = Stage::Over;
            return Some(bytes.len());
        };
        let (types, used) = if minor < 7 {
            let [0, 0, 0, chosen] = bytes.first_chunk::<4>()? else {
                self.server = Stage::Over;
                return Some(bytes.len());
            };
            self.chosen = Some(*chosen);
            self.server = if *chosen == PASSWORD { Stage::Challenge } else { Stage::Over };
            (bytes.get(3..4)?, 4)
        } else {
            let count = usize::from(*bytes.first()?);
            let end = count.saturating_add(1);
            let types = bytes.get(1..end)?;
            // what comes next depends on what the client chooses
            self.server = if count == 0 { Stage::Over } else { Stage::Challenge };
            (types, end)
        };
        let mut acts = Acts::new();
        if types.contains(&NONE) {
            acts.odd("weak.vnc-none");
        }
        emit.message(
            "security-types",
            &mut acts,
            &Shown(|visit| visit.numbers("security_type", types.iter().copied())),
        );
        Some(used)
    }

    /// Reads one message of the client.
    fn of_client(&mut self, bytes: &[u8], emit: &mut Emit<'_>) -> Option<usize> {
        match self.client {
            Stage::Version => {
                let minor = version(bytes).ok().flatten()?;
                self.minor = Some(minor);
                self.client = if minor < 7 { Stage::Over } else { Stage::Security };
                let mut acts = Acts::new();
                acts.request(Verb::Login, Object::Device { unit: None });
                let fields = Shown(|visit| visit.maybe_text("protocol", bytes.get(..12).and_then(printable)));
                emit.message("client-version", &mut acts, &fields);
                Some(12)
            }
            Stage::Security => {
                let chosen = *bytes.first()?;
                self.chosen = Some(chosen);
                self.client = Stage::Over;
                if self.server == Stage::Challenge {
                    self.server = match (chosen, self.minor) {
                        (PASSWORD, _) => Stage::Challenge,
                        // 3.7 says nothing where nothing was asked
                        (NONE, Some(8..)) => Stage::Result,
                        _ => Stage::Over,
                    };
                }
                emit.plain("security-type", &[], &Shown(|visit| visit.number("security_type", chosen)));
                Some(1)
            }
            _ => Some(bytes.len()),
        }
    }
}

impl Dissector for Session {
    fn data(&mut self, chunk: &Chunk<'_>, out: &mut dyn Sink) -> Progress {
        let is_client = from_client(chunk, &PORTS);
        let mut used = 0_usize;
        while let Some(rest) = chunk.bytes.get(used..).filter(|rest| !rest.is_empty()) {
            let stage = if is_client { self.client } else { self.server };
            if stage == Stage::Version && version(rest).is_err() {
                if self.messages == 0 {
                    return Progress::GiveUp;
                }
                (self.server, self.client) = (Stage::Over, Stage::Over);
            }
            let mut told = std::mem::replace(&mut self.told, Told::new(1));
            let mut messages = self.messages;
            let mut emit = Emit::new(NAME, told.by(chunk.direction), out, &mut messages);
            let took = if is_client { self.of_client(rest, &mut emit) } else { self.of_server(rest, &mut emit) };
            (self.told, self.messages) = (told, messages);
            let Some(took) = took else { break };
            used = used.saturating_add(took.max(1));
        }
        Progress::Used(used.min(chunk.bytes.len()))
    }

    fn gap(&mut self, _direction: Direction, _missing: u32) {
        (self.server, self.client) = (Stage::Over, Stage::Over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::Conversation;
    use dogwatch_model::Direction::{ToClient, ToServer};

    /// What the server says is weak, and how the login ended.
    fn told(version: &[u8; 12], rest: &[(Direction, &[u8])]) -> Vec<String> {
        let mut conversation = Conversation::new(&VNC, Carrier::Tcp, 5900);
        conversation.send(ToClient, b"RFB 003.008\n");
        conversation.send(ToServer, version);
        for (direction, bytes) in rest {
            conversation.send(*direction, bytes);
        }
        assert_eq!(conversation.heard.errors, []);
        conversation.heard.seen.iter().flat_map(|seen| seen.acts.clone()).collect()
    }

    #[test]
    fn who_is_let_in() {
        let (three, seven, eight) = (b"RFB 003.003\n", b"RFB 003.007\n", b"RFB 003.008\n");
        let challenge = [0xab; 16];
        let login = "request login device";
        assert_eq!(
            told(
                eight,
                &[
                    (ToClient, &[2, 2, 16]),
                    (ToServer, &[2]),
                    (ToClient, &challenge),
                    (ToServer, &challenge),
                    (ToClient, &[0, 0, 0, 1])
                ]
            ),
            [login, "refusal login device"]
        );
        assert_eq!(
            told(eight, &[(ToClient, &[1, 1]), (ToServer, &[1, 1]), (ToClient, &[0, 0, 0, 0, 3])]),
            [login, "odd weak.vnc-none", "reply login device"]
        );
        assert_eq!(
            told(seven, &[(ToClient, &[1, 1]), (ToServer, &[1, 1]), (ToClient, &[0, 0, 0, 0])]),
            [login, "odd weak.vnc-none"]
        );
        assert_eq!(
            told(three, &[(ToClient, &[0, 0, 0, 1]), (ToServer, &[1]), (ToClient, &[0, 0])]),
            [login, "odd weak.vnc-none"]
        );
        assert_eq!(
            told(
                three,
                &[(ToClient, &[0, 0, 0, 2]), (ToClient, &challenge), (ToServer, &challenge), (ToClient, &[0, 0, 0, 0])]
            ),
            [login, "reply login device"]
        );
        // a type that goes on in its own way, and a server that refuses at once
        assert_eq!(told(eight, &[(ToClient, &[1, 19]), (ToServer, &[19]), (ToClient, &[0; 40])]), [login]);
        assert_eq!(told(eight, &[(ToClient, &[0, 0, 0, 0, 4, b'f', b'u', b'l', b'l'])]), [login]);
    }

    #[test]
    fn versions_of_both_sides() {
        let mut conversation = Conversation::new(&VNC, Carrier::Tcp, 5900);
        conversation.send(ToClient, b"RFB 003.008\n\x01\x02");
        conversation.send(ToServer, b"RFB 003.008\n\x02");
        assert_eq!(conversation.heard.seen[0].acts, [] as [&str; 0]);
        assert_eq!(VNC.probe(Carrier::Tcp, ToClient, b"RFB 0"), Probe::NeedMore);
        assert_eq!(VNC.probe(Carrier::Tcp, ToClient, b"RFC 003.008\n"), Probe::No);
    }
}
