//! Lines a policy lacks for what hosts do with each other: hosts, registers and names joined as far as `propose.rs` says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use dogwatch_model::{ShipState, Table, Verb};

use super::app::AppName;
use super::evidence::Evidence;
use super::learned::judge_row;
use super::proposal::quoted;
use super::propose::{LinePlace, Proposal, Suspect, id_of, is_suspect, list};
use super::types::ZoneIx;
use super::verdict::Verdict;
use super::words::{Class, Importance};
use super::{AddressRange, End, HostPattern, ObjectPattern, Policy};
use crate::aggregates::{Carrier, Host, Key, Learned, What, joined};

/// Hosts named in one line; more of them mean the whole zone.
const NAMED_HOSTS: usize = 8;
/// Registers nobody read between two blocks of one line.
const READ_GAP: u16 = 8;

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
    pub(super) fn propose_lines(&self, learned: &Learned, suspects: &[Suspect]) -> Vec<Proposal> {
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
