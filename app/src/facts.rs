//! Everything that decisions and admissions depend on, of one agent or of many at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aim_domain::id::{AgentId, AgentKeyId, OrganizationId};
use aim_domain::signature::PublicKey;
use aim_domain::verification::AgentFacts;
use aim_store::agents::Agent;
use chrono::{DateTime, Utc};

use crate::grant_approval::approval_facts;
use crate::{App, AppError};

/// Agents that are read from the database at once.
const CHUNK: usize = 512;

impl App {
    /// The key with this thumbprint and whose it is.
    pub(crate) async fn find_key(
        &self,
        key_id: &str,
    ) -> Result<Option<(AgentId, AgentKeyId, OrganizationId, PublicKey)>, AppError> {
        let known = self.cache.key_owner(key_id);
        let owner = match known {
            Some(owner) => Some(owner),
            None => self.load_key_owners(&[key_id]).await?.remove(key_id),
        };
        let Some((agent, id)) = owner else {
            return Ok(None);
        };
        let mut facts = self.facts(agent).await?;
        if !facts.keys.iter().any(|key| key.id == id) {
            // Brought since on another node, or ended long ago.
            let generation = self.cache.generation(agent);
            facts = Arc::new(self.load_facts(agent).await?);
            self.cache.keep(&facts, generation);
        }
        let Some(key) = facts.keys.iter().find(|key| key.id == id) else {
            return Ok(None);
        };
        if known.is_none() {
            self.cache.keep_owner(agent, key);
        }
        Ok(Some((
            agent,
            id,
            facts.organization,
            key.public_key.clone(),
        )))
    }

    /// The facts of the agent that has this key, with the key, if they are in memory.
    #[must_use]
    pub fn known_producer(
        &self,
        key_id: &str,
        now: DateTime<Utc>,
    ) -> Option<(Arc<AgentFacts>, PublicKey)> {
        let (agent, key) = self.cache.key_owner(key_id)?;
        let facts = self.cache.agent(agent, now)?;
        let key = facts.keys.iter().find(|it| it.id == key)?;
        let key = key.public_key.clone();
        Some((facts, key))
    }

    /// The facts of an agent, if they are in memory.
    #[must_use]
    pub fn known_facts(&self, id: AgentId, now: DateTime<Utc>) -> Option<Arc<AgentFacts>> {
        self.cache.agent(id, now)
    }

    /// The facts of the agents that have these keys, with the key; unknown ones are left out.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn find_producers<'a>(
        &self,
        key_ids: &HashSet<&'a str>,
    ) -> Result<HashMap<&'a str, (Arc<AgentFacts>, PublicKey)>, AppError> {
        let mut owners = HashMap::with_capacity(key_ids.len());
        let mut cold = Vec::new();
        for key_id in key_ids {
            match self.cache.key_owner(key_id) {
                Some(owner) => drop(owners.insert(*key_id, owner)),
                None => cold.push(*key_id),
            }
        }
        for chunk in cold.chunks(CHUNK) {
            owners.extend(self.load_key_owners(chunk).await?);
        }
        let agents = owners.values().map(|(agent, _)| *agent).collect();
        let mut facts = self.find_facts(&agents).await?;
        let lacks = |(agent, key): &&(AgentId, AgentKeyId)| {
            let known = facts.get(agent).map(|facts| facts.keys.iter());
            known.is_some_and(|mut keys| !keys.any(|it| it.id == *key))
        };
        // Brought since on another node: nobody's events are given up for being early.
        let stale: HashSet<AgentId> = owners.values().filter(lacks).map(|it| it.0).collect();
        let stale: Vec<AgentId> = stale.into_iter().collect();
        self.load_into(&stale, &mut facts).await?;
        let with_key = |(key_id, (agent, key)): (&'a str, (AgentId, AgentKeyId))| {
            let facts = facts.get(&agent)?;
            let key = facts.keys.iter().find(|it| it.id == key)?;
            self.cache.keep_owner(agent, key);
            Some((key_id, (Arc::clone(facts), key.public_key.clone())))
        };
        Ok(owners.into_iter().filter_map(with_key).collect())
    }

    async fn load_key_owners<'a>(
        &self,
        key_ids: &[&'a str],
    ) -> Result<HashMap<&'a str, (AgentId, AgentKeyId)>, AppError> {
        let found = self.store.find_key_owners(&padded(key_ids)).await?;
        let found = found.into_iter();
        let found: HashMap<_, _> = found.map(|(id, agent, key)| (id, (agent, key))).collect();
        let known = key_ids.iter().map(|key_id| (*key_id, found.get(*key_id)));
        Ok(known.filter_map(|(id, it)| Some((id, *it?))).collect())
    }

    /// The facts of these agents, of any organization; unknown ones are left out.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn find_facts(
        &self,
        ids: &HashSet<AgentId>,
    ) -> Result<HashMap<AgentId, Arc<AgentFacts>>, AppError> {
        let now = self.clock.now();
        let mut found = HashMap::with_capacity(ids.len());
        let mut cold = Vec::new();
        for id in ids {
            match self.cache.agent(*id, now) {
                Some(facts) => drop(found.insert(*id, facts)),
                None => cold.push(*id),
            }
        }
        self.load_into(&cold, &mut found).await?;
        Ok(found)
    }

    /// Reads the facts of agents from the database, for the cache and for `found`.
    async fn load_into(
        &self,
        ids: &[AgentId],
        found: &mut HashMap<AgentId, Arc<AgentFacts>>,
    ) -> Result<(), AppError> {
        for chunk in ids.chunks(CHUNK) {
            let generations = chunk.iter().map(|id| (*id, self.cache.generation(*id)));
            let generations: HashMap<_, _> = generations.collect();
            for facts in self.load_many(chunk).await? {
                let facts = Arc::new(facts);
                if let Some(generation) = generations.get(&facts.agent) {
                    self.cache.keep(&facts, *generation);
                }
                found.insert(facts.agent, facts);
            }
        }
        Ok(())
    }

    /// Everything a decision about this agent depends on: from memory when warm.
    pub(crate) async fn facts(&self, id: AgentId) -> Result<Arc<AgentFacts>, AppError> {
        let mut found = self.find_facts(&HashSet::from([id])).await?;
        found
            .remove(&id)
            .ok_or_else(|| AppError::not_found("agent"))
    }

    /// The same, from the database.
    pub(crate) async fn load_facts(&self, id: AgentId) -> Result<AgentFacts, AppError> {
        let mut found = self.load_many(&[id]).await?;
        found.pop().ok_or_else(|| AppError::not_found("agent"))
    }

    async fn load_many(&self, ids: &[AgentId]) -> Result<Vec<AgentFacts>, AppError> {
        let ids = &padded(ids);
        let agents = self.store.load_agents_of_all(ids).await?;
        let mut organizations = HashMap::new();
        for agent in &agents {
            let id = agent.organization;
            if !organizations.contains_key(&id)
                && let Some(found) = self.store.find_organization(id).await?
            {
                let classes = self.store.load_action_classes(id).await?;
                let policies = self.policies_of(id).await?;
                let servers = self.mcp_facts_of(id).await?;
                let classes = self.classes.share(id, classes);
                organizations.insert(id, (found, classes, policies, servers));
            }
        }
        let mut keys: HashMap<AgentId, Vec<_>> = HashMap::new();
        for (agent, key) in self.store.list_keys(ids).await? {
            keys.entry(agent).or_default().push(key);
        }
        let mut grants: HashMap<AgentId, Vec<_>> = HashMap::new();
        for record in self.store.list_grants(ids).await? {
            grants.entry(record.agent).or_default().push(record.grant);
        }
        let mut beforehand: HashMap<AgentId, Vec<_>> = HashMap::new();
        for record in self.store.list_live_approval_grants(ids).await? {
            let of_agent = beforehand.entry(record.agent).or_default();
            of_agent.push(record.grant);
        }
        let mut chains = self.load_chains(ids).await?;
        let facts = agents.into_iter().filter_map(|agent: Agent| {
            let (organization, classes, policies, servers) =
                organizations.get(&agent.organization)?;
            Some(AgentFacts {
                agent: agent.id,
                organization: agent.organization,
                keys: exact(keys.remove(&agent.id)),
                grants: exact(grants.remove(&agent.id)),
                delegations: exact(chains.remove(&agent.id)),
                name: agent.name,
                status: agent.status,
                trust: agent.trust,
                trust_override: agent.trust_override.map(Box::new),
                kill_switch: agent.kill_switch.map(Box::new),
                organization_kill_switch: organization.kill_switch.clone().map(Box::new),
                settings: organization.settings,
                action_classes: classes.clone(),
                agent_type: agent.agent_type,
                tags: agent.tags.into(),
                policies: policies.clone(),
                approvals: approval_facts(
                    organization.approvals.as_ref(),
                    exact(beforehand.remove(&agent.id)),
                ),
                mcp: servers.clone(),
            })
        });
        Ok(facts.collect())
    }
}

/// Without the room to grow that a list has which was filled one by one: most agents have one key.
fn exact<T>(list: Option<Vec<T>>) -> Vec<T> {
    let mut list = list.unwrap_or_default();
    list.shrink_to_fit();
    list
}

/// As many as the next power of two, the last one again and again: a statement for each number of
/// ids would crowd the others out of the connection's cache.
fn padded<T: Copy>(ids: &[T]) -> Vec<T> {
    let mut padded = ids.to_vec();
    if let Some(last) = ids.last() {
        padded.resize(ids.len().next_power_of_two(), *last);
    }
    padded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_padded_to_powers_of_two() {
        for (length, wanted) in [(0, 0), (1, 1), (2, 2), (3, 4), (300, 512), (512, 512)] {
            let ids: Vec<usize> = (0..length).collect();
            let found = padded(&ids);
            assert_eq!(found.len(), wanted);
            assert_eq!(found[..length], ids);
            assert!(found[length..].iter().all(|id| *id + 1 == length));
        }
    }
}
