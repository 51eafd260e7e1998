//! Sending the letters that wait.
//!
//! Guarantee: a letter goes at least once, or is given up after a bounded number of attempts. Whoever
//! sends one holds its lease in the database, so that no two processes send it at one time. A process
//! that dies between handing a letter over and writing that down makes it go twice, with the same
//! `Message-ID`.

use std::time::Duration as Pause;

use aim_domain::email::EmailAddress;
use aim_domain::id::MailId;
use aim_store::mails::{ClaimedMail, DROPPED, FAILED, SENT};
use chrono::Duration;
use tokio_util::sync::CancellationToken;

use crate::mail::{Letter, MailKind, Words};
use crate::{App, AppError};

/// Longer than carrying a letter can take.
const LEASE: Duration = Duration::seconds(90);
/// Longest time that one letter is carried.
const PATIENCE: Pause = Pause::from_secs(60);
/// Attempts until a letter is given up: with the pauses below, some three quarters of an hour.
const ATTEMPTS_MAX: i32 = 12;
/// Longest pause between two attempts.
const PAUSE_MAX_SECONDS: i64 = 600;
/// How long finished letters are remembered.
const KEPT: Duration = Duration::days(7);
/// How long logins of programs are remembered once they are over.
const LOGINS_KEPT: Duration = Duration::hours(1);
/// How often old rows are looked for.
const SWEEP_EVERY: Duration = Duration::hours(1);

/// The pause behind a failed attempt: 2 s, and twice as long each time.
fn pause(attempt: i32) -> Duration {
    let doubled = 1_i64.checked_shl(u32::try_from(attempt).unwrap_or(0));
    Duration::seconds(doubled.unwrap_or(PAUSE_MAX_SECONDS).min(PAUSE_MAX_SECONDS))
}

impl App {
    /// Sends letters as they become due, looking every `period` for those of other processes, until
    /// `stop` fires.
    pub async fn send_mails(&self, period: Pause, stop: CancellationToken) {
        let mut swept = None;
        loop {
            if self.accounts.mailer.is_some() {
                while let Some(sent) = stop.run_until_cancelled(self.send_due_mails()).await {
                    match sent {
                        Ok(0) => break,
                        Ok(_) => {}
                        Err(error) => {
                            tracing::warn!(%error, "letters were not looked for; trying again");
                            break;
                        }
                    }
                }
            }
            let now = self.clock.now();
            if swept.is_none_or(|then| now - then > SWEEP_EVERY) {
                match self.sweep_accounts().await {
                    Ok(()) => swept = Some(now),
                    Err(error) => tracing::warn!(%error, "old rows were not forgotten"),
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.accounts.bell.notified() => {}
                () = tokio::time::sleep(period) => {}
            }
        }
    }

    /// Sends what is due now; how many letters were tried.
    async fn send_due_mails(&self) -> Result<usize, AppError> {
        let mut tried = 0;
        for id in self.store.list_due_mails().await? {
            tried += usize::from(self.send_mail(id).await?);
        }
        Ok(tried)
    }

    async fn send_mail(&self, id: MailId) -> Result<bool, AppError> {
        let mut tx = self.store.begin().await?;
        let claimed = tx.claim_mail(id, LEASE).await?;
        tx.commit().await?;
        let Some(mail) = claimed else {
            return Ok(false);
        };
        let (outcome, error) = match self.carry(&mail).await {
            Ok(true) => (Some(SENT), None),
            Ok(false) => (Some(DROPPED), None),
            Err((is_permanent, error)) if is_permanent || mail.attempt >= ATTEMPTS_MAX => {
                tracing::error!(mail = %id, kind = mail.kind, error, "a letter was given up");
                (Some(FAILED), Some(error))
            }
            Err((_, error)) => {
                tracing::warn!(mail = %id, kind = mail.kind, attempt = mail.attempt, error,
                    "a letter was not taken; trying again later");
                (None, Some(error))
            }
        };
        let mut tx = self.store.begin().await?;
        match outcome {
            Some(outcome) => tx.finish_mail(id, outcome, error.as_deref()).await?,
            None => {
                let until = self.clock.now() + pause(mail.attempt);
                let error = error.unwrap_or_default();
                tx.put_off_mail(&mail, until, &error).await?;
            }
        }
        tx.commit().await?;
        metrics::counter!("aim_mails_total", "outcome" => outcome.unwrap_or("PUT_OFF"))
            .increment(1);
        Ok(true)
    }

    /// Puts a letter into words and hands it over; false when there is no reason to send it any
    /// more. An error says whether it is for good.
    async fn carry(&self, mail: &ClaimedMail) -> Result<bool, (bool, String)> {
        let failed = |error: &dyn std::fmt::Display| (false, error.to_string());
        let Some(mailer) = &self.accounts.mailer else {
            return Err(failed(&"no e-mail is configured"));
        };
        let Ok(to) = EmailAddress::parse(&mail.recipient) else {
            return Ok(false);
        };
        let words = self.words(mail).await.map_err(|error| failed(&error))?;
        let Some(words) = words else {
            return Ok(false);
        };
        let letter = Letter {
            id: mail.id,
            to,
            subject: words.subject,
            body: words.body,
        };
        match tokio::time::timeout(PATIENCE, mailer.send(&letter)).await {
            Ok(sent) => sent
                .map(|()| true)
                .map_err(|error| (error.is_permanent, error.message)),
            Err(_) => Err(failed(&"the mail server took too long")),
        }
    }

    /// What a letter says as things stand now; `None` when there is no reason to send it.
    async fn words(&self, mail: &ClaimedMail) -> Result<Option<Words>, AppError> {
        let Some(kind) = MailKind::parse(&mail.kind) else {
            return Ok(None);
        };
        match kind {
            MailKind::PasswordReset => self.password_reset_words(mail).await,
            MailKind::PasswordWasReset => Ok(Some(Words::password_was_reset())),
            MailKind::Invitation => self.invitation_words(mail).await,
            MailKind::Registration => self.registration_words(mail).await,
            MailKind::RegistrationPending => self.registration_pending_words(mail).await,
            MailKind::RegistrationDecided => self.registration_decided_words(mail).await,
            MailKind::SecondFactorReset => Ok(Some(Words::second_factor_reset())),
            MailKind::AuditStopped => self.audit_stopped_words(mail).await,
            MailKind::TargetDisabled => self.target_disabled_words(mail).await,
        }
    }

    /// Forgets what is of no use any more.
    async fn sweep_accounts(&self) -> Result<(), AppError> {
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        tx.delete_finished_mails(now - KEPT).await?;
        tx.delete_password_resets(now - KEPT).await?;
        tx.delete_unverified_registrations(now - KEPT).await?;
        tx.delete_old_challenges(now).await?;
        tx.delete_old_ceremonies(now).await?;
        // Anybody can begin one; long enough to see a code that is shown twice.
        tx.delete_old_logins(now - LOGINS_KEPT).await?;
        Ok(tx.commit().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let seconds: Vec<i64> = (1..ATTEMPTS_MAX).map(|n| pause(n).num_seconds()).collect();
        assert_eq!(seconds, [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
        assert_eq!(pause(99).num_seconds(), 600);
    }
}
