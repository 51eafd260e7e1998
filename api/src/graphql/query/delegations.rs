//! Who acts with whose capabilities.

use aim_domain::role::Permission;
use aim_store::delegations::DelegationFilter as Filter;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::connection::page;
use super::super::context::{RequestContext, fault};
use super::super::id::parse_id;
use super::super::types::DelegationConnection;

/// Which delegations.
#[derive(Debug, Default, InputObject)]
struct DelegationFilter {
    /// By the agent with this global id.
    delegator_id: Option<ID>,
    /// To the agent with this global id.
    delegate_id: Option<ID>,
}

/// Queries about delegations.
#[derive(Debug, Default)]
pub(crate) struct DelegationQueries;

#[Object]
impl DelegationQueries {
    /// Delegations, newest first, revoked and expired ones too. Needs `VIEWER`.
    async fn delegations(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which; all when left out.")] filter: Option<DelegationFilter>,
    ) -> Result<DelegationConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("Delegation", first, after, last, before)?;
        let filter = filter.unwrap_or_default();
        let (by, to) = (filter.delegator_id, filter.delegate_id);
        let by = by.map(|id| parse_id("Agent", "delegatorId", &id));
        let to = to.map(|id| parse_id("Agent", "delegateId", &id));
        let filter = Filter {
            delegator: by.transpose()?,
            delegate: to.transpose()?,
        };
        let found = request.app.list_delegations(&permit, &filter, page);
        Ok(found.await.map_err(fault)?.into())
    }
}
