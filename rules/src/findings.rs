//! The table of findings: one per cause, repeats raise its count, the words are made once.

use std::hash::BuildHasher;

use dogwatch_model::{
    AttackRef, CaptureTime, Evidence, Finding, FindingEnd, FindingStatus, IdKind, Mac, Position, Severity, ShipState,
    Transport, fingerprint, stable_id,
};
use foldhash::fast::RandomState;
use hashbrown::hash_table::Entry;
use hashbrown::{HashMap, HashTable};

use crate::catalogue;
use crate::detector::{Card, Directory, Raise};
use crate::policy::{Mode, Policy};
use crate::seen::{Identity, Party};

/// Pieces of evidence kept of one finding: the first ones and the latest.
const EVIDENCE: usize = 5;
/// Findings of one detection told apart; beyond that they go into one that says so. An officer reads one line, not five hundred.
const PER_DETECTION: usize = 200;
/// Seconds between two notices of a finding that only goes on.
const NOTICE_SECONDS: u64 = 60;
/// Causes whose row is remembered: more than there are rows, as several causes share the one that counts further cases.
const CAUSES: usize = 16_384;

/// Detections that only ask the policy: in a zone that is watched they are counted, not told.
const ASKS_POLICY: [&str; 18] = [
    "DW-1001", "DW-2001", "DW-2002", "DW-2003", "DW-2004", "DW-2005", "DW-2006", "DW-2007", "DW-2008", "DW-2009",
    "DW-2010", "DW-2011", "DW-2012", "DW-2013", "DW-3010", "DW-4004", "DW-4007", "DW-6006",
];

/// What makes a finding the same one again, as plain values. Whoever floods the ship with the same offence makes thousands of these a second,
/// so a repeat must not cost the making of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cause {
    /// Which detection.
    pub id: &'static str,
    /// Who, with the network card where that makes a difference.
    pub from: (Identity, Mac),
    /// To whom.
    pub to: Option<(Identity, Mac)>,
    /// Over what.
    pub transport: Option<Transport>,
    /// Port, unit, function id: whatever else tells two causes apart.
    pub number: u64,
    /// The same as fixed words.
    pub words: [&'static str; 2],
}

impl Cause {
    /// What one sender does, whatever else there may be to it.
    #[must_use]
    pub const fn by(id: &'static str, who: Identity) -> Self {
        Self { id, from: (who, Mac::NONE), to: None, transport: None, number: 0, words: [""; 2] }
    }

    /// What one does to another.
    #[must_use]
    pub const fn between(id: &'static str, who: Identity, whom: Identity) -> Self {
        Self { to: Some((whom, Mac::NONE)), ..Self::by(id, who) }
    }
}

/// Every finding of this run.
#[derive(Debug, Default)]
pub struct FindingTable {
    #[expect(
        clippy::vec_box,
        reason = "a table that grows moves words, not findings, and asks for no room it does not use"
    )]
    rows: Vec<Box<Row>>,
    by_key: HashMap<u128, usize, RandomState>,
    /// Rows by cause, for repeats; only a shortcut, so it may forget. A cause is kept as its hash, which is seeded at random: nobody can make up
    /// two that are taken for one.
    by_cause: HashTable<(u64, u32)>,
    causes: foldhash::quality::RandomState,
    per_detection: HashMap<&'static str, usize, RandomState>,
    /// Rows to be told of, in the order they changed.
    changed: Vec<usize>,
    /// Where the ship is, when it is known.
    position: Option<Position>,
    suppressed: u64,
    /// The worst finding raised or repeated since somebody asked.
    raised: Option<Severity>,
}

/// What would be told if its zone were enforced.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct WouldAlert {
    /// Which detection.
    pub detection: String,
    /// How bad it would be.
    pub severity: Severity,
    /// What happened and where.
    pub summary: String,
    /// How often.
    pub count: u64,
    /// First time.
    pub first_seen: CaptureTime,
    /// Latest time.
    pub last_seen: CaptureTime,
    /// A policy line that would allow it.
    pub proposal: Option<String>,
}

/// Whether a row is a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Told,
    /// Counted only: its zone is watched.
    Watched,
    /// Was watched under a policy that is no longer in force.
    Over,
}

#[derive(Debug)]
struct Row {
    finding: Finding,
    standing: Standing,
    told_at: CaptureTime,
    is_changed: bool,
    /// Count at which the next piece of evidence is taken: 1, 2, 4, 8 …
    next_evidence: u64,
}

impl FindingTable {
    /// Puts findings of an earlier run back, so that repeats raise their count instead of making twins.
    pub fn restore(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            let Ok(key) = u128::from_str_radix(&finding.fingerprint, 16) else { continue };
            self.by_key.insert(key, self.rows.len());
            let told_at = finding.last_seen;
            let next_evidence = finding.count.saturating_mul(2);
            self.rows.push(Box::new(Row {
                finding,
                standing: Standing::Told,
                told_at,
                is_changed: false,
                next_evidence,
            }));
        }
    }

    /// Where the ship is from now on.
    pub const fn set_position(&mut self, position: Position) {
        self.position = Some(position);
    }

    /// Every finding, oldest first.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.rows.iter().filter(|row| row.standing == Standing::Told).map(|row| &row.finding)
    }

    /// Findings that were added after the first `known` of the table, and how many there are now.
    pub(crate) fn added_after(&self, known: usize) -> (impl Iterator<Item = &Finding>, usize) {
        let added = self.rows.get(known..).unwrap_or_default().iter();
        (added.filter(|row| row.standing == Standing::Told).map(|row| &row.finding), self.rows.len())
    }

    /// What would be told if the zones that are watched were enforced, oldest first.
    pub fn would_alert(&self) -> impl Iterator<Item = WouldAlert> {
        let watched = self.rows.iter().filter(|row| row.standing == Standing::Watched).map(|row| &row.finding);
        watched.map(|finding| WouldAlert {
            detection: finding.rule_id.clone(),
            severity: finding.severity,
            summary: finding.summary.clone(),
            count: finding.count,
            first_seen: finding.first_seen,
            last_seen: finding.last_seen,
            proposal: finding.proposal.clone(),
        })
    }

    /// Another policy is in force: what was only watched is judged anew, and no repeat is known by the zones of the old one.
    pub(crate) fn policy_changed(&mut self) {
        for row in self.rows.iter_mut().filter(|row| row.standing == Standing::Watched) {
            row.standing = Standing::Over;
            if let Ok(key) = u128::from_str_radix(&row.finding.fingerprint, 16) {
                self.by_key.remove(&key);
            }
        }
        self.by_cause.clear();
    }

    /// The worst finding raised or repeated since the last call.
    pub(crate) const fn take_raised(&mut self) -> Option<Severity> {
        self.raised.take()
    }

    /// The findings that are new or changed since the last call.
    pub fn take_changed(&mut self) -> Vec<Finding> {
        let changed = std::mem::take(&mut self.changed);
        changed
            .into_iter()
            .filter_map(|index| {
                let row = self.rows.get_mut(index)?;
                row.is_changed = false;
                row.told_at = row.finding.last_seen;
                Some(row.finding.clone())
            })
            .collect()
    }

    /// How often something accepted or covered by a window was kept quiet.
    #[must_use]
    pub const fn suppressed(&self) -> u64 {
        self.suppressed
    }

    #[expect(clippy::too_many_arguments, reason = "called from one place, which holds all of them")]
    pub(crate) fn raise(
        &mut self,
        key: &[u8],
        card: &'static Card,
        at: CaptureTime,
        source: &str,
        state: ShipState,
        policy: Option<&Policy>,
        directory: &dyn Directory,
        make: impl FnOnce() -> Raise,
    ) -> Option<usize> {
        let mut print = print_of(card, key);
        if let Some(index) = self.by_key.get(&print).copied() {
            self.again(index, at, source, make);
            return Some(index);
        }
        let of_detection = self.per_detection.entry(card.id).or_default();
        if *of_detection >= PER_DETECTION {
            print = fingerprint(card.id.as_bytes());
            if let Some(index) = self.by_key.get(&print).copied() {
                self.again(index, at, source, make);
                return Some(index);
            }
        } else {
            *of_detection = of_detection.saturating_add(1);
        }
        let is_overflow = *of_detection >= PER_DETECTION;
        let raise = make();
        if let Some(policy) = policy
            && is_accepted(policy, &raise)
        {
            self.suppressed = self.suppressed.saturating_add(1);
            return None;
        }
        let standing = match policy {
            Some(policy) if is_watched(policy, &raise) => Standing::Watched,
            _ => Standing::Told,
        };
        let mut finding = self.worded(&raise, print, source, state, policy, directory);
        if is_overflow {
            finding.summary = format!(
                "{}: more than {PER_DETECTION} different cases; the further ones are counted here",
                finding.title
            );
        }
        let index = self.rows.len();
        self.by_key.insert(print, index);
        let is_told = standing == Standing::Told;
        if is_told {
            self.raised = self.raised.max(Some(finding.severity));
            self.changed.push(index);
        }
        self.rows.push(Box::new(Row { finding, standing, told_at: at, is_changed: is_told, next_evidence: 2 }));
        Some(index)
    }

    /// Other words for a finding that has grown.
    pub(crate) fn retell(&mut self, key: &[u8], card: &Card, summary: String) {
        let Some(index) = self.by_key.get(&print_of(card, key)).copied() else { return };
        let Some(row) = self.rows.get_mut(index) else { return };
        row.finding.summary = shortened(summary);
        if !row.is_changed && row.standing == Standing::Told {
            row.is_changed = true;
            self.changed.push(index);
        }
    }

    /// Whether there is a finding of this key.
    pub(crate) fn has(&self, card: &Card, key: &[u8]) -> bool {
        self.by_key.contains_key(&print_of(card, key))
    }

    /// The row of a cause that was raised before.
    pub(crate) fn row_of(&self, cause: &Cause) -> Option<usize> {
        let hash = self.causes.hash_one(cause);
        self.by_cause.find(hash, |(known, _)| *known == hash).map(|(_, row)| *row as usize)
    }

    /// How severe the finding of a cause is, when it was seen no longer than `within` ago.
    pub(crate) fn told_lately(&self, cause: &Cause, at: CaptureTime, within: std::time::Duration) -> Option<Severity> {
        let row = self.rows.get(self.row_of(cause)?)?;
        let is_told = row.standing == Standing::Told && at.since(row.finding.last_seen) <= within;
        is_told.then_some(row.finding.severity)
    }

    /// Remembers the row of a cause.
    pub(crate) fn remember(&mut self, cause: &Cause, row: usize) {
        if self.by_cause.len() >= CAUSES {
            self.by_cause.clear();
        }
        let hash = self.causes.hash_one(cause);
        let Ok(row) = u32::try_from(row) else { return };
        match self.by_cause.entry(hash, |(known, _)| *known == hash, |(known, _)| *known) {
            Entry::Occupied(mut known) => known.get_mut().1 = row,
            Entry::Vacant(room) => {
                room.insert((hash, row));
            }
        }
    }

    /// Counts a repeat; `make` is called only when it is worth a piece of evidence.
    pub(crate) fn again(&mut self, index: usize, at: CaptureTime, source: &str, make: impl FnOnce() -> Raise) {
        let Some(row) = self.rows.get_mut(index) else { return };
        let finding = &mut row.finding;
        finding.count = finding.count.saturating_add(1);
        finding.last_seen = finding.last_seen.max(at);
        let mut is_news = at.since(row.told_at).as_secs() >= NOTICE_SECONDS;
        if finding.count >= row.next_evidence {
            row.next_evidence = row.next_evidence.saturating_mul(2);
            let raise = make();
            if let Some(severity) = raise.severity
                && severity > finding.severity
            {
                finding.severity = severity;
                finding.summary = shortened(raise.summary.clone());
                is_news = true;
            }
            if finding.evidence.len() >= EVIDENCE {
                finding.evidence.remove(EVIDENCE / 2);
            }
            finding.evidence.push(evidence(raise, source));
        }
        if finding.status == FindingStatus::Resolved {
            finding.status = FindingStatus::New;
            is_news = true;
        }
        if row.standing == Standing::Told {
            self.raised = self.raised.max(Some(finding.severity));
        }
        if is_news && !row.is_changed && row.standing == Standing::Told {
            row.is_changed = true;
            self.changed.push(index);
        }
    }

    fn worded(
        &self,
        raise: &Raise,
        print: u128,
        source: &str,
        state: ShipState,
        policy: Option<&Policy>,
        directory: &dyn Directory,
    ) -> Finding {
        let row = catalogue::row(raise.card.id);
        let zone_name = |party: &Party| Some(policy?.zone(party.end.zone?)?.id.clone());
        let base = row.map_or(Severity::Medium, |row| row.severity);
        let severity = raise.severity.unwrap_or(base);
        // the catalogue's rule: what we are less than half sure of is never more than medium
        let severity = if raise.confidence < 0.5 { severity.min(Severity::Medium) } else { severity };
        Finding {
            finding_id: stable_id(IdKind::Finding, raise.at, &print.to_be_bytes()),
            fingerprint: format!("{print:032x}"),
            rule_id: raise.card.id.to_owned(),
            title: row.map_or_else(String::new, |row| row.title.clone()),
            category: row.map_or(dogwatch_model::Category::Health, |row| row.category),
            severity,
            confidence: raise.confidence,
            first_seen: raise.at,
            last_seen: raise.at,
            count: 1,
            source: end(&raise.from, policy, directory),
            destination: raise.to.as_ref().map(|to| end(to, policy, directory)).unwrap_or_default(),
            zone_from: zone_name(&raise.from),
            zone_to: raise.to.as_ref().and_then(zone_name),
            conduit: raise.conduit.clone(),
            service: raise.service.clone(),
            summary: shortened(raise.summary.clone()),
            why: raise.card.why.to_owned(),
            recommended_action: row.map_or_else(String::new, |row| row.action.clone()),
            evidence: vec![evidence(raise.clone(), source)],
            attack: row.map(|row| row.attack_ics.iter().cloned().map(AttackRef).collect()).unwrap_or_default(),
            imo: row.map(|row| row.imo.clone()).unwrap_or_default(),
            e26_clause: raise.card.e26.iter().map(|clause| (*clause).to_owned()).collect(),
            status: FindingStatus::New,
            status_history: Vec::new(),
            ship_state: state,
            position: self.position,
            proposal: raise.proposal.clone(),
        }
    }
}

/// What a finding is known by.
fn print_of(card: &Card, key: &[u8]) -> u128 {
    let mut whole = Vec::with_capacity(card.id.len().saturating_add(key.len()).saturating_add(1));
    whole.extend(card.id.as_bytes());
    whole.push(b'|');
    whole.extend(key);
    fingerprint(&whole)
}

/// Whether a person has accepted it, or an open window covers it.
fn is_accepted(policy: &Policy, raise: &Raise) -> bool {
    [Some(&raise.from), raise.to.as_ref()].into_iter().flatten().any(|party| {
        policy.accepted(raise.card.id, &party.end, raise.at).is_some()
            || policy.silenced(raise.card.id, &party.end, raise.at).is_some()
    })
}

/// Whether its zone only counts what the policy does not allow.
fn is_watched(policy: &Policy, raise: &Raise) -> bool {
    let mode = match &raise.to {
        Some(to) => policy.mode_between(raise.from.end.zone, to.end.zone),
        None => policy.mode_of(raise.from.end.zone),
    };
    ASKS_POLICY.contains(&raise.card.id) && mode == Mode::Watch
}

fn evidence(raise: Raise, source: &str) -> Evidence {
    Evidence {
        capture: source.to_owned(),
        frame: raise.frame,
        ts: raise.at,
        fields: raise.fields,
        expected: raise.expected,
    }
}

fn shortened(summary: String) -> String {
    if summary.chars().count() <= 160 { summary } else { summary.chars().take(159).chain(['…']).collect() }
}

fn end(party: &Party, policy: Option<&Policy>, directory: &dyn Directory) -> FindingEnd {
    let asset = party.row.and_then(|row| directory.asset(row));
    let declared = policy.zip(party.end.asset).and_then(|(policy, asset)| Some(policy.asset(asset)?.id.clone()));
    let name = declared.or_else(|| asset.map(dogwatch_model::Asset::display_name));
    FindingEnd {
        asset: asset.map(|asset| asset.asset_id.clone()),
        name: name.unwrap_or_else(|| party_name(party)),
        mac: Some(party.end.mac).filter(|mac| *mac != Mac::NONE),
        ip: party.end.ip,
        port: Some(party.port).filter(|port| *port != 0),
        n2k_name: match party.speaker {
            dogwatch_model::Speaker::Name { name, .. } => Some(name),
            _ => None,
        },
        sfi: party.sfi(),
    }
}

/// What an end is called when nothing better is known.
fn party_name(party: &Party) -> String {
    match party.identity() {
        crate::seen::Identity::Name(name) => format!("NAME {:016x}", name.number()),
        crate::seen::Identity::BusAddress(address) => format!("bus address {address}"),
        crate::seen::Identity::Ip(ip) => ip.to_string(),
        crate::seen::Identity::Mac(mac) if mac.is_none() => "a sender without an address".to_owned(),
        crate::seen::Identity::Mac(mac) => mac.to_string(),
    }
}

/// The name a summary uses for an end: declared id, own name, else address.
#[must_use]
pub(crate) fn call(party: &Party, policy: Option<&Policy>, directory: &dyn Directory) -> String {
    let end = end(party, policy, directory);
    match (party.end.asset, end.ip, end.mac) {
        (Some(_), ..) => end.name,
        (None, Some(ip), _) if end.name != ip.to_string() => format!("{} ({ip})", end.name),
        (None, None, Some(mac)) if end.name != mac.to_string() => format!("{} ({mac})", end.name),
        _ => end.name,
    }
}
