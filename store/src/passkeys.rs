//! Passkeys of people, and the challenges that they have to answer.

use aim_domain::id::{OrganizationId, PasskeyId, UserId};
use aim_entities::{passkey as entity, passkey_ceremony as ceremony, user};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, LockType};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

/// Most passkeys of a person that are read: more than anybody may have.
const READ_MAX: u64 = 100;

/// A passkey. There is no secret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// Its identity.
    pub id: PasskeyId,
    /// Of which organization.
    pub organization: OrganizationId,
    /// Whose.
    pub user: UserId,
    /// What the person calls it.
    pub name: String,
    /// What its authenticator knows it by.
    pub credential: Vec<u8>,
    /// Its public key, as the library of passkeys writes it.
    pub public_state: Vec<u8>,
    /// The counter of its uses, and what else changes, as the library writes it.
    pub moving_state: Vec<u8>,
    /// How its authenticator is reached, as the library writes it.
    pub transports: u8,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// When it was last used.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A challenge that has been given out.
#[derive(Clone, PartialEq, Eq)]
pub struct Ceremony {
    /// Its identity.
    pub id: Uuid,
    /// Of which organization.
    pub organization: OrganizationId,
    /// Who has to answer.
    pub user: UserId,
    /// For what.
    pub kind: &'static str,
    /// The session, or the half-done sign-in, that has to answer.
    pub bound_to: Uuid,
    /// Hash of the challenge.
    pub challenge_hash: String,
    /// What has to be known to judge the answer, sealed.
    pub state: Vec<u8>,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
}

impl std::fmt::Debug for Ceremony {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ceremony")
            .field("id", &self.id)
            .field("user", &self.user)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

fn convert(row: entity::Model) -> Result<Passkey, StoreError> {
    let transports = u8::try_from(row.transports).map_err(|_| StoreError::Corrupt {
        column: "passkeys.transports",
        value: row.transports.to_string(),
    })?;
    Ok(Passkey {
        id: PasskeyId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        user: UserId::from_uuid(row.user_id),
        name: row.name,
        credential: row.credential_id,
        public_state: row.public_state,
        moving_state: row.moving_state,
        transports,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
    })
}

fn of(user: UserId) -> sea_orm::Select<entity::Entity> {
    entity::Entity::find().filter(entity::Column::UserId.eq(user.as_uuid()))
}

impl Store {
    /// The passkeys of a person, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_passkeys(&self, user: UserId) -> Result<Vec<Passkey>, StoreError> {
        let query = of(user).order_by_asc(entity::Column::Id).limit(READ_MAX);
        let rows = query.all(self.reader()).await?;
        rows.into_iter().map(convert).collect()
    }

    /// How many passkeys a person has.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_passkeys(&self, user: UserId) -> Result<u64, StoreError> {
        Ok(of(user).count(self.reader()).await?)
    }
}

impl Tx {
    /// How many passkeys a person has; nobody adds or takes one until the commit.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn lock_passkeys(&mut self, user: UserId) -> Result<u64, StoreError> {
        let row: Option<Uuid> = user::Entity::find_by_id(user.as_uuid())
            .select_only()
            .column(user::Column::Id)
            .lock(LockType::NoKeyUpdate)
            .into_tuple()
            .one(self.on())
            .await?;
        match row {
            Some(_) => Ok(of(user).count(self.on()).await?),
            None => Err(StoreError::Conflict("user")),
        }
    }

    /// Writes a passkey.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when somebody has it already.
    pub async fn insert_passkey(&mut self, new: &Passkey) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(new.id.as_uuid()),
            organization_id: Set(new.organization.as_uuid()),
            user_id: Set(new.user.as_uuid()),
            name: Set(new.name.clone()),
            credential_id: Set(new.credential.clone()),
            public_state: Set(new.public_state.clone()),
            moving_state: Set(new.moving_state.clone()),
            transports: Set(i32::from(new.transports)),
            created_at: Set(new.created_at),
            last_used_at: Set(new.last_used_at),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Notes a use, and what moved with it; false when somebody used it meanwhile.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn use_passkey(
        &mut self,
        id: PasskeyId,
        before: &[u8],
        after: &[u8],
    ) -> Result<bool, StoreError> {
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::MovingState, Expr::value(after.to_vec()))
            .col_expr(entity::Column::LastUsedAt, Expr::value(self.now()))
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .filter(entity::Column::MovingState.eq(before.to_vec()))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Calls a person's passkey otherwise; false when they have none such.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn rename_passkey(
        &mut self,
        user: UserId,
        id: PasskeyId,
        name: &str,
    ) -> Result<bool, StoreError> {
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::Name, Expr::value(name))
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .filter(entity::Column::UserId.eq(user.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Takes a person's passkey off; false when they have none such.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_passkey(
        &mut self,
        user: UserId,
        id: PasskeyId,
    ) -> Result<bool, StoreError> {
        let done = entity::Entity::delete_many()
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .filter(entity::Column::UserId.eq(user.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Takes all passkeys of a person off, with the challenges that wait; how many there were.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_passkeys_of(&mut self, user: UserId) -> Result<u64, StoreError> {
        ceremony::Entity::delete_many()
            .filter(ceremony::Column::UserId.eq(user.as_uuid()))
            .exec(self.on())
            .await?;
        let done = entity::Entity::delete_many()
            .filter(entity::Column::UserId.eq(user.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected)
    }

    /// Writes a challenge, in place of the one that the same session waited with for the same thing.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when the session asked for two at one time.
    pub async fn put_ceremony(&mut self, new: &Ceremony) -> Result<(), StoreError> {
        ceremony::Entity::delete_many()
            .filter(ceremony::Column::Kind.eq(new.kind))
            .filter(ceremony::Column::BoundTo.eq(new.bound_to))
            .exec(self.on())
            .await?;
        let row = ceremony::ActiveModel {
            id: Set(new.id),
            organization_id: Set(new.organization.as_uuid()),
            user_id: Set(new.user.as_uuid()),
            kind: Set(new.kind.to_owned()),
            bound_to: Set(new.bound_to),
            challenge_hash: Set(new.challenge_hash.clone()),
            state: Set(new.state.clone()),
            created_at: Set(self.now()),
            expires_at: Set(new.expires_at),
        };
        ceremony::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Uses a challenge up: its id and sealed state; `None` when it was given out to somebody else,
    /// for something else, too long ago, or not at all, and when it was used before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn take_ceremony(
        &mut self,
        (user, kind, bound_to): (UserId, &str, Uuid),
        challenge_hash: &str,
    ) -> Result<Option<(Uuid, Vec<u8>)>, StoreError> {
        let found = ceremony::Entity::find()
            .filter(ceremony::Column::ChallengeHash.eq(challenge_hash))
            .filter(ceremony::Column::UserId.eq(user.as_uuid()))
            .filter(ceremony::Column::Kind.eq(kind))
            .filter(ceremony::Column::BoundTo.eq(bound_to))
            .filter(ceremony::Column::ExpiresAt.gt(self.now()))
            .one(self.on())
            .await?;
        let Some(row) = found else {
            return Ok(None);
        };
        let done = ceremony::Entity::delete_by_id(row.id)
            .exec(self.on())
            .await?;
        Ok((done.rows_affected == 1).then_some((row.id, row.state)))
    }

    /// Forgets challenges that were over before `then`.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_old_ceremonies(&mut self, then: DateTime<Utc>) -> Result<u64, StoreError> {
        let done = ceremony::Entity::delete_many()
            .filter(ceremony::Column::ExpiresAt.lt(then))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected)
    }
}
