//! What devices tell about themselves: NAME, product and configuration information, and own ship's AIS data.
//!
//! Product information is PGN 126996 (fixed strings), configuration PGN 126998 (three strings of the installer and maker), the NAME PGN
//! 60928 (ISO 11783-5, codes as NMEA registers them).

use dogwatch_model::{Attribute, FactValue};

use super::acts::Acts;
use super::devices::Name;
use super::table::Table;
use super::text::{Text, trim};

/// Sure, because the device says so in the group made for it.
const STATED: u8 = 90;
/// Concluded from a code that names a kind of device.
const CLASSED: u8 = 75;

/// Adds what a NAME says.
pub(super) fn claim<'a>(table: &'a Table, name: Name, address: u8, acts: &mut Acts<'a>) {
    const METHOD: &str = "n2k.60928";
    acts.says(Attribute::N2kName, FactValue::Number(name.0), STATED, METHOD);
    acts.says(Attribute::N2kAddress, FactValue::Number(u64::from(address)), STATED, METHOD);
    acts.says_text(Attribute::Manufacturer, table.manufacturer(name.manufacturer()), STATED, METHOD);
    acts.says(Attribute::N2kFunction, FactValue::Number(u64::from(name.function())), STATED, METHOD);
    if name.industry() == 4 {
        acts.says_text(Attribute::DeviceClass, device_class(name.class(), name.function()), CLASSED, METHOD);
        acts.says_text(Attribute::NavigationRole, role(name.class(), name.function()), CLASSED, METHOD);
        let (_, function) = table.device_names(name.class(), name.function());
        acts.says_text(Attribute::Description, function, CLASSED, METHOD);
    }
}

/// The class of device in the words of the inventory, from device class and function (NMEA 2000 appendix B, tables of PGN 60928).
const fn device_class(class: u8, function: u8) -> Option<&'static str> {
    Some(match (class, function) {
        (20, 140) | (80, 140) => "vdr",
        (20, 150) | (60, 201) => "camera",
        (25, 140) => "router",
        (25, _) | (35, 180) | (50, 160) | (80, 200) => "gateway",
        (30, 130) | (110, _) => "iopanel",
        (40, 150) => "autopilot",
        (40, 160) => "gyro",
        (40, _) | (50, 180) => "actuator",
        (50, 130) => "monitor",
        (50, 140 | 150 | 165 | 170) | (35, 140) => "engine_controller",
        (60, 130 | 135 | 136) => "echo_sounder",
        (60, 145) => "gnss",
        (60, 155) => "speed_log",
        (60, 195) | (70, 140) => "ais",
        (60, 200) => "radar",
        (60, 205 | 210) => "ecdis",
        (80, 180) | (85, 130) => "wind_sensor",
        (80, 150 | 160) | (120, 130) => "hmi",
        (60, 140 | 160) | (75 | 85 | 90, _) | (80, 170 | 190) => "sensor",
        _ => return None,
    })
}

/// What it does on the ship's network.
const fn role(class: u8, function: u8) -> Option<&'static str> {
    Some(match (class, function) {
        (40, 150) => "steering",
        (40, 155) => "rudder",
        (40, 160) | (60, 140) => "heading",
        (50, 140 | 150 | 165 | 170) => "propulsion",
        (60, 130 | 135 | 136) => "depth",
        (60, 145) => "position",
        (60, 155) => "speed",
        (60, 195) | (70, 140) => "ais",
        (60, 200) => "radar",
        (60, 205 | 210) => "ecdis",
        (80, 130) => "time",
        (80, 180) | (85, 130) => "wind",
        _ => return None,
    })
}

/// The strings of a message, copied so that facts can point at them.
#[derive(Debug)]
pub(super) struct Strings([Text; 4]);

impl Strings {
    pub(super) const fn new() -> Self {
        Self([Text::new(); 4])
    }

    fn set_single(&mut self, index: usize, bytes: Option<&[u8]>) {
        if let (Some(text), Some(bytes)) = (self.0.get_mut(index), bytes) {
            text.single(trim(bytes));
        }
    }

    fn get(&self, index: usize) -> Option<&str> {
        self.0.get(index).map(Text::as_str)
    }

    /// Reads the strings of PGN 126996: model, software, hardware version, serial number, 32 bytes each from byte 4.
    pub(super) fn product(&mut self, data: &[u8]) {
        for (index, start) in [4_usize, 36, 68, 100].into_iter().enumerate() {
            self.set_single(index, data.get(start..start.saturating_add(32)));
        }
    }

    /// Reads the three strings of PGN 126998; stops at the first that is not whole.
    pub(super) fn configuration(&mut self, data: &[u8]) {
        let mut rest = data;
        for index in 0..3 {
            let &[len, coding, ..] = rest else { return };
            let Some((string, after)) = rest.split_at_checked(usize::from(len)) else { return };
            let body = string.get(2..);
            match (coding, body, self.0.get_mut(index)) {
                (0, Some(body), Some(text)) => text.double(body),
                (1, body, _) => self.set_single(index, body),
                _ => {}
            }
            rest = after;
        }
    }

    /// Reads make, model, serial number and unit number of PGN 65259, or the names of PGN 65242: parts of one text, each ended by `*`
    /// (SAE J1939-71; a NUL ends the text in some makes).
    pub(super) fn starred(&mut self, data: &[u8]) {
        for (index, part) in data.split(|byte| *byte == b'*').take(4).enumerate() {
            self.set_single(index, Some(part.trim_ascii()));
        }
    }

    /// Reads call sign and name of PGN 129794 (ITU-R M.1371 message 5).
    pub(super) fn ship(&mut self, data: &[u8]) {
        self.set_single(0, data.get(9..16));
        self.set_single(1, data.get(16..36));
    }

    /// Reads the name of PGN 129809 (message 24 part A).
    pub(super) fn ship_name(&mut self, data: &[u8]) {
        self.set_single(1, data.get(5..25));
    }
}

/// Adds what PGN 126996 says.
pub(super) fn product<'a>(data: &[u8], strings: &'a Strings, acts: &mut Acts<'a>) {
    const METHOD: &str = "n2k.126996";
    if let Some(&[low, high]) = data.get(2..4) {
        let code = u16::from_le_bytes([low, high]);
        if code < 0xfffd {
            acts.says(Attribute::ProductCode, FactValue::Number(u64::from(code)), STATED, METHOD);
        }
    }
    acts.says_text(Attribute::Model, strings.get(0), STATED, METHOD);
    acts.says_text(Attribute::SoftwareVersion, strings.get(1), STATED, METHOD);
    acts.says_text(Attribute::HwRevision, strings.get(2), STATED, METHOD);
    acts.says_text(Attribute::SerialNumber, strings.get(3), STATED, METHOD);
}

/// Adds what PGN 126998 says: what the installer wrote, and the maker's line.
pub(super) fn configuration<'a>(strings: &'a Strings, acts: &mut Acts<'a>) {
    const METHOD: &str = "n2k.126998";
    acts.says_text(Attribute::Location, strings.get(0), STATED, METHOD);
    acts.says_text(Attribute::Name, strings.get(1), STATED, METHOD);
    acts.says_text(Attribute::Description, strings.get(2), STATED, METHOD);
}

/// Adds what PGN 65259 (component identification of SAE J1939-71) says.
pub(super) fn component<'a>(strings: &'a Strings, acts: &mut Acts<'a>) {
    const METHOD: &str = "j1939.65259";
    acts.says_text(Attribute::Manufacturer, strings.get(0), STATED, METHOD);
    acts.says_text(Attribute::Model, strings.get(1), STATED, METHOD);
    acts.says_text(Attribute::SerialNumber, strings.get(2), STATED, METHOD);
    acts.says_text(Attribute::Name, strings.get(3), STATED, METHOD);
}

/// Adds what PGN 65242 (software identification of SAE J1939-71) says.
pub(super) fn software<'a>(strings: &'a Strings, acts: &mut Acts<'a>) {
    const METHOD: &str = "j1939.65242";
    for index in 0..4 {
        acts.says_text(Attribute::SoftwareVersion, strings.get(index), STATED, METHOD);
    }
}

/// Adds what own ship's transponder says of the ship.
pub(super) fn ship<'a>(mmsi: u32, imo: Option<u64>, strings: &'a Strings, method: &'static str, acts: &mut Acts<'a>) {
    acts.says(Attribute::Mmsi, FactValue::Number(u64::from(mmsi)), STATED, method);
    if let Some(imo) = imo.filter(|imo| (1_000_000..=9_999_999).contains(imo)) {
        acts.says(Attribute::ImoNumber, FactValue::Number(imo), STATED, method);
    }
    acts.says_text(Attribute::CallSign, strings.get(0), STATED, method);
    acts.says_text(Attribute::ShipName, strings.get(1), STATED, method);
}
