//! The ballast: a file that holds space on the partition, given up when the disk is full so that urgent findings still get through and the
//! store can open, and taken back later. A second, small one is given up last: dropping what may be dropped from the queue needs a little
//! room to write the gaps first.

use std::io;

use crate::disk::Disk;

pub(crate) struct Ballast {
    name: &'static str,
    bytes: u64,
    held: bool,
}

impl Ballast {
    pub(crate) fn find(disk: &dyn Disk, name: &'static str, bytes: u64) -> io::Result<Self> {
        disk.remove(&beside(name))?;
        let size = disk.size(name)?;
        let held = bytes > 0 && size == Some(bytes);
        if size.is_some() && !held {
            disk.remove(name)?;
        }
        Ok(Self { name, bytes, held })
    }

    pub(crate) fn is_held(&self) -> bool {
        self.held
    }

    /// Gives the space up; `true` when there was some.
    pub(crate) fn free(&mut self, disk: &dyn Disk) -> io::Result<bool> {
        if !self.held {
            return Ok(false);
        }
        disk.remove(self.name)?;
        self.held = false;
        disk.sync_dir("")?;
        Ok(true)
    }

    /// Takes the space again if there is room; a full disk is not an error.
    pub(crate) fn take(&mut self, disk: &dyn Disk) -> io::Result<()> {
        if self.held || self.bytes == 0 {
            return Ok(());
        }
        match self.fill(disk) {
            Ok(()) => {
                self.held = true;
                Ok(())
            }
            Err(error) => {
                disk.remove(&beside(self.name))?;
                if crate::disk::is_full(&error) { Ok(()) } else { Err(error) }
            }
        }
    }

    fn fill(&self, disk: &dyn Disk) -> io::Result<()> {
        let mut file = disk.create(&beside(self.name))?;
        // Not zeros: a file system that compresses or punches holes would hold no space for them.
        let mut block = vec![0u8; 64 * 1024];
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut left = self.bytes;
        while left > 0 {
            for chunk in block.chunks_mut(8) {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                chunk.copy_from_slice(state.to_le_bytes().get(..chunk.len()).unwrap_or_default());
            }
            let now = left.min(block.len() as u64);
            file.append(block.get(..usize::try_from(now).unwrap_or(0)).unwrap_or_default())?;
            left -= now;
        }
        file.sync()?;
        drop(file);
        disk.rename(&beside(self.name), self.name)?;
        disk.sync_dir("")
    }
}

fn beside(name: &str) -> String {
    format!("{name}.tmp")
}
