//! Readers of one group: who has which partitions when readers come and go.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aim_eventlog::{
    EventSink, EventSource, KafkaConfig, KafkaSink, KafkaSource, Partition, Polled, Topic,
    ensure_topics,
};
use parking_lot::Mutex;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use tokio_util::sync::CancellationToken;

use crate::logs::{kafka_config, record};

/// A reader that is late to answer is waited for by its group for minutes: less than that.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
const TOPICS: [Topic; 2] = [Topic::Actions, Topic::Events];

/// What became of a reader.
#[derive(Debug, Default)]
struct Seen {
    has: BTreeSet<Partition>,
    lost: Vec<Partition>,
    /// Records since they were last asked for, with their positions.
    records: Vec<(Partition, i64)>,
}

/// A reader in a task of its own.
struct Reader {
    seen: Arc<Mutex<Seen>>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Reader {
    fn start(config: &KafkaConfig) -> Self {
        let mut source = KafkaSource::new(config, &TOPICS).unwrap();
        let (seen, stop) = (Arc::<Mutex<Seen>>::default(), CancellationToken::new());
        let (own, stopped) = (Arc::clone(&seen), stop.clone());
        let task = tokio::spawn(async move {
            while !stopped.is_cancelled() {
                match source.poll(100, POLL).await.unwrap() {
                    Polled::Assigned(all) => {
                        for partition in &all {
                            source.seek(*partition, 0).await.unwrap();
                        }
                        own.lock().has.extend(all);
                    }
                    Polled::Revoked(all) => {
                        let mut seen = own.lock();
                        seen.has.retain(|partition| !all.contains(partition));
                        seen.lost.extend(all);
                    }
                    Polled::Batch(batch) => {
                        let records = batch.iter().map(|it| (it.partition, it.position));
                        own.lock().records.extend(records);
                    }
                }
            }
        });
        Self { seen, stop, task }
    }

    fn has(&self) -> BTreeSet<Partition> {
        self.seen.lock().has.clone()
    }

    /// Leaves the group.
    async fn leave(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// Waits until each partition has exactly one reader, and both topics' partition n the same one.
async fn dealt_out(readers: &[Reader], config: &KafkaConfig) {
    let end = Instant::now() + PATIENCE;
    let numbers = 0..config.partitions;
    let all: Vec<Partition> = TOPICS
        .into_iter()
        .flat_map(|topic| {
            let of = move |number| Partition { topic, number };
            numbers.clone().map(of)
        })
        .collect();
    loop {
        let has: Vec<_> = readers.iter().map(Reader::has).collect();
        let mut sorted: Vec<Partition> = has.iter().flatten().copied().collect();
        sorted.sort_unstable();
        let mut wanted = all.clone();
        wanted.sort_unstable();
        let meet = has.iter().all(|has| {
            let numbers = |topic| {
                let of = has.iter().filter(move |it| it.topic == topic);
                of.map(|it| it.number).collect::<Vec<_>>()
            };
            numbers(Topic::Actions) == numbers(Topic::Events)
        });
        if sorted == wanted && meet {
            return;
        }
        assert!(Instant::now() < end, "{has:?}");
        tokio::time::sleep(POLL).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_with_nothing_to_read_hold_nobody_up() {
    let config = kafka_config().unwrap();
    ensure_topics(&config).await.unwrap();
    let mut readers: Vec<Reader> = (0..5).map(|_| Reader::start(&config)).collect();
    dealt_out(&readers, &config).await;
    // Each time one leaves that has something, until a single one has everything.
    while readers.len() > 1 {
        let leaves = readers.iter().position(|reader| !reader.has().is_empty());
        readers.remove(leaves.unwrap()).leave().await;
        dealt_out(&readers, &config).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_takes_its_share_and_the_rest_is_read_on() {
    let config = kafka_config().unwrap();
    ensure_topics(&config).await.unwrap();
    let sink = KafkaSink::new(&config);
    let mut readers = vec![Reader::start(&config)];
    dealt_out(&readers, &config).await;
    let send = || async {
        let keys = (0..30).map(|number| format!("agent-{number}"));
        let all = keys.map(|key| record(Topic::Actions, &key, "{}"));
        sink.append(all.collect()).await.unwrap();
    };
    send().await;
    readers.push(Reader::start(&config));
    let end = Instant::now() + PATIENCE;
    while readers[1].has().is_empty() {
        assert!(Instant::now() < end, "the newcomer got nothing");
        tokio::time::sleep(POLL).await;
    }
    dealt_out(&readers, &config).await;
    let lost: BTreeSet<i32> = {
        let seen = readers[0].seen.lock();
        seen.lost.iter().map(|partition| partition.number).collect()
    };
    assert_eq!(lost.len(), 1, "{lost:?} of {}", config.partitions);
    send().await;
    let count = || {
        readers
            .iter()
            .map(|it| it.seen.lock().records.len())
            .sum::<usize>()
    };
    // What was given away is read again from where the newcomer began.
    while count() < 60 {
        assert!(Instant::now() < end, "{} records", count());
        tokio::time::sleep(POLL).await;
    }
    let seen = readers[0].seen.lock();
    let mut last: BTreeMap<Partition, i64> = BTreeMap::new();
    for (partition, position) in &seen.records {
        let before = last.insert(*partition, *position);
        assert!(
            before.is_none_or(|before| before < *position),
            "{partition:?} was read again"
        );
    }
}

#[tokio::test]
async fn topics_with_different_numbers_of_partitions_are_refused() {
    let config = kafka_config().unwrap();
    ensure_topics(&config).await.unwrap();
    ensure_topics(&config).await.unwrap();
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", &config.brokers)
        .create()
        .unwrap();
    let name = config.topic(Topic::Actions);
    let more = usize::try_from(config.partitions).unwrap() + 1;
    let more = NewPartitions::new(&name, more);
    admin
        .create_partitions([&more], &AdminOptions::new())
        .await
        .unwrap();
    let end = Instant::now() + PATIENCE;
    // Brokers tell of it a moment later.
    let error = loop {
        match ensure_topics(&config).await {
            Err(error) => break error.to_string(),
            Ok(()) => assert!(Instant::now() < end, "not refused"),
        }
    };
    assert!(error.contains(&name) && error.contains("has 4"), "{error}");
}
