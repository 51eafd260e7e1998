//! A point on the globe, as coarsely as it may be kept.

use serde::{Deserialize, Serialize};

use super::LocationError;

/// Mean radius of the earth.
const EARTH_RADIUS_KM: f64 = 6_371.0;

/// Coordinates in tenths of a degree, some 11 km: enough to tell cities apart, too little to find
/// anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    latitude: i16,
    longitude: i16,
}

impl Place {
    /// From degrees, rounded to a tenth.
    ///
    /// # Errors
    /// [`LocationError`] when one of them is not on the globe.
    pub fn new(latitude: f64, longitude: f64) -> Result<Self, LocationError> {
        if !(-90.0..=90.0).contains(&latitude) {
            return Err(LocationError::Latitude(latitude));
        }
        if !(-180.0..=180.0).contains(&longitude) {
            return Err(LocationError::Longitude(longitude));
        }
        Ok(Self {
            latitude: tenths(latitude),
            longitude: tenths(longitude),
        })
    }

    /// Degrees north, -90 to 90.
    #[must_use]
    pub fn latitude(self) -> f64 {
        f64::from(self.latitude) / 10.0
    }

    /// Degrees east, -180 to 180.
    #[must_use]
    pub fn longitude(self) -> f64 {
        f64::from(self.longitude) / 10.0
    }

    /// The way over the ground, in kilometres, by the haversine formula (Sinnott, "Virtues of the
    /// Haversine", Sky and Telescope 68, 1984).
    #[must_use]
    pub fn distance_km(self, other: Self) -> f64 {
        let half_sine = |a: f64, b: f64| ((a - b).to_radians() / 2.0).sin().powi(2);
        let (here, there) = (self.latitude(), other.latitude());
        let across = here.to_radians().cos() * there.to_radians().cos();
        let haversine =
            half_sine(here, there) + across * half_sine(self.longitude(), other.longitude());
        2.0 * EARTH_RADIUS_KM * haversine.clamp(0.0, 1.0).sqrt().asin()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "at most 1,800 by the check before"
)]
fn tenths(degrees: f64) -> i16 {
    (degrees * 10.0).round() as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_globe() {
        let cases = [
            ((52.5, 13.4), (52.5, 13.4), 0.0),
            // Berlin and New York.
            ((52.5, 13.4), (40.7, -74.0), 6_385.0),
            // A degree along the equator.
            ((0.0, 0.0), (0.0, 1.0), 111.2),
            // Over the date line.
            ((0.0, 179.5), (0.0, -179.5), 111.2),
            // From pole to pole, and half around.
            ((90.0, 0.0), (-90.0, 77.0), 20_015.1),
            ((0.0, 0.0), (0.0, 180.0), 20_015.1),
        ];
        for ((a, b), (c, d), km) in cases {
            let (here, there) = (Place::new(a, b).unwrap(), Place::new(c, d).unwrap());
            for found in [here.distance_km(there), there.distance_km(here)] {
                assert!((found - km).abs() < 0.001 * km + 0.1, "{found} is not {km}");
            }
        }
    }

    #[test]
    fn nothing_off_the_globe_is_a_place() {
        for (latitude, longitude) in [(90.1, 0.0), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
            assert!(Place::new(latitude, longitude).is_err());
        }
    }
}
