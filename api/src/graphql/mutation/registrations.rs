//! Asking to join an organization, and letting people in.

use aim_domain::join::JoinSettings as Settings;
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::context::RequestContext;
use super::super::enums::Role;
use super::super::id::parse_id;
use super::super::types::{JoinSettings, Registration};
use super::super::user_error::payload;

/// Who asks to join what.
#[derive(Debug, InputObject)]
struct RegisterAccountInput {
    /// The short name of the organization, as its people told you.
    organization_slug: String,
    /// Your e-mail address.
    email: String,
    /// Your name.
    name: String,
}

/// Whose address it is.
#[derive(InputObject)]
struct ConfirmRegistrationInput {
    /// The token of the letter.
    token: String,
    /// Your password: 12 characters or more.
    password: String,
}

/// Whom to let in.
#[derive(Debug, InputObject)]
struct ApproveRegistrationInput {
    /// Global id of the registration.
    registration_id: ID,
    /// As what; at most your own role.
    role: Role,
}

/// Whom not to let in.
#[derive(Debug, InputObject)]
struct RejectRegistrationInput {
    /// Global id of the registration.
    registration_id: ID,
    /// Why; kept in the audit trail. They are not told.
    reason: String,
}

/// How people may join.
#[derive(Debug, InputObject)]
struct ChangeJoinSettingsInput {
    /// Whether people may ask to be let in. An administrator decides each time.
    is_registration_open: bool,
    /// Only with an address of this domain; any when left out. It never lets anybody in by itself.
    registration_domain: Option<String>,
}

payload!(RegisterAccountPayload, RegisterAccountError, /// That a letter goes out if you may ask; whether you may is not said.
    is_requested: bool);
payload!(ConfirmRegistrationPayload, ConfirmRegistrationError, /// That an administrator decides now.
    is_pending: bool);
payload!(ApproveRegistrationPayload, ApproveRegistrationError, /// The registration.
    registration: Registration);
payload!(RejectRegistrationPayload, RejectRegistrationError, /// The registration.
    registration: Registration);
payload!(ChangeJoinSettingsPayload, ChangeJoinSettingsError, /// What counts from now on.
    join_settings: JoinSettings);

/// Mutations of registrations.
#[derive(Debug, Default)]
pub(crate) struct RegistrationMutations;

#[Object]
impl RegistrationMutations {
    /// Asks to join an organization. If it takes such requests, a letter goes to the address, with
    /// which its owner goes on; the answer is the same if not, and if the address has an account.
    /// For everybody.
    async fn register_account(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Who asks to join what.")] input: RegisterAccountInput,
    ) -> Result<RegisterAccountPayload> {
        let request = RequestContext::of(context)?;
        let outcome = request
            .app
            .register_account(&input.organization_slug, &input.email, &input.name)
            .await;
        RegisterAccountPayload::of(outcome.map(|()| true))
    }

    /// Shows that the address is yours and chooses your password; then an administrator decides.
    /// A token is good once, for a day. For everybody.
    async fn confirm_registration(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The token and your password.")] input: ConfirmRegistrationInput,
    ) -> Result<ConfirmRegistrationPayload> {
        let request = RequestContext::of(context)?;
        let outcome = request
            .app
            .confirm_registration(&input.token, &input.password, &request.request_id)
            .await;
        ConfirmRegistrationPayload::of(outcome.map(|_| true))
    }

    /// Lets somebody in. Needs `ADMIN`.
    async fn approve_registration(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Whom, and as what.")] input: ApproveRegistrationInput,
    ) -> Result<ApproveRegistrationPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManagePeople)?;
        let own = request.person()?.role;
        let id = parse_id("Registration", "registrationId", &input.registration_id)?;
        let role = input.role.into();
        let outcome = request.app.approve_registration(&permit, own, id, role);
        ApproveRegistrationPayload::of(outcome.await)
    }

    /// Does not let somebody in. Needs `ADMIN`.
    async fn reject_registration(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Whom, and why not.")] input: RejectRegistrationInput,
    ) -> Result<RejectRegistrationPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManagePeople)?;
        let id = parse_id("Registration", "registrationId", &input.registration_id)?;
        let app = &request.app;
        RejectRegistrationPayload::of(app.reject_registration(&permit, id, input.reason).await)
    }

    /// Says how people may join your organization. Needs `ADMIN`.
    async fn change_join_settings(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How people may join.")] input: ChangeJoinSettingsInput,
    ) -> Result<ChangeJoinSettingsPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManagePeople)?;
        let to = Settings {
            registration_open: input.is_registration_open,
            registration_domain: input.registration_domain,
        };
        ChangeJoinSettingsPayload::of(request.app.change_join_settings(&permit, to).await)
    }
}
