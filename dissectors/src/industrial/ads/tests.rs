//! ADS conversations built from the specification, and what is said of them.

use super::*;
use crate::Protocol;
use crate::support::{Conversation, hex};
use dogwatch_model::Direction::{ToClient, ToServer};

const CLIENT: &str = "0a0000010101";
const SERVER: &str = "0a0000020101";

/// A message between the two by command and flags; the server holds `port`.
fn ams(port: u16, head: [u16; 2], error: u32, invoke: u32, data: &str) -> Vec<u8> {
    let data = hex(data);
    let (server, client) = (
        [hex(SERVER), port.to_le_bytes().to_vec()].concat(),
        [hex(CLIENT), 32_905_u16.to_le_bytes().to_vec()].concat(),
    );
    let mut bytes = vec![0, 0];
    bytes.extend(u32::try_from(data.len() + 32).unwrap().to_le_bytes());
    bytes.extend(if head[1] & 1 == 0 { [server, client].concat() } else { [client, server].concat() });
    bytes.extend(head.map(u16::to_le_bytes).concat());
    bytes.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    bytes.extend(error.to_le_bytes());
    bytes.extend(invoke.to_le_bytes());
    bytes.extend(data);
    bytes
}

fn ask(port: u16, command: u16, invoke: u32, data: &str) -> Vec<u8> {
    ams(port, [command, 4], 0, invoke, data)
}

fn answer(port: u16, command: u16, invoke: u32, data: &str) -> Vec<u8> {
    ams(port, [command, 5], 0, invoke, data)
}

#[test]
fn operations() {
    for (name, port, command, data, want) in [
        ("info", 10_000, 1, "", "request discover port 10000"),
        ("read", 851, 2, "20400000 64000000 02000000", "request read group 0x4020 offset 0x64"),
        ("write", 851, 3, "20400000 64000000 02000000 0100", "request write group 0x4020 offset 0x64"),
        ("stop", 851, 5, "0600 0000 00000000", "request control ads.state stop"),
        ("to config mode", 10_000, 5, "1000 0000 00000000", "request control ads.state reconfig"),
        ("add route", 10_000, 3, "21030000 00000000 04000000 01020304", "request program ads.add-route"),
        (
            "open file",
            10_000,
            9,
            "78000000 02000000 04000000 06000000 612e6261 7400",
            "request transfer ads.open-file a.bat",
        ),
        ("watch", 851, 6, "20400000 64000000 02000000", "request read group 0x4020 offset 0x64"),
    ] {
        let mut conversation = Conversation::new(&ADS, Carrier::Tcp, 48_898);
        conversation.send(ToServer, &ask(port, command, 1, data));
        assert_eq!(conversation.heard.errors, [], "{name}");
        assert_eq!(conversation.heard.seen[0].acts[0], want, "{name}");
        assert_eq!(conversation.heard.seen[0].acts[1], "says station_address=10.0.0.1.1.1 (ads.net-id)", "{name}");
    }
}

#[test]
fn a_symbol_behind_a_handle() {
    let mut conversation = Conversation::new(&ADS, Carrier::Tcp, 48_898);
    conversation.send(ToServer, &ask(851, 9, 1, "03f00000 00000000 04000000 09000000 4d41494e2e72706d00"));
    conversation.send(ToClient, &answer(851, 9, 1, "00000000 04000000 07000030"));
    conversation.send(ToServer, &ask(851, 3, 2, "05f00000 07000030 02000000 ff00"));
    conversation.send(ToClient, &answer(851, 3, 2, "03070000"));
    let acts: Vec<&str> = conversation.heard.seen.iter().map(|seen| seen.acts[0].as_str()).collect();
    assert_eq!(
        acts,
        ["request read MAIN.rpm", "reply read MAIN.rpm", "request write MAIN.rpm", "refusal write MAIN.rpm"]
    );
}

#[test]
fn identity_and_state() {
    let mut conversation = Conversation::new(&ADS, Carrier::Tcp, 48_898);
    conversation.send(ToClient, &answer(10_000, 1, 9, "00000000 03 01 b80f 54776e4341542053797374656d000000"));
    conversation.send(ToClient, &answer(851, 4, 10, "00000000 0500 0000"));
    assert_eq!(
        conversation.heard.seen[0].acts,
        [
            "reply discover device",
            "says station_address=10.0.0.2.1.1 (ads.net-id)",
            "says software_version=TwnCAT System 3.1.4024 (ads.device-info)",
        ]
    );
    assert_eq!(conversation.heard.seen[1].acts, ["reply diagnose device", "says operating_mode=run (ads.state)"]);
}

#[test]
fn a_router_refuses_for_others() {
    let mut conversation = Conversation::new(&ADS, Carrier::Tcp, 48_898);
    conversation.send(ToServer, &ask(851, 4, 3, ""));
    conversation.send(ToClient, &ams(851, [4, 5], 7, 3, ""));
    assert_eq!(conversation.heard.seen[1].acts, ["refusal diagnose port 851"]);
}

#[test]
fn what_the_first_bytes_tell() {
    let whole = ask(851, 2, 1, "20400000 64000000 02000000");
    for end in 2..whole.len() {
        let want = if end < HEADER { Probe::NeedMore } else { Probe::Yes };
        assert_eq!(ADS.probe(Carrier::Tcp, ToServer, &whole[..end]), want, "cut at {end}");
    }
    let mut lying = whole.clone();
    lying[2] += 1;
    assert_eq!(ADS.probe(Carrier::Tcp, ToServer, &lying), Probe::No);
    assert_eq!(ADS.probe(Carrier::Tcp, ToServer, &hex("0001 0000 0006 01 03 0000 0001")), Probe::No, "modbus");
}

#[test]
fn values_of_memory_and_symbols() {
    let mut conversation = Conversation::new(&ADS, Carrier::Tcp, 48_898);
    // Flags from byte 100 on, then the bit 5.1 (0x29) of the flags, are written; inputs are read.
    conversation.send(ToServer, &ask(851, 3, 1, "20400000 64000000 02000000 0102"));
    conversation.send(ToServer, &ask(851, 3, 2, "21400000 29000000 01000000 01"));
    conversation.send(ToServer, &ask(851, 2, 3, "20f00000 08000000 04000000"));
    conversation.send(ToClient, &answer(851, 2, 3, "00000000 04000000 0000f742"));
    // A symbol by handle 7: its name first, then its value.
    conversation.send(ToServer, &ask(851, 9, 4, "03f00000 00000000 04000000 09000000 4d41494e2e72706d00"));
    conversation.send(ToClient, &answer(851, 9, 4, "00000000 04000000 07000000"));
    conversation.send(ToServer, &ask(851, 2, 5, "05f00000 07000000 02000000"));
    conversation.send(ToClient, &answer(851, 2, 5, "00000000 02000000 dc05"));
    // A handle nobody has seen given: no name, no value.
    conversation.send(ToServer, &ask(851, 2, 6, "05f00000 08000000 02000000"));
    conversation.send(ToClient, &answer(851, 2, 6, "00000000 02000000 dc05"));
    assert_eq!(conversation.heard.errors, []);
    let values: Vec<String> = conversation.heard.seen.iter().flat_map(|seen| seen.values.clone()).collect();
    let want = ["M 100 = [01, 02]", "M5.1 = 1", "I 8 = [00, 00, f7, 42]", "MAIN.rpm 0 = [dc, 05]"];
    assert_eq!(values, want.map(|value| format!("states [\"{value}\"]")));
}

#[test]
fn values_of_notifications() {
    let mut conversation = Conversation::new(&ADS, Carrier::Tcp, 48_898);
    // Two bytes of flags from 10 on, on change; the server calls it 3.
    conversation.send(ToServer, &ask(851, 6, 1, "20400000 0a000000 02000000 04000000 00000000 00000000"));
    conversation.send(ToClient, &answer(851, 6, 1, "00000000 03000000"));
    let stream = "22000000 01000000 0000000000000000 02000000 03000000 02000000 3412 04000000 01000000 ff";
    // Sent by the server of itself: a request in its flags, from its port to the client's.
    let mut notice = ams(851, [8, 5], 0, 0, stream);
    notice[24] = 4;
    conversation.send(ToClient, &notice);
    conversation.send(ToServer, &ask(851, 7, 2, "03000000"));
    conversation.send(ToClient, &notice);
    assert_eq!(conversation.heard.errors, []);
    let values: Vec<&[String]> = conversation.heard.seen.iter().map(|seen| seen.values.as_slice()).collect();
    assert_eq!(values[2], ["states [\"M 10 = [34, 12]\"]"]);
    assert_eq!(values[4], [] as [String; 0], "no longer watched");
}
