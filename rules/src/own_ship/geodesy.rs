//! Distances and directions on the globe, and angles that wrap. The date line and the poles are ordinary places here.
//!
//! Distances are great-circle on a sphere of the Earth's mean radius; small offsets use the radii of the WGS 84 ellipsoid at the place.

/// Mean radius of the Earth, metres.
const MEAN_RADIUS: f64 = 6_371_008.8;
/// WGS 84: equatorial radius in metres, and the first eccentricity squared.
const EQUATOR: f64 = 6_378_137.0;
const ECCENTRICITY: f64 = 0.006_694_379_990_14;

/// Half an angle, in radians, up to which places are near each other: some twelve kilometres.
const NEAR: f64 = 1e-3;

/// Great-circle distance (haversine), metres.
pub(crate) fn metres(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (lat_a, lat_b) = (a.0.to_radians(), b.0.to_radians());
    let (half_lat, half_lon) = ((lat_b - lat_a) / 2.0, (b.1 - a.1).to_radians() / 2.0);
    if half_lat.abs() < NEAR && half_lon.abs() < NEAR {
        return near_metres((lat_a + lat_b) / 2.0, half_lat, half_lon);
    }
    let (sin_lat, sin_lon) = (libm::sin(half_lat), libm::sin(half_lon));
    let h = sin_lat * sin_lat + libm::cos(lat_a) * libm::cos(lat_b) * sin_lon * sin_lon;
    2.0 * MEAN_RADIUS * libm::asin(libm::sqrt(h.clamp(0.0, 1.0)))
}

/// The same for places some kilometres apart, which is nearly always: sines and their inverse by the terms of their series that still show in a double,
/// and the product of the cosines by that of the middle (cos a cos b = cos² of the mean - sin² of half the difference).
fn near_metres(middle: f64, half_lat: f64, half_lon: f64) -> f64 {
    let sine = |x: f64| x * (1.0 - x * x / 6.0 * (1.0 - x * x / 20.0));
    let (sin_lat, sin_lon, cos) = (sine(half_lat), sine(half_lon), libm::cos(middle));
    let h = sin_lat * sin_lat + (cos * cos - sin_lat * sin_lat) * sin_lon * sin_lon;
    2.0 * MEAN_RADIUS * libm::sqrt(h.max(0.0)) * (1.0 + h / 6.0 + h * h * 3.0 / 40.0)
}

/// Metres to the north and to the east from `a` to `b`, for places some kilometres apart.
pub(crate) fn north_east(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    let (lat_a, lat_b) = (a.0.to_radians(), b.0.to_radians());
    let turn = (b.1 - a.1).to_radians();
    // 1 - cos written so that metres do not drown in rounding
    let half = libm::sin(turn / 2.0);
    let north = libm::sin(lat_b - lat_a) + libm::sin(lat_a) * libm::cos(lat_b) * 2.0 * half * half;
    let east = libm::cos(lat_b) * libm::sin(turn);
    let sine = libm::sin(lat_a);
    let w = libm::sqrt(1.0 - ECCENTRICITY * sine * sine);
    (north * EQUATOR * (1.0 - ECCENTRICITY) / (w * w * w), east * EQUATOR / w)
}

/// The turn from one direction to another, degrees, -180..=180, starboard positive.
pub(crate) fn angle_between(from: f64, to: f64) -> f64 {
    let turn = (to - from).rem_euclid(360.0);
    if turn > 180.0 { turn - 360.0 } else { turn }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_of_latitude_is_a_mile() {
        // within the flattening of the Earth (0.5 %)
        let distance = metres((50.0, 10.0), (50.0 + 1.0 / 60.0, 10.0));
        assert!((distance - 1_852.0).abs() < 10.0, "{distance}");
        // length of a minute of latitude on WGS 84: 1842.9 m at the equator, 1861.6 m at the poles
        for (lat, want) in [(0.0, 1_842.9), (89.9, 1_861.6)] {
            let (north, east) = north_east((lat, 10.0), (lat + 1.0 / 60.0, 10.0));
            assert!((north - want).abs() < 0.2 && east.abs() < 1e-6, "{lat}: {north} {east}");
        }
    }

    #[test]
    fn near_places_are_as_far_apart_as_by_the_whole_formula() {
        let whole = |a: (f64, f64), b: (f64, f64)| {
            let (lat_a, lat_b) = (a.0.to_radians(), b.0.to_radians());
            let (half_lat, half_lon) = ((lat_b - lat_a) / 2.0, (b.1 - a.1).to_radians() / 2.0);
            let h = half_lat.sin().powi(2) + lat_a.cos() * lat_b.cos() * half_lon.sin().powi(2);
            2.0 * MEAN_RADIUS * h.sqrt().asin()
        };
        for lat in [-89.99, -60.0, 0.0, 33.3, 54.321, 89.9] {
            for (north, east) in
                [(0.0, 0.0), (1e-7, 0.0), (0.0, 1e-6), (1e-5, -3e-5), (0.09, 0.1), (-0.1, 0.11), (0.2, 0.3)]
            {
                let (a, b) = ((lat, 10.0), (lat + north, 10.0 + east));
                let (got, want) = (metres(a, b), whole(a, b));
                assert!((got - want).abs() <= 1e-6 + want * 1e-12, "{a:?} {b:?}: {got} {want}");
            }
        }
    }

    #[test]
    fn over_the_date_line_and_over_the_pole() {
        let (north, east) = north_east((60.0, 179.999), (60.0, -179.999));
        // length of a degree of longitude at 60 degrees on WGS 84: 55.80 km
        assert!((east - 111.6).abs() < 0.1 && north.abs() < 0.01, "{north} {east}");
        let (north, east) = north_east((89.9999, 0.0), (89.9999, 180.0));
        assert!((north - 22.34).abs() < 0.1 && east.abs() < 0.1, "{north} {east}");
    }

    #[test]
    fn turns_wrap() {
        for (from, to, want) in [(350.0, 10.0, 20.0), (10.0, 350.0, -20.0), (0.0, 180.0, 180.0), (90.0, 90.0, 0.0)] {
            assert!((angle_between(from, to) - want).abs() < 1e-9, "{from} {to}");
        }
    }
}
