//! Passwords: argon2id, off the async threads, a bounded number at a time.

use std::sync::Arc;

use aim_store::users::User;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use zxcvbn::{Score, zxcvbn};

use crate::{App, AppError, ErrorCode};

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
        // As often for accounts that there are as for those that there are not: a test counts.
        metrics::counter!("aim_password_hashes_total").increment(1);
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

/// What makes a password easy to guess, if something does: leaked and common passwords, words, names,
/// dates, keyboard patterns, and what stands in the account itself.
fn weakness(password: &str, own_words: &[&str]) -> Option<String> {
    let found = zxcvbn(password, own_words);
    if found.score() >= Score::Three {
        return None;
    }
    let warning = found
        .feedback()
        .and_then(zxcvbn::feedback::Feedback::warning);
    let warning = warning.map(|it| format!(": {it}")).unwrap_or_default();
    Some(format!(
        "is easy to guess{}; use several uncommon words",
        warning.trim_end_matches('.')
    ))
}

/// What stands in an account, whole, in parts and without what is between them.
fn own_words(email: &str, name: &str) -> Vec<String> {
    let local = email.split('@').next().unwrap_or_default();
    let mut words = vec!["aim".to_owned()];
    for text in [email, local, name] {
        let parts = text.split(|c: char| !c.is_alphanumeric());
        let parts: Vec<_> = parts.filter(|part| part.chars().count() > 2).collect();
        words.extend(parts.iter().map(|part| (*part).to_owned()));
        words.extend([text.to_owned(), parts.concat()]);
    }
    words
}

impl App {
    /// The hash of a new password for `user`, if it may be theirs: long enough for their organization,
    /// hard to guess, and not made of their own name.
    pub(crate) async fn hash_new_password(
        &self,
        field: &str,
        user: &User,
        password: &str,
    ) -> Result<String, AppError> {
        let limits = self.store.load_limits(user.organization).await?;
        let least = limits.password_min_chars as usize;
        let chars = password.chars().count();
        if chars < least || password.len() > PASSWORD_MAX_BYTES {
            let message = format!(
                "has {chars} characters; use {least} or more, at most {PASSWORD_MAX_BYTES} bytes"
            );
            return Err(AppError::field(field, message));
        }
        let (own, asked) = (own_words(&user.email, &user.name), password.to_owned());
        let weakness = self.passwords.run(move || {
            let words: Vec<&str> = own.iter().map(String::as_str).collect();
            weakness(&asked, &words)
        });
        if let Some(weakness) = weakness.await? {
            return Err(AppError::field(field, weakness));
        }
        self.passwords.hash(password.to_owned()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everybody_tries_is_refused_and_words_that_nobody_strings_together_are_not() {
        let own = own_words("jane.doe@example.com", "Jane Doe");
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        for weak in [
            "password1234",
            "qwertyuiop123",
            "iloveyou1234",
            "aaaaaaaaaaaaaaaa",
            "123456789012",
            "jane.doe@example.com",
            "janedoe2024!",
        ] {
            assert!(weakness(weak, &own).is_some(), "{weak}");
        }
        for strong in [
            "correct horse battery staple",
            "9f3a-77c0-b1de-42aa",
            "Zwölf Boxkämpfer jagen",
        ] {
            assert_eq!(weakness(strong, &own), None, "{strong}");
        }
        let said = weakness("password1234", &own).unwrap();
        assert!(said.starts_with("is easy to guess"), "{said}");
    }
}
