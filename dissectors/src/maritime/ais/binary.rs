//! Applications inside binary messages 6 and 8, by designated area code and function (DAC/FI).
//!
//! Sources: IMO SN.1/Circ.236 (DAC 1, older), IMO SN.1/Circ.289 (DAC 1), the inland AIS standard (DAC 200), the monitoring of aids to
//! navigation of the British Isles (DAC 235 and 250). What is not listed is shown as bytes.

use dogwatch_model::{FieldValue, FieldVisitor};

use super::bits::Bits;
use super::layout::shorthand::{b, lat, lon, q, qo, rest, s, skip, t, u, un};
use super::layout::{Part, show as show_parts};
use super::messages::NEVER;

/// One application.
struct Application {
    /// Message type, 0 for both.
    message: u64,
    dac: u64,
    fid: u64,
    name: &'static str,
    parts: &'static [Part],
}

const fn app(message: u64, dac: u64, fid: u64, name: &'static str, parts: &'static [Part]) -> Application {
    Application { message, dac, fid, name, parts }
}

/// Weather and water of Circ.236.
#[rustfmt::skip] // a table
const WEATHER_236: &[Part] = &[
    lat("lat", 24, 1_000.0), lon("lon", 25, 1_000.0), un("day", 5, 0), un("hour", 5, 31), un("minute", 6, 63),
    un("wspeed", 7, 127), un("wgust", 7, 127), un("wdir", 9, 511), un("wgustdir", 9, 511),
    qo("airtemp", 11, 10.0, -60.0, 2_047), un("humidity", 7, 127), qo("dewpoint", 10, 10.0, -20.0, 1_023),
    qo("pressure", 9, 1.0, 800.0, 511), un("pressuretend", 2, 3), q("visibility", 8, 10.0, 255),
    qo("waterlevel", 9, 10.0, -10.0, 511), un("leveltrend", 2, 3), q("cspeed", 8, 10.0, 255), un("cdir", 9, 511),
    q("cspeed2", 8, 10.0, 255), un("cdir2", 9, 511), un("cdepth2", 5, 31), q("cspeed3", 8, 10.0, 255),
    un("cdir3", 9, 511), un("cdepth3", 5, 31), q("waveheight", 8, 10.0, 255), un("waveperiod", 6, 63),
    un("wavedir", 9, 511), q("swellheight", 8, 10.0, 255), un("swellperiod", 6, 63), un("swelldir", 9, 511),
    un("seastate", 4, 15), qo("watertemp", 10, 10.0, -10.0, 1_023), un("preciptype", 3, 7),
    q("salinity", 9, 10.0, 511), un("ice", 2, 3),
];

/// Weather and water of Circ.289.
#[rustfmt::skip] // a table
const WEATHER_289: &[Part] = &[
    lon("lon", 25, 1_000.0), lat("lat", 24, 1_000.0), b("accuracy"), un("day", 5, 0), un("hour", 5, 24),
    un("minute", 6, 60), un("wspeed", 7, 127), un("wgust", 7, 127), un("wdir", 9, 360), un("wgustdir", 9, 360),
    s("airtemp", 11, 10.0, -1_024), un("humidity", 7, 101), s("dewpoint", 10, 10.0, 501),
    qo("pressure", 9, 1.0, 799.0, 511), un("pressuretend", 2, 3), b("visgreater"), q("visibility", 7, 10.0, 127),
    qo("waterlevel", 12, 100.0, -10.0, 4_001), un("leveltrend", 2, 3), q("cspeed", 8, 10.0, 255), un("cdir", 9, 360),
    q("cspeed2", 8, 10.0, 255), un("cdir2", 9, 360), un("cdepth2", 5, 31), q("cspeed3", 8, 10.0, 255),
    un("cdir3", 9, 360), un("cdepth3", 5, 31), q("waveheight", 8, 10.0, 255), un("waveperiod", 6, 63),
    un("wavedir", 9, 360), q("swellheight", 8, 10.0, 255), un("swellperiod", 6, 63), un("swelldir", 9, 360),
    un("seastate", 4, 13), s("watertemp", 10, 10.0, 501), un("preciptype", 3, 7), q("salinity", 9, 10.0, 510),
    un("ice", 2, 3),
];

#[rustfmt::skip] // a table
const DANGEROUS_CARGO_236: &[Part] = &[
    t("lastport", 5), un("lmonth", 4, 0), un("lday", 5, 0), un("lhour", 5, 24), un("lminute", 6, 60),
    t("nextport", 5), un("nmonth", 4, 0), un("nday", 5, 0), un("nhour", 5, 24), un("nminute", 6, 60),
    t("dangerous", 20), t("imdcat", 4), un("unid", 13, 0), un("amount", 10, 0), un("unit", 2, 0),
];

#[rustfmt::skip] // a table
const AID_MONITORING: &[Part] = &[
    q("ana_int", 10, 20.0, NEVER), q("ana_ext1", 10, 20.0, NEVER), q("ana_ext2", 10, 20.0, NEVER),
    u("racon", 2), u("light", 2), b("alarm"), u("stat_ext", 8), b("off_pos"),
];

#[rustfmt::skip] // a table
const INLAND_SHIP: &[Part] = &[
    t("vin", 8), q("length", 13, 10.0, 0), q("beam", 10, 10.0, 0), u("ship_type", 14), u("hazard", 3),
    q("draught", 11, 100.0, 0), u("loaded", 2), b("speed_q"), b("course_q"), b("heading_q"),
];

#[rustfmt::skip] // a table
const LOCK_ARRIVAL: &[Part] = &[
    t("country", 2), t("locode", 3), t("section", 5), t("terminal", 5), t("hectometre", 5), un("month", 4, 0),
    un("day", 5, 0), un("hour", 5, 24), un("minute", 6, 60), un("tugs", 3, 7), q("airdraught", 12, 100.0, 0),
];

#[rustfmt::skip] // a table
const LOCK_TIME: &[Part] = &[
    t("country", 2), t("locode", 3), t("section", 5), t("terminal", 5), t("hectometre", 5), un("month", 4, 0),
    un("day", 5, 0), un("hour", 5, 24), un("minute", 6, 60), u("status", 2),
];

#[rustfmt::skip] // a table
const WATER_LEVELS: &[Part] = &[
    t("country", 2), u("gauge_id_1", 11), s("water_level_1", 14, 100.0, NEVER), u("gauge_id_2", 11),
    s("water_level_2", 14, 100.0, NEVER), u("gauge_id_3", 11), s("water_level_3", 14, 100.0, NEVER),
    u("gauge_id_4", 11), s("water_level_4", 14, 100.0, NEVER),
];

#[rustfmt::skip] // a table
const CLEARANCE: &[Part] = &[
    u("linkage", 10), un("month", 4, 0), un("day", 5, 0), un("hour", 5, 24), un("minute", 6, 60), t("portname", 20),
    t("destination", 5), lon("lon", 25, 1_000.0), lat("lat", 24, 1_000.0),
];

#[rustfmt::skip] // a table
const BERTH: &[Part] = &[
    u("linkage", 10), un("berth_length", 9, 0), q("berth_depth", 8, 10.0, 0), u("position", 3), un("month", 4, 0),
    un("day", 5, 0), un("hour", 5, 24), un("minute", 6, 60), b("availability"), skip(52), t("berth_name", 20),
    lon("berth_lon", 25, 1_000.0), lat("berth_lat", 24, 1_000.0),
];

#[rustfmt::skip] // a table
const AREA_NOTICE: &[Part] = &[
    u("linkage", 10), u("notice", 7), un("month", 4, 0), un("day", 5, 0), un("hour", 5, 24), un("minute", 6, 60),
    un("duration", 18, 262_143), rest("areas"),
];

#[rustfmt::skip] // a table
const EXTENDED_SHIP: &[Part] = &[
    u("linkage", 10), q("airdraught", 13, 10.0, 0), t("lastport", 5), t("nextport", 5), t("secondport", 5), rest("data"),
];

#[rustfmt::skip] // a table
const ROUTE: &[Part] = &[
    u("linkage", 10), u("sender", 3), u("rtype", 5), un("month", 4, 0), un("day", 5, 0), un("hour", 5, 24),
    un("minute", 6, 60), un("duration", 18, 262_143), u("waycount", 5), rest("waypoints"),
];

#[rustfmt::skip] // a table
const TRAFFIC_SIGNAL: &[Part] = &[
    u("linkage", 10), t("station", 20), lon("lon", 25, 1_000.0), lat("lat", 24, 1_000.0), u("status", 2), u("signal", 5),
    un("hour", 5, 24), un("minute", 6, 60), u("nextsignal", 5),
];

#[rustfmt::skip] // a table
const FAIRWAY_CLOSED: &[Part] = &[
    t("reason", 20), t("closefrom", 20), t("closeto", 20), u("radius", 10), u("extunit", 2), un("fday", 5, 0),
    un("fmonth", 4, 0), un("fhour", 5, 24), un("fminute", 6, 60), un("tday", 5, 0), un("tmonth", 4, 0),
    un("thour", 5, 24), un("tminute", 6, 60),
];

/// Every application known.
static APPLICATIONS: &[Application] = &[
    app(0, 1, 0, "text", &[b("ack_required"), u("sequence", 11), t("text", 0)]),
    app(
        6,
        1,
        1,
        "application-acknowledge",
        &[u("ack_dac", 10), u("ack_sequence", 11), b("ai_available"), u("ai_response", 3)],
    ),
    app(6, 1, 2, "function-interrogation", &[u("requested_dac", 10), u("requested_fid", 6)]),
    app(6, 1, 3, "capability-interrogation", &[u("requested_dac", 10)]),
    app(6, 1, 4, "capability-reply", &[u("capability_dac", 10), rest("capabilities")]),
    app(0, 1, 11, "weather", WEATHER_236),
    app(6, 1, 12, "dangerous-cargo", DANGEROUS_CARGO_236),
    app(8, 1, 13, "fairway-closed", FAIRWAY_CLOSED),
    app(6, 1, 14, "tidal-window", &[un("month", 4, 0), un("day", 5, 0), rest("windows")]),
    app(8, 1, 15, "air-draught", &[q("airdraught", 11, 10.0, 0)]),
    app(6, 1, 16, "persons-on-board", &[un("persons", 13, 0)]),
    app(8, 1, 16, "persons-on-board", &[un("persons", 13, 0)]),
    app(8, 1, 17, "vts-targets", &[rest("targets")]),
    app(6, 1, 18, "clearance-to-enter-port", CLEARANCE),
    app(8, 1, 19, "traffic-signal", TRAFFIC_SIGNAL),
    app(6, 1, 20, "berth", BERTH),
    app(8, 1, 21, "weather-from-ship", &[rest("data")]),
    app(8, 1, 22, "area-notice", AREA_NOTICE),
    app(6, 1, 23, "area-notice", AREA_NOTICE),
    app(8, 1, 24, "extended-ship", EXTENDED_SHIP),
    app(6, 1, 25, "dangerous-cargo", &[u("unit", 2), un("amount", 10, 0), rest("cargoes")]),
    app(8, 1, 26, "environment", &[rest("reports")]),
    app(8, 1, 27, "route", ROUTE),
    app(6, 1, 28, "route", ROUTE),
    app(8, 1, 29, "text", &[u("linkage", 10), t("text", 0)]),
    app(6, 1, 30, "text", &[u("linkage", 10), t("text", 0)]),
    app(0, 1, 31, "weather", WEATHER_289),
    app(6, 1, 32, "tidal-window", &[un("month", 4, 0), un("day", 5, 0), rest("windows")]),
    app(0, 1, 40, "persons-on-board", &[un("persons", 13, 0)]),
    app(0, 200, 10, "inland-ship", INLAND_SHIP),
    app(6, 200, 21, "arrival-at-lock", LOCK_ARRIVAL),
    app(6, 200, 22, "lock-time", LOCK_TIME),
    app(8, 200, 23, "inland-warning", &[rest("data")]),
    app(8, 200, 24, "water-levels", WATER_LEVELS),
    app(
        8,
        200,
        40,
        "signal-status",
        &[
            lon("lon", 28, 10_000.0),
            lat("lat", 27, 10_000.0),
            u("form", 4),
            un("facing", 9, 511),
            u("direction", 3),
            u("status", 30),
        ],
    ),
    app(0, 200, 55, "persons-on-board", &[un("crew", 8, 255), un("passengers", 13, 8_191), un("personnel", 8, 255)]),
    app(6, 235, 10, "aid-monitoring", AID_MONITORING),
    app(6, 250, 10, "aid-monitoring", AID_MONITORING),
    app(8, 366, 56, "encrypted", &[rest("data")]),
    app(8, 366, 57, "encrypted", &[rest("data")]),
    app(6, 366, 57, "encrypted", &[rest("data")]),
    app(8, 367, 33, "environment", &[rest("reports")]),
];

/// Shows the application that begins at bit `at` of message 6 or 8, or its bytes.
pub(crate) fn show(bits: &Bits<'_>, message: u64, at: usize, visitor: &mut dyn FieldVisitor) {
    // DAC and FI are the 16 bits before the data.
    let (Some(dac), Some(fid)) = (bits.unsigned(at.saturating_sub(16), 10), bits.unsigned(at.saturating_sub(6), 6))
    else {
        return;
    };
    let known = APPLICATIONS
        .iter()
        .find(|known| known.dac == dac && known.fid == fid && (known.message == 0 || known.message == message));
    match known {
        Some(known) => {
            visitor.field("application", FieldValue::Text(known.name));
            show_parts(bits, at, known.parts, visitor);
        }
        None => {
            show_parts(bits, at, &[rest("data")], visitor);
        }
    }
}
