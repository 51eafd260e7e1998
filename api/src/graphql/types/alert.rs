//! Alerts and the findings behind them.

use aim_domain::anomaly::Evidence as DomainEvidence;
use aim_domain::id::AgentId;
use aim_store::alerts::Alert as Row;
use aim_store::anomalies::Anomaly as AnomalyRow;
use async_graphql::{ComplexObject, Context, ID, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::connection::connection;
use super::super::context::{RequestContext, fault};
use super::super::enums::{AlertStatus, AlertVerdict, AnomalyKind, Severity};
use super::super::id::global_id;
use super::Agent;

/// Something a person must look at.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub(crate) struct Alert {
    /// Global id.
    pub(crate) id: ID,
    /// Kind of the finding that raised it.
    kind: AnomalyKind,
    /// The worst of its findings.
    severity: Severity,
    /// Where it is in its life.
    status: AlertStatus,
    /// One sentence.
    summary: String,
    /// The facts behind its newest finding.
    evidence: Vec<Evidence>,
    /// How many findings it stands for.
    anomaly_count: u64,
    /// Event time of its first finding.
    first_event_time: DateTime<Utc>,
    /// Event time of its newest finding.
    last_event_time: DateTime<Utc>,
    /// When it was raised.
    created_at: DateTime<Utc>,
    /// Who acknowledged it.
    acknowledged_by: Option<String>,
    /// Who resolved it.
    resolved_by: Option<String>,
    /// What it was found to be.
    verdict: Option<AlertVerdict>,
    #[graphql(skip)]
    agent_key: AgentId,
}

/// One measured fact.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct Evidence {
    /// What was measured, with its unit.
    label: String,
    /// What it was.
    observed: String,
    /// What was expected.
    expected: Option<String>,
}

impl From<DomainEvidence> for Evidence {
    fn from(evidence: DomainEvidence) -> Self {
        Self {
            label: evidence.label,
            observed: evidence.observed,
            expected: evidence.expected,
        }
    }
}

impl From<Row> for Alert {
    fn from(row: Row) -> Self {
        Self {
            id: global_id("Alert", row.id),
            agent_key: row.agent,
            kind: row.kind.into(),
            severity: row.severity.into(),
            status: row.status.into(),
            summary: row.summary,
            evidence: row.evidence.into_iter().map(Evidence::from).collect(),
            anomaly_count: row.anomaly_count,
            first_event_time: row.first_event_time,
            last_event_time: row.last_event_time,
            created_at: row.created_at,
            acknowledged_by: row.acknowledged_by,
            resolved_by: row.resolved_by,
            verdict: row.verdict.map(AlertVerdict::from),
        }
    }
}

#[ComplexObject]
impl Alert {
    /// About whom.
    async fn agent(&self, context: &Context<'_>) -> Result<Option<Agent>> {
        let agents = RequestContext::of(context)?.agents()?;
        Ok(agents
            .load_one(self.agent_key)
            .await
            .map_err(fault)?
            .map(Agent::from))
    }
}

connection!(AlertConnection, AlertEdge, Alert, Row, "Alert");

/// A detector's finding.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub(crate) struct Anomaly {
    /// Global id.
    id: ID,
    /// What was unusual.
    kind: AnomalyKind,
    /// How bad.
    severity: Severity,
    /// How unusual, 0 to 1.
    score: f64,
    /// One sentence.
    summary: String,
    /// The facts behind it.
    evidence: Vec<Evidence>,
    /// When the action happened, by the agent's clock.
    event_time: DateTime<Utc>,
    /// When it was recorded.
    created_at: DateTime<Utc>,
    #[graphql(skip)]
    agent_key: AgentId,
}

impl From<AnomalyRow> for Anomaly {
    fn from(row: AnomalyRow) -> Self {
        let finding = row.finding;
        Self {
            id: global_id("Anomaly", row.id),
            agent_key: row.agent,
            kind: finding.kind.into(),
            severity: finding.severity.into(),
            score: finding.score,
            summary: finding.summary,
            evidence: finding.evidence.into_iter().map(Evidence::from).collect(),
            event_time: finding.time,
            created_at: row.created_at,
        }
    }
}

#[ComplexObject]
impl Anomaly {
    /// About whom.
    async fn agent(&self, context: &Context<'_>) -> Result<Option<Agent>> {
        let agents = RequestContext::of(context)?.agents()?;
        Ok(agents
            .load_one(self.agent_key)
            .await
            .map_err(fault)?
            .map(Agent::from))
    }
}

connection!(
    AnomalyConnection,
    AnomalyEdge,
    Anomaly,
    AnomalyRow,
    "Anomaly"
);
