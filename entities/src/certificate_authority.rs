//! An organization's own certificate authority; its private key is sealed.

use sea_orm::entity::prelude::*;

/// One row of `certificate_authorities`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "certificate_authorities")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    pub certificate: Vec<u8>,
    pub sealed: Vec<u8>,
    pub created_at: DateTimeUtc,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
