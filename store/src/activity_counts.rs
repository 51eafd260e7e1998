//! Counts of what happened: added to, summed up, and thrown away when they are to be counted anew.

use std::collections::{HashMap, HashSet};

use aim_domain::analytics::{Counts, Grain, LatencyKind};
use aim_domain::id::{AgentId, OrganizationId};
use aim_domain::scope::Scope;
use aim_entities::{
    action_count as action, activity_count as entity, consumer_offset as offset,
    latency_count as latency,
};
use aim_eventlog::portions;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, IntoIden, OnConflict, SimpleExpr};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, IdenStatic, Iterable, Order, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::{Store, StoreError, Tx, code};

/// A bucket of an organization.
pub type Bucket = (OrganizationId, Grain, DateTime<Utc>);

/// What is added to one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivityCounts {
    /// Whose.
    pub organization: OrganizationId,
    /// Of which agent; `None` is of all together.
    pub agent: Option<AgentId>,
    /// How long the bucket is.
    pub grain: Grain,
    /// When it begins.
    pub start: DateTime<Utc>,
    /// What happened.
    pub counts: Counts,
}

/// How often an action was asked for in a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionCounts {
    /// Whose.
    pub organization: OrganizationId,
    /// When the day begins, by UTC.
    pub start: DateTime<Utc>,
    /// The action.
    pub action: String,
    /// How often.
    pub total: u64,
    /// How often it was denied.
    pub denied: u64,
}

/// How many things took about as long in a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatencyCounts {
    /// Whose.
    pub organization: OrganizationId,
    /// When the day begins, by UTC.
    pub start: DateTime<Utc>,
    /// What took time.
    pub kind: LatencyKind,
    /// Between which bounds, by the index of the upper one.
    pub place: usize,
    /// How many.
    pub count: u64,
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

fn agent_column(agent: Option<AgentId>) -> Uuid {
    agent.map_or(Uuid::nil(), |it| it.as_uuid())
}

fn row(new: &ActivityCounts) -> entity::ActiveModel {
    let counts = &new.counts;
    entity::ActiveModel {
        organization_id: Set(new.organization.as_uuid()),
        agent_id: Set(agent_column(new.agent)),
        grain: Set(code::text(&new.grain)),
        bucket_start: Set(new.start),
        total: Set(signed(counts.total())),
        allowed: Set(signed(counts.allowed)),
        denied: Set(signed(counts.denied)),
        pending: Set(signed(counts.pending)),
        approved: Set(signed(counts.approved)),
        refused: Set(signed(counts.refused)),
        risk_low: Set(signed(counts.risks[0])),
        risk_medium: Set(signed(counts.risks[1])),
        risk_high: Set(signed(counts.risks[2])),
        risk_critical: Set(signed(counts.risks[3])),
        alerts_low: Set(signed(counts.alerts[0])),
        alerts_medium: Set(signed(counts.alerts[1])),
        alerts_high: Set(signed(counts.alerts[2])),
        alerts_critical: Set(signed(counts.alerts[3])),
        results_ok: Set(signed(counts.results_ok)),
        results_failed: Set(signed(counts.results_failed)),
        active_agents: Set(signed(counts.active_agents)),
    }
}

fn counts(row: &entity::Model) -> Counts {
    Counts {
        allowed: unsigned(row.allowed),
        denied: unsigned(row.denied),
        pending: unsigned(row.pending),
        approved: unsigned(row.approved),
        refused: unsigned(row.refused),
        risks: [
            row.risk_low,
            row.risk_medium,
            row.risk_high,
            row.risk_critical,
        ]
        .map(unsigned),
        alerts: [
            row.alerts_low,
            row.alerts_medium,
            row.alerts_high,
            row.alerts_critical,
        ]
        .map(unsigned),
        results_ok: unsigned(row.results_ok),
        results_failed: unsigned(row.results_failed),
        active_agents: unsigned(row.active_agents),
    }
}

/// Adds to what is there: each of `sums` grows by what was to be inserted.
fn add<E, C>(
    table: E,
    key: impl IntoIterator<Item = C>,
    sums: impl IntoIterator<Item = C>,
) -> OnConflict
where
    E: IntoIden,
    C: ColumnTrait,
{
    let table = table.into_iden();
    let mut conflict = OnConflict::columns(key);
    for column in sums {
        let own = Expr::col((table.clone(), column));
        let new = Expr::col((Alias::new("excluded"), column));
        conflict.value(column, own.add(new));
    }
    conflict
}

fn in_bucket(scope: Scope, grain: Grain, start: DateTime<Utc>) -> SimpleExpr {
    let own = entity::Column::OrganizationId.eq(scope.organization.as_uuid());
    own.and(entity::Column::Grain.eq(code::text(&grain)))
        .and(entity::Column::BucketStart.eq(start))
}

impl Store {
    /// The buckets of an agent, or of the whole organization, that begin in a time, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_activity(
        &self,
        scope: Scope,
        agent: Option<AgentId>,
        grain: Grain,
        (from, until): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Vec<(DateTime<Utc>, Counts)>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(entity::Column::AgentId.eq(agent_column(agent)))
            .filter(entity::Column::Grain.eq(code::text(&grain)))
            .filter(entity::Column::BucketStart.gte(from))
            .filter(entity::Column::BucketStart.lt(until))
            .order_by_asc(entity::Column::BucketStart)
            .all(self.reader())
            .await?;
        Ok(rows
            .iter()
            .map(|it| (it.bucket_start, counts(it)))
            .collect())
    }

    /// The agents that did most in a bucket, or were denied most.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn top_agents(
        &self,
        scope: Scope,
        (grain, start): (Grain, DateTime<Utc>),
        by_denied: bool,
        most: u64,
    ) -> Result<Vec<(AgentId, Counts)>, StoreError> {
        let by = match by_denied {
            true => entity::Column::Denied,
            false => entity::Column::Total,
        };
        let rows = entity::Entity::find()
            .filter(in_bucket(scope, grain, start))
            .filter(entity::Column::AgentId.ne(Uuid::nil()))
            .filter(by.gt(0))
            .order_by(by, Order::Desc)
            .order_by(entity::Column::AgentId, Order::Desc)
            .limit(most)
            .all(self.reader())
            .await?;
        let pair = |row: &entity::Model| (AgentId::from_uuid(row.agent_id), counts(row));
        Ok(rows.iter().map(pair).collect())
    }

    /// The actions that were asked for most in the days that begin in a time, with how often and how
    /// often they were denied.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn top_actions(
        &self,
        scope: Scope,
        (from, until): (DateTime<Utc>, DateTime<Utc>),
        most: u64,
    ) -> Result<Vec<(String, u64, u64)>, StoreError> {
        let sum = |column: action::Column| column.sum().cast_as(Alias::new("bigint"));
        let rows: Vec<(String, i64, i64)> = action::Entity::find()
            .select_only()
            .column(action::Column::Action)
            .expr_as(sum(action::Column::Total), "total_sum")
            .expr_as(sum(action::Column::Denied), "denied_sum")
            .filter(action::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(action::Column::BucketStart.gte(from))
            .filter(action::Column::BucketStart.lt(until))
            .group_by(action::Column::Action)
            .order_by(Expr::col(Alias::new("total_sum")), Order::Desc)
            .order_by(action::Column::Action, Order::Asc)
            .limit(most)
            .into_tuple()
            .all(self.reader())
            .await?;
        let convert = |(name, total, denied)| (name, unsigned(total), unsigned(denied));
        Ok(rows.into_iter().map(convert).collect())
    }

    /// How many things took how long in the days that begin in a time: places with their counts.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_latencies(
        &self,
        scope: Scope,
        kind: LatencyKind,
        (from, until): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Vec<(usize, u64)>, StoreError> {
        let sum = latency::Column::Count.sum().cast_as(Alias::new("bigint"));
        let rows: Vec<(i32, i64)> = latency::Entity::find()
            .select_only()
            .column(latency::Column::BoundIndex)
            .expr_as(sum, "count_sum")
            .filter(latency::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(latency::Column::Kind.eq(code::text(&kind)))
            .filter(latency::Column::BucketStart.gte(from))
            .filter(latency::Column::BucketStart.lt(until))
            .group_by(latency::Column::BoundIndex)
            .order_by_asc(latency::Column::BoundIndex)
            .into_tuple()
            .all(self.reader())
            .await?;
        let convert = |(place, count)| (usize::try_from(place).unwrap_or(0), unsigned(count));
        Ok(rows.into_iter().map(convert).collect())
    }
}

impl Tx {
    /// The actions that a day has counts of.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_counted_actions(
        &self,
        organization: OrganizationId,
        start: DateTime<Utc>,
    ) -> Result<HashSet<String>, StoreError> {
        let names: Vec<String> = action::Entity::find()
            .select_only()
            .column(action::Column::Action)
            .filter(action::Column::OrganizationId.eq(organization.as_uuid()))
            .filter(action::Column::BucketStart.eq(start))
            .into_tuple()
            .all(self.on())
            .await?;
        Ok(names.into_iter().collect())
    }

    /// Adds to buckets; no two of one call may be of the same. Gives the buckets in which an agent has its
    /// first decision, one for each such agent.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn add_activity(
        &mut self,
        new: &[ActivityCounts],
    ) -> Result<Vec<Bucket>, StoreError> {
        use entity::Column as C;
        let key = [C::OrganizationId, C::AgentId, C::Grain, C::BucketStart];
        let is_sum = |column: &C| !key.iter().any(|it| it.as_str() == column.as_str());
        let sums: Vec<C> = C::iter().filter(is_sum).collect();
        let mut first = Vec::new();
        for chunk in portions(new) {
            let conflict = add(entity::Entity, key, sums.iter().copied());
            let rows = entity::Entity::insert_many(chunk.iter().map(row))
                .on_conflict(conflict)
                .exec_with_returning(self.on())
                .await?;
            let after: HashMap<_, i64> = rows
                .into_iter()
                .map(|it| {
                    (
                        (it.organization_id, it.agent_id, it.grain, it.bucket_start),
                        it.total,
                    )
                })
                .collect();
            // What is there now is what was added: there was nothing before.
            let firsts = chunk.iter().filter(|it| {
                let id = (it.organization.as_uuid(), agent_column(it.agent));
                let key = (id.0, id.1, code::text(&it.grain), it.start);
                let total = signed(it.counts.total());
                it.agent.is_some() && total > 0 && after.get(&key) == Some(&total)
            });
            first.extend(firsts.map(|it| (it.organization, it.grain, it.start)));
        }
        Ok(first)
    }

    /// Adds to the days of actions; no two of one call may be of the same.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn add_actions(&mut self, new: &[ActionCounts]) -> Result<(), StoreError> {
        use action::Column as C;
        for chunk in portions(new) {
            let rows = chunk.iter().map(|it| action::ActiveModel {
                organization_id: Set(it.organization.as_uuid()),
                bucket_start: Set(it.start),
                action: Set(it.action.clone()),
                total: Set(signed(it.total)),
                denied: Set(signed(it.denied)),
            });
            let key = [C::OrganizationId, C::BucketStart, C::Action];
            let conflict = add(action::Entity, key, [C::Total, C::Denied]);
            action::Entity::insert_many(rows)
                .on_conflict(conflict)
                .exec_without_returning(self.on())
                .await?;
        }
        Ok(())
    }

    /// Adds to the days of latencies; no two of one call may be of the same.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn add_latencies(&mut self, new: &[LatencyCounts]) -> Result<(), StoreError> {
        use latency::Column as C;
        for chunk in portions(new) {
            let rows = chunk.iter().map(|it| latency::ActiveModel {
                organization_id: Set(it.organization.as_uuid()),
                bucket_start: Set(it.start),
                kind: Set(code::text(&it.kind)),
                bound_index: Set(i32::try_from(it.place).unwrap_or(i32::MAX)),
                count: Set(signed(it.count)),
            });
            let key = [C::OrganizationId, C::Kind, C::BucketStart, C::BoundIndex];
            let conflict = add(latency::Entity, key, [C::Count]);
            latency::Entity::insert_many(rows)
                .on_conflict(conflict)
                .exec_without_returning(self.on())
                .await?;
        }
        Ok(())
    }

    /// Forgets hours and days that began before `then`. Months and actions stay: totals of lists are
    /// made of them.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_old_counts(&mut self, then: DateTime<Utc>) -> Result<(), StoreError> {
        entity::Entity::delete_many()
            .filter(entity::Column::Grain.ne(code::text(&Grain::Month)))
            .filter(entity::Column::BucketStart.lt(then))
            .exec(self.on())
            .await?;
        latency::Entity::delete_many()
            .filter(latency::Column::BucketStart.lt(then))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Throws all counts away, and how far `group` has come: it counts again from the beginning.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn forget_counts(&mut self, group: &str) -> Result<(), StoreError> {
        entity::Entity::delete_many().exec(self.on()).await?;
        action::Entity::delete_many().exec(self.on()).await?;
        latency::Entity::delete_many().exec(self.on()).await?;
        self.forget_mcp_usage().await?;
        offset::Entity::delete_many()
            .filter(offset::Column::ConsumerGroup.eq(group))
            .exec(self.on())
            .await?;
        Ok(())
    }
}
