//! IPv6 (RFC 8200) with neighbour discovery (RFC 4861) and echo (RFC 4443): what a rogue router needs, and two stations that look for each other.

use super::link::Mac;

/// Ethertype.
pub(crate) const IPV6: u16 = 0x86DD;
/// ICMPv6.
const ICMP: u8 = 58;
/// All nodes, and the link-layer group that reaches them.
pub(crate) const ALL_NODES: [u8; 16] = [0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
pub(crate) const ALL_NODES_MAC: Mac = [0x33, 0x33, 0, 0, 0, 1];

/// The link-local address made of a hardware address (RFC 4291, appendix A).
pub(crate) fn link_local([a, b, c, d, e, f]: Mac) -> [u8; 16] {
    [0xFE, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xFF, 0xFE, d, e, f]
}

/// The Internet checksum over a pseudo header and a message.
fn checksum(source: [u8; 16], destination: [u8; 16], message: &[u8]) -> u16 {
    let length = (message.len() as u32).to_be_bytes();
    super::ip::checksum(&[&source[..], &destination, &length, &[0, 0, 0, ICMP], message].concat())
}

/// A packet with an ICMPv6 message, its checksum filled in. Neighbour discovery must come with hop limit 255.
fn icmp(source: [u8; 16], destination: [u8; 16], message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    let sum = checksum(source, destination, &message).to_be_bytes();
    if let Some(place) = message.get_mut(2..4) {
        place.copy_from_slice(&sum);
    }
    let length = (message.len() as u16).to_be_bytes();
    [&[0x60, 0, 0, 0][..], &length, &[ICMP, 255], &source, &destination, &message].concat()
}

/// A router advertisement to everybody: lifetime 30 min, the router's hardware address, one prefix, one name server.
pub(crate) fn router_advertisement(router: Mac, prefix: [u8; 8]) -> Vec<u8> {
    let source = link_local(router);
    let mut message = vec![134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0];
    message.extend_from_slice(&[1, 1]);
    message.extend_from_slice(&router);
    // Prefix of 64 bits, on link and for addresses; valid a day, preferred four hours.
    message.extend_from_slice(&[3, 4, 64, 0xC0, 0, 1, 0x51, 0x80, 0, 0, 0x38, 0x40, 0, 0, 0, 0]);
    message.extend_from_slice(&prefix);
    message.extend_from_slice(&[0; 8]);
    // Recursive name server (RFC 8106), for an hour: the router itself.
    message.extend_from_slice(&[25, 3, 0, 0, 0, 0, 0x0E, 0x10]);
    message.extend_from_slice(&source);
    icmp(source, ALL_NODES, &message)
}

/// The group in which the owner of an address listens for questions (RFC 4291, clause 2.7.1), and its card.
pub(crate) fn solicited(address: [u8; 16]) -> ([u8; 16], Mac) {
    let [.., a, b, c] = address;
    ([0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xFF, a, b, c], [0x33, 0x33, 0xFF, a, b, c])
}

/// Who has `target`? Asked with the own card.
pub(crate) fn solicitation((source, mac): ([u8; 16], Mac), target: [u8; 16], group: [u8; 16]) -> Vec<u8> {
    icmp(source, group, &[&[135, 0, 0, 0, 0, 0, 0, 0][..], &target, &[1, 1], &mac].concat())
}

/// I have: solicited, and to be believed.
pub(crate) fn advertisement((source, mac): ([u8; 16], Mac), to: [u8; 16]) -> Vec<u8> {
    icmp(source, to, &[&[136, 0, 0, 0, 0x60, 0, 0, 0][..], &source, &[2, 1], &mac].concat())
}

/// Echo request (128) or reply (129).
pub(crate) fn echo(kind: u8, (source, destination): ([u8; 16], [u8; 16]), number: u16) -> Vec<u8> {
    let [a, b] = number.to_be_bytes();
    icmp(source, destination, &[&[kind, 0, 0, 0, 0x51, 0x4D, a, b][..], b"abcdefghijklmnopqrstuvwabcdefghi"].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advertisement() {
        let mac = [0x34, 0x56, 0x78, 0x9A, 0xBC, 0xDE];
        // RFC 4291, appendix A: 34-56-78-9A-BC-DE gives the interface identifier 3656:78ff:fe9a:bcde.
        assert_eq!(link_local(mac)[8..], [0x36, 0x56, 0x78, 0xFF, 0xFE, 0x9A, 0xBC, 0xDE]);
        let packet = router_advertisement(mac, [0xFD, 0x66, 0, 0, 0, 0, 0, 0]);
        assert_eq!(packet.len(), 40 + 16 + 8 + 32 + 24);
        assert_eq!(checksum(link_local(mac), ALL_NODES, &packet[40..]), 0, "a received message sums to zero");
    }
}
