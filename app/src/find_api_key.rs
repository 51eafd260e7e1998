//! Whose is this API key, and is it still good?

use std::collections::HashMap;
use std::sync::Arc;

use aim_domain::id::{ApiKeyId, OrganizationId, UserId};
use aim_domain::role::{Permission, Role};
use aim_domain::secret::ApiKeySecret;
use aim_store::api_keys::ApiKey;
use chrono::{DateTime, Utc};
use parking_lot::Mutex;

use crate::{Actor, App, AppError, ErrorCode, ProgramActor};

/// A key that is good, with what its requests need.
#[derive(Debug)]
pub(crate) struct LiveKey {
    pub(crate) id: ApiKeyId,
    pub(crate) prefix: Arc<str>,
    pub(crate) owner: UserId,
    organization: OrganizationId,
    role: Role,
    given: Vec<Permission>,
    /// What is kept of its secrets, each with its end.
    hashes: Vec<(String, Option<DateTime<Utc>>)>,
    expires_at: Option<DateTime<Utc>>,
}

impl LiveKey {
    fn new(key: ApiKey, role: Role) -> Self {
        let mut hashes = vec![(key.secret_hash, None)];
        if let (Some(hash), Some(until)) = (key.previous_hash, key.previous_until) {
            hashes.push((hash, Some(until)));
        }
        Self {
            id: key.id,
            prefix: key.prefix.into(),
            owner: key.user,
            organization: key.organization,
            role,
            given: key.permissions,
            hashes,
            expires_at: key.expires_at,
        }
    }

    fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether the secret is one of its own.
    fn is_shown_by(&self, secret: &ApiKeySecret, now: DateTime<Utc>) -> bool {
        let good = |until: &Option<DateTime<Utc>>| until.is_none_or(|until| now < until);
        let mut kept = self.hashes.iter();
        kept.any(|(hash, until)| good(until) && secret.is_of(hash))
    }

    fn actor(&self) -> Actor {
        Actor::ApiKey(ProgramActor {
            id: self.id.as_uuid(),
            organization: self.organization,
            owner: self.owner,
            given: self.given.clone(),
            role: self.role,
            prefix: Some(self.prefix.to_string()),
        })
    }
}

/// When keys were last used, until that is written down.
#[derive(Debug, Default)]
pub(crate) struct UsedKeys(Mutex<HashMap<ApiKeyId, DateTime<Utc>>>);

impl UsedKeys {
    fn note(&self, key: ApiKeyId, now: DateTime<Utc>) {
        self.0.lock().insert(key, now);
    }

    /// Notes again what could not be written, unless something later was noted.
    pub(crate) fn put_back(&self, used: Vec<(ApiKeyId, DateTime<Utc>)>) {
        let mut noted = self.0.lock();
        for (key, at) in used {
            noted.entry(key).or_insert(at);
        }
    }

    /// All that was noted; forgotten here.
    pub(crate) fn take(&self) -> Vec<(ApiKeyId, DateTime<Utc>)> {
        self.0.lock().drain().collect()
    }
}

/// The words for a key that is not good, whatever the reason.
fn refused() -> AppError {
    let message = "the API key is not good: unknown, disabled, expired or replaced";
    AppError::new(ErrorCode::Unauthenticated, message)
}

impl App {
    /// The program that shows this key. Warm, no SQL is read.
    ///
    /// # Errors
    /// `Unauthenticated`, in the same words whatever is wrong with it or its person.
    pub async fn find_api_key_actor(&self, text: &str) -> Result<Actor, AppError> {
        let secret = ApiKeySecret::parse(text).ok_or_else(refused)?;
        let key = self.live_key(secret.prefix()).await?;
        let now = self.clock.now();
        if !key.is_shown_by(&secret, now) {
            return Err(refused());
        }
        self.used_keys.note(key.id, now);
        Ok(key.actor())
    }

    /// The same for a connection whose key was checked when it was opened.
    pub(crate) async fn find_api_key_again(&self, prefix: &str) -> Result<Actor, AppError> {
        Ok(self.live_key(prefix).await?.actor())
    }

    async fn live_key(&self, prefix: &str) -> Result<Arc<LiveKey>, AppError> {
        let now = self.clock.now();
        if self.cache.is_live(now)
            && let Some(known) = self.credentials.key(prefix)
        {
            return if known.is_live(now) {
                Ok(known)
            } else {
                Err(refused())
            };
        }
        let generation = self.credentials.generation();
        let key = self.store.find_api_key_by_prefix(prefix).await?;
        let key = key
            .filter(|it| it.disabled_at.is_none())
            .ok_or_else(refused)?;
        let owner = self.store.find_user(key.user).await?;
        let owner = owner
            .filter(|it| !it.must_change_password)
            .ok_or_else(refused)?;
        let live = Arc::new(LiveKey::new(key, owner.role));
        if !live.is_live(now) {
            return Err(refused());
        }
        self.credentials.keep_key(&live, generation);
        Ok(live)
    }
}
