//! Keeping filters of lists.

use aim_app::SaveFilter;
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Json, Object, Result};
use serde_json::Value;

use super::super::context::{RequestContext, fault};
use super::super::id::parse_id;
use super::super::query::{FilteredList, refusal};
use super::super::types::SavedFilter;
use super::super::user_error::payload;

/// A filter to keep.
#[derive(Debug, InputObject)]
struct SaveFilterInput {
    /// Of which list.
    list: FilteredList,
    /// What people call it; the filter of the same list with this name is replaced.
    name: String,
    /// The list's own filter, as JSON.
    filter: Json<Value>,
    /// Whether it is for everybody in the organization, and not for you alone.
    #[graphql(default)]
    is_shared: bool,
}

/// A filter to take away.
#[derive(Debug, InputObject)]
struct DeleteSavedFilterInput {
    /// Global id of the filter.
    saved_filter_id: ID,
}

payload!(SaveFilterPayload, SaveFilterError, /// The filter.
    saved_filter: SavedFilter);
payload!(DeleteSavedFilterPayload, DeleteSavedFilterError, /// The filter as it was.
    saved_filter: SavedFilter);

/// Mutations of saved filters.
#[derive(Debug, Default)]
pub(crate) struct SavedFilterMutations;

#[Object]
impl SavedFilterMutations {
    /// Keeps a filter of a list under a name, for you or, as `MANAGER`, for everybody in your organization, at
    /// most 100 each. What the list does not take is refused. Needs `VIEWER`.
    async fn save_filter(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The filter.")] input: SaveFilterInput,
    ) -> Result<SaveFilterPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let user = request.person()?.id;
        let (permit, owner) = if input.is_shared {
            (request.permit(Permission::ShareFilters)?, None)
        } else {
            (permit, Some(user))
        };
        let list = input.list.into();
        let filter = SaveFilter {
            list,
            name: input.name,
            refusal: refusal(list, &input.filter.0),
            body: input.filter.0,
            owner,
        };
        SaveFilterPayload::of(request.app.save_filter(&permit, filter).await)
    }

    /// Takes a saved filter away; one that is everybody's as `MANAGER`. Needs `VIEWER`.
    async fn delete_saved_filter(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which.")] input: DeleteSavedFilterInput,
    ) -> Result<DeleteSavedFilterPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let user = request.person()?.id;
        let id = parse_id("SavedFilter", "savedFilterId", &input.saved_filter_id)?;
        let found = request.app.find_saved_filter(&permit, user, id).await;
        // Whose it is never changes.
        let is_shared = found.map_err(fault)?.is_some_and(|it| it.owner.is_none());
        let permit = if is_shared {
            request.permit(Permission::ShareFilters)?
        } else {
            permit
        };
        let outcome = request.app.delete_saved_filter(&permit, user, id);
        DeleteSavedFilterPayload::of(outcome.await)
    }
}
