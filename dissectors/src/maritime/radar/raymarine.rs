//! Raymarine: RD, HD, Magnum (series `01`) and Quantum, Cyclone (series `28`). Every report begins with a number of 32 bits, little-endian: a
//! kind, and the series in its upper half. Two beacons, of 56 and 36 bytes, tell model and addresses.

use dogwatch_model::{Attribute, FactValue, FieldValue, Verb};

use super::{Device, Purpose, Seen, le32, padded};
use crate::Hint;

pub(super) static HINTS: &[Hint] = &[Hint::Udp(5_800), Hint::Udp(2_574), Hint::Udp(2_575)];

pub(super) fn read(bytes: &[u8]) -> Option<Seen<'_>> {
    let first = le32(bytes, 0)?;
    match (first, bytes.len()) {
        (1, 56) => identification(bytes),
        (0, 36) => addresses(bytes),
        (0x1_0006, 27..) => info(bytes, 4..11, 20..27),
        (0x28_0001, 17..) => info(bytes, 10..17, 4..10),
        (0x1_0001 | 0x1_8801, 245..) => status(bytes, 180),
        (0x1_0002, 306..) => Some(Seen::new("installation", Purpose::Report, Device::Scanner)),
        (0x28_0002, 200..=300) => status(bytes, 4),
        (0x1_0003, 88..) => picture(bytes),
        (0x28_0003, 20..) => {
            let mut seen = Seen::new("spokes", Purpose::Picture, Device::Scanner);
            seen.spokes = 1;
            Some(seen)
        }
        _ => None,
    }
}

/// Kind 1, series, link, 8 bytes, then a name of 32 bytes.
fn identification(bytes: &[u8]) -> Option<Seen<'_>> {
    let name = padded(bytes.get(20..52));
    match le32(bytes, 4)? {
        0x11 => Some(Seen::new("beacon-request", Purpose::Ask(Verb::Discover), Device::Display)),
        0x66 | 0x4d => {
            let seen = Seen::new("beacon", Purpose::Report, Device::Scanner).number("link", le32(bytes, 8));
            // The beacon of every Quantum says only that.
            let family = name.map(|name| if name == "QuantumRadar" { "Quantum" } else { name });
            Some(seen.text(Attribute::Model, "model", family))
        }
        _ => None,
    }
}

/// Kind 0, link, series, 8 bytes, the group reports go to and the address orders go to, each a little-endian address and port.
fn addresses(bytes: &[u8]) -> Option<Seen<'_>> {
    let group = le32(bytes, 20)?;
    let series = le32(bytes, 8)?;
    let is_group = matches!(group.to_be_bytes(), [224..=239, ..]);
    if !matches!(series, 1 | 0x28) || !is_group || le32(bytes, 4)? == 0 {
        return None;
    }
    Some(Seen::new("addresses", Purpose::Report, Device::Scanner).number("link", le32(bytes, 4)))
}

/// The model behind a part number, as the maker's catalogues list them.
fn model(part: &str) -> Option<&'static str> {
    Some(match part {
        "E70210" => "Quantum Q24",
        "E70344" => "Quantum Q24C",
        "E70498" => "Quantum Q24D",
        "E70620" => "Cyclone",
        "E70621" => "Cyclone Pro",
        "E70484" => "Magnum 4kW",
        "E70487" => "Magnum 12kW",
        "E52069" => "Open Array HD 4kW",
        "E92160" => "Open Array HD 12kW",
        "E52081" => "Open Array SHD 4kW",
        "E52082" => "Open Array SHD 12kW",
        "E92142" => "RD418HD",
        "E92143" => "RD424HD",
        "E92130" => "RD418D",
        "E92132" => "RD424D",
        _ => return None,
    })
}

fn info(bytes: &[u8], serial: std::ops::Range<usize>, part: std::ops::Range<usize>) -> Option<Seen<'_>> {
    let part = padded(bytes.get(part))?;
    let is_part = part.strip_prefix('E').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    if !is_part {
        return None;
    }
    let seen = Seen::new("info", Purpose::Report, Device::Scanner)
        .text(Attribute::ProductCode, "part", Some(part))
        .text(Attribute::SerialNumber, "serial", padded(bytes.get(serial)));
    Some(match model(part) {
        Some(model) => seen.fact(Attribute::Model, FactValue::Text(model), 90).value("model", FieldValue::Text(model)),
        None => seen,
    })
}

fn status(bytes: &[u8], at: usize) -> Option<Seen<'_>> {
    let status = *bytes.get(at)?;
    let name = match status {
        0 => Some("standby"),
        1 => Some("transmit"),
        2 => Some("warming-up"),
        3 => Some("off"),
        _ => None,
    };
    let seen = Seen::new("status", Purpose::Report, Device::Scanner);
    Some(seen.value("status", FieldValue::Coded { value: u64::from(status), name }))
}

/// A header of 32 bytes with 0x1c at 8 and the spokes that follow at 12, then the first spoke: kind 1, length 40.
fn picture(bytes: &[u8]) -> Option<Seen<'_>> {
    if le32(bytes, 8)? != 0x1c || le32(bytes, 32)? != 1 || le32(bytes, 36)? != 0x28 {
        return None;
    }
    let mut seen = Seen::new("spokes", Purpose::Picture, Device::Scanner);
    seen.spokes = le32(bytes, 12)?.min(2_048);
    Some(seen)
}
