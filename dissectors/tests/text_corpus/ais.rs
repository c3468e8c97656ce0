//! AIS: messages against gpsd, libais and pyais. Where gpsd and libais both agree with the expected values, ours must equal them.

use serde::Deserialize;
use serde_json::Value;

use crate::corpus::{Ordered, Tally, cases, files, maritime};
use crate::replay::{Replay, Seen, plain_flow};

#[derive(Deserialize)]
struct Case {
    input: Vec<String>,
    #[serde(default)]
    expect: Ordered,
    #[serde(default)]
    agree: Vec<String>,
    #[serde(default)]
    expect_gpsd: Option<Ordered>,
}

/// The AIS messages of one case.
fn decode(input: &[String]) -> Vec<Seen> {
    let mut replay = Replay::of("nmea0183");
    let flow = plain_flow();
    for line in input {
        replay.datagram(&flow, line.as_bytes());
    }
    replay.keep.messages.into_iter().filter(|message| message.protocol == "ais").collect()
}

/// Our name for a key of pyais or gpsd; `None` for keys that are not a field of ours on purpose.
fn name(key: &str) -> Option<&str> {
    Some(match key {
        "type" => "msg_type",
        "shiptype" => "ship_type",
        "stationtype" => "station_type",
        "vendor" => "vendorid",
        // Texts that name a code, gpsd's own marks, joined forms of what we keep apart, spare bits.
        _ if key.ends_with("_text") => return None,
        "scaled" | "eta" | "timestamp" | "full_name" | "app_id" | "device" | "class" => return None,
        "arrival" | "departure" | "tidals" | "area_data" | "reports_data" => return None,
        "reserved_1" | "reserved_2" | "reserved" | "regional" | "empty_1" | "empty_2" => return None,
        _ => key,
    })
}

/// Whether a value of the oracle stands for "not available": ours is then left out.
fn is_not_available(kind: u64, key: &str, value: &Value) -> bool {
    if value.is_null() || value == "" || value == "nan" || value == "n/a" || value == "N/A" {
        return true;
    }
    let Some(number) = value.as_f64() else { return false };
    match key {
        "lon" | "ne_lon" | "sw_lon" => (number - 181.0).abs() < 1e-6,
        "lat" | "ne_lat" | "sw_lat" => (number - 91.0).abs() < 1e-6,
        "speed" if kind == 27 => number >= 63.0,
        "speed" if kind == 9 => number >= 1_023.0,
        "speed" => (number - 102.3).abs() < 1e-6,
        "course" if kind == 27 => number >= 511.0,
        "course" => (number - 360.0).abs() < 1e-6,
        "heading" => number >= 511.0,
        "turn" => number.abs() >= 127.0,
        "hour" => number >= 24.0,
        "minute" | "second" => number >= 60.0,
        "imo" | "year" | "month" | "day" | "draught" => number == 0.0,
        "alt" => number >= 4_095.0,
        // Stations that are not named, in a message with room for several.
        "mmsi2" | "mmsi3" | "mmsi4" | "mmsiseq2" | "mmsiseq3" | "mmsiseq4" | "dest_mmsi" => number == 0.0,
        "type1_2" | "offset1_2" | "type2_1" | "offset2_1" | "offset2" | "increment2" => number == 0.0,
        // Binary applications: the values IMO SN.1/Circ.236 and 289 reserve.
        "wspeed" | "wgust" => number >= 127.0,
        "wdir" | "wgustdir" | "cdir" | "cdir2" | "cdir3" | "wavedir" | "swelldir" => number >= 360.0,
        "airtemp" => !(-102.3..=144.6).contains(&number),
        "humidity" => number >= 101.0,
        "dewpoint" | "watertemp" => number >= 50.05,
        "pressure" => number >= 1_310.0,
        "visibility" => number >= 12.65,
        "waterlevel" => number >= 29.99,
        "cspeed" | "cspeed2" | "cspeed3" | "waveheight" | "swellheight" => number >= 25.45,
        "cdepth2" | "cdepth3" => number >= 31.0,
        "waveperiod" | "swellperiod" => number >= 63.0,
        "seastate" => number >= 13.0,
        "salinity" => number >= 51.0,
        "pressuretend" | "leveltrend" | "ice" => number >= 3.0,
        "preciptype" => number >= 7.0,
        "crew" | "personnel" => number >= 255.0,
        "passengers" => number >= 8_191.0,
        "length" | "beam" | "unid" | "amount" | "unit" | "persons" => number == 0.0,
        _ => false,
    }
}

/// One step of the resolution of a field.
fn step(kind: u64, key: &str) -> f64 {
    match key {
        "lon" | "lat" if kind == 17 => 0.0001,
        "lon" | "lat" | "ne_lon" | "ne_lat" | "sw_lon" | "sw_lat" => match kind {
            // Tenths of a minute, which oracles round to so many decimals.
            17 | 22 | 23 | 27 => 1e-4,
            _ => 1e-6,
        },
        // gpsd and pyais differ in how they scale the rate; both round it.
        "turn" => 0.51,
        _ => 1e-6,
    }
}

/// Whether ours says the same.
fn same(kind: u64, key: &str, oracle: &Value, ours: Option<&Value>) -> bool {
    let Some(ours) = ours else {
        if key == "turn" && oracle.as_str().is_some_and(|text| text.starts_with("fast")) {
            return true;
        }
        return is_not_available(kind, key, oracle);
    };
    if let (Some(oracle), Some(ours)) = (oracle.as_f64(), ours.as_f64()) {
        return (oracle - ours).abs() <= step(kind, key);
    }
    match (oracle, ours) {
        // gpsd puts the number of bits before the bytes, and does not clear what is behind the last one.
        (Value::String(oracle), Value::String(ours)) if key == "data" => {
            let oracle = oracle.split_once(':').map_or(oracle.as_str(), |(_, hex)| hex);
            let whole = oracle.len().min(ours.len()).saturating_sub(2);
            oracle.len() == ours.len() && oracle[..whole] == ours[..whole]
        }
        // gpsd prints numbers as text where others print numbers, and names where we keep the code.
        (Value::String(text), Value::Number(ours)) => match text.parse::<f64>() {
            Ok(oracle) => (oracle - ours.as_f64().unwrap_or(f64::NAN)).abs() <= step(kind, key),
            Err(_) => text.chars().all(|c| c.is_alphabetic() || c == '/'),
        },
        (Value::Bool(oracle), Value::Bool(ours)) => oracle == ours,
        (Value::Number(oracle), Value::Bool(ours)) => oracle.as_u64() == Some(u64::from(*ours)),
        (Value::String(oracle), Value::String(ours)) => oracle.trim() == ours.trim(),
        _ => false,
    }
}

/// Why a difference is not ours to mend. Reasons are about kinds of messages, never about one file.
fn reason(kind: u64, key: &str, oracle: &Value, ours: Option<&Value>, message: &Seen) -> Option<&'static str> {
    let numbers = oracle.as_f64().zip(ours.and_then(Value::as_f64));
    let within = |room: f64| numbers.is_some_and(|(oracle, ours)| (oracle - ours).abs() <= room);
    let times = |factor: f64| numbers.is_some_and(|(oracle, ours)| (oracle - ours * factor).abs() < 1e-6);
    match (kind, key) {
        (17, "lon" | "lat") if within(0.051) => Some("gpsd rounds the position of message 17 to 0.1 degree"),
        (8, "waterlevel") if within(0.051) => Some("gpsd rounds the water level to 0.1 m"),
        (8, "length" | "beam") if times(10.0) => Some("gpsd shows inland dimensions in decimetres"),
        (8, "draught") if times(100.0) => Some("gpsd shows inland draught in centimetres"),
        (21, "name") => {
            let joined = oracle.as_str().zip(ours.and_then(Value::as_str)).is_some_and(|(a, b)| a.starts_with(b));
            joined.then_some("gpsd joins name and name extension of message 21")
        }
        (24, _) if ours.is_none() => Some("gpsd joins the halves of message 24; each is shown as it comes"),
        (1..=3, "radio")
            if (1..=5).any(|fill| numbers.is_some_and(|(a, b)| a == (b / f64::from(1 << fill)).floor())) =>
        {
            Some("the sender counts fill bits that are none; gpsd leaves them off, ours makes the message whole")
        }
        (26, "radio") => Some("gpsd shows 0 for the radio status of message 26"),
        (6 | 8, "data") if message.fields.get("application").is_some() => {
            Some("the application is taken apart, not shown as bytes")
        }
        (6 | 7 | 13 | 20, _) if ours.is_none() => Some("past the end of the message: gpsd goes on reading zeros"),
        _ => None,
    }
}

const CORE: [&str; 8] = ["msg_type", "type", "mmsi", "lon", "lat", "speed", "course", "heading"];

fn compare(case: &Case, expect: &Ordered, keys: impl Fn(&str) -> bool, tally: &mut Tally) {
    tally.cases += 1;
    let seen = decode(&case.input);
    let [message] = seen.as_slice() else {
        tally.missing += 1;
        tally.different.push(format!("{} messages from {:?}", seen.len(), case.input));
        return;
    };
    let kind = message.fields.get("msg_type").and_then(Value::as_u64).unwrap_or(0);
    for (key, oracle) in expect.0.iter().filter(|(key, _)| keys(key)) {
        let Some(name) = name(key) else { continue };
        let ours = message.fields.get(name);
        if same(kind, name, oracle, ours) {
            tally.equal += 1;
        } else if let Some(reason) = reason(kind, name, oracle, ours, message) {
            *tally.explained.entry(reason).or_default() += 1;
        } else {
            tally.different.push(format!("type {kind} {name}: want {oracle}, ours {ours:?} | {:?}", case.input));
        }
    }
}

#[test]
fn agreed_cases_are_equal() {
    let Some(folder) = maritime() else { return };
    let mut tally = Tally::default();
    for path in files(&folder.join("ais"), ".jsonl") {
        tally.files += 1;
        for case in cases::<Case>(&path) {
            let agreed = ["gpsd", "libais"].iter().all(|decoder| case.agree.iter().any(|agree| agree == decoder));
            if agreed {
                compare(&case, &case.expect, |key| CORE.contains(&key), &mut tally);
            }
        }
    }
    tally.print("ais agreed, core fields");
    assert!(tally.cases > 0, "the corpus has such cases");
    assert!(tally.different.is_empty(), "every case the three decoders agree on must be equal");
}

#[test]
fn all_fields_where_two_decoders_say_the_same() {
    let Some(folder) = maritime() else { return };
    let mut tally = Tally::default();
    for path in files(&folder.join("ais"), ".jsonl") {
        tally.files += 1;
        for case in cases::<Case>(&path) {
            let Some(gpsd) = case.expect_gpsd.as_ref() else { continue };
            let same_in_both = |key: &str| {
                let other = match key {
                    "msg_type" => "type",
                    "ship_type" => "shiptype",
                    other => other,
                };
                match (case.expect.get(key), gpsd.get(other)) {
                    (Some(Value::Number(a)), Some(Value::Number(b))) => {
                        (a.as_f64().unwrap_or(0.0) - b.as_f64().unwrap_or(1.0)).abs() < 1e-9
                    }
                    (Some(a), Some(b)) => a == b,
                    _ => false,
                }
            };
            compare(&case, &case.expect, same_in_both, &mut tally);
        }
    }
    tally.print("ais, all shared fields");
    assert!(tally.different.len() * 1_000 <= tally.total(), "99.9 % of the fields two decoders share are equal");
}

#[test]
fn the_sample_of_gpsd() {
    let Some(folder) = maritime() else { return };
    let mut tally = Tally::default();
    for path in files(&folder.join("ais"), "gpsd-sample-aivdm.jsonl") {
        tally.files += 1;
        let cases = cases::<Case>(&path);
        for (at, case) in cases.iter().enumerate() {
            let run = |input: &Case| {
                let mut one = Tally::default();
                compare(input, &case.expect, |_| true, &mut one);
                one
            };
            // The upstream list and its output drift apart for a stretch: the values then belong to a sentence beside.
            let mut best = run(case);
            for beside in cases.iter().skip(at.saturating_sub(2)).take(5) {
                let other = run(beside);
                if best.different.len() > other.different.len() {
                    best = other;
                    *tally.explained.entry("paired with the sentence beside it in the sample").or_default() += 1;
                }
            }
            let function = |seen: &Seen| (seen.fields.get("dac").cloned(), seen.fields.get("fid").cloned());
            let wanted = (case.expect.get("dac").cloned(), case.expect.get("fid").cloned());
            if wanted.1.is_some() && decode(&case.input).iter().all(|seen| function(seen) != wanted) {
                let lost = std::mem::take(&mut best.different);
                *tally
                    .explained
                    .entry("paired with another application: its own sentence is not in the sample")
                    .or_default() += lost.len();
            }
            tally.cases += 1;
            tally.equal += best.equal;
            tally.missing += best.missing;
            tally.different.extend(best.different);
            for (reason, count) in best.explained {
                *tally.explained.entry(reason).or_default() += count;
            }
        }
    }
    tally.print("ais, gpsd sample");
    assert!(tally.different.is_empty());
}
