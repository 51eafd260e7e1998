//! Reporting agents that were seen, and answering such reports.

use aim_app::{AdoptAgent, SightedAgent};
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::context::RequestContext;
use super::super::enums::AgentType;
use super::super::id::parse_id;
use super::super::sighting_enums::AgentSightingMethod;
use super::super::types::{AgentReport, AgentSighting};
use super::super::user_error::payload;
use super::register_payload::AdoptAgentSightingPayload;

/// An agent that was seen.
#[derive(Debug, InputObject)]
struct AgentSightingInput {
    /// What it is called: letters, digits and `. _ - / : @`, at most 128 bytes.
    name: String,
    /// Its Ed25519 public key, where that is known: 32 bytes as base64url or base64.
    public_key: Option<String>,
    /// How it was seen.
    method: AgentSightingMethod,
    /// How sure you are, 0 to 1.
    confidence: f64,
    /// What it was found in, such as a repository or a cluster, at most 128 bytes.
    source: Option<String>,
}

/// What was seen.
#[derive(Debug, InputObject)]
struct ReportAgentsInput {
    /// The agents, 1 to 100.
    agents: Vec<AgentSightingInput>,
}

/// Which agent of the inbox to register.
#[derive(Debug, InputObject)]
struct AdoptAgentSightingInput {
    /// Global id of the sighting.
    agent_sighting_id: ID,
    /// The name to register it by; the one that it was seen by when left out.
    name: Option<String>,
    /// What kind of program it is.
    #[graphql(default_with = "AgentType::Custom")]
    agent_type: AgentType,
    /// Its public key where the inbox does not have it: 32 bytes as base64url or base64, with the thumbprint
    /// that it was seen with, if it was.
    public_key: Option<String>,
    /// Whether the server makes it a new key pair instead, as with `registerAgent`.
    #[graphql(default)]
    generate_key: bool,
}

/// Which agent of the inbox to leave alone.
#[derive(Debug, InputObject)]
struct DismissAgentSightingInput {
    /// Global id of the sighting.
    agent_sighting_id: ID,
    /// Why; kept with it and in the audit trail.
    reason: String,
}

payload!(ReportAgentsPayload, ReportAgentsError, /// What became of the report.
    report: AgentReport);
payload!(DismissAgentSightingPayload, DismissAgentSightingError, /// The sighting.
    agent_sighting: AgentSighting);

impl From<AgentSightingInput> for SightedAgent {
    fn from(input: AgentSightingInput) -> Self {
        Self {
            name: input.name,
            public_key: input.public_key,
            method: input.method.into(),
            confidence: input.confidence,
            source: input.source,
        }
    }
}

/// Mutations of the discovery inbox of agents.
#[derive(Debug, Default)]
pub(crate) struct AgentSightingMutations;

#[Object]
impl AgentSightingMutations {
    /// Says which agents were seen, in programs, on platforms or by those they talked to. Those that nobody
    /// registered wait in the discovery inbox: a report registers nothing. For agents, too, by their
    /// signature. Needs `MEMBER`.
    async fn report_agents(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What was seen.")] input: ReportAgentsInput,
    ) -> Result<ReportAgentsPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ReportAgents)?;
        let seen = input.agents.into_iter().map(SightedAgent::from).collect();
        let (app, actor) = (&request.app, &request.actor);
        ReportAgentsPayload::of(app.report_agents(actor, &permit, seen).await)
    }

    /// Registers an agent of the discovery inbox; it is `PENDING` until it answers a challenge, like any
    /// other. Needs `MEMBER`.
    async fn adopt_agent_sighting(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which, and how.")] input: AdoptAgentSightingInput,
    ) -> Result<AdoptAgentSightingPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::RegisterAgent)?;
        let id = &input.agent_sighting_id;
        let adopted = AdoptAgent {
            sighting: parse_id("AgentSighting", "agentSightingId", id)?,
            name: input.name,
            agent_type: input.agent_type.into(),
            public_key: input.public_key,
            generate_key: input.generate_key,
        };
        let outcome = request.app.adopt_agent_sighting(&permit, adopted);
        AdoptAgentSightingPayload::of(outcome.await)
    }

    /// Leaves an agent of the discovery inbox alone; it does not come back, and may do nothing as before.
    /// Needs `MANAGER`.
    async fn dismiss_agent_sighting(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which, and why.")] input: DismissAgentSightingInput,
    ) -> Result<DismissAgentSightingPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageAgents)?;
        let id = &input.agent_sighting_id;
        let id = parse_id("AgentSighting", "agentSightingId", id)?;
        let app = &request.app;
        let outcome = app.dismiss_agent_sighting(&permit, id, input.reason);
        DismissAgentSightingPayload::of(outcome.await)
    }
}
