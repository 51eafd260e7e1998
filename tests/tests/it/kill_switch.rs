//! The kill switch: at once, on every node, over a restart, until a person releases it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use aim_tests::{AimConfig, Postgres, wait_for};
use serde_json::{Value, json};

use crate::fleet::{Agent, Owner, text};

const PATIENCE: Duration = Duration::from_secs(30);
/// How soon every node has to know.
const SOON: Duration = Duration::from_secs(1);
const ALLOWED: &str = "ALLOWED CAPABILITY_GRANTED";

async fn asks(agent: &Agent) -> String {
    let input = json!({ "action": "files:read", "resource": "/data" });
    let answer = agent.verify(input).await.unwrap();
    let (decision, reasons) = answer.decision();
    format!("{decision} {}", reasons.join(" "))
}

/// Does `name` to an agent, or to the whole organization.
async fn changes(owner: &Owner, name: &str, agent: Option<&Agent>) -> Value {
    let (first, rest) = name.split_at(1);
    let (what, object) = match agent {
        Some(_) => ("agent", "status"),
        None => ("organization", "name"),
    };
    let query = format!(
        "mutation($input: {}{rest}Input!) {{ {name}(input: $input) {{
            {what} {{ {object} killSwitch {{ reason engagedBy engagedAt }} }}
            userErrors {{ code field }} }} }}",
        first.to_uppercase()
    );
    let mut input = json!({ "reason": format!("because of {name}") });
    if let Some(agent) = agent {
        input["agentId"] = json!(agent.id);
    }
    let mut answer = owner.ask(&query, json!({ "input": input })).await.unwrap();
    let mut said = answer[name].take();
    assert_eq!(said["userErrors"], json!([]), "{said}");
    said[what]["killSwitch"].take()
}

async fn audited(owner: &Owner) -> Vec<String> {
    let query = "{ auditEntries(first: 100) { nodes { action } } }";
    let answer = owner.ask(query, json!({})).await.unwrap();
    let entries = answer["auditEntries"]["nodes"].as_array().unwrap().iter();
    let mut actions: Vec<_> = entries
        .map(|entry| entry["action"].as_str().unwrap().to_owned())
        .filter(|action| action.contains("kill") || action.contains("release"))
        .collect();
    actions.reverse();
    actions
}

#[tokio::test(flavor = "multi_thread")]
async fn it_reaches_the_other_nodes_within_a_second_and_lasts() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    let first = AimConfig::new().database(&url).start().unwrap();
    let owner = Owner::of(&first).await.unwrap();
    let agent = owner.register("reader", &["files:read"]).await.unwrap();
    let other = owner.register("other", &["files:read"]).await.unwrap();
    let mut second = AimConfig::new().database(&url).role("api").start().unwrap();
    let on = |node: &str, agent: &Agent| Agent {
        url: node.to_owned(),
        ..agent.clone()
    };
    let there = second.base_url().to_owned();
    for agent in [&agent, &other] {
        assert_eq!(asks(agent).await, ALLOWED);
        assert_eq!(asks(&on(&there, agent)).await, ALLOWED);
    }
    let heard = async |agent: &Agent, wanted: &str| {
        let began = Instant::now();
        let elsewhere = on(&there, agent);
        let same = || async { Ok((asks(&elsewhere).await == wanted).then_some(())) };
        wait_for("the other node to hear of it", PATIENCE, same)
            .await
            .unwrap();
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    };

    changes(&owner, "killAgent", Some(&agent)).await;
    assert_eq!(asks(&agent).await, "DENIED AGENT_KILLED");
    heard(&agent, "DENIED AGENT_KILLED").await;
    assert_eq!(asks(&on(&there, &other)).await, ALLOWED);

    changes(&owner, "engageKillSwitch", None).await;
    for agent in [&agent, &other] {
        assert_eq!(asks(agent).await, "DENIED ORGANIZATION_KILLED");
        heard(agent, "DENIED ORGANIZATION_KILLED").await;
    }

    // A node that starts later knows as well.
    second.stop().unwrap();
    let third = AimConfig::new().database(&url).role("api").start().unwrap();
    let third = third.base_url();
    assert_eq!(asks(&on(third, &other)).await, "DENIED ORGANIZATION_KILLED");

    changes(&owner, "releaseKillSwitch", None).await;
    assert_eq!(asks(&other).await, ALLOWED);
    assert_eq!(
        asks(&agent).await,
        "DENIED AGENT_KILLED",
        "each has its own switch"
    );
}

#[tokio::test]
async fn only_a_person_releases_it_and_it_leaves_no_way_round() {
    let mut aim = AimConfig::new().start().unwrap();
    let mut owner = Owner::of(&aim).await.unwrap();
    let mut agent = owner
        .register("reader", &["files:read", "db:delete"])
        .await
        .unwrap();
    let keyed = json!({ "action": "files:read", "idempotencyKey": "once" });
    let answer = agent.verify(keyed.clone()).await.unwrap();
    assert_eq!(answer.decision().0, "ALLOWED");
    let answer = agent
        .verify(json!({ "action": "db:delete" }))
        .await
        .unwrap();
    assert_eq!(answer.decision().0, "PENDING_APPROVAL");
    let pending = text(&answer.body, "/data/verifyAction/verification/id").unwrap();

    let engaged = changes(&owner, "killAgent", Some(&agent)).await;
    assert_eq!(engaged["reason"], "because of killAgent");
    assert!(engaged["engagedBy"].as_str().unwrap().starts_with("user:"));
    // Again changes nothing: it keeps the first word.
    assert_eq!(changes(&owner, "killAgent", Some(&agent)).await, engaged);

    // What was allowed before is not handed out again, and nobody allows what was pending.
    let answer = agent.verify(keyed).await.unwrap();
    assert_eq!(answer.decision(), ("DENIED", vec!["AGENT_KILLED"]));
    let approve = "mutation($input: ApproveVerificationInput!) {
        approveVerification(input: $input) { userErrors { code } } }";
    let input = json!({ "input": { "verificationId": pending } });
    let answer = owner.ask(approve, input).await.unwrap();
    let refused = json!([{ "code": "CONFLICT" }]);
    assert_eq!(answer["approveVerification"]["userErrors"], refused);

    // Reinstating does not release, and the agent may not look around.
    for name in ["suspendAgent", "reinstateAgent"] {
        assert_eq!(changes(&owner, name, Some(&agent)).await, engaged);
    }
    assert_eq!(asks(&agent).await, "DENIED AGENT_KILLED");
    let body = json!({ "query": "{ agents { totalCount } }" }).to_string();
    let signed = agent.sign(body.into_bytes(), crate::fleet::now());
    let answer = agent.post(&signed).await.unwrap();
    let code = answer.body.pointer("/errors/0/extensions/code");
    assert_eq!(code, Some(&json!("FORBIDDEN")), "{}", answer.body);

    aim.kill9().unwrap();
    aim.restart().unwrap();
    aim.base_url().clone_into(&mut owner.url);
    aim.base_url().clone_into(&mut agent.url);
    assert_eq!(asks(&agent).await, "DENIED AGENT_KILLED");

    for _ in 0..2 {
        let released = changes(&owner, "releaseAgent", Some(&agent)).await;
        assert_eq!(released, Value::Null);
    }
    assert_eq!(asks(&agent).await, ALLOWED);
    assert_eq!(audited(&owner).await, ["agent.kill", "agent.release"]);
}

#[tokio::test]
async fn an_agent_that_is_listening_hears_nothing_more() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let listener = owner.register("listener", &["files:read"]).await.unwrap();
    let other = owner.register("other", &["files:read"]).await.unwrap();
    for (engage, target) in [
        ("killAgent", Some(&listener)),
        ("engageKillSwitch", None::<&Agent>),
    ] {
        // The cursor of nothing: everything that ever happened, so that the stream has begun.
        let query = "subscription { verificationRecorded(after: \"ZXZlbnQ6MA\") { agentId } }";
        assert_eq!(asks(&other).await, ALLOWED);
        let body = json!({ "query": query }).to_string().into_bytes();
        let signed = listener.sign(body, crate::fleet::now());
        let request = listener
            .http
            .post(format!("{}/graphql", listener.url))
            .header("content-type", "application/json")
            .header("accept", "text/event-stream")
            .header("content-digest", &signed.headers.content_digest)
            .header("signature-input", &signed.headers.signature_input)
            .header("signature", &signed.headers.signature);
        let mut stream = request.body(signed.body).send().await.unwrap();
        let mut seen = String::new();
        let ends = async {
            let mut is_killed = false;
            while let Some(chunk) = stream.chunk().await.unwrap() {
                seen.push_str(&String::from_utf8_lossy(&chunk));
                if !is_killed && seen.contains(&other.id) {
                    changes(&owner, engage, target).await;
                    asks(&other).await;
                    is_killed = true;
                }
            }
        };
        tokio::time::timeout(PATIENCE, ends).await.unwrap();
        assert!(seen.contains("FORBIDDEN"), "{seen}");
        let release = engage
            .replace("kill", "release")
            .replace("engage", "release");
        changes(&owner, &release, target).await;
    }
}
