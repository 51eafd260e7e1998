//! Choosing a new password.

use aim_domain::access::AccessChange;
use aim_domain::session::{Client, SessionKind};
use aim_store::users::User;

use crate::actor::audit_of;
use crate::password::PASSWORD_MAX_BYTES;
use crate::{App, AppError, ErrorCode, UserActor};

impl App {
    /// Replaces the password of `actor` and ends every session of theirs, this one too. What programs
    /// hold stays.
    ///
    /// # Errors
    /// `InvalidInput` naming the field when the old one is wrong or the new one too weak; `RateLimited`
    /// after too many wrong ones.
    pub async fn change_password(
        &self,
        actor: &UserActor,
        current: &str,
        new: &str,
        client: &Client,
        request_id: &str,
    ) -> Result<User, AppError> {
        let user = self
            .store
            .find_user(actor.id)
            .await?
            .ok_or_else(|| AppError::new(ErrorCode::Unauthenticated, "sign in again"))?;
        if new == current {
            return Err(AppError::field(
                "newPassword",
                "is the old one; choose another",
            ));
        }
        // Whoever found a session open has no more guesses than at the door.
        let counted = self
            .count_attempt(&user.email, Some(user.id), client)
            .await?;
        let hash = Some(user.password_hash.clone());
        if current.len() > PASSWORD_MAX_BYTES
            || !self.passwords.matches(current.to_owned(), hash).await?
        {
            return Err(AppError::field("currentPassword", "is wrong"));
        }
        self.count_back(&counted).await?;
        let hash = self.hash_new_password("newPassword", &user, new).await?;
        let mut tx = self.store.begin().await?;
        tx.update_password(user.id, &hash, false).await?;
        tx.revoke_sessions_of(
            user.id,
            Some(SessionKind::Person),
            "the password was changed",
        )
        .await?;
        let event = self.access_event(user.organization, user.id, AccessChange::PasswordChanged);
        tx.emit(&event);
        tx.audit(audit_of(
            &self.ids,
            (user.organization, user.id),
            "user.change-password",
            ("user", user.id.to_string()),
            (None, None),
            request_id,
        ));
        tx.commit().await?;
        self.credentials.heed(&event.fact);
        let token_generation = user.token_generation + 1;
        Ok(User {
            must_change_password: false,
            token_generation,
            password_hash: hash,
            ..user
        })
    }
}
