//! QUIC: who is called (server name), by which version, and how the client opens (JA4). The first packets are protected by keys anybody can make
//! from the packet itself; everything behind them is encrypted for good.
//!
//! Deliberately not read: packets of the server, 0-RTT, handshake and later packets beyond their header; Google's own older versions beyond
//! their number.
//!
//! Specification: RFC 8999, RFC 9000 clauses 17.2 and 19.6, RFC 9001 clause 5, RFC 9369 (version 2).

mod initial;

use dogwatch_model::{Act, Attribute, FactValue, Object};

use self::initial::{Crypto, Keys};
use crate::acts::{Acts, Emit, Shown};
use crate::enterprise::tls::hello::{CLIENT_HELLO, Hello};
use crate::framed::{Frame, FramedProtocol, Frames};
use crate::reader::Reader;
use crate::text::Text;
use crate::{Carrier, Chunk, Hint, ParseError, Probe};

/// QUIC.
pub(crate) static QUIC: FramedProtocol = FramedProtocol {
    name: "quic",
    hints: &[Hint::Udp(443)],
    carriers: &[Carrier::Udp],
    probe: |_, head| probe(head),
    frames: |_| Box::new(Quic { keys: None, crypto: Crypto::default(), tries: 0 }),
};

/// Longest connection id (RFC 9000 clause 17.2).
const LONGEST_ID: usize = 20;
/// First packets of a flow that are looked into: each costs the making of keys, and a hello needs few.
const MOST_TRIES: u8 = 16;
const VERSION_1: u32 = 1;
const VERSION_2: u32 = 0x6b33_43cf;

/// How the versions differ in what we need; `None` for one that is not known.
fn version_name(version: u32) -> Option<&'static str> {
    Some(match version {
        VERSION_1 => "1",
        VERSION_2 => "2",
        0xff00_0017..=0xff00_0022 => "draft",
        0x5130_3433 | 0x5130_3436 | 0x5130_3530 | 0x5430_3530 | 0x5430_3531 => "Google",
        0 => "negotiation",
        _ => return None,
    })
}

/// A long header: the part of it that no version may change (RFC 8999 clause 5.1).
#[derive(Debug, Clone, Copy)]
struct Long<'a> {
    first: u8,
    version: u32,
    destination: &'a [u8],
    source: &'a [u8],
}

impl<'a> Long<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let first = reader.u8()?;
        let version = reader.be32()?;
        let length = reader.u8()?;
        let destination = reader.take(length.into())?;
        let length = reader.u8()?;
        let source = reader.take(length.into())?;
        if first & 0x80 == 0 || destination.len() > LONGEST_ID || source.len() > LONGEST_ID {
            return Err(ParseError::Malformed { what: "quic header", at: 0, why: "form or connection id" });
        }
        Ok(Self { first, version, destination, source })
    }

    /// The kind of packet: version 2 counts them differently, lest boxes on the way learn the first one by heart.
    const fn kind(&self) -> Kind {
        let number = self.first >> 4 & 3;
        match (self.version, number) {
            (0, _) => Kind::Negotiation,
            (VERSION_2, 1) | (VERSION_1 | 0xff00_0017..=0xff00_0022, 0) => Kind::Initial,
            (VERSION_2, 2) | (VERSION_1 | 0xff00_0017..=0xff00_0022, 1) => Kind::ZeroRtt,
            (VERSION_2, 3) | (VERSION_1 | 0xff00_0017..=0xff00_0022, 2) => Kind::Handshake,
            (VERSION_2, 0) | (VERSION_1 | 0xff00_0017..=0xff00_0022, 3) => Kind::Retry,
            _ => Kind::Other,
        }
    }
}

/// Kinds of packets with a long header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Initial,
    ZeroRtt,
    Handshake,
    Retry,
    Negotiation,
    Other,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::ZeroRtt => "0-rtt",
            Self::Handshake => "handshake",
            Self::Retry => "retry",
            Self::Negotiation => "version-negotiation",
            Self::Other => "other",
        }
    }
}

/// A number of one to eight bytes, its size in the top two bits (RFC 9000 clause 16).
fn variable(reader: &mut Reader<'_>) -> Result<u64, ParseError> {
    let first = reader.u8()?;
    let more = (1_usize << (first >> 6)).saturating_sub(1);
    let rest = reader.take(more)?;
    Ok(rest.iter().fold(u64::from(first & 0x3f), |sum, byte| sum << 8 | u64::from(*byte)))
}

/// A long header of a known version with the fixed bit set, or the list of versions a server offers instead.
fn probe(head: &[u8]) -> Probe {
    let mut reader = Reader::new("quic", head);
    let Ok(header) = Long::parse(&mut reader) else { return Probe::No };
    let fits = match header.kind() {
        Kind::Negotiation => {
            let versions = reader.rest();
            let known =
                |bytes: &[u8; 4]| version_name(u32::from_be_bytes(*bytes)).is_some_and(|name| name != "negotiation");
            versions.len() >= 4 && versions.len().is_multiple_of(4) && versions.as_chunks().0.iter().any(known)
        }
        Kind::Other => version_name(header.version).is_some() && header.destination.len() == 8,
        // A connection begins with a datagram of 1,200 bytes (RFC 9000 clause 14.1); later packets may be short.
        _ => header.first & 0x40 != 0 && head.len() >= 40,
    };
    if fits { Probe::Yes } else { Probe::No }
}

/// One connection.
struct Quic {
    /// Keys of the client's first packets.
    keys: Option<Keys>,
    crypto: Crypto,
    /// First packets looked into so far.
    tries: u8,
}

impl Frames for Quic {
    fn frame(&self, _carrier: Carrier, bytes: &[u8]) -> Frame {
        Frame::whole(bytes.len())
    }

    fn read(&mut self, _chunk: &Chunk<'_>, bytes: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
        let mut rest = bytes;
        // Several packets may share a datagram; one with a short header is the last.
        while rest.first().is_some_and(|first| first & 0x80 != 0) {
            let mut reader = Reader::new("quic packet", rest);
            let header = Long::parse(&mut reader)?;
            if version_name(header.version).is_none() {
                // Padding behind the last packet, or a version not known.
                return Ok(());
            }
            let kind = header.kind();
            tell(&header, kind, emit);
            if !matches!(kind, Kind::Initial | Kind::ZeroRtt | Kind::Handshake) {
                return Ok(());
            }
            if kind == Kind::Initial {
                let token = usize::try_from(variable(&mut reader)?).unwrap_or(usize::MAX);
                let _token = reader.take(token)?;
            }
            let length = usize::try_from(variable(&mut reader)?).unwrap_or(usize::MAX);
            let front = rest.len().saturating_sub(reader.rest().len());
            let _protected = reader.take(length)?;
            let (packet, others) = rest.split_at_checked(front.saturating_add(length)).unwrap_or((rest, &[]));
            rest = others;
            if kind == Kind::Initial && self.tries < MOST_TRIES {
                self.open(&header, packet, front, emit);
            }
        }
        Ok(())
    }
}

impl Quic {
    /// Opens a first packet of the client. Keys are those of its first destination; after a retry there are new ones.
    fn open(&mut self, header: &Long<'_>, packet: &[u8], front: usize, emit: &mut Emit<'_>) {
        self.tries = self.tries.saturating_add(1);
        let old = self.keys.as_ref().and_then(|keys| keys.open(packet, front));
        let plain = old.or_else(|| {
            let keys = Keys::of_client(header.version, header.destination)?;
            let plain = keys.open(packet, front)?;
            // Another connection's hello would not go together with what was collected.
            self.crypto = Crypto::default();
            self.keys = Some(keys);
            Some(plain)
        });
        // A packet of the server does not open with the client's keys.
        let Some(plain) = plain else { return };
        self.crypto.frames(&plain);
        let Some(hello) = self.crypto.hello() else { return };
        self.tries = MOST_TRIES;
        match Hello::parse(CLIENT_HELLO, hello) {
            Ok(hello) => hello_told(&hello, header.version, emit),
            Err(error) => emit.error(error),
        }
        self.crypto = Crypto::default();
    }
}

fn tell(header: &Long<'_>, kind: Kind, emit: &mut Emit<'_>) {
    let fields = Shown(|visit| {
        visit.coded("version", header.version, version_name(header.version));
        visit.bytes("dcid", header.destination);
        visit.bytes("scid", header.source);
    });
    emit.plain(kind.name(), &[], &fields);
}

fn hello_told(hello: &Hello<'_>, version: u32, emit: &mut Emit<'_>) {
    let mut acts = Acts::new();
    if let Some(name) = hello.server_name {
        acts.push(Act::Publishes { object: Object::Named(name) });
    }
    let ja4 = hello.ja4('q');
    if let Some(ja4) = &ja4 {
        acts.says(Attribute::TlsFingerprint, FactValue::Text(ja4.as_str()), 75, "quic.ja4");
    }
    let protocols = hello.protocols();
    let fields = Shown(|visit| {
        visit.coded("version", version, version_name(version));
        visit.maybe_text("server_name", hello.server_name);
        visit.maybe_text("alpn", Some(protocols.as_str()).filter(|text| !text.is_empty()));
        visit.maybe_text("ja4", ja4.as_ref().map(Text::as_str));
    });
    emit.message("client-hello", &mut acts, &fields);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    const ID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];

    /// A CRYPTO frame.
    fn crypto(offset: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![6];
        bytes.extend((0x4000 | offset).to_be_bytes());
        bytes.extend((0x4000 | u16::try_from(data.len()).unwrap()).to_be_bytes());
        bytes.extend(data);
        bytes
    }

    fn handshake() -> Vec<u8> {
        let body = crate::enterprise::tls::hello::tests::chrome();
        [&[1, 0][..], &u16::try_from(body.len()).unwrap().to_be_bytes(), &body].concat()
    }

    #[test]
    fn who_is_called_by_a_hello_in_two_packets_and_in_no_order() {
        for (version, first) in [(VERSION_1, 0xc0), (VERSION_2, 0xd0)] {
            let hello = handshake();
            let (one, two) = hello.split_at(100);
            let mut conversation = Conversation::new(&QUIC, Carrier::Udp, 443);
            let packet = initial::tests::seal(version, first, &ID, 0, &crypto(100, two));
            assert_eq!(QUIC.probe(Carrier::Udp, ToServer, &packet), Probe::Yes);
            conversation.send(ToServer, &packet);
            // The client names the server's choice of id from now on; the keys stay.
            conversation.send(ToServer, &initial::tests::seal_to(version, first, &ID, &[9; 8], 1, &crypto(0, one)));
            let seen = &conversation.heard.seen;
            assert_eq!(seen.len(), 3, "{seen:?}");
            assert_eq!(
                seen[2].acts,
                ["publishes shore.net", "says tls_fingerprint=q13d1516h2_8daaf6152771_e5627efa2ab1 (quic.ja4)"]
            );
        }
    }

    #[test]
    fn what_cannot_be_opened_is_passed_over() {
        let mut packet = initial::tests::seal(VERSION_1, 0xc0, &ID, 0, &crypto(0, &handshake()));
        let last = packet.len() - 1;
        packet[last] ^= 1;
        let mut conversation = Conversation::new(&QUIC, Carrier::Udp, 443);
        conversation.send(ToServer, &packet);
        conversation.send(ToClient, &hex("40 010203"));
        assert_eq!(conversation.heard.seen.len(), 1);
        assert!(conversation.heard.errors.is_empty());
    }

    #[test]
    fn what_the_first_bytes_tell() {
        let packet = initial::tests::seal(VERSION_1, 0xc0, &ID, 0, &[0; 32]);
        assert_eq!(QUIC.probe(Carrier::Udp, ToServer, &packet), Probe::Yes);
        for bytes in [
            hex("80 00000000 00 08 0102030405060708 00000002"),
            hex("c0 00000001 15"),
            [hex("80 00000001 08 0102030405060708 00"), vec![0; 60]].concat(),
            [hex("c0 00000003 08 0102030405060708 00"), vec![0; 60]].concat(),
            vec![0xc0; 60],
        ] {
            assert_eq!(QUIC.probe(Carrier::Udp, ToServer, &bytes), Probe::No, "{bytes:02x?}");
        }
        let offer = hex("80 00000000 00 08 0102030405060708 1a2a3a4a 00000001");
        assert_eq!(QUIC.probe(Carrier::Udp, ToClient, &offer), Probe::Yes);
    }
}
