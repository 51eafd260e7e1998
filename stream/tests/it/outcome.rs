//! Everything that a stream leaves behind, without the ids and times that every run makes anew.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aim_domain::agent::AgentStatus;
use aim_domain::anomaly::Finding;
use aim_domain::id::{AgentId, EventId};
use aim_domain::scope::Scope;
use aim_domain::trust::TrustScore;
use aim_eventlog::{Envelope, EventSource, Polled, TableSource, Topic, Wake};
use aim_store::agents::Agent;
use aim_store::alerts::{Alert, AlertFilter};
use aim_store::anomalies::AnomalyFilter;
use aim_store::audit::AuditFilter;
use aim_store::dead_letters::DeadLetter;
use aim_store::offsets::ConsumerOffset;
use aim_store::{Page, PageRequest, Store};
use chrono::{DateTime, Utc};
use sea_orm::EntityTrait;
use serde_json::Value;

use crate::site::Site;

/// Score, samples, confidence and factors in words, event time.
type Score = (Option<TrustScore>, u64, String, DateTime<Utc>);

/// What is known of one agent in the end.
#[derive(Debug, PartialEq)]
pub(crate) struct Known {
    pub(crate) status: AgentStatus,
    status_reason: Option<String>,
    pub(crate) trust: Option<TrustScore>,
    confidence: TrustScore,
    pub(crate) samples: u64,
    last_seen: Option<DateTime<Utc>>,
    profile: Option<(Vec<u8>, DateTime<Utc>)>,
    /// Oldest first.
    history: Vec<Score>,
    /// Newest last, with whether each belongs to an alert.
    pub(crate) findings: Vec<(Finding, bool)>,
    /// By the events that their incidents began with.
    pub(crate) alerts: BTreeMap<String, String>,
    /// What the product said of it, by type, in order, without ids.
    said: BTreeMap<String, Vec<String>>,
    audit: Vec<(String, Option<String>)>,
}

/// Counts over all partitions.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) applied: u64,
    pub(crate) duplicates: u64,
    pub(crate) dead_letters: u64,
}

/// The whole.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) agents: BTreeMap<AgentId, Known>,
    pub(crate) activities: u64,
}

/// A dead letter as it lies there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Buried {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) position: i64,
    pub(crate) reason: String,
    pub(crate) detail: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Option<String>,
}

/// All pages of a list, oldest first.
async fn all<T, F>(
    list: impl Fn(PageRequest) -> F,
    id: impl Fn(&T) -> uuid::Uuid,
) -> anyhow::Result<Vec<T>>
where
    F: Future<Output = Result<Page<T>, aim_store::StoreError>>,
{
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let page = list(PageRequest::new(Some(100), after, None, None)?).await?;
        after = page.items.last().map(&id);
        items.extend(page.items);
        if !page.has_next {
            items.reverse();
            return Ok(items);
        }
    }
}

/// The offsets that the processors keep.
pub(crate) async fn offsets(site: &Site) -> anyhow::Result<Vec<ConsumerOffset>> {
    let mut offsets = site.store().await?.list_offsets("aim-stream").await?;
    offsets.sort_by_key(|offset| offset.partition);
    Ok(offsets)
}

pub(crate) async fn counts(site: &Site) -> anyhow::Result<Counts> {
    let mut sum = Counts::default();
    for offset in offsets(site).await? {
        sum.applied += offset.applied;
        sum.duplicates += offset.duplicates;
        sum.dead_letters += offset.dead_letters;
    }
    Ok(sum)
}

/// All dead letters, whosever they are, by position.
pub(crate) async fn buried(site: &Site) -> anyhow::Result<Vec<Buried>> {
    let store = site.store().await?;
    let rows = aim_entities::dead_letter::Entity::find();
    let rows = rows.all(store.reader()).await?;
    let mut all: Vec<_> = rows
        .into_iter()
        .map(|row| Buried {
            topic: row.topic,
            partition: row.partition,
            position: row.position,
            reason: row.reason,
            detail: row.detail,
            payload: row.payload,
            signature: row.signature,
        })
        .collect();
    all.sort();
    Ok(all)
}

/// The dead letters that a tenant can see.
pub(crate) async fn buried_of(site: &Site, tenant: usize) -> anyhow::Result<Vec<DeadLetter>> {
    let (store, scope) = (site.store().await?, Site::scopes()[tenant]);
    all(
        |page| store.list_dead_letters(scope, None, page),
        |letter: &DeadLetter| letter.id.as_uuid(),
    )
    .await
}

/// Which of these events were applied.
pub(crate) async fn applied(site: &Site, events: &[EventId]) -> anyhow::Result<BTreeSet<EventId>> {
    Ok(site
        .store()
        .await?
        .find_applied(events)
        .await?
        .into_iter()
        .collect())
}

fn words(alert: &Alert) -> String {
    format!("{:?} {:?}", alert.status, alert.incident)
}

/// What the product said, by agent and type.
async fn said(store: &Store) -> anyhow::Result<BTreeMap<(String, String), Vec<String>>> {
    let mut source = TableSource::new(store.reader().clone(), &[Topic::Events], &Wake::default());
    let mut said: BTreeMap<_, Vec<String>> = BTreeMap::new();
    loop {
        match source.poll(1_000, Duration::ZERO).await? {
            Polled::Batch(batch) if batch.is_empty() => return Ok(said),
            Polled::Batch(batch) => {
                for delivery in batch {
                    let envelope = Envelope::parse(&delivery.payload)?;
                    let mut data: Value = serde_json::from_str(&envelope.data.json(None)?)?;
                    for id in ["snapshot", "anomaly", "alert"] {
                        data.as_object_mut().and_then(|data| data.remove(id));
                    }
                    let subject = envelope.subject.unwrap_or_default().into_owned();
                    let key = (subject, envelope.event_type.into_owned());
                    said.entry(key).or_default().push(data.to_string());
                }
            }
            Polled::Assigned(partitions) | Polled::Revoked(partitions) => {
                for partition in partitions {
                    source.seek(partition, 0).await?;
                }
            }
        }
    }
}

/// Reads everything that was left behind.
pub(crate) async fn outcome(site: &Site) -> anyhow::Result<Outcome> {
    let store = site.store().await?;
    let said = said(&store).await?;
    let mut agents = BTreeMap::new();
    let mut activities = 0;
    for scope in Site::scopes() {
        activities += store.count_activities(scope).await?;
    }
    for member in &site.members {
        let scope = Scope::of(member.organization);
        let Some(agent) = store.find_agent(scope, member.id).await? else {
            anyhow::bail!("{} is gone", member.id);
        };
        let profile = store.load_profiles(&[member.id]).await?.pop();
        let subject = member.id.to_string();
        let said = said.iter().filter(|((about, _), _)| *about == subject);
        let known = Known {
            history: history(&store, &agent).await?,
            findings: findings(&store, &agent).await?,
            alerts: alerts(&store, &agent).await?,
            audit: audit(&store, &agent).await?,
            said: said
                .map(|((_, kind), all)| (kind.clone(), all.clone()))
                .collect(),
            profile: profile.map(|it| (it.profile, it.watermark)),
            status: agent.status,
            status_reason: agent.status_reason,
            trust: agent.trust,
            confidence: agent.trust_confidence,
            samples: agent.trust_sample_count,
            last_seen: agent.last_seen_at,
        };
        agents.insert(member.id, known);
    }
    Ok(Outcome { agents, activities })
}

async fn history(store: &Store, agent: &Agent) -> anyhow::Result<Vec<Score>> {
    let scope = Scope::of(agent.organization);
    let all = all(
        |page| store.list_trust_snapshots(scope, agent.id, page),
        |snapshot| snapshot.id.as_uuid(),
    );
    let scores = all.await?.into_iter().map(|it| {
        let words = format!("{:?} {:?}", it.confidence, it.factors);
        (it.score, it.sample_count, words, it.event_time)
    });
    Ok(scores.collect())
}

async fn findings(store: &Store, agent: &Agent) -> anyhow::Result<Vec<(Finding, bool)>> {
    let filter = AnomalyFilter {
        agent: Some(agent.id),
        ..AnomalyFilter::default()
    };
    let all = all(
        |page| store.list_anomalies(Scope::of(agent.organization), &filter, page),
        |anomaly| anomaly.id.as_uuid(),
    );
    let all = all.await?.into_iter();
    Ok(all.map(|it| (it.finding, it.alert.is_some())).collect())
}

async fn alerts(store: &Store, agent: &Agent) -> anyhow::Result<BTreeMap<String, String>> {
    let filter = AlertFilter {
        agent: Some(agent.id),
        ..AlertFilter::default()
    };
    let all = all(
        |page| store.list_alerts(Scope::of(agent.organization), &filter, page),
        |alert| alert.id.as_uuid(),
    );
    let mut found = BTreeMap::new();
    for alert in all.await? {
        let second = found.insert(alert.dedup_key.clone(), words(&alert));
        anyhow::ensure!(second.is_none(), "two alerts of one incident: {second:?}");
    }
    Ok(found)
}

async fn audit(store: &Store, agent: &Agent) -> anyhow::Result<Vec<(String, Option<String>)>> {
    let filter = AuditFilter {
        object_id: Some(agent.id.to_string()),
        ..AuditFilter::default()
    };
    let all = all(
        |page| store.list_audit(Scope::of(agent.organization), &filter, page),
        |entry| entry.id.as_uuid(),
    );
    let all = all.await?.into_iter();
    Ok(all.map(|it| (it.action, it.reason)).collect())
}
