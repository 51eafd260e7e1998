//! Reviews of access: a person gives a word for everybody and everything that may get in, and what is to
//! go goes at once, by the same ways as without a review.
//!
//! A word is written before it is carried out, so that of two people who say different things at one
//! time one is refused before anything happened. Whoever dies in between leaves a word that is not
//! carried out: that is to be seen, the same word again carries it out, and until then the review does
//! not close. What the rules refuse (the last owner, somebody above) takes its word back.

use aim_domain::access_review::{
    ACCESS_REVIEW_DUE_MAX, ACCESS_REVIEW_ITEMS_MAX, ACCESS_REVIEWS_OPEN_MAX, AccessReviewChanged,
    AccessReviewStatus, AccessSubject, AccessWord, check_access_word,
};
use aim_domain::id::{AccessReviewId, AccessReviewItemId, AgentId};
use aim_domain::scope::Scope;
use aim_store::access_review_items::{AccessAnswer, AccessReviewItem, AccessReviewItemFilter};
use aim_store::access_reviews::AccessReview;
use aim_store::{Page, PageRequest, Tx};
use chrono::{DateTime, Utc};
use serde_json::json;

use crate::error::FieldErrors;
use crate::{App, AppError, ErrorCode, Permit, UserActor};

/// Longest name, in bytes.
const NAME_MAX: usize = 200;

/// A review to begin.
#[derive(Debug, Clone)]
pub struct OpenAccessReview {
    /// What it is called.
    pub name: String,
    /// Until when it is to be done.
    pub due_at: DateTime<Utc>,
    /// Of which kinds; all where it is empty.
    pub subjects: Vec<AccessSubject>,
}

/// A word on one thing of a review.
#[derive(Debug, Clone)]
pub struct AnswerAccessReviewItem {
    /// On which.
    pub id: AccessReviewItemId,
    /// What a person says of it.
    pub word: AccessWord,
    /// Why.
    pub reason: Option<String>,
}

impl App {
    /// Begins a review of all that may get in now.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field, `Conflict` when too many are open, when there is nothing
    /// to review or too much for one review.
    pub async fn open_access_review(
        &self,
        permit: &Permit,
        input: OpenAccessReview,
    ) -> Result<AccessReview, AppError> {
        self.check_opening(&input)?;
        let scope = permit.scope();
        let mut tx = self.store.begin().await?;
        // One after the other, so that the limit holds.
        tx.lock_limits(scope.organization).await?;
        let open = tx.count_open_access_reviews(scope.organization).await?;
        if open >= ACCESS_REVIEWS_OPEN_MAX {
            let message = format!("{open} reviews are open; close some first");
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let id = AccessReviewId::from_uuid(self.ids.next());
        let items = self.items_of(&tx, scope, id, &input.subjects).await?;
        let review = AccessReview {
            id,
            organization: scope.organization,
            name: input.name.trim().to_owned(),
            status: AccessReviewStatus::Open,
            due_at: input.due_at,
            items: items.len() as u64,
            kept: 0,
            revoked: 0,
            created_by: permit.actor(),
            created_at: tx.now(),
            closed_by: None,
            closed_at: None,
            closing_reason: None,
        };
        tx.insert_access_review(&review).await?;
        tx.insert_access_review_items(&items).await?;
        self.tell_of_review(&mut tx, permit, &review);
        tx.audit(permit.audit(
            &self.ids,
            "access-review.open",
            ("access-review", id.to_string()),
            None,
            (
                None,
                Some(json!({ "name": review.name, "dueAt": review.due_at, "items": review.items })),
            ),
        ));
        tx.commit().await?;
        Ok(review)
    }

    fn check_opening(&self, input: &OpenAccessReview) -> Result<(), AppError> {
        let mut errors = FieldErrors::default();
        errors.text("name", &input.name, NAME_MAX);
        if input.name.trim().is_empty() {
            errors.add("name", "is empty; say what the review is called");
        }
        let now = self.clock.now();
        if input.due_at <= now || input.due_at > now + ACCESS_REVIEW_DUE_MAX {
            let days = ACCESS_REVIEW_DUE_MAX.num_days();
            let message = format!(
                "is {}; choose a time within {days} days from now",
                input.due_at
            );
            errors.add("dueAt", message);
        }
        errors.finish()
    }

    /// What a new review is about.
    async fn items_of(
        &self,
        tx: &Tx,
        scope: Scope,
        review: AccessReviewId,
        subjects: &[AccessSubject],
    ) -> Result<Vec<AccessReviewItem>, AppError> {
        let mut items = Vec::new();
        for subject in AccessSubject::ALL {
            if !subjects.is_empty() && !subjects.contains(&subject) {
                continue;
            }
            let room = ACCESS_REVIEW_ITEMS_MAX.saturating_sub(items.len()) + 1;
            let found = tx.load_access_holders(scope, subject, room as u64).await?;
            items.extend(found.into_iter().map(|it| AccessReviewItem {
                id: AccessReviewItemId::from_uuid(self.ids.next()),
                organization: scope.organization,
                review,
                subject: it.subject,
                subject_id: it.id,
                owner: it.owner,
                name: it.name,
                access: it.access,
                word: None,
                reason: None,
                answered_by: None,
                answered_at: None,
                done_at: None,
            }));
        }
        let conflict = |message: String| AppError::new(ErrorCode::Conflict, message);
        if items.is_empty() {
            return Err(conflict("there is nothing of these kinds".to_owned()));
        }
        if items.len() > ACCESS_REVIEW_ITEMS_MAX {
            let message = format!(
                "there are more than {ACCESS_REVIEW_ITEMS_MAX}; review one kind at a time, by \
                 `subjects`"
            );
            return Err(conflict(message));
        }
        Ok(items)
    }

    /// Gives a word on one thing of an open review, and carries it out. What was said before can become
    /// a revocation, and not the other way round.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, `NotFound`, `Conflict` for one's own access, a closed review, what
    /// somebody else said meanwhile, or what the rules of the thing itself refuse.
    pub async fn answer_access_review_item(
        &self,
        permit: &Permit,
        actor: &UserActor,
        input: AnswerAccessReviewItem,
    ) -> Result<AccessReviewItem, AppError> {
        check_reason(&input)?;
        let scope = permit.scope();
        let item = self.get_access_review_item(scope, input.id).await?;
        check_access_word(actor.id, item.owner, item.word, input.word)
            .map_err(|error| AppError::new(ErrorCode::Conflict, format!("it {error}")))?;
        let is_said = item.word == Some(input.word);
        if is_said && item.done_at.is_some() {
            return Ok(item);
        }
        if !is_said {
            self.write_word(permit, &item, &input).await?;
        }
        if input.word == AccessWord::Revoke {
            self.carry_out(permit, actor, &item, &input).await?;
        }
        self.get_access_review_item(scope, input.id).await
    }

    async fn write_word(
        &self,
        permit: &Permit,
        item: &AccessReviewItem,
        input: &AnswerAccessReviewItem,
    ) -> Result<(), AppError> {
        let scope = permit.scope();
        let (mut tx, by) = (self.store.begin().await?, permit.actor());
        let change = (item.word, Some(input.word));
        if !tx.count_access_word(scope, item.review, change).await? {
            return Err(closed());
        }
        let answer = AccessAnswer {
            from: item.word,
            word: input.word,
            reason: input.reason.as_deref(),
            by: &by,
        };
        let is_written = tx.answer_access_review_item(scope, item.id, &answer);
        if !is_written.await? {
            let message = "somebody else gave a word meanwhile; read it again";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let review = tx.find_access_review(scope, item.review).await?;
        if let Some(review) = review.filter(|it| it.unanswered() == 0) {
            self.tell_of_review(&mut tx, permit, &review);
        }
        tx.audit(permit.audit(
            &self.ids,
            "access-review.answer",
            ("access-review-item", item.id.to_string()),
            input.reason.clone(),
            (
                item.word.map(|it| json!({ "word": it })),
                Some(
                    json!({ "word": input.word, "review": item.review, "subject": item.subject,
                    "subjectId": item.subject_id, "name": item.name }),
                ),
            ),
        ));
        Ok(tx.commit().await?)
    }

    /// Takes away what is to go, by the use case that does so without a review, and says that it is done.
    async fn carry_out(
        &self,
        permit: &Permit,
        actor: &UserActor,
        item: &AccessReviewItem,
        input: &AnswerAccessReviewItem,
    ) -> Result<(), AppError> {
        let reason = format!("access review: {}", input.reason.as_deref().unwrap_or(""));
        let outcome = self.revoke_access(permit, actor, item, reason).await;
        let scope = permit.scope();
        let mut tx = self.store.begin().await?;
        let object = ("access-review-item", item.id.to_string());
        let refusal = match outcome {
            Ok(()) => None,
            // Nobody knows what came of it: the word stays, and can be said again.
            Err(error) if !is_refusal(&error) => return Err(error),
            Err(error) => Some(error),
        };
        let Some(refusal) = refusal else {
            if tx.finish_access_review_item(scope, item.id).await? {
                let after = Some(json!({ "isCarriedOut": true }));
                let action = "access-review.carry-out";
                tx.audit(permit.audit(&self.ids, action, object, None, (None, after)));
                tx.commit().await?;
            }
            return Ok(());
        };
        let back = (Some(AccessWord::Revoke), None);
        if tx.count_access_word(scope, item.review, back).await?
            && tx.release_access_review_item(scope, item.id).await?
        {
            let after = Some(json!({ "word": null, "refusal": refusal.message }));
            let action = "access-review.take-back";
            tx.audit(permit.audit(&self.ids, action, object, None, (None, after)));
            tx.commit().await?;
        }
        Err(refusal)
    }

    /// Ends a review: what nobody answered stays on record as that.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, `NotFound`, `Conflict` when it is closed or a revocation is not
    /// carried out.
    pub async fn close_access_review(
        &self,
        permit: &Permit,
        id: AccessReviewId,
        reason: String,
    ) -> Result<AccessReview, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&reason);
        errors.finish()?;
        let scope = permit.scope();
        let before = self.get_access_review(permit, id).await?;
        let mut tx = self.store.begin().await?;
        let by = permit.actor();
        if !tx.close_access_review(scope, id, (&by, &reason)).await? {
            return Err(closed());
        }
        let unfinished = tx.count_unfinished_revocations(scope, id).await?;
        if unfinished > 0 {
            let message =
                format!("{unfinished} revocations are not carried out; revoke them again");
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let review = tx.find_access_review(scope, id).await?;
        let review = review.ok_or_else(|| AppError::not_found("access review"))?;
        self.tell_of_review(&mut tx, permit, &review);
        tx.audit(permit.audit(
            &self.ids,
            "access-review.close",
            ("access-review", id.to_string()),
            Some(reason),
            (
                Some(json!({ "status": before.status })),
                Some(json!({ "status": review.status, "kept": review.kept,
                    "revoked": review.revoked, "unanswered": review.unanswered() })),
            ),
        ));
        tx.commit().await?;
        Ok(review)
    }

    /// A review.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get_access_review(
        &self,
        permit: &Permit,
        id: AccessReviewId,
    ) -> Result<AccessReview, AppError> {
        let found = self.store.find_access_review(permit.scope(), id).await?;
        found.ok_or_else(|| AppError::not_found("access review"))
    }

    /// A review, if there is one.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn find_access_review(
        &self,
        permit: &Permit,
        id: AccessReviewId,
    ) -> Result<Option<AccessReview>, AppError> {
        Ok(self.store.find_access_review(permit.scope(), id).await?)
    }

    /// A page of reviews.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_access_reviews(
        &self,
        permit: &Permit,
        status: Option<AccessReviewStatus>,
        page: PageRequest,
    ) -> Result<Page<AccessReview>, AppError> {
        let found = self.store.list_access_reviews(permit.scope(), status, page);
        Ok(found.await?)
    }

    /// A page of what reviews are about.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_access_review_items(
        &self,
        permit: &Permit,
        filter: &AccessReviewItemFilter,
        page: PageRequest,
    ) -> Result<Page<AccessReviewItem>, AppError> {
        let found = self
            .store
            .list_access_review_items(permit.scope(), filter, page);
        Ok(found.await?)
    }

    async fn get_access_review_item(
        &self,
        scope: Scope,
        id: AccessReviewItemId,
    ) -> Result<AccessReviewItem, AppError> {
        let found = self.store.find_access_review_item(scope, id).await?;
        found.ok_or_else(|| AppError::not_found("access review item"))
    }

    fn tell_of_review(&self, tx: &mut Tx, permit: &Permit, review: &AccessReview) {
        let fact = AccessReviewChanged {
            review: review.id,
            name: review.name.clone(),
            status: review.status,
            due_at: review.due_at,
            items: review.items,
            unanswered: review.unanswered(),
            by: permit.actor(),
        };
        let order = AgentId::from_uuid(review.organization.as_uuid());
        tx.emit(&self.event(review.organization, order, fact));
    }
}

fn check_reason(input: &AnswerAccessReviewItem) -> Result<(), AppError> {
    let mut errors = FieldErrors::default();
    match &input.reason {
        Some(reason) => errors.reason(reason),
        None if input.word == AccessWord::Revoke => errors.add("reason", "is missing; say why"),
        None => {}
    }
    errors.finish()
}

fn closed() -> AppError {
    AppError::new(ErrorCode::Conflict, "the review is closed")
}

/// Whether a rule said no, so that nothing was done.
const fn is_refusal(error: &AppError) -> bool {
    matches!(
        error.code,
        ErrorCode::Conflict | ErrorCode::Forbidden | ErrorCode::InvalidInput | ErrorCode::NotFound
    )
}
