//! Following our own facts, for caches and subscriptions.

use std::time::Duration;

use aim_domain::id::OrganizationId;
use aim_entities::event_log as entity;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use tokio::time::Instant;

use crate::wake::{IDLE_POLL, Listener};
use crate::{EventLogError, Topic, Wake, newest_position};

/// Least time between two reads that bring something: a fact after a pause is read at once, a flood
/// in batches that leave the database to the writers.
const PACE: Duration = Duration::from_millis(5);

/// A fact with its position, which is also its cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailedEvent {
    /// Where it stands.
    pub position: i64,
    /// Whose it is.
    pub organization: Option<OrganizationId>,
    /// CloudEvents `type`.
    pub event_type: String,
    /// The envelope.
    pub payload: Bytes,
    /// When it was appended.
    pub recorded_at: DateTime<Utc>,
}

/// Facts of some types, oldest first, behind `after` and not behind `upto`, at most `max`.
///
/// # Errors
/// [`EventLogError`] when the database cannot be asked.
pub async fn read_types<'a>(
    db: &DatabaseConnection,
    types: impl IntoIterator<Item = &'a str> + Send,
    (after, upto): (i64, i64),
    max: u64,
) -> Result<Vec<TailedEvent>, EventLogError> {
    let rows = entity::Entity::find()
        .filter(entity::Column::Topic.eq(Topic::Events.name()))
        .filter(entity::Column::Position.gt(after))
        .filter(entity::Column::Position.lte(upto))
        .filter(entity::Column::EventType.is_in(types))
        .order_by_asc(entity::Column::Position)
        .limit(max)
        .all(db)
        .await?;
    Ok(rows.into_iter().map(tailed).collect())
}

fn tailed(row: entity::Model) -> TailedEvent {
    TailedEvent {
        position: row.position,
        organization: row.organization_id.map(OrganizationId::from_uuid),
        event_type: row.event_type,
        payload: Bytes::from(row.payload),
        recorded_at: row.created_at,
    }
}

/// A reader of [`Topic::Events`] in order of commits.
#[derive(Debug)]
pub struct TableTail {
    db: DatabaseConnection,
    listener: Listener,
    position: i64,
    next_read: Instant,
}

impl TableTail {
    /// A reader of everything after `position`.
    #[must_use]
    pub fn after(db: DatabaseConnection, wake: &Wake, position: i64) -> Self {
        Self {
            db,
            listener: wake.listen(),
            position,
            next_read: Instant::now(),
        }
    }

    /// A reader of everything that is not there yet.
    ///
    /// # Errors
    /// [`EventLogError`] when the database cannot be asked.
    pub async fn from_now(db: DatabaseConnection, wake: &Wake) -> Result<Self, EventLogError> {
        let position = newest_position(&db, Topic::Events).await?;
        Ok(Self::after(db, wake, position))
    }

    /// The position of the last fact given out.
    #[must_use]
    pub const fn position(&self) -> i64 {
        self.position
    }

    /// What follows, at most `max`, without waiting.
    ///
    /// # Errors
    /// [`EventLogError`] when the database cannot be asked; asking again is safe.
    pub async fn read(&mut self, max: u64) -> Result<Vec<TailedEvent>, EventLogError> {
        let mut query = entity::Entity::find()
            .filter(entity::Column::Topic.eq(Topic::Events.name()))
            .filter(entity::Column::Position.gt(self.position))
            .order_by_asc(entity::Column::Position)
            .build(self.db.get_database_backend());
        // Not bound: SQLite would prepare the statement anew each time, because its plan depends on
        // the number.
        query.sql.push_str(&format!(" LIMIT {max}"));
        let rows = entity::Entity::find().from_raw_sql(query);
        let rows = rows.all(&self.db).await?;
        if let Some(last) = rows.last() {
            self.position = last.position;
        }
        Ok(rows.into_iter().map(tailed).collect())
    }

    /// What follows, at most `max`; waits until there is something.
    ///
    /// # Errors
    /// [`EventLogError`] when the database cannot be asked; asking again is safe.
    pub async fn next(&mut self, max: u64) -> Result<Vec<TailedEvent>, EventLogError> {
        loop {
            tokio::time::sleep_until(self.next_read).await;
            self.listener.heed();
            let batch = self.read(max).await?;
            if !batch.is_empty() {
                self.next_read = Instant::now() + PACE;
                return Ok(batch);
            }
            self.listener.wait(IDLE_POLL).await;
        }
    }
}
