//! A letter that is to be sent, or was.

use sea_orm::entity::prelude::*;

/// One row of `mails`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mails")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub kind: String,
    pub recipient: String,
    pub pending_key: Option<String>,
    pub parameters: Json,
    pub created_at: DateTimeUtc,
    pub next_attempt_at: DateTimeUtc,
    pub leased_until: Option<DateTimeUtc>,
    pub attempt_count: i32,
    pub finished_at: Option<DateTimeUtc>,
    pub outcome: Option<String>,
    pub last_error: Option<String>,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
