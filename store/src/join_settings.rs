//! How people may join an organization.

use aim_domain::join::JoinSettings;
use aim_domain::role::Role;
use aim_domain::scope::Scope;
use aim_entities::{account_settings as entity, organization, user};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::OnConflict,
};

use crate::organizations::Organization;
use crate::users::User;
use crate::{Store, StoreError, Tx, code, organizations, users};

impl Store {
    /// How people may join the scope's organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_join_settings(&self, scope: Scope) -> Result<JoinSettings, StoreError> {
        let row = entity::Entity::find_by_id(scope.organization.as_uuid());
        let Some(row) = row.one(self.reader()).await? else {
            return Ok(JoinSettings::default());
        };
        Ok(JoinSettings {
            registration_open: row.registration_open,
            registration_domain: row.registration_domain,
        })
    }

    /// The organization with this slug. Not scoped: who asks to join has no scope yet.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_organization_by_slug(
        &self,
        slug: &str,
    ) -> Result<Option<Organization>, StoreError> {
        let query = organization::Entity::find().filter(organization::Column::Slug.eq(slug));
        let row = query.one(self.reader()).await?;
        row.map(organizations::convert).transpose()
    }
}

impl Store {
    /// People of the scope's organization with this role or a higher one, at most so many.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_users_with(
        &self,
        scope: Scope,
        least: Role,
        most: u64,
    ) -> Result<Vec<User>, StoreError> {
        let roles = [
            Role::Viewer,
            Role::Member,
            Role::Manager,
            Role::Admin,
            Role::Owner,
        ];
        let roles = roles.iter().filter(|role| **role >= least).map(code::text);
        let rows = user::Entity::find()
            .filter(user::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(user::Column::Role.is_in(roles))
            .order_by_asc(user::Column::Id)
            .limit(most)
            .all(self.reader())
            .await?;
        rows.into_iter().map(users::convert).collect()
    }
}

impl Tx {
    /// Writes how people may join an organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn put_join_settings(
        &mut self,
        scope: Scope,
        to: &JoinSettings,
    ) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            organization_id: Set(scope.organization.as_uuid()),
            registration_open: Set(to.registration_open),
            registration_domain: Set(to.registration_domain.clone()),
            updated_at: Set(self.now()),
        };
        let replace = OnConflict::column(entity::Column::OrganizationId)
            .update_columns([
                entity::Column::RegistrationOpen,
                entity::Column::RegistrationDomain,
                entity::Column::UpdatedAt,
            ])
            .to_owned();
        entity::Entity::insert(row)
            .on_conflict(replace)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }
}
