//! The public GraphQL audits and clients as a signed-in person, with a subscription of the
//! product's own.

#![expect(
    clippy::print_stdout,
    reason = "the sums of the audits are read from the output"
)]

use aim_tests::{AimConfig, run_script};
use serde_json::{Value, json};

use crate::fleet::Owner;

const SUBSCRIPTION: &str = "subscription { alertRaised { cursor } }";

/// Runs a script against a fresh server as its administrator; what it sums up.
async fn check(script: &'static str, with: fn(&Owner) -> Vec<String>) -> anyhow::Result<Value> {
    let aim = AimConfig::new().start()?;
    let owner = Owner::of(&aim).await?;
    let mut arguments = vec![format!("{}/graphql", owner.url)];
    arguments.extend(with(&owner));
    let output = tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run_script(script, &arguments)
    })
    .await??;
    anyhow::ensure!(output.code == 0, "{}{}", output.stdout, output.stderr);
    let last = output.stdout.lines().last().unwrap_or_default();
    println!("{script}: {last}");
    Ok(serde_json::from_str(last)?)
}

fn credentials(owner: &Owner) -> String {
    json!({ "authorization": format!("Bearer {}", owner.token) }).to_string()
}

fn with_subscription(owner: &Owner) -> Vec<String> {
    vec![SUBSCRIPTION.to_owned(), credentials(owner)]
}

#[tokio::test]
async fn all_61_audits_of_graphql_over_http_pass_for_a_person() {
    let summary = check("graphql_http_audit.mjs", |owner| vec![credentials(owner)]).await;
    assert_eq!(summary.unwrap(), json!({ "ok": 61, "total": 61 }));
}

#[tokio::test]
async fn subscriptions_over_websocket_keep_the_protocol() {
    let summary = check("graphql_ws_conformance.mjs", with_subscription)
        .await
        .unwrap();
    assert_eq!(summary["ok"], summary["total"], "{summary}");
}

#[tokio::test]
async fn subscriptions_over_event_streams_keep_the_protocol() {
    let summary = check("graphql_sse_conformance.mjs", with_subscription)
        .await
        .unwrap();
    assert_eq!(summary["ok"], summary["total"], "{summary}");
}
