//! J1939 against asserted values and the exchanges of an independent implementation (corpus `maritime/j1939`).

use dogwatch_dissectors::Carrier;
use dogwatch_dissectors::maritime::n2k::Header;
use dogwatch_model::{Act, Object, Verb};
use serde_json::Value;

use super::collect::{Collected, acts_of, can_frame, feed, feed_frames};
use super::corpus::{self, Case};

/// `18FECA00#40FF5B000301FFFF` as a SocketCAN frame.
fn frame(text: &str) -> Vec<u8> {
    let (id, data) = text.split_once('#').unwrap();
    let data: Vec<u8> =
        (0..data.len() / 2).map(|at| u8::from_str_radix(&data[at * 2..at * 2 + 2], 16).unwrap()).collect();
    can_frame(u32::from_str_radix(id, 16).unwrap(), &data)
}

/// The messages of a case without the transport protocol's own.
fn messages(frames: &[Vec<u8>]) -> Vec<Collected> {
    let mut messages = feed_frames(frames).messages;
    messages.retain(|message| message.header().pgn != 0xec00);
    messages
}

#[test]
fn asserted_values() {
    let Some(()) = corpus::here() else { return };
    for file in corpus::files("maritime/j1939", "asserted.jsonl") {
        for Case(case) in file.cases() {
            let frames: Vec<_> =
                case["frames"].as_array().unwrap().iter().map(|text| frame(text.as_str().unwrap())).collect();
            let got = messages(&frames);
            let [got] = &got[..] else { panic!("{}: {} messages", case["id"], got.len()) };
            let expect = &case["expect"];
            assert_eq!(Some(u64::from(got.header().pgn)), expect["pgn"].as_u64(), "{}", case["id"]);
            if let Some(lamps) = expect["lamps"].as_object() {
                for (lamp, want) in lamps {
                    let ours = lamp.replace("_indicator", "");
                    assert_eq!(got.fields[&format!("{ours}_lamp_status")], *want, "{} {lamp}", case["id"]);
                }
            }
            if let Some(codes) = expect["dtcs"].as_array() {
                let none = Vec::new();
                let ours = got.fields.get("list").and_then(Value::as_array).unwrap_or(&none);
                assert_eq!(ours.len(), codes.len(), "{}", case["id"]);
                for (ours, want) in ours.iter().zip(codes) {
                    for (key, want) in want.as_object().unwrap() {
                        assert_eq!(ours[key], *want, "{} {key}", case["id"]);
                    }
                }
            }
            if let Some(speed) = expect["engine_speed_rpm"].as_f64() {
                assert_eq!(got.fields["engine_rpm"].as_f64(), Some(speed));
            }
        }
    }
}

/// Headers and the few values the other decoder gives as numbers in its text.
#[test]
fn identifiers_of_another_decoder() {
    let Some(()) = corpus::here() else { return };
    for file in corpus::files("maritime/j1939", "pretty_j1939.jsonl") {
        for Case(case) in file.cases() {
            let text = format!("{}#{}", case["can_id"].as_str().unwrap(), case["data"].as_str().unwrap());
            let want = &case["expect_header"];
            let Header { priority, pgn, source, destination } =
                Header::from_id(u32::from_str_radix(case["can_id"].as_str().unwrap(), 16).unwrap());
            for (key, got) in [
                ("prio", u64::from(priority)),
                ("pgn", u64::from(pgn)),
                ("src", u64::from(source)),
                ("dst", u64::from(destination)),
            ] {
                assert_eq!(want[key].as_u64(), Some(got), "{} {key}", case["id"]);
            }
            let found = feed_frames(&[frame(&text)]).messages;
            let fields = found.first().map(|message| message.fields.clone()).unwrap_or_default();
            for (name, ours, factor) in [
                ("Engine Speed", "engine_rpm", 1.0),
                ("Actual Engine - Percent Torque", "actual_engine_percent_torque", 1.0),
                ("Total Vehicle Distance", "total_vehicle_distance", 1.0),
            ] {
                if let Some(text) = case["expect"][name].as_str() {
                    let number: f64 = text.split(' ').next().unwrap().parse().unwrap();
                    assert_eq!(fields[ours].as_f64(), Some(number * factor), "{name}");
                }
            }
        }
    }
}

#[test]
fn transport_exchanges() {
    let Some(()) = corpus::here() else { return };
    for file in corpus::files("maritime/j1939", "python-can-j1939-tp.jsonl") {
        for Case(case) in file.cases() {
            let frames: Vec<_> = case["frames"]
                .as_array()
                .unwrap()
                .iter()
                .map(|entry| frame(entry["frame"].as_str().unwrap()))
                .collect();
            let got = messages(&frames);
            let claims = got.iter().filter(|message| message.kind == "address-claim").count();
            let wanted = case["expect"]["pdus"].as_array().unwrap();
            assert_eq!(got.len() - claims, wanted.len(), "{}", case["id"]);
            for (got, want) in got.iter().zip(wanted) {
                // The other side counts the group with its low byte even where that is a destination.
                let pgn = want["pgn_or_id"].as_u64().unwrap();
                let ours = u64::from(got.header().pgn);
                assert!(ours == pgn || ours & !0xff == pgn & !0xff, "{}: {ours} for {pgn}", case["id"]);
                let payload = want["payload"].as_str().unwrap();
                // The catch-all of unknown groups shows two bytes as maker and industry.
                assert!(payload.ends_with(&got.payload_hex), "{}", case["id"]);
                assert!(got.payload_hex.len() >= payload.len() - 4, "{}", case["id"]);
            }
        }
    }
}

#[test]
fn a_recorded_diesel() {
    let Some(()) = corpus::here() else { return };
    for file in corpus::files("maritime/j1939/canboat", ".in") {
        let bytes = std::fs::read(&file.path).unwrap();
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| line.windows(3).any(|w| w == b"can")).count();
        let got = feed(Carrier::Serial, &bytes, 4_096);
        assert_eq!((got.messages.len(), got.errors.len()), (lines, 0), "{}", file.name);
    }
}

#[test]
fn an_engine_tells_its_make() {
    // CUMMINS*QSK60*12345678*1* over a broadcast transfer: 26 bytes in 4 packets.
    let text = b"CUMMINS*QSK60*12345678*1**";
    let mut frames = vec![can_frame(0x18ec_ff00, &[32, 26, 0, 4, 255, 0xeb, 0xfe, 0])];
    for (number, part) in text.chunks(7).enumerate() {
        let mut data = vec![number as u8 + 1];
        data.extend_from_slice(part);
        data.resize(8, 0xff);
        frames.push(can_frame(0x18eb_ff00, &data));
    }
    let acts = acts_of(&frames).join("\n");
    for part in [
        "Manufacturer, value: Text(\"CUMMINS\")",
        "Model, value: Text(\"QSK60\")",
        "SerialNumber, value: Text(\"12345678\")",
    ] {
        assert!(acts.contains(part), "{part} in {acts}");
    }
}

#[test]
fn control_and_clearing() {
    let act = |text: &str| acts_of(&[frame(text)]);
    for (name, text, pgn, destination) in [
        ("torque and speed control", "0C000003#01FFFFFFFFFFFFFF", 0, 0),
        ("clear codes", "18FED300#FFFFFFFFFFFFFFFF", 65_235, 255),
        ("clear older codes", "18FECC00#FFFFFFFFFFFFFFFF", 65_228, 255),
    ] {
        let want = Act::Request { verb: Verb::Control, object: Object::Pgn { pgn, destination } };
        assert_eq!(act(text), [format!("{want:?}")], "{name}");
    }
}
