//! Letting people in who asked to join, or not.

use aim_domain::id::{RegistrationId, UserId};
use aim_domain::join::{Registration, RegistrationStatus};
use aim_domain::role::Role;
use aim_store::mails::ClaimedMail;
use aim_store::registrations::RegistrationDecision;
use aim_store::{Page, PageRequest, Tx};
use serde_json::json;

use crate::error::FieldErrors;
use crate::mail::{MailKind, Words};
use crate::{App, AppError, ErrorCode, Permit};

impl App {
    /// Lets somebody in, as `role`.
    ///
    /// # Errors
    /// `InvalidInput` for a role above `own_role`, `NotFound`, `Conflict` when it was decided before
    /// or the address has an account by now.
    pub async fn approve_registration(
        &self,
        permit: &Permit,
        own_role: Role,
        id: RegistrationId,
        role: Role,
    ) -> Result<Registration, AppError> {
        if role > own_role {
            let message = format!("is above your own, `{own_role:?}`");
            return Err(AppError::field("role", message));
        }
        let asked = self.get_registration(permit, id).await?;
        let user = UserId::from_uuid(self.ids.next());
        let mut tx = self.store.begin().await?;
        let decision = RegistrationDecision {
            status: RegistrationStatus::Approved,
            by: permit.actor(),
            reason: None,
            user: Some(user),
        };
        let hash = tx
            .decide_registration(permit.scope(), id, &decision)
            .await?;
        let hash = hash.ok_or_else(decided_before)?;
        let new = self.new_user(permit.scope(), &asked.email, asked.name.clone(), role, hash);
        let new = aim_store::users::User { id: user, ..new };
        self.admit(&mut tx, &new).await?;
        tx.audit(permit.audit(
            &self.ids,
            "registration.approve",
            ("registration", id.to_string()),
            None,
            (
                None,
                Some(json!({ "user": user, "email": new.email, "role": role })),
            ),
        ));
        self.tell(&mut tx, &asked, true).await?;
        tx.commit().await?;
        self.mail_was_queued();
        self.get_registration(permit, id).await
    }

    /// Does not let somebody in. They are told that, but not why.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, `NotFound`, `Conflict` when it was decided before.
    pub async fn reject_registration(
        &self,
        permit: &Permit,
        id: RegistrationId,
        reason: String,
    ) -> Result<Registration, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&reason);
        errors.finish()?;
        let asked = self.get_registration(permit, id).await?;
        let mut tx = self.store.begin().await?;
        let decision = RegistrationDecision {
            status: RegistrationStatus::Rejected,
            by: permit.actor(),
            reason: Some(reason.clone()),
            user: None,
        };
        let decided = tx
            .decide_registration(permit.scope(), id, &decision)
            .await?;
        decided.ok_or_else(decided_before)?;
        tx.audit(permit.audit(
            &self.ids,
            "registration.reject",
            ("registration", id.to_string()),
            Some(reason),
            (Some(json!({ "email": asked.email })), None),
        ));
        self.tell(&mut tx, &asked, false).await?;
        tx.commit().await?;
        self.mail_was_queued();
        self.get_registration(permit, id).await
    }

    async fn tell(
        &self,
        tx: &mut Tx,
        asked: &Registration,
        is_approved: bool,
    ) -> Result<(), AppError> {
        let parameters = json!({ "organization": asked.organization, "approved": is_approved });
        let (kind, id) = (MailKind::RegistrationDecided, asked.id.to_string());
        let queued = self.queue_mail(tx, kind, &asked.email, &id, parameters);
        Ok(queued.await?)
    }

    pub(crate) async fn registration_decided_words(
        &self,
        mail: &ClaimedMail,
    ) -> Result<Option<Words>, AppError> {
        let organization = mail.parameters["organization"].as_str();
        let Some(organization) = organization.and_then(|id| id.parse().ok()) else {
            return Ok(None);
        };
        let name = self.organization_name(organization).await?;
        let is_approved = mail.parameters["approved"] == true;
        Ok(Some(Words::registration_decided(&name, is_approved)))
    }

    async fn get_registration(
        &self,
        permit: &Permit,
        id: RegistrationId,
    ) -> Result<Registration, AppError> {
        let found = self.store.find_registration(permit.scope(), id).await?;
        // Nobody has shown yet that the address is theirs: for the organization it does not exist.
        let shown = found.filter(|it| it.status != RegistrationStatus::Unverified);
        shown.ok_or_else(|| AppError::not_found("registration"))
    }

    /// A page of the requests to join the permit's organization.
    ///
    /// # Errors
    /// [`AppError`] when the database cannot be asked.
    pub async fn list_registrations(
        &self,
        permit: &Permit,
        status: Option<RegistrationStatus>,
        page: PageRequest,
    ) -> Result<Page<Registration>, AppError> {
        let scope = permit.scope();
        Ok(self.store.list_registrations(scope, status, page).await?)
    }
}

fn decided_before() -> AppError {
    AppError::new(ErrorCode::Conflict, "it was decided before")
}
