//! Where systems and people outside are told of events.

use aim_domain::anomaly::Severity;
use aim_domain::id::{NotificationTargetId, OrganizationId};
use aim_domain::notification::TargetKind;
use aim_domain::scope::Scope;
use aim_entities::notification_target as entity;
use aim_eventlog::{Topic, newest_position};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, Select,
    sea_query::Expr,
};
use uuid::Uuid;

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// A target.
#[derive(Clone, PartialEq)]
pub struct NotificationTarget {
    /// Its identity.
    pub id: NotificationTargetId,
    /// Whose.
    pub organization: OrganizationId,
    /// What it is.
    pub kind: TargetKind,
    /// What a person calls it, once in an organization.
    pub name: String,
    /// Where it is, as lists show it.
    pub address: String,
    /// Where it is, sealed, when that is a secret itself.
    pub sealed_address: Option<Vec<u8>>,
    /// The events it is told of.
    pub event_types: Vec<String>,
    /// Of alerts, only those as bad.
    pub least_severity: Option<Severity>,
    /// What requests are signed with, sealed.
    pub sealed_secret: Option<Vec<u8>>,
    /// The secret before, sealed, while it is used beside.
    pub previous_secret: Option<Vec<u8>>,
    /// Until when that is.
    pub previous_until: Option<DateTime<Utc>>,
    /// When the secret was last replaced.
    pub secret_rotated_at: Option<DateTime<Utc>>,
    /// By whom it was made, as `user:<id>`.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Since when it is told of nothing.
    pub disabled_at: Option<DateTime<Utc>>,
    /// Why.
    pub disabled_reason: Option<String>,
    /// Since when every attempt failed.
    pub failing_since: Option<DateTime<Utc>>,
    /// When it last took something, to within a minute.
    pub last_success_at: Option<DateTime<Utc>>,
    /// It is told of events behind this position of the log.
    pub since_position: i64,
}

impl std::fmt::Debug for NotificationTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NotificationTarget")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

fn convert(row: entity::Model) -> Result<NotificationTarget, StoreError> {
    let least = row.least_severity.as_deref();
    let least = least.map(|it| code::parse("notification_targets.least_severity", it));
    Ok(NotificationTarget {
        id: NotificationTargetId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        kind: code::parse("notification_targets.kind", &row.kind)?,
        name: row.name,
        address: row.address,
        sealed_address: row.sealed_address,
        event_types: code::from_json("notification_targets.event_types", row.event_types)?,
        least_severity: least.transpose()?,
        sealed_secret: row.sealed_secret,
        previous_secret: row.previous_secret,
        previous_until: row.previous_until,
        secret_rotated_at: row.secret_rotated_at,
        created_by: row.created_by,
        created_at: row.created_at,
        disabled_at: row.disabled_at,
        disabled_reason: row.disabled_reason,
        failing_since: row.failing_since,
        last_success_at: row.last_success_at,
        since_position: row.since_position,
    })
}

fn row(target: &NotificationTarget) -> entity::ActiveModel {
    entity::ActiveModel {
        id: Set(target.id.as_uuid()),
        organization_id: Set(target.organization.as_uuid()),
        kind: Set(code::text(&target.kind)),
        name: Set(target.name.clone()),
        address: Set(target.address.clone()),
        sealed_address: Set(target.sealed_address.clone()),
        event_types: Set(code::json(&target.event_types)),
        least_severity: Set(target.least_severity.as_ref().map(code::text)),
        sealed_secret: Set(target.sealed_secret.clone()),
        previous_secret: Set(target.previous_secret.clone()),
        previous_until: Set(target.previous_until),
        secret_rotated_at: Set(target.secret_rotated_at),
        created_by: Set(target.created_by.clone()),
        created_at: Set(target.created_at),
        disabled_at: Set(target.disabled_at),
        disabled_reason: Set(target.disabled_reason.clone()),
        failing_since: Set(target.failing_since),
        last_success_at: Set(target.last_success_at),
        since_position: Set(target.since_position),
    }
}

fn of(scope: Scope) -> Select<entity::Entity> {
    entity::Entity::find().filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
}

impl Store {
    /// A target of the scope's organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_notification_target(
        &self,
        scope: Scope,
        id: NotificationTargetId,
    ) -> Result<Option<NotificationTarget>, StoreError> {
        let query = of(scope).filter(entity::Column::Id.eq(id.as_uuid()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// A page of targets.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_notification_targets(
        &self,
        scope: Scope,
        kind: Option<TargetKind>,
        page: PageRequest,
    ) -> Result<Page<NotificationTarget>, StoreError> {
        let mut query = of(scope);
        if let Some(kind) = kind {
            query = query.filter(entity::Column::Kind.eq(code::text(&kind)));
        }
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }

    /// All targets that are told of events, of every organization: for the job that writes deliveries.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_active_targets(&self) -> Result<Vec<NotificationTarget>, StoreError> {
        let query = entity::Entity::find().filter(entity::Column::DisabledAt.is_null());
        let rows = query.all(self.reader()).await?;
        rows.into_iter().map(convert).collect()
    }

    /// A target, whoever has it: for the job that sends.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_target(
        &self,
        id: NotificationTargetId,
    ) -> Result<Option<NotificationTarget>, StoreError> {
        let query = entity::Entity::find_by_id(id.as_uuid());
        query.one(self.reader()).await?.map(convert).transpose()
    }
}

impl Tx {
    /// The newest position of our own facts, as this transaction sees the log.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn newest_event_position(&self) -> Result<i64, StoreError> {
        Ok(newest_position(self.on(), Topic::Events).await?)
    }

    /// How many targets an organization has.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_notification_targets(&self, scope: Scope) -> Result<u64, StoreError> {
        Ok(of(scope).count(self.on()).await?)
    }

    /// Writes a new target.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when the name is taken.
    pub async fn insert_notification_target(
        &mut self,
        new: &NotificationTarget,
    ) -> Result<(), StoreError> {
        let insert = entity::Entity::insert(row(new));
        insert.exec_without_returning(self.on()).await?;
        Ok(())
    }

    /// Writes what a person may change of a target: all but its health. False when it is gone.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when the name is taken.
    pub async fn update_notification_target(
        &mut self,
        after: &NotificationTarget,
    ) -> Result<bool, StoreError> {
        let mut changed = row(after);
        changed.last_success_at = NotSet;
        changed.failing_since = NotSet;
        let done = entity::Entity::update_many()
            .set(changed)
            .filter(entity::Column::Id.eq(after.id.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Shuts a target off by itself, if it is not already.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn disable_notification_target(
        &mut self,
        id: NotificationTargetId,
        reason: &str,
    ) -> Result<bool, StoreError> {
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::DisabledAt, Expr::value(self.now()))
            .col_expr(entity::Column::DisabledReason, Expr::value(reason))
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .filter(entity::Column::DisabledAt.is_null())
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Forgets that a target failed.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn clear_target_failure(
        &mut self,
        id: NotificationTargetId,
    ) -> Result<(), StoreError> {
        let never: Option<DateTime<Utc>> = None;
        entity::Entity::update_many()
            .col_expr(entity::Column::FailingSince, Expr::value(never))
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Notes that a target took something.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn note_target_success(
        &mut self,
        id: NotificationTargetId,
    ) -> Result<(), StoreError> {
        let never: Option<DateTime<Utc>> = None;
        entity::Entity::update_many()
            .col_expr(entity::Column::LastSuccessAt, Expr::value(self.now()))
            .col_expr(entity::Column::FailingSince, Expr::value(never))
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Notes since when a target fails, unless that is noted already.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn note_target_failure(
        &mut self,
        id: NotificationTargetId,
        since: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        entity::Entity::update_many()
            .col_expr(entity::Column::FailingSince, Expr::value(since))
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .filter(entity::Column::FailingSince.is_null())
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Deletes a target; false when it is gone already.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_notification_target(&mut self, id: Uuid) -> Result<bool, StoreError> {
        let done = entity::Entity::delete_by_id(id).exec(self.on()).await?;
        Ok(done.rows_affected == 1)
    }
}
