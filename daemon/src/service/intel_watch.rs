//! Notices that a file brought aboard was changed, reads all of them on a thread of its own, and hands the result to the packet thread.
//!
//! The last good import stays while a file that gave something gives nothing: half written, deleted, or spoilt.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, SyncSender};

use dogwatch_intel::{FileReport, Intel};

use super::file_watch::{Stamp, follow, stamp};
use crate::imports;
use crate::settings::Intel as Files;

/// What became of reading everything again.
#[derive(Debug)]
pub(super) struct Imported {
    /// What is in force from now on; `None` when the import before stays.
    pub(super) intel: Option<Arc<Intel>>,
    /// What became of each file.
    pub(super) files: Vec<FileReport>,
}

/// Starts the watch. It ends with `stop`.
///
/// # Errors
/// When the thread cannot be started.
pub(super) fn start(
    files: Files,
    in_force: Vec<FileReport>,
    reload: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
) -> std::io::Result<Receiver<Imported>> {
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    std::thread::Builder::new().name("intel".to_owned()).spawn(move || {
        let look = || -> Vec<Stamp> { files.all().map(|file| stamp(file)).collect() };
        let mut watch = Watch { files: &files, in_force, sender };
        follow(look, (look(), false), (&reload, &stop), |_| watch.hand_over());
    })?;
    Ok(receiver)
}

struct Watch<'a> {
    files: &'a Files,
    in_force: Vec<FileReport>,
    sender: SyncSender<Imported>,
}

impl Watch<'_> {
    /// Reads everything; `false` when nobody takes it any more.
    fn hand_over(&mut self) -> bool {
        let intel = imports::read(self.files);
        imports::tell(&intel.files);
        let files = intel.files.clone();
        let is_worse = imports::is_worse(&self.in_force, &files);
        if is_worse {
            tracing::error!("an imported file gives nothing any more; what was imported before stays in force");
        } else {
            self.in_force.clone_from(&files);
        }
        self.sender.send(Imported { intel: (!is_worse).then(|| Arc::new(intel)), files }).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spoilt_file_keeps_what_was_read_before() {
        let folder = tempfile::tempdir().unwrap();
        let rules = folder.path().join("local.rules");
        let rule = |sid: u32| format!("alert tcp any any -> any any (content:\"abc\"; sid:{sid};)\n");
        std::fs::write(&rules, rule(1)).unwrap();
        let files = Files { signatures: vec![rules.clone()], ..Files::default() };
        let (sender, taken) = std::sync::mpsc::sync_channel(1);
        let in_force = imports::read(&files).files;
        let mut watch = Watch { files: &files, in_force, sender };
        let mut read = |text: &str| {
            std::fs::write(&rules, text).unwrap();
            assert!(watch.hand_over());
            let imported = taken.recv().unwrap();
            let sids = imported.intel.map(|intel| intel.signatures.iter().map(|rule| rule.sid).collect::<Vec<_>>());
            (sids, imported.files[0].loaded)
        };
        assert_eq!(read(&rule(2)), (Some(vec![2]), 1));
        assert_eq!(read("half a ru"), (None, 0), "the old ones stay");
        assert_eq!(read(&(rule(3) + "half a ru")), (Some(vec![3]), 1));
    }
}
