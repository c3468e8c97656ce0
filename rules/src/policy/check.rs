//! Checks that need more than one table: overlaps, addresses in the wrong zone, rules that are too wide, ended or unused, and the safety rules.

use std::collections::HashMap;
use std::time::Duration;

use dogwatch_model::{CaptureTime, Mac};

use super::app::{App, AppName};
use super::diagnostic::{Code, Report, Span};
use super::navigation::{MANAGEMENT, STEERING};
use super::parse::Spans;
use super::prefix::Prefix;
use super::types::{AssetIx, ConduitIx, EndSet, Line, LineHome, Usage, ZoneIx, ZonePlan};
use super::words::{Class, NavRole};
use super::{Policy, state_word};

const DAY: Duration = Duration::from_secs(86_400);
/// Longest time an exception may last.
const EXCEPTION_DAYS: u32 = 92;
/// Longest time a finding may be accepted.
const ACCEPT_DAYS: u32 = 366;
/// A line unused for so long, both at sea and in port, is dead.
const DEAD_DAYS: u32 = 60;
/// A range of ports wider than this is as good as every port.
const WIDE_PORTS: u16 = 1_024;

/// Runs every check across tables.
pub(super) fn across(
    report: &mut Report<'_>,
    policy: &Policy,
    spans: &Spans,
    today: CaptureTime,
    usage: Option<&Usage>,
) {
    unreachable_zones(report, policy, spans);
    overlapping_zones(report, policy, spans);
    shared_identities(report, policy, spans);
    misplaced_assets(report, policy, spans);
    for (conduit, places) in policy.conduits.iter().zip(&spans.conduits) {
        untrusted_into_ot(report, policy, conduit, places, today);
    }
    for (line, places) in policy.lines.iter().zip(&spans.lines) {
        if let LineHome::Conduit { conduit, .. } = &line.home {
            misplaced_ends(report, policy, *conduit, line, places);
            too_wide(report, policy, *conduit, line, &places.head);
        }
        expiry(report, policy, line, places, today, usage);
    }
    for (accept, place) in policy.accepts.iter().zip(&spans.accepts) {
        accepted_too_long(report, accept.until, &accept.detection, place, today);
    }
    if let Some(usage) = usage {
        dead_rules(report, policy, spans, usage, today);
    }
    navigation(report, policy, spans);
    doubled_pgns(report, policy, spans);
}

/// Whether two zones can be told apart by a list that one or both have: VLANs or interfaces.
fn told_apart<T: PartialEq>(a: &[T], b: &[T]) -> bool {
    (!a.is_empty() || !b.is_empty()) && !a.iter().any(|item| b.contains(item))
}

fn apart(a: &ZonePlan, b: &ZonePlan) -> bool {
    told_apart(&a.vlan, &b.vlan) || told_apart(&a.interface, &b.interface)
}

fn at_line(zone: &ZonePlan) -> String {
    if zone.line == 0 { format!("{} (implied)", zone.id) } else { format!("{} (line {})", zone.id, zone.line) }
}

/// A zone that nothing points to is empty for ever.
fn unreachable_zones(report: &mut Report<'_>, policy: &Policy, spans: &Spans) {
    for (zone, places) in policy.zones.iter().zip(&spans.zones) {
        let selected = !(zone.subnet.is_empty() && zone.vlan.is_empty() && zone.interface.is_empty());
        if !selected && zone.can.is_empty() && zone.mac.is_empty() && zone.id != "outside" {
            let message = format!("zone {} has no selector: nothing is ever in it", zone.id);
            report.warning(Code::P009, &places.head, message, "add subnet, vlan, interface, can or mac");
        }
    }
}

fn overlapping_zones(report: &mut Report<'_>, policy: &Policy, spans: &Spans) {
    for (position, (zone, places)) in policy.zones.iter().zip(&spans.zones).enumerate() {
        let others = policy.zones.iter().enumerate().filter(|(other, plan)| *other < position || plan.line == 0);
        for (_, other) in others.filter(|(other, _)| *other != position) {
            if apart(zone, other) {
                continue;
            }
            for (prefix, place) in zone.subnet.iter().zip(&places.subnet) {
                if other.subnet.contains(prefix) {
                    let message = format!("zones {} and {} both own {prefix}", at_line(other), at_line(zone));
                    report.error(Code::P003, place, message, "give one of them a VLAN or a longer prefix");
                }
            }
            let shared = zone.vlan.iter().find(|id| other.vlan.contains(id)).map(|id| format!("VLAN {id}"));
            let shared = shared.or_else(|| {
                let both = zone.interface.iter().find(|name| other.interface.contains(name));
                both.map(|name| format!("everything on interface {name}"))
            });
            if zone.subnet.is_empty()
                && other.subnet.is_empty()
                && let Some(shared) = shared
            {
                let message = format!("zones {} and {} both own {shared}", at_line(other), at_line(zone));
                report.error(Code::P003, &places.head, message, "give them subnets, or different VLANs");
            }
        }
    }
    let mut buses: HashMap<&str, &ZonePlan> = HashMap::new();
    let mut macs: HashMap<Mac, &ZonePlan> = HashMap::new();
    for (zone, places) in policy.zones.iter().zip(&spans.zones) {
        for (bus, place) in zone.can.iter().zip(&places.can) {
            if let Some(other) = buses.insert(bus, zone) {
                let message = format!("zones {} and {} both own bus {bus}", at_line(other), at_line(zone));
                report.error(Code::P003, place, message, "a bus belongs to one zone");
            }
        }
        for (mac, place) in zone.mac.iter().zip(&places.mac) {
            if let Some(other) = macs.insert(*mac, zone) {
                let message = format!("zones {} and {} both own {mac}", at_line(other), at_line(zone));
                report.error(Code::P003, place, message, "a MAC address belongs to one zone");
            }
        }
    }
}

/// Two assets of one zone with the same address could not be told apart.
fn shared_identities(report: &mut Report<'_>, policy: &Policy, spans: &Spans) {
    let mut ips: HashMap<(ZoneIx, std::net::IpAddr), AssetIx> = HashMap::new();
    let mut macs: HashMap<Mac, AssetIx> = HashMap::new();
    for (position, (asset, places)) in policy.assets.iter().zip(&spans.assets).enumerate() {
        let index = AssetIx::at(position);
        let clash = |report: &mut Report<'_>, other: Option<AssetIx>, what: String, place: &Span| {
            let other = other.filter(|other| *other != index).and_then(|other| policy.asset(other));
            if let Some(other) = other {
                let message = format!("assets {} (line {}) and {} both have {what}", other.id, other.line, asset.id);
                let help = "an address belongs to one asset; a hot standby is written ip_takeover = \"…\"";
                report.error(Code::P003, place, message, help);
            }
        };
        for (ip, place) in asset.ip.iter().zip(&places.ip) {
            let other = ips.insert((asset.zone, *ip), index);
            clash(report, other, ip.to_string(), place);
        }
        for (mac, place) in asset.mac.iter().zip(&places.mac) {
            let other = macs.insert(*mac, index);
            clash(report, other, mac.to_string(), place);
        }
    }
}

fn subnets(zone: &ZonePlan) -> String {
    zone.subnet.iter().map(Prefix::to_string).collect::<Vec<_>>().join(", ")
}

/// The zone whose prefix for an address is longest, with that length; `outside` does not count.
fn owner_of(policy: &Policy, ip: std::net::IpAddr) -> Option<(ZoneIx, u8)> {
    let owners = policy.zones.iter().enumerate().filter(|(position, _)| ZoneIx::at(*position) != policy.outside);
    let prefixes =
        owners.flat_map(|(position, zone)| zone.subnet.iter().map(move |prefix| (ZoneIx::at(position), *prefix)));
    prefixes
        .filter(|(_, prefix)| prefix.contains(ip))
        .map(|(zone, prefix)| (zone, prefix.length()))
        .max_by_key(|(_, length)| *length)
}

fn misplaced_assets(report: &mut Report<'_>, policy: &Policy, spans: &Spans) {
    for (asset, places) in policy.assets.iter().zip(&spans.assets) {
        let Some(zone) = policy.zone(asset.zone) else { continue };
        let homes = || std::iter::once(&asset.zone).chain(&asset.roaming).filter_map(|home| policy.zone(*home));
        if homes().any(|home| home.subnet.is_empty()) || asset.zone == policy.outside {
            continue;
        }
        for (ip, place) in asset.ip.iter().zip(&places.ip) {
            let best = homes()
                .flat_map(|home| &home.subnet)
                .filter(|prefix| prefix.contains(*ip))
                .map(|prefix| prefix.length())
                .max();
            let owner = owner_of(policy, *ip).filter(|(owner, _)| !asset.belongs_to(*owner));
            let owner_plan = owner.and_then(|(owner, _)| policy.zone(owner));
            match (best, owner, owner_plan) {
                (None, _, plan) => {
                    let message = format!("asset {} has {ip} but zone {} is {}", asset.id, zone.id, subnets(zone));
                    let help = plan.map_or_else(
                        || "no zone owns that address; correct it or give the zone the subnet".to_owned(),
                        |plan| format!("{} owns that address", at_line(plan)),
                    );
                    report.error(Code::P004, place, message, help);
                }
                (Some(length), Some((_, longer)), Some(plan)) if longer > length && !apart(zone, plan) => {
                    let message =
                        format!("asset {} has {ip}, which {} owns by a longer prefix", asset.id, at_line(plan));
                    report.error(
                        Code::P004,
                        place,
                        message,
                        format!("put the asset into zone {}, or correct the address", plan.id),
                    );
                }
                _ => {}
            }
        }
    }
}

/// An end of a line that is never in the conduit's zone makes a line that never holds.
fn misplaced_ends(
    report: &mut Report<'_>,
    policy: &Policy,
    conduit: ConduitIx,
    line: &Line,
    places: &super::parse_conduits::LineSpans,
) {
    let Some(conduit) = policy.conduit(conduit) else { return };
    for (key, set, zone, place) in
        [("from", &line.from, conduit.from, &places.from), ("to", &line.to, conduit.to, &places.to)]
    {
        let Some(plan) = policy.zone(zone) else { continue };
        for asset in set.assets.iter().filter_map(|asset| policy.asset(*asset)) {
            if !asset.belongs_to(zone) {
                let home = policy.zone_id(Some(asset.zone));
                let message = format!(
                    "{key}: asset {} is in zone {home}, but conduit {} has {key} = \"{}\"",
                    asset.id, conduit.id, plan.id
                );
                report.error(
                    Code::P004,
                    place,
                    message,
                    format!("write the line in a conduit with {key} = \"{home}\""),
                );
            }
        }
        if zone == policy.outside || plan.subnet.is_empty() {
            continue;
        }
        for prefix in set.prefixes.iter().filter(|prefix| !prefix.address().is_multicast()) {
            if !plan.subnet.iter().any(|subnet| subnet.overlaps(*prefix)) {
                let message = format!("{key}: {prefix} is not in zone {}, which is {}", plan.id, subnets(plan));
                let owner = owner_of(policy, prefix.address()).and_then(|(owner, _)| policy.zone(owner));
                let help = owner.map_or_else(
                    || "no zone owns that address".to_owned(),
                    |owner| format!("{} owns that address", at_line(owner)),
                );
                report.error(Code::P004, place, message, help);
            }
        }
    }
}

fn untrusted_into_ot(
    report: &mut Report<'_>,
    policy: &Policy,
    conduit: &super::ConduitPlan,
    places: &super::parse_conduits::ConduitSpans,
    today: CaptureTime,
) {
    let (Some(from), Some(to)) = (policy.zone(conduit.from), policy.zone(conduit.to)) else { return };
    if from.class != Class::Untrusted || to.class != Class::Ot {
        return;
    }
    match places.acknowledged_until {
        Some(until) if today <= until => {}
        Some(until) => {
            let message = format!("the acknowledgement of conduit {} ended {}", conduit.id, date(until));
            report.error(Code::P011, &places.head, message, "decide again: delete the conduit, or set a new until");
        }
        None => {
            let message =
                format!("untrusted zone {} may not have a conduit to {}, which is of class ot", from.id, to.id);
            let help =
                "route it through a zone of function dmz (override: acknowledge = \"P011\" with owner and until)";
            report.error(Code::P011, &places.head, message, help);
        }
    }
}

fn named(set: &EndSet, everybody: &str) -> String {
    if set.restricted { set.written.join(", ") } else { everybody.to_owned() }
}

fn too_wide(report: &mut Report<'_>, policy: &Policy, conduit: ConduitIx, line: &Line, head: &Span) {
    let Some(conduit) = policy.conduit(conduit) else { return };
    let (Some(from), Some(to)) = (policy.zone(conduit.from), policy.zone(conduit.to)) else { return };
    if to.class != Class::Ot {
        return;
    }
    let who = named(&line.from, &format!("every host of {}", from.id));
    let whom = named(&line.to, &format!("every host of {}", to.id));
    let (what, missing) = match line.app {
        App::Named(name) if name.is_industrial() => {
            let what = match (line.ops.is_empty(), line.ops.changes()) {
                (true, _) => "read, write and program",
                (false, true) => "write",
                (false, false) => return,
            };
            let narrow = !line.addr.is_empty() || !line.object.is_empty();
            // Who may write is the first thing to say; where, the second.
            if line.from.restricted || narrow {
                return;
            }
            let mut missing = vec!["from"];
            missing.extend((!line.to.restricted).then_some("to"));
            missing.extend(line.ops.is_empty().then_some("op"));
            missing.push(if name == AppName::Modbus { "addr" } else { "object" });
            let all = if name == AppName::Modbus { "all registers" } else { "everything" };
            (format!("{what} {all} of"), missing)
        }
        App::Ip(number @ (6 | 17)) => {
            (format!("reach every {} port of", if number == 6 { "TCP" } else { "UDP" }), vec!["app = \"tcp/NNN\""])
        }
        App::Tcp(first, last) | App::Udp(first, last) if last - first >= WIDE_PORTS => {
            (format!("reach {} ports of", u32::from(last - first) + 1), vec!["a narrower app"])
        }
        App::Named(_) | App::Tcp(..) | App::Udp(..) | App::Ip(_) => return,
    };
    let help = format!("add {}", missing.join(", "));
    report.warning(Code::P007, head, format!("allows {who} to {what} {whom}"), help);
}

fn date(at: CaptureTime) -> String {
    let (year, month, day, ..) = at.civil();
    format!("{year:04}-{month:02}-{day:02}")
}

fn expiry(
    report: &mut Report<'_>,
    policy: &Policy,
    line: &Line,
    places: &super::parse_conduits::LineSpans,
    today: CaptureTime,
    usage: Option<&Usage>,
) {
    let id = match &line.home {
        LineHome::Exception { id } => format!("exception {id}"),
        LineHome::Conduit { conduit, number } => {
            let id = policy.conduit(*conduit).map_or("?", |conduit| &conduit.id);
            format!("exception {id} allow {number}")
        }
    };
    let is_exception = matches!(line.home, LineHome::Exception { .. });
    let window = line.when.window.filter(|_| is_exception).and_then(|window| policy.window(window));
    if let Some(window) = window.filter(|window| window.lasts() > DAY * EXCEPTION_DAYS) {
        let message = format!("{id} lasts as long as window {}: more than {EXCEPTION_DAYS} days", window.id);
        report.error(
            Code::P008,
            &places.head,
            message,
            "an exception lasts at most 92 days; what lasts longer is a conduit",
        );
    }
    let ends = [line.until, window.map(|window| window.to)].into_iter().flatten().min();
    let Some(ends) = ends else { return };
    let place = places.until.as_ref().unwrap_or(&places.head);
    if ends < today {
        let used = usage.into_iter().flat_map(|usage| &usage.after_end);
        let used =
            used.filter(|used| is_exception && matches!(&line.home, LineHome::Exception { id } if *id == used.id));
        let used: String =
            used.map(|used| format!("; {} uses since (last {})", used.count, minute(used.last))).collect();
        report.warning(Code::P008, place, format!("{id} ended {}{used}", date(ends)), "extend or delete it");
    } else if let Some(until) = line.until.filter(|until| *until > today.plus(DAY * (EXCEPTION_DAYS + 1))) {
        let message = format!("{id} ends {}, more than {EXCEPTION_DAYS} days from now", date(until));
        report.warning(
            Code::P008,
            place,
            message,
            "an exception lasts at most 92 days; what lasts longer is a conduit",
        );
    }
}

fn minute(at: CaptureTime) -> String {
    let (_, _, _, hour, minute, ..) = at.civil();
    format!("{} {hour:02}:{minute:02}", date(at))
}

fn accepted_too_long(report: &mut Report<'_>, until: CaptureTime, detection: &str, place: &Span, today: CaptureTime) {
    if until < today {
        let message = format!("acceptance of {detection} ended {}", date(until));
        report.warning(Code::P008, place, message, "extend or delete it");
    } else if until > today.plus(DAY * (ACCEPT_DAYS + 1)) {
        let message = format!("acceptance of {detection} ends {}, more than {ACCEPT_DAYS} days from now", date(until));
        report.warning(
            Code::P008,
            place,
            message,
            "a risk is accepted for at most 366 days, then somebody decides again",
        );
    }
}

fn dead_rules(report: &mut Report<'_>, policy: &Policy, spans: &Spans, usage: &Usage, today: CaptureTime) {
    let seen_both = usage.days_at_sea > 0 && usage.days_in_port > 0;
    if !seen_both || usage.days_at_sea.saturating_add(usage.days_in_port) < DEAD_DAYS {
        return;
    }
    for (line, places) in policy.lines.iter().zip(&spans.lines) {
        let LineHome::Conduit { conduit, number } = &line.home else { continue };
        let Some(conduit) = policy.conduit(*conduit) else { continue };
        let uses = usage.lines.iter().filter(|used| used.conduit == conduit.id && used.number == *number);
        let last = uses.map(|used| used.last).max();
        if last.is_none_or(|last| today.since(last) >= DAY * DEAD_DAYS) {
            let message = format!("{} line {number} was not used for {DEAD_DAYS} days at sea and in port", conduit.id);
            let help = match line.when.states().next() {
                Some(state) => format!("delete it, or keep it if {} is still to come", state_word(state)),
                None => "delete it, or keep it if it is for a rare task".to_owned(),
            };
            report.warning(Code::P009, &places.head, message, help);
        }
    }
}

/// One system function id for one source, and steering sentences only for steering sources.
fn navigation(report: &mut Report<'_>, policy: &Policy, spans: &Spans) {
    for (position, (entry, places)) in policy.nmea.iter().zip(&spans.nmea).enumerate() {
        for (sfi, place) in entry.sfi.iter().zip(&places.sfi) {
            let earlier = policy.nmea.iter().take(position).find(|other| {
                let share = other.redundancy.is_some() && other.redundancy == entry.redundancy;
                other.source != entry.source && other.sfi.contains(sfi) && !share
            });
            if let Some(other) = earlier {
                let id = policy.asset(other.source).map_or("?", |asset| &asset.id);
                let message = format!("{sfi} is already the system function id of {id} (line {})", other.line);
                report.error(Code::P003, place, message, "give each source its own, or both the same redundancy name");
            }
        }
        for (sentence, place) in entry.sentences.iter().zip(&places.sentences) {
            if STEERING.contains(&sentence.as_str()) && entry.role != Some(NavRole::SteeringCommand) {
                let message = format!("{sentence} steers, but this source has not the role steering-command");
                report.warning(Code::P011, place, message, "set role = \"steering-command\", or take the sentence out");
            }
        }
        if entry.sentences.is_empty() {
            let message = "allows this source every sentence";
            report.warning(Code::P007, &places.head, message, "add sentences = [\"…\"]");
        }
    }
}

fn doubled_pgns(report: &mut Report<'_>, policy: &Policy, spans: &Spans) {
    for (position, (entry, places)) in policy.n2k.iter().zip(&spans.n2k).enumerate() {
        let earlier = || policy.n2k.iter().take(position).filter(|other| other.bus == entry.bus);
        if let Some(other) = earlier().find(|other| other.name == entry.name && other.source != entry.source) {
            let message = format!(
                "{} (line {}) and {} have the same NAME on {}",
                other.source, other.line, entry.source, entry.bus
            );
            report.error(Code::P003, &places.name, message, "every device has a unique number of its own");
        }
        let rivals = || {
            earlier().filter(|other| {
                let share = other.redundancy.is_some() && other.redundancy == entry.redundancy;
                other.name != entry.name && !share
            })
        };
        for (pgn, place) in entry.pgn.iter().zip(&places.pgn) {
            // Group functions are sent by every device that commands or answers.
            if MANAGEMENT.contains(pgn) || *pgn == 126_208 {
                continue;
            }
            if let Some(other) = rivals().find(|other| other.pgn.contains(pgn)) {
                let message = format!(
                    "pgn {pgn} is listed for two sources without redundancy on {}: {} (line {}) and {}",
                    entry.bus, other.source, other.line, entry.source
                );
                report.error(Code::P013, place, message, "give both the same redundancy name, or take it from one");
            }
        }
        if entry.pgn.is_empty() {
            report.warning(Code::P009, &places.bus, format!("{} may send nothing", entry.source), "add pgn = […]");
        }
    }
}
