//! What every network says besides its work: ARP refreshes, switches, group membership, clocks.

use super::{Cadence, Talker};
use crate::rng::Rng;
use crate::wire::ip;
use crate::wire::link::{self, LldpFacts};
use crate::wire::names;
use crate::wire::net::{Host, MILLI, Net, SECOND};
use crate::world::World;

/// Pairs of hosts that talk to each other and keep each other's hardware address fresh.
pub(crate) struct Neighbours {
    pairs: Vec<(Host, Host, Cadence, bool)>,
}

/// How often a held address is checked.
const REFRESH: i64 = 1_200 * SECOND;

impl Neighbours {
    /// Each pair resolves once in the first two seconds and then refreshes.
    pub(crate) fn new(pairs: &[(Host, Host)], seed: u64, start: i64) -> Self {
        let mut rng = Rng::stream(seed, "neighbours", "arp");
        let pair = |(from, to): &(Host, Host)| {
            (*from, *to, Cadence::new(start + rng.nanos(2 * SECOND), REFRESH + rng.nanos(30 * SECOND)), false)
        };
        Self { pairs: pairs.iter().map(pair).collect() }
    }
}

impl Talker for Neighbours {
    fn tick(&mut self, world: &World, net: &mut Net) {
        for (from, to, cadence, known) in &mut self.pairs {
            if let Some(at) = cadence.due(world.now) {
                net.resolve(at, from, to, *known);
                *known = true;
            }
        }
    }
}

/// A host that only shows it is there by asking for its router.
pub(crate) struct QuietHost {
    host: Host,
    router: Host,
    ask: Cadence,
}

impl QuietHost {
    /// Asks every `period`.
    pub(crate) fn new(host: Host, router: Host, name: &str, seed: u64, start: i64, period: i64) -> Self {
        let first = start + Rng::stream(seed, name, "timing").nanos(20 * SECOND);
        Self { host, router, ask: Cadence::new(first, period) }
    }
}

impl Talker for QuietHost {
    fn tick(&mut self, world: &World, net: &mut Net) {
        if let Some(at) = self.ask.due(world.now) {
            net.resolve(at, &self.host, &self.router, false);
        }
    }
}

/// A managed switch: LLDP every 30 s, spanning-tree hello every 2 s, and a log line now and then.
pub(crate) struct Switch {
    host: Host,
    name: &'static str,
    description: &'static str,
    recorder: Option<Host>,
    lldp: Cadence,
    hello: Cadence,
    log: Cadence,
    rng: Rng,
}

impl Switch {
    /// A switch that logs to `recorder` when there is one.
    pub(crate) fn new(
        host: Host,
        name: &'static str,
        description: &'static str,
        recorder: Option<Host>,
        seed: u64,
        start: i64,
    ) -> Self {
        let mut rng = Rng::stream(seed, name, "switch");
        let lldp = Cadence::new(start + rng.nanos(10 * SECOND), 30 * SECOND);
        let hello = Cadence::new(start + rng.nanos(2 * SECOND), 2 * SECOND);
        let log = Cadence::new(start + 20 * SECOND + rng.nanos(60 * SECOND), SECOND);
        Self { host, name, description, recorder, lldp, hello, log, rng }
    }
}

impl Talker for Switch {
    fn tick(&mut self, world: &World, net: &mut Net) {
        let Some(segment) = self.host.subnet else { return };
        if let Some(at) = self.hello.due(world.now) {
            net.frame_on(at, self.host.index, segment, link::spanning_tree(self.host.mac, 1));
        }
        if let Some(at) = self.lldp.due(world.now) {
            let facts = LldpFacts {
                mac: self.host.mac,
                port: "1/8",
                name: self.name,
                description: self.description,
                address: self.host.ip,
            };
            // The nearest-bridge group address.
            let to = [0x01, 0x80, 0xC2, 0, 0, 0x0E];
            net.frame_on(at, self.host.index, segment, link::frame(to, self.host.mac, link::LLDP, &link::lldp(&facts)));
        }
        if let (Some(recorder), Some(at)) = (self.recorder, self.log.due_once(world.now)) {
            let port = 1 + self.rng.below(8);
            let line = format!("<134>{}: port 1/{port}: utilisation {} %", self.name, 1 + self.rng.below(4));
            net.udp(at, (&self.host, 514), (&recorder, 514), line.as_bytes(), false);
            self.log.again(at + (60.0 + self.rng.waiting(120.0)) as i64 * SECOND);
        }
    }
}

/// Listeners of the sentence groups, and the router that asks who listens.
pub(crate) struct Membership {
    querier: Host,
    listeners: Vec<Host>,
    query: Cadence,
    rng: Rng,
}

/// Groups a station joins.
const GROUPS: [[u8; 4]; 5] =
    [[239, 192, 0, 1], [239, 192, 0, 2], [239, 192, 0, 3], [239, 192, 0, 4], [239, 192, 0, 26]];

impl Membership {
    /// Queries every 125 s (RFC 3376), the first one early in the run.
    pub(crate) fn new(querier: Host, listeners: Vec<Host>, seed: u64, start: i64) -> Self {
        let mut rng = Rng::stream(seed, "membership", "igmp");
        let query = Cadence::new(start + rng.nanos(4 * SECOND), 125 * SECOND);
        Self { querier, listeners, query, rng }
    }
}

impl Talker for Membership {
    fn tick(&mut self, world: &World, net: &mut Net) {
        let Some(at) = self.query.due(world.now) else { return };
        net.send_to_many(at, &self.querier, [224, 0, 0, 1], ip::IGMP, &link::igmp_v3_query());
        for (number, listener) in self.listeners.iter().enumerate() {
            let answered = at + 50 * MILLI + self.rng.nanos(9 * SECOND);
            // The oldest station speaks version 2: one report for each group.
            if number == 0 {
                for (late, group) in (0..).zip(GROUPS) {
                    net.send_to_many(
                        answered + late * 20 * MILLI,
                        listener,
                        group,
                        ip::IGMP,
                        &link::igmp_v2_report(group),
                    );
                }
            } else {
                net.send_to_many(answered, listener, [224, 0, 0, 22], ip::IGMP, &link::igmp_v3_report(&GROUPS));
            }
        }
    }
}

/// A station that keeps its clock by NTP.
pub(crate) struct Clock {
    host: Host,
    server: Host,
    ask: Cadence,
    rng: Rng,
}

impl Clock {
    /// Asks every 64 s.
    pub(crate) fn new(host: Host, server: Host, name: &str, seed: u64, start: i64) -> Self {
        let mut rng = Rng::stream(seed, name, "clock");
        let ask = Cadence::new(start + 2 * SECOND + rng.nanos(60 * SECOND), 64 * SECOND);
        Self { host, server, ask, rng }
    }
}

impl Talker for Clock {
    fn tick(&mut self, world: &World, net: &mut Net) {
        let Some(at) = self.ask.due(world.now) else { return };
        let port = 123;
        net.udp(at, (&self.host, port), (&self.server, 123), &names::ntp_query(at), false);
        let received = at + 180_000;
        let answered = received + 40_000 + self.rng.nanos(60_000);
        let answer = names::ntp_answer(at, received, answered);
        net.udp(answered + 150_000, (&self.server, 123), (&self.host, port), &answer, true);
    }
}
