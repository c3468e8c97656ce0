//! What the uplink needs of the upload queue, and no more: the store implements it.

use dogwatch_bundle::Class;

/// Trouble in the queue. The uplink reports it and tries again later.
pub type QueueError = Box<dyn std::error::Error + Send + Sync>;

/// One record as the queue holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Its number in the stream; from 1, never reused within an epoch.
    pub seq: u64,
    /// How urgent it is.
    pub class: Class,
    /// When it was queued, milliseconds since 1970; 0 when unknown.
    pub queued_ms: i64,
    /// The record, as `dogwatch_bundle::Record::to_bytes` wrote it.
    pub bytes: Vec<u8>,
}

/// The upload queue. Calls may block on the disk: the uplink makes them off the async threads.
pub trait Queue: Send + Sync + 'static {
    /// The stream: random, new whenever the queue is created anew.
    fn epoch(&self) -> u32;
    /// Reads up to `max` records with numbers from `from` on, ascending.
    ///
    /// # Errors
    /// When the queue cannot be read.
    fn read(&self, from: u64, max: usize) -> Result<Vec<Queued>, QueueError>;
    /// Lets go of every record below `below`: the shore holds them.
    ///
    /// # Errors
    /// When the queue cannot be written.
    fn release(&self, below: u64) -> Result<(), QueueError>;
    /// The uplink's own state, as last saved.
    ///
    /// # Errors
    /// When it cannot be read.
    fn load_state(&self) -> Result<Option<Vec<u8>>, QueueError>;
    /// Saves the uplink's own state; on disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written.
    fn save_state(&self, state: &[u8]) -> Result<(), QueueError>;
}
