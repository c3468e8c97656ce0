//! The store in memory: for `analyze`, which keeps nothing, and for tests of what stands above the store. Same rules, nothing durable.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::Store;
use crate::error::{Result, StoreError};
use crate::frame::HEADER_BYTES;
use crate::meta;
use crate::record::{
    Class, GAP_KIND, Gap, MAX_BATCH_BYTES, MAX_RECORD_BYTES, NewFinding, NewRecord, Record, StoredFinding, check_id,
    check_record, within,
};
use crate::report::{CheckReport, Counters, Size, soft_limit};

/// A store that is gone when dropped.
#[derive(Debug)]
pub struct MemoryStore {
    epoch: u32,
    limit_bytes: u64,
    bytes: u64,
    next_seq: u64,
    low_water: u64,
    entries: BTreeMap<u64, Record>,
    findings: BTreeMap<String, StoredFinding>,
    assets: BTreeMap<String, Vec<u8>>,
    state: BTreeMap<String, Vec<u8>>,
    meta: BTreeMap<String, Vec<u8>>,
    counters: Counters,
}

impl MemoryStore {
    /// An empty store whose queue holds at most `queue_bytes`, each record counted with its 28-byte frame.
    #[must_use]
    pub fn new(epoch: u32, queue_bytes: u64) -> Self {
        Self {
            epoch,
            limit_bytes: queue_bytes,
            bytes: 0,
            next_seq: 1,
            low_water: 1,
            entries: BTreeMap::new(),
            findings: BTreeMap::new(),
            assets: BTreeMap::new(),
            state: BTreeMap::new(),
            meta: BTreeMap::new(),
            counters: Counters::default(),
        }
    }

    fn put(&mut self, record: Record) {
        self.bytes += cost(&record);
        self.entries.insert(record.seq, record);
    }

    fn take(&mut self, seq: u64) -> Option<Record> {
        let record = self.entries.remove(&seq)?;
        self.bytes = self.bytes.saturating_sub(cost(&record));
        Some(record)
    }

    /// Drops the oldest records of `class` until at most `target` bytes are left.
    fn shed(&mut self, class: Class, target: u64) {
        let candidates: Vec<u64> = self
            .entries
            .values()
            .filter(|record| record.kind != GAP_KIND && record.class == class)
            .map(|record| record.seq)
            .collect();
        for seq in candidates {
            if self.bytes <= target {
                break;
            }
            let Some(record) = self.take(seq) else { continue };
            if let Some(count) = self.counters.dropped.get_mut(usize::from(class.number())) {
                *count += 1;
            }
            let mut gap = Gap::dropped(seq, record.class, record.kind);
            let before = self.entries.range(..seq).next_back().and_then(|(_, before)| before.gap());
            if let Some(mut before) = before
                && before.join(&gap)
            {
                self.take(before.first);
                gap = before;
            }
            let after = self.entries.get(&(gap.last + 1)).and_then(Record::gap);
            if let Some(after) = after
                && gap.join(&after)
            {
                self.take(after.first);
            }
            self.put(gap.into_record());
        }
    }

    fn make_room(&mut self, bytes: u64) -> Result<()> {
        let soft = soft_limit(self.limit_bytes);
        for class in Class::ALL {
            let bound = if class.is_urgent() { self.limit_bytes } else { soft };
            if self.bytes + bytes > bound {
                self.shed(class, (soft / 4 * 3).saturating_sub(bytes));
            }
        }
        let size = self.bytes + bytes;
        if size > self.limit_bytes {
            return Err(StoreError::TooLarge { what: "queue", size, limit: self.limit_bytes });
        }
        Ok(())
    }
}

fn cost(record: &Record) -> u64 {
    (record.payload.len() + HEADER_BYTES) as u64
}

fn check_value(id: &str, bytes: &[u8]) -> Result<()> {
    check_id(id)?;
    within("value", bytes.len(), MAX_RECORD_BYTES)
}

impl Store for MemoryStore {
    fn epoch(&self) -> u32 {
        self.epoch
    }

    fn next_seq(&self) -> u64 {
        self.next_seq
    }

    fn low_water(&self) -> u64 {
        self.low_water
    }

    fn append(&mut self, records: &[NewRecord<'_>]) -> Result<Range<u64>> {
        let mut bytes = 0;
        for record in records {
            check_record(record.kind, record.payload)?;
            bytes += record.payload.len() + HEADER_BYTES;
        }
        within("batch", bytes, MAX_BATCH_BYTES)?;
        self.make_room(bytes as u64)?;
        let first = self.next_seq;
        for (seq, record) in (first..).zip(records) {
            let NewRecord { class, kind, payload } = *record;
            self.put(Record { seq, last_seq: seq, class, kind, payload: payload.to_vec() });
            self.next_seq = seq + 1;
        }
        Ok(first..self.next_seq)
    }

    fn commit_findings(&mut self, findings: &[NewFinding<'_>]) -> Result<Range<u64>> {
        let mut records = Vec::with_capacity(findings.len());
        for finding in findings {
            check_id(finding.id)?;
            records.push(NewRecord { class: finding.class, kind: finding.kind, payload: finding.payload });
        }
        let range = self.append(&records)?;
        for (seq, finding) in range.clone().zip(findings) {
            let NewFinding { id, class, kind, payload } = *finding;
            let stored = StoredFinding { id: id.to_owned(), seq, class, kind, payload: payload.to_vec() };
            self.findings.insert(id.to_owned(), stored);
        }
        Ok(range)
    }

    fn read(&self, from_seq: u64, max_bytes: usize) -> Result<Vec<Record>> {
        let from = from_seq.max(self.low_water);
        let start = self.entries.range(..=from).next_back().filter(|(_, record)| record.last_seq >= from);
        let start = start.map_or(from, |(seq, _)| *seq);
        let mut out: Vec<Record> = Vec::new();
        let mut left = max_bytes as u64;
        for record in self.entries.range(start..).map(|(_, record)| record) {
            if cost(record) > left && !out.is_empty() {
                break;
            }
            left = left.saturating_sub(cost(record));
            out.push(record.clone());
        }
        Ok(out)
    }

    fn release(&mut self, below_seq: u64) -> Result<()> {
        self.low_water = self.low_water.max(below_seq.min(self.next_seq));
        while let Some((seq, record)) = self.entries.first_key_value()
            && record.last_seq < self.low_water
        {
            let seq = *seq;
            self.take(seq);
        }
        Ok(())
    }

    fn finding(&self, id: &str) -> Result<Option<StoredFinding>> {
        Ok(self.findings.get(id).cloned())
    }

    fn each_finding(&self, visit: &mut dyn FnMut(StoredFinding)) -> Result<()> {
        self.findings.values().cloned().for_each(visit);
        Ok(())
    }

    fn unreceipted_findings(&self, most: usize) -> Result<Vec<(u64, String)>> {
        let waiting = self.findings.values().filter(|finding| finding.seq >= self.low_water);
        let mut waiting: Vec<_> = waiting.map(|finding| (finding.seq, finding.id.clone())).collect();
        waiting.sort_unstable();
        waiting.truncate(most);
        Ok(waiting)
    }

    fn forget_finding(&mut self, id: &str) -> Result<()> {
        self.findings.remove(id);
        Ok(())
    }

    fn put_asset(&mut self, id: &str, bytes: &[u8]) -> Result<()> {
        check_value(id, bytes)?;
        self.assets.insert(id.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn asset(&self, id: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.assets.get(id).cloned())
    }

    fn each_asset(&self, visit: &mut dyn FnMut(&str, Vec<u8>)) -> Result<()> {
        self.assets.iter().for_each(|(id, bytes)| visit(id, bytes.clone()));
        Ok(())
    }

    fn forget_asset(&mut self, id: &str) -> Result<()> {
        self.assets.remove(id);
        Ok(())
    }

    fn put_state(&mut self, key: &str, bytes: &[u8]) -> Result<()> {
        check_value(key, bytes)?;
        self.state.insert(key.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn state(&self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.state.get(key).cloned())
    }

    fn put_meta(&mut self, values: &[(&str, &[u8])]) -> Result<()> {
        self.meta = meta::changed(&self.meta, values)?;
        Ok(())
    }

    fn meta(&self, key: &str) -> Option<Vec<u8>> {
        self.meta.get(key).cloned()
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn size(&self) -> Size {
        let mut waiting = [0; 4];
        for record in self.entries.values().filter(|record| record.kind != GAP_KIND) {
            if let Some(count) = waiting.get_mut(usize::from(record.class.number())) {
                *count += 1;
            }
        }
        Size {
            queue_bytes: self.bytes,
            queue_limit_bytes: self.limit_bytes,
            waiting,
            findings: self.findings.len() as u64,
            assets: self.assets.len() as u64,
            ..Size::default()
        }
    }

    fn counters(&self) -> Counters {
        self.counters
    }

    fn check(&self) -> Result<CheckReport> {
        let gaps = self.entries.values().filter(|record| record.kind == GAP_KIND).count() as u64;
        let entries = (self.findings.len() + self.assets.len() + self.state.len()) as u64;
        Ok(CheckReport { records: self.entries.len() as u64 - gaps, gaps, entries, ..CheckReport::default() })
    }
}
