//! Whole runs: determinism, the byte-equal prefix of attacks, files beside the capture, and errors for wrong arguments.
//!
//! What other decoders say of the captures is checked by `pcaps/check.sh` with tshark, not here.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test helpers: a failure here is a failed test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dogwatch_model::CaptureTime;
use dogwatch_sim::{Faults, FileOptions, Format, Link, RunOptions, ScriptInfo, Sentences, run, scripts};

fn options(script: &str) -> RunOptions {
    RunOptions {
        ship: "cargo".into(),
        script: script.into(),
        seed: 7,
        start: CaptureTime::parse_rfc3339("2027-01-10T08:00:00Z").unwrap(),
        duration_s: 800,
        attack_after_s: 120,
        parameters: BTreeMap::new(),
        sentences: Sentences::Groups,
        pictures: true,
        vlan: false,
        faults: Faults::default(),
    }
}

fn files(out: &Path) -> FileOptions {
    FileOptions {
        out: out.into(),
        format: Format::Pcap,
        link: Link::Ethernet,
        nanoseconds: false,
        big_endian: false,
        per_interface: false,
        bus: true,
        gzip: false,
    }
}

/// Time in microseconds and bytes.
type Record = (u64, Vec<u8>);

/// The records of a little-endian microsecond file.
fn records(path: PathBuf) -> Vec<Record> {
    let all = std::fs::read(&path).unwrap();
    let word = |at: usize| u64::from(u32::from_le_bytes([all[at], all[at + 1], all[at + 2], all[at + 3]]));
    let mut at = 24;
    let mut out = Vec::new();
    while at < all.len() {
        let length = word(at + 8) as usize;
        out.push((word(at) * 1_000_000 + word(at + 4), all[at + 16..at + 16 + length].to_vec()));
        at += 16 + length;
    }
    out
}

#[test]
fn the_same_arguments_give_the_same_bytes_and_another_seed_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let play = |seed: u64, to: &str| {
        let out = dir.path().join(to);
        run(&RunOptions { seed, ..options("sea-day") }, &files(&out)).unwrap();
        (std::fs::read(out.join("sea-day.pcap")).unwrap(), std::fs::read(out.join("sea-day.n2k.pcap")).unwrap())
    };
    let first = play(7, "a");
    assert!(first == play(7, "b"), "two runs with equal arguments differ");
    let other = play(8, "c");
    assert!(first.0 != other.0 && first.1 != other.1);
}

/// Scripts that take less than an hour; longer ones are played by the evaluation.
fn short_scripts() -> Vec<ScriptInfo> {
    scripts().into_iter().filter(|script| script.needs_s.0 < 3_600).collect()
}

#[test]
fn attacks_change_nothing_before_their_window_and_something_after() {
    for (ship, ..) in dogwatch_sim::ships() {
        attacks_keep_the_beginning(ship);
    }
}

/// The records of the networks and of the bus, when there is one.
fn both(dir: &Path, script: &str) -> [Vec<Record>; 2] {
    ["", ".n2k"].map(|part| {
        let path = dir.join(format!("{script}{part}.pcap"));
        if path.exists() { records(path) } else { Vec::new() }
    })
}

fn attacks_keep_the_beginning(ship: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mut normal: BTreeMap<&str, [Vec<Record>; 2]> = BTreeMap::new();
    let playable = |script: &&ScriptInfo| script.attack && dogwatch_sim::can_play(ship, script.name).unwrap();
    for script in short_scripts().iter().filter(playable) {
        let play = |name: &str, duration_s| {
            // Pictures are a third of the bytes and no attack touches them.
            let options = RunOptions { ship: ship.to_owned(), duration_s, pictures: false, ..options(name) };
            run(&options, &files(dir.path())).unwrap();
            both(dir.path(), name)
        };
        let normal = normal.entry(script.normal).or_insert_with(|| play(script.normal, 1_150));
        let (needs_s, lead_s) = script.needs_s;
        let duration_s = 120.max(lead_s) + needs_s;
        let attacked = play(script.name, duration_s);
        let labels = std::fs::read(dir.path().join(format!("{}.labels.json", script.name))).unwrap();
        let labels: serde_json::Value = serde_json::from_slice(&labels).unwrap();
        let from = CaptureTime::parse_rfc3339(labels["attack"]["from"].as_str().unwrap()).unwrap();
        assert!(from.seconds() >= 1_799_568_120, "{}: less than 120 s of normal life", script.name);
        let from = u64::try_from(from.0 / 1_000).unwrap();
        let mut differs = false;
        for (normal, attacked) in normal.iter().zip(&attacked) {
            let before = |all: &[Record]| all.partition_point(|(at, _)| *at < from);
            let (count, same) = (before(normal), before(attacked));
            assert!(count == same, "{ship}, {}: {count} frames before, then {same}", script.name);
            assert!(normal[..count] == attacked[..same], "{ship}, {} changes something before its window", script.name);
            let end = attacked.len().min(normal.len());
            differs |= normal[count..end] != attacked[same..end];
        }
        let before = normal[0].partition_point(|(at, _)| *at < from);
        assert!(before > 3_000, "{ship}, {}: {before} frames before the attack are no normal life", script.name);
        assert!(differs, "{ship}, {} changes nothing at all", script.name);
    }
}

#[test]
fn labels_name_catalogued_detections_and_the_policy_reads_as_toml() {
    let dir = tempfile::tempdir().unwrap();
    for script in short_scripts() {
        let (needs_s, lead_s) = script.needs_s;
        let duration_s = 120.max(lead_s) + needs_s.max(10);
        run(&RunOptions { duration_s, pictures: false, ..options(script.name) }, &files(dir.path())).unwrap();
        let text = std::fs::read_to_string(dir.path().join(format!("{}.labels.json", script.name))).unwrap();
        let labels: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((labels["schema"].as_u64(), labels["scenario"].as_str()), (Some(1), Some(script.name)));
        let expect = labels["expect"].as_array().unwrap();
        assert_eq!(labels["kind"] == "attack", expect.iter().any(|e| e["required"] == true), "{}", script.name);
        for item in expect {
            for id in item["detections"].as_array().unwrap() {
                let id = id.as_str().unwrap();
                assert!(id.len() == 7 && id.starts_with("DW-"), "{id}");
            }
            let [from, to] = ["from", "to"].map(|end| item["window"][end].as_str().unwrap());
            assert!(CaptureTime::parse_rfc3339(from).unwrap() < CaptureTime::parse_rfc3339(to).unwrap());
        }
        for file in labels["files"].as_array().unwrap() {
            assert!(dir.path().join(file.as_str().unwrap()).is_file());
        }
        let policy = std::fs::read_to_string(dir.path().join(format!("{}.policy.toml", script.name))).unwrap();
        assert!(toml::from_str::<toml::Table>(&policy).unwrap().contains_key("conduit"));
    }
}

#[test]
fn a_trunk_mirror_shows_packets_between_zones_on_both_sides_and_the_policy_knows_the_tags() {
    let dir = tempfile::tempdir().unwrap();
    run(&RunOptions { vlan: true, ..options("sea-day") }, &files(dir.path())).unwrap();
    // The display polls the engine: once on VLAN 310 as it left, once on 320 from the router with one hop less.
    let mut seen = BTreeMap::new();
    for (_, bytes) in records(dir.path().join("sea-day.pcap")) {
        assert_eq!(bytes[12..14], [0x81, 0], "a frame without a tag");
        if bytes[16..18] == [8, 0] && bytes[30..38] == [10, 20, 1, 36, 10, 20, 2, 21] {
            let vlan = u16::from_be_bytes([bytes[14], bytes[15]]) & 0xFFF;
            *seen.entry((vlan, bytes[26])).or_insert(0) += 1;
        }
    }
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), [(310, 64), (320, 63)]);
    assert_eq!(seen[&(310, 64)], seen[&(320, 63)]);
    let policy = std::fs::read_to_string(dir.path().join("sea-day.policy.toml")).unwrap();
    let policy: toml::Table = toml::from_str(&policy).unwrap();
    assert!(policy["zone"].as_array().unwrap().iter().all(|zone| zone.get("vlan").is_some()));
}

/// IEC 61162-1, clause 7.2.4: exclusive or of what stands between the first character and the star.
fn sum_of(text: &[u8]) -> u8 {
    text.iter().fold(0, |sum, byte| sum ^ byte)
}

#[test]
fn every_sentence_and_tag_block_of_normal_life_has_a_right_checksum() {
    let dir = tempfile::tempdir().unwrap();
    for (ship, ..) in dogwatch_sim::ships() {
        run(&RunOptions { ship: ship.to_owned(), pictures: false, ..options("sea-day") }, &files(dir.path())).unwrap();
        let (mut sentences, mut tags) = (0, 0);
        for (_, bytes) in records(dir.path().join("sea-day.pcap")) {
            let Some(text) = bytes.get(42..).and_then(|data| data.strip_prefix(b"UdPbC\0")) else { continue };
            for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let line = line.strip_suffix(b"\r").unwrap();
                let parts: Vec<&[u8]> = line.split(|byte| *byte == b'\\').collect();
                let [nothing, tag, sentence] = parts[..] else { panic!("{}", String::from_utf8_lossy(line)) };
                assert!(nothing.is_empty() && matches!(sentence[0], b'$' | b'!'));
                for (what, count) in [(tag, &mut tags), (&sentence[1..], &mut sentences)] {
                    let star = what.iter().rposition(|byte| *byte == b'*').unwrap();
                    let told = u8::from_str_radix(std::str::from_utf8(&what[star + 1..]).unwrap(), 16).unwrap();
                    assert_eq!(told, sum_of(&what[..star]), "{ship}: {}", String::from_utf8_lossy(line));
                    *count += 1;
                }
            }
        }
        assert!(sentences > 5_000 && tags == sentences, "{ship}: {sentences} sentences, {tags} TAG blocks");
    }
}

#[test]
fn half_an_hour_of_the_cargo_ship_stays_under_twenty_megabytes() {
    let dir = tempfile::tempdir().unwrap();
    let written = run(&RunOptions { duration_s: 1_800, ..options("sea-day") }, &files(dir.path())).unwrap();
    let bytes: u64 = written.captures.iter().map(|(_, _, bytes)| bytes).sum();
    assert!((5_000_000..20_000_000).contains(&bytes), "{bytes} bytes");
}

#[test]
fn the_fast_gyros_of_the_lng_carrier_send_ten_headings_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let options = RunOptions { ship: "lng".to_owned(), duration_s: 60, pictures: false, ..options("sea-day") };
    run(&options, &files(dir.path())).unwrap();
    let all = records(dir.path().join("sea-day.pcap"));
    for gyro in ["HE0001", "HE0002", "HE0003"] {
        let tag = format!("s:{gyro},");
        let is_heading = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            text.contains(&tag) && text.contains("$HEHDT,")
        };
        let count = all.iter().filter(|(_, bytes)| is_heading(bytes)).count();
        assert!((598..=601).contains(&count), "{gyro}: {count} headings in a minute");
    }
}

#[test]
fn other_carriers_carry_the_same_sentences() {
    let dir = tempfile::tempdir().unwrap();
    let text_of = |sentences: Sentences| {
        run(&RunOptions { sentences, ..options("sea-day") }, &files(dir.path())).unwrap();
        let all: Vec<u8> = records(dir.path().join("sea-day.pcap")).into_iter().flat_map(|(_, bytes)| bytes).collect();
        String::from_utf8_lossy(&all).into_owned()
    };
    let plain = text_of(Sentences::Plain);
    assert!(plain.contains("$GPGGA,") && !plain.contains("UdPbC"));
    let serial = text_of(Sentences::Serial);
    assert!(serial.contains("$GPGGA,") && !serial.contains("UdPbC"));
    // A serial server cuts where it likes: some segment of the lines ends inside a sentence.
    let ends = records(dir.path().join("sea-day.pcap")).into_iter().filter_map(|(_, bytes)| {
        let is_line = bytes[12..14] == [8, 0]
            && bytes[23] == 6
            && (4_001..=4_016).contains(&u16::from_be_bytes([bytes[34], bytes[35]]));
        let text = bytes.get(54..usize::from(u16::from_be_bytes([bytes[16], bytes[17]])) + 14)?;
        (is_line && !text.is_empty()).then(|| text.ends_with(b"\r\n"))
    });
    let (whole, cut): (Vec<bool>, Vec<bool>) = ends.partition(|whole| *whole);
    assert!(!whole.is_empty() && cut.len() > whole.len(), "{} whole, {} cut", whole.len(), cut.len());
    assert!(text_of(Sentences::Groups).contains("UdPbC\0\\s:GP0001,n:"));
}

#[test]
fn wrong_arguments_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let fails = |options: RunOptions| run(&options, &files(dir.path())).unwrap_err().to_string();
    assert!(
        fails(RunOptions { ship: "yacht".into(), ..options("sea-day") })
            .contains("no ship `yacht`; known are: general-cargo")
    );
    assert!(fails(options("sea-dog")).contains("no script `sea-dog`"));
    assert!(fails(RunOptions { duration_s: 130, ..options("pos-jump") }).contains("needs at least 180 s"));
    let parameters = BTreeMap::from([("metres".to_owned(), 1.0)]);
    assert!(
        fails(RunOptions { parameters, ..options("pos-jump") }).contains("has no parameter `metres`; it has: m=5000")
    );
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let error = run(&options("sea-day"), &files(&file.join("sub"))).unwrap_err();
    assert!(error.to_string().starts_with("cannot write"), "{error}");
}

#[test]
fn the_command_line_refuses_garbage_with_status_2() {
    let dir = tempfile::tempdir().unwrap();
    for (arguments, want) in [
        (&["--script", "sea-day", "--duration", "soon"][..], "--duration `soon`"),
        (&["--script", "sea-day", "--start", "yesterday"], "--start `yesterday`"),
        (&["--script", "pos-jump", "--at", "10s"], "--at `10s`: expected at least 120s"),
        (&["--script", "sea-day", "--loss", "150%"], "--loss `150%`"),
        (&["--script", "pos-jump", "--set", "m"], "--set `m`"),
        (&["--script", "nothing"], "no script `nothing`"),
    ] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_dogwatch-sim"))
            .arg("run")
            .args(arguments)
            .arg("--out")
            .arg(dir.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(want), "{want} is not in: {said}");
    }
}

#[test]
fn the_learning_story_has_fourteen_days_in_order_and_hides_an_attack_on_request() {
    let dir = tempfile::tempdir().unwrap();
    let short = RunOptions { duration_s: 200, pictures: false, ..options("sea-day") };
    dogwatch_sim::learn(&short, &files(dir.path()), Some("modbus-write")).unwrap();
    let frames = records(dir.path().join("learn.pcap"));
    assert!(frames.is_sorted_by_key(|(at, _)| *at));
    let days: std::collections::BTreeSet<u64> = frames.iter().map(|(at, _)| at / 1_000_000 / 86_400).collect();
    assert_eq!(days.len(), 14);
    let labels = std::fs::read_to_string(dir.path().join("learn.labels.json")).unwrap();
    let labels: serde_json::Value = serde_json::from_str(&labels).unwrap();
    assert_eq!((labels["scenario"].as_str(), labels["kind"].as_str()), (Some("learn"), Some("attack")));
    // The ninth day begins eight days and eight hours after the first.
    assert!(labels["attack"]["from"].as_str().unwrap().starts_with("2027-01-18T16:02"));
}
