//! A person at a terminal, while agents wait and alerts come.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use aim_tests::{AimConfig, wait_for};
use serde_json::{Value, json};

use crate::approvals::{ask_for, deletion};
use crate::cli::{Cli, Running};
use crate::fleet::{Agent, Owner, PASSWORD, now};

const PATIENCE: Duration = Duration::from_secs(60);
/// Attempts without a grant until a finding raises an alert.
const ATTEMPTS: usize = 5;

/// The lines of a command, once there are so many.
async fn lines(running: &Running, count: usize) -> Vec<String> {
    let enough = || async {
        let lines = running.lines()?;
        Ok((lines.len() >= count).then_some(lines))
    };
    let heard = wait_for("lines of a command", PATIENCE, enough).await;
    heard.unwrap_or_else(|error| panic!("{error}: {}", running.complaints().unwrap()))
}

/// What the waiting agent hears and gets, once a person has answered.
async fn presented(agent: &Agent, id: &str) -> Value {
    let asks = async |query: &str, variables: Value| {
        let body = json!({ "query": query, "variables": variables }).to_string();
        agent
            .post(&agent.sign(body.into_bytes(), now()))
            .await
            .unwrap()
            .body
    };
    let waits = "query($id: ID!) { awaitApproval(verificationId: $id, waitSeconds: 8) {
        approval { status } } }";
    let answered = || async {
        let answer = asks(waits, json!({ "id": id })).await;
        let status = answer["data"]["awaitApproval"]["approval"]["status"].clone();
        Ok((status != "PENDING").then_some(status))
    };
    let status = wait_for("an answer", PATIENCE, answered).await.unwrap();
    let mut input = deletion();
    input["verificationId"] = json!(id);
    let query = "mutation($input: PresentApprovalInput!) { presentApproval(input: $input) {
        verification { decision } userErrors { code } } }";
    let answer = asks(query, json!({ "input": input })).await;
    json!([
        status,
        answer["data"]["presentApproval"]["verification"]["decision"]
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_waits_until_a_person_answers_in_a_terminal() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("worker", &["db:delete"]).await.unwrap();
    let cli = Cli::signed_in(aim.base_url(), PASSWORD).await.unwrap();
    let watch = cli.start(&["approvals", "list", "--watch"]).unwrap();
    let header = lines(&watch, 3).await.len();

    let id = ask_for(&agent, &deletion()).await;
    assert!(lines(&watch, header + 1).await[header].contains("PENDING"));
    let waiting = cli.json(&["approvals", "list"]).await.unwrap();
    assert_eq!(waiting[0]["id"], json!(id), "{waiting}");
    assert_eq!(waiting[0]["agent"]["name"], "worker");
    let shown = cli.json(&["approvals", "show", &id]).await.unwrap();
    assert_eq!(
        shown["approval"]["arguments"],
        deletion()["arguments"],
        "{shown}"
    );

    let heard = tokio::spawn({
        let (agent, id) = (agent.clone(), id.clone());
        async move { presented(&agent, &id).await }
    });
    let words = ["approvals", "approve", &id, "--reason", "seen"];
    let approved = cli.json(&words).await.unwrap();
    assert_eq!(approved["approval"]["status"], "APPROVED", "{approved}");
    assert_eq!(heard.await.unwrap(), json!(["APPROVED", "ALLOWED"]));
    let seen = lines(&watch, header + 3).await;
    assert!(
        seen[header + 1].contains("APPROVED") && seen[header + 2].contains("USED"),
        "{seen:?}"
    );
    assert_eq!(
        cli.run(&words).await.unwrap().code,
        65,
        "a person answers once"
    );

    let id = ask_for(&agent, &deletion()).await;
    let rejected = cli
        .json(&["approvals", "reject", &id, "--reason", "not on a Friday"])
        .await;
    assert_eq!(rejected.unwrap()["approval"]["status"], "DENIED");
    let denied = presented(&agent, &id).await;
    assert_eq!(denied[0], "DENIED", "{denied}");
    assert_ne!(denied[1], "ALLOWED", "{denied}");
    let none = cli.json(&["approvals", "list"]).await.unwrap();
    assert_eq!(none, json!([]));
}

/// Tries what nobody granted until an alert is raised.
async fn misbehaves(owner: &Owner, name: &str) {
    let agent = owner.register(name, &[]).await.unwrap();
    for _ in 0..ATTEMPTS {
        let input = json!({ "action": "payments:transfer", "resource": "/bank" });
        agent.verify(input).await.unwrap();
    }
}

/// The agents of alerts that were printed as JSON lines.
fn agents(lines: &[String]) -> Vec<String> {
    let agent = |line: &String| {
        let alert: Value = serde_json::from_str(line).unwrap();
        alert["agent"]["name"].as_str().unwrap().to_owned()
    };
    lines.iter().map(agent).collect()
}

async fn alerts(cli: &Cli, count: usize) {
    let all = || async {
        let all = cli.json(&["alerts", "list"]).await?;
        Ok((all.as_array().is_some_and(|all| all.len() >= count)).then_some(()))
    };
    wait_for("alerts", PATIENCE, all).await.unwrap();
}

/// Waits until a tail says that it misses nothing from now on.
async fn listening(tail: &Running) {
    let says = || async { Ok(tail.complaints()?.contains("listening").then_some(())) };
    wait_for("a tail", PATIENCE, says).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_of_alerts_goes_on_over_restarts_of_the_server() {
    let mut aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let cli = Cli::signed_in(aim.base_url(), PASSWORD).await.unwrap();
    let begun = Cli::signed_in(aim.base_url(), PASSWORD).await.unwrap();
    misbehaves(&owner, "before").await;
    alerts(&cli, 1).await;
    let words = ["alerts", "tail", "--json"];
    let mut early = cli.start(&words).unwrap();
    listening(&early).await;
    misbehaves(&owner, "ant").await;
    assert_eq!(agents(&lines(&early, 1).await), ["ant"]);
    // This one has heard nothing yet, and so has no cursor, when the server dies.
    let late = begun.start(&words).unwrap();
    listening(&late).await;
    aim.restart().unwrap();
    misbehaves(&owner, "bee").await;
    assert_eq!(agents(&lines(&early, 2).await), ["ant", "bee"]);
    aim.restart().unwrap();
    misbehaves(&owner, "cat").await;
    assert_eq!(agents(&lines(&early, 3).await), ["ant", "bee", "cat"]);
    assert_eq!(agents(&lines(&late, 2).await), ["bee", "cat"]);
    assert!(early.complaints().unwrap().contains("going on"));
    assert!(early.is_running().unwrap());

    // From a cursor on, as often as one likes.
    let first: Value = serde_json::from_str(&early.lines().unwrap()[0]).unwrap();
    let cursor = first["cursor"].as_str().unwrap();
    let words = [
        "alerts", "tail", "--json", "--count", "2", "--after", cursor,
    ];
    let again = cli.run(&words).await.unwrap();
    assert_eq!(again.code, 0, "{again:?}");
    let again: Vec<String> = again.out.lines().map(str::to_owned).collect();
    assert_eq!(agents(&again), ["bee", "cat"]);

    let id = first["id"].as_str().unwrap();
    let taken = cli.json(&["alerts", "acknowledge", id]).await.unwrap();
    assert_eq!(taken["status"], "ACKNOWLEDGED", "{taken}");
    let words = ["alerts", "resolve", id, "--verdict", "true-positive"];
    assert_eq!(cli.json(&words).await.unwrap()["status"], "RESOLVED");
    let open = cli
        .json(&["alerts", "list", "--status", "open"])
        .await
        .unwrap();
    assert_eq!(open.as_array().unwrap().len(), 3, "{open}");
    let shown = cli
        .run(&["alerts", "show", id, "--output", "yaml"])
        .await
        .unwrap();
    assert!(shown.out.contains("verdict: TRUE_POSITIVE"), "{shown:?}");
}
