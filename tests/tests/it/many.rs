//! Many objects in one call: each on its own, told one by one, and the same again changes nothing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_tests::{AimConfig, AimProcess, Postgres};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use serde_json::{Value, json};

use crate::fleet::{Owner, database_of};
use crate::warm_path::{logged, statements};

/// Looks at what a call asks the database for: what jobs do meanwhile is in the log, too.
const LOOKS: usize = 6;

const AGENT: &str = "items { agentId agent { name status tags } code message }";
const ALERT: &str = "items { alertId alert { status verdict } code message }";
const ALERTS: &str = "INSERT INTO alerts (id, organization_id, agent_id, kind, severity, status, summary,
    evidence, anomaly_count, dedup_key, first_event_time, last_event_time, created_at, updated_at)
    SELECT id, organization_id, id, 'RATE_SPIKE', 'HIGH', 'OPEN', 'a test', '[]', 1, name, created_at,
    created_at, created_at, created_at FROM agents";

struct Scene {
    owner: Owner,
}

/// A server on SQLite or PostgreSQL, its owner, three agents, and the database itself.
async fn scene(url: Option<&str>) -> (AimProcess, Scene, Vec<String>, DatabaseConnection) {
    let config = AimConfig::new();
    let config = match url {
        Some(url) => config.database(url),
        None => config,
    };
    let aim = config.start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let mut ids = Vec::new();
    for name in ["one", "two", "three"] {
        ids.push(owner.register(name, &[]).await.unwrap().id);
    }
    let database = match url {
        Some(url) => Database::connect(url).await.unwrap(),
        None => database_of(&aim).await.unwrap(),
    };
    (aim, Scene { owner }, ids, database)
}

/// The owner of another organization.
async fn stranger(
    aim: &AimProcess,
    known: &Owner,
    (database, url): (&DatabaseConnection, Option<&str>),
) -> Scene {
    let id = url.map_or("randomblob(16)", |_| "gen_random_uuid()");
    for statement in [
        format!(
            "INSERT INTO organizations (id, name, slug, settings, created_at)
            SELECT {id}, 'Other', 'other', settings, created_at FROM organizations"
        ),
        format!(
            "INSERT INTO users (id, organization_id, email, name, role, password_hash,
            must_change_password, token_generation, created_at, updated_at)
            SELECT {id}, (SELECT id FROM organizations WHERE slug = 'other'), 'stranger@test.local',
            'somebody', 'OWNER', password_hash, must_change_password, 0, created_at, updated_at
            FROM users WHERE email = 'admin@aim.local'"
        ),
    ] {
        database.execute_unprepared(&statement).await.unwrap();
    }
    let owner = known.sign_in(aim, "stranger@test.local").await.unwrap();
    Scene { owner }
}

impl Scene {
    async fn ask(&self, mutation: &str, fields: &str, input: &Value) -> Value {
        let (first, rest) = mutation.split_at(1);
        let kind = format!("{}{rest}Input", first.to_uppercase());
        let query = format!(
            "mutation($input: {kind}!) {{ {mutation}(input: $input) {{ results {{ {fields} }}
                userErrors {{ code field }} }} }}"
        );
        let variables = json!({ "input": input });
        let mut answer = self.owner.ask(&query, variables).await.unwrap();
        answer[mutation].take()
    }

    async fn items(&self, mutation: &str, fields: &str, input: &Value) -> Vec<Value> {
        let mut done = self.ask(mutation, fields, input).await;
        assert_eq!(done["userErrors"], json!([]), "{done}");
        let items = done["results"]["items"].take();
        serde_json::from_value(items).unwrap()
    }

    /// How many entries of an action there are.
    async fn entries(&self, action: &str) -> u64 {
        let query = "query($filter: AuditFilter) { auditEntries(first: 1, filter: $filter) { totalCount } }";
        let variables = json!({ "filter": { "action": action } });
        let answer = self.owner.ask(query, variables).await.unwrap();
        answer["auditEntries"]["totalCount"].as_u64().unwrap()
    }
}

/// The values of one field.
fn all(items: &[Value], place: &str) -> Vec<Value> {
    items
        .iter()
        .map(|it| it.pointer(place).cloned().unwrap_or_default())
        .collect()
}

async fn check_agents(url: Option<&str>) {
    let (aim, scene, ids, database) = scene(url).await;
    let nobody = "QWdlbnQ6MDE5MDAwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAw";
    let named = [&ids[0], &ids[1], nobody, &ids[0]];
    let suspend = json!({ "agentIds": named, "change": "SUSPEND", "reason": "a test" });
    for _ in 0..2 {
        let items = scene.items("changeAgentStatuses", AGENT, &suspend).await;
        assert_eq!(all(&items, "/agentId"), named[..3]);
        let states = all(&items, "/agent/status");
        assert_eq!(
            states,
            [json!("SUSPENDED"), json!("SUSPENDED"), Value::Null]
        );
        let codes = all(&items, "/code");
        assert_eq!(codes, [Value::Null, Value::Null, json!("NOT_FOUND")]);
        assert_eq!(
            scene.entries("agent.suspend").await,
            2,
            "one for each, once"
        );
    }
    let revoke = json!({ "agentIds": [ids[1]], "change": "REVOKE", "reason": "a test" });
    scene.items("changeAgentStatuses", AGENT, &revoke).await;
    let again = json!({ "agentIds": ids, "change": "REINSTATE", "reason": "a test" });
    let items = scene.items("changeAgentStatuses", AGENT, &again).await;
    let codes = all(&items, "/code");
    assert_eq!(codes, [Value::Null, json!("CONFLICT"), Value::Null]);
    assert_eq!(items[1]["agent"], Value::Null);
    assert_eq!(
        scene.entries("agent.reinstate").await,
        1,
        "one was verified"
    );

    let tags = json!({ "agentIds": ids, "add": ["eu", "mail"] });
    scene.items("tagAgents", AGENT, &tags).await;
    let tags = json!({ "agentIds": ids, "add": ["eu", "blue"], "remove": ["mail", "none"] });
    for _ in 0..2 {
        let items = scene.items("tagAgents", AGENT, &tags).await;
        for tags in all(&items, "/agent/tags") {
            assert_eq!(tags, json!(["blue", "eu"]));
        }
        assert_eq!(scene.entries("agent.update").await, 6);
    }
    check_tags_that_do_not_fit(&scene, &ids).await;

    check_refused(&scene, &ids).await;
    let other = stranger(&aim, &scene.owner, (&database, url)).await;
    for (mutation, input) in [
        ("changeAgentStatuses", &suspend),
        ("tagAgents", &tags),
        ("tagAgents", &json!({ "agentIds": ids, "remove": ["eu"] })),
    ] {
        for item in other.items(mutation, AGENT, input).await {
            assert_eq!(item["code"], "NOT_FOUND", "{mutation}: {item}");
            assert_eq!(item["message"], "no such agent");
            assert_eq!(item["agent"], Value::Null);
        }
    }
    assert_eq!(scene.entries("agent.update").await, 12);
    assert_eq!(scene.entries("agent.suspend").await, 2);
}

/// What is wrong as a whole changes nothing.
async fn check_refused(scene: &Scene, ids: &[String]) {
    let many: Vec<_> = std::iter::repeat_n(&ids[0], 101).collect();
    let change = |ids: Value, reason: &str| json!({ "agentIds": ids, "change": "SUSPEND", "reason": reason });
    for (mutation, input, field) in [
        ("changeAgentStatuses", change(json!([]), "x"), "agentIds"),
        ("changeAgentStatuses", change(json!(many), "x"), "agentIds"),
        ("changeAgentStatuses", change(json!(ids), " "), "reason"),
        ("tagAgents", json!({ "agentIds": ids }), "add"),
        (
            "tagAgents",
            json!({ "agentIds": ids, "add": ["a"], "remove": ["a"] }),
            "remove",
        ),
        ("tagAgents", json!({ "agentIds": ids, "add": [" "] }), "add"),
    ] {
        let refused = scene.ask(mutation, AGENT, &input).await;
        let error = &refused["userErrors"][0];
        assert_eq!(error["code"], "INVALID", "{input}: {refused}");
        assert_eq!(error["field"][0], field, "{input}: {refused}");
        assert_eq!(refused["results"], Value::Null);
    }
}

/// Tags that are good, but more than one of the agents may have: that one is left as it is.
async fn check_tags_that_do_not_fit(scene: &Scene, ids: &[String]) {
    let full: Vec<_> = (0..97).map(|number| format!("tag-{number}")).collect();
    let input = json!({ "agentIds": [ids[0]], "add": full });
    let items = scene.items("tagAgents", AGENT, &input).await;
    assert_eq!(items[0]["code"], Value::Null, "{items:?}");
    let input = json!({ "agentIds": ids, "add": ["x", "y"] });
    let items = scene.items("tagAgents", AGENT, &input).await;
    let codes = all(&items, "/code");
    assert_eq!(codes, [json!("INVALID"), Value::Null, Value::Null]);
    let message = items[0]["message"].as_str().unwrap();
    assert!(message.contains("`tags` has 101 entries"), "{message}");
    let all_of_them = [full, vec!["x".to_owned(), "y".to_owned()]].concat();
    let input = json!({ "agentIds": ids, "remove": all_of_them });
    let items = scene.items("tagAgents", AGENT, &input).await;
    for tags in all(&items, "/agent/tags") {
        assert_eq!(tags, json!(["blue", "eu"]));
    }
}

async fn check_alerts(url: Option<&str>) {
    let (aim, scene, _, database) = scene(url).await;
    database.execute_unprepared(ALERTS).await.unwrap();
    let found = scene.owner.ask("{ alerts { nodes { id } } }", json!({}));
    let found = found.await.unwrap();
    let ids = all(found["alerts"]["nodes"].as_array().unwrap(), "/id");
    let resolve = json!({ "alertIds": [ids[0]], "verdict": "FALSE_POSITIVE", "reason": "a test" });
    for _ in 0..2 {
        let items = scene.items("answerAlerts", ALERT, &resolve).await;
        let expected = json!({ "status": "RESOLVED", "verdict": "FALSE_POSITIVE" });
        assert_eq!(items[0]["alert"], expected);
        assert_eq!(scene.entries("alert.resolve").await, 1);
    }
    let acknowledge = json!({ "alertIds": ids });
    for _ in 0..2 {
        let items = scene.items("answerAlerts", ALERT, &acknowledge).await;
        let codes = all(&items, "/code");
        assert_eq!(codes, [json!("CONFLICT"), Value::Null, Value::Null]);
        let count = scene.entries("alert.acknowledge").await;
        assert_eq!(count, 2, "one for each, once");
    }
    let long = "x".repeat(1_001);
    for (input, field) in [
        (json!({ "alertIds": [] }), "alertIds"),
        (json!({ "alertIds": ids, "reason": long }), "reason"),
    ] {
        let refused = scene.ask("answerAlerts", ALERT, &input).await;
        assert_eq!(refused["userErrors"][0]["code"], "INVALID", "{refused}");
        assert_eq!(refused["userErrors"][0]["field"], json!([field]));
    }
    let other = stranger(&aim, &scene.owner, (&database, url)).await;
    let resolve = json!({ "alertIds": ids, "verdict": "FALSE_POSITIVE" });
    for item in other.items("answerAlerts", ALERT, &resolve).await {
        assert_eq!(item["code"], "NOT_FOUND", "{item}");
        assert_eq!(item["alert"], Value::Null);
    }
    assert_eq!(scene.entries("alert.resolve").await, 1);
}

#[tokio::test]
async fn many_agents_are_changed_one_by_one_and_once_on_sqlite() {
    check_agents(None).await;
}

#[tokio::test]
async fn many_agents_are_changed_one_by_one_and_once_on_postgresql() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    check_agents(Some(&url)).await;
}

#[tokio::test]
async fn many_alerts_are_answered_one_by_one_and_once_on_sqlite() {
    check_alerts(None).await;
}

#[tokio::test]
async fn many_alerts_are_answered_one_by_one_and_once_on_postgresql() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    check_alerts(Some(&url)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_are_so_already_take_as_many_statements_as_one() {
    let (postgres, aim) = logged().await;
    let owner = Owner::of(&aim).await.unwrap();
    let mut ids = Vec::new();
    for number in 0..8 {
        let name = format!("agent-{number}");
        ids.push(owner.register(&name, &[]).await.unwrap().id);
    }
    let scene = Scene { owner };
    let mut asked = Vec::new();
    for ids in [&ids[..1], &ids[..]] {
        let input = json!({ "agentIds": ids, "change": "REINSTATE", "reason": "a test" });
        let mut fewest = usize::MAX;
        for _ in 0..LOOKS {
            let from = postgres.log().len();
            let items = scene.items("changeAgentStatuses", AGENT, &input).await;
            assert_eq!(items.len(), ids.len());
            let agents = |it: &String| it.contains("FROM \"agents\"");
            let found = statements(&postgres.log(), from);
            fewest = fewest.min(found.iter().filter(|it| agents(it)).count());
        }
        asked.push(fewest);
    }
    assert_eq!(
        asked,
        [2, 2],
        "read before and behind, whatever their number"
    );
}
