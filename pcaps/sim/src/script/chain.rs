//! One whole incident: from a phished office PC to an acknowledged alert on the bridge. Used for correlation and the report.

use dogwatch_model::{CaptureTime, Severity};

use super::{Play, Repeated, Scene, Script, attack, identity, office};
use crate::error::SimError;
use crate::labels::Expect;
use crate::rng::Rng;
use crate::ship::ATTACKER_INDEX;
use crate::talk::lwe::{self, Tagger};
use crate::talk::modbus::{self, function};
use crate::talk::nmea;
use crate::talker::modbus::Link;
use crate::wire::link::{Arp, BROADCAST};
use crate::wire::net::{Host, SECOND};
use crate::wire::session::Session;

/// The script of this file.
pub(super) const SCRIPTS: &[Script] = &[attack(
    "chain",
    "a phished office PC calls home, looks around, takes a service laptop, from there the alarm server, scans and writes, and silences alerts",
    &[("period", 60.0), ("jitter", 0.1)],
    480,
    chain,
)];

/// Seconds into the attack at which each step begins.
const SWEEP: i64 = 70;
const SHARE: i64 = 120;
const DESKTOP: i64 = 180;
const SCAN: i64 = 240;
const WRITE: i64 = 330;
const SILENCE: i64 = 390;

fn chain(scene: &Scene<'_>) -> Result<Play, SimError> {
    let roster = scene.roster;
    let (office_pc, laptop) = (roster.host("chief-pc")?, roster.host("jump-host")?);
    let (station, engine) = (roster.host("alarm-server")?, roster.host("me-gateway")?);
    let display = roster.host("conning")?;
    let remote = Host::ashore(ATTACKER_INDEX + 12, [198, 51, 100, 201]);
    let from = |seconds: i64| scene.from + seconds * SECOND;
    let step = |expect: Expect, seconds: i64| {
        let mut expect = expect;
        expect.window.from = CaptureTime(from(seconds));
        expect
    };
    let mut rng = Rng::stream(scene.seed, "chain", "sessions");
    let office_network = roster.free_address("office", 0)?;
    let mut number = 100_u8;
    let sweep = Repeated::boxed(from(SWEEP), SECOND / 4, 60, move |_, net, at| {
        number += 1;
        let [a, b, c, _] = office_network;
        let ask = Arp { operation: 1, sender: (office_pc.mac, office_pc.ip), target: ([0; 6], [a, b, c, number]) };
        net.arp(at, &office_pc, BROADCAST, &ask);
    });
    let mut ports = Rng::stream(scene.seed, "chain", "ports");
    let mut port = 0_u16;
    let knock = Repeated::boxed(from(SWEEP + 16), SECOND / 4, 40, move |_, net, at| {
        port += 23;
        Session::new((office_pc, 46_000 + port), (laptop, port), ports.bits(), 300_000).refused(net, at);
    });
    let mut tries = 0;
    let share = Repeated::boxed(from(SHARE), 8 * SECOND, 3, move |_, net, at| {
        tries += 1;
        office::open_share(net, at, &mut rng, (office_pc, 48_800 + tries, laptop), "IPC$", "svcctl");
        office::open_share(
            net,
            at + SECOND,
            &mut rng,
            (office_pc, 48_820 + tries, laptop),
            "ADMIN$",
            r"Temp\agent.exe",
        );
    });
    let desktop = identity::desktop(scene, laptop, station, "engineer", DESKTOP, 80);
    let controller = scene.controller("me-gateway")?;
    let mut link = Link::new(station, 48_840, engine, Rng::stream(scene.seed, "chain", "scan"));
    let mut unit = 0;
    let scan = Repeated::boxed(from(SCAN), SECOND, 60, move |world, net, at| {
        unit += 1;
        let (to, request) = match unit {
            1..=30 => (unit, modbus::pair(function::READ_HOLDING, 0, 1)),
            _ => (1, vec![34 + unit, 0, 0, 0, 1]),
        };
        let answer = match (to, unit) {
            (1, 1) => controller.read(world, 1, function::READ_HOLDING, 0, 1),
            (1, _) => vec![request.first().copied().unwrap_or_default() | 0x80, 1],
            _ => vec![function::READ_HOLDING | 0x80, 11],
        };
        link.ask(net, at, to, &request, &answer);
    });
    // Where a register may be written within limits, a value outside them; elsewhere a write that nobody may make.
    let setpoint = scene.ship.marks.setpoint;
    let (generators, unit, address, value) = match setpoint {
        Some((mark, wrong)) => (roster.host(mark.server)?, mark.unit, mark.address, wrong.saturating_add(2)),
        None => (engine, 1, 42, 9),
    };
    let mut link = Link::new(station, 48_841, generators, Rng::stream(scene.seed, "chain", "write"));
    let write = Repeated::boxed(from(WRITE), 15 * SECOND, 3, move |_, net, at| {
        let request = modbus::pair(function::WRITE_REGISTER, address, value);
        link.ask(net, at, unit, &request, &request);
    });
    let mut tagger = Tagger::new("EI0003", false);
    let mut alert = 240;
    let silence = Repeated::boxed(from(SILENCE), 5 * SECOND, 10, move |_, net, at| {
        alert += 1;
        let line = nmea::sentence(&format!("EIACN,{},SIM,{alert},1,A,C", nmea::time(at)));
        let payload = lwe::datagram(&tagger.lines(at, &[line], false));
        net.send_udp_to_many(at, (&display, 51_001), lwe::MISC.endpoint(), &payload);
    });
    let party = |host: &Host| scene.party(host);
    let expect = vec![
        step(scene.required(&["DW-7001"], "malware-it", Severity::Medium, 45).between(party(&office_pc), None), SWEEP),
        step(scene.required(&["DW-7002"], "malware-it", Severity::High, 45).between(party(&office_pc), None), SHARE),
        step(
            scene.required(&["DW-6005"], "identity", Severity::High, 30).between(party(&laptop), party(&station)),
            DESKTOP,
        ),
        step(
            scene.required(&["DW-3003"], "protocol", Severity::High, 30).between(party(&station), party(&engine)),
            SCAN,
        ),
        step(
            match setpoint {
                Some(_) => scene.required(&["DW-4004"], "process", Severity::Medium, 15),
                None => scene.required(&["DW-2002"], "zone", Severity::High, 15),
            }
            .between(party(&station), party(&generators)),
            WRITE,
        ),
        step(scene.required(&["DW-3022"], "protocol", Severity::Medium, 60), SILENCE),
        scene.required(&["DW-7003"], "malware-it", Severity::Medium, 480).between(party(&office_pc), None).optional(),
    ];
    let call = office::beacon_from(scene, office_pc, remote, 0);
    let talkers = vec![call, sweep, knock, share, desktop, scan, write, silence];
    Ok(Play { talkers, expect, ..Play::default() })
}
