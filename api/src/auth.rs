//! Who is asking: an agent by its signature, a person by an access token, a program by an API key
//! or access token, or nobody.

use std::sync::Arc;

use aim_app::{Actor, App, AppError, ErrorCode, OpenedSession};
use aim_domain::secret::{ApiKeySecret, RefreshToken};
use aim_domain::session::{ACCESS_LIFE, Client};
use aim_domain::signature::HttpRequest;
use async_graphql::Data;
use async_graphql::parser::types::OperationType;
use axum::body::Bytes;
use axum::http::header;
use axum::http::request::Parts;
use chrono::{DateTime, Duration, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde_json::Value;

use crate::access_token::AccessToken;
use crate::client_address::TrustedProxies;
use crate::error_code::code;
use crate::graphql::RequestContext;
use crate::transport::{AuthError, Authenticate, Caller, CallerKind, Identity};

/// How long a connection lasts that an agent's signature or an API key opened.
const CONNECTION_LIFE: Duration = Duration::hours(1);
/// Least bytes of the secret: as many as HMAC-SHA-256 gives out.
const SECRET_MIN_BYTES: usize = 32;

/// Who makes a request, and where from.
#[derive(Debug, Clone)]
pub struct Requester {
    actor: Actor,
    client: Client,
}

/// Checks and makes credentials.
#[derive(Clone)]
pub struct Authenticator {
    app: Arc<App>,
    encoding: EncodingKey,
    decoding: DecodingKey,
    scheme: String,
    authority: Option<String>,
    proxies: TrustedProxies,
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator")
            .field("scheme", &self.scheme)
            .finish_non_exhaustive()
    }
}

impl Authenticator {
    /// With the secret of people's tokens, and the URL that clients know us by: signatures cover
    /// it. Without one it is `http` and the `host` field.
    ///
    /// # Errors
    /// When the secret is too short or the URL has no host.
    pub fn new(app: Arc<App>, secret: &[u8], public_url: Option<&str>) -> Result<Self, String> {
        if secret.len() < SECRET_MIN_BYTES {
            return Err(format!(
                "JWT_SECRET has {} bytes; use at least {SECRET_MIN_BYTES} random ones",
                secret.len()
            ));
        }
        let url: Option<axum::http::Uri> = public_url
            .map(|url| url.parse().map_err(|e| format!("public URL `{url}`: {e}")))
            .transpose()?;
        let authority = url
            .as_ref()
            .and_then(|url| url.authority())
            .map(ToString::to_string);
        if url.is_some() && authority.is_none() {
            return Err(
                "the public URL has no host; give one such as `https://aim.example`".into(),
            );
        }
        Ok(Self {
            app,
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            scheme: url
                .and_then(|url| url.scheme_str().map(str::to_owned))
                .unwrap_or("http".into()),
            authority,
            proxies: TrustedProxies::default(),
        })
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// The address that a request came from.
    pub(crate) fn client(&self, parts: &Parts) -> Option<std::net::IpAddr> {
        self.proxies.client(parts)
    }

    /// Our URL, without a path; by `host` where none is configured.
    pub(crate) fn url_of(&self, host: &str) -> String {
        let authority = self.authority.as_deref().unwrap_or(host);
        format!("{}://{}", self.scheme, authority.to_ascii_lowercase())
    }

    /// With proxies that are believed when they say who called them.
    #[must_use]
    pub fn behind(self, proxies: TrustedProxies) -> Self {
        Self { proxies, ..self }
    }

    /// Whether clients reach us over TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.scheme == "https"
    }

    /// An access token of a session.
    ///
    /// # Errors
    /// `Internal` when it cannot be made.
    pub fn token(
        &self,
        opened: &OpenedSession,
        now: DateTime<Utc>,
    ) -> Result<(String, DateTime<Utc>), AppError> {
        let expires_at = opened.session.refresh_by.min(now + ACCESS_LIFE);
        let token = AccessToken {
            session: opened.session.id,
            expires_at,
        };
        let token = token
            .sign(opened.user.id.to_string(), now, &self.encoding)
            .map_err(|_| AppError::new(ErrorCode::Internal, "internal error"))?;
        Ok((token, expires_at))
    }

    /// Who sent this request.
    pub(crate) async fn identify(
        &self,
        parts: &Parts,
        body: &Bytes,
    ) -> Result<Identity<Actor>, AppError> {
        if parts.headers.contains_key("signature-input") {
            return self.agent(parts, body).await;
        }
        match parts.headers.get(header::AUTHORIZATION) {
            Some(value) => {
                let value = value.to_str().unwrap_or_default();
                match dpop_token(value) {
                    Some(token) => self.by_token(parts, token).await,
                    None => self.bearer(value).await,
                }
            }
            None => Ok(Identity::lasting(Actor::Anonymous)),
        }
    }

    /// Who sent this request, and where from.
    async fn call(&self, parts: &Parts, body: &Bytes) -> Result<Identity<Requester>, AppError> {
        let identity = self.identify(parts, body).await?;
        Ok(self.at_client(parts, identity))
    }

    /// Whose budget a request is taken from; of nobody, when credentials were refused.
    pub(crate) fn budget_of(&self, parts: &Parts, actor: Option<&Actor>) -> Caller {
        let known = |kind, id: uuid::Uuid| Caller {
            kind,
            key: id.as_u128(),
        };
        match actor {
            None | Some(Actor::Anonymous) => Caller::at(self.proxies.client(parts)),
            Some(Actor::User(user)) => known(CallerKind::Person, user.id.as_uuid()),
            Some(Actor::ApiKey(program) | Actor::SdkToken(program)) => {
                known(CallerKind::Agent, program.id)
            }
            Some(Actor::Agent(agent)) => known(CallerKind::Agent, agent.agent.as_uuid()),
        }
    }

    /// Where a request came from, and what sent it.
    pub(crate) fn client_of(&self, parts: &Parts) -> Client {
        let agent = parts.headers.get(header::USER_AGENT);
        let agent = agent.and_then(|it| it.to_str().ok());
        Client::new(self.proxies.client(parts), agent)
    }

    fn at_client(&self, parts: &Parts, identity: Identity<Actor>) -> Identity<Requester> {
        let client = self.client_of(parts);
        Identity {
            actor: Requester {
                actor: identity.actor,
                client,
            },
            expires_at: identity.expires_at,
        }
    }

    async fn bearer(&self, authorization: &str) -> Result<Identity<Actor>, AppError> {
        let refused = |message: &str| AppError::new(ErrorCode::Unauthenticated, message);
        let (scheme, token) = authorization.split_once(' ').unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(refused("send `authorization: Bearer <token>`"));
        }
        let token = token.trim();
        if token.starts_with(RefreshToken::PREFIX) {
            return Err(refused(
                "this is a refresh token; `refreshSession` gives an access token for it",
            ));
        }
        if token.starts_with(ApiKeySecret::PREFIX) {
            let actor = self.app.find_api_key_actor(token).await?;
            let expires_at = Some(self.app.clock().now() + CONNECTION_LIFE);
            return Ok(Identity { actor, expires_at });
        }
        let read = AccessToken::read(token, &self.decoding, self.app.clock().now());
        let token = read.map_err(|error| refused(&error.to_string()))?;
        Ok(Identity {
            actor: self.app.find_session_actor(token.session).await?,
            expires_at: Some(token.expires_at),
        })
    }

    async fn agent(&self, parts: &Parts, body: &Bytes) -> Result<Identity<Actor>, AppError> {
        let mut headers = Vec::with_capacity(parts.headers.len());
        for (name, value) in &parts.headers {
            let text = value.to_str().map_err(|_| {
                let message = format!("SIGNATURE_MALFORMED: field `{name}` is not ASCII");
                AppError::new(ErrorCode::Unauthenticated, message)
            })?;
            headers.push((name.as_str(), text));
        }
        let host = parts
            .headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let authority = self.authority.as_deref().or(host).or(parts.uri.host());
        let request = HttpRequest {
            method: parts.method.as_str(),
            scheme: &self.scheme,
            authority: authority.unwrap_or_default(),
            path: parts.uri.path(),
            query: parts.uri.query(),
            headers: &headers,
        };
        let mut agent = self.app.identify_agent(&request, body).await?;
        agent.client = self.proxies.client(parts);
        let expires_at = Some(self.app.clock().now() + CONNECTION_LIFE);
        Ok(Identity {
            actor: Actor::Agent(agent),
            expires_at,
        })
    }
}

/// The token of `authorization: DPoP <token>`.
fn dpop_token(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("dpop").then(|| token.trim())
}

impl Authenticate for Authenticator {
    type Actor = Requester;

    async fn http(&self, parts: &Parts, body: &Bytes) -> Result<Identity<Requester>, AuthError> {
        self.call(parts, body).await.map_err(auth_error)
    }

    /// `authorization` in the payload of `connection_init`, else the credentials of the upgrade
    /// request.
    async fn connection(
        &self,
        parts: &Parts,
        init_payload: Option<Value>,
    ) -> Result<Identity<Requester>, AuthError> {
        let given = init_payload.as_ref().and_then(|payload| {
            payload
                .get("authorization")
                .or_else(|| payload.get("Authorization"))
        });
        let identity = match given.and_then(Value::as_str) {
            Some(value) => self.bearer(value).await,
            None => self.identify(parts, &Bytes::new()).await,
        };
        let caller = self.at_client(parts, identity.map_err(auth_error)?);
        self.spend(&caller).await?;
        Ok(caller)
    }

    /// An agent's nonce is written off for all nodes; a mutation does that with what it writes.
    async fn spend(&self, identity: &Identity<Requester>) -> Result<(), AuthError> {
        match &identity.actor.actor {
            Actor::Agent(agent) => self.app.spend_nonce(agent).await.map_err(auth_error),
            _ => Ok(()),
        }
    }

    fn ended(&self, identity: &Identity<Requester>) -> BoxFuture<'static, ()> {
        self.app.ended(identity.actor.actor.clone()).boxed()
    }

    fn caller(&self, parts: &Parts, requester: Option<&Requester>) -> Caller {
        self.budget_of(parts, requester.map(|it| &it.actor))
    }

    fn data(&self, identity: &Identity<Requester>, _: OperationType) -> Data {
        let request_id = self.app.next_id().to_string();
        let mut data = Data::default();
        let Requester { actor, client } = identity.actor.clone();
        let actor = self.app.actor_now(actor);
        let request = RequestContext::new(Arc::clone(&self.app), actor, client, request_id);
        data.insert(request);
        data.insert(self.clone());
        data
    }
}

fn auth_error(error: AppError) -> AuthError {
    AuthError::new(code(error.code), error.message)
}
