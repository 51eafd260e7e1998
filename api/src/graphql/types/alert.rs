//! Alerts and the findings behind them.

use aim_domain::anomaly::{AnomalyKind as DomainKind, Evidence as DomainEvidence};
use aim_domain::catalogue::{CatalogueEntry as DomainEntry, entries_of};
use aim_domain::id::{AgentId, AlertId, McpServerId, UserId};
use aim_domain::role::Permission;
use aim_store::alerts::Alert as Row;
use aim_store::anomalies::{Anomaly as AnomalyRow, AnomalyFilter};
use async_graphql::{ComplexObject, Context, ID, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::connection::{connection, page};
use super::super::context::{RequestContext, fault};
use super::super::enums::{AlertStatus, AlertVerdict, AnomalyKind, Severity};
use super::super::id::global_id;
use super::{Agent, McpServer, User};

/// Something a person must look at.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub(crate) struct Alert {
    /// Global id.
    pub(crate) id: ID,
    /// Kind of the first of its worst findings.
    kind: AnomalyKind,
    /// Kinds of all its findings, each once.
    kinds: Vec<AnomalyKind>,
    /// The worst of its findings.
    severity: Severity,
    /// Where it is in its life.
    status: AlertStatus,
    /// What was worst, in one sentence.
    summary: String,
    /// The facts behind what was worst.
    evidence: Vec<Evidence>,
    /// Techniques of MITRE ATLAS 2026.09 that its findings are signs of.
    atlas_techniques: Vec<CatalogueEntry>,
    /// Risks of the OWASP Top 10 for Agentic Applications 2026 that its findings are signs of.
    owasp_agentic: Vec<CatalogueEntry>,
    /// How many findings it stands for.
    anomaly_count: u64,
    /// Event time of its earliest finding that raises alerts.
    first_event_time: DateTime<Utc>,
    /// Event time of its latest finding that raises alerts.
    last_event_time: DateTime<Utc>,
    /// When it was raised.
    created_at: DateTime<Utc>,
    /// Since when it is its assignee's.
    assigned_at: Option<DateTime<Utc>>,
    /// Who acknowledged it.
    acknowledged_by: Option<String>,
    /// Who resolved it.
    resolved_by: Option<String>,
    /// When it was resolved.
    resolved_at: Option<DateTime<Utc>>,
    /// What it was found to be.
    verdict: Option<AlertVerdict>,
    #[graphql(skip)]
    assignee_key: Option<UserId>,
    #[graphql(skip)]
    key: AlertId,
    #[graphql(skip)]
    agent_key: AgentId,
    #[graphql(skip)]
    server_key: Option<McpServerId>,
}

/// An entry of a public catalogue that findings point at: what to think of first, not a proof.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct CatalogueEntry {
    /// Its id, such as `AML.T0053` or `ASI02`.
    id: String,
    /// Its official name.
    name: String,
}

impl From<DomainEntry> for CatalogueEntry {
    fn from(entry: DomainEntry) -> Self {
        Self {
            id: entry.id.to_owned(),
            name: entry.name.to_owned(),
        }
    }
}

fn catalogued(
    kinds: &[DomainKind],
    of: fn(DomainKind) -> &'static [DomainEntry],
) -> Vec<CatalogueEntry> {
    let entries = entries_of(kinds, of).into_iter();
    entries.map(CatalogueEntry::from).collect()
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
        let incident = row.incident;
        let evidence = incident.evidence.into_iter();
        Self {
            id: global_id("Alert", row.id),
            key: row.id,
            agent_key: row.agent,
            server_key: row.mcp_server,
            atlas_techniques: catalogued(&incident.kinds, DomainKind::atlas_techniques),
            owasp_agentic: catalogued(&incident.kinds, DomainKind::owasp_agentic),
            kind: incident.kind.into(),
            kinds: incident.kinds.into_iter().map(AnomalyKind::from).collect(),
            severity: incident.severity.into(),
            status: row.status.into(),
            summary: incident.summary,
            evidence: evidence.map(Evidence::from).collect(),
            anomaly_count: incident.anomaly_count,
            first_event_time: incident.first_event_time,
            last_event_time: incident.last_event_time,
            created_at: row.created_at,
            assigned_at: row.assigned_at,
            assignee_key: row.assignee,
            acknowledged_by: row.acknowledged_by,
            resolved_by: row.resolved_by,
            resolved_at: row.resolved_at,
            verdict: row.verdict.map(AlertVerdict::from),
        }
    }
}

#[ComplexObject]
impl Alert {
    /// About whom; null where it is about an MCP server.
    async fn agent(&self, context: &Context<'_>) -> Result<Option<Agent>> {
        if self.server_key.is_some() {
            return Ok(None);
        }
        let agents = RequestContext::of(context)?.agents()?;
        Ok(agents
            .load_one(self.agent_key)
            .await
            .map_err(fault)?
            .map(Agent::from))
    }

    /// The MCP server it is about; null where it is about an agent.
    #[graphql(complexity = "5 + child_complexity")]
    async fn mcp_server(&self, context: &Context<'_>) -> Result<Option<McpServer>> {
        let Some(server) = self.server_key else {
            return Ok(None);
        };
        let servers = RequestContext::of(context)?.agents()?;
        let found = servers.load_one(server).await.map_err(fault)?;
        Ok(found.map(McpServer::from))
    }

    /// Whose it is to look at; null when it is nobody's.
    async fn assignee(&self, context: &Context<'_>) -> Result<Option<User>> {
        let Some(user) = self.assignee_key else {
            return Ok(None);
        };
        let users = RequestContext::of(context)?.agents()?;
        Ok(users.load_one(user).await.map_err(fault)?.map(User::from))
    }

    /// Its findings, newest first.
    async fn anomalies(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
    ) -> Result<AnomalyConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("Anomaly", first, after, None, None)?;
        let filter = AnomalyFilter {
            alert: Some(self.key),
            ..AnomalyFilter::default()
        };
        let found = request.app.list_anomalies(&permit, &filter, page).await;
        Ok(found.map_err(fault)?.into())
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
    /// Techniques of MITRE ATLAS 2026.09 that it is a sign of.
    atlas_techniques: Vec<CatalogueEntry>,
    /// Risks of the OWASP Top 10 for Agentic Applications 2026 that it is a sign of.
    owasp_agentic: Vec<CatalogueEntry>,
    /// Global id of the alert it belongs to; null when it was not bad enough for one, or suppressed.
    alert_id: Option<ID>,
    /// Global id of the suppression that kept it from an alert.
    suppression_id: Option<ID>,
    /// The event that it was found in.
    event_id: ID,
    /// The trace that the event belongs to, as in `traceparent` of W3C Trace Context; null when it names
    /// none.
    trace_id: Option<String>,
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
            atlas_techniques: catalogued(&[finding.kind], DomainKind::atlas_techniques),
            owasp_agentic: catalogued(&[finding.kind], DomainKind::owasp_agentic),
            kind: finding.kind.into(),
            severity: finding.severity.into(),
            score: finding.score,
            summary: finding.summary,
            evidence: finding.evidence.into_iter().map(Evidence::from).collect(),
            suppression_id: row.suppression.map(|id| global_id("AlertSuppression", id)),
            alert_id: row.alert.map(|id| global_id("Alert", id)),
            event_id: ID(finding.event.to_string()),
            trace_id: row.trace_id,
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
