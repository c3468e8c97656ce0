//! Reads zones, assets and groups.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dogwatch_model::Mac;

use super::diagnostic::{Code, Report, Span};
use super::parse::{MOST_ENTRIES, MOST_ZONES, Names, Spans, asset, claim, room, unlearned_states, zone};
use super::prefix::Prefix;
use super::reader::{At, Section, clipped, in_range};
use super::types::{AssetIx, AssetPlan, GroupPlan, ZoneIx, ZonePlan};
use super::words::{Class, Devices, Function, Importance};

/// Places of one zone's selectors, beside the lists of the zone.
pub(super) struct ZoneSpans {
    pub(super) head: Span,
    pub(super) subnet: Vec<Span>,
    pub(super) mac: Vec<Span>,
    pub(super) can: Vec<Span>,
}

/// Places of one asset's addresses, beside the lists of the asset.
pub(super) struct AssetSpans {
    pub(super) ip: Vec<Span>,
    pub(super) mac: Vec<Span>,
}

pub(super) const ZONE: &[&str] = &[
    "id",
    "label",
    "function",
    "class",
    "criticality",
    "devices",
    "mode",
    "unlearned_states",
    "vlan",
    "subnet",
    "interface",
    "can",
    "multicast",
    "mac",
];

/// Reads all zones and adds the implied `outside`; gives its index too.
pub(super) fn zones(
    report: &mut Report<'_>,
    top: &Section<'_>,
    names: &mut Names,
    spans: &mut Spans,
) -> (Vec<ZonePlan>, ZoneIx) {
    let mut zones = Vec::new();
    for (table, span) in top.tables(report, "zone") {
        if !room(report, &span, zones.len(), MOST_ZONES, "zones") {
            break;
        }
        let section = Section::open(report, table, "zone", span.clone(), ZONE);
        let id = claim(report, &section, "zone", &names.zones).filter(|id| {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            let fits = (2..=24).contains(&id.value.len()) && id.value.chars().all(plain);
            if !fits {
                let help = "2 to 24 small letters, digits and hyphens";
                report.error(
                    Code::P012,
                    &id.span,
                    format!("\"{}\" cannot be the id of a zone", clipped(&id.value)),
                    help,
                );
            }
            fits
        });
        let line = report.line(&id.as_ref().map_or(span, |id| id.span.clone()));
        if let Some(id) = &id {
            names.zones.insert(id.value.clone(), (ZoneIx::at(zones.len()), line));
        }
        let (zone, places) = one_zone(report, &section, id.map(|id| id.value).unwrap_or_default(), line);
        zones.push(zone);
        spans.zones.push(places);
    }
    let outside = zones.iter().position(|zone| zone.id == "outside").unwrap_or_else(|| {
        names.zones.insert("outside".to_owned(), (ZoneIx::at(zones.len()), 0));
        zones.push(implied_outside());
        spans.zones.push(ZoneSpans { head: 0..0, subnet: Vec::new(), mac: Vec::new(), can: Vec::new() });
        zones.len() - 1
    });
    (zones, ZoneIx::at(outside))
}

fn one_zone(report: &mut Report<'_>, section: &Section<'_>, id: String, line: u32) -> (ZonePlan, ZoneSpans) {
    section.need(report, "function", "\"navigation\"");
    section.need(report, "class", "\"ot\"");
    let subnet = prefixes(report, section, "subnet");
    let mac = macs(report, section);
    let can = section.texts(report, "can");
    let vlan = section.integers(report, "vlan");
    let vlan = vlan.into_iter().filter(|id| in_range(report, id, "vlan", &(1..=4_094)));
    let vlan: Vec<u16> = vlan.collect::<Vec<_>>().into_iter().filter_map(|id| u16::try_from(id.value).ok()).collect();
    let multicast = prefixes(report, section, "multicast");
    for group in &multicast {
        if !group.value.address().is_multicast() {
            let help = "IPv4 groups lie in 224.0.0.0/4, IPv6 groups in ff00::/8";
            report.error(Code::P004, &group.span, format!("{} is no multicast group", group.value), help);
        }
    }
    let text = |list: Vec<At<String>>| list.into_iter().map(|text| text.value).collect::<Vec<_>>();
    let label = section.text_or_empty(report, "label");
    let zone = ZonePlan {
        label: if label.is_empty() { id.clone() } else { label },
        id,
        function: section.word(report, "function").map_or(Function::Business, |word| word.value),
        class: section.word(report, "class").map_or(Class::Untrusted, |word| word.value),
        criticality: section.word(report, "criticality").map_or(Importance::Medium, |word| word.value),
        devices: section.word(report, "devices").map_or(Devices::Fixed, |word| word.value),
        mode: section.word(report, "mode").map(|word| word.value),
        unlearned_states_watch: unlearned_states(report, section),
        vlan,
        subnet: subnet.iter().map(|prefix| prefix.value).collect(),
        interface: text(section.texts(report, "interface")),
        can: can.iter().map(|bus| bus.value.clone()).collect(),
        multicast: multicast.iter().map(|prefix| prefix.value).collect(),
        mac: mac.iter().map(|mac| mac.value).collect(),
        line,
    };
    let places = ZoneSpans {
        head: section.value_span("id"),
        subnet: subnet.into_iter().map(|prefix| prefix.span).collect(),
        mac: mac.into_iter().map(|mac| mac.span).collect(),
        can: can.into_iter().map(|bus| bus.span).collect(),
    };
    (zone, places)
}

/// The zone of everything that no other zone owns.
fn implied_outside() -> ZonePlan {
    let all = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    ZonePlan {
        id: "outside".to_owned(),
        label: "Ashore".to_owned(),
        function: Function::Outside,
        class: Class::Untrusted,
        criticality: Importance::Low,
        devices: Devices::Open,
        mode: None,
        unlearned_states_watch: false,
        vlan: Vec::new(),
        subnet: all.into_iter().filter_map(|address| Prefix::new(address, 0)).collect(),
        interface: Vec::new(),
        can: Vec::new(),
        multicast: Vec::new(),
        mac: Vec::new(),
        line: 0,
    }
}

fn prefixes(report: &mut Report<'_>, section: &Section<'_>, key: &str) -> Vec<At<Prefix>> {
    let mut found = Vec::new();
    for text in section.texts(report, key) {
        match Prefix::parse(&text.value) {
            Some((prefix, cleared)) => {
                if cleared {
                    let message = format!("{} has bits set behind the prefix", text.value);
                    report.warning(Code::P004, &text.span, message, format!("write \"{prefix}\""));
                }
                found.push(At { value: prefix, span: text.span });
            }
            None => {
                let message = format!("\"{}\" is no prefix", clipped(&text.value));
                report.error(Code::P004, &text.span, message, "such as 10.10.31.0/24 or fd10:31::/64");
            }
        }
    }
    found
}

fn macs(report: &mut Report<'_>, section: &Section<'_>) -> Vec<At<Mac>> {
    let mut found = Vec::new();
    for text in section.texts(report, "mac") {
        match text.value.parse::<Mac>() {
            Ok(mac) if !mac.is_group() && !mac.is_none() => found.push(At { value: mac, span: text.span }),
            Ok(mac) => report.error(
                Code::P004,
                &text.span,
                format!("{mac} is no device's address"),
                "a group address never sends",
            ),
            Err(error) => {
                let message = format!("\"{}\" is no MAC address", clipped(&text.value));
                report.error(Code::P004, &text.span, message, error.to_string());
            }
        }
    }
    found
}

pub(super) const ASSET: &[&str] = &["id", "zone", "ip", "mac", "role", "ip_takeover", "roaming", "bridges", "owner"];

/// Reads all assets. Two passes: a standby may be defined after the asset it stands in for.
pub(super) fn assets(
    report: &mut Report<'_>,
    top: &Section<'_>,
    names: &mut Names,
    spans: &mut Spans,
) -> Vec<AssetPlan> {
    let mut assets: Vec<AssetPlan> = Vec::new();
    let mut takeovers = Vec::new();
    for (table, span) in top.tables(report, "asset") {
        if !room(report, &span, assets.len(), MOST_ENTRIES, "assets") {
            break;
        }
        let section = Section::open(report, table, "asset", span.clone(), ASSET);
        let id = claim(report, &section, "asset", &names.assets);
        let line = report.line(&id.as_ref().map_or(span, |id| id.span.clone()));
        let index = AssetIx::at(assets.len());
        if let Some(id) = &id {
            names.assets.insert(id.value.clone(), (index, line));
        }
        section.need(report, "zone", "\"navigation\"");
        let home = section.text(report, "zone").and_then(|id| zone(report, names, &id));
        let roaming: Vec<ZoneIx> =
            section.texts(report, "roaming").iter().filter_map(|id| zone(report, names, id)).collect();
        let ip = addresses(report, &section);
        let mac = macs(report, &section);
        if let Some(standby) = section.text(report, "ip_takeover") {
            takeovers.push((index, standby));
        }
        let bridges: Vec<ZoneIx> =
            section.texts(report, "bridges").iter().filter_map(|id| zone(report, names, id)).collect();
        if !bridges.is_empty() {
            section.need(report, "owner", "\"ETO\"");
        }
        assets.push(AssetPlan {
            id: id.map(|id| id.value).unwrap_or_default(),
            // Only a file with errors has no zone here, and that one is never used.
            zone: home.unwrap_or(ZoneIx(u16::MAX)),
            ip: ip.iter().map(|ip| ip.value).collect(),
            mac: mac.iter().map(|mac| mac.value).collect(),
            role: section.word_list(report, "role").into_iter().map(|role| role.value).collect(),
            ip_takeover: None,
            roaming,
            bridges,
            owner: section.text_or_empty(report, "owner"),
            line,
        });
        spans.assets.push(AssetSpans {
            ip: ip.into_iter().map(|ip| ip.span).collect(),
            mac: mac.into_iter().map(|mac| mac.span).collect(),
        });
    }
    for (index, standby) in takeovers {
        let standby = asset(report, names, &standby);
        if let Some(asset) = assets.get_mut(index.index()) {
            asset.ip_takeover = standby;
        }
    }
    assets
}

fn addresses(report: &mut Report<'_>, section: &Section<'_>) -> Vec<At<IpAddr>> {
    let mut found = Vec::new();
    for text in section.texts(report, "ip") {
        match text.value.parse::<IpAddr>() {
            Ok(ip) if !ip.is_multicast() && !ip.is_unspecified() => found.push(At { value: ip, span: text.span }),
            Ok(ip) => {
                report.error(Code::P004, &text.span, format!("{ip} is no device's address"), "an address of one device")
            }
            Err(_) => {
                let message = format!("\"{}\" is no IP address", clipped(&text.value));
                report.error(Code::P004, &text.span, message, "such as 10.10.31.11 or fd10:31::11, without a prefix");
            }
        }
    }
    found
}

/// Reads all groups.
pub(super) fn groups(report: &mut Report<'_>, top: &Section<'_>, names: &mut Names) -> Vec<GroupPlan> {
    let mut groups = Vec::new();
    for (table, span) in top.tables(report, "group") {
        let section = Section::open(report, table, "group", span.clone(), &["id", "members"]);
        section.need(report, "members", "[\"…\"]");
        let id = claim(report, &section, "group", &names.groups);
        let mut members: Vec<AssetIx> =
            section.texts(report, "members").iter().filter_map(|id| asset(report, names, id)).collect();
        members.sort_unstable();
        members.dedup();
        let Some(id) = id else { continue };
        if let Some((_, line)) = names.assets.get(&id.value) {
            let message = format!("group {} has the id of an asset (line {line})", id.value);
            report.error(Code::P003, &id.span, message, "give the group another id");
            continue;
        }
        let line = report.line(&id.span);
        names.groups.insert(id.value.clone(), (members.clone(), line));
        groups.push(GroupPlan { id: id.value, members });
    }
    groups
}
