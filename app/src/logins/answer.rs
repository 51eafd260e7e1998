//! What a person says to a program that wants to act as them.

use aim_domain::login::{CODE_LIFE, LoginFlow, POLL_INTERVAL};
use aim_store::StoreError;
use aim_store::login_requests::{LoginAnswer, LoginRequest};
use serde_json::json;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::visit::{LoginAsk, LoginVisit, begin_again};
use crate::actor::audit_of;
use crate::token::{new_token, token_hash};
use crate::{App, AppError, ErrorCode};

/// What follows for the browser.
pub enum LoginAnswered {
    /// It brings the answer to the program's own machine.
    Redirect {
        /// Where to.
        to: String,
        /// The code, if the person agreed.
        code: Option<Zeroizing<String>>,
        /// What the program wants to hear again.
        state: String,
    },
    /// Nothing: the program asks by itself.
    Kept {
        /// Whether the person agreed.
        is_approved: bool,
    },
}

impl std::fmt::Debug for LoginAnswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LoginAnswered(..)")
    }
}

fn answered_before() -> AppError {
    let message = "this was answered before, or too long ago; run `aim login` again";
    AppError::new(ErrorCode::Conflict, message)
}

impl App {
    /// Takes the answer of the person in the browser, once.
    ///
    /// # Errors
    /// `Conflict` when it was answered before, `Unauthenticated` when nobody has signed in or their
    /// password or state changed since, `PreconditionFailed` while they have to choose a password.
    pub async fn answer_login(
        &self,
        visit: LoginVisit,
        is_approved: bool,
        request_id: &str,
    ) -> Result<LoginAnswered, AppError> {
        let (user, method) = self.visitor(&visit).await?;
        if user.must_change_password {
            let message = "this is the one-time password; choose another one first";
            return Err(AppError::new(ErrorCode::PreconditionFailed, message));
        }
        let answer = LoginAnswer {
            organization: user.organization,
            user: user.id,
            method,
            token_generation: user.token_generation,
            is_approved,
        };
        let (id, device, flow) = match &visit.ask {
            LoginAsk::Browser { device, .. } => (visit.id, device.clone(), LoginFlow::Browser),
            LoginAsk::Device { seen, .. } => {
                let seen = seen.as_ref().ok_or_else(begin_again)?;
                (seen.id, seen.device.clone(), LoginFlow::Device)
            }
        };
        let code = new_token();
        let mut tx = self.store.begin().await?;
        if !tx.lock_user(user.id, user.token_generation).await? {
            return Err(begin_again());
        }
        match &visit.ask {
            LoginAsk::Device { .. } => {
                if !tx.answer_login(id, &answer).await? {
                    return Err(answered_before());
                }
            }
            LoginAsk::Browser { .. } => {
                let request = self.with_code(id, &visit.ask, answer, &code);
                let kept = tx.insert_login_request(&request).await;
                kept.map_err(|error| match error {
                    StoreError::Duplicate(_) => answered_before(),
                    other => other.into(),
                })?;
            }
        }
        let action = if is_approved {
            "login.approve"
        } else {
            "login.deny"
        };
        tx.audit(audit_of(
            &self.ids,
            (user.organization, user.id),
            action,
            ("login", id.to_string()),
            (
                None,
                Some(json!({ "device": device, "flow": flow, "method": method })),
            ),
            request_id,
        ));
        tx.commit().await?;
        Ok(match visit.ask {
            LoginAsk::Device { .. } => LoginAnswered::Kept { is_approved },
            LoginAsk::Browser {
                redirect_uri,
                state,
                ..
            } => LoginAnswered::Redirect {
                to: redirect_uri,
                code: is_approved.then_some(code),
                state,
            },
        })
    }

    /// The request of a program that is told by redirect: it is written with its answer.
    fn with_code(&self, id: Uuid, ask: &LoginAsk, answer: LoginAnswer, code: &str) -> LoginRequest {
        let mut request = LoginRequest {
            id,
            flow: LoginFlow::Browser,
            device: String::new(),
            client_address: None,
            secret_hash: token_hash(code),
            user_code_hash: None,
            redirect_uri: None,
            challenge: None,
            interval: POLL_INTERVAL,
            expires_at: self.clock.now() + CODE_LIFE,
            answer: Some(answer),
            session: None,
        };
        if let LoginAsk::Browser {
            redirect_uri,
            challenge,
            device,
            ..
        } = ask
        {
            request.redirect_uri = Some(redirect_uri.clone());
            request.challenge = Some(challenge.clone());
            request.device.clone_from(device);
        }
        request
    }
}
