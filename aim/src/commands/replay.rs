//! `aim replay`: recorded events, sent as the agents named in them, or a topic again as it is.

mod topic;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aim_domain::id::{AgentId, EventId};
use aim_domain::signature::{SecretKey, sign_event};
use aim_eventlog::{Envelope, EventSink, KafkaConfig, KafkaSink, Record, Topic, agent_of_source};
use anyhow::Context;
use chrono::{DateTime, Utc};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::client::Target;
use crate::client::{Client, event_line};
use crate::view::View;

/// Events of one request.
const BATCH: usize = 500;
/// How long the stream may take to account for everything after the last event was sent.
const PATIENCE: Duration = Duration::from_secs(600);

/// What to send where.
#[derive(clap::Args)]
pub(crate) struct ReplayArgs {
    /// CloudEvents as JSON lines, plain or gzip.
    #[arg(required_unless_present = "source_kafka")]
    file: Option<PathBuf>,
    #[command(flatten)]
    source: topic::Source,
    #[command(flatten)]
    target: Target,
    /// Where the demo agents' private keys are kept between replays.
    #[arg(long, default_value = ".aim/replay-keys.json")]
    keys: PathBuf,
    /// Send to these Kafka brokers instead of the server.
    #[arg(long)]
    kafka: Option<String>,
    /// What the server puts before the names of topics.
    #[arg(long, default_value = "")]
    kafka_prefix: String,
    /// Keep the recorded pace, this many times faster; as fast as possible when left out.
    #[arg(long)]
    speed: Option<f64>,
    /// Only the first events.
    #[arg(long)]
    limit: Option<usize>,
    #[command(flatten)]
    view: View,
}

/// Replays, waits until every event is accounted for, and sums up.
pub(crate) async fn run(args: ReplayArgs) -> anyhow::Result<()> {
    let client = args.target.connect().await?;
    let way = Way::open(&args, &client)?;
    let before = client.totals().await?;
    let started = Instant::now();
    let sent = match &args.file {
        Some(file) => send_file(file, &args, &client, &way).await?,
        None => topic::send(&args, &way).await?,
    };
    let [applied, duplicates, dead] = settle(&client, before, sent).await?;
    let seconds = started.elapsed().as_secs_f64();
    let rate = sent as f64 / seconds;
    let summary = json!({
        "sent": sent, "applied": applied, "duplicates": duplicates, "deadLettered": dead,
        "seconds": seconds, "eventsPerSecond": rate,
    });
    let row = [sent, applied, duplicates, dead]
        .map(|n| n.to_string())
        .into_iter();
    let row = row
        .chain([format!("{seconds:.1}"), format!("{rate:.0}")])
        .collect();
    let header = [
        "sent",
        "applied",
        "duplicates",
        "dead-lettered",
        "seconds",
        "events/s",
    ];
    args.view.table(&header, &[row], &summary);
    anyhow::ensure!(
        applied + duplicates + dead == sent,
        "{} of {sent} events are not accounted for",
        sent - (applied + duplicates + dead).min(sent)
    );
    Ok(())
}

/// Sends the events of a file, each signed as its agent, and returns how many.
async fn send_file(
    file: &Path,
    args: &ReplayArgs,
    client: &Client,
    way: &Way<'_>,
) -> anyhow::Result<u64> {
    let lines = read(file, args.limit.unwrap_or(usize::MAX))?;
    let mut keys = Keys::open(&args.keys)?;
    let agents = register(client, &lines, &mut keys).await?;
    let bar = bar(lines.len() as u64)?;
    let mut pace = Pace::new(args.speed);
    for batch in lines.chunks(BATCH) {
        pace.keep(batch.first().and_then(|line| time_of(line)))
            .await;
        way.send(batch, &agents).await?;
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    Ok(lines.len() as u64)
}

fn bar(events: u64) -> anyhow::Result<ProgressBar> {
    let style = "{wide_bar} {pos}/{len} events, {per_sec}, {eta} left";
    Ok(ProgressBar::new(events).with_style(ProgressStyle::with_template(style)?))
}

/// When an event says that it happened.
fn time_of(line: &str) -> Option<DateTime<Utc>> {
    let event: Value = serde_json::from_str(line).ok()?;
    event["time"].as_str()?.parse().ok()
}

pub(super) fn read(path: &Path, limit: usize) -> anyhow::Result<Vec<String>> {
    let file = std::fs::File::open(path).with_context(|| format!("`{}`", path.display()))?;
    let mut head = BufReader::new(file);
    let is_gzip = head.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let reader: Box<dyn Read> = if is_gzip {
        Box::new(flate2::read::MultiGzDecoder::new(head))
    } else {
        Box::new(head)
    };
    let lines = BufReader::new(reader).lines().take(limit);
    let lines: Vec<String> = lines.collect::<Result<_, _>>()?;
    Ok(lines
        .into_iter()
        .filter(|line| !line.trim().is_empty())
        .collect())
}

/// An agent to sign as.
struct Signer {
    key: SecretKey,
    key_id: String,
    agent: AgentId,
}

/// The agent's name in an event; malformed ones are sent as they are, unsigned.
fn name_of(line: &str) -> Option<String> {
    let envelope = Envelope::parse(line.as_bytes()).ok()?;
    agent_of_source(&envelope.source).map(str::to_owned)
}

async fn register(
    client: &Client,
    lines: &[String],
    keys: &mut Keys,
) -> anyhow::Result<BTreeMap<String, Signer>> {
    let names: std::collections::BTreeSet<String> =
        lines.iter().filter_map(|line| name_of(line)).collect();
    let mut agents = BTreeMap::new();
    for name in names {
        let key = keys.of(&name)?;
        let registered = client.register(&name, &key).await?;
        let query = "query($id: ID!) { agent(id: $id) { uuid capabilityGrants { capability } } }";
        let answer = client
            .graphql(query, json!({ "id": registered.id }))
            .await?;
        let grants = answer["agent"]["capabilityGrants"]
            .as_array()
            .map_or(0, Vec::len);
        if grants == 0 {
            client.grant(&registered, "*").await?;
        }
        let agent = answer["agent"]["uuid"]
            .as_str()
            .unwrap_or_default()
            .parse()?;
        let key_id = key.public_key().thumbprint();
        agents.insert(name, Signer { key, key_id, agent });
    }
    Ok(agents)
}

/// Private keys of demo agents, in a file that only its owner can read.
struct Keys {
    path: PathBuf,
    pems: BTreeMap<String, String>,
}

impl Keys {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let pems = match std::fs::read(path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).with_context(|| format!("`{}`", path.display()))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| format!("`{}`", path.display())),
        };
        Ok(Self {
            path: path.to_owned(),
            pems,
        })
    }

    /// The key of an agent, made and kept before it is first used.
    fn of(&mut self, name: &str) -> anyhow::Result<SecretKey> {
        if let Some(pem) = self.pems.get(name) {
            return Ok(SecretKey::from_pem(pem)?);
        }
        let key = SecretKey::from_seed(&rand::random());
        self.pems.insert(name.to_owned(), key.to_pem()?.to_string());
        if let Some(parent) = self.path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        serde_json::to_writer_pretty(options.open(&self.path)?, &self.pems)?;
        Ok(key)
    }
}

/// How events get to the stream.
enum Way<'a> {
    Http(&'a Client),
    Kafka(Box<KafkaSink>),
}

impl<'a> Way<'a> {
    fn open(args: &ReplayArgs, client: &'a Client) -> anyhow::Result<Self> {
        Ok(match &args.kafka {
            None => Self::Http(client),
            Some(brokers) => Self::Kafka(Box::new(KafkaSink::new(&KafkaConfig {
                brokers: brokers.clone(),
                group: String::new(),
                topic_prefix: args.kafka_prefix.clone(),
                partitions: 1,
            }))),
        })
    }

    async fn send(
        &self,
        batch: &[String],
        agents: &BTreeMap<String, Signer>,
    ) -> anyhow::Result<()> {
        let signed = batch.iter().map(|line| {
            let signer = name_of(line).and_then(|name| agents.get(&name));
            let signature =
                signer.map(|s| sign_event(&s.key, &s.key_id, line.as_bytes()).to_string());
            (line, signer, signature)
        });
        match self {
            Self::Http(client) => {
                let lines = signed
                    .map(|(line, _, signature)| event_line(line, &signature.unwrap_or_default()));
                client.send_events(lines.collect()).await
            }
            Self::Kafka(sink) => {
                let records = signed.map(|(line, signer, signature)| Record {
                    topic: Topic::Actions,
                    key: signer.map(|s| s.agent.to_string()).unwrap_or_default(),
                    // Only the table keeps it; on Kafka the event's own id counts.
                    event_id: EventId::from_uuid(uuid::Uuid::nil()),
                    organization: None,
                    event_type: String::new(),
                    payload: line.clone().into(),
                    signature,
                });
                Ok(sink.append(records.collect()).await?)
            }
        }
    }
}

/// Waits between batches as the recording did.
struct Pace {
    speed: Option<f64>,
    begun: Option<(Instant, DateTime<Utc>)>,
}

impl Pace {
    const fn new(speed: Option<f64>) -> Self {
        Self { speed, begun: None }
    }

    /// Waits until the events that begin at `time` are due.
    async fn keep(&mut self, time: Option<DateTime<Utc>>) {
        let speed = self.speed.filter(|speed| *speed > 0.0);
        let (Some(speed), Some(time)) = (speed, time) else {
            return;
        };
        let (start, origin) = *self.begun.get_or_insert((Instant::now(), time));
        let due = (time - origin).to_std().unwrap_or_default().div_f64(speed);
        tokio::time::sleep_until((start + due).into()).await;
    }
}

/// Waits until the stream has accounted for `sent` more events; how.
async fn settle(client: &Client, before: [u64; 3], sent: u64) -> anyhow::Result<[u64; 3]> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = client.totals().await?;
        let done: [u64; 3] = std::array::from_fn(|i| now[i].saturating_sub(before[i]));
        if done.iter().sum::<u64>() >= sent || Instant::now() > deadline {
            return Ok(done);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
