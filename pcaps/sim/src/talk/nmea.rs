//! NMEA 0183 sentences (IEC 61162-1): fields, checksum, and the sentences this ship's equipment sends.
//!
//! Speeds are in knots, angles in degrees, times in nanoseconds since 1970, as the names say. Numbers are rounded, never cut.

use dogwatch_model::CaptureTime;

/// XOR over the bytes between the start character and the star.
pub(crate) fn checksum(body: &str) -> u8 {
    body.bytes().fold(0, |sum, byte| sum ^ byte)
}

/// `$`, body, `*`, checksum; without the line end.
pub(crate) fn sentence(body: &str) -> String {
    format!("${body}*{:02X}", checksum(body))
}

/// As [`sentence`], for encapsulated sentences, which start with `!`.
pub(crate) fn encapsulated(body: &str) -> String {
    format!("!{body}*{:02X}", checksum(body))
}

/// `hhmmss.ss`.
pub(crate) fn time(at: i64) -> String {
    let (_, _, _, hour, minute, second, nanos) = CaptureTime(at).civil();
    format!("{hour:02}{minute:02}{second:02}.{:02}", nanos / 10_000_000)
}

/// A coordinate as degrees and minutes with five decimals and its hemisphere; `wide` is the number of degree digits.
fn coordinate(degrees: f64, wide: usize, positive: char, negative: char) -> String {
    // Rounding the whole number of 1/100000 minutes first keeps "60.00000" from appearing.
    let units = (degrees.abs() * 6_000_000.0).round() as u64;
    let (whole, minutes) = (units / 6_000_000, units % 6_000_000);
    let side = if degrees < 0.0 { negative } else { positive };
    format!("{whole:0wide$}{:02}.{:05},{side}", minutes / 100_000, minutes % 100_000)
}

/// `ddmm.mmmmm,N,dddmm.mmmmm,E`.
pub(crate) fn position(lat: f64, lon: f64) -> String {
    format!("{},{}", coordinate(lat, 2, 'N', 'S'), coordinate(lon, 3, 'E', 'W'))
}

/// An angle from 0 to 359.9 with one decimal and leading zeros.
pub(crate) fn angle(degrees: f64) -> String {
    let tenths = (degrees.rem_euclid(360.0) * 10.0).round() as u32 % 3_600;
    format!("{:03}.{}", tenths / 10, tenths % 10)
}

/// What a receiver knows at one second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fix {
    /// Nanoseconds since 1970.
    pub(crate) at: i64,
    pub(crate) lat: f64,
    pub(crate) lon: f64,
    /// Metres above the geoid.
    pub(crate) height: f64,
    pub(crate) sog_kn: f64,
    pub(crate) cog: f64,
    pub(crate) satellites: u8,
    pub(crate) hdop: f64,
    /// Without a fix only the time is sent.
    pub(crate) valid: bool,
    /// Corrected by a reference station.
    pub(crate) differential: bool,
}

/// GGA: fix data; the geoid lies 39.8 m above the ellipsoid off southern Norway.
pub(crate) fn gga(talker: &str, fix: &Fix) -> String {
    let Fix { satellites, hdop, height, .. } = fix;
    let (time, place) = (time(fix.at), position(fix.lat, fix.lon));
    if !fix.valid {
        return sentence(&format!("{talker}GGA,{time},,,,,0,00,99.9,,M,,M,,"));
    }
    // Quality, age of the corrections and their station.
    let (quality, corrected) = if fix.differential { (2, "2,0402") } else { (1, ",") };
    sentence(&format!(
        "{talker}GGA,{time},{place},{quality},{satellites:02},{hdop:.1},{height:.1},M,39.8,M,{corrected}"
    ))
}

/// RMC: the least a navigator needs.
pub(crate) fn rmc(talker: &str, fix: &Fix) -> String {
    let (year, month, day, ..) = CaptureTime(fix.at).civil();
    let (time, place, course) = (time(fix.at), position(fix.lat, fix.lon), angle(fix.cog));
    let date = format!("{day:02}{month:02}{:02}", year.rem_euclid(100));
    if !fix.valid {
        return sentence(&format!("{talker}RMC,{time},V,,,,,,,{date},,,N,V"));
    }
    sentence(&format!("{talker}RMC,{time},A,{place},{:.1},{course},{date},,,A,V", fix.sog_kn))
}

/// VTG: course and speed over ground.
pub(crate) fn vtg(talker: &str, fix: &Fix) -> String {
    let (knots, kmh) = (fix.sog_kn, fix.sog_kn * 1.852);
    if !fix.valid {
        return sentence(&format!("{talker}VTG,,T,,M,,N,,K,N"));
    }
    sentence(&format!("{talker}VTG,{},T,,M,{knots:.1},N,{kmh:.1},K,A", angle(fix.cog)))
}

/// ZDA: time and date, and the hours of the local zone with the sign that IEC 61162-1 gives them: negative east of Greenwich.
pub(crate) fn zda(talker: &str, at: i64, zone_hours: i8) -> String {
    let (year, month, day, ..) = CaptureTime(at).civil();
    let sign = if zone_hours < 0 { "-" } else { "" };
    let zone = format!("{sign}{:02}", zone_hours.unsigned_abs());
    sentence(&format!("{talker}ZDA,{},{day:02},{month:02},{year:04},{zone},00", time(at)))
}

/// DTM: the datum of the positions, with its offsets from WGS 84 in minutes north, minutes east and metres.
pub(crate) fn dtm(talker: &str, datum: (&str, f64, f64, f64)) -> String {
    let (name, north, east, up) = datum;
    let side = |value: f64, positive: char, negative: char| if value < 0.0 { negative } else { positive };
    let (south, west) = (side(north, 'N', 'S'), side(east, 'E', 'W'));
    sentence(&format!("{talker}DTM,{name},,{:?},{south},{:?},{west},{up:?},W84", north.abs(), east.abs()))
}

/// One satellite in view.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Satellite {
    pub(crate) prn: u8,
    pub(crate) elevation: f64,
    pub(crate) azimuth: f64,
    /// Carrier to noise density, dB-Hz.
    pub(crate) cn0: f64,
}

/// GSA: satellites used and the quality of their geometry.
pub(crate) fn gsa(talker: &str, sky: &[Satellite], hdop: f64) -> String {
    // Mode 1 is no fix, 3 a fix with height.
    let mode = if sky.len() < 4 { 1 } else { 3 };
    let mut body = format!("{talker}GSA,A,{mode}");
    for slot in 0..12 {
        body.push(',');
        if let Some(satellite) = sky.get(slot) {
            body.push_str(&format!("{:02}", satellite.prn));
        }
    }
    let (pdop, vdop) = (hdop * 1.7, hdop * 1.4);
    sentence(&format!("{body},{pdop:.1},{hdop:.1},{vdop:.1},1"))
}

/// GSV: the sky in sentences of four satellites (GPS L1 C/A, signal id 1).
pub(crate) fn gsv(talker: &str, sky: &[Satellite]) -> Vec<String> {
    let total = sky.len().div_ceil(4);
    let part = |(index, four): (usize, &[Satellite])| {
        let mut body = format!("{talker}GSV,{total},{},{:02}", index + 1, sky.len());
        for satellite in four {
            let azimuth = satellite.azimuth.rem_euclid(360.0).floor();
            let Satellite { prn, elevation, cn0, .. } = satellite;
            body.push_str(&format!(",{prn:02},{elevation:02.0},{azimuth:03.0},{cn0:02.0}"));
        }
        sentence(&format!("{body},1"))
    };
    sky.chunks(4).enumerate().map(part).collect()
}

/// APB in track mode: cross-track error in miles (positive = steer left), bearings and heading to steer, all true.
pub(crate) fn apb(talker: &str, xte_nm: f64, leg: f64, waypoint: &str, steer: f64) -> String {
    let side = if xte_nm < 0.0 { 'R' } else { 'L' };
    let (leg, steer) = (angle(leg), angle(steer));
    let xte = xte_nm.abs();
    sentence(&format!("{talker}APB,A,A,{xte:.3},{side},N,V,V,{leg},T,{waypoint},{leg},T,{steer},T,A"))
}

/// HTC in track mode: the heading ordered, limits in degrees and miles, rate 12 degrees a minute.
pub(crate) fn htc(talker: &str, heading: f64, track: f64) -> String {
    let (heading, track) = (angle(heading), angle(track));
    sentence(&format!("{talker}HTC,V,,,T,R,15.0,10.0,,12.0,{heading},0.10,{track},T,A"))
}

/// HTD: what the autopilot does, with the rudder order and the heading it sees.
pub(crate) fn htd(talker: &str, rudder: f64, heading: f64, seen: f64) -> String {
    let side = if rudder < 0.0 { 'L' } else { 'R' };
    let (heading, seen, rudder) = (angle(heading), angle(seen), rudder.abs());
    sentence(&format!("{talker}HTD,V,{rudder:.1},{side},T,R,15.0,10.0,,12.0,{heading},0.10,{heading},T,A,A,A,{seen}"))
}

/// ALF: one alert, a warning of category B, raised (V) or acknowledged (A).
pub(crate) fn alert(talker: &str, at: i64, number: u16, acknowledged: bool) -> String {
    let state = if acknowledged { 'A' } else { 'V' };
    sentence(&format!("{talker}ALF,1,1,0,{},B,W,{state},SIM,{number},1,1,0,OFF TRACK", time(at)))
}

/// A radar target for TTM.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RadarTarget {
    pub(crate) number: u8,
    pub(crate) range_nm: f64,
    pub(crate) bearing: f64,
    pub(crate) speed_kn: f64,
    pub(crate) course: f64,
    pub(crate) cpa_nm: f64,
    pub(crate) tcpa_min: f64,
}

/// TTM: one tracked target.
pub(crate) fn ttm(talker: &str, target: &RadarTarget, at: i64) -> String {
    let RadarTarget { number, range_nm, speed_kn, cpa_nm, tcpa_min, .. } = target;
    let (bearing, course, time) = (angle(target.bearing), angle(target.course), time(at));
    sentence(&format!(
        "{talker}TTM,{number:02},{range_nm:.2},{bearing},T,{speed_kn:.1},{course},T,{cpa_nm:.2},{tcpa_min:.1},N,,T,,{time},A"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_checksums() {
        // Sentences printed in public documents: the gpsd NMEA page and the GPGGA sample of the old Garmin manual.
        for line in [
            "$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47",
            "$GPRMC,225446,A,4916.45,N,12311.12,W,000.5,054.7,191194,020.3,E*68",
            "$GPGSA,A,3,04,05,,09,12,,,24,,,,,2.5,1.3,2.1*39",
        ] {
            let body = line.trim_start_matches('$').split('*').next().unwrap();
            assert_eq!(sentence(body), line);
        }
    }

    #[test]
    fn coordinates_round_without_sixty_minutes() {
        assert_eq!(position(48.1173, 11.516_666_667), "4807.03800,N,01131.00000,E");
        assert_eq!(position(-0.999_999_999, -179.999_999_999_9), "0100.00000,S,18000.00000,W");
        assert_eq!(angle(359.97), "000.0");
        assert_eq!(angle(-0.04), "000.0");
    }

    #[test]
    fn no_sentence_exceeds_82_characters() {
        let fix = Fix {
            at: 1_799_568_000_990_000_000,
            lat: -89.999_999,
            lon: -179.999_999,
            height: -999.9,
            sog_kn: 99.9,
            cog: 359.9,
            satellites: 12,
            hdop: 99.9,
            valid: true,
            differential: true,
        };
        let star = Satellite { prn: 32, elevation: 90.0, azimuth: 359.9, cn0: 48.0 };
        let target = RadarTarget {
            number: 99,
            range_nm: 24.0,
            bearing: 359.9,
            speed_kn: 45.0,
            course: 359.9,
            cpa_nm: 24.0,
            tcpa_min: -99.9,
        };
        let mut all = vec![
            gga("GP", &fix),
            rmc("GP", &fix),
            vtg("GP", &fix),
            zda("GP", fix.at, -12),
            dtm("GP", ("W84", -0.0581, 0.1123, -42.0)),
            gsa("GP", &[star; 12], 4.0),
            apb("EI", 9.999, 359.9, "WP999", 359.9),
            htc("EI", 359.9, 359.9),
            htd("AG", -35.0, 359.9, 359.9),
            ttm("RA", &target, fix.at),
        ];
        all.extend(gsv("GP", &[star; 12]));
        for line in all {
            assert!(line.len() + 2 <= 82, "{} characters: {line}", line.len() + 2);
        }
    }

    #[test]
    fn satellites_in_view_are_numbered() {
        let star = Satellite { prn: 7, elevation: 41.0, azimuth: 5.0, cn0: 44.4 };
        let lines = gsv("GP", &[star; 5]);
        assert_eq!(lines.len(), 2);
        assert!(lines[1].starts_with("$GPGSV,2,2,05,07,41,005,44,1*"), "{}", lines[1]);
    }
}
