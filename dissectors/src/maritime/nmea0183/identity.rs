//! Who the sender is, as sentences tell it: talker, role on board, maker, versions. Every fact is told once a flow.
//!
//! A talker id is a claim: confidence 50 when talker and formatter fit together, 30 when a display or gateway (`II`, `IN`, user-defined) only
//! repeats what a sensor said. `VER`, the sentence made for inventories, counts as an identity protocol (90), banners in text as 75.

use dogwatch_model::{Attribute, FactValue, Sfi};

use super::sentence::{Address, Checksum, Sentence};
use super::table;
use crate::maritime::acts::ActList;

/// Things remembered as told; when full, nothing further of this flow is told (an honest talker has a few dozen).
const SLOTS: usize = 128;
/// Slots filled at most, so that a search ends soon.
const FULL: usize = 96;

/// What a flow has told already.
pub(crate) struct Told {
    slots: Box<[(u64, u64); SLOTS]>,
    used: usize,
}

impl Told {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self { slots: Box::new([(0, 0); SLOTS]), used: 0 }
    }

    /// Whether `speaker` says `what` for the first time; remembers it. `what` must not be 0.
    pub(crate) fn is_new(&mut self, speaker: u64, what: u64) -> bool {
        // Fibonacci hashing; the table is small and full stops growing, so chosen keys gain nothing.
        let mut at = (speaker ^ what).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 57;
        for _ in 0..SLOTS {
            let Some(slot) = usize::try_from(at).ok().and_then(|at| self.slots.get_mut(at)) else { return false };
            if *slot == (speaker, what) {
                return false;
            }
            if *slot == (0, 0) {
                if self.used >= FULL {
                    return false;
                }
                *slot = (speaker, what);
                self.used = self.used.saturating_add(1);
                return true;
            }
            at = at.wrapping_add(1) & 127;
        }
        false
    }
}

/// A number for a text, to remember that it was told (FNV-1a). Never 0.
pub(crate) fn fingerprint(text: &[u8]) -> u64 {
    text.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)) | 1
}

/// The speaker as a number: its system function id, or 0.
pub(crate) fn speaker_key(sfi: Option<Sfi>) -> u64 {
    sfi.map_or(0, |sfi| pack(&sfi.0))
}

/// Up to eight bytes as a number.
fn pack(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |packed, byte| (packed << 8) | u64::from(*byte))
}

/// Tells what this sentence says of its sender and was not told before.
pub(crate) fn tell<'a>(sentence: &Sentence<'a>, sfi: Option<Sfi>, told: &mut Told, acts: &mut ActList<'a>) {
    let speaker = speaker_key(sfi);
    match sentence.address {
        Address::Talker { talker, formatter } => {
            // Talker, then up to six letters of formatter: one number for both.
            let what = (pack(talker.as_bytes()) << 48) | (pack(formatter.as_bytes()) & 0xFFFF_FFFF_FFFF);
            if told.is_new(speaker, what) {
                talker_and_role(talker, formatter, speaker, told, acts);
            }
            match formatter {
                "VER" | "TXT" => identity(sentence, formatter, speaker, told, acts),
                _ => {}
            }
        }
        Address::Proprietary { code } => {
            let what = fingerprint(code.as_bytes());
            if told.is_new(speaker, what)
                && let Some(maker) = table::maker(code)
            {
                acts.says(Attribute::Manufacturer, FactValue::Text(maker), 50, "nmea0183.maker");
            }
            if matches!(code, "MTK705" | "QVERNO" | "DTINFO" | "GRMT")
                || (code == "FEC" && sentence.field(0) == b"GPver")
            {
                identity(sentence, code, speaker, told, acts);
            }
        }
        Address::Query { .. } => {}
    }
}

/// Tells the system function id once.
pub(crate) fn tell_sfi<'a>(source: &'a str, sfi: Sfi, told: &mut Told, acts: &mut ActList<'a>) {
    if told.is_new(speaker_key(Some(sfi)), 1) {
        acts.says(Attribute::Sfi, FactValue::Text(source), 75, "iec61162-450.tag");
    }
}

fn talker_and_role<'a>(talker: &'a str, formatter: &str, speaker: u64, told: &mut Told, acts: &mut ActList<'a>) {
    if told.is_new(speaker, pack(talker.as_bytes())) {
        acts.says(Attribute::Talker, FactValue::Text(talker), 50, "nmea0183.talker");
        if let Some(class) = device_class(talker) {
            acts.says(Attribute::DeviceClass, FactValue::Text(class), 50, "nmea0183.talker");
        }
    }
    let Some(role) = role_of_formatter(formatter) else { return };
    let confidence = if role_fits(talker, role) { 50 } else { 30 };
    // Keyed by role, not by formatter: GGA and RMC tell the same.
    let what = (pack(role.as_bytes()) | 1) ^ u64::from(confidence);
    if told.is_new(speaker, what) {
        acts.says(Attribute::NavigationRole, FactValue::Text(role), confidence, "nmea0183.formatter");
    }
}

/// What a talker id stands for, where that is one class of device (IEC 61162-1, table of talker identifiers).
fn device_class(talker: &str) -> Option<&'static str> {
    Some(match talker {
        "GP" | "GL" | "GA" | "GB" | "BD" | "GI" | "GQ" | "GN" => "gnss",
        "AI" | "AB" | "AD" | "AN" | "AR" | "AS" | "AT" | "AX" | "BS" | "SA" => "ais",
        "RA" => "radar",
        "HE" | "HN" | "HF" => "gyro",
        "SD" => "echo_sounder",
        "VD" | "VM" | "VW" => "speed_log",
        "WI" => "wind_sensor",
        "AG" | "AP" => "autopilot",
        "EI" => "ecdis",
        "VR" => "vdr",
        _ => return None,
    })
}

/// The role on board that a formatter speaks for; the words are those of the policy file.
fn role_of_formatter(formatter: &str) -> Option<&'static str> {
    Some(match formatter {
        "GGA" | "GLL" | "GNS" | "RMC" | "GSA" | "GSV" | "GST" | "GBS" | "GRS" | "GFA" | "VTG" => "position",
        "HDT" | "HDG" | "HDM" | "THS" | "HCR" | "ROT" => "heading",
        "VHW" | "VBW" | "VLW" | "VBC" => "speed",
        "DPT" | "DBT" | "DBK" | "DBS" => "depth",
        "MWV" | "MWD" | "VWR" | "VWT" => "wind",
        "VDM" | "VDO" | "ABK" | "VSI" => "ais",
        "TTM" | "TLL" | "TTD" | "TLB" | "RSD" => "radar",
        "ALF" | "ALC" | "ALR" | "ARC" => "alert",
        "APB" | "APA" | "HSC" | "HTC" | "HTD" => "steering-command",
        "ZDA" => "time",
        _ => return None,
    })
}

/// Whether a talker is the kind of device that has this role itself.
fn role_fits(talker: &str, role: &str) -> bool {
    let class = device_class(talker);
    match role {
        "position" => class == Some("gnss"),
        "heading" => class == Some("gyro") || matches!(talker, "HC" | "TI"),
        "speed" => class == Some("speed_log"),
        "depth" => class == Some("echo_sounder"),
        "wind" => class == Some("wind_sensor"),
        "ais" => class == Some("ais"),
        "radar" => class == Some("radar"),
        "steering-command" => class == Some("autopilot"),
        "time" => class == Some("gnss") || matches!(talker, "ZA" | "ZC" | "ZQ" | "ZV"),
        // Any device raises alerts of its own.
        _ => true,
    }
}

/// Sentences made to tell who one is.
fn identity<'a>(sentence: &Sentence<'a>, kind: &str, speaker: u64, told: &mut Told, acts: &mut ActList<'a>) {
    // A version that changed is new again; without checksum a flipped bit would be one.
    if sentence.checksum != Checksum::Ok || !told.is_new(speaker, fingerprint(sentence.raw)) {
        return;
    }
    let facts: &[(usize, Attribute)] = match kind {
        "VER" => &[
            (3, Attribute::Manufacturer),
            (5, Attribute::SerialNumber),
            (6, Attribute::Model),
            (7, Attribute::SoftwareVersion),
            (8, Attribute::HwRevision),
        ],
        "MTK705" => &[(0, Attribute::FirmwareVersion), (2, Attribute::Model)],
        "QVERNO" => &[(1, Attribute::FirmwareVersion)],
        "DTINFO" => &[
            (0, Attribute::Model),
            (2, Attribute::HwRevision),
            (3, Attribute::FirmwareVersion),
            (5, Attribute::SerialNumber),
        ],
        "GRMT" => &[(0, Attribute::Model)],
        "FEC" => &[(1, Attribute::Model), (2, Attribute::FirmwareVersion)],
        _ => return text(sentence, acts),
    };
    let (confidence, method) = if kind == "VER" { (90, "nmea0183.VER") } else { (75, "nmea0183.proprietary") };
    for &(index, attribute) in facts {
        let value = sentence.text(index).trim();
        if value.is_empty() {
            continue;
        }
        let value = match attribute {
            Attribute::Manufacturer => table::maker(value).unwrap_or(value),
            _ => value,
        };
        acts.says(attribute, FactValue::Text(value), confidence, method);
    }
}

/// Start-up banners in `TXT`, in the form u-blox receivers made common.
fn text<'a>(sentence: &Sentence<'a>, acts: &mut ActList<'a>) {
    let text = sentence.text(3);
    let banners = [
        ("FWVER=", Attribute::FirmwareVersion),
        ("ROM CORE ", Attribute::FirmwareVersion),
        ("ROM BASE ", Attribute::FirmwareVersion),
        ("EXT CORE ", Attribute::FirmwareVersion),
        ("MOD=", Attribute::Model),
        ("HW ", Attribute::HwRevision),
    ];
    for (prefix, attribute) in banners {
        if let Some(value) = text.strip_prefix(prefix).map(str::trim).filter(|value| !value.is_empty()) {
            acts.says(attribute, FactValue::Text(value), 75, "nmea0183.TXT");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn told_once_and_bounded() {
        let mut told = Told::new();
        assert!(told.is_new(1, 2));
        assert!(!told.is_new(1, 2));
        assert!(told.is_new(2, 2));
        let new = (0..10_000).filter(|what| told.is_new(7, what + 1)).count();
        assert_eq!(new, FULL - 2);
        assert!(!told.is_new(8, 1), "full");
    }

    #[test]
    fn classes_are_words_of_the_model() {
        for talker in ["GP", "AI", "RA", "HE", "SD", "VD", "WI", "AG", "EI", "VR"] {
            let class = device_class(talker).unwrap();
            let word = serde_json::from_value::<dogwatch_model::DeviceClass>(serde_json::json!(class));
            assert!(word.is_ok(), "{class}");
        }
    }
}
