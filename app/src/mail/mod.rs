//! Letters: what they say, and who carries them.

mod letters;
mod smtp;

use std::fmt::Debug;

use aim_domain::email::EmailAddress;
use aim_domain::id::MailId;
use futures::future::BoxFuture;
use zeroize::Zeroizing;

pub(crate) use letters::Words;
pub use smtp::{SmtpConfig, SmtpError, SmtpMailer};

/// A letter in plain text, ready to be carried. Its text may hold a token.
pub struct Letter {
    /// Its identity: two copies of one letter have the same.
    pub id: MailId,
    /// To whom.
    pub to: EmailAddress,
    /// One line.
    pub subject: String,
    /// The text.
    pub body: Zeroizing<String>,
}

impl Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Letter")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Why a letter was not carried. The words come from the mail server and name no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct MailError {
    /// Whether it will be the same the next time.
    pub is_permanent: bool,
    /// In words.
    pub message: String,
}

/// Who carries letters.
pub trait Mailer: Debug + Send + Sync {
    /// Hands a letter over; success means that somebody else has it now.
    ///
    /// # Errors
    /// [`MailError`] when nobody took it.
    fn send<'a>(&'a self, letter: &'a Letter) -> BoxFuture<'a, Result<(), MailError>>;
}

/// Which letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MailKind {
    /// A token for a new password, for whoever has an account.
    PasswordReset,
    /// Word that a password was set anew.
    PasswordWasReset,
    /// A token to join by.
    Invitation,
    /// A token that shows whose address it is.
    Registration,
    /// Word to an administrator that somebody waits.
    RegistrationPending,
    /// Word that somebody was let in, or not.
    RegistrationDecided,
    /// Word that a second factor was taken off.
    SecondFactorReset,
    /// Word to an owner that the audit log stands still.
    AuditStopped,
    /// Word to an owner that a notification target was shut off.
    TargetDisabled,
}

impl MailKind {
    const ALL: [(Self, &'static str); 9] = [
        (Self::PasswordReset, "PASSWORD_RESET"),
        (Self::PasswordWasReset, "PASSWORD_WAS_RESET"),
        (Self::Invitation, "INVITATION"),
        (Self::Registration, "REGISTRATION"),
        (Self::RegistrationPending, "REGISTRATION_PENDING"),
        (Self::RegistrationDecided, "REGISTRATION_DECIDED"),
        (Self::SecondFactorReset, "SECOND_FACTOR_RESET"),
        (Self::AuditStopped, "AUDIT_STOPPED"),
        (Self::TargetDisabled, "NOTIFICATION_TARGET_DISABLED"),
    ];

    /// As it is kept.
    pub(crate) fn text(self) -> &'static str {
        let found = Self::ALL.iter().find(|(kind, _)| *kind == self);
        found.map_or("", |(_, text)| text)
    }

    /// From how it is kept.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known)| *known == text);
        found.map(|(kind, _)| *kind)
    }
}
