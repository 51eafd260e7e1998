//! Handing on a part of what an agent may do, and taking it back.

use aim_domain::agent::AgentStatus;
use aim_domain::capability::Pattern;
use aim_domain::delegation::{
    DELEGATION_DEPTH_MAX, DELEGATION_LIFE_SECONDS_MAX, DELEGATION_LIMITS_MAX, DELEGATIONS_MAX,
};
use aim_domain::event::{AgentChange, AgentChanged};
use aim_domain::id::{AgentId, DelegationId};
use aim_domain::scope::Scope;
use aim_domain::token::TokenLimit;
use aim_domain::verification::AgentFacts;
use aim_store::audit::NewAuditEntry;
use aim_store::delegations::{Delegation, DelegationFilter};
use aim_store::{Page, PageRequest};
use chrono::{DateTime, Duration, SubsecRound, Utc};
use serde_json::json;

use crate::error::{FieldErrors, REASON_MAX};
use crate::{Actor, AgentActor, App, AppError, ErrorCode, Permit};

/// What is handed on.
#[derive(Debug, Clone)]
pub struct DelegateCapabilities {
    /// To whom.
    pub to: AgentId,
    /// Capabilities, each with the resources it is limited to.
    pub capabilities: Vec<(String, Option<String>)>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
    /// The delegation that is handed on; the agent's own grants when left out.
    pub parent: Option<DelegationId>,
    /// Why.
    pub reason: Option<String>,
}

/// What a delegator has to hand on.
struct Source {
    limits: Vec<TokenLimit>,
    /// Links up to the new one.
    depth: usize,
    /// Until when it has it.
    expires_at: Option<DateTime<Utc>>,
    /// Who hands on before.
    before: Vec<AgentId>,
}

impl App {
    /// Lets another agent act with a part of what this one may do: never more, never longer, in
    /// chains of at most [`DELEGATION_DEPTH_MAX`] links without a cycle.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field, `NotFound` for the other agent or the delegation,
    /// `Forbidden` for an agent that may not act, `Conflict` when the other has too many.
    pub async fn delegate_capabilities(
        &self,
        actor: &AgentActor,
        mut input: DelegateCapabilities,
        request_id: &str,
    ) -> Result<Delegation, AppError> {
        // As it is kept: a link may end when the one before ends, to the microsecond.
        input.expires_at = input.expires_at.trunc_subsecs(6);
        actor.refuse_dead_key()?;
        let forbidden = |message: &str| Err(AppError::new(ErrorCode::Forbidden, message));
        if let Some(reason) = &actor.stopped {
            return forbidden(&reason.message);
        }
        if actor.token.is_some() {
            return forbidden("a token hands nothing on; sign the request with the agent's key");
        }
        let scope = Scope::of(actor.organization);
        let to = self.store.find_agent(scope, input.to).await?;
        let to = to.ok_or_else(|| AppError::not_found("agent"))?;
        if to.status == AgentStatus::Revoked {
            let message = "the agent is revoked for ever";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let facts = self.facts(actor.agent).await?;
        let now = self.clock.now();
        let mut source = source(&facts, input.parent, now)?;
        // A key that was exchanged hands nothing on that outlasts its overlap.
        let ends = [source.expires_at, actor.key_ends_at];
        source.expires_at = ends.into_iter().flatten().min();
        let limits = check(actor.agent, &input, &source, now)?;
        let new = Delegation {
            id: DelegationId::from_uuid(self.ids.next()),
            organization: actor.organization,
            delegator: actor.agent,
            delegate: to.id,
            key: actor.key,
            parent: input.parent,
            depth: source.depth,
            limits,
            reason: input.reason,
            created_at: now,
            expires_at: input.expires_at,
            revoked_at: None,
            revoked_by: None,
            revoked_reason: None,
        };
        self.write_delegation(actor, &new, request_id).await?;
        Ok(new)
    }

    async fn write_delegation(
        &self,
        actor: &AgentActor,
        new: &Delegation,
        request_id: &str,
    ) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        self.use_nonce(&mut tx, actor, request_id).await?;
        if tx.count_delegations_to(new.delegate).await? >= DELEGATIONS_MAX {
            let message = format!("the agent has {DELEGATIONS_MAX} live delegations; revoke some");
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        tx.insert_delegation(new).await?;
        let agent = new.delegate;
        let change = AgentChange::Delegated { delegation: new.id };
        tx.emit(&self.event(new.organization, agent, AgentChanged { agent, change }));
        tx.audit(NewAuditEntry {
            id: aim_domain::id::AuditEntryId::from_uuid(self.ids.next()),
            organization: new.organization,
            actor_type: "agent",
            actor_id: new.delegator.to_string(),
            action: "delegation.create",
            object_type: "delegation",
            object_id: new.id.to_string(),
            reason: new.reason.clone(),
            before: None,
            after: Some(json!({
                "delegate": agent,
                "parent": new.parent,
                "limits": new.limits,
                "expiresAt": new.expires_at,
            })),
            request_id: request_id.to_owned(),
        });
        tx.commit().await?;
        self.cache.forget(agent);
        Ok(())
    }

    /// Takes a delegation back, and with it everything that was handed on from it. A person with the
    /// role may, and each agent that hands on in its chain.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, `NotFound`, `Forbidden` for an agent that has no part in it,
    /// `Conflict` when it was taken back before.
    pub async fn revoke_delegation(
        &self,
        actor: &Actor,
        permit: &Permit,
        id: DelegationId,
        reason: String,
    ) -> Result<Delegation, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&reason);
        errors.finish()?;
        let found = self.get_delegation(permit, id).await?;
        let mut tx = self.store.begin().await?;
        if let Actor::Agent(agent) = actor {
            self.refuse_stranger(agent, &found).await?;
            self.use_nonce(&mut tx, agent, permit.request_id()).await?;
        }
        if !tx.revoke_delegation(id, &reason, &permit.actor()).await? {
            let message = "the delegation was taken back before";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let agent = found.delegate;
        let change = AgentChange::DelegationRevoked { delegation: id };
        let fact = AgentChanged { agent, change };
        tx.emit(&self.event(found.organization, agent, fact));
        tx.audit(permit.audit(
            &self.ids,
            "delegation.revoke",
            ("delegation", id.to_string()),
            Some(reason),
            (
                Some(json!({ "delegate": agent, "limits": found.limits })),
                None,
            ),
        ));
        tx.commit().await?;
        self.cache.forget(agent);
        self.get_delegation(permit, id).await
    }

    /// A delegation.
    ///
    /// # Errors
    /// `NotFound` when there is none in the permit's organization.
    pub async fn get_delegation(
        &self,
        permit: &Permit,
        id: DelegationId,
    ) -> Result<Delegation, AppError> {
        let found = self.store.find_delegation(permit.scope(), id).await?;
        found.ok_or_else(|| AppError::not_found("delegation"))
    }

    /// A page of delegations.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_delegations(
        &self,
        permit: &Permit,
        filter: &DelegationFilter,
        page: PageRequest,
    ) -> Result<Page<Delegation>, AppError> {
        let found = self.store.list_delegations(permit.scope(), filter, page);
        Ok(found.await?)
    }

    /// An agent takes back what it handed on itself, or what was handed on from that.
    async fn refuse_stranger(
        &self,
        agent: &AgentActor,
        delegation: &Delegation,
    ) -> Result<(), AppError> {
        let mut link = delegation.clone();
        for _ in 0..=DELEGATION_DEPTH_MAX {
            if link.delegator == agent.agent {
                return Ok(());
            }
            let Some(parent) = link.parent else { break };
            let found = self.store.load_delegations(&[parent]).await?.pop();
            let Some(found) = found else { break };
            link = found;
        }
        let message = "only an agent that hands on in the chain, or a person, takes it back";
        Err(AppError::new(ErrorCode::Forbidden, message))
    }
}

fn source(
    facts: &AgentFacts,
    parent: Option<DelegationId>,
    now: DateTime<Utc>,
) -> Result<Source, AppError> {
    let Some(parent) = parent else {
        let live = facts
            .grants
            .iter()
            .filter(|it| it.expires_at.is_none_or(|end| end > now));
        return Ok(Source {
            limits: live.map(TokenLimit::from).collect(),
            depth: 1,
            expires_at: None,
            before: Vec::new(),
        });
    };
    let mut chains = facts.delegations.iter();
    let chain =
        chains.find(|it| it.last().is_some_and(|last| last.id == parent) && it.is_live(now));
    let last = chain.and_then(|chain| chain.last().map(|last| (chain, last)));
    let (chain, last) = last.ok_or_else(|| AppError::not_found("live delegation to this agent"))?;
    Ok(Source {
        limits: last.limits.clone(),
        depth: chain.links.len() + 1,
        expires_at: chain.links.iter().map(|link| link.expires_at).min(),
        before: chain.links.iter().map(|link| link.delegator).collect(),
    })
}

fn check(
    from: AgentId,
    input: &DelegateCapabilities,
    source: &Source,
    now: DateTime<Utc>,
) -> Result<Vec<TokenLimit>, AppError> {
    let mut errors = FieldErrors::default();
    if input.to == from || source.before.contains(&input.to) {
        errors.add(
            "toAgentId",
            "hands on in this chain itself; a chain has no cycle",
        );
    }
    if source.depth > DELEGATION_DEPTH_MAX {
        let message = format!("has {DELEGATION_DEPTH_MAX} links, the most there may be");
        errors.add("parentId", message);
    }
    let most = now + Duration::seconds(DELEGATION_LIFE_SECONDS_MAX);
    let most = source.expires_at.map_or(most, |end| end.min(most));
    if input.expires_at <= now || input.expires_at > most {
        let message = format!("is not between now and {most}, the end of what is handed on");
        errors.add("expiresAt", message);
    }
    if let Some(reason) = &input.reason {
        errors.text("reason", reason, REASON_MAX);
    }
    let count = input.capabilities.len();
    if count == 0 || count > DELEGATION_LIMITS_MAX {
        let message = format!("has {count} entries; give 1 to {DELEGATION_LIMITS_MAX}");
        errors.add("capabilities", message);
    }
    let mut limits = Vec::new();
    for (index, (name, resource)) in input
        .capabilities
        .iter()
        .take(DELEGATION_LIMITS_MAX)
        .enumerate()
    {
        let field = |name: &str| format!("capabilities.{index}.{name}");
        let capability = errors.keep(&field("capability"), Pattern::capability(name.as_str()));
        let resource = resource
            .as_ref()
            .map(|text| Pattern::resource(text.as_str()));
        let resource = resource.map(|it| errors.keep(&field("resource"), it));
        let (Some(capability), None | Some(Some(_))) = (capability, &resource) else {
            continue;
        };
        let limit = TokenLimit {
            capability,
            resource: resource.flatten(),
        };
        if !source.limits.iter().any(|wider| limit.is_within(wider)) {
            let message = "is more than the agent has to hand on";
            errors.add(&field("capability"), message);
        }
        limits.push(limit);
    }
    errors.finish()?;
    Ok(limits)
}
