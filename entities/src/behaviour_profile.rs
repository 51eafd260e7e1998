//! The learned normal of an agent.

use sea_orm::entity::prelude::*;

/// One row of `behaviour_profiles`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "behaviour_profiles")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub agent_id: Uuid,
    pub organization_id: Uuid,
    pub revision: i64,
    pub profile: Vec<u8>,
    pub watermark: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
