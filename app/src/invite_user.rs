//! Inviting people into an organization, and taking that back.

use aim_domain::code;
use aim_domain::email::EmailAddress;
use aim_domain::id::{InvitationId, UserId};
use aim_domain::join::Invitation;
use aim_domain::role::Role;
use aim_store::mails::ClaimedMail;
use aim_store::{Page, PageRequest};
use chrono::Duration;
use serde_json::json;

use crate::error::FieldErrors;
use crate::mail::{MailKind, Words};
use crate::token::{new_token, token_hash};
use crate::{App, AppError, ErrorCode, Permit};

/// How long an invitation can be accepted.
const INVITATION_LIFE: Duration = Duration::days(7);
/// Most open invitations of an organization.
const INVITATIONS_MAX: u64 = 500;

impl App {
    /// Invites somebody to join the permit's organization. An open invitation of the same address
    /// is taken back: the newest counts. Whether the address has an account in another
    /// organization is not said.
    ///
    /// # Errors
    /// `InvalidInput` for the address, or a role above `inviter_role`; `Conflict` when they are
    /// there already, there are too many, or no e-mail is sent.
    pub async fn invite_user(
        &self,
        permit: &Permit,
        inviter_role: Role,
        email: &str,
        role: Role,
    ) -> Result<Invitation, AppError> {
        self.needs_mail()?;
        let mut errors = FieldErrors::default();
        let email = errors.keep("email", EmailAddress::parse(email));
        if role > inviter_role {
            errors.add("role", format!("is above your own, `{inviter_role:?}`"));
        }
        errors.finish()?;
        let Some(email) = email else {
            return Err(AppError::field("email", "is no address"));
        };
        let scope = permit.scope();
        let known = self.store.find_user_by_email(email.as_str()).await?;
        if known.is_some_and(|user| user.organization == scope.organization) {
            return Err(AppError::new(ErrorCode::Conflict, "they are there already"));
        }
        let now = self.clock.now();
        let new = Invitation {
            id: InvitationId::from_uuid(self.ids.next()),
            organization: scope.organization,
            email: email.as_str().to_owned(),
            role,
            invited_by: permit.actor(),
            created_at: now,
            expires_at: now + INVITATION_LIFE,
            accepted_at: None,
            user: None,
            revoked_at: None,
            revoked_by: None,
        };
        let mut tx = self.store.begin().await?;
        tx.revoke_invitations_of(scope, &new.email, &new.invited_by)
            .await?;
        if tx.count_open_invitations(scope).await? >= INVITATIONS_MAX {
            let message = format!("{INVITATIONS_MAX} invitations are open; revoke some first");
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        tx.insert_invitation(&new).await?;
        let (kind, id) = (MailKind::Invitation, new.id.to_string());
        self.queue_mail(&mut tx, kind, &new.email, &id, json!({ "invitation": id }))
            .await?;
        tx.audit(permit.audit(
            &self.ids,
            "invitation.create",
            ("invitation", id.clone()),
            None,
            (None, Some(json!({ "email": new.email, "role": role }))),
        ));
        tx.commit().await?;
        self.mail_was_queued();
        Ok(new)
    }

    /// Takes an invitation back: its token is worth nothing from then on.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, `NotFound`, `Conflict` when it is not open any more.
    pub async fn revoke_invitation(
        &self,
        permit: &Permit,
        id: InvitationId,
        reason: String,
    ) -> Result<Invitation, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&reason);
        errors.finish()?;
        let before = self.get_invitation(permit, id).await?;
        let mut tx = self.store.begin().await?;
        if !tx
            .revoke_invitation(permit.scope(), id, &permit.actor())
            .await?
        {
            let message = "it was accepted or revoked before, or is over";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        tx.audit(permit.audit(
            &self.ids,
            "invitation.revoke",
            ("invitation", id.to_string()),
            Some(reason),
            (
                Some(json!({ "email": before.email, "role": before.role })),
                None,
            ),
        ));
        tx.commit().await?;
        self.get_invitation(permit, id).await
    }

    async fn get_invitation(
        &self,
        permit: &Permit,
        id: InvitationId,
    ) -> Result<Invitation, AppError> {
        let found = self.store.find_invitation(permit.scope(), id).await?;
        found.ok_or_else(|| AppError::not_found("invitation"))
    }

    /// A page of the invitations of the permit's organization.
    ///
    /// # Errors
    /// [`AppError`] when the database cannot be asked.
    pub async fn list_invitations(
        &self,
        permit: &Permit,
        page: PageRequest,
    ) -> Result<Page<Invitation>, AppError> {
        Ok(self.store.list_invitations(permit.scope(), page).await?)
    }

    /// Makes the token, which is nowhere but in the letter.
    pub(crate) async fn invitation_words(
        &self,
        mail: &ClaimedMail,
    ) -> Result<Option<Words>, AppError> {
        let id = mail.parameters["invitation"].as_str();
        let Some(id) = id.and_then(|id| id.parse().ok()) else {
            return Ok(None);
        };
        let Some(invitation) = self.store.find_any_invitation(id).await? else {
            return Ok(None);
        };
        let token = new_token();
        let mut tx = self.store.begin().await?;
        if !tx.put_invitation_token(id, &token_hash(&token)).await? {
            return Ok(None);
        }
        tx.commit().await?;
        let organization = self.organization_name(invitation.organization).await?;
        let inviter = invitation.invited_by.strip_prefix("user:");
        let inviter: Option<UserId> = inviter.and_then(|id| id.parse().ok());
        let inviter = match inviter {
            Some(id) => self.store.find_user(id).await?.map(|user| user.name),
            None => None,
        };
        let role = code::text(&invitation.role);
        let base = self.accounts.base_url.as_deref();
        let inviter = inviter.unwrap_or_else(|| "an administrator".to_owned());
        let days = INVITATION_LIFE.num_days();
        let about = (inviter.as_str(), role.as_str(), days);
        Ok(Some(Words::invitation(base, &token, &organization, about)))
    }
}
