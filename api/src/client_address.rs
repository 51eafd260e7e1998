//! Whose address a request came from, through proxies that are trusted to say so.
//!
//! Each proxy appends the address it was called from, so that the list is true from its end back to
//! the first hop that is not ours; what stands before it, anybody may have written.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use ipnet::IpNet;

/// Networks whose proxies are believed.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// From addresses and networks in CIDR notation, with commas.
    ///
    /// # Errors
    /// Which of them is neither.
    pub fn parse(list: &str) -> Result<Self, String> {
        let parts = list.split(',').map(str::trim).filter(|it| !it.is_empty());
        parts
            .map(|part| {
                let network = part.parse::<IpNet>().ok();
                let single = || part.parse::<IpAddr>().ok().map(IpNet::from);
                network.or_else(single).ok_or_else(|| {
                    format!("trusted proxy `{part}` is no network; give one such as `10.0.0.0/8`")
                })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    fn has(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client's address; `None` where it cannot be known.
    pub(crate) fn client(&self, parts: &Parts) -> Option<IpAddr> {
        let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
        self.client_of(peer.ip().to_canonical(), &parts.headers)
    }

    fn client_of(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        if !self.has(peer) {
            return Some(peer);
        }
        let forwarded = headers.contains_key(header::FORWARDED);
        let for_list = headers.contains_key("x-forwarded-for");
        match (forwarded, for_list) {
            (false, false) => Some(peer),
            (true, false) => self.last_stranger(headers, header::FORWARDED.as_str(), forwarded_for),
            (false, true) => self.last_stranger(headers, "x-forwarded-for", address),
            // A proxy writes one of them and may pass the client's own other one on.
            (true, true) => {
                let a = self.last_stranger(headers, header::FORWARDED.as_str(), forwarded_for);
                let b = self.last_stranger(headers, "x-forwarded-for", address);
                a.filter(|_| a == b)
            }
        }
    }

    /// From the end of the list, the first hop that is not ours, or the first of all.
    fn last_stranger(
        &self,
        headers: &HeaderMap,
        name: &str,
        read: fn(&str) -> Option<IpAddr>,
    ) -> Option<IpAddr> {
        let mut last = None;
        for line in headers.get_all(name).iter().rev() {
            for hop in line.to_str().ok()?.rsplit(',') {
                let hop = read(hop.trim())?;
                if !self.has(hop) {
                    return Some(hop);
                }
                last = Some(hop);
            }
        }
        last
    }
}

/// The address of the `for` of an element of `Forwarded` (RFC 7239).
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let mut found = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    let (_, value) = found.next()?;
    address(value.trim().trim_matches('"'))
}

/// An address with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|it| it.ip());
    address.or_else(with_port).map(|it| it.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;

    const XFF: &str = "x-forwarded-for";
    const FWD: &str = "forwarded";

    /// The peer, the lines of its request, and the client.
    type Case = (&'static str, Lines, Option<&'static str>);
    type Lines = &'static [(&'static str, &'static str)];

    #[test]
    fn only_trusted_proxies_are_believed() {
        let cases: &[Case] = &[
            ("9.9.9.9", &[(XFF, "1.1.1.1")], Some("9.9.9.9")),
            ("::ffff:10.0.0.1", &[(XFF, "1.1.1.1")], Some("1.1.1.1")),
            ("10.0.0.1", &[], Some("10.0.0.1")),
            ("10.0.0.1", &[(XFF, "1.1.1.1")], Some("1.1.1.1")),
            // What the client itself wrote stands before what the proxy appended.
            ("10.0.0.1", &[(XFF, "6.6.6.6, 1.1.1.1")], Some("1.1.1.1")),
            (
                "10.0.0.1",
                &[(XFF, "6.6.6.6"), (XFF, "1.1.1.1,10.0.0.2")],
                Some("1.1.1.1"),
            ),
            ("10.0.0.1", &[(XFF, "10.0.0.3, 10.0.0.2")], Some("10.0.0.3")),
            ("10.0.0.1", &[(XFF, "1.1.1.1, unknown")], None),
            ("10.0.0.1", &[(XFF, "1.1.1.1:4711")], Some("1.1.1.1")),
            ("10.0.0.1", &[(XFF, "")], None),
            ("2a00::1", &[(XFF, "[2b00::7]:4711")], Some("2b00::7")),
            (
                "10.0.0.1",
                &[(FWD, "for=6.6.6.6, for=1.1.1.1;proto=https")],
                Some("1.1.1.1"),
            ),
            (
                "10.0.0.1",
                &[(FWD, "proto=https; For=\"[2b00::7]:47\"")],
                Some("2b00::7"),
            ),
            ("10.0.0.1", &[(FWD, "for=_hidden")], None),
            ("10.0.0.1", &[(FWD, "proto=https")], None),
            (
                "10.0.0.1",
                &[(FWD, "for=1.1.1.1"), (XFF, "1.1.1.1")],
                Some("1.1.1.1"),
            ),
            ("10.0.0.1", &[(FWD, "for=6.6.6.6"), (XFF, "1.1.1.1")], None),
        ];
        let proxies = TrustedProxies::parse("10.0.0.0/8, 2a00::1").unwrap();
        for (peer, lines, expected) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in *lines {
                headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
            }
            let peer = peer.parse::<IpAddr>().unwrap().to_canonical();
            let found = proxies.client_of(peer, &headers);
            assert_eq!(
                found,
                expected.map(|it| it.parse().unwrap()),
                "{peer} {lines:?}"
            );
        }
        let none = TrustedProxies::default();
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "1.1.1.1".parse().unwrap());
        let peer: IpAddr = "127.0.0.1".parse().unwrap();
        assert_eq!(none.client_of(peer, &headers), Some(peer));
    }

    #[test]
    fn what_is_no_network_is_named() {
        for bad in ["10.0.0.0/33", "proxy.example", "10.0.0.0/8,x"] {
            assert!(TrustedProxies::parse(bad).is_err(), "{bad}");
        }
    }
}
