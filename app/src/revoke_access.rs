//! Taking access away because a review said so, whatever kind of access it is.

use aim_domain::access_review::AccessSubject;
use aim_domain::agent::AgentStatus;
use aim_domain::id::{AgentId, ApiKeyId, SessionId, UserId};
use aim_domain::people::PersonChange;
use aim_domain::session::SessionKind;
use aim_store::access_review_items::AccessReviewItem;
use serde_json::json;

use crate::change_status::StatusChange;
use crate::{App, AppError, ErrorCode, Permit, UserActor};

impl App {
    /// Takes it away: a person is shut out, an agent is revoked, an API key is disabled, an SDK token
    /// ends. What has gone by itself has gone.
    pub(crate) async fn revoke_access(
        &self,
        permit: &Permit,
        actor: &UserActor,
        item: &AccessReviewItem,
        reason: String,
    ) -> Result<(), AppError> {
        let id = item.subject_id;
        let outcome = match item.subject {
            AccessSubject::User => {
                let (id, change) = (UserId::from_uuid(id), PersonChange::Deactivate);
                let done = self.change_person(permit, actor, id, change, reason).await;
                done.map(drop)
            }
            AccessSubject::Agent => {
                self.revoke_agent(permit, AgentId::from_uuid(id), &reason)
                    .await
            }
            AccessSubject::ApiKey => {
                let id = ApiKeyId::from_uuid(id);
                let done = self.set_api_key_enabled(permit, actor, id, false).await;
                done.map(drop)
            }
            AccessSubject::SdkToken => {
                let id = SessionId::from_uuid(id);
                self.revoke_token_for_review(permit, id, reason).await
            }
        };
        match outcome {
            Err(error) if error.code == ErrorCode::NotFound => Ok(()),
            other => other,
        }
    }

    async fn revoke_agent(
        &self,
        permit: &Permit,
        id: AgentId,
        reason: &str,
    ) -> Result<(), AppError> {
        if self.get_agent(permit, id).await?.status == AgentStatus::Revoked {
            return Ok(());
        }
        let change = StatusChange::Revoke;
        let done = self.change_agent_status(permit, id, change, reason).await;
        done.map(drop)
    }

    /// Ends an SDK token of anybody in the organization.
    async fn revoke_token_for_review(
        &self,
        permit: &Permit,
        id: SessionId,
        reason: String,
    ) -> Result<(), AppError> {
        let found = self.store.find_session(id).await?;
        let is_ours = |it: &aim_store::sessions::Session| {
            it.organization == permit.scope().organization && it.kind == SessionKind::Sdk
        };
        let missing = || AppError::not_found("SDK token");
        let session = found.filter(is_ours).ok_or_else(missing)?;
        let entry = permit.audit(
            &self.ids,
            "session.revoke",
            ("session", id.to_string()),
            Some(reason),
            (
                Some(json!({ "kind": session.kind, "name": session.name })),
                None,
            ),
        );
        // One that has ended by itself has ended.
        let whose = (session.organization, session.user);
        let is_ended = self.end_session(session.id, whose, "an access review said so", entry);
        is_ended.await.map(drop)
    }
}
