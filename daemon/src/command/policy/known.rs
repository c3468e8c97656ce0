//! What the commands need to know: which policy, and what was seen. The running daemon is asked through its state directory; an analysis has both in its
//! folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use dogwatch_model::{Category, Finding, FindingEnd, Severity};
use dogwatch_rules::policy::{Policy, Suspect};
use dogwatch_rules::{Baseline, Identity};

use crate::service::control;
use crate::settings::Settings;
use crate::{baseline, policy_file};

/// How long the daemon is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Which policy and which data.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Source {
    /// The policy file; that of the settings when absent
    #[arg(long, value_name = "FILE")]
    pub(super) policy: Option<PathBuf>,
    /// What was seen: the --out directory of an analysis; the running daemon is asked when absent
    #[arg(long, value_name = "DIR")]
    pub(super) baseline: Option<PathBuf>,
    /// Settings file of the daemon
    #[arg(long, value_name = "FILE", default_value = "/etc/dogwatch/dogwatch.toml")]
    pub(super) config: PathBuf,
}

impl Source {
    /// The policy file.
    pub(super) fn file(&self) -> anyhow::Result<PathBuf> {
        if let Some(file) = &self.policy {
            return Ok(file.clone());
        }
        let settings = Settings::load(&self.config)?;
        settings
            .policy
            .file
            .with_context(|| format!("{} names no policy; give one with --policy", self.config.display()))
    }

    /// The text of the policy file and the policy.
    pub(super) fn load(&self) -> anyhow::Result<(PathBuf, String, Policy)> {
        let file = self.file()?;
        let text = read(&file)?;
        Ok((file.clone(), text, policy_file::load(&file)?))
    }

    /// What was seen, and whom findings are about.
    pub(super) fn learned(&self) -> anyhow::Result<(Baseline, Vec<Suspect>)> {
        let folder = match &self.baseline {
            Some(folder) => folder.clone(),
            None => self.of_the_daemon()?,
        };
        Ok((baseline::read_folder(&folder)?, suspects(&folder)?))
    }

    /// Asks the running daemon for its baseline; without one, what it wrote when it stopped.
    fn of_the_daemon(&self) -> anyhow::Result<PathBuf> {
        let settings = Settings::load(&self.config)?;
        let folder = control::folder(&settings.store.directory);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot write into {}", folder.display()))?;
        let wanted = folder.join("wanted");
        std::fs::write(&wanted, b"").with_context(|| format!("cannot ask the daemon: {}", wanted.display()))?;
        let file = folder.join("baseline/baseline.json");
        let before = modified(&file);
        let mut waited = Duration::ZERO;
        while waited < PATIENCE {
            std::thread::sleep(LOOK_EVERY);
            waited += LOOK_EVERY;
            if !wanted.exists() && modified(&file) != before {
                return Ok(folder.join("baseline"));
            }
        }
        // nobody took the question away
        let _ = std::fs::remove_file(&wanted);
        anyhow::ensure!(file.exists(), "the daemon does not answer and left no baseline; give one with --baseline");
        eprintln!("dogwatch: the daemon does not run; this is what it knew when it stopped");
        Ok(folder.join("baseline"))
    }
}

/// A text file.
pub(super) fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read the policy {}", file.display()))
}

fn modified(file: &Path) -> Option<std::time::SystemTime> {
    file.metadata().and_then(|data| data.modified()).ok()
}

/// Whom findings of severity medium and worse are about; none where the folder has no findings.
fn suspects(folder: &Path) -> anyhow::Result<Vec<Suspect>> {
    let beside = folder.join("findings.jsonl");
    let above = folder.parent().map(|above| above.join("findings.jsonl"));
    let file = std::iter::once(beside).chain(above).find(|file| file.is_file());
    let Some(file) = file else { return Ok(Vec::new()) };
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut all = Vec::new();
    for line in text.lines() {
        let finding: Finding = serde_json::from_str(line).with_context(|| format!("{} is damaged", file.display()))?;
        if finding.severity < Severity::Medium || finding.category == Category::Health {
            continue;
        }
        if let Some(from) = identity(&finding.source) {
            all.push(Suspect { from, to: identity(&finding.destination) });
        }
    }
    Ok(all)
}

fn identity(end: &FindingEnd) -> Option<Identity> {
    let by_card = || end.mac.map(Identity::Mac);
    end.n2k_name.map(|name| Identity::Name(name.into())).or_else(|| end.ip.map(Identity::Ip)).or_else(by_card)
}

/// Today, `2027-03-21`.
pub(super) fn today() -> String {
    let (year, month, day, ..) = crate::clock::now().civil();
    format!("{year:04}-{month:02}-{day:02}")
}
