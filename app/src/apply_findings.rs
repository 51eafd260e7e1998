//! What detectors found: anomalies, the incidents they belong to, and quarantine.
//!
//! Guarantee: the outcome depends on the findings and their order alone, not on how they were divided
//! into batches; suppressions count from when the stream comes to a finding. Both incidents under way
//! and suppressions are read in the batch's own transaction.

use std::collections::HashMap;

use aim_domain::agent::AgentStatus;
use aim_domain::alert::{AlertStatus, INCIDENT_GAP, Incident};
use aim_domain::anomaly::{AnomalyKind, Finding};
use aim_domain::event::{AgentChange, AgentChanged, AlertRaised, AnomalyDetected, Fact, NewEvent};
use aim_domain::id::{
    AgentId, AlertId, AlertSuppressionId, AnomalyId, AuditEntryId, EventId, OrganizationId,
};
use aim_domain::suppression::AlertSuppression;
use aim_domain::trace::TraceContext;
use aim_store::alerts::Alert;
use aim_store::anomalies::Anomaly;
use aim_store::audit::NewAuditEntry;
use aim_store::{StoreError, Tx};
use chrono::{DateTime, Utc};
use serde_json::json;

use crate::{AgentUpdate, App};

/// Whose finding it is, about whom, and in which span its event was processed.
type About = (OrganizationId, AgentId, Option<TraceContext>);

/// Unresolved alerts of the batch's agents, and what became of each.
#[derive(Debug, Default)]
struct Underway(HashMap<AgentId, Vec<(Alert, Change)>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    None,
    New,
    Updated,
}

impl Underway {
    /// The alert whose incident covers the finding; of several the one that reached furthest.
    fn covering(&mut self, agent: AgentId, finding: &Finding) -> Option<&mut (Alert, Change)> {
        let alerts = self.0.get_mut(&agent)?.iter_mut();
        alerts
            .filter(|(alert, _)| alert.incident.covers(finding.time))
            .max_by_key(|(alert, _)| alert.incident.last_event_time)
    }

    fn with(&self, change: Change) -> Vec<&Alert> {
        let all = self.0.values().flatten();
        let with = all.filter(|(_, it)| *it == change);
        with.map(|(alert, _)| alert).collect()
    }
}

impl App {
    /// Writes anomalies, raises or updates alerts, quarantines; returns who was quarantined.
    pub(crate) async fn write_findings(
        &self,
        tx: &mut Tx,
        agents: &[AgentUpdate],
        traces: &HashMap<EventId, TraceContext>,
    ) -> Result<Vec<AgentId>, StoreError> {
        let trace_of = |finding: &Finding| traces.get(&finding.event).copied();
        let mut underway = find_underway(tx, agents).await?;
        let suppressions = find_suppressions(tx, agents).await?;
        let mut anomalies = Vec::new();
        let mut stopped = Vec::new();
        for update in agents {
            let (agent, organization) = (update.profile.agent, update.profile.organization);
            for finding in &update.findings {
                let own = suppressions
                    .iter()
                    .filter(|it| it.organization == organization);
                let suppression = silencing(own, agent, finding, tx.now());
                let trace = trace_of(finding);
                let of = (organization, agent, trace);
                let alert = match suppression {
                    Some(_) => None,
                    None => self.correlate(tx, &mut underway, of, finding),
                };
                let id = AnomalyId::from_uuid(self.ids.next());
                let fact = AnomalyDetected {
                    anomaly: id,
                    agent,
                    kind: finding.kind,
                    severity: finding.severity,
                    event: finding.event,
                    alert,
                    summary: (!finding.policies.is_empty()).then(|| finding.summary.clone()),
                    policies: finding.policies.clone(),
                };
                tx.emit(&self.found(of, fact));
                anomalies.push(Anomaly {
                    id,
                    organization,
                    agent,
                    alert,
                    suppression,
                    finding: finding.clone(),
                    trace_id: trace.map(|it| it.trace.to_string()),
                    created_at: tx.now(),
                });
            }
            let critical = update.findings.iter().find(|finding| finding.quarantines());
            if let Some(finding) = critical {
                let of = (organization, agent, trace_of(finding));
                if self.quarantine(tx, of, finding).await? {
                    stopped.push(agent);
                }
            }
        }
        tx.insert_anomalies(&anomalies).await?;
        tx.insert_alerts(&underway.with(Change::New)).await?;
        for alert in underway.with(Change::Updated) {
            tx.update_alert_findings(alert).await?;
        }
        Ok(stopped)
    }

    /// Adds a finding to the incident it belongs to, or begins one; a new alert and one that got
    /// worse are told to subscribers.
    fn correlate(
        &self,
        tx: &mut Tx,
        underway: &mut Underway,
        of: About,
        finding: &Finding,
    ) -> Option<AlertId> {
        let (organization, agent, _) = of;
        let (id, is_news) = if let Some((alert, change)) = underway.covering(agent, finding) {
            if *change == Change::None {
                *change = Change::Updated;
            }
            (alert.id, alert.incident.absorb(finding))
        } else {
            let incident = Incident::raise(finding)?;
            let alert = self.new_alert(tx, organization, agent, finding, incident);
            let id = alert.id;
            let alerts = underway.0.entry(agent).or_default();
            alerts.push((alert, Change::New));
            (id, true)
        };
        if is_news {
            let fact = AlertRaised {
                alert: id,
                agent,
                severity: finding.severity,
                summary: finding.summary.clone(),
                mcp_server: None,
            };
            tx.emit(&self.found(of, fact));
        }
        Some(id)
    }

    fn new_alert(
        &self,
        tx: &Tx,
        organization: OrganizationId,
        agent: AgentId,
        finding: &Finding,
        incident: Incident,
    ) -> Alert {
        Alert {
            id: AlertId::from_uuid(self.ids.next()),
            organization,
            agent,
            status: AlertStatus::Open,
            incident,
            dedup_key: format!("{agent}:{}", finding.event),
            created_at: tx.now(),
            updated_at: tx.now(),
            assignee: None,
            assigned_at: None,
            acknowledged_by: None,
            acknowledged_at: None,
            resolved_by: None,
            resolved_at: None,
            verdict: None,
            mcp_server: None,
        }
    }

    /// Stops an agent that may act; one that is stopped already stays as it is.
    async fn quarantine(
        &self,
        tx: &mut Tx,
        of: About,
        finding: &Finding,
    ) -> Result<bool, StoreError> {
        let (organization, agent, _) = of;
        let (from, to) = (AgentStatus::Verified, AgentStatus::Quarantined);
        let kind = match finding.kind {
            AnomalyKind::PolicyQuarantine => "policy",
            _ => "critical finding",
        };
        let reason = format!("{kind}: {}", finding.summary);
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
        tx.emit(&self.found(of, fact));
        Ok(true)
    }

    /// A fact about a finding, in the span of the event that it is about.
    fn found(&self, (organization, agent, trace): About, fact: impl Into<Fact>) -> NewEvent {
        NewEvent {
            trace,
            ..self.event(organization, agent, fact)
        }
    }
}

fn silencing<'a>(
    mut suppressions: impl Iterator<Item = &'a AlertSuppression>,
    agent: AgentId,
    finding: &Finding,
    now: DateTime<Utc>,
) -> Option<AlertSuppressionId> {
    let found = suppressions.find(|it| it.silences(agent, finding, now));
    found.map(|it| it.id)
}

/// The suppressions that findings of this batch are held against.
async fn find_suppressions(
    tx: &Tx,
    agents: &[AgentUpdate],
) -> Result<Vec<AlertSuppression>, StoreError> {
    let with = agents.iter().filter(|update| !update.findings.is_empty());
    let mut organizations: Vec<_> = with.map(|update| update.profile.organization).collect();
    organizations.sort_unstable();
    organizations.dedup();
    if organizations.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = tx.list_live_suppressions(&organizations).await?;
    found.sort_unstable_by_key(|it| it.id);
    Ok(found)
}

/// The alerts that findings of this batch can belong to.
async fn find_underway(tx: &Tx, agents: &[AgentUpdate]) -> Result<Underway, StoreError> {
    let with = agents.iter().filter(|update| !update.findings.is_empty());
    let ids: Vec<_> = with.map(|update| update.profile.agent).collect();
    let times = agents.iter().flat_map(|update| &update.findings);
    let Some(earliest) = times.map(|finding| finding.time).min() else {
        return Ok(Underway::default());
    };
    let mut underway = Underway::default();
    let since = earliest - INCIDENT_GAP;
    for alert in tx.find_unresolved_alerts(&ids, since).await? {
        let alerts = underway.0.entry(alert.agent).or_default();
        alerts.push((alert, Change::None));
    }
    Ok(underway)
}
