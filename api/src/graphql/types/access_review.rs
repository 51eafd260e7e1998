//! Reviews of who and what may get in.

use aim_domain::access_review::AccessReviewStatus as Status;
use aim_store::access_review_items::AccessReviewItem as ItemRow;
use aim_store::access_reviews::AccessReview as Row;
use async_graphql::{ComplexObject, Context, Enum, ID, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::connection::connection;
use super::super::context::RequestContext;
use super::super::id::global_id;

/// What may get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::access_review::AccessSubject")]
pub(crate) enum AccessSubject {
    /// A person who may sign in.
    User,
    /// An agent that was not revoked.
    Agent,
    /// An API key that is good.
    ApiKey,
    /// An SDK token that is good.
    SdkToken,
}

/// What a person says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::access_review::AccessWord")]
pub(crate) enum AccessWord {
    /// It stays.
    Keep,
    /// It goes.
    Revoke,
}

/// How far an access review is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::access_review::AccessReviewStatus")]
pub(crate) enum AccessReviewStatus {
    /// Words are taken.
    Open,
    /// It is a record, and stays as it is.
    Closed,
}

/// A review: a person gives a word for everybody and everything that may get in.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub(crate) struct AccessReview {
    /// Global id.
    id: ID,
    /// What it is called.
    name: String,
    /// How far it is.
    status: AccessReviewStatus,
    /// Until when it is to be done.
    due_at: DateTime<Utc>,
    /// How many things it is about: all that might get in when it began.
    item_count: u64,
    /// How many of them stay.
    kept_count: u64,
    /// How many of them go.
    revoked_count: u64,
    /// How many of them nobody has given a word for.
    unanswered_count: u64,
    /// Who began it, as `user:<id>`.
    created_by: String,
    /// When.
    created_at: DateTime<Utc>,
    /// Who closed it, as `user:<id>`.
    closed_by: Option<String>,
    /// When.
    closed_at: Option<DateTime<Utc>>,
    /// What they said of it.
    closing_reason: Option<String>,
    #[graphql(skip)]
    is_open: bool,
}

#[ComplexObject]
impl AccessReview {
    /// Whether it is open past its time.
    async fn is_overdue(&self, context: &Context<'_>) -> Result<bool> {
        let now = RequestContext::of(context)?.app.clock().now();
        Ok(self.is_open && self.due_at < now)
    }
}

impl From<Row> for AccessReview {
    fn from(row: Row) -> Self {
        Self {
            id: global_id("AccessReview", row.id),
            unanswered_count: row.unanswered(),
            is_open: row.status == Status::Open,
            name: row.name,
            status: row.status.into(),
            due_at: row.due_at,
            item_count: row.items,
            kept_count: row.kept,
            revoked_count: row.revoked,
            created_by: row.created_by,
            created_at: row.created_at,
            closed_by: row.closed_by,
            closed_at: row.closed_at,
            closing_reason: row.closing_reason,
        }
    }
}

connection!(
    AccessReviewConnection,
    AccessReviewEdge,
    AccessReview,
    Row,
    "AccessReview"
);

/// One thing of an access review, with the word on it.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct AccessReviewItem {
    /// Global id.
    id: ID,
    /// Global id of its review.
    access_review_id: ID,
    /// What may get in.
    subject: AccessSubject,
    /// Global id of the person, agent, API key or SDK token.
    subject_id: ID,
    /// The person whose access it is, by global id; null for agents.
    owner_id: Option<ID>,
    /// What it was called when the review began; a person's e-mail address.
    name: String,
    /// What it might do then: a person's role, an agent's status, a credential's permissions.
    access: String,
    /// What a person said of it; null while nobody has.
    word: Option<AccessWord>,
    /// Why.
    reason: Option<String>,
    /// Who, as `user:<id>`.
    answered_by: Option<String>,
    /// When.
    answered_at: Option<DateTime<Utc>>,
    /// Since when it is as was said. Null beside `REVOKE`: it was not carried out, because something failed;
    /// the same word again does that.
    carried_out_at: Option<DateTime<Utc>>,
}

impl From<ItemRow> for AccessReviewItem {
    fn from(row: ItemRow) -> Self {
        let kind = match row.subject {
            aim_domain::access_review::AccessSubject::User => "User",
            aim_domain::access_review::AccessSubject::Agent => "Agent",
            aim_domain::access_review::AccessSubject::ApiKey => "ApiKey",
            aim_domain::access_review::AccessSubject::SdkToken => "SdkToken",
        };
        Self {
            id: global_id("AccessReviewItem", row.id),
            access_review_id: global_id("AccessReview", row.review),
            subject: row.subject.into(),
            subject_id: global_id(kind, row.subject_id),
            owner_id: row.owner.map(|it| global_id("User", it)),
            name: row.name,
            access: row.access,
            word: row.word.map(Into::into),
            reason: row.reason,
            answered_by: row.answered_by,
            answered_at: row.answered_at,
            carried_out_at: row.done_at,
        }
    }
}

connection!(
    AccessReviewItemConnection,
    AccessReviewItemEdge,
    AccessReviewItem,
    ItemRow,
    "AccessReviewItem"
);
