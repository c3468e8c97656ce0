//! `dogwatch rules`: the detections of this build and what they mean.

use std::io::Write;

use dogwatch_rules::{catalogue, detections};

use super::Answer;

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
}

/// Runs the command.
///
/// # Errors
/// When there is no such detection, or the output cannot be written.
pub fn run(verb: &Verb, out: &mut dyn Write) -> anyhow::Result<Answer> {
    let mut cards = detections::cards();
    cards.sort_by_key(|card| card.id);
    match verb {
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
