//! Inviting people.

use aim_app::{AcceptInvitation, AppError, SignInWith};
use aim_domain::role::Permission;
use aim_store::users::User as UserRow;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::context::RequestContext;
use super::super::enums::Role;
use super::super::id::parse_id;
use super::super::types::{Invitation, User};
use super::super::user_error::payload;

/// Whom to invite.
#[derive(Debug, InputObject)]
struct InviteUserInput {
    /// E-mail address.
    email: String,
    /// As what they come; at most your own role.
    role: Role,
}

/// Which invitation to take back.
#[derive(Debug, InputObject)]
struct RevokeInvitationInput {
    /// Global id of the invitation.
    invitation_id: ID,
    /// Why; kept in the audit trail.
    reason: String,
}

/// Who accepts an invitation.
#[derive(InputObject)]
struct AcceptInvitationInput {
    /// The token of the letter.
    token: String,
    /// Your name.
    name: String,
    /// Your password: 12 characters or more. Give this or a ticket.
    password: Option<String>,
    /// What `/auth/oidc/callback` answered: you sign in at that issuer then.
    ticket: Option<String>,
}

payload!(InviteUserPayload, InviteUserError, /// The invitation. Its token goes to the address and nowhere else.
    invitation: Invitation);
payload!(RevokeInvitationPayload, RevokeInvitationError, /// The invitation, taken back.
    invitation: Invitation);
payload!(AcceptInvitationPayload, AcceptInvitationError, /// Your account; sign in with the address and the password.
    user: User);

/// Mutations of invitations.
#[derive(Debug, Default)]
pub(crate) struct InvitationMutations;

#[Object]
impl InvitationMutations {
    /// Invites somebody by e-mail. The invitation is good once, for seven days, and takes the place
    /// of an open one for the same address. Needs `ADMIN`.
    async fn invite_user(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Whom, and as what.")] input: InviteUserInput,
    ) -> Result<InviteUserPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManagePeople)?;
        let own = request.person()?.role;
        let role = input.role.into();
        let outcome = request.app.invite_user(&permit, own, &input.email, role);
        InviteUserPayload::of(outcome.await)
    }

    /// Takes an invitation back. Needs `ADMIN`.
    async fn revoke_invitation(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which, and why.")] input: RevokeInvitationInput,
    ) -> Result<RevokeInvitationPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManagePeople)?;
        let id = parse_id("Invitation", "invitationId", &input.invitation_id)?;
        let app = &request.app;
        RevokeInvitationPayload::of(app.revoke_invitation(&permit, id, input.reason).await)
    }

    /// Makes the account that an invitation is for. For everybody.
    async fn accept_invitation(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The token, your name and your password.")] input: AcceptInvitationInput,
    ) -> Result<AcceptInvitationPayload> {
        let request = RequestContext::of(context)?;
        let with = match (input.password, input.ticket) {
            (Some(password), None) => SignInWith::Password(password),
            (None, Some(ticket)) => SignInWith::Identity(ticket),
            _ => {
                let error = AppError::field("password", "give either a password or a ticket");
                return AcceptInvitationPayload::of(Err::<UserRow, _>(error));
            }
        };
        let input = AcceptInvitation {
            token: input.token,
            name: input.name,
            with,
        };
        let outcome = request.app.accept_invitation(input, &request.request_id);
        AcceptInvitationPayload::of(outcome.await)
    }
}
