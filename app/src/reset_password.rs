//! A new password for whoever has the mailbox.

use aim_domain::access::AccessChange;
use aim_domain::email::EmailAddress;
use aim_store::mails::ClaimedMail;
use aim_store::password_resets::NewPasswordReset;
use aim_store::users::User;
use chrono::Duration;
use serde_json::json;

use crate::accounts::By;
use crate::mail::{MailKind, Words};
use crate::token::{hash_of_given, new_token, token_hash};
use crate::{App, AppError};

/// How long a token is good.
const TOKEN_LIFE: Duration = Duration::minutes(30);
/// How long a request waits for a mail server; whoever asked has given up by then.
const REQUEST_LIFE: Duration = Duration::hours(1);
/// Letters of one kind that an address gets, and in what time.
const LETTERS_MAX: u64 = 3;
const LETTERS_WINDOW: Duration = Duration::hours(1);

impl App {
    /// Sends a token for a new password to an address, if it has an account. Whether it has is not
    /// looked at here: answer and time are the same.
    ///
    /// # Errors
    /// `InvalidInput` for what is no address, `Conflict` where no e-mail is sent, `RateLimited`.
    pub async fn request_password_reset(&self, email: &str) -> Result<(), AppError> {
        let email = EmailAddress::parse(email)
            .map_err(|error| AppError::field("email", error.to_string()))?;
        let kind = MailKind::PasswordReset;
        self.queue_unknown(kind, email.as_str(), "", json!({}))
            .await
    }

    /// Whether an address got as many letters of a kind as it may.
    pub(crate) async fn has_enough(&self, mail: &ClaimedMail) -> Result<bool, AppError> {
        let then = self.clock.now() - LETTERS_WINDOW;
        let sent = self
            .store
            .count_sent_mails(&mail.kind, &mail.recipient, then);
        Ok(sent.await? >= LETTERS_MAX)
    }

    /// Makes the token, which is nowhere but in the letter.
    pub(crate) async fn password_reset_words(
        &self,
        mail: &ClaimedMail,
    ) -> Result<Option<Words>, AppError> {
        let now = self.clock.now();
        if mail.created_at + REQUEST_LIFE < now || self.has_enough(mail).await? {
            return Ok(None);
        }
        let Some(user) = self.store.find_user_by_email(&mail.recipient).await? else {
            return Ok(None);
        };
        let token = new_token();
        let mut tx = self.store.begin().await?;
        tx.insert_password_reset(&NewPasswordReset {
            id: mail.id.as_uuid(),
            organization: user.organization,
            user: user.id,
            token_hash: token_hash(&token),
            expires_at: now + TOKEN_LIFE,
        })
        .await?;
        tx.audit(self.account_audit(
            user.organization,
            By::System,
            "user.request-password-reset",
            ("user", user.id.to_string()),
            &mail.id.to_string(),
        ));
        tx.commit().await?;
        let base = self.accounts.base_url.as_deref();
        let minutes = TOKEN_LIFE.num_minutes();
        Ok(Some(Words::password_reset(base, &token, minutes)))
    }

    /// Sets the password of whoever a token was sent to, and ends all their sessions, those that
    /// programs hold, too.
    ///
    /// # Errors
    /// `InvalidInput` naming the field when the token is not good or the password too weak.
    pub async fn reset_password(
        &self,
        token: &str,
        new: &str,
        request_id: &str,
    ) -> Result<User, AppError> {
        let not_good = || {
            let message = "is not good, or not any more; ask for a new one";
            AppError::field("token", message)
        };
        let hash = hash_of_given(token).ok_or_else(not_good)?;
        let owner = self.store.find_password_reset(&hash).await?;
        let owner = owner.ok_or_else(not_good)?;
        let user = self.store.find_user(owner).await?.ok_or_else(not_good)?;
        let password = self.hash_new_password("newPassword", &user, new).await?;
        let mut tx = self.store.begin().await?;
        if !tx.use_password_reset(user.id, &hash).await? {
            return Err(not_good());
        }
        tx.update_password(user.id, &password, false).await?;
        tx.revoke_sessions_of(user.id, None, "the password was set anew")
            .await?;
        let event = self.access_event(user.organization, user.id, AccessChange::PasswordChanged);
        tx.emit(&event);
        tx.audit(self.account_audit(
            user.organization,
            By::User(user.id),
            "user.reset-password",
            ("user", user.id.to_string()),
            request_id,
        ));
        let notice = MailKind::PasswordWasReset;
        self.queue_mail(&mut tx, notice, &user.email, "", json!({}))
            .await?;
        tx.commit().await?;
        self.credentials.heed(&event.fact);
        self.mail_was_queued();
        Ok(User {
            must_change_password: false,
            token_generation: user.token_generation + 1,
            password_hash: password,
            ..user
        })
    }
}
