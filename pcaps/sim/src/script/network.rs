//! Attacks by hosts that belong to the ship but leave their place: crossing, sweeping, poisoning, overstaying, falling silent.

use dogwatch_model::{CaptureTime, Severity};

use super::{Play, Relay, Repeated, Scene};
use crate::error::SimError;
use crate::rng::Rng;
use crate::ship::ATTACKER_INDEX;
use crate::talk::modbus::{self, function};
use crate::talker::modbus::Link;
use crate::wire::link::{Arp, BROADCAST, Mac};
use crate::wire::names;
use crate::wire::net::{Host, MILLI, SECOND};
use crate::wire::session::{End, Session};
use crate::wire::tls;

/// silent-device: nothing comes from a device any more for `s` seconds.
pub(super) fn silent_device(scene: &Scene<'_>) -> Result<Play, SimError> {
    let names = ["gyro", "gnss-1", "ais", "log"];
    let name = names.get(scene.parameter("asset", 0.0).max(0.0) as usize).copied().unwrap_or("gyro");
    let host = scene.roster.host(name)?;
    let until = scene.from + scene.parameter("s", 300.0).clamp(1.0, 1e6) as i64 * SECOND;
    let silent = scene.required(&["DW-1005"], "asset", Severity::Medium, 120).between(scene.party(&host), None);
    let lost = scene.required(&["DW-5015"], "navigation", Severity::Medium, 120).between(scene.party(&host), None);
    let expect = vec![silent, lost.optional()];
    Ok(Play { silent: vec![(host.index, until)], expect, ..Play::default() })
}

/// zone-hop: an office PC, its address unchanged, is plugged into the machinery switch and reads the main engine.
pub(super) fn zone_hop(scene: &Scene<'_>) -> Result<Play, SimError> {
    let server = scene.roster.host("me-gateway")?;
    let office = scene.roster.host("chief-pc")?;
    let hopped = Host { subnet: server.subnet, ..office };
    let controller = scene.controller("me-gateway")?;
    let mut link = Link::new(hopped, 48_021, server, Rng::stream(scene.seed, "zone-hop", "link"));
    let arrive = Repeated::boxed(scene.from, 3 * SECOND, 3, move |_, net, at| {
        let hello = Arp { operation: 1, sender: (hopped.mac, hopped.ip), target: ([0; 6], server.ip) };
        net.arp(at, &hopped, BROADCAST, &hello);
    });
    let read = Repeated::boxed(scene.from + 10 * SECOND, 2 * SECOND, 20, move |world, net, at| {
        let request = modbus::pair(function::READ_HOLDING, 0, 20);
        let answer = controller.read(world, 1, function::READ_HOLDING, 0, 20);
        link.ask(net, at, 1, &request, &answer);
    });
    let parties = (scene.party(&office), scene.party(&server));
    let hop = scene.required(&["DW-1003", "DW-2011"], "asset", Severity::Medium, 30).between(parties.0.clone(), None);
    let crossing = scene.required(&["DW-2001"], "zone", Severity::Medium, 30).between(parties.0, parties.1);
    Ok(Play { talkers: vec![arrive, read], expect: vec![hop, crossing], ..Play::default() })
}

/// ot-internet: the alarm server looks up a name ashore and opens a session there, once a minute.
pub(super) fn ot_internet(scene: &Scene<'_>) -> Result<Play, SimError> {
    let server = scene.roster.host("alarm-server")?;
    let resolver = Host::ashore(ATTACKER_INDEX + 10, [203, 0, 113, 53]);
    let remote = Host::ashore(ATTACKER_INDEX + 11, [198, 51, 100, 99]);
    let mut rng = Rng::stream(scene.seed, "ot-internet", "session");
    let mut port = 47_300_u16;
    let name = "support.remote-access.example";
    let talk = Repeated::boxed(scene.from, 60 * SECOND, u32::MAX, move |_, net, at| {
        port = port.wrapping_add(2);
        let id = rng.bits() as u16;
        net.udp(at, (&server, port), (&resolver, 53), &names::dns_query(id, name), false);
        let answered = at + 610 * MILLI;
        net.udp(answered, (&resolver, 53), (&server, port), &names::dns_answer(id, name, remote.ip), true);
        let mut tcp = Session::new((server, port + 1), (remote, 443), rng.bits(), 600 * MILLI);
        let mut at = tcp.open(net, answered + 3 * MILLI);
        let session = rng.bytes(32);
        at = tcp.send(net, at, End::Client, &tls::client_hello(&mut rng, name, &session));
        at = tcp.send(net, at + 600 * MILLI, End::Server, &tls::server_flight(&mut rng, &session));
        at = tcp.send(net, at + 3 * MILLI, End::Client, &tls::client_finished(&mut rng));
        at = tcp.send(net, at + MILLI, End::Client, &tls::application_data(&mut rng, 900));
        at = tcp.send(net, at + 600 * MILLI, End::Server, &tls::application_data(&mut rng, 1_200));
        tcp.close(net, at + 50 * MILLI);
    });
    let out =
        scene.required(&["DW-2004"], "zone", Severity::High, 30).between(scene.party(&server), scene.party(&remote));
    let crossing = scene.required(&["DW-2001"], "zone", Severity::High, 30).optional();
    Ok(Play { talkers: vec![talk], expect: vec![out, crossing], ..Play::default() })
}

/// sweep: the alarm server asks for sixty addresses where nobody is, then tries forty ports of the main engine gateway.
pub(super) fn sweep(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (host, target) = (scene.roster.host("alarm-server")?, scene.roster.host("me-gateway")?);
    let mut rng = Rng::stream(scene.seed, "sweep", "ports");
    let network = u32::from_be_bytes(scene.roster.network_of(scene.roster.zone_of(&host))?.network);
    let mut address = 29_u8;
    let look = Repeated::boxed(scene.from, SECOND / 4, 60, move |_, net, at| {
        address += 1;
        let ask = Arp {
            operation: 1,
            sender: (host.mac, host.ip),
            target: ([0; 6], (network + u32::from(address)).to_be_bytes()),
        };
        net.arp(at, &host, BROADCAST, &ask);
    });
    let mut port = 0_u16;
    let knock = Repeated::boxed(scene.from + 20 * SECOND, SECOND / 4, 40, move |_, net, at| {
        port += 20;
        Session::new((host, 46_000 + port), (target, port), rng.bits(), 300_000).refused(net, at);
    });
    let found = scene.required(&["DW-7001"], "malware-it", Severity::Medium, 45).between(scene.party(&host), None);
    let crossing = scene.required(&["DW-2001"], "zone", Severity::Medium, 60).optional();
    Ok(Play { talkers: vec![look, knock], expect: vec![found, crossing], ..Play::default() })
}

/// A laptop network card.
const LAPTOP_MAC: Mac = [0x00, 0x1C, 0x42, 0x7E, 0x31, 0x0D];

/// arp-mitm: a stranger tells a master and its controller that it is the other, and passes their packets on; after
/// twenty seconds it changes values in the answers.
pub(super) fn arp_mitm(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("lan-master")?, scene.roster.host("lan-slave")?);
    let rogue = scene.roster.stranger("lan", LAPTOP_MAC, scene.roster.free_address("lan", 88)?)?;
    let poison = Repeated::boxed(scene.from, 2 * SECOND, u32::MAX, move |_, net, at| {
        for (victim, claimed) in [(client, server), (server, client)] {
            let lie = Arp { operation: 2, sender: (rogue.mac, claimed.ip), target: (victim.mac, victim.ip) };
            net.arp(at, &rogue, victim.mac, &lie);
        }
    });
    let (from, altered_from) = (scene.from + 4 * SECOND, scene.from + 24 * SECOND);
    let relay = Relay { between: (client.ip, server.ip), through: rogue.mac, from, altered_from };
    let found = scene.required(&["DW-6001"], "identity", Severity::High, 30).between(scene.party(&rogue), None);
    let taken = scene.required(&["DW-1002"], "asset", Severity::High, 60).optional();
    let answers = scene.required(&["DW-3007"], "protocol", Severity::High, 90);
    let stranger = scene.required(&["DW-1001"], "asset", Severity::Medium, 60).optional();
    let expect = vec![found, taken, answers, stranger];
    Ok(Play { talkers: vec![poison], relay: Some(relay), expect, ..Play::default() })
}

/// window-overrun: a service laptop whose window closed ten minutes before the run still reads and writes the engine.
pub(super) fn window_overrun(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("eto-laptop")?, scene.roster.host("me-gateway")?);
    let controller = scene.controller("me-gateway")?;
    let mut link = Link::new(client, 48_022, server, Rng::stream(scene.seed, "window-overrun", "link"));
    let mut count = 0_u16;
    let work = Repeated::boxed(scene.from, 5 * SECOND, u32::MAX, move |world, net, at| {
        count += 1;
        if count.is_multiple_of(4) {
            let request = modbus::pair(function::WRITE_REGISTER, 42, 118 + count % 5);
            link.ask(net, at, 1, &request, &request);
        } else {
            let request = modbus::pair(function::READ_HOLDING, 40, 8);
            let answer = controller.read(world, 1, function::READ_HOLDING, 40, 8);
            link.ask(net, at, 1, &request, &answer);
        }
    });
    let stamp = |at: i64| {
        let (year, month, day, hour, minute, second, _) = CaptureTime(at).civil();
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    };
    let closed = scene.from - 13 * 60 * SECOND;
    let (zone, from, to) =
        (scene.roster.zone_of(&server), scene.roster.own_name("eto-laptop"), scene.roster.own_name("me-gateway"));
    let policy = format!(
        "\n[[window]]\nid = \"MW-7\"\nkind = \"service\"\nfrom = {}\nto = {}\nzones = [\"{zone}\"]\nwho = \"engine maker's engineer\"\n\
         approved_by = \"chief engineer\"\n\n[[exception]]\nid = \"EX-7\"\nfrom = [\"{from}\"]\nto = [\"{to}\"]\napp = \"modbus\"\n\
         op = [\"read\", \"write\"]\naddr = [\"40-47\"]\nwindow = \"MW-7\"\nowner = \"chief engineer\"\nreason = \"governor tuning\"\n",
        stamp(closed - 4 * 3_600 * SECOND),
        stamp(closed),
    );
    let overrun =
        scene.required(&["DW-2006"], "zone", Severity::High, 30).between(scene.party(&client), scene.party(&server));
    let write = scene.required(&["DW-3001"], "protocol", Severity::Medium, 60).optional();
    Ok(Play { talkers: vec![work], policy: Some(policy), expect: vec![overrun, write], ..Play::default() })
}
