//! Garmin: xHD, HD+ and Fantom. Every datagram is a type and a length (both little-endian, 32 bits) and that many bytes. Reports and orders
//! share types: what goes to a group comes from the radar.

use dogwatch_model::{Attribute, FactValue, FieldValue, Verb};

use super::{Device, Purpose, Seen, le32, padded};
use crate::Hint;

pub(super) static HINTS: &[Hint] = &[Hint::Udp(50_050), Hint::Udp(50_100), Hint::Udp(50_101), Hint::Udp(50_102)];

/// The types whose meaning is known, with the name of what they set or tell.
fn name(kind: u32) -> Option<&'static str> {
    Some(match kind {
        0x0916 => "scan-speed",
        0x0919 => "transmit",
        0x091d => "automatic-gain-level",
        0x091e => "range",
        0x0924 => "gain-mode",
        0x0925 => "gain",
        0x0930 => "bearing-alignment",
        0x0932 => "crosstalk-rejection",
        0x0933 => "rain-clutter-mode",
        0x0934 => "rain-clutter",
        0x0939 => "sea-clutter-mode",
        0x093a => "sea-clutter",
        0x093b => "sea-clutter-level",
        0x093f => "no-transmit-zone",
        0x0940 => "no-transmit-zone-start",
        0x0941 => "no-transmit-zone-end",
        0x0942 => "timed-idle-mode",
        0x0943 => "timed-idle-time",
        0x0944 => "timed-idle-run",
        0x0992 => "scanner-status",
        0x0993 => "status-change",
        _ => return None,
    })
}

pub(super) fn read(bytes: &[u8]) -> Option<Seen<'_>> {
    let kind = le32(bytes, 0)?;
    let length = usize::try_from(le32(bytes, 4)?).ok()?;
    if length.checked_add(8)? != bytes.len() {
        return None;
    }
    match kind {
        0x2904 if length >= 24 => {
            let mut seen = Seen::new("spokes", Purpose::Picture, Device::Scanner);
            seen.spokes = 1;
            Some(seen)
        }
        0x099b if length >= 80 => {
            let model = padded(bytes.get(24..88));
            Some(Seen::new("scanner", Purpose::Report, Device::Scanner).text(Attribute::Model, "model", model))
        }
        // What every device of a Garmin network sends; it tells the maker, not the kind.
        0x038e if length == 26 => Some(Seen::new("device", Purpose::Report, Device::Unknown).fact(
            Attribute::Manufacturer,
            FactValue::Text("Garmin"),
            60,
        )),
        _ => {
            let value = match length {
                1 => u64::from(*bytes.get(8)?),
                2 => u64::from(super::le16(bytes, 8)?),
                4 => u64::from(le32(bytes, 8)?),
                _ => return None,
            };
            Some(Seen::new(name(kind)?, Purpose::Report, Device::Unknown).value("value", FieldValue::Unsigned(value)))
        }
    }
}

/// Settles who sent a setting: a radar tells its group, a display tells the radar.
pub(super) fn by_receiver(mut seen: Seen<'_>, to_group: bool) -> Seen<'_> {
    let is_setting = seen.values.iter().flatten().any(|(name, _)| *name == "value");
    if is_setting {
        (seen.purpose, seen.device) = if to_group {
            (Purpose::Report, Device::Scanner)
        } else if seen.kind == "transmit" {
            (Purpose::Ask(Verb::Control), Device::Display)
        } else {
            (Purpose::Ask(Verb::Write), Device::Display)
        };
    }
    seen
}
