//! Trust: the score on the agent, and its history.

use aim_domain::agent::AgentStatus;
use aim_domain::id::{AgentId, OrganizationId, TrustSnapshotId};
use aim_domain::scope::Scope;
use aim_domain::trust::{TrustAssessment, TrustFactor, TrustScore};
use aim_entities::{agent, trust_snapshot as entity};
use aim_eventlog::portions;
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect,
};

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code, postgres, sqlite};

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

/// The trust of an organization's agents together, those that are revoked left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrustSummary {
    /// Agents with a score in each band, `Untrusted` first.
    pub bands: [u64; 4],
    /// Agents without enough data for a score.
    pub unscored: u64,
    /// Mean score of those that have one.
    pub mean: Option<TrustScore>,
}

impl Store {
    /// The trust of an organization's agents together, counted by the database.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn summarize_trust(&self, scope: Scope) -> Result<TrustSummary, StoreError> {
        let counts: Vec<(Option<i32>, i64)> = agent::Entity::find()
            .select_only()
            .column(agent::Column::TrustScore)
            .column_as(agent::Column::Id.count(), "agents")
            .filter(agent::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(agent::Column::Status.ne(code::text(&AgentStatus::Revoked)))
            .group_by(agent::Column::TrustScore)
            .into_tuple()
            .all(self.reader())
            .await?;
        let mut summary = TrustSummary::default();
        let (mut sum, mut scored) = (0, 0);
        for (score, agents) in counts {
            let agents = u64::try_from(agents).unwrap_or(0);
            let Some(score) = score.map(code::score) else {
                summary.unscored += agents;
                continue;
            };
            summary.bands[score.band() as usize] += agents;
            sum += u64::from(score.ten_thousandths()) * agents;
            scored += agents;
        }
        let mean = (sum + scored / 2).checked_div(scored);
        summary.mean = mean
            .and_then(|mean| u16::try_from(mean).ok())
            .map(TrustScore::from_ten_thousandths);
        Ok(summary)
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
        for chunk in portions(snapshots) {
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
        match self.on().get_database_backend() {
            DbBackend::Postgres => postgres::update_trust(self.on(), updates, self.now()).await,
            _ => sqlite::update_trust(self.on(), updates, self.now()).await,
        }
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
