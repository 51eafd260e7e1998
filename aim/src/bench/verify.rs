//! `aim bench verify`: signed GraphQL mutations in a closed loop.

use std::time::{Duration, Instant};

use aim_domain::signature::SecretKey;
use anyhow::Context;
use hdrhistogram::Histogram;
use sea_orm::{ConnectionTrait, Database, TransactionTrait};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{histogram, ms};
use crate::client::Target;
use crate::client::{AgentClient, Client, VERIFY};
use crate::view::View;

/// Bare commits measured beside.
const COMMITS: usize = 200;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    target: Target,
    /// Connections at one time, one measurement each.
    #[arg(long, value_delimiter = ',', default_value = "1,8,32,64")]
    concurrency: Vec<usize>,
    /// Seconds of each measurement, after one of warming up.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The server's database: measures one bare commit beside, in a table of its own.
    #[arg(long)]
    database_url: Option<String>,
    #[command(flatten)]
    view: View,
}

/// One measurement.
struct Outcome {
    done: u64,
    errors: u64,
    seconds: f64,
    latency: Histogram<u64>,
}

/// Measures and prints.
pub(crate) async fn run(args: VerifyArgs) -> anyhow::Result<()> {
    let client = args.target.connect().await?;
    let mut rows = Vec::new();
    let mut values = Vec::new();
    let commit = match &args.database_url {
        Some(url) => Some(bare_commits(url).await.context("bare commits")?),
        None => None,
    };
    for concurrency in &args.concurrency {
        // New agents each time: what one measurement does to a profile is not the next one's rate.
        let outcome = measure(&client, *concurrency, Duration::from_secs(args.seconds)).await?;
        let rate = outcome.done as f64 / outcome.seconds;
        let [p50, p95, p99] = [0.50, 0.95, 0.99].map(|q| ms(&outcome.latency, q));
        rows.push(vec![
            concurrency.to_string(),
            format!("{rate:.0}"),
            format!("{p50:.2}"),
            format!("{p95:.2}"),
            format!("{p99:.2}"),
            outcome.errors.to_string(),
        ]);
        values.push(json!({
            "concurrency": concurrency, "perSecond": rate, "p50Ms": p50, "p95Ms": p95,
            "p99Ms": p99, "errors": outcome.errors,
        }));
    }
    let mut value = json!({ "verify": values });
    if let Some(commit) = &commit {
        let (p50, p99) = (ms(commit, 0.50), ms(commit, 0.99));
        let row = [
            "bare commit",
            "",
            &format!("{p50:.2}"),
            "",
            &format!("{p99:.2}"),
            "",
        ];
        rows.push(row.map(str::to_owned).to_vec());
        value["bareCommit"] = json!({ "p50Ms": p50, "p99Ms": p99 });
    }
    let header = [
        "concurrency",
        "per second",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "errors",
    ];
    args.view.table(&header, &rows, &value);
    Ok(())
}

async fn measure(client: &Client, concurrency: usize, length: Duration) -> anyhow::Result<Outcome> {
    let mut connections = Vec::new();
    for _ in 0..concurrency {
        let key = SecretKey::from_seed(&rand::random());
        let name = format!("bench-{:016x}", rand::random::<u64>());
        let agent = client.register(&name, &key).await?;
        client.grant(&agent, "files:read").await?;
        connections.push(AgentClient::connect(&client.url, key).await?);
    }
    let begin = Instant::now() + Duration::from_secs(1);
    let end = begin + length;
    let mut tasks = JoinSet::new();
    for connection in connections {
        tasks.spawn(drive(connection, begin, end));
    }
    let mut sum = Outcome {
        done: 0,
        errors: 0,
        seconds: 0.0,
        latency: histogram()?,
    };
    while let Some(part) = tasks.join_next().await {
        let part = part??;
        sum.done += part.done;
        sum.errors += part.errors;
        sum.latency.add(part.latency)?;
    }
    sum.seconds = length.as_secs_f64();
    Ok(sum)
}

async fn drive(mut agent: AgentClient, begin: Instant, end: Instant) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome {
        done: 0,
        errors: 0,
        seconds: 0.0,
        latency: histogram()?,
    };
    let input = json!({ "action": "files:read", "resource": "/data/report.csv" });
    let body = json!({ "query": VERIFY, "variables": { "input": input } });
    let body = serde_json::to_vec(&body)?;
    loop {
        let start = Instant::now();
        if start >= end {
            return Ok(outcome);
        }
        let answer = agent.graphql(body.clone()).await?;
        let stop = Instant::now();
        if start < begin || stop > end {
            continue;
        }
        let decision = answer.pointer("/data/verifyAction/verification/decision");
        if decision.and_then(Value::as_str) == Some("ALLOWED") {
            outcome.done += 1;
            let micros = (stop - start).as_micros().try_into().unwrap_or(u64::MAX);
            outcome.latency.saturating_record(micros);
        } else {
            outcome.errors += 1;
        }
    }
}

/// Commits of one small row each, one after the other, on an idle database.
async fn bare_commits(url: &str) -> anyhow::Result<Histogram<u64>> {
    let db = Database::connect(url).await?;
    let table = "CREATE TABLE IF NOT EXISTS bench_commits (n bigint NOT NULL)";
    db.execute_unprepared(table).await?;
    let mut latency = histogram()?;
    for _ in 0..COMMITS {
        let start = Instant::now();
        let tx = db.begin().await?;
        tx.execute_unprepared("INSERT INTO bench_commits (n) VALUES (1)")
            .await?;
        tx.commit().await?;
        latency.saturating_record(start.elapsed().as_micros().try_into().unwrap_or(u64::MAX));
    }
    db.execute_unprepared("DROP TABLE bench_commits").await?;
    Ok(latency)
}
