//! What an organization wants of its agents' keys.

use aim_domain::agent_key::KeyPolicy;
use aim_domain::event::OrganizationChange;
use aim_domain::id::{AgentId, OrganizationId};
use aim_domain::verification::KeyFacts;
use aim_store::keys::AgentKey;
use aim_store::{Page, PageRequest};
use serde_json::json;

use crate::error::FieldErrors;
use crate::{App, AppError, Permit};

/// Most keys of one key set.
const LIVE_KEYS_MAX: u64 = 10_000;

impl App {
    /// Sets how long keys live, how long they overlap, and when to remind. Keys that are there keep
    /// their ends.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field.
    pub async fn set_key_policy(
        &self,
        permit: &Permit,
        mut to: KeyPolicy,
    ) -> Result<KeyPolicy, AppError> {
        let mut errors = FieldErrors::default();
        for (field, error) in to.errors() {
            errors.add(field, error.to_string());
        }
        errors.finish()?;
        to.reminder_days.sort_unstable_by(|a, b| b.cmp(a));
        to.reminder_days.dedup();
        let id: OrganizationId = permit.scope().organization;
        let before = self.store.get_key_policy(id).await?;
        if before == to {
            return Ok(to);
        }
        let mut tx = self.store.begin().await?;
        tx.update_key_policy(id, &to).await?;
        let change = OrganizationChange::KeyPolicy { to: to.clone() };
        tx.emit(&self.organization_event(id, change));
        tx.audit(permit.audit(
            &self.ids,
            "organization.set-key-policy",
            ("organization", id.to_string()),
            None,
            (
                Some(json!({ "keyPolicy": before })),
                Some(json!({ "keyPolicy": to })),
            ),
        ));
        tx.commit().await?;
        Ok(to)
    }

    /// What the permit's organization wants of keys.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn get_key_policy(&self, permit: &Permit) -> Result<KeyPolicy, AppError> {
        Ok(self
            .store
            .get_key_policy(permit.scope().organization)
            .await?)
    }

    /// The live keys of the permit's organization's agents that may act, the newest 10,000.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_live_keys(
        &self,
        permit: &Permit,
    ) -> Result<Vec<(AgentId, KeyFacts)>, AppError> {
        Ok(self
            .store
            .list_live_keys(permit.scope(), LIVE_KEYS_MAX)
            .await?)
    }

    /// A page of all keys that an agent ever had.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_key_history(
        &self,
        permit: &Permit,
        agent: AgentId,
        page: PageRequest,
    ) -> Result<Page<AgentKey>, AppError> {
        let history = self.store.list_key_history(permit.scope(), agent, page);
        Ok(history.await?)
    }
}
