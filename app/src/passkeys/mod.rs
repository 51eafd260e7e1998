//! Passkeys (WebAuthn) as a second factor.
//!
//! A challenge is in the database, so that any node can judge its answer: by its hash, its state sealed,
//! bound to a person and to the session or half-done sign-in that asked. It is used up by the first answer,
//! right or wrong. What is judged, and how, is the library's; what it is bound to is ours.

mod manage;
mod register;
mod site;
mod use_passkey;

use aim_domain::id::UserId;
use aim_store::passkeys::{Ceremony, Passkey};
use aim_store::second_factors::SecondFactor;
use aim_store::users::User;
use chrono::Duration;
use serde_json::Value;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{App, AppError};
use site::{Begun, Site};

pub use register::NewPasskey;

/// Most passkeys of a person.
const PASSKEYS_MAX: u64 = 10;
/// How long an authenticator may take, which asks a person.
const CEREMONY_LIFE: Duration = Duration::minutes(5);
/// Longest answer of an authenticator that is looked at: RSA keys and certificates fit.
const ANSWER_MAX_BYTES: usize = 16 * 1024;
/// Longest name of a passkey.
const NAME_MAX_BYTES: usize = 100;
const PURPOSE: &str = "passkey ceremony";

/// What a challenge was given out for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Register,
    Use,
}

impl Kind {
    const fn text(self) -> &'static str {
        match self {
            Self::Register => "REGISTER",
            Self::Use => "USE",
        }
    }
}

/// What shows that somebody has their second factor: one of the two.
#[derive(Clone, Copy, Default)]
pub struct FactorProof<'a> {
    /// A code by time, or a recovery code.
    pub code: Option<&'a str>,
    /// What a passkey answered, as browsers write it.
    pub passkey: Option<&'a Value>,
}

impl std::fmt::Debug for FactorProof<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FactorProof").finish_non_exhaustive()
    }
}

/// What a person has of second factors that count.
#[derive(Debug)]
pub(crate) struct Factors {
    pub(crate) by_time: Option<SecondFactor>,
    pub(crate) passkeys: Vec<Passkey>,
}

impl Factors {
    /// Whether signing in asks for one.
    pub(crate) fn are_on(&self) -> bool {
        self.by_time.is_some() || !self.passkeys.is_empty()
    }
}

impl App {
    /// What a person has of second factors.
    pub(crate) async fn factors_of(&self, user: UserId) -> Result<Factors, AppError> {
        let by_time = self.store.find_second_factor(user).await?;
        Ok(Factors {
            by_time: by_time.filter(|factor| factor.confirmed_at.is_some()),
            passkeys: self.store.list_passkeys(user).await?,
        })
    }

    fn passkey_site(&self) -> Result<Site, AppError> {
        Site::of(self.accounts.base_url.as_deref())
    }

    /// Keeps what is needed to judge the answer to a challenge; what the browser needs.
    async fn keep_ceremony(
        &self,
        user: &User,
        (kind, bound_to): (Kind, Uuid),
        begun: Begun,
    ) -> Result<Value, AppError> {
        let id = self.ids.next();
        let sealed = self.sealer()?.seal(PURPOSE, id.as_bytes(), &begun.state)?;
        let mut tx = self.store.begin().await?;
        tx.put_ceremony(&Ceremony {
            id,
            organization: user.organization,
            user: user.id,
            kind: kind.text(),
            bound_to,
            challenge_hash: begun.challenge_hash,
            state: sealed,
            expires_at: self.clock.now() + CEREMONY_LIFE,
        })
        .await?;
        tx.commit().await?;
        Ok(begun.options)
    }

    /// Uses a challenge up, before anything is judged; its state, if it is good for this.
    async fn take_ceremony(
        &self,
        user: UserId,
        (kind, bound_to): (Kind, Uuid),
        challenge_hash: &str,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, AppError> {
        let mut tx = self.store.begin().await?;
        let whose = (user, kind.text(), bound_to);
        let taken = tx.take_ceremony(whose, challenge_hash).await?;
        tx.commit().await?;
        let Some((id, sealed)) = taken else {
            return Ok(None);
        };
        Ok(self.sealer()?.open(PURPOSE, id.as_bytes(), &sealed))
    }
}

/// The bytes of an answer, unless it is too long to be one.
fn bytes_of(field: &str, answer: &Value) -> Result<Vec<u8>, AppError> {
    let bytes = serde_json::to_vec(answer).unwrap_or_default();
    if bytes.len() > ANSWER_MAX_BYTES {
        let message = format!(
            "has {} bytes; an authenticator's answer has at most {ANSWER_MAX_BYTES}",
            bytes.len()
        );
        return Err(AppError::field(field, message));
    }
    Ok(bytes)
}
