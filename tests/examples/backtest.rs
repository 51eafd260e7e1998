//! How long trying a policy on a million recorded decisions takes.
//!
//!     cargo build --release -p aim
//!     AIM_BIN=target/release/aim cargo run -p aim-tests --example backtest
//!
//! Starts PostgreSQL and the server, writes a million decisions of a thousand agents into the table, a
//! tenth of them denied, asks for back-tests as anybody would, and checks their counts.

#![expect(clippy::print_stdout, reason = "what it is for")]

use std::time::Instant;

use aim_tests::{AimConfig, Postgres};
use sea_orm::{ConnectionTrait, Database};
use serde_json::json;

const DECISIONS: u64 = 1_000_000;
const PASSWORD: &str = "a password of tests only";
/// One decision every two seconds from the first of January on; ids of version 7.
const SEED: &str = "INSERT INTO verifications (id, organization_id, agent_id, agent_key_id, action,
    resource, risk, decision, reasons, obligations, trust_score, action_digest, request_id, created_at,
    expires_at, policies)
  SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000' || '8000'
        || lpad(to_hex(n), 12, '0'))::uuid,
    (SELECT id FROM organizations LIMIT 1), agents_of.id,
    gen_random_uuid(),
    (ARRAY['files:read', 'files:write', 'db:query', 'email:send', 'api:call'])[1 + n % 5],
    '/data/' || n % 100 || '/report.csv', (ARRAY['LOW', 'LOW', 'MEDIUM', 'HIGH'])[1 + n % 4],
    CASE WHEN n % 10 = 0 THEN 'DENIED' ELSE 'ALLOWED' END,
    CASE WHEN n % 10 = 0
      THEN '[{\"code\":\"CAPABILITY_MISSING\",\"message\":\"no live grant covers it; grant it\"}]'::jsonb
      ELSE '[{\"code\":\"CAPABILITY_GRANTED\",\"message\":\"a grant covers it\"}]'::jsonb END,
    '[]', 3000 + n % 7000, '\\x00', n::text, at, at, NULL
  FROM (SELECT n, timestamptz '2026-01-01 00:00:00Z' + n * interval '2 seconds' AS at
    FROM generate_series(0, 999999) AS n) AS all_of_them
  JOIN agents_of ON number = n % 1000";
const AGENTS: &str = "CREATE TEMPORARY TABLE agents_of AS
  SELECT number, gen_random_uuid() AS id FROM generate_series(0, 999) AS number";
const QUERY: &str = "query($input: BacktestPolicyInput!) { backtestPolicy(input: $input) {
    examinedCount matchedCount newlyDeniedCount newlyPendingCount unchangedCount stoppedAt
    changes { verificationId } } }";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    let url = postgres.fresh_database()?;
    let aim = AimConfig::new().database(&url).start()?;
    let token = aim.take_over(PASSWORD).await?;
    let mut options = sea_orm::ConnectOptions::new(&url);
    options.max_connections(1);
    let database = Database::connect(options).await?;
    let begun = Instant::now();
    for statement in [AGENTS, SEED, "ANALYZE verifications"] {
        database.execute_unprepared(statement).await?;
    }
    println!("{DECISIONS} decisions written in {:.1?}", begun.elapsed());
    let hours = json!([{ "days": ["SATURDAY", "SUNDAY"], "from": "00:00", "to": "24:00" }]);
    for (name, rule, effect, changed) in [
        (
            "risk from HIGH on",
            json!({ "risk": "HIGH" }),
            "FORBID",
            Some(250_000_u64),
        ),
        (
            "trust below 0.5",
            json!({ "trust": { "least": 0.5 } }),
            "REQUIRE_APPROVAL",
            None,
        ),
        (
            "on weekends in Berlin",
            json!({ "time": { "zone": "Europe/Berlin", "side": "INSIDE", "windows": hours } }),
            "FORBID",
            None,
        ),
    ] {
        let text = json!({ "name": name, "rule": rule, "effect": effect, "severity": "LOW" });
        let input = json!({
            "text": text, "from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z", "first": 1000,
        });
        let begun = Instant::now();
        let answer = aim
            .graphql(QUERY, json!({ "input": input }), Some(&token))
            .await?;
        let took = begun.elapsed();
        let found = &answer["data"]["backtestPolicy"];
        anyhow::ensure!(found["examinedCount"] == DECISIONS, "{answer}");
        anyhow::ensure!(found["stoppedAt"].is_null(), "{answer}");
        let of = |name: &str| found[name].as_u64().unwrap_or_default();
        let changes = of("newlyDeniedCount") + of("newlyPendingCount");
        anyhow::ensure!(changes + of("unchangedCount") == DECISIONS, "{answer}");
        // Of every fourth, which is risky, none is the tenth that was denied anyway: n % 4 = 3 is odd.
        anyhow::ensure!(
            changed.is_none_or(|it| it == changes),
            "{changes} changed: {name}"
        );
        println!("{name}: {changes} of {DECISIONS} would change; took {took:.2?}");
    }
    Ok(())
}
