//! People and the organization.

use aim_app::UpdateOrganization;
use aim_domain::people::PersonChange;
use aim_domain::role::Permission;
use aim_store::members::Member;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::context::RequestContext;
use super::super::enums::Role;
use super::super::id::parse_id;
use super::super::types::{Organization, UserAccount};
use super::super::user_error::payload;

/// Another role for a person.
#[derive(Debug, InputObject)]
struct UpdateUserRoleInput {
    /// Who.
    user_id: ID,
    /// What they may do from now on; at most your own role.
    role: Role,
    /// Why; kept in the audit trail.
    reason: String,
}

/// Whom to shut out.
#[derive(Debug, InputObject)]
struct DeactivateUserInput {
    /// Who.
    user_id: ID,
    /// Why; kept in the audit trail.
    reason: String,
}

/// Whom to let in again.
#[derive(Debug, InputObject)]
struct ActivateUserInput {
    /// Who.
    user_id: ID,
    /// Why; kept in the audit trail.
    reason: String,
}

/// Whom to remove for ever.
#[derive(Debug, InputObject)]
struct RemoveUserInput {
    /// Who.
    user_id: ID,
    /// Why; kept in the audit trail.
    reason: String,
}

/// What shall hold for your organization; what is left out stays as it is.
#[derive(Debug, InputObject)]
struct UpdateOrganizationSettingsInput {
    /// Its name.
    name: Option<String>,
    /// Most agents that are not revoked.
    max_agents: Option<u32>,
    /// Most people who may sign in.
    max_users: Option<u32>,
    /// Most API keys and SDK tokens together.
    max_program_credentials: Option<u32>,
    /// How long a session lasts at most, between 15 minutes and 90 days.
    session_life_seconds: Option<u32>,
    /// How long a session lasts without use, between 15 minutes and 90 days.
    session_idle_seconds: Option<u32>,
    /// Longest life of an API key or SDK token, in days.
    credential_life_days: Option<u32>,
    /// Least characters of a new password, between 12 and 64.
    password_min_chars: Option<u32>,
    /// Why; kept in the audit trail.
    reason: String,
}

payload!(UpdateUserRolePayload, UpdateUserRoleError, /// The person as they are now.
    user: UserAccount);
payload!(DeactivateUserPayload, DeactivateUserError, /// The person as they are now.
    user: UserAccount);
payload!(ActivateUserPayload, ActivateUserError, /// The person as they are now.
    user: UserAccount);
payload!(RemoveUserPayload, RemoveUserError, /// The person as they were.
    user: UserAccount);
payload!(UpdateOrganizationSettingsPayload, UpdateOrganizationSettingsError,
    /// The organization as it is now.
    organization: Organization);

async fn change(
    context: &Context<'_>,
    user: &ID,
    change: PersonChange,
    reason: String,
) -> Result<Result<Member, aim_app::AppError>> {
    let request = RequestContext::of(context)?;
    let permit = request.permit(Permission::ManagePeople)?;
    let id = parse_id("User", "userId", user)?;
    let app = &request.app;
    Ok(app
        .change_person(&permit, request.person()?, id, change, reason)
        .await)
}

/// Mutations of people and of the organization.
#[derive(Debug, Default)]
pub(crate) struct PeopleMutations;

#[Object]
impl PeopleMutations {
    /// Gives a person another role. Nobody raises anybody above themselves, changes their own role or
    /// takes an organization's last owner. Needs `ADMIN`.
    async fn update_user_role(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Who, which role, and why.")] input: UpdateUserRoleInput,
    ) -> Result<UpdateUserRolePayload> {
        let to = PersonChange::Role(input.role.into());
        let outcome = change(context, &input.user_id, to, input.reason).await?;
        UpdateUserRolePayload::of(outcome)
    }

    /// Shuts a person out: their sessions and SDK tokens end at once, their API keys do nothing until
    /// they are activated. Needs `ADMIN`.
    async fn deactivate_user(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Who, and why.")] input: DeactivateUserInput,
    ) -> Result<DeactivateUserPayload> {
        let to = PersonChange::Deactivate;
        let outcome = change(context, &input.user_id, to, input.reason).await?;
        DeactivateUserPayload::of(outcome)
    }

    /// Lets a person sign in again; what ended stays ended. Needs `ADMIN`.
    async fn activate_user(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Who, and why.")] input: ActivateUserInput,
    ) -> Result<ActivateUserPayload> {
        let to = PersonChange::Activate;
        let outcome = change(context, &input.user_id, to, input.reason).await?;
        ActivateUserPayload::of(outcome)
    }

    /// Removes a person for ever, with their name, e-mail address, sessions, SDK tokens and API keys.
    /// What they did stays in the audit trail. Needs `ADMIN`.
    async fn remove_user(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Who, and why.")] input: RemoveUserInput,
    ) -> Result<RemoveUserPayload> {
        let to = PersonChange::Remove;
        let outcome = change(context, &input.user_id, to, input.reason).await?;
        RemoveUserPayload::of(outcome)
    }

    /// Sets name and limits of your organization. A lower limit takes nothing away from what is there;
    /// it refuses more. Needs `OWNER`.
    async fn update_organization_settings(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What to change, and why.")] input: UpdateOrganizationSettingsInput,
    ) -> Result<UpdateOrganizationSettingsPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageOrganization)?;
        let input = UpdateOrganization {
            name: input.name,
            max_agents: input.max_agents,
            max_users: input.max_users,
            max_program_credentials: input.max_program_credentials,
            session_life_seconds: input.session_life_seconds,
            session_idle_seconds: input.session_idle_seconds,
            credential_life_days: input.credential_life_days,
            password_min_chars: input.password_min_chars,
            reason: input.reason,
        };
        let outcome = request.app.update_organization(&permit, input).await;
        UpdateOrganizationSettingsPayload::of(outcome)
    }
}
