//! Attacks on controllers over Modbus.

use dogwatch_model::Severity;

use super::{Play, Repeated, Scene};
use crate::error::SimError;
use crate::rng::Rng;
use crate::talk::modbus::{self, function};
use crate::talker::modbus::Link;
use crate::wire::net::SECOND;

/// modbus-write: first a single register, then three at once, over a connection of its own. The limits keep what was written.
pub(super) fn modbus_write(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("conning")?, scene.roster.host("me-gateway")?);
    let value = scene.parameter("value", 700.0).clamp(0.0, 65_535.0) as u16;
    let mut link = Link::new(client, 48_017, server, Rng::stream(scene.seed, "modbus-write", "link"));
    let mut count = 0_u32;
    let write = Repeated::boxed(scene.from, 20 * SECOND, 6, move |_, net, at| {
        if count.is_multiple_of(2) {
            let request = modbus::pair(function::WRITE_REGISTER, 110, value);
            link.ask(net, at, 1, &request, &request);
        } else {
            let request = modbus::write_registers(110, &[value, 1_300, 6_500]);
            let answer = modbus::pair(function::WRITE_REGISTERS, 110, 3);
            link.ask(net, at, 1, &request, &answer);
        }
        count += 1;
        if count == 6 {
            link.close(net);
        }
    });
    let from = scene.from;
    let engine = scene.controller("me-gateway")?;
    let bend = Box::new(move |world: &mut crate::world::World| {
        // The first write is answered within a tenth of a second; polls after it read the new value.
        if world.now > from + SECOND {
            world.effects.written.insert((engine.host, 1, 110), value);
        }
        if world.now > from + 21 * SECOND {
            world.effects.written.insert((engine.host, 1, 111), 1_300);
            world.effects.written.insert((engine.host, 1, 112), 6_500);
        }
    });
    let pair = (scene.party(&client), scene.party(&server));
    let denied = scene.required(&["DW-2002"], "zone", Severity::High, 15).between(pair.0.clone(), pair.1.clone());
    let first = scene.required(&["DW-3001"], "protocol", Severity::High, 15).between(pair.0, pair.1).optional();
    Ok(Play { talkers: vec![write], bend: Some(bend), expect: vec![denied, first], ..Play::default() })
}

/// modbus-range: reads the whole block instead of the part meant for the bridge.
pub(super) fn modbus_range(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("conning")?, scene.roster.host("me-gateway")?);
    let outside = f64::from(scene.ship.marks.outside);
    let address = scene.parameters.get("address").copied().filter(|address| *address >= 0.0).unwrap_or(outside);
    let address = address.clamp(0.0, 65_535.0) as u16;
    let controller = scene.controller("me-gateway")?;
    let count = scene.parameter("count", 60.0).clamp(1.0, 125.0) as u16;
    let mut link = Link::new(client, 48_018, server, Rng::stream(scene.seed, "modbus-range", "link"));
    let read = Repeated::boxed(scene.from, 10 * SECOND, 6, move |world, net, at| {
        let request = modbus::pair(function::READ_HOLDING, address, count);
        let answer = controller.read(world, 1, function::READ_HOLDING, address, count);
        link.ask(net, at, 1, &request, &answer);
    });
    let expect =
        scene.required(&["DW-2003"], "zone", Severity::Medium, 15).between(scene.party(&client), scene.party(&server));
    let block = scene.required(&["DW-3002"], "protocol", Severity::Low, 60).optional();
    Ok(Play { talkers: vec![read], expect: vec![expect, block], ..Play::default() })
}

/// modbus-scan: one request to each of twenty units, then functions that few controllers know, then the identification.
pub(super) fn modbus_scan(scene: &Scene<'_>) -> Result<Play, SimError> {
    scan(scene, scene.parameter("style", 0.0))
}

/// As [`modbus_scan`]; `style` 1 is one request every 20 s, 2 sends each request in fragments.
pub(super) fn scan(scene: &Scene<'_>, style: f64) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("conning")?, scene.roster.host("me-gateway")?);
    let slow = style == 1.0;
    let period = if slow { 20 * SECOND } else { SECOND / 5 };
    let controller = scene.controller("me-gateway")?;
    let mut link = Link::new(client, 48_019, server, Rng::stream(scene.seed, "modbus-scan", "link"));
    if style == 2.0 {
        link.fragment(16);
    }
    let mut step = 0_u8;
    let probe = Repeated::boxed(scene.from, period, 60, move |world, net, at| {
        step += 1;
        match step {
            1..=20 => {
                let request = modbus::pair(function::READ_HOLDING, 0, 1);
                // Only unit 1 is there: a gateway says of the others that they failed to respond (exception 11).
                let answer = match step {
                    1 => controller.read(world, 1, function::READ_HOLDING, 0, 1),
                    _ => vec![function::READ_HOLDING | 0x80, 11],
                };
                link.ask(net, at, step, &request, &answer);
            }
            21..=59 => {
                let unknown = step - 20 + 24;
                // Function codes from 25 on that are not in the specification: illegal function (exception 1).
                let code = if unknown == function::ENCAPSULATED { 65 } else { unknown };
                link.ask(net, at, 1, &[code, 0, 0, 0, 1], &[code | 0x80, 1]);
            }
            _ => {
                let answer = modbus::identification(controller.identification);
                link.ask(net, at, 1, &modbus::read_identification(), &answer);
                link.close(net);
            }
        }
    });
    let within = if slow { 240 } else { 15 };
    let found = scene
        .required(&["DW-3003"], "protocol", Severity::High, within)
        .between(scene.party(&client), scene.party(&server));
    let denied = scene.required(&["DW-2002", "DW-2003"], "zone", Severity::Medium, 60).optional();
    Ok(Play { talkers: vec![probe], expect: vec![found, denied], ..Play::default() })
}

/// modbus-dangerous: restart communications (8/1), force listen only (8/4) and a programming request (90) to the generators' gateway.
pub(super) fn modbus_dangerous(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("alarm-server")?, scene.roster.host("genset-gateway")?);
    let mut link = Link::new(client, 48_020, server, Rng::stream(scene.seed, "modbus-dangerous", "link"));
    let unit = scene.ship.marks.generator_unit;
    let mut step = 0_u8;
    let send = Repeated::boxed(scene.from, 10 * SECOND, 3, move |_, net, at| {
        step += 1;
        let request: &[u8] = match step {
            1 => &[8, 0, 1, 0, 0],
            2 => &[8, 0, 4, 0, 0],
            _ => &[90, 0, 0x02],
        };
        // Diagnostics are echoed; the programming request is refused.
        let refused = [90 | 0x80, 1];
        link.ask(net, at, unit, request, if step < 3 { request } else { &refused });
    });
    let found = scene
        .required(&["DW-3004"], "protocol", Severity::High, 15)
        .between(scene.party(&client), scene.party(&server));
    let denied = scene.required(&["DW-2002"], "zone", Severity::High, 15).optional();
    Ok(Play { talkers: vec![send], expect: vec![found, denied], ..Play::default() })
}

/// setpoint: a value outside the limits of the line that allows the write.
pub(super) fn setpoint(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (mark, wrong) = scene.mark(scene.ship.marks.setpoint, "register that may be written within limits")?;
    let (client, server) = (scene.roster.host(mark.client)?, scene.roster.host(mark.server)?);
    let value = scene.parameters.get("value").copied().unwrap_or(f64::from(wrong)).clamp(0.0, 65_535.0) as u16;
    let mut link = Link::new(client, 48_023, server, Rng::stream(scene.seed, "setpoint", "link"));
    let write = Repeated::boxed(scene.from, 30 * SECOND, 3, move |_, net, at| {
        let request = modbus::pair(function::WRITE_REGISTER, mark.address, value);
        link.ask(net, at, mark.unit, &request, &request);
    });
    let found = scene
        .required(&["DW-4004"], "process", Severity::Medium, 15)
        .between(scene.party(&client), scene.party(&server));
    Ok(Play { talkers: vec![write], expect: vec![found], ..Play::default() })
}

/// ballast-sea: three valves and a pump, one after the other, by the station that does this in port.
pub(super) fn ballast_sea(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("ballast-panel")?, scene.roster.host("ballast-plc")?);
    let mut link = Link::new(client, 48_024, server, Rng::stream(scene.seed, "ballast-sea", "link"));
    let coils = scene.ship.marks.ballast_coils;
    scene.mark(coils.first(), "ballast panel that may switch pumps in port")?;
    let mut step = 0;
    let open = Repeated::boxed(scene.from, 6 * SECOND, 4, move |_, net, at| {
        let coil = coils.get(step).copied().unwrap_or_default();
        step += 1;
        let request = modbus::pair(function::WRITE_COIL, coil, 0xFF00);
        link.ask(net, at, 1, &request, &request);
    });
    let from = scene.from;
    let controller = scene.controller("ballast-plc")?;
    let bend = Box::new(move |world: &mut crate::world::World| {
        for (number, coil) in (0..).zip(coils) {
            if world.now > from + number * 6 * SECOND + SECOND / 2 {
                world.effects.written.insert((controller.host, 1, *coil), 1);
            }
        }
    });
    let found = scene
        .required(&["DW-2010", "DW-4007"], "zone", Severity::Medium, 15)
        .between(scene.party(&client), scene.party(&server));
    Ok(Play { talkers: vec![open], bend: Some(bend), expect: vec![found], ..Play::default() })
}
