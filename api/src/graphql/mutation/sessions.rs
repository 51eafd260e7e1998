//! Signing in and out, and choosing a password.

use aim_app::{AppError, ErrorCode, OpenedSession};
use aim_domain::session::{SessionKind, SignInMethod};
use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::context::{RequestContext, fault};
use super::super::id::{global_id, parse_id};
use super::super::types::User;
use super::super::user_error::payload;
use super::sign_in_steps::{self, SignInPayload};
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
    /// The new one: 12 characters or more, or what your organization asks for, and hard to guess.
    new_password: String,
}

/// What goes on with a session.
#[derive(InputObject)]
struct RefreshSessionInput {
    /// The newest refresh token of the session. It is good once: one that was used before ends the
    /// session, because two must hold it.
    refresh_token: String,
}

/// Which session to end.
#[derive(InputObject)]
struct RevokeSessionInput {
    /// One of your own, from `sessions`.
    session_id: ID,
}

/// A session that was just opened or refreshed, with its secrets.
#[derive(SimpleObject)]
pub(crate) struct Session {
    /// Global id, as in `sessions`.
    id: ID,
    /// Send it as `authorization: Bearer <token>`.
    access_token: String,
    /// When the access token stops being good.
    expires_at: DateTime<Utc>,
    /// Gives the next pair of tokens, by `refreshSession`. It is good once, and for nothing else.
    refresh_token: String,
    /// When the refresh token stops being good.
    refresh_by: DateTime<Utc>,
    /// Whose it is.
    user: User,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

payload!(ChangePasswordPayload, ChangePasswordError, /// A new session; every other one has ended.
    session: Session);
payload!(RefreshSessionPayload, RefreshSessionError, /// The session with its next tokens.
    session: Session);
payload!(SignOutPayload, SignOutError, /// The session that ended.
    session_id: ID);
payload!(SignOutEverywherePayload, SignOutEverywhereError, /// How many sessions ended, this one too.
    ended_count: u64);
payload!(RevokeSessionPayload, RevokeSessionError, /// The session that ended.
    session_id: ID);

/// A session as its holder gets it.
pub(crate) fn revealed(context: &Context<'_>, opened: OpenedSession) -> Result<Session, AppError> {
    let internal = || AppError::new(ErrorCode::Internal, "internal error");
    let auth = context.data::<Authenticator>().map_err(|_| internal())?;
    let request = context.data::<RequestContext>().map_err(|_| internal())?;
    let (access_token, expires_at) = auth.token(&opened, request.app.clock().now())?;
    Ok(Session {
        id: global_id("Session", opened.session.id),
        access_token,
        expires_at,
        refresh_token: opened.refresh_token.reveal().to_owned(),
        refresh_by: opened.session.refresh_by,
        user: opened.user.into(),
    })
}

/// Mutations of sessions.
#[derive(Debug, Default)]
pub(crate) struct SessionMutations;

#[Object]
impl SessionMutations {
    /// Signs a person in, or, where they have a second factor, answers a challenge for
    /// `completeSignIn`. For everybody.
    async fn sign_in(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Credentials.")] input: SignInInput,
    ) -> Result<SignInPayload> {
        let request = RequestContext::of(context)?;
        let user = request
            .app
            .sign_in(&input.email, &input.password, &request.client)
            .await
            .map_err(fault)?;
        sign_in_steps::next(context, user).await
    }

    /// Exchanges a refresh token for the next access and refresh token, of a person's session or of an
    /// SDK token. For whoever holds it.
    async fn refresh_session(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The refresh token.")] input: RefreshSessionInput,
    ) -> Result<RefreshSessionPayload> {
        let request = RequestContext::of(context)?;
        let (client, id) = (&request.client, &request.request_id);
        let opened = request
            .app
            .refresh_session(&input.refresh_token, client, id);
        let opened = opened.await.map_err(fault)?;
        RefreshSessionPayload::of(revealed(context, opened))
    }

    /// Ends this session. For signed-in people.
    async fn sign_out(&self, context: &Context<'_>) -> Result<SignOutPayload> {
        let request = RequestContext::of(context)?;
        let actor = request.person()?;
        let (kind, id) = (SessionKind::Person, &request.request_id);
        let ended = request
            .app
            .revoke_session(actor, actor.session, kind, id)
            .await;
        SignOutPayload::of(ended.map(|it| global_id("Session", it.id)))
    }

    /// Ends all your sessions, this one too. What your programs hold stays; see `revokeAllSdkTokens`.
    /// For signed-in people.
    async fn sign_out_everywhere(&self, context: &Context<'_>) -> Result<SignOutEverywherePayload> {
        let request = RequestContext::of(context)?;
        let actor = request.person()?;
        let (kind, id) = (SessionKind::Person, &request.request_id);
        let ended = request.app.revoke_all_sessions(actor, kind, id).await;
        SignOutEverywherePayload::of(ended)
    }

    /// Ends one of your sessions. For signed-in people.
    async fn revoke_session(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which one.")] input: RevokeSessionInput,
    ) -> Result<RevokeSessionPayload> {
        let request = RequestContext::of(context)?;
        let actor = request.person()?;
        let session = parse_id("Session", "sessionId", &input.session_id)?;
        let (kind, id) = (SessionKind::Person, &request.request_id);
        let ended = request.app.revoke_session(actor, session, kind, id).await;
        RevokeSessionPayload::of(ended.map(|it| global_id("Session", it.id)))
    }

    /// Chooses a new password and ends every other session. For signed-in people.
    async fn change_password(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Old and new password.")] input: ChangePasswordInput,
    ) -> Result<ChangePasswordPayload> {
        let request = RequestContext::of(context)?;
        let actor = request.person()?;
        let changed = request
            .app
            .change_password(
                actor,
                &input.current_password,
                &input.new_password,
                &request.client,
                &request.request_id,
            )
            .await;
        let user = match changed {
            Ok(user) => user,
            Err(error) => return ChangePasswordPayload::of(Err::<Session, _>(error)),
        };
        let (how, id) = (SignInMethod::Password, &request.request_id);
        let opened = request.app.open_session(&user, how, &request.client, id);
        ChangePasswordPayload::of(opened.await.and_then(|it| revealed(context, it)))
    }
}
