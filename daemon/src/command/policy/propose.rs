//! `dogwatch policy propose`: writes `policy.proposed.toml` beside the policy, edited in place, nothing deleted. What has doubts is shown as a question and
//! left to `policy review`.

use std::collections::BTreeSet;
use std::io::Write;

use dogwatch_rules::policy::{Level, Proposal};

use super::known::{Source, today};
use crate::command::Answer;
use crate::policy_edit::{Editor, Signature};
use crate::policy_file;
use crate::policy_versions::{proposed, replace};

/// Which policy, which data.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    #[command(flatten)]
    source: Source,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options, out: &mut dyn Write) -> anyhow::Result<Answer> {
    let (file, text, policy) = options.source.load()?;
    let (baseline, suspects) = options.source.learned()?;
    let all = policy.propose(&baseline.aggregates, &suspects);
    let (questions, lines): (Vec<_>, Vec<_>) = all.into_iter().partition(Proposal::is_question);
    let day = today();
    let (new, taken, refused) = apply(&text, &lines, Signature { owner: "proposed", day: &day })?;
    let target = proposed(&file);
    replace(&target, &new)?;
    if options.json {
        for proposal in taken.iter().chain(&questions).chain(&refused) {
            serde_json::to_writer(&mut *out, proposal)?;
            writeln!(out)?;
        }
        return Ok(Answer::Done);
    }
    for proposal in &taken {
        writeln!(out, "+ {}   {}", proposal.what, proposal.seen)?;
    }
    for question in questions.iter().chain(&refused) {
        writeln!(out, "? {}   {}", question.what, question.seen)?;
        writeln!(out, "      {}", question.doubts.join("; "))?;
    }
    writeln!(
        out,
        "{}: {} line(s) proposed; {} question(s) for `dogwatch policy review`",
        target.display(),
        taken.len(),
        questions.len() + refused.len()
    )?;
    Ok(Answer::Done)
}

/// Adds lines to a policy. Gives the text, the lines that are in it, and those that the check would refuse, with its objection as a doubt.
pub(super) fn apply(
    text: &str,
    lines: &[Proposal],
    signature: Signature<'_>,
) -> anyhow::Result<(String, Vec<Proposal>, Vec<Proposal>)> {
    let mut editor = Editor::open(text)?;
    // devices first: what they say names them
    let (mut all, others): (Vec<_>, Vec<_>) = lines.iter().cloned().partition(|line| declares(line).is_some());
    all.extend(others);
    let declared: BTreeSet<String> = all.iter().filter_map(declares).collect();
    let (all, mut refused): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|line| line.needs.as_ref().is_none_or(|id| declared.contains(id)));
    for line in &mut refused {
        line.doubts.push("its source is not declared".to_owned());
    }
    // nearly always all of them are right together, and checking a large file once for each takes its time
    let mut whole = editor.clone();
    for line in &all {
        whole.add(line, signature)?;
    }
    if first_error(&whole.text()).is_none() {
        return Ok((whole.text(), all, refused));
    }
    let mut taken = Vec::new();
    for mut line in all {
        let mut next = editor.clone();
        next.add(&line, signature)?;
        match first_error(&next.text()) {
            None => {
                editor = next;
                taken.push(line);
            }
            Some(error) => {
                line.doubts.push(error);
                refused.push(line);
            }
        }
    }
    Ok((editor.text(), taken, refused))
}

/// The id of the asset a line declares.
fn declares(line: &Proposal) -> Option<String> {
    let field = |name: &str| line.fields.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
    field("zone")?;
    field("id").map(|id| id.trim_matches('"').to_owned())
}

fn first_error(text: &str) -> Option<String> {
    let checked = policy_file::check_text(text, std::path::Path::new("proposed"));
    let error = checked.diagnostics.into_iter().find(|diagnostic| diagnostic.severity == Level::Error)?;
    Some(format!("{}: {}", error.code, error.message))
}
