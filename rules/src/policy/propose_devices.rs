//! Assets a policy lacks: devices that nobody declared, in zones whose devices are fixed.

use std::collections::{BTreeMap, BTreeSet};

use dogwatch_model::Mac;

use super::Policy;
use super::evidence::Evidence;
use super::proposal::quoted;
use super::propose::{LinePlace, Proposal, Suspect, id_of, list};
use super::types::ZoneIx;
use super::words::Importance;
use crate::aggregates::Learned;
use crate::seen::Identity;

impl Policy {
    /// Devices that nobody declared, in zones whose devices are fixed.
    pub(super) fn propose_devices(&self, learned: &Learned, suspects: &[Suspect]) -> Vec<Proposal> {
        let mut devices: BTreeMap<(ZoneIx, Identity), (Evidence, BTreeSet<Mac>)> = BTreeMap::new();
        for (key, _, row) in &learned.rows {
            let ends = self.ends_of(learned, key, row);
            for (host, end, mac) in [(key.from, ends.0, row.from_mac), (key.to, ends.1, row.to_mac)] {
                let (Some(identity), Some(zone)) = (host.identity(), end.zone) else { continue };
                if !self.is_undeclared(host, &end) {
                    continue;
                }
                let suspect = suspects.iter().any(|suspect| suspect.from == identity && suspect.to.is_none());
                let evidence = Evidence::of(row, suspect);
                let (known, macs) =
                    devices.entry((zone, identity)).or_insert_with(|| (evidence.clone(), BTreeSet::new()));
                let occasions = known.occasions.max(evidence.occasions);
                known.join(&evidence);
                // a device is known by whatever it does most
                known.occasions = occasions;
                if !mac.is_none() && !mac.is_group() && !self.is_gateway_mac(mac) {
                    macs.insert(mac);
                }
            }
        }
        devices
            .into_iter()
            .map(|((zone, identity), (evidence, macs))| self.device_proposal(zone, identity, &evidence, &macs))
            .collect()
    }

    fn device_proposal(&self, zone: ZoneIx, identity: Identity, evidence: &Evidence, macs: &BTreeSet<Mac>) -> Proposal {
        let zone_id = self.zone_id(Some(zone));
        let address = match identity {
            Identity::Ip(ip) => ip.to_string(),
            Identity::Mac(mac) => mac.to_string(),
            Identity::Name(name) => format!("{:016x}", name.number()),
            Identity::BusAddress(address) => address.to_string(),
        };
        let plain: String = address.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let base: String = format!("{zone_id}-{plain}").chars().take(44).collect();
        let numbered = (2..).map(|number: u32| format!("{base}-{number}"));
        let mut names = std::iter::once(base.clone()).chain(numbered);
        let id = names.find(|id| self.asset_named(id).is_none()).unwrap_or(base.clone());
        let mut fields = vec![("id", quoted(&id)), ("zone", quoted(zone_id))];
        let mut doubts = evidence.doubts();
        if matches!(identity, Identity::Ip(_)) {
            fields.push(("ip", list(std::slice::from_ref(&address))));
        }
        match macs.iter().collect::<Vec<_>>().as_slice() {
            [] => {}
            [mac] => fields.push(("mac", list(&[mac.to_string()]))),
            several => doubts.push(format!("{} network cards used its address", several.len())),
        }
        let place = LinePlace::Table("asset");
        let what = format!("{address} is a device of zone {zone_id} that is not declared");
        let danger = match self.zone(zone).map(|plan| plan.criticality) {
            Some(Importance::High) => 60,
            _ => 45,
        };
        Proposal {
            id: id_of(&place, &fields),
            danger,
            what,
            seen: evidence.words(),
            doubts,
            needs: None,
            place,
            fields,
        }
    }
}
