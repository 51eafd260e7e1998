//! Facts as they happen, resumable behind a cursor.

use std::sync::Arc;

use aim_app::{Actor, AppError, ErrorCode, FeedItem};
use aim_domain::event::{Fact, OrganizationChange};
use aim_domain::id::{AgentId, VerificationId};
use aim_domain::role::Permission;
use aim_domain::verification::Decision as Asked;
use async_graphql::{
    ComplexObject, Context, Error, ErrorExtensions, ID, Result, SimpleObject,
    Subscription as Declare,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};

use super::context::{RequestContext, fault};
use super::enums::{ApprovalStatus, CapabilityRequestStatus, Decision, ModelAlias, Severity};
use super::id::{global_id, parse_id};
use super::types::{Alert, AuditCheckpoint, Verification};

/// An alert was raised, or has become worse.
#[derive(Debug, SimpleObject)]
#[graphql(complex)]
struct AlertRaised {
    /// Resume behind this with `after`.
    cursor: String,
    /// When it was raised.
    occurred_at: DateTime<Utc>,
    /// The alert's global id.
    alert_id: ID,
    /// The agent's global id; null where it is about an MCP server.
    agent_id: Option<ID>,
    /// The MCP server's global id; null where it is about an agent.
    mcp_server_id: Option<ID>,
    /// How bad it was then.
    severity: Severity,
    /// In words.
    summary: String,
}

#[ComplexObject]
impl AlertRaised {
    /// The alert as it is now.
    async fn alert(&self, context: &Context<'_>) -> Result<Option<Alert>> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let id = parse_id("Alert", "alertId", &self.alert_id)?;
        Ok(request
            .app
            .find_alert(&permit, id)
            .await
            .map_err(fault)?
            .map(Alert::from))
    }
}

/// A trust score moved.
#[derive(Debug, SimpleObject)]
struct TrustScoreChanged {
    /// Resume behind this with `after`.
    cursor: String,
    /// When it moved.
    occurred_at: DateTime<Utc>,
    /// The agent's global id.
    agent_id: ID,
    /// Global id of the snapshot with the factors.
    snapshot_id: ID,
    /// Before; null for `UNSCORED`.
    previous_score: Option<f64>,
    /// After; null for `UNSCORED`.
    score: Option<f64>,
}

/// A verification was decided.
#[derive(Debug, SimpleObject)]
#[graphql(complex)]
struct VerificationRecorded {
    /// Resume behind this with `after`.
    cursor: String,
    /// When it was decided.
    occurred_at: DateTime<Utc>,
    /// The verification's global id.
    verification_id: ID,
    /// The agent's global id.
    agent_id: ID,
    /// What the agent wants to do.
    action: String,
    /// The answer.
    decision: Decision,
}

#[ComplexObject]
impl VerificationRecorded {
    /// The verification as it is now.
    async fn verification(&self, context: &Context<'_>) -> Result<Option<Verification>> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let id = parse_id("Verification", "verificationId", &self.verification_id)?;
        let found = request
            .app
            .find_verification(&permit, id)
            .await
            .map_err(fault)?;
        Ok(found.map(Verification::from))
    }
}

/// An approval is asked for, or has come further.
#[derive(Debug, SimpleObject)]
struct ApprovalChanged {
    /// Resume behind this with `after`.
    cursor: String,
    /// When that happened.
    occurred_at: DateTime<Utc>,
    /// The verification's global id.
    verification_id: ID,
    /// The agent's global id.
    agent_id: ID,
    /// How far it is.
    status: ApprovalStatus,
    /// What the verification says now.
    decision: Decision,
}

fn approval_changed(item: &FeedItem) -> Option<(AgentId, VerificationId, ApprovalChanged)> {
    let (verification, agent, status, decision) = match &item.fact {
        Fact::ApprovalChanged(it) => (it.verification, it.agent, it.status, it.decision),
        Fact::VerificationRecorded(it) if it.decision == Asked::PendingApproval => {
            let status = aim_domain::approval::ApprovalStatus::Pending;
            (it.verification, it.agent, status, it.decision)
        }
        _ => return None,
    };
    let changed = ApprovalChanged {
        cursor: cursor_of(item),
        occurred_at: item.time,
        verification_id: global_id("Verification", verification),
        agent_id: global_id("Agent", agent),
        status: status.into(),
        decision: decision.into(),
    };
    Some((agent, verification, changed))
}

/// A capability was asked for, or that was answered.
#[derive(Debug, SimpleObject)]
struct CapabilityRequestChanged {
    /// Resume behind this with `after`.
    cursor: String,
    /// When that happened.
    occurred_at: DateTime<Utc>,
    /// The request's global id.
    request_id: ID,
    /// The agent's global id.
    agent_id: ID,
    /// What was asked for.
    capability: String,
    /// What became of it.
    status: CapabilityRequestStatus,
}

/// Another model serves, or is tried.
#[derive(Debug, SimpleObject)]
struct ModelMoved {
    /// Resume behind this with `after`.
    cursor: String,
    /// When it moved.
    occurred_at: DateTime<Utc>,
    /// Which name.
    alias: ModelAlias,
    /// Number of the version before; null is none.
    from_version: Option<i32>,
    /// Number of the version after; null is none.
    to_version: Option<i32>,
    /// Whether it was moved back.
    is_rollback: bool,
    /// By whom: `user:<id>`, or `system:stream` where the guard took a champion back.
    moved_by: String,
    /// Why.
    reason: String,
}

fn model_moved(item: &FeedItem) -> Option<ModelMoved> {
    let Fact::OrganizationChanged(changed) = &item.fact else {
        return None;
    };
    let OrganizationChange::ModelMoved {
        alias,
        from,
        to,
        is_rollback,
        by,
        reason,
        ..
    } = &changed.change
    else {
        return None;
    };
    Some(ModelMoved {
        cursor: cursor_of(item),
        occurred_at: item.time,
        alias: (*alias).into(),
        from_version: *from,
        to_version: *to,
        is_rollback: *is_rollback,
        moved_by: by.clone(),
        reason: reason.clone(),
    })
}

/// An audit log has grown, and was signed.
#[derive(Debug, SimpleObject)]
#[graphql(complex)]
struct AuditCheckpointed {
    /// Resume behind this with `after`.
    cursor: String,
    /// When it was signed.
    occurred_at: DateTime<Utc>,
    /// The checkpoint's global id.
    checkpoint_id: ID,
    /// Its number, from 1 on.
    number: u64,
    /// How many entries it covers.
    tree_size: u64,
    /// The root of the tree of their leaves, base64.
    root_hash: String,
}

#[ComplexObject]
impl AuditCheckpointed {
    /// The checkpoint with its signed note.
    async fn checkpoint(&self, context: &Context<'_>) -> Result<Option<AuditCheckpoint>> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Audit)?;
        let found = request
            .app
            .find_audit_checkpoint(&permit, Some(self.tree_size));
        Ok(found.await.map_err(fault)?.map(AuditCheckpoint::from))
    }
}

/// An audit log stands still, or goes on.
#[derive(Debug, SimpleObject)]
struct AuditStopChanged {
    /// Resume behind this with `after`.
    cursor: String,
    /// When it was found out.
    occurred_at: DateTime<Utc>,
    /// What is wrong, in words; null when the log is what was signed again and goes on.
    reason: Option<String>,
}

fn audit_stop_changed(item: &FeedItem) -> Option<AuditStopChanged> {
    let Fact::OrganizationChanged(changed) = &item.fact else {
        return None;
    };
    let reason = match &changed.change {
        OrganizationChange::AuditStopped { reason } => Some(reason.clone()),
        OrganizationChange::AuditResumed => None,
        _ => return None,
    };
    Some(AuditStopChanged {
        cursor: cursor_of(item),
        occurred_at: item.time,
        reason,
    })
}

fn cursor_of(item: &FeedItem) -> String {
    URL_SAFE_NO_PAD.encode(format!("event:{}", item.position))
}

fn position_of(cursor: Option<String>) -> Result<Option<i64>> {
    let Some(cursor) = cursor else {
        return Ok(None);
    };
    let inside = URL_SAFE_NO_PAD
        .decode(&cursor)
        .ok()
        .and_then(|b| String::from_utf8(b).ok());
    let position = inside
        .as_deref()
        .and_then(|text| text.strip_prefix("event:")?.parse().ok());
    position.map(Some).ok_or_else(|| {
        let message = format!("`{cursor}` is not a cursor of a subscription");
        fault(AppError::new(ErrorCode::InvalidInput, message))
    })
}

/// The facts of the asker's organization that `pick` takes.
fn facts<T: Send + 'static>(
    context: &Context<'_>,
    after: Option<String>,
    pick: impl Fn(&FeedItem) -> Option<T> + Send + Sync + 'static,
) -> Result<BoxStream<'static, Result<T>>> {
    facts_for(Permission::Read, context, after, pick)
}

/// The same, for whoever may do `permission`.
fn facts_for<T: Send + 'static>(
    permission: Permission,
    context: &Context<'_>,
    after: Option<String>,
    pick: impl Fn(&FeedItem) -> Option<T> + Send + Sync + 'static,
) -> Result<BoxStream<'static, Result<T>>> {
    let request = RequestContext::of(context)?;
    let permit = request.permit(permission)?;
    let agent = match &request.actor {
        Actor::Agent(agent) => Some(agent.clone()),
        _ => None,
    };
    let after = position_of(after)?;
    let items = request.app.subscribe(permit.scope(), agent, after);
    let pick = Arc::new(pick);
    let picked = items.filter_map(move |item| {
        let picked = match item {
            Ok(item) => pick(&item).map(Ok),
            Err(error) => Some(Err(lagged(&error))),
        };
        std::future::ready(picked)
    });
    Ok(picked.boxed())
}

fn lagged(error: &aim_app::FeedError) -> Error {
    let code = match error {
        aim_app::FeedError::Lagged => "SUBSCRIPTION_LAGGED",
        aim_app::FeedError::Stopped => "FORBIDDEN",
        aim_app::FeedError::Unavailable => "UNAVAILABLE",
    };
    Error::new(error.to_string()).extend_with(|_, extensions| extensions.set("code", code))
}

/// Everything that can be subscribed to.
#[derive(Debug, Clone, Copy)]
pub struct Subscription;

/// Everything that can be subscribed to.
#[Declare]
impl Subscription {
    /// Alerts of your organization. Needs `VIEWER`.
    async fn alert_raised(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Cursor of the last fact you have; what followed it comes first.")]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<AlertRaised>>> {
        facts(context, after, |item| match &item.fact {
            Fact::AlertRaised(fact) => Some(AlertRaised {
                cursor: cursor_of(item),
                occurred_at: item.time,
                alert_id: global_id("Alert", fact.alert),
                agent_id: match fact.mcp_server {
                    None => Some(global_id("Agent", fact.agent)),
                    Some(_) => None,
                },
                mcp_server_id: fact.mcp_server.map(|id| global_id("McpServer", id)),
                severity: fact.severity.into(),
                summary: fact.summary.clone(),
            }),
            _ => None,
        })
    }

    /// Trust scores of your organization's agents, whenever one moves by 0.01. Needs `VIEWER`.
    async fn trust_score_changed(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only of this agent.")] agent_id: Option<ID>,
        #[graphql(desc = "Cursor of the last fact you have; what followed it comes first.")]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<TrustScoreChanged>>> {
        let agent: Option<AgentId> = agent_id
            .map(|id| parse_id("Agent", "agentId", &id))
            .transpose()?;
        facts(context, after, move |item| match &item.fact {
            Fact::TrustScoreChanged(fact) if agent.is_none_or(|agent| agent == fact.agent) => {
                Some(TrustScoreChanged {
                    cursor: cursor_of(item),
                    occurred_at: item.time,
                    agent_id: global_id("Agent", fact.agent),
                    snapshot_id: global_id("TrustSnapshot", fact.snapshot),
                    previous_score: fact.from.map(aim_domain::trust::TrustScore::as_fraction),
                    score: fact.to.map(aim_domain::trust::TrustScore::as_fraction),
                })
            }
            _ => None,
        })
    }

    /// Approvals that are asked for, answered, presented or run out; an agent hears of its own only. Needs
    /// `VIEWER`.
    async fn approval_changed(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only of this agent.")] agent_id: Option<ID>,
        #[graphql(desc = "Only of this verification.")] verification_id: Option<ID>,
        #[graphql(desc = "Cursor of the last fact you have; what followed it comes first.")]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<ApprovalChanged>>> {
        let agent: Option<AgentId> = agent_id
            .map(|id| parse_id("Agent", "agentId", &id))
            .transpose()?;
        let verification: Option<VerificationId> = verification_id
            .map(|id| parse_id("Verification", "verificationId", &id))
            .transpose()?;
        let own: Option<AgentId> = match &RequestContext::of(context)?.actor {
            Actor::Agent(agent) => Some(agent.agent),
            _ => None,
        };
        facts(context, after, move |item| {
            let (of, about, changed) = approval_changed(item)?;
            let is_meant = own.is_none_or(|it| it == of)
                && agent.is_none_or(|it| it == of)
                && verification.is_none_or(|it| it == about);
            is_meant.then_some(changed)
        })
    }

    /// Capabilities that agents ask for, and the answers; an agent hears of its own only. Needs `VIEWER`.
    async fn capability_request_changed(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Cursor of the last fact you have; what followed it comes first.")]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<CapabilityRequestChanged>>> {
        let own: Option<AgentId> = match &RequestContext::of(context)?.actor {
            Actor::Agent(agent) => Some(agent.agent),
            _ => None,
        };
        facts(context, after, move |item| match &item.fact {
            Fact::CapabilityRequestChanged(fact) if own.is_none_or(|own| own == fact.agent) => {
                Some(CapabilityRequestChanged {
                    cursor: cursor_of(item),
                    occurred_at: item.time,
                    request_id: global_id("CapabilityRequest", fact.request),
                    agent_id: global_id("Agent", fact.agent),
                    capability: fact.capability.clone(),
                    status: fact.status.into(),
                })
            }
            _ => None,
        })
    }

    /// Moves of champion and challenger, those of the guard as well. Needs `VIEWER`.
    async fn model_moved(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Cursor of the last fact you have; what followed it comes first.")]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<ModelMoved>>> {
        facts(context, after, model_moved)
    }

    /// Signed checkpoints of your organization's audit log, as it grows. Needs `ADMIN`.
    async fn audit_checkpointed(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Cursor of the last fact you have; what followed it comes first.")]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<AuditCheckpointed>>> {
        facts_for(Permission::Audit, context, after, |item| match &item.fact {
            Fact::AuditCheckpointed(fact) => Some(AuditCheckpointed {
                cursor: cursor_of(item),
                occurred_at: item.time,
                checkpoint_id: global_id("AuditCheckpoint", fact.checkpoint),
                number: fact.number,
                tree_size: fact.size,
                root_hash: fact.root.to_string(),
            }),
            _ => None,
        })
    }

    /// What is kept of your organization's audit log is not what was signed, or is so again. Needs
    /// `ADMIN`.
    async fn audit_stop_changed(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Cursor of the last fact you have; what followed it comes first.")]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<AuditStopChanged>>> {
        facts_for(Permission::Audit, context, after, audit_stop_changed)
    }

    /// Verifications of your organization's agents. Needs `VIEWER`.
    async fn verification_recorded(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only of this agent.")] agent_id: Option<ID>,
        #[graphql(desc = "Cursor of the last fact you have; what followed it comes first.")]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<VerificationRecorded>>> {
        let agent: Option<AgentId> = agent_id
            .map(|id| parse_id("Agent", "agentId", &id))
            .transpose()?;
        facts(context, after, move |item| match &item.fact {
            Fact::VerificationRecorded(fact) if agent.is_none_or(|agent| agent == fact.agent) => {
                Some(VerificationRecorded {
                    cursor: cursor_of(item),
                    occurred_at: item.time,
                    verification_id: global_id("Verification", fact.verification),
                    agent_id: global_id("Agent", fact.agent),
                    action: fact.action.as_str().to_owned(),
                    decision: fact.decision.into(),
                })
            }
            _ => None,
        })
    }
}
