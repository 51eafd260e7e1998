//! Passkeys.

use aim_store::passkeys::Passkey as Row;
use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::id::global_id;

/// A passkey of yours: a key that an authenticator keeps, and that counts as a second factor.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct Passkey {
    /// Global id.
    id: ID,
    /// What you call it.
    name: String,
    /// Since when you have it.
    created_at: DateTime<Utc>,
    /// When it was last used; null before the first time.
    last_used_at: Option<DateTime<Utc>>,
}

impl From<Row> for Passkey {
    fn from(row: Row) -> Self {
        Self {
            id: global_id("Passkey", row.id),
            name: row.name,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        }
    }
}
