//! Simulated power cuts on a real file system: an ext4 image is mounted, the writer runs on it and is stopped at random moments, the image is
//! copied as it then is (what is only in the page cache is not in the copy), the copy is mounted, which replays the file system's journal,
//! and the store in it is opened and checked against what was acknowledged. `DOGWATCH_CUTS` sets the number of cuts (50).
//!
//! The same cuts against plain sled, whose flush is not durable on Linux, must lose something: that guards the test itself.
//!
//! Needs root and loop devices; says so and does nothing without. A program of its own, not a set of `#[test]`s, because it starts itself as
//! the writer.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test program; its output is its result"
)]

mod image;
mod writer;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;

use image::{Mounted, can_mount, make_image, run, scratch};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use writer::{Acknowledged, Dice, Writer, check_store, count, open_sled, payload, ran_as_writer};

const IMAGE_BYTES: u64 = 64 << 20;

/// Stops the writer where it stands and returns once it has stopped.
fn stop(writer: &Writer) {
    let pid = Pid::from_child(&writer.child);
    kill_process(pid, Signal::STOP).unwrap();
    let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED).unwrap().unwrap();
    assert!(status.stopped(), "the writer ended by itself");
}

/// Runs a writer on an image and cuts the power `cuts` times; `judge` looks at each copy.
fn cut(what: &str, scratch: &Path, cuts: u64, judge: &mut dyn FnMut(&Path, &Acknowledged, &str)) {
    let (image, copy, notes) = (scratch.join("image"), scratch.join("copy"), scratch.join("notes"));
    make_image(&image, IMAGE_BYTES).unwrap();
    let live = Mounted::mount(&image, &scratch.join("live")).unwrap();
    let mut writer = Writer::start(what, &live.point.join("store"), &notes, 0);
    let mut dice = Dice(0x0ff);
    for number in 0..cuts {
        let calls = 3 + dice.below(60);
        writer.wait_for(calls, &mut dice);
        stop(&writer);
        let acknowledged = Acknowledged::read(&notes);
        run(Command::new("cp").arg("--sparse=always").arg(&image).arg(&copy)).unwrap();
        kill_process(Pid::from_child(&writer.child), Signal::CONT).unwrap();
        let after = Mounted::mount(&copy, &scratch.join("after")).unwrap();
        judge(&after.point.join("store"), &acknowledged, &format!("cut {number}"));
    }
    drop(writer);
}

/// How many acknowledged records a plain sled lacks, `None` when it does not even open.
fn missing_in_sled(directory: &Path, acknowledged: &Acknowledged) -> Option<usize> {
    let look = || {
        let db = open_sled(directory).ok()?;
        let is_there = |counter: &u64| matches!(db.get(counter.to_be_bytes()), Ok(Some(value)) if value.as_ref() == payload(*counter));
        Some(acknowledged.records.values().filter(|counter| !is_there(counter)).count())
    };
    catch_unwind(AssertUnwindSafe(look)).ok().flatten()
}

fn main() {
    if ran_as_writer() {
        return;
    }
    if let Err(why) = can_mount() {
        println!("skipped: needs root and loop devices ({why})");
        return;
    }
    let cuts = count("DOGWATCH_CUTS", 50);
    let (mut looked_for, mut torn, mut forward, mut rebuilt, mut calls) = (0, 0, 0, 0, 0);
    let area = scratch();
    cut("write-store", area.path(), cuts, &mut |directory, acknowledged, case| {
        let (report, found) = check_store(directory, acknowledged, case);
        looked_for += found;
        calls = acknowledged.calls;
        torn += u64::from(report.torn_bytes > 0);
        forward += u64::from(report.rolled_forward > 0);
        rebuilt += u64::from(matches!(report.index, dogwatch_store::IndexState::Rebuilt { .. }));
    });
    println!(
        "store: {cuts} power cuts, {calls} acknowledged calls, {looked_for} look-ups, 0 lost; \
         torn tails {torn}, commits rolled forward {forward}, indexes rebuilt {rebuilt}"
    );
    // Few: it is enough to lose once, and plain sled fills the image within a few dozen cuts.
    let guard_cuts = cuts.div_ceil(5).min(10);
    let (mut bad, mut lost, mut unopened) = (0_u64, 0, 0_u64);
    let area = scratch();
    cut("write-sled", area.path(), guard_cuts, &mut |directory, acknowledged, _| match missing_in_sled(
        directory,
        acknowledged,
    ) {
        Some(0) => {}
        Some(missing) => {
            bad += 1;
            lost += missing;
        }
        None => {
            bad += 1;
            unopened += 1;
        }
    });
    println!(
        "plain sled: {guard_cuts} power cuts, {bad} bad ({lost} acknowledged records lost, {unopened} not opened)"
    );
    assert!(bad > 0, "plain sled must lose something, or these are no power cuts");
}
