//! Writes the first inputs of every target from captures of our own making: `seeds FOLDER CAPTURE.pcap …`.
//!
//! The captures are those of the traffic simulator (or of the `pcaps/` folder). Datagrams, stream segments and CAN frames of a capture become
//! inputs of the targets whose protocol recognises them; what none recognises is only an input of `frame`.

use std::collections::HashMap;
use std::io::Error;
use std::path::Path;

use dogwatch_dissectors::{Carrier, Probe};
use dogwatch_fuzz::{LINK_TYPES, protocol};
use dogwatch_model::Direction;

/// Frames of one input, and inputs of one target.
const FRAMES: usize = 12;
const INPUTS: usize = 400;

/// Of so many inputs of Ethernet one is written behind every other link layer, too.
const REWRAPPED: usize = 25;

/// Targets by the protocol whose probe picks their inputs.
const TARGETS: [(&str, &str); 11] = [
    ("nmea0183", "nmea0183"),
    ("iec61162_450", "iec61162-450"),
    ("n2k_gateway", "nmea2000"),
    ("asterix", "asterix"),
    ("signalk", "signalk"),
    ("signalk", "gofree"),
    ("radar", "radar-navico"),
    ("radar", "radar-furuno"),
    ("radar", "radar-garmin"),
    ("radar", "radar-raymarine"),
    ("nmea2000", "nmea2000"),
];

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = arguments.next().ok_or_else(|| Error::other("usage: seeds FOLDER CAPTURE.pcap …"))?;
    let mut written: HashMap<&str, usize> = HashMap::new();
    let mut put = |target: &'static str, input: &[u8]| -> Result<(), Error> {
        let count = written.entry(target).or_default();
        if *count < INPUTS {
            let folder = Path::new(&folder).join(target);
            std::fs::create_dir_all(&folder)?;
            std::fs::write(folder.join(format!("seed-{count:04}")), input)?;
            *count += 1;
        }
        Ok(())
    };
    for (target, text) in BY_HAND {
        put(target, text)?;
    }
    for capture in arguments {
        let bytes = std::fs::read(&capture)?;
        let Some((link, frames)) = pcap(&bytes) else {
            return Err(Error::other(format!("{} is no little-endian pcap", Path::new(&capture).display())));
        };
        let Some(kind) = LINK_TYPES.iter().position(|known| *known == link).and_then(|at| u8::try_from(at).ok()) else {
            continue;
        };
        // A prime step takes frames from all over the capture.
        let step = (frames.len() / INPUTS).max(1) | 1;
        for at in (0..frames.len()).step_by(step) {
            let some: Vec<&[u8]> = frames.iter().skip(at).take(FRAMES).copied().collect();
            put("frame", &[&[kind][..], &as_records(&some)].concat())?;
            if link == 1 && at % (step * REWRAPPED) == 0 {
                for (kind, other) in (0_u8..).zip(LINK_TYPES) {
                    let other: Vec<_> = some.iter().filter_map(|frame| behind(other, frame)).collect();
                    let other: Vec<&[u8]> = other.iter().map(Vec::as_slice).collect();
                    if !other.is_empty() {
                        put("frame", &[&[kind][..], &as_records(&other)].concat())?;
                    }
                }
            }
            if link == 227 {
                put("nmea2000", &[&[0; 5][..], &as_records(&some)].concat())?;
            }
            if let Some((carrier, payload)) = some.first().and_then(|frame| payload(frame)) {
                for (target, name) in TARGETS {
                    if protocol(name).probe(carrier, Direction::ToServer, payload) == Probe::Yes {
                        let flags = if carrier == Carrier::Tcp { 2 } else { 0 };
                        let flags = if target == "n2k_gateway" && carrier == Carrier::Udp { 4 } else { flags };
                        let input = if carrier == Carrier::Tcp { payload.to_vec() } else { as_records(&[payload]) };
                        put(target, &[&[flags, 1, 2, 3, 4][..], &input].concat())?;
                    }
                }
            }
        }
    }
    let mut written: Vec<_> = written.into_iter().collect();
    written.sort_unstable();
    eprintln!("{written:?}");
    Ok(())
}

/// Inputs the captures do not hold, from the public descriptions of each format.
const BY_HAND: [(&str, &[u8]); 13] = [
    ("frame", b"\x12\0\x0a\x55\xff\x05\x04\x01\0\0\0\0\0\0\x12\x55\xff\x06\xff\x01\0\x08\0\x01\x20\xff\xff\0\xff\x10\x08\0\0"),
    ("ais", b"\0\0\0\0\0\x05\x05\x10\x20\x30\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"),
    ("nmea0183", b"\x04\0\0\0\0$PCDIN,01F119,00000000,0F,2AAF00D1067414FF*59\r\n$MXPGN,01F201,2838,630D670F50001AA0*17\r\n"),
    ("n2k_gateway", b"\0\0\0\0\x022020-08-22T13:52:36.949Z,2,130306,33,255,8,b7,3a,04,28,9e,fa,ff,ff\n"),
    ("n2k_gateway", b"\0\0\0\0\x02(1502984866.421964) can0 09F112CC#FF725AFF7FFF7FFD\n"),
    ("n2k_gateway", b"\0\0\0\0\x0217:33:21.107 R 19F51323 01 2F 30\n"),
    ("n2k_gateway", b"\0\0\0\0\x02A000057.055 09FF7 0FF00 3F9FDCFFFFFFFFFF\r\n!PDGY,127251,2,3,255,536.56,+9Do1v////8=\r\n"),
    ("n2k_gateway", b"\0\0\0\0\x02\x10\x02\x93\x13\x02\x01\xf8\x01\xff\x01\x76\xc2\x52\x00\x08\x08\x7f\x97\x16\xff\xff\xff\xff\xe1\x10\x03"),
    ("radar", b"\0\0\0\0\0\0\x12\x01\xc4\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x20\x01\0\0\0\0\x20\0\x02\x18\x02\0\0\x44\x0d\x0e\0\0\x34\x92\xa8\x01\0\0\0\0\0\0\0\0\0\0\0\0"),
    ("radar", b"\0\0\0\0\0\0\x0c\x19\x09\0\0\x04\0\0\0\x02\0\0\0\0\x18\x01\0\0\x01\0\0\0\0\0\x01\0\x10\x01\0\0\0RD003212"),
    ("asterix", b"\0\0\0\0\0\0\x0e\x30\x00\x08\x80\x19\x07\x00\x00\x22\x00\x06\xc0\x19\x08"),
    ("signalk", b"\0\0\0\0\x02{\"name\":\"s\",\"version\":\"2\",\"self\":\"vessels.urn:mrn:imo:mmsi:230099999\",\"roles\":[\"main\"]}\r\n{\"context\":\"vessels.self\",\"updates\":[{\"values\":[{\"path\":\"a\",\"value\":1.5}]}]}\r\n"),
    ("signalk", b"\x09\0\0\0\x02GET /signalk/v1/stream HTTP/1.1\r\n\r\n\x81\x02{}\x81\x7e\x00\x03{ }"),
];

fn as_records(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        out.extend_from_slice(&u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend_from_slice(part.get(..usize::from(u16::MAX)).unwrap_or(part));
    }
    out
}

/// Link type and frames of a little-endian pcap.
fn pcap(bytes: &[u8]) -> Option<(u32, Vec<&[u8]>)> {
    let number = |bytes: &[u8]| bytes.first_chunk().map(|four| u32::from_le_bytes(*four));
    let magic = number(bytes)?;
    if !matches!(magic, 0xa1b2_c3d4 | 0xa1b2_3c4d) {
        return None;
    }
    let link = number(bytes.get(20..)?)?;
    let mut rest = bytes.get(24..)?;
    let mut frames = Vec::new();
    while let Some((header, after)) = rest.split_first_chunk::<16>() {
        let length = usize::try_from(number(&header[8..])?).ok()?;
        let (frame, after) = after.split_at_checked(length)?;
        frames.push(frame);
        rest = after;
    }
    Some((link, frames))
}

/// The IPv4 packet of an Ethernet frame behind another link layer (tcpdump.org/linktypes.html), as IPv6 where that carries no other; `None` for
/// what carries no IP.
fn behind(link: u32, frame: &[u8]) -> Option<Vec<u8>> {
    const SNAP: [u8; 8] = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
    let packet = frame.get(12..).filter(|rest| rest.starts_with(&[8, 0]))?.get(2..)?;
    // data from an access point: frame control, duration, three addresses, sequence
    let wireless = [&[8, 2, 0, 0][..], frame.get(..6)?, frame.get(6..12)?, frame.get(6..12)?, &[0, 0], &SNAP].concat();
    let header = match link {
        101 | 228 => Vec::new(),
        229 => {
            let carried = packet.get(usize::from(packet.first()? & 15) * 4..)?;
            let [high, low] = u16::try_from(carried.len()).ok()?.to_be_bytes();
            let mapped = |at: usize| Some([&[0; 10][..], &[0xff, 0xff], packet.get(at..at + 4)?].concat());
            let header = [&[0x60, 0, 0, 0, high, low, *packet.get(9)?, 64][..], &mapped(12)?, &mapped(16)?].concat();
            return Some([&header[..], carried].concat());
        }
        0 => vec![2, 0, 0, 0],
        108 => vec![0, 0, 0, 2],
        113 => [&[0, 0, 0, 1, 0, 6][..], frame.get(6..12)?, &[0, 0, 8, 0]].concat(),
        276 => [&[8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6][..], frame.get(6..12)?, &[0, 0]].concat(),
        6 => [&[0x10, 0x40][..], frame.get(..12)?, &SNAP].concat(),
        7 => vec![1, 2, 0xf0],
        129 => vec![1, 2, 0, 0, 0xd4, 0, 0, 0],
        9 => vec![0xff, 3, 0, 0x21],
        104 => vec![0x0f, 0, 8, 0],
        105 => wireless,
        127 => [&[0, 0, 8, 0, 0, 0, 0, 0][..], &wireless].concat(),
        163 => [&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64][..], &[0; 56], &wireless].concat(),
        192 => [&[0, 0, 8, 0, 105, 0, 0, 0][..], &wireless].concat(),
        _ => return None,
    };
    Some([&header[..], packet].concat())
}

/// What UDP or TCP of an IPv4 Ethernet frame carries.
fn payload(frame: &[u8]) -> Option<(Carrier, &[u8])> {
    let mut kind_at = 12;
    if frame.get(12..14) == Some(&[0x81, 0]) {
        kind_at = 16;
    }
    let packet = frame.get(kind_at..).filter(|rest| rest.starts_with(&[8, 0]))?.get(2..)?;
    let header = usize::from(packet.first()? & 15) * 4;
    let transport = packet.get(header..)?;
    match packet.get(9)? {
        17 => Some((Carrier::Udp, transport.get(8..)?)),
        6 => Some((Carrier::Tcp, transport.get(usize::from(transport.get(12)? >> 4) * 4..)?)),
        _ => None,
    }
    .filter(|(_, payload)| !payload.is_empty())
}
