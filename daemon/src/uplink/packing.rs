//! The part of the uplink that blocks on the disk or computes for long: reads the queue, packs bundles, lets go of what was receipted.

use std::sync::Arc;

use dogwatch_bundle::{Class, Encoded, Gap, MAX_MISSING, Meta, Receipt, Record, SigningKey, encode};
use dogwatch_model::TimeSource;

use super::budget::Budget;
use super::plan::{MAX_PENDING, Pending};
use super::queue::{Queue, QueueError};
use super::state::State;
use super::task::Settings;

/// Records read from the queue at once.
const READ_RECORDS: usize = 1024;

/// What is used off the async threads, because it blocks on disk or computes for long.
pub(super) struct Core {
    pub(super) queue: Arc<dyn Queue>,
    pub(super) key: SigningKey,
    pub(super) state: State,
    pub(super) pending: Pending,
    pub(super) next_unread: u64,
    /// Lowest number that may still be aboard.
    floor: u64,
    pub(super) unpackable: u64,
}

/// A bundle under way.
pub(super) struct Outgoing {
    pub(super) encoded: Encoded,
    pub(super) seqs: Vec<u64>,
}

pub(super) enum Formed {
    Bundle(Box<Outgoing>),
    /// Nothing is due.
    Nothing,
    /// Today's bytes do not allow it.
    OutOfBudget,
}

impl Core {
    pub(super) fn new(queue: Arc<dyn Queue>, key: SigningKey, state: State) -> Self {
        Self { queue, key, state, pending: Pending::default(), next_unread: 0, floor: 0, unpackable: 0 }
    }

    /// Looks what is new in the queue.
    pub(super) fn refresh(&mut self, now_ms: i64) -> Result<(), QueueError> {
        while self.pending.len() < MAX_PENDING {
            let records = self.queue.read(self.next_unread, READ_RECORDS)?;
            let (Some(first), Some(last)) = (records.first(), records.last()) else { break };
            if self.next_unread == 0 {
                self.floor = first.seq;
            }
            self.next_unread = last.seq.saturating_add(1);
            for record in &records {
                if !self.state.confirmed.contains(record.seq) {
                    let since = if record.queued_ms > 0 { record.queued_ms.min(now_ms) } else { now_ms };
                    self.pending.add(record.seq, record.class, since);
                }
            }
        }
        Ok(())
    }

    /// Packs what is due and allowed.
    pub(super) fn form(
        &mut self,
        settings: &Settings,
        now_ms: i64,
        clock: TimeSource,
        budget: &Budget,
        overhead: u64,
    ) -> Result<Formed, QueueError> {
        if self.state.tables.is_nearly_full() {
            self.state.forget_tables();
        }
        let mut chosen = self.pending.choose(&settings.deadlines, now_ms, settings.max_records);
        loop {
            if chosen.is_empty() {
                return Ok(Formed::Nothing);
            }
            let only_critical = chosen.iter().all(|(_, class)| *class == Class::Critical);
            let left = budget.left(if only_critical { Class::Critical } else { Class::Routine });
            let mut seqs: Vec<u64> = chosen.iter().map(|(seq, _)| *seq).collect();
            seqs.sort_unstable();
            let records = self.records(&seqs)?;
            if records.len() < seqs.len() {
                // Let go by the queue meanwhile; a gap record tells the shore.
                let kept: std::collections::HashSet<u64> = records.iter().map(|(seq, _)| *seq).collect();
                seqs.iter().filter(|seq| !kept.contains(seq)).for_each(|seq| self.pending.remove(*seq));
                chosen.retain(|(seq, _)| kept.contains(seq));
                continue;
            }
            let encoded = self.pack(records, now_ms, clock)?;
            let fits = |encoded: &Encoded| {
                let size = encoded.bytes.len();
                let cost = (size as u64).saturating_add(overhead);
                ((size <= settings.max_bundle_bytes || chosen.len() == 1), cost <= left)
            };
            match encoded.as_ref().map(fits) {
                Some((true, true)) => {
                    let Some(encoded) = encoded else { continue };
                    return Ok(Formed::Bundle(Box::new(Outgoing { encoded, seqs })));
                }
                // What is not critical must not eat the reserve.
                Some((true, false)) if !only_critical && chosen.iter().any(|(_, class)| *class == Class::Critical) => {
                    chosen.retain(|(_, class)| *class == Class::Critical);
                }
                Some((_, false)) if chosen.len() == 1 => return Ok(Formed::OutOfBudget),
                // Too large, or too dear: the more urgent half.
                _ => chosen.truncate((chosen.len() / 2).max(1)),
            }
        }
    }

    /// `None` when these records are too many for one bundle; a single record always fits, as a note if it must.
    fn pack(
        &mut self,
        mut records: Vec<(u64, Record)>,
        now_ms: i64,
        clock: TimeSource,
    ) -> Result<Option<Encoded>, QueueError> {
        let created_ms = u64::try_from(now_ms).unwrap_or(0);
        let meta = Meta { epoch: self.state.epoch, created_ms, clock, previous: self.state.previous };
        match encode(&records, &meta, &mut self.state.tables, &self.key) {
            Ok(encoded) => Ok(Some(encoded)),
            Err(_) if records.len() > 1 => Ok(None),
            Err(error) => {
                for (seq, record) in &mut records {
                    tracing::error!(seq, kind = record.kind(), %error, "record cannot be packed; a note goes ashore instead");
                    *record = note(*seq, "unpackable");
                    self.unpackable = self.unpackable.saturating_add(1);
                }
                Ok(Some(encode(&records, &meta, &mut self.state.tables, &self.key)?))
            }
        }
    }

    /// Reads records by ascending number, run by run. One that cannot be read becomes a note under its own number.
    fn records(&self, seqs: &[u64]) -> Result<Vec<(u64, Record)>, QueueError> {
        let mut records = Vec::with_capacity(seqs.len());
        let mut rest = seqs;
        while let Some(&first) = rest.first() {
            let run = rest.iter().zip(first..).take_while(|(seq, next)| *seq == next).count();
            let read = self.queue.read(first, run)?;
            for queued in read.into_iter().filter(|queued| queued.seq.saturating_sub(first) < run as u64) {
                let record = Record::from_bytes(&queued.bytes).unwrap_or_else(|error| {
                    tracing::error!(seq = queued.seq, %error, "queued record cannot be read; a note goes ashore instead");
                    note(queued.seq, "unreadable")
                });
                records.push((queued.seq, record));
            }
            rest = rest.get(run..).unwrap_or(&[]);
        }
        Ok(records)
    }

    pub(super) fn accept(&mut self, outgoing: &Outgoing, receipt: &Receipt) -> Result<(), QueueError> {
        self.state.tables.confirm(&outgoing.encoded.defined);
        if let Some(short) = outgoing.encoded.hash.first_chunk() {
            self.state.previous = *short;
        }
        for &seq in &outgoing.seqs {
            self.pending.remove(seq);
            self.state.confirmed.insert(seq, seq);
        }
        // A shore that was restored from an older copy misses what it once receipted: what we still hold goes again.
        let told_all = receipt.missing.len() < MAX_MISSING;
        let above = told_all.then(|| (receipt.highest.saturating_add(1), u64::MAX));
        for (from, to) in receipt.missing.iter().copied().chain(above) {
            let lost = self.state.confirmed.runs().find(|&(first, last)| first <= to && last >= from);
            if let Some((first, _)) = lost {
                self.next_unread = self.next_unread.min(first.max(from));
                self.state.confirmed.remove(from, to);
            }
        }
        let waits = self.pending.lowest().unwrap_or(self.next_unread).min(self.next_unread);
        let below = waits.min(unheld_from(receipt, self.floor));
        if below > self.floor {
            self.queue.release(below)?;
            self.state.confirmed.forget_below(below);
            self.floor = below;
        }
        Ok(())
    }
}

/// The lowest number from `floor` on that the receipt does not say is held. Holes below what is still aboard cannot be filled by anyone, so
/// they must not stop the queue from shrinking.
fn unheld_from(receipt: &Receipt, floor: u64) -> u64 {
    let next = floor.max(receipt.mark);
    let hole = receipt.missing.iter().find(|&&(_, to)| to >= next);
    hole.map_or_else(|| next.max(receipt.highest.saturating_add(1)), |&(from, _)| next.max(from))
}

/// Stands for a record that cannot be sent, under its number.
fn note(seq: u64, reason: &str) -> Record {
    Record::Gap(Gap { ranges: vec![(seq, seq)], counts: vec![(reason.to_owned(), 1)] })
}

#[cfg(test)]
mod tests {
    use dogwatch_bundle::{Outcome, SeqRanges};

    use super::*;

    #[test]
    fn only_what_the_shore_holds_is_let_go() {
        for (held, floor, want) in [
            (&[(1, 9)][..], 1, 10),
            (&[(1, 4), (6, 9)], 1, 5),
            // 1 and 2 are gone aboard as well: the hole they leave holds nothing up.
            (&[(3, 9)], 3, 10),
            (&[(3, 4), (7, 9)], 3, 5),
            (&[(7, 9)], 5, 5),
            (&[], 5, 5),
            (&[(1, 2)], 5, 5),
        ] {
            let mut ranges = SeqRanges::new();
            held.iter().for_each(|&(from, to)| ranges.insert(from, to));
            let receipt = Receipt::of(&ranges, 1, &[0; 32], Outcome::Taken, 0);
            assert_eq!(unheld_from(&receipt, floor), want, "{held:?} {floor}");
        }
        // More holes than a receipt lists: nothing above the last listed one counts as held.
        let mut ranges = SeqRanges::new();
        (1..100).for_each(|n| ranges.insert(n * 10, n * 10 + 5));
        let receipt = Receipt::of(&ranges, 1, &[0; 32], Outcome::Taken, 0);
        let last_listed = receipt.missing[MAX_MISSING - 1].1;
        assert_eq!(unheld_from(&receipt, last_listed + 1), receipt.highest + 1);
    }
}
