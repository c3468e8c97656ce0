//! Ethernet II and the link-local protocols: ARP (RFC 826), LLDP (IEEE 802.1AB), spanning tree (IEEE 802.1D), IGMP v2/v3.

use super::ip::checksum;

/// A hardware address.
pub(crate) type Mac = [u8; 6];
pub(crate) const BROADCAST: Mac = [0xFF; 6];
pub(crate) const ARP: u16 = 0x0806;
pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const LLDP: u16 = 0x88CC;

/// The hardware address of an IPv4 multicast group (RFC 1112).
pub(crate) fn multicast_mac([_, b, c, d]: [u8; 4]) -> Mac {
    [0x01, 0x00, 0x5E, b & 0x7F, c, d]
}

/// An Ethernet II frame, padded to the 60 bytes a mirror port delivers at least.
pub(crate) fn frame(destination: Mac, source: Mac, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity((14 + payload.len()).max(60));
    out.extend_from_slice(&destination);
    out.extend_from_slice(&source);
    out.extend_from_slice(&ethertype.to_be_bytes());
    out.extend_from_slice(payload);
    if out.len() < 60 {
        out.resize(60, 0);
    }
    out
}

/// What an ARP packet says: `operation` 1 asks, 2 answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arp {
    pub(crate) operation: u16,
    pub(crate) sender: (Mac, [u8; 4]),
    pub(crate) target: (Mac, [u8; 4]),
}

impl Arp {
    /// The packet without its Ethernet header.
    pub(crate) fn packet(&self) -> Vec<u8> {
        let mut out = vec![0, 1, 8, 0, 6, 4];
        out.extend_from_slice(&self.operation.to_be_bytes());
        for (mac, ip) in [self.sender, self.target] {
            out.extend_from_slice(&mac);
            out.extend_from_slice(&ip);
        }
        out
    }
}

/// One LLDP type-length-value.
fn tlv(out: &mut Vec<u8>, kind: u16, value: &[&[u8]]) {
    let length: usize = value.iter().map(|part| part.len()).sum();
    out.extend_from_slice(&((kind << 9) | length as u16).to_be_bytes());
    for part in value {
        out.extend_from_slice(part);
    }
}

/// What a switch says of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LldpFacts<'a> {
    pub(crate) mac: Mac,
    pub(crate) port: &'a str,
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    pub(crate) address: [u8; 4],
}

/// An LLDP data unit: chassis, port, time to live 120 s, port text, name, description, capabilities (bridge), management address, end.
pub(crate) fn lldp(facts: &LldpFacts<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    tlv(&mut out, 1, &[&[4], &facts.mac]);
    tlv(&mut out, 2, &[&[5], facts.port.as_bytes()]);
    tlv(&mut out, 3, &[&120_u16.to_be_bytes()]);
    tlv(&mut out, 4, &[b"Port ", facts.port.as_bytes()]);
    tlv(&mut out, 5, &[facts.name.as_bytes()]);
    tlv(&mut out, 6, &[facts.description.as_bytes()]);
    tlv(&mut out, 7, &[&[0, 4, 0, 4]]);
    tlv(&mut out, 8, &[&[5, 1], &facts.address, &[2, 0, 0, 0, 1, 0]]);
    tlv(&mut out, 0, &[]);
    out
}

/// An 802.3 frame with a spanning-tree configuration message: a root bridge saying hello.
pub(crate) fn spanning_tree(bridge: Mac, port: u16) -> Vec<u8> {
    let mut bpdu = vec![0x42, 0x42, 0x03, 0, 0, 0, 0, 0x00];
    for _ in 0..2 {
        // Root and bridge identifier are the same here; between them lies the cost to the root, 0.
        bpdu.extend_from_slice(&0x8000_u16.to_be_bytes());
        bpdu.extend_from_slice(&bridge);
        if bpdu.len() == 16 {
            bpdu.extend_from_slice(&[0, 0, 0, 0]);
        }
    }
    bpdu.extend_from_slice(&(0x8000 | port).to_be_bytes());
    // Message age 0, maximum age 20 s, hello 2 s, forward delay 15 s, each in 1/256 s.
    bpdu.extend_from_slice(&[0, 0, 20, 0, 2, 0, 15, 0]);
    frame([0x01, 0x80, 0xC2, 0, 0, 0], bridge, bpdu.len() as u16, &bpdu)
}

/// An IGMP v2 membership report (RFC 2236).
pub(crate) fn igmp_v2_report(group: [u8; 4]) -> Vec<u8> {
    let [a, b, c, d] = group;
    let mut out = vec![0x16, 0, 0, 0, a, b, c, d];
    let sum = checksum(&out).to_be_bytes();
    if let Some(place) = out.get_mut(2..4) {
        place.copy_from_slice(&sum);
    }
    out
}

/// An IGMP v3 general query (RFC 3376): answers within 10 s, robustness 2, asked every 125 s.
pub(crate) fn igmp_v3_query() -> Vec<u8> {
    let mut out = vec![0x11, 100, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0];
    let sum = checksum(&out).to_be_bytes();
    if let Some(place) = out.get_mut(2..4) {
        place.copy_from_slice(&sum);
    }
    out
}

/// An IGMP v3 report (RFC 3376): wants every source of each group.
pub(crate) fn igmp_v3_report(groups: &[[u8; 4]]) -> Vec<u8> {
    let mut out = vec![0x22, 0, 0, 0, 0, 0];
    out.extend_from_slice(&(groups.len() as u16).to_be_bytes());
    for group in groups {
        // Record type 4: change to exclude mode with no source, which means join.
        out.extend_from_slice(&[4, 0, 0, 0]);
        out.extend_from_slice(group);
    }
    let sum = checksum(&out).to_be_bytes();
    if let Some(place) = out.get_mut(2..4) {
        place.copy_from_slice(&sum);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts() {
        assert_eq!(multicast_mac([239, 192, 0, 4]), [0x01, 0x00, 0x5E, 0x40, 0, 4]);
        assert_eq!(multicast_mac([224, 128, 0, 22]), [0x01, 0x00, 0x5E, 0, 0, 22]);
        let arp = Arp { operation: 1, sender: ([1; 6], [10, 0, 0, 1]), target: ([0; 6], [10, 0, 0, 2]) }.packet();
        assert_eq!(arp.len(), 28);
        let hello = spanning_tree([2; 6], 1);
        assert_eq!(hello.len(), 60);
        assert_eq!(
            u16::from_be_bytes([hello[12], hello[13]]),
            38,
            "length field: 3 bytes of LLC and a 35-byte message"
        );
        assert_eq!(checksum(&igmp_v3_report(&[[239, 192, 0, 1]])), 0);
        assert_eq!(checksum(&igmp_v2_report([239, 192, 0, 1])), 0);
    }
}
