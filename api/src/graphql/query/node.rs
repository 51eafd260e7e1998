//! Any object by its global id.

use aim_domain::id::AgentId;
use aim_domain::role::Permission;
use async_graphql::{ID, Interface, Result};

use super::super::context::{RequestContext, fault};
use super::super::id::{parse_id, split};
use super::super::types::{Agent, Alert, AuditEntry, ModelVersion, TrustSnapshot, Verification};

/// An object with a global id.
#[derive(Debug, Interface)]
#[graphql(field(name = "id", ty = "&ID", desc = "Global id."))]
pub(crate) enum Node {
    /// An agent.
    Agent(Agent),
    /// A verification.
    Verification(Verification),
    /// An alert.
    Alert(Alert),
    /// A score of an agent at a time.
    TrustSnapshot(TrustSnapshot),
    /// A published model.
    ModelVersion(ModelVersion),
    /// An entry of the audit trail, for administrators.
    AuditEntry(AuditEntry),
}

/// Finds it, if it is in the asker's organization.
pub(super) async fn find(request: &RequestContext, id: &ID) -> Result<Option<Node>> {
    let permit = request.permit(Permission::Read)?;
    let Some((kind, _)) = split(id) else {
        return Ok(None);
    };
    Ok(match kind.as_str() {
        "Agent" => {
            let id: AgentId = parse_id("Agent", "id", id)?;
            request
                .agents()?
                .load_one(id)
                .await
                .map_err(fault)?
                .map(|row| Node::Agent(row.into()))
        }
        "Verification" => {
            let id = parse_id("Verification", "id", id)?;
            let found = request
                .app
                .find_verification(&permit, id)
                .await
                .map_err(fault)?;
            found.map(|row| Node::Verification(row.into()))
        }
        "Alert" => {
            let id = parse_id("Alert", "id", id)?;
            let found = request.app.find_alert(&permit, id).await.map_err(fault)?;
            found.map(|row| Node::Alert(row.into()))
        }
        "TrustSnapshot" => {
            let id = parse_id("TrustSnapshot", "id", id)?;
            let found = request
                .app
                .find_trust_snapshot(&permit, id)
                .await
                .map_err(fault)?;
            found.map(|row| Node::TrustSnapshot(row.into()))
        }
        "ModelVersion" => {
            let id = parse_id("ModelVersion", "id", id)?;
            let found = request.app.find_model_version(&permit, id).await;
            found
                .map_err(fault)?
                .map(|row| Node::ModelVersion(row.into()))
        }
        "AuditEntry" => {
            let permit = request.permit(Permission::Audit)?;
            let id = parse_id("AuditEntry", "id", id)?;
            let found = request.app.find_audit_entry(&permit, id).await;
            found
                .map_err(fault)?
                .map(|row| Node::AuditEntry(row.into()))
        }
        _ => None,
    })
}
