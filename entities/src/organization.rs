//! A tenant.

use sea_orm::entity::prelude::*;

/// One row of `organizations`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "organizations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    #[sea_orm(unique)]
    pub slug: String,
    pub settings: Json,
    pub created_at: DateTimeUtc,
    pub trust_weights: Option<Json>,
    pub kill_switch_reason: Option<String>,
    pub kill_switch_engaged_by: Option<String>,
    pub kill_switch_engaged_at: Option<DateTimeUtc>,
    pub limits: Option<Json>,
    pub key_policy: Option<Json>,
    pub policy_revision: i64,
    pub approval_settings: Option<Json>,
    pub mcp_revision: i64,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
