//! Approvals: of one action, once, in time, and looked at again when they are presented.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use aim_tests::{AimConfig, AimProcess, Postgres, wait_for};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::fleet::{Agent, Owner, now, text};

const PATIENCE: Duration = Duration::from_secs(30);
/// How soon whoever waits has to know.
const SOON: Duration = Duration::from_secs(1);

const STATE: &str = "id decision actionDigest reasons { code } obligations
    approval { status approverCount answers { answeredBy isApproved reason } arguments }";

/// An action that nobody may do without a person.
pub(crate) fn deletion() -> Value {
    json!({ "action": "db:delete", "resource": "orders", "arguments": { "id": 7, "table": "orders" } })
}

/// Asks for it; the id of the verification.
pub(crate) async fn ask_for(agent: &Agent, action: &Value) -> String {
    let answer = agent.verify(action.clone()).await.unwrap();
    assert_eq!(answer.decision().0, "PENDING_APPROVAL", "{}", answer.body);
    text(&answer.body, "/data/verifyAction/verification/id").unwrap()
}

async fn answers(person: &Owner, id: &str, name: &str) -> Value {
    let (first, rest) = name.split_at(1);
    let query = format!(
        "mutation($input: {}{rest}Input!) {{ {name}(input: $input) {{
            verification {{ {STATE} }} userErrors {{ code message }} }} }}",
        first.to_uppercase()
    );
    let input = json!({ "verificationId": id, "reason": "seen" });
    let mut answer = person.ask(&query, json!({ "input": input })).await.unwrap();
    answer[name].take()
}

async fn approve(person: &Owner, id: &str) -> Value {
    answers(person, id, "approveVerification").await
}

/// What the agent gets who presents it.
async fn present(agent: &Agent, id: &str, action: &Value) -> Value {
    let query = format!(
        "mutation($input: PresentApprovalInput!) {{ presentApproval(input: $input) {{
            verification {{ {STATE} }} userErrors {{ code message }} }} }}"
    );
    let mut input = action.clone();
    input["verificationId"] = json!(id);
    let mut answer = asked(agent, &query, json!({ "input": input })).await;
    answer["data"]["presentApproval"].take()
}

async fn asked(agent: &Agent, query: &str, variables: Value) -> Value {
    let body = json!({ "query": query, "variables": variables }).to_string();
    let signed = agent.sign(body.into_bytes(), now());
    agent.post(&signed).await.unwrap().body
}

fn code(answer: &Value) -> &Value {
    &answer["userErrors"][0]["code"]
}

async fn settings(owner: &Owner, input: Value) {
    let query = "mutation($input: SetApprovalSettingsInput!) { setApprovalSettings(input: $input) {
        approvalSettings { waitSeconds } userErrors { message } } }";
    let answer = owner.ask(query, json!({ "input": input })).await.unwrap();
    assert_eq!(
        answer["setApprovalSettings"]["userErrors"],
        json!([]),
        "{answer}"
    );
}

async fn started() -> (AimProcess, Owner, Agent) {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner
        .register("worker", &["db:delete", "files:read"])
        .await
        .unwrap();
    (aim, owner, agent)
}

#[tokio::test]
async fn it_is_for_one_action_once_and_nothing_is_allowed_before_it_is_presented() {
    let (_aim, owner, agent) = started().await;
    let id = ask_for(&agent, &deletion()).await;
    let inbox = format!(
        "{{ approvals(filter: {{ status: PENDING }}) {{ totalCount nodes {{ {STATE} }} }} }}"
    );
    let seen = owner.ask(&inbox, json!({})).await.unwrap();
    let pending = &seen["approvals"]["nodes"][0];
    assert_eq!(pending["id"], json!(id));
    let shown = &pending["approval"]["arguments"];
    assert_eq!(
        *shown,
        deletion()["arguments"],
        "a person sees what they answer"
    );
    // The digest is that of the canonical form, whatever the order of members.
    assert_eq!(pending["actionDigest"].as_str().unwrap().len(), 64);

    assert_eq!(*code(&present(&agent, &id, &deletion()).await), "CONFLICT");
    let approved = approve(&owner, &id).await;
    assert_eq!(
        approved["verification"]["decision"], "PENDING_APPROVAL",
        "{approved}"
    );
    assert_eq!(approved["verification"]["approval"]["status"], "APPROVED");
    let owes = json!(["PRESENT_APPROVAL"]);
    assert_eq!(approved["verification"]["obligations"], owes);
    assert_eq!(*code(&approve(&owner, &id).await), "CONFLICT");

    // Anything else than what was approved is refused, and goes on record.
    let mut other = deletion();
    other["arguments"]["id"] = json!(8);
    for changed in [
        other,
        json!({ "action": "db:delete", "resource": "orders" }),
    ] {
        let answer = present(&agent, &id, &changed).await;
        assert_eq!(*code(&answer), "CONFLICT", "{answer}");
    }
    let thief = owner.register("thief", &["db:delete"]).await.unwrap();
    let answer = present(&thief, &id, &deletion()).await;
    assert_eq!(*code(&answer), "NOT_FOUND", "{answer}");

    let used = present(&agent, &id, &deletion()).await;
    assert_eq!(used["verification"]["decision"], "ALLOWED", "{used}");
    assert_eq!(used["verification"]["approval"]["status"], "USED");
    assert_eq!(
        used["verification"]["obligations"],
        json!(["REPORT_RESULT"])
    );
    assert_eq!(
        *code(&present(&agent, &id, &deletion()).await),
        "CONFLICT",
        "good once"
    );
    let trail = "{ auditEntries(first: 20) { nodes { action } } }";
    let trail = owner.ask(trail, json!({})).await.unwrap().to_string();
    for entry in [
        "verification.approve",
        "verification.present-approval",
        "verification.present-other-action",
    ] {
        assert!(trail.contains(entry), "{entry}");
    }
}

#[tokio::test]
async fn what_speaks_against_it_by_then_counts_when_it_is_presented() {
    let (_aim, owner, agent) = started().await;
    let publish = "mutation($input: PublishPolicyInput!) { publishPolicy(input: $input) {
        policy { id } userErrors { message } } }";
    let text = json!({ "name": "no deletions", "rule": { "isAlways": true }, "effect": "FORBID",
        "severity": "LOW", "scope": { "actions": ["db:delete"] } });
    let forbid = json!({ "text": text, "mode": "ENFORCED", "reason": "a test" });
    let before = ask_for(&agent, &deletion()).await;
    let keyed = json!({ "action": "files:read", "idempotencyKey": "once" });
    assert_eq!(agent.verify(keyed).await.unwrap().decision().0, "ALLOWED");
    approve(&owner, &before).await;
    let answer = owner
        .ask(publish, json!({ "input": forbid }))
        .await
        .unwrap();
    assert_eq!(answer["publishPolicy"]["userErrors"], json!([]), "{answer}");
    let refused = present(&agent, &before, &deletion()).await;
    assert_eq!(refused["verification"]["decision"], "DENIED", "{refused}");
    assert_eq!(refused["verification"]["approval"]["status"], "REFUSED");
    let reasons = refused["verification"]["reasons"].to_string();
    assert!(reasons.contains("POLICY_FORBIDS"), "{reasons}");
    assert_eq!(
        *code(&present(&agent, &before, &deletion()).await),
        "CONFLICT"
    );
}

#[tokio::test]
async fn two_different_persons_where_that_is_wanted_and_one_no_is_enough() {
    let (aim, owner, agent) = started().await;
    let second = owner.add_manager(&aim, "second").await.unwrap();
    let third = owner.add_manager(&aim, "third").await.unwrap();
    let two = json!({ "twoPersonsFor": ["db:*"], "reason": "a test" });
    settings(&owner, two).await;
    let id = ask_for(&agent, &deletion()).await;
    let first = approve(&owner, &id).await;
    assert_eq!(
        first["verification"]["approval"]["status"], "PENDING",
        "{first}"
    );
    assert_eq!(first["verification"]["approval"]["approverCount"], 2);
    assert_eq!(
        *code(&approve(&owner, &id).await),
        "CONFLICT",
        "the same person twice"
    );
    let both = tokio::join!(approve(&second, &id), approve(&third, &id));
    let approved = [&both.0, &both.1];
    let approved = approved.iter().filter(|it| it["verification"].is_object());
    assert_eq!(approved.count(), 1, "{both:?}");
    let used = present(&agent, &id, &deletion()).await;
    assert_eq!(used["verification"]["decision"], "ALLOWED", "{used}");

    let id = ask_for(&agent, &deletion()).await;
    approve(&owner, &id).await;
    let denied = answers(&second, &id, "denyVerification").await;
    assert_eq!(denied["verification"]["decision"], "DENIED", "{denied}");
    assert_eq!(*code(&approve(&third, &id).await), "CONFLICT");

    // One who was enough before is not enough when two have to by then.
    settings(&owner, json!({ "reason": "a test" })).await;
    let id = ask_for(&agent, &deletion()).await;
    approve(&owner, &id).await;
    settings(
        &owner,
        json!({ "twoPersonsFrom": "CRITICAL", "reason": "a test" }),
    )
    .await;
    let refused = present(&agent, &id, &deletion()).await;
    let reasons = refused["verification"]["reasons"].to_string();
    assert!(reasons.contains("APPROVAL_INSUFFICIENT"), "{refused}");
}

async fn publish(owner: &Owner, name: &str, effect: &str, persons: u8) -> Value {
    let query = "mutation($input: PublishPolicyInput!) { publishPolicy(input: $input) {
        policy { id text { approverCount } } userErrors { field message } } }";
    let text = json!({ "name": name, "rule": { "isAlways": true }, "effect": effect,
        "severity": "LOW", "approverCount": persons, "scope": { "actions": ["files:read"] } });
    let input = json!({ "text": text, "mode": "ENFORCED", "reason": "a test" });
    let mut answer = owner.ask(query, json!({ "input": input })).await.unwrap();
    answer["publishPolicy"].take()
}

#[tokio::test]
async fn a_policy_asks_for_two_persons_and_the_strictest_one_counts() {
    let (aim, owner, agent) = started().await;
    let second = owner.add_manager(&aim, "second").await.unwrap();
    let field = json!(["text", "approverCount"]);
    for (effect, persons) in [
        ("REQUIRE_APPROVAL", 3),
        ("REQUIRE_APPROVAL", 0),
        ("FORBID", 2),
    ] {
        let refused = publish(&owner, "wrong", effect, persons).await;
        assert_eq!(refused["userErrors"][0]["field"], field, "{refused}");
    }
    let action = json!({ "action": "files:read", "resource": "ledger" });
    // One person is enough by as many policies as are told, and by one more that is not.
    for number in 0..4 {
        publish(
            &owner,
            &format!("one person {number}"),
            "REQUIRE_APPROVAL",
            1,
        )
        .await;
    }
    let id = ask_for(&agent, &action).await;
    let approved = approve(&owner, &id).await;
    assert_eq!(approved["verification"]["approval"]["approverCount"], 1);
    let two = publish(&owner, "two persons", "REQUIRE_APPROVAL", 2).await;
    assert_eq!(two["policy"]["text"]["approverCount"], 2, "{two}");
    // Who was enough then is not by now.
    let refused = present(&agent, &id, &action).await;
    let reasons = refused["verification"]["reasons"].to_string();
    assert!(reasons.contains("APPROVAL_INSUFFICIENT"), "{refused}");

    let id = ask_for(&agent, &action).await;
    let query = "query($id: ID!, $agent: ID!) {
        explainVerification(id: $id) { verification { reasons { message } }
            policies { said { name approverCount } text { approverCount } } now { approverCount } }
        simulateAction(input: { agentId: $agent, action: \"files:read\", resource: \"ledger\" }) {
            decision approverCount } }";
    let variables = json!({ "id": id, "agent": agent.id });
    let said = owner.ask(query, variables).await.unwrap();
    let explained = &said["explainVerification"];
    let first = &explained["policies"][0];
    assert_eq!(first["said"]["name"], "two persons", "{said}");
    assert_eq!(first["said"]["approverCount"], 2);
    assert_eq!(first["text"]["approverCount"], 2);
    let reasons = explained["verification"]["reasons"].to_string();
    let words = "policy `two persons` (version 1) needs the approval of two persons";
    assert!(reasons.contains(words), "{reasons}");
    assert_eq!(explained["now"]["approverCount"], 2);
    assert_eq!(said["simulateAction"]["approverCount"], 2);

    let first = approve(&owner, &id).await;
    assert_eq!(
        first["verification"]["approval"]["status"], "PENDING",
        "{first}"
    );
    let early = present(&agent, &id, &action).await;
    assert_eq!(*code(&early), "CONFLICT", "{early}");
    let both = approve(&second, &id).await;
    assert_eq!(
        both["verification"]["approval"]["status"], "APPROVED",
        "{both}"
    );
    let used = present(&agent, &id, &action).await;
    assert_eq!(used["verification"]["decision"], "ALLOWED", "{used}");
}

#[tokio::test]
async fn many_are_answered_at_once_each_on_its_own() {
    let (_aim, owner, agent) = started().await;
    let mut ids = Vec::new();
    for number in 0..3 {
        let mut action = deletion();
        action["arguments"]["id"] = json!(number);
        ids.push(ask_for(&agent, &action).await);
    }
    approve(&owner, &ids[1]).await;
    let query = "mutation($input: AnswerVerificationsInput!) { answerVerifications(input: $input) {
        results { items { verificationId code message verification { approval { status } } } }
        userErrors { code } } }";
    let answer =
        |id: &String, is_approved| json!({ "verificationId": id, "isApproved": is_approved });
    let input = json!({ "answers": [
        answer(&ids[0], true), answer(&ids[1], true), answer(&ids[2], false)] });
    let done = owner.ask(query, json!({ "input": input })).await.unwrap();
    let items = &done["answerVerifications"]["results"]["items"];
    let status = |place: usize| &items[place]["verification"]["approval"]["status"];
    assert_eq!(*status(0), "APPROVED", "{items}");
    assert_eq!(items[1]["code"], "CONFLICT");
    assert_eq!(*status(2), "DENIED");
    let none = owner
        .ask(query, json!({ "input": { "answers": [] } }))
        .await
        .unwrap();
    assert_eq!(
        none["answerVerifications"]["userErrors"][0]["code"],
        "INVALID"
    );
}

#[tokio::test]
async fn what_nobody_answers_in_time_is_denied_and_who_waits_is_told() {
    let (aim, owner, agent) = started().await;
    settings(&owner, json!({ "waitSeconds": 30, "reason": "a test" })).await;
    let id = ask_for(&agent, &deletion()).await;
    let database = crate::fleet::database_of(&aim).await.unwrap();
    let past = (now() - TimeDelta::seconds(1)).to_rfc3339();
    let age =
        format!("UPDATE verifications SET expires_at = '{past}' WHERE approval_status = 'PENDING'");
    sea_orm::ConnectionTrait::execute_unprepared(&database, &age)
        .await
        .unwrap();
    assert_eq!(*code(&approve(&owner, &id).await), "CONFLICT", "too late");
    // Another one that is asked for tells the keeper when to look; the first has to go by then.
    let query = format!("query($id: ID!) {{ verification(id: $id) {{ {STATE} }} }}");
    let expired = || async {
        let seen = owner.ask(&query, json!({ "id": id })).await?;
        let status = &seen["verification"]["approval"]["status"];
        Ok((status == "EXPIRED").then(|| seen["verification"].clone()))
    };
    let seen = wait_for("the approval to expire", PATIENCE * 2, expired)
        .await
        .unwrap();
    assert_eq!(seen["decision"], "DENIED", "{seen}");
    assert!(
        seen["reasons"].to_string().contains("APPROVAL_EXPIRED"),
        "{seen}"
    );
    assert_eq!(
        seen["approval"]["arguments"],
        Value::Null,
        "they are not kept"
    );
    assert_eq!(*code(&present(&agent, &id, &deletion()).await), "CONFLICT");
}

#[tokio::test]
async fn a_word_beforehand_is_good_for_what_it_names_and_so_often() {
    let (_aim, owner, agent) = started().await;
    let query = "mutation($input: GrantApprovalInput!) { grantApproval(input: $input) {
        approvalGrant { id useCount } userErrors { message field } } }";
    let grant = async |extra: Value| {
        let soon = (now() + TimeDelta::minutes(30)).to_rfc3339();
        let mut input = json!({ "agentId": agent.id, "action": "db:delete", "resource": "ord*",
            "expiresAt": soon, "reason": "a test" });
        input
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        let answer = owner.ask(query, json!({ "input": input })).await.unwrap();
        answer["grantApproval"].clone()
    };
    let far = (now() + TimeDelta::days(2)).to_rfc3339();
    let wrong = grant(json!({ "expiresAt": far, "maxUses": 0 })).await;
    assert_eq!(wrong["userErrors"].as_array().unwrap().len(), 2, "{wrong}");

    let counted = grant(json!({ "maxUses": 2 })).await;
    let id = counted["approvalGrant"]["id"].clone();
    for _ in 0..2 {
        let answer = agent.verify(deletion()).await.unwrap();
        let allowed = (
            "ALLOWED",
            vec![
                "CAPABILITY_GRANTED",
                "APPROVAL_REQUIRED",
                "APPROVED_BEFOREHAND",
            ],
        );
        assert_eq!(answer.decision(), allowed, "{}", answer.body);
    }
    ask_for(&agent, &deletion()).await;
    let list = "{ approvalGrants(filter: { isLive: false }) { nodes { id useCount maxUses } } }";
    let seen = owner.ask(list, json!({})).await.unwrap();
    assert_eq!(seen["approvalGrants"]["nodes"][0]["useCount"], 2, "{seen}");
    assert_eq!(seen["approvalGrants"]["nodes"][0]["id"], id);

    let open = grant(json!({})).await;
    let id = open["approvalGrant"]["id"].clone();
    for _ in 0..3 {
        assert_eq!(
            agent.verify(deletion()).await.unwrap().decision().0,
            "ALLOWED"
        );
    }
    let mut elsewhere = deletion();
    elsewhere["resource"] = json!("people");
    ask_for(&agent, &elsewhere).await;
    let revoke =
        "mutation($input: RevokeApprovalGrantInput!) { revokeApprovalGrant(input: $input) {
        approvalGrant { revokedAt } userErrors { message } } }";
    let input = json!({ "approvalGrantId": id, "reason": "a test" });
    owner.ask(revoke, json!({ "input": input })).await.unwrap();
    ask_for(&agent, &deletion()).await;

    // It stands for one person, never for two.
    grant(json!({})).await;
    settings(
        &owner,
        json!({ "twoPersonsFor": ["db:delete"], "reason": "a test" }),
    )
    .await;
    ask_for(&agent, &deletion()).await;
}

/// Waits on `node` as the agent, lets `owner` approve, and says how long it took to be told.
async fn told_after(agent: &Agent, node: &str, owner: &Owner) -> Duration {
    let id = ask_for(agent, &deletion()).await;
    let there = Agent {
        url: node.to_owned(),
        ..agent.clone()
    };
    let query = "query($id: ID!) { awaitApproval(verificationId: $id) { approval { status } } }";
    let waiting = tokio::spawn({
        let id = id.clone();
        async move {
            let answer = asked(&there, query, json!({ "id": id })).await;
            (answer, Instant::now())
        }
    });
    // A listener that is there for sure: it has answered something else since.
    asked(agent, "{ viewer { __typename } }", json!({})).await;
    let approved = approve(owner, &id).await;
    let began = Instant::now();
    assert_eq!(approved["verification"]["approval"]["status"], "APPROVED");
    let (answer, told) = waiting.await.unwrap();
    let status = &answer["data"]["awaitApproval"]["approval"]["status"];
    assert_eq!(*status, "APPROVED", "{answer}");
    told.saturating_duration_since(began)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_waiting_agent_is_told_within_a_second() {
    let (_aim, owner, agent) = started().await;
    let took = told_after(&agent, &agent.url, &owner).await;
    assert!(took < SOON, "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_another_node_too() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    let first = AimConfig::new().database(&url).start().unwrap();
    let second = AimConfig::new().database(&url).role("api").start().unwrap();
    let owner = Owner::of(&first).await.unwrap();
    let agent = owner.register("worker", &["db:delete"]).await.unwrap();
    let took = told_after(&agent, second.base_url(), &owner).await;
    assert!(took < SOON, "{took:?}");
    // What was approved there is presented here, and the other way round it is spent.
    let id = ask_for(&agent, &deletion()).await;
    approve(&owner, &id).await;
    let there = Agent {
        url: second.base_url().to_owned(),
        ..agent.clone()
    };
    let action = deletion();
    let both = tokio::join!(present(&agent, &id, &action), present(&there, &id, &action));
    let allowed = [&both.0, &both.1];
    let allowed = allowed
        .iter()
        .filter(|it| it["verification"]["decision"] == "ALLOWED");
    assert_eq!(allowed.count(), 1, "{both:?}");
}
