//! SDK tokens: a session that a person opens for a program. It is refreshed and ended by the same code as
//! people's sessions; what its holder may do is written into it.

use aim_domain::id::SessionId;
use aim_domain::role::Permission;
use aim_domain::secret::{REFRESH_TOKEN_BYTES, RefreshToken};
use aim_domain::session::{Client, SessionKind, SignInMethod};
use aim_store::sessions::Session;
use chrono::{DateTime, Utc};

use crate::api_keys::{check_end, check_given, check_name};
use crate::error::FieldErrors;
use crate::find_session::ended;
use crate::open_session::{OpenedSession, SecretText};
use crate::{App, AppError, UserActor};

/// A token to make.
#[derive(Debug, Clone)]
pub struct CreateSdkToken {
    /// What a person calls it.
    pub name: String,
    /// What its holder may do at most.
    pub permissions: Vec<Permission>,
    /// When it ends; the longest life that the organization allows when left out.
    pub expires_at: Option<DateTime<Utc>>,
}

impl App {
    /// Opens a session for a program of `actor`. Where it was made is not where it is used.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field, `Conflict` when there are too many.
    pub async fn create_sdk_token(
        &self,
        actor: &UserActor,
        input: CreateSdkToken,
        request_id: &str,
    ) -> Result<OpenedSession, AppError> {
        let limits = self.store.load_limits(actor.organization).await?;
        let now = self.clock.now();
        let latest = now + limits.credential_life();
        let mut errors = FieldErrors::default();
        check_name(&mut errors, &input.name);
        check_given(&mut errors, actor, &input.permissions);
        let expires_at = input.expires_at.unwrap_or(latest);
        check_end(&mut errors, expires_at, now, latest);
        errors.finish()?;
        let user = self.store.find_user(actor.id).await?.ok_or_else(ended)?;
        let token = RefreshToken::new(&rand::random::<[u8; REFRESH_TOKEN_BYTES]>());
        let mut permissions = input.permissions;
        permissions.sort_unstable();
        permissions.dedup();
        let session = Session {
            id: SessionId::from_uuid(self.ids.next()),
            organization: actor.organization,
            user: actor.id,
            kind: SessionKind::Sdk,
            method: SignInMethod::SdkToken,
            name: Some(input.name.trim().to_owned()),
            permissions,
            client: Client::default(),
            family_hash: token.family_hash(),
            secret_hash: token.secret_hash(),
            created_at: now,
            last_used_at: now,
            refresh_by: expires_at,
            expires_at,
            revoked_at: None,
            revoked_reason: None,
        };
        let mut tx = self.store.begin().await?;
        self.check_room_for_credential(&mut tx, actor).await?;
        tx.insert_session(&session).await?;
        self.record_opened(&mut tx, &session, request_id);
        tx.commit().await?;
        Ok(OpenedSession {
            session,
            user,
            refresh_token: SecretText::new(token.text()),
        })
    }
}
