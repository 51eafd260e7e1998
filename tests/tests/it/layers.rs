//! The architecture, read from the manifests: every arrow points downward.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Crate folder, ours that it may use, crates of others that it must not.
const LAYERS: &[(&str, &[&str], &[&str])] = &[
    (
        "domain",
        &[],
        &["tokio", "sea-orm", "rdkafka", "async-graphql", "axum"],
    ),
    ("entities", &[], &["async-graphql", "axum", "rdkafka"]),
    ("migration", &[], &["async-graphql", "axum", "rdkafka"]),
    (
        "ml-models",
        &["domain"],
        &["sea-orm", "tokio", "async-graphql", "rdkafka"],
    ),
    (
        "eventlog",
        &["domain", "entities"],
        &["async-graphql", "axum"],
    ),
    (
        "store",
        &["domain", "entities", "eventlog"],
        &["async-graphql", "axum", "rdkafka"],
    ),
    (
        "app",
        &["domain", "store", "eventlog"],
        &["async-graphql", "axum", "rdkafka", "sea-orm"],
    ),
    (
        "api",
        &["domain", "store", "eventlog", "app"],
        &["rdkafka", "sea-orm"],
    ),
    (
        "stream",
        &["domain", "store", "eventlog", "app", "ml-models"],
        &["axum", "async-graphql", "sea-orm", "rdkafka"],
    ),
];
/// Longest file before somebody has to ask whether it still holds one thing.
const LINES_MAX: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Names in `[dependencies]` of a crate's manifest.
fn dependencies(folder: &str) -> Vec<String> {
    let manifest = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap();
    let section = section.split("\n[").next().unwrap();
    let names = section
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next());
    names
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_arrow_points_downward() {
    for (folder, allowed, forbidden) in LAYERS {
        let found = dependencies(folder);
        assert!(!found.is_empty(), "{folder} has no dependencies at all");
        for name in found {
            if let Some(ours) = name.strip_prefix("aim-") {
                assert!(allowed.contains(&ours), "`{folder}` must not use `{ours}`");
            }
            assert!(
                !forbidden.contains(&name.as_str()),
                "`{folder}` must not use `{name}`"
            );
        }
    }
}

fn sources(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.insert(path, text);
        }
    }
}

#[test]
fn files_are_short_and_finished() {
    let mut all = BTreeMap::new();
    sources(&root(), &mut all);
    assert!(all.len() > 100, "{} files are too few to be all", all.len());
    // In pieces, so that this file does not find itself.
    let unfinished = ["todo", "unimplemented"].map(|word| format!("{word}!("));
    let ignored = format!("#[{}", "ignore");
    for (path, text) in &all {
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines", path.display());
        for mark in unfinished.iter().chain([&ignored]) {
            assert!(
                !text.contains(mark.as_str()),
                "{} has `{mark}`",
                path.display()
            );
        }
    }
}
