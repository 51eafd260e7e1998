//! GraphQL over HTTP: statuses, bodies and limits, case by case.

use std::time::{Duration, Instant};

use axum::{Router, body::Body};
use http::{Method, Request, Response, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::toy::{app, config};

const GRAPHQL: &str = "application/graphql-response+json";
const JSON: &str = "application/json";

async fn send(app: &Router, request: Request<Body>) -> Response<Body> {
    app.clone().oneshot(request).await.expect("infallible")
}

async fn json_of(response: Response<Body>) -> Value {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .expect("body");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn post(accept: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post("/graphql")
        .header(header::CONTENT_TYPE, JSON)
        .header(header::ACCEPT, accept)
        .body(body.into())
        .expect("valid")
}

async fn query(accept: &str, query: &str) -> (StatusCode, Value) {
    let response = send(
        &app(config()),
        post(accept, json!({ "query": query }).to_string()),
    )
    .await;
    (response.status(), json_of(response).await)
}

fn code(body: &Value) -> &str {
    body["errors"][0]["extensions"]["code"]
        .as_str()
        .unwrap_or("none")
}

#[tokio::test]
async fn requests_that_are_not_graphql() {
    let app = app(config());
    let get = |uri: &str| Request::get(uri).body(Body::empty()).expect("valid");
    let with = |method: Method, name: header::HeaderName, value: &str| {
        let mut request = post("*/*", r#"{"query":"{hello}"}"#);
        *request.method_mut() = method;
        request
            .headers_mut()
            .insert(name, value.parse().expect("valid"));
        request
    };
    let deep = format!(
        r#"{{"query":"{{hello}}","variables":{}}}"#,
        "{\"a\":".repeat(40)
    );
    for (name, request, status) in [
        ("PUT", with(Method::PUT, header::ACCEPT, "*/*"), 405),
        (
            "HTML only",
            with(Method::POST, header::ACCEPT, "text/html"),
            406,
        ),
        (
            "form",
            with(
                Method::POST,
                header::CONTENT_TYPE,
                "application/x-www-form-urlencoded",
            ),
            415,
        ),
        (
            "text",
            with(Method::POST, header::CONTENT_TYPE, "text/plain"),
            415,
        ),
        (
            "gzip",
            with(Method::POST, header::CONTENT_ENCODING, "gzip"),
            415,
        ),
        ("large", post("*/*", vec![b' '; 256 * 1024 + 1]), 413),
        ("deep", post("*/*", deep), 400),
        ("batch", post("*/*", r#"[{"query":"{hello}"}]"#), 400),
        ("broken", post("*/*", "{"), 400),
        ("no query", get("/graphql"), 400),
        (
            "mutation by GET",
            get("/graphql?query=mutation%7Bset(value:1)%7D"),
            405,
        ),
        (
            "bad variables",
            get("/graphql?query=%7Bhello%7D&variables=%5B%5D"),
            400,
        ),
    ] {
        let response = send(&app, request).await;
        assert_eq!(response.status().as_u16(), status, "{name}");
        assert_eq!(
            response.headers()[header::X_CONTENT_TYPE_OPTIONS],
            "nosniff",
            "{name}"
        );
        let allow = response.headers().contains_key(header::ALLOW);
        assert_eq!(allow, status == 405, "{name}");
        let body = json_of(response).await;
        assert_eq!(code(&body), "BAD_USER_INPUT", "{name}: {body}");
        assert!(body.get("data").is_none(), "{name}: {body}");
    }
}

#[tokio::test]
async fn request_errors_have_no_data() {
    for text in [
        "{",
        "{ missing }",
        "query($v: Int!) { list(first: $v) { id } }",
        "mutation($v: Int!) { set(value: 1) b: set(value: $v) }",
        "subscription { ticks }",
    ] {
        let (status, body) = query(GRAPHQL, text).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{text}");
        assert!(body.get("data").is_none(), "{text}: {body}");
        assert_eq!(code(&body), "BAD_USER_INPUT", "{text}: {body}");
    }
    let (status, _) = query(JSON, "{ missing }").await;
    assert_eq!(
        status,
        StatusCode::OK,
        "well-formed requests answer 200 with application/json"
    );
}

#[tokio::test]
async fn results_keep_public_errors_and_hide_others() {
    let (status, body) = query(GRAPHQL, "{ hello secret forbidden }").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        body["data"],
        json!({ "hello": "world", "secret": null, "forbidden": null })
    );
    let mut told: Vec<_> = body["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| {
            (
                error["message"].as_str(),
                error["extensions"]["code"].as_str(),
            )
        })
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            (Some("internal error"), Some("INTERNAL")),
            (Some("not yours"), Some("FORBIDDEN"))
        ]
    );
}

#[tokio::test]
async fn malformed_scalars_are_the_clients_fault() {
    let (_, body) = query(GRAPHQL, r#"{ at(time: "yesterday") }"#).await;
    assert_eq!(code(&body), "BAD_USER_INPUT", "{body}");
}

#[tokio::test]
async fn panics_and_endless_resolvers_are_contained() {
    let (status, body) = query(GRAPHQL, "{ panics }").await;
    assert_eq!(
        (status, code(&body)),
        (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL")
    );

    let mut config = config();
    config.timing.execution = Duration::from_millis(20);
    let response = send(&app(config), post(GRAPHQL, r#"{"query":"{slow}"}"#)).await;
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(code(&json_of(response).await), "TIMEOUT");
}

#[tokio::test]
async fn actors_come_from_the_authenticator() {
    let app = app(config());
    let body = r#"{"query":"{who}"}"#;
    let with = |name: &'static str| {
        let mut request = post(GRAPHQL, body);
        let headers = request.headers_mut();
        headers.insert(
            header::AUTHORIZATION,
            format!("Bearer {name}").parse().expect("valid"),
        );
        headers.insert("x-expect-length", body.len().into());
        request
    };
    let response = send(&app, post(GRAPHQL, body)).await;
    assert_eq!(json_of(response).await["data"]["who"], "anonymous");
    let response = send(&app, with("mia")).await;
    assert_eq!(json_of(response).await["data"]["who"], "mia");

    let response = send(&app, with("bad")).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
    assert_eq!(code(&json_of(response).await), "UNAUTHENTICATED");

    let response = send(&app, with("down")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        json_of(response).await["errors"][0]["message"],
        "internal error"
    );
}

#[tokio::test]
async fn bombs_are_refused_over_http() {
    let mut fragments = String::from("{list{...f0}}");
    for i in 0..16 {
        fragments.push_str(&format!("fragment f{i} on Node{{...f{0} ...f{0}}}", i + 1));
    }
    fragments.push_str("fragment f16 on Node{id}");
    let aliases: String = (0..60).map(|i| format!("a{i}:hello ")).collect();
    let app = app(config());
    for (name, text) in [
        ("fragments", fragments),
        ("aliases", format!("{{{aliases}}}")),
        (
            "depth",
            format!("{}{{id}}{}", "{list".repeat(60), "}".repeat(60)),
        ),
        (
            "directives",
            format!("{{hello {}}}", "@skip(if:false)".repeat(51)),
        ),
        ("tokens", format!("{{{}}}", "hello ".repeat(1100))),
        ("rows", "{list(first:10001){id}}".to_owned()),
    ] {
        let started = Instant::now();
        let body = json!({ "query": text }).to_string();
        let response = send(&app, post(GRAPHQL, body)).await;
        let took = started.elapsed();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{name}");
        let body = json_of(response).await;
        assert_eq!(code(&body), "QUERY_TOO_COMPLEX", "{name}: {body}");
        // The promise is 10 ms for an optimized build on an idle machine.
        assert!(took < Duration::from_millis(100), "{name} took {took:?}");
    }
}

#[tokio::test]
async fn introspection_and_graphiql_are_off_in_production() {
    let mut production = config();
    production.introspection = false;
    production.graphiql = false;
    let app = app(production);
    let response = send(
        &app,
        post(GRAPHQL, r#"{"query":"{__schema{types{name}}}"}"#),
    )
    .await;
    assert_eq!(code(&json_of(response).await), "FORBIDDEN");
    let page = Request::get("/graphiql")
        .body(Body::empty())
        .expect("valid");
    assert_eq!(send(&app, page).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn graphiql_comes_from_this_host_only() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("graphiql-3.0.0.min.js"), "// GraphiQL").expect("a file");
    let mut config = config();
    config.graphiql_dir = Some(folder.path().to_owned());
    let app = app(config);
    for (path, status, cache) in [
        ("/graphiql", 200, "no-cache"),
        ("/graphiql/page.js", 200, "public, max-age=3600"),
        (
            "/graphiql/graphiql-3.0.0.min.js",
            200,
            "public, max-age=31536000, immutable",
        ),
        ("/graphiql/..%2f..%2fCargo.toml", 404, "no-store"),
    ] {
        let request = Request::get(path).body(Body::empty()).expect("valid");
        let response = send(&app, request).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        assert_eq!(response.headers()[header::CACHE_CONTROL], cache, "{path}");
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .expect("text");
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
    }
}

#[tokio::test]
async fn foreign_origins_need_the_allow_list() {
    let origin = "https://app.example";
    let preflight = || {
        Request::options("/graphql")
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type")
            .body(Body::empty())
            .expect("valid")
    };
    let response = send(&app(config()), preflight()).await;
    assert!(
        !response
            .headers()
            .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
    );
    let mut listed = config();
    listed.allowed_origins.push(origin.parse().expect("valid"));
    let response = send(&app(listed), preflight()).await;
    assert_eq!(
        response.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN],
        origin
    );
}
