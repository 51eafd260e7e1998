//! Chains of delegation as facts: read from the database together with the agents that they end at.

use std::collections::{HashMap, HashSet};

use aim_domain::capability::CapabilityGrant;
use aim_domain::delegation::{DELEGATION_DEPTH_MAX, DelegationFacts, DelegationLink};
use aim_domain::id::{AgentId, AgentKeyId, DelegationId};
use aim_store::agents::Agent;
use aim_store::delegations::Delegation;

use crate::{App, AppError};

/// What the links of some chains depend on.
struct Ground {
    all: HashMap<DelegationId, Delegation>,
    delegators: HashMap<AgentId, Agent>,
    revoked: HashSet<AgentKeyId>,
    grants: HashMap<AgentId, Vec<CapabilityGrant>>,
}

impl App {
    /// The chains that end at each of these agents. One statement where there are none.
    pub(crate) async fn load_chains(
        &self,
        agents: &[AgentId],
    ) -> Result<HashMap<AgentId, Vec<DelegationFacts>>, AppError> {
        let last = self.store.list_delegations_to(agents).await?;
        if last.is_empty() {
            return Ok(HashMap::new());
        }
        let ground = self.ground(&last).await?;
        let mut chains: HashMap<AgentId, Vec<DelegationFacts>> = HashMap::new();
        for delegation in last {
            let chain = ground.chain(&delegation);
            chains.entry(delegation.delegate).or_default().extend(chain);
        }
        Ok(chains)
    }

    async fn ground(&self, last: &[Delegation]) -> Result<Ground, AppError> {
        let mut all: HashMap<_, _> = last.iter().map(|it| (it.id, it.clone())).collect();
        for _ in 0..DELEGATION_DEPTH_MAX {
            let parents: HashSet<_> = all.values().filter_map(|it| it.parent).collect();
            let missing: Vec<_> = parents
                .into_iter()
                .filter(|id| !all.contains_key(id))
                .collect();
            if missing.is_empty() {
                break;
            }
            let found = self.store.load_delegations(&missing).await?;
            all.extend(found.into_iter().map(|it| (it.id, it)));
        }
        let delegators: HashSet<_> = all.values().map(|it| it.delegator).collect();
        let delegators: Vec<_> = delegators.into_iter().collect();
        let keys: Vec<_> = all.values().map(|it| it.key).collect();
        let revoked = self.store.list_revoked_keys(&keys).await?;
        let mut grants: HashMap<AgentId, Vec<_>> = HashMap::new();
        for record in self.store.list_grants(&delegators).await? {
            grants.entry(record.agent).or_default().push(record.grant);
        }
        let agents = self.store.load_agents_of_all(&delegators).await?;
        Ok(Ground {
            all,
            delegators: agents.into_iter().map(|it| (it.id, it)).collect(),
            revoked: revoked.into_iter().collect(),
            grants,
        })
    }
}

impl Ground {
    /// The chain up to `last`; `None` where a link is missing or it has more than there may be.
    fn chain(&self, last: &Delegation) -> Option<DelegationFacts> {
        let mut links = vec![self.link(last)?];
        let mut first = last;
        while let Some(parent) = first.parent {
            let parent = self.all.get(&parent)?;
            // Each hands on what it was given itself.
            if parent.delegate != first.delegator || links.len() >= DELEGATION_DEPTH_MAX {
                return None;
            }
            links.push(self.link(parent)?);
            first = parent;
        }
        links.reverse();
        let grants = self.grants.get(&first.delegator).cloned();
        Some(DelegationFacts {
            links,
            grants: grants.unwrap_or_default(),
        })
    }

    fn link(&self, delegation: &Delegation) -> Option<DelegationLink> {
        let delegator = self.delegators.get(&delegation.delegator)?;
        let may_act = delegator.status.may_act() && delegator.kill_switch.is_none();
        Some(DelegationLink {
            id: delegation.id,
            delegator: delegation.delegator,
            limits: delegation.limits.clone(),
            expires_at: delegation.expires_at,
            is_broken: delegation.revoked_at.is_some()
                || !may_act
                || self.revoked.contains(&delegation.key),
        })
    }
}
