//! The plain HTTP endpoints of tokens: the token endpoint, key sets and metadata documents.

use std::sync::Arc;

use aim_app::{Actor, AgentActor, AppError, ErrorCode, ExchangeToken};
use aim_domain::role::Permission;
use aim_domain::signature::PublicKey;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::agent_token::{encode, scope};
use crate::door::Door;
use crate::dpop::{self, Wanted};
use crate::events::{problem, read};

/// Most bytes of a token request.
const BODY_MAX_BYTES: usize = 64 * 1024;
/// Where tokens are given.
pub(crate) const TOKEN_PATH: &str = "/v1/token";
const CLIENT_CREDENTIALS: &str = "client_credentials";
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// An error of RFC 6749, section 5.2.
struct Refusal(&'static str, String);

impl From<AppError> for Refusal {
    fn from(error: AppError) -> Self {
        let code = match error.code {
            ErrorCode::Unauthenticated => "invalid_client",
            ErrorCode::Forbidden => "unauthorized_client",
            ErrorCode::InvalidInput if error.fields.iter().any(|it| it.field == "scope") => {
                "invalid_scope"
            }
            ErrorCode::InvalidInput if error.fields.iter().any(|it| it.field == "audience") => {
                "invalid_target"
            }
            ErrorCode::InvalidInput => "invalid_request",
            ErrorCode::Unavailable => "temporarily_unavailable",
            _ => "server_error",
        };
        Self(code, error.message)
    }
}

/// Why there is no token: one of those, or an empty budget.
enum Denied {
    Refusal(Refusal),
    Door(Box<Response>),
}

impl<T: Into<Refusal>> From<T> for Denied {
    fn from(refusal: T) -> Self {
        Self::Refusal(refusal.into())
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        match self {
            Self::Refusal(refusal) => refusal.into_response(),
            Self::Door(response) => *response,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self.0 {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            "temporarily_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
            "server_error" => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        let body = json!({ "error": self.0, "error_description": self.1 });
        (
            status,
            [(header::CACHE_CONTROL, "no-store")],
            axum::Json(body),
        )
            .into_response()
    }
}

/// `POST /v1/token`: a signed request (RFC 9421) with a proof of the key that the token is bound to
/// (RFC 9449); the answer is that of RFC 6749 and RFC 8693.
pub(crate) async fn token(State(door): State<Arc<Door>>, request: Request) -> Response {
    match exchange(&door, request).await {
        Ok(answer) => ([(header::CACHE_CONTROL, "no-store")], axum::Json(answer)).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn exchange(door: &Door, request: Request) -> Result<Value, Denied> {
    let (parts, body) = request.into_parts();
    let body = read(body, BODY_MAX_BYTES).await?;
    let charged = |outcome: Result<(), Response>| outcome.map_err(|it| Denied::Door(Box::new(it)));
    let identity = match door.auth.identify(&parts, &body).await {
        Ok(identity) => identity,
        Err(error) => {
            charged(door.charge_refused(&parts, &error))?;
            return Err(error.into());
        }
    };
    charged(door.charge(&parts, &identity.actor, 1))?;
    let Actor::Agent(agent) = identity.actor else {
        let words = "sign the request with the agent's key (RFC 9421)".to_owned();
        return Err(Refusal("invalid_client", words).into());
    };
    let form = Form::read(&parts, &body)?;
    let issuer = door.auth.issuer(&parts);
    let wanted = Wanted {
        method: parts.method.as_str(),
        url: &format!("{issuer}{TOKEN_PATH}"),
        token: None,
        now: door.app.clock().now(),
    };
    let proof = dpop::check(&parts.headers, wanted);
    let proof = proof.map_err(|words| Refusal("invalid_dpop_proof", words.to_owned()))?;
    let subject = match form.one("grant_type")?.as_deref() {
        Some(CLIENT_CREDENTIALS) => None,
        Some(TOKEN_EXCHANGE) => Some(subject(door, &form, &issuer).await?),
        _ => {
            let words = format!("`grant_type` is `{CLIENT_CREDENTIALS}` or `{TOKEN_EXCHANGE}`");
            return Err(Refusal("unsupported_grant_type", words).into());
        }
    };
    let audience = form.one("audience")?.or(form.one("resource")?);
    let life = form.one("expires_in")?;
    let life = life.map(|text| text.parse::<u32>()).transpose();
    let life = life.map_err(|_| {
        Refusal(
            "invalid_request",
            "`expires_in` is not a number of seconds".to_owned(),
        )
    })?;
    let scope = form.one("scope")?.unwrap_or_default();
    let input = ExchangeToken {
        audience: audience.unwrap_or_else(|| issuer.clone()),
        scope: scope.split_ascii_whitespace().map(str::to_owned).collect(),
        life_seconds: life,
        jkt: proof.jkt,
        subject,
    };
    Ok(answer(door, &agent, input, &issuer).await?)
}

async fn answer(
    door: &Door,
    agent: &AgentActor,
    input: ExchangeToken,
    issuer: &str,
) -> Result<Value, Refusal> {
    let keys = door.app.token_keys().await?;
    let request_id = door.app.next_id().to_string();
    let token = door.app.exchange_token(agent, input, &request_id).await?;
    Ok(json!({
        "access_token": encode(&token, issuer, &keys)?,
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "DPoP",
        "expires_in": (token.expires_at - token.issued_at).num_seconds(),
        "scope": scope(&token.limits),
    }))
}

/// The token that is given for a narrower one.
async fn subject(door: &Door, form: &Form, issuer: &str) -> Result<aim_app::AgentToken, Refusal> {
    let wrong = |words: &str| Refusal("invalid_request", words.to_owned());
    if form.one("subject_token_type")?.as_deref() != Some(ACCESS_TOKEN) {
        return Err(wrong(
            "`subject_token_type` has to be that of an access token",
        ));
    }
    let text = form.one("subject_token")?;
    let text = text.ok_or_else(|| wrong("`subject_token` is missing"))?;
    // A token for somebody else is not to be turned into one for us, nor the other way round.
    let read = door.auth.read_token(&text, issuer, None).await;
    read.map_err(|error| Refusal("invalid_request", error.message))
}

/// The form of a request; every parameter at most once.
struct Form(Vec<(String, String)>);

impl Form {
    fn read(parts: &Parts, body: &[u8]) -> Result<Self, Refusal> {
        let kind = parts.headers.get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.split(';').next() != Some("application/x-www-form-urlencoded") {
            let words = "send `application/x-www-form-urlencoded`".to_owned();
            return Err(Refusal("invalid_request", words));
        }
        Ok(Self(form_urlencoded::parse(body).into_owned().collect()))
    }

    fn one(&self, name: &str) -> Result<Option<String>, Refusal> {
        let mut found = self.0.iter().filter(|(key, _)| key == name);
        let first = found.next().map(|(_, value)| value.clone());
        match found.next() {
            None => Ok(first),
            Some(_) => Err(Refusal("invalid_request", format!("`{name}` comes twice"))),
        }
    }
}

fn jwk(key: &PublicKey) -> Value {
    json!({
        "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
        "kid": key.thumbprint(), "x": key.to_base64url(),
    })
}

fn document(outcome: Result<Value, AppError>) -> Response {
    match outcome {
        Ok(document) => {
            let cached = [(header::CACHE_CONTROL, "public, max-age=300")];
            (cached, axum::Json(document)).into_response()
        }
        Err(error) => problem(&error),
    }
}

/// `GET /.well-known/jwks.json`: the keys that sign tokens (RFC 7517), named by RFC 7638.
pub(crate) async fn jwks(State(door): State<Arc<Door>>) -> Response {
    let keys = door.app.token_keys().await;
    let set = |keys: Arc<aim_app::TokenKeys>| json!({ "keys": keys.believed.iter().map(jwk).collect::<Vec<_>>() });
    document(keys.map(set))
}

/// `GET /v1/agents/jwks.json`: the live keys of the asker's organization's agents.
pub(crate) async fn agents_jwks(State(door): State<Arc<Door>>, request: Request<Body>) -> Response {
    let (parts, _) = request.into_parts();
    let outcome = async {
        let refused = |error| problem(&error);
        let actor = door.identify(&parts, &Bytes::new()).await?;
        let request_id = door.app.next_id().to_string();
        let permit = actor.permit(Permission::Read, &request_id);
        let permit = permit.map_err(refused)?;
        if let Actor::Agent(agent) = &actor {
            door.app.spend_nonce(agent).await.map_err(refused)?;
        }
        let keys = door.app.list_live_keys(&permit).await.map_err(refused)?;
        let keys = keys.iter().map(|(agent, key)| {
            let mut jwk = jwk(&key.public_key);
            jwk["sub"] = json!(agent);
            if let Some(end) = key.expires_at {
                jwk["exp"] = json!(end.timestamp());
            }
            jwk
        });
        Ok::<_, Response>(json!({ "keys": keys.collect::<Vec<_>>() }))
    };
    match outcome.await {
        Ok(set) => ([(header::CACHE_CONTROL, "no-store")], axum::Json(set)).into_response(),
        Err(refused) => refused,
    }
}

/// `GET /.well-known/oauth-authorization-server` (RFC 8414).
pub(crate) async fn server_metadata(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let issuer = door.auth.issuer(&parts);
    document(Ok(json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}{TOKEN_PATH}"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "grant_types_supported": [CLIENT_CREDENTIALS, TOKEN_EXCHANGE],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["http_message_signature"],
        "token_endpoint_auth_signing_alg_values_supported": ["EdDSA"],
        "dpop_signing_alg_values_supported": ["EdDSA"],
    })))
}

/// `GET /.well-known/oauth-protected-resource` (RFC 9728).
pub(crate) async fn resource_metadata(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let issuer = door.auth.issuer(&parts);
    document(Ok(json!({
        "resource": issuer,
        "authorization_servers": [issuer],
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": ["EdDSA"],
        "dpop_bound_access_tokens_required": true,
    })))
}
