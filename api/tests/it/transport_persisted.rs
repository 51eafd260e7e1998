//! Documents named by their hashes, over HTTP.

use aim_api::transport::{DocumentHash, TransportConfig, TrustedDocuments};
use axum::{Router, body::Body};
use http::{Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::toy::{app, config};

const TEXT: &str = "{ hello }";

async fn answer(app: &Router, request: Request<Body>) -> (StatusCode, Value) {
    let response = app.clone().oneshot(request).await.expect("infallible");
    let status = response.status();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    let body = serde_json::from_slice(&bytes.expect("body")).expect("JSON");
    (status, body)
}

async fn post(app: &Router, body: Value) -> (StatusCode, Value) {
    let request = Request::post("/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/graphql-response+json");
    answer(app, request.body(body.to_string().into()).expect("valid")).await
}

async fn get(app: &Router, query: &str) -> (StatusCode, Value) {
    let request = Request::get(format!("/graphql?{query}"));
    answer(app, request.body(Body::empty()).expect("valid")).await
}

fn extensions(text: &str) -> Value {
    let hash = DocumentHash::of(text).to_string();
    json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } })
}

fn code(body: &Value) -> Option<&str> {
    body["errors"][0]["extensions"]["code"].as_str()
}

fn hello() -> Value {
    json!({ "data": { "hello": "world" } })
}

/// The query string of an object, percent-encoded as far as it needs.
fn encoded(value: &Value) -> String {
    let text = value.to_string();
    text.replace('{', "%7B")
        .replace('}', "%7D")
        .replace('"', "%22")
}

#[tokio::test]
async fn a_document_is_sent_once_and_named_from_then_on() {
    let app = app(config());
    let (status, unknown) = post(&app, json!({ "extensions": extensions(TEXT) })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(code(&unknown), Some("PERSISTED_QUERY_NOT_FOUND"));
    // What Apollo's clients look for.
    assert_eq!(unknown["errors"][0]["message"], "PersistedQueryNotFound");
    let (_, first) = post(
        &app,
        json!({ "query": TEXT, "extensions": extensions(TEXT) }),
    )
    .await;
    assert_eq!(first, hello());
    let (_, named) = post(&app, json!({ "extensions": extensions(TEXT) })).await;
    assert_eq!(named, hello());
    let by_get = format!("extensions={}", encoded(&extensions(TEXT)));
    assert_eq!(get(&app, &by_get).await.1, hello());
    let by_id = format!("documentId=sha256:{}", DocumentHash::of(TEXT));
    assert_eq!(get(&app, &by_id).await.1, hello());
}

#[tokio::test]
async fn nobody_can_put_another_document_under_a_hash() {
    let app = app(config());
    let (status, body) = post(
        &app,
        json!({ "query": "{ who }", "extensions": extensions(TEXT) }),
    )
    .await;
    assert_eq!(
        (status, code(&body)),
        (StatusCode::BAD_REQUEST, Some("BAD_USER_INPUT"))
    );
    let (_, body) = post(&app, json!({ "extensions": extensions(TEXT) })).await;
    assert_eq!(code(&body), Some("PERSISTED_QUERY_NOT_FOUND"));
}

#[tokio::test]
async fn a_mutation_by_hash_does_not_run_over_get() {
    let app = app(config());
    let mutation = "mutation { set(value: 1) }";
    let (status, _) = post(
        &app,
        json!({ "query": mutation, "extensions": extensions(mutation) }),
    )
    .await;
    assert_eq!(status, StatusCode::OK);
    let by_get = format!("extensions={}", encoded(&extensions(mutation)));
    assert_eq!(get(&app, &by_get).await.0, StatusCode::METHOD_NOT_ALLOWED);
}

fn trusting(text: &str) -> TransportConfig {
    let file = json!({ DocumentHash::of(text).to_string(): text });
    let mut config = config();
    config.trusted_documents = Some(TrustedDocuments::parse(&file.to_string()).expect("valid"));
    config
}

#[tokio::test]
async fn only_trusted_documents_are_executed() {
    let app = app(trusting(TEXT));
    for body in [
        json!({ "query": TEXT }),
        json!({ "extensions": extensions(TEXT) }),
        json!({ "documentId": DocumentHash::of(TEXT).to_string() }),
    ] {
        assert_eq!(post(&app, body).await.1, hello());
    }
    for body in [
        json!({ "query": "{hello}" }),
        json!({ "query": "{ __schema { types { name } } }" }),
        json!({ "query": "{hello}", "extensions": extensions("{hello}") }),
        json!({ "query": "{hello}", "extensions": extensions(TEXT) }),
    ] {
        let (status, answer) = post(&app, body.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert!(
            matches!(code(&answer), Some("FORBIDDEN" | "BAD_USER_INPUT")),
            "{answer}"
        );
        assert!(answer.get("data").is_none(), "{answer}");
    }
}
