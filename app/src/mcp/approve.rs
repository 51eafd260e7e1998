//! A person's word that what a server says of itself is right.

use aim_domain::event::McpServerChange;
use aim_domain::id::McpServerId;
use aim_domain::mcp::{McpServerStatus, lookalike};
use aim_store::mcp_servers::McpServer;
use serde_json::json;

use super::servers::check_reason;
use crate::{App, AppError, ErrorCode, Permit};

impl App {
    /// Approves what a server says of itself now: it is pinned, all drift is settled, and a server that is
    /// `PENDING` becomes `VERIFIED`. The digest says what was looked at, so that nothing else is approved.
    ///
    /// # Errors
    /// `NotFound`, `InvalidInput` for the reason, `Conflict` when the server was not asked yet, says
    /// something else by now, did not prove its key, or is deleted or revoked.
    pub async fn approve_mcp_manifest(
        &self,
        permit: &Permit,
        id: McpServerId,
        digest: &str,
        reason: String,
    ) -> Result<McpServer, AppError> {
        check_reason(&reason)?;
        let conflict = |message: String| Err(AppError::new(ErrorCode::Conflict, message));
        let mut tx = self.store.begin().await?;
        let before = self.live_mcp_server(&mut tx, permit, id).await?;
        let Some(observed) = before.observed_manifest else {
            return conflict("nobody has asked the server what it is; do that first".to_owned());
        };
        let manifest = tx.find_mcp_manifest(id, observed).await?;
        let manifest = manifest.ok_or_else(|| AppError::not_found("manifest"))?;
        if manifest.digest != digest {
            let now = &manifest.digest;
            return conflict(format!(
                "the server says something else by now: `{now}`; look at that first"
            ));
        }
        if before.public_key.is_some() && before.key_proven_at.is_none() {
            return conflict(
                "the server did not prove to have its key when it was asked; ask it again, or take \
                 its key away"
                    .to_owned(),
            );
        }
        let mut after = McpServer {
            approved_manifest: Some(manifest.id),
            drift_since: None,
            ..before.clone()
        };
        let (from, to) = (before.status, McpServerStatus::Verified);
        if from == McpServerStatus::Pending {
            after.status = to;
            after.status_reason = Some(reason.clone());
            after.status_changed_at = tx.now();
            after.status_changed_by = permit.actor();
        }
        let tools = manifest.said.tools();
        let tools = tools.map(|name| (self.ids.next(), name.to_owned(), lookalike(name)));
        let tools = tools.collect();
        let by = permit.actor();
        tx.approve_mcp_manifest(&manifest, (&by, &reason), tools)
            .await?;
        tx.put_mcp_server(&after, false).await?;
        let digest = manifest.digest.clone();
        tx.emit(&self.mcp_event(&after, McpServerChange::Approved { digest }));
        if after.status != from {
            let reason = reason.clone();
            tx.emit(&self.mcp_event(&after, McpServerChange::Status { from, to, reason }));
        }
        tx.audit(permit.audit(
            &self.ids,
            "mcp-server.approve",
            ("mcp-server", id.to_string()),
            Some(reason),
            (
                Some(json!({ "status": from, "manifest": before.approved_manifest })),
                Some(json!({ "status": after.status, "manifest": manifest.id,
                             "digest": manifest.digest })),
            ),
        ));
        tx.commit().await?;
        self.cache.forget_organization(after.organization);
        self.get_mcp_server(permit, id).await
    }
}
