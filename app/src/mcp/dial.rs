//! Reaching servers of others, which must not become reaching servers of ours.
//!
//! Guarantees: an address is looked at after its name was resolved and is the one that is dialled, so that
//! a name cannot change its mind in between; only public addresses are reached, over `https`, and those of
//! networks that the operator named, also over `http`; no redirect is followed; no proxy is asked.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use url::{Host, Url};

use crate::outbound::{Lookup, Names, OutboundError, OwnNetworks, of_system};

/// Longest time of one request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Networks that are reached beside the public internet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct McpNetworks(OwnNetworks);

/// Why a list of networks was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`mcp_networks`: `{0}` is no network such as `10.0.0.0/8` or `127.0.0.1/32`")]
pub struct NetworksError(String);

impl McpNetworks {
    /// Reads networks with commas in between.
    ///
    /// # Errors
    /// [`NetworksError`] naming the one that is none.
    pub fn parse(text: &str) -> Result<Self, NetworksError> {
        let parts = text.split(',').map(str::trim).filter(|it| !it.is_empty());
        let parsed = parts.map(|it| it.parse().map_err(|_| NetworksError(it.to_owned())));
        let parsed: Vec<IpNet> = parsed.collect::<Result<_, _>>()?;
        Ok(Self(OwnNetworks::of(parsed)))
    }
}

const NOT_LET_THROUGH: &str = "the name leads to an address that is not let through";

/// What servers are reached through. Each handshake has a client of its own, which is gone afterwards: the
/// next one looks its name up again.
#[derive(Clone)]
pub(crate) struct McpDoor {
    networks: McpNetworks,
    lookup: Lookup,
}

impl std::fmt::Debug for McpDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("McpDoor")
            .field("networks", &self.networks)
            .finish_non_exhaustive()
    }
}

impl McpDoor {
    pub(crate) fn new(networks: McpNetworks) -> Self {
        let lookup = of_system();
        Self { networks, lookup }
    }

    fn open(&self, is_tls: bool) -> Result<reqwest::Client, OutboundError> {
        let names = Names {
            own: self.networks.0.clone(),
            takes_public: is_tls,
            lookup: Arc::clone(&self.lookup),
            refusal: NOT_LET_THROUGH,
        };
        reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .https_only(is_tls)
            .connect_timeout(TIMEOUT)
            .read_timeout(TIMEOUT)
            .dns_resolver(names)
            .build()
            .map_err(|error| OutboundError::Failed(error.to_string()))
    }

    /// A client for a URL, where it may be asked at all.
    pub(crate) fn client(&self, url: &Url) -> Result<reqwest::Client, OutboundError> {
        let refused = |why| {
            let origin = url.origin().ascii_serialization();
            Err(OutboundError::Refused(origin, why))
        };
        if !url.username().is_empty() || url.password().is_some() {
            return refused("it holds a user or a password");
        }
        let is_tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return refused("it is neither `https` nor `http`"),
        };
        // Names are looked at when they are resolved; numbers never are.
        let number: Option<IpAddr> = match url.host() {
            Some(Host::Ipv4(it)) => Some(it.into()),
            Some(Host::Ipv6(it)) => Some(it.into()),
            Some(Host::Domain(_)) => None,
            None => return refused("it names no host"),
        };
        let may = |it| self.networks.0.takes(it, is_tls);
        match number.is_none_or(may) {
            true => self.open(is_tls),
            false => refused("its address is not let through; see the setting `mcp_networks`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn numbers_are_looked_at_before_anything_is_sent() {
        let public = McpDoor::new(McpNetworks::default());
        let own = McpDoor::new(McpNetworks::parse("127.0.0.0/8, fd00::/8").unwrap());
        for (text, by_public, by_own) in [
            ("https://8.8.8.8/mcp", true, true),
            ("http://8.8.8.8/mcp", false, false),
            ("https://127.0.0.1/mcp", false, true),
            ("http://127.0.0.1:3001/mcp", false, true),
            ("http://[::ffff:127.0.0.1]/mcp", false, true),
            ("http://0x7f.1/mcp", false, true),
            ("http://169.254.169.254/latest/meta-data", false, false),
            ("https://10.0.0.1/", false, false),
            ("https://[fe80::1]/", false, false),
            ("http://[fd00::1]/", false, true),
            ("https://me:word@8.8.8.8/", false, false),
            ("ftp://8.8.8.8/", false, false),
        ] {
            assert_eq!(public.client(&url(text)).is_ok(), by_public, "{text}");
            assert_eq!(own.client(&url(text)).is_ok(), by_own, "{text}");
        }
    }

    #[test]
    fn a_list_of_networks_is_read_whole_or_not_at_all() {
        assert_eq!(McpNetworks::parse(""), Ok(McpNetworks::default()));
        let error = McpNetworks::parse("10.0.0.0/8, home").unwrap_err();
        assert!(error.to_string().contains("`home`"), "{error}");
    }

    /// A server that counts who comes, and sends everybody elsewhere.
    async fn redirecting(to: String) -> (SocketAddr, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read(&mut [0; 2048]).await;
                let head =
                    format!("HTTP/1.1 307 Else\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
                let _ = stream.write_all(head.as_bytes()).await;
            }
        });
        (address, count)
    }

    /// A door whose names lead where a script says, one answer after the other.
    fn scripted(networks: &str, answers: Vec<Vec<SocketAddr>>) -> McpDoor {
        let at = AtomicUsize::new(0);
        let lookup: Lookup = Arc::new(move |_| {
            let next = at.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
            let found = answers[next].clone();
            Box::pin(async move { Ok(found) })
        });
        let networks = McpNetworks::parse(networks).unwrap();
        McpDoor { networks, lookup }
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_dialled_whatever_it_led_to_before() {
        let (inside, count) = redirecting("http://127.0.0.1/".to_owned()).await;
        let outside: SocketAddr = "127.0.0.2:1".parse().unwrap();
        // 127.0.0.2 stands for what is let through; the server inside listens on 127.0.0.1.
        let answers = vec![vec![outside], vec![inside], vec![outside, inside]];
        let door = scripted("127.0.0.2/32", answers);
        let target = url(&format!("http://rebinding.example:{}/mcp", inside.port()));
        for round in 0..3 {
            let error = door
                .client(&target)
                .unwrap()
                .get(target.clone())
                .send()
                .await;
            let error = format!("{:?}", error.unwrap_err());
            let is_refused = error.contains("not let through");
            assert_eq!(is_refused, round > 0, "{round}: {error}");
        }
        assert_eq!(count.load(Ordering::SeqCst), 0, "nobody came inside");
    }

    #[tokio::test]
    async fn redirects_are_not_followed() {
        let (inside, count) = redirecting("http://127.0.0.1/".to_owned()).await;
        let (outside, _) = redirecting(format!("http://{inside}/secret")).await;
        let door = scripted("127.0.0.0/8", vec![vec![outside]]);
        let target = url(&format!("http://moved.example:{}/mcp", outside.port()));
        let answer = door
            .client(&target)
            .unwrap()
            .get(target)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 307);
        assert_eq!(count.load(Ordering::SeqCst), 0, "nobody came inside");
    }
}
