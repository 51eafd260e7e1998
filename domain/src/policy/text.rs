//! What a version of a policy says.

use serde::{Deserialize, Serialize};

use super::{Effect, PolicyScope, Rule, SCOPE_MAX};
use crate::anomaly::Severity;

/// Longest name, in bytes.
pub const POLICY_NAME_MAX: usize = 128;
/// Longest description, in bytes.
pub const POLICY_DESCRIPTION_MAX: usize = 2_000;
/// Highest priority.
pub const PRIORITY_MAX: u16 = 1_000;

/// What a version of a policy says. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyText {
    /// Its name, unique in its organization.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// When it matches.
    pub rule: Rule,
    /// What then happens.
    pub effect: Effect,
    /// How bad that is; of the alert, where there is one.
    pub severity: Severity,
    /// The higher is named first.
    #[serde(default)]
    pub priority: u16,
    /// Whom and what it is about.
    #[serde(default)]
    pub scope: PolicyScope,
}

impl PolicyText {
    /// Everything that is wrong with it: field and message.
    #[must_use]
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        let name = self.name.as_str();
        if name.trim().is_empty() {
            faults.push(("name", "is empty; give it a name".to_owned()));
        }
        for (field, text, most) in [
            ("name", name, POLICY_NAME_MAX),
            ("description", &self.description, POLICY_DESCRIPTION_MAX),
        ] {
            if text.len() > most {
                let message = format!("has {} bytes; shorten it to at most {most}", text.len());
                faults.push((field, message));
            }
            if text
                .chars()
                .any(|c| c.is_control() && (c != '\n' || field == "name"))
            {
                let message = "has a control character; use printable characters".to_owned();
                faults.push((field, message));
            }
        }
        if self.priority > PRIORITY_MAX {
            let message = format!("is {}; use at most {PRIORITY_MAX}", self.priority);
            faults.push(("priority", message));
        }
        if self.rule.is_about_events() && !matches!(self.effect, Effect::Alert | Effect::Quarantine)
        {
            let message =
                "comes too late for what was found after the action; use ALERT or QUARANTINE";
            faults.push(("effect", message.to_owned()));
        }
        if let Err(error) = self.rule.check() {
            faults.push(("rule", error.to_string()));
        }
        let scope = &self.scope;
        for (field, length) in [
            ("scope.agentIds", scope.agents.len()),
            ("scope.agentTypes", scope.agent_types.len()),
            ("scope.tags", scope.tags.len()),
            ("scope.actions", scope.actions.len()),
            ("scope.resources", scope.resources.len()),
        ] {
            if length > SCOPE_MAX {
                let message = format!("has {length} entries; use at most {SCOPE_MAX}");
                faults.push((field, message));
            }
        }
        faults
    }
}
