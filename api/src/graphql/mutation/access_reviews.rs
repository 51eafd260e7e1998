//! Reviewing who and what may get in.

use aim_app::{AnswerAccessReviewItem, OpenAccessReview};
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};

use super::super::context::RequestContext;
use super::super::id::parse_id;
use super::super::types::{AccessReview, AccessReviewItem, AccessSubject, AccessWord};
use super::super::user_error::payload;

/// A review to begin.
#[derive(Debug, InputObject)]
struct OpenAccessReviewInput {
    /// What it is called, at most 200 bytes.
    name: String,
    /// Until when it is to be done, within 366 days.
    due_at: DateTime<Utc>,
    /// Of which kinds; all when left out.
    subjects: Option<Vec<AccessSubject>>,
}

/// A word on one thing of a review.
#[derive(Debug, InputObject)]
struct AnswerAccessReviewItemInput {
    /// Global id of the thing.
    access_review_item_id: ID,
    /// Whether it stays.
    word: AccessWord,
    /// Why; `REVOKE` needs one.
    reason: Option<String>,
}

/// A review to close.
#[derive(Debug, InputObject)]
struct CloseAccessReviewInput {
    /// Global id of the review.
    access_review_id: ID,
    /// What is to be said of it; kept with it and in the audit trail.
    reason: String,
}

payload!(OpenAccessReviewPayload, OpenAccessReviewError, /// The review.
    access_review: AccessReview);
payload!(AnswerAccessReviewItemPayload, AnswerAccessReviewItemError, /// The thing, with the word on it.
    access_review_item: AccessReviewItem);
payload!(CloseAccessReviewPayload, CloseAccessReviewError, /// The review as it stays.
    access_review: AccessReview);

/// Mutations of reviews of access.
#[derive(Debug, Default)]
pub(crate) struct AccessReviewMutations;

#[Object]
impl AccessReviewMutations {
    /// Begins a review of everybody and everything that may get in now. Needs `ADMIN`.
    async fn open_access_review(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What is to be reviewed, and until when.")] input: OpenAccessReviewInput,
    ) -> Result<OpenAccessReviewPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ReviewAccess)?;
        let subjects = input.subjects.unwrap_or_default().into_iter();
        let input = OpenAccessReview {
            name: input.name,
            due_at: input.due_at,
            subjects: subjects.map(Into::into).collect(),
        };
        let outcome = request.app.open_access_review(&permit, input);
        OpenAccessReviewPayload::of(outcome.await)
    }

    /// Gives a word on one thing of an open review; nobody does on their own access. `REVOKE` is carried out
    /// at once: a person is deactivated, an agent revoked, an API key disabled, an SDK token ended. Needs
    /// `ADMIN`.
    async fn answer_access_review_item(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "On what, which word, and why.")] input: AnswerAccessReviewItemInput,
    ) -> Result<AnswerAccessReviewItemPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ReviewAccess)?;
        let id = &input.access_review_item_id;
        let input = AnswerAccessReviewItem {
            id: parse_id("AccessReviewItem", "accessReviewItemId", id)?,
            word: input.word.into(),
            reason: input.reason,
        };
        let (app, actor) = (&request.app, request.person()?);
        let outcome = app.answer_access_review_item(&permit, actor, input);
        AnswerAccessReviewItemPayload::of(outcome.await)
    }

    /// Closes a review. What nobody gave a word for stays on record as that. Needs `ADMIN`.
    async fn close_access_review(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which, and what is to be said of it.")] input: CloseAccessReviewInput,
    ) -> Result<CloseAccessReviewPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ReviewAccess)?;
        let id = parse_id("AccessReview", "accessReviewId", &input.access_review_id)?;
        let outcome = request.app.close_access_review(&permit, id, input.reason);
        CloseAccessReviewPayload::of(outcome.await)
    }
}
