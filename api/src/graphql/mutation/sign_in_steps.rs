//! Signing in in two steps.

use aim_app::SignInStep;
use aim_domain::session::SignInMethod;
use aim_store::users::User;
use async_graphql::{Context, InputObject, Json, Object, Result, SimpleObject};
use serde_json::Value;

use super::super::context::{RequestContext, fault};
use super::super::types::SignInChallenge;
use super::super::user_error::{UserErrorCode, payload};
use super::passkeys::proof;
use super::sessions::{Session, revealed};

/// The next step of a sign-in.
#[derive(InputObject)]
struct CompleteSignInInput {
    /// The challenge that `signIn` or `/auth/oidc/callback` answered.
    challenge: String,
    /// The code that your authenticator shows now, or a recovery code; left out without a second
    /// factor.
    code: Option<String>,
    /// In place of the code: what a passkey answered to `beginPasskeySignIn`, as `toJSON` writes it.
    passkey: Option<Json<Value>>,
}

/// How far a sign-in came: one of the two, or what was wrong.
#[derive(Debug, Default, SimpleObject)]
pub(crate) struct SignInPayload {
    /// The session; null when a second factor is asked for.
    session: Option<Session>,
    /// What `completeSignIn` takes; null when no second factor is asked for.
    challenge: Option<SignInChallenge>,
    /// What the caller did wrong; empty when it was done.
    user_errors: Vec<SignInError>,
}

/// What was wrong with one field, or with the whole input.
#[derive(Debug, SimpleObject)]
pub(crate) struct SignInError {
    /// For programs.
    code: UserErrorCode,
    /// For people: names the value and the remedy.
    message: String,
    /// Path of the field in the input; absent when it is about the whole.
    field: Option<Vec<String>>,
}

payload!(CompleteSignInPayload, CompleteSignInError, /// The session.
    session: Session);

/// What follows a right password.
pub(super) async fn next(context: &Context<'_>, user: User) -> Result<SignInPayload> {
    let request = RequestContext::of(context)?;
    let (how, id) = (SignInMethod::Password, &request.request_id);
    Ok(match request.app.next_step(user).await.map_err(fault)? {
        SignInStep::Done(user) => {
            let opened = request.app.open_session(&user, how, &request.client, id);
            let session = revealed(context, opened.await.map_err(fault)?);
            SignInPayload {
                session: Some(session.map_err(fault)?),
                ..SignInPayload::default()
            }
        }
        SignInStep::Challenge(open) => SignInPayload {
            challenge: Some(open.into()),
            ..SignInPayload::default()
        },
    })
}

/// Mutations of sign-ins that are half done.
#[derive(Debug, Default)]
pub(crate) struct SignInStepMutations;

#[Object]
impl SignInStepMutations {
    /// Finishes a sign-in that answered a challenge. For everybody.
    async fn complete_sign_in(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The challenge, and a code or a passkey.")] input: CompleteSignInInput,
    ) -> Result<CompleteSignInPayload> {
        let request = RequestContext::of(context)?;
        let shown = proof(input.code.as_ref(), input.passkey.as_ref());
        let (app, id) = (&request.app, &request.request_id);
        let done = app.complete_sign_in(&input.challenge, shown, id);
        let (user, how) = match done.await {
            Ok(done) => done,
            Err(error) => return CompleteSignInPayload::of(Err::<Session, _>(error)),
        };
        let opened = app.open_session(&user, how, &request.client, id);
        CompleteSignInPayload::of(opened.await.and_then(|it| revealed(context, it)))
    }
}
