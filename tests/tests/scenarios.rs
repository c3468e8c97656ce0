//! Every script of the simulator through the whole pipeline: normal life is quiet, each attack is found in time, of the right severity, with
//! the right names, and not before it began; and the same when the capture is written in other ways.
//!
//! What must be found stands in the labels the simulator writes beside each capture, not here.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fmt::Write as _;

use dogwatch_model::Severity;
use dogwatch_sim::{Format, Link};
use dogwatch_tests::analysis::{Analysed, analyse_scenario};
use dogwatch_tests::scenario::{Plan, Scenario};

/// Length of a run of normal life.
const NORMAL_S: u32 = 480;
/// Scripts of every family, for runs that differ in how the capture is written.
const SAMPLE: &[&str] = &[
    "sea-day",
    "rogue-device",
    "zone-hop",
    "ip-takeover",
    "crew-to-bridge",
    "modbus-write",
    "modbus-range",
    "pos-jump",
    "sfi-clash",
    "n2k-claim",
    "window-overrun",
    "setpoint",
    "mirror-loss",
];

/// Required findings that a built detection does not give yet, by script and detection.
const KNOWN_GAPS: &[(&str, &str)] = &[];

/// Whether a detector for this stands in the build. The labels ask for the whole catalogue; what has no detector yet is shown in the table and not
/// counted.
fn is_built(id: &str) -> bool {
    dogwatch_rules::detections::cards().iter().any(|card| card.id == id)
}

/// What is wrong with a run, as text; empty when all is well.
fn judge(scenario: &Scenario, analysed: &Analysed, table: &mut String) -> Vec<String> {
    let labels = &scenario.labels;
    let findings = analysed.findings();
    let mut wrong = Vec::new();
    if analysed.replayed.frames != scenario.frames || !analysed.replayed.damaged.is_empty() {
        wrong.push(format!("{} of {} frames read", analysed.replayed.frames, scenario.frames));
    }
    for rule in &labels.must_not {
        for finding in findings.iter().filter(|finding| rule.is_broken_by(finding)) {
            wrong.push(format!("{}: {} {}", rule.reason, finding.rule_id, finding.summary));
        }
    }
    if labels.kind == "normal" {
        for finding in findings.iter().filter(|finding| finding.severity >= Severity::High) {
            wrong.push(format!("normal life raises {} {}", finding.rule_id, finding.summary));
        }
    }
    if let Some(attack) = labels.attack {
        // whatever its severity: before the attack there is nothing to find
        for finding in findings.iter().filter(|finding| finding.first_seen < attack.from) {
            wrong.push(format!("before the attack: {} {}", finding.rule_id, finding.summary));
        }
        assert!(labels.expect.iter().any(|expect| expect.required), "{}: nothing is required", labels.scenario);
    }
    for expect in &labels.expect {
        let answers: Vec<_> =
            findings.iter().map(|finding| (finding, expect.is_met_by(finding, analysed.told_at(finding)))).collect();
        let met = answers.iter().find(|(_, answer)| answer.is_ok()).map(|(finding, _)| *finding);
        let waited = met.map(|finding| analysed.told_at(finding).since(expect.window.from).as_secs_f64());
        let _ = writeln!(
            table,
            "{:<15} seed {:<3} {:<9} {:<18} {}",
            labels.scenario,
            labels.seed,
            if expect.required { "required" } else { "optional" },
            expect.detections.join("|"),
            waited.map_or_else(
                || "-".to_owned(),
                |waited| format!("after {waited:.1} s of {} s", expect.detect_within_s)
            )
        );
        let is_gap = |id: &String| KNOWN_GAPS.contains(&(labels.scenario.as_str(), id.as_str()));
        if met.is_none() && expect.required && expect.detections.iter().any(|id| is_built(id) && !is_gap(id)) {
            let near = answers.iter().filter(|(finding, _)| expect.detections.contains(&finding.rule_id));
            let why: Vec<_> = near.filter_map(|(_, answer)| answer.clone().err()).collect();
            wrong.push(format!("{:?} not found; nearest: {why:#?}", expect.detections));
        }
    }
    wrong
}

/// Plays scripts on the cargo ship as `shape` would have it and judges each run; attacks last as long as they need to be seen.
fn judged(scripts: &[&str], seeds: &[u64], shape: impl Fn(&mut Plan)) -> (String, Vec<String>) {
    judged_on("general-cargo", scripts, seeds, shape)
}

/// As [`judged`], on any ship; scripts that she cannot play are left out.
fn judged_on(ship: &str, scripts: &[&str], seeds: &[u64], shape: impl Fn(&mut Plan)) -> (String, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let (mut table, mut wrong) = (String::new(), Vec::new());
    for script in dogwatch_sim::scripts().iter().filter(|script| scripts.contains(&script.name)) {
        if !dogwatch_sim::can_play(ship, script.name).unwrap() {
            let _ = writeln!(table, "{:<15} not on {ship}", script.name);
            continue;
        }
        for &seed in seeds {
            let mut plan = Plan::new(script.name, seed, 1, &folder.path().join(script.name)).unwrap();
            let (needs_s, lead_s) = script.needs_s;
            let attack_s = plan.run.attack_after_s.max(lead_s) + needs_s;
            plan.run.duration_s = if script.attack { attack_s } else { NORMAL_S };
            plan.run.ship = ship.to_owned();
            shape(&mut plan);
            let scenario = plan.play().unwrap();
            let analysed = analyse_scenario(&scenario).unwrap();
            let found = judge(&scenario, &analysed, &mut table);
            wrong.extend(found.into_iter().map(|what| format!("{ship}, {}, seed {seed}: {what}", script.name)));
            let count = analysed.findings().len();
            let _ = writeln!(table, "{:<15} seed {seed:<3} {count} finding(s) in all", script.name);
        }
    }
    (table, wrong)
}

#[test]
fn attacks_are_found_and_normal_life_is_quiet() {
    // what takes hours to be seen is left to `make evaluate`
    let scripts = short_scripts();
    assert!(SAMPLE.iter().all(|name| scripts.contains(name)));
    let (table, wrong) = judged(&scripts, &[7], |_| {});
    println!("{table}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Scripts that do not take hours.
fn short_scripts() -> Vec<&'static str> {
    dogwatch_sim::scripts().into_iter().filter(|script| script.needs_s.0 < 3_600).map(|script| script.name).collect()
}

#[test]
fn attacks_on_the_lng_carrier_are_found_on_her_trunk_mirror() {
    let (table, wrong) = judged_on("lng-carrier", &short_scripts(), &[7], |plan| plan.run.vlan = true);
    println!("{table}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn attacks_on_the_cruise_ship_are_found_on_her_trunk_mirror() {
    let (table, wrong) = judged_on("cruise-ship", &short_scripts(), &[7], |plan| plan.run.vlan = true);
    println!("{table}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// One story is one incident of a handful of findings, on every ship.
#[test]
fn a_whole_attack_is_one_incident_of_at_most_twelve_findings() {
    for (ship, ..) in dogwatch_sim::ships() {
        let folder = tempfile::tempdir().unwrap();
        let mut plan = Plan::new("chain", 11, 11, folder.path()).unwrap();
        plan.run.ship = ship.to_owned();
        let analysed = analyse_scenario(&plan.play().unwrap()).unwrap();
        let findings = analysed.findings();
        let told: Vec<_> = findings.iter().map(|finding| format!("{} {}", finding.rule_id, finding.summary)).collect();
        assert!(told.len() <= 12, "{ship}: {told:#?}");
        let incidents = dogwatch_report::incidents(findings);
        assert_eq!(incidents.len(), 1, "{ship}: {incidents:#?}");
    }
}

/// What every normal script does fits the ship's own plan: nothing of the families that judge zones and sentences, nothing of severity high.
#[test]
fn normal_life_of_every_ship_fits_her_plan() {
    let mut wrong = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    for (ship, ..) in dogwatch_sim::ships() {
        for script in dogwatch_sim::scripts().iter().filter(|script| !script.attack) {
            if !dogwatch_sim::can_play(ship, script.name).unwrap() {
                continue;
            }
            for (vlan, link) in [(false, Link::Ethernet), (true, Link::Ethernet), (false, Link::Sll2)] {
                let mut plan = Plan::new(script.name, 51, 31, folder.path()).unwrap();
                (plan.run.ship, plan.run.vlan, plan.run.pictures, plan.files.link) =
                    (ship.to_owned(), vlan, false, link);
                let scenario = plan.play().unwrap();
                let analysed = analyse_scenario(&scenario).unwrap();
                for finding in analysed.findings() {
                    let is_of_plan = ["DW-2", "DW-301"].iter().any(|family| finding.rule_id.starts_with(family));
                    if is_of_plan || finding.severity >= Severity::High {
                        wrong.push(format!(
                            "{ship} {} vlan={vlan} {link:?}: {} {}",
                            script.name, finding.rule_id, finding.summary
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn another_seed_shows_the_same() {
    let (table, wrong) = judged(SAMPLE, &[51], |_| {});
    println!("{table}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_trunk_mirror_with_vlan_tags_shows_the_same() {
    let (table, wrong) = judged(SAMPLE, &[7], |plan| plan.run.vlan = true);
    println!("{table}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_packet_seen_on_both_sides_of_a_router_counts_once() {
    let counts = |vlan: bool| {
        let folder = tempfile::tempdir().unwrap();
        let mut plan = Plan::new("modbus-write", 7, 8, folder.path()).unwrap();
        plan.run.vlan = vlan;
        let scenario = plan.play().unwrap();
        let analysed = analyse_scenario(&scenario).unwrap();
        let findings: Vec<_> =
            analysed.findings().iter().map(|finding| (finding.rule_id.clone(), finding.count)).collect();
        (scenario.frames, analysed.pipeline.messages().sorted().get("modbus").copied(), findings)
    };
    let ((near, near_messages, near_findings), (trunk, trunk_messages, trunk_findings)) = (counts(false), counts(true));
    assert!(trunk > near, "the trunk shows routed packets twice: {trunk} frames against {near}");
    assert_eq!(trunk_messages, near_messages);
    assert_eq!(trunk_findings, near_findings);
}

#[test]
fn pcapng_shows_the_same() {
    let (table, wrong) = judged(SAMPLE, &[7], |plan| plan.files.format = Format::PcapNg);
    println!("{table}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn linux_cooked_captures_show_the_same() {
    let (table, wrong) = judged(SAMPLE, &[7], |plan| plan.files.link = Link::Sll2);
    println!("{table}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
