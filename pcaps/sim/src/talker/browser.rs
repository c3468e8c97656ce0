//! Office PCs and crew phones: an address by DHCP, names by DNS, and TLS sessions through the satellite.

use super::{Cadence, Talker};
use crate::rng::Rng;
use crate::wire::names::{self, DhcpKind, Lease};
use crate::wire::net::{Host, MILLI, Net, SECOND};
use crate::wire::session::{End, Session};
use crate::wire::tls;
use crate::world::World;

/// A place on the Internet. Names are of example domains, addresses of the blocks reserved for documentation (RFC 5737).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site {
    pub(crate) name: &'static str,
    pub(crate) host: Host,
    /// Reached without a look-up, inside the ship.
    pub(crate) aboard: bool,
}

/// How someone uses the network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habit {
    pub(crate) name: &'static str,
    pub(crate) vendor_class: &'static str,
    pub(crate) wanted: &'static [u8],
    /// Announces its name by NetBIOS, as Windows does.
    pub(crate) windows: bool,
    /// Mean seconds between sessions.
    pub(crate) mean_s: f64,
    /// Mean bytes fetched in a session.
    pub(crate) fetch: f64,
}

/// Round trip by a geostationary satellite.
const SATELLITE: i64 = 600 * MILLI;

/// One person's machine.
pub(crate) struct Browser {
    habit: Habit,
    host: Host,
    resolver: Host,
    sites: Vec<Site>,
    rng: Rng,
    lease: Cadence,
    announce: Cadence,
    visit: Cadence,
    busy_until: i64,
    port: u16,
}

impl Browser {
    /// A machine that is switched on at `on` and from then on visits `sites`.
    pub(crate) fn new(habit: Habit, host: Host, resolver: Host, sites: Vec<Site>, seed: u64, on: i64) -> Self {
        let mut rng = Rng::stream(seed, habit.name, "browser");
        let visit = on + 3 * SECOND + (rng.waiting(habit.mean_s / 3.0) * 1e3) as i64 * MILLI;
        let port = 50_000 + rng.below(9_000) as u16;
        Self {
            habit,
            host,
            resolver,
            sites,
            lease: Cadence::new(on, 43_200 * SECOND),
            announce: Cadence::new(on + 2 * SECOND, 720 * SECOND),
            visit: Cadence::new(visit, SECOND),
            rng,
            busy_until: 0,
            port,
        }
    }

    /// Discover, offer, request, acknowledge; then a question whether somebody else has the address.
    fn obtain_address(&mut self, net: &mut Net, at: i64) {
        let Some(router) = net.gateway_of(&self.host) else { return };
        let Some(subnet) = self.host.subnet.and_then(|at| net.subnet(at)).copied() else { return };
        let mask = u32::MAX.checked_shl(32 - u32::from(subnet.prefix)).unwrap_or(0).to_be_bytes();
        let lease = Lease {
            transaction: self.rng.bits() as u32,
            client: self.host.mac,
            address: self.host.ip,
            server: router.ip,
            mask,
            resolver: self.resolver.ip,
            host_name: self.habit.name,
            vendor_class: self.habit.vendor_class,
            wanted: self.habit.wanted,
        };
        let nobody = Host { ip: [0; 4], ..self.host };
        let everyone = [255; 4];
        for (kind, after) in
            [(DhcpKind::Discover, 0), (DhcpKind::Offer, 900), (DhcpKind::Request, 905), (DhcpKind::Ack, 912)]
        {
            let message = names::dhcp(kind, &lease);
            let at = at + after * MILLI;
            match kind {
                DhcpKind::Discover | DhcpKind::Request => {
                    net.send_udp_to_many(at, (&nobody, 68), (everyone, 67), &message)
                }
                DhcpKind::Offer | DhcpKind::Ack => net.send_udp_to_many(at, (&router, 67), (everyone, 68), &message),
            }
        }
        net.resolve(at + 1_500 * MILLI, &self.host, &router, false);
    }

    fn announce(&mut self, net: &mut Net, at: i64) {
        if self.habit.windows {
            let Some(subnet) = self.host.subnet.and_then(|at| net.subnet(at)) else { return };
            let everyone = (subnet.broadcast(), 137);
            let message = names::netbios_registration(self.rng.bits() as u16, self.habit.name, self.host.ip);
            for repeat in 0..3 {
                net.send_udp_to_many(at + repeat * 750 * MILLI, (&self.host, 137), everyone, &message);
            }
        } else {
            let question = names::mdns_query("_companion-link._tcp.local");
            net.send_udp_to_many(at, (&self.host, 5_353), ([224, 0, 0, 251], 5_353), &question);
        }
    }

    /// A question asked three times, because nobody answers.
    fn ask_in_vain(&mut self, net: &mut Net, at: i64, name: &str) {
        let id = self.rng.bits() as u16;
        self.next_port();
        for wait in [0, 1, 4] {
            let question = names::dns_query(id, name);
            net.udp(at + wait * SECOND, (&self.host, self.port), (&self.resolver, 53), &question, false);
        }
    }

    fn visit(&mut self, net: &mut Net, at: i64, link_down: bool) {
        let place = self.rng.below(self.sites.len() as u64) as usize;
        let Some(site) = self.sites.get(place).copied() else { return };
        let mut at = at.max(self.busy_until);
        if !site.aboard && link_down {
            self.ask_in_vain(net, at, site.name);
            self.busy_until = at + 9 * SECOND;
            return;
        }
        if !site.aboard {
            let id = self.rng.bits() as u16;
            self.next_port();
            let question = names::dns_query(id, site.name);
            net.udp(at, (&self.host, self.port), (&self.resolver, 53), &question, false);
            let answer = names::dns_answer(id, site.name, site.host.ip);
            at += SATELLITE + self.rng.nanos(40 * MILLI);
            net.udp(at, (&self.resolver, 53), (&self.host, self.port), &answer, true);
            at += 2 * MILLI;
        }
        self.next_port();
        self.busy_until = self.session(net, at, &site) + 20 * MILLI;
    }

    fn next_port(&mut self) {
        self.port = 50_000 + (self.port - 50_000 + 1) % 10_000;
    }

    fn session(&mut self, net: &mut Net, at: i64, site: &Site) -> i64 {
        let trip = if site.aboard { MILLI } else { SATELLITE + self.rng.nanos(30 * MILLI) };
        let mut tcp = Session::new((self.host, self.port), (site.host, 443), self.rng.bits(), trip);
        let mut at = tcp.open(net, at);
        let id = self.rng.bytes(32);
        at = tcp.send(net, at, End::Client, &tls::client_hello(&mut self.rng, site.name, &id));
        at = tcp.send(net, at + trip, End::Server, &tls::server_flight(&mut self.rng, &id));
        at += 3 * MILLI;
        at = tcp.send(net, at, End::Client, &tls::client_finished(&mut self.rng));
        let rounds = 1 + self.rng.below(3);
        for _ in 0..rounds {
            let asked = 300 + self.rng.below(700) as usize;
            at = tcp.send(net, at + MILLI, End::Client, &tls::application_data(&mut self.rng, asked));
            let fetched = (self.rng.waiting(self.habit.fetch / rounds as f64) as usize).clamp(200, 60_000);
            at = tcp.send(net, at + trip, End::Server, &tls::application_data(&mut self.rng, fetched));
            at += 2 * MILLI;
            tcp.ack(net, at, End::Client);
        }
        tcp.close(net, at + 200 * MILLI + self.rng.nanos(900 * MILLI))
    }
}

impl Talker for Browser {
    fn tick(&mut self, world: &World, net: &mut Net) {
        if let Some(at) = self.lease.due(world.now) {
            self.obtain_address(net, at);
        }
        if let Some(at) = self.announce.due(world.now) {
            self.announce(net, at);
        }
        if let Some(at) = self.visit.due_once(world.now) {
            self.visit(net, at, world.effects.link_down);
            let wait = self.rng.waiting(self.habit.mean_s).max(2.0);
            self.visit.again(self.busy_until.max(at) + (wait * 1e3) as i64 * MILLI);
        }
    }
}
