//! What the audit log forgets and keeps: erasure, retention, legal hold, witnesses, keys.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_domain::audit::{KeyKind, NoteSignature, VerifierKey, cosignature_message};
use aim_domain::signature::SecretKey;
use aim_tests::{AimConfig, aim_command, wait_for};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::audit_log::{PATIENCE, Scene, good, sequenced, verdict};
use crate::fleet::{Owner, add_person, database_of, now, text};

const ERASE: &str = "mutation($input: EraseAuditSubjectInput!) { eraseAuditSubject(input: $input) {
    erasure { id } userErrors { code field message } } }";
const HOLD: &str = "mutation($input: EngageLegalHoldInput!) { engageLegalHold(input: $input) {
    retention { legalHold { reason } } userErrors { code } } }";
const RELEASE: &str = "mutation($input: ReleaseLegalHoldInput!) { releaseLegalHold(input: $input) {
    retention { legalHold { reason } } userErrors { code } } }";

const REMOVE: &str = "mutation($input: RemoveCheckpointWitnessInput!) {
    removeCheckpointWitness(input: $input) { witness { id } userErrors { code } } }";
const WITNESSES: &str = "{ auditLog { witnesses { id } } }";

/// Ada suspends the agent, somebody else writes of her; returns her global id.
async fn what_ada_did(scene: &Scene) -> String {
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
    for (who, name, reason) in [
        (&ada, "suspendAgent", "I saw it at night"),
        (&scene.owner, "reinstateAgent", "ADA@test.local was wrong"),
    ] {
        let (first, rest) = name.split_at(1);
        let query = format!(
            "mutation($input: {}{rest}Input!) {{ {name}(input: $input) {{ userErrors {{ message }} }} }}",
            first.to_uppercase()
        );
        let input = json!({ "agentId": scene.agent.id, "reason": reason });
        who.ask(&query, json!({ "input": input })).await.unwrap();
    }
    text(&viewer, "/viewer/id").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn erasing_a_person_keeps_every_proof_and_a_hold_stops_it() {
    let mut scene = Scene::new().await;
    let key = scene.export(&scene.url());
    let ada = what_ada_did(&scene).await;
    let held = scene
        .owner
        .ask(HOLD, json!({ "input": { "reason": "a case" } }))
        .await
        .unwrap();
    assert_eq!(
        held["engageLegalHold"]["retention"]["legalHold"]["reason"],
        "a case"
    );
    let order = json!({ "input": { "userId": ada, "reason": "asked for it" } });
    let refused = scene.owner.ask(ERASE, order.clone()).await.unwrap();
    assert_eq!(
        refused["eraseAuditSubject"]["userErrors"][0]["code"],
        "CONFLICT"
    );
    let short = json!({ "input": { "userId": ada, "terms": ["a"], "reason": "asked for it" } });
    let refused = scene.owner.ask(ERASE, short).await.unwrap();
    assert_eq!(
        refused["eraseAuditSubject"]["userErrors"][0]["field"],
        json!(["terms", "0"])
    );
    scene
        .owner
        .ask(RELEASE, json!({ "input": { "reason": "it is over" } }))
        .await
        .unwrap();
    let done = scene.owner.ask(ERASE, order).await.unwrap();
    assert_eq!(done["eraseAuditSubject"]["userErrors"], json!([]));
    let look = || async {
        let query = "{ auditErasures(first: 1) { nodes { erasedCount finishedAt } } }";
        let answer = scene.owner.ask(query, json!({})).await?;
        let order = &answer["auditErasures"]["nodes"][0];
        Ok((!order["finishedAt"].is_null()).then(|| order["erasedCount"].as_u64().unwrap()))
    };
    let erased = wait_for("the erasure", PATIENCE, look).await.unwrap();
    assert_eq!(erased, 3, "two deeds, and one that names her");

    scene.size = sequenced(&scene.owner).await;
    assert_eq!(scene.export(&scene.url()), key);
    let verdict = scene.offline("audit.jsonl", &key);
    assert_eq!(verdict["isGood"], true, "{verdict}");
    assert_eq!(
        verdict["erased"].as_array().unwrap().len(),
        1,
        "two neighbours: {verdict}"
    );
    let export = std::fs::read_to_string(scene.file("audit.jsonl"))
        .unwrap()
        .to_lowercase();
    assert!(
        !export.contains("ada@test.local") && !export.contains("at night"),
        "{export}"
    );
    let query = "{ auditEntries(first: 1, filter: { action: \"agent.suspend\" }) {
        nodes { actorId reason erasedFields proof { treeSize } } } }";
    let answer = scene.owner.ask(query, json!({})).await.unwrap();
    let entry = &answer["auditEntries"]["nodes"][0];
    assert_eq!(
        (&entry["actorId"], &entry["reason"]),
        (&json!(""), &Value::Null)
    );
    assert_eq!(
        entry["erasedFields"],
        json!(["actorId", "reason", "requestId"])
    );
    assert!(entry["proof"]["treeSize"].is_u64());
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_takes_contents_and_leaves_hashes() {
    let mut aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    // Of long ago, and the only one.
    let old = "INSERT INTO audit_entries (id, organization_id, actor_type, actor_id, action,
        object_type, object_id, reason, request_id, created_at) SELECT randomblob(16), id, 'user', 'u',
        'agent.suspend', 'agent', 'o', 'long ago', 'r', '2020-01-01T00:00:00+00:00'
        FROM organizations";
    sequenced(&owner).await;
    let db = database_of(&aim).await.unwrap();
    // Retention stops at the first entry that is not old enough, so the old one comes first.
    for statement in [
        "UPDATE audit_entries SET created_at = '2020-01-01T00:00:00+00:00'",
        old,
    ] {
        db.execute_unprepared(statement).await.unwrap();
    }
    let size = sequenced(&owner).await;
    let set = "mutation($input: SetAuditRetentionInput!) { setAuditRetention(input: $input) {
        retention { days } userErrors { code } } }";
    let zero = json!({ "input": { "days": 0, "reason": "a test" } });
    let zero = owner.ask(set, zero).await.unwrap();
    assert_eq!(
        zero["setAuditRetention"]["userErrors"][0]["code"],
        "INVALID"
    );
    let days = json!({ "input": { "days": 30, "reason": "a test" } });
    owner.ask(set, days).await.unwrap();
    aim.restart().unwrap();
    let look = || async {
        let query = "{ auditEntries(first: 100) { nodes { index reason erasedFields } } }";
        let answer = owner.ask(query, json!({})).await?;
        let nodes = answer["auditEntries"]["nodes"].as_array().unwrap().clone();
        let erased = nodes
            .into_iter()
            .filter(|it| it["erasedFields"] != json!([]));
        let erased: Vec<_> = erased.collect();
        Ok((erased.len() as u64 == size).then_some(erased))
    };
    let erased = wait_for("retention", PATIENCE, look).await.unwrap();
    assert!(
        erased
            .iter()
            .all(|it| it["erasedFields"].as_array().unwrap().len() == 6)
    );
    let last = &erased
        .iter()
        .find(|it| it["index"] == json!(size - 1))
        .unwrap();
    assert!(last["reason"].is_null(), "{last}");
}

/// A witness, and the line that it signs over a checkpoint.
struct Witness(SecretKey);

impl Witness {
    fn key(&self) -> VerifierKey {
        VerifierKey {
            name: "witness.example/w1".to_owned(),
            kind: KeyKind::Witness,
            key: self.0.public_key(),
        }
    }

    fn line(&self, note: &str, time: u64) -> String {
        let (body, _) = note.split_once("\n\n").unwrap();
        let message = cosignature_message(&format!("{body}\n"), time);
        let bytes = [&time.to_be_bytes()[..], &self.0.sign(&message)].concat();
        let VerifierKey { name, .. } = self.key();
        let id = self.key().id();
        NoteSignature { name, id, bytes }.to_string()
    }
}

/// Removes the only witness, once.
async fn remove_the_witness(scene: &Scene) {
    let found = scene.owner.ask(WITNESSES, json!({})).await.unwrap();
    let id = &found["auditLog"]["witnesses"][0]["id"];
    let remove = async || {
        let input = json!({ "witnessId": id, "reason": "they are gone" });
        let answer = scene.owner.ask(REMOVE, json!({ "input": input })).await;
        answer.unwrap()["removeCheckpointWitness"].take()
    };
    let removed = remove().await;
    assert_eq!(removed["witness"]["id"], *id, "{removed}");
    assert_eq!(remove().await["userErrors"][0]["code"], "NOT_FOUND");
    let newest = scene.owner.ask(WITNESSES, json!({})).await.unwrap();
    assert_eq!(newest["auditLog"]["witnesses"], json!([]));
}

#[expect(
    clippy::too_many_lines,
    reason = "one witness from its beginning to its end"
)]
#[tokio::test(flavor = "multi_thread")]
async fn a_registered_witness_co_signs_a_checkpoint() {
    let scene = Scene::new().await;
    let (key, witness) = (
        scene.export(&scene.url()),
        Witness(SecretKey::from_seed(&[9; 32])),
    );
    let note = std::fs::read_to_string(scene.file("checkpoint")).unwrap();
    let size: u64 = note.lines().nth(1).unwrap().parse().unwrap();
    let time = u64::try_from(now().timestamp()).unwrap();
    let hand_in = async |size: u64, line: String| {
        let query = "mutation($input: SubmitCheckpointCosignatureInput!) {
            submitCheckpointCosignature(input: $input) {
                checkpoint { note } userErrors { code field message } } }";
        let input = json!({ "treeSize": size, "cosignature": line });
        let mut answer = scene
            .owner
            .ask(query, json!({ "input": input }))
            .await
            .unwrap();
        answer["submitCheckpointCosignature"].take()
    };
    let unknown = hand_in(size, witness.line(&note, time)).await;
    assert_eq!(
        unknown["userErrors"][0]["field"],
        json!(["cosignature"]),
        "{unknown}"
    );
    for (given, is_good) in [(key.clone(), false), (witness.key().to_string(), true)] {
        let query = "mutation($input: AddCheckpointWitnessInput!) {
            addCheckpointWitness(input: $input) { witness { id } userErrors { code message } } }";
        let input = json!({ "verifierKey": given, "reason": "they watch us" });
        let answer = scene
            .owner
            .ask(query, json!({ "input": input }))
            .await
            .unwrap();
        let errors = &answer["addCheckpointWitness"]["userErrors"];
        assert_eq!(errors == &json!([]), is_good, "{answer}");
    }
    let other = note.replacen(&format!("\n{size}\n"), "\n1\n", 1);
    for (size, line) in [
        (size, witness.line(&note, time + 900)),
        (size, "nonsense".to_owned()),
        (size, witness.line(&other, time)),
        (size + 900, witness.line(&note, time)),
    ] {
        let refused = hand_in(size, line).await;
        assert_ne!(refused["userErrors"], json!([]), "{refused}");
    }
    let taken = hand_in(size, witness.line(&note, time)).await;
    assert_eq!(taken["userErrors"], json!([]), "{taken}");
    let cosigned = taken["checkpoint"]["note"].as_str().unwrap();
    std::fs::write(scene.file("checkpoint"), cosigned).unwrap();
    let (export, note) = (scene.file("audit.jsonl"), scene.file("checkpoint"));
    let (export, note) = (export.to_str().unwrap(), note.to_str().unwrap());
    let trusted = witness.key().to_string();
    let arguments = [
        "--export",
        export,
        "--checkpoint",
        note,
        "--key",
        &key,
        "--witness",
        &trusted,
    ];
    assert_eq!(verdict(&arguments)["isGood"], true);

    // Who is removed is heard no more; what they signed stays.
    remove_the_witness(&scene).await;
    let kept = "query($size: Int!) { auditCheckpoint(treeSize: $size) { note } }";
    let kept = scene
        .owner
        .ask(kept, json!({ "size": size }))
        .await
        .unwrap();
    assert_eq!(kept["auditCheckpoint"]["note"], cosigned);
    let plain = cosigned.rsplit_once("\u{2014}").unwrap().0;
    let late = hand_in(size, witness.line(plain, time)).await;
    assert_eq!(late["userErrors"][0]["field"], json!(["cosignature"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_takes_a_new_key_and_each_leads_to_the_other() {
    let mut scene = Scene::new().await;
    let (url, key) = (scene.url(), scene.export(&scene.url()));
    let rotate = |data: std::path::PathBuf| {
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
            .env("AIM_DATA_DIR", data)
            .current_dir(scene.kept.path());
        command.output().unwrap()
    };
    let elsewhere = rotate(scene.kept.path().to_owned());
    let problem = String::from_utf8_lossy(&elsewhere.stderr);
    assert!(
        !elsewhere.status.success() && problem.contains("is not in the key file"),
        "{problem}"
    );
    let output = rotate(scene.aim.data());
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
    let query =
        "{ auditEntries(first: 1, filter: { action: \"audit.rotate-key\" }) { nodes { reason } } }";
    let answer = scene.owner.ask(query, json!({})).await.unwrap();
    assert_eq!(
        answer["auditEntries"]["nodes"][0]["reason"],
        "its year is over"
    );
    let keys = good(&["key", "--database-url", &url]);
    assert_eq!(keys.lines().collect::<Vec<_>>(), [&newer, &key]);
}
