//! `aim replay` of a recording: everything is accounted for, and a second time changes nothing.

#![expect(
    clippy::print_stdout,
    reason = "what is measured is read from the output"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aim_tests::{AimConfig, AimProcess, Kafka, Postgres, aim_command, wait_for};
use anyhow::Context;
use chrono::{SecondsFormat, TimeDelta};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::fleet::{Owner, PASSWORD, now};

/// A debug build on a loaded machine; what is measured is printed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
const AGENTS: i64 = 10;
const EVENTS: i64 = 3_000;
/// Between two events of an agent: the whole recording lasts for about two days.
const PAUSE_SECONDS: i64 = 600;
const ACTIONS: [&str; 5] = [
    "files:read",
    "files:list",
    "mail:send",
    "web:get",
    "db:query",
];
/// Lines that are no events, each in another way.
const MALFORMED: [&str; 5] = [
    "not json",
    "{}",
    r#"{"specversion":"0.3","id":"1","source":"urn:aim:agent:x","type":"t","time":"2026-01-05T09:00:02Z","data":{}}"#,
    r#"{"specversion":"1.0","id":"2","type":"aim.action.performed.v1","data":{}}"#,
    "[1,2,3]",
];

/// A file of recorded actions with a few lines that are none, and the keys to send them with.
pub(crate) struct Recording {
    home: TempDir,
    /// Lines.
    pub(crate) sent: u64,
    /// Those that are events.
    pub(crate) good: u64,
}

/// What happens to the lines on the way: see [`Recording::command`].
pub(crate) enum To<'a> {
    Http,
    Kafka { brokers: &'a str, prefix: &'a str },
}

impl Recording {
    /// Ten agents that take turns, until an hour ago.
    pub(crate) fn write() -> anyhow::Result<Self> {
        let rounds = EVENTS / AGENTS;
        let start = now() - TimeDelta::hours(1) - TimeDelta::seconds(PAUSE_SECONDS * rounds);
        let mut lines: Vec<String> = (0..EVENTS)
            .map(|index| {
                let (agent, round) = (index % AGENTS, index / AGENTS);
                let time = start + TimeDelta::seconds(PAUSE_SECONDS * round + agent);
                let action = usize::try_from(round * 7 + agent).unwrap_or(0) % ACTIONS.len();
                let event = json!({
                    "specversion": "1.0",
                    "id": Uuid::now_v7().to_string(),
                    "source": format!("urn:aim:agent:recorded-{agent}"),
                    "type": "aim.action.performed.v1",
                    "time": time.to_rfc3339_opts(SecondsFormat::Millis, true),
                    "datacontenttype": "application/json",
                    "data": {
                        "session": format!("session-{agent}-{}", round / 10),
                        "task": "task",
                        "sequence": round % 10,
                        "action": ACTIONS[action],
                        "resource": format!("/data/{}", round % 4),
                        "arguments": { "page": round.to_string() },
                        "outcome": if round % 17 == 0 { "error" } else { "ok" },
                    },
                });
                event.to_string()
            })
            .collect();
        let good = lines.len() as u64;
        for (index, bad) in MALFORMED.iter().enumerate() {
            lines.insert(index * 613, (*bad).to_owned());
        }
        let home = tempfile::tempdir()?;
        std::fs::write(home.path().join("events.jsonl"), lines.join("\n"))?;
        let sent = lines.len() as u64;
        Ok(Self { home, sent, good })
    }

    /// `aim replay` of this file to the server at `url`.
    pub(crate) fn command(&self, url: &str, to: &To<'_>) -> anyhow::Result<Command> {
        let mut command = replay(&self.home.path().join("events.jsonl"), url)?;
        command.arg("--keys").arg(self.keys());
        if let To::Kafka { brokers, prefix } = to {
            command.args(["--kafka", brokers, "--kafka-prefix", prefix]);
        }
        Ok(command)
    }

    fn keys(&self) -> PathBuf {
        self.home.path().join("keys.json")
    }
}

fn replay(file: &Path, url: &str) -> anyhow::Result<Command> {
    let mut command = aim_command()?;
    command.arg("replay").arg(file).arg("--json");
    command.args(["--url", url, "--password", PASSWORD]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    Ok(command)
}

/// A replay that goes on meanwhile. Dropping it kills it.
pub(crate) struct Running(Option<Child>);

impl Running {
    pub(crate) fn start(mut command: Command) -> anyhow::Result<Self> {
        Ok(Self(Some(command.spawn()?)))
    }

    /// Waits for the end; its summary if it succeeded.
    pub(crate) async fn end(mut self) -> anyhow::Result<Value> {
        let child = self.0.take().context("ended before")?;
        let output = tokio::task::spawn_blocking(|| child.wait_with_output()).await??;
        anyhow::ensure!(output.status.success(), "`aim replay`: {}", output.status);
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Scores and sample counts by the agents' names, once `samples` are in.
pub(crate) async fn scores(
    owner: &Owner,
    samples: u64,
) -> anyhow::Result<BTreeMap<String, (f64, u64)>> {
    let query = "{ agents(first: 100) { nodes { name trust { score sampleCount } } } }";
    wait_for("all scores", PATIENCE, || async {
        let answer = owner.ask(query, json!({})).await?;
        let nodes = answer["agents"]["nodes"].as_array();
        let nodes = nodes.with_context(|| answer.to_string())?.iter();
        let all = nodes.map(|node| {
            let name = node["name"].as_str().context("no name")?.to_owned();
            let trust = &node["trust"];
            let score = trust["score"].as_f64().context("no score")?;
            let count = trust["sampleCount"].as_u64().context("no count")?;
            Ok((name, (score, count)))
        });
        let all = all.collect::<anyhow::Result<BTreeMap<_, _>>>()?;
        let seen: u64 = all.values().map(|(_, count)| count).sum();
        anyhow::ensure!(seen == samples, "{seen} of {samples} samples");
        Ok(Some(all))
    })
    .await
}

/// Counts of a summary: sent, applied, duplicates, dead-lettered.
pub(crate) fn counts(summary: &Value) -> [u64; 4] {
    ["sent", "applied", "duplicates", "deadLettered"]
        .map(|name| summary[name].as_u64().unwrap_or(u64::MAX))
}

async fn twice(place: &str, aim: &AimProcess, to: &To<'_>) -> anyhow::Result<()> {
    let owner = Owner::of(aim).await?;
    let recording = Recording::write()?;
    let (sent, good) = (recording.sent, recording.good);
    let start = Instant::now();
    let first = Running::start(recording.command(&owner.url, to)?)?;
    assert_eq!(counts(&first.end().await?), [sent, good, 0, sent - good]);
    println!("{place}: {sent} events in {:?}", start.elapsed());
    let before = scores(&owner, good).await?;
    let second = Running::start(recording.command(&owner.url, to)?)?;
    assert_eq!(counts(&second.end().await?), [sent, 0, good, sent - good]);
    assert_eq!(scores(&owner, good).await?, before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_replay_changes_nothing_on_the_embedded_default() {
    let aim = AimConfig::new().start().unwrap();
    twice("SQLite", &aim, &To::Http).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_replay_changes_nothing_on_postgresql_and_kafka() {
    let database = Postgres::shared().unwrap().fresh_database().unwrap();
    let brokers = Kafka::shared().unwrap().bootstrap();
    let prefix = format!("replay-{}-", Uuid::now_v7().simple());
    let config = AimConfig::new().database(database);
    let aim = config.kafka(brokers, &prefix).start().unwrap();
    let to = To::Kafka {
        brokers,
        prefix: &prefix,
    };
    twice("PostgreSQL and Kafka", &aim, &to).await.unwrap();
    topic_again(&aim, brokers, &prefix).await.unwrap();
}

/// What the topic has, sent again as it is, whole and in part: nothing is applied twice.
async fn topic_again(aim: &AimProcess, brokers: &str, prefix: &str) -> anyhow::Result<()> {
    let again = async |arguments: &[&str]| {
        let mut command = aim_command()?;
        command.args([
            "replay",
            "--json",
            "--url",
            aim.base_url(),
            "--password",
            PASSWORD,
        ]);
        command.args(["--source-kafka", brokers, "--source-prefix", prefix]);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        Running::start(command)?.end().await
    };
    let began = now();
    let to_kafka = ["--kafka", brokers, "--kafka-prefix", prefix];
    let whole = counts(&again(&to_kafka).await?);
    let (good, bad) = (2 * EVENTS as u64, 2 * MALFORMED.len() as u64);
    assert_eq!(whole, [good + bad, 0, good, bad]);
    // Over HTTP, and only what was there before; what came since is passed over.
    let until = began.to_rfc3339_opts(SecondsFormat::Millis, true);
    let part = again(&["--to-time", &until, "--limit", "700"]).await?;
    let [sent, applied, duplicates, dead] = counts(&part);
    assert_eq!((sent, applied), (700, 0));
    assert_eq!(duplicates + dead, 700);
    let later = (now() + TimeDelta::hours(1)).to_rfc3339_opts(SecondsFormat::Millis, true);
    assert_eq!(counts(&again(&["--from-time", &later]).await?), [0; 4]);
    Ok(())
}

/// Real recordings, where there are any: a folder named by `AIM_TEST_DATA`.
#[tokio::test(flavor = "multi_thread")]
async fn real_recordings_are_accounted_for() {
    let Some(folder) = std::env::var_os("AIM_TEST_DATA") else {
        println!("AIM_TEST_DATA is not set: no real recordings here");
        return;
    };
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let file = PathBuf::from(folder).join("agentdojo/events.jsonl.gz");
    let mut command = replay(&file, &owner.url).unwrap();
    command.args(["--limit", "2000", "--keys"]);
    command.arg(home.path().join("keys.json"));
    let summary = Running::start(command).unwrap().end().await.unwrap();
    assert_eq!(counts(&summary), [2_000, 2_000, 0, 0]);
}
