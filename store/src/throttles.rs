//! How often somebody tried to sign in, shared by all nodes and kept over restarts.

use aim_domain::throttle::{Attempts, FORGOTTEN_AFTER};
use aim_entities::sign_in_throttle as entity;
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, OnConflict},
};

use crate::{Store, StoreError, Tx};

fn of(subjects: &[String]) -> Select<entity::Entity> {
    entity::Entity::find()
        .filter(entity::Column::Subject.is_in(subjects))
        .order_by_asc(entity::Column::Subject)
}

fn convert(row: entity::Model) -> (String, Attempts) {
    let attempts = Attempts {
        count: u32::try_from(row.attempts).unwrap_or(0),
        last: row.last_attempt_at,
        blocked_until: row.blocked_until,
    };
    (row.subject, attempts)
}

impl Store {
    /// What is counted for these subjects; those that nothing is counted for are left out.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_attempts(
        &self,
        subjects: &[String],
    ) -> Result<Vec<(String, Attempts)>, StoreError> {
        let rows = of(subjects).all(self.reader()).await?;
        Ok(rows.into_iter().map(convert).collect())
    }
}

impl Tx {
    /// What is counted for these subjects, in their order by name; nobody else counts for them until
    /// the commit.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn lock_attempts(
        &mut self,
        subjects: &[String],
    ) -> Result<Vec<(String, Attempts)>, StoreError> {
        // In one order everywhere, so that two of us cannot wait for each other.
        let mut sorted = subjects.to_vec();
        sorted.sort_unstable();
        let rows = sorted.iter().map(|subject| entity::ActiveModel {
            subject: Set(subject.clone()),
            attempts: Set(0),
            last_attempt_at: Set(self.now()),
            blocked_until: Set(None),
        });
        let nothing = OnConflict::column(entity::Column::Subject)
            .do_nothing()
            .to_owned();
        entity::Entity::insert_many(rows)
            .on_conflict(nothing)
            .exec_without_returning(self.on())
            .await?;
        let rows = of(&sorted).lock_exclusive().all(self.on()).await?;
        Ok(rows.into_iter().map(convert).collect())
    }

    /// Writes what is counted for a subject that was locked.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn update_attempts(
        &mut self,
        subject: &str,
        attempts: &Attempts,
    ) -> Result<(), StoreError> {
        use entity::Column as C;
        let count = i32::try_from(attempts.count).unwrap_or(i32::MAX);
        entity::Entity::update_many()
            .col_expr(C::Attempts, Expr::value(count))
            .col_expr(C::LastAttemptAt, Expr::value(attempts.last))
            .col_expr(C::BlockedUntil, Expr::value(attempts.blocked_until))
            .filter(C::Subject.eq(subject))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Forgets what counts for nothing any more.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_old_attempts(&mut self, now: DateTime<Utc>) -> Result<(), StoreError> {
        entity::Entity::delete_many()
            .filter(entity::Column::LastAttemptAt.lt(now - FORGOTTEN_AFTER))
            .exec(self.on())
            .await?;
        Ok(())
    }
}
