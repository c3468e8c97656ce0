//! Frames built by hand from the specifications.

use dogwatch_model::Direction::{ToClient, ToServer};

use super::*;
use crate::Protocol;
use crate::support::{Conversation, hex};

fn classic(channel: u16, method: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1];
    bytes.extend(channel.to_be_bytes());
    bytes.extend(u32::try_from(method.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(method);
    bytes.push(0xce);
    bytes
}

fn one(kind: u8, code: u8, items: &str) -> Vec<u8> {
    let items = hex(items);
    let mut body = vec![0, 0x53, code, 0xc0, u8::try_from(items.len() + 1).unwrap(), 9];
    body.extend(items);
    let mut bytes = u32::try_from(body.len() + 8).unwrap().to_be_bytes().to_vec();
    bytes.extend([2, kind, 0, 0]);
    bytes.extend(body);
    bytes
}

#[test]
fn a_login_of_0_9_1_and_its_refusal() {
    let mut conversation = Conversation::new(&AMQP, Carrier::Tcp, 5672);
    let mut start = hex("000a 000a 00 09 0000001f 07");
    start.extend(b"productS\x00\x00\x00\x06Broker\x07version");
    start.truncate(start.len() - 8);
    start[9] = u8::try_from(start.len() - 10).unwrap();
    start.extend(hex("00000005 504c41494e 00000000"));
    let mut answer = hex("000a 000b 00000000 05");
    answer.extend(b"PLAIN\x00\x00\x00\x09\x00eng\x00pass\x05en_US");
    let mut close = hex("000a 0032 0193 00");
    close.extend([0; 4]);
    conversation.send(ToServer, b"AMQP\x00\x00\x09\x01");
    conversation.send(ToClient, &classic(0, &start));
    conversation.send(ToServer, &classic(0, &answer));
    conversation.send(ToClient, &classic(0, &close));
    let seen = &conversation.heard.seen;
    assert_eq!(conversation.heard.errors, []);
    assert_eq!(seen[1].acts, ["says software_version=Broker (amqp.server-properties)"]);
    assert_eq!(seen[2].acts, ["request login eng", "says account=eng (amqp.sasl)", "odd clear-text-credentials"]);
    assert!(!seen[2].fields.to_string().contains("pass"));
    assert_eq!(seen[3].acts, ["refusal login connection.close"]);
}

#[test]
fn queues_and_messages_of_0_9_1() {
    for (name, method, want) in [
        ("publish", "003c 0028 0000 02 6578 01 6b 00", "publishes ex/k"),
        ("consume", "003c 0014 0000 01 71 00 00 00000000", "request read q"),
        ("declare", "0032 000a 0000 01 71 00 00000000", "request program q"),
        ("purge", "0032 001e 0000 01 71 00", "request control q"),
    ] {
        let mut conversation = Conversation::new(&AMQP, Carrier::Tcp, 5672);
        conversation.send(ToServer, &classic(1, &hex(method)));
        assert_eq!(conversation.heard.seen[0].acts[0], want, "{name}");
    }
}

#[test]
fn version_1_0() {
    let mut conversation = Conversation::new(&AMQP, Carrier::Tcp, 5672);
    conversation.send(ToServer, b"AMQP\x03\x01\x00\x00");
    conversation.send(ToServer, &one(1, 0x41, "a3 05 504c41494e a0 09 00 656e67 00 70617373"));
    conversation.send(ToClient, &one(1, 0x44, "50 01"));
    conversation.send(ToServer, &one(0, 0x10, "a1 04 616c7331 40"));
    // name, handle, role sender, modes, source, target { address }.
    conversation.send(ToServer, &one(0, 0x12, "a1 01 6c 43 42 40 40 40 00 53 29 c0 06 01 a1 03 616c6d"));
    let seen = &conversation.heard.seen;
    assert_eq!(conversation.heard.errors, []);
    assert_eq!(seen[1].acts[0], "request login eng");
    assert_eq!(seen[2].acts, ["refusal login session"]);
    assert_eq!(seen[3].acts, ["says client_hint=als1 (amqp.container-id)"]);
    assert_eq!(seen[4].acts[0], "publishes alm");
}

#[test]
fn what_the_first_bytes_tell() {
    let probe = |bytes: &[u8]| AMQP.probe(Carrier::Tcp, ToServer, bytes);
    assert_eq!(probe(b"AMQP\x00\x00\x09\x01"), Probe::Yes);
    assert_eq!(probe(b"AMQ"), Probe::NeedMore);
    assert_eq!(probe(b"AMQP\x00\x07\x09\x01"), Probe::No);
    assert_eq!(probe(&classic(1, &hex("003c 0028 0000 02 6578 01 6b 00"))), Probe::Yes, "in the middle");
    assert_eq!(probe(&hex("01 0001 00000004 003c0028 00")), Probe::No, "no end mark");
}
