//! What a version of a policy says.

use serde::{Deserialize, Serialize};

use super::{Effect, PolicyScope, Rule, SCOPE_MAX};
use crate::anomaly::Severity;
use crate::id::NotificationTargetId;

/// Longest name, in bytes.
pub const POLICY_NAME_MAX: usize = 128;
/// Longest description, in bytes.
pub const POLICY_DESCRIPTION_MAX: usize = 2_000;
/// Highest priority.
pub const PRIORITY_MAX: u16 = 1_000;
/// Most persons who have to agree to an action.
pub const APPROVERS_MAX: u8 = 2;
/// Most notification targets that a policy tells.
pub const NOTIFY_MAX: usize = 10;

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
    /// How many different persons have to agree, where it asks for approval: one or two.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub approvers: u8,
    /// Who is told of what it decides and finds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<NotificationTargetId>,
}

pub(super) const fn one() -> u8 {
    1
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for it like this"
)]
pub(super) const fn is_one(count: &u8) -> bool {
    *count == 1
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
        let approvers = self.approvers;
        if !(1..=APPROVERS_MAX).contains(&approvers) {
            let message = format!("is {approvers}; use 1 or {APPROVERS_MAX}");
            faults.push(("approverCount", message));
        } else if approvers > 1 && self.effect != Effect::RequireApproval {
            let message = format!("is {approvers}, and only REQUIRE_APPROVAL asks persons; use 1");
            faults.push(("approverCount", message));
        }
        faults.extend(self.faults_of_targets());
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

    fn faults_of_targets(&self) -> Option<(&'static str, String)> {
        let field = "notificationTargetIds";
        let length = self.notify.len();
        if length > NOTIFY_MAX {
            let message = format!("has {length} entries; use at most {NOTIFY_MAX}");
            return Some((field, message));
        }
        let mut named = self.notify.iter().enumerate();
        let (_, twice) = named.find(|(at, id)| self.notify[..*at].contains(id))?;
        Some((field, format!("names `{twice}` twice; name it once")))
    }
}
