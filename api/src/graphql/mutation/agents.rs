//! Registering agents, changing what is said of them and their status, deleting them.

use aim_app::{RegisterAgent, StatusChange, UpdateAgent};
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::context::RequestContext;
use super::super::enums::AgentType;
use super::super::id::parse_id;
use super::super::types::Agent;
use super::super::user_error::payload;
use super::proof::ProofOfPossessionInput;
use super::register_payload::RegisterAgentPayload;

/// A new agent.
#[derive(Debug, InputObject)]
struct RegisterAgentInput {
    /// Name, unique in the organization: letters, digits and `. _ - / : @`, at most 128 bytes.
    name: String,
    /// What people call it; the name when left out.
    display_name: Option<String>,
    /// What it is for.
    description: Option<String>,
    /// What kind of program it is.
    #[graphql(default_with = "AgentType::Custom")]
    agent_type: AgentType,
    /// Its version.
    version: Option<String>,
    /// Where its source is.
    repository_url: Option<String>,
    /// Where its manual is.
    documentation_url: Option<String>,
    /// What it says it needs; declared is not granted.
    #[graphql(default)]
    declared_capabilities: Vec<String>,
    /// Servers it says it talks to.
    #[graphql(default)]
    talks_to: Vec<String>,
    /// Words that people sort agents by.
    #[graphql(default)]
    tags: Vec<String>,
    /// Ed25519 public key made by the client: its 32 bytes as base64url or base64. Needed, but for
    /// `generateKey`.
    public_key: Option<String>,
    /// Whether the server makes the key pair, for clients that cannot: its private half is in the answer,
    /// once, and kept nowhere. Not together with `publicKey` or `proofOfPossession`; the agent is
    /// `PENDING` until it answers a challenge.
    #[graphql(default)]
    generate_key: bool,
    /// Proof that the caller has the private key. Without it the agent is `PENDING` until it answers
    /// a challenge (`challengeAgent`, `verifyAgent`).
    proof_of_possession: Option<ProofOfPossessionInput>,
}

/// What is to be said of an agent; what is left out stays, an empty text takes it back.
#[derive(Debug, InputObject)]
struct UpdateAgentInput {
    /// Global id of the agent.
    agent_id: ID,
    /// What people call it.
    display_name: Option<String>,
    /// What it is for.
    description: Option<String>,
    /// What kind of program it is.
    agent_type: Option<AgentType>,
    /// Its version.
    version: Option<String>,
    /// Where its source is.
    repository_url: Option<String>,
    /// Where its manual is.
    documentation_url: Option<String>,
    /// What it says it needs, all of it; declared is not granted.
    declared_capabilities: Option<Vec<String>>,
    /// Servers it says it talks to, all of them.
    talks_to: Option<Vec<String>>,
    /// Words that people sort agents by, all of them.
    tags: Option<Vec<String>>,
}

macro_rules! status_input {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, InputObject)]
        struct $name {
            /// Global id of the agent.
            agent_id: ID,
            /// Why; kept in the audit trail.
            reason: String,
        }
    };
}

status_input!(/// Which agent to stop.
    SuspendAgentInput);
status_input!(/// Which agent to let act again.
    ReinstateAgentInput);
status_input!(/// Which agent to end.
    RevokeAgentInput);
status_input!(/// Which agent to delete.
    DeleteAgentInput);

payload!(SuspendAgentPayload, SuspendAgentError, /// The agent.
    agent: Agent);
payload!(ReinstateAgentPayload, ReinstateAgentError, /// The agent.
    agent: Agent);
payload!(RevokeAgentPayload, RevokeAgentError, /// The agent.
    agent: Agent);
payload!(UpdateAgentPayload, UpdateAgentError, /// The agent.
    agent: Agent);
payload!(DeleteAgentPayload, DeleteAgentError, /// The agent.
    agent: Agent);

async fn change(
    context: &Context<'_>,
    id: &ID,
    change: StatusChange,
    reason: &str,
) -> Result<std::result::Result<aim_store::agents::Agent, aim_app::AppError>> {
    let request = RequestContext::of(context)?;
    let permit = request.permit(Permission::ManageAgents)?;
    let id = parse_id("Agent", "agentId", id)?;
    Ok(request
        .app
        .change_agent_status(&permit, id, change, reason)
        .await)
}

/// Mutations of agents.
#[derive(Debug, Default)]
pub(crate) struct AgentMutations;

#[Object]
impl AgentMutations {
    /// Registers an agent with a key that its owner made, or with one that the server makes when asked
    /// to. Needs `MEMBER`.
    async fn register_agent(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The new agent.")] input: RegisterAgentInput,
    ) -> Result<RegisterAgentPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::RegisterAgent)?;
        let registration = RegisterAgent {
            name: input.name,
            display_name: input.display_name,
            description: input.description,
            agent_type: input.agent_type.into(),
            version: input.version,
            repository_url: input.repository_url,
            documentation_url: input.documentation_url,
            declared_capabilities: input.declared_capabilities,
            talks_to: input.talks_to,
            tags: input.tags,
            public_key: input.public_key,
            generate_key: input.generate_key,
            proof: input.proof_of_possession.map(Into::into),
        };
        RegisterAgentPayload::of(request.app.register_agent(&permit, registration).await)
    }

    /// Stops an agent for now. Needs `MANAGER`.
    async fn suspend_agent(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which agent, and why.")] input: SuspendAgentInput,
    ) -> Result<SuspendAgentPayload> {
        let outcome = change(
            context,
            &input.agent_id,
            StatusChange::Suspend,
            &input.reason,
        );
        SuspendAgentPayload::of(outcome.await?)
    }

    /// Lets a suspended or quarantined agent act again. Needs `MANAGER`.
    async fn reinstate_agent(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which agent, and why.")] input: ReinstateAgentInput,
    ) -> Result<ReinstateAgentPayload> {
        let outcome = change(
            context,
            &input.agent_id,
            StatusChange::Reinstate,
            &input.reason,
        );
        ReinstateAgentPayload::of(outcome.await?)
    }

    /// Ends an agent for ever, with its keys. Needs `MANAGER`.
    async fn revoke_agent(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which agent, and why.")] input: RevokeAgentInput,
    ) -> Result<RevokeAgentPayload> {
        let outcome = change(
            context,
            &input.agent_id,
            StatusChange::Revoke,
            &input.reason,
        );
        RevokeAgentPayload::of(outcome.await?)
    }
    /// Changes what is said of an agent; its name and its key stay. Needs `MANAGER`.
    async fn update_agent(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which agent, and what to say of it.")] input: UpdateAgentInput,
    ) -> Result<UpdateAgentPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageAgents)?;
        let id = parse_id("Agent", "agentId", &input.agent_id)?;
        let update = UpdateAgent {
            display_name: input.display_name,
            description: input.description,
            agent_type: input.agent_type.map(Into::into),
            version: input.version,
            repository_url: input.repository_url,
            documentation_url: input.documentation_url,
            declared_capabilities: input.declared_capabilities,
            talks_to: input.talks_to,
            tags: input.tags,
            ..UpdateAgent::default()
        };
        UpdateAgentPayload::of(request.app.update_agent(&permit, id, update).await)
    }

    /// Deletes an agent: it is revoked with its keys and leaves the lists; what it did stays on
    /// record, and its name stays taken. Needs `MANAGER`.
    async fn delete_agent(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which agent, and why.")] input: DeleteAgentInput,
    ) -> Result<DeleteAgentPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageAgents)?;
        let id = parse_id("Agent", "agentId", &input.agent_id)?;
        let outcome = request.app.delete_agent(&permit, id, &input.reason);
        DeleteAgentPayload::of(outcome.await)
    }
}
