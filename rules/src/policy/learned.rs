//! Aggregates held against a policy: the ends they name as this policy knows them, and the questions they stand for. Proposals, simulation and the use of
//! lines all start here. The file may have changed since: zones are found again by their names, and where these are gone by address.

use dogwatch_model::{CaptureTime, Mac, Object, ShipState, Verb};

use super::place::{How, Placed, Placement};
use super::verdict::{Ask, Verdict};
use super::{AppName, End, Policy};
use crate::aggregates::{Host, Key, Learned, Row, What};
use crate::seen::Identity;

impl Policy {
    /// Both ends of an aggregate as this policy places them.
    pub(super) fn ends_of(&self, learned: &Learned, key: &Key, row: &Row) -> (End, End) {
        (
            self.end_of(key.from, learned.zone(key.from_zone), row.from_mac),
            self.end_of(key.to, learned.zone(key.to_zone), row.to_mac),
        )
    }

    fn end_of(&self, host: Host, zone: Option<&str>, mac: Mac) -> End {
        let named = zone.and_then(|id| self.zone_named(id)).map(|zone| Placed { zone, how: How::Selectors });
        let Host::One(identity) = host else {
            let placed = named.unwrap_or(Placed { zone: self.outside(), how: How::Outside });
            return End { zone: Some(placed.zone), how: Some(placed.how), ..End::default() };
        };
        match identity {
            Identity::Ip(ip) => {
                let is_gateway = self.is_gateway_mac(mac);
                let by_address =
                    || self.placed(&Placement { source: "", vlan: None, mac, ip: Some(ip), link_is_gateway: true });
                // an asset's own zone says more than where it was seen
                let placed = named.or_else(by_address);
                let end = self.end(placed, mac, Some(ip), is_gateway);
                if end.asset.is_some() { end } else { self.end(placed, Mac::NONE, Some(ip), true) }
            }
            Identity::Mac(mac) => {
                let by_card =
                    || self.placed(&Placement { source: "", vlan: None, mac, ip: None, link_is_gateway: false });
                self.end(named.or_else(by_card), mac, None, false)
            }
            Identity::Name(_) | Identity::BusAddress(_) => {
                let placed = named.map(|placed| placed.zone);
                End { zone: placed, how: placed.map(|_| How::Bus), ..End::default() }
            }
        }
    }

    /// Whether traffic between two ends is a matter of conduits at all.
    pub(super) fn is_judged(&self, from: &End, to: &End) -> bool {
        match (from.zone, to.zone) {
            (Some(from), Some(to)) if from == to => self.judges_inside(from),
            _ => true,
        }
    }
}

/// One question an aggregate stands for, with its answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged<'a> {
    pub(super) ask: Ask<'a>,
    pub(super) verdict: Verdict,
    /// The block of registers asked for.
    pub(super) block: Option<(u16, u16)>,
    /// The object or server asked for.
    pub(super) name: Option<&'a str>,
}

/// Every question of one aggregate of talk or operations; none of what is published.
pub(super) fn judge_row<'a>(
    policy: &Policy,
    (from, to): (End, End),
    key: &'a Key,
    row: &'a Row,
    at: CaptureTime,
    state: ShipState,
) -> Vec<Judged<'a>> {
    let (transport, port) = key.carrier.transport();
    let protocol = Some(key.protocol.as_str()).filter(|name| !name.is_empty());
    // the port of a known protocol was not kept: the policy knows it by name, or not at all
    let port = match protocol.and_then(AppName::of_protocol) {
        Some(name) if port == 0 => name.usual_place().1,
        _ => port,
    };
    let ask = Ask { from, to, protocol, transport, port, verb: None, object: None, at, state };
    let judged = |ask: Ask<'a>, block, name| Judged { verdict: policy.judge(&ask), ask, block, name };
    let (verb, unit, table) = match key.what {
        What::Talks => return vec![judged(ask, None, None)],
        What::Asks { verb, unit, table } => (verb, unit, table),
        What::Says { .. } | What::Sends { .. } => return Vec::new(),
    };
    let ask = Ask { verb: Some(verb), object: Some(Object::Device { unit }), ..ask };
    let mut all = Vec::new();
    if let (Some(unit), Some(table)) = (unit, table) {
        let written = row.value.filter(|_| verb == Verb::Write);
        for (first, last) in &row.blocks {
            let count = last.saturating_sub(*first).saturating_add(1);
            let object = Object::Registers { unit, table, first: *first, count, written };
            all.push(judged(Ask { object: Some(object), ..ask }, Some((*first, *last)), None));
        }
    }
    for name in &row.names {
        all.push(judged(Ask { object: Some(Object::Named(name)), ..ask }, None, Some(name)));
    }
    if all.is_empty() {
        all.push(judged(ask, None, None));
    }
    all
}
