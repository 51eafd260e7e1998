//! Loaders: what a list's items need, in one statement for all.

use std::collections::HashMap;
use std::sync::Arc;

use aim_app::{App, AppError, McpConfidence, Permit};
use aim_domain::analytics::McpUsage;
use aim_domain::id::{AgentId, McpManifestId, McpServerId, UserId, VerificationId};
use aim_store::agents::Agent;
use aim_store::approvals::ApprovalAnswer;
use aim_store::grants::GrantRecord;
use aim_store::mcp_manifests::McpManifest;
use aim_store::mcp_servers::McpServer;
use aim_store::users::User;
use async_graphql::dataloader::Loader;

/// Loads agents, people and MCP servers of the permit's organization.
pub(crate) struct AgentLoader {
    pub(super) app: Arc<App>,
    pub(super) permit: Permit,
}

impl Loader<AgentId> for AgentLoader {
    type Value = Agent;
    type Error = AppError;

    async fn load(&self, ids: &[AgentId]) -> Result<HashMap<AgentId, Agent>, AppError> {
        let agents = self.app.load_agents(&self.permit, ids).await?;
        Ok(agents.into_iter().map(|agent| (agent.id, agent)).collect())
    }
}

impl Loader<UserId> for AgentLoader {
    type Value = User;
    type Error = AppError;

    async fn load(&self, ids: &[UserId]) -> Result<HashMap<UserId, User>, AppError> {
        let users = self.app.load_users(&self.permit, ids).await?;
        Ok(users.into_iter().map(|user| (user.id, user)).collect())
    }
}

impl Loader<McpServerId> for AgentLoader {
    type Value = McpServer;
    type Error = AppError;

    async fn load(&self, ids: &[McpServerId]) -> Result<HashMap<McpServerId, McpServer>, AppError> {
        let found = self.app.find_mcp_servers(&self.permit, ids).await?;
        Ok(found.into_iter().map(|it| (it.id, it)).collect())
    }
}

impl Loader<McpManifestId> for AgentLoader {
    type Value = McpManifest;
    type Error = AppError;

    async fn load(
        &self,
        ids: &[McpManifestId],
    ) -> Result<HashMap<McpManifestId, McpManifest>, AppError> {
        let found = self.app.load_mcp_manifests(&self.permit, ids).await?;
        Ok(found.into_iter().map(|it| (it.id, it)).collect())
    }
}

/// Loads what belongs to agents that were read already.
pub(crate) struct DetailLoader {
    pub(super) app: Arc<App>,
}

/// Asks for an agent's live grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct GrantsOf(pub(crate) AgentId);

impl Loader<GrantsOf> for DetailLoader {
    type Value = Vec<GrantRecord>;
    type Error = AppError;

    async fn load(
        &self,
        keys: &[GrantsOf],
    ) -> Result<HashMap<GrantsOf, Vec<GrantRecord>>, AppError> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let mut found: HashMap<GrantsOf, Vec<GrantRecord>> = HashMap::new();
        for record in self.app.load_grants(&ids).await? {
            found
                .entry(GrantsOf(record.agent))
                .or_default()
                .push(record);
        }
        Ok(found)
    }
}

/// Asks for what persons said of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct AnswersOf(pub(crate) VerificationId);

impl Loader<AnswersOf> for AgentLoader {
    type Value = Vec<ApprovalAnswer>;
    type Error = AppError;

    async fn load(
        &self,
        keys: &[AnswersOf],
    ) -> Result<HashMap<AnswersOf, Vec<ApprovalAnswer>>, AppError> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = self.app.load_approval_answers(&self.permit, &ids).await?;
        Ok(found
            .into_iter()
            .map(|(id, all)| (AnswersOf(id), all))
            .collect())
    }
}

/// Asks for what the words about an MCP server come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ConfidenceIn(pub(crate) McpServerId);

impl Loader<ConfidenceIn> for AgentLoader {
    type Value = McpConfidence;
    type Error = AppError;

    async fn load(
        &self,
        keys: &[ConfidenceIn],
    ) -> Result<HashMap<ConfidenceIn, McpConfidence>, AppError> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = self.app.load_mcp_confidences(&self.permit, &ids).await?;
        Ok(found
            .into_iter()
            .map(|(id, it)| (ConfidenceIn(id), it))
            .collect())
    }
}

/// Asks for how an MCP server is used, and by how many agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct UsageOf(pub(crate) McpServerId);

impl Loader<UsageOf> for AgentLoader {
    type Value = (McpUsage, u64);
    type Error = AppError;

    async fn load(&self, keys: &[UsageOf]) -> Result<HashMap<UsageOf, Self::Value>, AppError> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = self.app.load_mcp_usage(&self.permit, &ids).await?;
        Ok(found
            .into_iter()
            .map(|(id, it)| (UsageOf(id), it))
            .collect())
    }
}
