//! How often somebody tried to sign in.

use sea_orm::entity::prelude::*;

/// One row of `sign_in_throttles`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_in_throttles")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    pub attempts: i32,
    pub last_attempt_at: DateTimeUtc,
    pub blocked_until: Option<DateTimeUtc>,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
