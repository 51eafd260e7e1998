//! Asking what would be decided, and why something was.

use aim_app::{SimulateAction, VerifyAction};
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Json, Object, Result};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::super::context::{RequestContext, fault};
use super::super::enums::RiskLevel;
use super::super::id::parse_id;
use super::super::types::{ActionSimulation, VerificationExplanation};

/// An action that nobody asks for.
#[derive(Debug, InputObject)]
struct SimulateActionInput {
    /// Global id of the agent that would ask.
    agent_id: ID,
    /// The action, as in `verifyAction`.
    action: String,
    /// What it would be done to.
    resource: Option<String>,
    /// Its arguments, a JSON object.
    arguments: Option<Json<Map<String, Value>>>,
    /// What the agent would say of its risk.
    risk_level: Option<RiskLevel>,
    /// When it would ask; now when left out. Grants, keys and hours are seen as of then, all else as it
    /// is.
    at: Option<DateTime<Utc>>,
    /// The IP address it would ask from; not known when left out.
    address: Option<String>,
}

/// Queries about decisions that nobody waits for.
#[derive(Debug, Default)]
pub(crate) struct SimulationQueries;

#[Object]
impl SimulationQueries {
    /// What would be decided about an action; null when there is no such agent in your organization.
    /// Nothing is written, and nobody is told. Not for agents. Needs `VIEWER`.
    async fn simulate_action(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Who would ask for what, when, from where.")] input: SimulateActionInput,
    ) -> Result<Option<ActionSimulation>> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ReadPolicies)?;
        let input = SimulateAction {
            agent: parse_id("Agent", "agentId", &input.agent_id)?,
            action: VerifyAction {
                action: input.action,
                resource: input.resource,
                arguments: input.arguments.map(|json| json.0).unwrap_or_default(),
                declared_risk: input.risk_level.map(Into::into),
                ..VerifyAction::default()
            },
            at: input.at,
            address: input.address,
        };
        let verdict = request.app.simulate_action(&permit, input).await;
        Ok(verdict.map_err(fault)?.map(ActionSimulation::from))
    }

    /// Why a verification came out as it did, which policies matched with which text, and what would
    /// come out now; null when there is none with this id in your organization. Not for agents. Needs
    /// `VIEWER`.
    async fn explain_verification(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Global id of the verification.")] id: ID,
    ) -> Result<Option<VerificationExplanation>> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ReadPolicies)?;
        let id = parse_id("Verification", "id", &id)?;
        let found = request.app.explain_verification(&permit, id).await;
        Ok(found.map_err(fault)?.map(VerificationExplanation::from))
    }
}
