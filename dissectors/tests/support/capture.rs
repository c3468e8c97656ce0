//! A small reader of captures for conformance tests: pcap and pcapng, the usual link types, IP, UDP, and TCP put in order.
//!
//! Good enough to compare what dissectors say with an independent decoder; the real thing is the flow room's.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use dogwatch_dissectors::{Carrier, Chunk, Dissector, Hint, Limits, PROTOCOLS, Probe, Progress, Protocol};
use dogwatch_model::{CaptureTime, Direction, Flow, Initiator, Mac, SourceId, Transport, Vlans};

use super::{Recorder, Seen};

/// The corpus folder, or `None` with a line that says so.
pub(crate) fn corpus(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("DOGWATCH_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"), PathBuf::from);
    let folder = root.join(folder);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no corpus at {}", folder.display());
    None
}

/// Rows of a `.jsonl` or `.jsonl.gz` file.
pub(crate) fn rows(path: &Path) -> Vec<serde_json::Value> {
    let bytes = std::fs::read(path).unwrap();
    let text = if path.extension().is_some_and(|end| end == "gz") {
        let mut text = String::new();
        flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
        text
    } else {
        String::from_utf8(bytes).unwrap()
    };
    text.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Link type and bytes of every frame, in order.
pub(crate) fn frames(path: &Path) -> Vec<(u32, Vec<u8>)> {
    let bytes = std::fs::read(path).unwrap();
    if bytes.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) { pcapng(&bytes) } else { pcap(&bytes) }
}

fn number(bytes: &[u8], at: usize, len: usize, big: bool) -> Option<usize> {
    let part = bytes.get(at..at + len)?;
    let fold = |sum: usize, byte: &u8| sum << 8 | usize::from(*byte);
    Some(if big { part.iter().fold(0, fold) } else { part.iter().rev().fold(0, fold) })
}

fn pcap(bytes: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let big =
        matches!(bytes.get(..4), Some([0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d] | [0xa1, 0xb2, 0xcd, 0x34]));
    let header =
        if matches!(bytes.get(..4), Some([0xa1, 0xb2, 0xcd, 0x34] | [0x34, 0xcd, 0xb2, 0xa1])) { 24 } else { 16 };
    let link = number(bytes, 20, 4, big).unwrap_or(1) & 0x0fff_ffff;
    let mut at = 24;
    let mut found = Vec::new();
    while let Some(len) = number(bytes, at + 8, 4, big) {
        let Some(frame) = bytes.get(at + header..at + header + len) else { break };
        found.push((u32::try_from(link).unwrap(), frame.to_vec()));
        at += header + len;
    }
    found
}

fn pcapng(bytes: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let (mut at, mut big, mut links, mut found) = (0, false, Vec::new(), Vec::new());
    while at + 12 <= bytes.len() {
        if bytes[at..].starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
            big = bytes[at + 8..].starts_with(&[0x1a, 0x2b, 0x3c, 0x4d]);
            links.clear();
        }
        let (Some(kind), Some(len)) = (number(bytes, at, 4, big), number(bytes, at + 4, 4, big)) else { break };
        if len < 12 || at + len > bytes.len() {
            break;
        }
        let body = &bytes[at + 8..at + len - 4];
        match kind {
            1 => links.push(u32::try_from(number(body, 0, 2, big).unwrap()).unwrap()),
            6 => {
                let (interface, captured) = (number(body, 0, 4, big).unwrap(), number(body, 12, 4, big).unwrap());
                let link = links.get(interface).copied().unwrap_or(1);
                found.push((link, body.get(20..20 + captured).unwrap_or_default().to_vec()));
            }
            3 => found.push((links.first().copied().unwrap_or(1), body.get(4..).unwrap_or_default().to_vec())),
            _ => {}
        }
        at += len;
    }
    found
}

/// One message and the number of the frame that completed it.
pub(crate) struct Said {
    /// Frame number from 1.
    pub(crate) frame: usize,
    /// Sender's network or link address.
    pub(crate) src: String,
    /// The message.
    pub(crate) seen: Seen,
}

#[derive(PartialEq, Eq, Hash, Clone)]
struct Key(u8, u16, String, u16, String, u16);

#[derive(Default)]
struct Side {
    next: Option<u32>,
    waiting: BTreeMap<u32, Vec<u8>>,
    pending: Vec<u8>,
}

struct Conversation {
    first: (String, u16),
    carrier: Carrier,
    dissector: Option<(&'static dyn Protocol, Box<dyn Dissector>)>,
    hopeless: u32,
    sides: [Side; 2],
    opener: Option<Direction>,
}

/// All conversations of a capture.
#[derive(Default)]
pub(crate) struct Capture {
    conversations: HashMap<Key, Conversation>,
    /// Everything said, in order.
    pub(crate) said: Vec<Said>,
    /// Frames this small reader does not unpack: other link types, tunnels, packets quoted in ICMP errors, later fragments.
    pub(crate) unread: BTreeSet<usize>,
}

/// Everything all dissectors say about a capture.
pub(crate) fn run(path: &Path) -> Capture {
    let mut capture = Capture::default();
    for (at, (link, bytes)) in frames(path).into_iter().enumerate() {
        capture.frame(at + 1, link, &bytes);
    }
    capture
}

impl Capture {
    fn frame(&mut self, number: usize, link: u32, bytes: &[u8]) {
        let mut flow = Flow {
            source: SourceId(0),
            vlans: Vlans::default(),
            src_mac: Mac::NONE,
            dst_mac: Mac::NONE,
            src: None,
            dst: None,
            transport: Transport::Ethernet(0),
            src_port: 0,
            dst_port: 0,
            ttl: 0,
            initiator: Initiator::Unknown,
        };
        let (kind, payload) = match link {
            1 if bytes.len() >= 14 => {
                flow.dst_mac = Mac(bytes[..6].try_into().unwrap());
                flow.src_mac = Mac(bytes[6..12].try_into().unwrap());
                (u16::from_be_bytes([bytes[12], bytes[13]]), &bytes[14..])
            }
            113 if bytes.len() >= 16 => (u16::from_be_bytes([bytes[14], bytes[15]]), &bytes[16..]),
            276 if bytes.len() >= 20 => (u16::from_be_bytes([bytes[0], bytes[1]]), &bytes[20..]),
            0 | 108 if bytes.len() >= 4 => (0x0800, &bytes[4..]),
            12 | 14 | 101 | 228 | 229 => (0x0800, bytes),
            _ => {
                self.unread.insert(number);
                return;
            }
        };
        self.ethertype(number, flow, kind, payload);
    }

    fn ethertype(&mut self, number: usize, mut flow: Flow, kind: u16, payload: &[u8]) {
        flow.transport = Transport::Ethernet(kind);
        match kind {
            0x8100 | 0x88a8 if payload.len() >= 4 => {
                self.ethertype(number, flow, u16::from_be_bytes([payload[2], payload[3]]), &payload[4..]);
            }
            0x0800 | 0x86dd => self.ip(number, flow, payload),
            0..0x0600 => {
                let len = usize::from(kind).min(payload.len());
                self.datagram(number, &flow, Carrier::Llc, &payload[..len]);
            }
            _ => self.datagram(number, &flow, Carrier::Ethernet, payload),
        }
    }

    fn ip(&mut self, number: usize, mut flow: Flow, packet: &[u8]) {
        let (protocol, payload) = match packet.first().map(|byte| byte >> 4) {
            Some(4) if packet.len() >= 20 => {
                let header = usize::from(packet[0] & 15) * 4;
                let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
                let end = if total == 0 { packet.len() } else { total.min(packet.len()) };
                if u16::from_be_bytes([packet[6], packet[7]]) & 0x3fff != 0 || header > end {
                    self.unread.insert(number);
                    return;
                }
                flow.src = Some(IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(&packet[12..16]).unwrap())));
                flow.dst = Some(IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(&packet[16..20]).unwrap())));
                flow.ttl = packet[8];
                (packet[9], &packet[header..end])
            }
            Some(6) if packet.len() >= 40 => {
                flow.src = Some(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(&packet[8..24]).unwrap())));
                flow.dst = Some(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(&packet[24..40]).unwrap())));
                let (mut next, mut rest) = (packet[6], &packet[40..]);
                while matches!(next, 0 | 43 | 60) && rest.len() >= 8 {
                    let len = (usize::from(rest[1]) + 1) * 8;
                    next = rest[0];
                    rest = rest.get(len..).unwrap_or_default();
                }
                flow.ttl = packet[7];
                (next, rest)
            }
            _ => return,
        };
        match protocol {
            17 if payload.len() >= 8 => {
                flow.transport = Transport::Udp;
                flow.src_port = u16::from_be_bytes([payload[0], payload[1]]);
                flow.dst_port = u16::from_be_bytes([payload[2], payload[3]]);
                let len = usize::from(u16::from_be_bytes([payload[4], payload[5]])).clamp(8, payload.len());
                self.datagram(number, &flow, Carrier::Udp, &payload[8..len]);
            }
            6 if payload.len() >= 20 => self.tcp(number, flow, payload),
            _ => {
                if protocol != 2 {
                    self.unread.insert(number);
                }
                flow.transport = Transport::Ip(protocol);
                self.datagram(number, &flow, Carrier::Ip, payload);
            }
        }
    }

    fn conversation(&mut self, flow: &Flow, carrier: Carrier) -> (&mut Conversation, Direction) {
        let address = |ip: Option<IpAddr>, mac: Mac| ip.map_or_else(|| mac.to_string(), |ip| ip.to_string());
        let from = (address(flow.src, flow.src_mac), flow.src_port);
        let to = (address(flow.dst, flow.dst_mac), flow.dst_port);
        let (low, high) = if from <= to { (&from, &to) } else { (&to, &from) };
        let (kind, number) = match flow.transport {
            Transport::Ethernet(number) => (0, if number < 0x600 { 0 } else { number }),
            Transport::Ip(number) => (1, u16::from(number)),
            Transport::Tcp => (2, 0),
            _ => (3, 0),
        };
        let key = Key(kind, number, low.0.clone(), low.1, high.0.clone(), high.1);
        let conversation = self.conversations.entry(key).or_insert_with(|| Conversation {
            first: from.clone(),
            carrier,
            dissector: None,
            hopeless: 0,
            sides: Default::default(),
            opener: None,
        });
        let direction = if conversation.first == from { Direction::ToServer } else { Direction::ToClient };
        (conversation, direction)
    }

    fn datagram(&mut self, number: usize, flow: &Flow, carrier: Carrier, payload: &[u8]) {
        if payload.is_empty() {
            return;
        }
        let (conversation, direction) = self.conversation(flow, carrier);
        let mut heard = Recorder::default();
        conversation.offer(flow, direction, payload.to_vec(), &mut heard);
        conversation.sides[0].pending.clear();
        conversation.sides[1].pending.clear();
        self.keep(number, flow, heard);
    }

    fn tcp(&mut self, number: usize, mut flow: Flow, segment: &[u8]) {
        flow.transport = Transport::Tcp;
        flow.src_port = u16::from_be_bytes([segment[0], segment[1]]);
        flow.dst_port = u16::from_be_bytes([segment[2], segment[3]]);
        let mut sequence = u32::from_be_bytes(segment[4..8].try_into().unwrap());
        let Some(payload) = segment.get(usize::from(segment[12] >> 4) * 4..) else { return };
        let flags = segment[13];
        let (conversation, direction) = self.conversation(&flow, Carrier::Tcp);
        let at = usize::from(direction == Direction::ToClient);
        if flags & 2 != 0 {
            sequence = sequence.wrapping_add(1);
            conversation.opener = Some(if flags & 16 == 0 { direction } else { direction.reversed() });
            conversation.sides[at] = Side { next: Some(sequence), ..Side::default() };
        }
        flow.initiator = match conversation.opener {
            None => Initiator::Unknown,
            Some(opener) if opener == direction => Initiator::Sender,
            Some(_) => Initiator::Receiver,
        };
        if payload.is_empty() {
            return;
        }
        let side = &mut conversation.sides[at];
        if side.next.is_none() && payload == [0] {
            // A keep-alive in front of everything else is no byte of the stream.
            side.next = Some(sequence.wrapping_add(1));
            return;
        }
        side.next.get_or_insert(sequence);
        side.waiting.entry(sequence).or_insert_with(|| payload.to_vec());
        let mut heard = Recorder::default();
        loop {
            let side = &mut conversation.sides[at];
            let next = side.next.unwrap();
            let distance = |sequence: &u32| i64::from(sequence.wrapping_sub(next).cast_signed());
            let Some(first) = side.waiting.keys().min_by_key(|sequence| distance(sequence)).copied() else { break };
            let ahead = distance(&first);
            if ahead > 0 && side.waiting.len() < 3 {
                break;
            }
            let bytes = side.waiting.remove(&first).unwrap();
            if ahead > 0 {
                side.pending.clear();
                side.next = Some(first);
                if let Some((_, dissector)) = &mut conversation.dissector {
                    dissector.gap(direction, u32::try_from(ahead).unwrap());
                }
            }
            let known = usize::try_from(-ahead.min(0)).unwrap();
            let Some(new) = bytes.get(known..).filter(|new| !new.is_empty()) else { continue };
            let side = &mut conversation.sides[at];
            side.next = Some(side.next.unwrap().wrapping_add(u32::try_from(new.len()).unwrap()));
            conversation.offer(&flow, direction, new.to_vec(), &mut heard);
        }
        self.keep(number, &flow, heard);
    }

    fn keep(&mut self, frame: usize, flow: &Flow, heard: Recorder) {
        let src = flow.src.map_or_else(|| flow.src_mac.to_string(), |ip| ip.to_string());
        for seen in heard.seen {
            self.said.push(Said { frame, src: src.clone(), seen });
        }
    }
}

impl Conversation {
    fn offer(&mut self, flow: &Flow, direction: Direction, bytes: Vec<u8>, heard: &mut Recorder) {
        let at = usize::from(direction == Direction::ToClient);
        if self.hopeless > 8 {
            return;
        }
        self.sides[at].pending.extend(bytes);
        let mut wait = true;
        if self.dissector.is_none() {
            wait = self.recognise(flow, direction);
        }
        let Some((_, dissector)) = &mut self.dissector else {
            // A capture may begin in the middle of a message: the next segment gets its own chance.
            if !wait || self.sides[at].pending.len() > 4_096 || !self.carrier.is_stream() {
                self.hopeless += 1;
                self.sides[at].pending.clear();
            }
            return;
        };
        let pending = &mut self.sides[at].pending;
        let chunk = Chunk { at: CaptureTime(0), flow, direction, carrier: self.carrier, bytes: pending };
        match dissector.data(&chunk, heard) {
            Progress::Used(used) => {
                pending.drain(..used);
            }
            Progress::GiveUp => self.hopeless = 100,
        }
    }

    /// Hinted protocols first, then the others in order; the content decides. Says whether more bytes could tell.
    fn recognise(&mut self, flow: &Flow, direction: Direction) -> bool {
        let mut wait = false;
        let head = &self.sides[usize::from(direction == Direction::ToClient)].pending;
        let hinted = |protocol: &&&'static dyn Protocol| {
            protocol.hints().iter().any(|hint| match (hint, flow.transport) {
                (Hint::Tcp(port), Transport::Tcp) | (Hint::Udp(port), Transport::Udp) => {
                    *port == flow.src_port || *port == flow.dst_port
                }
                (Hint::EtherType(kind), Transport::Ethernet(found)) => *kind == found,
                (Hint::Ip(kind), Transport::Ip(found)) => *kind == found,
                _ => false,
            })
        };
        let (first, others): (Vec<&&dyn Protocol>, Vec<&&dyn Protocol>) = PROTOCOLS.iter().partition(hinted);
        for protocol in first.into_iter().chain(others) {
            match protocol.probe(self.carrier, direction, head) {
                Probe::Yes => {
                    self.dissector = Some((*protocol, protocol.open(&Limits::default())));
                    return true;
                }
                Probe::NeedMore => wait = true,
                Probe::No => {}
            }
        }
        wait
    }
}
