//! What a person sees who made a mistake in the settings or the policy: exit status, file, line, key, what was expected.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::Path;

use dogwatch_tests::programs::{Ended, run};
use dogwatch_tests::scenario::Plan;

/// Exit status for settings a person has to mend (EX_CONFIG of sysexits.h); the unit does not restart the daemon on it.
const BAD_SETTINGS: Option<i32> = Some(78);

fn dogwatch(arguments: &[&str]) -> Ended {
    run("dogwatch", arguments).unwrap()
}

#[test]
fn bad_settings_are_told_with_file_line_key_and_what_was_expected() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ship.toml");
    let path = file.to_str().unwrap();
    let source = "[[source]]\ninterface = \"mir0\"\n";
    for (what, text, words) in [
        ("unknown key", format!("{source}snap_len = 96\n"), vec!["line 3", "snap_len", "expected", "snap_length"]),
        ("unknown table", format!("{source}[shore]\n"), vec!["line 3", "shore", "expected", "uplink"]),
        ("wrong kind", "[store]\ncap_mib = \"much\"\n".to_owned(), vec!["line 2", "cap_mib", "expected", "nonzero"]),
        ("zero", "\n[store]\ncap_mib = 0\n".to_owned(), vec!["line 3", "cap_mib", "expected", "nonzero"]),
        ("syntax", "[store\n".to_owned(), vec!["line 1"]),
        ("an address that is none", "[console]\nlisten = \"here\"\n".to_owned(), vec!["line 2", "listen", "socket"]),
        ("the same twice", format!("{source}{source}"), vec!["mir0", "listed twice", "name"]),
        (
            "both kinds of source",
            format!("{source}file = \"x\"\n"),
            vec!["source 1", "one of `interface`, `serial` and `file`"],
        ),
        ("speed", "[[source]]\nfile = \"x\"\nspeed = -1.0\n".to_owned(), vec!["`x`", "speed", "-1", "above 0"]),
        (
            "two wrong relations at once",
            "[uplink]\nurl = \"http://x\"\nvessel = \"v\"\npin = \"12\"\nshore_key = \"\"\nkey_file = \"k\"\n"
                .to_owned(),
            vec!["uplink.url", "https://", "uplink.pin", "64 hexadecimal", "uplink.shore_key"],
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        for arguments in [["check-config", path].as_slice(), &["run", "--config", path]] {
            let ended = dogwatch(arguments);
            assert_eq!(ended.code, BAD_SETTINGS, "{what}: {ended:?}");
            assert!(ended.out.is_empty(), "{what}: {ended:?}");
            for word in [path].iter().chain(&words) {
                assert!(ended.err.contains(word), "{what}: `{word}` is not in {}", ended.err);
            }
        }
    }
}

#[test]
fn settings_that_are_not_there_are_bad_settings() {
    let ended = dogwatch(&["run", "--config", "/nowhere/dogwatch.toml"]);
    assert_eq!(ended.code, BAD_SETTINGS, "{ended:?}");
    assert!(ended.err.contains("/nowhere/dogwatch.toml"), "{ended:?}");
}

#[test]
fn the_settings_that_ship_are_right() {
    let ended = dogwatch(&["check-config", "deploy/dogwatch.toml"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("deploy/dogwatch.toml: valid"), "{ended:?}");
}

#[test]
fn nothing_to_listen_to_is_no_way_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("empty.toml");
    std::fs::write(&file, "").unwrap();
    let ended = dogwatch(&["run", "--config", file.to_str().unwrap()]);
    assert!(ended.code != Some(0) && ended.err.contains("[[source]]"), "{ended:?}");
}

/// A policy that is right, from the simulator's ship.
fn ship_policy(folder: &Path) -> String {
    let scenario = Plan::new("sea-day", 7, 1, folder).unwrap().play().unwrap();
    std::fs::read_to_string(scenario.policy).unwrap()
}

#[test]
fn a_policy_check_says_yes_no_or_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let good = ship_policy(folder.path());
    let file = folder.path().join("policy.toml");
    let path = file.to_str().unwrap();

    std::fs::write(&file, &good).unwrap();
    let ended = dogwatch(&["policy", "check", path]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("0 error(s)"), "{ended:?}");

    // an unknown key in the first zone: its line and what would be right are told
    let bad = good.replacen("criticality = \"high\"", "criticalty = \"high\"", 1);
    let line = 1 + bad.lines().position(|line| line.starts_with("criticalty")).unwrap();
    std::fs::write(&file, &bad).unwrap();
    let ended = dogwatch(&["policy", "check", path]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for word in [format!("{path}:{line}:"), "criticalty".to_owned(), "criticality".to_owned()] {
        assert!(ended.out.contains(&word), "`{word}` is not in {}", ended.out);
    }

    let ended = dogwatch(&["policy", "check", "/nowhere/policy.toml"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.err.contains("/nowhere/policy.toml"), "{ended:?}");
}

#[test]
fn settings_with_a_wrong_policy_do_not_pass() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, policy) = (folder.path().join("dogwatch.toml"), folder.path().join("policy.toml"));
    std::fs::write(&policy, "format = 1\nmood = \"enforce\"\n").unwrap();
    std::fs::write(&settings, format!("[policy]\nfile = \"{}\"\n", policy.display())).unwrap();
    let ended = dogwatch(&["check-config", settings.to_str().unwrap()]);
    assert!(ended.code.is_some_and(|code| code != 0), "{ended:?}");
    assert!(ended.err.contains("policy.toml") && ended.err.contains("mood"), "{ended:?}");
}
