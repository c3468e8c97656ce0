//! Navico: BR24, 3G, 4G and HALO. Two bytes tell the kind: a number and a family (`C4` reports, `C1` and `C2` orders and queries, `B1` and `B2`
//! discovery). Frames of the picture hold up to 32 spokes of 24 + 512 bytes.

use dogwatch_model::{Attribute, FactValue, FieldValue, Verb};

use super::{Device, Purpose, Seen, ipv4, le32, padded};
use crate::Hint;

pub(super) static HINTS: &[Hint] = &[
    Hint::Udp(6_678),
    Hint::Udp(6_679),
    Hint::Udp(6_680),
    Hint::Udp(6_657),
    Hint::Udp(6_658),
    Hint::Udp(6_659),
    Hint::Udp(6_662),
    Hint::Udp(6_689),
    Hint::Udp(6_690),
    Hint::Udp(6_768),
    Hint::Udp(6_878),
    Hint::Udp(7_059),
    Hint::Udp(7_060),
    Hint::Udp(7_061),
    Hint::Udp(7_063),
    Hint::Udp(7_064),
    Hint::Udp(7_066),
    Hint::Udp(7_067),
    Hint::Udp(7_069),
    Hint::Udp(7_070),
    Hint::Udp(7_526),
    Hint::Udp(7_527),
];

pub(super) fn read(bytes: &[u8]) -> Option<Seen<'_>> {
    let (&[number, family], rest) = bytes.split_first_chunk()?;
    let zeros = || rest.iter().all(|byte| *byte == 0);
    match (number, family, bytes.len()) {
        (1, 0, 32..) => picture(bytes),
        (_, 0xc4, 18..) => report(bytes, number),
        (1, 0xb2, 100..) => beacon(bytes),
        (1, 0xb1, 2 | 18) if zeros() => {
            Some(Seen::new("beacon-request", Purpose::Ask(Verb::Discover), Device::Display))
        }
        (1 | 2, 0xa1, 18) if rest.get(2..).is_some_and(|rest| rest.iter().all(|byte| *byte == 0)) => {
            Some(Seen::new("announce", Purpose::Report, Device::Scanner))
        }
        (_, 0xc1 | 0xc2, 2..=32) => order(number, family, rest),
        (1 | 2 | 3 | 5 | 0x80, 0xd4, 18) => Some(Seen::new("target-report", Purpose::Report, Device::Scanner)),
        (2 | 5, 0xd2, 18) if zeros() => Some(Seen::new("target-query", Purpose::Ask(Verb::Read), Device::Display)),
        (1, 0xd3, 23) => Some(Seen::new("own-ship", Purpose::Report, Device::Display)),
        // The feed of heading and position a HALO listens to.
        (b'N', b'K', 24 | 72) if rest.starts_with(b"OE\0\x01") => {
            Some(Seen::new("navigation", Purpose::Report, Device::Unknown))
        }
        _ => None,
    }
}

/// `01 00 00 00 00`, the number of spokes, 512 as big-endian number, then the spokes, each beginning with its header's length (24) and a status.
fn picture(bytes: &[u8]) -> Option<Seen<'_>> {
    match bytes {
        [1, 0, 0, 0, 0, spokes @ 1..=32, 0, 2, 24, 0x02 | 0x12, ..] => {
            let mut seen = Seen::new("spokes", Purpose::Picture, Device::Scanner);
            seen.spokes = u32::from(*spokes);
            Some(seen)
        }
        _ => None,
    }
}

fn report(bytes: &[u8], number: u8) -> Option<Seen<'_>> {
    let report = |kind| Seen::new(kind, Purpose::Report, Device::Scanner);
    let byte = |at: usize| bytes.get(at).copied();
    Some(match (number, bytes.len()) {
        (1, 18) => {
            let status = byte(2)?;
            let name = match status {
                0 => Some("off"),
                1 => Some("standby"),
                2 => Some("transmit"),
                5 => Some("warming-up"),
                _ => None,
            };
            report("status").value("status", FieldValue::Coded { value: u64::from(status), name })
        }
        (2, 99) => report("controls")
            .number("range_decimetres", le32(bytes, 2))
            .number("gain_auto", byte(8))
            .number("gain", byte(12))
            .number("sea_auto", byte(13))
            .number("sea", byte(17))
            .number("rain", byte(22))
            .number("interference_rejection", byte(34))
            .number("target_expansion", byte(38)),
        (3, 129) => model(bytes, report("model"))?,
        (4, 66) => report("installation"),
        (6, 68 | 74) => report("blanking").text(Attribute::Name, "name", padded(bytes.get(6..12))),
        (7, 188) => report("statistics"),
        (8, 18 | 21 | 22) => report("advanced"),
        (9, 18..) => report("capabilities"),
        (0x0a, 18 | 24) => report("capabilities-2"),
        (0x12, 66) => report("serial").text(Attribute::SerialNumber, "serial", padded(bytes.get(2..18))),
        _ => return None,
    })
}

/// Which model the type byte stands for; makers' public texts disagree between 3G and 4G on `01`.
fn model<'a>(bytes: &'a [u8], seen: Seen<'a>) -> Option<Seen<'a>> {
    let code = *bytes.get(2)?;
    let name = match code {
        0x00 => Some("HALO"),
        0x01 => Some("Broadband 3G/4G"),
        0x08 => Some("Broadband 3G"),
        0x0e | 0x0f => Some("BR24"),
        _ => None,
    };
    let mut seen = seen
        .value("model", FieldValue::Coded { value: u64::from(code), name })
        .number("operating_hours", le32(bytes, 34));
    if let Some(name) = name {
        seen = seen.fact(Attribute::Model, FactValue::Text(name), super::SHAPE);
    }
    seen.firmware.utf16(bytes.get(58..90)?);
    seen.firmware.push(b' ');
    seen.firmware.utf16(bytes.get(90..122)?);
    Some(seen)
}

/// The radar's answer to a search: serial number, own address, then the groups it uses.
fn beacon(bytes: &[u8]) -> Option<Seen<'_>> {
    let serial = padded(bytes.get(2..18)).filter(|serial| serial.len() >= 6)?;
    if !serial.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let seen = Seen::new("beacon", Purpose::Report, Device::Scanner);
    let seen = seen.text(Attribute::SerialNumber, "serial", Some(serial));
    Some(match ipv4(bytes, 18) {
        Some(ip) => seen.fact(Attribute::IpAddress, FactValue::Ip(ip.into()), 90),
        None => seen,
    })
}

fn order(number: u8, family: u8, rest: &[u8]) -> Option<Seen<'_>> {
    let padding = rest.iter().all(|byte| *byte == 0) && matches!(rest.len(), 0 | 16);
    let (kind, verb) = match (number, family, rest.len()) {
        (0xa0, 0xc1, _) if padding => ("stay-on", Verb::Read),
        (3 | 4 | 5 | 0x0a, 0xc2, _) if padding => ("query", Verb::Read),
        (0 | 1, 0xc1, 1) => ("transmit", Verb::Control),
        (3, 0xc1, 4) => ("range", Verb::Control),
        (5, 0xc1, 2) => ("bearing-alignment", Verb::Write),
        (6, 0xc1, 9) => ("gain", Verb::Write),
        (0x23, 0xc1, 16) => ("setting", Verb::Write),
        _ => return None,
    };
    Some(Seen::new(kind, Purpose::Ask(verb), Device::Display))
}
