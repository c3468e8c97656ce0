//! Proprietary sentences (`$P...`): who the makers are, and the fields of the sentences commonly met.
//!
//! The key of a sentence is what follows `P` in the address (`GRME`), or, for makers that put the kind of sentence in the first field, that
//! and the field (`UBX,00`). Maker codes are the three letters after `P`, as registered with NMEA and used in public interface manuals (Garmin,
//! u-blox, SiRF, MediaTek, Trimble, Furuno, Nortek, Teledyne RD, Kongsberg Seatex, SkyTraq); a sentence not listed shows its fields by number.

use super::table::Proprietary;
use super::table::shorthand::{C, D, H, I, LAT, LON, N, NS, S, T, every, f, own};

/// Makers by code, sorted by code.
pub(crate) static MAKERS: &[([u8; 3], &str)] = &[
    (*b"AMT", "Airmar"),
    (*b"ASH", "Ashtech"),
    (*b"CSI", "Hemisphere GNSS"),
    (*b"DGY", "Digital Yacht"),
    (*b"ERD", "Furuno"),
    (*b"FEC", "Furuno"),
    (*b"FST", "Fastrax"),
    (*b"GRM", "Garmin"),
    (*b"JRC", "Japan Radio"),
    (*b"KLD", "Kenwood"),
    (*b"KLS", "Kenwood"),
    (*b"KND", "Kenwood"),
    (*b"KNS", "Kenwood"),
    (*b"KWD", "Kenwood"),
    (*b"LCJ", "LCJ Capteurs"),
    (*b"LEI", "Leica"),
    (*b"MGN", "Magellan"),
    (*b"MTK", "MediaTek"),
    (*b"NKE", "nke"),
    (*b"NOR", "Nortek"),
    (*b"QTM", "Quectel"),
    (*b"QVE", "Quectel"),
    (*b"RAY", "Raymarine"),
    (*b"RDI", "Teledyne RD Instruments"),
    (*b"SAI", "Saab"),
    (*b"SIM", "Simrad"),
    (*b"SMD", "ShipModul"),
    (*b"SRF", "SiRF"),
    (*b"SRT", "SRT Marine"),
    (*b"STI", "SkyTraq"),
    (*b"STM", "STMicroelectronics"),
    (*b"SXN", "Kongsberg Seatex"),
    (*b"TNL", "Trimble"),
    (*b"TNT", "True North Technologies"),
    (*b"TRM", "Trimble"),
    (*b"UBX", "u-blox"),
    (*b"VTX", "Vectronix"),
    (*b"YDN", "Yacht Devices"),
];

/// Makers whose first field tells the kind of sentence, sorted.
pub(crate) static KIND_IN_FIELD: &[&str] = &["ERC", "FEC", "NKEP", "STI", "SXN", "TNL", "UBX", "VTX"];

/// Whether a proprietary sentence is a command that sets a receiver up, by the interface manuals of the makers: u-blox 40 (rate) and 41 (port);
/// Garmin GRMC, GRMC1 (configuration), GRMI (position to begin with), GRMO (output); MediaTek 100 to 399 (restart and set; 4nn ask, 5nn answer);
/// SiRF 100 to 106, 117, 151; ST set, save, restart; Quectel CFG and Airoha PAIR commands below 900; Ashtech ASHS (set).
pub(crate) fn sets_up(code: &str, first: &[u8]) -> bool {
    let number = |text: &str| text.get(..3).and_then(|digits| digits.parse::<u16>().ok());
    if let Some(rest) = code.strip_prefix("MTK") {
        return number(rest).is_some_and(|number| (100..400).contains(&number));
    }
    if let Some(rest) = code.strip_prefix("SRF") {
        return number(rest).is_some_and(|number| matches!(number, 100..=106 | 117 | 151));
    }
    if let Some(rest) = code.strip_prefix("AIR") {
        return number(rest).is_some_and(|number| matches!(number, 2..=9 | 50..=899));
    }
    if let Some(rest) = code.strip_prefix("STM") {
        // what ends so answers a command
        let answers = rest.ends_with("OK") || rest.ends_with("ERROR");
        let sets = ["SET", "SAVE", "RESTORE", "SRR", "COLD", "WARM", "HOT", "INIT", "CFG"];
        return !answers && sets.iter().any(|word| rest.starts_with(word));
    }
    match code {
        "UBX" => matches!(first, b"40" | b"41"),
        // the same sentences come back as an answer, with an ending of their own (GRMCE asks)
        "GRMC" | "GRMC1" | "GRMI" | "GRMO" | "ASHS" => true,
        _ => code.starts_with("QTMCFG") || code.starts_with("QTMSAVEPAR") || code.starts_with("QTMRESTOREPAR"),
    }
}

/// Sentences commonly met, sorted by key.
#[rustfmt::skip] // a sentence a paragraph reads better than a field a line
pub(crate) static SENTENCES: &[Proprietary] = &[
    own("ASHR", "attitude", None, &[
        f(T, "utc", ""), f(N, "true_heading", "deg"), f(C, "t", "T"), f(N, "roll", "deg"), f(N, "pitch", "deg"),
        f(N, "heave", "m"), f(N, "roll_accuracy", "deg"), f(N, "pitch_accuracy", "deg"),
        f(N, "heading_accuracy", "deg"), f(I, "aiding_status", ""), f(I, "imu_status", ""),
    ]),
    own("CDIN", "parameter group of NMEA 2000 wrapped by a gateway", None, &[
        f(H, "pgn", ""), f(H, "timestamp", ""), f(H, "source", ""), f(S, "data", ""),
    ]),
    own("DTINFO", "product information", None, &[
        f(S, "product", ""), f(S, "bands", ""), f(S, "hardware", ""), f(S, "firmware", ""), f(S, "psn", ""),
        f(S, "serial", ""),
    ]),
    own("FEC,GPatt", "attitude", None, &[
        f(S, "type", ""), f(N, "yaw", "deg"), f(N, "pitch", "deg"), f(N, "roll", "deg"),
    ]),
    own("FEC,GPhve", "heave", None, &[
        f(S, "type", ""), f(N, "heave", "m"), f(C, "status", "A/V"),
    ]),
    own("FEC,GPver", "version", None, &[
        f(S, "type", ""), f(S, "software", ""),
    ]),
    own("GRMB", "beacon receiver", None, &[
        f(N, "frequency", "kHz"), f(I, "bit_rate", ""), f(I, "snr", "dB"), f(I, "quality", ""), f(N, "distance", ""),
        f(C, "distance_unit", "K"), f(C, "receiver_status", ""), f(C, "fix_source", "R/W/N"), f(C, "mode", ""),
    ]),
    own("GRME", "estimated position error", None, &[
        f(N, "hpe", "m"), f(C, "hpe_unit", ""), f(N, "vpe", "m"), f(C, "vpe_unit", ""), f(N, "osepe", "m"),
        f(C, "osepe_unit", ""),
    ]),
    own("GRMF", "fix data", None, &[
        f(I, "gps_week", ""), f(I, "gps_seconds", ""), f(D, "date", ""), f(T, "utc", ""), f(I, "leap_seconds", "s"),
        f(LAT, "latitude", ""), f(NS, "lat_ns", ""), f(LON, "longitude", ""), f(NS, "lon_ew", ""),
        f(C, "mode", "M/A"), f(I, "fix_type", ""), f(N, "sog_kmh", "km/h"), f(N, "cog_true", "deg"), f(N, "pdop", ""),
        f(N, "tdop", ""),
    ]),
    own("GRMM", "map datum", None, &[
        f(S, "datum", ""),
    ]),
    own("GRMT", "sensor status", None, &[
        f(S, "product", ""), f(C, "rom_test", "P/F"), f(C, "receiver_test", "P/F"), f(C, "stored_data", "R/L"),
        f(C, "rtc", "R/L"), f(C, "oscillator", "P/D"), f(C, "data_collection", ""), f(N, "temperature", "degC"),
        f(C, "configuration", "R/L"),
    ]),
    own("GRMV", "velocity", None, &[
        f(N, "velocity_east", "m/s"), f(N, "velocity_north", "m/s"), f(N, "velocity_up", "m/s"),
    ]),
    own("GRMW", "waypoint", None, &[
        f(S, "wname", ""), f(N, "altitude", ""), f(S, "symbol", ""), f(S, "comment", ""),
    ]),
    own("GRMZ", "altitude", None, &[
        f(N, "altitude", ""), f(C, "altitude_unit", "f"), f(I, "pos_fix_dim", ""),
    ]),
    own("KLDS", "FleetSync position", None, &[
        f(T, "utc", ""), f(C, "status", "A/V"), f(LAT, "latitude", ""), f(NS, "lat_ns", ""), f(LON, "longitude", ""),
        f(NS, "lon_ew", ""), f(N, "sog", "kn"), f(N, "cog", "deg"), f(D, "date", ""), f(N, "declination", "deg"),
        f(S, "dec_dir", ""), f(I, "fleet", ""), f(S, "senderid", ""),
    ]),
    own("KLSH", "FleetSync position, short", None, &[
        f(LAT, "latitude", ""), f(NS, "lat_ns", ""), f(LON, "longitude", ""), f(NS, "lon_ew", ""), f(T, "utc", ""),
        f(C, "status", "A/V"), f(I, "fleet", ""), f(S, "senderid", ""),
    ]),
    own("KNDS", "NEXEDGE position", None, &[
        f(T, "utc", ""), f(C, "status", "A/V"), f(LAT, "latitude", ""), f(NS, "lat_ns", ""), f(LON, "longitude", ""),
        f(NS, "lon_ew", ""), f(N, "sog", "kn"), f(N, "cog", "deg"), f(D, "date", ""), f(N, "declination", "deg"),
        f(S, "dec_dir", ""), f(S, "senderid", ""), f(I, "senderstatus", ""),
    ]),
    own("KNSH", "NEXEDGE position, short", None, &[
        f(LAT, "latitude", ""), f(NS, "lat_ns", ""), f(LON, "longitude", ""), f(NS, "lon_ew", ""), f(T, "utc", ""),
        f(C, "status", "A/V"), f(S, "senderid", ""),
    ]),
    own("KWDWPL", "waypoint", None, &[
        f(T, "utc", ""), f(C, "status", "A/V"), f(LAT, "latitude", ""), f(NS, "lat_ns", ""), f(LON, "longitude", ""),
        f(NS, "lon_ew", ""), f(N, "sog", "kn"), f(N, "cog", "deg"), f(D, "date", ""), f(N, "altitude", "m"),
        f(S, "wname", ""), f(S, "ts", ""),
    ]),
    own("MGNWPL", "waypoint", None, &[
        f(LAT, "latitude", ""), f(NS, "lat_ns", ""), f(LON, "longitude", ""), f(NS, "lon_ew", ""),
        f(N, "altitude", ""), f(C, "altitude_unit", "M"), f(S, "wname", ""), f(S, "comment", ""), f(S, "icon", ""),
    ]),
    own("MTK001", "acknowledgement", None, &[
        f(I, "command", ""), f(I, "flag", ""),
    ]),
    own("MTK010", "system message", None, &[
        f(I, "message", ""),
    ]),
    own("MTK011", "text", None, &[
        f(S, "text", ""),
    ]),
    own("MTK705", "firmware release", None, &[
        f(S, "release", ""), f(S, "build", ""), f(S, "product", ""), f(S, "sdk", ""),
    ]),
    own("NKEP,01", "target speed", None, &[
        f(S, "type", ""), f(N, "target_speed_kn", "kn"), f(C, "n", "N"), f(N, "target_speed_kmh", "km/h"),
        f(C, "k", "K"),
    ]),
    own("NKEP,02", "course on next tack", None, &[
        f(S, "type", ""), f(N, "next_tack_course", "deg"),
    ]),
    own("NORBT0", "bottom track", None, &[
        f(I, "beam", ""), f(S, "date", ""), f(T, "utc", ""), f(N, "dt1", "ms"), f(N, "dt2", "ms"), f(N, "bv", "m/s"),
        f(N, "fom", "m/s"), f(N, "dist", "m"), f(S, "stat", ""),
    ]),
    own("NORBT4", "bottom track", None, &[
        f(N, "dt1", "ms"), f(N, "dt2", "ms"), f(N, "sound_speed", "m/s"), f(N, "dir", "deg"), f(N, "fom", "m/s"),
        f(N, "dist", "m"),
    ]),
    own("NORBT7", "bottom track", None, &[
        f(N, "time_unix", "s"), f(N, "dt1", "ms"), f(N, "dt2", "ms"), f(N, "vx", "m/s"), f(N, "vy", "m/s"),
        f(N, "vz", "m/s"), f(N, "fom", "m/s"), f(N, "d1", "m"), f(N, "d2", "m"), f(N, "d3", "m"), f(N, "d4", "m"),
    ]),
    own("NORBT9", "bottom track", None, &[
        f(N, "time_unix", "s"), f(N, "dt1", "ms"), f(N, "dt2", "ms"), f(N, "vx", "m/s"), f(N, "vy", "m/s"),
        f(N, "vz", "m/s"), f(N, "fom", "m/s"), f(N, "d1", "m"), f(N, "d2", "m"), f(N, "d3", "m"), f(N, "d4", "m"),
        f(N, "battery_voltage", "V"), f(N, "sound_speed", "m/s"), f(N, "pressure", "dbar"), f(N, "temp", "degC"),
        f(S, "stat", ""),
    ]),
    own("NORC1", "current velocity of a cell", None, &[
        f(S, "date", ""), f(T, "utc", ""), f(I, "cn", ""), f(N, "cp", "m"), f(N, "vx", "m/s"), f(N, "vy", "m/s"),
        f(N, "vz", "m/s"), f(N, "vz2", "m/s"), f(N, "amp1", "dB"), f(N, "amp2", "dB"), f(N, "amp3", "dB"),
        f(N, "amp4", "dB"), f(I, "r1", "%"), f(I, "r2", "%"), f(I, "r3", "%"), f(I, "r4", "%"),
    ]),
    own("NORC4", "current velocity", None, &[
        f(N, "cp", "m"), f(N, "sp", "m/s"), f(N, "dir", "deg"), f(I, "r", ""), f(I, "amp", ""),
    ]),
    own("NORH4", "header", None, &[
        f(S, "date", ""), f(T, "utc", ""), f(I, "ec", ""), f(S, "sc", ""),
    ]),
    own("NORI1", "instrument configuration", None, &[
        f(I, "it", ""), f(I, "sn", ""), f(I, "nb", ""), f(I, "nc", ""), f(N, "bd", "m"), f(N, "cs", "m"),
        f(S, "cy", ""),
    ]),
    own("NORS1", "sensor data", None, &[
        f(S, "date", ""), f(T, "utc", ""), f(I, "ec", ""), f(S, "sc", ""), f(N, "battery_voltage", "V"),
        f(N, "sound_speed", "m/s"), f(N, "heading", "deg"), f(N, "heading_std", "deg"), f(N, "pitch", "deg"),
        f(N, "pitch_std", "deg"), f(N, "roll", "deg"), f(N, "roll_std", "deg"), f(N, "pressure", "dbar"),
        f(N, "pressure_std", "dbar"), f(N, "temp", "degC"),
    ]),
    own("NORS4", "sensor data", None, &[
        f(N, "battery_voltage", "V"), f(N, "sound_speed", "m/s"), f(N, "heading", "deg"), f(N, "pitch", "deg"),
        f(N, "roll", "deg"), f(N, "pressure", "dbar"), f(N, "temp", "degC"),
    ]),
    own("NORWT4", "water track", None, &[
        f(N, "dt1", "ms"), f(N, "dt2", "ms"), f(N, "sound_speed", "m/s"), f(N, "dir", "deg"), f(N, "fom", "m/s"),
        f(N, "dist", "m"),
    ]),
    own("NORWT7", "water track", None, &[
        f(N, "time_unix", "s"), f(N, "dt1", "ms"), f(N, "dt2", "ms"), f(N, "vx", "m/s"), f(N, "vy", "m/s"),
        f(N, "vz", "m/s"), f(N, "fom", "m/s"), f(N, "d1", "m"), f(N, "d2", "m"), f(N, "d3", "m"), f(N, "d4", "m"),
    ]),
    own("NORWT9", "water track", None, &[
        f(N, "time_unix", "s"), f(N, "dt1", "ms"), f(N, "dt2", "ms"), f(N, "vx", "m/s"), f(N, "vy", "m/s"),
        f(N, "vz", "m/s"), f(N, "fom", "m/s"), f(N, "d1", "m"), f(N, "d2", "m"), f(N, "d3", "m"), f(N, "d4", "m"),
        f(N, "battery_voltage", "V"), f(N, "sound_speed", "m/s"), f(N, "pressure", "dbar"), f(N, "temp", "degC"),
        f(S, "stat", ""),
    ]),
    own("QVERNO", "version", None, &[
        f(S, "r", ""), f(S, "version", ""), f(S, "date", ""), f(S, "time", ""),
    ]),
    own("RDID", "attitude", None, &[
        f(N, "pitch", "deg"), f(N, "roll", "deg"), f(N, "heading", "deg"),
    ]),
    own("SRF100", "port SETTING", None, &[
        f(I, "protocol", ""), f(I, "baud", ""), f(I, "data_bits", ""), f(I, "stop_bits", ""), f(I, "parity", ""),
    ]),
    own("SRF103", "output rate SETTING", None, &[
        f(I, "message", ""), f(I, "mode", ""), f(I, "rate", "s"), f(I, "checksum_enable", ""),
    ]),
    own("SRFEPE", "estimated errors", None, &[
        f(T, "utc", ""), f(C, "status", "A/V"), f(N, "hdop", ""), f(N, "ehpe", "m"), f(N, "evpe", "m"),
        f(N, "ehve", "m/s"), f(N, "ehe", "deg"),
    ]),
    own("STI,030", "position", None, &[
        f(S, "type", ""), f(T, "utc", ""), f(C, "status", "A/V"), f(LAT, "latitude", ""), f(NS, "lat_ns", ""),
        f(LON, "longitude", ""), f(NS, "lon_ew", ""), f(N, "altitude", "m"), f(N, "velocity_east", "m/s"),
        f(N, "velocity_north", "m/s"), f(N, "velocity_up", "m/s"), f(D, "date", ""), f(C, "mode", ""),
        f(N, "rtk_age", "s"), f(N, "rtk_ratio", ""),
    ]),
    own("STMCPU", "processor load", None, &[
        f(N, "usage", "%"), f(I, "pll", ""), f(I, "clock", "MHz"),
    ]),
    own("SXN,20", "data quality", None, &[
        f(I, "type", ""), f(I, "position_quality", ""), f(I, "height_quality", ""), f(I, "heading_quality", ""),
        f(I, "roll_pitch_quality", ""),
    ]),
    own("SXN,23", "attitude and heave", None, &[
        f(I, "type", ""), f(N, "roll", "deg"), f(N, "pitch", "deg"), f(N, "heading", "deg"), f(N, "heave", "m"),
    ]),
    own("TNL,BPQ", "base position", None, &[
        f(S, "type", ""), f(T, "utc", ""), f(D, "date", ""), f(LAT, "latitude", ""), f(NS, "lat_ns", ""),
        f(LON, "longitude", ""), f(NS, "lon_ew", ""), f(S, "height", ""), f(C, "height_unit", "M"),
        f(I, "quality", ""),
    ]),
    own("TNL,GGK", "position", None, &[
        f(S, "type", ""), f(T, "utc", ""), f(S, "date_mmddyy", ""), f(LAT, "latitude", ""), f(NS, "lat_ns", ""),
        f(LON, "longitude", ""), f(NS, "lon_ew", ""), f(I, "quality", ""), f(I, "sats_used", ""), f(N, "dop", ""),
        f(S, "height", ""), f(C, "height_unit", "M"),
    ]),
    own("TNL,PJT", "projection", None, &[
        f(S, "type", ""), f(S, "coord_name", ""), f(S, "project_name", ""),
    ]),
    own("TNTHTM", "compass", None, &[
        f(S, "heading", ""), f(C, "heading_status", ""), f(S, "pitch", ""), f(C, "pitch_status", ""),
        f(S, "roll", ""), f(C, "roll_status", ""), f(S, "dip", ""), f(S, "magnetic_field", ""),
    ]),
    own("UBX,00", "position", None, &[
        f(S, "type", ""), f(T, "utc", ""), f(LAT, "latitude", ""), f(NS, "lat_ns", ""), f(LON, "longitude", ""),
        f(NS, "lon_ew", ""), f(N, "altitude_ellipsoid", "m"), f(S, "nav_status", ""), f(N, "h_accuracy", "m"),
        f(N, "v_accuracy", "m"), f(N, "sog_kmh", "km/h"), f(N, "cog_true", "deg"), f(N, "vertical_velocity", "m/s"),
        f(N, "dgnss_age", "s"), f(N, "hdop", ""), f(N, "vdop", ""), f(N, "tdop", ""), f(I, "sats_used", ""),
        f(I, "reserved", ""), f(I, "dead_reckoning", ""),
    ]),
    own("UBX,03", "satellites (repeats)", every(2, 6), &[
        f(S, "type", ""), f(I, "count", ""), f(I, "prn", ""), f(C, "status", "-/U/e"), f(I, "azim", "deg"),
        f(I, "elev", "deg"), f(I, "snr", "dB-Hz"), f(I, "lock_time", "s"),
    ]),
    own("UBX,04", "time", None, &[
        f(S, "type", ""), f(T, "utc", ""), f(D, "date", ""), f(N, "time_of_week", "s"), f(I, "week", ""),
        f(S, "leap_seconds", ""), f(I, "clock_bias", "ns"), f(N, "clock_drift", "ns/s"),
        f(I, "timepulse_granularity", "ns"),
    ]),
    own("UBX,40", "output rate SETTING", None, &[
        f(S, "type", ""), f(S, "rate_formatter", ""), f(I, "rate_ddc", ""), f(I, "rate_uart1", ""),
        f(I, "rate_uart2", ""), f(I, "rate_usb", ""), f(I, "rate_spi", ""), f(I, "reserved", ""),
    ]),
    own("UBX,41", "port SETTING", None, &[
        f(S, "type", ""), f(I, "port", ""), f(H, "in_protocols", ""), f(H, "out_protocols", ""), f(I, "baud", ""),
        f(I, "autobaud", ""),
    ]),
    own("VTX,0002", "laser measurement", None, &[
        f(S, "type", ""), f(T, "utc", ""), f(N, "dist", ""), f(C, "dist_unit", ""), f(N, "direction", "deg"),
        f(C, "direction_ref", ""), f(N, "va", "deg"),
    ]),
    own("VTX,0012", "laser position", None, &[
        f(S, "type", ""), f(T, "utc", ""), f(LAT, "latitude", ""), f(NS, "lat_ns", ""), f(LON, "longitude", ""),
        f(NS, "lon_ew", ""), f(N, "altitude", ""), f(C, "altitude_unit", ""), f(N, "gain", ""), f(C, "gain_unit", ""),
    ]),
];

#[cfg(test)]
mod tests {
    use super::sets_up;

    #[test]
    fn commands_are_told_from_reports() {
        for (code, first) in [
            ("UBX", "41"),
            ("UBX", "40"),
            ("GRMC", "A"),
            ("MTK314", "0"),
            ("MTK103", ""),
            ("SRF100", "1"),
            ("STMSETPAR", "1"),
        ] {
            assert!(sets_up(code, first.as_bytes()), "{code},{first}");
        }
        for (code, first) in [
            ("UBX", "00"),
            ("GRME", "3.1"),
            ("MTK001", "314"),
            ("MTK705", "AXN"),
            ("STMSETPAROK", "1"),
            ("SRF155", ""),
            ("FEC", "GPatt"),
        ] {
            assert!(!sets_up(code, first.as_bytes()), "{code},{first}");
        }
    }
}
