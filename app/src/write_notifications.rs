//! Writing what targets are to be told, behind the event log.
//!
//! The event log is the outbox: a fact is in it with the transaction that made it true. One process at
//! a time follows it and writes deliveries, in one transaction with how far it has come. Guarantee:
//! each target is told each fact that it wants once in effect. A round that is done twice writes the
//! same keys, which are there already.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use aim_domain::event::{AlertRaised, AnomalyDetected};
use aim_domain::id::{AgentId, NotificationDeliveryId, NotificationTargetId};
use aim_domain::notification::{Attempt, DeliveryStatus, TargetKind};
use aim_domain::scope::Scope;
use aim_eventlog::{Envelope, Partition, TailedEvent, Topic, read_types};
use aim_store::notification_deliveries::NotificationDelivery;
use aim_store::notification_targets::NotificationTarget;
use aim_store::offsets::ConsumerOffset;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use crate::follow::read;
use crate::hold_job::{Pace, Round, Seat};
use crate::notices::Notice;
use crate::policy_notices::{Named, OF_POLICIES, Tellers};
use crate::{App, AppError, ErrorCode};

const JOB: &str = "notifications";
/// Most facts of a round.
const BATCH: u64 = 500;
/// How long another process waits after this one died.
const LEASE: TimeDelta = TimeDelta::seconds(10);
const PACE: Pace = Pace {
    rest: Duration::from_millis(100),
    idle: Duration::from_millis(500),
    problem: "deliveries were not written",
};
/// Positions that are passed over before that is written down, when there is nothing else to write.
const SILENT_MAX: i64 = 10_000;
/// Most deliveries that wait for one target; what comes on top is given up at once.
const PENDING_MAX: u64 = 10_000;
/// How often old deliveries are looked for, and how long they are kept.
const SWEEP_EVERY: TimeDelta = TimeDelta::hours(1);
const KEPT: TimeDelta = TimeDelta::days(30);

/// Messages to people in a window; what comes on top is told together when it ends.
const PEOPLE_MAX: u64 = 20;
const WINDOW: TimeDelta = TimeDelta::minutes(10);

/// What a webhook is sent: by Standard Webhooks.
#[derive(serde::Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    event_type: &'a str,
    timestamp: DateTime<Utc>,
    data: &'a RawValue,
}

impl App {
    /// Writes deliveries until `stop` fires.
    pub async fn write_notifications(&self, stop: CancellationToken) {
        let mut listener = self.store.wake().listen();
        let mut seat = self.seat(JOB, LEASE);
        let mut silent = 0;
        let mut swept = None;
        let mut tellers = Tellers::default();
        while !stop.is_cancelled() {
            listener.heed();
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                outcome = self.notification_round(
                    &mut seat, &mut silent, &mut swept, &mut tellers,
                ) => outcome,
            };
            PACE.rest(outcome, &mut listener, &stop).await;
        }
    }

    async fn notification_round(
        &self,
        seat: &mut Seat,
        silent: &mut i64,
        swept: &mut Option<DateTime<Utc>>,
        tellers: &mut Tellers,
    ) -> Result<Round, AppError> {
        if !self.hold_job(seat).await? {
            *silent = 0;
            return Ok(Round::NotOurs);
        }
        self.forget_old_deliveries(swept).await?;
        let targets = self.store.load_active_targets().await?;
        // Nobody is told of what was before.
        let Some(since) = targets.iter().map(|it| it.since_position).min() else {
            return Ok(Round::Idle);
        };
        let newest = self.store.newest_event_position().await?;
        let stored = self.store.list_offsets(JOB).await?.pop();
        let from = stored.unwrap_or_else(|| {
            ConsumerOffset::start(Partition {
                topic: Topic::Events,
                number: 0,
            })
        });
        let first = from.next.max(since + 1).max(*silent);
        if first > newest {
            return Ok(Round::Idle);
        }
        // Asked only now: a policy that spoke up to the newest position tells its targets by now.
        let ids: Vec<_> = targets.iter().map(|it| it.id).collect();
        let by_policies = self.store.do_policies_tell(&ids).await?;
        let span = (first - 1, newest);
        let events = self.read_for(&targets, by_policies, span).await?;
        let is_full = events.len() as u64 == BATCH;
        let upto = events
            .last()
            .filter(|_| is_full)
            .map_or(newest, |it| it.position);
        let named = match by_policies {
            true => self.named_targets(tellers, &events).await?,
            false => Named::default(),
        };
        let new = self.deliveries_of(&targets, &events, &named).await?;
        if new.is_empty() && upto - from.next < SILENT_MAX {
            *silent = upto + 1;
            return Ok(if is_full { Round::More } else { Round::Idle });
        }
        let to = ConsumerOffset {
            next: upto + 1,
            applied: from.applied + new.len() as u64,
            ..from
        };
        let mut tx = self.store.begin().await?;
        tx.insert_notification_deliveries(&new).await?;
        tx.advance_offset(JOB, &from, &to).await?;
        tx.commit().await?;
        self.deliveries_were_written();
        Ok(if is_full { Round::More } else { Round::Done })
    }

    /// The facts that any of the targets may be told of.
    async fn read_for(
        &self,
        targets: &[NotificationTarget],
        by_policies: bool,
        span: (i64, i64),
    ) -> Result<Vec<TailedEvent>, AppError> {
        let own = targets.iter().flat_map(|it| &it.event_types);
        let mut types: BTreeSet<&str> = own.map(String::as_str).collect();
        if by_policies {
            types.extend(OF_POLICIES);
        }
        let events = read_types(self.store.reader(), types, span, BATCH).await;
        events.map_err(|error| {
            AppError::new(ErrorCode::Unavailable, format!("the event log: {error}"))
        })
    }

    async fn forget_old_deliveries(
        &self,
        swept: &mut Option<DateTime<Utc>>,
    ) -> Result<(), AppError> {
        let now = self.clock.now();
        if swept.is_none_or(|then| now - then > SWEEP_EVERY) {
            let mut tx = self.store.begin().await?;
            tx.delete_finished_deliveries(now - KEPT).await?;
            tx.commit().await?;
            *swept = Some(now);
        }
        Ok(())
    }

    /// Who is to be told what of these facts.
    async fn deliveries_of(
        &self,
        targets: &[NotificationTarget],
        events: &[TailedEvent],
        named: &Named,
    ) -> Result<Vec<NotificationDelivery>, AppError> {
        let mut new = Vec::new();
        let mut notices: HashMap<NotificationTargetId, Vec<(&TailedEvent, Notice)>> =
            HashMap::new();
        for event in events {
            for target in targets {
                let is_named = named.tells(target, event);
                if !is_named && !wants(target, event) {
                    continue;
                }
                match target.kind {
                    TargetKind::Webhook => {
                        if is_named || is_severe(target, event) {
                            new.extend(self.webhook_delivery(target, event));
                        }
                    }
                    TargetKind::Slack | TargetKind::Email => {
                        if let Some(notice) = notice_for(target, event, is_named) {
                            notices.entry(target.id).or_default().push((event, notice));
                        }
                    }
                }
            }
        }
        for target in targets {
            if let Some(notices) = notices.remove(&target.id) {
                new.extend(self.tell_people(target, notices).await?);
            }
        }
        self.refuse_flood(&mut new).await?;
        Ok(new)
    }

    fn webhook_delivery(
        &self,
        target: &NotificationTarget,
        event: &TailedEvent,
    ) -> Option<NotificationDelivery> {
        let envelope = Envelope::parse(&event.payload).ok()?;
        let data = envelope.data.json(None).ok()?;
        let body = Body {
            event_type: &event.event_type,
            timestamp: envelope.time,
            data: serde_json::from_str(&data).ok()?,
        };
        let payload = serde_json::to_string(&body).ok()?;
        let key = format!("event:{}", envelope.id);
        Some(self.new_delivery(target, &event.event_type, key, payload))
    }

    /// Messages to people, of which there are never many at a time.
    async fn tell_people(
        &self,
        target: &NotificationTarget,
        notices: Vec<(&TailedEvent, Notice)>,
    ) -> Result<Vec<NotificationDelivery>, AppError> {
        let now = self.clock.now();
        let mut told = self
            .store
            .count_deliveries_since(target.id, now - WINDOW)
            .await?;
        let agents: BTreeSet<AgentId> = notices.iter().filter_map(|(_, it)| it.agent).collect();
        let agents: Vec<_> = agents.into_iter().collect();
        let scope = Scope::of(target.organization);
        let agents = self.store.load_agents(scope, &agents).await?;
        let mut new: Vec<NotificationDelivery> = Vec::new();
        for (event, notice) in notices {
            let name = agents.iter().find(|it| Some(it.id) == notice.agent);
            let key = match notice.key.as_str() {
                "" => format!("position:{}", event.position),
                key => key.to_owned(),
            };
            let notice = match name {
                Some(agent) => notice.with("Agent", agent.name.as_str()),
                None => notice,
            };
            if told < PEOPLE_MAX {
                told += 1;
                let payload = serde_json::to_string(&notice).unwrap_or_default();
                new.push(self.new_delivery(target, &event.event_type, key, payload));
                continue;
            }
            // The last one of the window says how many more there were; it is put into words when it
            // is sent.
            let window = now.timestamp() / WINDOW.num_seconds();
            let key = format!("digest:{window}");
            if !new.iter().any(|it| it.dedup_key == key) {
                let ends = (window + 1) * WINDOW.num_seconds();
                let notice = Notice::digest(notice.severity);
                let payload = serde_json::to_string(&notice).unwrap_or_default();
                let mut digest =
                    self.new_delivery(target, "aim.notification.digest.v1", key, payload);
                digest.next_attempt_at = DateTime::from_timestamp(ends, 0).unwrap_or(now);
                new.push(digest);
            }
        }
        Ok(new)
    }

    /// Gives up what comes on top of too much that waits.
    async fn refuse_flood(&self, new: &mut [NotificationDelivery]) -> Result<(), AppError> {
        let targets: BTreeSet<_> = new.iter().map(|it| it.target).collect();
        if targets.is_empty() {
            return Ok(());
        }
        let mut waiting = self.store.count_pending_deliveries(targets).await?;
        for delivery in new {
            let waiting = waiting.entry(delivery.target).or_default();
            *waiting += 1;
            if *waiting > PENDING_MAX {
                delivery.status = DeliveryStatus::Dead;
                delivery.finished_at = Some(delivery.created_at);
                delivery.attempts = vec![Attempt {
                    number: 0,
                    at: delivery.created_at,
                    latency_ms: 0,
                    status: None,
                    error: Some(format!(
                        "not tried: {PENDING_MAX} deliveries waited already"
                    )),
                    excerpt: None,
                }];
            }
        }
        Ok(())
    }

    pub(crate) fn new_delivery(
        &self,
        target: &NotificationTarget,
        event_type: &str,
        dedup_key: String,
        payload: String,
    ) -> NotificationDelivery {
        let now = self.clock.now();
        NotificationDelivery {
            id: NotificationDeliveryId::from_uuid(self.ids.next()),
            organization: target.organization,
            target: target.id,
            event_type: event_type.to_owned(),
            dedup_key,
            payload,
            created_at: now,
            next_attempt_at: now,
            attempt_count: 0,
            replayed_at_count: 0,
            attempts: Vec::new(),
            finished_at: None,
            status: DeliveryStatus::Pending,
        }
    }
}

fn wants(target: &NotificationTarget, event: &TailedEvent) -> bool {
    event.organization == Some(target.organization)
        && event.position > target.since_position
        && target.event_types.contains(&event.event_type)
}

/// What people are told of a fact that they want or that a policy tells them of.
fn notice_for(target: &NotificationTarget, event: &TailedEvent, is_named: bool) -> Option<Notice> {
    let fact = read(event)?.fact;
    let least = target.least_severity;
    let is_severe = |it: &Notice| least.is_none_or(|least| it.severity >= least);
    if is_named {
        let notice = Notice::of_policies(&fact)?;
        // Who hears of all alerts hears of each once, also of those of policies.
        let alerts = target.event_types.iter().any(|it| it == AlertRaised::TYPE);
        let is_told = event.event_type == AnomalyDetected::TYPE && alerts && is_severe(&notice);
        return Some(notice).filter(|_| !is_told);
    }
    Notice::of(&fact).filter(is_severe)
}

/// Whether a fact with a severity is bad enough; others always are.
fn is_severe(target: &NotificationTarget, event: &TailedEvent) -> bool {
    let Some(least) = target.least_severity else {
        return true;
    };
    match read(event).map(|it| it.fact) {
        Some(aim_domain::event::Fact::AlertRaised(alert)) => alert.severity >= least,
        Some(aim_domain::event::Fact::AnomalyDetected(it)) => it.severity >= least,
        _ => true,
    }
}
