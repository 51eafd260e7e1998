//! How many agents there are, without counting them.
//!
//! Guarantee: the rows of `agent_counts` add up to the agents of that moment. Triggers write them in the
//! transaction that writes the agent; merging takes rows and puts their sum in their place at once.

use aim_domain::scope::Scope;
use aim_entities::agent_count as entity;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QuerySelect};

use crate::agents::AgentFilter;
use crate::{Store, StoreError, Tx, code};

/// Organizations with more rows than this are merged.
const ROWS_MAX: u32 = 64;

impl Store {
    /// How many agents a filter lets through; `None` where that is not kept.
    pub(crate) async fn count_agents(
        &self,
        scope: Scope,
        filter: &AgentFilter,
    ) -> Result<Option<u64>, StoreError> {
        let AgentFilter {
            status,
            agent_type,
            name: None,
            search: None,
            tag: None,
            talks_to: None,
            keys_end_before: None,
            is_deleted,
            order: _,
        } = filter
        else {
            return Ok(None);
        };
        let mut query = entity::Entity::find()
            .select_only()
            .expr(Expr::cust("CAST(COALESCE(SUM(total), 0) AS BIGINT)"))
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(entity::Column::IsDeleted.eq(*is_deleted));
        if let Some(status) = status {
            query = query.filter(entity::Column::Status.eq(code::text(status)));
        }
        if let Some(kind) = agent_type {
            query = query.filter(entity::Column::AgentType.eq(code::text(kind)));
        }
        let total: Option<i64> = query.into_tuple().one(self.reader()).await?;
        Ok(Some(u64::try_from(total.unwrap_or(0)).unwrap_or(0)))
    }
}

/// Statements that put one row in the place of many of an organization, where there are many.
fn merging(backend: DbBackend, (table, columns, sum): (&str, &str, &str)) -> Vec<String> {
    let many = format!(
        "organization_id IN (SELECT organization_id FROM {table}
           GROUP BY organization_id HAVING COUNT(*) > {ROWS_MAX})"
    );
    let sums = |from: &str| {
        format!(
            "INSERT INTO {table} ({columns}, {sum}) SELECT {columns}, SUM({sum})
               FROM {from} GROUP BY {columns} HAVING SUM({sum}) <> 0"
        )
    };
    match backend {
        // In one statement: what others commit meanwhile is neither taken nor summed.
        DbBackend::Postgres => vec![format!(
            "WITH taken AS (DELETE FROM {table} WHERE {many} RETURNING {columns}, {sum}) {}",
            sums("taken")
        )],
        // Nobody else writes meanwhile.
        _ => vec![
            format!("CREATE TEMP TABLE taken AS SELECT * FROM {table} WHERE {many}"),
            format!("DELETE FROM {table} WHERE id IN (SELECT id FROM taken)"),
            sums("taken"),
            "DROP TABLE taken".to_owned(),
        ],
    }
}

impl Tx {
    /// Puts one row in the place of many, where there are many: of counts, and of changes of texts.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn merge_agent_counts(&mut self) -> Result<(), StoreError> {
        const COUNTS: &str = "organization_id, status, agent_type, is_deleted";
        let backend = self.on().get_database_backend();
        for table in [
            ("agent_counts", COUNTS, "total"),
            ("agent_text_changes", "organization_id", "changes"),
        ] {
            for statement in merging(backend, table) {
                self.on().execute_unprepared(&statement).await?;
            }
        }
        Ok(())
    }
}
