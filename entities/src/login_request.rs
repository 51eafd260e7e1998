//! A program's wish to act as a person, and the person's answer.

use sea_orm::entity::prelude::*;

/// One row of `login_requests`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "login_requests")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub flow: String,
    pub device: String,
    pub client_address: Option<String>,
    pub secret_hash: String,
    pub user_code_hash: Option<String>,
    pub redirect_uri: Option<String>,
    pub challenge: Option<String>,
    pub interval_seconds: i32,
    pub next_poll_at: DateTimeUtc,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub organization_id: Option<Uuid>,
    pub user_id: Option<Uuid>,
    pub method: Option<String>,
    pub token_generation: Option<i32>,
    pub answered_at: Option<DateTimeUtc>,
    pub is_approved: Option<bool>,
    pub used_at: Option<DateTimeUtc>,
    pub session_id: Option<Uuid>,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
