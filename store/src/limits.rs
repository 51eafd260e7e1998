//! Limits of organizations.

use aim_domain::agent::AgentStatus;
use aim_domain::id::OrganizationId;
use aim_domain::limits::OrganizationLimits;
use aim_domain::scope::Scope;
use aim_entities::{agent, organization as entity};
use sea_orm::sea_query::{Expr, LockType};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect};

use crate::{Store, StoreError, Tx, code};

impl Store {
    /// What an organization set, or the built-in limits.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_limits(&self, id: OrganizationId) -> Result<OrganizationLimits, StoreError> {
        let row: Option<Option<serde_json::Value>> = entity::Entity::find_by_id(id.as_uuid())
            .select_only()
            .column(entity::Column::Limits)
            .into_tuple()
            .one(self.reader())
            .await?;
        parse(row)
    }
}

fn parse(row: Option<Option<serde_json::Value>>) -> Result<OrganizationLimits, StoreError> {
    let set = row
        .flatten()
        .map(|value| code::from_json("organizations.limits", value));
    Ok(set.transpose()?.unwrap_or_default())
}

impl Tx {
    /// The same, and nobody else adds what is counted against them until the commit.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn lock_limits(
        &mut self,
        id: OrganizationId,
    ) -> Result<OrganizationLimits, StoreError> {
        let row: Option<Option<serde_json::Value>> = entity::Entity::find_by_id(id.as_uuid())
            .select_only()
            .column(entity::Column::Limits)
            // Rows that refer to the organization may be added meanwhile, which are most.
            .lock(LockType::NoKeyUpdate)
            .into_tuple()
            .one(self.on())
            .await?;
        parse(row)
    }

    /// Agents of an organization that are not revoked.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_agents_not_revoked(&self, scope: Scope) -> Result<u64, StoreError> {
        let revoked = code::text(&AgentStatus::Revoked);
        let query = agent::Entity::find()
            .filter(agent::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(agent::Column::Status.ne(revoked));
        Ok(query.count(self.on()).await?)
    }

    /// Sets name and limits.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn update_organization(
        &mut self,
        id: OrganizationId,
        name: &str,
        limits: &OrganizationLimits,
    ) -> Result<(), StoreError> {
        entity::Entity::update_many()
            .col_expr(entity::Column::Name, Expr::value(name))
            .col_expr(entity::Column::Limits, Expr::value(code::json(limits)))
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }
}
