//! Attacks by sentences: receiver settings changed over the bus, a doubled stream, alerts acknowledged by a station that may not.

use dogwatch_model::Severity;

use super::{Play, Repeated, Scene, Script, attack};
use crate::error::SimError;
use crate::labels::Party;
use crate::talk::lwe::{self, Group, Tagger};
use crate::talk::nmea;
use crate::talker::Talker;
use crate::wire::net::{Host, SECOND};
use crate::world::{GyroFault, World};

/// The scripts of this file.
pub(super) const SCRIPTS: &[Script] = &[
    attack(
        "nmea-config",
        "the conning display sends settings to the receivers and asks them for sentences",
        &[],
        60,
        config,
    ),
    attack("wrong-group", "the conning display sends waypoints to the group of radar and AIS", &[], 60, wrong_group),
    attack("rate-double", "every heading comes twice", &[], 90, rate_double),
    attack("alert-ack", "the conning display, which may not, acknowledges alerts", &[("n", 12.0)], 90, alert_ack),
];

/// What the conning display calls itself when it speaks; the policy gives it no sentences.
const DISPLAY: &str = "EI0003";

/// Sends lines as the conning display; `lines` gets the number of the round.
fn display(
    host: Host,
    group: Group,
    (first, period, times): (i64, i64, u32),
    mut lines: impl FnMut(u32, i64) -> Vec<String> + 'static,
) -> Box<dyn Talker> {
    let mut tagger = Tagger::new(DISPLAY, false);
    let mut round = 0;
    Repeated::boxed(first, period, times, move |_, net, at| {
        let payload = lwe::datagram(&tagger.lines(at, &lines(round, at), false));
        net.send_udp_to_many(at, (&host, 51_001), group.endpoint(), &payload);
        round += 1;
    })
}

fn named(scene: &Scene<'_>, host: &Host) -> Option<Party> {
    scene.party(host).map(|party| Party { sfi: Some(DISPLAY.to_owned()), ..party })
}

/// nmea-config: set commands of three makers (rate of a port, sentences off, a cold start), and questions for sentences.
fn config(scene: &Scene<'_>) -> Result<Play, SimError> {
    let host = scene.roster.host("conning")?;
    let bodies = [
        "PUBX,41,1,0007,0003,19200,0",
        "EIGPQ,GGA",
        "PGRMC,A,,100,,,,,,A,8,1,2,1,30",
        "PMTK314,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0",
        "EIGPQ,RMC",
        "PMTK103",
    ];
    let send = display(host, lwe::NAVD, (scene.from, 3 * SECOND, 12), move |round, _| {
        bodies.get(round as usize % bodies.len()).map(|body| nmea::sentence(body)).into_iter().collect()
    });
    let who = named(scene, &host);
    let found = scene.required(&["DW-3013"], "protocol", Severity::Medium, 30).between(who.clone(), None);
    let unlisted = scene.required(&["DW-3010"], "protocol", Severity::Low, 30).between(who, None).optional();
    Ok(Play { talkers: vec![send], expect: vec![found, unlisted], ..Play::default() })
}

/// wrong-group: what the standard gives to NAVD (group 4) goes to TGTD (group 2).
fn wrong_group(scene: &Scene<'_>) -> Result<Play, SimError> {
    let host = scene.roster.host("conning")?;
    let send = display(host, lwe::TGTD, (scene.from, 3 * SECOND, u32::MAX), |round, _| {
        vec![nmea::sentence(&format!("EIWPL,5{}12.50,N,00412.10,E,WP{:02}", round % 10, round % 10))]
    });
    let found = scene.required(&["DW-3012"], "protocol", Severity::Info, 45).between(scene.party_by_card(&host), None);
    let unlisted = scene.required(&["DW-3010"], "protocol", Severity::Low, 30).optional();
    Ok(Play { talkers: vec![send], expect: vec![found, unlisted], ..Play::default() })
}

/// rate-double: each heading goes out a second time, 90 ms after the first, counted like the others.
fn rate_double(scene: &Scene<'_>) -> Result<Play, SimError> {
    let gyro = scene.roster.host("gyro")?;
    let bend = Box::new(|world: &mut World| world.effects.gyro = GyroFault { doubled: true, ..GyroFault::default() });
    let found = scene.required(&["DW-3021"], "protocol", Severity::Medium, 45).between(scene.party(&gyro), None);
    Ok(Play { bend: Some(bend), expect: vec![found], ..Play::default() })
}

/// alert-ack: `n` commands (ACN) that acknowledge or silence alerts of the autopilot, five seconds apart.
fn alert_ack(scene: &Scene<'_>) -> Result<Play, SimError> {
    let host = scene.roster.host("conning")?;
    let count = scene.parameter("n", 12.0).clamp(1.0, 1_000.0) as u32;
    let send = display(host, lwe::MISC, (scene.from, 5 * SECOND, count), |round, at| {
        let (alert, command) = (240 + round % 6, if round % 3 == 2 { 'S' } else { 'A' });
        vec![nmea::sentence(&format!("EIACN,{},SIM,{alert},1,{command},C", nmea::time(at)))]
    });
    let who = named(scene, &host);
    let found = scene.required(&["DW-3022"], "protocol", Severity::Medium, 60).between(who.clone(), None);
    let unlisted = scene.required(&["DW-3010"], "protocol", Severity::Medium, 30).between(who, None).optional();
    Ok(Play { talkers: vec![send], expect: vec![found, unlisted], ..Play::default() })
}
