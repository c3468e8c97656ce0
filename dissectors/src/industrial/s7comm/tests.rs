//! S7comm: operations, values and identities from frames written by hand.

use super::*;
use crate::Protocol;
use crate::support::{Conversation, hex};
use dogwatch_model::Direction::ToServer;

/// A data unit around an S7 header, parameters and data.
pub(super) fn unit(kind: u8, parameters: &[u8], data: &[u8]) -> Vec<u8> {
    let len = |part: &[u8]| u16::try_from(part.len()).unwrap().to_be_bytes();
    let mut pdu = vec![PROTOCOL_ID, kind, 0, 0, 0, 5];
    pdu.extend(len(parameters));
    pdu.extend(len(data));
    if matches!(kind, 2 | 3) {
        pdu.extend([0, 0]);
    }
    pdu.extend_from_slice(parameters);
    pdu.extend_from_slice(data);
    let mut bytes = vec![3, 0];
    bytes.extend(u16::try_from(pdu.len() + 7).unwrap().to_be_bytes());
    bytes.extend([2, 0xf0, 0x80]);
    bytes.extend(pdu);
    bytes
}

#[test]
fn bytes_of_variables() {
    let mut conversation = Conversation::new(&S7COMM, Carrier::Tcp, 102);
    // six bytes of data block 10 from byte 100 (bit 0x320), a bit, and a word of flags from byte 20
    let items =
        hex("04 03 12 0a 10 02 0006 000a 84 000320 12 0a 10 01 0001 0000 83 000029 12 0a 10 04 0001 0000 83 0000a0");
    conversation.send(ToServer, &unit(JOB, &items, &[]));
    // here they are: bytes with a length in bits, one bit filled up, an integer
    let data = hex("ff 04 0030 0001fffe42f7 ff 03 0001 01 00 ff 05 0010 0203");
    conversation.send(Direction::ToClient, &unit(3, &hex("04 03"), &data));
    assert_eq!(conversation.heard.seen[0].values, Vec::<String>::new(), "only asked");
    let want = "states [\"DB10 100 = [00, 01, ff, fe, 42, f7]\", \"M5.1 = 1\", \"M 20 = [02, 03]\"]";
    assert_eq!(conversation.heard.seen[1].values, [want]);
    let mut conversation = Conversation::new(&S7COMM, Carrier::Tcp, 102);
    let item = hex("05 01 12 0a 10 02 0002 0014 84 000050");
    conversation.send(ToServer, &unit(JOB, &item, &hex("00 04 0010 047e")));
    assert_eq!(conversation.heard.seen[0].values, ["states [\"DB20 10 = [04, 7e]\"]"], "written");
    conversation.send(Direction::ToClient, &unit(3, &hex("05 01"), &hex("ff")));
    assert_eq!(conversation.heard.seen[1].values, Vec::<String>::new());
}

#[test]
fn bits_and_block_reads() {
    let mut conversation = Conversation::new(&S7COMM, Carrier::Tcp, 102);
    // Flag 5.1 (bit 0x29), and parts of data blocks: one byte of block 74 from 108, two of block 76 from 404, one of block 81.
    let items = hex("04 02 12 0a 10 01 0001 0000 83 000029 12 11 b0 03 01 004a 006c 02 004c 0194 01 0051 003c");
    conversation.send(ToServer, &unit(JOB, &items, &[]));
    let want = ["m5", "db74.108", "db76.404-405", "db81.60"].map(|name| format!("request read {name}"));
    assert_eq!(conversation.heard.seen[0].acts, want);
    // The third part is not there: a return code, but bytes as well.
    let data = hex("ff 03 0001 01 00 ff 04 0038 ff aa ff bbcc 0a 00");
    conversation.send(Direction::ToClient, &unit(3, &hex("04 02"), &data));
    let want = "states [\"M5.1 = 1\", \"DB74 108 = [aa]\", \"DB76 404 = [bb, cc]\"]";
    assert_eq!(conversation.heard.seen[1].values, [want]);
    // Lengths that do not add up: nothing is guessed.
    conversation.send(ToServer, &unit(JOB, &items, &[]));
    let data = hex("ff 03 0001 00 00 ff 04 0030 ff aa ff bbcc 0a");
    conversation.send(Direction::ToClient, &unit(3, &hex("04 02"), &data));
    assert_eq!(conversation.heard.seen[3].values, ["states [\"M5.1 = 0\"]"]);
}

#[test]
fn values_that_a_controller_sends_of_itself() {
    let mut conversation = Conversation::new(&S7COMM, Carrier::Tcp, 102);
    // Order: every second (unit 1, factor 1), a word of data block 300 from byte 4; the controller gives it number 2.
    let order = hex("ff 09 0010 0001 01 01 12 0a 10 04 0001 012c 84 000020");
    conversation.send(ToServer, &unit(USERDATA, &hex("000112 04 11 42 01 00"), &order));
    let value = |word: &str| hex(&format!("ff 09 0008 0001 ff 04 0010 {word}"));
    let from_controller =
        |kind: &str, word| unit(USERDATA, &hex(&format!("000112 08 12 {kind} 00 00 0000")), &value(word));
    conversation.send(Direction::ToClient, &from_controller("82 01 02", "3000"));
    conversation.send(Direction::ToClient, &from_controller("02 01 02", "3001"));
    conversation.send(Direction::ToClient, &from_controller("02 01 03", "3002"));
    let seen = &conversation.heard.seen;
    let values: Vec<&[String]> = seen.iter().map(|seen| seen.values.as_slice()).collect();
    let stated = |byte: &str| vec![format!("states [\"DB300 4 = [30, {byte}]\"]")];
    assert_eq!(values, [&[][..], &stated("00"), &stated("01"), &[]], "the last is of no order that was seen");
    conversation.lose(Direction::ToClient, 100);
    conversation.send(Direction::ToClient, &from_controller("02 01 02", "3000"));
    assert_eq!(conversation.heard.seen[4].values, Vec::<String>::new(), "the number may mean another by now");
}

#[test]
fn jobs_in_the_words_of_a_policy() {
    for (name, parameters, want) in [
        ("read db10 byte 0 to 63", hex("04 01 12 0a 10 02 0040 000a 84 000000"), &["request read db10.0-63"][..]),
        (
            "write two items",
            hex("05 02 12 0a 10 04 0001 0001 84 000020 12 0a 10 01 0001 0000 83 000029"),
            &["request write db1.4-5", "request write m5"],
        ),
        ("stop", hex("29 0000000000 09 50 5f50524f4752414d"), &["request control plc-stop"]),
        ("start", hex("28 000000000000 fd 0000 09 505f50524f4752414d"), &["request control P_PROGRAM"]),
        ("insert block", hex("28 000000000000 fd 0002 4142 05 5f494e5345"), &["request program _INSE"]),
        ("download", hex("1a 00 0000 00000000 09 5f30383030303031 50"), &["request program _0800001P"]),
        ("set up", hex("f0 00 0001 0001 01e0"), &[]),
    ] {
        let mut conversation = Conversation::new(&S7COMM, Carrier::Tcp, 102);
        conversation.send(ToServer, &unit(1, &parameters, &[]));
        assert_eq!(conversation.heard.seen[0].acts, want, "{name}");
    }
}

#[test]
fn programmer_services() {
    for (name, parameters, want) in [
        ("password", hex("000112 04 11 45 01 00"), "request login password"),
        ("set clock", hex("000112 04 11 47 02 00"), "request write set-clock"),
        ("list blocks", hex("000112 04 11 43 01 00"), "request discover blocks"),
        ("answer", hex("000112 08 12 84 01 01 00 00 0000"), "reply discover system-status-list"),
        ("refusal", hex("000112 08 12 85 01 01 00 00 d602"), "refusal login password"),
        ("blink", hex("000112 04 11 41 16 00"), "request discover blink"),
    ] {
        let mut conversation = Conversation::new(&S7COMM, Carrier::Tcp, 102);
        conversation.send(ToServer, &unit(7, &parameters, &[]));
        assert_eq!(conversation.heard.seen[0].acts, [want], "{name}");
    }
}

#[test]
fn answers_carry_what_was_asked() {
    let mut conversation = Conversation::new(&S7COMM, Carrier::Tcp, 102);
    conversation.send(ToServer, &unit(1, &hex("05 01 12 0a 10 02 0002 0001 84 000020"), &hex("00 04 0010 0102")));
    conversation.send(Direction::ToClient, &unit(3, &hex("05 01"), &hex("0a")));
    conversation.send(Direction::ToClient, &unit(7, &hex("010010 00 00 00 00 00"), &[]));
    conversation.send(Direction::ToClient, &hex("03 00 00 16 11 d0 0001 0002 00 c1 02 0100 c2 02 0302 c0 01 0a"));
    let seen = &conversation.heard.seen;
    assert_eq!(seen[1].acts, ["refusal write db1.4-5"]);
    assert_eq!(seen[2].acts, ["publishes mode-transition stop", "says operating_mode=stop (s7.mode-transition)"]);
    assert_eq!(seen[3].acts, ["says station_address=rack 0 slot 2 (s7.tsap)"]);
}

#[test]
fn what_the_first_bytes_tell() {
    let request = hex("03 00 00 16 11 e0 0000 0001 00 c1 02 0100 c2 02 0102 c0 01 0a");
    let read = unit(1, &hex("04 01 12 0a 10 02 0040 000a 84 000000"), &[]);
    for (name, bytes, want) in [
        ("connection alone", request.clone(), Probe::NeedMore),
        ("connection and job", [request.clone(), read.clone()].concat(), Probe::Yes),
        ("job", read.clone(), Probe::Yes),
        ("half a header", read[..3].to_vec(), Probe::NeedMore),
        ("mms", hex("03 00 00 0b 02 f0 80 01 00 01 00"), Probe::No),
        ("s7comm-plus", hex("03 00 00 0b 02 f0 80 72 01 00 01"), Probe::No),
        ("modbus", hex("00 01 00 00 00 06 01 03"), Probe::No),
    ] {
        assert_eq!(S7COMM.probe(Carrier::Tcp, ToServer, &bytes), want, "{name}");
    }
}
