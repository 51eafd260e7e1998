//! Whatever is changed, dropped or moved in the database, `aim audit verify` names the first bad index.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::path::PathBuf;
use std::process::Output;

use sea_orm::{ConnectionTrait, Database};
use serde_json::Value;

use crate::audit_log::{Scene, audit, url_of, verdict};

/// What is done to the database, and the first index that it makes bad.
const TAMPERINGS: &[(&str, &str, u64)] = &[
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
    ("everything", "DELETE FROM audit_checkpoints; DELETE FROM audit_leaves; DELETE FROM audit_tiles; DELETE FROM audit_trees", 0),
];

/// A stopped server's log, of which each case gets a copy.
struct Original {
    scene: Scene,
    database: PathBuf,
    key: String,
}

impl Original {
    async fn new() -> Self {
        let mut scene = Scene::new().await;
        let (url, key) = (scene.url(), scene.export(&scene.url()));
        let before = verdict(&["--database-url", &url, "--key", &key]);
        assert_eq!(before["size"].as_u64(), Some(scene.size));
        assert_eq!(scene.aim.stop().unwrap(), 0);
        // In one file, whatever is still in the write-ahead log.
        let database = scene.file("original.db");
        let db = Database::connect(&url).await.unwrap();
        let whole = format!("VACUUM INTO '{}'", database.display());
        db.execute_unprepared(&whole).await.unwrap();
        db.close().await.unwrap();
        Self {
            scene,
            database,
            key,
        }
    }

    /// What `aim audit verify` says of a copy in which `statements` were run.
    async fn after(&self, statements: &str) -> Output {
        let copy = self.scene.file("copy.db");
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(self.scene.file(&format!("copy.db{end}")));
        }
        std::fs::copy(&self.database, &copy).unwrap();
        let url = url_of(&copy);
        let db = Database::connect(&url).await.unwrap();
        db.execute_unprepared(statements).await.unwrap();
        db.close().await.unwrap();
        let note = self.scene.file("checkpoint");
        let arguments = [
            "verify",
            "--json",
            "--database-url",
            &url,
            "--key",
            &self.key,
        ];
        audit(&[&arguments[..], &["--checkpoint", note.to_str().unwrap()]].concat())
    }

    async fn finding(&self, name: &str, statements: &str) -> Value {
        let output = self.after(statements).await;
        assert!(!output.status.success(), "{name} was not found");
        let problem = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{name}: {problem}"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_tampering_is_named_with_its_first_index() {
    let original = Original::new().await;
    for (name, statements, index) in TAMPERINGS {
        let finding = original.finding(name, statements).await;
        assert_eq!(
            finding["firstBadIndex"].as_u64(),
            Some(*index),
            "{name}: {finding}"
        );
    }
    // Without its newest checkpoint a log has entries that nothing vouches for.
    let newest = "DELETE FROM audit_checkpoints
        WHERE number = (SELECT max(number) FROM audit_checkpoints)";
    let finding = original
        .finding("the newest checkpoint dropped", newest)
        .await;
    let covered = finding["firstBadIndex"].as_u64().unwrap();
    assert!((1..original.scene.size).contains(&covered), "{finding}");
    // A key that is none is no verdict at all.
    let output = original
        .after("UPDATE audit_keys SET public_key = 'AAAA'")
        .await;
    assert!(!output.status.success() && output.stdout.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_entry_changed_dropped_or_swapped_is_named() {
    let original = Original::new().await;
    for index in 0..original.scene.size {
        let next = index + 1;
        let this = format!("id = (SELECT entry_id FROM audit_leaves WHERE leaf_index = {index})");
        let mut cases = vec![
            format!("UPDATE audit_entries SET request_id = request_id || 'x' WHERE {this}"),
            format!("DELETE FROM audit_entries WHERE {this}"),
        ];
        if next < original.scene.size {
            cases.push(format!(
                "UPDATE audit_leaves SET leaf_index = -9 WHERE leaf_index = {index};
                UPDATE audit_leaves SET leaf_index = {index} WHERE leaf_index = {next};
                UPDATE audit_leaves SET leaf_index = {next} WHERE leaf_index = -9"
            ));
        }
        for statements in cases {
            let finding = original.finding(&statements, &statements).await;
            assert_eq!(
                finding["firstBadIndex"].as_u64(),
                Some(index),
                "{statements}: {finding}"
            );
        }
    }
}
