//! The logs that the contract is asked of.

use std::sync::Arc;

use aim_domain::clock::Clock;
use aim_domain::id::EventId;
use aim_eventlog::{
    EventSink, EventSource, KafkaConfig, KafkaSink, KafkaSource, MemoryLog, Record, TableSink,
    TableSource, Topic, Wake, ensure_topics,
};
use aim_migration::{Migrator, MigratorTrait};
use aim_tests::{Kafka, Postgres};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use sea_orm::{Database, DatabaseConnection};
use tempfile::TempDir;
use uuid::Uuid;

/// Partitions of a topic, where a log has several.
const PARTITIONS: i32 = 3;

/// A clock that stands.
#[derive(Debug)]
pub(crate) struct Still;

impl Clock for Still {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }
}

/// An empty log, and readers of [`Topic::Actions`].
pub(crate) struct Log {
    pub(crate) sink: Box<dyn EventSink>,
    readers: Readers,
}

enum Readers {
    Memory(MemoryLog),
    Table(
        DatabaseConnection,
        Wake,
        #[expect(dead_code, reason = "it goes with the log")] Option<TempDir>,
    ),
    Kafka(KafkaConfig),
}

impl Log {
    pub(crate) fn memory() -> Self {
        let log = MemoryLog::new(PARTITIONS, Arc::new(Still));
        Self {
            sink: Box::new(log.clone()),
            readers: Readers::Memory(log),
        }
    }

    pub(crate) async fn sqlite() -> anyhow::Result<Self> {
        let home = tempfile::tempdir()?;
        let url = format!("sqlite://{}?mode=rwc", home.path().join("log.db").display());
        Self::table(&url, Some(home)).await
    }

    pub(crate) async fn postgresql() -> anyhow::Result<Self> {
        Self::table(&Postgres::shared()?.fresh_database()?, None).await
    }

    async fn table(url: &str, home: Option<TempDir>) -> anyhow::Result<Self> {
        let (db, wake) = (database(url).await?, Wake::default());
        Ok(Self {
            sink: Box::new(TableSink::new(db.clone(), Arc::new(Still), wake.clone())),
            readers: Readers::Table(db, wake, home),
        })
    }

    pub(crate) async fn kafka() -> anyhow::Result<Self> {
        let config = kafka_config()?;
        ensure_topics(&config).await?;
        Ok(Self {
            sink: Box::new(KafkaSink::new(&config)),
            readers: Readers::Kafka(config),
        })
    }

    /// A reader of its own: nobody shares partitions with it.
    pub(crate) fn reader(&self) -> anyhow::Result<Box<dyn EventSource>> {
        Ok(match &self.readers {
            Readers::Memory(log) => Box::new(log.source()),
            Readers::Table(db, wake, _) => {
                Box::new(TableSource::new(db.clone(), &[Topic::Actions], wake))
            }
            Readers::Kafka(config) => {
                let mut config = config.clone();
                config.group = Uuid::now_v7().to_string();
                Box::new(KafkaSource::new(&config, &[Topic::Actions])?)
            }
        })
    }
}

/// A migrated database.
pub(crate) async fn database(url: &str) -> anyhow::Result<DatabaseConnection> {
    let db = Database::connect(url).await?;
    Migrator::up(&db, None).await?;
    Ok(db)
}

/// Topics and a group that nobody else has.
pub(crate) fn kafka_config() -> anyhow::Result<KafkaConfig> {
    let own = Uuid::now_v7().simple();
    Ok(KafkaConfig {
        brokers: Kafka::shared()?.bootstrap().to_owned(),
        group: format!("group-{own}"),
        topic_prefix: format!("contract-{own}-"),
        partitions: PARTITIONS,
    })
}

/// A record of an agent.
pub(crate) fn record(topic: Topic, key: &str, payload: impl Into<Bytes>) -> Record {
    Record {
        topic,
        key: key.to_owned(),
        event_id: EventId::from_uuid(Uuid::now_v7()),
        organization: None,
        event_type: "aim.action.performed.v1".to_owned(),
        payload: payload.into(),
        signature: Some("sig".to_owned()),
    }
}
