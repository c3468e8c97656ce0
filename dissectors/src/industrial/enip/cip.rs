//! CIP messages: service, path, and what a service does to which class of object.
//!
//! Specification: ODVA, The CIP Networks Library, volume 1: appendix A (services), appendix C-1.4 (segments). Services of controllers that
//! have no public specification are as observed in published operations (program download, firmware, mode changes).

use dogwatch_model::{Attribute, ReadingVisitor, Verb};

use crate::ParseError;
use crate::acts::Visit;
use crate::reader::Reader;
use crate::text::{Hex, Text};

/// Get Attributes All.
pub(super) const GET_ALL: u8 = 0x01;
/// Get Attribute Single.
pub(super) const GET_SINGLE: u8 = 0x0e;
/// Read Tag and Write Tag of Logix controllers.
pub(super) const READ_TAG: u8 = 0x4c;
pub(super) const WRITE_TAG: u8 = 0x4d;
/// Multiple Service Packet.
const MULTIPLE: u8 = 0x0a;
/// Unconnected Send, when it is addressed to the connection manager.
const UNCONNECTED_SEND: u8 = 0x52;
/// Messages of a multiple service packet that are looked at.
pub(super) const MOST_NESTED: usize = 40;
/// PCCC in CIP: Execute PCCC on the PCCC object.
const PCCC: u8 = 0x4b;
const PCCC_OBJECT: u16 = 0x67;

/// Where a message goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Path {
    /// The class in front, where the path names one object inside another (a routine of a program).
    outer: Option<u16>,
    pub(super) class: Option<u16>,
    pub(super) instance: Option<u32>,
    pub(super) attribute: Option<u16>,
    symbol: Option<([u8; 40], u8)>,
    /// Element of an array, where the path names one.
    member: Option<u32>,
    /// Whether the path says more than symbol and member hold: another symbol, a second index, a longer name.
    is_deeper: bool,
}

impl Path {
    /// Reads segments until they end; what is unknown ends the path.
    fn parse(bytes: &[u8]) -> Self {
        let mut path = Self::default();
        let mut reader = Reader::new("cip path", bytes);
        while let Ok(segment) = reader.u8() {
            if path.segment(segment, &mut reader).is_err() {
                break;
            }
        }
        path
    }

    fn segment(&mut self, segment: u8, reader: &mut Reader<'_>) -> Result<(), ParseError> {
        match segment {
            0x20 => {
                let class = reader.u8()?.into();
                self.enter(class);
            }
            0x24 => self.instance = Some(reader.u8()?.into()),
            0x30 => self.attribute = Some(reader.u8()?.into()),
            0x28 => {
                let member = reader.u8()?.into();
                self.element(member);
            }
            0x2c => {
                let _point = reader.u8()?;
            }
            0x21 | 0x25 | 0x31 | 0x29 => {
                let _pad = reader.u8()?;
                let value = reader.le16()?;
                match segment {
                    0x21 => self.enter(value),
                    0x25 => self.instance = Some(value.into()),
                    0x31 => self.attribute = Some(value),
                    _ => self.element(value.into()),
                }
            }
            0x26 => {
                let _pad = reader.u8()?;
                self.instance = Some(reader.le32()?);
            }
            0x91 => {
                let len = reader.u8()?;
                let name = reader.take(len.into())?;
                let _pad = if len % 2 == 1 { reader.u8()? } else { 0 };
                self.is_deeper |= self.symbol.is_some() || name.len() > 40;
                if self.symbol.is_none() && name.iter().all(u8::is_ascii_graphic) {
                    let mut kept = [0_u8; 40];
                    let shown = name.len().min(kept.len());
                    kept.iter_mut().zip(name).for_each(|(to, from)| *to = *from);
                    self.symbol = u8::try_from(shown).ok().map(|shown| (kept, shown));
                }
            }
            _ => return Err(ParseError::Malformed { what: "cip path", at: 0, why: "unknown segment" }),
        }
        Ok(())
    }

    fn element(&mut self, member: u32) {
        self.is_deeper |= self.member.is_some();
        self.member = Some(member);
    }

    fn enter(&mut self, class: u16) {
        self.outer = self.outer.or(self.class);
        self.class = Some(class);
    }

    /// Whether the path names an object of one of these classes.
    const fn is_of(&self, wanted: &[u16]) -> bool {
        let mut rest = wanted;
        while let [class, others @ ..] = rest {
            let (first, last) = (self.outer, self.class);
            if matches!(first, Some(found) if found == *class) || matches!(last, Some(found) if found == *class) {
                return true;
            }
            rest = others;
        }
        false
    }

    /// The symbol of the path, when it has one.
    pub(super) fn symbol(&self) -> Option<&str> {
        let (bytes, len) = self.symbol.as_ref()?;
        std::str::from_utf8(bytes.get(..usize::from(*len))?).ok()
    }

    /// The name used as object: a tag, or class, instance and attribute; empty when there is neither.
    pub(super) fn name(&self) -> Text<64> {
        let mut text = Text::new();
        if let Some(symbol) = self.symbol() {
            text.put(symbol);
        } else if let Some(class) = self.class {
            text.put("class ");
            text.put(Hex(class, 1));
            if let Some(instance) = self.instance {
                text.put(" instance ");
                text.put(instance);
            }
            if let Some(attribute) = self.attribute {
                text.put(" attribute ");
                text.put(attribute);
            }
        }
        text
    }
}

/// One message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) service: u8,
    pub(super) is_reply: bool,
    pub(super) path: Path,
    pub(super) status: Option<u8>,
    pub(super) data: &'a [u8],
}

/// Reads a message: a request has a path, a reply a status.
pub(super) fn parse(bytes: &[u8]) -> Result<Message<'_>, ParseError> {
    let mut reader = Reader::new("cip", bytes);
    let service = reader.u8()?;
    if service & 0x80 == 0 {
        let words = usize::from(reader.u8()?);
        let path = Path::parse(reader.take(words.saturating_mul(2))?);
        return Ok(Message { service, is_reply: false, path, status: None, data: reader.rest() });
    }
    let _reserved = reader.u8()?;
    let status = reader.u8()?;
    let words = usize::from(reader.u8()?);
    let _additional = reader.take(words.saturating_mul(2))?;
    let service = service & 0x7f;
    Ok(Message { service, is_reply: true, path: Path::default(), status: Some(status), data: reader.rest() })
}

impl<'a> Message<'a> {
    /// The message in the envelope of an unconnected send.
    pub(super) fn unwrapped(&self) -> Option<Message<'a>> {
        if self.is_reply || self.service != UNCONNECTED_SEND || self.path.class != Some(6) {
            return None;
        }
        let mut reader = Reader::new("unconnected send", self.data);
        let _priority_and_timeout = reader.be16().ok()?;
        let len = reader.le16().ok()?;
        parse(reader.take(len.into()).ok()?).ok()
    }

    /// The messages of a multiple service packet: offsets count from the number of messages on.
    pub(super) fn nested(&self) -> impl Iterator<Item = Message<'a>> + use<'a> {
        let data = if self.service == MULTIPLE { self.data } else { &[] };
        let count = data.first_chunk().map_or(0, |count| u16::from_le_bytes(*count));
        let offset = move |at: u16| -> Option<usize> {
            let from = usize::from(at).saturating_mul(2).saturating_add(2);
            let bytes: [u8; 2] = data.get(from..from.saturating_add(2))?.try_into().ok()?;
            Some(u16::from_le_bytes(bytes).into())
        };
        (0..count).map_while(move |at| {
            let (from, to) = (offset(at)?, at.checked_add(1).filter(|next| *next < count).and_then(offset));
            parse(data.get(from..to.unwrap_or(data.len()))?).ok()
        })
    }

    /// Hands out the message as one group.
    pub(super) fn show(&self, visit: &mut Visit<'_>) {
        visit.0.open_group("");
        visit.number("sc", self.service);
        visit.flag("reply", self.is_reply);
        visit.maybe("genstat", self.status);
        visit.maybe("class", self.path.class);
        visit.maybe("instance", self.path.instance);
        visit.maybe("attribute", self.path.attribute);
        visit.maybe_text("symbol", self.path.symbol());
        visit.0.close();
    }
}

/// Program, routine, tag and data type objects of Logix controllers.
const PROGRAM_OBJECTS: &[u16] = &[0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d];

/// What a service does; `None` for opening connections and for services nobody published.
pub(super) const fn verb(service: u8, path: &Path) -> Option<Verb> {
    let class = match path.class {
        Some(class) => class,
        None => 0,
    };
    Some(match (service, class) {
        // Connection manager: forward open and close, envelopes.
        (_, 0x06) => return None,
        // Firmware update, program transfer and mode change of Logix controllers.
        (0x4b | 0x4d | 0x51, 0xa1) => Verb::Program,
        (0x08 | 0x09 | 0x4f | 0x50, _) if path.is_of(PROGRAM_OBJECTS) => Verb::Program,
        (0x4b, _) if path.is_of(&[0x8e, 0xac]) => Verb::Control,
        // Network address, port and controller configuration; a clock (0x8b) is a value.
        (0x02 | 0x04 | 0x10, 0xf5 | 0xf6) => Verb::Program,
        (0x02 | 0x04 | 0x10, _) if path.is_of(&[0x8e]) => Verb::Program,
        (PCCC, PCCC_OBJECT) => Verb::Read,
        (0x01, 0x01) | (0x11 | 0x55, _) => Verb::Discover,
        (0x01 | 0x03 | 0x0e | 0x4c, _) | (0x52, _) => Verb::Read,
        (0x02 | 0x04 | 0x10 | 0x4d | 0x4e | 0x53, _) => Verb::Write,
        (0x05..=0x07, _) => Verb::Control,
        (0x08 | 0x09, _) => Verb::Program,
        _ => return None,
    })
}

/// What a PCCC command in an Execute PCCC request does (Rockwell 1770-6.5.16, chapter 7): requestor id, command, status, transaction, function.
pub(super) fn pccc(message: &Message<'_>) -> Option<(Verb, &'static str)> {
    if message.is_reply || (message.service, message.path.class) != (PCCC, Some(PCCC_OBJECT)) {
        return None;
    }
    let requestor = usize::from(*message.data.first()?);
    let [command, _status, _t0, _t1, rest @ ..] = message.data.get(requestor..)? else { return None };
    Some(match (command & 0x0f, rest.first().copied()) {
        (0x0f, Some(0x80)) => (Verb::Control, "pccc.change-mode"),
        (0x0f, Some(0x3a)) => (Verb::Control, "pccc.set-cpu-mode"),
        (0x0f, Some(0x07 | 0x52)) => (Verb::Program, "pccc.download"),
        (0x0f, Some(0x53 | 0x55)) => (Verb::Transfer, "pccc.upload"),
        (0x0f, Some(0x57)) => (Verb::Program, "pccc.shutdown"),
        (0x0f, Some(0x88)) => (Verb::Program, "pccc.execute-list"),
        (0x0f, Some(0x00 | 0x67 | 0xa9..=0xab | 0xaf)) | (0x00 | 0x02 | 0x05 | 0x08, _) => (Verb::Write, "pccc.write"),
        (0x0f, Some(0x01 | 0x29 | 0x68 | 0xa1 | 0xa2 | 0xa7)) | (0x01 | 0x04, _) => (Verb::Read, "pccc.read"),
        (0x06, _) => (Verb::Diagnose, "pccc.diagnose"),
        _ => (Verb::Read, "pccc"),
    })
}

/// Hands out the elements of a tag: `Tank_1`, `Tank[3]`. Elementary types only (volume 1, appendix C-5.2): the type code, and in requests how many,
/// stand in front. Structures, and paths of more than one name or index, are not handed out.
pub(super) fn tag(path: &Path, data: &[u8], is_request: bool, to: &mut dyn ReadingVisitor) {
    let (Some(name), false) = (path.symbol(), path.is_deeper) else { return };
    let mut reader = Reader::new("cip tag", data);
    let Ok(code) = reader.le16() else { return };
    if is_request && reader.le16().is_err() {
        return;
    }
    let mut elements = std::iter::from_fn(|| elementary(code, &mut reader)).peekable();
    let Some(first) = elements.next() else { return };
    if path.member.is_none() && elements.peek().is_none() {
        return to.number(format_args!("{name}"), first);
    }
    for (at, value) in (path.member.unwrap_or_default()..).zip(std::iter::once(first).chain(elements)) {
        to.number(format_args!("{name}[{at}]"), value);
    }
}

/// Takes one element of an elementary type.
fn elementary(code: u16, reader: &mut Reader<'_>) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "counters of processes are far below 2^53")]
    Some(match code {
        0xc1 => f64::from(u8::from(reader.u8().ok()? != 0)),
        0xc2 => reader.u8().ok()?.cast_signed().into(),
        0xc3 => reader.le16().ok()?.cast_signed().into(),
        0xc4 => reader.le32().ok()?.cast_signed().into(),
        0xc5 => i64::from_le_bytes(reader.array().ok()?) as f64,
        0xc6 | 0xd1 => reader.u8().ok()?.into(),
        0xc7 | 0xd2 => reader.le16().ok()?.into(),
        0xc8 | 0xd3 => reader.le32().ok()?.into(),
        0xca => f32::from_le_bytes(reader.array().ok()?).into(),
        0xcb => f64::from_le_bytes(reader.array().ok()?),
        _ => return None,
    })
}

/// Vendor and serial number of who opens a connection (Forward Open and its large form, volume 1 clause 3-5.5.2): priority and timeout, two
/// connection ids, connection serial number come in front.
pub(super) fn opener(message: &Message<'_>) -> Option<(u16, u32)> {
    if message.is_reply || message.path.class != Some(6) || !matches!(message.service, 0x54 | 0x5b) {
        return None;
    }
    let mut reader = Reader::new("forward open", message.data);
    let _in_front = reader.take(2 + 4 + 4 + 2).ok()?;
    Some((reader.le16().ok()?, reader.le32().ok()?))
}

/// What one attribute read states of the device: identity object (volume 1 clause 5A-2), host name of the TCP/IP object (volume 2 clause 5-4).
pub(super) fn single(path: &Path, data: &[u8]) -> Option<(Attribute, Text<64>)> {
    let mut reader = Reader::new("cip attribute", data);
    Some(match (path.class?, path.attribute?) {
        (1, 1) => (Attribute::VendorId, Text::of(format_args!("{:#06x}", reader.le16().ok()?))),
        (1, 2) => (Attribute::DeviceTypeId, Text::of(format_args!("{}", reader.le16().ok()?))),
        (1, 3) => (Attribute::ProductCode, Text::of(format_args!("{}", reader.le16().ok()?))),
        (1, 4) => {
            let [major, minor] = reader.array().ok()?;
            (Attribute::FirmwareVersion, Text::of(format_args!("{major}.{minor:03}")))
        }
        (1, 6) => (Attribute::SerialNumber, Text::of(format_args!("{:#010x}", reader.le32().ok()?))),
        (1, 7) => {
            let len = reader.u8().ok()?;
            let name = crate::text::printable(reader.take(len.into()).ok()?)?;
            (Attribute::Model, Text::of(format_args!("{name}")))
        }
        (0xf5, 6) => {
            let len = reader.le16().ok()?;
            let name = crate::text::printable(reader.take(len.into()).ok()?)?;
            (Attribute::Name, Text::of(format_args!("{name}")))
        }
        _ => return None,
    })
}

/// Names of a few vendor numbers that ODVA assigned.
pub(super) const fn vendor_name(vendor: u16) -> Option<&'static str> {
    Some(match vendor {
        1 => "Rockwell Automation",
        40 => "WAGO",
        47 => "Omron",
        90 => "HMS Industrial Networks",
        243 => "Schneider Electric",
        283 => "Hilscher",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::hex;

    #[test]
    fn paths() {
        for (bytes, want) in [
            ("20 01 24 01", "class 0x1 instance 1"),
            ("21 00 0a 01 25 00 34 12", "class 0x10a instance 4660"),
            ("91 03 61 62 63 00", "abc"),
            ("91 04 61 62 63", ""),
            ("ff", ""),
        ] {
            assert_eq!(Path::parse(&hex(bytes)).name().as_str(), want, "{bytes}");
        }
    }

    #[test]
    fn programs_inside_programs_and_pccc() {
        let of = |bytes: &str| {
            let bytes = hex(bytes);
            let message = parse(&bytes).unwrap();
            pccc(&message).map(|(verb, _)| verb).or_else(|| verb(message.service, &message.path))
        };
        assert_eq!(of("4f 04 20 68 24 01 20 6a 24 02"), Some(Verb::Program), "a routine of a program");
        assert_eq!(of("4b 04 20 8e 24 01 20 74 24 02"), Some(Verb::Control));
        assert_eq!(of("03 04 20 68 24 01 20 6a 24 02"), Some(Verb::Read));
        assert_eq!(of("4b 02 20 67 24 01 07 0100 00000001 0f 00 0100 aa 02"), Some(Verb::Write));
        assert_eq!(of("4b 02 20 67 24 01 07 0100 00000001 0f 00 0100 a2 02"), Some(Verb::Read));
        assert_eq!(of("4b 02 20 67 24 01 07 0100 00000001 0f 00 0100 80 06"), Some(Verb::Control));
    }

    #[test]
    fn offsets_that_lead_nowhere() {
        let packet = hex("0a 02 20 02 24 01 0300 0800 ffff 0400");
        assert!(parse(&packet).unwrap().nested().count() <= 1);
        assert!(parse(&hex("4c 09 91")).is_err());
    }
}
