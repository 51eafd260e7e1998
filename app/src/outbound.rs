//! Requests to servers of others, which must not become requests to servers of ours.
//!
//! Guarantees: no redirect is followed; only `https` and only public addresses are reached, looked at
//! after the name was resolved, so that a name cannot change its mind in between; answers are bounded
//! in size and time. Networks that the operator names are reached as well, also over plain `http`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use ipnet::IpNet;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

const NOT_PUBLIC: &str = "the name leads to an address that is not public";

/// Longest time of a request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes of an answer: key sets of big issuers have some 10 KB.
const BODY_MAX_BYTES: usize = 512 * 1024;

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// Where it would have gone.
    #[error("`{0}` is not reached from here: {1}")]
    Refused(String, &'static str),
    /// It did not work.
    #[error("no answer: {0}")]
    Failed(String),
}

/// Whether an address is one of the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => is_public_v4(it),
        IpAddr::V6(it) => is_public_v6(it),
    }
}

fn is_public_v4(it: Ipv4Addr) -> bool {
    let [a, b, c, _] = it.octets();
    let is_special = it.is_private()
        || it.is_loopback()
        || it.is_link_local()
        || it.is_multicast()
        || it.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19));
    !is_special
}

fn is_public_v6(it: Ipv6Addr) -> bool {
    let parts = it.segments();
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    if let Some(inner) = it.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    match parts {
        // NAT64 and 6to4 lead to the address inside.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => embedded(high, low),
        // Of the rest only what is handed out to the public, without documentation and Teredo.
        [first, second, ..] => {
            (0x2000..0x4000).contains(&first)
                && !(first == 0x2001 && (second == 0xdb8 || second < 0x200))
                && !(first == 0x3fff && second < 0x1000)
        }
    }
}

/// Networks of one's own that may be reached all the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnNetworks(Arc<[IpNet]>);

impl OwnNetworks {
    /// From addresses and networks in CIDR notation, with commas.
    ///
    /// # Errors
    /// Which of them is neither.
    pub fn parse(list: &str) -> Result<Self, String> {
        let parts = list.split(',').map(str::trim).filter(|it| !it.is_empty());
        let parts = parts.map(|part| {
            let single = || part.parse::<IpAddr>().ok().map(IpNet::from);
            let network = part.parse().ok().or_else(single);
            network.ok_or_else(|| format!("`{part}` is no network; give one such as `10.0.0.0/8`"))
        });
        parts.collect::<Result<_, _>>().map(Self)
    }

    /// Of networks that were read elsewhere.
    pub(crate) fn of(networks: Vec<IpNet>) -> Self {
        Self(networks.into())
    }

    /// Whether an address is in one of them, or of the public internet where that is taken, too. An
    /// IPv4 address in the clothes of IPv6 is that address.
    pub(crate) fn takes(&self, address: IpAddr, takes_public: bool) -> bool {
        let own = address.to_canonical();
        (takes_public && is_public(address)) || self.0.iter().any(|network| network.contains(&own))
    }
}

/// Who knows where names lead.
pub(crate) type Lookup =
    Arc<dyn Fn(String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// The resolver of the system.
pub(crate) fn of_system() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
    })
}

/// What a name may lead to.
#[derive(Clone)]
pub(crate) struct Names {
    pub(crate) own: OwnNetworks,
    pub(crate) takes_public: bool,
    pub(crate) lookup: Lookup,
    /// Why a name is refused.
    pub(crate) refusal: &'static str,
}

impl Names {
    fn new(own: OwnNetworks, takes_public: bool) -> Self {
        Self {
            own,
            takes_public,
            lookup: of_system(),
            refusal: NOT_PUBLIC,
        }
    }

    fn takes(&self, address: IpAddr) -> bool {
        self.own.takes(address, self.takes_public)
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.clone();
        Box::pin(async move {
            let found = (names.lookup)(name.as_str().to_owned()).await?;
            // One private address among them is enough not to trust the name.
            if found.iter().any(|address| !names.takes(address.ip())) {
                return Err(names.refusal.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// A client that reaches the public internet, or one named origin in a network of one's own.
#[derive(Debug, Clone)]
pub struct Outbound {
    /// Over TLS; to one's own origin also without.
    http: reqwest::Client,
    /// Without TLS, to one's own networks alone.
    plain: reqwest::Client,
    private: Option<url::Origin>,
    own: OwnNetworks,
}

fn client(names: Option<Names>) -> Result<reqwest::Client, OutboundError> {
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(TIMEOUT);
    if let Some(names) = names {
        builder = builder.https_only(names.takes_public).dns_resolver(names);
    }
    let http = builder.build();
    http.map_err(|error| OutboundError::Failed(error.to_string()))
}

impl Outbound {
    /// With `private`, that origin alone is reached, wherever it is and also over plain `http`.
    pub(crate) fn new(private: Option<&Url>) -> Result<Self, OutboundError> {
        let mut made = Self::guarded(OwnNetworks::default())?;
        if let Some(private) = private {
            made.http = client(None)?;
            made.private = Some(private.origin());
        }
        Ok(made)
    }

    /// A client for wherever people of an organization say: the public internet over TLS, and the
    /// operator's `own` networks.
    ///
    /// # Errors
    /// [`OutboundError`] when there is no TLS.
    pub fn guarded(own: OwnNetworks) -> Result<Self, OutboundError> {
        let names = |takes_public| Names::new(own.clone(), takes_public);
        Ok(Self {
            http: client(Some(names(true)))?,
            plain: client(Some(names(false)))?,
            private: None,
            own,
        })
    }

    /// The client that requests to this URL have to be made with.
    ///
    /// # Errors
    /// [`OutboundError::Refused`] for what is not reached at all.
    pub(crate) fn client_for(&self, url: &Url) -> Result<&reqwest::Client, OutboundError> {
        self.check(url)?;
        let is_plain = url.scheme() == "http" && self.private.is_none();
        Ok(if is_plain { &self.plain } else { &self.http })
    }

    /// Whether a request to this URL would be made at all. Names are looked at again when they are
    /// resolved.
    ///
    /// # Errors
    /// [`OutboundError::Refused`] with the reason.
    pub(crate) fn check(&self, url: &Url) -> Result<(), OutboundError> {
        let refused = |why| {
            Err(OutboundError::Refused(
                url.origin().ascii_serialization(),
                why,
            ))
        };
        if !url.username().is_empty() || url.password().is_some() {
            return refused("it holds a user or a password");
        }
        if let Some(private) = &self.private {
            return match url.origin() == *private {
                true => Ok(()),
                false => refused("it is not the issuer's own origin"),
            };
        }
        let is_plain = url.scheme() == "http" && !self.own.0.is_empty();
        if url.scheme() != "https" && !is_plain {
            return refused("it is not `https`");
        }
        // Names are looked at when they are resolved; numbers never are.
        let takes = |it: IpAddr| self.own.takes(it, !is_plain);
        let is_good = match url.host() {
            Some(Host::Ipv4(it)) => takes(it.into()),
            Some(Host::Ipv6(it)) => takes(it.into()),
            Some(Host::Domain(_)) => true,
            None => false,
        };
        match is_good {
            true => Ok(()),
            false => refused("its address is not public"),
        }
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, OutboundError> {
        let failed = |error: &dyn std::fmt::Display| OutboundError::Failed(error.to_string());
        let url = Url::parse(&request.uri().to_string()).map_err(|error| failed(&error))?;
        let client = self.client_for(&url)?;
        let request = reqwest::Request::try_from(request).map_err(|error| failed(&error))?;
        let answer = client.execute(request).await;
        // Without the URL, which may hold what nobody else shall read.
        let answer = answer.map_err(|error| failed(&error.without_url()))?;
        let mut response = HttpResponse::new(Vec::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        let mut chunks = answer.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| failed(&error.without_url()))?;
            if response.body().len() + chunk.len() > BODY_MAX_BYTES {
                return Err(OutboundError::Failed("the answer is too long".to_owned()));
            }
            response.body_mut().extend_from_slice(&chunk);
        }
        Ok(response)
    }
}

impl<'c> AsyncHttpClient<'c> for Outbound {
    type Error = OutboundError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, OutboundError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_networks_of_ones_own_are_not_public() {
        for (address, public) in [
            ("8.8.8.8", true),
            ("127.0.0.1", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("172.32.0.1", true),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("0.0.0.0", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("2606:4700::1111", true),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fc00::1", false),
            ("fd12::1", false),
            ("ff02::1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("64:ff9b::7f00:1", false),
            ("64:ff9b::808:808", true),
            ("2002:a00:1::", false),
            ("2001:db8::1", false),
        ] {
            let parsed = address.parse().unwrap();
            assert_eq!(is_public(parsed), public, "{address}");
        }
    }

    #[test]
    fn no_ssrf_only_public_https_or_one_named_origin_is_reached() {
        let url = |text| Url::parse(text).unwrap();
        let public = Outbound::new(None).unwrap();
        for (to, is_good) in [
            ("https://issuer.example/token", true),
            ("http://issuer.example/token", false),
            ("https://127.0.0.1/token", false),
            ("https://[::1]/token", false),
            ("https://2130706433/token", false),
            ("https://0x7f.1/token", false),
            ("https://user:word@issuer.example/", false),
            ("ftp://issuer.example/", false),
        ] {
            assert_eq!(public.check(&url(to)).is_ok(), is_good, "{to}");
        }
        let own = Outbound::new(Some(&url("http://127.0.0.1:4000/x"))).unwrap();
        assert!(own.check(&url("http://127.0.0.1:4000/jwks")).is_ok());
        for to in [
            "http://127.0.0.1:4001/",
            "https://127.0.0.1:4000/",
            "http://localhost:4000/",
        ] {
            assert!(own.check(&url(to)).is_err(), "{to}");
        }
    }

    #[test]
    fn networks_that_the_operator_names_are_reached_and_no_others() {
        let url = |text| Url::parse(text).unwrap();
        let own = OwnNetworks::parse("10.1.0.0/16, fd00::/8,127.0.0.1").unwrap();
        let outbound = Outbound::guarded(own).unwrap();
        for (to, is_good) in [
            ("https://8.8.8.8/", true),
            ("http://8.8.8.8/", false),
            ("http://10.1.2.3/", true),
            ("https://10.1.2.3/", true),
            ("http://[::ffff:10.1.2.3]/", true),
            ("https://10.2.0.1/", false),
            ("http://[fd12::1]/", true),
            ("http://127.0.0.1:80/", true),
            ("http://127.0.0.2/", false),
            ("http://169.254.169.254/latest/meta-data", false),
            ("ftp://10.1.2.3/", false),
        ] {
            assert_eq!(outbound.check(&url(to)).is_ok(), is_good, "{to}");
        }
        let names = |takes_public| Names::new(outbound.own.clone(), takes_public);
        let public = "8.8.8.8".parse().unwrap();
        assert!(names(true).takes(public) && !names(false).takes(public));
        assert!(!names(true).takes("169.254.169.254".parse().unwrap()));
        assert!(OwnNetworks::parse("10.0.0.0/33").is_err());
    }

    #[tokio::test]
    async fn a_name_that_leads_home_is_refused_when_it_is_resolved() {
        let outbound = Outbound::new(None).unwrap();
        let to = Url::parse("https://localhost:9/").unwrap();
        assert!(outbound.check(&to).is_ok());
        let client = outbound.client_for(&to).unwrap();
        let error = client.get(to).send().await.unwrap_err();
        assert!(format!("{error:?}").contains(NOT_PUBLIC), "{error:?}");
    }
}
