//! Versions that never change, and names that move one at a time.

use std::path::Path;
use std::process::{Child, Command};

use aim_ml_models::artefact::ArtefactError;
use aim_ml_models::model::ModelKind;
use aim_ml_models::registry::{Alias, Change, Move, Registry, RegistryError, gate};

use crate::acting::at;
use crate::artefacts::artefact;

/// Tells a test that it is the process of another one, and where to work.
const CHILD: &str = "AIM_TEST_REGISTRY";

fn why(reason: &str) -> Move {
    Move {
        by: "ada".to_owned(),
        reason: reason.to_owned(),
        at: at(0),
    }
}

/// A registry of three versions.
fn registry(folder: &Path) -> Registry {
    let registry = Registry::create(folder, &[3; 32]).unwrap();
    for seed in 1..=3 {
        let version = registry.add(&artefact(ModelKind::Logistic, seed)).unwrap();
        assert_eq!(u64::from(version), seed);
    }
    registry
}

#[test]
fn versions_count_up_and_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(folder.path());
    assert_eq!(registry.list().unwrap(), [1, 2, 3]);
    let first = std::fs::read(folder.path().join("versions/v1/model.aim")).unwrap();
    assert_eq!(registry.get(2).unwrap(), artefact(ModelKind::Logistic, 2));
    assert!(matches!(registry.get(9), Err(RegistryError::NoVersion(9))));
    let card = registry.card(2).unwrap();
    for text in ["# Model v2", "Logistic regression", "| seed | 2 |"] {
        assert!(card.contains(text), "{text}: {card}");
    }
    let json = std::fs::read(folder.path().join("versions/v2/card.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["version"], 2);
    assert_eq!(json["model"]["kind"], "logistic");

    // An existing registry keeps its key and goes on counting.
    let again = Registry::create(folder.path(), &[4; 32]).unwrap();
    assert_eq!(again.add(&artefact(ModelKind::Pca, 4)).unwrap(), 4);
    assert_eq!(again.get(1).unwrap(), artefact(ModelKind::Logistic, 1));
    let now = std::fs::read(folder.path().join("versions/v1/model.aim")).unwrap();
    assert!(first == now, "a version has changed");
}

#[test]
fn the_private_key_is_its_owners_and_reading_needs_none() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    registry(folder.path());
    let key = folder.path().join("registry.key");
    let mode = std::fs::metadata(&key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::remove_file(&key).unwrap();
    let reader = Registry::open(folder.path()).unwrap();
    assert!(reader.get(1).is_ok());
    assert!(reader.add(&artefact(ModelKind::Pca, 4)).is_err());
    assert_eq!(reader.list().unwrap(), [1, 2, 3]);
    let nowhere = Registry::open(&folder.path().join("nowhere"));
    assert!(matches!(nowhere, Err(RegistryError::None(_))));
}

#[test]
fn a_version_of_another_registry_is_not_loaded_and_not_promoted() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let registry = registry(one.path());
    let strange = Registry::create(other.path(), &[9; 32]).unwrap();
    strange.add(&artefact(ModelKind::Logistic, 1)).unwrap();
    std::fs::copy(
        other.path().join("versions/v1/model.aim"),
        one.path().join("versions/v2/model.aim"),
    )
    .unwrap();
    let refused = registry.promote(Alias::Champion, 2, &why("swap"));
    assert!(matches!(
        refused,
        Err(RegistryError::Artefact(ArtefactError::Signature))
    ));
    assert_eq!(registry.find_alias(Alias::Champion).unwrap(), None);
    assert!(registry.history().unwrap().is_empty());
}

#[test]
fn names_move_and_move_back_with_their_history() {
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(folder.path());
    let champion = || registry.find_alias(Alias::Champion).unwrap();
    assert_eq!(champion(), None);
    for version in [1, 2, 3] {
        registry
            .promote(Alias::Champion, version, &why("better"))
            .unwrap();
    }
    registry
        .promote(Alias::Challenger, 1, &why("shadow"))
        .unwrap();
    assert!(matches!(
        registry.promote(Alias::Champion, 3, &why("again")),
        Err(RegistryError::AlreadyThere { version: 3, .. })
    ));
    assert!(matches!(
        registry.promote(Alias::Champion, 7, &why("guess")),
        Err(RegistryError::NoVersion(7))
    ));
    // Twice back goes two steps back, not to and fro.
    for expected in [2, 1] {
        let change = registry.rollback(Alias::Champion, &why("flags")).unwrap();
        assert_eq!((change.to, champion()), (Some(expected), Some(expected)));
    }
    assert!(matches!(
        registry.rollback(Alias::Champion, &why("flags")),
        Err(RegistryError::NothingBefore(Alias::Champion))
    ));
    registry.promote(Alias::Champion, 3, &why("fixed")).unwrap();
    registry
        .rollback(Alias::Champion, &why("not fixed"))
        .unwrap();
    assert_eq!(champion(), Some(1));
    assert_eq!(registry.find_alias(Alias::Challenger).unwrap(), Some(1));
    let history = registry.history().unwrap();
    assert_eq!(history.len(), 8);
    assert!(history.iter().all(|change| change.by == "ada"));
    assert_eq!(history.last().unwrap().reason, "not fixed");
    for text in [String::new(), "  ".to_owned(), "x".repeat(1_001)] {
        let refused = registry.promote(Alias::Champion, 2, &why(&text));
        assert!(matches!(refused, Err(RegistryError::Text { .. })));
    }
    assert_eq!(registry.history().unwrap().len(), 8);
}

#[test]
fn the_gate_refuses_what_is_worse() {
    use aim_ml_models::model::Metrics;
    let metrics = |auc| Metrics {
        rows: 10,
        positives: 5,
        auc,
        recall_at_1pct: 0.0,
        recall_at_5pct: 0.0,
        flagged_at_1pct: 0.0,
        flagged_at_5pct: 0.0,
        brier: None,
        calibration_error: None,
    };
    assert!(gate(&metrics(0.9), &metrics(0.8)).is_ok());
    assert!(gate(&metrics(0.8), &metrics(0.8)).is_ok());
    assert!(gate(&metrics(f64::NAN), &metrics(0.8)).is_err());
    let error = gate(&metrics(0.79), &metrics(0.8)).unwrap_err().to_string();
    assert!(
        error.contains("0.7900") && error.contains("0.8000"),
        "{error}"
    );
}

#[test]
fn what_a_crash_leaves_does_not_count_and_is_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(folder.path());
    registry.promote(Alias::Champion, 1, &why("first")).unwrap();
    let path = |name: &str| folder.path().join(name);
    // Half a version, half a name, half a line.
    std::fs::create_dir(path("versions/unfinished")).unwrap();
    std::fs::write(path("versions/unfinished/model.aim"), b"AIMM").unwrap();
    std::fs::write(path("aliases/champion.json.new"), b"{\"al").unwrap();
    let line = std::fs::read_to_string(path("history.jsonl")).unwrap();
    std::fs::write(path("history.jsonl"), line.clone() + "{\"alias\":\"cha").unwrap();
    assert_eq!(registry.list().unwrap(), [1, 2, 3]);
    assert_eq!(registry.find_alias(Alias::Champion).unwrap(), Some(1));
    assert_eq!(registry.history().unwrap().len(), 1);
    assert_eq!(registry.add(&artefact(ModelKind::Pca, 4)).unwrap(), 4);
    registry
        .promote(Alias::Champion, 4, &why("second"))
        .unwrap();
    assert_eq!(registry.history().unwrap().len(), 2);
    // A name that has moved, and a crash before that was written down.
    std::fs::write(path("history.jsonl"), line).unwrap();
    assert_eq!(registry.history().unwrap()[1].reason, "second");
    registry.rollback(Alias::Champion, &why("third")).unwrap();
    let reasons: Vec<String> = registry
        .history()
        .unwrap()
        .into_iter()
        .map(|change| change.reason)
        .collect();
    assert_eq!(reasons, ["first", "second", "third"]);
    assert_eq!(registry.find_alias(Alias::Champion).unwrap(), Some(1));
}

/// Not a test of its own: what the processes of the next two do.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a child learns from its environment where to work"
)]
fn child_that_moves_names() {
    let Ok(told) = std::env::var(CHILD) else {
        return;
    };
    let (moves, folder) = told.split_once(' ').unwrap();
    let registry = Registry::open(Path::new(folder)).unwrap();
    for index in 0..moves.parse::<u32>().unwrap() {
        // Another process may have moved it there just now.
        let _ = registry.promote(Alias::Champion, 1 + index % 3, &why("child"));
    }
}

fn child(folder: &Path, moves: u32) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "registries::child_that_moves_names", "-q"])
        .env(CHILD, format!("{moves} {}", folder.display()))
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

/// Each move starts where the one before it ended.
fn assert_sound(registry: &Registry) -> Vec<Change> {
    let history = registry.history().unwrap();
    let mut before = None;
    for (index, change) in history.iter().enumerate() {
        assert_eq!(change.number, index as u64 + 1);
        assert_eq!(change.from, before);
        before = change.to;
    }
    assert_eq!(registry.find_alias(Alias::Champion).unwrap(), before);
    history
}

#[test]
fn processes_that_promote_at_once_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(folder.path());
    let children: Vec<Child> = (0..3).map(|_| child(folder.path(), 30)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let moves = assert_sound(&registry).len();
    assert!((30..=90).contains(&moves), "{moves}");
}

#[test]
fn a_process_killed_in_the_middle_leaves_a_sound_registry() {
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(folder.path());
    for round in 0..8 {
        let before = registry.history().unwrap().len();
        let mut child = child(folder.path(), 1_000_000);
        let started = std::time::Instant::now();
        while registry.history().unwrap().len() < before + 2 + round {
            assert!(started.elapsed().as_secs() < 60, "the child moves nothing");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_sound(&registry);
        let version = registry.find_alias(Alias::Champion).unwrap().unwrap();
        registry
            .promote(Alias::Champion, 1 + version % 3, &why("after"))
            .unwrap();
        assert_sound(&registry);
    }
}
