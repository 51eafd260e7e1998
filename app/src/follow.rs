//! Following the event log: keeps the decision cache true and feeds subscriptions.

use std::sync::Arc;
use std::time::Duration;

use aim_domain::event::{AgentChange, Fact, McpServerChange, OrganizationChange};
use aim_domain::scope::Scope;
use aim_eventlog::{Envelope, TableTail, TailedEvent};
use futures::Stream;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::{AgentActor, App, FeedError, FeedItem};

/// Most facts of one read.
const BATCH: u64 = 2_000;
/// How long to wait after a failed read.
const BACK_OFF: Duration = Duration::from_millis(200);
/// A follower that hears nothing still says that it is alive.
const IDLE: Duration = Duration::from_millis(250);

impl App {
    /// Follows until `stop` fires. While the database does not answer, the cache goes stale by
    /// itself and decisions read the database, which refuses them.
    pub async fn follow(&self, stop: CancellationToken) {
        let mut tail = None;
        while !stop.is_cancelled() {
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                outcome = self.follow_once(&mut tail) => outcome,
            };
            if let Err(error) = outcome {
                tracing::warn!(%error, "the event log cannot be followed; trying again");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }

    async fn follow_once(
        &self,
        tail: &mut Option<TableTail>,
    ) -> Result<(), aim_eventlog::EventLogError> {
        if tail.is_none() {
            let reader = self.store.reader().clone();
            *tail = Some(TableTail::from_now(reader, self.store.wake()).await?);
        }
        let Some(tail) = tail else { return Ok(()) };
        let asked_at = self.clock.now();
        if let Ok(batch) = tokio::time::timeout(IDLE, tail.next(BATCH)).await {
            for event in batch? {
                self.heed(&event);
            }
        } else {
            // Nothing came for a while: prove that the database still answers.
            for event in tail.read(BATCH).await? {
                self.heed(&event);
            }
        }
        self.cache.heard(asked_at);
        Ok(())
    }

    fn heed(&self, event: &TailedEvent) {
        let Some(item) = read(event) else { return };
        self.kills.heed(&item.fact, item.time);
        self.credentials.heed(&item.fact);
        self.serving.heed(&item.fact);
        self.next_due.heed(&item.fact);
        match &item.fact {
            Fact::TrustScoreChanged(changed) => self.cache.set_trust(changed.agent, changed.to),
            // A new agent is in no cache yet.
            Fact::AgentChanged(changed)
                if !matches!(changed.change, AgentChange::Registered { .. }) =>
            {
                self.cache.forget(changed.agent);
            }
            Fact::OrganizationChanged(changed)
                if matches!(
                    changed.change,
                    OrganizationChange::KillSwitch { .. }
                        | OrganizationChange::ActionClass { .. }
                        | OrganizationChange::Policy { .. }
                        | OrganizationChange::Approvals { .. }
                ) =>
            {
                self.cache.forget_organization(changed.organization);
            }
            // A word about a server changes no decision.
            Fact::McpServerChanged(changed)
                if matches!(
                    changed.change,
                    McpServerChange::Attested { .. } | McpServerChange::AttestationRevoked { .. }
                ) => {}
            Fact::McpServerChanged(_) => self.cache.forget_organization(item.organization),
            _ => {}
        }
        self.feed.publish(item);
    }

    /// Facts of an organization: what followed `after`, if given, then what happens from now on.
    /// Every fact comes once, in the order of the event log. An agent hears nothing more once
    /// something stops it, or its key ends.
    pub fn subscribe(
        self: &Arc<Self>,
        scope: Scope,
        agent: Option<AgentActor>,
        after: Option<i64>,
    ) -> impl Stream<Item = Result<Arc<FeedItem>, FeedError>> + Send + use<> {
        let mut live = self.feed.subscribe();
        let (reader, wake) = (self.store.reader().clone(), self.store.wake().clone());
        let app = Arc::clone(self);
        let is_stopped = move || agent.as_ref().is_some_and(|it| app.is_stopped(it));
        async_stream::try_stream! {
            let mut seen = after;
            if let Some(after) = after {
                let mut tail = TableTail::after(reader, &wake, after);
                loop {
                    let batch = tail.read(BATCH).await.map_err(|_| FeedError::Unavailable)?;
                    if batch.is_empty() {
                        break;
                    }
                    for item in batch.iter().filter_map(read) {
                        seen = Some(item.position);
                        if is_stopped() {
                            Err(FeedError::Stopped)?;
                        }
                        if item.organization == scope.organization {
                            yield Arc::new(item);
                        }
                    }
                }
            }
            loop {
                match live.recv().await {
                    Ok(item) => {
                        if is_stopped() {
                            Err(FeedError::Stopped)?;
                        }
                        let is_new = seen.is_none_or(|seen| item.position > seen);
                        if is_new && item.organization == scope.organization {
                            yield item;
                        }
                    }
                    Err(RecvError::Lagged(_)) => Err(FeedError::Lagged)?,
                    Err(RecvError::Closed) => break,
                }
            }
        }
    }
}

/// The fact in a row of the log; rows of newer versions that we do not know are passed over.
pub(crate) fn read(event: &TailedEvent) -> Option<FeedItem> {
    let envelope = Envelope::parse(&event.payload).ok()?;
    let data = envelope.data.json(None).ok()?;
    let fact = Fact::parse(&envelope.event_type, data.as_bytes())?.ok()?;
    Some(FeedItem {
        position: event.position,
        organization: event.organization?,
        time: envelope.time,
        fact,
    })
}
