//! Refreshing a session, of a person or of a program.
//!
//! Guarantee: of any number of requests with one refresh token, at any number of nodes, at most one is
//! given the next. All others prove that two hold the token, and the family ends, with whatever the
//! first was given. There is no time of grace: whoever shares a token between tasks takes turns.

use aim_domain::secret::RefreshToken;
use aim_domain::session::{Client, SessionKind, refresh_by};
use aim_store::audit::NewAuditEntry;
use aim_store::sessions::{Rotation, Session};

use crate::find_session::ended;
use crate::open_session::{OpenedSession, SecretText};
use crate::{App, AppError};

/// Why a family ended.
const REUSED: &str = "a refresh token was used twice";

impl App {
    /// Exchanges a refresh token for the next one.
    ///
    /// # Errors
    /// `Unauthenticated`, in the same words for an unknown, used or expired token and for a person who
    /// may not sign in any more.
    pub async fn refresh_session(
        &self,
        refresh_token: &str,
        client: &Client,
        request_id: &str,
    ) -> Result<OpenedSession, AppError> {
        let shown = RefreshToken::parse(refresh_token.trim()).ok_or_else(ended)?;
        let now = self.clock.now();
        let family = shown.family_hash();
        let found = self.store.find_session_of_family(&family).await?;
        let session = found.filter(|it| it.is_live(now)).ok_or_else(ended)?;
        let user = self
            .store
            .find_user(session.user)
            .await?
            .ok_or_else(ended)?;
        let limits = self.store.load_limits(user.organization).await?;
        // A shorter life that was set since holds for sessions that are open, too.
        let (idle, expires_at) = match session.kind {
            SessionKind::Person => {
                let latest = session.created_at + limits.session_life();
                (limits.session_idle(), session.expires_at.min(latest))
            }
            SessionKind::Sdk => (limits.credential_life(), session.expires_at),
        };
        let next = shown.next(rand::random());
        let (from, to) = (shown.secret_hash(), next.secret_hash());
        let rotation = Rotation {
            from: &from,
            to: &to,
            refresh_by: refresh_by(now, idle, expires_at),
            client,
        };
        if now >= rotation.refresh_by {
            return Err(ended());
        }
        let mut tx = self.store.begin().await?;
        if !tx.rotate_session(session.id, &rotation).await? {
            drop(tx);
            self.end_reused(&session, request_id).await?;
            return Err(ended());
        }
        tx.commit().await?;
        Ok(OpenedSession {
            session: Session {
                client: client.clone(),
                last_used_at: now,
                refresh_by: rotation.refresh_by,
                secret_hash: to,
                ..session
            },
            user,
            refresh_token: SecretText::new(next.text()),
        })
    }

    /// Ends a family one of whose used tokens was shown, if it has not ended before.
    async fn end_reused(&self, session: &Session, request_id: &str) -> Result<(), AppError> {
        let entry = NewAuditEntry {
            id: aim_domain::id::AuditEntryId::from_uuid(self.ids.next()),
            organization: session.organization,
            // Whoever showed the token may be anybody.
            actor_type: "system",
            actor_id: "session".to_owned(),
            action: "session.reuse-detected",
            object_type: "session",
            object_id: session.id.to_string(),
            reason: Some(REUSED.to_owned()),
            before: None,
            after: None,
            request_id: request_id.to_owned(),
        };
        let whose = (session.organization, session.user);
        if self.end_session(session.id, whose, REUSED, entry).await? {
            metrics::counter!("aim_refresh_reuse_total").increment(1);
        }
        Ok(())
    }
}
