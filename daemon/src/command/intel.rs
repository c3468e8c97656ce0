//! `dogwatch intel`: what the files brought aboard hold, and what of them is left out.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use dogwatch_intel::{Advisories, FileKind, IndicatorKind, Intel, Match};
use dogwatch_model::{Asset, Attribute};
use serde::Serialize;

use super::Answer;
use crate::settings::Intel as Files;

/// What to do.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Verb {
    /// Reads files as the daemon would, and lists everything left out with the reason
    Check {
        /// What to read
        #[command(flatten)]
        files: Named,
        /// One JSON object a file
        #[arg(long)]
        json: bool,
    },
    /// Compares the devices of an analysis with published advisories (CSAF 2.0)
    Match {
        /// What to read
        #[command(flatten)]
        files: Named,
        /// The devices: the --out directory of an analysis, or its assets.json
        #[arg(long, value_name = "PATH")]
        assets: PathBuf,
        /// One JSON object a device
        #[arg(long)]
        json: bool,
    },
    /// Lists the signatures that are in force when these files are read
    List {
        /// What to read
        #[command(flatten)]
        files: Named,
    },
}

/// Files, and what their variables stand for.
#[derive(Debug, Clone, clap::Args)]
pub struct Named {
    /// STIX 2.1 bundles, plain lists, files of Suricata rules, CSAF advisories and folders of them, lists of exploited vulnerabilities
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What a variable of the rules stands for, e.g. HOME_NET=10.0.0.0/8; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    variable: Vec<(String, String)>,
}

/// Reads `NAME=VALUE`.
///
/// # Errors
/// When it is not that.
pub(super) fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.trim_start_matches('$').to_owned(), value.to_owned()))
}

impl Named {
    fn read(&self) -> Intel {
        let settings = Files { variables: self.variable.iter().cloned().collect(), ..Files::default() };
        crate::imports::read_by_look(&self.files, &settings)
    }
}

/// Runs the command; the answer is "no" when a file has an error or nothing of it is of use.
///
/// # Errors
/// When the output cannot be written.
pub fn run(verb: &Verb, out: &mut dyn Write) -> anyhow::Result<Answer> {
    match verb {
        Verb::Check { files, json } => check(&files.read(), *json, out),
        Verb::Match { files, assets, json } => {
            let path = if assets.is_dir() { assets.join("assets.json") } else { assets.clone() };
            let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let assets: Vec<Asset> = serde_json::from_slice(&text)
                .with_context(|| format!("{} is no inventory of an analysis", path.display()))?;
            let intel = files.read();
            crate::imports::tell(&intel.files);
            compare(&intel.advisories, &assets, *json, out)
        }
        Verb::List { files } => list(&files.read(), out),
    }
}

fn check(intel: &Intel, json: bool, out: &mut dyn Write) -> anyhow::Result<Answer> {
    for report in &intel.files {
        if json {
            serde_json::to_writer(&mut *out, report)?;
            writeln!(out)?;
            continue;
        }
        let what = match report.kind {
            FileKind::Indicators => "indicator(s)",
            FileKind::Signatures => "signature(s)",
            FileKind::Advisories => "advisory document(s)",
            FileKind::Exploited => "exploited vulnerabilities",
        };
        writeln!(out, "{}: {} {what} loaded, {} left out", report.file, report.loaded, report.skipped_count)?;
        for note in &report.notes {
            writeln!(out, "{}: {note}", report.file)?;
        }
        for skipped in &report.skipped {
            writeln!(out, "{}:{skipped}", report.file)?;
        }
        if let Some(error) = &report.error {
            writeln!(out, "{}: {error}", report.file)?;
        }
    }
    if !json {
        for kind in IndicatorKind::ALL {
            let count = intel.indicators.count(kind);
            if count > 0 {
                writeln!(out, "{:16} {count}", kind.as_str())?;
            }
        }
        if let Some(day) = intel.advisories.newest() {
            let (products, certain) = intel.advisories.products();
            writeln!(out, "{:16} {}, the newest of {day}", "advisories", intel.advisories.len())?;
            writeln!(out, "{:16} {products}, {certain} of them with versions that can be compared", "products")?;
        }
    }
    let is_good = intel.files.iter().all(|report| report.error.is_none() && report.loaded > 0);
    Ok(if is_good { Answer::Done } else { Answer::No })
}

fn list(intel: &Intel, out: &mut dyn Write) -> anyhow::Result<Answer> {
    for rule in intel.signatures.iter() {
        let class = rule.class.as_deref().unwrap_or("-");
        let place = format!("{}:{}", rule.file(), rule.line);
        writeln!(out, "{:>9}  priority {}  {class:24} {}  ({place})", rule.sid, rule.priority, rule.message)?;
    }
    Ok(if intel.signatures.is_empty() { Answer::No } else { Answer::Done })
}

/// One device and what may be about it.
#[derive(Serialize)]
struct Compared<'a> {
    asset_id: &'a str,
    name: String,
    maker: Option<&'a str>,
    model: Option<&'a str>,
    firmware: Option<&'a str>,
    index: &'a str,
    advisories: Vec<Match>,
    to_check: Vec<Match>,
}

/// The answer is "no" when an advisory is about a device.
fn compare(index: &Advisories, assets: &[Asset], json: bool, out: &mut dyn Write) -> anyhow::Result<Answer> {
    anyhow::ensure!(!index.is_empty(), "no advisory could be read: `dogwatch intel check` says why");
    let day = index.newest().unwrap_or_default();
    let (mut untold, mut hits) = (0_u64, 0_u64);
    for asset in assets {
        let model = asset.shown(Attribute::Model).or_else(|| asset.shown(Attribute::ProductCode));
        let maker = asset.shown(Attribute::Manufacturer).or_else(|| asset.shown(Attribute::OuiVendor));
        if maker.is_none() || model.is_none() {
            untold += 1;
            continue;
        }
        let (advisories, to_check): (Vec<_>, Vec<_>) = index.of_asset(asset).into_iter().partition(Match::is_certain);
        hits += u64::from(!advisories.is_empty());
        let firmware = asset.shown(Attribute::FirmwareVersion);
        let (asset_id, name) = (asset.asset_id.as_str(), asset.display_name());
        let row = Compared { asset_id, name, maker, model, firmware, index: day, advisories, to_check };
        if json {
            serde_json::to_writer(&mut *out, &row)?;
            writeln!(out)?;
        } else {
            write_row(&row, index, out)?;
        }
    }
    if !json {
        writeln!(out, "{hits} device(s) with a published advisory in the index of {day}")?;
        writeln!(out, "{untold} device(s) did not tell maker and model: they were not looked up")?;
    }
    Ok(if hits > 0 { Answer::No } else { Answer::Done })
}

fn write_row(row: &Compared<'_>, index: &Advisories, out: &mut dyn Write) -> std::io::Result<()> {
    let said = |value: Option<&str>| value.unwrap_or("?").to_owned();
    let firmware = row.firmware.map_or_else(|| "firmware not told".to_owned(), |version| format!("firmware {version}"));
    writeln!(out, "{}: {} {}, {firmware}", row.name, said(row.maker), said(row.model))?;
    if row.advisories.is_empty() {
        writeln!(out, "  {}", index.nothing())?;
    }
    for found in &row.advisories {
        writeln!(out, "  {} of {}: {}", found.advisory, found.date.get(..10).unwrap_or(&found.date), found.title)?;
        for fault in &found.faults {
            let score = fault.score_tenths.map(|tenths| format!(" CVSS {}.{}", tenths / 10, tenths % 10));
            let exploited = if fault.is_exploited { ", known to be exploited" } else { "" };
            writeln!(out, "    {}{}{exploited}", fault.cve, score.unwrap_or_default())?;
        }
        if let Some(remedy) = found.faults.iter().find_map(|fault| fault.remedy.as_deref()) {
            writeln!(out, "    {remedy}")?;
        }
    }
    for found in &row.to_check {
        writeln!(out, "  to be checked: {} {}: {}", found.advisory, found.title, found.to_check)?;
    }
    Ok(())
}
