//! A nonce of a signed request that changed something; refused when seen again.

use sea_orm::entity::prelude::*;

/// One row of `used_nonces`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "used_nonces")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub expires_at: DateTimeUtc,
    #[sea_orm(primary_key, auto_increment = false)]
    pub agent_key_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub nonce: String,
    pub verification_id: Uuid,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
