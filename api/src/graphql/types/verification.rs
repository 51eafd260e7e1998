//! Verifications.

use aim_domain::id::AgentId;
use aim_domain::policy::PolicyHit;
use aim_domain::role::Permission;
use aim_domain::verification::Reason as DomainReason;
use aim_store::verifications::Verification as Row;
use async_graphql::{ComplexObject, Context, ID, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::connection::connection;
use super::super::context::{RequestContext, fault};
use super::super::enums::{ActionOutcome, Decision, Obligation, ReasonCode, RiskLevel};
use super::super::id::global_id;
use super::{Agent, Approval, PolicyMatch};

/// Our recorded answer to "may it?".
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub(crate) struct Verification {
    /// Global id.
    pub(crate) id: ID,
    /// What the agent wants to do.
    action: String,
    /// On what.
    resource: Option<String>,
    /// The risk that counted: the higher of the declared one and the action's own.
    risk: RiskLevel,
    /// The answer.
    decision: Decision,
    /// Why; at least one.
    reasons: Vec<Reason>,
    /// What the agent owes.
    obligations: Vec<Obligation>,
    /// Trust at the time, 0 to 1; null while `UNSCORED`.
    trust_score: Option<f64>,
    /// The run.
    session: Option<String>,
    /// The job.
    task: Option<String>,
    /// What the caller named the request.
    idempotency_key: Option<String>,
    /// When it was decided.
    created_at: DateTime<Utc>,
    /// Until when the answer may be acted on.
    expires_at: DateTime<Utc>,
    /// Who answered, when a person had to, as `user:<id>`.
    decided_by: Option<String>,
    /// When they did.
    decided_at: Option<DateTime<Utc>>,
    /// How the action ended, once reported.
    outcome: Option<ActionOutcome>,
    /// When that was reported.
    outcome_at: Option<DateTime<Utc>>,
    /// How long the action took, in milliseconds.
    duration_ms: Option<i64>,
    /// SHA-256 of the whole action as canonical JSON (RFC 8785), in hexadecimal digits: what an approval
    /// is bound to.
    action_digest: String,
    /// Where persons had to agree: how far that is.
    approval: Option<Approval>,
    #[graphql(skip)]
    agent_key: AgentId,
    #[graphql(skip)]
    hits: Vec<PolicyHit>,
}

/// One reason of a decision.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct Reason {
    /// For programs.
    code: ReasonCode,
    /// For people: names the fact, and what would have changed the answer.
    message: String,
}

impl From<DomainReason> for Reason {
    fn from(reason: DomainReason) -> Self {
        Self {
            code: reason.code.into(),
            message: reason.message,
        }
    }
}

impl From<Row> for Verification {
    fn from(row: Row) -> Self {
        Self {
            id: global_id("Verification", row.id),
            agent_key: row.agent,
            action: row.action,
            resource: row.resource,
            risk: row.risk.into(),
            decision: row.decision.into(),
            reasons: row.reasons.into_iter().map(Reason::from).collect(),
            obligations: row.obligations.into_iter().map(Obligation::from).collect(),
            trust_score: row.trust.map(aim_domain::trust::TrustScore::as_fraction),
            session: row.session,
            task: row.task,
            idempotency_key: row.idempotency_key,
            created_at: row.created_at,
            expires_at: row.expires_at,
            decided_by: row.decided_by,
            decided_at: row.decided_at,
            outcome: row.outcome.map(ActionOutcome::from),
            outcome_at: row.outcome_at,
            duration_ms: row.duration_ms,
            action_digest: aim_domain::digest::hex(&row.action_digest),
            approval: row.approval.map(|it| Approval::of(row.id, it)),
            hits: row.policies,
        }
    }
}

#[ComplexObject]
impl Verification {
    /// The policies that matched, those that counted first; of each mode and effect the first four.
    /// Null for agents, who read of those that counted in `reasons`.
    async fn policies(&self, context: &Context<'_>) -> Result<Option<Vec<PolicyMatch>>> {
        let request = RequestContext::of(context)?;
        let may_read = request.permit(Permission::ReadPolicies).is_ok();
        let matches = || self.hits.iter().cloned().map(PolicyMatch::from).collect();
        Ok(may_read.then(matches))
    }

    /// Who asked.
    async fn agent(&self, context: &Context<'_>) -> Result<Option<Agent>> {
        let agents = RequestContext::of(context)?.agents()?;
        Ok(agents
            .load_one(self.agent_key)
            .await
            .map_err(fault)?
            .map(Agent::from))
    }
}

connection!(
    VerificationConnection,
    VerificationEdge,
    Verification,
    Row,
    "Verification"
);
