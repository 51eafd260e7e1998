//! How people may join an organization.

use aim_domain::email::EmailAddress;
use aim_domain::join::JoinSettings;
use serde_json::json;

use crate::{App, AppError, Permit};

impl App {
    /// How people may join the permit's organization.
    ///
    /// # Errors
    /// [`AppError`] when the database cannot be asked.
    pub async fn find_join_settings(&self, permit: &Permit) -> Result<JoinSettings, AppError> {
        Ok(self.store.find_join_settings(permit.scope()).await?)
    }

    /// Says how people may join the permit's organization.
    ///
    /// # Errors
    /// `InvalidInput` for the domain.
    pub async fn change_join_settings(
        &self,
        permit: &Permit,
        mut to: JoinSettings,
    ) -> Result<JoinSettings, AppError> {
        to.registration_domain = to
            .registration_domain
            .map(|domain| checked_domain(&domain))
            .transpose()?;
        let scope = permit.scope();
        let before = self.store.find_join_settings(scope).await?;
        if before == to {
            return Ok(to);
        }
        let mut tx = self.store.begin().await?;
        tx.put_join_settings(scope, &to).await?;
        tx.audit(permit.audit(
            &self.ids,
            "organization.change-join-settings",
            ("organization", scope.organization.to_string()),
            None,
            (Some(json!(before)), Some(json!(to))),
        ));
        tx.commit().await?;
        Ok(to)
    }
}

fn checked_domain(domain: &str) -> Result<String, AppError> {
    let domain = domain.trim().trim_start_matches('@');
    let address = EmailAddress::parse(&format!("a@{domain}"));
    match address {
        Ok(address) => Ok(address.domain().to_owned()),
        Err(_) => {
            let message = "is no domain such as `example.org`";
            Err(AppError::field("registrationDomain", message))
        }
    }
}
