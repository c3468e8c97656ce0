//! What gateways and loggers write, against what independent decoders make of the same bytes (corpus `maritime/n2k/formats`,
//! `canboat-tests` and `canboatjs`).

use super::collect::{Collected, feed};
use super::compare::{Score, clock, compare};
use super::corpus::{self, Case};
use dogwatch_dissectors::Carrier;
use dogwatch_dissectors::maritime::n2k::{BstChecksum, BstRecord, Header, LineBuffer, parse_bst, parse_line};
use serde_json::{Value, json};

/// At least this share of values must be equal.
const BAR: f64 = 0.995;

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap()).collect()
}

#[test]
fn gateway_formats() {
    let Some(()) = corpus::here() else { return };
    let mut score = Score::new("gateway formats");
    for file in corpus::files("maritime/n2k/formats", ".expect.jsonl") {
        let stem = file.path.to_string_lossy().replace(".expect.jsonl", "");
        let raw = [stem.clone(), format!("{stem}.raw")].into_iter().find(|path| std::path::Path::new(path).is_file());
        let bytes = std::fs::read(raw.unwrap()).unwrap();
        for step in [64 * 1024, 7] {
            let got = feed(Carrier::Serial, &bytes, step);
            assert_eq!(got.errors, [], "{}", file.name);
            let mut cases = file.cases();
            // The reference's reader makes a group of its own out of the gateway's status record; both are in its output.
            cases.retain(|Case(case)| case["pgn"] != 262_400);
            score.sequence(&file.name, cases, &got.messages);
        }
    }
    for file in corpus::files("maritime/n2k/formats", "ikonvert.jsonl") {
        for case in file.cases() {
            let input = format!("{}\r\n", case.input_text().unwrap());
            match feed(Carrier::Tcp, input.as_bytes(), 1_000_000).messages.first() {
                Some(got) => compare(&file.name, &case, got, &mut score),
                None => score.missed(&file.name, &input),
            }
        }
    }
    score.report();
    assert!(score.share() >= BAR, "{:.4} of the values are equal", score.share());
    assert_eq!(score.missed_messages(), 0);
}

#[test]
fn bst_records() {
    let Some(()) = corpus::here() else { return };
    for file in corpus::files("maritime/n2k/formats", "bst-frames.jsonl") {
        for Case(case) in file.cases() {
            let bytes = unhex(case["input_hex"].as_str().unwrap());
            let expect = &case["expect"];
            match parse_bst(&bytes, BstChecksum::Required).unwrap() {
                BstRecord::Frame(Header { priority, pgn, source, destination }, data) => {
                    let got = json!({"pgn": pgn, "src": source, "dst": destination, "prio": priority});
                    for key in ["pgn", "src", "dst", "prio"] {
                        assert_eq!(got[key], expect[key], "{key} of {}", case["name"]);
                    }
                    assert_eq!(data, unhex(expect["data_hex"].as_str().unwrap()), "{}", case["name"]);
                }
                BstRecord::Message(header, data) => println!("{}: {header:?} {data:02x?}", case["name"]),
                BstRecord::Gateway { .. } => panic!("{} is a message", case["name"]),
            }
            for cut in 0..bytes.len() {
                assert!(parse_bst(&bytes[..cut], BstChecksum::Required).is_err(), "{} cut at {cut}", case["name"]);
            }
        }
    }
}

/// The lines of an upstream test in text form: time, priority, sender, receiver, group number, name.
fn text_line(line: &str) -> Option<Value> {
    let (head, _) = line.split_once(": ").or_else(|| line.split_once(':').filter(|(head, _)| head.len() > 30))?;
    let words: Vec<_> = line.split_ascii_whitespace().take(5).collect();
    let number = |at: usize| words.get(at)?.parse::<u64>().ok();
    let (prio, src, dst, pgn) = (number(1)?, number(2)?, number(3)?, number(4)?);
    // Names hold colons too: the name ends where the double blank of the first field begins.
    let pgn_text = format!(" {pgn} ");
    let name = line[line.find(&pgn_text)? + pgn_text.len()..].split(":  ").next()?;
    let _ = head;
    Some(
        json!({"prio": prio, "src": src, "dst": dst, "pgn": pgn, "description": name.trim_end_matches(':'), "header_only": true}),
    )
}

#[test]
fn upstream_tests() {
    let Some(()) = corpus::here() else { return };
    let mut score = Score::new("upstream tests");
    score.in_display_units();
    for file in corpus::files("maritime/n2k/canboat-tests", ".out") {
        let stem = file.path.to_string_lossy().replace("-json-nv-debug.out", ".out").replace("-json-nv.out", ".out");
        let stem = stem.replace("-json.out", ".out").replace("-nv.out", ".out");
        let input = stem.replace(".out", ".in");
        let bytes = std::fs::read(&input).unwrap();
        let got = feed(Carrier::Serial, &bytes, 4_096).messages;
        let text = String::from_utf8_lossy(&std::fs::read(&file.path).unwrap()).into_owned();
        let mut cases: Vec<Case> = Vec::new();
        for line in text.lines() {
            match serde_json::from_str::<Value>(line) {
                // Without `-nv` codes come as names only: the header is compared.
                Ok(value) if file.name.ends_with("-json.out") => cases.push(Case(json!({
                    "prio": value["prio"], "src": value["src"], "dst": value["dst"], "pgn": value["pgn"],
                    "description": value["description"], "header_only": true}))),
                Ok(mut value) => {
                    without_bytes(&mut value);
                    cases.push(Case(value));
                }
                Err(_) => cases.extend(text_line(line).map(Case)),
            }
        }
        if file.name == "dms-format.out" {
            // One message in three notations.
            cases.truncate(got.len());
        }
        score.sequence(&file.name, cases, &got);
    }
    score.report();
    assert!(score.share() >= BAR, "{:.4} of the values are equal", score.share());
    assert_eq!(score.missed_messages(), 0);
}

/// Takes off the raw bytes that `-debug` adds to every value.
fn without_bytes(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, value| {
                let is_absent = value["bytes"].is_string() && value["value"].is_null();
                !(is_absent || matches!(key.as_str(), "bytes" | "bits"))
            });
            for value in map.values_mut() {
                let plain = value["bytes"].is_string() && (value["value"].is_array() || value["name"].is_null());
                if plain {
                    *value = value["value"].take();
                }
                without_bytes(value);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(without_bytes),
        _ => {}
    }
}

/// camelCase as snake_case.
fn snake_id(id: &str) -> String {
    let mut out = String::new();
    for character in id.chars() {
        if character.is_ascii_uppercase()
            || (character.is_ascii_digit() && out.ends_with(|c: char| c.is_ascii_lowercase()))
        {
            out.push('_');
        }
        out.push(character.to_ascii_lowercase());
    }
    out
}

/// The second independent decoder: names in camelCase, codes as names, absent values as null.
#[test]
fn second_decoder() {
    let Some(()) = corpus::here() else { return };
    let (mut equal, mut different) = (0_u64, Vec::new());
    for file in corpus::files("maritime/n2k/canboatjs", ".jsonl") {
        for Case(case) in file.cases() {
            let lines: Vec<_> = case["input"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
            let text = lines.join("\n") + "\n";
            let found = feed(Carrier::Serial, text.as_bytes(), 1_000_000).messages;
            let expect = &case["expect"];
            let wanted = |got: &&Collected| u64::from(got.header().pgn) == expect["pgn"].as_u64().unwrap();
            let Some(got) = found.iter().filter(|got| got.kind != "incomplete").find(wanted) else {
                different.push(format!("{} not decoded", case["id"]));
                continue;
            };
            for (id, want) in expect["fields"].as_object().unwrap() {
                let found = got.fields.get(&snake_id(id));
                let same = match (want, found) {
                    (Value::Null, None) => true,
                    // Bits without a meaning are a number there and bytes here, an MMSI a number there and text here.
                    (Value::Number(want), Some(Value::String(found))) => {
                        let bytes: String = found.split(' ').rev().collect();
                        u64::from_str_radix(&bytes, 16).ok() == want.as_u64() || found.parse().ok() == want.as_u64()
                    }
                    // Energy: joules there, kilowatt hours (the definition's unit) here.
                    (Value::Number(want), Some(Value::Number(found))) if id.contains("Energy") => {
                        want.as_f64() == found.as_f64().map(|hours| hours * 3.6e6)
                    }
                    (Value::Number(want), Some(found)) => {
                        let number = found.as_f64().or(found["value"].as_f64());
                        number.is_some_and(|number| {
                            (number - want.as_f64().unwrap()).abs() <= want.as_f64().unwrap().abs() * 1e-4 + 1e-4
                        })
                    }
                    (Value::String(want), Some(Value::String(found))) => want == found,
                    (Value::String(want), Some(Value::Number(found))) => clock(want) == found.as_f64(),
                    (Value::String(want), Some(found)) => {
                        let name = found["name"].as_str().map(|name| name.replace('-', "."));
                        found["name"].as_str() == Some(want)
                            || name.as_ref() == Some(want)
                            || found["value"].as_u64() == want.parse().ok()
                    }
                    // Lists, and names that are spelled in another way, are compared with the first decoder.
                    _ => continue,
                };
                if same {
                    equal += 1;
                } else {
                    different.push(format!("{} {id}: want {want} got {found:?}", case["id"]));
                }
            }
        }
    }
    println!("second decoder: {equal} equal, {} different", different.len());
    for line in &different {
        println!("  {line}");
    }
    assert!(equal as f64 >= 0.98 * (equal as f64 + different.len() as f64));
}

#[test]
fn wrapped_in_a_sentence() {
    // The examples of the Seasmart and MiniPlex manuals: a rate of turn, bytes forwards and backwards.
    let mut buffer = LineBuffer::default();
    let line = parse_line(b"$PCDIN,01F119,00000000,0F,2AAF00D1067414FF*59", &mut buffer).unwrap();
    assert_eq!(
        (line.header.pgn, line.header.source, line.data),
        (127_257, 15, &[0x2a, 0xaf, 0, 0xd1, 6, 0x74, 0x14, 0xff][..])
    );
    let line = parse_line(b"$MXPGN,01F801,2801,C1308AC40C5DE343*19", &mut buffer).unwrap();
    assert_eq!((line.header.pgn, line.header.source, line.header.priority), (129_025, 1, 2));
    assert_eq!(line.data, [0x43, 0xe3, 0x5d, 0x0c, 0xc4, 0x8a, 0x30, 0xc1]);
}

#[test]
fn socketcand_without_line_ends() {
    let text =
        b"< hi >< ok >< frame 09f112cc 23.424242 ff725aff7fff7ffd >< frame 18eeff01 23.5 05 a0 be 1c 00 a0 a0 c0 >";
    for step in [1, 9, 1_000] {
        let got = feed(Carrier::Tcp, text, step);
        assert_eq!(got.errors, []);
        let kinds: Vec<_> = got.messages.iter().map(|message| message.kind.as_str()).collect();
        assert_eq!(kinds, ["vessel-heading", "address-claim"]);
    }
}

#[test]
fn what_is_no_gateway_is_left_to_others() {
    for (name, bytes) in [
        ("sentences", &b"$GPRMC,000000,A,5238.1,N,00503.5,E,0.0,0.0,010120,,*00\r\n"[..]),
        ("wrapped groups are sentences too", b"$PCDIN,01F119,00000000,0F,2AAF00D1067414FF*59\r\n"),
        ("AIS", b"!AIVDM,1,1,,A,13u?etPv2;0n:dDPwUM1U1Cb069D,0*24\r\n"),
        ("web", b"GET / HTTP/1.1\r\nHost: a\r\n"),
        ("zeros", &[0; 64]),
    ] {
        let got = feed(Carrier::Tcp, bytes, 1_000);
        assert_eq!((got.messages.len(), got.gave_up), (0, true), "{name}");
    }
}
