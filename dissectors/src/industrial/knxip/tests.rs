//! Frames built by hand from ISO 22510 and the KNX standard.

use dogwatch_model::Direction::{ToClient, ToServer};

use super::*;
use crate::Protocol;
use crate::support::{Conversation, datagram, hex};

fn frame(service: u16, body: &str) -> Vec<u8> {
    let body = hex(body);
    let mut bytes = vec![6, 0x10];
    bytes.extend(service.to_be_bytes());
    bytes.extend(u16::try_from(body.len() + HEADER).unwrap().to_be_bytes());
    bytes.extend(body);
    bytes
}

#[test]
fn a_router_tells_who_it_is() {
    let name: String = b"Cabin deck 5".iter().map(|byte| format!("{byte:02x}")).collect();
    let body = format!(
        "0801 0a000005 0e57 36 01 02 00 1103 0000 00a612345678 e000170c 000e8c0000aa {name} {}",
        "00".repeat(18)
    );
    let heard = datagram(&KNXIP, Carrier::Udp, 3671, &frame(0x0202, &body));
    let seen = &heard.seen[0];
    assert_eq!(
        seen.acts,
        [
            "reply discover device",
            "says name=Cabin deck 5 (knxip.description)",
            "says serial_number=00a612345678 (knxip.description)",
            "says station_address=1.1.3 (knxip.description)",
            "says mac_address=00:0e:8c:00:00:aa (knxip.description)",
            "says multicast_group=224.0.23.12 (knxip.description)",
        ]
    );
    assert_eq!((seen.field("ipaddr"), seen.field("port")), ("10.0.0.5".into(), "3671".into()));
}

#[test]
fn telegrams_in_the_words_of_a_policy() {
    for (name, service, body, want) in [
        ("group write", 0x0530, "29 00 bc e0 1103 0a01 01 0081", "request write 1/2/1"),
        ("group read", 0x0530, "29 00 bc e0 1103 0a01 01 0000", "request read 1/2/1"),
        ("group answer", 0x0530, "29 00 bc e0 1103 0a01 01 0041", "publishes 1/2/1"),
        ("in a tunnel", 0x0420, "04 15 00 00 11 00 bc e0 0000 0a01 01 0080", "request write 1/2/1"),
        ("not sent", 0x0420, "04 15 00 00 2e 00 bd e0 1103 0a01 01 0080", "refusal write 1/2/1"),
        ("restart", 0x0420, "04 15 00 00 11 00 b0 60 0000 1105 01 4380", "request control 1.1.5"),
        ("memory", 0x0420, "04 15 00 00 11 00 b0 60 0000 1105 04 4281 0120 ff", "request program 1.1.5"),
        ("new address", 0x0420, "04 15 00 00 11 00 b0 e0 0000 0000 03 00c0 1107", "request program 0/0/0"),
        ("property", 0x0310, "04 15 00 00 fc 0000 01 38 1001", "request read 0:56"),
        ("reset", 0x0310, "04 15 00 00 f1", "request control interface"),
    ] {
        let heard = datagram(&KNXIP, Carrier::Udp, 3671, &frame(service, body));
        assert_eq!(heard.errors, [], "{name}");
        assert_eq!(heard.seen[0].acts, [want], "{name}");
    }
}

#[test]
fn connections_and_several_frames_in_a_segment() {
    let mut conversation = Conversation::new(&KNXIP, Carrier::Tcp, 3671);
    let both =
        [frame(0x0205, "0802 00000000 0000 0802 00000000 0000 04 04 02 00"), frame(0x0203, "0802 00000000 0000")];
    conversation.send(ToServer, &both.concat());
    conversation.send(ToClient, &frame(0x0206, "00 24"));
    let acts: Vec<_> = conversation.heard.seen.iter().map(|seen| seen.acts[0].as_str()).collect();
    assert_eq!(acts, ["request login connection", "request discover device", "refusal login connection"]);
}

#[test]
fn what_the_first_bytes_tell() {
    let search = frame(0x0201, "0801 0a000001 e1a1");
    assert_eq!(KNXIP.probe(Carrier::Udp, ToServer, &search), Probe::Yes);
    assert_eq!(KNXIP.probe(Carrier::Udp, ToServer, &search[..10]), Probe::No, "cut");
    assert_eq!(KNXIP.probe(Carrier::Tcp, ToServer, &search[..5]), Probe::NeedMore);
    assert_eq!(KNXIP.probe(Carrier::Udp, ToServer, &frame(0x0999, "00")), Probe::No, "no such service");
}
