//! `dogwatch analyze`: the whole pipeline over captures, as fast as it goes.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use dogwatch_flow::Frame;
use dogwatch_model::{CaptureTime, Severity, SourceId};
use dogwatch_report::incidents;
use dogwatch_rules::policy::{Mode, Policy};
use dogwatch_rules::{SelfSeen, Settings as RuleSettings};

use super::Answer;
use crate::capture::SourceInfo;
use crate::capture::replay::{FrameSink, Replayed, replay};
use crate::pipeline::Pipeline;

/// What to analyse.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Captures: pcap or pcapng, plain or gzip; Ethernet, Linux cooked, raw IP, BSD loopback, SocketCAN, 802.11, token ring, ARCNET, PPP
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The vessel's zone policy
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Overrides the mode of the policy
    #[arg(long, value_name = "MODE")]
    mode: Option<ModeWord>,
    /// Compares with the indicators of this file (STIX 2.1 or a plain list); may be given several times
    #[arg(long, value_name = "FILE")]
    indicators: Vec<PathBuf>,
    /// Compares with the signatures of this file (Suricata rules); may be given several times
    #[arg(long, value_name = "FILE")]
    signatures: Vec<PathBuf>,
    /// Compares the devices with the advisories of this file or folder (CSAF 2.0); may be given several times
    #[arg(long, value_name = "PATH")]
    advisories: Vec<PathBuf>,
    /// Vulnerabilities known to be exploited: the catalogue of CISA or a list of CVE numbers; may be given several times
    #[arg(long, value_name = "FILE")]
    known_exploited: Vec<PathBuf>,
    /// What a variable of the signatures stands for, e.g. HOME_NET=10.0.0.0/8; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = super::intel::variable)]
    variable: Vec<(String, String)>,
    /// Starts from what an earlier analysis learned: its --out directory, or the baseline in it
    #[arg(long, value_name = "DIR")]
    baseline: Option<PathBuf>,
    /// An address of the monitor that took the captures: who speaks to it is told (DW-9008); may be given several times
    #[arg(long, value_name = "ADDRESS")]
    monitor: Vec<std::net::IpAddr>,
    /// Adds the maintenance windows of this file to those of the policy
    #[arg(long, value_name = "FILE", requires = "policy")]
    windows: Option<PathBuf>,
    /// Writes assets.json, findings.jsonl, incidents.json, connections.csv, health.json and baseline/ into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// One JSON object instead of a text
    #[arg(long)]
    json: bool,
    /// Runs without rules, to measure what they cost
    #[arg(long)]
    no_rules: bool,
}

/// The modes of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ModeWord {
    /// Nothing of the policy alerts
    Learn,
    /// Would-be alerts are only counted
    Watch,
    /// Findings
    Enforce,
}

impl From<ModeWord> for Mode {
    fn from(word: ModeWord) -> Self {
        match word {
            ModeWord::Learn => Self::Learn,
            ModeWord::Watch => Self::Watch,
            ModeWord::Enforce => Self::Enforce,
        }
    }
}

/// The answer of `analyze --json` and `health.json`.
#[derive(Debug, serde::Serialize)]
struct Summary {
    schema: u32,
    files: Vec<String>,
    frames: u64,
    records_without_frame: u64,
    bytes: u64,
    capture_first: Option<CaptureTime>,
    capture_last: Option<CaptureTime>,
    seconds: f64,
    frames_per_second: f64,
    assets: usize,
    connections: usize,
    findings: BTreeMap<&'static str, u64>,
    /// Kinds of findings only counted because their zone is watched.
    would_alert: usize,
    /// Stories among the findings.
    incidents: usize,
    protocols: BTreeMap<&'static str, u64>,
    parse_errors: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    lost: BTreeMap<&'static str, u64>,
    damaged: Vec<crate::capture::Damage>,
}

/// Runs the command.
///
/// # Errors
/// When a file is no capture, the policy has errors, or the output cannot be written.
pub fn run(options: &Options, out: &mut dyn Write) -> anyhow::Result<Answer> {
    let policy = options.policy.as_deref().map(|file| load_policy(file, options)).transpose()?;
    // without a policy and a folder to write to, nobody can ask for what was added up
    let forgets = options.policy.is_none() && options.out.is_none();
    let rules = RuleSettings { off: options.no_rules, forgets };
    let mut pipeline = Pipeline::new(policy, &rules);
    let files = crate::settings::Intel {
        indicators: options.indicators.clone(),
        signatures: options.signatures.clone(),
        advisories: options.advisories.clone(),
        known_exploited: options.known_exploited.clone(),
        variables: options.variable.iter().cloned().collect(),
    };
    if files.all().next().is_some() {
        let intel = crate::imports::read(&files);
        crate::imports::tell(&intel.files);
        pipeline.import(&std::sync::Arc::new(intel));
    }
    if let Some(folder) = &options.baseline {
        let unread = pipeline.recall(crate::baseline::read_folder(folder)?);
        if !unread.is_empty() {
            tracing::warn!(
                detections = unread.join(", "),
                "parts of the baseline are of another version and are learned anew"
            );
        }
    }
    pipeline.itself(&SelfSeen { addresses: &options.monitor, ..SelfSeen::default() });
    let started = Instant::now();
    let replayed = replay(&options.files, &mut pipeline)?;
    pipeline.finish();
    let seconds = started.elapsed().as_secs_f64();
    let summary = summarise(options, &pipeline, replayed, seconds);
    if let Some(folder) = &options.out {
        write_folder(folder, &pipeline, &summary).with_context(|| format!("cannot write into {}", folder.display()))?;
    }
    if options.json {
        serde_json::to_writer(&mut *out, &summary)?;
        writeln!(out)?;
    } else {
        print(&summary, &pipeline, out)?;
    }
    // The program ends here: taking tens of thousands of rows apart one by one would only cost time.
    std::mem::forget(pipeline);
    Ok(if summary.damaged.is_empty() { Answer::Done } else { Answer::No })
}

impl FrameSink for Pipeline {
    fn add_source(&mut self, info: SourceInfo) -> SourceId {
        Self::add_source(self, info)
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        Self::frame(self, frame);
    }
}

fn load_policy(file: &Path, options: &Options) -> anyhow::Result<Policy> {
    let mut policy = crate::policy_file::load(file)?;
    if let Some(mode) = options.mode {
        policy.mode = mode.into();
    }
    if let Some(windows) = &options.windows {
        crate::policy_file::add_windows(&mut policy, windows)?;
    }
    Ok(policy)
}

fn summarise(options: &Options, pipeline: &Pipeline, replayed: Replayed, seconds: f64) -> Summary {
    let mut findings: BTreeMap<&'static str, u64> =
        Severity::ALL.iter().map(|severity| (severity.as_str(), 0)).collect();
    for finding in pipeline.rules().findings().findings() {
        *findings.entry(finding.severity.as_str()).or_default() += 1;
    }
    let mut parse_errors: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for error in pipeline.parse_errors() {
        parse_errors.entry(error.protocol).or_default().insert(error.kind, error.count);
    }
    let told_apart = [
        "frames",
        "bytes",
        "fragments",
        "fragments_reassembled",
        "flows_started",
        "flows_ended",
        "flows_recognised",
        "tunnelled",
        "tcp_data_segments",
    ];
    let lost = pipeline.counters().iter().filter(|(name, count)| *count > 0 && !told_apart.contains(name)).collect();
    let (first, last) = pipeline.sources().fold(
        (None, None),
        |(first, last): (Option<CaptureTime>, Option<CaptureTime>), (_, source)| {
            let earlier = [first, source.first].into_iter().flatten().min();
            (earlier, last.max(source.last))
        },
    );
    Summary {
        schema: 1,
        files: options.files.iter().map(|file| file.display().to_string()).collect(),
        frames: replayed.frames,
        records_without_frame: replayed.records_without_frame,
        bytes: pipeline.sources().map(|(_, source)| source.bytes).sum(),
        capture_first: first,
        capture_last: last,
        seconds,
        frames_per_second: if seconds > 0.0 { replayed.frames as f64 / seconds } else { 0.0 },
        assets: pipeline.inventory().len(),
        connections: pipeline.connection_count(),
        findings,
        would_alert: pipeline.rules().findings().would_alert().count(),
        incidents: incidents(pipeline.rules().findings().findings()).len(),
        protocols: pipeline.messages().sorted(),
        parse_errors,
        lost,
        damaged: replayed.damaged,
    }
}

fn write_folder(folder: &Path, pipeline: &Pipeline, summary: &Summary) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let assets: Vec<_> = pipeline.inventory().assets().collect();
    std::fs::write(folder.join("assets.json"), serde_json::to_vec_pretty(&assets)?)?;
    let mut lines = Vec::new();
    for finding in pipeline.rules().findings().findings() {
        serde_json::to_writer(&mut lines, finding)?;
        lines.push(b'\n');
    }
    std::fs::write(folder.join("findings.jsonl"), lines)?;
    let stories = incidents(pipeline.rules().findings().findings());
    std::fs::write(folder.join("incidents.json"), serde_json::to_vec_pretty(&stories)?)?;
    let mut table = Vec::new();
    dogwatch_report::connections_csv(&pipeline.connections(), &mut table)?;
    std::fs::write(folder.join("connections.csv"), table)?;
    std::fs::write(folder.join("health.json"), serde_json::to_vec_pretty(summary)?)?;
    crate::baseline::write_folder(&folder.join("baseline"), &pipeline.rules().baseline())?;
    Ok(())
}

fn print(summary: &Summary, pipeline: &Pipeline, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "{} frames, {} bytes from {} file(s)", summary.frames, summary.bytes, summary.files.len())?;
    if summary.records_without_frame > 0 {
        writeln!(
            out,
            "of these {} are records without a frame (journal, custom blocks)",
            summary.records_without_frame
        )?;
    }
    if let (Some(first), Some(last)) = (summary.capture_first, summary.capture_last) {
        writeln!(out, "captured {first} to {last}")?;
    }
    writeln!(out, "read in {:.2} s, {:.0} frames/s", summary.seconds, summary.frames_per_second)?;
    writeln!(out, "\n{} assets, {} connections", summary.assets, summary.connections)?;
    let protocols: Vec<_> = summary.protocols.iter().map(|(name, count)| format!("{name} {count}")).collect();
    writeln!(
        out,
        "messages: {}",
        if protocols.is_empty() { "none recognised".to_owned() } else { protocols.join(", ") }
    )?;
    for (protocol, kinds) in &summary.parse_errors {
        let kinds: Vec<_> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        writeln!(out, "could not be read in {protocol}: {}", kinds.join(", "))?;
    }
    for (reason, count) in &summary.lost {
        writeln!(out, "noted: {} {count}", reason.replace('_', " "))?;
    }
    for damage in &summary.damaged {
        writeln!(out, "damaged: {damage}")?;
    }
    for incident in incidents(pipeline.rules().findings().findings()) {
        writeln!(out, "\nincident ({}): {}", incident.severity.as_str(), incident.title)?;
        for step in incident.timeline {
            writeln!(out, "  {} {} {}", step.at, step.detection, step.summary)?;
        }
    }
    let mut findings: Vec<_> = pipeline.rules().findings().findings().collect();
    findings.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.first_seen));
    writeln!(out, "\n{} finding(s)", findings.len())?;
    for finding in findings {
        writeln!(out, "{:8} {} {}", finding.severity.as_str(), finding.rule_id, finding.summary)?;
        writeln!(out, "         {} time(s), first {}, last {}", finding.count, finding.first_seen, finding.last_seen)?;
        writeln!(out, "         {}", finding.recommended_action)?;
    }
    if summary.would_alert > 0 {
        writeln!(out, "\n{} kind(s) of findings only counted, because their zone is watched", summary.would_alert)?;
    }
    for would in pipeline.rules().findings().would_alert() {
        writeln!(out, "{:8} {} {} ({} time(s))", would.severity.as_str(), would.detection, would.summary, would.count)?;
    }
    Ok(())
}
