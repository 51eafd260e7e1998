//! Signing in with e-mail and password.

use std::time::Duration;

use aim_domain::session::Client;
use aim_store::users::User;

use crate::password::PASSWORD_MAX_BYTES;
use crate::{App, AppError, ErrorCode};

/// What a wrong guess costs, whoever is asked for.
const WRONG: &str = "e-mail address or password is wrong";
/// Longest e-mail address (RFC 5321).
const EMAIL_MAX_BYTES: usize = 254;

impl App {
    /// The person with this e-mail address and password. Opens no session yet.
    ///
    /// # Errors
    /// `Unauthenticated`, in the same words and about the same time for an unknown address, a wrong
    /// password and a person who may not sign in any more; `RateLimited` when there were too many
    /// attempts for this account or from this network, before the password is looked at.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &str,
        client: &Client,
    ) -> Result<User, AppError> {
        let email = email.trim().to_lowercase();
        if password.len() > PASSWORD_MAX_BYTES || email.len() > EMAIL_MAX_BYTES {
            return Err(AppError::new(ErrorCode::Unauthenticated, WRONG));
        }
        let user = self.store.find_user_by_email(&email).await?;
        let id = user.as_ref().map(|user| user.id);
        let counted = self.count_attempt(&email, id, client).await?;
        let hash = user.as_ref().map(|user| user.password_hash.clone());
        let matches = self.passwords.matches(password.to_owned(), hash).await?;
        match user {
            Some(user) if matches => {
                self.count_back(&counted).await?;
                Ok(user)
            }
            _ => {
                // Slows a guesser down without locking the owner out.
                tokio::time::sleep(Duration::from_millis(200)).await;
                Err(AppError::new(ErrorCode::Unauthenticated, WRONG))
            }
        }
    }
}
