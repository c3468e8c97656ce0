//! TLS: who is called (server name), by which version, and which services are offered (ALPN). Everything behind the hellos is encrypted.
//!
//! Deliberately not read: certificates, hellos spread over several records, QUIC.
//!
//! Specifications: RFC 8446 clauses 4.1 and 5.1, RFC 6066 clause 3 (server name), RFC 7301 (ALPN).

use dogwatch_model::{Act, Object};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// TLS.
pub(crate) static TLS: FramedProtocol = FramedProtocol {
    name: "tls",
    hints: &[Hint::Tcp(443), Hint::Tcp(8443)],
    carriers: &[Carrier::Tcp],
    probe,
    frames: |_| Box::new(Tls),
};

const HEADER: usize = 5;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

/// A hello, or an alert in clear, in a record of version 3.x.
fn probe(_carrier: Carrier, head: &[u8]) -> Probe {
    match head {
        [HANDSHAKE, 3, 0..=4, l0, l1, CLIENT_HELLO | SERVER_HELLO, 0, h0, h1, 3, 0..=4, ..] => {
            let (record, hello) = (u16::from_be_bytes([*l0, *l1]), u16::from_be_bytes([*h0, *h1]));
            if record >= 42 && hello >= 38 && record <= 0x4000 { Probe::Yes } else { Probe::No }
        }
        _ => {
            let form = [HANDSHAKE, 3].iter().zip(head).all(|(want, byte)| want == byte);
            if form && head.len() < 11 { Probe::NeedMore } else { Probe::No }
        }
    }
}

/// What a hello tells.
#[derive(Debug, Clone, Copy, Default)]
struct Hello<'a> {
    version: u16,
    cipher: Option<u16>,
    server_name: Option<&'a str>,
    protocols: &'a [u8],
    /// The version really agreed on, from the extension that newer versions use.
    supported: Option<u16>,
}

impl<'a> Hello<'a> {
    fn parse(kind: u8, body: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new("tls hello", body);
        let version = reader.be16()?;
        let _random = reader.take(32)?;
        let session = reader.u8()?;
        let _session = reader.take(session.into())?;
        let mut hello = Self { version, ..Self::default() };
        if kind == CLIENT_HELLO {
            let ciphers = reader.be16()?;
            let _ciphers = reader.take(ciphers.into())?;
            let compressions = reader.u8()?;
            let _compressions = reader.take(compressions.into())?;
        } else {
            hello.cipher = Some(reader.be16()?);
            let _compression = reader.u8()?;
        }
        let Ok(length) = reader.be16() else { return Ok(hello) };
        let mut extensions = reader.part("tls extensions", length.into())?;
        while let Ok(kind) = extensions.be16() {
            let length = extensions.be16()?;
            hello.extension(kind, extensions.take(length.into())?);
        }
        Ok(hello)
    }

    fn extension(&mut self, kind: u16, data: &'a [u8]) {
        match (kind, data) {
            (0, [_, _, 0, n0, n1, name @ ..]) => {
                let length = usize::from(u16::from_be_bytes([*n0, *n1]));
                self.server_name = name.get(..length).and_then(printable);
            }
            (16, [_, _, protocols @ ..]) => self.protocols = protocols,
            (43, [high, low]) => self.supported = Some(u16::from_be_bytes([*high, *low])),
            _ => {}
        }
    }

    fn protocols(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut reader = Reader::new("tls alpn", self.protocols);
        std::iter::from_fn(move || {
            let length = reader.u8().ok()?;
            Some(printable(reader.take(length.into()).ok()?).unwrap_or_default())
        })
    }
}

/// TLS records in a stream.
struct Tls;

impl Frames for Tls {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        match bytes {
            [kind @ 20..=24, 3, 0..=4, l0, l1, ..] => {
                let len = usize::from(u16::from_be_bytes([*l0, *l1])).saturating_add(HEADER);
                let need = if matches!(*kind, HANDSHAKE | ALERT) { len } else { HEADER };
                Frame::Whole { len, need }
            }
            _ if bytes.len() < HEADER => Frame::More,
            _ => Frame::Lost(ParseError::Malformed { what: "tls record", at: 0, why: "type or version" }),
        }
    }

    fn begins(&self, _carrier: Carrier, bytes: &[u8]) -> Probe {
        match bytes {
            [20..=24, 3, 1..=3, 0..=0x48, _, ..] => Probe::Yes,
            _ if bytes.len() < HEADER => Probe::NeedMore,
            _ => Probe::No,
        }
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        match bytes {
            [HANDSHAKE, _, _, _, _, handshake @ ..] => handshakes(handshake, emit),
            // Two bytes are an alert in clear; longer ones are encrypted.
            [ALERT, _, _, _, _, level, code] => {
                let fields = Shown(|visit| {
                    visit.number("alert_level", *level);
                    visit.number("alert_description", *code);
                });
                emit.plain("alert", &[], &fields);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The hellos among the handshake messages of a record; encrypted ones look like nothing known and are passed over.
fn handshakes(bytes: &[u8], emit: &mut Emit<'_>) {
    let mut reader = Reader::new("tls handshake", bytes);
    while let Ok([kind, 0, l0, l1]) = reader.array() {
        let Ok(body) = reader.take(u16::from_be_bytes([l0, l1]).into()) else { return };
        if !matches!(kind, CLIENT_HELLO | SERVER_HELLO) {
            continue;
        }
        match Hello::parse(kind, body) {
            Ok(hello) => tell(kind, &hello, emit),
            Err(error) => emit.error(error),
        }
    }
}

const fn version_name(version: u16) -> Option<&'static str> {
    Some(match version {
        0x0300 => "SSL 3.0",
        0x0301 => "TLS 1.0",
        0x0302 => "TLS 1.1",
        0x0303 => "TLS 1.2",
        0x0304 => "TLS 1.3",
        _ => return None,
    })
}

fn tell(kind: u8, hello: &Hello<'_>, emit: &mut Emit<'_>) {
    let mut acts = Acts::new();
    if let Some(name) = hello.server_name {
        acts.push(Act::Publishes { object: Object::Named(name) });
    }
    let fields = Shown(|visit| {
        visit.number("handshake_type", kind);
        visit.coded("handshake_version", hello.version, version_name(hello.version));
        if let Some(version) = hello.supported {
            visit.coded("selected_version", version, version_name(version));
        }
        visit.maybe("ciphersuite", hello.cipher);
        visit.maybe_text("server_name", hello.server_name);
        let mut joined = Text::<96>::new();
        for protocol in hello.protocols() {
            let comma = if joined.is_empty() { "" } else { "," };
            let _ = std::fmt::Write::write_fmt(&mut joined, format_args!("{comma}{protocol}"));
        }
        visit.maybe_text("alpn", Some(joined.as_str()).filter(|text| !text.is_empty()));
    });
    emit.message(if kind == CLIENT_HELLO { "client-hello" } else { "server-hello" }, &mut acts, &fields);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    fn record(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![HANDSHAKE, 3, 1];
        bytes.extend(u16::try_from(body.len() + 4).unwrap().to_be_bytes());
        bytes.extend([kind, 0]);
        bytes.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    fn client_hello() -> Vec<u8> {
        let mut body = hex("0303");
        body.extend([7; 32]);
        body.extend(hex("00 0002 1301 01 00"));
        let mut extensions = hex("0000 000e 000c 00 0009");
        extensions.extend(b"shore.net");
        extensions.extend(hex("0010 0005 0003 02 6832"));
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
        record(CLIENT_HELLO, &body)
    }

    #[test]
    fn who_is_called() {
        let mut conversation = Conversation::new(&TLS, Carrier::Tcp, 443);
        conversation.send(ToServer, &client_hello());
        let mut body = hex("0303");
        body.extend([9; 32]);
        body.extend(hex("00 1301 00 0006 002b 0002 0304"));
        conversation.send(ToClient, &record(SERVER_HELLO, &body));
        conversation.send(ToClient, &hex("17 0303 0004 01020304 15 0303 0002 02 28"));
        let seen = &conversation.heard.seen;
        assert_eq!(seen[0].acts, ["publishes shore.net"]);
        assert_eq!(seen[0].field("alpn"), "h2");
        assert_eq!(seen[1].field("selected_version"), "772");
        assert_eq!((seen[2].kind.as_str(), seen[2].field("alert_description").as_str()), ("alert", "40"));
    }

    #[test]
    fn what_the_first_bytes_tell() {
        let hello = client_hello();
        assert_eq!(TLS.probe(Carrier::Tcp, ToServer, &hello), Probe::Yes);
        assert_eq!(TLS.probe(Carrier::Tcp, ToServer, &hello[..8]), Probe::NeedMore);
        assert_eq!(TLS.probe(Carrier::Tcp, ToServer, &hex("16 03 01 00 05 0e 00 00 00 00 00 00")), Probe::No);
        assert_eq!(TLS.probe(Carrier::Tcp, ToServer, b"\x16\x04"), Probe::No);
    }
}
