//! Short-lived tokens of agents, and what they are good for.

use std::sync::Arc;

use aim_domain::capability::Pattern;
use aim_domain::id::{AgentId, AgentKeyId, DelegationId, OrganizationId};
use aim_domain::token::{
    TOKEN_LIFE_SECONDS, TOKEN_LIFE_SECONDS_MAX, TOKEN_LIMITS_MAX, TokenLimit, attenuate,
};
use aim_domain::token_chain::{NoStand, TokenChain, stand};
use aim_domain::verification::AgentFacts;
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
    /// The delegation that it is to stand on.
    pub delegation: Option<DelegationId>,
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
    /// The chain of delegation that it stands on; without one it is what the agent was granted itself.
    pub chain: Option<TokenChain>,
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
    /// `InvalidInput` for the scope, the delegation, the audience or the life, `Forbidden` for an agent
    /// that may not act, `Unauthenticated` for a replayed request.
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
        let (limits, chain) = match subject {
            Some(token) => narrowed(token, &facts, &asked, now)?,
            None => stand(&facts, &asked, input.delegation, now).map_err(no_stand)?,
        };
        if limits.is_empty() || limits.len() > TOKEN_LIMITS_MAX {
            let count = limits.len();
            let message = format!("gives {count} capabilities; ask for 1 to {TOKEN_LIMITS_MAX}");
            return Err(AppError::field("scope", message));
        }
        let life = input.life_seconds.unwrap_or(TOKEN_LIFE_SECONDS);
        let links = chain.as_ref().and_then(|it| it.live(&facts, now));
        let links = links.and_then(|it| it.links.iter().map(|link| link.expires_at).min());
        let ends = [actor.key_ends_at, subject.map(|it| it.expires_at), links];
        let end = now + Duration::seconds(i64::from(life));
        let token = AgentToken {
            id: self.ids.next(),
            agent: actor.agent,
            organization: actor.organization,
            key: actor.key,
            chain,
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
                "delegation": token.chain.as_ref().map(TokenChain::delegation),
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

/// What a token for a narrower one carries: it stands on the same.
fn narrowed(
    token: &AgentToken,
    facts: &AgentFacts,
    asked: &[Pattern],
    now: DateTime<Utc>,
) -> Result<(Vec<TokenLimit>, Option<TokenChain>), AppError> {
    let chain = token.chain.as_ref();
    if chain.is_some_and(|chain| chain.live(facts, now).is_none()) {
        return Err(no_stand(NoStand::Delegation));
    }
    let limits = attenuate(&token.limits, asked);
    let limits = limits.map_err(|asked| no_stand(NoStand::Scope(asked)))?;
    Ok((limits, chain.cloned()))
}

fn no_stand(reason: NoStand) -> AppError {
    match reason {
        NoStand::Delegation => {
            let message = "is no live delegation to this agent; ask for another, or leave it out";
            AppError::field("delegation", message)
        }
        NoStand::Scope(asked) => {
            let asked = asked.as_str();
            let message = format!("`{asked}` is not within what the agent was granted");
            AppError::field("scope", message)
        }
    }
}

fn check(input: &ExchangeToken) -> Result<Vec<Pattern>, AppError> {
    let mut errors = FieldErrors::default();
    errors.text("audience", &input.audience, AUDIENCE_MAX);
    if input.subject.is_some() && input.delegation.is_some() {
        let message = "is the subject token's; leave it out";
        errors.add("delegation", message);
    }
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
