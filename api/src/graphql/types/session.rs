//! Sessions as their person sees them: nothing here opens anything.

use aim_domain::id::SessionId;
use aim_store::Page;
use aim_store::sessions::Session as Row;
use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::connection::connection;
use super::super::enums::SignInMethod;
use super::super::id::global_id;

/// A session that is open.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct SignedInSession {
    /// Global id.
    id: ID,
    /// How it was opened.
    method: SignInMethod,
    /// Where it was opened or last refreshed from; null where that is not known.
    client_address: Option<String>,
    /// What the client said it is.
    user_agent: Option<String>,
    /// Since when it is open.
    created_at: DateTime<Utc>,
    /// When it was last refreshed.
    last_used_at: DateTime<Utc>,
    /// By when it has to be refreshed again.
    refresh_by: DateTime<Utc>,
    /// When it ends whatever happens.
    expires_at: DateTime<Utc>,
    /// Whether it is the one that asks.
    is_current: bool,
}

impl From<(Row, SessionId)> for SignedInSession {
    fn from((row, current): (Row, SessionId)) -> Self {
        Self {
            id: global_id("Session", row.id),
            method: row.method.into(),
            client_address: row.client.address.map(|it| it.to_string()),
            user_agent: row.client.user_agent,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            refresh_by: row.refresh_by,
            expires_at: row.expires_at,
            is_current: row.id == current,
        }
    }
}

/// A session beside the one that asks.
#[derive(Debug)]
pub(crate) struct Listed {
    id: SessionId,
    row: Row,
    current: SessionId,
}

impl From<Listed> for SignedInSession {
    fn from(listed: Listed) -> Self {
        (listed.row, listed.current).into()
    }
}

connection!(
    SignedInSessionConnection,
    SignedInSessionEdge,
    SignedInSession,
    Listed,
    "Session"
);

impl SignedInSessionConnection {
    /// A page as the session `current` sees it.
    pub(crate) fn seen_by(current: SessionId, page: Page<Row>) -> Self {
        let listed = |row: Row| Listed {
            id: row.id,
            row,
            current,
        };
        Self::from(page.with_items(|all| all.into_iter().map(listed).collect()))
    }
}
