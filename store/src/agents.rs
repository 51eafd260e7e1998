//! Agents.

use aim_domain::agent::{AgentStatus, AgentType};
use aim_domain::id::{AgentId, OrganizationId};
use aim_domain::kill_switch::KillSwitch;
use aim_domain::scope::Scope;
use aim_domain::trust::{TrustOverride, TrustScore};
use aim_entities::agent as entity;
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};

use crate::{Store, StoreError, Tx, code, kill_switches};

/// A registered autonomous program.
#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    /// Its identity.
    pub id: AgentId,
    /// Its owner.
    pub organization: OrganizationId,
    /// Its name, unique in the organization.
    pub name: String,
    /// What people call it.
    pub display_name: String,
    /// What it is for.
    pub description: String,
    /// What kind of program it is.
    pub agent_type: AgentType,
    /// Its version.
    pub version: Option<String>,
    /// Where its source is.
    pub repository_url: Option<String>,
    /// Where its manual is.
    pub documentation_url: Option<String>,
    /// What it says it needs; declared is not granted.
    pub declared_capabilities: Vec<String>,
    /// Servers it says it talks to.
    pub talks_to: Vec<String>,
    /// Where it is in its life.
    pub status: AgentStatus,
    /// Why.
    pub status_reason: Option<String>,
    /// Since when.
    pub status_changed_at: DateTime<Utc>,
    /// By whom.
    pub status_changed_by: String,
    /// Its trust; `None` is `UNSCORED`.
    pub trust: Option<TrustScore>,
    /// Confidence in the score, in ten-thousandths.
    pub trust_confidence: TrustScore,
    /// Observed actions behind the score.
    pub trust_sample_count: u64,
    /// What a person set it to, also when that is over.
    pub trust_override: Option<TrustOverride>,
    /// When the score moved.
    pub trust_updated_at: Option<DateTime<Utc>>,
    /// By whom it was registered.
    pub created_by: String,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Event time of its newest action.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// Its kill switch, while engaged.
    pub kill_switch: Option<KillSwitch>,
    /// Words that people sort agents by.
    pub tags: Vec<String>,
    /// When it was deleted; its name and its deeds stay.
    pub deleted_at: Option<DateTime<Utc>>,
}

pub use crate::agent_list::{AgentFilter, AgentOrder, AgentOrderField};

pub(crate) fn convert(row: entity::Model) -> Result<Agent, StoreError> {
    let trust_override = match (row.trust_override_score, row.trust_override_expires_at) {
        (Some(score), Some(expires_at)) => Some(TrustOverride {
            score: code::score(score),
            reason: row.trust_override_reason.unwrap_or_default(),
            set_by: row.trust_override_set_by.unwrap_or_default(),
            expires_at,
        }),
        _ => None,
    };
    Ok(Agent {
        id: AgentId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        agent_type: code::parse("agents.agent_type", &row.agent_type)?,
        declared_capabilities: code::from_json(
            "agents.declared_capabilities",
            row.declared_capabilities,
        )?,
        talks_to: code::from_json("agents.talks_to", row.talks_to)?,
        status: code::parse("agents.status", &row.status)?,
        name: row.name,
        display_name: row.display_name,
        description: row.description,
        version: row.version,
        repository_url: row.repository_url,
        documentation_url: row.documentation_url,
        status_reason: row.status_reason,
        status_changed_at: row.status_changed_at,
        status_changed_by: row.status_changed_by,
        trust: row.trust_score.map(code::score),
        trust_confidence: code::score(row.trust_confidence),
        trust_sample_count: u64::try_from(row.trust_sample_count).unwrap_or(0),
        trust_override,
        trust_updated_at: row.trust_updated_at,
        created_by: row.created_by,
        created_at: row.created_at,
        updated_at: row.updated_at,
        last_seen_at: row.last_seen_at,
        kill_switch: kill_switches::convert(
            row.kill_switch_reason,
            row.kill_switch_engaged_by,
            row.kill_switch_engaged_at,
        ),
        tags: row
            .tags
            .map(|tags| code::from_json("agents.tags", tags))
            .transpose()?
            .unwrap_or_default(),
        deleted_at: row.deleted_at,
    })
}

impl Store {
    /// An agent of the scope's organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_agent(&self, scope: Scope, id: AgentId) -> Result<Option<Agent>, StoreError> {
        let query = entity::Entity::find_by_id(id.as_uuid())
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// Several agents of the scope's organization, in no order; unknown ids are left out.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_agents(
        &self,
        scope: Scope,
        ids: &[AgentId],
    ) -> Result<Vec<Agent>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::Id.is_in(ids.iter().map(AgentId::as_uuid)))
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .all(self.reader())
            .await?;
        rows.into_iter().map(convert).collect()
    }

    /// Agents by id without a scope, for the stream, which serves every organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_agents_of_all(&self, ids: &[AgentId]) -> Result<Vec<Agent>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::Id.is_in(ids.iter().map(AgentId::as_uuid)))
            .all(self.reader())
            .await?;
        rows.into_iter().map(convert).collect()
    }
}

impl Tx {
    /// Writes a new agent.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when the name is taken in the organization.
    pub async fn insert_agent(&mut self, agent: &Agent) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(agent.id.as_uuid()),
            organization_id: Set(agent.organization.as_uuid()),
            name: Set(agent.name.clone()),
            display_name: Set(agent.display_name.clone()),
            description: Set(agent.description.clone()),
            agent_type: Set(code::text(&agent.agent_type)),
            version: Set(agent.version.clone()),
            repository_url: Set(agent.repository_url.clone()),
            documentation_url: Set(agent.documentation_url.clone()),
            declared_capabilities: Set(code::json(&agent.declared_capabilities)),
            talks_to: Set(code::json(&agent.talks_to)),
            status: Set(code::text(&agent.status)),
            status_reason: Set(agent.status_reason.clone()),
            status_changed_at: Set(agent.status_changed_at),
            status_changed_by: Set(agent.status_changed_by.clone()),
            trust_score: Set(None),
            trust_confidence: Set(0),
            trust_sample_count: Set(0),
            trust_updated_at: Set(None),
            trust_override_score: Set(None),
            trust_override_reason: Set(None),
            trust_override_set_by: Set(None),
            trust_override_expires_at: Set(None),
            created_by: Set(agent.created_by.clone()),
            created_at: Set(agent.created_at),
            updated_at: Set(agent.updated_at),
            last_seen_at: Set(None),
            kill_switch_reason: Set(None),
            kill_switch_engaged_by: Set(None),
            kill_switch_engaged_at: Set(None),
            tags: Set((!agent.tags.is_empty()).then(|| code::json(&agent.tags))),
            deleted_at: Set(None),
            challenge: Set(None),
            challenge_expires_at: Set(None),
            keys_end_at: Set(self.now()),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Writes what a person set an agent's trust to; `None` takes it back.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn update_trust_override(
        &mut self,
        agent: AgentId,
        to: Option<&TrustOverride>,
    ) -> Result<(), StoreError> {
        let score = to.map(|it| i32::from(it.score.ten_thousandths()));
        let reason = to.map(|it| it.reason.clone());
        let set_by = to.map(|it| it.set_by.clone());
        let expires_at = to.map(|it| it.expires_at);
        entity::Entity::update_many()
            .col_expr(entity::Column::TrustOverrideScore, Expr::value(score))
            .col_expr(entity::Column::TrustOverrideReason, Expr::value(reason))
            .col_expr(entity::Column::TrustOverrideSetBy, Expr::value(set_by))
            .col_expr(
                entity::Column::TrustOverrideExpiresAt,
                Expr::value(expires_at),
            )
            .col_expr(entity::Column::UpdatedAt, Expr::value(self.now()))
            .filter(entity::Column::Id.eq(agent.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Moves an agent from one status to another; false when it is not in `from` any more.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn update_status(
        &mut self,
        agent: AgentId,
        from: AgentStatus,
        to: AgentStatus,
        reason: Option<&str>,
        by: &str,
    ) -> Result<bool, StoreError> {
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::Status, Expr::value(code::text(&to)))
            .col_expr(
                entity::Column::StatusReason,
                Expr::value(reason.map(str::to_owned)),
            )
            .col_expr(entity::Column::StatusChangedAt, Expr::value(self.now()))
            .col_expr(entity::Column::StatusChangedBy, Expr::value(by))
            .col_expr(entity::Column::UpdatedAt, Expr::value(self.now()))
            .filter(entity::Column::Id.eq(agent.as_uuid()))
            .filter(entity::Column::Status.eq(code::text(&from)))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }
}
