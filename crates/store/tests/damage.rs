//! Damage to a closed store, as a bad flash cell or a careless hand does it: opening never panics, never gives back anything other than what
//! was written, and never keeps a loss to itself.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "test code outside #[test] functions too"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use dogwatch_store::{
    Class, DurableStore, GapReason, IndexState, NewFinding, NewRecord, OpenReport, Options, SmallFile, Store,
};

const RECORDS: u64 = 1200;
const FINDINGS: u64 = 300;
const ASSETS: u64 = 60;

fn options() -> Options {
    Options { segment_bytes: 128 << 10, ballast_bytes: 1 << 16, ..Options::new(0xbad_d15c) }
}

fn payload(number: u64) -> Vec<u8> {
    let length = 100 + usize::try_from(number * 37 % 400).unwrap();
    number.to_le_bytes().iter().copied().cycle().take(length).collect()
}

/// A closed store: records, then findings (each twice), assets, a counter.
fn build(directory: &Path) {
    let (mut store, _) = DurableStore::open(directory, options()).unwrap();
    for first in (1..=RECORDS).step_by(20) {
        let payloads: Vec<Vec<u8>> = (first..first + 20).map(payload).collect();
        let records: Vec<NewRecord<'_>> =
            payloads.iter().map(|payload| NewRecord { class: Class::Routine, kind: 1, payload }).collect();
        store.append(&records).unwrap();
    }
    for first in (RECORDS + 1..=RECORDS + 2 * FINDINGS).step_by(20) {
        let all: Vec<(String, Vec<u8>)> =
            (first..first + 20).map(|seq| (format!("fnd_{:03}", seq % FINDINGS), payload(seq))).collect();
        let findings: Vec<NewFinding<'_>> =
            all.iter().map(|(id, payload)| NewFinding { id, class: Class::High, kind: 2, payload }).collect();
        store.commit_findings(&findings).unwrap();
    }
    for asset in 0..ASSETS {
        store.put_asset(&format!("ast_{asset}"), &payload(asset)).unwrap();
    }
    store.put_meta(&[("nonce", b"41")]).unwrap();
    store.flush().unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target)
        } else {
            fs::copy(entry.path(), target).map(drop).unwrap()
        }
    }
}

/// The ways of the design page's table.
const WAYS: [&str; 14] = [
    "last 1 KiB cut",
    "last 256 KiB cut",
    "cut to 99 %",
    "cut to 90 %",
    "cut to 75 %",
    "cut to 50 %",
    "cut to 25 %",
    "cut to 10 %",
    "1 byte flipped in the middle",
    "16 bytes flipped in the middle",
    "64 flips in the first 1 %",
    "first 4 KiB zeroed",
    "last 64 KiB zeroed",
    "deleted",
];

fn damage(file: &Path, way: &str) {
    let mut bytes = fs::read(file).unwrap();
    let length = bytes.len();
    match way {
        "last 1 KiB cut" => bytes.truncate(length.saturating_sub(1024)),
        "last 256 KiB cut" => bytes.truncate(length.saturating_sub(256 << 10)),
        "1 byte flipped in the middle" => bytes[length / 2] ^= 0x55,
        "16 bytes flipped in the middle" => {
            let end = length.min(length / 2 + 16);
            bytes[length / 2..end].iter_mut().for_each(|byte| *byte ^= 0x55);
        }
        "64 flips in the first 1 %" => {
            let part = (length / 100).max(16).min(length);
            (0..64).for_each(|flip| bytes[flip * 31 % part] ^= 0x10);
        }
        "first 4 KiB zeroed" => bytes[..length.min(4096)].fill(0),
        "last 64 KiB zeroed" => bytes[length.saturating_sub(64 << 10)..].fill(0),
        "deleted" => return fs::remove_file(file).unwrap(),
        cut => {
            let percent: usize = cut.trim_start_matches("cut to ").trim_end_matches(" %").parse().unwrap();
            bytes.truncate(length * percent / 100);
        }
    }
    fs::write(file, bytes).unwrap();
}

/// The files of a directory, oldest first.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Opens a damaged store and checks that it is honest. Returns the report and how many records are missing.
fn check(directory: &Path, case: &str) -> (OpenReport, u64) {
    let (mut store, report) =
        DurableStore::open(directory, options()).unwrap_or_else(|error| panic!("{case}: {error}"));
    let mut there = BTreeMap::new();
    let mut at = store.low_water();
    let mut lost_in_gaps = 0;
    while at < store.next_seq() {
        for record in store.read(at, 1 << 20).unwrap() {
            assert_eq!(record.seq, at, "{case}");
            if let Some(gap) = record.gap() {
                assert_eq!(gap.reason, GapReason::Lost, "{case}");
                lost_in_gaps += (gap.first..=gap.last.min(RECORDS + 2 * FINDINGS)).count() as u64;
            } else {
                assert_eq!(record.payload, payload(record.seq), "{case}: record {} is wrong", record.seq);
                there.insert(record.seq, ());
            }
            at = record.last_seq + 1;
        }
    }
    let missing = (RECORDS + 2 * FINDINGS) - there.len() as u64;
    if !report.new_epoch {
        assert!(report.lost_records >= missing, "{case}: {missing} records missing, told {report:?}");
        assert_eq!(lost_in_gaps, missing, "{case}: the gaps say what is missing");
        assert!(store.next_seq() > RECORDS + 2 * FINDINGS, "{case}: numbers are never used twice");
    }
    assert!(missing == 0 || report.has_losses(), "{case}: {report:?}");

    let mut wrong = 0;
    for seq in RECORDS + FINDINGS + 1..=RECORDS + 2 * FINDINGS {
        let id = format!("fnd_{:03}", seq % FINDINGS);
        match store.finding(&id).unwrap() {
            Some(finding) if finding.payload == payload(seq) => {}
            Some(finding) => {
                assert_eq!(finding.payload, payload(seq - FINDINGS), "{case}: finding {id} was never like this");
                wrong += 1;
            }
            None => wrong += 1,
        }
    }
    for asset in 0..ASSETS {
        match store.asset(&format!("ast_{asset}")).unwrap() {
            Some(bytes) => assert_eq!(bytes, payload(asset), "{case}: asset {asset}"),
            None => wrong += 1,
        }
    }
    assert!(report.lost_entries >= wrong, "{case}: {wrong} entries missing or old, told {report:?}");
    match store.meta("nonce") {
        Some(value) => assert_eq!(value, b"41", "{case}"),
        None => assert_eq!(report.meta, SmallFile::Lost, "{case}"),
    }
    assert!(!report.has_damage() || !report.sentences().is_empty(), "{case}: damage is told in words");

    // It works on, and what was told once is not told again.
    let next = store.next_seq();
    let new = NewFinding { id: "new", class: Class::Critical, kind: 2, payload: b"after the damage" };
    assert_eq!(store.commit_findings(&[new]).unwrap().start, next, "{case}");
    store.flush().unwrap();
    drop(store);
    let (store, again) = DurableStore::open(directory, options()).unwrap();
    assert!(!again.has_damage(), "{case}: told again {again:?}");
    assert_eq!(store.finding("new").unwrap().unwrap().seq, next, "{case}");
    assert_eq!(store.check().unwrap().damaged_queue, 0, "{case}");
    (report, missing)
}

/// Damages one file of a fresh copy in every way.
fn every_way(pick: impl Fn(&Path) -> PathBuf, told: impl Fn(&OpenReport, &str)) {
    let scratch = tempfile::tempdir().unwrap();
    let original = scratch.path().join("original");
    build(&original);
    for (number, way) in WAYS.into_iter().enumerate() {
        let directory = scratch.path().join(format!("copy-{number}"));
        copy(&original, &directory);
        let file = pick(&directory);
        let before = fs::read(&file).unwrap();
        damage(&file, way);
        let changed = fs::read(&file).ok().as_ref() != Some(&before);
        let case = format!("{}: {way}", file.strip_prefix(&directory).unwrap().display());
        let (report, missing) = check(&directory, &case);
        println!(
            "{case}: {missing} records lost, {} restored; {} entries lost, {} salvaged; index {:?}",
            report.restored_records, report.lost_entries, report.salvaged_entries, report.index
        );
        if changed {
            told(&report, &case);
        }
        fs::remove_dir_all(directory).unwrap();
    }
}

#[test]
fn newest_queue_segment() {
    every_way(
        |directory| files(&directory.join("queue")).pop().unwrap(),
        |report, case| assert!(report.has_damage(), "{case}: {report:?}"),
    );
}

#[test]
fn oldest_queue_segment() {
    every_way(
        |directory| files(&directory.join("queue")).remove(0),
        |report, case| assert!(report.lost_records > 0, "{case}: nothing else holds plain records, {report:?}"),
    );
}

#[test]
fn a_queue_segment_of_findings_comes_back_from_the_ledger() {
    // The second versions of all findings are the last of the stream; the ledger holds every one of them.
    every_way(
        |directory| {
            let all = files(&directory.join("queue"));
            all[all.len() - 2].clone()
        },
        |report, case| assert!(report.has_damage() && report.restored_records > 0, "{case}: {report:?}"),
    );
}

#[test]
fn ledger() {
    every_way(
        |directory| files(&directory.join("ledger")).pop().unwrap(),
        |report, case| assert!(report.has_damage(), "{case}: {report:?}"),
    );
}

#[test]
fn sled_data_file() {
    every_way(
        |directory| directory.join("index/db"),
        |report, case| {
            assert!(!report.has_losses(), "{case}: nothing rests on sled, {report:?}");
        },
    );
}

#[test]
fn witness() {
    every_way(
        |directory| directory.join("store.head"),
        |report, case| assert_eq!((report.witness, report.lost_records), (SmallFile::Restored, 0), "{case}"),
    );
}

#[test]
fn meta() {
    every_way(
        |directory| directory.join("meta"),
        |report, case| assert_eq!((report.meta, report.lost_records), (SmallFile::Restored, 0), "{case}"),
    );
}

#[test]
fn whole_parts_gone() {
    let scratch = tempfile::tempdir().unwrap();
    let original = scratch.path().join("original");
    build(&original);
    for (part, also) in [
        ("queue", None),
        ("ledger", None),
        ("index", None),
        ("store.head", Some("store.head.bak")),
        ("meta", Some("meta.bak")),
    ] {
        let directory = scratch.path().join(part);
        copy(&original, &directory);
        for name in [Some(part), also].into_iter().flatten() {
            let path = directory.join(name);
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
        let (report, missing) = check(&directory, part);
        println!("{part} gone: {missing} records lost, {report:?}");
        match part {
            "queue" => assert!(report.lost_records >= RECORDS && report.restored_records >= FINDINGS),
            "ledger" => assert!(report.salvaged_entries >= FINDINGS + ASSETS && report.lost_entries == 0),
            "index" => assert!(matches!(report.index, IndexState::Rebuilt { .. }) && !report.has_losses()),
            "store.head" => assert!(report.witness == SmallFile::Lost && !report.has_losses()),
            _ => assert!(report.meta == SmallFile::Lost && report.has_losses()),
        }
    }
}

#[test]
fn only_two_damaged_indexes_are_kept() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("store");
    build(&directory);
    for _ in 0..4 {
        damage(&directory.join("index/db"), "first 4 KiB zeroed");
        let (_, report) = DurableStore::open(&directory, options()).unwrap();
        assert!(matches!(report.index, IndexState::Rebuilt { .. }), "{report:?}");
    }
    let mut kept: Vec<String> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("store.bad-"))
        .collect();
    kept.sort();
    assert_eq!(kept, ["store.bad-3", "store.bad-4"]);
}
