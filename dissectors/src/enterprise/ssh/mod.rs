//! SSH: the version line of each side, the algorithms each offers (HASSH), and the server's host key.
//!
//! Deliberately not read: what follows the exchange of keys, which is encrypted. Whether a login succeeded does not show.
//!
//! Specification: RFC 4253 clauses 4.2, 6, 7 and 8, RFC 4419, RFC 5656; HASSH as its authors published it (BSD-3).

mod exchange;

use dogwatch_model::{Attribute, FactValue, Object, Verb};

use crate::acts::{Acts, Emit, Shown};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::lines::REST;
use crate::sides::from_client;
use crate::text::{Text, printable};
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// SSH.
pub(crate) static SSH: FramedProtocol = FramedProtocol {
    name: "ssh",
    hints: &[Hint::Tcp(22)],
    carriers: &[Carrier::Tcp],
    probe: |_, head| match length(head) {
        Ok(Some(_)) => Probe::Yes,
        Ok(None) => Probe::NeedMore,
        Err(_) => Probe::No,
    },
    frames: |_| Box::new(Ssh),
};

/// Longest version line (clause 4.2).
const LONGEST: usize = 255;
/// Longest packet every side must take (clause 6.1).
const LONGEST_PACKET: usize = 35_000;
const KEXINIT: u8 = 20;
const NEWKEYS: u8 = 21;

/// Length of the version line; `None` while it is not complete.
fn length(bytes: &[u8]) -> Result<Option<usize>, ParseError> {
    const WANTED: &[u8] = b"SSH-";
    let error = ParseError::Malformed { what: "ssh version", at: 0, why: "must begin with SSH-" };
    let shared = WANTED.len().min(bytes.len());
    if bytes.get(..shared) != WANTED.get(..shared) {
        return Err(error);
    }
    match bytes.iter().take(LONGEST).position(|byte| *byte == b'\n') {
        Some(end) => Ok(Some(end.saturating_add(1))),
        None if bytes.len() >= LONGEST => Err(error),
        None => Ok(None),
    }
}

/// SSH on one connection.
struct Ssh;

impl Frames for Ssh {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        match bytes {
            [b'S', b'S', b'H', b'-', ..] => match length(bytes) {
                Ok(Some(len)) => Frame::whole(len),
                Ok(None) => Frame::More,
                Err(error) => Frame::Lost(error),
            },
            // A packet in clear: length, padding, type. What is none is encrypted, and so is all behind it.
            [0, 0, h, l, padding, kind, ..] => {
                let length = usize::from(u16::from_be_bytes([*h, *l]));
                let fits = (8..=LONGEST_PACKET).contains(&length) && usize::from(*padding) < length && *padding >= 4;
                let len = length.saturating_add(4);
                match *kind {
                    KEXINIT | 30..=34 | 1..=4 if fits => Frame::whole(len),
                    NEWKEYS if fits => Frame::Whole { len: usize::MAX, need: len },
                    _ => REST,
                }
            }
            _ if bytes.len() < 6 => Frame::More,
            _ => REST,
        }
    }

    fn begins(&self, _carrier: Carrier, _bytes: &[u8]) -> Probe {
        // A version line stands at the start of a connection and nowhere else; what was lost may have been the change of keys.
        Probe::No
    }

    fn read(&mut self, chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let client = from_client(chunk, &[22]);
        match bytes {
            [b'S', b'S', b'H', b'-', ..] => version(bytes, client, emit),
            [_, _, _, _, padding, KEXINIT, body @ ..] => {
                let body = body.get(..body.len().saturating_sub(usize::from(*padding))).unwrap_or_default();
                let offer = exchange::Offer::parse(body)?;
                let fingerprint = offer.fingerprint(client);
                let mut acts = Acts::new();
                let method = if client { "ssh.hassh" } else { "ssh.hassh-server" };
                acts.says(Attribute::SshFingerprint, FactValue::Text(fingerprint.as_str()), 75, method);
                let field = if client { "hassh" } else { "hasshserver" };
                let fields = Shown(|visit| visit.text(field, fingerprint.as_str()));
                emit.message("key-exchange-init", &mut acts, &fields);
            }
            [_, _, _, _, _, 31 | 33, body @ ..] if !client => {
                if let Some(key) = exchange::host_key(body) {
                    host_key(&key, emit);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn version(bytes: &[u8], client: bool, emit: &mut Emit<'_>) {
    let line = printable(bytes);
    let object = Object::Device { unit: None };
    let mut acts = Acts::new();
    if client {
        acts.request(Verb::Login, object);
    }
    // `SSH-2.0-` and then software, version and comments.
    let mut parts = line.unwrap_or_default().splitn(3, '-').skip(1);
    let (protocol, software) = (parts.next(), parts.next());
    acts.says_text(Attribute::SoftwareVersion, software, 75, "ssh.version");
    // 1.99 means both; a side that speaks nothing but version 1 can be read along by anybody (RFC 4251 and others have replaced it).
    if protocol.is_some_and(|protocol| protocol.starts_with("1.") && protocol != "1.99") {
        acts.odd("ssh.version-1");
    }
    let fields = Shown(|visit| visit.maybe_text("protocol", line));
    emit.message(if client { "client-version" } else { "server-version" }, &mut acts, &fields);
}

fn host_key(key: &exchange::HostKey<'_>, emit: &mut Emit<'_>) {
    use sha2::Digest;
    let mut hash = Text::<64>::new();
    for byte in sha2::Sha256::digest(key.blob) {
        let _ = std::fmt::Write::write_fmt(&mut hash, format_args!("{byte:02x}"));
    }
    let mut acts = Acts::new();
    acts.says(Attribute::CertificateHash, FactValue::Text(hash.as_str()), 90, "ssh.host-key");
    let fields = Shown(|visit| {
        visit.text("host_key_type", key.kind);
        visit.text("host_key_sha256", hash.as_str());
    });
    emit.message("host-key", &mut acts, &fields);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::Conversation;
    use dogwatch_model::Direction::{ToClient, ToServer};

    fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(body.len() + 2 + 4).unwrap().to_be_bytes().to_vec();
        bytes.extend([4, kind]);
        bytes.extend(body);
        bytes.extend([0; 4]);
        bytes
    }

    fn string(text: &[u8]) -> Vec<u8> {
        [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text].concat()
    }

    #[test]
    fn both_sides() {
        let mut conversation = Conversation::new(&SSH, Carrier::Tcp, 22);
        conversation.send(ToClient, b"SSH-2.0-dropbear_2019.78\r\n\x00\x00\x01\x02");
        conversation.send(ToServer, b"SSH-2.0-PuTTY-0.80\r\n");
        conversation.send(ToServer, &[0x55; 600]);
        assert_eq!(conversation.heard.seen.len(), 2);
        assert_eq!(conversation.heard.seen[0].acts, ["says software_version=dropbear_2019.78 (ssh.version)"]);
        assert_eq!(
            conversation.heard.seen[1].acts,
            ["request login device", "says software_version=PuTTY-0.80 (ssh.version)"]
        );
    }

    #[test]
    fn offers_and_the_host_key() {
        let lists = ["kex-a", "key-a", "enc-c", "enc-s", "mac-c", "mac-s", "zip-c", "zip-s", "", ""];
        let mut offer = vec![7; 16];
        lists.iter().for_each(|list| offer.extend(string(list.as_bytes())));
        offer.extend([0; 5]);
        let mut conversation = Conversation::new(&SSH, Carrier::Tcp, 22);
        conversation.send(ToServer, b"SSH-2.0-a\r\n");
        conversation.send(ToServer, &packet(20, &offer));
        conversation.send(ToClient, &packet(20, &offer));
        let blob = [string(b"ssh-ed25519"), string(&[9; 32])].concat();
        conversation.send(ToClient, &packet(31, &[string(&blob), string(&[1; 32])].concat()));
        conversation.send(ToClient, &packet(21, &[]));
        conversation.send(ToClient, &packet(20, &offer));
        let seen = &conversation.heard.seen;
        assert_eq!(seen.len(), 4, "behind the new keys everything is encrypted: {seen:?}");
        // By `printf 'kex-a;enc-c;mac-c;zip-c' | md5sum`, and the same of the server's lists.
        assert_eq!(seen[1].field("hassh"), "e4deb1ebdbe71ed26d3cb97a9f2b9996");
        assert_eq!(seen[2].field("hasshserver"), "941d844cdbeb1f3f8e198c76239f09b8");
        assert_eq!(seen[3].field("host_key_type"), "ssh-ed25519");
        // By sha256sum of the blob.
        assert_eq!(
            seen[3].field("host_key_sha256"),
            "c5c4dbfd92fc36642cbe8f64da3fdcedd232a7b9ef0e7b307cf647973719c33d"
        );
    }

    #[test]
    fn what_the_first_bytes_tell() {
        for (bytes, want) in [
            (&b"SS"[..], Probe::NeedMore),
            (b"SSH-2.0-x\r\n", Probe::Yes),
            (b"SMB", Probe::No),
            (&[b'S'; 300], Probe::No),
        ] {
            assert_eq!(SSH.probe(Carrier::Tcp, ToServer, bytes), want);
        }
    }
}
