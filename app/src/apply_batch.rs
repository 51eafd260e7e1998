//! What the stream found, written in one transaction with the positions it has read up to.

use std::collections::{HashMap, HashSet};

use aim_domain::action::ObservedAction;
use aim_domain::agent::AgentStatus;
use aim_domain::alert::AlertStatus;
use aim_domain::anomaly::{Finding, Severity};
use aim_domain::event::{
    AgentChange, AgentChanged, AlertRaised, AnomalyDetected, Fact, TrustScoreChanged,
};
use aim_domain::id::{
    AgentId, AlertId, AnomalyId, AuditEntryId, EventId, OrganizationId, TrustSnapshotId,
};
use aim_domain::trust::{TrustAssessment, TrustScore};
use aim_domain::verification::AgentFacts;
use aim_store::alerts::Alert;
use aim_store::anomalies::Anomaly;
use aim_store::audit::NewAuditEntry;
use aim_store::dead_letters::NewDeadLetter;
use aim_store::offsets::ConsumerOffset;
use aim_store::profiles::StoredProfile;
use aim_store::trust::{TrustSnapshot, TrustUpdate};
use aim_store::{StoreError, Tx};
use chrono::{DateTime, Utc};
use serde_json::json;
use std::sync::Arc;

use crate::read::STREAM_GROUP;
use crate::{App, AppError};

/// Least severity of a finding that a person must look at.
const ALERT_FROM: Severity = Severity::High;

/// A score worth keeping.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The score and its factors.
    pub assessment: TrustAssessment,
    /// The score before.
    pub previous: Option<TrustScore>,
    /// Event time of the action that moved it.
    pub event_time: DateTime<Utc>,
}

/// What became of one agent in a batch.
#[derive(Debug, Clone)]
pub struct AgentUpdate {
    /// Its learned normal, after the batch.
    pub profile: StoredProfile,
    /// Its score, after the batch.
    pub assessment: TrustAssessment,
    /// Scores on the way that moved enough to be kept.
    pub snapshots: Vec<Snapshot>,
    /// What detectors found, in order.
    pub findings: Vec<Finding>,
}

/// A batch as processed.
#[derive(Debug, Clone, Default)]
pub struct AppliedBatch {
    /// From where to where each partition was read.
    pub moves: Vec<(ConsumerOffset, ConsumerOffset)>,
    /// Fleet actions, each applied once.
    pub actions: Vec<ObservedAction>,
    /// The agents that the batch was about.
    pub agents: Vec<AgentUpdate>,
    /// What was given up on.
    pub dead_letters: Vec<NewDeadLetter>,
}

impl App {
    /// Where the stream has come to.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn stream_offsets(&self) -> Result<Vec<ConsumerOffset>, AppError> {
        Ok(self.store.list_offsets(STREAM_GROUP).await?)
    }

    /// Which of these events have been applied before.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn find_applied(&self, events: &[EventId]) -> Result<HashSet<EventId>, AppError> {
        Ok(self.store.find_applied(events).await?)
    }

    /// The learned normals of these agents; those without one are left out.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn load_profiles(&self, ids: &[AgentId]) -> Result<Vec<StoredProfile>, AppError> {
        Ok(self.store.load_profiles(ids).await?)
    }

    /// The facts of the agent that has this key, and the key itself.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn find_producer(
        &self,
        key_id: &str,
    ) -> Result<Option<(Arc<AgentFacts>, aim_domain::signature::PublicKey)>, AppError> {
        match self.find_key(key_id).await? {
            Some((agent, _, _, key)) => Ok(Some((self.facts(agent).await?, key))),
            None => Ok(None),
        }
    }

    /// Writes a batch: activities, profiles, scores, anomalies, alerts, quarantines, dead letters,
    /// the events about them and the positions, all or nothing.
    ///
    /// # Errors
    /// `Conflict` when another process has read the same partition meanwhile: forget everything
    /// in memory and begin again from the stored positions. `Unavailable`: try again.
    pub async fn apply_batch(&self, batch: &AppliedBatch) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        // First, so that of two readers of one partition the second waits here and then fails.
        for (from, to) in &batch.moves {
            tx.advance_offset(STREAM_GROUP, from, to).await?;
        }
        tx.insert_activities(&batch.actions).await?;
        tx.insert_dead_letters(&batch.dead_letters).await?;
        let profiles: Vec<_> = batch
            .agents
            .iter()
            .map(|agent| agent.profile.clone())
            .collect();
        tx.upsert_profiles(&profiles).await?;
        self.write_trust(&mut tx, &batch.agents).await?;
        let stopped = self.write_findings(&mut tx, &batch.agents).await?;
        tx.commit().await?;
        for agent in stopped {
            self.cache.forget(agent);
        }
        Ok(())
    }

    async fn write_trust(&self, tx: &mut Tx, agents: &[AgentUpdate]) -> Result<(), StoreError> {
        let mut snapshots = Vec::new();
        for update in agents {
            let (agent, organization) = (update.profile.agent, update.profile.organization);
            for snapshot in &update.snapshots {
                let id = TrustSnapshotId::from_uuid(self.ids.next());
                let (from, to) = (snapshot.previous, snapshot.assessment.score);
                let fact = TrustScoreChanged {
                    snapshot: id,
                    agent,
                    from,
                    to,
                };
                tx.emit(&self.event(organization, agent, fact));
                snapshots.push(TrustSnapshot {
                    id,
                    organization,
                    agent,
                    score: to,
                    confidence: snapshot.assessment.confidence,
                    sample_count: snapshot.assessment.sample_count,
                    factors: snapshot.assessment.factors.clone(),
                    event_time: snapshot.event_time,
                    created_at: tx.now(),
                });
            }
        }
        let updates: Vec<_> = agents
            .iter()
            .map(|update| TrustUpdate {
                agent: update.profile.agent,
                assessment: &update.assessment,
                last_seen_at: update.profile.watermark,
            })
            .collect();
        tx.update_trust(&updates).await?;
        tx.insert_trust_snapshots(&snapshots).await
    }

    /// Writes anomalies, raises or updates alerts, quarantines; returns who was quarantined.
    async fn write_findings(
        &self,
        tx: &mut Tx,
        agents: &[AgentUpdate],
    ) -> Result<Vec<AgentId>, StoreError> {
        let mut keys: Vec<String> = Vec::new();
        for update in agents {
            let bad = update.findings.iter().filter(|f| f.severity >= ALERT_FROM);
            keys.extend(bad.map(|finding| dedup_key(update.profile.agent, finding)));
        }
        keys.sort_unstable();
        keys.dedup();
        let open = tx.find_unresolved_alerts(&keys).await?;
        let mut alerts: HashMap<String, (Alert, Change)> = open
            .into_iter()
            .map(|alert| (alert.dedup_key.clone(), (alert, Change::None)))
            .collect();
        let mut anomalies = Vec::new();
        let mut stopped = Vec::new();
        for update in agents {
            let (agent, organization) = (update.profile.agent, update.profile.organization);
            for finding in &update.findings {
                let alert = (finding.severity >= ALERT_FROM)
                    .then(|| self.note(tx, &mut alerts, organization, agent, finding));
                let id = AnomalyId::from_uuid(self.ids.next());
                let fact = AnomalyDetected {
                    anomaly: id,
                    agent,
                    kind: finding.kind,
                    severity: finding.severity,
                    event: finding.event,
                };
                tx.emit(&self.event(organization, agent, fact));
                anomalies.push(Anomaly {
                    id,
                    organization,
                    agent,
                    alert,
                    finding: finding.clone(),
                    created_at: tx.now(),
                });
            }
            let critical = update
                .findings
                .iter()
                .find(|f| f.severity == Severity::Critical);
            if let Some(finding) = critical
                && self.quarantine(tx, organization, agent, finding).await?
            {
                stopped.push(agent);
            }
        }
        tx.insert_anomalies(&anomalies).await?;
        let new: Vec<_> = alerts
            .values()
            .filter(|(_, c)| *c == Change::New)
            .map(|(alert, _)| alert)
            .collect();
        tx.insert_alerts(&new).await?;
        for (alert, _) in alerts
            .values()
            .filter(|(_, change)| *change == Change::Updated)
        {
            tx.update_alert_findings(alert).await?;
        }
        Ok(stopped)
    }

    /// Adds a finding to its alert; a new alert and one that got worse are told to subscribers.
    fn note(
        &self,
        tx: &mut Tx,
        alerts: &mut HashMap<String, (Alert, Change)>,
        organization: OrganizationId,
        agent: AgentId,
        finding: &Finding,
    ) -> AlertId {
        let key = dedup_key(agent, finding);
        let now = tx.now();
        let (alert, change) = alerts.entry(key.clone()).or_insert_with(|| {
            let alert = Alert {
                id: AlertId::from_uuid(self.ids.next()),
                organization,
                agent,
                kind: finding.kind,
                severity: finding.severity,
                status: AlertStatus::Open,
                summary: finding.summary.clone(),
                evidence: finding.evidence.clone(),
                anomaly_count: 0,
                dedup_key: key,
                first_event_time: finding.time,
                last_event_time: finding.time,
                created_at: now,
                updated_at: now,
                acknowledged_by: None,
                acknowledged_at: None,
                resolved_by: None,
                resolved_at: None,
                verdict: None,
            };
            (alert, Change::New)
        });
        let is_news = alert.anomaly_count == 0 || finding.severity > alert.severity;
        alert.anomaly_count += 1;
        alert.severity = alert.severity.max(finding.severity);
        alert.summary.clone_from(&finding.summary);
        alert.evidence.clone_from(&finding.evidence);
        alert.last_event_time = alert.last_event_time.max(finding.time);
        if *change == Change::None {
            *change = Change::Updated;
        }
        let id = alert.id;
        if is_news {
            let (severity, summary) = (alert.severity, alert.summary.clone());
            let fact = AlertRaised {
                alert: id,
                agent,
                severity,
                summary,
            };
            tx.emit(&self.event(organization, agent, fact));
        }
        id
    }

    /// Stops an agent that may act; one that is stopped already stays as it is.
    async fn quarantine(
        &self,
        tx: &mut Tx,
        organization: OrganizationId,
        agent: AgentId,
        finding: &Finding,
    ) -> Result<bool, StoreError> {
        let (from, to) = (AgentStatus::Verified, AgentStatus::Quarantined);
        let reason = format!("critical finding: {}", finding.summary);
        if !tx
            .update_status(agent, from, to, Some(&reason), "system:stream")
            .await?
        {
            return Ok(false);
        }
        tx.audit(NewAuditEntry {
            id: AuditEntryId::from_uuid(self.ids.next()),
            organization,
            actor_type: "system",
            actor_id: "stream".to_owned(),
            action: "agent.quarantine",
            object_type: "agent",
            object_id: agent.to_string(),
            reason: Some(reason.clone()),
            before: Some(json!({ "status": from })),
            after: Some(json!({ "status": to, "event": finding.event })),
            request_id: finding.event.to_string(),
        });
        let change = AgentChange::Status {
            from,
            to,
            reason: Some(reason),
        };
        let fact: Fact = AgentChanged { agent, change }.into();
        tx.emit(&self.event(organization, agent, fact));
        Ok(true)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    None,
    New,
    Updated,
}

/// Findings of one kind about one agent are one alert until somebody resolves it.
fn dedup_key(agent: AgentId, finding: &Finding) -> String {
    format!("{agent}:{:?}", finding.kind)
}
