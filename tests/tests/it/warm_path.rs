//! What a decision asks of the database once the caches are warm: read from PostgreSQL's own log.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use aim_tests::{AimConfig, AimProcess, Postgres};
use sea_orm::{ConnectionTrait, Database};
use serde_json::json;

use crate::fleet::{Agent, Owner};
use crate::people::made_by;

/// Verifications that are looked at.
const LOOKED_AT: usize = 50;
/// What decisions are made from; all of it is in memory.
const KNOWN: [&str; 5] = [
    "agents",
    "agent_keys",
    "capability_grants",
    "organizations",
    "verifications",
];

async fn ask(agent: &Agent) {
    let input = json!({ "action": "files:read", "resource": "/data" });
    let answer = agent.verify(input).await.unwrap();
    assert_eq!(answer.decision().0, "ALLOWED", "{}", answer.body);
}

/// Whether a statement reads a table.
fn reads(statement: &str, table: &str) -> bool {
    let words = statement.replace('"', "").to_lowercase();
    let words: Vec<&str> = words.split_whitespace().collect();
    words.windows(2).any(|pair| {
        matches!(pair[0], "from" | "join") && pair[1].trim_matches([',', ';', ')']) == table
    })
}

/// A statement of the log: where its line begins, the process that ran it, its words.
struct Statement {
    at: usize,
    process: String,
    words: String,
}

fn all_statements(log: &str) -> Vec<Statement> {
    // A statement of several lines goes on after a tabulator; there is a byte for each of the two.
    let log = log.replace("\n\t", "  ");
    let mut at = 0;
    let mut found = Vec::new();
    for line in log.split_inclusive('\n') {
        let of_line = || {
            let (head, rest) = line.trim_end().split_once("LOG:  ")?;
            let marks = ["statement: ", "execute "];
            marks.iter().find(|mark| rest.starts_with(**mark))?;
            let (_, process) = head.split_once('[')?;
            Some(Statement {
                at,
                process: process.split(']').next()?.to_owned(),
                words: rest.split_once(": ")?.1.to_owned(),
            })
        };
        found.extend(of_line());
        at += line.len();
    }
    found
}

/// Statements of the log since its first `from` bytes.
pub(crate) fn statements(log: &str, from: usize) -> Vec<String> {
    let all = all_statements(log).into_iter();
    all.filter(|it| it.at >= from).map(|it| it.words).collect()
}

/// The same without the transactions of jobs behind the event log, which have their own time.
fn of_requests(log: &str, from: usize) -> Vec<String> {
    // Processes in a transaction, and whether it is one of those.
    let mut open: BTreeMap<String, bool> = BTreeMap::new();
    let mut found = Vec::new();
    for Statement { at, process, words } in all_statements(log) {
        let is_audit = SEQUENCED.iter().any(|table| words.contains(table));
        match words.as_str() {
            "BEGIN" => drop(open.insert(process.clone(), false)),
            "COMMIT" | "ROLLBACK" if open.remove(&process) == Some(true) => continue,
            _ if is_audit => {
                open.entry(process).and_modify(|it| *it = true);
                continue;
            }
            _ => {}
        }
        if at >= from && open.get(&process) != Some(&true) {
            found.push(words);
        }
    }
    found
}

/// What the audit log's sequencer, and whoever counts, work on, on their own time.
const SEQUENCED: [&str; 12] = [
    "job_leases",
    "consumer_offsets",
    "activity_counts",
    "action_counts",
    "latency_counts",
    "mcp_usage",
    "audit_progress",
    "audit_stops",
    "audit_leaves",
    "audit_tiles",
    "audit_trees",
    "audit_checkpoints",
];

/// A server on a PostgreSQL that logs every statement.
pub(crate) async fn logged() -> (Postgres, AimProcess) {
    let postgres = Postgres::start().unwrap();
    let db = Database::connect(postgres.url()).await.unwrap();
    db.execute_unprepared("ALTER DATABASE aim SET log_statement = 'all'")
        .await
        .unwrap();
    let aim = AimConfig::new()
        .database(postgres.url())
        .role("api")
        .start()
        .unwrap();
    (postgres, aim)
}

fn inserts(statements: &[String]) -> usize {
    let of_one = |it: &String| it.to_lowercase().matches("insert into").count();
    statements.iter().map(of_one).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_decision_reads_nothing_and_writes_the_same_every_time() {
    let (postgres, aim) = logged().await;
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("warm", &["files:read"]).await.unwrap();
    for _ in 0..3 {
        ask(&agent).await;
    }
    // The test itself must be able to see reads: a cold start and a person's look have some.
    owner.counts().await.unwrap();
    let cold = statements(&postgres.log(), 0);
    for table in KNOWN.iter().filter(|table| **table != "verifications") {
        assert!(
            cold.iter().any(|it| reads(it, table)),
            "no read of `{table}` at all"
        );
    }
    let mut written = Vec::new();
    for _ in 0..LOOKED_AT {
        let from = postgres.log().len();
        ask(&agent).await;
        let new = of_requests(&postgres.log(), from);
        for table in KNOWN {
            let read: Vec<_> = new.iter().filter(|it| reads(it, table)).collect();
            assert!(read.is_empty(), "reads `{table}`: {read:#?}");
        }
        written.push((inserts(&new), new));
    }
    let (each, first) = &written[0];
    assert!(*each > 0, "nothing is written: {first:#?}");
    println!("{each} inserts of a decision: {first:#?}");
    for (count, statements) in &written {
        assert_eq!(count, each, "{statements:#?}\ninstead of {first:#?}");
    }
}

/// Who shows a session or an API key is known without a look into the database.
#[tokio::test(flavor = "multi_thread")]
async fn a_warm_session_or_api_key_reads_nothing() {
    let (postgres, aim) = logged().await;
    let owner = Owner::of(&aim).await.unwrap();
    let made = made_by(&owner).await.unwrap();
    let known = ["sessions", "api_keys", "users"];
    for bearer in [&owner.token, &made.secret] {
        let ask = async || {
            let answer = aim.graphql("{ __typename }", json!({}), Some(bearer));
            assert!(answer.await.unwrap()["data"].is_object());
        };
        ask().await;
        let from = postgres.log().len();
        for _ in 0..LOOKED_AT {
            ask().await;
        }
        let new = statements(&postgres.log(), from);
        for table in known {
            let read: Vec<_> = new.iter().filter(|it| reads(it, table)).collect();
            assert!(read.is_empty(), "reads `{table}`: {read:#?}");
        }
    }
    // The test itself must be able to see such reads.
    let all = statements(&postgres.log(), 0);
    for table in known {
        assert!(
            all.iter().any(|it| reads(it, table)),
            "no read of `{table}` at all"
        );
    }
}
