//! Agents ask for capabilities; persons answer.

use aim_domain::capability::{CapabilityGrant, Pattern};
use aim_domain::capability_request::{
    CAPABILITY_REQUEST_LIFE_MAX, CAPABILITY_REQUEST_SECONDS, CAPABILITY_REQUESTS_MAX,
    CapabilityRequest, CapabilityRequestStatus as Status,
};
use aim_domain::event::CapabilityRequestChanged;
use aim_domain::id::{AuditEntryId, CapabilityGrantId, CapabilityRequestId};
use aim_domain::scope::Scope;
use aim_store::Tx;
use aim_store::audit::NewAuditEntry;
use aim_store::capability_requests::{CapabilityRequestAnswer, CapabilityRequestFilter};
use aim_store::grants::GrantRecord;
use aim_store::{Page, PageRequest};
use chrono::{DateTime, Duration, Utc};
use serde_json::json;

use crate::error::FieldErrors;
use crate::kill_switch::refuse_killed;
use crate::{AgentActor, App, AppError, ErrorCode, Permit};

/// What an agent asks for.
#[derive(Debug, Clone)]
pub struct RequestCapability {
    /// A capability or a pattern.
    pub capability: String,
    /// On which resources; all when left out.
    pub resource: Option<String>,
    /// For how long; until revoked when left out.
    pub life_seconds: Option<u32>,
    /// What for.
    pub reason: String,
}

/// A person's answer.
#[derive(Debug, Clone)]
pub struct AnswerCapabilityRequest {
    /// To which request.
    pub request: CapabilityRequestId,
    /// Whether it is granted.
    pub is_approved: bool,
    /// Until when; what was asked for when left out.
    pub expires_at: Option<DateTime<Utc>>,
    /// Why.
    pub reason: String,
}

impl App {
    /// Asks for a capability, in the name of the agent that signed.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field; `Forbidden` for an agent that may not act, or a token;
    /// `Conflict` when the same waits already, when it is granted already, or when too much waits.
    pub async fn request_capability(
        &self,
        actor: &AgentActor,
        input: RequestCapability,
        request_id: &str,
    ) -> Result<CapabilityRequest, AppError> {
        actor.refuse_unable()?;
        let mut errors = FieldErrors::default();
        errors.reason(&input.reason);
        let capability = errors.keep("capability", Pattern::capability(input.capability));
        let resource = input
            .resource
            .and_then(|text| errors.keep("resource", Pattern::resource(text)));
        if let Some(seconds) = input.life_seconds
            && !(1..=CAPABILITY_REQUEST_LIFE_MAX).contains(&seconds)
        {
            let message = format!("is {seconds}; give 1 to {CAPABILITY_REQUEST_LIFE_MAX}");
            errors.add("lifeSeconds", message);
        }
        errors.finish()?;
        let capability = capability.ok_or_else(internal)?;
        let facts = self.load_facts(actor.agent).await?;
        let now = self.clock.now();
        let has = |grant: &CapabilityGrant| has_all(grant, &capability, resource.as_ref(), now);
        if facts.grants.iter().any(has) {
            return Err(conflict("a grant covers this already; act on it"));
        }
        let request = CapabilityRequest {
            id: CapabilityRequestId::from_uuid(self.ids.next()),
            organization: actor.organization,
            agent: actor.agent,
            capability,
            resource,
            life_seconds: input.life_seconds,
            reason: input.reason,
            status: Status::Pending,
            created_at: now,
            expires_at: now + Duration::seconds(CAPABILITY_REQUEST_SECONDS),
            decided_by: None,
            decided_at: None,
            decided_reason: None,
            grant: None,
        };
        let mut tx = self.store.begin().await?;
        self.use_nonce(&mut tx, actor, request_id).await?;
        if tx.count_pending_requests(actor.agent).await? >= CAPABILITY_REQUESTS_MAX {
            let message =
                format!("{CAPABILITY_REQUESTS_MAX} requests wait already; wait for answers");
            return Err(conflict(&message));
        }
        if !tx.insert_capability_request(&request).await? {
            return Err(conflict(
                "the same was requested before and waits for an answer",
            ));
        }
        self.emit_request(&mut tx, &request, Status::Pending);
        tx.audit(NewAuditEntry {
            id: AuditEntryId::from_uuid(self.ids.next()),
            organization: actor.organization,
            actor_type: "agent",
            actor_id: actor.agent.to_string(),
            action: "capability.request",
            object_type: "capability-request",
            object_id: request.id.to_string(),
            reason: Some(request.reason.clone()),
            before: None,
            after: Some(json!({ "capability": request.capability, "resource": request.resource })),
            request_id: request_id.to_owned(),
        });
        tx.commit().await?;
        Ok(request)
    }

    fn emit_request(&self, tx: &mut Tx, request: &CapabilityRequest, status: Status) {
        let fact = CapabilityRequestChanged {
            request: request.id,
            agent: request.agent,
            capability: request.capability.as_str().to_owned(),
            status,
        };
        tx.emit(&self.event(request.organization, request.agent, fact));
    }

    /// Takes a person's answer to a request. Yes makes the grant in the same transaction.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field; `NotFound`; `Conflict` when the request waits no more, or
    /// the agent can be granted nothing.
    pub async fn answer_capability_request(
        &self,
        permit: &Permit,
        input: AnswerCapabilityRequest,
    ) -> Result<CapabilityRequest, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&input.reason);
        let now = self.clock.now();
        if input.expires_at.is_some_and(|end| end <= now) {
            errors.add("expiresAt", "has passed; give a time to come");
        }
        errors.finish()?;
        let scope = permit.scope();
        let found = self
            .store
            .find_capability_request(scope, input.request)
            .await?;
        let asked = found.ok_or_else(|| AppError::not_found("capability request"))?;
        if input.is_approved {
            self.refuse_ungrantable(permit, asked.agent).await?;
            refuse_killed(&self.load_facts(asked.agent).await?)?;
        }
        let mut tx = self.store.begin().await?;
        let found = tx.lock_capability_request(scope, input.request).await?;
        let asked = found.ok_or_else(|| AppError::not_found("capability request"))?;
        if asked.status != Status::Pending {
            let message = format!("the request waits no more: it is `{:?}`", asked.status);
            return Err(conflict(&message));
        }
        let status = if input.is_approved {
            Status::Approved
        } else {
            Status::Rejected
        };
        let grant = input
            .is_approved
            .then(|| self.grant_of(permit, &asked, &input, tx.now()));
        let answer = CapabilityRequestAnswer {
            status,
            by: permit.actor(),
            reason: input.reason.clone(),
            grant: grant.as_ref().map(|it| it.grant.id),
        };
        if !tx.answer_capability_request(asked.id, &answer).await? {
            return Err(conflict("the request was answered at the same time"));
        }
        if let Some(grant) = &grant {
            self.write_grant(&mut tx, permit, grant).await?;
        }
        self.emit_request(&mut tx, &asked, status);
        let action = if input.is_approved {
            "capability.approve-request"
        } else {
            "capability.reject-request"
        };
        tx.audit(permit.audit(
            &self.ids,
            action,
            ("capability-request", asked.id.to_string()),
            Some(input.reason),
            (
                Some(json!({ "status": Status::Pending })),
                Some(json!({ "status": status, "grant": answer.grant })),
            ),
        ));
        tx.commit().await?;
        self.cache.forget(asked.agent);
        let found = self.store.find_capability_request(scope, asked.id).await?;
        found.ok_or_else(|| AppError::not_found("capability request"))
    }

    fn grant_of(
        &self,
        permit: &Permit,
        asked: &CapabilityRequest,
        input: &AnswerCapabilityRequest,
        now: DateTime<Utc>,
    ) -> GrantRecord {
        let wanted = asked.life_seconds;
        let wanted = wanted.map(|seconds| now + Duration::seconds(i64::from(seconds)));
        GrantRecord {
            organization: asked.organization,
            agent: asked.agent,
            grant: CapabilityGrant {
                id: CapabilityGrantId::from_uuid(self.ids.next()),
                capability: asked.capability.clone(),
                resource: asked.resource.clone(),
                expires_at: input.expires_at.or(wanted),
            },
            granted_by: permit.actor(),
            reason: Some(input.reason.clone()),
            created_at: now,
            revoked_at: None,
            revoked_by: None,
        }
    }

    /// A page of requests.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_capability_requests(
        &self,
        permit: &Permit,
        filter: &CapabilityRequestFilter,
        page: PageRequest,
    ) -> Result<Page<CapabilityRequest>, AppError> {
        let scope: Scope = permit.scope();
        let found = self.store.list_capability_requests(scope, filter, page);
        Ok(found.await?)
    }
}

/// Whether a grant gives all that is asked for.
fn has_all(
    grant: &CapabilityGrant,
    capability: &Pattern,
    resource: Option<&Pattern>,
    now: DateTime<Utc>,
) -> bool {
    grant.expires_at.is_none_or(|end| now < end)
        && capability.is_within(&grant.capability)
        && match (&grant.resource, resource) {
            (None, _) => true,
            (Some(wide), Some(narrow)) => narrow.is_within(wide),
            (Some(_), None) => false,
        }
}

fn conflict(message: &str) -> AppError {
    AppError::new(ErrorCode::Conflict, message)
}

fn internal() -> AppError {
    AppError::new(ErrorCode::Internal, "internal error")
}
