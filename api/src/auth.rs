//! Who is asking: an agent by its signature, a person by a token, or nobody.

use std::sync::Arc;

use aim_app::{Actor, App, AppError, ErrorCode, UserActor};
use aim_domain::id::UserId;
use aim_domain::signature::HttpRequest;
use aim_store::users::User;
use async_graphql::Data;
use async_graphql::parser::types::OperationType;
use axum::body::Bytes;
use axum::http::header;
use axum::http::request::Parts;
use chrono::{DateTime, Duration, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::client_address::TrustedProxies;
use crate::error_code::code;
use crate::graphql::RequestContext;
use crate::transport::{AuthError, Authenticate, Caller, CallerKind, Identity};

/// How long a person's token is good.
const TOKEN_LIFE: Duration = Duration::hours(1);
/// Least bytes of the secret: as many as HMAC-SHA-256 gives out.
const SECRET_MIN_BYTES: usize = 32;
const ISSUER: &str = "aim";

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    r#gen: i32,
    iat: i64,
    exp: i64,
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

    /// With proxies that are believed when they say who called them.
    #[must_use]
    pub fn behind(self, proxies: TrustedProxies) -> Self {
        Self { proxies, ..self }
    }

    /// A token for a person.
    ///
    /// # Errors
    /// `Internal` when it cannot be made.
    pub fn token(
        &self,
        user: &User,
        now: DateTime<Utc>,
    ) -> Result<(String, DateTime<Utc>), AppError> {
        let expires_at = now + TOKEN_LIFE;
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: user.id.to_string(),
            r#gen: user.token_generation,
            iat: now.timestamp(),
            exp: expires_at.timestamp(),
        };
        let header = Header::new(Algorithm::HS256);
        let token = jsonwebtoken::encode(&header, &claims, &self.encoding)
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
            Some(value) => self.person(value.to_str().unwrap_or_default()).await,
            None => Ok(Identity::lasting(Actor::Anonymous)),
        }
    }

    async fn person(&self, authorization: &str) -> Result<Identity<Actor>, AppError> {
        let refused = |message: &str| AppError::new(ErrorCode::Unauthenticated, message);
        let (scheme, token) = authorization.split_once(' ').unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(refused("send `authorization: Bearer <token>`"));
        }
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_issuer(&[ISSUER]);
        rules.set_required_spec_claims(&["exp", "iss", "sub"]);
        rules.leeway = 0;
        // The clock is ours to give, not the library's to take.
        rules.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token.trim(), &self.decoding, &rules)
            .map_err(|_| refused("the token is not one of ours; sign in again"))?
            .claims;
        let expires_at = DateTime::from_timestamp(claims.exp, 0)
            .filter(|end| *end > self.app.clock().now())
            .ok_or_else(|| refused("the token has expired; sign in again"))?;
        let id: UserId = claims
            .sub
            .parse()
            .map_err(|_| refused("the token names nobody"))?;
        let user = self.app.find_session_user(id, claims.r#gen).await?;
        let actor = Actor::User(UserActor {
            id: user.id,
            organization: user.organization,
            role: user.role,
            must_change_password: user.must_change_password,
        });
        Ok(Identity {
            actor,
            expires_at: Some(expires_at),
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
        // A signed upgrade opens a connection for as long as a person's token would.
        let expires_at = Some(self.app.clock().now() + TOKEN_LIFE);
        Ok(Identity {
            actor: Actor::Agent(agent),
            expires_at,
        })
    }
}

impl Authenticate for Authenticator {
    type Actor = Actor;

    async fn http(&self, parts: &Parts, body: &Bytes) -> Result<Identity<Actor>, AuthError> {
        self.identify(parts, body).await.map_err(auth_error)
    }

    /// `authorization` in the payload of `connection_init`, else the credentials of the upgrade
    /// request.
    async fn connection(
        &self,
        parts: &Parts,
        init_payload: Option<Value>,
    ) -> Result<Identity<Actor>, AuthError> {
        let given = init_payload.as_ref().and_then(|payload| {
            payload
                .get("authorization")
                .or_else(|| payload.get("Authorization"))
        });
        let identity = match given.and_then(Value::as_str) {
            Some(value) => self.person(value).await,
            None => self.identify(parts, &Bytes::new()).await,
        };
        identity.map_err(auth_error)
    }

    fn caller(&self, parts: &Parts, actor: Option<&Actor>) -> Caller {
        let known = |kind, id: uuid::Uuid| Caller {
            kind,
            key: id.as_u128(),
        };
        match actor {
            None | Some(Actor::Anonymous) => Caller::at(self.proxies.client(parts)),
            Some(Actor::User(user)) => known(CallerKind::Person, user.id.as_uuid()),
            Some(Actor::Agent(agent)) => known(CallerKind::Agent, agent.agent.as_uuid()),
        }
    }

    fn data(&self, identity: &Identity<Actor>, _: OperationType) -> Data {
        let request_id = self.app.next_id().to_string();
        let mut data = Data::default();
        let actor = self.app.actor_now(identity.actor.clone());
        let request = RequestContext::new(Arc::clone(&self.app), actor, request_id);
        data.insert(request);
        data.insert(self.clone());
        data
    }
}

fn auth_error(error: AppError) -> AuthError {
    AuthError::new(code(error.code), error.message)
}
