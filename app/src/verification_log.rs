//! The log of verifications.

use aim_domain::id::{AuditEntryId, VerificationId};
use aim_domain::scope::Scope;
use aim_domain::verification_stats::{VerificationStats, stats};
use aim_store::audit::NewAuditEntry;
use aim_store::verification_log::LogRange;
use aim_store::verifications::Verification;
use serde_json::json;

use crate::{App, AppError, Permit};

impl App {
    /// What the newest verifications of a range come to.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn verification_stats(
        &self,
        permit: &Permit,
        range: LogRange,
    ) -> Result<VerificationStats, AppError> {
        let counted = self.store.count_verifications(permit.scope(), range);
        Ok(stats(&counted.await?))
    }

    /// Begins an export; that it was made is an entry of the trail.
    ///
    /// # Errors
    /// `Unavailable` when the entry cannot be written: then there is no export.
    pub async fn begin_verification_export(
        &self,
        permit: &Permit,
        range: LogRange,
    ) -> Result<Scope, AppError> {
        let mut tx = self.store.begin().await?;
        let organization = permit.scope().organization;
        let entry = permit.audit(
            &self.ids,
            "verification.export",
            ("organization", organization.to_string()),
            None,
            (
                None,
                Some(json!({ "agent": range.agent, "from": range.from, "to": range.to })),
            ),
        );
        tx.audit(NewAuditEntry {
            id: AuditEntryId::from_uuid(self.ids.next()),
            ..entry
        });
        tx.commit().await?;
        Ok(permit.scope())
    }

    /// The next part of an export; none at the end.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn read_verification_log(
        &self,
        scope: Scope,
        range: LogRange,
        after: Option<VerificationId>,
    ) -> Result<Vec<Verification>, AppError> {
        let found = self.store.read_verification_log(scope, range, after);
        Ok(found.await?)
    }
}
