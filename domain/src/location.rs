//! Where an action came from, as coarsely as detectors need it.

mod country;
mod place;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub use country::CountryCode;
pub use place::Place;

/// What is known of where an action came from; anything of it may be missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Plain", into = "Plain")]
pub struct Location {
    /// The country.
    pub country: Option<CountryCode>,
    /// Number of the network (autonomous system), 1 to 2³² − 1.
    pub asn: Option<u32>,
    /// The coordinates, rounded.
    pub place: Option<Place>,
}

/// Why a location was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LocationError {
    /// Not a country.
    #[error("`country` is `{0}`; give a code of ISO 3166-1 alpha-2 such as `DE`")]
    Country(String),
    /// Not a network.
    #[error("`asn` is `{0}`; give 1 to 4294967295")]
    Asn(i64),
    /// Not on the globe.
    #[error("`latitude` is `{0}`; give -90 to 90")]
    Latitude(f64),
    /// Not on the globe.
    #[error("`longitude` is `{0}`; give -180 to 180")]
    Longitude(f64),
    /// Half of a place.
    #[error("`latitude` and `longitude` belong together; give both or neither")]
    HalfAPlace,
}

/// A location as it is written.
#[derive(Serialize, Deserialize)]
struct Plain {
    #[serde(default)]
    country: Option<String>,
    #[serde(default)]
    asn: Option<i64>,
    #[serde(default)]
    latitude: Option<f64>,
    #[serde(default)]
    longitude: Option<f64>,
}

impl TryFrom<Plain> for Location {
    type Error = LocationError;

    fn try_from(plain: Plain) -> Result<Self, LocationError> {
        let country = plain.country.map(|code| CountryCode::parse(&code));
        let asn = plain.asn.map(|number| {
            let asn = u32::try_from(number).ok().filter(|asn| *asn > 0);
            asn.ok_or(LocationError::Asn(number))
        });
        let place = match (plain.latitude, plain.longitude) {
            (Some(latitude), Some(longitude)) => Some(Place::new(latitude, longitude)?),
            (None, None) => None,
            _ => return Err(LocationError::HalfAPlace),
        };
        Ok(Self {
            country: country.transpose()?,
            asn: asn.transpose()?,
            place,
        })
    }
}

impl From<Location> for Plain {
    fn from(location: Location) -> Self {
        Self {
            country: location.country.map(|code| code.as_str().to_owned()),
            asn: location.asn.map(i64::from),
            latitude: location.place.map(Place::latitude),
            longitude: location.place.map(Place::longitude),
        }
    }
}

/// Knows where addresses are.
pub trait Locator: std::fmt::Debug + Send + Sync {
    /// Where `address` is; `None` when nobody knows, as of private and reserved ones.
    fn locate(&self, address: IpAddr) -> Option<Location>;
}

/// Knows no address.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nowhere;

impl Locator for Nowhere {
    fn locate(&self, _: IpAddr) -> Option<Location> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_good_is_kept_and_rounded() {
        for (given, kept) in [
            (
                "{}",
                r#"{"country":null,"asn":null,"latitude":null,"longitude":null}"#,
            ),
            (
                r#"{"country":"DE","asn":3320,"latitude":52.5163,"longitude":13.3777,"city":"x"}"#,
                r#"{"country":"DE","asn":3320,"latitude":52.5,"longitude":13.4}"#,
            ),
            (
                r#"{"asn":4294967295,"latitude":-90,"longitude":180}"#,
                r#"{"country":null,"asn":4294967295,"latitude":-90.0,"longitude":180.0}"#,
            ),
        ] {
            let location: Location = serde_json::from_str(given).unwrap();
            assert_eq!(serde_json::to_string(&location).unwrap(), kept);
            assert_eq!(serde_json::from_str::<Location>(kept).unwrap(), location);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (given, name) in [
            (r#"{"country":"UK"}"#, "`country` is `UK`"),
            (r#"{"country":"de"}"#, "`country` is `de`"),
            (r#"{"country":"DEU"}"#, "`country` is `DEU`"),
            (r#"{"country":""}"#, "`country` is ``"),
            (r#"{"asn":0}"#, "`asn` is `0`"),
            (r#"{"asn":4294967296}"#, "`asn` is `4294967296`"),
            (r#"{"asn":-1}"#, "`asn` is `-1`"),
            (r#"{"latitude":90.1,"longitude":0}"#, "`latitude` is `90.1`"),
            (
                r#"{"latitude":0,"longitude":-180.1}"#,
                "`longitude` is `-180.1`",
            ),
            (r#"{"latitude":0}"#, "belong together"),
            (r#"{"longitude":0}"#, "belong together"),
        ] {
            let error = serde_json::from_str::<Location>(given).unwrap_err();
            assert!(error.to_string().contains(name), "{given}: {error}");
        }
    }
}
