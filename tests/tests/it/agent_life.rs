//! An agent's life: pending until it proves its key, changed, found, deleted.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_domain::signature::{SecretKey, sign_challenge};
use aim_tests::AimConfig;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::fleet::{Agent, Owner, key_of, text};

/// Does `name` with this input; the payload.
async fn does(owner: &Owner, name: &str, input: Value, object: &str) -> Value {
    let (first, rest) = name.split_at(1);
    let query = format!(
        "mutation($input: {}{rest}Input!) {{ {name}(input: $input) {{ {object}
            userErrors {{ code message field }} }} }}",
        first.to_uppercase()
    );
    let mut answer = owner.ask(&query, json!({ "input": input })).await.unwrap();
    answer[name].take()
}

fn code(payload: &Value) -> &str {
    payload["userErrors"][0]["code"]
        .as_str()
        .unwrap_or_default()
}

async fn asks(agent: &Agent) -> String {
    let answer = agent
        .verify(json!({ "action": "files:read" }))
        .await
        .unwrap();
    let (decision, reasons) = answer.decision();
    format!("{decision} {}", reasons.join(" "))
}

#[tokio::test]
async fn an_agent_without_a_proof_is_pending_until_it_signs_a_challenge() {
    const AGENT: &str = "agent { id status statusReason }";
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let mut input = owner.registration("newcomer").unwrap();
    input.as_object_mut().unwrap().remove("proofOfPossession");
    let made = does(&owner, "registerAgent", input, AGENT).await;
    assert_eq!(made["agent"]["status"], "PENDING", "{made}");
    let id = text(&made, "/agent/id").unwrap();
    let agent = owner.agent("newcomer", &id);
    let granted = json!({ "agentId": id, "capability": "files:read" });
    does(&owner, "grantCapability", granted, "grant { id }").await;
    assert_eq!(asks(&agent).await, "DENIED AGENT_PENDING");

    let because = json!({ "agentId": id, "reason": "a test" });
    let wished = does(&owner, "reinstateAgent", because, AGENT).await;
    assert_eq!(code(&wished), "CONFLICT", "a person's word is no proof");
    let answer =
        |signature: &[u8]| json!({ "agentId": id, "signature": STANDARD.encode(signature) });
    let early = does(&owner, "verifyAgent", answer(&[0; 64]), AGENT).await;
    assert_eq!(code(&early), "CONFLICT", "there is no challenge yet");

    let one = json!({ "agentId": id });
    let ask = "challenge { challenge text expiresAt }";
    let stale = does(&owner, "challengeAgent", one.clone(), ask).await;
    let fresh = does(&owner, "challengeAgent", one.clone(), ask).await;
    let sign = |key: &SecretKey, challenge: &Value| {
        let challenge = challenge["challenge"]["challenge"].as_str().unwrap();
        sign_challenge(owner.organization, agent.uuid(), key, challenge)
    };
    let thief = key_of("thief");
    let text = fresh["challenge"]["text"].as_str().unwrap();
    assert_eq!(agent.key.sign(text.as_bytes()), sign(&agent.key, &fresh));
    for wrong in [sign(&thief, &fresh), sign(&agent.key, &stale), [0; 64]] {
        let refused = does(&owner, "verifyAgent", answer(&wrong), AGENT).await;
        assert_eq!(code(&refused), "INVALID", "{refused}");
    }
    let right = answer(&sign(&agent.key, &fresh));
    let verified = does(&owner, "verifyAgent", right.clone(), AGENT).await;
    assert_eq!(verified["agent"]["status"], "VERIFIED", "{verified}");
    assert_eq!(asks(&agent).await, "ALLOWED CAPABILITY_GRANTED");
    assert_eq!(
        code(&does(&owner, "verifyAgent", right, AGENT).await),
        "CONFLICT"
    );
    assert_eq!(
        code(&does(&owner, "challengeAgent", one, ask).await),
        "CONFLICT"
    );
}

async fn names(owner: &Owner, rest: &str) -> Vec<String> {
    let query = format!("{{ agents({rest}) {{ nodes {{ name }} }} }}");
    let answer = owner.ask(&query, json!({})).await.unwrap();
    let nodes = answer["agents"]["nodes"].as_array().unwrap().iter();
    nodes
        .map(|node| node["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "most of it is a table of cases")]
async fn agents_are_changed_found_and_ordered() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let mut ids = Vec::new();
    for name in ["beta", "alpha", "gamma"] {
        ids.push(owner.register(name, &["files:read"]).await.unwrap().id);
    }
    let input = json!({
        "agentId": ids[0], "displayName": "100% Beta", "description": "Reads the mail_box",
        "agentType": "WORKFLOW", "tags": ["mail", "eu", "mail"], "version": "2" });
    let object = "agent { displayName description agentType tags version name }";
    let changed = does(&owner, "updateAgent", input.clone(), object).await;
    assert_eq!(changed["agent"]["tags"], json!(["eu", "mail"]), "{changed}");
    assert_eq!(changed["agent"]["version"], "2");
    let taken_back = json!({ "agentId": ids[0], "version": "" });
    let changed = does(&owner, "updateAgent", taken_back, object).await;
    assert_eq!(changed["agent"]["version"], Value::Null);
    assert_eq!(changed["agent"]["displayName"], "100% Beta");
    let wrong = json!({ "agentId": ids[0], "displayName": " ", "tags": [""],
        "declaredCapabilities": ["no space"] });
    let refused = does(&owner, "updateAgent", wrong, object).await;
    assert_eq!(
        refused["userErrors"].as_array().unwrap().len(),
        3,
        "{refused}"
    );

    for (filter, found) in [
        ("filter: { search: \"MAIL_\" }", vec!["beta"]),
        ("filter: { search: \"100%\" }", vec!["beta"]),
        ("filter: { search: \"%\" }", vec!["beta"]),
        ("filter: { search: \"_\" }", vec!["beta"]),
        ("filter: { tag: \"eu\" }", vec!["beta"]),
        ("filter: { tag: \"e\" }", vec![]),
        ("filter: { agentType: WORKFLOW }", vec!["beta"]),
        (
            "filter: { keysEndBefore: \"2020-01-01T00:00:00Z\" }",
            vec![],
        ),
        (
            "filter: { keysEndBefore: \"2999-01-01T00:00:00Z\" }",
            vec!["gamma", "alpha", "beta"],
        ),
        ("first: 10", vec!["gamma", "alpha", "beta"]),
        (
            "orderBy: { field: NAME, direction: ASC }",
            vec!["alpha", "beta", "gamma"],
        ),
        (
            "orderBy: { field: NAME, direction: DESC }",
            vec!["gamma", "beta", "alpha"],
        ),
        (
            "orderBy: { field: CREATED_AT, direction: ASC }",
            vec!["beta", "alpha", "gamma"],
        ),
        (
            "orderBy: { field: TRUST, direction: ASC }",
            vec!["beta", "alpha", "gamma"],
        ),
        (
            "orderBy: { field: LAST_SEEN_AT, direction: DESC }",
            vec!["gamma", "alpha", "beta"],
        ),
    ] {
        assert_eq!(names(&owner, filter).await, found, "{filter}");
    }
    // Page by page, forward and back, in an order of our own.
    let order = "orderBy: { field: NAME, direction: ASC }";
    let query = |rest: &str| {
        format!(
            "{{ agents({rest}, {order}) {{ nodes {{ name }} pageInfo {{ endCursor
            startCursor hasNextPage hasPreviousPage }} }} }}"
        )
    };
    let ask = async |rest: &str| {
        let mut answer = owner.ask(&query(rest), json!({})).await.unwrap();
        answer["agents"].take()
    };
    let first = ask("first: 2").await;
    assert_eq!(first["nodes"][1]["name"], "beta");
    assert_eq!(first["pageInfo"]["hasNextPage"], true);
    let end = first["pageInfo"]["endCursor"].as_str().unwrap();
    let second = ask(&format!("first: 2, after: \"{end}\"")).await;
    assert_eq!(second["nodes"], json!([{ "name": "gamma" }]));
    let start = second["pageInfo"]["startCursor"].as_str().unwrap();
    let back = ask(&format!("last: 1, before: \"{start}\"")).await;
    assert_eq!(back["nodes"], json!([{ "name": "beta" }]));
}

#[tokio::test]
async fn a_deleted_agent_is_stopped_and_stays_on_record() {
    const AGENT: &str = "agent { name status deletedAt }";
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("gone", &["files:read"]).await.unwrap();
    assert_eq!(asks(&agent).await, "ALLOWED CAPABILITY_GRANTED");
    let because = json!({ "agentId": agent.id, "reason": "its project has ended" });
    let deleted = does(&owner, "deleteAgent", because.clone(), AGENT).await;
    assert_eq!(deleted["agent"]["status"], "REVOKED", "{deleted}");
    assert!(deleted["agent"]["deletedAt"].is_string());
    assert_eq!(asks(&agent).await, "DENIED AGENT_REVOKED");
    assert_eq!(names(&owner, "first: 10").await, [""; 0]);
    assert_eq!(names(&owner, "filter: { isDeleted: true }").await, ["gone"]);
    for (name, input) in [
        ("deleteAgent", because.clone()),
        ("reinstateAgent", because),
        (
            "updateAgent",
            json!({ "agentId": agent.id, "description": "back" }),
        ),
    ] {
        assert_eq!(
            code(&does(&owner, name, input, AGENT).await),
            "CONFLICT",
            "{name}"
        );
    }
    // Its name means it for ever.
    let again = owner.registration("gone").unwrap();
    assert_eq!(
        code(&does(&owner, "registerAgent", again, AGENT).await),
        "CONFLICT"
    );
    let query = "query($id: ID!) { agent(id: $id) { name }
        verifications(first: 5) { nodes { agent { name } } }
        auditEntries(first: 1, filter: { action: \"agent.delete\" }) { nodes { reason } } }";
    let answer = owner.ask(query, json!({ "id": agent.id })).await.unwrap();
    assert_eq!(answer["agent"]["name"], "gone");
    assert_eq!(
        answer["verifications"]["nodes"][1]["agent"]["name"], "gone",
        "{answer}"
    );
    assert_eq!(
        answer["auditEntries"]["nodes"][0]["reason"],
        "its project has ended"
    );
}
