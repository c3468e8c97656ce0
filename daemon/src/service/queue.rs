//! The store as the uplink sees it: numbered records to read, and a mark below which they may go.

use dogwatch_bundle::{Class, FindingUpdate, Gap, Record};
use dogwatch_model::CaptureTime;
use dogwatch_store::{Class as StoreClass, Store};

use super::keeper::{SharedStore, lock};
use crate::uplink::{Queue, QueueError, Queued};

/// A finding the shore has not heard of.
pub(super) const KIND_FINDING: u8 = 1;
/// A finding the shore was told of before; the payload is the whole finding, what goes ashore is the change.
pub(super) const KIND_FINDING_CHANGED: u8 = 2;
/// A device as it stands now.
pub(super) const KIND_ASSET: u8 = 3;
/// How the box is.
pub(super) const KIND_HEALTH: u8 = 4;

/// Bytes asked of the store at a time.
const READ_BYTES: usize = 1 << 20;
/// Where the uplink keeps its own state.
const STATE_KEY: &str = "uplink";

/// See the file's head.
pub(super) struct StoreQueue {
    store: SharedStore,
    epoch: u32,
}

impl StoreQueue {
    /// The queue of a store.
    #[must_use]
    pub(super) fn new(store: SharedStore) -> Self {
        let epoch = lock(&store).epoch();
        Self { store, epoch }
    }
}

impl Queue for StoreQueue {
    fn epoch(&self) -> u32 {
        self.epoch
    }

    fn read(&self, from: u64, max: usize) -> Result<Vec<Queued>, QueueError> {
        let records = lock(&self.store).read(from, READ_BYTES)?;
        let mut out = Vec::new();
        for record in records {
            if out.len() >= max {
                break;
            }
            let class = class_of(record.class);
            let bytes = match record.gap() {
                Some(gap) => {
                    // one record of the stream stands for the whole range it fills
                    let counts = gap
                        .counts
                        .iter()
                        .map(|count| (format!("kind {} {:?}", count.kind, count.class), count.count))
                        .collect();
                    Record::Gap(Gap { ranges: vec![(record.seq, record.last_seq)], counts }).to_bytes()?
                }
                None if record.kind == KIND_FINDING_CHANGED => change_of(&record.payload)?,
                None => record.payload,
            };
            out.push(Queued { seq: record.seq, class, queued_ms: queued_ms(&bytes), bytes });
        }
        Ok(out)
    }

    fn release(&self, below: u64) -> Result<(), QueueError> {
        Ok(lock(&self.store).release(below)?)
    }

    fn load_state(&self) -> Result<Option<Vec<u8>>, QueueError> {
        Ok(lock(&self.store).meta(STATE_KEY))
    }

    fn save_state(&self, state: &[u8]) -> Result<(), QueueError> {
        Ok(lock(&self.store).put_meta(&[(STATE_KEY, state)])?)
    }
}

/// What changed, of a whole finding.
fn change_of(payload: &[u8]) -> Result<Vec<u8>, QueueError> {
    let record = Record::from_bytes(payload)?;
    let Record::Finding(finding) = record else { return Ok(payload.to_vec()) };
    let update = FindingUpdate {
        finding_id: finding.finding_id.clone(),
        last_seen: finding.last_seen,
        count: finding.count,
        severity: finding.severity,
        raised: false,
        status: finding.status,
        change: finding.status_history.last().cloned(),
    };
    Ok(Record::FindingUpdate(update).to_bytes()?)
}

/// When a record was made, as well as it tells: for the age of the queue, not for the shore.
fn queued_ms(bytes: &[u8]) -> i64 {
    let at = match Record::from_bytes(bytes) {
        Ok(Record::Finding(finding)) => finding.last_seen,
        Ok(Record::FindingUpdate(update)) => update.last_seen,
        Ok(Record::Asset(asset)) => asset.last_seen,
        Ok(Record::Health(health)) => health.at,
        Ok(Record::AssetChange(_) | Record::Gap(_)) | Err(_) => CaptureTime::default(),
    };
    at.millis()
}

const fn class_of(class: StoreClass) -> Class {
    match class {
        StoreClass::Critical => Class::Critical,
        StoreClass::High => Class::High,
        StoreClass::Routine => Class::Routine,
        StoreClass::Bulk => Class::Bulk,
    }
}
