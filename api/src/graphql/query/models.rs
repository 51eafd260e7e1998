//! Models, and what they were seen to do.

use aim_domain::role::Permission;
use async_graphql::{Context, ID, Object, Result};

use super::super::connection::page;
use super::super::context::{RequestContext, fault};
use super::super::id::parse_id;
use super::super::types::{
    ModelMoveConnection, ModelVersion, ModelVersionConnection, ShadowReport,
};

/// Queries about models.
#[derive(Debug, Default)]
pub(crate) struct ModelQueries;

#[Object]
impl ModelQueries {
    /// A published model; null when there is none with this id in your organization. Needs `VIEWER`.
    async fn model_version(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Global id.")] id: ID,
    ) -> Result<Option<ModelVersion>> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let id = parse_id("ModelVersion", "id", &id)?;
        let found = request.app.find_model_version(&permit, id).await;
        Ok(found.map_err(fault)?.map(ModelVersion::from))
    }

    /// Published models, newest first. Needs `VIEWER`.
    async fn model_versions(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
    ) -> Result<ModelVersionConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("ModelVersion", first, after, last, before)?;
        let found = request.app.list_model_versions(&permit, page).await;
        Ok(found.map_err(fault)?.into())
    }

    /// Moves of champion and challenger, newest first. Needs `VIEWER`.
    async fn model_moves(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
    ) -> Result<ModelMoveConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("ModelMove", first, after, last, before)?;
        let found = request.app.list_model_moves(&permit, page).await;
        Ok(found.map_err(fault)?.into())
    }

    /// What champion and challenger did with the same actions since both are what they are. Needs
    /// `VIEWER`.
    async fn shadow_report(&self, context: &Context<'_>) -> Result<ShadowReport> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let now = request.app.models_now(&permit).await.map_err(fault)?;
        let shadow = request.app.shadow(&permit, now.serving).await;
        Ok(ShadowReport::of(now, &shadow.map_err(fault)?))
    }
}
