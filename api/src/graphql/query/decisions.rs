//! Verifications.

use aim_domain::id::VerificationId;
use aim_domain::role::Permission;
use aim_store::verifications::VerificationFilter as Filter;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::connection::page;
use super::super::context::{RequestContext, fault};
use super::super::enums::{Decision, RiskLevel};
use super::super::id::parse_id;
use super::super::types::{Verification, VerificationConnection};

/// Which verifications.
#[derive(Debug, Default, InputObject)]
pub(super) struct VerificationFilter {
    /// Of this agent.
    agent_id: Option<ID>,
    /// With this answer.
    decision: Option<Decision>,
    /// Of this action.
    action: Option<String>,
    /// With this risk.
    risk: Option<RiskLevel>,
    /// About which this policy said something, also where it only watched. Not for agents.
    policy_id: Option<ID>,
}

impl VerificationFilter {
    /// What it means; for whom it is, is not looked at.
    pub(super) fn read(self) -> Result<Filter> {
        let agent = self.agent_id.as_ref();
        let agent = agent.map(|id| parse_id("Agent", "filter.agentId", id));
        let policy = self.policy_id.as_ref();
        let policy = policy.map(|id| parse_id("Policy", "filter.policyId", id));
        Ok(Filter {
            agent: agent.transpose()?,
            decision: self.decision.map(Into::into),
            action: self.action,
            policy: policy.transpose()?,
            risk: self.risk.map(Into::into),
            ..Filter::default()
        })
    }
}

/// Queries about decisions.
#[derive(Debug, Default)]
pub(crate) struct DecisionQueries;

#[Object]
impl DecisionQueries {
    /// A verification; null when there is none with this id in your organization. Needs `VIEWER`.
    async fn verification(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Global id.")] id: ID,
    ) -> Result<Option<Verification>> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let id: VerificationId = parse_id("Verification", "id", &id)?;
        let found = request
            .app
            .find_verification(&permit, id)
            .await
            .map_err(fault)?;
        Ok(found.map(Verification::from))
    }

    /// Verifications, newest first. Needs `VIEWER`.
    async fn verifications(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which ones; all when left out.")] filter: Option<VerificationFilter>,
    ) -> Result<VerificationConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("Verification", first, after, last, before)?;
        let filter = filter.unwrap_or_default();
        if filter.policy_id.is_some() {
            request.permit(Permission::ReadPolicies)?;
        }
        let filter = filter.read()?;
        Ok(request
            .app
            .list_verifications(&permit, &filter, page)
            .await
            .map_err(fault)?
            .into())
    }
}
