//! What can go wrong for the caller, by what the caller can do about it.

use std::io;
use std::path::PathBuf;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the store open: stop it first.
    #[error("the store {} is in use by another dogwatch process", path.display())]
    Locked {
        /// The store's directory.
        path: PathBuf,
    },
    /// The disk is full. Nothing of the call was kept; try again when there is room.
    #[error("the disk is full: {doing}")]
    DiskFull {
        /// What was being done.
        doing: &'static str,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The file system refused. Nothing of the call was acknowledged; it may be tried again.
    #[error("{doing} failed")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// More than the store takes.
    #[error("{what} has {size}, at most {limit} fit")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size, bytes.
        size: u64,
        /// The limit, bytes.
        limit: u64,
    },
    /// An id, key or kind that cannot be stored.
    #[error("{what}: {why}")]
    Unfit {
        /// What.
        what: &'static str,
        /// Why not.
        why: &'static str,
    },
}

impl StoreError {
    pub(crate) fn io(doing: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| {
            if crate::disk::is_full(&source) { Self::DiskFull { doing, source } } else { Self::Io { doing, source } }
        }
    }
}

/// What the store's calls return.
pub type Result<T> = std::result::Result<T, StoreError>;
