//! Server-sent events in "distinct connections mode".

use std::time::Duration;

use aim_api::transport::TransportConfig;
use axum::body::{Body, BodyDataStream};
use futures::StreamExt;
use http::{Request, StatusCode, header};
use tower::ServiceExt;

use crate::toy::{app, config};

async fn open(config: TransportConfig, query: &str, token: Option<&str>) -> BodyDataStream {
    let mut request = Request::post("/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "text/event-stream")
        .body(Body::from(
            serde_json::json!({ "query": query }).to_string(),
        ))
        .expect("valid");
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().expect("valid");
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    let response = app(config).oneshot(request).await.expect("infallible");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "text/event-stream; charset=utf-8"
    );
    response.into_body().into_data_stream()
}

async fn all(config: TransportConfig, query: &str, token: Option<&str>) -> String {
    let mut text = String::new();
    let mut chunks = open(config, query, token).await;
    while let Some(chunk) = chunks.next().await {
        text.push_str(std::str::from_utf8(&chunk.expect("read")).expect("text"));
    }
    text
}

#[tokio::test]
async fn each_operation_is_a_stream_that_completes() {
    for (query, expected) in [
        (
            "subscription { ticks(count: 2) }",
            "event: next\ndata: {\"data\":{\"ticks\":0}}\n\n\
             event: next\ndata: {\"data\":{\"ticks\":1}}\n\n\
             event: complete\ndata:\n\n",
        ),
        (
            "{ hello }",
            "event: next\ndata: {\"data\":{\"hello\":\"world\"}}\n\nevent: complete\ndata:\n\n",
        ),
        (
            "mutation { set(value: 7) }",
            "event: next\ndata: {\"data\":{\"set\":7}}\n\nevent: complete\ndata:\n\n",
        ),
    ] {
        assert_eq!(all(config(), query, None).await, expected, "{query}");
    }
}

#[tokio::test]
async fn failures_end_the_stream() {
    for (query, events, code) in [
        ("{ missing }", 1, "BAD_USER_INPUT"),
        ("subscription { broken }", 1, "INTERNAL"),
        ("subscription { lags }", 2, "SUBSCRIPTION_LAGGED"),
    ] {
        let text = all(config(), query, None).await;
        assert_eq!(text.matches("event: next\n").count(), events, "{text}");
        assert!(text.contains(&format!("\"code\":\"{code}\"")), "{text}");
        assert!(!text.contains("\"data\":null"), "{text}");
        assert!(text.ends_with("event: complete\ndata:\n\n"), "{text}");
    }
}

#[tokio::test]
async fn silence_is_filled_with_comments() {
    let mut config = config();
    config.timing.keep_alive = Duration::from_millis(5);
    let mut chunks = open(config, "subscription { silence }", None).await;
    for _ in 0..2 {
        assert_eq!(chunks.next().await.expect("open").expect("read"), ":\n\n");
    }
}

#[tokio::test]
async fn streams_end_with_the_session() {
    let text = all(config(), "subscription { silence }", Some("brief")).await;
    assert!(text.contains("UNAUTHENTICATED") && text.ends_with("event: complete\ndata:\n\n"));
}
