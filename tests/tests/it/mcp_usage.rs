//! How MCP servers are used is what their calls say, once each, also over a crash and after it was counted
//! anew.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_tests::{AimConfig, AimProcess, Postgres, wait_for};
use serde_json::{Value, json};

use crate::analytics::rebuild;
use crate::fleet::{Agent, Owner, text};
use crate::mcp_servers::{done, register};
use crate::notifications::PATIENCE;

const COUNTS: &str =
    "callCount allowedCount deniedCount pendingCount successCount failureCount lastUsedAt";

/// Counts in their order, and whether a last use is told.
fn counts(usage: &Value) -> ([u64; 6], bool) {
    let names = COUNTS.split(' ').take(6);
    let mut counts = [0; 6];
    for (count, name) in counts.iter_mut().zip(names) {
        *count = usage[name].as_u64().unwrap();
    }
    (counts, usage["lastUsedAt"].is_string())
}

/// All servers with their use, by name, once so many calls were counted.
async fn used(owner: &Owner, calls: u64, results: u64) -> Value {
    let query = format!(
        "{{ mcpServers(first: 10) {{ nodes {{ name usage {{ agentCount total {{ {COUNTS} }} }}
            agentUsages(first: 10) {{ totalCount nodes {{ agent {{ name }} usage {{ {COUNTS} }} }} }}
        }} }} }}"
    );
    wait_for("the calls to be counted", PATIENCE, || async {
        let answer = owner.ask(&query, json!({})).await?;
        let servers = answer["mcpServers"]["nodes"].as_array().unwrap();
        let sum = |name: &str| -> u64 {
            let of = servers.iter().map(|it| it["usage"]["total"][name].as_u64());
            of.map(Option::unwrap).sum()
        };
        assert!(sum("callCount") <= calls, "counted twice: {answer}");
        let ended = sum("successCount") + sum("failureCount");
        // A page that is read while they are counted anew may begin before that and end behind it.
        let is_whole = servers.iter().all(|it| {
            let listed = it["agentUsages"]["nodes"].as_array().unwrap().len();
            it["agentUsages"]["totalCount"] == listed && it["usage"]["agentCount"] == listed
        });
        let is_all = sum("callCount") == calls && ended == results && is_whole;
        let by_name = servers.iter().map(|it| (it["name"].as_str().unwrap(), it));
        Ok(is_all.then(|| {
            by_name
                .map(|(name, it)| (name.to_owned(), it.clone()))
                .collect()
        }))
    })
    .await
    .unwrap()
}

async fn call(agent: &Agent, action: &str, resource: Option<&str>, expected: &str) -> String {
    let input = json!({ "action": action, "resource": resource });
    let answer = agent.verify(input).await.unwrap();
    assert_eq!(answer.decision().0, expected, "{}", answer.body);
    text(&answer.body, "/data/verifyAction/verification/id").unwrap()
}

async fn report(agent: &Agent, id: &str, success: bool) {
    let query = "mutation($input: ReportActionResultInput!) { reportActionResult(input: $input) {
        userErrors { message } } }";
    let input = json!({ "verificationId": id, "isSuccess": success });
    let body = json!({ "query": query, "variables": { "input": input } });
    let signed = agent.sign(body.to_string().into_bytes(), crate::fleet::now());
    let answer = agent.post(&signed).await.unwrap();
    let errors = &answer.body["data"]["reportActionResult"]["userErrors"];
    assert_eq!(*errors, json!([]), "{}", answer.body);
}

async fn check(mut aim: AimProcess, url: String) {
    let owner = Owner::of(&aim).await.unwrap();
    register(&owner, "weather", "https://weather.example/mcp", None).await;
    let input = json!({ "name": "idle", "transport": "STDIO" });
    done(&owner, "registerMcpServer", input).await;
    let one = owner
        .register("one", &["mcp__weather__*", "http:post"])
        .await
        .unwrap();
    let two = owner
        .register("two", &["mcp__weather__forecast"])
        .await
        .unwrap();
    let first = call(&one, "mcp__weather__forecast", None, "ALLOWED").await;
    let second = call(
        &one,
        "http:post",
        Some("https://weather.example/mcp"),
        "ALLOWED",
    )
    .await;
    call(&two, "mcp__weather__forecast", None, "ALLOWED").await;
    call(&two, "mcp__weather__erase", None, "DENIED").await;
    // No calls of a server that is registered.
    call(&two, "mcp__else__forecast", None, "DENIED").await;
    call(&two, "files:read", None, "DENIED").await;
    report(&one, &first, true).await;
    report(&one, &second, false).await;

    let before = used(&owner, 4, 2).await;
    let weather = &before["weather"];
    assert_eq!(
        counts(&weather["usage"]["total"]),
        ([4, 3, 1, 0, 1, 1], true)
    );
    assert_eq!(weather["usage"]["agentCount"], 2);
    assert_eq!(weather["agentUsages"]["totalCount"], 2);
    let agents = weather["agentUsages"]["nodes"].as_array().unwrap();
    let names: Vec<_> = agents
        .iter()
        .map(|it| it["agent"]["name"].clone())
        .collect();
    assert_eq!(names, ["two", "one"]);
    assert_eq!(counts(&agents[0]["usage"]), ([2, 1, 1, 0, 0, 0], true));
    assert_eq!(counts(&agents[1]["usage"]), ([2, 2, 0, 0, 1, 1], true));
    let idle = &before["idle"];
    assert_eq!(counts(&idle["usage"]["total"]), ([0; 6], false));
    assert_eq!(idle["agentUsages"]["totalCount"], 0);

    aim.kill9().unwrap();
    aim.restart().unwrap();
    let owner = owner.sign_in(&aim, "admin@aim.local").await.unwrap();
    assert_eq!(used(&owner, 4, 2).await, before);
    rebuild(("DATABASE_URL", url));
    assert_eq!(used(&owner, 4, 2).await, before);
    let two = owner.agent("two", &two.id);
    call(&two, "mcp__weather__forecast", None, "ALLOWED").await;
    let after = used(&owner, 5, 2).await;
    assert_eq!(after["weather"]["usage"]["agentCount"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn use_of_mcp_servers_is_counted_once_on_sqlite() {
    let aim = AimConfig::new().start().unwrap();
    let url = format!("sqlite://{}", aim.data().join("aim.db").display());
    check(aim, url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn use_of_mcp_servers_is_counted_once_on_postgresql() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    let aim = AimConfig::new().database(&url).start().unwrap();
    check(aim, url).await;
}
