//! A small file replaced as a whole: written beside, made durable, renamed into place, and once more as a copy.
//!
//! ```text
//! magic 4 | generation u64 | length u32 | body | CRC32C of all before
//! ```

use std::io;

use crate::codec::{take, take_slice, take_u32, take_u64};
use crate::disk::Disk;
use crate::report::SmallFile;

/// One such file.
pub(crate) struct Replaced {
    name: &'static str,
    magic: [u8; 4],
    generation: u64,
}

/// Largest body read back: far above what is ever written.
const MAX_BYTES: usize = 1 << 20;

impl Replaced {
    /// Finds the file, its sound body if any, and how it was found.
    pub(crate) fn find(
        disk: &dyn Disk,
        name: &'static str,
        magic: [u8; 4],
    ) -> io::Result<(Self, Option<Vec<u8>>, SmallFile)> {
        let main = read(disk, name, magic)?;
        let copy = read(disk, &copy_name(name), magic)?;
        let state = match (&main, &copy) {
            (Content::Good(..), _) => SmallFile::Good,
            (_, Content::Good(..)) => SmallFile::Restored,
            (Content::Missing, Content::Missing) => SmallFile::New,
            _ => SmallFile::Lost,
        };
        let newest = [main, copy].into_iter().filter_map(Content::good).max_by_key(|(generation, _)| *generation);
        let (generation, body) = newest.map_or((0, None), |(generation, body)| (generation, Some(body)));
        Ok((Self { name, magic, generation }, body, state))
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Replaces the content; durable on return.
    pub(crate) fn write(&mut self, disk: &dyn Disk, body: &[u8]) -> io::Result<()> {
        // Counted even if the write fails half-way: no two contents may share a generation.
        self.generation = self.generation.saturating_add(1);
        let generation = self.generation;
        let mut bytes = self.magic.to_vec();
        bytes.extend_from_slice(&generation.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(body);
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        let beside = format!("{}.tmp", self.name);
        for target in [self.name.to_owned(), copy_name(self.name)] {
            let mut file = disk.create(&beside)?;
            file.append(&bytes)?;
            file.sync()?;
            drop(file);
            disk.rename(&beside, &target)?;
        }
        disk.sync_dir("")
    }
}

fn copy_name(name: &str) -> String {
    format!("{name}.bak")
}

enum Content {
    Missing,
    Bad,
    Good(u64, Vec<u8>),
}

impl Content {
    fn good(self) -> Option<(u64, Vec<u8>)> {
        if let Self::Good(generation, body) = self { Some((generation, body)) } else { None }
    }
}

fn read(disk: &dyn Disk, name: &str, magic: [u8; 4]) -> io::Result<Content> {
    if disk.size(name)?.is_none() {
        return Ok(Content::Missing);
    }
    let bytes = disk.read(name, 0, MAX_BYTES)?;
    Ok(parse(&bytes, magic).unwrap_or(Content::Bad))
}

fn parse(bytes: &[u8], magic: [u8; 4]) -> Option<Content> {
    let (checked, mut crc) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
    let mut fields = checked;
    if take_u32(&mut crc)? != crc32c::crc32c(checked) || take::<4>(&mut fields)? != magic {
        return None;
    }
    let generation = take_u64(&mut fields)?;
    let length = usize::try_from(take_u32(&mut fields)?).ok()?;
    Some(Content::Good(generation, take_slice(&mut fields, length)?.to_vec()))
}
