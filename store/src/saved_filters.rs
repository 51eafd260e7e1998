//! Filters that people keep under a name.

use aim_domain::id::{OrganizationId, SavedFilterId, UserId};
use aim_domain::saved_filter::FilteredList;
use aim_domain::scope::Scope;
use aim_entities::saved_filter as entity;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, Select};
use serde_json::Value;
use uuid::Uuid;

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// A filter of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedFilter {
    /// Its identity.
    pub id: SavedFilterId,
    /// Of which organization.
    pub organization: OrganizationId,
    /// Whose; everybody's in the organization when there is nobody.
    pub owner: Option<UserId>,
    /// Of which list.
    pub list: FilteredList,
    /// What people call it.
    pub name: String,
    /// What was saved.
    pub body: Value,
    /// Who saved it first, as `user:<id>`.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Who saved it last.
    pub updated_by: String,
    /// When.
    pub updated_at: DateTime<Utc>,
}

fn convert(row: entity::Model) -> Result<SavedFilter, StoreError> {
    Ok(SavedFilter {
        id: SavedFilterId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        owner: (!row.owner_id.is_nil()).then(|| UserId::from_uuid(row.owner_id)),
        list: code::parse("saved_filters.list", &row.list)?,
        name: row.name,
        body: row.body,
        created_by: row.created_by,
        created_at: row.created_at,
        updated_by: row.updated_by,
        updated_at: row.updated_at,
    })
}

fn column(owner: Option<UserId>) -> Uuid {
    owner.map_or_else(Uuid::nil, |it| it.as_uuid())
}

fn of(scope: Scope) -> Select<entity::Entity> {
    entity::Entity::find().filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
}

/// What a person sees: their own, and everybody's.
fn seen_by(scope: Scope, user: UserId) -> Select<entity::Entity> {
    of(scope).filter(entity::Column::OwnerId.is_in([Uuid::nil(), user.as_uuid()]))
}

impl Store {
    /// A filter that the person sees.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_saved_filter(
        &self,
        scope: Scope,
        user: UserId,
        id: SavedFilterId,
    ) -> Result<Option<SavedFilter>, StoreError> {
        let query = seen_by(scope, user).filter(entity::Column::Id.eq(id.as_uuid()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// A page of the filters that the person sees, newest first, of one list or of all.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_saved_filters(
        &self,
        scope: Scope,
        user: UserId,
        list: Option<FilteredList>,
        page: PageRequest,
    ) -> Result<Page<SavedFilter>, StoreError> {
        let mut query = seen_by(scope, user);
        if let Some(list) = list {
            query = query.filter(entity::Column::List.eq(code::text(&list)));
        }
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }
}

impl Tx {
    /// The filter of this name, of a person or of everybody.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_named_filter(
        &self,
        scope: Scope,
        owner: Option<UserId>,
        (list, name): (FilteredList, &str),
    ) -> Result<Option<SavedFilter>, StoreError> {
        let query = of(scope)
            .filter(entity::Column::OwnerId.eq(column(owner)))
            .filter(entity::Column::List.eq(code::text(&list)))
            .filter(entity::Column::Name.eq(name));
        query.one(self.on()).await?.map(convert).transpose()
    }

    /// How many filters a person has, or everybody.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_saved_filters(
        &self,
        scope: Scope,
        owner: Option<UserId>,
    ) -> Result<u64, StoreError> {
        let query = of(scope).filter(entity::Column::OwnerId.eq(column(owner)));
        Ok(query.count(self.on()).await?)
    }

    /// Writes a new filter.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when the name is taken.
    pub async fn insert_saved_filter(&mut self, new: &SavedFilter) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(new.id.as_uuid()),
            organization_id: Set(new.organization.as_uuid()),
            owner_id: Set(column(new.owner)),
            list: Set(code::text(&new.list)),
            name: Set(new.name.clone()),
            body: Set(new.body.clone()),
            created_by: Set(new.created_by.clone()),
            created_at: Set(new.created_at),
            updated_by: Set(new.updated_by.clone()),
            updated_at: Set(new.updated_at),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Writes what a filter is now.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn update_saved_filter(&mut self, to: &SavedFilter) -> Result<(), StoreError> {
        entity::Entity::update_many()
            .col_expr(entity::Column::Body, Expr::value(to.body.clone()))
            .col_expr(
                entity::Column::UpdatedBy,
                Expr::value(to.updated_by.clone()),
            )
            .col_expr(entity::Column::UpdatedAt, Expr::value(to.updated_at))
            .filter(entity::Column::Id.eq(to.id.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Takes a filter away; false when there is none.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_saved_filter(
        &mut self,
        scope: Scope,
        id: SavedFilterId,
    ) -> Result<bool, StoreError> {
        let done = entity::Entity::delete_many()
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Takes away what a person kept for themselves.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_filters_of(&mut self, user: UserId) -> Result<(), StoreError> {
        entity::Entity::delete_many()
            .filter(entity::Column::OwnerId.eq(user.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }
}
