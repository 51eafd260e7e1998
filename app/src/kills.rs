//! Kill switches engaged since this process began to follow the event log.
//!
//! Who is stopped is asked of the facts. This is for what was let in before: an agent's websocket and
//! its subscriptions live on for as long as its credential, and are held against this at each step.

use std::collections::HashSet;

use aim_domain::event::{AgentChange, Fact, OrganizationChange};
use aim_domain::id::{AgentId, OrganizationId};
use parking_lot::RwLock;

/// The engaged ones. People engage few, and each goes when it is released.
#[derive(Debug, Default)]
pub(crate) struct Kills {
    agents: RwLock<HashSet<AgentId>>,
    organizations: RwLock<HashSet<OrganizationId>>,
}

impl Kills {
    /// Whether a switch that was heard of stops this agent.
    pub(crate) fn stops(&self, agent: AgentId, organization: OrganizationId) -> bool {
        self.agents.read().contains(&agent) || self.organizations.read().contains(&organization)
    }

    /// Hears a fact, in the order of the event log.
    pub(crate) fn heed(&self, fact: &Fact) {
        match fact {
            Fact::AgentChanged(changed) => {
                if let AgentChange::KillSwitch { to } = &changed.change {
                    put(&self.agents, changed.agent, to.is_some());
                }
            }
            Fact::OrganizationChanged(changed) => {
                if let OrganizationChange::KillSwitch { to } = &changed.change {
                    put(&self.organizations, changed.organization, to.is_some());
                }
            }
            _ => {}
        }
    }
}

fn put<T: Eq + std::hash::Hash>(set: &RwLock<HashSet<T>>, id: T, is_engaged: bool) {
    let mut set = set.write();
    if is_engaged {
        set.insert(id);
    } else {
        set.remove(&id);
    }
}
