//! Logs that stand still, because what is kept of them is not what was signed.

use aim_domain::id::OrganizationId;
use aim_domain::scope::Scope;
use aim_entities::audit_stop as entity;
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, OnConflict},
};

use crate::{Store, StoreError, Tx};

/// A log that stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditStop {
    /// Whose.
    pub organization: OrganizationId,
    /// Its entries behind this position wait for an index.
    pub position: i64,
    /// What is wrong.
    pub reason: String,
    /// Since when.
    pub stopped_at: DateTime<Utc>,
}

impl From<entity::Model> for AuditStop {
    fn from(row: entity::Model) -> Self {
        Self {
            organization: OrganizationId::from_uuid(row.organization_id),
            position: row.position,
            reason: row.reason,
            stopped_at: row.stopped_at,
        }
    }
}

impl Store {
    /// Every log that stands still, in the order of their organizations.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_audit_stops(&self) -> Result<Vec<AuditStop>, StoreError> {
        let rows = entity::Entity::find().order_by_asc(entity::Column::OrganizationId);
        let rows = rows.all(self.reader()).await?;
        Ok(rows.into_iter().map(AuditStop::from).collect())
    }

    /// Whether an organization's log stands still.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_audit_stop(&self, scope: Scope) -> Result<Option<AuditStop>, StoreError> {
        let found = entity::Entity::find_by_id(scope.organization.as_uuid());
        Ok(found.one(self.reader()).await?.map(AuditStop::from))
    }
}

impl Tx {
    /// Lets a log stand still; one that does so already stays where it was.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_audit_stop(&mut self, new: &AuditStop) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            organization_id: Set(new.organization.as_uuid()),
            position: Set(new.position),
            reason: Set(new.reason.clone()),
            stopped_at: Set(new.stopped_at),
        };
        let before = OnConflict::column(entity::Column::OrganizationId)
            .do_nothing()
            .to_owned();
        entity::Entity::insert(row)
            .on_conflict(before)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Entries up to a position have their index again; with none, the log goes on with the others.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn move_audit_stop(
        &mut self,
        organization: OrganizationId,
        to: Option<i64>,
    ) -> Result<(), StoreError> {
        use entity::Column as C;
        let id = organization.as_uuid();
        if let Some(to) = to {
            entity::Entity::update_many()
                .col_expr(C::Position, Expr::value(to))
                .filter(C::OrganizationId.eq(id))
                .exec(self.on())
                .await?;
        } else {
            entity::Entity::delete_by_id(id).exec(self.on()).await?;
        }
        Ok(())
    }
}
