//! What champion and challenger did with the actions of one place of the event log.

use sea_orm::entity::prelude::*;

/// One row of `shadow_scores`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "shadow_scores")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub champion_move: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub challenger_move: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub place: String,
    pub scores: Json,
    pub updated_at: DateTimeUtc,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
