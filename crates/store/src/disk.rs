//! The thin layer between the store and the file system: every byte of the queue, the ledger and the small files goes through it.
//!
//! It exists so that tests can put a simulated disk underneath that loses power at any operation or refuses any write. sled does its own
//! input and output and is not behind it; nothing that was acknowledged depends on sled.
//!
//! Paths are relative to the store's directory, with `/`; `""` is the directory itself.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What the store needs of a file system.
pub(crate) trait Disk: Send + Sync {
    /// Makes a directory; one that is there already is fine.
    fn create_dir(&self, dir: &str) -> io::Result<()>;
    /// Names of the files in a directory, in no order; a missing directory is empty.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;
    /// Reads at most `most` bytes from `offset`; shorter only at the end of the file.
    fn read(&self, path: &str, offset: u64, most: usize) -> io::Result<Vec<u8>>;
    /// Length in bytes, `None` when there is no such file.
    fn size(&self, path: &str) -> io::Result<Option<u64>>;
    /// Makes a file, emptying one that is there.
    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file for appending.
    fn open(&self, path: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Renames within one directory, replacing the target.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Deletes a file; one that is missing is fine.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Makes creations, renames and deletions in a directory durable.
    fn sync_dir(&self, dir: &str) -> io::Result<()>;
}

/// One file open for appending.
pub(crate) trait DiskFile: Send + Sync {
    /// Writes all of `bytes` at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file to `length` bytes.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// Returns once the content and the length are durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// The real file system under one directory.
pub(crate) struct RealDisk {
    root: PathBuf,
}

impl RealDisk {
    /// Makes the directory if need be, durably.
    pub(crate) fn new(root: &Path) -> io::Result<Self> {
        if !root.is_dir() {
            fs::create_dir_all(root)?;
            if let Some(parent) = root.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                File::open(parent)?.sync_all()?;
            }
        }
        Ok(Self { root: root.to_owned() })
    }

    fn path(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }
}

/// Takes the lock that keeps a second process out; `None` when another holds it. The lock goes when the file is dropped or the process ends.
pub(crate) fn lock(root: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(root.join("LOCK"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

impl Disk for RealDisk {
    fn create_dir(&self, dir: &str) -> io::Result<()> {
        fs::create_dir_all(self.path(dir))
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.path(dir)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn read(&self, path: &str, offset: u64, most: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.path(path))?;
        let left = file.metadata()?.len().saturating_sub(offset);
        let most = most.min(usize::try_from(left).unwrap_or(usize::MAX));
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::with_capacity(most);
        file.take(most as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn size(&self, path: &str) -> io::Result<Option<u64>> {
        match fs::metadata(self.path(path)) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        // Append mode even for a new file: after a truncation the next write must land at the new end.
        let path = self.path(path);
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        file.set_len(0)?;
        Ok(Box::new(RealFile(file)))
    }

    fn open(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(RealFile(OpenOptions::new().append(true).open(self.path(path))?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        match fs::remove_file(self.path(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        File::open(self.path(dir))?.sync_all()
    }
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// Whether an error says that the disk (or the quota) is full.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
