//! Where people answer programs that want to sign in as them: pages without a script of their own but
//! the one for passkeys, and without any other file than ours.
//!
//! Guarantees: nothing is answered but by a form of ours in the browser that it was shown in, behind a
//! sign-in of that moment; no page can be framed; what others wrote is escaped.

mod browser;
mod page;
mod programs;

use std::sync::Arc;

use aim_app::{AppError, ErrorCode, FactorProof, LoginAsk, LoginStage, LoginVisit, OidcArrived};
use aim_domain::login::CLIENT_ID;
use aim_domain::session::Client;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::{get, post};

use crate::door::Door;
use crate::events::read;
use crate::form::{Form, FormError};
use crate::transport::limits::ANONYMOUS_MUTATION_POINTS;
use browser::{is_ours, kept, remembered};
pub(crate) use programs::{AUTHORIZE_PATH, CODE, DEVICE_CODE, DEVICE_PATH, grant_of, redeem};

/// Most bytes of a form: an answer of a passkey is the longest part.
const BODY_MAX_BYTES: usize = 32 * 1024;

/// The pages, and where programs ask.
pub(crate) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route(AUTHORIZE_PATH, get(authorize))
        .route("/auth/device", get(device))
        .route("/auth/login/password", post(password))
        .route("/auth/login/factor", post(factor))
        .route("/auth/login/new-password", post(new_password))
        .route("/auth/login/code", post(code))
        .route("/auth/login/answer", post(answer))
        .route("/auth/login.css", get(page::css))
        .route("/auth/login.js", get(page::js))
        .route(DEVICE_PATH, post(programs::begin))
}

fn wrong(words: &str) -> AppError {
    AppError::new(ErrorCode::InvalidInput, words)
}

impl From<FormError> for AppError {
    fn from(error: FormError) -> Self {
        wrong(&error.0)
    }
}

/// `GET /auth/authorize` (RFC 6749, section 4.1.1, with PKCE): a program of this machine asks.
async fn authorize(State(door): State<Arc<Door>>, request: Request) -> Response {
    begin(&door, &request.into_parts().0, |query| {
        let is = |name: &str, value: &str| Ok::<_, AppError>(query.text(name)? == value);
        if !is("client_id", CLIENT_ID)? {
            return Err(wrong("`client_id` is no program that is known here"));
        }
        if !is("response_type", "code")? || !is("code_challenge_method", "S256")? {
            return Err(wrong(
                "`response_type` has to be `code`, `code_challenge_method` `S256`",
            ));
        }
        Ok(LoginAsk::Browser {
            redirect_uri: query.text("redirect_uri")?,
            challenge: query.text("code_challenge")?,
            state: query.text("state")?,
            device: query.text("device")?,
        })
    })
}

/// `GET /auth/device` (RFC 8628, section 3.3): a person comes with a code.
async fn device(State(door): State<Arc<Door>>, request: Request) -> Response {
    begin(&door, &request.into_parts().0, |query| {
        let typed = query.text("user_code")?.chars().take(16).collect();
        Ok(LoginAsk::Device { typed, seen: None })
    })
}

fn begin(
    door: &Door,
    parts: &Parts,
    ask: impl FnOnce(&Form) -> Result<LoginAsk, AppError>,
) -> Response {
    if let Err(refused) = charge(door, parts, 1) {
        return refused;
    }
    let visit = ask(&Form::of_query(parts)).and_then(|ask| door.app.begin_login(ask));
    let visit = match visit {
        Ok(visit) => visit,
        Err(error) => return page::failed(&error),
    };
    let known = remembered(&parts.headers);
    let fresh = known.is_none().then(|| door.app.new_login_browser());
    let browser = known
        .or(fresh.as_deref().map(String::as_str))
        .unwrap_or_default();
    let mut response = page::next(door, &visit, browser, (None, None));
    if let Some(fresh) = fresh {
        kept(&mut response, &fresh, door.auth.is_https());
    }
    response
}

#[expect(
    clippy::result_large_err,
    reason = "a refusal is the whole answer, made once"
)]
fn charge(door: &Door, parts: &Parts, points: u32) -> Result<(), Response> {
    let address = door.auth.budget_of(parts, None);
    door.spend(&address, points).map_err(|left| {
        let error = AppError::new(ErrorCode::RateLimited, left.refusal().message);
        let mut response = page::failed(&error);
        left.write(response.headers_mut());
        response
    })
}

/// A form of ours.
struct Posted {
    visit: LoginVisit,
    browser: String,
    form: Form,
    client: Client,
    request_id: String,
}

async fn posted(door: &Door, request: Request) -> Result<Posted, Response> {
    let (parts, body) = request.into_parts();
    charge(door, &parts, ANONYMOUS_MUTATION_POINTS)?;
    let refused = |error: AppError| page::failed(&error);
    if !is_ours(&parts.headers, &door.auth.issuer(&parts)) {
        let words = "this form was sent by another site; run `aim login` again";
        return Err(refused(AppError::new(ErrorCode::Forbidden, words)));
    }
    let body = read(body, BODY_MAX_BYTES).await.map_err(refused)?;
    let form = Form::read(&parts, &body).map_err(|error| refused(error.into()))?;
    let sealed = form.text("visit").map_err(|error| refused(error.into()))?;
    let browser = remembered(&parts.headers).unwrap_or_default().to_owned();
    let visit = door.app.open_login(&sealed, &browser).map_err(refused)?;
    Ok(Posted {
        visit,
        browser,
        form,
        client: door.auth.client_of(&parts),
        request_id: door.app.next_id().to_string(),
    })
}

/// The page that follows; what was wrong stands on the page that it was wrong on.
async fn shown(
    door: &Door,
    before: LoginVisit,
    browser: &str,
    outcome: Result<LoginVisit, AppError>,
) -> Response {
    let (mut visit, error) = match outcome {
        Ok(visit) => (visit, None),
        Err(error) => (before, Some(error)),
    };
    let is_over = |error: &AppError| error.fields.iter().any(|it| it.field == "challenge");
    if error.as_ref().is_some_and(is_over) {
        visit.stage = LoginStage::Nobody;
    }
    let options = match &visit.stage {
        LoginStage::HalfDone {
            challenge,
            has_passkey: true,
        } => door.app.begin_passkey_sign_in(challenge).await.ok(),
        _ => None,
    };
    page::next(door, &visit, browser, (error.as_ref(), options.as_ref()))
}

async fn password(State(door): State<Arc<Door>>, request: Request) -> Response {
    let it = match posted(&door, request).await {
        Ok(it) => it,
        Err(refused) => return refused,
    };
    let before = it.visit.clone();
    let outcome = async {
        let (email, password) = (it.form.text("email")?, it.form.text("password")?);
        let who = (email.as_str(), password.as_str());
        door.app.login_by_password(it.visit, who, &it.client).await
    };
    let outcome = outcome.await;
    shown(&door, before, &it.browser, outcome).await
}

async fn factor(State(door): State<Arc<Door>>, request: Request) -> Response {
    let it = match posted(&door, request).await {
        Ok(it) => it,
        Err(refused) => return refused,
    };
    let before = it.visit.clone();
    let outcome = async {
        let (code, passkey) = (it.form.one("code")?, it.form.one("passkey")?);
        let passkey = passkey.map(|text| serde_json::from_str(&text));
        let passkey: Option<serde_json::Value> = passkey
            .transpose()
            .map_err(|_| wrong("`passkey` is no JSON"))?;
        let proof = FactorProof {
            code: code.as_deref(),
            passkey: passkey.as_ref(),
        };
        door.app
            .login_by_factor(it.visit, proof, &it.request_id)
            .await
    };
    let outcome = outcome.await;
    shown(&door, before, &it.browser, outcome).await
}

async fn new_password(State(door): State<Arc<Door>>, request: Request) -> Response {
    let it = match posted(&door, request).await {
        Ok(it) => it,
        Err(refused) => return refused,
    };
    let before = it.visit.clone();
    let outcome = async {
        let (current, new) = (it.form.text("current")?, it.form.text("new")?);
        if new != it.form.text("again")? {
            return Err(wrong(
                "the new password and its repetition are not the same",
            ));
        }
        let change = (current.as_str(), new.as_str());
        let (client, id) = (&it.client, &it.request_id);
        door.app
            .login_with_new_password(it.visit, change, client, id)
            .await
    };
    let outcome = outcome.await;
    shown(&door, before, &it.browser, outcome).await
}

async fn code(State(door): State<Arc<Door>>, request: Request) -> Response {
    let it = match posted(&door, request).await {
        Ok(it) => it,
        Err(refused) => return refused,
    };
    let before = it.visit.clone();
    let outcome = async {
        let typed = it.form.text("user_code")?;
        door.app.find_device_login(it.visit, &typed).await
    };
    let outcome = outcome.await;
    shown(&door, before, &it.browser, outcome).await
}

async fn answer(State(door): State<Arc<Door>>, request: Request) -> Response {
    let it = match posted(&door, request).await {
        Ok(it) => it,
        Err(refused) => return refused,
    };
    let is_approved = match it.form.text("answer").as_deref() {
        Ok("approve") => true,
        Ok("deny") => false,
        _ => return page::failed(&wrong("`answer` is `approve` or `deny`")),
    };
    match door
        .app
        .answer_login(it.visit, is_approved, &it.request_id)
        .await
    {
        Ok(answered) => page::answered(answered),
        Err(error) => page::failed(&error),
    }
}

/// Checks that a browser may go to an issuer from this page.
pub(crate) fn may_leave(door: &Door, headers: &HeaderMap, visit: &str) -> Result<(), AppError> {
    let browser = remembered(headers).unwrap_or_default();
    door.app.open_login(visit, browser).map(drop)
}

/// A browser is back from an issuer.
pub(crate) async fn came_back(
    door: &Door,
    headers: &HeaderMap,
    (visit, arrived): (&str, OidcArrived),
    request_id: &str,
) -> Response {
    let browser = remembered(headers).unwrap_or_default();
    let visit = match door.app.open_login(visit, browser) {
        Ok(visit) => visit,
        Err(error) => return page::failed(&error),
    };
    let OidcArrived::Known(open) = arrived else {
        let words = "nobody here is linked to who you are there; sign in with a password, and link it, \
                     or ask for an invitation";
        return page::failed(&AppError::new(ErrorCode::Forbidden, words));
    };
    let before = visit.clone();
    let outcome = door.app.login_by_issuer(visit, &open, request_id).await;
    shown(door, before, browser, outcome).await
}
