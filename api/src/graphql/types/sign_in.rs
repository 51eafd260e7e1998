//! What people sign in with, beside a password.

use aim_app::{NewSecondFactor as NewRow, OpenChallenge, SecondFactorState};
use aim_store::identities::Identity as IdentityRow;
use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::id::global_id;

/// What an authenticator needs to make codes. Shown once.
#[derive(SimpleObject)]
pub(crate) struct NewSecondFactor {
    /// The secret in base32, to type in.
    secret: String,
    /// The same as an `otpauth://` link, to show as a picture.
    uri: String,
}

impl std::fmt::Debug for NewSecondFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewSecondFactor").finish_non_exhaustive()
    }
}

impl From<NewRow> for NewSecondFactor {
    fn from(row: NewRow) -> Self {
        Self {
            secret: row.secret.as_str().to_owned(),
            uri: row.uri.as_str().to_owned(),
        }
    }
}

/// Your second factor: codes by time, passkeys, or both.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct SecondFactor {
    /// Whether signing in asks for it.
    is_on: bool,
    /// Since when codes by time count; null without them.
    confirmed_at: Option<DateTime<Utc>>,
    /// Passkeys that you have.
    passkey_count: u64,
    /// Recovery codes that are left.
    recovery_code_count: u64,
}

impl From<SecondFactorState> for SecondFactor {
    fn from(state: SecondFactorState) -> Self {
        Self {
            is_on: state.confirmed_at.is_some() || state.passkeys > 0,
            confirmed_at: state.confirmed_at,
            passkey_count: state.passkeys,
            recovery_code_count: state.recovery_codes,
        }
    }
}

/// A sign-in that is half done.
#[derive(SimpleObject)]
pub(crate) struct SignInChallenge {
    /// For `completeSignIn`; good once.
    token: String,
    /// Until when it is good.
    expires_at: DateTime<Utc>,
    /// Whether `beginPasskeySignIn` can ask for a passkey.
    has_passkey: bool,
}

impl std::fmt::Debug for SignInChallenge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignInChallenge").finish_non_exhaustive()
    }
}

impl From<OpenChallenge> for SignInChallenge {
    fn from(open: OpenChallenge) -> Self {
        Self {
            token: open.token.as_str().to_owned(),
            expires_at: open.expires_at,
            has_passkey: open.has_passkey,
        }
    }
}

/// Who you are at an issuer of OpenID Connect.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct Identity {
    /// Global id.
    id: ID,
    /// The issuer's URL.
    issuer: String,
    /// Who you are there.
    subject: String,
    /// Since when it is linked.
    created_at: DateTime<Utc>,
    /// When you last signed in with it.
    last_used_at: DateTime<Utc>,
}

impl From<IdentityRow> for Identity {
    fn from(row: IdentityRow) -> Self {
        Self {
            id: global_id("Identity", row.id),
            issuer: row.issuer,
            subject: row.subject,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        }
    }
}
