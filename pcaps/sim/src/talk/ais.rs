//! AIS messages (ITU-R M.1371-5) and their armour in VDM and VDO sentences (IEC 61162-1).

use super::nmea;

/// A message as single bits.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bits {
    bits: Vec<bool>,
}

impl Bits {
    /// Appends the low `width` bits of `value`, the highest first; a negative number goes as its two's complement.
    pub(crate) fn push(&mut self, value: i64, width: u32) -> &mut Self {
        self.bits.extend((0..width).rev().map(|place| (value >> place) & 1 == 1));
        self
    }

    /// Appends six-bit text (table 47 of the recommendation), padded with `@` to `length` characters.
    pub(crate) fn text(&mut self, text: &str, length: usize) -> &mut Self {
        for byte in text.to_ascii_uppercase().bytes().chain(std::iter::repeat(b'@')).take(length) {
            self.push(i64::from(if byte >= 64 { byte - 64 } else { byte }), 6);
        }
        self
    }

    /// Armoured characters and the number of fill bits.
    pub(crate) fn armour(&self) -> (String, usize) {
        let fill = (6 - self.bits.len() % 6) % 6;
        let letter = |six: &[bool]| {
            let value = (0..6).fold(0_u8, |sum, place| (sum << 1) | u8::from(six.get(place).copied().unwrap_or(false)));
            char::from(if value < 40 { value + 48 } else { value + 56 })
        };
        (self.bits.chunks(6).map(letter).collect(), fill)
    }

    /// The sentences that carry the message: `kind` is `AIVDM` or `AIVDO`; `sequence` joins the parts of a long one.
    pub(crate) fn sentences(&self, kind: &str, channel: char, sequence: u8) -> Vec<String> {
        let (letters, fill) = self.armour();
        let parts: Vec<&str> = {
            let mut rest = letters.as_str();
            let mut parts = Vec::new();
            while let Some((part, more)) = rest.split_at_checked(60) {
                parts.push(part);
                rest = more;
            }
            if !rest.is_empty() || parts.is_empty() {
                parts.push(rest);
            }
            parts
        };
        let total = parts.len();
        let line = |(index, part): (usize, &&str)| {
            let joined = if total > 1 { sequence.to_string() } else { String::new() };
            let fill = if index + 1 == total { fill } else { 0 };
            nmea::encapsulated(&format!("{kind},{total},{},{joined},{channel},{part},{fill}", index + 1))
        };
        parts.iter().enumerate().map(line).collect()
    }
}

/// Where a station is and how it moves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Motion {
    pub(crate) lat: f64,
    pub(crate) lon: f64,
    pub(crate) sog_kn: f64,
    pub(crate) cog: f64,
    pub(crate) heading: f64,
    /// Degrees a minute, starboard positive.
    pub(crate) rot: f64,
    /// UTC second of the fix.
    pub(crate) second: u8,
}

/// What a station without a fix sends: position, speed and course "not available", and the second that says so (63).
pub(crate) const NOWHERE: Motion =
    Motion { lat: 91.0, lon: 181.0, sog_kn: 102.3, cog: NO_COURSE, heading: 511.0, rot: 0.0, second: 63 };

/// Stands for "course not available", which goes out as 3600.
const NO_COURSE: f64 = f64::INFINITY;

/// 1/10000 minute.
fn tenthousandths(degrees: f64) -> i64 {
    (degrees * 600_000.0).round() as i64
}

/// Knots to tenths, 102.2 being "that or more", 102.3 "not available".
fn speed(knots: f64) -> i64 {
    ((knots * 10.0).round() as i64).clamp(0, 1_023)
}

/// Degrees to tenths below 3600.
fn course(degrees: f64) -> i64 {
    if degrees == NO_COURSE {
        return 3_600;
    }
    (degrees.rem_euclid(360.0) * 10.0).round() as i64 % 3_600
}

/// Degrees below 360.
fn heading(degrees: f64) -> i64 {
    degrees.rem_euclid(360.0).round() as i64 % 360
}

/// Rate of turn: 4.733 times the square root of degrees a minute, with its sign.
fn turn(rot: f64) -> i64 {
    let coded = (4.733 * rot.abs().sqrt()).round().min(126.0) as i64;
    if rot < 0.0 { -coded } else { coded }
}

/// Type 1 (or 3): class A position report.
pub(crate) fn position_report(kind: i64, mmsi: u32, status: i64, motion: &Motion, radio: i64) -> Bits {
    let mut out = Bits::default();
    out.push(kind, 6).push(0, 2).push(i64::from(mmsi), 30).push(status, 4).push(turn(motion.rot), 8);
    out.push(speed(motion.sog_kn), 10).push(1, 1);
    out.push(tenthousandths(motion.lon), 28).push(tenthousandths(motion.lat), 27);
    out.push(course(motion.cog), 12).push(heading(motion.heading), 9).push(i64::from(motion.second), 6);
    out.push(0, 2).push(0, 3).push(0, 1).push(radio, 19);
    out
}

/// The identity of a station.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity<'a> {
    pub(crate) mmsi: u32,
    pub(crate) imo: u32,
    pub(crate) callsign: &'a str,
    pub(crate) name: &'a str,
    pub(crate) ship_type: i64,
    /// Metres from the antenna to bow, stern, port, starboard.
    pub(crate) size: [i64; 4],
    pub(crate) draught_m: f64,
    pub(crate) destination: &'a str,
}

impl Identity<'_> {
    fn push_size(&self, out: &mut Bits) {
        for (length, width) in self.size.iter().zip([9, 9, 6, 6]) {
            out.push(*length, width);
        }
    }
}

/// Type 5: class A static and voyage data; `eta` is month, day, hour, minute.
pub(crate) fn static_report(identity: &Identity<'_>, eta: [i64; 4]) -> Bits {
    let mut out = Bits::default();
    out.push(5, 6).push(0, 2).push(i64::from(identity.mmsi), 30).push(0, 2).push(i64::from(identity.imo), 30);
    out.text(identity.callsign, 7).text(identity.name, 20).push(identity.ship_type, 8);
    identity.push_size(&mut out);
    out.push(1, 4);
    for (value, width) in eta.iter().zip([4, 5, 5, 6]) {
        out.push(*value, width);
    }
    out.push((identity.draught_m * 10.0).round() as i64, 8).text(identity.destination, 20).push(0, 1).push(0, 1);
    out
}

/// Type 4: base station report; `utc` is year, month, day, hour, minute, second.
pub(crate) fn base_station(mmsi: u32, utc: [i64; 6], lat: f64, lon: f64, radio: i64) -> Bits {
    let mut out = Bits::default();
    out.push(4, 6).push(0, 2).push(i64::from(mmsi), 30);
    for (value, width) in utc.iter().zip([14, 4, 5, 5, 6, 6]) {
        out.push(*value, width);
    }
    out.push(1, 1).push(tenthousandths(lon), 28).push(tenthousandths(lat), 27).push(7, 4).push(0, 10);
    out.push(0, 1).push(radio, 19);
    out
}

/// Type 18: class B position report of a carrier-sense unit.
pub(crate) fn class_b_position(mmsi: u32, motion: &Motion) -> Bits {
    let mut out = Bits::default();
    out.push(18, 6).push(0, 2).push(i64::from(mmsi), 30).push(0, 8).push(speed(motion.sog_kn), 10).push(0, 1);
    out.push(tenthousandths(motion.lon), 28).push(tenthousandths(motion.lat), 27).push(course(motion.cog), 12);
    // True heading 511: a yacht has no gyro. Then: carrier sense, no display, DSC, whole band, message 22, not assigned, no RAIM.
    out.push(511, 9).push(i64::from(motion.second), 6).push(0, 2);
    out.push(1, 1).push(0, 1).push(1, 1).push(1, 1).push(1, 1).push(0, 1).push(0, 1);
    out.push(1, 1).push(0x60006, 19);
    out
}

/// Type 24 part A: the name of a class B unit.
pub(crate) fn class_b_name(identity: &Identity<'_>) -> Bits {
    let mut out = Bits::default();
    out.push(24, 6).push(0, 2).push(i64::from(identity.mmsi), 30).push(0, 2).text(identity.name, 20).push(0, 8);
    out
}

/// Type 24 part B: type, maker, call sign and size of a class B unit.
pub(crate) fn class_b_static(identity: &Identity<'_>) -> Bits {
    let mut out = Bits::default();
    out.push(24, 6).push(0, 2).push(i64::from(identity.mmsi), 30).push(1, 2).push(identity.ship_type, 8);
    out.text("SIM", 3).push(1, 4).push(i64::from(identity.mmsi & 0xF_FFFF), 20).text(identity.callsign, 7);
    identity.push_size(&mut out);
    out.push(1, 4).push(0, 2);
    out
}

/// Type 21: an aid to navigation; `kind` 14 is a beacon, 20 a cardinal mark.
pub(crate) fn aid(mmsi: u32, kind: i64, name: &str, lat: f64, lon: f64, second: u8) -> Bits {
    let mut out = Bits::default();
    out.push(21, 6).push(0, 2).push(i64::from(mmsi), 30).push(kind, 5).text(name, 20).push(1, 1);
    out.push(tenthousandths(lon), 28).push(tenthousandths(lat), 27).push(0, 30).push(1, 4).push(i64::from(second), 6);
    out.push(0, 1).push(0, 8).push(0, 1).push(0, 1).push(0, 1).push(0, 1);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_example_of_gpsd() {
        // "AIVDM/AIVDO protocol decoding" (E. Raymond) prints this report and its decoding: MMSI 477553000, status 5, speed 0.0,
        // 122 deg 20.7497' W (-122.345833), 47.582833 N, course 51.0, heading 181, second 15, radio 149208.
        let motion = Motion {
            lat: 47.582_833_333,
            lon: -122.345_833_333,
            sog_kn: 0.0,
            cog: 51.0,
            heading: 181.0,
            rot: 0.0,
            second: 15,
        };
        let mut message = position_report(1, 477_553_000, 5, &motion, 149_208);
        // That station had no high-accuracy fix: bit 60.
        message.bits[60] = false;
        assert_eq!(message.sentences("AIVDM", 'B', 0), ["!AIVDM,1,1,,B,177KQJ5000G?tO`K>RA1wUbN0TKH,0*5C"]);
    }

    #[test]
    fn lengths_of_the_recommendation() {
        let motion = Motion { lat: 0.0, lon: 0.0, sog_kn: 1.0, cog: 2.0, heading: 3.0, rot: -4.0, second: 5 };
        let me = Identity {
            mmsi: 1,
            imo: 2,
            callsign: "CALL",
            name: "NAME",
            ship_type: 70,
            size: [1, 2, 3, 4],
            draught_m: 5.5,
            destination: "PORT",
        };
        for (name, message, bits) in [
            ("1", position_report(1, 1, 0, &motion, 0), 168),
            ("4", base_station(1, [2027, 1, 2, 3, 4, 5], 0.0, 0.0, 0), 168),
            ("5", static_report(&me, [1, 2, 3, 4]), 424),
            ("18", class_b_position(1, &motion), 168),
            ("21", aid(1, 20, "MARK", 0.0, 0.0, 1), 272),
            ("24A", class_b_name(&me), 168),
            ("24B", class_b_static(&me), 168),
        ] {
            assert_eq!(message.bits.len(), bits, "type {name}");
        }
        let lines = static_report(&me, [1, 2, 3, 4]).sentences("AIVDM", 'A', 3);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("!AIVDM,2,1,3,A,5") && lines[1].contains(",2,2,3,A,"));
        assert!(lines.iter().all(|line| line.len() <= 80));
        assert!(lines[1].contains(",2*"), "424 bits leave 2 fill bits: {}", lines[1]);
    }

    #[test]
    fn rate_of_turn_code() {
        // ITU-R M.1371: 720 degrees a minute code to +-127 (clipped to 126 here), 10 degrees a minute to 15.
        assert_eq!((turn(10.0), turn(-10.0), turn(0.0), turn(900.0)), (15, -15, 0, 126));
    }
}
