//! The table of an evaluation, as Markdown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use dogwatch_model::Severity;

use crate::play::{Asked, Outcome};

/// Detections in the build.
fn built() -> BTreeSet<String> {
    dogwatch_rules::detections::cards().iter().map(|card| card.id.to_owned()).collect()
}

/// The value below which a share of the sorted `values` lies.
fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let place = (share * values.len().saturating_sub(1) as f64).round() as usize;
    values.get(place).copied()
}

fn seconds(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"))
}

#[derive(Default)]
struct Row {
    required: (u32, u32),
    optional: (u32, u32),
    times: Vec<f64>,
}

impl Row {
    fn count(&mut self, asked: &Asked) {
        let place = if asked.required { &mut self.required } else { &mut self.optional };
        place.1 += 1;
        if let Some(after) = asked.after_s {
            place.0 += 1;
            self.times.push(after);
        }
    }

    fn cells(&mut self) -> String {
        self.times.sort_by(f64::total_cmp);
        let share = |(met, asked): (u32, u32)| if asked == 0 { "-".to_owned() } else { format!("{met}/{asked}") };
        let (middle, late) = (quantile(&self.times, 0.5), quantile(&self.times, 0.9));
        format!("{} | {} | {} | {}", share(self.required), share(self.optional), seconds(middle), seconds(late))
    }
}

pub(crate) fn table(outcomes: &[Outcome], waves: &BTreeMap<String, u8>, command: &str) -> String {
    let mut out = format!(
        "# Evaluation\n\nWritten by `make evaluate` (`dogwatch-evaluate {command}`): the simulator's scripts through the pipeline of \
         `dogwatch analyze`, judged by the labels beside each capture. Times are capture time from the beginning of what is to be found to the \
         moment it was told.\n\n"
    );
    summary(&mut out, outcomes, waves);
    by_detection(&mut out, outcomes, waves);
    by_script(&mut out, outcomes);
    by_finding(&mut out, outcomes);
    missed(&mut out, outcomes, waves);
    out
}

fn wave(asked: &Asked, waves: &BTreeMap<String, u8>) -> u8 {
    asked.detections.iter().filter_map(|id| waves.get(id)).min().copied().unwrap_or(3)
}

fn summary(out: &mut String, outcomes: &[Outcome], waves: &BTreeMap<String, u8>) {
    let built = built();
    let mut all = Row::default();
    let mut known = Row::default();
    let mut quick = Row::default();
    for asked in outcomes.iter().flat_map(|outcome| &outcome.asked).filter(|asked| wave(asked, waves) <= 2) {
        all.count(asked);
        if asked.detections.iter().any(|id| built.contains(id)) {
            known.count(asked);
            if matches!(asked.category.as_str(), "zone" | "protocol") {
                quick.count(asked);
            }
        }
    }
    let normal = outcomes.iter().filter(|outcome| !outcome.job.attack);
    let days = normal.clone().map(|outcome| f64::from(outcome.job.duration_s) / 86_400.0).sum::<f64>();
    let findings: Vec<_> = normal.flat_map(|outcome| &outcome.findings).collect();
    let high = findings.iter().filter(|(_, severity, _)| *severity >= Severity::High).count() as f64;
    let early = outcomes.iter().filter(|outcome| outcome.job.attack).map(|outcome| outcome.too_early).sum::<usize>();
    let (messages, errors) =
        outcomes.iter().fold((0, 0), |sum, outcome| (sum.0 + outcome.messages, sum.1 + outcome.errors));
    let frames: u64 = outcomes.iter().map(|outcome| outcome.frames).sum();
    let chain: Vec<String> =
        outcomes.iter().filter(|o| o.job.script == "chain").map(|o| o.findings.len().to_string()).collect();
    let head = "required | optional | median s | 90 % s";
    let _ = writeln!(out, "| waves 1 and 2 | {head} |\n|---|---|---|---|---|");
    let _ = writeln!(out, "| whole catalogue | {} |", all.cells());
    let _ = writeln!(out, "| with a detector in this build | {} |", known.cells());
    let _ = writeln!(out, "| of these zone and protocol | {} |\n", quick.cells());
    let _ = writeln!(out, "| what | value | target |\n|---|---|---|");
    let _ = writeln!(out, "| vessel-days of normal life | {days:.1} | 30 |");
    let per_day = |count: f64| if days > 0.0 { format!("{:.2}", count / days) } else { "-".to_owned() };
    let _ = writeln!(out, "| findings of severity high per vessel-day of normal life | {} | 0.1 |", per_day(high));
    let _ = writeln!(out, "| all findings per vessel-day of normal life | {} | 5 |", per_day(findings.len() as f64));
    let _ = writeln!(out, "| findings before an attack began | {early} | 0 |");
    let _ = writeln!(out, "| findings of `chain`, each run | {} | 12 |", chain.join(", "));
    let share = errors as f64 / (messages + errors).max(1) as f64 * 100.0;
    let _ = writeln!(out, "| messages that could not be read (attacks included) | {share:.3} % of {messages} | |");
    let (bytes, unread) = outcomes.iter().fold((0, 0), |sum, it| (sum.0 + it.bytes, sum.1 + it.unread_bytes));
    let share = unread as f64 / bytes.max(1) as f64 * 100.0;
    let _ =
        writeln!(out, "| bytes in flows of no recognised protocol (attacks included) | {share:.3} % of {bytes} | |");
    let normal: Vec<&Outcome> = outcomes.iter().filter(|outcome| !outcome.job.attack).collect();
    let upload = normal.iter().map(|outcome| outcome.finding_bytes).sum::<usize>() as f64;
    let first = normal.iter().map(|outcome| outcome.asset_bytes).sum::<usize>() / normal.len().max(1);
    let _ = writeln!(out, "| bytes for the link per vessel-day of normal life, findings | {} | |", per_day(upload));
    let _ = writeln!(out, "| bytes for the link once, the devices of a ship | {first} | |");
    let _ = writeln!(out, "| runs, frames | {}, {frames} | |\n", outcomes.len());
}

fn by_detection(out: &mut String, outcomes: &[Outcome], waves: &BTreeMap<String, u8>) {
    let built = built();
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for asked in outcomes.iter().flat_map(|outcome| &outcome.asked) {
        rows.entry(asked.detections.join(" or ")).or_default().count(asked);
    }
    let _ = writeln!(
        out,
        "| detection | wave | built | required | optional | median s | 90 % s |\n|---|---|---|---|---|---|---|"
    );
    for (id, mut row) in rows {
        let ids: Vec<&str> = id.split(" or ").collect();
        let is_built = if ids.iter().any(|id| built.contains(*id)) { "yes" } else { "no" };
        let wave = ids.iter().filter_map(|id| waves.get(*id)).min().copied().unwrap_or_default();
        let _ = writeln!(out, "| {id} | {wave} | {is_built} | {} |", row.cells());
    }
    out.push('\n');
}

/// Runs of a script, and how often each detection was raised with each severity.
type Raised<'a> = (u32, BTreeMap<(&'a str, &'a str), u32>);

fn by_script(out: &mut String, outcomes: &[Outcome]) {
    let mut rows: BTreeMap<&str, Raised<'_>> = BTreeMap::new();
    for outcome in outcomes.iter().filter(|outcome| !outcome.job.attack) {
        let row = rows.entry(outcome.job.script).or_default();
        row.0 += 1;
        for (id, severity, _) in &outcome.findings {
            *row.1.entry((id, severity.as_str())).or_default() += 1;
        }
    }
    let _ = writeln!(out, "| normal life | runs | findings |\n|---|---|---|");
    for (script, (runs, findings)) in rows {
        let text: Vec<String> =
            findings.iter().map(|((id, severity), count)| format!("{id} {severity} {count}")).collect();
        let _ =
            writeln!(out, "| {script} | {runs} | {} |", if text.is_empty() { "-".to_owned() } else { text.join(", ") });
    }
    out.push('\n');
}

/// What was told how often, in normal life by ship and in runs with an attack; whatever its severity.
fn by_finding(out: &mut String, outcomes: &[Outcome]) {
    let ships: Vec<&str> = dogwatch_sim::ships().iter().map(|(name, ..)| *name).collect();
    let mut rows: BTreeMap<&str, (u32, BTreeMap<&str, u32>)> = BTreeMap::new();
    for outcome in outcomes {
        for (id, ..) in &outcome.findings {
            let row = rows.entry(id).or_default();
            if outcome.job.attack {
                row.0 += 1;
            } else {
                *row.1.entry(outcome.job.ship).or_default() += 1;
            }
        }
    }
    let _ = writeln!(out, "| told | in attacks | {} |\n|---|---|{}", ships.join(" | "), "---|".repeat(ships.len()));
    for (id, (attacks, normal)) in rows {
        let cells: Vec<String> =
            ships.iter().map(|ship| normal.get(ship).copied().unwrap_or_default().to_string()).collect();
        let _ = writeln!(out, "| {id} | {attacks} | {} |", cells.join(" | "));
    }
    out.push('\n');
}

/// What was required, has a detector, and was not found.
fn missed(out: &mut String, outcomes: &[Outcome], waves: &BTreeMap<String, u8>) {
    let built = built();
    let mut lines = Vec::new();
    for outcome in outcomes {
        for asked in outcome.asked.iter().filter(|asked| asked.required && asked.after_s.is_none()) {
            if asked.detections.iter().any(|id| built.contains(id)) {
                let job = &outcome.job;
                let ids = asked.detections.join(" or ");
                lines.push(format!(
                    "| {} | {ids} | {} | {} | {} | {:?} |",
                    job.script,
                    wave(asked, waves),
                    job.ship,
                    job.seed,
                    job.shape
                ));
            }
        }
    }
    let _ = writeln!(out, "| missed in | detection | wave | ship | seed | capture |\n|---|---|---|---|---|---|");
    for line in lines {
        let _ = writeln!(out, "{line}");
    }
}
