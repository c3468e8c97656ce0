//! `dogwatch-sim`: the command line of the traffic simulator.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};
use dogwatch_model::CaptureTime;
use dogwatch_sim::{Faults, FileOptions, Format, Link, RunOptions, Sentences, SimError};

/// Writes labelled captures of a ship's networks. Never sends a packet.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Plays a script and writes SCRIPT.pcap, SCRIPT.n2k.pcap, SCRIPT.labels.json and SCRIPT.policy.toml; for `ioc`, `sig` and `advisory` also the list, rules or advisory that describe them.
    Run(Box<RunArguments>),
    /// Plays a script and writes the frames of one protocol to one file.
    Cut(Box<CutArguments>),
    /// Writes a story of 14 days for learning: one state of the ship each day, for `--duration`.
    Learn {
        /// The ship.
        #[arg(long, default_value = "cargo")]
        ship: String,
        /// Decides every random draw.
        #[arg(long, default_value_t = 7)]
        seed: u64,
        /// First instant, RFC 3339.
        #[arg(long, default_value = "2027-01-10T08:00:00Z")]
        start: String,
        /// Length of each day's part; the states of a ship need half an hour to show.
        #[arg(long, default_value = "32m")]
        duration: String,
        /// An attack hidden on the ninth day.
        #[arg(long)]
        taint: Option<String>,
        /// 802.1Q tags as a trunk mirror gives them.
        #[arg(long)]
        vlan: bool,
        /// Folder for the files.
        #[arg(long)]
        out: PathBuf,
    },
    /// Shows the ships and scripts.
    List,
    /// Writes a dense mix of ship protocols for benchmarks, always the same for one seed.
    Mix {
        /// Packets in the file.
        #[arg(long, default_value_t = 1_000_000)]
        packets: u64,
        /// Decides every random draw.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// The file.
        #[arg(long)]
        out: PathBuf,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatArgument {
    Pcap,
    Pcapng,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LinkArgument {
    Ethernet,
    Sll,
    Sll2,
    Raw,
}

/// What is played.
#[derive(Debug, Args)]
struct SceneArguments {
    /// The ship: `general-cargo`, or `cargo` for short.
    #[arg(long, default_value = "cargo")]
    ship: String,
    /// The script; `list` shows them.
    #[arg(long)]
    script: String,
    /// Decides every random draw.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// First instant, RFC 3339.
    #[arg(long, default_value = "2027-01-10T08:00:00Z")]
    start: String,
    /// Length of the run: `90s`, `30m`, `24h`.
    #[arg(long, default_value = "30m")]
    duration: String,
    /// When the attack begins, counted from the start; at least `120s`.
    #[arg(long, default_value = "180s")]
    at: String,
    /// A parameter of the script, as `name=number`; may be given again.
    #[arg(long = "set", value_name = "NAME=NUMBER")]
    set: Vec<String>,
    /// 802.1Q tags as a trunk mirror gives them; packets between zones appear on both sides.
    #[arg(long)]
    vlan: bool,
    /// Share of frames that the capture loses, such as `0.5%`.
    #[arg(long, default_value = "0%")]
    loss: String,
    /// Share of frames that the capture sees twice, such as `1%`.
    #[arg(long, default_value = "0%")]
    dup: String,
    /// Frames may come this much late, such as `2ms`.
    #[arg(long, default_value = "0ms")]
    reorder: String,
    /// Only one direction: no answers.
    #[arg(long)]
    half: bool,
    /// Sentences by UDP broadcast to port 10110, without TAG blocks.
    #[arg(long, conflicts_with = "serial")]
    plain: bool,
    /// Sentences by TCP from a serial server.
    #[arg(long)]
    serial: bool,
    /// Leaves out the radar picture, a third of all bytes.
    #[arg(long)]
    no_pictures: bool,
}

#[derive(Debug, Args)]
struct RunArguments {
    #[command(flatten)]
    scene: SceneArguments,
    /// Folder for the files.
    #[arg(long)]
    out: PathBuf,
    #[arg(long, value_enum, default_value = "pcap")]
    format: FormatArgument,
    /// What the frames look like in the file.
    #[arg(long, value_enum, default_value = "ethernet")]
    link: LinkArgument,
    /// Time stamps in nanoseconds.
    #[arg(long)]
    nano: bool,
    /// Headers with the most significant byte first.
    #[arg(long)]
    big_endian: bool,
    /// One file for each mirror port instead of a merged one.
    #[arg(long)]
    per_interface: bool,
    /// Leaves out the NMEA 2000 backbone.
    #[arg(long)]
    no_bus: bool,
    /// Compresses the captures with gzip.
    #[arg(long)]
    gz: bool,
}

#[derive(Debug, Args)]
struct CutArguments {
    #[command(flatten)]
    scene: SceneArguments,
    /// The protocol, by its folder name: `modbus`, `nmea0183`, `arp` and so on.
    #[arg(long)]
    only: String,
    /// The file; compressed when its name ends in `.gz`.
    #[arg(long)]
    out: PathBuf,
}

/// A number and what follows it.
fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, unit))
}

/// Seconds of `90s`, `30m` or `24h`.
fn seconds(what: &'static str, text: &str) -> Result<u32, SimError> {
    let wrong = || SimError::Argument {
        what,
        given: text.to_owned(),
        expected: "a time such as 90s, 30m or 24h, at most 31 days",
    };
    let (number, unit) = number_and_unit(text).ok_or_else(wrong)?;
    let factor = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return Err(wrong()),
    };
    let seconds = number * factor;
    if (1.0..=31.0 * 86_400.0).contains(&seconds) { Ok(seconds as u32) } else { Err(wrong()) }
}

/// 0.005 of `0.5%`.
fn share(what: &'static str, text: &str) -> Result<f64, SimError> {
    match number_and_unit(text) {
        Some((number, "%")) if number <= 100.0 => Ok(number / 100.0),
        _ => Err(SimError::Argument { what, given: text.to_owned(), expected: "a share such as 0.5%" }),
    }
}

/// Nanoseconds of `2ms`.
fn delay(text: &str) -> Result<i64, SimError> {
    match number_and_unit(text) {
        Some((number, "ms")) if number <= 1_000.0 => Ok((number * 1e6) as i64),
        _ => Err(SimError::Argument {
            what: "--reorder",
            given: text.to_owned(),
            expected: "a time such as 2ms, at most 1000ms",
        }),
    }
}

/// `name=number`.
fn setting(text: &str) -> Result<(String, f64), SimError> {
    let wrong = || SimError::Argument { what: "--set", given: text.to_owned(), expected: "name=number" };
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    let value: f64 = value.parse().map_err(|_| wrong())?;
    if value.is_finite() { Ok((name.to_owned(), value)) } else { Err(wrong()) }
}

impl SceneArguments {
    /// A plain capture of a script, without pictures.
    fn of(script: &str) -> Self {
        Self {
            ship: String::new(),
            script: script.to_owned(),
            seed: 0,
            start: String::new(),
            duration: String::new(),
            at: "600s".to_owned(),
            set: Vec::new(),
            vlan: false,
            loss: "0%".to_owned(),
            dup: "0%".to_owned(),
            reorder: "0ms".to_owned(),
            half: false,
            plain: false,
            serial: false,
            no_pictures: true,
        }
    }

    fn options(&self) -> Result<RunOptions, SimError> {
        let start =
            CaptureTime::parse_rfc3339(&self.start).filter(|at| at.0 > 0).ok_or_else(|| SimError::Argument {
                what: "--start",
                given: self.start.clone(),
                expected: "an RFC 3339 time after 1970, such as 2027-01-10T08:00:00Z",
            })?;
        let attack_after_s = seconds("--at", &self.at)?;
        if attack_after_s < 120 {
            return Err(SimError::Argument {
                what: "--at",
                given: self.at.clone(),
                expected: "at least 120s of normal life",
            });
        }
        Ok(RunOptions {
            ship: self.ship.clone(),
            script: self.script.clone(),
            seed: self.seed,
            start,
            duration_s: seconds("--duration", &self.duration)?,
            attack_after_s,
            parameters: self.set.iter().map(|text| setting(text)).collect::<Result<_, _>>()?,
            sentences: match (self.plain, self.serial) {
                (true, _) => Sentences::Plain,
                (_, true) => Sentences::Serial,
                _ => Sentences::Groups,
            },
            vlan: self.vlan,
            faults: Faults {
                loss: share("--loss", &self.loss)?,
                duplicates: share("--dup", &self.dup)?,
                reorder: delay(&self.reorder)?,
                half: self.half,
            },
            pictures: !self.no_pictures,
        })
    }
}

impl RunArguments {
    /// Cooked and raw link types have no room for a tag.
    fn check(&self) -> Result<(), SimError> {
        if self.scene.vlan && !matches!(self.link, LinkArgument::Ethernet) {
            let given = format!("{:?}", self.link).to_lowercase();
            return Err(SimError::Argument {
                what: "--link",
                given,
                expected: "ethernet, because --vlan needs its tags",
            });
        }
        Ok(())
    }

    fn files(&self) -> FileOptions {
        FileOptions {
            out: self.out.clone(),
            format: match self.format {
                FormatArgument::Pcap => Format::Pcap,
                FormatArgument::Pcapng => Format::PcapNg,
            },
            link: match self.link {
                LinkArgument::Ethernet => Link::Ethernet,
                LinkArgument::Sll => Link::Sll,
                LinkArgument::Sll2 => Link::Sll2,
                LinkArgument::Raw => Link::Raw,
            },
            nanoseconds: self.nano,
            big_endian: self.big_endian,
            per_interface: self.per_interface,
            bus: !self.no_bus,
            gzip: self.gz,
        }
    }
}

fn list(out: &mut impl std::io::Write) -> std::io::Result<()> {
    for (name, alias, what) in dogwatch_sim::ships() {
        writeln!(out, "ship    {name:<14} ({alias}) {what}")?;
    }
    for script in dogwatch_sim::scripts() {
        let parameters: Vec<String> = script.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let kind = if script.attack { "attack" } else { "normal" };
        writeln!(out, "{kind}  {:<14} {} {}", script.name, script.what, parameters.join(" "))?;
    }
    Ok(())
}

fn execute(cli: &Cli) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match &cli.command {
        Command::List => list(&mut out).context("cannot write the list"),
        Command::Cut(arguments) => {
            let (frames, bytes) = dogwatch_sim::cut(&arguments.scene.options()?, &arguments.only, &arguments.out)?;
            writeln!(out, "{}: {frames} frames, {bytes} bytes", arguments.out.display())?;
            Ok(())
        }
        Command::Mix { packets, seed, out: path } => {
            let start = CaptureTime::from_parts(1_799_568_000, 0);
            let bytes = dogwatch_sim::mix(*packets, *seed, start, path)?;
            writeln!(out, "{}: {packets} frames, {bytes} bytes", path.display())?;
            Ok(())
        }
        Command::Learn { ship, seed, start, duration, taint, vlan, out: folder } => {
            let scene = SceneArguments {
                ship: ship.clone(),
                seed: *seed,
                start: start.clone(),
                duration: duration.clone(),
                vlan: *vlan,
                ..SceneArguments::of("sea-day")
            };
            let written = dogwatch_sim::learn(&scene.options()?, &FileOptions::plain(folder), taint.as_deref())?;
            for (path, frames, bytes) in written.captures {
                writeln!(out, "{}: {frames} frames, {bytes} bytes", path.display())?;
            }
            Ok(())
        }
        Command::Run(arguments) => {
            arguments.check()?;
            let written = dogwatch_sim::run(&arguments.scene.options()?, &arguments.files())?;
            for (path, frames, bytes) in written.captures {
                writeln!(out, "{}: {frames} frames, {bytes} bytes", path.display())?;
            }
            Ok(())
        }
    }
}

fn main() -> ExitCode {
    match execute(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let broken = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
            if broken.into_iter().any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe) {
                return ExitCode::SUCCESS;
            }
            // Nothing is left to do when even the error cannot be written.
            let _ = writeln!(std::io::stderr(), "dogwatch-sim: {error:#}");
            ExitCode::from(2)
        }
    }
}
