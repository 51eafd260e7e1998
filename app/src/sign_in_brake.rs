//! The brake on guessing passwords.
//!
//! An attempt is counted before its password is looked at, in a transaction that locks the counters: of
//! a thousand guesses at one time, at any number of nodes, no more are looked at than of a thousand one
//! after the other. What is refused here costs one read and no hash.

use aim_domain::id::UserId;
use aim_domain::secret::hash;
use aim_domain::session::Client;
use aim_domain::throttle::{Throttle, network};
use chrono::Duration;

use crate::{App, AppError, ErrorCode};

/// How long it is remembered that a person signs in from an address.
const KNOWN_FOR: Duration = Duration::days(90);

/// The counters of an attempt.
#[derive(Debug)]
pub(crate) struct Counters(Vec<(String, Throttle)>);

impl Counters {
    /// Of this account from this client. Names say nothing about either to who reads the table.
    fn new(email: &str, client: &Client, is_known: bool) -> Self {
        let network = network(client.address);
        let name = |throttle: Throttle, of: &str| {
            let hash = hash("aim sign-in subject", &[of.as_bytes()]);
            let subject = format!("{}:{hash}", throttle.name());
            (subject, throttle)
        };
        let mut counters = vec![
            name(Throttle::Pair, &format!("{network} {email}")),
            name(Throttle::Network, &network),
        ];
        if !is_known {
            counters.push(name(Throttle::Account, email));
        }
        Self(counters)
    }

    fn subjects(&self) -> Vec<String> {
        self.0.iter().map(|(subject, _)| subject.clone()).collect()
    }

    fn throttle(&self, subject: &str) -> Option<Throttle> {
        let found = self.0.iter().find(|(it, _)| it == subject);
        found.map(|(_, throttle)| *throttle)
    }
}

/// The refusal, in the same words for every account there is or is not.
fn too_many(wait: Duration) -> AppError {
    metrics::counter!("aim_sign_in_refused_total").increment(1);
    let seconds = wait.num_seconds() + 1;
    let message = format!("too many attempts to sign in; try again in {seconds} seconds");
    AppError::new(ErrorCode::RateLimited, message)
}

impl App {
    /// Counts an attempt, or refuses it. `user` is the account's person, if there is one.
    pub(crate) async fn count_attempt(
        &self,
        email: &str,
        user: Option<UserId>,
        client: &Client,
    ) -> Result<Counters, AppError> {
        let now = self.clock.now();
        let address = client.address.map(|it| it.to_string()).unwrap_or_default();
        // Asked for nobody, too: an account that does not exist takes as long.
        let user = user.unwrap_or(UserId::from_uuid(uuid::Uuid::nil()));
        let known = self.store.has_session_from(user, &address, now - KNOWN_FOR);
        let counters = Counters::new(email, client, known.await?);
        let subjects = counters.subjects();
        let seen = self.store.find_attempts(&subjects).await?;
        if let Some(wait) = seen.iter().filter_map(|(_, it)| it.wait(now)).max() {
            return Err(too_many(wait));
        }
        let mut tx = self.store.begin().await?;
        let locked = tx.lock_attempts(&subjects).await?;
        if let Some(wait) = locked.iter().filter_map(|(_, it)| it.wait(now)).max() {
            return Err(too_many(wait));
        }
        for (subject, attempts) in locked {
            if let Some(throttle) = counters.throttle(&subject) {
                let next = attempts.with_one_more(throttle, now);
                tx.update_attempts(&subject, &next).await?;
            }
        }
        tx.commit().await?;
        Ok(counters)
    }

    /// Takes back what was counted for an attempt that was right; what was wrong before it stays, but for
    /// the account from this client, whose person is here.
    pub(crate) async fn count_back(&self, counters: &Counters) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        for (subject, attempts) in tx.lock_attempts(&counters.subjects()).await? {
            let next = match counters.throttle(&subject) {
                Some(Throttle::Pair) => aim_domain::throttle::Attempts::none(attempts.last),
                Some(throttle) => attempts.with_one_back(throttle),
                None => continue,
            };
            tx.update_attempts(&subject, &next).await?;
        }
        Ok(tx.commit().await?)
    }
}
