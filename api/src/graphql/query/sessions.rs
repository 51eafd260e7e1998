//! One's own sessions.

use aim_domain::session::SessionKind;
use async_graphql::{Context, Object, Result};

use super::super::connection::page;
use super::super::context::{RequestContext, fault};
use super::super::types::SignedInSessionConnection;

/// Queries about sessions.
#[derive(Debug, Default)]
pub(crate) struct SessionQueries;

#[Object]
impl SessionQueries {
    /// Your open sessions, newest first. For signed-in people.
    async fn sessions(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
    ) -> Result<SignedInSessionConnection> {
        let request = RequestContext::of(context)?;
        let actor = request.person()?;
        let page = page("Session", first, after, last, before)?;
        let found = request
            .app
            .list_own_sessions(actor, SessionKind::Person, page);
        let found = found.await.map_err(fault)?;
        Ok(SignedInSessionConnection::seen_by(actor.session, found))
    }
}
