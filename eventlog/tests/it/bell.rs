//! Who appends in one process rings the readers of another, and goes on to after a lost connection.

use std::time::{Duration, Instant};

use aim_domain::clock::Clock;
use aim_eventlog::{LOG_CHANNEL, Topic, Wake, append_rows, ring_for_all};
use aim_tests::Postgres;
use sea_orm::{ConnectionTrait, DatabaseConnection, TransactionTrait};
use tokio_util::sync::CancellationToken;

use crate::logs::{Still, database, record};

/// Far above what a ring takes, far below [`PATIENCE`].
const SOON: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(60);

/// Appends until that rings: at first nobody may be listening yet.
async fn is_rung(db: &DatabaseConnection, wake: &Wake) -> anyhow::Result<()> {
    let begin = Instant::now();
    let mut number = 0;
    while begin.elapsed() < PATIENCE {
        let mut listener = wake.listen();
        listener.heed();
        let appended = Instant::now();
        let tx = db.begin().await?;
        let row = record(Topic::Events, "agent", number.to_string());
        append_rows(&tx, &[row], Still.now()).await?;
        tx.commit().await?;
        listener.wait(Duration::from_secs(2)).await;
        if appended.elapsed() < Duration::from_secs(2) {
            return Ok(());
        }
        number += 1;
    }
    anyhow::bail!("no ring within {PATIENCE:?}")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_rings_in_other_processes() -> anyhow::Result<()> {
    let url = Postgres::shared()?.fresh_database()?;
    let (writer, reader) = (database(&url).await?, database(&url).await?);
    let (wake, stop) = (Wake::default(), CancellationToken::new());
    let bell = {
        let (reader, wake, stop) = (reader.clone(), wake.clone(), stop.clone());
        tokio::spawn(async move {
            ring_for_all(reader.get_postgres_connection_pool(), &wake, stop).await;
        })
    };
    is_rung(&writer, &wake).await?;
    let cut = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND query = 'LISTEN \"{LOG_CHANNEL}\"'"
    );
    let outcome = writer.execute_unprepared(&cut).await?;
    assert_eq!(outcome.rows_affected(), 1, "one connection listened");
    is_rung(&writer, &wake).await?;
    // Nothing is appended: nothing rings.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut listener = wake.listen();
    listener.heed();
    let begin = Instant::now();
    listener.wait(Duration::from_millis(300)).await;
    assert!(begin.elapsed() >= Duration::from_millis(300));
    stop.cancel();
    tokio::time::timeout(SOON, bell).await??;
    Ok(())
}
