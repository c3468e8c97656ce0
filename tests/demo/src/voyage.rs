//! The voyage: the simulator's normal day with several attack scripts laid over it.
//!
//! All runs of the simulator with one seed agree frame by frame outside their attacks, so an attack is what a run has more, and less, than the
//! normal one; laying it over another capture is adding and taking away those frames.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use dogwatch::capture::file::CaptureFile;

use crate::program;

/// How many times as fast as life the ship sails.
pub(crate) const SPEED: u32 = 6;
/// Seconds of the voyage.
const DURATION: &str = "60m";
/// The attacks: script, second of the voyage at which it begins.
const SCENES: [(&str, u32); 6] = [
    ("rogue-device", 130),
    ("modbus-write", 190),
    ("pos-jump", 240),
    ("crew-to-bridge", 290),
    ("sfi-clash", 340),
    ("n2k-claim", 390),
];
/// The captures of one run: two mirror ports and the bus.
const SOURCES: [&str; 3] = ["mir0", "mir1", "n2k"];

/// One attack.
pub(crate) struct Scene {
    pub(crate) script: String,
    /// Detections of which one must fire.
    pub(crate) detections: Vec<String>,
    second: u32,
}

impl Scene {
    /// When it begins, from the start of the show.
    pub(crate) fn real_time(&self) -> Duration {
        Duration::from_secs(u64::from(self.second)) / SPEED
    }
}

/// The captures to be played, and what is to be found in them.
pub(crate) struct Voyage {
    pub(crate) scenes: Vec<Scene>,
    pub(crate) policy: PathBuf,
    pub(crate) mirrors: [PathBuf; 2],
    pub(crate) bus: PathBuf,
}

type Frame = (i64, u32, Vec<u8>);

impl Voyage {
    pub(crate) fn make(programs: &Path, folder: &Path) -> anyhow::Result<Self> {
        let simulator = program(programs, "dogwatch-sim")?;
        let start = dogwatch::clock::now().to_string();
        let runs = folder.join("runs");
        run(&simulator, "sea-day", None, &start, &runs)?;
        let mut scenes = Vec::new();
        for (script, second) in SCENES {
            run(&simulator, script, Some(second), &start, &runs)?;
            scenes.push(Scene { script: script.to_owned(), detections: expected(&runs, script)?, second });
        }
        let mut paths = Vec::new();
        for source in SOURCES {
            let name = |script: &str| runs.join(format!("{script}.{source}.pcap"));
            let (link, normal) = read(&name("sea-day"))?;
            let mut laid = normal.clone();
            for (script, _) in SCENES {
                let (_, attacked) = read(&name(script))?;
                laid = lay_over(laid, &normal, &attacked);
            }
            let path = folder.join(format!("voyage.{source}.pcap"));
            write(&path, link, &laid)?;
            paths.push(path);
        }
        let policy = folder.join("policy.toml");
        let plan = std::fs::read_to_string(runs.join("sea-day.policy.toml"))?;
        std::fs::write(&policy, without_rates(&plan))?;
        std::fs::remove_dir_all(&runs)?;
        let [mir0, mir1, bus]: [PathBuf; 3] =
            paths.try_into().map_err(|_| anyhow::anyhow!("three captures were expected"))?;
        Ok(Self { scenes, policy, mirrors: [mir0, mir1], bus })
    }
}

fn run(simulator: &Path, script: &str, at: Option<u32>, start: &str, out: &Path) -> anyhow::Result<()> {
    let mut command = Command::new(simulator);
    command.args([
        "run",
        "--ship",
        "cargo",
        "--script",
        script,
        "--start",
        start,
        "--duration",
        DURATION,
        "--per-interface",
    ]);
    command.arg("--out").arg(out);
    if let Some(at) = at {
        command.args(["--at", &format!("{at}s")]);
    }
    let output = command.output().context("the simulator cannot be started")?;
    anyhow::ensure!(
        output.status.success(),
        "the simulator failed on {script}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// The detections of which one is required.
fn expected(runs: &Path, script: &str) -> anyhow::Result<Vec<String>> {
    let labels: serde_json::Value =
        serde_json::from_slice(&std::fs::read(runs.join(format!("{script}.labels.json")))?)?;
    let expectations =
        labels.get("expect").and_then(serde_json::Value::as_array).context("labels without expectations")?;
    let required = expectations.iter().filter(|expect| expect.get("required") == Some(&serde_json::Value::Bool(true)));
    let ids = required
        .flat_map(|expect| expect.get("detections").and_then(serde_json::Value::as_array).into_iter().flatten());
    Ok(ids.filter_map(|id| id.as_str().map(str::to_owned)).collect())
}

fn read(path: &Path) -> anyhow::Result<(u32, Vec<Frame>)> {
    let mut file = CaptureFile::open(path)?;
    let (mut link, mut frames) = (1, Vec::new());
    while let Some(frame) = file.next_frame()? {
        link = frame.link.0;
        frames.push((frame.at.0, frame.original_length, frame.bytes.to_vec()));
    }
    Ok((link, frames))
}

/// What `attacked` has more than `normal` is added to `base`, what it has less is taken away.
fn lay_over(base: Vec<Frame>, normal: &[Frame], attacked: &[Frame]) -> Vec<Frame> {
    let mut difference: HashMap<&Frame, i64> = HashMap::new();
    for frame in attacked {
        *difference.entry(frame).or_default() += 1;
    }
    for frame in normal {
        *difference.entry(frame).or_default() -= 1;
    }
    let mut gone: HashMap<Frame, i64> = HashMap::new();
    let mut laid = Vec::new();
    for (frame, count) in difference {
        for _ in 0..count {
            laid.push(frame.clone());
        }
        if count < 0 {
            gone.insert(frame.clone(), -count);
        }
    }
    laid.extend(base.into_iter().filter(|frame| match gone.get_mut(frame) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    }));
    laid.sort();
    laid
}

/// Writes a classic pcap, microseconds, little endian.
fn write(path: &Path, link: u32, frames: &[Frame]) -> anyhow::Result<()> {
    let mut out = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, link] {
        out.extend(word.to_le_bytes());
    }
    for (nanos, original, bytes) in frames {
        let (seconds, fraction) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000) / 1_000);
        for word in [u32::try_from(seconds)?, u32::try_from(fraction)?, u32::try_from(bytes.len())?, *original] {
            out.extend(word.to_le_bytes());
        }
        out.extend(bytes);
    }
    Ok(std::fs::write(path, out)?)
}

/// The plan without its rates: a ship that sails six times as fast as life asks six times as often.
fn without_rates(plan: &str) -> String {
    plan.split_inclusive('\n').filter(|line| !line.trim_start().starts_with("rate = ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_attacks_laid_over_one_day() {
        let frame = |at: i64, byte: u8| (at, 1, vec![byte]);
        let normal = vec![frame(1, 1), frame(2, 2), frame(3, 3)];
        let added = vec![frame(1, 1), frame(2, 2), frame(2, 9), frame(3, 3)];
        let altered = vec![frame(1, 1), frame(2, 2), frame(3, 7)];
        let laid = lay_over(lay_over(normal.clone(), &normal, &added), &normal, &altered);
        assert_eq!(laid, vec![frame(1, 1), frame(2, 2), frame(2, 9), frame(3, 7)]);
    }
}
