//! Programs without a browser (RFC 8628): they show a user code, and ask until somebody has answered.
//!
//! A user code is short, so it is kept as a keyed hash, is looked at for signed-in people only, and
//! guesses at it are counted in the database before they are looked at.

use aim_domain::id::UserId;
use aim_domain::login::{self, ANSWER_LIFE, LoginFlow, POLL_INTERVAL, device_name, user_code};
use aim_domain::secret::hash;
use aim_domain::session::Client;
use aim_domain::throttle::{Throttle, network};
use aim_store::StoreError;
use aim_store::login_requests::LoginRequest;
use chrono::Duration;
use zeroize::Zeroizing;

use super::visit::{DeviceSeen, LoginAsk, LoginVisit};
use crate::token::{new_token, token_hash};
use crate::{App, AppError, ErrorCode};

const PURPOSE: &str = "login user code";
/// Most programs that wait at one time, of everybody and of one network.
const WAITING_MAX: u64 = 10_000;
const WAITING_AT_MAX: u64 = 60;
/// How often another code is drawn when somebody waits with the same.
const DRAWS: usize = 5;

/// What a program is given. Both codes are shown once.
pub struct DeviceLogin {
    /// For the program alone.
    pub device_code: Zeroizing<String>,
    /// For the person to type.
    pub user_code: String,
    /// How long both are good.
    pub life: Duration,
    /// How long to wait between two questions.
    pub interval: Duration,
}

impl std::fmt::Debug for DeviceLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceLogin").finish_non_exhaustive()
    }
}

fn unknown_code() -> AppError {
    AppError::field(
        "user_code",
        "is not one that a program waits with; look at the terminal again, or run `aim login \
         --device` anew: a code is good for ten minutes",
    )
}

impl App {
    /// Takes a program's wish down.
    ///
    /// # Errors
    /// `RateLimited` when too many wait already.
    pub async fn begin_device_login(
        &self,
        device: &str,
        client: &Client,
    ) -> Result<DeviceLogin, AppError> {
        let address = network(client.address);
        let (all, own) = self.store.count_waiting_logins(&address).await?;
        if all >= WAITING_MAX || own >= WAITING_AT_MAX {
            let message = "too many programs wait for an answer; try again in some minutes";
            return Err(AppError::new(ErrorCode::RateLimited, message));
        }
        for _ in 0..DRAWS {
            let random = rand::random::<[u8; 32]>();
            let Some(code) = user_code(&random) else {
                continue;
            };
            let device_code = new_token();
            let request = LoginRequest {
                id: self.ids.next(),
                flow: LoginFlow::Device,
                device: device_name(device),
                client_address: Some(address.clone()),
                secret_hash: token_hash(&device_code),
                user_code_hash: Some(self.sealer()?.digest(PURPOSE, &code)?),
                redirect_uri: None,
                challenge: None,
                interval: POLL_INTERVAL,
                expires_at: self.clock.now() + ANSWER_LIFE,
                answer: None,
                session: None,
            };
            let mut tx = self.store.begin().await?;
            match tx.insert_login_request(&request).await {
                Ok(()) => {}
                Err(StoreError::Duplicate(_)) => continue,
                Err(error) => return Err(error.into()),
            }
            tx.commit().await?;
            return Ok(DeviceLogin {
                device_code,
                user_code: login::shown(&code),
                life: ANSWER_LIFE,
                interval: request.interval,
            });
        }
        Err(AppError::new(ErrorCode::Internal, "internal error"))
    }

    /// Looks a user code up for the person in the browser.
    ///
    /// # Errors
    /// `InvalidInput` for a code that no program waits with, `RateLimited` after too many of them,
    /// `Unauthenticated` before somebody has signed in.
    pub async fn find_device_login(
        &self,
        visit: LoginVisit,
        typed: &str,
    ) -> Result<LoginVisit, AppError> {
        let (user, _) = self.visitor(&visit).await?;
        let subject = self.count_code(user.id).await?;
        let code = login::typed(typed).ok_or_else(unknown_code)?;
        let hash = self.sealer()?.digest(PURPOSE, &code)?;
        let found = self.store.find_login_by_user_code(&hash).await?;
        let found = found.ok_or_else(unknown_code)?;
        self.count_code_back(&subject).await?;
        let seen = DeviceSeen {
            id: found.id,
            device: found.device,
            address: found.client_address,
        };
        let ask = LoginAsk::Device {
            typed: code,
            seen: Some(seen),
        };
        Ok(LoginVisit { ask, ..visit })
    }

    /// Counts a code before it is looked at, or refuses it; under which name.
    async fn count_code(&self, user: UserId) -> Result<Vec<String>, AppError> {
        let now = self.clock.now();
        let hash = hash("aim sign-in subject", &[user.as_uuid().as_bytes()]);
        let subject = vec![format!("{}:{hash}", Throttle::UserCode.name())];
        let mut tx = self.store.begin().await?;
        for (name, attempts) in tx.lock_attempts(&subject).await? {
            if let Some(wait) = attempts.wait(now) {
                let seconds = wait.num_seconds() + 1;
                let message = format!("too many wrong codes; try again in {seconds} seconds");
                return Err(AppError::new(ErrorCode::RateLimited, message));
            }
            let next = attempts.with_one_more(Throttle::UserCode, now);
            tx.update_attempts(&name, &next).await?;
        }
        tx.commit().await?;
        Ok(subject)
    }

    async fn count_code_back(&self, subject: &[String]) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        for (name, attempts) in tx.lock_attempts(subject).await? {
            let next = attempts.with_one_back(Throttle::UserCode);
            tx.update_attempts(&name, &next).await?;
        }
        Ok(tx.commit().await?)
    }
}
