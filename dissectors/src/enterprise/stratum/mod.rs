//! Stratum: computers that mine currency for somebody. Lines of JSON whose first one asks for work.
//!
//! Deliberately not read: the work itself, version 2 (encrypted). Source: published descriptions of the mining protocol (Slush, Bitcoin wiki) and of
//! the dialects of Monero (login) and Ethereum (`eth_submitLogin`).

use dogwatch_model::{Attribute, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::lines::{self, holds};
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// Stratum.
pub(crate) static STRATUM: FramedProtocol = FramedProtocol {
    name: "stratum",
    hints: &[Hint::Tcp(3333)],
    carriers: &[Carrier::Tcp],
    probe,
    frames: |_| Box::new(Stratum),
};

/// Words by which a miner asks for work or gets it.
const WORDS: &[&str] = &[
    "\"mining.subscribe\"",
    "\"mining.authorize\"",
    "\"mining.notify\"",
    "\"mining.configure\"",
    "\"eth_submitlogin\"",
];

fn probe(_carrier: Carrier, head: &[u8]) -> Probe {
    if head.first() != Some(&b'{') {
        return if head.is_empty() { Probe::NeedMore } else { Probe::No };
    }
    match lines::first(head) {
        None => Probe::No,
        Some(None) => Probe::NeedMore,
        Some(Some(line)) => {
            let monero = ["\"login\"", "\"pass\"", "\"agent\"", "\"method\""].iter().all(|word| holds(line, word));
            let is_it = line.ends_with('}') && (monero || WORDS.iter().any(|word| holds(line, word)));
            if is_it { Probe::Yes } else { Probe::No }
        }
    }
}

/// Stratum lines.
struct Stratum;

/// The text that follows `"key":` in a line, without escapes.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(key)?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    let (text, _) = rest.strip_prefix('"')?.split_once('"')?;
    (!text.is_empty() && !text.contains('\\')).then_some(text)
}

impl Frames for Stratum {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        lines::frame(bytes, "stratum line")
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        lines::begins(bytes, |line| line.starts_with(b"{\"") || line.starts_with(b"{ \""))
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let Some(line) = printable(bytes) else { return Ok(()) };
        let Some(method) = value(line, "\"method\"") else { return Ok(()) };
        let mut acts = Acts::new();
        let object = Object::Named("mining");
        if method.ends_with("authorize") || holds(method, "login") {
            acts.request(Verb::Login, object);
            acts.odd("clear-text-credentials");
        } else if method.ends_with("subscribe") {
            acts.request(Verb::Read, object);
        } else if method.contains("submit") {
            acts.request(Verb::Write, object);
        }
        acts.says_text(Attribute::ClientHint, value(line, "\"agent\""), 70, "stratum.agent");
        emit.message("method", &mut acts, &Shown(|visit| visit.text("method", method)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::Conversation;
    use dogwatch_model::Direction::ToServer;

    #[test]
    fn a_miner() {
        let monero =
            b"{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"4abc\",\"pass\":\"x\",\"agent\":\"XMRig/6\"}}\n";
        let mut conversation = Conversation::new(&STRATUM, Carrier::Tcp, 3333);
        conversation.send(ToServer, monero);
        let seen = &conversation.heard.seen[0];
        assert_eq!(
            seen.acts,
            ["request login mining", "odd clear-text-credentials", "says client_hint=XMRig/6 (stratum.agent)"]
        );
        for (bytes, want) in [
            (&monero[..], Probe::Yes),
            (b"{\"id\": 1, \"method\": \"mining.subscribe\", \"params\": []}\n", Probe::Yes),
            (b"{\"method\":\"login\"}\n", Probe::No),
            (b"{\"updates\":", Probe::NeedMore),
            (b"GET / HTTP/1.1\r\n", Probe::No),
        ] {
            assert_eq!(STRATUM.probe(Carrier::Tcp, ToServer, bytes), want, "{bytes:?}");
        }
    }
}
