//! Proof that an agent which was registered without one holds its key: a challenge, signed.

use aim_domain::agent::AgentStatus;
use aim_domain::event::{AgentChange, AgentChanged};
use aim_domain::id::AgentId;
use aim_domain::signature::challenge_text;
use aim_store::agents::Agent;
use chrono::{DateTime, Duration, Utc};
use rand::RngExt;
use serde_json::json;

use crate::{App, AppError, ErrorCode, Permit};

/// How long a challenge may be answered.
const CHALLENGE_LIFE: Duration = Duration::minutes(5);

/// What an agent has to sign.
#[derive(Debug, Clone)]
pub struct AgentChallenge {
    /// The random part.
    pub challenge: String,
    /// All that is signed.
    pub text: String,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

impl App {
    /// Makes a challenge for an agent that has not proven possession of its key; the one before is
    /// void.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` when the agent has proven it, or its life has ended.
    pub async fn challenge_agent(
        &self,
        permit: &Permit,
        id: AgentId,
    ) -> Result<AgentChallenge, AppError> {
        let agent = self.get_agent(permit, id).await?;
        refuse_unless_pending(&agent)?;
        let challenge = format!("{:032x}", rand::rng().random::<u128>());
        let expires_at = self.clock.now() + CHALLENGE_LIFE;
        let mut tx = self.store.begin().await?;
        tx.put_challenge(id, &challenge, expires_at).await?;
        tx.audit(permit.audit(
            &self.ids,
            "agent.challenge",
            ("agent", id.to_string()),
            None,
            (None, Some(json!({ "expiresAt": expires_at }))),
        ));
        tx.commit().await?;
        Ok(AgentChallenge {
            text: challenge_text(agent.organization, id, &challenge),
            challenge,
            expires_at,
        })
    }

    /// Makes a `PENDING` agent `VERIFIED` by its signature over the challenge, with a live key.
    ///
    /// # Errors
    /// `NotFound`, `InvalidInput` for the signature, `Conflict` when there is no challenge, or
    /// nothing to prove.
    pub async fn verify_agent(
        &self,
        permit: &Permit,
        id: AgentId,
        signature: &[u8],
    ) -> Result<Agent, AppError> {
        let agent = self.get_agent(permit, id).await?;
        refuse_unless_pending(&agent)?;
        let conflict = |message: &str| AppError::new(ErrorCode::Conflict, message);
        let none = || conflict("there is no challenge, or it has expired; ask for a new one");
        let challenge = self
            .store
            .find_agent_challenge(id)
            .await?
            .ok_or_else(none)?;
        let text = challenge_text(agent.organization, id, &challenge);
        let now = self.clock.now();
        let facts = self.load_facts(id).await?;
        let mut live = facts.keys.iter();
        let mut live = live
            .by_ref()
            .filter(|key| facts.key_stops(key.id, now).is_none());
        let Some(key) = live.find(|key| key.public_key.verify(text.as_bytes(), signature)) else {
            let message = "does not verify over the challenge's text with a live key of the agent";
            return Err(AppError::field("signature", message));
        };
        let key_id = key.key_id.to_string();
        let (from, to) = (AgentStatus::Pending, AgentStatus::Verified);
        let reason = "possession of the key proven by a signed challenge";
        let mut tx = self.store.begin().await?;
        if !tx.take_challenge(id, &challenge).await? {
            return Err(none());
        }
        let by = permit.actor();
        let moved = tx.update_status(id, from, to, Some(reason), &by);
        if !moved.await? {
            return Err(conflict("changed by somebody else; read it again"));
        }
        let change = AgentChange::Status {
            from,
            to,
            reason: Some(reason.to_owned()),
        };
        let event = self.event(agent.organization, id, AgentChanged { agent: id, change });
        tx.emit(&event);
        tx.audit(permit.audit(
            &self.ids,
            "agent.verify",
            ("agent", id.to_string()),
            Some(reason.to_owned()),
            (
                Some(json!({ "status": from })),
                Some(json!({ "status": to, "keyId": key_id })),
            ),
        ));
        tx.commit().await?;
        self.cache.forget(id);
        self.kills.heed(&event.fact, event.time);
        self.get_agent(permit, id).await
    }
}

fn refuse_unless_pending(agent: &Agent) -> Result<(), AppError> {
    if agent.status == AgentStatus::Pending {
        return Ok(());
    }
    let message = format!(
        "the agent is `{:?}`; only a pending one is verified",
        agent.status
    );
    Err(AppError::new(ErrorCode::Conflict, message))
}
