//! Reviews of who and what may get in.

use aim_domain::access_review::{AccessReviewStatus, AccessWord};
use aim_domain::id::{AccessReviewId, OrganizationId};
use aim_domain::scope::Scope;
use aim_entities::access_review as entity;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, Select};

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// A review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessReview {
    /// Its identity.
    pub id: AccessReviewId,
    /// Whose.
    pub organization: OrganizationId,
    /// What it is called.
    pub name: String,
    /// How far it is.
    pub status: AccessReviewStatus,
    /// Until when it is to be done.
    pub due_at: DateTime<Utc>,
    /// How many things it is about.
    pub items: u64,
    /// How many of them stay.
    pub kept: u64,
    /// How many of them go.
    pub revoked: u64,
    /// Who began it, as `user:<id>`.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Who ended it.
    pub closed_by: Option<String>,
    /// When.
    pub closed_at: Option<DateTime<Utc>>,
    /// What they said of it.
    pub closing_reason: Option<String>,
}

impl AccessReview {
    /// How many things nobody gave a word for.
    #[must_use]
    pub const fn unanswered(&self) -> u64 {
        self.items.saturating_sub(self.kept + self.revoked)
    }
}

fn convert(row: entity::Model) -> Result<AccessReview, StoreError> {
    let count = |it: i64| u64::try_from(it).unwrap_or(0);
    Ok(AccessReview {
        id: AccessReviewId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        status: code::parse("access_reviews.status", &row.status)?,
        items: count(row.item_count),
        kept: count(row.kept_count),
        revoked: count(row.revoked_count),
        name: row.name,
        due_at: row.due_at,
        created_by: row.created_by,
        created_at: row.created_at,
        closed_by: row.closed_by,
        closed_at: row.closed_at,
        closing_reason: row.closing_reason,
    })
}

fn of(organization: OrganizationId) -> Select<entity::Entity> {
    entity::Entity::find().filter(entity::Column::OrganizationId.eq(organization.as_uuid()))
}

/// The column that counts a word.
const fn counter(word: AccessWord) -> entity::Column {
    match word {
        AccessWord::Keep => entity::Column::KeptCount,
        AccessWord::Revoke => entity::Column::RevokedCount,
    }
}

impl Store {
    /// A review of the scope's organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_access_review(
        &self,
        scope: Scope,
        id: AccessReviewId,
    ) -> Result<Option<AccessReview>, StoreError> {
        let query = of(scope.organization).filter(entity::Column::Id.eq(id.as_uuid()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// A page of reviews, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_access_reviews(
        &self,
        scope: Scope,
        status: Option<AccessReviewStatus>,
        page: PageRequest,
    ) -> Result<Page<AccessReview>, StoreError> {
        let mut query = of(scope.organization);
        if let Some(status) = status {
            query = query.filter(entity::Column::Status.eq(code::text(&status)));
        }
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }
}

impl Tx {
    /// How many reviews of an organization are open.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_open_access_reviews(
        &self,
        organization: OrganizationId,
    ) -> Result<u64, StoreError> {
        let open = code::text(&AccessReviewStatus::Open);
        let query = of(organization).filter(entity::Column::Status.eq(open));
        Ok(query.count(self.on()).await?)
    }

    /// Writes a new review.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_access_review(&mut self, new: &AccessReview) -> Result<(), StoreError> {
        let count = |it: u64| Set(i64::try_from(it).unwrap_or(i64::MAX));
        let row = entity::ActiveModel {
            id: Set(new.id.as_uuid()),
            organization_id: Set(new.organization.as_uuid()),
            name: Set(new.name.clone()),
            status: Set(code::text(&new.status)),
            due_at: Set(new.due_at),
            item_count: count(new.items),
            kept_count: count(new.kept),
            revoked_count: count(new.revoked),
            created_by: Set(new.created_by.clone()),
            created_at: Set(new.created_at),
            closed_by: Set(None),
            closed_at: Set(None),
            closing_reason: Set(None),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Counts a word in the place of another; false when the review is closed, or another's. Whatever
    /// else changes this review waits until this transaction ends.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_access_word(
        &mut self,
        scope: Scope,
        id: AccessReviewId,
        (from, to): (Option<AccessWord>, Option<AccessWord>),
    ) -> Result<bool, StoreError> {
        use entity::Column as C;
        let mut counted = entity::Entity::update_many();
        for word in [AccessWord::Keep, AccessWord::Revoke] {
            let change = i64::from(to == Some(word)) - i64::from(from == Some(word));
            let column = counter(word);
            counted = counted.col_expr(column, Expr::col(column).add(change));
        }
        let done = counted
            .filter(C::Id.eq(id.as_uuid()))
            .filter(C::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(C::Status.eq(code::text(&AccessReviewStatus::Open)))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Ends a review; false when it was before, or is another's.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn close_access_review(
        &mut self,
        scope: Scope,
        id: AccessReviewId,
        (by, reason): (&str, &str),
    ) -> Result<bool, StoreError> {
        use entity::Column as C;
        let closed = code::text(&AccessReviewStatus::Closed);
        let done = entity::Entity::update_many()
            .col_expr(C::Status, Expr::value(closed))
            .col_expr(C::ClosedBy, Expr::value(by))
            .col_expr(C::ClosedAt, Expr::value(self.now()))
            .col_expr(C::ClosingReason, Expr::value(reason))
            .filter(C::Id.eq(id.as_uuid()))
            .filter(C::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(C::Status.eq(code::text(&AccessReviewStatus::Open)))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// The review as this transaction sees it.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_access_review(
        &self,
        scope: Scope,
        id: AccessReviewId,
    ) -> Result<Option<AccessReview>, StoreError> {
        let query = of(scope.organization).filter(entity::Column::Id.eq(id.as_uuid()));
        query.one(self.on()).await?.map(convert).transpose()
    }
}
