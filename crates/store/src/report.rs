//! What the store says of itself: what opening found, how large it is, what a full check found.

/// How a small file (witness, meta) was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SmallFile {
    /// Not there, as in a new store.
    #[default]
    New,
    /// There and sound.
    Good,
    /// Damaged or missing, but its second copy is sound. The copy may be one write older: skip ahead with anything that must not repeat.
    Restored,
    /// Damaged or missing, and no copy: its content is gone.
    Lost,
}

/// What became of the sled index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum IndexState {
    /// Not wanted; the ledger answers.
    #[default]
    Off,
    /// Sound and complete.
    Good,
    /// Sound, behind the ledger by so many entries, brought up to date.
    CaughtUp {
        /// Entries written or removed.
        entries: u64,
    },
    /// There was none; made from the ledger.
    Built {
        /// Entries written.
        entries: u64,
    },
    /// Damaged; moved aside and made anew from the ledger.
    Rebuilt {
        /// What was wrong.
        reason: String,
        /// Entries written.
        entries: u64,
        /// Where the damaged one went, within the store's directory.
        moved_to: String,
    },
    /// Could not be opened (the disk is full); the ledger answers meanwhile.
    Unavailable {
        /// Why.
        reason: String,
    },
}

/// Everything that opening found, cut, lost and rebuilt. A caller raises a finding when [`has_losses`](Self::has_losses) and tells the
/// operator of [`sentences`](Self::sentences).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenReport {
    /// Nothing was there: a new store.
    pub fresh: bool,
    /// The stream began anew with another epoch although something was there.
    pub new_epoch: bool,
    /// Entries waiting in the queue, gaps included.
    pub waiting: u64,
    /// Findings kept aboard.
    pub findings: u64,
    /// Assets kept aboard.
    pub assets: u64,
    /// Bytes of unacknowledged writes cut off the queue and the ledger, as a power cut leaves them. Not a loss.
    pub torn_bytes: u64,
    /// Records of an unfinished commit that the ledger held and the queue did not: queued now.
    pub rolled_forward: u64,
    /// Stretches of the queue and of the ledger that were durable once and are damaged.
    pub damaged_places: u64,
    /// Queue records that were damaged and came back from the ledger.
    pub restored_records: u64,
    /// Queue records that were acknowledged and are gone, as far as can be known; the stream holds a gap in their place.
    pub lost_records: u64,
    /// Ledger entries that were acknowledged and are gone: latest versions of findings, assets or state.
    pub lost_entries: u64,
    /// Ledger entries that were damaged and came back from the index.
    pub salvaged_entries: u64,
    /// The witness file `store.head`.
    pub witness: SmallFile,
    /// The file `meta` (counters, nonces).
    pub meta: SmallFile,
    /// The sled index.
    pub index: IndexState,
}

impl OpenReport {
    /// Whether anything acknowledged is gone for good.
    #[must_use]
    pub fn has_losses(&self) -> bool {
        self.lost_records > 0 || self.lost_entries > 0 || self.new_epoch || matches!(self.meta, SmallFile::Lost)
    }

    /// Whether the disk gave back something other than what was written to it, lost for good or not.
    #[must_use]
    pub fn has_damage(&self) -> bool {
        self.has_losses()
            || self.damaged_places > 0
            || self.restored_records > 0
            || self.salvaged_entries > 0
            || matches!(self.witness, SmallFile::Lost | SmallFile::Restored)
            || matches!(self.meta, SmallFile::Restored)
            || matches!(self.index, IndexState::Rebuilt { .. })
    }

    /// What happened, in plain sentences for the operator; empty when there is nothing to say.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let mut out = Vec::new();
        let mut say = |count: u64, text: &str| {
            if count > 0 {
                out.push(format!("{count} {text}"));
            }
        };
        say(self.lost_records, "queued records were lost to damage; the shore is told which numbers are missing");
        say(
            self.lost_entries,
            "entries aboard (findings, assets or state) were lost to damage or went back to an older version",
        );
        say(self.damaged_places, "damaged places were found in the store's files");
        say(self.restored_records, "damaged queue records were restored from the ledger");
        say(self.salvaged_entries, "damaged entries were restored from the index");
        say(self.rolled_forward, "records of an interrupted commit were queued");
        say(self.torn_bytes, "bytes of an unfinished write were cut off");
        if self.new_epoch {
            out.push("the queue was beyond reading: the stream began anew with another epoch".to_owned());
        }
        match self.witness {
            SmallFile::Lost => {
                out.push("the witness file was damaged: losses at the end of the queue may go unnoticed".to_owned())
            }
            SmallFile::Restored => out.push("the witness file was damaged and restored from its copy".to_owned()),
            SmallFile::New | SmallFile::Good => {}
        }
        match self.meta {
            SmallFile::Lost => out.push("the counters in meta were lost: keys must be rotated".to_owned()),
            SmallFile::Restored => {
                out.push("the counters in meta came from the copy: they may be one step old".to_owned())
            }
            SmallFile::New | SmallFile::Good => {}
        }
        match &self.index {
            IndexState::Rebuilt { reason, entries, moved_to } => {
                out.push(format!(
                    "the index was damaged ({reason}), moved to {moved_to} and rebuilt: {entries} entries"
                ));
            }
            IndexState::Unavailable { reason } => out.push(format!("the index could not be opened ({reason})")),
            IndexState::Off | IndexState::Good | IndexState::CaughtUp { .. } | IndexState::Built { .. } => {}
        }
        out
    }
}

/// How large things are. Bytes are bytes on disk (of the memory store: bytes held).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// Bytes of the queue.
    pub queue_bytes: u64,
    /// The queue's limit.
    pub queue_limit_bytes: u64,
    /// Records waiting by class: bulk, routine, high, critical. Gaps are not counted.
    pub waiting: [u64; 4],
    /// Bytes of the ledger.
    pub ledger_bytes: u64,
    /// Bytes of its latest versions.
    pub ledger_live_bytes: u64,
    /// Bytes of the index.
    pub index_bytes: u64,
    /// Bytes of assets and state not yet durable.
    pub pending_bytes: u64,
    /// Whether the reserve for a full disk is in place.
    pub ballast: bool,
    /// Findings, assets, state entries.
    pub findings: u64,
    /// Assets kept.
    pub assets: u64,
}

/// Bytes of the queue above which its least urgent records are dropped.
pub(crate) const fn soft_limit(limit: u64) -> u64 {
    limit / 10 * 8
}

impl Size {
    /// How near the queue is to dropping records, 0 to 1.
    #[must_use]
    pub fn queue_used(&self) -> f64 {
        (self.queue_bytes as f64 / soft_limit(self.queue_limit_bytes).max(1) as f64).min(1.0)
    }
}

/// What was done or went wrong since the store was opened; each only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Records dropped because the queue reached its limit, by class: bulk, routine, high, critical.
    pub dropped: [u64; 4],
    /// Times the reserve was given up for an urgent write.
    pub ballast_freed: u64,
    /// Times the index failed and was given up until the next opening.
    pub index_failures: u64,
    /// Times the ledger was rewritten.
    pub ledger_compactions: u64,
    /// Times the index was rebuilt for its size.
    pub index_compactions: u64,
    /// Damaged records met while reading.
    pub damaged_reads: u64,
}

/// What a full check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CheckReport {
    /// Sound queue records.
    pub records: u64,
    /// Gaps in the queue.
    pub gaps: u64,
    /// Damaged stretches of the queue.
    pub damaged_queue: u64,
    /// Sound latest versions in the ledger.
    pub entries: u64,
    /// Latest versions that cannot be read.
    pub damaged_entries: u64,
    /// Entries the index lacks or holds differently.
    pub index_differences: u64,
}
