//! The audit log proves itself: offline, after tampering, after erasing, with witnesses and new keys.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use aim_domain::audit::{
    Hash, KeyKind, NoteSignature, VerifierKey, cosignature_message, verify_consistency,
    verify_inclusion,
};
use aim_domain::signature::SecretKey;
use aim_tests::{AimConfig, AimProcess, Postgres, aim_command, wait_for};
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fleet::{Agent, Owner, add_person, database_of, now, text};

const PATIENCE: Duration = Duration::from_secs(30);

/// What `aim audit` answers; it is told nothing by this process's settings.
fn audit(arguments: &[&str]) -> Output {
    // A folder without a database, a key or a configuration.
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = aim_command().unwrap();
    command
        .arg("audit")
        .args(arguments)
        .current_dir(elsewhere.path());
    command.output().unwrap()
}

fn good(arguments: &[&str]) -> String {
    let output = audit(arguments);
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {problem}");
    String::from_utf8(output.stdout).unwrap()
}

fn verdict(arguments: &[&str]) -> Value {
    let output = audit(&[&["verify", "--json"], arguments].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    let problem = String::from_utf8_lossy(&output.stderr);
    let verdict: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{problem}"));
    assert_eq!(
        verdict["isGood"].as_bool(),
        Some(output.status.success()),
        "{verdict}"
    );
    verdict
}

fn url_of(file: &Path) -> String {
    format!("sqlite://{}", file.display())
}

/// Waits until every entry has an index, and says how many there are.
async fn sequenced(owner: &Owner) -> u64 {
    let look = || async {
        let query = "{ auditLog { size } auditEntries(first: 1) { totalCount } }";
        let answer = owner.ask(query, json!({})).await?;
        let (size, total) = (
            &answer["auditLog"]["size"],
            &answer["auditEntries"]["totalCount"],
        );
        Ok((size == total).then(|| size.as_u64().unwrap()))
    };
    wait_for("indexes", PATIENCE, look).await.unwrap()
}

/// A log of some entries, changes and decisions, with what an auditor keeps of it.
struct Scene {
    aim: AimProcess,
    owner: Owner,
    agent: Agent,
    kept: TempDir,
    size: u64,
}

impl Scene {
    async fn new() -> Self {
        Self::of(AimConfig::new().start().unwrap()).await
    }

    async fn of(aim: AimProcess) -> Self {
        let owner = Owner::of(&aim).await.unwrap();
        let agent = owner.register("reader", &["files:read"]).await.unwrap();
        let mut scene = Self {
            aim,
            owner,
            agent,
            kept: tempfile::tempdir().unwrap(),
            size: 0,
        };
        scene.decide(5).await;
        scene
    }

    async fn decide(&mut self, count: u32) {
        for number in 0..count {
            let action = if number % 2 == 0 {
                "files:read"
            } else {
                "files:write"
            };
            self.agent
                .verify(json!({ "action": action }))
                .await
                .unwrap();
            // Several checkpoints.
            self.size = sequenced(&self.owner).await;
        }
    }

    fn url(&self) -> String {
        url_of(&self.aim.data().join("aim.db"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.kept.path().join(name)
    }

    /// Exports the log with its newest checkpoint and key; returns the key.
    fn export(&self, url: &str) -> String {
        let file = self.file("audit.jsonl");
        good(&[
            "export",
            "--database-url",
            url,
            "--out",
            file.to_str().unwrap(),
        ]);
        let note = good(&["checkpoint", "--database-url", url]);
        std::fs::write(self.file("checkpoint"), note).unwrap();
        let keys = good(&["key", "--database-url", url]);
        keys.lines().next().unwrap().to_owned()
    }

    /// The verdict on an export, by a process that has nothing else.
    fn offline(&self, export: &str, key: &str) -> Value {
        let (export, note) = (self.file(export), self.file("checkpoint"));
        let export = export.to_str().unwrap();
        verdict(&[
            "--export",
            export,
            "--checkpoint",
            note.to_str().unwrap(),
            "--key",
            key,
        ])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_verifies_on_another_machine_with_no_database() {
    let scene = Scene::new().await;
    let key = scene.export(&scene.url());
    let verdict = scene.offline("audit.jsonl", &key);
    assert_eq!(verdict["size"].as_u64(), Some(scene.size), "{verdict}");
    assert!(
        verdict["checkpointCount"].as_u64().unwrap() >= 5,
        "{verdict}"
    );

    // The same over HTTP, without a word to the database's owner.
    let request = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = |form: &str| {
        let url = format!("{}/v1/audit/export?format={form}", scene.owner.url);
        request.get(url).bearer_auth(&scene.owner.token).send()
    };
    let body = get("jsonl").await.unwrap().text().await.unwrap();
    let own = std::fs::read_to_string(scene.file("audit.jsonl")).unwrap();
    assert!(body.starts_with(own.lines().next().unwrap()), "{body}");
    std::fs::write(scene.file("http.jsonl"), body).unwrap();
    assert_eq!(scene.offline("http.jsonl", &key)["isGood"], true);
    let events = get("ocsf").await.unwrap().text().await.unwrap();
    for line in events.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&event["class_uid"], &event["metadata"]["version"]),
            (&json!(6003), &json!("1.7.0"))
        );
    }
    let refused = get("xml").await.unwrap();
    assert_eq!(refused.status().as_u16(), 400);

    // Another's key, and a checkpoint that nobody has signed.
    let other = VerifierKey {
        name: key.split('+').next().unwrap().to_owned(),
        kind: KeyKind::Log,
        key: SecretKey::from_seed(&[1; 32]).public_key(),
    };
    let (export, note) = (scene.file("audit.jsonl"), scene.file("checkpoint"));
    let arguments = [
        "verify",
        "--export",
        export.to_str().unwrap(),
        "--checkpoint",
        note.to_str().unwrap(),
    ];
    let output = audit(&[&arguments[..], &["--key", &other.to_string()]].concat());
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no signature of this key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_export_has_every_entry() {
    let scene = Scene::new().await;
    let url = scene.url();
    for form in ["csv", "parquet", "ocsf"] {
        let file = scene.file(form);
        let file = file.to_str().unwrap();
        good(&[
            "export",
            "--database-url",
            &url,
            "--format",
            form,
            "--out",
            file,
        ]);
    }
    let csv = std::fs::read_to_string(scene.file("csv")).unwrap();
    assert_eq!(csv.lines().count() as u64, scene.size + 1, "{csv}");
    assert!(csv.starts_with("index,id,organization,created_at,actor_type,actor_id,action,"));
    assert!(csv.contains(",action.verify,verification,"), "{csv}");
    let events = std::fs::read_to_string(scene.file("ocsf")).unwrap();
    assert_eq!(events.lines().count() as u64, scene.size);
    let parquet = std::fs::read(scene.file("parquet")).unwrap();
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_of_the_api_convince_whoever_has_a_checkpoint() {
    let mut scene = Scene::new().await;
    let checkpoint = "{ auditCheckpoint { treeSize rootHash note } }";
    let first = scene.owner.ask(checkpoint, json!({})).await.unwrap();
    let first = &first["auditCheckpoint"];
    scene.decide(3).await;
    let query = "query($size: Int) { auditEntries(first: 100) {
        nodes { id index leafHash proof(treeSize: $size) { treeSize rootHash hashes } } } }";
    let answer = scene.owner.ask(query, json!({})).await.unwrap();
    let newest = scene.owner.ask(checkpoint, json!({})).await.unwrap();
    let newest = &newest["auditCheckpoint"];
    let hash = |value: &Value| -> Hash { value.as_str().unwrap().parse().unwrap() };
    let hashes =
        |value: &Value| -> Vec<Hash> { value.as_array().unwrap().iter().map(hash).collect() };
    let number = |value: &Value| value.as_u64().unwrap();
    let nodes = answer["auditEntries"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len() as u64, scene.size);
    for node in nodes {
        let (index, leaf, proof) = (
            number(&node["index"]),
            hash(&node["leafHash"]),
            &node["proof"],
        );
        assert_eq!(proof["rootHash"], newest["rootHash"]);
        let (size, root) = (number(&proof["treeSize"]), hash(&proof["rootHash"]));
        verify_inclusion(index, size, &leaf, &hashes(&proof["hashes"]), &root).unwrap();
    }
    let query = "query($from: Int!) { auditConsistencyProof(fromSize: $from) {
        fromRootHash toSize toRootHash hashes } }";
    let size = number(&first["treeSize"]);
    let answer = scene
        .owner
        .ask(query, json!({ "from": size }))
        .await
        .unwrap();
    let proof = &answer["auditConsistencyProof"];
    assert_eq!(proof["fromRootHash"], first["rootHash"]);
    assert_eq!(proof["toRootHash"], newest["rootHash"]);
    let (before, after) = (hash(&proof["fromRootHash"]), hash(&proof["toRootHash"]));
    let (before, after) = (before.as_bytes(), after.as_bytes());
    verify_consistency(
        size,
        number(&proof["toSize"]),
        before,
        after,
        &hashes(&proof["hashes"]),
    )
    .unwrap();
    let beyond = scene
        .owner
        .ask(query, json!({ "from": scene.size + 1 }))
        .await
        .unwrap();
    assert!(beyond["auditConsistencyProof"].is_null());
}

/// What is done to the database, and the first index that it makes bad; `N` is the log's size, and
/// `I` stands for an index in the middle.
const TAMPERINGS: &[(&str, &str, i64)] = &[
    ("an entry's reason", "UPDATE audit_entries SET reason = 'x' WHERE id = (SELECT entry_id FROM audit_leaves WHERE leaf_index = 3)", 3),
    ("an entry's actor", "UPDATE audit_entries SET actor_id = 'x' WHERE id = (SELECT entry_id FROM audit_leaves WHERE leaf_index = 0)", 0),
    ("an entry's time", "UPDATE audit_entries SET created_at = '2020-01-01T00:00:00+00:00' WHERE id = (SELECT entry_id FROM audit_leaves WHERE leaf_index = 2)", 2),
    ("an entry's organization", "UPDATE audit_entries SET organization_id = randomblob(16) WHERE id = (SELECT entry_id FROM audit_leaves WHERE leaf_index = 2)", 2),
    ("two entries' contents swapped", "UPDATE audit_entries SET id = CASE id
        WHEN (SELECT entry_id FROM audit_leaves WHERE leaf_index = 4) THEN x'01'
        ELSE id END; UPDATE audit_entries SET id = (SELECT entry_id FROM audit_leaves WHERE leaf_index = 4)
        WHERE id = (SELECT entry_id FROM audit_leaves WHERE leaf_index = 5); UPDATE audit_entries SET id =
        (SELECT entry_id FROM audit_leaves WHERE leaf_index = 5) WHERE id = x'01'", 4),
    ("an entry dropped", "DELETE FROM audit_entries WHERE id = (SELECT entry_id FROM audit_leaves WHERE leaf_index = 4)", 4),
    ("an entry and its leaf dropped", "DELETE FROM audit_entries WHERE id = (SELECT entry_id FROM audit_leaves WHERE leaf_index = 4);
        DELETE FROM audit_leaves WHERE leaf_index = 4", 4),
    ("dropped and the rest moved up", "DELETE FROM audit_entries WHERE id = (SELECT entry_id FROM audit_leaves WHERE leaf_index = 4);
        DELETE FROM audit_leaves WHERE leaf_index = 4; UPDATE audit_leaves SET leaf_index = -leaf_index WHERE leaf_index > 4;
        UPDATE audit_leaves SET leaf_index = -leaf_index - 1 WHERE leaf_index < 0", 4),
    ("a leaf dropped", "DELETE FROM audit_leaves WHERE leaf_index = 1", 1),
    ("two leaves swapped", "UPDATE audit_leaves SET leaf_index = -9 WHERE leaf_index = 2;
        UPDATE audit_leaves SET leaf_index = 2 WHERE leaf_index = 3; UPDATE audit_leaves SET leaf_index = 3 WHERE leaf_index = -9", 2),
    ("a leaf's hash", "UPDATE audit_leaves SET leaf_hash = randomblob(32) WHERE leaf_index = 5", 5),
    ("a leaf's salt", "UPDATE audit_leaves SET salt = randomblob(32) WHERE leaf_index = 5", 5),
    ("a tile", "UPDATE audit_tiles SET hashes = CAST(substr(hashes, 1, 192) || randomblob(32) || substr(hashes, 225) AS BLOB)", 6),
    ("the tiles dropped", "DELETE FROM audit_tiles", 0),
    ("an entry put between", "INSERT INTO audit_entries (position, id, organization_id, actor_type, actor_id, action, object_type,
        object_id, request_id, created_at) SELECT -5, randomblob(16), organization_id, actor_type, actor_id, action,
        object_type, object_id, request_id, created_at FROM audit_entries LIMIT 1", 0),
    ("a checkpoint's note", "UPDATE audit_checkpoints SET note = replace(note, 'aim/audit', 'aim/other') WHERE number = 1", 0),
    ("a checkpoint's root", "UPDATE audit_checkpoints SET root = randomblob(32) WHERE number = 1", 0),
    ("a checkpoint dropped", "DELETE FROM audit_checkpoints WHERE number = 1", 0),
    ("two checkpoints swapped", "UPDATE audit_checkpoints SET number = -1 WHERE number = 1;
        UPDATE audit_checkpoints SET number = 1 WHERE number = 2; UPDATE audit_checkpoints SET number = 2 WHERE number = -1", 0),
    ("the key", "UPDATE audit_keys SET public_key = 'AAAA'", -1),
];

#[tokio::test(flavor = "multi_thread")]
async fn tampering_in_the_database_is_named_with_its_first_index() {
    let mut scene = Scene::new().await;
    let (url, key) = (scene.url(), scene.export(&scene.url()));
    let before = verdict(&["--database-url", &url, "--key", &key]);
    assert_eq!(before["size"].as_u64(), Some(scene.size));
    assert_eq!(scene.aim.stop().unwrap(), 0);
    let database = scene.aim.data().join("aim.db");
    let note = scene.file("checkpoint");
    let check = async |statements: &str| {
        let copy = scene.file("copy.db");
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(scene.file(&format!("copy.db{end}")));
        }
        std::fs::copy(&database, &copy).unwrap();
        let db = Database::connect(url_of(&copy)).await.unwrap();
        db.execute_unprepared("PRAGMA foreign_keys = OFF")
            .await
            .unwrap();
        db.execute_unprepared(statements).await.unwrap();
        db.close().await.unwrap();
        let url = url_of(&copy);
        let note = note.to_str().unwrap();
        audit(&[
            "verify",
            "--json",
            "--database-url",
            &url,
            "--key",
            &key,
            "--checkpoint",
            note,
        ])
    };
    for (name, statements, index) in TAMPERINGS {
        let output = check(statements).await;
        assert!(!output.status.success(), "{name} was not found");
        let text = String::from_utf8_lossy(&output.stdout);
        if *index < 0 {
            continue;
        }
        let finding: Value = serde_json::from_str(&text)
            .unwrap_or_else(|_| panic!("{name}: {}", String::from_utf8_lossy(&output.stderr)));
        assert_eq!(
            finding["firstBadIndex"].as_i64(),
            Some(*index),
            "{name}: {finding}"
        );
    }
    // Every entry and every checkpoint: changed, dropped, and swapped with the next.
    for index in 0..scene.size {
        let id =
            |index: u64| format!("(SELECT entry_id FROM audit_leaves WHERE leaf_index = {index})");
        let (this, next) = (id(index), index + 1);
        let mut cases = vec![
            format!("UPDATE audit_entries SET request_id = request_id || 'x' WHERE id = {this}"),
            format!("DELETE FROM audit_entries WHERE id = {this}"),
        ];
        if next < scene.size {
            cases.push(format!(
                "UPDATE audit_leaves SET leaf_index = -9 WHERE leaf_index = {index};
                UPDATE audit_leaves SET leaf_index = {index} WHERE leaf_index = {next};
                UPDATE audit_leaves SET leaf_index = {next} WHERE leaf_index = -9"
            ));
        }
        for statements in cases {
            let output = check(&statements).await;
            let text = String::from_utf8_lossy(&output.stdout);
            let finding: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(
                finding["firstBadIndex"].as_u64(),
                Some(index),
                "{statements}: {finding}"
            );
        }
    }
    // The newest checkpoint, and everything since an old one.
    for (statements, bad) in [
        (
            "DELETE FROM audit_checkpoints WHERE number = (SELECT max(number) FROM audit_checkpoints)",
            None,
        ),
        (
            "DELETE FROM audit_checkpoints; DELETE FROM audit_leaves; DELETE FROM audit_tiles; DELETE FROM audit_trees",
            Some(0),
        ),
    ] {
        let output = check(statements).await;
        let finding: Value =
            serde_json::from_str(&String::from_utf8_lossy(&output.stdout)).unwrap();
        assert_eq!(finding["isGood"], false, "{statements}");
        if let Some(bad) = bad {
            assert_eq!(finding["firstBadIndex"], bad, "{finding}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn erasing_a_person_and_retention_keep_every_proof_and_a_hold_stops_them() {
    let mut scene = Scene::new().await;
    let (url, key) = (scene.url(), scene.export(&scene.url()));
    add_person(&scene.aim, "ada@test.local", "OWNER")
        .await
        .unwrap();
    let ada = scene
        .owner
        .sign_in(&scene.aim, "ada@test.local")
        .await
        .unwrap();
    let viewer = ada
        .ask("{ viewer { ... on User { id } } }", json!({}))
        .await
        .unwrap();
    let ada_id = text(&viewer, "/viewer/id").unwrap();
    let suspend = "mutation($input: SuspendAgentInput!) { suspendAgent(input: $input) { userErrors { message } } }";
    let input = json!({ "agentId": scene.agent.id, "reason": "Ada saw it at night" });
    ada.ask(suspend, json!({ "input": input })).await.unwrap();
    let reinstate = "mutation($input: ReinstateAgentInput!) { reinstateAgent(input: $input) { userErrors { message } } }";
    let input = json!({ "agentId": scene.agent.id, "reason": "ADA@test.local was wrong" });
    scene
        .owner
        .ask(reinstate, json!({ "input": input }))
        .await
        .unwrap();

    let hold = "mutation($input: EngageLegalHoldInput!) { engageLegalHold(input: $input) {
        retention { legalHold { reason } } userErrors { code } } }";
    let held = scene
        .owner
        .ask(hold, json!({ "input": { "reason": "a case" } }))
        .await
        .unwrap();
    assert_eq!(
        held["engageLegalHold"]["retention"]["legalHold"]["reason"],
        "a case"
    );
    let erase = "mutation($input: EraseAuditSubjectInput!) { eraseAuditSubject(input: $input) {
        erasure { id } userErrors { code field message } } }";
    let order = json!({ "input": { "userId": ada_id, "reason": "asked for it" } });
    let refused = scene.owner.ask(erase, order.clone()).await.unwrap();
    assert_eq!(
        refused["eraseAuditSubject"]["userErrors"][0]["code"],
        "CONFLICT"
    );
    let short = json!({ "input": { "userId": ada_id, "terms": ["a"], "reason": "asked for it" } });
    let refused = scene.owner.ask(erase, short).await.unwrap();
    assert_eq!(
        refused["eraseAuditSubject"]["userErrors"][0]["field"],
        json!(["terms", "0"])
    );
    let release = "mutation($input: ReleaseLegalHoldInput!) { releaseLegalHold(input: $input) {
        retention { legalHold { reason } } userErrors { code } } }";
    scene
        .owner
        .ask(release, json!({ "input": { "reason": "it is over" } }))
        .await
        .unwrap();
    let done = scene.owner.ask(erase, order).await.unwrap();
    assert_eq!(done["eraseAuditSubject"]["userErrors"], json!([]));
    let erasures = "{ auditErasures(first: 1) { nodes { erasedCount finishedAt } } }";
    let look = || async {
        let answer = scene.owner.ask(erasures, json!({})).await?;
        let order = &answer["auditErasures"]["nodes"][0];
        Ok((!order["finishedAt"].is_null()).then(|| order["erasedCount"].as_u64().unwrap()))
    };
    let erased = wait_for("the erasure", PATIENCE, look).await.unwrap();
    assert_eq!(erased, 2, "what she did, and what names her");
    scene.size = sequenced(&scene.owner).await;
    let newer = scene.export(&url);
    assert_eq!(newer, key);
    let verdict_now = scene.offline("audit.jsonl", &key);
    assert_eq!(verdict_now["isGood"], true, "{verdict_now}");
    assert_eq!(
        verdict_now["erased"].as_array().unwrap().len(),
        1,
        "two neighbours: {verdict_now}"
    );
    let export = std::fs::read_to_string(scene.file("audit.jsonl"))
        .unwrap()
        .to_lowercase();
    assert!(
        !export.contains("ada") || !export.contains("at night"),
        "{export}"
    );
    assert!(!export.contains("ada@test.local") && !export.contains("at night"));
    let query = "{ auditEntries(first: 1, filter: { action: \"agent.suspend\" }) {
        nodes { actorId reason erasedFields proof { treeSize } } } }";
    let answer = scene.owner.ask(query, json!({})).await.unwrap();
    let entry = &answer["auditEntries"]["nodes"][0];
    assert_eq!(
        (&entry["actorId"], &entry["reason"]),
        (&json!(""), &Value::Null)
    );
    let fields = json!(["actorId", "reason", "requestId"]);
    assert_eq!(entry["erasedFields"], fields);
    assert!(entry["proof"]["treeSize"].is_u64());

    // Retention: an entry of long ago, and nothing else.
    let old = "INSERT INTO audit_entries (id, organization_id, actor_type, actor_id, action, object_type, object_id,
        reason, request_id, created_at) SELECT randomblob(16), id, 'user', 'u', 'agent.suspend', 'agent', 'o',
        'long ago', 'r', '2020-01-01T00:00:00+00:00' FROM organizations";
    let fresh = AimConfig::new().start().unwrap();
    let db = database_of(&fresh).await.unwrap();
    db.execute_unprepared(old).await.unwrap();
    let mut fresh = fresh;
    let owner = Owner::of(&fresh).await.unwrap();
    sequenced(&owner).await;
    let set = "mutation($input: SetAuditRetentionInput!) { setAuditRetention(input: $input) {
        retention { days } userErrors { code } } }";
    let zero = owner
        .ask(set, json!({ "input": { "days": 0, "reason": "a test" } }))
        .await
        .unwrap();
    assert_eq!(
        zero["setAuditRetention"]["userErrors"][0]["code"],
        "INVALID"
    );
    owner
        .ask(set, json!({ "input": { "days": 30, "reason": "a test" } }))
        .await
        .unwrap();
    fresh.restart().unwrap();
    let url = url_of(&fresh.data().join("aim.db"));
    let key = good(&["key", "--database-url", &url]);
    let look = || async {
        let verdict = verdict(&["--database-url", &url, "--key", key.trim()]);
        Ok((verdict["erased"] == json!([[0, 1]])).then_some(()))
    };
    wait_for("retention", PATIENCE, look).await.unwrap();
    let answer = owner
        .ask(
            "{ auditEntries(last: 1) { nodes { reason erasedFields } } }",
            json!({}),
        )
        .await
        .unwrap();
    let entry = &answer["auditEntries"]["nodes"];
    assert!(!entry.to_string().contains("long ago"), "{entry}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_co_signs_and_a_new_key_takes_over() {
    let mut scene = Scene::new().await;
    let url = scene.url();
    let secret = SecretKey::from_seed(&[9; 32]);
    let witness = VerifierKey {
        name: "witness.example/w1".to_owned(),
        kind: KeyKind::Witness,
        key: secret.public_key(),
    };
    let key = scene.export(&url);
    let note = std::fs::read_to_string(scene.file("checkpoint")).unwrap();
    let (body, _) = note.split_once("\n\n").unwrap();
    let size: u64 = body.lines().nth(1).unwrap().parse().unwrap();
    let sign = |time: u64| {
        let message = cosignature_message(&format!("{body}\n"), time);
        let bytes = [&time.to_be_bytes()[..], &secret.sign(&message)].concat();
        let (name, id) = (witness.name.clone(), witness.id());
        NoteSignature { name, id, bytes }.to_string()
    };
    let submit = "mutation($input: SubmitCheckpointCosignatureInput!) { submitCheckpointCosignature(input: $input) {
        checkpoint { note } userErrors { code field message } } }";
    let time = u64::try_from(now().timestamp()).unwrap();
    let hand_in = async |size: u64, line: String| {
        let input = json!({ "treeSize": size, "cosignature": line });
        let mut answer = scene
            .owner
            .ask(submit, json!({ "input": input }))
            .await
            .unwrap();
        answer["submitCheckpointCosignature"].take()
    };
    let unknown = hand_in(size, sign(time)).await;
    assert_eq!(
        unknown["userErrors"][0]["field"],
        json!(["cosignature"]),
        "{unknown}"
    );
    let add = "mutation($input: AddCheckpointWitnessInput!) { addCheckpointWitness(input: $input) {
        witness { name } userErrors { code message } } }";
    for (given, is_good) in [(key.clone(), false), (witness.to_string(), true)] {
        let input = json!({ "verifierKey": given, "reason": "they watch us" });
        let answer = scene
            .owner
            .ask(add, json!({ "input": input }))
            .await
            .unwrap();
        let errors = &answer["addCheckpointWitness"]["userErrors"];
        assert_eq!(errors == &json!([]), is_good, "{answer}");
    }
    for (size, line) in [
        (size, sign(time + 900)),
        (size, "nonsense".to_owned()),
        (size - 1, sign(time)),
    ] {
        let refused = hand_in(size, line).await;
        assert_ne!(refused["userErrors"], json!([]), "{refused}");
    }
    let taken = hand_in(size, sign(time)).await;
    assert_eq!(taken["userErrors"], json!([]), "{taken}");
    std::fs::write(
        scene.file("checkpoint"),
        taken["checkpoint"]["note"].as_str().unwrap(),
    )
    .unwrap();
    let (export, note) = (scene.file("audit.jsonl"), scene.file("checkpoint"));
    let witnessed = witness.to_string();
    let arguments = [
        "--export",
        export.to_str().unwrap(),
        "--checkpoint",
        note.to_str().unwrap(),
        "--key",
        &key,
        "--witness",
        &witnessed,
    ];
    assert_eq!(verdict(&arguments)["isGood"], true);

    // A new key: the server takes it by itself, and each key leads to the other.
    let mut command = aim_command().unwrap();
    command.args([
        "audit",
        "rotate-key",
        "--reason",
        "its year is over",
        "--database-url",
        &url,
    ]);
    command
        .env("AIM_DATA_DIR", scene.aim.data())
        .current_dir(scene.kept.path());
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    scene.decide(2).await;
    let newer = scene.export(&url);
    assert_ne!(newer, key);
    for trusted in [&key, &newer] {
        let verdict = scene.offline("audit.jsonl", trusted);
        assert_eq!(verdict["size"].as_u64(), Some(scene.size), "{verdict}");
    }
    let query = "{ auditEntries(first: 1, filter: { action: \"audit.rotate-key\" }) { totalCount nodes { reason } } }";
    let answer = scene.owner.ask(query, json!({})).await.unwrap();
    assert_eq!(
        answer["auditEntries"]["nodes"][0]["reason"],
        "its year is over"
    );
}

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
