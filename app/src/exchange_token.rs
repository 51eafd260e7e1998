//! Short-lived tokens of agents, and what they are good for.

use std::sync::Arc;

use aim_domain::capability::Pattern;
use aim_domain::id::{AgentId, AgentKeyId, OrganizationId};
use aim_domain::token::{
    TOKEN_LIFE_SECONDS, TOKEN_LIFE_SECONDS_MAX, TOKEN_LIMITS_MAX, TokenLimit, attenuate,
};
use aim_store::audit::NewAuditEntry;
use chrono::{DateTime, Duration, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::error::FieldErrors;
use crate::{AgentActor, App, AppError, ErrorCode};

/// Most bytes of an audience.
const AUDIENCE_MAX: usize = 500;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct ExchangeToken {
    /// Who the token is for.
    pub audience: String,
    /// Which capabilities it carries; all that the agent has when empty.
    pub scope: Vec<String>,
    /// How long it is good.
    pub life_seconds: Option<u32>,
    /// Thumbprint of the key that its bearer has to prove (RFC 9449).
    pub jkt: String,
    /// The token that is given for it, if one is: the new one is good for no more, and no longer.
    pub subject: Option<AgentToken>,
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentToken {
    /// Its own name.
    pub id: Uuid,
    /// Whose it is.
    pub agent: AgentId,
    /// Whose the agent is.
    pub organization: OrganizationId,
    /// The agent's key that asked for it: the token ends with it.
    pub key: AgentKeyId,
    /// Who it is for.
    pub audience: String,
    /// What it is good for.
    pub limits: Vec<TokenLimit>,
    /// Since when.
    pub issued_at: DateTime<Utc>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
    /// Thumbprint of the key that its bearer has to prove.
    pub jkt: String,
}

impl App {
    /// Gives an agent that signed its request a token: attenuated, for one audience, bound to a key.
    ///
    /// # Errors
    /// `InvalidInput` for the scope, the audience or the life, `Forbidden` for an agent that may not
    /// act, `Unauthenticated` for a replayed request.
    pub async fn exchange_token(
        &self,
        actor: &AgentActor,
        input: ExchangeToken,
        request_id: &str,
    ) -> Result<AgentToken, AppError> {
        actor.refuse_dead_key()?;
        let forbidden = |message: &str| AppError::new(ErrorCode::Forbidden, message);
        if let Some(reason) = &actor.stopped {
            return Err(forbidden(&reason.message));
        }
        if actor.token.is_some() {
            return Err(forbidden(
                "a token gets no token; sign the request with the agent's key",
            ));
        }
        let subject = input.subject.as_ref();
        if subject.is_some_and(|token| token.agent != actor.agent) {
            return Err(forbidden("the subject token is another agent's"));
        }
        let now = self.clock.now();
        let asked = check(&input)?;
        let facts = self.facts(actor.agent).await?;
        let available: Vec<TokenLimit> = match subject {
            Some(token) => token.limits.clone(),
            None => {
                let live = facts
                    .grants
                    .iter()
                    .filter(|it| it.expires_at.is_none_or(|end| end > now));
                let chains = facts.delegations.iter().filter(|chain| chain.is_live(now));
                let delegated = chains.filter_map(|chain| chain.last());
                let delegated = delegated.flat_map(|link| link.limits.iter().cloned());
                live.map(TokenLimit::from).chain(delegated).collect()
            }
        };
        let scope = |message: String| AppError::field("scope", message);
        let limits = attenuate(&available, &asked).map_err(|asked| {
            scope(format!(
                "`{}` is not within what the agent was granted",
                asked.as_str()
            ))
        })?;
        if limits.is_empty() || limits.len() > TOKEN_LIMITS_MAX {
            let count = limits.len();
            return Err(scope(format!(
                "gives {count} capabilities; ask for 1 to {TOKEN_LIMITS_MAX}"
            )));
        }
        let life = input.life_seconds.unwrap_or(TOKEN_LIFE_SECONDS);
        let ends = [actor.key_ends_at, subject.map(|token| token.expires_at)];
        let end = now + Duration::seconds(i64::from(life));
        let token = AgentToken {
            id: self.ids.next(),
            agent: actor.agent,
            organization: actor.organization,
            key: actor.key,
            audience: input.audience,
            limits,
            issued_at: now,
            expires_at: ends.into_iter().flatten().fold(end, DateTime::min),
            jkt: input.jkt,
        };
        self.write_token(actor, &token, request_id).await?;
        Ok(token)
    }

    async fn write_token(
        &self,
        actor: &AgentActor,
        token: &AgentToken,
        request_id: &str,
    ) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        self.use_nonce(&mut tx, actor, request_id).await?;
        tx.audit(NewAuditEntry {
            id: aim_domain::id::AuditEntryId::from_uuid(self.ids.next()),
            organization: token.organization,
            actor_type: "agent",
            actor_id: token.agent.to_string(),
            action: "agent-token.issue",
            object_type: "agentToken",
            object_id: token.id.to_string(),
            reason: None,
            before: None,
            after: Some(json!({
                "audience": token.audience,
                "limits": token.limits,
                "expiresAt": token.expires_at,
                "keyId": token.key,
                "jkt": token.jkt,
            })),
            request_id: request_id.to_owned(),
        });
        Ok(tx.commit().await?)
    }

    /// The agent of a token whose signature and whose bearer's proof are right; `proof` is a name of
    /// the proof that is good once, until `stale_at`.
    ///
    /// # Errors
    /// `Unauthenticated` for a token of an agent that is gone, or a proof that was used before.
    pub async fn identify_token(
        &self,
        token: AgentToken,
        proof: String,
        stale_at: DateTime<Utc>,
    ) -> Result<AgentActor, AppError> {
        let refused = |message: &str| AppError::new(ErrorCode::Unauthenticated, message);
        let facts = self.facts(token.agent).await;
        let facts = facts.map_err(|error| match error.code {
            ErrorCode::NotFound => refused("TOKEN_UNKNOWN: the token's agent is gone"),
            _ => error,
        })?;
        if facts.organization != token.organization {
            return Err(refused("TOKEN_UNKNOWN: the token's agent is gone"));
        }
        if !self.cache_nonce(token.key, &proof) {
            return Err(refused(
                "NONCE_REPLAYED: this proof was sent before; make a new one",
            ));
        }
        let now = self.clock.now();
        self.key_use.note(token.key, now);
        Ok(AgentActor {
            agent: token.agent,
            organization: token.organization,
            key: token.key,
            nonce: proof,
            stale_at,
            stopped: facts.stopped(token.key, now),
            key_ends_at: Some(token.expires_at),
            token: Some(Arc::new(token)),
            client: None,
        })
    }
}

fn check(input: &ExchangeToken) -> Result<Vec<Pattern>, AppError> {
    let mut errors = FieldErrors::default();
    errors.text("audience", &input.audience, AUDIENCE_MAX);
    if input.audience.is_empty() {
        errors.add("audience", "is empty; say who the token is for");
    }
    let life = input.life_seconds.unwrap_or(TOKEN_LIFE_SECONDS);
    if life == 0 || life > TOKEN_LIFE_SECONDS_MAX {
        let message = format!("is `{life}`; give 1 to {TOKEN_LIFE_SECONDS_MAX} seconds");
        errors.add("expires_in", message);
    }
    let mut asked = Vec::new();
    if input.scope.len() > TOKEN_LIMITS_MAX {
        let count = input.scope.len();
        errors.add(
            "scope",
            format!("has {count} entries; give at most {TOKEN_LIMITS_MAX}"),
        );
    }
    for text in input.scope.iter().take(TOKEN_LIMITS_MAX) {
        asked.extend(errors.keep("scope", Pattern::capability(text.as_str())));
    }
    errors.finish()?;
    Ok(asked)
}
