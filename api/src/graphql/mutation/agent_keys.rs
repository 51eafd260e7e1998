//! Exchanging and revoking agents' keys, and proving that an agent has its key.

use aim_app::RotateAgentKey;
use aim_domain::agent_key::KeyPolicy as Policy;
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::context::RequestContext;
use super::super::id::parse_id;
use super::super::types::{Agent, AgentChallenge, AgentKey, KeyPolicy};
use super::super::user_error::payload;
use super::proof::{ProofOfPossessionInput, signature_bytes};

/// A new key for an agent.
#[derive(Debug, InputObject)]
struct RotateAgentKeyInput {
    /// Global id of the agent.
    agent_id: ID,
    /// Its new Ed25519 public key, made by the client: its 32 bytes as base64url or base64.
    public_key: String,
    /// Signature by the new key over five lines: `aim-rotate-v1`, the organization's UUID, the
    /// agent's UUID, the new public key in base64url, `created`.
    proof_of_possession: ProofOfPossessionInput,
    /// How long the keys before are still good, at most 604800 s; the organization's policy when left
    /// out.
    grace_seconds: Option<u32>,
    /// Why; kept in the audit trail.
    reason: Option<String>,
}

/// Which key to end.
#[derive(Debug, InputObject)]
struct RevokeAgentKeyInput {
    /// Global id of the key.
    key_id: ID,
    /// Why; kept in the audit trail.
    reason: String,
}

/// What to want of keys.
#[derive(Debug, InputObject)]
struct SetKeyPolicyInput {
    /// Days until a new key expires, 1 to 730.
    #[graphql(default = 90)]
    life_days: u16,
    /// How long a key that was exchanged is still good, at most 604800 s.
    #[graphql(default = 86_400)]
    grace_seconds: u32,
    /// How many days before the end to remind; at most ten.
    #[graphql(default_with = "vec![14, 7, 1]")]
    reminder_days: Vec<u16>,
    /// Whether an agent whose last key has ended is suspended.
    #[graphql(default = true)]
    suspends_expired: bool,
}

/// Which agent is to prove that it has its key.
#[derive(Debug, InputObject)]
struct ChallengeAgentInput {
    /// Global id of the agent.
    agent_id: ID,
}

/// The answer to a challenge.
#[derive(Debug, InputObject)]
struct VerifyAgentInput {
    /// Global id of the agent.
    agent_id: ID,
    /// Ed25519 signature over the challenge's text, base64 or base64url.
    signature: String,
}

payload!(RotateAgentKeyPayload, RotateAgentKeyError, /// The agent.
    agent: Agent);
payload!(RevokeAgentKeyPayload, RevokeAgentKeyError, /// The key.
    key: AgentKey);
payload!(SetKeyPolicyPayload, SetKeyPolicyError, /// What is wanted from now on.
    key_policy: KeyPolicy);
payload!(ChallengeAgentPayload, ChallengeAgentError, /// What to sign.
    challenge: AgentChallenge);
payload!(VerifyAgentPayload, VerifyAgentError, /// The agent.
    agent: Agent);

/// Mutations of agents' keys.
#[derive(Debug, Default)]
pub(crate) struct AgentKeyMutations;

#[Object]
impl AgentKeyMutations {
    /// Gives an agent a new key; the ones before end with the overlap. An agent does it for itself by
    /// a request that is signed with the key that goes; each key has one successor. Needs `MANAGER`.
    async fn rotate_agent_key(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Whose key, and the new one.")] input: RotateAgentKeyInput,
    ) -> Result<RotateAgentKeyPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::RotateKeys)?;
        let rotation = RotateAgentKey {
            agent: parse_id("Agent", "agentId", &input.agent_id)?,
            public_key: input.public_key,
            proof: input.proof_of_possession.into(),
            grace_seconds: input.grace_seconds,
            reason: input.reason,
        };
        let app = &request.app;
        let outcome = app.rotate_agent_key(&request.actor, &permit, rotation);
        RotateAgentKeyPayload::of(outcome.await)
    }

    /// Ends a key at once, on every node within a second. Needs `MANAGER`.
    async fn revoke_agent_key(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which key, and why.")] input: RevokeAgentKeyInput,
    ) -> Result<RevokeAgentKeyPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageAgents)?;
        let id = parse_id("AgentKey", "keyId", &input.key_id)?;
        let outcome = request.app.revoke_agent_key(&permit, id, input.reason);
        RevokeAgentKeyPayload::of(outcome.await)
    }

    /// Sets how long keys live and overlap, and when to remind; keys that are there keep their ends.
    /// Needs `ADMIN`.
    async fn set_key_policy(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What to want of keys.")] input: SetKeyPolicyInput,
    ) -> Result<SetKeyPolicyPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageSettings)?;
        let policy = Policy {
            life_days: input.life_days,
            grace_seconds: input.grace_seconds,
            reminder_days: input.reminder_days,
            suspends_expired: input.suspends_expired,
        };
        SetKeyPolicyPayload::of(request.app.set_key_policy(&permit, policy).await)
    }

    /// Makes a challenge for an agent that was registered without a proof; the one before is void.
    /// Needs `MEMBER`.
    async fn challenge_agent(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which agent.")] input: ChallengeAgentInput,
    ) -> Result<ChallengeAgentPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::RegisterAgent)?;
        let id = parse_id("Agent", "agentId", &input.agent_id)?;
        ChallengeAgentPayload::of(request.app.challenge_agent(&permit, id).await)
    }

    /// Makes a `PENDING` agent `VERIFIED` by its signature over the challenge. Needs `MEMBER`.
    async fn verify_agent(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which agent, and what it signed.")] input: VerifyAgentInput,
    ) -> Result<VerifyAgentPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::RegisterAgent)?;
        let id = parse_id("Agent", "agentId", &input.agent_id)?;
        let signature = signature_bytes(&input.signature);
        let outcome = request.app.verify_agent(&permit, id, &signature);
        VerifyAgentPayload::of(outcome.await)
    }
}
