//! Reviews of who and what may get in.

use aim_domain::role::Permission;
use aim_store::access_review_items::AccessReviewItemFilter as Items;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::connection::page;
use super::super::context::{RequestContext, fault};
use super::super::id::parse_id;
use super::super::types::{
    AccessReview, AccessReviewConnection, AccessReviewItemConnection, AccessReviewStatus,
    AccessSubject, AccessWord,
};

/// Which access reviews; all that is given has to hold.
#[derive(Debug, Default, InputObject)]
struct AccessReviewFilter {
    /// That are so far.
    status: Option<AccessReviewStatus>,
}

/// Which things of access reviews; all that is given has to hold.
#[derive(Debug, Default, InputObject)]
struct AccessReviewItemFilter {
    /// Of this review, by global id.
    access_review_id: Option<ID>,
    /// Of this kind.
    subject: Option<AccessSubject>,
    /// On which this was said.
    word: Option<AccessWord>,
    /// That have a word, or have none.
    is_answered: Option<bool>,
}

/// Queries about reviews of access.
#[derive(Debug, Default)]
pub(crate) struct AccessReviewQueries;

#[Object]
impl AccessReviewQueries {
    /// A review of access. Needs `ADMIN`.
    async fn access_review(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Global id of the review.")] id: ID,
    ) -> Result<Option<AccessReview>> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ReviewAccess)?;
        let id = parse_id("AccessReview", "id", &id)?;
        let found = request.app.find_access_review(&permit, id);
        Ok(found.await.map_err(fault)?.map(AccessReview::from))
    }

    /// Reviews of access, newest first. Needs `ADMIN`.
    async fn access_reviews(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which reviews; all when left out.")] filter: Option<AccessReviewFilter>,
    ) -> Result<AccessReviewConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ReviewAccess)?;
        let page = page("AccessReview", first, after, last, before)?;
        let status = filter.unwrap_or_default().status.map(Into::into);
        let found = request.app.list_access_reviews(&permit, status, page);
        Ok(found.await.map_err(fault)?.into())
    }

    /// What reviews of access are about, newest first: `isAnswered: false` is what nobody gave a word for.
    /// Needs `ADMIN`.
    async fn access_review_items(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which; all of all reviews when left out.")] filter: Option<
            AccessReviewItemFilter,
        >,
    ) -> Result<AccessReviewItemConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ReviewAccess)?;
        let page = page("AccessReviewItem", first, after, last, before)?;
        let filter = filter.unwrap_or_default();
        let review = filter.access_review_id;
        let review = review.map(|id| parse_id("AccessReview", "filter.accessReviewId", &id));
        let filter = Items {
            review: review.transpose()?,
            subject: filter.subject.map(Into::into),
            word: filter.word.map(Into::into),
            is_answered: filter.is_answered,
        };
        let found = request.app.list_access_review_items(&permit, &filter, page);
        Ok(found.await.map_err(fault)?.into())
    }
}
