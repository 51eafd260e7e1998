//! Decisions on record, read in the order they were made, a chunk at a time.

use aim_domain::id::{AgentId, VerificationId};
use aim_domain::policy::RecordedDecision;
use aim_domain::scope::Scope;
use aim_domain::verification::{Decision, ReasonCode};
use aim_entities::verification as entity;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};
use serde::Deserialize;
use uuid::Uuid;

use crate::{Store, StoreError, code};

/// Ids are made when decisions are, give or take this.
const SLACK: TimeDelta = TimeDelta::seconds(60);

/// What there is to read.
#[derive(Debug, Clone, Copy)]
pub struct RecordedRange {
    /// From here on.
    pub from: DateTime<Utc>,
    /// Up to here, that not included.
    pub to: DateTime<Utc>,
    /// Behind this one; `None` is from the beginning.
    pub after: Option<VerificationId>,
    /// Whether it matters which policies matched.
    pub with_policies: bool,
}

/// Only what a reason is, not its words.
#[derive(Deserialize)]
struct Code {
    code: ReasonCode,
}

/// The columns, in the order they are selected in.
type Row = (
    Uuid,
    Uuid,
    String,
    Option<String>,
    String,
    String,
    Option<i32>,
    DateTime<Utc>,
    Option<String>,
    Option<String>,
    Option<String>,
);

impl Store {
    /// The next decisions of the scope's organization, in the order of their ids, which is that of time.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn read_recorded(
        &self,
        scope: Scope,
        range: RecordedRange,
        most: u64,
    ) -> Result<Vec<(VerificationId, RecordedDecision)>, StoreError> {
        let (least, highest) = (floor(range.from - SLACK), floor(range.to + SLACK));
        let after = range.after.map_or(least, |it| it.as_uuid().max(least));
        let against = "CASE WHEN decision = 'DENIED' AND decided_by IS NULL
            THEN CAST(reasons AS TEXT) END";
        let policies = if range.with_policies {
            Expr::cust("CAST(policies AS TEXT)")
        } else {
            Expr::cust("CAST(NULL AS TEXT)")
        };
        let rows: Vec<Row> = entity::Entity::find()
            .select_only()
            .columns([
                entity::Column::Id,
                entity::Column::AgentId,
                entity::Column::Action,
                entity::Column::Resource,
                entity::Column::Risk,
                entity::Column::Decision,
                entity::Column::TrustScore,
                entity::Column::CreatedAt,
                entity::Column::DecidedBy,
            ])
            .expr(Expr::cust(against))
            .expr(policies)
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(entity::Column::Id.gt(after))
            .filter(entity::Column::Id.lt(highest))
            .filter(entity::Column::CreatedAt.gte(range.from))
            .filter(entity::Column::CreatedAt.lt(range.to))
            .order_by_asc(entity::Column::Id)
            .limit(most)
            .into_tuple()
            .all(self.reader())
            .await?;
        rows.into_iter().map(recorded).collect()
    }
}

fn recorded(row: Row) -> Result<(VerificationId, RecordedDecision), StoreError> {
    let (id, agent, action, resource, risk, decision, trust, at, answered, against, hits) = row;
    let decision = if answered.is_some() {
        // A person's answer took the place of this.
        Decision::PendingApproval
    } else {
        code::parse("verifications.decision", &decision)?
    };
    let against = match &against {
        Some(text) => parsed::<Vec<Code>>("verifications.reasons", text)?,
        None => Vec::new(),
    };
    let hits = hits.map(|text| parsed("verifications.policies", &text));
    Ok((
        VerificationId::from_uuid(id),
        RecordedDecision {
            agent: AgentId::from_uuid(agent),
            action,
            resource,
            risk: code::parse("verifications.risk", &risk)?,
            trust: trust.map(code::score),
            at,
            decision,
            against: against.into_iter().map(|it| it.code).collect(),
            hits: hits.transpose()?.unwrap_or_default(),
        },
    ))
}

fn parsed<T: for<'a> Deserialize<'a>>(column: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt {
        column,
        value: text.to_owned(),
    })
}

/// The least id of version 7 that can have been made then.
fn floor(at: DateTime<Utc>) -> Uuid {
    let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
    Uuid::from_u128(u128::from(millis) << 80)
}
