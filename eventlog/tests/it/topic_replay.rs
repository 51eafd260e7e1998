//! A stretch of a topic, read beside the group.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_eventlog::{
    EventSink, KafkaConfig, KafkaSink, ReplayFrom, Topic, TopicReplay, ensure_topics,
};
use chrono::{DateTime, TimeDelta, Utc};

use crate::logs::{kafka_config, record};

/// Everything of a stretch, in portions: payloads, and when they were appended.
fn read(config: &KafkaConfig, from: ReplayFrom, only: Option<i32>) -> Vec<(String, DateTime<Utc>)> {
    let mut replay = TopicReplay::open(config, Topic::Actions, from, only).unwrap();
    let mut all = Vec::new();
    loop {
        let records = replay.next(7).unwrap();
        assert!(records.len() <= 7);
        if records.is_empty() {
            assert_eq!(replay.remaining(), 0);
            return all;
        }
        all.extend(records.into_iter().map(|(record, time)| {
            assert_eq!(
                (record.key.as_str(), record.signature.as_deref()),
                ("agent", Some("sig"))
            );
            (String::from_utf8(record.payload.to_vec()).unwrap(), time)
        }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stretch_is_read_from_an_offset_or_a_time_to_where_it_ended() {
    let mut config = kafka_config().unwrap();
    config.partitions = 2;
    ensure_topics(&config).await.unwrap();
    let sink = KafkaSink::new(&config);
    let append = async |numbers: std::ops::Range<u32>| {
        let records = numbers.map(|number| record(Topic::Actions, "agent", number.to_string()));
        sink.append(records.collect()).await.unwrap();
    };
    append(0..20).await;
    tokio::task::block_in_place(|| {
        let payloads = |all: Vec<(String, DateTime<Utc>)>| -> Vec<u32> {
            all.into_iter()
                .map(|(text, _)| text.parse().unwrap())
                .collect()
        };
        let everything = read(&config, ReplayFrom::Offset(0), None);
        let last = everything.last().unwrap().1;
        assert_eq!(payloads(everything), (0..20).collect::<Vec<_>>());
        let end = payloads(read(&config, ReplayFrom::Offset(15), None));
        assert_eq!(end, (15..20).collect::<Vec<_>>());
        assert!(read(&config, ReplayFrom::Offset(20), None).is_empty());
        assert!(read(&config, ReplayFrom::Offset(i64::MAX), None).is_empty());
        assert_eq!(read(&config, ReplayFrom::Offset(-5), None).len(), 20);
        let long_ago = last - TimeDelta::hours(1);
        assert_eq!(read(&config, ReplayFrom::Time(long_ago), None).len(), 20);
        let later = last + TimeDelta::hours(1);
        assert!(read(&config, ReplayFrom::Time(later), None).is_empty());
        let of_each = [0, 1].map(|number| read(&config, ReplayFrom::Offset(0), Some(number)).len());
        assert!(of_each.contains(&20) && of_each.contains(&0), "{of_each:?}");
        let missing = TopicReplay::open(&config, Topic::Actions, ReplayFrom::Offset(0), Some(9));
        assert!(missing.is_err());
    });
    // What is appended after it was opened is for the next one.
    let mut replay =
        TopicReplay::open(&config, Topic::Actions, ReplayFrom::Offset(18), None).unwrap();
    append(20..30).await;
    let records = tokio::task::block_in_place(|| replay.next(100)).unwrap();
    assert_eq!(records.len(), 2);
    assert!(
        tokio::task::block_in_place(|| replay.next(100))
            .unwrap()
            .is_empty()
    );
}
