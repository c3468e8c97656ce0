//! Small captures made of a case's bytes: datagrams, so that the program reads them as it would read a mirror port.

use std::net::Ipv4Addr;

/// A pcap file under construction (libpcap file format, microseconds, little endian).
pub(crate) struct Pcap {
    bytes: Vec<u8>,
    frames: u32,
}

/// LINKTYPE_ETHERNET.
const ETHERNET: u32 = 1;
/// 2023-11-14T22:13:20Z; frames follow each other by a millisecond.
const START: u32 = 1_700_000_000;

impl Pcap {
    pub(crate) fn new() -> Self {
        let mut bytes = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
        bytes.extend([2, 0, 4, 0]);
        bytes.extend([0; 8]);
        bytes.extend(262_144_u32.to_le_bytes());
        bytes.extend(ETHERNET.to_le_bytes());
        Self { bytes, frames: 0 }
    }

    /// Adds a UDP datagram; the answer is its frame number. What does not fit an IPv4 packet is cut.
    pub(crate) fn datagram(&mut self, source: Ipv4Addr, destination: Ipv4Addr, port: u16, payload: &[u8]) -> u64 {
        let payload = payload.get(..payload.len().min(65_000)).unwrap_or_default();
        let length = |more: usize| u16::try_from(payload.len() + more).unwrap_or(u16::MAX).to_be_bytes();
        let mut ip = vec![0x45, 0];
        ip.extend(length(28));
        ip.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
        ip.extend(source.octets());
        ip.extend(destination.octets());
        let sum: u32 =
            ip.chunks_exact(2).map(|pair| pair.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte))).sum();
        let folded = (sum & 0xffff) + (sum >> 16);
        let check = !((folded & 0xffff) + (folded >> 16)) & 0xffff;
        if let Some(place) = ip.get_mut(10..12) {
            place.copy_from_slice(&u16::try_from(check).unwrap_or(0).to_be_bytes());
        }
        let [_, b, c, d] = destination.octets();
        let to = if destination.is_multicast() { [1, 0, 0x5e, b & 0x7f, c, d] } else { [2, 0, 0, b, c, d] };
        let [_, b, c, d] = source.octets();
        let mut frame = to.to_vec();
        frame.extend([2, 0, 1, b, c, d, 8, 0]);
        frame.extend(ip);
        frame.extend(50_000_u16.to_be_bytes());
        frame.extend(port.to_be_bytes());
        frame.extend(length(8));
        // checksum 0: none (RFC 768)
        frame.extend([0, 0]);
        frame.extend(payload);
        self.frame(&frame)
    }

    fn frame(&mut self, frame: &[u8]) -> u64 {
        let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        let seconds = START + self.frames / 1_000;
        for word in [seconds, self.frames % 1_000 * 1_000, length, length] {
            self.bytes.extend(word.to_le_bytes());
        }
        self.bytes.extend(frame);
        self.frames += 1;
        u64::from(self.frames)
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// An address of its own for every case, so that no case sees another's state.
pub(crate) fn sender(case: usize) -> Ipv4Addr {
    let [_, b, c, d] = u32::try_from(case + 1).unwrap_or(u32::MAX).to_be_bytes();
    Ipv4Addr::new(10, b, c, d)
}
