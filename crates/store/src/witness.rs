//! The witness `store.head`: what should be there, written apart from what is there.
//!
//! No storage engine notices by itself that its newest file went missing or was cut short. The witness is renewed at every flush, release,
//! segment change and orderly close, so that opening can say "N records are missing" and never again use a number of the stream twice.

use std::io;

use crate::codec::{take_u32, take_u64};
use crate::disk::Disk;
use crate::report::SmallFile;
use crate::small_file::Replaced;

const NAME: &str = "store.head";
const MAGIC: [u8; 4] = *b"DWH1";

/// What the witness says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Head {
    /// Epoch of the stream.
    pub(crate) epoch: u32,
    /// First number not yet receipted.
    pub(crate) low_water: u64,
    /// Number the next record gets: all below were acknowledged.
    pub(crate) next_seq: u64,
    /// Number the next ledger entry gets.
    pub(crate) next_entry: u64,
    /// Findings and assets in the ledger when `next_entry` was noted.
    pub(crate) findings: u64,
    /// See `findings`.
    pub(crate) assets: u64,
    /// Ledger entries the index had been given when it was last made durable.
    pub(crate) index_entry: u64,
    /// How often `meta` had been written.
    pub(crate) meta: u64,
}

/// The file and what it last said.
pub(crate) struct Witness {
    file: Replaced,
    written: Option<Head>,
}

impl Witness {
    /// Reads it.
    pub(crate) fn find(disk: &dyn Disk) -> io::Result<(Self, Option<Head>, SmallFile)> {
        let (file, body, state) = Replaced::find(disk, NAME, MAGIC)?;
        let head = body.as_deref().and_then(parse);
        let state = if body.is_some() && head.is_none() { SmallFile::Lost } else { state };
        let written = head.filter(|_| state == SmallFile::Good);
        Ok((Self { file, written }, head, state))
    }

    /// Writes it if it says anything new; durable on return.
    pub(crate) fn write(&mut self, disk: &dyn Disk, head: Head) -> io::Result<()> {
        if self.written == Some(head) {
            return Ok(());
        }
        let mut body = head.epoch.to_le_bytes().to_vec();
        let Head { low_water, next_seq, next_entry, findings, assets, index_entry, meta, .. } = head;
        for field in [low_water, next_seq, next_entry, findings, assets, index_entry, meta] {
            body.extend_from_slice(&field.to_le_bytes());
        }
        self.written = None;
        self.file.write(disk, &body)?;
        self.written = Some(head);
        Ok(())
    }
}

fn parse(mut body: &[u8]) -> Option<Head> {
    let input = &mut body;
    Some(Head {
        epoch: take_u32(input)?,
        low_water: take_u64(input)?,
        next_seq: take_u64(input)?,
        next_entry: take_u64(input)?,
        findings: take_u64(input)?,
        assets: take_u64(input)?,
        index_entry: take_u64(input)?,
        meta: take_u64(input)?,
    })
}
