//! The bytes of one run and one mix, by SHA-256.
//!
//! The sums were taken from this simulator itself, after tshark, pyais and the CANboat definitions had read the same run without complaint
//! (see `pcaps/check.sh`). They prove that the bytes did not change and are the same on every machine, not that they are right. Whoever
//! changes the traffic on purpose checks it again and then replaces them.
#![expect(clippy::unwrap_used, reason = "test helpers: a failure here is a failed test")]

use std::collections::BTreeMap;
use std::path::Path;

use dogwatch_model::CaptureTime;
use dogwatch_sim::{Faults, RunOptions, Sentences, cut, mix};

fn sha256(path: &Path) -> String {
    let sum = ring::digest::digest(&ring::digest::SHA256, &std::fs::read(path).unwrap());
    sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn bytes_are_those_that_were_checked() {
    let dir = tempfile::tempdir().unwrap();
    let options = RunOptions {
        ship: "cargo".into(),
        script: "sea-day".into(),
        seed: 7,
        start: CaptureTime::parse_rfc3339("2027-01-10T08:00:00Z").unwrap(),
        duration_s: 120,
        attack_after_s: 180,
        parameters: BTreeMap::new(),
        sentences: Sentences::Groups,
        pictures: true,
        vlan: false,
        faults: Faults::default(),
    };
    let path = dir.path().join("out.pcap");
    let mut sums = Vec::new();
    for only in ["iec61162-450", "modbus", "nmea2000"] {
        cut(&options, only, &path).unwrap();
        sums.push((only, sha256(&path)));
    }
    mix(20_000, 1, options.start, &path).unwrap();
    sums.push(("mix", sha256(&path)));
    let want = [
        ("iec61162-450", "fb58f20e6cfe644acf060fe747987ffba0a8c68da86380017999f44eecd8215f"),
        ("modbus", "a8a76844ef0101ceea52a2205bc1a66d77c6386d733e0d27518bc80049d104db"),
        ("nmea2000", "ac57cfc0007d437bb5f7814a94a066b639e112c9a79abf06f98e8ead763653ec"),
        ("mix", "965e2544bd68cba849c8e97a06902315d7efc56afe3c182d5625f305678622e2"),
    ];
    assert_eq!(sums, want.map(|(name, sum)| (name, sum.to_owned())));
}

#[test]
fn a_mix_has_the_packets_asked_for_and_starts_the_same_however_long_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (short, long) = (dir.path().join("short"), dir.path().join("long"));
    let start = CaptureTime::from_parts(1_799_568_000, 0);
    mix(5_000, 3, start, &short).unwrap();
    mix(12_000, 3, start, &long).unwrap();
    let (short, long) = (std::fs::read(short).unwrap(), std::fs::read(long).unwrap());
    assert!(long.starts_with(&short), "the short one is not the beginning of the long one");
    let mut rest = short.get(24..).unwrap();
    let mut packets = 0;
    while let Some((head, more)) = rest.split_first_chunk::<16>() {
        let [.., a, b, c, d] = *head;
        rest = more.get(u32::from_le_bytes([a, b, c, d]) as usize..).unwrap();
        packets += 1;
    }
    assert_eq!(packets, 5_000);
}

#[test]
fn an_unknown_protocol_cannot_be_cut() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_dogwatch-sim"))
        .args(["cut", "--script", "sea-day", "--only", "morse", "--out", "/nonexistent/x.pcap"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing called `morse`"));
}
