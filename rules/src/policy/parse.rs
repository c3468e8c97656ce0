//! Reads the whole file: syntax, tables in their order of dependence, then the checks across tables, then the indexes.

use std::collections::HashMap;

use dogwatch_model::{CaptureTime, Mac, ShipState};
use toml_edit::TableLike;

use super::diagnostic::{Code, Report, Span, nearest};
use super::prefix::Prefix;
use super::reader::{At, Section, clipped};
use super::types::{AssetIx, EndSet, LineIx, Usage, VesselPlan, WindowIx, ZoneIx};
use super::words::{Mode, STATES, state_word};
use super::{Checked, Policy, StateRule, StateRules, StateSource};
use super::{check, judge, navigation, parse_conduits, parse_detections, parse_navigation, parse_zones, place, points};

/// A policy is written by hand or proposed from some weeks of traffic; more than this is a mistake.
const LONGEST_FILE: usize = 4 * 1024 * 1024;
/// Lists are indexed with 16 bits, and some checks compare every entry with every other.
pub(super) const MOST_ENTRIES: usize = 20_000;
/// The table of zone pairs is dense.
pub(super) const MOST_ZONES: usize = 250;

const TOP: &[&str] = &[
    "format",
    "mode",
    "unlearned_states",
    "vessel",
    "state",
    "zone",
    "asset",
    "group",
    "point",
    "conduit",
    "nmea",
    "n2k",
    "navigation",
    "window",
    "exception",
    "accept",
    "detections",
];

/// Names of the file and where they are defined.
#[derive(Default)]
pub(super) struct Names {
    pub(super) zones: HashMap<String, (ZoneIx, u32)>,
    pub(super) assets: HashMap<String, (AssetIx, u32)>,
    pub(super) groups: HashMap<String, (Vec<AssetIx>, u32)>,
    pub(super) windows: HashMap<String, (WindowIx, u32)>,
    pub(super) redundancy: Vec<String>,
}

impl Names {
    /// The index of a redundancy name; new names are added.
    pub(super) fn redundancy(&mut self, name: String) -> Option<u16> {
        let position = self.redundancy.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.redundancy.push(name);
            self.redundancy.len() - 1
        });
        u16::try_from(position).ok()
    }
}

/// Where each thing that the later checks speak of stands in the text; beside the lists of the policy.
#[derive(Default)]
pub(super) struct Spans {
    pub(super) zones: Vec<parse_zones::ZoneSpans>,
    pub(super) assets: Vec<parse_zones::AssetSpans>,
    pub(super) conduits: Vec<parse_conduits::ConduitSpans>,
    pub(super) lines: Vec<parse_conduits::LineSpans>,
    pub(super) nmea: Vec<parse_navigation::NmeaSpans>,
    pub(super) n2k: Vec<parse_navigation::N2kSpans>,
    pub(super) windows: Vec<Span>,
    pub(super) accepts: Vec<Span>,
}

/// See [`super::check_with_usage`].
pub(super) fn parse(text: &str, file: &str, today: CaptureTime, usage: Option<&Usage>) -> Checked {
    let mut report = Report::new(text, file);
    if text.len() > LONGEST_FILE {
        report.error(
            Code::P000,
            &(0..0),
            "the file is larger than 4 MB",
            "a policy is a few hundred lines; is this the right file?",
        );
        return Checked { policy: None, diagnostics: report.finish() };
    }
    let document = match toml_edit::Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let span = error.span().unwrap_or(0..0);
            report.error(Code::P000, &span, error.message().replace('\n', " "), "");
            return Checked { policy: None, diagnostics: report.finish() };
        }
    };
    let (policy, spans) = read(&mut report, document.as_table());
    check::across(&mut report, &policy, &spans, today, usage);
    let policy = (!report.has_errors()).then(|| indexed(policy));
    Checked { policy, diagnostics: report.finish() }
}

/// Builds the indexes once everything is known to be right.
fn indexed(mut policy: Policy) -> Policy {
    policy.placer = place::Placer::new(&policy);
    policy.rules = judge::Rules::new(&policy);
    policy.talkers = navigation::Talkers::new(&policy);
    policy
}

fn read(report: &mut Report<'_>, root: &dyn TableLike) -> (Policy, Spans) {
    let top = Section::open(report, root, "the policy", 0..0, TOP);
    let mut names = Names::default();
    let mut spans = Spans::default();
    top.need(report, "format", "1");
    if let Some(format) = top.integer(report, "format", 0..=i64::MAX)
        && format.value != 1
    {
        report.error(
            Code::P000,
            &format.span,
            format!("format {} is not known to this version", format.value),
            "format = 1",
        );
    }
    let (zones, outside) = parse_zones::zones(report, &top, &mut names, &mut spans);
    let assets = parse_zones::assets(report, &top, &mut names, &mut spans);
    let groups = parse_zones::groups(report, &top, &mut names);
    let mut policy = Policy {
        mode: top.word(report, "mode").map_or(Mode::Enforce, |mode| mode.value),
        unlearned_states_watch: unlearned_states(report, &top),
        is_state_unlearned: false,
        vessel: vessel(report, &top),
        state: state(report, &top),
        zones,
        assets,
        groups,
        conduits: Vec::new(),
        lines: Vec::new(),
        nmea: Vec::new(),
        n2k: Vec::new(),
        antennas: Vec::new(),
        windows: Vec::new(),
        accepts: Vec::new(),
        thresholds: Vec::new(),
        points: points::points(report, &top, &names),
        outside,
        placer: place::Placer::default(),
        rules: judge::Rules::default(),
        talkers: navigation::Talkers::default(),
    };
    top.need(report, "mode", "\"learn\"");
    policy.windows = parse_conduits::windows(report, &top, &mut names, &mut spans);
    parse_conduits::conduits(report, &top, &names, &mut policy, &mut spans);
    parse_conduits::exceptions(report, &top, &names, &mut policy, &mut spans);
    policy.accepts = parse_conduits::accepts(report, &top, &names, &mut spans);
    policy.nmea = parse_navigation::nmea(report, &top, &mut names, &mut spans);
    policy.n2k = parse_navigation::n2k(report, &top, &policy.zones, &mut names, &mut spans);
    policy.antennas = parse_navigation::antennas(report, &top, &names);
    policy.thresholds = parse_detections::thresholds(report, &top);
    (policy, spans)
}

/// `unlearned_states = "watch"`, at the top or in a zone.
pub(super) fn unlearned_states(report: &mut Report<'_>, section: &Section<'_>) -> bool {
    let Some(word) = section.text(report, "unlearned_states") else { return false };
    if word.value != "watch" {
        let message = format!("unlearned_states = \"{}\" has no meaning", clipped(&word.value));
        report.error(Code::P002, &word.span, message, "the only word is \"watch\"");
    }
    true
}

fn vessel(report: &mut Report<'_>, top: &Section<'_>) -> VesselPlan {
    const KEYS: &[&str] = &["name", "imo", "mmsi", "type", "length_m", "max_speed_kn", "max_turn_deg_min"];
    let Some((table, span)) = top.table(report, "vessel") else { return VesselPlan::default() };
    let section = Section::open(report, table, "vessel", span, KEYS);
    let imo = section.integer(report, "imo", 0..=i64::MAX).and_then(|imo| imo_number(report, &imo));
    let mmsi = section.integer(report, "mmsi", 0..=i64::MAX).and_then(|mmsi| {
        // ITU-R M.585: a ship station's identity has nine digits and begins with the country, 2 to 7.
        let fits = (200_000_000..=799_999_999).contains(&mmsi.value);
        if !fits {
            report.error(
                Code::P012,
                &mmsi.span,
                format!("mmsi {} is no ship's", mmsi.value),
                "nine digits, the first from 2 to 7",
            );
        }
        fits.then(|| u32::try_from(mmsi.value).ok()).flatten()
    });
    VesselPlan {
        name: section.text_or_empty(report, "name"),
        imo,
        mmsi,
        ship_type: section.text_or_empty(report, "type"),
        length_m: section.number(report, "length_m", 0.0).map(|n| n.value),
        max_speed_kn: section.number(report, "max_speed_kn", 0.0).map(|n| n.value),
        max_turn_deg_min: section.number(report, "max_turn_deg_min", 0.0).map(|n| n.value),
    }
}

/// Verifies the check digit: the first six digits weighted 7 to 2, last digit of the sum (IMO resolution A.1117(30)).
fn imo_number(report: &mut Report<'_>, imo: &At<i64>) -> Option<u32> {
    let number = u32::try_from(imo.value).ok().filter(|number| (1_000_000..=9_999_999).contains(number));
    let Some(number) = number else {
        report.error(
            Code::P012,
            &imo.span,
            format!("imo {} has not seven digits", imo.value),
            "seven digits, the last a check digit",
        );
        return None;
    };
    let digit = |place: u32| number / 10_u32.pow(place) % 10;
    let expected = (1..=6).map(|place| digit(place) * (place + 1)).sum::<u32>() % 10;
    if digit(0) != expected {
        let message = format!("imo {number} has a wrong check digit (expected {expected})");
        report.error(Code::P012, &imo.span, message, "compare with the certificate of registry");
        return None;
    }
    Some(number)
}

fn state(report: &mut Report<'_>, top: &Section<'_>) -> StateRules {
    let Some((table, span)) = top.table(report, "state") else { return StateRules::default() };
    let keys: Vec<&'static str> = std::iter::once("source").chain(STATES.into_iter().map(state_word)).collect();
    let section = Section::open(report, table, "state", span, &keys);
    let source = section.word(report, "source").map_or(StateSource::Auto, |source| source.value);
    let mut rules = Vec::new();
    for state in STATES {
        let Some(text) = section.text(report, state_word(state)) else { continue };
        if state == ShipState::Unknown {
            report.error(
                Code::P001,
                &section.key_span("unknown"),
                "\"unknown\" is what remains; it has no rule",
                "leave it out",
            );
            continue;
        }
        match StateRule::parse(&text.value) {
            Ok(rule) => rules.push((state, rule)),
            Err(why) => {
                let help = "write \"sog > 3 kn for 10 min\", \"sog 0.5..6 kn for 3 min\", \"nav = 1 and sog < 2 kn for 5 min\" or \"manual\"";
                report.error(Code::P000, &text.span, format!("{} cannot be read: {why}", state_word(state)), help);
            }
        }
    }
    StateRules { source, rules }.with_anchor()
}

/// Reads an id and claims it; a second owner of the same id is reported.
pub(super) fn claim<T>(
    report: &mut Report<'_>,
    section: &Section<'_>,
    what: &str,
    taken: &HashMap<String, (T, u32)>,
) -> Option<At<String>> {
    section.need(report, "id", "\"…\"");
    let id = section.text(report, "id")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fits = (1..=48).contains(&id.value.len()) && id.value.chars().all(plain) && Prefix::parse(&id.value).is_none();
    if !fits {
        let help = "up to 48 letters, digits, - and _; not an address";
        report.error(Code::P012, &id.span, format!("\"{}\" cannot be the id of {what}", clipped(&id.value)), help);
        return None;
    }
    if let Some((_, line)) = taken.get(&id.value) {
        let message = format!("{what} {} is defined twice; first in line {line}", id.value);
        report.error(Code::P003, &id.span, message, "give one of them another id");
        return None;
    }
    Some(id)
}

/// Finds a zone by its id.
pub(super) fn zone(report: &mut Report<'_>, names: &Names, id: &At<String>) -> Option<ZoneIx> {
    let found = names.zones.get(&id.value).map(|(zone, _)| *zone);
    if found.is_none() {
        let help = near(&id.value, names.zones.iter().map(|(id, (_, line))| (id.as_str(), *line)));
        report.error(Code::P002, &id.span, format!("no zone has the id \"{}\"", clipped(&id.value)), help);
    }
    found
}

/// Finds an asset by its id.
pub(super) fn asset(report: &mut Report<'_>, names: &Names, id: &At<String>) -> Option<AssetIx> {
    let found = names.assets.get(&id.value).map(|(asset, _)| *asset);
    if found.is_none() {
        let help = near(&id.value, names.assets.iter().map(|(id, (_, line))| (id.as_str(), *line)));
        report.error(Code::P002, &id.span, format!("no asset has the id \"{}\"", clipped(&id.value)), help);
    }
    found
}

/// "nearest: x (line n)" for a name that nothing carries.
pub(super) fn near<'n>(wrong: &str, known: impl Iterator<Item = (&'n str, u32)>) -> String {
    let mut known: Vec<(&str, u32)> = known.collect();
    known.sort_unstable();
    let meant = nearest(wrong, known.iter().map(|(id, _)| *id));
    let line = meant.and_then(|meant| known.iter().find(|(id, _)| *id == meant));
    match line {
        Some((id, 0)) => format!("nearest: {id}"),
        Some((id, line)) => format!("nearest: {id} (line {line})"),
        None if known.is_empty() => "none is defined".to_owned(),
        None => {
            let some: Vec<&str> = known.iter().map(|(id, _)| *id).take(12).collect();
            let more = if known.len() > some.len() { ", …" } else { "" };
            format!("the file defines: {}{more}", some.join(", "))
        }
    }
}

/// Reads `from`, `to`, `hosts` or `asset`: ids of assets and groups, `*`, literal addresses and prefixes.
pub(super) fn ends(report: &mut Report<'_>, section: &Section<'_>, key: &str, names: &Names) -> EndSet {
    let words = section.texts(report, key);
    if section.is_empty_list(key) {
        report.error(
            Code::P000,
            &section.value_span(key),
            format!("{key} names nobody"),
            "name somebody, or leave the field out",
        );
    }
    let mut set = EndSet { restricted: !words.is_empty(), ..EndSet::default() };
    for word in &words {
        set.written.push(clipped(&word.value));
        if word.value == "*" {
            set.restricted = false;
        } else {
            end(report, key, names, word, &mut set);
        }
    }
    set.assets.sort_unstable();
    set.assets.dedup();
    set
}

fn end(report: &mut Report<'_>, key: &str, names: &Names, word: &At<String>, set: &mut EndSet) {
    if let Some((asset, _)) = names.assets.get(&word.value) {
        set.assets.push(*asset);
    } else if let Some((members, _)) = names.groups.get(&word.value) {
        set.assets.extend(members);
    } else if let Some((prefix, cleared)) = Prefix::parse(&word.value) {
        if cleared {
            report.warning(
                Code::P004,
                &word.span,
                format!("{} has bits set behind the prefix", word.value),
                format!("write \"{prefix}\""),
            );
        }
        set.prefixes.push(prefix);
    } else if let Ok(mac) = word.value.parse::<Mac>() {
        set.macs.push(mac);
    } else if word.value.starts_with(|c: char| c.is_ascii_digit()) && word.value.contains(['/', ':', '.']) {
        let message = format!("\"{}\" is no address or prefix", clipped(&word.value));
        report.error(Code::P004, &word.span, message, "such as 10.10.32.77, 10.10.32.0/24 or fd10:31::/64");
    } else {
        let assets = names.assets.iter().map(|(id, (_, line))| (id.as_str(), *line));
        let groups = names.groups.iter().map(|(id, (_, line))| (id.as_str(), *line));
        let help = near(&word.value, assets.chain(groups));
        let message = format!("{key} = [\"{}\"]: no asset or group has this id", clipped(&word.value));
        report.error(Code::P002, &word.span, message, help);
    }
}

/// The next free index of a list, or a report that there are too many.
pub(super) fn room(report: &mut Report<'_>, span: &Span, len: usize, most: usize, what: &str) -> bool {
    if len >= most {
        report.error(Code::P005, span, format!("more than {most} {what}"), "is this file what it should be?");
    }
    len < most
}

/// The index a line will get.
pub(super) fn next_line(policy: &Policy) -> LineIx {
    LineIx::at(policy.lines.len())
}
