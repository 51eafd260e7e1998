//! How fast entries get their indexes, from the first row that waits to the commit of the last
//! checkpoint: `cargo bench -p aim-app --bench sequencer`. With `-- --test` each runs once, briefly.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement has a clock and ends when it cannot go on"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use aim_app::{App, AppConfig, AuditKeys};
use aim_domain::clock::Clock;
use aim_domain::id::{AuditEntryId, OrganizationId};
use aim_domain::signature::SecretKey;
use aim_eventlog::MemoryLog;
use aim_migration::{Migrator, MigratorTrait};
use aim_store::audit::NewAuditEntry;
use aim_store::{Store, StoreConfig};
use aim_tests::Postgres;
use chrono::{DateTime, Utc};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// Entries that wait when the sequencer begins, of how many organizations.
const ENTRIES: u64 = 10_000;
const ORGANIZATIONS: u64 = 20;
/// Entries of one transaction that writes them.
const WRITTEN_AT_ONCE: u64 = 500;
/// How often it is looked whether all have their index.
const LOOK: Duration = Duration::from_millis(2);

#[derive(Debug)]
struct Now;

impl Clock for Now {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// The log's key.
#[derive(Debug)]
struct Key;

impl AuditKeys for Key {
    fn load(&self) -> Vec<SecretKey> {
        vec![SecretKey::from_seed(&[1; 32])]
    }
}

/// A migrated database.
struct Place {
    store: Store,
    /// Number of the next entry.
    next: u64,
    _home: Option<TempDir>,
}

impl Place {
    async fn new(url: String, home: Option<TempDir>) -> Self {
        let config = StoreConfig {
            url,
            connections: 4,
        };
        let store = Store::connect(&config, Arc::new(Now)).await.unwrap();
        Migrator::up(store.writer(), None).await.unwrap();
        Self {
            store,
            next: 0,
            _home: home,
        }
    }

    /// Writes entries, as decisions do.
    async fn fill(&mut self, count: u64) {
        let end = self.next + count;
        while self.next < end {
            let upto = end.min(self.next + WRITTEN_AT_ONCE);
            let mut tx = self.store.begin().await.unwrap();
            (self.next..upto).for_each(|number| tx.audit(entry(number)));
            tx.commit().await.unwrap();
            self.next = upto;
        }
    }

    /// Lets a sequencer run until every entry has its index; how long that took.
    async fn sequence(&self) -> Duration {
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        let app = Arc::new(App::new(
            self.store.clone(),
            Arc::new(Now),
            Arc::new(MemoryLog::new(1, Arc::new(Now))),
            AppConfig::default(),
            &tracker,
            stop.clone(),
        ));
        let last = i64::try_from(self.next).unwrap();
        let begun = Instant::now();
        let task = tokio::spawn({
            let stop = stop.clone();
            async move { app.sequence_audit(Arc::new(Key), stop).await }
        });
        while self.store.get_audit_progress().await.unwrap().position < last {
            tokio::time::sleep(LOOK).await;
        }
        let taken = begun.elapsed();
        stop.cancel();
        task.await.unwrap();
        tracker.close();
        tracker.wait().await;
        // On PostgreSQL the next one must not wait for the end of this one's lease.
        let mut tx = self.store.begin().await.unwrap();
        tx.seize_lease("audit-log", Uuid::nil(), chrono::TimeDelta::seconds(-1))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        taken
    }
}

fn entry(number: u64) -> NewAuditEntry {
    let organization = Uuid::from_u128(u128::from(number % ORGANIZATIONS) + 1);
    NewAuditEntry {
        id: AuditEntryId::from_uuid(Uuid::from_u128(u128::from(number))),
        organization: OrganizationId::from_uuid(organization),
        actor_type: "agent",
        actor_id: "0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f607".to_owned(),
        action: "action.verify",
        object_type: "verification",
        object_id: number.to_string(),
        reason: Some("a measurement".to_owned()),
        before: None,
        after: Some(serde_json::json!({ "decision": "ALLOWED", "risk": "LOW" })),
        request_id: number.to_string(),
    }
}

fn sequencing(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let home = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite://{}?mode=rwc", home.path().join("aim.db").display());
    let postgres = Postgres::shared().unwrap().fresh_database().unwrap();
    let mut group = criterion.benchmark_group("audit_sequencer");
    group
        .throughput(Throughput::Elements(ENTRIES))
        .sample_size(10);
    for (name, url, home) in [
        ("sqlite", sqlite, Some(home)),
        ("postgresql", postgres, None),
    ] {
        let mut place = runtime.block_on(Place::new(url, home));
        group.bench_function(BenchmarkId::new("entries", name), |bencher| {
            bencher.iter_custom(|rounds| {
                runtime.block_on(async {
                    let mut taken = Duration::ZERO;
                    for _ in 0..rounds {
                        place.fill(ENTRIES).await;
                        taken += place.sequence().await;
                    }
                    taken
                })
            });
        });
    }
    group.finish();
}

criterion_group!(benches, sequencing);
criterion_main!(benches);
