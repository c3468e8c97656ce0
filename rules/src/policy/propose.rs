//! Lines a policy lacks for what was seen: `dogwatch policy propose` and `review` (zone policy page, "Learn, propose, review, enforce").
//!
//! Generalisation is bounded. Hosts are named, never a prefix, unless more than eight of a zone do the same; registers that are read are joined over a gap
//! of eight, registers that are written only where they touch; a line for writing is never one for reading. Whatever raised a finding, was seen on fewer
//! than three occasions, or comes from where anybody may be into OT is no proposal but a question: it carries its doubts. Lines stand in
//! `propose_lines.rs`, devices in `propose_devices.rs`, what sources may say in `propose_said.rs`.

use std::collections::BTreeMap;

use dogwatch_model::fingerprint;
use serde::Serialize;

use super::Policy;
use super::proposal::quoted;
use crate::aggregates::{Host, Key, Learned};
use crate::seen::Identity;

/// Where a line goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinePlace {
    /// Below a conduit that exists.
    Conduit(String),
    /// Below a conduit that is made for it; further lines for the same zones go there too.
    NewConduit {
        /// Its id.
        id: String,
        /// Zone that asks.
        from: String,
        /// Zone that is asked.
        to: String,
    },
    /// A table of its own: `asset`, `nmea`, `n2k`.
    Table(&'static str),
}

/// One line that would allow what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proposal {
    /// Stays the same from one proposal to the next while the line does.
    pub id: String,
    /// How dangerous it would be to allow it wrongly, 0 to 100.
    pub danger: u8,
    /// Who does what.
    pub what: String,
    /// How often and when it was seen.
    pub seen: String,
    /// Why it is a question and no proposal; empty for a proposal.
    pub doubts: Vec<String>,
    /// The id of an asset that has to be declared for it.
    pub needs: Option<String>,
    /// Where it goes.
    pub place: LinePlace,
    /// Its fields, the values as they are written in the file.
    pub fields: Vec<(&'static str, String)>,
}

impl Proposal {
    /// Whether a person has to decide.
    #[must_use]
    pub fn is_question(&self) -> bool {
        !self.doubts.is_empty()
    }
}

/// Two ends that a finding of severity medium or worse is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspect {
    /// Who.
    pub from: Identity,
    /// To whom; nobody in particular when the finding is about one device.
    pub to: Option<Identity>,
}

impl Policy {
    /// What this policy lacks for what was seen, the most dangerous first.
    #[must_use]
    pub fn propose(&self, learned: &Learned, suspects: &[Suspect]) -> Vec<Proposal> {
        let mut all = self.propose_devices(learned, suspects);
        let devices: BTreeMap<String, (String, bool)> = all
            .iter()
            .filter_map(|device| {
                let field =
                    |name: &str| device.fields.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
                Some((field("ip")?, (field("id")?.trim_matches('"').to_owned(), device.is_question())))
            })
            .collect();
        all.extend(self.propose_lines(learned, suspects));
        all.extend(self.propose_sentences(learned, &devices, suspects));
        all.extend(self.propose_groups(learned));
        all.sort_by(|a, b| (b.danger, &a.what, &a.id).cmp(&(a.danger, &b.what, &b.id)));
        all
    }
}

pub(super) fn is_suspect(suspects: &[Suspect], key: &Key) -> bool {
    suspects.iter().any(|suspect| {
        let is = |host: Host, who: Identity| host.identity() == Some(who);
        match suspect.to {
            Some(to) => is(key.from, suspect.from) && is(key.to, to),
            None => is(key.from, suspect.from),
        }
    })
}

/// A TOML list of texts.
pub(super) fn list<T: AsRef<str>>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(|item| quoted(item.as_ref())).collect();
    format!("[{}]", items.join(", "))
}

pub(super) fn id_of(place: &LinePlace, fields: &[(&'static str, String)]) -> String {
    let print = fingerprint(format!("{place:?}{fields:?}").as_bytes());
    format!("{:08x}", print >> 96)
}

#[cfg(test)]
mod tests {
    use dogwatch_model::{Act, CaptureTime, Object, Severity, Speaker, Table, Transport, Verb};

    use super::*;
    use crate::detections::bench::{Bench, flow};
    use crate::policy::check;
    use crate::seen::FlowStage;

    const POLICY: &str = r#"
format = 1
mode = "learn"
[vessel]
name = "T"
[[zone]]
id = "bridge"
label = "B"
function = "navigation"
class = "ot"
criticality = "high"
devices = "open"
subnet = ["10.0.1.0/24"]
[[zone]]
id = "engine"
label = "E"
function = "propulsion"
class = "ot"
criticality = "high"
devices = "fixed"
subnet = ["10.0.2.0/24"]
[[zone]]
id = "crew"
label = "C"
function = "crew"
class = "untrusted"
criticality = "low"
devices = "open"
subnet = ["10.0.9.0/24"]
[[asset]]
id = "plc"
zone = "engine"
ip = ["10.0.2.21"]
[[asset]]
id = "gnss"
zone = "bridge"
ip = ["10.0.1.7"]
"#;

    fn bench() -> Bench {
        Bench::new(Some(POLICY), crate::detections::raising("DW-2001"))
    }

    fn registers(bench: &mut Bench, second: f64, from: &str, verb: Verb, (first, count): (u16, u16)) {
        bench.at(second);
        let written = (verb == Verb::Write).then_some((5, 9));
        let object = Object::Registers { unit: 1, table: Table::Holding, first, count, written };
        bench.says(
            "modbus",
            Speaker::Sender,
            &flow(from, "10.0.2.21", 502, Transport::Tcp),
            &[Act::Request { verb, object }],
        );
    }

    /// The same on four occasions.
    fn habit(bench: &mut Bench, from: &str, verb: Verb, block: (u16, u16)) {
        for occasion in 0..4 {
            registers(bench, f64::from(occasion) * 400.0, from, verb, block);
        }
    }

    fn policy() -> Policy {
        check(POLICY, "p", CaptureTime::from_parts(1_800_000_000, 0)).policy.unwrap()
    }

    fn field<'p>(proposal: &'p Proposal, name: &str) -> &'p str {
        proposal.fields.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    #[test]
    fn reads_are_joined_over_eight_registers_writes_only_where_they_touch_and_never_with_each_other() {
        let mut bench = bench();
        for block in [(100, 5), (113, 2), (124, 1)] {
            // 8 registers lie between 104 and 113, 9 between 114 and 124
            habit(&mut bench, "10.0.1.5", Verb::Read, block);
        }
        habit(&mut bench, "10.0.1.5", Verb::Write, (40, 1));
        habit(&mut bench, "10.0.1.5", Verb::Write, (42, 1));
        let all = policy().propose(&bench.learned(), &[]);
        let lines: Vec<_> =
            all.iter().map(|line| (field(line, "op"), field(line, "addr"), field(line, "value"))).collect();
        assert_eq!(
            lines,
            [("[\"write\"]", "[\"40\", \"42\"]", "[5, 9]"), ("[\"read\"]", "[\"100-114\", \"124\"]", "")],
            "the dangerous one first"
        );
        assert!(all.iter().all(|line| !line.is_question()
            && field(line, "from") == "[\"10.0.1.5\"]"
            && field(line, "to") == "[\"plc\"]"));
    }

    #[test]
    fn hosts_are_named_until_there_are_more_than_eight() {
        for (hosts, named) in [(8, 8), (9, 0)] {
            let mut bench = bench();
            for host in 0..hosts {
                habit(&mut bench, &format!("10.0.1.{}", 20 + host), Verb::Read, (1, 2));
            }
            let all = policy().propose(&bench.learned(), &[]);
            assert_eq!(all.len(), 1, "{all:?}");
            assert_eq!(field(&all[0], "from").matches("10.0.1.").count(), named);
            assert!(!field(&all[0], "from").contains('/'), "never a prefix");
        }
    }

    #[test]
    fn what_is_rare_suspect_or_from_the_crew_is_a_question() {
        let mut bench = bench();
        registers(&mut bench, 0.0, "10.0.1.5", Verb::Write, (12, 1));
        registers(&mut bench, 400.0, "10.0.1.5", Verb::Write, (12, 1));
        habit(&mut bench, "10.0.1.6", Verb::Read, (1, 2));
        habit(&mut bench, "10.0.9.6", Verb::Read, (1, 2));
        let suspect = Suspect { from: Identity::Ip("10.0.1.6".parse().unwrap()), to: None };
        let all = policy().propose(&bench.learned(), &[suspect]);
        let doubts: Vec<_> = all.iter().map(|line| line.doubts.join("; ")).collect();
        assert!(doubts[0].contains("2 occasions") && all[0].what.contains("WRITE"), "{doubts:?}");
        assert!(doubts.iter().any(|doubt| doubt.contains("anybody may be, into OT")), "{doubts:?}");
        assert!(doubts.iter().any(|doubt| doubt.contains("a finding of severity medium")), "{doubts:?}");
        assert!(all.iter().all(Proposal::is_question));
    }

    #[test]
    fn undeclared_devices_and_sentences() {
        let mut bench = bench();
        for occasion in 0..4 {
            bench.at(f64::from(occasion) * 400.0);
            bench.flow("10.0.2.77", "10.0.1.5", 443, Some("tls"), FlowStage::Recognised);
            let group = flow("10.0.1.7", "239.192.0.4", 60_004, Transport::Udp);
            for formatter in ["GGA", "RMC", "APB"] {
                let object = Object::Sentence { talker: "GP", formatter };
                bench.says("iec61162-450", Speaker::Sender, &group, &[Act::Publishes { object }]);
            }
        }
        let all = policy().propose(&bench.learned(), &[]);
        let of = |table: &'static str| {
            all.iter().filter(move |line| line.place == LinePlace::Table(table)).collect::<Vec<_>>()
        };
        let assets = of("asset");
        assert!(
            assets.len() == 1 && field(assets[0], "ip") == "[\"10.0.2.77\"]" && !assets[0].is_question(),
            "{assets:?}"
        );
        let nmea = of("nmea");
        let sentences: Vec<_> = nmea.iter().map(|line| (field(line, "sentences"), line.is_question())).collect();
        assert_eq!(sentences, [("[\"APB\"]", true), ("[\"GGA\", \"RMC\"]", false)], "what steers is a question");
        assert_eq!(field(nmea[1], "source"), "\"gnss\"");
    }

    #[test]
    fn simulation_and_use_of_lines() {
        let mut bench = bench();
        habit(&mut bench, "10.0.1.5", Verb::Read, (100, 5));
        habit(&mut bench, "10.0.1.5", Verb::Write, (40, 1));
        let learned = bench.learned();
        let found = policy().simulate(&learned, 0);
        let told: Vec<_> = found.iter().map(|told| (told.detection, told.severity)).collect();
        assert_eq!(told, [("DW-2001", Severity::High), ("DW-2001", Severity::High)]);
        let text = format!(
            "{POLICY}[[conduit]]\nid = \"c\"\nfrom = \"bridge\"\nto = \"engine\"\nowner = \"E\"\nreason = \"r\"\n[[conduit.allow]]\napp = \"modbus\"\n\
             op = [\"read\"]\ntable = \"holding\"\naddr = [\"100-104\"]\nfrom = [\"10.0.1.5\"]\n[[conduit.allow]]\napp = \"ssh\"\n"
        );
        let with_line = check(&text, "p", CaptureTime(0)).policy.unwrap();
        let found = with_line.simulate(&learned, 0);
        assert_eq!(found.iter().map(|told| told.detection).collect::<Vec<_>>(), ["DW-2002"], "{found:?}");
        let usage = with_line.usage(&learned);
        assert_eq!(usage.lines.iter().map(|used| (used.conduit.as_str(), used.number)).collect::<Vec<_>>(), [("c", 1)]);
        assert!(with_line.simulate(&learned, 30_000).is_empty(), "nothing was seen since");
        let coverage = policy().coverage(&learned, policy().zone_named("engine").unwrap());
        assert_eq!((coverage.days, coverage.assets, coverage.not_seen.len()), (1, 1, 0));
        let objections = coverage.objections();
        assert!(objections.iter().any(|words| words.contains("1 of 7 days")), "{objections:?}");
        assert!(objections.iter().any(|words| words.contains("while at_sea")), "{objections:?}");
    }
}
