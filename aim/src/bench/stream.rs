//! `aim bench stream`: events through the stream, its CPU time and memory, and the way of an alert
//! while it is half busy.

mod alerts;
mod fleet;
mod process;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aim_domain::clock::Clock;
use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::ms;
use crate::client::Client;
use crate::client::Target;
use crate::clock::SystemClock;
use crate::view::View;
use fleet::{Agent, Event, Way};
use process::Process;

/// Events of one request or one append.
const BATCH: usize = 500;
/// Longest time without any event being applied.
const PATIENCE: Duration = Duration::from_secs(60);
/// From one look at the server to the next.
const LOOK: Duration = Duration::from_millis(100);
/// Event time between the flood and now: the background load goes through it as fast as agents are
/// used to, which is faster than time.
const LEAD: TimeDelta = TimeDelta::hours(12);
/// Events, and one agent in so many of others than the measured ones that send them, before memory is
/// looked at: what buffers take does not depend on the number of agents.
const PRIMING: usize = 100_000;
const PRIMERS: usize = 100;
/// From one portion of the background load to the next.
const TICK: Duration = Duration::from_millis(20);

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct StreamArgs {
    #[command(flatten)]
    target: Target,
    /// Events of the throughput measurement.
    #[arg(long, default_value_t = 50_000)]
    events: usize,
    /// Agents that they come from.
    #[arg(long, default_value_t = 100)]
    agents: usize,
    /// Events of each agent before that, so that all are live and known.
    #[arg(long, default_value_t = 0)]
    warm: usize,
    /// Alerts whose way to a subscriber is measured, at half the load that was found.
    #[arg(long, default_value_t = 50)]
    probes: usize,
    /// Event time that the events are spread over, in seconds, twelve hours ago; the warm ones lie
    /// before.
    #[arg(long, default_value_t = 600)]
    span: u32,
    /// Kafka brokers to send to, as `host:port`; over HTTP when left out.
    #[arg(long)]
    brokers: Option<String>,
    /// What the server has before the names of its topics.
    #[arg(long, default_value = "", requires = "brokers")]
    prefix: String,
    /// Send without signatures: the server needs `AIM_KAFKA_UNSIGNED=true`.
    #[arg(long, requires = "brokers")]
    unsigned: bool,
    /// The stream's process, where it is another one than the server.
    #[arg(long)]
    stream_url: Option<String>,
    #[command(flatten)]
    view: View,
}

impl StreamArgs {
    fn stream_url(&self) -> String {
        let own = self.stream_url.clone();
        own.unwrap_or_else(|| self.target.url())
    }
}

/// What a flood of events took.
struct Throughput {
    events: usize,
    seconds: f64,
    cpu_seconds: f64,
    /// Of the stream's process: at the beginning, with full buffers, with all agents live, and at the
    /// end.
    bytes: [f64; 4],
}

/// Measures and prints.
pub(crate) async fn run(args: StreamArgs) -> anyhow::Result<()> {
    let client = args.target.connect().await?;
    let way = match &args.brokers {
        Some(brokers) => Way::kafka(brokers, &args.prefix, !args.unsigned)?,
        None => Way::Http(client.clone()),
    };
    let agents = Agent::register_all(&client, args.agents.max(1)).await?;
    let probed = Agent::register_all(&client, args.probes).await?;
    let primers = Agent::register_all(&client, args.agents.div_ceil(PRIMERS)).await?;
    let before = Process::ask(&args.stream_url()).await?;
    let span = TimeDelta::seconds(args.span.into());
    let end = SystemClock.now() - LEAD;
    let warm = args.warm * agents.len();
    let priming = (end - span * 3, args.span);
    flood(&client, &way, &primers, 0..PRIMING, priming).await?;
    let primed = Process::ask(&args.stream_url()).await?;
    flood(&client, &way, &agents, 0..warm, (end - span * 2, args.span)).await?;
    let before = [before, primed];
    let found = throughput(&client, &way, &agents, &args, (before, end - span)).await?;
    let half = Load {
        rate: found.events as f64 / found.seconds / 2.0,
        first: warm + args.events,
        begin: end,
        step: f64::from(args.span) / args.events.max(1) as f64,
    };
    // On a task of its own: what it takes to sign the load is no part of an alert's way.
    let way = Arc::new(way);
    let mut load = tokio::spawn(background(Arc::clone(&way), agents, half));
    let latency = tokio::select! {
        latency = alerts::measure(&client, &way, &probed) => latency?,
        ended = &mut load => anyhow::bail!("the load ended: {ended:?}"),
    };
    load.abort();
    let [p50, p95, p99] = [0.50, 0.95, 0.99].map(|q| ms(&latency, q));
    print(&args, &found, [p50, p95, p99]);
    Ok(())
}

/// What it takes until a flood of events from `begin` on is applied; `before` is the process as it
/// began and with full buffers.
async fn throughput(
    client: &Client,
    way: &Way,
    agents: &[Agent],
    args: &StreamArgs,
    ([before, primed], begin): ([Process; 2], DateTime<Utc>),
) -> anyhow::Result<Throughput> {
    let first = Process::ask(&args.stream_url()).await?;
    let start = Instant::now();
    let warm = args.warm * agents.len();
    let numbers = warm..warm + args.events;
    flood(client, way, agents, numbers, (begin, args.span)).await?;
    let seconds = start.elapsed().as_secs_f64();
    let after = Process::ask(&args.stream_url()).await?;
    let [_, duplicates, dead] = client.totals().await?;
    anyhow::ensure!(
        dead == 0 && duplicates == 0,
        "{dead} events became dead letters, {duplicates} were duplicates"
    );
    Ok(Throughput {
        events: args.events,
        seconds,
        cpu_seconds: after.cpu_seconds - first.cpu_seconds,
        bytes: [before, primed, first, after].map(|process| process.resident_bytes),
    })
}

/// Sends events as fast as they are taken, their times spread evenly over so many seconds from
/// `begin` on, and waits until all are applied.
async fn flood(
    client: &Client,
    way: &Way,
    agents: &[Agent],
    numbers: Range<usize>,
    (begin, span): (DateTime<Utc>, u32),
) -> anyhow::Result<()> {
    let first: u64 = client.totals().await?.iter().sum();
    let step = f64::from(span) / numbers.len().max(1) as f64;
    let mut from = numbers.start;
    while from < numbers.end {
        let to = numbers.end.min(from + BATCH);
        let events = (from..to).map(|number| {
            let after = (number - numbers.start) as f64 * step * 1e6;
            event(
                agents,
                number,
                begin + TimeDelta::microseconds(after as i64),
            )
        });
        way.send(&events.collect::<Vec<_>>()).await?;
        from = to;
    }
    let mut newest = (0, Instant::now());
    loop {
        let applied = client.totals().await?.iter().sum::<u64>() - first;
        if applied >= numbers.len() as u64 {
            return Ok(());
        }
        if applied > newest.0 {
            newest = (applied, Instant::now());
        }
        let waited = newest.1.elapsed();
        anyhow::ensure!(waited < PATIENCE, "{applied} events were applied, no more");
        tokio::time::sleep(LOOK).await;
    }
}

/// Agents take turns.
fn event(agents: &[Agent], number: usize, time: DateTime<Utc>) -> Event<'_> {
    let (turn, place) = (number / agents.len(), number % agents.len());
    agents[place].usual(turn, time)
}

/// Usual events.
struct Load {
    /// How many a second.
    rate: f64,
    /// The number of the first.
    first: usize,
    /// Event time of the first.
    begin: DateTime<Utc>,
    /// Event time from one to the next, in seconds: what the agents are used to. With more, each of
    /// them would act faster than ever, and rightly raise an alert.
    step: f64,
}

/// Sends a load until its event time is over.
async fn background(way: Arc<Way>, agents: Vec<Agent>, load: Load) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut ticks = tokio::time::interval(TICK);
    let mut sent = 0;
    loop {
        ticks.tick().await;
        let due = (start.elapsed().as_secs_f64() * load.rate) as usize;
        let time = |number: usize| {
            let after = number as f64 * load.step * 1e6;
            load.begin + TimeDelta::microseconds(after as i64)
        };
        anyhow::ensure!(
            time(due) < SystemClock.now(),
            "take more agents, or fewer probes"
        );
        let events: Vec<_> = (sent..due.min(sent + BATCH * 8))
            .map(|number| event(&agents, load.first + number, time(number)))
            .collect();
        sent += events.len();
        for portion in events.chunks(BATCH) {
            way.send(portion).await.context("background load")?;
        }
    }
}

fn print(args: &StreamArgs, found: &Throughput, [p50, p95, p99]: [f64; 3]) {
    let rate = found.events as f64 / found.seconds;
    let rate_cpu = found.events as f64 / found.cpu_seconds;
    let [before, primed, live, after] = found.bytes;
    let bytes = (after - primed).max(0.0) / args.agents.max(1) as f64;
    let header = [
        "events",
        "agents",
        "seconds",
        "events/s",
        "stream CPU s",
        "events/CPU s",
        "bytes/agent",
        "MiB before, primed, live, after",
        "event to alert p50, p95, p99 ms",
    ];
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    let row = vec![
        found.events.to_string(),
        args.agents.to_string(),
        format!("{:.1}", found.seconds),
        format!("{rate:.0}"),
        format!("{:.2}", found.cpu_seconds),
        format!("{rate_cpu:.0}"),
        format!("{bytes:.0}"),
        [before, primed, live, after]
            .map(|bytes| format!("{:.0}", mib(bytes)))
            .join(", "),
        format!("{p50:.1}, {p95:.1}, {p99:.1}"),
    ];
    let value: Value = json!({
        "events": found.events, "agents": args.agents, "seconds": found.seconds, "eventsPerSecond": rate,
        "streamCpuSeconds": found.cpu_seconds, "eventsPerCpuSecond": rate_cpu,
        "residentBytes": { "before": before, "primed": primed, "live": live, "after": after, "perAgent": bytes },
        "toAlertMs": { "p50": p50, "p95": p95, "p99": p99 },
    });
    args.view.table(&header, &[row], &value);
}
