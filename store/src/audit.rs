//! The audit trail.

use aim_domain::audit::{AuditField, Hash};
use aim_domain::id::{AgentId, AuditEntryId, OrganizationId};
use aim_domain::scope::Scope;
use aim_entities::audit_entry as entity;
use aim_eventlog::portions;
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, Select,
};
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
    /// Its place in the log; none for about a second.
    pub leaf: Option<AuditLeaf>,
}

/// Where an entry stands in its organization's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLeaf {
    /// Its index.
    pub index: u64,
    /// Its hash in the tree.
    pub hash: Hash,
    /// The fields whose values are gone.
    pub erased: Vec<AuditField>,
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
    /// On this kind of object.
    pub object_type: Option<String>,
    /// By or on this agent.
    pub agent: Option<AgentId>,
    /// Of this request.
    pub request_id: Option<String>,
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub until: Option<DateTime<Utc>>,
}

pub(crate) async fn insert<C: ConnectionTrait>(
    on: &C,
    entries: &[NewAuditEntry],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    for chunk in portions(entries) {
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
            position: NotSet,
        });
        entity::Entity::insert_many(rows)
            .exec_without_returning(on)
            .await?;
    }
    Ok(())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "pages convert rows that can be corrupt"
)]
pub(crate) fn convert(row: entity::Model) -> Result<AuditEntry, StoreError> {
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
        leaf: None,
    })
}

/// The rows that a filter lets through.
fn filtered(scope: Scope, filter: &AuditFilter) -> Select<entity::Entity> {
    use entity::Column as C;
    let mut query =
        entity::Entity::find().filter(C::OrganizationId.eq(scope.organization.as_uuid()));
    for (column, value) in [
        (C::ActorId, &filter.actor_id),
        (C::Action, &filter.action),
        (C::ObjectId, &filter.object_id),
        (C::ObjectType, &filter.object_type),
        (C::RequestId, &filter.request_id),
    ] {
        if let Some(value) = value {
            query = query.filter(column.eq(value));
        }
    }
    if let Some(agent) = filter.agent {
        let of = |kind: C, id: C| {
            Condition::all()
                .add(kind.eq("agent"))
                .add(id.eq(agent.to_string()))
        };
        let by = of(C::ActorType, C::ActorId);
        let on = of(C::ObjectType, C::ObjectId);
        query = query.filter(Condition::any().add(by).add(on));
    }
    if let Some(from) = filter.from {
        query = query.filter(C::CreatedAt.gte(from));
    }
    if let Some(until) = filter.until {
        query = query.filter(C::CreatedAt.lt(until));
    }
    query
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
        let query = filtered(scope, filter);
        let mut found =
            page::fetch(self.reader(), query, entity::Column::Id, page, convert).await?;
        self.place(&mut found.items).await?;
        Ok(found)
    }

    /// An entry.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_audit_entry(
        &self,
        scope: Scope,
        id: AuditEntryId,
    ) -> Result<Option<AuditEntry>, StoreError> {
        let query = filtered(scope, &AuditFilter::default());
        let found = query
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .one(self.reader())
            .await?;
        let mut found: Vec<_> = found.into_iter().map(convert).collect::<Result<_, _>>()?;
        self.place(&mut found).await?;
        Ok(found.pop())
    }

    /// Says where entries stand in the log.
    async fn place(&self, entries: &mut [AuditEntry]) -> Result<(), StoreError> {
        let ids: Vec<_> = entries.iter().map(|it| it.id).collect();
        let mut leaves = self.load_audit_leaves(&ids).await?;
        for entry in entries {
            entry.leaf = leaves.remove(&entry.id);
        }
        Ok(())
    }
}
