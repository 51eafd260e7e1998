//! Webhooks: signed so that a public library believes them, tried until they are taken, refused where
//! they would lead into a private network, lost by nothing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use aim_tests::{
    AimConfig, AimProcess, Postgres, Received, Receiver, Reply, python_script, wait_for,
};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use serde_json::{Value, json};

use crate::fleet::{Owner, database_of, text};
use crate::house::mutation;

pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
const AGENTS: &str = "aim.agent.changed.v1";
const DELIVERY: &str = "id status messageId eventType attemptCount nextAttemptAt finishedAt
    attempts { number latencyMilliseconds statusCode error answer }";

/// A server that may reach this machine.
pub(crate) fn reaching() -> AimConfig {
    AimConfig::new().env("AIM_OUTBOUND_NETWORKS", "127.0.0.0/8")
}

/// The payload of a mutation that made no mistake.
pub(crate) async fn done(owner: &Owner, name: &str, selection: &str, input: Value) -> Value {
    let query = mutation(name, selection);
    let mut answer = owner.ask(&query, json!({ "input": input })).await.unwrap();
    let payload = answer[name].take();
    assert_eq!(payload["userErrors"], json!([]), "{name}");
    payload
}

/// A webhook with its id and secret.
async fn webhook(owner: &Owner, name: &str, url: &str, types: &[&str]) -> (String, String) {
    let input = json!({ "name": name, "url": url, "eventTypes": types });
    let made = "created { secret notificationTarget { id } }";
    let made = done(owner, "createWebhook", made, input).await;
    let id = text(&made, "/created/notificationTarget/id").unwrap();
    (id, text(&made, "/created/secret").unwrap())
}

/// What a target was told, newest first.
async fn deliveries(owner: &Owner, target: &str) -> Vec<Value> {
    let query = format!(
        "query($id: ID!) {{ notificationTarget(id: $id) {{
            deliveries(first: 100) {{ nodes {{ {DELIVERY} }} }} }} }}"
    );
    let answer = owner.ask(&query, json!({ "id": target })).await.unwrap();
    let nodes = &answer["notificationTarget"]["deliveries"]["nodes"];
    nodes.as_array().unwrap().clone()
}

/// Waits until the newest delivery is as `is` says.
async fn newest(owner: &Owner, target: &str, what: &str, is: fn(&Value) -> bool) -> Value {
    wait_for(what, PATIENCE, || async {
        let all = deliveries(owner, target).await;
        Ok(all.into_iter().next().filter(is))
    })
    .await
    .unwrap()
}

/// Makes what waits due now: the pauses are hours long.
async fn hurry(database: &DatabaseConnection) {
    let due = "UPDATE notification_deliveries SET next_attempt_at = '2020-01-01 00:00:00+00:00'
        WHERE finished_at IS NULL";
    database.execute_unprepared(due).await.unwrap();
}

/// What the public library says of a request.
fn verdict(received: &Received, secret: &str) -> String {
    let mut command = python_script("verify_webhook.py").unwrap();
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = command.spawn().unwrap();
    let given = json!({
        "secret": secret, "headers": received.headers, "body": received.body,
    });
    let mut stdin = python.stdin.take().unwrap();
    stdin.write_all(given.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_library_believes_what_is_sent_and_nothing_else() {
    let receiver = Receiver::start().await.unwrap();
    let aim = reaching().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let (id, secret) = webhook(&owner, "first", receiver.url(), &[AGENTS]).await;
    let agent = owner.register("reader", &[]).await.unwrap();
    let request = receiver.request(0, PATIENCE).await.unwrap();
    assert_eq!(request.path, "/hook");
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(body["type"], AGENTS, "its own creation is another type");
    assert_eq!(body["data"]["agent"], agent.uuid().to_string());
    assert_eq!(verdict(&request, &secret), "verified");
    let mut changed = request.clone();
    changed.body.push(' ');
    assert!(verdict(&changed, &secret).starts_with("refused"));

    let told = newest(&owner, &id, "the delivery", |it| {
        it["status"] == "DELIVERED"
    })
    .await;
    assert_eq!(told["messageId"], request.headers["webhook-id"].as_str());
    assert_eq!(told["attempts"][0]["statusCode"], 200);

    // Both secrets are good for a while; then, or at once when the old one leaked, only the new one.
    let input = json!({ "notificationTargetId": id, "overlapSeconds": 3600 });
    let rotated = done(&owner, "rotateWebhookSecret", "rotated { secret }", input).await;
    let second = text(&rotated, "/rotated/secret").unwrap();
    assert_ne!(second, secret);
    let test = json!({ "notificationTargetId": id });
    let seen = receiver.received().len();
    let sent = "notificationDelivery { id }";
    done(&owner, "testNotificationTarget", sent, test.clone()).await;
    let request = receiver.request(seen, PATIENCE).await.unwrap();
    assert_eq!(verdict(&request, &secret), "verified");
    assert_eq!(verdict(&request, &second), "verified");
    let input = json!({ "notificationTargetId": id, "overlapSeconds": 0 });
    let rotated = done(&owner, "rotateWebhookSecret", "rotated { secret }", input).await;
    let third = text(&rotated, "/rotated/secret").unwrap();
    let seen = receiver.received().len();
    done(
        &owner,
        "testNotificationTarget",
        "notificationDelivery { id }",
        test,
    )
    .await;
    let request = receiver.request(seen, PATIENCE).await.unwrap();
    assert!(verdict(&request, &second).starts_with("refused"));
    assert_eq!(verdict(&request, &third), "verified");

    // No secret is kept, logged or told twice.
    let said = format!("{}{:?}", aim.log(), trail(&owner).await);
    let file = std::fs::read(aim.data().join("aim.db")).unwrap();
    let wal = std::fs::read(aim.data().join("aim.db-wal")).unwrap_or_default();
    for secret in [secret, second, third] {
        assert!(secret.starts_with("whsec_"));
        let bare = secret.trim_start_matches("whsec_");
        assert!(!said.contains(bare));
        for bytes in [&file, &wal] {
            assert!(!bytes.windows(bare.len()).any(|it| it == bare.as_bytes()));
        }
    }
}

async fn trail(owner: &Owner) -> Value {
    let query = "{ auditEntries(first: 100) { nodes { action reason before after } } }";
    owner.ask(query, json!({})).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_hangs_or_redirects_is_tried_again_and_holds_up_nobody() {
    let (bad, good) = (
        Receiver::start().await.unwrap(),
        Receiver::start().await.unwrap(),
    );
    bad.next([
        Reply::Status(503, "come back later".to_owned()),
        Reply::Silence,
        Reply::Redirect("http://169.254.169.254/latest/meta-data".to_owned()),
        Reply::Status(200, "thanks".to_owned()),
    ]);
    let aim = reaching().start().unwrap();
    let database = database_of(&aim).await.unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let (id, _) = webhook(&owner, "bad", bad.url(), &[AGENTS]).await;
    let (other, _) = webhook(&owner, "good", good.url(), &[AGENTS]).await;
    owner.register("reader", &[]).await.unwrap();
    let failed = newest(&owner, &id, "the first failure", |it| {
        it["attempts"].as_array().is_some_and(|all| all.len() == 1)
    });
    let failed = failed.await;
    assert_eq!(failed["status"], "PENDING");
    assert_eq!(failed["attempts"][0]["statusCode"], 503);
    assert_eq!(failed["attempts"][0]["answer"], "come back later");
    newest(&owner, &other, "the other", |it| {
        it["status"] == "DELIVERED"
    })
    .await;

    // While one hangs, the other hears at once.
    hurry(&database).await;
    bad.request(1, PATIENCE).await.unwrap();
    let seen = good.received().len();
    let test = json!({ "notificationTargetId": other });
    done(
        &owner,
        "testNotificationTarget",
        "notificationDelivery { id }",
        test,
    )
    .await;
    good.request(seen, Duration::from_secs(8)).await.unwrap();
    assert_eq!(bad.received().len(), 2, "it still hangs");
    let late = newest(&owner, &id, "the second failure", |it| {
        it["attempts"].as_array().is_some_and(|all| all.len() == 2)
    });
    let late = late.await;
    assert_eq!(late["attempts"][1]["error"], "no answer in time");
    assert!(late["attempts"][1]["latencyMilliseconds"].as_u64().unwrap() >= 9_000);

    hurry(&database).await;
    let redirected = newest(&owner, &id, "the redirect", |it| {
        it["attempts"].as_array().is_some_and(|all| all.len() == 3)
    });
    let redirected = redirected.await;
    assert_eq!(redirected["attempts"][2]["statusCode"], 302);
    let why = "answered 302: redirects are not followed";
    assert_eq!(redirected["attempts"][2]["error"], why);

    hurry(&database).await;
    let taken = newest(&owner, &id, "success", |it| it["status"] == "DELIVERED").await;
    assert_eq!(taken["attemptCount"], 4);
    let ids: BTreeSet<_> = bad
        .received()
        .iter()
        .map(|it| it.headers["webhook-id"].clone())
        .collect();
    assert_eq!(ids.len(), 1, "one id over all attempts");
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn what_nobody_takes_is_dead_and_can_be_replayed() {
    let receiver = Receiver::start().await.unwrap();
    receiver.answer(Reply::Status(500, "x".repeat(100_000)));
    let aim = reaching().start().unwrap();
    let database = database_of(&aim).await.unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let (id, _) = webhook(&owner, "down", receiver.url(), &[AGENTS]).await;
    owner.register("reader", &[]).await.unwrap();
    let first = newest(&owner, &id, "a failure", |it| !it["attempts"][0].is_null()).await;
    // The last but one of its attempts.
    let nearly = "UPDATE notification_deliveries SET attempt_count = 11";
    database.execute_unprepared(nearly).await.unwrap();
    hurry(&database).await;
    let dead = newest(&owner, &id, "its death", |it| it["status"] == "DEAD").await;
    assert_eq!(dead["id"], first["id"]);
    let answer = dead["attempts"][1]["answer"].as_str().unwrap();
    assert_eq!(answer.len(), 1_024, "only the first bytes are kept");

    receiver.answer(Reply::Status(204, String::new()));
    let input = json!({ "notificationDeliveryId": dead["id"] });
    let again = done(
        &owner,
        "replayNotificationDelivery",
        "notificationDelivery { status }",
        input.clone(),
    )
    .await;
    assert_eq!(again["notificationDelivery"]["status"], "PENDING");
    let taken = newest(&owner, &id, "success", |it| it["status"] == "DELIVERED").await;
    assert_eq!(taken["messageId"], first["messageId"]);
    let ids: BTreeSet<_> = receiver
        .received()
        .iter()
        .map(|it| it.headers["webhook-id"].clone())
        .collect();
    assert_eq!(ids.len(), 1);

    // Disabled, it hears nothing; what waited can be replayed when it is enabled again.
    let because = json!({ "notificationTargetId": id, "reason": "a test" });
    done(
        &owner,
        "disableNotificationTarget",
        "notificationTarget { id }",
        because.clone(),
    )
    .await;
    let query = mutation("replayNotificationDelivery", "notificationDelivery { id }");
    let refused = owner.ask(&query, json!({ "input": input })).await.unwrap();
    let code = &refused["replayNotificationDelivery"]["userErrors"][0]["code"];
    assert_eq!(code, "CONFLICT", "{refused}");
    let seen = receiver.received().len();
    owner.register("writer", &[]).await.unwrap();
    done(
        &owner,
        "enableNotificationTarget",
        "notificationTarget { id }",
        because.clone(),
    )
    .await;
    owner.register("third", &[]).await.unwrap();
    let next = receiver.request(seen, PATIENCE).await.unwrap();
    let body: Value = serde_json::from_str(&next.body).unwrap();
    assert_eq!(body["data"]["change"]["name"], "third", "{body}");
    done(
        &owner,
        "deleteNotificationTarget",
        "notificationTarget { id }",
        because,
    )
    .await;
    let query = "query($id: ID!) { notificationDelivery(id: $id) { id } }";
    let gone = owner
        .ask(query, json!({ "id": first["id"] }))
        .await
        .unwrap();
    assert!(gone["notificationDelivery"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_ssrf_private_addresses_are_refused_when_made_and_when_reached() {
    let receiver = Receiver::start().await.unwrap();
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let query = mutation("createWebhook", "created { secret }");
    for url in [
        receiver.url(),
        "https://127.0.0.1/hook",
        "https://[::1]/hook",
        "https://[::ffff:10.0.0.1]/hook",
        "https://10.0.0.1/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://2130706433/hook",
        "https://user:word@receiver.example/hook",
        "http://receiver.example/hook",
        "ftp://receiver.example/hook",
        "file:///etc/passwd",
        "no URL",
    ] {
        let input = json!({ "name": "bad", "url": url, "eventTypes": [AGENTS] });
        let answer = owner.ask(&query, json!({ "input": input })).await.unwrap();
        let error = &answer["createWebhook"]["userErrors"][0];
        assert_eq!(error["field"], json!(["url"]), "{url}: {answer}");
    }
    // A name is looked at when it is resolved, each time.
    let port = receiver.url().rsplit(':').next().unwrap();
    let (id, _) = webhook(
        &owner,
        "home",
        &format!("https://localhost:{port}"),
        &[AGENTS],
    )
    .await;
    owner.register("reader", &[]).await.unwrap();
    let refused = newest(&owner, &id, "a refusal", |it| !it["attempts"][0].is_null()).await;
    let why = "no answer: the name leads to an address that is not public";
    assert_eq!(refused["attempts"][0]["error"], why, "{refused}");
    assert!(receiver.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_in_the_middle_of_sending_loses_nothing() {
    const EVENTS: usize = 12;
    let receiver = Receiver::start().await.unwrap();
    receiver.next([
        Reply::Status(200, String::new()),
        Reply::Status(200, String::new()),
    ]);
    receiver.answer(Reply::Silence);
    let mut aim = reaching().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let (id, _) = webhook(&owner, "slow", receiver.url(), &[AGENTS]).await;
    let mut agents = BTreeSet::new();
    for number in 0..EVENTS {
        let agent = owner
            .register(&format!("agent-{number}"), &[])
            .await
            .unwrap();
        agents.insert(agent.uuid().to_string());
    }
    receiver.request(3, PATIENCE).await.unwrap();
    aim.kill9().unwrap();
    receiver.answer(Reply::Status(200, String::new()));
    aim.restart().unwrap();
    let owner = owner.sign_in(&aim, "admin@aim.local").await.unwrap();
    wait_for("all of them to be taken", PATIENCE, || async {
        let all = deliveries(&owner, &id).await;
        let taken = all.iter().filter(|it| it["status"] == "DELIVERED");
        Ok((taken.count() == EVENTS).then_some(()))
    })
    .await
    .unwrap();
    let told: BTreeSet<String> = receiver.received().iter().filter_map(about).collect();
    assert_eq!(told, agents);
    let ids: BTreeSet<_> = receiver
        .received()
        .iter()
        .map(|it| it.headers["webhook-id"].clone())
        .collect();
    assert_eq!(ids.len(), EVENTS, "what came twice has one id");
}

fn about(received: &Received) -> Option<String> {
    let body: Value = serde_json::from_str(&received.body).ok()?;
    body["data"]["agent"].as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_tell_everything_once_and_only_what_is_ones_own() {
    let (receiver, foreign) = (
        Receiver::start().await.unwrap(),
        Receiver::start().await.unwrap(),
    );
    let database = Postgres::shared().unwrap().fresh_database().unwrap();
    let node = || -> AimProcess {
        let node = reaching()
            .database(&database)
            .env("JWT_SECRET", "x".repeat(40));
        node.start().unwrap()
    };
    let one = node();
    let owner = Owner::of(&one).await.unwrap();
    let _two = node();
    let rows = sea_orm::Database::connect(&database).await.unwrap();
    let (id, _) = webhook(&owner, "ours", receiver.url(), &[AGENTS]).await;
    // Another organization has a target that hears of the same type.
    let (other, _) = webhook(&owner, "theirs", foreign.url(), &[AGENTS]).await;
    rows.execute_unprepared(
        "UPDATE notification_targets SET organization_id = gen_random_uuid() WHERE name = 'theirs'",
    )
    .await
    .unwrap();
    let mut agents = Vec::new();
    for number in 0..20 {
        let agent = owner
            .register(&format!("agent-{number}"), &[])
            .await
            .unwrap();
        agents.push(agent.uuid().to_string());
    }
    wait_for("all of them to be taken", PATIENCE, || async {
        let all = deliveries(&owner, &id).await;
        let taken = all.iter().filter(|it| it["status"] == "DELIVERED");
        Ok((taken.count() == 20).then_some(()))
    })
    .await
    .unwrap();
    let mut told: Vec<String> = receiver.received().iter().filter_map(about).collect();
    told.sort_unstable();
    agents.sort_unstable();
    assert_eq!(told, agents, "each once");
    assert!(foreign.received().is_empty());
    let query = "query($id: ID!) { notificationTarget(id: $id) { id } }";
    let unseen = owner.ask(query, json!({ "id": other })).await.unwrap();
    assert!(unseen["notificationTarget"].is_null());
}
