//! What must survive a power cut: the queue of records on their way ashore, the findings shown aboard, the assets, and a few counters.
//!
//! One trait, [`Store`], two backends: [`DurableStore`] on disk, [`MemoryStore`] for `analyze` and tests. Records, findings and assets are
//! opaque bytes here; what they mean is for the callers. There is no clock, no thread and no network in this crate, and no log line: what
//! happened is returned ([`OpenReport`], [`Counters`]) for the caller to tell.
//!
//! ```text
//! <directory>/
//!   LOCK                  held while open: never two processes
//!   store.head (+ .bak)   the witness: what should be there
//!   meta (+ .bak)         counters and small durable values
//!   queue/NNNNNNNN.seg    the stream: numbered records, appended, synced, then acknowledged
//!   ledger/NNNNNNNN.log   the latest version of every finding, asset and piece of state; outlives the receipt
//!   index/                sled: the same by key; rebuilt from the ledger whenever in doubt
//!   ballast (+ .last)     space held back, given up on a full disk
//!   store.bad-<n>         damaged indexes moved aside, the two newest
//! ```
//!
//! A commit of findings writes the ledger, syncs, writes the queue, syncs, and only then returns. What a cut between the two leaves in the
//! ledger is queued at the next opening. Nothing that was acknowledged rests on sled, whose flush is not durable on Linux.

mod ballast;
mod codec;
#[cfg(test)]
mod crash_tests;
mod disk;
mod durable;
mod error;
mod frame;
mod index;
mod ledger;
mod memory;
mod meta;
mod queue;
mod record;
mod recover;
mod report;
mod segment;
#[cfg(test)]
mod sim;
mod small_file;
mod witness;

use std::ops::Range;

pub use durable::{DurableStore, Options};
pub use error::{Result, StoreError};
pub use memory::MemoryStore;
pub use meta::MAX_META_BYTES;
pub use record::{
    Class, GAP_KIND, Gap, GapCount, GapReason, MAX_BATCH_BYTES, MAX_ID_BYTES, MAX_RECORD_BYTES, NewFinding, NewRecord,
    Record, StoredFinding,
};
pub use report::{CheckReport, Counters, IndexState, OpenReport, Size, SmallFile};

/// Keeps what must not be lost.
///
/// The stream is (epoch, number): numbers start at 1 and have no holes; where records were dropped or lost a gap entry stands for them.
pub trait Store: Send {
    /// The stream's epoch: drawn at random by whoever made the store, new whenever the stream begins anew.
    fn epoch(&self) -> u32;
    /// The number the next record gets.
    fn next_seq(&self) -> u64;
    /// The first number the shore has not receipted.
    fn low_water(&self) -> u64;

    /// Queues records. They are durable when this returns, and numbered in order as the returned range; on an error none counts.
    fn append(&mut self, records: &[NewRecord<'_>]) -> Result<Range<u64>>;
    /// Keeps findings aboard and queues them, both durable when this returns; on an error none counts.
    fn commit_findings(&mut self, findings: &[NewFinding<'_>]) -> Result<Range<u64>>;
    /// Reads entries from `from_seq` on until they make about `max_bytes`; at least one if there is one. A first entry with a smaller
    /// number is a gap that covers `from_seq`.
    fn read(&self, from_seq: u64, max_bytes: usize) -> Result<Vec<Record>>;
    /// Lets everything below `below_seq` go: the shore has receipted it. Durable when this returns. Never goes back.
    fn release(&mut self, below_seq: u64) -> Result<()>;

    /// The latest version of a finding.
    fn finding(&self, id: &str) -> Result<Option<StoredFinding>>;
    /// Visits the latest version of every finding, in order of ids.
    fn each_finding(&self, visit: &mut dyn FnMut(StoredFinding)) -> Result<()>;
    /// Ids of findings not yet receipted, in stream order, with the place of their latest version; at most `most`.
    fn unreceipted_findings(&self, most: usize) -> Result<Vec<(u64, String)>>;
    /// Forgets a finding aboard (long resolved, past its retention); its queued versions still go ashore.
    fn forget_finding(&mut self, id: &str) -> Result<()>;

    /// Keeps the latest version of an asset; durable with the next [`flush`](Self::flush).
    fn put_asset(&mut self, id: &str, bytes: &[u8]) -> Result<()>;
    /// The latest version of an asset.
    fn asset(&self, id: &str) -> Result<Option<Vec<u8>>>;
    /// Visits every asset, in order of ids.
    fn each_asset(&self, visit: &mut dyn FnMut(&str, Vec<u8>)) -> Result<()>;
    /// Forgets an asset; durable with the next flush.
    fn forget_asset(&mut self, id: &str) -> Result<()>;

    /// Keeps a piece of state that can be learnt again (baselines, detector state); durable with the next flush.
    fn put_state(&mut self, key: &str, bytes: &[u8]) -> Result<()>;
    /// A piece of state.
    fn state(&self, key: &str) -> Result<Option<Vec<u8>>>;

    /// Sets small values (counters, the next nonce), all or none, durable when this returns; [`MAX_META_BYTES`] in all.
    fn put_meta(&mut self, values: &[(&str, &[u8])]) -> Result<()>;
    /// A small value.
    fn meta(&self, key: &str) -> Option<Vec<u8>>;

    /// Makes assets, state and the index durable, renews the witness, and tidies up: a sparse ledger or index is rewritten, the ballast is
    /// taken back. To be called about once a minute and before an orderly end.
    fn flush(&mut self) -> Result<()>;
    /// How large things are.
    fn size(&self) -> Size;
    /// What happened since opening.
    fn counters(&self) -> Counters;
    /// Reads everything back and verifies it; takes as long as reading the whole store.
    fn check(&self) -> Result<CheckReport>;

    /// All findings; see [`each_finding`](Self::each_finding) for many.
    fn findings(&self) -> Result<Vec<StoredFinding>> {
        let mut all = Vec::new();
        self.each_finding(&mut |finding| all.push(finding))?;
        Ok(all)
    }

    /// All assets; see [`each_asset`](Self::each_asset) for many.
    fn assets(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let mut all = Vec::new();
        self.each_asset(&mut |id, bytes| all.push((id.to_owned(), bytes)))?;
        Ok(all)
    }
}
