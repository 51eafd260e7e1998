//! The embedded log: the table `event_log`, on SQLite and PostgreSQL.
//!
//! Trap: PostgreSQL hands out sequence values before the transaction that took them commits, so a
//! reader of "position > last" can pass over a row that commits later. [`append_rows`] therefore
//! takes one transaction-scoped lock right before it inserts; positions then have the order of
//! commits. Callers append last, so that the lock is held for one insert and the commit. SQLite has
//! one writer, which gives the same.

use std::time::Duration;

use aim_domain::clock::Clock;
use aim_domain::id::OrganizationId;
use aim_entities::event_log as entity;
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, TransactionTrait,
};

use crate::wake::{IDLE_POLL, Listener};
use crate::{
    Delivery, EventLogError, EventSink, EventSource, LOG_CHANNEL, Partition, Polled, Record, Topic,
    Wake, portions,
};

/// The lock that gives positions the order of commits: any constant that nothing else uses. Who
/// appends to the table on PostgreSQL without [`append_rows`] takes it before the first position, and
/// notifies [`LOG_CHANNEL`].
pub const LOG_LOCK_KEY: i64 = 7_203_945_116_502_171;

/// Appends records inside somebody's transaction, as its last statements.
///
/// # Errors
/// [`DbErr`] when they could not be written; the transaction must not be committed then.
pub async fn append_rows<C: ConnectionTrait>(
    on: &C,
    records: &[Record],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    if on.get_database_backend() == DbBackend::Postgres {
        let lock =
            format!("SELECT pg_advisory_xact_lock({LOG_LOCK_KEY}), pg_notify('{LOG_CHANNEL}', '')");
        on.execute_unprepared(&lock).await?;
    }
    for chunk in portions(records) {
        let rows = chunk.iter().map(|record| entity::ActiveModel {
            position: NotSet,
            topic: Set(record.topic.name().to_owned()),
            key: Set(record.key.clone()),
            event_id: Set(record.event_id.as_uuid()),
            organization_id: Set(record.organization.map(|id| id.as_uuid())),
            event_type: Set(record.event_type.clone()),
            payload: Set(record.payload.to_vec()),
            signature: Set(record.signature.clone()),
            created_at: Set(now),
        });
        entity::Entity::insert_many(rows)
            .exec_without_returning(on)
            .await?;
    }
    Ok(())
}

/// The newest position of a topic; 0 when it is empty.
///
/// # Errors
/// [`DbErr`] when the database cannot be asked.
pub async fn newest_position<C: ConnectionTrait>(on: &C, topic: Topic) -> Result<i64, DbErr> {
    let newest: Option<i64> = entity::Entity::find()
        .select_only()
        .column(entity::Column::Position)
        .filter(entity::Column::Topic.eq(topic.name()))
        .order_by_desc(entity::Column::Position)
        .limit(1)
        .into_tuple()
        .one(on)
        .await?;
    Ok(newest.unwrap_or(0))
}

/// Appends to the table in transactions of its own.
#[derive(Debug)]
pub struct TableSink {
    db: DatabaseConnection,
    clock: std::sync::Arc<dyn Clock>,
    wake: Wake,
}

impl TableSink {
    /// A sink that writes with `db` and rings `wake`.
    #[must_use]
    pub fn new(db: DatabaseConnection, clock: std::sync::Arc<dyn Clock>, wake: Wake) -> Self {
        Self { db, clock, wake }
    }
}

#[async_trait]
impl EventSink for TableSink {
    async fn append(&self, records: Vec<Record>) -> Result<(), EventLogError> {
        if records.is_empty() {
            return Ok(());
        }
        let tx = self.db.begin().await?;
        append_rows(&tx, &records, self.clock.now()).await?;
        tx.commit().await?;
        self.wake.ring();
        Ok(())
    }
}

/// Reads topics of the table; each is one partition, number 0.
#[derive(Debug)]
pub struct TableSource {
    db: DatabaseConnection,
    listener: Listener,
    positions: Vec<(Partition, Option<i64>)>,
    announced: bool,
}

impl TableSource {
    /// A reader of `topics`.
    #[must_use]
    pub fn new(db: DatabaseConnection, topics: &[Topic], wake: &Wake) -> Self {
        let positions = topics
            .iter()
            .map(|topic| {
                (
                    Partition {
                        topic: *topic,
                        number: 0,
                    },
                    None,
                )
            })
            .collect();
        Self {
            db,
            listener: wake.listen(),
            positions,
            announced: false,
        }
    }

    async fn read(&mut self, max: usize) -> Result<Vec<Delivery>, EventLogError> {
        let mut batch = Vec::new();
        for (partition, position) in &mut self.positions {
            let Some(from) = position else { continue };
            let room = u64::try_from(max.saturating_sub(batch.len())).unwrap_or(u64::MAX);
            if room == 0 {
                break;
            }
            let rows = entity::Entity::find()
                .filter(entity::Column::Topic.eq(partition.topic.name()))
                .filter(entity::Column::Position.gte(*from))
                .order_by_asc(entity::Column::Position)
                .limit(room)
                .all(&self.db)
                .await?;
            if let Some(last) = rows.last() {
                *from = last.position + 1;
            }
            batch.extend(rows.into_iter().map(|row| Delivery {
                partition: *partition,
                position: row.position,
                origin: (partition.topic == Topic::Events).then_some(row.position),
                organization: row.organization_id.map(OrganizationId::from_uuid),
                payload: Bytes::from(row.payload),
                signature: row.signature,
                received_at: row.created_at,
            }));
        }
        Ok(batch)
    }
}

#[async_trait]
impl EventSource for TableSource {
    async fn poll(&mut self, max: usize, wait: Duration) -> Result<Polled, EventLogError> {
        if !self.announced {
            self.announced = true;
            return Ok(Polled::Assigned(
                self.positions.iter().map(|(p, _)| *p).collect(),
            ));
        }
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            self.listener.heed();
            let batch = self.read(max).await?;
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            if !batch.is_empty() || left.is_zero() {
                return Ok(Polled::Batch(batch));
            }
            self.listener.wait(left.min(IDLE_POLL)).await;
        }
    }

    async fn seek(&mut self, partition: Partition, position: i64) -> Result<(), EventLogError> {
        let slot = self.positions.iter_mut().find(|(p, _)| *p == partition);
        let slot = slot
            .ok_or_else(|| EventLogError::NotAssigned(partition.number, partition.topic.name()))?;
        slot.1 = Some(position);
        Ok(())
    }

    async fn commit(&mut self, _: Partition, _: i64) -> Result<(), EventLogError> {
        // The table has no tools of its own that would want the hint.
        Ok(())
    }
}
