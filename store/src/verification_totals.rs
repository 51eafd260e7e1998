//! How many verifications there are: from the counts that are kept, and what was not counted yet.
//!
//! Guarantee: the number is right as of one moment. Kept counts and the place up to which they count are
//! read in one statement, with the facts behind that place.

use aim_domain::event::VerificationRecorded;
use aim_domain::id::AgentId;
use aim_domain::scope::Scope;
use aim_domain::verification::Decision;
use aim_entities::verification as entity;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, Select, Statement,
    Value,
};
use uuid::Uuid;

use crate::verifications::VerificationFilter;
use crate::{Backend, Store, StoreError, code};

/// Whoever counts; see `app/count_activity.rs`.
const COUNTER: &str = "analytics";
const UNCOUNTED: &str = "(SELECT COUNT(*) FROM event_log WHERE topic = 'aim.events'
    AND event_type = $1 AND organization_id = $2 AND position >= COALESCE((SELECT next_position
      FROM consumer_offsets WHERE consumer_group = $3 AND topic = 'aim.events' AND \"partition\" = 0), 0)";

impl Store {
    /// How many verifications a filter lets through; `query` has the same filter.
    pub(crate) async fn count_verifications(
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
        } = filter;
        match (agent, decision, action, policy) {
            (agent, None, None, None) => self.count_recorded(scope, *agent).await,
            (None, Some(Decision::Allowed), None, None) => {
                // Most are; the others are found in an index of their own.
                let allowed = code::text(&Decision::Allowed);
                let others = entity::Entity::find()
                    .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
                    .filter(entity::Column::Decision.ne(allowed));
                let all = self.count_recorded(scope, None).await?;
                Ok(all.saturating_sub(others.count(self.reader()).await?))
            }
            (None, None, Some(action), None) => self.count_asked(scope, action, query).await,
            _ => Ok(query.clone().count(self.reader()).await?),
        }
    }

    async fn count_recorded(
        &self,
        scope: Scope,
        agent: Option<AgentId>,
    ) -> Result<u64, StoreError> {
        let of_agent = if agent.is_some() { " AND key = $5" } else { "" };
        let sql = format!(
            "SELECT CAST(COALESCE((SELECT SUM(total) FROM activity_counts
                WHERE organization_id = $2 AND agent_id = $4 AND grain = 'MONTH'), 0)
              + {UNCOUNTED}{of_agent}) AS BIGINT) AS total"
        );
        let id = agent.map_or(Uuid::nil(), |it| it.as_uuid());
        let mut values = self.known(scope);
        values.push(id.into());
        if let Some(agent) = agent {
            values.push(agent.to_string().into());
        }
        self.ask_total(&sql, values).await
    }

    /// Of an action. Agents choose names, so that not all of them have counts of their own.
    async fn count_asked(
        &self,
        scope: Scope,
        action: &str,
        query: &Select<entity::Entity>,
    ) -> Result<u64, StoreError> {
        let named = match self.backend() {
            Backend::Postgres => "(convert_from(payload, 'UTF8')::jsonb #>> '{data,action}')",
            Backend::Sqlite => "json_extract(CAST(payload AS TEXT), '$.data.action')",
        };
        let sql = format!(
            "SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM action_counts WHERE organization_id = $2
                AND action = '(other)') THEN -1 ELSE
              COALESCE((SELECT SUM(total) FROM action_counts
                WHERE organization_id = $2 AND action = $4), 0)
              + {UNCOUNTED} AND {named} = $4) END AS BIGINT) AS total"
        );
        let mut values = self.known(scope);
        values.push(action.into());
        match self.ask_signed(&sql, values).await? {
            total if total >= 0 => Ok(u64::try_from(total).unwrap_or(0)),
            _ => Ok(query.clone().count(self.reader()).await?),
        }
    }

    fn known(&self, scope: Scope) -> Vec<Value> {
        let organization = scope.organization.as_uuid();
        vec![
            VerificationRecorded::TYPE.into(),
            organization.into(),
            COUNTER.into(),
        ]
    }

    async fn ask_total(&self, sql: &str, values: Vec<Value>) -> Result<u64, StoreError> {
        let total = self.ask_signed(sql, values).await?;
        Ok(u64::try_from(total).unwrap_or(0))
    }

    async fn ask_signed(&self, sql: &str, values: Vec<Value>) -> Result<i64, StoreError> {
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
        let missing = StoreError::Conflict("verifications");
        Ok(row.ok_or(missing)?.try_get("", "total")?)
    }
}
