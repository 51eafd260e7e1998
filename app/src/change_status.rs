//! Suspending, reinstating and revoking agents.

use aim_domain::agent::AgentStatus;
use aim_domain::event::{AgentChange, AgentChanged};
use aim_domain::id::AgentId;
use aim_store::agents::Agent;
use serde_json::json;

use crate::error::FieldErrors;
use crate::{App, AppError, ErrorCode, Permit};

/// What a person may do to an agent's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusChange {
    /// Stop it for now.
    Suspend,
    /// Let it act again.
    Reinstate,
    /// End it for ever, with its keys.
    Revoke,
}

impl StatusChange {
    /// Whether an agent in this status is what it would become.
    pub(crate) fn is_done(self, status: AgentStatus) -> bool {
        self.target().0 == status
    }

    const fn target(self) -> (AgentStatus, &'static str) {
        match self {
            Self::Suspend => (AgentStatus::Suspended, "agent.suspend"),
            Self::Reinstate => (AgentStatus::Verified, "agent.reinstate"),
            Self::Revoke => (AgentStatus::Revoked, "agent.revoke"),
        }
    }
}

impl App {
    /// Changes the status of an agent; the next decision of every node sees it.
    ///
    /// # Errors
    /// `NotFound`, `InvalidInput` for the reason, `Conflict` when the life cycle has no such step.
    pub async fn change_agent_status(
        &self,
        permit: &Permit,
        id: AgentId,
        change: StatusChange,
        reason: &str,
    ) -> Result<Agent, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(reason);
        errors.finish()?;
        let agent = self.get_agent(permit, id).await?;
        self.step_status(permit, &agent, change, reason).await?;
        self.get_agent(permit, id).await
    }

    /// The same of an agent that was read, for a reason that was looked at.
    ///
    /// # Errors
    /// `Conflict` when the life cycle has no such step, or the agent's status changed since it was read.
    pub(crate) async fn step_status(
        &self,
        permit: &Permit,
        agent: &Agent,
        change: StatusChange,
        reason: &str,
    ) -> Result<(), AppError> {
        let (to, action) = change.target();
        let (id, from) = (agent.id, agent.status);
        // A pending agent is let act by its own proof alone, not by a person's word.
        if change == StatusChange::Reinstate && from == AgentStatus::Pending {
            let message = "the agent has not proven possession of its key; use `verifyAgent`";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        from.transition(to)
            .map_err(|error| AppError::new(ErrorCode::Conflict, error.to_string()))?;
        let mut tx = self.store.begin().await?;
        if !tx
            .update_status(id, from, to, Some(reason), &permit.actor())
            .await?
        {
            return Err(AppError::new(
                ErrorCode::Conflict,
                "changed by somebody else; read it again",
            ));
        }
        if change == StatusChange::Revoke {
            tx.revoke_keys(id, reason, &permit.actor()).await?;
        }
        let status = AgentChange::Status {
            from,
            to,
            reason: Some(reason.to_owned()),
        };
        let fact = AgentChanged {
            agent: id,
            change: status,
        };
        let event = self.event(agent.organization, id, fact);
        tx.emit(&event);
        tx.audit(permit.audit(
            &self.ids,
            action,
            ("agent", id.to_string()),
            Some(reason.to_owned()),
            (
                Some(json!({ "status": from })),
                Some(json!({ "status": to })),
            ),
        ));
        tx.commit().await?;
        self.cache.forget(id);
        self.kills.heed(&event.fact, event.time);
        Ok(())
    }
}
