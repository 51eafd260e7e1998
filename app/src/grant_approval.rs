//! Agreeing beforehand: an agent may do something for a while without asking each time.

use std::sync::Arc;

use aim_domain::approval::{
    APPROVAL_GRANT_SECONDS_MAX, APPROVAL_GRANT_USES_MAX, APPROVAL_GRANTS_MAX, ApprovalFacts,
    ApprovalGrant, ApprovalSettings,
};
use aim_domain::capability::Pattern;
use aim_domain::event::{AgentChange, AgentChanged};
use aim_domain::id::{AgentId, ApprovalGrantId};
use aim_store::approval_grants::{ApprovalGrantFilter, ApprovalGrantRecord};
use aim_store::{Page, PageRequest};
use chrono::{DateTime, Duration, Utc};
use serde_json::json;

use crate::error::FieldErrors;
use crate::kill_switch::refuse_killed;
use crate::{App, AppError, ErrorCode, Permit};

/// What is agreed to.
#[derive(Debug, Clone)]
pub struct GrantApproval {
    /// For which agent.
    pub agent: AgentId,
    /// Which actions, as a pattern.
    pub action: String,
    /// On which resources, as a pattern; all when left out.
    pub resource: Option<String>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
    /// How often at most; any number of times when left out.
    pub max_uses: Option<u32>,
    /// Why.
    pub reason: String,
}

impl GrantApproval {
    fn check(
        self,
        id: ApprovalGrantId,
        now: DateTime<Utc>,
    ) -> Result<(ApprovalGrant, Self), AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&self.reason);
        let action = errors.keep("action", Pattern::capability(self.action.clone()));
        let resource = self
            .resource
            .clone()
            .and_then(|text| errors.keep("resource", Pattern::resource(text)));
        let last = now + Duration::seconds(APPROVAL_GRANT_SECONDS_MAX);
        if self.expires_at <= now || self.expires_at > last {
            let message = format!("lies not within {APPROVAL_GRANT_SECONDS_MAX} seconds from now");
            errors.add("expiresAt", message);
        }
        if let Some(uses) = self.max_uses
            && !(1..=APPROVAL_GRANT_USES_MAX).contains(&uses)
        {
            errors.add(
                "maxUses",
                format!("is {uses}; give 1 to {APPROVAL_GRANT_USES_MAX}"),
            );
        }
        errors.finish()?;
        let action = action.ok_or_else(|| AppError::new(ErrorCode::Internal, "internal error"))?;
        let grant = ApprovalGrant {
            id,
            action,
            resource,
            expires_at: self.expires_at,
            is_counted: self.max_uses.is_some(),
        };
        Ok((grant, self))
    }
}

impl App {
    /// Agrees beforehand to what an agent may want to do. It takes the place of an approval by one
    /// person; it grants no capability, and lifts nothing that forbids.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field, `NotFound` for the agent, `Conflict` when it is stopped
    /// for ever or by a kill switch, or has as many of these as it may.
    pub async fn grant_approval(
        &self,
        permit: &Permit,
        input: GrantApproval,
    ) -> Result<ApprovalGrantRecord, AppError> {
        let id = ApprovalGrantId::from_uuid(self.ids.next());
        let now = self.clock.now();
        let (grant, input) = input.check(id, now)?;
        let agent = self.get_agent(permit, input.agent).await?;
        let conflict = |message: String| Err(AppError::new(ErrorCode::Conflict, message));
        if agent.status == aim_domain::agent::AgentStatus::Revoked {
            return conflict("the agent is revoked for ever".to_owned());
        }
        refuse_killed(&self.load_facts(agent.id).await?)?;
        let live = self.store.list_live_approval_grants(&[agent.id]).await?;
        if live.len() >= APPROVAL_GRANTS_MAX {
            return conflict(format!(
                "the agent has {APPROVAL_GRANTS_MAX} of these; revoke some"
            ));
        }
        let record = ApprovalGrantRecord {
            id,
            organization: agent.organization,
            agent: agent.id,
            grant,
            max_uses: input.max_uses,
            use_count: 0,
            reason: input.reason,
            granted_by: permit.actor(),
            created_at: now,
            revoked_at: None,
        };
        let mut tx = self.store.begin().await?;
        tx.insert_approval_grant(&record).await?;
        let change = AgentChange::ApprovalGranted { grant: id };
        let agent = agent.id;
        tx.emit(&self.event(record.organization, agent, AgentChanged { agent, change }));
        tx.audit(permit.audit(
            &self.ids,
            "approval.grant",
            ("agent", agent.to_string()),
            Some(record.reason.clone()),
            (
                None,
                Some(json!({
                    "grant": id,
                    "action": record.grant.action,
                    "resource": record.grant.resource,
                    "maxUses": record.max_uses,
                    "expiresAt": record.grant.expires_at,
                })),
            ),
        ));
        tx.commit().await?;
        self.cache.forget(agent);
        Ok(record)
    }

    /// Takes it back: the next such action waits for a person again. What was taken back before stays
    /// so.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, `NotFound`.
    pub async fn revoke_approval_grant(
        &self,
        permit: &Permit,
        id: ApprovalGrantId,
        reason: String,
    ) -> Result<ApprovalGrantRecord, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&reason);
        errors.finish()?;
        let before = self.store.find_approval_grant(permit.scope(), id).await?;
        let before = before.ok_or_else(|| AppError::not_found("approval grant"))?;
        let mut tx = self.store.begin().await?;
        if tx
            .revoke_approval_grant(permit.scope(), id, &permit.actor())
            .await?
        {
            let agent = before.agent;
            let change = AgentChange::ApprovalGrantEnded { grant: id };
            tx.emit(&self.event(before.organization, agent, AgentChanged { agent, change }));
            tx.audit(permit.audit(
                &self.ids,
                "approval.revoke-grant",
                ("agent", agent.to_string()),
                Some(reason),
                (
                    Some(json!({ "grant": id, "action": before.grant.action })),
                    None,
                ),
            ));
            tx.commit().await?;
            self.cache.forget(agent);
        }
        let found = self.store.find_approval_grant(permit.scope(), id).await?;
        found.ok_or_else(|| AppError::not_found("approval grant"))
    }

    /// A page of what persons agreed to beforehand.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_approval_grants(
        &self,
        permit: &Permit,
        filter: &ApprovalGrantFilter,
        page: PageRequest,
    ) -> Result<Page<ApprovalGrantRecord>, AppError> {
        let found = self
            .store
            .list_approval_grants(permit.scope(), filter, page);
        Ok(found.await?)
    }

    /// What was agreed to beforehand for an agent.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn find_approval_grant(
        &self,
        permit: &Permit,
        id: ApprovalGrantId,
    ) -> Result<Option<ApprovalGrantRecord>, AppError> {
        Ok(self.store.find_approval_grant(permit.scope(), id).await?)
    }

    /// Takes one of the uses of a grant, before the action that it is for is answered: when the process
    /// dies in between, a use is lost, and never one too many is had. False when none is left.
    pub(crate) async fn take_approval_use(
        &self,
        actor: &crate::AgentActor,
        id: ApprovalGrantId,
        request_id: &str,
    ) -> Result<bool, AppError> {
        let mut tx = self.store.begin().await?;
        let is_taken = tx.use_approval_grant(id).await?;
        if is_taken {
            let object = ("approval-grant", id.to_string());
            tx.audit(aim_store::audit::NewAuditEntry {
                actor_type: "agent",
                actor_id: actor.agent.to_string(),
                request_id: request_id.to_owned(),
                ..self.by_system("agent", actor.organization, "approval.use-grant", object)
            });
            tx.commit().await?;
        } else {
            // Used up, or taken back just now: nobody needs to look at it again.
            self.cache.forget(actor.agent);
        }
        Ok(is_taken)
    }
}

/// What decisions know of approvals; nothing where nobody has said anything.
pub(crate) fn approval_facts(
    settings: Option<&ApprovalSettings>,
    grants: Vec<ApprovalGrant>,
) -> Option<Arc<ApprovalFacts>> {
    if settings.is_none() && grants.is_empty() {
        return None;
    }
    let settings = settings.cloned().unwrap_or_default();
    Some(Arc::new(ApprovalFacts { settings, grants }))
}
