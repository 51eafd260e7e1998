//! Helping somebody who lost a second factor.

use aim_domain::access::AccessChange;
use aim_domain::id::UserId;
use aim_domain::role::Role;
use aim_domain::session::SessionKind;
use aim_store::users::User;
use serde_json::json;

use crate::error::FieldErrors;
use crate::mail::MailKind;
use crate::{App, AppError, ErrorCode, Permit};

impl App {
    /// Takes a person's second factor off and ends their sessions. They are told by letter.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, `NotFound` for the person, `Conflict` when they have a role
    /// above `own_role` or no second factor.
    pub async fn reset_second_factor(
        &self,
        permit: &Permit,
        own_role: Role,
        id: UserId,
        reason: String,
    ) -> Result<User, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&reason);
        errors.finish()?;
        let found = self.store.load_users(permit.scope(), &[id]).await?.pop();
        let user = found.ok_or_else(|| AppError::not_found("user"))?;
        if user.role > own_role {
            let message = "their role is above yours; somebody with that role can";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let mut tx = self.store.begin().await?;
        if !tx.delete_second_factor(id).await? {
            return Err(AppError::new(
                ErrorCode::Conflict,
                "they have no second factor",
            ));
        }
        tx.end_sessions(id).await?;
        tx.revoke_sessions_of(
            id,
            Some(SessionKind::Person),
            "the second factor was taken off",
        )
        .await?;
        let off = AccessChange::SecondFactor { is_on: false };
        let event = self.access_event(user.organization, id, off);
        tx.emit(&event);
        tx.audit(permit.audit(
            &self.ids,
            "user.reset-second-factor",
            ("user", id.to_string()),
            Some(reason),
            (None, None),
        ));
        let kind = MailKind::SecondFactorReset;
        self.queue_mail(&mut tx, kind, &user.email, "", json!({}))
            .await?;
        tx.commit().await?;
        self.credentials.heed(&event.fact);
        self.mail_was_queued();
        Ok(user)
    }
}
