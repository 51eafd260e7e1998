//! A key of the installation itself; its private half is sealed.

use sea_orm::entity::prelude::*;

/// One row of `server_keys`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "server_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub purpose: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    pub public_key: Vec<u8>,
    pub sealed: Vec<u8>,
    pub created_at: DateTimeUtc,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
