//! Measured quantities against the Signal K deltas of an independent parser: the same sentence, both in SI units (theirs in radians).

use dogwatch_model::{CaptureTime, Quantity, Value as Measured};
use serde::Deserialize;
use serde_json::Value;

use crate::corpus::{Tally, cases, files, maritime};
use crate::replay::{Replay, plain_flow};

#[derive(Deserialize)]
struct Case {
    input: String,
    #[serde(default)]
    expect: Value,
}

/// The quantity of a Signal K path, and whether it is an angle.
fn quantity(path: &str) -> Option<(Quantity, bool)> {
    Some(match path {
        "navigation.position" => (Quantity::Position, false),
        "navigation.datetime" => (Quantity::UtcTime, false),
        "navigation.courseOverGroundTrue" => (Quantity::CourseOverGround, true),
        "navigation.speedOverGround" => (Quantity::SpeedOverGround, false),
        "navigation.headingTrue" => (Quantity::HeadingTrue, true),
        "navigation.headingMagnetic" => (Quantity::HeadingMagnetic, true),
        "navigation.gnss.antennaAltitude" => (Quantity::Altitude, false),
        "navigation.gnss.horizontalDilution" => (Quantity::Hdop, false),
        "navigation.gnss.satellites" => (Quantity::SatellitesUsed, false),
        "environment.depth.belowTransducer" => (Quantity::DepthBelowTransducer, false),
        "environment.wind.angleApparent" => (Quantity::WindAngle, true),
        "environment.wind.speedApparent" => (Quantity::WindSpeed, false),
        "environment.water.temperature" => (Quantity::Temperature, false),
        "environment.outside.pressure" => (Quantity::Pressure, false),
        "steering.rudderAngle" => (Quantity::RudderAngle, true),
        _ => return None,
    })
}

fn same(theirs: &Value, ours: &Measured, is_angle: bool) -> bool {
    match *ours {
        Measured::Number(ours) => theirs.as_f64().is_some_and(|theirs| {
            if is_angle {
                let apart = (theirs.to_degrees() - ours).rem_euclid(360.0);
                return apart.min(360.0 - apart) < 1e-3;
            }
            // Their knot has seven digits.
            (theirs - ours).abs() <= 1e-5 * theirs.abs().max(1.0)
        }),
        Measured::Position { lat, lon } => {
            let near = |key: &str, ours: f64| theirs[key].as_f64().is_some_and(|theirs| (theirs - ours).abs() < 1e-8);
            near("latitude", lat) && near("longitude", lon)
        }
        Measured::Time(time) => theirs.as_str().and_then(CaptureTime::parse_rfc3339) == Some(time),
        Measured::TimeOfDay(_) => false,
    }
}

/// Why a difference is not ours to mend. Reasons are about kinds of sentences.
fn reason(case: &Case, quantity: Quantity, theirs: &Value, ours: Option<&Measured>) -> Option<&'static str> {
    let formatter = case.input.get(case.input.find('$')? + 3..)?.get(..3)?;
    let cells: Vec<&str> = case.input.split('*').next()?.split(',').collect();
    let sum = case.input.split('*').next()?.bytes().skip(1).fold(0, |sum, byte| sum ^ byte);
    let told = case.input.split('*').nth(1).and_then(|digits| u8::from_str_radix(digits.trim(), 16).ok());
    match (formatter, quantity, ours) {
        ("HDG", Quantity::HeadingMagnetic | Quantity::HeadingTrue, _) => {
            Some("HDG: Signal K adds deviation and variation")
        }
        (_, _, None) if told.is_some_and(|told| told != sum) => {
            Some("checksum bad: Signal K was run without validation")
        }
        (_, _, None) if cells.contains(&"V") || cells.contains(&"N") => Some("called not valid by the sender"),
        ("VTG" | "VWR" | "VHW", _, Some(Measured::Number(ours))) => {
            let near = theirs.as_f64().is_some_and(|theirs| (theirs - ours).abs() < 0.005);
            near.then_some("one speed in several units, each rounded: Signal K takes another of them")
        }
        _ => None,
    }
}

#[test]
fn measures_equal_those_of_signal_k() {
    let Some(folder) = maritime() else { return };
    let mut tally = Tally::default();
    for path in files(&folder.join("nmea0183/signalk"), ".jsonl") {
        tally.files += 1;
        for case in cases::<Case>(&path) {
            tally.cases += 1;
            let mut replay = Replay::of("nmea0183");
            replay.datagram(&plain_flow(), case.input.as_bytes());
            let measured: Vec<_> = replay.keep.messages.iter().flat_map(|message| &message.measures).collect();
            let updates = case.expect["updates"].as_array().cloned().unwrap_or_default();
            for value in updates.iter().filter_map(|update| update["values"].as_array()).flatten() {
                let Some((quantity, is_angle)) = value["path"].as_str().and_then(quantity) else { continue };
                let theirs = &value["value"];
                let ours = measured.iter().find(|(found, _)| *found == quantity);
                if ours.map_or(theirs.is_null(), |(_, ours)| same(theirs, ours, is_angle)) {
                    tally.equal += 1;
                } else if let Some(reason) = reason(&case, quantity, theirs, ours.map(|(_, ours)| ours)) {
                    *tally.explained.entry(reason).or_default() += 1;
                } else {
                    tally.different.push(format!("{quantity:?}: want {theirs}, ours {ours:?} | {}", case.input));
                }
            }
        }
    }
    tally.print("nmea0183 measures (Signal K)");
    assert!(tally.equal > 0, "the corpus has such cases");
    assert!(tally.different.is_empty());
}
