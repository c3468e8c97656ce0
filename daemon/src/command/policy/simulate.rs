//! `dogwatch policy simulate`: the findings a policy would have raised on what was seen, by day and by line.

use std::collections::BTreeMap;
use std::io::Write;

use dogwatch_model::{CaptureTime, Severity};
use dogwatch_rules::policy::Simulated;

use super::known::Source;
use crate::command::Answer;
use crate::policy_versions::proposed;
use crate::{clock, policy_file};

/// More findings of severity high on one day than this ask for another review.
const MOST_HIGH_A_DAY: usize = 2;
const DAY_SECONDS: i64 = 86_400;

/// Which policy, which data, how far back.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    #[command(flatten)]
    source: Source,
    /// Days looked back from the latest that was seen
    #[arg(long, default_value_t = 14)]
    days: u16,
    /// Takes the policy itself even when there is a proposed one
    #[arg(long)]
    present: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options, out: &mut dyn Write) -> anyhow::Result<Answer> {
    let file = options.source.file()?;
    let other = proposed(&file);
    let file = if !options.present && other.exists() { other } else { file };
    let policy = policy_file::load(&file)?;
    let (baseline, _) = options.source.learned()?;
    let last = baseline.last.unwrap_or_else(clock::now).seconds().div_euclid(DAY_SECONDS);
    let first = i32::try_from(last - i64::from(options.days) + 1).unwrap_or_default();
    let found = policy.simulate(&baseline.aggregates, first);
    let worst = worst_day(&found);
    if options.json {
        for told in &found {
            serde_json::to_writer(&mut *out, told)?;
            writeln!(out)?;
        }
    } else {
        print(&found, out)?;
        writeln!(out, "{}: {} finding(s) in {} day(s)", file.display(), found.len(), options.days)?;
        if worst > MOST_HIGH_A_DAY {
            writeln!(out, "up to {worst} of severity high on one day: review once more before enforcing")?;
        }
    }
    Ok(if worst > MOST_HIGH_A_DAY { Answer::No } else { Answer::Done })
}

/// The most findings of severity high and above on one day.
fn worst_day(found: &[Simulated]) -> usize {
    let mut days: BTreeMap<i32, usize> = BTreeMap::new();
    for told in found.iter().filter(|told| told.severity >= Severity::High) {
        for (day, _) in &told.days {
            *days.entry(*day).or_default() += 1;
        }
    }
    days.into_values().max().unwrap_or_default()
}

fn print(found: &[Simulated], out: &mut dyn Write) -> std::io::Result<()> {
    let mut days: BTreeMap<i32, BTreeMap<Severity, usize>> = BTreeMap::new();
    for told in found {
        for (day, _) in &told.days {
            *days.entry(*day).or_default().entry(told.severity).or_default() += 1;
        }
    }
    for (day, severities) in days {
        let (year, month, date, ..) = CaptureTime::from_parts(i64::from(day) * DAY_SECONDS, 0).civil();
        let words: Vec<String> =
            severities.iter().rev().map(|(severity, count)| format!("{count} {}", severity.as_str())).collect();
        writeln!(out, "{year:04}-{month:02}-{date:02}  {}", words.join(", "))?;
    }
    let mut lines: BTreeMap<&str, Vec<&Simulated>> = BTreeMap::new();
    for told in found {
        lines.entry(if told.line.is_empty() { "no line" } else { &told.line }).or_default().push(told);
    }
    for (line, all) in lines {
        writeln!(out, "{line}:")?;
        for told in all {
            let times: u64 = told.days.iter().map(|(_, count)| count).sum();
            writeln!(out, "    {:8} {} {} ({times} times)", told.severity.as_str(), told.detection, told.what)?;
        }
    }
    Ok(())
}
