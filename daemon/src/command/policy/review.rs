//! `dogwatch policy review`: one question for each change, the most dangerous first, with its evidence. Yes becomes a line with owner, day and evidence; no
//! is remembered and not asked again; later is asked the next time.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use dogwatch_rules::policy::Proposal;
use serde::{Deserialize, Serialize};

use super::known::{Source, today};
use super::propose::apply;
use crate::command::Answer;
use crate::policy_edit::Signature;
use crate::policy_versions::{proposed, replace};

/// Which policy, which data, who answers.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    #[command(flatten)]
    source: Source,
    /// Who answers: name or post; stands beside each line
    #[arg(long, value_name = "NAME", required_unless_present = "export")]
    owner: Option<String>,
    /// Writes the questions as a sheet to print, and asks nothing
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Asks again what was answered before
    #[arg(long)]
    again: bool,
}

/// One answer, as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Decision {
    id: String,
    allowed: bool,
    owner: String,
    day: String,
}

pub(super) fn run(options: &Options, input: &mut dyn BufRead, out: &mut dyn Write) -> anyhow::Result<Answer> {
    let (file, text, policy) = options.source.load()?;
    let (baseline, suspects) = options.source.learned()?;
    let all = policy.propose(&baseline.aggregates, &suspects);
    let book = file.with_extension("decisions.jsonl");
    let mut decided = if options.again { BTreeMap::new() } else { decisions(&book)? };
    let open: Vec<&Proposal> = all.iter().filter(|proposal| !decided.contains_key(&proposal.id)).collect();
    if let Some(sheet) = &options.export {
        replace(sheet, &printed(&policy.vessel.name, &open))?;
        writeln!(out, "{}: {} question(s)", sheet.display(), open.len())?;
        return Ok(Answer::Done);
    }
    let owner = options.owner.clone().unwrap_or_default();
    anyhow::ensure!(!owner.trim().is_empty(), "--owner needs a name: somebody answers for each line");
    let day = today();
    let mut left = 0;
    for (index, proposal) in open.iter().enumerate() {
        match ask(proposal, (index + 1, open.len()), input, out)? {
            Some(allowed) => {
                let decision = Decision { id: proposal.id.clone(), allowed, owner: owner.clone(), day: day.clone() };
                append(&book, &decision)?;
                decided.insert(decision.id.clone(), decision);
            }
            None => left += 1,
        }
    }
    let yes: Vec<Proposal> = all
        .iter()
        .filter(|proposal| decided.get(&proposal.id).is_some_and(|decision| decision.allowed))
        .cloned()
        .collect();
    let (new, taken, refused) = apply(&text, &yes, Signature { owner: &owner, day: &day })?;
    let target = proposed(&file);
    replace(&target, &new)?;
    for line in &refused {
        writeln!(out, "not added: {}: {}", line.what, line.doubts.last().map(String::as_str).unwrap_or_default())?;
    }
    writeln!(out, "{}: {} line(s) allowed, {left} left for later", target.display(), taken.len())?;
    writeln!(out, "next: dogwatch policy simulate, then dogwatch policy enforce")?;
    Ok(if left == 0 && refused.is_empty() { Answer::Done } else { Answer::No })
}

/// Asks one question until it is answered; `None` for later.
fn ask(
    proposal: &Proposal,
    (number, of): (usize, usize),
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> anyhow::Result<Option<bool>> {
    loop {
        let choice =
            if proposal.is_question() { "allow? default: n [y/n/later/why]" } else { "allow? [y/n/later/why]" };
        write!(out, "[{number}/{of}] {}   {}      {choice} ", proposal.what, proposal.seen)?;
        out.flush()?;
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            writeln!(out)?;
            return Ok(None);
        }
        match line.trim().to_lowercase().as_str() {
            "y" | "yes" => return Ok(Some(true)),
            "n" | "no" => return Ok(Some(false)),
            "" if proposal.is_question() => return Ok(Some(false)),
            "l" | "later" => return Ok(None),
            "w" | "why" => why(proposal, out)?,
            _ => writeln!(out, "  answer y, n, later or why")?,
        }
    }
}

fn why(proposal: &Proposal, out: &mut dyn Write) -> std::io::Result<()> {
    for doubt in &proposal.doubts {
        writeln!(out, "  careful: {doubt}")?;
    }
    writeln!(out, "  danger {} of 100; the line would be:", proposal.danger)?;
    for (key, value) in &proposal.fields {
        writeln!(out, "    {key} = {value}")?;
    }
    Ok(())
}

/// The questions as a sheet for whoever has no keyboard at hand.
fn printed(vessel: &str, open: &[&Proposal]) -> String {
    let mut text =
        format!("Zone policy of {vessel}: {} question(s), {}\nThe most dangerous first.\n\n", open.len(), today());
    for (index, proposal) in open.iter().enumerate() {
        text.push_str(&format!("{:3}. {}\n     seen: {}\n", index + 1, proposal.what, proposal.seen));
        for doubt in &proposal.doubts {
            text.push_str(&format!("     careful: {doubt}\n"));
        }
        text.push_str("     [ ] allow   [ ] do not allow   [ ] later      initials ________\n\n");
    }
    text.push_str("Name ____________________   Date ____________   Signature ____________________\n");
    text
}

/// The answers given so far, the latest of each.
fn decisions(book: &Path) -> anyhow::Result<BTreeMap<String, Decision>> {
    let text = match std::fs::read_to_string(book) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        read => read.with_context(|| format!("cannot read {}", book.display()))?,
    };
    let decisions = text.lines().map(serde_json::from_str::<Decision>).collect::<Result<Vec<_>, _>>();
    let decisions = decisions.with_context(|| format!("{} is damaged", book.display()))?;
    Ok(decisions.into_iter().map(|decision| (decision.id.clone(), decision)).collect())
}

fn append(book: &Path, decision: &Decision) -> anyhow::Result<()> {
    let mut file = std::fs::File::options().append(true).create(true).open(book)?;
    let mut line = serde_json::to_vec(decision)?;
    line.push(b'\n');
    file.write_all(&line).with_context(|| format!("cannot write {}", book.display()))
}
