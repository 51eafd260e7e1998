//! Working on alerts. What is so already stays as it is: no second entry, no second event.

use aim_domain::alert::{AlertStatus, AlertVerdict};
use aim_domain::event::{AlertAnswered, AlertAssigned};
use aim_domain::id::{AlertId, UserId};
use aim_store::alerts::Alert;
use serde_json::json;

use crate::error::{FieldErrors, REASON_MAX};
use crate::{App, AppError, ErrorCode, Permit};

impl App {
    /// Acknowledges an alert, or resolves it when a verdict is given.
    ///
    /// # Errors
    /// `NotFound`, `InvalidInput` for the reason, `Conflict` when it is resolved already.
    pub async fn answer_alert(
        &self,
        permit: &Permit,
        id: AlertId,
        verdict: Option<AlertVerdict>,
        reason: Option<String>,
    ) -> Result<Alert, AppError> {
        let mut errors = FieldErrors::default();
        if let Some(reason) = &reason {
            errors.text("reason", reason, REASON_MAX);
        }
        errors.finish()?;
        let before = self.get_alert(permit, id).await?;
        self.write_answer(permit, &before, (verdict, reason))
            .await?;
        self.get_alert(permit, id).await
    }

    /// The same of an alert that was read, for a reason that was looked at.
    ///
    /// # Errors
    /// `Conflict` when it is resolved already.
    pub(crate) async fn write_answer(
        &self,
        permit: &Permit,
        before: &Alert,
        (verdict, reason): (Option<AlertVerdict>, Option<String>),
    ) -> Result<(), AppError> {
        let id = before.id;
        let (status, action) = match verdict {
            Some(_) => (AlertStatus::Resolved, "alert.resolve"),
            None => (AlertStatus::Acknowledged, "alert.acknowledge"),
        };
        if before.status == status && before.verdict == verdict {
            return Ok(());
        }
        let mut tx = self.store.begin().await?;
        if !tx
            .update_alert_status(id, status, verdict, &permit.actor())
            .await?
        {
            return Err(resolved());
        }
        let fact = AlertAnswered {
            alert: id,
            status,
            verdict,
        };
        tx.emit(&self.event(before.organization, before.agent, fact));
        tx.audit(permit.audit(
            &self.ids,
            action,
            ("alert", id.to_string()),
            reason,
            (
                Some(json!({ "status": before.status })),
                Some(json!({ "status": status, "verdict": verdict })),
            ),
        ));
        tx.commit().await?;
        Ok(())
    }

    /// Gives an alert to a person of the organization, or to nobody.
    ///
    /// # Errors
    /// `NotFound` for the alert or the person, `Conflict` when it is resolved.
    pub async fn assign_alert(
        &self,
        permit: &Permit,
        id: AlertId,
        to: Option<UserId>,
    ) -> Result<Alert, AppError> {
        let before = self.get_alert(permit, id).await?;
        if let Some(user) = to {
            let found = self.store.load_users(permit.scope(), &[user]).await?;
            if found.is_empty() {
                return Err(AppError::not_found("user"));
            }
        }
        if before.status == AlertStatus::Resolved {
            return Err(resolved());
        }
        if before.assignee == to {
            return Ok(before);
        }
        let mut tx = self.store.begin().await?;
        if !tx.update_alert_assignee(id, to).await? {
            return Err(resolved());
        }
        let fact = AlertAssigned {
            alert: id,
            agent: before.agent,
            to,
        };
        tx.emit(&self.event(before.organization, before.agent, fact));
        tx.audit(permit.audit(
            &self.ids,
            "alert.assign",
            ("alert", id.to_string()),
            None,
            (
                Some(json!({ "assignee": before.assignee })),
                Some(json!({ "assignee": to })),
            ),
        ));
        tx.commit().await?;
        self.get_alert(permit, id).await
    }

    async fn get_alert(&self, permit: &Permit, id: AlertId) -> Result<Alert, AppError> {
        let found = self.store.find_alert(permit.scope(), id).await?;
        found.ok_or_else(|| AppError::not_found("alert"))
    }
}

fn resolved() -> AppError {
    AppError::new(ErrorCode::Conflict, "the alert is resolved already")
}
