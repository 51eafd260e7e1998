//! Agents, people, servers and the rest, by the command line.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt;

use aim_tests::{AimConfig, AimProcess, wait_for};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::approvals::{ask_for, deletion};
use crate::cli::Cli;
use crate::fleet::{Owner, PASSWORD, add_person, database_of, now};

const BECAUSE: [&str; 2] = ["--reason", "a drill"];

async fn started() -> (AimProcess, Owner, Cli) {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let cli = Cli::signed_in(aim.base_url(), PASSWORD).await.unwrap();
    (aim, owner, cli)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_lives_and_ends_by_the_command_line() {
    let (_aim, _owner, cli) = started().await;
    let made = cli
        .json(&["agents", "register", "courier", "--tag", "eu"])
        .await
        .unwrap();
    assert_eq!(made["name"], "courier");
    let key = cli.home().join(".config/aim/keys/courier.pem");
    assert_eq!(
        std::fs::metadata(&key).unwrap().permissions().mode() & 0o777,
        0o600
    );
    // Once more is refused, and the key stays what it was.
    let kept = std::fs::read(&key).unwrap();
    let again = cli.run(&["agents", "register", "courier"]).await.unwrap();
    assert_eq!(
        (again.code, std::fs::read(&key).unwrap()),
        (65, kept),
        "{again:?}"
    );

    for (verb, field, expected) in [
        ("suspend", "status", json!("SUSPENDED")),
        ("reactivate", "status", json!("VERIFIED")),
        ("quarantine", "name", json!("courier")),
        ("release", "status", json!("VERIFIED")),
    ] {
        let words = [&["agents", verb, "courier"][..], &BECAUSE].concat();
        let changed = cli.json(&words).await.unwrap();
        assert_eq!(changed[field], expected, "{verb}: {changed}");
        let shown = cli.json(&["agents", "show", "courier"]).await.unwrap();
        assert_eq!(
            shown["killSwitch"].is_object(),
            verb == "quarantine",
            "{shown}"
        );
    }

    let words = [
        "keys",
        "rotate",
        "courier",
        "--key",
        "next.pem",
        "--grace-seconds",
        "60",
    ];
    cli.json(&words).await.unwrap();
    let keys = cli.json(&["keys", "list", "courier"]).await.unwrap();
    assert_eq!(keys.as_array().unwrap().len(), 2, "{keys}");
    let old = keys
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["status"] == "RETIRING");
    let old = old.unwrap()["id"].as_str().unwrap();
    let revoked = cli
        .json(&[&["keys", "revoke", old][..], &BECAUSE].concat())
        .await;
    assert_eq!(revoked.unwrap()["status"], "REVOKED");

    let words = [
        "capabilities",
        "grant",
        "courier",
        "files:read",
        "--resource",
        "/srv/*",
    ];
    let grant = cli.json(&words).await.unwrap();
    let id = grant["id"].as_str().unwrap();
    let listed = cli
        .json(&["capabilities", "list", "--agent", "courier"])
        .await
        .unwrap();
    assert_eq!(listed[0]["id"], json!(id), "{listed}");
    cli.json(&[&["capabilities", "revoke", id][..], &BECAUSE].concat())
        .await
        .unwrap();
    let listed = cli
        .json(&["capabilities", "list", "--agent", "courier"])
        .await
        .unwrap();
    assert_eq!(listed, json!([]));

    let words = [
        "trust",
        "override",
        "courier",
        "7",
        "--expires-at",
        "2099-01-01T00:00:00Z",
    ];
    let tried = cli.run(&[&words[..], &BECAUSE].concat()).await.unwrap();
    // No score; the server says what one is.
    assert_eq!(tried.code, 65, "{tried:?}");
    let trust = cli.json(&["trust", "show", "courier"]).await.unwrap();
    assert_eq!(trust["agent"], "courier", "{trust}");
    assert!(cli.json(&["trust", "summary"]).await.unwrap()["bands"].is_array());
    let stats = cli
        .json(&["verifications", "stats", "courier"])
        .await
        .unwrap();
    assert_eq!(stats["sampleCount"], 0, "{stats}");

    let ended = cli
        .json(&[&["agents", "revoke", "courier"][..], &BECAUSE].concat())
        .await;
    assert_eq!(ended.unwrap()["status"], "REVOKED");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_agents_ask_for_is_answered() {
    let (_aim, owner, cli) = started().await;
    let agent = owner.register("asker", &[]).await.unwrap();
    let query = "mutation($input: RequestCapabilityInput!) { requestCapability(input: $input) {
        capabilityRequest { id } userErrors { message } } }";
    for capability in ["files:read", "files:write"] {
        let input = json!({ "capability": capability, "reason": "for the report" });
        let body = json!({ "query": query, "variables": { "input": input } }).to_string();
        agent
            .post(&agent.sign(body.into_bytes(), now()))
            .await
            .unwrap();
    }
    let waiting = cli
        .json(&["capabilities", "requests", "--agent", "asker"])
        .await
        .unwrap();
    let id = |capability: &str| {
        let all = waiting.as_array().unwrap();
        let found = all.iter().find(|it| it["capability"] == capability);
        found.unwrap_or_else(|| panic!("{waiting}"))["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let words = ["capabilities", "approve", &id("files:read")];
    let granted = cli.json(&[&words[..], &BECAUSE].concat()).await.unwrap();
    assert_eq!(granted["status"], "APPROVED", "{granted}");
    let words = ["capabilities", "reject", &id("files:write")];
    let rejected = cli.json(&[&words[..], &BECAUSE].concat()).await.unwrap();
    assert_eq!(rejected["status"], "REJECTED", "{rejected}");
    let none = cli.json(&["capabilities", "requests"]).await.unwrap();
    assert_eq!(none, json!([]));
    let grants = cli
        .json(&["capabilities", "list", "--agent", "asker"])
        .await
        .unwrap();
    assert_eq!(grants[0]["capability"], "files:read", "{grants}");

    cli.json(&["trust", "recalculate", "asker"]).await.unwrap();
    let scores = cli.json(&["trust", "history", "asker"]).await.unwrap();
    assert!(scores.is_array(), "{scores}");
    let end = (now() + chrono::TimeDelta::hours(1)).to_rfc3339();
    let words = ["trust", "override", "asker", "0.25", "--expires-at", &end];
    let overridden = cli.json(&[&words[..], &BECAUSE].concat()).await.unwrap();
    assert_eq!(overridden["trust"]["effectiveScore"], 0.25, "{overridden}");
    let words = ["trust", "withdraw", "asker"];
    let withdrawn = cli.json(&[&words[..], &BECAUSE].concat()).await.unwrap();
    assert_ne!(withdrawn["trust"]["effectiveScore"], 0.25, "{withdrawn}");
    let gone = cli
        .json(&[&["agents", "delete", "asker"][..], &BECAUSE].concat())
        .await;
    assert_eq!(gone.unwrap()["name"], "asker");
    assert_eq!(cli.json(&["agents", "list"]).await.unwrap(), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_their_keys_are_looked_after() {
    let (aim, _owner, cli) = started().await;
    add_person(&aim, "anna@aim.example", "VIEWER")
        .await
        .unwrap();
    let because = async |words: &[&str]| cli.json(&[words, &BECAUSE].concat()).await.unwrap();
    let users = cli.json(&["users", "list"]).await.unwrap();
    assert_eq!(users.as_array().unwrap().len(), 2, "{users}");
    let anna = "anna@aim.example";
    assert_eq!(
        because(&["users", "role", anna, "manager"]).await["role"],
        "MANAGER"
    );
    assert_eq!(
        because(&["users", "deactivate", anna]).await["isActive"],
        false
    );
    assert_eq!(
        because(&["users", "activate", anna]).await["isActive"],
        true
    );
    because(&["users", "remove", anna]).await;
    assert_eq!(
        cli.run(&[&["users", "remove", anna][..], &BECAUSE].concat())
            .await
            .unwrap()
            .code,
        66
    );
    // Without a mail server nobody can be invited, and nobody changes themselves.
    let invited = cli
        .run(&["users", "invite", "new@aim.example", "--role", "viewer"])
        .await;
    assert_ne!(invited.unwrap().code, 0);
    let words = [
        &["users", "role", "admin@aim.local", "viewer"][..],
        &BECAUSE,
    ]
    .concat();
    assert_ne!(cli.run(&words).await.unwrap().code, 0);

    let made = cli
        .run(&["api-keys", "create", "ci", "--permission", "read"])
        .await
        .unwrap();
    let secret = made.out.lines().last().unwrap();
    assert!(made.code == 0 && secret.starts_with("aim_key_"), "{made:?}");
    let rotated = cli
        .json(&["api-keys", "rotate", "ci", "--overlap-seconds", "0"])
        .await
        .unwrap();
    assert_ne!(rotated["secret"], secret);
    assert_eq!(
        cli.json(&["api-keys", "disable", "ci"]).await.unwrap()["isEnabled"],
        false
    );
    assert_eq!(
        cli.json(&["api-keys", "enable", "ci"]).await.unwrap()["isEnabled"],
        true
    );
    let listed = cli.run(&["api-keys", "list", "--json"]).await.unwrap();
    assert!(!listed.out.contains(secret), "a secret is shown once");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_tools_are_looked_after() {
    let (_aim, _owner, cli) = started().await;
    let because = async |words: &[&str]| cli.json(&[words, &BECAUSE].concat()).await.unwrap();
    let made = cli
        .json(&[
            "mcp",
            "register",
            "clock",
            "--description",
            "tells the time",
        ])
        .await;
    assert_eq!(made.unwrap()["transport"], "STDIO");
    let shown = cli.json(&["mcp", "show", "clock"]).await.unwrap();
    assert_eq!(shown["description"], "tells the time", "{shown}");
    let early = cli
        .run(&[&["mcp", "approve", "clock"][..], &BECAUSE].concat())
        .await
        .unwrap();
    assert!(
        early.code == 1 && early.err.contains("aim mcp report"),
        "{early:?}"
    );
    assert_eq!(
        because(&["mcp", "suspend", "clock"]).await["status"],
        "SUSPENDED"
    );
    assert_ne!(
        because(&["mcp", "reinstate", "clock"]).await["status"],
        "SUSPENDED"
    );
    assert_eq!(
        because(&["mcp", "revoke", "clock"]).await["status"],
        "REVOKED"
    );
    because(&["mcp", "delete", "clock"]).await;
    assert_eq!(cli.json(&["mcp", "list"]).await.unwrap(), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_told_is_looked_after() {
    let (_aim, _owner, cli) = started().await;
    let because = async |words: &[&str]| cli.json(&[words, &BECAUSE].concat()).await.unwrap();
    let words = [
        "notifications",
        "add",
        "webhook",
        "siem",
        "https://siem.example/aim",
        "--event-type",
        "aim.alert.raised.v1",
    ];
    let added = cli.json(&words).await.unwrap();
    assert!(
        added["secret"].as_str().unwrap().starts_with("whsec_"),
        "{added}"
    );
    let sent = cli.json(&["notifications", "test", "siem"]).await.unwrap();
    let id = sent["id"].as_str().unwrap();
    let delivery = cli.json(&["notifications", "delivery", id]).await.unwrap();
    assert_eq!(delivery["id"], sent["id"], "{delivery}");
    let shown = cli.json(&["notifications", "show", "siem"]).await.unwrap();
    assert_eq!(shown["deliveries"]["nodes"][0]["id"], sent["id"], "{shown}");
    assert_eq!(
        because(&["notifications", "disable", "siem"]).await["isEnabled"],
        false
    );
    assert_eq!(
        because(&["notifications", "enable", "siem"]).await["isEnabled"],
        true
    );
    let again = cli.run(&["notifications", "replay", id]).await.unwrap();
    // It is sent again once nobody tries any more.
    assert!([0, 65].contains(&again.code), "{again:?}");
    because(&["notifications", "delete", "siem"]).await;
    assert_eq!(
        cli.json(&["notifications", "list"]).await.unwrap(),
        json!([])
    );
}

/// The rows of a table without its frame.
fn cells(table: &str) -> Vec<Vec<String>> {
    let rows = table.lines().filter(|line| line.starts_with('│'));
    let cells = |line: &str| {
        let inner = line.trim_matches('│').split('┆');
        inner.map(|cell| cell.trim().to_owned()).collect()
    };
    rows.skip(1).map(cells).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_json_and_yaml_say_the_same() {
    let (_aim, owner, cli) = started().await;
    for name in ["ant", "bee", "cat"] {
        owner.register(name, &["files:read"]).await.unwrap();
    }
    let lists: [&[&str]; 13] = [
        &["agents", "list"],
        &["keys", "list", "bee"],
        &["approvals", "list"],
        &["alerts", "list"],
        &["verifications", "list"],
        &["capabilities", "list"],
        &["capabilities", "catalogue"],
        &["capabilities", "requests"],
        &["users", "list"],
        &["users", "invitations"],
        &["api-keys", "list"],
        &["mcp", "list"],
        &["notifications", "list"],
    ];
    for words in lists {
        let json = cli.json(words).await.unwrap();
        let yaml = cli
            .run(&[words, &["--output", "yaml"]].concat())
            .await
            .unwrap();
        let yaml: Value = serde_saphyr::from_str(&yaml.out).unwrap();
        assert_eq!(json, yaml, "{words:?}");
        let table = cli.run(words).await.unwrap();
        assert_eq!(table.code, 0, "{table:?}");
        let rows = cells(&table.out);
        assert_eq!(
            rows.len(),
            json.as_array().unwrap().len(),
            "{words:?}:\n{}",
            table.out
        );
        for (row, object) in rows.iter().zip(json.as_array().unwrap()) {
            let id = object["id"].as_str().unwrap_or_default();
            assert!(
                id.is_empty() || row.iter().any(|cell| cell == id),
                "{row:?}"
            );
        }
    }

    // By pages, and behind a cursor.
    let first = cli.run(&["agents", "list", "--limit", "2"]).await.unwrap();
    assert_eq!(cells(&first.out).len(), 2, "{first:?}");
    assert!(first.err.contains("2 of 3"), "{first:?}");
    let (_, after) = first.err.split_once("--after ").unwrap();
    let cursor = after.split(',').next().unwrap();
    let rest = cli
        .json(&["agents", "list", "--after", cursor])
        .await
        .unwrap();
    assert_eq!(rest.as_array().unwrap().len(), 1, "{rest}");
    let all = cli.json(&["agents", "list", "--all"]).await.unwrap();
    assert_eq!(all.as_array().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_words_do_not_steer_a_terminal() {
    let (aim, owner, cli) = started().await;
    let hostile = "x\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\r\nyz";
    // Arguments of an action are any text; names that are not plain could be there from elsewhere.
    let agent = owner.register("mallory", &["db:delete"]).await.unwrap();
    let mut action = deletion();
    action["arguments"] = json!({ "table": hostile, hostile: 1 });
    let id = ask_for(&agent, &action).await;
    let database = database_of(&aim).await.unwrap();
    for table in ["users", "agents"] {
        let column = if table == "users" {
            "name"
        } else {
            "display_name"
        };
        let sql = format!("UPDATE {table} SET {column} = '{hostile}'");
        database.execute_unprepared(&sql).await.unwrap();
    }
    let shown = cli.json(&["approvals", "show", &id]).await.unwrap();
    let arguments = &shown["approval"]["arguments"];
    assert_eq!(arguments["table"], hostile, "programs get what it is");
    let all = cli.json(&["users", "list"]).await.unwrap();
    assert_eq!(all[0]["name"], hostile);

    let approval = cli.run(&["approvals", "show", &id]).await.unwrap();
    let users = cli.run(&["users", "list"]).await.unwrap();
    let one = cli.run(&["agents", "show", "mallory"]).await.unwrap();
    let missing = cli.run(&["agents", "show", "\u{1b}[31mred"]).await.unwrap();
    assert_eq!(missing.code, 66, "{missing:?}");
    for said in [&approval, &users, &one, &missing] {
        let text = format!("{}{}", said.out, said.err);
        assert!(
            text.contains("\\u{1b}["),
            "it is shown, and not obeyed: {text:?}"
        );
        let steers = |sign: char| (sign.is_control() && sign != '\n') || sign == '\u{202e}';
        assert!(!text.contains(steers), "{text:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_are_tagged_together_and_those_of_the_inbox_are_registered() {
    let (_aim, owner, cli) = started().await;
    for name in ["courier", "clerk"] {
        owner.register(name, &[]).await.unwrap();
    }
    let words = [
        "agents", "tag", "courier", "clerk", "--add", "eu", "--add", "trial",
    ];
    let tagged = cli.json(&words).await.unwrap();
    let tags: Vec<_> = tagged.as_array().unwrap().iter().collect();
    assert_eq!(tags.len(), 2);
    assert!(
        tags.iter().all(|it| it["tags"] == json!(["eu", "trial"])),
        "{tagged}"
    );
    let less = cli
        .json(&["agents", "tag", "clerk", "--remove", "trial"])
        .await;
    assert_eq!(less.unwrap()[0]["tags"], json!(["eu"]));
    let nothing = cli.run(&["agents", "tag", "clerk"]).await.unwrap();
    assert_eq!(nothing.code, 2, "{nothing:?}");
    let empty = cli
        .run(&["agents", "tag", "clerk", "--add", ""])
        .await
        .unwrap();
    assert_eq!(empty.code, 65, "{empty:?}");

    let stranger = owner.agent("stranger", "");
    let line = stranger.line(&stranger.event("files:read", now()));
    owner.send(line).await.unwrap();
    let listed = || async {
        let seen = cli.json(&["agents", "seen", "--search", "strange"]).await?;
        Ok(seen.get(0).cloned())
    };
    let limit = std::time::Duration::from_secs(60);
    let seen = wait_for("the stranger", limit, listed).await.unwrap();
    let id = seen["id"].as_str().unwrap();
    let key = stranger.key.public_key().to_base64url();
    let words = ["agents", "adopt", id, "--public-key", &key];
    let adopted = cli.json(&words).await.unwrap();
    assert_eq!(
        (&adopted["name"], &adopted["status"]),
        (&json!("stranger"), &json!("PENDING"))
    );
    let words = [&["agents", "ignore", id][..], &BECAUSE].concat();
    assert_eq!(cli.run(&words).await.unwrap().code, 66);
}
