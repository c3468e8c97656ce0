//! Advisories written by the words of the standard (CSAF 2.0, clauses 3.1.2, 3.1.3, 3.2.2, 3.2.3).

use super::*;
use crate::{Import, Intel};

/// A document with this tree and these vulnerabilities.
fn document(id: &str, date: &str, tree: &str, vulnerabilities: &str) -> String {
    format!(
        r#"{{"document":{{"category":"csaf_security_advisory","csaf_version":"2.0","title":"Example",
        "publisher":{{"category":"vendor","name":"Example PSIRT","namespace":"https://example.com"}},
        "tracking":{{"id":"{id}","current_release_date":"{date}","initial_release_date":"{date}","status":"final","version":"1",
        "revision_history":[{{"date":"{date}","number":"1","summary":"first"}}]}}}},
        "product_tree":{tree},"vulnerabilities":{vulnerabilities}}}"#
    )
}

/// A tree of one product with branches for versions: `(id, category, name)`.
fn tree(versions: &[(&str, &str, &str)], rest: &str) -> String {
    let versions: Vec<_> = versions
        .iter()
        .map(|(id, category, name)| {
            format!(
                r#"{{"category":"{category}","name":"{name}","product":{{"name":"x","product_id":"{id}",
                "product_identification_helper":{{"model_numbers":["NM-41?*"]}}}}}}"#
            )
        })
        .collect();
    format!(
        r#"{{"branches":[{{"category":"vendor","name":"Nordmark Automation AB","branches":[{{"category":"product_name",
        "name":"Nordmark NM400 firmware","branches":[{}]}}]}}]{rest}}}"#,
        versions.join(",")
    )
}

fn status(groups: &str) -> String {
    format!(
        r#"[{{"cve":"CVE-2025-10001","product_status":{groups},"scores":[{{"products":["P1"],"cvss_v3":{{"baseScore":9.8}}}}],
        "remediations":[{{"category":"mitigation","details":"Close the port.","product_ids":["P1"]}},
        {{"category":"vendor_fix","details":"Update to 2.4.","group_ids":["G1"]}}]}}]"#
    )
}

fn read(files: &[String]) -> Intel {
    let mut import = Import::default();
    for (number, file) in files.iter().enumerate() {
        import.read_advisory(&format!("{number}.json"), file.as_bytes());
    }
    import.finish()
}

fn ask(intel: &Intel, model: &str, firmware: Option<&str>) -> Vec<(String, u8)> {
    let device = Device { vendor: Some("NORDMARK AUTOMATION"), models: &[model], firmware };
    intel.advisories.of_device(&device).into_iter().map(|found| (found.advisory, found.confidence)).collect()
}

const RANGE: &str = "product_version_range";

#[test]
fn by_maker_model_and_version() {
    let tree = tree(
        &[("P1", RANGE, "vers:intdot/>=2.0|<2.4")],
        r#","product_groups":[{"group_id":"G1","product_ids":["P1","P9"]}]"#,
    );
    let intel = read(&[document("NM-1", "2025-06-01T00:00:00Z", &tree, &status(r#"{"known_affected":["P1"]}"#))]);
    for (model, firmware, want) in [
        ("NM400", Some("2.3.1"), Some(90)),
        ("nm-400", Some("V2.3"), Some(90)),
        ("NM-410-AC", Some("2.3"), Some(95)),
        ("NM400", Some("2.4"), None),
        ("NM400", Some("1.9"), None),
        ("NM400", None, Some(40)),
        ("NM400", Some("build B"), Some(40)),
        ("NM500", Some("2.3"), None),
    ] {
        let found = ask(&intel, model, firmware);
        assert_eq!(found.first().map(|found| found.1), want, "{model} {firmware:?}");
    }
    let device = Device { vendor: Some("Nordmark Automation"), models: &["NM400"], firmware: Some("2.3") };
    let found = intel.advisories.of_device(&device);
    let fault = &found[0].faults[0];
    assert_eq!((fault.cve.as_str(), fault.score_tenths), ("CVE-2025-10001", Some(98)));
    assert_eq!(fault.remedy.as_deref(), Some("vendor fix: Update to 2.4."), "by its group, before the mitigation");
    assert!(intel.advisories.of_device(&Device { vendor: Some("Other"), ..device }).is_empty());
    assert_eq!(intel.advisories.nothing(), "no published advisory in the index of 2025-06-01");
}

#[test]
fn the_maker_of_the_card_is_a_hint() {
    let tree = tree(&[("P1", RANGE, "vers:intdot/<2.4")], "");
    let intel = read(&[document("NM-1", "2025-06-01T00:00:00Z", &tree, &status(r#"{"known_affected":["P1"]}"#))]);
    let asset = |maker: &str| {
        let value = |value: &str| {
            format!(
                r#"[{{"value":"{value}","source":"observed","method":"m","confidence":90,
                "first_seen":"2026-01-01T00:00:00Z","last_seen":"2026-01-01T00:00:00Z","frame":1}}]"#
            )
        };
        let text = format!(
            r#"{{"asset_id":"ast_1","interfaces":[],"device_class":"plc","attributes":{{"{maker}":{},"model":{},"firmware_version":{}}},
            "protocols":[],"first_seen":"2026-01-01T00:00:00Z","last_seen":"2026-01-01T00:00:00Z","frames":0,"bytes":0,
            "state":"observed_only","disposition":"unapproved"}}"#,
            value("Nordmark Automation"),
            value("NM400"),
            value("2.3")
        );
        serde_json::from_str::<Asset>(&text).unwrap()
    };
    assert!(intel.advisories.of_asset(&asset("manufacturer"))[0].is_certain());
    let found = intel.advisories.of_asset(&asset("oui_vendor"));
    assert_eq!((found[0].is_certain(), found[0].to_check.as_str()), (false, "the maker is that of the network card"));
}

#[test]
fn groups_of_status() {
    let tree = tree(&[("P1", RANGE, "<2.4"), ("P2", "product_version", "2.3.7")], "");
    for (groups, firmware, want) in [
        (r#"{"known_affected":["P1"]}"#, "2.3.7", Some(90)),
        (r#"{"first_affected":["P2"]}"#, "2.3.7", Some(90)),
        (r#"{"known_affected":["P1"],"fixed":["P2"]}"#, "2.3.7", None),
        (r#"{"known_affected":["P1"],"known_not_affected":["P2"]}"#, "2.3.7", None),
        (r#"{"known_affected":["P1"],"known_not_affected":["P2"]}"#, "2.3.6", Some(90)),
        (r#"{"under_investigation":["P1"]}"#, "2.3.7", Some(50)),
        (r#"{"recommended":["P1"]}"#, "2.3.7", None),
        (r#"{"first_fixed":["P1"]}"#, "2.3.7", None),
    ] {
        let intel = read(&[document("NM-1", "2025-06-01T00:00:00Z", &tree, &status(groups))]);
        assert_eq!(ask(&intel, "NM400", Some(firmware)).first().map(|found| found.1), want, "{groups} {firmware}");
    }
}

#[test]
fn words_instead_of_versions_are_to_be_checked() {
    let tree = tree(&[("P1", RANGE, "2.3 and earlier")], "");
    let intel = read(&[document("NM-1", "2025-06-01T00:00:00Z", &tree, &status(r#"{"known_affected":["P1"]}"#))]);
    let device = Device { vendor: Some("Nordmark Automation"), models: &["NM400"], firmware: Some("2.2") };
    let found = intel.advisories.of_device(&device);
    assert!(!found[0].is_certain());
    assert_eq!(found[0].to_check, "the advisory gives the versions in words only");
}

#[test]
fn firmware_installed_on_a_device() {
    let related = r#"{"branches":[{"category":"vendor","name":"Nordmark Automation","branches":[
        {"category":"product_name","name":"NM400","product":{"name":"NM400","product_id":"H"}},
        {"category":"product_name","name":"CoreOS firmware","branches":[{"category":"product_version_range","name":"<3.0",
        "product":{"name":"CoreOS","product_id":"F"}}]}]}],
        "relationships":[{"category":"installed_on","product_reference":"F","relates_to_product_reference":"H",
        "full_product_name":{"name":"CoreOS on NM400","product_id":"P1"}}]}"#;
    let intel = read(&[document("NM-2", "2025-06-01T00:00:00Z", related, &status(r#"{"known_affected":["P1"]}"#))]);
    assert_eq!(ask(&intel, "NM400", Some("2.9")), [("NM-2".to_owned(), 90)]);
    assert!(ask(&intel, "NM400", Some("3.0")).is_empty());
}

#[test]
fn the_newer_issue_stays_and_what_is_left_out_is_told() {
    let affected = status(r#"{"known_affected":["P1","NOBODY"]}"#);
    let of = |date, range| document("NM-1", date, &tree(&[("P1", RANGE, range)], ""), &affected);
    let newer = of("2025-07-01T00:00:00Z", "<3.0");
    let older = of("2025-06-01T00:00:00Z", "<2.0");
    let draft = older.replace("\"final\"", "\"draft\"").replace("NM-1", "NM-9");
    let intel =
        read(&[older.clone(), newer, older.clone(), draft, older.replace("\"2.0\"", "\"1.2\""), "{}".to_owned()]);
    assert_eq!(intel.advisories.len(), 1);
    assert_eq!(ask(&intel, "NM400", Some("2.5")).len(), 1);
    let why: Vec<_> = intel.files.iter().map(|file| file.skipped.last().map(|skipped| skipped.why.as_str())).collect();
    assert_eq!(why[0], Some("CVE-2025-10001: no such product could be read"));
    assert_eq!(why[2], Some("the same advisory was read before, of this date or a newer one"));
    assert_eq!(why[3], Some("a draft, not published yet"));
    assert!(intel.files[4].error.as_deref().is_some_and(|error| error.contains("only 2.0")));
    assert!(intel.files[5].error.as_deref().is_some_and(|error| error.contains("line 1")));
}

#[test]
fn known_to_be_exploited() {
    let tree = tree(&[("P1", RANGE, "<2.4")], "");
    let advisory = document("NM-1", "2025-06-01T00:00:00Z", &tree, &status(r#"{"known_affected":["P1"]}"#));
    for (list, loaded) in [
        (r#"{"title":"KEV","vulnerabilities":[{"cveID":"CVE-2025-10001"},{"cveID":"x"}]}"#, 1),
        ("cveID,vendorProject\n\"CVE-2025-10001\",\"Nordmark\nAutomation\"\nCVE-2024-0001,x\n", 2),
        ("# ours\nCVE-2025-10001\n", 1),
    ] {
        let mut import = Import::default();
        import.read_advisory("a", advisory.as_bytes());
        import.read_exploited("k", list.as_bytes());
        let intel = import.finish();
        assert_eq!(intel.files[1].loaded, loaded, "{list}");
        let device = Device { vendor: Some("Nordmark Automation"), models: &["NM400"], firmware: Some("2.3") };
        assert!(intel.advisories.of_device(&device)[0].is_exploited(), "{list}");
    }
}
