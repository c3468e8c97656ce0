//! From the bytes of a bundle to a signed receipt.
//!
//! Order matters: who signed it, what it says, everything on disk, only then the receipt. A bundle refused here has changed nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use dogwatch_bundle::{BundleError, Decoded, Frame, Outcome, PublicKey, Receipt, SigningKey, Tables};

use crate::live::Live;
use crate::repo::{Delivery, Repo, RepoError};

/// Most streams whose tables are kept in memory; the database has them all.
const CACHED_STREAMS: usize = 256;

/// Why a bundle got no receipt.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is not a bundle, or damaged. Sending it again will not help.
    #[error("not a bundle")]
    Malformed(#[source] BundleError),
    /// No enrolled key signed it. Sending it again will not help until somebody enrols the key.
    #[error("signed by no enrolled key")]
    UnknownKey,
    /// Its table entries do not fit what is held: the ship must begin a new table generation.
    #[error("table entries do not fit")]
    Tables,
    /// The register is in trouble; the ship tries again later.
    #[error("the register cannot take it now")]
    Later(#[source] RepoError),
}

/// The register: what ships and people talk to.
pub struct Register {
    /// What is kept.
    pub repo: Arc<dyn Repo>,
    key: SigningKey,
    tables: Mutex<HashMap<StreamKey, Arc<Tables>>>,
    pub(crate) live: Live,
}

/// Vessel, epoch, table generation.
type StreamKey = (String, u32, u16);

impl std::fmt::Debug for Register {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Register").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Register {
    /// A register over a store; `key` signs its receipts.
    #[must_use]
    pub fn new(repo: Arc<dyn Repo>, key: SigningKey) -> Self {
        Self { repo, key, tables: Mutex::default(), live: Live::new() }
    }

    /// The public half of the key that signs receipts.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.key.public()
    }

    /// Takes a bundle; returns the receipt for the ship.
    ///
    /// # Errors
    /// When nothing was taken.
    pub async fn take(&self, bytes: &[u8], now_ms: i64) -> Result<Vec<u8>, Refusal> {
        let frame = Frame::parse(bytes).map_err(Refusal::Malformed)?;
        let (vessel_id, ship) = self.sender(&frame).await?;
        let header = *frame.header();
        let stream: StreamKey = (vessel_id, header.meta.epoch, header.generation);
        let decoded = self.decode(&frame, &stream).await?;
        let delivery = Delivery {
            vessel_id: &stream.0,
            epoch: header.meta.epoch,
            generation: header.generation,
            hash: frame.hash(),
            previous: &header.meta.previous,
            bytes,
            created_ms: i64::try_from(header.meta.created_ms).unwrap_or(i64::MAX),
            received_ms: now_ms,
            records: &decoded.records,
            definitions: &decoded.definitions,
        };
        let taken = self.repo.take(delivery).await.map_err(|error| match error {
            RepoError::ConflictingEntry => Refusal::Tables,
            RepoError::SeqRange => Refusal::Malformed(BundleError::TooLarge { what: "sequence number" }),
            other => Refusal::Later(other),
        })?;
        self.learn(&stream, &decoded);
        let outcome = if taken.conflicts.is_empty() { Outcome::Taken } else { Outcome::Quarantined };
        if outcome == Outcome::Quarantined {
            tracing::error!(
                vessel = %stream.0,
                epoch = stream.1,
                conflicts = taken.conflicts.len(),
                "forked stream: known numbers came with other content; the bundle was kept aside"
            );
        }
        tracing::debug!(vessel = %stream.0, records = decoded.records.len(), fresh = taken.fresh, "bundle taken");
        self.live.changed(&stream.0);
        let shore_ms = u64::try_from(now_ms).unwrap_or(0);
        let receipt = Receipt::of(&taken.held, stream.1, frame.hash(), outcome, shore_ms);
        Ok(receipt.sign(&self.key, &ship))
    }

    async fn sender(&self, frame: &Frame<'_>) -> Result<(String, PublicKey), Refusal> {
        let keys = self.repo.keys(frame.header().key_id).await.map_err(Refusal::Later)?;
        let found = keys.into_iter().find(|(_, key)| frame.verify(key).is_ok());
        found.ok_or(Refusal::UnknownKey)
    }

    /// Decodes with the tables in memory; if an entry is missing there, with those of the database (another process may have taken it).
    async fn decode(&self, frame: &Frame<'_>, stream: &StreamKey) -> Result<Decoded, Refusal> {
        let cached = self.cache().get(stream).cloned();
        if let Some(tables) = cached
            && let Ok(decoded) = frame.decode(&tables)
        {
            return Ok(decoded);
        }
        let mut tables = Tables::new(stream.2);
        let kept = self.repo.definitions(&stream.0, stream.1, stream.2).await.map_err(Refusal::Later)?;
        for definition in &kept {
            tables.define(definition).map_err(|_| Refusal::Tables)?;
        }
        let decoded = frame.decode(&tables).map_err(|error| match error {
            BundleError::UnknownEntry | BundleError::ConflictingEntry => Refusal::Tables,
            other => Refusal::Malformed(other),
        })?;
        let mut cache = self.cache();
        if cache.len() >= CACHED_STREAMS
            && let Some(any) = cache.keys().next().cloned()
        {
            cache.remove(&any);
        }
        cache.insert(stream.clone(), Arc::new(tables));
        Ok(decoded)
    }

    /// Adds what is now on disk to the tables in memory.
    fn learn(&self, stream: &StreamKey, decoded: &Decoded) {
        let mut cache = self.cache();
        let Some(tables) = cache.get_mut(stream) else { return };
        let tables = Arc::make_mut(tables);
        if decoded.definitions.iter().any(|definition| tables.define(definition).is_err()) {
            // Cannot happen: the database has just accepted them. Read them anew next time.
            cache.remove(stream);
        }
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, HashMap<StreamKey, Arc<Tables>>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
