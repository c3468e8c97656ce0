//! The store on disk: queue, ledger, meta, witness, ballast and index put together; what a full disk and a full queue mean.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::ballast::Ballast;
use crate::disk::{self, Disk, RealDisk};
use crate::error::{Result, StoreError};
use crate::index::{Change, Fault, Index, Indexed};
use crate::ledger::{self, Key, Ledger, Place, Tree, Version};
use crate::meta::Meta;
use crate::queue::Queue;
use crate::record::{
    Class, MAX_BATCH_BYTES, NewFinding, NewRecord, Record, StoredFinding, check_id, check_record, within,
};
use crate::report::{CheckReport, Counters, OpenReport, Size, soft_limit};
use crate::witness::{Head, Witness};
use crate::{Store, recover};

/// How large things may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Epoch of the stream, should it begin anew: a fresh random number at every opening.
    pub new_epoch: u32,
    /// Limit of the queue on disk, bytes. From 80 % on, bulk and then routine records are dropped; at the limit high and critical too.
    pub queue_bytes: u64,
    /// Size at which a new queue segment begins, bytes.
    pub segment_bytes: u64,
    /// Limit of the latest versions in the ledger, bytes; the file may be three times that. Urgent findings may exceed it by a quarter.
    pub ledger_bytes: u64,
    /// Space held back on the partition for urgent findings, bytes; 0 for none.
    pub ballast_bytes: u64,
    /// Assets and state held in memory before they are written without waiting for a flush, bytes.
    pub pending_bytes: u64,
    /// Whether to keep the sled index; without it every look-up reads the ledger.
    pub index: bool,
    /// Memory sled may use as cache, bytes.
    pub index_cache_bytes: u64,
}

const MIB: u64 = 1024 * 1024;

impl Options {
    /// The usual sizes, with the epoch to use if the stream begins anew.
    #[must_use]
    pub const fn new(new_epoch: u32) -> Self {
        Self {
            new_epoch,
            queue_bytes: 256 * MIB,
            segment_bytes: MIB,
            ledger_bytes: 128 * MIB,
            ballast_bytes: 16 * MIB,
            pending_bytes: MIB,
            index: true,
            index_cache_bytes: 16 * MIB,
        }
    }
}

/// The store on disk; see the crate's page for its files.
pub struct DurableStore {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) options: Options,
    pub(crate) epoch: u32,
    pub(crate) queue: Queue,
    pub(crate) ledger: Ledger,
    pub(crate) meta: Meta,
    pub(crate) witness: Witness,
    pub(crate) ballast: Ballast,
    /// Given up last, so that there is room to drop what may be dropped.
    pub(crate) last_reserve: Ballast,
    pub(crate) index: IndexSlot,
    /// Assets and state not yet written; `None` removes.
    pub(crate) pending: BTreeMap<Key, Option<Version>>,
    pub(crate) pending_bytes: u64,
    pub(crate) counters: Counters,
    pub(crate) damaged_reads: AtomicU64,
    /// Held for as long as the store is open.
    pub(crate) lock: Option<File>,
}

/// The index, or what is left of it once it has failed.
pub(crate) struct IndexSlot {
    /// The store's directory; `None` without an index.
    pub(crate) root: Option<PathBuf>,
    pub(crate) index: Option<Index>,
    pub(crate) failed: AtomicBool,
    /// Ledger entries below this are durable in the index.
    pub(crate) synced: u64,
}

impl IndexSlot {
    pub(crate) fn off() -> Self {
        Self { root: None, index: None, failed: AtomicBool::new(false), synced: 0 }
    }

    /// Asks the index; a fault gives it up until the next opening.
    fn ask<T>(&self, question: impl FnOnce(&Index) -> std::result::Result<T, Fault>) -> Option<T> {
        let index = self.index.as_ref().filter(|_| !self.failed.load(Ordering::Relaxed))?;
        let answer = question(index);
        if answer.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        answer.ok()
    }

    /// The version of `place`, if the index holds exactly that one.
    pub(crate) fn version(&self, key: &Key, place: &Place) -> Option<(u8, Vec<u8>)> {
        let found = self.ask(|index| index.value(key))??;
        (found.entry == place.entry).then_some((found.class, found.payload))
    }
}

impl DurableStore {
    /// Opens the store in `directory`, making it if need be, and says what was found. Damage is not an error: it is repaired as far as it
    /// can be and told in the report.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it open; the file system's own errors.
    pub fn open(directory: &Path, options: Options) -> Result<(Self, OpenReport)> {
        let opening = StoreError::io("opening the store");
        let disk = RealDisk::new(directory).map_err(&opening)?;
        let Some(lock) = disk::lock(directory).map_err(&opening)? else {
            return Err(StoreError::Locked { path: directory.to_owned() });
        };
        let root = options.index.then_some(directory);
        let (mut store, report) = recover::open(Arc::new(disk), root, options).map_err(&opening)?;
        store.lock = Some(lock);
        Ok((store, report))
    }

    pub(crate) fn head(&self, low_water: u64) -> Head {
        Head {
            epoch: self.epoch,
            low_water,
            next_seq: self.queue.next_seq(),
            next_entry: self.ledger.next_entry(),
            findings: self.ledger.count(Tree::Findings),
            assets: self.ledger.count(Tree::Assets),
            index_entry: self.index.synced,
            meta: self.meta.generation(),
        }
    }

    pub(crate) fn write_head(&mut self, low_water: u64) -> io::Result<()> {
        let head = self.head(low_water);
        self.witness.write(self.disk.as_ref(), head)
    }

    /// Tries; on a full disk gives up the ballast and then what may be dropped from the queue, if it is urgent.
    pub(crate) fn with_room<T>(
        &mut self,
        doing: &'static str,
        is_urgent: bool,
        attempt: impl Fn(&mut Self) -> io::Result<T>,
    ) -> Result<T> {
        let mut outcome = attempt(self);
        if !is_urgent || !matches!(&outcome, Err(error) if disk::is_full(error)) {
            return outcome.map_err(StoreError::io(doing));
        }
        if self.ballast.free(self.disk.as_ref()).unwrap_or(false) {
            self.counters.ballast_freed += 1;
            outcome = attempt(self);
        }
        if matches!(&outcome, Err(error) if disk::is_full(error)) {
            // What cannot be given up or dropped shows in the next attempt.
            let _ = self.last_reserve.free(self.disk.as_ref());
            let _ = self.queue.shed(0, Some(Class::High), &mut self.counters.dropped);
            outcome = attempt(self);
        }
        outcome.map_err(StoreError::io(doing))
    }

    /// Makes room for `bytes` in the queue within its limit.
    fn make_room(&mut self, bytes: u64) -> Result<()> {
        let limit = self.options.queue_bytes;
        let soft = soft_limit(limit);
        let target = (soft / 4 * 3).saturating_sub(bytes);
        for (bound, kept) in [(soft, Some(Class::High)), (limit, None)] {
            if self.queue.bytes() + bytes > bound {
                self.with_room("dropping queued records", true, |store| {
                    store.queue.shed(target, kept, &mut store.counters.dropped)
                })?;
            }
        }
        if self.queue.bytes() + bytes > limit {
            return Err(StoreError::TooLarge { what: "queue", size: self.queue.bytes() + bytes, limit });
        }
        Ok(())
    }

    fn queue_up(&mut self, records: &[Record], changes: &[(Key, Option<Version>)]) -> Result<Range<u64>> {
        let bytes: usize = records.iter().map(|record| record.payload.len() + crate::frame::HEADER_BYTES).sum();
        within("batch", bytes, MAX_BATCH_BYTES)?;
        self.make_room(bytes as u64)?;
        let is_urgent = records.iter().any(|record| record.class.is_urgent());
        let segment = self.queue.last_segment();
        let first = self.queue.next_seq();
        self.with_room("queueing records", is_urgent, |store| {
            if changes.is_empty() {
                return store.queue.append(records);
            }
            let index = &store.index;
            let written = store.ledger.write(changes, &|key, place| index.version(key, place))?;
            if let Err(error) = store.queue.append(records) {
                store.ledger.undo(&written);
                return Err(error);
            }
            store.ledger.accept(written);
            Ok(())
        })?;
        self.feed_index(changes);
        if self.queue.last_segment() != segment {
            // The records are durable; a witness that could not be renewed is renewed by the next flush.
            let _ = self.write_head(self.queue.low_water());
        }
        Ok(first..self.queue.next_seq())
    }

    fn check_ledger_room(&self, bytes: usize, is_urgent: bool) -> Result<()> {
        let limit = if is_urgent { self.options.ledger_bytes / 4 * 5 } else { self.options.ledger_bytes };
        let size = self.ledger.live_bytes() + self.pending_bytes + bytes as u64;
        if size > limit { Err(StoreError::TooLarge { what: "ledger", size, limit }) } else { Ok(()) }
    }

    fn feed_index(&mut self, changes: &[(Key, Option<Version>)]) {
        let places = self.ledger.places();
        let applied = self.ledger.next_entry();
        let changes = changes.iter().map(|(key, version)| match (version, places.get(key)) {
            (Some(version), Some(place)) => Change::Put(
                key,
                Indexed { entry: place.entry, class: version.class.number(), payload: ledger::encode(&key.1, version) },
            ),
            _ => Change::Remove(key),
        });
        self.index.ask(|index| index.apply(changes, applied));
    }

    /// Writes pending assets and state; durable on return.
    fn write_pending(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let changes: Vec<_> = self.pending.iter().map(|(key, version)| (key.clone(), version.clone())).collect();
        self.write_changes(&changes, "writing assets and state")?;
        self.pending.clear();
        self.pending_bytes = 0;
        Ok(())
    }

    fn write_changes(&mut self, changes: &[(Key, Option<Version>)], doing: &'static str) -> Result<()> {
        self.with_room(doing, false, |store| {
            let index = &store.index;
            let written = store.ledger.write(changes, &|key, place| index.version(key, place))?;
            store.ledger.accept(written);
            Ok(())
        })?;
        self.feed_index(changes);
        Ok(())
    }

    fn put(&mut self, tree: Tree, id: &str, bytes: Option<&[u8]>) -> Result<()> {
        check_id(id)?;
        let size = bytes.map_or(0, <[u8]>::len);
        within("value", size, crate::MAX_RECORD_BYTES)?;
        let key = (tree, id.to_owned());
        if bytes.is_some() {
            self.check_ledger_room(size, false)?;
        } else if !self.ledger.places().contains_key(&key) && !self.pending.contains_key(&key) {
            return Ok(());
        }
        let version = bytes.map(|bytes| Version { seq: 0, class: Class::Bulk, kind: 0, bytes: bytes.to_vec() });
        let old = self.pending.insert(key, version);
        let freed = old.flatten().map_or(0, |old| old.bytes.len());
        self.pending_bytes = self.pending_bytes.saturating_sub(freed as u64) + size as u64;
        if self.pending_bytes > self.options.pending_bytes { self.write_pending() } else { Ok(()) }
    }

    fn value(&self, tree: Tree, id: &str) -> Result<Option<Version>> {
        let key = (tree, id.to_owned());
        if let Some(version) = self.pending.get(&key) {
            return Ok(version.clone());
        }
        let Some(place) = self.ledger.places().get(&key) else { return Ok(None) };
        self.version(&key, place)
    }

    fn version(&self, key: &Key, place: &Place) -> Result<Option<Version>> {
        let held = match self.index.version(key, place) {
            Some(held) => Some(held),
            None => self.ledger.read(place).map_err(StoreError::io("reading the ledger"))?,
        };
        let version = held.and_then(|(class, payload)| ledger::decode(class, &payload));
        if version.is_none() {
            self.damaged_reads.fetch_add(1, Ordering::Relaxed);
        }
        Ok(version.map(|(_, version)| version))
    }

    fn stored(&self, id: &str, place: Place) -> Result<Option<StoredFinding>> {
        let version = self.version(&(Tree::Findings, id.to_owned()), &place)?;
        Ok(version.map(|Version { seq, class, kind, bytes }| StoredFinding {
            id: id.to_owned(),
            seq,
            class,
            kind,
            payload: bytes,
        }))
    }

    /// Makes the index durable, or anew when it has grown far past what it holds.
    fn tend_index(&mut self) {
        let applied = self.ledger.next_entry();
        if self.index.ask(Index::flush).is_none() {
            return;
        }
        self.index.synced = applied;
        let bytes = self.index.ask(|index| Ok(index.bytes())).unwrap_or(0);
        if bytes > 3 * self.ledger.live_bytes() + 16 * MIB {
            let Some(root) = self.index.root.clone() else { return };
            self.index.index = None;
            match recover::build_index(&root, &self.ledger, self.options.index_cache_bytes) {
                Ok((index, _)) => {
                    self.index.index = Some(index);
                    self.counters.index_compactions += 1;
                }
                Err(_) => self.index.failed.store(true, Ordering::Relaxed),
            }
        }
    }
}

impl Store for DurableStore {
    fn epoch(&self) -> u32 {
        self.epoch
    }

    fn next_seq(&self) -> u64 {
        self.queue.next_seq()
    }

    fn low_water(&self) -> u64 {
        self.queue.low_water()
    }

    fn append(&mut self, records: &[NewRecord<'_>]) -> Result<Range<u64>> {
        let mut numbered = Vec::with_capacity(records.len());
        for (seq, record) in (self.queue.next_seq()..).zip(records) {
            check_record(record.kind, record.payload)?;
            let NewRecord { class, kind, payload } = *record;
            numbered.push(Record { seq, last_seq: seq, class, kind, payload: payload.to_vec() });
        }
        self.queue_up(&numbered, &[])
    }

    fn commit_findings(&mut self, findings: &[NewFinding<'_>]) -> Result<Range<u64>> {
        let mut numbered = Vec::with_capacity(findings.len());
        let mut changes = Vec::with_capacity(findings.len());
        let mut bytes = 0;
        for (seq, finding) in (self.queue.next_seq()..).zip(findings) {
            check_id(finding.id)?;
            check_record(finding.kind, finding.payload)?;
            let NewFinding { id, class, kind, payload } = *finding;
            bytes += payload.len();
            numbered.push(Record { seq, last_seq: seq, class, kind, payload: payload.to_vec() });
            let version = Version { seq, class, kind, bytes: payload.to_vec() };
            changes.push(((Tree::Findings, id.to_owned()), Some(version)));
        }
        self.check_ledger_room(bytes, findings.iter().any(|finding| finding.class.is_urgent()))?;
        self.queue_up(&numbered, &changes)
    }

    fn read(&self, from_seq: u64, max_bytes: usize) -> Result<Vec<Record>> {
        let (records, damaged) = self.queue.read(from_seq, max_bytes).map_err(StoreError::io("reading the queue"))?;
        self.damaged_reads.fetch_add(damaged, Ordering::Relaxed);
        Ok(records)
    }

    fn release(&mut self, below_seq: u64) -> Result<()> {
        let below = below_seq.min(self.queue.next_seq());
        if below <= self.queue.low_water() {
            return Ok(());
        }
        self.with_room("noting the receipt", true, |store| store.write_head(below))?;
        self.queue.release(below).map_err(StoreError::io("deleting receipted segments"))
    }

    fn finding(&self, id: &str) -> Result<Option<StoredFinding>> {
        match self.ledger.places().get(&(Tree::Findings, id.to_owned())) {
            Some(place) => self.stored(id, *place),
            None => Ok(None),
        }
    }

    fn each_finding(&self, visit: &mut dyn FnMut(StoredFinding)) -> Result<()> {
        for (id, place) in self.ledger.ids(Tree::Findings) {
            if let Some(finding) = self.stored(id, place)? {
                visit(finding);
            }
        }
        Ok(())
    }

    fn unreceipted_findings(&self, most: usize) -> Result<Vec<(u64, String)>> {
        let low_water = self.queue.low_water();
        let waiting = self.ledger.ids(Tree::Findings).filter(|(_, place)| place.seq >= low_water);
        let mut waiting: Vec<(u64, String)> = waiting.map(|(id, place)| (place.seq, id.to_owned())).collect();
        waiting.sort_unstable();
        waiting.truncate(most);
        Ok(waiting)
    }

    fn forget_finding(&mut self, id: &str) -> Result<()> {
        let key = (Tree::Findings, id.to_owned());
        if !self.ledger.places().contains_key(&key) {
            return Ok(());
        }
        self.write_changes(&[(key, None)], "forgetting a finding")
    }

    fn put_asset(&mut self, id: &str, bytes: &[u8]) -> Result<()> {
        self.put(Tree::Assets, id, Some(bytes))
    }

    fn asset(&self, id: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.value(Tree::Assets, id)?.map(|version| version.bytes))
    }

    fn each_asset(&self, visit: &mut dyn FnMut(&str, Vec<u8>)) -> Result<()> {
        let mut ids: Vec<&str> = self.ledger.ids(Tree::Assets).map(|(id, _)| id).collect();
        ids.extend(self.pending.keys().filter(|(tree, _)| *tree == Tree::Assets).map(|(_, id)| id.as_str()));
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            if let Some(version) = self.value(Tree::Assets, id)? {
                visit(id, version.bytes);
            }
        }
        Ok(())
    }

    fn forget_asset(&mut self, id: &str) -> Result<()> {
        self.put(Tree::Assets, id, None)
    }

    fn put_state(&mut self, key: &str, bytes: &[u8]) -> Result<()> {
        self.put(Tree::State, key, Some(bytes))
    }

    fn state(&self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.value(Tree::State, key)?.map(|version| version.bytes))
    }

    fn put_meta(&mut self, values: &[(&str, &[u8])]) -> Result<()> {
        let changed = self.meta.changed(values)?;
        self.with_room("writing meta", true, |store| {
            store.meta.write(store.disk.as_ref(), changed.clone())?;
            // The witness must know of the file from the first write on; later it may lag behind.
            if store.meta.generation() == 1 { store.write_head(store.queue.low_water()) } else { Ok(()) }
        })
    }

    fn meta(&self, key: &str) -> Option<Vec<u8>> {
        self.meta.value(key).map(<[u8]>::to_vec)
    }

    fn flush(&mut self) -> Result<()> {
        let written = self.write_pending();
        if self.ledger.is_sparse(self.options.segment_bytes) {
            let index = &self.index;
            let compacted = self.ledger.compact(&|key, place| index.version(key, place));
            let lost = compacted.map_err(StoreError::io("rewriting the ledger"))?;
            self.damaged_reads.fetch_add(lost, Ordering::Relaxed);
            self.counters.ledger_compactions += 1;
        }
        self.tend_index();
        // Not urgent: nothing is dropped from the queue for it, the older witness still says what it says.
        self.with_room("renewing the witness", false, |store| store.write_head(store.queue.low_water()))?;
        let taken = self.last_reserve.take(self.disk.as_ref()).and_then(|()| self.ballast.take(self.disk.as_ref()));
        taken.map_err(StoreError::io("taking the ballast back"))?;
        written
    }

    fn size(&self) -> Size {
        Size {
            queue_bytes: self.queue.bytes(),
            queue_limit_bytes: self.options.queue_bytes,
            waiting: self.queue.counts().0,
            ledger_bytes: self.ledger.bytes(),
            ledger_live_bytes: self.ledger.live_bytes(),
            index_bytes: self.index.ask(|index| Ok(index.bytes())).unwrap_or(0),
            pending_bytes: self.pending_bytes,
            ballast: self.ballast.is_held(),
            findings: self.ledger.count(Tree::Findings),
            assets: self.ledger.count(Tree::Assets),
        }
    }

    fn counters(&self) -> Counters {
        let failed = self.index.failed.load(Ordering::Relaxed);
        Counters {
            damaged_reads: self.damaged_reads.load(Ordering::Relaxed),
            index_failures: u64::from(failed),
            ..self.counters
        }
    }

    fn check(&self) -> Result<CheckReport> {
        let checking = StoreError::io("checking the store");
        let (records, gaps, damaged_queue) = self.queue.check().map_err(&checking)?;
        let mut report = CheckReport { records, gaps, damaged_queue, ..CheckReport::default() };
        for (key, place) in self.ledger.places() {
            let sound = self.ledger.read(place).map_err(&checking)?;
            match &sound {
                Some(_) => report.entries += 1,
                None => report.damaged_entries += 1,
            }
            let is_indexed = self.index.index.is_some() && !self.index.failed.load(Ordering::Relaxed);
            if is_indexed && self.index.version(key, place) != sound {
                report.index_differences += 1;
            }
        }
        Ok(report)
    }
}

impl Drop for DurableStore {
    fn drop(&mut self) {
        // Nothing acknowledged depends on it; an orderly end has called flush and seen its errors.
        let _ = self.flush();
    }
}
