//! One contract, four logs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aim_eventlog::{Delivery, EventSource, Partition, Polled, Topic};

use crate::logs::{Log, record};

/// Joining a group takes seconds on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);
const KEYS: usize = 5;
const EACH: usize = 40;
/// Records of one append, and most of one poll: neither divides the other.
const APPEND: usize = 7;
const POLL_MAX: usize = 11;

/// Reads until there are `count` records; every assigned partition from its beginning.
async fn read(source: &mut dyn EventSource, count: usize) -> anyhow::Result<Vec<Delivery>> {
    let (mut all, end) = (Vec::new(), Instant::now() + PATIENCE);
    while all.len() < count {
        anyhow::ensure!(Instant::now() < end, "{} of {count} came", all.len());
        match source.poll(POLL_MAX, POLL).await? {
            Polled::Assigned(partitions) => {
                for partition in partitions {
                    source.seek(partition, 0).await?;
                }
            }
            Polled::Revoked(partitions) => anyhow::bail!("{partitions:?} taken away"),
            Polled::Batch(batch) => {
                anyhow::ensure!(batch.len() <= POLL_MAX, "{} at once", batch.len());
                all.extend(batch);
            }
        }
    }
    Ok(all)
}

async fn fill(log: &Log) -> anyhow::Result<usize> {
    let all: Vec<_> = (0..EACH)
        .flat_map(|step| (0..KEYS).map(move |key| (key, step)))
        .map(|(key, step)| {
            record(
                Topic::Actions,
                &format!("agent-{key}"),
                format!("{key}:{step}"),
            )
        })
        .collect();
    for chunk in all.chunks(APPEND) {
        log.sink.append(chunk.to_vec()).await?;
    }
    log.sink.append(Vec::new()).await?;
    Ok(all.len())
}

/// Per key, what came in which order.
fn by_key(all: &[Delivery]) -> BTreeMap<String, Vec<usize>> {
    let mut found: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for delivery in all {
        let text = String::from_utf8_lossy(&delivery.payload).into_owned();
        if let Some((key, step)) = text.split_once(':') {
            found
                .entry(key.to_owned())
                .or_default()
                .extend(step.parse::<usize>());
        }
    }
    found
}

fn last_positions(all: &[Delivery]) -> BTreeMap<Partition, i64> {
    all.iter().map(|it| (it.partition, it.position)).collect()
}

async fn keeps_order_and_delivers_everything(log: &Log) -> anyhow::Result<()> {
    let count = fill(log).await?;
    // A second reader, as after a crash before anything was kept, gets all of it once more.
    for _ in 0..2 {
        let mut source = log.reader()?;
        let all = read(&mut *source, count).await?;
        let found = by_key(&all);
        assert_eq!(found.len(), KEYS);
        for (key, steps) in &found {
            assert_eq!(*steps, (0..EACH).collect::<Vec<_>>(), "key {key}");
        }
        let mut last: BTreeMap<Partition, i64> = BTreeMap::new();
        for it in &all {
            assert_eq!(it.partition.topic, Topic::Actions);
            assert_eq!(it.signature.as_deref(), Some("sig"));
            let before = last.insert(it.partition, it.position);
            assert!(before.is_none_or(|before| before < it.position), "{it:?}");
        }
    }
    Ok(())
}

async fn seek_replays_and_commit_moves_nothing(log: &Log) -> anyhow::Result<()> {
    let count = fill(log).await?;
    let mut source = log.reader()?;
    let first = read(&mut *source, count).await?;
    // Going back over what was committed is a reader's right: its own positions decide.
    for (partition, last) in last_positions(&first) {
        source.commit(partition, last + 1).await?;
        source.commit(partition, last).await?;
    }
    let Polled::Batch(more) = source.poll(POLL_MAX, POLL).await? else {
        anyhow::bail!("no batch");
    };
    assert_eq!(more, Vec::new(), "a commit backwards made it deliver again");
    let from = first.iter().map(|it| it.partition).next();
    let from = from.into_iter().flat_map(|partition| {
        let mut own = first.iter().filter(move |it| it.partition == partition);
        own.nth(3).cloned()
    });
    for middle in from {
        source.seek(middle.partition, middle.position).await?;
        let wanted: Vec<_> = first
            .iter()
            .filter(|it| it.partition == middle.partition && it.position >= middle.position)
            .cloned()
            .collect();
        assert!(wanted.len() > POLL_MAX, "too few to tell");
        assert_eq!(read(&mut *source, wanted.len()).await?, wanted);
    }
    Ok(())
}

async fn delivers_what_nobody_can_decode(log: &Log) -> anyhow::Result<()> {
    let mut source = log.reader()?;
    let bad: [&[u8]; 3] = [b"\xff\x00 no text", b"{\"half\":", b"x:1"];
    for payload in bad {
        let record = record(Topic::Actions, "agent", payload);
        log.sink.append(vec![record]).await?;
    }
    let all = read(&mut *source, bad.len()).await?;
    let payloads: Vec<_> = all.iter().map(|it| &it.payload[..]).collect();
    assert_eq!(payloads, bad);
    Ok(())
}

/// A reader that is caught up gets what is appended next.
async fn goes_on(log: &Log) -> anyhow::Result<()> {
    let mut source = log.reader()?;
    for step in 0..20 {
        let record = record(Topic::Actions, "agent", format!("0:{step}"));
        log.sink.append(vec![record]).await?;
        let all = read(&mut *source, 1).await?;
        assert_eq!(by_key(&all)["0"], [step]);
    }
    Ok(())
}

macro_rules! contract {
    ($name:ident, $log:expr) => {
        mod $name {
            use crate::logs::Log;

            #[tokio::test(flavor = "multi_thread")]
            async fn keeps_order_and_delivers_everything() {
                let log: Log = $log;
                super::keeps_order_and_delivers_everything(&log)
                    .await
                    .unwrap();
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn seek_replays_and_commit_moves_nothing() {
                let log: Log = $log;
                super::seek_replays_and_commit_moves_nothing(&log)
                    .await
                    .unwrap();
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn delivers_what_nobody_can_decode() {
                let log: Log = $log;
                super::delivers_what_nobody_can_decode(&log).await.unwrap();
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn goes_on() {
                let log: Log = $log;
                super::goes_on(&log).await.unwrap();
            }
        }
    };
}

contract!(memory, Log::memory());
contract!(table_on_sqlite, Log::sqlite().await.unwrap());
contract!(table_on_postgresql, Log::postgresql().await.unwrap());
contract!(kafka, Log::kafka().await.unwrap());
