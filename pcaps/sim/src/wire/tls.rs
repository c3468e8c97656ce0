//! The outer shape of TLS 1.3 (RFC 8446): a ClientHello with a server name, a ServerHello, and records of opaque bytes.
//!
//! Nothing is encrypted for real: the opaque records hold random bytes.

use crate::rng::Rng;

/// A record: type, version 3.3, length, body.
fn record(kind: u8, version: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind, 3, version];
    out.extend_from_slice(&(body.len() as u16).to_be_bytes());
    out.extend_from_slice(body);
    out
}

/// A handshake message: type, 24-bit length, body.
fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = (body.len() as u32).to_be_bytes();
    let mut out = vec![kind, a, b, c];
    out.extend_from_slice(body);
    out
}

/// Appends an extension.
fn extension(out: &mut Vec<u8>, kind: u16, body: &[u8]) {
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&(body.len() as u16).to_be_bytes());
    out.extend_from_slice(body);
}

/// A length of two bytes and what it counts.
fn counted(body: &[u8]) -> Vec<u8> {
    let mut out = (body.len() as u16).to_be_bytes().to_vec();
    out.extend_from_slice(body);
    out
}

/// A ClientHello that names `server`; `session` is the 32-byte session id that the server echoes.
pub(crate) fn client_hello(rng: &mut Rng, server: &str, session: &[u8]) -> Vec<u8> {
    let mut extensions = Vec::new();
    let name = [&[0_u8], counted(server.as_bytes()).as_slice()].concat();
    extension(&mut extensions, 0, &counted(&name));
    extension(&mut extensions, 10, &counted(&[0, 0x1D, 0, 0x17, 0, 0x18]));
    extension(&mut extensions, 11, &[1, 0]);
    extension(&mut extensions, 13, &counted(&[4, 3, 8, 4, 4, 1, 5, 3, 8, 5, 5, 1]));
    extension(&mut extensions, 16, &counted(b"\x02h2\x08http/1.1"));
    extension(&mut extensions, 23, &[]);
    extension(&mut extensions, 43, &[4, 3, 4, 3, 3]);
    extension(&mut extensions, 45, &[1, 1]);
    let share = [&[0, 0x1D][..], &counted(&rng.bytes(32))].concat();
    extension(&mut extensions, 51, &counted(&share));
    let mut body = vec![3, 3];
    body.extend_from_slice(&rng.bytes(32));
    body.push(session.len() as u8);
    body.extend_from_slice(session);
    body.extend_from_slice(&counted(&[0x13, 1, 0x13, 2, 0x13, 3, 0xC0, 0x2B, 0xC0, 0x2F, 0xC0, 0x2C, 0xC0, 0x30]));
    body.extend_from_slice(&[1, 0]);
    body.extend_from_slice(&counted(&extensions));
    record(22, 1, &handshake(1, &body))
}

/// A ServerHello that takes AES-128-GCM, followed by the change-cipher-spec for old middle boxes and the hidden rest of the handshake.
pub(crate) fn server_flight(rng: &mut Rng, session: &[u8]) -> Vec<u8> {
    let mut extensions = Vec::new();
    extension(&mut extensions, 43, &[3, 4]);
    extension(&mut extensions, 51, &[&[0, 0x1D][..], &counted(&rng.bytes(32))].concat());
    let mut body = vec![3, 3];
    body.extend_from_slice(&rng.bytes(32));
    body.push(session.len() as u8);
    body.extend_from_slice(session);
    body.extend_from_slice(&[0x13, 1, 0]);
    body.extend_from_slice(&counted(&extensions));
    let mut out = record(22, 3, &handshake(2, &body));
    out.extend_from_slice(&record(20, 3, &[1]));
    let hidden = 2_200 + rng.below(900) as usize;
    out.extend_from_slice(&application_data(rng, hidden));
    out
}

/// The client's change-cipher-spec and finished message.
pub(crate) fn client_finished(rng: &mut Rng) -> Vec<u8> {
    let mut out = record(20, 3, &[1]);
    out.extend_from_slice(&application_data(rng, 53));
    out
}

/// One DER value (ITU-T X.690): tag, length, content.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        short @ 0..=127 => out.push(short as u8),
        middle @ 128..=255 => out.extend_from_slice(&[0x81, middle as u8]),
        long => {
            out.push(0x82);
            out.extend_from_slice(&(long as u16).to_be_bytes());
        }
    }
    out.extend_from_slice(content);
    out
}

/// A certificate (RFC 5280) for `name`, issued by itself, with an RSA key and a signature of random bytes: nobody could check it.
pub(crate) fn certificate(rng: &mut Rng, name: &str) -> Vec<u8> {
    let sequence = |parts: &[Vec<u8>]| der(0x30, &parts.concat());
    // 1.2.840.113549.1.1.11 sha256WithRSAEncryption, .1 rsaEncryption; 2.5.4.3 commonName.
    let signed = sequence(&[der(6, &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 11]), der(5, &[])]);
    let rsa = sequence(&[der(6, &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1]), der(5, &[])]);
    let common = sequence(&[der(6, &[0x55, 4, 3]), der(12, name.as_bytes())]);
    let name = sequence(&[der(0x31, &common)]);
    // A serial number and a modulus that are positive: the first bit must not be set.
    let positive = |bytes: Vec<u8>, first: u8| der(2, &[&[first][..], &bytes].concat());
    let key = sequence(&[positive([&[0xC1][..], &rng.bytes(255)].concat(), 0), der(2, &[1, 0, 1])]);
    let key = sequence(&[rsa, der(3, &[&[0][..], &key].concat())]);
    let validity = sequence(&[der(23, b"250101000000Z"), der(23, b"350101000000Z")]);
    let version = der(0xA0, &der(2, &[2]));
    let body = sequence(&[version, positive(rng.bytes(8), 0x11), signed.clone(), name.clone(), validity, name, key]);
    sequence(&[body, signed, der(3, &[&[0][..], &rng.bytes(256)].concat())])
}

/// A server that speaks TLS 1.2 (RFC 5246) and shows its certificate in clear.
pub(crate) fn server_flight_with(rng: &mut Rng, session: &[u8], certificate: &[u8]) -> Vec<u8> {
    let long = |bytes: &[u8]| {
        let [_, a, b, c] = (bytes.len() as u32).to_be_bytes();
        [&[a, b, c][..], bytes].concat()
    };
    let mut hello = vec![3, 3];
    hello.extend_from_slice(&rng.bytes(32));
    hello.push(session.len() as u8);
    hello.extend_from_slice(session);
    // ECDHE_RSA_WITH_AES_128_GCM_SHA256, no compression, extended master secret.
    hello.extend_from_slice(&[0xC0, 0x2F, 0, 0, 4, 0, 0x17, 0, 0]);
    // Named curve x25519, the share, rsa_pkcs1_sha256 and its signature.
    let share = [&[3, 0, 0x1D, 32][..], &rng.bytes(32), &[4, 1], &counted(&rng.bytes(256))].concat();
    let mut out = record(22, 3, &handshake(2, &hello));
    out.extend_from_slice(&record(22, 3, &handshake(11, &long(&long(certificate)))));
    out.extend_from_slice(&record(22, 3, &handshake(12, &share)));
    out.extend_from_slice(&record(22, 3, &handshake(14, &[])));
    out
}

/// The client's share, its change-cipher-spec and its hidden finished message, TLS 1.2.
pub(crate) fn client_key_exchange(rng: &mut Rng) -> Vec<u8> {
    let share = [&[32][..], &rng.bytes(32)].concat();
    [record(22, 3, &handshake(16, &share)), record(20, 3, &[1]), record(22, 3, &rng.bytes(40))].concat()
}

/// The server's change-cipher-spec and its hidden finished message, TLS 1.2.
pub(crate) fn server_finished(rng: &mut Rng) -> Vec<u8> {
    [record(20, 3, &[1]), record(22, 3, &rng.bytes(40))].concat()
}

/// Opaque records of `length` bytes in all, not counting their headers.
pub(crate) fn application_data(rng: &mut Rng, length: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(length + 16);
    let mut left = length;
    while left > 0 {
        let part = left.min(16_384);
        out.extend_from_slice(&record(23, 3, &rng.bytes(part)));
        left -= part;
    }
    out
}
