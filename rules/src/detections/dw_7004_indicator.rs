//! DW-7004: an address, name, page or fingerprint that people ashore know to be bad.
//!
//! Wants nothing until indicators are imported. Outbound counts even when nobody answers; inbound only when somebody aboard did. Addresses are
//! shared by many and names are not: a name that is listed is told instead of its address, a name that is not makes a hit on the address low.
//! A hit of a device that is not the ship's is low: crews and passengers bring what they bring, and their network leads nowhere. So is, without a zone
//! plan, one of a device that shows nothing of ship's equipment: most of what talks to the internet from an unplanned network are phones, nobody could
//! tell them from the ship's own, and an alarm for each would be the one that is switched off. It is told, for it may be the captain's computer.
//! Hashes of files are not compared: no file is put together from the wire.

use std::sync::Arc;
use std::time::Duration;

use dogwatch_intel::{IndicatorHit, IndicatorKind, Intel};
use dogwatch_model::{
    Act, Attribute, Event, FactValue, FieldValue, FieldVisitor, Initiator, Object, ProtocolRole, Severity, Transport,
};

use super::zones::plan;
use crate::detector::{Card, Context, Detector, Raise, Speaking, Threshold, Wants};
use crate::policy::{AppName, Class};
use crate::remembered::Remembered;
use crate::seen::{FlowSeen, FlowStage, Identity, Party, service};
use crate::text::bounded;

/// Conversations whose name is remembered.
const REMEMBERED: usize = 1_024;
/// Confidence below which a list is not sure (catalogue).
const SURE: u8 = 70;

const CARD: Card = Card {
    id: "DW-7004",
    why: "Somebody ashore has seen this address, name or fingerprint at work in an attack and listed it. A computer aboard that talks to it is \
          probably not acting for its owner.",
    e26: &["4.2.3", "4.3.1"],
};

/// What the name of a conversation told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    /// A name that is listed: told as such.
    Listed,
    /// A name that is not.
    Harmless,
}

/// See the file's head.
pub(super) struct KnownBad {
    intel: Option<Arc<Intel>>,
    /// By who asked and who answers.
    named: Remembered<(Identity, Identity), Named>,
    /// How long an indicator without an end of its own is believed (catalogue: `max_age_days`).
    max_age_days: f64,
}

impl Default for KnownBad {
    fn default() -> Self {
        Self { intel: None, named: Remembered::new(REMEMBERED), max_age_days: 90.0 }
    }
}

impl Detector for KnownBad {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        if self.intel.as_ref().is_none_or(|intel| intel.indicators.is_empty()) {
            return Wants::default();
        }
        let of = Speaking::Only(TELL_NAMES);
        let asked = Wants { reads: true, orders: true, inquiries: true, of, ..Wants::default() };
        Wants {
            flows: &[FlowStage::Recognised, FlowStage::Progress],
            answers: true,
            refusals: true,
            published: true,
            facts: true,
            ..asked
        }
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![Threshold::new("DW-7004", "max_age_days", &mut self.max_age_days, 1.0..=36_500.0)]
    }

    fn imported(&mut self, intel: &Arc<Intel>) {
        self.intel = Some(Arc::clone(intel));
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        let Some(intel) = &self.intel else { return };
        // a conversation that will tell a name is judged by it, or at the latest when its account comes
        let is_time = match seen.stage {
            FlowStage::Started | FlowStage::Established => false,
            FlowStage::Recognised => !cx.app.is_some_and(|app| TELL_NAMES.contains(&app)),
            FlowStage::Progress => true,
        };
        if !is_time || !intel.indicators.has(IndicatorKind::Address) || seen.flow.is_to_group() {
            return;
        }
        let age = self.age();
        let listed = |party: &Party| party.end.ip.and_then(|ip| intel.indicators.address(ip, seen.at, age));
        let (hit, bad, victim, is_out) = match (listed(&seen.to), listed(&seen.from)) {
            (Some(hit), _) => (hit, &seen.to, &seen.from, true),
            (None, Some(hit)) if seen.account.is_answered => (hit, &seen.from, &seen.to, false),
            _ => return,
        };
        let named = self.named.get(&(victim.identity(), bad.identity())).copied();
        if named == Some(Named::Listed) {
            return;
        }
        let Some(address) = bad.end.ip else { return };
        let key = format!("{:?}|{address}", victim.identity());
        let who = cx.call(victim);
        let what = match (is_out, seen.account.is_answered) {
            (true, true) => "talks to",
            (true, false) => "tries to reach",
            (false, _) => "answers",
        };
        let whose = whose(victim, cx);
        let is_low = named == Some(Named::Harmless) || whose != Whose::Ships;
        let severity = if is_low { Severity::Low } else { severity(&hit, seen.at) };
        cx.raise(key.as_bytes(), &CARD, seen.at, || Raise {
            severity: Some(severity),
            confidence: confidence(&hit),
            from: *victim,
            to: Some(*bad),
            summary: format!("{who}{} {what} {address}, known to be bad{}", whose.words(), called(&hit)),
            fields: fields(&hit, &address.to_string()),
            expected: "no traffic with addresses that are listed".to_owned(),
            ..Raise::bare(&CARD, (seen.at, seen.frame), *victim, service(seen.protocol, seen.flow))
        });
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        let Some(intel) = self.intel.clone() else { return };
        let list = &intel.indicators;
        let app = cx.app;
        let (at, age) = (event.at, self.age());
        for act in event.message.acts {
            match act {
                Act::Request { object: Object::Named(name), .. } | Act::Publishes { object: Object::Named(name) } => {
                    let hit = list.domain(name, at, age);
                    if let Some(hit) = &hit {
                        raise(event, from, to, hit, name, cx);
                    }
                    // who is asked for a name is not who has it
                    if app != Some(AppName::Dns) {
                        let named = if hit.is_some() { Named::Listed } else { Named::Harmless };
                        self.named.put((from.identity(), to.identity()), at, named);
                    }
                }
                Act::Says(fact) => {
                    let FactValue::Text(value) = fact.value else { continue };
                    let hit = match fact.attribute {
                        Attribute::TlsFingerprint if fact.method.ends_with(".ja4") => {
                            list.fingerprint(IndicatorKind::Ja4, value, at, age)
                        }
                        Attribute::TlsFingerprint => list.fingerprint(IndicatorKind::Ja3, value, at, age),
                        Attribute::CertificateHash => list.fingerprint(IndicatorKind::Certificate, value, at, age),
                        _ => None,
                    };
                    // a fingerprint or certificate of an answer is the server's: the client is the one to look at
                    let (victim, other) =
                        if event.flow.initiator == Initiator::Receiver { (to, from) } else { (from, to) };
                    if let Some(hit) = hit {
                        raise(event, victim, other, &hit, value, cx);
                    }
                }
                _ => {}
            }
        }
        if list.has(IndicatorKind::Url)
            && event.flow.transport == Transport::Tcp
            && app == Some(AppName::Http)
            && let Some(url) = url_of(event)
            && let Some(hit) = list.url(&url, at, age)
        {
            self.named.put((from.identity(), to.identity()), at, Named::Listed);
            raise(event, from, to, &hit, &url, cx);
        }
    }
}

impl KnownBad {
    fn age(&self) -> Duration {
        Duration::from_secs_f64(self.max_age_days * 86_400.0)
    }
}

/// Applications that name whom they are meant for.
const TELL_NAMES: &[AppName] = &[AppName::Dns, AppName::Http, AppName::Tls];

fn raise(event: &Event<'_>, victim: &Party, other: &Party, hit: &IndicatorHit<'_>, value: &str, cx: &mut Context<'_>) {
    let who = cx.call(victim);
    let key = format!("{:?}|{value}", victim.identity());
    // whoever asks on behalf of others is not the one to isolate
    let asset = victim.row.and_then(|row| cx.directory.asset(row));
    let is_relay = asset.is_some_and(|asset| {
        asset.protocols.iter().any(|seen| seen.role == ProtocolRole::Server && seen.name == event.message.protocol)
    });
    let whose = whose(victim, cx);
    let severity = if is_relay || whose != Whose::Ships { Severity::Low } else { severity(hit, event.at) };
    let (shown, who) = (bounded(value, 70), format!("{who}{}", whose.words()));
    cx.raise(key.as_bytes(), &CARD, event.at, || Raise {
        severity: Some(severity),
        confidence: confidence(hit),
        from: *victim,
        to: Some(*other),
        summary: match hit.kind {
            IndicatorKind::Domain => format!("{who} asks for {shown}, a name known to be bad{}", called(hit)),
            kind => format!("{who} shows the {} {shown}, known to be bad{}", kind.as_str(), called(hit)),
        },
        fields: fields(hit, value),
        expected: "nothing that is listed".to_owned(),
        ..Raise::of_event(&CARD, event, victim)
    });
}

/// Whose device it is, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Ships,
    /// In a zone that the plan does not trust.
    Crews,
    /// In no zone, and nothing it showed makes it ship's equipment.
    Unknown,
}

impl Whose {
    /// What follows its name in a summary.
    const fn words(self) -> &'static str {
        match self {
            Self::Ships => "",
            Self::Crews => " (of crew or passengers)",
            Self::Unknown => " (in no zone, perhaps a crew device)",
        }
    }
}

fn whose(victim: &Party, cx: &Context<'_>) -> Whose {
    use dogwatch_model::DeviceClass as C;
    match plan(cx.policy, victim) {
        Some(zone) if zone.class == Class::Untrusted => return Whose::Crews,
        Some(zone) if zone.line > 0 => return Whose::Ships,
        _ => {}
    }
    let class = victim.row.and_then(|row| cx.directory.asset(row)).map(|asset| asset.device_class);
    let is_personal =
        matches!(class, None | Some(C::Unknown | C::Phone | C::Laptop | C::Printer | C::Camera | C::Workstation));
    if victim.end.asset.is_none() && is_personal { Whose::Unknown } else { Whose::Ships }
}

/// What a hit is worth: a list that is not sure, or did not know it yet when it was seen, is worth a look and no alarm.
fn severity(hit: &IndicatorHit<'_>, at: dogwatch_model::CaptureTime) -> Severity {
    let is_unsure = hit.confidence.is_some_and(|confidence| confidence < SURE);
    if is_unsure || hit.from.is_some_and(|from| at < from) { Severity::Low } else { Severity::High }
}

/// The list's own confidence; what does not say is taken as the least that is sure.
fn confidence(hit: &IndicatorHit<'_>) -> f32 {
    f32::from(hit.confidence.unwrap_or(SURE)) / 100.0
}

fn called(hit: &IndicatorHit<'_>) -> String {
    if hit.name.is_empty() { String::new() } else { format!(" ({})", bounded(hit.name, 40)) }
}

fn fields(hit: &IndicatorHit<'_>, value: &str) -> Vec<(String, String)> {
    let mut fields =
        vec![("indicator".to_owned(), hit.kind.as_str().to_owned()), ("value".to_owned(), bounded(value, 253))];
    let from = hit.from.map(|from| ("listed_since".to_owned(), from.to_string()));
    let until = hit.until.map(|until| ("listed_until".to_owned(), until.to_string()));
    let name = Some(hit.name).filter(|name| !name.is_empty()).map(|name| ("name".to_owned(), name.to_owned()));
    fields.extend([name, from, until].into_iter().flatten());
    fields
}

/// The page a request asks for, from the decoded fields.
fn url_of(event: &Event<'_>) -> Option<String> {
    #[derive(Default)]
    struct Page {
        host: Option<String>,
        path: Option<String>,
    }
    impl FieldVisitor for Page {
        fn field(&mut self, name: &str, value: FieldValue<'_>) {
            let FieldValue::Text(text) = value else { return };
            match name {
                "host" => self.host = Some(text.to_owned()),
                "request_uri" => self.path = Some(text.to_owned()),
                _ => {}
            }
        }
        fn open_list(&mut self, _name: &str) {}
        fn open_group(&mut self, _name: &str) {}
        fn close(&mut self) {}
    }
    let mut page = Page::default();
    event.message.fields.visit(&mut page);
    let (host, path) = (page.host?, page.path?);
    // through a proxy the whole address is asked for
    Some(if path.contains("://") { path } else { format!("http://{host}{path}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use dogwatch_intel::Import;
    use dogwatch_model::{Finding, Speaker, Verb};

    fn bench(list: &str) -> Bench {
        let mut import = Import::default();
        import.read("list", list.as_bytes());
        let mut bench = Bench::new(Some(SHIP), Box::<KnownBad>::default());
        bench.imports(import.finish());
        bench
    }

    fn ask(bench: &mut Bench, name: &str) {
        let act = Act::Request { verb: Verb::Discover, object: Object::Named(name) };
        bench.says("dns", Speaker::Sender, &flow("10.0.4.30", "10.0.3.9", 53, Transport::Udp), &[act]);
    }

    fn severities(bench: &Bench) -> Vec<Severity> {
        bench.findings().iter().map(|finding: &Finding| finding.severity).collect()
    }

    /// A bundle of one name; the bench begins at 2027-01-15T08:00:00Z.
    fn bundle(extra: &str) -> String {
        format!(
            r#"{{"type":"bundle","objects":[{{"type":"indicator","id":"indicator--1","pattern_type":"stix",
            "pattern":"[domain-name:value = 'evil.example']"{extra}}}]}}"#
        )
    }

    #[test]
    fn names_by_confidence_and_time() {
        for (extra, want) in [
            ("", vec![Severity::High]),
            (r#","confidence":70"#, vec![Severity::High]),
            (r#","confidence":69"#, vec![Severity::Low]),
            (r#","valid_from":"2026-01-01T00:00:00Z","valid_until":"2027-01-15T07:59:59Z""#, vec![]),
            (r#","valid_from":"2026-01-01T00:00:00Z","valid_until":"2027-01-15T09:00:00Z""#, vec![Severity::High]),
            (r#","valid_from":"2026-01-01T00:00:00Z""#, vec![]),
            (r#","valid_from":"2027-02-01T00:00:00Z""#, vec![Severity::Low]),
            (r#","revoked":true"#, vec![]),
        ] {
            let mut bench = bench(&bundle(extra));
            ask(&mut bench, "www.EVIL.example");
            assert_eq!(severities(&bench), want, "{extra}");
        }
        let mut bench = bench("evil.example\n");
        ask(&mut bench, "notevil.example");
        assert!(bench.findings().is_empty());
    }

    #[test]
    fn addresses_out_and_answered_but_not_knocks_from_outside() {
        let told = |from: &str, to: &str, stage| {
            let mut bench = bench("198.51.100.7\n");
            bench.flow(from, to, 4444, None, stage);
            severities(&bench)
        };
        assert_eq!(told("10.0.4.30", "198.51.100.7", FlowStage::Progress), [Severity::High]);
        assert_eq!(told("198.51.100.7", "10.0.4.30", FlowStage::Progress), [Severity::High]);
        assert!(told("10.0.4.30", "198.51.100.8", FlowStage::Progress).is_empty());
        let mut bench = bench("198.51.100.7\n");
        let knock = flow("198.51.100.7", "10.0.4.30", 4444, Transport::Tcp);
        bench.told(&knock, None, FlowStage::Progress, 1, crate::seen::Account::default());
        assert!(bench.findings().is_empty(), "nobody answered");
        let attempt = flow("10.0.4.30", "198.51.100.7", 4444, Transport::Tcp);
        bench.told(&attempt, None, FlowStage::Progress, 1, crate::seen::Account::default());
        assert_eq!(bench.findings().len(), 1, "the attempt itself tells");
    }

    #[test]
    fn devices_that_are_not_the_ships() {
        let told = |policy: Option<&str>, from: &str| {
            let mut import = Import::default();
            import.read("list", b"198.51.100.7\n");
            let mut bench = Bench::new(policy, Box::<KnownBad>::default());
            bench.imports(import.finish());
            bench.flow(from, "198.51.100.7", 4444, None, FlowStage::Progress);
            bench.findings().into_iter().map(|finding| (finding.severity, finding.summary)).collect::<Vec<_>>()
        };
        let crew = told(Some(SHIP), "10.0.9.77");
        assert!(crew.len() == 1 && crew[0].0 == Severity::Low && crew[0].1.contains("crew or passengers"), "{crew:?}");
        let unknown = told(None, "10.0.9.77");
        assert!(
            unknown.len() == 1 && unknown[0].0 == Severity::Low && unknown[0].1.contains("in no zone"),
            "{unknown:?}"
        );
        assert_eq!(told(Some(SHIP), "10.0.2.21")[0].0, Severity::High);
    }

    #[test]
    fn a_name_beats_its_address() {
        let told = |name: &str| {
            let mut bench = bench("198.51.100.7\nevil.example\n");
            let act = Act::Publishes { object: Object::Named(name) };
            bench.says("tls", Speaker::Sender, &flow("10.0.4.30", "198.51.100.7", 443, Transport::Tcp), &[act]);
            bench.flow("10.0.4.30", "198.51.100.7", 443, Some("tls"), FlowStage::Progress);
            severities(&bench)
        };
        assert_eq!(told("evil.example"), [Severity::High], "once, by its name");
        assert_eq!(told("shop.example"), [Severity::Low], "a house that many share");
    }

    #[test]
    fn nothing_is_wanted_without_imports() {
        assert_eq!(KnownBad::default().wants(), Wants::default());
    }
}
