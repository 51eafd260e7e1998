//! An agent that somebody saw and nobody registered.

use sea_orm::entity::prelude::*;

/// One row of `agent_sightings`. `key_id` is empty where the key is not known.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "agent_sightings")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub name: String,
    pub key_id: String,
    pub public_key: Option<String>,
    pub method: String,
    pub confidence: i32,
    pub source: Option<String>,
    pub status: String,
    pub reported_by: String,
    pub first_seen_at: DateTimeUtc,
    pub last_seen_at: DateTimeUtc,
    pub sighting_count: i64,
    pub dismissed_by: Option<String>,
    pub dismissed_at: Option<DateTimeUtc>,
    pub dismissal_reason: Option<String>,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
