//! PostgreSQL hands out positions before the commits: a reader must pass over none all the same.

use std::time::Duration;

use aim_domain::clock::Clock;
use aim_eventlog::{
    EventSource, LOG_LOCK_KEY, Polled, TableSource, TableTail, Topic, Wake, append_rows,
};
use aim_tests::{Postgres, wait_until};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, TransactionTrait};

use crate::logs::{Still, database, record};

const PATIENCE: Duration = Duration::from_secs(60);
const WRITERS: usize = 6;
const TRANSACTIONS: usize = 60;
const ROWS: usize = 3;

async fn fresh() -> anyhow::Result<DatabaseConnection> {
    database(&Postgres::shared()?.fresh_database()?).await
}

async fn append(db: &DatabaseConnection, writer: usize, number: usize) -> anyhow::Result<()> {
    let tx = db.begin().await?;
    let rows: Vec<_> = (0..ROWS)
        .map(|row| record(Topic::Events, "agent", format!("{writer}:{number}:{row}")))
        .collect();
    append_rows(&tx, &rows, Still.now()).await?;
    Ok(tx.commit().await?)
}

async fn source_reads(db: DatabaseConnection, count: usize) -> anyhow::Result<Vec<(i64, String)>> {
    let mut source = TableSource::new(db, &[Topic::Events], &Wake::default());
    let mut all = Vec::new();
    while all.len() < count {
        match source.poll(50, Duration::from_millis(5)).await? {
            Polled::Assigned(partitions) => source.seek(partitions[0], 0).await?,
            Polled::Revoked(_) => anyhow::bail!("the table takes nothing away"),
            Polled::Batch(batch) => all.extend(batch.into_iter().map(|it| {
                let text = String::from_utf8_lossy(&it.payload).into_owned();
                (it.position, text)
            })),
        }
    }
    Ok(all)
}

async fn tail_reads(db: DatabaseConnection, count: usize) -> anyhow::Result<Vec<(i64, String)>> {
    let mut tail = TableTail::after(db, &Wake::default(), 0);
    let mut all = Vec::new();
    while all.len() < count {
        let batch = tail.read(50).await?;
        all.extend(batch.into_iter().map(|it| {
            let text = String::from_utf8_lossy(&it.payload).into_owned();
            (it.position, text)
        }));
    }
    Ok(all)
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_pass_over_nothing_while_transactions_race() {
    let db = fresh().await.unwrap();
    let count = WRITERS * TRANSACTIONS * ROWS;
    let source = tokio::spawn(source_reads(db.clone(), count));
    let tail = tokio::spawn(tail_reads(db.clone(), count));
    let writers = (0..WRITERS).map(|writer| {
        let db = db.clone();
        tokio::spawn(async move {
            for number in 0..TRANSACTIONS {
                append(&db, writer, number).await?;
            }
            anyhow::Ok(())
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap().unwrap();
    }
    for reader in [source, tail] {
        let seen = tokio::time::timeout(PATIENCE, reader).await;
        let seen = seen.expect("a record was passed over").unwrap().unwrap();
        assert!(seen.is_sorted_by(|a, b| a.0 < b.0), "not in order");
        let mut texts: Vec<_> = seen.into_iter().map(|(_, text)| text).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), count, "some came twice");
    }
}

/// Whether somebody waits for the lock of the log.
async fn waits(db: &DatabaseConnection) -> anyhow::Result<bool> {
    let sql = format!(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
         AND (classid::bigint << 32) | objid::bigint = {LOG_LOCK_KEY}"
    );
    let row = db
        .query_one_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
    Ok(count > 0)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_appends_first_commits_first() {
    let db = fresh().await.unwrap();
    let first = db.begin().await.unwrap();
    let rows = [record(Topic::Events, "agent", "first")];
    append_rows(&first, &rows, Still.now()).await.unwrap();
    let other = db.clone();
    let second = tokio::spawn(async move { append(&other, 2, 0).await });
    wait_until("the second to wait", PATIENCE, || async {
        waits(&db).await.unwrap_or(false)
    })
    .await
    .unwrap();
    assert!(!second.is_finished());
    let mut tail = TableTail::after(db.clone(), &Wake::default(), 0);
    assert_eq!(tail.read(10).await.unwrap(), [], "an uncommitted row");
    first.commit().await.unwrap();
    second.await.unwrap().unwrap();
    let all = tail.read(10).await.unwrap();
    let texts: Vec<_> = all.iter().map(|it| &it.payload[..]).collect();
    assert_eq!(texts, [b"first" as &[u8], b"2:0:0", b"2:0:1", b"2:0:2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_taken_back_leaves_nothing_to_read() {
    let db = fresh().await.unwrap();
    let tx = db.begin().await.unwrap();
    let rows = [record(Topic::Events, "agent", "taken back")];
    append_rows(&tx, &rows, Still.now()).await.unwrap();
    tx.rollback().await.unwrap();
    append(&db, 1, 0).await.unwrap();
    let seen = source_reads(db, ROWS).await.unwrap();
    assert!(seen.iter().all(|(_, text)| text.starts_with("1:0:")));
}
