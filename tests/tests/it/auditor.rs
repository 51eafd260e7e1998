//! What the public auditor graphql-cop looks for, check by check, in production mode. The package of
//! that name in the public index is an empty placeholder, so each documented check is made here.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_tests::{AimConfig, AimProcess};
use reqwest::{Client, Response, Url};
use serde_json::{Value, json};

/// A server as strangers would meet it.
struct Target {
    aim: AimProcess,
    http: Client,
}

impl Target {
    fn new() -> Self {
        let aim = AimConfig::new().env("AIM_PRODUCTION", "true").start();
        let http = Client::builder().no_proxy().build();
        Self {
            aim: aim.unwrap(),
            http: http.unwrap(),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.aim.base_url())
    }

    async fn post(&self, body: &Value) -> Value {
        let request = self.http.post(self.url("/graphql")).json(body);
        request.send().await.unwrap().json().await.unwrap()
    }

    async fn query(&self, query: &str) -> Value {
        self.post(&json!({ "query": query })).await
    }

    fn with(&self, query: &str) -> Url {
        Url::parse_with_params(&self.url("/graphql"), &[("query", query)]).unwrap()
    }

    async fn get(&self, query: &str) -> Response {
        self.http.get(self.with(query)).send().await.unwrap()
    }

    /// Refused, and nothing was executed.
    async fn refuses(&self, query: &str) -> Value {
        let answer = self.query(query).await;
        assert!(answer.get("data").is_none(), "{query}: {answer}");
        assert!(answer["errors"][0]["message"].is_string(), "{answer}");
        answer
    }
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"]
        .as_str()
        .unwrap_or_default()
}

#[tokio::test]
async fn it_is_graphql_all_the_same() {
    let target = Target::new();
    let answer = target.query("query { __typename }").await;
    assert_eq!(answer, json!({ "data": { "__typename": "Query" } }));
}

#[tokio::test]
async fn introspection_is_off() {
    let target = Target::new();
    for query in [
        "query cop { __schema { types { name fields { name } } } }",
        "{ __type(name: \"Agent\") { fields { name } } }",
        "{ ...F } fragment F on Query { __schema { queryType { name } } }",
    ] {
        assert_eq!(code(&target.refuses(query).await), "FORBIDDEN", "{query}");
    }
}

#[tokio::test]
async fn there_is_no_ide() {
    let target = Target::new();
    for path in ["/graphiql", "/playground", "/console", "/graphql", "/"] {
        let request = target.http.get(target.url(path));
        let answer = request.header("accept", "text/html").send().await.unwrap();
        assert!(!answer.status().is_success(), "{path}");
        let text = answer.text().await.unwrap().to_lowercase();
        assert!(
            !text.contains("graphiql") && !text.contains("playground"),
            "{path}: {text}"
        );
    }
}

#[tokio::test]
async fn errors_suggest_no_names() {
    let target = Target::new();
    for query in [
        "query { __schema { directive } }",
        "{ agent }",
        "{ agentz { name } }",
        "{ agents(frist: 1) { totalCount } }",
        "{ agents(filter: { status: REVOKD }) { totalCount } }",
        "{ agents { nodes { naem } } }",
        "{ viewer { ... on Usr { email } } }",
        "{ __typename @skp(if: true) }",
    ] {
        let answer = target.refuses(query).await.to_string().to_lowercase();
        assert!(!answer.contains("did you mean"), "{query}: {answer}");
        for name in [
            "\"agents\"",
            "`agents`",
            "revoked",
            "`first`",
            "directives",
            "`name`",
        ] {
            assert!(!answer.contains(name), "{query}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_get_runs_no_query_that_a_page_elsewhere_could_send() {
    let target = Target::new();
    let answer = target.get("{__typename}").await;
    assert_eq!(answer.status(), 400);
    let answer: Value = answer.json().await.unwrap();
    assert!(answer.get("data").is_none(), "{answer}");
}

#[tokio::test]
async fn a_get_runs_no_mutation() {
    let target = Target::new();
    let mutation = "mutation cop { __typename }";
    assert!(!target.get(mutation).await.status().is_success());
    // Not even for a program.
    let request = target.http.get(target.with(mutation));
    let answer = request
        .header("graphql-require-preflight", "1")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 405);
    assert_eq!(answer.headers()["allow"], "POST");
}

#[tokio::test]
async fn a_form_is_no_request() {
    let target = Target::new();
    let form = "query=query+cop+%7B+__typename+%7D";
    for kind in [
        "application/x-www-form-urlencoded",
        "text/plain",
        "multipart/form-data; boundary=x",
    ] {
        let request = target
            .http
            .post(target.url("/graphql"))
            .header("content-type", kind);
        let answer = request.body(form).send().await.unwrap();
        assert_eq!(answer.status(), 415, "{kind}");
    }
}

#[tokio::test]
async fn aliases_cannot_be_piled_up() {
    let target = Target::new();
    let aliases: String = (0..101).map(|i| format!("alias{i}: __typename ")).collect();
    let answer = target.refuses(&format!("query cop {{ {aliases} }}")).await;
    assert_eq!(code(&answer), "QUERY_TOO_COMPLEX");
}

#[tokio::test]
async fn requests_cannot_be_batched() {
    let target = Target::new();
    let one = json!({ "query": "query cop { __typename }" });
    let answer = target.post(&json!(vec![one; 10])).await;
    assert!(!answer.is_array(), "{answer}");
    assert_eq!(code(&answer), "BAD_USER_INPUT");
}

#[tokio::test]
async fn directives_cannot_be_piled_up() {
    let target = Target::new();
    for count in [10, 100] {
        let query = format!("query {{ __typename {} }}", "@aa".repeat(count));
        let answer = target.refuses(&query).await;
        assert!(answer["errors"].as_array().unwrap().len() < 10, "{answer}");
    }
}

#[tokio::test]
async fn introspection_cannot_go_in_circles() {
    // Also where introspection is on.
    let aim = AimConfig::new().start().unwrap();
    let fields = "fields { type { ".repeat(4);
    let query = format!(
        "{{ __schema {{ types {{ {fields} name {} }} }}",
        "} } ".repeat(4)
    );
    let answer = aim
        .graphql(&format!("{query} }}"), json!({}), None)
        .await
        .unwrap();
    assert_eq!(code(&answer), "QUERY_TOO_COMPLEX", "{answer}");
    assert!(answer.get("data").is_none());
}

#[tokio::test]
async fn fragments_cannot_go_in_circles() {
    let target = Target::new();
    let fragments = "fragment A on Query { __typename ...B } fragment B on Query { ...A }";
    target.refuses(&format!("{{ ...A }} {fragments}")).await;
}

#[tokio::test]
async fn fields_cannot_be_repeated() {
    let target = Target::new();
    let query = format!("query cop {{ {} }}", "__typename \n".repeat(500));
    assert_eq!(code(&target.refuses(&query).await), "QUERY_TOO_COMPLEX");
}

#[tokio::test]
async fn answers_hold_no_traces() {
    let target = Target::new();
    for query in [
        "query cop { __typename }",
        "{ agents(first: -1) { totalCount } }",
        "{",
    ] {
        let answer = target.query(query).await;
        assert!(answer.get("extensions").is_none(), "{answer}");
        let text = answer.to_string().to_lowercase();
        for word in ["tracing", "stacktrace", "exception", ".rs:"] {
            assert!(!text.contains(word), "{text}");
        }
    }
}

#[tokio::test]
async fn errors_are_handled() {
    let target = Target::new();
    let answer = target.refuses("qwerty cop { abc }").await;
    assert_eq!(code(&answer), "BAD_USER_INPUT");
    let keys: Vec<_> = answer["errors"][0]["extensions"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(keys, ["code"], "{answer}");
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let target = Target::new();
    for path in [
        "/graphql",
        "/health/live",
        "/v1/events",
        "/metrics",
        "/nowhere",
    ] {
        let answer = target.http.get(target.url(path)).send().await.unwrap();
        let headers = answer.headers();
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("strict-transport-security", "max-age=31536000"),
        ] {
            assert_eq!(headers[name], value, "{path}");
        }
        assert!(headers.contains_key("content-security-policy"), "{path}");
        assert!(!headers.contains_key("server"), "{path}");
    }
}
