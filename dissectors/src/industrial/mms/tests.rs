//! Messages built by hand from ISO 9506-2 and the layers below.

use dogwatch_model::Direction::{ToClient, ToServer};

use super::*;
use crate::Protocol;
use crate::support::{Conversation, hex};

/// Length and content behind a tag.
fn tlv(tag: &[u8], content: &[u8]) -> Vec<u8> {
    let mut bytes = tag.to_vec();
    match content.len() {
        short @ 0..=0x7f => bytes.push(u8::try_from(short).unwrap()),
        long => bytes.extend([0x82, u8::try_from(long >> 8).unwrap(), u8::try_from(long & 0xff).unwrap()]),
    }
    bytes.extend_from_slice(content);
    bytes
}

fn transport(payload: &[u8], end: bool) -> Vec<u8> {
    let mut bytes = vec![3, 0];
    bytes.extend(u16::try_from(payload.len() + 7).unwrap().to_be_bytes());
    bytes.extend([2, 0xf0, if end { 0x80 } else { 0 }]);
    bytes.extend_from_slice(payload);
    bytes
}

fn session(mms: &[u8]) -> Vec<u8> {
    let value = [&hex("02 01 03")[..], &tlv(&[0xa0], mms)].concat();
    [hex("01 00 01 00"), tlv(&[0x61], &tlv(&[0x30], &value))].concat()
}

/// A confirmed request or response with invoke id 7.
fn confirmed(kind: u8, service: &[u8], content: &[u8]) -> Vec<u8> {
    tlv(&[kind], &[&hex("02 01 07")[..], &tlv(service, content)].concat())
}

fn name(domain: &str, item: &str) -> Vec<u8> {
    tlv(&[0xa1], &[tlv(&[0x1a], domain.as_bytes()), tlv(&[0x1a], item.as_bytes())].concat())
}

/// A list of variables with one variable.
fn variable(name: &[u8]) -> Vec<u8> {
    tlv(&[0xa0], &tlv(&[0x30], &tlv(&[0xa0], name)))
}

fn acts_of(units: &[Vec<u8>]) -> Vec<Vec<String>> {
    let mut conversation = Conversation::new(&MMS, Carrier::Tcp, 102);
    for unit in units {
        let direction = if unit[0] == 0xa1 || unit[0] == 0xa2 { ToClient } else { ToServer };
        conversation.send(direction, &transport(&session(unit), true));
    }
    assert_eq!(conversation.heard.errors, []);
    conversation.heard.seen.into_iter().map(|seen| seen.acts).collect()
}

#[test]
fn services_in_the_words_of_a_policy() {
    let read = tlv(&[0xa1], &variable(&name("IED1LD0", "MMXU1$MX$Hz")));
    let value = tlv(&[0xa0], &hex("83 01 01"));
    let operate = [variable(&name("IED1LD0", "CSWI1$CO$Pos$Oper")), value.clone()].concat();
    let setting = [variable(&name("IED1LD0", "PTOC1$SP$StrVal")), value].concat();
    for (title, service, content, want) in [
        ("read", &[0xa4][..], read, "request read IED1LD0/MMXU1$MX$Hz"),
        ("operate", &[0xa5], operate, "request control IED1LD0/CSWI1$CO$Pos$Oper"),
        ("write", &[0xa5], setting, "request write IED1LD0/PTOC1$SP$StrVal"),
        ("whole device", &[0xa4], tlv(&[0xa1], &variable(&tlv(&[0x80], b"mu"))), "request read mu"),
        ("attributes", &[0xa6], tlv(&[0xa0], &name("D", "A$B")), "request discover D/A$B"),
        ("identify", &[0x82], vec![], "request discover identify"),
        ("start", &[0xbf, 0x28], tlv(&[0x80], b"prog"), "request control start prog"),
        ("stop", &[0xbf, 0x29], tlv(&[0x80], b"prog"), "request control stop prog"),
        ("kill", &[0xbf, 0x2c], tlv(&[0x80], b"prog"), "request control kill prog"),
        ("download", &[0xba], tlv(&[0x80], b"dom"), "request program initiate-download-sequence dom"),
        ("upload", &[0x9d], b"dom".to_vec(), "request transfer initiate-upload-sequence dom"),
        ("delete domain", &[0x9f, 0x24], b"dom".to_vec(), "request program delete-domain dom"),
        ("file", &[0xbf, 0x48], tlv(&[0xa0], &tlv(&[0x19], b"/log.cfg")), "request transfer file-open /log.cfg"),
    ] {
        assert_eq!(acts_of(&[confirmed(0xa0, service, &content)]), [[want]], "{title}");
    }
}

#[test]
fn answers_carry_what_was_asked() {
    let setting = [variable(&name("D", "PTOC1$SP$StrVal")), tlv(&[0xa0], &hex("83 01 01"))].concat();
    let write = confirmed(0xa0, &[0xa5], &setting);
    let error = tlv(&[0xa2], &hex("80 01 07 a2 05 a0 03 87 01 01"));
    let list = |content: &str| confirmed(0xa1, &[0xa5], &hex(content));
    let acts = acts_of(&[write.clone(), list("81 00"), write.clone(), list("80 01 03"), write, error]);
    assert_eq!(acts[1], ["reply write D/PTOC1$SP$StrVal"]);
    assert_eq!(acts[3], ["refusal write D/PTOC1$SP$StrVal"], "object access denied");
    assert_eq!(acts[5], ["refusal write D/PTOC1$SP$StrVal"]);
    let identity = [tlv(&[0x80], b"Example"), tlv(&[0x81], b"R-1"), tlv(&[0x82], b"2.0")].concat();
    let acts = acts_of(&[confirmed(0xa1, &[0xa2], &identity)]);
    assert_eq!(
        acts[0],
        [
            "reply discover identify",
            "says manufacturer=Example (mms.identify)",
            "says model=R-1 (mms.identify)",
            "says firmware_version=2.0 (mms.identify)"
        ]
    );
}

#[test]
fn a_message_over_several_transport_units() {
    let unit = session(&confirmed(0xa0, &[0xa4], &tlv(&[0xa1], &variable(&name("IED1LD0", "MMXU1$MX$Hz")))));
    let mut conversation = Conversation::new(&MMS, Carrier::Tcp, 102);
    let (one, two) = unit.split_at(20);
    conversation.send(ToServer, &[transport(one, false), transport(two, true)].concat());
    assert_eq!(conversation.heard.seen[0].acts, ["request read IED1LD0/MMXU1$MX$Hz"]);
    conversation.send(ToServer, &transport(one, false));
    conversation.lose(ToServer, 40);
    conversation.send(ToServer, &transport(&unit, true));
    assert_eq!(conversation.heard.seen.len(), 2, "half a message is forgotten at a gap");
    for _ in 0..40 {
        conversation.send(ToServer, &transport(&[0; 4_000], false));
    }
    conversation.send(ToServer, &transport(&[0; 4], true));
    assert_eq!(conversation.heard.errors.last().unwrap().kind(), "limit");
}

#[test]
fn opening_closing_and_what_the_first_bytes_tell() {
    // Association request: session connect, presentation with one value, ACSE with the MMS application context.
    let mms = tlv(&[0xa8], &hex("80 03 00fde8 81 01 05 82 01 05"));
    let external = tlv(&[0x28], &[hex("02 01 03"), tlv(&[0xa0], &mms)].concat());
    let acse = tlv(&[0x60], &[hex("a1 07 06 05 28ca220203"), tlv(&[0xbe], &external)].concat());
    let value = tlv(&[0x30], &[hex("02 01 01"), tlv(&[0xa0], &acse)].concat());
    let normal = tlv(&[0xa2], &tlv(&[0x61], &value));
    let presentation = tlv(&[0x31], &[hex("a0 03 80 01 01"), normal].concat());
    let connect = tlv(&[13], &[hex("14 02 0002"), tlv(&[0xc1], &presentation)].concat());
    let bytes = [hex("03 00 00 0b 06 e0 0000 0001 00"), transport(&connect, true)].concat();
    let mut conversation = Conversation::new(&MMS, Carrier::Tcp, 102);
    conversation.send(ToServer, &bytes);
    conversation.send(ToServer, &transport(&hex("8b 00"), true));
    let kinds: Vec<&str> = conversation.heard.seen.iter().map(|seen| seen.kind.as_str()).collect();
    assert_eq!(kinds, ["connect-request", "initiate-request", "conclude"]);
    assert_eq!(conversation.heard.seen[1].acts, ["request login association"]);
    let probe = |bytes: &[u8]| MMS.probe(Carrier::Tcp, ToServer, bytes);
    assert_eq!(probe(&bytes), Probe::Yes);
    assert_eq!(probe(&bytes[..11]), Probe::NeedMore);
    assert_eq!(probe(&hex("03 00 00 09 02 f0 80 32 01")), Probe::No, "s7comm");
    assert_eq!(probe(&transport(&mms, true)), Probe::Yes, "directly on the transport");
}
