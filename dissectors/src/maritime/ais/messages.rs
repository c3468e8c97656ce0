//! The 27 messages of AIS (ITU-R M.1371-5, annex 8): their names and their bits, after type, repeat indicator and MMSI.
//!
//! Names of fields are those `pyais` and `gpsd` share where they do (`speed` in knots, `course` and `heading` in degrees, `lon`, `lat`), so that
//! people and scripts find what they know.

use super::layout::shorthand::{ALWAYS, b, lat, lon, q, rest, skip, t, u, un};
use super::layout::{Kind, Part};

/// One message: its kind, the bits a whole one has at least, its parts from bit 38 on.
pub(crate) struct Layout {
    /// Name of the kind.
    pub(crate) kind: &'static str,
    /// Bits below which it is cut.
    pub(crate) least: usize,
    /// Its parts.
    pub(crate) parts: &'static [Part],
}

const fn layout(kind: &'static str, least: usize, parts: &'static [Part]) -> Layout {
    Layout { kind, least, parts }
}

/// Speed over ground, knots.
const SPEED: Part = q("speed", 10, 10.0, 1_023);
const COURSE: Part = q("course", 12, 10.0, 3_600);
const HEADING: Part = un("heading", 9, 511);
const ACCURACY: Part = b("accuracy");
const LON: Part = lon("lon", 28, 10_000.0);
const LAT: Part = lat("lat", 27, 10_000.0);
const SECOND: Part = u("second", 6);
const RAIM: Part = b("raim");
const BOW: Part = u("to_bow", 9);
const STERN: Part = u("to_stern", 9);
const PORT: Part = u("to_port", 6);
const STARBOARD: Part = u("to_starboard", 6);

const POSITION: &[Part] = &[
    u("status", 4),
    Part { name: "turn", bits: 8, kind: Kind::Turn },
    SPEED,
    ACCURACY,
    LON,
    LAT,
    COURSE,
    HEADING,
    SECOND,
    u("maneuver", 2),
    skip(3),
    RAIM,
    u("radio", 19),
];

const BASE: &[Part] = &[
    un("year", 14, 0),
    un("month", 4, 0),
    un("day", 5, 0),
    un("hour", 5, 24),
    un("minute", 6, 60),
    un("second", 6, 60),
    ACCURACY,
    LON,
    LAT,
    u("epfd", 4),
    skip(10),
    RAIM,
    u("radio", 19),
];

const VOYAGE: &[Part] = &[
    u("ais_version", 2),
    un("imo", 30, 0),
    t("callsign", 7),
    t("shipname", 20),
    u("ship_type", 8),
    BOW,
    STERN,
    PORT,
    STARBOARD,
    u("epfd", 4),
    un("month", 4, 0),
    un("day", 5, 0),
    un("hour", 5, 24),
    un("minute", 6, 60),
    q("draught", 8, 10.0, 0),
    t("destination", 20),
    b("dte"),
];

const ACKNOWLEDGE: &[Part] = &[
    skip(2),
    u("mmsi1", 30),
    u("mmsiseq1", 2),
    u("mmsi2", 30),
    u("mmsiseq2", 2),
    u("mmsi3", 30),
    u("mmsiseq3", 2),
    u("mmsi4", 30),
    u("mmsiseq4", 2),
];

const AIRCRAFT: &[Part] = &[
    un("alt", 12, 4_095),
    q("speed", 10, 1.0, 1_023),
    ACCURACY,
    LON,
    LAT,
    COURSE,
    SECOND,
    u("regional", 8),
    b("dte"),
    skip(3),
    b("assigned"),
    RAIM,
    u("radio", 20),
];

const INTERROGATION: &[Part] = &[
    skip(2),
    u("mmsi1", 30),
    u("type1_1", 6),
    u("offset1_1", 12),
    skip(2),
    u("type1_2", 6),
    u("offset1_2", 12),
    skip(2),
    u("mmsi2", 30),
    u("type2_1", 6),
    u("offset2_1", 12),
];

const ASSIGNMENT: &[Part] = &[
    skip(2),
    u("mmsi1", 30),
    u("offset1", 12),
    u("increment1", 10),
    u("mmsi2", 30),
    u("offset2", 12),
    u("increment2", 10),
];

const CLASS_B: &[Part] = &[
    u("reserved", 8),
    SPEED,
    ACCURACY,
    LON,
    LAT,
    COURSE,
    HEADING,
    SECOND,
    u("regional", 2),
    b("cs"),
    b("display"),
    b("dsc"),
    b("band"),
    b("msg22"),
    b("assigned"),
    RAIM,
    u("radio", 20),
];

const CLASS_B_EXTENDED: &[Part] = &[
    u("reserved", 8),
    SPEED,
    ACCURACY,
    LON,
    LAT,
    COURSE,
    HEADING,
    SECOND,
    u("regional", 4),
    t("shipname", 20),
    u("ship_type", 8),
    BOW,
    STERN,
    PORT,
    STARBOARD,
    u("epfd", 4),
    RAIM,
    b("dte"),
    b("assigned"),
];

const SLOTS: &[Part] = &[
    skip(2),
    u("offset1", 12),
    u("number1", 4),
    u("timeout1", 3),
    u("increment1", 11),
    u("offset2", 12),
    u("number2", 4),
    u("timeout2", 3),
    u("increment2", 11),
    u("offset3", 12),
    u("number3", 4),
    u("timeout3", 3),
    u("increment3", 11),
    u("offset4", 12),
    u("number4", 4),
    u("timeout4", 3),
    u("increment4", 11),
];

const AID: &[Part] = &[
    u("aid_type", 5),
    t("name", 20),
    ACCURACY,
    LON,
    LAT,
    BOW,
    STERN,
    PORT,
    STARBOARD,
    u("epfd", 4),
    SECOND,
    b("off_position"),
    u("regional", 8),
    RAIM,
    b("virtual_aid"),
    b("assigned"),
    skip(1),
    t("name_ext", 0),
];

/// Coordinates of message 22 and 23 are in tenths of a minute.
const CHANNELS: &[Part] = &[
    skip(2),
    u("channel_a", 12),
    u("channel_b", 12),
    u("txrx", 4),
    b("power"),
    lon("ne_lon", 18, 10.0),
    lat("ne_lat", 17, 10.0),
    lon("sw_lon", 18, 10.0),
    lat("sw_lat", 17, 10.0),
    b("addressed"),
    b("band_a"),
    b("band_b"),
    u("zonesize", 3),
];

/// Message 22 to two stations: where the area stood, their numbers.
pub(crate) const CHANNELS_ADDRESSED: &[Part] = &[
    skip(2),
    u("channel_a", 12),
    u("channel_b", 12),
    u("txrx", 4),
    b("power"),
    u("dest1", 30),
    skip(5),
    u("dest2", 30),
    skip(5),
    b("addressed"),
    b("band_a"),
    b("band_b"),
    u("zonesize", 3),
];

const GROUP: &[Part] = &[
    skip(2),
    lon("ne_lon", 18, 10.0),
    lat("ne_lat", 17, 10.0),
    lon("sw_lon", 18, 10.0),
    lat("sw_lat", 17, 10.0),
    u("station_type", 4),
    u("ship_type", 8),
    skip(22),
    u("txrx", 2),
    u("interval", 4),
    u("quiet", 4),
];

const STATIC_A: &[Part] = &[u("partno", 2), t("shipname", 20)];

/// Part B of message 24.
pub(crate) const STATIC_B: &[Part] = &[
    u("partno", 2),
    u("ship_type", 8),
    t("vendorid", 3),
    u("model", 4),
    u("serial", 20),
    t("callsign", 7),
    BOW,
    STERN,
    PORT,
    STARBOARD,
];

/// Part B of message 24 of an auxiliary craft: its mother ship instead of its dimensions.
pub(crate) const STATIC_B_AUXILIARY: &[Part] = &[
    u("partno", 2),
    u("ship_type", 8),
    t("vendorid", 3),
    u("model", 4),
    u("serial", 20),
    t("callsign", 7),
    u("mothership_mmsi", 30),
];

const LONG_RANGE: &[Part] = &[
    ACCURACY,
    RAIM,
    u("status", 4),
    lon("lon", 18, 10.0),
    lat("lat", 17, 10.0),
    q("speed", 6, 1.0, 63),
    q("course", 9, 1.0, 511),
    b("gnss"),
];

/// Message 6 up to its data.
pub(crate) const ADDRESSED: &[Part] =
    &[u("seqno", 2), u("dest_mmsi", 30), b("retransmit"), skip(1), u("dac", 10), u("fid", 6)];
/// Message 8 up to its data.
pub(crate) const BROADCAST: &[Part] = &[skip(2), u("dac", 10), u("fid", 6)];

static UNKNOWN: Layout = layout("unknown", 38, &[rest("data")]);

/// By message type; index 0 is unused.
static LAYOUTS: [Layout; 28] = [
    layout("unknown", 38, &[rest("data")]),
    layout("position-report", 168, POSITION),
    layout("position-report", 168, POSITION),
    layout("position-report", 168, POSITION),
    layout("base-station-report", 168, BASE),
    layout("static-and-voyage", 420, VOYAGE),
    layout("addressed-binary", 88, ADDRESSED),
    layout("binary-acknowledge", 72, ACKNOWLEDGE),
    layout("broadcast-binary", 56, BROADCAST),
    layout("sar-aircraft-position", 168, AIRCRAFT),
    layout("utc-inquiry", 72, &[skip(2), u("dest_mmsi", 30)]),
    layout("utc-response", 168, BASE),
    layout("addressed-safety-text", 72, &[u("seqno", 2), u("dest_mmsi", 30), b("retransmit"), skip(1), t("text", 0)]),
    layout("safety-acknowledge", 72, ACKNOWLEDGE),
    layout("broadcast-safety-text", 40, &[skip(2), t("text", 0)]),
    layout("interrogation", 88, INTERROGATION),
    layout("assignment", 92, ASSIGNMENT),
    layout("dgnss-broadcast", 80, &[skip(2), lon("lon", 18, 10.0), lat("lat", 17, 10.0), skip(5), rest("data")]),
    layout("class-b-position", 168, CLASS_B),
    layout("class-b-extended", 312, CLASS_B_EXTENDED),
    layout("slot-reservation", 70, SLOTS),
    layout("aid-to-navigation", 271, AID),
    layout("channel-management", 145, CHANNELS),
    layout("group-assignment", 154, GROUP),
    layout("static-data", 160, STATIC_A),
    layout("single-slot-binary", 40, &[]),
    layout("multi-slot-binary", 40, &[]),
    layout("long-range-position", 95, LONG_RANGE),
];

/// The layout of a message type.
pub(crate) fn by_type(kind: u64) -> &'static Layout {
    usize::try_from(kind).ok().and_then(|kind| LAYOUTS.get(kind)).filter(|_| kind > 0).unwrap_or(&UNKNOWN)
}

/// Radio status of message 26 stands in its last 20 bits.
pub(crate) const RADIO_BITS: usize = 20;

/// A value no scaled field uses.
pub(crate) const NEVER: i64 = ALWAYS;
