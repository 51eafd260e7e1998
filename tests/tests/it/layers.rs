//! The architecture, read from the manifests: every arrow points downward.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Crate, ours that it may use, crates of others that it must not.
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
    // The only one that knows every other.
    (
        "aim",
        &[
            "domain",
            "migration",
            "ml-models",
            "eventlog",
            "store",
            "app",
            "api",
            "stream",
        ],
        &["async-graphql", "rdkafka"],
    ),
    // A user of the product from outside.
    ("tests", &["domain"], &["async-graphql", "axum"]),
];
/// Longest file before somebody has to ask whether it still holds one thing.
const LINES_MAX: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Every crate of the workspace with what it is built from: for any target, build scripts as well,
/// but not what only its tests use.
fn crates() -> BTreeMap<String, Vec<String>> {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let arguments = [
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version",
        "1",
    ];
    let output = Command::new(cargo)
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata: {problem}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| (ours(&package["name"]), dependencies(package)))
        .collect()
}

fn dependencies(package: &Value) -> Vec<String> {
    let all = package["dependencies"].as_array().unwrap();
    let built = all.iter().filter(|it| it["kind"] != "dev");
    built.map(|it| ours(&it["name"])).collect()
}

fn ours(name: &Value) -> String {
    let name = name.as_str().unwrap();
    name.strip_prefix("aim-").unwrap_or(name).to_owned()
}

#[test]
fn every_arrow_points_downward() {
    let crates = crates();
    let known: Vec<&str> = LAYERS.iter().map(|(name, ..)| *name).collect();
    for name in crates.keys() {
        assert!(
            known.contains(&name.as_str()),
            "`{name}` has no place among the layers"
        );
    }
    for (name, allowed, forbidden) in LAYERS {
        let found = &crates[*name];
        assert!(!found.is_empty(), "{name} has no dependencies at all");
        for used in found.iter().map(String::as_str) {
            let may = !crates.contains_key(used) || allowed.contains(&used);
            assert!(
                may && !forbidden.contains(&used),
                "`{name}` must not use `{used}`"
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
