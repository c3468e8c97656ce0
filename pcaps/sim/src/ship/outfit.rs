//! Brings a ship's description to life: makes everyone who sends. What is switched on depends on what the ship is doing.

use super::plan::{PersonPlan, Place};
use super::{ASHORE_INDEX, Crew, Fitting, Ship};
use crate::error::SimError;
use crate::rng::Rng;
use crate::talker::bridge::{Autopilot, ChartDisplay, Gyro, Radar, Receiver, Sensor, SensorTalker};
use crate::talker::browser::{Browser, Habit, Site};
use crate::talker::bus::Node;
use crate::talker::housekeeping::{Clock, Membership, Neighbours, QuietHost, Switch};
use crate::talker::modbus::Master;
use crate::talker::outlet::{Carrier, Outlet, Wiring};
use crate::talker::radio::Transponder;
use crate::talker::service::{Other, Service};
use crate::wire::net::{Host, SECOND};
use crate::world::Voyage;

/// Everyone aboard who sends.
pub(crate) fn crew(ship: &'static Ship, fitting: &Fitting<'_>) -> Result<Crew, SimError> {
    let mut out = bridge(ship, fitting)?;
    let Fitting { roster, seed, start, .. } = *fitting;
    for plan in ship.masters {
        let (client, server) = (roster.host(plan.client)?, roster.host(plan.server)?);
        let off = loses_power(ship, &[plan.client, plan.server]);
        out.push(Box::new(Master::new(plan, ship.controller(plan.server)?, (client, server, off), seed, start)));
    }
    for plan in ship.services {
        let server = match plan.server {
            Other::Aboard(id) => id,
            Other::Ashore(..) => plan.client,
        };
        out.push(Box::new(Service::new(plan, roster, loses_power(ship, &[plan.client, server]), seed, start)?));
    }
    housekeeping(ship, fitting, &mut out)?;
    for plan in ship.people {
        out.push(person(plan, fitting)?);
    }
    for (number, plan) in (0..).zip(ship.nodes) {
        out.push(Box::new(Node::new(number, plan, seed, start)));
    }
    Ok(out)
}

/// Whether one of these goes dark with the machinery.
fn loses_power(ship: &Ship, hosts: &[&str]) -> bool {
    hosts.iter().any(|host| ship.marks.machinery.contains(host))
}

fn bridge(ship: &Ship, fitting: &Fitting<'_>) -> Result<Crew, SimError> {
    let Fitting { roster, seed, start, carrier, pictures, voyage } = *fitting;
    let plan = &ship.bridge;
    let (moored, alongside) = (matches!(voyage, Voyage::Anchor | Voyage::Berth), voyage == Voyage::Berth);
    let (serial_server, listener) = (roster.host(plan.serial_server)?, roster.host(plan.listener)?);
    let wiring = Wiring { seed, carrier, serial_server, listener };
    let outlet = |(id, sfi): (&str, &str)| Ok::<_, SimError>(Outlet::new(roster.host(id)?, sfi, &wiring));
    let mut out: Crew = Vec::new();
    for (source, receiver) in plan.receivers {
        out.push(Box::new(Receiver::new(*receiver, source.0, outlet(*source)?, seed, start)));
    }
    for gyro in plan.gyros {
        // Heading and rate of turn share one box and one identity, so one outlet counts the lines of both.
        out.push(Box::new(Gyro::new(gyro, outlet(gyro.source)?, seed, start)));
    }
    for (sensor, source) in plan.sensors {
        if *sensor == Sensor::Wind || !alongside {
            out.push(Box::new(SensorTalker::new(*sensor, outlet(*source)?, seed, start, SECOND)));
        }
    }
    out.push(Box::new(Transponder::new(outlet(plan.transponder)?, ship.identity, seed, start)));
    let pictures = pictures && carrier == Carrier::Groups;
    if !alongside {
        out.push(Box::new(Radar::new(roster.host(plan.radar.0)?, outlet(plan.radar)?, seed, start, pictures)));
    }
    if !moored {
        out.push(Box::new(Autopilot::new(outlet(plan.autopilot)?, seed, start)));
    }
    for (number, source) in plan.displays.iter().enumerate() {
        let leads = number == 0 && !moored;
        out.push(Box::new(ChartDisplay::new(outlet(*source)?, source.0, seed, start, leads)));
    }
    Ok(out)
}

fn housekeeping(ship: &Ship, fitting: &Fitting<'_>, out: &mut Crew) -> Result<(), SimError> {
    let Fitting { roster, seed, start, .. } = *fitting;
    let plan = &ship.house;
    let pair = |(a, b): &(&str, &str)| Ok((roster.host(a)?, roster.host(b)?));
    let pairs = plan.neighbours.iter().map(pair).collect::<Result<Vec<_>, SimError>>()?;
    out.push(Box::new(Neighbours::new(&pairs, seed, start)));
    for (host, router, seconds) in plan.quiet {
        let ends = (roster.host(host)?, roster.host(router)?);
        out.push(Box::new(QuietHost::new(ends.0, ends.1, host, seed, start, seconds * SECOND)));
    }
    let text = "Managed Ethernet switch, 8 ports, L2P firmware 09.1.02";
    for (id, recorder) in plan.switches {
        let recorder = recorder.map(|recorder| roster.host(recorder)).transpose()?;
        out.push(Box::new(Switch::new(roster.host(id)?, id, text, recorder, seed, start)));
    }
    let listeners = plan.listeners.iter().map(|id| roster.host(id)).collect::<Result<Vec<_>, SimError>>()?;
    out.push(Box::new(Membership::new(roster.host(plan.querier)?, listeners, seed, start)));
    for id in plan.clocks {
        out.push(Box::new(Clock::new(roster.host(id)?, roster.host(plan.clock)?, id, seed, start)));
    }
    Ok(())
}

/// Option lists by which Windows and phones ask for an address.
const WINDOWS_WANTS: &[u8] = &[1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252];
const PHONE_WANTS: &[u8] = &[1, 3, 6, 15, 26, 28, 51, 58, 59, 43];

fn person(plan: &PersonPlan, fitting: &Fitting<'_>) -> Result<Box<Browser>, SimError> {
    let Fitting { roster, seed, start, .. } = *fitting;
    let PersonPlan { host: name, windows, mean_s, .. } = *plan;
    let site = |(name, place): &(&'static str, Place)| {
        let (host, aboard) = match place {
            Place::Ashore(number, ip) => (Host::ashore(ASHORE_INDEX + number, *ip), false),
            Place::Aboard(id) => (roster.host(id)?, true),
        };
        Ok(Site { name, host, aboard })
    };
    let sites = plan.sites.iter().copied().flatten().map(site).collect::<Result<Vec<_>, SimError>>()?;
    let (vendor_class, wanted, fetch) =
        if windows { ("MSFT 5.0", WINDOWS_WANTS, 12_000.0) } else { ("android-dhcp-14", PHONE_WANTS, 13_000.0) };
    let habit = Habit { name, vendor_class, wanted, windows, mean_s, fetch };
    // Offices are switched on in the morning, phones come when they come.
    let (earliest, spread) = if windows { (4, 20) } else { (2, 70) };
    let on = start + earliest * SECOND + Rng::stream(seed, name, "switch-on").nanos(spread * SECOND);
    let resolver = Host::ashore(ASHORE_INDEX, [203, 0, 113, 53]);
    Ok(Box::new(Browser::new(habit, roster.host(name)?, resolver, sites, seed, on)))
}
