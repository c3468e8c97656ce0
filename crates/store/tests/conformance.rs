//! One suite for every backend: what the trait promises holds on disk, on disk without the index, and in memory. A proptest plays the same
//! random calls to all three and compares the answers.

#![expect(clippy::unwrap_used, reason = "test code outside #[test] functions too")]

use std::collections::BTreeMap;

use dogwatch_store::{
    Class, DurableStore, GAP_KIND, GapReason, MAX_RECORD_BYTES, MemoryStore, NewFinding, NewRecord, Options, Record,
    Store, StoreError,
};
use proptest::prelude::*;

const QUEUE_BYTES: u64 = 64 * 1024;

fn options(index: bool) -> Options {
    Options {
        queue_bytes: QUEUE_BYTES,
        segment_bytes: 4 * 1024,
        ballast_bytes: 4 * 1024,
        pending_bytes: 2 * 1024,
        index,
        ..Options::new(7)
    }
}

/// Runs a check on every backend.
fn on_every_backend(check: impl Fn(&mut dyn Store, &str)) {
    for index in [true, false] {
        let scratch = tempfile::tempdir().unwrap();
        let (mut store, report) = DurableStore::open(&scratch.path().join("store"), options(index)).unwrap();
        assert!(report.fresh && !report.has_damage());
        check(&mut store, if index { "on disk" } else { "on disk, no index" });
    }
    check(&mut MemoryStore::new(7, QUEUE_BYTES), "in memory");
}

fn record(class: Class, payload: &[u8]) -> NewRecord<'_> {
    NewRecord { class, kind: 3, payload }
}

fn read_all(store: &dyn Store) -> Vec<Record> {
    let mut all: Vec<Record> = Vec::new();
    let mut at = store.low_water();
    while at < store.next_seq() {
        let read = store.read(at, 1000).unwrap();
        assert!(!read.is_empty());
        at = read.last().unwrap().last_seq + 1;
        all.extend(read);
    }
    all
}

#[test]
fn numbers_follow_each_other_and_reads_give_back_what_was_written() {
    on_every_backend(|store, backend| {
        assert_eq!((store.epoch(), store.next_seq(), store.low_water()), (7, 1, 1), "{backend}");
        assert_eq!(store.append(&[]).unwrap(), 1..1, "{backend}");
        assert_eq!(store.append(&[record(Class::High, b"one"), record(Class::Bulk, b"")]).unwrap(), 1..3, "{backend}");
        assert_eq!(store.append(&[record(Class::Critical, b"three")]).unwrap(), 3..4, "{backend}");
        let all = store.read(0, 1 << 20).unwrap();
        let seen: Vec<_> = all.iter().map(|one| (one.seq, one.last_seq, one.class, one.payload.as_slice())).collect();
        let want = [(1, 1, Class::High, &b"one"[..]), (2, 2, Class::Bulk, b""), (3, 3, Class::Critical, b"three")];
        assert_eq!(seen, want, "{backend}");
        assert_eq!(store.read(2, 1).unwrap().len(), 1, "{backend}: at least one");
        assert_eq!(store.read(2, 1).unwrap()[0].seq, 2, "{backend}");
        assert!(store.read(4, 100).unwrap().is_empty(), "{backend}");
    });
}

#[test]
fn a_release_is_for_good_and_never_reaches_past_the_end() {
    on_every_backend(|store, backend| {
        for _ in 0..5 {
            store.append(&[record(Class::High, b"x")]).unwrap();
        }
        store.release(3).unwrap();
        store.release(2).unwrap();
        assert_eq!(store.low_water(), 3, "{backend}");
        assert_eq!(store.read(0, 1000).unwrap()[0].seq, 3, "{backend}");
        store.release(99).unwrap();
        assert_eq!((store.low_water(), store.next_seq()), (6, 6), "{backend}");
        assert_eq!(store.append(&[record(Class::High, b"x")]).unwrap(), 6..7, "{backend}");
    });
}

#[test]
fn findings_are_queued_and_outlive_their_receipt() {
    on_every_backend(|store, backend| {
        let finding =
            |id: &'static str, payload: &'static [u8]| NewFinding { id, class: Class::High, kind: 9, payload };
        store.commit_findings(&[finding("fnd_a", b"a1"), finding("fnd_b", b"b1")]).unwrap();
        store.commit_findings(&[finding("fnd_a", b"a2")]).unwrap();
        assert_eq!(read_all(store).len(), 3, "{backend}: every version goes ashore");
        let waiting = [(2, "fnd_b".to_owned()), (3, "fnd_a".to_owned())];
        assert_eq!(store.unreceipted_findings(10).unwrap(), waiting, "{backend}");
        store.release(3).unwrap();
        assert_eq!(store.unreceipted_findings(10).unwrap(), [(3, "fnd_a".to_owned())], "{backend}");
        store.release(4).unwrap();
        let a = store.finding("fnd_a").unwrap().unwrap();
        assert_eq!((a.seq, a.class, a.kind, a.payload.as_slice()), (3, Class::High, 9, &b"a2"[..]), "{backend}");
        assert_eq!(store.findings().unwrap().len(), 2, "{backend}");
        store.forget_finding("fnd_a").unwrap();
        assert_eq!(store.finding("fnd_a").unwrap(), None, "{backend}");
        assert_eq!(store.findings().unwrap().len(), 1, "{backend}");
    });
}

#[test]
fn assets_state_and_meta() {
    on_every_backend(|store, backend| {
        for version in [b"v1", b"v2"] {
            store.put_asset("ast_2", version).unwrap();
            store.put_asset("ast_1", version).unwrap();
            store.put_state("baseline", version).unwrap();
            store.put_meta(&[("nonce", version), ("other", b"x")]).unwrap();
        }
        for round in ["held", "written"] {
            let want = vec![("ast_1".to_owned(), b"v2".to_vec()), ("ast_2".to_owned(), b"v2".to_vec())];
            assert_eq!(store.assets().unwrap(), want, "{backend}, {round}");
            assert_eq!(store.state("baseline").unwrap().as_deref(), Some(&b"v2"[..]), "{backend}, {round}");
            assert_eq!(store.meta("nonce").as_deref(), Some(&b"v2"[..]), "{backend}, {round}");
            store.flush().unwrap();
        }
        store.forget_asset("ast_1").unwrap();
        store.flush().unwrap();
        assert_eq!(store.asset("ast_1").unwrap(), None, "{backend}");
        assert_eq!(store.assets().unwrap().len(), 1, "{backend}");
        assert_eq!((store.asset("baseline").unwrap(), store.state("ast_2").unwrap()), (None, None), "{backend}");
    });
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    on_every_backend(|store, backend| {
        let too_long = vec![0; MAX_RECORD_BYTES + 1];
        let refused = store.append(&[record(Class::High, b"ok"), record(Class::High, &too_long)]);
        assert!(matches!(refused, Err(StoreError::TooLarge { .. })), "{backend}");
        let gap = NewRecord { class: Class::High, kind: GAP_KIND, payload: b"" };
        assert!(matches!(store.append(&[gap]), Err(StoreError::Unfit { .. })), "{backend}");
        let nameless = NewFinding { id: "", class: Class::High, kind: 1, payload: b"" };
        assert!(matches!(store.commit_findings(&[nameless]), Err(StoreError::Unfit { .. })), "{backend}");
        assert!(store.put_asset(&"x".repeat(256), b"").is_err(), "{backend}");
        assert!(store.put_meta(&[("a", b"1"), ("b", &too_long)]).is_err(), "{backend}");
        assert_eq!((store.next_seq(), store.meta("a")), (1, None), "{backend}");
    });
}

#[test]
fn the_limit_drops_the_lowest_class_first_and_the_oldest_of_it() {
    on_every_backend(|store, backend| {
        let payload = [1; 200];
        let mut made: BTreeMap<u64, Class> = BTreeMap::new();
        for round in 0..1000 {
            let class = match round % 10 {
                0 => Class::Critical,
                1 => Class::High,
                2..=4 => Class::Routine,
                _ => Class::Bulk,
            };
            // Urgent ones stop early: they fit for themselves.
            if class >= Class::High && round > 450 {
                continue;
            }
            let range = store.append(&[record(class, &payload)]).unwrap();
            made.insert(range.start, class);
            assert!(store.size().queue_bytes <= QUEUE_BYTES, "{backend}: {} bytes", store.size().queue_bytes);
        }
        let mut kept: BTreeMap<Class, Vec<u64>> = BTreeMap::new();
        let mut told = BTreeMap::new();
        let mut expected = 1;
        for entry in read_all(store) {
            assert_eq!(entry.seq, expected, "{backend}: no holes");
            expected = entry.last_seq + 1;
            match entry.gap() {
                None => kept.entry(entry.class).or_default().push(entry.seq),
                Some(gap) => {
                    assert_eq!(gap.reason, GapReason::Dropped, "{backend}");
                    let total: u64 = gap.counts.iter().map(|line| line.count).sum();
                    assert_eq!(total, gap.last - gap.first + 1, "{backend}");
                    for line in gap.counts {
                        *told.entry(line.class).or_insert(0) += line.count;
                    }
                }
            }
        }
        let count = |class| made.values().filter(|one| **one == class).count() as u64;
        for class in [Class::High, Class::Critical] {
            assert_eq!(kept[&class].len() as u64, count(class), "{backend}: {class:?} is kept");
        }
        for (slot, class) in [Class::Bulk, Class::Routine].into_iter().enumerate() {
            let left = kept.get(&class).map_or(0, |left| left.len() as u64);
            assert_eq!(left + told[&class], count(class), "{backend}: every {class:?} is kept or told");
            assert_eq!(store.counters().dropped[slot], told[&class], "{backend}");
        }
        // What is left of the lowest class is the newest of it.
        let left = &kept[&Class::Bulk];
        let newest =
            made.iter().rev().filter(|(_, class)| **class == Class::Bulk).take(left.len()).map(|(seq, _)| *seq);
        let mut newest: Vec<u64> = newest.collect();
        newest.reverse();
        assert_eq!(*left, newest, "{backend}");
    });
}

#[test]
fn even_critical_records_do_not_break_the_limit() {
    on_every_backend(|store, backend| {
        for _ in 0..600 {
            store.append(&[record(Class::Critical, &[1; 200])]).unwrap();
            assert!(store.size().queue_bytes <= QUEUE_BYTES, "{backend}");
        }
        let all = read_all(store);
        assert_eq!((all[0].kind, all[0].seq), (GAP_KIND, 1), "{backend}: the oldest went, and the shore is told");
        assert_eq!(all.last().unwrap().seq, 600, "{backend}");
    });
}

#[test]
fn a_limited_queue_stays_limited_on_disk_however_much_passes_through() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("store");
    let (mut store, _) = DurableStore::open(&directory, options(false)).unwrap();
    for round in 0..1500_u64 {
        let class = if round % 50 == 0 { Class::High } else { Class::Bulk };
        store.append(&[record(class, &[1; 200]), record(Class::Routine, &[2; 100])]).unwrap();
        if round % 400 == 0 {
            store.release(store.next_seq() / 2).unwrap();
        }
    }
    let on_disk: u64 =
        std::fs::read_dir(directory.join("queue")).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert_eq!(on_disk, store.size().queue_bytes, "no file is forgotten");
    assert!(on_disk <= QUEUE_BYTES, "{on_disk}");
}

#[test]
fn a_second_opening_is_refused_while_the_first_lasts() {
    let scratch = tempfile::tempdir().unwrap();
    let (store, _) = DurableStore::open(scratch.path(), options(true)).unwrap();
    let second = DurableStore::open(scratch.path(), options(true)).map(|_| ());
    assert!(matches!(&second, Err(StoreError::Locked { .. })), "{second:?}");
    drop(store);
    DurableStore::open(scratch.path(), options(true)).unwrap();
}

#[test]
fn an_orderly_end_leaves_everything_and_nothing_to_say() {
    let scratch = tempfile::tempdir().unwrap();
    let (mut store, _) = DurableStore::open(scratch.path(), options(true)).unwrap();
    let finding = NewFinding { id: "fnd_a", class: Class::High, kind: 9, payload: b"a" };
    store.commit_findings(&[finding]).unwrap();
    store.put_asset("ast_1", b"switch").unwrap();
    store.put_meta(&[("nonce", b"5")]).unwrap();
    store.release(2).unwrap();
    drop(store);
    let (store, report) = DurableStore::open(scratch.path(), Options { new_epoch: 99, ..options(true) }).unwrap();
    assert!(!report.has_damage() && report.sentences().is_empty(), "{report:?}");
    assert_eq!((store.epoch(), store.low_water(), store.next_seq()), (7, 2, 2));
    assert_eq!(store.finding("fnd_a").unwrap().unwrap().payload, b"a");
    assert_eq!(store.asset("ast_1").unwrap().as_deref(), Some(&b"switch"[..]));
    assert_eq!(store.meta("nonce").as_deref(), Some(&b"5"[..]));
    let check = store.check().unwrap();
    assert_eq!((check.entries, check.damaged_entries, check.index_differences), (2, 0, 0));
}

#[derive(Debug, Clone)]
enum Call {
    Append(u8, Vec<u8>),
    Commit(u8, u8, Vec<u8>),
    Forget(u8),
    Asset(u8, Option<Vec<u8>>),
    Release(u64),
    Flush,
}

fn call() -> impl Strategy<Value = Call> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..300);
    prop_oneof![
        4 => (0..4_u8, bytes()).prop_map(|(class, payload)| Call::Append(class, payload)),
        4 => (0..6_u8, 0..4_u8, bytes()).prop_map(|(id, class, payload)| Call::Commit(id, class, payload)),
        1 => (0..6_u8).prop_map(Call::Forget),
        3 => (0..5_u8, proptest::option::of(bytes())).prop_map(|(id, bytes)| Call::Asset(id, bytes)),
        1 => (0..100_u64).prop_map(Call::Release),
        1 => Just(Call::Flush),
    ]
}

fn play(store: &mut dyn Store, calls: &[Call]) {
    for call in calls {
        match call {
            Call::Append(class, payload) => {
                store.append(&[record(Class::from_number(*class), payload)]).map(drop).unwrap();
            }
            Call::Commit(id, class, payload) => {
                let id = format!("fnd_{id}");
                let class = Class::from_number(*class);
                store.commit_findings(&[NewFinding { id: &id, class, kind: 5, payload }]).map(drop).unwrap();
            }
            Call::Forget(id) => store.forget_finding(&format!("fnd_{id}")).unwrap(),
            Call::Asset(id, Some(bytes)) => store.put_asset(&format!("ast_{id}"), bytes).unwrap(),
            Call::Asset(id, None) => store.forget_asset(&format!("ast_{id}")).unwrap(),
            Call::Release(below) => store.release(*below).unwrap(),
            Call::Flush => store.flush().unwrap(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn all_backends_answer_alike(calls in proptest::collection::vec(call(), 1..120)) {
        // Too few bytes for the limit to be reached: where exactly it drops is each backend's own.
        let mut memory = MemoryStore::new(7, QUEUE_BYTES);
        play(&mut memory, &calls);
        for index in [true, false] {
            let scratch = tempfile::tempdir().unwrap();
            let (mut store, _) = DurableStore::open(scratch.path(), options(index)).unwrap();
            play(&mut store, &calls);
            for reopened in [false, true] {
                if reopened {
                    drop(store);
                    let (again, report) = DurableStore::open(scratch.path(), options(index)).unwrap();
                    prop_assert!(!report.has_damage(), "{report:?}");
                    store = again;
                }
                prop_assert_eq!(store.low_water(), memory.low_water());
                prop_assert_eq!(store.next_seq(), memory.next_seq());
                prop_assert_eq!(read_all(&store), read_all(&memory));
                prop_assert_eq!(store.findings().unwrap(), memory.findings().unwrap());
                prop_assert_eq!(store.assets().unwrap(), memory.assets().unwrap());
                prop_assert_eq!(store.unreceipted_findings(9).unwrap(), memory.unreceipted_findings(9).unwrap());
            }
        }
    }
}
