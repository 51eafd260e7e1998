//! Whom and what a policy is about.

use serde::{Deserialize, Serialize};

use super::PolicyContext;
use crate::agent::AgentType;
use crate::capability::Pattern;
use crate::id::AgentId;

/// Most entries of one list of a scope.
pub const SCOPE_MAX: usize = 100;

/// Whom and what a policy is about. Each list that is not empty has to hold; one entry of it is enough.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyScope {
    /// These agents.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<AgentId>,
    /// Agents of these kinds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agent_types: Vec<AgentType>,
    /// Agents that are filed under one of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Actions like these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Pattern>,
    /// On resources like these; an action that names none is not meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Pattern>,
}

impl PolicyScope {
    /// Whether the policy is about this.
    #[must_use]
    pub fn covers(&self, context: &PolicyContext<'_>) -> bool {
        let by_agent = self.agents.is_empty() || self.agents.contains(&context.agent);
        let by_type = self.agent_types.is_empty() || self.agent_types.contains(&context.agent_type);
        let by_tag = self.tags.is_empty() || context.tags.iter().any(|it| self.tags.contains(it));
        by_agent
            && by_type
            && by_tag
            && (self.actions.is_empty() || any(&self.actions, context.action))
            && (self.resources.is_empty()
                || context.resource.is_some_and(|it| any(&self.resources, it)))
    }
}

/// Whether one of the patterns stands for the text.
pub(super) fn any(patterns: &[Pattern], text: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(text))
}
