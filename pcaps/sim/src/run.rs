//! Plays a script on a ship and hands the frames, in order of time, to whoever wants them; and writes the files of a run.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use dogwatch_model::{CaptureTime, Severity};

use crate::capture::degrade::{Degrader, Faults};
use crate::capture::file::{Format, Link, Style, Writer};
use crate::error::SimError;
use crate::labels::{Labels, MustNot, Window};
use crate::script::{self, Play, Scene, Script};
use crate::ship::{self, Crew, Fitting, Roster, Ship};
use crate::talker::outlet::Carrier;
use crate::wire::net::{Frame, Net, SECOND, Tap};
use crate::world::{STEP, World};

/// How sentences travel on the bridge network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sentences {
    /// IEC 61162-450 groups with TAG blocks.
    #[default]
    Groups,
    /// UDP broadcast to port 10110 without TAG blocks.
    Plain,
    /// TCP from a serial server.
    Serial,
}

/// What to simulate.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The ship, by name or short name.
    pub ship: String,
    /// The script.
    pub script: String,
    /// Decides every random draw.
    pub seed: u64,
    /// First instant; whole seconds.
    pub start: CaptureTime,
    /// Seconds of the run.
    pub duration_s: u32,
    /// Seconds from the start to the attack.
    pub attack_after_s: u32,
    /// Parameters of the script.
    pub parameters: BTreeMap<String, f64>,
    /// How sentences travel.
    pub sentences: Sentences,
    /// VLAN tags as on a trunk mirror; packets between zones then appear on both sides.
    pub vlan: bool,
    /// What is wrong with the capture.
    pub faults: Faults,
}

/// How the files are written.
#[derive(Debug, Clone)]
pub struct FileOptions {
    /// Folder for the files; it is made when absent.
    pub out: PathBuf,
    /// Container.
    pub format: Format,
    /// Link type of the Ethernet side.
    pub link: Link,
    /// Time stamps in nanoseconds.
    pub nanoseconds: bool,
    /// Most significant byte first.
    pub big_endian: bool,
    /// One file for each mirror port, with packets between zones in both.
    pub per_interface: bool,
}

/// What a run left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Path, frames and bytes of each capture.
    pub captures: Vec<(PathBuf, u64, u64)>,
}

/// A run, ready to be stepped.
pub(crate) struct Run {
    world: World,
    net: Net,
    crew: Crew,
    play: Play,
    attack_from: i64,
    end: i64,
    both_views: bool,
    degrader: Degrader,
}

impl Run {
    /// Builds ship, world and script. `both_views` keeps routed packets on both sides.
    pub(crate) fn new(options: &RunOptions, both_views: bool) -> Result<(Self, Labels), SimError> {
        let ship = ship::find(&options.ship)?;
        let script = script::find(&options.script)?;
        let (duration_s, after_s) = (i64::from(options.duration_s), i64::from(options.attack_after_s));
        script.check(&options.parameters, duration_s, after_s)?;
        let start = options.start.seconds() * SECOND;
        let end = start + duration_s * SECOND;
        let attack_from = start + after_s * SECOND;
        let roster = Roster::new(ship)?;
        let carrier = match options.sentences {
            Sentences::Groups => Carrier::Groups,
            Sentences::Plain => Carrier::Plain,
            Sentences::Serial => Carrier::Serial,
        };
        let crew = (ship.crew)(&Fitting { roster: &roster, seed: options.seed, start, carrier })?;
        let scene = Scene {
            ship,
            roster: &roster,
            seed: options.seed,
            from: attack_from,
            to: end,
            parameters: &options.parameters,
        };
        let play = (script.play)(&scene)?;
        let labels = labels(ship, script, options, &play, Window { from: CaptureTime(start), to: CaptureTime(end) });
        let run = Self {
            world: World::new(options.seed, start, &ship.departure),
            net: roster.network(),
            crew,
            play,
            attack_from,
            end,
            both_views,
            degrader: Degrader::new(options.faults, options.seed),
        };
        Ok((run, labels))
    }

    /// The frames of the next step, earliest first; `None` when the run is over.
    pub(crate) fn step(&mut self) -> Option<Vec<Frame>> {
        if self.world.now >= self.end {
            return None;
        }
        if self.world.now >= self.attack_from {
            if let Some(bend) = &mut self.play.bend {
                bend(&mut self.world);
            }
            for talker in &mut self.play.talkers {
                talker.tick(&self.world, &mut self.net);
            }
        }
        for talker in &mut self.crew {
            talker.tick(&self.world, &mut self.net);
        }
        let until = (self.world.now + STEP).min(self.end);
        self.world.step();
        let mut frames = self.net.take_until(until);
        frames.retain(|frame| {
            let dark = self.play.blind == Some(frame.tap) && frame.at >= self.attack_from;
            !dark && (self.both_views || !frame.far_view)
        });
        let mut frames = self.degrader.pass(frames);
        if self.world.now >= self.end {
            frames.extend(self.degrader.finish());
        }
        Some(frames)
    }
}

fn labels(ship: &Ship, script: &Script, options: &RunOptions, play: &Play, run: Window) -> Labels {
    let from = CaptureTime(run.from.0 + i64::from(options.attack_after_s) * SECOND);
    let quiet = if script.attack { Window { from: run.from, to: from } } else { run };
    let reason = "normal life must not raise findings of this severity";
    Labels {
        schema: 1,
        scenario: script.name.to_owned(),
        kind: if script.attack { "attack" } else { "normal" },
        what: script.what.to_owned(),
        ship: ship.id.to_owned(),
        seed: options.seed,
        run,
        attack: script.attack.then_some(Window { from, to: run.to }),
        files: Vec::new(),
        expect: play.expect.clone(),
        must_not: vec![MustNot {
            detections: vec!["*".to_owned()],
            min_severity: Severity::High,
            window: quiet,
            reason: reason.to_owned(),
        }],
    }
}

/// One file and the frames that go into it.
struct Output {
    path: PathBuf,
    tap: Option<Tap>,
    writer: Writer<BufWriter<File>>,
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> SimError + '_ {
    move |source| SimError::Write { path: path.to_owned(), source }
}

/// Opens the capture files of a run: the merged one or one for each mirror port, and the one of the bus.
fn outputs(options: &RunOptions, files: &FileOptions) -> Result<Vec<Output>, SimError> {
    let name = &options.script;
    let end = if files.format == Format::PcapNg { "pcapng" } else { "pcap" };
    let mut plans = if files.per_interface {
        vec![
            (format!("{name}.mir0.{end}"), Some(Tap::Bridge), files.link, vec!["mir0"]),
            (format!("{name}.mir1.{end}"), Some(Tap::Machinery), files.link, vec!["mir1"]),
        ]
    } else {
        vec![(format!("{name}.{end}"), None, files.link, vec!["mir0", "mir1"])]
    };
    plans.push((format!("{name}.n2k.{end}"), Some(Tap::Bus), Link::Can, vec!["can0"]));
    let mut out = Vec::new();
    for (file, tap, link, interfaces) in plans {
        let path = files.out.join(file);
        let style = Style {
            format: files.format,
            link,
            nanoseconds: files.nanoseconds,
            big_endian: files.big_endian,
            vlan: options.vlan,
        };
        let sink = File::create(&path).map_err(failed(&path))?;
        let writer = Writer::new(BufWriter::with_capacity(1 << 16, sink), style, &interfaces).map_err(failed(&path))?;
        out.push(Output { path, tap, writer });
    }
    Ok(out)
}

/// Whether a frame seen at `tap` belongs into a file for `wanted`; no wish means both mirror ports.
fn belongs(tap: Tap, wanted: Option<Tap>) -> bool {
    wanted.map_or(tap != Tap::Bus, |wanted| wanted == tap)
}

/// The policy of the ship as text; with VLAN tags its zones are given their numbers.
fn policy(ship: &Ship, vlan: bool) -> String {
    if vlan { ship.policy.replace("# trunk: ", "") } else { ship.policy.to_owned() }
}

/// Plays a run and writes its captures, labels and policy.
///
/// # Errors
/// When an argument names something unknown, the run is too short for its attack, or a file cannot be written.
pub fn run(options: &RunOptions, files: &FileOptions) -> Result<Written, SimError> {
    let (mut run, mut labels) = Run::new(options, options.vlan || files.per_interface)?;
    std::fs::create_dir_all(&files.out).map_err(failed(&files.out))?;
    let mut outputs = outputs(options, files)?;
    while let Some(frames) = run.step() {
        for output in &mut outputs {
            for frame in frames.iter().filter(|frame| belongs(frame.tap, output.tap)) {
                output.writer.frame(frame).map_err(failed(&output.path))?;
            }
        }
    }
    let mut captures = Vec::new();
    for output in outputs {
        captures.push((output.path.clone(), output.writer.frames, output.writer.bytes));
        output.writer.finish().map_err(failed(&output.path))?;
        labels.files.extend(output.path.file_name().map(|name| name.to_string_lossy().into_owned()));
    }
    let path = files.out.join(format!("{}.labels.json", options.script));
    let text = serde_json::to_string_pretty(&labels).unwrap_or_default() + "\n";
    std::fs::write(&path, text).map_err(failed(&path))?;
    let path = files.out.join(format!("{}.policy.toml", options.script));
    std::fs::write(&path, policy(ship::find(&options.ship)?, options.vlan)).map_err(failed(&path))?;
    Ok(Written { captures })
}
