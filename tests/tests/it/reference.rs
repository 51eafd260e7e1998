//! `docs/reference-coverage.md` names fields that are in the schema and tests that are in the tree.

use std::collections::BTreeSet;
use std::path::Path;

use crate::failures::{sources, tests_of};
use crate::roots::ROOTS;

const ROUTES: usize = 159;
/// Of routes that have no field and no plain route in their place.
const REASONS: [&str; 3] = ["none on purpose: ", "none: ", "none yet: "];

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// `agents` of `agents(filter: { tags })`.
fn field(text: &str) -> &str {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default()
}

#[test]
fn every_route_has_a_field_or_a_reason_and_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let table = std::fs::read_to_string(root.join("docs/reference-coverage.md")).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<Vec<&str>> = rows
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let routes: BTreeSet<&str> = rows.iter().map(|row| row[0]).collect();
    assert_eq!((rows.len(), routes.len()), (ROUTES, ROUTES));
    let mut files = Vec::new();
    for folder in [
        "domain", "eventlog", "store", "app", "api", "aim", "stream", "tests",
    ] {
        sources(&root.join(folder), &mut files);
    }
    let texts = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap());
    let tests: BTreeSet<String> = texts.flat_map(|text| tests_of(&text)).collect();
    let fields: BTreeSet<&str> = ROOTS.iter().map(|root| root.name).collect();
    for row in rows {
        let [route, here, test] = row[..] else {
            unreachable!("three columns: {row:?}")
        };
        let is_plain = here.contains("plain route") || here.contains("`aim ");
        let names_field = quoted(here).any(|it| fields.contains(field(it)));
        let is_reason = REASONS.iter().any(|it| here.starts_with(it));
        assert!(names_field || is_plain || is_reason, "{route}: {here}");
        let unknown = quoted(here).find(|it| {
            let is_other =
                it.starts_with(['/', '#']) || it.contains(' ') && !it.contains(['(', '{']);
            !is_other && !it.contains('_') && !fields.contains(field(it))
        });
        assert_eq!(unknown, None, "{route}: {here}");
        assert!(tests.contains(test.trim_matches('`')), "{route}: {test}");
    }
}
