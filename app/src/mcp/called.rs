//! What the stream asks of servers that agents call: what others said of them, and which of them nobody
//! knows.

use std::collections::HashMap;

use aim_domain::id::{AgentId, McpServerId, OrganizationId};
use aim_domain::mcp::{McpStanding, McpWord};
use aim_domain::name::McpServerName;
use chrono::{DateTime, Utc};

use super::sightings::Sighted;
use crate::{App, AppError};

/// A call of a registered server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct McpCallSeen {
    /// Who called.
    pub agent: AgentId,
    /// Which server.
    pub server: McpServerId,
    /// When.
    pub at: DateTime<Utc>,
}

impl App {
    /// What others said of the servers of these calls, in their order. Words of the caller's own person do
    /// not count.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn judge_mcp_calls(
        &self,
        calls: &[McpCallSeen],
    ) -> Result<Vec<Option<McpStanding>>, AppError> {
        let unknown = || vec![None; calls.len()];
        if !self.is_attesting || calls.is_empty() {
            return Ok(unknown());
        }
        let mut servers: Vec<_> = calls.iter().map(|it| it.server).collect();
        servers.sort_unstable();
        servers.dedup();
        let mut words: HashMap<McpServerId, Vec<McpWord>> = HashMap::new();
        let now = self.clock.now();
        for counted in self.store.load_mcp_words(&servers, now).await? {
            words.entry(counted.server).or_default().push(counted.word);
        }
        if words.is_empty() {
            return Ok(unknown());
        }
        let attested = calls.iter().filter(|it| words.contains_key(&it.server));
        let mut agents: Vec<_> = attested.map(|it| it.agent).collect();
        agents.sort_unstable();
        agents.dedup();
        let agents = self.store.load_agents_of_all(&agents).await?;
        let sponsors: HashMap<_, _> = agents
            .into_iter()
            .map(|it| (it.id, it.created_by))
            .collect();
        let judged = calls.iter().map(|call| {
            let words = words.get(&call.server)?;
            let standing = McpStanding::of(words, sponsors.get(&call.agent)?, call.at);
            standing.is_known().then_some(standing)
        });
        Ok(judged.collect())
    }

    /// Writes servers down that agents called and nobody registered, in the discovery inbox. What may not
    /// be written does not stop the caller.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn note_called_servers(
        &self,
        called: Vec<(OrganizationId, AgentId, String)>,
    ) -> Result<(), AppError> {
        if !self.is_attesting {
            return Ok(());
        }
        let now = self.clock.now();
        let mut due: HashMap<(OrganizationId, AgentId), Vec<Sighted>> = HashMap::new();
        for (organization, agent, name) in called {
            let is_name = McpServerName::parse(name.clone()).is_ok();
            if is_name && self.called_servers.is_due(organization, &name, now) {
                let of_agent = due.entry((organization, agent)).or_default();
                of_agent.push(Sighted::called(name));
            }
        }
        for ((organization, agent), seen) in due {
            self.note_sighted(organization, agent, seen).await?;
        }
        Ok(())
    }
}
