//! Facts in memory, so that a warm decision reads no SQL.
//!
//! Kept true by the follower of the event log (see `follow`). Two guards:
//! - a load that began before a change was heard of is not kept (generation check);
//! - when the follower has not been heard for [`LIVE_SECONDS`], the cache is not believed and every
//!   decision reads the database: a node that is cut off fails closed, not stale.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use aim_domain::delegation::DelegationFacts;
use aim_domain::id::{AgentId, AgentKeyId, OrganizationId};
use aim_domain::trust::TrustScore;
use aim_domain::verification::{AgentFacts, KeyFacts};
use chrono::{DateTime, Utc};
use quick_cache::sync::{Cache, EntryAction};

/// How long the cache is believed without a word from the follower, in seconds.
const LIVE_SECONDS: i64 = 2;
/// Counters of changes.
const GENERATIONS: usize = 256;

/// What was known to have changed when a load began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Generation {
    own: u64,
    delegated: u64,
}

/// The cache.
#[derive(Debug)]
pub(crate) struct FactsCache {
    agents: Cache<AgentId, Arc<AgentFacts>>,
    keys: Cache<Arc<str>, (AgentId, AgentKeyId)>,
    /// One counter for many agents: a change of one rarely spoils the load of another.
    generations: Box<[AtomicU64]>,
    /// One for all that act for others: what holds for one of them hangs on several agents.
    delegated: AtomicU64,
    /// Whether there ever were such facts here.
    has_delegated: AtomicBool,
    heard_micros: AtomicI64,
}

impl FactsCache {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            agents: Cache::new(capacity),
            keys: Cache::new(capacity.saturating_mul(2)),
            generations: (0..GENERATIONS).map(|_| AtomicU64::new(0)).collect(),
            delegated: AtomicU64::new(0),
            has_delegated: AtomicBool::new(false),
            heard_micros: AtomicI64::new(i64::MIN),
        }
    }

    /// The follower was here and knows everything up to `now`.
    pub(crate) fn heard(&self, now: DateTime<Utc>) {
        self.heard_micros
            .store(now.timestamp_micros(), Ordering::Release);
    }

    /// Whether the follower was here lately.
    pub(crate) fn is_live(&self, now: DateTime<Utc>) -> bool {
        let silent = now
            .timestamp_micros()
            .saturating_sub(self.heard_micros.load(Ordering::Acquire));
        silent < LIVE_SECONDS * 1_000_000
    }

    pub(crate) fn agent(&self, id: AgentId, now: DateTime<Utc>) -> Option<Arc<AgentFacts>> {
        if self.is_live(now) {
            self.agents.get(&id)
        } else {
            None
        }
    }

    pub(crate) fn key_owner(&self, key_id: &str) -> Option<(AgentId, AgentKeyId)> {
        // The owner of a key never changes; whether the key is live is among the agent's facts.
        self.keys.get(key_id)
    }

    /// Remembers whose a key is that somebody signed with; most agents of a fleet that signs nothing
    /// need no entry.
    pub(crate) fn keep_owner(&self, agent: AgentId, key: &KeyFacts) {
        self.keys.insert(Arc::clone(&key.key_id), (agent, key.id));
    }

    /// Call before loading; pass the result to [`Self::keep`].
    pub(crate) fn generation(&self, agent: AgentId) -> Generation {
        Generation {
            own: self.counter(agent).load(Ordering::Acquire),
            delegated: self.delegated.load(Ordering::Acquire),
        }
    }

    fn counter(&self, agent: AgentId) -> &AtomicU64 {
        // The low bits of a version 7 id are random.
        let low = usize::from(agent.as_uuid().as_bytes()[15]);
        &self.generations[low % GENERATIONS]
    }

    pub(crate) fn keep(&self, facts: &Arc<AgentFacts>, loaded_at: Generation) {
        let is_delegated = !facts.delegations.is_empty();
        if is_delegated {
            self.has_delegated.store(true, Ordering::Release);
        }
        self.agents.insert(facts.agent, Arc::clone(facts));
        // A change that was heard of meanwhile may not be in what was loaded.
        let now = self.generation(facts.agent);
        if now.own != loaded_at.own || (is_delegated && now.delegated != loaded_at.delegated) {
            self.agents.remove(&facts.agent);
        }
    }

    /// Something changed of an agent: of itself, and of all that act for it.
    pub(crate) fn forget(&self, agent: AgentId) {
        self.counter(agent).fetch_add(1, Ordering::AcqRel);
        self.delegated.fetch_add(1, Ordering::AcqRel);
        self.agents.remove(&agent);
        if self.has_delegated.load(Ordering::Acquire) {
            let hangs_on = |chain: &DelegationFacts| chain.involves(agent);
            self.agents
                .retain(|_, facts| !facts.delegations.iter().any(hangs_on));
        }
    }

    /// Something changed that holds for all agents of an organization.
    pub(crate) fn forget_organization(&self, organization: OrganizationId) {
        // First the counters: what is being loaded meanwhile is not kept.
        for counter in &self.generations {
            counter.fetch_add(1, Ordering::AcqRel);
        }
        self.agents
            .retain(|_, facts| facts.organization != organization);
    }

    /// A score moved: the facts stay warm, only the score changes, and where they lie. Copies of all
    /// agents' facts, made as their first scores come, would leave as many holes between them. Who
    /// holds the facts keeps those of before.
    pub(crate) fn set_trust(&self, agent: AgentId, trust: Option<TrustScore>) {
        self.counter(agent).fetch_add(1, Ordering::AcqRel);
        if self.agents.contains_key(&agent) {
            // Forgotten since, they are not there again: the place that is held for them is given up.
            drop(self.agents.entry(&agent, None, |_, facts| {
                if facts.trust != trust {
                    Arc::make_mut(facts).trust = trust;
                }
                EntryAction::Retain(())
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aim_domain::agent::{AgentStatus, AgentType};
    use aim_domain::delegation::DelegationLink;
    use aim_domain::id::DelegationId;
    use aim_domain::verification::DecisionSettings;
    use uuid::Uuid;

    fn facts(agent: u128, organization: u128) -> Arc<AgentFacts> {
        Arc::new(AgentFacts {
            agent: AgentId::from_uuid(Uuid::from_u128(agent)),
            organization: OrganizationId::from_uuid(Uuid::from_u128(organization)),
            name: agent.to_string(),
            status: AgentStatus::Verified,
            keys: Vec::new(),
            grants: Vec::new(),
            delegations: Vec::new(),
            trust: None,
            trust_override: None,
            kill_switch: None,
            organization_kill_switch: None,
            settings: DecisionSettings::default(),
            action_classes: None,
            agent_type: AgentType::Custom,
            tags: Box::default(),
            policies: None,
            approvals: None,
            mcp: None,
        })
    }

    #[test]
    fn what_changes_of_an_agent_is_forgotten_of_all_that_act_for_it() {
        let now = DateTime::UNIX_EPOCH;
        let cache = FactsCache::new(100);
        cache.heard(now);
        let acting_for = |agent: u128, delegator: u128| {
            let link = DelegationLink {
                id: DelegationId::from_uuid(Uuid::nil()),
                delegator: AgentId::from_uuid(Uuid::from_u128(delegator)),
                limits: Vec::new(),
                expires_at: now,
                is_broken: false,
            };
            let chain = DelegationFacts {
                links: vec![link],
                grants: Vec::new(),
            };
            Arc::new(AgentFacts {
                delegations: vec![chain],
                ..facts(agent, 7).as_ref().clone()
            })
        };
        let (first, second, alone) = (acting_for(1, 9), acting_for(2, 8), facts(3, 7));
        for facts in [&first, &second, &alone] {
            cache.keep(facts, cache.generation(facts.agent));
        }
        let loading = acting_for(4, 9);
        let began = cache.generation(loading.agent);
        cache.forget(AgentId::from_uuid(Uuid::from_u128(9)));
        cache.keep(&loading, began);
        let warm = |facts: &Arc<AgentFacts>| cache.agent(facts.agent, now).is_some();
        assert_eq!(
            [&first, &second, &alone, &loading].map(warm),
            [false, true, true, false]
        );
    }

    #[test]
    fn a_score_changes_where_the_facts_lie_and_not_for_who_holds_them() {
        let now = DateTime::UNIX_EPOCH;
        let cache = FactsCache::new(100);
        cache.heard(now);
        let [first, second] = [1, 2].map(TrustScore::from_ten_thousandths);
        let id = AgentId::from_uuid(Uuid::from_u128(1));
        cache.set_trust(id, Some(first));
        assert!(cache.agent(id, now).is_none());
        cache.keep(&facts(1, 7), cache.generation(id));
        let place = cache.agent(id, now).as_ref().map(Arc::as_ptr);
        cache.set_trust(id, Some(first));
        let held = cache.agent(id, now).unwrap();
        assert_eq!((place, held.trust), (Some(Arc::as_ptr(&held)), Some(first)));
        cache.set_trust(id, Some(second));
        assert_eq!(held.trust, Some(first));
        assert_eq!(cache.agent(id, now).unwrap().trust, Some(second));
    }

    #[test]
    fn what_changes_for_an_organization_is_forgotten_of_all_its_agents_and_of_no_other() {
        let now = DateTime::UNIX_EPOCH;
        let cache = FactsCache::new(100);
        cache.heard(now);
        let all = [facts(1, 7), facts(2, 7), facts(3, 8)];
        for facts in &all {
            cache.keep(facts, cache.generation(facts.agent));
        }
        // The load of one of them is under way when the change is heard of.
        let loading = facts(4, 7);
        let began = cache.generation(loading.agent);
        cache.forget_organization(all[0].organization);
        cache.keep(&loading, began);
        let warm = |facts: &AgentFacts| cache.agent(facts.agent, now).is_some();
        let found: Vec<_> = all.iter().map(|facts| warm(facts)).collect();
        assert_eq!(found, [false, false, true]);
        assert!(!warm(&loading));
    }
}
