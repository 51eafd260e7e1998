//! The discovery inbox of agents: those that were seen and nobody registered wait for a person.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use aim_tests::{AimConfig, Kafka, Postgres, wait_for};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fleet::{Agent, Owner, key_of, now};

const PATIENCE: Duration = Duration::from_secs(60);
const REPORT: &str = "mutation($input: ReportAgentsInput!) { reportAgents(input: $input) {
    report { newCount knownCount registeredCount refusedCount agentSightings { id name status } }
    userErrors { code message field } } }";
const INBOX: &str =
    "query($filter: AgentSightingFilter) { agentSightings(first: 100, filter: $filter) {
    totalCount nodes { id name keyId publicKey method confidence source status reportedBy
        sightingCount dismissalReason } } }";
const ADOPT: &str =
    "mutation($input: AdoptAgentSightingInput!) { adoptAgentSighting(input: $input) {
    agent { id name status agentType keys { nodes { keyId } } } privateKey
    userErrors { code message field } } }";

async fn inbox(owner: &Owner, filter: Value) -> Value {
    let mut found = owner.ask(INBOX, json!({ "filter": filter })).await.unwrap();
    found["agentSightings"].take()
}

async fn adopt(owner: &Owner, input: Value) -> Value {
    let mut done = owner.ask(ADOPT, json!({ "input": input })).await.unwrap();
    done["adoptAgentSighting"].take()
}

async fn report(owner: &Owner, agents: Value) -> Value {
    let input = json!({ "input": { "agents": agents } });
    let mut told = owner.ask(REPORT, input).await.unwrap();
    told["reportAgents"].take()
}

fn counts(answer: &Value) -> [u64; 4] {
    let names = ["newCount", "knownCount", "registeredCount", "refusedCount"];
    names.map(|name| answer["report"][name].as_u64().unwrap())
}

/// Once the inbox has so many.
async fn seen(owner: &Owner, total: u64) -> Value {
    let came = || async {
        let found = inbox(owner, json!({})).await;
        Ok((found["totalCount"] == total).then_some(found))
    };
    wait_for("the agents to be seen", PATIENCE, came)
        .await
        .unwrap()
}

/// Its events are refused, and it waits in the inbox until a person registers it by the key that it has.
async fn from_event_to_agent(owner: &Owner) {
    let stranger = owner.agent("stranger", "");
    let line = |agent: &Agent| agent.line(&agent.event("files:read", now()));
    let unsigned = json!({ "event": owner.agent("unsigned", "").event("files:read", now()) });
    let known = owner.register("known", &["files:read"]).await.unwrap();
    // Whoever takes the name of a registered agent with another key is another one.
    let impostor = known.with_key(key_of("impostor"));
    let lines = format!(
        "{}{}{}{}{unsigned}\n",
        line(&stranger),
        line(&stranger),
        line(&known),
        line(&impostor),
    );
    owner.send(lines).await.unwrap();
    let found = seen(owner, 3).await;
    let mut names: Vec<_> = found["nodes"].as_array().unwrap().iter().collect();
    names.sort_by_key(|node| node["name"].as_str().unwrap());
    let what = names.iter().map(|node| {
        let key = node["keyId"].as_str().map(str::to_owned);
        (node["name"].as_str().unwrap(), key)
    });
    let wanted = [
        ("known", Some(impostor.key_id())),
        ("stranger", Some(stranger.key_id())),
        ("unsigned", None),
    ];
    assert_eq!(what.collect::<Vec<_>>(), wanted);
    let node = names[1];
    assert_eq!(
        (&node["method"], &node["reportedBy"], &node["status"]),
        (&json!("EVENT"), &json!("system:stream"), &json!("OPEN"))
    );
    // Another key than the one that signed is another agent's.
    let other = key_of("other").public_key().to_base64url();
    let wrong = adopt(
        owner,
        json!({ "agentSightingId": node["id"], "publicKey": other }),
    )
    .await;
    assert_eq!(
        wrong["userErrors"][0]["field"],
        json!(["publicKey"]),
        "{wrong}"
    );
    let own = stranger.key.public_key().to_base64url();
    let input = json!({ "agentSightingId": node["id"], "publicKey": own, "agentType": "WORKFLOW" });
    let adopted = adopt(owner, input.clone()).await;
    let wanted = json!({ "name": "stranger", "status": "PENDING", "agentType": "WORKFLOW" });
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&adopted["agent"][name], value, "{adopted}");
    }
    assert_eq!(adopted["privateKey"], Value::Null);
    let again = adopt(owner, input).await;
    assert_eq!(again["userErrors"][0]["code"], "NOT_FOUND");
    // From now on its events are its own.
    owner.send(line(&stranger)).await.unwrap();
    let total = || async {
        let query = "{ streamTotals { appliedCount } }";
        let totals = owner.ask(query, json!({})).await?;
        Ok((totals["streamTotals"]["appliedCount"].as_u64() >= Some(2)).then_some(()))
    };
    wait_for("the event of the new agent", PATIENCE, total)
        .await
        .unwrap();
    seen(owner, 2).await;
    adopting_others(owner, &impostor, (&names[0]["id"], &names[2]["id"])).await;
}

async fn adopting_others(owner: &Owner, impostor: &Agent, (known, unsigned): (&Value, &Value)) {
    // Without its key it is given a new one; the name of another one is taken.
    let taken = json!({ "agentSightingId": known, "generateKey": true });
    let taken = adopt(owner, taken).await;
    assert_eq!(taken["userErrors"][0]["code"], "CONFLICT", "{taken}");
    let made = json!({ "agentSightingId": unsigned, "generateKey": true });
    let made = adopt(owner, made).await;
    let key = made["privateKey"].as_str().unwrap();
    assert!(key.starts_with("-----BEGIN PRIVATE KEY-----"));
    seen(owner, 1).await;
    // A key that an agent is given leaves the inbox as well.
    let query = "mutation($input: RegisterAgentInput!) { registerAgent(input: $input) {
        agent { id } userErrors { message } } }";
    let key = impostor.key.public_key().to_base64url();
    let input = json!({ "name": "not-known", "publicKey": key });
    owner.ask(query, json!({ "input": input })).await.unwrap();
    seen(owner, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_whose_events_are_refused_wait_for_a_person_on_sqlite() {
    let aim = AimConfig::new().start().unwrap();
    from_event_to_agent(&Owner::of(&aim).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_whose_events_are_refused_wait_for_a_person_on_postgresql_and_kafka() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    let prefix = format!("agents-{}-", Uuid::now_v7().simple());
    let config = AimConfig::new()
        .database(url)
        .kafka(Kafka::shared().unwrap().bootstrap(), &prefix);
    let aim = config.start().unwrap();
    from_event_to_agent(&Owner::of(&aim).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reported_agents_are_adopted_or_left_alone() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("peer", &[]).await.unwrap();
    let sighted = |name: &str, key: Option<&str>| {
        let key = key.map(|key| key_of(key).public_key().to_base64url());
        json!({ "name": name, "publicKey": key, "method": "PLATFORM", "confidence": 0.9,
            "source": "cluster eu-1" })
    };
    let agents = json!([
        sighted("peer", None),
        sighted("peer", Some("peer")),
        sighted("peer", Some("another")),
        sighted("billing", Some("billing")),
        sighted("shadow", None),
    ]);
    assert_eq!(counts(&report(&owner, agents.clone()).await), [3, 0, 2, 0]);
    // By its signature an agent reports as well.
    let body = json!({ "query": REPORT, "variables": { "input": { "agents": agents } } });
    let signed = agent.sign(body.to_string().into_bytes(), now());
    let told = agent.post(&signed).await.unwrap().body;
    assert_eq!(
        counts(&told["data"]["reportAgents"]),
        [0, 3, 2, 0],
        "{told}"
    );
    refuses_what_is_wrong(&owner).await;

    let found = inbox(&owner, json!({ "search": "BILL" })).await;
    let billing = &found["nodes"][0];
    assert_eq!(billing["sightingCount"], 2);
    // Its key is known, so that its id is all that it takes.
    let adopted = adopt(&owner, json!({ "agentSightingId": billing["id"] })).await;
    assert_eq!(adopted["agent"]["name"], "billing", "{adopted}");
    let key = &adopted["agent"]["keys"]["nodes"][0]["keyId"];
    assert_eq!(*key, key_of("billing").public_key().thumbprint());
    // Without a key nobody is registered.
    let shadow = &inbox(&owner, json!({ "search": "shadow" })).await["nodes"][0];
    let keyless = adopt(&owner, json!({ "agentSightingId": shadow["id"] })).await;
    assert_eq!(keyless["userErrors"][0]["field"], json!(["publicKey"]));
    let query =
        "mutation($input: DismissAgentSightingInput!) { dismissAgentSighting(input: $input) {
        agentSighting { status dismissedBy dismissalReason } userErrors { code field } } }";
    let dismiss = async |reason: &str| {
        let input = json!({ "agentSightingId": shadow["id"], "reason": reason });
        let mut done = owner.ask(query, json!({ "input": input })).await.unwrap();
        done["dismissAgentSighting"].take()
    };
    assert_eq!(
        dismiss("").await["userErrors"][0]["field"],
        json!(["reason"])
    );
    let left = dismiss("a colleague's trial").await;
    assert_eq!(left["agentSighting"]["status"], "DISMISSED", "{left}");
    assert_eq!(dismiss("again").await["userErrors"][0]["code"], "CONFLICT");
    assert_eq!(counts(&report(&owner, agents).await), [0, 2, 3, 0]);
    let open = inbox(&owner, json!({ "status": "OPEN" })).await;
    assert_eq!(
        open["totalCount"], 1,
        "what was left alone does not come back: {open}"
    );
}

async fn refuses_what_is_wrong(owner: &Owner) {
    let good = json!({ "name": "a", "method": "CODE", "confidence": 0.5 });
    for (field, value) in [
        ("name", json!("a b")),
        ("name", json!("")),
        ("publicKey", json!("none")),
        ("confidence", json!(1.1)),
        ("source", json!("s".repeat(129))),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        let refused = report(owner, json!([bad])).await;
        let wanted = json!(["agents", "0", field]);
        assert_eq!(refused["userErrors"][0]["field"], wanted, "{refused}");
    }
    for count in [0, 101] {
        let refused = report(owner, json!(vec![good.clone(); count])).await;
        assert_eq!(refused["userErrors"][0]["field"], json!(["agents"]));
    }
}

/// One reporter does not fill the inbox, and is told so.
#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_of_agents_is_bounded() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let many = |from: usize| -> Value {
        let agents = (from..from + 100).map(
            |number| json!({ "name": format!("a{number}"), "method": "CODE", "confidence": 0.5 }),
        );
        agents.collect()
    };
    for from in (0..1_000).step_by(100) {
        assert_eq!(counts(&report(&owner, many(from)).await), [100, 0, 0, 0]);
    }
    assert_eq!(counts(&report(&owner, many(950)).await), [0, 50, 0, 50]);
    assert_eq!(inbox(&owner, json!({})).await["totalCount"], 1_000);
}
