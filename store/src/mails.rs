//! Letters that are to be sent.
//!
//! What a letter is about is written with its cause, in one transaction; it is put into words when it
//! is sent. No row holds a secret.

use aim_domain::id::MailId;
use aim_entities::mail as entity;
use chrono::{DateTime, Duration, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

/// A letter to send.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMail {
    /// Its identity; also in its `Message-ID`.
    pub id: MailId,
    /// Which letter.
    pub kind: &'static str,
    /// To whom.
    pub recipient: String,
    /// While a letter with the same key waits, another one is not added.
    pub key: String,
    /// What it is about.
    pub parameters: Value,
}

/// A letter that this process may send now.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedMail {
    /// Its identity.
    pub id: MailId,
    /// Which letter.
    pub kind: String,
    /// To whom.
    pub recipient: String,
    /// What it is about.
    pub parameters: Value,
    /// Since when it waits.
    pub created_at: DateTime<Utc>,
    /// Which attempt this is, from 1 on.
    pub attempt: i32,
}

/// Outcome of a letter that was handed over.
pub const SENT: &str = "SENT";
/// Outcome of a letter that there was no reason to send.
pub const DROPPED: &str = "DROPPED";
/// Outcome of a letter that nobody took.
pub const FAILED: &str = "FAILED";

/// Letters that are claimed at one time.
const CLAIMED_MAX: u64 = 20;

impl Store {
    /// Letters that are due, oldest first. Others may claim them first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_due_mails(&self) -> Result<Vec<MailId>, StoreError> {
        let now = self.now();
        let ids: Vec<Uuid> = entity::Entity::find()
            .select_only()
            .column(entity::Column::Id)
            .filter(entity::Column::FinishedAt.is_null())
            .filter(entity::Column::NextAttemptAt.lte(now))
            .filter(free(now))
            .order_by_asc(entity::Column::NextAttemptAt)
            .limit(CLAIMED_MAX)
            .into_tuple()
            .all(self.reader())
            .await?;
        Ok(ids.into_iter().map(MailId::from_uuid).collect())
    }

    /// How many letters of a kind were sent to an address since `then`.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_sent_mails(
        &self,
        kind: &str,
        recipient: &str,
        then: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let sent = entity::Entity::find()
            .filter(entity::Column::Recipient.eq(recipient))
            .filter(entity::Column::Kind.eq(kind))
            .filter(entity::Column::Outcome.eq(SENT))
            .filter(entity::Column::FinishedAt.gt(then));
        Ok(sent.count(self.reader()).await?)
    }

    /// How many letters wait.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_waiting_mails(&self) -> Result<u64, StoreError> {
        let waiting = entity::Entity::find().filter(entity::Column::FinishedAt.is_null());
        Ok(waiting.count(self.reader()).await?)
    }
}

fn free(now: DateTime<Utc>) -> sea_orm::sea_query::SimpleExpr {
    let leased = entity::Column::LeasedUntil;
    leased.is_null().or(leased.lt(now))
}

impl Tx {
    /// Adds a letter, unless one with its key waits already.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_mail(&mut self, new: &NewMail) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(new.id.as_uuid()),
            kind: Set(new.kind.to_owned()),
            recipient: Set(new.recipient.clone()),
            pending_key: Set(Some(new.key.clone())),
            parameters: Set(new.parameters.clone()),
            created_at: Set(self.now()),
            next_attempt_at: Set(self.now()),
            leased_until: Set(None),
            attempt_count: Set(0),
            finished_at: Set(None),
            outcome: Set(None),
            last_error: Set(None),
        };
        let same = OnConflict::column(entity::Column::PendingKey)
            .do_nothing()
            .to_owned();
        entity::Entity::insert(row)
            .on_conflict(same)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Takes the lease of a due letter, so that nobody else sends it for a while; `None` when
    /// somebody else was faster.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn claim_mail(
        &mut self,
        id: MailId,
        lease: Duration,
    ) -> Result<Option<ClaimedMail>, StoreError> {
        let now = self.now();
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::LeasedUntil, Expr::value(now + lease))
            .col_expr(
                entity::Column::AttemptCount,
                Expr::col(entity::Column::AttemptCount).add(1),
            )
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .filter(entity::Column::FinishedAt.is_null())
            .filter(entity::Column::NextAttemptAt.lte(now))
            .filter(free(now))
            .exec(self.on())
            .await?;
        if done.rows_affected != 1 {
            return Ok(None);
        }
        let row = entity::Entity::find_by_id(id.as_uuid());
        Ok(row.one(self.on()).await?.map(|row| ClaimedMail {
            id,
            kind: row.kind,
            recipient: row.recipient,
            parameters: row.parameters,
            created_at: row.created_at,
            attempt: row.attempt_count,
        }))
    }

    /// Notes that an attempt failed, and when the next one is due. Only whoever made the attempt
    /// may: a lease that ran out and was taken by another is left alone.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn put_off_mail(
        &mut self,
        mail: &ClaimedMail,
        until: DateTime<Utc>,
        error: &str,
    ) -> Result<(), StoreError> {
        entity::Entity::update_many()
            .col_expr(entity::Column::NextAttemptAt, Expr::value(until))
            .col_expr(entity::Column::LastError, Expr::value(error))
            .col_expr(
                entity::Column::LeasedUntil,
                Expr::value(None::<DateTime<Utc>>),
            )
            .filter(entity::Column::Id.eq(mail.id.as_uuid()))
            .filter(entity::Column::AttemptCount.eq(mail.attempt))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Notes that nothing more is done about a letter. What it was about goes.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn finish_mail(
        &mut self,
        id: MailId,
        outcome: &str,
        error: Option<&str>,
    ) -> Result<(), StoreError> {
        entity::Entity::update_many()
            .col_expr(entity::Column::FinishedAt, Expr::value(self.now()))
            .col_expr(entity::Column::Outcome, Expr::value(outcome))
            .col_expr(entity::Column::LastError, Expr::value(error))
            .col_expr(entity::Column::PendingKey, Expr::value(None::<String>))
            .col_expr(
                entity::Column::Parameters,
                Expr::value(Value::Object(serde_json::Map::new())),
            )
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Forgets letters that were finished before `then`.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_finished_mails(&mut self, then: DateTime<Utc>) -> Result<u64, StoreError> {
        let done = entity::Entity::delete_many()
            .filter(entity::Column::FinishedAt.lt(then))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected)
    }
}
