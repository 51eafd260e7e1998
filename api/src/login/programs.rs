//! Where programs ask: the beginning without a browser (RFC 8628), and the token endpoint's part for
//! both ways.

use std::sync::Arc;

use aim_app::{LoginGrant, RedeemError};
use aim_domain::login::CLIENT_ID;
use axum::extract::{Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::door::Door;
use crate::events::read;
use crate::form::Form;
use crate::oauth::{Denied, Refusal};
use crate::transport::limits::{ANONYMOUS_MUTATION_POINTS, REFUSED_CREDENTIALS_POINTS};

/// Where browsers are sent.
pub(crate) const AUTHORIZE_PATH: &str = "/auth/authorize";
/// Where programs without one begin.
pub(crate) const DEVICE_PATH: &str = "/v1/device_authorization";
/// The grant types.
pub(crate) const CODE: &str = "authorization_code";
pub(crate) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// Most bytes of a form.
const BODY_MAX_BYTES: usize = 8 * 1024;

fn public_client(form: &Form) -> Result<(), Denied> {
    if form.text("client_id")? == CLIENT_ID {
        return Ok(());
    }
    let words = format!("`client_id` has to be `{CLIENT_ID}`");
    Err(Refusal("invalid_client", words).into())
}

/// `POST /v1/device_authorization` (RFC 8628, section 3.1).
pub(super) async fn begin(State(door): State<Arc<Door>>, request: Request) -> Response {
    let fresh = [(header::CACHE_CONTROL, "no-store")];
    match device(&door, request).await {
        Ok(answer) => (fresh, axum::Json(answer)).into_response(),
        Err(denied) => denied.into_response(),
    }
}

async fn device(door: &Door, request: Request) -> Result<Value, Denied> {
    let (parts, body) = request.into_parts();
    // It writes a row for somebody whom nobody knows.
    let address = door.auth.budget_of(&parts, None);
    door.spend(&address, ANONYMOUS_MUTATION_POINTS)?;
    let body = read(body, BODY_MAX_BYTES).await?;
    let form = Form::read(&parts, &body)?;
    public_client(&form)?;
    let client = door.auth.client_of(&parts);
    let begun = door
        .app
        .begin_device_login(&form.text("device")?, &client)
        .await?;
    let page = format!("{}/auth/device", door.auth.issuer(&parts));
    Ok(json!({
        "device_code": begun.device_code.as_str(),
        "user_code": begun.user_code,
        "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code={}", begun.user_code),
        "expires_in": begun.life.num_seconds(),
        "interval": begun.interval.num_seconds(),
    }))
}

/// The form of a request for a person's session, if it is one.
pub(crate) fn grant_of(parts: &Parts, body: &[u8]) -> Option<Form> {
    let form = Form::read(parts, body).ok()?;
    let grant = form.one("grant_type").ok()??;
    [CODE, DEVICE_CODE]
        .contains(&grant.as_str())
        .then_some(form)
}

/// A session for a code.
pub(crate) async fn redeem(door: &Door, parts: &Parts, form: &Form) -> Result<Value, Denied> {
    let address = door.auth.budget_of(parts, None);
    door.spend(&address, 1)?;
    public_client(form)?;
    let (code, verifier) = (form.text("code")?, form.text("code_verifier")?);
    let (redirect, device) = (form.text("redirect_uri")?, form.text("device_code")?);
    let grant = if form.text("grant_type")? == CODE {
        LoginGrant::Code {
            code: &code,
            verifier: &verifier,
            redirect_uri: &redirect,
        }
    } else {
        LoginGrant::Device { code: &device }
    };
    let (client, id) = (door.auth.client_of(parts), door.app.next_id().to_string());
    let opened = match door.app.redeem_login(grant, &client, &id).await {
        Ok(opened) => opened,
        Err(error) => {
            if matches!(error, RedeemError::NotGood | RedeemError::SlowDown) {
                door.spend(&address, REFUSED_CREDENTIALS_POINTS)?;
            }
            return Err(refusal(error));
        }
    };
    let now = door.app.clock().now();
    let (token, expires_at) = door.auth.token(&opened, now)?;
    Ok(json!({
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": (expires_at - now).num_seconds(),
        "refresh_token": opened.refresh_token.reveal(),
        "refresh_token_expires_in": (opened.session.refresh_by - now).num_seconds(),
    }))
}

fn refusal(error: RedeemError) -> Denied {
    let (code, words) = match error {
        RedeemError::Failed(error) => return error.into(),
        RedeemError::Pending => (
            "authorization_pending",
            "nobody has answered yet; ask again",
        ),
        RedeemError::SlowDown => ("slow_down", "ask less often: five seconds more from now on"),
        RedeemError::Denied => ("access_denied", "the person said no"),
        RedeemError::Expired => ("expired_token", "nobody answered in time; begin again"),
        RedeemError::NotGood => (
            "invalid_grant",
            "the code is not good, was used, or is not this program's; begin again",
        ),
    };
    Refusal(code, words.to_owned()).into()
}
