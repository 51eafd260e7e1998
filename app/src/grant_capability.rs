//! Granting capabilities and taking them back.

use aim_domain::capability::{CapabilityGrant, Pattern};
use aim_domain::event::{AgentChange, AgentChanged};
use aim_domain::id::{AgentId, CapabilityGrantId};
use aim_store::agents::Agent;
use aim_store::grants::{GRANTS_MAX, GrantFilter, GrantRecord};
use aim_store::{Page, PageRequest, Tx};
use chrono::{DateTime, Utc};
use serde_json::json;

use crate::error::{FieldErrors, REASON_MAX};
use crate::{App, AppError, ErrorCode, Permit};

/// What is granted.
#[derive(Debug, Clone)]
pub struct GrantCapability {
    /// To whom.
    pub agent: AgentId,
    /// A capability or a pattern such as `files:*`.
    pub capability: String,
    /// On which resources; all when left out.
    pub resource: Option<String>,
    /// Until when; until revoked when left out.
    pub expires_at: Option<DateTime<Utc>>,
    /// Why.
    pub reason: Option<String>,
}

impl App {
    /// Grants a capability.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field, `NotFound`, `Conflict` when the agent is revoked or
    /// has as many grants as it may.
    pub async fn grant_capability(
        &self,
        permit: &Permit,
        input: GrantCapability,
    ) -> Result<GrantRecord, AppError> {
        let mut errors = FieldErrors::default();
        let capability = errors.keep("capability", Pattern::capability(input.capability));
        let resource = input
            .resource
            .and_then(|text| errors.keep("resource", Pattern::resource(text)));
        let now = self.clock.now();
        if input.expires_at.is_some_and(|end| end <= now) {
            errors.add("expiresAt", "has passed; give a time to come");
        }
        if let Some(reason) = &input.reason {
            errors.text("reason", reason, REASON_MAX);
        }
        errors.finish()?;
        let Some(capability) = capability else {
            return Err(AppError::new(ErrorCode::Internal, "internal error"));
        };
        let agent = self.refuse_ungrantable(permit, input.agent).await?;
        let id = CapabilityGrantId::from_uuid(self.ids.next());
        let record = GrantRecord {
            organization: agent.organization,
            agent: agent.id,
            grant: CapabilityGrant {
                id,
                capability,
                resource,
                expires_at: input.expires_at,
            },
            granted_by: permit.actor(),
            reason: input.reason,
            created_at: now,
            revoked_at: None,
            revoked_by: None,
        };
        let mut tx = self.store.begin().await?;
        self.write_grant(&mut tx, permit, &record).await?;
        tx.commit().await?;
        self.cache.forget(agent.id);
        Ok(record)
    }

    /// The agent, if it can be granted one thing more.
    pub(crate) async fn refuse_ungrantable(
        &self,
        permit: &Permit,
        agent: AgentId,
    ) -> Result<Agent, AppError> {
        let agent = self.get_agent(permit, agent).await?;
        let conflict = |message: String| Err(AppError::new(ErrorCode::Conflict, message));
        if agent.status == aim_domain::agent::AgentStatus::Revoked {
            return conflict("the agent is revoked for ever".to_owned());
        }
        if self.store.list_grants(&[agent.id]).await?.len() as u64 >= GRANTS_MAX {
            return conflict(format!(
                "the agent has {GRANTS_MAX} grants; revoke some, or use patterns"
            ));
        }
        Ok(agent)
    }

    /// Writes a grant with its fact and its entry in the trail.
    pub(crate) async fn write_grant(
        &self,
        tx: &mut Tx,
        permit: &Permit,
        record: &GrantRecord,
    ) -> Result<(), AppError> {
        tx.insert_grant(record).await?;
        let (agent, id) = (record.agent, record.grant.id);
        let change = AgentChange::Granted { grant: id };
        tx.emit(&self.event(record.organization, agent, AgentChanged { agent, change }));
        tx.audit(permit.audit(
            &self.ids,
            "capability.grant",
            ("agent", agent.to_string()),
            record.reason.clone(),
            (
                None,
                Some(json!({
                    "grant": id,
                    "capability": record.grant.capability,
                    "resource": record.grant.resource,
                    "expiresAt": record.grant.expires_at,
                })),
            ),
        ));
        Ok(())
    }

    /// A page of grants, those that ended too.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_grant_history(
        &self,
        permit: &Permit,
        filter: &GrantFilter,
        page: PageRequest,
    ) -> Result<Page<GrantRecord>, AppError> {
        let found = self.store.list_grant_history(permit.scope(), filter, page);
        Ok(found.await?)
    }

    /// Takes a grant back.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` when it was revoked before.
    pub async fn revoke_capability(
        &self,
        permit: &Permit,
        id: CapabilityGrantId,
        reason: Option<String>,
    ) -> Result<GrantRecord, AppError> {
        let record = self
            .store
            .find_grant(permit.scope(), id)
            .await?
            .ok_or_else(|| AppError::not_found("capability grant"))?;
        let mut tx = self.store.begin().await?;
        if !tx.revoke_grant(permit.scope(), id, &permit.actor()).await? {
            return Err(AppError::new(
                ErrorCode::Conflict,
                "the grant was revoked before",
            ));
        }
        let change = AgentChange::GrantRevoked { grant: id };
        let agent = record.agent;
        tx.emit(&self.event(record.organization, agent, AgentChanged { agent, change }));
        tx.audit(permit.audit(
            &self.ids,
            "capability.revoke",
            ("agent", agent.to_string()),
            reason,
            (
                Some(json!({ "grant": id, "capability": record.grant.capability })),
                None,
            ),
        ));
        tx.commit().await?;
        self.cache.forget(agent);
        Ok(GrantRecord {
            revoked_at: Some(self.clock.now()),
            revoked_by: Some(permit.actor()),
            ..record
        })
    }
}
