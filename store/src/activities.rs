//! Actions as applied by the stream, once per event: the memory that makes redelivery harmless.

use std::collections::HashSet;

use aim_domain::action::ObservedAction;
use aim_domain::id::EventId;
use aim_domain::scope::Scope;
use aim_entities::activity as entity;
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, PaginatorTrait,
    QueryFilter, QuerySelect, sea_query::OnConflict,
};

use crate::{Backend, Store, StoreError, Tx, unnest};

/// Rows of one statement: 11 columns × rows stay below SQLite's 32,766 parameters.
const CHUNK: usize = 2_500;

impl Store {
    /// Which of these events were applied before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_applied(&self, events: &[EventId]) -> Result<HashSet<EventId>, StoreError> {
        let mut applied = HashSet::new();
        for chunk in events.chunks(10_000) {
            if self.backend() == Backend::Postgres {
                let ids = unnest::find_applied(self.reader(), chunk).await?;
                applied.extend(ids.into_iter().map(EventId::from_uuid));
                continue;
            }
            let ids: Vec<uuid::Uuid> = entity::Entity::find()
                .select_only()
                .column(entity::Column::EventId)
                .filter(entity::Column::EventId.is_in(chunk.iter().map(EventId::as_uuid)))
                .into_tuple()
                .all(self.reader())
                .await?;
            applied.extend(ids.into_iter().map(EventId::from_uuid));
        }
        Ok(applied)
    }

    /// How many events were applied for the scope's organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_activities(&self, scope: Scope) -> Result<u64, StoreError> {
        Ok(entity::Entity::find()
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .count(self.reader())
            .await?)
    }
}

impl Tx {
    /// Writes actions.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when one was applied meanwhile by another process; nothing of the
    /// transaction may be kept then.
    pub async fn insert_activities(
        &mut self,
        actions: &[Box<ObservedAction>],
    ) -> Result<(), StoreError> {
        for chunk in actions.chunks(CHUNK) {
            let now = self.now();
            let written = match self.on().get_database_backend() {
                DbBackend::Postgres => unnest::insert_activities(self.on(), chunk, now).await?,
                _ => insert_rows(self.on(), chunk, now).await?,
            };
            if written != chunk.len() as u64 {
                return Err(StoreError::Conflict("activities"));
            }
        }
        Ok(())
    }
}

/// An empty one is none.
fn label(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

async fn insert_rows(
    on: &impl ConnectionTrait,
    actions: &[Box<ObservedAction>],
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let rows = actions.iter().map(|action| entity::ActiveModel {
        event_id: Set(action.event.as_uuid()),
        organization_id: Set(action.organization.as_uuid()),
        agent_id: Set(action.agent.as_uuid()),
        action: Set(action.action.as_str().to_owned()),
        resource: Set(action.resource.as_ref().map(|r| r.as_str().to_owned())),
        outcome: Set(action.outcome.name().to_owned()),
        is_write: Set(action.class.is_write),
        session: Set(label(action.session.as_deref())),
        task: Set(label(action.task.as_deref())),
        event_time: Set(action.time),
        created_at: Set(now),
    });
    let conflict = OnConflict::column(entity::Column::EventId)
        .do_nothing()
        .to_owned();
    Ok(entity::Entity::insert_many(rows)
        .on_conflict(conflict)
        .exec_without_returning(on)
        .await?)
}
