//! Notices that the policy file was changed, reads and checks it on a thread of its own, and hands the result to the packet thread: a change takes
//! effect without a restart, and one with errors takes none.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, SyncSender};

use dogwatch_rules::policy::{Level, Policy};

use super::file_watch::{follow, stamp};
use crate::policy_versions::{Versions, hash};
use crate::{clock, policy_file};

/// A policy file that was read.
#[derive(Debug)]
pub(super) struct Reading {
    /// The policy, unless it has errors.
    pub(super) policy: Option<Box<Policy>>,
    /// SHA-256 of the text, hex; empty when the file could not be read.
    pub(super) hash: String,
    /// Who put it in force by a command.
    pub(super) author: Option<String>,
    /// What is wrong with it.
    pub(super) problems: Vec<String>,
}

/// Reads a policy file for a running daemon.
pub(super) fn read(file: &Path) -> Reading {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            let problems = vec![format!("{} cannot be read: {error}", file.display())];
            return Reading { policy: None, hash: String::new(), author: None, problems };
        }
    };
    let hash = hash(&text);
    let versions = Versions::open(file).ok();
    let author = versions.as_ref().and_then(|versions| versions.author_of(&hash)).map(str::to_owned);
    let checked = policy_file::check_text(&text, file);
    let errors = checked.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Level::Error);
    let problems = errors.map(ToString::to_string).collect();
    Reading { policy: checked.policy.map(Box::new), hash, author, problems }
}

/// Starts the watch over `file`, whose text in force has the hash `in_force`. It ends with `stop`.
///
/// # Errors
/// When the thread cannot be started.
pub(super) fn start(
    file: PathBuf,
    in_force: String,
    reload: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
) -> std::io::Result<Receiver<Reading>> {
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    std::thread::Builder::new().name("policy".to_owned()).spawn(move || {
        let mut watch = Watch { file: &file, known: in_force, sender };
        follow(|| stamp(&file), (stamp(&file), true), (&reload, &stop), |is_asked| watch.hand_over(is_asked));
    })?;
    Ok(receiver)
}

struct Watch<'a> {
    file: &'a Path,
    /// The text last handed over.
    known: String,
    sender: SyncSender<Reading>,
}

impl Watch<'_> {
    /// Reads the file and hands it over when it is another; `false` when nobody takes it any more.
    fn hand_over(&mut self, is_asked: bool) -> bool {
        let reading = read(self.file);
        if reading.hash == self.known {
            if is_asked {
                tracing::info!(file = %self.file.display(), at = %clock::now(), "the policy is unchanged");
            }
            return true;
        }
        self.known.clone_from(&reading.hash);
        self.sender.send(reading).is_ok()
    }
}
