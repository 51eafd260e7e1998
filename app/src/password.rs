//! Passwords: argon2id, off the async threads, a bounded number at a time.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::{AppError, ErrorCode};

/// Least characters of a password (NIST SP 800-63B asks for at least 8).
pub(crate) const PASSWORD_MIN_CHARS: usize = 12;
/// Most bytes of a password: hashing must not be a way to burn our memory.
pub(crate) const PASSWORD_MAX_BYTES: usize = 256;
/// Hashes at one time: each takes 19 MiB and about 20 ms of a core.
const AT_ONCE: usize = 2;

/// The hasher.
#[derive(Debug, Clone)]
pub(crate) struct Passwords(Arc<Semaphore>);

impl Default for Passwords {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

impl Passwords {
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AppError> {
        let internal = || AppError::new(ErrorCode::Internal, "internal error");
        let _turn = self.0.acquire().await.map_err(|_| internal())?;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| internal())
    }

    /// The PHC form of a password's hash.
    pub(crate) async fn hash(&self, password: String) -> Result<String, AppError> {
        self.run(move || {
            argon2()
                .hash_password(password.as_bytes())
                .map(|hash| hash.to_string())
        })
        .await?
        .map_err(|_| AppError::new(ErrorCode::Internal, "internal error"))
    }

    /// Whether the password is the one of `hash`. Without a hash the same time is spent, so that
    /// an unknown e-mail address cannot be told from a wrong password.
    pub(crate) async fn matches(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, AppError> {
        self.run(move || match hash {
            Some(hash) => PasswordHash::new(&hash)
                .is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok()),
            None => argon2().hash_password(password.as_bytes()).is_err(),
        })
        .await
    }
}
