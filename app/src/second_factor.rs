//! Second factors: codes by time (RFC 6238), and codes that stand in for a lost one.
//!
//! The secret is sealed; a code is good once, and only if no later one was used; guesses are counted
//! before they are looked at.

use aim_domain::access::AccessChange;
use aim_domain::id::UserId;
use aim_domain::session::Client;
use aim_store::Tx;
use aim_store::second_factors::SecondFactor;
use aim_store::users::User;
use chrono::{DateTime, Duration, Utc};
use rand::RngExt;
use totp_rs::{Algorithm, Builder, Totp};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::accounts::By;
use crate::passkeys::{FactorProof, Factors};
use crate::password::PASSWORD_MAX_BYTES;
use crate::token::token_hash;
use crate::{App, AppError, ErrorCode, UserActor};

const PURPOSE: &str = "second factor";
/// Bytes of a secret (RFC 4226 recommends 160 bits).
const SECRET_BYTES: usize = 20;
/// Seconds of a code, digits, and codes before and after the present one that are taken, too.
const STEP_SECONDS: u64 = 30;
const DIGITS: u8 = 6;
const SKEW: u16 = 1;
/// How many codes stand in for a lost factor.
const RECOVERY_CODES: usize = 10;
/// Characters of one, without look-alikes: 16 of them carry 80 bits.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
const RECOVERY_LENGTH: usize = 16;
/// Wrong guesses until the factor is locked.
const GUESSES_MAX: i32 = 5;
/// Longest lock. It doubles from 30 s on with each guess more, and never keeps the owner out for
/// longer; recovery codes are taken all the time.
const LOCK_MAX: Duration = Duration::minutes(15);
/// Longest code that is looked at.
const CODE_MAX_BYTES: usize = 64;

/// What is shown once, for an authenticator to keep.
pub struct NewSecondFactor {
    /// The secret in base32.
    pub secret: Zeroizing<String>,
    /// The same as a link that authenticators read from a picture.
    pub uri: Zeroizing<String>,
}

impl std::fmt::Debug for NewSecondFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewSecondFactor").finish_non_exhaustive()
    }
}

/// What a person has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecondFactorState {
    /// Since when codes by time count.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// Passkeys.
    pub passkeys: u64,
    /// Codes that are left.
    pub recovery_codes: u64,
}

fn totp(secret: &[u8], email: &str) -> Result<Totp, AppError> {
    let made = Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(DIGITS)
        .with_skew(SKEW)
        .with_step_duration(STEP_SECONDS)
        .with_secret(secret)
        .with_issuer(Some("AIM"))
        .with_account_name(email)
        .build();
    made.map_err(|error| {
        tracing::error!(%error, "second factor");
        AppError::new(ErrorCode::Internal, "internal error")
    })
}

/// How long a factor is locked after so many wrong guesses.
fn lock(guesses: i32) -> Option<Duration> {
    let over = u32::try_from(guesses.checked_sub(GUESSES_MAX)?).ok()?;
    let seconds = 30_i64.checked_mul(1_i64.checked_shl(over.min(20))?)?;
    Some(Duration::seconds(seconds).min(LOCK_MAX))
}

fn recovery_hash(user: UserId, code: &str) -> String {
    let plain: String = code
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    token_hash(&format!("{user}:{plain}"))
}

fn there_is_one() -> AppError {
    let message = "there is one already; take it off first";
    AppError::new(ErrorCode::Conflict, message)
}

fn wrong() -> AppError {
    AppError::field("code", "is wrong, or was used before")
}

impl App {
    /// Begins to set codes by time up. They count once one of them was shown.
    ///
    /// # Errors
    /// `InvalidInput` for a wrong password, and for a wrong proof where there is a passkey; `Conflict`
    /// when there are codes that count.
    pub async fn enroll_second_factor(
        &self,
        actor: &UserActor,
        (password, proof): (&str, FactorProof<'_>),
        client: &Client,
        request_id: &str,
    ) -> Result<NewSecondFactor, AppError> {
        let user = self.check_own_password(actor, password, client).await?;
        let factors = self.factors_of(user.id).await?;
        if factors.by_time.is_some() {
            return Err(there_is_one());
        }
        if factors.are_on() {
            let session = actor.session.as_uuid();
            self.check_factor(&user, &factors, proof, (session, request_id))
                .await?;
        }
        let mut secret = Zeroizing::new([0_u8; SECRET_BYTES]);
        rand::rng().fill(secret.as_mut_slice());
        let totp = totp(secret.as_slice(), &user.email)?;
        let owner = user.id.as_uuid();
        let new = SecondFactor {
            user: user.id,
            organization: user.organization,
            secret: self
                .sealer()?
                .seal(PURPOSE, owner.as_bytes(), secret.as_slice())?,
            confirmed_at: None,
            failed_count: 0,
            locked_until: None,
        };
        let mut tx = self.store.begin().await?;
        if !tx.put_second_factor(&new).await? {
            return Err(there_is_one());
        }
        self.note_factor(&mut tx, &user, "user.enroll-second-factor", request_id);
        tx.commit().await?;
        let uri = totp.to_url();
        let uri = uri.map_err(|_| AppError::new(ErrorCode::Internal, "internal error"))?;
        Ok(NewSecondFactor {
            secret: Zeroizing::new(totp.secret().to_base32()),
            uri: Zeroizing::new(uri),
        })
    }

    /// Makes a factor count by a code of it. The codes that are answered are shown once.
    ///
    /// # Errors
    /// `InvalidInput` for a wrong code, `Conflict` when there is none to confirm.
    pub async fn confirm_second_factor(
        &self,
        actor: &UserActor,
        code: &str,
        request_id: &str,
    ) -> Result<Vec<String>, AppError> {
        let user = self.get_own(actor).await?;
        let begun = self.store.find_second_factor(user.id).await?;
        let begun = begun.filter(|factor| factor.confirmed_at.is_none());
        let none = || AppError::new(ErrorCode::Conflict, "there is none to confirm; enroll one");
        let factor = begun.ok_or_else(none)?;
        self.check_code(&user, Some(&factor), code).await?;
        let mut tx = self.store.begin().await?;
        if !tx.confirm_second_factor(user.id).await? {
            return Err(none());
        }
        let codes = self.new_recovery_codes(&mut tx, user.id).await?;
        self.note_factor(&mut tx, &user, "user.confirm-second-factor", request_id);
        self.emit_factor(&mut tx, &user, true);
        tx.commit().await?;
        Ok(codes)
    }

    /// Gives new recovery codes in place of those before.
    ///
    /// # Errors
    /// `InvalidInput` for a wrong proof, `Conflict` without a factor.
    pub async fn renew_recovery_codes(
        &self,
        actor: &UserActor,
        proof: FactorProof<'_>,
        request_id: &str,
    ) -> Result<Vec<String>, AppError> {
        let (user, factors) = self.own_factors(actor).await?;
        let session = actor.session.as_uuid();
        self.check_factor(&user, &factors, proof, (session, request_id))
            .await?;
        let mut tx = self.store.begin().await?;
        let codes = self.new_recovery_codes(&mut tx, user.id).await?;
        self.note_factor(&mut tx, &user, "user.renew-recovery-codes", request_id);
        tx.commit().await?;
        Ok(codes)
    }

    /// Takes one's own codes by time off. With the last factor the recovery codes go, too.
    ///
    /// # Errors
    /// `InvalidInput` for a wrong password or proof, `Conflict` without codes by time.
    pub async fn disable_second_factor(
        &self,
        actor: &UserActor,
        (password, proof): (&str, FactorProof<'_>),
        client: &Client,
        request_id: &str,
    ) -> Result<(), AppError> {
        self.check_own_password(actor, password, client).await?;
        let (user, factors) = self.own_factors(actor).await?;
        if factors.by_time.is_none() {
            let message = "codes by time are off already; passkeys are removed by `removePasskey`";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let session = actor.session.as_uuid();
        self.check_factor(&user, &factors, proof, (session, request_id))
            .await?;
        let mut tx = self.store.begin().await?;
        let passkeys = tx.lock_passkeys(user.id).await?;
        tx.delete_codes_by_time(user.id).await?;
        self.note_factor(&mut tx, &user, "user.disable-second-factor", request_id);
        if passkeys == 0 {
            tx.delete_stand_ins(user.id).await?;
            self.emit_factor(&mut tx, &user, false);
        }
        Ok(tx.commit().await?)
    }

    /// What a person has of a second factor.
    ///
    /// # Errors
    /// [`AppError`] when the database cannot be asked.
    pub async fn second_factor_state(
        &self,
        actor: &UserActor,
    ) -> Result<SecondFactorState, AppError> {
        let factor = self.store.find_second_factor(actor.id).await?;
        Ok(SecondFactorState {
            confirmed_at: factor.and_then(|factor| factor.confirmed_at),
            passkeys: self.store.count_passkeys(actor.id).await?,
            recovery_codes: self.store.count_recovery_codes(actor.id).await?,
        })
    }

    /// Whether a code is right: the present one of the factor, if there is one, or a recovery code.
    ///
    /// # Errors
    /// `InvalidInput` when it is wrong or was used, `RateLimited` while the factor is locked.
    pub(crate) async fn check_code(
        &self,
        user: &User,
        factor: Option<&SecondFactor>,
        code: &str,
    ) -> Result<(), AppError> {
        let code = code.trim();
        if code.is_empty() || code.len() > CODE_MAX_BYTES {
            return Err(wrong());
        }
        let is_by_time =
            code.len() == usize::from(DIGITS) && code.bytes().all(|c| c.is_ascii_digit());
        if !is_by_time {
            return self.use_recovery_code(user.id, code).await;
        }
        let factor = factor.ok_or_else(wrong)?;
        let owner = user.id.as_uuid();
        let secret = self
            .sealer()?
            .open(PURPOSE, owner.as_bytes(), &factor.secret);
        let secret = secret.ok_or_else(|| {
            let message = "the second factor was sealed with another secret of this server; an \
                           administrator can reset it";
            AppError::new(ErrorCode::Conflict, message)
        })?;
        let totp = totp(&secret, &user.email)?;
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let Some(guesses) = tx.count_guess(user.id).await? else {
            let message = "too many wrong codes; try again later, or use a recovery code";
            return Err(AppError::new(ErrorCode::RateLimited, message));
        };
        let step = totp.check(code, u64::try_from(now.timestamp()).unwrap_or(0));
        let step = step.and_then(|step| i64::try_from(step).ok());
        let is_right = match step {
            Some(step) => tx.use_step(user.id, step).await?,
            None => false,
        };
        if !is_right && let Some(lock) = lock(guesses) {
            tx.lock_second_factor(user.id, now + lock).await?;
        }
        tx.commit().await?;
        is_right.then_some(()).ok_or_else(wrong)
    }

    async fn use_recovery_code(&self, user: UserId, code: &str) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        if !tx
            .use_recovery_code(user, &recovery_hash(user, code))
            .await?
        {
            return Err(wrong());
        }
        Ok(tx.commit().await?)
    }

    pub(crate) async fn new_recovery_codes(
        &self,
        tx: &mut Tx,
        user: UserId,
    ) -> Result<Vec<String>, AppError> {
        let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| recovery_code()).collect();
        let hashes: Vec<(Uuid, String)> = codes
            .iter()
            .map(|code| (self.ids.next(), recovery_hash(user, code)))
            .collect();
        tx.put_recovery_codes(user, &hashes).await?;
        Ok(codes)
    }

    async fn own_factors(&self, actor: &UserActor) -> Result<(User, Factors), AppError> {
        let user = self.get_own(actor).await?;
        let factors = self.factors_of(user.id).await?;
        if !factors.are_on() {
            let message = "there is no second factor";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        Ok((user, factors))
    }

    pub(crate) async fn get_own(&self, actor: &UserActor) -> Result<User, AppError> {
        let found = self.store.find_user(actor.id).await?;
        found.ok_or_else(|| AppError::new(ErrorCode::Unauthenticated, "sign in again"))
    }

    /// A stolen session is not enough to change how its owner signs in.
    pub(crate) async fn check_own_password(
        &self,
        actor: &UserActor,
        password: &str,
        client: &Client,
    ) -> Result<User, AppError> {
        let user = self.get_own(actor).await?;
        // Whoever found a session open has no more guesses than at the door.
        let counted = self.count_attempt(&user.email, Some(user.id), client);
        let counted = counted.await?;
        let hash = Some(user.password_hash.clone());
        if password.len() > PASSWORD_MAX_BYTES
            || !self.passwords.matches(password.to_owned(), hash).await?
        {
            return Err(AppError::field("password", "is wrong"));
        }
        self.count_back(&counted).await?;
        Ok(user)
    }

    pub(crate) fn emit_factor(&self, tx: &mut Tx, user: &User, is_on: bool) {
        let change = AccessChange::SecondFactor { is_on };
        tx.emit(&self.access_event(user.organization, user.id, change));
    }

    fn note_factor(&self, tx: &mut Tx, user: &User, action: &'static str, request_id: &str) {
        tx.audit(self.account_audit(
            user.organization,
            By::User(user.id),
            action,
            ("user", user.id.to_string()),
            request_id,
        ));
    }
}

/// Four groups of four.
fn recovery_code() -> String {
    let mut random = rand::rng();
    let mut code = String::with_capacity(RECOVERY_LENGTH + 3);
    for place in 0..RECOVERY_LENGTH {
        if place > 0 && place % 4 == 0 {
            code.push('-');
        }
        code.push(char::from(ALPHABET[random.random_range(0..ALPHABET.len())]));
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_grow_and_end() {
        let seconds = |guesses| lock(guesses).map(|it| it.num_seconds());
        assert_eq!(seconds(4), None);
        assert_eq!(seconds(5), Some(30));
        assert_eq!(seconds(6), Some(60));
        assert_eq!(seconds(10), Some(900));
        assert_eq!(seconds(i32::MAX), Some(900));
    }

    /// RFC 6238, appendix B, the SHA-1 rows, with six digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let totp = totp(b"12345678901234567890", "a@b.example").unwrap();
        for (time, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(totp.check(code, time), Some(time / STEP_SECONDS), "{time}");
            assert_eq!(totp.check(code, time + 3 * STEP_SECONDS), None, "{time}");
        }
        let uri = totp.to_url().unwrap();
        assert!(
            uri.starts_with("otpauth://totp/AIM:a%40b.example?"),
            "{uri}"
        );
    }

    #[test]
    fn a_recovery_code_is_read_however_it_is_written() {
        let user = UserId::from_uuid(Uuid::from_u128(1));
        let code = recovery_code();
        assert_eq!(code.len(), 19);
        let sloppy = code.to_uppercase().replace('-', " ");
        assert_eq!(recovery_hash(user, &code), recovery_hash(user, &sloppy));
        let other = UserId::from_uuid(Uuid::from_u128(2));
        assert_ne!(recovery_hash(user, &code), recovery_hash(other, &code));
    }
}
