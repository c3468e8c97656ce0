//! OPC UA over TCP: what services are called, and which application speaks, as long as the channel is not encrypted.
//!
//! Reads the service of every message, application descriptions of session and endpoint exchanges, and the endpoint asked for. Deliberately not
//! read: chunks behind the first, values, encrypted content (its services then stay unknown), certificates.
//!
//! Specification: OPC UA part 6 (mappings) clauses 5.2 and 7.1, part 4 (services); identifiers of its node id list.

use dogwatch_model::{Attribute, FactValue, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::printable;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// OPC UA binary.
pub(crate) static OPCUA: FramedProtocol = FramedProtocol {
    name: "opcua",
    hints: &[Hint::Tcp(4840), Hint::Tcp(4843)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| begins(head),
    frames: |_| Box::new(OpcUa),
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
        826 => ("publish", Some(Verb::Read), false),
        829 => ("publish", Some(Verb::Read), true),
        _ => return None,
    })
}

/// Takes a string: a length of four bytes, all ones for none.
fn string<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a [u8]>, ParseError> {
    let length = reader.le32()?;
    if length == u32::MAX {
        return Ok(None);
    }
    let length = usize::try_from(length).map_err(|_| ParseError::Limit { what: "opcua string" })?;
    reader.take(length).map(Some)
}

/// Takes a node id; gives its number when it has one.
fn node_id(reader: &mut Reader<'_>) -> Result<Option<u32>, ParseError> {
    match reader.u8()? & 0x3f {
        0 => Ok(Some(reader.u8()?.into())),
        1 => {
            let _namespace = reader.u8()?;
            Ok(Some(reader.le16()?.into()))
        }
        2 => {
            let _namespace = reader.le16()?;
            Ok(Some(reader.le32()?))
        }
        3 | 5 => {
            let _namespace = reader.le16()?;
            let _name = string(reader)?;
            Ok(None)
        }
        4 => {
            let _guid = reader.take(18)?;
            Ok(None)
        }
        _ => Err(ParseError::Malformed { what: "opcua node id", at: 0, why: "no such encoding" }),
    }
}

/// Passes over an extension object.
fn extension(reader: &mut Reader<'_>) -> Result<(), ParseError> {
    let _kind = node_id(reader)?;
    if reader.u8()? != 0 {
        let _body = string(reader)?;
    }
    Ok(())
}

/// Passes over the header of a request: token, time, handle, diagnostics, audit id, timeout, extension.
fn request_header(reader: &mut Reader<'_>) -> Result<(), ParseError> {
    let _token = node_id(reader)?;
    let _time_handle_diagnostics = reader.take(16)?;
    let _audit = string(reader)?;
    let _timeout = reader.le32()?;
    extension(reader)
}

/// Passes over the header of a response; gives its status.
fn response_header(reader: &mut Reader<'_>) -> Result<u32, ParseError> {
    let _time_and_handle = reader.take(12)?;
    let status = reader.le32()?;
    if reader.u8()? != 0 {
        return Err(ParseError::Limit { what: "opcua diagnostics" });
    }
    let strings = reader.le32()?;
    for _ in 0..if strings == u32::MAX { 0 } else { strings } {
        let _text = string(reader)?;
    }
    extension(reader)?;
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
        acts.says_text(Attribute::Description, self.uri, 85, "opcua.application");
        acts.says_text(Attribute::SoftwareVersion, self.product, 70, "opcua.product-uri");
    }
}

/// What the body of a service tells.
#[derive(Debug, Clone, Copy, Default)]
struct Body<'a> {
    status: Option<u32>,
    application: Option<Application<'a>>,
    endpoint: Option<&'a str>,
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
                let _ids = (node_id(&mut reader)?, node_id(&mut reader)?);
                let _timeout = reader.le64()?;
                let _nonce_and_certificate = (string(&mut reader)?, string(&mut reader)?);
                body.endpoint(&mut reader)?;
            }
            428 => body.endpoint = string(&mut reader)?.and_then(printable),
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

/// OPC UA chunks in a stream.
struct OpcUa;

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

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let mut reader = Reader::new("opcua", bytes);
        let kind: [u8; 3] = reader.array()?;
        let _chunk_and_size = reader.take(5)?;
        match &kind {
            b"HEL" => {
                let _version_and_limits = reader.take(20)?;
                let url = string(&mut reader)?.and_then(printable);
                let mut acts = Acts::new();
                acts.request(Verb::Discover, url.map_or(Object::Device { unit: None }, Object::Named));
                emit.message("hello", &mut acts, &Shown(|visit| visit.maybe_text("endpoint", url)));
            }
            b"OPN" => {
                let _channel = reader.le32()?;
                let policy = string(&mut reader)?.and_then(printable);
                let mut acts = Acts::new();
                if policy.is_some_and(|policy| policy.ends_with("#None")) {
                    acts.odd("opcua.no-security");
                }
                emit.message("open-channel", &mut acts, &Shown(|visit| visit.maybe_text("security_policy", policy)));
            }
            b"MSG" | b"CLO" => {
                let _channel_token_sequence_request = reader.take(16)?;
                message(reader, emit);
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
}

/// A service in clear; in an encrypted channel the node id is noise, and the message counts as encrypted.
fn message(mut reader: Reader<'_>, emit: &mut Emit<'_>) {
    let id = node_id(&mut reader).ok().flatten();
    let Some((id, (name, verb, is_response))) = id.and_then(|id| Some((id, service(id)?))) else {
        emit.plain("other-or-encrypted", &[], &Shown(|visit| visit.maybe("service_node_id", id)));
        return;
    };
    let body = Body::parse(id, is_response, reader).unwrap_or_default();
    let object = Object::Named(name);
    let mut acts = Acts::new();
    // The upper two bits of a status tell good from bad.
    let refused = body.status.is_some_and(|status| status & 0x8000_0000 != 0);
    match verb {
        Some(verb) if is_response => acts.reply(verb, object, refused),
        Some(verb) => acts.request(verb, object),
        None => {}
    }
    if let Some(application) = &body.application {
        application.facts(&mut acts);
    }
    if let (Some(endpoint), true) = (body.endpoint, is_response) {
        acts.says(Attribute::Service, FactValue::Text(endpoint), 85, "opcua.endpoint");
    }
    let fields = Shown(|visit| {
        visit.coded("service_node_id", id, Some(name));
        visit.maybe("status", body.status);
        visit.maybe_text("endpoint_url", body.endpoint);
        visit.maybe_text("application_uri", body.application.and_then(|application| application.uri));
        visit.maybe_text("product_uri", body.application.and_then(|application| application.product));
        visit.maybe_text("application_name", body.application.and_then(|application| application.name));
    });
    emit.message(if is_response { "response" } else { "request" }, &mut acts, &fields);
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
                "says description=urn:me (opcua.application)",
                "says software_version=http://maker (opcua.product-uri)",
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
