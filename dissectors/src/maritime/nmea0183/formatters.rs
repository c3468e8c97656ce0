//! The field table of IEC 61162-1 / NMEA 0183 sentences: by formatter, each field's name, type and unit, in the order of the wire.
//!
//! The facts come from public descriptions (the NMEA 0183 pages of gpsd and of the Signal K project, interface manuals of receivers and
//! autopilots) and follow the latest edition known: a sentence of an older edition has fewer fields at its end. `VBC` and `SRP` are
//! inferred from samples and public summaries. Not here: proprietary sentences (`makers.rs`) and what values mean together (`measures.rs`).

use super::table::shorthand::{C, D, H, I, LAT, LON, N, NS, S, T, X, every, f, row};
use super::table::{FORMATTER_COUNT, Formatter};

/// Every formatter, sorted by its letters.
#[rustfmt::skip] // a formatter a paragraph reads better than a field a line
pub(crate) static FORMATTERS: [Formatter; FORMATTER_COUNT] = [
    row("AAM", "route", "waypoint arrival alarm", None, &[
        f(C, "arrival", "A/V"), f(C, "perp", "A/V"), f(N, "radius", "NM"), f(C, "unit", "N"), f(S, "wp_id", ""),
    ]),
    row("ABK", "AIS", "AIS binary acknowledgement", None, &[
        f(I, "mmsi", ""), f(C, "channel", "A/B"), f(N, "msg_id", ""), f(I, "seq", ""), f(I, "ack", "0-5"),
    ]),
    row("ABM", "AIS", "AIS addressed binary/safety message (! command to transponder)", None, &[
        f(I, "total", ""), f(I, "number", ""), f(I, "seq", ""), f(I, "mmsi", ""), f(I, "channel", "0-3"),
        f(N, "msg_id", ""), f(X, "payload", ""), f(I, "fill", ""),
    ]),
    row("ACA", "AIS", "AIS channel assignment", None, &[
        f(I, "seq", ""), f(LAT, "ne_latitude", ""), f(NS, "ne_ns", "N/S"), f(LON, "ne_longitude", ""),
        f(NS, "ne_ew", "E/W"), f(LAT, "sw_latitude", ""), f(NS, "sw_ns", "N/S"), f(LON, "sw_longitude", ""),
        f(NS, "sw_ew", "E/W"), f(I, "zone", "NM"), f(I, "ch_a", ""), f(I, "ch_a_bw", ""), f(I, "ch_b", ""),
        f(I, "ch_b_bw", ""), f(I, "txrx", ""), f(I, "power", ""), f(C, "source", ""), f(I, "in_use", ""),
        f(T, "utc", ""),
    ]),
    row("ACK", "alert", "acknowledge alarm (older)", None, &[
        f(I, "alarm_id", ""),
    ]),
    row("ACN", "alert", "alert COMMAND", None, &[
        f(T, "utc", ""), f(S, "manufacturer", ""), f(I, "alert_id", ""), f(I, "instance", ""),
        f(C, "command", "A/Q/O/S"), f(C, "status", "C"),
    ]),
    row("AIR", "AIS", "AIS interrogation request", None, &[
        f(I, "mmsi1", ""), f(N, "msg1", ""), f(I, "sub1", ""), f(N, "msg1b", ""), f(I, "sub1b", ""),
        f(I, "mmsi2", ""), f(N, "msg2", ""), f(I, "sub2", ""), f(C, "channel", ""), f(I, "id1", ""), f(I, "id2", ""),
        f(I, "id3", ""),
    ]),
    row("ALC", "alert", "cyclic alert list (repeats)", every(4, 4), &[
        f(I, "total", ""), f(I, "number", ""), f(I, "seq", ""), f(I, "entries", ""), f(S, "manufacturer", ""),
        f(I, "alert_id", ""), f(I, "instance", ""), f(I, "revision", ""),
    ]),
    row("ALF", "alert", "alert sentence (BAM)", None, &[
        f(I, "total", ""), f(I, "number", ""), f(I, "seq", ""), f(T, "utc", ""), f(C, "category", "A/B/C"),
        f(C, "priority", "E/A/W/C"), f(C, "state", "A/S/N/O/U/V"), f(S, "manufacturer", ""), f(I, "alert_id", ""),
        f(I, "instance", ""), f(I, "revision", ""), f(I, "escalation", ""), f(S, "text", ""),
    ]),
    row("ALK", "sensor", "SeaTalk datagram in hexadecimal bytes (repeats)", every(1, 1), &[
        f(S, "command", ""), f(S, "byte", ""),
    ]),
    row("ALM", "GNSS", "GPS almanac", None, &[
        f(I, "total", ""), f(I, "number", ""), f(I, "prn", ""), f(I, "week", ""), f(H, "health", ""),
        f(H, "eccentricity", ""), f(H, "reference_time", ""), f(H, "inclination", ""),
        f(H, "rate_right_ascension", ""), f(H, "root_semi_major", ""), f(H, "perigee", ""),
        f(H, "node_longitude", ""), f(H, "mean_anomaly", ""), f(H, "clock_f0", ""), f(H, "clock_f1", ""),
    ]),
    row("ALR", "alert", "set alarm state (older)", None, &[
        f(T, "utc", ""), f(I, "alarm_id", ""), f(C, "condition", "A/V"), f(C, "ack", "A/V"), f(S, "text", ""),
    ]),
    row("APA", "steering", "autopilot sentence A (legacy)", None, &[
        f(C, "loran_status", "A/V"), f(C, "cycle_status", "A/V"), f(N, "xte", "NM"), f(C, "steer", "L/R"),
        f(C, "unit", "N"), f(C, "arrival", "A/V"), f(C, "perp", "A/V"), f(N, "brg_orig_dest", "deg"),
        f(C, "ref", "M/T"), f(S, "dest_wp", ""),
    ]),
    row("APB", "steering", "autopilot sentence B", None, &[
        f(C, "loran_status", "A/V"), f(C, "cycle_status", "A/V"), f(N, "xte", "NM"), f(C, "steer", "L/R"),
        f(C, "unit", "N"), f(C, "arrival", "A/V"), f(C, "perp", "A/V"), f(N, "brg_orig_dest", "deg"),
        f(C, "brg1_ref", "M/T"), f(S, "dest_wp", ""), f(N, "brg_dest", "deg"), f(C, "brg2_ref", "M/T"),
        f(N, "hdg_steer", "deg"), f(C, "hdg_ref", "M/T"), f(C, "mode", ""),
    ]),
    row("ARC", "alert", "alert command refused", None, &[
        f(T, "utc", ""), f(S, "manufacturer", ""), f(I, "alert_id", ""), f(I, "instance", ""),
        f(C, "command", "A/Q/O/S"),
    ]),
    row("BBM", "AIS", "AIS broadcast binary message (! command to transponder)", None, &[
        f(I, "total", ""), f(I, "number", ""), f(I, "seq", ""), f(I, "channel", "0-3"), f(N, "msg_id", ""),
        f(X, "payload", ""), f(I, "fill", ""),
    ]),
    row("BOD", "route", "bearing origin to destination", None, &[
        f(N, "true", "deg"), f(C, "t", "T"), f(N, "mag", "deg"), f(C, "m", "M"), f(S, "dest_wp", ""),
        f(S, "origin_wp", ""),
    ]),
    row("BWC", "route", "bearing and distance, great circle", None, &[
        f(T, "utc", ""), f(LAT, "latitude", ""), f(NS, "lat_ns", "N/S"), f(LON, "longitude", ""),
        f(NS, "lon_ew", "E/W"), f(N, "brg_true", "deg"), f(C, "t", "T"), f(N, "brg_mag", "deg"), f(C, "m", "M"),
        f(N, "dist", "NM"), f(C, "n", "N"), f(S, "wp_id", ""), f(C, "mode", ""),
    ]),
    row("BWR", "route", "bearing and distance, rhumb line", None, &[
        f(T, "utc", ""), f(LAT, "latitude", ""), f(NS, "lat_ns", "N/S"), f(LON, "longitude", ""),
        f(NS, "lon_ew", "E/W"), f(N, "brg_true", "deg"), f(C, "t", "T"), f(N, "brg_mag", "deg"), f(C, "m", "M"),
        f(N, "dist", "NM"), f(C, "n", "N"), f(S, "wp_id", ""), f(C, "mode", ""),
    ]),
    row("BWW", "route", "bearing waypoint to waypoint", None, &[
        f(N, "true", "deg"), f(C, "t", "T"), f(N, "mag", "deg"), f(C, "m", "M"), f(S, "to_wp", ""),
        f(S, "from_wp", ""),
    ]),
    row("CUR", "sensor", "water current layer", None, &[
        f(C, "valid", "A/V"), f(I, "set", ""), f(I, "layer", ""), f(N, "depth", "m"), f(N, "dir", "deg"),
        f(C, "dir_ref", "T/R"), f(N, "speed", "kn"), f(N, "ref_depth", "m"), f(N, "hdg", "deg"),
        f(C, "hdg_ref", "T/M"), f(C, "speed_ref", "B/W/P"),
    ]),
    row("DBK", "depth", "depth below keel", None, &[
        f(N, "depth_ft", "ft"), f(C, "f", "f"), f(N, "depth_m", "m"), f(C, "m", "M"), f(N, "depth_fa", "fathom"),
        f(C, "fa", "F"),
    ]),
    row("DBS", "depth", "depth below surface", None, &[
        f(N, "depth_ft", "ft"), f(C, "f", "f"), f(N, "depth_m", "m"), f(C, "m", "M"), f(N, "depth_fa", "fathom"),
        f(C, "fa", "F"),
    ]),
    row("DBT", "depth", "depth below transducer", None, &[
        f(N, "depth_ft", "ft"), f(C, "f", "f"), f(N, "depth_m", "m"), f(C, "m", "M"), f(N, "depth_fa", "fathom"),
        f(C, "fa", "F"),
    ]),
    row("DOR", "safety", "door status", None, &[
        f(C, "type", "S/E/F"), f(T, "utc", ""), f(S, "system", ""), f(S, "div1", ""), f(S, "div2", ""),
        f(I, "count", ""), f(C, "status", "O/C/F/X"), f(C, "switch", "O/C/F/X"), f(S, "text", ""),
    ]),
    row("DPT", "depth", "depth", None, &[
        f(N, "depth", "m"), f(N, "offset", "m"), f(N, "max_range", "m"),
    ]),
    row("DSC", "radio", "digital selective calling", None, &[
        f(I, "format", ""), f(I, "address", ""), f(I, "category", ""), f(I, "nature_or_tc1", ""),
        f(I, "comm_or_tc2", ""), f(I, "position", ""), f(I, "time", ""), f(I, "distress_mmsi", ""),
        f(I, "distress_nature", ""), f(C, "ack", "B/R/S"), f(C, "expansion", "E"),
    ]),
    row("DSE", "radio", "expanded DSC (repeats)", every(4, 2), &[
        f(I, "total", ""), f(I, "number", ""), f(C, "flag", "Q/R/A"), f(I, "mmsi", ""), f(I, "code", ""),
        f(S, "data", ""),
    ]),
    row("DTM", "GNSS", "datum reference", None, &[
        f(S, "local_datum", ""), f(S, "sub_datum", ""), f(N, "lat_off", "min"), f(C, "lat_ns", "N/S"),
        f(N, "lon_off", "min"), f(C, "lon_ew", "E/W"), f(N, "alt_off", "m"), f(S, "ref_datum", ""),
    ]),
    row("EPV", "comm", "equipment property value COMMAND/report", None, &[
        f(C, "status", "C/R"), f(S, "dest_type", ""), f(S, "uid", ""), f(I, "property", ""), f(S, "value", ""),
    ]),
    row("ETL", "propulsion", "engine telegraph order/ack", None, &[
        f(T, "utc", ""), f(C, "type", "O/A"), f(I, "telegraph", ""), f(I, "sub_telegraph", ""),
        f(C, "location", "B/P/S/C/E/W"), f(I, "engine", ""),
    ]),
    row("EVE", "alert", "general event", None, &[
        f(T, "utc", ""), f(S, "tag", ""), f(S, "text", ""),
    ]),
    row("FIR", "safety", "fire detection", None, &[
        f(C, "type", "S/E/F"), f(T, "utc", ""), f(S, "system", ""), f(S, "div1", ""), f(S, "div2", ""),
        f(I, "count", ""), f(C, "condition", "A/V/X"), f(C, "ack", "A/V"), f(S, "text", ""),
    ]),
    row("FSI", "radio", "frequency set information", None, &[
        f(I, "tx_freq", "100Hz"), f(I, "rx_freq", "100Hz"), f(C, "mode", ""), f(I, "power", ""), f(C, "status", ""),
    ]),
    row("GBS", "GNSS", "RAIM fault detection", None, &[
        f(T, "utc", ""), f(N, "lat_err", "m"), f(N, "lon_err", "m"), f(N, "alt_err", "m"), f(I, "failed_sat", ""),
        f(N, "p_missed", ""), f(N, "bias", "m"), f(N, "bias_sd", "m"), f(H, "system_id", ""), f(H, "signal_id", ""),
    ]),
    row("GFA", "GNSS", "fix accuracy and integrity", None, &[
        f(T, "utc", ""), f(N, "h_protect", "m"), f(N, "v_protect", "m"), f(N, "semi_major", "m"),
        f(N, "semi_minor", "m"), f(N, "orient", "deg"), f(N, "alt_sd", "m"), f(N, "accuracy_level", "m"),
        f(S, "integrity", ""),
    ]),
    row("GGA", "GNSS", "fix data", None, &[
        f(T, "utc", ""), f(LAT, "latitude", ""), f(NS, "lat_ns", "N/S"), f(LON, "longitude", ""),
        f(NS, "lon_ew", "E/W"), f(I, "quality", "0-8"), f(I, "sats_used", ""), f(N, "hdop", ""),
        f(N, "altitude", "m"), f(C, "alt_unit", "M"), f(N, "geoid_sep", "m"), f(C, "sep_unit", "M"),
        f(N, "dgnss_age", "s"), f(I, "ref_station", ""),
    ]),
    row("GLL", "GNSS", "position, lat/lon", None, &[
        f(LAT, "latitude", ""), f(NS, "lat_ns", "N/S"), f(LON, "longitude", ""), f(NS, "lon_ew", "E/W"),
        f(T, "utc", ""), f(C, "status", "A/V"), f(C, "mode", "A/D/E/M/S/N"),
    ]),
    row("GNS", "GNSS", "fix data, multi-constellation", None, &[
        f(T, "utc", ""), f(LAT, "latitude", ""), f(NS, "lat_ns", "N/S"), f(LON, "longitude", ""),
        f(NS, "lon_ew", "E/W"), f(S, "mode_per_system", ""), f(I, "sats_used", ""), f(N, "hdop", ""),
        f(N, "altitude", "m"), f(N, "geoid_sep", "m"), f(N, "dgnss_age", "s"), f(I, "ref_station", ""),
        f(C, "nav_status", "S/C/U/V"),
    ]),
    row("GRS", "GNSS", "range residuals", None, &[
        f(T, "utc", ""), f(I, "mode", "0/1"), f(N, "residual1", "m"), f(N, "residual2", "m"), f(N, "residual3", "m"),
        f(N, "residual4", "m"), f(N, "residual5", "m"), f(N, "residual6", "m"), f(N, "residual7", "m"),
        f(N, "residual8", "m"), f(N, "residual9", "m"), f(N, "residual10", "m"), f(N, "residual11", "m"),
        f(N, "residual12", "m"), f(H, "system_id", ""), f(H, "signal_id", ""),
    ]),
    row("GSA", "GNSS", "active satellites and DOP", None, &[
        f(C, "sel_mode", "M/A"), f(C, "fix_mode", "1/2/3"), f(I, "sat1", "PRN"), f(I, "sat2", "PRN"),
        f(I, "sat3", "PRN"), f(I, "sat4", "PRN"), f(I, "sat5", "PRN"), f(I, "sat6", "PRN"), f(I, "sat7", "PRN"),
        f(I, "sat8", "PRN"), f(I, "sat9", "PRN"), f(I, "sat10", "PRN"), f(I, "sat11", "PRN"), f(I, "sat12", "PRN"),
        f(N, "pdop", ""), f(N, "hdop", ""), f(N, "vdop", ""), f(H, "system_id", ""),
    ]),
    row("GST", "GNSS", "pseudorange noise statistics", None, &[
        f(T, "utc", ""), f(N, "rms", "m"), f(N, "semi_major", "m"), f(N, "semi_minor", "m"), f(N, "orient", "deg"),
        f(N, "lat_err", "m"), f(N, "lon_err", "m"), f(N, "alt_err", "m"),
    ]),
    row("GSV", "GNSS", "satellites in view (multi)", every(3, 4), &[
        f(I, "total", ""), f(I, "number", ""), f(I, "sats_in_view", ""), f(I, "prn", ""), f(I, "elev", "deg"),
        f(I, "azim", "deg"), f(I, "snr", "dB-Hz"),
    ]),
    row("HBT", "alert", "heartbeat supervision", None, &[
        f(N, "interval", "s"), f(C, "status", "A/V"), f(I, "seq", "0-9"),
    ]),
    row("HCR", "heading", "heading correction report", None, &[
        f(N, "heading", "deg"), f(C, "mode", ""), f(C, "correction_state", ""), f(N, "correction", "deg"),
    ]),
    row("HDG", "heading", "magnetic heading, deviation, variation", None, &[
        f(N, "heading", "deg"), f(N, "deviation", "deg"), f(C, "dev_ew", "E/W"), f(N, "variation", "deg"),
        f(C, "var_ew", "E/W"),
    ]),
    row("HDM", "heading", "magnetic heading", None, &[
        f(N, "heading", "deg"), f(C, "m", "M"),
    ]),
    row("HDT", "heading", "true heading", None, &[
        f(N, "heading", "deg"), f(C, "t", "T"),
    ]),
    row("HEV", "sensor", "heave", None, &[
        f(N, "heave", "m"),
    ]),
    row("HRM", "safety", "heel and roll monitor", None, &[
        f(N, "heel", "deg"), f(N, "period", "s"), f(N, "port_peak", "deg"), f(N, "stbd_peak", "deg"),
        f(C, "status", "A/V"), f(N, "port_rst", ""), f(N, "stbd_rst", ""), f(I, "rst_day", ""), f(I, "rst_month", ""),
    ]),
    row("HSC", "steering", "heading steering command", None, &[
        f(N, "hdg_true", "deg"), f(C, "t", "T"), f(N, "hdg_mag", "deg"), f(C, "m", "M"), f(C, "status", ""),
    ]),
    row("HSS", "safety", "hull stress", None, &[
        f(S, "point", ""), f(N, "value", ""), f(C, "status", "A/V"),
    ]),
    row("HTC", "steering", "heading/track control COMMAND", None, &[
        f(C, "override", "A/V"), f(N, "rudder_cmd", "deg"), f(C, "rudder_dir", "L/R"),
        f(C, "steer_mode", "M/S/H/T/R/W"), f(C, "turn_mode", "R/T/N"), f(N, "rudder_limit", "deg"),
        f(N, "offhdg_limit", "deg"), f(N, "turn_radius", "NM"), f(N, "turn_rate", "deg/min"), f(N, "hdg_cmd", "deg"),
        f(N, "offtrack_limit", "NM"), f(N, "track_cmd", "deg"), f(C, "hdg_ref", "T/M"), f(C, "status", ""),
    ]),
    row("HTD", "steering", "heading/track control DATA", None, &[
        f(C, "override", "A/V"), f(N, "rudder_cmd", "deg"), f(C, "rudder_dir", "L/R"),
        f(C, "steer_mode", "M/S/H/T/R/W"), f(C, "turn_mode", "R/T/N"), f(N, "rudder_limit", "deg"),
        f(N, "offhdg_limit", "deg"), f(N, "turn_radius", "NM"), f(N, "turn_rate", "deg/min"), f(N, "hdg_cmd", "deg"),
        f(N, "offtrack_limit", "NM"), f(N, "track_cmd", "deg"), f(C, "hdg_ref", "T/M"), f(C, "rudder_status", "A/V"),
        f(C, "offhdg_status", "A/V"), f(C, "offtrack_status", "A/V"), f(N, "heading", "deg"),
    ]),
    row("LRF", "AIS", "AIS long-range function", None, &[
        f(I, "seq", ""), f(I, "mmsi", ""), f(S, "name", ""), f(S, "functions", ""), f(S, "reply_status", ""),
    ]),
    row("LRI", "AIS", "AIS long-range interrogation", None, &[
        f(I, "seq", ""), f(I, "control", ""), f(I, "req_mmsi", ""), f(I, "dest_mmsi", ""), f(LAT, "ne_latitude", ""),
        f(NS, "ne_ns", "N/S"), f(LON, "ne_longitude", ""), f(NS, "ne_ew", "E/W"), f(LAT, "sw_latitude", ""),
        f(NS, "sw_ns", "N/S"), f(LON, "sw_longitude", ""), f(NS, "sw_ew", "E/W"),
    ]),
    row("MDA", "weather", "meteorological composite (legacy)", None, &[
        f(N, "inhg", "inHg"), f(C, "i", "I"), f(N, "bar", "bar"), f(C, "b", "B"), f(N, "air", "degC"),
        f(C, "c1", "C"), f(N, "water", "degC"), f(C, "c2", "C"), f(N, "rel_hum", "%"), f(N, "abs_hum", "%"),
        f(N, "dew", "degC"), f(C, "c3", "C"), f(N, "wdir_true", "deg"), f(C, "t", "T"), f(N, "wdir_mag", "deg"),
        f(C, "m", "M"), f(N, "wspd_kn", "kn"), f(C, "n", "N"), f(N, "wspd_ms", "m/s"), f(C, "ms", "M"),
    ]),
    row("MMB", "weather", "barometer (legacy)", None, &[
        f(N, "inhg", "inHg"), f(C, "i", "I"), f(N, "bar", "bar"), f(C, "b", "B"),
    ]),
    row("MTA", "weather", "air temperature (legacy)", None, &[
        f(N, "temp", "degC"), f(C, "unit", "C"),
    ]),
    row("MTW", "weather", "water temperature", None, &[
        f(N, "temp", "degC"), f(C, "unit", "C"),
    ]),
    row("MWD", "wind", "wind direction and speed", None, &[
        f(N, "dir_true", "deg"), f(C, "t", "T"), f(N, "dir_mag", "deg"), f(C, "m", "M"), f(N, "speed_kn", "kn"),
        f(C, "n", "N"), f(N, "speed_ms", "m/s"), f(C, "ms", "M"),
    ]),
    row("MWV", "wind", "wind speed and angle", None, &[
        f(N, "angle", "deg"), f(C, "reference", "R/T"), f(N, "speed", ""), f(C, "unit", "K/M/N/S"),
        f(C, "status", "A/V"),
    ]),
    row("NAK", "comm", "negative acknowledgement", None, &[
        f(S, "nak_talker", ""), f(S, "nak_formatter", ""), f(S, "uid", ""), f(I, "reason", ""), f(S, "text", ""),
    ]),
    row("NRM", "radio", "NAVTEX receiver mask", None, &[
        f(I, "function", ""), f(I, "tx", ""), f(H, "coverage", ""), f(H, "message_type", ""), f(C, "status", ""),
    ]),
    row("NRX", "radio", "NAVTEX received message", None, &[
        f(I, "total", ""), f(I, "number", ""), f(I, "seq", ""), f(S, "code", ""), f(I, "freq", ""), f(T, "utc", ""),
        f(I, "day", ""), f(I, "month", ""), f(I, "year", ""), f(I, "chars_total", ""), f(I, "bad_chars", ""),
        f(C, "status", "A/V"), f(S, "text", ""),
    ]),
    row("OSD", "heading", "own ship data", None, &[
        f(N, "heading", "deg"), f(C, "heading_status", "A/V"), f(N, "course", "deg"), f(C, "course_ref", "B/M/W/R/P"),
        f(N, "speed", ""), f(C, "speed_ref", "B/M/W/R/P"), f(N, "set", "deg"), f(N, "drift", ""),
        f(C, "unit", "K/N/S"),
    ]),
    row("PGN", "sensor", "parameter group of NMEA 2000 wrapped by a gateway ($MXPGN)", None, &[
        f(H, "pgn", ""), f(H, "attributes", ""), f(S, "data", ""),
    ]),
    row("PRC", "propulsion", "propulsion remote CONTROL", None, &[
        f(N, "lever", "%"), f(C, "lever_status", "A/V"), f(N, "rpm_demand", ""), f(C, "rpm_mode", "P/R/V"),
        f(N, "pitch_demand", ""), f(C, "pitch_mode", "P/D/V"), f(C, "location", "B/P/S/C/E/W"), f(I, "engine", ""),
    ]),
    row("RMB", "route", "recommended minimum navigation", None, &[
        f(C, "status", "A/V"), f(N, "xte", "NM"), f(C, "steer", "L/R"), f(S, "origin_wp", ""), f(S, "dest_wp", ""),
        f(LAT, "dest_latitude", ""), f(NS, "lat_ns", "N/S"), f(LON, "dest_longitude", ""), f(NS, "lon_ew", "E/W"),
        f(N, "range", "NM"), f(N, "bearing", "deg"), f(N, "closing", "kn"), f(C, "arrival", "A/V"), f(C, "mode", ""),
    ]),
    row("RMC", "GNSS", "recommended minimum", None, &[
        f(T, "utc", ""), f(C, "status", "A/V"), f(LAT, "latitude", ""), f(NS, "lat_ns", "N/S"),
        f(LON, "longitude", ""), f(NS, "lon_ew", "E/W"), f(N, "sog", "kn"), f(N, "cog_true", "deg"), f(D, "date", ""),
        f(N, "mag_var", "deg"), f(C, "var_ew", "E/W"), f(C, "mode", "A/D/E/F/M/N/P/R/S"),
        f(C, "nav_status", "S/C/U/V"),
    ]),
    row("ROR", "steering", "rudder ORDER status", None, &[
        f(N, "stbd_order", "deg"), f(C, "stbd_status", "A/V"), f(N, "port_order", "deg"), f(C, "port_status", "A/V"),
        f(C, "command_source", "B/P/S/C/E/W"),
    ]),
    row("ROT", "heading", "rate of turn", None, &[
        f(N, "rate", "deg/min"), f(C, "status", "A/V"),
    ]),
    row("RPM", "propulsion", "revolutions", None, &[
        f(C, "source", "S/E"), f(I, "number", ""), f(N, "speed", "rpm"), f(N, "pitch", "%"), f(C, "status", "A/V"),
    ]),
    row("RSA", "steering", "rudder angle", None, &[
        f(N, "starboard", "deg"), f(C, "stbd_status", "A/V"), f(N, "port", "deg"), f(C, "port_status", "A/V"),
    ]),
    row("RSD", "target", "radar system data", None, &[
        f(N, "o1_range", "NM"), f(N, "o1_brg", "deg"), f(N, "vrm1", "NM"), f(N, "ebl1", "deg"),
        f(N, "o2_range", "NM"), f(N, "o2_brg", "deg"), f(N, "vrm2", "NM"), f(N, "ebl2", "deg"),
        f(N, "cursor_range", "NM"), f(N, "cursor_brg", "deg"), f(N, "scale", "NM"), f(C, "unit", "K/N/S"),
        f(C, "rotation", "C/H/N"),
    ]),
    row("RTE", "route", "route (repeats, multi)", every(4, 1), &[
        f(I, "total", ""), f(I, "number", ""), f(C, "mode", "c/w"), f(S, "route_id", ""), f(S, "wp", ""),
    ]),
    row("SFI", "radio", "scanning frequencies (repeats)", every(2, 2), &[
        f(I, "total", ""), f(I, "number", ""), f(I, "freq", ""), f(C, "mode", ""),
    ]),
    row("SMB", "radio", "SafetyNET message body", None, &[
        f(I, "total", ""), f(I, "number", ""), f(I, "seq", ""), f(S, "header", ""), f(S, "text", ""),
    ]),
    row("SPW", "comm", "security password (clear text)", None, &[
        f(S, "protected_formatter", ""), f(S, "uid", ""), f(I, "level", ""), f(S, "password", ""),
    ]),
    row("SRP", "comm", "system function id resolution (450 network)", None, &[
        f(I, "instance", ""), f(S, "mac", ""), f(S, "ip", ""),
    ]),
    row("SSD", "AIS", "AIS ship static data (set)", None, &[
        f(S, "callsign", ""), f(S, "name", ""), f(I, "bow", "m"), f(I, "stern", "m"), f(I, "port", "m"),
        f(I, "stbd", "m"), f(I, "dte", ""), f(S, "source", ""),
    ]),
    row("THS", "heading", "true heading and status", None, &[
        f(N, "heading", "deg"), f(C, "mode", "A/E/M/S/V"),
    ]),
    row("TLB", "target", "target labels (repeats)", every(0, 2), &[
        f(I, "target", ""), f(S, "label", ""),
    ]),
    row("TLL", "target", "target lat/lon", None, &[
        f(I, "target", ""), f(LAT, "latitude", ""), f(NS, "lat_ns", "N/S"), f(LON, "longitude", ""),
        f(NS, "lon_ew", "E/W"), f(S, "name", ""), f(T, "utc", ""), f(C, "status", "L/Q/T"), f(C, "reference", "R"),
    ]),
    row("TRC", "propulsion", "thruster CONTROL", None, &[
        f(I, "number", ""), f(N, "rpm_demand", ""), f(C, "rpm_mode", "P/R/V"), f(N, "pitch_demand", ""),
        f(C, "pitch_mode", "P/D/V"), f(N, "azimuth", "deg"), f(C, "location", "B/P/S/C/E/W"), f(C, "status", "R/C"),
    ]),
    row("TRD", "propulsion", "thruster response", None, &[
        f(I, "number", ""), f(N, "rpm", ""), f(C, "rpm_mode", "P/R/V"), f(N, "pitch", ""),
        f(C, "pitch_mode", "P/D/V"), f(N, "azimuth", "deg"),
    ]),
    row("TTD", "target", "tracked target data, encapsulated (!)", None, &[
        f(H, "total", ""), f(H, "number", ""), f(I, "seq", ""), f(X, "payload", ""), f(I, "fill", ""),
    ]),
    row("TTM", "target", "tracked target message", None, &[
        f(I, "target", ""), f(N, "distance", "NM"), f(N, "bearing", "deg"), f(C, "brg_ref", "T/R"), f(N, "speed", ""),
        f(N, "course", "deg"), f(C, "crs_ref", "T/R"), f(N, "cpa", "NM"), f(N, "tcpa", "min"), f(C, "unit", "K/N/S"),
        f(S, "name", ""), f(C, "status", "L/Q/T"), f(C, "reference", "R"), f(T, "utc", ""),
        f(C, "acquisition", "A/M/R"),
    ]),
    row("TUT", "comm", "multi-language text", None, &[
        f(S, "source", ""), f(H, "total", ""), f(H, "number", ""), f(I, "seq", ""), f(S, "code", ""),
        f(H, "text", ""),
    ]),
    row("TXT", "comm", "text transmission", None, &[
        f(I, "total", ""), f(I, "number", ""), f(I, "id", ""), f(S, "text", ""),
    ]),
    row("UID", "comm", "user identification", None, &[
        f(S, "code1", ""), f(S, "code2", ""),
    ]),
    row("VBC", "speed", "ground/water speed, bow and stern (field names inferred from sample)", None, &[
        f(N, "sog_long", "kn"), f(N, "sog_trans", "kn"), f(N, "sog_stern", "kn"), f(N, "sog_bow", "kn"),
        f(C, "g_status", "A/V"), f(N, "stw_long", "kn"), f(N, "stw_trans", "kn"), f(N, "stw_stern", "kn"),
        f(N, "stw_bow", "kn"), f(C, "w_status", "A/V"),
    ]),
    row("VBW", "speed", "dual ground/water speed", None, &[
        f(N, "stw_long", "kn"), f(N, "stw_trans", "kn"), f(C, "w_status", "A/V"), f(N, "sog_long", "kn"),
        f(N, "sog_trans", "kn"), f(C, "g_status", "A/V"), f(N, "stern_w", "kn"), f(C, "sw_status", "A/V"),
        f(N, "stern_g", "kn"), f(C, "sg_status", "A/V"),
    ]),
    row("VDM", "AIS", "AIS VHF data-link message (!)", None, &[
        f(I, "total", ""), f(I, "number", ""), f(I, "seq", ""), f(C, "channel", "A/B"), f(X, "payload", ""),
        f(I, "fill", ""),
    ]),
    row("VDO", "AIS", "AIS own-vessel report (!)", None, &[
        f(I, "total", ""), f(I, "number", ""), f(I, "seq", ""), f(C, "channel", "A/B"), f(X, "payload", ""),
        f(I, "fill", ""),
    ]),
    row("VDR", "speed", "set and drift", None, &[
        f(N, "set_true", "deg"), f(C, "t", "T"), f(N, "set_mag", "deg"), f(C, "m", "M"), f(N, "drift", "kn"),
        f(C, "n", "N"),
    ]),
    row("VER", "comm", "version (asset inventory!)", None, &[
        f(I, "total", ""), f(I, "number", ""), f(S, "device", ""), f(S, "vendor", ""), f(S, "uid", ""),
        f(S, "serial", ""), f(S, "model", ""), f(S, "software", ""), f(S, "hardware", ""), f(I, "seq", ""),
    ]),
    row("VHW", "speed", "water speed and heading", None, &[
        f(N, "hdg_true", "deg"), f(C, "t", "T"), f(N, "hdg_mag", "deg"), f(C, "m", "M"), f(N, "stw_kn", "kn"),
        f(C, "n", "N"), f(N, "stw_kmh", "km/h"), f(C, "k", "K"),
    ]),
    row("VLW", "speed", "distance travelled", None, &[
        f(N, "total_water", "NM"), f(C, "n1", "N"), f(N, "trip_water", "NM"), f(C, "n2", "N"),
        f(N, "total_ground", "NM"), f(C, "n3", "N"), f(N, "trip_ground", "NM"), f(C, "n4", "N"),
    ]),
    row("VPW", "speed", "speed parallel to wind", None, &[
        f(N, "spl_wind_kn", "kn"), f(C, "n", "N"), f(N, "spl_wind_ms", "m/s"), f(C, "m", "M"),
    ]),
    row("VSD", "AIS", "AIS voyage static data (set)", None, &[
        f(I, "ship_type", ""), f(N, "draught", "m"), f(I, "persons", ""), f(S, "destination", ""),
        f(T, "eta_utc", ""), f(I, "eta_day", ""), f(I, "eta_month", ""), f(I, "nav_status", ""), f(I, "regional", ""),
    ]),
    row("VSI", "AIS", "VDL signal information", None, &[
        f(S, "uid", ""), f(I, "link", ""), f(T, "utc", ""), f(I, "slot", ""), f(I, "dbm", ""), f(I, "snr", ""),
    ]),
    row("VTG", "GNSS", "course and speed over ground", None, &[
        f(N, "cog_true", "deg"), f(C, "t", "T"), f(N, "cog_mag", "deg"), f(C, "m", "M"), f(N, "sog_kn", "kn"),
        f(C, "n", "N"), f(N, "sog_kmh", "km/h"), f(C, "k", "K"), f(C, "mode", ""),
    ]),
    row("VWR", "wind", "relative wind (legacy)", None, &[
        f(N, "angle", "deg"), f(C, "side", "L/R"), f(N, "kn", "kn"), f(C, "n", "N"), f(N, "ms", "m/s"),
        f(C, "m", "M"), f(N, "kmh", "km/h"), f(C, "k", "K"),
    ]),
    row("VWT", "wind", "true wind (legacy)", None, &[
        f(N, "angle", "deg"), f(C, "side", "L/R"), f(N, "kn", "kn"), f(C, "n", "N"), f(N, "ms", "m/s"),
        f(C, "m", "M"), f(N, "kmh", "km/h"), f(C, "k", "K"),
    ]),
    row("WAT", "safety", "water level detection", None, &[
        f(C, "type", "S/E/F"), f(T, "utc", ""), f(S, "system", ""), f(S, "loc1", ""), f(S, "loc2", ""),
        f(I, "count", ""), f(C, "status", "N/H/J/L/X"), f(C, "override", ""), f(S, "text", ""),
    ]),
    row("WCV", "route", "waypoint closure velocity", None, &[
        f(N, "velocity", "kn"), f(C, "n", "N"), f(S, "wp_id", ""), f(C, "mode", ""),
    ]),
    row("WNC", "route", "distance waypoint to waypoint", None, &[
        f(N, "nm", "NM"), f(C, "n", "N"), f(N, "km", "km"), f(C, "k", "K"), f(S, "to_wp", ""), f(S, "from_wp", ""),
    ]),
    row("WPL", "route", "waypoint location", None, &[
        f(LAT, "latitude", ""), f(NS, "lat_ns", "N/S"), f(LON, "longitude", ""), f(NS, "lon_ew", "E/W"),
        f(S, "wp_id", ""),
    ]),
    row("XDR", "sensor", "transducer measurements (repeats)", every(0, 4), &[
        f(C, "type", ""), f(N, "value", ""), f(C, "unit", ""), f(S, "id", ""),
    ]),
    row("XTE", "steering", "cross-track error", None, &[
        f(C, "gen_status", "A/V"), f(C, "lock_status", "A/V"), f(N, "xte", "NM"), f(C, "steer", "L/R"),
        f(C, "unit", "N"), f(C, "mode", ""),
    ]),
    row("XTR", "steering", "cross-track, dead reckoning", None, &[
        f(N, "xte", "NM"), f(C, "steer", "L/R"), f(C, "unit", "N"),
    ]),
    row("ZDA", "time", "time and date", None, &[
        f(T, "utc", ""), f(I, "day", ""), f(I, "month", ""), f(I, "year", ""), f(I, "zone_h", "h"),
        f(I, "zone_m", "min"),
    ]),
    row("ZFO", "route", "time from origin", None, &[
        f(T, "utc", ""), f(T, "elapsed", ""), f(S, "origin_wp", ""),
    ]),
    row("ZTG", "route", "time to destination", None, &[
        f(T, "utc", ""), f(T, "to_go", ""), f(S, "dest_wp", ""),
    ]),
];
