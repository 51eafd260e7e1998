//! Findings of detectors.

use aim_domain::anomaly::{AnomalyKind, Evidence, Finding, Severity};
use aim_domain::id::{AgentId, AlertId, AlertSuppressionId, AnomalyId, EventId, OrganizationId};
use aim_domain::scope::Scope;
use aim_entities::anomaly as entity;
use aim_eventlog::portions;
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// A finding as kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Anomaly {
    /// Its identity.
    pub id: AnomalyId,
    /// Whose.
    pub organization: OrganizationId,
    /// About whom.
    pub agent: AgentId,
    /// The alert it belongs to, if it was bad enough for one.
    pub alert: Option<AlertId>,
    /// The suppression that kept it from raising or joining one.
    pub suppression: Option<AlertSuppressionId>,
    /// What was found.
    pub finding: Finding,
    /// The trace that its event belongs to, where it says so: 32 hexadecimal digits.
    pub trace_id: Option<String>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

/// Which findings.
#[derive(Debug, Clone, Default)]
pub struct AnomalyFilter {
    /// About this agent.
    pub agent: Option<AgentId>,
    /// Belonging to this alert.
    pub alert: Option<AlertId>,
    /// Of this kind.
    pub kind: Option<AnomalyKind>,
    /// Of this severity.
    pub severity: Option<Severity>,
}

fn convert(row: entity::Model) -> Result<Anomaly, StoreError> {
    let evidence: Vec<Evidence> = code::from_json("anomalies.evidence", row.evidence)?;
    Ok(Anomaly {
        id: AnomalyId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        agent: AgentId::from_uuid(row.agent_id),
        alert: row.alert_id.map(AlertId::from_uuid),
        suppression: row.suppression_id.map(AlertSuppressionId::from_uuid),
        finding: Finding {
            kind: code::parse("anomalies.kind", &row.kind)?,
            severity: code::parse("anomalies.severity", &row.severity)?,
            score: row.score,
            summary: row.summary,
            evidence,
            event: EventId::from_uuid(row.event_id),
            time: row.event_time,
            policies: Vec::new(),
        },
        trace_id: row.trace_id,
        created_at: row.created_at,
    })
}

impl Store {
    /// A page of findings.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_anomalies(
        &self,
        scope: Scope,
        filter: &AnomalyFilter,
        page: PageRequest,
    ) -> Result<Page<Anomaly>, StoreError> {
        let mut query = entity::Entity::find()
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()));
        if let Some(agent) = filter.agent {
            query = query.filter(entity::Column::AgentId.eq(agent.as_uuid()));
        }
        if let Some(alert) = filter.alert {
            query = query.filter(entity::Column::AlertId.eq(alert.as_uuid()));
        }
        if let Some(kind) = &filter.kind {
            query = query.filter(entity::Column::Kind.eq(code::text(kind)));
        }
        if let Some(severity) = &filter.severity {
            query = query.filter(entity::Column::Severity.eq(code::text(severity)));
        }
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }
}

impl Tx {
    /// Writes findings.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_anomalies(&mut self, anomalies: &[Anomaly]) -> Result<(), StoreError> {
        for chunk in portions(anomalies) {
            let rows = chunk.iter().map(|anomaly| entity::ActiveModel {
                id: Set(anomaly.id.as_uuid()),
                organization_id: Set(anomaly.organization.as_uuid()),
                agent_id: Set(anomaly.agent.as_uuid()),
                event_id: Set(anomaly.finding.event.as_uuid()),
                alert_id: Set(anomaly.alert.map(|id| id.as_uuid())),
                suppression_id: Set(anomaly.suppression.map(|id| id.as_uuid())),
                kind: Set(code::text(&anomaly.finding.kind)),
                severity: Set(code::text(&anomaly.finding.severity)),
                score: Set(anomaly.finding.score),
                summary: Set(anomaly.finding.summary.clone()),
                evidence: Set(code::json(&anomaly.finding.evidence)),
                event_time: Set(anomaly.finding.time),
                trace_id: Set(anomaly.trace_id.clone()),
                created_at: Set(anomaly.created_at),
            });
            entity::Entity::insert_many(rows)
                .exec_without_returning(self.on())
                .await?;
        }
        Ok(())
    }
}
