//! Which zone one end of a frame is in.
//!
//! Selectors of a zone are combined; MAC lists win over all; of several zones that fit, the longest prefix, then the VLAN, then the interface decides.
//! Behind a gateway the IP address alone decides. Called once for each end of a flow, so the lists are sorted beforehand and nothing is allocated.
//!
//! Two things the wire does that the policy page does not speak of: link-local and unspecified addresses (IPv6 neighbour discovery, DHCP) say
//! nothing about a subnet, so VLAN and interface place them; and a public address in a VLAN whose zone names no subnet has come through a router.

use std::cmp::Reverse;
use std::net::IpAddr;

use dogwatch_model::Mac;

use super::Policy;
use super::prefix::{is_placeless, is_public, mask4, mask6};
use super::types::{AssetIx, ZoneIx};
use super::words::AssetRole;

/// One end of a frame, as far as it tells of its zone.
#[derive(Debug, Clone, Copy)]
pub struct Placement<'a> {
    /// Name of the capture interface (or file) that saw the frame.
    pub source: &'a str,
    /// VLAN id, if tagged. 0 (priority tag) counts as untagged.
    pub vlan: Option<u16>,
    /// MAC address of this end; [`Mac::NONE`] where there is none.
    pub mac: Mac,
    /// IP address of this end.
    pub ip: Option<IpAddr>,
    /// Whether the MAC is known to be a router's from elsewhere; assets with role `gateway` and their MAC are known anyway.
    pub link_is_gateway: bool,
}

/// What decided on a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// The `mac` list of the zone.
    MacList,
    /// Every selector that applies fits.
    Selectors,
    /// The IP address alone, behind a gateway.
    BehindGateway,
    /// The address belongs to the zone, but the frame was seen in another zone's VLAN or on its interface (detection DW-2009).
    AddressOnly,
    /// No selector could decide between zones, but the MAC is that of an asset.
    AssetMac,
    /// No zone owns the address.
    Outside,
    /// Broadcast or multicast: the sender's zone.
    SendersZone,
    /// The zone of the CAN bus.
    Bus,
}

/// The zone of one end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// The zone.
    pub zone: ZoneIx,
    /// What decided.
    pub how: How,
}

/// A prefix of one address family.
#[derive(Debug, Clone, Copy)]
struct Net<A> {
    net: A,
    mask: A,
    length: u8,
    zone: ZoneIx,
}

/// Selectors of one zone besides its prefixes.
#[derive(Debug, Clone, Default)]
struct Selectors {
    vlan: Vec<u16>,
    /// Positions in [`Placer::interfaces`].
    interface: Vec<u16>,
}

/// Everything sorted for look-up.
#[derive(Debug, Clone, Default)]
pub(super) struct Placer {
    interfaces: Vec<String>,
    zones: Vec<Selectors>,
    v4: Vec<Net<u32>>,
    v6: Vec<Net<u128>>,
    /// Zones with a VLAN or interface but no subnet.
    unaddressed: Vec<ZoneIx>,
    macs: Vec<(Mac, ZoneIx)>,
    asset_macs: Vec<(Mac, AssetIx)>,
    asset_ips: Vec<(IpAddr, AssetIx)>,
    gateways: Vec<Mac>,
    /// The zone of each asset that has only one.
    homes: Vec<Option<ZoneIx>>,
    /// `None` only before the policy is indexed.
    outside: Option<ZoneIx>,
}

/// How well a zone's VLAN and interface fit; higher is better.
type Fit = u8;

/// The best of the zones that fit so far.
#[derive(Clone, Copy)]
struct Best {
    length: u8,
    fit: Fit,
    zone: ZoneIx,
    tied: bool,
}

impl Placer {
    pub(super) fn new(policy: &Policy) -> Self {
        let mut placer = Self { outside: Some(policy.outside), ..Self::default() };
        for (position, zone) in policy.zones.iter().enumerate() {
            let index = ZoneIx::at(position);
            let interface = zone.interface.iter().map(|name| placer.intern(name)).collect();
            placer.zones.push(Selectors { vlan: zone.vlan.clone(), interface });
            placer.macs.extend(zone.mac.iter().map(|mac| (*mac, index)));
            // What `outside` owns of everything is what nobody else owns: the end of the search, not an entry.
            for prefix in zone.subnet.iter().filter(|prefix| index != policy.outside || prefix.length() > 0) {
                placer.add_prefix(prefix.address(), prefix.length(), index);
            }
            if zone.subnet.is_empty() && !(zone.vlan.is_empty() && zone.interface.is_empty()) {
                placer.unaddressed.push(index);
            }
        }
        for (position, asset) in policy.assets.iter().enumerate() {
            let index = AssetIx::at(position);
            placer.asset_macs.extend(asset.mac.iter().map(|mac| (*mac, index)));
            placer.asset_ips.extend(asset.ip.iter().map(|ip| (*ip, index)));
            let settled = asset.roaming.is_empty() && !asset.is(AssetRole::Gateway);
            placer.homes.push(settled.then_some(asset.zone));
            if asset.is(AssetRole::Gateway) {
                placer.gateways.extend(&asset.mac);
            }
            // In a zone without subnets the addresses of its assets are all there is.
            let unaddressed = policy.zone(asset.zone).is_some_and(|zone| zone.subnet.is_empty());
            for ip in asset.ip.iter().filter(|_| unaddressed) {
                placer.add_prefix(*ip, if ip.is_ipv4() { 32 } else { 128 }, asset.zone);
            }
        }
        placer.v4.sort_by_key(|net| (Reverse(net.length), net.net));
        placer.v6.sort_by_key(|net| (Reverse(net.length), net.net));
        placer.macs.sort_unstable();
        placer.asset_macs.sort_unstable();
        placer.asset_ips.sort_unstable();
        placer.gateways.sort_unstable();
        placer
    }

    fn intern(&mut self, name: &str) -> u16 {
        let position = self.interfaces.iter().position(|known| known == name).unwrap_or_else(|| {
            self.interfaces.push(name.to_owned());
            self.interfaces.len() - 1
        });
        u16::try_from(position).unwrap_or(u16::MAX)
    }

    fn add_prefix(&mut self, address: IpAddr, length: u8, zone: ZoneIx) {
        match address {
            IpAddr::V4(v4) => {
                self.v4.extend(mask4(length).map(|mask| Net { net: v4.to_bits() & mask, mask, length, zone }));
            }
            IpAddr::V6(v6) => {
                self.v6.extend(mask6(length).map(|mask| Net { net: v6.to_bits() & mask, mask, length, zone }));
            }
        }
    }

    pub(super) fn is_gateway(&self, mac: Mac) -> bool {
        self.gateways.binary_search(&mac).is_ok()
    }

    pub(super) fn place(&self, end: &Placement<'_>) -> Option<Placed> {
        if !self.macs.is_empty()
            && let Ok(at) = self.macs.binary_search_by_key(&end.mac, |(mac, _)| *mac)
        {
            return self.macs.get(at).map(|(_, zone)| Placed { zone: *zone, how: How::MacList });
        }
        let interface = self.interfaces.iter().position(|name| name == end.source);
        let interface = interface.and_then(|position| u16::try_from(position).ok());
        let vlan = end.vlan.filter(|id| *id != 0);
        match end.ip.filter(|ip| !is_placeless(*ip)) {
            Some(ip) => {
                let gateway = end.link_is_gateway || self.is_gateway(end.mac);
                self.by_address(ip, vlan, interface, gateway)
            }
            None => self.by_link(vlan, interface, end.mac),
        }
    }

    fn by_address(&self, ip: IpAddr, vlan: Option<u16>, interface: Option<u16>, gateway: bool) -> Option<Placed> {
        let (best, elsewhere) = match ip {
            IpAddr::V4(v4) => {
                let bits = v4.to_bits();
                self.longest(
                    self.v4.iter().filter(|n| bits & n.mask == n.net).map(|n| (n.length, n.zone)),
                    vlan,
                    interface,
                    gateway,
                )
            }
            IpAddr::V6(v6) => {
                let bits = v6.to_bits();
                self.longest(
                    self.v6.iter().filter(|n| bits & n.mask == n.net).map(|n| (n.length, n.zone)),
                    vlan,
                    interface,
                    gateway,
                )
            }
        };
        match best {
            Some(best) if best.tied => return None,
            Some(best) if gateway => return Some(Placed { zone: best.zone, how: How::BehindGateway }),
            Some(best) => return Some(Placed { zone: best.zone, how: How::Selectors }),
            None => {}
        }
        if !gateway
            && !is_public(ip)
            && let Some(zone) = self.pointed(self.unaddressed.iter().copied(), vlan, interface)
        {
            return Some(Placed { zone, how: How::Selectors });
        }
        let owner = elsewhere.map(|zone| Placed { zone, how: How::AddressOnly });
        owner.or_else(|| self.outside.map(|zone| Placed { zone, how: How::Outside }))
    }

    /// The best zone of those that own the address (longest prefix first), and the first that owns it but does not fit otherwise.
    fn longest(
        &self,
        owners: impl Iterator<Item = (u8, ZoneIx)>,
        vlan: Option<u16>,
        interface: Option<u16>,
        gateway: bool,
    ) -> (Option<Best>, Option<ZoneIx>) {
        let mut best: Option<Best> = None;
        let mut elsewhere = None;
        for (length, zone) in owners {
            if best.is_some_and(|best| length < best.length) {
                break;
            }
            let fit = match self.fit(zone, vlan, interface) {
                Some(fit) => fit,
                None if gateway => 0,
                None => {
                    elsewhere = elsewhere.or(Some(zone));
                    continue;
                }
            };
            best = match best {
                Some(best) if fit < best.fit => Some(best),
                Some(best) if fit == best.fit => Some(Best { tied: best.tied || best.zone != zone, ..best }),
                _ => Some(Best { length, fit, zone, tied: false }),
            };
        }
        (best, elsewhere)
    }

    /// How well VLAN and interface fit; `None` when one that applies does not.
    fn fit(&self, zone: ZoneIx, vlan: Option<u16>, interface: Option<u16>) -> Option<Fit> {
        let selectors = self.zones.get(zone.index())?;
        let by_vlan = match vlan {
            Some(id) if selectors.vlan.contains(&id) => 4,
            Some(_) if !selectors.vlan.is_empty() => return None,
            // Of two zones with the same prefix, the one without a VLAN is the likelier home of an untagged frame.
            None if selectors.vlan.is_empty() => 1,
            _ => 0,
        };
        let by_interface = match interface {
            Some(position) if selectors.interface.contains(&position) => 2,
            Some(_) if !selectors.interface.is_empty() => return None,
            _ => 0,
        };
        Some(by_vlan + by_interface)
    }

    /// The zone that VLAN and interface point to most exactly; `None` when none does or several do equally.
    fn pointed(
        &self,
        zones: impl Iterator<Item = ZoneIx>,
        vlan: Option<u16>,
        interface: Option<u16>,
    ) -> Option<ZoneIx> {
        let mut best: Option<(Fit, ZoneIx, bool)> = None;
        for zone in zones {
            // Without a VLAN or interface that fits nothing points there.
            let Some(fit) = self.fit(zone, vlan, interface).filter(|fit| *fit >= 2) else { continue };
            best = match best {
                Some((best_fit, ..)) if fit < best_fit => best,
                Some((best_fit, zone, _)) if fit == best_fit => Some((best_fit, zone, true)),
                _ => Some((fit, zone, false)),
            };
        }
        best.filter(|(_, _, tied)| !tied).map(|(_, zone, _)| zone)
    }

    /// A frame that tells no address: VLAN and interface, and where these leave a choice, the asset with this MAC.
    fn by_link(&self, vlan: Option<u16>, interface: Option<u16>, mac: Mac) -> Option<Placed> {
        let zones = (0..self.zones.len()).map(ZoneIx::at);
        let pointed = self.pointed(zones, vlan, interface).map(|zone| Placed { zone, how: How::Selectors });
        pointed.or_else(|| {
            let asset = self.asset_with_mac(mac)?;
            let home = self.homes.get(asset.index()).copied().flatten()?;
            self.fit(home, vlan, interface).map(|_| Placed { zone: home, how: How::AssetMac })
        })
    }

    pub(super) fn asset_with_mac(&self, mac: Mac) -> Option<AssetIx> {
        if mac.is_none() || self.asset_macs.is_empty() {
            return None;
        }
        let at = self.asset_macs.binary_search_by_key(&mac, |(mac, _)| *mac).ok()?;
        self.asset_macs.get(at).map(|(_, asset)| *asset)
    }

    /// Assets that have the address: more than one where separate networks use the same numbers.
    pub(super) fn assets_with_ip(&self, ip: IpAddr) -> impl Iterator<Item = AssetIx> {
        let first = self.asset_ips.partition_point(|(known, _)| *known < ip);
        let rest = self.asset_ips.get(first..).unwrap_or_default();
        rest.iter().take_while(move |(known, _)| *known == ip).map(|(_, asset)| *asset)
    }

    pub(super) fn owns_vlan(&self, vlan: u16) -> bool {
        self.zones.iter().any(|zone| zone.vlan.contains(&vlan))
    }
}

impl Policy {
    /// The zone of one end of a frame; `None` when nothing decides.
    #[must_use]
    pub fn place(&self, end: &Placement<'_>) -> Option<ZoneIx> {
        self.placed(end).map(|placed| placed.zone)
    }

    /// Like [`Policy::place`], with what decided.
    #[must_use]
    pub fn placed(&self, end: &Placement<'_>) -> Option<Placed> {
        self.placer.place(end)
    }

    /// The zone of a CAN bus.
    #[must_use]
    pub fn bus_zone(&self, bus: &str) -> Option<ZoneIx> {
        self.zones.iter().position(|zone| zone.can.iter().any(|name| name == bus)).map(ZoneIx::at)
    }

    /// The zone that a multicast group belongs to, where one claims it.
    #[must_use]
    pub fn group_zone(&self, group: IpAddr) -> Option<ZoneIx> {
        self.zones.iter().position(|zone| zone.multicast.iter().any(|net| net.contains(group))).map(ZoneIx::at)
    }

    /// Whether some zone owns a VLAN id.
    #[must_use]
    pub fn owns_vlan(&self, vlan: u16) -> bool {
        self.placer.owns_vlan(vlan)
    }

    /// Whether the MAC is listed for an asset with role `gateway`.
    #[must_use]
    pub fn is_gateway_mac(&self, mac: Mac) -> bool {
        self.placer.is_gateway(mac)
    }

    /// Whether an asset with role `gateway` has the address: whoever answers ARP for it is a gateway.
    #[must_use]
    pub fn is_gateway_ip(&self, ip: IpAddr) -> bool {
        self.placer.assets_with_ip(ip).any(|asset| self.asset(asset).is_some_and(|asset| asset.is(AssetRole::Gateway)))
    }
}
