//! Failures of platforms like this one: each has its test, and `docs/failures.md` says which.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use aim_tests::AimConfig;
use serde_json::{Value, json};

use crate::fleet::{Agent, Owner};

/// What the table has to have, in its own words.
const FAILURES: [&str; 20] = [
    "roles not enforced on routes",
    "cross-tenant reads and writes",
    "signatures over re-serialized JSON",
    "replay for ever",
    "replay on another node",
    "refresh tokens accepted as access tokens",
    "refresh tokens surviving revocation",
    "revoked SDK tokens recovered",
    "private keys downloadable",
    "ids that find nothing",
    "audit rows lost",
    "audit rows org-wide",
    "filters ignored",
    "`total` equal to page size",
    "CSV stubs",
    "crash by concurrent requests",
    "secrets in logs",
    "SSRF",
    "domain takeover by registering first",
    "enumeration by error text",
];

pub(crate) fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") && !path.ends_with("node_modules") {
            sources(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
}

/// Names of functions that a test harness runs.
pub(crate) fn tests_of(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line == "#[test]" || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some((_, rest)) = line.split_once("fn ") {
            let name = rest.split('(').next().unwrap_or_default();
            if std::mem::take(&mut is_test) {
                names.push(name.to_owned());
            }
        } else if !line.starts_with("#[") && !line.starts_with("//") {
            is_test = false;
        }
    }
    names
}

#[test]
fn every_failure_has_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let table = std::fs::read_to_string(root.join("docs/failures.md")).unwrap();
    let rows = table.lines().filter(|it| it.starts_with("| "));
    let rows: Vec<Vec<&str>> = rows
        .map(|it| it.trim_matches('|').split(" | ").map(str::trim).collect())
        .skip(1)
        .collect();
    let named: Vec<&str> = rows.iter().map(|it| it[0]).collect();
    assert_eq!(named, FAILURES);
    let mut files = Vec::new();
    for folder in [
        "domain", "eventlog", "store", "app", "api", "aim", "stream", "tests",
    ] {
        sources(&root.join(folder), &mut files);
    }
    let all: Vec<String> = files
        .iter()
        .flat_map(|it| tests_of(&std::fs::read_to_string(it).unwrap()))
        .collect();
    assert!(all.len() > 300, "{} tests", all.len());
    for row in rows {
        let name = row[2].trim_matches('`');
        assert!(
            all.iter().any(|it| it == name),
            "{}: no test `{name}`",
            row[0]
        );
    }
}

async fn decide(agent: &Agent, action: &str) {
    let answer = agent.verify(json!({ "action": action })).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// Ids in what was answered, anywhere.
fn ids(answer: &Value, found: &mut Vec<(String, String)>) {
    match answer {
        Value::Object(map) => {
            let text = |name: &str| map.get(name).and_then(Value::as_str).map(str::to_owned);
            found.extend(text("__typename").zip(text("id")));
            map.values().for_each(|it| ids(it, found));
        }
        Value::Array(items) => items.iter().for_each(|it| ids(it, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_lists_give_find_what_they_name() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("reader", &["files:read"]).await.unwrap();
    decide(&agent, "files:read").await;
    let lists = "{
        agents(first: 5) { nodes { __typename id } }
        verifications(first: 5) { nodes { __typename id agent { __typename id } } }
        auditEntries(first: 5) { nodes { __typename id } } }";
    let answer = owner.ask(lists, json!({})).await.unwrap();
    let mut given = Vec::new();
    ids(&answer, &mut given);
    assert!(given.len() >= 5, "{answer}");
    for (kind, id) in given {
        let query = "query($id: ID!) { node(id: $id) { __typename id } }";
        let found = owner.ask(query, json!({ "id": id })).await.unwrap();
        assert_eq!(found["node"], json!({ "__typename": kind, "id": id }));
        let field = format!("{}{}", kind[..1].to_lowercase(), &kind[1..]);
        let query = format!("query($id: ID!) {{ {field}(id: $id) {{ id }} }}");
        let found = owner.ask(&query, json!({ "id": id })).await.unwrap();
        assert_eq!(found[&field]["id"], *id, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_rows_of_an_agent_are_not_the_whole_organizations() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agents = [
        owner.register("one", &["files:read"]).await.unwrap(),
        owner.register("two", &["files:read"]).await.unwrap(),
    ];
    for agent in &agents {
        decide(agent, "files:read").await;
        decide(agent, "files:write").await;
    }
    let query = "query($filter: AuditFilter) { auditEntries(first: 100, filter: $filter) {
        totalCount nodes { id } } }";
    let mut seen = Vec::new();
    let all = owner.ask(query, json!({})).await.unwrap();
    let all = all["auditEntries"]["totalCount"].as_u64().unwrap();
    for agent in &agents {
        let filter = json!({ "filter": { "agentId": agent.id } });
        let answer = owner.ask(query, filter).await.unwrap();
        let found = &answer["auditEntries"];
        let nodes = found["nodes"].as_array().unwrap();
        // Its registration, its grant, its decisions.
        assert!(nodes.len() >= 4, "{found}");
        assert_eq!(found["totalCount"].as_u64(), Some(nodes.len() as u64));
        assert!((nodes.len() as u64) < all, "{found}");
        seen.extend(nodes.iter().map(|it| it["id"].to_string()));
    }
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(
        seen.len(),
        count,
        "an entry of one agent is none of the other's"
    );
}
