//! DW-2012 and DW-2013: traffic beside the zone plan.
//!
//! DW-2012: a private address that no zone owns. DW-2013: a tunnel out of or between OT zones that no line allows, or IPv6 in an OT zone whose plan
//! knows only IPv4. Addresses that place nobody (link-local, unspecified) are left alone.

use std::net::IpAddr;

use dogwatch_model::{Act, Event, Object, Severity, Transport};

use super::zones::{is_allowed, is_ot, plan};
use crate::detector::{Card, Context, Detector, Raise, Speaking, Wants};
use crate::policy::{AppName, Class, Importance, Mode, is_public};
use crate::seen::{FlowSeen, FlowStage, Party};

/// IP protocol numbers of tunnels (IANA): IPv4 and IPv6 inside IP, GRE, ESP, AH, EtherIP, L2TP.
const TUNNELS: [u8; 7] = [4, 41, 47, 50, 51, 97, 115];

const NO_ZONE: Card = Card {
    id: "DW-2012",
    why: "The zone plan does not know this network. Either the plan has a gap, or a device brought its own address and stands where nobody planned \
          for it.",
    e26: &["4.1.1", "4.2.1"],
};
const AROUND: Card = Card {
    id: "DW-2013",
    why: "A tunnel or a second kind of addressing carries traffic past the walls between the zones: what is inside is seen by no firewall.",
    e26: &["4.2.1", "4.2.2", "4.3.1"],
};

/// See the file's head. Keeps no state: the table of findings knows what was told.
#[derive(Default)]
pub(super) struct Paths;

impl Detector for Paths {
    fn cards(&self) -> &'static [&'static Card] {
        &[&NO_ZONE, &AROUND]
    }

    fn wants(&self) -> Wants {
        Wants {
            flows: FlowStage::ALL,
            published: true,
            of: Speaking::Only(&[AppName::Icmp]),
            planned: true,
            ..Wants::default()
        }
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        if cx.policy.is_none_or(|policy| policy.mode == Mode::Learn) {
            return;
        }
        if matches!(seen.stage, FlowStage::Started) {
            no_zone(seen, &seen.from, cx);
        } else if seen.account.is_answered && !seen.flow.is_to_group() {
            no_zone(seen, &seen.to, cx);
        }
        tunnel(seen, cx);
        second_family(seen, cx);
    }

    fn event(&mut self, event: &Event<'_>, from: &Party, _to: &Party, cx: &mut Context<'_>) {
        if !is_ipv4_only(cx, from) {
            return;
        }
        let is_advertised =
            event.message.acts.iter().any(|act| matches!(act, Act::Publishes { object: Object::Named("router") }));
        if !is_advertised || cx.policy.is_some_and(|policy| policy.mode_of(from.end.zone) == Mode::Learn) {
            return;
        }
        let who = cx.call(from);
        let key = format!("router|{:?}", from.end.mac);
        cx.raise(key.as_bytes(), &AROUND, event.at, || Raise {
            severity: Some(Severity::High),
            confidence: 0.9,
            summary: format!("{who} offers itself as IPv6 router in a zone that has only IPv4"),
            expected: "no IPv6 routers here".to_owned(),
            ..Raise::of_event(&AROUND, event, from)
        });
    }
}

fn no_zone(seen: &FlowSeen<'_>, party: &Party, cx: &mut Context<'_>) {
    let Some(policy) = cx.policy else { return };
    let Some(ip) = party.end.ip else { return };
    let is_unowned = party.end.zone.is_none_or(|zone| zone == policy.outside());
    let says_nothing = is_public(ip)
        || ip.is_multicast()
        || ip.is_loopback()
        || ip.is_unspecified()
        || is_link_local(ip)
        || is_broadcast(ip);
    if !is_unowned || says_nothing {
        return;
    }
    let subnet = subnet(ip);
    let near = if party.port == seen.from.port { &seen.to } else { &seen.from };
    let is_near_the_heart = plan(Some(policy), near).is_some_and(|zone| zone.criticality == Importance::High);
    let who = cx.call(party);
    cx.raise(subnet.as_bytes(), &NO_ZONE, seen.at, || Raise {
        severity: Some(if is_near_the_heart { Severity::Medium } else { Severity::Low }),
        confidence: 0.9,
        from: *party,
        to: Some(*near),
        summary: format!("{who} sends from {subnet}, which belongs to no zone"),
        fields: vec![("subnet".to_owned(), subnet.clone())],
        expected: "addresses that a zone of the policy owns".to_owned(),
        ..Raise::of_flow(&NO_ZONE, seen)
    });
}

fn tunnel(seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
    let by_number = matches!(seen.flow.transport, Transport::Ip(number) if TUNNELS.contains(&number));
    if !(by_number || cx.app.is_some_and(AppName::is_tunnel))
        || !(is_ot(cx.policy, &seen.from) || is_ot(cx.policy, &seen.to))
        || seen.flow.is_to_group()
        || is_allowed(seen, cx)
    {
        return;
    }
    let (who, whom) = (cx.call(&seen.from), cx.call(&seen.to));
    let key = format!("tunnel|{:?}|{:?}", seen.from.identity(), seen.to.identity());
    cx.raise(key.as_bytes(), &AROUND, seen.at, || Raise {
        confidence: 0.85,
        summary: format!("A tunnel ({}) runs from {who} to {whom}", seen.service()),
        expected: "no tunnel from or into this zone but what a conduit lists".to_owned(),
        ..Raise::of_flow(&AROUND, seen)
    });
}

fn second_family(seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
    let ips = [seen.from.end.ip, seen.to.end.ip];
    let is_routed_v6 = ips.iter().flatten().any(|ip| ip.is_ipv6() && !ip.is_multicast() && !is_link_local(*ip))
        && ips.iter().flatten().all(|ip| !ip.is_multicast() && !ip.is_unspecified());
    if !is_routed_v6 || !(is_ipv4_only(cx, &seen.from) || is_ipv4_only(cx, &seen.to)) {
        return;
    }
    let (who, whom) = (cx.call(&seen.from), cx.call(&seen.to));
    let key = format!("ipv6|{:?}", seen.from.end.mac);
    cx.raise(key.as_bytes(), &AROUND, seen.at, || Raise {
        summary: format!("{who} talks to {whom} by IPv6 in a zone that has only IPv4"),
        expected: "IPv4 only, as the subnets of the zone say".to_owned(),
        ..Raise::of_flow(&AROUND, seen)
    });
}

/// Whether an end is in an OT zone whose plan names subnets, and none of IPv6. Link-local addresses place nobody: there the device's own zone counts.
fn is_ipv4_only(cx: &Context<'_>, party: &Party) -> bool {
    let Some(policy) = cx.policy else { return false };
    let asset = party.row.or_else(|| cx.directory.row_of_mac(party.end.mac)).and_then(|row| cx.directory.asset(row));
    let own = || policy.zone_named(asset?.zone_id.as_deref()?);
    let zone = party.end.zone.filter(|zone| *zone != policy.outside()).or_else(own);
    zone.and_then(|zone| policy.zone(zone)).is_some_and(|zone| {
        zone.class == Class::Ot
            && !zone.subnet.is_empty()
            && zone.subnet.iter().all(|prefix| prefix.address().is_ipv4())
    })
}

const fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

const fn is_broadcast(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.is_broadcast())
}

/// The /24 or /64 an address is in.
fn subnet(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};

    fn bench() -> Bench {
        Bench::new(Some(SHIP), Box::<Paths>::default())
    }

    #[test]
    fn a_network_nobody_planned() {
        let mut bench = bench();
        bench.started(flow("192.168.7.9", "10.0.2.21", 502, Transport::Tcp));
        bench.started(flow("192.168.7.10", "10.0.2.21", 502, Transport::Tcp));
        assert_eq!(bench.ids(), ["DW-2012"], "one subnet is one finding");
        assert_eq!(bench.findings()[0].severity, Severity::Medium);
    }

    #[test]
    fn known_public_and_link_local_addresses_are_quiet() {
        let mut bench = bench();
        for from in ["10.0.4.9", "8.8.8.8", "169.254.3.4"] {
            bench.started(flow(from, "10.0.4.21", 502, Transport::Tcp));
        }
        assert!(bench.ids().is_empty());
    }

    #[test]
    fn a_tunnel_out_of_the_engine_room() {
        let mut bench = bench();
        bench.started(flow("10.0.2.21", "8.8.8.8", 0, Transport::Ip(47)));
        assert_eq!(bench.ids(), ["DW-2013"]);
        let mut office = self::bench();
        office.started(flow("10.0.4.21", "8.8.8.8", 0, Transport::Ip(47)));
        assert!(office.ids().is_empty());
    }
}
