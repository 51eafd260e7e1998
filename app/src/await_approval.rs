//! Waiting for persons' answers: told at once, on every node.

use std::sync::Arc;
use std::time::Duration;

use aim_domain::approval::ApprovalStatus;
use aim_domain::event::Fact;
use aim_domain::id::{AgentId, VerificationId};
use aim_domain::scope::Scope;
use aim_store::verifications::Verification;
use tokio::sync::Semaphore;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use crate::{App, AppError};

/// Most requests of this process that wait; further ones are told what is so far, and ask again.
const WAITING_MAX: usize = 2_048;
/// Longest wait, below the time that a request may take.
pub const AWAIT_SECONDS_MAX: u32 = 8;

/// Room for those who wait.
#[derive(Debug)]
pub(crate) struct Waiters(Semaphore);

impl Default for Waiters {
    fn default() -> Self {
        Self(Semaphore::new(WAITING_MAX))
    }
}

impl App {
    /// A verification as soon as no person has to answer it any more, or as it is after `seconds`. With
    /// an agent only its own.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn await_approval(
        self: &Arc<Self>,
        scope: Scope,
        agent: Option<AgentId>,
        id: VerificationId,
        seconds: u32,
    ) -> Result<Option<Verification>, AppError> {
        // First the ear, then the look: what happens in between is heard.
        let mut live = self.feed.subscribe();
        let find = async || -> Result<Option<Verification>, AppError> {
            let found = self.store.find_verification(scope, id).await?;
            Ok(found.filter(|it| agent.is_none_or(|agent| it.agent == agent)))
        };
        let found = find().await?;
        let is_pending = found.as_ref().is_some_and(is_pending);
        let Some(_place) = is_pending
            .then(|| self.waiters.0.try_acquire().ok())
            .flatten()
        else {
            return Ok(found);
        };
        let wait = Duration::from_secs(u64::from(seconds.min(AWAIT_SECONDS_MAX)));
        let until = Instant::now() + wait;
        loop {
            match tokio::time::timeout_at(until, live.recv()).await {
                Err(_) | Ok(Err(RecvError::Closed)) => return find().await,
                Ok(Ok(item)) => {
                    let is_it = matches!(&item.fact, Fact::ApprovalChanged(fact)
                        if fact.verification == id && fact.status != ApprovalStatus::Pending);
                    if is_it {
                        return find().await;
                    }
                }
                // Something was missed; it may have been this.
                Ok(Err(RecvError::Lagged(_))) => {
                    let found = find().await?;
                    if !found.as_ref().is_some_and(self::is_pending) {
                        return Ok(found);
                    }
                }
            }
        }
    }
}

fn is_pending(verification: &Verification) -> bool {
    let status = verification.approval.as_ref().map(|it| it.status);
    status == Some(ApprovalStatus::Pending)
}
