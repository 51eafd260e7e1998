//! Silencing alerts for a while, and taking that back.

use aim_domain::anomaly::AnomalyKind;
use aim_domain::event::OrganizationChange;
use aim_domain::id::{AgentId, AlertSuppressionId};
use aim_domain::suppression::{AlertSuppression, SUPPRESSIONS_MAX};
use aim_store::{Page, PageRequest};
use chrono::{DateTime, Utc};
use serde_json::json;

use crate::error::FieldErrors;
use crate::{App, AppError, ErrorCode, Permit};

/// Which findings shall raise no alert.
#[derive(Debug, Clone)]
pub struct SuppressAlerts {
    /// About this agent; all when left out.
    pub agent: Option<AgentId>,
    /// Of this kind; all when left out.
    pub kind: Option<AnomalyKind>,
    /// Why.
    pub reason: String,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

impl App {
    /// Lets findings raise no alert until a time. They are recorded all the same, and a critical one
    /// still quarantines. What a live suppression says already is not said twice.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, the time, or when neither agent nor kind is named; `NotFound`
    /// for the agent; `Conflict` when too many are live.
    pub async fn suppress_alerts(
        &self,
        permit: &Permit,
        input: SuppressAlerts,
    ) -> Result<AlertSuppression, AppError> {
        let now = self.clock.now();
        let mut errors = FieldErrors::default();
        errors.reason(&input.reason);
        if input.agent.is_none() && input.kind.is_none() {
            errors.add("agentId", "is left out, like `kind`; name at least one");
        }
        let suppression = AlertSuppression {
            id: AlertSuppressionId::from_uuid(self.ids.next()),
            organization: permit.scope().organization,
            agent: input.agent,
            kind: input.kind,
            reason: input.reason,
            created_by: permit.actor(),
            created_at: now,
            expires_at: input.expires_at,
            withdrawn_at: None,
        };
        if let Err(error) = suppression.check(now) {
            errors.add("expiresAt", format!("`{}` {error}", suppression.expires_at));
        }
        errors.finish()?;
        if let Some(agent) = suppression.agent {
            self.get_agent(permit, agent).await?;
        }
        let mut tx = self.store.begin().await?;
        let live = tx
            .list_live_suppressions(&[suppression.organization])
            .await?;
        if let Some(same) = live.iter().find(|it| it.says_the_same(&suppression)) {
            return Ok(same.clone());
        }
        if live.len() >= SUPPRESSIONS_MAX {
            let message = format!("{} suppressions are live; withdraw some first", live.len());
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        tx.insert_suppression(&suppression).await?;
        let change = OrganizationChange::AlertsSuppressed {
            suppression: suppression.clone(),
        };
        tx.emit(&self.organization_event(suppression.organization, change));
        tx.audit(permit.audit(
            &self.ids,
            "alert.suppress",
            ("alert-suppression", suppression.id.to_string()),
            Some(suppression.reason.clone()),
            (None, Some(json!({ "suppression": suppression }))),
        ));
        tx.commit().await?;
        Ok(suppression)
    }

    /// Takes a suppression back: the next finding raises an alert again. What was taken back before
    /// stays so.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, `NotFound`.
    pub async fn withdraw_alert_suppression(
        &self,
        permit: &Permit,
        id: AlertSuppressionId,
        reason: String,
    ) -> Result<AlertSuppression, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&reason);
        errors.finish()?;
        let before = self.get_suppression(permit, id).await?;
        let mut tx = self.store.begin().await?;
        if tx.withdraw_suppression(permit.scope(), id).await? {
            let change = OrganizationChange::SuppressionWithdrawn { suppression: id };
            tx.emit(&self.organization_event(before.organization, change));
            tx.audit(permit.audit(
                &self.ids,
                "alert.withdraw-suppression",
                ("alert-suppression", id.to_string()),
                Some(reason),
                (
                    Some(json!({ "withdrawnAt": before.withdrawn_at })),
                    Some(json!({ "withdrawnAt": tx.now() })),
                ),
            ));
            tx.commit().await?;
        }
        self.get_suppression(permit, id).await
    }

    async fn get_suppression(
        &self,
        permit: &Permit,
        id: AlertSuppressionId,
    ) -> Result<AlertSuppression, AppError> {
        let found = self.store.find_suppression(permit.scope(), id).await?;
        found.ok_or_else(|| AppError::not_found("suppression"))
    }

    /// A page of suppressions; with `live_only` those that count now.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_suppressions(
        &self,
        permit: &Permit,
        live_only: bool,
        page: PageRequest,
    ) -> Result<Page<AlertSuppression>, AppError> {
        let scope = permit.scope();
        Ok(self.store.list_suppressions(scope, live_only, page).await?)
    }
}
