//! Policies kept with code: exported, applied as a whole, applied again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::process::{Output, Stdio};

use aim_tests::{AimConfig, AimProcess, Postgres, aim_command};
use serde_json::{Value, json};

use crate::fleet::{Owner, PASSWORD};
use crate::policies::publish;

const APPLY: [&str; 6] = [
    "apply",
    "-",
    "--reason",
    "a test",
    "--json",
    "--archive-others",
];

/// Runs `aim policies` against a server, with a document on standard input.
fn aim(server: &AimProcess, args: &[&str], document: &str) -> Output {
    let mut command = aim_command().unwrap();
    command.arg("policies").args(args);
    command.args(["--url", server.base_url()]);
    command.env("AIM_PASSWORD", PASSWORD);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(document.as_bytes()).unwrap();
    drop(input);
    child.wait_with_output().unwrap()
}

fn exported(server: &AimProcess) -> Value {
    let output = aim(server, &["export"], "");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What became of the policies that did not stay as they are.
fn steps(output: &Output) -> Vec<(String, String)> {
    let all: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let changed = all.iter().filter(|it| it["step"] != "KEEP");
    let word = |it: &Value, key: &str| it[key].as_str().unwrap().to_owned();
    changed
        .map(|it| (word(it, "step"), word(it, "name")))
        .collect()
}

fn words(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(step, name): &(&str, &str)| ((*step).to_owned(), (*name).to_owned());
    pairs.iter().map(own).collect()
}

async fn everything_of_it(server: AimProcess) {
    let owner = Owner::of(&server).await.unwrap();
    let agent = owner.register("reader", &["files:*"]).await.unwrap();
    publish(
        &owner,
        "no keys",
        json!({ "isAlways": true }),
        "FORBID",
        &agent,
    )
    .await;
    let before = exported(&server);
    assert_eq!(before["policies"].as_array().unwrap().len(), 7, "{before}");
    // As it is: nothing changes, no version is made.
    let output = aim(&server, &APPLY, &before.to_string());
    assert!(output.status.success(), "{output:?}");
    assert_eq!(steps(&output), []);

    let (wanted, changes) = changed(&before);

    // Said, and not done.
    let mut dry = APPLY.to_vec();
    dry.push("--dry-run");
    let output = aim(&server, &dry, &wanted.to_string());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(steps(&output), changes);
    assert_eq!(exported(&server), before);

    let output = aim(&server, &APPLY, &wanted.to_string());
    assert!(output.status.success(), "{output:?}");
    assert_eq!(steps(&output), changes);
    let output = aim(&server, &APPLY, &wanted.to_string());
    assert_eq!(steps(&output), []);
    let asked = json!({ "action": "files:read", "resource": "/a.pem" });
    assert_eq!(agent.verify(asked).await.unwrap().decision().0, "DENIED");
    let asked = json!({ "action": "files:read", "resource": "/a.txt" });
    assert_eq!(agent.verify(asked).await.unwrap().decision().0, "ALLOWED");

    refuses_as_a_whole(&server);
}

/// Other policies than these, and how to get there.
fn changed(before: &Value) -> (Value, Vec<(String, String)>) {
    let mut wanted = before.clone();
    let all = wanted["policies"].as_array_mut().unwrap();
    let named = |all: &[Value], name: &str| {
        all.iter()
            .position(|it| it["text"]["name"] == name)
            .unwrap()
    };
    let risky = named(all, "Ask a person for risky actions");
    all[risky]["mode"] = json!("ENFORCED");
    let keys = named(all, "no keys");
    all[keys]["text"]["rule"] = json!({
        "kind": "CEDAR",
        "text": "forbid(principal, action, resource) when { resource.name like \"*.pem\" };",
    });
    all.remove(named(all, "Keep away from secrets"));
    all.push(json!({ "mode": "SHADOW", "text": {
        "name": "a new one", "rule": { "kind": "ALWAYS" }, "effect": "ALERT", "severity": "LOW",
        "scope": { "actions": ["db:*"] },
    } }));
    let changes = words(&[
        ("ARCHIVE", "Keep away from secrets"),
        ("CHANGE_MODE", "Ask a person for risky actions"),
        ("UPDATE", "no keys"),
        ("CREATE", "a new one"),
    ]);
    (wanted, changes)
}

/// Where one thing is wrong nothing is done, and everything wrong is named.
fn refuses_as_a_whole(server: &AimProcess) {
    let now = exported(server);
    let mut wrong = now.clone();
    let all = wrong["policies"].as_array_mut().unwrap();
    all[0]["mode"] = json!("DISABLED");
    all[1]["text"]["rule"] =
        json!({ "kind": "CEDAR", "text": "forbid(principal, action, resource) when { 1 };" });
    all[2]["text"]["scope"] = json!({ "agents": ["0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f610"] });
    let twice = all[3].clone();
    all.push(twice);
    let output = aim(server, &APPLY, &wrong.to_string());
    assert_eq!(output.status.code(), Some(65));
    let said = String::from_utf8(output.stderr).unwrap();
    for part in [
        "`bundle.policies.1.text.rule`",
        "`bundle.policies.2.text.scope.agents`",
        "`bundle.policies.7.text.name`",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(exported(server), now);
    let output = aim(server, &APPLY, "{ \"version\": 2, \"policies\": [] }");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("`bundle.version`"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_are_what_a_document_says_on_sqlite() {
    everything_of_it(AimConfig::new().start().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_are_what_a_document_says_on_postgresql() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    everything_of_it(AimConfig::new().database(&url).start().unwrap()).await;
}
