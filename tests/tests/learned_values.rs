//! What fourteen days of a ship teach about the values of her machinery, and what that is good for afterwards (DW-4001 without declared limits).
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::Path;

use dogwatch_model::{CaptureTime, Severity};
use dogwatch_rules::policy::{Policy, check};
use dogwatch_tests::analysis::{Analysed, analyse_after, analyse_scenario};
use dogwatch_tests::scenario::{Plan, Scenario};

const SHIP: &str = "cargo";
/// Minutes of each of the 14 days.
const MINUTES: u32 = 32;

/// The ship's policy without the limits that points declare.
fn without_limits(scenario: &Scenario) -> Policy {
    let text = std::fs::read_to_string(&scenario.policy).unwrap();
    let kept: Vec<_> =
        text.lines().filter(|line| !line.starts_with("high = ") && !line.starts_with("low = ")).collect();
    assert!(kept.len() < text.lines().count(), "the ship declares limits");
    check(&kept.join("\n"), "kept.toml", CaptureTime::default()).policy.unwrap()
}

fn learned(folder: &Path) -> Analysed {
    let mut plan = Plan::new("sea-day", 301, MINUTES, folder).unwrap();
    (plan.run.ship, plan.run.pictures) = (SHIP.to_owned(), false);
    analyse_scenario(&plan.learn().unwrap()).unwrap()
}

/// What DW-4001 tells in a script five weeks later.
fn told(script: &str, seed: u64, minutes: u32, learned: &Analysed) -> Vec<(Severity, String)> {
    let folder = tempfile::tempdir().unwrap();
    let mut plan = Plan::new(script, seed, minutes, folder.path()).unwrap();
    (plan.run.ship, plan.run.pictures) = (SHIP.to_owned(), false);
    plan.run.start = plan.run.start.plus(std::time::Duration::from_secs(35 * 86_400));
    let scenario = plan.play().unwrap();
    let analysed = analyse_after(&scenario, without_limits(&scenario), Some(learned)).unwrap();
    let of_values = analysed.findings().into_iter().filter(|finding| finding.rule_id == "DW-4001");
    of_values.map(|finding| (finding.severity, finding.summary.clone())).collect()
}

#[test]
fn values_outside_of_what_fourteen_days_taught() {
    let folder = tempfile::tempdir().unwrap();
    let learned = learned(folder.path());
    let hot = told("limit", 77, 18, &learned);
    assert!(hot.len() == 1 && hot[0].0 == Severity::Low, "one value, low without declared limits: {hot:?}");
    assert!(hot[0].1.contains("Exhaust gas after cylinder 3"), "{hot:?}");
    let scripts = dogwatch_sim::scripts().into_iter().filter(|script| !script.attack);
    let mut wrong = Vec::new();
    for script in scripts.filter(|script| dogwatch_sim::can_play(SHIP, script.name).unwrap()) {
        wrong.extend(told(script.name, 88, 31, &learned).into_iter().map(|told| (script.name, told)));
    }
    assert!(wrong.is_empty(), "normal life: {wrong:#?}");
}
