//! A topic from somewhere on, sent again as it is: bytes, keys and signatures.

use aim_eventlog::{EventSink, KafkaConfig, Record, ReplayFrom, Topic, TopicReplay};
use anyhow::Context;
use chrono::{DateTime, Utc};

use super::{BATCH, Pace, ReplayArgs, Way, bar};
use crate::client::event_line;

/// Which stretch of which topic.
#[derive(clap::Args)]
pub(super) struct Source {
    /// Send again what is in the actions' topic of these Kafka brokers, as it is, instead of a file.
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "file")]
    source_kafka: Option<String>,
    /// What is before the name of that topic.
    #[arg(long, default_value = "", requires = "source_kafka")]
    source_prefix: String,
    /// Begin at this offset of each partition; at the oldest record when left out.
    #[arg(long, requires = "source_kafka", conflicts_with = "from_time")]
    from_offset: Option<i64>,
    /// Begin with what was appended then, such as `2026-01-05T09:00:00Z`, or later.
    #[arg(long, requires = "source_kafka")]
    from_time: Option<DateTime<Utc>>,
    /// End before what was appended then; else with what is there now.
    #[arg(long, requires = "source_kafka")]
    to_time: Option<DateTime<Utc>>,
    /// Only this partition.
    #[arg(long, requires = "source_kafka")]
    partition: Option<i32>,
}

impl Source {
    fn open(&self) -> anyhow::Result<TopicReplay> {
        let config = KafkaConfig {
            brokers: self.source_kafka.clone().unwrap_or_default(),
            group: String::new(),
            topic_prefix: self.source_prefix.clone(),
            partitions: 1,
        };
        let from = match self.from_time {
            Some(time) => ReplayFrom::Time(time),
            None => ReplayFrom::Offset(self.from_offset.unwrap_or(0)),
        };
        let topic = TopicReplay::open(&config, Topic::Actions, from, self.partition);
        topic.with_context(|| format!("topic `{}`", config.topic(Topic::Actions)))
    }

    fn has(&self, appended: DateTime<Utc>) -> bool {
        self.to_time.is_none_or(|end| appended < end)
    }
}

/// Sends the stretch, and returns how many events it had.
pub(super) async fn send(args: &ReplayArgs, way: &Way<'_>) -> anyhow::Result<u64> {
    let mut topic = args.source.open()?;
    let limit = args.limit.unwrap_or(usize::MAX);
    let bar = bar(topic.remaining().min(limit as u64))?;
    let mut pace = Pace::new(args.speed);
    let mut sent = 0;
    while sent < limit {
        let most = BATCH.min(limit - sent);
        let read = tokio::task::spawn_blocking(move || {
            let records = topic.next(most);
            (topic, records)
        });
        let (after, records) = read.await?;
        topic = after;
        let mut records = records?;
        if records.is_empty() {
            break;
        }
        bar.inc(records.len() as u64);
        records.retain(|(_, appended)| args.source.has(*appended));
        pace.keep(records.first().map(|(_, appended)| *appended))
            .await;
        sent += records.len();
        let records = records.into_iter().map(|(record, _)| record);
        way.forward(records.collect()).await?;
    }
    bar.finish_and_clear();
    Ok(sent as u64)
}

impl Way<'_> {
    /// Sends records as they are.
    async fn forward(&self, records: Vec<Record>) -> anyhow::Result<()> {
        let client = match self {
            Self::Kafka(sink) => return Ok(sink.append(records).await?),
            Self::Http(client) => client,
        };
        let lines = records.iter().map(|record| {
            let event = std::str::from_utf8(&record.payload);
            let event = event.context("a record is not UTF-8; send it with `--kafka`")?;
            let signature = record.signature.as_deref().unwrap_or_default();
            Ok(event_line(event, signature))
        });
        let lines = lines.collect::<anyhow::Result<String>>()?;
        if lines.is_empty() {
            return Ok(());
        }
        client.send_events(lines).await
    }
}
