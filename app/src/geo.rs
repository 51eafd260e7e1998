//! Where addresses are, by database files in MaxMind's format.
//!
//! Files are read whole at the start and never again: a look-up is a walk in memory.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use aim_domain::location::{CountryCode, Location, Locator, Place};
use maxminddb::Reader;
use serde::Deserialize;

/// Database files that were read.
#[derive(Debug, Default)]
pub struct GeoDatabase {
    places: Option<Reader<Vec<u8>>>,
    networks: Option<Reader<Vec<u8>>>,
}

/// Why a file is no database.
#[derive(Debug, thiserror::Error)]
#[error("geography database `{path}`: {detail}; give a file in MaxMind's format (.mmdb)")]
pub struct GeoError {
    path: String,
    detail: String,
}

#[derive(Deserialize)]
struct PlaceRecord<'a> {
    #[serde(borrow)]
    country: Option<CountryRecord<'a>>,
    location: Option<Coordinates>,
}

#[derive(Deserialize)]
struct CountryRecord<'a> {
    iso_code: Option<&'a str>,
}

#[derive(Deserialize)]
struct Coordinates {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

#[derive(Deserialize)]
struct NetworkRecord {
    autonomous_system_number: Option<u32>,
}

impl GeoDatabase {
    /// Reads a file of countries or cities, and one of networks; either may be missing.
    ///
    /// # Errors
    /// [`GeoError`] naming the file that cannot be read or is none.
    pub fn open(places: Option<&Path>, networks: Option<&Path>) -> Result<Self, GeoError> {
        Ok(Self {
            places: places.map(read).transpose()?,
            networks: networks.map(read).transpose()?,
        })
    }

    /// When the older of the files was made, in seconds since 1970; `None` without files.
    #[must_use]
    pub fn made_at(&self) -> Option<u64> {
        let files = [&self.places, &self.networks].into_iter().flatten();
        files.map(|it| it.metadata().build_epoch).min()
    }
}

fn read(path: &Path) -> Result<Reader<Vec<u8>>, GeoError> {
    Reader::open_readfile(path).map_err(|error| GeoError {
        path: path.display().to_string(),
        detail: error.to_string(),
    })
}

impl Locator for GeoDatabase {
    fn locate(&self, address: IpAddr) -> Option<Location> {
        let address = address.to_canonical();
        if !is_public(address) {
            return None;
        }
        let mut location = Location::default();
        if let Some(record) = self.places.as_ref().and_then(|it| it.lookup(address).ok()) {
            // A damaged record is one that says nothing.
            let record = record.decode::<PlaceRecord<'_>>().ok().flatten();
            if let Some(PlaceRecord {
                country,
                location: at,
            }) = record
            {
                let code = country.and_then(|country| country.iso_code);
                location.country = code.and_then(|code| CountryCode::parse(code).ok());
                let at = at.and_then(|at| at.latitude.zip(at.longitude));
                location.place =
                    at.and_then(|(latitude, longitude)| Place::new(latitude, longitude).ok());
            }
        }
        if let Some(record) = self
            .networks
            .as_ref()
            .and_then(|it| it.lookup(address).ok())
        {
            let record = record.decode::<NetworkRecord>().ok().flatten();
            location.asn = record
                .and_then(|record| record.autonomous_system_number)
                .filter(|asn| *asn > 0);
        }
        (location != Location::default()).then_some(location)
    }
}

/// Whether the address is one that the internet routes (the special-purpose registries of RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_reserved = matches!(
        (a, b, c),
        (0 | 240..=255, ..) | (100, 64..=127, _) | (192, 0, 0) | (198, 18..=19, _)
    );
    !(is_reserved
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Global unicast is 2000::/3; of it, 2001:db8::/32 is for documentation.
    let [first, second, ..] = address.segments();
    first & 0xe000 == 0x2000 && (first, second) != (0x2001, 0x0db8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_and_reserved_addresses_are_nowhere() {
        for (text, expected) in [
            ("8.8.8.8", true),
            ("81.2.69.142", true),
            ("2a02:ffc0::1", true),
            ("10.0.0.1", false),
            ("172.16.9.9", false),
            ("192.168.1.1", false),
            ("127.0.0.1", false),
            ("169.254.1.1", false),
            ("100.64.0.1", false),
            ("100.128.0.1", true),
            ("0.0.0.0", false),
            ("255.255.255.255", false),
            ("224.0.0.1", false),
            ("198.18.0.1", false),
            ("203.0.113.9", false),
            ("::", false),
            ("::1", false),
            ("fe80::1", false),
            ("fd00::1", false),
            ("ff02::1", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_public(text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_database_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("city.mmdb");
        std::fs::write(&file, b"not a database").unwrap();
        for path in [file.as_path(), &folder.path().join("missing.mmdb")] {
            for (places, networks) in [(Some(path), None), (None, Some(path))] {
                let error = GeoDatabase::open(places, networks).unwrap_err().to_string();
                assert!(error.contains(&path.display().to_string()), "{error}");
            }
        }
    }

    #[test]
    fn without_files_nothing_is_known() {
        let nothing = GeoDatabase::open(None, None).unwrap();
        assert_eq!(nothing.locate("8.8.8.8".parse().unwrap()), None);
    }
}
