//! The main job: may it?

use std::sync::Arc;

use aim_domain::action::ActionClass;
use aim_domain::approval::ApprovalStatus;
use aim_domain::event::VerificationRecorded;
use aim_domain::id::{AuditEntryId, McpServerId, VerificationId};
use aim_domain::name::{ActionName, Resource};
use aim_domain::risk::RiskLevel;
use aim_domain::verification::{
    ActionRequest, AgentFacts, Arguments, Asked, Decision, Verdict, decide, decide_within,
};
use aim_store::audit::NewAuditEntry;
use aim_store::decisions::{DecisionRecord, Written};
use aim_store::verifications::{Approval, UsedNonce, Verification};
use serde_json::{Map, Value, json};

use crate::error::FieldErrors;
use crate::{AgentActor, App, AppError, ErrorCode};

/// Most bytes of `session`, `task` and `idempotencyKey`.
const LABEL_MAX: usize = 128;

/// What an agent wants to do, as it said it.
#[derive(Debug, Clone, Default)]
pub struct VerifyAction {
    /// The action; also the name of the capability it needs.
    pub action: String,
    /// What it is done to.
    pub resource: Option<String>,
    /// With which arguments.
    pub arguments: Map<String, Value>,
    /// What the agent says of its risk.
    pub declared_risk: Option<RiskLevel>,
    /// The run it belongs to.
    pub session: Option<String>,
    /// The job it is for.
    pub task: Option<String>,
    /// A name for this request: asking again with it gives the same answer.
    pub idempotency_key: Option<String>,
}

impl VerifyAction {
    pub(crate) fn check(self) -> Result<(ActionRequest, Option<String>), AppError> {
        let mut errors = FieldErrors::default();
        let action = errors.keep("action", ActionName::parse(self.action));
        let resource = self
            .resource
            .and_then(|text| errors.keep("resource", Resource::parse(text)));
        let arguments = errors.keep("arguments", Arguments::new(self.arguments));
        for (field, text) in [
            ("session", &self.session),
            ("task", &self.task),
            ("idempotencyKey", &self.idempotency_key),
        ] {
            if let Some(text) = text {
                errors.text(field, text, LABEL_MAX);
            }
        }
        errors.finish()?;
        match (action, arguments) {
            (Some(action), Some(arguments)) => Ok((
                ActionRequest {
                    action,
                    resource,
                    arguments,
                    declared_risk: self.declared_risk,
                    session: self.session,
                    task: self.task,
                },
                self.idempotency_key,
            )),
            _ => Err(AppError::new(ErrorCode::Internal, "internal error")),
        }
    }
}

impl App {
    /// Decides whether the agent may do it, and answers once the decision is durable with its
    /// audit entry and its event. Reads no SQL when the agent's facts are warm.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field, `Conflict` when the idempotency key was used for
    /// another action, `Unauthenticated` for a replayed nonce, `Unavailable` when it cannot be
    /// written: then nothing was decided.
    pub async fn verify_action(
        &self,
        actor: &AgentActor,
        input: VerifyAction,
        request_id: &str,
    ) -> Result<Verification, AppError> {
        self.verify_as(actor, None, input, request_id).await
    }

    /// The same, where somebody else asks in the agent's place: who that is stands in the trail.
    pub(crate) async fn verify_as(
        &self,
        actor: &AgentActor,
        asker: Option<String>,
        input: VerifyAction,
        request_id: &str,
    ) -> Result<Verification, AppError> {
        let (request, idempotency_key) = input.check()?;
        let facts = self.facts(actor.agent).await?;
        let now = self.clock.now();
        let asked = Asked {
            key: actor.key,
            at: now,
            address: actor.client,
        };
        let verdict = self
            .decide_for(actor, &request, asked, &facts, request_id)
            .await?;
        // What was allowed before must not be handed out again by its key when it would be denied now.
        let idempotency_key = idempotency_key.filter(|_| verdict.decision != Decision::Denied);
        let approval = (verdict.approvers > 0).then(|| Approval {
            status: ApprovalStatus::Pending,
            approvers: verdict.approvers,
            arguments: Some(Value::Object(request.arguments.members().clone())),
        });
        let granted = verdict.is_granted;
        let verification = Verification {
            id: VerificationId::from_uuid(self.ids.next()),
            organization: facts.organization,
            agent: facts.agent,
            key: actor.key,
            action: request.action.as_str().to_owned(),
            resource: request.resource.as_ref().map(|r| r.as_str().to_owned()),
            risk: verdict.risk,
            decision: verdict.decision,
            reasons: verdict.reasons,
            obligations: verdict.obligations,
            trust: facts.trust_at(now),
            session: request.session.clone(),
            task: request.task.clone(),
            action_digest: request.digest().to_vec(),
            idempotency_key,
            request_id: request_id.to_owned(),
            created_at: now,
            expires_at: verdict.expires_at,
            decided_by: None,
            decided_at: None,
            decided_reason: None,
            outcome: None,
            outcome_at: None,
            outcome_detail: None,
            duration_ms: None,
            policies: verdict.policies.hits,
            approval,
        };
        let called = facts.called_server(&verification.action, verification.resource.as_deref());
        let decided = (granted, verdict.class, called);
        let mut record = self.pending(actor, request, &verification, decided);
        if let (Some(asker), Some(after)) = (asker, &mut record.audit.after) {
            after["askedBy"] = asker.into();
        }
        let written = self.writer.write(record).await?;
        match written {
            Written::New => Ok(verification),
            Written::SameKey => self.earlier(verification).await,
            Written::Replayed => Err(AppError::new(
                ErrorCode::Unauthenticated,
                "NONCE_REPLAYED: this request was sent before; sign a new one",
            )),
        }
    }

    /// Decides, and takes a use of what was agreed to beforehand for a number of times.
    async fn decide_for(
        &self,
        actor: &AgentActor,
        request: &ActionRequest,
        asked: Asked,
        facts: &AgentFacts,
        request_id: &str,
    ) -> Result<Verdict, AppError> {
        let verdict = decide_as(actor, request, asked, facts);
        let Some(grant) = &verdict.approved_beforehand else {
            return Ok(verdict);
        };
        let mut used_up = grant.id;
        if !grant.is_counted || self.take_approval_use(actor, used_up, request_id).await? {
            return Ok(verdict);
        }
        let mut left = facts.clone();
        loop {
            let without = left.approvals.as_ref().map(|it| it.without(used_up));
            left.approvals = without.map(Arc::new);
            let verdict = decide_as(actor, request, asked, &left);
            match &verdict.approved_beforehand {
                Some(next) if next.is_counted => {
                    used_up = next.id;
                    if self.take_approval_use(actor, used_up, request_id).await? {
                        return Ok(verdict);
                    }
                }
                _ => return Ok(verdict),
            }
        }
    }

    fn pending(
        &self,
        actor: &AgentActor,
        request: ActionRequest,
        verification: &Verification,
        (granted, class, mcp_server): (bool, ActionClass, Option<McpServerId>),
    ) -> DecisionRecord {
        let fact = VerificationRecorded {
            verification: verification.id,
            agent: verification.agent,
            action: request.action,
            resource: request.resource,
            session: request.session,
            task: request.task,
            risk: verification.risk,
            decision: verification.decision,
            reasons: verification.reasons.clone(),
            granted,
            trust: verification.trust,
            location: actor.client.and_then(|it| self.locator.locate(it)),
            class: Some(class),
            policies: verification.policies.clone(),
            approval_expires_at: verification
                .approval
                .as_ref()
                .map(|_| verification.expires_at),
            mcp_server,
        };
        let audit = NewAuditEntry {
            id: AuditEntryId::from_uuid(self.ids.next()),
            organization: verification.organization,
            actor_type: "agent",
            actor_id: verification.agent.to_string(),
            action: "action.verify",
            object_type: "verification",
            object_id: verification.id.to_string(),
            reason: None,
            before: None,
            after: Some(json!({
                "action": verification.action,
                "resource": verification.resource,
                "decision": verification.decision,
            })),
            request_id: verification.request_id.clone(),
        };
        DecisionRecord {
            verification: verification.clone(),
            nonce: UsedNonce {
                key: actor.key,
                nonce: actor.nonce.clone(),
                expires_at: actor.stale_at,
            },
            audit,
            event: self.event(verification.organization, verification.agent, fact),
        }
    }

    /// The answer that was given to this idempotency key before.
    async fn earlier(&self, now: Verification) -> Result<Verification, AppError> {
        let key = now.idempotency_key.as_deref().unwrap_or_default();
        let before = self
            .store
            .find_verification_by_idempotency_key(now.agent, key)
            .await?
            .ok_or_else(|| AppError::not_found("verification"))?;
        let conflict = |what: &str| {
            let message = format!("`idempotencyKey` `{key}` {what}; use a new one");
            Err(AppError::new(ErrorCode::Conflict, message))
        };
        if before.action_digest != now.action_digest {
            return conflict("was used for another action");
        }
        // Nobody was asked then, and somebody has to be now.
        let was_free = before.decision == Decision::Allowed && before.approval.is_none();
        if was_free && now.approval.is_some() {
            return conflict("was used when the action needed no approval");
        }
        Ok(before)
    }
}

/// The decision about what an actor asks for, within its token if it has one.
pub(crate) fn decide_as(
    actor: &AgentActor,
    request: &ActionRequest,
    asked: Asked,
    facts: &AgentFacts,
) -> Verdict {
    match &actor.token {
        Some(token) => decide_within(&token.limits, token.chain.as_ref(), request, asked, facts),
        None => decide(request, asked, facts),
    }
}
