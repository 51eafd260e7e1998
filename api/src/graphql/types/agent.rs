//! Agents and their grants.

use aim_domain::certificate::spiffe_id;
use aim_domain::id::{AgentId, CapabilityGrantId};
use aim_domain::role::Permission;
use aim_store::agents::Agent as Row;
use aim_store::grants::GrantRecord;
use async_graphql::{ComplexObject, Context, ID, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::connection::{connection, page};
use super::super::context::{RequestContext, fault};
use super::super::enums::{AgentStatus, AgentType, RiskLevel};
use super::super::id::global_id;
use super::super::loaders::GrantsOf;
use super::{
    AgentKeyConnection, AgentRatingConnection, AgentTrust, KillSwitch, TrustSnapshotConnection,
};

/// A registered autonomous program.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub(crate) struct Agent {
    /// Global id.
    pub(crate) id: ID,
    /// The plain UUID, as in event keys and `urn:aim:agent:` sources.
    pub(crate) uuid: ID,
    /// Its SPIFFE id: what its certificates name, and its signing requests have to.
    spiffe_id: String,
    /// Name, unique in the organization.
    name: String,
    /// What people call it.
    display_name: String,
    /// What it is for.
    description: String,
    /// What kind of program it is.
    agent_type: AgentType,
    /// Its version.
    version: Option<String>,
    /// Where its source is.
    repository_url: Option<String>,
    /// Where its manual is.
    documentation_url: Option<String>,
    /// What it says it needs; declared is not granted.
    declared_capabilities: Vec<String>,
    /// Servers it says it talks to.
    talks_to: Vec<String>,
    /// Where it is in its life.
    status: AgentStatus,
    /// Why it is there.
    status_reason: Option<String>,
    /// Since when it is there.
    status_changed_at: DateTime<Utc>,
    /// Its kill switch; null while released.
    kill_switch: Option<KillSwitch>,
    /// Its trust now.
    trust: AgentTrust,
    /// When it was registered.
    created_at: DateTime<Utc>,
    /// When it last changed.
    updated_at: DateTime<Utc>,
    /// Time of its newest action, by its own clock.
    last_seen_at: Option<DateTime<Utc>>,
    /// Words that people sort agents by.
    tags: Vec<String>,
    /// When it was deleted; null while it is not.
    deleted_at: Option<DateTime<Utc>>,
    #[graphql(skip)]
    key: AgentId,
}

impl From<Row> for Agent {
    fn from(row: Row) -> Self {
        let trust = AgentTrust::of(&row);
        Self {
            id: global_id("Agent", row.id),
            uuid: ID(row.id.to_string()),
            spiffe_id: spiffe_id(row.organization, row.id),
            key: row.id,
            name: row.name,
            display_name: row.display_name,
            description: row.description,
            agent_type: row.agent_type.into(),
            version: row.version,
            repository_url: row.repository_url,
            documentation_url: row.documentation_url,
            declared_capabilities: row.declared_capabilities,
            talks_to: row.talks_to,
            status: row.status.into(),
            status_reason: row.status_reason,
            status_changed_at: row.status_changed_at,
            kill_switch: row.kill_switch.map(KillSwitch::from),
            trust,
            created_at: row.created_at,
            updated_at: row.updated_at,
            last_seen_at: row.last_seen_at,
            tags: row.tags,
            deleted_at: row.deleted_at,
        }
    }
}

#[ComplexObject]
impl Agent {
    /// Every key that it ever had, newest first: public halves, life spans and use. Nobody but the
    /// agent has the private halves.
    async fn keys(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
    ) -> Result<AgentKeyConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("AgentKey", first, after, None, None)?;
        let found = request.app.list_key_history(&permit, self.key, page).await;
        Ok(found.map_err(fault)?.into())
    }

    /// Its live grants, oldest first.
    async fn capability_grants(&self, context: &Context<'_>) -> Result<Vec<CapabilityGrant>> {
        let request = RequestContext::of(context)?;
        let grants = request
            .details()
            .load_one(GrantsOf(self.key))
            .await
            .map_err(fault)?;
        Ok(grants
            .unwrap_or_default()
            .into_iter()
            .map(CapabilityGrant::from)
            .collect())
    }

    /// What people and peers say of it, newest first.
    async fn ratings(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
    ) -> Result<AgentRatingConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("AgentRating", first, after, None, None)?;
        let found = request.app.list_ratings(&permit, self.key, page).await;
        Ok(found.map_err(fault)?.into())
    }

    /// Its trust over time, newest first; each entry with all eight factors and their evidence.
    async fn trust_history(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
    ) -> Result<TrustSnapshotConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("TrustSnapshot", first, after, None, None)?;
        let found = request
            .app
            .list_trust_snapshots(&permit, self.key, page)
            .await;
        Ok(found.map_err(fault)?.into())
    }
}

connection!(AgentConnection, AgentEdge, Agent, Row, "Agent");

/// The row that gives an agent a capability.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub(crate) struct CapabilityGrant {
    /// Global id.
    id: ID,
    /// A capability or a pattern such as `files:*`.
    capability: String,
    /// On which resources, as a pattern; null is all.
    resource: Option<String>,
    /// Until when; null is until revoked.
    expires_at: Option<DateTime<Utc>>,
    /// By whom, as `user:<id>`.
    granted_by: String,
    /// Why.
    reason: Option<String>,
    /// Since when.
    created_at: DateTime<Utc>,
    /// When it was taken back.
    revoked_at: Option<DateTime<Utc>>,
    /// By whom it was taken back, as `user:<id>`.
    revoked_by: Option<String>,
    #[graphql(skip)]
    agent_key: AgentId,
}

#[ComplexObject]
impl CapabilityGrant {
    /// Whose it is.
    async fn agent(&self, context: &Context<'_>) -> Result<Option<Agent>> {
        let agents = RequestContext::of(context)?.agents()?;
        let found = agents.load_one(self.agent_key).await.map_err(fault)?;
        Ok(found.map(Agent::from))
    }
}

/// A grant with its id where lists look for it.
pub(crate) struct GrantRow {
    pub(crate) id: CapabilityGrantId,
    record: GrantRecord,
}

impl From<GrantRecord> for GrantRow {
    fn from(record: GrantRecord) -> Self {
        Self {
            id: record.grant.id,
            record,
        }
    }
}

impl From<GrantRow> for CapabilityGrant {
    fn from(row: GrantRow) -> Self {
        row.record.into()
    }
}

connection!(
    CapabilityGrantConnection,
    CapabilityGrantEdge,
    CapabilityGrant,
    GrantRow,
    "CapabilityGrant"
);

impl From<GrantRecord> for CapabilityGrant {
    fn from(record: GrantRecord) -> Self {
        Self {
            agent_key: record.agent,
            revoked_by: record.revoked_by,
            id: global_id("CapabilityGrant", record.grant.id),
            capability: record.grant.capability.as_str().to_owned(),
            resource: record
                .grant
                .resource
                .map(|pattern| pattern.as_str().to_owned()),
            expires_at: record.grant.expires_at,
            granted_by: record.granted_by,
            reason: record.reason,
            created_at: record.created_at,
            revoked_at: record.revoked_at,
        }
    }
}

/// A named permission of the standard catalogue.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct Capability {
    /// Such as `files:read`.
    name: String,
    /// Such as `files`.
    category: String,
    /// What it allows.
    description: String,
    /// How risky it is.
    risk: RiskLevel,
    /// Whether it changes something.
    is_write: bool,
    /// What a pattern of resources can look like; null of what is not in the standard catalogue.
    resource_example: Option<String>,
}

impl From<aim_store::capabilities::Capability> for Capability {
    fn from(row: aim_store::capabilities::Capability) -> Self {
        let known = aim_domain::capability_catalogue::find(&row.name);
        Self {
            resource_example: known.map(|it| it.resource_example.to_owned()),
            name: row.name,
            category: row.category,
            description: row.description,
            risk: row.risk.into(),
            is_write: row.is_write,
        }
    }
}
