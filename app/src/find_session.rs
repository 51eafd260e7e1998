//! Whose is this session, and is it still good?

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aim_domain::id::{OrganizationId, SessionId, UserId};
use aim_domain::role::{Permission, Role};
use aim_domain::session::SessionKind;
use chrono::{DateTime, Utc};
use tokio::sync::broadcast::error::RecvError;

use crate::{Actor, App, AppError, ErrorCode, ProgramActor, UserActor};

/// Before a look is repeated that the database did not answer.
const BACK_OFF: Duration = Duration::from_millis(200);

/// A session that is good, with what its requests need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSession {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// Of which organization.
    pub organization: OrganizationId,
    /// As what.
    pub role: Role,
    /// Whether they must choose a new password before anything else.
    pub must_change_password: bool,
    /// Who holds it.
    pub kind: SessionKind,
    /// What a program may do with it at most.
    pub permissions: Vec<Permission>,
    /// Until when; a refresh moves it.
    pub until: DateTime<Utc>,
}

impl LiveSession {
    fn actor(&self) -> Actor {
        match self.kind {
            SessionKind::Person => Actor::User(UserActor {
                id: self.user,
                organization: self.organization,
                role: self.role,
                must_change_password: self.must_change_password,
                session: self.id,
            }),
            SessionKind::Sdk => Actor::SdkToken(ProgramActor {
                id: self.id.as_uuid(),
                organization: self.organization,
                owner: self.user,
                given: self.permissions.clone(),
                role: self.role,
                prefix: None,
            }),
        }
    }
}

/// The words for a session that is not good, whatever the reason.
pub(crate) fn ended() -> AppError {
    let message = "the session has ended; sign in again";
    AppError::new(ErrorCode::Unauthenticated, message)
}

impl App {
    /// Who acts with a session. Warm, no SQL is read.
    ///
    /// # Errors
    /// `Unauthenticated` when the session has ended or its person may not sign in any more.
    pub async fn find_session_actor(&self, id: SessionId) -> Result<Actor, AppError> {
        let now = self.clock.now();
        if self.cache.is_live(now)
            && let Some(known) = self.credentials.session(id)
            && now < known.until
        {
            return Ok(known.actor());
        }
        let generation = self.credentials.generation();
        let session = self.store.find_session(id).await?;
        let session = session.filter(|it| it.is_live(now)).ok_or_else(ended)?;
        let user = self.store.find_user(session.user).await?;
        let user = user.ok_or_else(ended)?;
        let live = Arc::new(LiveSession {
            id,
            user: user.id,
            organization: user.organization,
            role: user.role,
            must_change_password: user.must_change_password,
            kind: session.kind,
            permissions: session.permissions,
            until: session.refresh_by,
        });
        self.credentials.keep_session(&live, generation);
        Ok(live.actor())
    }

    /// Waits until `actor` is not what it was any more: its session or key ended, its person's role is
    /// another. For connections, which were let in once and last.
    pub fn ended(self: &Arc<Self>, actor: Actor) -> impl Future<Output = ()> + Send + use<> {
        let app = Arc::clone(self);
        let mut changes = app.credentials.changes();
        async move {
            let Some(user) = actor.user() else {
                return std::future::pending().await;
            };
            loop {
                // Also at the beginning: it may have ended since it was let in.
                match app.find_again(&actor).await {
                    Ok(now) if now == actor => {}
                    Err(error) if error.code == ErrorCode::Unavailable => {
                        tokio::time::sleep(BACK_OFF).await;
                        continue;
                    }
                    _ => return,
                }
                loop {
                    match changes.recv().await {
                        Ok(other) if other != user => {}
                        Ok(_) | Err(RecvError::Lagged(_)) => break,
                        Err(RecvError::Closed) => return,
                    }
                }
            }
        }
    }

    async fn find_again(&self, actor: &Actor) -> Result<Actor, AppError> {
        match actor {
            Actor::User(user) => self.find_session_actor(user.session).await,
            Actor::SdkToken(program) => {
                self.find_session_actor(SessionId::from_uuid(program.id))
                    .await
            }
            Actor::ApiKey(ProgramActor {
                prefix: Some(prefix),
                ..
            }) => self.find_api_key_again(prefix).await,
            other => Ok(other.clone()),
        }
    }
}
