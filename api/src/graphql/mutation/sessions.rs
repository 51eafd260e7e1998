//! Signing in and choosing a password.

use aim_app::{Actor, AppError, ErrorCode};
use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::context::{RequestContext, fault};
use super::super::types::User;
use super::super::user_error::payload;
use crate::auth::Authenticator;

/// Credentials.
#[derive(InputObject)]
struct SignInInput {
    /// E-mail address.
    email: String,
    /// Password.
    password: String,
}

/// A change of password.
#[derive(InputObject)]
struct ChangePasswordInput {
    /// The password now.
    current_password: String,
    /// The new one: 12 characters or more.
    new_password: String,
}

/// A person's session.
#[derive(Debug, SimpleObject)]
pub(crate) struct Session {
    /// Send it as `authorization: Bearer <token>`.
    access_token: String,
    /// When it stops being good.
    expires_at: DateTime<Utc>,
    /// Whose it is.
    user: User,
}

payload!(SignInPayload, SignInError, /// The session.
    session: Session);
payload!(ChangePasswordPayload, ChangePasswordError, /// A new session; every other one has ended.
    session: Session);

fn session(context: &Context<'_>, user: aim_store::users::User) -> Result<Session, AppError> {
    let internal = || AppError::new(ErrorCode::Internal, "internal error");
    let auth = context.data::<Authenticator>().map_err(|_| internal())?;
    let request = context.data::<RequestContext>().map_err(|_| internal())?;
    let (access_token, expires_at) = auth.token(&user, request.app.clock().now())?;
    Ok(Session {
        access_token,
        expires_at,
        user: user.into(),
    })
}

/// Mutations of sessions.
#[derive(Debug, Default)]
pub(crate) struct SessionMutations;

#[Object]
impl SessionMutations {
    /// Signs a person in. For everybody.
    async fn sign_in(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Credentials.")] input: SignInInput,
    ) -> Result<SignInPayload> {
        let request = RequestContext::of(context)?;
        let user = request
            .app
            .sign_in(&input.email, &input.password)
            .await
            .map_err(fault)?;
        SignInPayload::of(session(context, user))
    }

    /// Chooses a new password and ends every other session. For signed-in people.
    async fn change_password(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Old and new password.")] input: ChangePasswordInput,
    ) -> Result<ChangePasswordPayload> {
        let request = RequestContext::of(context)?;
        let actor = match &request.actor {
            Actor::User(actor) => actor,
            Actor::Anonymous => {
                let error = AppError::new(ErrorCode::Unauthenticated, "sign in first");
                return Err(fault(error));
            }
            Actor::Agent(_) => {
                let error = AppError::new(ErrorCode::Forbidden, "agents have no password");
                return Err(fault(error));
            }
        };
        let changed = request
            .app
            .change_password(
                actor,
                &input.current_password,
                &input.new_password,
                &request.request_id,
            )
            .await;
        ChangePasswordPayload::of(changed.and_then(|user| session(context, user)))
    }
}
