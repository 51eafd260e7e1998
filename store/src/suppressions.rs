//! Suppressions of alerts.

use aim_domain::id::{AgentId, AlertSuppressionId, OrganizationId};
use aim_domain::scope::Scope;
use aim_domain::suppression::AlertSuppression;
use aim_entities::alert_suppression as entity;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, Select, sea_query::Expr};

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

fn convert(row: entity::Model) -> Result<AlertSuppression, StoreError> {
    Ok(AlertSuppression {
        id: AlertSuppressionId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        agent: row.agent_id.map(AgentId::from_uuid),
        kind: row
            .kind
            .map(|kind| code::parse("alert_suppressions.kind", &kind))
            .transpose()?,
        reason: row.reason,
        created_by: row.created_by,
        created_at: row.created_at,
        expires_at: row.expires_at,
        withdrawn_at: row.withdrawn_at,
    })
}

fn of(scope: Scope) -> Select<entity::Entity> {
    let organization = scope.organization.as_uuid();
    entity::Entity::find().filter(entity::Column::OrganizationId.eq(organization))
}

impl Store {
    /// A suppression of the scope's organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_suppression(
        &self,
        scope: Scope,
        id: AlertSuppressionId,
    ) -> Result<Option<AlertSuppression>, StoreError> {
        let query = of(scope).filter(entity::Column::Id.eq(id.as_uuid()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// A page of suppressions; with `live_only` those that count now.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_suppressions(
        &self,
        scope: Scope,
        live_only: bool,
        page: PageRequest,
    ) -> Result<Page<AlertSuppression>, StoreError> {
        let mut query = of(scope);
        if live_only {
            query = query
                .filter(entity::Column::WithdrawnAt.is_null())
                .filter(entity::Column::ExpiresAt.gt(self.now()));
        }
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }
}

impl Tx {
    /// The suppressions of these organizations that count now, in no order.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_live_suppressions(
        &self,
        organizations: &[OrganizationId],
    ) -> Result<Vec<AlertSuppression>, StoreError> {
        let ids = organizations.iter().map(OrganizationId::as_uuid);
        let rows = entity::Entity::find()
            .filter(entity::Column::OrganizationId.is_in(ids))
            .filter(entity::Column::WithdrawnAt.is_null())
            .filter(entity::Column::ExpiresAt.gt(self.now()))
            .all(self.on())
            .await?;
        rows.into_iter().map(convert).collect()
    }

    /// Writes a suppression.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_suppression(&mut self, new: &AlertSuppression) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(new.id.as_uuid()),
            organization_id: Set(new.organization.as_uuid()),
            agent_id: Set(new.agent.map(|agent| agent.as_uuid())),
            kind: Set(new.kind.as_ref().map(code::text)),
            reason: Set(new.reason.clone()),
            created_by: Set(new.created_by.clone()),
            created_at: Set(new.created_at),
            expires_at: Set(new.expires_at),
            withdrawn_at: Set(new.withdrawn_at),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Takes a suppression back; false when it was taken back before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn withdraw_suppression(
        &mut self,
        scope: Scope,
        id: AlertSuppressionId,
    ) -> Result<bool, StoreError> {
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::WithdrawnAt, Expr::value(self.now()))
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(entity::Column::WithdrawnAt.is_null())
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }
}
