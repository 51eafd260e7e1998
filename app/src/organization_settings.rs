//! Name and limits of an organization.

use aim_domain::event::OrganizationChange;
use aim_domain::limits::OrganizationLimits;
use aim_store::Tx;
use aim_store::organizations::Organization;
use serde_json::json;

use crate::error::FieldErrors;
use crate::{App, AppError, ErrorCode, Permit};

/// Most bytes of a name.
const NAME_MAX: usize = 100;

/// What shall hold; what is left out stays as it is.
#[derive(Debug, Clone, Default)]
pub struct UpdateOrganization {
    /// Its name.
    pub name: Option<String>,
    /// Most agents.
    pub max_agents: Option<u32>,
    /// Most people.
    pub max_users: Option<u32>,
    /// Most API keys and SDK tokens.
    pub max_program_credentials: Option<u32>,
    /// Longest session.
    pub session_life_seconds: Option<u32>,
    /// Longest session without use.
    pub session_idle_seconds: Option<u32>,
    /// Longest life of an API key or SDK token.
    pub credential_life_days: Option<u32>,
    /// Least characters of a password.
    pub password_min_chars: Option<u32>,
    /// Why.
    pub reason: String,
}

impl UpdateOrganization {
    fn limits(&self, now: OrganizationLimits) -> OrganizationLimits {
        OrganizationLimits {
            max_agents: self.max_agents.unwrap_or(now.max_agents),
            max_users: self.max_users.unwrap_or(now.max_users),
            max_program_credentials: self
                .max_program_credentials
                .unwrap_or(now.max_program_credentials),
            session_life_seconds: self
                .session_life_seconds
                .unwrap_or(now.session_life_seconds),
            session_idle_seconds: self
                .session_idle_seconds
                .unwrap_or(now.session_idle_seconds),
            credential_life_days: self
                .credential_life_days
                .unwrap_or(now.credential_life_days),
            password_min_chars: self.password_min_chars.unwrap_or(now.password_min_chars),
        }
    }
}

impl App {
    /// Sets name and limits of the permit's organization. A lower limit takes nothing away from what is
    /// there; it refuses more. Sessions that are open end by a shorter life when they are refreshed.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field.
    pub async fn update_organization(
        &self,
        permit: &Permit,
        input: UpdateOrganization,
    ) -> Result<Organization, AppError> {
        let before = self.get_organization(permit).await?;
        let name = input
            .name
            .as_deref()
            .unwrap_or(&before.name)
            .trim()
            .to_owned();
        let mut errors = FieldErrors::default();
        errors.reason(&input.reason);
        errors.text("name", &name, NAME_MAX);
        if name.is_empty() {
            errors.add("name", "is empty; give the organization a name");
        }
        let mut tx = self.store.begin().await?;
        let limits = tx.lock_limits(before.id).await?;
        let to = input.limits(limits);
        for wrong in to.check() {
            errors.add(wrong.field, wrong.to_string());
        }
        errors.finish()?;
        if to == limits && name == before.name {
            return Ok(before);
        }
        tx.update_organization(before.id, &name, &to).await?;
        let change = OrganizationChange::Limits { to };
        tx.emit(&self.organization_event(before.id, change));
        tx.audit(permit.audit(
            &self.ids,
            "organization.update",
            ("organization", before.id.to_string()),
            Some(input.reason),
            (
                Some(json!({ "name": before.name, "limits": limits })),
                Some(json!({ "name": name, "limits": to })),
            ),
        ));
        tx.commit().await?;
        self.get_organization(permit).await
    }

    /// The limits of the permit's organization.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn find_limits(&self, permit: &Permit) -> Result<OrganizationLimits, AppError> {
        Ok(self.store.load_limits(permit.scope().organization).await?)
    }

    /// Refuses one more agent than the organization allows.
    pub(crate) async fn check_room_for_agent(
        &self,
        tx: &mut Tx,
        permit: &Permit,
    ) -> Result<(), AppError> {
        let scope = permit.scope();
        let most = tx.lock_limits(scope.organization).await?.max_agents;
        let count = tx.count_agents_not_revoked(scope).await?;
        if count < u64::from(most) {
            return Ok(());
        }
        let message = format!(
            "the organization has {count} agents of at most {most}; revoke some, or raise `maxAgents`"
        );
        Err(AppError::new(ErrorCode::Conflict, message))
    }
}
