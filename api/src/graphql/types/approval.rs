//! Approvals, and what persons agreed to beforehand.

use aim_domain::approval::ApprovalSettings as Settings;
use aim_domain::id::{AgentId, VerificationId};
use aim_domain::role::Permission;
use aim_store::approval_grants::ApprovalGrantRecord as Row;
use aim_store::approvals::ApprovalAnswer as Answer;
use aim_store::verifications::Approval as State;
use async_graphql::{ComplexObject, Context, ID, Json, Result, SimpleObject};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::super::connection::connection;
use super::super::context::{RequestContext, fault};
use super::super::enums::{ApprovalStatus, RiskLevel};
use super::super::id::global_id;
use super::super::loaders::AnswersOf;
use super::Agent;

/// How far the approval of an action is.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub(crate) struct Approval {
    /// How far.
    status: ApprovalStatus,
    /// How many different persons have to agree.
    approver_count: u8,
    #[graphql(skip)]
    verification: VerificationId,
    #[graphql(skip)]
    shown: Option<Value>,
}

impl Approval {
    pub(crate) fn of(verification: VerificationId, state: State) -> Self {
        Self {
            status: state.status.into(),
            approver_count: state.approvers,
            verification,
            shown: state.arguments,
        }
    }
}

/// What a person said.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct ApprovalAnswer {
    /// Who, as `user:<id>`.
    answered_by: String,
    /// Whether they agreed.
    is_approved: bool,
    /// Why.
    reason: Option<String>,
    /// When.
    answered_at: DateTime<Utc>,
}

impl From<Answer> for ApprovalAnswer {
    fn from(row: Answer) -> Self {
        Self {
            answered_by: row.answered_by,
            is_approved: row.is_approved,
            reason: row.reason,
            answered_at: row.created_at,
        }
    }
}

#[ComplexObject]
impl Approval {
    /// What persons said, oldest first.
    async fn answers(&self, context: &Context<'_>) -> Result<Vec<ApprovalAnswer>> {
        let loader = RequestContext::of(context)?.agents()?;
        let found = loader.load_one(AnswersOf(self.verification)).await;
        let found = found.map_err(fault)?.unwrap_or_default();
        Ok(found.into_iter().map(ApprovalAnswer::from).collect())
    }

    /// The action's arguments, for those who may answer; they are kept while anything can come of the
    /// approval.
    async fn arguments(&self, context: &Context<'_>) -> Result<Option<Json<Value>>> {
        let request = RequestContext::of(context)?;
        let may_see = request.permit(Permission::Approve).is_ok();
        Ok(self.shown.clone().filter(|_| may_see).map(Json))
    }
}

/// A person's word that an agent may do something for a while without asking each time.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub(crate) struct ApprovalGrant {
    /// Global id.
    id: ID,
    /// Which actions, as a pattern.
    action: String,
    /// On which resources, as a pattern; null is all.
    resource: Option<String>,
    /// How often at most; null is any number of times.
    max_uses: Option<u32>,
    /// How often so far; counted only where that is limited.
    use_count: u32,
    /// Why.
    reason: String,
    /// By whom, as `user:<id>`.
    granted_by: String,
    /// Since when.
    created_at: DateTime<Utc>,
    /// Until when.
    expires_at: DateTime<Utc>,
    /// When it was taken back.
    revoked_at: Option<DateTime<Utc>>,
    #[graphql(skip)]
    agent_key: AgentId,
}

impl From<Row> for ApprovalGrant {
    fn from(row: Row) -> Self {
        Self {
            id: global_id("ApprovalGrant", row.id),
            action: row.grant.action.as_str().to_owned(),
            resource: row.grant.resource.map(|it| it.as_str().to_owned()),
            max_uses: row.max_uses,
            use_count: row.use_count,
            reason: row.reason,
            granted_by: row.granted_by,
            created_at: row.created_at,
            expires_at: row.grant.expires_at,
            revoked_at: row.revoked_at,
            agent_key: row.agent,
        }
    }
}

#[ComplexObject]
impl ApprovalGrant {
    /// For which agent.
    async fn agent(&self, context: &Context<'_>) -> Result<Option<Agent>> {
        let agents = RequestContext::of(context)?.agents()?;
        let found = agents.load_one(self.agent_key).await.map_err(fault)?;
        Ok(found.map(Agent::from))
    }
}

connection!(
    ApprovalGrantConnection,
    ApprovalGrantEdge,
    ApprovalGrant,
    Row,
    "ApprovalGrant"
);

/// What your organization wants of approvals.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct ApprovalSettings {
    /// How long an action waits for a person, in seconds; then it is denied.
    wait_seconds: u32,
    /// How long an approval may be presented, in seconds.
    use_seconds: u32,
    /// The risk from which on two different persons have to agree; null is never.
    two_persons_from: Option<RiskLevel>,
    /// Patterns of actions for which two different persons have to agree, whatever their risk.
    two_persons_for: Vec<String>,
}

impl From<Settings> for ApprovalSettings {
    fn from(settings: Settings) -> Self {
        let patterns = settings.two_persons_for.into_iter();
        Self {
            wait_seconds: settings.wait_seconds,
            use_seconds: settings.use_seconds,
            two_persons_from: settings.two_persons_from.map(Into::into),
            two_persons_for: patterns.map(|it| it.as_str().to_owned()).collect(),
        }
    }
}
