//! What an AIS message measures, and what own ship's transponder says of itself.

use std::time::Duration;

use dogwatch_model::{Act, Attribute, FactValue, Of, Quantity, Speaker, Value};

use super::bits::Bits;
use super::layout::{degrees, scale, turn};
use crate::maritime::acts::ActList;
use crate::maritime::nmea0183::identity::{Told, fingerprint, speaker_key};
use crate::maritime::nmea0183::value::{Clock, Date};

const KNOT: f64 = 1_852.0 / 3_600.0;

/// Where a kind of report keeps what it measures: first bit of each, in the widths that kind uses.
struct Places {
    speed: Option<usize>,
    lon: usize,
    lat: usize,
    course: Option<usize>,
    heading: Option<usize>,
}

/// Adds what the message measures: of own ship as AIS tells it, or of a target.
pub(crate) fn measure(bits: &Bits<'_>, kind: u64, mmsi: u32, own: bool, acts: &mut ActList<'_>) {
    let of = if own { Of::OwnShipByAis(mmsi) } else { Of::Target(mmsi) };
    let places = match kind {
        1..=3 => Places { speed: Some(50), lon: 61, lat: 89, course: Some(116), heading: Some(128) },
        5 => return length(bits, of, acts),
        4 | 11 => Places { speed: None, lon: 79, lat: 107, course: None, heading: None },
        18 | 19 => Places { speed: Some(46), lon: 57, lat: 85, course: Some(112), heading: Some(124) },
        9 => Places { speed: None, lon: 61, lat: 89, course: Some(116), heading: None },
        21 => Places { speed: None, lon: 164, lat: 192, course: None, heading: None },
        27 => return long_range(bits, of, acts),
        _ => return,
    };
    position(degrees(bits, places.lat, 27, 600_000.0, 91.0), degrees(bits, places.lon, 28, 600_000.0, 181.0), of, acts);
    let number = |at: Option<usize>, width, absent| {
        let raw = bits.unsigned(at?, width)?;
        (raw < absent).then(|| scale(raw.cast_signed(), 1.0))
    };
    if let Some(tenths) = number(places.speed, 10, 1_023) {
        acts.measures(of, Quantity::SpeedOverGround, Value::Number(tenths / 10.0 * KNOT));
    }
    if let Some(tenths) = number(places.course, 12, 3_600) {
        acts.measures(of, Quantity::CourseOverGround, Value::Number(tenths / 10.0));
    }
    if let Some(heading) = number(places.heading, 9, 360) {
        acts.measures(of, Quantity::HeadingTrue, Value::Number(heading));
    }
    match kind {
        1..=3 => {
            if let Some(rate) = bits.signed(42, 8).and_then(turn) {
                acts.measures(of, Quantity::RateOfTurn, Value::Number(rate));
            }
            if let Some(status) = number(Some(38), 4, 15) {
                acts.measures(of, Quantity::NavigationalStatus, Value::Number(status));
            }
        }
        9 => {
            if let Some(speed) = number(Some(50), 10, 1_023) {
                acts.measures(of, Quantity::SpeedOverGround, Value::Number(speed * KNOT));
            }
            if let Some(altitude) = number(Some(38), 12, 4_095) {
                acts.measures(of, Quantity::Altitude, Value::Number(altitude));
            }
        }
        4 | 11 => time(bits, of, acts),
        _ => {}
    }
}

/// Metres from the bow and from the stern to the place that positions are of; both 0 is "not told".
fn length(bits: &Bits<'_>, of: Of, acts: &mut ActList<'_>) {
    let (bow, stern) = (bits.unsigned(240, 9).unwrap_or(0), bits.unsigned(249, 9).unwrap_or(0));
    let length = bow.saturating_add(stern);
    if length > 0 {
        acts.measures(of, Quantity::ShipLength, Value::Number(scale(length.cast_signed(), 1.0)));
    }
}

/// A place on the globe; outside of it and not "not available" is odd.
fn position(lat: Option<f64>, lon: Option<f64>, of: Of, acts: &mut ActList<'_>) {
    let (Some(lat), Some(lon)) = (lat, lon) else { return };
    if lat.abs() <= 90.0 && lon.abs() <= 180.0 {
        acts.measures(of, Quantity::Position, Value::Position { lat, lon });
    } else {
        acts.push(Act::Odd("ais.position-outside-globe"));
    }
}

/// Message 27: coarse, for satellites.
fn long_range(bits: &Bits<'_>, of: Of, acts: &mut ActList<'_>) {
    position(degrees(bits, 62, 17, 600.0, 91.0), degrees(bits, 44, 18, 600.0, 181.0), of, acts);
    if let Some(speed) = bits.unsigned(79, 6).filter(|speed| *speed < 63) {
        acts.measures(of, Quantity::SpeedOverGround, Value::Number(scale(speed.cast_signed(), 1.0) * KNOT));
    }
    if let Some(course) = bits.unsigned(85, 9).filter(|course| *course < 360) {
        acts.measures(of, Quantity::CourseOverGround, Value::Number(scale(course.cast_signed(), 1.0)));
    }
    if let Some(status) = bits.unsigned(40, 4).filter(|status| *status < 15) {
        acts.measures(of, Quantity::NavigationalStatus, Value::Number(scale(status.cast_signed(), 1.0)));
    }
}

/// UTC of a base station.
fn time(bits: &Bits<'_>, of: Of, acts: &mut ActList<'_>) {
    let part = |at, width| bits.unsigned(at, width).and_then(|value| u8::try_from(value).ok());
    let year = bits.unsigned(38, 14).and_then(|year| u16::try_from(year).ok()).filter(|year| *year > 0);
    let (Some(year), Some(month), Some(day)) = (year, part(52, 4), part(56, 5)) else { return };
    let (Some(hour), Some(minute), Some(second)) = (part(61, 5), part(66, 6), part(72, 6)) else { return };
    let Some(date) = Date::new(year, month, day) else { return };
    let clock = Clock { hour, minute, second, nanos: 0 };
    if hour < 24 && minute < 60 && clock.since_midnight() < Duration::from_secs(86_400) {
        acts.measures(of, Quantity::UtcTime, Value::Time(date.at(clock)));
    }
}

/// Texts of a message that facts borrow until it was handed out.
pub(crate) struct Texts {
    name: [u8; 20],
    call_sign: [u8; 7],
    vendor: [u8; 3],
}

impl Texts {
    /// Empty.
    pub(crate) const fn new() -> Self {
        Self { name: [0; 20], call_sign: [0; 7], vendor: [0; 3] }
    }
}

/// Tells who own ship is, each thing once.
pub(crate) fn identify<'a>(
    bits: &Bits<'_>,
    kind: u64,
    mmsi: u32,
    speaker: Speaker,
    told: &mut Told,
    texts: &'a mut Texts,
    acts: &mut ActList<'a>,
) {
    let key = match speaker {
        Speaker::Sfi(sfi) => speaker_key(Some(sfi)),
        _ => 0,
    };
    if mmsi > 0 && told.is_new(key, fingerprint(&mmsi.to_be_bytes())) {
        acts.says(Attribute::Mmsi, FactValue::Number(u64::from(mmsi)), 75, "ais.vdo");
    }
    let (name_at, call_at) = match (kind, bits.unsigned(38, 2)) {
        (5, _) => (Some(112), Some(70)),
        (19, _) => (Some(143), None),
        (24, Some(0)) => (Some(40), None),
        (24, Some(1)) => (None, Some(90)),
        _ => return,
    };
    let Texts { name, call_sign, vendor } = texts;
    if kind == 5
        && let Some(imo) = bits.unsigned(40, 30).filter(|imo| *imo > 0)
        && told.is_new(key, fingerprint(&imo.to_be_bytes()))
    {
        acts.says(Attribute::ImoNumber, FactValue::Number(imo), 75, "ais.vdo.5");
    }
    let method = if kind == 5 { "ais.vdo.5" } else { "ais.vdo.24" };
    if let Some(at) = name_at {
        let text = bits.text(at, 20, name);
        if !text.is_empty() && told.is_new(key, fingerprint(text.as_bytes())) {
            acts.says(Attribute::ShipName, FactValue::Text(text), 75, method);
        }
    }
    if let Some(at) = call_at {
        let text = bits.text(at, 7, call_sign);
        // Call sign and name may be the same word; the prefix keeps them apart.
        if !text.is_empty() && told.is_new(key, fingerprint(text.as_bytes()).wrapping_add(2)) {
            acts.says(Attribute::CallSign, FactValue::Text(text), 75, method);
        }
    }
    if kind == 24 && call_at.is_some() {
        let text = bits.text(48, 3, vendor);
        if !text.is_empty() && told.is_new(key, fingerprint(text.as_bytes()).wrapping_add(4)) {
            acts.says(Attribute::Manufacturer, FactValue::Text(text), 50, method);
        }
    }
}
