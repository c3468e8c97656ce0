//! Vendor ids of IKE: hashes and words by which an end says what it is and what it can do (RFC 2408 clause 3.16, RFC 7296 clause 3.12).
//!
//! A word about a feature (dead peer detection, address translation) is no proof of a maker: others send it as well. Makers are told only by ids
//! that nobody else sends, and as what they are: a claim. Compared is a beginning: some ids go on with a version.
//!
//! Source: the ids that RFCs and drafts publish, those makers have published and public lists (Wireshark, ike-scan); each was checked
//! against the name an independent decoder gives it.

/// One known id.
pub(super) struct Known {
    /// The bytes it begins with.
    begins: &'static [u8],
    pub(super) name: &'static str,
    /// What it says of the software, where it does.
    pub(super) software: Option<&'static str>,
    /// Who makes the device, where only he sends it.
    pub(super) maker: Option<&'static str>,
}

const fn feature(begins: &'static [u8], name: &'static str) -> Known {
    Known { begins, name, software: None, maker: None }
}

const fn software(begins: &'static [u8], name: &'static str) -> Known {
    Known { begins, name, software: Some(name), maker: None }
}

const fn made_by(begins: &'static [u8], name: &'static str, maker: &'static str) -> Known {
    Known { begins, name, software: None, maker: Some(maker) }
}

static KNOWN: &[Known] = &[
    feature(b"\xaf\xca\xd7\x13\x68\xa1\xf1\xc9\x6b\x86\x96\xfc\x77\x57", "RFC 3706 DPD (Dead Peer Detection)"),
    feature(b"\x09\x00\x26\x89\xdf\xd6\xb7\x12", "XAUTH"),
    feature(b"\x4a\x13\x1c\x81\x07\x03\x58\x45\x5c\x57\x28\xf2\x0e\x95\x45\x2f", "RFC 3947 NAT-Traversal"),
    feature(b"\x44\x85\x15\x2d\x18\xb6\xbb\xcd\x0b\xe8\xa8\x46\x95\x79\xdd\xcc", "NAT-Traversal draft 0"),
    feature(b"\xcd\x60\x46\x43\x35\xdf\x21\xf8\x7c\xfd\xb2\xfc\x68\xb6\xa4\x48", "NAT-Traversal draft 2"),
    feature(b"\x90\xcb\x80\x91\x3e\xbb\x69\x6e\x08\x63\x81\xb5\xec\x42\x7b\x1f", "NAT-Traversal draft 2"),
    feature(b"\x7d\x94\x19\xa6\x53\x10\xca\x6f\x2c\x17\x9d\x92\x15\x52\x9d\x56", "NAT-Traversal draft 3"),
    feature(b"\x40\x48\xb7\xd5\x6e\xbc\xe8\x85\x25\xe7\xde\x7f\x00\xd6\xc2\xd3", "Cisco Fragmentation"),
    feature(b"\x12\xf5\xf2\x8c\x45\x71\x68\xa9\x70\x2d\x9f\xe2\x74\xcc", "Cisco Unity"),
    feature(b"\x26\x24\x4d\x38\xed\xdb\x61\xb3\x17\x2a\x36\xe3\xd0\xcf\xb8\x19", "Initial Contact"),
    feature(b"\xe3\xa5\x96\x6a\x76\x37\x9f\xe7\x07\x22\x82\x31\xe5\xce\x86\x52", "Generated Addresses 1"),
    feature(b"\xfb\x1d\xe3\xcd\xf3\x41\xb7\xea\x16\xb7\xe5\xbe\x08\x55\xf1\x20", "Microsoft Negotiation Discovery"),
    software(b"\x1e\x2b\x51\x69\x05\x99\x1c\x7d\x7c\x96\xfc\xbf\xb5\x87\xe4\x61", "Windows"),
    software(b"\x88\x2f\xe5\x6d\x6f\xd2\x0d\xbc\x22\x51\x61\x3b\x2e\xbe\x5b\xeb", "strongSwan"),
    software(b"\x70\x03\xcb\xc1\x09\x7d\xbe\x9c\x26\x00\xba\x69\x83\xbc\x8b\x35", "KAME racoon"),
    made_by(b"CISCO-DELETE-REASON", "Cisco Delete Reason", "Cisco"),
    made_by(b"FLEXVPN-SUPPORTED", "Cisco FlexVPN", "Cisco"),
    made_by(b"\x1f\x07\xf7\x0e\xaa\x65\x14\xd3\xb0\xfa\x96\x54\x2a\x50", "Cisco VPN Concentrator", "Cisco"),
    made_by(b"\x82\x99\x03\x17\x57\xa3\x60\x82\xc6\xa6\x21\xde", "Fortigate (Fortinet)", "Fortinet"),
    made_by(
        b"\xf4\xed\x19\xe0\xc1\x14\xeb\x51\x6f\xaa\xac\x0e\xe3\x7d\xaf\x28\x07\xb4\x38\x1f",
        "Check Point",
        "Check Point",
    ),
    made_by(b"\x40\x4b\xf4\x39\x52\x2c\xa3\xf6", "SonicWall", "SonicWall"),
    made_by(b"\x62\x50\x27\x74\x9d\x5a\xb9\x7f\x56\x16\xc1\x60\x27\x65\xcf\x48\x0a\x3b\x7d\x0b", "ZyWALL", "Zyxel"),
    made_by(
        b"\x16\x6f\x93\x2d\x55\xeb\x64\xd8\xe4\xdf\x4f\xd3\x7e\x23\x13\xf0\xd0\xfd\x84\x51",
        "NetScreen",
        "Juniper",
    ),
    made_by(
        b"\x29\x9e\xe8\x28\x9f\x40\xa8\x97\x3b\xc7\x86\x87\xe2\xe7\x22\x6b\x53\x2c\x3b\x76",
        "NetScreen",
        "Juniper",
    ),
];

/// The id these bytes are, if it is known.
pub(super) fn find(id: &[u8]) -> Option<&'static Known> {
    KNOWN.iter().find(|known| id.starts_with(known.begins))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_by_their_beginning() {
        let name = |id: &[u8]| find(id).map(|known| known.name);
        // RFC 3706 clause 5.1: the hash, then major and minor version.
        let dpd = b"\xaf\xca\xd7\x13\x68\xa1\xf1\xc9\x6b\x86\x96\xfc\x77\x57\x01\x00";
        assert_eq!(name(dpd), Some("RFC 3706 DPD (Dead Peer Detection)"));
        assert_eq!(name(&dpd[..13]), None);
        // RFC 3947 clause 3.1
        assert_eq!(
            name(b"\x4a\x13\x1c\x81\x07\x03\x58\x45\x5c\x57\x28\xf2\x0e\x95\x45\x2f"),
            Some("RFC 3947 NAT-Traversal")
        );
        assert_eq!(name(b"FLEXVPN-SUPPORTED"), Some("Cisco FlexVPN"));
        assert_eq!(name(b""), None);
        // No id hides another.
        for (at, known) in KNOWN.iter().enumerate() {
            assert!(KNOWN.iter().take(at).all(|earlier| !known.begins.starts_with(earlier.begins)), "{}", known.name);
        }
    }
}
