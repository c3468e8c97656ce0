//! Scenarios of the traffic simulator, written into a folder of their own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use dogwatch_model::CaptureTime;
use dogwatch_sim::{Faults, FileOptions, Format, Link, RunOptions, Sentences, SimError};

use crate::expectation::Labels;

/// A scenario on disk.
#[derive(Debug)]
pub struct Scenario {
    /// Its captures.
    pub captures: Vec<PathBuf>,
    /// Frames the simulator says it wrote.
    pub frames: u64,
    /// The ship's policy.
    pub policy: PathBuf,
    /// What should come of it.
    pub labels: Labels,
}

/// How a scenario is played and written.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The simulator's words for the run.
    pub run: RunOptions,
    /// The simulator's words for the files.
    pub files: FileOptions,
}

impl Plan {
    /// `script` on the cargo ship with `seed`, `minutes` long, the attack after three of them, as plain pcap.
    ///
    /// # Errors
    /// Never: the start is a valid time.
    pub fn new(script: &str, seed: u64, minutes: u32, out: &Path) -> anyhow::Result<Self> {
        let start = CaptureTime::parse_rfc3339("2027-01-10T08:00:00Z").context("the start is no time")?;
        Ok(Self {
            run: RunOptions {
                ship: "cargo".to_owned(),
                script: script.to_owned(),
                seed,
                start,
                duration_s: minutes * 60,
                attack_after_s: 180,
                parameters: BTreeMap::new(),
                sentences: Sentences::default(),
                pictures: true,
                vlan: false,
                faults: Faults { loss: 0.0, duplicates: 0.0, reorder: 0, half: false },
            },
            files: FileOptions {
                out: out.to_owned(),
                format: Format::Pcap,
                link: Link::Ethernet,
                nanoseconds: false,
                big_endian: false,
                per_interface: false,
                bus: true,
                gzip: false,
            },
        })
    }

    /// Plays it.
    ///
    /// # Errors
    /// When the simulator refuses or its labels cannot be read.
    pub fn play(&self) -> anyhow::Result<Scenario> {
        // some attacks need more time than others to be seen
        let written = match dogwatch_sim::run(&self.run, &self.files) {
            Err(SimError::TooShort { need_s, .. }) => {
                let duration_s = u32::try_from(need_s)?;
                dogwatch_sim::run(&RunOptions { duration_s, ..self.run.clone() }, &self.files)?
            }
            other => other?,
        };
        self.scenario(&self.run.script, written)
    }

    /// Plays 14 days for learning, each as long as the plan.
    ///
    /// # Errors
    /// As [`Plan::play`].
    pub fn learn(&self) -> anyhow::Result<Scenario> {
        self.scenario("learn", dogwatch_sim::learn(&self.run, &self.files, None)?)
    }

    fn scenario(&self, script: &str, written: dogwatch_sim::Written) -> anyhow::Result<Scenario> {
        let beside = |end: &str| self.files.out.join(format!("{script}.{end}"));
        let labels = serde_json::from_slice(&std::fs::read(beside("labels.json"))?)?;
        Ok(Scenario {
            frames: written.captures.iter().map(|(_, frames, _)| frames).sum(),
            captures: written.captures.into_iter().map(|(path, ..)| path).collect(),
            policy: beside("policy.toml"),
            labels,
        })
    }
}
