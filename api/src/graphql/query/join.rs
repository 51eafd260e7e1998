//! Who is invited, and who asks to join.

use aim_domain::role::Permission;
use async_graphql::{Context, Object, Result};

use super::super::connection::page;
use super::super::context::{RequestContext, fault};
use super::super::types::{
    InvitationConnection, JoinSettings, RegistrationConnection, RegistrationStatus,
};

/// Queries about how people join.
#[derive(Debug, Default)]
pub(crate) struct JoinQueries;

#[Object]
impl JoinQueries {
    /// Invitations to your organization, newest first. Needs `ADMIN`.
    async fn invitations(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
    ) -> Result<InvitationConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManagePeople)?;
        let page = page("Invitation", first, after, last, before)?;
        let found = request.app.list_invitations(&permit, page).await;
        Ok(found.map_err(fault)?.into())
    }

    /// Requests to join your organization, newest first; those whose address nobody has shown to be
    /// theirs are left out. Needs `ADMIN`.
    async fn registrations(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "That have come this far; all when left out.")] status: Option<
            RegistrationStatus,
        >,
    ) -> Result<RegistrationConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManagePeople)?;
        let page = page("Registration", first, after, last, before)?;
        let status = status.map(Into::into);
        let found = request.app.list_registrations(&permit, status, page).await;
        Ok(found.map_err(fault)?.into())
    }

    /// How people may join your organization. Needs `ADMIN`.
    async fn join_settings(&self, context: &Context<'_>) -> Result<JoinSettings> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManagePeople)?;
        let found = request.app.find_join_settings(&permit).await;
        Ok(found.map_err(fault)?.into())
    }
}
