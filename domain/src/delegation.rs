//! Delegation: an agent lets another act with a part of what it may do itself.
//!
//! Delegations form chains. A chain gives nothing unless every link of it does: what the agent at its
//! beginning was granted, narrowed link by link, while each link is neither revoked nor expired and
//! each agent that handed on may act itself.

use chrono::{DateTime, Utc};

use crate::capability::CapabilityGrant;
use crate::id::{AgentId, DelegationId};
use crate::token::TokenLimit;

/// Most links of a chain: who answers for an action has to be told at a glance.
pub const DELEGATION_DEPTH_MAX: usize = 4;
/// Most capabilities of one delegation.
pub const DELEGATION_LIMITS_MAX: usize = 32;
/// Most live delegations to one agent; the decision looks at each.
pub const DELEGATIONS_MAX: u64 = 50;
/// Most seconds that a delegation lasts: a week.
pub const DELEGATION_LIFE_SECONDS_MAX: i64 = 7 * 24 * 3_600;

/// One link, as a decision sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelegationLink {
    /// The row.
    pub id: DelegationId,
    /// Who hands on.
    pub delegator: AgentId,
    /// What.
    pub limits: Vec<TokenLimit>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
    /// Whether it was taken back, or whoever handed on may not act, or the key that signed was revoked.
    pub is_broken: bool,
}

/// A chain that ends at an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelegationFacts {
    /// From the agent that was granted to the last link. Never empty.
    pub links: Vec<DelegationLink>,
    /// What the first delegator was granted.
    pub grants: Vec<CapabilityGrant>,
}

impl DelegationFacts {
    /// The last link: the delegation to the agent itself.
    #[must_use]
    pub fn last(&self) -> Option<&DelegationLink> {
        self.links.last()
    }

    /// Whether every link holds at `now`.
    #[must_use]
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        let holds = |link: &DelegationLink| !link.is_broken && now < link.expires_at;
        !self.links.is_empty()
            && self.links.len() <= DELEGATION_DEPTH_MAX
            && self.links.iter().all(holds)
    }

    /// Whether the chain lets its last agent do `capability` on `resource` at `now`.
    #[must_use]
    pub fn covers(&self, capability: &str, resource: Option<&str>, now: DateTime<Utc>) -> bool {
        let hands_on = |link: &DelegationLink| {
            let mut limits = link.limits.iter();
            limits.any(|limit| limit.covers(capability, resource))
        };
        let mut grants = self.grants.iter();
        self.is_live(now)
            && self.links.iter().all(hands_on)
            && grants.any(|grant| grant.covers(capability, resource, now))
    }

    /// Whether this agent hands on in the chain.
    #[must_use]
    pub fn involves(&self, agent: AgentId) -> bool {
        self.links.iter().any(|link| link.delegator == agent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::Pattern;
    use crate::id::CapabilityGrantId;
    use uuid::Uuid;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn limit(capability: &str) -> TokenLimit {
        TokenLimit {
            capability: Pattern::capability(capability).unwrap(),
            resource: None,
        }
    }

    fn chain(links: &[&str]) -> DelegationFacts {
        let link = |(number, capability): (usize, &&str)| DelegationLink {
            id: DelegationId::from_uuid(Uuid::from_u128(number as u128)),
            delegator: AgentId::from_uuid(Uuid::from_u128(number as u128)),
            limits: vec![limit(capability)],
            expires_at: NOW + chrono::Duration::seconds(10),
            is_broken: false,
        };
        DelegationFacts {
            links: links.iter().enumerate().map(link).collect(),
            grants: vec![CapabilityGrant {
                id: CapabilityGrantId::from_uuid(Uuid::nil()),
                capability: Pattern::capability("files:*").unwrap(),
                resource: None,
                expires_at: None,
            }],
        }
    }

    #[test]
    fn a_chain_gives_what_all_its_links_and_the_first_grant_give() {
        let whole = chain(&["files:*", "files:read"]);
        assert!(whole.covers("files:read", None, NOW));
        assert!(!whole.covers("files:write", None, NOW));
        // A link that was widened behind our back widens nothing.
        assert!(!chain(&["files:read", "*"]).covers("files:write", None, NOW));
        assert!(!chain(&["*", "*"]).covers("db:query", None, NOW));
        assert!(!chain(&[]).covers("files:read", None, NOW));
        assert!(!chain(&["files:*"; DELEGATION_DEPTH_MAX + 1]).covers("files:read", None, NOW));
    }

    #[test]
    fn one_broken_or_expired_link_breaks_all_that_follows() {
        for at in 0..3 {
            let mut broken = chain(&["files:*"; 3]);
            assert!(broken.is_live(NOW));
            broken.links[at].is_broken = true;
            assert!(!broken.covers("files:read", None, NOW), "link {at}");
            let mut expired = chain(&["files:*"; 3]);
            expired.links[at].expires_at = NOW;
            assert!(!expired.covers("files:read", None, NOW), "link {at}");
        }
        let mut ungranted = chain(&["files:*"]);
        ungranted.grants.clear();
        assert!(!ungranted.covers("files:read", None, NOW));
    }
}
