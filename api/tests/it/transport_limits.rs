//! Budgets, their header fields, and who may send a GET.

use aim_api::transport::RateLimits;
use axum::{Router, body::Body};
use http::{Method, Request, Response, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::toy::{app, config, limited};

async fn send(app: &Router, request: Request<Body>) -> Response<Body> {
    app.clone().oneshot(request).await.expect("infallible")
}

async fn code(response: Response<Body>) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    let body: Value = serde_json::from_slice(&bytes.expect("body")).expect("JSON");
    let code = body["errors"][0]["extensions"]["code"].as_str();
    code.unwrap_or("none").to_owned()
}

fn post(name: &str, query: &str) -> Request<Body> {
    let request = Request::post("/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {name}"));
    let body = json!({ "query": query }).to_string();
    request.body(body.into()).expect("valid")
}

fn get(fields: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get("/graphql?query=%7Bhello%7D");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).expect("valid")
}

const LIMITS: RateLimits = RateLimits {
    anonymous: 20,
    person: 30,
    agent: 10,
};

#[tokio::test]
async fn a_request_costs_what_it_can_ask_for() {
    for (query, points) in [
        ("{ hello }", 1),
        ("{ hello who }", 2),
        ("{ missing }", 1),
        ("mutation { set(value: 1) }", 5),
        ("mutation { set(value: 1) b: set(value: 2) }", 10),
        ("{ list(first: 1000) { id } }", 11),
    ] {
        let app = limited(config(), LIMITS);
        let response = send(&app, post("anna", query)).await;
        let headers = response.headers();
        assert_eq!(
            headers["ratelimit-policy"], "\"person\";q=30;w=60",
            "{query}"
        );
        let state = headers["ratelimit"].to_str().expect("ASCII");
        let left = format!("\"person\";r={};t=", 30 - points);
        assert!(state.starts_with(&left), "{query}: {state}");
    }
}

#[tokio::test]
async fn who_has_used_up_the_budget_is_told_when_to_come_back() {
    let app = limited(config(), LIMITS);
    for _ in 0..2 {
        let response = send(&app, post("a", "mutation { set(value: 1) }")).await;
        assert_eq!(response.status(), StatusCode::OK);
    }
    let refused = send(&app, post("a", "{ hello }")).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    // One point of ten a minute.
    assert_eq!(refused.headers()[header::RETRY_AFTER], "6");
    assert_eq!(code(refused).await, "RATE_LIMITED");
    // Nobody else is held up.
    for other in ["b", "anna"] {
        assert_eq!(
            send(&app, post(other, "{ hello }")).await.status(),
            StatusCode::OK
        );
    }
}

#[tokio::test]
async fn wrong_credentials_are_paid_for_by_the_address() {
    let app = limited(config(), LIMITS);
    for expected in [401, 401, 429, 429] {
        let response = send(&app, post("bad", "{ hello }")).await;
        assert_eq!(response.status().as_u16(), expected);
    }
    // Right ones from the same address are served.
    assert_eq!(
        send(&app, post("anna", "{ hello }")).await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn nobody_pays_more_for_mutations() {
    let app = limited(
        config(),
        RateLimits {
            anonymous: 24,
            ..LIMITS
        },
    );
    let refused = send(&app, post("anonymous", "mutation { set(value: 1) }")).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn no_limit_has_no_header_fields() {
    let off = RateLimits {
        anonymous: 0,
        person: 0,
        agent: 0,
    };
    let response = send(&limited(config(), off), post("anna", "{ hello }")).await;
    assert!(!response.headers().contains_key("ratelimit"));
}

#[tokio::test]
async fn event_streams_count_until_they_are_closed() {
    let mut config = config();
    config.streams_per_actor = 1;
    let app = app(config);
    let subscribe = || {
        let mut request = post("anna", "subscription { silence }");
        let accept = "text/event-stream".parse().expect("valid");
        request.headers_mut().insert(header::ACCEPT, accept);
        request
    };
    let first = send(&app, subscribe()).await;
    assert_eq!(first.status(), StatusCode::OK);
    let second = send(&app, subscribe()).await;
    assert_eq!(second.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(code(second).await, "RATE_LIMITED");
    drop(first);
    assert_eq!(send(&app, subscribe()).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_get_that_a_page_elsewhere_could_send_is_refused() {
    let strict = || {
        let mut config = config();
        config.strict_get = true;
        app(config)
    };
    let elsewhere = ("sec-fetch-site", "cross-site");
    for (name, app, fields, status) in [
        ("plain", app(config()), &[][..], 200),
        ("plain, strict", strict(), &[], 400),
        (
            "of a program, strict",
            strict(),
            &[("graphql-require-preflight", "1")],
            200,
        ),
        ("from a page elsewhere", app(config()), &[elsewhere], 403),
        (
            "with the field",
            strict(),
            &[elsewhere, ("graphql-require-preflight", "1")],
            403,
        ),
        (
            "from an own page",
            app(config()),
            &[("sec-fetch-site", "same-origin")],
            200,
        ),
    ] {
        let response = send(&app, get(fields)).await;
        assert_eq!(response.status().as_u16(), status, "{name}");
    }
}

#[tokio::test]
async fn pages_of_listed_origins_may_ask_and_read_the_budget() {
    let mut config = config();
    config.allowed_origins = vec!["https://app.example".parse().expect("valid")];
    let app = app(config);
    let preflight = |origin: &str| {
        Request::builder()
            .method(Method::OPTIONS)
            .uri("/graphql")
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type")
            .body(Body::empty())
            .expect("valid")
    };
    let allowed = send(&app, preflight("https://app.example")).await;
    let origin = &allowed.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN];
    assert_eq!(origin, "https://app.example");
    let foreign = send(&app, preflight("https://evil.example")).await;
    assert!(
        !foreign
            .headers()
            .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
    );
    let mut asked = post("anna", "{ hello }");
    let origin = "https://app.example".parse().expect("valid");
    asked.headers_mut().insert(header::ORIGIN, origin);
    let answer = send(&app, asked).await;
    let exposed = &answer.headers()[header::ACCESS_CONTROL_EXPOSE_HEADERS];
    assert_eq!(exposed, "ratelimit,ratelimit-policy,retry-after");
}
