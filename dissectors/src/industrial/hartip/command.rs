//! HART commands: what each does, and what the answers to identity and tag commands hold.
//!
//! Specification: HCF_SPEC-127 (universal commands), HCF_SPEC-151 (common practice commands), HCF_SPEC-307 (answer codes).

use dogwatch_model::{Attribute, FactValue, ReadingVisitor, Verb};

use crate::acts::{Acts, Visit};
use crate::text::{Text, printable};

/// What a command does. Numbers from 128 on are the device's own: nobody outside knows, so they count as control.
pub(super) const fn verb(command: u16) -> Verb {
    match command {
        0 | 11 | 21 | 73..=75 | 84 | 85 => Verb::Discover,
        6 | 17..=19 | 22 | 34..=37 | 44 | 47 | 49 | 51 | 53 | 55 | 56 | 58 | 59 | 64..=69 | 79 | 81..=83 => Verb::Write,
        86..=89 | 92 | 97..=100 | 102..=104 | 107..=109 | 116..=118 => Verb::Write,
        38..=40 | 42 | 43 | 45 | 46 | 52 | 71 | 72 | 106 | 128..=253 => Verb::Control,
        41 | 48 | 94 | 95 => Verb::Diagnose,
        111 | 112 => Verb::Transfer,
        _ => Verb::Read,
    }
}

/// Whether an answer code says no: communication errors, and the codes that HCF_SPEC-307 does not call warnings.
pub(super) const fn refused(code: u8) -> bool {
    !matches!(code, 0 | 8 | 14 | 24..=27 | 30 | 31 | 34 | 96..=127)
}

/// The answer to commands 0, 11 and 21.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity {
    manufacturer: u16,
    /// Expanded device type; before HART 7 manufacturer and type in a byte each.
    device_type: u16,
    universal: u8,
    device_revision: u8,
    software: u8,
    hardware_and_signal: u8,
    id: u32,
}

/// Reads an identity.
pub(super) fn identity(command: u16, data: &[u8]) -> Option<Identity> {
    if !matches!(command, 0 | 11 | 21) {
        return None;
    }
    let [254, t0, t1, _, universal, device_revision, software, hardware_and_signal, _, i0, i1, i2, rest @ ..] = data
    else {
        return None;
    };
    let manufacturer = match rest {
        [_, _, _, _, _, m0, m1, ..] => u16::from_be_bytes([*m0, *m1]),
        _ => (*t0).into(),
    };
    Some(Identity {
        manufacturer,
        device_type: u16::from_be_bytes([*t0, *t1]),
        universal: *universal,
        device_revision: *device_revision,
        software: *software,
        hardware_and_signal: *hardware_and_signal,
        id: u32::from_be_bytes([0, *i0, *i1, *i2]),
    })
}

/// Forms of an identity that facts borrow.
pub(super) struct Texts {
    device_type: Text<8>,
    id: Text<8>,
    hardware: Text<4>,
    software: Text<4>,
    revision: Text<4>,
}

impl Identity {
    /// The forms that facts borrow.
    pub(super) fn texts(&self) -> Texts {
        Texts {
            device_type: Text::of(format_args!("{:#06x}", self.device_type)),
            id: Text::of(format_args!("{:06x}", self.id)),
            hardware: Text::of(format_args!("{}", self.hardware_and_signal >> 3)),
            software: Text::of(format_args!("{}", self.software)),
            revision: Text::of(format_args!("{}", self.device_revision)),
        }
    }

    /// What it says of the device.
    pub(super) fn facts<'a>(&self, texts: &'a Texts, acts: &mut Acts<'a>) {
        let method = "hart-ip.identity";
        acts.says_text(Attribute::Manufacturer, maker(self.manufacturer), 85, "hart-ip.manufacturer-id");
        acts.says(Attribute::Manufacturer, FactValue::Number(self.manufacturer.into()), 60, method);
        acts.says(Attribute::ProductCode, FactValue::Text(texts.device_type.as_str()), 90, method);
        acts.says(Attribute::SerialNumber, FactValue::Text(texts.id.as_str()), 90, method);
        acts.says(Attribute::HwRevision, FactValue::Text(texts.hardware.as_str()), 90, method);
        acts.says(Attribute::FirmwareVersion, FactValue::Text(texts.software.as_str()), 90, method);
        // The revision of the command set the device speaks, by which its description file is chosen.
        acts.says(Attribute::SoftwareVersion, FactValue::Text(texts.revision.as_str()), 70, "hart-ip.device-revision");
    }

    /// Its fields.
    pub(super) fn fields(&self, visit: &mut Visit<'_>) {
        visit.number("expanded_device_type", self.device_type);
        visit.number("hart_univ_rev", self.universal);
        visit.number("device_rev", self.device_revision);
        visit.number("software_rev", self.software);
        visit.number("hardrev_and_physical_signal", self.hardware_and_signal);
        visit.shown("device_id", format_args!("{:06x}", self.id));
        visit.coded("manufacturer_id", self.manufacturer, maker(self.manufacturer));
    }
}

/// Names of a few manufacturer codes of HCF_SPEC-183 that public device lists show.
const fn maker(code: u16) -> Option<&'static str> {
    Some(match code {
        0x11 => "Endress+Hauser",
        0x17 => "Honeywell",
        0x26 => "Rosemount",
        0x2a => "Siemens",
        0x37 => "Yokogawa",
        0x3e => "VEGA",
        _ => return None,
    })
}

/// Hands out the variables in the answers to commands 1 (primary variable), 2 (loop current, per cent) and 3 (loop current and up to four variables): a
/// code of its unit, then four bytes of IEEE 754. A device that has no such variable says 7F A0 00 00, no number.
pub(super) fn variables(command: u16, data: &[u8], address: &[u8], to: &mut dyn ReadingVisitor) {
    let mut device = Text::<16>::new();
    // of a long address the two upper bits tell master and burst mode
    let bytes = address.iter().enumerate().map(|(at, byte)| if at == 0 { byte & 0x3f } else { *byte });
    bytes.for_each(|byte| device.put(Text::<2>::of(format_args!("{byte:02x}")).as_str()));
    let mut tell = |name: &str, bytes: Option<&[u8]>| {
        let value = bytes.and_then(|bytes| bytes.first_chunk::<4>()).map(|bytes| f32::from_be_bytes(*bytes));
        if let Some(value) = value.filter(|value| value.is_finite()) {
            to.number(format_args!("device:{}/{name}", device.as_str()), value.into());
        }
    };
    match command {
        1 => tell("PV", data.get(1..)),
        2 => {
            tell("current", Some(data));
            tell("percent", data.get(4..));
        }
        3 => {
            tell("current", Some(data));
            for (name, at) in [("PV", 5_usize), ("SV", 10), ("TV", 15), ("QV", 20)] {
                tell(name, data.get(at..));
            }
        }
        _ => {}
    }
}

/// The tag in the answer to commands 13 (packed), 20 and 22 (plain).
pub(super) fn tag(command: u16, data: &[u8]) -> Option<Text<64>> {
    match command {
        13 | 18 => packed(data.get(..6)?),
        20 | 22 => Some(Text::of(format_args!("{}", printable(data.get(..32)?)?))),
        _ => None,
    }
}

/// Packed text: characters of six bits, 0x20 to 0x5F (HCF_SPEC-127 clause 5.1.1).
fn packed(bytes: &[u8]) -> Option<Text<64>> {
    let mut text = Text::<64>::new();
    for group in bytes.chunks_exact(3) {
        let bits = group.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
        for shift in [18, 12, 6, 0] {
            let code = u8::try_from(bits >> shift & 0x3f).ok()?;
            let code = if code & 0x20 == 0 { code | 0x40 } else { code };
            let _ = std::fmt::Write::write_char(&mut text, code.into());
        }
    }
    printable(text.as_str().as_bytes()).map(|trimmed| Text::of(format_args!("{trimmed}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acts::Stated;
    use crate::support::hex;
    use dogwatch_model::Readings;

    #[test]
    fn variables_of_a_device() {
        // IEEE 754: 41400000 is 12, 41C80000 25, 7FA00000 no number
        let all = hex("41400000 20 41c80000 39 7fa00000");
        let one = hex("20 41c80000");
        for (command, data, want) in [
            (3, all, "[\"device:2a0102/current = 12\", \"device:2a0102/PV = 25\"]"),
            (1, one, "[\"device:2a0102/PV = 25\"]"),
            (0, hex("fe"), "[]"),
        ] {
            let readings = Stated(|to| variables(command, &data, &[0xaa, 1, 2], to));
            assert_eq!(format!("{:?}", &readings as &dyn Readings), want, "command {command}");
        }
    }
}
