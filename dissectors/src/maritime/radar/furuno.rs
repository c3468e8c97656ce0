//! Furuno: DRS and FAR series. Discovery messages (`01 00 00 01`, four zeros, a command, its length) and the picture (`02`, a counter,
//! `00 01 00 00 00 00`), both broadcast or multicast. The orders over TCP, which look like sentences without checksum, are not read.

use dogwatch_model::{Attribute, FactValue, FieldValue, Mac, Verb};

use super::{Device, Purpose, Seen, padded};
use crate::Hint;

pub(super) static HINTS: &[Hint] = &[Hint::Udp(10_010), Hint::Udp(10_024)];

pub(super) fn read(bytes: &[u8]) -> Option<Seen<'_>> {
    match bytes {
        [2, _, 0, 1, 0, 0, 0, 0, rest @ ..] => picture(bytes.len(), rest),
        [1, 0, 0, 1, 0, 0, 0, 0, command, 1, high, low, ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            discovery(bytes, *command, length)
        }
        _ => None,
    }
}

/// Nine bits of length in units of 4 bytes, seven of spokes, eleven of cells a spoke, the kind of compression, the range.
fn picture(total: usize, header: &[u8]) -> Option<Seen<'_>> {
    let [size, spokes, cells, more, range, ..] = *header else { return None };
    let size = u16::from_le_bytes([size, spokes & 1]);
    // The size covers everything behind it but the first 12 bytes of the datagram.
    if usize::from(size).checked_mul(4)?.checked_add(12)? != total || spokes < 2 {
        return None;
    }
    let mut seen = Seen::new("spokes", Purpose::Picture, Device::Scanner)
        .number("cells", Some(u16::from_le_bytes([cells, more & 7])))
        .number("compression", Some(more >> 3 & 3))
        .number("range", Some(range));
    seen.spokes = u32::from(spokes >> 1);
    Some(seen)
}

fn discovery(bytes: &[u8], command: u8, length: usize) -> Option<Seen<'_>> {
    let is_whole = length.checked_add(8)? == bytes.len();
    let ask = |kind| Some(Seen::new(kind, Purpose::Ask(Verb::Discover), Device::Display));
    match command {
        0x00 if is_whole && bytes.len() >= 24 => announce(bytes),
        0x01 if is_whole => ask("beacon-request"),
        0x0f if bytes.len() == 170 => Some(model(bytes)),
        0x14 if is_whole => ask("model-request"),
        0x15 | 0x17 | 0x18 | 0x1b if is_whole => Some(Seen::new("status", Purpose::Report, Device::Unknown)),
        _ => None,
    }
}

/// The name tells what it is: `RD` a radar, `MF` a plotter, each with six digits; programs put their own.
fn announce(bytes: &[u8]) -> Option<Seen<'_>> {
    let name = padded(bytes.get(16..24))?;
    let device = match name.get(..2) {
        Some("RD") => Device::Scanner,
        _ => Device::Display,
    };
    Some(Seen::new("announce", Purpose::Report, device).text(Attribute::Name, "name", Some(name)))
}

/// Address at 38, model at 48, firmware at 80, serial number at 144.
fn model(bytes: &[u8]) -> Seen<'_> {
    let name = padded(bytes.get(48..80));
    // Plotters answer as well; only the names of radars are known to begin so.
    let is_radar = name.is_some_and(|name| name.starts_with("DRS") || name.starts_with("FAR"));
    let device = if is_radar { Device::Scanner } else { Device::Unknown };
    let mut seen = Seen::new("model", Purpose::Report, device)
        .text(Attribute::Model, "model", name)
        .text(Attribute::FirmwareVersion, "firmware", padded(bytes.get(80..112)))
        .text(Attribute::SerialNumber, "serial", padded(bytes.get(144..170)));
    if device == Device::Unknown {
        seen = seen.fact(Attribute::Manufacturer, FactValue::Text("Furuno"), super::SHAPE);
    }
    match bytes.get(38..44).and_then(|mac| <[u8; 6]>::try_from(mac).ok()).map(Mac) {
        Some(mac) if !mac.is_none() && !mac.is_group() => seen
            .fact(Attribute::MacAddress, FactValue::Mac(mac), 90)
            .value("mac", FieldValue::Bytes(bytes.get(38..44).unwrap_or_default())),
        _ => seen,
    }
}
