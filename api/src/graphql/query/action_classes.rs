//! What actions are taken for.

use aim_domain::role::Permission;
use async_graphql::{Context, Object, Result};

use super::super::connection::page;
use super::super::context::{RequestContext, fault};
use super::super::types::{ActionClass, ActionClassOverrideConnection};

/// Queries about actions.
#[derive(Debug, Default)]
pub(crate) struct ActionClassQueries;

#[Object]
impl ActionClassQueries {
    /// What an action is taken for, by its name or by your organization's word. Needs `VIEWER`.
    async fn action_class(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Exactly this action, case and all, such as `crm:sync`.")] action: String,
    ) -> Result<ActionClass> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let found = request.app.find_action_class_override(&permit, &action);
        let found = found.await.map_err(fault)?;
        Ok(ActionClass::new(action, found))
    }

    /// What your organization says of actions, newest first. Needs `VIEWER`.
    async fn action_class_overrides(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
    ) -> Result<ActionClassOverrideConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("ActionClassOverride", first, after, last, before)?;
        let found = request.app.list_action_class_overrides(&permit, page);
        Ok(found.await.map_err(fault)?.into())
    }
}
