//! A new password for whoever has the mailbox.

use async_graphql::{Context, InputObject, Object, Result};

use super::super::context::RequestContext;
use super::super::types::User;
use super::super::user_error::payload;

/// For which address.
#[derive(InputObject)]
struct RequestPasswordResetInput {
    /// E-mail address.
    email: String,
}

/// A token, and what the password shall be.
#[derive(InputObject)]
struct ResetPasswordInput {
    /// The token of the letter.
    token: String,
    /// The new password: 12 characters or more.
    new_password: String,
}

payload!(RequestPasswordResetPayload, RequestPasswordResetError, /// That a letter goes out if the address has an account; whether it has is not said.
    is_requested: bool);
payload!(ResetPasswordPayload, ResetPasswordError, /// Whose password it is. All their sessions have ended; they sign in anew.
    user: User);

/// Mutations of forgotten passwords.
#[derive(Debug, Default)]
pub(crate) struct PasswordResetMutations;

#[Object]
impl PasswordResetMutations {
    /// Sends a token for a new password to an address, if it has an account; the answer is the same
    /// if it has none. For everybody.
    async fn request_password_reset(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "For which address.")] input: RequestPasswordResetInput,
    ) -> Result<RequestPasswordResetPayload> {
        let request = RequestContext::of(context)?;
        let outcome = request.app.request_password_reset(&input.email).await;
        RequestPasswordResetPayload::of(outcome.map(|()| true))
    }

    /// Sets a new password and ends all sessions of whoever the token was sent to. A token is good
    /// once, for half an hour. For everybody.
    async fn reset_password(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The token and the new password.")] input: ResetPasswordInput,
    ) -> Result<ResetPasswordPayload> {
        let request = RequestContext::of(context)?;
        let ResetPasswordInput {
            token,
            new_password,
        } = input;
        let outcome = request
            .app
            .reset_password(&token, &new_password, &request.request_id)
            .await;
        ResetPasswordPayload::of(outcome)
    }
}
