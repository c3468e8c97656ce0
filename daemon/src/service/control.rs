//! What people aboard tell the running daemon: files in its state directory. Nobody needs a socket for it, nothing comes from shore, and whoever may write
//! there may do so anyway.
//!
//! ```text
//! <store>/control/state      ship state set by hand (`dogwatch state`), or written by another program (`source = "file"`)
//! <store>/control/wanted     its presence asks for the baseline
//! <store>/control/baseline/  the baseline, written when it is asked for and at the end
//! ```

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;
use dogwatch_model::{CaptureTime, ShipState};
use dogwatch_rules::policy::{state_named, state_word};
use serde::{Deserialize, Serialize};

/// Longest file taken for a state.
const LONGEST: u64 = 4_096;

/// The ship state as a person set it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manual {
    /// The word of the state.
    pub state: String,
    /// Until when; until it is changed when absent.
    #[serde(default)]
    pub until: Option<CaptureTime>,
    /// Who set it.
    #[serde(default)]
    pub by: String,
    /// When.
    #[serde(default)]
    pub at: Option<CaptureTime>,
}

/// The folder of control files of a store.
#[must_use]
pub fn folder(store: &Path) -> PathBuf {
    store.join("control")
}

/// Sets the ship state; `None` lets the daemon conclude it again.
///
/// # Errors
/// When the file cannot be written.
pub fn set_state(store: &Path, manual: Option<&Manual>) -> anyhow::Result<()> {
    let file = folder(store).join("state");
    match manual {
        Some(manual) => {
            let folder = folder(store);
            std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
            crate::policy_versions::replace(&file, &serde_json::to_string(manual)?)
        }
        None => match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", file.display()))
            }
            _ => Ok(()),
        },
    }
}

/// Reads a state file: JSON as `dogwatch state` writes it, or the bare word.
fn parse(text: &str) -> Result<(ShipState, Option<CaptureTime>), String> {
    let text = text.trim();
    let manual = match serde_json::from_str::<Manual>(text) {
        Ok(manual) => manual,
        Err(_) => Manual { state: text.to_owned(), until: None, by: String::new(), at: None },
    };
    let state = state_named(&manual.state);
    state.map(|state| (state, manual.until)).ok_or_else(|| "the file holds no ship state".to_owned())
}

/// Follows the control files; looked at once a second.
#[derive(Debug)]
pub(super) struct Control {
    folder: PathBuf,
    known: Option<(SystemTime, u64)>,
    is_first: bool,
}

/// What changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// The ship state was set, or let go.
    pub(super) state: Option<Option<(ShipState, Option<CaptureTime>)>>,
    /// Somebody asks for the baseline.
    pub(super) wants_baseline: bool,
}

impl Control {
    pub(super) fn new(store: &Path) -> Self {
        let folder = folder(store);
        // made here, so that whoever leaves a question there leaves it to a folder of ours
        if let Err(error) = std::fs::create_dir_all(&folder) {
            tracing::warn!(%error, folder = %folder.display(), "nobody can tell this daemon anything");
        }
        Self { folder, known: None, is_first: true }
    }

    /// What people told since the last look.
    pub(super) fn look(&mut self) -> Told {
        let file = self.folder.join("state");
        let seen = std::fs::metadata(&file).ok().and_then(|data| Some((data.modified().ok()?, data.len())));
        let mut told = Told::default();
        if seen != self.known || self.is_first {
            (self.known, self.is_first) = (seen, false);
            let small = seen.filter(|(_, bytes)| *bytes <= LONGEST);
            told.state = match small.and_then(|_| std::fs::read_to_string(&file).ok()) {
                None => Some(None),
                Some(text) => match parse(&text) {
                    Ok((state, until)) => {
                        tracing::info!(state = state_word(state), "ship state set by hand");
                        Some(Some((state, until)))
                    }
                    Err(why) => {
                        tracing::warn!(file = %file.display(), why, "ship state stays as it is");
                        None
                    }
                },
            };
        }
        let wanted = self.folder.join("wanted");
        if wanted.exists() && std::fs::remove_file(&wanted).is_ok() {
            told.wants_baseline = true;
        }
        told
    }

    /// Where the baseline goes.
    pub(super) fn baseline(&self) -> PathBuf {
        self.folder.join("baseline")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_told_once_and_let_go() {
        let store = tempfile::tempdir().unwrap();
        let mut control = Control::new(store.path());
        assert_eq!(control.look().state, Some(None), "at the start nothing is set");
        assert_eq!(control.look(), Told::default());
        let until = CaptureTime::from_parts(1_900_000_000, 0);
        let manual = Manual { state: "drydock".to_owned(), until: Some(until), by: "Master".to_owned(), at: None };
        set_state(store.path(), Some(&manual)).unwrap();
        assert_eq!(control.look().state, Some(Some((ShipState::Drydock, Some(until)))));
        assert_eq!(control.look(), Told::default());
        std::fs::write(folder(store.path()).join("state"), "at_anchor\n").unwrap();
        assert_eq!(
            control.look().state,
            Some(Some((ShipState::AtAnchor, None))),
            "another program writes the bare word"
        );
        std::fs::write(folder(store.path()).join("state"), "on the rocks").unwrap();
        assert_eq!(control.look().state, None);
        set_state(store.path(), None).unwrap();
        assert_eq!(control.look().state, Some(None));
        std::fs::write(folder(store.path()).join("wanted"), "").unwrap();
        assert!(control.look().wants_baseline && !control.look().wants_baseline);
    }
}
