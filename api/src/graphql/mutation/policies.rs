//! Saying what holds beyond grants.

use aim_app::PublishPolicy;
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::context::RequestContext;
use super::super::enums::PolicyMode;
use super::super::id::parse_id;
use super::super::policy_input::PolicyTextInput;
use super::super::types::Policy;
use super::super::user_error::payload;

/// What shall be published.
#[derive(Debug, InputObject)]
struct PublishPolicyInput {
    /// Global id of the policy that says so from now on; a new one when left out.
    policy_id: Option<ID>,
    /// What it says.
    text: PolicyTextInput,
    /// How it counts; as before when left out, and `SHADOW` for a new one.
    mode: Option<PolicyMode>,
    /// Why; kept with the version and in the audit trail.
    reason: String,
}

/// How a policy shall count.
#[derive(Debug, InputObject)]
struct ChangePolicyModeInput {
    /// Global id of the policy.
    policy_id: ID,
    /// How it counts from now on.
    mode: PolicyMode,
    /// Why; kept in the audit trail.
    reason: String,
}

/// Which policy to put away.
#[derive(Debug, InputObject)]
struct ArchivePolicyInput {
    /// Global id of the policy.
    policy_id: ID,
    /// Why; kept in the audit trail.
    reason: String,
}

payload!(PublishPolicyPayload, PublishPolicyError, /// What counts from now on.
    policy: Policy);
payload!(ChangePolicyModePayload, ChangePolicyModeError, /// The policy.
    policy: Policy);
payload!(ArchivePolicyPayload, ArchivePolicyError, /// What was put away.
    policy: Policy);

/// Mutations of policies.
#[derive(Debug, Default)]
pub(crate) struct PolicyMutations;

#[Object]
impl PolicyMutations {
    /// Publishes a policy, or the next version of one; texts never change. It counts for the next
    /// decision. Needs `ADMIN`.
    async fn publish_policy(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What it says, and why.")] input: PublishPolicyInput,
    ) -> Result<PublishPolicyPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManagePolicies)?;
        let id = input.policy_id.as_ref();
        let input = PublishPolicy {
            policy: id
                .map(|id| parse_id("Policy", "policyId", id))
                .transpose()?,
            draft: input.text.draft()?,
            mode: input.mode.map(Into::into),
            reason: input.reason,
        };
        PublishPolicyPayload::of(request.app.publish_policy(&permit, input).await)
    }

    /// Says how a policy counts: enforced, only watching, or not at all. Needs `ADMIN`.
    async fn change_policy_mode(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which policy, how it counts, and why.")] input: ChangePolicyModeInput,
    ) -> Result<ChangePolicyModePayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManagePolicies)?;
        let id = parse_id("Policy", "policyId", &input.policy_id)?;
        let app = &request.app;
        let outcome = app.change_policy_mode(&permit, id, input.mode.into(), input.reason);
        ChangePolicyModePayload::of(outcome.await)
    }

    /// Puts a policy away for ever. Its versions can still be read, its name is free again. Needs
    /// `ADMIN`.
    async fn archive_policy(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which policy, and why.")] input: ArchivePolicyInput,
    ) -> Result<ArchivePolicyPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManagePolicies)?;
        let id = parse_id("Policy", "policyId", &input.policy_id)?;
        let outcome = request.app.archive_policy(&permit, id, input.reason);
        ArchivePolicyPayload::of(outcome.await)
    }
}
