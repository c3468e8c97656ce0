//! DW-9008: somebody speaks to the monitor itself.
//!
//! The monitor answers nobody on the networks it watches, so nobody has business there. Its addresses are told by whoever runs it (`SelfSeen`).
//! Stations that manage it were seen to do so while learning, or a conduit or an open window allows them; stations of an untrusted zone are never
//! learned. Broadcasts, ARP and answers to what the monitor asked itself (time, names, the link ashore) are no such thing. Refused logins are not
//! seen: the pages of the monitor have no login.

use std::net::IpAddr;

use dogwatch_model::{Flow, Initiator, Mac, Transport};

use super::zones::{is_allowed, is_infrastructure, is_untrusted};
use crate::detector::{Card, Context, Detector, Raise, Wants};
use crate::seen::{FlowSeen, FlowStage, Identity, SelfSeen};

/// Stations remembered; a ship has one or two.
const STATIONS: usize = 64;
/// Addresses of one machine.
const ADDRESSES: usize = 64;
const ICMP: u8 = 1;

const CARD: Card = Card {
    id: "DW-9008",
    why: "Who wants to work unseen looks for the watchman first. Nobody but the station that manages the monitor has business with it.",
    e26: &["4.2.4", "4.3.1"],
};

/// See the file's head.
#[derive(Default)]
pub(super) struct Probed {
    addresses: Vec<IpAddr>,
    cards: Vec<Mac>,
    stations: Vec<Identity>,
}

impl Detector for Probed {
    fn cards(&self) -> &'static [&'static Card] {
        &[&CARD]
    }

    fn wants(&self) -> Wants {
        Wants { flows: &[FlowStage::Started], ..Wants::default() }
    }

    fn itself(&mut self, seen: &SelfSeen<'_>, _cx: &mut Context<'_>) {
        if self.addresses != seen.addresses {
            self.addresses = seen.addresses.iter().take(ADDRESSES).copied().collect();
        }
        if self.cards != seen.cards {
            self.cards = seen.cards.iter().take(ADDRESSES).copied().collect();
        }
    }

    fn flow(&mut self, seen: &FlowSeen<'_>, cx: &mut Context<'_>) {
        if !self.is_to_us(seen.flow) || !is_a_try(seen, cx) {
            return;
        }
        let who = seen.from.identity();
        if self.stations.contains(&who) || is_allowed(seen, cx) || is_in_window(seen, cx) {
            return;
        }
        let is_strange = cx.policy.is_some_and(|policy| is_untrusted(policy, seen.from.end.zone));
        if !is_strange && self.stations.len() < STATIONS && cx.is_learning(seen.at, &seen.from, &seen.to) {
            self.stations.push(who);
            return;
        }
        let key = format!("{who:?}");
        let name = cx.call(&seen.from);
        let service = seen.service();
        cx.raise(key.as_bytes(), &CARD, seen.at, || Raise {
            confidence: 0.9,
            summary: format!("{name} tries the monitor itself: {service}"),
            fields: vec![("service".to_owned(), service.clone())],
            expected: "nobody but the station that manages the monitor".to_owned(),
            ..Raise::of_flow(&CARD, seen)
        });
    }

    fn learned(&self) -> Option<serde_json::Value> {
        serde_json::to_value(&self.stations).ok()
    }

    fn recall(&mut self, learned: serde_json::Value) -> Result<(), serde_json::Error> {
        self.stations = serde_json::from_value(learned)?;
        self.stations.truncate(STATIONS);
        Ok(())
    }
}

impl Probed {
    fn is_to_us(&self, flow: &Flow) -> bool {
        let has = |ip: Option<IpAddr>, mac: &Mac| {
            ip.is_some_and(|ip| self.addresses.contains(&ip)) || (!mac.is_none() && self.cards.contains(mac))
        };
        // a monitor that does not know who it is looks no further; the cheapest question first, with every flow
        let knows_itself = !self.addresses.is_empty() || !self.cards.is_empty();
        knows_itself && has(flow.dst, &flow.dst_mac) && !has(flow.src, &flow.src_mac) && !flow.is_to_group()
    }
}

/// Whether it is somebody's own idea: no answer to the monitor, and no word of a gateway that something of the monitor's cannot be delivered.
fn is_a_try(seen: &FlowSeen<'_>, cx: &Context<'_>) -> bool {
    let flow = seen.flow;
    match flow.transport {
        Transport::Tcp => flow.initiator == Initiator::Sender,
        Transport::Udp => flow.initiator != Initiator::Receiver && (flow.src_port >= 1_024 || flow.dst_port < 1_024),
        Transport::Ip(ICMP) => !is_infrastructure(cx, &seen.from),
        Transport::Ip(_) | Transport::Ethernet(_) | Transport::Can | Transport::Serial => false,
    }
}

/// Whether somebody has leave to test at either end.
fn is_in_window(seen: &FlowSeen<'_>, cx: &Context<'_>) -> bool {
    let zones = [seen.from.end.zone, seen.to.end.zone].into_iter().flatten();
    cx.policy.is_some_and(|policy| zones.into_iter().any(|zone| policy.window_open(zone, seen.at).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detections::bench::{Bench, SHIP, flow};

    const OWN: [IpAddr; 1] = [IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 4, 5))];

    fn bench() -> Bench {
        let mut bench = Bench::new(Some(SHIP), Box::<Probed>::default());
        bench.itself(SelfSeen { addresses: &OWN, ..SelfSeen::default() });
        bench.at(0.0);
        bench
    }

    fn told(from: &str, to: &str, port: u16, transport: Transport) -> usize {
        let mut bench = bench();
        bench.at(600.0);
        bench.started(flow(from, to, port, transport));
        bench.started(flow(from, to, port + 1, transport));
        bench.findings().len()
    }

    #[test]
    fn whoever_knocks_is_told_once() {
        assert_eq!(told("10.0.9.7", "10.0.4.5", 22, Transport::Tcp), 1, "crew");
        assert_eq!(told("10.0.4.9", "10.0.4.5", 161, Transport::Udp), 1, "a neighbour");
        assert_eq!(told("10.0.4.9", "10.0.4.5", 0, Transport::Ip(1)), 1, "ping");
    }

    #[test]
    fn others_broadcasts_arp_and_answers_are_quiet() {
        assert_eq!(told("10.0.9.7", "10.0.4.6", 22, Transport::Tcp), 0, "somebody else");
        assert_eq!(told("10.0.4.5", "10.0.4.9", 123, Transport::Udp), 0, "the monitor itself");
        assert_eq!(told("10.0.4.9", "239.255.255.250", 1_900, Transport::Udp), 0, "a group");
        assert_eq!(told("10.0.4.9", "10.0.4.5", 0, Transport::Ethernet(0x0806)), 0, "ARP for it");
        assert_eq!(told("10.0.3.1", "10.0.4.5", 0, Transport::Ip(1)), 0, "a gateway cannot deliver");
        let mut bench = bench();
        bench.at(600.0);
        let line = flow("10.0.3.9", "10.0.4.5", 40_000, Transport::Udp);
        bench.started(Flow { src_port: 123, ..line });
        bench.started(Flow { initiator: Initiator::Unknown, ..flow("10.0.3.9", "10.0.4.5", 50_000, Transport::Tcp) });
        assert!(bench.findings().is_empty(), "answers whose question was not seen");
    }

    #[test]
    fn a_station_is_learned_and_kept_but_never_one_of_the_crew() {
        let mut bench = bench();
        bench.at(10.0);
        let admin = flow("10.0.4.9", "10.0.4.5", 8_787, Transport::Tcp);
        let crew = flow("10.0.9.7", "10.0.4.5", 8_787, Transport::Tcp);
        bench.started(admin);
        bench.at(600.0);
        bench.started(admin);
        assert!(bench.findings().is_empty());
        let baseline = bench.baseline();
        bench.at(601.0);
        bench.started(crew);
        assert_eq!(bench.ids(), ["DW-9008"]);

        let mut bench = self::bench();
        bench.recall(baseline);
        bench.started(admin);
        assert!(bench.findings().is_empty());
        bench.started(crew);
        assert_eq!(bench.ids(), ["DW-9008"]);
    }
}
