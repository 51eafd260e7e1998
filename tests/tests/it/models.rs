//! Models as a data team runs them, by the commands of `docs/models.md`, while the stream runs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aim_tests::{AimConfig, Kafka, LogisticFile, Postgres, aim_command, wait_for};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fleet::{Agent, Owner, PASSWORD, now, text};

const PATIENCE: Duration = Duration::from_secs(120);
const AGENTS: usize = 8;
/// Time between two actions of an agent, in training and while it serves.
const PACE: TimeDelta = TimeDelta::seconds(84);
/// One action in so many is a risk.
const RISKY: usize = 50;

/// A data team's folder, and the server it talks to.
struct Team {
    home: TempDir,
    url: String,
}

impl Team {
    fn new(url: &str) -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            url: url.to_owned(),
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.home.path().join(name)
    }

    /// Runs `aim models …` in the folder; its JSON, or what it said instead.
    async fn try_run(&self, line: &str) -> Result<Value, String> {
        let mut command = aim_command().unwrap();
        command.arg("models").args(line.split(' ')).arg("--json");
        if [
            "publish",
            "promote",
            "rollback",
            "list",
            "shadow",
            "export-labels",
        ]
        .iter()
        .any(|verb| line.starts_with(verb))
        {
            command.args(["--url", &self.url]);
        }
        command.env("AIM_PASSWORD", PASSWORD);
        command.current_dir(self.home.path());
        let output = tokio::task::spawn_blocking(move || command.output());
        let output = output.await.unwrap().unwrap();
        if output.status.success() {
            Ok(serde_json::from_slice(&output.stdout).unwrap())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    async fn run(&self, line: &str) -> Value {
        let outcome = self.try_run(line).await;
        assert!(outcome.is_ok(), "`{line}`: {outcome:?}");
        outcome.unwrap_or_default()
    }
}

/// An action of the recordings and of the fleet: now and then one deletes, and fails.
fn event(agent: &str, id: &str, session: &str, is_risk: bool, time: DateTime<Utc>) -> String {
    let (action, outcome) = if is_risk {
        ("delete_file", "error")
    } else {
        ("read_file", "ok")
    };
    json!({
        "specversion": "1.0", "id": id, "source": format!("urn:aim:agent:{agent}"),
        "type": "aim.action.performed.v1",
        "time": time.to_rfc3339_opts(SecondsFormat::Micros, true),
        "data": { "session": session, "task": "t", "action": action, "resource": "/data/report",
            "arguments": {}, "outcome": outcome },
    })
    .to_string()
}

/// Runs of ten actions, every third hijacked.
fn record(folder: &Path, name: &str, pace: TimeDelta) {
    let mut events = String::new();
    let mut runs = "session,agent,model,suite,task,attack,injection,label\n".to_owned();
    let begin = now() - TimeDelta::days(200);
    for index in 0..6_000_usize {
        let (agent, turn) = (index % 12, index / 12);
        let session = format!("s{agent}-{}", turn / 10);
        let is_hijacked = (agent + turn / 10) % 3 == 0;
        let id = index.to_string();
        let time = begin + pace * i32::try_from(turn).unwrap();
        let line = event(&format!("r{agent}"), &id, &session, is_hijacked, time);
        writeln!(events, "{line}").unwrap();
        if turn % 10 == 0 {
            let label = if is_hijacked { "hijacked" } else { "benign" };
            writeln!(runs, "{session},r{agent},m,s,t,none,,{label}").unwrap();
        }
    }
    std::fs::write(folder.join(format!("{name}.jsonl")), events).unwrap();
    std::fs::write(folder.join(format!("{name}.csv")), runs).unwrap();
}

/// A regression that takes everything for a risk whose agent does more than two things an hour.
fn overcautious<'a>(card: &'a Value) -> LogisticFile<'a> {
    let names = card["model"]["features"].as_array().unwrap().iter();
    let features: Vec<&str> = names.map(|name| name.as_str().unwrap()).collect();
    let weight = |name: &&str| match *name {
        "is_write" | "actions_1h" => 1.0,
        _ => 0.0,
    };
    LogisticFile {
        weights: features.iter().map(weight).collect(),
        features,
        schema_version: card["model"]["feature_schema_version"].as_u64().unwrap(),
        seed: 1,
        intercept: 0.0,
    }
}

/// What was trained on other features, or is no model, is refused with the reason.
async fn refuses_what_does_not_fit(team: &Team, card: &Value) {
    let mut fewer = overcautious(card);
    fewer.features.pop();
    fewer.weights.pop();
    let mut older = overcautious(card);
    older.schema_version -= 1;
    let damaged = overcautious(card).to_bytes().split_off(9);
    for (bytes, reason) in [
        (fewer.to_bytes(), "other features"),
        (older.to_bytes(), "other features"),
        (damaged, "cannot be read"),
    ] {
        std::fs::write(team.path("wrong.onnx"), bytes).unwrap();
        let line = "import-onnx wrong.onnx --features slow.parquet";
        let said = team.try_run(line).await.unwrap_err();
        assert!(said.contains(reason), "{said}");
    }
}

/// A fleet that acts for as long as it is let, one action of each agent at a time.
fn act(
    owner: Arc<Owner>,
    agents: Vec<Agent>,
    stop: Arc<AtomicBool>,
) -> tokio::task::JoinHandle<u64> {
    tokio::spawn(async move {
        let begin = now() - TimeDelta::days(100);
        let mut sent = 0;
        let mut round = 0_i32;
        while !stop.load(Ordering::Relaxed) {
            let time = begin + PACE * round;
            let mut lines = String::new();
            for (index, agent) in agents.iter().enumerate() {
                let is_risk = (usize::try_from(round).unwrap() + index * 7) % RISKY == RISKY - 1;
                let id = format!("{round}");
                lines += &agent.line(&event(&agent.name, &id, "live", is_risk, time));
                sent += 1;
            }
            owner.send(lines).await.unwrap();
            round += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        sent
    })
}

/// Waits for new findings of a version about all agents, so that all partitions have heard of it.
async fn finds(owner: &Owner, version: u32) {
    let query = "{ anomalies(first: 100, filter: { kind: MODEL_RISK }) {
        nodes { summary agent { name } } } }";
    let wanted = format!("model v{version} ");
    let look = || async {
        let answer = owner.ask(query, json!({})).await?;
        // The newest of each agent.
        let mut newest = std::collections::BTreeMap::new();
        for node in answer["anomalies"]["nodes"].as_array().unwrap() {
            let name = text(node, "/agent/name")?;
            newest.entry(name).or_insert(text(node, "/summary")?);
        }
        let all = newest.values().all(|it| it.starts_with(&wanted));
        Ok((newest.len() == AGENTS && all).then_some(()))
    };
    let what = format!("findings of model {version} about every agent");
    wait_for(&what, PATIENCE, look).await.unwrap();
}

async fn champion(owner: &Owner) -> Value {
    let query = "{ organization { models { champion { number } challenger { number } } } }";
    let mut answer = owner.ask(query, json!({})).await.unwrap();
    answer["organization"]["models"].take()
}

/// Exports, trains two models, and measures one. Both are regressions: a forest knows the recording by
/// heart, and takes whatever differs in what the fleet does for a risk.
async fn trains(team: &Team) {
    record(team.home.path(), "events", PACE);
    team.run("export-features --events events.jsonl --runs events.csv --out f.parquet")
        .await;
    team.run("train --features f.parquet --kind logistic --seed 1")
        .await;
    let trained = team
        .run("train --features f.parquet --kind logistic --alpha 20 --seed 1")
        .await;
    assert_eq!(trained["version"], 2);
    let measured = team.run("evaluate --features f.parquet --version 2").await;
    assert!(measured["metrics"]["auc"].as_f64().unwrap() > 0.9);
}

/// A first champion, then a challenger in the shadow, which cannot become champion at once.
async fn tries_a_challenger(team: &Team, owner: &Owner) {
    assert_eq!(team.run("publish 1").await["published"], 1);
    assert_eq!(
        team.run("publish 1").await["published"],
        1,
        "again is the same"
    );
    team.run("promote 1 --reason baseline").await;
    finds(owner, 1).await;
    assert_eq!(team.run("publish 2").await["published"], 2);
    let said = team
        .try_run("promote 2 --reason untried")
        .await
        .unwrap_err();
    assert!(said.contains("not the challenger"), "{said}");
    team.run("promote 2 --alias challenger --reason simpler")
        .await;
    let said = team.try_run("promote challenger --reason hasty").await;
    let said = said.unwrap_err();
    assert!(said.contains("has scored"), "{said}");
    let tried = || async {
        let report = team.run("shadow").await;
        let scored = report["challenger"]["scoredCount"].as_u64();
        Ok(scored.filter(|count| *count >= 1_000).map(|_| report))
    };
    let report = wait_for("the shadow", PATIENCE, tried).await.unwrap();
    for (alias, number) in [("champion", 1), ("challenger", 2)] {
        let scores = &report[alias];
        assert_eq!(scores["version"]["number"], number);
        let bins = scores["histogram"].as_array().unwrap();
        let sum: u64 = bins.iter().map(|bin| bin.as_u64().unwrap()).sum();
        assert_eq!(Some(sum), scores["scoredCount"].as_u64(), "{report}");
        assert_eq!(scores["errorCount"], 0, "{report}");
        assert!(scores["flaggedCount"].as_u64().unwrap() > 0, "{report}");
    }
    assert!(report["stabilityIndex"].as_f64().is_some(), "{report}");
}

async fn goes_through_the_gate_and_back(team: &Team, owner: &Owner) {
    let moved = team.run("promote challenger --reason better").await;
    assert_eq!(
        (&moved["fromVersion"], &moved["toVersion"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(moved["isForced"], false);
    assert_eq!(champion(owner).await["challenger"], Value::Null);
    finds(owner, 2).await;
    team.run("rollback --reason second-thoughts").await;
    finds(owner, 1).await;
}

/// One that flags everything is taken back by the stream itself.
async fn loses_a_bad_champion(team: &Team, owner: &Owner) {
    record(team.home.path(), "slow", TimeDelta::hours(2));
    team.run("export-features --events slow.jsonl --runs slow.csv --out slow.parquet")
        .await;
    let card = team.run("show 1").await;
    refuses_what_does_not_fit(team, &card).await;
    std::fs::write(team.path("bad.onnx"), overcautious(&card).to_bytes()).unwrap();
    team.run("import-onnx bad.onnx --features slow.parquet")
        .await;
    assert_eq!(team.run("publish 3").await["published"], 3);
    team.run("promote 3 --force --reason careless").await;
    let query = "{ modelMoves(first: 1) { nodes {
        alias fromVersion toVersion isRollback movedBy reason } } }";
    let taken_back = || async {
        let mut answer = owner.ask(query, json!({})).await?;
        let last = answer["modelMoves"]["nodes"][0].take();
        Ok((last["movedBy"] == "system:stream").then_some(last))
    };
    let last = wait_for("the guard", PATIENCE, taken_back).await.unwrap();
    assert_eq!(
        (&last["fromVersion"], &last["toVersion"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(champion(owner).await["champion"]["number"], 1);
    finds(owner, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_team_retrains_while_the_stream_runs_and_no_event_is_lost() {
    let database = Postgres::shared().unwrap().fresh_database().unwrap();
    let brokers = Kafka::shared().unwrap().bootstrap();
    let config = AimConfig::new()
        .database(database)
        .kafka(brokers, "models-");
    let api = config.clone().role("api").start().unwrap();
    let streams = [(); 2].map(|()| config.clone().role("stream").start().unwrap());
    let owner = Arc::new(Owner::of(&api).await.unwrap());
    let mut agents = Vec::new();
    for index in 0..AGENTS {
        let name = format!("live{index}");
        agents.push(owner.register(&name, &["*"]).await.unwrap());
    }
    let stop = Arc::new(AtomicBool::new(false));
    let fleet = act(Arc::clone(&owner), agents, Arc::clone(&stop));

    let team = Team::new(api.base_url());
    trains(&team).await;
    tries_a_challenger(&team, &owner).await;
    goes_through_the_gate_and_back(&team, &owner).await;
    loses_a_bad_champion(&team, &owner).await;
    for stream in &streams {
        let loaded = stream.log().matches("a model was loaded").count();
        assert!(loaded >= 3, "{}", stream.log());
    }

    // Everything counts once.
    stop.store(true, Ordering::Relaxed);
    let sent = fleet.await.unwrap();
    let settled = || async {
        let counts = owner.counts().await?;
        let applied = counts["streamTotals"]["appliedCount"].as_u64();
        Ok((applied == Some(sent)).then_some(counts))
    };
    let counts = wait_for("all events", PATIENCE, settled).await.unwrap();
    assert_eq!(counts["streamTotals"]["duplicateCount"], 0, "{counts}");
    assert_eq!(counts["streamTotals"]["deadLetterCount"], 0, "{counts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_on_an_alert_labels_its_events_for_the_next_training() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("reader", &["files:read"]).await.unwrap();
    let team = Team::new(aim.base_url());
    let begin = now() - TimeDelta::hours(2);
    let (mut recorded, mut lines) = (String::new(), String::new());
    for index in 0..20 {
        let action = if index < 10 {
            "files:read"
        } else {
            "payments:transfer"
        };
        let event = agent.event(action, begin + TimeDelta::seconds(20 * index));
        writeln!(recorded, "{event}").unwrap();
        lines += &agent.line(&event);
    }
    std::fs::write(team.path("events.jsonl"), recorded).unwrap();
    owner.send(lines).await.unwrap();
    let alerts = "{ alerts(first: 10) { nodes { id } } }";
    let raised = || async {
        let answer = owner.ask(alerts, json!({})).await?;
        let id = answer.pointer("/alerts/nodes/0/id");
        let counts = owner.counts().await?;
        let is_done = counts["streamTotals"]["appliedCount"] == 20;
        Ok(id
            .and_then(Value::as_str)
            .map(str::to_owned)
            .filter(|_| is_done))
    };
    let alert = wait_for("an alert", PATIENCE, raised).await.unwrap();
    assert_eq!(team.run("export-labels --out none.csv").await["risky"], 0);
    let resolve = "mutation($input: ResolveAlertInput!) { resolveAlert(input: $input) {
        alert { resolvedAt anomalies(first: 100) { nodes { eventId } } } userErrors { code } } }";
    let input = json!({ "alertId": alert, "verdict": "TRUE_POSITIVE" });
    let answer = owner.ask(resolve, json!({ "input": input })).await.unwrap();
    let resolved = text(&answer, "/resolveAlert/alert/resolvedAt").unwrap();
    let findings = answer.pointer("/resolveAlert/alert/anomalies/nodes");
    let events: std::collections::BTreeSet<_> = findings
        .and_then(Value::as_array)
        .unwrap()
        .iter()
        .map(|finding| finding["eventId"].to_string())
        .collect();
    let told = team.run("export-labels --out labels.csv").await;
    assert_eq!(told["risky"], events.len());
    let file = std::fs::read_to_string(team.path("labels.csv")).unwrap();
    let time: DateTime<Utc> = resolved.parse().unwrap();
    assert!(file.contains(&time.to_rfc3339()), "{resolved}: {file}");
    let exported = team
        .run("export-features --events events.jsonl --labels labels.csv --out f.parquet")
        .await;
    assert_eq!(
        (&exported["rows"], &exported["fine"]),
        (&json!(20), &json!(0))
    );
    assert_eq!(exported["risky"], events.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_pinned_key_may_sign_until_an_owner_replaces_it() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let team = Team::new(aim.base_url());
    let own = "--registry own";
    let other = "--registry other";
    for registry in [own, other] {
        team.run(&format!("adopt-default {registry}")).await;
    }
    assert_eq!(team.run(&format!("publish 1 {own}")).await["published"], 1);
    let refused = async |line: String| team.try_run(&line).await.unwrap_err();
    let said = refused(format!("publish 1 {other}")).await;
    assert!(said.contains("an owner can replace the key"), "{said}");

    let key = std::fs::read_to_string(team.path("other/registry.pub")).unwrap();
    let replace = "mutation($input: ReplaceModelSignerInput!) {
        replaceModelSigner(input: $input) { signer { keyId pinnedBy } userErrors { message } } }";
    let input = json!({ "publicKey": key.trim(), "reason": "the first one is lost" });
    let answer = owner.ask(replace, json!({ "input": input })).await.unwrap();
    assert_eq!(answer["replaceModelSigner"]["userErrors"], json!([]));
    let said = refused(format!("publish 1 {own}")).await;
    assert!(said.contains("an owner can replace the key"), "{said}");
    let said = refused("promote 1 --reason why".to_owned()).await;
    assert!(said.contains("not taken any more"), "{said}");
    assert_eq!(
        team.run(&format!("publish 1 {other}")).await["published"],
        2
    );
    team.run("promote 2 --reason first").await;

    // Back to nothing, and not further.
    let moved = team.run("rollback --reason why").await;
    assert_eq!(
        (&moved["fromVersion"], &moved["toVersion"]),
        (&json!(2), &Value::Null)
    );
    let said = refused("rollback --reason why".to_owned()).await;
    assert!(said.contains("never anything else"), "{said}");

    // Bytes that are no model, through the small door.
    let publish = "mutation($input: PublishModelInput!) { publishModel(input: $input) {
        modelVersion { number } userErrors { code field message } } }";
    let input = json!({ "artefact": "AAAA", "signerKey": key.trim() });
    let answer = owner.ask(publish, json!({ "input": input })).await.unwrap();
    let error = &answer["publishModel"]["userErrors"][0];
    assert_eq!(
        (&error["code"], &error["field"]),
        (&json!("INVALID"), &json!(["artefact"]))
    );
    let audited = "{ auditEntries(first: 100) { nodes { action } } }";
    let answer = owner.ask(audited, json!({})).await.unwrap();
    let entries = answer["auditEntries"]["nodes"].as_array().unwrap().iter();
    let mut actions: Vec<_> = entries
        .filter_map(|entry| entry["action"].as_str())
        .filter(|action| action.starts_with("model."))
        .collect();
    actions.reverse();
    let expected = [
        "model.publish",
        "model.replace-signer",
        "model.publish",
        "model.promote",
        "model.rollback",
    ];
    assert_eq!(actions, expected);
}

#[tokio::test]
async fn the_door_for_large_models_asks_who_is_there_before_it_reads() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let manager = owner.add_manager(&aim, "manager").await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/v1/models", aim.base_url());
    let send = async |token: Option<&str>, signer: bool, bytes: usize| {
        let mut request = http.post(&url).body(vec![0_u8; bytes]);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if signer {
            request = request.header("aim-signer-key", "no key");
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap())
    };
    let admin = Some(owner.token.as_str());
    for (token, signer, bytes, status, said) in [
        (None, true, 10, 401, "sign in"),
        (
            Some(manager.token.as_str()),
            true,
            10,
            403,
            "role `Manager` may not",
        ),
        (admin, false, 10, 400, "`aim-signer-key` is missing"),
        (admin, true, 10, 400, "signerKey"),
        (
            admin,
            true,
            (16 << 20) + 1,
            400,
            "larger than 16777216 bytes",
        ),
    ] {
        let (found, answer) = send(token, signer, bytes).await;
        let detail = answer["detail"].as_str().unwrap_or_default();
        assert_eq!(found, status, "{answer}");
        assert!(detail.contains(said), "{answer}");
    }
    let answer = owner
        .ask("{ modelVersions { totalCount } }", json!({}))
        .await;
    assert_eq!(answer.unwrap()["modelVersions"]["totalCount"], 0);
}
