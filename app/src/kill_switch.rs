//! Stopping an agent, or all agents of an organization, at once; and letting them go on.
//!
//! Guarantee: an answer of success means that this node denies from now on; the others do as soon as
//! they have read the event log, or, cut off from it, when their cache is no longer believed.

use aim_domain::event::{AgentChange, AgentChanged, Fact, OrganizationChange, OrganizationChanged};
use aim_domain::id::{AgentId, OrganizationId};
use aim_domain::kill_switch::KillSwitch;
use aim_domain::verification::AgentFacts;
use aim_store::agents::Agent;
use aim_store::organizations::Organization;
use serde_json::json;

use crate::error::FieldErrors;
use crate::{App, AppError, ErrorCode, Permit};

/// What to do with a kill switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillSwitchChange {
    /// Stop.
    Engage,
    /// Let go on.
    Release,
}

impl App {
    /// Engages or releases the kill switch of one agent. What is so already stays as it is.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, `NotFound` for the agent.
    pub async fn change_agent_kill_switch(
        &self,
        permit: &Permit,
        id: AgentId,
        change: KillSwitchChange,
        reason: String,
    ) -> Result<Agent, AppError> {
        let to = self.kill_switch(permit, change, &reason)?;
        let agent = self.get_agent(permit, id).await?;
        let mut tx = self.store.begin().await?;
        if !tx.update_agent_kill_switch(id, to.as_ref()).await? {
            return self.get_agent(permit, id).await;
        }
        let action = match change {
            KillSwitchChange::Engage => "agent.kill",
            KillSwitchChange::Release => "agent.release",
        };
        let changed = AgentChange::KillSwitch { to: to.clone() };
        let fact = AgentChanged {
            agent: id,
            change: changed,
        };
        let event = self.event(agent.organization, id, fact);
        tx.emit(&event);
        tx.audit(permit.audit(
            &self.ids,
            action,
            ("agent", id.to_string()),
            Some(reason),
            (
                Some(json!({ "killSwitch": agent.kill_switch })),
                Some(json!({ "killSwitch": to })),
            ),
        ));
        tx.commit().await?;
        self.cache.forget(id);
        self.kills.heed(&event.fact, event.time);
        self.get_agent(permit, id).await
    }

    /// Engages or releases the kill switch of the permit's organization. What is so already stays as
    /// it is; switches of single agents are not touched.
    ///
    /// # Errors
    /// `InvalidInput` for the reason.
    pub async fn change_kill_switch(
        &self,
        permit: &Permit,
        change: KillSwitchChange,
        reason: String,
    ) -> Result<Organization, AppError> {
        let to = self.kill_switch(permit, change, &reason)?;
        let before = self.get_organization(permit).await?;
        let mut tx = self.store.begin().await?;
        let id = before.id;
        if !tx.update_organization_kill_switch(id, to.as_ref()).await? {
            return self.get_organization(permit).await;
        }
        let action = match change {
            KillSwitchChange::Engage => "organization.engage-kill-switch",
            KillSwitchChange::Release => "organization.release-kill-switch",
        };
        let changed = OrganizationChange::KillSwitch { to: to.clone() };
        let event = self.organization_event(id, changed);
        tx.emit(&event);
        tx.audit(permit.audit(
            &self.ids,
            action,
            ("organization", id.to_string()),
            Some(reason),
            (
                Some(json!({ "killSwitch": before.kill_switch })),
                Some(json!({ "killSwitch": to })),
            ),
        ));
        tx.commit().await?;
        self.cache.forget_organization(id);
        self.kills.heed(&event.fact, event.time);
        self.get_organization(permit).await
    }

    fn kill_switch(
        &self,
        permit: &Permit,
        change: KillSwitchChange,
        reason: &str,
    ) -> Result<Option<KillSwitch>, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(reason);
        errors.finish()?;
        Ok((change == KillSwitchChange::Engage).then(|| KillSwitch {
            reason: reason.to_owned(),
            engaged_by: permit.actor(),
            engaged_at: self.clock.now(),
        }))
    }

    /// A fact about a whole organization. Such facts keep their order under the organization's id,
    /// as those of an agent under the agent's.
    pub(crate) fn organization_event(
        &self,
        organization: OrganizationId,
        change: OrganizationChange,
    ) -> aim_domain::event::NewEvent {
        let fact: Fact = OrganizationChanged {
            organization,
            change,
        }
        .into();
        self.event(
            organization,
            AgentId::from_uuid(organization.as_uuid()),
            fact,
        )
    }
}

/// Refuses what a stopped agent would gain by.
pub(crate) fn refuse_killed(facts: &AgentFacts) -> Result<(), AppError> {
    match facts.killed() {
        Some(reason) => Err(AppError::new(ErrorCode::Conflict, reason.message)),
        None => Ok(()),
    }
}
