//! A finding of a detector.

use sea_orm::entity::prelude::*;

/// One row of `anomalies`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "anomalies")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub agent_id: Uuid,
    pub event_id: Uuid,
    pub alert_id: Option<Uuid>,
    pub kind: String,
    pub severity: String,
    pub score: f64,
    pub summary: String,
    pub evidence: Json,
    pub event_time: DateTimeUtc,
    pub created_at: DateTimeUtc,
    pub suppression_id: Option<Uuid>,
    pub trace_id: Option<String>,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
