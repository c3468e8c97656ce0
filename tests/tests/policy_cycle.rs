//! The life of a policy, with the program as people use it: learn, propose, review, simulate, enforce, roll back; and a change while the daemon runs.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use dogwatch_tests::http;
use dogwatch_tests::programs::{Running, await_until, free_port, program, run};
use dogwatch_tests::workspace;

/// A normal stretch of sailing, made by the simulator.
const NORMAL: [&str; 2] = ["pcaps/scenarios/sea-day.pcap.gz", "pcaps/scenarios/sea-day.n2k.pcap.gz"];
const POLICY: &str = "pcaps/scenarios/sea-day.policy.toml";
/// Looks (20 ms each) for a daemon to answer: guards against hanging.
const PATIENCE: u32 = 1_500;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The ship's policy without conduits and allowances, in learn mode: what a ship has on the first day.
fn first_day(folder: &Path) -> std::path::PathBuf {
    let whole = std::fs::read_to_string(workspace::root().join(POLICY)).unwrap();
    let mut kept = String::new();
    let mut is_kept = true;
    for line in whole.lines() {
        if let Some(table) = line.trim_start().strip_prefix('[') {
            let name = table.trim_start_matches('[').split([']', '.']).next().unwrap_or_default();
            is_kept = !["conduit", "nmea", "n2k", "exception", "accept", "window", "navigation"].contains(&name);
        }
        if is_kept {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    let file = folder.join("policy.toml");
    std::fs::write(&file, kept.replace("mode = \"enforce\"", "mode = \"learn\"")).unwrap();
    file
}

fn learn(folder: &Path, policy: &Path) -> std::path::PathBuf {
    let out = folder.join("learned");
    let ended =
        run("dogwatch", &["analyze", NORMAL[0], NORMAL[1], "--policy", text(policy), "--out", text(&out)]).unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    out
}

fn review(policy: &Path, learned: &Path, answers: &str) -> (Option<i32>, String) {
    let mut child = Command::new(program("dogwatch").unwrap())
        .args(["policy", "review", "--owner", "ETO", "--policy", text(policy), "--baseline", text(learned)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    // it may need fewer answers than there are
    let _ = input.write_all(answers.as_bytes());
    drop(input);
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn what_was_learned_and_allowed_raises_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let policy = first_day(folder.path());
    let learned = learn(folder.path(), &policy);
    let (policy_path, learned_path) = (text(&policy), text(&learned));
    let before = std::fs::read_to_string(&policy).unwrap();
    let simulated = |answer: i32| {
        let ended =
            run("dogwatch", &["policy", "simulate", "--json", "--policy", policy_path, "--baseline", learned_path]);
        let ended = ended.unwrap();
        assert_eq!(ended.code, Some(answer), "{ended:?}");
        ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<serde_json::Value>>()
    };
    assert!(!simulated(1).is_empty(), "without conduits nearly everything is a finding");

    let ended = run("dogwatch", &["policy", "propose", "--policy", policy_path, "--baseline", learned_path]).unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let proposed = std::fs::read_to_string(folder.path().join("policy.proposed.toml")).unwrap();
    let mut lines = proposed.lines();
    assert!(before.lines().all(|line| lines.any(|other| other == line)), "nothing is deleted or moved");

    // the owner says yes to everything, after a look at why
    let (code, said) = review(&policy, &learned, &format!("why\n{}", "y\n".repeat(4_000)));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the line would be"), "{said}");
    assert_eq!(std::fs::read_to_string(&policy).unwrap(), before, "the policy in force is not touched");
    let left = simulated(0);
    let policy_findings: Vec<_> = left
        .iter()
        .filter(|told| {
            let id = told["detection"].as_str().unwrap_or_default();
            id.starts_with("DW-2") || id.starts_with("DW-301")
        })
        .collect();
    assert!(policy_findings.is_empty(), "{policy_findings:?}");

    // and the rules agree: enforced on the same traffic, nothing of the policy is told
    let target = folder.path().join("policy.proposed.toml");
    let out = folder.path().join("enforced");
    let arguments =
        ["analyze", NORMAL[0], NORMAL[1], "--mode", "enforce", "--policy", text(&target), "--out", text(&out)];
    assert_eq!(run("dogwatch", &arguments).unwrap().code, Some(0));
    let findings = std::fs::read_to_string(out.join("findings.jsonl")).unwrap();
    let told: Vec<&str> =
        findings.lines().filter(|line| line.contains("\"DW-2") || line.contains("\"DW-301")).collect();
    assert!(told.is_empty(), "{told:?}");

    // half an hour is not enough to enforce anything
    let ended =
        run("dogwatch", &["policy", "enforce", "--author", "ETO", "--policy", policy_path, "--baseline", learned_path]);
    let ended = ended.unwrap();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.out.contains("of 7 days"), "{}", ended.out);
    assert_eq!(std::fs::read_to_string(&policy).unwrap(), before);
}

#[test]
fn a_no_is_remembered_and_a_sheet_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let policy = first_day(folder.path());
    let learned = learn(folder.path(), &policy);
    let sheet = folder.path().join("sheet.txt");
    let arguments =
        ["policy", "review", "--policy", text(&policy), "--baseline", text(&learned), "--export", text(&sheet)];
    assert_eq!(run("dogwatch", &arguments).unwrap().code, Some(0));
    let printed = std::fs::read_to_string(&sheet).unwrap();
    assert!(printed.contains("  1. ") && printed.contains("[ ] allow"), "{printed}");
    let (code, first) = review(&policy, &learned, "n\nlater\n");
    assert_eq!(code, Some(1), "questions are left: {first}");
    let (_, second) = review(&policy, &learned, "");
    let open =
        |said: &str| said.split_once('/').and_then(|(_, rest)| rest.split_once(']')).map(|(count, _)| count.to_owned());
    let (before, after): (u32, u32) = (open(&first).unwrap().parse().unwrap(), open(&second).unwrap().parse().unwrap());
    assert_eq!(before - 1, after);
}

#[test]
fn which_line_decides() {
    let explain = |arguments: &[&str]| {
        let whole: Vec<&str> =
            ["policy", "explain"].iter().chain(arguments).chain(&["--policy", POLICY]).copied().collect();
        run("dogwatch", &whole).unwrap()
    };
    let ended = explain(&["10.20.9.9", "10.20.2.21", "modbus", "--op", "write", "--addr", "40-47"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.out.contains("not allowed"), "{}", ended.out);
    assert_eq!(explain(&["nobody-at-all", "10.20.2.21", "modbus"]).code, Some(2));
}

#[test]
fn a_changed_policy_takes_over_and_a_wrong_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.toml");
    let whole = std::fs::read_to_string(workspace::root().join(POLICY)).unwrap();
    std::fs::write(&policy, &whole).unwrap();
    let port = free_port().unwrap();
    let settings = folder.path().join("dogwatch.toml");
    let capture = workspace::root().join(NORMAL[0]);
    let store = folder.path().join("store");
    let words = format!(
        "[[source]]\nfile = \"{}\"\nname = \"mir0\"\nspeed = 20.0\n[policy]\nfile = \"{}\"\n[store]\ndirectory = \"{}\"\n\
         ballast_mib = 1\n[console]\nlisten = \"127.0.0.1:{port}\"\n",
        text(&capture),
        text(&policy),
        text(&store)
    );
    std::fs::write(&settings, words).unwrap();
    let mut daemon =
        Running::start("dogwatch", &["run", "--config", text(&settings)], &folder.path().join("log")).unwrap();
    let mut health = |what: &str, is_so: &dyn Fn(&serde_json::Value) -> bool| -> serde_json::Value {
        await_until(what, PATIENCE, || {
            daemon.is_alive()?;
            Ok(http::get::<serde_json::Value>(port, "/api/health").ok().filter(|health| is_so(health)))
        })
        .unwrap()
    };
    let first = health("an answer", &|health| health["zones"].as_array().is_some_and(|zones| !zones.is_empty()));
    assert_eq!(first["zones"][0]["mode"], "enforce");
    let hash = first["policy_view"]["hash"].as_str().unwrap().to_owned();

    std::fs::write(&policy, whole.replace("mode = \"enforce\"", "mode = \"watching\"")).unwrap();
    let refused = health("the refusal", &|health| health["policy_view"]["refusals"] == 1);
    assert!(refused["policy_view"]["refused"][0].as_str().unwrap().contains("P002"), "{}", refused["policy_view"]);
    assert_eq!(refused["policy_view"]["hash"], hash.as_str(), "the old one stays");
    assert_eq!(refused["zones"][0]["mode"], "enforce");

    std::fs::write(&policy, whole.replace("mode = \"enforce\"", "mode = \"watch\"")).unwrap();
    let taken = health("the change", &|health| health["policy_view"]["changes"] == 1);
    assert_eq!(taken["policy_view"]["refused"].as_array().map(Vec::len), Some(0));
    health("the new mode", &|health| health["zones"][0]["mode"] == "watch");

    let ended = run("dogwatch", &["state", "drydock", "--by", "Master", "--config", text(&settings)]).unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    health("the ship in dry dock", &|health| health["ship_state"] == "drydock");
    assert_eq!(run("dogwatch", &["state", "auto", "--config", text(&settings)]).unwrap().code, Some(0));
    health("the ship out of it", &|health| health["ship_state"] != "drydock");

    // the running daemon is asked for what it learned
    let ended = run("dogwatch", &["policy", "propose", "--json", "--config", text(&settings)]).unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(daemon.stop(PATIENCE).unwrap().success(), "{}", daemon.said());
}
