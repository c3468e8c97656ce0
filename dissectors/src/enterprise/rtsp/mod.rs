//! RTSP: who watches which camera.
//!
//! Deliberately not read: the pictures, whether interleaved in the connection (passed over) or beside it (RTP).
//!
//! Specification: RFC 2326 clauses 6, 7 and 10.12 (interleaving), RFC 7826.

use dogwatch_model::{Act, Attribute, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::base64::basic_account;
use crate::block::{self, Block, Start, Words};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// RTSP.
pub(crate) static RTSP: FramedProtocol = FramedProtocol {
    name: "rtsp",
    hints: &[Hint::Tcp(554), Hint::Tcp(8554)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| match begins(head) {
        None => Probe::NeedMore,
        Some(true) => Probe::Yes,
        Some(false) => Probe::No,
    },
    frames: |_| Box::new(Rtsp { last: Verb::Read, showed_credentials: false }),
};

const METHODS: &[&str] = &[
    "OPTIONS",
    "DESCRIBE",
    "ANNOUNCE",
    "SETUP",
    "PLAY",
    "PAUSE",
    "TEARDOWN",
    "GET_PARAMETER",
    "SET_PARAMETER",
    "REDIRECT",
    "RECORD",
    "PLAY_NOTIFY",
];
const VERSION_1: Words = Words { version: "RTSP/1.0", methods: METHODS };
const VERSION_2: Words = Words { version: "RTSP/2.0", methods: METHODS };

fn begins(bytes: &[u8]) -> Option<bool> {
    match (VERSION_1.begins(bytes), VERSION_2.begins(bytes)) {
        (Some(false), other) | (other, Some(false)) => other,
        (one, _) => one,
    }
}

/// RTSP messages of one flow.
struct Rtsp {
    last: Verb,
    showed_credentials: bool,
}

fn verb(method: &str) -> Verb {
    match method {
        "OPTIONS" => Verb::Discover,
        "ANNOUNCE" | "SET_PARAMETER" => Verb::Write,
        "SETUP" | "PAUSE" | "TEARDOWN" | "REDIRECT" => Verb::Control,
        _ => Verb::Read,
    }
}

/// The host of `rtsp://user:word@host:554/path`.
fn host(url: &str) -> Option<&str> {
    let rest = url.split_once("://").map(|(_, rest)| rest)?;
    let rest = rest.split('/').next().unwrap_or(rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = rest.strip_prefix('[').and_then(|rest| rest.split(']').next()).or_else(|| rest.split(':').next())?;
    (!host.is_empty()).then_some(host)
}

/// Whether an address carries a password: what stands before `@` in it.
fn has_credentials(url: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    rest.split('/').next().is_some_and(|authority| authority.contains('@'))
}

impl Frames for Rtsp {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        match bytes {
            // Interleaved data: a dollar sign, the channel, the length.
            [b'$', _, h, l, ..] => {
                let len = usize::from(u16::from_be_bytes([*h, *l])).saturating_add(4);
                return Frame::Whole { len, need: 4 };
            }
            [b'$', ..] => return Frame::More,
            [b'\r' | b'\n', ..] => return Frame::whole(1),
            _ => {}
        }
        if begins(bytes) == Some(false) {
            return Frame::Lost(ParseError::Malformed { what: "rtsp", at: 0, why: "no start line" });
        }
        match block::length(bytes) {
            Some(need) => {
                let body = bytes.get(..need).and_then(parse).map_or(0, |block| block.body_length());
                Frame::Whole { len: need.saturating_add(body), need }
            }
            None if bytes.len() >= block::LONGEST => {
                Frame::Lost(ParseError::Malformed { what: "rtsp", at: 0, why: "header too long" })
            }
            None => Frame::More,
        }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        match begins(bytes) {
            None => Probe::NeedMore,
            Some(true) => Probe::Yes,
            Some(false) => Probe::No,
        }
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        if matches!(bytes, [b'$' | b'\r' | b'\n', ..]) {
            return Ok(());
        }
        let block = parse(bytes).ok_or(ParseError::Malformed { what: "rtsp", at: 0, why: "no start line" })?;
        match block.start {
            Start::Request { method, target } => self.request(&block, method, target, emit),
            Start::Response { code } => self.response(&block, code, emit),
        }
        Ok(())
    }
}

fn parse(bytes: &[u8]) -> Option<Block<'_>> {
    VERSION_1.parse(bytes).or_else(|| VERSION_2.parse(bytes))
}

impl Rtsp {
    fn request(&mut self, block: &Block<'_>, method: &str, target: &str, emit: &mut Emit<'_>) {
        let agent = block.field("user-agent", "");
        let object = host(target).map_or(Object::Device { unit: None }, Object::Named);
        self.last = verb(method);
        let credentials = block.field("authorization", "");
        self.showed_credentials = credentials.is_some();
        let basic = credentials.and_then(|text| text.strip_prefix("Basic "));
        basic_account(basic.unwrap_or_default(), |account| {
            let mut acts = Acts::new();
            acts.request(self.last, object);
            if credentials.is_some() {
                acts.request(Verb::Login, object);
            }
            if basic.is_some() || has_credentials(target) {
                acts.odd("clear-text-credentials");
            }
            acts.says_text(Attribute::Account, account, 75, "rtsp.basic");
            acts.says_text(Attribute::ClientHint, agent, 75, "rtsp.user-agent");
            let fields = Shown(|visit| {
                visit.text("method", method);
                if !has_credentials(target) {
                    visit.text("url", target);
                }
                visit.maybe_text("user_agent", agent);
            });
            emit.message("request", &mut acts, &fields);
        });
    }

    fn response(&mut self, block: &Block<'_>, code: u16, emit: &mut Emit<'_>) {
        let server = block.field("server", "");
        let object = Object::Device { unit: None };
        let mut acts = Acts::new();
        let asks = code == 401 && !self.showed_credentials;
        acts.reply(self.last, object, code >= 400 && !asks);
        if code == 401 && self.showed_credentials {
            acts.push(Act::Reply { verb: Verb::Login, object, refused: true });
        }
        acts.says_text(Attribute::SoftwareVersion, server, 75, "rtsp.server");
        let fields = Shown(|visit| {
            visit.number("status", code);
            visit.maybe_text("server", server);
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
    fn a_camera_with_a_password() {
        let mut conversation = Conversation::new(&RTSP, Carrier::Tcp, 554);
        conversation.send(ToServer, b"DESCRIBE rtsp://cam1:554/live RTSP/1.0\r\nCSeq: 1\r\n\r\n");
        conversation.send(ToClient, b"RTSP/1.0 401 Unauthorized\r\nServer: Cam/2\r\nContent-Length: 2\r\n\r\nno");
        conversation.send(
            ToServer,
            b"DESCRIBE rtsp://cam1/live RTSP/1.0\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n",
        );
        conversation.send(ToClient, b"RTSP/1.0 401 Unauthorized\r\n\r\n$\0\0\x02ab$\0");
        let seen = &conversation.heard.seen;
        assert_eq!(seen[0].acts, ["request read cam1"]);
        assert_eq!(seen[1].acts, ["reply read device", "says software_version=Cam/2 (rtsp.server)"]);
        assert_eq!(
            seen[2].acts,
            [
                "request read cam1",
                "request login cam1",
                "odd clear-text-credentials",
                "says account=Aladdin (rtsp.basic)"
            ]
        );
        assert_eq!(seen[3].acts, ["refusal read device", "refusal login device"]);
        assert!(!format!("{seen:?}").contains("sesame"));
    }

    #[test]
    fn an_address_with_a_password_is_not_shown() {
        let mut conversation = Conversation::new(&RTSP, Carrier::Tcp, 554);
        conversation.send(ToServer, b"PLAY rtsp://admin:12345@cam1/live RTSP/1.0\r\n\r\n");
        let seen = &conversation.heard.seen[0];
        assert_eq!(seen.acts, ["request read cam1", "odd clear-text-credentials"]);
        assert!(!format!("{seen:?}").contains("12345"));
    }

    #[test]
    fn what_the_first_bytes_tell() {
        for (bytes, want) in [
            (&b"OPTIONS rtsp://a RTSP/1.0\r\n"[..], Probe::Yes),
            (b"OPTIONS sip:a SIP/2.0\r\n", Probe::No),
            (b"RTSP/2.0 200 OK\r\n", Probe::Yes),
            (b"$\0\0\0", Probe::No),
        ] {
            assert_eq!(RTSP.probe(Carrier::Tcp, ToServer, bytes), want, "{bytes:?}");
        }
    }
}
