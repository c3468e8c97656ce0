//! What tells one flow from another: source, VLANs, both ends in a fixed order, transport.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use dogwatch_model::{Flow, Mac, Transport};

use crate::side::Side;

/// A flow's identity, packed so that hashing and comparing take a few instructions. Both directions give the same key.
#[derive(Debug, Clone, Copy, Eq)]
pub(crate) struct Key([u64; 6]);

impl PartialEq for Key {
    /// Word by word without a branch: the derived one calls `memcmp`, which costs more than it compares.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for word in self.0 {
            state.write_u64(word);
        }
    }
}

/// One end: address in 16 bytes, and port.
type End = (u64, u64, u16);

impl Key {
    /// The key of the flow a packet belongs to, and which end sent it.
    #[inline]
    pub(crate) fn of(flow: &Flow) -> (Self, Side) {
        let (family, sender, receiver) = match (flow.src, flow.dst) {
            (Some(IpAddr::V4(src)), Some(IpAddr::V4(dst))) => {
                (4_u8, (0, u64::from(src.to_bits()), flow.src_port), (0, u64::from(dst.to_bits()), flow.dst_port))
            }
            (Some(IpAddr::V6(src)), Some(IpAddr::V6(dst))) => {
                (6, v6(src.to_bits(), flow.src_port), v6(dst.to_bits(), flow.dst_port))
            }
            _ => (0, mac(flow.src_mac), mac(flow.dst_mac)),
        };
        let (kind, number) = match flow.transport {
            Transport::Ethernet(ether_type) => (1_u8, ether_type),
            Transport::Tcp => (2, 0),
            Transport::Udp => (3, 0),
            Transport::Ip(protocol) => (4, u16::from(protocol)),
            // One flow a bus or line, whatever addresses a cooked header shows.
            Transport::Can => return (Self::of_source(flow, 5), Side::A),
            Transport::Serial => return (Self::of_source(flow, 6), Side::A),
        };
        let (a, b, side) = if sender <= receiver { (sender, receiver, Side::A) } else { (receiver, sender, Side::B) };
        let tags = u64::from(flow.vlans.outer.unwrap_or(0)) << 16 | u64::from(flow.vlans.inner.unwrap_or(0));
        let ports = u64::from(a.2) << 48 | u64::from(b.2) << 32 | u64::from(flow.source.0) << 16 | u64::from(number);
        (Self([a.0, a.1, b.0, b.1, ports, tags << 16 | u64::from(family) << 8 | u64::from(kind)]), side)
    }

    fn of_source(flow: &Flow, kind: u8) -> Self {
        Self([0, 0, 0, 0, u64::from(flow.source.0) << 16, u64::from(kind)])
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the address is split in two halves")]
const fn v6(bits: u128, port: u16) -> End {
    ((bits >> 64) as u64, bits as u64, port)
}

const fn mac(mac: Mac) -> End {
    let [a, b, c, d, e, f] = mac.0;
    (0, u64::from_be_bytes([0, 0, a, b, c, d, e, f]), 0)
}

#[cfg(test)]
mod tests {
    use dogwatch_model::{Initiator, SourceId, Vlans};

    use super::*;

    fn flow() -> Flow {
        Flow {
            source: SourceId(1),
            vlans: Vlans::default(),
            src_mac: Mac([2, 0, 0, 0, 0, 1]),
            dst_mac: Mac([2, 0, 0, 0, 0, 2]),
            src: "10.0.0.1".parse().ok(),
            dst: "10.0.0.2".parse().ok(),
            transport: Transport::Tcp,
            src_port: 4000,
            dst_port: 502,
            ttl: 64,
            initiator: Initiator::Unknown,
        }
    }

    #[test]
    fn both_directions_share_a_key() {
        let there = flow();
        let back = Flow {
            src: there.dst,
            dst: there.src,
            src_port: 502,
            dst_port: 4000,
            src_mac: there.dst_mac,
            dst_mac: there.src_mac,
            ..there
        };
        let (key, side) = Key::of(&there);
        let (key_back, side_back) = Key::of(&back);
        assert_eq!(key, key_back);
        assert_eq!(side, side_back.other());
    }

    #[test]
    fn what_makes_a_flow_another_one() {
        let base = flow();
        let mut seen = vec![Key::of(&base).0];
        for other in [
            Flow { source: SourceId(2), ..base },
            Flow { vlans: Vlans { outer: Some(5), inner: None }, ..base },
            Flow { vlans: Vlans { outer: Some(5), inner: Some(5) }, ..base },
            Flow { transport: Transport::Udp, ..base },
            Flow { transport: Transport::Ip(6), ..base },
            Flow { src_port: 4001, ..base },
            Flow { src: "10.0.0.3".parse().ok(), ..base },
            Flow { src: "::a00:1".parse().ok(), dst: "::a00:2".parse().ok(), ..base },
            Flow { src: None, dst: None, transport: Transport::Ethernet(0x88B8), ..base },
            Flow { src: None, dst: None, transport: Transport::Ethernet(0x88BA), ..base },
            Flow { transport: Transport::Can, ..base },
            Flow { transport: Transport::Serial, ..base },
        ] {
            let key = Key::of(&other).0;
            assert!(!seen.contains(&key), "{other:?}");
            seen.push(key);
        }
    }
}
