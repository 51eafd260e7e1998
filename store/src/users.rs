//! People.

use aim_domain::id::{OrganizationId, UserId};
use aim_domain::role::Role;
use aim_domain::scope::Scope;
use aim_entities::user as entity;
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect,
    sea_query::Expr,
};

use crate::{Store, StoreError, Tx, code};

/// A person.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Their identity.
    pub id: UserId,
    /// Where they belong.
    pub organization: OrganizationId,
    /// Their e-mail address, in lower case; unique.
    pub email: String,
    /// Their name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// argon2id, in PHC form.
    pub password_hash: String,
    /// Whether the next thing they do has to be a new password.
    pub must_change_password: bool,
    /// Raised with each change of the password: a sign-in that was under way then opens no session.
    pub token_generation: i32,
    /// Since when they exist.
    pub created_at: DateTime<Utc>,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

pub(crate) fn convert(row: entity::Model) -> Result<User, StoreError> {
    Ok(User {
        id: UserId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        email: row.email,
        name: row.name,
        role: code::parse("users.role", &row.role)?,
        password_hash: row.password_hash,
        must_change_password: row.must_change_password,
        token_generation: row.token_generation,
        created_at: row.created_at,
    })
}

impl Store {
    /// The person with this e-mail address, if they may sign in. Not scoped: signing in is how a scope
    /// is found.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        let query = entity::Entity::find()
            .filter(entity::Column::Email.eq(email))
            .filter(entity::Column::DeactivatedAt.is_null())
            .filter(entity::Column::RemovedAt.is_null());
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// The person with this id, if they may sign in. Not scoped: a session names its person.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let query = entity::Entity::find_by_id(id.as_uuid())
            .filter(entity::Column::DeactivatedAt.is_null())
            .filter(entity::Column::RemovedAt.is_null());
        let row = query.one(self.reader()).await?;
        row.map(convert).transpose()
    }

    /// Several people of the scope's organization, in no order; unknown ids are left out.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_users(&self, scope: Scope, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::Id.is_in(ids.iter().map(UserId::as_uuid)))
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .all(self.reader())
            .await?;
        rows.into_iter().map(convert).collect()
    }

    /// How many people there are, in all organizations.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_users(&self) -> Result<u64, StoreError> {
        Ok(entity::Entity::find().count(self.reader()).await?)
    }
}

impl Tx {
    /// Whether the person may sign in and has not changed since they had this generation; it stays so
    /// until the commit.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn lock_user(&mut self, id: UserId, generation: i32) -> Result<bool, StoreError> {
        let query = entity::Entity::find_by_id(id.as_uuid())
            .filter(entity::Column::TokenGeneration.eq(generation))
            .filter(entity::Column::DeactivatedAt.is_null())
            .filter(entity::Column::RemovedAt.is_null())
            .lock_exclusive();
        Ok(query.one(self.on()).await?.is_some())
    }

    /// Writes a new person.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when the e-mail address is taken.
    pub async fn insert_user(&mut self, user: &User) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(user.id.as_uuid()),
            organization_id: Set(user.organization.as_uuid()),
            email: Set(user.email.clone()),
            name: Set(user.name.clone()),
            role: Set(code::text(&user.role)),
            password_hash: Set(user.password_hash.clone()),
            must_change_password: Set(user.must_change_password),
            token_generation: Set(user.token_generation),
            created_at: Set(user.created_at),
            updated_at: Set(user.created_at),
            last_login_at: Set(None),
            deactivated_at: Set(None),
            removed_at: Set(None),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Sets a new password and ends every session.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn update_password(
        &mut self,
        user: UserId,
        hash: &str,
        must_change: bool,
    ) -> Result<(), StoreError> {
        entity::Entity::update_many()
            .col_expr(entity::Column::PasswordHash, Expr::value(hash))
            .col_expr(entity::Column::MustChangePassword, Expr::value(must_change))
            .col_expr(
                entity::Column::TokenGeneration,
                sea_orm::ExprTrait::add(Expr::col(entity::Column::TokenGeneration), 1),
            )
            .col_expr(entity::Column::UpdatedAt, Expr::value(self.now()))
            .filter(entity::Column::Id.eq(user.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Ends every session of a person.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn end_sessions(&mut self, user: UserId) -> Result<(), StoreError> {
        entity::Entity::update_many()
            .col_expr(
                entity::Column::TokenGeneration,
                sea_orm::ExprTrait::add(Expr::col(entity::Column::TokenGeneration), 1),
            )
            .filter(entity::Column::Id.eq(user.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }
}
