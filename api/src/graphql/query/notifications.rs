//! Who outside is told of events.

use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::connection::page;
use super::super::context::{RequestContext, fault};
use super::super::enums::NotificationTargetKind;
use super::super::id::parse_id;
use super::super::types::{NotificationDelivery, NotificationTarget, NotificationTargetConnection};

/// Which notification targets.
#[derive(Debug, Default, InputObject)]
struct NotificationTargetFilter {
    /// Of this kind.
    kind: Option<NotificationTargetKind>,
}

/// Queries about notifications.
#[derive(Debug, Default)]
pub(crate) struct NotificationQueries;

#[Object]
impl NotificationQueries {
    /// A notification target; null when there is none with this id in your organization. Needs
    /// `ADMIN`.
    async fn notification_target(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Global id.")] id: ID,
    ) -> Result<Option<NotificationTarget>> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageSettings)?;
        let id = parse_id("NotificationTarget", "id", &id)?;
        let found = request.app.find_notification_target(&permit, id).await;
        Ok(found.map_err(fault)?.map(Into::into))
    }

    /// Your organization's notification targets, newest first. Needs `ADMIN`.
    async fn notification_targets(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which ones; all when left out.")] filter: Option<
            NotificationTargetFilter,
        >,
    ) -> Result<NotificationTargetConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageSettings)?;
        let page = page("NotificationTarget", first, after, last, before)?;
        let kind = filter.and_then(|it| it.kind).map(Into::into);
        let found = request.app.list_notification_targets(&permit, kind, page);
        Ok(found.await.map_err(fault)?.into())
    }

    /// Something that a target was told; null when there is none with this id in your organization.
    /// Needs `ADMIN`.
    async fn notification_delivery(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Global id.")] id: ID,
    ) -> Result<Option<NotificationDelivery>> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageSettings)?;
        let id = parse_id("NotificationDelivery", "id", &id)?;
        let found = request.app.find_notification_delivery(&permit, id).await;
        Ok(found.map_err(fault)?.map(Into::into))
    }
}
