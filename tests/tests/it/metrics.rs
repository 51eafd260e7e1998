//! What `/metrics` says of the stream is what happened.

use std::collections::BTreeMap;
use std::time::Duration;

use aim_tests::{AimConfig, AimProcess, Kafka, Postgres, wait_for};
use serde_json::json;
use uuid::Uuid;

use crate::fleet::{Owner, now};

const PATIENCE: Duration = Duration::from_secs(60);
const GOOD: usize = 30;

/// Values by name with labels, as printed.
pub(crate) async fn scrape(aim: &AimProcess) -> anyhow::Result<BTreeMap<String, f64>> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let answer = http
        .get(format!("{}/metrics", aim.base_url()))
        .send()
        .await?;
    let text = answer.error_for_status()?.text().await?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let values = lines.filter_map(|line| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    });
    Ok(values.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_says_what_it_was_built_from() {
    let aim = AimConfig::new().start().unwrap();
    let metrics = scrape(&aim).await.unwrap();
    let mut told = metrics
        .iter()
        .filter(|(name, _)| name.starts_with("aim_build_info"));
    let (name, value) = told.next().unwrap();
    assert_eq!((*value, told.next()), (1.0, None));
    let version = env!("CARGO_PKG_VERSION");
    assert!(name.contains(&format!("version=\"{version}\"")), "{name}");
    assert!(
        name.contains("features=\"mcp-attestation,sqlite\""),
        "{name}"
    );
    let labels = name.matches("=\"").count();
    assert_eq!(labels, 3, "{name}");
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = http.get(format!("{}/health/live", aim.base_url())).send();
    let answer = answer.await.unwrap().text().await.unwrap();
    let lines: Vec<&str> = answer.lines().collect();
    let said = format!("version: {version}");
    assert_eq!(lines[..2], ["live", said.as_str()], "{answer}");
    let commit = lines[2].strip_prefix("commit: ").unwrap();
    assert!(
        name.contains(&format!("commit=\"{commit}\"")),
        "{name} {answer}"
    );
}

fn sum(metrics: &BTreeMap<String, f64>, begin: &str) -> f64 {
    let of_name = metrics.iter().filter(|(name, _)| name.starts_with(begin));
    of_name.map(|(_, value)| value).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_given_up_and_written_can_be_scraped() {
    let prefix = format!("metrics-{}-", Uuid::now_v7().simple());
    let config = AimConfig::new()
        .database(Postgres::shared().unwrap().fresh_database().unwrap())
        .kafka(Kafka::shared().unwrap().bootstrap(), &prefix);
    let aim = config.start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("measured", &["files:read"]).await.unwrap();
    let good = (0..GOOD).map(|_| agent.line(&agent.event("files:read", now())));
    let broken = json!({ "event": "no event", "signature": "no signature" }).to_string();
    let lines: Vec<String> = good.chain([broken]).collect();
    owner.send(lines.join("\n")).await.unwrap();
    let metrics = wait_for("the events in the metrics", PATIENCE, || async {
        let metrics = scrape(&aim).await?;
        let given_up = sum(&metrics, "aim_dead_letters_total");
        let written = sum(&metrics, "aim_stream_batch_seconds_count{phase=\"write\"}");
        let is_read = sum(&metrics, "aim_stream_events_total") >= GOOD as f64;
        let is_told = metrics
            .keys()
            .any(|name| name.starts_with("aim_consumer_lag"));
        Ok((is_read && given_up == 1.0 && written >= 1.0 && is_told).then_some(metrics))
    });
    let metrics = metrics.await.unwrap();
    // The agent's registration is a fact that the stream reads as well.
    let read = sum(&metrics, "aim_stream_batch_events_sum");
    assert_eq!(read, sum(&metrics, "aim_stream_events_total"));
    let batches = sum(&metrics, "aim_stream_batch_events_count");
    for phase in ["admit", "learn"] {
        let name = format!("aim_stream_batch_seconds_count{{phase=\"{phase}\"}}");
        assert_eq!(metrics.get(&name), Some(&batches), "{name}");
    }
    assert!(sum(&metrics, "aim_rebalances_total{kind=\"assigned\"}") >= 1.0);
    // All that is read is caught up with.
    let caught_up = wait_for("no lag", PATIENCE, || async {
        let metrics = scrape(&aim).await?;
        Ok((sum(&metrics, "aim_consumer_lag") == 0.0).then_some(()))
    });
    caught_up.await.unwrap();
    let page = include_str!("../../../docs/configuration.md");
    for name in metrics.keys().filter(|name| name.starts_with("aim_")) {
        let name = name.split('{').next().unwrap();
        let ends = ["_bucket", "_sum", "_count"];
        let name = ends
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .unwrap_or(name);
        assert!(
            page.contains(&format!("`{name}`")),
            "{name} is not in the docs"
        );
    }
}
