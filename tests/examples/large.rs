//! How long lists and dashboards take over a hundred thousand agents and a million verifications.
//!
//!     cargo build --release -p aim
//!     AIM_BIN=target/release/aim cargo run -p aim-tests --example large
//!
//! Starts PostgreSQL and the server, writes agents, verifications and their events into the tables, waits
//! until they are counted, then asks as anybody would and checks what is answered.

#![expect(clippy::print_stdout, reason = "what it is for")]

use std::time::{Duration, Instant};

use aim_tests::{AimConfig, AimProcess, Postgres, wait_for};
use anyhow::Context;
use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use serde_json::{Value, json};

const DECISIONS: u64 = 1_000_000;
const AGENTS: u64 = 100_000;
const ROUNDS: usize = 200;
const PASSWORD: &str = "a password of tests only";
/// An agent like the first one, under other names; ids of version 7 in the order they are made.
const MORE_AGENTS: &str =
    "INSERT INTO agents SELECT (jsonb_populate_record(first, jsonb_build_object(
      'id', ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
      'name', 'agent-' || n, 'trust_score', n % 10000,
      'last_seen_at', timestamptz '2026-01-01 00:00:00Z' + n * interval '1 second'))).*
  FROM (SELECT agents AS first FROM agents LIMIT 1) AS one, generate_series(1, 99999) AS n";
/// Five decisions every 13 seconds from the first of January on: thirty days.
const VERIFICATIONS: &str =
    "INSERT INTO verifications (id, organization_id, agent_id, agent_key_id,
    action, resource, risk, decision, reasons, obligations, trust_score, action_digest, request_id,
    created_at, expires_at)
  SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000' || '8000'
        || lpad(to_hex(n), 12, '0'))::uuid,
    (SELECT id FROM organizations LIMIT 1),
    ('01900000-0000-7000-8000-' || lpad(to_hex(1 + (n::bigint * 7919) % 99999), 12, '0'))::uuid,
    gen_random_uuid(),
    (ARRAY['files:read', 'files:write', 'db:query', 'email:send', 'api:call'])[1 + n % 5],
    '/data/' || n % 100 || '/report.csv', (ARRAY['LOW', 'LOW', 'MEDIUM', 'HIGH'])[1 + n % 4],
    CASE WHEN n % 10 = 0 THEN 'DENIED' ELSE 'ALLOWED' END,
    '[{\"code\":\"CAPABILITY_GRANTED\",\"message\":\"a grant covers it\"}]'::jsonb,
    '[]', 3000 + n % 7000, '\\x00', n::text, at, at
  FROM (SELECT n, timestamptz '2026-01-01 00:00:00Z' + n * interval '2.6 seconds' AS at
    FROM generate_series(0, 999999) AS n) AS all_of_them";
const EVENTS: &str = "INSERT INTO event_log (topic, key, event_id, organization_id, event_type, payload,
    created_at)
  SELECT 'aim.events', agent_id::text, gen_random_uuid(), organization_id,
    'aim.verification.recorded.v1', convert_to(json_build_object('specversion', '1.0', 'id', id,
      'source', 'urn:aim:server', 'type', 'aim.verification.recorded.v1', 'subject', agent_id,
      'time', to_char(created_at AT TIME ZONE 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
      'datacontenttype', 'application/json', 'organization', organization_id,
      'data', json_build_object('verification', id, 'agent', agent_id, 'action', action, 'resource',
        resource, 'session', null, 'task', null, 'risk', risk, 'decision', decision, 'reasons', reasons,
        'granted', true, 'trust', null))::text, 'UTF8'), created_at + interval '3 milliseconds'
  FROM verifications ORDER BY id";

const COUNTED: &str = "SELECT COALESCE(MAX(applied_count), 0) AS count FROM consumer_offsets
    WHERE consumer_group = 'analytics'";

/// An agent, then, while nobody follows the log, all the rest.
async fn seed(aim: &mut AimProcess, url: &str, token: &str) -> anyhow::Result<()> {
    let query = "mutation($input: RegisterAgentInput!) { registerAgent(input: $input) {
        agent { id } userErrors { message } } }";
    let input = json!({ "name": "first", "displayName": "First", "agentType": "LLM_AGENT",
        "generateKey": true });
    let answer = aim
        .graphql(query, json!({ "input": input }), Some(token))
        .await?;
    println!(
        "first agent: {}",
        answer["data"]["registerAgent"]["userErrors"]
    );
    aim.stop()?;
    let mut options = sea_orm::ConnectOptions::new(url);
    options.max_connections(1);
    let database = Database::connect(options).await?;
    let begun = Instant::now();
    for statement in [MORE_AGENTS, VERIFICATIONS, EVENTS, "VACUUM ANALYZE"] {
        database.execute_unprepared(statement).await?;
    }
    println!(
        "{AGENTS} agents and {DECISIONS} decisions written in {:.1?}",
        begun.elapsed()
    );
    Ok(())
}

/// Asks again and again; prints the median and the 99th percentile, and gives the last answer.
async fn measure(
    aim: &AimProcess,
    token: &str,
    name: &str,
    query: impl Fn(usize, &Value) -> String,
) -> anyhow::Result<Value> {
    let mut times = Vec::with_capacity(ROUNDS);
    let mut last = Value::Null;
    for round in 0..ROUNDS + 10 {
        let query = query(round, &last);
        let begun = Instant::now();
        let answer = aim.graphql(&query, json!({}), Some(token)).await?;
        if round >= 10 {
            times.push(begun.elapsed());
        }
        anyhow::ensure!(answer.get("errors").is_none(), "{name}: {answer}");
        last = answer;
    }
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    println!("{name}: p50 {:.1?}, p99 {:.1?}", at(50), at(99));
    Ok(last)
}

/// Goes through a list page by page.
fn page(list: &str, arguments: &str, fields: &str, last: &Value) -> String {
    let cursor = last["data"][list]["pageInfo"]["endCursor"].as_str();
    let after = cursor.map_or(String::new(), |it| format!(", after: \"{it}\""));
    format!(
        "{{ {list}(first: 50{arguments}{after}) {{ totalCount pageInfo {{ endCursor }}
            nodes {{ {fields} }} }} }}"
    )
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    let url = postgres.fresh_database()?;
    let config = AimConfig::new().database(&url).role("api");
    let mut aim = config.env("AIM_RATE_LIMIT_PERSON", "0").start()?;
    let token = aim.take_over(PASSWORD).await?;
    seed(&mut aim, &url, &token).await?;
    aim.restart()?;
    let begun = Instant::now();
    let mut options = sea_orm::ConnectOptions::new(&url);
    options.max_connections(1);
    let database = Database::connect(options).await?;
    wait_for(
        "everything to be counted",
        Duration::from_secs(1_800),
        || async {
            let statement = Statement::from_string(DbBackend::Postgres, COUNTED);
            let row = database.query_one_raw(statement).await?.context("no row")?;
            let count: i64 = row.try_get("", "count")?;
            Ok((u64::try_from(count)? >= DECISIONS).then_some(()))
        },
    )
    .await?;
    println!("counted in {:.1?}", begun.elapsed());
    database.execute_unprepared("VACUUM ANALYZE").await?;
    let token = aim.sign_in("admin@aim.local", PASSWORD).await?;
    dashboards(&aim, &token).await?;
    lists(&aim, &token).await
}

async fn dashboards(aim: &AimProcess, token: &str) -> anyhow::Result<()> {
    let series = "from: \"2026-01-01T00:00:00Z\", until: \"2026-01-31T00:00:00Z\"";
    let last = measure(aim, token, "dashboard, thirty days in Berlin", |_, _| {
        format!(
            "{{ analytics({series}, step: DAY, timeZone: \"Europe/Berlin\") {{ countedUntil
                totals {{ verificationCount denialRate }} previousTotals {{ verificationCount }}
                series {{ start counts {{ verificationCount deniedCount activeAgentCount }} }} }}
              topAgents(period: MONTH, at: \"2026-01-15T00:00:00Z\") {{ agentName
                counts {{ verificationCount }} }}
              denied: topAgents(period: DAY, at: \"2026-01-15T00:00:00Z\", orderBy: DENIED) {{
                agentName counts {{ deniedCount }} }}
              topActions({series}) {{ action verificationCount }}
              latencies(kind: DECISION, {series}) {{ mostMilliseconds count }} }}"
        )
    })
    .await?;
    let total = &last["data"]["analytics"]["totals"]["verificationCount"];
    anyhow::ensure!(total.as_u64() > Some(DECISIONS * 9 / 10), "{last}");
    measure(aim, token, "thirty days in hours", |_, _| {
        format!("{{ analytics({series}, step: HOUR) {{ series {{ counts {{ verificationCount }} }} }} }}")
    })
    .await?;
    Ok(())
}

async fn lists(aim: &AimProcess, token: &str) -> anyhow::Result<()> {
    let agent = "id name status trust { score }";
    for arguments in [
        "",
        ", orderBy: { field: NAME, direction: ASC }",
        ", orderBy: { field: TRUST, direction: DESC }",
        ", orderBy: { field: LAST_SEEN_AT, direction: DESC }",
        ", filter: { status: VERIFIED }",
        // Texts of all, of 1,111, of one and of none; then of 11,112 that stand together.
        ", filter: { search: \"Agent\" }",
        ", filter: { search: \"first\" }, orderBy: { field: NAME, direction: ASC }",
        ", filter: { search: \"first\" }, orderBy: { field: TRUST, direction: DESC }",
        ", filter: { search: \"agent-99\" }",
        ", filter: { search: \"agent-99\" }, orderBy: { field: TRUST, direction: DESC }",
        ", filter: { search: \"agent-12345\" }",
        ", filter: { search: \"nobody\" }",
        ", filter: { search: \"agent-2\" }",
        ", filter: { search: \"agent-2\" }, orderBy: { field: LAST_SEEN_AT, direction: DESC }",
        ", filter: { search: \"first\", status: VERIFIED }",
    ] {
        let name = format!("agents{arguments}");
        let last = measure(aim, token, &name, |_, last| {
            page("agents", arguments, agent, last)
        });
        println!("  total {}", last.await?["data"]["agents"]["totalCount"]);
    }
    // Each of another text, so that nothing was found before.
    let last = measure(aim, token, "agents, another text each time", |round, _| {
        format!(
            "{{ agents(first: 50, filter: {{ search: \"agent-{}\" }}) {{ totalCount
                nodes {{ {agent} }} }} }}",
            10_000 + round
        )
    });
    println!("  total {}", last.await?["data"]["agents"]["totalCount"]);
    let verification = "id action decision createdAt agent { name }";
    for arguments in [
        "",
        ", filter: { decision: DENIED }",
        ", filter: { decision: PENDING_APPROVAL }",
        ", filter: { action: \"email:send\" }",
    ] {
        let name = format!("verifications{arguments}");
        let last = measure(aim, token, &name, |_, last| {
            page("verifications", arguments, verification, last)
        });
        println!(
            "  total {}",
            last.await?["data"]["verifications"]["totalCount"]
        );
    }
    Ok(())
}
