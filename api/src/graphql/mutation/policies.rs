//! Saying what holds beyond grants.

use aim_app::{ApplyPolicies, PublishPolicy};
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::context::RequestContext;
use super::super::enums::PolicyMode;
use super::super::id::parse_id;
use super::super::policy_input::PolicyTextInput;
use super::super::types::{Policy, PolicyChange};
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

/// A document of policies, and what to do with it.
#[derive(Debug, InputObject)]
struct ApplyPoliciesInput {
    /// The document, as `policyBundle` gives it: JSON.
    bundle: String,
    /// Whether policies are put away that it does not name.
    #[graphql(default)]
    archives_others: bool,
    /// Whether only to say what would change.
    #[graphql(default)]
    is_dry_run: bool,
    /// Why; kept with each version and in the audit trail.
    reason: String,
}

payload!(ApplyPoliciesPayload, ApplyPoliciesError, /// What became of each policy, or would, what is put away first.
    changes: Vec<PolicyChange>);
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

    /// Makes the policies what a document says, all of it or nothing; applied again, it changes nothing.
    /// Policies are told by name. Needs `ADMIN`.
    async fn apply_policies(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The document, what to do with it, and why.")] input: ApplyPoliciesInput,
    ) -> Result<ApplyPoliciesPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManagePolicies)?;
        let input = ApplyPolicies {
            bundle: input.bundle,
            archives_others: input.archives_others,
            is_dry_run: input.is_dry_run,
            reason: input.reason,
        };
        let outcome = request.app.apply_policies(&permit, input).await;
        let changes = |all: Vec<_>| all.into_iter().map(PolicyChange::from);
        ApplyPoliciesPayload::of(outcome.map(|all| changes(all).collect::<Vec<_>>()))
    }
}
