//! Opening: find what is there, compare the parts with each other and with the witness, repair, rebuild, and say so.
//!
//! The rules, in order of trust: the queue and the ledger are truth, each for itself; each fills what the other is missing; the index can
//! give back ledger entries that are damaged; the witness says how much there should be. A number of the stream is never used twice: when
//! the end of the queue is lost, the stream goes on well past the last number that could have been used, with a gap between.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use crate::ballast::Ballast;
use crate::disk::{Disk, is_full};
use crate::durable::{DurableStore, IndexSlot, Options};
use crate::index::{self, Change, Fault, Index, Indexed};
use crate::ledger::{self, Key, Ledger, LedgerFound, Tree, Version};
use crate::meta::Meta;
use crate::queue::{self, Queue, QueueFound};
use crate::record::{Gap, Record};
use crate::report::{Counters, IndexState, OpenReport, SmallFile};
use crate::witness::{Head, Witness};

/// More numbers than can have been used since the witness was last renewed: it is renewed with every segment, and a segment holds at most
/// (1 MiB + one batch of 8 MiB) / 28 bytes of frames, some 340,000.
const SKIP: u64 = 1 << 20;

/// Room for one rewritten segment whose records are all dropped, and its directory entry, many times over.
const MAX_LAST_RESERVE_BYTES: u64 = 256 * 1024;

/// Opens the store; `root` is where the index lives, `None` for none.
pub(crate) fn open(
    disk: Arc<dyn Disk>,
    root: Option<&Path>,
    options: Options,
) -> io::Result<(DurableStore, OpenReport)> {
    let mut report = OpenReport::default();
    for dir in ["queue", "ledger"] {
        disk.create_dir(dir)?;
    }
    disk.sync_dir("")?;
    disk.remove("store.head.tmp")?;
    disk.remove("meta.tmp")?;
    let (witness, head, witness_state) = Witness::find(disk.as_ref())?;
    let (meta, meta_state) = Meta::find(disk.as_ref())?;
    let meta_promised = head.map_or(0, |head| head.meta);
    report.meta = match meta_state {
        SmallFile::New if meta_promised > 0 => SmallFile::Lost,
        SmallFile::Good if meta.generation() < meta_promised => SmallFile::Restored,
        state => state,
    };
    let on_disk = match head {
        Some(head) => Some(head.epoch),
        None => match queue::epoch_on_disk(disk.as_ref())? {
            Some(epoch) => Some(epoch),
            None => ledger::epoch_on_disk(disk.as_ref())?,
        },
    };
    let epoch = on_disk.unwrap_or(options.new_epoch);
    let low_water = head.map(|head| head.low_water);
    let (queue, queue_found) = Queue::find(Arc::clone(&disk), epoch, low_water, options.segment_bytes)?;
    let next_seq = queue.next_seq();
    let is_wanted =
        |seq: u64| seq >= next_seq || queue_found.holes.iter().any(|(first, last)| (*first..=*last).contains(&seq));
    let (ledger, ledger_found) = Ledger::find(Arc::clone(&disk), epoch, &is_wanted)?;
    let is_empty = next_seq == 1 && ledger.places().is_empty() && ledger_found.fresh;
    let is_damaged = queue_found.damaged_places + ledger_found.damaged_places > 0;
    report.fresh = head.is_none() && witness_state == SmallFile::New && is_empty && !is_damaged;
    report.new_epoch = on_disk.is_none() && !report.fresh && is_damaged;
    report.witness = match witness_state {
        SmallFile::New if !is_empty || is_damaged => SmallFile::Lost,
        state => state,
    };
    report.torn_bytes = queue_found.torn_bytes + ledger_found.torn_bytes;
    report.damaged_places = queue_found.damaged_places + ledger_found.damaged_places;
    let ballast = Ballast::find(disk.as_ref(), "ballast", options.ballast_bytes)?;
    let reserve_bytes = (options.ballast_bytes / 16).min(MAX_LAST_RESERVE_BYTES);
    let last_reserve = Ballast::find(disk.as_ref(), "ballast.last", reserve_bytes)?;
    let mut store = DurableStore {
        disk,
        options,
        epoch,
        queue,
        ledger,
        meta,
        witness,
        ballast,
        last_reserve,
        index: IndexSlot::off(),
        pending: BTreeMap::new(),
        pending_bytes: 0,
        counters: Counters::default(),
        damaged_reads: AtomicU64::new(0),
        lock: None,
    };
    mend_queue(&mut store, &queue_found, &ledger_found, head, &mut report)?;
    let lost_entries = missing_entries(&store.ledger, &ledger_found, head);
    open_index(&mut store, root, head, lost_entries, &mut report)?;
    // Not having room for the witness or the ballast must not keep the store shut: flush tries again.
    if matches!(report.meta, SmallFile::Restored | SmallFile::Lost) {
        let values = store.meta.values().clone();
        tolerate_full(store.meta.write(store.disk.as_ref(), values))?;
    }
    tolerate_full(store.write_head(store.queue.low_water()))?;
    tolerate_full(store.last_reserve.take(store.disk.as_ref()))?;
    tolerate_full(store.ballast.take(store.disk.as_ref()))?;
    let (counts, gaps) = store.queue.counts();
    report.waiting = counts.iter().sum::<u64>() + gaps;
    report.findings = store.ledger.count(Tree::Findings);
    report.assets = store.ledger.count(Tree::Assets);
    Ok((store, report))
}

fn tolerate_full(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if is_full(&error) => Ok(()),
        other => other,
    }
}

/// Tries, and once more without the ballast when the disk is full; `None` when it still is.
fn try_harder<T>(
    store: &mut DurableStore,
    attempt: impl Fn(&mut DurableStore) -> io::Result<T>,
) -> io::Result<Option<T>> {
    for _ in 0..2 {
        match attempt(store) {
            Ok(value) => return Ok(Some(value)),
            Err(error) if is_full(&error) => {
                if store.ballast.free(store.disk.as_ref())? {
                    store.counters.ballast_freed += 1;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Fills the queue's holes from the ledger, queues what an interrupted commit left there, and closes the gap behind a lost end.
fn mend_queue(
    store: &mut DurableStore,
    found: &QueueFound,
    ledger: &LedgerFound,
    head: Option<Head>,
    report: &mut OpenReport,
) -> io::Result<()> {
    let known = |first: u64, last: u64| -> Vec<Record> {
        let from_first = ledger.wanted.iter().skip_while(|(seq, _)| **seq < first);
        from_first.take_while(|(seq, _)| **seq <= last).map(|(_, record)| record.clone()).collect()
    };
    // Without room to write them anew the damaged segments stay; reading shows their gaps all the same, and the next opening tries again.
    let mended = try_harder(store, |store| store.queue.repair(found, &known))?;
    if let Some((restored, lost)) = mended {
        report.restored_records += restored;
        report.lost_records += lost;
    } else {
        report.lost_records += found.holes.iter().map(|(first, last)| last - first + 1).sum::<u64>();
    }
    let next = store.queue.next_seq();
    let promised = head.map_or(0, |head| head.next_seq);
    let end = promised.max(ledger.highest_seq + 1);
    if end <= next {
        return Ok(());
    }
    let mut tail = queue::tile(next, end - 1, known(next, end - 1));
    let lost: u64 = tail.iter().filter_map(Record::gap).map(|gap| gap.last - gap.first + 1).sum();
    let restored = known(next, promised.saturating_sub(1)).len() as u64;
    let forward = tail.iter().filter(|record| record.gap().is_none()).count() as u64 - restored;
    report.lost_records += lost;
    report.restored_records += restored;
    report.rolled_forward += forward;
    if lost > 0 || promised > next {
        report.damaged_places += 1;
        let mut gap = Gap::lost(end, end + SKIP - 1);
        if let Some(mut before) = tail.last().and_then(Record::gap)
            && before.join(&gap)
        {
            tail.pop();
            gap = before;
        }
        tail.push(gap.into_record());
    }
    if try_harder(store, |store| store.queue.append(&tail))?.is_none() {
        store.queue.leave_out(end + SKIP);
    }
    Ok(())
}

/// How many acknowledged entries the ledger lacks.
fn missing_entries(ledger: &Ledger, found: &LedgerFound, head: Option<Head>) -> u64 {
    let Some(head) = head else { return found.lost_entries };
    if found.fresh {
        return if head.next_entry > 1 { (head.findings + head.assets).max(1) } else { 0 };
    }
    let cut = head.next_entry.saturating_sub(ledger.next_entry());
    let vanished = if head.next_entry == ledger.next_entry() && found.lost_entries == 0 {
        let findings = head.findings.saturating_sub(ledger.count(Tree::Findings));
        findings + head.assets.saturating_sub(ledger.count(Tree::Assets))
    } else {
        0
    };
    found.lost_entries + cut + vanished
}

/// Opens the index, brings ledger and index together, and rebuilds the index when it cannot be trusted.
fn open_index(
    store: &mut DurableStore,
    root: Option<&Path>,
    head: Option<Head>,
    lost_entries: u64,
    report: &mut OpenReport,
) -> io::Result<()> {
    let mut applied = 0;
    let mut salvaged = 0;
    if let Some(root) = root {
        let directory = root.join("index");
        // A swap that was cut short: the old one is complete, the new one may not be; either can be made again.
        let was_swapping = root.join("index.old").exists();
        for leftover in ["index.new", "index.old"] {
            remove_dir(&root.join(leftover))?;
        }
        let existed = directory.exists();
        let promised = head.map_or(0, |head| head.index_entry);
        let outcome = if existed || (promised > 1 && !was_swapping) {
            let opened = Index::open(&directory, store.options.index_cache_bytes);
            opened.and_then(|index| {
                let joined = bring_together(store, &index, promised, lost_entries > 0)?;
                applied = index.applied()?;
                Ok((index, joined))
            })
        } else {
            Err(Fault::damaged(""))
        };
        store.index.root = Some(root.to_owned());
        report.index = match outcome {
            Ok((index, joined)) => {
                store.index.index = Some(index);
                store.index.synced = promised;
                salvaged = joined.salvaged;
                match joined.changes {
                    0 => IndexState::Good,
                    entries => IndexState::CaughtUp { entries },
                }
            }
            Err(fault) if fault.is_full => IndexState::Unavailable { reason: fault.reason },
            Err(fault) => rebuild(store, root, existed, fault)?,
        };
        store.index.failed = AtomicBool::new(store.index.index.is_none());
    }
    report.salvaged_entries = salvaged;
    report.lost_entries = lost_entries.saturating_sub(salvaged);
    if lost_entries > 0 || report.lost_entries > 0 {
        // Entry numbers that what was lost may have used are left out, or an old index would be taken for current.
        let promised = head.map_or(0, |head| head.next_entry);
        store.ledger.skip_to(promised.max(applied).max(store.ledger.next_entry()) + SKIP);
        try_harder(store, |store| {
            let index = &store.index;
            store.ledger.compact(&|key, place| index.version(key, place))
        })?;
    }
    Ok(())
}

/// What came of comparing the index with the ledger.
struct Joined {
    changes: u64,
    salvaged: u64,
}

/// Gives the ledger back what only the index still has, and the index what it is behind.
fn bring_together(
    store: &mut DurableStore,
    index: &Index,
    promised: u64,
    ledger_lost: bool,
) -> std::result::Result<Joined, Fault> {
    let mut held: BTreeMap<Key, u64> = BTreeMap::new();
    index.scan(&mut |key, value| {
        held.insert(key, value.entry);
    })?;
    let applied = index.applied()?;
    let ledger_end = store.ledger.next_entry();
    let mut salvage: Vec<Key> = Vec::new();
    let mut remove: Vec<Key> = Vec::new();
    for (key, entry) in &held {
        match store.ledger.places().get(key) {
            Some(place) if *entry > place.entry => salvage.push(key.clone()),
            Some(_) => {}
            None if ledger_lost || *entry >= ledger_end => salvage.push(key.clone()),
            None => remove.push(key.clone()),
        }
    }
    let mut changes: Vec<(Key, Option<Version>)> = Vec::new();
    for key in salvage {
        let value = index.value(&key)?;
        if let Some((_, version)) = value.and_then(|value| ledger::decode(value.class, &value.payload)) {
            changes.push((key, Some(version)));
        }
    }
    let salvaged = changes.len() as u64;
    if salvaged > 0 {
        store.ledger.skip_to(applied.max(ledger_end));
        let written = store.ledger.write(&changes, &|key, place| rescue(index, key, place))?;
        store.ledger.accept(written);
    }
    // Behind is what came after the last applied entry; what should be in and is not was lost by sled.
    let mut behind: Vec<Key> = Vec::new();
    let mut vanished = 0;
    for (key, place) in store.ledger.places() {
        if held.get(key) != Some(&place.entry) {
            vanished += u64::from(place.entry < applied && salvaged == 0);
            behind.push(key.clone());
        }
    }
    if vanished > 0 {
        return Err(Fault::damaged(format!("{vanished} entries had vanished from it")));
    }
    if applied < promised {
        return Err(Fault::damaged(format!("it ends at entry {applied}, the witness says {promised}")));
    }
    let count = (behind.len() + remove.len()) as u64;
    feed(index, &store.ledger, &behind, &remove)?;
    Ok(Joined { changes: count, salvaged })
}

fn rescue(index: &Index, key: &Key, place: &ledger::Place) -> Option<(u8, Vec<u8>)> {
    let value = index.value(key).ok()??;
    (value.entry == place.entry).then_some((value.class, value.payload))
}

fn feed(index: &Index, ledger: &Ledger, put: &[Key], remove: &[Key]) -> std::result::Result<(), Fault> {
    const AT_ONCE: usize = 256;
    let applied = ledger.next_entry();
    for keys in put.chunks(AT_ONCE) {
        let mut values = Vec::with_capacity(keys.len());
        for key in keys {
            let Some(place) = ledger.places().get(key) else { continue };
            if let Some((class, payload)) = ledger.read(place)? {
                values.push((key, Indexed { entry: place.entry, class, payload }));
            }
        }
        let applied_so_far = index.applied()?;
        index.apply(values.into_iter().map(|(key, value)| Change::Put(key, value)), applied_so_far)?;
    }
    index.apply(remove.iter().map(Change::Remove), applied)
}

/// Moves a damaged index aside and makes a new one from the ledger.
fn rebuild(store: &mut DurableStore, root: &Path, existed: bool, fault: Fault) -> io::Result<IndexState> {
    let directory = root.join("index");
    let moved_to = if existed && directory.exists() { Some(index::set_aside(root, &directory)?) } else { None };
    match build_index(root, &store.ledger, store.options.index_cache_bytes) {
        Ok((index, entries)) => {
            store.index.index = Some(index);
            store.index.synced = store.ledger.next_entry();
            Ok(match moved_to {
                Some(moved_to) => IndexState::Rebuilt { reason: fault.reason, entries, moved_to },
                None if fault.reason.is_empty() => IndexState::Built { entries },
                None => IndexState::Rebuilt { reason: fault.reason, entries, moved_to: "nowhere (gone)".to_owned() },
            })
        }
        Err(fault) => Ok(IndexState::Unavailable { reason: fault.reason }),
    }
}

/// Makes the index anew beside the old one and swaps them; a cut at any point leaves one that is complete, or none.
pub(crate) fn build_index(root: &Path, ledger: &Ledger, cache_bytes: u64) -> std::result::Result<(Index, u64), Fault> {
    let (directory, fresh, old) = (root.join("index"), root.join("index.new"), root.join("index.old"));
    remove_dir(&fresh)?;
    remove_dir(&old)?;
    let index = Index::open(&fresh, cache_bytes)?;
    let keys: Vec<Key> = ledger.places().keys().cloned().collect();
    feed(&index, ledger, &keys, &[])?;
    index.flush()?;
    // sled keeps using its path: it has to be closed before the directory is renamed.
    drop(index);
    if directory.exists() {
        fs::rename(&directory, &old)?;
    }
    fs::rename(&fresh, &directory)?;
    fs::File::open(root)?.sync_all()?;
    remove_dir(&old)?;
    Ok((Index::open(&directory, cache_bytes)?, keys.len() as u64))
}

fn remove_dir(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
