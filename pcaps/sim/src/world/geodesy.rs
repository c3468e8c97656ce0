//! Small moves on the WGS 84 ellipsoid, and angles.

/// Semi-major axis in metres and squared eccentricity of WGS 84.
const AXIS: f64 = 6_378_137.0;
const ECCENTRICITY_SQUARED: f64 = 0.006_694_379_990_14;

/// Metres per degree of latitude and longitude at a latitude.
fn metres_per_degree(lat: f64) -> (f64, f64) {
    let sin = libm::sin(lat.to_radians());
    let w = 1.0 - ECCENTRICITY_SQUARED * sin * sin;
    let meridian = AXIS * (1.0 - ECCENTRICITY_SQUARED) / (w * w.sqrt());
    let parallel = AXIS / w.sqrt() * libm::cos(lat.to_radians());
    let radians = std::f64::consts::PI / 180.0;
    (meridian * radians, parallel * radians)
}

/// The place `north` and `east` metres away; longitude stays within -180 to 180. For distances of a few kilometres.
pub(crate) fn moved(lat: f64, lon: f64, north: f64, east: f64) -> (f64, f64) {
    let (per_lat, per_lon) = metres_per_degree(lat);
    (lat + north / per_lat, wrapped(lon + east / per_lon))
}

/// Metres north and east from one place to another, for distances of some tens of kilometres.
pub(crate) fn offset(lat: f64, lon: f64, to_lat: f64, to_lon: f64) -> (f64, f64) {
    let (per_lat, per_lon) = metres_per_degree((lat + to_lat) / 2.0);
    ((to_lat - lat) * per_lat, wrapped(to_lon - lon) * per_lon)
}

/// A longitude within -180 (included) to 180.
fn wrapped(lon: f64) -> f64 {
    (lon + 180.0).rem_euclid(360.0) - 180.0
}

/// From one direction to another the short way, -180 to 180 degrees.
pub(crate) fn angle_between(from: f64, to: f64) -> f64 {
    (to - from + 180.0).rem_euclid(360.0) - 180.0
}

/// The direction of a vector given north and east, 0 to 360 degrees.
pub(crate) fn direction(north: f64, east: f64) -> f64 {
    libm::atan2(east, north).to_degrees().rem_euclid(360.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_in_metres() {
        // NGA tables for WGS 84: a degree of latitude is 110,574 m at the equator and 111,694 m at the pole; of longitude 55,800 m at 60.
        let (lat, lon) = metres_per_degree(0.0);
        assert!((lat - 110_574.3).abs() < 0.5 && (lon - 111_319.5).abs() < 0.5, "{lat} {lon}");
        assert!((metres_per_degree(90.0).0 - 111_693.9).abs() < 0.5);
        assert!((metres_per_degree(60.0).1 - 55_800.0).abs() < 1.0);
    }

    #[test]
    fn date_line_and_angles() {
        let (_, lon) = moved(0.0, 179.999_9, 0.0, 100.0);
        assert!(lon < -179.99);
        let (_, east) = offset(0.0, 179.999, 0.0, -179.999);
        assert!((east - 222.6).abs() < 0.5, "{east}");
        assert_eq!(angle_between(350.0, 10.0), 20.0);
        assert_eq!(direction(-1.0, 0.0), 180.0);
    }
}
