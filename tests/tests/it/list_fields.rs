//! Lists: every filter filters, and `totalCount` counts what there is, not what is on the page.

use aim_tests::{AimConfig, AimProcess};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::agent_sighting_roots::AGENT_SIGHTING;
use crate::approval_lists::APPROVAL_FILTERS;
use crate::approval_roots::{CAPABILITY_REQUEST, VIOLATION};
use crate::compliance_roots::{REPORTS, REVIEW_FILTERS, REVIEWS, WORD};
use crate::fleet::{Agent, Owner, database_of, text};
use crate::mcp_roots::{ATTESTATION, SERVER, SERVER_ID, SIGHTING};
use crate::notification_roots::TARGETS;
use crate::saved_filter_roots::{SAVED_FILTER_FILTERS, SAVED_FILTERS};

/// What has no mutation that makes it.
const ROWS: [&str; 16] = [
    "INSERT INTO alerts (id, organization_id, agent_id, kind, severity, status, summary, evidence,
        anomaly_count, dedup_key, first_event_time, last_event_time, created_at, updated_at)
        SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f607', organization_id, id, 'RATE_SPIKE', 'HIGH',
        'OPEN', 'a test', '[]', 1, 'test', created_at, created_at, created_at, created_at
        FROM agents WHERE name = 'reader'",
    "INSERT INTO anomalies (id, organization_id, agent_id, event_id, alert_id, kind, severity, score,
        summary, evidence, event_time, created_at)
        SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f60a', organization_id, id,
        x'0190a1b2c3d47e8f90a1b2c3d4e5f60b', x'0190a1b2c3d47e8f90a1b2c3d4e5f607', 'RATE_SPIKE',
        'HIGH', 0.5, 'a test', '[]', created_at, created_at FROM agents WHERE name = 'reader'",
    "INSERT INTO alert_suppressions (id, organization_id, agent_id, reason, created_by, created_at,
        expires_at) SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f608', organization_id, id, 'a test',
        'user:1', created_at, created_at FROM agents WHERE name = 'reader'",
    "INSERT INTO dead_letters (id, organization_id, topic, partition, position, reason, detail,
        payload, created_at) SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f60c', organization_id, 't', 0, 1,
        'EVENT_MALFORMED', 'a test', x'00', created_at FROM agents WHERE name = 'reader'",
    "UPDATE alerts SET assignee_id = (SELECT id FROM users LIMIT 1)",
    "INSERT INTO delegations (id, organization_id, delegator_id, delegate_id, agent_key_id, depth,
        limits, created_at, expires_at) SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f60d', organization_id,
        id, id, id, 1, '[]', created_at, created_at FROM agents WHERE name = 'reader'",
    "INSERT INTO registrations (id, organization_id, email, name, status, password_hash, created_at,
        confirmed_at) SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f60e', organization_id,
        'asking@test.local', 'somebody', 'PENDING', 'none', created_at, created_at FROM agents
        WHERE name = 'reader'",
    "INSERT INTO approval_grants (id, organization_id, agent_id, action, use_count, reason, granted_by,
        created_at, expires_at) SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f610', organization_id, id,
        'mail:*', 0, 'a test', 'user:1', created_at, created_at FROM agents WHERE name = 'reader'",
    "UPDATE agents SET tags = '[\"blue\"]', talks_to = '[\"tools\"]' WHERE name = 'reader'",
    SAVED_FILTERS,
    SERVER,
    ATTESTATION,
    SIGHTING,
    AGENT_SIGHTING,
    "UPDATE mcp_servers SET tags = '[\"blue\"]', drift_since = created_at",
    "UPDATE alerts SET mcp_server_id = (SELECT id FROM mcp_servers)",
];

/// Ids that filters take.
pub(crate) struct Facts {
    pub(crate) agent: String,
    pub(crate) other: String,
    user: String,
    alert: String,
    policy: String,
    quiet_policy: String,
    actor: String,
    object: String,
    request: String,
}

/// A filter of a list: a value that lets something through, and one that lets nothing through.
pub(crate) struct Filter {
    list: &'static str,
    name: &'static str,
    hit: fn(&Facts) -> Value,
    miss: fn(&Facts) -> Value,
}

pub(crate) const fn filter(
    list: &'static str,
    name: &'static str,
    hit: fn(&Facts) -> Value,
    miss: fn(&Facts) -> Value,
) -> Filter {
    Filter {
        list,
        name,
        hit,
        miss,
    }
}

/// All of them; the walk fails when the schema has another.
const FILTERS: &[Filter] = &[
    filter(
        "agents",
        "status",
        |_| json!("VERIFIED"),
        |_| json!("REVOKED"),
    ),
    filter("agents", "name", |_| json!("reader"), |_| json!("nobody")),
    filter("agents", "search", |_| json!("eade"), |_| json!("nobody")),
    filter(
        "agents",
        "agentType",
        |_| json!("LLM_AGENT"),
        |_| json!("WORKFLOW"),
    ),
    filter("agents", "tag", |_| json!("blue"), |_| json!("red")),
    filter("agents", "talksTo", |_| json!("tools"), |_| json!("tool")),
    filter(
        "mcpServers",
        "status",
        |_| json!("PENDING"),
        |_| json!("VERIFIED"),
    ),
    filter(
        "mcpServers",
        "transport",
        |_| json!("STDIO"),
        |_| json!("STREAMABLE_HTTP"),
    ),
    filter(
        "mcpAttestations",
        "mcpServerId",
        |_| json!(SERVER_ID),
        |_| json!(OTHER_SERVER),
    ),
    filter(
        "mcpAttestations",
        "agentId",
        |it| json!(it.agent),
        |it| json!(it.other),
    ),
    filter(
        "mcpAttestations",
        "isRevoked",
        |_| json!(false),
        |_| json!(true),
    ),
    filter(
        "agentSightings",
        "status",
        |_| json!("OPEN"),
        |_| json!("DISMISSED"),
    ),
    filter(
        "agentSightings",
        "method",
        |_| json!("CODE"),
        |_| json!("EVENT"),
    ),
    filter(
        "agentSightings",
        "search",
        |_| json!("Repo"),
        |_| json!("%"),
    ),
    filter(
        "mcpSightings",
        "status",
        |_| json!("OPEN"),
        |_| json!("DISMISSED"),
    ),
    filter(
        "mcpSightings",
        "method",
        |_| json!("CODE"),
        |_| json!("CALL"),
    ),
    filter(
        "mcpSightings",
        "search",
        |_| json!("Client"),
        |_| json!("%"),
    ),
    filter("mcpServers", "search", |_| json!("Ool"), |_| json!("%")),
    filter("mcpServers", "tag", |_| json!("blue"), |_| json!("red")),
    filter("mcpServers", "isInDrift", |_| json!(true), |_| json!(false)),
    filter("mcpServers", "isDeleted", |_| json!(false), |_| json!(true)),
    filter(
        "alerts",
        "mcpServerId",
        |_| json!(SERVER_ID),
        |_| json!(OTHER_SERVER),
    ),
    filter("agents", "isDeleted", |_| json!(false), |_| json!(true)),
    filter(
        "agents",
        "keysEndBefore",
        |_| json!(LATER),
        |_| json!(EARLIER),
    ),
    filter(
        "delegations",
        "delegateId",
        |it| json!(it.agent),
        |it| json!(it.other),
    ),
    filter(
        "delegations",
        "delegatorId",
        |it| json!(it.agent),
        |it| json!(it.other),
    ),
    filter(
        "registrations",
        "status",
        |_| json!("PENDING"),
        |_| json!("REJECTED"),
    ),
    filter(
        "auditEntries",
        "objectType",
        |_| json!("agent"),
        |_| json!("nothing"),
    ),
    filter(
        "auditEntries",
        "agentId",
        |it| json!(it.agent),
        |_| json!(NO_AGENT),
    ),
    filter(
        "auditEntries",
        "requestId",
        |it| json!(it.request),
        |_| json!("none"),
    ),
    filter("auditEntries", "from", |_| json!(EARLIER), |_| json!(LATER)),
    filter(
        "auditEntries",
        "until",
        |_| json!(LATER),
        |_| json!(EARLIER),
    ),
    filter(
        "verifications",
        "agentId",
        |it| json!(it.agent),
        |it| json!(it.other),
    ),
    filter(
        "verifications",
        "decision",
        |_| json!("ALLOWED"),
        |_| json!("DENIED"),
    ),
    filter(
        "verifications",
        "action",
        |_| json!("files:read"),
        |_| json!("files:rea"),
    ),
    filter(
        "verifications",
        "policyId",
        |it| json!(it.policy),
        |it| json!(it.quiet_policy),
    ),
    filter(
        "policies",
        "mode",
        |_| json!("SHADOW"),
        |_| json!("DISABLED"),
    ),
    filter(
        "alerts",
        "agentId",
        |it| json!(it.agent),
        |it| json!(it.other),
    ),
    filter("alerts", "status", |_| json!("OPEN"), |_| json!("RESOLVED")),
    filter("alerts", "severity", |_| json!("HIGH"), |_| json!("LOW")),
    filter(
        "alerts",
        "assigneeId",
        |it| json!(it.user),
        |_| json!(STRANGER),
    ),
    filter(
        "alertSuppressions",
        "isLive",
        |_| json!(false),
        |_| json!(true),
    ),
    filter(
        "anomalies",
        "agentId",
        |it| json!(it.agent),
        |it| json!(it.other),
    ),
    filter(
        "anomalies",
        "alertId",
        |it| json!(it.alert),
        |_| json!(OTHER_ALERT),
    ),
    filter(
        "anomalies",
        "kind",
        |_| json!("RATE_SPIKE"),
        |_| json!("OFF_HOURS"),
    ),
    filter("anomalies", "severity", |_| json!("HIGH"), |_| json!("LOW")),
    filter(
        "auditEntries",
        "actorId",
        |it| json!(it.actor),
        |_| json!("nobody"),
    ),
    filter(
        "auditEntries",
        "action",
        |_| json!("agent.register"),
        |_| json!("agent."),
    ),
    filter(
        "auditEntries",
        "objectId",
        |it| json!(it.object),
        |_| json!("nothing"),
    ),
    filter("verifications", "risk", |_| json!("LOW"), |_| json!("HIGH")),
    filter(
        "deadLetters",
        "reason",
        |_| json!("EVENT_MALFORMED"),
        |_| json!("KEY_UNKNOWN"),
    ),
    filter(
        "notificationTargets",
        "kind",
        |_| json!("WEBHOOK"),
        |_| json!("EMAIL"),
    ),
];
/// `Alert:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f607`, the alert of the rows.
const ALERT: &str = "QWxlcnQ6MDE5MGExYjItYzNkNC03ZThmLTkwYTEtYjJjM2Q0ZTVmNjA3";
/// `Alert:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f6ff`.
const OTHER_ALERT: &str = "QWxlcnQ6MDE5MGExYjItYzNkNC03ZThmLTkwYTEtYjJjM2Q0ZTVmNmZm";
/// `McpServer:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f6ff`.
const OTHER_SERVER: &str = "TWNwU2VydmVyOjAxOTBhMWIyLWMzZDQtN2U4Zi05MGExLWIyYzNkNGU1ZjZmZg";
/// `Agent:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f6ff`.
const NO_AGENT: &str = "QWdlbnQ6MDE5MGExYjItYzNkNC03ZThmLTkwYTEtYjJjM2Q0ZTVmNmZm";
/// Before and after all there is.
const EARLIER: &str = "2000-01-01T00:00:00Z";
const LATER: &str = "2999-01-01T00:00:00Z";
/// `User:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f6ff`.
const STRANGER: &str = "VXNlcjowMTkwYTFiMi1jM2Q0LTdlOGYtOTBhMS1iMmMzZDRlNWY2ZmY";

/// One policy that watches everything, and one that never matches; published once.
async fn policies(owner: &Owner) -> anyhow::Result<[String; 2]> {
    let publish = async |name: &str, rule: Value| {
        let query = "query { policies { nodes { id text { name } } } }";
        let found = owner.ask(query, json!({})).await?;
        let all = found["policies"]["nodes"].as_array().into_iter().flatten();
        let mut all = all.filter(|it| it["text"]["name"] == name);
        if let Some(known) = all.next() {
            return text(known, "/id");
        }
        let query = "mutation($input: PublishPolicyInput!) { publishPolicy(input: $input) {
            policy { id } userErrors { message } } }";
        let said = json!({ "name": name, "rule": rule, "effect": "ALERT", "severity": "LOW" });
        let input = json!({ "text": said, "reason": "a test" });
        let answer = owner.ask(query, json!({ "input": input })).await?;
        text(&answer, "/publishPolicy/policy/id")
    };
    Ok([
        publish("watch all", json!({ "isAlways": true })).await?,
        publish("watch nothing", json!({ "trust": { "least": 0 } })).await?,
    ])
}

async fn scene() -> anyhow::Result<(AimProcess, Owner, Facts)> {
    let aim = AimConfig::new().start()?;
    let owner = Owner::of(&aim).await?;
    let agent = owner
        .register("reader", &["files:read", "db:delete"])
        .await?;
    let other = owner.register("writer", &[]).await?;
    policies(&owner).await?;
    let answer = agent.verify(json!({ "action": "db:delete" })).await?;
    anyhow::ensure!(answer.decision().0 == "PENDING_APPROVAL", "{}", answer.body);
    for _ in 0..3 {
        let asked = json!({ "action": "files:read", "resource": "/data" });
        let answer = agent.verify(asked).await?;
        anyhow::ensure!(answer.decision().0 == "ALLOWED", "{}", answer.body);
    }
    let database = database_of(&aim).await?;
    for row in ROWS
        .iter()
        .chain(&TARGETS)
        .chain(&[CAPABILITY_REQUEST, VIOLATION])
        .chain(&REVIEWS)
        .chain(&REPORTS)
        .chain(&[WORD])
    {
        database.execute_unprepared(row).await?;
    }
    let policies = policies(&owner).await?;
    let query = "{ viewer { ... on User { id } }
        auditEntries(first: 1) { nodes { actorId objectId requestId } } }";
    let seen = owner.ask(query, json!({})).await?;
    let facts = Facts {
        agent: agent.id,
        other: other.id,
        user: text(&seen, "/viewer/id")?,
        alert: ALERT.to_owned(),
        policy: policies[0].clone(),
        quiet_policy: policies[1].clone(),
        actor: text(&seen, "/auditEntries/nodes/0/actorId")?,
        object: text(&seen, "/auditEntries/nodes/0/objectId")?,
        request: text(&seen, "/auditEntries/nodes/0/requestId")?,
    };
    Ok((aim, owner, facts))
}

/// Lists of the schema with the names of their filters, and the type of each.
async fn lists(owner: &Owner) -> anyhow::Result<Vec<(String, String, String)>> {
    let query = "{ __schema { queryType { fields { name args { name type { name
        inputFields { name type { name ofType { name } } } } } } } } }";
    let schema = owner.ask(query, json!({})).await?;
    let mut found = Vec::new();
    for field in schema["__schema"]["queryType"]["fields"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let list = field["name"].as_str().unwrap_or_default();
        let arguments = field["args"].as_array().into_iter().flatten();
        let arguments: Vec<&Value> = arguments.collect();
        if !arguments.iter().any(|it| it["name"] == "first") {
            continue;
        }
        for argument in arguments {
            let name = argument["name"].as_str().unwrap_or_default();
            let kind = &argument["type"];
            match name {
                "first" | "last" | "after" | "before" | "orderBy" => {}
                "filter" => {
                    for field in kind["inputFields"].as_array().into_iter().flatten() {
                        let name = text(field, "/name")?;
                        found.push((list.to_owned(), name, text(kind, "/name")?));
                    }
                }
                _ => found.push((list.to_owned(), name.to_owned(), text(kind, "/name")?)),
            }
        }
    }
    Ok(found)
}

async fn count(
    owner: &Owner,
    list: &str,
    arguments: &str,
    value: &str,
) -> anyhow::Result<(u64, u64)> {
    let query =
        format!("{{ {list}(first: 100{arguments}) {{ totalCount nodes {{ __typename }} }} }}");
    let answer = owner.ask(&query, json!({})).await?;
    let total = answer[list]["totalCount"].as_u64();
    let nodes = answer[list]["nodes"].as_array().map(|it| it.len() as u64);
    let pair = total.zip(nodes);
    pair.ok_or_else(|| anyhow::anyhow!("{list} by {value}: {answer}"))
}

/// A value as a literal of the language: enum values stand without quotes.
fn literal(value: &Value) -> String {
    match value.as_str() {
        Some(name)
            if name.starts_with(|it: char| it.is_ascii_uppercase())
                && name
                    .chars()
                    .all(|it| matches!(it, 'A'..='Z' | '0'..='9' | '_')) =>
        {
            name.to_owned()
        }
        _ => value.to_string(),
    }
}

#[tokio::test]
async fn filters_are_not_ignored() {
    let (_aim, owner, facts) = scene().await.unwrap();
    let all = lists(&owner).await.unwrap();
    let table: Vec<&Filter> = FILTERS
        .iter()
        .chain(APPROVAL_FILTERS)
        .chain(REVIEW_FILTERS)
        .chain(SAVED_FILTER_FILTERS)
        .collect();
    assert!(all.len() >= table.len(), "{all:?}");
    for (list, name, input) in &all {
        let row = table.iter().find(|it| it.list == list && it.name == name);
        let row = row.unwrap_or_else(|| panic!("`{list}` by `{name}` is not in the table"));
        let arguments = |value: &Value| {
            match input.as_str() {
                // `reason` of dead letters is text that looks like an enum's value.
                "String" => format!(", {name}: {value}"),
                input if input.ends_with("Filter") => {
                    format!(", filter: {{ {name}: {} }}", literal(value))
                }
                _ => format!(", {name}: {}", literal(value)),
            }
        };
        let (hit, miss) = ((row.hit)(&facts), (row.miss)(&facts));
        let (found, on_page) = count(&owner, list, &arguments(&hit), name).await.unwrap();
        assert!(
            found > 0 && found == on_page,
            "{list} by {name} {hit}: {found}"
        );
        let (found, on_page) = count(&owner, list, &arguments(&miss), name).await.unwrap();
        assert_eq!((found, on_page), (0, 0), "{list} by {name} {miss}");
        let (whole, _) = count(&owner, list, "", "nothing").await.unwrap();
        assert!(whole > 0, "{list} is empty without a filter");
    }
}

#[tokio::test]
async fn a_total_is_not_the_size_of_the_page() {
    let (_aim, owner, _) = scene().await.unwrap();
    for (list, least) in [("agents", 2), ("verifications", 3), ("auditEntries", 5)] {
        let query = format!(
            "{{ {list}(first: 1) {{ totalCount nodes {{ id }} pageInfo {{ hasNextPage }} }} }}"
        );
        let answer = owner.ask(&query, json!({})).await.unwrap();
        let page = &answer[list];
        assert_eq!(page["nodes"].as_array().unwrap().len(), 1, "{page}");
        assert!(page["totalCount"].as_u64().unwrap() >= least, "{page}");
        assert_eq!(page["pageInfo"]["hasNextPage"], true, "{page}");
    }
}

/// The reference fell to a map written by two requests at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_requests_crash_nothing() {
    let (mut aim, owner, facts) = scene().await.unwrap();
    let agents: Vec<Agent> = {
        let made = (0..4).map(|i| format!("agent-{i}"));
        let mut agents = Vec::new();
        for name in made {
            agents.push(owner.register(&name, &["files:read"]).await.unwrap());
        }
        agents
    };
    let (url, token) = (format!("{}/graphql", owner.url), owner.token.clone());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for round in 0..40_usize {
        let agent = agents[round % agents.len()].clone();
        tasks.spawn(async move {
            let answer = agent
                .verify(json!({ "action": "files:read" }))
                .await
                .unwrap();
            assert_eq!(answer.status, 200, "{}", answer.body);
        });
        for query in [
            "{ agents(first: 50) { nodes { trust { score } ratings(first: 2) { totalCount } } } }"
                .to_owned(),
            format!(
                "mutation {{ rateAgent(input: {{ agentId: \"{}\", rating: {} }}) {{ userErrors {{ code }} }} }}",
                facts.other,
                1 + round % 5
            ),
            "{ trustSummary { unscoredCount } auditEntries(first: 5) { totalCount } }".to_owned(),
        ] {
            let request = http
                .post(&url)
                .bearer_auth(&token)
                .json(&json!({ "query": query }));
            tasks.spawn(async move {
                let answer: Value = request.send().await.unwrap().json().await.unwrap();
                let code = answer.pointer("/errors/0/extensions/code");
                // A writer that was too late may be told so; a fault is never the answer.
                assert!(
                    code.is_none_or(|it| it == "UNAVAILABLE"),
                    "{query}: {answer}"
                );
            });
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert!(aim.is_running());
    assert!(!aim.log().contains("panicked"), "{}", aim.log());
}
