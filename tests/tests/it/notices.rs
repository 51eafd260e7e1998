//! People are told, in channels and by letter: of what waits for them and what went wrong, as text and
//! nothing else, and not more than they can read.

use aim_tests::{Receiver, Reply, wait_for};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::fleet::{database_of, text};
use crate::house::{ADMIN, House, mutation};
use crate::notifications::{PATIENCE, done, reaching};

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_and_a_mailbox_hear_of_what_waits_for_approval() {
    let channel = Receiver::start().await.unwrap();
    let house = House::with(reaching()).await.unwrap();
    let owner = &house.owner;
    let url = format!("{}/T0/B0/a-secret-of-the-channel", channel.url());
    let input = json!({ "name": "channel", "url": url });
    let made = "notificationTarget { id address eventTypes }";
    let made = done(owner, "createSlackTarget", made, input).await;
    let shown = text(&made, "/notificationTarget/address").unwrap();
    assert!(
        shown.ends_with("/…") && !shown.contains("secret"),
        "{shown}"
    );
    let input = json!({ "name": "mailbox", "email": ADMIN, "leastSeverity": "HIGH" });
    done(
        owner,
        "createEmailTarget",
        "notificationTarget { id }",
        input,
    )
    .await;
    let query = mutation("createEmailTarget", "notificationTarget { id }");
    let input = json!({ "name": "stranger", "email": "stranger@elsewhere.example" });
    let refused = owner.ask(&query, json!({ "input": input })).await.unwrap();
    let field = &refused["createEmailTarget"]["userErrors"][0]["field"];
    assert_eq!(*field, json!(["email"]), "{refused}");

    let agent = owner.register("reader", &["db:delete"]).await.unwrap();
    let hostile = "<!channel> `x` <https://evil.example|ok>";
    let asked = json!({ "action": "db:delete", "resource": hostile });
    let answer = agent.verify(asked).await.unwrap();
    assert_eq!(answer.decision().0, "PENDING_APPROVAL", "{}", answer.body);
    let request = channel.request(0, PATIENCE).await.unwrap();
    assert_eq!(request.path, "/hook/T0/B0/a-secret-of-the-channel");
    let body: Value = serde_json::from_str(&request.body).unwrap();
    let said = body["text"].as_str().unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "*An action waits for approval* (Critical)");
    assert_eq!(lines[1], "Action: `db:delete`");
    let resource = "Resource: `&lt;!channel&gt; 'x' &lt;https://evil.example|ok&gt;`";
    assert_eq!(lines[2], resource);
    assert_eq!(lines[3], "Agent: `reader`");
    let letter = house.mail.mail_to(ADMIN, 0, PATIENCE).await.unwrap();
    assert_eq!(letter["subject"], "AIM: An action waits for approval");
    let letter = letter["text"].as_str().unwrap();
    assert!(
        letter.contains("db:delete") && !letter.contains("https://evil"),
        "{letter}"
    );
    let file = std::fs::read(house.aim.data().join("aim.db")).unwrap();
    let secret = b"a-secret-of-the-channel";
    assert!(!file.windows(secret.len()).any(|it| it == secret));
    assert!(!house.aim.log().contains("a-secret-of-the-channel"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_becomes_one_more_message() {
    let channel = Receiver::start().await.unwrap();
    let house = House::with(reaching()).await.unwrap();
    let owner = &house.owner;
    let input = json!({ "name": "channel", "url": channel.url() });
    let made = done(
        owner,
        "createSlackTarget",
        "notificationTarget { id }",
        input,
    )
    .await;
    let id = text(&made, "/notificationTarget/id").unwrap();
    let agent = owner.register("reader", &["db:delete"]).await.unwrap();
    for number in 0..40 {
        let asked = json!({ "action": "db:delete", "resource": format!("/{number}") });
        agent.verify(asked).await.unwrap();
    }
    let query = "query($id: ID!) { notificationTarget(id: $id) { deliveries(first: 100) {
        nodes { eventType status } } } }";
    let all = wait_for("the digest", PATIENCE, || async {
        let answer = owner.ask(query, json!({ "id": id })).await?;
        let nodes = answer["notificationTarget"]["deliveries"]["nodes"].clone();
        let nodes = nodes.as_array().cloned().unwrap_or_default();
        let waits = nodes.iter().filter(|it| it["status"] == "PENDING").count();
        let is_there = nodes
            .iter()
            .any(|it| it["eventType"] == "aim.notification.digest.v1");
        // Only the digest waits, for the end of its window.
        Ok((is_there && waits <= 2 && nodes.len() >= 21).then_some(nodes))
    })
    .await
    .unwrap();
    let digests = |it: &&Value| it["eventType"] == "aim.notification.digest.v1";
    assert!(
        all.len() <= 42 && all.iter().filter(digests).count() <= 2,
        "{all:?}"
    );
    let single = all.len() - all.iter().filter(digests).count();
    assert!((20..=40).contains(&single), "{single}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_fails_for_days_is_shut_off_and_its_owners_are_told() {
    let receiver = Receiver::start().await.unwrap();
    receiver.answer(Reply::Status(500, String::new()));
    let house = House::with(reaching()).await.unwrap();
    let owner = &house.owner;
    let types = ["aim.agent.changed.v1"];
    let input = json!({ "name": "down", "url": receiver.url(), "eventTypes": types });
    let made = "created { notificationTarget { id } }";
    let made = done(owner, "createWebhook", made, input).await;
    let id = text(&made, "/created/notificationTarget/id").unwrap();
    let database = database_of(&house.aim).await.unwrap();
    let long = "UPDATE notification_targets SET failing_since = '2020-01-01 00:00:00+00:00'";
    database.execute_unprepared(long).await.unwrap();
    owner.register("reader", &[]).await.unwrap();
    let query = "query($id: ID!) { notificationTarget(id: $id) { isEnabled disabledReason
        deliveries(first: 9) { nodes { status } } } }";
    let off = wait_for("its end", PATIENCE, || async {
        let answer = owner.ask(query, json!({ "id": id })).await?;
        let target = answer["notificationTarget"].clone();
        Ok((target["isEnabled"] == false).then_some(target))
    })
    .await
    .unwrap();
    assert_eq!(off["disabledReason"], "every attempt failed for five days");
    for delivery in off["deliveries"]["nodes"].as_array().unwrap() {
        assert_eq!(delivery["status"], "DEAD");
    }
    let letter = house.mail.mail_to(ADMIN, 0, PATIENCE).await.unwrap();
    assert_eq!(letter["subject"], "A notification target was shut off");
    assert!(letter["text"].as_str().unwrap().contains("\"down\""));
    let query = "{ auditEntries(first: 1, filter: { action: \"notification-target.disable\" }) {
        nodes { actorId reason } } }";
    let trail = owner.ask(query, json!({})).await.unwrap();
    assert_eq!(
        trail["auditEntries"]["nodes"][0]["actorId"],
        "notifications"
    );
}
