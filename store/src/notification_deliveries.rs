//! What targets are told: written with the position of the event log that it follows from, tried
//! until somebody takes it or it is given up.

use std::collections::HashMap;

use aim_domain::id::{NotificationDeliveryId, NotificationTargetId, OrganizationId};
use aim_domain::notification::{Attempt, DeliveryStatus};
use aim_domain::scope::Scope;
use aim_entities::notification_delivery as entity;
use aim_eventlog::portions;
use chrono::{DateTime, Duration, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, SimpleExpr};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, Order, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// A delivery.
#[derive(Debug, Clone, PartialEq)]
pub struct NotificationDelivery {
    /// Its identity, the same for every attempt.
    pub id: NotificationDeliveryId,
    /// Whose.
    pub organization: OrganizationId,
    /// To whom.
    pub target: NotificationTargetId,
    /// Of what kind of event.
    pub event_type: String,
    /// No two of a target have the same.
    pub dedup_key: String,
    /// What is sent.
    pub payload: String,
    /// Since when it waits.
    pub created_at: DateTime<Utc>,
    /// When it is tried next; while it is tried, when another process may.
    pub next_attempt_at: DateTime<Utc>,
    /// Attempts so far.
    pub attempt_count: u32,
    /// How many there were at the last replay.
    pub replayed_at_count: u32,
    /// The last of them, oldest first.
    pub attempts: Vec<Attempt>,
    /// When nothing more was to be done.
    pub finished_at: Option<DateTime<Utc>>,
    /// Where it stands.
    pub status: DeliveryStatus,
}

fn convert(row: entity::Model) -> Result<NotificationDelivery, StoreError> {
    let count = |value: i32| u32::try_from(value).unwrap_or(0);
    Ok(NotificationDelivery {
        id: NotificationDeliveryId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        target: NotificationTargetId::from_uuid(row.target_id),
        event_type: row.event_type,
        dedup_key: row.dedup_key,
        payload: row.payload,
        created_at: row.created_at,
        next_attempt_at: row.next_attempt_at,
        attempt_count: count(row.attempt_count),
        replayed_at_count: count(row.replayed_at_count),
        attempts: code::from_json("notification_deliveries.attempts", row.attempts)?,
        finished_at: row.finished_at,
        status: code::parse("notification_deliveries.status", &row.status)?,
    })
}

fn row(new: &NotificationDelivery) -> entity::ActiveModel {
    let signed = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    entity::ActiveModel {
        id: Set(new.id.as_uuid()),
        organization_id: Set(new.organization.as_uuid()),
        target_id: Set(new.target.as_uuid()),
        event_type: Set(new.event_type.clone()),
        dedup_key: Set(new.dedup_key.clone()),
        payload: Set(new.payload.clone()),
        created_at: Set(new.created_at),
        next_attempt_at: Set(new.next_attempt_at),
        attempt_count: Set(signed(new.attempt_count)),
        replayed_at_count: Set(signed(new.replayed_at_count)),
        attempts: Set(code::json(&new.attempts)),
        finished_at: Set(new.finished_at),
        status: Set(code::text(&new.status)),
    }
}

/// Ids begin with their time: no delivery since `then` has a lesser one.
fn oldest_of(then: DateTime<Utc>) -> Uuid {
    let milliseconds = u128::try_from(then.timestamp_millis()).unwrap_or(0);
    Uuid::from_u128(milliseconds << 80)
}

fn due(now: DateTime<Utc>) -> SimpleExpr {
    let is_open = entity::Column::FinishedAt.is_null();
    is_open.and(entity::Column::NextAttemptAt.lte(now))
}

impl Store {
    /// A delivery of the scope's organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_notification_delivery(
        &self,
        scope: Scope,
        id: NotificationDeliveryId,
    ) -> Result<Option<NotificationDelivery>, StoreError> {
        let query = entity::Entity::find_by_id(id.as_uuid())
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// A page of what a target was told.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_notification_deliveries(
        &self,
        scope: Scope,
        target: NotificationTargetId,
        status: Option<DeliveryStatus>,
        page: PageRequest,
    ) -> Result<Page<NotificationDelivery>, StoreError> {
        let mut query = entity::Entity::find()
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(entity::Column::TargetId.eq(target.as_uuid()));
        if let Some(status) = status {
            query = query.filter(entity::Column::Status.eq(code::text(&status)));
        }
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }

    /// Targets for which something is due, but for `busy` ones: whoever waits longest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_due_targets(
        &self,
        busy: impl IntoIterator<Item = NotificationTargetId>,
        most: u64,
    ) -> Result<Vec<NotificationTargetId>, StoreError> {
        let busy = busy.into_iter().map(|id| id.as_uuid());
        let ids: Vec<Uuid> = entity::Entity::find()
            .select_only()
            .column(entity::Column::TargetId)
            .filter(due(self.now()))
            .filter(entity::Column::TargetId.is_not_in(busy))
            .group_by(entity::Column::TargetId)
            .order_by(entity::Column::NextAttemptAt.min(), Order::Asc)
            .limit(most)
            .into_tuple()
            .all(self.reader())
            .await?;
        Ok(ids
            .into_iter()
            .map(NotificationTargetId::from_uuid)
            .collect())
    }

    /// How much a target was told since `then`.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_deliveries_since(
        &self,
        target: NotificationTargetId,
        then: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let query = entity::Entity::find()
            .filter(entity::Column::TargetId.eq(target.as_uuid()))
            .filter(entity::Column::Id.gte(oldest_of(then)));
        Ok(query.count(self.reader()).await?)
    }

    /// How many deliveries wait for each of these targets; those for which none does are left out.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_pending_deliveries(
        &self,
        targets: impl IntoIterator<Item = NotificationTargetId>,
    ) -> Result<HashMap<NotificationTargetId, u64>, StoreError> {
        let targets = targets.into_iter().map(|id| id.as_uuid());
        let pending = code::text(&DeliveryStatus::Pending);
        let rows: Vec<(Uuid, i64)> = entity::Entity::find()
            .select_only()
            .column(entity::Column::TargetId)
            .column_as(entity::Column::Id.count(), "count")
            .filter(entity::Column::TargetId.is_in(targets))
            .filter(entity::Column::Status.eq(pending))
            .group_by(entity::Column::TargetId)
            .into_tuple()
            .all(self.reader())
            .await?;
        let count = |(id, count): (Uuid, i64)| {
            let id = NotificationTargetId::from_uuid(id);
            (id, u64::try_from(count).unwrap_or(0))
        };
        Ok(rows.into_iter().map(count).collect())
    }
}

impl Tx {
    /// Writes deliveries; those that their target has already are left out.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_notification_deliveries(
        &mut self,
        new: &[NotificationDelivery],
    ) -> Result<(), StoreError> {
        for chunk in portions(new) {
            let same = [entity::Column::TargetId, entity::Column::DedupKey];
            let same = OnConflict::columns(same).do_nothing().to_owned();
            entity::Entity::insert_many(chunk.iter().map(row))
                .on_conflict(same)
                .exec_without_returning(self.on())
                .await?;
        }
        Ok(())
    }

    /// Takes up to `most` due deliveries of a target for `lease`, so that nobody else tries them
    /// meanwhile. Each has its attempt counted: that number is what its outcome is written by.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn claim_notification_deliveries(
        &mut self,
        target: NotificationTargetId,
        most: u64,
        lease: Duration,
    ) -> Result<Vec<NotificationDelivery>, StoreError> {
        let now = self.now();
        let rows = entity::Entity::find()
            .filter(entity::Column::TargetId.eq(target.as_uuid()))
            .filter(due(now))
            .order_by_asc(entity::Column::NextAttemptAt)
            .order_by_asc(entity::Column::Id)
            .limit(most)
            .all(self.on())
            .await?;
        let mut claimed = Vec::new();
        for row in rows {
            let next = entity::Column::AttemptCount;
            let done = entity::Entity::update_many()
                .col_expr(entity::Column::NextAttemptAt, Expr::value(now + lease))
                .col_expr(next, Expr::col(next).add(1))
                .filter(entity::Column::Id.eq(row.id))
                .filter(next.eq(row.attempt_count))
                .filter(due(now))
                .exec(self.on())
                .await?;
            if done.rows_affected == 1 {
                let mut row = convert(row)?;
                row.attempt_count += 1;
                claimed.push(row);
            }
        }
        Ok(claimed)
    }

    /// Writes what became of an attempt. Only whoever made the last one may; false for others.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn note_attempt(&mut self, after: &NotificationDelivery) -> Result<bool, StoreError> {
        let attempts = code::json(&after.attempts);
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::Attempts, Expr::value(attempts))
            .col_expr(
                entity::Column::NextAttemptAt,
                Expr::value(after.next_attempt_at),
            )
            .col_expr(entity::Column::FinishedAt, Expr::value(after.finished_at))
            .col_expr(
                entity::Column::Status,
                Expr::value(code::text(&after.status)),
            )
            .filter(entity::Column::Id.eq(after.id.as_uuid()))
            .filter(entity::Column::AttemptCount.eq(after.attempt_count))
            .filter(entity::Column::FinishedAt.is_null())
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Makes a finished delivery due again; false when it is not finished.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn replay_notification_delivery(
        &mut self,
        id: NotificationDeliveryId,
    ) -> Result<bool, StoreError> {
        let never: Option<DateTime<Utc>> = None;
        let pending = code::text(&DeliveryStatus::Pending);
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::FinishedAt, Expr::value(never))
            .col_expr(entity::Column::NextAttemptAt, Expr::value(self.now()))
            .col_expr(entity::Column::Status, Expr::value(pending))
            .col_expr(
                entity::Column::ReplayedAtCount,
                Expr::col(entity::Column::AttemptCount),
            )
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .filter(entity::Column::FinishedAt.is_not_null())
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Gives up whatever waits for a target.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn give_up_deliveries(
        &mut self,
        target: NotificationTargetId,
    ) -> Result<(), StoreError> {
        let dead = code::text(&DeliveryStatus::Dead);
        entity::Entity::update_many()
            .col_expr(entity::Column::FinishedAt, Expr::value(self.now()))
            .col_expr(entity::Column::Status, Expr::value(dead))
            .filter(entity::Column::TargetId.eq(target.as_uuid()))
            .filter(entity::Column::FinishedAt.is_null())
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Deletes whatever a target was told.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_deliveries_of(
        &mut self,
        target: NotificationTargetId,
    ) -> Result<(), StoreError> {
        entity::Entity::delete_many()
            .filter(entity::Column::TargetId.eq(target.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Forgets deliveries that were finished before `then`.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_finished_deliveries(
        &mut self,
        then: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let done = entity::Entity::delete_many()
            .filter(entity::Column::FinishedAt.lt(then))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected)
    }
}
