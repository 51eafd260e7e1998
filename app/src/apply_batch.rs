//! What the stream found, written in one transaction with the positions it has read up to.

use std::collections::{HashMap, HashSet};

use aim_domain::action::ObservedAction;
use aim_domain::anomaly::Finding;
use aim_domain::event::TrustScoreChanged;
use aim_domain::id::{AgentId, EventId, TrustSnapshotId};
use aim_domain::trace::TraceContext;
use aim_domain::trust::{TrustAssessment, TrustScore};
use aim_domain::violation::CapabilityViolation;
use aim_eventlog::Partition;
use aim_store::dead_letters::NewDeadLetter;
use aim_store::journal::JournalRow;
use aim_store::offsets::ConsumerOffset;
use aim_store::profiles::StoredProfile;
use aim_store::trust::{TrustSnapshot, TrustUpdate};
use aim_store::{StoreError, Tx};
use chrono::{DateTime, Utc};

use crate::read::STREAM_GROUP;
use crate::{App, AppError, ModelsSeen};

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

/// What became of one agent since it was written last.
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
    pub actions: Vec<Box<ObservedAction>>,
    /// The agents whose learned normal is written now.
    pub agents: Vec<AgentUpdate>,
    /// What the others have learned, to learn it again from should the process die.
    pub journal: Vec<JournalRow>,
    /// Partitions, each with the first sequence that is still needed of its journal.
    pub trims: Vec<(Partition, i64)>,
    /// What was given up on.
    pub dead_letters: Vec<NewDeadLetter>,
    /// What the organizations' models did.
    pub models: Vec<ModelsSeen>,
    /// Attempts at what nothing grants.
    pub violations: Vec<CapabilityViolation>,
    /// The spans of events in which something was found: what is said of it belongs to them.
    pub traces: HashMap<EventId, TraceContext>,
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

    /// The next rows of what the agents of a partition have learned, after `sequence`.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn read_journal(
        &self,
        partition: Partition,
        sequence: i64,
    ) -> Result<Vec<JournalRow>, AppError> {
        Ok(self.store.read_journal(partition, sequence).await?)
    }

    /// Writes a batch: activities, profiles, scores, anomalies, alerts, quarantines, dead letters,
    /// the events about them and the positions, all or nothing.
    ///
    /// # Errors
    /// `Conflict` when another process has read the same partition meanwhile: forget everything
    /// in memory and begin again from the stored positions. `Unavailable`: try again.
    pub async fn apply_batch(&self, batch: AppliedBatch) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        // First, so that of two readers of one partition the second waits here and then fails.
        for (from, to) in &batch.moves {
            tx.advance_offset(STREAM_GROUP, from, to).await?;
        }
        tx.insert_activities(&batch.actions).await?;
        tx.insert_dead_letters(&batch.dead_letters).await?;
        for violation in &batch.violations {
            tx.add_violation(violation).await?;
        }
        let profiles: Vec<_> = batch.agents.iter().map(|agent| &agent.profile).collect();
        tx.upsert_profiles(&profiles).await?;
        for row in batch.journal {
            tx.append_journal(row).await?;
        }
        for (partition, sequence) in batch.trims {
            tx.trim_journal(partition, sequence).await?;
        }
        self.write_trust(&mut tx, &batch.agents).await?;
        let stopped = self
            .write_findings(&mut tx, &batch.agents, &batch.traces)
            .await?;
        let moved = self
            .write_models(&mut tx, &batch.moves, &batch.models)
            .await?;
        tx.commit().await?;
        for agent in stopped {
            self.cache.forget(agent);
        }
        for organization in moved {
            self.serving.forget(organization);
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
}
