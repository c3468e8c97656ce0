//! KNX telegrams in the common external message interface: who writes what to which group, and who manages which device.
//!
//! Specification: KNX standard 3/6/3 clause 4.1 (common EMI), 3/3/7 clause 3 (application layer services).

use std::fmt::Write;

use dogwatch_model::{Act, Object, Verb};

use crate::ParseError;
use crate::acts::{Acts, Emit, Shown};
use crate::reader::Reader;
use crate::text::Text;

/// An individual address in the form of the trade: area.line.device.
pub(super) fn individual([high, low]: [u8; 2]) -> Text<12> {
    Text::of(format_args!("{}.{}.{low}", high >> 4, high & 15))
}

/// A group address in three levels: main/middle/sub.
fn group([high, low]: [u8; 2]) -> Text<12> {
    Text::of(format_args!("{}/{}/{low}", high >> 3, high & 7))
}

/// A telegram.
#[derive(Debug, Clone, Copy)]
pub(super) struct Telegram {
    code: u8,
    source: [u8; 2],
    destination: [u8; 2],
    is_group: bool,
    /// Service of the application layer: ten bits; `None` for connection control.
    service: Option<u16>,
    /// Object, instance and property of a message that manages the interface itself.
    property: Option<(u16, u8)>,
    refused: bool,
}

impl Telegram {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new("knx telegram", bytes);
        let code = reader.u8()?;
        let mut telegram = Self {
            code,
            source: [0; 2],
            destination: [0; 2],
            is_group: false,
            service: None,
            property: None,
            refused: false,
        };
        match code {
            // Data on the bus: asked to be sent, confirmed, received; raw frames and busmonitor are only counted.
            0x11 | 0x29 | 0x2e => {
                let additional = reader.u8()?;
                let _additional = reader.take(additional.into())?;
                let [first, second] = reader.array()?;
                (telegram.source, telegram.destination) = (reader.array()?, reader.array()?);
                telegram.is_group = second & 0x80 != 0;
                // Bit 0 of a confirmation says that it could not be sent.
                telegram.refused = code == 0x2e && first & 1 != 0;
                let length = reader.u8()?;
                if length > 0 {
                    let service = reader.be16()?;
                    // Numbered or not, only data carries a service.
                    telegram.service = (service & 0x8000 == 0).then_some(service & 0x03ff);
                }
            }
            0xf0..=0xfd => {
                if let Ok(object) = reader.be16() {
                    let _instance = reader.u8()?;
                    telegram.property = Some((object, reader.u8()?));
                    // No elements in an answer mean that it was refused.
                    let elements = reader.u8().map_or(0, |byte| byte >> 4);
                    telegram.refused = matches!(code, 0xf5 | 0xfb) && elements == 0;
                }
            }
            _ => {}
        }
        Ok(telegram)
    }

    /// Name and act of the application service.
    const fn meaning(&self) -> (&'static str, Meaning) {
        let Some(service) = self.service else { return ("transport", Meaning::None) };
        match service {
            0x000 => ("group-read", Meaning::Ask(Verb::Read)),
            0x040..=0x07f => ("group-response", Meaning::Answer(Verb::Read)),
            0x080..=0x0bf => ("group-write", Meaning::Ask(Verb::Write)),
            0x0c0 => ("individual-address-write", Meaning::Ask(Verb::Program)),
            0x100 => ("individual-address-read", Meaning::Ask(Verb::Discover)),
            0x140 => ("individual-address-response", Meaning::Answer(Verb::Discover)),
            0x180..=0x1bf => ("adc-read", Meaning::Ask(Verb::Read)),
            0x200..=0x20f => ("memory-read", Meaning::Ask(Verb::Read)),
            0x240..=0x24f => ("memory-response", Meaning::Answer(Verb::Read)),
            0x280..=0x28f => ("memory-write", Meaning::Ask(Verb::Program)),
            0x2c0..=0x2ff => ("user-message", Meaning::Ask(Verb::Program)),
            0x300..=0x33f => ("device-descriptor-read", Meaning::Ask(Verb::Discover)),
            0x340..=0x37f => ("device-descriptor-response", Meaning::Answer(Verb::Discover)),
            0x380..=0x3bf => ("restart", Meaning::Ask(Verb::Control)),
            0x3d1 => ("authorize", Meaning::Ask(Verb::Login)),
            0x3d2 => ("authorize-response", Meaning::Answer(Verb::Login)),
            0x3d3 => ("key-write", Meaning::Ask(Verb::Program)),
            0x3d5 => ("property-read", Meaning::Ask(Verb::Read)),
            0x3d6 => ("property-response", Meaning::Answer(Verb::Read)),
            0x3d7 => ("property-write", Meaning::Ask(Verb::Program)),
            0x3d8 => ("property-description-read", Meaning::Ask(Verb::Discover)),
            0x3d9 => ("property-description-response", Meaning::Answer(Verb::Discover)),
            0x3dc => ("serial-number-read", Meaning::Ask(Verb::Discover)),
            0x3dd => ("serial-number-response", Meaning::Answer(Verb::Discover)),
            0x3de => ("serial-number-write", Meaning::Ask(Verb::Program)),
            _ => ("service", Meaning::Ask(Verb::Read)),
        }
    }

    /// What a message to the interface itself does.
    const fn local(&self) -> Option<(&'static str, Meaning)> {
        Some(match self.code {
            0xfc => ("property-read", Meaning::Ask(Verb::Read)),
            0xfb => ("property-read-answer", Meaning::Answer(Verb::Read)),
            0xf6 => ("property-write", Meaning::Ask(Verb::Program)),
            0xf5 => ("property-write-answer", Meaning::Answer(Verb::Program)),
            0xf7 => ("property-information", Meaning::None),
            0xf1 => ("reset", Meaning::Ask(Verb::Control)),
            0xf0 => ("reset-indication", Meaning::None),
            _ => return None,
        })
    }

    /// Hands the telegram over.
    pub(super) fn tell(&self, service: u16, channel: Option<u8>, emit: &mut Emit<'_>) {
        let (kind, meaning) = self.local().unwrap_or_else(|| self.meaning());
        let mut name = if self.is_group { group(self.destination) } else { individual(self.destination) };
        if let Some((object, property)) = self.property {
            name = Text::of(format_args!("{object}:{property}"));
        } else if self.local().is_some() {
            name = Text::new();
            let _ = name.write_str("interface");
        }
        let object = Object::Named(name.as_str());
        let mut acts = Acts::new();
        match meaning {
            // A confirmation repeats what was sent; an answer on the bus needs none.
            Meaning::Ask(verb) if self.code == 0x2e => acts.reply(verb, object, self.refused),
            Meaning::Ask(verb) => acts.request(verb, object),
            Meaning::Answer(_) if self.code == 0x29 && self.is_group => acts.push(Act::Publishes { object }),
            Meaning::Answer(verb) => acts.reply(verb, object, self.refused),
            Meaning::None => {}
        }
        let source = individual(self.source);
        let is_data = self.local().is_none();
        let fields = Shown(|visit| {
            visit.number("service_type", service);
            visit.maybe("channel", channel);
            visit.number("message_code", self.code);
            if is_data {
                visit.text("source", source.as_str());
                visit.text("destination", name.as_str());
                visit.maybe("apci", self.service);
            }
        });
        emit.message(kind, &mut acts, &fields);
    }
}

/// Whether a service asks or answers.
enum Meaning {
    Ask(Verb),
    Answer(Verb),
    None,
}
