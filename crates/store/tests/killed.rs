//! Kills the writing process (SIGKILL) at random moments and opens what it left, again and again in the same directory: nothing acknowledged is
//! lost, nothing is there twice. `DOGWATCH_KILLS` sets the number of kills (200).
//!
//! A program of its own, not a set of `#[test]`s, because it starts itself as the writer.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test program; its output is its result"
)]

mod writer;

use writer::{Acknowledged, Dice, Writer, check_store, count, ran_as_writer};

fn main() {
    if ran_as_writer() {
        return;
    }
    let kills = count("DOGWATCH_KILLS", 200);
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (directory, notes) = (scratch.path().join("store"), scratch.path().join("notes"));
    let mut dice = Dice(0xdead);
    let (mut looked_for, mut torn, mut forward, mut rebuilt) = (0, 0, 0, 0);
    for kill in 0..kills {
        let mut writer = Writer::start("write-store", &directory, &notes, (kill + 1) << 32);
        let calls = 1 + dice.below(60);
        writer.wait_for(calls, &mut dice);
        drop(writer);
        let acknowledged = Acknowledged::read(&notes);
        let (report, found) = check_store(&directory, &acknowledged, &format!("kill {kill}"));
        looked_for += found;
        torn += u64::from(report.torn_bytes > 0);
        forward += u64::from(report.rolled_forward > 0);
        rebuilt += u64::from(matches!(report.index, dogwatch_store::IndexState::Rebuilt { .. }));
    }
    let acknowledged = Acknowledged::read(&notes);
    assert!(acknowledged.calls >= kills);
    println!(
        "{kills} kills: {} acknowledged calls, {} records, {looked_for} look-ups, 0 lost, 0 double; \
         torn tails {torn}, commits rolled forward {forward}, indexes rebuilt {rebuilt}",
        acknowledged.calls,
        acknowledged.records.len()
    );
}
