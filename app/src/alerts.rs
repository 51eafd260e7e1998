//! Working on alerts.

use aim_domain::alert::{AlertStatus, AlertVerdict};
use aim_domain::event::AlertAnswered;
use aim_domain::id::AlertId;
use aim_store::alerts::Alert;
use serde_json::json;

use crate::{App, AppError, ErrorCode, Permit};

impl App {
    /// Acknowledges an alert, or resolves it when a verdict is given.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` when it is resolved already.
    pub async fn answer_alert(
        &self,
        permit: &Permit,
        id: AlertId,
        verdict: Option<AlertVerdict>,
        reason: Option<String>,
    ) -> Result<Alert, AppError> {
        let before = self
            .store
            .find_alert(permit.scope(), id)
            .await?
            .ok_or_else(|| AppError::not_found("alert"))?;
        let status = if verdict.is_some() {
            AlertStatus::Resolved
        } else {
            AlertStatus::Acknowledged
        };
        let mut tx = self.store.begin().await?;
        if !tx
            .update_alert_status(id, status, verdict, &permit.actor())
            .await?
        {
            return Err(AppError::new(
                ErrorCode::Conflict,
                "the alert is resolved already",
            ));
        }
        let fact = AlertAnswered {
            alert: id,
            status,
            verdict,
        };
        tx.emit(&self.event(before.organization, before.agent, fact));
        tx.audit(permit.audit(
            &self.ids,
            if verdict.is_some() {
                "alert.resolve"
            } else {
                "alert.acknowledge"
            },
            ("alert", id.to_string()),
            reason,
            (
                Some(json!({ "status": before.status })),
                Some(json!({ "status": status, "verdict": verdict })),
            ),
        ));
        tx.commit().await?;
        let found = self.store.find_alert(permit.scope(), id).await?;
        found.ok_or_else(|| AppError::not_found("alert"))
    }
}
