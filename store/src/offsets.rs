//! How far consumers have come, kept with the state they produced.

use aim_entities::{consumer_offset as entity, event_log};
use aim_eventlog::{Partition, Topic, newest_position};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};

use crate::{Store, StoreError, Tx};

/// Where a consumer group stands in a partition, and what became of everything before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsumerOffset {
    /// Which partition.
    pub partition: Partition,
    /// The next position to read.
    pub next: i64,
    /// Highest event-log position seen in relayed records; lower ones are redeliveries.
    pub origin: i64,
    /// Events applied, ever.
    pub applied: u64,
    /// Events that had been applied before, ever.
    pub duplicates: u64,
    /// Events given up on, ever.
    pub dead_letters: u64,
}

impl ConsumerOffset {
    /// Nothing read yet.
    #[must_use]
    pub const fn start(partition: Partition) -> Self {
        Self {
            partition,
            next: 0,
            origin: 0,
            applied: 0,
            duplicates: 0,
            dead_letters: 0,
        }
    }
}

fn convert(row: &entity::Model) -> Result<ConsumerOffset, StoreError> {
    let topic = Topic::parse(&row.topic).ok_or_else(|| StoreError::Corrupt {
        column: "consumer_offsets.topic",
        value: row.topic.clone(),
    })?;
    let count = |value: i64| u64::try_from(value).unwrap_or(0);
    Ok(ConsumerOffset {
        partition: Partition {
            topic,
            number: row.partition,
        },
        next: row.next_position,
        origin: row.origin_position,
        applied: count(row.applied_count),
        duplicates: count(row.duplicate_count),
        dead_letters: count(row.dead_letter_count),
    })
}

impl Store {
    /// The newest position of our own facts; all before it are there to be read.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn newest_event_position(&self) -> Result<i64, StoreError> {
        Ok(newest_position(self.reader(), Topic::Events).await?)
    }

    /// When the oldest of our own facts of some types from a position on was appended; `None` when there
    /// is none.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_uncounted_since(
        &self,
        position: i64,
        types: &[&str],
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let found: Option<DateTime<Utc>> = event_log::Entity::find()
            .select_only()
            .column(event_log::Column::CreatedAt)
            .filter(event_log::Column::Topic.eq(Topic::Events.name()))
            .filter(event_log::Column::Position.gte(position))
            .filter(event_log::Column::EventType.is_in(types.iter().copied()))
            .order_by_asc(event_log::Column::Position)
            .limit(1)
            .into_tuple()
            .one(self.reader())
            .await?;
        Ok(found)
    }

    /// All partitions that `group` has read from.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_offsets(&self, group: &str) -> Result<Vec<ConsumerOffset>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::ConsumerGroup.eq(group))
            .all(self.reader())
            .await?;
        rows.iter().map(convert).collect()
    }
}

impl Tx {
    /// Moves a group on from `from` to `to`, with everything else in this transaction.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when somebody else moved it meanwhile: the partition has another
    /// reader now, and nothing of this transaction may be kept.
    pub async fn advance_offset(
        &mut self,
        group: &str,
        from: &ConsumerOffset,
        to: &ConsumerOffset,
    ) -> Result<(), StoreError> {
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let key = (to.partition.topic.name(), to.partition.number);
        if *from == ConsumerOffset::start(to.partition) {
            let row = entity::ActiveModel {
                consumer_group: Set(group.to_owned()),
                topic: Set(key.0.to_owned()),
                partition: Set(key.1),
                next_position: Set(0),
                origin_position: Set(0),
                applied_count: Set(0),
                duplicate_count: Set(0),
                dead_letter_count: Set(0),
                updated_at: Set(self.now()),
            };
            entity::Entity::insert(row)
                .on_conflict(OnConflict::new().do_nothing().to_owned())
                .exec_without_returning(self.on())
                .await?;
        }
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::NextPosition, Expr::value(to.next))
            .col_expr(entity::Column::OriginPosition, Expr::value(to.origin))
            .col_expr(
                entity::Column::AppliedCount,
                Expr::value(signed(to.applied)),
            )
            .col_expr(
                entity::Column::DuplicateCount,
                Expr::value(signed(to.duplicates)),
            )
            .col_expr(
                entity::Column::DeadLetterCount,
                Expr::value(signed(to.dead_letters)),
            )
            .col_expr(entity::Column::UpdatedAt, Expr::value(self.now()))
            .filter(entity::Column::ConsumerGroup.eq(group))
            .filter(entity::Column::Topic.eq(key.0))
            .filter(entity::Column::Partition.eq(key.1))
            .filter(entity::Column::NextPosition.eq(from.next))
            .exec(self.on())
            .await?;
        if done.rows_affected == 1 {
            Ok(())
        } else {
            Err(StoreError::Conflict("consumer_offsets"))
        }
    }
}
