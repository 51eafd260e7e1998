//! The plain HTTP endpoints of tokens: the token endpoint, key sets and metadata documents.

use std::sync::Arc;

use aim_app::{Actor, AgentActor, AppError, ErrorCode, ExchangeToken};
use aim_domain::role::Permission;
use aim_domain::signature::PublicKey;
use async_graphql::ID;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::agent_token::{encode, scope};
use crate::door::Door;
use crate::dpop::{self, Wanted};
use crate::events::{problem, read};
use crate::form::{Form, FormError};
use crate::graphql::parse_id;
use crate::login;
use crate::transport::Allowance;
use crate::transport::limits::REFUSED_CREDENTIALS_POINTS;

/// Most bytes of a token request.
const BODY_MAX_BYTES: usize = 64 * 1024;
/// Where tokens are given.
pub(crate) const TOKEN_PATH: &str = "/v1/token";
const CLIENT_CREDENTIALS: &str = "client_credentials";
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// What clients know to mean "the same again, later".
const LATER: &str = "temporarily_unavailable";
/// When to ask again where a use case does not say: budgets are counted by the minute.
const LATER_SECONDS: u64 = 60;

/// An error of RFC 6749, section 5.2.
pub(crate) struct Refusal(pub(crate) &'static str, pub(crate) String);

/// Why there is no token: one of those, or a limit that was reached, with the fields that tell it.
pub(crate) enum Denied {
    Refusal(Refusal),
    Later(Box<HeaderMap>, String),
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<FormError> for Denied {
    fn from(error: FormError) -> Self {
        Refusal("invalid_request", error.0).into()
    }
}

impl From<Allowance> for Denied {
    fn from(left: Allowance) -> Self {
        let mut headers = HeaderMap::new();
        left.write(&mut headers);
        Self::Later(Box::new(headers), left.refusal().message)
    }
}

impl From<AppError> for Denied {
    fn from(error: AppError) -> Self {
        let names = |field: &str| error.fields.iter().any(|it| it.field == field);
        let code = match error.code {
            ErrorCode::RateLimited => {
                let wait = (header::RETRY_AFTER, HeaderValue::from(LATER_SECONDS));
                return Self::Later(Box::new(HeaderMap::from_iter([wait])), error.message);
            }
            ErrorCode::Unauthenticated => "invalid_client",
            ErrorCode::Forbidden => "unauthorized_client",
            ErrorCode::InvalidInput if names("scope") => "invalid_scope",
            ErrorCode::InvalidInput if names("delegation") => "invalid_grant",
            ErrorCode::InvalidInput if names("audience") => "invalid_target",
            ErrorCode::InvalidInput => "invalid_request",
            ErrorCode::Unavailable => LATER,
            _ => "server_error",
        };
        Self::Refusal(Refusal(code, error.message))
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let (status, code, words, headers) = match self {
            Self::Later(headers, words) => (StatusCode::TOO_MANY_REQUESTS, LATER, words, *headers),
            Self::Refusal(Refusal(code, words)) => {
                let status = match code {
                    "invalid_client" => StatusCode::UNAUTHORIZED,
                    LATER => StatusCode::SERVICE_UNAVAILABLE,
                    "server_error" => StatusCode::INTERNAL_SERVER_ERROR,
                    _ => StatusCode::BAD_REQUEST,
                };
                (status, code, words, HeaderMap::new())
            }
        };
        let fresh = [(header::CACHE_CONTROL, "no-store")];
        let body = json!({ "error": code, "error_description": words });
        (status, fresh, headers, axum::Json(body)).into_response()
    }
}

/// `POST /v1/token`: a signed request (RFC 9421) with a proof of the key that the token is bound to
/// (RFC 9449); the answer is that of RFC 6749 and RFC 8693. Unsigned, a person's session for the code of
/// a login.
pub(crate) async fn token(State(door): State<Arc<Door>>, request: Request) -> Response {
    match exchange(&door, request).await {
        Ok(answer) => ([(header::CACHE_CONTROL, "no-store")], axum::Json(answer)).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn exchange(door: &Door, request: Request) -> Result<Value, Denied> {
    let (parts, body) = request.into_parts();
    let body = read(body, BODY_MAX_BYTES).await?;
    if let Some(form) = login::grant_of(&parts, &body) {
        return login::redeem(door, &parts, &form).await;
    }
    let identity = match door.auth.identify(&parts, &body).await {
        Ok(identity) => identity,
        Err(error) => {
            if error.code == ErrorCode::Unauthenticated {
                let address = door.auth.budget_of(&parts, None);
                door.spend(&address, REFUSED_CREDENTIALS_POINTS)?;
            }
            return Err(error.into());
        }
    };
    let caller = door.auth.budget_of(&parts, Some(&identity.actor));
    door.spend(&caller, 1)?;
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
    let delegation = form.one("delegation")?;
    let delegation = delegation.map(|id| parse_id("Delegation", "delegation", &ID(id)));
    let delegation = delegation.transpose();
    let delegation = delegation.map_err(|error| Refusal("invalid_grant", error.message))?;
    let input = ExchangeToken {
        delegation,
        audience: audience.unwrap_or_else(|| issuer.clone()),
        scope: scope.split_ascii_whitespace().map(str::to_owned).collect(),
        life_seconds: life,
        jkt: proof.jkt,
        subject,
    };
    answer(door, &agent, input, &issuer).await
}

async fn answer(
    door: &Door,
    agent: &AgentActor,
    input: ExchangeToken,
    issuer: &str,
) -> Result<Value, Denied> {
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
async fn subject(door: &Door, form: &Form, issuer: &str) -> Result<aim_app::AgentToken, Denied> {
    let wrong = |words: &str| Refusal("invalid_request", words.to_owned());
    if form.one("subject_token_type")?.as_deref() != Some(ACCESS_TOKEN) {
        let words = "`subject_token_type` has to be that of an access token";
        return Err(wrong(words).into());
    }
    let text = form.one("subject_token")?;
    let text = text.ok_or_else(|| wrong("`subject_token` is missing"))?;
    // A token for somebody else is not to be turned into one for us, nor the other way round.
    let read = door.auth.read_token(&text, issuer, None).await;
    read.map_err(|error| Refusal("invalid_request", error.message).into())
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
        "authorization_endpoint": format!("{issuer}{}", login::AUTHORIZE_PATH),
        "device_authorization_endpoint": format!("{issuer}{}", login::DEVICE_PATH),
        "token_endpoint": format!("{issuer}{TOKEN_PATH}"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "grant_types_supported": [CLIENT_CREDENTIALS, TOKEN_EXCHANGE, login::CODE, login::DEVICE_CODE],
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["http_message_signature", "none"],
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_met_inside_is_no_fault_of_ours() {
        for (code, status, wait) in [
            (ErrorCode::RateLimited, 429, Some("60")),
            (ErrorCode::Unavailable, 503, None),
            (ErrorCode::Internal, 500, None),
        ] {
            let answer = Denied::from(AppError::new(code, "words")).into_response();
            let retry = answer.headers().get(header::RETRY_AFTER);
            let retry = retry.and_then(|it| it.to_str().ok());
            assert_eq!(
                (answer.status().as_u16(), retry),
                (status, wait),
                "{code:?}"
            );
        }
    }
}
