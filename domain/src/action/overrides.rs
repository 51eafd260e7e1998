//! A person's word on what an action is, where its name misleads.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::ActionClass;
use crate::id::{ActionClassOverrideId, OrganizationId};
use crate::name::ActionName;

/// Most overrides of an organization: all of them are in memory with the facts of its agents.
pub const ACTION_CLASS_OVERRIDES_MAX: usize = 1_000;

/// What an action is for an organization, whatever its name or its tool's annotations say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionClassOverride {
    /// Its identity.
    pub id: ActionClassOverrideId,
    /// Whose.
    pub organization: OrganizationId,
    /// Exactly this action, case and all.
    pub action: ActionName,
    /// What it is.
    pub class: ActionClass,
    /// Why.
    pub reason: String,
    /// By whom, as `user:<id>`.
    pub set_by: String,
    /// Since when.
    pub set_at: DateTime<Utc>,
}

/// The overrides of an organization, by action.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActionClasses(HashMap<ActionName, ActionClass>);

impl ActionClasses {
    /// What people said of this action, if anything.
    #[must_use]
    pub fn get(&self, action: &ActionName) -> Option<ActionClass> {
        self.0.get(action).copied()
    }

    /// Whether nobody said anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(ActionName, ActionClass)> for ActionClasses {
    fn from_iter<I: IntoIterator<Item = (ActionName, ActionClass)>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}
