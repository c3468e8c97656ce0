//! Modbus conversations: what a request and its reply become, and what is odd.

use dogwatch_model::Direction::{ToClient, ToServer};

use super::MODBUS;
use crate::support::{Conversation, Seen, hex};
use crate::{Carrier, Probe, Protocol};

fn unit(transaction: u16, unit: u8, pdu: &[u8]) -> Vec<u8> {
    let mut bytes = transaction.to_be_bytes().to_vec();
    bytes.extend_from_slice(&[0, 0]);
    bytes.extend_from_slice(&u16::try_from(pdu.len() + 1).unwrap().to_be_bytes());
    bytes.push(unit);
    bytes.extend_from_slice(pdu);
    bytes
}

fn talk(parts: &[(dogwatch_model::Direction, Vec<u8>)]) -> Vec<Seen> {
    let mut conversation = Conversation::new(&MODBUS, Carrier::Tcp, 502);
    for (direction, bytes) in parts {
        conversation.send(*direction, bytes);
    }
    conversation.heard.seen
}

#[test]
fn requests_in_the_words_of_a_policy() {
    for (name, pdu, want) in [
        ("read coils", &[1_u8, 0, 19, 0, 19][..], &["request read coil 19-37 unit 9"][..]),
        ("read discretes", &[2, 0, 196, 0, 22], &["request read discrete 196-217 unit 9"]),
        ("read holding", &[3, 0, 107, 0, 3], &["request read holding 107-109 unit 9"]),
        ("read input", &[4, 0, 8, 0, 1], &["request read input 8 unit 9"]),
        ("write coil", &[5, 0, 172, 0xff, 0], &["request write coil 172 unit 9 = 1..1"]),
        ("write register", &[6, 0, 1, 0, 3], &["request write holding 1 unit 9 = 3..3"]),
        ("exception status", &[7], &["request read device unit 9"]),
        ("echo", &[8, 0, 0, 1, 2], &["request diagnose device unit 9"]),
        ("restart", &[8, 0, 1, 0, 0], &["request control device unit 9"]),
        ("listen only", &[8, 0, 4, 0, 0], &["request control device unit 9"]),
        ("clear counters", &[8, 0, 10, 0, 0], &["request control device unit 9"]),
        ("write coils", &[15, 0, 19, 0, 10, 2, 0xcd, 1], &["request write coil 19-28 unit 9 = 0..1"]),
        ("write registers", &[16, 0, 1, 0, 2, 4, 0, 10, 1, 2], &["request write holding 1-2 unit 9 = 10..258"]),
        ("server id", &[17], &["request read device unit 9"]),
        ("read file", &[20, 7, 6, 0, 4, 0, 1, 0, 2], &["request read file 4 record 1"]),
        ("write file", &[21, 9, 6, 0, 4, 0, 7, 0, 1, 6, 0xaf], &["request write file 4 record 7"]),
        ("mask write", &[22, 0, 4, 0, 0xf2, 0, 0x25], &["request write holding 4 unit 9"]),
        ("mask write of every bit", &[22, 0, 4, 0, 0, 0, 0x25], &["request write holding 4 unit 9 = 37..37"]),
        (
            "read and write",
            &[23, 0, 3, 0, 6, 0, 14, 0, 1, 2, 0, 255],
            &["request read holding 3-8 unit 9", "request write holding 14 unit 9 = 255..255"],
        ),
        ("fifo", &[24, 4, 222], &["request read holding 1246 unit 9"]),
        ("canopen", &[43, 13, 0], &["request program device unit 9"]),
        ("device id", &[43, 14, 1, 0], &["request discover device unit 9"]),
        ("umas stop", &[90, 1, 0x41, 0xff, 0], &["request control umas.stop-plc"]),
        ("umas download", &[90, 1, 0x31, 0], &["request program umas.transfer-block-to-plc"]),
        ("umas unknown", &[90, 1, 0x77], &["request program umas"]),
        ("user defined", &[65, 1], &["odd modbus.user-defined-function"]),
        ("nobody's", &[9], &["odd modbus.unknown-function"]),
        ("cut write", &[16, 0], &["request write device unit 9", "odd modbus.pdu-length"]),
        ("wrap", &[3, 0xff, 0xff, 0, 2], &["request read holding 65535-65536 unit 9", "odd modbus.range"]),
    ] {
        let seen = talk(&[(ToServer, unit(1, 9, pdu))]);
        assert_eq!(seen.len(), 1, "{name}");
        assert_eq!(seen[0].acts, want, "{name}");
        assert_eq!(seen[0].kind, "request", "{name}");
    }
}

#[test]
fn a_reply_carries_what_was_asked() {
    let seen = talk(&[
        (ToServer, unit(7, 1, &[3, 0, 40, 0, 2])),
        (ToServer, unit(8, 1, &[1, 0, 0, 0, 3])),
        (ToClient, unit(8, 1, &[1, 1, 5])),
        (ToClient, unit(7, 1, &[3, 4, 0, 1, 0, 2])),
    ]);
    assert_eq!(seen[2].acts, ["reply read coil 0-2 unit 1", "says unit_id=1 (modbus.unit)"]);
    assert_eq!(seen[2].fields["values"], serde_json::json!([1, 0, 1]));
    assert_eq!(seen[3].acts, ["reply read holding 40-41 unit 1"], "the unit is told once");
    assert_eq!(
        seen[3].fields,
        serde_json::json!({"transaction": 7, "unit": 1, "function": 3, "function_name": "read-holding-registers",
            "address": 40, "quantity": 2, "values": [1, 2]})
    );
}

#[test]
fn values_are_told_with_their_place() {
    // The worked examples of the Modbus Application Protocol V1.1b3, clauses 6.1, 6.3, 6.5, 6.6, 6.11, 6.12 and 6.17.
    let seen = talk(&[
        (ToServer, unit(1, 1, &[1, 0, 19, 0, 19])),
        (ToClient, unit(1, 1, &[1, 3, 0xcd, 0x6b, 0x05])),
        (ToServer, unit(2, 1, &[3, 0, 107, 0, 3])),
        (ToClient, unit(2, 1, &[3, 6, 2, 0x2b, 0, 0, 0, 100])),
        (ToServer, unit(3, 1, &[5, 0, 172, 0xff, 0])),
        (ToServer, unit(4, 1, &[6, 0, 1, 0, 3])),
        (ToServer, unit(5, 1, &[15, 0, 19, 0, 10, 2, 0xcd, 1])),
        (ToServer, unit(6, 1, &[16, 0, 1, 0, 2, 4, 0, 10, 1, 2])),
        (ToServer, unit(7, 1, &[23, 0, 3, 0, 1, 0, 14, 0, 1, 2, 0, 255])),
        (ToClient, unit(7, 1, &[23, 2, 0, 254])),
    ]);
    let values: Vec<&str> = seen.iter().flat_map(|seen| &seen.values).map(String::as_str).collect();
    assert_eq!(
        values,
        [
            "values coil 19 unit 1 [] [1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1]",
            "values holding 107 unit 1 [555, 0, 100] []",
            "values coil 172 unit 1 [] [1]",
            "values holding 1 unit 1 [3] []",
            "values coil 19 unit 1 [] [1, 0, 1, 1, 0, 0, 1, 1, 1, 0]",
            "values holding 1 unit 1 [10, 258] []",
            "values holding 14 unit 1 [255] []",
            "values holding 3 unit 1 [254] []",
        ]
    );
    let unpaired = talk(&[(ToClient, unit(1, 1, &[3, 2, 0, 5]))]);
    assert!(unpaired[0].values.is_empty(), "nobody knows of which register");
}

#[test]
fn refusals_and_replies_that_do_not_fit() {
    let seen = talk(&[
        (ToServer, unit(1, 1, &[6, 0, 12, 0, 99])),
        (ToClient, unit(1, 1, &[0x86, 2])),
        (ToClient, unit(1, 1, &[0x86, 2])),
        (ToServer, unit(2, 1, &[3, 0, 0, 0, 2])),
        (ToClient, unit(2, 1, &[4, 2, 0, 0])),
        (ToClient, unit(2, 1, &[3, 2, 0, 0])),
    ]);
    assert_eq!(seen[1].acts, ["refusal write holding 12 unit 1", "says unit_id=1 (modbus.unit)"]);
    assert_eq!((seen[1].kind.as_str(), seen[1].field("exception_code").as_str()), ("exception", "2"));
    assert_eq!(seen[2].acts, ["refusal write device unit 1", "odd reply-without-request"]);
    assert_eq!(seen[4].acts, ["reply read device unit 1", "odd reply-mismatch"]);
    assert_eq!(seen[5].acts, ["reply read holding 0-1 unit 1", "odd modbus.reply-length"]);
}

#[test]
fn replies_alone_are_not_blamed() {
    let seen = talk(&[(ToClient, unit(1, 1, &[3, 2, 0, 5])), (ToClient, unit(2, 1, &[3, 2, 0, 5]))]);
    assert_eq!(seen[1].acts, ["reply read device unit 1"], "the other direction is not mirrored");
}

#[test]
fn a_gateway_speaks_for_a_dead_unit() {
    let seen = talk(&[(ToServer, unit(1, 5, &[3, 0, 0, 0, 1])), (ToClient, unit(1, 5, &[0x83, 11]))]);
    assert_eq!(seen[1].acts, ["refusal read holding 0 unit 5"], "no unit 5 was heard");
}

#[test]
fn identity() {
    let answer = hex("2b 0e 01 01 00 00 03 00 04 41636d65 01 03 504d37 02 04 56312e32");
    let seen = talk(&[(ToServer, unit(1, 0, &[43, 14, 1, 0])), (ToClient, unit(1, 0, &answer))]);
    assert_eq!(
        seen[1].acts,
        [
            "reply discover device unit 0",
            "says unit_id=0 (modbus.unit)",
            "says manufacturer=Acme (modbus.fc43_14)",
            "says product_code=PM7 (modbus.fc43_14)",
            "says firmware_version=V1.2 (modbus.fc43_14)",
        ]
    );
    assert_eq!(seen[1].fields["objects"][2], serde_json::json!({"id": 2, "value": "V1.2"}));
    let seen = talk(&[(ToServer, unit(1, 1, &[17])), (ToClient, unit(1, 1, b"\x11\x08\x01\xffPM7 v2"))]);
    assert_eq!(seen[1].acts[2], "says description=PM7 v2 (modbus.fc17)");
}

#[test]
fn a_unit_behind_a_gateway_speaks_for_itself() {
    let answer = hex("2b 0e 01 01 00 00 01 00 04 41636d65");
    let facts = |units: &[u8]| {
        let mut parts = Vec::new();
        for unit_id in units {
            parts.push((ToServer, unit(1, *unit_id, &[43, 14, 1, 0])));
            parts.push((ToClient, unit(1, *unit_id, &answer)));
        }
        talk(&parts).last().unwrap().acts.last().unwrap().clone()
    };
    for (name, units, want) in [
        ("the device", &[255][..], "says manufacturer=Acme (modbus.fc43_14)"),
        ("a plain device at 1", &[1], "says manufacturer=Acme (modbus.fc43_14)"),
        ("a unit", &[7], "says unit 7 manufacturer=Acme (modbus.fc43_14)"),
        ("unit 1 beside others", &[7, 1], "says unit 1 manufacturer=Acme (modbus.fc43_14)"),
        ("the gateway beside units", &[7, 255], "says manufacturer=Acme (modbus.fc43_14)"),
    ] {
        assert_eq!(facts(units), want, "{name}");
    }
}

#[test]
fn both_ways_on_another_port_and_from_the_middle() {
    let mut conversation = Conversation::new(&MODBUS, Carrier::Tcp, 1502);
    // The first bytes seen are a reply, so the flow room calls its sender the client.
    conversation.send(ToServer, &unit(1, 1, &[3, 2, 0, 9]));
    conversation.send(ToClient, &unit(2, 1, &[3, 0, 0, 0, 1]));
    let kinds: Vec<&str> = conversation.heard.seen.iter().map(|seen| seen.kind.as_str()).collect();
    assert_eq!(kinds, ["reply", "request"]);
}

#[test]
fn several_units_in_a_segment_and_one_in_several() {
    let mut bytes = unit(1, 1, &[3, 0, 0, 0, 1]);
    bytes.extend(unit(2, 1, &[3, 0, 1, 0, 1]));
    bytes.extend(unit(3, 1, &[3, 0, 2, 0, 1]));
    let (head, tail) = bytes.split_at(17);
    let seen = talk(&[(ToServer, head.to_vec()), (ToServer, tail.to_vec())]);
    assert_eq!(seen.iter().map(|seen| seen.field("address")).collect::<Vec<_>>(), ["0", "1", "2"]);
}

#[test]
fn finds_its_way_after_garbage_and_gaps() {
    let mut conversation = Conversation::new(&MODBUS, Carrier::Tcp, 502);
    conversation.send(ToServer, &unit(1, 1, &[3, 0, 0, 0, 1]));
    let mut bytes = b"GET / HTTP/1.0\r\n\r\n".to_vec();
    bytes.extend(unit(2, 1, &[6, 0, 12, 0, 1]));
    bytes.extend(unit(3, 1, &[3, 0, 0, 0, 1]));
    conversation.send(ToServer, &bytes);
    let acts: Vec<&str> = conversation.heard.seen.iter().map(|seen| seen.acts[0].as_str()).collect();
    assert_eq!(
        acts,
        [
            "request read holding 0 unit 1",
            "odd modbus.protocol-id",
            "request write holding 12 unit 1 = 1..1",
            "request read holding 0 unit 1",
        ]
    );
    // The tail of a unit whose head was lost, then a whole one.
    conversation.lose(ToServer, 100);
    let mut bytes = vec![0, 1, 0, 2, 0, 3, 0, 4];
    bytes.extend(unit(9, 1, &[16, 0, 1, 0, 1, 2, 0, 7]));
    conversation.send(ToServer, &bytes);
    assert_eq!(conversation.heard.seen.last().unwrap().acts, ["request write holding 1 unit 1 = 7..7"]);
}

#[test]
fn a_length_that_lies_is_named() {
    let mut conversation = Conversation::new(&MODBUS, Carrier::Tcp, 502);
    conversation.send(ToServer, &unit(1, 1, &[3, 0, 0, 0, 1]));
    conversation.send(ToServer, &hex("0002 0000 0000 01 03 0000 0001"));
    assert_eq!(conversation.heard.seen[1].acts, ["odd modbus.length"]);
    assert_eq!(conversation.heard.errors[0].kind(), "malformed");
}

#[test]
fn what_the_first_bytes_tell() {
    let two: Vec<u8> = [unit(1, 1, &[3, 0, 0, 0, 1]), unit(2, 1, &[3, 0, 0, 0, 1])].concat();
    for (name, bytes, want) in [
        ("request", unit(1, 1, &[3, 0, 0, 0, 1]), Probe::Yes),
        ("two requests", two.clone(), Probe::Yes),
        ("one and a half", two[..20].to_vec(), Probe::Yes),
        ("half", two[..9].to_vec(), Probe::NeedMore),
        ("three bytes", two[..3].to_vec(), Probe::NeedMore),
        ("unknown function", unit(1, 1, &[99]), Probe::Yes),
        ("http", b"GET / HTTP/1.1\r\n".to_vec(), Probe::No),
        ("tls", hex("16 03 01 02 00 01 00 01 fc 03 03"), Probe::No),
        ("tpkt", hex("03 00 00 16 11 e0 00 00 00 01 00"), Probe::No),
        ("enip", hex("65 00 04 00 00 00 00 00 00 00 00 00"), Probe::No),
        ("ads", hex("00 00 2c 00 00 00 c0 a8 01 c7 01 01"), Probe::No),
        ("trailing junk", [unit(1, 1, &[3, 0, 0, 0, 1]), b"junk and more".to_vec()].concat(), Probe::No),
    ] {
        assert_eq!(MODBUS.probe(Carrier::Tcp, ToServer, &bytes), want, "{name}");
    }
    assert_eq!(MODBUS.probe(Carrier::Udp, ToServer, &two[..3]), Probe::No, "a datagram is all there is");
    assert_eq!(MODBUS.probe(Carrier::Ethernet, ToServer, &two), Probe::No);
}
