//! Approvals: the inbox, and waiting for an answer.

use aim_app::{AWAIT_SECONDS_MAX, Actor};
use aim_domain::id::VerificationId;
use aim_domain::role::Permission;
use aim_domain::scope::Scope;
use aim_store::approval_grants::ApprovalGrantFilter as GrantFilter;
use aim_store::verifications::VerificationFilter as Filter;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::connection::page;
use super::super::context::{RequestContext, fault};
use super::super::enums::{ApprovalStatus, RiskLevel};
use super::super::id::parse_id;
use super::super::types::{
    ApprovalGrantConnection, ApprovalSettings, Verification, VerificationConnection,
};

/// Which approvals.
#[derive(Debug, Default, InputObject)]
pub(super) struct ApprovalFilter {
    /// This far, such as `PENDING` for what waits for a person.
    status: Option<ApprovalStatus>,
    /// Of this agent.
    agent_id: Option<ID>,
    /// Of this action.
    action: Option<String>,
    /// With this risk.
    risk: Option<RiskLevel>,
}

impl ApprovalFilter {
    /// What it means.
    pub(super) fn read(self) -> Result<Filter> {
        let agent = self.agent_id.as_ref();
        let agent = agent.map(|id| parse_id("Agent", "filter.agentId", id));
        Ok(Filter {
            agent: agent.transpose()?,
            action: self.action,
            risk: self.risk.map(Into::into),
            needs_person: true,
            approval: self.status.map(Into::into),
            ..Filter::default()
        })
    }
}

/// Which grants of approval.
#[derive(Debug, Default, InputObject)]
struct ApprovalGrantFilter {
    /// For this agent.
    agent_id: Option<ID>,
    /// Only those that are good for something now, or with `false` those that are not any more.
    is_live: Option<bool>,
}

/// Queries about approvals.
#[derive(Debug, Default)]
pub(crate) struct ApprovalQueries;

#[Object]
impl ApprovalQueries {
    /// Verifications that needed persons to agree, newest first; the inbox with `status: PENDING`. Needs
    /// `VIEWER`.
    async fn approvals(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which ones; all when left out.")] filter: Option<ApprovalFilter>,
    ) -> Result<VerificationConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("Verification", first, after, last, before)?;
        let filter = filter.unwrap_or_default().read()?;
        let found = request.app.list_verifications(&permit, &filter, page);
        Ok(found.await.map_err(fault)?.into())
    }

    /// A verification as soon as no person has to answer it any more, or as it is when the time is over:
    /// to wait for an answer without a subscription. Null when there is none with this id; an
    /// agent sees its own only. Needs `VIEWER`.
    async fn await_approval(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Global id of the verification.")] verification_id: ID,
        #[graphql(desc = "How long to wait, at most 8 seconds.", default = 8)] wait_seconds: u32,
    ) -> Result<Option<Verification>> {
        let request = RequestContext::of(context)?;
        let (scope, agent) = match &request.actor {
            // With a token, too: it is good for asking, and for hearing what came of it.
            Actor::Agent(agent) if agent.token.is_some() => {
                agent.refuse_dead_key().map_err(fault)?;
                (Scope::of(agent.organization), Some(agent.agent))
            }
            Actor::Agent(agent) => {
                let permit = request.permit(Permission::Read)?;
                (permit.scope(), Some(agent.agent))
            }
            _ => (request.permit(Permission::Read)?.scope(), None),
        };
        let id: VerificationId = parse_id("Verification", "verificationId", &verification_id)?;
        let seconds = wait_seconds.min(AWAIT_SECONDS_MAX);
        let found = request.app.await_approval(scope, agent, id, seconds);
        Ok(found.await.map_err(fault)?.map(Verification::from))
    }

    /// What persons agreed to beforehand, newest first. Needs `VIEWER`.
    async fn approval_grants(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which ones; all when left out.")] filter: Option<ApprovalGrantFilter>,
    ) -> Result<ApprovalGrantConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("ApprovalGrant", first, after, last, before)?;
        let filter = filter.unwrap_or_default();
        let agent = filter.agent_id.as_ref();
        let filter = GrantFilter {
            agent: agent
                .map(|id| parse_id("Agent", "filter.agentId", id))
                .transpose()?,
            is_live: filter.is_live,
        };
        let found = request.app.list_approval_grants(&permit, &filter, page);
        Ok(found.await.map_err(fault)?.into())
    }

    /// What your organization wants of approvals. Needs `VIEWER`.
    async fn approval_settings(&self, context: &Context<'_>) -> Result<ApprovalSettings> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let found = request.app.get_approval_settings(&permit);
        Ok(found.await.map_err(fault)?.into())
    }
}
