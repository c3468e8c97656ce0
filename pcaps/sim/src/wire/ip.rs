//! IPv4 (RFC 791), UDP (RFC 768), TCP (RFC 9293), ICMP-free: headers with valid checksums.

/// Protocol numbers used here.
pub(crate) const IGMP: u8 = 2;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;

/// TCP flag bits.
pub(crate) mod flag {
    pub(crate) const FIN: u8 = 0x01;
    pub(crate) const SYN: u8 = 0x02;
    pub(crate) const RST: u8 = 0x04;
    pub(crate) const PSH: u8 = 0x08;
    pub(crate) const ACK: u8 = 0x10;
}

/// Sums 16-bit words the way the Internet checksum does (RFC 1071), not yet inverted.
fn sum_words(start: u32, bytes: &[u8]) -> u32 {
    let mut sum = start;
    let (words, rest) = bytes.as_chunks::<2>();
    for word in words {
        sum += u32::from(u16::from_be_bytes(*word));
    }
    if let [last] = rest {
        sum += u32::from(*last) << 8;
    }
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    sum
}

/// The Internet checksum of `bytes`.
pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    !(sum_words(0, bytes) as u16)
}

/// The checksum of a UDP datagram or TCP segment with its pseudo header.
fn transport_checksum(source: [u8; 4], destination: [u8; 4], protocol: u8, segment: &[u8]) -> u16 {
    let mut pseudo = Vec::with_capacity(12);
    pseudo.extend_from_slice(&source);
    pseudo.extend_from_slice(&destination);
    pseudo.extend_from_slice(&[0, protocol]);
    pseudo.extend_from_slice(&(segment.len() as u16).to_be_bytes());
    !(sum_words(sum_words(0, &pseudo), segment) as u16)
}

/// What an IPv4 header says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ipv4 {
    pub(crate) source: [u8; 4],
    pub(crate) destination: [u8; 4],
    pub(crate) protocol: u8,
    pub(crate) ttl: u8,
    pub(crate) id: u16,
    /// Adds the router alert option (RFC 2113), as IGMP does.
    pub(crate) router_alert: bool,
}

/// Place of a fragment: eighths of a byte count, and whether more follow.
#[derive(Debug, Clone, Copy)]
struct Place {
    eighths: u16,
    more: bool,
}

impl Ipv4 {
    /// Header and payload.
    pub(crate) fn packet(&self, payload: &[u8]) -> Vec<u8> {
        self.packet_at(payload, None)
    }

    /// The payload in fragments of `size` bytes, which is rounded down to a multiple of eight.
    pub(crate) fn fragments(&self, payload: &[u8], size: usize) -> Vec<Vec<u8>> {
        let size = (size / 8).max(1) * 8;
        let last = payload.len().div_ceil(size).saturating_sub(1);
        let part = |(number, part): (usize, &[u8])| {
            let place = Place { eighths: (number * size / 8) as u16, more: number < last };
            self.packet_at(part, Some(place))
        };
        payload.chunks(size).enumerate().map(part).collect()
    }

    fn packet_at(&self, payload: &[u8], place: Option<Place>) -> Vec<u8> {
        // Without a place: "do not fragment".
        let [high, low] = place.map_or(0x4000, |at| at.eighths | if at.more { 0x2000 } else { 0 }).to_be_bytes();
        let options: &[u8] = if self.router_alert { &[0x94, 4, 0, 0] } else { &[] };
        let header_len = 20 + options.len();
        let mut header = Vec::with_capacity(header_len + payload.len());
        header.push(0x40 | (header_len / 4) as u8);
        header.push(if self.router_alert { 0xC0 } else { 0 });
        header.extend_from_slice(&((header_len + payload.len()) as u16).to_be_bytes());
        header.extend_from_slice(&self.id.to_be_bytes());
        header.extend_from_slice(&[high, low, self.ttl, self.protocol, 0, 0]);
        header.extend_from_slice(&self.source);
        header.extend_from_slice(&self.destination);
        header.extend_from_slice(options);
        let sum = checksum(&header).to_be_bytes();
        if let Some(place) = header.get_mut(10..12) {
            place.copy_from_slice(&sum);
        }
        header.extend_from_slice(payload);
        header
    }
}

/// A UDP datagram.
pub(crate) fn udp(source: ([u8; 4], u16), destination: ([u8; 4], u16), payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(8 + payload.len());
    out.extend_from_slice(&source.1.to_be_bytes());
    out.extend_from_slice(&destination.1.to_be_bytes());
    out.extend_from_slice(&((8 + payload.len()) as u16).to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(payload);
    let sum = match transport_checksum(source.0, destination.0, UDP, &out) {
        // A computed sum of zero is sent as all ones: zero means "none".
        0 => 0xFFFF,
        sum => sum,
    };
    if let Some(place) = out.get_mut(6..8) {
        place.copy_from_slice(&sum.to_be_bytes());
    }
    out
}

/// What a TCP header says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment<'a> {
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u8,
    pub(crate) window: u16,
    pub(crate) payload: &'a [u8],
}

/// Options of a SYN: largest segment 1460, selective acknowledgements, window scale 7.
const SYN_OPTIONS: [u8; 12] = [2, 4, 0x05, 0xB4, 1, 1, 4, 2, 1, 3, 3, 7];

/// A TCP segment.
pub(crate) fn tcp(source: ([u8; 4], u16), destination: ([u8; 4], u16), segment: &Segment<'_>) -> Vec<u8> {
    let options: &[u8] = if segment.flags & flag::SYN != 0 { &SYN_OPTIONS } else { &[] };
    let mut out = Vec::with_capacity(20 + options.len() + segment.payload.len());
    out.extend_from_slice(&source.1.to_be_bytes());
    out.extend_from_slice(&destination.1.to_be_bytes());
    out.extend_from_slice(&segment.seq.to_be_bytes());
    out.extend_from_slice(&segment.ack.to_be_bytes());
    out.extend_from_slice(&[(((20 + options.len()) / 4) as u8) << 4, segment.flags]);
    out.extend_from_slice(&segment.window.to_be_bytes());
    out.extend_from_slice(&[0, 0, 0, 0]);
    out.extend_from_slice(options);
    out.extend_from_slice(segment.payload);
    let sum = transport_checksum(source.0, destination.0, TCP, &out).to_be_bytes();
    if let Some(place) = out.get_mut(16..18) {
        place.copy_from_slice(&sum);
    }
    out
}

/// Gives an Ethernet frame with a TCP segment other last two bytes, checksum included; `false` when it has less than `least` bytes of data.
pub(crate) fn rewrite_tail(frame: &mut [u8], tail: [u8; 2], least: usize) -> bool {
    let Some((_, packet)) = frame.split_at_mut_checked(14) else { return false };
    let Some(total) = packet.get(2..4).map(|two| two.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte)))
    else {
        return false;
    };
    let Some(packet) = packet.get_mut(..total) else { return false };
    let Some((header, segment)) = packet.split_first_chunk_mut::<20>() else { return false };
    let [.., a, b, c, d, e, f, g, h] = *header;
    let data = segment.get(12).map_or(usize::MAX, |offset| usize::from(offset >> 4) * 4);
    if header.get(9) != Some(&TCP) || segment.len() < data.saturating_add(least) {
        return false;
    }
    for (at, bytes) in [(segment.len() - 2, tail), (16, [0, 0])] {
        if let Some(place) = segment.get_mut(at..at + 2) {
            place.copy_from_slice(&bytes);
        }
    }
    let sum = transport_checksum([a, b, c, d], [e, f, g, h], TCP, segment).to_be_bytes();
    if let Some(place) = segment.get_mut(16..18) {
        place.copy_from_slice(&sum);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_join_to_the_payload_and_a_rewritten_segment_still_sums_up() {
        let (from, to) = (([10, 0, 0, 1], 1024), ([10, 0, 0, 2], 502));
        let segment = Segment { seq: 1, ack: 2, flags: flag::ACK, window: 9, payload: b"0123456789abcdef" };
        let tcp = tcp(from, to, &segment);
        let ip = Ipv4 { source: from.0, destination: to.0, protocol: TCP, ttl: 64, id: 7, router_alert: false };
        let parts = ip.fragments(&tcp, 17);
        assert_eq!(parts.iter().flat_map(|part| part[20..].to_vec()).collect::<Vec<_>>(), tcp);
        assert_eq!(parts.iter().map(|part| (part[6], part[7])).collect::<Vec<_>>(), [(0x20, 0), (0x20, 2), (0, 4)]);
        let mut frame = [&[0; 14][..], &ip.packet(&tcp)].concat();
        assert!(rewrite_tail(&mut frame, [1, 2], 9));
        assert!(frame.ends_with(&[b'd', 1, 2]));
        assert_eq!(transport_checksum(from.0, to.0, TCP, &frame[34..]), 0);
        assert!(!rewrite_tail(&mut frame, [1, 2], 17), "less data than asked for");
    }

    #[test]
    fn checksum_of_rfc_1071() {
        // RFC 1071, section 3: these bytes sum to ddf2.
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }

    #[test]
    fn checksum_of_a_known_ipv4_header() {
        // The worked example of the Wikipedia article "Internet checksum": b861.
        let header = [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7];
        assert_eq!(checksum(&header), 0xb861);
    }

    #[test]
    fn a_received_header_and_datagram_sum_to_zero() {
        let (from, to) = (([10, 0, 0, 1], 1024), ([10, 0, 0, 2], 502));
        let ip = Ipv4 { source: from.0, destination: to.0, protocol: UDP, ttl: 64, id: 7, router_alert: true };
        let datagram = udp(from, to, b"odd");
        let packet = ip.packet(&datagram);
        assert_eq!(checksum(&packet[..24]), 0);
        assert_eq!(transport_checksum(from.0, to.0, UDP, &datagram), 0);
        assert_eq!(u16::from_be_bytes([packet[2], packet[3]]) as usize, packet.len());
        let segment = Segment { seq: 1, ack: 2, flags: flag::SYN | flag::ACK, window: 100, payload: b"xyz" };
        assert_eq!(transport_checksum(from.0, to.0, TCP, &tcp(from, to, &segment)), 0);
    }
}
