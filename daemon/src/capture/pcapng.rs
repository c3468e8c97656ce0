//! pcapng blocks (IETF draft-ietf-opsawg-pcapng): section headers of either byte order, interfaces with their own link type and time resolution,
//! enhanced, simple and the obsolete packet blocks. Anything else is passed over.

use dogwatch_flow::LinkType;
use dogwatch_model::CaptureTime;

use super::file::{LONGEST_FRAME, RawFrame, number};
use super::window::Window;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Blocks that hold no frame, but that Wireshark numbers like one: systemd journal entries, custom blocks (to be copied or not), and the event
/// blocks of sysdig in their three versions.
const NUMBERED: [u32; 6] = [0x9, 0xbad, 0x4000_0bad, 0x204, 0x216, 0x221];

/// More interfaces than any real file has; the rest is damage or an attack on our memory.
const MOST_INTERFACES: usize = 4_096;

#[derive(Debug, Clone)]
struct Interface {
    name: Option<String>,
    link: LinkType,
    snap_length: u32,
    /// Ticks of a time stamp per second.
    ticks_per_second: u64,
    /// Seconds to add to every time stamp.
    offset_seconds: i64,
}

/// What the blocks read so far say of the ones to come.
#[derive(Debug, Default)]
pub(super) struct Sections {
    big_endian: bool,
    in_section: bool,
    interfaces: Vec<Interface>,
    /// Where the interfaces of the present section begin.
    section_start: usize,
    /// Blocks so far that have a number but hold no frame.
    without_frame: u64,
}

impl Sections {
    pub(super) fn interface_name(&self, interface: usize) -> Option<&str> {
        self.interfaces.get(interface)?.name.as_deref()
    }

    pub(super) const fn records_without_frame(&self) -> u64 {
        self.without_frame
    }

    /// Reads blocks until one holds a frame.
    pub(super) fn next<'w>(&mut self, window: &'w mut Window) -> Result<Option<RawFrame<'w>>, String> {
        loop {
            let at_hand = window.fill(12).map_err(|error| error.to_string())?;
            if at_hand == 0 {
                return Ok(None);
            }
            let Some((&[t0, t1, t2, t3, l0, l1, l2, l3, m0, m1, m2, m3], _)) = window.peek(0, 12).split_first_chunk()
            else {
                return Err(format!("block header cut after {at_hand} of 12 bytes"));
            };
            if [t0, t1, t2, t3] == SECTION_HEADER.to_be_bytes() {
                self.big_endian = match [m0, m1, m2, m3] {
                    [0x1a, 0x2b, 0x3c, 0x4d] => true,
                    [0x4d, 0x3c, 0x2b, 0x1a] => false,
                    other => return Err(format!("section header without byte-order magic, found {other:02x?}")),
                };
                self.in_section = true;
                self.section_start = self.interfaces.len();
            }
            if !self.in_section {
                return Err("block before the first section header".to_owned());
            }
            let kind = number([t0, t1, t2, t3], self.big_endian);
            let length = number([l0, l1, l2, l3], self.big_endian);
            if length < 12 || !length.is_multiple_of(4) || length > LONGEST_FRAME + 4_096 {
                return Err(format!(
                    "block of type {kind:#x} claims {length} bytes; expected a multiple of 4 from 12 on"
                ));
            }
            let length = length as usize;
            let at_hand = window.fill(length).map_err(|error| error.to_string())?;
            if at_hand < length {
                return Err(format!("block cut: {at_hand} of {length} bytes are there"));
            }
            let place = match kind {
                INTERFACE => {
                    self.add_interface(window.peek(8, length - 12))?;
                    None
                }
                ENHANCED_PACKET | OBSOLETE_PACKET => Some(self.packet(kind, window.peek(8, length - 12))?),
                SIMPLE_PACKET => Some(self.simple_packet(window.peek(8, length - 12))?),
                kind => {
                    self.without_frame += u64::from(NUMBERED.contains(&kind));
                    None
                }
            };
            let Some(place) = place else {
                window.take(length);
                continue;
            };
            let block = window.take(length);
            let bytes = block
                .get(place.from..place.from.saturating_add(place.length))
                .ok_or("packet data reaches past its block")?;
            return Ok(Some(RawFrame {
                number: 0,
                interface: place.interface,
                at: place.at,
                link: place.link,
                original_length: place.original_length,
                bytes,
            }));
        }
    }

    fn word(&self, body: &[u8], at: usize) -> Result<u32, String> {
        let bytes = body.get(at..).and_then(|rest| rest.first_chunk::<4>()).ok_or("block too short for its fields")?;
        Ok(number(*bytes, self.big_endian))
    }

    fn half(&self, body: &[u8], at: usize) -> Option<u16> {
        let bytes = *body.get(at..)?.first_chunk::<2>()?;
        Some(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn add_interface(&mut self, body: &[u8]) -> Result<(), String> {
        if self.interfaces.len() >= MOST_INTERFACES {
            return Err(format!("more than {MOST_INTERFACES} interfaces"));
        }
        let link = LinkType(u32::from(self.half(body, 0).ok_or("interface block too short")?));
        let snap_length = self.word(body, 4)?;
        let mut interface = Interface { name: None, link, snap_length, ticks_per_second: 1_000_000, offset_seconds: 0 };
        let mut at = 8;
        while let (Some(code), Some(length)) = (self.half(body, at), self.half(body, at + 2)) {
            let value = body.get(at + 4..at + 4 + usize::from(length)).unwrap_or_default();
            match (code, value) {
                (0, _) => break,
                (2, name) => interface.name = Some(String::from_utf8_lossy(name).trim_end_matches('\0').to_owned()),
                // high bit: a power of two, else of ten
                (9, [exponent]) => {
                    let power = u32::from(exponent & 0x7f);
                    let base: u64 = if exponent & 0x80 == 0 { 10 } else { 2 };
                    interface.ticks_per_second = base.checked_pow(power).unwrap_or(u64::MAX);
                }
                (14, bytes) => {
                    if let Ok(eight) = <[u8; 8]>::try_from(bytes) {
                        interface.offset_seconds =
                            if self.big_endian { i64::from_be_bytes(eight) } else { i64::from_le_bytes(eight) };
                    }
                }
                _ => {}
            }
            at += 4 + usize::from(length).next_multiple_of(4);
        }
        self.interfaces.push(interface);
        Ok(())
    }

    fn interface(&self, number: u32) -> Result<(usize, &Interface), String> {
        let index = self.section_start.saturating_add(number as usize);
        let interface = self
            .interfaces
            .get(index)
            .ok_or_else(|| format!("packet of interface {number}, which was not described"))?;
        Ok((index, interface))
    }

    fn packet(&self, kind: u32, body: &[u8]) -> Result<Place, String> {
        let number = if kind == OBSOLETE_PACKET {
            u32::from(self.half(body, 0).ok_or("block too short for its fields")?)
        } else {
            self.word(body, 0)?
        };
        let (interface, described) = self.interface(number)?;
        let ticks = u64::from(self.word(body, 4)?) << 32 | u64::from(self.word(body, 8)?);
        let (captured, original_length) = (self.word(body, 12)?, self.word(body, 16)?);
        let length = captured as usize;
        if length > body.len().saturating_sub(20) {
            return Err(format!(
                "packet claims {captured} bytes, its block has room for {}",
                body.len().saturating_sub(20)
            ));
        }
        Ok(Place { interface, link: described.link, at: described.time(ticks), original_length, from: 28, length })
    }

    fn simple_packet(&self, body: &[u8]) -> Result<Place, String> {
        let (interface, described) = self.interface(0)?;
        let original_length = self.word(body, 0)?;
        let limit = if described.snap_length == 0 { u32::MAX } else { described.snap_length };
        let length = (original_length.min(limit) as usize).min(body.len().saturating_sub(4));
        Ok(Place { interface, link: described.link, at: CaptureTime::default(), original_length, from: 12, length })
    }
}

impl Interface {
    fn time(&self, ticks: u64) -> CaptureTime {
        let per_second = self.ticks_per_second.max(1);
        let seconds = i64::try_from(ticks / per_second).unwrap_or(i64::MAX).saturating_add(self.offset_seconds);
        let nanos = u128::from(ticks % per_second) * 1_000_000_000 / u128::from(per_second);
        CaptureTime::from_parts(seconds, u32::try_from(nanos).unwrap_or(0))
    }
}

/// Where the bytes of a frame stand within its block.
struct Place {
    interface: usize,
    link: LinkType,
    at: CaptureTime,
    original_length: u32,
    from: usize,
    length: usize,
}
