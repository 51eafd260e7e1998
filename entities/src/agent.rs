//! A registered autonomous program.

use sea_orm::entity::prelude::*;

/// One row of `agents`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "agents")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub name: String,
    pub display_name: String,
    pub description: String,
    pub agent_type: String,
    pub version: Option<String>,
    pub repository_url: Option<String>,
    pub documentation_url: Option<String>,
    pub declared_capabilities: Json,
    pub talks_to: Json,
    pub status: String,
    pub status_reason: Option<String>,
    pub status_changed_at: DateTimeUtc,
    pub status_changed_by: String,
    pub trust_score: Option<i32>,
    pub trust_confidence: i32,
    pub trust_sample_count: i64,
    pub trust_updated_at: Option<DateTimeUtc>,
    pub trust_override_score: Option<i32>,
    pub trust_override_reason: Option<String>,
    pub trust_override_set_by: Option<String>,
    pub trust_override_expires_at: Option<DateTimeUtc>,
    pub created_by: String,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub last_seen_at: Option<DateTimeUtc>,
    pub kill_switch_reason: Option<String>,
    pub kill_switch_engaged_by: Option<String>,
    pub kill_switch_engaged_at: Option<DateTimeUtc>,
    pub tags: Option<Json>,
    pub deleted_at: Option<DateTimeUtc>,
    pub challenge: Option<String>,
    pub challenge_expires_at: Option<DateTimeUtc>,
    pub keys_end_at: DateTimeUtc,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
