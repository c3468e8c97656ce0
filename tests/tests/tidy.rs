//! Rules of the house that a compiler cannot check (ARCHITECTURE.md): which crate may know which, what a file may be called, how long it may get.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at what it did not expect")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use dogwatch_dissectors::PROTOCOLS;
use dogwatch_rules::policy::AppName;
use dogwatch_tests::workspace::{files, root, short};

/// Lines a file may have without its tests.
const LONGEST_FILE: usize = 1_000;
/// Files that may be longer, each with the reason.
const LONGER_FILES: &[(&str, &str)] = &[];
/// Files outside `dissectors/` that may name a protocol, each with the reason.
const MAY_NAME_PROTOCOLS: &[(&str, &str)] = &[
    ("rules/src/policy/app.rs", "the policy's own words for applications, and which dissector speaks each"),
    ("rules/src/policy/parse_conduits.rs", "which keys of a policy rule go with which application word"),
    ("rules/src/policy/proposal.rs", "the application word for frames that have no port"),
    ("rules/src/policy/words.rs", "device classes of the policy: `ais` is a kind of device there"),
    ("daemon/src/selftest/pairs.rs", "names of the simulator's scripts"),
    ("crates/inventory/src/attributes.rs", "device classes: `ais` is a kind of device there"),
    ("crates/intel/src/signatures/condition.rs", "the buffers of Suricata's rule language"),
    ("crates/intel/src/signatures/header.rs", "the header words of Suricata's rule language"),
];

/// Crates of the workspace that each crate may build on; tests and benchmarks may use anything.
fn allowed() -> BTreeMap<&'static str, Vec<&'static str>> {
    const MODEL: &str = "dogwatch-model";
    BTreeMap::from([
        (MODEL, vec![]),
        ("dogwatch-dissectors", vec![MODEL]),
        ("dogwatch-flow", vec![MODEL, "dogwatch-dissectors"]),
        ("dogwatch-inventory", vec![MODEL]),
        ("dogwatch-intel", vec![MODEL]),
        ("dogwatch-rules", vec![MODEL, "dogwatch-intel"]),
        ("dogwatch-store", vec![MODEL]),
        ("dogwatch-bundle", vec![MODEL]),
        ("dogwatch-report", vec![MODEL]),
        ("dogwatch-web", vec![MODEL, "dogwatch-report"]),
        ("dogwatch-sim", vec![MODEL]),
        ("dogwatch-shore", vec![MODEL, "dogwatch-bundle", "dogwatch-report", "dogwatch-web"]),
        (
            "dogwatch",
            vec![
                MODEL,
                "dogwatch-dissectors",
                "dogwatch-flow",
                "dogwatch-inventory",
                "dogwatch-intel",
                "dogwatch-rules",
                "dogwatch-store",
                "dogwatch-bundle",
                "dogwatch-report",
                "dogwatch-web",
                // makes the captures of `rules selftest`
                "dogwatch-sim",
            ],
        ),
    ])
}

/// Outside crates with one home, and the crates that are it.
const HOMES: &[(&str, &[&str])] = &[
    ("tokio", &["dogwatch", "dogwatch-shore"]),
    ("ring", &["dogwatch-bundle", "dogwatch", "dogwatch-shore", "dogwatch-dissectors"]),
    ("sled", &["dogwatch-store"]),
    ("etherparse", &["dogwatch-flow"]),
    ("nom", &["dogwatch-dissectors"]),
    ("pcap", &["dogwatch"]),
    ("pnet_datalink", &["dogwatch"]),
    ("prometheus", &["dogwatch"]),
    ("sqlx", &["dogwatch-shore"]),
];

/// One crate of the workspace and what it builds on.
struct Package {
    /// Its folder.
    place: String,
    name: String,
    needs: BTreeSet<String>,
}

fn packages() -> Vec<Package> {
    let text = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let workspace: toml::Table = text.parse().unwrap();
    let members = workspace["workspace"]["members"].as_array().unwrap();
    members
        .iter()
        .map(|member| {
            let file = root().join(member.as_str().unwrap()).join("Cargo.toml");
            let manifest: toml::Table = std::fs::read_to_string(&file).unwrap().parse().unwrap();
            let name = manifest["package"]["name"].as_str().unwrap().to_owned();
            let mut needs = BTreeSet::new();
            let targets =
                manifest.get("target").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::values);
            for place in std::iter::once(&toml::Value::Table(manifest.clone())).chain(targets) {
                for kind in ["dependencies", "build-dependencies"] {
                    needs.extend(
                        place
                            .get(kind)
                            .and_then(toml::Value::as_table)
                            .into_iter()
                            .flat_map(toml::Table::keys)
                            .cloned(),
                    );
                }
            }
            Package { place: member.as_str().unwrap().to_owned(), name, needs }
        })
        .collect()
}

/// A crate of tests, benchmarks or demonstrations: nothing builds on it, and it may use anything.
fn is_test_crate(package: &Package) -> bool {
    package.place.split('/').any(|part| part == "tests" || part == "benches")
}

fn sources() -> Vec<PathBuf> {
    let found = files(root(), &|path| path.extension().is_some_and(|end| end == "rs")).unwrap();
    assert!(found.len() > 100, "only {} Rust files found below {}", found.len(), root().display());
    found
}

#[test]
fn arrows_point_down() {
    let (packages, allowed) = (packages(), allowed());
    let ours: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let mut wrong = Vec::new();
    for package in packages.iter().filter(|package| !is_test_crate(package)) {
        let Some(may) = allowed.get(package.name.as_str()) else {
            wrong.push(format!("{} has no place in the house yet: add it to the table here", package.name));
            continue;
        };
        for need in package.needs.iter().filter(|need| ours.contains(need.as_str())) {
            if !may.contains(&need.as_str()) {
                wrong.push(format!("{} -> {need}", package.name));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that do not point down: {wrong:#?}");
}

#[test]
fn outside_crates_stay_at_home() {
    let mut wrong = Vec::new();
    for package in packages().iter().filter(|package| !is_test_crate(package)) {
        for (outside, homes) in HOMES {
            if package.needs.contains(*outside) && !homes.contains(&package.name.as_str()) {
                wrong.push(format!("{} uses {outside}, whose home is {homes:?}", package.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn names_say_what_is_inside() {
    const NOTHING_SAID: [&str; 6] = ["utils", "util", "helpers", "helper", "common", "misc"];
    let says_nothing = |part: &std::ffi::OsStr| {
        let name = Path::new(part).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        NOTHING_SAID.contains(&name)
    };
    let wrong: Vec<String> =
        sources().iter().map(|path| short(path)).filter(|path| Path::new(path).iter().any(says_nothing)).collect();
    assert!(wrong.is_empty(), "name the thing: {wrong:#?}");
}

/// Text of a file up to its tests, which stand at the end.
fn without_tests(text: &str) -> &str {
    let end =
        ["\n#[cfg(test)]\nmod tests {", "\n#[cfg(test)]\nmod tests;"].iter().filter_map(|mark| text.find(mark)).min();
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

#[test]
fn files_are_short() {
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for path in sources() {
        let (name, text) = (short(&path), std::fs::read_to_string(&path).unwrap());
        let lines = without_tests(&text).lines().count();
        if lines > LONGEST_FILE {
            match LONGER_FILES.iter().find(|(file, _)| *file == name) {
                Some((file, _)) => drop(used.insert(*file)),
                None => wrong.push(format!("{name}: {lines} lines")),
            }
        }
    }
    assert!(wrong.is_empty(), "longer than {LONGEST_FILE} lines without their tests: {wrong:#?}");
    assert_eq!(used.len(), LONGER_FILES.len(), "an exception that is not needed any more: {LONGER_FILES:?}");
}

#[test]
fn every_file_says_what_it_is_for() {
    let wrong: Vec<String> = sources()
        .iter()
        .filter(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            // a few words, not an empty comment
            let head: usize = text.lines().map_while(|line| line.strip_prefix("//! ")).map(str::len).sum();
            head < 10
        })
        .map(|path| short(path))
        .collect();
    assert!(wrong.is_empty(), "these do not open with //!: {wrong:#?}");
}

#[test]
fn no_lint_is_silenced_and_nothing_is_left_undone() {
    // written in two parts, so that this file does not find itself
    let forbidden = [
        ["#[al", "low("],
        ["#![al", "low("],
        ["#[ig", "nore"],
        ["#[should_", "panic"],
        ["to", "do!("],
        ["unimple", "mented!("],
    ]
    .map(|parts| parts.concat());
    let mut wrong = Vec::new();
    for path in sources() {
        for (line, text) in (1..).zip(std::fs::read_to_string(&path).unwrap().lines()) {
            if forbidden.iter().any(|word| text.contains(word)) && !text.trim_start().starts_with("//") {
                wrong.push(format!("{}:{line}: {}", short(&path), text.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Files that are modules of tests only: `#[cfg(test)] mod name;` in the file above them.
fn test_modules(sources: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for path in sources {
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for pair in lines.windows(2) {
            let name = pair[1].rsplit_once("mod ").and_then(|(_, rest)| rest.strip_suffix(';'));
            let (Some(name), "#[cfg(test)]") = (name, pair[0]) else { continue };
            let stem = path.file_stem().unwrap();
            let is_root = ["mod", "lib", "main"].iter().any(|root| stem == *root);
            let folder = if is_root { path.parent().unwrap().to_owned() } else { path.with_extension("") };
            found.extend([folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")]);
        }
    }
    found
}

#[test]
fn protocols_are_named_in_dissectors_only() {
    let sources = sources();
    let test_modules = test_modules(&sources);
    let names: Vec<String> = PROTOCOLS.iter().map(|protocol| format!("\"{}\"", protocol.name())).collect();
    assert!(names.len() > 10, "{names:?}");
    let (mut wrong, mut used) = (Vec::new(), BTreeSet::new());
    for path in &sources {
        let name = short(path);
        let is_elsewhere = ["dissectors/", "pcaps/", "tests/"].iter().any(|room| name.starts_with(room));
        if is_elsewhere || name.contains("/tests/") || name.contains("/benches/") || test_modules.contains(path) {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        let found: Vec<&String> = names.iter().filter(|word| without_tests(&text).contains(word.as_str())).collect();
        if found.is_empty() {
            continue;
        }
        match MAY_NAME_PROTOCOLS.iter().find(|(file, _)| *file == name) {
            Some((file, _)) => drop(used.insert(*file)),
            None => wrong.push(format!("{name}: {found:?}")),
        }
    }
    assert!(wrong.is_empty(), "a protocol named outside dissectors/ (is a word missing in model?): {wrong:#?}");
    let needless: Vec<_> = MAY_NAME_PROTOCOLS.iter().filter(|(file, _)| !used.contains(file)).collect();
    assert!(needless.is_empty(), "exceptions that are not needed any more: {needless:?}");
}

#[test]
fn every_protocol_has_its_page() {
    let Ok(text) = std::fs::read_to_string(root().join("dissectors/README.md")) else {
        println!("skipped: there is no dissectors/README.md");
        return;
    };
    let headings: Vec<String> =
        text.lines().filter(|line| line.starts_with('#')).map(str::to_ascii_lowercase).collect();
    let missing: Vec<&str> = PROTOCOLS
        .iter()
        .map(|protocol| protocol.name())
        .filter(|name| {
            let is_it = |word: &str| word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric()) == *name;
            !headings.iter().any(|heading| heading.split([' ', ',', '/', '(', ')']).any(is_it))
        })
        .collect();
    assert!(missing.is_empty(), "protocols without a section in dissectors/README.md: {missing:?}");
}

/// Decoders of industry and the bridge that no word of the policy stands for: a line for them names the port or the EtherType.
const WITHOUT_A_WORD: &[&str] = &[
    "nmea2000",
    "ais",
    "gofree",
    "radar-navico",
    "radar-furuno",
    "radar-garmin",
    "radar-raymarine",
    "asterix",
    "signalk",
    "goose",
    "sv",
    "ptp",
    "synchrophasor",
    "powerlink",
    "egd",
    "bsap",
    "roc-plus",
    "ethercat",
    "ether-s-bus",
    "ether-s-io",
    "c1222",
    "fox",
    "dicom",
];

/// A flow that is recognised under a name the policy does not know leaves the lines that were meant for it: each such name is decided on.
#[test]
fn the_policy_has_a_word_for_every_protocol_that_drives_machines() {
    // the list of decoders has those of the bridge and of industry first
    let first_of_offices = PROTOCOLS.iter().position(|protocol| protocol.name() == "arp").unwrap();
    let unknown: Vec<&str> = PROTOCOLS[..first_of_offices]
        .iter()
        .map(|protocol| protocol.name())
        .filter(|name| AppName::of_protocol(name).is_none() && !WITHOUT_A_WORD.contains(name))
        .collect();
    assert!(unknown.is_empty(), "no word in rules/src/policy/app.rs: {unknown:?}");
}

/// A detection without words, tags, or captures that show it at work is refused, by name (`dogwatch rules selftest`).
#[test]
fn every_detection_has_its_card_its_tags_and_its_pair() {
    let mut wrong = Vec::new();
    for card in dogwatch_rules::detections::cards() {
        let Some(row) = dogwatch_rules::catalogue::row(card.id) else {
            wrong.push(format!("{}: no row in the catalogue", card.id));
            continue;
        };
        let words = [
            ("card: say why it matters on a ship", card.why.len() > 40),
            ("card: say what to do", !row.action.is_empty()),
            ("E26 clause", !card.e26.is_empty()),
            ("IMO element", !row.imo.is_empty()),
            // a monitor that is blind is no technique of an attacker
            ("ATT&CK technique", !row.attack_ics.is_empty() || row.category == dogwatch_model::Category::Health),
            ("pair in daemon/src/selftest/pairs.rs", dogwatch::selftest::pair_of(card.id).is_some()),
        ];
        wrong.extend(words.iter().filter(|(_, is_there)| !is_there).map(|(what, _)| format!("{}: no {what}", card.id)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// No pair is left behind by a detection that went away.
#[test]
fn no_pair_is_without_its_detection() {
    let built: BTreeSet<_> = dogwatch_rules::detections::cards().iter().map(|card| card.id).collect();
    let strays: Vec<_> =
        dogwatch::selftest::pairs().iter().map(|pair| pair.id).filter(|id| !built.contains(id)).collect();
    assert!(strays.is_empty(), "{strays:?}");
}
