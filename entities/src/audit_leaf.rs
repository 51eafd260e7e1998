//! Which entry has which index in its organization's log.

use sea_orm::entity::prelude::*;

/// One row of `audit_leaves`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_leaves")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub leaf_index: i64,
    pub entry_id: Uuid,
    pub leaf_hash: Vec<u8>,
    pub salt: Option<Vec<u8>>,
    pub kept: Option<Json>,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
