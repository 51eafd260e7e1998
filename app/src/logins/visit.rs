//! The way of a browser from the first page to the answer.
//!
//! What has to be remembered meanwhile is sealed, travels with the pages and opens in the browser alone
//! that set out: a flood of beginnings fills nothing here, any node goes on, and no other site can send
//! a form of ours.

use aim_domain::id::UserId;
use aim_domain::login::{ANSWER_LIFE, device_name, is_challenge, is_loopback};
use aim_domain::session::{Client, SignInMethod};
use aim_store::users::User;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::error::FieldErrors;
use crate::passkeys::FactorProof;
use crate::sign_in_steps::{OpenChallenge, SignInStep};
use crate::{App, AppError, ErrorCode, UserActor};

const PURPOSE: &str = "login visit";
/// Longest `state` of a program.
const STATE_MAX: usize = 128;
/// Longest text that can be a sealed visit.
const SEALED_MAX: usize = 4_096;

/// What a program asks for.
#[derive(Clone, Serialize, Deserialize)]
pub enum LoginAsk {
    /// A code, by a redirect to its own machine.
    Browser {
        /// Where to.
        redirect_uri: String,
        /// Of the verifier that it will show.
        challenge: String,
        /// What it wants to hear again.
        state: String,
        /// What it calls its machine.
        device: String,
    },
    /// An answer to the program with this user code.
    Device {
        /// The code, as far as a link brought it.
        typed: String,
        /// The program, once the code was looked at.
        seen: Option<DeviceSeen>,
    },
}

/// A program that waits for an answer.
#[derive(Clone, Serialize, Deserialize)]
pub struct DeviceSeen {
    /// Its request.
    pub id: Uuid,
    /// What it calls its machine.
    pub device: String,
    /// Where it asked from.
    pub address: Option<String>,
}

/// How far the person in the browser has come.
#[derive(Clone, Serialize, Deserialize)]
pub enum LoginStage {
    /// Nobody has said who they are.
    Nobody,
    /// Somebody whose second factor is asked for.
    HalfDone {
        /// For `complete_sign_in`.
        challenge: String,
        /// Whether a passkey can be it.
        has_passkey: bool,
    },
    /// Somebody who has shown who they are.
    SignedIn {
        /// Who.
        user: UserId,
        /// Their address, to be shown.
        email: String,
        /// How.
        method: SignInMethod,
        /// It is worth nothing once their password or state changed.
        token_generation: i32,
        /// Whether they have to choose a password before anything else.
        must_change_password: bool,
    },
}

/// A browser on its way.
#[derive(Clone, Serialize, Deserialize)]
pub struct LoginVisit {
    pub(crate) id: Uuid,
    /// What for.
    pub ask: LoginAsk,
    /// How far.
    pub stage: LoginStage,
    pub(super) expires_at: DateTime<Utc>,
}

impl std::fmt::Debug for LoginAsk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LoginAsk(..)")
    }
}

impl std::fmt::Debug for DeviceSeen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceSeen")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for LoginStage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LoginStage(..)")
    }
}

impl std::fmt::Debug for LoginVisit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginVisit")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Words for a page that is too old, of another browser, or made up.
pub(super) fn begin_again() -> AppError {
    let message =
        "this page was not opened in this browser, or too long ago; run `aim login` again";
    AppError::new(ErrorCode::Unauthenticated, message)
}

fn check(ask: &LoginAsk) -> Result<(), AppError> {
    let LoginAsk::Browser {
        redirect_uri,
        challenge,
        state,
        ..
    } = ask
    else {
        return Ok(());
    };
    let mut errors = FieldErrors::default();
    if !is_loopback(redirect_uri) {
        let message = "is not `http://127.0.0.1:PORT/callback` or `http://[::1]:PORT/callback`: a \
                       login goes back to the machine that asked for it only";
        errors.add("redirect_uri", message);
    }
    if !is_challenge(challenge) {
        errors.add(
            "code_challenge",
            "is not the SHA-256 of a verifier in base64url",
        );
    }
    if state.is_empty() || state.len() > STATE_MAX || !state.bytes().all(|it| it.is_ascii_graphic())
    {
        errors.add("state", "has to be 1 to 128 visible ASCII characters");
    }
    errors.finish()
}

impl App {
    /// What tells a browser from others.
    #[must_use]
    pub fn new_login_browser(&self) -> Zeroizing<String> {
        crate::token::new_token()
    }

    /// Begins the way of a browser.
    ///
    /// # Errors
    /// `InvalidInput` for what no program of ours asks for.
    pub fn begin_login(&self, mut ask: LoginAsk) -> Result<LoginVisit, AppError> {
        check(&ask)?;
        if let LoginAsk::Browser { device, .. } = &mut ask {
            *device = device_name(device);
        }
        Ok(LoginVisit {
            id: self.ids.next(),
            ask,
            stage: LoginStage::Nobody,
            expires_at: self.clock.now() + ANSWER_LIFE,
        })
    }

    /// The visit as the browser with this secret carries it.
    ///
    /// # Errors
    /// `Internal` when it cannot be sealed.
    pub fn seal_login(
        &self,
        visit: &LoginVisit,
        browser: &str,
    ) -> Result<Zeroizing<String>, AppError> {
        let internal = |_| AppError::new(ErrorCode::Internal, "internal error");
        let text = Zeroizing::new(serde_json::to_vec(visit).map_err(internal)?);
        let sealed = self.sealer()?.seal(PURPOSE, browser.as_bytes(), &text)?;
        Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// The visit that this browser carries.
    ///
    /// # Errors
    /// `Unauthenticated` for one of another browser, one that is over, and anything else.
    pub fn open_login(&self, sealed: &str, browser: &str) -> Result<LoginVisit, AppError> {
        if sealed.len() > SEALED_MAX {
            return Err(begin_again());
        }
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| begin_again())?;
        let opened = self.sealer()?.open(PURPOSE, browser.as_bytes(), &bytes);
        let visit: Option<LoginVisit> = opened.and_then(|text| serde_json::from_slice(&text).ok());
        let visit = visit.filter(|visit| self.clock.now() < visit.expires_at);
        visit.ok_or_else(begin_again)
    }

    /// Signs the person in by password, as `signIn` does; a second factor may be asked for next.
    ///
    /// # Errors
    /// As [`App::sign_in`].
    pub async fn login_by_password(
        &self,
        visit: LoginVisit,
        (email, password): (&str, &str),
        client: &Client,
    ) -> Result<LoginVisit, AppError> {
        let user = self.sign_in(email, password, client).await?;
        let stage = match self.next_step(user).await? {
            SignInStep::Done(user) => signed_in(&user, SignInMethod::Password),
            SignInStep::Challenge(open) => half_done(&open),
        };
        Ok(LoginVisit { stage, ..visit })
    }

    /// Takes somebody on whom an issuer vouched for.
    ///
    /// # Errors
    /// [`AppError`] when the database cannot be asked.
    pub async fn login_by_issuer(
        &self,
        visit: LoginVisit,
        open: &OpenChallenge,
        request_id: &str,
    ) -> Result<LoginVisit, AppError> {
        let visit = LoginVisit {
            stage: half_done(open),
            ..visit
        };
        if open.needs_code {
            return Ok(visit);
        }
        self.login_by_factor(visit, FactorProof::default(), request_id)
            .await
    }

    /// Finishes a sign-in that a second factor is asked for, as `completeSignIn` does.
    ///
    /// # Errors
    /// As [`App::complete_sign_in`].
    pub async fn login_by_factor(
        &self,
        visit: LoginVisit,
        proof: FactorProof<'_>,
        request_id: &str,
    ) -> Result<LoginVisit, AppError> {
        let LoginStage::HalfDone { challenge, .. } = &visit.stage else {
            return Err(begin_again());
        };
        let (user, method) = self.complete_sign_in(challenge, proof, request_id).await?;
        let stage = signed_in(&user, method);
        Ok(LoginVisit { stage, ..visit })
    }

    /// Replaces a one-time password, as `changePassword` does.
    ///
    /// # Errors
    /// As [`App::change_password`].
    pub async fn login_with_new_password(
        &self,
        visit: LoginVisit,
        (current, new): (&str, &str),
        client: &Client,
        request_id: &str,
    ) -> Result<LoginVisit, AppError> {
        let (user, method) = self.visitor(&visit).await?;
        let actor = UserActor {
            id: user.id,
            organization: user.organization,
            role: user.role,
            must_change_password: user.must_change_password,
            // There is no session yet, and nothing looks for one.
            session: aim_domain::id::SessionId::from_uuid(Uuid::nil()),
        };
        let changed = self.change_password(&actor, current, new, client, request_id);
        let stage = signed_in(&changed.await?, method);
        Ok(LoginVisit { stage, ..visit })
    }

    /// Who is in the browser, as they are now.
    pub(super) async fn visitor(
        &self,
        visit: &LoginVisit,
    ) -> Result<(User, SignInMethod), AppError> {
        let LoginStage::SignedIn {
            user,
            method,
            token_generation,
            ..
        } = &visit.stage
        else {
            return Err(begin_again());
        };
        let found = self.store.find_user(*user).await?;
        let found = found.filter(|it| it.token_generation == *token_generation);
        Ok((found.ok_or_else(begin_again)?, *method))
    }
}

fn half_done(open: &OpenChallenge) -> LoginStage {
    LoginStage::HalfDone {
        challenge: open.token.as_str().to_owned(),
        has_passkey: open.has_passkey,
    }
}

fn signed_in(user: &User, method: SignInMethod) -> LoginStage {
    LoginStage::SignedIn {
        user: user.id,
        email: user.email.clone(),
        method,
        token_generation: user.token_generation,
        must_change_password: user.must_change_password,
    }
}
