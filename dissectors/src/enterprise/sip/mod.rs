//! SIP: telephones that register and call. The object of a request is the host it is sent to.
//!
//! Deliberately not read: session descriptions (where the voice goes), SIP over TLS. Credentials are digests; they are noticed, never kept.
//!
//! Specification: RFC 3261 clauses 7, 18.3 and 20; methods of RFC 3262, 3265, 3311, 3428, 3515, 3903, 6086.

use dogwatch_model::{Attribute, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::block::{self, Block, Start, Words};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// SIP.
pub(crate) static SIP: FramedProtocol = FramedProtocol {
    name: "sip",
    hints: &[Hint::Udp(5060), Hint::Tcp(5060)],
    carriers: &[Carrier::Udp, Carrier::Tcp],
    probe: |_, head| match WORDS.begins(head) {
        None => Probe::NeedMore,
        Some(true) => Probe::Yes,
        Some(false) => Probe::No,
    },
    frames: |_| Box::new(Sip { showed_credentials: false }),
};

const WORDS: Words = Words {
    version: "SIP/2.0",
    methods: &[
        "REGISTER",
        "INVITE",
        "ACK",
        "BYE",
        "CANCEL",
        "OPTIONS",
        "SUBSCRIBE",
        "NOTIFY",
        "PUBLISH",
        "MESSAGE",
        "REFER",
        "INFO",
        "UPDATE",
        "PRACK",
    ],
};

/// Shorter datagrams only keep an address translation open, whatever stands in them.
const SHORTEST: usize = 16;

/// SIP messages of one flow.
struct Sip {
    /// Whether the last registration came with credentials: only then is "unauthorised" a refusal and not the question for them.
    showed_credentials: bool,
}

/// What a method does.
fn verb(method: &str) -> Verb {
    match method {
        "REGISTER" => Verb::Login,
        "OPTIONS" => Verb::Discover,
        "SUBSCRIBE" => Verb::Read,
        "MESSAGE" | "INVITE" | "INFO" => Verb::Transfer,
        _ => Verb::Control,
    }
}

/// The address in a From or To field: inside angle brackets if there are any, without parameters.
fn address(field: &str) -> &str {
    let inside = field.split_once('<').map(|(_, rest)| rest.split('>').next().unwrap_or(rest));
    let address = inside.unwrap_or_else(|| field.split(';').next().unwrap_or(field));
    address.trim()
}

/// The host of a SIP address: behind the account, before port and parameters.
fn host(uri: &str) -> Option<&str> {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let end = rest.find([';', '?', '>']).unwrap_or(rest.len());
    let rest = rest.get(..end)?;
    let host = if rest.starts_with('[') {
        rest.split_once(']').map_or(rest, |(host, _)| host).trim_start_matches('[')
    } else {
        rest.split(':').next().unwrap_or(rest)
    };
    (!host.is_empty()).then_some(host)
}

impl Frames for Sip {
    fn frame(&self, carrier: Carrier, bytes: &[u8]) -> Frame {
        // Empty lines keep a connection through address translation alive (RFC 5626).
        if let Some(blank) = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n' | 0))
            && blank > 0
        {
            return Frame::Whole { len: blank, need: 1 };
        }
        if matches!(bytes, [b'\r' | b'\n' | 0, ..]) || (!carrier.is_stream() && bytes.len() < SHORTEST) {
            return Frame::Whole { len: bytes.len(), need: 1 };
        }
        if WORDS.begins(bytes) == Some(false) {
            return Frame::Lost(ParseError::Malformed { what: "sip", at: 0, why: "no start line" });
        }
        match block::length(bytes) {
            Some(need) => {
                let body =
                    bytes.get(..need).and_then(|bytes| WORDS.parse(bytes)).map_or(0, |block| block.body_length());
                let len = if carrier.is_stream() { need.saturating_add(body) } else { bytes.len() };
                Frame::Whole { len, need: if carrier.is_stream() { need } else { bytes.len() } }
            }
            // A datagram may end without the empty line.
            None if !carrier.is_stream() => Frame::whole(bytes.len()),
            None if bytes.len() >= block::LONGEST => {
                Frame::Lost(ParseError::Malformed { what: "sip", at: 0, why: "header too long" })
            }
            None => Frame::More,
        }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        match WORDS.begins(bytes) {
            None => Probe::NeedMore,
            Some(true) => Probe::Yes,
            Some(false) => Probe::No,
        }
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        // What is passed over is handed in by its first byte.
        if bytes.len() < SHORTEST {
            return Ok(());
        }
        let block = WORDS.parse(bytes).ok_or(ParseError::Malformed { what: "sip", at: 0, why: "no start line" })?;
        self.tell(&block, emit);
        Ok(())
    }
}

impl Sip {
    fn tell(&mut self, block: &Block<'_>, emit: &mut Emit<'_>) {
        let (agent, server) = (block.field("user-agent", ""), block.field("server", ""));
        let (from, to) = (block.field("from", "f").map(address), block.field("to", "t").map(address));
        let sequence = block.field("cseq", "").and_then(|text| text.split_once(' ')).map(|(_, method)| method.trim());
        let mut acts = Acts::new();
        let kind = match block.start {
            Start::Request { method, target } => {
                let object = host(target).map_or(Object::Device { unit: None }, Object::Named);
                acts.request(verb(method), object);
                if method == "REGISTER" {
                    self.showed_credentials = block.field("authorization", "").is_some();
                }
                "request"
            }
            Start::Response { code } => {
                let object = to.and_then(host).map_or(Object::Device { unit: None }, Object::Named);
                let asks = matches!(code, 401 | 407) && !(sequence == Some("REGISTER") && self.showed_credentials);
                if code >= 200 {
                    acts.reply(verb(sequence.unwrap_or("INVITE")), object, code >= 400 && !asks);
                }
                "response"
            }
        };
        // What a telephone calls itself; a proxy passes the words of others on, hence no more than a hint.
        acts.says_text(Attribute::ClientHint, agent, 60, "sip.user-agent");
        acts.says_text(Attribute::SoftwareVersion, server, 60, "sip.server");
        let fields = Shown(|visit| {
            match block.start {
                Start::Request { method, target } => {
                    visit.text("method", method);
                    visit.text("r_uri", target);
                }
                Start::Response { code } => visit.number("status_code", code),
            }
            visit.maybe_text("from_addr", from);
            visit.maybe_text("to_addr", to);
            visit.maybe_text("user_agent", agent);
            visit.maybe_text("server", server);
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

    const REGISTER: &str = "REGISTER sip:pbx.ship.example:5060 SIP/2.0\r\nFrom: \"A\" <sip:101@pbx.ship.example>;tag=1\r\n\
        To: sip:101@pbx.ship.example;x=1\r\nCSeq: 2 REGISTER\r\nUser-Agent: Phone/1\r\n";

    #[test]
    fn a_registration_refused() {
        let mut conversation = Conversation::new(&SIP, Carrier::Udp, 5060);
        let answer = "SIP/2.0 401 Unauthorized\r\nTo: <sip:101@pbx.ship.example>\r\nCSeq: 2 REGISTER\r\n\r\n";
        conversation.send(ToServer, format!("{REGISTER}\r\n").as_bytes());
        conversation.send(ToClient, answer.as_bytes());
        conversation.send(ToServer, format!("{REGISTER}Authorization: Digest response=\"secret\"\r\n\r\n").as_bytes());
        conversation.send(ToClient, answer.as_bytes());
        let seen = &conversation.heard.seen;
        assert_eq!(seen[0].acts, ["request login pbx.ship.example", "says client_hint=Phone/1 (sip.user-agent)"]);
        assert_eq!(
            (seen[0].field("from_addr"), seen[0].field("to_addr")),
            ("sip:101@pbx.ship.example".into(), "sip:101@pbx.ship.example".into())
        );
        assert_eq!(seen[1].acts, ["reply login pbx.ship.example"], "the question for credentials is no refusal");
        assert_eq!(seen[3].acts, ["refusal login pbx.ship.example"]);
        assert!(!format!("{seen:?}").contains("secret"));
    }

    #[test]
    fn bodies_are_passed_over_on_streams() {
        let mut conversation = Conversation::new(&SIP, Carrier::Tcp, 5060);
        conversation.send(
            ToServer,
            b"INVITE sip:a@[2001:db8::1]:5060 SIP/2.0\r\nContent-Length: 3\r\n\r\nv=0\r\n\r\nBYE sip:a@b SIP/2.0\r\n\r\n",
        );
        let seen = &conversation.heard.seen;
        assert_eq!(seen[0].acts, ["request transfer 2001:db8::1"]);
        assert_eq!(seen[1].acts, ["request control b"]);
        assert!(conversation.heard.errors.is_empty());
    }

    #[test]
    fn what_the_first_bytes_tell() {
        for (bytes, want) in [
            (&b"OPTIONS rtsp://a RTSP/1.0\r\n"[..], Probe::No),
            (b"OPTIONS * HTTP/1.1\r\n", Probe::No),
            (b"OPTIONS sip:a SIP/2.0\r\n", Probe::Yes),
            (b"SIP/", Probe::NeedMore),
        ] {
            assert_eq!(SIP.probe(Carrier::Tcp, ToServer, bytes), want, "{bytes:?}");
        }
    }
}
