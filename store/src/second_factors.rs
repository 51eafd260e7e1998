//! Second factors of people, the codes that stand in for them, and sign-ins that are half done.

use aim_domain::id::{OrganizationId, UserId};
use aim_domain::session::SignInMethod;
use aim_entities::{recovery_code, second_factor as entity, sign_in_challenge as challenge};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use uuid::Uuid;

use crate::{Store, StoreError, Tx, code};

/// A second factor.
#[derive(Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// Whose.
    pub user: UserId,
    /// Of which organization.
    pub organization: OrganizationId,
    /// Its secret, sealed.
    pub secret: Vec<u8>,
    /// Since when it counts.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// Guesses since the last right one.
    pub failed_count: i32,
    /// Until when no guess is looked at.
    pub locked_until: Option<DateTime<Utc>>,
}

impl std::fmt::Debug for SecondFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecondFactor")
            .field("user", &self.user)
            .field("confirmed_at", &self.confirmed_at)
            .finish_non_exhaustive()
    }
}

/// A sign-in that is half done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Its identity.
    pub id: Uuid,
    /// Of which organization.
    pub organization: OrganizationId,
    /// Who signs in.
    pub user: UserId,
    /// SHA-256 of its token, as hex.
    pub token_hash: String,
    /// How the first half was done.
    pub method: SignInMethod,
    /// It is worth nothing once the person's sessions were ended.
    pub token_generation: i32,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
}

fn convert(row: entity::Model) -> SecondFactor {
    SecondFactor {
        user: UserId::from_uuid(row.user_id),
        organization: OrganizationId::from_uuid(row.organization_id),
        secret: row.secret,
        confirmed_at: row.confirmed_at,
        failed_count: row.failed_count,
        locked_until: row.locked_until,
    }
}

fn of(user: UserId) -> sea_orm::UpdateMany<entity::Entity> {
    entity::Entity::update_many().filter(entity::Column::UserId.eq(user.as_uuid()))
}

impl Store {
    /// The second factor of a person, confirmed or not.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_second_factor(
        &self,
        user: UserId,
    ) -> Result<Option<SecondFactor>, StoreError> {
        let row = entity::Entity::find_by_id(user.as_uuid());
        Ok(row.one(self.reader()).await?.map(convert))
    }

    /// How many codes a person has left.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_recovery_codes(&self, user: UserId) -> Result<u64, StoreError> {
        let left = recovery_code::Entity::find()
            .filter(recovery_code::Column::UserId.eq(user.as_uuid()))
            .filter(recovery_code::Column::UsedAt.is_null());
        Ok(left.count(self.reader()).await?)
    }

    /// The half-done sign-in with this token, if it is good. Not scoped: signing in is how a scope
    /// is found.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_challenge(&self, token_hash: &str) -> Result<Option<Challenge>, StoreError> {
        let query = challenge::Entity::find()
            .filter(challenge::Column::TokenHash.eq(token_hash))
            .filter(challenge::Column::UsedAt.is_null())
            .filter(challenge::Column::ExpiresAt.gt(self.now()));
        let Some(row) = query.one(self.reader()).await? else {
            return Ok(None);
        };
        Ok(Some(Challenge {
            id: row.id,
            organization: OrganizationId::from_uuid(row.organization_id),
            user: UserId::from_uuid(row.user_id),
            token_hash: row.token_hash,
            method: code::parse("sign_in_challenges.method", &row.method)?,
            token_generation: row.token_generation,
            expires_at: row.expires_at,
        }))
    }
}

impl Tx {
    /// Writes a factor that does not count yet, in place of another such one; false when the person
    /// has one that counts.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn put_second_factor(&mut self, new: &SecondFactor) -> Result<bool, StoreError> {
        let row = entity::ActiveModel {
            user_id: Set(new.user.as_uuid()),
            organization_id: Set(new.organization.as_uuid()),
            secret: Set(new.secret.clone()),
            created_at: Set(self.now()),
            confirmed_at: Set(None),
            last_step: Set(0),
            failed_count: Set(0),
            locked_until: Set(None),
        };
        entity::Entity::delete_many()
            .filter(entity::Column::UserId.eq(new.user.as_uuid()))
            .filter(entity::Column::ConfirmedAt.is_null())
            .exec(self.on())
            .await?;
        let kept = OnConflict::column(entity::Column::UserId)
            .do_nothing()
            .to_owned();
        let written = entity::Entity::insert(row)
            .on_conflict(kept)
            .exec_without_returning(self.on())
            .await?;
        Ok(written == 1)
    }

    /// Counts one more guess at a person's factor, before it is looked at; how many there were since
    /// the last right one, or `None` while no guess is looked at.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_guess(&mut self, user: UserId) -> Result<Option<i32>, StoreError> {
        let locked = entity::Column::LockedUntil;
        let done = of(user)
            .col_expr(
                entity::Column::FailedCount,
                Expr::col(entity::Column::FailedCount).add(1),
            )
            .filter(locked.is_null().or(locked.lte(self.now())))
            .exec(self.on())
            .await?;
        if done.rows_affected != 1 {
            return Ok(None);
        }
        let row = entity::Entity::find_by_id(user.as_uuid());
        Ok(row.one(self.on()).await?.map(|row| row.failed_count))
    }

    /// Looks at no guess until then.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn lock_second_factor(
        &mut self,
        user: UserId,
        until: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        of(user)
            .col_expr(entity::Column::LockedUntil, Expr::value(until))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Uses the code of a time step up, and forgets wrong guesses; false when it, or a later one,
    /// was used before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn use_step(&mut self, user: UserId, step: i64) -> Result<bool, StoreError> {
        let done = of(user)
            .col_expr(entity::Column::LastStep, Expr::value(step))
            .col_expr(entity::Column::FailedCount, Expr::value(0))
            .col_expr(
                entity::Column::LockedUntil,
                Expr::value(None::<DateTime<Utc>>),
            )
            .filter(entity::Column::LastStep.lt(step))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Makes a factor count; false when it does already.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn confirm_second_factor(&mut self, user: UserId) -> Result<bool, StoreError> {
        let done = of(user)
            .col_expr(entity::Column::ConfirmedAt, Expr::value(self.now()))
            .filter(entity::Column::ConfirmedAt.is_null())
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Takes everything off that a person has of second factors, with codes, passkeys and half-done
    /// sign-ins; false when there was none.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_second_factor(&mut self, user: UserId) -> Result<bool, StoreError> {
        let had_codes = self.delete_codes_by_time(user).await?;
        let passkeys = self.delete_passkeys_of(user).await?;
        self.delete_stand_ins(user).await?;
        Ok(had_codes || passkeys > 0)
    }

    /// Takes a person's codes by time off; false when there were none.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_codes_by_time(&mut self, user: UserId) -> Result<bool, StoreError> {
        let done = entity::Entity::delete_by_id(user.as_uuid())
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Takes off what is of no use without a second factor: recovery codes and half-done sign-ins.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_stand_ins(&mut self, user: UserId) -> Result<(), StoreError> {
        self.put_recovery_codes(user, &[]).await?;
        challenge::Entity::delete_many()
            .filter(challenge::Column::UserId.eq(user.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Codes that a person has left, within the transaction.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_recovery_codes(&self, user: UserId) -> Result<u64, StoreError> {
        let left = recovery_code::Entity::find()
            .filter(recovery_code::Column::UserId.eq(user.as_uuid()))
            .filter(recovery_code::Column::UsedAt.is_null());
        Ok(left.count(self.on()).await?)
    }

    /// Gives a person new codes (id, hash) in place of all that they had.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn put_recovery_codes(
        &mut self,
        user: UserId,
        codes: &[(Uuid, String)],
    ) -> Result<(), StoreError> {
        recovery_code::Entity::delete_many()
            .filter(recovery_code::Column::UserId.eq(user.as_uuid()))
            .exec(self.on())
            .await?;
        if codes.is_empty() {
            return Ok(());
        }
        let rows = codes.iter().map(|(id, hash)| recovery_code::ActiveModel {
            id: Set(*id),
            user_id: Set(user.as_uuid()),
            code_hash: Set(hash.clone()),
            used_at: Set(None),
        });
        recovery_code::Entity::insert_many(rows)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Uses one of a person's codes up; false when they have none such.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn use_recovery_code(
        &mut self,
        user: UserId,
        hash: &str,
    ) -> Result<bool, StoreError> {
        let done = recovery_code::Entity::update_many()
            .col_expr(recovery_code::Column::UsedAt, Expr::value(self.now()))
            .filter(recovery_code::Column::UserId.eq(user.as_uuid()))
            .filter(recovery_code::Column::CodeHash.eq(hash))
            .filter(recovery_code::Column::UsedAt.is_null())
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Writes a half-done sign-in.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_challenge(&mut self, new: &Challenge) -> Result<(), StoreError> {
        let row = challenge::ActiveModel {
            id: Set(new.id),
            organization_id: Set(new.organization.as_uuid()),
            user_id: Set(new.user.as_uuid()),
            token_hash: Set(new.token_hash.clone()),
            method: Set(code::text(&new.method)),
            token_generation: Set(new.token_generation),
            attempt_count: Set(0),
            created_at: Set(self.now()),
            expires_at: Set(new.expires_at),
            used_at: Set(None),
        };
        challenge::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Counts one more attempt at a half-done sign-in; false when there were too many.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn try_challenge(&mut self, id: Uuid, most: i32) -> Result<bool, StoreError> {
        let done = challenge::Entity::update_many()
            .col_expr(
                challenge::Column::AttemptCount,
                Expr::col(challenge::Column::AttemptCount).add(1),
            )
            .filter(challenge::Column::Id.eq(id))
            .filter(challenge::Column::UsedAt.is_null())
            .filter(challenge::Column::AttemptCount.lt(most))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Uses a half-done sign-in up; false when it was used before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn use_challenge(&mut self, id: Uuid) -> Result<bool, StoreError> {
        let done = challenge::Entity::update_many()
            .col_expr(challenge::Column::UsedAt, Expr::value(self.now()))
            .filter(challenge::Column::Id.eq(id))
            .filter(challenge::Column::UsedAt.is_null())
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Forgets half-done sign-ins that were over before `then`.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_old_challenges(&mut self, then: DateTime<Utc>) -> Result<u64, StoreError> {
        let done = challenge::Entity::delete_many()
            .filter(challenge::Column::ExpiresAt.lt(then))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected)
    }
}
