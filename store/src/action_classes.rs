//! What people say actions are.

use aim_domain::action::{ActionClass, ActionClassOverride, ActionClasses};
use aim_domain::id::{ActionClassOverrideId, OrganizationId};
use aim_domain::name::ActionName;
use aim_domain::scope::Scope;
use aim_entities::action_class_override as entity;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, Select,
    sea_query::OnConflict,
};

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

const KEY: [entity::Column; 2] = [entity::Column::OrganizationId, entity::Column::Action];

fn convert(row: entity::Model) -> Result<ActionClassOverride, StoreError> {
    let action = ActionName::parse(row.action.clone()).map_err(|_| StoreError::Corrupt {
        column: "action_class_overrides.action",
        value: row.action,
    })?;
    Ok(ActionClassOverride {
        id: ActionClassOverrideId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        action,
        class: ActionClass {
            is_write: row.is_write,
            risk: code::parse("action_class_overrides.risk", &row.risk)?,
        },
        reason: row.reason,
        set_by: row.set_by,
        set_at: row.set_at,
    })
}

fn of(organization: OrganizationId) -> Select<entity::Entity> {
    entity::Entity::find().filter(entity::Column::OrganizationId.eq(organization.as_uuid()))
}

impl Store {
    /// All that an organization says of actions.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_action_classes(
        &self,
        organization: OrganizationId,
    ) -> Result<ActionClasses, StoreError> {
        let rows = of(organization).all(self.reader()).await?;
        let all = rows.into_iter().map(convert);
        all.map(|it| it.map(|it| (it.action, it.class))).collect()
    }

    /// What the scope's organization says of an action.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_action_class_override(
        &self,
        scope: Scope,
        action: &ActionName,
    ) -> Result<Option<ActionClassOverride>, StoreError> {
        let query = of(scope.organization).filter(entity::Column::Action.eq(action.as_str()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// A page of them.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_action_class_overrides(
        &self,
        scope: Scope,
        page: PageRequest,
    ) -> Result<Page<ActionClassOverride>, StoreError> {
        let query = of(scope.organization);
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }
}

impl Tx {
    /// How many an organization has.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_action_class_overrides(
        &self,
        organization: OrganizationId,
    ) -> Result<u64, StoreError> {
        Ok(of(organization).count(self.on()).await?)
    }

    /// Writes what an organization says of an action, in place of what it said before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn put_action_class_override(
        &mut self,
        new: &ActionClassOverride,
    ) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(new.id.as_uuid()),
            organization_id: Set(new.organization.as_uuid()),
            action: Set(new.action.as_str().to_owned()),
            is_write: Set(new.class.is_write),
            risk: Set(code::text(&new.class.risk)),
            reason: Set(new.reason.clone()),
            set_by: Set(new.set_by.clone()),
            set_at: Set(new.set_at),
        };
        let replaced = [
            entity::Column::Id,
            entity::Column::IsWrite,
            entity::Column::Risk,
            entity::Column::Reason,
            entity::Column::SetBy,
            entity::Column::SetAt,
        ];
        let replace = OnConflict::columns(KEY).update_columns(replaced).to_owned();
        entity::Entity::insert(row)
            .on_conflict(replace)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Takes it back; false when nothing was said.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_action_class_override(
        &mut self,
        scope: Scope,
        action: &ActionName,
    ) -> Result<bool, StoreError> {
        let done = entity::Entity::delete_many()
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(entity::Column::Action.eq(action.as_str()))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }
}
