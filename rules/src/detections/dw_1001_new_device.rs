//! DW-1001: a device nobody declared appears in a zone whose devices are fixed.
//!
//! One finding per device, not per address: what is learned later (name, vendor, services) is in the inventory. A device is judged once it has
//! sent three frames or is five seconds old, so that its addresses are known and a single stray frame does not count. One that has shown no address by
//! which it could be placed (it asks for one by DHCP) is judged again whenever it speaks anew. One that speaks below IP alone (a switch that tells
//! its neighbours of itself) has two minutes to show the address by which the plan declares it: plans list devices by address.

use std::net::IpAddr;

use dogwatch_model::{Attribute, CaptureTime, Mac, Severity, Speaker};

use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::findings::call;
use crate::policy::{Devices, Importance, Mode, Placement};
use crate::remembered::Remembered;
use crate::seen::{FlowSeen, FlowStage, Party, PolicySeen};

/// Frames after which a device is judged at once.
const MIN_FRAMES: u64 = 3;
/// Age after which it is judged anyway, if it sent anything more.
const JUDGED_AFTER_SECONDS: u64 = 5;
/// Age after which one that spoke below IP alone is judged: a monitoring system asks every switch for its counters once a minute.
const SPEECHLESS_SECONDS: u64 = 120;
/// Devices waiting to be judged, and devices already judged.
const REMEMBERED: usize = 16_384;

const CARD: Card = Card {
    id: "DW-1001",
    why: "Every device in this zone is on the approved inventory. One that is not can be a visitor's laptop, a forgotten modem or an intruder, and \
          it reaches equipment that steers or powers the ship.",
    e26: &["4.1.1", "4.2.4", "4.3.1"],
};

#[derive(Debug, Clone, Copy)]
struct Waiting {
    party: Party,
    first: CaptureTime,
    frame: u64,
    frames: u64,
    /// Judged, but nothing it had shown said in which zone it is.
    is_unplaced: bool,
    /// First heard by a frame without any address but the card's.
    is_below_ip: bool,
}

/// See the file's head.
pub(super) struct NewDevice {
    /// By row of the inventory.
    devices: Remembered<u32, Waiting>,
    open: Vec<u32>,
}

impl Default for NewDevice {
    fn default() -> Self {
        Self { devices: Remembered::new(REMEMBERED), open: Vec::new() }
    }
}

impl Detector for NewDevice {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { flows: FlowStage::ALL, planned: true, ..Wants::default() }
    }

    fn policy(&mut self, _seen: &PolicySeen<'_>, _cx: &mut Context<'_>) {
        // zones are other zones now: whoever speaks is judged anew
        *self = Self::default();
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        let Some(row) = seen.from.row.filter(|_| cx.policy.is_some()) else { return };
        // devices of a CAN bus are judged by their NAME and what they may send (DW-3010), not by presence on a shared cable
        if matches!(seen.from.speaker, Speaker::Name { .. } | Speaker::BusAddress(_)) {
            return;
        }
        if let Some(waiting) = self.devices.touch(row, seen.at) {
            waiting.frames = waiting.frames.saturating_add(seen.packets());
            if std::mem::take(&mut waiting.is_unplaced) {
                self.open.push(row);
            }
            return;
        }
        let waiting = Waiting {
            party: seen.from,
            first: seen.at,
            frame: seen.frame,
            frames: seen.packets(),
            is_unplaced: false,
            is_below_ip: seen.flow.src.is_none(),
        };
        self.devices.put(row, seen.at, waiting);
        self.open.push(row);
    }

    fn tick(&mut self, at: CaptureTime, cx: &mut Context<'_>) {
        let open = std::mem::take(&mut self.open);
        for row in open {
            let Some(waiting) = self.devices.get(&row).copied() else { continue };
            let asset = cx.directory.asset(row);
            let frames = waiting.frames.max(asset.map_or(0, |asset| asset.frames));
            let age = at.since(waiting.first).as_secs();
            let has_address =
                asset.is_none_or(|asset| asset.interfaces.iter().any(|interface| !interface.ips.is_empty()));
            let is_speechless = waiting.is_below_ip && !has_address && age < SPEECHLESS_SECONDS;
            if (frames < MIN_FRAMES && age < JUDGED_AFTER_SECONDS) || is_speechless {
                self.open.push(row);
                continue;
            }
            let is_placed = judge(row, &waiting, cx);
            if let Some(known) = self.devices.touch(row, at) {
                known.is_unplaced = !is_placed;
            }
        }
    }
}

/// Judges a device; whether it could be placed.
fn judge(row: u32, waiting: &Waiting, cx: &mut Context<'_>) -> bool {
    let (Some(policy), Some(asset)) = (cx.policy, cx.directory.asset(row)) else { return true };
    if asset.policy_id.is_some() {
        return true;
    }
    let mut is_placed = false;
    // where it is, by everything known of it now: the first frame may have had no address
    let addresses: Vec<_> =
        asset.interfaces.iter().flat_map(|interface| interface.ips.iter().copied().map(Some)).collect();
    let addresses = if addresses.is_empty() { vec![None] } else { addresses };
    let places = asset.interfaces.iter().flat_map(|interface| addresses.iter().map(move |ip| (interface, *ip)));
    for (interface, ip) in places {
        let mac = interface.mac.unwrap_or_default();
        let link_is_gateway = policy.is_gateway_mac(mac);
        let placed = policy.placed(&Placement { source: "", vlan: interface.vlan, mac, ip, link_is_gateway });
        let mut end = policy.end(placed, mac, ip, link_is_gateway);
        // a zone told apart by its capture interface alone was found when the device first spoke
        end.zone = end.zone.or(waiting.party.end.zone);
        if end.asset.is_some() {
            return true;
        }
        is_placed |= end.zone.is_some();
        let Some((zone, plan)) = end.zone.and_then(|zone| Some((zone, policy.zone(zone)?))) else { continue };
        if plan.devices != Devices::Fixed || zone == policy.outside() || policy.mode_of(Some(zone)) == Mode::Learn {
            continue;
        }
        let party = Party { end, ..waiting.party };
        let key = asset.asset_id.clone();
        let severity = if plan.criticality == Importance::High { Severity::High } else { Severity::Medium };
        let vendor = asset.shown(Attribute::OuiVendor).unwrap_or("maker unknown").to_owned();
        let label = plan.id.clone();
        let name = call(&party, cx.policy, cx.directory);
        let fields = [Attribute::Name, Attribute::OuiVendor, Attribute::Model, Attribute::ClientHint]
            .into_iter()
            .filter_map(|attribute| Some((format!("{attribute:?}"), asset.shown(attribute)?.to_owned())))
            .collect();
        cx.raise(key.as_bytes(), &CARD, waiting.first, || Raise {
            card: &CARD,
            severity: Some(severity),
            confidence: 0.9,
            at: waiting.first,
            frame: waiting.frame,
            from: party,
            to: None,
            service: String::new(),
            summary: format!("New device {name} ({vendor}) in zone {label}, which has a fixed list of devices"),
            fields,
            expected: format!("only devices declared for zone {label}"),
            conduit: None,
            proposal: Some(asset_line(&label, mac, ip)),
        });
        return true;
    }
    is_placed
}

/// The policy lines that would declare the device, for whoever approves it.
fn asset_line(zone: &str, mac: Mac, ip: Option<IpAddr>) -> String {
    let mut text = format!("[[asset]]\nid = \"new-device\"\nzone = \"{zone}\"\n");
    if let Some(ip) = ip {
        text.push_str(&format!("ip = [\"{ip}\"]\n"));
    }
    if !mac.is_none() {
        text.push_str(&format!("mac = [\"{mac}\"]\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, device};
    use crate::seen::FlowStage;

    const POLICY: &str = r#"
format = 1
mode = "enforce"
[vessel]
name = "T"
[[zone]]
id = "machinery"
label = "M"
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
zone = "machinery"
ip = ["10.0.2.21"]
"#;

    fn judged(ip: &str) -> Vec<String> {
        let mut bench = Bench::new(Some(POLICY), Box::<NewDevice>::default());
        bench.knows(device(ip));
        bench.at(0.0);
        for _ in 0..3 {
            bench.flow(ip, "10.0.2.21", 502, None, FlowStage::Started);
        }
        bench.at(1.0);
        bench.at(20.0);
        bench.ids()
    }

    #[test]
    fn an_undeclared_device_in_a_fixed_zone() {
        assert_eq!(judged("10.0.2.99"), ["DW-1001"]);
    }

    #[test]
    fn declared_devices_open_zones_and_the_outside_are_quiet() {
        for ip in ["10.0.2.21", "10.0.9.4", "8.8.8.8"] {
            assert!(judged(ip).is_empty(), "{ip}");
        }
    }

    #[test]
    fn a_device_that_shows_its_address_late_is_judged_then() {
        let mut bench = Bench::new(Some(POLICY), Box::<NewDevice>::default());
        let mut asset = device("10.0.2.99");
        asset.interfaces[0].ips.clear();
        let mac = asset.interfaces[0].mac.unwrap();
        bench.knows(asset);
        bench.at(0.0);
        // asking for an address by DHCP, it has none: nothing says in which zone it is
        bench.frame_of(mac);
        bench.at(6.0);
        assert!(bench.ids().is_empty());
        bench.learns(mac, "10.0.2.99");
        bench.frame_of(mac);
        bench.at(7.0);
        assert_eq!(bench.ids(), ["DW-1001"]);
    }

    #[test]
    fn a_switch_that_tells_its_neighbours_of_itself_before_it_shows_its_address() {
        let policy = POLICY.replace("subnet = [\"10.0.2.0/24\"]", "vlan = [20]\nsubnet = [\"10.0.2.0/24\"]");
        for (address, told) in [("10.0.2.21", 0), ("10.0.2.99", 1), ("", 1)] {
            let mut bench = Bench::new(Some(&policy), Box::<NewDevice>::default());
            let mut asset = device("10.0.2.98");
            asset.interfaces[0].ips.clear();
            asset.interfaces[0].vlan = Some(20);
            let mac = asset.interfaces[0].mac.unwrap();
            bench.knows(asset);
            for second in 0..30 {
                bench.at(f64::from(second));
                bench.frame_of(mac);
            }
            assert!(bench.ids().is_empty(), "the plan tells it by an address it has not shown yet");
            if !address.is_empty() {
                bench.learns(mac, address);
            }
            bench.at(130.0);
            bench.at(131.0);
            assert_eq!(bench.ids().len(), told, "{address}");
        }
    }
}
