//! Which source may say what on the navigation network: sentences by asset and system function id, parameter groups by NAME.
//!
//! Follows IEC 61162-450 for system function ids and ISO 11783-5 for NAMEs. A CAN source address never identifies anybody.

use std::net::IpAddr;

use dogwatch_model::{Mac, Sfi};

use super::Policy;
use super::ends::End;
use super::place::Placement;
use super::types::{AssetIx, NmeaAllowance};
use super::words::{AssetRole, NavRole};

/// Sentences that steer: only a source with role `steering-command` may send them towards a heading controller.
pub(super) const STEERING: [&str; 5] = ["APB", "HTC", "HSC", "RMB", "XTE"];

/// Network management: every device on the bus sends these, they need no listing.
pub(super) const MANAGEMENT: [u32; 9] = [59_392, 59_904, 60_160, 60_416, 60_928, 126_464, 126_993, 126_996, 126_998];

/// Allowances by source.
#[derive(Debug, Clone, Default)]
pub(super) struct Talkers {
    /// Positions in [`Policy::nmea`], sorted by asset.
    by_asset: Vec<(AssetIx, u16)>,
    /// Who owns a system function id.
    by_sfi: Vec<(Sfi, u16)>,
}

impl Talkers {
    pub(super) fn new(policy: &Policy) -> Self {
        let mut talkers = Self::default();
        for (position, allowance) in policy.nmea.iter().enumerate() {
            let Ok(position) = u16::try_from(position) else { break };
            talkers.by_asset.push((allowance.source, position));
            talkers.by_sfi.extend(allowance.sfi.iter().map(|sfi| (*sfi, position)));
        }
        talkers.by_asset.sort_unstable();
        talkers.by_sfi.sort_unstable();
        talkers
    }
}

/// A sentence, and who sent it to whom.
#[derive(Debug, Clone, Copy)]
pub struct NmeaAsk<'a> {
    /// The sender, from [`Policy::zone_pair`]; [`End::default`] on a serial line.
    pub from: End,
    /// The receiver; one without an asset (a group, an unknown device) may be a heading controller.
    pub to: End,
    /// System function id of the TAG block.
    pub sfi: Option<Sfi>,
    /// Talker id; `P` for proprietary sentences.
    pub talker: &'a str,
    /// Formatter; for proprietary sentences the maker's code and what follows.
    pub formatter: &'a str,
}

/// Whether a source may say a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NmeaVerdict {
    /// Yes, by this `[[nmea]]` (position in [`Policy::nmea`]).
    Allowed(u16),
    /// The file says nothing about sentences at all: ask the baseline.
    NotDeclared,
    /// No.
    Denied {
        /// Why.
        why: NmeaRefusal,
        /// The `[[nmea]]` that comes nearest.
        nearest: Option<u16>,
    },
}

/// Why a sentence is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NmeaRefusal {
    /// No allowance is for this source.
    Source,
    /// The address is the source's, the MAC address is not.
    Mac,
    /// The system function id is not the source's own; another source may own it.
    Sfi,
    /// Not this talker id.
    Talker,
    /// Not this sentence.
    Sentence,
    /// A steering command from a source without that role.
    SteeringCommand,
}

/// Whether a source may send a parameter group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum N2kVerdict {
    /// Yes, by this `[[n2k]]` (position in [`Policy::n2k`]).
    Allowed(u16),
    /// Network management, allowed to everybody.
    Management,
    /// The file says nothing about this bus: ask the baseline.
    NotDeclared,
    /// No.
    Denied {
        /// Why.
        why: N2kRefusal,
        /// The `[[n2k]]` that comes nearest.
        nearest: Option<u16>,
    },
}

/// Why a parameter group is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum N2kRefusal {
    /// The NAME is on no allowance of this bus.
    Source,
    /// The source is known, the parameter group is not its own.
    Pgn,
}

impl Policy {
    /// Whether a source may say a sentence.
    #[must_use]
    pub fn nmea_allows(&self, ask: &NmeaAsk<'_>) -> NmeaVerdict {
        if self.nmea.is_empty() {
            return NmeaVerdict::NotDeclared;
        }
        let denied = |why, nearest| NmeaVerdict::Denied { why, nearest };
        let claimed = ask.sfi.and_then(|sfi| self.owner_of(sfi));
        let anonymous = ask.from.ip.is_none() && ask.from.mac.is_none() && ask.from.asset.is_none();
        let own: &[(AssetIx, u16)] = match ask.from.asset {
            Some(asset) => self.allowances_of(asset),
            None => &[],
        };
        // On a serial line there is no address; the function id, or failing that the talker, is all that tells sources apart.
        let anonymous_fits = |at: u16| anonymous && claimed.is_none_or(|owner| owner == at);
        let mine = |at: u16| own.iter().any(|(_, position)| *position == at) || anonymous_fits(at);
        if ask.from.mac_differs {
            return denied(NmeaRefusal::Mac, own.first().map(|(_, at)| *at));
        }
        let shared = |entry: &NmeaAllowance| {
            entry.redundancy.is_some()
                && own.iter().any(|(_, at)| {
                    self.nmea.get(usize::from(*at)).is_some_and(|own| own.redundancy == entry.redundancy)
                })
        };
        let usable = || {
            self.nmea
                .iter()
                .zip(0_u16..)
                .filter(|(entry, at)| mine(*at) || shared(entry))
                .map(|(entry, at)| (at, entry))
        };
        let Some((nearest, _)) = usable().find(|(at, _)| mine(*at)).or_else(|| usable().next()) else {
            return denied(NmeaRefusal::Source, claimed);
        };
        let by_sfi =
            || usable().filter(|(_, entry)| ask.sfi.is_none_or(|sfi| entry.sfi.is_empty() || entry.sfi.contains(&sfi)));
        if by_sfi().next().is_none() {
            return denied(NmeaRefusal::Sfi, claimed.or(Some(nearest)));
        }
        let proprietary = ask.talker == "P";
        let by_talker = || {
            by_sfi().filter(move |(_, entry)| {
                proprietary || entry.talkers.is_empty() || entry.talkers.iter().any(|talker| talker == ask.talker)
            })
        };
        let Some((nearest, _)) = by_talker().next() else { return denied(NmeaRefusal::Talker, Some(nearest)) };
        let by_sentence = || by_talker().filter(|(_, entry)| says(entry, ask));
        let steers = STEERING.contains(&ask.formatter) && self.may_steer(ask.to);
        let role_fits = |entry: &NmeaAllowance| !steers || entry.role == Some(NavRole::SteeringCommand);
        match by_sentence().find(|(_, entry)| role_fits(entry)) {
            Some((at, _)) => NmeaVerdict::Allowed(at),
            None => match by_sentence().next() {
                Some((at, _)) => denied(NmeaRefusal::SteeringCommand, Some(at)),
                None => denied(NmeaRefusal::Sentence, Some(nearest)),
            },
        }
    }

    /// Whether a source is there for `role`: by an allowance of its own for this talker id, or by its NAME on a bus.
    #[must_use]
    pub fn has_nav_role(&self, from: End, talker: &str, name: Option<u64>, role: NavRole) -> bool {
        if let Some(name) = name {
            return self.n2k.iter().any(|entry| entry.role == Some(role) && entry.name.matches(name));
        }
        let own = from.asset.map_or(&[][..], |asset| self.allowances_of(asset));
        own.iter().filter_map(|(_, at)| self.nmea.get(usize::from(*at))).any(|entry| {
            entry.role == Some(role)
                && (entry.talkers.is_empty() || entry.talkers.iter().any(|listed| listed == talker))
        })
    }

    /// Like [`Policy::nmea_allows`] for a caller who holds addresses and no [`End`].
    #[must_use]
    pub fn nmea_end(&self, source: &str, mac: Mac, ip: Option<IpAddr>) -> End {
        let gateway = self.is_gateway_mac(mac);
        let placed = self.placed(&Placement { source, vlan: None, mac, ip, link_is_gateway: gateway });
        self.end(placed, mac, ip, gateway)
    }

    /// Whether a receiver may be a heading controller: it is one, or nobody knows what it is.
    fn may_steer(&self, to: End) -> bool {
        to.asset.and_then(|asset| self.asset(asset)).is_none_or(|asset| asset.is(AssetRole::HeadingControl))
    }

    fn allowances_of(&self, asset: AssetIx) -> &[(AssetIx, u16)] {
        let list = &self.talkers.by_asset;
        let first = list.partition_point(|(known, _)| *known < asset);
        let rest = list.get(first..).unwrap_or_default();
        rest.get(..rest.partition_point(|(known, _)| *known == asset)).unwrap_or_default()
    }

    fn owner_of(&self, sfi: Sfi) -> Option<u16> {
        let at = self.talkers.by_sfi.binary_search_by_key(&sfi, |(sfi, _)| *sfi).ok()?;
        self.talkers.by_sfi.get(at).map(|(_, position)| *position)
    }

    /// Whether the device with this NAME may send a parameter group on a bus.
    #[must_use]
    pub fn n2k_allows(&self, bus: &str, name: u64, pgn: u32) -> N2kVerdict {
        if MANAGEMENT.contains(&pgn) {
            return N2kVerdict::Management;
        }
        let on_bus = || self.n2k.iter().zip(0_u16..).filter(|(entry, _)| entry.bus == bus);
        if on_bus().next().is_none() {
            return N2kVerdict::NotDeclared;
        }
        let mine = || on_bus().filter(|(entry, _)| entry.name.matches(name));
        let Some((_, nearest)) = mine().next() else {
            let owner = on_bus().find(|(entry, _)| entry.pgn.contains(&pgn)).map(|(_, at)| at);
            return N2kVerdict::Denied { why: N2kRefusal::Source, nearest: owner };
        };
        let stands_in = |group: Option<u16>| group.is_some() && mine().any(|(own, _)| own.redundancy == group);
        let usable = on_bus().filter(|(entry, _)| entry.name.matches(name) || stands_in(entry.redundancy));
        match usable.filter(|(entry, _)| entry.pgn.contains(&pgn)).map(|(_, at)| at).next() {
            Some(at) => N2kVerdict::Allowed(at),
            None => N2kVerdict::Denied { why: N2kRefusal::Pgn, nearest: Some(nearest) },
        }
    }

    /// Whether one device may command another (126208, 127237, proprietary commands). `None` when the bus is not declared.
    #[must_use]
    pub fn n2k_may_command(&self, bus: &str, commander: u64, target: u64) -> Option<bool> {
        let on_bus = || self.n2k.iter().filter(|entry| entry.bus == bus);
        on_bus().next()?;
        let is_target = |at: &u16| self.n2k.get(usize::from(*at)).is_some_and(|entry| entry.name.matches(target));
        Some(
            on_bus().filter(|entry| entry.name.matches(commander)).any(|entry| entry.may_command.iter().any(is_target)),
        )
    }
}

/// Whether an allowance lists the sentence. Proprietary ones are listed with or without their `P`.
fn says(entry: &NmeaAllowance, ask: &NmeaAsk<'_>) -> bool {
    if entry.sentences.is_empty() {
        return true;
    }
    let fits = |listed: &str| {
        listed == ask.formatter
            || (ask.talker == "P" && listed.strip_prefix('P').is_some_and(|rest| ask.formatter == rest))
    };
    entry.sentences.iter().any(|listed| fits(listed))
}
