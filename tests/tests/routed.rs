//! A trunk mirror whose capture begins in the middle of routed conversations, before anything told which card the router's is.
//!
//! The frames are made here, byte by byte after IEEE 802.1Q, RFC 791, RFC 768 and RFC 826: the simulator's routers always show themselves first.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at what it did not expect")]

use std::net::Ipv4Addr;
use std::path::Path;

use dogwatch_tests::analysis::{analyse, policy};

const START: u32 = 1_800_000_000;
const DISPLAY: ([u8; 6], Ipv4Addr) = ([0, 0x0b, 0xab, 1, 1, 1], Ipv4Addr::new(10, 0, 1, 36));
const CONTROLLER: ([u8; 6], Ipv4Addr) = ([0, 0x30, 0xde, 2, 2, 2], Ipv4Addr::new(10, 0, 2, 21));
/// The router's cards in the bridge's VLAN 10 and in the engine's VLAN 20.
const ROUTER: [([u8; 6], Ipv4Addr, u16); 2] = [
    ([0, 0x80, 0x63, 0, 0, 1], Ipv4Addr::new(10, 0, 1, 1), 10),
    ([0, 0x80, 0x63, 0, 0, 2], Ipv4Addr::new(10, 0, 2, 1), 20),
];

const PLAN: &str = r#"
format = 1
mode = "enforce"
[vessel]
name = "T"
[[zone]]
id = "bridge"
label = "B"
function = "navigation"
class = "ot"
criticality = "high"
devices = "fixed"
vlan = [10]
subnet = ["10.0.1.0/24"]
[[zone]]
id = "engine"
label = "E"
function = "propulsion"
class = "ot"
criticality = "high"
devices = "fixed"
vlan = [20]
subnet = ["10.0.2.0/24"]
[[asset]]
id = "display"
zone = "bridge"
ip = ["10.0.1.36"]
[[asset]]
id = "controller"
zone = "engine"
ip = ["10.0.2.21"]
[[asset]]
id = "bridge-router"
zone = "bridge"
ip = ["10.0.1.1"]
role = ["gateway"]
[[asset]]
id = "engine-router"
zone = "engine"
ip = ["10.0.2.1"]
role = ["gateway"]
[[conduit]]
id = "reads"
from = "bridge"
to = "engine"
reason = "display"
owner = "ETO"
  [[conduit.allow]]
  app = "udp/9000"
[[conduit]]
id = "bridge-arp"
from = "bridge"
to = "bridge"
reason = "addresses"
owner = "ETO"
  [[conduit.allow]]
  app = "arp"
[[conduit]]
id = "engine-arp"
from = "engine"
to = "engine"
reason = "addresses"
owner = "ETO"
  [[conduit.allow]]
  app = "arp"
"#;

fn ethernet(to: [u8; 6], from: [u8; 6], vlan: u16, kind: u16, body: &[u8]) -> Vec<u8> {
    let mut frame = [&to[..], &from[..], &[0x81, 0], &vlan.to_be_bytes(), &kind.to_be_bytes(), body].concat();
    frame.resize(frame.len().max(64), 0);
    frame
}

/// A question of the display (or the controller's answer), on the side of the router where `ttl` is 64, or on the other.
fn datagram(is_answer: bool, number: u16, ttl: u8) -> Vec<u8> {
    let (from, to) = if is_answer { (CONTROLLER, DISPLAY) } else { (DISPLAY, CONTROLLER) };
    let ports: [u16; 2] = if is_answer { [9_000, 50_000] } else { [50_000, 9_000] };
    let mut header =
        [&[0x45, 0, 0, 36][..], &number.to_be_bytes(), &[0, 0, ttl, 17, 0, 0], &from.1.octets(), &to.1.octets()]
            .concat();
    let sum: u32 = header.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let sum = u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    header[10..12].copy_from_slice(&(!sum).to_be_bytes());
    let udp = [&ports[0].to_be_bytes()[..], &ports[1].to_be_bytes(), &[0, 16, 0, 0], b"question"].concat();
    let body = [header, udp].concat();
    let is_near = ttl == 64;
    let bridge_side = is_answer != is_near;
    let (router, _, vlan) = ROUTER[usize::from(!bridge_side)];
    match (is_near, is_answer) {
        (true, _) => ethernet(router, from.0, vlan, 0x0800, &body),
        (false, _) => ethernet(to.0, router, vlan, 0x0800, &body),
    }
}

/// A router's card tells its own address to everybody.
fn announcement((card, ip, vlan): ([u8; 6], Ipv4Addr, u16)) -> Vec<u8> {
    let body = [&[0, 1, 8, 0, 6, 4, 0, 2][..], &card, &ip.octets(), &card, &ip.octets()].concat();
    ethernet([0xff; 6], card, vlan, 0x0806, &body)
}

fn capture(file: &Path) {
    let mut bytes =
        [&0xa1b2_c3d4_u32.to_le_bytes()[..], &[2, 0, 4, 0], &[0; 8], &65_535_u32.to_le_bytes(), &[1, 0, 0, 0]].concat();
    let mut add = |second: u32, micros: u32, frame: Vec<u8>| {
        let length = u32::try_from(frame.len()).unwrap();
        for word in [START + second, micros, length, length] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(&frame);
    };
    for second in 0..400_u32 {
        let number = u16::try_from(second).unwrap();
        add(second, 1_000, datagram(false, number, 64));
        add(second, 1_040, datagram(false, number, 63));
        add(second, 6_000, datagram(true, number, 64));
        add(second, 6_040, datagram(true, number, 63));
        if second % 60 == 30 {
            ROUTER.into_iter().for_each(|router| add(second, 9_000, announcement(router)));
        }
    }
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn a_router_that_shows_itself_late_was_a_router_all_along() {
    let folder = tempfile::tempdir().unwrap();
    let (pcap, plan) = (folder.path().join("trunk.pcap"), folder.path().join("policy.toml"));
    capture(&pcap);
    std::fs::write(&plan, PLAN).unwrap();
    let analysed = analyse(&[pcap], Some(policy(&plan).unwrap())).unwrap();
    let told: Vec<_> =
        analysed.findings().iter().map(|finding| format!("{} {}", finding.rule_id, finding.summary)).collect();
    assert!(told.is_empty(), "{told:#?}");
}
