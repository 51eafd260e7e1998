//! MCP servers and what they say of themselves.

use aim_domain::id::{McpManifestId, McpServerId};
use aim_domain::mcp::{McpItem as DomainItem, McpSuspicion as DomainSuspicion};
use aim_domain::role::Permission;
use aim_store::mcp_attestations::McpAttestationFilter;
use aim_store::mcp_manifests::{McpDrift as DriftRow, McpManifest as ManifestRow};
use aim_store::mcp_servers::McpServer as Row;
use async_graphql::{ComplexObject, Context, ID, Json, Result, SimpleObject};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::super::connection::{connection, page};
use super::super::context::{RequestContext, fault};
use super::super::enums::{
    McpDriftKind, McpManifestSource, McpPart, McpServerStatus, McpSuspicionKind, McpTransport,
    Severity,
};
use super::super::id::global_id;
use super::super::loaders::UsageOf;
use super::mcp_attestation::confidence;
use super::{
    AgentConnection, McpAgentUsageConnection, McpAttestationConnection, McpConfidence,
    McpServerUsage,
};

/// A server of tools that agents use.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub(crate) struct McpServer {
    /// Global id.
    id: ID,
    /// Its name: what actions and the `talksTo` of agents call it by.
    name: String,
    /// What it is for.
    description: String,
    /// How it is spoken to.
    transport: McpTransport,
    /// Where it is; null for a process.
    url: Option<String>,
    /// The Ed25519 key that it signs challenges with, in base64url; null when it has none.
    public_key: Option<String>,
    /// Words that people sort servers by.
    tags: Vec<String>,
    /// Where it is in its life.
    status: McpServerStatus,
    /// Why.
    status_reason: Option<String>,
    /// Since when.
    status_changed_at: DateTime<Utc>,
    /// By whom, as `user:<id>`.
    status_changed_by: String,
    /// When it last said what it is.
    observed_at: Option<DateTime<Utc>>,
    /// Why it could not be asked last time; null when it could.
    failure: Option<String>,
    /// When that was.
    failed_at: Option<DateTime<Utc>>,
    /// When it proved to have its key; null when it did not, the last time it was asked.
    key_proven_at: Option<DateTime<Utc>>,
    /// Since when it is not what was approved; null while it is.
    drift_since: Option<DateTime<Utc>>,
    /// By whom it was registered, as `user:<id>`.
    created_by: String,
    /// When.
    created_at: DateTime<Utc>,
    /// When it last changed.
    updated_at: DateTime<Utc>,
    /// When it was deleted.
    deleted_at: Option<DateTime<Utc>>,
    #[graphql(skip)]
    key: McpServerId,
    #[graphql(skip)]
    approved: Option<McpManifestId>,
    #[graphql(skip)]
    observed: Option<McpManifestId>,
}

impl From<Row> for McpServer {
    fn from(row: Row) -> Self {
        Self {
            id: global_id("McpServer", row.id),
            key: row.id,
            approved: row.approved_manifest,
            observed: row.observed_manifest,
            name: row.name,
            description: row.description,
            transport: row.transport.into(),
            url: row.url,
            public_key: row.public_key,
            tags: row.tags,
            status: row.status.into(),
            status_reason: row.status_reason,
            status_changed_at: row.status_changed_at,
            status_changed_by: row.status_changed_by,
            observed_at: row.observed_at,
            failure: row.failure,
            failed_at: row.failed_at,
            key_proven_at: row.key_proven_at,
            drift_since: row.drift_since,
            created_by: row.created_by,
            created_at: row.created_at,
            updated_at: row.updated_at,
            deleted_at: row.deleted_at,
        }
    }
}

connection!(
    McpServerConnection,
    McpServerEdge,
    McpServer,
    Row,
    "McpServer"
);

/// What a server said of itself, from one time to another.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct McpManifest {
    /// Global id.
    id: ID,
    /// SHA-256 over its instructions and the digests of all parts but resources, in hexadecimal digits.
    digest: String,
    /// The version of the protocol that was agreed on.
    protocol_version: String,
    /// What the server calls itself.
    server_name: String,
    /// Its version.
    server_version: String,
    /// What it tells models.
    instructions: Option<String>,
    /// Its tools, prompts, resources and templates of resources, by kind and name.
    items: Vec<McpItem>,
    /// What looks wrong in it, for whoever approves it.
    suspicions: Vec<McpSuspicion>,
    /// Who read it first.
    source: McpManifestSource,
    /// Who asked for that, or reported it.
    reported_by: String,
    /// When it was first said.
    first_seen_at: DateTime<Utc>,
    /// When it was last said.
    last_seen_at: DateTime<Utc>,
    /// When a person approved it last; null when nobody did.
    approved_at: Option<DateTime<Utc>>,
    /// Who, as `user:<id>`.
    approved_by: Option<String>,
    /// Why.
    approval_reason: Option<String>,
}

/// A tool, prompt, resource or template of resources.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct McpItem {
    /// What it is.
    part: McpPart,
    /// Its name; the URI of resources.
    name: String,
    /// SHA-256 of its canonical JSON (RFC 8785): kind, name and definition, in hexadecimal digits.
    digest: String,
    /// What is said of it: title, description, schemas, annotations.
    definition: Json<Map<String, Value>>,
}

/// Something in a manifest that looks wrong: to be read, not a proof.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct McpSuspicion {
    /// What looks wrong.
    kind: McpSuspicionKind,
    /// In what.
    part: McpPart,
    /// Its name; empty for the server as a whole.
    name: String,
    /// Where in it, such as `description`.
    field: String,
    /// The words, with hidden characters made visible.
    words: String,
}

/// A part of a server that is not what was approved.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct McpDrift {
    /// Global id.
    id: ID,
    /// Global id of the manifest that it was first seen in.
    manifest_id: ID,
    /// What became of the part.
    kind: McpDriftKind,
    /// What the part is.
    part: McpPart,
    /// Its name; empty for the server as a whole.
    name: String,
    /// What of it changed, such as `description` or `inputSchema.properties.city.type`; empty where it is
    /// new or gone.
    field: String,
    /// What was approved, shortened, with hidden characters made visible.
    before: Option<String>,
    /// What it says now, the same way.
    after: Option<String>,
    /// How bad that is.
    severity: Severity,
    /// When it was seen.
    detected_at: DateTime<Utc>,
    /// When a person settled it, by approving what the server says.
    settled_at: Option<DateTime<Utc>>,
    /// Who, as `user:<id>`.
    settled_by: Option<String>,
}

impl From<DomainItem> for McpItem {
    fn from(item: DomainItem) -> Self {
        Self {
            digest: item.digest_hex(),
            part: item.part.into(),
            name: item.name,
            definition: Json(item.definition),
        }
    }
}

impl From<DomainSuspicion> for McpSuspicion {
    fn from(it: DomainSuspicion) -> Self {
        Self {
            kind: it.kind.into(),
            part: it.part.into(),
            name: it.name,
            field: it.field,
            words: it.words,
        }
    }
}

impl From<ManifestRow> for McpManifest {
    fn from(row: ManifestRow) -> Self {
        Self {
            id: global_id("McpManifest", row.id),
            digest: row.digest,
            protocol_version: row.said.protocol_version,
            server_name: row.said.server_name,
            server_version: row.said.server_version,
            instructions: row.said.instructions,
            items: row.said.items.into_iter().map(McpItem::from).collect(),
            suspicions: row.suspicions.into_iter().map(McpSuspicion::from).collect(),
            source: row.source.into(),
            reported_by: row.reported_by,
            first_seen_at: row.first_seen_at,
            last_seen_at: row.last_seen_at,
            approved_at: row.approved_at,
            approved_by: row.approved_by,
            approval_reason: row.approval_reason,
        }
    }
}

impl From<DriftRow> for McpDrift {
    fn from(row: DriftRow) -> Self {
        Self {
            id: global_id("McpDrift", row.id),
            manifest_id: global_id("McpManifest", row.manifest),
            kind: row.difference.kind.into(),
            part: row.difference.part.into(),
            name: row.difference.name,
            field: row.difference.field,
            before: row.difference.before,
            after: row.difference.after,
            severity: row.severity.into(),
            detected_at: row.detected_at,
            settled_at: row.settled_at,
            settled_by: row.settled_by,
        }
    }
}

connection!(
    McpManifestConnection,
    McpManifestEdge,
    McpManifest,
    ManifestRow,
    "McpManifest"
);
connection!(
    McpDriftConnection,
    McpDriftEdge,
    McpDrift,
    DriftRow,
    "McpDrift"
);

async fn manifest(context: &Context<'_>, id: Option<McpManifestId>) -> Result<Option<McpManifest>> {
    let request = RequestContext::of(context)?;
    let Some(id) = id else { return Ok(None) };
    let found = request.agents()?.load_one(id).await.map_err(fault)?;
    Ok(found.map(McpManifest::from))
}

#[ComplexObject]
impl McpServer {
    /// What a person approved last; null while nobody did.
    #[graphql(complexity = "5 + child_complexity")]
    async fn approved_manifest(&self, context: &Context<'_>) -> Result<Option<McpManifest>> {
        manifest(context, self.approved).await
    }

    /// What it said last; null while nobody asked.
    #[graphql(complexity = "5 + child_complexity")]
    async fn observed_manifest(&self, context: &Context<'_>) -> Result<Option<McpManifest>> {
        manifest(context, self.observed).await
    }

    /// All that it said of itself, newest first. Of what nobody approved the last 50 are kept.
    async fn manifests(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
    ) -> Result<McpManifestConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("McpManifest", first, after, None, None)?;
        let found = request.app.list_mcp_manifests(&permit, self.key, page);
        Ok(found.await.map_err(fault)?.into())
    }

    /// How it differed from what was approved, newest first.
    async fn drifts(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Only what is settled, or what is not; all when left out.")]
        is_settled: Option<bool>,
    ) -> Result<McpDriftConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("McpDrift", first, after, None, None)?;
        let found = request
            .app
            .list_mcp_drifts(&permit, self.key, is_settled, page);
        Ok(found.await.map_err(fault)?.into())
    }

    /// What the words of agents about it come to now.
    #[graphql(complexity = "5 + child_complexity")]
    async fn confidence(&self, context: &Context<'_>) -> Result<McpConfidence> {
        Ok(confidence(context, self.key).await?.into())
    }

    /// What agents say they saw of it, newest first: the last word of each, and all that were taken back.
    async fn attestations(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
    ) -> Result<McpAttestationConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("McpAttestation", first, after, None, None)?;
        let filter = McpAttestationFilter {
            server: Some(self.key),
            ..McpAttestationFilter::default()
        };
        let found = request.app.list_mcp_attestations(&permit, &filter, page);
        Ok(found.await.map_err(fault)?.into())
    }

    /// How agents use it.
    #[graphql(complexity = "5 + child_complexity")]
    async fn usage(&self, context: &Context<'_>) -> Result<McpServerUsage> {
        let request = RequestContext::of(context)?;
        let key = UsageOf(self.key);
        let found = request.agents()?.load_one(key).await.map_err(fault)?;
        Ok(
            found.map_or_else(McpServerUsage::default, |(total, agent_count)| {
                McpServerUsage {
                    total: total.into(),
                    agent_count,
                }
            }),
        )
    }

    /// The agents that use it with how each does, those registered last first.
    async fn agent_usages(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
    ) -> Result<McpAgentUsageConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("McpAgentUsage", first, after, None, None)?;
        let found = request.app.list_mcp_agent_usage(&permit, self.key, page);
        Ok(found.await.map_err(fault)?.into())
    }

    /// The agents whose `talksTo` names it, newest first.
    async fn connected_agents(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
    ) -> Result<AgentConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("Agent", first, after, None, None)?;
        let found = request
            .app
            .list_mcp_clients(&permit, self.name.clone(), page);
        Ok(found.await.map_err(fault)?.into())
    }
}
