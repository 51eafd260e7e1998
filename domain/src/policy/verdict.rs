//! What policies said of one action.

use serde::{Deserialize, Serialize};

use super::{Effect, PolicyMode};
use crate::anomaly::Severity;
use crate::id::PolicyId;

/// Most matches that are kept of one mode and effect: a few tell why; all of ten thousand tell nothing
/// more.
pub const HITS_OF_A_KIND: usize = 4;

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
    /// Why it matched, and what would not have.
    pub why: String,
}

impl PolicyHit {
    /// Whether it has this effect on the agent.
    #[must_use]
    pub fn counts_as(&self, effect: Effect) -> bool {
        self.mode == PolicyMode::Enforced && !self.is_error && self.effect == effect
    }
}

/// All that matched: the ones that count first, of these the ones that could not be evaluated, then by
/// effect, priority and id.
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
}
