//! What an organization wants of approvals.

use aim_domain::approval::ApprovalSettings;
use aim_domain::capability::Pattern;
use aim_domain::event::OrganizationChange;
use aim_domain::risk::RiskLevel;
use serde_json::json;

use crate::error::FieldErrors;
use crate::{App, AppError, Permit};

/// What shall hold.
#[derive(Debug, Clone)]
pub struct SetApprovalSettings {
    /// How long an action waits for a person.
    pub wait_seconds: u32,
    /// How long an approval may be presented.
    pub use_seconds: u32,
    /// The risk from which on two different persons have to agree.
    pub two_persons_from: Option<RiskLevel>,
    /// Patterns of actions for which two different persons have to agree.
    pub two_persons_for: Vec<String>,
    /// Why.
    pub reason: String,
}

impl App {
    /// Sets what the permit's organization wants of approvals. What waits already keeps its time and the
    /// number of persons; when it is presented, as many have to have agreed as have to by then.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field.
    pub async fn set_approval_settings(
        &self,
        permit: &Permit,
        input: SetApprovalSettings,
    ) -> Result<ApprovalSettings, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&input.reason);
        let patterns = input.two_persons_for.into_iter();
        let to = ApprovalSettings {
            wait_seconds: input.wait_seconds,
            use_seconds: input.use_seconds,
            two_persons_from: input.two_persons_from,
            two_persons_for: patterns
                .filter_map(|text| errors.keep("twoPersonsFor", Pattern::capability(text)))
                .collect(),
        };
        for (field, message) in to.faults() {
            errors.add(field, message);
        }
        errors.finish()?;
        let id = permit.scope().organization;
        let before = self.get_approval_settings(permit).await?;
        if before == to {
            return Ok(to);
        }
        let mut tx = self.store.begin().await?;
        tx.update_approval_settings(id, &to).await?;
        let change = OrganizationChange::Approvals { to: to.clone() };
        tx.emit(&self.organization_event(id, change));
        tx.audit(permit.audit(
            &self.ids,
            "organization.set-approval-settings",
            ("organization", id.to_string()),
            Some(input.reason),
            (
                Some(json!({ "approvals": before })),
                Some(json!({ "approvals": to })),
            ),
        ));
        tx.commit().await?;
        self.cache.forget_organization(id);
        Ok(to)
    }

    /// What the permit's organization wants of approvals.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn get_approval_settings(
        &self,
        permit: &Permit,
    ) -> Result<ApprovalSettings, AppError> {
        let organization = permit.scope().organization;
        Ok(self.store.get_approval_settings(organization).await?)
    }
}
