//! Exchanging an agent's key for a new one, and taking keys back at once.

use aim_domain::agent::AgentStatus;
use aim_domain::agent_key::{KEYS_A_DAY_MAX, check_grace};
use aim_domain::event::{AgentChange, AgentChanged};
use aim_domain::id::{AgentId, AgentKeyId};
use aim_domain::signature::{PossessionProof, PublicKey};
use aim_domain::verification::KeyFacts;
use aim_store::StoreError;
use aim_store::agents::Agent;
use aim_store::keys::AgentKey;
use chrono::Duration;
use serde_json::json;

use crate::error::{FieldErrors, REASON_MAX};
use crate::{Actor, AgentActor, App, AppError, ErrorCode, FieldError, Permit};

/// A new key for an agent.
#[derive(Debug, Clone)]
pub struct RotateAgentKey {
    /// Whose.
    pub agent: AgentId,
    /// Its new Ed25519 public key, base64url or base64.
    pub public_key: String,
    /// Signed with the new key's private half.
    pub proof: PossessionProof,
    /// How long the keys before are still good; the organization's policy when left out.
    pub grace_seconds: Option<u32>,
    /// Why.
    pub reason: Option<String>,
}

impl App {
    /// Gives an agent a new key; the ones before end with the overlap. An agent signs the request
    /// with the key that goes, and each key has one successor only: whoever steals a key that was
    /// exchanged cannot exchange it again. For a person the new key's proof is enough.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field, `NotFound`, `Forbidden` for another agent's keys,
    /// `Conflict` when the key was exchanged before, is in use, or the agent's life has ended.
    pub async fn rotate_agent_key(
        &self,
        actor: &Actor,
        permit: &Permit,
        input: RotateAgentKey,
    ) -> Result<Agent, AppError> {
        let agent = self.get_agent(permit, input.agent).await?;
        let own = own_key(actor, &agent)?;
        let public_key = self.check_rotation(&agent, &input)?;
        if agent.status == AgentStatus::Revoked {
            let message = "the agent is revoked for ever; register a new one";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let policy = self.store.get_key_policy(agent.organization).await?;
        let now = self.clock.now();
        let grace = input.grace_seconds.unwrap_or(policy.grace_seconds);
        let ends_at = now + Duration::seconds(i64::from(grace));
        let key = KeyFacts {
            id: AgentKeyId::from_uuid(self.ids.next()),
            key_id: public_key.thumbprint().into(),
            public_key,
            expires_at: Some(policy.end_of_life(now)),
            revoked_at: None,
        };
        let mut tx = self.store.begin().await?;
        if let Some(own) = own {
            self.use_nonce(&mut tx, own, permit.request_id()).await?;
            if !tx.replace_key(own.key, key.id).await? {
                let message = "the key that signed was exchanged before or has ended; sign with \
                               the agent's newest key, or let a manager bring a new one";
                return Err(AppError::new(ErrorCode::Conflict, message));
            }
        }
        let day_ago = now - Duration::days(1);
        if tx.count_keys_since(agent.id, day_ago).await? >= KEYS_A_DAY_MAX {
            let message = format!("the agent was given {KEYS_A_DAY_MAX} keys within a day; wait");
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let by = permit.actor();
        let inserted = tx.insert_key(agent.organization, agent.id, &key, &by);
        inserted.await.map_err(key_error)?;
        let whose = (agent.organization, agent.id);
        self.settle_agent_sightings(&mut tx, whose, (&agent.name, &key.key_id), None)
            .await?;
        let replaced = tx.retire_keys(agent.id, key.id, ends_at).await?;
        let after = json!({ "keyId": *key.key_id, "replaced": replaced, "endsAt": ends_at });
        let change = AgentChange::KeyRotated {
            key: key.id,
            replaced,
            ends_at,
        };
        let fact = AgentChanged {
            agent: agent.id,
            change,
        };
        let event = self.event(agent.organization, agent.id, fact);
        tx.emit(&event);
        tx.audit(permit.audit(
            &self.ids,
            "agent-key.rotate",
            ("agent", agent.id.to_string()),
            input.reason,
            (None, Some(after)),
        ));
        tx.commit().await?;
        self.cache.forget(agent.id);
        self.kills.heed(&event.fact, event.time);
        Ok(agent)
    }

    /// Ends a key at once, whatever its life span: on this node when this returns, on the others as
    /// soon as they have read the event log.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, `NotFound`, `Conflict` when it was revoked before.
    pub async fn revoke_agent_key(
        &self,
        permit: &Permit,
        id: AgentKeyId,
        reason: String,
    ) -> Result<AgentKey, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&reason);
        errors.finish()?;
        let key = self.get_agent_key(permit, id).await?;
        let mut tx = self.store.begin().await?;
        if !tx.revoke_key(id, &reason, &permit.actor()).await? {
            let message = "the key was revoked before";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let fact = AgentChanged {
            agent: key.agent,
            change: AgentChange::KeyRevoked { key: id },
        };
        let event = self.event(key.organization, key.agent, fact);
        tx.emit(&event);
        tx.audit(permit.audit(
            &self.ids,
            "agent-key.revoke",
            ("agentKey", id.to_string()),
            Some(reason),
            (
                Some(json!({ "status": key.status })),
                Some(json!({ "agent": key.agent, "keyId": *key.facts.key_id })),
            ),
        ));
        tx.commit().await?;
        self.cache.forget(key.agent);
        self.kills.heed(&event.fact, event.time);
        self.get_agent_key(permit, id).await
    }

    /// A key with its history.
    ///
    /// # Errors
    /// `NotFound` when there is none in the permit's organization.
    pub async fn get_agent_key(
        &self,
        permit: &Permit,
        id: AgentKeyId,
    ) -> Result<AgentKey, AppError> {
        let found = self.store.find_agent_key(permit.scope(), id).await?;
        found.ok_or_else(|| AppError::not_found("agent key"))
    }

    fn check_rotation(&self, agent: &Agent, input: &RotateAgentKey) -> Result<PublicKey, AppError> {
        let mut errors = FieldErrors::default();
        let key = errors.keep("publicKey", PublicKey::parse(&input.public_key));
        if let Some(seconds) = input.grace_seconds {
            errors.keep("graceSeconds", check_grace(seconds));
        }
        if let Some(reason) = &input.reason {
            errors.text("reason", reason, REASON_MAX);
        }
        if let Some(key) = &key {
            let now = self.clock.now();
            let proof = &input.proof;
            let outcome = proof.verify_rotation(agent.organization, agent.id, key, now);
            errors.keep("proofOfPossession", outcome);
        }
        errors.finish()?;
        key.ok_or_else(|| AppError::new(ErrorCode::Internal, "internal error"))
    }
}

/// The agent's own hand, if it is its own: nobody else's agent may touch its keys.
fn own_key<'a>(actor: &'a Actor, agent: &Agent) -> Result<Option<&'a AgentActor>, AppError> {
    match actor {
        Actor::Agent(own) if own.agent == agent.id => Ok(Some(own)),
        Actor::Agent(_) => Err(AppError::new(
            ErrorCode::Forbidden,
            "an agent may exchange its own key only",
        )),
        _ => Ok(None),
    }
}

/// What is wrong with a key that cannot be kept.
pub(crate) fn key_error(error: StoreError) -> AppError {
    match error {
        StoreError::Duplicate(_) => taken("publicKey", "this key is in use; make a new pair"),
        other => other.into(),
    }
}

/// A value that is somebody else's.
pub(crate) fn taken(field: &str, message: &str) -> AppError {
    AppError {
        code: ErrorCode::Conflict,
        message: message.to_owned(),
        fields: vec![FieldError {
            field: field.to_owned(),
            message: message.to_owned(),
        }],
    }
}
