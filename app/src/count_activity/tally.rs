//! What a batch of facts adds to the counts.

use std::collections::{BTreeMap, BTreeSet};

use aim_domain::action::Outcome;
use aim_domain::analytics::{Counts, Grain, LatencyKind, McpUsage};
use aim_domain::anomaly::Severity;
use aim_domain::approval::ApprovalStatus;
use aim_domain::event::{ActionResultReported, AlertRaised, ApprovalChanged, VerificationRecorded};
use aim_domain::id::{AgentId, McpServerId, OrganizationId, VerificationId};
use aim_domain::risk::RiskLevel;
use aim_domain::verification::Decision;
use aim_eventlog::{Envelope, TailedEvent};
use aim_store::activity_counts::{ActionCounts, ActivityCounts, Bucket, LatencyCounts};
use aim_store::mcp_usage::NewMcpUsage;
use aim_store::{StoreError, Tx};
use chrono::{DateTime, Utc};
use serde::Deserialize;

/// Most actions of an organization's day that are counted by name; agents choose names.
const ACTIONS_MAX: usize = 500;
/// What all others count as together.
const OTHER: &str = "(other)";

/// What is counted of a decision; the rest of the fact is left unread.
#[derive(Deserialize)]
struct Decided {
    agent: AgentId,
    action: String,
    risk: RiskLevel,
    decision: Decision,
    mcp_server: Option<McpServerId>,
}

#[derive(Deserialize)]
struct Answered {
    agent: AgentId,
    verification: VerificationId,
    status: ApprovalStatus,
}

#[derive(Deserialize)]
struct Alerted {
    agent: AgentId,
    severity: Severity,
}

#[derive(Deserialize)]
struct Ended {
    agent: AgentId,
    outcome: Outcome,
    mcp_server: Option<McpServerId>,
}

/// Actions with how often they were asked for and denied.
type Asked = BTreeMap<String, (u64, u64)>;

/// The sums of a batch.
#[derive(Debug, Default)]
pub(super) struct Tally {
    activity: BTreeMap<(Bucket, Option<AgentId>), Counts>,
    actions: BTreeMap<(OrganizationId, DateTime<Utc>), Asked>,
    latencies: BTreeMap<(OrganizationId, DateTime<Utc>, LatencyKind, usize), u64>,
    mcp: BTreeMap<(OrganizationId, McpServerId, AgentId), McpUsage>,
}

impl Tally {
    /// Adds a fact; what cannot be read, by a newer version, is passed over.
    pub(super) fn count(&mut self, event: &TailedEvent) {
        let Some(organization) = event.organization else {
            return;
        };
        let Ok(envelope) = Envelope::parse(&event.payload) else {
            return;
        };
        let Ok(data) = envelope.data.json(None) else {
            return;
        };
        let (time, data) = (envelope.time, data.as_ref());
        match event.event_type.as_str() {
            VerificationRecorded::TYPE => {
                if let Ok(fact) = serde_json::from_str::<Decided>(data) {
                    self.add(organization, fact.agent, time, |it| {
                        it.decided(fact.decision, fact.risk);
                    });
                    let is_denied = fact.decision == Decision::Denied;
                    self.asked(organization, time, fact.action, is_denied);
                    if let Some(server) = fact.mcp_server {
                        let key = (organization, server, fact.agent);
                        let usage = self.mcp.entry(key).or_default();
                        usage.decided(fact.decision, time);
                    }
                    let took = event.recorded_at - time;
                    self.took(organization, time, LatencyKind::Decision, took);
                }
            }
            ApprovalChanged::TYPE => {
                if let Ok(fact) = serde_json::from_str::<Answered>(data)
                    && fact.status.is_answer()
                {
                    self.add(organization, fact.agent, time, |it| {
                        it.answered(fact.status);
                    });
                    if let Some(asked) = made_at(fact.verification) {
                        self.took(organization, time, LatencyKind::Approval, time - asked);
                    }
                }
            }
            AlertRaised::TYPE => {
                if let Ok(fact) = serde_json::from_str::<Alerted>(data) {
                    self.add(organization, fact.agent, time, |it| {
                        it.alerted(fact.severity);
                    });
                }
            }
            ActionResultReported::TYPE => {
                if let Ok(fact) = serde_json::from_str::<Ended>(data) {
                    self.add(organization, fact.agent, time, |it| it.ended(fact.outcome));
                    if let Some(server) = fact.mcp_server {
                        let key = (organization, server, fact.agent);
                        self.mcp.entry(key).or_default().ended(fact.outcome);
                    }
                }
            }
            _ => {}
        }
    }

    fn add(
        &mut self,
        organization: OrganizationId,
        agent: AgentId,
        time: DateTime<Utc>,
        count: impl Fn(&mut Counts),
    ) {
        for grain in Grain::ALL {
            let bucket = (organization, grain, grain.start(time));
            count(self.activity.entry((bucket, None)).or_default());
            count(self.activity.entry((bucket, Some(agent))).or_default());
        }
    }

    fn asked(
        &mut self,
        organization: OrganizationId,
        time: DateTime<Utc>,
        action: String,
        is_denied: bool,
    ) {
        let day = (organization, Grain::Day.start(time));
        let count = self
            .actions
            .entry(day)
            .or_default()
            .entry(action)
            .or_default();
        count.0 += 1;
        count.1 += u64::from(is_denied);
    }

    fn took(
        &mut self,
        organization: OrganizationId,
        time: DateTime<Utc>,
        kind: LatencyKind,
        took: chrono::TimeDelta,
    ) {
        let key = (organization, Grain::Day.start(time), kind, kind.place(took));
        *self.latencies.entry(key).or_default() += 1;
    }

    /// Adds the sums to what is there.
    pub(super) async fn write(mut self, tx: &mut Tx) -> Result<(), StoreError> {
        for (organization, grain, start) in tx.add_activity(&self.rows(true)).await? {
            let whole = ((organization, grain, start), None);
            self.activity.entry(whole).or_default().active_agents += 1;
        }
        tx.add_activity(&self.rows(false)).await?;
        let mut actions = Vec::new();
        for ((organization, start), counts) in self.actions {
            let known = tx.list_counted_actions(organization, start).await?;
            let mut names: BTreeSet<String> = known.into_iter().collect();
            let mut sums = Asked::new();
            for (action, (total, denied)) in counts {
                let is_kept = names.contains(&action) || names.len() < ACTIONS_MAX;
                let name = if is_kept { action } else { OTHER.to_owned() };
                names.insert(name.clone());
                let sum = sums.entry(name).or_default();
                sum.0 += total;
                sum.1 += denied;
            }
            actions.extend(
                sums.into_iter()
                    .map(|(action, (total, denied))| ActionCounts {
                        organization,
                        start,
                        action,
                        total,
                        denied,
                    }),
            );
        }
        tx.add_actions(&actions).await?;
        let latencies: Vec<_> = self
            .latencies
            .into_iter()
            .map(
                |((organization, start, kind, place), count)| LatencyCounts {
                    organization,
                    start,
                    kind,
                    place,
                    count,
                },
            )
            .collect();
        tx.add_latencies(&latencies).await?;
        let used = self.mcp.into_iter();
        let used: Vec<_> = used
            .map(|((organization, server, agent), usage)| NewMcpUsage {
                organization,
                server,
                agent,
                usage,
            })
            .collect();
        tx.add_mcp_usage(&used).await
    }

    /// The sums of agents, or of whole organizations.
    fn rows(&self, of_agents: bool) -> Vec<ActivityCounts> {
        let all = self.activity.iter();
        let wanted = all.filter(|((_, agent), _)| agent.is_some() == of_agents);
        let row = |(((organization, grain, start), agent), counts): (&(Bucket, _), &Counts)| {
            ActivityCounts {
                organization: *organization,
                agent: *agent,
                grain: *grain,
                start: *start,
                counts: *counts,
            }
        };
        wanted.map(row).collect()
    }
}

/// When an id of ours was made: it begins with its time.
fn made_at(id: VerificationId) -> Option<DateTime<Utc>> {
    let (seconds, nanoseconds) = id.as_uuid().get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanoseconds)
}
