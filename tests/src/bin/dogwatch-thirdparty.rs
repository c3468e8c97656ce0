//! What fires over the third-party captures without a policy, as the table `tests/thirdparty.md`.
//!
//! A capture of strangers has no zone plan and is mostly shorter than the day of learning, so whatever fires must be justified by its bytes alone.
//!
//! The verdicts in [`JUDGED`] were given by people who looked at the captures; a detection without one is shown as "not looked at".
#![expect(clippy::print_stdout, reason = "its table is what it is run for")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Context;
use dogwatch_tests::analysis::analyse;
use dogwatch_tests::{corpus, workspace};

/// Captures named in one row.
const NAMED: usize = 3;

/// What was found when the captures behind a detection were looked at.
const JUDGED: &[(&str, &str)] = &[
    (
        "DW-1002",
        "yes: ARP that a fuzzer altered, hundreds of cards for one address; a virtual machine's router with two cards, which tshark marks, too",
    ),
    ("DW-1006", "first ones only: joined captures, days apart, so that the day of learning is over"),
    ("DW-1008", "yes: the version or the lack of authentication stands in the bytes"),
    ("DW-3004", "yes: Modbus 8/1, 8/4 and function 90 are in the capture"),
    ("DW-3005", "yes: scanners speak HTTP, RDP, TLS to port 502; unknown functions"),
    (
        "DW-3008",
        "yes: restarts, stops, downloads, passwords, addresses set; 22 of them are one tool that restarts 22 BACnet controllers in one capture",
    ),
    ("DW-3011", "yes: the capture was made with two senders of one SFI"),
    (
        "DW-3020",
        "first ones only: joined captures, years apart, so that the day of learning is over; what was changed stands in the bytes",
    ),
    ("DW-3014", "yes: a lower NAME pushes the holder off address 0"),
    ("DW-6003", "yes: passwords in the clear"),
];

/// Detections whose wrong word would cost the most trust: those of navigation and identity, and the takers of addresses.
fn is_delicate(id: &str) -> bool {
    id.starts_with("DW-5") || id.starts_with("DW-6") || matches!(id, "DW-1002" | "DW-1004" | "DW-3011" | "DW-3014")
}

fn main() -> anyhow::Result<()> {
    let folder = corpus::captures().context("no third-party captures: set DOGWATCH_CORPUS")?;
    let listed = corpus::manifest(&folder)?;
    let mut fired: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    let (mut captures, mut unread) = (0_u64, 0_u64);
    for capture in &listed {
        captures += 1;
        let Ok(analysed) = analyse(std::slice::from_ref(&capture.path), None) else {
            unread += 1;
            continue;
        };
        for finding in analysed.findings() {
            *fired.entry(finding.rule_id.clone()).or_default().entry(capture.name.clone()).or_default() += 1;
        }
    }
    let mut out = format!(
        "# Third-party captures\n\nWritten by `cargo run -p dogwatch-tests --bin dogwatch-thirdparty`: what fires over {captures} captures that were \
         not made by this project ({unread} are no captures that can be opened), without a policy. Each capture is read alone.\n\n\
         | detection | findings | captures | the first of them | justified by the bytes |\n|---|---|---|---|---|\n"
    );
    for (id, captures) in &fired {
        let count: u64 = captures.values().sum();
        let named: Vec<&str> = captures.keys().take(NAMED).map(String::as_str).collect();
        let judged = JUDGED.iter().find(|(judged, _)| judged == id).map_or("not looked at", |(_, verdict)| *verdict);
        let mark = if is_delicate(id) { " *" } else { "" };
        let _ = writeln!(out, "| {id}{mark} | {count} | {} | {} | {judged} |", captures.len(), named.join(", "));
    }
    out.push_str("\n`*`: navigation, identity or an address taken: a wrong one costs the most trust.\n");
    std::fs::write(workspace::root().join("tests/thirdparty.md"), &out)?;
    println!("{out}");
    Ok(())
}
