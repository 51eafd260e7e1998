//! What holds beyond grants.

use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::connection::page;
use super::super::context::{RequestContext, fault};
use super::super::enums::PolicyMode;
use super::super::id::parse_id;
use super::super::types::{Policy, PolicyConnection};

/// Which policies.
#[derive(Debug, Default, InputObject)]
struct PolicyFilter {
    /// That count like this.
    mode: Option<PolicyMode>,
}

/// Queries about policies.
#[derive(Debug, Default)]
pub(crate) struct PolicyQueries;

#[Object]
impl PolicyQueries {
    /// A policy, also one that was put away; null when there is none with this id in your organization.
    /// Not for agents. Needs `VIEWER`.
    async fn policy(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Global id.")] id: ID,
    ) -> Result<Option<Policy>> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ReadPolicies)?;
        let id = parse_id("Policy", "id", &id)?;
        let found = request.app.find_policy(&permit, id).await.map_err(fault)?;
        Ok(found.map(Policy::from))
    }

    /// The policies that were not put away, newest first. Not for agents. Needs `VIEWER`.
    async fn policies(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which ones; all when left out.")] filter: Option<PolicyFilter>,
    ) -> Result<PolicyConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ReadPolicies)?;
        let page = page("Policy", first, after, last, before)?;
        let mode = filter.and_then(|it| it.mode).map(Into::into);
        let found = request.app.list_policies(&permit, mode, page);
        Ok(found.await.map_err(fault)?.into())
    }

    /// All policies that were not put away, as a document for `applyPolicies`: JSON, by name, to be kept
    /// with code. Not for agents. Needs `VIEWER`.
    async fn policy_bundle(&self, context: &Context<'_>) -> Result<String> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ReadPolicies)?;
        request.app.export_policies(&permit).await.map_err(fault)
    }
}
