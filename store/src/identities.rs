//! Who people are at issuers of OpenID Connect. Issuer and subject together name a person; an e-mail
//! address never does.

use aim_domain::id::{IdentityId, OrganizationId, UserId};
use aim_entities::identity as entity;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{Store, StoreError, Tx};

/// Most links of a person that are listed.
const LISTED_MAX: u64 = 100;

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its identity.
    pub id: IdentityId,
    /// Of which organization.
    pub organization: OrganizationId,
    /// Who they are here.
    pub user: UserId,
    /// Which issuer.
    pub issuer: String,
    /// Who they are there.
    pub subject: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// When they last signed in with it.
    pub last_used_at: DateTime<Utc>,
}

fn convert(row: entity::Model) -> Identity {
    Identity {
        id: IdentityId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        user: UserId::from_uuid(row.user_id),
        issuer: row.issuer,
        subject: row.subject,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
    }
}

impl Store {
    /// Who a subject of an issuer is here. Not scoped: signing in is how a scope is found.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_identity(
        &self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<Identity>, StoreError> {
        let query = entity::Entity::find()
            .filter(entity::Column::Issuer.eq(issuer))
            .filter(entity::Column::Subject.eq(subject));
        Ok(query.one(self.reader()).await?.map(convert))
    }

    /// The links of a person.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_identities(&self, user: UserId) -> Result<Vec<Identity>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::UserId.eq(user.as_uuid()))
            .order_by_asc(entity::Column::Id)
            .limit(LISTED_MAX)
            .all(self.reader())
            .await?;
        Ok(rows.into_iter().map(convert).collect())
    }
}

impl Tx {
    /// Writes a link.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when the subject is somebody here already.
    pub async fn insert_identity(&mut self, new: &Identity) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(new.id.as_uuid()),
            organization_id: Set(new.organization.as_uuid()),
            user_id: Set(new.user.as_uuid()),
            issuer: Set(new.issuer.clone()),
            subject: Set(new.subject.clone()),
            created_at: Set(new.created_at),
            last_used_at: Set(new.last_used_at),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Notes that somebody signed in with a link.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn touch_identity(&mut self, id: IdentityId) -> Result<(), StoreError> {
        entity::Entity::update_many()
            .col_expr(entity::Column::LastUsedAt, Expr::value(self.now()))
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Takes all links of a person off.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_identities_of(&mut self, user: UserId) -> Result<(), StoreError> {
        entity::Entity::delete_many()
            .filter(entity::Column::UserId.eq(user.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Takes a link of a person off; false when they have none such.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_identity(
        &mut self,
        user: UserId,
        id: IdentityId,
    ) -> Result<bool, StoreError> {
        let done = entity::Entity::delete_many()
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .filter(entity::Column::UserId.eq(user.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }
}
