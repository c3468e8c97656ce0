//! DNS (RFC 1035), NetBIOS names (RFC 1002), DHCP (RFC 2131), NTP (RFC 5905) and syslog (RFC 3164) messages.

use super::link::Mac;

/// A name as length-prefixed labels.
fn labels(name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 2);
    for label in name.split('.') {
        out.push(label.len().min(63) as u8);
        out.extend(label.bytes().take(63));
    }
    out.push(0);
    out
}

/// A DNS question for the address (type A) of `name`.
pub(crate) fn dns_query(id: u16, name: &str) -> Vec<u8> {
    let mut out = id.to_be_bytes().to_vec();
    out.extend_from_slice(&[0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
    out.extend_from_slice(&labels(name));
    out.extend_from_slice(&[0, 1, 0, 1]);
    out
}

/// The answer to [`dns_query`]: one address, kept for 300 s.
pub(crate) fn dns_answer(id: u16, name: &str, address: [u8; 4]) -> Vec<u8> {
    let mut out = id.to_be_bytes().to_vec();
    out.extend_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    out.extend_from_slice(&labels(name));
    out.extend_from_slice(&[0, 1, 0, 1, 0xC0, 0x0C, 0, 1, 0, 1, 0, 0, 0x01, 0x2C, 0, 4]);
    out.extend_from_slice(&address);
    out
}

/// The answer that a name does not exist (code 3).
pub(crate) fn dns_no_such_name(id: u16, name: &str) -> Vec<u8> {
    let mut out = id.to_be_bytes().to_vec();
    out.extend_from_slice(&[0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0]);
    out.extend_from_slice(&labels(name));
    out.extend_from_slice(&[0, 1, 0, 1]);
    out
}

/// A DNS question for the text (type TXT) of `name`.
pub(crate) fn dns_text_query(id: u16, name: &str) -> Vec<u8> {
    let mut out = id.to_be_bytes().to_vec();
    out.extend_from_slice(&[0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
    out.extend_from_slice(&labels(name));
    out.extend_from_slice(&[0, 16, 0, 1]);
    out
}

/// The answer to [`dns_text_query`]: one string, kept for 60 s.
pub(crate) fn dns_text_answer(id: u16, name: &str, text: &str) -> Vec<u8> {
    let mut out = id.to_be_bytes().to_vec();
    out.extend_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    out.extend_from_slice(&labels(name));
    out.extend_from_slice(&[0, 16, 0, 1, 0xC0, 0x0C, 0, 16, 0, 1, 0, 0, 0, 60]);
    out.extend_from_slice(&(text.len() as u16 + 1).to_be_bytes());
    out.push(text.len() as u8);
    out.extend_from_slice(text.as_bytes());
    out
}

/// A multicast DNS question for the pointer records of a service (RFC 6762).
pub(crate) fn mdns_query(service: &str) -> Vec<u8> {
    let mut out = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    out.extend_from_slice(&labels(service));
    out.extend_from_slice(&[0, 12, 0, 1]);
    out
}

/// A NetBIOS name-service broadcast that registers `name` for `address` (RFC 1002, section 4.2.2).
pub(crate) fn netbios_registration(id: u16, name: &str, address: [u8; 4]) -> Vec<u8> {
    let mut out = id.to_be_bytes().to_vec();
    // Opcode 5 (registration), recursion desired, broadcast; one question, one additional record.
    out.extend_from_slice(&[0x29, 0x10, 0, 1, 0, 0, 0, 0, 0, 1]);
    out.push(32);
    for byte in name.to_ascii_uppercase().bytes().chain(std::iter::repeat(b' ')).take(15).chain([0]) {
        out.extend_from_slice(&[b'A' + (byte >> 4), b'A' + (byte & 0xF)]);
    }
    out.push(0);
    out.extend_from_slice(&[0, 0x20, 0, 1, 0xC0, 0x0C, 0, 0x20, 0, 1, 0, 0x04, 0x93, 0xE0, 0, 6, 0, 0]);
    out.extend_from_slice(&address);
    out
}

/// The four messages by which an address is leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DhcpKind {
    Discover = 1,
    Offer = 2,
    Request = 3,
    Ack = 5,
}

/// What a DHCP message is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease<'a> {
    pub(crate) transaction: u32,
    pub(crate) client: Mac,
    pub(crate) address: [u8; 4],
    pub(crate) server: [u8; 4],
    pub(crate) mask: [u8; 4],
    pub(crate) resolver: [u8; 4],
    pub(crate) host_name: &'a str,
    pub(crate) vendor_class: &'a str,
    pub(crate) wanted: &'a [u8],
}

/// A DHCP message.
pub(crate) fn dhcp(kind: DhcpKind, lease: &Lease<'_>) -> Vec<u8> {
    let reply = matches!(kind, DhcpKind::Offer | DhcpKind::Ack);
    let mut out = vec![if reply { 2 } else { 1 }, 1, 6, 0];
    out.extend_from_slice(&lease.transaction.to_be_bytes());
    // Seconds, flags (broadcast wanted), then the address the client already has.
    out.extend_from_slice(&[0, 0, 0x80, 0, 0, 0, 0, 0]);
    out.extend_from_slice(&if reply { lease.address } else { [0; 4] });
    out.extend_from_slice(&if reply { lease.server } else { [0; 4] });
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&lease.client);
    out.extend_from_slice(&[0; 10 + 64 + 128]);
    out.extend_from_slice(&[0x63, 0x82, 0x53, 0x63]);
    let mut option = |code: u8, value: &[u8]| {
        out.extend_from_slice(&[code, value.len().min(255) as u8]);
        out.extend(value.iter().take(255));
    };
    option(53, &[kind as u8]);
    if reply {
        option(54, &lease.server);
        option(51, &86_400_u32.to_be_bytes());
        option(1, &lease.mask);
        option(3, &lease.server);
        option(6, &lease.resolver);
    } else {
        option(61, &[&[1], lease.client.as_slice()].concat());
        if kind == DhcpKind::Request {
            option(50, &lease.address);
            option(54, &lease.server);
        }
        option(12, lease.host_name.as_bytes());
        option(60, lease.vendor_class.as_bytes());
        option(55, lease.wanted);
    }
    out.push(255);
    if out.len() < 300 {
        out.resize(300, 0);
    }
    out
}

/// Nanoseconds since 1970 as an NTP time stamp (seconds since 1900 and a binary fraction).
fn ntp_stamp(at: i64) -> [u8; 8] {
    let seconds = at.div_euclid(1_000_000_000) + 2_208_988_800;
    let fraction = ((at.rem_euclid(1_000_000_000) as u64) << 32) / 1_000_000_000;
    // Only the low 32 bits of the seconds are sent: the era is not on the wire.
    (((seconds as u64) << 32) | fraction).to_be_bytes()
}

/// An NTP question sent at `at`.
pub(crate) fn ntp_query(at: i64) -> Vec<u8> {
    let mut out = vec![0x23, 0, 6, 0xEC];
    out.extend_from_slice(&[0; 36]);
    out.extend_from_slice(&ntp_stamp(at));
    out
}

/// The answer of a clock disciplined by GPS: asked at `asked`, received at `received`, answered at `answered`.
pub(crate) fn ntp_answer(asked: i64, received: i64, answered: i64) -> Vec<u8> {
    let mut out = vec![0x24, 1, 6, 0xEC, 0, 0, 0, 0, 0, 0, 0, 0x20];
    out.extend_from_slice(b"GPS\0");
    out.extend_from_slice(&ntp_stamp(received - received.rem_euclid(16_000_000_000)));
    for stamp in [asked, received, answered] {
        out.extend_from_slice(&ntp_stamp(stamp));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dns_of_rfc_1035_form() {
        let query = dns_query(0x1234, "mail.example.net");
        assert_eq!(&query[12..], b"\x04mail\x07example\x03net\0\0\x01\0\x01");
        let answer = dns_answer(0x1234, "mail.example.net", [203, 0, 113, 9]);
        assert_eq!(&answer[answer.len() - 6..], &[0, 4, 203, 0, 113, 9]);
    }

    #[test]
    fn netbios_name_of_rfc_1002() {
        // RFC 1002, section 4.1 encodes FRED and 12 blanks as EGFCEFEECACACACACACACACACACACACA; here the last byte is the suffix 0.
        let packet = netbios_registration(1, "FRED", [10, 0, 0, 1]);
        assert_eq!(&packet[13..45], b"EGFCEFEECACACACACACACACACACACAAA");
    }

    #[test]
    fn ntp_epoch() {
        // 1970-01-01 is 2,208,988,800 s after 1900 (RFC 5905, figure 4); a half second is the top bit of the fraction.
        assert_eq!(ntp_stamp(500_000_000), [0x83, 0xAA, 0x7E, 0x80, 0x80, 0, 0, 0]);
        assert_eq!(ntp_query(0).len(), 48);
        assert_eq!(ntp_answer(0, 1, 2).len(), 48);
    }

    #[test]
    fn dhcp_layout() {
        let lease = Lease {
            transaction: 1,
            client: [2; 6],
            address: [10, 0, 0, 9],
            server: [10, 0, 0, 1],
            mask: [255, 255, 255, 0],
            resolver: [10, 0, 0, 1],
            host_name: "pc",
            vendor_class: "MSFT 5.0",
            wanted: &[1, 3, 6],
        };
        let discover = dhcp(DhcpKind::Discover, &lease);
        assert_eq!((discover.len(), &discover[236..243]), (300, &[0x63, 0x82, 0x53, 0x63, 53, 1, 1][..]));
        assert_eq!(&dhcp(DhcpKind::Ack, &lease)[16..20], &[10, 0, 0, 9]);
    }
}
