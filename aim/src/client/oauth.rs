//! Sign-ins that a person answers in a browser: here (RFC 8252, PKCE) or anywhere (RFC 8628).

use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rand::RngExt;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use aim_domain::login::{ANSWER_LIFE, CALLBACK_PATH, CLIENT_ID, POLL_INTERVAL, challenge_of};

use super::session::Tokens;
use super::text;
use crate::failure::{Failure, Kind};
use crate::out;

/// How long an answer of the server may take.
const ANSWER: Duration = Duration::from_secs(30);
/// How long the browser may take to read its last page.
const LAST_PAGE: Duration = Duration::from_secs(2);
const CODE: &str = "authorization_code";
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// What a browser is told that comes back.
const PAGE_HEADERS: [(header::HeaderName, &str); 4] = [
    (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
];

/// A secret of 256 bits, in letters.
fn secret() -> String {
    let mut rng = rand::rng();
    let mut letter = || char::from(b"0123456789abcdef"[rng.random_range(0..16)]);
    (0..64).map(|_| letter()).collect()
}

/// What this machine is called, for the person to recognise.
fn device() -> String {
    let name = hostname::get().unwrap_or_default();
    name.to_string_lossy().chars().take(64).collect()
}

/// Where the server has something, by its metadata (RFC 8414).
async fn endpoint(http: &reqwest::Client, url: &str, name: &str) -> anyhow::Result<String> {
    let metadata = format!("{url}/.well-known/oauth-authorization-server");
    let answer = http.get(metadata).timeout(ANSWER).send().await?;
    let answer: Value = answer.json().await.unwrap_or_default();
    let found = text(&answer, &format!("/{name}"));
    let found = found.filter(|it| it.starts_with("http://") || it.starts_with("https://"));
    found.with_context(|| {
        format!("{url} knows no sign-in by browser: sign in here, with `aim login --prompt`")
    })
}

/// Asks the token endpoint; the session, or the error's name and words.
async fn redeem(
    http: &reqwest::Client,
    url: &str,
    form: &[(&str, &str)],
) -> anyhow::Result<Result<Tokens, (String, String)>> {
    let answer = http.post(format!("{url}/v1/token")).timeout(ANSWER);
    let answer: Value = sent(answer, form).await?;
    if answer.get("access_token").is_some() {
        return Ok(Ok(Tokens::granted(&answer)?));
    }
    let error = text(&answer, "/error").with_context(|| format!("{url} answered no token"))?;
    Ok(Err((
        error,
        text(&answer, "/error_description").unwrap_or_default(),
    )))
}

async fn sent(request: reqwest::RequestBuilder, form: &[(&str, &str)]) -> anyhow::Result<Value> {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let request = request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body);
    Ok(request.send().await?.json().await.unwrap_or_default())
}

fn failed((code, words): &(String, String)) -> anyhow::Error {
    let kind = match code.as_str() {
        "access_denied" | "invalid_grant" | "expired_token" => Kind::Denied,
        "temporarily_unavailable" => Kind::Busy,
        "server_error" => Kind::Unavailable,
        _ => Kind::Other,
    };
    let remedy = match code.as_str() {
        "access_denied" => "the login was denied in the browser; `aim login` asks again",
        "expired_token" => "nobody answered in time: run `aim login` again",
        "invalid_grant" => "the code of the login was not good: run `aim login` again",
        _ => words,
    };
    Failure::here(kind, format!("signing in: {remedy} ({code})")).into()
}

/// What a browser brought back.
type Brought = Result<String, (String, String)>;

#[derive(Clone)]
struct Listening {
    state: String,
    brought: mpsc::Sender<Brought>,
}

/// Takes the browser back. Whoever does not know our `state` is turned away, and the wait goes on.
async fn came_back(State(it): State<Listening>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let one = |name: &str| {
        let mut found = pairs.iter().filter(|(key, _)| key == name);
        found
            .next()
            .map(|(_, value)| value.clone())
            .filter(|_| found.next().is_none())
    };
    // Hashes take the same time to compare whatever differs between what they are of.
    if challenge_of(&one("state").unwrap_or_default()) != challenge_of(&it.state) {
        let words = "This is not the login that this terminal waits for.";
        return (StatusCode::BAD_REQUEST, PAGE_HEADERS, words).into_response();
    }
    let brought = match (one("code"), one("error")) {
        (Some(code), None) => Ok(code),
        (_, error) => Err((error.unwrap_or_default(), String::new())),
    };
    let words = match &brought {
        Ok(_) => "Back in your terminal. This page can be closed.",
        Err(_) => "Not signed in. This page can be closed.",
    };
    let _ = it.brought.try_send(brought);
    (PAGE_HEADERS, words).into_response()
}

fn late() -> anyhow::Error {
    failed(&("expired_token".to_owned(), String::new()))
}

/// Signs in with a browser of this machine.
pub(crate) async fn by_browser(http: &reqwest::Client, url: &str) -> anyhow::Result<Tokens> {
    let page = endpoint(http, url, "authorization_endpoint").await?;
    let listener = match TcpListener::bind("127.0.0.1:0").await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind("[::1]:0")
            .await
            .context("no loopback address is free")?,
    };
    let redirect = format!("http://{}{CALLBACK_PATH}", listener.local_addr()?);
    let (verifier, state) = (secret(), secret());
    let mut to = reqwest::Url::parse(&page)?;
    to.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", CLIENT_ID)
        .append_pair("redirect_uri", &redirect)
        .append_pair("code_challenge", &challenge_of(&verifier))
        .append_pair("code_challenge_method", "S256")
        .append_pair("state", &state)
        .append_pair("device", &device());
    let brought = brought(listener, state, async {
        out::note(format!(
            "Answer in the browser. If none opens, open this:\n\n  {to}\n"
        ));
        open(to.to_string());
    });
    let code = brought.await?.map_err(|error| failed(&error))?;
    let form = [
        ("grant_type", CODE),
        ("client_id", CLIENT_ID),
        ("code", &code),
        ("code_verifier", &verifier),
        ("redirect_uri", &redirect),
    ];
    redeem(http, url, &form)
        .await?
        .map_err(|error| failed(&error))
}

/// Listens while somebody is shown the way, until a browser comes back from there.
async fn brought(
    listener: TcpListener,
    state: String,
    shown: impl Future<Output = ()>,
) -> anyhow::Result<Brought> {
    let (brought, mut waits) = mpsc::channel(1);
    let routes = Router::new().route(CALLBACK_PATH, get(came_back));
    let routes = routes.with_state(Listening { state, brought });
    let (stop, stopped) = oneshot::channel::<()>();
    let server = axum::serve(listener, routes).with_graceful_shutdown(async {
        let _ = stopped.await;
    });
    let server = tokio::spawn(server.into_future());
    shown.await;
    let came = tokio::time::timeout(ANSWER_LIFE.to_std()?, waits.recv()).await;
    drop(stop);
    let _ = tokio::time::timeout(LAST_PAGE, server).await;
    came.map_err(|_| late())?.ok_or_else(late)
}

/// Opens a page, if there is something to open it with; some of what opens pages takes its time.
fn open(page: String) {
    std::thread::spawn(move || {
        let mut options = webbrowser::BrowserOptions::new();
        options.with_suppress_output(true);
        let browser = webbrowser::Browser::Default;
        if webbrowser::open_browser_with_options(browser, &page, &options).is_err() {
            out::note("No browser was found here.");
        }
    });
}

/// Signs in with a browser somewhere else.
pub(crate) async fn by_device(http: &reqwest::Client, url: &str) -> anyhow::Result<Tokens> {
    let begin = endpoint(http, url, "device_authorization_endpoint").await?;
    let device = device();
    let request = http.post(begin).timeout(ANSWER);
    let begun = sent(request, &[("client_id", CLIENT_ID), ("device", &device)]).await?;
    if let Some(error) = text(&begun, "/error") {
        let words = text(&begun, "/error_description").unwrap_or_default();
        return Err(failed(&(error, words)));
    }
    let part = |name: &str| text(&begun, &format!("/{name}")).context("no codes came");
    let (code, shown) = (part("device_code")?, part("user_code")?);
    let page = part("verification_uri")?;
    out::note(format!(
        "Open this in a browser, on any machine:\n\n  {page}\n\nand enter the code {shown}"
    ));
    let step = POLL_INTERVAL.to_std()?;
    let seconds = begun["interval"].as_u64().map(|it| it.clamp(1, 60));
    let mut interval = seconds.map_or(step, Duration::from_secs);
    let end = Instant::now() + ANSWER_LIFE.to_std()?;
    let form = [
        ("grant_type", DEVICE_CODE),
        ("client_id", CLIENT_ID),
        ("device_code", &code),
    ];
    loop {
        if Instant::now() + interval > end {
            return Err(late());
        }
        tokio::time::sleep(interval).await;
        let error = match redeem(http, url, &form).await {
            Ok(Ok(tokens)) => return Ok(tokens),
            Ok(Err(error)) => error,
            // A server that starts anew, or a network that is away (RFC 8628, section 3.5).
            Err(_) => {
                interval += step;
                continue;
            }
        };
        match error.0.as_str() {
            "authorization_pending" => {}
            "slow_down" | "temporarily_unavailable" => interval += step,
            _ => return Err(failed(&error)),
        }
    }
}
