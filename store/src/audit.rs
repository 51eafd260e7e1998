//! The audit trail.

use aim_domain::id::{AuditEntryId, OrganizationId};
use aim_domain::scope::Scope;
use aim_entities::audit_entry as entity;
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde_json::Value;

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError};

/// An entry to write.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAuditEntry {
    /// Its identity.
    pub id: AuditEntryId,
    /// Whose trail.
    pub organization: OrganizationId,
    /// `user`, `agent` or `system`.
    pub actor_type: &'static str,
    /// Who.
    pub actor_id: String,
    /// What, in dotted words such as `agent.suspend`.
    pub action: &'static str,
    /// To what kind of object.
    pub object_type: &'static str,
    /// To which object.
    pub object_id: String,
    /// Why.
    pub reason: Option<String>,
    /// What it was.
    pub before: Option<Value>,
    /// What it is.
    pub after: Option<Value>,
    /// The request it was part of.
    pub request_id: String,
}

/// An entry as kept.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// Its identity.
    pub id: AuditEntryId,
    /// `user`, `agent` or `system`.
    pub actor_type: String,
    /// Who.
    pub actor_id: String,
    /// What.
    pub action: String,
    /// To what kind of object.
    pub object_type: String,
    /// To which object.
    pub object_id: String,
    /// Why.
    pub reason: Option<String>,
    /// What it was.
    pub before: Option<Value>,
    /// What it is.
    pub after: Option<Value>,
    /// The request it was part of.
    pub request_id: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// Which entries.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// By this actor.
    pub actor_id: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// On this object.
    pub object_id: Option<String>,
}

/// Rows of one statement: columns × rows stay below SQLite's 32,766 parameters.
const CHUNK: usize = 2_000;

pub(crate) async fn insert<C: ConnectionTrait>(
    on: &C,
    entries: &[NewAuditEntry],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    for chunk in entries.chunks(CHUNK) {
        let rows = chunk.iter().map(|entry| entity::ActiveModel {
            id: Set(entry.id.as_uuid()),
            organization_id: Set(entry.organization.as_uuid()),
            actor_type: Set(entry.actor_type.to_owned()),
            actor_id: Set(entry.actor_id.clone()),
            action: Set(entry.action.to_owned()),
            object_type: Set(entry.object_type.to_owned()),
            object_id: Set(entry.object_id.clone()),
            reason: Set(entry.reason.clone()),
            before: Set(entry.before.clone()),
            after: Set(entry.after.clone()),
            request_id: Set(entry.request_id.clone()),
            created_at: Set(now),
        });
        entity::Entity::insert_many(rows)
            .exec_without_returning(on)
            .await?;
    }
    Ok(())
}

fn convert(row: entity::Model) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        id: AuditEntryId::from_uuid(row.id),
        actor_type: row.actor_type,
        actor_id: row.actor_id,
        action: row.action,
        object_type: row.object_type,
        object_id: row.object_id,
        reason: row.reason,
        before: row.before,
        after: row.after,
        request_id: row.request_id,
        created_at: row.created_at,
    })
}

impl Store {
    /// A page of the trail.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_audit(
        &self,
        scope: Scope,
        filter: &AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditEntry>, StoreError> {
        let mut query = entity::Entity::find()
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()));
        for (column, value) in [
            (entity::Column::ActorId, &filter.actor_id),
            (entity::Column::Action, &filter.action),
            (entity::Column::ObjectId, &filter.object_id),
        ] {
            if let Some(value) = value {
                query = query.filter(column.eq(value));
            }
        }
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }
}
