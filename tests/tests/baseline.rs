//! What was learned outlives the program: from one analysis to the next by a folder, from one run of the daemon to the next by the store.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::Path;

use dogwatch_tests::http;
use dogwatch_tests::programs::{Running, await_until, free_port, run};

const CAPTURE: &str = "pcaps/scenarios/modbus-write.pcap.gz";
const POLICY: &str = "pcaps/scenarios/modbus-write.policy.toml";
/// Looks (20 ms each) for a daemon to answer: guards against hanging.
const PATIENCE: u32 = 1_500;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn an_analysis_hands_on_what_it_learned() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let ended = run("dogwatch", &["analyze", CAPTURE, "--out", text(&first)]).unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let learned = std::fs::read_to_string(first.join("baseline/baseline.json")).unwrap();
    let learned: serde_json::Value = serde_json::from_str(&learned).unwrap();
    assert!(learned["learned"]["DW-3001"].as_array().is_some_and(|writers| !writers.is_empty()), "{learned}");
    // with a baseline nothing is left to learn: what is new is judged at once, what was there before is not
    let ended = run("dogwatch", &["analyze", CAPTURE, "--baseline", text(&first), "--out", text(&second)]).unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let findings = std::fs::read_to_string(second.join("findings.jsonl")).unwrap();
    assert!(!findings.contains("DW-3001"), "the same capture has no new writer: {findings}");
    let nowhere = folder.path().join("nowhere");
    let ended = run("dogwatch", &["analyze", CAPTURE, "--baseline", text(&nowhere)]).unwrap();
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.err.contains("nowhere"), "{ended:?}");
}

#[test]
fn windows_of_another_file_are_checked_against_the_policy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("windows.toml");
    let window = "[[window]]\nid = \"MW-1\"\nkind = \"service\"\nfrom = 2020-01-01T00:00:00Z\nto = 2040-01-01T00:00:00Z\nzones = [\"ZONE\"]\n\
                  who = \"J. Doe\"\napproved_by = \"Chief engineer\"\n";
    let analyze = |zone: &str| {
        std::fs::write(&file, window.replace("ZONE", zone)).unwrap();
        run("dogwatch", &["analyze", CAPTURE, "--policy", POLICY, "--windows", text(&file), "--json"]).unwrap()
    };
    assert_eq!(analyze("machinery").code, Some(0));
    let ended = analyze("machinry");
    assert!(ended.code != Some(0) && ended.err.contains("P002") && ended.err.contains("machinery"), "{ended:?}");
}

#[test]
fn a_daemon_begins_with_what_it_learned_before() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().unwrap();
    let settings = folder.path().join("dogwatch.toml");
    let capture = dogwatch_tests::workspace::root().join(CAPTURE);
    let store = folder.path().join("store");
    let words = format!(
        "[[source]]\nfile = \"{}\"\nname = \"mir0\"\nspeed = 1000.0\n[store]\ndirectory = \"{}\"\nballast_mib = 1\n\
         [console]\nlisten = \"127.0.0.1:{port}\"\n",
        text(&capture),
        text(&store)
    );
    std::fs::write(&settings, words).unwrap();
    let log = folder.path().join("log");
    let mut restored = Vec::new();
    for _ in 0..2 {
        let mut daemon = Running::start("dogwatch", &["run", "--config", text(&settings)], &log).unwrap();
        let health: serde_json::Value = await_until("an answer after some frames", PATIENCE, || {
            daemon.is_alive()?;
            let health: Option<serde_json::Value> = http::get(port, "/api/health").ok();
            Ok(health.filter(|health| health["sources"][0]["frames"].as_u64() > Some(100)))
        })
        .unwrap();
        restored.push(health["baseline"]["restored"].as_bool());
        assert_eq!(health["baseline"]["unread"].as_u64(), Some(0), "{health}");
        assert!(daemon.stop(PATIENCE).unwrap().success(), "{}", daemon.said());
    }
    assert_eq!(restored, [Some(false), Some(true)]);
}
