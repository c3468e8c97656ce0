//! Attacks by devices that should not be there, or not there: new hosts, stolen addresses, crossing zones, a blinded monitor.

use dogwatch_model::Severity;

use super::{Play, Repeated, Scene};
use crate::error::SimError;
use crate::rng::Rng;
use crate::wire::link::{Arp, BROADCAST, Mac};
use crate::wire::names::{self, DhcpKind, Lease};
use crate::wire::net::{Host, MILLI, SECOND, Tap};
use crate::wire::session::Session;

/// A single-board computer: the prefix is that of a common maker.
const STRANGER_MAC: Mac = [0xB8, 0x27, 0xEB, 0x5A, 0x17, 0xC3];

/// rogue-device: says hello, looks for its router, asks for an address that nobody gives, and looks around a little.
pub(super) fn rogue_device(scene: &Scene<'_>) -> Result<Play, SimError> {
    let rogue = scene.roster.stranger("machinery", STRANGER_MAC, scene.roster.free_address("machinery", 66)?)?;
    let router = scene.roster.host("machinery-gateway")?;
    let mut rng = Rng::stream(scene.seed, "rogue-device", "dhcp");
    let discover = Repeated::boxed(scene.from, 4 * SECOND, 3, move |_, net, at| {
        let lease = Lease {
            transaction: rng.bits() as u32,
            client: rogue.mac,
            address: [0; 4],
            server: [0; 4],
            mask: [0; 4],
            resolver: [0; 4],
            host_name: "raspberrypi",
            vendor_class: "dhcpcd-9.4.1:Linux-6.1.21-v8+",
            wanted: &[1, 3, 6],
        };
        let nobody = Host { ip: [0; 4], ..rogue };
        net.send_udp_to_many(at, (&nobody, 68), ([255; 4], 67), &names::dhcp(DhcpKind::Discover, &lease));
    });
    let announce = Repeated::boxed(scene.from + 14 * SECOND, 2 * SECOND, 2, move |_, net, at| {
        let hello = Arp { operation: 1, sender: (rogue.mac, rogue.ip), target: ([0; 6], rogue.ip) };
        net.arp(at, &rogue, BROADCAST, &hello);
    });
    let ask = Repeated::boxed(scene.from + 18 * SECOND, 20 * SECOND, u32::MAX, move |_, net, at| {
        net.resolve(at, &rogue, &router, false);
    });
    let expect = scene.required(&["DW-1001"], "asset", Severity::High, 30).between(scene.party(&rogue), None);
    Ok(Play { talkers: vec![discover, announce, ask], expect: vec![expect], ..Play::default() })
}

/// ip-takeover: unasked answers for a controller's address, and answers to who asks for it.
pub(super) fn ip_takeover(scene: &Scene<'_>) -> Result<Play, SimError> {
    let victim = scene.roster.host("lan-slave")?;
    let master = scene.roster.host("lan-master")?;
    let rogue = scene.roster.stranger("lan", STRANGER_MAC, victim.ip)?;
    let claim = Repeated::boxed(scene.from, 5 * SECOND, u32::MAX, move |_, net, at| {
        let answer = Arp { operation: 2, sender: (rogue.mac, victim.ip), target: (master.mac, master.ip) };
        net.arp(at, &rogue, master.mac, &answer);
    });
    // The master checks the address it holds: both answer.
    let both = Repeated::boxed(scene.from + 8 * SECOND, 15 * SECOND, 4, move |_, net, at| {
        net.resolve(at, &master, &victim, false);
        let answer = Arp { operation: 2, sender: (rogue.mac, victim.ip), target: (master.mac, master.ip) };
        net.arp(at + 480_000, &rogue, master.mac, &answer);
    });
    let found =
        scene.required(&["DW-1002"], "asset", Severity::High, 30).between(scene.party(&rogue), scene.party(&victim));
    let stranger = scene.required(&["DW-1001"], "asset", Severity::Medium, 60).optional();
    let spoof = scene.required(&["DW-6001"], "identity", Severity::High, 60).optional();
    Ok(Play { talkers: vec![claim, both], expect: vec![found, stranger, spoof], ..Play::default() })
}

/// crew-to-bridge: first a refused look at another port, then the page is read, again and again.
pub(super) fn crew_to_bridge(scene: &Scene<'_>) -> Result<Play, SimError> {
    let phone = scene.roster.host("crew-3")?;
    let display = scene.roster.host("conning")?;
    let mut rng = Rng::stream(scene.seed, "crew-to-bridge", "tcp");
    let mut port = 47_100_u16;
    let visit = Repeated::boxed(scene.from, 25 * SECOND, u32::MAX, move |_, net, at| {
        port = port.wrapping_add(2);
        let mut first = Session::new((phone, port), (display, 443), rng.bits(), 2 * MILLI);
        first.refused(net, at);
        let mut tcp = Session::new((phone, port + 1), (display, 80), rng.bits(), 2 * MILLI);
        let opened = tcp.open(net, at + 300 * MILLI);
        let [a, b, c, d] = display.ip;
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {a}.{b}.{c}.{d}\r\nUser-Agent: Mozilla/5.0 (Android 14; Mobile)\r\nAccept: */*\r\n\r\n"
        );
        let page = b"<html><head><title>Conning</title></head><body>Conning display 4.2</body></html>";
        let mut answer = format!(
            "HTTP/1.1 200 OK\r\nServer: ConningWeb/4.2\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n",
            page.len()
        )
        .into_bytes();
        answer.extend_from_slice(page);
        let over = tcp.exchange(net, opened, request.as_bytes(), &answer, 8 * MILLI);
        tcp.close(net, over + 500 * MILLI);
    });
    let expect =
        scene.required(&["DW-2005"], "zone", Severity::High, 15).between(scene.party(&phone), scene.party(&display));
    let plain = scene.required(&["DW-2001"], "zone", Severity::Medium, 30).optional();
    Ok(Play { talkers: vec![visit], expect: vec![expect, plain], ..Play::default() })
}

/// mirror-loss: nothing of the machinery switch is seen any more.
pub(super) fn mirror_loss(scene: &Scene<'_>) -> Result<Play, SimError> {
    let expect = scene.required(&["DW-9001"], "health", Severity::Medium, 150);
    Ok(Play { blind: Some(Tap::Machinery), expect: vec![expect], ..Play::default() })
}
