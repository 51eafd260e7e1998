//! A published model; its bytes are in `model_artefacts`.

use sea_orm::entity::prelude::*;

/// One row of `model_versions`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "model_versions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub number: i32,
    pub kind: String,
    pub feature_schema_version: i32,
    pub data_sha256: String,
    pub auc: Option<f64>,
    pub header: Json,
    pub sha256: String,
    pub byte_count: i64,
    pub signer: String,
    pub published_by: String,
    pub created_at: DateTimeUtc,
}

/// Rows are joined by hand where a query needs it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
