//! One measured run: a process of its own, and what the kernel says it cost once it has ended.
//!
//! The kernel adds up all children of a process, and of their memory keeps only the largest. So each run has a parent of its own, which does
//! nothing else: this program again, as `measure`.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use nix::sys::resource::{UsageWho, getrusage};

/// What a finished process cost.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Cost {
    /// User and system time, in seconds.
    pub(crate) cpu_seconds: f64,
    /// Largest resident memory, in KiB.
    pub(crate) peak_kib: i64,
}

/// Runs the program and writes its cost as JSON to standard output: the inner half of [`run`].
pub(crate) fn measure(program: &[String]) -> anyhow::Result<Cost> {
    let Some((name, arguments)) = program.split_first() else { bail!("nothing to run") };
    let status = Command::new(name)
        .args(arguments)
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("cannot run {name}"))?;
    // 1 is "done, and the answer is no": a capture that ends in a cut frame, say. It was read all the same.
    if !matches!(status.code(), Some(0 | 1)) {
        bail!("{name} {}: {status}", arguments.join(" "));
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(Cost { cpu_seconds: seconds(usage.user_time()) + seconds(usage.system_time()), peak_kib: usage.max_rss() })
}

/// Runs `program` once, with `measurer` (this program) as its parent.
pub(crate) fn run(measurer: &Path, program: &[String]) -> anyhow::Result<Cost> {
    let output = Command::new(measurer)
        .args(["measure", "--"])
        .args(program)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", measurer.display()))?;
    if !output.status.success() {
        bail!("measuring {} failed", program.join(" "));
    }
    serde_json::from_slice(&output.stdout).context("the measurer's answer is not understood")
}
