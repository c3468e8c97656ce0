//! Lines a policy lacks for what was seen: `dogwatch policy propose` and `review` (zone policy page, "Learn, propose, review, enforce").
//!
//! Generalisation is bounded. Hosts are named, never a prefix, unless more than eight of a zone do the same; registers that are read are joined over a gap
//! of eight, registers that are written only where they touch; a line for writing is never one for reading. Whatever raised a finding, was seen on fewer
//! than three occasions, or comes from where anybody may be into OT is no proposal but a question: it carries its doubts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use dogwatch_model::{Mac, ShipState, Table, Verb, fingerprint};
use serde::Serialize;

use super::app::AppName;
use super::evidence::Evidence;
use super::learned::judge_row;
use super::proposal::quoted;
use super::types::ZoneIx;
use super::verdict::Verdict;
use super::words::{Class, Importance};
use super::{AddressRange, End, HostPattern, ObjectPattern, Policy};
use crate::aggregates::{Carrier, Host, Key, Learned, What, joined};
use crate::seen::Identity;

/// Hosts named in one line; more of them mean the whole zone.
const NAMED_HOSTS: usize = 8;
/// Registers nobody read between two blocks of one line.
const READ_GAP: u16 = 8;

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

/// What lines have in common that may become one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Common {
    from_zone: ZoneIx,
    to_zone: ZoneIx,
    app: String,
    verb: Option<Verb>,
    unit: Option<u8>,
    table: Option<Table>,
}

/// What is done, the same for every host of a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Shape {
    blocks: Vec<(u16, u16)>,
    names: BTreeSet<String>,
    more_names: bool,
    value: Option<(u16, u16)>,
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

    fn propose_lines(&self, learned: &Learned, suspects: &[Suspect]) -> Vec<Proposal> {
        type Hosts = (Option<String>, Option<String>);
        let mut seen: BTreeMap<Common, BTreeMap<Hosts, (Shape, Evidence)>> = BTreeMap::new();
        let asked = self.pairs_with_operations(learned);
        for (key, _, row) in &learned.rows {
            let ends = self.ends_of(learned, key, row);
            let (Some(from_zone), Some(to_zone)) = (ends.0.zone, ends.1.zone) else { continue };
            let Some(app) = app_of(key) else { continue };
            if matches!(key.what, What::Says { .. } | What::Sends { .. }) || !self.is_judged(&ends.0, &ends.1) {
                continue;
            }
            // who asks for something also talks: the line for the operation is enough
            if key.what == What::Talks && asked.contains(&(key.from, key.to, app.clone())) {
                continue;
            }
            let denied: Vec<_> = judge_row(self, ends, key, row, row.last, ShipState::Unknown)
                .into_iter()
                .filter(|judged| matches!(judged.verdict, Verdict::Denied(_)))
                .collect();
            if denied.is_empty() {
                continue;
            }
            let (verb, unit, table) = match key.what {
                What::Asks { verb, unit, table } => (Some(verb), unit, table),
                _ => (None, None, None),
            };
            let shape = Shape {
                blocks: denied.iter().filter_map(|judged| judged.block).collect(),
                names: denied.iter().filter_map(|judged| judged.name).map(str::to_owned).collect(),
                more_names: row.more_names,
                value: row.value.filter(|_| verb == Some(Verb::Write)),
            };
            let evidence = Evidence::of(row, is_suspect(suspects, key));
            let hosts = (self.written(key.from, &ends.0), self.written(key.to, &ends.1));
            let common = Common { from_zone, to_zone, app, verb, unit, table };
            match seen.entry(common).or_default().entry(hosts) {
                std::collections::btree_map::Entry::Vacant(slot) => {
                    slot.insert((shape, evidence));
                }
                std::collections::btree_map::Entry::Occupied(mut slot) => {
                    let (known, so_far) = slot.get_mut();
                    known.blocks.extend(shape.blocks);
                    known.names.extend(shape.names);
                    known.more_names |= shape.more_names;
                    known.value = match (known.value, shape.value) {
                        (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
                        (a, b) => a.or(b),
                    };
                    so_far.join(&evidence);
                }
            }
        }
        let mut made: BTreeMap<(ZoneIx, ZoneIx), String> = BTreeMap::new();
        let mut all = Vec::new();
        for (common, hosts) in seen {
            for line in merged(&common, hosts) {
                all.push(self.line_proposal(&common, &line, &mut made));
            }
        }
        all
    }

    /// The pairs and applications of which operations were seen.
    fn pairs_with_operations(&self, learned: &Learned) -> BTreeSet<(Host, Host, String)> {
        let asks = learned.rows.iter().filter(|(key, ..)| matches!(key.what, What::Asks { .. }));
        asks.filter_map(|(key, ..)| Some((key.from, key.to, app_of(key)?))).collect()
    }

    /// How an end is written in a line; `None` for the whole zone.
    fn written(&self, host: Host, end: &End) -> Option<String> {
        host.identity()?;
        end.zone.filter(|zone| *zone != self.outside())?;
        self.literal(end)
    }

    fn line_proposal(&self, common: &Common, line: &Merged, made: &mut BTreeMap<(ZoneIx, ZoneIx), String>) -> Proposal {
        let (from, to) = (common.from_zone, common.to_zone);
        let existing = self.conduits.iter().find(|conduit| conduit.from == from && conduit.to == to);
        let place = match existing {
            Some(conduit) => LinePlace::Conduit(conduit.id.clone()),
            None => {
                let (from_id, to_id) = (self.zone_id(Some(from)), self.zone_id(Some(to)));
                let id = made.entry((from, to)).or_insert_with(|| self.free_conduit_id(from_id, to_id));
                LinePlace::NewConduit { id: id.clone(), from: from_id.to_owned(), to: to_id.to_owned() }
            }
        };
        let name = AppName::from_word(&common.app);
        let mut doubts = line.evidence.doubts();
        let class = |zone| self.zone(zone).map(|plan| plan.class);
        let is_untrusted = from == self.outside() || class(from) == Some(Class::Untrusted);
        if is_untrusted && class(to) == Some(Class::Ot) {
            doubts.push("it comes from where anybody may be, into OT".to_owned());
        }
        let mut fields = Vec::new();
        for (key, hosts) in [("from", &line.from), ("to", &line.to)] {
            if !hosts.is_empty() {
                fields.push((key, list(hosts)));
            }
        }
        fields.push(("app", quoted(&common.app)));
        if let Some(unit) = common.unit.filter(|_| name == Some(AppName::Modbus)) {
            fields.push(("unit", format!("[{unit}]")));
        }
        match common.verb {
            Some(verb) if name.is_some_and(|name| name.ops().contains(verb)) => {
                fields.push(("op", list(&[verb.as_str()])))
            }
            Some(verb) => doubts.push(format!(
                "the policy has no word for {} by {}: the line would allow everything",
                verb.as_str(),
                common.app
            )),
            None => {}
        }
        let about = self.shape_fields(common, name, &line.shape, &mut fields, &mut doubts);
        let whole = |hosts: &[String], zone| {
            if hosts.is_empty() {
                format!("anybody ({})", self.zone_id(Some(zone)))
            } else {
                format!("{} ({})", hosts.join(", "), self.zone_id(Some(zone)))
            }
        };
        let doing = common.verb.map_or_else(|| "TALKS TO".to_owned(), |verb| verb.as_str().to_uppercase());
        let what = format!("{} {doing} {} by {}{about}", whole(&line.from, from), whole(&line.to, to), common.app);
        let danger = self.danger(common, is_untrusted);
        Proposal {
            id: id_of(&place, &fields),
            danger,
            what,
            seen: line.evidence.words(),
            doubts,
            needs: None,
            place,
            fields,
        }
    }

    /// Adds what a line is about; gives it in words.
    fn shape_fields(
        &self,
        common: &Common,
        name: Option<AppName>,
        shape: &Shape,
        fields: &mut Vec<(&'static str, String)>,
        doubts: &mut Vec<String>,
    ) -> String {
        let mut about = String::new();
        if let Some(unit) = common.unit {
            let _ = write!(about, " unit {unit}");
        }
        if let Some(table) = common.table.filter(|_| name == Some(AppName::Modbus)) {
            let ranges: Vec<String> = shape
                .blocks
                .iter()
                .map(|(first, last)| AddressRange { first: *first, last: *last }.to_string())
                .collect();
            fields.push(("table", quoted(table.as_str())));
            if !ranges.is_empty() {
                fields.push(("addr", list(&ranges)));
            }
            let _ = write!(about, " {} {}", table.as_str(), ranges.join(", "));
            if let Some((low, high)) = shape.value {
                fields.push(("value", format!("[{low}, {high}]")));
                let _ = write!(about, " values {low} to {high}");
            }
        }
        let is_host = matches!(name, Some(AppName::Tls | AppName::Dns | AppName::Http));
        let is_object = name.is_some_and(AppName::has_objects);
        let fits = |text: &&String| {
            if is_host { HostPattern::parse(text).is_some() } else { is_object && ObjectPattern::parse(text).is_some() }
        };
        let names: Vec<&String> = shape.names.iter().filter(fits).collect();
        if !names.is_empty() && !shape.more_names && names.len() == shape.names.len() {
            fields.push((if is_host { "host" } else { "object" }, list(&names)));
            let _ = write!(
                about,
                " {}",
                names.iter().map(|name| super::reader::clipped(name)).collect::<Vec<_>>().join(", ")
            );
        } else if shape.more_names && common.verb.is_some_and(changes) {
            doubts.push("it names more objects than are kept: the line would allow all of them".to_owned());
        }
        about
    }

    /// How bad it is to allow it wrongly.
    fn danger(&self, common: &Common, is_untrusted: bool) -> u8 {
        let act = match common.verb {
            Some(Verb::Program) => 80,
            Some(Verb::Control) => 75,
            Some(Verb::Write) => 70,
            Some(Verb::Login | Verb::Transfer) => 50,
            None => 40,
            Some(Verb::Discover | Verb::Diagnose) => 30,
            Some(Verb::Read) => 20,
        };
        let plan = self.zone(common.to_zone);
        let is_ot = plan.is_some_and(|plan| plan.class == Class::Ot);
        let matters = match plan.map(|plan| plan.criticality) {
            Some(Importance::High) => 5,
            Some(Importance::Medium) => 2,
            _ => 0,
        };
        let across = if common.from_zone != common.to_zone && is_ot { 5 } else { 0 };
        let trust = if is_untrusted && is_ot { 10 } else { 0 };
        if is_ot { act + matters + across + trust } else { act / 2 }
    }

    /// Devices that nobody declared, in zones whose devices are fixed.
    fn propose_devices(&self, learned: &Learned, suspects: &[Suspect]) -> Vec<Proposal> {
        let mut devices: BTreeMap<(ZoneIx, Identity), (Evidence, BTreeSet<Mac>)> = BTreeMap::new();
        for (key, _, row) in &learned.rows {
            let ends = self.ends_of(learned, key, row);
            for (host, end, mac) in [(key.from, ends.0, row.from_mac), (key.to, ends.1, row.to_mac)] {
                let (Some(identity), Some(zone)) = (host.identity(), end.zone) else { continue };
                if !self.is_undeclared(host, &end) {
                    continue;
                }
                let suspect = suspects.iter().any(|suspect| suspect.from == identity && suspect.to.is_none());
                let evidence = Evidence::of(row, suspect);
                let (known, macs) =
                    devices.entry((zone, identity)).or_insert_with(|| (evidence.clone(), BTreeSet::new()));
                let occasions = known.occasions.max(evidence.occasions);
                known.join(&evidence);
                // a device is known by whatever it does most
                known.occasions = occasions;
                if !mac.is_none() && !mac.is_group() && !self.is_gateway_mac(mac) {
                    macs.insert(mac);
                }
            }
        }
        devices
            .into_iter()
            .map(|((zone, identity), (evidence, macs))| self.device_proposal(zone, identity, &evidence, &macs))
            .collect()
    }

    fn device_proposal(&self, zone: ZoneIx, identity: Identity, evidence: &Evidence, macs: &BTreeSet<Mac>) -> Proposal {
        let zone_id = self.zone_id(Some(zone));
        let address = match identity {
            Identity::Ip(ip) => ip.to_string(),
            Identity::Mac(mac) => mac.to_string(),
            Identity::Name(name) => format!("{name:016x}"),
            Identity::BusAddress(address) => address.to_string(),
        };
        let plain: String = address.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let base: String = format!("{zone_id}-{plain}").chars().take(44).collect();
        let numbered = (2..).map(|number: u32| format!("{base}-{number}"));
        let mut names = std::iter::once(base.clone()).chain(numbered);
        let id = names.find(|id| self.asset_named(id).is_none()).unwrap_or(base.clone());
        let mut fields = vec![("id", quoted(&id)), ("zone", quoted(zone_id))];
        let mut doubts = evidence.doubts();
        if matches!(identity, Identity::Ip(_)) {
            fields.push(("ip", list(std::slice::from_ref(&address))));
        }
        match macs.iter().collect::<Vec<_>>().as_slice() {
            [] => {}
            [mac] => fields.push(("mac", list(&[mac.to_string()]))),
            several => doubts.push(format!("{} network cards used its address", several.len())),
        }
        let place = LinePlace::Table("asset");
        let what = format!("{address} is a device of zone {zone_id} that is not declared");
        let danger = match self.zone(zone).map(|plan| plan.criticality) {
            Some(Importance::High) => 60,
            _ => 45,
        };
        Proposal {
            id: id_of(&place, &fields),
            danger,
            what,
            seen: evidence.words(),
            doubts,
            needs: None,
            place,
            fields,
        }
    }
}

/// One line before it is written.
struct Merged {
    from: Vec<String>,
    to: Vec<String>,
    shape: Shape,
    evidence: Evidence,
}

/// Hosts that do the same.
#[derive(Default)]
struct Hosts {
    names: BTreeSet<String>,
    /// The whole zone is meant.
    is_any: bool,
    evidence: Option<Evidence>,
}

impl Hosts {
    fn add(&mut self, name: Option<String>, evidence: &Evidence) {
        match &mut self.evidence {
            Some(known) => known.join(evidence),
            None => self.evidence = Some(evidence.clone()),
        }
        self.is_any |= name.is_none();
        self.names.extend(name);
    }

    /// The hosts a line names; none for the whole zone.
    fn named(self) -> Vec<String> {
        if self.is_any || self.names.len() > NAMED_HOSTS { Vec::new() } else { self.names.into_iter().collect() }
    }
}

/// Hosts that do exactly the same become one line: first those that ask, then those that are asked.
fn merged(common: &Common, hosts: BTreeMap<(Option<String>, Option<String>), (Shape, Evidence)>) -> Vec<Merged> {
    let gap = if common.verb.is_some_and(changes) { 0 } else { READ_GAP };
    let mut by_asked: BTreeMap<(Option<String>, Shape), Hosts> = BTreeMap::new();
    for ((from, to), (mut shape, evidence)) in hosts {
        shape.blocks.sort_unstable();
        shape.blocks = joined(&shape.blocks, gap);
        by_asked.entry((to, shape)).or_default().add(from, &evidence);
    }
    let mut by_asking: BTreeMap<(Vec<String>, Shape), Hosts> = BTreeMap::new();
    for ((to, shape), hosts) in by_asked {
        let Some(evidence) = hosts.evidence.clone() else { continue };
        by_asking.entry((hosts.named(), shape)).or_default().add(to, &evidence);
    }
    by_asking
        .into_iter()
        .filter_map(|((from, shape), hosts)| {
            let evidence = hosts.evidence.clone()?;
            Some(Merged { from, to: hosts.named(), shape, evidence })
        })
        .collect()
}

const fn changes(verb: Verb) -> bool {
    matches!(verb, Verb::Write | Verb::Control | Verb::Program)
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

/// The word of the policy for what carries an aggregate.
fn app_of(key: &Key) -> Option<String> {
    if let Some(name) = AppName::of_protocol(key.protocol.as_str()) {
        return Some(name.as_str().to_owned());
    }
    match key.carrier {
        Carrier::Tcp(port) => Some(format!("tcp/{port}")),
        Carrier::Udp(port) => Some(format!("udp/{port}")),
        Carrier::Ip(number) => Some(format!("ip/{number}")),
        Carrier::Ethernet(_) | Carrier::Can | Carrier::Serial => None,
    }
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
    use dogwatch_model::{Act, CaptureTime, Object, Severity, Speaker, Transport};

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
