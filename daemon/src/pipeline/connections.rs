//! Who talked to whom over what, added up: flows come and go, a connection stays.

use std::collections::BTreeMap;
use std::net::IpAddr;

use dogwatch_flow::{FlowSummary, Profile, Traffic};
use dogwatch_inventory::{AssetIx, Inventory};
use dogwatch_model::{CaptureTime, Connection, Flow, IdKind, Mac, SourceId, Transport, UnknownTraffic, stable_id};
use dogwatch_rules::policy::Policy;
use foldhash::quality::RandomState;
use indexmap::IndexMap;

use crate::capture::SourceInfo;

/// Connections told apart; a scan of a /16 would otherwise fill memory. Those past it are counted in the last row.
const LIMIT: usize = 32_768;

/// What a flow moved since it was last told of.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moved {
    pub(super) forward: Traffic,
    pub(super) backward: Traffic,
    pub(super) profile: Profile,
}

impl Moved {
    /// All that the summary says.
    pub(super) const fn all(summary: &FlowSummary) -> Self {
        Self { forward: summary.forward, backward: summary.backward, profile: summary.profile }
    }

    /// From `before` to what the summary says now.
    pub(super) fn since(before: &Self, summary: &FlowSummary) -> Self {
        const fn less(now: Traffic, before: Traffic) -> Traffic {
            Traffic {
                packets: now.packets.saturating_sub(before.packets),
                bytes: now.bytes.saturating_sub(before.bytes),
            }
        }
        // a flow that is read by now has no profile any more, and the one it had was of another row
        let profile = match summary.protocol {
            Some(_) => Profile::default(),
            None => summary.profile.since(&before.profile),
        };
        let (forward, backward) = (less(summary.forward, before.forward), less(summary.backward, before.backward));
        Self { forward, backward, profile }
    }

    pub(super) const fn turned(self) -> Self {
        Self { forward: self.backward, backward: self.forward, profile: self.profile }
    }

    pub(super) const fn packets(&self) -> u64 {
        self.forward.packets.saturating_add(self.backward.packets)
    }
}

/// What makes two flows one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    source: SourceId,
    src: (Option<IpAddr>, Mac),
    dst: (Option<IpAddr>, Mac),
    transport: Transport,
    port: u16,
    protocol: Option<&'static str>,
}

#[derive(Debug, Clone, Copy)]
struct Totals {
    vlan: Option<u16>,
    bytes_ab: u64,
    bytes_ba: u64,
    packets: u64,
    profile: Profile,
    first: CaptureTime,
    last: CaptureTime,
}

/// The table.
#[derive(Debug, Default)]
pub struct Connections {
    /// Rows stand one behind the other and only their numbers are hashed: growing moves no row to another page.
    rows: IndexMap<Key, Totals, RandomState>,
    refused: u64,
}

impl Connections {
    /// How many connections.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Flows not taken because the table was full.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Adds what a flow moved since it was last added.
    pub(super) fn add(&mut self, summary: &FlowSummary, moved: &Moved) {
        let flow = &summary.flow;
        // addresses of hosts behind a router share its card: the IP address is the end, the card only where there is none
        let end = |ip: Option<IpAddr>, mac: Mac| (ip, if ip.is_some() { Mac::NONE } else { mac });
        let key = Key {
            source: flow.source,
            src: end(flow.src, flow.src_mac),
            dst: end(flow.dst, flow.dst_mac),
            transport: flow.transport,
            port: flow.dst_port,
            protocol: summary.protocol,
        };
        if let Some(totals) = self.rows.get_mut(&key) {
            totals.bytes_ab += moved.forward.bytes;
            totals.bytes_ba += moved.backward.bytes;
            totals.packets += moved.packets();
            totals.profile.merge(&moved.profile);
            totals.first = totals.first.min(summary.first);
            totals.last = totals.last.max(summary.last);
        } else if self.rows.len() >= LIMIT {
            self.refused += 1;
        } else {
            let totals = Totals {
                vlan: flow.vlans.innermost(),
                bytes_ab: moved.forward.bytes,
                bytes_ba: moved.backward.bytes,
                packets: moved.packets(),
                profile: moved.profile,
                first: summary.first,
                last: summary.last,
            };
            self.rows.insert(key, totals);
        }
    }

    /// Every connection as a record, in the order of first sight.
    pub(super) fn records(
        &self,
        inventory: &Inventory,
        policy: Option<&Policy>,
        sources: &[SourceInfo],
    ) -> Vec<Connection> {
        let mut all: BTreeMap<(CaptureTime, String), Connection> = BTreeMap::new();
        for (key, totals) in &self.rows {
            let source = sources.get(usize::from(key.source.0));
            let (src, dst) = (end_text(key.src, source), end_text(key.dst, source));
            let l4 = transport_text(key.transport);
            let app_protocol = key.protocol.unwrap_or("unclassified").to_owned();
            let text = format!("{src}|{dst}|{l4}|{}|{app_protocol}|{}", key.port, key.source.0);
            let row =
                |end: (Option<IpAddr>, Mac)| end.0.map_or_else(|| inventory.by_mac(end.1), |ip| inventory.by_ip(ip));
            let (from, to) = (row(key.src), row(key.dst));
            let asset_id =
                |ix: Option<AssetIx>| ix.and_then(|ix| inventory.get(ix)).map(|asset| asset.asset_id.clone());
            let flow = Flow {
                source: key.source,
                vlans: dogwatch_model::Vlans { outer: totals.vlan, inner: None },
                src_mac: key.src.1,
                dst_mac: key.dst.1,
                src: key.src.0,
                dst: key.dst.0,
                transport: key.transport,
                src_port: 0,
                dst_port: key.port,
                ttl: 0,
                initiator: dogwatch_model::Initiator::Sender,
            };
            let ends = policy.map(|policy| {
                policy.zone_pair(&flow, source.and_then(|source| source.interface.as_deref()).unwrap_or_default())
            });
            let zone = |zone: Option<dogwatch_rules::policy::ZoneIx>| Some(policy?.zone(zone?)?.id.clone());
            let record = Connection {
                connection_id: stable_id(IdKind::Connection, totals.first, text.as_bytes()),
                src_asset: asset_id(from),
                dst_asset: asset_id(to),
                src_zone: ends.and_then(|ends| zone(ends.from.zone)),
                dst_zone: ends.and_then(|ends| zone(ends.to.zone)),
                src,
                dst,
                vlan: totals.vlan,
                l4,
                dst_port: key.port,
                app_protocol,
                profile: key.protocol.is_none().then(|| unknown(&totals.profile)),
                bytes_ab: totals.bytes_ab,
                bytes_ba: totals.bytes_ba,
                packets: totals.packets,
                first_seen: totals.first,
                last_seen: totals.last,
                capture_source: source.map(|source| source.label.clone()).unwrap_or_default(),
            };
            all.insert((totals.first, text), record);
        }
        all.into_values().collect()
    }
}

/// The profile as it is shown.
fn unknown(sums: &Profile) -> UnknownTraffic {
    let cadence = sums.cadence();
    UnknownTraffic {
        payloads: sums.payloads,
        payload_bytes: sums.bytes,
        least_bytes: sums.least,
        most_bytes: sums.most,
        interval_s: cadence.map(|(mean, _)| mean),
        jitter_s: cadence.map(|(_, deviation)| deviation),
        randomness: sums.randomness(),
    }
}

fn end_text((ip, mac): (Option<IpAddr>, Mac), source: Option<&SourceInfo>) -> String {
    match ip {
        Some(ip) => ip.to_string(),
        None if mac.is_none() => source.map(|source| source.label.clone()).unwrap_or_default(),
        None => mac.to_string(),
    }
}

fn transport_text(transport: Transport) -> String {
    match transport {
        Transport::Ethernet(kind) => format!("eth/0x{kind:04x}"),
        Transport::Tcp => "tcp".to_owned(),
        Transport::Udp => "udp".to_owned(),
        Transport::Ip(number) => format!("ip/{number}"),
        Transport::Can => "can".to_owned(),
        Transport::Serial => "serial".to_owned(),
    }
}
