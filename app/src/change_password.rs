//! Choosing a new password.

use aim_domain::id::AuditEntryId;
use aim_store::audit::NewAuditEntry;
use aim_store::users::User;

use crate::password::{PASSWORD_MAX_BYTES, PASSWORD_MIN_CHARS};
use crate::{App, AppError, ErrorCode, UserActor};

impl App {
    /// Replaces the password of `actor` and ends every session of theirs, this one too.
    ///
    /// # Errors
    /// `InvalidInput` naming the field when the old one is wrong or the new one too weak.
    pub async fn change_password(
        &self,
        actor: &UserActor,
        current: &str,
        new: &str,
        request_id: &str,
    ) -> Result<User, AppError> {
        let user = self
            .store
            .find_user(actor.id)
            .await?
            .ok_or_else(|| AppError::new(ErrorCode::Unauthenticated, "sign in again"))?;
        if new.chars().count() < PASSWORD_MIN_CHARS || new.len() > PASSWORD_MAX_BYTES {
            return Err(AppError::field(
                "newPassword",
                format!(
                    "use {PASSWORD_MIN_CHARS} characters or more, at most {PASSWORD_MAX_BYTES} bytes"
                ),
            ));
        }
        if new == current || new.to_lowercase().contains(&user.email) {
            return Err(AppError::field(
                "newPassword",
                "choose one unlike the old one and the e-mail address",
            ));
        }
        let hash = Some(user.password_hash.clone());
        if current.len() > PASSWORD_MAX_BYTES
            || !self.passwords.matches(current.to_owned(), hash).await?
        {
            return Err(AppError::field("currentPassword", "is wrong"));
        }
        let hash = self.passwords.hash(new.to_owned()).await?;
        let mut tx = self.store.begin().await?;
        tx.update_password(user.id, &hash, false).await?;
        tx.audit(NewAuditEntry {
            id: AuditEntryId::from_uuid(self.ids.next()),
            organization: user.organization,
            actor_type: "user",
            actor_id: user.id.to_string(),
            action: "user.change-password",
            object_type: "user",
            object_id: user.id.to_string(),
            reason: None,
            before: None,
            after: None,
            request_id: request_id.to_owned(),
        });
        tx.commit().await?;
        let token_generation = user.token_generation + 1;
        Ok(User {
            must_change_password: false,
            token_generation,
            password_hash: hash,
            ..user
        })
    }
}
