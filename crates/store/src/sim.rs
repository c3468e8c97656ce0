//! A simulated disk for tests: it logs every operation, so that what a power cut after any of them could leave can be laid out; it can refuse
//! operations; and it can be full.
//!
//! The model is the one POSIX allows and ext4 mostly keeps: file content reaches the disk when synced, before that any part of it may,
//! sector by sector; names reach the disk when the directory is synced, before that any number of the changes so far may, in their order.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::disk::{Disk, DiskFile};

/// A small generator of numbers that depend only on the seed (SplitMix64).
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit.max(1)
    }
}

const SECTOR: usize = 512;

#[derive(Debug, Clone)]
enum Op {
    Link(String, usize),
    Rename(String, String),
    Unlink(String),
    SyncDir(String),
    Write(usize, usize, Vec<u8>),
    Truncate(usize, usize),
    Sync(usize),
}

#[derive(Debug, Default)]
struct State {
    base: BTreeMap<String, Vec<u8>>,
    log: Vec<Op>,
    names: BTreeMap<String, usize>,
    files: Vec<Vec<u8>>,
    /// Operations refused with an error, by number.
    refuse: Option<(std::ops::Range<usize>, io::ErrorKind)>,
    /// Operations tried so far, refused ones included.
    tried: usize,
    capacity: Option<usize>,
}

/// The disk; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct SimDisk(Arc<Mutex<State>>);

impl SimDisk {
    /// A disk that holds `files`, all durable.
    pub(crate) fn holding(files: BTreeMap<String, Vec<u8>>) -> Self {
        let disk = Self::default();
        {
            let mut state = disk.state();
            for (name, content) in &files {
                let inode = state.files.len();
                state.files.push(content.clone());
                state.names.insert(name.clone(), inode);
            }
            state.base = files;
        }
        disk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Operations logged so far.
    pub(crate) fn operations(&self) -> usize {
        self.state().log.len()
    }

    /// Operations tried so far, also those refused.
    pub(crate) fn tried(&self) -> usize {
        self.state().tried
    }

    /// Refuses the operations numbered `range`.
    pub(crate) fn refuse(&self, range: std::ops::Range<usize>, kind: io::ErrorKind) {
        self.state().refuse = Some((range, kind));
    }

    /// Limits the bytes of all files together.
    pub(crate) fn limit(&self, capacity: Option<usize>) {
        self.state().capacity = capacity;
    }

    /// What the disk may hold when power fails after the first `operations`.
    pub(crate) fn after_power_cut(&self, operations: usize, dice: &mut Dice) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        let mut durable: Vec<Vec<u8>> = state.base.values().cloned().collect();
        let mut pending: Vec<Vec<Op>> = vec![Vec::new(); durable.len()];
        let mut names: BTreeMap<String, usize> =
            state.base.keys().enumerate().map(|(inode, name)| (name.clone(), inode)).collect();
        let mut changes: BTreeMap<String, Vec<Op>> = BTreeMap::new();
        for op in &state.log[..operations] {
            match op {
                Op::Link(name, inode) => {
                    while durable.len() <= *inode {
                        durable.push(Vec::new());
                        pending.push(Vec::new());
                    }
                    changes.entry(directory(name)).or_default().push(op.clone());
                }
                Op::Rename(name, _) | Op::Unlink(name) => {
                    changes.entry(directory(name)).or_default().push(op.clone());
                }
                Op::SyncDir(dir) => {
                    for op in changes.remove(dir).unwrap_or_default() {
                        rename(&mut names, &op);
                    }
                }
                Op::Write(inode, ..) | Op::Truncate(inode, _) => pending[*inode].push(op.clone()),
                Op::Sync(inode) => {
                    for op in std::mem::take(&mut pending[*inode]) {
                        write(&mut durable[*inode], &op);
                    }
                }
            }
        }
        for ops in changes.values() {
            let kept = dice.below(ops.len() as u64 + 1) as usize;
            for op in &ops[..kept] {
                rename(&mut names, op);
            }
        }
        names.into_iter().map(|(name, inode)| (name, partly(durable[inode].clone(), &pending[inode], dice))).collect()
    }

    fn try_op(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        let number = state.tried;
        state.tried += 1;
        match &state.refuse {
            Some((range, kind)) if range.contains(&number) => Err(io::Error::from(*kind)),
            _ => Ok(state),
        }
    }
}

fn directory(name: &str) -> String {
    name.rsplit_once('/').map_or(String::new(), |(dir, _)| dir.to_owned())
}

fn rename(names: &mut BTreeMap<String, usize>, op: &Op) {
    match op {
        Op::Link(name, inode) => {
            names.insert(name.clone(), *inode);
        }
        Op::Rename(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
        Op::Unlink(name) => {
            names.remove(name);
        }
        _ => {}
    }
}

fn write(content: &mut Vec<u8>, op: &Op) {
    match op {
        Op::Write(_, offset, bytes) => {
            content.resize(content.len().max(offset + bytes.len()), 0);
            content[*offset..offset + bytes.len()].copy_from_slice(bytes);
        }
        Op::Truncate(_, length) => content.resize(*length, 0),
        _ => {}
    }
}

/// The content after some part of the pending operations reached the disk.
fn partly(mut content: Vec<u8>, pending: &[Op], dice: &mut Dice) -> Vec<u8> {
    match dice.below(4) {
        0 => {}
        1 => pending.iter().for_each(|op| write(&mut content, op)),
        2 => {
            // A prefix of the operations, and of the last one a prefix of its bytes.
            let kept = dice.below(pending.len() as u64 + 1) as usize;
            pending[..kept].iter().for_each(|op| write(&mut content, op));
            if let Some(Op::Write(inode, offset, bytes)) = pending.get(kept) {
                let part = dice.below(bytes.len() as u64 + 1) as usize;
                write(&mut content, &Op::Write(*inode, *offset, bytes[..part].to_vec()));
            }
        }
        _ => {
            // Any sectors, in any order; those that did not make it read as zeros where the file grew.
            for op in pending {
                let Op::Write(inode, offset, bytes) = op else {
                    if dice.below(2) == 0 {
                        write(&mut content, op);
                    }
                    continue;
                };
                let mut at = 0;
                while at < bytes.len() {
                    let end = bytes.len().min(at + SECTOR - (offset + at) % SECTOR);
                    if dice.below(2) == 0 {
                        write(&mut content, &Op::Write(*inode, offset + at, bytes[at..end].to_vec()));
                    }
                    at = end;
                }
            }
        }
    }
    content
}

impl Disk for SimDisk {
    fn create_dir(&self, _dir: &str) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let state = self.state();
        let inside = state.names.keys().filter(|name| directory(name) == dir);
        Ok(inside.map(|name| name.rsplit_once('/').map_or(name.as_str(), |(_, name)| name).to_owned()).collect())
    }

    fn read(&self, path: &str, offset: u64, most: usize) -> io::Result<Vec<u8>> {
        let state = self.state();
        let inode = state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        let content = &state.files[*inode];
        let start = content.len().min(offset as usize);
        Ok(content[start..content.len().min(start + most)].to_vec())
    }

    fn size(&self, path: &str) -> io::Result<Option<u64>> {
        let state = self.state();
        Ok(state.names.get(path).map(|inode| state.files[*inode].len() as u64))
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.try_op()?;
        if let Some(inode) = state.names.get(path).copied() {
            state.files[inode].clear();
            state.log.push(Op::Truncate(inode, 0));
            return Ok(Box::new(SimFile { disk: self.clone(), inode }));
        }
        let inode = state.files.len();
        state.files.push(Vec::new());
        state.names.insert(path.to_owned(), inode);
        state.log.push(Op::Link(path.to_owned(), inode));
        Ok(Box::new(SimFile { disk: self.clone(), inode }))
    }

    fn open(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let inode = *self.state().names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(SimFile { disk: self.clone(), inode }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.try_op()?;
        let inode = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), inode);
        state.log.push(Op::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut state = self.try_op()?;
        if state.names.remove(path).is_some() {
            state.log.push(Op::Unlink(path.to_owned()));
        }
        Ok(())
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.try_op()?.log.push(Op::SyncDir(dir.to_owned()));
        Ok(())
    }
}

struct SimFile {
    disk: SimDisk,
    inode: usize,
}

impl DiskFile for SimFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.try_op()?;
        let used: usize = state.names.values().map(|inode| state.files[*inode].len()).sum();
        let room = state.capacity.map_or(bytes.len(), |capacity| capacity.saturating_sub(used).min(bytes.len()));
        let fits = bytes[..room].to_vec();
        let offset = state.files[self.inode].len();
        state.files[self.inode].extend_from_slice(&fits);
        state.log.push(Op::Write(self.inode, offset, fits));
        if room < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut state = self.disk.try_op()?;
        state.files[self.inode].resize(length as usize, 0);
        state.log.push(Op::Truncate(self.inode, length as usize));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.try_op()?.log.push(Op::Sync(self.inode));
        Ok(())
    }
}
