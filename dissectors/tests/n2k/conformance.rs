//! NMEA 2000 and J1939 against what independent decoders make of the same bytes (corpus `maritime/n2k` and `maritime/j1939`).
//!
//! The corpus is third-party data beside the project; `DOGWATCH_CORPUS` names another folder of the same layout. Differences that are ours by
//! choice are listed in `known.rs` with their reasons; every other one counts against the bar.

use super::collect::{Collected, Keep, feed, feed_pcap};
use super::compare::{Score, compare};
use super::corpus::{self, Case};
use dogwatch_dissectors::maritime::n2k::{Bus, Header, LineBuffer, Table, parse_line};
use dogwatch_dissectors::{Carrier, Limits};
use std::collections::BTreeMap;

/// At least this share of values must be equal.
const BAR: f64 = 0.995;

/// Decodes one already assembled message given as a CANboat line.
fn decode_line(line: &str) -> Option<Collected> {
    let mut buffer = LineBuffer::default();
    let line = parse_line(line.as_bytes(), &mut buffer)?;
    let mut keep = Keep::default();
    Bus::new(&Limits::default()).message(line.at.unwrap_or_default(), line.header, line.data, &mut keep);
    keep.messages.into_iter().next()
}

fn messages_of(folder: &str, score: &mut Score) {
    for file in corpus::files(folder, ".jsonl") {
        if file.name.ends_with(".counts.jsonl") {
            continue;
        }
        for case in file.cases() {
            let Some(mut input) = case.input_text() else { continue };
            if input.split(',').next().is_some_and(|first| first.len() == 1) {
                // The J1939 cases have no time column.
                input.insert_str(0, "0,");
            }
            match decode_line(&input) {
                Some(got) => compare(&file.name, &case, &got, score),
                None => score.missed(&file.name, &input),
            }
        }
    }
}

#[test]
fn whole_messages() {
    let Some(()) = corpus::here() else { return };
    let mut score = Score::new("whole messages");
    messages_of("maritime/n2k/messages", &mut score);
    messages_of("maritime/n2k/pcap", &mut score);
    score.report();
    assert!(score.share() >= BAR, "{:.4} of the values are equal", score.share());
    assert_eq!(score.missed_messages(), 0);
}

#[test]
fn j1939_messages() {
    let Some(()) = corpus::here() else { return };
    let mut score = Score::new("J1939 messages");
    messages_of("maritime/j1939/canboat", &mut score);
    score.report();
    assert!(score.share() >= BAR, "{:.4} of the values are equal", score.share());
    assert_eq!(score.missed_messages(), 0);
}

#[test]
fn captures_by_count() {
    let Some(()) = corpus::here() else { return };
    for file in corpus::files("maritime/n2k/pcap", ".counts.jsonl") {
        let pcap = file.path.to_string_lossy().replace(".counts.jsonl", "");
        let mut want: BTreeMap<(u32, u8, u8, u8), u64> = BTreeMap::new();
        for case in file.cases() {
            let Case(case) = case;
            let number = |key: &str| case[key].as_u64().unwrap();
            let key = (number("pgn") as u32, number("src") as u8, number("dst") as u8, number("prio") as u8);
            want.insert(key, number("messages"));
        }
        let mut got: BTreeMap<(u32, u8, u8, u8), u64> = BTreeMap::new();
        let mut incomplete = 0;
        for message in feed_pcap(std::path::Path::new(&pcap)).messages {
            if message.kind == "incomplete" {
                incomplete += 1;
                continue;
            }
            let Header { pgn, source, destination, priority } = message.header();
            *got.entry((pgn, source, destination, priority)).or_default() += 1;
        }
        let differences: Vec<_> = want
            .iter()
            .map(|(key, count)| (key, *count, got.get(key).copied().unwrap_or(0)))
            .filter(|(_, want, got)| want != got)
            .collect();
        let extra: Vec<_> = got.iter().filter(|(key, _)| !want.contains_key(*key)).collect();
        let total: u64 = want.values().sum();
        println!(
            "{}: {total} messages in {} streams, {} differ, {} extra, {incomplete} incomplete",
            file.name,
            want.len(),
            differences.len(),
            extra.len()
        );
        for difference in differences.iter().take(20) {
            println!("  {difference:?}");
        }
        for difference in extra.iter().take(20) {
            println!("  extra {difference:?}");
        }
        assert!(differences.is_empty(), "{}", file.name);
    }
}

#[test]
fn frame_streams() {
    let Some(()) = corpus::here() else { return };
    let mut score = Score::new("frame streams");
    for file in corpus::files("maritime/n2k/streams", ".expect.jsonl") {
        let raw = file.path.to_string_lossy().replace(".expect.jsonl", "");
        let bytes = std::fs::read(&raw).unwrap();
        let got = feed(Carrier::Serial, &bytes, 64 * 1024).messages;
        score.sequence(&file.name, file.cases(), &got);
    }
    score.report();
    assert!(score.share() >= BAR, "{:.4} of the values are equal", score.share());
    assert_eq!(score.missed_messages(), 0);
}

#[test]
fn every_public_group_has_a_definition() {
    let Some(()) = corpus::here() else { return };
    let text = std::fs::read_to_string(corpus::root().join("maritime/n2k/canboat.json")).unwrap();
    let public: serde_json::Value = serde_json::from_str(&text).unwrap();
    let definitions = Table::shared().definitions();
    let public = public["PGNs"].as_array().unwrap();
    for (ours, theirs) in definitions.iter().zip(public) {
        assert_eq!(u64::from(ours.pgn()), theirs["PGN"].as_u64().unwrap());
        assert_eq!(ours.name(), theirs["Description"].as_str().unwrap());
        assert_eq!(ours.field_count(), theirs["Fields"].as_array().unwrap().len(), "{}", ours.name());
    }
    assert!(definitions.len() >= public.len());
    println!("{} definitions, {} of them NMEA 2000", definitions.len(), public.len());
}
