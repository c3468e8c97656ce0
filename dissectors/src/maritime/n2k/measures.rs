//! What of a message is a quantity of the ship or of the world, in the words every protocol shares.
//!
//! Layouts and scalings of these groups are those of the definition table (NMEA 2000 appendix B, SAE J1939-71, by way of the public
//! CANboat definitions); a test holds each line below against that table. Angles become degrees, turn rates degrees per minute,
//! shaft speeds revolutions per second.

use std::time::Duration;

use dogwatch_model::{Act, CaptureTime, Of, Quantity, Value};

use super::acts::Acts;
use super::bits::{all_ones, bits, sign_extend};

/// Degrees of a radian.
const DEGREES: f64 = 180.0 / std::f64::consts::PI;
/// Seconds of a day.
const DAY: i64 = 86_400;

/// Where a number stands and how it scales.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) bit: usize,
    pub(super) bits: usize,
    pub(super) signed: bool,
    pub(super) scale: f64,
    pub(super) offset: f64,
}

const fn unsigned(bit: usize, bits: usize, scale: f64) -> At {
    At { bit, bits, signed: false, scale, offset: 0.0 }
}

const fn signed(bit: usize, bits: usize, scale: f64) -> At {
    At { bit, bits, signed: true, scale, offset: 0.0 }
}

impl At {
    /// The number there, `None` when the data ends before or it is not available.
    #[expect(clippy::cast_precision_loss, reason = "only 64-bit positions lose bits, far below a millimetre")]
    #[inline]
    fn read(self, data: &[u8]) -> Option<f64> {
        let raw = bits(data, self.bit, self.bits)?;
        let top = match self.bits {
            0..=3 => 1,
            4..=7 => 2,
            _ => 3,
        };
        let number = if self.signed {
            let number = sign_extend(raw, self.bits);
            if number > (all_ones(self.bits) >> 1).cast_signed().wrapping_sub(top) {
                return None;
            }
            number as f64
        } else {
            if raw > all_ones(self.bits).wrapping_sub(top.cast_unsigned()) {
                return None;
            }
            raw as f64
        };
        Some(number * self.scale + self.offset)
    }
}

/// Whose quantity it is.
#[derive(Debug, Clone, Copy)]
enum Whose {
    Ship,
    /// The machine whose instance is in the byte at this bit, `bits` wide.
    Machine(usize, usize),
}

/// One plain quantity of a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain {
    pub(super) pgn: u32,
    whose: Whose,
    quantity: Quantity,
    pub(super) at: At,
    /// From the definition's unit to the quantity's.
    factor: f64,
}

const fn plain(pgn: u32, whose: Whose, quantity: Quantity, at: At, factor: f64) -> Plain {
    Plain { pgn, whose, quantity, at, factor }
}

use Whose::{Machine, Ship};

/// Sorted by group number.
pub(super) static PLAIN: &[Plain] = &[
    plain(61_444, Ship, Quantity::RotationSpeed, unsigned(24, 16, 0.125), 1.0 / 60.0),
    plain(65_262, Ship, Quantity::Temperature, At { offset: 233.15, ..unsigned(0, 8, 1.0) }, 1.0),
    plain(65_263, Ship, Quantity::Pressure, unsigned(24, 8, 4_000.0), 1.0),
    plain(127_245, Machine(0, 8), Quantity::RudderOrder, signed(16, 16, 1e-4), DEGREES),
    plain(127_245, Machine(0, 8), Quantity::RudderAngle, signed(32, 16, 1e-4), DEGREES),
    plain(127_251, Ship, Quantity::RateOfTurn, signed(8, 32, 3.125e-8), DEGREES * 60.0),
    plain(127_488, Machine(0, 8), Quantity::RotationSpeed, unsigned(8, 16, 0.25), 1.0 / 60.0),
    plain(127_489, Machine(0, 8), Quantity::Pressure, unsigned(8, 16, 100.0), 1.0),
    plain(127_489, Machine(0, 8), Quantity::Temperature, unsigned(40, 16, 0.01), 1.0),
    plain(127_505, Machine(0, 4), Quantity::TankLevel, signed(8, 16, 0.004), 0.01),
    plain(128_259, Ship, Quantity::SpeedThroughWater, unsigned(8, 16, 0.01), 1.0),
    plain(128_267, Ship, Quantity::DepthBelowTransducer, unsigned(8, 32, 0.01), 1.0),
    plain(129_026, Ship, Quantity::SpeedOverGround, unsigned(32, 16, 0.01), 1.0),
    plain(129_029, Ship, Quantity::SatellitesUsed, unsigned(264, 8, 1.0), 1.0),
    plain(129_029, Ship, Quantity::Hdop, signed(272, 16, 0.01), 1.0),
    plain(130_306, Ship, Quantity::WindSpeed, unsigned(8, 16, 0.01), 1.0),
    plain(130_310, Ship, Quantity::Temperature, unsigned(8, 16, 0.01), 1.0),
    plain(130_310, Ship, Quantity::Pressure, unsigned(40, 16, 100.0), 1.0),
    plain(130_311, Ship, Quantity::Temperature, unsigned(16, 16, 0.01), 1.0),
    plain(130_311, Ship, Quantity::Pressure, unsigned(48, 16, 100.0), 1.0),
    plain(130_312, Machine(8, 8), Quantity::Temperature, unsigned(24, 16, 0.01), 1.0),
    plain(130_314, Machine(8, 8), Quantity::Pressure, signed(24, 32, 0.1), 1.0),
    plain(130_316, Machine(8, 8), Quantity::Temperature, unsigned(24, 24, 0.001), 1.0),
];

/// Latitude and longitude of the groups that carry a position of own ship.
pub(super) static POSITIONS: &[(u32, At, At)] =
    &[(129_025, signed(0, 32, 1e-7), signed(32, 32, 1e-7)), (129_029, signed(56, 64, 1e-16), signed(120, 64, 1e-16))];

/// Adds what a message measures.
pub(super) fn measure(pgn: u32, data: &[u8], acts: &mut Acts<'_>) {
    let first = PLAIN.partition_point(|plain| plain.pgn < pgn);
    for plain in PLAIN.get(first..).unwrap_or_default().iter().take_while(|plain| plain.pgn == pgn) {
        let of = match plain.whose {
            Ship => Of::OwnShip,
            Machine(bit, count) => Of::Machine(bits(data, bit, count).map_or(0, |instance| instance.to_le_bytes()[0])),
        };
        acts.measures(of, plain.quantity, plain.at.read(data).map(|number| number * plain.factor));
    }
    match pgn {
        127_250 => heading(data, acts),
        129_025 | 129_029 => {
            if let Some((_, lat, lon)) = POSITIONS.iter().find(|(group, ..)| *group == pgn) {
                position(Of::OwnShip, *lat, *lon, data, acts);
            }
            if pgn == 129_029 {
                fix(data, acts);
                utc(8, 24, data, acts);
            }
        }
        129_026 if bits(data, 8, 2) == Some(0) => {
            let course = unsigned(16, 16, 1e-4).read(data).map(|course| course * DEGREES);
            acts.measures(Of::OwnShip, Quantity::CourseOverGround, course);
        }
        126_992 => utc(16, 32, data, acts),
        129_033 => utc(0, 16, data, acts),
        // Relative to the bow: apparent and the two true winds; the others are relative to north.
        130_306 if matches!(bits(data, 40, 3), Some(2..=4)) => {
            let angle = unsigned(24, 16, 1e-4).read(data).map(|angle| angle * DEGREES);
            acts.measures(Of::OwnShip, Quantity::WindAngle, angle);
        }
        129_038..=129_041 | 129_798 => ais(pgn, data, acts),
        127_237 if bits(data, 14, 2) == Some(0) => {
            acts.measures(
                Of::OwnShip,
                Quantity::HeadingOrder,
                HEADING_TO_STEER.read(data).map(|angle| angle * DEGREES),
            );
            acts.measures(Of::OwnShip, Quantity::TrackOrder, TRACK.read(data).map(|angle| angle * DEGREES));
        }
        129_044 => datum(data, acts),
        129_540 => satellites(data, acts),
        _ => {}
    }
}

/// Of 129029: how the fix was got, and the height. The wire gives the height above the ellipsoid and, apart, how far the sea lies above it.
const METHOD: At = unsigned(252, 4, 1.0);
const HEIGHT: At = signed(184, 64, 1e-6);
const GEOID: At = signed(304, 32, 0.01);
/// Of 127237.
const HEADING_TO_STEER: At = unsigned(40, 16, 1e-4);
const TRACK: At = unsigned(56, 16, 1e-4);

fn fix(data: &[u8], acts: &mut Acts<'_>) {
    acts.measures(Of::OwnShip, Quantity::FixQuality, METHOD.read(data));
    if let (Some(height), Some(geoid)) = (HEIGHT.read(data), GEOID.read(data)) {
        acts.measures(Of::OwnShip, Quantity::Altitude, Some(height - geoid));
    }
}

/// 129044: the code of the datum in use and the offset from the reference datum.
fn datum(data: &[u8], acts: &mut Acts<'_>) {
    let Some(code) = data.get(..4) else { return };
    let letters = code.iter().take_while(|letter| letter.is_ascii_alphanumeric());
    let code = letters.fold(0_u32, |code, letter| (code << 8) | u32::from(*letter));
    if code == 0 {
        return;
    }
    acts.measures(Of::OwnShip, Quantity::Datum, Some(f64::from(code)));
    if let (Some(lat), Some(lon)) = (signed(32, 32, 1e-7).read(data), signed(64, 32, 1e-7).read(data)) {
        acts.push(Act::Measures {
            of: Of::OwnShip,
            quantity: Quantity::DatumOffset,
            value: Value::Position { lat, lon },
        });
    }
}

/// 129540: number and strength of the satellites, as many as fit into the list.
fn satellites(data: &[u8], acts: &mut Acts<'_>) {
    const FIRST: usize = 24;
    const EACH: usize = 96;
    acts.measures(Of::OwnShip, Quantity::SatellitesInView, unsigned(16, 8, 1.0).read(data));
    let count =
        bits(data, 16, 8).and_then(|count| usize::try_from(count).ok()).filter(|count| *count < 253).unwrap_or(0);
    for index in 0..count.min(12) {
        let start = index.wrapping_mul(EACH).wrapping_add(FIRST);
        let part =
            |at: usize, width| bits(data, start.wrapping_add(at), width).and_then(|part| u16::try_from(part).ok());
        // The systems number their satellites each for itself.
        let number = part(0, 8).zip(part(92, 4)).map(|(number, system)| (system << 8) | number);
        let strength = signed(start.wrapping_add(40), 16, 0.01).read(data).filter(|strength| *strength > 0.0);
        if let Some(number) = number {
            acts.measures(Of::Satellite(number), Quantity::CarrierToNoise, strength);
        }
    }
}

fn heading(data: &[u8], acts: &mut Acts<'_>) {
    let degrees = unsigned(8, 16, 1e-4).read(data).map(|heading| heading * DEGREES);
    match bits(data, 56, 2) {
        Some(0) => acts.measures(Of::OwnShip, Quantity::HeadingTrue, degrees),
        Some(1) => acts.measures(Of::OwnShip, Quantity::HeadingMagnetic, degrees),
        _ => {}
    }
}

fn position(of: Of, lat: At, lon: At, data: &[u8], acts: &mut Acts<'_>) {
    if let (Some(lat), Some(lon)) = (lat.read(data), lon.read(data)) {
        if lat.abs() <= 90.0 && lon.abs() <= 180.0 {
            acts.push(Act::Measures { of, quantity: Quantity::Position, value: Value::Position { lat, lon } });
        } else {
            acts.push(Act::Odd("n2k.position-out-of-range"));
        }
    }
}

/// A date (days since 1970, 16 bits) and a time of day (0.1 ms, 32 bits). More than a day or a leap second is no time of day.
fn utc(date: usize, time: usize, data: &[u8], acts: &mut Acts<'_>) {
    let Some(time) = bits(data, time, 32).filter(|time| *time <= 0xffff_fffc) else { return };
    if time > 864_010_000 {
        acts.push(Act::Odd("n2k.time-out-of-range"));
        return;
    }
    let of_day = Duration::from_micros(time.saturating_mul(100));
    let value = match bits(data, date, 16).filter(|days| *days <= 0xfffc) {
        Some(days) => {
            let midnight = i64::try_from(days).unwrap_or(0).saturating_mul(DAY);
            Value::Time(CaptureTime::from_parts(midnight, 0).plus(of_day))
        }
        None => Value::TimeOfDay(of_day),
    };
    acts.push(Act::Measures { of: Of::OwnShip, quantity: Quantity::UtcTime, value });
}

/// Whom an AIS message is about: the station by MMSI, and own ship when the transponder says the message is its own (transceiver
/// information 2 to 4: sent on channel A or B, or not sent).
pub(super) fn ais_subject(data: &[u8], transceiver: usize) -> Option<(Of, u32)> {
    let mmsi = bits(data, 8, 32).filter(|mmsi| *mmsi <= 999_999_999)?;
    let mmsi = u32::try_from(mmsi).ok()?;
    let own = matches!(bits(data, transceiver, 5), Some(2..=4));
    Some((if own { Of::OwnShipByAis(mmsi) } else { Of::Target(mmsi) }, mmsi))
}

/// AIS positions: the first 14 bytes of these groups are alike.
fn ais(pgn: u32, data: &[u8], acts: &mut Acts<'_>) {
    let transceiver = match pgn {
        129_040 => 422,
        129_041 => 200,
        _ => 163,
    };
    let Some((of, _)) = ais_subject(data, transceiver) else { return };
    position(of, signed(72, 32, 1e-7), signed(40, 32, 1e-7), data, acts);
    if pgn == 129_041 {
        return;
    }
    acts.measures(of, Quantity::CourseOverGround, unsigned(112, 16, 1e-4).read(data).map(|course| course * DEGREES));
    // The speed of a search and rescue aircraft comes in steps ten times those of ships.
    let step = if pgn == 129_798 { 0.1 } else { 0.01 };
    acts.measures(of, Quantity::SpeedOverGround, unsigned(128, 16, step).read(data));
    if matches!(pgn, 129_038..=129_040) {
        acts.measures(of, Quantity::HeadingTrue, unsigned(168, 16, 1e-4).read(data).map(|angle| angle * DEGREES));
    }
    if pgn == 129_038 {
        #[expect(clippy::cast_precision_loss, reason = "four bits")]
        let status = bits(data, 200, 4).map(|status| status as f64);
        acts.measures(of, Quantity::NavigationalStatus, status);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maritime::n2k::table::Table;

    /// The field of a group's first definition that begins at a bit.
    fn stands(pgn: u32, at: At) -> Option<bool> {
        let table = Table::shared();
        let mut bit = 0;
        for field in table.fields(table.first(pgn)?) {
            if bit == at.bit {
                let same_scale = (field.scale.resolution - at.scale).abs() <= at.scale * 1e-12;
                let same_offset = (field.scale.offset - at.offset).abs() < 1e-9;
                return Some(field.bits == at.bits && field.signed == at.signed && same_scale && same_offset);
            }
            bit += field.bits;
        }
        None
    }

    #[test]
    fn every_line_agrees_with_the_definitions() {
        for plain in PLAIN {
            assert_eq!(stands(plain.pgn, plain.at), Some(true), "{} {:?}", plain.pgn, plain.quantity);
        }
        for (pgn, lat, lon) in POSITIONS {
            assert_eq!((stands(*pgn, *lat), stands(*pgn, *lon)), (Some(true), Some(true)), "{pgn}");
        }
        for (pgn, at) in [
            (127_250, unsigned(8, 16, 1e-4)),
            (127_250, unsigned(56, 2, 1.0)),
            (129_026, unsigned(8, 2, 1.0)),
            (129_026, unsigned(16, 16, 1e-4)),
            (130_306, unsigned(24, 16, 1e-4)),
            (130_306, unsigned(40, 3, 1.0)),
            (126_992, unsigned(16, 16, 1.0)),
            (129_033, unsigned(0, 16, 1.0)),
            (129_029, unsigned(8, 16, 1.0)),
            (129_029, METHOD),
            (129_029, HEIGHT),
            (129_029, GEOID),
            (127_237, unsigned(14, 2, 1.0)),
            (127_237, HEADING_TO_STEER),
            (127_237, TRACK),
            (129_044, signed(32, 32, 1e-7)),
            (129_044, signed(64, 32, 1e-7)),
            (129_540, unsigned(16, 8, 1.0)),
            (129_540, unsigned(24, 8, 1.0)),
            (129_540, signed(64, 16, 0.01)),
            (129_540, unsigned(116, 4, 1.0)),
            (129_038, unsigned(200, 4, 1.0)),
            (129_038, unsigned(163, 5, 1.0)),
            (129_039, unsigned(163, 5, 1.0)),
            (129_040, unsigned(422, 5, 1.0)),
            (129_041, unsigned(200, 5, 1.0)),
            (129_798, unsigned(163, 5, 1.0)),
            (129_794, unsigned(592, 5, 1.0)),
            (129_809, unsigned(200, 5, 1.0)),
        ] {
            assert_eq!(stands(pgn, at), Some(true), "{pgn} {at:?}");
        }
        for pgn in [129_038, 129_039, 129_040, 129_798] {
            let speed = unsigned(128, 16, if pgn == 129_798 { 0.1 } else { 0.01 });
            for at in [signed(40, 32, 1e-7), signed(72, 32, 1e-7), unsigned(112, 16, 1e-4), speed] {
                assert_eq!(stands(pgn, at), Some(true), "{pgn} {at:?}");
            }
        }
        assert!(PLAIN.is_sorted_by_key(|plain| plain.pgn));
    }
}
