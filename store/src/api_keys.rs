//! API keys.

use aim_domain::id::{ApiKeyId, OrganizationId, UserId};
use aim_domain::role::Permission;
use aim_domain::scope::Scope;
use aim_domain::session::SessionKind;
use aim_entities::{api_key as entity, session};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, Select,
    sea_query::Expr,
};

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// A key.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its identity.
    pub id: ApiKeyId,
    /// Of which organization.
    pub organization: OrganizationId,
    /// For whom its holder acts.
    pub user: UserId,
    /// What a person calls it.
    pub name: String,
    /// What it is found by.
    pub prefix: String,
    /// What is kept of its secret.
    pub secret_hash: String,
    /// What is kept of the secret before, while that is still good.
    pub previous_hash: Option<String>,
    /// Until when that is.
    pub previous_until: Option<DateTime<Utc>>,
    /// What its holder may do at most.
    pub permissions: Vec<Permission>,
    /// Since when it exists.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When its secret was last replaced.
    pub rotated_at: Option<DateTime<Utc>>,
    /// Since when it is not good, until it is enabled again.
    pub disabled_at: Option<DateTime<Utc>>,
    /// When it was last used, to within a minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKey")
            .field("id", &self.id)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

fn convert(row: entity::Model) -> Result<ApiKey, StoreError> {
    Ok(ApiKey {
        id: ApiKeyId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        user: UserId::from_uuid(row.user_id),
        name: row.name,
        prefix: row.prefix,
        secret_hash: row.secret_hash,
        previous_hash: row.previous_hash,
        previous_until: row.previous_until,
        permissions: code::from_json("api_keys.permissions", row.permissions)?,
        created_at: row.created_at,
        expires_at: row.expires_at,
        rotated_at: row.rotated_at,
        disabled_at: row.disabled_at,
        last_used_at: row.last_used_at,
    })
}

fn of(scope: Scope) -> Select<entity::Entity> {
    entity::Entity::find().filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
}

impl Store {
    /// The key with this prefix. Not scoped: showing a key is how a scope is found.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_api_key_by_prefix(&self, prefix: &str) -> Result<Option<ApiKey>, StoreError> {
        let query = entity::Entity::find().filter(entity::Column::Prefix.eq(prefix));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// The key with this id.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_api_key(
        &self,
        scope: Scope,
        id: ApiKeyId,
    ) -> Result<Option<ApiKey>, StoreError> {
        let query = of(scope).filter(entity::Column::Id.eq(id.as_uuid()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// A page of keys, of one person or of everybody.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_api_keys(
        &self,
        scope: Scope,
        user: Option<UserId>,
        page: PageRequest,
    ) -> Result<Page<ApiKey>, StoreError> {
        let mut query = of(scope);
        if let Some(user) = user {
            query = query.filter(entity::Column::UserId.eq(user.as_uuid()));
        }
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }
}

impl Tx {
    /// API keys and live SDK tokens of an organization together.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_program_credentials(
        &self,
        organization: OrganizationId,
    ) -> Result<u64, StoreError> {
        let keys = of(Scope::of(organization)).count(self.on()).await?;
        let tokens = session::Entity::find()
            .filter(session::Column::OrganizationId.eq(organization.as_uuid()))
            .filter(session::Column::Kind.eq(code::text(&SessionKind::Sdk)))
            .filter(session::Column::RevokedAt.is_null())
            .filter(session::Column::RefreshBy.gt(self.now()))
            .count(self.on())
            .await?;
        Ok(keys + tokens)
    }

    /// Writes a new key.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when the prefix is taken.
    pub async fn insert_api_key(&mut self, new: &ApiKey) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(new.id.as_uuid()),
            organization_id: Set(new.organization.as_uuid()),
            user_id: Set(new.user.as_uuid()),
            name: Set(new.name.clone()),
            prefix: Set(new.prefix.clone()),
            secret_hash: Set(new.secret_hash.clone()),
            previous_hash: Set(None),
            previous_until: Set(None),
            permissions: Set(code::json(&new.permissions)),
            created_at: Set(new.created_at),
            expires_at: Set(new.expires_at),
            rotated_at: Set(None),
            disabled_at: Set(None),
            last_used_at: Set(None),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Replaces the secret `from`, which stays good until `previous_until`; false when it was replaced
    /// meanwhile.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn rotate_api_key(
        &mut self,
        id: ApiKeyId,
        (from, to): (&str, &str),
        previous_until: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        use entity::Column as C;
        let done = entity::Entity::update_many()
            .col_expr(C::SecretHash, Expr::value(to))
            .col_expr(C::PreviousHash, Expr::value(from))
            .col_expr(C::PreviousUntil, Expr::value(previous_until))
            .col_expr(C::RotatedAt, Expr::value(self.now()))
            .filter(C::Id.eq(id.as_uuid()))
            .filter(C::SecretHash.eq(from))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Disables or enables a key; false when it is so already.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn update_api_key_disabled(
        &mut self,
        id: ApiKeyId,
        disabled_at: Option<DateTime<Utc>>,
    ) -> Result<bool, StoreError> {
        let column = entity::Column::DisabledAt;
        let query = entity::Entity::update_many()
            .col_expr(column, Expr::value(disabled_at))
            .filter(entity::Column::Id.eq(id.as_uuid()));
        let query = match disabled_at {
            Some(_) => query.filter(column.is_null()),
            None => query.filter(column.is_not_null()),
        };
        Ok(query.exec(self.on()).await?.rows_affected == 1)
    }

    /// Deletes a key; false when it is gone already.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_api_key(&mut self, id: ApiKeyId) -> Result<bool, StoreError> {
        let done = entity::Entity::delete_by_id(id.as_uuid())
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Deletes all keys of a person; how many there were.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_api_keys_of(&mut self, user: UserId) -> Result<u64, StoreError> {
        let done = entity::Entity::delete_many()
            .filter(entity::Column::UserId.eq(user.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected)
    }

    /// Notes when keys were used; never an earlier time than is noted.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn touch_api_keys(
        &mut self,
        used: &[(ApiKeyId, DateTime<Utc>)],
    ) -> Result<(), StoreError> {
        let column = entity::Column::LastUsedAt;
        for (id, at) in used {
            entity::Entity::update_many()
                .col_expr(column, Expr::value(*at))
                .filter(entity::Column::Id.eq(id.as_uuid()))
                .filter(Condition::any().add(column.is_null()).add(column.lt(*at)))
                .exec(self.on())
                .await?;
        }
        Ok(())
    }
}
