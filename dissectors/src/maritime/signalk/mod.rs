//! Signal K: ship's data as JSON, a line each over TCP (8375) or UDP, or a WebSocket frame each after `GET /signalk/v1/stream`.
//!
//! Read: the greeting (`hello`: server, version, own ship), deltas (who tells what paths are shown as fields), changes asked for (`put`),
//! subscriptions. Follows the Signal K specification 1.7 (signalk.org), "Streaming API" and "Data model".
//!
//! Not read: the HTTP part beyond the request that opens the stream, fragmented or compressed WebSocket messages, and what clients send in
//! WebSocket frames (they are masked; they are counted past).

use dogwatch_model::{Act, Attribute, Direction, FactValue, FieldValue, FieldVisitor, Fields, Object, Verb};

use super::gofree::json::{Listener, Scalar, Show, walk};
use crate::acts::{Acts, Emit, Told};
use crate::{Carrier, Chunk, Dissector, Hint, Limits, ParseError, Probe, Progress, Protocol, Sink};

const NAME: &str = "signalk";
const METHOD: &str = "signalk.hello";
/// The longest line or frame read, and the longest HTTP head.
const LONGEST: usize = 16 * 1024;
const STREAM: &[u8] = b"GET /signalk/v1/stream";
const SWITCHED: &[u8] = b"HTTP/1.1 101";

/// The protocol.
#[derive(Debug)]
pub(crate) struct SignalK;

impl Protocol for SignalK {
    fn name(&self) -> &'static str {
        NAME
    }

    fn hints(&self) -> &'static [Hint] {
        &[Hint::Tcp(8_375), Hint::Udp(8_375), Hint::Tcp(3_000)]
    }

    fn carriers(&self) -> &'static [Carrier] {
        &[Carrier::Tcp, Carrier::Udp]
    }

    fn probe(&self, carrier: Carrier, _direction: Direction, head: &[u8]) -> Probe {
        if carrier == Carrier::Tcp {
            if head.starts_with(STREAM) {
                return Probe::Yes;
            }
            if !head.is_empty() && STREAM.starts_with(head) {
                return Probe::NeedMore;
            }
        }
        let head = head.trim_ascii_start();
        if head.first() != Some(&b'{') {
            return Probe::No;
        }
        let line = match memchr::memchr(b'\n', head) {
            Some(end) => head.get(..end).unwrap_or_default(),
            None if carrier == Carrier::Udp => head,
            None if head.len() < LONGEST => return Probe::NeedMore,
            None => return Probe::No,
        };
        if Content::of(line).is_some_and(|content| content.kind().is_some()) { Probe::Yes } else { Probe::No }
    }

    fn open(&self, limits: &Limits) -> Box<dyn Dissector> {
        Box::new(Flow { told: Told::new(limits.bus_devices), messages: 0, failures: 0, framed: [false; 2] })
    }
}

/// What the members of one object's top level tell.
#[derive(Default)]
struct Content<'a> {
    text: &'a str,
    name: Option<&'a str>,
    version: Option<&'a str>,
    own: Option<&'a str>,
    roles: bool,
    context: Option<&'a str>,
    updates: bool,
    put: bool,
    subscribe: bool,
    request: bool,
}

impl<'a> Content<'a> {
    /// Walks one JSON text; `None` when it is no whole object.
    fn of(line: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?;
        let mut content = Self { text, ..Self::default() };
        walk(text, &mut content).then_some(content)
    }

    fn kind(&self) -> Option<&'static str> {
        if self.updates {
            return Some("delta");
        }
        match (self.version.is_some() && self.roles, self.put, self.subscribe && self.context.is_some()) {
            (true, ..) => Some("hello"),
            (_, true, _) if self.request || self.context.is_some() => Some("put"),
            (.., true) => Some("subscribe"),
            _ => None,
        }
    }

    /// The MMSI in `vessels.urn:mrn:imo:mmsi:230099999`.
    fn mmsi(&self) -> Option<u64> {
        self.own?.rsplit_once("mmsi:")?.1.parse().ok().filter(|mmsi| (1..=999_999_999).contains(mmsi))
    }
}

impl<'a> Listener<'a> for Content<'a> {
    fn scalar(&mut self, depth: usize, name: &'a str, value: Scalar<'a>) {
        if depth == 1 {
            match name {
                "name" => self.name = Some(value.as_str()),
                "version" => self.version = Some(value.as_str()),
                "self" => self.own = Some(value.as_str()),
                "context" => self.context = Some(value.as_str()),
                "requestId" => self.request = true,
                _ => {}
            }
        }
    }

    fn open(&mut self, depth: usize, name: &'a str, is_object: bool) {
        if depth == 1 {
            match (name, is_object) {
                ("roles", false) => self.roles = true,
                ("updates", false) => self.updates = true,
                ("put", _) => self.put = true,
                ("subscribe", false) => self.subscribe = true,
                _ => {}
            }
        }
    }

    fn close(&mut self, _depth: usize) {}
}

impl Fields for Content<'_> {
    fn visit(&self, visitor: &mut dyn FieldVisitor) {
        walk(self.text, &mut Show(visitor));
    }
}

/// One connection.
struct Flow {
    told: Told,
    messages: u32,
    failures: u32,
    /// Whether each direction went over to WebSocket frames.
    framed: [bool; 2],
}

/// Unreadable texts after which a flow that never gave a message counts as something else.
const PATIENCE: u32 = 4;

/// What stands next in a stream.
enum Next<'a> {
    /// Not all of it is there.
    More,
    /// So many bytes that hold no text.
    Skip(usize),
    /// The head of an HTTP message.
    Head(&'a [u8], usize),
    /// A JSON text.
    Text(&'a [u8], usize),
}

impl Dissector for Flow {
    fn data(&mut self, chunk: &Chunk<'_>, out: &mut dyn Sink) -> Progress {
        if !chunk.carrier.is_stream() {
            for line in chunk.bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
                self.text(line, out);
            }
            return self.used(chunk.bytes.len());
        }
        let side = usize::from(chunk.direction == Direction::ToClient);
        let mut used = 0_usize;
        loop {
            let rest = chunk.bytes.get(used..).unwrap_or_default();
            let is_framed = self.framed.get(side).copied().unwrap_or(false);
            let taken = match if is_framed { frame(rest) } else { line(rest) } {
                Next::More if rest.len() <= LONGEST => return self.used(used),
                Next::More => {
                    out.error(NAME, ParseError::Limit { what: "line" });
                    self.failures = self.failures.saturating_add(1);
                    rest.len()
                }
                Next::Skip(taken) => taken,
                Next::Head(head, taken) => {
                    self.head(head, out);
                    if let Some(framed) = self.framed.get_mut(side) {
                        *framed = true;
                    }
                    taken
                }
                Next::Text(text, taken) => {
                    self.text(text, out);
                    taken
                }
            };
            used = used.saturating_add(taken);
        }
    }

    fn gap(&mut self, _direction: Direction, _missing: u32) {}
}

/// The next line, or the head of the HTTP messages that open a WebSocket.
fn line(rest: &[u8]) -> Next<'_> {
    let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    if blanks > 0 {
        return Next::Skip(blanks);
    }
    let is_head = |start: &[u8]| rest.starts_with(start);
    if is_head(STREAM) || is_head(SWITCHED) {
        return match memchr::memmem::find(rest, b"\r\n\r\n") {
            Some(end) => Next::Head(rest.get(..end).unwrap_or_default(), end.saturating_add(4)),
            None => Next::More,
        };
    }
    match memchr::memchr(b'\n', rest) {
        Some(end) => Next::Text(rest.get(..end).unwrap_or_default(), end.saturating_add(1)),
        None => Next::More,
    }
}

/// The next WebSocket frame (RFC 6455, clause 5.2): only whole, unmasked, uncompressed text is read.
fn frame(rest: &[u8]) -> Next<'_> {
    let Some((&[first, second], after)) = rest.split_first_chunk() else { return Next::More };
    let (length, header) = match second & 0x7f {
        126 => match after.first_chunk::<2>() {
            Some(length) => (u64::from(u16::from_be_bytes(*length)), 4_usize),
            None => return Next::More,
        },
        127 => match after.first_chunk::<8>() {
            Some(length) => (u64::from_be_bytes(*length), 10),
            None => return Next::More,
        },
        short => (u64::from(short), 2),
    };
    let is_masked = second & 0x80 != 0;
    let header = header.saturating_add(if is_masked { 4 } else { 0 });
    let Some(total) = usize::try_from(length).ok().and_then(|length| length.checked_add(header)) else {
        return Next::Skip(rest.len());
    };
    let Some(whole) = rest.get(..total) else { return Next::More };
    match (first, is_masked) {
        (0x81, false) => Next::Text(whole.get(header..).unwrap_or_default(), total),
        _ => Next::Skip(total),
    }
}

impl Flow {
    const fn used(&self, used: usize) -> Progress {
        if self.messages == 0 && self.failures >= PATIENCE { Progress::GiveUp } else { Progress::Used(used) }
    }

    /// The request that opens a stream; the answer to it says nothing more.
    fn head(&mut self, head: &[u8], out: &mut dyn Sink) {
        let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let path = line.split(|byte| *byte == b' ').nth(1).and_then(|path| std::str::from_utf8(path).ok());
        if let Some(path) = path.filter(|_| line.starts_with(b"GET ")) {
            let mut acts = Acts::new();
            acts.request(Verb::Read, Object::Named(path));
            let mut emit = Emit::new(NAME, &mut self.told, out, &mut self.messages);
            emit.message("stream-request", &mut acts, &Path(path));
        }
    }

    fn text(&mut self, text: &[u8], out: &mut dyn Sink) {
        let content = Content::of(text);
        let Some((content, kind)) = content.as_ref().and_then(|content| Some((content, content.kind()?))) else {
            // Answers to requests and other JSON is no error; what is no JSON is.
            if content.is_none() {
                self.failures = self.failures.saturating_add(1);
                out.error(NAME, ParseError::Malformed { what: "message", at: 0, why: "no JSON object" });
            }
            return;
        };
        let mut acts = Acts::new();
        match kind {
            "put" => acts.request(Verb::Write, Object::Named(content.context.unwrap_or("vessels.self"))),
            "subscribe" => acts.request(Verb::Read, Object::Named(content.context.unwrap_or("vessels.self"))),
            "delta" => acts.push(Act::Publishes { object: Object::Named(content.context.unwrap_or("vessels.self")) }),
            _ => {
                acts.push(Act::Publishes { object: Object::Named("hello") });
                acts.says_text(Attribute::SoftwareVersion, content.version, 75, METHOD);
                acts.says_text(Attribute::Name, content.name, 60, METHOD);
                if let Some(mmsi) = content.mmsi() {
                    acts.says(Attribute::Mmsi, FactValue::Number(mmsi), 60, METHOD);
                }
            }
        }
        let mut emit = Emit::new(NAME, &mut self.told, out, &mut self.messages);
        emit.message(kind, &mut acts, content);
    }
}

/// The path asked for.
struct Path<'a>(&'a str);

impl Fields for Path<'_> {
    fn visit(&self, visitor: &mut dyn FieldVisitor) {
        visitor.field("path", FieldValue::Text(self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::Conversation;
    use dogwatch_model::Direction::{ToClient, ToServer};

    const HELLO: &str = r#"{"name":"signalk-server","version":"2.1.0","self":"vessels.urn:mrn:imo:mmsi:230099999","roles":["master","main"],"timestamp":"2026-01-01T00:00:00Z"}"#;
    const DELTA: &str = r#"{"context":"vessels.self","updates":[{"source":{"label":"n2k"},"values":[{"path":"navigation.speedOverGround","value":3.85}]}]}"#;

    #[test]
    fn lines_over_tcp() {
        let text = format!("{HELLO}\r\n{DELTA}\r\n");
        assert_eq!(SignalK.probe(Carrier::Tcp, ToClient, text.as_bytes()), Probe::Yes);
        for cut in 1..HELLO.len() {
            let probe = SignalK.probe(Carrier::Tcp, ToClient, &text.as_bytes()[..cut]);
            assert_eq!(probe, Probe::NeedMore, "cut at {cut}");
        }
        let mut conversation = Conversation::new(&SignalK, Carrier::Tcp, 8_375);
        for byte in text.bytes() {
            conversation.send(ToClient, &[byte]);
        }
        let seen = &conversation.heard.seen;
        assert_eq!(seen.iter().map(|seen| seen.kind.as_str()).collect::<Vec<_>>(), ["hello", "delta"]);
        for act in ["says software_version=2.1.0 (signalk.hello)", "says mmsi=230099999 (signalk.hello)"] {
            assert!(seen[0].acts.contains(&act.to_owned()), "{:?}", seen[0].acts);
        }
        assert_eq!(seen[1].acts, ["publishes vessels.self"]);
        assert_eq!(seen[1].fields["updates"][0]["values"][0]["value"], 3.85);
    }

    #[test]
    fn frames_after_the_request() {
        let mut conversation = Conversation::new(&SignalK, Carrier::Tcp, 3_000);
        conversation.send(ToServer, b"GET /signalk/v1/stream?subscribe=all HTTP/1.1\r\nUpgrade: websocket\r\n\r\n");
        let mut answer = b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec();
        for text in [HELLO, DELTA] {
            answer.extend([0x81, 126]);
            answer.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
            answer.extend(text.as_bytes());
        }
        answer.extend([0x89, 0]);
        for byte in answer {
            conversation.send(ToClient, &[byte]);
        }
        conversation.send(ToServer, &[0x81, 0x82, 1, 2, 3, 4, 5, 6]);
        let kinds: Vec<_> = conversation.heard.seen.iter().map(|seen| seen.kind.as_str()).collect();
        assert_eq!(kinds, ["stream-request", "hello", "delta"]);
        assert_eq!(conversation.heard.seen[0].acts, ["request read /signalk/v1/stream?subscribe=all"]);
        assert_eq!(conversation.heard.errors, []);
    }

    #[test]
    fn other_json_is_not_taken() {
        for other in ["{}\n", "{\"a\":1}\n", "{\"updates\":1}\n", "{\"version\":\"1\"}\n", "[]\n", "{\"updates\":[\n"] {
            assert_eq!(SignalK.probe(Carrier::Tcp, ToClient, other.as_bytes()), Probe::No, "{other}");
            assert_ne!(SignalK.probe(Carrier::Udp, ToClient, other.trim_end().as_bytes()), Probe::Yes, "{other}");
        }
    }

    #[test]
    fn what_is_asked_for() {
        let mut conversation = Conversation::new(&SignalK, Carrier::Tcp, 8_375);
        conversation.send(ToServer, b"{\"context\":\"vessels.self\",\"subscribe\":[{\"path\":\"*\"}]}\n");
        conversation.send(
            ToServer,
            b"{\"requestId\":\"1\",\"put\":{\"path\":\"steering.autopilot.state\",\"value\":\"auto\"}}\n",
        );
        let acts: Vec<_> = conversation.heard.seen.iter().map(|seen| seen.acts[0].as_str()).collect();
        assert_eq!(acts, ["request read vessels.self", "request write vessels.self"]);
    }
}
