//! TLS: who is called (server name), by which version, which services are offered (ALPN), how the client opens (JA4), and the certificate a
//! server shows. What follows is encrypted; whether it is Tor shows in its sizes (`tor.rs`).
//!
//! Deliberately not read: certificates of TLS 1.3 (encrypted), SSL 2 hellos, encrypted client hellos.
//!
//! Specifications: RFC 8446 clauses 4.1 and 5.1, RFC 5246 clauses 6.2 and 7.4, RFC 8996 (versions no longer to be used).

mod certificate;
pub(crate) mod hello;
mod tor;

use dogwatch_model::{Act, Attribute, Direction, FactValue, Object};

use self::certificate::Certificate;
use self::hello::{CLIENT_HELLO, Hello, SERVER_HELLO};
use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::{Carrier, Chunk, Hint, Limits, ParseError, Probe};

/// TLS.
pub(crate) static TLS: FramedProtocol =
    FramedProtocol { name: "tls", hints: &[Hint::Tcp(443), Hint::Tcp(8443)], carriers: &[Carrier::Tcp], probe, frames };

/// The records of a connection, for what is TLS under another name.
pub(crate) fn frames(limits: &Limits) -> Box<dyn Frames> {
    Box::new(Tls::new(limits))
}

/// The server name in the client hello at the front of a stream, where it came whole.
pub(crate) fn called(head: &[u8]) -> Option<&str> {
    match head {
        [HANDSHAKE, 3, 0..=4, _, _, CLIENT_HELLO, _, _, _, hello @ ..] => {
            Hello::parse(CLIENT_HELLO, hello).ok()?.server_name
        }
        _ => None,
    }
}

const HEADER: usize = 5;
const CHANGE_CIPHER: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION: u8 = 23;
const CERTIFICATE: u8 = 11;

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

/// The handshake messages of one side.
#[derive(Debug, Default)]
struct Half {
    /// What follows is encrypted.
    ciphered: bool,
    /// A message that goes on in the next record.
    pending: Vec<u8>,
}

/// TLS records in a stream.
struct Tls {
    to_server: Half,
    to_client: Half,
    limit: usize,
    tor: tor::Tor,
}

impl Tls {
    fn new(limits: &Limits) -> Self {
        Self {
            to_server: Half::default(),
            to_client: Half::default(),
            limit: limits.buffered_bytes,
            tor: tor::Tor::default(),
        }
    }

    const fn half(&mut self, direction: Direction) -> &mut Half {
        match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        }
    }

    /// The content of a handshake record: whole messages are read, the front of one that goes on is kept.
    fn handshake(&mut self, direction: Direction, content: &[u8], emit: &mut Emit<'_>) {
        let limit = self.limit;
        let half = self.half(direction);
        if half.ciphered {
            // After a retry request hellos still come in clear; encrypted messages look like nothing whole.
            messages(content, true, emit);
            return;
        }
        if half.pending.is_empty() {
            let rest = messages(content, false, emit);
            if continues(rest, limit) {
                half.pending.extend_from_slice(rest);
            }
            return;
        }
        if half.pending.len().saturating_add(content.len()) > limit {
            half.pending = Vec::new();
            emit.error(ParseError::Limit { what: "tls handshake" });
            return;
        }
        half.pending.extend_from_slice(content);
        let left = messages(&half.pending, false, emit).len();
        let used = half.pending.len().saturating_sub(left);
        half.pending.drain(..used);
        if !continues(&half.pending, limit) {
            half.pending = Vec::new();
        }
    }
}

/// Whether `rest` is the front of a handshake message worth waiting for.
fn continues(rest: &[u8], limit: usize) -> bool {
    match rest {
        [] => false,
        [1 | 2 | 4 | 8 | 11..=16 | 20..=22, a, b, c, ..] => {
            usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).is_ok_and(|length| length < limit)
        }
        [1 | 2 | 4 | 8 | 11..=16 | 20..=22, ..] => rest.len() < 4,
        _ => false,
    }
}

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

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        match bytes {
            [HANDSHAKE, _, _, _, _, content @ ..] => {
                if let [CLIENT_HELLO, _, _, _, hello @ ..] = content
                    && let Some(name) = Hello::parse(CLIENT_HELLO, hello).ok().and_then(|hello| hello.server_name)
                {
                    self.tor.called(name);
                }
                self.handshake(chunk.direction, content, emit);
            }
            [APPLICATION, _, _, l0, l1] => {
                self.tor.record(chunk.direction, u16::from_be_bytes([*l0, *l1]), emit);
            }
            [CHANGE_CIPHER, ..] => {
                let half = self.half(chunk.direction);
                half.ciphered = true;
                half.pending = Vec::new();
            }
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

    fn lost(&mut self, direction: Direction) {
        self.half(direction).pending = Vec::new();
    }
}

/// Reads the whole messages at the front of `bytes` and returns what is left; of encrypted ones only what can be nothing but a hello.
fn messages<'a>(bytes: &'a [u8], ciphered: bool, emit: &mut Emit<'_>) -> &'a [u8] {
    let mut rest = bytes;
    loop {
        let mut reader = Reader::new("tls handshake", rest);
        let Ok([kind, a, b, c]) = reader.array() else { return rest };
        let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
        let Ok(body) = reader.take(length) else { return rest };
        rest = reader.rest();
        match kind {
            CLIENT_HELLO | SERVER_HELLO if !ciphered || (rest.is_empty() && body.first() == Some(&3)) => {
                match Hello::parse(kind, body) {
                    Ok(hello) => tell(kind, &hello, emit),
                    Err(_) if ciphered => {}
                    Err(error) => emit.error(error),
                }
            }
            CERTIFICATE if !ciphered => {
                if let Some(certificate) = Certificate::first(body) {
                    shown(&certificate, emit);
                }
            }
            _ => {}
        }
    }
}

pub(crate) const fn version_name(version: u16) -> Option<&'static str> {
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
    let is_client = kind == CLIENT_HELLO;
    if let Some(name) = hello.server_name {
        acts.push(Act::Publishes { object: Object::Named(name) });
    }
    let ja4 = if is_client { hello.ja4('t') } else { None };
    if let Some(ja4) = &ja4 {
        acts.says(Attribute::TlsFingerprint, FactValue::Text(ja4.as_str()), 75, "tls.ja4");
    }
    let ja3 = if is_client { hello.ja3() } else { hello.ja3s() };
    // A client with values that mean nothing shuffles its extensions: its JA3 is another one each time.
    if !is_client || !hello.has_grease() {
        let method = if is_client { "tls.ja3" } else { "tls.ja3s" };
        acts.says(Attribute::TlsFingerprint, FactValue::Text(ja3.as_str()), 60, method);
    }
    if !is_client && hello.newest() < 0x0303 {
        acts.odd("tls.old-version");
    }
    let fields = Shown(|visit| {
        visit.number("handshake_type", kind);
        visit.coded("handshake_version", hello.version, version_name(hello.version));
        if hello.has_versions() {
            visit.coded(
                if is_client { "newest_version" } else { "selected_version" },
                hello.newest(),
                version_name(hello.newest()),
            );
        }
        if is_client {
            visit.numbers("ciphersuite", hello.ciphers());
        } else {
            visit.maybe("ciphersuite", hello.ciphers().next());
        }
        visit.maybe_text("server_name", hello.server_name);
        visit.maybe_text("alpn", Some(hello.protocols().as_str()).filter(|text| !text.is_empty()));
        visit.maybe_text("ja4", ja4.as_ref().map(crate::text::Text::as_str));
        visit.text(if is_client { "ja3" } else { "ja3s" }, ja3.as_str());
    });
    emit.message(if is_client { "client-hello" } else { "server-hello" }, &mut acts, &fields);
}

fn shown(certificate: &Certificate<'_>, emit: &mut Emit<'_>) {
    let (subject, hash) = (certificate.subject(), certificate.hash());
    let mut acts = Acts::new();
    let subject = Some(subject.as_str()).filter(|subject| !subject.is_empty());
    acts.says_text(Attribute::CertificateSubject, subject, 80, "tls.certificate");
    acts.says(Attribute::CertificateHash, FactValue::Text(hash.as_str()), 90, "tls.certificate");
    let fields = Shown(|visit| {
        visit.maybe_text("subject", subject);
        visit.text("sha256", hash.as_str());
        visit.flag("self_issued", certificate.is_self_issued());
    });
    emit.message("certificate", &mut acts, &fields);
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

    fn server_hello(version: &str, extensions: &str) -> Vec<u8> {
        let mut body = hex(version);
        body.extend([9; 32]);
        body.extend(hex("00 1301 00"));
        body.extend(hex(extensions));
        record(SERVER_HELLO, &body)
    }

    #[test]
    fn who_is_called() {
        let mut conversation = Conversation::new(&TLS, Carrier::Tcp, 443);
        conversation.send(ToServer, &record(CLIENT_HELLO, &hello::tests::chrome()));
        conversation.send(ToClient, &server_hello("0303", "0006 002b 0002 0304"));
        conversation.send(ToClient, &hex("17 0303 0004 01020304 15 0303 0002 02 28"));
        let seen = &conversation.heard.seen;
        assert_eq!(
            seen[0].acts,
            ["publishes shore.net", "says tls_fingerprint=t13d1516h2_8daaf6152771_e5627efa2ab1 (tls.ja4)"]
        );
        assert_eq!(seen[0].field("alpn"), "h2,http/1.1");
        assert_eq!(seen[1].field("selected_version"), "772");
        assert_eq!((seen[2].kind.as_str(), seen[2].field("alert_description").as_str()), ("alert", "40"));
    }

    #[test]
    fn cells_of_tor() {
        let told = |name: &str, length: u16, records: u32| {
            let mut extension = vec![0, 0];
            let size = u16::try_from(name.len()).unwrap();
            extension.extend((size + 5).to_be_bytes());
            extension.extend((size + 3).to_be_bytes());
            extension.push(0);
            extension.extend(size.to_be_bytes());
            extension.extend(name.bytes());
            let mut body = hex("0303");
            body.extend([9; 32]);
            body.extend(hex("00 0002 1301 01 00"));
            body.extend(u16::try_from(extension.len()).unwrap().to_be_bytes());
            body.extend(extension);
            let mut conversation = Conversation::new(&TLS, Carrier::Tcp, 443);
            conversation.send(ToServer, &record(CLIENT_HELLO, &body));
            for _ in 0..records {
                let mut data = vec![APPLICATION, 3, 3];
                data.extend(length.to_be_bytes());
                data.resize(HEADER + usize::from(length), 0);
                conversation.send(ToServer, &data);
                conversation.send(ToClient, &data);
            }
            conversation.heard.seen.iter().filter(|seen| seen.acts == ["odd tls.tor"]).count()
        };
        // one cell, and two, with the overheads of TLS 1.3 and of AES-GCM in TLS 1.2
        assert_eq!(told("www.yqmfvxjb4trnq5xw.com", 514 + 17, 9), 1);
        assert_eq!(told("www.yqmfvxjb4trnq5xw.com", 2 * 514 + 24, 9), 1);
        assert_eq!(told("www.yqmfvxjb4trnq5xw.com", 514 + 17, 3), 0, "too few");
        assert_eq!(told("www.yqmfvxjb4trnq5xw.com", 600, 9), 0);
        assert_eq!(told("mail.shore.example", 514 + 17, 9), 0);
    }

    #[test]
    fn a_certificate_over_several_records() {
        let whole = record(CERTIFICATE, &certificate::tests::message());
        let mut pieces = Vec::new();
        for piece in whole[HEADER..].chunks(30) {
            pieces.extend([HANDSHAKE, 3, 1, 0, u8::try_from(piece.len()).unwrap()]);
            pieces.extend(piece);
        }
        let mut conversation = Conversation::new(&TLS, Carrier::Tcp, 443);
        conversation.send(ToClient, &server_hello("0301", ""));
        conversation.send(ToClient, &pieces);
        conversation.send(ToClient, &hex("14 0301 0001 01"));
        conversation.send(ToClient, &whole);
        let seen = &conversation.heard.seen;
        assert_eq!(seen.len(), 2, "what looks like a certificate behind the change of ciphers is none");
        assert_eq!(seen[0].acts.last().unwrap(), "odd tls.old-version");
        assert_eq!(seen[1].acts[0], "says certificate_subject=C=DE, CN=hmi (tls.certificate)");
    }

    #[test]
    fn what_the_first_bytes_tell() {
        let hello = record(CLIENT_HELLO, &hello::tests::chrome());
        assert_eq!(TLS.probe(Carrier::Tcp, ToServer, &hello), Probe::Yes);
        assert_eq!(TLS.probe(Carrier::Tcp, ToServer, &hello[..8]), Probe::NeedMore);
        assert_eq!(TLS.probe(Carrier::Tcp, ToServer, &hex("16 03 01 00 05 0e 00 00 00 00 00 00")), Probe::No);
        assert_eq!(TLS.probe(Carrier::Tcp, ToServer, b"\x16\x04"), Probe::No);
    }
}
