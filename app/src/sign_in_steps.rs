//! Signing in in two steps: the first answers a challenge, the second takes a code or a passkey.

use aim_domain::session::SignInMethod;
use aim_store::second_factors::Challenge;
use aim_store::users::User;
use chrono::{DateTime, Duration, Utc};
use zeroize::Zeroizing;

use crate::passkeys::FactorProof;
use crate::token::{hash_of_given, new_token, token_hash};
use crate::{App, AppError};

/// How long the second step may take.
const CHALLENGE_LIFE: Duration = Duration::minutes(5);
/// Attempts at one challenge.
const ATTEMPTS_MAX: i32 = 5;

/// A sign-in that is half done. The token is shown once.
pub struct OpenChallenge {
    /// For `completeSignIn`.
    pub token: Zeroizing<String>,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
    /// Whether a second factor is asked for.
    pub needs_code: bool,
    /// Whether a passkey can be it.
    pub has_passkey: bool,
}

impl std::fmt::Debug for OpenChallenge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenChallenge").finish_non_exhaustive()
    }
}

/// How far a first step came.
#[derive(Debug)]
pub enum SignInStep {
    /// It is all that is asked for.
    Done(Box<User>),
    /// A code is asked for.
    Challenge(OpenChallenge),
}

fn not_good() -> AppError {
    AppError::field("challenge", "is not good, or not any more; sign in again")
}

impl App {
    /// The next step for somebody whose password is right.
    ///
    /// # Errors
    /// [`AppError`] when the database cannot be asked.
    pub async fn next_step(&self, user: User) -> Result<SignInStep, AppError> {
        if self.factors_of(user.id).await?.are_on() {
            let challenge = self.open_challenge(&user, SignInMethod::Password).await?;
            return Ok(SignInStep::Challenge(challenge));
        }
        Ok(SignInStep::Done(Box::new(user)))
    }

    /// A half-done sign-in of somebody who did the first step.
    pub(crate) async fn open_challenge(
        &self,
        user: &User,
        method: SignInMethod,
    ) -> Result<OpenChallenge, AppError> {
        let factors = self.factors_of(user.id).await?;
        let token = new_token();
        let expires_at = self.clock.now() + CHALLENGE_LIFE;
        let mut tx = self.store.begin().await?;
        tx.insert_challenge(&Challenge {
            id: self.ids.next(),
            organization: user.organization,
            user: user.id,
            token_hash: token_hash(&token),
            method,
            token_generation: user.token_generation,
            expires_at,
        })
        .await?;
        tx.commit().await?;
        Ok(OpenChallenge {
            token,
            expires_at,
            needs_code: factors.are_on(),
            has_passkey: !factors.passkeys.is_empty(),
        })
    }

    /// A sign-in that is half done, and whose it is.
    pub(crate) async fn half_done_sign_in(
        &self,
        token: &str,
    ) -> Result<(Challenge, User), AppError> {
        let hash = hash_of_given(token).ok_or_else(not_good)?;
        let found = self.store.find_challenge(&hash).await?;
        let challenge = found.ok_or_else(not_good)?;
        let user = self.store.find_user(challenge.user).await?;
        let same = |user: &User| user.token_generation == challenge.token_generation;
        let user = user.filter(same).ok_or_else(not_good)?;
        Ok((challenge, user))
    }

    /// Finishes a sign-in: who it is, and how the first step was done. A challenge is good once; a
    /// wrong code or passkey leaves it good for a few more.
    ///
    /// # Errors
    /// `InvalidInput` for a challenge that is not good and for a wrong proof, `RateLimited` while
    /// codes are not looked at.
    pub async fn complete_sign_in(
        &self,
        token: &str,
        proof: FactorProof<'_>,
        request_id: &str,
    ) -> Result<(User, SignInMethod), AppError> {
        let (challenge, user) = self.half_done_sign_in(token).await?;
        let factors = self.factors_of(user.id).await?;
        if factors.are_on() {
            let mut tx = self.store.begin().await?;
            if !tx.try_challenge(challenge.id, ATTEMPTS_MAX).await? {
                return Err(not_good());
            }
            tx.commit().await?;
            self.check_factor(&user, &factors, proof, (challenge.id, request_id))
                .await?;
        }
        let mut tx = self.store.begin().await?;
        if !tx.use_challenge(challenge.id).await? {
            return Err(not_good());
        }
        tx.commit().await?;
        Ok((user, challenge.method))
    }
}
