//! What a program gets for its code: a session of the person who agreed, once.
//!
//! Whoever shows a code a second time proves that two hold it, and the session of the first ends.

use aim_domain::id::SessionId;
use aim_domain::login::{LoginFlow, POLL_INTERVAL, verifies};
use aim_domain::session::Client;
use aim_store::login_requests::{LoginAnswer, LoginRequest};

use crate::open_session::OpenedSession;
use crate::token::hash_of_given;
use crate::{App, AppError, ErrorCode};

/// What a program shows.
#[derive(Clone, Copy)]
pub enum LoginGrant<'a> {
    /// The code that its browser brought.
    Code {
        /// The code.
        code: &'a str,
        /// What it made its challenge of.
        verifier: &'a str,
        /// Where the browser was sent, again.
        redirect_uri: &'a str,
    },
    /// The code that it was given at the beginning.
    Device {
        /// The code.
        code: &'a str,
    },
}

impl std::fmt::Debug for LoginGrant<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LoginGrant(..)")
    }
}

/// Why there is no session.
#[derive(Debug)]
pub enum RedeemError {
    /// Nobody has answered yet.
    Pending,
    /// The same, and the program asks too often.
    SlowDown,
    /// The person said no.
    Denied,
    /// Nobody answered in time.
    Expired,
    /// No such code, one that was used, or one of somebody else: alike.
    NotGood,
    /// Anything else.
    Failed(AppError),
}

impl<E: Into<AppError>> From<E> for RedeemError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl App {
    /// Gives a program its session.
    ///
    /// # Errors
    /// [`RedeemError`]: not yet, or not at all.
    pub async fn redeem_login(
        &self,
        grant: LoginGrant<'_>,
        client: &Client,
        request_id: &str,
    ) -> Result<OpenedSession, RedeemError> {
        let (code, flow) = match grant {
            LoginGrant::Code { code, .. } => (code, LoginFlow::Browser),
            LoginGrant::Device { code } => (code, LoginFlow::Device),
        };
        let hash = hash_of_given(code).ok_or(RedeemError::NotGood)?;
        let found = self.store.find_login_request(&hash).await?;
        let request = found
            .filter(|it| it.flow == flow)
            .ok_or(RedeemError::NotGood)?;
        if !is_bound(&request, grant) {
            self.refuse_login(&request, "another verifier or redirect was shown")
                .await?;
            return Err(RedeemError::NotGood);
        }
        if let Some(session) = request.session {
            self.end_reused_login(&request, session).await?;
            return Err(RedeemError::NotGood);
        }
        if self.clock.now() >= request.expires_at {
            // RFC 6749 has no name of its own for a redirect's code that came late.
            return Err(match flow {
                LoginFlow::Browser => RedeemError::NotGood,
                LoginFlow::Device => RedeemError::Expired,
            });
        }
        let Some(answer) = &request.answer else {
            return Err(self.not_yet(&request).await?);
        };
        if !answer.is_approved {
            return Err(RedeemError::Denied);
        }
        let user = self.store.find_user(answer.user).await?;
        let same = |user: &aim_store::users::User| user.token_generation == answer.token_generation;
        let user = user.filter(same).ok_or(RedeemError::NotGood)?;
        let login = Some(request.id);
        let opened = self.open_session_of(&user, answer.method, client, (login, request_id));
        match opened.await {
            // The person was shut out meanwhile, or somebody was faster.
            Err(error) if error.code == ErrorCode::Unauthenticated => {
                let now = self.store.find_login_request(&hash).await?;
                if let Some(session) = now.and_then(|it| it.session) {
                    self.end_reused_login(&request, session).await?;
                }
                Err(RedeemError::NotGood)
            }
            outcome => Ok(outcome?),
        }
    }

    async fn not_yet(&self, request: &LoginRequest) -> Result<RedeemError, AppError> {
        let mut tx = self.store.begin().await?;
        let longer = request.interval + POLL_INTERVAL;
        let in_time = tx.poll_login(request, longer).await?;
        tx.commit().await?;
        Ok(match in_time {
            true => RedeemError::Pending,
            false => RedeemError::SlowDown,
        })
    }

    /// Records that somebody has a code who should not.
    async fn refuse_login(&self, request: &LoginRequest, reason: &str) -> Result<(), AppError> {
        let Some(answer) = &request.answer else {
            return Ok(());
        };
        let mut tx = self.store.begin().await?;
        tx.audit(self.login_audit(request, answer, "login.refuse", reason));
        Ok(tx.commit().await?)
    }

    async fn end_reused_login(
        &self,
        request: &LoginRequest,
        session: SessionId,
    ) -> Result<(), AppError> {
        let Some(answer) = &request.answer else {
            return Ok(());
        };
        let reason = "the code of a login was used twice";
        let whose = (answer.organization, answer.user);
        let entry = self.login_audit(request, answer, "login.reuse-detected", reason);
        self.end_session(session, whose, reason, entry).await?;
        Ok(())
    }

    fn login_audit(
        &self,
        request: &LoginRequest,
        answer: &LoginAnswer,
        action: &'static str,
        reason: &str,
    ) -> aim_store::audit::NewAuditEntry {
        let object = ("login", request.id.to_string());
        let mut entry = self.by_system("login", answer.organization, action, object);
        entry.reason = Some(reason.to_owned());
        entry
    }
}

/// Whether the one who shows a code is the one who asked for it.
fn is_bound(request: &LoginRequest, grant: LoginGrant<'_>) -> bool {
    match grant {
        LoginGrant::Device { .. } => true,
        LoginGrant::Code {
            verifier,
            redirect_uri,
            ..
        } => {
            request.redirect_uri.as_deref() == Some(redirect_uri)
                && request
                    .challenge
                    .as_deref()
                    .is_some_and(|it| verifies(verifier, it))
        }
    }
}
