//! Answers to searches and description requests: who the interface or router is.
//!
//! Specification: ISO 22510:2019, description information blocks.

use std::net::Ipv4Addr;

use dogwatch_model::{Attribute, FactValue, Mac, Object, Verb};

use super::{cemi::individual, endpoint, service_name, show_endpoint};
use crate::ParseError;
use crate::acts::{Acts, Emit, Shown};
use crate::reader::Reader;
use crate::text::{Text, printable};

/// Device hardware information.
#[derive(Debug, Clone, Copy)]
struct Device<'a> {
    medium: u8,
    programming: bool,
    address: [u8; 2],
    project: u16,
    serial: [u8; 6],
    group: Ipv4Addr,
    mac: Mac,
    name: Option<&'a str>,
}

impl<'a> Device<'a> {
    fn parse(block: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new("knx device information", block);
        let [medium, status] = reader.array()?;
        Ok(Self {
            medium,
            programming: status & 1 != 0,
            address: reader.array()?,
            project: reader.be16()?,
            serial: reader.array()?,
            group: Ipv4Addr::from(reader.array::<4>()?),
            mac: Mac(reader.array()?),
            name: printable(reader.take(30.min(reader.rest().len()))?),
        })
    }
}

/// Description blocks: kind and content.
fn blocks(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> + Clone {
    let mut reader = Reader::new("knx description", bytes);
    std::iter::from_fn(move || {
        let [length, kind] = reader.array().ok()?;
        Some((kind, reader.take(usize::from(length).checked_sub(2)?).ok()?))
    })
}

pub(super) fn read(service: u16, body: &[u8], emit: &mut Emit<'_>) -> Result<(), ParseError> {
    // A search answer begins with the control endpoint, a description answer with its blocks.
    let endpoint = if service == 0x0204 { None } else { endpoint(body) };
    let list = if service == 0x0204 { body } else { body.get(8..).unwrap_or_default() };
    let device = blocks(list).find(|(kind, _)| *kind == 1).map(|(_, block)| Device::parse(block)).transpose()?;
    // Manufacturer block: the code of the KNX association.
    let maker = blocks(list).find_map(|(kind, block)| match (kind, block) {
        (0xfe, [m0, m1, ..]) => Some(u16::from_be_bytes([*m0, *m1])),
        _ => None,
    });
    let mut acts = Acts::new();
    acts.reply(Verb::Discover, Object::Device { unit: None }, false);
    let address = device.map(|device| individual(device.address));
    let serial = device.map(|device| {
        let [a, b, c, d, e, f] = device.serial;
        Text::<12>::of(format_args!("{a:02x}{b:02x}{c:02x}{d:02x}{e:02x}{f:02x}"))
    });
    if let (Some(device), Some(address), Some(serial)) = (&device, &address, &serial) {
        let method = "knxip.description";
        acts.says_text(Attribute::Name, device.name, 85, method);
        acts.says(Attribute::SerialNumber, FactValue::Text(serial.as_str()), 90, method);
        acts.says(Attribute::StationAddress, FactValue::Text(address.as_str()), 90, method);
        acts.says(Attribute::MacAddress, FactValue::Mac(device.mac), 85, method);
        if device.group.is_multicast() {
            acts.says(Attribute::MulticastGroup, FactValue::Ip(device.group.into()), 80, method);
        }
        if device.programming {
            acts.says(Attribute::OperatingMode, FactValue::Text("programming"), 85, method);
        }
    }
    if let Some(maker) = maker {
        acts.says(Attribute::Manufacturer, FactValue::Number(maker.into()), 60, "knxip.manufacturer-block");
    }
    let fields = Shown(|visit| {
        visit.number("service_type", service);
        show_endpoint(visit, endpoint);
        if let (Some(device), Some(address), Some(serial)) = (&device, &address, &serial) {
            visit.number("medium", device.medium);
            visit.text("individual_address", address.as_str());
            visit.number("project_installation", device.project);
            visit.text("serial_number", serial.as_str());
            visit.shown("multicast", device.group);
            visit.shown("mac", device.mac);
            visit.maybe_text("friendly_name", device.name);
        }
        visit.maybe("manufacturer", maker);
    });
    emit.message(service_name(service).unwrap_or("description"), &mut acts, &fields);
    Ok(())
}
