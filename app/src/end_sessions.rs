//! Ending sessions before their time: one's own, one of them, all of them.
//!
//! Guarantee: an answer of success means that this node refuses the session from now on; the others do
//! as soon as they have read the event log, or, cut off from it, when their cache is no longer believed.

use aim_domain::access::AccessChange;
use aim_domain::id::{OrganizationId, SessionId, UserId};
use aim_domain::scope::Scope;
use aim_domain::session::SessionKind;
use aim_store::audit::NewAuditEntry;
use aim_store::sessions::Session;
use aim_store::{Page, PageRequest};
use serde_json::json;

use crate::actor::audit_of;
use crate::{App, AppError, UserActor};

impl App {
    /// Ends one session of the actor's own: this one, another one, or one that a program holds.
    ///
    /// # Errors
    /// `NotFound` when there is no such live session of theirs.
    pub async fn revoke_session(
        &self,
        actor: &UserActor,
        id: SessionId,
        kind: SessionKind,
        request_id: &str,
    ) -> Result<Session, AppError> {
        let what = match kind {
            SessionKind::Person => "session",
            SessionKind::Sdk => "SDK token",
        };
        let found = self.store.find_session(id).await?;
        let session = found
            .filter(|it| it.user == actor.id && it.kind == kind && it.is_live(self.clock.now()))
            .ok_or_else(|| AppError::not_found(what))?;
        let entry = audit_of(
            &self.ids,
            (actor.organization, actor.id),
            "session.revoke",
            ("session", id.to_string()),
            (Some(json!({ "kind": kind, "name": session.name })), None),
            request_id,
        );
        let whose = (session.organization, session.user);
        let is_ended = self.end_session(id, whose, "ended by its person", entry);
        if !is_ended.await? {
            return Err(AppError::not_found(what));
        }
        Ok(session)
    }

    /// Ends a session and puts that on record; false when it had ended before.
    pub(crate) async fn end_session(
        &self,
        id: SessionId,
        (organization, user): (OrganizationId, UserId),
        why: &str,
        entry: NewAuditEntry,
    ) -> Result<bool, AppError> {
        let mut tx = self.store.begin().await?;
        if tx.revoke_sessions(&[id], why).await? == 0 {
            return Ok(false);
        }
        let change = AccessChange::SessionEnded { session: id };
        let event = self.access_event(organization, user, change);
        tx.emit(&event);
        tx.audit(entry);
        tx.commit().await?;
        self.credentials.heed(&event.fact);
        Ok(true)
    }

    /// Ends all sessions of the actor's own, of one kind; how many there were.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn revoke_all_sessions(
        &self,
        actor: &UserActor,
        kind: SessionKind,
        request_id: &str,
    ) -> Result<u64, AppError> {
        let mut tx = self.store.begin().await?;
        let reason = "all were ended by their person";
        let count = tx.revoke_sessions_of(actor.id, Some(kind), reason).await?;
        let change = AccessChange::SessionsEnded { count };
        let event = self.access_event(actor.organization, actor.id, change);
        tx.emit(&event);
        tx.audit(audit_of(
            &self.ids,
            (actor.organization, actor.id),
            "session.revoke-all",
            ("user", actor.id.to_string()),
            (Some(json!({ "kind": kind, "count": count })), None),
            request_id,
        ));
        tx.commit().await?;
        self.credentials.heed(&event.fact);
        Ok(count)
    }

    /// A page of the actor's own live sessions of one kind, newest first.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_own_sessions(
        &self,
        actor: &UserActor,
        kind: SessionKind,
        page: PageRequest,
    ) -> Result<Page<Session>, AppError> {
        let scope = Scope::of(actor.organization);
        let found = self.store.list_sessions(scope, Some(actor.id), kind, page);
        Ok(found.await?)
    }
}
