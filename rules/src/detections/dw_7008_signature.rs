//! DW-7008: an imported signature matched.
//!
//! Payload is compared below the rules, where it passes; what is decoded (names, pages, methods) is compared here, from what the dissectors tell.
//! Wants nothing until signatures are imported. The rule's class says how bad it is and its own threshold how often it is told; rules that are for
//! information only are loaded and not told. A match is what the rule's author describes, not proof of an attack: old rules are broad.

use std::net::IpAddr;
use std::sync::Arc;

use dogwatch_intel::{Between, Buffer, Intel, Scratch, Signature, ThresholdKind, Track};
use dogwatch_model::{Act, CaptureTime, Event, FieldValue, FieldVisitor, Initiator, Object, Severity, Transport};

use crate::detector::{Card, Context, Detector, Raise, Speaking, Threshold, Wants};
use crate::findings::Cause;
use crate::policy::AppName;
use crate::remembered::Remembered;
use crate::seen::{Identity, Party, SignatureSeen, service};
use crate::text::bounded;

/// Counts of thresholds that are kept.
const COUNTED: usize = 4_096;
/// Characters of a rule that a finding carries ashore.
const SHOWN: usize = 400;

const CARD: Card = Card {
    id: "DW-7008",
    why: "Somebody ashore has described the bytes of a known attack or unwanted program, and traffic aboard looks like the description. The text of \
          the rule says what it is about and where to read more.",
    e26: &["4.2.3", "4.3.1"],
};

/// Whose matches of which rule are counted together.
type Counted = (u32, Option<Identity>, Option<Identity>);

/// See the file's head.
pub(super) struct ImportedSignature {
    intel: Option<Arc<Intel>>,
    scratch: Scratch,
    page: Page,
    hits: Vec<u32>,
    /// Since when, and how many.
    counts: Remembered<Counted, (CaptureTime, u32)>,
    /// Rules of this priority and more urgent ones are told; 4 is for information only.
    lowest_priority: f64,
}

impl Default for ImportedSignature {
    fn default() -> Self {
        Self {
            intel: None,
            scratch: Scratch::default(),
            page: Page::default(),
            hits: Vec::new(),
            counts: Remembered::new(COUNTED),
            lowest_priority: 3.0,
        }
    }
}

/// What a request tells of the page it asks for.
#[derive(Debug, Default)]
struct Page {
    method: String,
    target: String,
    host: String,
    agent: String,
}

impl FieldVisitor for Page {
    fn field(&mut self, name: &str, value: FieldValue<'_>) {
        let FieldValue::Text(text) = value else { return };
        let place = match name {
            "request_method" => &mut self.method,
            "request_uri" => &mut self.target,
            "host" => &mut self.host,
            "user_agent" => &mut self.agent,
            _ => return,
        };
        place.clear();
        place.push_str(text);
    }
    fn open_list(&mut self, _name: &str) {}
    fn open_group(&mut self, _name: &str) {}
    fn close(&mut self) {}
}

impl Page {
    fn clear(&mut self) {
        for text in [&mut self.method, &mut self.target, &mut self.host, &mut self.agent] {
            text.clear();
        }
    }
}

impl Detector for ImportedSignature {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        let Some(intel) = self.intel.as_ref().filter(|intel| !intel.signatures.is_empty()) else {
            return Wants::default();
        };
        let has = |buffer| intel.signatures.has(buffer);
        let is_on = OF_NAMES.iter().any(|buffer| has(*buffer));
        let of = Speaking::Only(&[AppName::Dns, AppName::Http, AppName::Tls]);
        let asked =
            Wants { reads: is_on, orders: is_on, inquiries: is_on, published: has(Buffer::TlsSni), ..Wants::default() };
        Wants { signatures: true, of, ..asked }
    }

    fn thresholds(&mut self) -> Vec<Threshold<'_>> {
        vec![Threshold::new("DW-7008", "lowest_priority", &mut self.lowest_priority, 1.0..=255.0)]
    }

    fn imported(&mut self, intel: &Arc<Intel>) {
        // the numbers of rules are those of the import
        (self.intel, self.counts) = (Some(Arc::clone(intel)), Remembered::new(COUNTED));
    }

    fn signature(&mut self, seen: &SignatureSeen<'_>, cx: &mut Context<'_>) {
        let Some(intel) = self.intel.clone() else { return };
        if let Some(rule) = intel.signatures.get(seen.what) {
            self.matched(rule, seen, cx);
        }
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, to: &Party, cx: &mut Context<'_>) {
        let Some(intel) = self.intel.clone() else { return };
        let protocol = event.message.protocol;
        let app = cx.app;
        let (uri, host, page, name);
        let texts: &[(Buffer, &[u8])] = match app {
            Some(AppName::Http) if event.flow.transport == Transport::Tcp => {
                self.page.clear();
                event.message.fields.visit(&mut self.page);
                if self.page.method.is_empty() {
                    return;
                }
                uri = dogwatch_intel::plain_uri(&self.page.target);
                host = self.page.host.split(':').next().unwrap_or_default().to_ascii_lowercase();
                page = [
                    (Buffer::HttpMethod, self.page.method.as_bytes()),
                    (Buffer::HttpUri, &*uri),
                    (Buffer::HttpHost, host.as_bytes()),
                    (Buffer::HttpUserAgent, self.page.agent.as_bytes()),
                ];
                &page
            }
            Some(AppName::Dns | AppName::Tls) => {
                let Some(named) = name_of(event) else { return };
                let buffer = if app == Some(AppName::Dns) { Buffer::DnsQuery } else { Buffer::TlsSni };
                name = [(buffer, named.as_bytes())];
                &name
            }
            _ => return,
        };
        let mut hits = std::mem::take(&mut self.hits);
        hits.clear();
        intel.signatures.texts(&between(event), texts, &mut self.scratch, &mut |rule| hits.push(rule));
        for rule in &hits {
            let seen = SignatureSeen {
                at: event.at,
                frame: event.frame,
                source: cx.source,
                flow: event.flow,
                from: *from,
                to: *to,
                protocol: Some(protocol),
                what: *rule,
            };
            if let Some(found) = intel.signatures.get(*rule) {
                self.matched(found, &seen, cx);
            }
        }
        self.hits = hits;
    }
}

/// The name a message asks for.
fn name_of<'a>(event: &Event<'a>) -> Option<&'a str> {
    event.message.acts.iter().find_map(|act| match act {
        Act::Request { object: Object::Named(name), .. } | Act::Publishes { object: Object::Named(name) } => {
            Some(*name)
        }
        _ => None,
    })
}

/// What decoded names stand in.
const OF_NAMES: [Buffer; 6] =
    [Buffer::DnsQuery, Buffer::TlsSni, Buffer::HttpUri, Buffer::HttpMethod, Buffer::HttpHost, Buffer::HttpUserAgent];

/// Who asks whom, for the head of a rule. A name that was read came over a connection that carries data.
fn between<'a>(event: &Event<'a>) -> Between<'a> {
    let flow = event.flow;
    let ips: Option<(IpAddr, IpAddr)> = flow.src.zip(flow.dst);
    Between {
        transport: flow.transport,
        ips,
        ports: (flow.src_port, flow.dst_port),
        is_to_server: flow.initiator != Initiator::Receiver,
        is_established: true,
        protocol: Some(event.message.protocol),
    }
}

impl ImportedSignature {
    fn matched(&mut self, rule: &Signature, seen: &SignatureSeen<'_>, cx: &mut Context<'_>) {
        if f64::from(rule.priority) > self.lowest_priority || !self.is_due(rule, seen) {
            return;
        }
        let (from, to) = (seen.from, seen.to);
        let cause = Cause {
            id: CARD.id,
            from: (from.identity(), from.end.mac),
            to: Some((to.identity(), to.end.mac)),
            transport: None,
            number: rule.sid,
            words: ["", ""],
        };
        let key = || format!("{}|{:?}|{:?}", rule.sid, from.identity(), to.identity());
        let (who, whom) = (cx.call(&from), cx.call(&to));
        cx.raise_again(cause, &CARD, seen.at, key, || Raise {
            severity: Some(severity(rule.priority)),
            confidence: 0.6,
            to: Some(to),
            summary: format!("{who} to {whom}: signature {} matched, {}", rule.sid, bounded(&rule.message, 80)),
            fields: fields(rule),
            expected: "no traffic that a signature describes".to_owned(),
            ..Raise::bare(&CARD, (seen.at, seen.frame), from, service(seen.protocol, seen.flow))
        });
    }

    /// Whether the rule's own threshold lets this match be told.
    fn is_due(&mut self, rule: &Signature, seen: &SignatureSeen<'_>) -> bool {
        let Some(threshold) = rule.threshold else { return true };
        let (source, destination) = (Some(seen.from.identity()), Some(seen.to.identity()));
        let key = match threshold.track {
            Track::Source => (seen.what, source, None),
            Track::Destination => (seen.what, None, destination),
            Track::Both => (seen.what, source, destination),
            Track::Rule => (seen.what, None, None),
        };
        let (since, count) = self.counts.touch_or(key, seen.at, || (seen.at, 0));
        if seen.at.since(*since).as_secs() >= u64::from(threshold.seconds) {
            (*since, *count) = (seen.at, 0);
        }
        *count = count.saturating_add(1);
        match threshold.kind {
            ThresholdKind::Limit => *count <= threshold.count,
            ThresholdKind::Threshold => count.is_multiple_of(threshold.count.max(1)),
            ThresholdKind::Both => *count == threshold.count,
            ThresholdKind::Filter => *count > threshold.count,
        }
    }
}

/// What a priority is worth aboard.
const fn severity(priority: u8) -> Severity {
    match priority {
        0 | 1 => Severity::High,
        2 => Severity::Medium,
        3 => Severity::Low,
        _ => Severity::Info,
    }
}

fn fields(rule: &Signature) -> Vec<(String, String)> {
    let mut fields = vec![
        ("sid".to_owned(), format!("{}, revision {}", rule.sid, rule.revision)),
        ("message".to_owned(), rule.message.to_string()),
        ("file".to_owned(), format!("{}:{}", rule.file(), rule.line)),
        ("rule".to_owned(), bounded(&rule.text, SHOWN)),
    ];
    if let Some(class) = &rule.class {
        fields.insert(2, ("class".to_owned(), class.to_string()));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};
    use dogwatch_intel::Import;
    use dogwatch_model::{Speaker, Verb};

    fn bench(rules: &str) -> Bench {
        let mut import = Import::default();
        import.read_signatures("test.rules", rules.as_bytes());
        let intel = import.finish();
        assert_eq!(intel.files[0].skipped, []);
        let mut bench = Bench::new(Some(SHIP), Box::<ImportedSignature>::default());
        bench.imports(intel);
        bench
    }

    fn ask(bench: &mut Bench, name: &str) {
        let act = Act::Request { verb: Verb::Discover, object: Object::Named(name) };
        bench.says("dns", Speaker::Sender, &flow("10.0.4.30", "10.0.3.9", 53, Transport::Udp), &[act]);
    }

    #[test]
    fn severity_by_class_and_priority() {
        for (options, want) in [
            ("", Some(Severity::Low)),
            ("classtype:trojan-activity;", Some(Severity::High)),
            ("classtype:bad-unknown;", Some(Severity::Medium)),
            ("classtype:trojan-activity; priority:3;", Some(Severity::Low)),
            ("classtype:not-suspicious;", None),
            ("metadata:signature_severity Informational;", None),
        ] {
            let rule =
                format!("alert dns any any -> any any (dns.query; content:\"evil.example\"; {options} sid:7; rev:2;)");
            let mut bench = bench(&rule);
            ask(&mut bench, "good.example");
            assert!(bench.findings().is_empty(), "{options}");
            ask(&mut bench, "www.evil.example");
            ask(&mut bench, "www.evil.example");
            let findings = bench.findings();
            assert_eq!(findings.first().map(|finding| finding.severity), want, "{options}");
            if let Some(finding) = findings.first() {
                assert_eq!((findings.len(), finding.count), (1, 2));
                let shown = format!("{:?}", finding.evidence);
                assert!(
                    shown.contains("test.rules:1") && shown.contains("7, revision 2") && shown.contains("dns.query")
                );
            }
        }
    }

    #[test]
    fn the_rules_own_threshold() {
        for (threshold, want) in [
            ("threshold:type limit, track by_src, count 2, seconds 60;", 2),
            ("threshold:type threshold, track by_src, count 3, seconds 60;", 2),
            ("threshold:type both, track by_src, count 3, seconds 60;", 1),
            ("detection_filter:track by_src, count 4, seconds 60;", 2),
            ("threshold:type threshold, track by_src, count 7, seconds 60;", 0),
        ] {
            let mut bench =
                bench(&format!("alert dns any any -> any any (dns.query; content:\"evil\"; {threshold} sid:7;)"));
            for second in 1..=6 {
                bench.at(f64::from(second));
                ask(&mut bench, "evil.example");
            }
            let told = bench.findings().first().map_or(0, |finding| finding.count);
            assert_eq!(told, want, "{threshold}");
        }
        let mut bench = bench(
            "alert dns any any -> any any (dns.query; content:\"evil\"; detection_filter:track by_src, count 1, seconds 10; sid:7;)",
        );
        for second in [0.0, 10.0, 20.0] {
            bench.at(second);
            ask(&mut bench, "evil.example");
        }
        assert!(bench.findings().is_empty(), "never twice in ten seconds");
    }

    #[test]
    fn payload_seen_below() {
        let mut bench =
            bench("alert tcp any any -> any 502 (msg:\"stop\"; content:\"|08 00 04|\"; offset:7; depth:3; sid:7;)");
        bench.signature(&flow("10.0.4.30", "10.0.2.21", 502, Transport::Tcp), Some("modbus"), 0);
        bench.signature(&flow("10.0.4.30", "10.0.2.21", 502, Transport::Tcp), Some("modbus"), 99);
        let findings = bench.findings();
        assert_eq!(findings.len(), 1);
        assert!(findings[0].summary.contains("signature 7 matched, stop"), "{}", findings[0].summary);
    }

    #[test]
    fn nothing_is_wanted_without_imports() {
        assert_eq!(ImportedSignature::default().wants(), Wants::default());
        let mut detector = ImportedSignature::default();
        detector.imported(&Arc::default());
        assert_eq!(detector.wants(), Wants::default());
    }
}
