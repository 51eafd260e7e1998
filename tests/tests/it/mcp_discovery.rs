//! The discovery inbox: servers that were seen and nobody registered wait for a person.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::time::Duration;

use aim_tests::{AimConfig, aim_command, wait_for};
use serde_json::{Value, json};

use crate::fleet::{Agent, Owner, PASSWORD, now, text};
use crate::mcp_servers::{ask, done};
use crate::policies::publish;

const PATIENCE: Duration = Duration::from_secs(60);
const REPORT: &str = "mutation($input: ReportMcpServersInput!) { reportMcpServers(input: $input) {
    report { newCount knownCount registeredCount refusedCount mcpSightings { id name status } }
    userErrors { code message field } } }";
const INBOX: &str =
    "query($filter: McpSightingFilter) { mcpSightings(first: 100, filter: $filter) {
    totalCount nodes { id name transport url commandDigest method confidence source status
        reportedBy sightingCount dismissalReason } } }";

async fn report(agent: &Agent, servers: Value) -> Value {
    let body = json!({ "query": REPORT, "variables": { "input": { "servers": servers } } });
    let signed = agent.sign(body.to_string().into_bytes(), now());
    let mut answer = agent.post(&signed).await.unwrap();
    assert!(answer.body.get("errors").is_none(), "{}", answer.body);
    answer.body["data"]["reportMcpServers"].take()
}

async fn inbox(owner: &Owner, filter: Value) -> Value {
    let mut found = owner.ask(INBOX, json!({ "filter": filter })).await.unwrap();
    found["mcpSightings"].take()
}

fn counts(answer: &Value) -> [u64; 4] {
    let names = ["newCount", "knownCount", "registeredCount", "refusedCount"];
    names.map(|name| answer["report"][name].as_u64().unwrap())
}

async fn dismiss(owner: &Owner, id: &Value) -> Value {
    let query = "mutation($input: DismissMcpSightingInput!) { dismissMcpSighting(input: $input) {
        mcpSighting { status dismissedBy dismissalReason } userErrors { code } } }";
    let input = json!({ "mcpSightingId": id, "reason": "a test of a colleague" });
    let mut found = owner.ask(query, json!({ "input": input })).await.unwrap();
    found["dismissMcpSighting"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_reported_waits_for_a_person_and_is_adopted_or_left_alone() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("reporter", &["mcp:*"]).await.unwrap();
    let known = json!({ "name": "known", "transport": "STREAMABLE_HTTP",
        "url": "https://known.example.org/mcp" });
    done(&owner, "registerMcpServer", known.clone()).await;
    let seen = |name: &str, url: &str| {
        json!({ "name": name, "transport": "STREAMABLE_HTTP", "url": url, "method": "SESSION",
            "confidence": 0.9, "source": "the SDK" })
    };
    let process = json!({ "name": "git", "transport": "STDIO", "commandDigest": "a".repeat(64),
        "method": "CLIENT_CONFIG", "confidence": 1.0, "source": "Cursor" });
    let servers = json!([
        seen("known", "https://known.example.org/mcp"),
        // One that takes a known name at another place is another server.
        seen("known", "https://evil.example.org/mcp"),
        seen("weather", "https://weather.example.org/mcp"),
        process,
    ]);
    assert_eq!(counts(&report(&agent, servers.clone()).await), [3, 0, 1, 0]);
    assert_eq!(counts(&report(&agent, servers.clone()).await), [0, 3, 1, 0]);
    refuses_secrets(&agent).await;

    let open = inbox(&owner, json!({ "status": "OPEN" })).await;
    assert_eq!(open["totalCount"], 3);
    let git = &inbox(&owner, json!({ "search": "cursor" })).await["nodes"][0];
    assert_eq!(git["name"], "git");
    assert_eq!(
        (&git["sightingCount"], &git["url"]),
        (&json!(2), &Value::Null)
    );
    assert_eq!(git["reportedBy"], format!("agent:{}", agent.uuid()));

    is_unknown_until_it_is_adopted(&owner, &agent).await;

    // Its name is taken; it can have another one.
    let evil = &inbox(&owner, json!({ "search": "evil" })).await["nodes"][0];
    let input = json!({ "input": { "mcpSightingId": evil["id"] } });
    let taken = owner.ask(ADOPT, input).await.unwrap();
    assert_eq!(
        taken["adoptMcpSighting"]["userErrors"][0]["code"],
        "CONFLICT"
    );
    let answer = dismiss(&owner, &evil["id"]).await;
    assert_eq!(answer["mcpSighting"]["status"], "DISMISSED", "{answer}");
    let again = dismiss(&owner, &evil["id"]).await;
    assert_eq!(again["userErrors"][0]["code"], "CONFLICT");
    assert_eq!(counts(&report(&agent, servers).await), [0, 2, 2, 0]);
    let open = inbox(&owner, json!({ "status": "OPEN" })).await;
    assert_eq!(
        open["totalCount"], 1,
        "what was left alone does not come back: {open}"
    );
    // What is registered by hand leaves the inbox as well.
    done(
        &owner,
        "registerMcpServer",
        json!({ "name": "git", "transport": "STDIO" }),
    )
    .await;
    assert_eq!(
        inbox(&owner, json!({ "status": "OPEN" })).await["totalCount"],
        0
    );
}

const ADOPT: &str = "mutation($input: AdoptMcpSightingInput!) { adoptMcpSighting(input: $input) {
    mcpServer { name status transport url } userErrors { code message field } } }";

async fn is_unknown_until_it_is_adopted(owner: &Owner, agent: &Agent) {
    // A report registers nothing: to policies it is unknown.
    let rule = json!({ "mcpServer": ["UNKNOWN"] });
    publish(owner, "known servers", rule, "FORBID", agent).await;
    let decided = async || {
        let asked = json!({ "action": "mcp:weather/forecast" });
        agent.verify(asked).await.unwrap().decision().0.to_owned()
    };
    let denied = || async { Ok((decided().await == "DENIED").then_some(())) };
    wait_for("the policy to count", PATIENCE, denied)
        .await
        .unwrap();
    let weather = &inbox(owner, json!({ "search": "https://weather" })).await["nodes"][0];
    let input = json!({ "input": { "mcpSightingId": weather["id"] } });
    let adopted = owner.ask(ADOPT, input.clone()).await.unwrap();
    let wanted = json!({ "name": "weather", "status": "PENDING", "transport": "STREAMABLE_HTTP",
        "url": "https://weather.example.org/mcp" });
    assert_eq!(
        adopted["adoptMcpSighting"]["mcpServer"], wanted,
        "{adopted}"
    );
    assert_eq!(decided().await, "ALLOWED");
    let twice = owner.ask(ADOPT, input).await.unwrap();
    assert_eq!(
        twice["adoptMcpSighting"]["userErrors"][0]["code"],
        "NOT_FOUND"
    );
}

async fn refuses_secrets(agent: &Agent) {
    let place = |url: &str| {
        json!([{ "name": "a", "transport": "STREAMABLE_HTTP", "url": url, "method": "CODE",
            "confidence": 0.5 }])
    };
    for (servers, field) in [
        (place("https://user:secret@a.example/mcp"), "url"),
        (place("https://a.example/mcp?token=secret"), "url"),
        (
            json!([{ "name": "a", "transport": "STDIO", "method": "CODE", "confidence": 0.5,
                "commandDigest": "uvx --token secret" }]),
            "commandDigest",
        ),
        (
            json!([{ "name": "", "transport": "STDIO", "method": "CODE", "confidence": 0.5 }]),
            "name",
        ),
        (
            json!([{ "name": "a", "transport": "STDIO", "method": "CODE", "confidence": 2 }]),
            "confidence",
        ),
    ] {
        let refused = report(agent, servers).await;
        let wanted = json!(["servers", "0", field]);
        assert_eq!(refused["userErrors"][0]["field"], wanted, "{refused}");
    }
}

/// One reporter does not fill the inbox, and is told so.
#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_is_bounded_and_can_be_shut_off() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("chatty", &[]).await.unwrap();
    let many = |from: usize| -> Value {
        let servers = (from..from + 100).map(|number| {
            json!({ "name": format!("s{number}"), "transport": "STDIO", "method": "CODE",
                "confidence": 0.5 })
        });
        servers.collect()
    };
    assert_eq!(counts(&report(&agent, many(0)).await), [100, 0, 0, 0]);
    assert_eq!(counts(&report(&agent, many(50)).await), [50, 50, 0, 0]);
    assert_eq!(counts(&report(&agent, many(150)).await), [50, 0, 0, 50]);
    assert_eq!(inbox(&owner, json!({})).await["totalCount"], 200);

    let shut = AimConfig::new().env("ENABLE_MCP_ATTESTATION", "false");
    let shut = shut.start().unwrap();
    let owner = Owner::of(&shut).await.unwrap();
    let agent = owner.register("chatty", &[]).await.unwrap();
    let body = json!({ "query": REPORT, "variables": { "input": { "servers": many(0) } } });
    let signed = agent.sign(body.to_string().into_bytes(), now());
    let answer = agent.post(&signed).await.unwrap();
    let code = &answer.body["errors"][0]["extensions"]["code"];
    assert_eq!(*code, "FORBIDDEN", "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn called_servers_that_nobody_registered_are_in_the_inbox() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("caller", &["mcp__*"]).await.unwrap();
    let asked = json!({ "action": "mcp__shadow__exfiltrate" });
    for _ in 0..3 {
        agent.verify(asked.clone()).await.unwrap();
    }
    let seen = || async {
        let found = inbox(&owner, json!({ "method": "CALL" })).await;
        Ok((found["totalCount"] == 1).then_some(found))
    };
    let found = wait_for("the call to be seen", PATIENCE, seen)
        .await
        .unwrap();
    let server = &found["nodes"][0];
    assert_eq!(server["name"], "shadow");
    assert_eq!(server["transport"], Value::Null);
    assert_eq!(server["reportedBy"], format!("agent:{}", agent.uuid()));
    let input = json!({ "mcpSightingId": server["id"], "url": "https://s.example.org/mcp" });
    let query = "mutation($input: AdoptMcpSightingInput!) { adoptMcpSighting(input: $input) {
        mcpServer { name transport } userErrors { message } } }";
    let adopted = owner.ask(query, json!({ "input": input })).await.unwrap();
    let wanted = json!({ "name": "shadow", "transport": "STREAMABLE_HTTP" });
    assert_eq!(
        adopted["adoptMcpSighting"]["mcpServer"], wanted,
        "{adopted}"
    );
}

/// The command line reads what clients on this machine are set to use, and tells no secret of it.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_finds_what_clients_use() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let cursor = home.path().join(".cursor");
    fs::create_dir_all(&cursor).unwrap();
    let written = json!({ "mcpServers": {
        "git": { "command": "/usr/bin/uvx", "args": ["mcp-server-git", "--api-key", "hunter2"],
            "env": { "TOKEN": "hunter3" } },
        "remote": { "url": "https://me:hunter4@tools.example.org/mcp?key=hunter5" },
    } });
    fs::write(cursor.join("mcp.json"), written.to_string()).unwrap();
    let discover = |rest: &[&str]| {
        let mut command = aim_command().unwrap();
        let command = command.args(["mcp", "discover"]).args(rest);
        let command = command
            .env("HOME", home.path())
            .env_remove("XDG_CONFIG_HOME");
        let output = command.output().unwrap();
        let words = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{errors}");
        assert!(
            !words.contains("hunter") && !errors.contains("hunter"),
            "{words}{errors}"
        );
        words
    };
    let found: Value = serde_json::from_str(&discover(&[])).unwrap();
    assert_eq!(found[0]["name"], "git");
    assert_eq!(found[0]["source"], "Cursor");
    assert_eq!(found[1]["url"], "https://tools.example.org/mcp");
    let url = aim.base_url();
    let told = discover(&["--report", "--url", url, "--password", PASSWORD]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["newCount"], 2, "{told}");
    let open = inbox(&owner, json!({ "method": "CLIENT_CONFIG" })).await;
    assert_eq!(open["totalCount"], 2);
    let refused = ask(
        &owner,
        "registerMcpServer",
        json!({ "name": "git", "transport": "STDIO" }),
    );
    assert_eq!(refused.await["userErrors"], json!([]));
    assert_eq!(
        text(&inbox(&owner, json!({})).await, "/nodes/0/name").unwrap(),
        "remote"
    );
}
