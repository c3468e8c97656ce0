//! RTP and RTCP: calls and the pictures of cameras, so that a stream of them has its name.
//!
//! Told are the streams of a flow, each once: number of the source, kind of payload, and what a report says of its sender. A single packet of
//! RTP has two fixed bits: a flow is its own after five in a row from one side that count on, of one source, with times that go on (a packet of
//! RTCP, which is a chain of lengths with a name in it, tells at once). Deliberately not read: sound and pictures, statistics of reports,
//! ports announced elsewhere (SIP, RTSP), SRTP as such (it looks the same), streams that turn their packets about from the start.
//!
//! Specification: RFC 3550 clauses 5.1, 6.1, 6.4 to 6.6 and A.1; RFC 3551 table 4 and 5; RFC 5761 (both on one port), RFC 7983 (with STUN and DTLS).

mod rtcp;

use dogwatch_model::{Act, Direction, Object};

use crate::acts::{Acts, Emit, Shown, Told};
use crate::text::{Text, text};
use crate::{Carrier, Chunk, Dissector, Hint, Limits, ParseError, Probe, Progress, Protocol, Run, Sink};

/// RTP with RTCP.
pub(crate) struct Rtp;

const NAME: &str = "rtp";
/// Bytes of the fixed header.
const HEADER: usize = 12;
/// Steps of the media clock between two packets in a row: half a minute at 90 kHz, more than any pause of pictures.
const LONGEST_STEP: u32 = 2_700_000;
/// Sources of a direction remembered; a meeting has many, a camera one.
const SOURCES: usize = 8;
/// Unreadable datagrams after which a flow that never gave a message counts as something else.
const PATIENCE: u32 = 4;

/// The fixed header (clause 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    payload_type: u8,
    sequence: u16,
    time: u32,
    source: u32,
}

impl Header {
    /// Version 2 and a kind of payload that is none of RTCP's (RFC 5761 clause 4).
    fn parse(bytes: &[u8]) -> Option<Self> {
        let [first, second, s0, s1, t0, t1, t2, t3, n0, n1, n2, n3] = *bytes.first_chunk::<HEADER>()?;
        let payload_type = second & 0x7f;
        (first >> 6 == 2 && !matches!(payload_type, 64..=95)).then_some(Self {
            payload_type,
            sequence: u16::from_be_bytes([s0, s1]),
            time: u32::from_be_bytes([t0, t1, t2, t3]),
            source: u32::from_be_bytes([n0, n1, n2, n3]),
        })
    }
}

/// Whether sources, extension and padding fit into the packet, and something is left to carry (clause A.1).
fn is_whole(bytes: &[u8]) -> bool {
    let Some(first) = bytes.first() else { return false };
    let sources = usize::from(first & 0x0f).saturating_mul(4);
    let mut front = HEADER.saturating_add(sources);
    if first & 0x10 != 0 {
        let words = front.saturating_add(2).checked_add(2).and_then(|end| bytes.get(end.saturating_sub(2)..end));
        let Some([h, l]) = words else { return false };
        front = front.saturating_add(4).saturating_add(usize::from(u16::from_be_bytes([*h, *l])).saturating_mul(4));
    }
    let padding = if first & 0x20 == 0 { 0 } else { bytes.last().copied().map_or(0, usize::from) };
    let has_padding = first & 0x20 == 0 || padding > 0;
    has_padding && front.saturating_add(padding) < bytes.len()
}

/// Whether `now` follows `before` as packets of one source do. Only the fixed header of `before` is known.
fn follows(before: &[u8], now: &[u8]) -> bool {
    let Some(header) = Header::parse(now) else { return false };
    if header.source == 0 || !is_whole(now) || name_of(header.payload_type).is_none() {
        return false;
    }
    let Some(earlier) = Header::parse(before) else { return before.is_empty() };
    header.source == earlier.source
        && header.sequence == earlier.sequence.wrapping_add(1)
        && header.time.wrapping_sub(earlier.time) <= LONGEST_STEP
}

/// What a kind of payload is called (RFC 3551); `None` for one nobody has.
const fn name_of(payload_type: u8) -> Option<&'static str> {
    Some(match payload_type {
        0 => "pcmu",
        3 => "gsm",
        4 => "g723",
        5 | 6 | 16 | 17 => "dvi4",
        7 => "lpc",
        8 => "pcma",
        9 => "g722",
        10 | 11 => "l16",
        12 => "qcelp",
        13 => "comfort-noise",
        14 => "mpeg-audio",
        15 => "g728",
        18 => "g729",
        25 => "celb",
        26 => "jpeg",
        28 => "nv",
        31 => "h261",
        32 => "mpeg-video",
        33 => "mpeg-ts",
        34 => "h263",
        96..=127 => "dynamic",
        _ => return None,
    })
}

impl Protocol for Rtp {
    fn name(&self) -> &'static str {
        NAME
    }

    fn hints(&self) -> &'static [Hint] {
        &[]
    }

    fn carriers(&self) -> &'static [Carrier] {
        &[Carrier::Udp]
    }

    fn probes_by_direction(&self) -> bool {
        false
    }

    fn probe(&self, _carrier: Carrier, _direction: Direction, head: &[u8]) -> Probe {
        if rtcp::is_compound(head) { Probe::Yes } else { Probe::No }
    }

    fn run(&self) -> Option<Run> {
        Some(follows)
    }

    fn open(&self, limits: &Limits) -> Box<dyn Dissector> {
        Box::new(Media {
            told: Told::new(limits.bus_devices),
            streams: [None; SOURCES * 2],
            next: 0,
            messages: 0,
            failures: 0,
        })
    }
}

/// One source in one direction, with its kind of payload.
type Stream = (Direction, u32, u8);

/// One flow of media.
struct Media {
    told: Told,
    /// Streams told; the oldest makes room.
    streams: [Option<Stream>; SOURCES * 2],
    next: usize,
    messages: u32,
    failures: u32,
}

impl Media {
    /// Whether a stream is told for the first time.
    fn is_news(&mut self, stream: Stream) -> bool {
        if self.streams.contains(&Some(stream)) {
            return false;
        }
        if let Some(slot) = self.streams.get_mut(self.next) {
            *slot = Some(stream);
        }
        self.next = self.next.saturating_add(1).checked_rem(self.streams.len()).unwrap_or(0);
        true
    }

    fn read(&mut self, chunk: &Chunk<'_>, out: &mut dyn Sink) -> Result<(), ParseError> {
        match chunk.bytes {
            [0x80..=0xbf, 192..=223, ..] => {
                let mut emit = Emit::new(NAME, self.told.by(chunk.direction), out, &mut self.messages);
                rtcp::read(chunk.bytes, &mut emit)
            }
            [0x80..=0xbf, ..] => {
                let header = Header::parse(chunk.bytes).filter(|_| is_whole(chunk.bytes));
                let header = header.ok_or(ParseError::Malformed { what: "rtp", at: 0, why: "header or padding" })?;
                // Signs (RFC 4733) and comfort noise come between the packets of the same source: one stream.
                if self.is_news((chunk.direction, header.source, header.payload_type)) {
                    let mut emit = Emit::new(NAME, self.told.by(chunk.direction), out, &mut self.messages);
                    stream(header, &mut emit);
                }
                Ok(())
            }
            // STUN and DTLS share the flow (RFC 7983).
            _ => Ok(()),
        }
    }
}

/// Tells of a stream.
fn stream(header: Header, emit: &mut Emit<'_>) {
    let kind = name_of(header.payload_type).unwrap_or("other");
    let name: Text<40> = text!["stream ", kind];
    let mut acts = Acts::new();
    acts.push(Act::Publishes { object: Object::Named(name.as_str()) });
    let fields = Shown(|visit| {
        visit.number("p_type", header.payload_type);
        visit.text("payload", kind);
        visit.number("ssrc", header.source);
        visit.number("seq", header.sequence);
        visit.number("timestamp", header.time);
    });
    emit.message("stream", &mut acts, &fields);
}

impl Dissector for Media {
    fn data(&mut self, chunk: &Chunk<'_>, out: &mut dyn Sink) -> Progress {
        if let Err(error) = self.read(chunk, out) {
            out.error(NAME, error);
            self.failures = self.failures.saturating_add(1);
            if self.messages == 0 && self.failures >= PATIENCE {
                return Progress::GiveUp;
            }
        }
        Progress::Used(chunk.bytes.len())
    }

    fn gap(&mut self, _direction: Direction, _missing: u32) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::{Conversation, hex};
    use dogwatch_model::Direction::{ToClient, ToServer};

    /// A packet of G.711 from source 0x11223344.
    pub(super) fn packet(payload_type: u8, sequence: u16, time: u32) -> Vec<u8> {
        let mut bytes = vec![0x80, payload_type];
        bytes.extend(sequence.to_be_bytes());
        bytes.extend(time.to_be_bytes());
        bytes.extend(0x1122_3344_u32.to_be_bytes());
        bytes.extend([0xd5; 160]);
        bytes
    }

    #[test]
    fn packets_that_follow_each_other() {
        let first = packet(8, 0xffff, u32::MAX - 79);
        assert!(follows(&[], &first));
        let front = &first[..HEADER];
        assert!(follows(front, &packet(8, 0, 80)), "number and time wrap");
        assert!(follows(front, &packet(0x80 | 13, 0, 80)), "a marked packet of another kind");
        assert!(!follows(front, &packet(8, 1, 80)), "one is missing");
        assert!(!follows(front, &packet(8, 0, u32::MAX - 200)), "time goes back");
        assert!(!follows(front, &packet(8, 0, 80 + LONGEST_STEP)), "a leap in time");
        assert!(!follows(front, &packet(1, 0, 80)), "reserved kind (RFC 3551)");
        assert!(!follows(front, &packet(72, 0, 80)), "a report of RTCP");
        let mut other = packet(8, 0, 80);
        other[11] ^= 1;
        assert!(!follows(front, &other), "another source");
    }

    #[test]
    fn lengths_inside_a_packet() {
        // Clause 5.1: count of sources, extension of words, padding that counts itself.
        for (bytes, want) in [
            ("80 08 0001 00000050 11223344 d5", true),
            ("80 08 0001 00000050 11223344", false),
            ("82 08 0001 00000050 11223344 00000001 00000002 d5", true),
            ("82 08 0001 00000050 11223344 00000001", false),
            ("90 08 0001 00000050 11223344 bede 0001 00000000 d5", true),
            ("90 08 0001 00000050 11223344 bede 0002 00000000 d5", false),
            ("90 08 0001 00000050 11223344 be", false),
            ("a0 08 0001 00000050 11223344 d5 00 02", true),
            ("a0 08 0001 00000050 11223344 d5 00 00", false),
            ("a0 08 0001 00000050 11223344 d5 00 09", false),
        ] {
            assert_eq!(is_whole(&hex(bytes)), want, "{bytes}");
        }
    }

    #[test]
    fn each_stream_once() {
        let mut conversation = Conversation::new(&Rtp, Carrier::Udp, 5_004);
        for at in 0..20_u16 {
            conversation.send(ToServer, &packet(26, at, u32::from(at) * 3_000));
            conversation.send(ToClient, &packet(8, at, u32::from(at) * 160));
        }
        // STUN beside it, and a packet cut short
        conversation.send(ToServer, &hex("0001 0000 2112a442 000102030405060708090a0b"));
        conversation.send(ToServer, &packet(26, 20, 0)[..12]);
        let acts: Vec<_> = conversation.heard.seen.iter().map(|seen| seen.acts.join(" ")).collect();
        assert_eq!(acts, ["publishes stream jpeg", "publishes stream pcma"]);
        assert_eq!(conversation.heard.seen[0].field("ssrc"), "287454020");
        assert_eq!(conversation.heard.errors.len(), 1);
    }
}
