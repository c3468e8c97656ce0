//! A ship for tests: an upload queue in memory that outlives the uplink, as the real one outlives the process, and findings to put in it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::fleet::{Dice, finding};
use dogwatch::uplink::{Clock, Queue, QueueError, Queued};
use dogwatch_bundle::{Record, SigningKey};
use dogwatch_model::{Finding, Severity, TimeSource};

pub(crate) const START_MS: i64 = 1_795_305_600_000;

/// An upload queue in memory.
#[derive(Default)]
pub(crate) struct MemoryQueue {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    records: BTreeMap<u64, Queued>,
    last_seq: u64,
    state: Option<Vec<u8>>,
    /// Highest number ever let go, plus one.
    released: u64,
}

impl MemoryQueue {
    pub(crate) fn push(&self, record: &Record, queued_ms: i64) -> u64 {
        let mut inner = self.inner.lock().unwrap();
        inner.last_seq += 1;
        let seq = inner.last_seq;
        let bytes = record.to_bytes().unwrap();
        inner.records.insert(seq, Queued { seq, class: record.class(), queued_ms, bytes });
        seq
    }

    /// Damages what is queued under a number.
    pub(crate) fn damage(&self, seq: u64) {
        self.inner.lock().unwrap().records.get_mut(&seq).unwrap().bytes = b"\x01{broken".to_vec();
    }

    /// Numbers still held.
    pub(crate) fn held(&self) -> Vec<u64> {
        self.inner.lock().unwrap().records.keys().copied().collect()
    }

    pub(crate) fn released(&self) -> u64 {
        self.inner.lock().unwrap().released
    }

    /// Forgets the uplink's saved state, as a damaged disk would.
    pub(crate) fn lose_state(&self) {
        self.inner.lock().unwrap().state = None;
    }
}

impl Queue for MemoryQueue {
    fn epoch(&self) -> u32 {
        0xcafe
    }

    fn read(&self, from: u64, max: usize) -> Result<Vec<Queued>, QueueError> {
        Ok(self.inner.lock().unwrap().records.range(from..).take(max).map(|(_, queued)| queued.clone()).collect())
    }

    fn release(&self, below: u64) -> Result<(), QueueError> {
        let mut inner = self.inner.lock().unwrap();
        inner.records = inner.records.split_off(&below);
        inner.released = inner.released.max(below);
        Ok(())
    }

    fn load_state(&self) -> Result<Option<Vec<u8>>, QueueError> {
        Ok(self.inner.lock().unwrap().state.clone())
    }

    fn save_state(&self, state: &[u8]) -> Result<(), QueueError> {
        self.inner.lock().unwrap().state = Some(state.to_vec());
        Ok(())
    }
}

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32]).unwrap()
}

/// A ship's clock that begins at [`START_MS`]: retries need time to pass.
pub(crate) fn clock() -> Clock {
    let started = std::time::Instant::now();
    Arc::new(move || {
        let passed = i64::try_from(started.elapsed().as_millis()).unwrap();
        (START_MS + passed, TimeSource::GnssZda)
    })
}

/// A finding of a severity; every one is another.
pub(crate) fn some_finding(dice: &mut Dice, severity: Severity) -> Finding {
    let at = START_MS - dice.below(86_400_000) as i64;
    Finding { severity, ..finding(dice, at) }
}

pub(crate) fn record(finding: &Finding) -> Record {
    Record::Finding(Box::new(finding.clone()))
}

/// The finding as the shore must hold it.
pub(crate) fn carried(finding: &Finding) -> Finding {
    match record(finding).as_carried() {
        Record::Finding(finding) => *finding,
        other => panic!("{other:?}"),
    }
}
