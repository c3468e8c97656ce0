//! Normal life with something happening in it: what a monitor must not raise an alarm over.

use dogwatch_model::CaptureTime;

use super::{Play, Repeated, Scene, Script, bridge, life, office};
use crate::error::SimError;
use crate::rng::{self, Rng};
use crate::talk::modbus::{self, function};
use crate::talker::modbus::Link;
use crate::wire::link::{Arp, BROADCAST};
use crate::wire::names::{self, DhcpKind, Lease};
use crate::wire::net::{Host, MILLI, SECOND};
use crate::wire::session::{End, Session};
use crate::wire::tls;
use crate::world::{GyroFault, ReceiverFault, Voyage, World};

const fn event(
    name: &'static str,
    what: &'static str,
    voyage: Voyage,
    play: fn(&Scene<'_>) -> Result<Play, SimError>,
) -> Script {
    Script { play, ..life(name, what, voyage) }
}

/// The scripts of this file.
pub(super) const SCRIPTS: &[Script] = &[
    life("departure", "normal life from the quay to sea speed", Voyage::Departure),
    life("river-current", "normal life up a river against three knots of stream", Voyage::River),
    life("dateline-midnight", "normal life over the date line; start it shortly before midnight", Voyage::DateLine),
    event("gyro-changeover", "another gyro takes over, seven tenths of a degree off", Voyage::Passage, gyro_changeover),
    event("differential-loss", "corrections come and go", Voyage::Passage, differential_loss),
    event("cranes-masking", "cranes alongside hide part of the sky", Voyage::Berth, cranes_masking),
    event(
        "ecdis-restart",
        "the first chart display starts anew and is silent for 90 s",
        Voyage::Passage,
        ecdis_restart,
    ),
    event("blackout-restart", "the machinery is without power for 70 s and starts anew", Voyage::Passage, blackout),
    event("service-visit", "a maker's engineer works within the window that was opened", Voyage::Berth, service_visit),
    event("chart-update", "the chart displays copy charts to each other", Voyage::Passage, chart_update),
    event("passenger-turnover", "hundreds of new phones join the open network", Voyage::Berth, turnover),
    event("link-outage", "the satellite link is down for five minutes", Voyage::Passage, link_outage),
    event("time-zone-change", "the ship's clocks go forward an hour", Voyage::Passage, time_zone),
    event("plc-standby-takeover", "the declared standby takes the engine gateway's address", Voyage::Passage, standby),
    event("alternator-reclaim", "an NMEA 2000 device starts anew", Voyage::Passage, reclaim),
    event("bandwidth-peak", "the office fetches megabytes", Voyage::Berth, bandwidth_peak),
    event(
        "ballast-exchange",
        "ballast is exchanged at sea within the window for it",
        Voyage::Passage,
        ballast_exchange,
    ),
    event("drill", "alerts are raised and acknowledged where they should be", Voyage::Passage, drill),
    event("gnss-interference-area", "satellite signals are weak for some minutes", Voyage::Passage, interference),
];

fn bent(bend: impl FnMut(&mut World) + 'static) -> Result<Play, SimError> {
    Ok(Play { bend: Some(Box::new(bend)), ..Play::default() })
}

fn gyro_changeover(_: &Scene<'_>) -> Result<Play, SimError> {
    bent(|world| world.effects.gyro = GyroFault { bias: -0.7, ..GyroFault::default() })
}

/// Corrections for two minutes, none for one, corrections again.
fn differential_loss(scene: &Scene<'_>) -> Result<Play, SimError> {
    let from = scene.from;
    bent(move |world| world.effects.differential = (world.now - from) / SECOND % 180 < 120)
}

/// A sector that grows and shrinks as the crane moves; each antenna sees another one.
fn cranes_masking(scene: &Scene<'_>) -> Result<Play, SimError> {
    let from = scene.from;
    bent(move |world| {
        let turn = (world.now - from) as f64 / (240 * SECOND) as f64 * std::f64::consts::TAU;
        let width = 50.0 + 40.0 * libm::sin(turn);
        for (number, bearing) in [(1, 40.0), (2, 70.0)] {
            let masked = Some((bearing, bearing + width));
            world.effects.receivers.insert(number, ReceiverFault { masked, ..ReceiverFault::default() });
        }
    })
}

/// A question for the own address, as everyone asks who starts.
fn hello(at: i64, host: Host) -> Box<dyn crate::talker::Talker> {
    Repeated::boxed(at, SECOND, 2, move |_, net, at| {
        let ask = Arp { operation: 1, sender: (host.mac, host.ip), target: ([0; 6], host.ip) };
        net.arp(at, &host, BROADCAST, &ask);
    })
}

fn ecdis_restart(scene: &Scene<'_>) -> Result<Play, SimError> {
    let host = scene.roster.host("ecdis-1")?;
    let back = scene.from + 90 * SECOND;
    Ok(Play { silent: vec![(host.index, back)], talkers: vec![hello(back, host)], ..Play::default() })
}

/// Nobody in the machinery network sends; then everyone says hello, connections are made anew, controllers are busy at first.
fn blackout(scene: &Scene<'_>) -> Result<Play, SimError> {
    let back = scene.from + 70 * SECOND;
    let hosts = scene.ship.marks.machinery.iter().map(|id| scene.roster.host(id)).collect::<Result<Vec<_>, _>>()?;
    let engines = scene.ship.nodes.iter().filter(|node| node.sends.contains(&127_488)).map(|node| node.address);
    let nodes: Vec<u8> = engines.collect();
    let bend = move |world: &mut World| {
        world.effects.blackout = world.now < back;
        world.effects.muted_nodes = if world.effects.blackout { nodes.clone() } else { Vec::new() };
    };
    let talkers = hosts.iter().map(|host| hello(back, *host)).collect();
    let silent = hosts.iter().map(|host| (host.index, back)).collect();
    Ok(Play { bend: Some(Box::new(bend)), silent, talkers, ..Play::default() })
}

/// A time as TOML writes it.
fn stamp(at: i64) -> String {
    let (year, month, day, hour, minute, second, _) = CaptureTime(at).civil();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Reads and few writes of the governor by the service laptop, its window open from an hour ago until the evening.
fn service_visit(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("eto-laptop")?, scene.roster.host("me-gateway")?);
    let mut link = Link::new(client, 48_022, server, Rng::stream(scene.seed, "service-visit", "link"));
    let controller = scene.controller("me-gateway")?;
    let mut count = 0_u16;
    let work = Repeated::boxed(scene.from, 5 * SECOND, u32::MAX, move |world, net, at| {
        count += 1;
        if count.is_multiple_of(12) {
            let request = modbus::pair(function::WRITE_REGISTER, 42, 118 + count % 5);
            link.ask(net, at, 1, &request, &request);
        } else {
            let request = modbus::pair(function::READ_HOLDING, 40, 8);
            let answer = controller.read(world, 1, function::READ_HOLDING, 40, 8);
            link.ask(net, at, 1, &request, &answer);
        }
    });
    let (from, to) = (stamp(scene.from - 3_600 * SECOND), stamp(scene.to + 6 * 3_600 * SECOND));
    let (zone, laptop, engine) =
        (scene.roster.zone_of(&server), scene.roster.own_name("eto-laptop"), scene.roster.own_name("me-gateway"));
    let policy = format!(
        "\n[[window]]\nid = \"MW-8\"\nkind = \"service\"\nfrom = {from}\nto = {to}\nzones = [\"{zone}\"]\nwho = \"engine maker's engineer\"\n\
         approved_by = \"chief engineer\"\n\n[[exception]]\nid = \"EX-8\"\nfrom = [\"{laptop}\"]\nto = [\"{engine}\"]\napp = \"modbus\"\n\
         op = [\"read\", \"write\"]\naddr = [\"40-47\"]\nwindow = \"MW-8\"\nowner = \"chief engineer\"\nreason = \"governor tuning\"\n"
    );
    Ok(Play { talkers: vec![work], policy: Some(policy), ..Play::default() })
}

/// Files opened on the other display, one every few seconds.
fn chart_update(scene: &Scene<'_>) -> Result<Play, SimError> {
    scene.mark(scene.ship.marks.shares_charts.then_some(()), "path for charts between its displays")?;
    let (client, server) = (scene.roster.host("ecdis-1")?, scene.roster.host("ecdis-2")?);
    let mut rng = Rng::stream(scene.seed, "chart-update", "session");
    let mut count = 0_u16;
    let copy = Repeated::boxed(scene.from, 7 * SECOND, 30, move |_, net, at| {
        count += 1;
        let file = format!(r"ENC\EX{:06}.000", 400_000 + u32::from(count));
        office::open_share(net, at, &mut rng, (client, 49_000 + count, server), "charts", &file);
    });
    Ok(Play { talkers: vec![copy], ..Play::default() })
}

/// One phone after the other: an address, a name, nothing else yet.
fn turnover(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (router, count, rate, first) = scene.ship.marks.turnover;
    let router = scene.roster.host(router)?;
    let seed = scene.seed;
    let subnet = scene.roster.network_of(scene.roster.zone_of(&router))?;
    let network = u32::from_be_bytes(subnet.network);
    let mask = u32::MAX.checked_shl(32 - u32::from(subnet.prefix)).unwrap_or(0).to_be_bytes();
    let mut number = 0_u32;
    let join = Repeated::boxed(scene.from, SECOND / i64::from(rate.max(1)), count, move |_, net, at| {
        number += 1;
        let [a, b, c, d, ..] = rng::hash(&["phone", &number.to_string(), &seed.to_string()]).to_le_bytes();
        let mac = [0x02 | (a & 0xFC), b, c, d, (number >> 8) as u8, number as u8];
        // Above every address that the fixed phones have.
        let ip = (network + first + number).to_be_bytes();
        let phone = Host { index: crate::ship::ATTACKER_INDEX + 20 + number, mac, ip, subnet: router.subnet };
        let lease = Lease {
            transaction: number * 7_919,
            client: mac,
            address: ip,
            server: router.ip,
            mask,
            resolver: office::resolver().ip,
            host_name: "phone",
            vendor_class: "android-dhcp-14",
            wanted: &[1, 3, 6, 15, 26, 28, 51, 58, 59, 43],
        };
        let nobody = Host { ip: [0; 4], ..phone };
        for (kind, after) in
            [(DhcpKind::Discover, 0), (DhcpKind::Offer, 30), (DhcpKind::Request, 40), (DhcpKind::Ack, 60)]
        {
            let (from, to) = match kind {
                DhcpKind::Discover | DhcpKind::Request => ((&nobody, 68), 67),
                DhcpKind::Offer | DhcpKind::Ack => ((&router, 67), 68),
            };
            net.send_udp_to_many(at + after * MILLI, from, ([255; 4], to), &names::dhcp(kind, &lease));
        }
        net.resolve(at + 90 * MILLI, &phone, &router, false);
        let answer = Some([203, 0, 113, 91]);
        office::look_up(net, at + 200 * MILLI, (&phone, 50_123), number as u16, "chat.example.net", answer);
    });
    Ok(Play { talkers: vec![join], ..Play::default() })
}

fn link_outage(scene: &Scene<'_>) -> Result<Play, SimError> {
    let until = scene.from + 300 * SECOND;
    bent(move |world| world.effects.link_down = world.now < until)
}

fn time_zone(_: &Scene<'_>) -> Result<Play, SimError> {
    bent(|world| world.effects.zone_hours = -1)
}

/// The standby announces the address, and from then on it is its card that answers.
fn standby(scene: &Scene<'_>) -> Result<Play, SimError> {
    if let Some((active, standby)) = scene.ship.marks.standby {
        let (active, other) = (scene.roster.host(active)?, scene.roster.host(standby)?);
        let standby = Host { mac: other.mac, ..active };
        let talkers = vec![hello(scene.from, standby)];
        return Ok(Play { talkers, takeover: Some((active.mac, other.mac)), ..Play::default() });
    }
    let active = scene.roster.host("me-gateway")?;
    let [a, b, c, ..] = rng::hash(&["me-gateway-b", "mac"]).to_le_bytes();
    let mac = [0x00, 0x30, 0xDE, a, b, c];
    let standby = Host { mac, ..active };
    let policy = "\n[[asset]]\nid = \"me-gateway-b\"\nzone = \"machinery\"\nip = [\"10.20.2.23\"]\nrole = [\"plc\"]\n"
        .to_owned()
        + &format!("mac = [\"{}\"]\n", dogwatch_model::Mac(mac));
    let old = "id = \"me-gateway\"\n".to_owned();
    let new = format!("{old}ip_takeover = \"me-gateway-b\"\n");
    Ok(Play {
        talkers: vec![hello(scene.from, standby)],
        takeover: Some((active.mac, mac)),
        policy_edits: vec![(old, new)],
        policy: Some(policy),
        ..Play::default()
    })
}

/// Silent for three seconds, then its own NAME claims its own address again.
fn reclaim(scene: &Scene<'_>) -> Result<Play, SimError> {
    let node = scene.mark(bridge::speaking_node(scene, 127_488), "NMEA 2000 backbone")?;
    let (nodes, back) = (vec![node.address], scene.from + 3 * SECOND);
    bent(move |world| world.effects.muted_nodes = if world.now < back { nodes.clone() } else { Vec::new() })
}

/// Two megabytes every fifteen seconds by the master's PC, through the satellite.
fn bandwidth_peak(scene: &Scene<'_>) -> Result<Play, SimError> {
    let client = scene.roster.host("master-pc")?;
    let remote = Host::ashore(crate::ship::ASHORE_INDEX + 30, [203, 0, 113, 40]);
    let mut rng = Rng::stream(scene.seed, "bandwidth-peak", "session");
    let mut port = 49_100;
    let fetch = Repeated::boxed(scene.from, 15 * SECOND, 12, move |_, net, at| {
        port += 1;
        let mut tcp = Session::new((client, port), (remote, 443), rng.bits(), 600 * MILLI);
        let opened = tcp.open(net, at);
        let id = rng.bytes(32);
        let mut lines = vec![
            (End::Client, tls::client_hello(&mut rng, "weather.example.net", &id)),
            (End::Server, tls::server_flight(&mut rng, &id)),
            (End::Client, tls::client_finished(&mut rng)),
        ];
        for _ in 0..8 {
            lines.push((End::Client, tls::application_data(&mut rng, 400)));
            lines.push((End::Server, tls::application_data(&mut rng, 60_000)));
        }
        let at = tcp.converse(net, opened, &lines, 4 * MILLI);
        tcp.close(net, at + 50 * MILLI);
    });
    Ok(Play { talkers: vec![fetch], ..Play::default() })
}

/// Valves are opened one by one and shut again; the window for it is open.
fn ballast_exchange(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("ballast-panel")?, scene.roster.host("ballast-plc")?);
    let mut link = Link::new(client, 48_024, server, Rng::stream(scene.seed, "ballast-exchange", "link"));
    let coils = scene.ship.marks.ballast_coils;
    scene.mark(coils.first(), "ballast panel that may switch pumps")?;
    let mut step = 0;
    let work = Repeated::boxed(scene.from, 20 * SECOND, 16, move |_, net, at| {
        let coil = coils.get(step % 4).copied().unwrap_or_default();
        let value = if step / 4 % 2 == 0 { 0xFF00 } else { 0 };
        step += 1;
        let request = modbus::pair(function::WRITE_COIL, coil, value);
        link.ask(net, at, 1, &request, &request);
    });
    let (from, to) = (stamp(scene.from - 3_600 * SECOND), stamp(scene.to + 6 * 3_600 * SECOND));
    let zone = scene.roster.zone_of(&server);
    let (panel, plc) = (scene.roster.own_name("ballast-panel"), scene.roster.own_name("ballast-plc"));
    let policy = format!(
        "\n[[window]]\nid = \"BWE-9\"\nkind = \"cargo-ops\"\nfrom = {from}\nto = {to}\nzones = [\"{zone}\"]\nwho = \"chief officer\"\n\
         approved_by = \"master\"\n\n[[exception]]\nid = \"EX-9\"\nfrom = [\"{panel}\"]\nto = [\"{plc}\"]\napp = \"modbus\"\n\
         op = [\"write\"]\naddr = [\"0-23\"]\nwindow = \"BWE-9\"\nowner = \"chief officer\"\nreason = \"ballast exchange at sea\"\n"
    );
    // The cargo ship's plan has a line for it; its window is moved to today.
    let edits = vec![("2027-04-10T06:00:00Z".to_owned(), from), ("2027-04-10T18:00:00Z".to_owned(), to)];
    let has_line = scene.ship.policy.contains("2027-04-10T06:00:00Z");
    Ok(Play { talkers: vec![work], policy_edits: edits, policy: (!has_line).then_some(policy), ..Play::default() })
}

/// An alert a minute, acknowledged on the chart display twelve seconds later.
fn drill(scene: &Scene<'_>) -> Result<Play, SimError> {
    let from = scene.from;
    bent(move |world| {
        let seconds = (world.now - from) / SECOND;
        let number = 3_000 + (seconds / 60).clamp(0, 4) as u16;
        world.effects.alert = Some((number, seconds % 60 >= 12 || seconds >= 300));
    })
}

/// Nine decibels are lost within a minute, for three minutes, and come back within a minute.
fn interference(scene: &Scene<'_>) -> Result<Play, SimError> {
    let from = scene.from;
    bent(move |world| {
        let seconds = (world.now - from) as f64 / SECOND as f64;
        let jam_db = 9.0 * (seconds / 60.0).min(1.0).min((300.0 - seconds) / 60.0).max(0.0);
        for number in 1..=5 {
            world.effects.receivers.insert(number, ReceiverFault { jam_db, ..ReceiverFault::default() });
        }
    })
}
