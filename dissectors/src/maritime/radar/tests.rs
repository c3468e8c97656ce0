//! Datagrams built from the public descriptions of each maker's layout.

use dogwatch_model::Direction::ToServer;

use super::*;
use crate::support::{Conversation, Recorder, hex};

fn hear(protocol: &'static RadarProtocol, datagrams: &[Vec<u8>]) -> Recorder {
    let mut conversation = Conversation::new(protocol, Carrier::Udp, 5_000);
    for datagram in datagrams {
        assert_eq!(protocol.probe(Carrier::Udp, ToServer, datagram), Probe::Yes, "{datagram:02x?}");
        conversation.send(ToServer, datagram);
    }
    conversation.heard
}

fn padded_to(length: usize, start: &str) -> Vec<u8> {
    let mut bytes = hex(start);
    bytes.resize(length, 0);
    bytes
}

fn says(heard: &Recorder, what: &str) -> bool {
    heard.seen.iter().flat_map(|seen| &seen.acts).any(|act| act.starts_with(&format!("says {what}")))
}

#[test]
fn the_picture_is_muted() {
    let spoke = padded_to(17_160, "0100000000200002 1802 0000440d0e00003492a80100000044591300");
    let heard = hear(&NAVICO, &vec![spoke; 50]);
    assert_eq!(heard.seen.len(), 1);
    assert_eq!((heard.seen[0].kind.as_str(), heard.seen[0].field("spokes").as_str()), ("spokes", "32"));
    for fact in ["manufacturer=Navico", "device_class=radar", "navigation_role=radar"] {
        assert!(says(&heard, fact), "{fact}");
    }
}

#[test]
fn a_minute_later_the_spokes_are_summed_up() {
    let spoke = padded_to(600, "0100000000200002 1802");
    let mut kinds = [const { None }; KINDS];
    let flow = crate::support::flow(Carrier::Udp, ToServer, 1, 2);
    let mut told = Vec::new();
    for second in 0..=60 {
        let at = CaptureTime::from_parts(second, 0);
        let chunk = Chunk { at, flow: &flow, direction: ToServer, carrier: Carrier::Udp, bytes: &spoke };
        told.extend(note(&mut kinds, &chunk, &navico::read(&spoke).unwrap()).map(|counts| (second, counts)));
    }
    assert_eq!(told, [(0, (1, 32)), (60, (60, 60 * 32))]);
}

#[test]
fn navico_identity_and_orders() {
    let mut model = padded_to(129, "03c40f01");
    model[34..38].copy_from_slice(&1_200_u32.to_le_bytes());
    for (at, text) in [(58, "Sep  9 2011"), (90, "12:00:01")] {
        for (index, byte) in text.bytes().enumerate() {
            model[at + index * 2] = byte;
        }
    }
    let mut beacon = padded_to(222, "01b2 31393032353031303334");
    beacon[18..22].copy_from_slice(&[10, 56, 0, 24]);
    let heard = hear(&NAVICO, &[model, beacon, hex("01c101"), hex("a0c1"), padded_to(18, "01c402")]);
    for fact in
        ["model=BR24", "firmware_version=Sep 9 2011 12:00:01", "serial_number=1902501034", "ip_address=10.56.0.24"]
    {
        assert!(says(&heard, fact), "{fact}: {heard:?}");
    }
    assert_eq!(heard.seen[0].field("operating_hours"), "1200");
    assert_eq!(heard.seen[2].acts[0], "request control transmit");
    assert_eq!(heard.seen[3].acts[0], "request read stay-on");
    assert_eq!(heard.seen[4].field("status"), "2");
}

#[test]
fn furuno() {
    let mut model = padded_to(170, "0100000100000000 0f01009a 01000000");
    model[38..44].copy_from_slice(&[0, 0xd0, 0x1d, 0x4a, 0xbe, 0xbb]);
    model[48..57].copy_from_slice(b"DRS4D-NXT");
    model[80..85].copy_from_slice(b"01.05");
    model[144..148].copy_from_slice(b"6424");
    let announce = hex("0100000100000000 00010018 01000000 5244303033323132 01010002 00010012");
    let picture = padded_to(656, "0200000100000000 a128741b0201f019");
    let heard = hear(&FURUNO, &[announce, model, picture.clone()]);
    for fact in [
        "name=RD003212",
        "manufacturer=Furuno",
        "model=DRS4D-NXT",
        "firmware_version=01.05",
        "serial_number=6424",
        "mac_address=00:d0:1d:4a:be:bb",
    ] {
        assert!(says(&heard, fact), "{fact}: {heard:?}");
    }
    assert_eq!((heard.seen[2].field("spokes"), heard.seen[2].field("cells")), ("20".to_owned(), "884".to_owned()));
    assert!(furuno::read(&picture[..655]).is_none(), "the length must fit");
}

#[test]
fn garmin() {
    let mut scanner = padded_to(96, "9b090000 58000000");
    scanner[24..38].copy_from_slice(b"GMR Fantom 24 ");
    let heard = hear(&GARMIN, &[scanner, hex("19090000 04000000 02000000")]);
    assert!(says(&heard, "model=GMR Fantom 24"), "{heard:?}");
    assert_eq!(heard.seen[1].acts[0], "request control transmit", "to one device: an order");
    let setting = hex("19090000 04000000 02000000");
    let to_group = garmin::by_receiver(garmin::read(&setting).unwrap(), true);
    assert_eq!((to_group.purpose, to_group.device), (Purpose::Report, Device::Scanner));
}

#[test]
fn raymarine() {
    let mut beacon = padded_to(56, "01000000 66000000 07000000");
    beacon[20..32].copy_from_slice(b"QuantumRadar");
    let addresses = padded_to(36, "00000000 07000000 28000000 0000000000000000 010101e8 0e0a 0000 0900a8c0");
    let mut info = padded_to(27, "06000100 31323334353637");
    info[20..26].copy_from_slice(b"E92142");
    let heard = hear(&RAYMARINE, &[beacon, addresses, info]);
    for fact in
        ["manufacturer=Raymarine", "model=Quantum", "model=RD418HD", "serial_number=1234567", "product_code=E92142"]
    {
        assert!(says(&heard, fact), "{fact}: {heard:?}");
    }
}

#[test]
fn short_and_foreign_datagrams() {
    for protocol in [&NAVICO, &FURUNO, &GARMIN, &RAYMARINE] {
        for length in 0..64 {
            for fill in [0_u8, 1, 0xc1, 0xff] {
                assert_eq!(
                    protocol.probe(Carrier::Udp, ToServer, &vec![fill; length]),
                    Probe::No,
                    "{} {length} bytes of {fill:#x}",
                    protocol.name
                );
            }
        }
    }
}
