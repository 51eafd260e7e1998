//! Opening a session: what every way of signing in ends with.

use aim_domain::access::{AccessChange, AccessChanged};
use aim_domain::event::NewEvent;
use aim_domain::id::{AgentId, OrganizationId, SessionId, UserId};
use aim_domain::secret::{REFRESH_TOKEN_BYTES, RefreshToken};
use aim_domain::session::{Client, SESSIONS_MAX, SessionKind, SignInMethod, refresh_by};
use aim_store::Tx;
use aim_store::sessions::Session;
use aim_store::users::User;
use serde_json::json;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::actor::audit_of;
use crate::find_session::ended;
use crate::{App, AppError};

/// Why the session that was not used for longest ends when there are too many.
const CROWDED: &str = "newer sessions took its place";

/// A session with the token that refreshes it, which is shown this once.
#[derive(Debug, Clone)]
pub struct OpenedSession {
    /// The session.
    pub session: Session,
    /// Whose.
    pub user: User,
    /// Good once.
    pub refresh_token: SecretText,
}

/// A secret that is given to its holder and nobody else: it is not printed and does not stay in memory.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    pub(crate) const fn new(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// The text, for the answer to its holder.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretText(..)")
    }
}

impl App {
    /// Opens a session for a person who has shown who they are by `how`. The caller has checked that;
    /// this is the one place where people's sessions begin.
    ///
    /// # Errors
    /// `Unauthenticated` when the password or the person's state changed since it was checked.
    pub async fn open_session(
        &self,
        user: &User,
        how: SignInMethod,
        client: &Client,
        request_id: &str,
    ) -> Result<OpenedSession, AppError> {
        self.open_session_of(user, how, client, (None, request_id))
            .await
    }

    /// The same, for a program whose login is used up in the same transaction.
    pub(crate) async fn open_session_of(
        &self,
        user: &User,
        how: SignInMethod,
        client: &Client,
        (login, request_id): (Option<Uuid>, &str),
    ) -> Result<OpenedSession, AppError> {
        let limits = self.store.load_limits(user.organization).await?;
        let now = self.clock.now();
        let expires_at = now + limits.session_life();
        let token = RefreshToken::new(&rand::random::<[u8; REFRESH_TOKEN_BYTES]>());
        let session = Session {
            id: SessionId::from_uuid(self.ids.next()),
            organization: user.organization,
            user: user.id,
            kind: SessionKind::Person,
            method: how,
            name: None,
            permissions: Vec::new(),
            client: client.clone(),
            family_hash: token.family_hash(),
            secret_hash: token.secret_hash(),
            created_at: now,
            last_used_at: now,
            refresh_by: refresh_by(now, limits.session_idle(), expires_at),
            expires_at,
            revoked_at: None,
            revoked_reason: None,
        };
        let mut tx = self.store.begin().await?;
        // A password that was changed, or a person who was shut out, since `how` was checked.
        if !tx.lock_user(user.id, user.token_generation).await? {
            return Err(ended());
        }
        if let Some(login) = login
            && !tx.use_login(login, session.id).await?
        {
            return Err(ended());
        }
        tx.insert_session(&session).await?;
        let crowded = self.end_crowded(&mut tx, &session).await?;
        self.record_opened(&mut tx, &session, request_id);
        tx.commit().await?;
        for event in crowded {
            self.credentials.heed(&event.fact);
        }
        Ok(OpenedSession {
            session,
            user: user.clone(),
            refresh_token: SecretText::new(token.text()),
        })
    }

    /// Event and audit entry of a new session.
    pub(crate) fn record_opened(&self, tx: &mut Tx, session: &Session, request_id: &str) {
        let opened = AccessChange::SessionOpened {
            session: session.id,
            holder: session.kind,
        };
        tx.emit(&self.access_event(session.organization, session.user, opened));
        tx.audit(audit_of(
            &self.ids,
            (session.organization, session.user),
            "session.open",
            ("session", session.id.to_string()),
            (
                None,
                Some(json!({ "method": session.method, "name": session.name })),
            ),
            request_id,
        ));
    }

    async fn end_crowded(&self, tx: &mut Tx, new: &Session) -> Result<Vec<NewEvent>, AppError> {
        let beyond = tx.sessions_beyond(new.user, SESSIONS_MAX).await?;
        if beyond.is_empty() {
            return Ok(Vec::new());
        }
        tx.revoke_sessions(&beyond, CROWDED).await?;
        let event = |session| {
            let change = AccessChange::SessionEnded { session };
            self.access_event(new.organization, new.user, change)
        };
        let events: Vec<_> = beyond.into_iter().map(event).collect();
        for event in &events {
            tx.emit(event);
        }
        Ok(events)
    }

    /// A fact about a person's access. Such facts keep their order under the person's id.
    pub(crate) fn access_event(
        &self,
        organization: OrganizationId,
        user: UserId,
        change: AccessChange,
    ) -> NewEvent {
        let fact = AccessChanged { user, change };
        self.event(organization, AgentId::from_uuid(user.as_uuid()), fact)
    }
}
