//! Filters that people keep: each for themselves or for everybody, taken when their list takes them, and told
//! to be unreadable when it does not any more.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_tests::{AimConfig, AimProcess, Postgres};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use serde_json::{Value, json};

use crate::fleet::{Owner, database_of};

const FIELDS: &str = "id list name isShared filter problem createdBy updatedBy";

async fn ask(owner: &Owner, mutation: &str, input: &Value) -> Value {
    let (first, rest) = mutation.split_at(1);
    let kind = format!("{}{rest}Input", first.to_uppercase());
    let query = format!(
        "mutation($input: {kind}!) {{ {mutation}(input: $input) {{ savedFilter {{ {FIELDS} }}
            userErrors {{ code message field }} }} }}"
    );
    let mut answer = owner.ask(&query, json!({ "input": input })).await.unwrap();
    answer[mutation].take()
}

async fn save(owner: &Owner, input: Value) -> Value {
    let mut done = ask(owner, "saveFilter", &input).await;
    assert_eq!(done["userErrors"], json!([]), "{done}");
    done["savedFilter"].take()
}

/// What somebody sees, by name.
async fn seen(owner: &Owner, list: Option<&str>) -> Vec<Value> {
    let query = format!(
        "query($filter: SavedFilterFilter) {{ savedFilters(first: 100, filter: $filter) {{ totalCount
            nodes {{ {FIELDS} }} }} }}"
    );
    let variables = json!({ "filter": list.map(|list| json!({ "list": list })) });
    let mut answer = owner.ask(&query, variables).await.unwrap();
    let nodes = answer["savedFilters"]["nodes"].take();
    let mut nodes: Vec<Value> = serde_json::from_value(nodes).unwrap();
    assert_eq!(answer["savedFilters"]["totalCount"], nodes.len());
    nodes.sort_by_key(|it| it["name"].to_string());
    nodes
}

fn names(filters: &[Value]) -> Vec<&str> {
    let names = filters.iter().map(|it| it["name"].as_str());
    names.map(Option::unwrap).collect()
}

/// How many entries of an action there are.
async fn entries(owner: &Owner, action: &str) -> u64 {
    let query =
        "query($filter: AuditFilter) { auditEntries(first: 1, filter: $filter) { totalCount } }";
    let variables = json!({ "filter": { "action": action } });
    let answer = owner.ask(query, variables).await.unwrap();
    answer["auditEntries"]["totalCount"].as_u64().unwrap()
}

/// Another person, also of another organization.
async fn person(
    aim: &AimProcess,
    owner: &Owner,
    (database, url): (&DatabaseConnection, Option<&str>),
    (name, role, is_ours): (&str, &str, bool),
) -> Owner {
    let id = url.map_or("randomblob(16)", |_| "gen_random_uuid()");
    let organization = if is_ours {
        "organization_id"
    } else {
        let statement = format!(
            "INSERT INTO organizations (id, name, slug, settings, created_at)
            SELECT {id}, 'Other', 'other', settings, created_at FROM organizations"
        );
        database.execute_unprepared(&statement).await.unwrap();
        "(SELECT id FROM organizations WHERE slug = 'other')"
    };
    let statement = format!(
        "INSERT INTO users (id, organization_id, email, name, role, password_hash,
        must_change_password, token_generation, created_at, updated_at)
        SELECT {id}, {organization}, '{name}@test.local', 'somebody', '{role}', password_hash,
        must_change_password, 0, created_at, updated_at FROM users WHERE email = 'admin@aim.local'"
    );
    database.execute_unprepared(&statement).await.unwrap();
    let email = format!("{name}@test.local");
    owner.sign_in(aim, &email).await.unwrap()
}

async fn check(url: Option<&str>) {
    let config = AimConfig::new();
    let config = match url {
        Some(url) => config.database(url),
        None => config,
    };
    let aim = config.start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let database = match url {
        Some(url) => Database::connect(url).await.unwrap(),
        None => database_of(&aim).await.unwrap(),
    };
    let place = (&database, url);
    let viewer = person(&aim, &owner, place, ("viewer", "VIEWER", true)).await;
    let stranger = person(&aim, &owner, place, ("stranger", "OWNER", false)).await;
    check_saving(&owner).await;
    check_sharing(&owner, &viewer, &stranger).await;
    check_refusals(&owner, &viewer).await;
    check_unreadable(&owner, &database).await;
    check_limit(&viewer).await;
    check_removal(&owner, &viewer, &database).await;
}

async fn check_saving(owner: &Owner) {
    owner.register("one", &[]).await.unwrap();
    owner.register("two", &[]).await.unwrap();
    let input = json!({ "list": "AGENTS", "name": "ones", "filter": { "name": "one" } });
    let first = save(owner, input.clone()).await;
    assert_eq!(first["isShared"], false);
    assert_eq!(first["problem"], Value::Null);
    assert_eq!(save(owner, input).await, first, "the same again");
    assert_eq!(entries(owner, "filter.save").await, 1);

    // It is opened again as it was saved.
    let query =
        "query($filter: AgentFilter) { agents(first: 10, filter: $filter) { nodes { name } } }";
    let opened = owner.ask(query, json!({ "filter": first["filter"] })).await;
    let opened = opened.unwrap();
    assert_eq!(opened["agents"]["nodes"], json!([{ "name": "one" }]));

    let filter = json!({ "search": "o", "status": "VERIFIED" });
    let input = json!({ "list": "AGENTS", "name": "ones", "filter": filter });
    let replaced = save(owner, input).await;
    assert_eq!(replaced["id"], first["id"]);
    assert_eq!(replaced["filter"], filter);
    assert_eq!(entries(owner, "filter.save").await, 2);
    // The same name in another list is another filter.
    let input = json!({ "list": "ALERTS", "name": "ones", "filter": { "severity": "HIGH" } });
    assert_ne!(save(owner, input).await["id"], first["id"]);
    assert_eq!(seen(owner, None).await.len(), 2);
    assert_eq!(seen(owner, Some("ALERTS")).await.len(), 1);
    assert_eq!(seen(owner, Some("ANOMALIES")).await.len(), 0);
}

async fn check_sharing(owner: &Owner, viewer: &Owner, stranger: &Owner) {
    let input = |shared: bool, name: &str| {
        let filter = json!({ "status": "PENDING" });
        json!({ "list": "APPROVALS", "name": name, "filter": filter, "isShared": shared })
    };
    let shared = save(owner, input(true, "waiting")).await;
    assert_eq!(shared["isShared"], true);
    let own = save(viewer, input(false, "waiting")).await;
    assert_ne!(own["id"], shared["id"], "a name is one's own");
    assert_eq!(names(&seen(viewer, None).await), ["waiting", "waiting"]);
    assert_eq!(names(&seen(owner, Some("APPROVALS")).await), ["waiting"]);
    assert_eq!(seen(stranger, None).await, [] as [Value; 0]);

    // A viewer keeps filters for themselves alone, and takes nothing away that is everybody's.
    let query =
        "mutation($input: SaveFilterInput!) { saveFilter(input: $input) { userErrors { code } } }";
    let refused = viewer
        .ask(query, json!({ "input": input(true, "mine") }))
        .await;
    assert!(refused.unwrap_err().to_string().contains("FORBIDDEN"));
    let query = "mutation($input: DeleteSavedFilterInput!) { deleteSavedFilter(input: $input) {
        userErrors { code } } }";
    let id = json!({ "input": { "savedFilterId": shared["id"] } });
    let refused = viewer.ask(query, id).await;
    assert!(refused.unwrap_err().to_string().contains("FORBIDDEN"));
    assert_eq!(seen(viewer, None).await.len(), 2);

    // What is somebody else's alone, or another organization's, is not there.
    for (who, id) in [
        (owner, &own["id"]),
        (stranger, &own["id"]),
        (stranger, &shared["id"]),
    ] {
        let refused = ask(who, "deleteSavedFilter", &json!({ "savedFilterId": id })).await;
        assert_eq!(refused["userErrors"][0]["code"], "NOT_FOUND", "{refused}");
    }
    for (who, id) in [(viewer, &own["id"]), (owner, &shared["id"])] {
        let input = json!({ "savedFilterId": id });
        let done = ask(who, "deleteSavedFilter", &input).await;
        assert_eq!(done["savedFilter"]["id"], *id, "{done}");
        let again = ask(who, "deleteSavedFilter", &input).await;
        assert_eq!(again["userErrors"][0]["code"], "NOT_FOUND", "{again}");
    }
    assert_eq!(entries(owner, "filter.delete").await, 2);
    assert_eq!(seen(viewer, None).await, [] as [Value; 0]);
}

async fn check_refusals(owner: &Owner, viewer: &Owner) {
    let before = (seen(owner, None).await, entries(owner, "filter.save").await);
    let long = "x".repeat(101);
    let big = json!({ "search": "x".repeat(4_096) });
    for (name, filter, field, words) in [
        ("a", json!({ "statu": "VERIFIED" }), "filter", "`statu`"),
        ("a", json!({ "status": "GONE" }), "filter", "GONE"),
        ("a", json!([]), "filter", "not an object"),
        ("a", big, "filter", "4096"),
        ("", json!({}), "name", "is empty"),
        (" a", json!({}), "name", "space"),
        (long.as_str(), json!({}), "name", "101 bytes"),
        ("a\u{0}b", json!({}), "name", "control"),
    ] {
        let input = json!({ "list": "AGENTS", "name": name, "filter": filter });
        let refused = ask(viewer, "saveFilter", &input).await;
        let error = &refused["userErrors"][0];
        assert_eq!(error["code"], "INVALID", "{input}: {refused}");
        assert_eq!(error["field"], json!([field]), "{input}: {refused}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(words), "{input}: {message}");
        assert_eq!(refused["savedFilter"], Value::Null);
    }
    assert_eq!(seen(viewer, None).await, [] as [Value; 0]);
    let after = (seen(owner, None).await, entries(owner, "filter.save").await);
    assert_eq!(before, after);
}

/// A filter of a schema that is gone: it is still there, with why its list does not take it.
async fn check_unreadable(owner: &Owner, database: &DatabaseConnection) {
    let old = "UPDATE saved_filters SET body = '{\"colour\": \"RED\"}' WHERE list = 'ALERTS'";
    database.execute_unprepared(old).await.unwrap();
    let filters = seen(owner, None).await;
    assert_eq!(filters.len(), 2);
    for filter in filters {
        if filter["list"] == "ALERTS" {
            assert_eq!(filter["filter"], json!({ "colour": "RED" }));
            let problem = filter["problem"].as_str().unwrap();
            assert!(problem.contains("`colour`"), "{problem}");
        } else {
            assert_eq!(filter["problem"], Value::Null);
        }
    }
    // It is mended by saving it anew.
    let input = json!({ "list": "ALERTS", "name": "ones", "filter": { "status": "OPEN" } });
    assert_eq!(save(owner, input).await["problem"], Value::Null);
}

async fn check_limit(viewer: &Owner) {
    for number in 0..100 {
        let name = format!("filter {number}");
        save(
            viewer,
            json!({ "list": "ANOMALIES", "name": name, "filter": {} }),
        )
        .await;
    }
    let more = json!({ "list": "ANOMALIES", "name": "one more", "filter": {} });
    let refused = ask(viewer, "saveFilter", &more).await;
    assert_eq!(refused["userErrors"][0]["code"], "CONFLICT", "{refused}");
    // What is there can still be changed.
    let change =
        json!({ "list": "ANOMALIES", "name": "filter 1", "filter": { "kind": "RATE_SPIKE" } });
    save(viewer, change).await;
    assert_eq!(seen(viewer, None).await.len(), 100);
}

/// What a person kept goes with them.
async fn check_removal(owner: &Owner, viewer: &Owner, database: &DatabaseConnection) {
    let id = viewer
        .ask("{ viewer { ... on User { id } } }", json!({}))
        .await;
    let id = id.unwrap()["viewer"]["id"].take();
    let query =
        "mutation($input: RemoveUserInput!) { removeUser(input: $input) { userErrors { code } } }";
    let input = json!({ "input": { "userId": id, "reason": "a test" } });
    let done = owner.ask(query, input).await.unwrap();
    assert_eq!(done["removeUser"]["userErrors"], json!([]));
    let count = "SELECT COUNT(*) AS count FROM saved_filters";
    let count = Statement::from_string(database.get_database_backend(), count);
    let row = database.query_one_raw(count).await.unwrap().unwrap();
    let left: i64 = row.try_get("", "count").unwrap();
    assert_eq!(left, 2, "the owner's own");
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_are_kept_for_oneself_or_for_everybody_on_sqlite() {
    check(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_are_kept_for_oneself_or_for_everybody_on_postgresql() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    check(Some(&url)).await;
}
