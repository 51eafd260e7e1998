//! What reviews of access are about, with the word on each.

use aim_domain::access_review::{AccessSubject, AccessWord};
use aim_domain::id::{AccessReviewId, AccessReviewItemId, OrganizationId, UserId};
use aim_domain::scope::Scope;
use aim_entities::access_review_item as entity;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, Select};
use uuid::Uuid;

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// Rows of one statement: both databases bound how many values it has.
const CHUNK: usize = 500;

/// One thing of a review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessReviewItem {
    /// Its identity.
    pub id: AccessReviewItemId,
    /// Whose.
    pub organization: OrganizationId,
    /// Of which review.
    pub review: AccessReviewId,
    /// What may get in.
    pub subject: AccessSubject,
    /// Which.
    pub subject_id: Uuid,
    /// The person whose access it is; agents are nobody's own.
    pub owner: Option<UserId>,
    /// What it was called when the review began.
    pub name: String,
    /// What it might do then.
    pub access: String,
    /// What a person said of it.
    pub word: Option<AccessWord>,
    /// Why.
    pub reason: Option<String>,
    /// Who, as `user:<id>`.
    pub answered_by: Option<String>,
    /// When.
    pub answered_at: Option<DateTime<Utc>>,
    /// Since when it is as was said.
    pub done_at: Option<DateTime<Utc>>,
}

/// Which of them.
#[derive(Debug, Clone, Default)]
pub struct AccessReviewItemFilter {
    /// Of this review.
    pub review: Option<AccessReviewId>,
    /// Of this kind.
    pub subject: Option<AccessSubject>,
    /// On which this was said.
    pub word: Option<AccessWord>,
    /// That have a word, or have none.
    pub is_answered: Option<bool>,
}

/// A word to write.
#[derive(Debug, Clone)]
pub struct AccessAnswer<'a> {
    /// What was said before.
    pub from: Option<AccessWord>,
    /// What is said now.
    pub word: AccessWord,
    /// Why.
    pub reason: Option<&'a str>,
    /// Who says so.
    pub by: &'a str,
}

fn convert(row: entity::Model) -> Result<AccessReviewItem, StoreError> {
    let word = row.word.as_deref();
    Ok(AccessReviewItem {
        id: AccessReviewItemId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        review: AccessReviewId::from_uuid(row.review_id),
        subject: code::parse("access_review_items.subject", &row.subject)?,
        subject_id: row.subject_id,
        owner: row.owner_id.map(UserId::from_uuid),
        name: row.name,
        access: row.access,
        word: word
            .map(|text| code::parse("access_review_items.word", text))
            .transpose()?,
        reason: row.reason,
        answered_by: row.answered_by,
        answered_at: row.answered_at,
        done_at: row.done_at,
    })
}

fn of(organization: OrganizationId) -> Select<entity::Entity> {
    entity::Entity::find().filter(entity::Column::OrganizationId.eq(organization.as_uuid()))
}

impl Store {
    /// One thing of a review of the scope's organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_access_review_item(
        &self,
        scope: Scope,
        id: AccessReviewItemId,
    ) -> Result<Option<AccessReviewItem>, StoreError> {
        let query = of(scope.organization).filter(entity::Column::Id.eq(id.as_uuid()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// A page of them.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_access_review_items(
        &self,
        scope: Scope,
        filter: &AccessReviewItemFilter,
        page: PageRequest,
    ) -> Result<Page<AccessReviewItem>, StoreError> {
        use entity::Column as C;
        let mut query = of(scope.organization);
        if let Some(review) = filter.review {
            query = query.filter(C::ReviewId.eq(review.as_uuid()));
        }
        if let Some(subject) = &filter.subject {
            query = query.filter(C::Subject.eq(code::text(subject)));
        }
        if let Some(word) = &filter.word {
            query = query.filter(C::Word.eq(code::text(word)));
        }
        query = match filter.is_answered {
            Some(true) => query.filter(C::Word.is_not_null()),
            Some(false) => query.filter(C::Word.is_null()),
            None => query,
        };
        page::fetch(self.reader(), query, C::Id, page, convert).await
    }
}

impl Tx {
    /// Writes what a new review is about.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_access_review_items(
        &mut self,
        new: &[AccessReviewItem],
    ) -> Result<(), StoreError> {
        for chunk in new.chunks(CHUNK) {
            let rows = chunk.iter().map(|it| entity::ActiveModel {
                id: Set(it.id.as_uuid()),
                organization_id: Set(it.organization.as_uuid()),
                review_id: Set(it.review.as_uuid()),
                subject: Set(code::text(&it.subject)),
                subject_id: Set(it.subject_id),
                owner_id: Set(it.owner.map(|it| it.as_uuid())),
                name: Set(it.name.clone()),
                access: Set(it.access.clone()),
                word: Set(None),
                reason: Set(None),
                answered_by: Set(None),
                answered_at: Set(None),
                done_at: Set(None),
            });
            entity::Entity::insert_many(rows)
                .exec_without_returning(self.on())
                .await?;
        }
        Ok(())
    }

    /// Writes a word; false when somebody else said something since `from`. To keep is done at once; to
    /// revoke is done when [`Tx::finish_access_review_item`] says so.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn answer_access_review_item(
        &mut self,
        scope: Scope,
        id: AccessReviewItemId,
        answer: &AccessAnswer<'_>,
    ) -> Result<bool, StoreError> {
        use entity::Column as C;
        let done_at = (answer.word == AccessWord::Keep).then(|| self.now());
        let query = entity::Entity::update_many()
            .col_expr(C::Word, Expr::value(code::text(&answer.word)))
            .col_expr(C::Reason, Expr::value(answer.reason))
            .col_expr(C::AnsweredBy, Expr::value(answer.by))
            .col_expr(C::AnsweredAt, Expr::value(self.now()))
            .col_expr(C::DoneAt, Expr::value(done_at))
            .filter(C::Id.eq(id.as_uuid()))
            .filter(C::OrganizationId.eq(scope.organization.as_uuid()));
        let query = match &answer.from {
            Some(from) => query.filter(C::Word.eq(code::text(from))),
            None => query.filter(C::Word.is_null()),
        };
        Ok(query.exec(self.on()).await?.rows_affected == 1)
    }

    /// A revocation was carried out; false when that is known.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn finish_access_review_item(
        &mut self,
        scope: Scope,
        id: AccessReviewItemId,
    ) -> Result<bool, StoreError> {
        use entity::Column as C;
        let done = entity::Entity::update_many()
            .col_expr(C::DoneAt, Expr::value(self.now()))
            .filter(C::Id.eq(id.as_uuid()))
            .filter(C::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(C::Word.eq(code::text(&AccessWord::Revoke)))
            .filter(C::DoneAt.is_null())
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Takes back the word of a revocation that cannot be carried out; false when it was.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn release_access_review_item(
        &mut self,
        scope: Scope,
        id: AccessReviewItemId,
    ) -> Result<bool, StoreError> {
        use entity::Column as C;
        let nobody: Option<String> = None;
        let never: Option<DateTime<Utc>> = None;
        let done = entity::Entity::update_many()
            .col_expr(C::Word, Expr::value(nobody.clone()))
            .col_expr(C::Reason, Expr::value(nobody.clone()))
            .col_expr(C::AnsweredBy, Expr::value(nobody))
            .col_expr(C::AnsweredAt, Expr::value(never))
            .filter(C::Id.eq(id.as_uuid()))
            .filter(C::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(C::Word.eq(code::text(&AccessWord::Revoke)))
            .filter(C::DoneAt.is_null())
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// How many revocations of a review are said and not carried out.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_unfinished_revocations(
        &self,
        scope: Scope,
        review: AccessReviewId,
    ) -> Result<u64, StoreError> {
        use entity::Column as C;
        let query = of(scope.organization)
            .filter(C::ReviewId.eq(review.as_uuid()))
            .filter(C::Word.eq(code::text(&AccessWord::Revoke)))
            .filter(C::DoneAt.is_null());
        Ok(query.count(self.on()).await?)
    }
}
