//! What a sentence measures, in SI units, only while the sender itself calls it valid: status `V`, mode `N` and quality 0 measure nothing but
//! that there is no fix.
//!
//! Left out on purpose: true wind (only wind relative to the bow has a quantity), depth below keel or surface, transducers of `XDR` (their
//! names are the installer's), temperature of the air (the quantity is that of the water), targets of `TTM`/`TLL` (numbered by the radar, not
//! by MMSI). Their fields are shown all the same.

use dogwatch_model::{Of, Quantity, Value};

use super::sentence::{Address, Sentence};
use super::value::{self, Date};
use crate::maritime::acts::ActList;

const KNOT: f64 = 1_852.0 / 3_600.0;
const KMH: f64 = 1_000.0 / 3_600.0;
const KELVIN: f64 = 273.15;
const FOOT: f64 = 0.3048;
const FATHOM: f64 = 1.8288;
const INCH_OF_MERCURY: f64 = 3_386.389;
const BAR: f64 = 100_000.0;

/// Reads measures of one sentence into the list of acts.
struct Reader<'l, 'a> {
    sentence: &'l Sentence<'a>,
    acts: &'l mut ActList<'a>,
}

/// Adds what `sentence` measures to `acts`.
pub(crate) fn measure<'a>(sentence: &Sentence<'a>, acts: &mut ActList<'a>) {
    let Address::Talker { formatter, .. } = sentence.address else { return };
    let mut reader = Reader { sentence, acts };
    match formatter.as_bytes() {
        b"GGA" => reader.gga(),
        b"RMC" => reader.rmc(),
        b"GLL" => reader.gll(),
        b"GNS" => reader.gns(),
        b"VTG" => reader.vtg(),
        b"ZDA" => reader.zda(),
        b"GSA" if !reader.is(1, b"1") => reader.number(15, Quantity::Hdop, 1.0),
        b"GSV" => reader.gsv(),
        b"DTM" => reader.dtm(),
        b"HTC" | b"HTD" => reader.steering(),
        b"APB" if reader.is(0, b"A") => reader.apb(),
        b"HSC" => reader.number(0, Quantity::HeadingOrder, 1.0),
        b"HDT" => reader.number(0, Quantity::HeadingTrue, 1.0),
        b"THS" if !reader.is(1, b"V") => reader.number(0, Quantity::HeadingTrue, 1.0),
        b"HDG" | b"HDM" => reader.number(0, Quantity::HeadingMagnetic, 1.0),
        b"ROT" if reader.is(1, b"A") => reader.number(0, Quantity::RateOfTurn, 1.0),
        b"OSD" if reader.is(1, b"A") => reader.number(0, Quantity::HeadingTrue, 1.0),
        b"VHW" => reader.vhw(),
        b"VBW" => reader.vbw(),
        b"DPT" => reader.number(0, Quantity::DepthBelowTransducer, 1.0),
        b"DBT" => reader.dbt(),
        b"MWV" if reader.is(1, b"R") && reader.is(4, b"A") => reader.mwv(),
        b"VWR" => reader.vwr(),
        b"MTW" => reader.temperature(0),
        b"RSA" => reader.rudders(Quantity::RudderAngle),
        b"ROR" => reader.rudders(Quantity::RudderOrder),
        b"RPM" if reader.is(4, b"A") => reader.rpm(),
        b"MMB" => reader.pressure(),
        b"MDA" => {
            reader.pressure();
            reader.temperature(6);
        }
        _ => {}
    }
}

impl Reader<'_, '_> {
    fn field(&self, index: usize) -> &[u8] {
        self.sentence.field(index)
    }

    fn is(&self, index: usize, want: &[u8]) -> bool {
        self.field(index) == want
    }

    fn push(&mut self, of: Of, quantity: Quantity, value: Value) {
        self.acts.measures(of, quantity, value);
    }

    /// A number times `unit`; nothing when the field is empty or no number.
    fn number(&mut self, index: usize, quantity: Quantity, unit: f64) {
        if let Some(number) = value::number(self.field(index)) {
            self.push(Of::OwnShip, quantity, Value::Number(number * unit));
        }
    }

    /// Four fields: latitude, hemisphere, longitude, hemisphere.
    fn position(&mut self, first: usize) {
        let lat = value::latitude(self.field(first), self.field(first.wrapping_add(1)));
        let lon = value::longitude(self.field(first.wrapping_add(2)), self.field(first.wrapping_add(3)));
        if let (Some(lat), Some(lon)) = (lat, lon) {
            self.push(Of::OwnShip, Quantity::Position, Value::Position { lat, lon });
        }
    }

    fn time_of_day(&mut self, index: usize) {
        if let Some(clock) = value::time(self.field(index)) {
            self.push(Of::OwnShip, Quantity::UtcTime, Value::TimeOfDay(clock.since_midnight()));
        }
    }

    /// How the fix was got; whether there is one.
    fn quality(&mut self, code: u8) -> bool {
        self.push(Of::OwnShip, Quantity::FixQuality, Value::Number(f64::from(code)));
        code > 0
    }

    /// The mode indicator of the table in IEC 61162-1, clause 7.2.3.4 as a code of GGA.
    fn mode(&mut self, index: usize) -> bool {
        let code = match self.field(index) {
            b"N" => 0,
            b"D" => 2,
            b"P" => 3,
            b"R" => 4,
            b"F" => 5,
            b"E" => 6,
            b"M" => 7,
            b"S" => 8,
            _ => 1,
        };
        self.quality(code)
    }

    fn gga(&mut self) {
        // An empty quality comes with empty positions; 0 is "no fix".
        let code = value::unsigned(self.field(5)).and_then(|code| u8::try_from(code).ok()).unwrap_or(0);
        if !self.quality(code) {
            return;
        }
        self.position(1);
        self.time_of_day(0);
        self.number(6, Quantity::SatellitesUsed, 1.0);
        self.number(7, Quantity::Hdop, 1.0);
        self.number(8, Quantity::Altitude, 1.0);
    }

    fn rmc(&mut self) {
        if !self.is(1, b"A") {
            self.quality(0);
            return;
        }
        if !self.mode(11) {
            return;
        }
        self.position(2);
        match (value::time(self.field(0)), value::date(self.field(8))) {
            (Some(clock), Some(date)) => self.push(Of::OwnShip, Quantity::UtcTime, Value::Time(date.at(clock))),
            _ => self.time_of_day(0),
        }
        self.number(6, Quantity::SpeedOverGround, KNOT);
        self.number(7, Quantity::CourseOverGround, 1.0);
    }

    fn gll(&mut self) {
        if self.is(5, b"V") {
            self.quality(0);
            return;
        }
        if !self.mode(6) {
            return;
        }
        self.position(0);
        self.time_of_day(4);
    }

    fn gns(&mut self) {
        if self.field(5).iter().all(|mode| *mode == b'N') {
            self.quality(0);
            return;
        }
        self.position(1);
        self.time_of_day(0);
        self.number(6, Quantity::SatellitesUsed, 1.0);
        self.number(7, Quantity::Hdop, 1.0);
        self.number(8, Quantity::Altitude, 1.0);
    }

    fn vtg(&mut self) {
        // Before edition 2.0 the units had no fields of their own: four numbers in a row.
        if self.is(8, b"N") || !self.is(1, b"T") {
            return;
        }
        self.number(0, Quantity::CourseOverGround, 1.0);
        if self.field(4).is_empty() {
            self.number(6, Quantity::SpeedOverGround, KMH);
        } else {
            self.number(4, Quantity::SpeedOverGround, KNOT);
        }
    }

    /// Four satellites: number, elevation, azimuth, strength. One that is not tracked has no strength.
    fn gsv(&mut self) {
        self.number(2, Quantity::SatellitesInView, 1.0);
        for first in [3_usize, 7, 11, 15] {
            let number = value::unsigned(self.field(first)).and_then(|number| u16::try_from(number).ok());
            let strength = value::number(self.field(first.wrapping_add(3)));
            // The last field of a short group of edition 4.1 is the signal, not a satellite: it has nothing three fields behind it.
            if let (Some(number), Some(strength)) = (number, strength.filter(|strength| *strength > 0.0)) {
                self.push(Of::Satellite(number), Quantity::CarrierToNoise, Value::Number(strength));
            }
        }
    }

    fn dtm(&mut self) {
        let code = self.field(0).iter().take(4).fold(0_u32, |code, letter| (code << 8) | u32::from(*letter));
        if code == 0 {
            return;
        }
        self.push(Of::OwnShip, Quantity::Datum, Value::Number(f64::from(code)));
        let minutes = |index: usize, negative: &[u8]| {
            let side = if self.is(index.wrapping_add(1), negative) { -1.0 } else { 1.0 };
            value::number(self.field(index)).map(|minutes| side * minutes / 60.0)
        };
        if let (Some(lat), Some(lon)) = (minutes(2, b"S"), minutes(4, b"W")) {
            self.push(Of::OwnShip, Quantity::DatumOffset, Value::Position { lat, lon });
        }
    }

    /// Heading and track of HTC and HTD, when they are true ones.
    fn steering(&mut self) {
        if self.is(12, b"T") {
            self.number(9, Quantity::HeadingOrder, 1.0);
            self.number(11, Quantity::TrackOrder, 1.0);
        }
    }

    fn apb(&mut self) {
        if self.is(8, b"T") {
            self.number(7, Quantity::TrackOrder, 1.0);
        }
        if self.is(13, b"T") {
            self.number(12, Quantity::HeadingOrder, 1.0);
        }
    }

    fn zda(&mut self) {
        let part = |index| value::unsigned(self.field(index));
        let date = part(3)
            .and_then(|year| u16::try_from(year).ok())
            .zip(part(2))
            .zip(part(1))
            .and_then(|((year, month), day)| Date::new(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?));
        match (value::time(self.field(0)), date) {
            (Some(clock), Some(date)) => self.push(Of::OwnShip, Quantity::UtcTime, Value::Time(date.at(clock))),
            _ => self.time_of_day(0),
        }
    }

    fn vhw(&mut self) {
        self.number(0, Quantity::HeadingTrue, 1.0);
        self.number(2, Quantity::HeadingMagnetic, 1.0);
        if self.field(4).is_empty() {
            self.number(6, Quantity::SpeedThroughWater, KMH);
        } else {
            self.number(4, Quantity::SpeedThroughWater, KNOT);
        }
    }

    fn vbw(&mut self) {
        if self.is(2, b"A") {
            self.number(0, Quantity::SpeedThroughWater, KNOT);
        }
        if self.is(5, b"A") {
            let (ahead, aside) = (value::number(self.field(3)), value::number(self.field(4)));
            if let Some(ahead) = ahead {
                let speed = libm::hypot(ahead, aside.unwrap_or(0.0)) * KNOT;
                self.push(Of::OwnShip, Quantity::SpeedOverGround, Value::Number(speed));
            }
        }
    }

    fn dbt(&mut self) {
        let (index, unit) = match (self.field(2).is_empty(), self.field(0).is_empty()) {
            (false, _) => (2, 1.0),
            (true, false) => (0, FOOT),
            (true, true) => (4, FATHOM),
        };
        self.number(index, Quantity::DepthBelowTransducer, unit);
    }

    fn mwv(&mut self) {
        self.number(0, Quantity::WindAngle, 1.0);
        let unit = match self.field(3) {
            b"K" => KMH,
            b"M" => 1.0,
            b"N" => KNOT,
            b"S" => 1_609.344 / 3_600.0,
            _ => return,
        };
        self.number(2, Quantity::WindSpeed, unit);
    }

    fn vwr(&mut self) {
        let side = if self.is(1, b"L") { -1.0 } else { 1.0 };
        if let Some(angle) = value::number(self.field(0)) {
            let from_bow = if side < 0.0 && angle > 0.0 { 360.0 - angle } else { angle };
            self.push(Of::OwnShip, Quantity::WindAngle, Value::Number(from_bow));
        }
        let (index, unit) = match (self.field(4).is_empty(), self.field(2).is_empty()) {
            (false, _) => (4, 1.0),
            (true, false) => (2, KNOT),
            (true, true) => (6, KMH),
        };
        self.number(index, Quantity::WindSpeed, unit);
    }

    fn temperature(&mut self, index: usize) {
        if let Some(celsius) = value::number(self.field(index)) {
            self.push(Of::OwnShip, Quantity::Temperature, Value::Number(celsius + KELVIN));
        }
    }

    fn pressure(&mut self) {
        if self.field(2).is_empty() {
            self.number(0, Quantity::Pressure, INCH_OF_MERCURY);
        } else {
            // Some stations write millibar under the letter of bar; ten bar of air are no weather.
            let is_millibar = value::number(self.field(2)).is_some_and(|bar| bar > 10.0);
            self.number(2, Quantity::Pressure, if is_millibar { BAR / 1_000.0 } else { BAR });
        }
    }

    /// Starboard or single rudder is 0, the port one 1.
    fn rudders(&mut self, quantity: Quantity) {
        for (machine, index) in [(0, 0), (1, 2_usize)] {
            if self.is(index.wrapping_add(1), b"A")
                && let Some(angle) = value::number(self.field(index))
            {
                self.push(Of::Machine(machine), quantity, Value::Number(angle));
            }
        }
    }

    fn rpm(&mut self) {
        let number = value::unsigned(self.field(1)).and_then(|number| u8::try_from(number).ok());
        if let (Some(machine), Some(speed)) = (number, value::number(self.field(2))) {
            self.push(Of::Machine(machine), Quantity::RotationSpeed, Value::Number(speed / 60.0));
        }
    }
}
