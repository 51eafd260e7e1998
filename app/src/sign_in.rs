//! Signing in with e-mail and password.

use std::time::Duration;

use aim_domain::id::UserId;
use aim_store::users::User;

use crate::password::PASSWORD_MAX_BYTES;
use crate::{App, AppError, ErrorCode};

/// What a wrong guess costs, whoever is asked for.
const WRONG: &str = "e-mail address or password is wrong";

impl App {
    /// The person with this e-mail address and password.
    ///
    /// # Errors
    /// `Unauthenticated`, in the same words and about the same time for an unknown address and a
    /// wrong password.
    pub async fn sign_in(&self, email: &str, password: &str) -> Result<User, AppError> {
        if password.len() > PASSWORD_MAX_BYTES {
            return Err(AppError::new(ErrorCode::Unauthenticated, WRONG));
        }
        let user = self
            .store
            .find_user_by_email(&email.trim().to_lowercase())
            .await?;
        let hash = user.as_ref().map(|user| user.password_hash.clone());
        let matches = self.passwords.matches(password.to_owned(), hash).await?;
        match user {
            Some(user) if matches => Ok(user),
            _ => {
                // Slows a guesser down without locking the owner out.
                tokio::time::sleep(Duration::from_millis(200)).await;
                Err(AppError::new(ErrorCode::Unauthenticated, WRONG))
            }
        }
    }

    /// The person of a session, if the session is still good.
    ///
    /// # Errors
    /// `Unauthenticated` when the person is gone or has ended all sessions.
    pub async fn find_session_user(
        &self,
        id: UserId,
        token_generation: i32,
    ) -> Result<User, AppError> {
        let user = self.store.find_user(id).await?;
        user.filter(|user| user.token_generation == token_generation)
            .ok_or_else(|| {
                AppError::new(
                    ErrorCode::Unauthenticated,
                    "the session has ended; sign in again",
                )
            })
    }
}
