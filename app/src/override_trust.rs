//! A person's word on an agent's trust, for a time.

use aim_domain::event::{AgentChange, AgentChanged};
use aim_domain::id::AgentId;
use aim_domain::trust::{TrustOverride, TrustScore};
use aim_store::agents::Agent;
use chrono::{DateTime, Utc};
use serde_json::json;

use crate::error::FieldErrors;
use crate::{App, AppError, ErrorCode, Permit};

/// What to set the trust of an agent to.
#[derive(Debug, Clone)]
pub struct OverrideTrust {
    /// Whose.
    pub agent: AgentId,
    /// 0 to 1.
    pub score: f64,
    /// Why.
    pub reason: String,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

impl App {
    /// Sets the trust that decisions about an agent take, until it expires. The score goes on being
    /// computed and shown beside.
    ///
    /// # Errors
    /// `InvalidInput` for the score, the reason or the time, `NotFound` for the agent.
    pub async fn override_trust(
        &self,
        permit: &Permit,
        input: OverrideTrust,
    ) -> Result<Agent, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&input.reason);
        if !(0.0..=1.0).contains(&input.score) {
            errors.add("score", format!("`{}` is not between 0 and 1", input.score));
        }
        let to = TrustOverride {
            score: TrustScore::from_fraction(input.score),
            reason: input.reason,
            set_by: permit.actor(),
            expires_at: input.expires_at,
        };
        if let Err(error) = to.check(self.clock.now()) {
            errors.add("expiresAt", format!("`{}` {error}", to.expires_at));
        }
        errors.finish()?;
        let reason = to.reason.clone();
        self.write_override(
            permit,
            input.agent,
            Some(to),
            "agent.override-trust",
            reason,
        )
        .await
    }

    /// Takes an override back: the score counts again at once.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, `NotFound` for the agent, `Conflict` when there is none.
    pub async fn withdraw_trust_override(
        &self,
        permit: &Permit,
        id: AgentId,
        reason: String,
    ) -> Result<Agent, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&reason);
        errors.finish()?;
        self.write_override(permit, id, None, "agent.withdraw-trust-override", reason)
            .await
    }

    async fn write_override(
        &self,
        permit: &Permit,
        id: AgentId,
        to: Option<TrustOverride>,
        action: &'static str,
        reason: String,
    ) -> Result<Agent, AppError> {
        let agent = self.get_agent(permit, id).await?;
        let now = self.clock.now();
        let before = agent.trust_override.filter(|before| before.is_live(now));
        if before.is_none() && to.is_none() {
            let message = "the trust of this agent is not overridden";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let mut tx = self.store.begin().await?;
        tx.update_trust_override(id, to.as_ref()).await?;
        let change = AgentChange::TrustOverridden { to: to.clone() };
        tx.emit(&self.event(agent.organization, id, AgentChanged { agent: id, change }));
        tx.audit(permit.audit(
            &self.ids,
            action,
            ("agent", id.to_string()),
            Some(reason),
            (
                Some(json!({ "trustOverride": before })),
                Some(json!({ "trustOverride": to })),
            ),
        ));
        tx.commit().await?;
        self.cache.forget(id);
        self.get_agent(permit, id).await
    }
}
