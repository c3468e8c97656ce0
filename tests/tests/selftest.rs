//! `dogwatch rules selftest`: every detection of this build against its two captures, as a surveyor runs it.

use dogwatch::command::Answer;
use dogwatch::command::rules::{Verb, run};

#[test]
fn every_detection_tells_its_attack_and_keeps_quiet_about_normal_life() {
    let verdicts = dogwatch::selftest::run(None, 2);
    assert_eq!(verdicts.len(), dogwatch_rules::detections::cards().len());
    let wrong: Vec<_> = verdicts.iter().filter(|verdict| !verdict.is_ok()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn one_detection_by_its_name() {
    let mut out = Vec::new();
    let one = |id: &str| Verb::Selftest { id: Some(id.to_owned()), json: true };
    assert_eq!(run(&one("DW-9004"), &mut out).unwrap(), Answer::Done);
    let told: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!((&told["ok"], &told["test"]["id"]), (&true.into(), &"DW-9004".into()));
    assert!(run(&one("DW-0000"), &mut out).is_err());
}
