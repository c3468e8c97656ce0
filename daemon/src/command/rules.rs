//! `dogwatch rules`: the detections of this build and what they mean.

use std::io::Write;

use dogwatch_rules::{catalogue, detections};

use super::Answer;
use crate::selftest;

/// What to show.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Verb {
    /// Every detection of this build, a line each
    List,
    /// One detection: what it looks for, why it matters, what to do, what looks like it and is not
    Show {
        /// Its id, such as DW-2002
        id: String,
    },
    /// Every detection against a capture it must tell and one it must keep quiet about; needs no internet and about a minute
    Selftest {
        /// One detection, such as DW-2002; all when absent
        id: Option<String>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
///
/// # Errors
/// When there is no such detection, or the output cannot be written.
pub fn run(verb: &Verb, out: &mut dyn Write) -> anyhow::Result<Answer> {
    let mut cards = detections::cards();
    cards.sort_by_key(|card| card.id);
    match verb {
        Verb::Selftest { id, json } => return selftest(id.as_deref(), *json, out),
        Verb::List => {
            for card in cards {
                let Some(row) = catalogue::row(card.id) else { continue };
                writeln!(out, "{}  {:8}  {}", card.id, row.severity.as_str(), row.title)?;
            }
        }
        Verb::Show { id } => {
            let row = catalogue::row(id)
                .ok_or_else(|| anyhow::anyhow!("no detection is called {id}; `dogwatch rules list` shows them"))?;
            writeln!(out, "{}  {}\nseverity  {}  {}", row.id, row.title, row.severity.as_str(), row.severity_note)?;
            writeln!(out, "looks for {}", row.logic)?;
            match cards.iter().find(|card| card.id == id) {
                Some(card) => writeln!(out, "matters   {}\nE26       {}", card.why, card.e26.join(" "))?,
                None => writeln!(out, "NOT BUILT YET: it stands in the catalogue only")?,
            }
            writeln!(
                out,
                "to do     {}\nATT&CK    {}\nIMO       {}",
                row.action,
                row.attack_ics.join(" "),
                row.imo.join(" ")
            )?;
            for harmless in &row.false_positives {
                writeln!(out, "harmless  {}: {}", harmless.source, harmless.mitigation)?;
            }
        }
    }
    Ok(Answer::Done)
}

/// Prints what the self-test shows; "no" when one detection did not do as it must, or has nothing to be tested with.
fn selftest(id: Option<&str>, json: bool, out: &mut dyn Write) -> anyhow::Result<Answer> {
    let began = std::time::Instant::now();
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let verdicts = selftest::run(id, workers);
    anyhow::ensure!(
        !verdicts.is_empty(),
        "no detection of this build is called {}; `dogwatch rules list` shows them",
        id.unwrap_or("")
    );
    let good = verdicts.iter().filter(|verdict| verdict.is_ok()).count();
    for verdict in &verdicts {
        if json {
            serde_json::to_writer(&mut *out, &serde_json::json!({ "ok": verdict.is_ok(), "test": verdict }))?;
            writeln!(out)?;
            continue;
        }
        let (positive, negative) = (&verdict.positive, &verdict.negative);
        let told = match positive.told {
            Some((frame, after_s)) => format!("told at frame {frame}, after {after_s:.0} s: {}", positive.words),
            None => positive.words.clone(),
        };
        let word = |ok: bool| if ok { "ok    " } else { "FAILED" };
        writeln!(out, "{}  {}  {}", word(verdict.is_ok()), verdict.id, verdict.title)?;
        writeln!(out, "        {} must be told   {}: {told}", word(positive.ok), positive.capture)?;
        writeln!(out, "        {} must be quiet  {}: {}", word(negative.ok), negative.capture, negative.words)?;
    }
    if !json {
        let seconds = began.elapsed().as_secs_f64();
        writeln!(out, "\n{good} of {} detections are as they must be ({seconds:.0} s)", verdicts.len())?;
    }
    Ok(if good == verdicts.len() { Answer::Done } else { Answer::No })
}
