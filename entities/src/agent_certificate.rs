//! A certificate of an agent's key.

use sea_orm::entity::prelude::*;

/// One row of `agent_certificates`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "agent_certificates")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub agent_id: Uuid,
    pub agent_key_id: Uuid,
    pub serial: Vec<u8>,
    pub not_before: DateTimeUtc,
    pub not_after: DateTimeUtc,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
