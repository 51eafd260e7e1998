//! What people, and programs that act for them, may do: what changed.

use serde::{Deserialize, Serialize};

use crate::id::{ApiKeyId, IdentityId, SessionId, UserId};
use crate::role::Role;
use crate::session::SessionKind;

/// What a person, or a program of theirs, may do changed: whoever keeps it in memory reads it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessChanged {
    /// Whose.
    pub user: UserId,
    /// What changed.
    pub change: AccessChange,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AccessChange {
    /// A session was opened.
    SessionOpened {
        /// Which.
        session: SessionId,
        /// For whom.
        holder: SessionKind,
    },
    /// A session ended before its time.
    SessionEnded {
        /// Which.
        session: SessionId,
    },
    /// Sessions of the person ended before their time.
    SessionsEnded {
        /// How many.
        count: u64,
    },
    /// A password was chosen.
    PasswordChanged,
    /// The role.
    Role {
        /// Before.
        from: Role,
        /// After.
        to: Role,
    },
    /// The person may not sign in any more, or may again.
    Activation {
        /// Whether they may.
        is_active: bool,
    },
    /// The person is gone for ever.
    Removed,
    /// The person is new.
    Joined {
        /// As what.
        role: Role,
    },
    /// Signing in asks for a second factor from now on, or does not.
    SecondFactor {
        /// Whether it does.
        is_on: bool,
    },
    /// The person can sign in at another issuer from now on, or cannot.
    Identity {
        /// Which link.
        identity: IdentityId,
        /// Whether they can.
        is_linked: bool,
    },
    /// An API key was made, changed or deleted.
    ApiKey {
        /// Which.
        key: ApiKeyId,
    },
}
