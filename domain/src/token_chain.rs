//! On what an agent token stands: what its agent was granted itself, or one chain of delegation.
//!
//! A token by delegation names everybody in the chain (RFC 8693, section 4.1): its subject is the
//! agent that was granted, its actor the agent that bears it, and each further actor handed on.

use chrono::{DateTime, Utc};

use crate::capability::Pattern;
use crate::delegation::{DELEGATION_DEPTH_MAX, DelegationFacts};
use crate::id::{AgentId, DelegationId};
use crate::token::{TokenLimit, attenuate};
use crate::verification::AgentFacts;

/// The chain of delegation that a token stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenChain {
    delegation: DelegationId,
    delegators: Vec<AgentId>,
}

/// Why there is nothing that a token could stand on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoStand {
    /// The agent has no live delegation of this id.
    Delegation,
    /// This is not within what was asked of.
    Scope(Pattern),
}

impl TokenChain {
    /// The chain of some facts; `None` for one without links, or with more than there may be.
    #[must_use]
    pub fn of(chain: &DelegationFacts) -> Option<Self> {
        let delegators: Vec<_> = chain.links.iter().map(|link| link.delegator).collect();
        (delegators.len() <= DELEGATION_DEPTH_MAX).then_some(())?;
        Some(Self {
            delegation: chain.last()?.id,
            delegators,
        })
    }

    /// As a token names it, and the agent that bears the token; `None` where that is no chain.
    #[must_use]
    pub fn named(
        delegation: DelegationId,
        subject: AgentId,
        actors: &[AgentId],
    ) -> Option<(AgentId, Self)> {
        let (bearer, before) = actors.split_first()?;
        if actors.len() > DELEGATION_DEPTH_MAX {
            return None;
        }
        let delegators = std::iter::once(subject).chain(before.iter().rev().copied());
        let delegators = delegators.collect();
        let chain = Self {
            delegation,
            delegators,
        };
        Some((*bearer, chain))
    }

    /// The last link: the delegation to the agent that bears the token.
    #[must_use]
    pub const fn delegation(&self) -> DelegationId {
        self.delegation
    }

    /// Whose grants the chain stands on.
    #[must_use]
    pub fn subject(&self) -> Option<AgentId> {
        self.delegators.first().copied()
    }

    /// Who acts for the subject: the agent that bears the token, then whoever handed on to it, and so
    /// on up to the agent that the subject handed on to.
    #[must_use]
    pub fn actors(&self, bearer: AgentId) -> Vec<AgentId> {
        let before = self.delegators.iter().skip(1).rev().copied();
        std::iter::once(bearer).chain(before).collect()
    }

    /// Whether it names this chain, everybody in it included.
    #[must_use]
    pub fn is(&self, chain: &DelegationFacts) -> bool {
        let delegators = chain.links.iter().map(|link| link.delegator);
        chain.last().is_some_and(|last| last.id == self.delegation)
            && delegators.eq(self.delegators.iter().copied())
    }

    /// The chain as the facts have it, while every link holds.
    #[must_use]
    pub fn live<'a>(
        &self,
        facts: &'a AgentFacts,
        now: DateTime<Utc>,
    ) -> Option<&'a DelegationFacts> {
        let mut chains = facts.delegations.iter();
        chains.find(|chain| self.is(chain) && chain.is_live(now))
    }
}

/// What a token carries and stands on when `asked` is asked for, or all there is when nothing is.
///
/// With `delegation` it is that one. Without, what the agent was granted itself, or the first
/// delegation that covers everything asked for: a token never mixes the authority of several.
///
/// # Errors
/// [`NoStand`] when nothing covers it.
pub fn stand(
    facts: &AgentFacts,
    asked: &[Pattern],
    delegation: Option<DelegationId>,
    now: DateTime<Utc>,
) -> Result<(Vec<TokenLimit>, Option<TokenChain>), NoStand> {
    let live = || facts.delegations.iter().filter(|chain| chain.is_live(now));
    let by = |chain: &DelegationFacts| {
        let last = chain.last().ok_or(NoStand::Delegation)?;
        let limits = attenuate(&last.limits, asked).map_err(NoStand::Scope)?;
        Ok((limits, TokenChain::of(chain)))
    };
    if let Some(id) = delegation {
        let mut chains = live();
        let chain = chains.find(|chain| chain.last().is_some_and(|last| last.id == id));
        return by(chain.ok_or(NoStand::Delegation)?);
    }
    let grants = facts.grants.iter();
    let grants = grants.filter(|it| it.expires_at.is_none_or(|end| end > now));
    let own: Vec<TokenLimit> = grants.map(TokenLimit::from).collect();
    let delegated = || live().find_map(|chain| by(chain).ok());
    match attenuate(&own, asked) {
        Ok(limits) if !limits.is_empty() => Ok((limits, None)),
        Ok(_) => Ok(delegated().unwrap_or_default()),
        Err(missing) => delegated().ok_or(NoStand::Scope(missing)),
    }
}

#[cfg(test)]
mod tests;
