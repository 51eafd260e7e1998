//! What an operator sees of a reader of Kafka.

use std::time::{Duration, Instant};

use aim_eventlog::{EventSink, EventSource, KafkaSink, KafkaSource, Polled, Topic, ensure_topics};
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::logs::{kafka_config, record};

const PATIENCE: Duration = Duration::from_secs(60);
const SENT: usize = 50;

/// The sum over the lines of a metric that has this label value.
fn sum(text: &str, metric: &str, label: &str) -> Option<f64> {
    let lines = text.lines().filter(|line| line.starts_with(metric));
    let found = lines.filter(|line| line.contains(label));
    let values = found.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

#[tokio::test(flavor = "multi_thread")]
async fn lag_falls_to_nothing_and_rebalances_are_counted() {
    let metrics = PrometheusBuilder::new().install_recorder().unwrap();
    let config = kafka_config().unwrap();
    ensure_topics(&config).await.unwrap();
    let sink = KafkaSink::new(&config);
    let topic = config.topic(Topic::Actions);
    let send = || async {
        let all = (0..SENT).map(|_| record(Topic::Actions, "agent", "{}"));
        sink.append(all.collect()).await.unwrap();
    };
    let mut source = KafkaSource::new(&config, &[Topic::Actions]).unwrap();
    send().await;
    let (mut seen, mut was_behind, end) = (0, false, Instant::now() + PATIENCE);
    loop {
        assert!(Instant::now() < end, "{seen} read; {}", metrics.render());
        // One at a time, so that there is a lag to see.
        let pause = Duration::from_millis(if was_behind { 5 } else { 200 });
        let max = usize::from(was_behind) * SENT + 1;
        match source.poll(max, pause).await.unwrap() {
            Polled::Assigned(partitions) => {
                for partition in partitions {
                    source.seek(partition, 0).await.unwrap();
                }
            }
            Polled::Revoked(partitions) => panic!("{partitions:?} taken away"),
            Polled::Batch(batch) => seen += batch.len(),
        }
        let lag = sum(&metrics.render(), "aim_consumer_lag", &topic);
        was_behind |= lag.is_some_and(|lag| lag > 0.0);
        if !was_behind && seen % SENT == SENT - 1 {
            send().await;
        }
        if was_behind && lag == Some(0.0) {
            break;
        }
    }
    let text = metrics.render();
    let assigned = sum(&text, "aim_rebalances_total", "assigned");
    assert!(assigned >= Some(1.0), "{text}");
}
