//! Showing that one has a passkey.

use aim_store::passkeys::Passkey;
use aim_store::users::User;
use serde_json::Value;
use uuid::Uuid;
use webauthn_rp::response::auth::NonDiscoverableAuthentication16;

use super::site::{Refused, challenge_hash};
use super::{FactorProof, Factors, Kind, bytes_of};
use crate::accounts::By;
use crate::{App, AppError, ErrorCode, UserActor};

fn wrong(words: &str) -> AppError {
    AppError::field("passkey", words)
}

impl App {
    /// Asks whoever signs in for a passkey: what `navigator.credentials.get` takes as `publicKey`.
    ///
    /// # Errors
    /// `InvalidInput` for a challenge of `signIn` that is not good, `Conflict` without passkeys.
    pub async fn begin_passkey_sign_in(&self, token: &str) -> Result<Value, AppError> {
        let (half_done, user) = self.half_done_sign_in(token).await?;
        self.ask_for_passkey(&user, half_done.id).await
    }

    /// Asks a signed-in person for a passkey, for whatever asks for their second factor.
    ///
    /// # Errors
    /// `Conflict` without passkeys.
    pub async fn begin_passkey_check(&self, actor: &UserActor) -> Result<Value, AppError> {
        let user = self.get_own(actor).await?;
        self.ask_for_passkey(&user, actor.session.as_uuid()).await
    }

    async fn ask_for_passkey(&self, user: &User, bound_to: Uuid) -> Result<Value, AppError> {
        let site = self.passkey_site()?;
        let has = self.store.list_passkeys(user.id).await?;
        let begun = site.begin_assertion(&has)?;
        self.keep_ceremony(user, (Kind::Use, bound_to), begun).await
    }

    /// Whether somebody has a second factor of theirs: by a code, or by a passkey that answers the
    /// challenge given out to `bound_to`.
    ///
    /// # Errors
    /// `InvalidInput` when they have not, `RateLimited` while codes are not looked at.
    pub(crate) async fn check_factor(
        &self,
        user: &User,
        factors: &Factors,
        proof: FactorProof<'_>,
        (bound_to, request_id): (Uuid, &str),
    ) -> Result<(), AppError> {
        match (proof.code, proof.passkey) {
            (Some(_), Some(_)) => Err(wrong("comes with a code; give one of the two")),
            (None, Some(answer)) => {
                let whose = (user, factors.passkeys.as_slice());
                self.check_passkey(whose, answer, (bound_to, request_id))
                    .await
            }
            (code, None) => {
                let code = code.unwrap_or_default();
                self.check_code(user, factors.by_time.as_ref(), code).await
            }
        }
    }

    async fn check_passkey(
        &self,
        (user, has): (&User, &[Passkey]),
        answer: &Value,
        (bound_to, request_id): (Uuid, &str),
    ) -> Result<(), AppError> {
        let site = self.passkey_site()?;
        let bytes = bytes_of("passkey", answer)?;
        let unread = "is not what `navigator.credentials.get` answers, as JSON";
        let answer = NonDiscoverableAuthentication16::from_json_relaxed(&bytes);
        let answer = answer.map_err(|_| wrong(unread))?;
        let challenge = answer.challenge_relaxed().map_err(|_| wrong(unread))?;
        let ceremony = (Kind::Use, bound_to);
        let hash = challenge_hash(challenge);
        let state = self.take_ceremony(user.id, ceremony, &hash).await?;
        let state = state.ok_or_else(|| {
            wrong("answers a challenge that is not good, or not any more; begin again")
        })?;
        let credential = answer.raw_id();
        let known = has
            .iter()
            .find(|passkey| passkey.credential == credential.as_ref());
        let known = known.ok_or_else(|| wrong("is none of yours"))?;
        match site.judge(&state, user, known, &answer) {
            Ok(moved) => self.note_use(known, &moved).await,
            Err(Refused::Because(words)) => Err(wrong(words)),
            Err(Refused::Copied) => {
                self.note_copy(user, known, request_id).await?;
                let words = "was used elsewhere meanwhile, or its authenticator was copied; use \
                             another factor, and remove it";
                Err(wrong(words))
            }
        }
    }

    /// Of two answers that come at one time one moves the counter; the other has to come again.
    async fn note_use(&self, known: &Passkey, moved: &[u8]) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        if !tx.use_passkey(known.id, &known.moving_state, moved).await? {
            let message = "this passkey is in use at the same time elsewhere; begin again";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        Ok(tx.commit().await?)
    }

    async fn note_copy(
        &self,
        user: &User,
        known: &Passkey,
        request_id: &str,
    ) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        let object = ("passkey", known.id.to_string());
        let organization = user.organization;
        let action = "passkey.refuse-copy";
        let mut entry = self.account_audit(organization, By::System, action, object, request_id);
        entry.reason = Some("its counter did not move on".to_owned());
        tx.audit(entry);
        tx.commit().await?;
        metrics::counter!("aim_passkey_copies_refused_total").increment(1);
        tracing::warn!(passkey = %known.id, user = %user.id, "the counter of a passkey went back");
        Ok(())
    }
}
