//! The writer that the power-cut and the kill test run as a process of its own, and the check of what it left behind.
//!
//! Every payload can be made again from its counter, so the check knows the content of every record ever written. What was acknowledged is
//! noted, after the call returned, in a file outside the file system under test, and as a line on standard output to pace the parent.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use dogwatch_store::{Class, DurableStore, NewFinding, NewRecord, OpenReport, Options, Store};

/// A small generator of numbers that depend only on the seed (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit.max(1)
    }
}

/// The payload that belongs to a counter: the counter, then noise.
pub(crate) fn payload(counter: u64) -> Vec<u8> {
    let mut dice = Dice(counter);
    let mut bytes = counter.to_le_bytes().to_vec();
    let length = dice.below(700);
    bytes.extend((0..length).map(|_| u8::try_from(dice.below(256)).unwrap_or(0)));
    bytes
}

/// The counter of a payload, if the payload is what belongs to it.
pub(crate) fn counter(bytes: &[u8]) -> Option<u64> {
    let counter = u64::from_le_bytes(*bytes.first_chunk()?);
    (payload(counter) == bytes).then_some(counter)
}

fn class(counter: u64) -> Class {
    Class::from_number(u8::try_from(counter % 4).unwrap_or(0))
}

fn kind(counter: u64) -> u8 {
    u8::try_from(1 + counter % 250).unwrap_or(1)
}

/// The sizes used: small segments, so that many begin and go within a short run.
pub(crate) fn options() -> Options {
    Options {
        queue_bytes: 8 << 20,
        segment_bytes: 128 << 10,
        ledger_bytes: 4 << 20,
        ballast_bytes: 1 << 20,
        ..Options::new(0x5ea5_1de0)
    }
}

/// Writes until killed: the store in `directory`, acknowledgements to `notes`, counters from `start`.
pub(crate) fn write_store(directory: &Path, notes: &Path, start: u64) {
    let (mut store, report) = DurableStore::open(directory, options()).unwrap();
    assert!(!report.has_damage(), "{report:?}");
    let mut notes = Notes::open(notes);
    let mut dice = Dice(start);
    let mut next = start;
    for round in 0_u64.. {
        let counters: Vec<u64> = (next..=next + dice.below(6)).collect();
        let payloads: Vec<Vec<u8>> = counters.iter().map(|counter| payload(*counter)).collect();
        if dice.below(2) == 0 {
            let ids: Vec<String> = counters.iter().map(|counter| format!("fnd_{}", counter % 40)).collect();
            let findings: Vec<NewFinding<'_>> = counters
                .iter()
                .zip(&payloads)
                .zip(&ids)
                .map(|((counter, payload), id)| NewFinding {
                    id,
                    class: class(*counter),
                    kind: kind(*counter),
                    payload,
                })
                .collect();
            let range = store.commit_findings(&findings).unwrap();
            notes.say(&format!("F {} {} {next}", range.start, range.end));
        } else {
            let records: Vec<NewRecord<'_>> = counters
                .iter()
                .zip(&payloads)
                .map(|(counter, payload)| NewRecord { class: class(*counter), kind: kind(*counter), payload })
                .collect();
            let range = store.append(&records).unwrap();
            notes.say(&format!("R {} {} {next}", range.start, range.end));
        }
        next += counters.len() as u64;
        match round % 40 {
            7 => {
                store.put_meta(&[("nonce", &next.to_le_bytes())]).unwrap();
                notes.say(&format!("N {next}"));
            }
            13 => store.put_asset(&format!("ast_{}", next % 10), &payload(next)).unwrap(),
            21 => {
                let below = store.next_seq().saturating_sub(dice.below(600));
                store.release(below).unwrap();
                notes.say(&format!("L {}", store.low_water()));
            }
            33 => store.flush().unwrap(),
            _ => {}
        }
    }
}

/// Writes until killed into plain sled, four records a flush, the way one would who believes that `flush` is durable.
pub(crate) fn write_sled(directory: &Path, notes: &Path) {
    let db = open_sled(directory).unwrap();
    let mut notes = Notes::open(notes);
    let mut next = 0_u64;
    loop {
        for counter in next..next + 4 {
            db.insert(counter.to_be_bytes(), payload(counter)).unwrap();
        }
        db.flush().unwrap();
        notes.say(&format!("R {next} {} {next}", next + 4));
        next += 4;
    }
}

/// Plain sled with the settings of the store.
pub(crate) fn open_sled(directory: &Path) -> sled::Result<sled::Db> {
    sled::Config::new().path(directory).mode(sled::Mode::LowSpace).cache_capacity(16 << 20).flush_every_ms(None).open()
}

struct Notes(File);

impl Notes {
    fn open(path: &Path) -> Self {
        Self(OpenOptions::new().create(true).append(true).open(path).unwrap())
    }

    /// One write each: a line is there whole or not at all.
    fn say(&mut self, line: &str) {
        self.0.write_all(format!("{line}\n").as_bytes()).unwrap();
        std::io::stdout().write_all(b".\n").unwrap();
    }
}

/// What the notes say was acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Acknowledged {
    /// Number in the stream and counter.
    pub(crate) records: BTreeMap<u64, u64>,
    /// Finding and counter of its latest version.
    pub(crate) findings: BTreeMap<String, u64>,
    pub(crate) nonce: u64,
    pub(crate) low_water: u64,
    pub(crate) calls: u64,
}

impl Acknowledged {
    /// Reads the notes.
    pub(crate) fn read(path: &Path) -> Self {
        let mut all = Self::default();
        for line in fs::read_to_string(path).unwrap_or_default().lines() {
            let mut words = line.split(' ');
            let what = words.next().unwrap();
            let numbers: Vec<u64> = words.map(|word| word.parse().unwrap()).collect();
            all.calls += 1;
            match (what, numbers.as_slice()) {
                ("R" | "F", [first, end, start]) => {
                    for (seq, counter) in (*first..*end).zip(*start..) {
                        all.records.insert(seq, counter);
                        if what == "F" {
                            all.findings.insert(format!("fnd_{}", counter % 40), counter);
                        }
                    }
                }
                ("N", [nonce]) => all.nonce = *nonce,
                ("L", [below]) => all.low_water = *below,
                _ => panic!("a note nobody wrote: {line}"),
            }
        }
        all
    }
}

/// Opens the store and checks it against the notes: everything acknowledged is there as it was written, nothing is there twice, nothing
/// that was never written is there at all. Returns the opening's report and how many acknowledged records were looked for.
pub(crate) fn check_store(directory: &Path, acknowledged: &Acknowledged, case: &str) -> (OpenReport, u64) {
    let (store, report) = DurableStore::open(directory, options()).unwrap();
    assert!(!report.has_losses(), "{case}: {report:?}");
    assert_eq!(report.damaged_places, 0, "{case}: {report:?}");
    assert!(store.low_water() >= acknowledged.low_water.max(1), "{case}");
    let mut at = store.low_water();
    let mut seen = BTreeMap::new();
    let mut counters = BTreeSet::new();
    while at < store.next_seq() {
        for record in store.read(at, 1 << 20).unwrap() {
            assert_eq!(record.seq, at, "{case}: the stream has no holes");
            let number = counter(&record.payload).unwrap_or_else(|| panic!("{case}: record {at} was never written"));
            assert_eq!((record.class, record.kind), (class(number), kind(number)), "{case}: record {at}");
            assert!(counters.insert(number), "{case}: {number} is there twice");
            seen.insert(at, number);
            at = record.last_seq + 1;
        }
    }
    let mut looked_for = 0;
    for (seq, number) in acknowledged.records.range(store.low_water()..) {
        assert_eq!(seen.get(seq), Some(number), "{case}: record {seq}");
        looked_for += 1;
    }
    for (id, number) in &acknowledged.findings {
        let finding = store.finding(id).unwrap().unwrap_or_else(|| panic!("{case}: finding {id}"));
        let is = counter(&finding.payload).unwrap_or_else(|| panic!("{case}: finding {id} was never written"));
        assert!(is >= *number && is % 40 == number % 40, "{case}: finding {id} is {is}, {number} was acknowledged");
    }
    let nonce = store.meta("nonce").map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
    assert!(nonce >= acknowledged.nonce, "{case}: nonce");
    (report, looked_for)
}

/// The writer as a process; killed when dropped.
pub(crate) struct Writer {
    pub(crate) child: Child,
    lines: BufReader<ChildStdout>,
}

impl Writer {
    /// Starts this very program as a writer.
    pub(crate) fn start(what: &str, directory: &Path, notes: &Path, start: u64) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([what.into(), directory.as_os_str().to_owned(), notes.as_os_str().to_owned()])
            .arg(start.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Waits until it has acknowledged so many calls more, and then a moment of no fixed length.
    pub(crate) fn wait_for(&mut self, calls: u64, dice: &mut Dice) {
        let mut line = String::new();
        for _ in 0..calls {
            line.clear();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "the writer ended by itself");
        }
        for _ in 0..dice.below(400) {
            std::thread::yield_now();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs as the writer when started as one. `false` when this is the test itself.
pub(crate) fn ran_as_writer() -> bool {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, directory, notes, start] = arguments.as_slice() else { return false };
    let (directory, notes) = (PathBuf::from(directory), PathBuf::from(notes));
    match what.as_str() {
        "write-store" => write_store(&directory, &notes, start.parse().unwrap()),
        "write-sled" => write_sled(&directory, &notes),
        _ => return false,
    }
    true
}

/// A count from the environment, or the usual one.
pub(crate) fn count(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(usual)
}
