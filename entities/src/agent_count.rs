//! A change of how many agents there are.

use sea_orm::entity::prelude::*;

/// One row of `agent_counts`. The rows of an organization together are its counts.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "agent_counts")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub organization_id: Uuid,
    pub status: String,
    pub agent_type: String,
    pub is_deleted: bool,
    pub total: i64,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
