//! Sending what waits for targets.
//!
//! Guarantee: a delivery is tried at least once, with one id over all attempts, until somebody takes it
//! or it is given up after a bounded number of attempts. Each API process sends; who claims a delivery
//! has it for the length of a lease, so that a process that dies in between loses nothing. Every target
//! has a task of its own: a slow one holds up nobody else.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aim_domain::email::EmailAddress;
use aim_domain::id::{MailId, NotificationDeliveryId, NotificationTargetId};
use aim_domain::notification::{
    ATTEMPTS_KEPT, Attempt, DeliveryStatus, FAILING_MAX, TargetKind, retry_pause,
};
use aim_store::notification_deliveries::NotificationDelivery;
use aim_store::notification_targets::NotificationTarget;
use chrono::{TimeDelta, Utc};
use futures::{StreamExt, stream};
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::carry_notification::Carried;
use crate::mail::Letter;
use crate::notices::Notice;
use crate::{App, AppError};

/// Most targets that one process sends to at a time.
const TARGETS_AT_ONCE: usize = 128;
/// Most requests to one target at a time, and how many it claims together.
const REQUESTS_AT_ONCE: usize = 4;
const CLAIMED: u64 = 8;
/// How often a target is served before those that wait longer are.
const ROUNDS_MAX: usize = 8;
/// Longer than what is claimed together can take: two rounds of requests of 10 s each.
const LEASE: TimeDelta = TimeDelta::seconds(30);

impl App {
    /// Sends deliveries as they become due, looking every `period` for those of other processes, until
    /// `stop` fires.
    pub async fn send_notifications(self: Arc<Self>, period: Duration, stop: CancellationToken) {
        let mut busy: HashMap<Id, NotificationTargetId> = HashMap::new();
        let mut tasks = JoinSet::new();
        while !stop.is_cancelled() {
            let room = TARGETS_AT_ONCE.saturating_sub(tasks.len());
            let due = self
                .store
                .list_due_targets(busy.values().copied(), room as u64);
            match due.await {
                Ok(due) => {
                    for target in due {
                        let (app, stop) = (Arc::clone(&self), stop.clone());
                        let task = tasks.spawn(async move { app.serve_target(target, stop).await });
                        busy.insert(task.id(), target);
                    }
                }
                Err(error) => tracing::warn!(%error, "deliveries were not looked for"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.deliveries.notified() => {}
                () = tokio::time::sleep(period) => {}
                Some(ended) = tasks.join_next_with_id() => {
                    let id = match &ended {
                        Ok((id, ())) => *id,
                        Err(error) => error.id(),
                    };
                    busy.remove(&id);
                }
            }
        }
        // What is under way ends within the time limit of a request.
        while tasks.join_next().await.is_some() {}
    }

    pub(crate) fn deliveries_were_written(&self) {
        self.deliveries.notify_one();
    }

    /// Sends what is due to one target, until nothing is, or it is the turn of others.
    async fn serve_target(&self, id: NotificationTargetId, stop: CancellationToken) {
        for _ in 0..ROUNDS_MAX {
            if stop.is_cancelled() {
                return;
            }
            match self.serve_target_once(id).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(%error, target = %id, "deliveries were not sent; trying again");
                    return;
                }
            }
        }
    }

    async fn serve_target_once(&self, id: NotificationTargetId) -> Result<bool, AppError> {
        let Some(target) = self.store.load_target(id).await? else {
            return Ok(false);
        };
        let mut tx = self.store.begin().await?;
        if target.disabled_at.is_some() {
            // Written by somebody who did not know yet that it was shut off.
            tx.give_up_deliveries(id).await?;
            tx.commit().await?;
            return Ok(false);
        }
        let claimed = tx.claim_notification_deliveries(id, CLAIMED, LEASE).await?;
        tx.commit().await?;
        let is_any = !claimed.is_empty();
        let sent = stream::iter(claimed.into_iter().map(|it| self.send_one(&target, it)));
        let outcomes: Vec<_> = sent.buffer_unordered(REQUESTS_AT_ONCE).collect().await;
        outcomes.into_iter().collect::<Result<Vec<()>, _>>()?;
        Ok(is_any)
    }

    async fn send_one(
        &self,
        target: &NotificationTarget,
        delivery: NotificationDelivery,
    ) -> Result<(), AppError> {
        let at = self.clock.now();
        let began = Instant::now();
        let carried = match target.kind {
            TargetKind::Webhook => self.carry_webhook(target, &delivery).await,
            TargetKind::Slack => self.carry_message(target, &delivery).await,
            TargetKind::Email => self.carry_letter(target, &delivery).await,
        };
        let attempt = Attempt {
            number: delivery.attempt_count,
            at,
            latency_ms: u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX),
            status: carried.status,
            error: carried.error.clone(),
            excerpt: carried.excerpt.clone(),
        };
        self.note_outcome(target, delivery, attempt, &carried).await
    }

    async fn note_outcome(
        &self,
        target: &NotificationTarget,
        mut delivery: NotificationDelivery,
        attempt: Attempt,
        carried: &Carried,
    ) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        let now = tx.now();
        let began = attempt.at;
        let made = delivery
            .attempt_count
            .saturating_sub(delivery.replayed_at_count);
        let pause = retry_pause(made, rand::random()).filter(|_| !carried.is_final);
        delivery.status = match (&attempt.error, pause) {
            (None, _) => DeliveryStatus::Delivered,
            (Some(_), Some(_)) => DeliveryStatus::Pending,
            (Some(_), None) => DeliveryStatus::Dead,
        };
        if delivery.status == DeliveryStatus::Pending {
            let pause = pause
                .unwrap_or_default()
                .max(carried.retry_after.unwrap_or_default());
            delivery.next_attempt_at = now + pause;
        } else {
            delivery.finished_at = Some(now);
        }
        delivery.attempts.push(attempt);
        let more = delivery.attempts.len().saturating_sub(ATTEMPTS_KEPT);
        delivery.attempts.drain(..more);
        tx.note_attempt(&delivery).await?;
        let mut is_off = false;
        if delivery.status == DeliveryStatus::Delivered {
            let is_noted = target
                .last_success_at
                .is_some_and(|it| now - it < TimeDelta::minutes(1));
            if target.failing_since.is_some() || !is_noted {
                tx.note_target_success(target.id).await?;
            }
        } else {
            tx.note_target_failure(target.id, began).await?;
            let reason = why_off(target, carried, now);
            if let Some(reason) = reason {
                is_off = self.shut_off_target(&mut tx, target, reason).await?;
            }
        }
        tx.commit().await?;
        if is_off {
            self.mail_was_queued();
        }
        let status = match delivery.status {
            DeliveryStatus::Delivered => "DELIVERED",
            DeliveryStatus::Pending => "PUT_OFF",
            DeliveryStatus::Dead => "DEAD",
        };
        metrics::counter!("aim_notifications_total", "outcome" => status).increment(1);
        Ok(())
    }

    async fn carry_letter(
        &self,
        target: &NotificationTarget,
        delivery: &NotificationDelivery,
    ) -> Carried {
        let Some(mailer) = &self.accounts.mailer else {
            return Carried::failed("no e-mail is configured");
        };
        let (Ok(to), Ok(notice)) = (
            EmailAddress::parse(&target.address),
            serde_json::from_str::<Notice>(&delivery.payload),
        ) else {
            return Carried::failed("it cannot be put into a letter").for_good();
        };
        let words = notice.letter();
        let letter = Letter {
            id: MailId::from_uuid(delivery.id.as_uuid()),
            to,
            subject: words.subject,
            body: words.body,
        };
        match tokio::time::timeout(Duration::from_secs(10), mailer.send(&letter)).await {
            Ok(Ok(())) => Carried::taken(),
            Ok(Err(error)) if error.is_permanent => Carried::failed(error.message).for_good(),
            Ok(Err(error)) => Carried::failed(error.message),
            Err(_) => Carried::failed("the mail server took too long"),
        }
    }
}

/// Why a target that failed again is to be shut off, if it is.
fn why_off(
    target: &NotificationTarget,
    carried: &Carried,
    now: chrono::DateTime<Utc>,
) -> Option<&'static str> {
    if carried.status == Some(410) {
        return Some("it answered that it is gone (410)");
    }
    let failing = target.failing_since.map(|since| now - since);
    failing
        .filter(|long| *long > FAILING_MAX)
        .map(|_| "every attempt failed for five days")
}

/// What a delivery is called in requests.
#[must_use]
pub fn message_id(id: NotificationDeliveryId) -> String {
    format!("msg_{}", id.as_uuid().simple())
}
