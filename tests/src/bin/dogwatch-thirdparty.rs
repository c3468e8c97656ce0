//! What fires over the third-party captures without a policy and in learn mode, as the table `tests/thirdparty.md`.
//!
//! A capture of strangers has no zone plan and is mostly shorter than the day of learning, so whatever fires must be justified by its bytes alone.
//! Learn mode is that of `data/learn-mode.toml`: one zone of everything, as on the first day aboard.
//!
//! The verdicts in [`JUDGED`] were given by people who looked at the captures; a detection without one is shown as "not looked at".
#![expect(clippy::print_stdout, reason = "its table is what it is run for")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::Context;
use dogwatch_tests::analysis::{Analysed, analyse, policy};
use dogwatch_tests::{corpus, workspace};

/// Captures named in one row.
const NAMED: usize = 3;

/// What was found when the captures behind a detection were looked at.
const JUDGED: &[(&str, &str)] = &[
    (
        "DW-1002",
        "yes: ARP that a fuzzer altered, hundreds of cards for one address; a virtual machine's router with two cards, which tshark marks, too",
    ),
    ("DW-1008", "yes: the version or the lack of authentication stands in the bytes"),
    ("DW-3004", "yes: Modbus 8/1, 8/4 and function 90 are in the capture"),
    ("DW-3005", "yes: scanners speak HTTP, RDP, TLS to port 502; unknown functions"),
    (
        "DW-3007",
        "yes: two cards answer one connection; a Modbus server counts its transactions up while the client asks under number 0 throughout",
    ),
    (
        "DW-3008",
        "yes: restarts, stops, downloads, passwords, addresses set; 22 of them are one tool that restarts 22 BACnet controllers in one capture",
    ),
    ("DW-3011", "yes: the capture was made with two senders of one SFI"),
    ("DW-3014", "yes: a lower NAME pushes the holder off address 0"),
    (
        "DW-3018",
        "yes: pieces of 8 bytes (made for the test of a reassembler) or of a fuzzed header, and pieces that overlap, which tshark marks, too",
    ),
    ("DW-6003", "yes: passwords in the clear"),
    (
        "DW-7007",
        "yes: two files that begin with MZ are written to a share; in learn mode every device is ship equipment",
    ),
    (
        "DW-9003",
        "yes: at frame 24866 the capture's clock leaps 1.2 s, and what all six receivers tell stays behind it by as much",
    ),
    ("DW-9007", "yes: once in each capture in which another detection of this table fires in learn mode, as it has to"),
];

/// Detections whose wrong word would cost the most trust: those of navigation and identity, and the takers of addresses.
fn is_delicate(id: &str) -> bool {
    id.starts_with("DW-5") || id.starts_with("DW-6") || matches!(id, "DW-1002" | "DW-1004" | "DW-3011" | "DW-3014")
}

/// What fired: by detection, in which captures how often.
type Fired = BTreeMap<String, BTreeMap<String, u64>>;

fn note(fired: &mut Fired, capture: &str, analysed: &Analysed) {
    for finding in analysed.findings() {
        *fired.entry(finding.rule_id.clone()).or_default().entry(capture.to_owned()).or_default() += 1;
    }
}

fn main() -> anyhow::Result<()> {
    let folder = corpus::captures().context("no third-party captures: set DOGWATCH_CORPUS")?;
    let listed = corpus::manifest(&folder)?;
    let learn_mode = workspace::root().join("tests/data/learn-mode.toml");
    let (mut alone, mut learning) = (Fired::new(), Fired::new());
    let (mut captures, mut unread) = (0_u64, 0_u64);
    for capture in &listed {
        captures += 1;
        let file = std::slice::from_ref(&capture.path);
        let Ok(analysed) = analyse(file, None) else {
            unread += 1;
            continue;
        };
        note(&mut alone, &capture.name, &analysed);
        note(&mut learning, &capture.name, &analyse(file, Some(policy(&learn_mode)?))?);
    }
    let mut out = format!(
        "# Third-party captures\n\nWritten by `cargo run -p dogwatch-tests --bin dogwatch-thirdparty`: what fires over {captures} captures that were \
         not made by this project ({unread} are no captures that can be opened), without a policy and in learn mode (`data/learn-mode.toml`). Each \
         capture is read alone.\n\n\
         | detection | findings | in learn mode | captures | the first of them | justified by the bytes |\n|---|---|---|---|---|---|\n"
    );
    let ids: BTreeSet<&String> = alone.keys().chain(learning.keys()).collect();
    for id in ids {
        let [(count, mut captures), (count_learning, more)] = [&alone, &learning].map(|fired| in_captures(fired, id));
        captures.extend(more);
        let named: Vec<&str> = captures.iter().take(NAMED).copied().collect();
        let judged = JUDGED.iter().find(|(judged, _)| judged == id).map_or("not looked at", |(_, verdict)| *verdict);
        let mark = if is_delicate(id) { " *" } else { "" };
        let (of, named) = (captures.len(), named.join(", "));
        let _ = writeln!(out, "| {id}{mark} | {count} | {count_learning} | {of} | {named} | {judged} |");
    }
    out.push_str("\n`*`: navigation, identity or an address taken: a wrong one costs the most trust.\n");
    std::fs::write(workspace::root().join("tests/thirdparty.md"), &out)?;
    println!("{out}");
    Ok(())
}

/// How many findings a detection made, and in which captures.
fn in_captures<'a>(fired: &'a Fired, id: &str) -> (u64, BTreeSet<&'a str>) {
    let captures = fired.get(id).into_iter().flatten();
    (captures.clone().map(|(_, count)| count).sum(), captures.map(|(name, _)| name.as_str()).collect())
}
