//! Attacks that carry something off the ship, or out of a controller.

use dogwatch_model::Severity;

use super::office::{look_up, resolver};
use super::{Play, Repeated, Scene, Script, attack};
use crate::error::SimError;
use crate::rng::Rng;
use crate::ship::ATTACKER_INDEX;
use crate::talk::modbus::{self, function};
use crate::talker::modbus::Link;
use crate::wire::names;
use crate::wire::net::{Host, MILLI, SECOND};
use crate::wire::session::{End, Session};
use crate::wire::tls;

/// The scripts of this file.
pub(super) const SCRIPTS: &[Script] = &[
    attack("egress", "the alarm server sends megabytes to a host ashore", &[("mb", 8.0)], 180, egress),
    attack("dns-tunnel", "an office PC hides data in the names it looks up", &[], 120, dns_tunnel),
    Script {
        needs_s: 4 * 3_600 + 600,
        ..attack("tunnel", "the alarm server keeps one session with a host ashore for hours", &[], 0, tunnel)
    },
    attack("upload", "the conning display reads everything out of the main engine gateway", &[], 240, upload),
];

/// egress: `mb` megabytes in two minutes over TLS.
fn egress(scene: &Scene<'_>) -> Result<Play, SimError> {
    let client = scene.roster.host("alarm-server")?;
    let remote = Host::ashore(ATTACKER_INDEX + 16, [198, 51, 100, 210]);
    let each = (scene.parameter("mb", 8.0).clamp(0.1, 500.0) * 1e6 / 120.0) as usize;
    let mut rng = Rng::stream(scene.seed, "egress", "session");
    let mut tcp = Session::new((client, 48_600), (remote, 443), rng.bits(), 600 * MILLI);
    let mut opened = false;
    let go = Repeated::boxed(scene.from, SECOND, 122, move |_, net, at| {
        if !std::mem::replace(&mut opened, true) {
            let at = tcp.open(net, at);
            let id = rng.bytes(32);
            tcp.send(net, at, End::Client, &tls::client_hello(&mut rng, "drop.example", &id));
            tcp.send(net, at + 600 * MILLI, End::Server, &tls::server_flight(&mut rng, &id));
            return;
        }
        let at = tcp.send(net, at + 700 * MILLI, End::Client, &tls::application_data(&mut rng, each));
        tcp.ack(net, at + 90 * MILLI, End::Server);
    });
    let found = scene
        .required(&["DW-8001"], "exfil", Severity::Medium, 180)
        .between(scene.party(&client), scene.party(&remote));
    let out = scene.required(&["DW-2004"], "zone", Severity::High, 30).optional();
    Ok(Play { talkers: vec![go], expect: vec![found, out], ..Play::default() })
}

/// dns-tunnel: two questions a second for text records under one domain, the labels full of data.
fn dns_tunnel(scene: &Scene<'_>) -> Result<Play, SimError> {
    let client = scene.roster.host("chief-pc")?;
    let mut rng = Rng::stream(scene.seed, "dns-tunnel", "data");
    let letters = *b"abcdefghijklmnopqrstuvwxyz234567";
    let go = Repeated::boxed(scene.from, SECOND / 2, 400, move |_, net, at| {
        let label: String = (0..52).map(|_| char::from(rng.pick(&letters))).collect();
        let name = format!("{label}.{:04x}.t.exfil.example", rng.below(65_536));
        let (id, port, to) = (rng.bits() as u16, 52_000 + rng.below(8_000) as u16, resolver());
        net.udp(at, (&client, port), (&to, 53), &names::dns_text_query(id, &name), false);
        let answer = names::dns_text_answer(id, &name, "AAECAwQFBgcICQoLDA0ODw==");
        net.udp(at + 615 * MILLI, (&to, 53), (&client, port), &answer, true);
    });
    let found = scene.required(&["DW-8002"], "exfil", Severity::High, 60).between(scene.party(&client), None);
    Ok(Play { talkers: vec![go], expect: vec![found], ..Play::default() })
}

/// tunnel: a few bytes every 30 s, for as long as the run lasts.
fn tunnel(scene: &Scene<'_>) -> Result<Play, SimError> {
    let client = scene.roster.host("alarm-server")?;
    let remote = Host::ashore(ATTACKER_INDEX + 17, [198, 51, 100, 220]);
    let mut rng = Rng::stream(scene.seed, "tunnel", "session");
    let mut tcp = Session::new((client, 48_620), (remote, 443), rng.bits(), 600 * MILLI);
    let mut opened = false;
    let go = Repeated::boxed(scene.from, 30 * SECOND, u32::MAX, move |_, net, at| {
        let mut at = at;
        if !std::mem::replace(&mut opened, true) {
            at = look_up(net, at, (&client, 48_621), rng.bits() as u16, "relay.example", Some(remote.ip));
            at = tcp.open(net, at);
            let id = rng.bytes(32);
            let lines = [
                (End::Client, tls::client_hello(&mut rng, "relay.example", &id)),
                (End::Server, tls::server_flight(&mut rng, &id)),
                (End::Client, tls::client_finished(&mut rng)),
            ];
            at = tcp.converse(net, at, &lines, 4 * MILLI);
        }
        let (out, back) = (tls::application_data(&mut rng, 120), tls::application_data(&mut rng, 120));
        tcp.exchange(net, at, &out, &back, MILLI);
    });
    let found = scene
        .required(&["DW-8003"], "exfil", Severity::Medium, 4 * 3_600 + 300)
        .between(scene.party(&client), scene.party(&remote));
    let out = scene.required(&["DW-2004"], "zone", Severity::High, 30).optional();
    Ok(Play { talkers: vec![go], expect: vec![found, out], ..Play::default() })
}

/// upload: 125 registers at a time, one block after the other, of the whole address space from 0 to 9,999.
fn upload(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("conning")?, scene.roster.host("me-gateway")?);
    let controller = scene.controller("me-gateway")?;
    let mut link = Link::new(client, 48_630, server, Rng::stream(scene.seed, "upload", "link"));
    let mut address = 0;
    let read = Repeated::boxed(scene.from, 2 * SECOND, 80, move |world, net, at| {
        let request = modbus::pair(function::READ_HOLDING, address, 125);
        let answer = controller.read(world, 1, function::READ_HOLDING, address, 125);
        link.ask(net, at, 1, &request, &answer);
        address += 125;
    });
    let pair = (scene.party(&client), scene.party(&server));
    let found = scene.required(&["DW-8004"], "exfil", Severity::Medium, 120).between(pair.0.clone(), pair.1.clone());
    let range = scene.required(&["DW-2003"], "zone", Severity::Medium, 30).between(pair.0, pair.1).optional();
    Ok(Play { talkers: vec![read], expect: vec![found, range], ..Play::default() })
}
