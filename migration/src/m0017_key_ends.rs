//! When an agent's last key ends, beside the agent: whoever has none left is found by an index.

use sea_orm_migration::prelude::*;

/// Adds the column, fills it, adds the index.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

const TABLE: &str = "agents";
const COLUMN: &str = "keys_end_at";
const INDEX: &str = "agents_status_keys_end_at_id_key";
/// Long ago: what an older process registers is looked at, and found to have a key.
const UNKNOWN: &str = "1970-01-01T00:00:00+00:00";
const FILL: &str = "UPDATE agents SET keys_end_at = COALESCE((
    SELECT MAX(COALESCE(agent_keys.expires_at, '9999-01-01T00:00:00+00:00')) FROM agent_keys
    WHERE agent_keys.agent_id = agents.id AND agent_keys.revoked_at IS NULL), keys_end_at)";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut column = ColumnDef::new(COLUMN);
        column.timestamp_with_time_zone().not_null();
        column.default(UNKNOWN);
        let add = Table::alter().table(TABLE).add_column(column).to_owned();
        manager.alter_table(add).await?;
        let connection = manager.get_connection();
        connection.execute_unprepared(FILL).await?;
        let mut index = Index::create();
        index.name(INDEX).table(TABLE);
        index.col("status").col(COLUMN).col("id");
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::drop().name(INDEX).table(TABLE).to_owned();
        manager.drop_index(index).await?;
        let drop = Table::alter().table(TABLE).drop_column(COLUMN).to_owned();
        manager.alter_table(drop).await
    }
}
