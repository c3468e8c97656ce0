//! CIP messages: service, path, and what a service does to which class of object.
//!
//! Specification: ODVA, The CIP Networks Library, volume 1: appendix A (services), appendix C-1.4 (segments). Services of controllers that
//! have no public specification are as observed in published operations (program download, firmware, mode changes).

use dogwatch_model::Verb;

use crate::ParseError;
use crate::acts::Visit;
use crate::reader::Reader;
use crate::text::Text;

/// Get Attributes All.
pub(super) const GET_ALL: u8 = 0x01;
/// Multiple Service Packet.
const MULTIPLE: u8 = 0x0a;
/// Unconnected Send, when it is addressed to the connection manager.
const UNCONNECTED_SEND: u8 = 0x52;
/// Messages of a multiple service packet that are looked at.
pub(super) const MOST_NESTED: usize = 12;

/// Where a message goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) class: Option<u16>,
    pub(super) instance: Option<u32>,
    pub(super) attribute: Option<u16>,
    symbol: Option<([u8; 40], u8)>,
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
            0x20 => self.class = Some(reader.u8()?.into()),
            0x24 => self.instance = Some(reader.u8()?.into()),
            0x30 => self.attribute = Some(reader.u8()?.into()),
            0x28 | 0x2c => {
                let _member = reader.u8()?;
            }
            0x21 | 0x25 | 0x31 | 0x29 => {
                let _pad = reader.u8()?;
                let value = reader.le16()?;
                match segment {
                    0x21 => self.class = Some(value),
                    0x25 => self.instance = Some(value.into()),
                    0x31 => self.attribute = Some(value),
                    _ => {}
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

    /// The symbol of the path, when it has one.
    pub(super) fn symbol(&self) -> Option<&str> {
        let (bytes, len) = self.symbol.as_ref()?;
        std::str::from_utf8(bytes.get(..usize::from(*len))?).ok()
    }

    /// The name used as object: a tag, or class, instance and attribute; empty when there is neither.
    pub(super) fn name(&self) -> Text<64> {
        use std::fmt::Write;
        let mut text = Text::new();
        if let Some(symbol) = self.symbol() {
            let _ = text.write_str(symbol);
        } else if let Some(class) = self.class {
            let _ = write!(text, "class {class:#x}");
            if let Some(instance) = self.instance {
                let _ = write!(text, " instance {instance}");
            }
            if let Some(attribute) = self.attribute {
                let _ = write!(text, " attribute {attribute}");
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
        (0x4b | 0x4d | 0x51, 0xa1) | (0x08 | 0x09 | 0x4f | 0x50, 0x68 | 0x69) => Verb::Program,
        (0x4b, 0x8e | 0xac) => Verb::Control,
        // Network address, port, clock and controller configuration.
        (0x02 | 0x04 | 0x10, 0xf5 | 0xf6 | 0x8b | 0x8e) => Verb::Program,
        (0x01, 0x01) | (0x11 | 0x55, _) => Verb::Discover,
        (0x01 | 0x03 | 0x0e | 0x4c, _) | (0x52, _) => Verb::Read,
        (0x02 | 0x04 | 0x10 | 0x4d | 0x4e | 0x53, _) => Verb::Write,
        (0x05..=0x07, _) => Verb::Control,
        (0x08 | 0x09, _) => Verb::Program,
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
    fn offsets_that_lead_nowhere() {
        let packet = hex("0a 02 20 02 24 01 0300 0800 ffff 0400");
        assert!(parse(&packet).unwrap().nested().count() <= 1);
        assert!(parse(&hex("4c 09 91")).is_err());
    }
}
