//! The log of verifications: what an agent's come to, and all of them in the order they were made.

use aim_domain::id::{AgentId, VerificationId};
use aim_domain::scope::Scope;
use aim_domain::verification_stats::{Counted, STATS_MAX};
use aim_entities::verification as entity;
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::verifications::{Verification, convert};
use crate::{Store, StoreError, code};

/// Verifications of one part of an export.
const PART: u64 = 500;

/// Which part of the log.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogRange {
    /// Of this agent.
    pub agent: Option<AgentId>,
    /// From here on.
    pub from: Option<DateTime<Utc>>,
    /// Up to here, that not included.
    pub to: Option<DateTime<Utc>>,
}

/// The columns that count, in the order they are selected in.
type Row = (
    String,
    String,
    Option<String>,
    Option<i64>,
    DateTime<Utc>,
    Option<DateTime<Utc>>,
    Option<String>,
);

fn within(scope: Scope, range: LogRange) -> Select<entity::Entity> {
    use entity::Column as C;
    let mut query =
        entity::Entity::find().filter(C::OrganizationId.eq(scope.organization.as_uuid()));
    if let Some(agent) = range.agent {
        query = query.filter(C::AgentId.eq(agent.as_uuid()));
    }
    if let Some(from) = range.from {
        query = query.filter(C::CreatedAt.gte(from));
    }
    if let Some(to) = range.to {
        query = query.filter(C::CreatedAt.lt(to));
    }
    query
}

impl Store {
    /// The newest verifications of a range, as far as they count; at most [`STATS_MAX`].
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_verifications(
        &self,
        scope: Scope,
        range: LogRange,
    ) -> Result<Vec<Counted>, StoreError> {
        use entity::Column as C;
        let rows: Vec<Row> = within(scope, range)
            .select_only()
            .columns([
                C::Decision,
                C::Risk,
                C::Outcome,
                C::DurationMs,
                C::CreatedAt,
                C::DecidedAt,
                C::DecidedBy,
            ])
            .order_by_desc(C::Id)
            .limit(STATS_MAX as u64)
            .into_tuple()
            .all(self.reader())
            .await?;
        let counted = |row: Row| {
            let (decision, risk, outcome, duration_ms, created_at, answered_at, by) = row;
            let outcome = outcome.map(|text| code::parse("verifications.outcome", &text));
            Ok(Counted {
                decision: code::parse("verifications.decision", &decision)?,
                risk: code::parse("verifications.risk", &risk)?,
                outcome: outcome.transpose()?,
                duration_ms,
                created_at,
                // What ran out was answered by nobody.
                answered_at: answered_at.filter(|_| by.is_some_and(|by| by.starts_with("user:"))),
            })
        };
        rows.into_iter().map(counted).collect()
    }

    /// The next verifications of a range behind `after`, in the order of their ids; none at the end.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn read_verification_log(
        &self,
        scope: Scope,
        range: LogRange,
        after: Option<VerificationId>,
    ) -> Result<Vec<Verification>, StoreError> {
        let mut query = within(scope, range);
        if let Some(after) = after {
            query = query.filter(entity::Column::Id.gt(after.as_uuid()));
        }
        let rows = query
            .order_by_asc(entity::Column::Id)
            .limit(PART)
            .all(self.reader())
            .await?;
        rows.into_iter().map(convert).collect()
    }
}
