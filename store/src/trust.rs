//! Trust: the score on the agent, and its history.

use aim_domain::id::{AgentId, OrganizationId, TrustSnapshotId};
use aim_domain::scope::Scope;
use aim_domain::trust::{TrustAssessment, TrustFactor, TrustScore};
use aim_entities::{agent, trust_snapshot as entity};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter,
    QueryOrder, sea_query::Expr,
};

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code, postgres};

/// Score and factors of an agent at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct TrustSnapshot {
    /// Its identity.
    pub id: TrustSnapshotId,
    /// Whose.
    pub organization: OrganizationId,
    /// Whose score.
    pub agent: AgentId,
    /// The score; `None` is `UNSCORED`.
    pub score: Option<TrustScore>,
    /// Confidence, in ten-thousandths.
    pub confidence: TrustScore,
    /// Observed actions behind it.
    pub sample_count: u64,
    /// All eight factors.
    pub factors: Vec<TrustFactor>,
    /// Event time of the action that moved it.
    pub event_time: DateTime<Utc>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

fn convert(row: entity::Model) -> Result<TrustSnapshot, StoreError> {
    Ok(TrustSnapshot {
        id: TrustSnapshotId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        agent: AgentId::from_uuid(row.agent_id),
        score: row.score.map(code::score),
        confidence: code::score(row.confidence),
        sample_count: u64::try_from(row.sample_count).unwrap_or(0),
        factors: code::from_json("trust_snapshots.factors", row.factors)?,
        event_time: row.event_time,
        created_at: row.created_at,
    })
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Store {
    /// A page of an agent's history.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_trust_snapshots(
        &self,
        scope: Scope,
        agent: AgentId,
        page: PageRequest,
    ) -> Result<Page<TrustSnapshot>, StoreError> {
        let query = entity::Entity::find()
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(entity::Column::AgentId.eq(agent.as_uuid()));
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }

    /// The snapshot with this id.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_trust_snapshot(
        &self,
        scope: Scope,
        id: TrustSnapshotId,
    ) -> Result<Option<TrustSnapshot>, StoreError> {
        let query = entity::Entity::find_by_id(id.as_uuid())
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .order_by_desc(entity::Column::Id);
        query.one(self.reader()).await?.map(convert).transpose()
    }
}

impl Tx {
    /// Writes snapshots.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_trust_snapshots(
        &mut self,
        snapshots: &[TrustSnapshot],
    ) -> Result<(), StoreError> {
        for chunk in snapshots.chunks(1_000) {
            let rows = chunk.iter().map(|snapshot| entity::ActiveModel {
                id: Set(snapshot.id.as_uuid()),
                organization_id: Set(snapshot.organization.as_uuid()),
                agent_id: Set(snapshot.agent.as_uuid()),
                score: Set(snapshot.score.map(|s| i32::from(s.ten_thousandths()))),
                confidence: Set(i32::from(snapshot.confidence.ten_thousandths())),
                sample_count: Set(signed(snapshot.sample_count)),
                factors: Set(code::json(&snapshot.factors)),
                event_time: Set(snapshot.event_time),
                created_at: Set(snapshot.created_at),
            });
            entity::Entity::insert_many(rows)
                .exec_without_returning(self.on())
                .await?;
        }
        Ok(())
    }

    /// Writes the scores of agents and when each was last seen.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn update_trust(&mut self, updates: &[TrustUpdate<'_>]) -> Result<(), StoreError> {
        if self.on().get_database_backend() == DbBackend::Postgres {
            return postgres::update_trust(self.on(), updates, self.now()).await;
        }
        for update in updates {
            let assessment = update.assessment;
            let score = assessment.score.map(|s| i32::from(s.ten_thousandths()));
            let confidence = i32::from(assessment.confidence.ten_thousandths());
            let samples = signed(assessment.sample_count);
            agent::Entity::update_many()
                .col_expr(agent::Column::TrustScore, Expr::value(score))
                .col_expr(agent::Column::TrustConfidence, Expr::value(confidence))
                .col_expr(agent::Column::TrustSampleCount, Expr::value(samples))
                .col_expr(agent::Column::TrustUpdatedAt, Expr::value(self.now()))
                .col_expr(agent::Column::LastSeenAt, Expr::value(update.last_seen_at))
                .filter(agent::Column::Id.eq(update.agent.as_uuid()))
                .exec(self.on())
                .await?;
        }
        Ok(())
    }
}

/// A score to write.
#[derive(Debug, Clone, Copy)]
pub struct TrustUpdate<'a> {
    /// Whose.
    pub agent: AgentId,
    /// The score with its confidence.
    pub assessment: &'a TrustAssessment,
    /// Event time of the newest action.
    pub last_seen_at: DateTime<Utc>,
}
