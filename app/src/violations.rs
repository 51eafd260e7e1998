//! Attempts at what nothing grants.

use aim_domain::violation::CapabilityViolation;
use aim_store::violations::ViolationFilter;
use aim_store::{Page, PageRequest};

use crate::{App, AppError, Permit};

impl App {
    /// A page of attempts.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_violations(
        &self,
        permit: &Permit,
        filter: &ViolationFilter,
        page: PageRequest,
    ) -> Result<Page<CapabilityViolation>, AppError> {
        let found = self.store.list_violations(permit.scope(), filter, page);
        Ok(found.await?)
    }
}
