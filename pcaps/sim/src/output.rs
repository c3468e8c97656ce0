//! Writes the files of a run: captures, labels, policy.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::capture::file::{Format, Link, Style, Writer};
use crate::capture::select;
use crate::error::SimError;
use crate::labels::{Labels, Window};
use crate::run::{Run, RunOptions};
use crate::ship;
use crate::wire::net::Tap;

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
    /// Writes the NMEA 2000 backbone too, when the ship has one.
    pub bus: bool,
    /// Compresses the captures; their names then end in `.gz`.
    pub gzip: bool,
}

impl FileOptions {
    /// A plain pcap file and the bus, in `out`.
    #[must_use]
    pub fn plain(out: &Path) -> Self {
        Self {
            out: out.to_owned(),
            format: Format::Pcap,
            link: Link::Ethernet,
            nanoseconds: false,
            big_endian: false,
            per_interface: false,
            bus: true,
            gzip: false,
        }
    }
}

/// What a run left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Path, frames and bytes of each capture.
    pub captures: Vec<(PathBuf, u64, u64)>,
}

/// Where bytes go: straight into a file, or through gzip. An encoder that is dropped writes its end; `finish` shows errors.
enum Sink {
    Plain(BufWriter<File>),
    Gzip(GzEncoder<BufWriter<File>>),
}

impl Sink {
    fn create(path: &Path, gzip: bool) -> std::io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 16, File::create(path)?);
        // The encoder writes no time and no name into its header, so equal content gives equal bytes.
        Ok(if gzip { Self::Gzip(GzEncoder::new(file, Compression::best())) } else { Self::Plain(file) })
    }

    fn finish(self) -> std::io::Result<()> {
        match self {
            Self::Plain(mut file) => file.flush(),
            Self::Gzip(encoder) => encoder.finish()?.flush(),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            // Flushing in the middle would only cost compression.
            Self::Gzip(_) => Ok(()),
        }
    }
}

/// One file and the frames that go into it.
struct Output {
    path: PathBuf,
    tap: Option<Tap>,
    writer: Writer<Sink>,
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> SimError + '_ {
    move |source| SimError::Write { path: path.to_owned(), source }
}

/// Opens the capture files of a run: the merged one or one for each mirror port, and the one of the bus.
fn outputs(options: &RunOptions, files: &FileOptions) -> Result<Vec<Output>, SimError> {
    let name = &options.script;
    let container = if files.format == Format::PcapNg { "pcapng" } else { "pcap" };
    let end = if files.gzip { format!("{container}.gz") } else { container.to_owned() };
    let mut plans = if files.per_interface {
        vec![
            (format!("{name}.mir0.{end}"), Some(Tap::Bridge), files.link, vec!["mir0"]),
            (format!("{name}.mir1.{end}"), Some(Tap::Machinery), files.link, vec!["mir1"]),
        ]
    } else {
        vec![(format!("{name}.{end}"), None, files.link, vec!["mir0", "mir1"])]
    };
    if files.bus && !ship::find(&options.ship)?.nodes.is_empty() {
        plans.push((format!("{name}.n2k.{end}"), Some(Tap::Bus), Link::Can, vec!["can0"]));
    }
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
        let sink = Sink::create(&path, files.gzip).map_err(failed(&path))?;
        let writer = Writer::new(sink, style, &interfaces).map_err(failed(&path))?;
        out.push(Output { path, tap, writer });
    }
    Ok(out)
}

/// Whether a frame seen at `tap` belongs into a file for `wanted`; no wish means both mirror ports.
fn belongs(tap: Tap, wanted: Option<Tap>) -> bool {
    wanted.map_or(tap != Tap::Bus, |wanted| wanted == tap)
}

/// Plays a run and writes its captures, labels and policy.
///
/// # Errors
/// When an argument names something unknown, the run is too short for its attack, or a file cannot be written.
pub fn run(options: &RunOptions, files: &FileOptions) -> Result<Written, SimError> {
    let (mut run, labels) = Run::new(options, options.vlan || files.per_interface)?;
    std::fs::create_dir_all(&files.out).map_err(failed(&files.out))?;
    let mut outputs = outputs(options, files)?;
    write_all(&mut run, &mut outputs)?;
    finish(run, labels, outputs, options, files)
}

/// What each day of the learning story shows.
const STORY: [&str; 5] = ["sea-day", "arrival", "berth-night", "departure", "anchor-swing"];
/// Days of the story, and the one on which an attack is hidden.
const DAYS: u32 = 14;
const TAINTED_DAY: u32 = 8;

/// Writes a story of 14 days for learning: each day one state of the ship for as long as a run lasts, its true times kept. Between the
/// days the capture has gaps and the ship is elsewhere. `taint` names an attack that is hidden on the ninth day.
///
/// # Errors
/// As [`run`].
pub fn learn(options: &RunOptions, files: &FileOptions, taint: Option<&str>) -> Result<Written, SimError> {
    std::fs::create_dir_all(&files.out).map_err(failed(&files.out))?;
    let named = RunOptions { script: "learn".to_owned(), ..options.clone() };
    let mut outputs = outputs(&named, files)?;
    let mut told: Option<(Run, Labels)> = None;
    for (day, script) in (0..DAYS).zip(STORY.iter().cycle()) {
        let is_tainted = day == TAINTED_DAY;
        let script = taint.filter(|_| is_tainted).unwrap_or(script);
        // An hour later each day, so that every part of a day is seen.
        let after = std::time::Duration::from_secs(u64::from(day) * (86_400 + 3_600));
        let day_options = RunOptions {
            script: script.to_owned(),
            seed: options.seed.wrapping_add(u64::from(day)),
            start: options.start.plus(after),
            ..options.clone()
        };
        let (mut run, labels) = Run::new(&day_options, options.vlan || files.per_interface)?;
        write_all(&mut run, &mut outputs)?;
        told = match told {
            None => Some((run, labels)),
            Some((_, first)) if is_tainted && taint.is_some() => {
                Some((run, Labels { run: Window { from: first.run.from, to: labels.run.to }, ..labels }))
            }
            Some((kept, first)) => {
                Some((kept, Labels { run: Window { from: first.run.from, to: labels.run.to }, ..first }))
            }
        };
    }
    let Some((run, labels)) = told else { return Ok(Written { captures: Vec::new() }) };
    finish(run, Labels { scenario: "learn".to_owned(), ..labels }, outputs, &named, files)
}

/// Plays a run to its end.
fn write_all(run: &mut Run, outputs: &mut [Output]) -> Result<(), SimError> {
    while let Some(frames) = run.step() {
        for output in outputs.iter_mut() {
            for frame in frames.iter().filter(|frame| belongs(frame.tap, output.tap)) {
                output.writer.frame(frame).map_err(failed(&output.path))?;
            }
        }
    }
    Ok(())
}

/// Closes the captures and writes labels and policy beside them.
fn finish(
    run: Run,
    mut labels: Labels,
    outputs: Vec<Output>,
    options: &RunOptions,
    files: &FileOptions,
) -> Result<Written, SimError> {
    let mut captures = Vec::new();
    for output in outputs {
        captures.push((output.path.clone(), output.writer.frames, output.writer.bytes));
        output.writer.finish().and_then(Sink::finish).map_err(failed(&output.path))?;
        labels.files.extend(output.path.file_name().map(|name| name.to_string_lossy().into_owned()));
    }
    let path = files.out.join(format!("{}.labels.json", options.script));
    let text = serde_json::to_string_pretty(&labels).unwrap_or_default() + "\n";
    std::fs::write(&path, text).map_err(failed(&path))?;
    let path = files.out.join(format!("{}.policy.toml", options.script));
    // With tags in the capture the zones need their numbers, which stand in the text as comments.
    let policy = if options.vlan { run.policy.replace("# trunk: ", "") } else { run.policy };
    std::fs::write(&path, policy).map_err(failed(&path))?;
    // what somebody ashore knew beforehand of what these do
    for (script, ending, text) in [
        ("ioc", "indicators.txt", crate::script::INDICATORS),
        ("sig", "rules", crate::script::SIGNATURES),
        ("advisory", "csaf.json", crate::script::ADVISORY),
    ] {
        if options.script == script {
            let path = files.out.join(format!("{script}.{ending}"));
            std::fs::write(&path, text).map_err(failed(&path))?;
        }
    }
    Ok(Written { captures })
}

/// Plays a run and writes the frames of one protocol, and nothing else, to `path`; returns frames and bytes.
///
/// # Errors
/// As [`run`], and when the protocol is not one that can be picked.
pub fn cut(options: &RunOptions, only: &str, path: &Path) -> Result<(u64, u64), SimError> {
    if !select::KINDS.contains(&only) {
        return Err(SimError::UnknownProtocol { name: only.to_owned(), known: select::KINDS.join(", ") });
    }
    let (mut run, _) = Run::new(options, options.vlan)?;
    let gzip = path.extension().is_some_and(|end| end == "gz");
    let link = if only == "nmea2000" { Link::Can } else { Link::Ethernet };
    let style = Style { format: Format::Pcap, link, nanoseconds: false, big_endian: false, vlan: options.vlan };
    let sink = Sink::create(path, gzip).map_err(failed(path))?;
    let mut writer = Writer::new(sink, style, &["cut"]).map_err(failed(path))?;
    while let Some(frames) = run.step() {
        for frame in frames.iter().filter(|frame| select::is_of(only, frame)) {
            writer.frame(frame).map_err(failed(path))?;
        }
    }
    let written = (writer.frames, writer.bytes);
    writer.finish().and_then(Sink::finish).map_err(failed(path))?;
    Ok(written)
}
