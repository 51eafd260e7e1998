//! Budgets of the real server: who uses up theirs holds up nobody else.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_tests::{AimConfig, AimProcess};
use reqwest::Response;
use serde_json::{Value, json};

use crate::agent_tokens::Bearer;
use crate::fleet::{Owner, key_of};

/// More than any budget of these tests, with what fills it again on a slow machine.
const MANY: usize = 1_000;

async fn post(aim: &AimProcess, query: &str, bearer: Option<&str>) -> Response {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = http.post(format!("{}/graphql", aim.base_url()));
    if let Some(token) = bearer {
        request = request.bearer_auth(token);
    }
    request
        .json(&json!({ "query": query }))
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_caller_without_credentials_has_a_budget_by_address() {
    let aim = AimConfig::new()
        .env("AIM_RATE_LIMIT_ANONYMOUS", "60")
        .start()
        .unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("reader", &["files:read"]).await.unwrap();
    // The one-time sign-in took 25 of 60.
    let mut refused = None;
    for _ in 0..MANY {
        let answer = post(&aim, "{ __typename }", None).await;
        assert_eq!(
            answer.headers()["ratelimit-policy"],
            "\"anonymous\";q=60;w=60"
        );
        if answer.status() != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("the budget ends");
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let body: Value = refused.json().await.unwrap();
    assert_eq!(
        body["errors"][0]["extensions"]["code"], "RATE_LIMITED",
        "{body}"
    );
    assert!(body.get("data").is_none(), "{body}");
    // Who is known goes on, from the same address.
    let person = post(&aim, "{ viewer { __typename } }", Some(&owner.token)).await;
    assert_eq!(person.status(), 200);
    assert!(
        person.headers()["ratelimit"]
            .to_str()
            .unwrap()
            .starts_with("\"person\";r=")
    );
    let decided = agent
        .verify(json!({ "action": "files:read" }))
        .await
        .unwrap();
    assert_eq!(decided.decision().0, "ALLOWED", "{}", decided.body);
}

#[tokio::test]
async fn an_agent_that_asks_too_much_holds_up_no_other() {
    let aim = AimConfig::new()
        .env("AIM_RATE_LIMIT_AGENT", "20")
        .start()
        .unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let greedy = owner.register("greedy", &["files:read"]).await.unwrap();
    let modest = owner.register("modest", &["files:read"]).await.unwrap();
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(
            greedy
                .verify(json!({ "action": "files:read" }))
                .await
                .unwrap(),
        );
    }
    let last = statuses.last().unwrap();
    assert_eq!(last.status, 429, "{}", last.body);
    // Fail closed: no decision at all, so nothing that could be taken for a yes.
    assert!(last.body.get("data").is_none(), "{}", last.body);
    let other = modest
        .verify(json!({ "action": "files:read" }))
        .await
        .unwrap();
    assert_eq!(other.decision().0, "ALLOWED", "{}", other.body);
}

/// Clients of OAuth know a JSON body with `error`, and wait as long as they are told.
#[tokio::test]
async fn an_empty_budget_is_told_as_oauth_tells_errors_where_tokens_are_given() {
    let aim = AimConfig::new()
        .env("AIM_RATE_LIMIT_AGENT", "5")
        .start()
        .unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("greedy", &["files:read"]).await.unwrap();
    let bearer = Bearer::of(&agent, key_of("ephemeral"));
    let mut refused = None;
    for _ in 0..MANY {
        let proof = bearer.proof("/v1/token", None);
        let form = "grant_type=client_credentials";
        let answer = bearer.request(&agent, form, &proof).await;
        if answer.status() != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("the budget ends");
    assert_eq!(refused.status(), 429);
    let headers = refused.headers().clone();
    let wait: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(headers["ratelimit-policy"], "\"agent\";q=5;w=60");
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["cache-control"], "no-store");
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["error"], "temporarily_unavailable", "{body}");
    assert!(body["error_description"].is_string(), "{body}");
    assert!(body.get("access_token").is_none(), "{body}");
}

/// Everybody may read a list of revoked certificates, and nobody as often as they like.
#[tokio::test]
async fn lists_of_revoked_certificates_are_charged_to_the_address() {
    let aim = AimConfig::new()
        .env("AIM_RATE_LIMIT_ANONYMOUS", "40")
        .start()
        .unwrap();
    let nobody = uuid::Uuid::nil();
    let url = format!("{}/v1/organizations/{nobody}/crl.der", aim.base_url());
    // One client, because a budget fills again while a slow machine makes one for every request.
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut answers = Vec::new();
    while answers.len() < MANY && answers.last() != Some(&429) {
        answers.push(http.get(&url).send().await.unwrap().status().as_u16());
    }
    assert_eq!(answers[0], 404);
    assert_eq!(answers.last(), Some(&429), "{}", answers.len());
}

#[tokio::test]
async fn only_documents_of_the_file_are_executed() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("documents.json");
    let trusted = "{ viewer { __typename } }";
    let hash = "sha256:".to_owned() + &sha256(trusted);
    std::fs::write(&file, json!({ hash.as_str(): trusted }).to_string()).unwrap();
    let aim = AimConfig::new().env("AIM_TRUSTED_DOCUMENTS", file.to_str().unwrap());
    let aim = aim.start().unwrap();
    let answer = post(&aim, trusted, None).await;
    assert_eq!(
        answer.json::<Value>().await.unwrap(),
        json!({ "data": { "viewer": null } })
    );
    let other: Value = post(&aim, "{ __typename }", None)
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(
        other["errors"][0]["extensions"]["code"], "FORBIDDEN",
        "{other}"
    );
    assert!(aim.log().contains(&sha256(trusted)), "the log has no hash");
    // A file that is wrong is found at the start.
    for (text, says) in [
        ("{}", "has 0 documents"),
        (
            r#"{"abc":"{ viewer { __typename } }"}"#,
            "names a document `abc`",
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        let broken = AimConfig::new().env("AIM_TRUSTED_DOCUMENTS", file.to_str().unwrap());
        let said = format!("{:#}", broken.start().unwrap_err());
        assert!(said.contains(says), "{said}");
    }
}

/// By a program of the system, so that the test does not believe the code that it tests.
fn sha256(text: &str) -> String {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut command = Command::new("sha256sum");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

#[test]
fn origins_that_are_none_end_the_start() {
    let said = AimConfig::new()
        .env("CORS_ORIGINS", "*")
        .start()
        .unwrap_err();
    assert!(
        format!("{said:#}").contains("origin `*` is none"),
        "{said:#}"
    );
}
