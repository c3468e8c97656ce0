//! The baseline on disk: what the rules learned, as a file in a folder (`analyze`) and as values in the store (the daemon).
//!
//! In the store it is JSON, gzipped and cut into pieces, since a value of the store is small. Two sets of pieces take turns and a head names the whole
//! one, so that a power cut in the middle of a write leaves the earlier baseline. What cannot be read is told, never guessed: the rules learn anew.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use dogwatch_model::fingerprint;
use dogwatch_rules::Baseline;
use dogwatch_store::Store;
use serde::{Deserialize, Serialize};

/// The file in a folder.
const FILE: &str = "baseline.json";
/// The form this build reads and writes.
const SCHEMA: u32 = 1;
/// Where the head stands in the store.
const HEAD: &str = "baseline";
/// Bytes of one piece: a value of the store holds at most 64 KiB.
const PIECE: usize = 60 * 1024;
/// Bytes in all, gzipped: every table of the rules is bounded, this is far above what they can hold.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// Bytes unpacked; guards against a value that is not ours.
const MOST_UNPACKED: u64 = 512 * 1024 * 1024;

/// Which pieces make up the baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    schema: u32,
    /// Which of the two sets, 0 or 1.
    set: u8,
    pieces: u32,
    fingerprint: String,
}

fn key(set: u8, piece: u32) -> String {
    format!("{HEAD}/{set}/{piece:04}")
}

/// Writes a baseline into a folder, which is made when it is not there.
///
/// # Errors
/// When the folder or the file cannot be written.
pub fn write_folder(folder: &Path, baseline: &Baseline) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    crate::policy_versions::replace(&folder.join(FILE), &serde_json::to_string(baseline)?)
}

/// Reads the baseline of a folder: that of a baseline itself, or of an analysis that has one in it. Whoever names one for an analysis wants it compared
/// with, so it counts as learned however short it looked.
///
/// # Errors
/// When there is none, or when it is not of a form this build reads.
pub fn read_folder(folder: &Path) -> anyhow::Result<Baseline> {
    let inner: PathBuf = folder.join("baseline").join(FILE);
    let file = if inner.is_file() { inner } else { folder.join(FILE) };
    let bytes = std::fs::read(&file).with_context(|| format!("cannot read the baseline {}", file.display()))?;
    let baseline = parse(&bytes).with_context(|| format!("{} is no baseline this build can read", file.display()))?;
    Ok(baseline.as_learned())
}

fn parse(bytes: &[u8]) -> anyhow::Result<Baseline> {
    let baseline: Baseline = serde_json::from_slice(bytes)?;
    anyhow::ensure!(baseline.schema == SCHEMA, "it has form {}, this build reads form {SCHEMA}", baseline.schema);
    Ok(baseline)
}

/// Keeps a baseline in the store; durable with its next flush.
///
/// # Errors
/// When the store refuses it; the one before then stands.
pub fn put(store: &mut dyn Store, baseline: &Baseline) -> anyhow::Result<()> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    serde_json::to_writer(&mut packer, baseline)?;
    let bytes = packer.finish()?;
    anyhow::ensure!(bytes.len() <= MOST_BYTES, "the baseline has {} bytes, more than {MOST_BYTES}", bytes.len());
    let set = match head(store) {
        Ok(Some(head)) => 1 - head.set.min(1),
        _ => 0,
    };
    let mut pieces = 0_u32;
    for piece in bytes.chunks(PIECE) {
        store.put_state(&key(set, pieces), piece)?;
        pieces += 1;
    }
    // what a larger baseline of this set left behind
    for piece in (pieces..)
        .map_while(|piece| {
            let key = key(set, piece);
            store.state(&key).ok().flatten().filter(|bytes| !bytes.is_empty()).map(|_| key)
        })
        .collect::<Vec<_>>()
    {
        store.put_state(&piece, b"")?;
    }
    let head = Head { schema: SCHEMA, set, pieces, fingerprint: format!("{:032x}", fingerprint(&bytes)) };
    store.put_state(HEAD, &serde_json::to_vec(&head)?)?;
    Ok(())
}

/// The baseline in the store; `None` when none was ever kept.
///
/// # Errors
/// When there should be one and it is damaged, or of another version.
pub fn of_store(store: &dyn Store) -> anyhow::Result<Option<Baseline>> {
    let Some(head) = head(store)? else { return Ok(None) };
    anyhow::ensure!(head.schema == SCHEMA, "it has form {}, this build reads form {SCHEMA}", head.schema);
    let mut bytes = Vec::new();
    for piece in 0..head.pieces {
        let piece = store.state(&key(head.set, piece))?.context("a piece of it is missing")?;
        anyhow::ensure!(bytes.len() + piece.len() <= MOST_BYTES, "it is larger than any baseline can be");
        bytes.extend(piece);
    }
    anyhow::ensure!(format!("{:032x}", fingerprint(&bytes)) == head.fingerprint, "its checksum does not fit");
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(bytes.as_slice()).take(MOST_UNPACKED).read_to_end(&mut unpacked)?;
    parse(&unpacked).map(Some)
}

fn head(store: &dyn Store) -> anyhow::Result<Option<Head>> {
    let Some(bytes) = store.state(HEAD)? else { return Ok(None) };
    Ok(Some(serde_json::from_slice(&bytes).context("its head cannot be read")?))
}

#[cfg(test)]
mod tests {
    use dogwatch_store::MemoryStore;

    use super::*;

    /// A baseline with `entries` entries of noise, which no packer makes smaller than they are.
    fn baseline(entries: u64) -> Baseline {
        let noise = |seed: u64| format!("{:032x}", fingerprint(&seed.to_le_bytes()));
        let learned = (0..entries).map(noise).collect::<Vec<_>>();
        serde_json::from_value(serde_json::json!({
            "schema": 1, "first": null, "last": null, "learned": {"DW-3001": learned}
        }))
        .unwrap()
    }

    #[test]
    fn small_and_large_ones_come_back() {
        let mut store = MemoryStore::new(1, 1 << 20);
        assert_eq!(of_store(&store).unwrap(), None);
        for entries in [3, 9_000, 0, 20_000, 5] {
            put(&mut store, &baseline(entries)).unwrap();
            assert_eq!(of_store(&store).unwrap(), Some(baseline(entries)), "{entries}");
        }
    }

    #[test]
    fn a_write_cut_short_leaves_the_one_before() {
        let mut store = MemoryStore::new(1, 1 << 20);
        put(&mut store, &baseline(9_000)).unwrap();
        let head = store.state(HEAD).unwrap().unwrap();
        put(&mut store, &baseline(8_000)).unwrap();
        // the pieces of the second are there, its head never came
        store.put_state(HEAD, &head).unwrap();
        assert_eq!(of_store(&store).unwrap(), Some(baseline(9_000)));
    }

    #[test]
    fn damage_is_told() {
        let mut store = MemoryStore::new(1, 1 << 20);
        put(&mut store, &baseline(9_000)).unwrap();
        let mut piece = store.state(&key(0, 1)).unwrap().unwrap();
        piece[100] ^= 1;
        store.put_state(&key(0, 1), &piece).unwrap();
        assert!(of_store(&store).unwrap_err().to_string().contains("checksum"));
        store.put_state(HEAD, b"{}").unwrap();
        assert!(of_store(&store).is_err());
        put(&mut store, &baseline(2)).unwrap();
        assert_eq!(of_store(&store).unwrap(), Some(baseline(2)), "the next one is whole again");
    }

    #[test]
    fn a_folder_of_an_analysis_and_its_baseline_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        write_folder(&folder.path().join("baseline"), &baseline(4)).unwrap();
        assert_eq!(read_folder(folder.path()).unwrap(), baseline(4));
        assert_eq!(read_folder(&folder.path().join("baseline")).unwrap(), baseline(4));
        std::fs::write(folder.path().join("baseline").join(FILE), b"{\"schema\":9,\"learned\":{}}").unwrap();
        let error = format!("{:#}", read_folder(folder.path()).unwrap_err());
        assert!(error.contains("form 9"), "{error}");
    }
}
