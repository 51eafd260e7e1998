//! Alerts.

use aim_domain::alert::{AlertStatus, AlertVerdict, Incident};
use aim_domain::anomaly::{AnomalyKind, Severity};
use aim_domain::id::{AgentId, AlertId, McpServerId, OrganizationId, UserId};
use aim_domain::scope::Scope;
use aim_entities::alert as entity;
use aim_eventlog::portions;
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, sea_query::Expr,
};

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// Something a person must look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Its identity.
    pub id: AlertId,
    /// Whose.
    pub organization: OrganizationId,
    /// About whom.
    pub agent: AgentId,
    /// Where it is in its life.
    pub status: AlertStatus,
    /// What happened.
    pub incident: Incident,
    /// Names the incident: the agent and the event it began with.
    pub dedup_key: String,
    /// When it was raised.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Whose it is to look at.
    pub assignee: Option<UserId>,
    /// Since when.
    pub assigned_at: Option<DateTime<Utc>>,
    /// Who acknowledged it.
    pub acknowledged_by: Option<String>,
    /// When.
    pub acknowledged_at: Option<DateTime<Utc>>,
    /// Who resolved it.
    pub resolved_by: Option<String>,
    /// When.
    pub resolved_at: Option<DateTime<Utc>>,
    /// What it was found to be.
    pub verdict: Option<AlertVerdict>,
    /// The MCP server that it is about; its id is then that of `agent` too.
    pub mcp_server: Option<McpServerId>,
}

/// Which alerts.
#[derive(Debug, Clone, Default)]
pub struct AlertFilter {
    /// About this agent.
    pub agent: Option<AgentId>,
    /// In this status.
    pub status: Option<AlertStatus>,
    /// Of this severity.
    pub severity: Option<Severity>,
    /// Given to this person.
    pub assignee: Option<UserId>,
    /// About this MCP server.
    pub mcp_server: Option<McpServerId>,
}

fn convert(row: entity::Model) -> Result<Alert, StoreError> {
    let kind: AnomalyKind = code::parse("alerts.kind", &row.kind)?;
    let kinds = row
        .kinds
        .map(|kinds| code::from_json("alerts.kinds", kinds))
        .transpose()?;
    Ok(Alert {
        id: AlertId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        agent: AgentId::from_uuid(row.agent_id),
        status: code::parse("alerts.status", &row.status)?,
        incident: Incident {
            kind,
            kinds: kinds.unwrap_or_else(|| vec![kind]),
            severity: code::parse("alerts.severity", &row.severity)?,
            summary: row.summary,
            evidence: code::from_json("alerts.evidence", row.evidence)?,
            anomaly_count: u64::try_from(row.anomaly_count).unwrap_or(0),
            first_event_time: row.first_event_time,
            last_event_time: row.last_event_time,
        },
        verdict: row
            .verdict
            .map(|text| code::parse("alerts.verdict", &text))
            .transpose()?,
        mcp_server: row.mcp_server_id.map(McpServerId::from_uuid),
        dedup_key: row.dedup_key,
        created_at: row.created_at,
        updated_at: row.updated_at,
        assignee: row.assignee_id.map(UserId::from_uuid),
        assigned_at: row.assigned_at,
        acknowledged_by: row.acknowledged_by,
        acknowledged_at: row.acknowledged_at,
        resolved_by: row.resolved_by,
        resolved_at: row.resolved_at,
    })
}

fn count(incident: &Incident) -> i64 {
    i64::try_from(incident.anomaly_count).unwrap_or(i64::MAX)
}

impl Store {
    /// An alert of the scope's organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_alert(&self, scope: Scope, id: AlertId) -> Result<Option<Alert>, StoreError> {
        let query = entity::Entity::find_by_id(id.as_uuid())
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// Several alerts of the scope's organization; unknown ones are left out.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_alerts(
        &self,
        scope: Scope,
        ids: &[AlertId],
    ) -> Result<Vec<Alert>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::Id.is_in(ids.iter().map(AlertId::as_uuid)))
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .all(self.reader())
            .await?;
        rows.into_iter().map(convert).collect()
    }

    /// A page of alerts.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_alerts(
        &self,
        scope: Scope,
        filter: &AlertFilter,
        page: PageRequest,
    ) -> Result<Page<Alert>, StoreError> {
        let mut query = entity::Entity::find()
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()));
        if let Some(agent) = filter.agent {
            query = query.filter(entity::Column::AgentId.eq(agent.as_uuid()));
        }
        if let Some(server) = filter.mcp_server {
            query = query.filter(entity::Column::McpServerId.eq(server.as_uuid()));
        }
        if let Some(status) = &filter.status {
            query = query.filter(entity::Column::Status.eq(code::text(status)));
        }
        if let Some(severity) = &filter.severity {
            query = query.filter(entity::Column::Severity.eq(code::text(severity)));
        }
        if let Some(assignee) = filter.assignee {
            query = query.filter(entity::Column::AssigneeId.eq(assignee.as_uuid()));
        }
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }
}

impl Tx {
    /// The alerts of these agents that nobody has resolved and whose incident reached to `since` or
    /// beyond, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_unresolved_alerts(
        &self,
        agents: &[AgentId],
        since: DateTime<Utc>,
    ) -> Result<Vec<Alert>, StoreError> {
        let mut alerts = Vec::new();
        for chunk in agents.chunks(5_000) {
            let rows = entity::Entity::find()
                .filter(entity::Column::AgentId.is_in(chunk.iter().map(AgentId::as_uuid)))
                .filter(entity::Column::LastEventTime.gte(since))
                .filter(entity::Column::Status.ne(code::text(&AlertStatus::Resolved)))
                .order_by_asc(entity::Column::Id)
                .all(self.on())
                .await?;
            for row in rows {
                alerts.push(convert(row)?);
            }
        }
        Ok(alerts)
    }

    /// Writes new alerts.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_alerts(&mut self, alerts: &[&Alert]) -> Result<(), StoreError> {
        for chunk in portions(alerts) {
            let rows = chunk.iter().map(|alert| entity::ActiveModel {
                id: Set(alert.id.as_uuid()),
                organization_id: Set(alert.organization.as_uuid()),
                agent_id: Set(alert.agent.as_uuid()),
                kind: Set(code::text(&alert.incident.kind)),
                kinds: Set(Some(code::json(&alert.incident.kinds))),
                severity: Set(code::text(&alert.incident.severity)),
                status: Set(code::text(&alert.status)),
                summary: Set(alert.incident.summary.clone()),
                evidence: Set(code::json(&alert.incident.evidence)),
                anomaly_count: Set(count(&alert.incident)),
                dedup_key: Set(alert.dedup_key.clone()),
                first_event_time: Set(alert.incident.first_event_time),
                last_event_time: Set(alert.incident.last_event_time),
                created_at: Set(alert.created_at),
                updated_at: Set(alert.updated_at),
                assignee_id: Set(None),
                assigned_at: Set(None),
                acknowledged_by: Set(None),
                acknowledged_at: Set(None),
                resolved_by: Set(None),
                resolved_at: Set(None),
                verdict: Set(None),
                mcp_server_id: Set(alert.mcp_server.map(|it| it.as_uuid())),
            });
            entity::Entity::insert_many(rows)
                .exec_without_returning(self.on())
                .await?;
        }
        Ok(())
    }

    /// Writes what newer findings changed of an alert.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn update_alert_findings(&mut self, alert: &Alert) -> Result<(), StoreError> {
        use entity::Column as C;
        let incident = &alert.incident;
        let (first, last) = (incident.first_event_time, incident.last_event_time);
        entity::Entity::update_many()
            .col_expr(C::Kind, Expr::value(code::text(&incident.kind)))
            .col_expr(C::Kinds, Expr::value(code::json(&incident.kinds)))
            .col_expr(C::Severity, Expr::value(code::text(&incident.severity)))
            .col_expr(C::Summary, Expr::value(incident.summary.clone()))
            .col_expr(C::Evidence, Expr::value(code::json(&incident.evidence)))
            .col_expr(C::AnomalyCount, Expr::value(count(incident)))
            .col_expr(C::FirstEventTime, Expr::value(first))
            .col_expr(C::LastEventTime, Expr::value(last))
            .col_expr(C::UpdatedAt, Expr::value(self.now()))
            .filter(entity::Column::Id.eq(alert.id.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Gives an alert to somebody, or to nobody; false when it is resolved already.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn update_alert_assignee(
        &mut self,
        id: AlertId,
        to: Option<UserId>,
    ) -> Result<bool, StoreError> {
        use entity::Column as C;
        let done = entity::Entity::update_many()
            .col_expr(C::AssigneeId, Expr::value(to.map(|user| user.as_uuid())))
            .col_expr(C::AssignedAt, Expr::value(to.map(|_| self.now())))
            .col_expr(C::UpdatedAt, Expr::value(self.now()))
            .filter(C::Id.eq(id.as_uuid()))
            .filter(C::Status.ne(code::text(&AlertStatus::Resolved)))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Moves an alert on; false when it is resolved already.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn update_alert_status(
        &mut self,
        id: AlertId,
        status: AlertStatus,
        verdict: Option<AlertVerdict>,
        by: &str,
    ) -> Result<bool, StoreError> {
        let (who, when) = match status {
            AlertStatus::Resolved => (entity::Column::ResolvedBy, entity::Column::ResolvedAt),
            _ => (
                entity::Column::AcknowledgedBy,
                entity::Column::AcknowledgedAt,
            ),
        };
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::Status, Expr::value(code::text(&status)))
            .col_expr(
                entity::Column::Verdict,
                Expr::value(verdict.as_ref().map(code::text)),
            )
            .col_expr(who, Expr::value(by))
            .col_expr(when, Expr::value(self.now()))
            .col_expr(entity::Column::UpdatedAt, Expr::value(self.now()))
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .filter(entity::Column::Status.ne(code::text(&AlertStatus::Resolved)))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }
}
