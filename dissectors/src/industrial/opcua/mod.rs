//! OPC UA over TCP: what services are called, and which application speaks, as long as the channel is not encrypted.
//!
//! Reads the service of every message and the first node it is about, application descriptions of session and endpoint exchanges, build
//! information that is read, who logs in and how, the subject of certificates, and numbers that are written, read or published. Deliberately not
//! read: chunks behind the first, encrypted content (its services then stay unknown), passwords.
//!
//! Specification: OPC UA part 6 (mappings) clauses 5.2 and 7.1, part 4 (services); identifiers of its node id list.

mod certificate;
mod readings;
mod values;

use dogwatch_model::{Act, Attribute, Direction, FactValue, Object, Verb};

use self::readings::Watched;
use self::values::{BuildInfo, Node, Value, data_value, diagnostics, extension, string};
use crate::acts::{Acts, Emit, Shown, Stated};
use crate::asked::Asked;
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// OPC UA binary.
pub(crate) static OPCUA: FramedProtocol = FramedProtocol {
    name: "opcua",
    hints: &[Hint::Tcp(4840), Hint::Tcp(4843)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| begins(head),
    frames: |limits| {
        Box::new(OpcUa {
            open: Asked::new(limits),
            watched: Watched::default(),
            spare: Vec::new(),
            is_plain: false,
            parts: None,
        })
    },
};

const HEADER: usize = 8;
/// Bytes of a message that are looked at.
const LOOKED_AT: usize = 8_192;

fn is_kind(kind: [u8; 3]) -> bool {
    matches!(&kind, b"HEL" | b"ACK" | b"ERR" | b"RHE" | b"OPN" | b"CLO" | b"MSG")
}

fn begins(bytes: &[u8]) -> Probe {
    match bytes.first_chunk::<HEADER>() {
        Some([a, b, c, chunk, s0, s1, s2, s3]) => {
            let size = u32::from_le_bytes([*s0, *s1, *s2, *s3]);
            let fits =
                is_kind([*a, *b, *c]) && matches!(chunk, b'F' | b'C' | b'A') && (12..0x0100_0000).contains(&size);
            if fits { Probe::Yes } else { Probe::No }
        }
        None => {
            let starts = [b"HEL", b"ACK", b"ERR", b"RHE", b"OPN", b"CLO", b"MSG"]
                .iter()
                .any(|kind| kind.iter().zip(bytes).all(|(want, byte)| want == byte));
            if starts { Probe::NeedMore } else { Probe::No }
        }
    }
}

/// The answer to a request that failed as a whole.
const FAULT: u32 = 397;

/// What a service does, by the node id of its request or response encoding; `true` for a response.
const fn service(id: u32) -> Option<(&'static str, Option<Verb>, bool)> {
    Some(match id {
        397 => ("service-fault", None, true),
        422 => ("find-servers", Some(Verb::Discover), false),
        425 => ("find-servers", Some(Verb::Discover), true),
        428 => ("get-endpoints", Some(Verb::Discover), false),
        431 => ("get-endpoints", Some(Verb::Discover), true),
        446 => ("open-secure-channel", None, false),
        449 => ("open-secure-channel", None, true),
        452 => ("close-secure-channel", None, false),
        461 => ("create-session", None, false),
        464 => ("create-session", None, true),
        467 => ("activate-session", Some(Verb::Login), false),
        470 => ("activate-session", Some(Verb::Login), true),
        473 => ("close-session", None, false),
        476 => ("close-session", None, true),
        488 => ("add-nodes", Some(Verb::Program), false),
        491 => ("add-nodes", Some(Verb::Program), true),
        500 => ("delete-nodes", Some(Verb::Program), false),
        503 => ("delete-nodes", Some(Verb::Program), true),
        527 => ("browse", Some(Verb::Discover), false),
        530 => ("browse", Some(Verb::Discover), true),
        631 => ("read", Some(Verb::Read), false),
        634 => ("read", Some(Verb::Read), true),
        664 => ("history-read", Some(Verb::Read), false),
        667 => ("history-read", Some(Verb::Read), true),
        673 => ("write", Some(Verb::Write), false),
        676 => ("write", Some(Verb::Write), true),
        700 => ("history-update", Some(Verb::Write), false),
        703 => ("history-update", Some(Verb::Write), true),
        712 => ("call", Some(Verb::Control), false),
        715 => ("call", Some(Verb::Control), true),
        751 => ("create-monitored-items", Some(Verb::Read), false),
        754 => ("create-monitored-items", Some(Verb::Read), true),
        787 => ("create-subscription", Some(Verb::Read), false),
        790 => ("create-subscription", Some(Verb::Read), true),
        763 => ("modify-monitored-items", Some(Verb::Read), false),
        766 => ("modify-monitored-items", Some(Verb::Read), true),
        826 => ("publish", Some(Verb::Read), false),
        829 => ("publish", Some(Verb::Read), true),
        _ => return None,
    })
}

/// Passes over the header of a request: token, time, handle, diagnostics, audit id, timeout, extension.
fn request_header(reader: &mut Reader<'_>) -> Result<(), ParseError> {
    let _token = Node::take(reader)?;
    let _time_handle_diagnostics = reader.take(16)?;
    let _audit = string(reader)?;
    let _timeout = reader.le32()?;
    let _more = extension(reader)?;
    Ok(())
}

/// Passes over the header of a response; gives its status.
fn response_header(reader: &mut Reader<'_>) -> Result<u32, ParseError> {
    let _time_and_handle = reader.take(12)?;
    let status = reader.le32()?;
    diagnostics(reader)?;
    let strings = reader.le32()?;
    for _ in 0..if strings == u32::MAX { 0 } else { strings } {
        let _text = string(reader)?;
    }
    let _more = extension(reader)?;
    Ok(status)
}

/// An application description (part 4 clause 7.2).
#[derive(Debug, Clone, Copy, Default)]
struct Application<'a> {
    uri: Option<&'a str>,
    product: Option<&'a str>,
    name: Option<&'a str>,
}

impl<'a> Application<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let uri = string(reader)?.and_then(printable);
        let product = string(reader)?.and_then(printable);
        let encoding = reader.u8()?;
        if encoding & 1 != 0 {
            let _locale = string(reader)?;
        }
        let name = if encoding & 2 != 0 { string(reader)?.and_then(printable) } else { None };
        Ok(Self { uri, product, name })
    }

    fn facts(&self, acts: &mut Acts<'a>) {
        acts.says_text(Attribute::Name, self.name, 80, "opcua.application");
        acts.says_text(Attribute::ApplicationUri, self.uri, 90, "opcua.application");
        acts.says_text(Attribute::ProductUri, self.product, 90, "opcua.application");
    }
}

/// What the body of a service tells.
#[derive(Debug, Clone, Copy, Default)]
struct Body<'a> {
    status: Option<u32>,
    application: Option<Application<'a>>,
    endpoint: Option<&'a str>,
    node: Option<Node<'a>>,
    login: Option<Login<'a>>,
}

/// How somebody logs in (part 4 clause 7.40).
#[derive(Debug, Clone, Copy)]
enum Login<'a> {
    Anonymous,
    User { name: Option<&'a str>, is_encrypted: bool },
    Other,
}

impl<'a> Login<'a> {
    /// Reads what follows the header of ActivateSession: signature, certificates, locales, then the token.
    fn parse(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let _signature = (string(reader)?, string(reader)?);
        for strings in [2, 1] {
            let count = reader.le32()?;
            for _ in 0..if count == u32::MAX { 0 } else { count.saturating_mul(strings) } {
                let _text = string(reader)?;
            }
        }
        let (kind, mut body) = extension(reader)?;
        Ok(match kind {
            // No token at all means anonymous, too.
            Some(0 | 321) => Self::Anonymous,
            Some(324) => {
                let _policy = string(&mut body)?;
                let name = string(&mut body)?.and_then(printable);
                let _password = string(&mut body)?;
                Self::User { name, is_encrypted: string(&mut body)?.is_some_and(|algorithm| !algorithm.is_empty()) }
            }
            _ => Self::Other,
        })
    }
}

/// Nodes of one read request that are remembered for its answer.
const MOST_NODES: usize = 24;

/// What an answer needs to know of its request.
#[derive(Debug)]
struct Open {
    verb: Option<Verb>,
    object: Text<96>,
    nodes: [u32; MOST_NODES],
    /// The list of a read request.
    list: Vec<u8>,
}

/// The nodes a read request asks for: zero for those that are not of the standard namespace (part 4 clause 5.10.2).
fn asked_nodes(mut reader: Reader<'_>) -> Result<[u32; MOST_NODES], ParseError> {
    let mut nodes = [0; MOST_NODES];
    request_header(&mut reader)?;
    let _age_and_timestamps = reader.take(12)?;
    let count = usize::try_from(reader.le32()?).unwrap_or(0);
    for slot in nodes.iter_mut().take(count) {
        // What is cut off by the end of the chunk stays unknown.
        let Ok(node) = Node::take(&mut reader) else { break };
        let Ok(attribute) = reader.le32() else { break };
        // 13 is the value of a node, others describe the node itself.
        *slot = node.standard().filter(|_| attribute == 13).unwrap_or(0);
        if string(&mut reader).is_err() || reader.le16().is_err() || string(&mut reader).is_err() {
            break;
        }
    }
    Ok(nodes)
}

/// What the answer to a read says of the server (part 5 clause 12.4; numbers of the node id list).
fn build_info<'a>(mut reader: Reader<'a>, nodes: &[u32; MOST_NODES]) -> BuildInfo<'a> {
    let mut info = BuildInfo::default();
    let start = response_header(&mut reader).and_then(|_| reader.le32());
    let count = start.ok().filter(|count| *count != u32::MAX).and_then(|count| usize::try_from(count).ok());
    for node in nodes.iter().take(count.unwrap_or(0)) {
        let Ok(value) = data_value(&mut reader) else { break };
        match (*node, value) {
            (2256 | 2260, Value::Build(build)) => info = build,
            (2261, Value::Text(text)) => info.product = Some(text),
            (2262, Value::Text(text)) => info.product_uri = Some(text),
            (2263, Value::Text(text)) => info.manufacturer = Some(text),
            (2264, Value::Text(text)) => info.version = Some(text),
            (2265, Value::Text(text)) => info.build = Some(text),
            _ => {}
        }
    }
    info
}

impl<'a> Body<'a> {
    fn parse(id: u32, is_response: bool, mut reader: Reader<'a>) -> Result<Self, ParseError> {
        let mut body = Self::default();
        if is_response {
            body.status = Some(response_header(&mut reader)?);
        } else {
            request_header(&mut reader)?;
        }
        match id {
            // The client describes itself.
            461 => body.application = Some(Application::parse(&mut reader)?),
            // Servers found: the first of the list.
            425 if reader.le32()? > 0 => body.application = Some(Application::parse(&mut reader)?),
            // Endpoints: URL, then the server that offers it.
            431 => body.endpoint(&mut reader)?,
            464 => {
                let _ids = (Node::take(&mut reader)?, Node::take(&mut reader)?);
                let _timeout = reader.le64()?;
                let _nonce_and_certificate = (string(&mut reader)?, string(&mut reader)?);
                body.endpoint(&mut reader)?;
            }
            428 => body.endpoint = string(&mut reader)?.and_then(printable),
            467 => body.login = Login::parse(&mut reader).ok(),
            // Read: age and timestamps come before the list of nodes.
            631 => {
                let _age_and_timestamps = reader.take(12)?;
                body.node = first_node(&mut reader);
            }
            673 | 500 => body.node = first_node(&mut reader),
            // Call: the object, then the method.
            712 if reader.le32()? > 0 => {
                let _object = Node::take(&mut reader)?;
                body.node = Node::take(&mut reader).ok();
            }
            _ => {}
        }
        Ok(body)
    }

    fn endpoint(&mut self, reader: &mut Reader<'a>) -> Result<(), ParseError> {
        if matches!(reader.le32()?, 1..=1_000) {
            self.endpoint = string(reader)?.and_then(printable);
            self.application = Some(Application::parse(reader)?);
        }
        Ok(())
    }
}

/// The first node of a list.
fn first_node<'a>(reader: &mut Reader<'a>) -> Option<Node<'a>> {
    matches!(reader.le32().ok()?, 1..=100_000).then(|| Node::take(reader).ok())?
}

/// OPC UA chunks in a stream.
struct OpcUa {
    /// By request id.
    open: Asked<u32, Open>,
    watched: Watched,
    /// Room for the list of the next read request, so that a poll takes none anew.
    spare: Vec<u8>,
    /// Whether the channel was opened without security.
    is_plain: bool,
    /// A message whose further chunks are still to come: its side and request id.
    parts: Option<(Direction, u32)>,
}

impl Frames for OpcUa {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        match (bytes.first_chunk::<HEADER>(), begins(bytes)) {
            (Some([.., s0, s1, s2, s3]), Probe::Yes) => {
                let size = u32::from_le_bytes([*s0, *s1, *s2, *s3]);
                let len = usize::try_from(size).unwrap_or(usize::MAX);
                Frame::Whole { len, need: len.min(LOOKED_AT) }
            }
            (None, Probe::NeedMore) => Frame::More,
            _ => Frame::Lost(ParseError::Malformed { what: "opcua header", at: 0, why: "message type or size" }),
        }
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let mut reader = Reader::new("opcua", bytes);
        let kind: [u8; 3] = reader.array()?;
        let position = reader.u8()?;
        let _size = reader.le32()?;
        match &kind {
            b"HEL" => {
                let _version_and_limits = reader.take(20)?;
                let url = string(&mut reader)?.and_then(printable);
                let mut acts = Acts::new();
                acts.request(Verb::Discover, url.map_or(Object::Device { unit: None }, Object::Named));
                emit.message("hello", &mut acts, &Shown(|visit| visit.maybe_text("endpoint", url)));
            }
            b"OPN" => self.open_channel(reader, emit)?,
            b"MSG" | b"CLO" => {
                let _channel_token_sequence = reader.take(12)?;
                let request = reader.le32()?;
                let is_later = self.parts == Some((chunk.direction, request));
                self.parts = (position == b'C').then_some((chunk.direction, request));
                if is_later {
                    emit.plain("chunk", &[], &Shown(|visit| visit.number("request_id", request)));
                    return Ok(());
                }
                self.service(request, reader, emit);
            }
            _ => {
                let name = match &kind {
                    b"ACK" => "acknowledge",
                    b"ERR" => "error",
                    _ => "reverse-hello",
                };
                emit.plain(name, &[], &Shown(|_| {}));
            }
        }
        Ok(())
    }

    fn lost(&mut self, _direction: Direction) {
        self.open.clear();
        // Handles may have been given to other nodes meanwhile.
        self.watched.clear();
        self.parts = None;
    }
}

impl OpcUa {
    /// A channel is opened: by what policy, and whose certificate is shown.
    fn open_channel(&mut self, mut reader: Reader<'_>, emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let _channel = reader.le32()?;
        let policy = string(&mut reader)?.and_then(printable);
        let subject = string(&mut reader).ok().flatten().and_then(certificate::subject);
        self.is_plain = policy.is_some_and(|policy| policy.ends_with("#None"));
        // Without security the body stands in clear behind thumbprint, sequence and request number.
        let id = string(&mut reader).and_then(|_| reader.take(8)).and_then(|_| Node::take(&mut reader));
        let id = id.ok().and_then(|node| node.standard()).filter(|_| self.is_plain);
        let mut acts = Acts::new();
        if self.is_plain {
            acts.odd("opcua.no-security");
        }
        let subject = subject.as_ref().map(Text::as_str);
        acts.says_text(Attribute::CertificateSubject, subject, 90, "opcua.certificate");
        let fields = Shown(|visit| {
            visit.maybe_text("security_policy", policy);
            visit.maybe_text("certificate_subject", subject);
            visit.maybe("service_node_id", id);
        });
        emit.message("open-channel", &mut acts, &fields);
        Ok(())
    }

    /// A service in clear; in an encrypted channel the node id is noise, and the message counts as encrypted.
    fn service(&mut self, request: u32, mut reader: Reader<'_>, emit: &mut Emit<'_>) {
        let id = Node::take(&mut reader).ok().and_then(|node| node.standard());
        let Some((id, (name, verb, is_response))) = id.and_then(|id| Some((id, service(id)?))) else {
            emit.plain("other-or-encrypted", &[], &Shown(|visit| visit.maybe("service_node_id", id)));
            return;
        };
        let body = Body::parse(id, is_response, reader).unwrap_or_default();
        let text = body.node.map(|node| node.text()).filter(|text| !text.is_empty());
        let mut object = text.unwrap_or_else(|| Text::of(format_args!("{name}")));
        let (mut verb, mut build) = (verb, BuildInfo::default());
        let mut list = Vec::new();
        if is_response {
            if let Some(asked) = self.open.answer(&request) {
                (verb, object) = (verb.or(asked.verb), asked.object);
                if id == 634 {
                    build = build_info(reader, &asked.nodes);
                }
                list = asked.list;
            }
        } else {
            let nodes = if id == 631 { asked_nodes(reader).unwrap_or([0; MOST_NODES]) } else { [0; MOST_NODES] };
            let mut list = Vec::new();
            match id {
                631 => {
                    list = std::mem::take(&mut self.spare);
                    readings::keep(reader, &mut list);
                }
                // What is cut off by the end of the chunk stays unknown.
                751 => self.watched.create(reader).unwrap_or_default(),
                763 => self.watched.modify(reader).unwrap_or_default(),
                _ => {}
            }
            self.open.ask(request, Open { verb, object, nodes, list });
        }
        let mut acts = Acts::new();
        let named = Object::Named(object.as_str());
        // The upper two bits of a status tell good from bad.
        let refused = body.status.is_some_and(|status| status & 0x8000_0000 != 0) || id == FAULT;
        match verb {
            Some(verb) if is_response => acts.reply(verb, named, refused),
            Some(verb) => acts.request(verb, named),
            None => {}
        }
        let values = Stated(|to| {
            // What is cut off by the end of the chunk, or of a type that is not read, ends the list.
            let _ = match id {
                634 => readings::read(&list, reader, to),
                673 => readings::written(reader, to),
                829 => self.watched.published(reader, to),
                _ => Ok(()),
            };
        });
        if id == 673 || (id == 634 && !list.is_empty()) || (id == 829 && !self.watched.is_empty()) {
            acts.push(Act::States(&values));
        }
        self.login(body.login, &mut acts);
        if let Some(application) = &body.application {
            application.facts(&mut acts);
        }
        if let (Some(endpoint), true) = (body.endpoint, is_response) {
            acts.says(Attribute::Service, FactValue::Text(endpoint), 85, "opcua.endpoint");
        }
        acts.says_text(Attribute::Manufacturer, build.manufacturer, 90, "opcua.build-info");
        acts.says_text(Attribute::Model, build.product, 90, "opcua.build-info");
        acts.says_text(Attribute::SoftwareVersion, build.version, 90, "opcua.build-info");
        acts.says_text(Attribute::ProductUri, build.product_uri, 90, "opcua.build-info");
        let fields = Shown(|visit| {
            visit.coded("service_node_id", id, Some(name));
            visit.maybe("status", body.status);
            visit.maybe_text("endpoint_url", body.endpoint);
            visit.maybe_text("application_uri", body.application.and_then(|application| application.uri));
            visit.maybe_text("product_uri", body.application.and_then(|application| application.product));
            visit.maybe_text("application_name", body.application.and_then(|application| application.name));
            visit.maybe_text("build_number", build.build);
        });
        emit.function(id).message(if is_response { "response" } else { "request" }, &mut acts, &fields);
        if !list.is_empty() {
            self.spare = list;
        }
    }

    fn login<'a>(&self, login: Option<Login<'a>>, acts: &mut Acts<'a>) {
        match login {
            Some(Login::Anonymous) => acts.odd("opcua.anonymous-login"),
            Some(Login::User { name, is_encrypted }) => {
                acts.says_text(Attribute::Account, name, 90, "opcua.user-token");
                // Without security on the channel nothing else hides the password.
                if self.is_plain && !is_encrypted {
                    acts.odd("clear-text-credentials");
                }
            }
            Some(Login::Other) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    fn chunk(kind: &str, body: &[u8]) -> Vec<u8> {
        let mut bytes = kind.as_bytes().to_vec();
        bytes.push(b'F');
        bytes.extend(u32::try_from(body.len() + 8).unwrap().to_le_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    fn text(text: &str) -> Vec<u8> {
        let mut bytes = u32::try_from(text.len()).unwrap().to_le_bytes().to_vec();
        bytes.extend(text.bytes());
        bytes
    }

    fn service(id: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 16];
        bytes.extend([1, 0]);
        bytes.extend(id.to_le_bytes());
        bytes.extend_from_slice(body);
        chunk("MSG", &bytes)
    }

    /// Token, time, handle, diagnostics, no audit id, timeout, no extension.
    fn request_head() -> Vec<u8> {
        hex("0000 0000000000000000 01000000 00000000 ffffffff 00000000 0000 00")
    }

    #[test]
    fn services_in_the_words_of_a_policy() {
        for (id, want) in [
            (631, "request read read"),
            (673, "request write write"),
            (712, "request control call"),
            (488, "request program add-nodes"),
            (467, "request login activate-session"),
            (527, "request discover browse"),
        ] {
            let mut conversation = Conversation::new(&OPCUA, Carrier::Tcp, 4840);
            conversation.send(ToServer, &service(id, &request_head()));
            assert_eq!(conversation.heard.seen[0].acts, [want]);
        }
    }

    #[test]
    fn applications_describe_themselves() {
        let mut body = request_head();
        body.extend([text("urn:me"), text("http://maker"), vec![2], text("HMI")].concat());
        let mut conversation = Conversation::new(&OPCUA, Carrier::Tcp, 4840);
        conversation.send(ToServer, &service(461, &body));
        assert_eq!(
            conversation.heard.seen[0].acts,
            [
                "says name=HMI (opcua.application)",
                "says application_uri=urn:me (opcua.application)",
                "says product_uri=http://maker (opcua.application)",
            ]
        );
        let mut body = hex("0000000000000000 01000000 00000000 00 ffffffff 0000 00 01000000");
        body.extend([text("opc.tcp://plc:4840"), text("urn:plc"), text("p"), vec![0]].concat());
        conversation.send(ToClient, &service(431, &body));
        assert!(
            conversation.heard.seen[1].acts.contains(&"says service=opc.tcp://plc:4840 (opcua.endpoint)".to_owned())
        );
    }

    #[test]
    fn who_logs_in_and_how() {
        let no_signature = hex("ffffffff ffffffff 00000000 00000000");
        let token = |kind: u16, body: &[u8]| {
            let mut bytes = hex("0100");
            bytes.extend(kind.to_le_bytes());
            bytes.push(1);
            bytes.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
            bytes.extend_from_slice(body);
            bytes
        };
        let user = [text("p"), text("chief"), text("secret"), hex("ffffffff")].concat();
        let hidden = [text("p"), text("chief"), text("xxxxxx"), text("rsa")].concat();
        let policy = "http://opcfoundation.org/UA/SecurityPolicy#None";
        for (name, token, want) in [
            ("anonymous", token(321, &text("a")), &["odd opcua.anonymous-login"][..]),
            ("in clear", token(324, &user), &["says account=chief (opcua.user-token)", "odd clear-text-credentials"]),
            ("encrypted", token(324, &hidden), &["says account=chief (opcua.user-token)"]),
        ] {
            let mut conversation = Conversation::new(&OPCUA, Carrier::Tcp, 4840);
            conversation.send(ToServer, &chunk("OPN", &[vec![0; 4], text(policy)].concat()));
            conversation.send(ToServer, &service(467, &[request_head(), no_signature.clone(), token].concat()));
            assert_eq!(conversation.heard.seen[1].acts[0], "request login activate-session", "{name}");
            assert_eq!(conversation.heard.seen[1].acts[1..], *want, "{name}");
            assert!(!conversation.heard.seen[1].fields.to_string().contains("secret"), "{name}");
        }
    }

    #[test]
    fn nodes_build_information_and_faults() {
        let mut conversation = Conversation::new(&OPCUA, Carrier::Tcp, 4840);
        // Write to ns=2;s=Rpm; then the server refuses the whole request.
        let write = [request_head(), hex("01000000 03 0200"), text("Rpm"), hex("0d000000 ffffffff 00")].concat();
        conversation.send(ToServer, &service(673, &write));
        let head = |status: &str| hex(&format!("0000000000000000 01000000 {status} 00 ffffffff 0000 00"));
        conversation.send(ToClient, &service(397, &head("00001f80")));
        assert_eq!(conversation.heard.seen[0].acts, ["request write ns=2;s=Rpm"]);
        assert_eq!(conversation.heard.seen[1].acts, ["refusal write ns=2;s=Rpm"]);
        // Read the value of i=2260, answered with the structure.
        let read = hex("0000000000000000 00000000 01000000 01 00 d408 0d000000 ffffffff 0000 ffffffff");
        conversation.send(ToServer, &service(631, &[request_head(), read].concat()));
        let info = [text("urn:p"), text("Yard"), text("Gate"), text("1.4"), text("7"), vec![0; 8]].concat();
        let mut value = hex("01000000 01 16 0100 5401 01");
        value.extend(u32::try_from(info.len()).unwrap().to_le_bytes());
        value.extend(info);
        conversation.send(ToClient, &service(634, &[head("00000000"), value].concat()));
        assert_eq!(
            conversation.heard.seen[3].acts,
            [
                "reply read i=2260",
                "says manufacturer=Yard (opcua.build-info)",
                "says model=Gate (opcua.build-info)",
                "says software_version=1.4 (opcua.build-info)",
                "says product_uri=urn:p (opcua.build-info)",
            ]
        );
    }

    /// The head of a response: time, handle, status, no diagnostics, no texts, no extension.
    fn response_head() -> Vec<u8> {
        hex("0000000000000000 01000000 00000000 00 ffffffff 0000 00")
    }

    #[test]
    fn values_read_and_written() {
        let mut conversation = Conversation::new(&OPCUA, Carrier::Tcp, 4840);
        // Write a double (type 11) of 1.5 to ns=2;s=Rpm, and the description (attribute 5) of ns=2;i=7.
        let write = [
            request_head(),
            hex("02000000 03 0200"),
            text("Rpm"),
            hex("0d000000 ffffffff 01 0b 000000000000f83f"),
            hex("01 02 0700 05000000 ffffffff 01 06 05000000"),
        ];
        conversation.send(ToServer, &service(673, &write.concat()));
        assert_eq!(conversation.heard.seen[0].values, ["states [\"ns=2;s=Rpm = 1.5\"]"]);
        conversation.send(ToClient, &service(676, &response_head()));
        // Read four values: a signed word, an array that is passed over, one the server calls bad, a truth.
        let item = |node: &str| [hex(node), hex("0d000000 ffffffff 0000 ffffffff")].concat();
        let list = [
            hex("0000000000000000 00000000 04000000"),
            item("01 02 0700"),
            item("01 02 0800"),
            item("01 02 0900"),
            item("01 02 0a00"),
        ];
        conversation.send(ToServer, &service(631, &[request_head(), list.concat()].concat()));
        let values = hex(
            "04000000 01 04 feff  01 8a 02000000 0000803f 00000040  03 05 0100 00000080  09 01 01 0000000000000000",
        );
        conversation.send(ToClient, &service(634, &[response_head(), values].concat()));
        assert_eq!(conversation.heard.seen[2].values, Vec::<String>::new(), "only asked");
        assert_eq!(conversation.heard.seen[3].values, ["states [\"ns=2;i=7 = -2\", \"ns=2;i=10 = 1\"]"]);
    }

    #[test]
    fn values_of_a_subscription() {
        let mut conversation = Conversation::new(&OPCUA, Carrier::Tcp, 4840);
        // Subscription 5: watch ns=2;s=Temp under handle 9; no filter.
        let watch = |handle: &str| {
            let item = [hex("03 0200"), text("Temp"), hex("0d000000 ffffffff 0000 ffffffff 02000000"), hex(handle)];
            let rest = hex("0000000000407f40 0000 00 01000000 01");
            [request_head(), hex("05000000 02000000 01000000"), item.concat(), rest].concat()
        };
        let notice = |subscription: &str| {
            let change = hex("01000000 09000000 01 0a 0000a841 ffffffff");
            let mut body = [response_head(), hex(subscription), hex("00000000 00 01000000 0000000000000000")].concat();
            body.extend(hex("01000000 01 00 2b03 01"));
            body.extend(u32::try_from(change.len()).unwrap().to_le_bytes());
            body.extend(change);
            service(829, &body)
        };
        conversation.send(ToServer, &service(751, &watch("09000000")));
        conversation.send(ToClient, &notice("05000000"));
        conversation.send(ToClient, &notice("06000000"));
        let seen = &conversation.heard.seen;
        assert_eq!(seen[1].values, ["states [\"ns=2;s=Temp = 21\"]"]);
        assert_eq!(seen[2].values, ["states []"], "another subscription");
        // Items are changed: their handles are no longer known.
        conversation.send(ToServer, &service(763, &[request_head(), hex("05000000 02000000 00000000")].concat()));
        conversation.send(ToClient, &notice("05000000"));
        assert_eq!(conversation.heard.seen[4].values, Vec::<String>::new());
    }

    #[test]
    fn later_chunks_are_no_services() {
        let mut conversation = Conversation::new(&OPCUA, Carrier::Tcp, 4840);
        let mut first = service(631, &request_head());
        first[3] = b'C';
        conversation.send(ToServer, &first);
        conversation.send(ToServer, &service(673, &[]));
        conversation.send(ToServer, &service(673, &request_head()));
        let kinds: Vec<&str> = conversation.heard.seen.iter().map(|seen| seen.kind.as_str()).collect();
        assert_eq!(kinds, ["request", "chunk", "request"]);
    }

    #[test]
    fn hello_and_channel() {
        let mut conversation = Conversation::new(&OPCUA, Carrier::Tcp, 4840);
        conversation.send(ToServer, &chunk("HEL", &[vec![0; 20], text("opc.tcp://plc:4840")].concat()));
        let policy = "http://opcfoundation.org/UA/SecurityPolicy#None";
        conversation.send(ToServer, &chunk("OPN", &[vec![0; 4], text(policy)].concat()));
        assert_eq!(conversation.heard.seen[0].acts, ["request discover opc.tcp://plc:4840"]);
        assert_eq!(conversation.heard.seen[1].acts, ["odd opcua.no-security"]);
        assert_eq!(OPCUA.probe(Carrier::Tcp, ToServer, b"HEL"), Probe::NeedMore);
        assert_eq!(OPCUA.probe(Carrier::Tcp, ToServer, b"HELO mail\r\n"), Probe::No);
    }
}
