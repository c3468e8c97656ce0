//! HTTP/1 and SSDP (the same header block over UDP).
//!
//! Reads header blocks: method, host, server and client software. The object of a request is the server's name, which is what a policy allows.
//! Of a body of stated length the first bytes are looked at: whether it is a program (of a form with parts, the first part).
//! Deliberately not read: the rest of bodies, what comes in chunks, HTTP/2 and 3. Behind an answer that ends with its connection the rest of that
//! direction is passed over. A server whose first bytes to a request are neither a status line nor a bare page speaks something else, which a
//! scanner met by asking it in HTTP: the flow is given up.
//!
//! Specifications: RFC 9110, RFC 9112; UPnP Device Architecture 2.0 clause 1.

mod chunks;
pub(crate) mod header;

use std::collections::VecDeque;

use dogwatch_model::{Act, Attribute, Direction, FactValue, Object, Verb};

use self::chunks::{Chunk as Part, chunk};
use self::header::{Header, Start};
use crate::acts::{Acts, Emit, Shown};
use crate::datagram::DatagramProtocol;
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::program;
use crate::{Carrier, Chunk, Hint, Limits, ParseError, Probe};

/// Bodies shorter than this are not looked at: no program is as short, and most answers of small servers are.
const SHORT: usize = 1_024;
/// Bytes of a form with parts that are looked at for the front of the first part (RFC 7578).
const FORM: usize = 512;

/// HTTP/1.
pub(crate) static HTTP: FramedProtocol = FramedProtocol {
    name: "http",
    hints: &[Hint::Tcp(80), Hint::Tcp(8080), Hint::Tcp(8000)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| answer(header::begins(head)),
    frames,
};

/// The messages of a connection, for what is HTTP under another name.
pub(crate) fn frames(limits: &Limits) -> Box<dyn Frames> {
    Box::new(Http::new(limits))
}

/// Discovery by UPnP.
pub(crate) static SSDP: DatagramProtocol = DatagramProtocol {
    name: "ssdp",
    hints: &[Hint::Udp(1900)],
    carriers: &[Carrier::Udp],
    probe: |head| match header::parse(head).map(|header| header.start) {
        Some(Start::Request { method: "NOTIFY" | "M-SEARCH", .. }) => Probe::Yes,
        Some(Start::Response { code: 200 }) => Probe::Yes,
        _ => Probe::No,
    },
    read: ssdp,
};

const fn answer(known: Option<bool>) -> Probe {
    match known {
        None => Probe::NeedMore,
        Some(true) => Probe::Yes,
        Some(false) => Probe::No,
    }
}

const MALFORMED: ParseError = ParseError::Malformed { what: "http header", at: 0, why: "no start line" };

/// What a method does to the server.
fn verb(method: &str) -> Verb {
    match method {
        "POST" | "PUT" | "PATCH" | "DELETE" | "PROPPATCH" | "MKCOL" | "COPY" | "MOVE" | "LOCK" | "UNLOCK" => {
            Verb::Write
        }
        "OPTIONS" => Verb::Discover,
        "CONNECT" => Verb::Transfer,
        _ => Verb::Read,
    }
}

/// One request that waits for its answer.
#[derive(Debug, Clone, Copy)]
struct Asked {
    verb: Verb,
    /// It came with credentials.
    logs_in: bool,
    /// It asked for the header only: whatever length the answer states, nothing follows.
    is_head: bool,
}

/// One HTTP conversation.
struct Http {
    /// What was asked and not answered yet.
    open: VecDeque<Asked>,
    limit: usize,
    /// That a password goes in clear has been told.
    told_weak: bool,
    /// The server has answered in HTTP.
    is_answered: bool,
    /// A header has told of a body in chunks: what looks like one is passed over.
    has_chunks: bool,
}

impl Http {
    fn new(limits: &Limits) -> Self {
        Self {
            open: VecDeque::new(),
            limit: limits.open_requests.max(1),
            told_weak: false,
            is_answered: false,
            has_chunks: false,
        }
    }

    fn request(&mut self, header: &Header<'_>, (method, target): (&str, &str), body: &[u8], emit: &mut Emit<'_>) {
        let verb = verb(method);
        if self.open.len() >= self.limit {
            self.open.pop_front();
        }
        let credentials = header.field("authorization");
        self.open.push_back(Asked { verb, logs_in: credentials.is_some(), is_head: method == "HEAD" });
        let (host, agent) = (header.field("host"), header.field("user-agent"));
        // A name is what a policy lists; the port behind it is known from the connection.
        let name = host.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name));
        let object = name.map_or(Object::Device { unit: None }, Object::Named);
        let mut acts = Acts::new();
        acts.request(verb, object);
        if let Some(credentials) = credentials {
            acts.request(Verb::Login, object);
            let scheme = credentials.split(' ').next().unwrap_or_default();
            if scheme.eq_ignore_ascii_case("basic") && !self.told_weak {
                self.told_weak = true;
                acts.odd("weak.http-basic");
            }
        }
        acts.says_text(Attribute::ClientHint, agent, 75, "http.user-agent");
        carried(header, body, &mut acts);
        let fields = Shown(|visit| {
            visit.text("request_method", method);
            visit.text("request_uri", target);
            visit.maybe_text("host", host);
            visit.maybe_text("user_agent", agent);
            visit.maybe("content_length", stated_length(header));
        });
        emit.message("request", &mut acts, &fields);
    }

    fn response(&mut self, header: &Header<'_>, code: u16, body: &[u8], emit: &mut Emit<'_>) {
        self.is_answered = true;
        let server = header.field("server");
        let mut acts = Acts::new();
        // 1xx comes before the answer proper.
        if code >= 200 {
            let asked = self.open.pop_front().unwrap_or(Asked { verb: Verb::Read, logs_in: false, is_head: false });
            acts.reply(asked.verb, Object::Device { unit: None }, code >= 400);
            if asked.logs_in {
                acts.reply(Verb::Login, Object::Device { unit: None }, code == 401);
            }
        }
        acts.says_text(Attribute::SoftwareVersion, server, 75, "http.server");
        carried(header, body, &mut acts);
        let fields = Shown(|visit| {
            visit.number("response_code", code);
            visit.maybe("content_length", stated_length(header));
            visit.maybe_text("server", server);
            visit.maybe_text("www_authenticate", header.field("www-authenticate"));
        });
        emit.message("response", &mut acts, &fields);
    }
}

/// The length a header states.
fn stated_length(header: &Header<'_>) -> Option<u64> {
    header.field("content-length").and_then(|text| text.parse().ok())
}

/// Whether the body is a form with parts, each with a header of its own.
fn is_form(header: &Header<'_>) -> bool {
    header
        .field("content-type")
        .is_some_and(|kind| kind.get(..10).is_some_and(|front| front.eq_ignore_ascii_case("multipart/")))
}

/// Bytes of a body that are looked at.
fn looked_at(header: &Header<'_>, body: usize) -> usize {
    // what is compressed or comes in chunks does not begin with what it is
    if body < SHORT || body == usize::MAX || header.field("content-encoding").is_some() {
        0
    } else if is_form(header) {
        FORM
    } else {
        program::ENOUGH
    }
}

/// Notes that a program comes with the message.
fn carried(header: &Header<'_>, body: &[u8], acts: &mut Acts<'_>) {
    let front =
        if is_form(header) { header::length(body).and_then(|part| body.get(part..)).unwrap_or_default() } else { body };
    if let Some(kind) = program::kind(front) {
        acts.odd(kind);
    }
}

/// Whether the last coding of a body is that in chunks (RFC 9112 clause 6.1).
fn is_chunked(coding: &str) -> bool {
    coding.rsplit(',').next().is_some_and(|last| last.trim().eq_ignore_ascii_case("chunked"))
}

/// Bytes of body behind a header; `None` when only the end of the connection tells.
fn body_length(header: &Header<'_>) -> Option<usize> {
    if let Some(coding) = header.field("transfer-encoding") {
        // Chunks tell their lengths themselves, one by one.
        return is_chunked(coding).then_some(0);
    }
    let stated = header.field("content-length").and_then(|text| text.parse().ok());
    match header.start {
        Start::Request { .. } => Some(stated.unwrap_or(0)),
        Start::Response { code: 101 } => None,
        Start::Response { code: 100..=199 | 204 | 304 } => Some(0),
        Start::Response { .. } => stated,
    }
}

impl Frames for Http {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        if self.has_chunks {
            match chunk(bytes) {
                Part::Whole { line, all } => return Frame::Whole { len: all, need: line },
                Part::More => return Frame::More,
                Part::None => {}
            }
        }
        match header::length(bytes) {
            Some(need) => match bytes.get(..need).and_then(header::parse) {
                Some(header) => {
                    let is_answer = matches!(header.start, Start::Response { .. });
                    let is_bare = is_answer && self.open.front().is_some_and(|asked| asked.is_head);
                    let body = if is_bare { 0 } else { body_length(&header).unwrap_or(usize::MAX) };
                    let need_of_body = looked_at(&header, body);
                    Frame::Whole { len: need.saturating_add(body), need: need.saturating_add(need_of_body) }
                }
                None => Frame::Lost(MALFORMED),
            },
            None if bytes.len() >= header::LONGEST || header::begins(bytes) == Some(false) => Frame::Lost(MALFORMED),
            None => Frame::More,
        }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        answer(header::begins(bytes))
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        // Of a chunk only the line in front is looked at; that of the last one has fields behind it.
        if self.has_chunks && chunk(bytes) != Part::None {
            return Ok(());
        }
        let (block, body) = header::length(bytes).and_then(|end| bytes.split_at_checked(end)).ok_or(MALFORMED)?;
        let header = header::parse(block).ok_or(MALFORMED)?;
        self.has_chunks |= header.field("transfer-encoding").is_some_and(is_chunked);
        match header.start {
            Start::Request { method, target } => self.request(&header, (method, target), body, emit),
            Start::Response { code } => self.response(&header, code, body, emit),
        }
        Ok(())
    }

    fn lost(&mut self, _direction: Direction) {
        self.open.clear();
    }

    fn disowns(&self, direction: Direction, bytes: &[u8]) -> bool {
        // Old embedded servers send the page and nothing else; radio streams begin with a word of their own.
        let is_bare_answer = bytes.trim_ascii_start().starts_with(b"<") || bytes.starts_with(b"ICY ");
        direction == Direction::ToClient && !self.is_answered && !self.open.is_empty() && !is_bare_answer
    }
}

fn ssdp(chunk: &Chunk<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
    let header = header::parse(chunk.bytes).ok_or(MALFORMED)?;
    let target = header.field("nt").or_else(|| header.field("st"));
    let object = target.map_or(Object::Device { unit: None }, Object::Named);
    let server = header.field("server");
    let mut acts = Acts::new();
    let kind = match header.start {
        Start::Request { method: "M-SEARCH", .. } => {
            acts.request(Verb::Discover, object);
            "search"
        }
        Start::Request { .. } => {
            acts.push(Act::Publishes { object });
            "notify"
        }
        Start::Response { code } => {
            acts.reply(Verb::Discover, object, code != 200);
            "response"
        }
    };
    acts.says_text(Attribute::SoftwareVersion, server, 75, "ssdp.server");
    acts.says_text(Attribute::Service, header.field("location"), 75, "ssdp.location");
    if let Some(agent) = header.field("user-agent") {
        acts.says(Attribute::ClientHint, FactValue::Text(agent), 75, "ssdp.user-agent");
    }
    let fields = Shown(|visit| {
        match header.start {
            Start::Request { method, .. } => visit.text("request_method", method),
            Start::Response { code } => visit.number("response_code", code),
        }
        visit.maybe_text("server", server);
        visit.maybe_text("location", header.field("location"));
        visit.maybe_text("target", target);
        visit.maybe_text("usn", header.field("usn"));
    });
    emit.message(kind, &mut acts, &fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, datagram};
    use dogwatch_model::Direction::{ToClient, ToServer};

    #[test]
    fn a_server_that_speaks_something_else() {
        // RFC 9112 clause 4: an answer begins with a status line. RFC 4253 clause 4.2: this one is of SSH.
        let ask = b"GET / HTTP/1.1\r\nHost: gate\r\n\r\n";
        for (answer, gives_up) in [
            (&b"SSH-2.0-OpenSSH_9.6\r\n"[..], true),
            (b"\x15\x03\x01\x00\x02\x02\x46", true),
            (b"HTTP/1.1 400 Bad\r\n\r\n", false),
            (b"<html>", false),
        ] {
            let mut conversation = Conversation::new(&HTTP, Carrier::Tcp, 80);
            conversation.send(ToServer, ask);
            conversation.send(ToClient, answer);
            assert_eq!(conversation.gave_up, gives_up, "{answer:?}");
            assert_eq!(conversation.heard.seen[0].field("host"), "gate", "the question is told all the same");
        }
        // Joined in the middle of an answer: its rest proves nothing.
        let mut conversation = Conversation::new(&HTTP, Carrier::Tcp, 80);
        conversation.send(ToClient, b"\x01\x02 the rest of a picture");
        conversation.send(ToServer, ask);
        conversation.send(ToClient, b"HTTP/1.1 200 OK\r\n\r\n");
        assert!(!conversation.gave_up);
    }

    #[test]
    fn a_conversation() {
        let mut conversation = Conversation::new(&HTTP, Carrier::Tcp, 80);
        conversation.send(
            ToServer,
            b"GET /a HTTP/1.1\r\nHost: hmi.bridge:8080\r\nUser-Agent: curl/8\r\n\r\n\
              POST /b HTTP/1.1\r\nHost: hmi.bridge\r\nContent-Length: 5\r\nAuthorization: Basic x\r\n\r\nhello\
              DELETE /c HTTP/1.1\r\nHost: hmi.bridge\r\n\r\n",
        );
        conversation.send(
            ToClient,
            b"HTTP/1.1 200 OK\r\nServer: GoAhead-Webs\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        );
        let acts: Vec<_> = conversation.heard.seen.iter().map(|seen| seen.acts.clone()).collect();
        assert_eq!(
            acts,
            [
                vec!["request read hmi.bridge", "says client_hint=curl/8 (http.user-agent)"],
                vec!["request write hmi.bridge", "request login hmi.bridge", "odd weak.http-basic"],
                vec!["request write hmi.bridge"],
                vec!["reply read device", "says software_version=GoAhead-Webs (http.server)"],
                vec!["refusal write device", "refusal login device"],
            ]
        );
    }

    #[test]
    fn programs_either_way() {
        let mut program = b"\x7fELF\x01\x01\x01".to_vec();
        program.resize(5_000, b'x');
        let with = |start: &str, kind: &str, body: &[u8]| {
            let mut bytes =
                format!("{start}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
            bytes.extend_from_slice(body);
            bytes
        };
        let form = [&b"--b\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n"[..], &program].concat();
        let page = [b'<'; 5_000];
        for (direction, bytes, want) in [
            (ToClient, with("HTTP/1.1 200 OK", "text/html", &program), true),
            (ToClient, with("HTTP/1.1 200 OK", "text/html", &page), false),
            (ToServer, with("PUT /fw HTTP/1.1", "application/octet-stream", &program), true),
            (ToServer, with("POST /fw HTTP/1.1", "multipart/form-data; boundary=b", &form), true),
            (ToServer, with("POST /fw HTTP/1.1", "text/plain", &form), false),
        ] {
            let mut conversation = Conversation::new(&HTTP, Carrier::Tcp, 80);
            conversation.send(direction, &bytes);
            let seen = &conversation.heard.seen;
            assert_eq!(seen.len(), 1);
            assert_eq!(seen[0].acts.contains(&"odd program.elf".to_owned()), want, "{:?}", seen[0].acts);
        }
    }

    #[test]
    fn answers_behind_one_in_chunks() {
        let answers = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
            5\r\nHTTP/\r\n11;a=b\r\n0123456789abcdef\n\r\n0\r\nExpires: 0\r\n\r\n\
            HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n";
        for cut in 0..answers.len() {
            let mut conversation = Conversation::new(&HTTP, Carrier::Tcp, 80);
            conversation.send(ToServer, b"GET /a HTTP/1.1\r\n\r\nDELETE /b HTTP/1.1\r\n\r\n");
            let (front, rest) = answers.split_at(cut);
            conversation.send(ToClient, front);
            conversation.send(ToClient, rest);
            let codes: Vec<_> =
                conversation.heard.seen[2..].iter().map(|seen| seen.field("response_code").to_owned()).collect();
            assert_eq!(
                (codes, conversation.heard.errors.len()),
                (vec!["200".to_owned(), "404".to_owned()], 0),
                "{cut}"
            );
        }
    }

    #[test]
    fn an_answer_to_head_has_no_body() {
        let mut conversation = Conversation::new(&HTTP, Carrier::Tcp, 80);
        conversation.send(ToServer, b"HEAD /a HTTP/1.1\r\n\r\nGET /a HTTP/1.1\r\n\r\n");
        conversation.send(
            ToClient,
            b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
        );
        assert_eq!(conversation.heard.seen.len(), 4);
    }

    #[test]
    fn a_header_that_never_ends_is_let_go() {
        let mut conversation = Conversation::new(&HTTP, Carrier::Tcp, 80);
        conversation.send(ToServer, b"GET / HTTP/1.1\r\n");
        for _ in 0..40 {
            let left = conversation.send(ToServer, &[b'a'; 1_024]);
            assert!(left <= header::LONGEST);
        }
        assert_eq!(conversation.heard.errors[0].kind(), "malformed");
    }

    #[test]
    fn discovery() {
        let heard = datagram(
            &SSDP,
            Carrier::Udp,
            1900,
            b"NOTIFY * HTTP/1.1\r\nNT: upnp:rootdevice\r\nSERVER: CE/6 UPnP/1.0\r\n\r\n",
        );
        assert_eq!(
            heard.seen[0].acts,
            ["publishes upnp:rootdevice", "says software_version=CE/6 UPnP/1.0 (ssdp.server)"]
        );
        assert_eq!(SSDP.probe(Carrier::Udp, ToServer, b"M-SEARCH * HTTP/1.1\r\nST: ssdp:all\r\n\r\n"), Probe::Yes);
        assert_eq!(SSDP.probe(Carrier::Udp, ToServer, b"GET / HTTP/1.1\r\n\r\n"), Probe::No);
    }
}
