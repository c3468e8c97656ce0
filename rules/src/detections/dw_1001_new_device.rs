//! DW-1001: a device nobody declared appears in a zone whose devices are fixed.
//!
//! One finding per device, not per address: what is learned later (name, vendor, services) is in the inventory. A device is judged once it has
//! sent three frames or is five seconds old, so that its addresses are known and a single stray frame does not count.

use dogwatch_model::{Attribute, CaptureTime, Severity, Speaker};

use super::remembered::Remembered;
use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::findings::call;
use crate::policy::{Mode, Placement};
use crate::seen::{FlowSeen, Party};

/// Frames after which a device is judged at once.
const MIN_FRAMES: u64 = 3;
/// Age after which it is judged anyway, if it sent anything more.
const JUDGED_AFTER_SECONDS: u64 = 5;
/// Devices waiting to be judged, and devices already judged.
const REMEMBERED: usize = 16_384;

static CARD: Card = Card {
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
    judged: bool,
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
        Wants { flows: true, ..Wants::default() }
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        let Some(row) = seen.from.row.filter(|_| cx.policy.is_some()) else { return };
        // devices of a CAN bus are judged by their NAME and what they may send (DW-3010), not by presence on a shared cable
        if matches!(seen.from.speaker, Speaker::Name { .. } | Speaker::BusAddress(_)) {
            return;
        }
        if let Some(waiting) = self.devices.touch(row, seen.at) {
            waiting.frames = waiting.frames.saturating_add(seen.packets);
            return;
        }
        let waiting = Waiting { party: seen.from, first: seen.at, frame: seen.frame, frames: seen.packets, judged: false };
        self.devices.put(row, seen.at, waiting);
        self.open.push(row);
    }

    fn tick(&mut self, at: CaptureTime, cx: &mut Context<'_>) {
        let open = std::mem::take(&mut self.open);
        for row in open {
            let Some(waiting) = self.devices.get(&row).copied() else { continue };
            let frames = waiting.frames.max(cx.directory.asset(row).map_or(0, |asset| asset.frames));
            let is_old = at.since(waiting.first).as_secs() >= JUDGED_AFTER_SECONDS;
            if frames < MIN_FRAMES && !is_old {
                self.open.push(row);
                continue;
            }
            if let Some(known) = self.devices.touch(row, at) {
                known.judged = true;
            }
            judge(row, &waiting, cx);
        }
    }
}

fn judge(row: u32, waiting: &Waiting, cx: &mut Context<'_>) {
    let (Some(policy), Some(asset)) = (cx.policy, cx.directory.asset(row)) else { return };
    if asset.policy_id.is_some() {
        return;
    }
    // where it is, by everything known of it now: the first frame may have had no address
    let addresses: Vec<_> = asset.interfaces.iter().flat_map(|interface| interface.ips.iter().copied().map(Some)).collect();
    let addresses = if addresses.is_empty() { vec![None] } else { addresses };
    let places = asset.interfaces.iter().flat_map(|interface| addresses.iter().map(move |ip| (interface, *ip)));
    for (interface, ip) in places {
        let mac = interface.mac.unwrap_or_default();
        if policy.asset_of(mac, ip).is_some() {
            return;
        }
        let placement = Placement { source: &interface.capture_source, vlan: interface.vlan, mac, ip };
        let Some(zone) = policy.place(&placement) else { continue };
        let declared = policy.zone(zone);
        if !declared.devices_fixed() || policy.mode_of(zone) != Mode::Enforce || policy.window_silences(CARD.id, zone, waiting.first) {
            continue;
        }
        let party = Party { zone: Some(zone), mac, ip, ..waiting.party };
        let key = format!("{}", asset.asset_id);
        let severity = if declared.is_critical() { Severity::High } else { Severity::Medium };
        let vendor = asset.shown(Attribute::OuiVendor).unwrap_or("unknown maker").to_owned();
        let name = call(&party, cx.policy, cx.directory);
        let label = declared.id.clone();
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
            proposal: Some(policy.asset_line_for(&label, mac, ip)),
        });
        return;
    }
}
