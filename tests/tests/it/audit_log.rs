//! The audit log proves itself, to whoever has a checkpoint and nothing else.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use aim_domain::audit::{Hash, KeyKind, VerifierKey, verify_consistency, verify_inclusion};
use aim_domain::signature::SecretKey;
use aim_tests::{AimConfig, AimProcess, aim_command, wait_for};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fleet::{Agent, Owner};

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What `aim audit` answers; it is told nothing by this process's settings.
pub(crate) fn audit(arguments: &[&str]) -> Output {
    // A folder without a database, a key or a configuration.
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = aim_command().unwrap();
    command
        .arg("audit")
        .args(arguments)
        .current_dir(elsewhere.path());
    command.output().unwrap()
}

pub(crate) fn good(arguments: &[&str]) -> String {
    let output = audit(arguments);
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {problem}");
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn verdict(arguments: &[&str]) -> Value {
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

pub(crate) fn url_of(file: &Path) -> String {
    format!("sqlite://{}", file.display())
}

/// Waits until every entry has an index, and says how many there are.
pub(crate) async fn sequenced(owner: &Owner) -> u64 {
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
pub(crate) struct Scene {
    pub(crate) aim: AimProcess,
    pub(crate) owner: Owner,
    pub(crate) agent: Agent,
    pub(crate) kept: TempDir,
    pub(crate) size: u64,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::of(AimConfig::new().start().unwrap()).await
    }

    pub(crate) async fn of(aim: AimProcess) -> Self {
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

    pub(crate) async fn decide(&mut self, count: u32) {
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

    pub(crate) fn url(&self) -> String {
        url_of(&self.aim.data().join("aim.db"))
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.kept.path().join(name)
    }

    /// Exports the log with its newest checkpoint and key; returns the key.
    pub(crate) fn export(&self, url: &str) -> String {
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
    pub(crate) fn offline(&self, export: &str, key: &str) -> Value {
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
