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
