//! An order to erase what is kept of a person.

use sea_orm::entity::prelude::*;

/// One row of `audit_erasures`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_erasures")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub subject: Option<String>,
    pub terms: Option<Json>,
    pub reason: String,
    pub ordered_by: String,
    pub created_at: DateTimeUtc,
    pub up_to_position: i64,
    pub next_index: i64,
    pub erased_count: i64,
    pub finished_at: Option<DateTimeUtc>,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
