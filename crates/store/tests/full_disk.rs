//! A disk that is really full: a small ext4 image. Urgent findings still get through thanks to the ballast, the store opens while the disk
//! is full, and it recovers by itself when there is room again.
//!
//! Needs root and loop devices; says so and does nothing without (the same with a simulated disk runs everywhere, in the crate's own tests).

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test program; its output is its result"
)]

mod image;

use std::fs;
use std::io::Write;
use std::path::Path;

use dogwatch_store::{Class, DurableStore, GapReason, NewFinding, NewRecord, Options, Store, StoreError};
use image::{Mounted, can_mount, make_image, scratch};

fn options() -> Options {
    // The limit is above what the disk holds: it is the disk that is full, not the queue.
    Options { queue_bytes: 64 << 20, ballast_bytes: 2 << 20, ..Options::new(0xf011) }
}

/// Fills what is left of the file system by someone else's file.
fn fill_up(path: &Path) {
    let mut file = fs::File::create(path).unwrap();
    let mut block = 1 << 16;
    while block > 0 {
        if file.write_all(&vec![0xaa; block]).is_err() {
            block /= 2;
        }
    }
    let _ = file.sync_all();
}

fn main() {
    if let Err(why) = can_mount() {
        println!("skipped: needs root and loop devices ({why})");
        return;
    }
    let area = scratch();
    make_image(&area.path().join("image"), 24 << 20).unwrap();
    let disk = Mounted::mount(&area.path().join("image"), &area.path().join("live")).unwrap();
    let directory = disk.point.join("store");
    let (mut store, report) = DurableStore::open(&directory, options()).unwrap();
    assert!(report.fresh && store.size().ballast);

    let routine = vec![7_u8; 4000];
    let mut queued = 0_u64;
    let refused = loop {
        match store.append(&[NewRecord { class: Class::Routine, kind: 1, payload: &routine }; 8]) {
            Ok(_) => queued += 8,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::DiskFull { .. }), "{refused}");
    assert!(store.size().ballast, "routine records do not get the ballast");
    fill_up(&disk.point.join("filler"));

    let mut urgent: Vec<(String, u64)> = Vec::new();
    for number in 0..200 {
        let id = format!("fnd_{number}");
        let payload = vec![u8::try_from(number).unwrap(); 600];
        let finding = NewFinding { id: &id, class: Class::Critical, kind: 2, payload: &payload };
        urgent.push((id.clone(), store.commit_findings(&[finding]).unwrap().start));
    }
    assert!(!store.size().ballast && store.counters().ballast_freed == 1);
    println!("full disk: after {queued} routine records 200 critical findings were accepted from the ballast");
    fill_up(&disk.point.join("filler2"));
    drop(store);

    // Reboot while full.
    let (mut store, report) = DurableStore::open(&directory, options()).unwrap();
    assert!(!report.has_losses(), "{report:?}");
    for (id, seq) in &urgent {
        assert_eq!(store.finding(id).unwrap().unwrap().seq, *seq);
        assert_eq!(store.read(*seq, 1).unwrap()[0].class, Class::Critical);
    }
    let mut more = 0;
    while store.counters().dropped == [0; 4] && more < 20_000 {
        let late = NewFinding { id: "late", class: Class::Critical, kind: 2, payload: &[1; 600] };
        store.commit_findings(&[late]).unwrap();
        more += 1;
    }
    let dropped = store.counters().dropped;
    assert!(dropped[1] > 0 && dropped[2] + dropped[3] == 0, "{dropped:?}");
    println!("full disk, no ballast left: {more} more critical findings were accepted, dropped by class {dropped:?}");
    for (_, seq) in &urgent {
        assert_eq!(store.read(*seq, 1).unwrap()[0].class, Class::Critical);
    }
    let first = store.read(1, 1).unwrap().remove(0);
    assert_eq!(first.gap().unwrap().reason, GapReason::Dropped, "the shore is told");

    // Room again: everything works without anyone's help.
    fs::remove_file(disk.point.join("filler")).unwrap();
    fs::remove_file(disk.point.join("filler2")).unwrap();
    store.flush().unwrap();
    let range = store.append(&[NewRecord { class: Class::Routine, kind: 1, payload: &routine }; 8]);
    println!("room again: ballast {}, append {range:?}", store.size().ballast);
    store.release(store.next_seq()).unwrap();
    store.flush().unwrap();
    assert!(store.size().ballast, "the ballast is taken back");
    store.append(&[NewRecord { class: Class::Routine, kind: 1, payload: &routine }; 8]).unwrap();
    drop(store);
    let (_, report) = DurableStore::open(&directory, options()).unwrap();
    assert!(!report.has_losses(), "{report:?}");
}
