//! Tokens that let their holder choose a new password. Only their hashes are kept.

use aim_domain::id::{OrganizationId, UserId};
use aim_entities::password_reset as entity;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

/// A token to keep.
#[derive(Clone)]
pub struct NewPasswordReset {
    /// Its identity.
    pub id: Uuid,
    /// Whose organization.
    pub organization: OrganizationId,
    /// Whose password.
    pub user: UserId,
    /// SHA-256 of the token, as hex.
    pub token_hash: String,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
}

impl std::fmt::Debug for NewPasswordReset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewPasswordReset")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Whose password a token is for, if it is good. Not scoped: its holder has no scope yet.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_password_reset(
        &self,
        token_hash: &str,
    ) -> Result<Option<UserId>, StoreError> {
        let query = entity::Entity::find()
            .filter(entity::Column::TokenHash.eq(token_hash))
            .filter(entity::Column::UsedAt.is_null())
            .filter(entity::Column::ExpiresAt.gt(self.now()));
        let row = query.one(self.reader()).await?;
        Ok(row.map(|row| UserId::from_uuid(row.user_id)))
    }
}

impl Tx {
    /// Keeps a token's hash, in place of the one before that has the same id.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_password_reset(
        &mut self,
        new: &NewPasswordReset,
    ) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(new.id),
            organization_id: Set(new.organization.as_uuid()),
            user_id: Set(new.user.as_uuid()),
            token_hash: Set(new.token_hash.clone()),
            created_at: Set(self.now()),
            expires_at: Set(new.expires_at),
            used_at: Set(None),
        };
        let replace = OnConflict::column(entity::Column::Id)
            .update_columns([entity::Column::TokenHash, entity::Column::ExpiresAt])
            .to_owned();
        entity::Entity::insert(row)
            .on_conflict(replace)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Uses a token of a person up, and every other one of theirs; false when it is not good.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn use_password_reset(
        &mut self,
        user: UserId,
        token_hash: &str,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let live = || {
            entity::Entity::update_many()
                .col_expr(entity::Column::UsedAt, Expr::value(now))
                .filter(entity::Column::UserId.eq(user.as_uuid()))
                .filter(entity::Column::UsedAt.is_null())
        };
        let used = live()
            .filter(entity::Column::TokenHash.eq(token_hash))
            .filter(entity::Column::ExpiresAt.gt(now))
            .exec(self.on())
            .await?;
        if used.rows_affected != 1 {
            return Ok(false);
        }
        live().exec(self.on()).await?;
        Ok(true)
    }

    /// Forgets tokens that were made before `then`.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_password_resets(&mut self, then: DateTime<Utc>) -> Result<u64, StoreError> {
        let done = entity::Entity::delete_many()
            .filter(entity::Column::CreatedAt.lt(then))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected)
    }
}
