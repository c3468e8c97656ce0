//! `make bench`: what the whole program costs a packet, beside bare readers of the same file in the same run.
//!
//! Rates of different machines, or of one machine on different days, say little; the ratio to a loop that only reads the file does. Every
//! program runs as a process of its own, in turn with the others for several rounds, and is charged the CPU time the kernel says it took, start
//! and end included. Nothing is asserted: this measures, a person judges.
//!
//! Each counted run comes right after an uncounted one of the same program: what the last program left behind (memory the host of a virtual
//! machine has taken back, or has not) is otherwise charged to whoever comes next, and always to the same one.
#![expect(clippy::print_stdout, reason = "a measuring program: it prints")]

mod child;
mod floor;
mod table;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use clap::Parser;
use sha2::Digest as _;

use table::Contestant;

/// What rules are compared with.
const WITHOUT_RULES: &str = "analyze --no-rules";

/// Measures `dogwatch analyze` beside bare readers of the same capture.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Option<Task>,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, clap::Subcommand)]
enum Task {
    /// Reads a capture through libpcap and takes every frame's headers apart
    Floor {
        /// The capture
        file: PathBuf,
    },
    /// Reads a capture through libpcap
    Bare {
        /// The capture
        file: PathBuf,
    },
    /// Runs a program and says what it cost
    Measure {
        /// The program and its arguments
        #[arg(last = true)]
        program: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
struct Options {
    /// Packets of the mix that is generated
    #[arg(long, default_value_t = 1_000_000)]
    packets: u64,
    /// Seed of that mix
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Policy of the ship in that mix
    #[arg(long, value_name = "FILE", default_value = "pcaps/scenarios/sea-day.policy.toml")]
    policy: PathBuf,
    /// Captures to measure besides it; those that are not there are left out
    #[arg(long, value_name = "FILE")]
    capture: Vec<PathBuf>,
    /// Counted rounds
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Where dogwatch and dogwatch-sim are; beside this program when not given
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match &cli.command {
        Some(Task::Floor { file }) => print_read(&floor::read(file, true)?),
        Some(Task::Bare { file }) => print_read(&floor::read(file, false)?),
        Some(Task::Measure { program }) => println!("{}", serde_json::to_string(&child::measure(program)?)?),
        None => bench(&cli.options)?,
    }
    Ok(())
}

fn print_read(read: &floor::Read) {
    println!("{} packets, {} bytes, {} with whole headers", read.packets, read.bytes, read.sliced);
}

fn bench(options: &Options) -> anyhow::Result<()> {
    let own = std::env::current_exe()?;
    let programs = match &options.programs {
        Some(folder) => folder.clone(),
        None => own.parent().map(Path::to_owned).unwrap_or_default(),
    };
    let folder = tempfile::tempdir()?;
    let mix = folder.path().join("mix.pcap");
    generate(&programs.join("dogwatch-sim"), options, &mix)?;
    println!("machine: {}", machine());
    println!(
        "rounds: {}, each run after an uncounted one of the same program; CPU s is the median of user and system time\n",
        options.rounds
    );
    println!("generated mix: {} packets, seed {}", options.packets, options.seed);
    let policy = Some(options.policy.as_path()).filter(|policy| policy.is_file());
    if policy.is_none() {
        println!("{} is not there: measured without a policy", options.policy.display());
    }
    measure(options, &own, &programs, &mix, policy)?;
    for capture in &options.capture {
        println!("\n{}", capture.display());
        if capture.is_file() {
            measure(options, &own, &programs, capture, None)?;
        } else {
            println!("not there: skipped");
        }
    }
    Ok(())
}

/// Has the simulator write the mix.
fn generate(sim: &Path, options: &Options, out: &Path) -> anyhow::Result<()> {
    let status = Command::new(sim)
        .args(["mix", "--packets", &options.packets.to_string(), "--seed", &options.seed.to_string(), "--out"])
        .arg(out)
        .stdout(std::process::Stdio::null())
        .status()
        .with_context(|| {
            format!("cannot run {}: build it with `cargo build --release -p dogwatch-sim`", sim.display())
        })?;
    if !status.success() {
        bail!("{} could not write the mix: {status}", sim.display());
    }
    Ok(())
}

/// Measures every program on one capture and prints the table.
fn measure(
    options: &Options,
    own: &Path,
    programs: &Path,
    capture: &Path,
    policy: Option<&Path>,
) -> anyhow::Result<()> {
    let read = floor::read(capture, true)?;
    println!("input: {} packets, {} bytes in frames, {}", read.packets, read.bytes, fingerprint(capture)?);
    let text = |path: &Path| path.display().to_string();
    let dogwatch = text(&programs.join("dogwatch"));
    let analyze = |more: &[&str]| {
        let mut program = vec![dogwatch.clone(), "analyze".to_owned(), text(capture), "--json".to_owned()];
        program.extend(more.iter().map(|word| (*word).to_owned()));
        program
    };
    let mut contestants = vec![
        Contestant::new("libpcap", vec![text(own), "bare".to_owned(), text(capture)]),
        Contestant::new("libpcap + etherparse", vec![text(own), "floor".to_owned(), text(capture)]),
        Contestant::new("analyze", analyze(&[])),
        Contestant::new(WITHOUT_RULES, analyze(&["--no-rules"])),
    ];
    if let Some(policy) = policy {
        contestants.push(Contestant::new("analyze --policy", analyze(&["--policy", &text(policy)])));
    }
    for _ in 0..options.rounds {
        for contestant in &mut contestants {
            child::run(own, &contestant.program)?;
            contestant.costs.push(child::run(own, &contestant.program)?);
        }
    }
    print!("{}", table::table(&contestants, &read, WITHOUT_RULES));
    Ok(())
}

/// The SHA-256 of a file.
fn fingerprint(file: &Path) -> anyhow::Result<String> {
    let mut source = std::fs::File::open(file)?;
    let mut hash = sha2::Sha256::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        let length = source.read(&mut piece)?;
        let Some(bytes) = piece.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
        hash.update(bytes);
    }
    Ok(format!("sha256 {}", hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}

/// Cores, model and load of this machine.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let table = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named = |name: &str| {
        table
            .lines()
            .find_map(|line| line.split_once(':').filter(|(key, _)| key.trim() == name))
            .map(|(_, value)| value.trim().to_owned())
    };
    let model = named("model name").or_else(|| named("Model")).unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("{cores} core(s), {model}, load {}", load.split_whitespace().next().unwrap_or("unknown"))
}
