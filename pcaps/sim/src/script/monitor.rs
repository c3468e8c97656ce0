//! What makes the monitor itself blind or unsure: lost frames, one direction only, a clock that steps, noise, a probe, a tainted baseline.

use dogwatch_model::Severity;

use super::{Play, Repeated, Scene, Script, attack, registers};
use crate::capture::degrade::Faults;
use crate::error::SimError;
use crate::rng::Rng;
use crate::wire::net::{Host, MILLI, SECOND};
use crate::wire::session::Session;

/// The scripts of this file.
pub(super) const SCRIPTS: &[Script] = &[
    attack("drop", "the capture loses frames", &[("percent", 4.0)], 150, drop_frames),
    attack("half-mirror", "the mirror shows one direction only", &[], 720, half_mirror),
    attack("clock-step", "the clock of the monitor steps", &[("s", 7.0)], 90, clock_step),
    attack("parse-errors", "a third of what is said on the bridge cannot be read", &[], 150, parse_errors),
    attack("probe", "a crew phone tries the ports of the monitor in the office network", &[], 60, probe),
    attack("baseline-taint", "a reader writes limits of the main engine while the monitor learns", &[], 60, taint),
];

/// drop: a share of all frames is missing.
fn drop_frames(scene: &Scene<'_>) -> Result<Play, SimError> {
    let loss = scene.parameter("percent", 4.0).clamp(0.0, 100.0) / 100.0;
    let found = scene.required(&["DW-9001"], "health", Severity::Medium, 120);
    Ok(Play { faults: Faults { loss, ..Faults::default() }, expect: vec![found], ..Play::default() })
}

/// half-mirror: no answers any more.
fn half_mirror(scene: &Scene<'_>) -> Result<Play, SimError> {
    let found = scene.required(&["DW-9002"], "health", Severity::Medium, 700);
    let partial = scene.required(&["DW-9001"], "health", Severity::Medium, 700).optional();
    Ok(Play { faults: Faults { half: true, ..Faults::default() }, expect: vec![found, partial], ..Play::default() })
}

/// clock-step: every time stamp of the capture is later by `s` seconds from one frame to the next.
fn clock_step(scene: &Scene<'_>) -> Result<Play, SimError> {
    let step = (scene.parameter("s", 7.0).clamp(0.0, 3_600.0) * 1e3) as i64 * MILLI;
    let found = scene.required(&["DW-9003"], "health", Severity::Medium, 60);
    Ok(Play { clock_step: step, expect: vec![found], ..Play::default() })
}

/// parse-errors: the recorder's datagrams to the sentence groups hold no sentences.
fn parse_errors(scene: &Scene<'_>) -> Result<Play, SimError> {
    let host = scene.roster.host("recorder")?;
    let mut rng = Rng::stream(scene.seed, "parse-errors", "noise");
    let send = Repeated::boxed(scene.from, SECOND / 10, u32::MAX, move |_, net, at| {
        for number in 0..3 {
            let length = 80 + rng.below(160) as usize;
            let noise = [b"UdPbC\0".as_slice(), &rng.bytes(length)].concat();
            let group = crate::talk::lwe::NAVD.endpoint();
            net.send_udp_to_many(at + number * 30 * MILLI, (&host, 51_004), group, &noise);
        }
    });
    let found = scene.required(&["DW-9006"], "health", Severity::Low, 150);
    Ok(Play { talkers: vec![send], expect: vec![found], ..Play::default() })
}

/// probe: the monitor's address is one that nobody else has; what a capture alone can tell is that a phone reaches into the office.
fn probe(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (phone, router) = (scene.roster.host("crew-4")?, scene.roster.host("office-router")?);
    let monitor = Host { ip: scene.roster.free_address("office", 5)?, mac: [2, 0xD0, 0x9A, 0, 0, 5], ..router };
    let mut rng = Rng::stream(scene.seed, "probe", "session");
    let mut ports = [22, 80, 443, 8_787, 8_443, 9_100].into_iter().cycle();
    let mut port = 48_700;
    let knock = Repeated::boxed(scene.from, 3 * SECOND, 18, move |_, net, at| {
        port += 1;
        let to = ports.next().unwrap_or(22);
        Session::new((phone, port), (monitor, to), rng.bits(), 2 * MILLI).refused(net, at);
    });
    let crossing = scene.required(&["DW-2001"], "zone", Severity::Medium, 30).between(scene.party(&phone), None);
    let ends = (scene.party(&phone), scene.party(&monitor));
    let probed = scene.required(&["DW-9008"], "health", Severity::Medium, 30).between(ends.0, ends.1);
    Ok(Play { talkers: vec![knock], expect: vec![crossing, probed], ..Play::default() })
}

/// baseline-taint: as modbus-write; in learn mode the write must not be proposed as a rule.
fn taint(scene: &Scene<'_>) -> Result<Play, SimError> {
    let mut play = registers::modbus_write(scene)?;
    play.expect.push(scene.required(&["DW-9007"], "health", Severity::Low, 60).optional());
    Ok(play)
}
