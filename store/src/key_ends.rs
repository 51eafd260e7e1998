//! Keys that are about to end, and agents that have none left: what the keeper of keys looks for.

use aim_domain::agent::AgentStatus;
use aim_domain::id::{AgentId, AgentKeyId, OrganizationId};
use aim_entities::{agent, agent_key as entity};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Alias, Condition, Expr, ExprTrait, Func, Query, SelectStatement};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{Store, StoreError, Tx, code};

/// A key behind which no other of its agent lasts longer.
#[derive(Debug, Clone, Copy)]
pub struct EndingKey {
    /// Which.
    pub key: AgentKeyId,
    /// Whose.
    pub agent: AgentId,
    /// Whose the agent is.
    pub organization: OrganizationId,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
    /// The reminder that was given last, in days before the end.
    pub reminded_days: Option<u16>,
}

/// An agent that seems to have no live key.
#[derive(Debug, Clone, Copy)]
pub struct KeylessAgent {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Which.
    pub agent: AgentId,
    /// When its last key ended.
    pub since: DateTime<Utc>,
}

/// Keys of the row's agent, under another name, that are not revoked.
fn others(agent: impl Into<Expr>) -> SelectStatement {
    let other = Alias::new("other");
    let mut keys = Query::select();
    keys.expr(Expr::value(1))
        .from_as(entity::Entity, other.clone())
        .and_where(Expr::col((other.clone(), entity::Column::AgentId)).eq(agent))
        .and_where(Expr::col((other, entity::Column::RevokedAt)).is_null());
    keys
}

/// Whether the key under that name has no end, or one behind `end`.
fn lasts(end: impl Into<Expr>) -> Expr {
    let column = || Expr::col((Alias::new("other"), entity::Column::ExpiresAt));
    column().is_null().or(column().gt(end))
}

/// Later than any end: of a key that has none.
fn never() -> DateTime<Utc> {
    // The year 9999, the last that both databases order rightly.
    DateTime::from_timestamp(253_370_764_800, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Agents that may act and have no live key.
fn keyless(now: DateTime<Utc>) -> Condition {
    let mut live = others(Expr::col((agent::Entity, agent::Column::Id)));
    live.and_where(lasts(Expr::value(now)));
    Condition::all()
        .add(agent::Column::Status.eq(code::text(&AgentStatus::Verified)))
        .add(Expr::exists(live).not())
}

impl Store {
    /// Keys that end between now and `until`, have no successor and were not reminded of `days` before
    /// their end or later; behind the key of the page before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_ending_keys(
        &self,
        until: DateTime<Utc>,
        days: u16,
        after: Option<AgentKeyId>,
        limit: u64,
    ) -> Result<Vec<EndingKey>, StoreError> {
        use entity::Column as C;
        let own = |column: C| Expr::col((entity::Entity, column));
        let mut successors = others(own(C::AgentId));
        successors.and_where(lasts(own(C::ExpiresAt)));
        let mut query = entity::Entity::find()
            .filter(C::RevokedAt.is_null())
            .filter(C::ExpiresAt.gt(self.now()))
            .filter(C::ExpiresAt.lte(until))
            .filter(
                own(C::RemindedDays)
                    .is_null()
                    .or(own(C::RemindedDays).gt(i32::from(days))),
            )
            .filter(Expr::exists(successors).not());
        if let Some(after) = after {
            query = query.filter(C::Id.gt(after.as_uuid()));
        }
        let rows = query.order_by_asc(C::Id).limit(limit);
        let rows = rows.all(self.reader()).await?.into_iter();
        let ending = rows.filter_map(|row| {
            Some(EndingKey {
                key: AgentKeyId::from_uuid(row.id),
                agent: AgentId::from_uuid(row.agent_id),
                organization: OrganizationId::from_uuid(row.organization_id),
                expires_at: row.expires_at?,
                reminded_days: row.reminded_days.and_then(|days| u16::try_from(days).ok()),
            })
        });
        Ok(ending.collect())
    }

    /// Agents that may act, whose last key has ended as far as is noted beside them, in the order of
    /// those ends; behind the agent of the page before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_keyless_agents(
        &self,
        after: Option<&KeylessAgent>,
        limit: u64,
    ) -> Result<Vec<KeylessAgent>, StoreError> {
        use agent::Column as C;
        // By an index, in its order: the column is never later than the truth, and whoever is suspended
        // is looked at again. An anti join with all keys reads all agents, each time.
        let may_act = code::text(&AgentStatus::Verified);
        let mut query = agent::Entity::find()
            .filter(C::Status.eq(may_act))
            .filter(C::KeysEndAt.lte(self.now()));
        if let Some(after) = after {
            let same = C::KeysEndAt.eq(after.since);
            let behind = same.and(C::Id.gt(after.agent.as_uuid()));
            let behind = Condition::any()
                .add(behind)
                .add(C::KeysEndAt.gt(after.since));
            query = query.filter(C::KeysEndAt.gte(after.since)).filter(behind);
        }
        let rows = query.order_by_asc(C::KeysEndAt).order_by_asc(C::Id);
        let rows = rows.limit(limit).all(self.reader()).await?.into_iter();
        let agents = rows.map(|row| KeylessAgent {
            organization: OrganizationId::from_uuid(row.organization_id),
            agent: AgentId::from_uuid(row.id),
            since: row.keys_end_at,
        });
        Ok(agents.collect())
    }
}

impl Tx {
    /// Keeps when an agent's last key ends, beside the agent, after its keys were changed.
    pub(crate) async fn note_key_end(&mut self, id: AgentId) -> Result<(), StoreError> {
        let end = Expr::col(entity::Column::ExpiresAt);
        let end = Func::max(Func::coalesce([end, Expr::value(never())]));
        let mut last = Query::select();
        last.expr(end)
            .from(entity::Entity)
            .and_where(entity::Column::AgentId.eq(id.as_uuid()))
            .and_where(entity::Column::RevokedAt.is_null());
        let last = Expr::SubQuery(None, Box::new(last.into()));
        // None is left: it ends here.
        let last = Func::coalesce([last, Expr::value(self.now())]);
        agent::Entity::update_many()
            .col_expr(agent::Column::KeysEndAt, last.into())
            .filter(agent::Column::Id.eq(id.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Notes that a reminder was given; false when it, or a later one, was given before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn mark_reminded(&mut self, key: AgentKeyId, days: u16) -> Result<bool, StoreError> {
        use entity::Column as C;
        let days = i32::from(days);
        let done = entity::Entity::update_many()
            .col_expr(C::RemindedDays, Expr::value(days))
            .filter(C::Id.eq(key.as_uuid()))
            .filter(C::RemindedDays.is_null().or(C::RemindedDays.gt(days)))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Suspends an agent that still may act and still has no live key; false otherwise.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn suspend_keyless(&mut self, id: AgentId, reason: &str) -> Result<bool, StoreError> {
        use agent::Column as C;
        let suspended = code::text(&AgentStatus::Suspended);
        let done = agent::Entity::update_many()
            .col_expr(C::Status, Expr::value(suspended))
            .col_expr(C::StatusReason, Expr::value(reason))
            .col_expr(C::StatusChangedAt, Expr::value(self.now()))
            .col_expr(C::StatusChangedBy, Expr::value("system"))
            .col_expr(C::UpdatedAt, Expr::value(self.now()))
            .filter(C::Id.eq(id.as_uuid()))
            .filter(keyless(self.now()))
            .exec(self.on())
            .await?;
        if done.rows_affected == 0 {
            // An older process brought a key and noted nothing.
            self.note_key_end(id).await?;
        }
        Ok(done.rows_affected == 1)
    }
}
