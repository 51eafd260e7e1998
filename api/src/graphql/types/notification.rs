//! Where systems and people outside are told of events, and what they were told.

use aim_app::MadeTarget;
use aim_domain::id::NotificationTargetId;
use aim_domain::notification::Attempt;
use aim_domain::role::Permission;
use aim_store::notification_deliveries::NotificationDelivery as DeliveryRow;
use aim_store::notification_targets::NotificationTarget as Row;
use async_graphql::{ComplexObject, Context, ID, InputObject, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::connection::{connection, page};
use super::super::context::{RequestContext, fault};
use super::super::enums::{NotificationStatus, NotificationTargetKind, Severity};
use super::super::id::global_id;

/// Somebody outside who is told of events.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub(crate) struct NotificationTarget {
    /// Global id.
    id: ID,
    /// What it is.
    kind: NotificationTargetKind,
    /// What a person calls it, once in your organization.
    name: String,
    /// Where it is. Of a channel only the host is shown: whoever knows the whole can write to it.
    address: String,
    /// The types of the events it is told of, as in `docs/events.md`.
    event_types: Vec<String>,
    /// Of alerts, and for people of everything, only what is as bad; null is all.
    least_severity: Option<Severity>,
    /// Whether it is told of events.
    is_enabled: bool,
    /// Since when it is not.
    disabled_at: Option<DateTime<Utc>>,
    /// Why not.
    disabled_reason: Option<String>,
    /// Since when every attempt failed; after five days it is shut off.
    failing_since: Option<DateTime<Utc>>,
    /// When it last took something, to within a minute.
    last_success_at: Option<DateTime<Utc>>,
    /// When the secret of its requests was last replaced.
    secret_rotated_at: Option<DateTime<Utc>>,
    /// Until when requests are signed with the secret before, too.
    previous_secret_until: Option<DateTime<Utc>>,
    /// By whom it was made, as `user:<id>`.
    created_by: String,
    /// When.
    created_at: DateTime<Utc>,
    #[graphql(skip)]
    key: NotificationTargetId,
}

/// Something that a target is told, with what became of it.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct NotificationDelivery {
    /// Global id.
    id: ID,
    /// Global id of the target.
    target_id: ID,
    /// What requests to webhooks carry as `webhook-id`, the same in every attempt and replay.
    message_id: String,
    /// The type of the event.
    event_type: String,
    /// Where it stands.
    status: NotificationStatus,
    /// What is sent: to a webhook these bytes.
    payload: String,
    /// Attempts so far.
    attempt_count: u32,
    /// The last attempts, oldest first, at most 20.
    attempts: Vec<NotificationAttempt>,
    /// When it is tried next.
    next_attempt_at: Option<DateTime<Utc>>,
    /// Since when it is to be told.
    created_at: DateTime<Utc>,
    /// When nothing more was to be done.
    finished_at: Option<DateTime<Utc>>,
}

/// One try to tell a target something.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct NotificationAttempt {
    /// Counted from 1; 0 where nothing was tried.
    number: u32,
    /// When it began.
    started_at: DateTime<Utc>,
    /// How long it took.
    latency_milliseconds: u32,
    /// The status that was answered, if anything was.
    status_code: Option<u16>,
    /// Why it failed; null when it did not.
    error: Option<String>,
    /// The first bytes of the answer, as text.
    answer: Option<String>,
}

/// A webhook with its secret.
#[derive(SimpleObject)]
pub(crate) struct WebhookWithSecret {
    /// The webhook.
    notification_target: NotificationTarget,
    /// Requests are signed with it, by Standard Webhooks. It is shown now and never again.
    secret: String,
}

impl std::fmt::Debug for WebhookWithSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.notification_target.fmt(f)
    }
}

impl From<MadeTarget> for WebhookWithSecret {
    fn from(made: MadeTarget) -> Self {
        let secret = made.secret.map(|it| it.reveal().to_owned());
        Self {
            notification_target: made.target.into(),
            secret: secret.unwrap_or_default(),
        }
    }
}

impl From<MadeTarget> for NotificationTarget {
    fn from(made: MadeTarget) -> Self {
        made.target.into()
    }
}

impl From<Row> for NotificationTarget {
    fn from(row: Row) -> Self {
        Self {
            id: global_id("NotificationTarget", row.id),
            key: row.id,
            kind: row.kind.into(),
            name: row.name,
            address: row.address,
            event_types: row.event_types,
            least_severity: row.least_severity.map(Into::into),
            is_enabled: row.disabled_at.is_none(),
            disabled_at: row.disabled_at,
            disabled_reason: row.disabled_reason,
            failing_since: row.failing_since,
            last_success_at: row.last_success_at,
            secret_rotated_at: row.secret_rotated_at,
            previous_secret_until: row.previous_until,
            created_by: row.created_by,
            created_at: row.created_at,
        }
    }
}

impl From<DeliveryRow> for NotificationDelivery {
    fn from(row: DeliveryRow) -> Self {
        Self {
            id: global_id("NotificationDelivery", row.id),
            target_id: global_id("NotificationTarget", row.target),
            message_id: aim_app::message_id(row.id),
            event_type: row.event_type,
            status: row.status.into(),
            payload: row.payload,
            attempt_count: row.attempt_count,
            attempts: row.attempts.into_iter().map(Into::into).collect(),
            next_attempt_at: row.finished_at.is_none().then_some(row.next_attempt_at),
            created_at: row.created_at,
            finished_at: row.finished_at,
        }
    }
}

impl From<Attempt> for NotificationAttempt {
    fn from(attempt: Attempt) -> Self {
        Self {
            number: attempt.number,
            started_at: attempt.at,
            latency_milliseconds: attempt.latency_ms,
            status_code: attempt.status,
            error: attempt.error,
            answer: attempt.excerpt,
        }
    }
}

connection!(
    NotificationTargetConnection,
    NotificationTargetEdge,
    NotificationTarget,
    Row,
    "NotificationTarget"
);
connection!(
    NotificationDeliveryConnection,
    NotificationDeliveryEdge,
    NotificationDelivery,
    DeliveryRow,
    "NotificationDelivery"
);

/// Which deliveries.
#[derive(Debug, Default, InputObject)]
pub(crate) struct NotificationDeliveryFilter {
    /// That stand like this.
    status: Option<NotificationStatus>,
}

#[ComplexObject]
impl NotificationTarget {
    /// What it was told in the last 30 days, newest first.
    async fn deliveries(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which ones; all when left out.")] filter: Option<
            NotificationDeliveryFilter,
        >,
    ) -> Result<NotificationDeliveryConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageSettings)?;
        let page = page("NotificationDelivery", first, after, last, before)?;
        let status = filter.and_then(|it| it.status).map(Into::into);
        let app = &request.app;
        let found = app.list_notification_deliveries(&permit, self.key, status, page);
        Ok(found.await.map_err(fault)?.into())
    }
}
