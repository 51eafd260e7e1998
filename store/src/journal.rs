//! What profiles have learned since they were written, as opaque bytes.
//!
//! A row holds the steps of one batch of a partition for those agents whose profiles were not
//! written with the batch. A profile says how many steps of its agent it includes.

use aim_entities::profile_journal as entity;
use aim_eventlog::Partition;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{Store, StoreError, Tx};

/// Rows that are read at once: a row has up to half a megabyte.
const CHUNK: u64 = 16;

/// The steps of one batch of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// Of which partition.
    pub partition: Partition,
    /// The position after the batch.
    pub sequence: i64,
    /// The steps, encoded by their writer.
    pub steps: Vec<u8>,
}

impl Store {
    /// The next rows of a partition after `sequence`, in order; none when there are no more.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn read_journal(
        &self,
        partition: Partition,
        sequence: i64,
    ) -> Result<Vec<JournalRow>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::Topic.eq(partition.topic.name()))
            .filter(entity::Column::Partition.eq(partition.number))
            .filter(entity::Column::Sequence.gt(sequence))
            .order_by_asc(entity::Column::Sequence)
            .limit(CHUNK)
            .all(self.reader())
            .await?;
        let convert = |row: entity::Model| JournalRow {
            partition,
            sequence: row.sequence,
            steps: row.steps,
        };
        Ok(rows.into_iter().map(convert).collect())
    }
}

impl Tx {
    /// Adds a row.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn append_journal(&mut self, row: JournalRow) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            topic: Set(row.partition.topic.name().to_owned()),
            partition: Set(row.partition.number),
            sequence: Set(row.sequence),
            steps: Set(row.steps),
            created_at: Set(self.now()),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Forgets the rows of a partition before `sequence`: every profile includes them.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn trim_journal(
        &mut self,
        partition: Partition,
        sequence: i64,
    ) -> Result<(), StoreError> {
        entity::Entity::delete_many()
            .filter(entity::Column::Topic.eq(partition.topic.name()))
            .filter(entity::Column::Partition.eq(partition.number))
            .filter(entity::Column::Sequence.lt(sequence))
            .exec(self.on())
            .await?;
        Ok(())
    }
}
