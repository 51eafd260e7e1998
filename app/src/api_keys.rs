//! API keys: made by a person for a program, shown once, replaced, disabled, deleted.

use aim_domain::access::AccessChange;
use aim_domain::id::ApiKeyId;
use aim_domain::role::Permission;
use aim_domain::secret::ApiKeySecret;
use aim_store::api_keys::ApiKey;
use aim_store::{Page, PageRequest, Tx};
use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use crate::authorization::access;
use crate::error::FieldErrors;
use crate::open_session::SecretText;
use crate::{App, AppError, ErrorCode, Permit, UserActor};

/// Most bytes of a name.
const NAME_MAX: usize = 100;
/// Longest time for which a replaced secret stays good.
const OVERLAP_MAX: Duration = Duration::days(7);

/// A key to make.
#[derive(Debug, Clone)]
pub struct CreateApiKey {
    /// What a person calls it.
    pub name: String,
    /// What its holder may do at most.
    pub permissions: Vec<Permission>,
    /// When it ends; the longest life that the organization allows when left out.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A secret to replace.
#[derive(Debug, Clone, Copy)]
pub struct RotateApiKey {
    /// Of which key.
    pub id: ApiKeyId,
    /// For how long the old one stays good.
    pub overlap: Duration,
}

/// A key with its secret, which is shown this once.
#[derive(Debug)]
pub struct MadeApiKey {
    /// The key.
    pub key: ApiKey,
    /// The whole of it.
    pub secret: SecretText,
}

/// What a person may give to a program: at most what they may themselves, and what programs may at all.
pub(crate) fn check_given(errors: &mut FieldErrors, actor: &UserActor, given: &[Permission]) {
    if given.is_empty() {
        errors.add("permissions", "is empty; name what the program may do");
    }
    for (index, permission) in given.iter().enumerate() {
        let field = format!("permissions.{index}");
        if !access(*permission).programs {
            errors.add(&field, "is not for programs");
        } else if !actor.role.may(*permission) {
            let least = permission.least_role();
            errors.add(
                &field,
                format!("is more than you may; it needs `{least:?}`"),
            );
        }
    }
}

/// A name that a person can find again.
pub(crate) fn check_name(errors: &mut FieldErrors, name: &str) {
    errors.text("name", name, NAME_MAX);
    if name.trim().is_empty() {
        errors.add("name", "is empty; say what it is for");
    }
}

impl App {
    /// Makes a key for a program of `actor`.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field, `Conflict` when there are too many.
    pub async fn create_api_key(
        &self,
        permit: &Permit,
        actor: &UserActor,
        input: CreateApiKey,
    ) -> Result<MadeApiKey, AppError> {
        let limits = self.store.load_limits(actor.organization).await?;
        let now = self.clock.now();
        let latest = now + limits.credential_life();
        let mut errors = FieldErrors::default();
        check_name(&mut errors, &input.name);
        check_given(&mut errors, actor, &input.permissions);
        let expires_at = input.expires_at.unwrap_or(latest);
        check_end(&mut errors, expires_at, now, latest);
        errors.finish()?;
        let secret = ApiKeySecret::new(rand::random(), rand::random());
        let mut permissions = input.permissions;
        permissions.sort_unstable();
        permissions.dedup();
        let key = ApiKey {
            id: ApiKeyId::from_uuid(self.ids.next()),
            organization: actor.organization,
            user: actor.id,
            name: input.name.trim().to_owned(),
            prefix: secret.prefix().to_owned(),
            secret_hash: secret.hash(),
            previous_hash: None,
            previous_until: None,
            permissions,
            created_at: now,
            expires_at: Some(expires_at),
            rotated_at: None,
            disabled_at: None,
            last_used_at: None,
        };
        let mut tx = self.store.begin().await?;
        self.check_room_for_credential(&mut tx, actor).await?;
        tx.insert_api_key(&key).await?;
        let after = json!({ "name": key.name, "prefix": key.prefix,
            "permissions": key.permissions, "expiresAt": key.expires_at });
        self.record_key(tx, permit, &key, "api-key.create", (None, Some(after)))
            .await?;
        Ok(MadeApiKey {
            key,
            secret: SecretText::new(secret.text()),
        })
    }

    /// Replaces the secret of one of the actor's own keys; the old one stays good for a while.
    ///
    /// # Errors
    /// `InvalidInput` for the overlap, `NotFound` for the key, `Conflict` when somebody was faster.
    pub async fn rotate_api_key(
        &self,
        permit: &Permit,
        actor: &UserActor,
        input: RotateApiKey,
    ) -> Result<MadeApiKey, AppError> {
        if input.overlap < Duration::zero() || input.overlap > OVERLAP_MAX {
            let most = OVERLAP_MAX.num_seconds();
            let message = format!("choose between 0 and {most}");
            return Err(AppError::field("overlapSeconds", message));
        }
        let found = self.store.find_api_key(permit.scope(), input.id).await?;
        let before = found.filter(|it| it.user == actor.id);
        let before = before.ok_or_else(|| AppError::not_found("API key"))?;
        let secret = ApiKeySecret::renewed(before.prefix.clone(), rand::random());
        let until = self.clock.now() + input.overlap;
        let mut tx = self.store.begin().await?;
        let hashes = (before.secret_hash.as_str(), secret.hash());
        let done = tx.rotate_api_key(before.id, (hashes.0, &hashes.1), until);
        if !done.await? {
            let message = "the key was replaced by somebody else; read it again";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let after = json!({ "previousUntil": until });
        self.record_key(tx, permit, &before, "api-key.rotate", (None, Some(after)))
            .await?;
        let key = self.store.find_api_key(permit.scope(), input.id).await?;
        Ok(MadeApiKey {
            key: key.ok_or_else(|| AppError::not_found("API key"))?,
            secret: SecretText::new(secret.text()),
        })
    }

    /// Disables or enables a key: one's own, or, for who manages people, anybody's. What is so already
    /// stays as it is.
    ///
    /// # Errors
    /// `NotFound` for the key.
    pub async fn set_api_key_enabled(
        &self,
        permit: &Permit,
        actor: &UserActor,
        id: ApiKeyId,
        is_enabled: bool,
    ) -> Result<ApiKey, AppError> {
        let before = self.managed_key(permit, actor, id).await?;
        let mut tx = self.store.begin().await?;
        let disabled_at = (!is_enabled).then(|| self.clock.now());
        if !tx.update_api_key_disabled(id, disabled_at).await? {
            return Ok(before);
        }
        let action = if is_enabled {
            "api-key.enable"
        } else {
            "api-key.disable"
        };
        let words = |is_enabled: bool| Some(json!({ "isEnabled": is_enabled }));
        let change = (words(!is_enabled), words(is_enabled));
        self.record_key(tx, permit, &before, action, change).await?;
        Ok(ApiKey {
            disabled_at,
            ..before
        })
    }

    /// Deletes a key for ever: one's own, or, for who manages people, anybody's.
    ///
    /// # Errors
    /// `NotFound` for the key.
    pub async fn delete_api_key(
        &self,
        permit: &Permit,
        actor: &UserActor,
        id: ApiKeyId,
    ) -> Result<ApiKey, AppError> {
        let before = self.managed_key(permit, actor, id).await?;
        let mut tx = self.store.begin().await?;
        if !tx.delete_api_key(id).await? {
            return Err(AppError::not_found("API key"));
        }
        let was = json!({ "name": before.name, "prefix": before.prefix });
        self.record_key(tx, permit, &before, "api-key.delete", (Some(was), None))
            .await?;
        Ok(before)
    }

    /// A page of keys: one's own, or, for who manages people, everybody's.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_api_keys(
        &self,
        permit: &Permit,
        actor: &UserActor,
        page: PageRequest,
    ) -> Result<Page<ApiKey>, AppError> {
        let only = (!actor.role.may(Permission::ManagePeople)).then_some(actor.id);
        Ok(self.store.list_api_keys(permit.scope(), only, page).await?)
    }

    async fn managed_key(
        &self,
        permit: &Permit,
        actor: &UserActor,
        id: ApiKeyId,
    ) -> Result<ApiKey, AppError> {
        let found = self.store.find_api_key(permit.scope(), id).await?;
        let manages = actor.role.may(Permission::ManagePeople);
        found
            .filter(|key| manages || key.user == actor.id)
            .ok_or_else(|| AppError::not_found("API key"))
    }

    /// Writes event and audit entry, and commits.
    async fn record_key(
        &self,
        mut tx: Tx,
        permit: &Permit,
        key: &ApiKey,
        action: &'static str,
        change: (Option<Value>, Option<Value>),
    ) -> Result<(), AppError> {
        let fact = AccessChange::ApiKey { key: key.id };
        let event = self.access_event(key.organization, key.user, fact);
        tx.emit(&event);
        let object = ("api-key", key.id.to_string());
        tx.audit(permit.audit(&self.ids, action, object, None, change));
        tx.commit().await?;
        self.credentials.heed(&event.fact);
        Ok(())
    }

    /// Refuses one more API key or SDK token than the organization allows.
    pub(crate) async fn check_room_for_credential(
        &self,
        tx: &mut Tx,
        actor: &UserActor,
    ) -> Result<(), AppError> {
        let most = tx
            .lock_limits(actor.organization)
            .await?
            .max_program_credentials;
        let count = tx.count_program_credentials(actor.organization).await?;
        if count < u64::from(most) {
            return Ok(());
        }
        let message = format!(
            "the organization has {count} API keys and SDK tokens of at most {most}; delete some, or \
             raise `maxProgramCredentials`"
        );
        Err(AppError::new(ErrorCode::Conflict, message))
    }
}

/// An end that is neither past nor later than the organization allows.
pub(crate) fn check_end(
    errors: &mut FieldErrors,
    end: DateTime<Utc>,
    now: DateTime<Utc>,
    latest: DateTime<Utc>,
) {
    if end <= now {
        errors.add("expiresAt", "is past; choose a later time");
    } else if end > latest {
        let message = format!("is later than the organization allows, which is {latest}");
        errors.add("expiresAt", message);
    }
}
