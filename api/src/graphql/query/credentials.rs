//! Credentials of programs, and people.

use aim_domain::role::Permission;
use aim_domain::session::SessionKind;
use async_graphql::{Context, Object, Result};

use super::super::connection::page;
use super::super::context::{RequestContext, fault};
use super::super::types::{ApiKeyConnection, SdkTokenConnection, UserAccountConnection};

/// Queries about programs' credentials and about people.
#[derive(Debug, Default)]
pub(crate) struct CredentialQueries;

#[Object]
impl CredentialQueries {
    /// Your API keys, newest first; everybody's if you manage people. Needs `MEMBER`.
    async fn api_keys(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
    ) -> Result<ApiKeyConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageCredentials)?;
        let page = page("ApiKey", first, after, last, before)?;
        let found = request.app.list_api_keys(&permit, request.person()?, page);
        Ok(found.await.map_err(fault)?.into())
    }

    /// Your SDK tokens that are good, newest first. Needs `MEMBER`.
    async fn sdk_tokens(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
    ) -> Result<SdkTokenConnection> {
        let request = RequestContext::of(context)?;
        request.permit(Permission::ManageCredentials)?;
        let page = page("SdkToken", first, after, last, before)?;
        let (actor, kind) = (request.person()?, SessionKind::Sdk);
        let found = request.app.list_own_sessions(actor, kind, page);
        Ok(found.await.map_err(fault)?.into())
    }

    /// The people of your organization, newest first. Needs `ADMIN`.
    async fn users(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
    ) -> Result<UserAccountConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManagePeople)?;
        let page = page("User", first, after, last, before)?;
        Ok(request
            .app
            .list_members(&permit, page)
            .await
            .map_err(fault)?
            .into())
    }
}
