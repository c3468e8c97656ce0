//! The versions of a policy that were put in force: who, when, which text. They stand in a folder beside the policy file.
//!
//! ```text
//! policy.toml              in force
//! policy.proposed.toml     what `policy propose` and `review` suggest
//! policy.toml.versions/
//!   log.jsonl              one line for each version, the newest last
//!   0007.toml              its text; the last ten are kept
//! ```

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use dogwatch_model::CaptureTime;
use serde::{Deserialize, Serialize};

/// Versions kept.
const KEPT: usize = 10;

/// One version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Its number, from 1.
    pub number: u32,
    /// SHA-256 of its text, hex.
    pub hash: String,
    /// Who put it in force.
    pub author: String,
    /// When.
    pub at: CaptureTime,
    /// What was done: `enforce`, `rollback to 3`, `found` for a text that somebody wrote by hand.
    pub what: String,
}

/// SHA-256 of a text, hex.
#[must_use]
pub fn hash(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The file that proposals are written to.
#[must_use]
pub fn proposed(policy: &Path) -> PathBuf {
    policy.with_extension("proposed.toml")
}

/// The versions of one policy file.
#[derive(Debug)]
pub struct Versions {
    policy: PathBuf,
    folder: PathBuf,
    log: Vec<Version>,
}

impl Versions {
    /// Reads the log beside a policy file; empty when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(policy: &Path) -> anyhow::Result<Self> {
        let mut name = policy.file_name().context("the policy's name is no file name")?.to_owned();
        name.push(".versions");
        let folder = policy.with_file_name(name);
        let file = folder.join("log.jsonl");
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        let log = text
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()
            .with_context(|| format!("{} is damaged", file.display()))?;
        Ok(Self { policy: policy.to_owned(), folder, log })
    }

    /// Every version, the oldest first.
    #[must_use]
    pub fn log(&self) -> &[Version] {
        &self.log
    }

    /// Who put the text with this hash in force, the latest time.
    #[must_use]
    pub fn author_of(&self, hash: &str) -> Option<&str> {
        self.log
            .iter()
            .rev()
            .find(|version| version.hash == hash && version.what != FOUND)
            .map(|version| version.author.as_str())
    }

    /// The text of a version.
    ///
    /// # Errors
    /// When it is not kept any more.
    pub fn text(&self, number: u32) -> anyhow::Result<String> {
        let file = self.file(number);
        std::fs::read_to_string(&file).with_context(|| format!("version {number} is not kept: {}", file.display()))
    }

    fn file(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{number:04}.toml"))
    }

    /// Puts a text in force: the file that was in force until now is kept, too, if it was written by hand.
    ///
    /// # Errors
    /// When something cannot be written; the policy file is replaced last and as a whole.
    pub fn put(&mut self, text: &str, author: &str, what: &str, at: CaptureTime) -> anyhow::Result<Version> {
        std::fs::create_dir_all(&self.folder)?;
        if let Ok(present) = std::fs::read_to_string(&self.policy)
            && self.log.last().is_none_or(|version| version.hash != hash(&present))
            && hash(&present) != hash(text)
        {
            self.keep(&present, "unknown", FOUND, at)?;
        }
        let version = self.keep(text, author, what, at)?;
        replace(&self.policy, text)?;
        Ok(version)
    }

    fn keep(&mut self, text: &str, author: &str, what: &str, at: CaptureTime) -> anyhow::Result<Version> {
        let number = self.log.last().map_or(0, |version| version.number) + 1;
        let version = Version { number, hash: hash(text), author: author.to_owned(), at, what: what.to_owned() };
        replace(&self.file(number), text)?;
        let mut line = serde_json::to_vec(&version)?;
        line.push(b'\n');
        let mut log = std::fs::File::options().append(true).create(true).open(self.folder.join("log.jsonl"))?;
        log.write_all(&line)?;
        log.sync_all()?;
        self.log.push(version.clone());
        for old in self.log.iter().rev().skip(KEPT) {
            // one that is gone already is as good
            let _ = std::fs::remove_file(self.file(old.number));
        }
        Ok(version)
    }

    /// The version that was in force before the present text.
    #[must_use]
    pub fn before(&self, present: &str) -> Option<&Version> {
        let hash = hash(present);
        let at = self.log.iter().rposition(|version| version.hash == hash);
        let earlier = self.log.get(..at.unwrap_or(self.log.len()))?;
        earlier.iter().rev().find(|version| version.hash != hash)
    }
}

/// What is logged of a text that nobody put in force by a command.
const FOUND: &str = "found";

/// Replaces a file as a whole.
///
/// # Errors
/// When it cannot be written.
pub fn replace(file: &Path, text: &str) -> anyhow::Result<()> {
    let mut name = file.file_name().context("no file name")?.to_owned();
    name.push(".new");
    let fresh = file.with_file_name(name);
    let write = || -> std::io::Result<()> {
        let mut out = std::fs::File::create(&fresh)?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        std::fs::rename(&fresh, file)
    };
    write().with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_kept_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("policy.toml");
        std::fs::write(&file, "by hand").unwrap();
        let mut versions = Versions::open(&file).unwrap();
        for number in 1..=12_i64 {
            versions.put(&format!("text {number}"), "ETO", "enforce", CaptureTime::from_parts(number, 0)).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "text 12");
        let again = Versions::open(&file).unwrap();
        assert_eq!(again.log(), versions.log());
        assert_eq!(
            (again.log().len(), again.log()[0].what.as_str()),
            (13, FOUND),
            "what was written by hand is kept first"
        );
        assert_eq!(again.author_of(&hash("text 12")), Some("ETO"));
        assert_eq!(again.author_of(&hash("by hand")), None);
        let before = again.before("text 12").unwrap();
        assert_eq!(again.text(before.number).unwrap(), "text 11");
        assert!(again.text(3).is_err() && again.text(4).is_ok(), "the last ten are kept");
        // FIPS 180-2, B.1
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
