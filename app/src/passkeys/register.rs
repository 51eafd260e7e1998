//! Making a passkey.

use aim_domain::id::PasskeyId;
use aim_domain::session::Client;
use aim_store::StoreError;
use aim_store::passkeys::Passkey;
use aim_store::users::User;
use serde_json::{Value, json};
use webauthn_rp::response::register::Registration;

use super::site::{Made, challenge_hash};
use super::{FactorProof, Kind, NAME_MAX_BYTES, PASSKEYS_MAX, bytes_of};
use crate::error::FieldErrors;
use crate::{App, AppError, ErrorCode, UserActor};

/// What a registration made.
pub struct NewPasskey {
    /// The passkey.
    pub passkey: Passkey,
    /// Codes that stand in for a lost factor, where the person had none; shown once.
    pub recovery_codes: Option<Vec<String>>,
}

impl std::fmt::Debug for NewPasskey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewPasskey")
            .field("passkey", &self.passkey.id)
            .finish_non_exhaustive()
    }
}

fn too_many() -> AppError {
    let message = format!("you have {PASSKEYS_MAX} passkeys, which is the most; remove one first");
    AppError::new(ErrorCode::Conflict, message)
}

/// A good name of a passkey.
pub(super) fn named(name: &str) -> Result<String, AppError> {
    let name = name.trim();
    let mut errors = FieldErrors::default();
    errors.text("name", name, NAME_MAX_BYTES);
    if name.is_empty() {
        errors.add("name", "is empty; say which authenticator it is");
    }
    errors.finish()?;
    Ok(name.to_owned())
}

impl App {
    /// Begins to make a passkey: what `navigator.credentials.create` takes as `publicKey`.
    ///
    /// # Errors
    /// `InvalidInput` for a wrong password, and for a wrong proof where a factor is on; `Conflict`
    /// when there are too many, or where passkeys cannot be used.
    pub async fn begin_passkey_registration(
        &self,
        actor: &UserActor,
        (password, proof): (&str, FactorProof<'_>),
        client: &Client,
        request_id: &str,
    ) -> Result<Value, AppError> {
        let site = self.passkey_site()?;
        let user = self.check_own_password(actor, password, client).await?;
        let factors = self.factors_of(user.id).await?;
        if factors.passkeys.len() as u64 >= PASSKEYS_MAX {
            return Err(too_many());
        }
        if factors.are_on() {
            let session = actor.session.as_uuid();
            self.check_factor(&user, &factors, proof, (session, request_id))
                .await?;
        }
        let begun = site.begin_registration(&user, &factors.passkeys)?;
        let ceremony = (Kind::Register, actor.session.as_uuid());
        self.keep_ceremony(&user, ceremony, begun).await
    }

    /// Makes the passkey by what the authenticator answered. It counts at once.
    ///
    /// # Errors
    /// `InvalidInput` for a name or an answer that is not good, `Conflict` when somebody has it.
    pub async fn finish_passkey_registration(
        &self,
        actor: &UserActor,
        name: &str,
        credential: &Value,
        request_id: &str,
    ) -> Result<NewPasskey, AppError> {
        let name = named(name)?;
        let site = self.passkey_site()?;
        let user = self.get_own(actor).await?;
        let made = {
            let wrong = |words: &str| AppError::field("credential", words);
            let bytes = bytes_of("credential", credential)?;
            let unread = "is not what `navigator.credentials.create` answers, as JSON";
            let answer = Registration::from_json_relaxed(&bytes).map_err(|_| wrong(unread))?;
            let challenge = answer.challenge_relaxed().map_err(|_| wrong(unread))?;
            let ceremony = (Kind::Register, actor.session.as_uuid());
            let hash = challenge_hash(challenge);
            let state = self.take_ceremony(user.id, ceremony, &hash).await?;
            let state = state.ok_or_else(|| {
                wrong("answers a challenge that is not good, or not any more; begin again")
            })?;
            site.register(&state, &answer).map_err(wrong)?
        };
        self.add_passkey(&user, name, made, request_id).await
    }

    async fn add_passkey(
        &self,
        user: &User,
        name: String,
        made: Made,
        request_id: &str,
    ) -> Result<NewPasskey, AppError> {
        let by_time = self.store.find_second_factor(user.id).await?;
        let has_codes = by_time.is_some_and(|factor| factor.confirmed_at.is_some());
        let passkey = Passkey {
            id: PasskeyId::from_uuid(self.ids.next()),
            organization: user.organization,
            user: user.id,
            name,
            credential: made.credential,
            public_state: made.public_state,
            moving_state: made.moving_state,
            transports: made.transports,
            created_at: self.clock.now(),
            last_used_at: None,
        };
        let mut tx = self.store.begin().await?;
        let before = tx.lock_passkeys(user.id).await?;
        if before >= PASSKEYS_MAX {
            return Err(too_many());
        }
        tx.insert_passkey(&passkey)
            .await
            .map_err(|error| match error {
                StoreError::Duplicate(_) => {
                    AppError::new(ErrorCode::Conflict, "this passkey is registered already")
                }
                other => other.into(),
            })?;
        let recovery_codes = match tx.count_recovery_codes(user.id).await? {
            0 => Some(self.new_recovery_codes(&mut tx, user.id).await?),
            _ => None,
        };
        let after = json!({ "name": passkey.name });
        let action = "passkey.register";
        self.note_passkey(&mut tx, user, (action, passkey.id), Some(after), request_id);
        if before == 0 && !has_codes {
            self.emit_factor(&mut tx, user, true);
        }
        tx.commit().await?;
        Ok(NewPasskey {
            passkey,
            recovery_codes,
        })
    }
}
