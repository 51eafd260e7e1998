//! Lists ask the database as often for many rows as for one: read from PostgreSQL's own log.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_tests::Postgres;
use sea_orm::{ConnectionTrait, Database};
use serde_json::json;

use crate::fleet::Owner;
use crate::warm_path::{logged, statements};

/// Rows of each list.
const ROWS: usize = 8;
/// Looks at each page: what jobs do meanwhile is in the log, too.
const LOOKS: usize = 12;
/// Lists, with the objects that their rows lead to, each of another row.
const LISTS: [(&str, &str); 9] = [
    (
        "agents",
        "id trust { score } capabilityGrants { id } killSwitch { reason }",
    ),
    (
        "verifications",
        "id agent { id } approval { answers { answeredBy } } policies { name }",
    ),
    (
        "approvals",
        "id agent { id } approval { answers { answeredBy } } policies { name }",
    ),
    ("alerts", "id agent { id } assignee { id } mcpServer { id }"),
    ("anomalies", "id agent { id }"),
    ("alertSuppressions", "id agent { id }"),
    ("approvalGrants", "id agent { id }"),
    ("capabilityGrants", "id agent { id }"),
    (
        "mcpServers",
        "id approvedManifest { id } observedManifest { id }",
    ),
];
/// What nobody makes in a moment: one for each agent.
const FILL: [&str; 8] = [
    "INSERT INTO mcp_servers (id, organization_id, name, live_name, description, transport, tags, status,
        approved_manifest_id, observed_manifest_id, status_changed_at, status_changed_by, created_by,
        created_at, updated_at)
        SELECT id, organization_id, name, name, '', 'STDIO', '[]', 'PENDING', id, id, created_at,
        'user:1', 'user:1', created_at, created_at FROM agents",
    "INSERT INTO mcp_manifests (id, organization_id, server_id, digest, source, reported_by,
        first_seen_at, last_seen_at, body, suspicions)
        SELECT id, organization_id, id, '', 'HANDSHAKE', 'user:1', created_at, created_at,
        '{\"protocolVersion\": \"\", \"serverName\": \"\", \"serverVersion\": \"\", \"items\": []}', '[]' FROM agents",
    "INSERT INTO alerts (id, organization_id, agent_id, kind, severity, status, summary, evidence,
        anomaly_count, dedup_key, first_event_time, last_event_time, created_at, updated_at,
        mcp_server_id, assignee_id) SELECT id, organization_id, id, 'RATE_SPIKE', 'HIGH', 'OPEN',
        'a test', '[]', 1, id::text, created_at, created_at, created_at, created_at,
        CASE WHEN status <> 'SUSPENDED' THEN id END, (SELECT id FROM users LIMIT 1) FROM agents",
    "INSERT INTO alerts SELECT (jsonb_populate_record(alerts, jsonb_build_object('id',
        gen_random_uuid(), 'mcp_server_id', NULL, 'dedup_key', 'of ' || id))).* FROM alerts",
    // Also those that the stream raised meanwhile, whose page would ask for less.
    "UPDATE alerts SET assignee_id = (SELECT id FROM users LIMIT 1)",
    "INSERT INTO anomalies (id, organization_id, agent_id, event_id, alert_id, kind, severity, score,
        summary, evidence, event_time, created_at) SELECT id, organization_id, agent_id, id, id,
        'RATE_SPIKE', 'HIGH', 0.5, 'a test', '[]', created_at, created_at FROM alerts",
    "INSERT INTO alert_suppressions (id, organization_id, agent_id, reason, created_by, created_at,
        expires_at) SELECT id, organization_id, id, 'a test', 'user:1', created_at,
        created_at + interval '1 day' FROM agents",
    "INSERT INTO approval_grants (id, organization_id, agent_id, action, use_count, reason, granted_by,
        created_at, expires_at) SELECT id, organization_id, id, 'mail:*', 0, 'a test', 'user:1',
        created_at, created_at + interval '1 day' FROM agents",
];

/// More agents than are kept by their ids when a text finds them.
const MANY: &str =
    "INSERT INTO agents SELECT (jsonb_populate_record(first, jsonb_build_object('id',
        gen_random_uuid(), 'name', 'copy-' || n))).*
    FROM (SELECT agents AS first FROM agents LIMIT 1) AS one, generate_series(1, 2500) AS n";

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_many_rows_takes_as_many_statements_as_a_page_of_one() {
    let (postgres, aim) = logged().await;
    let db = Database::connect(postgres.url()).await.unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    for number in 0..ROWS {
        let name = format!("agent-{number}");
        let agent = owner.register(&name, &["files:*"]).await.unwrap();
        for risk in ["LOW", "CRITICAL"] {
            let input = json!({ "action": "files:read", "resource": "/data", "riskLevel": risk });
            agent.verify(input).await.unwrap();
        }
    }
    for statement in FILL {
        db.execute_unprepared(statement).await.unwrap();
    }
    for (list, fields) in LISTS {
        let one = count(&owner, &postgres, (list, "", fields), 1).await;
        let many = count(&owner, &postgres, (list, "", fields), ROWS).await;
        assert_eq!(one, many, "`{list}` of 1 and of {ROWS} rows");
    }
    // Found by their ids, found by a text that more hold than are kept, and the same in another order.
    let fields = "id trust { score }";
    let few = count(
        &owner,
        &postgres,
        ("agents", "filter: { search: \"AGENT\" }", fields),
        ROWS,
    )
    .await;
    db.execute_unprepared(MANY).await.unwrap();
    for arguments in [
        "filter: { search: \"copy-1\" }",
        "filter: { search: \"copy\" }",
        "filter: { search: \"copy\" }, orderBy: { field: NAME, direction: ASC }",
        "filter: { search: \"copy\" }, orderBy: { field: TRUST, direction: DESC }",
    ] {
        let one = count(&owner, &postgres, ("agents", arguments, fields), 1).await;
        let many = count(&owner, &postgres, ("agents", arguments, fields), ROWS).await;
        assert_eq!(one, many, "{arguments}");
        // Many are found in narrow rows first.
        assert!(
            many <= few + 1,
            "{arguments}: {many} statements, {few} of few"
        );
    }
}

/// How many statements a page takes: the fewest of some looks.
async fn count(
    owner: &Owner,
    postgres: &Postgres,
    (list, arguments, fields): (&str, &str, &str),
    rows: usize,
) -> usize {
    let query =
        format!("{{ {list}(first: {rows} {arguments}) {{ totalCount nodes {{ {fields} }} }} }}");
    let mut fewest = usize::MAX;
    for _ in 0..LOOKS {
        let from = postgres.log().len();
        let answer = owner.ask(&query, json!({})).await.unwrap();
        let page = answer[list]["nodes"].as_array();
        assert_eq!(page.map(Vec::len), Some(rows), "{list}: {answer}");
        // On a busy machine a page takes as long as it is from one look at the event log to the next.
        let asked = statements(&postgres.log(), from).into_iter();
        fewest = fewest.min(asked.filter(|it| !it.contains("\"event_log\"")).count());
    }
    assert!(fewest > 0, "`{list}` reads nothing");
    fewest
}
