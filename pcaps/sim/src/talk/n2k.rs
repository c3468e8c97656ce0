//! NMEA 2000 messages: identifiers, the fast-packet way of sending more than 8 bytes, NAME, and the payloads of the PGNs on this ship.
//!
//! Field offsets and resolutions follow the public CANboat definitions (schema 2.5.0). Angles go in as radians, speeds as m/s,
//! temperatures as kelvin, as on the bus.

/// The 29-bit identifier: `destination` matters only to addressed PGNs.
pub(crate) fn identifier(priority: u8, pgn: u32, source: u8, destination: u8) -> u32 {
    let addressed = (pgn >> 8) & 0xFF < 240;
    let pgn = if addressed { (pgn & 0x3_FF00) | u32::from(destination) } else { pgn & 0x3_FFFF };
    (u32::from(priority & 7) << 26) | (pgn << 8) | u32::from(source)
}

/// The 64-bit NAME of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) unique: u32,
    pub(crate) manufacturer: u16,
    pub(crate) function: u8,
    pub(crate) class: u8,
    /// Device instance.
    pub(crate) instance: u8,
}

impl Name {
    /// The NAME as it goes on the bus; industry group 4 (marine), able to choose its address.
    pub(crate) fn bytes(&self) -> [u8; 8] {
        let low = u64::from(self.unique & 0x1F_FFFF) | (u64::from(self.manufacturer & 0x7FF) << 21);
        let middle = (u64::from(self.instance) << 32) | (u64::from(self.function) << 40);
        let high = (u64::from(self.class & 0x7F) << 49) | (4 << 60) | (1 << 63);
        (low | middle | high).to_le_bytes()
    }
}

/// Cuts a message into fast-packet frames; `sequence` counts the messages of this PGN.
pub(crate) fn fast_packet(sequence: u8, message: &[u8]) -> Vec<[u8; 8]> {
    let head = sequence << 5;
    let (first, rest) = message.split_at_checked(6).unwrap_or((message, &[]));
    let mut frames = vec![padded(&[&[head, message.len() as u8], first].concat())];
    for (number, seven) in (1_u8..).zip(rest.chunks(7)) {
        frames.push(padded(&[&[head | number], seven].concat()));
    }
    frames
}

/// Fills a frame with ones.
pub(crate) fn padded(data: &[u8]) -> [u8; 8] {
    let mut out = [0xFF; 8];
    for (place, byte) in out.iter_mut().zip(data) {
        *place = *byte;
    }
    out
}

/// Rounds a value to units of `resolution`.
fn scaled(value: f64, resolution: f64) -> i64 {
    (value / resolution).round() as i64
}

/// Concatenates little-endian fields, each with its width in bytes.
fn fields(parts: &[(i64, usize)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (value, width) in parts {
        out.extend(value.to_le_bytes().iter().take(*width));
    }
    out
}

/// 129025: position, rapid update.
pub(crate) fn position(lat: f64, lon: f64) -> Vec<u8> {
    fields(&[(scaled(lat, 1e-7), 4), (scaled(lon, 1e-7), 4)])
}

/// 129026: true course and speed over ground.
pub(crate) fn course_speed(sid: u8, cog: f64, sog: f64) -> Vec<u8> {
    fields(&[(i64::from(sid), 1), (0xFC, 1), (scaled(cog, 1e-4), 2), (scaled(sog, 0.01), 2), (-1, 2)])
}

/// 129025 without a fix: the largest number of a signed field means "not available".
pub(crate) fn no_position() -> Vec<u8> {
    fields(&[(0x7FFF_FFFF, 4), (0x7FFF_FFFF, 4)])
}

/// 129026 without a fix: all ones mean "not available".
pub(crate) fn no_course_speed(sid: u8) -> Vec<u8> {
    fields(&[(i64::from(sid), 1), (0xFC, 1), (0xFFFF, 2), (0xFFFF, 2), (-1, 2)])
}

/// 129029 without a fix: the time goes on, the place is not available, method 0 is "no fix", no satellite is used.
pub(crate) fn no_gnss(sid: u8, at: i64) -> Vec<u8> {
    let (day, time) = (at.div_euclid(86_400_000_000_000), at.rem_euclid(86_400_000_000_000) / 100_000);
    let mut out = fields(&[(i64::from(sid), 1), (day, 2), (time, 4)]);
    for _ in 0..3 {
        out.extend(fields(&[(i64::MAX, 8)]));
    }
    out.extend(fields(&[(0, 1), (0xFC, 1), (0, 1), (0x7FFF, 2), (0x7FFF, 2), (0x7FFF_FFFF, 4), (0, 1)]));
    out
}

/// 129029: GNSS position data; `at` is nanoseconds since 1970.
pub(crate) fn gnss(sid: u8, at: i64, place: (f64, f64, f64), satellites: u8, hdop: f64) -> Vec<u8> {
    let day = at.div_euclid(86_400_000_000_000);
    let time = at.rem_euclid(86_400_000_000_000) / 100_000;
    let (lat, lon, height) = place;
    fields(&[
        (i64::from(sid), 1),
        (day, 2),
        (time, 4),
        // 1e-16 degree needs more digits than a double holds: the last bits are those of the product.
        ((lat * 1e16) as i64, 8),
        ((lon * 1e16) as i64, 8),
        (scaled(height, 1e-6), 8),
        // GPS, fix by method 1; integrity not checked and reserved bits set.
        (0x10, 1),
        (0xFC, 1),
        (i64::from(satellites), 1),
        (scaled(hdop, 0.01), 2),
        (scaled(hdop * 1.7, 0.01), 2),
        (3_980, 4),
        (0, 1),
    ])
}

/// 126992: system time from GPS.
pub(crate) fn system_time(sid: u8, at: i64) -> Vec<u8> {
    let day = at.div_euclid(86_400_000_000_000);
    let time = at.rem_euclid(86_400_000_000_000) / 100_000;
    fields(&[(i64::from(sid), 1), (0xF0, 1), (day, 2), (time, 4)])
}

/// 127250: true heading.
pub(crate) fn heading(sid: u8, heading: f64) -> Vec<u8> {
    fields(&[(i64::from(sid), 1), (scaled(heading, 1e-4), 2), (0x7FFF, 2), (0x7FFF, 2), (0xFC, 1)])
}

/// 127251: rate of turn in radians a second.
pub(crate) fn rate_of_turn(sid: u8, rate: f64) -> Vec<u8> {
    fields(&[(i64::from(sid), 1), (scaled(rate, 3.125e-8), 4), (-1, 3)])
}

/// 127488: engine speed, rapid update; boost pressure in pascal.
pub(crate) fn engine_rapid(rpm: f64, boost: f64) -> Vec<u8> {
    fields(&[(0, 1), (scaled(rpm, 0.25), 2), (scaled(boost, 100.0), 2), (0x7F, 1), (-1, 2)])
}

/// 127489: engine parameters; oil pressure in pascal, temperatures in kelvin, fuel in litres an hour, hours in seconds, load in percent.
pub(crate) fn engine_dynamic(oil: (f64, f64), coolant: f64, fuel: f64, seconds: i64, load: f64) -> Vec<u8> {
    fields(&[
        (0, 1),
        (scaled(oil.0, 100.0), 2),
        (scaled(oil.1, 0.1), 2),
        (scaled(coolant, 0.01), 2),
        (scaled(27.6, 0.01), 2),
        (scaled(fuel, 0.1), 2),
        (seconds, 4),
        (scaled(180_000.0, 100.0), 2),
        (scaled(420_000.0, 1_000.0), 2),
        (0xFF, 1),
        (0, 2),
        (0, 2),
        (scaled(load, 1.0), 1),
        (0x7F, 1),
    ])
}

/// 127508: battery: volt, ampere, kelvin.
pub(crate) fn battery(instance: u8, volt: f64, ampere: f64, kelvin: f64, sid: u8) -> Vec<u8> {
    fields(&[
        (i64::from(instance), 1),
        (scaled(volt, 0.01), 2),
        (scaled(ampere, 0.1), 2),
        (scaled(kelvin, 0.01), 2),
        (i64::from(sid), 1),
    ])
}

/// 128267: depth below the transducer, and the transducer's distance from the waterline (positive).
pub(crate) fn depth(sid: u8, depth: f64, offset: f64) -> Vec<u8> {
    fields(&[(i64::from(sid), 1), (scaled(depth, 0.01), 4), (scaled(offset, 1e-3), 2), (0xFF, 1)])
}

/// 130306: apparent wind.
pub(crate) fn wind(sid: u8, speed: f64, angle: f64) -> Vec<u8> {
    fields(&[(i64::from(sid), 1), (scaled(speed, 0.01), 2), (scaled(angle, 1e-4), 2), (0xFA, 1), (-1, 2)])
}

/// 126993: heartbeat, 60 s, controller error-active, operational.
pub(crate) fn heartbeat(sequence: u8) -> Vec<u8> {
    fields(&[(60_000, 2), (i64::from(sequence), 1), (0xCC, 1), (-1, 4)])
}

/// 59904: asks for a PGN.
pub(crate) fn request(pgn: u32) -> Vec<u8> {
    fields(&[(i64::from(pgn), 3)])
}

/// 126208, command: orders engine speed (field 2 of 127488, its instance field 1 being the first engine) at the present priority.
pub(crate) fn command_engine_speed(rpm: f64) -> Vec<u8> {
    let mut out = vec![1];
    // Priority 8 means "leave as it is"; the other four bits are reserved. Two pairs of field number and value follow.
    out.extend(fields(&[(127_488, 3), (0xF8, 1), (2, 1), (1, 1), (0, 1), (2, 1), (scaled(rpm, 0.25), 2)]));
    out
}

/// 126208, command: sets the reference (field 4 of 130306) at the present priority.
pub(crate) fn command_wind_reference(reference: i64) -> Vec<u8> {
    let mut out = vec![1];
    out.extend(fields(&[(130_306, 3), (0xF8, 1), (1, 1), (4, 1), (reference, 1)]));
    out
}

/// 126464: the PGNs a device sends (`received` false) or listens to.
pub(crate) fn pgn_list(received: bool, pgns: &[u32]) -> Vec<u8> {
    let mut out = vec![u8::from(received)];
    out.extend(pgns.iter().flat_map(|pgn| fields(&[(i64::from(*pgn), 3)])));
    out
}

/// What a device says of itself in 126996.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Product {
    pub(crate) code: u16,
    pub(crate) model: &'static str,
    pub(crate) software: &'static str,
    pub(crate) version: &'static str,
    pub(crate) serial: &'static str,
    /// Load equivalency: units of 50 mA.
    pub(crate) load: u8,
}

/// 126996: product information, database version 2.100, certification level B.
pub(crate) fn product_information(product: &Product) -> Vec<u8> {
    let mut out = fields(&[(2_100, 2), (i64::from(product.code), 2)]);
    for text in [product.model, product.software, product.version, product.serial] {
        out.extend(text.bytes().chain(std::iter::repeat(0xFF)).take(32));
    }
    out.extend_from_slice(&[1, product.load]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers() {
        // Public examples: 09F80103 is PGN 129025 with priority 2 from address 3; 18EAFF00 asks everyone (59904), 18EEFF01 claims.
        assert_eq!(identifier(2, 129_025, 3, 255), 0x09F8_0103);
        assert_eq!(identifier(6, 59_904, 0, 255), 0x18EA_FF00);
        assert_eq!(identifier(6, 60_928, 1, 255), 0x18EE_FF01);
    }

    #[test]
    fn payload_lengths() {
        let product = Product { code: 1, model: "M", software: "1", version: "A", serial: "S", load: 2 };
        for (pgn, bytes, want) in [
            (129_025, position(1.0, 2.0), 8),
            (129_026, course_speed(0, 1.0, 2.0), 8),
            (129_029, gnss(0, 0, (1.0, 2.0, 3.0), 8, 0.9), 43),
            (126_992, system_time(0, 0), 8),
            (127_250, heading(0, 1.0), 8),
            (127_251, rate_of_turn(0, -0.01), 8),
            (127_488, engine_rapid(84.0, 100_000.0), 8),
            (127_489, engine_dynamic((4e5, 330.0), 350.0, 200.0, 1, 60.0), 26),
            (127_508, battery(0, 27.5, -3.0, 300.0, 0), 8),
            (128_267, depth(0, 10.0, 0.5), 8),
            (130_306, wind(0, 10.0, 1.0), 8),
            (126_993, heartbeat(0), 8),
            (126_996, product_information(&product), 134),
            (126_464, pgn_list(false, &[129_025, 129_026]), 7),
        ] {
            assert_eq!(bytes.len(), want, "PGN {pgn}");
        }
    }

    #[test]
    fn name_bits() {
        let name = Name { unique: 440_001, manufacturer: 275, function: 130, class: 85, instance: 0 };
        let bits = u64::from_le_bytes(name.bytes());
        assert_eq!((bits & 0x1F_FFFF, bits >> 21 & 0x7FF, bits >> 40 & 0xFF), (440_001, 275, 130));
        assert_eq!((bits >> 49 & 0x7F, bits >> 60 & 7, bits >> 63), (85, 4, 1));
    }

    #[test]
    fn fast_packets_carry_every_byte_in_order() {
        let message: Vec<u8> = (0..134).collect();
        let frames = fast_packet(3, &message);
        assert_eq!(frames.len(), 20, "6 bytes, then 128 in sevens");
        assert_eq!(frames[0][..3], [0x60, 134, 0]);
        assert_eq!((frames[19][0], frames[19][1], frames[19][3]), (0x60 | 19, 132, 0xFF));
    }

    #[test]
    fn wind_by_hand() {
        // 7.25 m/s = 725 = 0x02D5; 1.5 rad = 15000 = 0x3A98; apparent = 2 with reserved bits set.
        assert_eq!(wind(5, 7.25, 1.5), [5, 0xD5, 0x02, 0x98, 0x3A, 0xFA, 0xFF, 0xFF]);
        assert_eq!(depth(5, 12.34, -0.5), [5, 0xD2, 0x04, 0, 0, 0x0C, 0xFE, 0xFF]);
    }
}
