//! The protection of a connection's first packets, and the hello inside them.
//!
//! The keys come from a salt in the specification and the connection id in the packet: this keeps accidents out, not readers. Only the client's
//! are made. Specification: RFC 9001 clauses 5.2 to 5.4 and appendix A, RFC 9369 clause 3.3, RFC 9000 clauses 17.2.2 and 19.6.

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey, quic};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

use super::{VERSION_1, VERSION_2, variable};
use crate::reader::Reader;

/// Longest hello that is put together; those with keys against quantum computers take about 2,000 bytes.
const LONGEST_HELLO: usize = 8 * 1024;
/// Pieces of a hello kept at a time: some clients scatter it on purpose.
const MOST_PIECES: usize = 64;

/// Salts of clause 5.2, of the last drafts, and of version 2.
fn salt(version: u32) -> Option<[u8; 20]> {
    Some(match version {
        VERSION_1 | 0xff00_0021 | 0xff00_0022 => {
            *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a"
        }
        0xff00_001d..=0xff00_0020 => {
            *b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99"
        }
        0xff00_0017..=0xff00_001c => {
            *b"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02"
        }
        VERSION_2 => *b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9",
        _ => return None,
    })
}

/// A wanted number of bytes.
struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

/// Expansion with TLS 1.3 labels (RFC 8446 clause 7.1); `text` stands behind "tls13 ".
fn expand<const N: usize>(secret: &Prk, text: &str) -> Option<[u8; N]> {
    let [.., high, low] = u32::try_from(N).ok()?.to_be_bytes();
    let length = u8::try_from(text.len().checked_add(6)?).ok()?;
    let info: [&[u8]; 4] = [&[high, low, length], b"tls13 ", text.as_bytes(), &[0]];
    let mut bytes = [0; N];
    secret.expand(&info, Bytes(N)).ok()?.fill(&mut bytes).ok()?;
    Some(bytes)
}

/// Keys of one side's first packets.
pub(super) struct Keys {
    key: LessSafeKey,
    iv: [u8; 12],
    header: quic::HeaderProtectionKey,
}

/// The bytes keys are made of.
struct Secrets {
    key: [u8; 16],
    iv: [u8; 12],
    header: [u8; 16],
}

impl Secrets {
    fn of_client(version: u32, destination: &[u8]) -> Option<Self> {
        let initial = Salt::new(HKDF_SHA256, &salt(version)?).extract(destination);
        let client: [u8; 32] = expand(&initial, "client in")?;
        let secret = Prk::new_less_safe(HKDF_SHA256, &client);
        let (key, iv, header) = if version == VERSION_2 {
            ("quicv2 key", "quicv2 iv", "quicv2 hp")
        } else {
            ("quic key", "quic iv", "quic hp")
        };
        Some(Self { key: expand(&secret, key)?, iv: expand(&secret, iv)?, header: expand(&secret, header)? })
    }
}

impl Keys {
    /// Of the client, from the destination of its first packet.
    pub(super) fn of_client(version: u32, destination: &[u8]) -> Option<Self> {
        let secrets = Secrets::of_client(version, destination)?;
        Some(Self {
            key: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &secrets.key).ok()?),
            iv: secrets.iv,
            header: quic::HeaderProtectionKey::new(&quic::AES_128, &secrets.header).ok()?,
        })
    }

    /// The frames in `packet`, whose protected part begins at `front`; `None` when it was not protected by these keys.
    pub(super) fn open(&self, packet: &[u8], front: usize) -> Option<Vec<u8>> {
        // The sample is taken as if the packet number had four bytes (clause 5.4.2).
        let sample_at = front.checked_add(4)?;
        let sample = packet.get(sample_at..sample_at.checked_add(16)?)?;
        let [mask, mask_rest @ ..] = self.header.new_mask(sample).ok()?;
        let mut header = packet.get(..front)?.to_vec();
        let first = header.first_mut()?;
        *first ^= mask & 0x0f;
        let number_length = usize::from(*first & 3).saturating_add(1);
        let mut nonce = self.iv;
        let number = packet.get(front..front.checked_add(number_length)?)?;
        for (byte, mask) in number.iter().zip(mask_rest) {
            header.push(byte ^ mask);
        }
        let plain_number = header.get(front..)?.to_vec();
        for (slot, byte) in nonce.iter_mut().rev().zip(plain_number.iter().rev()) {
            *slot ^= byte;
        }
        let mut body = packet.get(front.checked_add(number_length)?..)?.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let length = self.key.open_in_place(nonce, Aad::from(&header), &mut body).ok()?.len();
        body.truncate(length);
        Some(body)
    }
}

/// The handshake bytes of a side, put together from frames in whatever order.
#[derive(Debug, Default)]
pub(super) struct Crypto {
    bytes: Vec<u8>,
    /// Pieces that are there, as start and end.
    pieces: Vec<(usize, usize)>,
}

impl Crypto {
    /// Takes the handshake pieces out of a packet's frames.
    pub(super) fn frames(&mut self, plain: &[u8]) {
        let mut reader = Reader::new("quic frames", plain);
        while self.frame(&mut reader).is_some() {}
    }

    fn frame(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        match variable(reader).ok()? {
            // Padding and pings.
            0 | 1 => {}
            // Acknowledgements: largest, delay, ranges; those of kind 3 count marked packets as well.
            kind @ (2 | 3) => {
                let (_largest, _delay) = (variable(reader).ok()?, variable(reader).ok()?);
                let ranges = variable(reader).ok()?;
                let _first = variable(reader).ok()?;
                for _ in 0..ranges {
                    let _gap_and_length = (variable(reader).ok()?, variable(reader).ok()?);
                }
                if kind == 3 {
                    let _counts = (variable(reader).ok()?, variable(reader).ok()?, variable(reader).ok()?);
                }
            }
            6 => {
                let offset = usize::try_from(variable(reader).ok()?).ok()?;
                let length = usize::try_from(variable(reader).ok()?).ok()?;
                self.put(offset, reader.take(length).ok()?);
            }
            // Nothing else stands in a first packet but its end.
            _ => return None,
        }
        Some(())
    }

    fn put(&mut self, start: usize, data: &[u8]) {
        let Some(end) = start.checked_add(data.len()).filter(|end| *end <= LONGEST_HELLO) else { return };
        if self.pieces.len() >= MOST_PIECES || data.is_empty() {
            return;
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        if let Some(place) = self.bytes.get_mut(start..end) {
            place.copy_from_slice(data);
            self.pieces.push((start, end));
            self.pieces.sort_unstable();
        }
    }

    /// The body of the client's hello, once it is whole.
    pub(super) fn hello(&self) -> Option<&[u8]> {
        let mut whole = 0;
        for (start, end) in &self.pieces {
            if *start > whole {
                break;
            }
            whole = whole.max(*end);
        }
        let [1, a, b, c, body @ ..] = self.bytes.get(..whole)? else { return None };
        body.get(..usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).ok()?)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::support::hex;

    const ID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
    /// Bytes of the tag behind a protected packet.
    const TAG: usize = 16;

    /// Protects `frames` as a client does, with keys and destination of its own first packet.
    pub(in super::super) fn seal(version: u32, first: u8, id: &[u8], number: u8, frames: &[u8]) -> Vec<u8> {
        seal_to(version, first, id, id, number, frames)
    }

    /// The same to another destination.
    pub(in super::super) fn seal_to(
        version: u32,
        first: u8,
        id: &[u8],
        destination: &[u8],
        number: u8,
        frames: &[u8],
    ) -> Vec<u8> {
        let secrets = Secrets::of_client(version, id).unwrap();
        let mut header = vec![first];
        header.extend(version.to_be_bytes());
        header.push(u8::try_from(destination.len()).unwrap());
        header.extend(destination);
        header.extend([0, 0]);
        header.extend((0x4000 | u16::try_from(1 + frames.len() + TAG).unwrap()).to_be_bytes());
        let front = header.len();
        header.push(number);
        let mut nonce = secrets.iv;
        nonce[11] ^= number;
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &secrets.key).unwrap());
        let mut body = frames.to_vec();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&header), &mut body).unwrap();
        let mut packet = [header, body].concat();
        let cover = quic::HeaderProtectionKey::new(&quic::AES_128, &secrets.header).unwrap();
        let mask = cover.new_mask(&packet[front + 4..front + 20]).unwrap();
        packet[0] ^= mask[0] & 0x0f;
        packet[front] ^= mask[1];
        packet
    }

    #[test]
    fn the_published_keys() {
        // RFC 9001 appendix A.1 and RFC 9369 appendix A.1.
        for (version, key, iv, header) in [
            (
                VERSION_1,
                "1f369613dd76d5467730efcbe3b1a22d",
                "fa044b2f42a3fd3b46fb255c",
                "9f50449e04a0e810283a1e9933adedd2",
            ),
            (
                VERSION_2,
                "8b1a0bc121284290a29e0971b5cd045d",
                "91f73e2351d8fa91660e909f",
                "45b95e15235d6f45a6b19cbcb0294ba9",
            ),
        ] {
            let secrets = Secrets::of_client(version, &ID).unwrap();
            assert_eq!(secrets.key[..], hex(key)[..]);
            assert_eq!(secrets.iv[..], hex(iv)[..]);
            assert_eq!(secrets.header[..], hex(header)[..]);
        }
        // Appendix A.2: the mask of the sample in the example.
        let keys = Keys::of_client(VERSION_1, &ID).unwrap();
        let mask = keys.header.new_mask(&hex("d1b1c98dd7689fb8ec11d242b123dc9b")).unwrap();
        assert_eq!(mask[..], hex("437b9aec36")[..]);
    }

    #[test]
    fn pieces_are_bounded() {
        let mut crypto = Crypto::default();
        crypto.put(LONGEST_HELLO, &[1]);
        assert!(crypto.pieces.is_empty());
        for at in 0..200 {
            crypto.put(at * 2, &[1]);
        }
        assert_eq!(crypto.pieces.len(), MOST_PIECES);
        assert!(crypto.hello().is_none());
    }
}
