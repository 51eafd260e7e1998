//! Delegation: never more, never longer, never in circles; and one broken link breaks what follows.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use aim_tests::{AimConfig, Postgres, wait_for};
use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};

use crate::fleet::{Agent, Owner, now, text};

const PATIENCE: Duration = Duration::from_secs(30);
/// How soon every node has to know.
const SOON: Duration = Duration::from_secs(1);
/// Links that there may be.
const DEPTH_MAX: usize = 4;
const DELEGATED: &str = "ALLOWED CAPABILITY_DELEGATED";

pub(crate) async fn does(agent: &Agent, name: &str, input: Value) -> Value {
    let (first, rest) = name.split_at(1);
    let query = format!(
        "mutation($input: {}{rest}Input!) {{ {name}(input: $input) {{
            delegation {{ id depth delegatorId delegateId parentId expiresAt revokedBy }}
            userErrors {{ code message field }} }} }}",
        first.to_uppercase()
    );
    let body = json!({ "query": query, "variables": { "input": input } }).to_string();
    let request = agent.sign(body.into_bytes(), now());
    let mut answer = agent.post(&request).await.unwrap();
    assert!(answer.body["errors"].is_null(), "{}", answer.body);
    answer.body["data"][name].take()
}

/// `from` hands `capability` on to `to`.
pub(crate) async fn hands(
    from: &Agent,
    to: &Agent,
    capability: &str,
    parent: Option<&str>,
) -> Value {
    // One end for all: a link may not outlast the one before.
    static END: OnceLock<String> = OnceLock::new();
    let end = END.get_or_init(|| (now() + TimeDelta::hours(1)).to_rfc3339());
    hands_until(from, to, capability, parent, end.clone()).await
}

async fn hands_until(
    from: &Agent,
    to: &Agent,
    capability: &str,
    parent: Option<&str>,
    end: String,
) -> Value {
    let input = json!({
        "toAgentId": to.id, "capabilities": [{ "capability": capability }],
        "expiresAt": end, "parentId": parent });
    does(from, "delegateCapabilities", input).await
}

pub(crate) fn id(payload: &Value) -> String {
    text(payload, "/delegation/id").unwrap()
}

/// Code and field of each mistake.
pub(crate) fn errors(payload: &Value) -> Vec<String> {
    let all = payload["userErrors"].as_array().unwrap().iter();
    let path = |it: &Value| -> Vec<String> {
        let path = it["field"].as_array().into_iter().flatten();
        path.map(|part| part.as_str().unwrap().to_owned()).collect()
    };
    all.map(|it| format!("{} {}", it["code"].as_str().unwrap(), path(it).join(".")))
        .collect()
}

async fn asks(agent: &Agent, action: &str) -> String {
    let answer = agent.verify(json!({ "action": action })).await.unwrap();
    let (decision, reasons) = answer.decision();
    format!("{decision} {}", reasons.join(" "))
}

/// Agents of which only the first has a grant.
pub(crate) async fn crew(owner: &Owner, count: usize) -> Vec<Agent> {
    let mut crew = Vec::new();
    for number in 0..count {
        let grants: &[&str] = if number == 0 { &["files:*"] } else { &[] };
        let name = format!("crew-{number}");
        crew.push(owner.register(&name, grants).await.unwrap());
    }
    crew
}

/// Each hands on to the next; the ids of the links.
pub(crate) async fn chain(crew: &[Agent], capability: &str) -> Vec<String> {
    let mut links: Vec<String> = Vec::new();
    for pair in crew.windows(2) {
        let parent = links.last().map(String::as_str);
        let link = hands(&pair[0], &pair[1], capability, parent).await;
        links.push(id(&link));
    }
    links
}

#[tokio::test]
async fn a_chain_gives_no_more_than_its_first_agent_has_and_has_an_end() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let crew = crew(&owner, DEPTH_MAX + 2).await;
    // Before, nobody but the first may; and the facts are warm.
    assert_eq!(
        asks(&crew[1], "files:read").await,
        "DENIED CAPABILITY_MISSING"
    );
    let links = chain(&crew[..=DEPTH_MAX], "files:read").await;
    assert_eq!(links.len(), DEPTH_MAX);
    for agent in &crew[1..=DEPTH_MAX] {
        assert_eq!(asks(agent, "files:read").await, DELEGATED);
        assert_eq!(
            asks(agent, "files:write").await,
            "DENIED CAPABILITY_MISSING"
        );
    }
    // One link more than there may be.
    let (last, next) = (&crew[DEPTH_MAX], &crew[DEPTH_MAX + 1]);
    let over = hands(last, next, "files:read", links.last().map(String::as_str)).await;
    assert_eq!(errors(&over), ["INVALID parentId"], "{over}");
    // A cycle, the shortest and a longer one.
    let own = hands(&crew[0], &crew[0], "files:read", None).await;
    assert_eq!(errors(&own), ["INVALID toAgentId"], "{own}");
    let back = hands(&crew[2], &crew[0], "files:read", Some(&links[1])).await;
    assert_eq!(errors(&back), ["INVALID toAgentId"], "{back}");
    // A widened capability, by name and by resource.
    for (from, capability, parent) in [
        (&crew[0], "db:query", None),
        (&crew[0], "*", None),
        (&crew[1], "files:*", Some(links[0].as_str())),
        (&crew[1], "files:write", Some(links[0].as_str())),
    ] {
        let wide = hands(from, next, capability, parent).await;
        assert_eq!(
            errors(&wide),
            ["INVALID capabilities.0.capability"],
            "{wide}"
        );
    }
    // What is not one's own is not there to be handed on.
    let foreign = hands(&crew[3], next, "files:read", Some(&links[0])).await;
    assert_eq!(errors(&foreign), ["NOT_FOUND "], "{foreign}");
    // Longer than what is handed on, or for ever.
    let late = (now() + TimeDelta::hours(2)).to_rfc3339();
    let late = hands_until(&crew[1], next, "files:read", Some(&links[0]), late).await;
    assert_eq!(errors(&late), ["INVALID expiresAt"], "{late}");
    let late = (now() + TimeDelta::days(8)).to_rfc3339();
    let late = hands_until(&crew[0], next, "files:read", None, late).await;
    assert_eq!(errors(&late), ["INVALID expiresAt"], "{late}");

    let query = "query($id: ID!) { delegations(filter: { delegateId: $id }) { nodes {
        depth capabilities { capability resource } } } }";
    let found = owner.ask(query, json!({ "id": crew[2].id })).await.unwrap();
    let wanted = json!([{ "depth": 2, "capabilities": [
        { "capability": "files:read", "resource": null }] }]);
    assert_eq!(found["delegations"]["nodes"], wanted);
}

#[tokio::test]
async fn resources_are_narrowed_too_and_an_expired_link_is_none() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let crew = crew(&owner, 3).await;
    let hand = async |from: &Agent, to: &Agent, resource: Value, parent: Option<&str>, end| {
        let input = json!({
            "toAgentId": to.id, "parentId": parent, "expiresAt": end,
            "capabilities": [{ "capability": "files:read", "resource": resource }] });
        does(from, "delegateCapabilities", input).await
    };
    let soon = now() + TimeDelta::seconds(4);
    let data = json!("/data/*");
    let first = hand(&crew[0], &crew[1], data, None, soon.to_rfc3339()).await;
    let parent = id(&first);
    for wide in [Value::Null, json!("*"), json!("/etc/*")] {
        let refused = hand(&crew[1], &crew[2], wide, Some(&parent), soon.to_rfc3339()).await;
        assert_eq!(
            errors(&refused),
            ["INVALID capabilities.0.capability"],
            "{refused}"
        );
    }
    let inner = json!("/data/in/*");
    let second = hand(&crew[1], &crew[2], inner, Some(&parent), soon.to_rfc3339()).await;
    assert_eq!(errors(&second), [""; 0], "{second}");
    let ask = async |resource: &str| {
        let input = json!({ "action": "files:read", "resource": resource });
        let answer = crew[2].verify(input).await.unwrap();
        answer.decision().0.to_owned()
    };
    assert_eq!(ask("/data/in/x").await, "ALLOWED");
    assert_eq!(ask("/data/x").await, "DENIED");
    let ended = || async { Ok((ask("/data/in/x").await == "DENIED").then_some(now())) };
    let at = wait_for("the end", PATIENCE, ended).await.unwrap();
    assert!(at >= soon, "ended at {at} instead of {soon}");
    let again = hands(&crew[1], &crew[2], "files:read", Some(&parent)).await;
    assert_eq!(
        errors(&again),
        ["NOT_FOUND "],
        "an expired link is handed on no more"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one scene, stopped in every way")]
async fn whatever_stops_a_link_stops_every_descendant_on_every_node() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    let first = AimConfig::new().database(&url).start().unwrap();
    let second = AimConfig::new().database(&url).role("api").start().unwrap();
    let owner = Owner::of(&first).await.unwrap();
    let crew = crew(&owner, 4).await;
    let links = chain(&crew, "files:read").await;
    let leaf = &crew[3];
    let there = Agent {
        url: second.base_url().to_owned(),
        ..leaf.clone()
    };
    let warm = async || {
        for agent in [leaf, &there] {
            let may = || async { Ok((asks(agent, "files:read").await == DELEGATED).then_some(())) };
            wait_for("the chain to hold", PATIENCE, may).await.unwrap();
        }
    };
    let stops = async |what: &str| {
        assert_eq!(
            asks(leaf, "files:read").await,
            "DENIED CAPABILITY_MISSING",
            "{what}"
        );
        let began = Instant::now();
        let heard = || async {
            let answer = asks(&there, "files:read").await;
            Ok((answer == "DENIED CAPABILITY_MISSING").then_some(()))
        };
        wait_for(what, PATIENCE, heard).await.unwrap();
        assert!(began.elapsed() < SOON, "{what}: {:?}", began.elapsed());
    };
    let owner_does = async |name: &str, input: Value| {
        let (head, rest) = name.split_at(1);
        let query = format!(
            "mutation($input: {}{rest}Input!) {{ {name}(input: $input) {{ userErrors {{ code message }} }} }}",
            head.to_uppercase()
        );
        let answer = owner.ask(&query, json!({ "input": input })).await.unwrap();
        assert_eq!(answer[name]["userErrors"], json!([]), "{name}: {answer}");
    };
    for (number, agent) in crew.iter().take(3).enumerate() {
        let because = json!({ "agentId": agent.id, "reason": "a test" });
        for (stop, go) in [
            ("suspendAgent", "reinstateAgent"),
            ("killAgent", "releaseAgent"),
        ] {
            warm().await;
            owner_does(stop, because.clone()).await;
            stops(&format!("{stop} of {number}")).await;
            owner_does(go, because.clone()).await;
        }
    }
    warm().await;
    // The first agent's grant is what all of it stands on.
    let query = "query($id: ID!) { agent(id: $id) { capabilityGrants { id } } }";
    let answer = owner.ask(query, json!({ "id": crew[0].id })).await.unwrap();
    let grant = text(&answer, "/agent/capabilityGrants/0/id").unwrap();
    owner_does("revokeCapability", json!({ "grantId": grant })).await;
    stops("the grant").await;
    let granted = json!({ "agentId": crew[0].id, "capability": "files:read" });
    owner_does("grantCapability", granted).await;
    warm().await;
    // An agent at the beginning takes back a link in the middle; one at the end may not.
    let because = json!({ "delegationId": links[1], "reason": "the job is done" });
    let body = json!({ "query": "mutation($input: RevokeDelegationInput!) {
        revokeDelegation(input: $input) { delegation { id } userErrors { code } } }",
        "variables": { "input": because } });
    let request = leaf.sign(body.to_string().into_bytes(), now());
    let answer = leaf.post(&request).await.unwrap();
    let code = answer.body.pointer("/errors/0/extensions/code");
    assert_eq!(code, Some(&json!("FORBIDDEN")), "{}", answer.body);
    let revoked = does(&crew[0], "revokeDelegation", because.clone()).await;
    let by = format!("agent:{}", crew[0].uuid());
    assert_eq!(revoked["delegation"]["revokedBy"], by, "{revoked}");
    stops("the middle link").await;
    assert_eq!(asks(&crew[1], "files:read").await, DELEGATED);
    let again = does(&crew[0], "revokeDelegation", because).await;
    assert_eq!(errors(&again), ["CONFLICT "]);
    // A delegation ends with the key that signed it.
    let database = Database::connect(&url).await.unwrap();
    let statement = format!(
        "UPDATE delegations SET revoked_at = NULL WHERE delegator_id = '{}'",
        crew[1].uuid()
    );
    database.execute_unprepared(&statement).await.unwrap();
    owner_does(
        "suspendAgent",
        json!({ "agentId": crew[1].id, "reason": "to be read anew" }),
    )
    .await;
    owner_does(
        "reinstateAgent",
        json!({ "agentId": crew[1].id, "reason": "it was" }),
    )
    .await;
    warm().await;
    let query = "query($id: ID!) { agent(id: $id) { keys { nodes { id } } } }";
    let answer = owner.ask(query, json!({ "id": crew[1].id })).await.unwrap();
    let key = text(&answer, "/agent/keys/nodes/0/id").unwrap();
    owner_does(
        "revokeAgentKey",
        json!({ "keyId": key, "reason": "stolen" }),
    )
    .await;
    stops("the key").await;
}
