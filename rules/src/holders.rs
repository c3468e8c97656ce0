//! Which card holds which IP address, by what cards claim: kept once for the detections that compare claims (DW-1002, DW-6001).
//!
//! Traffic keeps a holder alive but makes nobody one: whose card first carries an address may be a router's.

use std::net::IpAddr;
use std::time::Duration;

use dogwatch_model::{CaptureTime, Mac};

use crate::remembered::Remembered;
use crate::seen::FlowSeen;

/// Addresses remembered.
const REMEMBERED: usize = 32_768;

/// A card, and when it was last heard with the address, by claim or by traffic.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Holder {
    pub(crate) mac: Mac,
    pub(crate) last: CaptureTime,
}

impl Holder {
    const NOBODY: Self = Self { mac: Mac::NONE, last: CaptureTime(i64::MIN) };

    fn is_heard(&mut self, mac: Mac, at: CaptureTime) {
        if self.mac == mac {
            self.last = self.last.max(at);
        }
    }
}

/// Who holds one address.
#[derive(Debug, Clone, Copy)]
struct Held {
    /// Whoever claimed it last.
    latest: Holder,
    /// Whoever claimed it first while nobody else was alive: an attacker does not become the owner by insisting.
    owner: Holder,
}

/// See the file's head.
#[derive(Debug)]
pub(crate) struct Holders {
    by_ip: Remembered<IpAddr, Held>,
}

impl Default for Holders {
    fn default() -> Self {
        Self { by_ip: Remembered::new(REMEMBERED) }
    }
}

impl Holders {
    /// Packets prove that a known holder is alive. A controller opens nothing itself: its answers are all that shows it between two claims.
    pub(crate) fn flow(&mut self, seen: &FlowSeen<'_>) {
        for party in seen.speaking() {
            if let Some(held) = party.end.ip.and_then(|ip| self.by_ip.touch(ip, seen.at)) {
                held.latest.is_heard(party.end.mac, seen.at);
                held.owner.is_heard(party.end.mac, seen.at);
            }
        }
    }

    /// A card claims an address, by whatever protocol; gives whoever claimed it last before.
    pub(crate) fn claims(&mut self, ip: IpAddr, mac: Mac, at: CaptureTime) -> Option<Holder> {
        let latest = &mut self.held(ip, at).latest;
        Some(std::mem::replace(latest, Holder { mac, last: at })).filter(|before| !before.mac.is_none())
    }

    /// A card says of itself that the address is its own; gives the owner when he is another one who was heard within `alive`.
    pub(crate) fn owner_against(&mut self, ip: IpAddr, mac: Mac, at: CaptureTime, alive: Duration) -> Option<Holder> {
        let owner = &mut self.held(ip, at).owner;
        if owner.mac == mac {
            owner.last = owner.last.max(at);
            return None;
        }
        if owner.mac.is_none() || at.since(owner.last) > alive {
            *owner = Holder { mac, last: at };
            return None;
        }
        Some(*owner)
    }

    fn held(&mut self, ip: IpAddr, at: CaptureTime) -> &mut Held {
        self.by_ip.touch_or(ip, at, || Held { latest: Holder::NOBODY, owner: Holder::NOBODY })
    }
}
