//! Our recorded answer to "may it?".

use sea_orm::entity::prelude::*;

/// One row of `verifications`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "verifications")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub agent_id: Uuid,
    pub agent_key_id: Uuid,
    pub action: String,
    pub resource: Option<String>,
    pub risk: String,
    pub decision: String,
    pub reasons: Json,
    pub obligations: Json,
    pub trust_score: Option<i32>,
    pub session: Option<String>,
    pub task: Option<String>,
    pub action_digest: Vec<u8>,
    pub idempotency_key: Option<String>,
    pub request_id: String,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub decided_by: Option<String>,
    pub decided_at: Option<DateTimeUtc>,
    pub decided_reason: Option<String>,
    pub outcome: Option<String>,
    pub outcome_at: Option<DateTimeUtc>,
    pub outcome_detail: Option<String>,
    pub duration_ms: Option<i64>,
    pub policies: Option<Json>,
    pub approval_status: Option<String>,
    pub approvers: Option<i32>,
    pub arguments: Option<Json>,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
