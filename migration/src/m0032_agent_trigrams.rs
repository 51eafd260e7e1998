//! Trigrams of what agents are searched by, where the database has them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// Adds the index, to PostgreSQL.
#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

/// `pg_trgm` comes with PostgreSQL, but not every operator installs it nor lets everybody create it. Without
/// it texts are found in the rows themselves, the same ones.
const UP: &str = "DO $$ BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX agent_texts_trigrams_idx ON agent_texts USING gin (text gin_trgm_ops);
  EXCEPTION
    WHEN insufficient_privilege OR feature_not_supported OR undefined_file OR undefined_object THEN
      RAISE WARNING 'texts of agents have no trigrams, so that large lists are searched more slowly: %', SQLERRM;
  END $$";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Postgres {
            let connection = manager.get_connection();
            connection.execute_unprepared(UP).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Postgres {
            let drop = "DROP INDEX IF EXISTS agent_texts_trigrams_idx";
            let connection = manager.get_connection();
            connection.execute_unprepared(drop).await?;
        }
        Ok(())
    }
}
