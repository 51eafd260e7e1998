//! How MCP servers are used.

use std::collections::HashMap;

use aim_domain::analytics::McpUsage;
use aim_domain::id::McpServerId;
use aim_store::mcp_usage::McpAgentUsage;
use aim_store::{Page, PageRequest};

use crate::{App, AppError, Permit};

impl App {
    /// How servers are used, with how many agents use them; servers that nobody used are left out.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn load_mcp_usage(
        &self,
        permit: &Permit,
        servers: &[McpServerId],
    ) -> Result<HashMap<McpServerId, (McpUsage, u64)>, AppError> {
        Ok(self.store.load_mcp_usage(permit.scope(), servers).await?)
    }

    /// A page of the agents that use a server.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_mcp_agent_usage(
        &self,
        permit: &Permit,
        server: McpServerId,
        page: PageRequest,
    ) -> Result<Page<McpAgentUsage>, AppError> {
        let listed = self
            .store
            .list_mcp_agent_usage(permit.scope(), server, page);
        Ok(listed.await?)
    }
}
