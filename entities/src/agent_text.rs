//! What agents are searched by.

use sea_orm::entity::prelude::*;

/// One row of `agent_texts`: of an agent, what lists of agents with a text need.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "agent_texts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub agent_id: Uuid,
    pub organization_id: Uuid,
    pub is_deleted: bool,
    pub text: String,
    pub name: String,
    pub status: String,
    pub agent_type: String,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
