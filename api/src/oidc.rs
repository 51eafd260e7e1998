//! `GET /auth/oidc/start` and `GET /auth/oidc/callback`: to an issuer of OpenID Connect and back.
//!
//! The way back ends with a challenge for the mutation `completeSignIn`, or, for somebody whom nobody
//! here is linked to, with a ticket for `acceptInvitation` or `linkIdentity`: as JSON, or behind the `#`
//! of a page of one's own, which browsers send to no server.

use std::sync::Arc;

use aim_app::{AppError, ErrorCode, OidcArrived};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use crate::door::Door;
use crate::events::problem;
use crate::login;

const COOKIE: &str = "aim_oidc";
/// Longest value that is looked at.
const COOKIE_MAX_BYTES: usize = 4_096;

#[derive(Deserialize)]
pub(crate) struct Start {
    provider: String,
    /// The page of a program's login that the browser goes on with.
    visit: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Callback {
    state: Option<String>,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// Sends a browser to the issuer.
pub(crate) async fn start(
    State(door): State<Arc<Door>>,
    headers: HeaderMap,
    Query(start): Query<Start>,
) -> Response {
    if let Some(visit) = &start.visit
        && let Err(error) = login::may_leave(&door, &headers, visit)
    {
        return private(problem(&error));
    }
    match door.app.start_oidc(&start.provider, start.visit).await {
        Ok(started) => {
            let (value, seconds) = (started.cookie.as_str(), started.seconds);
            let cookie = cookie(&door, value, seconds);
            see_other(&started.url, &cookie)
        }
        Err(error) => private(problem(&error)),
    }
}

/// Takes a browser back from the issuer.
pub(crate) async fn callback(
    State(door): State<Arc<Door>>,
    headers: HeaderMap,
    Query(back): Query<Callback>,
) -> Response {
    let outcome = finish(&door, &headers, back).await;
    // Good once, however it ended.
    let gone = cookie(&door, "", 0);
    let mut response = match outcome {
        Ok(response) => response,
        Err(error) => private(problem(&error)),
    };
    if let Ok(gone) = HeaderValue::from_str(&gone) {
        response.headers_mut().insert(header::SET_COOKIE, gone);
    }
    response
}

async fn finish(door: &Door, headers: &HeaderMap, back: Callback) -> Result<Response, AppError> {
    let refused = |message: &str| AppError::new(ErrorCode::Unauthenticated, message);
    let again = || refused("this sign-in was not begun here, or too long ago; begin again");
    let cookie = sent_cookie(headers).ok_or_else(again)?;
    if back.error.is_some() {
        return Err(refused("the issuer did not sign you in; begin again"));
    }
    let (state, code) = (back.state.ok_or_else(again)?, back.code.ok_or_else(again)?);
    let request_id = door.app.next_id().to_string();
    let issuer = back.iss.as_deref();
    let finished = door
        .app
        .finish_oidc(cookie, &state, &code, issuer, &request_id);
    let (arrived, visit) = finished.await?;
    if let Some(visit) = visit {
        let arrived = (visit.as_str(), arrived);
        return Ok(login::came_back(door, headers, arrived, &request_id).await);
    }
    let (name, token, body) = match arrived {
        OidcArrived::Known(challenge) => {
            let body = json!({
                "challenge": challenge.token.as_str(),
                "expiresAt": challenge.expires_at,
                "needsCode": challenge.needs_code,
                "hasPasskey": challenge.has_passkey,
            });
            ("challenge", challenge.token, body)
        }
        OidcArrived::Stranger(ticket) => {
            let body = json!({ "ticket": ticket.as_str() });
            ("ticket", ticket, body)
        }
    };
    Ok(match &door.oidc_return_url {
        Some(page) => see_other(&format!("{page}#{name}={}", token.as_str()), ""),
        None => private(axum::Json(body).into_response()),
    })
}

fn sent_cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let mut pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == COOKIE)?;
    (value.len() <= COOKIE_MAX_BYTES).then_some(value)
}

/// `Lax`, because the way back comes from the issuer's site.
fn cookie(door: &Door, value: &str, seconds: i64) -> String {
    let secure = if door.auth.is_https() { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path=/auth/oidc; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

fn see_other(to: &str, cookie: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    if let Ok(to) = HeaderValue::from_str(to) {
        headers.insert(header::LOCATION, to);
    }
    if !cookie.is_empty()
        && let Ok(cookie) = HeaderValue::from_str(cookie)
    {
        headers.insert(header::SET_COOKIE, cookie);
    }
    private(response)
}

/// Neither kept by caches nor told to other sites.
fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let none = HeaderValue::from_static("no-referrer");
    headers.insert(header::REFERRER_POLICY, none);
    response
}
