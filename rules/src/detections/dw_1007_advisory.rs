//! DW-1007: published advisories are about a device, by the maker, model and firmware version it tells. Posture, not an alarm: one summary for a
//! device, told again only when what is known of it changes. That a device moved to a version of which nothing is published is told as well, so that
//! whoever waits for it can close the first finding; after a restart in between it is not.
//!
//! Asks for nothing on the packet path: what devices tell stands in the inventory, and some rows of it are looked at each second. Only certain
//! matches are told (exact versions and ranges that can be compared); a range in words stays on the device's page, to be checked. That nothing is
//! told means that no advisory in the index fits, not that a device is free of faults. "Reachable" is one step: the device's zone is untrusted
//! itself, or a conduit leads from such a zone to the device; a way over several zones is not followed.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use dogwatch_intel::{Intel, Known, Match};
use dogwatch_model::{Asset, Attribute, CaptureTime, Interface, Severity, Speaker};

use super::zones::is_untrusted;
use crate::detector::{Card, Context, Detector, Raise, Threshold, Wants};
use crate::policy::{End, Policy};
use crate::seen::{Party, PolicySeen, Source};
use crate::text::bounded;

/// Rows of the inventory looked at in a second, and rows remembered.
const ROWS_A_SECOND: usize = 256;
const MOST_ROWS: usize = 131_072;
/// Advisories written into the evidence.
const WRITTEN: usize = 8;

const CARD: Card = Card {
    id: "DW-1007",
    why: "Somebody has published that this make and version of equipment has a weakness, and how to use it is then known to many. Whether it \
          matters on board depends on who can reach the device.",
    e26: &["4.1.1"],
};

/// What is remembered of a row.
#[derive(Debug, Clone, Copy, Default)]
struct Looked {
    /// What the device told of itself when it was looked at last.
    said: u64,
    /// The firmware version it told then.
    firmware: u64,
    /// What was found then; `None` before the first look, 0 for nothing.
    found: Option<u64>,
}

/// See the file's head.
pub(super) struct Published {
    intel: Option<Arc<Intel>>,
    rows: Vec<Looked>,
    next: u32,
    hasher: foldhash::fast::FixedState,
    /// Least confidence of a match that is told (catalogue: `min_confidence`).
    min_confidence: f64,
}

impl Default for Published {
    fn default() -> Self {
        let hasher = foldhash::fast::FixedState::default();
        Self { intel: None, rows: Vec::new(), next: 0, hasher, min_confidence: 0.7 }
    }
}

impl Detector for Published {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants::default()
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        // below six tenths are ranges in words, which nobody but a person can judge
        vec![Threshold::new("DW-1007", "min_confidence", &mut self.min_confidence, 0.6..=1.0)]
    }

    fn imported(&mut self, intel: &Arc<Intel>) {
        self.intel = Some(Arc::clone(intel)).filter(|intel| !intel.advisories.is_empty());
        self.look_again();
    }

    fn policy(&mut self, seen: &PolicySeen<'_>, _cx: &mut Context<'_>) {
        if seen.refused.is_none() {
            self.look_again();
        }
    }

    fn tick(&mut self, at: CaptureTime, cx: &mut Context<'_>) {
        let Some(intel) = self.intel.clone() else { return };
        // a mark ends with its day
        let has_marks = cx.policy.is_some_and(|policy| policy.accepts.iter().any(|accept| !accept.cve.is_empty()));
        let day = if has_marks { at.seconds().div_euclid(86_400) } else { 0 };
        let directory = cx.directory;
        for _ in 0..ROWS_A_SECOND {
            let Some(asset) = directory.asset(self.next).filter(|_| (self.next as usize) < MOST_ROWS) else {
                self.next = 0;
                return;
            };
            let row = self.next;
            self.next = self.next.saturating_add(1);
            let said = self.said(asset, day);
            if self.rows.len() <= row as usize {
                self.rows.resize((row as usize).saturating_add(1), Looked::default());
            }
            let Some(looked) = self.rows.get_mut(row as usize).filter(|looked| looked.said != said) else { continue };
            looked.said = said;
            let firmware = self.hasher.hash_one(asset.shown(Attribute::FirmwareVersion));
            let is_mended = looked.found.is_some_and(|found| found != 0) && looked.firmware != firmware;
            looked.firmware = firmware;
            let before = looked.found;
            // nobody speaks while time goes by: the evidence stands in the capture that saw the device
            let label = asset.interfaces.iter().map(|one| one.capture_source.as_str()).find(|name| !name.is_empty());
            cx.source = Source { label: label.unwrap_or_default(), selector: "" };
            let found = look(&intel, asset, (row, before), (at, self.min_confidence, &self.hasher), cx);
            if is_mended && found == 0 {
                mended(&intel, asset, row, at, cx);
            }
            if let Some(looked) = self.rows.get_mut(row as usize) {
                looked.found = Some(found);
            }
        }
    }
}

impl Published {
    /// Everybody is looked at again.
    fn look_again(&mut self) {
        self.rows.iter_mut().for_each(|looked| looked.said = 0);
        self.next = 0;
    }

    /// What a device tells of itself, and where it is, as one number that is not 0.
    fn said(&self, asset: &Asset, day: i64) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        day.hash(&mut hasher);
        asset.asset_id.hash(&mut hasher);
        (&asset.zone_id, &asset.policy_id).hash(&mut hasher);
        for attribute in [Attribute::Manufacturer, Attribute::Model, Attribute::ProductCode, Attribute::FirmwareVersion]
        {
            asset.shown(attribute).hash(&mut hasher);
        }
        hasher.finish().max(1)
    }
}

/// Looks at one device, and tells what is new; gives what was found as a number, 0 for nothing.
fn look(
    intel: &Intel,
    asset: &Asset,
    (row, before): (u32, Option<u64>),
    (at, min_confidence, hasher): (CaptureTime, f64, &foldhash::fast::FixedState),
    cx: &mut Context<'_>,
) -> u64 {
    let end = cx.policy.map_or_else(|| End::bare(asset), |policy| policy.asset_end(asset));
    let mut found = intel.advisories.of_asset(asset);
    found.retain(|one| f64::from(one.confidence) >= min_confidence * 100.0);
    for one in &mut found {
        one.faults.retain(|fault| cx.policy.is_none_or(|policy| policy.not_affected(&fault.cve, &end, at).is_none()));
    }
    found.retain(|one| !one.faults.is_empty());
    if found.is_empty() {
        return 0;
    }
    let is_exploited = found.iter().any(Match::is_exploited);
    let is_open = cx.policy.is_some_and(|policy| is_reachable(policy, &end));
    let severity = if is_exploited && is_open { Severity::Medium } else { Severity::Info };
    let key = key_of(asset, &found, severity);
    let print = hasher.hash_one(&key).max(1);
    let is_known = match before {
        Some(before) => before == print,
        // told by an earlier run, or under another number of the same device
        None => cx.has_told(&CARD, key.as_bytes()),
    };
    if !is_known {
        let party = Party { row: Some(row), end, port: 0, speaker: Speaker::Sender };
        raise(intel, asset, &party, &found, (at, severity, is_open), &key, cx);
    }
    print
}

/// Tells that nothing is published of the version a device has now.
fn mended(intel: &Intel, asset: &Asset, row: u32, at: CaptureTime, cx: &mut Context<'_>) {
    let end = cx.policy.map_or_else(|| End::bare(asset), |policy| policy.asset_end(asset));
    let party = Party { row: Some(row), end, port: 0, speaker: Speaker::Sender };
    let version = asset.shown(Attribute::FirmwareVersion).unwrap_or("no version").to_owned();
    let (who, nothing) = (cx.call(&party), intel.advisories.nothing());
    cx.raise(format!("{}|mended|{version}", asset.asset_id).as_bytes(), &CARD, at, || Raise {
        severity: Some(Severity::Info),
        confidence: 0.8,
        summary: format!(
            "{who} now tells firmware {}: {nothing}; what was told before may be closed",
            bounded(&version, 20)
        ),
        fields: vec![("firmware".to_owned(), bounded(&version, 80))],
        expected: "the earlier finding of this device is closed by whoever updated it".to_owned(),
        ..Raise::bare(&CARD, (at, 0), party, String::new())
    });
}

/// The device, and all that is known of it.
fn key_of(asset: &Asset, found: &[Match], severity: Severity) -> String {
    let mut ids: Vec<&str> = found.iter().map(|one| one.advisory.as_str()).collect();
    ids.sort_unstable();
    let mut key = format!("{}|{}|{}", asset.asset_id, severity.as_str(), ids.join("|"));
    let mut exploited: Vec<&str> = found
        .iter()
        .flat_map(|one| &one.faults)
        .filter(|fault| fault.is_exploited)
        .map(|fault| fault.cve.as_str())
        .collect();
    exploited.sort_unstable();
    exploited.dedup();
    for cve in exploited {
        key.push('!');
        key.push_str(cve);
    }
    key
}

/// Whether an untrusted zone reaches the device by the policy: it stands in one, or a conduit leads from one to it.
fn is_reachable(policy: &Policy, end: &End) -> bool {
    is_untrusted(policy, end.zone)
        || policy
            .conduits
            .iter()
            .filter(|conduit| Some(conduit.to) == end.zone && is_untrusted(policy, Some(conduit.from)))
            .flat_map(|conduit| &conduit.lines)
            .any(|line| policy.lines.get(line.index()).is_some_and(|line| line.to.matches(end)))
}

fn raise(
    intel: &Intel,
    asset: &Asset,
    party: &Party,
    found: &[Match],
    (at, severity, is_open): (CaptureTime, Severity, bool),
    key: &str,
    cx: &mut Context<'_>,
) {
    let shown = |attribute| asset.shown(attribute).unwrap_or_default();
    let model =
        if shown(Attribute::Model).is_empty() { shown(Attribute::ProductCode) } else { shown(Attribute::Model) };
    let version = shown(Attribute::FirmwareVersion);
    let behind = asset.interfaces.iter().find(|interface| interface.is_behind()).map(Interface::behind);
    let who = cx.call(party) + &behind.unwrap_or_default();
    let is_exploited = found.iter().any(Match::is_exploited);
    let count = match found.len() {
        1 => "1 published advisory is".to_owned(),
        many => format!("{many} published advisories are"),
    };
    let danger = match (is_exploited, is_open) {
        (true, true) => "; known to be exploited, and an untrusted zone reaches it",
        (true, false) => "; known to be exploited",
        (false, _) => "",
    };
    let frame = asset.attributes.get(&Attribute::FirmwareVersion).and_then(|values| values.first());
    let frame = frame.map_or(0, |value| value.frame);
    cx.raise(key.as_bytes(), &CARD, at, || Raise {
        severity: Some(severity),
        confidence: f32::from(found.iter().map(|one| one.confidence).max().unwrap_or_default()) / 100.0,
        summary: format!("{count} about {who}, {} {}{danger}", bounded(model, 30), bounded(version, 20)),
        fields: fields(intel, asset, found),
        expected: "no published advisory about its version, or a mark in the policy why it does not matter".to_owned(),
        ..Raise::bare(&CARD, (at, frame), *party, String::new())
    });
}

fn fields(intel: &Intel, asset: &Asset, found: &[Match]) -> Vec<(String, String)> {
    let mut fields = vec![("index".to_owned(), intel.advisories.newest().unwrap_or("no date").to_owned())];
    for (name, attribute) in [
        ("maker", Attribute::Manufacturer),
        ("model", Attribute::Model),
        ("product code", Attribute::ProductCode),
        ("firmware", Attribute::FirmwareVersion),
    ] {
        fields.extend(asset.shown(attribute).map(|value| (name.to_owned(), bounded(value, 80))));
    }
    for one in found.iter().take(WRITTEN) {
        let faults = one.faults.iter().take(4).map(fault).collect::<Vec<_>>().join(", ");
        let more = one.faults.len().saturating_sub(4);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let remedy = one.faults.iter().find_map(|fault| fault.remedy.as_deref());
        let remedy = remedy.map(|remedy| format!("; {}", bounded(remedy, 120))).unwrap_or_default();
        fields.push((one.advisory.clone(), format!("{}: {faults}{more}{remedy}", bounded(&one.title, 80))));
    }
    if found.len() > WRITTEN {
        fields.push(("further advisories".to_owned(), found.len().saturating_sub(WRITTEN).to_string()));
    }
    fields
}

/// A vulnerability in short.
fn fault(fault: &Known) -> String {
    let score = fault.score_tenths.map(|tenths| format!(" CVSS {}.{}", tenths / 10, tenths % 10)).unwrap_or_default();
    let exploited = if fault.is_exploited { " known to be exploited" } else { "" };
    format!("{}{score}{exploited}", fault.cve)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP};
    use dogwatch_intel::Import;
    use dogwatch_model::{AttributeValue, Provenance};

    /// An advisory of CSAF 2.0 about one product of a made-up maker.
    fn advisory(id: &str, cve: &str, range: &str) -> String {
        format!(
            r#"{{"document":{{"category":"csaf_security_advisory","csaf_version":"2.0","title":"Example",
            "publisher":{{"category":"vendor","name":"PSIRT","namespace":"https://example.com"}},
            "tracking":{{"id":"{id}","current_release_date":"2026-11-02T00:00:00Z","status":"final"}}}},
            "product_tree":{{"branches":[{{"category":"vendor","name":"Nordmark Automation","branches":[
            {{"category":"product_name","name":"NM400","branches":[{{"category":"product_version_range","name":"{range}",
            "product":{{"name":"x","product_id":"P"}}}}]}}]}}]}},
            "vulnerabilities":[{{"cve":"{cve}","product_status":{{"known_affected":["P"]}},
            "scores":[{{"products":["P"],"cvss_v3":{{"baseScore":8.1}}}}]}}]}}"#
        )
    }

    fn imports(bench: &mut Bench, advisories: &[String], exploited: &str) {
        let mut import = Import::default();
        for advisory in advisories {
            import.read_advisory("advisory", advisory.as_bytes());
        }
        import.read_exploited("list", exploited.as_bytes());
        bench.imports(import.finish());
    }

    fn device(id: &str, zone: &str, ip: &str, firmware: &str) -> Asset {
        let value = |text: &str| {
            let (value, method) = (text.to_owned(), "modbus".to_owned());
            let (at, source) = (CaptureTime::default(), Provenance::Observed);
            vec![AttributeValue { value, source, method, confidence: 90, first_seen: at, last_seen: at, frame: 7 }]
        };
        let mut asset = crate::detections::bench::device(ip);
        (asset.asset_id, asset.zone_id) = (id.to_owned(), Some(zone.to_owned()));
        asset.interfaces[0].capture_source = "mir0".to_owned();
        asset.attributes.insert(Attribute::Manufacturer, value("Nordmark Automation AB"));
        asset.attributes.insert(Attribute::Model, value("NM400"));
        asset.attributes.insert(Attribute::FirmwareVersion, value(firmware));
        asset
    }

    fn bench(policy: &str, devices: Vec<Asset>) -> Bench {
        let mut bench = Bench::new(Some(policy), Box::<Published>::default());
        devices.into_iter().for_each(|asset| bench.knows(asset));
        bench
    }

    fn told(bench: &Bench) -> Vec<(String, Severity, u64)> {
        bench.findings().into_iter().map(|one| (one.source.name, one.severity, one.count)).collect()
    }

    const RANGE: &str = "vers:intdot/<2.4";

    #[test]
    fn one_summary_for_a_device_and_only_of_certain_ranges() {
        let plc = || device("ast_1", "machinery", "10.0.2.21", "2.3");
        let mended = || device("ast_2", "machinery", "10.0.2.10", "2.4");
        let mut bench = bench(SHIP, vec![plc(), mended()]);
        bench.at(1.0);
        assert!(bench.findings().is_empty(), "nothing was imported");
        let two = [advisory("NM-1", "CVE-2025-10001", RANGE), advisory("NM-2", "CVE-2025-10002", "vers:all/*")];
        imports(&mut bench, &two[..1], "");
        bench.at(2.0);
        bench.at(3.0);
        let finding = bench.findings().remove(0);
        assert_eq!(told(&bench), [("plc".to_owned(), Severity::Info, 1)]);
        assert_eq!(finding.summary, "1 published advisory is about plc, NM400 2.3");
        assert_eq!((finding.evidence[0].capture.as_str(), finding.evidence[0].frame), ("mir0", 7));
        let field = |name: &str| finding.evidence[0].fields.iter().find(|field| field.0 == name).unwrap().1.clone();
        assert_eq!(
            (field("index").as_str(), field("NM-1").as_str()),
            ("2026-11-02", "Example: CVE-2025-10001 CVSS 8.1")
        );
        imports(&mut bench, &two[..1], "");
        bench.at(4.0);
        assert_eq!(bench.findings().len(), 1, "read again, and nothing is new");
        imports(&mut bench, &two, "");
        bench.at(5.0);
        assert_eq!(bench.findings().len(), 3, "the set of the one changed, and the other has its first");
        let mut bench = self::bench(SHIP, vec![plc()]);
        imports(&mut bench, &[advisory("NM-1", "CVE-2025-10001", "2.3 and earlier")], "CVE-2025-10001");
        bench.at(1.0);
        assert!(bench.findings().is_empty(), "a range in words is to be checked, not told");
    }

    #[test]
    fn a_device_that_moved_to_a_mended_version() {
        let plc = |firmware| device("ast_1", "machinery", "10.0.2.21", firmware);
        let mut bench = bench(SHIP, vec![plc("2.3")]);
        imports(&mut bench, &[advisory("NM-1", "CVE-2025-10001", RANGE)], "");
        bench.at(1.0);
        bench.knows_better(0, plc("2.3.1"));
        bench.at(2.0);
        bench.at(3.0);
        assert_eq!(bench.findings().len(), 1, "still below 2.4");
        bench.knows_better(0, plc("2.4"));
        bench.at(4.0);
        bench.at(5.0);
        let told = bench.findings().pop().unwrap();
        assert_eq!((bench.findings().len(), told.severity), (2, Severity::Info));
        assert!(told.summary.contains("now tells firmware 2.4: no published advisory"), "{}", told.summary);
        // nothing to be mended: the list itself is another one
        let mut bench = self::bench(SHIP, vec![plc("2.3")]);
        imports(&mut bench, &[advisory("NM-1", "CVE-2025-10001", RANGE)], "");
        bench.at(1.0);
        imports(&mut bench, &[advisory("NM-1", "CVE-2025-10001", "vers:intdot/<2.0")], "");
        bench.at(2.0);
        bench.at(3.0);
        assert_eq!(bench.findings().len(), 1);
    }

    #[test]
    fn medium_when_exploited_and_reachable() {
        let all = [advisory("NM-1", "CVE-2025-10001", RANGE)];
        let open = format!(
            "{SHIP}[[conduit]]\nid = \"guests\"\nfrom = \"crew\"\nto = \"dmz\"\nreason = \"mail\"\nowner = \"ETO\"\n  \
             [[conduit.allow]]\n  to = [\"mail\"]\n  app = \"http\"\n"
        );
        for (policy, zone, ip, exploited, want) in [
            (SHIP, "dmz", "10.0.3.9", "CVE-2025-10001", Severity::Info),
            (&open, "dmz", "10.0.3.9", "CVE-2025-10001", Severity::Medium),
            (&open, "dmz", "10.0.3.9", "CVE-2025-10002", Severity::Info),
            (&open, "dmz", "10.0.3.1", "CVE-2025-10001", Severity::Info),
            (SHIP, "crew", "10.0.9.7", "CVE-2025-10001", Severity::Medium),
        ] {
            let mut bench = bench(policy, vec![device("ast_1", zone, ip, "2.3")]);
            imports(&mut bench, &all, exploited);
            bench.at(1.0);
            let severities: Vec<_> = told(&bench).into_iter().map(|told| told.1).collect();
            assert_eq!(severities, [want], "{ip} {exploited}");
        }
    }

    #[test]
    fn a_mark_covers_its_vulnerability_until_it_ends() {
        // the bench begins on 2027-01-15
        let marked = format!(
            "{SHIP}[[accept]]\ndetection = \"DW-1007\"\nasset = [\"plc\"]\ncve = [\"CVE-2025-10001\"]\nowner = \"ETO\"\n\
             until = 2027-01-16\nreason = \"the maker's mended build carries the old number\"\n"
        );
        let of = |firmware| {
            let asset = device("ast_1", "machinery", "10.0.2.21", firmware);
            let mut bench = bench(&marked, vec![asset]);
            let all =
                [advisory("NM-1", "CVE-2025-10001", RANGE), advisory("NM-2", "CVE-2025-10002", "vers:intdot/<2.0")];
            imports(&mut bench, &all, "");
            bench.at(1.0);
            bench
        };
        let mut quiet = of("2.3");
        assert!(quiet.findings().is_empty());
        quiet.at(3.0 * 86_400.0);
        assert_eq!(quiet.findings().len(), 1, "the mark has ended");
        let fields = of("1.9").findings().remove(0).evidence.remove(0).fields;
        assert!(fields.iter().any(|field| field.0 == "NM-2") && !fields.iter().any(|field| field.0 == "NM-1"));
        let wrong = marked.replace("\"DW-1007\"", "\"DW-1008\"");
        let problems = crate::policy::check(&wrong, "test.toml", quiet.now()).diagnostics;
        assert!(problems.iter().any(|problem| problem.to_string().contains("P006")), "{problems:?}");
    }

    #[test]
    fn a_restart_does_not_tell_it_again() {
        let all = [advisory("NM-1", "CVE-2025-10001", RANGE)];
        let plc = || device("ast_1", "machinery", "10.0.2.21", "2.3");
        let mut first = bench(SHIP, vec![plc()]);
        imports(&mut first, &all, "");
        first.at(1.0);
        let mut second = bench(SHIP, vec![plc()]);
        second.restore(first.findings());
        imports(&mut second, &all, "");
        second.at(2.0);
        assert_eq!(told(&second), [("plc".to_owned(), Severity::Info, 1)]);
    }
}
