//! A witness's co-signature of a checkpoint.

use sea_orm::entity::prelude::*;

/// One row of `audit_cosignatures`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_cosignatures")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub checkpoint_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub witness_id: Uuid,
    pub line: String,
    pub signed_at: DateTimeUtc,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
