//! IEC 61162-450: datagrams against the dissector of FKIE and against planted faults.

use std::net::Ipv4Addr;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::corpus::{Tally, cases, files, maritime};
use crate::replay::{Keep, Replay, flow};

#[derive(Deserialize)]
struct Case {
    input: Input,
    expect: Value,
    #[serde(default)]
    note: String,
}

#[derive(Deserialize)]
struct Input {
    dst: String,
    dport: u16,
    payload_hex: String,
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect()
}

/// Decodes as the engine would: the protocol whose probe says yes.
fn decode(case: &Case) -> Keep {
    use dogwatch_dissectors::{Carrier, PROTOCOLS, Probe};
    use dogwatch_model::Direction;
    let payload = bytes(&case.input.payload_hex);
    let known = PROTOCOLS.iter().filter(|known| ["iec61162-450", "nmea0183"].contains(&known.name()));
    let found = known
        .filter(|known| known.probe(Carrier::Udp, Direction::ToServer, &payload) == Probe::Yes)
        .map(|known| known.name())
        .next();
    let Some(name) = found else { return Keep::default() };
    let mut replay = Replay::of(name);
    let dst: Ipv4Addr = case.input.dst.parse().unwrap();
    replay.datagram(&flow(dst, case.input.dport), &payload);
    replay.keep
}

fn check(tally: &mut Tally, what: &str, want: &Value, ours: Option<&Value>) {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if ours.is_some_and(|ours| text(ours) == text(want)) {
        tally.equal += 1;
    } else {
        tally.different.push(format!("{what}: want {want}, ours {ours:?}"));
    }
}

/// Our name for a TAG parameter.
fn tag_name(letter: &str) -> &'static str {
    match letter {
        "s" => "source",
        "d" => "destination",
        "n" => "line_count",
        "c" => "unix_time",
        "t" => "text",
        "r" => "relative_time",
        "x" | "i" => "local",
        other => panic!("unknown parameter {other}"),
    }
}

/// Names of binary transfer: those of the synthetic cases, and the ends of those of the FKIE dissector.
const BINARY: [(&str, &str); 19] = [
    ("token", "token"),
    ("version", "version"),
    ("header_length", "header_length"),
    ("headerlength", "header_length"),
    ("srcid", "source"),
    ("destid", "destination"),
    ("type", "type"),
    ("mtype", "type"),
    ("blockid", "block"),
    ("seq", "sequence"),
    ("seqnum", "sequence"),
    ("max", "last_sequence"),
    ("maxseqnum", "last_sequence"),
    ("device", "device"),
    ("channel", "channel"),
    ("fd_length", "descriptor_length"),
    ("file_length", "file_length"),
    ("data_type", "data_type"),
    ("ack_dest_port", "ack_port"),
];

fn binary(tally: &mut Tally, expect: &Value, keep: &Keep) {
    let Some(seen) = keep.messages.iter().find(|message| message.kind.starts_with("file-")) else {
        tally.missing += 1;
        return tally.different.push(format!("no binary transfer: {expect}"));
    };
    for (key, want) in expect.as_object().unwrap() {
        let short = key.rsplit('.').next().unwrap();
        match (short, want) {
            ("descriptor" | "binary-file-descriptor", Value::Object(_)) => binary(tally, want, keep),
            ("info" | "stat_and_info", _) => check(tally, key, want, seen.fields.get("info")),
            ("status" | "stat_of_acquisition", _) => check(tally, key, want, seen.fields.get("status")),
            ("iec-61162-450-binary", Value::Object(_)) => binary(tally, want, keep),
            _ => {
                if let Some((_, name)) = BINARY.iter().find(|(theirs, _)| *theirs == short) {
                    check(tally, key, want, seen.fields.get(*name));
                }
            }
        }
    }
}

/// What a planted fault must show as: an oddity, or nothing at all for what only several flows together show.
fn oddity(anomaly: &str) -> Option<&'static str> {
    Some(match anomaly {
        "sentence_checksum" => "nmea.bad-checksum",
        "tag_checksum" => "450.tag-checksum",
        "tag_missing" => "450.tag-missing",
        "token" => "450.token",
        "token_missing" => "450.token-missing",
        "empty" => "450.empty",
        "sfi_format" => "450.sfi-format",
        "truncated_header" => "450.binary-header",
        // One source from two addresses: each flow alone is in order.
        "sfi_collision" => return None,
        other => panic!("unknown planted fault {other}"),
    })
}

#[test]
fn synthetic_datagrams() {
    let Some(folder) = maritime() else { return };
    let mut tally = Tally::default();
    for path in files(&folder.join("iec61162-450"), "synthetic.jsonl") {
        tally.files += 1;
        for case in cases::<Case>(&path) {
            tally.cases += 1;
            let keep = decode(&case);
            if let Some(name) = case.expect["anomaly"].as_str().and_then(oddity) {
                let shown = keep.messages.iter().any(|message| message.is_odd(name));
                check(&mut tally, &case.note, &json!(name), shown.then_some(&json!(name)));
            } else if case.expect.get("anomaly").is_none() {
                let odd: Vec<_> = keep
                    .messages
                    .iter()
                    .flat_map(|message| &message.acts)
                    .filter(|act| act.starts_with("Odd"))
                    .collect();
                let errors = keep.errors.iter().filter(|(_, error)| error.kind() != "sequence").count();
                let foreign_group = odd.iter().all(|act| act.contains("450.wrong-group"));
                check(&mut tally, &case.note, &json!(true), Some(&json!(foreign_group && errors == 0)));
            }
            if case.expect.get("version").is_some() || case.expect.get("blockid").is_some() {
                binary(&mut tally, &case.expect, &keep);
            }
            let Some(lines) = case.expect.get("lines").and_then(Value::as_array) else { continue };
            let seen: Vec<_> = keep.messages.iter().filter(|message| message.protocol == "iec61162-450").collect();
            check(&mut tally, "lines", &json!(lines.len()), Some(&json!(seen.len())));
            for (line, seen) in lines.iter().zip(seen) {
                let field = |name: &str| seen.fields.get(name).and_then(Value::as_str).unwrap_or_default();
                let address = format!("{}{}", field("talker"), field("formatter"));
                check(&mut tally, "address", &line["address"], Some(&json!(address)));
                check(&mut tally, "group", &case.expect["group"], seen.fields.get("group"));
                for (letter, want) in line["tag"].as_object().unwrap() {
                    check(&mut tally, letter, want, seen.fields["tag"].get(tag_name(letter)));
                }
                let source = line["tag"]["s"].as_str().unwrap_or_default();
                check(&mut tally, "speaker", &json!(format!("Sfi(Sfi({source}))")), Some(&json!(seen.speaker)));
            }
        }
    }
    tally.print("iec61162-450 synthetic");
    assert!(tally.cases > 0, "the corpus has such cases");
    assert!(tally.different.is_empty());
}

#[test]
fn captures_of_fkie() {
    let Some(folder) = maritime() else { return };
    let mut tally = Tally::default();
    for path in files(&folder.join("iec61162-450/fkie"), ".jsonl") {
        tally.files += 1;
        for case in cases::<Case>(&path) {
            tally.cases += 1;
            let keep = decode(&case);
            if case.expect.get("iec-61162-450-binary").is_some() {
                binary(&mut tally, &case.expect, &keep);
                continue;
            }
            let mut layers = Vec::new();
            collect(&case.expect, &mut layers);
            check(&mut tally, "sentences", &json!(layers.len()), Some(&json!(keep.messages.len())));
            for (layer, seen) in layers.iter().zip(&keep.messages) {
                let part = |name: &str| layer.get(format!("nmea-0183.{name}")).cloned().unwrap_or_default();
                check(&mut tally, "talker", &part("talkerid"), seen.fields.get("talker"));
                check(&mut tally, "formatter", &part("sentenceid"), seen.fields.get("formatter"));
                let valid = part("checksum").as_str().is_some_and(|text| text.contains("valid"));
                let want = json!(if valid { "ok" } else { "bad" });
                check(&mut tally, "checksum", &want, seen.fields.get("checksum"));
            }
            let text = case.expect.to_string();
            for (mark, name) in [
                ("Tag checksum corrupt", "450.tag-checksum"),
                ("Tag length exceeded", "450.tag-too-long"),
                ("NMEA 0183 Length exceeded", "nmea.too-long"),
                ("Checksum corrupt", "nmea.bad-checksum"),
            ] {
                let want = text.contains(mark);
                let ours = keep.messages.iter().any(|message| message.is_odd(name));
                check(&mut tally, name, &json!(want), Some(&json!(ours)));
            }
        }
    }
    tally.print("iec61162-450 fkie");
    assert!(tally.cases > 0, "the corpus has such cases");
    assert!(tally.different.is_empty());
}

/// Every `nmea-0183` layer, in order.
fn collect(value: &Value, layers: &mut Vec<Value>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| collect(value, layers)),
        Value::Object(map) => {
            for (key, value) in map {
                if key == "nmea-0183" {
                    layers.push(value.clone());
                } else {
                    collect(value, layers);
                }
            }
        }
        _ => {}
    }
}
