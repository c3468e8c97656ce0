//! Both ends of a flow: zone and asset of sender and receiver.

use std::net::IpAddr;

use dogwatch_model::{Asset, Flow, Initiator, Mac, Transport};

use super::Policy;
use super::place::{How, Placed, Placement};
use super::types::{AssetIx, EndSet, ZoneIx};

/// One end of a flow, as the policy sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Its zone; `None` when nothing decides.
    pub zone: Option<ZoneIx>,
    /// What decided on the zone.
    pub how: Option<How>,
    /// The asset it is, by address in that zone, else by MAC.
    pub asset: Option<AssetIx>,
    /// Its IP address.
    pub ip: Option<IpAddr>,
    /// Its MAC address; a gateway's where it is behind one.
    pub mac: Mac,
    /// The asset was found by its address, but has other MAC addresses listed, and neither a gateway nor its standby explains this one.
    pub mac_differs: bool,
}

impl End {
    /// Whether the card of this end is a router's, so that it says nothing about the device.
    #[must_use]
    pub const fn is_behind_gateway(&self) -> bool {
        matches!(self.how, Some(How::BehindGateway))
    }

    /// The first addresses of a device, placed nowhere.
    #[must_use]
    pub fn bare(asset: &Asset) -> Self {
        let ip = asset.interfaces.iter().find_map(|interface| interface.ips.first().copied());
        let mac = asset.interfaces.iter().find_map(|interface| interface.mac).unwrap_or(Mac::NONE);
        Self { ip, mac, ..Self::default() }
    }
}

impl Default for End {
    /// An end of which nothing is known.
    fn default() -> Self {
        Self { zone: None, how: None, asset: None, ip: None, mac: Mac::NONE, mac_differs: false }
    }
}

/// Sender and receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ends {
    /// The sender.
    pub from: End,
    /// The receiver.
    pub to: End,
}

impl Ends {
    /// The same pair seen from the other side.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self { from: self.to, to: self.from }
    }

    /// Client first: turned round when the receiver opened the connection. Left alone while nobody knows.
    #[must_use]
    pub fn client_first(self, initiator: Initiator) -> Self {
        if initiator == Initiator::Receiver { self.reversed() } else { self }
    }
}

impl EndSet {
    /// Whether an end is one of those named.
    #[must_use]
    pub fn matches(&self, end: &End) -> bool {
        if !self.restricted {
            return true;
        }
        end.asset.is_some_and(|asset| self.assets.binary_search(&asset).is_ok())
            || end.ip.is_some_and(|ip| self.prefixes.iter().any(|prefix| prefix.contains(ip)))
            || (!end.mac.is_none() && self.macs.contains(&end.mac))
    }
}

impl Policy {
    /// Zones and assets of both ends of a flow; `from` is the sender. Broadcast and multicast stay in the sender's zone.
    #[must_use]
    pub fn zone_pair(&self, flow: &Flow, source: &str) -> Ends {
        self.zone_pair_with(flow, source, |_| false)
    }

    /// Like [`Policy::zone_pair`], with a caller who knows more gateways than the policy lists, from ARP for instance.
    #[must_use]
    pub fn zone_pair_with(&self, flow: &Flow, source: &str, is_gateway: impl Fn(Mac) -> bool) -> Ends {
        if flow.transport == Transport::Can {
            let placed = self.bus_zone(source).map(|zone| Placed { zone, how: How::Bus });
            let end =
                End { zone: placed.map(|placed| placed.zone), how: placed.map(|placed| placed.how), ..End::default() };
            return Ends { from: end, to: end };
        }
        let one = |mac: Mac, ip: Option<IpAddr>| {
            let link_is_gateway = self.is_gateway_mac(mac) || is_gateway(mac);
            let end = Placement { source, vlan: flow.vlans.innermost(), mac, ip, link_is_gateway };
            self.end(self.placed(&end), mac, ip, link_is_gateway)
        };
        let from = one(flow.src_mac, flow.src);
        if flow.is_to_group() {
            let how = from.zone.map(|_| How::SendersZone);
            let to = End { zone: from.zone, how, ip: flow.dst, mac: flow.dst_mac, ..End::default() };
            return Ends { from, to };
        }
        Ends { from, to: one(flow.dst_mac, flow.dst) }
    }

    /// The end that a device of the inventory is, by where it was placed there. What stands behind a gateway counts as the asset that has the
    /// address.
    #[must_use]
    pub fn asset_end(&self, asset: &Asset) -> End {
        let bare = End::bare(asset);
        let declared = asset.policy_id.as_deref().and_then(|id| self.asset_named(id));
        let by_address = || self.assets.iter().position(|plan| bare.ip.is_some_and(|ip| plan.ip.contains(&ip)));
        End {
            zone: asset.zone_id.as_deref().and_then(|id| self.zone_named(id)),
            asset: declared.or_else(|| by_address().map(AssetIx::at)),
            ..bare
        }
    }

    /// Adds the asset to a place.
    #[must_use]
    pub fn end(&self, placed: Option<Placed>, mac: Mac, ip: Option<IpAddr>, link_is_gateway: bool) -> End {
        let zone = placed.map(|placed| placed.zone);
        let fits = |asset: &AssetIx| match (zone, self.asset(*asset)) {
            (Some(zone), Some(asset)) => asset.belongs_to(zone),
            (None, found) => found.is_some(),
            (Some(_), None) => false,
        };
        let by_ip = ip.and_then(|ip| self.placer.assets_with_ip(ip).find(fits));
        // Behind a gateway the MAC is the gateway's own, unless the gateway itself speaks.
        let by_mac = || self.placer.asset_with_mac(mac).filter(|_| !link_is_gateway || ip.is_none()).filter(fits);
        let asset = by_ip.or_else(by_mac);
        let mac_differs = by_ip.is_some_and(|asset| !link_is_gateway && !self.may_use(asset, mac));
        End { zone, how: placed.map(|placed| placed.how), asset, ip, mac, mac_differs }
    }

    /// Whether a MAC may speak for an asset: its own, its standby's, or any when none is listed.
    fn may_use(&self, asset: AssetIx, mac: Mac) -> bool {
        let Some(plan) = self.asset(asset) else { return false };
        let standby = plan.ip_takeover.and_then(|standby| self.asset(standby));
        let of_standby = standby.is_some_and(|standby| standby.mac.is_empty() || standby.mac.contains(&mac));
        mac.is_none() || plan.mac.is_empty() || plan.mac.contains(&mac) || of_standby
    }
}
