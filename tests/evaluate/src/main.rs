//! `make evaluate`: plays every script of the simulator over some seeds, ships and ways of writing a capture, through the pipeline that
//! `dogwatch analyze` runs, and writes what was found, how soon, and what was found that should not be.
//!
//! It judges by the labels beside each capture and by nothing else. The pipeline is called as a library, not as a program, because
//! findings on disk do not say when they were told. Bytes for the link are those of
//! signed bundles made of what was found, not of a daemon that ran for a day.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a measuring program: it prints")]

mod catalogue;
mod play;
mod report;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use clap::Parser;

use play::{Job, Outcome, SHAPES};

/// Evaluates detections over simulated captures.
#[derive(Debug, Parser)]
struct Cli {
    /// First and last seed; 1-50 are for tuning, 51-100 for reporting
    #[arg(long, default_value = "51-100")]
    seeds: String,
    /// Runs of each attack, each with another seed, ship and way of writing
    #[arg(long, default_value_t = 2)]
    attacks: u64,
    /// Vessel-days of normal life, spread evenly over its scripts
    #[arg(long, default_value_t = 30.0)]
    days: f64,
    /// Minutes of each normal run
    #[arg(long, default_value_t = 30)]
    minutes: u32,
    /// Only this script
    #[arg(long)]
    script: Option<String>,
    /// Captures played and judged at a time
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Where the table goes
    #[arg(long, default_value = "tests/evaluation.md")]
    out: PathBuf,
}

/// The seeds of `51-100`.
fn seeds(text: &str) -> anyhow::Result<Vec<u64>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last): (u64, u64) = (first.parse()?, last.parse()?);
    anyhow::ensure!(first <= last, "`{text}`: expected first-last");
    Ok((first..=last).collect())
}

/// Every run, in an order that does not depend on how fast the machine is.
fn jobs(cli: &Cli, seeds: &[u64]) -> Vec<Job> {
    let ships: Vec<&'static str> = dogwatch_sim::ships().iter().map(|(name, ..)| *name).collect();
    let scripts = dogwatch_sim::scripts();
    let wanted = |name: &str| cli.script.as_deref().is_none_or(|only| only == name);
    let normal = scripts.iter().filter(|script| !script.attack).count().max(1);
    let each = (cli.days * 1_440.0 / f64::from(cli.minutes) / normal as f64).ceil().max(1.0) as usize;
    // the next ship in turn that has what the script needs
    let ship_for = |number: usize, script: &str| {
        let turn = (0..ships.len()).filter_map(|step| ships.get((number + step) % ships.len()).copied());
        turn.into_iter().find(|ship| dogwatch_sim::can_play(ship, script).unwrap_or(false)).unwrap_or("cargo")
    };
    let pick = |number: usize, script: &str| {
        let seed = seeds.get(number % seeds.len().max(1)).copied().unwrap_or(51);
        let [plain, ..] = SHAPES;
        let shape = SHAPES.get(number % SHAPES.len()).copied().unwrap_or(plain);
        (seed, ship_for(number, script), shape)
    };
    let mut out = Vec::new();
    let mut number = 0;
    for script in scripts.iter().filter(|script| wanted(script.name)) {
        let (needs_s, lead_s) = script.needs_s;
        let times = if script.attack { cli.attacks as usize } else { each };
        // what takes hours is played once
        for _ in 0..if needs_s > 3_600 { 1 } else { times } {
            let (seed, ship, shape) = pick(number, script.name);
            number += 1;
            let duration_s = if script.attack { lead_s.max(180) + needs_s + 10 } else { cli.minutes * 60 };
            out.push(Job { script: script.name, attack: script.attack, ship, seed, shape, duration_s });
        }
    }
    out
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let jobs = jobs(&cli, &seeds(&cli.seeds).context("--seeds")?);
    let next = AtomicUsize::new(0);
    let outcomes: Mutex<Vec<(usize, anyhow::Result<Outcome>)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..cli.workers.max(1) {
            scope.spawn(|| {
                while let number = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(job) = jobs.get(number)
                {
                    let outcome = play::play(job);
                    eprintln!("{:>4} of {}: {}", number + 1, jobs.len(), job.script);
                    if let Ok(mut all) = outcomes.lock() {
                        all.push((number, outcome));
                    }
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap_or_default();
    outcomes.sort_by_key(|(number, _)| *number);
    let outcomes: Vec<Outcome> = outcomes.into_iter().map(|(_, outcome)| outcome).collect::<Result<_, _>>()?;
    let command =
        format!("--seeds {} --attacks {} --days {} --minutes {}", cli.seeds, cli.attacks, cli.days, cli.minutes);
    let text = report::table(&outcomes, &catalogue::waves(), &command);
    std::fs::write(&cli.out, &text).with_context(|| format!("cannot write {}", cli.out.display()))?;
    println!("{text}");
    Ok(())
}
