//! Three stream processes that die, leave and join: scores, findings and alerts are those of one
//! process that reads every event once, in order.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aim_tests::{AimConfig, AimProcess, Kafka, Postgres, wait_for};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fleet::{Agent, Owner, now, text};

/// More than a batch writes of each of the four partitions, so that some wait in the journal.
const AGENTS: usize = 320;
/// What each does before some do what they may not.
const USUAL: usize = 24;
/// Every so many-th agent is hijacked, and tries something this often.
const HIJACKED: usize = 8;
const ATTEMPTS: usize = 25;
/// Lines of one request, and the time from one to the next: the deaths fall in between.
const PORTION: usize = 160;
const PAUSE: Duration = Duration::from_millis(250);
/// What happens to the processes meanwhile.
const BLOWS: usize = 9;
/// A dead reader's partitions are given away after ten seconds.
const PATIENCE: Duration = Duration::from_secs(120);
/// Another one by `AIM_TEST_SEED`.
const SEED: u64 = 20_260_105;

/// Numbers as they come from a seed (Marsaglia, "Xorshift RNGs", 2003).
struct Dice(u64);

impl Dice {
    const fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "another seed is a way to run a test, no setting of the product"
)]
fn seed() -> u64 {
    let given = std::env::var("AIM_TEST_SEED").ok();
    given.and_then(|seed| seed.parse().ok()).unwrap_or(SEED)
}

/// Who did what, when, in the order it is sent in; some of it is sent again.
fn write(dice: &mut Dice) -> Vec<(usize, usize)> {
    let mut story = Vec::new();
    for round in 0..USUAL + ATTEMPTS {
        for agent in 0..AGENTS {
            let acts = round < USUAL || agent % HIJACKED == 0;
            if acts {
                story.push((agent, round));
                if dice.below(20) == 0 {
                    let back = usize::try_from(dice.below(40)).unwrap_or(0);
                    story.push(story[story.len().saturating_sub(back + 1)]);
                }
            }
        }
    }
    story
}

fn line(agent: &Agent, round: usize, begin: DateTime<Utc>) -> String {
    let action = match round {
        USUAL.. => "payments:transfer",
        _ => ["files:read", "files:list", "files:write"][round % 3],
    };
    let seconds = round.min(USUAL) * 20 + round.saturating_sub(USUAL) * 2;
    let seconds = i64::try_from(seconds).unwrap_or(0);
    let event = agent.event(action, begin + TimeDelta::seconds(seconds));
    let mut event: Value = serde_json::from_str(&event).unwrap_or_default();
    // The same event whenever it is sent.
    event["id"] = format!("{}-{round}", agent.name).into();
    agent.line(&event.to_string())
}

async fn register(owner: &Owner) -> anyhow::Result<Vec<Agent>> {
    let mut agents = Vec::new();
    for number in 0..AGENTS {
        agents.push(
            owner
                .register(&format!("agent-{number}"), &["files:*"])
                .await?,
        );
    }
    Ok(agents)
}

async fn send(
    owner: &Owner,
    story: &[(usize, usize)],
    begin: DateTime<Utc>,
    pause: Duration,
) -> anyhow::Result<()> {
    let agents = register(owner).await?;
    for portion in story.chunks(PORTION) {
        let lines = portion
            .iter()
            .map(|(agent, round)| line(&agents[*agent], *round, begin));
        owner.send(lines.collect()).await?;
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

/// Everything that a stream leaves behind, by agents' names.
#[derive(Debug, PartialEq)]
struct Outcome {
    totals: Value,
    agents: BTreeMap<String, Value>,
    anomalies: Vec<String>,
    alerts: Vec<String>,
}

/// All nodes of a connection.
async fn all(owner: &Owner, list: &str, fields: &str) -> anyhow::Result<Vec<Value>> {
    let query = format!(
        "query($after: String) {{ {list}(first: 100, after: $after) {{
            nodes {{ {fields} }} pageInfo {{ endCursor hasNextPage }} }} }}"
    );
    let (mut nodes, mut after) = (Vec::new(), Value::Null);
    loop {
        let mut answer = owner.ask(&query, json!({ "after": after })).await?;
        let mut page = answer[list].take();
        nodes.extend(
            page["nodes"]
                .as_array_mut()
                .into_iter()
                .flatten()
                .map(Value::take),
        );
        if page["pageInfo"]["hasNextPage"] != true {
            return Ok(nodes);
        }
        after = page["pageInfo"]["endCursor"].take();
    }
}

async fn outcome(owner: &Owner) -> anyhow::Result<Outcome> {
    let query = "{ streamTotals { appliedCount duplicateCount deadLetterCount } }";
    let totals = owner.ask(query, json!({})).await?["streamTotals"].take();
    let fields = "name status statusReason trust { score confidence sampleCount }";
    let mut agents = BTreeMap::new();
    for mut agent in all(owner, "agents", fields).await? {
        let name = text(&agent, "/name")?;
        agents.insert(name, agent.take());
    }
    let sorted = |nodes: Vec<Value>| {
        let mut lines: Vec<String> = nodes.iter().map(Value::to_string).collect();
        lines.sort_unstable();
        lines
    };
    let found = "kind severity score summary eventTime agent { name }";
    let raised = "kinds severity summary anomalyCount firstEventTime lastEventTime agent { name }";
    Ok(Outcome {
        totals,
        agents,
        anomalies: sorted(all(owner, "anomalies", found).await?),
        alerts: sorted(all(owner, "alerts", raised).await?),
    })
}

async fn applied(owner: &Owner, total: usize) -> anyhow::Result<Outcome> {
    let answered = || async {
        let counts = owner.counts().await?;
        let totals = &counts["streamTotals"];
        let count = |name: &str| totals[name].as_u64().unwrap_or(0);
        let all = count("appliedCount") + count("duplicateCount") + count("deadLetterCount");
        Ok((all == total as u64).then_some(()))
    };
    wait_for("everything to be applied", PATIENCE, answered).await?;
    // Scores that did not move are written within a moment after.
    let wanted = |outcome: &Outcome| {
        let samples = outcome
            .agents
            .values()
            .map(|it| it["trust"]["sampleCount"].as_u64());
        samples.map(Option::unwrap_or_default).sum::<u64>() == outcome.totals["appliedCount"]
    };
    wait_for("every sample to be counted", PATIENCE, || async {
        Ok(Some(outcome(owner).await?).filter(wanted))
    })
    .await
}

/// Kills, stops, starts and adds stream processes, one blow after the other; returns those that run
/// in the end, and what happened.
fn strike(config: &AimConfig, mut dice: Dice) -> anyhow::Result<(Vec<AimProcess>, String)> {
    let mut streams = vec![config.clone().start()?, config.clone().start()?];
    let mut blows = Vec::new();
    for number in 0..BLOWS {
        std::thread::sleep(Duration::from_millis(600 + dice.below(1_400)));
        if number == BLOWS / 3 {
            streams.push(config.clone().start()?);
            blows.push("a third joins".to_owned());
            continue;
        }
        let whose = usize::try_from(dice.below(streams.len() as u64))?;
        if dice.below(3) == 0 {
            anyhow::ensure!(streams[whose].stop()? == 0, "{}", streams[whose].log());
            blows.push(format!("{whose} leaves"));
        } else {
            streams[whose].kill9()?;
            blows.push(format!("{whose} is killed"));
        }
        std::thread::sleep(Duration::from_millis(dice.below(1_500)));
        streams[whose].restart()?;
    }
    Ok((streams, blows.join(", ")))
}

#[tokio::test(flavor = "multi_thread")]

async fn three_streams_that_die_leave_and_join_come_to_what_one_comes_to() {
    let seed = seed();
    println!("AIM_TEST_SEED={seed}");
    let mut dice = Dice(seed);
    let story = write(&mut dice);
    let begin = now() - TimeDelta::minutes(40);

    let prefix = format!("three-{}-", Uuid::now_v7().simple());
    let config = AimConfig::new()
        .database(Postgres::shared().unwrap().fresh_database().unwrap())
        .kafka(Kafka::shared().unwrap().bootstrap(), &prefix)
        .env("JWT_SECRET", "a secret of tests only, and a long one");
    let api = config.clone().role("api").start().unwrap();
    let owner = Owner::of(&api).await.unwrap();
    let config = config.role("stream");
    let start = Instant::now();
    let striking = tokio::task::spawn_blocking(move || strike(&config, dice));
    send(&owner, &story, begin, PAUSE).await.unwrap();
    let (streams, blows) = striking.await.unwrap().unwrap();
    let disturbed = applied(&owner, story.len()).await;
    if disturbed.is_err() {
        for stream in &streams {
            println!("{}", stream.log());
        }
        println!("{:?} of {}", owner.counts().await, story.len());
    }
    let disturbed = disturbed.unwrap();
    println!("{} events, {:?}; {blows}", story.len(), start.elapsed());

    let calm = AimConfig::new().start().unwrap();
    let owner = Owner::of(&calm).await.unwrap();
    send(&owner, &story, begin, Duration::ZERO).await.unwrap();
    let wanted = applied(&owner, story.len()).await.unwrap();

    assert!(
        wanted.alerts.len() >= AGENTS / HIJACKED,
        "{:?}",
        wanted.alerts
    );
    assert!(wanted.totals["duplicateCount"].as_u64() > Some(0));
    let quarantined = |it: &&Value| it["status"] == "QUARANTINED";
    assert!(wanted.agents.values().any(|it| quarantined(&it)));
    assert_eq!(disturbed.totals, wanted.totals);
    assert_eq!(disturbed.agents, wanted.agents);
    assert_eq!(disturbed.anomalies, wanted.anomalies);
    assert_eq!(disturbed.alerts, wanted.alerts);
    println!(
        "{}; {} anomalies, {} alerts, the same",
        wanted.totals,
        wanted.anomalies.len(),
        wanted.alerts.len()
    );
}
