//! Issuers that people sign in at, and what they say of themselves.

use std::collections::HashMap;

use aim_domain::join::UNINVITED_ROLE_MAX;
use aim_domain::role::Role;
use chrono::{DateTime, Duration, Utc};
use openidconnect::core::CoreProviderMetadata;
use openidconnect::{ClientId, ClientSecret, IssuerUrl};
use tokio::sync::Mutex;
use url::Url;

use crate::outbound::Outbound;
use crate::{AppError, ErrorCode};

/// How long what an issuer says of itself is believed.
const METADATA_LIFE: Duration = Duration::minutes(10);
/// How soon it is asked again because of a key that we do not know.
const METADATA_LEAST: Duration = Duration::seconds(2);

/// An issuer, as the operator configures it.
#[derive(Clone)]
pub struct OidcProvider {
    /// What it is called here.
    pub name: String,
    /// Its URL, exactly as in its tokens.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// What proves it.
    pub client_secret: String,
    /// Slug of the organization that people join who are not known here; nobody joins without one.
    pub organization: Option<String>,
    /// As what they join.
    pub role: Role,
    /// Whether it is in a network of one's own: then nothing but its own origin is reached.
    pub is_private: bool,
}

impl std::fmt::Debug for OidcProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OidcProvider")
            .field("name", &self.name)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

/// Why an issuer's configuration is of no use.
#[derive(Debug, thiserror::Error)]
#[error("`oidc` provider `{provider}`: {problem}")]
pub struct OidcError {
    provider: String,
    problem: String,
}

/// An issuer with what is known of it.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) config: OidcProvider,
    pub(crate) http: Outbound,
    pub(crate) client_id: ClientId,
    pub(crate) client_secret: ClientSecret,
    issuer: IssuerUrl,
    metadata: Mutex<Option<(DateTime<Utc>, CoreProviderMetadata)>>,
}

/// All issuers.
#[derive(Debug, Default)]
pub struct OidcProviders {
    known: HashMap<String, Known>,
}

impl OidcProviders {
    /// From the configuration.
    ///
    /// # Errors
    /// [`OidcError`] naming the provider.
    pub fn new(all: Vec<OidcProvider>) -> Result<Self, OidcError> {
        let mut known = HashMap::new();
        for config in all {
            let name = config.name.clone();
            let wrong = |problem: String| OidcError {
                provider: name.clone(),
                problem,
            };
            let is_word = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
            if name.is_empty() || !name.chars().all(is_word) {
                return Err(wrong(
                    "its name is not of letters, digits, - and _".to_owned(),
                ));
            }
            if config.client_id.is_empty() || config.client_secret.is_empty() {
                return Err(wrong("needs `client_id` and `client_secret`".to_owned()));
            }
            if config.role > UNINVITED_ROLE_MAX {
                return Err(wrong("`role` is above MEMBER".to_owned()));
            }
            let url = Url::parse(&config.issuer)
                .map_err(|error| wrong(format!("`issuer` is no URL: {error}")))?;
            if url.scheme() != "https" && !config.is_private {
                return Err(wrong("`issuer` is not `https`".to_owned()));
            }
            let private = config.is_private.then_some(&url);
            let one = Known {
                http: Outbound::new(private).map_err(|error| wrong(error.to_string()))?,
                client_id: ClientId::new(config.client_id.clone()),
                client_secret: ClientSecret::new(config.client_secret.clone()),
                // As it was written: a slash more would be another issuer.
                issuer: IssuerUrl::new(config.issuer.clone())
                    .map_err(|error| wrong(error.to_string()))?,
                metadata: Mutex::default(),
                config,
            };
            if known.insert(name.clone(), one).is_some() {
                return Err(wrong("is there twice".to_owned()));
            }
        }
        Ok(Self { known })
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Known> {
        self.known.get(name)
    }

    /// Their names, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.known.keys().cloned().collect();
        names.sort();
        names
    }
}

impl Known {
    /// What the issuer says of itself, its keys among it. With `anew` it is asked again, if it was
    /// not just now.
    pub(crate) async fn metadata(
        &self,
        now: DateTime<Utc>,
        anew: bool,
    ) -> Result<CoreProviderMetadata, AppError> {
        let life = if anew { METADATA_LEAST } else { METADATA_LIFE };
        // Held while asking: whoever comes meanwhile waits for the same answer.
        let mut kept = self.metadata.lock().await;
        if let Some((at, metadata)) = kept.as_ref()
            && now - *at < life
        {
            return Ok(metadata.clone());
        }
        let asked = CoreProviderMetadata::discover_async(self.issuer.clone(), &self.http).await;
        let metadata = asked.map_err(|error| {
            let name = &self.config.name;
            tracing::warn!(provider = name, error = %Chain(&error), "issuer");
            AppError::new(
                ErrorCode::Unavailable,
                "the issuer does not answer; try again",
            )
        })?;
        *kept = Some((now, metadata.clone()));
        Ok(metadata)
    }
}

/// An error with what caused it.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(issuer: &str) -> OidcProvider {
        OidcProvider {
            name: "corp".to_owned(),
            issuer: issuer.to_owned(),
            client_id: "aim".to_owned(),
            client_secret: "hidden".to_owned(),
            organization: None,
            role: Role::Viewer,
            is_private: false,
        }
    }

    #[test]
    fn what_would_be_unsafe_is_refused_at_the_start() {
        let good = provider("https://issuer.example");
        assert!(OidcProviders::new(vec![good.clone()]).is_ok());
        let twice = OidcProviders::new(vec![good.clone(), good.clone()]);
        assert!(twice.unwrap_err().to_string().contains("twice"));
        let bad = [
            provider("http://issuer.example"),
            provider("issuer"),
            OidcProvider {
                role: Role::Admin,
                ..good.clone()
            },
            OidcProvider {
                client_secret: String::new(),
                ..good.clone()
            },
            OidcProvider {
                name: "a b".to_owned(),
                ..good
            },
        ];
        for one in bad {
            let refused = OidcProviders::new(vec![one.clone()])
                .unwrap_err()
                .to_string();
            assert!(!refused.contains("hidden"), "{refused}");
            assert!(!format!("{one:?}").contains("hidden"));
        }
    }
}
