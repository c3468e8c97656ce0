//! How often random bytes are taken for a protocol. A ship carries much that nobody knows; a wrong name is worse than none.
//!
//! A million inputs of a fixed generator: the same each time. Only carriers whose number does not already say what they carry are tried.

use dogwatch_dissectors::{Carrier, PROTOCOLS, Probe};
use dogwatch_model::Direction::ToServer;

/// Inputs tried.
const INPUTS: u32 = 1_000_000;
/// Lengths of messages that protocols like: none may rest on the length alone.
const LENGTHS: [usize; 12] = [8, 12, 14, 16, 20, 24, 26, 44, 48, 64, 92, 148];
/// Protocols whose recognition is held to once in a million here.
const HELD: &[&str] = &[
    "bittorrent",
    "dcerpc",
    "dhcpv6",
    "dicom",
    "doip",
    "hl7",
    "hsrp",
    "imap",
    "ipsec",
    "kerberos",
    "l2tp",
    "ldap",
    "mavlink",
    "mndp",
    "mysql",
    "openvpn",
    "pop3",
    "postgresql",
    "pptp",
    "quic",
    "radius",
    "rip",
    "roc-plus",
    "rtp",
    "rtsp",
    "sip",
    "smtp",
    "ssh",
    "stratum",
    "stun",
    "tds",
    "tls",
    "ubnt",
    "wireguard",
];

/// Numbers of Marsaglia's xorshift: good enough to be nobody's protocol.
struct Xorshift(u64);

impl Xorshift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

#[test]
fn random_bytes_are_hardly_ever_taken_for_a_protocol() {
    let held: Vec<_> = PROTOCOLS.iter().filter(|protocol| HELD.contains(&protocol.name())).collect();
    assert_eq!(held.len(), HELD.len(), "a name in the list that no protocol has");
    let mut taken = vec![0_u32; held.len()];
    let mut random = Xorshift(0x9e37_79b9_7f4a_7c15);
    let mut bytes = [0_u8; 152];
    for at in 0..INPUTS {
        for chunk in bytes.chunks_exact_mut(8) {
            chunk.copy_from_slice(&random.next().to_le_bytes());
        }
        let length = LENGTHS.get(at as usize % LENGTHS.len()).copied().unwrap_or(8);
        let head = bytes.get(..length).unwrap_or_default();
        for (protocol, taken) in held.iter().zip(&mut taken) {
            for carrier in [Carrier::Udp, Carrier::Tcp] {
                if protocol.carriers().contains(&carrier) && protocol.probe(carrier, ToServer, head) == Probe::Yes {
                    *taken += 1;
                    println!("{} over {carrier:?}: {head:02x?}", protocol.name());
                }
            }
        }
    }
    let wrong: Vec<_> =
        held.iter().zip(&taken).filter(|(_, taken)| **taken > 1).map(|(p, taken)| (p.name(), taken)).collect();
    assert!(wrong.is_empty(), "taken for, of {INPUTS} random inputs: {wrong:?}");
}
