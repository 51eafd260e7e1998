//! What policies said of one action.

use serde::{Deserialize, Serialize};

use super::text::{is_one, one};
use super::{Effect, PolicyMode};
use crate::anomaly::Severity;
use crate::id::PolicyId;

/// Most matches that are kept of one mode and effect: a few tell why; all of ten thousand tell nothing
/// more.
pub const HITS_OF_A_KIND: usize = 4;

/// One text of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PolicyRef {
    /// Which policy.
    pub policy: PolicyId,
    /// Which text of it.
    pub version: i32,
}

/// A policy that matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyHit {
    /// Which.
    pub policy: PolicyId,
    /// Which text of it.
    pub version: i32,
    /// Its name then.
    pub name: String,
    /// What it does.
    pub effect: Effect,
    /// How bad that is.
    pub severity: Severity,
    /// Whether it counted: a policy in `SHADOW` changed nothing.
    pub mode: PolicyMode,
    /// Whether it could not be evaluated; then it denies.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
    /// How many persons have to agree, where it asks for approval.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub approvers: u8,
    /// Why it matched, and what would not have.
    pub why: String,
}

impl PolicyHit {
    /// Which text it is of.
    #[must_use]
    pub const fn text(&self) -> PolicyRef {
        PolicyRef {
            policy: self.policy,
            version: self.version,
        }
    }

    /// Whether it has this effect on the agent.
    #[must_use]
    pub fn counts_as(&self, effect: Effect) -> bool {
        self.mode == PolicyMode::Enforced && !self.is_error && self.effect == effect
    }
}

/// All that matched: the ones that count first, of these the ones that could not be evaluated, then by
/// effect, number of persons, priority and id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyVerdict {
    /// The first of each kind.
    pub hits: Vec<PolicyHit>,
    /// How many matched.
    pub count: usize,
}

impl PolicyVerdict {
    /// Those that stop the action.
    pub fn stops(&self) -> impl Iterator<Item = &PolicyHit> {
        let counting = self
            .hits
            .iter()
            .filter(|it| it.mode == PolicyMode::Enforced);
        counting.filter(|it| it.is_error || it.effect >= Effect::Quarantine)
    }

    /// Those that ask for a person.
    pub fn approvals(&self) -> impl Iterator<Item = &PolicyHit> {
        let hits = self.hits.iter();
        hits.filter(|it| it.counts_as(Effect::RequireApproval))
    }

    /// How many persons have to agree by the strictest of them; 0 where none asks. It is among the
    /// hits, whatever was left out: of those that ask, those for two persons come first.
    #[must_use]
    pub fn approvers(&self) -> u8 {
        self.approvals().map(|it| it.approvers).max().unwrap_or(0)
    }
}
