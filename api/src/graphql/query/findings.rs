//! Alerts and anomalies.

use aim_domain::id::AlertId;
use aim_domain::role::Permission;
use aim_store::alerts::AlertFilter as Alerts;
use aim_store::anomalies::AnomalyFilter as Anomalies;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::connection::page;
use super::super::context::{RequestContext, fault};
use super::super::enums::{AlertStatus, AnomalyKind, Severity};
use super::super::id::parse_id;
use super::super::types::{Alert, AlertConnection, AlertSuppressionConnection, AnomalyConnection};

/// Which alerts.
#[derive(Debug, Default, InputObject)]
pub(super) struct AlertFilter {
    /// About this agent.
    agent_id: Option<ID>,
    /// In this status.
    status: Option<AlertStatus>,
    /// Of this severity.
    severity: Option<Severity>,
    /// Given to this person.
    assignee_id: Option<ID>,
    /// About this MCP server, by global id.
    mcp_server_id: Option<ID>,
}

/// Which suppressions.
#[derive(Debug, Default, InputObject)]
struct AlertSuppressionFilter {
    /// True: those alone that count now.
    is_live: Option<bool>,
}

/// Which findings.
#[derive(Debug, Default, InputObject)]
pub(super) struct AnomalyFilter {
    /// About this agent.
    agent_id: Option<ID>,
    /// Belonging to this alert.
    alert_id: Option<ID>,
    /// Of this kind.
    kind: Option<AnomalyKind>,
    /// Of this severity.
    severity: Option<Severity>,
}

impl AlertFilter {
    /// What it means.
    pub(super) fn read(self) -> Result<Alerts> {
        let agent = self.agent_id.as_ref();
        let agent = agent.map(|id| parse_id("Agent", "filter.agentId", id));
        let server = self.mcp_server_id.as_ref();
        let server = server.map(|id| parse_id("McpServer", "filter.mcpServerId", id));
        let assignee = self.assignee_id.as_ref();
        let assignee = assignee.map(|id| parse_id("User", "filter.assigneeId", id));
        Ok(Alerts {
            agent: agent.transpose()?,
            status: self.status.map(Into::into),
            severity: self.severity.map(Into::into),
            mcp_server: server.transpose()?,
            assignee: assignee.transpose()?,
        })
    }
}

impl AnomalyFilter {
    /// What it means.
    pub(super) fn read(self) -> Result<Anomalies> {
        let agent = self.agent_id.as_ref();
        let agent = agent.map(|id| parse_id("Agent", "filter.agentId", id));
        let alert = self.alert_id.as_ref();
        let alert = alert.map(|id| parse_id("Alert", "filter.alertId", id));
        Ok(Anomalies {
            agent: agent.transpose()?,
            alert: alert.transpose()?,
            kind: self.kind.map(Into::into),
            severity: self.severity.map(Into::into),
        })
    }
}

/// Queries about what was found.
#[derive(Debug, Default)]
pub(crate) struct FindingQueries;

#[Object]
impl FindingQueries {
    /// An alert; null when there is none with this id in your organization. Needs `VIEWER`.
    async fn alert(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Global id.")] id: ID,
    ) -> Result<Option<Alert>> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let id: AlertId = parse_id("Alert", "id", &id)?;
        Ok(request
            .app
            .find_alert(&permit, id)
            .await
            .map_err(fault)?
            .map(Alert::from))
    }

    /// Alerts, newest first. Needs `VIEWER`.
    async fn alerts(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which alerts; all when left out.")] filter: Option<AlertFilter>,
    ) -> Result<AlertConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("Alert", first, after, last, before)?;
        let filter = filter.unwrap_or_default().read()?;
        Ok(request
            .app
            .list_alerts(&permit, &filter, page)
            .await
            .map_err(fault)?
            .into())
    }

    /// Suppressions of alerts, newest first. Needs `VIEWER`.
    async fn alert_suppressions(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which suppressions; all when left out.")] filter: Option<
            AlertSuppressionFilter,
        >,
    ) -> Result<AlertSuppressionConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("AlertSuppression", first, after, last, before)?;
        let live_only = filter.and_then(|filter| filter.is_live).unwrap_or(false);
        let found = request
            .app
            .list_suppressions(&permit, live_only, page)
            .await;
        Ok(found.map_err(fault)?.into())
    }

    /// Findings of detectors, newest first. Needs `VIEWER`.
    async fn anomalies(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which findings; all when left out.")] filter: Option<AnomalyFilter>,
    ) -> Result<AnomalyConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let page = page("Anomaly", first, after, last, before)?;
        let filter = filter.unwrap_or_default().read()?;
        Ok(request
            .app
            .list_anomalies(&permit, &filter, page)
            .await
            .map_err(fault)?
            .into())
    }
}
