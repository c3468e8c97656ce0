//! What an independent decoder says of normal life: no malformed frame, no wrong checksum, no TCP warning (`pcaps/check.sh`).
//!
//! Only where tshark is on the machine; elsewhere the test says that it was skipped.

use std::process::Command;

#[test]
fn tshark_finds_nothing_wrong_with_normal_life() {
    if Command::new("tshark").arg("--version").output().is_err() {
        println!("skipped: no tshark on this machine");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // The plain one, and those that open connections anew, take an address over, or bring many devices.
    let scripts = ["sea-day", "blackout-restart", "plc-standby-takeover", "passenger-turnover"];
    let ships = ["cargo", "lng", "cruise"];
    for (ship, script) in ships.iter().flat_map(|ship| scripts.map(|script| (*ship, script))) {
        let out = Command::new(env!("CARGO_BIN_EXE_dogwatch-sim"))
            .args([
                "run",
                "--ship",
                ship,
                "--script",
                script,
                "--duration",
                "300s",
                "--no-pictures",
                "--no-bus",
                "--out",
            ])
            .arg(dir.path())
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let check = concat!(env!("CARGO_MANIFEST_DIR"), "/../check.sh");
        let judged = Command::new("sh").arg(check).arg(dir.path().join(format!("{script}.pcap"))).output().unwrap();
        assert!(judged.status.success(), "{ship}, {script}: {}", String::from_utf8_lossy(&judged.stdout));
    }
}
