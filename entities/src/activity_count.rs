//! What happened in an hour, day or month, of an agent or of a whole organization.

use sea_orm::entity::prelude::*;

/// One row of `activity_counts`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "activity_counts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub agent_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub grain: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub bucket_start: DateTimeUtc,
    pub total: i64,
    pub allowed: i64,
    pub denied: i64,
    pub pending: i64,
    pub approved: i64,
    pub refused: i64,
    pub risk_low: i64,
    pub risk_medium: i64,
    pub risk_high: i64,
    pub risk_critical: i64,
    pub alerts_low: i64,
    pub alerts_medium: i64,
    pub alerts_high: i64,
    pub alerts_critical: i64,
    pub results_ok: i64,
    pub results_failed: i64,
    pub active_agents: i64,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
