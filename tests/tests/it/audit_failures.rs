//! The audit trail when things fail: nothing without its entry, and another process goes on.

use aim_tests::{AimConfig, Postgres, wait_for};
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};

use crate::audit_log::{PATIENCE, Scene, audit, good, verdict};
use crate::fleet::database_of;

/// Makes every insert into the trail fail, or lets it work again.
const BLOCK: [(&str, &str); 2] = [
    (
        "CREATE TRIGGER no_audit BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'no'); END",
        "DROP TRIGGER no_audit",
    ),
    (
        "CREATE FUNCTION no_audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
         CREATE TRIGGER no_audit BEFORE INSERT ON audit_entries FOR EACH ROW EXECUTE FUNCTION no_audit()",
        "DROP TRIGGER no_audit ON audit_entries",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_audited_does_not_happen() {
    let postgres = Postgres::shared().unwrap().fresh_database().unwrap();
    for (config, (block, unblock)) in [AimConfig::new(), AimConfig::new().database(&postgres)]
        .into_iter()
        .zip(BLOCK)
    {
        let scene = Scene::of(config.start().unwrap()).await;
        let db = match database_of(&scene.aim).await {
            Ok(db) => db,
            Err(_) => Database::connect(&postgres).await.unwrap(),
        };
        db.execute_unprepared(block).await.unwrap();
        let before = scene.owner.counts().await.unwrap();
        let refused = scene
            .agent
            .verify(json!({ "action": "files:read" }))
            .await
            .unwrap();
        let error = &refused.body["errors"][0];
        assert_eq!(
            error["extensions"]["code"], "UNAVAILABLE",
            "{}",
            refused.body
        );
        let body = json!({
            "query": "mutation($input: SuspendAgentInput!) { suspendAgent(input: $input) { agent { status } } }",
            "variables": { "input": { "agentId": scene.agent.id, "reason": "a test" } },
        });
        let request = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = request.post(format!("{}/graphql", scene.owner.url));
        let request = request.bearer_auth(&scene.owner.token).json(&body);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(
            answer["errors"][0]["extensions"]["code"], "UNAVAILABLE",
            "{answer}"
        );
        assert_eq!(scene.owner.counts().await.unwrap(), before);
        assert_eq!(
            scene.owner.look(&scene.agent).await.unwrap()["status"],
            "VERIFIED"
        );
        db.execute_unprepared(unblock).await.unwrap();
        let allowed = scene
            .agent
            .verify(json!({ "action": "files:read" }))
            .await
            .unwrap();
        assert_eq!(allowed.decision().0, "ALLOWED", "{}", allowed.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_goes_on_when_the_sequencer_dies() {
    let database = Postgres::shared().unwrap().fresh_database().unwrap();
    let home = tempfile::tempdir().unwrap();
    let key = home.path().join("audit.pem");
    let config = AimConfig::new()
        .database(&database)
        .env("AIM_AUDIT_KEY_FILE", key.to_str().unwrap())
        .env("JWT_SECRET", "0123456789abcdef0123456789abcdef");
    let first = config.clone().start().unwrap();
    let second = config.role("api").start().unwrap();
    let mut scene = Scene::of(first).await;
    scene.aim.kill9().unwrap();
    scene.owner.url = second.base_url().to_owned();
    scene.agent.url = second.base_url().to_owned();
    scene.decide(3).await;
    let key = good(&["key", "--database-url", &database]);
    let verdict = verdict(&["--database-url", &database, "--key", key.trim()]);
    assert_eq!(verdict["size"].as_u64(), Some(scene.size), "{verdict}");
    let tamper = "UPDATE audit_entries SET after = '{}' WHERE id = (SELECT entry_id FROM audit_leaves \
                  WHERE leaf_index = 3)";
    let db = Database::connect(&database).await.unwrap();
    db.execute_unprepared(tamper).await.unwrap();
    let arguments = [
        "verify",
        "--json",
        "--database-url",
        &database,
        "--key",
        key.trim(),
    ];
    let finding: Value = serde_json::from_slice(&audit(&arguments).stdout).unwrap();
    assert_eq!(finding["firstBadIndex"], 3, "{finding}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_was_changed_is_not_signed_again() {
    let scene = Scene::new().await;
    let db = database_of(&scene.aim).await.unwrap();
    let tamper =
        "UPDATE audit_tiles SET hashes = CAST(randomblob(32) || substr(hashes, 33) AS BLOB)";
    db.execute_unprepared(tamper).await.unwrap();
    scene
        .agent
        .verify(json!({ "action": "files:read" }))
        .await
        .unwrap();
    let says = || async { Ok(scene.aim.log().contains("it stands still").then_some(())) };
    wait_for("the sequencer to stop", PATIENCE, says)
        .await
        .unwrap();
    let query = "{ auditLog { size } auditCheckpoint { treeSize } }";
    let answer = scene.owner.ask(query, json!({})).await.unwrap();
    assert_eq!(answer["auditLog"]["size"].as_u64(), Some(scene.size));
    assert_eq!(
        answer["auditCheckpoint"]["treeSize"].as_u64(),
        Some(scene.size)
    );
}
