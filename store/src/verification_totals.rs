//! How many verifications there are: from the counts that are kept, and what was not counted yet.
//!
//! Guarantee: the number is right as of one moment. Kept counts are read in one statement with the place
//! up to which they count; then the facts from that place on are counted, which is a moment later.

use aim_domain::event::VerificationRecorded;
use aim_domain::id::AgentId;
use aim_domain::scope::Scope;
use aim_domain::verification::Decision;
use aim_entities::verification as entity;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryResult, Select,
    Statement, Value,
};
use uuid::Uuid;

use crate::verifications::VerificationFilter;
use crate::{Backend, Store, StoreError, code};

/// Whoever counts; see `app/count_activity.rs`.
const COUNTER: &str = "analytics";
/// The place up to which was counted, beside a sum.
const COUNTED: &str =
    "COALESCE((SELECT next_position FROM consumer_offsets WHERE consumer_group = $1
    AND topic = 'aim.events' AND \"partition\" = 0), 0) AS place";
/// A place that is given, and not asked for within, lets PostgreSQL know how little is behind it.
const UNCOUNTED: &str = "SELECT COUNT(*) AS total FROM event_log WHERE topic = 'aim.events'
    AND event_type = $1 AND organization_id = $2 AND position >= $3";

/// A sum of what is kept of an agent, or, for the nil UUID, of all of an organization.
fn sum_of(column: &str) -> String {
    format!(
        "COALESCE((SELECT SUM({column}) FROM activity_counts
            WHERE organization_id = $2 AND agent_id = $3 AND grain = 'MONTH'), 0)"
    )
}

/// Those with this decision.
fn decided(scope: Scope, decision: Decision) -> Select<entity::Entity> {
    entity::Entity::find()
        .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
        .filter(entity::Column::Decision.eq(code::text(&decision)))
}

impl Store {
    /// How many verifications a filter lets through; `query` has the same filter.
    pub(crate) async fn count_listed(
        &self,
        scope: Scope,
        filter: &VerificationFilter,
        query: &Select<entity::Entity>,
    ) -> Result<u64, StoreError> {
        let VerificationFilter {
            agent,
            decision,
            action,
            policy,
            risk,
            approval,
            needs_person,
        } = filter;
        if policy.is_some() || risk.is_some() || approval.is_some() || *needs_person {
            return Ok(query.clone().count(self.reader()).await?);
        }
        match (agent, decision, action) {
            (agent, None, None) => self.count_recorded(scope, *agent).await,
            (None, Some(Decision::Denied), None) => self.count_denied(scope).await,
            (None, Some(Decision::Allowed), None) => {
                // Most are; the others are kept or few.
                let all = self.count_recorded(scope, None).await?;
                let denied = self.count_denied(scope).await?;
                let waiting = decided(scope, Decision::PendingApproval);
                let waiting = waiting.count(self.reader()).await?;
                Ok(all.saturating_sub(denied).saturating_sub(waiting))
            }
            (None, None, Some(action)) => self.count_asked(scope, action, query).await,
            _ => Ok(query.clone().count(self.reader()).await?),
        }
    }

    async fn count_recorded(
        &self,
        scope: Scope,
        agent: Option<AgentId>,
    ) -> Result<u64, StoreError> {
        let of = agent.map_or(Uuid::nil(), |it| it.as_uuid());
        let only = agent.map(|it| ("key".to_owned(), it.to_string()));
        let found = self.count_kept(scope, (sum_of("total"), of.into()), only);
        Ok(found.await?.unwrap_or(0))
    }

    /// Those that were denied at once are kept; those that waited for a person first are few, and have an
    /// index of their own.
    async fn count_denied(&self, scope: Scope) -> Result<u64, StoreError> {
        let only = (self.said("decision"), code::text(&Decision::Denied));
        let at_once = self.count_kept(scope, (sum_of("denied"), Uuid::nil().into()), Some(only));
        let at_once = at_once.await?.unwrap_or(0);
        let later = decided(scope, Decision::Denied)
            .filter(entity::Column::ApprovalStatus.is_not_null())
            .count(self.reader())
            .await?;
        Ok(at_once + later)
    }

    /// Of an action. Agents choose names, so that not all of them have counts of their own.
    async fn count_asked(
        &self,
        scope: Scope,
        action: &str,
        query: &Select<entity::Entity>,
    ) -> Result<u64, StoreError> {
        let sum = "CASE WHEN EXISTS (SELECT 1 FROM action_counts
                WHERE organization_id = $2 AND action = '(other)') THEN -1
              ELSE COALESCE((SELECT SUM(total) FROM action_counts
                WHERE organization_id = $2 AND action = $3), 0) END";
        let only = (self.said("action"), action.to_owned());
        match self
            .count_kept(scope, (sum.to_owned(), action.into()), Some(only))
            .await?
        {
            Some(kept) => Ok(kept),
            None => Ok(query.clone().count(self.reader()).await?),
        }
    }

    /// A field of what a recorded fact says.
    fn said(&self, field: &str) -> String {
        match self.backend() {
            Backend::Postgres => {
                format!("convert_from(payload, 'UTF8')::jsonb #>> '{{data,{field}}}'")
            }
            Backend::Sqlite => format!("json_extract(CAST(payload AS TEXT), '$.data.{field}')"),
        }
    }

    /// A sum of kept counts, whose third parameter is `of`, and the facts behind it; `only` those where an
    /// expression has this value. `None` where the sum is below zero: that is not kept.
    async fn count_kept(
        &self,
        scope: Scope,
        (sum, of): (String, Value),
        only: Option<(String, String)>,
    ) -> Result<Option<u64>, StoreError> {
        let sql = format!("SELECT {COUNTED}, CAST({sum} AS BIGINT) AS total");
        let organization = scope.organization.as_uuid();
        let values = vec![COUNTER.into(), organization.into(), of];
        let row = self.ask(&sql, values).await?;
        let (place, kept): (i64, i64) = (row.try_get("", "place")?, row.try_get("", "total")?);
        if kept < 0 {
            return Ok(None);
        }
        let mut sql = UNCOUNTED.to_owned();
        let mut values = vec![
            VerificationRecorded::TYPE.into(),
            organization.into(),
            place.into(),
        ];
        if let Some((expression, value)) = only {
            sql.push_str(&format!(" AND {expression} = $4"));
            values.push(value.into());
        }
        let more: i64 = self.ask(&sql, values).await?.try_get("", "total")?;
        Ok(Some(u64::try_from(kept.saturating_add(more)).unwrap_or(0)))
    }

    async fn ask(&self, sql: &str, values: Vec<Value>) -> Result<QueryResult, StoreError> {
        // SQLite writes numbered parameters with a question mark; paths in JSON keep their sign.
        let sql = match self.backend() {
            Backend::Postgres => sql.to_owned(),
            Backend::Sqlite => (1..=5).fold(sql.to_owned(), |sql, number| {
                sql.replace(&format!("${number}"), &format!("?{number}"))
            }),
        };
        let backend = self.reader().get_database_backend();
        let statement = Statement::from_sql_and_values(backend, sql, values);
        let row = self.reader().query_one_raw(statement).await?;
        row.ok_or(StoreError::Conflict("verifications"))
    }
}
