//! What organizations want of approvals.

use aim_domain::approval::ApprovalSettings;
use aim_domain::id::OrganizationId;
use aim_entities::organization as entity;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr};

use crate::{Store, StoreError, Tx, code};

pub(crate) fn parse(
    column: Option<serde_json::Value>,
) -> Result<Option<ApprovalSettings>, StoreError> {
    let set = column.map(|set| code::from_json("organizations.approval_settings", set));
    set.transpose()
}

impl Store {
    /// What an organization wants; the default where nothing was set.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn get_approval_settings(
        &self,
        id: OrganizationId,
    ) -> Result<ApprovalSettings, StoreError> {
        let found: Option<Option<serde_json::Value>> = entity::Entity::find_by_id(id.as_uuid())
            .select_only()
            .column(entity::Column::ApprovalSettings)
            .into_tuple()
            .one(self.reader())
            .await?;
        Ok(parse(found.flatten())?.unwrap_or_default())
    }
}

impl Tx {
    /// Writes what an organization wants.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn update_approval_settings(
        &mut self,
        id: OrganizationId,
        to: &ApprovalSettings,
    ) -> Result<(), StoreError> {
        entity::Entity::update_many()
            .col_expr(
                entity::Column::ApprovalSettings,
                Expr::value(code::json(to)),
            )
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }
}
