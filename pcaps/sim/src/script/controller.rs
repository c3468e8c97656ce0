//! Attacks on controllers and building gear by their own protocols, and on who reads them: stops, lies about lengths, fragments, BACnet.

use dogwatch_model::Severity;

use super::{Play, Repeated, Scene, Script, attack, registers};
use crate::error::SimError;
use crate::rng::Rng;
use crate::talk::modbus::{self, function};
use crate::talk::{bacnet, s7};
use crate::talker::modbus::Link;
use crate::wire::net::{MILLI, SECOND};
use crate::wire::session::Session;

/// The scripts of this file.
pub(super) const SCRIPTS: &[Script] = &[
    attack("modbus-scan-slow", "as modbus-scan, one request every 20 s", &[], 300, |scene| registers::scan(scene, 1.0)),
    attack("modbus-scan-fragments", "as modbus-scan, each request in tiny fragments", &[], 60, |scene| {
        registers::scan(scene, 2.0)
    }),
    attack("plc-stop", "the alarm server tells a controller to stop its program", &[], 60, plc_stop),
    attack(
        "modbus-malformed",
        "frames that lie about their length come to the main engine gateway",
        &[],
        60,
        malformed,
    ),
    attack("frag-evasion", "register writes to the main engine gateway come in tiny fragments", &[], 60, fragments),
    attack("modbus-refused", "the main engine gateway refuses every read of the conning display", &[], 90, refused),
    attack("poll-flood", "the conning display reads what it may, far too often", &[("per_s", 12.0)], 60, poll_flood),
    attack("bacnet-write", "a new client switches fans and dampers", &[], 60, bacnet_write),
];

/// plc-stop: connect, set up, read a data block, stop; tried three times.
fn plc_stop(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("s7-client")?, scene.roster.host("s7-controller")?);
    let mut rng = Rng::stream(scene.seed, "plc-stop", "session");
    let mut count = 0_u16;
    let stop = Repeated::boxed(scene.from, 15 * SECOND, 3, move |_, net, at| {
        count += 1;
        let mut tcp = Session::new((client, 48_040 + count), (server, 102), rng.bits(), 400_000);
        let mut at = tcp.open(net, at);
        for [question, answer] in [s7::connect(), s7::set_up(), s7::read(2, 10, 0, &[0; 16]), s7::stop(3)] {
            at = tcp.exchange(net, at, &question, &answer, 5 * MILLI) + 30 * MILLI;
        }
        tcp.close(net, at + 200 * MILLI);
    });
    let pair = (scene.party(&client), scene.party(&server));
    let stopped = scene.required(&["DW-3008"], "protocol", Severity::High, 15).between(pair.0.clone(), pair.1.clone());
    let denied = scene.required(&["DW-2001", "DW-2002"], "zone", Severity::High, 15).between(pair.0, pair.1).optional();
    let control = scene.required(&["DW-3020"], "protocol", Severity::Medium, 60).optional();
    Ok(Play { talkers: vec![stop], expect: vec![stopped, denied, control], ..Play::default() })
}

/// modbus-malformed: a length too small, one too large, a wrong protocol number, two frames with one length, and a web request.
fn malformed(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("conning")?, scene.roster.host("me-gateway")?);
    let mut count = 0_usize;
    let (seed, first) = (scene.seed, scene.ship.marks.bridge_block.0);
    let send = Repeated::boxed(scene.from, 4 * SECOND, 14, move |_, net, at| {
        let read = modbus::frame(7, 1, &modbus::pair(function::READ_HOLDING, first, 2));
        let with = |at: usize, bytes: [u8; 2]| {
            let mut frame = read.clone();
            if let Some(place) = frame.get_mut(at..at + 2) {
                place.copy_from_slice(&bytes);
            }
            frame
        };
        let lies = [
            with(4, [0, 1]),
            with(4, [0x7F, 0xFF]),
            with(2, [0x13, 0x88]),
            // The second frame hides in the length of the first.
            [with(4, [0, 18]), read.clone()].concat(),
            b"GET / HTTP/1.0\r\n\r\n".to_vec(),
        ];
        let lie = lies.get(count % lies.len()).cloned().unwrap_or_default();
        let rng = Rng::stream(seed, "modbus-malformed", &count.to_string());
        // A gateway drops a connection on which it cannot find the next frame: each lie has one of its own.
        let mut link = Link::new(client, 48_050 + count as u16, server, rng);
        link.raw(net, at, &lie, &[]);
        link.close(net);
        count += 1;
    });
    let found = scene
        .required(&["DW-3005"], "protocol", Severity::Medium, 30)
        .between(scene.party(&client), scene.party(&server));
    Ok(Play { talkers: vec![send], expect: vec![found], ..Play::default() })
}

/// frag-evasion: the first fragment holds eight bytes of the TCP header, so that a filter sees neither flags nor data.
fn fragments(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("conning")?, scene.roster.host("me-gateway")?);
    let mut link = Link::new(client, 48_033, server, Rng::stream(scene.seed, "frag-evasion", "link"));
    link.fragment(8);
    let controller = scene.controller("me-gateway")?;
    let (first, count) = scene.ship.marks.bridge_block;
    let mut value = 60;
    let write = Repeated::boxed(scene.from, 5 * SECOND, 10, move |world, net, at| {
        value += 1;
        if value % 2 == 0 {
            let request = modbus::pair(function::READ_HOLDING, first, count);
            let answer = controller.read(world, 1, function::READ_HOLDING, first, count);
            link.ask(net, at, 1, &request, &answer);
        } else {
            let request = modbus::pair(function::WRITE_REGISTER, 110, value);
            link.ask(net, at, 1, &request, &request);
        }
    });
    let pair = (scene.party(&client), scene.party(&server));
    let found = scene.required(&["DW-3018"], "protocol", Severity::Medium, 20).between(pair.0.clone(), pair.1.clone());
    let write_seen = scene.required(&["DW-2002"], "zone", Severity::High, 20).between(pair.0, pair.1).optional();
    Ok(Play { talkers: vec![write], expect: vec![found, write_seen], ..Play::default() })
}

/// modbus-refused: a read that is allowed, once a second, each answered with exception 4 (server device failure).
fn refused(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("conning")?, scene.roster.host("me-gateway")?);
    let first = scene.ship.marks.bridge_block.0;
    let mut link = Link::new(client, 48_034, server, Rng::stream(scene.seed, "modbus-refused", "link"));
    let ask = Repeated::boxed(scene.from, SECOND, u32::MAX, move |_, net, at| {
        let request = modbus::pair(function::READ_HOLDING, first, 2);
        link.ask(net, at, 1, &request, &[function::READ_HOLDING | 0x80, 4]);
    });
    let found =
        scene.required(&["DW-3006"], "protocol", Severity::Low, 90).between(scene.party(&server), scene.party(&client));
    Ok(Play { talkers: vec![ask], expect: vec![found], ..Play::default() })
}

/// poll-flood: the block that the plan lets the bridge read, `per_s` times a second.
fn poll_flood(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("conning")?, scene.roster.host("me-gateway")?);
    let (first, count) = scene.ship.marks.bridge_block;
    let controller = scene.controller("me-gateway")?;
    let period = (SECOND as f64 / scene.parameter("per_s", 12.0).clamp(1.0, 200.0)) as i64;
    let mut link = Link::new(client, 48_035, server, Rng::stream(scene.seed, "poll-flood", "link"));
    let ask = Repeated::boxed(scene.from, period, u32::MAX, move |world, net, at| {
        let request = modbus::pair(function::READ_HOLDING, first, count);
        let answer = controller.read(world, 1, function::READ_HOLDING, first, count);
        link.ask(net, at, 1, &request, &answer);
    });
    let found =
        scene.required(&["DW-2008"], "zone", Severity::Medium, 30).between(scene.party(&client), scene.party(&server));
    Ok(Play { talkers: vec![ask], expect: vec![found], ..Play::default() })
}

/// bacnet-write: three reads, then the fans 3 to 8 are switched off.
fn bacnet_write(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("bacnet-stranger")?, scene.roster.host("vent-controller")?);
    let mut invoke = 0_u8;
    let send = Repeated::boxed(scene.from, 3 * SECOND, 16, move |_, net, at| {
        invoke += 1;
        let fan = 3 + u32::from(invoke % 6);
        let [question, answer] =
            if invoke <= 3 { bacnet::read_binary(invoke, fan, true) } else { bacnet::write_binary(invoke, fan, false) };
        net.udp(at, (&client, 47_808), (&server, 47_808), &question, false);
        net.udp(at + 12 * MILLI, (&server, 47_808), (&client, 47_808), &answer, true);
    });
    let pair = (scene.party(&client), scene.party(&server));
    let found = scene.required(&["DW-3019"], "protocol", Severity::Medium, 30).between(pair.0.clone(), pair.1.clone());
    let crossing = scene.required(&["DW-2001", "DW-2002"], "zone", Severity::Medium, 30).optional();
    Ok(Play { talkers: vec![send], expect: vec![found, crossing], ..Play::default() })
}
