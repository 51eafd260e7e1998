//! What tools are told about how far a reader is only moves forward.

use std::sync::Arc;
use std::time::Duration;

use aim_eventlog::{
    EventSink, EventSource, KafkaSink, KafkaSource, MemoryLog, Partition, Polled, Topic,
    ensure_topics,
};
use aim_tests::wait_for;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::logs::{Still, kafka_config, record};

const PATIENCE: Duration = Duration::from_secs(60);
const PARTITION: Partition = Partition {
    topic: Topic::Actions,
    number: 0,
};

#[tokio::test]
async fn commits_move_forward_in_memory() {
    let mut source = MemoryLog::new(1, Arc::new(Still)).source();
    assert_eq!(source.committed(PARTITION), None);
    for (next, wanted) in [(5, 5), (3, 5), (5, 5), (8, 8), (0, 8)] {
        source.commit(PARTITION, next).await.unwrap();
        assert_eq!(source.committed(PARTITION), Some(wanted));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_move_forward_on_kafka() {
    let mut config = kafka_config().unwrap();
    config.partitions = 1;
    ensure_topics(&config).await.unwrap();
    let sink = KafkaSink::new(&config);
    let records = (0..10).map(|_| record(Topic::Actions, "agent", "x"));
    sink.append(records.collect()).await.unwrap();
    let mut source = KafkaSource::new(&config, &[Topic::Actions]).unwrap();
    loop {
        let polled = source.poll(10, Duration::from_millis(100)).await.unwrap();
        if let Polled::Assigned(partitions) = polled {
            assert_eq!(partitions, [PARTITION]);
            source.seek(PARTITION, 0).await.unwrap();
            break;
        }
    }
    let tool: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &config.brokers)
        .set("group.id", &config.group)
        .create()
        .unwrap();
    let tool = Arc::new(tool);
    for (next, wanted) in [(5, 5), (3, 5), (7, 7), (0, 7), (9, 9)] {
        source.commit(PARTITION, next).await.unwrap();
        // Told with a poll, once a second at most.
        for _ in 0..3 {
            source.poll(10, Duration::from_millis(600)).await.unwrap();
        }
        wait_for("the commit", PATIENCE, || {
            let (tool, name) = (Arc::clone(&tool), config.topic(Topic::Actions));
            async move {
                let mut list = TopicPartitionList::new();
                list.add_partition(&name, 0);
                let found = tool.committed_offsets(list, PATIENCE)?;
                let offset = found.elements()[0].offset();
                let told = Offset::Offset(wanted);
                anyhow::ensure!(offset == told, "{offset:?} instead of {told:?}");
                Ok(Some(()))
            }
        })
        .await
        .unwrap();
    }
}
