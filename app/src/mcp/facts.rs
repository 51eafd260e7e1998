//! What decisions know of servers: one copy for all agents of an organization.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use aim_domain::id::{McpServerId, OrganizationId};
use aim_domain::mcp::{McpFacts, McpServerFacts};
use aim_store::mcp_manifests::McpDrift;
use parking_lot::Mutex;

use crate::{App, AppError};

/// Differences that are named in a reason; the rest is counted.
const NAMED: usize = 3;

/// One copy of each organization's servers, however many of its agents are in memory.
#[derive(Debug, Default)]
pub(crate) struct SharedServers(Mutex<HashMap<OrganizationId, (i64, Weak<McpFacts>)>>);

impl SharedServers {
    fn get(&self, organization: OrganizationId, revision: i64) -> Option<Arc<McpFacts>> {
        let all = self.0.lock();
        let (of, servers) = all.get(&organization)?;
        servers.upgrade().filter(|_| *of == revision)
    }

    fn put(&self, organization: OrganizationId, revision: i64, new: &Arc<McpFacts>) {
        let mut all = self.0.lock();
        all.retain(|_, (_, weak)| weak.strong_count() > 0);
        all.insert(organization, (revision, Arc::downgrade(new)));
    }
}

impl App {
    /// The servers of an organization, for decisions; `None` when there are none.
    pub(crate) async fn mcp_facts_of(
        &self,
        organization: OrganizationId,
    ) -> Result<Option<Arc<McpFacts>>, AppError> {
        // First the number, then the servers: what is read is never older than its number says.
        let revision = self.store.find_mcp_revision(organization).await?;
        if revision == 0 {
            return Ok(None);
        }
        if let Some(same) = self.mcp_servers.get(organization, revision) {
            return Ok(Some(same));
        }
        let mut drifts: HashMap<McpServerId, Vec<McpDrift>> = HashMap::new();
        for drift in self.store.load_mcp_drifts(organization).await? {
            drifts.entry(drift.server).or_default().push(drift);
        }
        let mut facts = McpFacts::default();
        for server in self.store.load_mcp_servers(organization).await? {
            let drift = drifts.remove(&server.id).unwrap_or_default();
            let is_in_drift = server.drift_since.is_some() || !drift.is_empty();
            let known = McpServerFacts {
                id: server.id,
                status: server.status,
                drift: is_in_drift.then(|| in_words(&drift).into()),
            };
            facts.add(&server.name, server.url.as_deref(), known);
        }
        let facts = Arc::new(facts);
        self.mcp_servers.put(organization, revision, &facts);
        Ok(Some(facts))
    }
}

fn in_words(drifts: &[McpDrift]) -> String {
    let named: Vec<String> = drifts
        .iter()
        .take(NAMED)
        .map(|drift| drift.difference.words())
        .collect();
    match drifts.len().saturating_sub(NAMED) {
        0 if named.is_empty() => "something changed".to_owned(),
        0 => named.join(", "),
        more => format!("{}, and {more} more", named.join(", ")),
    }
}
