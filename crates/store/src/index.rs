//! The index: sled, holding the latest versions by key so that they are found without walking the ledger. Everything in it can be made again.
//!
//! sled 0.34 does not make a flush durable on Linux (`sync_file_range`, no `fsync`), may open a damaged directory as an empty store without
//! an error, and panics on other damage. Therefore: every value carries its own checksum and the number of the ledger entry it came from;
//! every call runs under `catch_unwind`; a flush is followed by a sync of sled's file; and what it holds is compared with the ledger and
//! the witness at every opening. No sled type leaves this file.
//!
//! ```text
//! value: version u8 (1) | CRC32C of tree, 0, key, entry, class, payload | entry u64 | class u8 | payload (as in the ledger)
//! ```

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::codec::{take_u8, take_u32, take_u64};
use crate::ledger::{Key, Tree};

const VERSION: u8 = 1;
/// Key in sled's default tree: the number of ledger entries applied.
const APPLIED: &[u8] = b"applied";

/// How often a lock that sled holds on a directory is tried for, and how long after each time: its own threads let go of a database only some time
/// after its last user did (seen on a busy machine). Whoever does not wait takes a whole index for a damaged one. Ten seconds at most.
const LOCK_TRIES: u32 = 500;
const LOCK_WAIT: Duration = Duration::from_millis(20);

/// Why the index cannot be used.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) reason: String,
    /// Whether the disk is full, rather than the index damaged.
    pub(crate) is_full: bool,
}

impl Fault {
    pub(crate) fn damaged(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_full: false }
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self { reason: error.to_string(), is_full: crate::disk::is_full(&error) }
    }
}

/// One value and the ledger entry it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Indexed {
    pub(crate) entry: u64,
    pub(crate) class: u8,
    pub(crate) payload: Vec<u8>,
}

/// A change to make.
pub(crate) enum Change<'a> {
    Put(&'a Key, Indexed),
    Remove(&'a Key),
}

pub(crate) struct Index {
    directory: PathBuf,
    /// In an `Option` so that dropping, in which sled flushes and may panic, can be guarded too.
    open: Option<Open>,
}

struct Open {
    db: sled::Db,
    findings: sled::Tree,
    assets: sled::Tree,
    state: sled::Tree,
}

/// Runs a call into sled; an error or a panic becomes a fault.
fn guard<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, Fault> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(error))) => Err(Fault::from(error)),
        Ok(Err(error)) => Err(Fault::damaged(error.to_string())),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            let first: String = text.chars().take(120).collect();
            Err(Fault::damaged(format!("sled panicked: {first}")))
        }
    }
}

impl Open {
    fn try_in(directory: &Path, cache_bytes: u64) -> Result<Self, Fault> {
        guard(|| {
            let db = sled::Config::new()
                .path(directory)
                .mode(sled::Mode::LowSpace)
                .cache_capacity(cache_bytes)
                .use_compression(false)
                .flush_every_ms(None)
                .open()?;
            let findings = db.open_tree("findings")?;
            let assets = db.open_tree("assets")?;
            let state = db.open_tree("state")?;
            Ok(Self { db, findings, assets, state })
        })
    }
}

impl Index {
    /// Opens or makes the index in `directory`.
    pub(crate) fn open(directory: &Path, cache_bytes: u64) -> Result<Self, Fault> {
        let mut tries = 1;
        let open = loop {
            match Open::try_in(directory, cache_bytes) {
                // sled tells it in words only
                Err(fault) if fault.reason.contains("could not acquire lock") && tries < LOCK_TRIES => {
                    tries += 1;
                    std::thread::sleep(LOCK_WAIT);
                }
                outcome => break outcome?,
            }
        };
        Ok(Self { directory: directory.to_owned(), open: Some(open) })
    }

    fn get_open(&self) -> Result<&Open, Fault> {
        self.open.as_ref().ok_or_else(|| Fault::damaged("closed"))
    }

    /// Ledger entries below this number were applied.
    pub(crate) fn applied(&self) -> Result<u64, Fault> {
        let open = self.get_open()?;
        let value = guard(|| open.db.get(APPLIED))?;
        match value {
            None => Ok(0),
            Some(value) => {
                unseal(APPLIED, b"", &value).map(|value| value.entry).ok_or_else(|| Fault::damaged("applied mark"))
            }
        }
    }

    /// Makes changes, then notes that entries below `applied` are in.
    pub(crate) fn apply<'a>(&self, changes: impl Iterator<Item = Change<'a>>, applied: u64) -> Result<(), Fault> {
        let open = self.get_open()?;
        guard(|| {
            for change in changes {
                match change {
                    Change::Put(key, value) => {
                        let sealed = seal(tree_name(key.0), key.1.as_bytes(), &value);
                        open.tree(key.0).insert(key.1.as_bytes(), sealed)?;
                    }
                    Change::Remove(key) => {
                        open.tree(key.0).remove(key.1.as_bytes())?;
                    }
                }
            }
            let mark = Indexed { entry: applied, class: 0, payload: Vec::new() };
            open.db.insert(APPLIED, seal(APPLIED, b"", &mark))?;
            Ok(())
        })
    }

    /// Looks one value up.
    pub(crate) fn value(&self, key: &Key) -> Result<Option<Indexed>, Fault> {
        let open = self.get_open()?;
        let Some(value) = guard(|| open.tree(key.0).get(key.1.as_bytes()))? else { return Ok(None) };
        let sealed = unseal(tree_name(key.0), key.1.as_bytes(), &value);
        sealed.map(Some).ok_or_else(|| Fault::damaged("a value fails its checksum"))
    }

    /// Reads everything; a value that fails its checksum is a fault.
    pub(crate) fn scan(&self, visit: &mut dyn FnMut(Key, Indexed)) -> Result<(), Fault> {
        let open = self.get_open()?;
        for tree in Tree::ALL {
            for item in open.tree(tree).iter_guarded()? {
                let (key, value) = item?;
                let indexed = unseal(tree_name(tree), &key, &value)
                    .ok_or_else(|| Fault::damaged("a value fails its checksum"))?;
                let id = String::from_utf8(key).map_err(|_| Fault::damaged("a key is not text"))?;
                visit((tree, id), indexed);
            }
        }
        Ok(())
    }

    /// Makes everything durable: sled's own flush, then what it leaves out.
    pub(crate) fn flush(&self) -> Result<(), Fault> {
        let open = self.get_open()?;
        guard(|| open.db.flush())?;
        File::open(self.directory.join("db"))?.sync_data()?;
        for directory in [self.directory.as_path(), self.directory.parent().unwrap_or(&self.directory)] {
            File::open(directory)?.sync_all()?;
        }
        Ok(())
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        let Ok(open) = self.get_open() else { return 0 };
        guard(|| open.db.size_on_disk()).unwrap_or(0)
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        // sled flushes when dropped and may panic doing so; everything in it can be made again.
        let open = self.open.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(open)));
    }
}

impl Open {
    fn tree(&self, tree: Tree) -> &sled::Tree {
        match tree {
            Tree::Findings => &self.findings,
            Tree::Assets => &self.assets,
            Tree::State => &self.state,
        }
    }
}

type Item = Result<(Vec<u8>, Vec<u8>), Fault>;

/// Iterating sled's trees with every step guarded.
trait IterGuarded {
    fn iter_guarded(&self) -> Result<Box<dyn Iterator<Item = Item>>, Fault>;
}

impl IterGuarded for sled::Tree {
    fn iter_guarded(&self) -> Result<Box<dyn Iterator<Item = Item>>, Fault> {
        let mut items = guard(|| Ok(self.iter()))?;
        Ok(Box::new(std::iter::from_fn(move || {
            guard(|| items.next().transpose())
                .map(|item| item.map(|(key, value)| (key.to_vec(), value.to_vec())))
                .transpose()
        })))
    }
}

/// Moves a damaged index aside as `store.bad-<n>`, keeping at most the two newest. Returns the new name.
pub(crate) fn set_aside(root: &Path, directory: &Path) -> std::io::Result<String> {
    let mut kept: Vec<u64> = Vec::new();
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name();
        kept.extend(name.to_str().and_then(|name| name.strip_prefix("store.bad-")?.parse::<u64>().ok()));
    }
    kept.sort_unstable();
    let name = format!("store.bad-{}", kept.last().map_or(1, |last| last + 1));
    while kept.len() > 1 {
        fs::remove_dir_all(root.join(format!("store.bad-{}", kept.remove(0))))?;
    }
    fs::rename(directory, root.join(&name))?;
    File::open(root)?.sync_all()?;
    Ok(name)
}

fn tree_name(tree: Tree) -> &'static [u8] {
    match tree {
        Tree::Findings => b"findings",
        Tree::Assets => b"assets",
        Tree::State => b"state",
    }
}

fn checksum(tree: &[u8], key: &[u8], sealed: &[u8]) -> u32 {
    let crc = crc32c::crc32c_append(crc32c::crc32c(tree), &[0]);
    crc32c::crc32c_append(crc32c::crc32c_append(crc, key), sealed)
}

fn seal(tree: &[u8], key: &[u8], value: &Indexed) -> Vec<u8> {
    let mut sealed = value.entry.to_le_bytes().to_vec();
    sealed.push(value.class);
    sealed.extend_from_slice(&value.payload);
    let mut out = vec![VERSION];
    out.extend_from_slice(&checksum(tree, key, &sealed).to_le_bytes());
    out.extend_from_slice(&sealed);
    out
}

fn unseal(tree: &[u8], key: &[u8], mut value: &[u8]) -> Option<Indexed> {
    let input = &mut value;
    if take_u8(input)? != VERSION || take_u32(input)? != checksum(tree, key, input) {
        return None;
    }
    let entry = take_u64(input)?;
    Some(Indexed { entry, class: take_u8(input)?, payload: input.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_let_go_soon_is_waited_for() {
        let scratch = tempfile::tempdir().unwrap();
        let held = Index::open(scratch.path(), 1 << 20).unwrap();
        assert!(Open::try_in(scratch.path(), 1 << 20).is_err(), "somebody holds it");
        let holder = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            drop(held);
        });
        assert!(Index::open(scratch.path(), 1 << 20).is_ok());
        holder.join().unwrap();
    }

    #[test]
    fn a_value_is_bound_to_its_tree_key_and_bytes() {
        let value = Indexed { entry: 7, class: 2, payload: b"engine room switch".to_vec() };
        let sealed = seal(b"assets", b"ast_1", &value);
        assert_eq!(unseal(b"assets", b"ast_1", &sealed), Some(value));
        assert_eq!(unseal(b"state", b"ast_1", &sealed), None, "another tree");
        assert_eq!(unseal(b"assets", b"ast_2", &sealed), None, "another key");
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert_eq!(unseal(b"assets", b"ast_1", &bent), None, "byte {at}");
            assert_eq!(unseal(b"assets", b"ast_1", &sealed[..at]), None, "cut at {at}");
        }
    }
}
