//! The audit log, its checkpoints and proofs.

use aim_domain::role::Permission;
use async_graphql::{Context, ID, Object, Result};

use super::super::connection::page;
use super::super::context::{RequestContext, fault};
use super::super::id::parse_id;
use super::super::types::{
    AuditCheckpoint, AuditCheckpointConnection, AuditConsistencyProof, AuditEntry,
    AuditErasureConnection, AuditLog,
};

/// Queries about the audit log.
#[derive(Debug, Default)]
pub(crate) struct AuditQueries;

#[Object]
impl AuditQueries {
    /// An entry of the audit trail; null when there is none with this id in your organization. Needs
    /// `ADMIN`.
    async fn audit_entry(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Global id.")] id: ID,
    ) -> Result<Option<AuditEntry>> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Audit)?;
        let id = parse_id("AuditEntry", "id", &id)?;
        let found = request.app.find_audit_entry(&permit, id).await;
        Ok(found.map_err(fault)?.map(AuditEntry::from))
    }

    /// Your organization's audit log: keys, witnesses, what is kept. Needs `ADMIN`.
    async fn audit_log(&self, context: &Context<'_>) -> Result<AuditLog> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Audit)?;
        Ok(request.app.audit_log(&permit).await.map_err(fault)?.into())
    }

    /// The newest signed checkpoint of the audit log, or that of a size; null when there is none.
    /// Needs `ADMIN`.
    async fn audit_checkpoint(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The one that covers exactly this many entries.")] tree_size: Option<u64>,
    ) -> Result<Option<AuditCheckpoint>> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Audit)?;
        let found = request.app.find_audit_checkpoint(&permit, tree_size).await;
        Ok(found.map_err(fault)?.map(AuditCheckpoint::from))
    }

    /// Signed checkpoints of the audit log, newest first. Needs `ADMIN`.
    async fn audit_checkpoints(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
    ) -> Result<AuditCheckpointConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Audit)?;
        let page = page("AuditCheckpoint", first, after, last, before)?;
        let found = request.app.list_audit_checkpoints(&permit, page).await;
        Ok(found.map_err(fault)?.into())
    }

    /// The proof that the audit log only grew between two sizes; null when it never was that large.
    /// Needs `ADMIN`.
    async fn audit_consistency_proof(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The earlier size, such as that of a checkpoint kept elsewhere.")]
        from_size: u64,
        #[graphql(desc = "The later size; that of the whole log when left out.")] to_size: Option<
            u64,
        >,
    ) -> Result<Option<AuditConsistencyProof>> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Audit)?;
        let found = request
            .app
            .prove_audit_consistency(&permit, from_size, to_size)
            .await;
        let found = found.map_err(fault)?;
        Ok(found.map(|(root, proof)| AuditConsistencyProof::new(from_size, root, &proof)))
    }

    /// Orders to erase what the trail holds of persons, newest first. Needs `ADMIN`.
    async fn audit_erasures(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
    ) -> Result<AuditErasureConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Audit)?;
        let page = page("AuditErasure", first, after, last, before)?;
        let found = request.app.list_audit_erasures(&permit, page).await;
        Ok(found.map_err(fault)?.into())
    }
}
